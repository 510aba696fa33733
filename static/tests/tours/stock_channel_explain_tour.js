import { registry } from "@web/core/registry";

const SCREEN = ".o_stock_channel_explain";
const ON_HAND = `${SCREEN} tr[data-step=on_hand] .o_explain_toggle`;

/** Fail unless what is on the screen says so. */
function expect(isTrue, what) {
    if (!isTrue) {
        throw new Error(what);
    }
}

function press(element, key) {
    element.focus();
    expect(document.activeElement === element, "it cannot be reached by the keyboard");
    element.dispatchEvent(new KeyboardEvent("keydown", { key, bubbles: true }));
    // What the browser does with a focused button when Enter is pressed.
    element.click();
}

registry.category("web_tour.tours").add("stock_channel_hub_explain_product", {
    steps: () => [
        {
            content: "The number in one sentence: 44 + 2 + 9 − 3 reserved − 5, capped",
            trigger: `${SCREEN} .o_explain_summary:contains(The channel may sell 30: 52 sellable, less a buffer of 5, capped at 30.)`,
        },
        {
            content: "Differences are said in words",
            trigger: `${SCREEN} .o_explain_told:contains(1 less than the 30 it should.)`,
        },
        {
            content: "The kit it is in is not held back by it",
            trigger: `${SCREEN}:not(:has(caption:contains(Kits held back)))`,
        },
        {
            trigger: `${SCREEN} tr[data-step=reserved] td:contains(−3)`,
        },
        {
            content: "What is not counted stands beside what is",
            trigger: `${SCREEN} tr[data-step=unavailable] .o_explain_toggle`,
            run: "click",
        },
        {
            trigger: `${SCREEN} #explain_unavailable:contains(Quality)`,
        },
        {
            trigger: `${SCREEN} tr[data-step=incoming] .o_explain_toggle`,
            run: "click",
        },
        {
            content: "Receipts stand there by their dates, the first one first",
            trigger: `${SCREEN} #explain_incoming tbody tr:first-child:contains(2 Units)`,
        },
        {
            trigger: ON_HAND,
            run: "click",
        },
        {
            content: "A record behind it is opened",
            trigger: `${SCREEN} #explain_on_hand button`,
            run: "click",
        },
        {
            trigger: ".o_list_view .o_data_row",
        },
        {
            content: "And the way back leads to what was unfolded",
            trigger: ".o_breadcrumb a:contains(Explain), .o_back_button",
            run: "click",
        },
        {
            trigger: `${SCREEN} #explain_on_hand`,
        },
        {
            trigger: `${SCREEN} button[name=refresh]`,
            run: "click",
        },
        {
            trigger: `${SCREEN} .o_explain_summary`,
        },
    ],
});

registry.category("web_tour.tours").add("stock_channel_hub_explain_exception", {
    steps: () => [
        {
            trigger: ".o_form_view button[name=action_explain]",
            run: "click",
        },
        {
            trigger: `${SCREEN} .o_explain_summary:contains(The channel may sell 30)`,
        },
        {
            content: "It is the number the exception is about",
            trigger: `${SCREEN} .o_explain_number[aria-pressed=true]:contains(Tour Warehouse)`,
        },
        {
            trigger: ".o_breadcrumb a:contains(TOUR-1), .o_back_button",
            run: "click",
        },
        {
            trigger: ".o_form_view button[name=action_explain]",
        },
    ],
});

registry.category("web_tour.tours").add("stock_channel_hub_explain_past", {
    steps: () => [
        {
            trigger: ".o_form_view button.oe_stat_button[name=action_explain]",
            run: "click",
        },
        {
            trigger: `${SCREEN} .o_explain_log`,
            run: "click",
        },
        {
            trigger: `${SCREEN} .o_explain_summary:contains(The channel was told 30: 58 sellable)`,
        },
        {
            content: "The six that left since are the difference",
            trigger: `${SCREEN} .o_explain_since:contains(−6)`,
        },
        {
            content: "The address says what is looked at",
            trigger: `${SCREEN} .o_explain_log[aria-pressed=true]`,
            run() {
                const address = new URL(window.location.href);
                expect(address.searchParams.get("source") === "listing", address.href);
                expect(Number(address.searchParams.get("log")) > 0, address.href);
            },
        },
        {
            content: "So a reload shows the same",
            trigger: `${SCREEN} .o_explain_since`,
            run() {
                window.location.reload();
            },
            expectUnloadPage: true,
        },
        {
            trigger: `${SCREEN} .o_explain_summary:contains(The channel was told 30: 58 sellable)`,
        },
        {
            trigger: `${SCREEN} button[name=now]`,
            run: "click",
        },
        {
            trigger: `${SCREEN} .o_explain_summary:contains(The channel may sell 30: 52 sellable)`,
        },
    ],
});

registry.category("web_tour.tours").add("stock_channel_hub_explain_kit", {
    steps: () => [
        {
            content: "A component without a listing of its own",
            trigger: `${SCREEN} table:has(caption:contains(Kits held back)) .o_explain_number:contains(Tour Shop)`,
        },
        {
            content: "Two kits: twenty screws, eight for each",
            trigger: `${SCREEN} .o_explain_summary:contains(2 kits can be put together, held back by)`,
        },
        {
            content: "The one that holds it back is named, not only coloured",
            trigger: `${SCREEN} .o_explain_components tr:contains(Tour Screw):contains(Holds it back)`,
        },
        {
            trigger: `${SCREEN} .o_explain_components tr:contains(Tour Chair):not(:contains(Holds it back))`,
        },
    ],
});

registry.category("web_tour.tours").add("stock_channel_hub_explain_keyboard", {
    steps: () => [
        {
            trigger: ON_HAND,
            run() {
                press(this.anchor, "Enter");
            },
        },
        {
            trigger: `${ON_HAND}[aria-expanded=true]`,
            run() {
                const target = this.anchor.getAttribute("aria-controls");
                expect(document.getElementById(target), "nothing was unfolded");
                press(this.anchor, "Enter");
            },
        },
        {
            trigger: `${ON_HAND}[aria-expanded=false]`,
        },
        {
            trigger: `${SCREEN} .o_explain_number`,
            run() {
                press(this.anchor, "Enter");
            },
        },
        {
            trigger: `${SCREEN} .o_explain_number[aria-pressed=true]`,
            run() {
                for (const button of document.querySelectorAll(`${SCREEN} button`)) {
                    const name = button.getAttribute("aria-label") || button.innerText;
                    expect(name.trim(), "a button has no name");
                }
                for (const header of document.querySelectorAll(`${SCREEN} th`)) {
                    expect(header.scope, "a header does not say of what");
                }
            },
        },
    ],
});

registry.category("web_tour.tours").add("stock_channel_hub_explain_phone", {
    steps: () => [
        {
            trigger: `${SCREEN} .o_explain_summary:contains(The channel may sell 30)`,
        },
        {
            trigger: ON_HAND,
            run: "click",
        },
        {
            trigger: `${SCREEN} #explain_on_hand`,
            run() {
                const content = document.querySelector(`${SCREEN} .o_content`);
                expect(
                    content.scrollWidth <= content.clientWidth,
                    `${content.scrollWidth} wide in ${content.clientWidth}`
                );
                for (const part of document.querySelectorAll(`${SCREEN} .o_explain_steps td`)) {
                    const { right } = part.getBoundingClientRect();
                    expect(right <= window.innerWidth, "a step is cut off");
                }
            },
        },
    ],
});
