import json
import logging
from datetime import timedelta

from odoo import api, models
from odoo.tools import SQL

from ..connectors.data import QuantityKey, QuantityUpdate, ResultStatus
from ..connectors.retry_policy import Trouble, Work, decide
from .quantities import to_decimal
from .stock_channel_poll import as_aware
from .stock_channel_publication import SEQUENCE
from .stock_channel_publish import ACCEPTED_ERROR_CHARS, LEASE_SECONDS

_logger = logging.getLogger(__name__)


class StockChannelPublicationResult(models.Model):
    """What the channel's answers do to the ledger."""

    _inherit = "stock.channel.publication"

    def _key(self):
        self.ensure_one()
        return QuantityKey(
            sku=self.listing_id.sku,
            item_id=self.listing_id.item_id or "",
            location_id=self.channel_location_id.external_id,
        )

    def _lease(self, push):
        """Number these rows and mark them as under way.

        :return: list of (row id, ``QuantityUpdate``).
        """
        has_compare = push.channel_id._capabilities().compare_and_set
        now = self.env.cr.now()
        self.env.cr.execute(
            SQL("SELECT nextval(%s) FROM generate_series(1, %s)", SEQUENCE, len(self))
        )
        sequences = [sequence for (sequence,) in self.env.cr.fetchall()]
        moved = self._update_state_at_once(
            "sending",
            {
                "sent_qty": SQL("row.wanted_qty"),
                "sent_sequence": SQL("given.sequence"),
                "sent_at": SQL("%s", now),
                "sent_parts": SQL("given.parts"),
                "moved_qty": SQL("0"),
                "push_id": SQL("%s", push.id),
                "attempts": SQL("coalesce(row.attempts, 0) + 1"),
                "lease_until": SQL("%s", now + timedelta(seconds=LEASE_SECONDS)),
            },
            SQL(
                "SELECT * FROM unnest(%s::int[], %s::bigint[], %s::jsonb[])"
                " AS given (id, sequence, parts)",
                self.ids,
                sequences,
                [json.dumps(row.parts) for row in self],
            ),
        )
        return [(row.id, row._sent_update(has_previous=has_compare)) for row in moved]

    def _record_result(self, push, update, result):
        """Write one answer; a late one never overwrites a newer number.

        :return: the status as the ledger understands it.
        """
        self.ensure_one()
        is_ours = self.push_id == push and self.state == "sending"
        status = result.status
        if status == ResultStatus.STALE and result.quantity == update.quantity:
            # The channel shows just this number: an earlier try got through.
            status = ResultStatus.APPLIED
        if update.key != self._key():
            # Told under an id that this row no longer has; nobody keeps it up.
            _logger.info("answer for the former id of publication %s ignored", self.id)
        elif status == ResultStatus.APPLIED:
            self._acknowledge(push, update)
        elif not is_ours:
            _logger.info("late answer for publication %s ignored", self.id)
        elif status == ResultStatus.STALE:
            self._record_stale(update, result)
        elif status == ResultStatus.REJECTED:
            self._record_rejected(result)
        else:
            self._update_state("unknown", {"lease_until": False})
        return status

    def _acknowledge(self, push, update):
        """Note that the channel took this number, and log it with its parts."""
        now = self.env.cr.now()
        quantity = float(update.quantity)
        if update.sequence > self.sent_sequence:
            # Sent before these rows were forgotten, and not yet sent again.
            return
        self.env["stock.channel.publication.log"]._append(self, push, update)
        if update.sequence <= self.acknowledged_sequence:
            return
        vals = {
            "acknowledged_qty": quantity,
            "acknowledged_sequence": update.sequence,
            "acknowledged_at": now,
            **self._expected_after(update, now),
            "attempts": 0,
            "last_error": False,
            "lease_until": False,
        }
        if self.state not in ("sending", "unknown"):
            self.write(vals)
            return
        is_current = self.sent_sequence == update.sequence
        if is_current and self.wanted_qty == quantity:
            self._update_state("clean", vals)
        elif is_current:
            self._update_state("pending", {**vals, "changed_at": self.wanted_at})
        else:
            self.write(vals)
        self.env["stock.channel.exception"]._resolve_fingerprint(
            self.channel_id, f"publication:{self.id}"
        )

    def _expected_after(self, update, now):
        """Return what the channel is expected to show, now that it took a number.

        What it sold meanwhile may have come off that number already: then it must
        not count as there, or the next rise would pass for a fall and put what was
        sold back on sale. An answer that comes after the row was read again says
        nothing newer than that reading.
        """
        if self.state not in ("sending", "unknown"):
            was_read = self.expected_at and self.expected_at > self.sent_at
            if was_read:
                return {}
        sold = min(self.moved_qty, 0.0) if self.state == "sending" else 0.0
        return {
            "expected_qty": float(update.quantity) + sold,
            "expected_at": now,
            "fence_at": False,
        }

    def _record_stale(self, update, result):
        """The channel shows something newer than we knew of.

        Told so several times in a row, the row waits before it is tried again.
        """
        now = self.env.cr.now()
        vals = {"lease_until": False, "fence_at": now}
        decision = decide(Work.NUMBER, Trouble.STALE, max(self.attempts, 1))
        if decision.wait:
            vals["lease_until"] = now + timedelta(seconds=decision.wait)
        self._catch_up(update, result, now)
        if result.quantity is None:
            self._update_state("unknown", vals)
            return
        quantity = float(result.quantity)
        vals.update(
            observed_qty=quantity,
            observed_at=now,
            expected_qty=quantity,
            expected_at=now,
        )
        self._update_state("pending", vals)
        self.channel_id._wake_pollers()

    def _catch_up(self, update, result, now):
        """Number on above what the channel remembers, after a backup was restored.

        Sequences start at the clock in milliseconds and rise by one: what is beyond
        twice that was never given out, and is not believed.
        """
        believable = 2000 * int(as_aware(now).timestamp())
        if update.sequence <= (result.sequence or 0) < believable:
            self.env.cr.execute(
                SQL(
                    "SELECT setval(%s, %s) FROM %s WHERE last_value < %s",
                    SEQUENCE,
                    result.sequence,
                    SQL.identifier(SEQUENCE),
                    result.sequence,
                )
            )

    def _record_rejected(self, result):
        message = result.message or result.code or self.env._("No reason given.")
        self._update_state(
            "rejected",
            {"lease_until": False, "last_error": message[:ACCEPTED_ERROR_CHARS]},
        )
        self.env["stock.channel.exception"]._open_for_publication(self, result)

    @api.model
    def _record_read_back(self, found_by_id):
        """Decide rows of unknown outcome by what the channel shows.

        :param dict found_by_id: row id → ``ObservedQuantity``, or None when the
            channel did not tell.
        """
        now = self.env.cr.now()
        for row in self._lock_rows(found_by_id):
            if row.state != "unknown":
                continue
            found = found_by_id[row.id]
            if found is None:
                row._update_state("pending", {"expected_at": False})
                continue
            quantity = float(found.quantity)
            row.write({"observed_qty": quantity, "observed_at": now})
            if found.quantity == to_decimal(row.sent_qty):
                row._acknowledge(row.push_id, row._sent_update())
            elif row.expected_at and quantity == row.expected_qty:
                # The number never arrived and nothing else happened meanwhile.
                row._update_state("pending", {"expected_at": now})
            else:
                row._update_state(
                    "pending",
                    {"expected_qty": quantity, "expected_at": now, "fence_at": now},
                )
                row.channel_id._wake_pollers()

    def _not_sent(self):
        """Give back rows whose batch was put together and never sent."""
        for row in self:
            row._update_state(
                "pending",
                {
                    "lease_until": False,
                    "push_id": False,
                    "attempts": max(row.attempts - 1, 0),
                },
            )

    def _sent_update(self, has_previous=False):
        """Return what was sent last, with the number it was to replace if asked."""
        self.ensure_one()
        has_previous = has_previous and self.expected_at
        return QuantityUpdate(
            key=self._key(),
            quantity=to_decimal(self.sent_qty),
            unit=self.uom_id.name,
            sequence=int(self.sent_sequence),
            previous=to_decimal(self.expected_qty) if has_previous else None,
        )


class StockChannelPublicationLogAppend(models.Model):
    _inherit = "stock.channel.publication.log"

    @api.model
    def _append(self, row, push, update):
        """Log one acknowledged number with the parts it was made of."""
        return self.create(self._entry(row, push, update))

    @api.model
    def _entry(self, row, push, update):
        """Return what is logged of a row, as it was before the acknowledgement.

        The parts are those of the number that was sent: by now another may be
        wanted, made of others. Of a number that was overtaken nobody knows them any
        more. How fresh it was is counted along with it.
        """
        self.env["stock.channel.freshness"]._collect(row, update)
        now = self.env.cr.now()
        since = row._fresh_from(float(update.quantity), now)
        age = (now - since).total_seconds() if since else 0.0
        return {
            "publication_id": row.id,
            "channel_id": row.channel_id.id,
            "push_id": push.id,
            "quantity": float(update.quantity),
            "previous_qty": row.expected_qty,
            "sequence": update.sequence,
            "changed_at": row.changed_at,
            "acknowledged_at": now,
            "freshness": max(age, 0.0),
            "cause": row.cause,
            "parts": update.sequence == row.sent_sequence and row.sent_parts,
        }
