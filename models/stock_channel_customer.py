from odoo import api, fields, models

from .stock_channel_order_partner import is_same_vat


class StockChannelCustomer(models.Model):
    """Which contact a customer of the channel is.

    Mailboxes change and are shared, a channel's customer id is not: who was met once
    is known by it from then on.
    """

    _name = "stock.channel.customer"
    _description = "Channel Customer"
    _order = "channel_id, id desc"
    _rec_name = "external_id"
    _check_company_auto = True

    channel_id = fields.Many2one(
        "stock.channel", required=True, readonly=True, ondelete="cascade"
    )
    company_id = fields.Many2one(related="channel_id.company_id", store=True)
    external_id = fields.Char("Channel's Customer Id", required=True, readonly=True)
    partner_id = fields.Many2one(
        "res.partner",
        string="Contact",
        required=True,
        check_company=True,
        ondelete="cascade",
        index=True,
        help="Orders to come of this customer are made for this contact.",
    )

    _channel_external_unique = models.UniqueIndex(
        "(channel_id, external_id)", "This customer of the channel is known already."
    )

    @api.model
    def _find(self, channel, external_id):
        """Return the link of a customer, empty when not met yet or a guest."""
        if not external_id:
            return self.browse()
        return self.search(
            [("channel_id", "=", channel.id), ("external_id", "=", external_id)]
        )

    def _link(self, channel, external_id, partner):
        """Remember who a customer is; one whose contact was archived is moved.

        Two workers may meet one customer at once: the second fails by the unique
        index and finds the first's when it starts over (``stock.channel.mixin``).
        """
        if self:
            self.partner_id = partner
            return self
        return self.create(
            {
                "channel_id": channel.id,
                "external_id": external_id,
                "partner_id": partner.id,
            }
        )


class StockChannelOrderCustomer(models.Model):
    _inherit = "stock.channel.order"

    def _check_after(self, snapshot):
        result = super()._check_after(snapshot)
        customer_sudo = self.sale_order_id.sudo().partner_id.commercial_partner_id
        if is_same_vat(customer_sudo.vat, snapshot.customer.vat):
            self.env["stock.channel.exception"]._resolve_fingerprint(
                self.channel_id, f"order:{self.id}:vat"
            )
        return result
