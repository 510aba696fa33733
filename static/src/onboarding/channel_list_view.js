import { registry } from "@web/core/registry";
import { listView } from "@web/views/list/list_view";
import { ListController } from "@web/views/list/list_controller";

/** New leads through the steps; the form with everything is a click behind them. */
export class ChannelListController extends ListController {
    async createRecord() {
        await this.actionService.doAction(
            "stock_channel_hub.stock_channel_onboarding_action"
        );
    }
}

registry.category("views").add("stock_channel_list", {
    ...listView,
    Controller: ChannelListController,
});
