import { registry } from "@web/core/registry";

const SHOWN = ":not(.o_invisible_modifier)";

/** @param {string} step which step is shown */
function at(step) {
    return {
        content: `The step ${step} is shown`,
        trigger: `li[aria-current=step] button[data-step=${step}]`,
    };
}

/** @param {string} step what comes next */
function goOn(step) {
    return [
        {
            content: "Go on",
            trigger: `button[name=action_continue]${SHOWN}`,
            run: "click",
        },
        at(step),
    ];
}

registry.category("web_tour.tours").add("stock_channel_hub_onboarding", {
    steps: () => [
        {
            content: "Nothing is there yet",
            trigger: ".o_view_nocontent a.btn-primary:contains(Connect a Channel)",
            run: "click",
        },
        at("connector"),
        {
            content: "Every kind says what it can do",
            trigger: ".o_stock_channel_cards label:contains(WooCommerce):contains(orders)",
        },
        {
            content: "Our own shop",
            trigger: ".o_stock_channel_cards input[value=rest]",
            run: "click",
        },
        {
            content: "Give it a name",
            trigger: ".o_field_widget[name=name] input",
            run: "edit Tour Market",
        },
        ...goOn("connection"),
        {
            content: "Enter an address",
            trigger: ".o_field_widget[name=base_url] input",
            run: "edit channel.example/stock",
        },
        {
            content: "Go on too early",
            trigger: "button[name=action_continue]",
            run: "click",
        },
        {
            content: "It says what is missing",
            trigger: `.alert-danger${SHOWN}:contains(add a signing secret)`,
        },
        {
            content: "Enter the secret of the shop",
            trigger: "button[name=action_set_secret]",
            run: "click",
        },
        {
            content: "A wrong one",
            trigger: ".modal .o_field_widget[name=secret] input",
            run: "edit whsec_c4n4ryOfTheOtherSecretNobodyKnowsItX",
        },
        {
            content: "Keep it",
            trigger: `.modal button[name=action_save]${SHOWN}`,
            run: "click",
        },
        {
            content: "It is there, and cannot be seen",
            trigger: "body:not(:has(.modal)) button[name=action_test]",
            run: "click",
        },
        {
            content: "The shop refuses it, and the way out is said",
            trigger: `.alert-danger${SHOWN}:contains(signature):contains(not the same)`,
        },
        {
            content: "Enter the right one",
            trigger: "button[name=action_set_secret]",
            run: "click",
        },
        {
            content: "The shop's",
            trigger: ".modal .o_field_widget[name=secret] input",
            run: "edit whsec_c4n4ryOfTheFakeChannelNobodyKnowsIt0",
        },
        {
            content: "Keep it",
            trigger: `.modal button[name=action_save]${SHOWN}`,
            run: "click",
        },
        {
            content: "Test it",
            trigger: "body:not(:has(.modal)) button[name=action_test]",
            run: "click",
        },
        {
            content: "It answers",
            trigger: `.alert-success${SHOWN}:contains(Connected)`,
        },
        ...goOn("places"),
        {
            content: "The warehouse of the same name is filled in",
            trigger:
                ".o_field_widget[name=place_ids] :contains(Tour Depot):contains(100 % alike)",
        },
        ...goOn("listings"),
        {
            content: "One is matched by its SKU",
            trigger: ".o_stock_channel_tally .o_field_widget[name=mapped_count]:contains(1)",
        },
        ...goOn("rules"),
        {
            content: "Keep three back",
            trigger: ".o_field_widget[name=buffer] input",
            run: "edit 3 && click .o_field_widget[name=share] input",
        },
        {
            content: "The example follows",
            trigger: ".o_field_widget[name=example]:contains(38 sellable → 35 told)",
        },
        ...goOn("alerts"),
        {
            content: "Somebody reads the mailbox",
            trigger: ".o_field_widget[name=alert_email] input",
            run: "edit alerts@example.com",
        },
        ...goOn("start"),
        {
            content: "Back to look at the rules once more",
            trigger: "button[data-step=rules]",
            run: "click",
        },
        {
            content: "They are as they were answered",
            trigger: ".o_field_widget[name=buffer] input:value(3)",
        },
        {
            content: "And on to the end",
            trigger: "button[data-step=start]",
            run: "click",
        },
        {
            content: "What is needed to go live is listed",
            trigger: ".o_field_widget[name=readiness_line_ids] .o_data_row",
        },
        {
            content: "Watch it",
            trigger: `button[name=action_go_shadow]${SHOWN}`,
            run: "click",
        },
        {
            content: "Nothing is sent, and the numbers are a click away",
            trigger: `button[name=action_open_numbers]${SHOWN}`,
            run: "click",
        },
        {
            content: "The numbers of this channel",
            trigger: ".o_searchview_facet:contains(Tour Market)",
        },
    ],
});

/** Halfway done, on a phone, by somebody else. */
registry.category("web_tour.tours").add("stock_channel_hub_onboarding_resume", {
    steps: () => [
        {
            content: "A draft says that it is to be set up",
            trigger: ".o_kanban_record button[name=action_set_up]",
            run: "click",
        },
        at("places"),
        ...goOn("listings"),
        ...goOn("rules"),
        ...goOn("alerts"),
        {
            content: "The company's mailbox is proposed",
            trigger: ".o_field_widget[name=alert_email] input:value(office@example.com)",
        },
        ...goOn("start"),
        {
            content: "Watch it",
            trigger: `button[name=action_go_shadow]${SHOWN}`,
            run: "click",
        },
        {
            content: "It is watched",
            trigger: `button[name=action_open_channel]${SHOWN}`,
            run: "click",
        },
        {
            content: "The channel is in shadow",
            trigger: ".o_form_view .o_field_widget[name=name]",
        },
    ],
});
