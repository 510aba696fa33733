import { Component } from "@odoo/owl";
import { deserializeDateTime, formatDateTime } from "@web/core/l10n/dates";
import { _t } from "@web/core/l10n/translation";

import { plainQuantity, signedQuantity } from "./explain_quantity";

// Steps that say nothing where they change nothing.
const ONLY_WITH_CHANGE = ["whole", "decimals", "positive", "wire"];
const TOTALS = ["on_hand", "free", "kits", "sellable", "published", "wire"];

/** How one number comes about, step by step, with the records behind each step. */
export class ExplainStory extends Component {
    static template = "stock_channel_hub.ExplainStory";
    static props = {
        story: Object,
        open: Object,
        toggle: Function,
        openRecord: Function,
    };

    get story() {
        return this.props.story;
    }

    plain(quantity) {
        return plainQuantity(quantity);
    }

    signed(change) {
        return signedQuantity(change);
    }

    moment(text) {
        return formatDateTime(deserializeDateTime(text));
    }

    /** The steps that say something, and what is not counted beside what is. */
    get steps() {
        const last = this.story.steps.at(-1)?.kind;
        const shown = [];
        const isPhysical = this.story.steps.some((step) => step.kind === "own_open");
        for (const step of this.story.steps) {
            const isSilent = ONLY_WITH_CHANGE.includes(step.kind) && !step.change;
            if (isSilent && !(isPhysical && step.kind === last)) {
                continue;
            }
            shown.push({
                ...step,
                isTotal: TOTALS.includes(step.kind),
                lines: this.linesOf(step.kind),
                note: this.note(step),
            });
            if (step.kind === "on_hand" && this.story.parts.unavailable) {
                shown.push({
                    kind: "unavailable",
                    name: _t("Unavailable, not counted"),
                    change: null,
                    quantity: this.story.parts.unavailable,
                    unit: step.unit,
                    rule: null,
                    isAside: true,
                    lines: this.linesOf("unavailable"),
                    note: _t("Damaged, in quality control, not for sale, expired or somebody else's"),
                });
            }
        }
        return this.withBars(shown);
    }

    linesOf(part) {
        return this.story.lines[part] || [];
    }

    /** What a step says beside its quantities. */
    note(step) {
        const value = plainQuantity(step.value);
        const notes = {
            incoming: () => _t("Receipts within %s days", value),
            kits: () => _t("One kit takes %s", value),
            share: () => _t("%s % of what is sellable", value),
            buffer_percent: () => _t("%s % of what is sellable", value),
            buffer: () => _t("Kept back: %s", value),
            cap: () => _t("At most %s", value),
            minimum: () => _t("Shown from %s on", value),
            backorder: () => _t("Sold beyond what is there: up to %s", value),
            sellable: () => _t("× %s, in the unit the channel sells", value),
        };
        return step.value !== null && notes[step.kind] ? notes[step.kind]() : "";
    }

    /** Give each step its bar; quantities of one unit share one scale. */
    withBars(steps) {
        let scale = 0;
        let segment = [];
        const finish = () => {
            for (const step of segment) {
                const from = step.isTotal ? 0 : step.quantity - step.change;
                const low = Math.max(Math.min(from, step.quantity), 0);
                const high = Math.max(from, step.quantity, 0);
                const left = scale ? (100 * low) / scale : 0;
                const width = scale ? (100 * (high - low)) / scale : 0;
                step.bar = width ? `margin-left: ${left}%; width: ${width}%` : "";
            }
        };
        for (const step of steps) {
            if (step.isAside) {
                continue;
            }
            if (step.change === null) {
                finish();
                scale = 0;
                segment = [];
            }
            scale = Math.max(scale, step.quantity, step.quantity - (step.change || 0));
            segment.push(step);
        }
        finish();
        return steps;
    }

    barClass(step) {
        if (step.isTotal) {
            return "bg-primary";
        }
        return step.change < 0 ? "bg-danger" : "bg-success";
    }

    /** What a line opens: the document a person knows it by, else the record. */
    target(line) {
        const reference = line.document || line;
        return reference.id ? reference : null;
    }

    get limiting() {
        return this.story.components.find((component) => component.is_limiting);
    }
}
