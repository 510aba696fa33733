from odoo import models


class StockChannelOrderReturns(models.Model):
    """Returns that came before their order was here."""

    _inherit = "stock.channel.order"

    def _apply_create(self, plan, snapshot):
        """Try the returns again that waited for this order."""
        note = super()._apply_create(plan, snapshot)
        fingerprint = self.env["stock.channel.return"]._order_fingerprint(
            self.channel_id, self.external_id
        )
        self.env["stock.channel.exception"]._retry_fingerprints([fingerprint])
        return note
