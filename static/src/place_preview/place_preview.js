import { Component, markup, useState, xml } from "@odoo/owl";
import { Dialog } from "@web/core/dialog/dialog";
import { _t } from "@web/core/l10n/translation";
import { registry } from "@web/core/registry";
import { useService } from "@web/core/utils/hooks";
import { standardWidgetProps } from "@web/views/widgets/standard_widget_props";

/** Shows what a change that is not saved would do. */
export class PlacePreviewDialog extends Component {
    static components = { Dialog };
    static props = { close: Function, title: String, body: Object };
    static template = xml`
        <Dialog title="props.title" size="'lg'">
            <div class="o_stock_channel_preview" t-out="props.body"/>
            <t t-set-slot="footer">
                <button type="button" class="btn btn-primary" t-on-click="props.close" t-out="closeLabel"/>
            </t>
        </Dialog>`;

    get closeLabel() {
        return _t("Close");
    }
}

/** Asks what a form of a stock location would do to channels, before it is saved. */
export class PlacePreview extends Component {
    static props = { ...standardWidgetProps };
    static template = xml`
        <button
            type="button"
            class="btn btn-secondary o_stock_channel_preview_button"
            t-att-disabled="state.isBusy"
            t-on-click.prevent="() => this.open()"
        ><t t-if="state.isBusy"><i class="fa fa-circle-o-notch fa-spin me-1" aria-hidden="true"/></t><t t-out="label"/></button>`;

    setup() {
        this.dialog = useService("dialog");
        this.orm = useService("orm");
        this.state = useState({ isBusy: false });
    }

    get label() {
        return _t("What Would Change?");
    }

    async open() {
        const { record } = this.props;
        this.state.isBusy = true;
        try {
            const changes = await record.getChanges();
            const body = await this.orm.call(record.resModel, "preview_channel_change", [
                [record.resId],
                changes,
            ]);
            this.dialog.add(PlacePreviewDialog, {
                title: _t("What Would Change at the Channels"),
                // Rendered by the server, which escapes what it fills in.
                body: markup(body),
            });
        } finally {
            this.state.isBusy = false;
        }
    }
}

registry.category("view_widgets").add("stock_channel_place_preview", {
    component: PlacePreview,
});
