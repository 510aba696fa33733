import { registry } from "@web/core/registry";

registry.category("web_tour.tours").add("stock_channel_hub_release_own", {
    steps: () => [
        {
            content: "It says what would happen",
            trigger: ".o_form_view .o_field_widget[name=effect]:contains(would go to zero)",
        },
        {
            content: "Who caused it is an approver, too, and is not asked",
            trigger: ".o_form_view:not(:has(button[name=action_approve]))",
        },
        {
            content: "It is still to decide",
            trigger: ".o_statusbar_status .o_arrow_button_current:contains(To Decide)",
        },
    ],
});

registry.category("web_tour.tours").add("stock_channel_hub_release", {
    steps: () => [
        {
            content: "Somebody else looks at what is held",
            trigger: ".o_form_view button[name=action_open_push]",
            run: "click",
        },
        {
            content: "Every held number is there",
            trigger: ".o_form_view .o_statusbar_status .o_arrow_button_current:contains(Held)",
        },
        {
            content: "Release it",
            trigger: ".o_form_view button[name=action_release]",
            run: "click",
        },
        {
            content: "Sure",
            trigger: ".modal-footer .btn-primary",
            run: "click",
        },
        {
            content: "It is released",
            trigger:
                ".o_form_view .o_statusbar_status .o_arrow_button_current:contains(Released)",
        },
    ],
});

registry.category("web_tour.tours").add("stock_channel_hub_propose", {
    steps: () => [
        {
            content: "Change the SKU of a live map",
            trigger: ".o_form_view .o_field_widget[name=sku] input",
            run: "edit TOUR-RENAMED",
        },
        {
            content: "Save it",
            trigger: ".o_form_button_save",
            run: "click",
        },
        {
            content: "It is refused, and proposing it is offered",
            trigger: ".modal-body:contains(Propose what you entered?)",
        },
        {
            content: "Propose it",
            trigger: ".modal-footer button:contains(Propose the Change)",
            run: "click",
        },
        {
            content: "What was entered stands there, old and new",
            trigger: ".o_form_view:contains(TOUR-1):contains(TOUR-RENAMED)",
        },
        {
            content: "Ask the approver",
            trigger: ".o_form_view button[name=action_propose]",
            run: "click",
        },
        {
            content: "It is to be decided",
            trigger: ".o_statusbar_status .o_arrow_button_current:contains(To Decide)",
        },
    ],
});

registry.category("web_tour.tours").add("stock_channel_hub_export", {
    steps: () => [
        {
            content: "The daily review leads to its matches",
            trigger: ".o_form_view button[name=action_open_matches]",
            run: "click",
        },
        {
            content: "They are listed",
            trigger: ".o_breadcrumb .active:contains(Three-Way Matches)",
        },
        {
            content: "Open the one of this channel",
            trigger: ".o_list_view .o_data_row:contains(Tour Shop) td[name=channel_id]",
            run: "click",
        },
        {
            content: "Export it",
            trigger: ".o_form_view button[name=action_export]",
            run: "click",
        },
        {
            content: "The spreadsheet is there",
            trigger: ".o_form_view button[name=action_export]:not([disabled])",
        },
    ],
});

registry.category("web_tour.tours").add("stock_channel_hub_gate", {
    steps: () => [
        {
            content: "Try to go live",
            trigger: ".o_form_view button[name=action_go_live]",
            run: "click",
        },
        {
            content: "Sure",
            trigger: ".modal-footer .btn-primary",
            run: "click",
        },
        {
            content: "Refused: nobody would hear of trouble",
            trigger: ".modal .modal-body:contains(No monitored address)",
        },
        {
            trigger: ".modal-footer .btn-primary",
            run: "click",
        },
        {
            content: "The list says what is to do",
            trigger: ".o_notebook_headers a:contains(Readiness)",
            run: "click",
        },
        {
            trigger: ".o_data_row:contains(No monitored address)",
        },
        {
            content: "Enter whom alerts reach",
            trigger: ".o_notebook_headers a[name=alerts]",
            run: "click",
        },
        {
            trigger: ".o_field_widget[name=alert_email] input",
            run: "edit alerts@example.com",
        },
        {
            trigger: ".o_form_button_save",
            run: "click",
        },
        {
            content: "It may go live now",
            trigger: ".o_form_saved .alert-success:contains(It may go live)",
        },
        {
            trigger: ".o_form_view button[name=action_go_live]",
            run: "click",
        },
        {
            trigger: ".modal-footer .btn-primary",
            run: "click",
        },
        {
            content: "The channel is live",
            trigger: ".o_statusbar_status .o_arrow_button_current:contains(Live)",
        },
    ],
});
