import { registry } from "@web/core/registry";

registry.category("web_tour.tours").add("stock_channel_hub_queue", {
    steps: () => [
        {
            content: "The overview shows the channel and what it needs",
            trigger:
                ".o_stock_channel_kanban .o_kanban_record:contains(Tour Shop):contains(1 Open Exception)",
            run: "click",
        },
        {
            content: "The channel is live",
            trigger: ".o_statusbar_status .o_arrow_button_current:contains(Live)",
        },
        {
            content: "Open its numbers",
            trigger: ".o_form_view button.oe_stat_button:contains(Numbers)",
            run: "click",
        },
        {
            content: "The number wanted is on hand minus reserved",
            trigger: ".o_data_row:contains(TOUR-1) td[name=wanted_qty]:contains(7)",
            run: "click",
        },
        {
            content: "Explained: ten lie there",
            trigger: ".o_stock_channel_parts tr:contains(On hand):contains(10)",
        },
        {
            content: "Explained: three are reserved",
            trigger: ".o_stock_channel_parts tr:contains(Reserved):contains(3)",
        },
        {
            content: "Explained: two lie in quality control and are not counted",
            trigger: ".o_stock_channel_parts p:contains(2):contains(unavailable)",
        },
        {
            content: "Explained: seven are published",
            trigger: ".o_stock_channel_parts tr:contains(Published):contains(7)",
        },
        {
            content: "Go to the queue",
            trigger: ".o_menu_sections [data-menu-xmlid='stock_channel_hub.menu_exceptions']",
            run: "click",
        },
        {
            content: "Open the exception; mine and open ones are shown",
            trigger: ".o_data_row:contains(TOUR-UNKNOWN) td[name=title]",
            run: "click",
        },
        {
            content: "It says what to do",
            trigger: ".o_form_view .o_field_widget[name=next_step]:contains(press Map)",
        },
        {
            content: "Choose the product the channel means",
            trigger: ".o_field_widget[name=product_id] input",
            run: "edit Tour Lamp",
        },
        {
            trigger: ".ui-menu-item > a:contains(Tour Lamp)",
            run: "click",
        },
        {
            content: "Map it",
            trigger: ".o_form_view button[name=action_map]",
            run: "click",
        },
        {
            content: "It is on record who mapped what",
            trigger: ".o-mail-Message:contains(TOUR-UNKNOWN mapped to)",
        },
    ],
});
