import math
import time
from collections import Counter
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from odoo import api, fields, models
from odoo.exceptions import UserError, ValidationError
from odoo.tools import SQL, split_every

from ..connectors.errors import ConnectorError
from .stock_channel_drift import AGREES, SETTLED, Mark

# Reading gives way to the next round of polling after this many seconds.
SLICE_SECONDS = 10
# Most rows one run reads on its own account, however long it did not run.
MAX_SLICE = 2000
# How often the poll job runs; what the first slice ever is measured by.
INTERVAL = timedelta(minutes=1)
# So many certain differences in one round are one event, not one task each.
FLOOD = 20
# What a round found that somebody or something must act on.
ACTED_KINDS = ("edited", "unknown")
# What is read again at once: what differed, and what was on its way to the channel when
# it differed and is not any more. Had it come to rest without being sent, the channel
# would have gone on showing something else until the next round, a day later.
READ_NEXT = SQL(
    "(row.read_next OR (row.drift = 'in_flight' AND row.state IN %s))", SETTLED
)


@dataclass(frozen=True)
class Chunk:
    """What was known when a reading began.

    :param marks: what the rows were, by row id.
    :param newest_message: id of the newest message stored by then.
    :param polled_at: when the last complete round of polling had started.
    :param started_at: when the reading began, naive UTC like the others.
    :param has_polling: whether the channel's orders are polled at all.
    :param has_news: a message from before the reading is not worked off, so any
        difference may be what it tells.
    """

    marks: dict[int, Mark]
    newest_message: int
    polled_at: datetime | None
    started_at: datetime
    has_polling: bool
    has_news: bool = False


class StockChannelReadBack(models.Model):
    """Read-back: what the channel shows is compared with what it should show.

    Runs in the poll job, after a complete round of polling, in slices: each run
    reads as many rows as are owed since the last slice, the longest unread first,
    so that a huge catalogue is covered steadily. What differs is read again in the
    next run before anything is done about it (``stock.channel.publication``).
    """

    _inherit = "stock.channel"

    read_back_hours = fields.Integer(
        string="Compare Within (hours)",
        default=24,
        required=True,
        help="The whole catalogue is compared with the channel within so many hours. "
        "0: only on demand.",
    )
    drift_rule = fields.Selection(
        [("publish", "Publish again"), ("exception", "Ask a person")],
        string="When It Differs",
        default="publish",
        required=True,
        tracking=True,
        help="What happens when the channel shows another number than expected and "
        "no order explains it.",
    )
    has_read_back = fields.Boolean(compute="_compute_has_read_back")
    read_back_at = fields.Datetime(
        "Last Slice",
        readonly=True,
        copy=False,
        help="What is owed since then is read next.",
    )
    read_back_requested_at = fields.Datetime(
        "Comparison Requested",
        readonly=True,
        copy=False,
        help="Somebody asked for the whole catalogue; empty once it was read.",
    )
    read_back_started_at = fields.Datetime(
        "Round Started", readonly=True, copy=False, help="The running or last round."
    )
    read_back_ended_at = fields.Datetime("Last Round Ended", readonly=True, copy=False)
    read_back_tally = fields.Json(
        readonly=True, copy=False, help="Counts of the running round by kind."
    )
    read_back_result = fields.Json(
        readonly=True, copy=False, help="Counts of the last complete round by kind."
    )
    read_back_summary = fields.Char(
        "Last Round", compute="_compute_read_back_summary", compute_sudo=True
    )
    drift_count = fields.Integer(
        "Differs at the Channel",
        compute="_compute_drift_count",
        compute_sudo=True,
        help="Numbers that differed when the channel was read last.",
    )

    @api.depends("connector")
    def _compute_has_read_back(self):
        for channel in self:
            channel.has_read_back = channel._capabilities().read_back

    @api.depends("read_back_result")
    def _compute_read_back_summary(self):
        kinds = dict(
            self.env["stock.channel.publication"]
            ._fields["drift"]
            ._description_selection(self.env)
        )
        for channel in self:
            result = channel.read_back_result
            if not result:
                channel.read_back_summary = False
                continue
            found = [
                f"{label} {result[kind]}"
                for kind, label in kinds.items()
                if result.get(kind)
            ]
            channel.read_back_summary = self.env._(
                "%(count)s compared: %(found)s",
                count=result.get("compared", 0),
                found=", ".join(found) or self.env._("all agree"),
            )

    def _compute_drift_count(self):
        counts = dict(
            self.env["stock.channel.publication"]._read_group(
                [("channel_id", "in", self.ids), ("drift", "!=", False)],
                ["channel_id"],
                ["__count"],
            )
        )
        for channel in self:
            channel.drift_count = counts.get(channel, 0)

    @api.constrains("read_back_hours")
    def _check_read_back_hours(self):
        for channel in self:
            if channel.read_back_hours < 0:
                raise ValidationError(
                    self.env._("The hours to compare within cannot be negative.")
                )

    # ------------------------------------------------------------- on demand

    def action_read_back(self):
        """Compare the whole catalogue with the channel, starting now."""
        self.ensure_one()
        self.check_access("read")
        self.env["stock.channel.exception"]._check_operator()
        self._check_can_read_back()
        self.sudo().read_back_requested_at = self.env.cr.now()
        self._wake_pollers()
        return self._notify(
            self.env._("The channel is being read. What differs shows up here."),
            "success",
        )

    def _check_can_read_back(self):
        """Refuse where nothing could be read.

        :raise UserError: in words the person can act on.
        """
        for channel in self:
            if not channel._capabilities().read_back:
                raise UserError(
                    self.env._(
                        "%s cannot be asked what it shows: its connector has no "
                        "read-back.",
                        channel.name,
                    )
                )
            if channel.state not in ("shadow", "live"):
                raise UserError(
                    self.env._(
                        "%s is neither live nor in shadow; it is not compared.",
                        channel.name,
                    )
                )

    # ----------------------------------------------------------------- slices

    def _read_back(self):
        """Read what is owed, then note how far the round has come.

        Called outside any transaction, after a complete round of polling. When the
        channel fails, what was read stays read, and the rest is owed next time.
        """
        if not self._capabilities().read_back:
            return
        deadline = time.monotonic() + SLICE_SECONDS
        run_at, owed = self._in_transaction(self._begin_slice)
        rows = self._in_transaction(lambda: self._plan_slice(run_at, owed))
        if not rows and not self.read_back_requested_at and not owed:
            return
        is_whole = True
        with self._connected() as connector:
            while rows and is_whole:
                is_whole = self._read_rows(connector, rows, deadline)
                is_over = time.monotonic() >= deadline
                rows = [] if is_over else self._in_transaction(self._plan_on_demand)
        self._in_transaction(lambda: self._end_slice(run_at, owed and is_whole))

    def _begin_slice(self):
        """Start a new round where one is due.

        :return: (now, how many rows are owed).
        """
        now = self.env.cr.now()
        requested, started = self.read_back_requested_at, self.read_back_started_at
        owed = self._owed_rows(now)
        is_new = requested and (not started or requested > started)
        if is_new or (owed and not self._is_round_running()):
            self.write({"read_back_started_at": now, "read_back_tally": {}})
        return now, owed

    def _is_round_running(self):
        started, ended = self.read_back_started_at, self.read_back_ended_at
        return bool(started and (not ended or ended < started))

    def _owed_rows(self, now):
        """Return how many rows must be read to keep up with the hours promised.

        Nothing is owed before it is a whole row: a small catalogue is not read
        every minute.
        """
        if self.read_back_hours <= 0:
            return 0
        self.env.cr.execute(SQL("SELECT count(*) %s", self._readable_rows()))
        (rows,) = self.env.cr.fetchone()
        last = self.read_back_at
        elapsed = now - last if last else INTERVAL
        owed = rows * elapsed / timedelta(hours=self.read_back_hours)
        if not rows or (last and owed < 1):
            return 0
        return min(max(1, math.ceil(owed)), MAX_SLICE)

    def _readable_rows(self):
        """Return the rows that can differ: those the channel has taken once.

        A paused listing keeps whatever number the channel has. In shadow the channel
        has taken none, and every number is compared with what it would be told.
        """
        return SQL(
            """
              FROM stock_channel_publication AS row
              JOIN stock_channel_listing AS listing ON listing.id = row.listing_id
             WHERE row.channel_id = %s
               AND (row.acknowledged_at IS NOT NULL OR %s)
               AND NOT (listing.active AND coalesce(listing.is_paused, FALSE))
            """,
            self.id,
            self.state == "shadow",
        )

    def _choose_rows(self, limit, condition):
        """Return rows that meet ``condition``, the longest unread first."""
        self.env["stock.channel.publication"].flush_model()
        self.env.cr.execute(
            SQL(
                """
                SELECT row.id
                %s
                   AND %s
                 ORDER BY row.observed_at NULLS FIRST, row.id
                 LIMIT %s
                """,
                self._readable_rows(),
                condition,
                limit,
            )
        )
        return [row_id for (row_id,) in self.env.cr.fetchall()]

    def _plan_slice(self, run_at, owed):
        """Return the rows of this run: those marked to be next, then what is owed.

        Rows that differed are marked: they are read again at once, on top of what
        is owed, so that a doubt never lasts a whole round.
        """
        marked = SQL("%s AND %s", READ_NEXT, unread_since(run_at))
        rows = self._choose_rows(MAX_SLICE, marked)
        if self.read_back_requested_at:
            return rows + self._plan_on_demand()
        if owed:
            others = SQL("%s IS NOT TRUE AND %s", READ_NEXT, unread_since(run_at))
            rows += self._choose_rows(owed, others)
        return rows

    def _plan_on_demand(self):
        """Return the next rows of a round that somebody asked for."""
        if not self.read_back_requested_at:
            return []
        unread = unread_since(self.read_back_started_at)
        return self._choose_rows(
            MAX_SLICE, SQL("%s IS NOT TRUE AND %s", READ_NEXT, unread)
        )

    def _end_slice(self, run_at, is_paid):
        """Note what was reached; go on at once with what somebody waits for.

        :param bool is_paid: whether the rows that were owed were read.
        """
        vals = {"read_back_at": run_at} if is_paid else {}
        started = self.read_back_started_at
        is_read = started and not self._choose_rows(1, unread_since(started))
        if self.read_back_requested_at and is_read:
            vals.update(read_back_requested_at=False, read_back_at=run_at)
        is_certain = is_read and not self._choose_rows(1, READ_NEXT)
        if is_certain and self._is_round_running():
            vals.update(
                read_back_ended_at=self.env.cr.now(),
                read_back_result=self.read_back_tally,
            )
            self._heal_flood()
        if vals:
            self.write(vals)
        if self.read_back_requested_at and self._is_due_to_read():
            self._wake_pollers()

    # ---------------------------------------------------------------- reading

    def _is_due_to_read(self):
        return self._may_read() and not self._is_left_alone()

    def _read_rows(self, connector, row_ids, deadline):
        """Read these rows, chunk by chunk, until the time is over.

        :return: whether all of them were read.
        """
        size = self._capabilities().batch_size
        left = len(row_ids)
        for chunk_ids in split_every(size, row_ids):
            if not self._in_transaction(self._is_due_to_read):
                return False
            if not self._read_chunk(connector, chunk_ids):
                return False
            left -= len(chunk_ids)
            if time.monotonic() >= deadline:
                break
        return not left

    def _read_chunk(self, connector, row_ids):
        """Read some rows outside any transaction and record what came.

        :return: whether the channel answered.
        """
        chunk = self._in_transaction(lambda: self._mark_chunk(row_ids))
        if not chunk.marks:
            return True
        try:
            with self._connector_at_work():
                found = connector.fetch_quantities(
                    [mark.key for mark in chunk.marks.values()]
                )
        except ConnectorError as error:
            failure = error
            self._in_transaction(lambda: self._channel_failed(failure))
            return False
        self._in_transaction(lambda: self._record_chunk(chunk, found))
        return True

    def _mark_chunk(self, row_ids):
        rows = self.env["stock.channel.publication"].browse(row_ids).exists()
        newest = self.env["stock.channel.message"].search([], limit=1, order="id desc")
        return Chunk(
            marks={row.id: row._mark() for row in rows},
            newest_message=newest.id or 0,
            polled_at=self.polled_at or None,
            started_at=self.env.cr.now(),
            has_polling=self._capabilities().polling,
        )

    def _record_chunk(self, chunk, found):
        """Compare what came with what is expected now, and act on what is certain.

        :param found: ``ObservedQuantity`` of the keys that the channel named.
        """
        rows = self.env["stock.channel.publication"]._lock_rows(chunk.marks)
        chunk = replace(chunk, has_news=self._has_news(chunk.newest_message))
        by_key = {observed.key: observed for observed in found}
        certain = []
        agreeing = rows.browse()
        tally = Counter(self.read_back_tally or {})
        for row in rows:
            mark = chunk.marks[row.id]
            if row._key() != mark.key:
                # Read under an id that this row no longer has.
                continue
            is_first = not row._was_read_since(self.read_back_started_at)
            tally["compared"] += is_first
            kind = row._compare(by_key.get(mark.key), mark, chunk)
            if kind == AGREES:
                agreeing |= row
            elif kind:
                is_new = row.drift != kind
                tally[kind] += is_new or is_first
                certain.append((row, kind, is_new))
        agreeing._resolve_drift()
        self.read_back_tally = dict(tally)
        differing = sum(tally[kind] for kind in ACTED_KINDS)
        is_flood = differing > FLOOD and self.state == "live"
        for row, kind, is_new in certain:
            row._settle_drift(kind, is_new=is_new, is_flood=is_flood)
        if is_flood and any(is_new for _row, _kind, is_new in certain):
            self._open_flood(differing)
        self._channel_answered()

    def _has_news(self, newest_message):
        return bool(
            self.env["stock.channel.message"].search_count(
                [
                    ("channel_id", "=", self.id),
                    ("state", "=", "pending"),
                    ("id", "<=", newest_message),
                ],
                limit=1,
            )
        )

    # ------------------------------------------------------------------ flood

    def _open_flood(self, count):
        """Tell a person once that the channel's numbers went astray as a whole."""
        if self.drift_rule == "publish":
            next_step = self.env._(
                "Find out what changed them: an import, another integration, a copy of "
                "this database. They are published again; what the channel does not "
                "have, and what keeps differing, is found by the filter Differs at "
                "the Channel."
            )
        else:
            next_step = self.env._(
                "Find out what changed them: an import, another integration, a copy of "
                "this database. Then look through the numbers by the filter Differs at "
                "the Channel. Retry publishes all of them again."
            )
        self.env["stock.channel.exception"]._open(
            self,
            category="drift",
            fingerprint=self._flood_fingerprint(),
            title=self.env._("%s shows many numbers it was not told", self.name),
            cause=self.env._(
                "%s numbers differ from what the channel was told, and no order "
                "explains it.",
                count,
            ),
            next_step=next_step,
            value=str(count),
            expected_value="0",
        )

    def _edited_rows(self):
        return self.env["stock.channel.publication"].search(
            [("channel_id", "=", self.id), ("drift", "=", "edited")]
        )

    def _flood_fingerprint(self):
        return f"drift:channel:{self.id}"

    def _heal_flood(self):
        """Close it when a whole round found few differences and none is left."""
        tally = self.read_back_tally or {}
        if sum(tally.get(kind, 0) for kind in ACTED_KINDS) > FLOOD:
            return
        left = self.env["stock.channel.publication"].search_count(
            [("channel_id", "=", self.id), ("drift", "in", ACTED_KINDS)], limit=1
        )
        if not left:
            self.env["stock.channel.exception"]._resolve_fingerprint(
                self, self._flood_fingerprint()
            )


def unread_since(moment):
    """Return the condition for rows that were not read at or after ``moment``."""
    return SQL("(row.observed_at IS NULL OR row.observed_at < %s)", moment)
