import logging
import time
from datetime import timedelta

from odoo import api, fields, models

from ..connectors.data import LotQuantity, ReportedLine, Shipment
from ..connectors.errors import ConnectorError, RateLimited, Rejected, RetryLater
from ..connectors.retry import RetrySchedule
from .quantities import to_decimal
from .stock_channel_message import describe_error
from .stock_channel_mixin import CONCURRENCY_ERRORS
from .stock_channel_poll import as_aware
from .stock_channel_publish import LEASE_SECONDS

_logger = logging.getLogger(__name__)

STATES = [
    ("pending", "To Report"),
    ("sending", "Sending"),
    ("unknown", "Outcome Unknown"),
    ("rejected", "Refused"),
    ("done", "Reported"),
]
TRANSITIONS = {
    "pending": ("sending",),
    "sending": ("done", "pending", "unknown", "rejected"),
    # Repeating is safe: the shipment's id lets the channel recognise it.
    "unknown": ("sending",),
    "rejected": ("pending",),
    "done": (),
}
RETRY = RetrySchedule(base=10, cap=900)
# Tries in vain after which a person is told that a parcel is not.
ATTEMPTS_UNTIL_EXCEPTION = 4


class StockChannelFulfillment(models.Model):
    """What a channel must be told about a parcel, until it has taken it."""

    _name = "stock.channel.fulfillment"
    _description = "Channel Shipment"
    _inherit = ["stock.channel.mixin"]
    _order = "id desc"

    channel_id = fields.Many2one(
        "stock.channel", required=True, readonly=True, ondelete="cascade", index=True
    )
    company_id = fields.Many2one(related="channel_id.company_id", store=True)
    channel_order_id = fields.Many2one(
        "stock.channel.order",
        required=True,
        readonly=True,
        ondelete="cascade",
        index=True,
    )
    channel_location_id = fields.Many2one(
        "stock.channel.location", string="Shipped from", readonly=True
    )
    picking_id = fields.Many2one(
        "stock.picking", readonly=True, ondelete="set null", index="btree_not_null"
    )
    external_id = fields.Char(
        "Shipment Id",
        compute="_compute_external_id",
        store=True,
        help="Stays the same over all tries, so that the channel knows repeats.",
    )
    state = fields.Selection(STATES, required=True, readonly=True, default="pending")
    shipped_at = fields.Datetime(readonly=True, required=True)
    carrier = fields.Char(readonly=True)
    tracking = fields.Char(readonly=True)
    tracking_url = fields.Char(readonly=True)
    line_ids = fields.One2many(
        "stock.channel.fulfillment.line", "fulfillment_id", readonly=True
    )
    attempts = fields.Integer(readonly=True)
    next_attempt_at = fields.Datetime(readonly=True)
    lease_until = fields.Datetime(readonly=True)
    reported_at = fields.Datetime(readonly=True)
    last_error = fields.Char(readonly=True)

    _external_unique = models.UniqueIndex(
        "(channel_id, external_id)", "This shipment is recorded already."
    )
    _to_report = models.Index("(channel_id, id) WHERE state <> 'done'")

    @api.depends("channel_order_id.external_id")
    def _compute_external_id(self):
        """Derive it from the record's own id: two people ship one order at once."""
        for fulfillment in self:
            order_id = fulfillment.channel_order_id.external_id
            fulfillment.external_id = f"{order_id}-{fulfillment.id}"

    @api.depends("external_id")
    def _compute_display_name(self):
        for fulfillment in self:
            fulfillment.display_name = fulfillment.external_id

    # -------------------------------------------------------------- creating

    @api.model
    def _record_shipped(self, moves):
        """Record what left; trouble in here never keeps a parcel from leaving.

        The clerk who validates a transfer can do nothing about a channel's record.
        """
        try:
            with self.env.cr.savepoint():
                self._create_from_moves(moves)
        except CONCURRENCY_ERRORS:
            raise
        except Exception as error:
            _logger.exception("a shipment was not recorded")
            order = moves.sale_line_id._channel_lines().channel_order_id[:1]
            self.env["stock.channel.exception"]._open(
                order.channel_id,
                category="internal",
                fingerprint=f"order:{order.id}:shipment",
                title=self.env._("The shipment of %s was not recorded", order.name),
                cause=describe_error(error),
                next_step=self.env._(
                    "Tell the channel by hand that the order was shipped, and the "
                    "administrator what is written here."
                ),
                channel_order_id=order.id,
            )

    @api.model
    def _create_from_moves(self, moves):
        """Record what left, per channel order, transfer and channel location.

        Written in the transaction that validates the transfer: either the goods
        have left and the channel will be told, or neither.
        """
        for picking, in_picking in moves.grouped("picking_id").items():
            groups = {}
            for sale_line in in_picking.sale_line_id:
                for line in sale_line._channel_lines():
                    place = sale_line.channel_location_id or line.channel_location_id
                    lines = groups.setdefault((line.channel_order_id, place), set())
                    lines.add(line)
            for (order, location), lines in groups.items():
                values = [
                    vals
                    for vals in (
                        line._prepare_fulfillment_line(in_picking, location)
                        for line in sorted(lines, key=lambda line: line.id)
                    )
                    if vals
                ]
                if values:
                    self._create_one(order, location, picking, values)
                order._check_shipped_elsewhere()

    def _create_one(self, order, location, picking, line_values):
        self.create(
            {
                "channel_id": order.channel_id.id,
                "channel_order_id": order.id,
                "channel_location_id": location.id,
                "picking_id": picking.id,
                "shipped_at": picking.date_done or fields.Datetime.now(),
                "carrier": picking.carrier_id.name,
                "tracking": picking.carrier_tracking_ref,
                "tracking_url": picking.carrier_tracking_url,
                "line_ids": [fields.Command.create(vals) for vals in line_values],
            }
        )
        order.channel_id._wake_publishers()

    @api.model
    def _tracking_changed(self, pickings):
        """Carry a tracking number that came late; a reported one is left alone."""
        waiting = self.search(
            [("picking_id", "in", pickings.ids), ("state", "=", "pending")]
        )
        for fulfillment in waiting:
            fulfillment.write(
                {
                    "tracking": fulfillment.picking_id.carrier_tracking_ref,
                    "tracking_url": fulfillment.picking_id.carrier_tracking_url,
                    "carrier": fulfillment.picking_id.carrier_id.name,
                }
            )

    # ----------------------------------------------------------------- state

    def _update_state(self, target, vals=None):
        """Move to ``target``; the gate of the shipment's state machine."""
        moved = self.filtered(lambda f: target in TRANSITIONS[f.state])
        refused = self - moved
        if refused:
            _logger.warning("shipments %s may not become %s", refused.ids, target)
        moved.write({**(vals or {}), "state": target})
        return moved

    def _retry(self):
        self._update_state("pending", {"next_attempt_at": False, "attempts": 0})
        self.channel_id._wake_publishers()

    # ------------------------------------------------------------- reporting

    def _claim(self, channel):
        """Lease the oldest due shipment of a channel, counting the attempt."""
        now = self.env.cr.now()
        due = self.search(
            [
                ("channel_id", "=", channel.id),
                "|",
                ("state", "in", ("pending", "unknown")),
                "&",
                ("state", "=", "sending"),
                ("lease_until", "<", now),
                "|",
                ("next_attempt_at", "=", False),
                ("next_attempt_at", "<=", now),
            ],
            order="id",
            limit=1,
        )
        if not due:
            return due
        if due.state == "sending":
            due._update_state("unknown")
        return due._update_state(
            "sending",
            {
                "attempts": due.attempts + 1,
                "lease_until": now + timedelta(seconds=LEASE_SECONDS),
            },
        )

    def _shipment(self):
        self.ensure_one()
        return Shipment(
            id=self.external_id,
            order_id=self.channel_order_id.external_id,
            location_id=self.channel_location_id.external_id or "",
            shipped_at=as_aware(self.shipped_at),
            carrier=self.carrier or "",
            tracking=self.tracking or "",
            tracking_url=self.tracking_url or "",
            lines=tuple(
                ReportedLine(
                    order_line_id=line.order_line_id.external_id,
                    quantity=to_decimal(line.quantity),
                    lots=tuple(
                        LotQuantity(name=name, quantity=to_decimal(quantity))
                        for name, quantity in (line.lots or {}).items()
                    ),
                )
                for line in self.line_ids
            ),
        )

    def _report_done(self):
        """Note that the channel took the parcel, and what that did to its number."""
        now = self.env.cr.now()
        self._update_state(
            "done",
            {
                "reported_at": now,
                "last_error": False,
                "lease_until": False,
                "next_attempt_at": False,
            },
        )
        for line in self.line_ids:
            order_line = line.order_line_id
            order_line._set_quantities(
                {"taken_qty": order_line.taken_qty + line.quantity},
                now,
            )
        self.env["stock.channel.exception"]._resolve_fingerprint(
            self.channel_id, f"fulfillment:{self.id}"
        )

    def _report_failed(self, error):
        at = self.env.cr.now() + timedelta(
            seconds=RETRY.delay(self.attempts, getattr(error, "after", None))
        )
        vals = {
            "last_error": error.message[:300],
            "lease_until": False,
            "next_attempt_at": at,
        }
        if isinstance(error, Rejected):
            self._update_state("rejected", vals)
            self._open_rejected(error)
            return
        is_unseen = isinstance(error, RateLimited) or not isinstance(error, RetryLater)
        self._update_state("pending" if is_unseen else "unknown", vals)
        if is_unseen:
            self.channel_id._channel_failed(error)
        elif self.attempts >= ATTEMPTS_UNTIL_EXCEPTION:
            self._open_late(error)

    def _open_late(self, error):
        """Tell a person that a parcel cannot be told, while numbers still can."""
        self.env["stock.channel.exception"]._open(
            self.channel_id,
            category="late",
            fingerprint=f"fulfillment:{self.id}",
            title=self.env._(
                "The shipment of %s cannot be told", self.channel_order_id.name
            ),
            cause=error.message,
            next_step=self.env._(
                "Look whether the channel takes shipments. The hub keeps trying."
            ),
            channel_order_id=self.channel_order_id.id,
            fulfillment_id=self.id,
        )

    def _open_rejected(self, error):
        self.env["stock.channel.exception"]._open(
            self.channel_id,
            category="refused",
            fingerprint=f"fulfillment:{self.id}",
            title=self.env._(
                "The channel refuses the shipment of %s", self.channel_order_id.name
            ),
            cause=error.message,
            next_step=self.env._(
                "Compare the order at the channel with the delivery. When the channel "
                "can take it, retry."
            ),
            field=error.field,
            channel_order_id=self.channel_order_id.id,
            fulfillment_id=self.id,
        )


class StockChannelFulfillmentLine(models.Model):
    _name = "stock.channel.fulfillment.line"
    _description = "Channel Shipment Line"

    fulfillment_id = fields.Many2one(
        "stock.channel.fulfillment",
        required=True,
        readonly=True,
        ondelete="cascade",
        index=True,
    )
    company_id = fields.Many2one(related="fulfillment_id.company_id", store=True)
    order_line_id = fields.Many2one(
        "stock.channel.order.line",
        required=True,
        readonly=True,
        ondelete="cascade",
        index=True,
    )
    sku = fields.Char(related="order_line_id.sku")
    quantity = fields.Float(digits=0, readonly=True)
    lots = fields.Json(readonly=True)


class StockChannelOrderLineShipped(models.Model):
    _inherit = "stock.channel.order.line"

    def _prepare_fulfillment_line(self, moves, place):
        """Return what of this line has left and was not reported yet.

        Whole kits only: a kit counts when all its components have left, whichever
        parcel the last one was in.

        :param moves: the moves just done, for their lots.
        :param place: the channel location they left from.
        """
        self.ensure_one()
        quantity = self._unreported_at(place)
        if self.uom_id.compare(quantity, 0.0) <= 0:
            return None
        self.reported_qty = float(to_decimal(self.reported_qty + quantity))
        lots = {}
        parts = self._sale_lines()
        mine = moves.filtered(
            lambda move: (
                move.sale_line_id in parts
                and move.sale_line_id.channel_location_id in (place, place.browse())
            )
        )
        for move_line in mine.move_line_ids.filtered("lot_id"):
            name = move_line.lot_id.name
            lots[name] = lots.get(name, 0.0) + move_line.quantity_product_uom
        return {
            "order_line_id": self.id,
            "quantity": quantity,
            "lots": lots or False,
        }

    def _shipped_qty(self):
        """Return how many of this line have left for the customer so far."""
        return self.elsewhere_qty + sum(
            self._part_shipped_qty(part) for part in self._sale_lines()
        )


class StockChannelReport(models.Model):
    _inherit = "stock.channel"

    def _report_fulfillments(self, connector, deadline):
        """Tell the channel of every parcel that is due, one call each."""
        fulfillments = self.env["stock.channel.fulfillment"]
        while time.monotonic() < deadline and self._in_transaction(self._is_due):
            due = self._in_transaction(lambda: fulfillments._claim(self))
            if not due:
                return
            if not self._report_one(connector, due):
                return

    def _report_one(self, connector, due):
        """Tell of one parcel.

        :return: whether the channel answered; while it does not, the other parcels
            wait and the numbers go first.
        """
        try:
            with self._connector_at_work():
                connector.report_shipment(due._shipment())
        except ConnectorError as error:
            failure = error
            self._in_transaction(lambda: due._report_failed(failure))
            return isinstance(failure, Rejected)

        def done():
            due._report_done()
            self._channel_answered()

        self._in_transaction(done)
        return True
