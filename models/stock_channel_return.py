import logging

from odoo import api, fields, models
from odoo.fields import Command

from ..connectors.data import Disposition, ReturnStatus
from ..connectors.plan import take_from
from .quantities import plain, to_decimal
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
    "done": ("announced",),
    "cancelled": ("announced", "received"),
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
    operates the location.
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
    version = fields.Float(digits=(20, 0), readonly=True, default=-1)
    channel_location_id = fields.Many2one(
        "stock.channel.location", string="Comes back to", readonly=True
    )
    refund_amount = fields.Float(readonly=True)
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
        channel_return._write_snapshot(snapshot)
        if snapshot.status == ReturnStatus.CANCELLED:
            return channel_return._cancel()
        channel_return._plan_transfers()
        channel_return._check_came_more()
        if snapshot.status == ReturnStatus.ANNOUNCED:
            channel_return._update_state(
                "announced" if channel_return._open_transfers() else "done"
            )
        elif channel_return.state != "done":
            channel_return._update_state("received")
            if channel_return.channel_location_id.is_operated_by_channel:
                channel_return._receive()
        return self.env._("Return %s recorded.", snapshot.id)

    def _check_came_more(self):
        """Tell a person when more has come back than the channel speaks of."""
        more = self.line_ids.filtered(
            lambda line: (
                line.order_line_id.uom_id.compare(line.done_qty, line.quantity) > 0
            )
        )
        exceptions = self.env["stock.channel.exception"]
        fingerprint = f"return:{self.channel_id.id}:{self.external_id}:more"
        if not more:
            exceptions._resolve_fingerprint(self.channel_id, fingerprint)
            return
        exceptions._open(
            self.channel_id,
            category="stock",
            fingerprint=fingerprint,
            title=self.env._("More came back than return %s says", self.external_id),
            cause=self.env._(
                "The channel lowered the return after the goods had come: %s.",
                ", ".join(
                    f"{line.sku} {plain(line.done_qty)} / {plain(line.quantity)}"
                    for line in more
                ),
            ),
            next_step=self.env._(
                "Count what came. Tell the channel's operator, who refunds by the "
                "return."
            ),
            channel_order_id=self.channel_order_id.id,
        )

    def _find_order(self, channel, snapshot):
        order = self.env["stock.channel.order"].search(
            [("channel_id", "=", channel.id), ("external_id", "=", snapshot.order_id)]
        )
        if not order.sale_order_id:
            raise NeedsPerson(
                category="data",
                fingerprint=f"return:{channel.id}:{snapshot.id}:order",
                title=self.env._("A return names an order that is not here"),
                cause=self.env._(
                    "Return %(name)s belongs to order %(order)s, which was never "
                    "delivered from here.",
                    name=snapshot.id,
                    order=snapshot.order_id,
                ),
                next_step=self.env._(
                    "Find the order at the channel. When it has arrived here, retry."
                ),
                field="order_id",
                value=snapshot.order_id,
            )
        return order

    def _write_snapshot(self, snapshot):
        self.ensure_one()
        location = self.channel_id.location_ids.filtered(
            lambda place: place.external_id == snapshot.location_id
        )
        self.write(
            {
                "version": snapshot.version,
                "channel_location_id": location.id,
                "refund_amount": float(snapshot.refund_amount or 0),
            }
        )
        order_lines = {
            line.external_id: line for line in self.channel_order_id._active_lines()
        }
        known = {line.order_line_id: line for line in self.line_ids}
        for wire in snapshot.lines:
            order_line = order_lines.get(wire.order_line_id)
            if not order_line:
                raise self._over_return(wire.order_line_id)
            vals = {
                "quantity": float(wire.quantity),
                "disposition": (wire.disposition or Disposition.INSPECT).value,
            }
            if order_line in known:
                known.pop(order_line).write(vals)
            else:
                self.line_ids = [
                    Command.create({**vals, "order_line_id": order_line.id})
                ]

        for gone in known.values():
            gone.quantity = gone.done_qty

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
                "Compare the return with the deliveries of the order. When the "
                "delivery is validated, or the channel has corrected it, retry."
            ),
            field="lines",
            value=value,
            channel_order_id=self.channel_order_id.id,
        )

    # ------------------------------------------------------------- transfers

    def _plan_transfers(self):
        """Make return transfers for what is expected and in none.

        Where less is expected than before, or with another disposition, what has
        not come yet is planned anew.
        """
        self.ensure_one()
        if any(line._is_planned_otherwise() for line in self.line_ids):
            open_transfers = self._open_transfers()
            if open_transfers:
                open_transfers.action_cancel()
            for line in self.line_ids:
                line.planned_qty = line.done_qty
        wanted = {}
        for line in self.line_ids:
            missing = line.quantity - line.planned_qty
            line.planned_disposition = line.disposition
            if line.order_line_id.uom_id.compare(missing, 0.0) <= 0:
                continue
            for move, quantity in line._moves_to_return(missing):
                key = (move.picking_id, line._destination(move))
                wanted.setdefault(key, []).append((move, quantity))
            line.planned_qty = line.quantity
        for (picking, destination), moves in wanted.items():
            self._create_transfer(picking, destination, moves)
        # Odoo takes the reservation off earlier returns of the same delivery when
        # it makes another one; they would stand there as not ready.
        transfers = self.channel_order_id.return_ids._open_transfers()
        if transfers:
            transfers.action_assign()

    def _create_transfer(self, picking, destination, moves):
        wizard = (
            self.env["stock.return.picking"]
            .sudo()
            .create(
                {"picking_id": picking.id, "channel_location_dest_id": destination.id}
            )
        )
        quantities = {}
        for move, quantity in moves:
            quantities[move.id] = quantities.get(move.id, 0.0) + quantity
        for line in wizard.product_return_moves:
            line.quantity = quantities.get(line.move_id.id, 0.0)
        action = wizard.action_create_returns()
        transfer = self.env["stock.picking"].sudo().browse(action["res_id"])
        transfer.origin = self.env._(
            "Return %(name)s of %(order)s",
            name=self.external_id,
            order=self.channel_order_id.name,
        )
        self.picking_ids = [Command.link(transfer.id)]

    def _open_transfers(self):
        return self.picking_ids.sudo().filtered(
            lambda picking: picking.state not in ("done", "cancel")
        )

    def _cancel(self):
        transfers = self._open_transfers()
        if transfers:
            transfers.action_cancel()
        for line in self.line_ids:
            line.planned_qty = line.done_qty
        self._update_state("cancelled")
        return self.env._("Return %s cancelled.", self.external_id)

    def _receive(self):
        """Believe the channel: it operates the location and has the goods."""
        for transfer in self._open_transfers():
            transfer.move_ids.picked = True
            transfer.with_context(skip_backorder=True).button_validate()

    @api.model
    def _goods_came(self, pickings):
        """Close returns whose transfers are all done."""
        for channel_return in self.search([("picking_ids", "in", pickings.ids)]):
            # What did not come yet waits in a transfer of its own now.
            channel_return.picking_ids |= channel_return.picking_ids.backorder_ids
            for line in channel_return.line_ids:
                came = line._came_back_qty()
                line.order_line_id.returned_qty += came - line.done_qty
                line.done_qty = came
            if not channel_return._open_transfers():
                channel_return._update_state("done")


class StockChannelReturnLine(models.Model):
    _name = "stock.channel.return.line"
    _description = "Channel Return Line"

    channel_return_id = fields.Many2one(
        "stock.channel.return",
        required=True,
        readonly=True,
        ondelete="cascade",
        index=True,
    )
    company_id = fields.Many2one(related="channel_return_id.company_id", store=True)
    order_line_id = fields.Many2one(
        "stock.channel.order.line",
        required=True,
        readonly=True,
        ondelete="cascade",
        index=True,
    )
    sku = fields.Char(related="order_line_id.sku")
    quantity = fields.Float(digits=0, readonly=True)
    planned_qty = fields.Float("In Transfers", digits=0, readonly=True)
    done_qty = fields.Float("Came Back", digits=0, readonly=True)
    disposition = fields.Selection(DISPOSITIONS, required=True, readonly=True)
    planned_disposition = fields.Selection(DISPOSITIONS, readonly=True)

    def _is_planned_otherwise(self):
        """Return whether the open transfers do not fit what is expected now."""
        self.ensure_one()
        compare = self.order_line_id.uom_id.compare
        return compare(self.planned_qty, self.quantity) > 0 or (
            compare(self.planned_qty, self.done_qty) > 0
            and self.planned_disposition != self.disposition
        )

    def _came_back_qty(self):
        """Return how many have come back with this return, in the selling unit."""
        self.ensure_one()
        came = self.channel_return_id.picking_ids.sudo().move_ids.filtered(
            lambda move: (
                move.state == "done"
                and move.origin_returned_move_id.sale_line_id
                in self.order_line_id._sale_lines()
            )
        )
        return self.order_line_id._units_in(came)

    def _destination(self, move):
        """Return the stock location these goods come back to.

        :param move: the delivery they left with: a line in several parts comes back
            where each part left, unless the channel names the place.
        :raise NeedsPerson: when nobody said where goods to be inspected go.
        """
        self.ensure_one()
        channel_return = self.channel_return_id
        channel = channel_return.channel_id
        if self.disposition == Disposition.INSPECT:
            if channel.quarantine_location_id:
                return channel.quarantine_location_id
            raise NeedsPerson(
                category="data",
                fingerprint=f"return:{channel.id}:quarantine",
                title=self.env._("Nobody said where returns are inspected"),
                cause=self.env._(
                    "Return %s must be inspected first and the channel has no "
                    "quarantine location.",
                    channel_return.external_id,
                ),
                next_step=self.env._(
                    "Choose a quarantine location on the channel, then retry."
                ),
                channel_order_id=channel_return.channel_order_id.id,
            )
        if self.disposition == Disposition.SCRAP:
            return self.env["stock.location"].search(
                [
                    ("usage", "=", "inventory"),
                    ("company_id", "in", [False, channel.company_id.id]),
                ],
                limit=1,
            )
        place = (
            channel_return.channel_location_id
            or move.sale_line_id.channel_location_id
            or self.order_line_id.channel_location_id
        )
        warehouse_stock = place.warehouse_id.lot_stock_id
        return warehouse_stock & place.location_ids or place.location_ids[:1]

    def _moves_to_return(self, quantity):
        """Return (delivered move, quantity in its unit) pairs to hang it on.

        :param float quantity: in the selling unit.
        :raise NeedsPerson: when less than that has left and is not back yet.
        """
        self.ensure_one()
        delivered = self.order_line_id._sale_lines().move_ids.filtered(
            lambda move: (
                move.state == "done" and move.location_dest_id.usage == "customer"
            )
        )
        pairs = []
        for product_id, amount in self.order_line_id._components(quantity).items():
            moves = delivered.filtered(lambda m, p=product_id: m.product_id.id == p)
            by_id = {str(move.id): move for move in moves}
            taken = take_from(
                [
                    (str(move.id), to_decimal(move._channel_returnable_qty()))
                    for move in moves.sorted("id")
                ],
                to_decimal(amount),
            )
            if sum(taken.values()) < to_decimal(amount):
                raise self.channel_return_id._over_return(self.sku)
            pairs += [
                (
                    by_id[move_id],
                    by_id[move_id].product_id.uom_id._compute_quantity(
                        float(part), by_id[move_id].product_uom, round=False
                    ),
                )
                for move_id, part in taken.items()
            ]
        return pairs


class StockMoveReturnable(models.Model):
    _inherit = "stock.move"

    def _channel_returnable_qty(self):
        """Return what has left with this move and is in no return yet.

        :return: in the product's own unit.
        """
        self.ensure_one()
        back = self.returned_move_ids.filtered(lambda move: move.state != "cancel")
        gone = self.product_uom._compute_quantity(
            self.quantity, self.product_id.uom_id, round=False
        )
        return gone - sum(back.mapped("product_qty"))
