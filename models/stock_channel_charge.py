from odoo import api, fields, models

from ..connectors.data import ChargeKind
from .stock_channel_exception import NeedsPerson


class StockChannelCharge(models.Model):
    """Which product a charge of the channel is sold as, by its title or code."""

    _name = "stock.channel.charge"
    _description = "Channel Charge"
    _order = "channel_id, name, id"
    _check_company_auto = True

    channel_id = fields.Many2one(
        "stock.channel", required=True, ondelete="cascade", index=True
    )
    company_id = fields.Many2one(related="channel_id.company_id", store=True)
    name = fields.Char(
        "Title or Code",
        required=True,
        help="As the channel writes it, in capitals or not: Express, Gift Wrap.",
    )
    product_id = fields.Many2one(
        "product.product",
        required=True,
        check_company=True,
        ondelete="restrict",
        domain=[("type", "=", "service")],
    )

    _one_per_name = models.UniqueIndex(
        "(channel_id, lower(name))", "This charge has a product already."
    )

    @api.model_create_multi
    def create(self, vals_list):
        charges = super().create(vals_list)
        charges.channel_id._retry_field("charge")
        return charges

    def write(self, vals):
        result = super().write(vals)
        self.channel_id._retry_field("charge")
        return result


class StockChannelCharges(models.Model):
    _inherit = "stock.channel"

    charge_map_ids = fields.One2many(
        "stock.channel.charge", "channel_id", string="Charges"
    )
    fee_product_id = fields.Many2one(
        "product.product",
        check_company=True,
        domain=[("type", "=", "service")],
        default=lambda self: self.env.ref(
            "stock_channel_hub.product_fee", raise_if_not_found=False
        ),
        help="Fees, tips and vouchers of channel orders become lines of this product.",
    )

    def write(self, vals):
        result = super().write(vals)
        if {"fee_product_id", "shipping_product_id"} & vals.keys():
            self._retry_field("charge")
        return result


class StockChannelOrderCharge(models.Model):
    _inherit = "stock.channel.order"

    def _charge_product(self, charge):
        """Return what a charge is sold as: by its title or code, else by its kind.

        :raise NeedsPerson: when nobody has said, or the product is archived.
        """
        channel = self.channel_id
        words = {word.strip().lower() for word in (charge.code, charge.title) if word}
        row = channel.charge_map_ids.filtered(
            lambda row: row.name.strip().lower() in words
        )[:1]
        if row:
            product = row.product_id
        elif charge.kind is ChargeKind.SHIPPING:
            product = channel.shipping_product_id
        else:
            product = channel.fee_product_id
        if product.active:
            return product
        raise NeedsPerson(
            category="data",
            fingerprint=f"charge:{channel.id}:{charge.kind.value}:{charge.title}",
            title=self.env._("No product for the charge %s", charge.title),
            cause=self.env._(
                "Order %(order)s has the charge %(title)s, and no product that is in "
                "use is set for it.",
                order=self.name,
                title=charge.title,
            ),
            next_step=self.env._(
                "Choose a product for it on the channel, page Finance. Orders that wait "
                "for it are processed by themselves then."
            ),
            field="charge",
            value=charge.title,
            channel_order_id=self.id,
        )
