import { registry } from "@web/core/registry";

registry.category("web_tour.tours").add("stock_channel_hub_heal", {
    steps: () => [
        {
            content: "The costliest comes first, and says what it holds up",
            trigger:
                ".o_list_view .o_data_row:first:contains(TOUR-NEW):contains(500.00)",
        },
        {
            content: "One button says what to do",
            trigger:
                ".o_data_row:first button[name=action_step]:contains(Map This SKU)",
            run: "click",
        },
        {
            content: "It asks which product is meant",
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
            content: "Fifty orders are being healed",
            trigger: ".o_form_view div[name=healing]:contains(50)",
        },
    ],
});

registry.category("web_tour.tours").add("stock_channel_hub_healed", {
    steps: () => [
        {
            content: "All are healed",
            trigger: ".o_form_view div[name=healing]:contains(50):contains(100)",
        },
        {
            content: "It is closed",
            trigger: ".o_statusbar_status .o_arrow_button_current:contains(Resolved)",
        },
        {
            content: "Nothing is left to heal",
            trigger: ".o_form_view button[name=action_open_healing]",
            run: "click",
        },
        {
            trigger: ".o_form_view div[name=progress]:contains(100)",
        },
    ],
});

registry.category("web_tour.tours").add("stock_channel_hub_ignore", {
    steps: () => [
        {
            content: "Everything that is open is selected",
            trigger: ".o_list_view thead .o_list_record_selector input",
            run: "click",
        },
        {
            content: "Ignore it",
            trigger: ".o_control_panel button[name=action_ignore]",
            run: "click",
        },
        {
            content: "A reason is asked for",
            trigger: ".modal .o_field_widget[name=reason] input",
            run: "edit Test orders of the shop",
        },
        {
            trigger: ".modal footer button[name=action_done]",
            run: "click",
        },
        {
            content: "So many take a second person",
            trigger: ".o_notification:contains(A second person decides)",
        },
    ],
});
