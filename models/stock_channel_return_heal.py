from odoo import models


class StockChannelOrderReturns(models.Model):
    """Returns that came before their order was here."""

    _inherit = "stock.channel.order"

    def _finish_create(self, snapshot):
        """Try the returns again that waited for this order."""
        note = super()._finish_create(snapshot)
        fingerprint = self.env["stock.channel.return"]._order_fingerprint(
            self.channel_id, self.external_id
        )
        self.env["stock.channel.exception"]._retry_fingerprints([fingerprint])
        return note


class SaleOrderLineReturned(models.Model):
    """What a channel's return means for the quantities of a sale order line."""

    _inherit = "sale.order.line"

    def _get_outgoing_incoming_moves(self, strict=True):
        """Count as back what was scrapped on arrival.

        Odoo leaves out what goes to an inventory loss, and the customer would be
        invoiced for goods that are back and refunded.

        :param bool strict: Odoo asks for what was delivered, else for what is to be
            procured.
        """
        outgoing, incoming = super()._get_outgoing_incoming_moves(strict=strict)
        if not strict:
            return outgoing, incoming
        scrapped = self.move_ids.filtered(
            lambda move: (
                move.channel_return_line_id
                and move.state != "cancel"
                and move.location_id.usage == "customer"
                and move.location_dest_usage == "inventory"
                and move.product_id == self.product_id
                and move.to_refund
            )
        )
        return outgoing, incoming | scrapped
