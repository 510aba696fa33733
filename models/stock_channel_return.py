import logging

from odoo import api, fields, models
from odoo.fields import Command

from ..connectors.data import Disposition, ReturnStatus
from .big_integer import BigInteger
from .quantities import plain
from .stock_channel_exception import NeedsPerson

_logger = logging.getLogger(__name__)

STATES = [
    ("announced", "Announced"),
    ("received", "Received"),
    ("done", "Done"),
    ("cancelled", "Cancelled"),
]
TRANSITIONS = {
    "announced": ("received", "done", "cancelled"),
    "received": ("announced", "done", "cancelled"),
    "done": ("announced", "received", "cancelled"),
    "cancelled": ("announced", "received", "done"),
}
DISPOSITIONS = [
    (Disposition.RESTOCK.value, "Restock"),
    (Disposition.INSPECT.value, "Inspect First"),
    (Disposition.SCRAP.value, "Scrap"),
]


class StockChannelReturn(models.Model):
    """Goods that come back, hung on the delivery they left with.

    The channel's word alone moves no stock: it makes a return transfer, and stock
    moves when a warehouse user validates it; at once only where the channel itself
    operates the location. Goods that were here before the channel's word are found
    and counted, and no second transfer is made for them.
    """

    _name = "stock.channel.return"
    _description = "Channel Return"
    _inherit = ["mail.thread", "stock.channel.mixin"]
    _order = "id desc"
    _mail_post_access = "read"

    channel_id = fields.Many2one(
        "stock.channel", required=True, readonly=True, ondelete="restrict", index=True
    )
    company_id = fields.Many2one(related="channel_id.company_id", store=True)
    external_id = fields.Char("Channel's Return Id", required=True, readonly=True)
    channel_order_id = fields.Many2one(
        "stock.channel.order",
        required=True,
        readonly=True,
        ondelete="cascade",
        index=True,
    )
    sale_order_id = fields.Many2one(related="channel_order_id.sale_order_id")
    state = fields.Selection(STATES, required=True, readonly=True, default="announced")
    version = BigInteger(readonly=True, default=-1)
    channel_location_id = fields.Many2one(
        "stock.channel.location", string="Comes back to", readonly=True
    )
    currency_id = fields.Many2one(related="channel_order_id.currency_id")
    refund_amount = fields.Monetary("Refunded by Channel", readonly=True)
    refunded_at = fields.Datetime(
        "Refunded on",
        readonly=True,
        help="When the channel's refund was heard of here.",
    )
    line_ids = fields.One2many("stock.channel.return.line", "channel_return_id")
    picking_ids = fields.Many2many("stock.picking", string="Transfers", readonly=True)

    _channel_external_unique = models.UniqueIndex(
        "(channel_id, external_id)", "This return of the channel exists already."
    )

    @api.depends("external_id")
    def _compute_display_name(self):
        for channel_return in self:
            channel_return.display_name = channel_return.external_id

    def _update_state(self, target):
        """Move to ``target``; the gate of the return's state machine."""
        for channel_return in self:
            if channel_return.state == target:
                continue
            if target in TRANSITIONS[channel_return.state]:
                channel_return.state = target
            else:
                _logger.warning(
                    "return %s is %s and may not become %s",
                    channel_return.id,
                    channel_return.state,
                    target,
                )

    # ------------------------------------------------------------------ take

    @api.model
    def _take(self, message, snapshot):
        """Apply a return as the channel tells it, in one transaction.

        :return: one line for the message about what was done.
        :raise NeedsPerson: when nothing may move without a person.
        """
        return self._in_transaction(lambda: self._apply(message, snapshot))

    def _apply(self, message, snapshot):
        message._keep_claim()
        channel = message.channel_id
        order = self._find_order(channel, snapshot)
        message.channel_order_id = order
        channel_return = self.search(
            [("channel_id", "=", channel.id), ("external_id", "=", snapshot.id)]
        ) or self.create(
            {
                "channel_id": channel.id,
                "external_id": snapshot.id,
                "channel_order_id": order.id,
            }
        )
        if snapshot.version <= channel_return.version:
            return self.env._("Known already; nothing to do.")
        channel_return._check_same_order(order)
        channel_return._write_snapshot(snapshot)
        if snapshot.status == ReturnStatus.CANCELLED:
            return channel_return._cancel()
        if channel_return.state == "cancelled":
            channel_return._update_state("announced")
        channel_return._replan(snapshot.status == ReturnStatus.RECEIVED)
        is_word_enough = channel_return.channel_location_id.is_operated_by_channel
        if channel_return.state == "received" and is_word_enough:
            channel_return._receive()
        return self.env._("Return %s recorded.", snapshot.id)

    def _replan(self, is_received):
        """Bring transfers and states to what is expected and what is here.

        :param bool is_received: by the channel's word the goods have come.
        """
        self.ensure_one()
        self._find_goods()
        self._count_goods()
        self._plan_transfers()
        self.line_ids._move_on()
        self.line_ids._settle()
        if not self._open_transfers() and self._has_come():
            self._update_state("done")
        else:
            self._update_state("received" if is_received else "announced")
        self._check_came()
        self._draft_credit_note()

    def _has_come(self):
        """Return whether all of it is here, or that part of it which will come."""
        expected = self.line_ids.filtered(lambda line: line._compare(line.quantity) > 0)
        return not expected or any(
            line._compare(line.done_qty) > 0 for line in self.line_ids
        )

    def _find_order(self, channel, snapshot):
        order = self.env["stock.channel.order"].search(
            [("channel_id", "=", channel.id), ("external_id", "=", snapshot.order_id)]
        )
        if not order.sale_order_id:
            raise NeedsPerson(
                category="data",
                fingerprint=self._order_fingerprint(channel, snapshot.order_id),
                title=self.env._("A return names an order that is not here"),
                cause=self.env._(
                    "Return %(name)s belongs to order %(order)s, which was never "
                    "delivered from here.",
                    name=snapshot.id,
                    order=snapshot.order_id,
                ),
                next_step=self.env._(
                    "Find the order at the channel. When it arrives here, the return "
                    "is tried again by itself."
                ),
                field="order_id",
                value=snapshot.order_id,
            )
        return order

    @api.model
    def _order_fingerprint(self, channel, order_id):
        return f"return-order:{channel.id}:{order_id}"

    def _check_same_order(self, order):
        """Refuse a return that is told of another order than before."""
        if self.channel_order_id != order:
            raise self._over_return(order.external_id)

    def _write_snapshot(self, snapshot):
        self.ensure_one()
        location = self.channel_id.location_ids.filtered(
            lambda place: place.external_id == snapshot.location_id
        )
        refund_amount = float(snapshot.refund_amount or 0)
        self.write(
            {
                "version": snapshot.version,
                "channel_location_id": location.id,
                "refund_amount": refund_amount,
                "refunded_at": refund_amount
                and (self.refunded_at or fields.Datetime.now()),
            }
        )
        self._write_lines(snapshot)

    def _over_return(self, value):
        return NeedsPerson(
            category="data",
            fingerprint=f"return:{self.channel_id.id}:{self.external_id}:quantity",
            title=self.env._("A return is larger than what was delivered"),
            cause=self.env._(
                "Return %(name)s of order %(order)s names more, or something else, "
                "than has left from here. Nothing was moved.",
                name=self.external_id,
                order=self.channel_order_id.name,
            ),
            next_step=self.env._(
                "Compare the return with the deliveries of the order. It is tried "
                "again when the delivery is validated; when the channel has corrected "
                "it, retry."
            ),
            field="lines",
            value=value,
            channel_order_id=self.channel_order_id.id,
        )

    # ------------------------------------------------------------- transfers

    def _plan_transfers(self):
        """Make return transfers for what is expected and in none.

        Where less is expected than before, or with another disposition, what has
        not come yet is planned anew. What a person closed stays closed until the
        channel changes the line.
        """
        self.ensure_one()
        if any(line._is_planned_otherwise() for line in self.line_ids):
            self._cancel_transfers()
        wanted = {}
        for line in self.line_ids:
            line.planned_disposition = line.disposition
            if line._compare(line.quantity - line.planned_qty) <= 0:
                continue
            for move, quantity in line._moves_to_return(line._needs()):
                key = (move.picking_id, line._destination(move))
                wanted.setdefault(key, []).append((line, move, quantity))
            line.planned_qty = line.quantity
            # The next line may be of the same order line and must not take these.
            wanted = self._create_transfers(wanted) if line._has_sibling() else wanted
        self._create_transfers(wanted)
        # Odoo takes the reservation off earlier returns of the same delivery when
        # it makes another one; they would stand there as not ready.
        transfers = self.channel_order_id.return_ids._open_transfers()
        if transfers:
            transfers.action_assign()
            transfers.move_ids.channel_return_line_id._pin_lots()

    def _cancel_transfers(self):
        """Take back what has not come; what has stays counted."""
        transfers = self._open_transfers()
        if transfers:
            transfers.action_cancel()
        for line in self.line_ids:
            line.planned_qty = line.done_qty

    def _create_transfers(self, wanted):
        """Make one transfer per delivery and destination.

        :param wanted: (delivery, destination) → (line, delivered move, quantity).
        :return: what is left to make: nothing.
        """
        for (picking, destination), rows in wanted.items():
            self._create_transfer(picking, destination, rows)
        return {}

    def _create_transfer(self, picking, destination, rows):
        wizard_sudo = (
            self.env["stock.return.picking"]
            .sudo()
            .create(
                {"picking_id": picking.id, "channel_location_dest_id": destination.id}
            )
        )
        quantities = {}
        lines = {}
        for line, move, quantity in rows:
            quantities[move.id] = quantities.get(move.id, 0.0) + quantity
            lines[move] = line
        for row in wizard_sudo.product_return_moves:
            row.quantity = quantities.get(row.move_id.id, 0.0)
        action = wizard_sudo.action_create_returns()
        transfer_sudo = self.env["stock.picking"].sudo().browse(action["res_id"])
        transfer_sudo.origin = self.env._(
            "Return %(name)s of %(order)s",
            name=self.external_id,
            order=self.channel_order_id.name,
        )
        self.picking_ids = [Command.link(transfer_sudo.id)]
        for move in transfer_sudo.move_ids:
            move.channel_return_line_id = lines.get(move.origin_returned_move_id)

    def _open_transfers(self):
        return self.picking_ids.sudo().filtered(
            lambda picking: picking.state not in ("done", "cancel")
        )

    def _cancel(self):
        """Take back the return; goods that have come stay and a person is told."""
        self._cancel_transfers()
        self._update_state("cancelled")
        self.line_ids._settle()
        self._check_came()
        return self.env._("Return %s cancelled.", self.external_id)

    def _receive(self):
        """Believe the channel: it operates the location and has the goods."""
        transfers = self._open_transfers()
        self.line_ids._check_lots_known(transfers)
        for transfer in transfers:
            transfer.move_ids.picked = True
            transfer.with_context(skip_backorder=True).button_validate()

    # ------------------------------------------------------------ what came

    @api.model
    def _goods_came(self, pickings):
        """Count what came, and close returns whose transfers are all done."""
        for channel_return in self.search([("picking_ids", "in", pickings.ids)]):
            # What did not come yet waits in a transfer of its own now.
            channel_return.picking_ids |= channel_return.picking_ids.backorder_ids
            channel_return._count_goods()
            if not channel_return._open_transfers():
                if channel_return.state != "cancelled":
                    channel_return._update_state("done")
                channel_return._check_came()
                channel_return._draft_credit_note()

    def _count_goods(self):
        for line in self.line_ids:
            came = line._came_back_qty()
            line.order_line_id.returned_qty += came - line.done_qty
            line.done_qty = came
        self.line_ids._settle()

    def _check_came(self):
        """Tell a person where what came is not what the channel speaks of."""
        is_cancelled = self.state == "cancelled"
        is_over = self.state == "done" and not self._open_transfers()
        differs = {
            line: line._compare(line.done_qty - line.quantity) for line in self.line_ids
        }
        found = {"cancelled": [], "more": [], "less": []}
        for line, sign in differs.items():
            if is_cancelled and line._compare(line.done_qty) > 0:
                found["cancelled"].append(line)
            elif not is_cancelled and sign > 0:
                found["more"].append(line)
            elif is_over and sign < 0:
                found["less"].append(line)
        for kind, lines in found.items():
            self._tell_came(kind, lines)

    def _came_texts(self, kind):
        """Return title, cause and next step of one kind of difference."""
        name = self.external_id
        if kind == "cancelled":
            return (
                self.env._("Return %s was cancelled, but goods have come", name),
                self.env._("The channel cancelled the return after the goods had come"),
                self.env._(
                    "Send the goods back to the customer, or ask the channel's "
                    "operator to announce the return again, so that it is refunded."
                ),
            )
        if kind == "more":
            return (
                self.env._("More came back than return %s says", name),
                self.env._("The channel speaks of fewer than have come"),
                self.env._(
                    "Count what came. Tell the channel's operator, who refunds by the "
                    "return."
                ),
            )
        return (
            self.env._("Less came back than return %s says", name),
            self.env._("The transfer is closed, and goods are missing"),
            self.env._(
                "Look for the missing goods. When they come, receive them as an "
                "unannounced return; otherwise tell the channel's operator, who "
                "refunds by the return."
            ),
        )

    def _tell_came(self, kind, lines):
        """Open, or close, the exception that these lines differ.

        :param str kind: which difference, part of the fingerprint.
        :param lines: the lines it is about; without any it has healed.
        """
        exceptions = self.env["stock.channel.exception"]
        fingerprint = f"return:{self.channel_id.id}:{self.external_id}:{kind}"
        if not lines:
            exceptions._resolve_fingerprint(self.channel_id, fingerprint)
            return
        title, cause, next_step = self._came_texts(kind)
        exceptions._open(
            self.channel_id,
            category="stock",
            fingerprint=fingerprint,
            return_id=self.id,
            title=title,
            cause=self.env._(
                "%(cause)s (came back / announced): %(lines)s.",
                cause=cause,
                lines=", ".join(
                    f"{line.sku} {plain(line.done_qty)} / {plain(line.quantity)}"
                    for line in lines
                ),
            ),
            next_step=next_step,
            channel_order_id=self.channel_order_id.id,
        )
