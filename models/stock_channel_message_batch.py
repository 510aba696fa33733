import logging
from datetime import timedelta

from odoo import models
from odoo.tools import SQL

from ..connectors.data import OrderSnapshot
from ..connectors.retry_policy import Trouble, Work, decide
from . import kill_points
from .claims import CLAIMS
from .locks import CONCURRENCY_ERRORS
from .stock_channel_batch import BATCH, BEHIND
from .stock_channel_message_claim import CLAIM_SIZE, LEASE_SECONDS

_logger = logging.getLogger(__name__)


class StockChannelMessageBatch(models.Model):
    """New orders are worked on together, everything else one by one.

    Only deliveries that were never tried are worked on together: whatever goes wrong,
    they are worked on one by one next time, so that no message spoils another's tries.
    """

    _inherit = "stock.channel.message"

    def _claim(self, is_first_try):
        """Claim, and call the other workers when there is more than one can take."""
        claimed = super()._claim(is_first_try)
        if is_first_try and len(claimed) == CLAIM_SIZE:
            workers = self.env["stock.channel"]._inbox_workers()
            this = workers.browse(self.env.context.get("cron_id", ()))
            self._trigger_after_commit(workers - this)
        return claimed

    def _process_together(self):
        """Work on what can be worked on together; yield what is left, one by one.

        Each is handed out when its turn has come, unless its lease was over and another
        worker has it by then.
        """
        for channel in self.channel_id:
            messages = self.filtered(
                lambda message, channel=channel: message.channel_id == channel
            ).with_company(channel.company_id)
            messages._take_new_safely(channel)
        for message in self._in_transaction(self._still_claimed):
            if self._in_transaction(message._renew_leases):
                yield message

    def _renew_leases(self):
        """Lease these claimed messages anew.

        :return: those that no other worker has taken since.
        """
        self.env.cr.execute(
            SQL(
                """
                UPDATE stock_channel_message AS message
                   SET lease_until = now() AT TIME ZONE 'UTC'
                           + %s * interval '1 second'
                  FROM unnest(%s::int[], %s::int[]) AS held (id, claims)
                 WHERE message.id = held.id
                   AND message.claims = held.claims
                   AND message.state = 'pending'
                RETURNING message.id
                """,
                LEASE_SECONDS,
                self.ids,
                [self.env.context[CLAIMS][message.id] for message in self],
            )
        )
        ours = {message_id for (message_id,) in self.env.cr.fetchall()}
        self.invalidate_recordset(["lease_until"])
        return self.filtered(lambda message: message.id in ours)

    def _keep_claim(self):
        """Ask once in a batch: whoever has the lock keeps the claim."""
        batch = self.env.context.get(BATCH)
        if batch is None:
            super()._keep_claim()
            return
        asked = self.filtered(lambda message: message.id not in batch.kept)
        super(StockChannelMessageBatch, asked)._keep_claim()
        batch.kept.update(asked.ids)

    def _still_claimed(self):
        """Return the messages nobody is done with, each knowing who comes behind it."""
        left = self.filtered(
            lambda message: message.state == "pending" and message.lease_until
        )
        return [
            message.with_context(**{BEHIND: left[number:].channel_order_id.ids})
            for number, message in enumerate(left, start=1)
        ]

    def _back_off(self):
        """Try all of them again a little later; a lost race is no failed try."""
        wait = decide(Work.BATCH, Trouble.RACE, 1).wait
        at = self.env.cr.now() + timedelta(seconds=wait)
        for message in self._still_claimed():
            attempts = max(message.attempts - 1, 0)
            message._update_state(
                "pending", {"attempts": attempts, "next_attempt_at": at}
            )
        self.env["stock.channel"]._inbox_cron()._trigger(at=at)

    def _give_back(self):
        """Let these be claimed again, by whoever comes first; nothing was tried."""
        for message in self:
            attempts = max(message.attempts - 1, 0)
            message._update_state("pending", {"attempts": attempts})

    def _take_new_safely(self, channel):
        """Never let a batch end the round; what it leaves is worked on singly."""
        try:
            try:
                self._take_new(channel)
            except CONCURRENCY_ERRORS:
                self._in_transaction(self._back_off)
        except Exception:
            self._abandon_transaction()
            _logger.warning("a batch failed, each singly now", exc_info=True)

    def _take_new(self, channel):
        """Take the new orders over together, once the known ones are up to date.

        What a known order gives back is there for the new ones then.
        """
        snapshots = self._parse_together(channel)
        known = self._in_transaction(lambda: self._known(channel, snapshots))
        new = {
            message: snapshot
            for message, snapshot in snapshots.items()
            if message not in known
        }
        if len(new) < 2:
            return
        for message in known:
            message._process_safely()
        ours = self._in_transaction(self.browse().union(*new)._renew_leases)
        self.env["stock.channel.order"]._take_together(
            channel, {message: new[message] for message in ours}
        )

    def _parse_together(self, channel):
        """Return the snapshots of the deliveries that hold one order each.

        What cannot be read, or has to be fetched first, is worked on by itself.

        :return: dict of message → snapshot, the first message of each order only.
        """
        snapshots, seen = {}, set()
        with channel._connected() as connector:
            for message in self:
                kill_points.reach("inbox.message", message.order_key)
                try:
                    events = connector.parse(message._raw_bytes(), message.topic or "")
                except Exception:  # noqa: BLE001 - told when it is worked on alone
                    events = []
                if len(events) != 1 or not isinstance(events[0], OrderSnapshot):
                    continue
                (snapshot,) = events
                if snapshot.id not in seen:
                    seen.add(snapshot.id)
                    snapshots[message] = snapshot
        return snapshots

    def _known(self, channel, snapshots):
        """Return the messages of orders that are more than new."""
        orders = self.env["stock.channel.order"].search(
            [
                ("channel_id", "=", channel.id),
                ("external_id", "in", [told.id for told in snapshots.values()]),
            ]
        )
        worked_on = set(
            orders.filtered(
                lambda order: (
                    order.applied_version >= 0
                    or order.was_created
                    or order.waits_for_payment
                )
            ).mapped("external_id")
        )
        return self.filtered(
            lambda message: message in snapshots and snapshots[message].id in worked_on
        )
