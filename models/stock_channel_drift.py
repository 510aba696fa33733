from dataclasses import dataclass
from datetime import timedelta
from typing import Any

from odoo import fields, models
from odoo.exceptions import UserError

from ..connectors.data import QuantityKey
from .quantities import plain, to_decimal

DRIFTS = [
    ("in_flight", "In Flight"),
    ("late", "Channel Is Late"),
    ("edited", "Edited at the Channel"),
    ("refused", "Refused"),
    ("unknown", "Not at the Channel"),
    ("shadow", "Would Be Told Another"),
]
AGREES = "agrees"
# States in which the channel's number is not about to change by our own doing.
SETTLED = ("clean", "rejected")
# Where orders are not polled, this long a doubt lasts at least.
DOUBT = timedelta(minutes=1)
# A channel may show its former number for so many times its freshness target.
LATE_TARGETS = 5
# Edits in a row after which a person is told, whatever the channel's rule.
STREAK = 3


@dataclass(frozen=True)
class Mark:
    """What a row was when a reading of it began.

    :param told: everything that changes when the hub or an order moves the number.
    """

    key: QuantityKey
    told: tuple[Any, ...]


class StockChannelDrift(models.Model):
    """Drift: the channel shows something else than expected, and why.

    A difference is a doubt first: it may be a sale we have not heard of. It is
    certain when a second reading shows the very same number after the channel's
    orders were read once more: had something been sold before the first reading, we
    would know it by now, and had something been sold after it, the number would be
    another one.
    """

    _inherit = "stock.channel.publication"

    drift = fields.Selection(
        DRIFTS,
        readonly=True,
        help="Why the channel shows another number than expected; empty when it "
        "agrees. In flight: it may be a change that is still under way.",
    )
    drift_qty = fields.Float(
        "Shown Instead",
        digits=0,
        readonly=True,
        help="What the channel showed, in the selling unit; 0 where it does not know "
        "the item.",
    )
    drift_at = fields.Datetime("Differs Since", readonly=True)
    drift_streak = fields.Integer(
        "Edits in a Row",
        readonly=True,
        help="How often it was edited at the channel without agreeing in between.",
    )
    read_next = fields.Boolean(readonly=True, help="The next run reads it first.")

    _read_back_order = models.Index(
        "(channel_id, observed_at NULLS FIRST, id) WHERE acknowledged_at IS NOT NULL"
    )
    _read_next = models.Index("(channel_id) WHERE read_next")
    _differs = models.Index("(channel_id, drift) WHERE drift IS NOT NULL")

    # -------------------------------------------------------------- comparing

    def _mark(self):
        self.ensure_one()
        return Mark(key=self._key(), told=self._told())

    def _told(self):
        self.ensure_one()
        return (
            self.state,
            self.sent_sequence,
            self.acknowledged_sequence,
            self.expected_qty,
            self.expected_at,
        )

    def _was_read_since(self, moment):
        self.ensure_one()
        return bool(moment and self.observed_at and self.observed_at >= moment)

    def _compare(self, found, mark, chunk):
        """Note what the channel showed and what that says about this row.

        :param found: ``ObservedQuantity``, or None when the channel did not name
            the item.
        :return: ``AGREES``, or the kind of a difference that is certain now; None
            where nothing can be said yet.
        """
        self.ensure_one()
        quantity = float(found.quantity) if found else 0.0
        self.write({"observed_qty": quantity, "observed_at": self.env.cr.now()})
        if self.channel_id.state == "shadow":
            return self._compare_shadow(found, quantity)
        is_settled = self.state in SETTLED and bool(self.expected_at)
        is_moving = not is_settled or self._told() != mark.told
        # What is not offered any more need not be at the channel either.
        is_gone = not found and self.is_withdrawn
        if is_gone or (found and is_same(quantity, self.expected_qty)):
            self.read_next = False
            return None if is_moving else self._agree()
        is_known = bool(self.drift) and is_same(quantity, self.drift_qty)
        is_doubted = is_known and self.drift == "in_flight"
        if is_moving or not is_known or (is_doubted and chunk.has_news):
            self._doubt(quantity, read_next=is_settled)
            return None
        if is_doubted and not self._is_explained(chunk):
            self.read_next = True
            return None
        if found and is_same(quantity, self.wanted_qty):
            # It shows what we want by now, however it came to that.
            self.write({"expected_qty": quantity, "expected_at": self.env.cr.now()})
            self.read_next = False
            return self._agree()
        return self._kind_of_drift(quantity, is_missing=not found)

    def _compare_shadow(self, found, quantity):
        """Compare with what the channel would be told; nobody acts on it."""
        if found and is_same(quantity, self.wanted_qty):
            return self._agree()
        self._doubt(quantity, read_next=False)
        return "shadow" if found else "unknown"

    def _doubt(self, quantity, *, read_next):
        self.write(
            {
                "drift": "in_flight",
                "drift_qty": quantity,
                "drift_at": self.env.cr.now(),
                "read_next": read_next,
            }
        )

    def _is_explained(self, chunk):
        """Return whether every sale before the doubt would be known by now."""
        if chunk.has_polling:
            return bool(chunk.polled_at) and chunk.polled_at > self.drift_at
        return chunk.started_at >= self.drift_at + DOUBT

    def _kind_of_drift(self, quantity, *, is_missing):
        if self.state == "rejected":
            return "refused"
        if is_missing:
            return "unknown"
        return "late" if self._is_late(quantity) else "edited"

    def _is_late(self, quantity):
        """Return whether the channel may just not have come round to the new number.

        An eventually consistent channel shows the number before for a while.
        """
        target = timedelta(minutes=self.channel_id.freshness_target)
        if self.acknowledged_at <= self.env.cr.now() - LATE_TARGETS * target:
            return False
        before = self.env["stock.channel.publication.log"].search(
            [
                ("publication_id", "=", self.id),
                ("sequence", "<", self.acknowledged_sequence),
            ],
            order="sequence desc",
            limit=1,
        )
        return bool(before) and is_same(quantity, before.quantity)

    # ----------------------------------------------------------------- acting

    def _agree(self):
        """Note that the channel shows what it should."""
        self.ensure_one()
        if self.drift or self.drift_streak:
            self._clear_drift()
            self.drift_streak = 0
        return AGREES

    def _clear_drift(self):
        self.write(
            {"drift": False, "drift_qty": 0.0, "drift_at": False, "read_next": False}
        )

    def _resolve_drift(self):
        """Close what was said of these rows, in one search however many they are."""
        exceptions_sudo = self.env["stock.channel.exception"].sudo()
        healed = exceptions_sudo.search(
            [
                ("publication_id", "in", self.ids),
                ("state", "=", "open"),
                ("fingerprint", "=like", "drift:%"),
            ]
        )
        healed._update_state("resolved", {"resolved_at": self.env.cr.now()})

    def _drift_fingerprint(self):
        self.ensure_one()
        return f"drift:{self.id}"

    def _settle_drift(self, kind, *, is_new, is_flood):
        """Do what the channel's rule says about a certain difference.

        A late channel is left alone and read again; a refused number has its
        exception already; an item that the channel lacks cannot be published.

        :param bool is_new: whether it was not of this kind before.
        :param bool is_flood: so many differ that one exception stands for all.
        """
        self.ensure_one()
        expected = self.expected_qty
        is_published = kind == "edited" and self.channel_id.drift_rule == "publish"
        streak = self.drift_streak + (kind == "edited" and is_new)
        self.write({"drift": kind, "drift_streak": streak, "read_next": kind == "late"})
        if self.channel_id.state == "shadow":
            return
        if is_published:
            self._publish_over()
        if not is_new or is_flood:
            return
        if kind == "unknown":
            self._open_for_unknown(expected)
        elif kind == "edited" and (not is_published or streak >= STREAK):
            self._open_for_edit(expected)

    def _publish_over(self):
        """Publish these rows anew over what the channel shows now.

        What it shows becomes what is expected, so that it is compared with the
        right number; a rise waits behind the fence for the channel's orders.
        """
        now = self.env.cr.now()
        for row in self:
            row._update_state(
                "pending",
                {
                    "expected_qty": row.observed_qty,
                    "expected_at": False if row.drift == "unknown" else now,
                    "fence_at": now,
                    "changed_at": now,
                    "cause": "drift",
                    "attempts": 0,
                    "last_error": False,
                },
            )
        self.channel_id._wake_publishers()
        self.channel_id._wake_pollers()

    def _open_for_edit(self, expected):
        """Tell a person that somebody else changes the number at the channel."""
        if self.drift_streak >= STREAK and self.state == "pending":
            cause = self.env._(
                "The channel shows %(shown)s instead of %(expected)s, %(streak)s times "
                "in a row. Somebody else keeps changing it; it is published again each "
                "time.",
                shown=plain(self.observed_qty),
                expected=plain(expected),
                streak=self.drift_streak,
            )
            next_step = self.env._(
                "Find out who else sets this number: another integration, an import, "
                "a person at the channel. Nothing is left to do here once they stop."
            )
        else:
            cause = self.env._(
                "The channel shows %(shown)s instead of %(expected)s, and no order "
                "explains it.",
                shown=plain(self.observed_qty),
                expected=plain(expected),
            )
            next_step = self.env._(
                "Find out who changed it at the channel. Publish the number again to "
                "put it right; a change of stock does so too."
            )
        title = self.env._("The channel shows another number of %s", self._name_it())
        self._open_drift(
            title, cause, next_step, plain(self.observed_qty), plain(expected)
        )

    def _open_for_unknown(self, expected):
        """Tell a person that the channel no longer has an item it was told of."""
        self._open_drift(
            self.env._("The channel does not have %s any more", self._name_it()),
            self.env._(
                "The channel took the number once and does not name the item at this "
                "location any more."
            ),
            self.env._(
                "Look up the item at the channel: was it deleted, merged, or taken "
                "from this location? Correct the map or archive the listing; where the "
                "item is back, publish the number again."
            ),
            False,
            plain(expected),
        )

    def _open_drift(self, title, cause, next_step, value, expected):
        self.ensure_one()
        self.env["stock.channel.exception"]._open(
            self.channel_id,
            category="drift",
            fingerprint=self._drift_fingerprint(),
            title=title,
            cause=cause,
            next_step=next_step,
            field="quantity",
            value=value,
            expected_value=expected,
            publication_id=self.id,
        )

    def _name_it(self):
        return f"{self.listing_id.sku} @ {self.channel_location_id.name}"

    # ------------------------------------------------------ what else changes

    def _is_everyday(self, push, update, result):
        """What differed agrees again, which concerns each row by itself."""
        return super()._is_everyday(push, update, result) and not self.drift

    def _acknowledge(self, push, update):
        """Note too that the channel took a number: it agrees again.

        Whether it keeps it is for the next reading to say, which alone ends a
        streak and closes the exception. That reading comes soon where a person
        waits for it, and in its turn where edits in a row are counted.
        """
        result = super()._acknowledge(push, update)
        if self.drift and self.state == "clean":
            is_waited_for = (
                self.drift == "unknown" or self.channel_id.drift_rule == "exception"
            )
            self._clear_drift()
            self.read_next = is_waited_for
        return result

    def _forget(self, is_same=False):
        """What was shown under another id says nothing about this one."""
        result = super()._forget(is_same=is_same)
        rows_sudo = self.sudo()
        rows_sudo._clear_drift()
        rows_sudo.write({"drift_streak": 0, "observed_qty": 0.0, "observed_at": False})
        rows_sudo._resolve_drift()
        return result

    # ---------------------------------------------------------------- actions

    def action_publish_again(self):
        """Try refused rows once more, and put right what differs at the channel.

        What the channel shows is taken for granted and published over.
        """
        result = super().action_publish_again()
        self.sudo()._publish_drifted()
        return result

    def _publish_drifted(self):
        drifted = self.filtered(
            lambda row: (
                row.state == "clean" and row.drift in ("late", "edited", "unknown")
            )
        )
        if drifted:
            drifted._publish_over()
            drifted._resolve_drift()
            drifted.drift_streak = 0

    def action_read_back(self):
        """Compare these numbers with the channel in its next run."""
        self.check_access("read")
        self.env["stock.channel.exception"]._check_operator()
        rows_sudo = self.sudo().filtered("acknowledged_at")
        if not rows_sudo:
            raise UserError(
                self.env._("The channel has not taken any of these numbers yet.")
            )
        rows_sudo.channel_id._check_can_read_back()
        rows_sudo.read_next = True
        rows_sudo.channel_id._wake_pollers()


class StockChannelDriftException(models.Model):
    _inherit = "stock.channel.exception"

    def _retry(self):
        """Publish the number again where it differs at the channel."""
        result = super()._retry()
        for exception in self.filtered(lambda e: e.category == "drift"):
            channel = exception.channel_id
            if exception.fingerprint == channel._flood_fingerprint():
                channel._edited_rows()._publish_drifted()
            else:
                exception.publication_id._publish_drifted()
        return result


def is_same(quantity, other):
    """Compare two stored quantities without the noise of floats."""
    return to_decimal(quantity) == to_decimal(other)
