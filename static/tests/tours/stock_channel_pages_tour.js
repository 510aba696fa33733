import { registry } from "@web/core/registry";

const CHANNELS_TAB = ".o_notebook .nav-link:contains(Channels)";

registry.category("web_tour.tours").add("stock_channel_hub_product_page", {
    steps: () => [
        {
            content: "Open the tab",
            trigger: CHANNELS_TAB,
            run: "click",
        },
        {
            content: "The number and its state are there",
            trigger:
                ".o_field_widget[name=channel_publication_ids] .o_data_row:contains(Tour Warehouse) td[name=wanted_qty]:contains(7)",
        },
        {
            content: "Sell it under another SKU, too",
            trigger: "button[name=action_sell_on_channel]",
            run: "click",
        },
        {
            content: "Choose the channel",
            trigger: ".modal .o_field_widget[name=channel_id] input",
            run: "edit Tour Shop",
        },
        {
            trigger: ".ui-menu-item > a:contains(Tour Shop)",
            run: "click",
        },
        {
            content: "Name the SKU",
            trigger: ".modal .o_field_widget[name=sku] input",
            run: "edit TOUR-SECOND",
        },
        {
            trigger: ".modal button[name=action_done]",
            run: "click",
        },
        {
            content: "It is listed at once",
            trigger:
                "body:not(:has(.modal)) .o_field_widget[name=channel_listing_ids] .o_data_row:contains(TOUR-SECOND)",
        },
        {
            content: "Pause the first one",
            trigger:
                ".o_field_widget[name=channel_listing_ids] .o_data_row:contains(TOUR-1) button[name=action_pause]",
            run: "click",
        },
        {
            trigger: ".modal .o_field_widget[name=reason] input",
            run: "edit Wrong photo",
        },
        {
            trigger: ".modal button[name=action_confirm]",
            run: "click",
        },
        {
            content: "It says whose pause it is and why",
            trigger:
                "body:not(:has(.modal)) .o_field_widget[name=channel_listing_ids] .o_data_row:contains(TOUR-1):contains(Wrong photo)",
        },
        {
            content: "The page says that something needs attention",
            trigger: ".alert:contains(1 listing paused)",
        },
    ],
});

registry.category("web_tour.tours").add("stock_channel_hub_product_page_propose", {
    steps: () => [
        {
            content: "Open the tab",
            trigger: CHANNELS_TAB,
            run: "click",
        },
        {
            content: "Change how it is sold",
            trigger:
                ".o_field_widget[name=channel_listing_ids] .o_data_row:contains(TOUR-1) button[name=action_change_on_page]",
            run: "click",
        },
        {
            trigger: ".modal .o_field_widget[name=sku] input",
            run: "edit TOUR-RENAMED",
        },
        {
            trigger: ".modal-footer button:contains(Save)",
            run: "click",
        },
        {
            content: "A live map is not changed alone, but proposed",
            trigger: ".modal-footer button:contains(Propose the Change)",
            run: "click",
        },
        {
            content: "Old and new stand there",
            trigger:
                ".o_form_view:has(button[name=action_propose]):contains(TOUR-1):contains(TOUR-RENAMED)",
        },
    ],
});

registry.category("web_tour.tours").add("stock_channel_hub_location_page", {
    steps: () => [
        {
            content: "The location says what it feeds",
            trigger:
                ".o_field_widget[name=channel_location_ids] .o_data_row:contains(Tour Shop):contains(Live)",
        },
        {
            content: "Another condition, not saved",
            trigger: ".o_field_widget[name=stock_condition] input",
            run: "click",
        },
        {
            trigger: ".o_select_menu_item:contains(Quarantine)",
            run: "click",
        },
        {
            content: "It is chosen: a menu left earlier would take it back",
            trigger:
                ".o_form_view:has(.o_field_widget[name=effective_stock_condition]:contains(Quarantine)) .o_field_widget[name=stock_condition] input:value(Quarantine)",
        },
        {
            content: "What would it do?",
            trigger: ".o_stock_channel_preview_button",
            run: "click",
        },
        {
            content: "Everything goes off sale",
            trigger: ".modal .o_stock_channel_preview tr:contains(Tour Shop):contains(7)",
        },
        {
            content: "By product, now and then",
            trigger: ".modal .o_stock_channel_preview tr:contains(Tour Chair):contains(7):contains(0)",
        },
        {
            trigger: ".modal-footer button",
            run: "click",
        },
        {
            content: "Take it back",
            trigger: "body:not(:has(.modal)) .o_form_button_cancel",
            run: "click",
        },
        {
            content: "Nothing was changed",
            trigger: ".o_field_widget[name=effective_stock_condition]:contains(Sellable)",
        },
    ],
});

registry.category("web_tour.tours").add("stock_channel_hub_order_page", {
    steps: () => [
        {
            content: "The sale order knows its channel",
            trigger: ".o_notebook .nav-link:contains(Channel)",
            run: "click",
        },
        {
            content: "What it is called there, with a link",
            trigger:
                ".o_form_view:has(.o_field_widget[name=channel_order_ref]:contains(9001)) button[name=action_open_at_channel]",
        },
        {
            content: "The shipment waits to be told",
            trigger: ".o_field_widget[name=channel_report_state]:contains(Waiting)",
        },
        {
            content: "A return is announced",
            trigger:
                ".o_field_widget[name=channel_return_ids] .o_data_row:contains(R-77):contains(not here yet)",
        },
        {
            content: "Go to its transfers",
            trigger: "button[name=action_view_delivery]",
            run: "click",
        },
        {
            content: "The list names the channel",
            trigger: ".o_list_view .o_data_row:contains(Tour Shop)",
        },
        {
            content: "Open the one that has left",
            trigger: ".o_list_view .o_data_row:contains(/OUT/) td[name=name]",
            run: "click",
        },
        {
            content: "The delivery says what the channel knows of it",
            trigger:
                ".o_form_view:has(.o_field_widget[name=channel_promise_state]:contains(Shipped)) .o_field_widget[name=channel_report_state]:contains(Waiting)",
        },
        {
            content: "Back to the list",
            trigger: ".o_breadcrumb .o_back_button",
            run: "click",
        },
        {
            content: "Open what comes back",
            trigger: ".o_list_view .o_data_row:contains(/IN/) td[name=name]",
            run: "click",
        },
        {
            content: "It says what comes and what to do with it",
            trigger:
                ".o_field_widget[name=channel_return_line_ids] .o_data_row:contains(R-77):contains(Tour Chair):contains(Inspect First)",
        },
    ],
});
