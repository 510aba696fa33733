from odoo import api, fields, models
from odoo.exceptions import UserError

NUMBER_KINDS = [
    ("equal", "Equal"),
    ("in_flight", "In Flight"),
    ("late", "Late"),
    ("paused", "Paused"),
    ("held", "Held"),
    ("edited", "Edited at the Channel"),
    ("missing", "Not at the Channel"),
    ("refused", "Refused"),
    ("shadow", "Would Be Told Another"),
    ("not_read", "Not Read"),
]
ORDER_KINDS = [
    ("once", "Here Exactly Once"),
    ("tombstone", "Cancelled before It Came"),
    ("unpaid", "Waits for Its Payment"),
    ("at_work", "Being Worked On"),
    ("nothing_to_do", "Nothing to Do Here"),
    ("waits", "Waits for a Person"),
    ("total", "Totals Differ"),
    ("twice", "Several Orders in One Sales Order"),
    ("lost", "Its Sales Order Is Gone"),
    ("stray", "Sales Order without an Order"),
]
# One word for what was told and could not be read, in both parts.
KINDS = [*NUMBER_KINDS, *ORDER_KINDS]


class StockChannelMatchLine(models.Model):
    """One number that differs, or one order that does not add up.

    Quantities in the listing's selling unit, the value in the company's currency,
    totals of orders in their own.
    """

    _name = "stock.channel.match.line"
    _description = "Difference of a Match"
    _order = "match_id, part, value desc, id"
    _rec_name = "sku"

    match_id = fields.Many2one(
        "stock.channel.match",
        required=True,
        readonly=True,
        ondelete="cascade",
        index=True,
    )
    channel_id = fields.Many2one(related="match_id.channel_id", store=True)
    company_id = fields.Many2one(related="match_id.company_id", store=True)
    currency_id = fields.Many2one(related="company_id.currency_id")
    part = fields.Selection(
        [("number", "Number"), ("order", "Order")], required=True, readonly=True
    )
    kind = fields.Selection(KINDS, "What It Is", required=True, readonly=True)
    sku = fields.Char("SKU or Order", readonly=True)
    listing_id = fields.Many2one(
        "stock.channel.listing", readonly=True, ondelete="set null"
    )
    channel_location_id = fields.Many2one(
        "stock.channel.location", "Location", readonly=True, ondelete="set null"
    )
    erp_qty = fields.Float("ERP", digits=0, readonly=True)
    expected_qty = fields.Float("Expected", digits=0, readonly=True)
    is_expected_known = fields.Boolean(readonly=True)
    live_qty = fields.Float("Live", digits=0, readonly=True)
    is_live_known = fields.Boolean(readonly=True)
    observed_at = fields.Datetime("Read", readonly=True)
    difference = fields.Float(digits=0, readonly=True, help="Live less ERP.")
    value = fields.Monetary("Difference in Value", readonly=True)
    channel_order_id = fields.Many2one(
        "stock.channel.order", "Order", readonly=True, ondelete="set null"
    )
    sale_order_id = fields.Many2one("sale.order", readonly=True, ondelete="set null")
    order_total = fields.Float("Channel's Total", digits=(16, 2), readonly=True)
    sale_total = fields.Float("Sales Order's Total", digits=(16, 2), readonly=True)
    currency_name = fields.Char("Order Currency", readonly=True)

    def write(self, vals):  # pylint: disable=method-required-super
        """Refuse, whoever asks: what was found is what was found."""
        raise UserError(self.env._("The lines of a match are never changed."))

    @api.ondelete(at_uninstall=False)
    def _unlink_unless_signed(self):
        if any(line.match_id.review_id.state == "signed" for line in self):
            raise UserError(self.env._("A signed match is never changed."))
