import { registry } from "@web/core/registry";

const CARD = ".o_stock_channel_kanban .o_kanban_record:contains(Tour Shop)";

registry.category("web_tour.tours").add("stock_channel_hub_overview", {
    steps: () => [
        {
            content: "The card shows how fresh the numbers were",
            trigger: `${CARD} .o_field_stock_channel_freshness_graph canvas`,
        },
        {
            content: "It says which alarm is open",
            trigger: `${CARD} .o_stock_channel_alarm:contains(ends soon)`,
        },
        {
            content: "One exception waits for a map; open just that",
            trigger: `${CARD} a.badge:contains(Mapping 1)`,
            run: "click",
        },
        {
            content: "Only the open mapping exceptions of this channel are listed",
            trigger: ".o_searchview .o_searchview_facet:contains(Mapping)",
        },
        {
            content: "It is there, the alarm is not",
            trigger: ".o_list_view:not(:contains(ends soon)) .o_data_row:contains(TOUR-UNKNOWN)",
        },
        {
            content: "Back to the overview",
            trigger: ".o_menu_sections [data-menu-xmlid='stock_channel_hub.menu_overview']",
            run: "click",
        },
        {
            content: "The alarm leads to itself",
            trigger: `${CARD} .o_stock_channel_alarm`,
            run: "click",
        },
        {
            content: "Only alarms are listed",
            trigger: ".o_list_view:not(:contains(TOUR-UNKNOWN)) .o_data_row:contains(ends soon)",
        },
        {
            content: "Back to the overview",
            trigger: ".o_menu_sections [data-menu-xmlid='stock_channel_hub.menu_overview']",
            run: "click",
        },
        {
            content: "The number waiting leads to its list",
            trigger: `${CARD} a:contains(Numbers Waiting)`,
            run: "click",
        },
        {
            content: "It is the number of the chair",
            trigger: ".o_list_view .o_data_row:contains(TOUR-1)",
        },
    ],
});
