import logging

from odoo import api, fields, models
from odoo.exceptions import UserError
from odoo.fields import Command

from .quantities import plain, to_decimal
from .stock_channel_exception import NeedsPerson

_logger = logging.getLogger(__name__)

STATES = [
    ("received", "Not Matched"),
    ("matched", "Matched"),
    ("closed", "Closed without Match"),
]
TRANSITIONS = {
    "received": ("matched", "closed"),
    "matched": (),
    "closed": ("received",),
}


class StockChannelBlindReceipt(models.Model):
    """Goods that came back and that nobody had announced.

    A record of its own, not a channel's return without an order: the channel's
    return says what the *channel* told of which order line, and every part of it
    is required. Here nobody has told anything yet, the channel may be unknown, and
    the goods may turn out to be half of one return and half of another. One record
    holds one product, of one lot.
    """

    _name = "stock.channel.blind.receipt"
    _description = "Unannounced Return"
    _inherit = ["mail.thread"]
    _order = "id desc"
    _mail_post_access = "read"
    _check_company_auto = True

    company_id = fields.Many2one(
        "res.company", required=True, readonly=True, index=True
    )
    channel_id = fields.Many2one(
        "stock.channel",
        readonly=True,
        ondelete="restrict",
        index="btree_not_null",
        check_company=True,
    )
    state = fields.Selection(STATES, required=True, readonly=True, default="received")
    product_id = fields.Many2one(
        "product.product", required=True, readonly=True, ondelete="restrict", index=True
    )
    lot_id = fields.Many2one(
        "stock.lot", "Lot/Serial Number", readonly=True, ondelete="restrict"
    )
    quantity = fields.Float(
        digits="Product Unit",
        required=True,
        readonly=True,
        help="In the product's unit.",
    )
    uom_id = fields.Many2one(related="product_id.uom_id")
    location_id = fields.Many2one(
        "stock.location",
        "Put into",
        required=True,
        readonly=True,
        ondelete="restrict",
    )
    note = fields.Char(
        "What Is on the Parcel", readonly=True, help="Sender, order or return number."
    )
    picking_id = fields.Many2one(
        "stock.picking", "Receipt", readonly=True, ondelete="restrict", index=True
    )
    received_by_id = fields.Many2one("res.users", "Received by", readonly=True)
    received_at = fields.Datetime("Came", required=True, readonly=True)
    order_line_id = fields.Many2one(
        "stock.channel.order.line",
        "Matched to",
        readonly=True,
        ondelete="set null",
        index="btree_not_null",
    )
    channel_order_id = fields.Many2one(related="order_line_id.channel_order_id")
    matched_by_id = fields.Many2one("res.users", "Matched by", readonly=True)
    matched_at = fields.Datetime("Matched", readonly=True)
    currency_id = fields.Many2one(related="company_id.currency_id")
    value = fields.Monetary(
        "Value at Cost",
        readonly=True,
        help="What the goods cost, in the company's currency, when they came.",
    )
    age_days = fields.Integer("Days", compute="_compute_age_days")

    _not_matched = models.Index("(product_id, company_id) WHERE state = 'received'")

    @api.depends("picking_id.name", "product_id")
    def _compute_display_name(self):
        for receipt in self:
            receipt.display_name = (
                f"{receipt.sudo().picking_id.name} {receipt.product_id.display_name}"
            )

    @api.depends("received_at", "state", "matched_at")
    def _compute_age_days(self):
        now = fields.Datetime.now()
        for receipt in self:
            until = receipt.matched_at or now
            receipt.age_days = (until - (receipt.received_at or now)).days

    def _update_state(self, target, vals=None):
        """Move to ``target``; the gate of the receipt's state machine.

        :return: those that moved.
        """
        moved = self.filtered(lambda receipt: target in TRANSITIONS[receipt.state])
        refused = self - moved
        if refused:
            _logger.warning("receipts %s may not become %s", refused.ids, target)
        moved.write({**(vals or {}), "state": target})
        return moved

    # ------------------------------------------------------------- receiving

    @api.model
    def _receive(self, *, location, product, quantity, lot=None, channel=None, note=""):
        """Take goods in that nobody announced, and match them where that is clear.

        :param location: a stock location whose goods are not on sale.
        :param quantity: in the product's own unit.
        :return: the record of it.
        :raise UserError: when they cannot be taken in so; nothing is moved.
        """
        self.env["stock.channel.exception"]._check_operator()
        company = location.company_id
        self._check_receivable(location, product, quantity, lot)
        receipts_sudo = self.sudo().with_company(company)
        picking_sudo = receipts_sudo._create_picking(location, product, quantity, lot)
        receipt_sudo = receipts_sudo.create(
            {
                "company_id": company.id,
                "channel_id": channel and channel.id,
                "product_id": product.id,
                "lot_id": lot and lot.id,
                "quantity": quantity,
                "location_id": location.id,
                "note": note,
                "picking_id": picking_sudo.id,
                "received_by_id": self.env.user.id,
                "received_at": fields.Datetime.now(),
                "value": quantity * product.sudo().with_company(company).standard_price,
            }
        )
        receipt_sudo._match_if_clear()
        receipt_sudo._tell_unmatched()
        return receipt_sudo.with_env(self.env)

    def _check_receivable(self, location, product, quantity, lot):
        condition = location.effective_stock_condition
        if location.usage != "internal" or not location.company_id:
            raise UserError(
                self.env._("Choose a location of your own warehouse for the goods.")
            )
        if condition == "sellable":
            raise UserError(
                self.env._(
                    "What lies in %s is on sale. Goods that nobody announced go where "
                    "they are not sold, such as a quarantine location.",
                    location.complete_name,
                )
            )
        if product.uom_id.compare(quantity, 0.0) <= 0:
            raise UserError(self.env._("Enter how many have come."))
        if product.tracking == "none":
            return
        if not lot:
            raise UserError(
                self.env._(
                    "Enter the lot or serial number of %s.", product.display_name
                )
            )
        if product.tracking == "serial":
            self._check_serial(product, quantity, lot)

    def _check_serial(self, product, quantity, lot):
        if to_decimal(quantity) != 1:
            raise UserError(
                self.env._("A serial number is one piece: receive them one by one.")
            )
        here = lot.sudo().quant_ids.filtered(
            lambda quant: quant.location_id.usage == "internal" and quant.quantity > 0
        )
        if here:
            raise UserError(
                self.env._(
                    "%(lot)s of %(product)s is in %(place)s already; it cannot come "
                    "back once more. Read the number again.",
                    lot=lot.name,
                    product=product.display_name,
                    place=here[0].location_id.complete_name,
                )
            )

    def _create_picking(self, location, product, quantity, lot):
        """Make and validate the receipt that brings the goods in."""
        customers = self.env.ref("stock.stock_location_customers")
        warehouse = location.warehouse_id
        picking_type = (
            warehouse.out_type_id.return_picking_type_id or warehouse.in_type_id
        )
        if not picking_type:
            raise UserError(
                self.env._("%s belongs to no warehouse.", location.complete_name)
            )
        places = {"location_id": customers.id, "location_dest_id": location.id}
        picking = self.env["stock.picking"].create(
            {
                **places,
                "picking_type_id": picking_type.id,
                "origin": self.env._("Unannounced return"),
                "move_ids": [
                    Command.create(
                        {
                            **places,
                            "product_id": product.id,
                            "product_uom": product.uom_id.id,
                            "product_uom_qty": quantity,
                        }
                    )
                ],
            }
        )
        self._fill_in(picking.move_ids, location, quantity, lot)
        picking.with_context(skip_backorder=True, skip_sms=True).button_validate()
        return picking

    def _fill_in(self, move, location, quantity, lot):
        """Say what is there: this lot, in this very location."""
        move._action_confirm(merge=False)
        move.move_line_ids.unlink()
        move.move_line_ids = [
            Command.create(
                {
                    **move._prepare_move_line_vals(),
                    "quantity": quantity,
                    "location_dest_id": location.id,
                    "lot_id": lot and lot.id,
                }
            )
        ]
        move.picked = True

    # -------------------------------------------------------------- matching

    def _move(self):
        """Return the moves of these goods that hang on no delivery yet."""
        self.ensure_one()
        return self.picking_id.move_ids.filtered(
            lambda move: (
                move.product_id == self.product_id and not move.origin_returned_move_id
            )
        )[:1]

    def _fitting_lines(self):
        """Return the lines of returns that wait for exactly these goods."""
        self.ensure_one()
        waiting = self.env["stock.channel.return.line"].search(
            [
                ("missing_qty", ">", 0),
                ("company_id", "=", self.company_id.id),
                *([("channel_id", "=", self.channel_id.id)] if self.channel_id else []),
            ]
        )
        return waiting.filtered(
            lambda line: (
                self.product_id.id in line.order_line_id._component_ids()
                and line._fits(self)
            )
        )

    def _left_with(self, line):
        """Return whether so many have left with a line's order and are not back."""
        move = self._move()
        most = sum(
            move._hangs_on_qty(origin)
            for origin in line.order_line_id._delivered_moves()
            if origin.product_id == self.product_id
        )
        return most >= to_decimal(self.quantity)

    def _orders_of_lot(self):
        """Return the channel orders that this lot or serial left with."""
        self.ensure_one()
        if not self.lot_id:
            return self.env["stock.channel.order"]
        move_lines = self.env["stock.move.line"].search(
            [
                ("lot_id", "=", self.lot_id.id),
                ("state", "=", "done"),
                ("company_id", "=", self.company_id.id),
                ("location_dest_usage", "=", "customer"),
            ]
        )
        return move_lines.move_id.sale_line_id._channel_lines().channel_order_id

    def _match_if_clear(self):
        """Match goods that exactly one announced return waits for."""
        self.ensure_one()
        fitting = self._fitting_lines()
        if len(fitting) != 1:
            return
        try:
            with self.env.cr.savepoint():
                self._match(fitting.order_line_id)
        except (UserError, NeedsPerson) as error:
            # The goods are here whatever the channel announced: a person matches.
            _logger.info("receipt %s was not matched by itself: %s", self.id, error)
            self.invalidate_recordset()

    def _match(self, order_line):
        """Make these goods a return of an order line.

        A channel's return that waits for them counts them, and what it still waits
        for is planned anew.

        :raise UserError: when they did not leave with that order; nothing changes.
        """
        self.ensure_one()
        waiting = self.env["stock.channel.return.line"].search(
            [("order_line_id", "=", order_line.id), ("missing_qty", ">", 0)],
            order="id",
        )
        returns = waiting.channel_return_id
        for channel_return in returns:
            channel_return._cancel_transfers()
        self._hang_on(order_line)
        for channel_return in returns:
            channel_return._replan(channel_return.state == "received")

    def _hang_on(self, order_line):
        moves = self._move()._hang_on(order_line)
        self.picking_id.partner_id = moves.partner_id[:1]
        self._update_state(
            "matched",
            {
                "order_line_id": order_line.id,
                "matched_by_id": self.env.user.id,
                "matched_at": fields.Datetime.now(),
                "channel_id": order_line.channel_id.id,
            },
        )
        self._resolve_unmatched()

    def _tell_unmatched(self):
        """Let somebody find out whose goods these are."""
        if self.state != "received" or not self.channel_id:
            return
        self.env["stock.channel.exception"]._open(
            self.channel_id,
            category="stock",
            fingerprint=f"receipt:{self.id}",
            receipt_id=self.id,
            title=self.env._(
                "%s came back and nobody announced it", self.product_id.display_name
            ),
            cause=self.env._(
                "%(quantity)s %(unit)s %(lot)slie in %(location)s and belong to no "
                "return. On the parcel: %(note)s.",
                quantity=plain(self.quantity),
                unit=self.uom_id.name,
                lot=f"{self.lot_id.name} " if self.lot_id else "",
                location=self.location_id.complete_name,
                note=self.note or "-",
            ),
            next_step=self.env._(
                "Find the order, open Stock Channels > Orders > Unannounced Returns "
                "and press Match. It matches by itself when the channel announces it."
            ),
            value=self.sudo().picking_id.name,
        )

    def _resolve_unmatched(self):
        for receipt in self:
            if receipt.channel_id:
                self.env["stock.channel.exception"]._resolve_fingerprint(
                    receipt.channel_id, f"receipt:{receipt.id}"
                )

    # --------------------------------------------------------------- actions

    def action_close(self):
        """Take these off the list: they belong to no order of a channel."""
        self.check_access("read")
        self.env["stock.channel.exception"]._check_operator()
        receipts_sudo = self.sudo()._update_state("closed")
        receipts_sudo._resolve_unmatched()
        for receipt_sudo in receipts_sudo:
            receipt_sudo.message_post(
                body=self.env._("%s closed it without a match.", self.env.user.name)
            )

    def action_reopen(self):
        self.check_access("read")
        self.env["stock.channel.exception"]._check_operator()
        for receipt_sudo in self.sudo()._update_state("received"):
            receipt_sudo._tell_unmatched()

    def action_match(self):
        """Ask which order these goods left with."""
        self.ensure_one()
        self.check_access("read")
        return {
            "type": "ir.actions.act_window",
            "name": self.env._("Which Order Did It Leave with?"),
            "res_model": "stock.channel.match.wizard",
            "view_mode": "form",
            "target": "new",
            "context": {"default_receipt_id": self.id},
        }
