import logging
import time
from datetime import timedelta

from odoo import api, fields, models

from ..connectors.data import Cancellation, LotQuantity, ReportedLine, Shipment
from ..connectors.errors import (
    ConnectorError,
    KeptAsTold,
    RateLimited,
    Rejected,
    RetryLater,
)
from ..connectors.retry_policy import Trouble, Verdict, Work, decide, trouble_of
from . import kill_points
from .quantities import plain, to_decimal
from .stock_channel_poll import as_aware
from .stock_channel_publish import LEASE_SECONDS

_logger = logging.getLogger(__name__)

STATES = [
    ("pending", "To Report"),
    ("sending", "Sending"),
    ("unknown", "Outcome Unknown"),
    ("rejected", "Refused"),
    ("done", "Reported"),
    ("dropped", "Not Needed"),
]
TRANSITIONS = {
    "pending": ("sending", "rejected", "dropped"),
    "sending": ("done", "pending", "unknown", "rejected"),
    # Repeating is safe: the id lets the channel recognise it.
    "unknown": ("sending",),
    "rejected": ("pending", "dropped"),
    # When its carrier or tracking is corrected.
    "done": ("pending",),
    "dropped": (),
}
KINDS = [("shipment", "Shipment"), ("cancellation", "Cancellation")]


class StockChannelFulfillment(models.Model):
    """What a channel must be told, until it has taken it.

    A parcel that left, or what of an order will never leave. It keeps its id over all
    tries. What is told anew on purpose, after a refusal or with another tracking
    number, is another revision: the channel answers it afresh.
    """

    _name = "stock.channel.fulfillment"
    _description = "Report to a Channel"
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
        "stock.picking",
        "Delivery Order",
        readonly=True,
        ondelete="set null",
        index="btree_not_null",
    )
    kind = fields.Selection(KINDS, required=True, readonly=True, default="shipment")
    reason = fields.Char(readonly=True, help="Why it will never leave.")
    by_channel = fields.Boolean(
        "Shipped by the Channel",
        readonly=True,
        help="The channel told of this parcel and the delivery followed; there is "
        "nothing to report.",
    )
    external_id = fields.Char(
        "Id",
        compute="_compute_external_id",
        store=True,
        help="Stays the same over all tries, so that the channel knows repeats.",
    )
    state = fields.Selection(STATES, required=True, readonly=True, default="pending")
    shipped_at = fields.Datetime("Shipped or Cancelled", readonly=True, required=True)
    carrier = fields.Char(readonly=True)
    tracking = fields.Char(readonly=True)
    tracking_url = fields.Char("Tracking Link", readonly=True)
    line_ids = fields.One2many(
        "stock.channel.fulfillment.line", "fulfillment_id", readonly=True
    )
    revision = fields.Integer(
        readonly=True, help="How often it was told anew on purpose."
    )
    told_revision = fields.Integer(readonly=True, help="The revision told last.")
    is_correction = fields.Boolean(
        readonly=True,
        help="The channel may have it with another carrier or tracking.",
    )
    is_taken = fields.Boolean("Taken", readonly=True, help="The channel has it.")
    is_uncertain = fields.Boolean(
        readonly=True, help="A call was lost: the channel may have it or not."
    )
    attempts = fields.Integer(readonly=True)
    next_attempt_at = fields.Datetime("Tried Again", readonly=True)
    lease_until = fields.Datetime(
        "Being Reported Until",
        readonly=True,
        help="A worker that has not finished by then is given up, and it is tried again.",
    )
    reported_at = fields.Datetime("Reported", readonly=True)
    last_error = fields.Char(readonly=True)

    _external_unique = models.UniqueIndex(
        "(channel_id, external_id)", "This shipment is recorded already."
    )
    _to_report = models.Index("(channel_id, id) WHERE state NOT IN ('done', 'dropped')")

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

    # ----------------------------------------------------------------- state

    def _update_state(self, target, vals=None):
        """Move to ``target``; the gate of the report's state machine."""
        moved = self.filtered(lambda f: target in TRANSITIONS[f.state])
        refused = self - moved
        if refused:
            _logger.warning("reports %s may not become %s", refused.ids, target)
        moved.write({**(vals or {}), "state": target})
        return moved

    def _retry(self):
        """Tell what was refused anew; a channel remembers its answer to the last."""
        for report in self._update_state("pending", {"next_attempt_at": False}):
            report.write({"attempts": 0, "revision": report.revision + 1})
        self.channel_id._wake_publishers()

    def _drop(self):
        """Give up what the channel need not be told any more."""
        for report in self._update_state("dropped", {"next_attempt_at": False}):
            report._resolve()

    def _resolve(self):
        self.env["stock.channel.exception"]._resolve_fingerprint(
            self.channel_id, f"fulfillment:{self.id}"
        )

    # ------------------------------------------------------------- reporting

    def _claim(self, channel):
        """Lease the oldest due report of a channel, counting the attempt."""
        now = self.env.cr.now()
        due = self.search(
            [
                ("channel_id", "=", channel.id),
                "|",
                ("state", "in", ("pending", "unknown")),
                "&",
                ("state", "=", "sending"),
                ("lease_until", "<", channel._lease_ends()),
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
                "is_uncertain": due.is_uncertain or due.state == "unknown",
                "told_revision": due.revision,
                "lease_until": now + timedelta(seconds=LEASE_SECONDS),
            },
        )

    def _tell(self, connector):
        """Tell the channel.

        :raise ConnectorError: when it cannot be told, or refuses it.
        """
        self.ensure_one()
        if self.kind == "shipment":
            connector.report_shipment(self._shipment())
        elif connector.capabilities.can_cancel:
            connector.report_cancel(self._cancellation())
        else:
            raise Rejected(self._no_cancels_text())

    def _cancellation(self):
        return Cancellation(
            id=self.external_id,
            order_id=self.channel_order_id.external_id,
            reason=self.reason or "",
            decided_at=as_aware(self.shipped_at),
            revision=self.told_revision,
            lines=self._told_lines(),
        )

    def _shipment(self):
        return Shipment(
            id=self.external_id,
            order_id=self.channel_order_id.external_id,
            location_id=self.channel_location_id.external_id or "",
            shipped_at=as_aware(self.shipped_at),
            carrier=self.carrier or "",
            tracking=self.tracking or "",
            tracking_url=self.tracking_url or "",
            revision=self.told_revision,
            corrects=self.is_correction,
            lines=self._told_lines(),
        )

    def _told_lines(self):
        return tuple(
            ReportedLine(
                order_line_id=line.order_line_id.external_id,
                quantity=to_decimal(line.quantity),
                lots=tuple(
                    LotQuantity(name=name, quantity=to_decimal(quantity))
                    for name, quantity in (line.lots or {}).items()
                ),
            )
            for line in self.line_ids
        )

    def _report_done(self):
        """Note that the channel took it, and what that did to its number."""
        self._update_state(
            "done",
            {
                "reported_at": self.env.cr.now(),
                "is_uncertain": False,
                "is_correction": False,
                "last_error": False,
                "lease_until": False,
                "next_attempt_at": False,
            },
        )
        self._count_taken()
        self._resolve()
        self._tell_newer()

    def _count_taken(self):
        """Count what the channel has taken, once over all revisions."""
        if self.is_taken:
            return
        self.is_taken = True
        for line in self.line_ids:
            line._count_taken()

    def _tell_newer(self):
        """Go on with what was corrected while the channel was told the former."""
        if self.revision > self.told_revision:
            self._update_state("pending", {"is_correction": True, "attempts": 0})

    def _report_failed(self, error):
        trouble = trouble_of(error)
        decision = decide(
            Work.REPORT,
            trouble,
            max(self.attempts, 1),
            after=getattr(error, "after", None),
        )
        waits = timedelta(seconds=decision.wait or 0)
        vals = {
            "lease_until": False,
            "next_attempt_at": decision.wait and self.env.cr.now() + waits,
        }
        if trouble is Trouble.THROTTLED:
            vals["attempts"] = max(self.attempts - 1, 0)
        else:
            vals["last_error"] = error.message[:300]
        if decision.verdict is Verdict.PERSON:
            self._report_refused(error, {**vals, "is_uncertain": False})
            return
        is_unseen = isinstance(error, RateLimited) or not isinstance(error, RetryLater)
        # What got lost once may be there, however often it was turned away since.
        vals["is_uncertain"] = self.is_uncertain or not is_unseen
        self._update_state("unknown" if vals["is_uncertain"] else "pending", vals)
        if is_unseen:
            self.channel_id._channel_failed(error)
        else:
            self.channel_id._single_failed(error)
            if decision.tell:
                self._open_late(error)

    def _report_refused(self, error, vals):
        """Note that the channel will never take it as it is."""
        self._update_state("rejected", vals)
        if isinstance(error, KeptAsTold):
            self._count_taken()
            self._open_kept(error)
        else:
            self._open_rejected(error)
        self._tell_newer()

    def _open_late(self, error):
        """Tell a person that something cannot be told, while numbers still can."""
        self._open_exception(
            category="late",
            title=self.env._("The shipment of %s cannot be told", self._order_name())
            if self.kind == "shipment"
            else self.env._(
                "The cancellation of %s cannot be told", self._order_name()
            ),
            cause=error.message,
            next_step=self.env._(
                "Look whether the channel takes such reports. The hub keeps trying."
            ),
        )

    def _open_rejected(self, error):
        self._open_exception(**self._prepare_refusal(error.message), field=error.field)

    def _prepare_refusal(self, cause):
        """Return what a person reads when the channel cannot or will not take it."""
        name = self._order_name()
        if self.kind == "shipment":
            title = self.env._("The channel refuses the shipment of %s", name)
            next_step = self.env._(
                "Compare the order at the channel with the delivery. When the channel "
                "can take it, retry."
            )
        else:
            title = self.env._("%s is cancelled here, and not at the channel", name)
            next_step = self.env._(
                "Cancel it at the channel by hand: %s. This closes when the channel "
                "tells of it. Retry when the channel can take it from here.",
                self._goods(),
            )
        return {
            "category": "refused",
            "title": title,
            "cause": cause,
            "next_step": next_step,
        }

    def _open_kept(self, error):
        """Tell a person that the customer looks at the wrong tracking number."""
        self._open_exception(
            category="refused",
            title=self.env._(
                "The channel keeps the old tracking of %s", self._order_name()
            ),
            cause=error.message,
            next_step=self.env._(
                "Enter the carrier and tracking number %s at the channel by hand, then "
                "ignore this.",
                self.tracking or "",
            ),
            field=error.field,
            value=self.tracking or "",
        )

    def _open_exception(self, **vals):
        self.env["stock.channel.exception"]._open(
            self.channel_id,
            fingerprint=f"fulfillment:{self.id}",
            channel_order_id=self.channel_order_id.id,
            fulfillment_id=self.id,
            **vals,
        )

    def _order_name(self):
        return self.channel_order_id.name

    def _goods(self):
        """Return what it is about as text, in the selling units."""
        return ", ".join(
            f"{plain(line.quantity)} {line.order_line_id.uom_id.name or ''} {line.sku}"
            for line in self.line_ids
        )

    def _no_cancels_text(self):
        return self.env._("This kind of channel cannot be told of cancellations.")


class StockChannelFulfillmentLine(models.Model):
    _name = "stock.channel.fulfillment.line"
    _description = "Line of a Report to a Channel"

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
    lots = fields.Json(
        readonly=True, help="Lot or serial number and how many of it, in the same unit."
    )
    cancelled_to_qty = fields.Float(
        "Cancelled in All",
        digits=0,
        readonly=True,
        help="What the channel will have cancelled of the line when it has taken this.",
    )

    def _count_taken(self):
        """Note what the channel knows now.

        A channel that is told of a shipment lowers what is physically there; one that
        is told of a cancellation changes nothing and waits for our next number.
        """
        self.ensure_one()
        line = self.order_line_id
        if self.fulfillment_id.kind == "shipment":
            line._set_quantities(
                {"taken_qty": line.taken_qty + self.quantity}, self.env.cr.now()
            )
            return
        line.cancel_taken_qty = max(line.cancel_taken_qty, self.cancelled_to_qty)
        line._log_dirty()


class StockChannelReport(models.Model):
    _inherit = "stock.channel"

    def _report_fulfillments(self, connector, deadline):
        """Tell the channel of everything that is due, one call each."""
        fulfillments = self.env["stock.channel.fulfillment"]
        while time.monotonic() < deadline and self._in_transaction(self._is_due):
            due = self._in_transaction(lambda: fulfillments._claim(self))
            if not due:
                return
            if not self._report_one(connector, due):
                return

    def _report_one(self, connector, due):
        """Tell of one parcel or cancellation.

        :return: whether the channel answered; while it does not, the others wait and
            the numbers go first.
        """
        try:
            with self._connector_at_work():
                due._tell(connector)
            kill_points.reach("report.answered")
        except ConnectorError as error:
            failure = error
            self._in_transaction(lambda: due._report_failed(failure))
            return isinstance(failure, Rejected)

        def done():
            due._report_done()
            self._channel_answered()

        self._in_transaction(done)
        return True
