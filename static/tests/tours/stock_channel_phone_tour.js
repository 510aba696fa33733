import { registry } from "@web/core/registry";

/**
 * Nothing may stick out at the side: a thumb scrolls in one direction.
 */
function assertFits() {
    // What lies below an open dialog is not looked at, and not laid out for it.
    const dialogs = document.querySelectorAll(".modal-content, .modal-body");
    const pages = document.querySelectorAll(".o_content");
    for (const element of [
        document.documentElement,
        ...(dialogs.length ? dialogs : pages),
    ]) {
        if (element.scrollWidth > element.clientWidth + 1) {
            // Odoo's own chatter is wider than a phone when it has buttons to show.
            const edge = element.getBoundingClientRect().left + element.clientWidth + 1;
            const wide = [...element.querySelectorAll("*")].filter(
                (one) =>
                    !one.closest(".o-mail-Form-chatter, .o-mail-Chatter") &&
                    one.getBoundingClientRect().right > edge
            );
            if (wide.length) {
                throw new Error(
                    `${wide.at(-1).outerHTML.slice(0, 200)} sticks out of a window of ` +
                        `${element.clientWidth} px`
                );
            }
        }
    }
}

const fits = (content, trigger) => ({ content, trigger, run: assertFits });

registry.category("web_tour.tours").add("stock_channel_hub_phone_queue", {
    steps: () => [
        fits(
            "The queue is cards, each with its next step",
            ".o_kanban_view .o_kanban_record:contains(TOUR-UNKNOWN):contains(Map This SKU)"
        ),
        {
            content: "Open one",
            trigger: ".o_kanban_record:contains(TOUR-UNKNOWN)",
            run: "click",
        },
        fits(
            "It says why",
            ".o_form_view .o_field_widget[name=cause]:contains(Order 1001 contains)"
        ),
        {
            content: "And what to do: choose the product the channel means",
            trigger: ".o_form_view .o_field_widget[name=product_id] input",
            run: "click",
        },
        {
            content: "Products to choose from, in Odoo's own dialog",
            trigger: ".modal .o_kanban_record:contains(Tour Lamp)",
            run: "click",
        },
        {
            content: "Press the next step",
            trigger: ".o_form_view button[name=action_map]",
            run: "click",
        },
        {
            content: "Its orders are being healed, or it is closed already",
            trigger: ".o_form_view .o_field_widget[name=title]:contains(TOUR-UNKNOWN)",
        },
        {
            content: "Back to the queue",
            trigger: ".o_breadcrumb .o_back_button, .o_back_button",
            run: "click",
        },
        {
            content: "Open the one nobody can do anything about",
            trigger: ".o_kanban_record:contains(Test order)",
            run: "click",
        },
        fits("It says why", ".o_field_widget[name=cause]:contains(no customer)"),
        {
            content: "Of its steps the next one has a button, the others the dots",
            trigger:
                ".o_statusbar_buttons:has(button[title=More]) button[name=action_step]:contains(Ignore with Reason)",
            run: "click",
        },
        fits("A reason is asked for", ".modal .o_field_widget[name=reason]"),
        {
            trigger: ".modal .o_field_widget[name=reason] input",
            run: "edit The shop's own test order",
        },
        {
            trigger: ".modal footer button[name=action_done]",
            run: "click",
        },
        fits(
            "It is closed, and says why",
            ".o_form_view .o_field_widget[name=ignore_reason]:contains(own test order)"
        ),
    ],
});

registry.category("web_tour.tours").add("stock_channel_hub_phone_inspect", {
    steps: () => [
        fits(
            "Returned goods are cards with what waits",
            ".o_kanban_view .o_kanban_record:contains(Waiting for inspection)"
        ),
        {
            content: "Look at one of them",
            trigger: ".o_kanban_record:contains(R1) button:contains(Inspect)",
            run: "click",
        },
        fits("What lies where", ".modal .o_field_widget[name=row_ids] .o_kanban_record"),
        {
            trigger: ".modal .o_field_widget[name=row_ids] .o_kanban_record",
            run: "click",
        },
        fits("How many are bad", ".modal .o_field_widget[name=bad_qty] input"),
        {
            trigger: ".modal .o_field_widget[name=good_qty] input",
            run: "edit 1",
        },
        {
            trigger: ".modal .o_field_widget[name=bad_qty] input",
            run: "edit 1",
        },
        {
            trigger: ".modal .o_form_button_save",
            run: "click",
        },
        {
            trigger: ".modal .o_kanban_record:contains(Good: 1):contains(Bad: 1)",
        },
        {
            content: "One goes back on sale, one is scrapped",
            trigger: ".modal button[name=action_done]",
            run: "click",
        },
        {
            content: "It has left the list",
            trigger:
                ".o_kanban_view:not(:has(.o_kanban_record:contains(R1))) .o_kanban_record:contains(R2)",
        },
        {
            content: "All of the other is good",
            trigger: ".o_kanban_record:contains(R2) button[name=action_accept]",
            run: "click",
        },
        fits("Nothing waits", ".o_view_nocontent:contains(Nothing waits to be inspected)"),
    ],
});
