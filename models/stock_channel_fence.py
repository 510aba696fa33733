from datetime import datetime, timedelta

from odoo import models
from odoo.tools import SQL

from ..connectors.base import QuantityMeaning

EPOCH = datetime(1970, 1, 1)  # noqa: DTZ001 - naive UTC, as Odoo stores times
# A rise that waits for the channel's orders does not ask for them more often.
POLL_GAP = timedelta(seconds=10)
# An older round says nothing: after an outage of hours the channel has sold on.
POLL_AGE = timedelta(minutes=5)
# Where orders are not polled, what is under way is given this long to be told.
QUIET = timedelta(minutes=1)
# With so many messages not worked off it is not asked which products they touch.
TOUCHING_MESSAGES = 200


class StockChannelFence(models.Model):
    """What a rise waits for before it may go out; falls wait for nothing.

    A shop that sells the last unit and tells us a minute later shows 0, while the
    hub still counts 1. A receipt of one more makes the hub want 2. Told so at once,
    the shop sells the sold unit again. So on channels that are told what they may
    sell and cannot compare before they set, a rise waits until the channel's orders
    were read by a round of polling that started after the rise was last computed,
    and until what came in by then is worked off where it concerns the product.

    The moment is ``wanted_at``, not ``changed_at``. The latter is the oldest change
    that is not acknowledged, kept for measuring; a round that came between an old
    fall and the receipt that makes a rise of it knows nothing of what was sold
    since. ``wanted_at`` moves with each computation that changed anything and lies
    after the stock change itself, so a round that is newer than it saw every sale
    from before the rise. A number that changes faster than the channel can be
    polled waits until it rests: rather too little than sold twice.

    What is sold between the start of that round and the arrival of the number stays
    unknown: no channel without compare-and-set can do better. A sellable channel
    that can neither compare nor be polled has no fence at all: nobody could ever
    say that its sales are known, and its rises would wait for good.
    """

    _inherit = "stock.channel"

    def _is_fenced(self):
        """Return whether rises of this channel wait for its orders."""
        capabilities = self._capabilities()
        return (
            self.quantity_meaning == QuantityMeaning.SELLABLE.value
            and not capabilities.compare_and_set
            and capabilities.polling
        )

    # ------------------------------------------------------------ conditions

    def _may_lower(self):
        """Return when ``row`` is a fall, or no change, or nobody can rule one out.

        After a lost answer the channel shows either what we expected or what was
        sent. What it was never told is a rise, unless it is told that there is
        nothing.
        """
        return SQL(
            """
            (CASE WHEN row.expected_at IS NOT NULL
                  THEN row.wanted_qty <= row.expected_qty
                  ELSE row.wanted_qty = 0
                       OR row.wanted_qty < greatest(
                           row.expected_qty,
                           CASE WHEN row.sent_sequence
                                     > coalesce(row.acknowledged_sequence, 0)
                                THEN row.sent_qty END)
              END)
            """
        )

    def _rise_moment(self):
        """Return when ``row`` was last wanted, or told without an answer.

        What got through without our knowing may have been sold from since.
        """
        return SQL(
            """
            greatest(row.wanted_at,
                     CASE WHEN row.expected_at IS NULL THEN row.sent_at END)
            """
        )

    def _is_polled_after(self, moment):
        """Return when a complete round of polling started after ``moment``, lately.

        A channel that is never polled is given a minute instead, so that its rows do
        not wait for good.
        """
        now = self.env.cr.now()
        if not self._capabilities().polling:
            return SQL("%s < %s", moment, now - QUIET)
        polled_at = self.polled_at or EPOCH
        if polled_at < now - POLL_AGE:
            return SQL("FALSE")
        return SQL("%s > %s", polled_at, moment)

    def _is_worked_off(self):
        """Return when nothing that polling found by then still touches ``row``.

        A message that nobody has read touches everything. One that was read touches
        the products its order's lines take from stock, and any kit.
        """
        messages_sudo = (
            self.env["stock.channel.message"]
            .sudo()
            .search(
                [
                    ("channel_id", "=", self.id),
                    ("state", "=", "pending"),
                    ("id", "<=", self.poll_last_message),
                ],
                limit=TOUCHING_MESSAGES,
            )
        )
        if not messages_sudo:
            return SQL("TRUE")
        lines_sudo = messages_sudo.channel_order_id.line_ids
        is_everything = (
            len(messages_sudo) == TOUCHING_MESSAGES
            or not all(message.channel_order_id for message in messages_sudo)
            or not all(line.listing_id for line in lines_sudo)
        )
        if is_everything:
            return SQL("FALSE")
        touched = {
            product_id for line in lines_sudo for product_id in line._component_ids()
        }
        return SQL(
            "(row.is_kit IS FALSE AND row.product_id <> ALL(%s))", sorted(touched)
        )

    def _may_go(self):
        """Return when nothing holds ``row`` back: no difference, hold or fence.

        A row that once turned out different from what was expected waits on every
        channel, with compare-and-set too: the difference may be a sale we have not
        heard of.
        """
        is_fall = self._may_lower()
        is_worked_off = self._is_worked_off()
        conditions = [
            SQL(
                """
                (row.fence_at IS NULL OR row.wanted_qty <= row.expected_qty
                 OR (%s AND %s))
                """,
                self._is_polled_after(SQL("row.fence_at")),
                is_worked_off,
            )
        ]
        held = self._held_places(self.env.cr.now())
        if held:
            conditions.append(SQL("(%s OR %s)", is_fall, self._is_not_in(held)))
        if self._is_fenced():
            conditions.append(
                SQL(
                    "(%s OR (%s AND %s))",
                    is_fall,
                    self._is_polled_after(self._rise_moment()),
                    is_worked_off,
                )
            )
        return SQL(" AND ").join(conditions)

    def _is_not_in(self, places):
        return SQL("row.channel_location_id <> ALL(%s)", places.ids)

    # ---------------------------------------------------------------- waiting

    def _arrange_next_run(self):
        """See to it that what is left over is taken up when it may go.

        What may go at once wakes the job again, and so does what must be read back
        first, a batch of it in each run. What is held or fenced must not: the
        job would run in circles and find nothing it may take.
        """
        if not self._is_due():
            return
        self._wake_for_leases()
        self.env.cr.execute(self._claim_query(1), log_exceptions=False)
        if self.env.cr.fetchone() or self._unknown_keys():
            self._wake_publishers()
            return
        if self._is_any_pending(self._needs_poll()):
            self._wake_poller_gently()
        self._wake_at_opening()

    def _is_any_pending(self, condition):
        self.env.cr.execute(
            SQL(
                """
                SELECT 1
                  FROM stock_channel_publication AS row
                  JOIN stock_channel_listing AS listing
                    ON listing.id = row.listing_id
                 WHERE row.channel_id = %s
                   AND row.state = 'pending'
                   AND NOT (listing.active AND coalesce(listing.is_paused, FALSE))
                   AND %s
                 LIMIT 1
                """,
                self.id,
                condition,
            )
        )
        return bool(self.env.cr.rowcount)

    def _needs_poll(self):
        """Return when ``row`` waits for a round of polling and for no opening."""
        moment = SQL("row.fence_at")
        if self._is_fenced():
            moment = SQL("greatest(row.fence_at, %s)", self._rise_moment())
        return SQL(
            "%s IS NOT NULL AND NOT %s AND NOT %s AND %s",
            moment,
            self._may_lower(),
            SQL("(%s)", self._is_polled_after(moment)),
            self._is_not_in(self._held_places(self.env.cr.now())),
        )

    def _wake_poller_gently(self):
        """Have the channel's orders read now, or as soon as the gap is over."""
        now = self.env.cr.now()
        earliest = self.polled_at and self.polled_at + POLL_GAP
        if not earliest or earliest <= now:
            self._wake_pollers()
        else:
            self._trigger_once(self.sudo().poll_cron_id, earliest)

    def _wake_at_opening(self):
        """Run the publishing job when the first of the held rises may go."""
        now = self.env.cr.now()
        waiting = self._held_places(now).filtered(
            lambda place: self._is_any_pending(
                SQL("row.channel_location_id = %s", place.id)
            )
        )
        openings = [opening for place in waiting if (opening := place._opens_at(now))]
        if openings:
            self._trigger_once(self.sudo().publish_cron_id, min(openings))

    def _trigger_once(self, cron_sudo, at):
        """Run a job at a later moment, unless it is to run before that anyway.

        Whoever runs it earlier arranges this again.
        """
        waiting = (
            self.env["ir.cron.trigger"]
            .sudo()
            .search_count(
                [
                    ("cron_id", "=", cron_sudo.id),
                    ("call_at", ">", self.env.cr.now()),
                    ("call_at", "<=", at),
                ],
                limit=1,
            )
        )
        if cron_sudo and not waiting:
            cron_sudo._trigger(at=at)


class StockChannelPublicationFence(models.Model):
    _inherit = "stock.channel.publication"

    def _fresh_from(self, quantity, now):
        """Return since when this number could have been told, naive UTC.

        A rise that was held counts from the moment it was let out: nobody was slow.

        :param float quantity: what the channel took.
        """
        is_rise = quantity > (self.expected_qty if self.expected_at else 0)
        if not is_rise or not self.changed_at:
            return self.changed_at
        opened = self.channel_id._rises_open_since(self.channel_location_id, now)
        return max(self.changed_at, opened) if opened else self.changed_at
