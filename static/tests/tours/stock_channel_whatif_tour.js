import { registry } from "@web/core/registry";

const tried = () => [
    {
        content: "What if, about this channel",
        trigger: ".o_form_view button[name=action_what_if]:contains(What If)",
        run: "click",
    },
    {
        content: "Add something to change",
        trigger: ".o_field_widget[name=edit_ids] .o_field_x2many_list_row_add a",
        run: "click",
    },
    {
        content: "It is about this channel, and a buffer to begin with",
        trigger: ".modal .o_field_widget[name=channel_id] input:value(Tour Shop)",
    },
    {
        content: "Keep three back",
        trigger: ".modal .o_field_widget[name=value] input",
        run: "edit 3",
    },
    {
        trigger: ".modal .o_form_button_save",
        run: "click",
    },
    {
        content: "It stands there in words",
        trigger: ".o_field_widget[name=edit_ids] .o_data_row:contains(Buffer (units) 3)",
    },
    {
        content: "Try it",
        trigger: ".o_form_view button[name=action_try]:contains(Try)",
        run: "click",
    },
    {
        content: "It says what it does at which location",
        trigger: ".o_field_widget[name=result_html]:contains(Tour Warehouse)",
    },
    {
        content: "See every number",
        trigger: ".o_form_view button.oe_stat_button[name=action_open_lines]",
        run: "click",
    },
    {
        content: "Seven become four, and the buffer is why",
        trigger:
            ".o_list_view .o_data_row:contains(TOUR-1) td[name=limit]:contains(Buffer (units) 3)",
    },
    {
        content: "Back to it",
        trigger: ".o_breadcrumb .breadcrumb-item a:contains(What If)",
        run: "click",
    },
];

registry.category("web_tour.tours").add("stock_channel_hub_whatif", {
    steps: () => [
        ...tried(),
        {
            content: "Customers see the channel: propose it",
            trigger: ".o_form_view button[name=action_propose]",
            run: "click",
        },
        {
            content: "The proposal is of just this",
            trigger:
                ".o_form_view button[name=action_discard], .o_form_view:contains(Not Proposed Yet)",
        },
    ],
});

registry.category("web_tour.tours").add("stock_channel_hub_whatif_reader", {
    steps: () => [
        ...tried(),
        {
            content: "Who may go on is said",
            trigger: ".o_form_view .alert:contains(A manager of stock channels)",
        },
        {
            content: "There is no such button",
            trigger:
                ".o_form_view:not(:has(button[name=action_propose])):not(:has(button[name=action_save]))",
        },
    ],
});
