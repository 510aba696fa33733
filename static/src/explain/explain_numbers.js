import { Component } from "@odoo/owl";
import { deserializeDateTime, formatDateTime } from "@web/core/l10n/dates";

import { plainQuantity } from "./explain_quantity";

// Colours of a dot beside the words: white words on them are too faint to read.
const DOTS = {
    pending: "text-info",
    sending: "text-info",
    unknown: "text-warning",
    rejected: "text-danger",
    clean: "text-success",
};

/** One row per channel and location; a row is chosen to read its story. */
export class ExplainNumbers extends Component {
    static template = "stock_channel_hub.ExplainNumbers";
    static props = {
        caption: String,
        rows: Array,
        chosen: { type: [Number, Boolean], optional: true },
        hasProduct: { type: Boolean, optional: true },
        more: { type: Number, optional: true },
        choose: Function,
    };

    plain(quantity) {
        return plainQuantity(quantity);
    }

    ago(text) {
        return text ? deserializeDateTime(text).toRelative() : "–";
    }

    moment(text) {
        return text ? formatDateTime(deserializeDateTime(text)) : "";
    }

    dot(row) {
        return DOTS[row.state];
    }

    /** Whether the channel showed something else than it should at the last look. */
    differs(row) {
        return (
            row.observed !== null &&
            row.expected !== null &&
            row.observed !== row.expected
        );
    }
}
