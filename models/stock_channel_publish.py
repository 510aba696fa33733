import logging
import time
from datetime import timedelta

from odoo import fields, models
from odoo.tools import SQL

from ..connectors.data import ResultStatus, UpdateResult
from ..connectors.errors import (
    ConnectorError,
)
from ..connectors.retry_policy import Trouble, Verdict, Work, decide, trouble_of
from . import kill_points
from .stock_channel_breaker import TURN

_logger = logging.getLogger(__name__)

# A publish job gives way to other channels after this many seconds.
SLICE_SECONDS = 20
# Longer than any connector's timeouts for one batch; whoever is past it died.
LEASE_SECONDS = 300
# Longer than one call may take: by then what a dead worker had under way has arrived
# at the channel or never will.
CALL_SECONDS = 60
ACCEPTED_ERROR_CHARS = 300


class StockChannelPublish(models.Model):
    """Publishing: from the ledger to the channel, and its answers back."""

    _inherit = "stock.channel"

    is_cut_over = fields.Boolean(
        readonly=True,
        copy=False,
        help="The channel's orders were read since it went live.",
    )
    last_sweep_at = fields.Datetime(
        "Last Sweep",
        readonly=True,
        copy=False,
        help="When every number was last computed anew and compared.",
    )
    last_sweep_found = fields.Integer(
        readonly=True,
        copy=False,
        help="Numbers the last sweep corrected: what the hooks had missed.",
    )

    def _cron_publish(self):
        """Tell one channel everything that is due; run by its scheduled action.

        Shipments go first: a physical channel lowers its own number when it takes
        one, and the numbers computed after that know it.
        """
        channel = self.sudo().exists()
        deadline = time.monotonic() + SLICE_SECONDS
        if not channel:
            return
        with channel._turn(channel._is_due) as lent:
            if not lent:
                return
            with lent._connected() as connector:
                lent._tell_channel(connector, deadline)
        channel._in_transaction(channel._arrange_next_run)

    def _tell_channel(self, connector, deadline):
        """Tell what is due, in the order that loses least.

        Parcels get half of the slice at most: numbers must not wait for them. Of a
        channel that failed nobody knows whether it takes parcels: numbers try first.
        """
        half = deadline - SLICE_SECONDS / 2
        is_trying = TURN in self.env.context
        if not is_trying:
            self._report_fulfillments(connector, half)
        if self._in_transaction(self._is_cut_over):
            self._publish_numbers(connector, deadline)
        if is_trying:
            self._report_fulfillments(connector, deadline)

    def _publish_numbers(self, connector, deadline):
        self._in_transaction(self._expire_leases)
        self._read_back_unknown(connector)
        while time.monotonic() < deadline and self._publish_batch(connector):
            pass

    def _is_due(self):
        return self._may_talk() and not self._is_left_alone()

    def _is_cut_over(self):
        """Return whether the channel's orders were read since it went live.

        Until they are, its own sales of the meantime are missing in every number.
        """
        if self.is_cut_over or not self._capabilities().polling:
            return True
        if not self.polled_at or not self.live_at or self.polled_at < self.live_at:
            return False
        self.is_cut_over = not self.env["stock.channel.message"].search_count(
            [
                ("channel_id", "=", self.id),
                ("state", "=", "pending"),
                ("id", "<=", self.poll_last_message),
            ],
            limit=1,
        )
        return self.is_cut_over

    # ---------------------------------------------------------------- batch

    def _publish_batch(self, connector):
        """Send one batch and record what became of it.

        :return: whether there may be more to do.
        """
        claimed = self._in_transaction(self._claim_if_due)
        if claimed is None:
            return False
        push, updates = claimed
        if not updates:
            return True
        numbers = [update for _row_id, update in updates]
        kill_points.reach("publish.leased")
        try:
            with self._connector_at_work():
                results = connector.publish(numbers, push.idempotency_key)
            kill_points.reach("publish.answered")
        except ConnectorError as error:
            failure = error
            self._in_transaction(lambda: self._batch_failed(push, updates, failure))
        else:
            self._in_transaction(lambda: self._batch_done(push, updates, results))
        return True

    def _claim_if_due(self):
        """Claim a batch if, in that very transaction, the channel may be told anything."""
        return self._claim_batch() if self._is_due() else None

    def _claim_batch(self):
        """Lease the most urgent rows, compute them once more and number them.

        Falls go first, then what is nearly sold out. The numbers are computed in
        the transaction that numbers them: what is sent is never older than the
        claim, whatever happened since the change was logged.

        :return: (push, list of (row id, update)); the list is empty when all of the
            batch has returned to what the channel shows. None when nothing is due.
        """
        Publication = self.env["stock.channel.publication"]
        self.env.cr.execute(
            self._claim_query(self._capabilities().batch_size), log_exceptions=False
        )
        rows = Publication.browse(row_id for (row_id,) in self.env.cr.fetchall())
        if not rows:
            return None
        Publication._refresh_claimed(rows.listing_id)
        # A fall may have become a rise, which a fence holds back.
        self.env.cr.execute(self._claim_query(len(rows), rows.ids))
        due = Publication.browse(row_id for (row_id,) in self.env.cr.fetchall())
        if not due:
            return self.env["stock.channel.push"], []
        push = self.env["stock.channel.push"].create(
            {"channel_id": self.id, "size": len(due)}
        )
        updates = due._lease(push)
        push._set_key([update for _row_id, update in updates])
        return push, updates

    def _claim_query(self, limit, row_ids=None):
        """Return the statement that locks the rows to send, most urgent first.

        A row may fall at any time; what a rise waits for says ``_may_go``. Where the
        channel subtracts shipments itself and one may or may not have reached it,
        only what is a fall either way goes out.

        :param list | None row_ids: look at these rows only.
        """
        return SQL(
            """
            SELECT row.id
              FROM stock_channel_publication AS row
              JOIN stock_channel_listing AS listing ON listing.id = row.listing_id
              -- No key keeps it there: the sweep removes what lost its location.
              JOIN stock_channel_location AS place
                ON place.id = row.channel_location_id
             WHERE row.channel_id = %(channel)s
               AND row.state = 'pending'
               AND (row.lease_until IS NULL OR row.lease_until <= %(now)s)
               -- An archived listing is told zero, paused or not.
               AND NOT (listing.active AND coalesce(listing.is_paused, FALSE))
               AND (%(row_ids)s::int[] IS NULL OR row.id = ANY(%(row_ids)s))
               AND %(may_go)s
               AND (NOT %(is_physical)s OR NOT EXISTS (
                   SELECT 1
                     FROM stock_channel_fulfillment_line AS shipped
                     JOIN stock_channel_fulfillment AS fulfillment
                       ON fulfillment.id = shipped.fulfillment_id
                     JOIN stock_channel_order_line AS line
                       ON line.id = shipped.order_line_id
                    WHERE line.listing_id = row.listing_id
                      AND fulfillment.state = 'unknown'
                      -- A correction changes no number.
                      AND fulfillment.is_taken IS NOT TRUE
                      AND row.wanted_qty > row.expected_qty - shipped.quantity))
             ORDER BY (row.wanted_qty < coalesce(row.expected_qty, 0)) DESC,
                      row.wanted_qty, row.id
             LIMIT %(limit)s
               FOR UPDATE OF row SKIP LOCKED
            """,
            channel=self.id,
            now=self.env.cr.now(),
            limit=limit,
            row_ids=row_ids,
            may_go=self._may_go(),
            is_physical=self.quantity_meaning == "physical",
        )

    def _batch_done(self, push, updates, results):
        if len(results) != len(updates):
            _logger.error(
                "connector of channel %s answered %s results to %s updates",
                self.id,
                len(results),
                len(updates),
            )
            results = [UpdateResult(status=ResultStatus.UNKNOWN)] * len(updates)
        push._record_results(updates, results)
        self._channel_answered(has_taken=True)

    def _batch_failed(self, push, updates, error):
        """Record that no answer came, or one that concerns the whole batch."""
        rows = self.env["stock.channel.publication"]._lock_rows(
            row_id for row_id, _update in updates
        )
        rows = rows.filtered(lambda row: row.push_id == push)
        trouble = trouble_of(error)
        if trouble is Trouble.THROTTLED:
            rows._not_sent()
            push.unlink()
            self._channel_failed(error, is_telling=True)
            return
        decision = decide(Work.NUMBER, trouble, 1)
        if decision.verdict is not Verdict.READ_BACK:
            push._finish("failed", error.message[:ACCEPTED_ERROR_CHARS])
            rows._update_state("pending", {"lease_until": False, "push_id": False})
        else:
            push._finish("unknown", error.message[:ACCEPTED_ERROR_CHARS])
            rows._update_state("unknown", {"lease_until": False})
        self._channel_failed(error, is_telling=True)

    # -------------------------------------------------------------- recovery

    def _lease_ends(self):
        """Return the moment of which leases that end before it are over.

        The scheduler runs a channel's own job once at a time, by a lock that ends with
        its worker. What an earlier run of it left behind is over as soon as its last
        call must be; a fall would wait for minutes otherwise.
        """
        now = self.env.cr.now()
        if self.env.context.get("cron_id") != self.sudo().publish_cron_id.id:
            return now
        return now + timedelta(seconds=LEASE_SECONDS - CALL_SECONDS)

    def _wake_for_leases(self):
        """Come back when what a dead worker left behind may be taken up."""
        self.env.cr.execute(
            SQL(
                """
                SELECT min(lease_until)
                  FROM stock_channel_publication
                 WHERE channel_id = %s AND state = 'sending'
                """,
                self.id,
            )
        )
        (first,) = self.env.cr.fetchone()
        if first:
            wait = timedelta(seconds=LEASE_SECONDS - CALL_SECONDS - 1)
            self._trigger_once(self.sudo().publish_cron_id, first - wait)

    def _expire_leases(self):
        """Give up on batches whose worker died: nobody knows what became of them."""
        rows = self.env["stock.channel.publication"].search(
            [
                ("channel_id", "=", self.id),
                ("state", "=", "sending"),
                ("lease_until", "<", self._lease_ends()),
            ]
        )
        for push in rows.push_id:
            push._finish("unknown", self.env._("The worker did not come back."))
        rows._update_state("unknown", {"lease_until": False})

    def _read_back_unknown(self, connector):
        """Look what the channel shows before sending anything new."""
        keys = self._in_transaction(
            lambda: self._unknown_keys() if self._is_due() else {}
        )
        if not keys:
            return
        observed = []
        if self._capabilities().read_back:
            try:
                with self._connector_at_work():
                    observed = connector.fetch_quantities(list(keys.values()))
            except ConnectorError as error:
                failure = error
                self._in_transaction(lambda: self._channel_failed(failure))
                return
        by_key = {found.key: found for found in observed}
        found_by_id = {row_id: by_key.get(key) for row_id, key in keys.items()}

        def record():
            self.env["stock.channel.publication"]._record_read_back(found_by_id)
            if self._capabilities().read_back:
                self._channel_answered()

        self._in_transaction(record)

    def _unknown_keys(self):
        rows = self.env["stock.channel.publication"].search(
            [("channel_id", "=", self.id), ("state", "=", "unknown")],
            limit=self._capabilities().batch_size,
        )
        return {row.id: row._key() for row in rows}
