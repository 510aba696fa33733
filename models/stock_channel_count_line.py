from odoo import api, fields, models

from .stock_channel_count_reading import CountReading
from .stock_channel_exception import NeedsPerson

ISSUES = [
    ("ambiguous", "SKU of Several Items"),
    ("unit", "Unit Does Not Convert"),
    ("precision", "Fraction of a Unit"),
    ("not_stored", "No Stock Kept"),
    ("kit", "Kit"),
    ("lots", "Lots Missing"),
    ("lot_unknown", "Unknown Lot"),
    ("serial", "Serial Number Elsewhere"),
    ("adjusted", "Corrected by Hand Since"),
    ("counted_later", "Counted Again"),
]


class StockChannelCountLine(models.Model):
    """One product of a count, or one lot of it, as it was proposed.

    Quantities are in the product's own unit. Lines stay with the proposal they were
    made for; without one they agreed with the stock.
    """

    _name = "stock.channel.count.line"
    _description = "Channel Stock Count Line"
    _order = "count_id, approval_id, sequence, id"

    count_id = fields.Many2one(
        "stock.channel.count",
        required=True,
        readonly=True,
        ondelete="cascade",
        index=True,
    )
    approval_id = fields.Many2one(
        "stock.channel.approval",
        readonly=True,
        ondelete="cascade",
        index="btree_not_null",
    )
    company_id = fields.Many2one(related="count_id.company_id", store=True)
    currency_id = fields.Many2one(related="company_id.currency_id")
    sequence = fields.Integer(readonly=True)
    sku = fields.Char("SKU", readonly=True)
    product_id = fields.Many2one(
        "product.product", required=True, readonly=True, ondelete="restrict", index=True
    )
    uom_id = fields.Many2one(related="product_id.uom_id", string="Unit")
    lot_id = fields.Many2one(
        "stock.lot", readonly=True, ondelete="restrict", index="btree_not_null"
    )
    lot_name = fields.Char("Lot/Serial", readonly=True)
    told = fields.Char("As Told", readonly=True, help="In the channel's own units.")
    counted_qty = fields.Float("Counted", digits=0, readonly=True)
    expected_qty = fields.Float(
        "On Hand Then",
        digits=0,
        readonly=True,
        help="What was on hand here at the moment of the count: what may be sold, "
        "whatever is reserved of it.",
    )
    difference_qty = fields.Float(
        "Difference",
        digits=0,
        readonly=True,
        help="Counted less on hand then. This is what approving adds to the stock, "
        "whatever has moved since.",
    )
    value = fields.Monetary(readonly=True, help="Difference at today's cost.")
    open_qty = fields.Float(
        "Still to Leave",
        digits=0,
        readonly=True,
        help="What open deliveries and channel orders still take from here, of all "
        "lots. Goods the other side has shipped and nobody has validated here yet "
        "are missing in the count and are in this number: validate those deliveries "
        "first.",
    )
    unavailable_qty = fields.Float(
        "Not for Sale Here",
        digits=0,
        readonly=True,
        help="What lies at this place damaged, in quality control, blocked or as "
        "somebody else's goods, of all lots. It is no part of On Hand Then: if it was "
        "counted too, that explains the difference.",
    )
    on_hand_now = fields.Float(
        digits=0, compute="_compute_on_hand_now", compute_sudo=True
    )
    issue = fields.Selection(ISSUES, "Left Out", readonly=True)
    issue_note = fields.Char("Left Out Because", readonly=True)

    @api.depends("product_id", "lot_id", "count_id")
    def _compute_on_hand_now(self):
        self.on_hand_now = 0.0
        for count, lines in self.grouped("count_id").items():
            try:
                reading = CountReading(count)
            except NeedsPerson:
                # Its place is no place to be counted any more.
                continue
            on_hand = reading.on_hand_now(lines.product_id)
            for line in lines:
                by_lot = on_hand.get(line.product_id.id, {})
                line.on_hand_now = float(
                    by_lot.get(line.lot_id, 0)
                    if line._is_of_one_lot()
                    else sum(by_lot.values())
                )

    def _is_of_one_lot(self):
        return self.product_id.tracking != "none" and not self.issue

    @api.model
    def _create_for(self, count, approval, rows):
        """Keep these rows as the lines of a proposal."""
        hints = self._hints(count, rows)
        return self.create(
            [
                {
                    "count_id": count.id,
                    "approval_id": approval.id,
                    "sequence": sequence,
                    "sku": row.sku,
                    "product_id": row.product.id,
                    "lot_id": row.lot.id,
                    "lot_name": row.lot.name,
                    "told": row.told,
                    "counted_qty": float(row.counted),
                    "expected_qty": float(row.expected),
                    "difference_qty": float(row.delta),
                    "value": row.value,
                    "issue": row.issue or False,
                    "issue_note": row.note or False,
                    **hints.get(row.product.id, {}),
                }
                for sequence, row in enumerate(rows)
            ]
        )

    def _hints(self, count, rows):
        """Return product id → what may explain a difference, from the numbers.

        Not for kits: their numbers are those of their parts.
        """
        listings = self.env["stock.channel.listing"].search(
            [
                ("channel_id", "=", count.channel_id.id),
                (
                    "product_id",
                    "in",
                    [row.product.id for row in rows if row.issue != "kit"],
                ),
            ]
        )
        numbers = self.env["stock.channel.availability"]._compute_numbers(listings)
        product_of = {listing.id: listing.product_id.id for listing in listings}
        return {
            product_of[number["listing_id"]]: {
                "open_qty": float(
                    number["reserved"] + number["owed"] + number["in_flight"]
                ),
                "unavailable_qty": float(number["unavailable"]),
            }
            for number in numbers
            if number["channel_location_id"] == count.channel_location_id.id
            and number["listing_id"] in product_of
        }


class StockChannelApprovalCount(models.Model):
    """What a proposal of a count shows."""

    _inherit = "stock.channel.approval"

    count_line_ids = fields.One2many(
        "stock.channel.count.line", "approval_id", readonly=True
    )
    count_id = fields.Many2one("stock.channel.count", compute="_compute_count")
    counted_at = fields.Datetime("Counted", compute="_compute_count")
    channel_location_id = fields.Many2one(
        "stock.channel.location", "Counted at", compute="_compute_count"
    )
    left_out = fields.Text(compute="_compute_left_out")

    @api.depends("count_line_ids.issue")
    def _compute_left_out(self):
        for approval in self:
            approval.left_out = "\n".join(
                f"{line.sku}: {line.issue_note}"
                for line in approval.count_line_ids
                if line.issue
            )

    @api.depends("subject_model", "subject_id")
    def _compute_count(self):
        for approval in self:
            is_count = approval.subject_model == "stock.channel.count"
            approval.count_id = is_count and approval.subject_id
            approval.counted_at = approval.count_id.counted_at
            approval.channel_location_id = approval.count_id.channel_location_id

    def action_open_adjustments(self):
        """Show what approving this count did to the stock."""
        self.ensure_one()
        self.check_access("read")
        return {
            "type": "ir.actions.act_window",
            "name": self.env._("Adjustments"),
            "res_model": "stock.move",
            "view_mode": "list,form",
            "domain": [("id", "in", self.sudo().count_id.move_ids.ids)],
        }
