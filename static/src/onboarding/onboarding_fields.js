import { Component, useEffect } from "@odoo/owl";
import { browser } from "@web/core/browser/browser";
import { registry } from "@web/core/registry";
import { useService } from "@web/core/utils/hooks";
import { standardFieldProps } from "@web/views/fields/standard_field_props";

/** While something is read in the background the page follows, so often. */
const FOLLOW_EVERY = 4000;

/** The steps of connecting a channel: done, this one, to do. */
export class StepperField extends Component {
    static template = "stock_channel_hub.StepperField";
    static props = { ...standardFieldProps };

    setup() {
        this.orm = useService("orm");
        useEffect(
            (isBusy) => {
                if (!isBusy) {
                    return;
                }
                const timer = browser.setInterval(
                    () => this.props.record.load(),
                    FOLLOW_EVERY
                );
                return () => browser.clearInterval(timer);
            },
            () => [this.value.busy]
        );
    }

    get value() {
        return this.props.record.data[this.props.name] || { busy: false, steps: [] };
    }

    async onClick(step) {
        const { record } = this.props;
        if (step.is_current || !(await record.save())) {
            return;
        }
        await this.orm.call(record.resModel, "action_go", [[record.resId], step.key]);
        await record.load();
    }
}

/** What may be connected, a card each; a group of radio buttons underneath. */
export class CardsField extends Component {
    static template = "stock_channel_hub.CardsField";
    static props = { ...standardFieldProps };

    get cards() {
        return this.props.record.data.connector_cards || [];
    }

    get value() {
        return this.props.record.data[this.props.name];
    }

    onChange(key) {
        this.props.record.update({ [this.props.name]: key });
    }
}

/** Lines of text from the server: how to get a key, or what is missing. */
export class LinesField extends Component {
    static template = "stock_channel_hub.LinesField";
    static props = { ...standardFieldProps, isMissing: { type: Boolean, optional: true } };

    get lines() {
        return this.props.record.data[this.props.name] || [];
    }
}

const fields = registry.category("fields");
fields.add("stock_channel_stepper", { component: StepperField, supportedTypes: ["json"] });
fields.add("stock_channel_cards", { component: CardsField, supportedTypes: ["selection"] });
fields.add("stock_channel_how_to", { component: LinesField, supportedTypes: ["json"] });
fields.add("stock_channel_missing", {
    component: LinesField,
    supportedTypes: ["json"],
    extractProps: () => ({ isMissing: true }),
});
