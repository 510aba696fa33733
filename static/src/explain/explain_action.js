import { Component, onWillStart, useState } from "@odoo/owl";
import { browser } from "@web/core/browser/browser";
import { DateTimeInput } from "@web/core/datetime/datetime_input";
import {
    deserializeDateTime,
    formatDateTime,
    serializeDateTime,
} from "@web/core/l10n/dates";
import { _t } from "@web/core/l10n/translation";
import { RPCError } from "@web/core/network/rpc";
import { registry } from "@web/core/registry";
import { KeepLast } from "@web/core/utils/concurrency";
import { useService } from "@web/core/utils/hooks";
import { useSetupAction } from "@web/search/action_hook";
import { Layout } from "@web/search/layout";
import { standardActionServiceProps } from "@web/webclient/actions/action_service";

import { ExplainNumbers } from "./explain_numbers";
import { ExplainStory } from "./explain_story";

// What the address calls the record the screen stands on.
const MODELS = {
    product: "product.product",
    template: "product.template",
    listing: "stock.channel.listing",
    order: "stock.channel.order",
};
const NUMBER = "stock.channel.publication";
const PAST_NUMBER = "stock.channel.publication.log";

/**
 * Every number that hangs on a product, a listing or an order, and the story of one of
 * them, now or as the channel took it at some moment. What is looked at is in the
 * address, so that it survives a reload, the way back, and being sent to somebody.
 */
export class ExplainAction extends Component {
    static template = "stock_channel_hub.Explain";
    static components = { DateTimeInput, ExplainNumbers, ExplainStory, Layout };
    static props = { ...standardActionServiceProps };
    static path = "stock-channel-explain";
    static displayName = _t("Explain");

    setup() {
        this.orm = useService("orm");
        this.action = useService("action");
        this.keepLast = new KeepLast();
        this.display = { controlPanel: {} };
        const params = this.props.action.params || {};
        const chosen = this.props.state || params;
        this.source = params.source || "product";
        this.recordId = this.props.action.context?.active_id || params.active_id;
        this.state = useState({
            page: null,
            message: "",
            story: null,
            past: { rows: [], total: 0, offset: 0 },
            number: chosen.number || false,
            log: chosen.log || false,
            at: chosen.at || false,
            open: this.props.state?.open || {},
            isLoading: false,
        });
        useSetupAction({
            getLocalState: () => ({
                number: this.state.number,
                log: this.state.log,
                at: this.state.at,
                open: { ...this.state.open },
            }),
        });
        onWillStart(() => this.load());
    }

    // ----------------------------------------------------------------- loading

    async load() {
        this.state.isLoading = true;
        try {
            this.state.page = await this.orm.call(
                MODELS[this.source],
                "explain_channels",
                [[this.recordId]]
            );
        } catch (error) {
            if (!(error instanceof RPCError && error.exceptionName?.endsWith("UserError"))) {
                throw error;
            }
            this.state.message = error.data.message;
            return;
        } finally {
            this.state.isLoading = false;
        }
        this.env.config.setDisplayName(_t("Explain %s", this.state.page.record.name));
        const { rows, kits } = this.state.page;
        this.state.number ||= [...rows, ...kits][0]?.id || false;
        await Promise.all([this.loadStory(), this.loadPast(this.state.past.offset)]);
    }

    async loadStory() {
        const { number, log, at } = this.state;
        this.remember();
        if (!number) {
            return;
        }
        this.state.isLoading = true;
        try {
            this.state.story = await this.keepLast.add(
                log
                    ? this.orm.call(PAST_NUMBER, "explain", [[log]])
                    : this.orm.call(NUMBER, "explain", [[number], at || null])
            );
        } finally {
            this.state.isLoading = false;
        }
    }

    async loadPast(offset) {
        if (this.state.number) {
            const past = await this.orm.call(NUMBER, "explain_past", [
                [this.state.number],
                offset,
            ]);
            this.state.past = { ...past, offset };
        }
    }

    /** Write what is looked at into the address. */
    remember() {
        this.props.updateActionState({
            active_id: this.recordId,
            source: this.source,
            number: this.state.number || undefined,
            log: this.state.log || undefined,
            at: this.state.at || undefined,
        });
    }

    // ---------------------------------------------------------------- choosing

    async choose(number) {
        Object.assign(this.state, { number, log: false, at: false });
        await Promise.all([this.loadStory(), this.loadPast(0)]);
    }

    async chooseNow() {
        Object.assign(this.state, { log: false, at: false });
        await this.loadStory();
    }

    async chooseLog(log) {
        Object.assign(this.state, { log, at: false });
        await this.loadStory();
    }

    async chooseMoment(moment) {
        const at = moment ? serializeDateTime(moment) : false;
        Object.assign(this.state, { log: false, at });
        await this.loadStory();
    }

    toggle(part) {
        this.state.open[part] = !this.state.open[part];
    }

    print() {
        for (const part of Object.keys(this.state.story?.lines || {})) {
            this.state.open[part] = true;
        }
        // What was opened is drawn in the next frame; it is printed in the one after.
        browser.requestAnimationFrame(() =>
            browser.requestAnimationFrame(() => window.print())
        );
    }

    open(reference) {
        if (reference.model === "stock.quant") {
            // Nobody looks at one quant by itself: it is a line of a list in Odoo.
            return this.action.doAction({
                type: "ir.actions.act_window",
                name: _t("Stock"),
                res_model: reference.model,
                domain: [["id", "=", reference.id]],
                views: [[false, "list"]],
            });
        }
        return this.action.doAction({
            type: "ir.actions.act_window",
            res_model: reference.model,
            res_id: reference.id,
            views: [[false, "form"]],
        });
    }

    // ------------------------------------------------------------------ showing

    get isNow() {
        return !this.state.log && !this.state.at;
    }

    get moment() {
        return this.state.at ? deserializeDateTime(this.state.at) : false;
    }

    /** The row of the table that is looked at, if it is among those shown. */
    get row() {
        const { rows, kits } = this.state.page;
        return [...rows, ...kits].find((row) => row.id === this.state.number);
    }

    get pastPages() {
        const { offset, total, rows } = this.state.past;
        return {
            first: offset + 1,
            last: offset + rows.length,
            total,
            hasNewer: offset > 0,
            hasOlder: offset + rows.length < total,
        };
    }

    formatDateTime(text) {
        return formatDateTime(deserializeDateTime(text));
    }
}

registry.category("actions").add("stock_channel_explain", ExplainAction);
