"""Orders that arrive together, and what of them was done together."""

from unittest.mock import patch

from odoo.addons.sale.models.sale_order import SaleOrder
from odoo.addons.stock_channel_hub.models.stock_channel_message_batch import (
    StockChannelMessageBatch,
)

from .common import HubCase

BATCH_LOGGER = "odoo.addons.stock_channel_hub.models.stock_channel_message_batch"


class BatchCase(HubCase):
    def setUp(self):
        super().setUp()
        self.receive(self.product, 500)

    def messages(self):
        return self.env["stock.channel.message"].search(
            [("channel_id", "=", self.channel.id)], order="id"
        )

    def sales(self):
        return self.env["sale.order"].search(
            [("stock_channel_id", "=", self.channel.id)], order="id"
        )

    def deliver_orders(self, ids, **vals):
        for order_id in ids:
            self.deliver("order.updated", self.order_data(order_id, **vals))

    def watch(self):
        """Collect how many sale orders each confirmation was for."""
        confirmed = []
        confirm = SaleOrder.action_confirm

        def action_confirm(orders):
            confirmed.append(len(orders))
            return confirm(orders)

        patcher = patch.object(SaleOrder, "action_confirm", action_confirm)
        patcher.start()
        self.addCleanup(patcher.stop)
        return confirmed

    def singly(self):
        """Let every message be worked on by itself."""
        return patch.object(
            StockChannelMessageBatch, "_process_together", lambda messages: messages
        )
