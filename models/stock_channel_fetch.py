import logging
import time
from datetime import timedelta

from odoo import api, fields, models
from odoo.tools.misc import format_datetime

from ..connectors.errors import ConnectorError, RateLimited, RetryLater
from .stock_channel_poll import SLICE_SECONDS

_logger = logging.getLogger(__name__)

STATES = [
    ("reading", "Reading"),
    ("matching", "Finding Products"),
    ("mapping", "Mapping Same SKUs"),
    ("done", "Done"),
    ("failed", "Failed"),
    ("stopped", "Stopped"),
]
TRANSITIONS = {
    "reading": ("matching", "failed", "stopped"),
    "matching": ("mapping", "done", "stopped"),
    "mapping": ("done", "stopped"),
    "done": (),
    "failed": (),
    "stopped": (),
}
RUNNING = ("reading", "matching", "mapping")
# Whoever presses the button waits for so much and no longer.
FIRST_SECONDS = 5
FIRST_ROWS = 1000
# All channels together, before the scheduler may run something else.
ROUND_SECONDS = 60
ATTEMPTS = 5
# A channel at work is read again after so long, for the weekly review and for drafts
# that became listings.
AGAIN = timedelta(days=1)


class StockChannelFetch(models.Model):
    """One reading of all that a channel lists, and of which product each is.

    Read page by page, each stored in a transaction of its own with the position behind
    it, in slices: a catalogue of a hundred thousand keeps no worker, and whatever kills
    one, the next goes on behind the last page that is stored. Only a reading that came
    to its end says what is gone.
    """

    _name = "stock.channel.fetch"
    _description = "Reading of a Channel's Listings"
    _inherit = ["stock.channel.mixin"]
    _order = "id desc"
    _log_access = False

    channel_id = fields.Many2one(
        "stock.channel", required=True, readonly=True, ondelete="cascade", index=True
    )
    company_id = fields.Many2one(related="channel_id.company_id", store=True)
    user_id = fields.Many2one(
        "res.users", "Asked by", required=True, readonly=True, ondelete="restrict"
    )
    is_by_hand = fields.Boolean(
        readonly=True, help="Somebody asked for it: the same SKUs are mapped at once."
    )
    started_at = fields.Datetime("Started", required=True, readonly=True)
    worked_at = fields.Datetime(readonly=True)
    finished_at = fields.Datetime("Finished", readonly=True)
    state = fields.Selection(STATES, required=True, readonly=True, default="reading")
    position = fields.Char(readonly=True, help="Where reading goes on.")
    round = fields.Integer(readonly=True)
    expected_count = fields.Integer(
        "Known Before", readonly=True, help="What the channel listed the last time."
    )
    read_count = fields.Integer("Read", readonly=True)
    new_count = fields.Integer("New", readonly=True)
    unusable_count = fields.Integer(
        "Left Out",
        readonly=True,
        help="Without SKU and id, or with one that nobody could have entered.",
    )
    gone_count = fields.Integer("Gone", readonly=True)
    matched_id = fields.Integer(readonly=True)
    matched_count = fields.Integer("Looked At", readonly=True)
    mapped_count = fields.Integer("Mapped", readonly=True)
    attempts = fields.Integer(readonly=True)
    next_attempt_at = fields.Datetime("Tried Again", readonly=True)
    error = fields.Char("What Went Wrong", readonly=True)
    progress = fields.Float(compute="_compute_progress")

    _one_running = models.UniqueIndex(
        "(channel_id) WHERE state IN ('reading', 'matching', 'mapping')",
        "The listings of this channel are being read already.",
    )

    @api.depends("channel_id", "started_at")
    def _compute_display_name(self):
        for fetch in self:
            fetch.display_name = self.env._(
                "%(channel)s, %(when)s",
                channel=fetch.channel_id.name,
                when=format_datetime(self.env, fetch.started_at),
            )

    @api.depends("state", "read_count", "expected_count", "matched_count")
    def _compute_progress(self):
        """Reading is half of it; how long that takes is guessed from the last time."""
        for fetch in self:
            if fetch.state in ("done", "mapping"):
                fetch.progress = 100
            elif fetch.state == "matching":
                fetch.progress = 50 + 50 * min(
                    1, fetch.matched_count / (fetch.read_count or 1)
                )
            else:
                expected = max(fetch.expected_count, fetch.read_count + 1)
                fetch.progress = 50 * fetch.read_count / expected

    # ----------------------------------------------------------------- starting

    @api.model
    def _fetch_cron(self):
        return self.env.ref("stock_channel_hub.ir_cron_fetch").sudo()

    @api.model
    def _begin(self, channel, is_by_hand):
        """Begin a reading, in the name of whoever runs this."""
        known = self.env["stock.channel.remote.listing"].search_count(
            [("channel_id", "=", channel.id), ("gone_at", "=", False)]
        )
        return self.create(
            {
                "channel_id": channel.id,
                "user_id": self.env.uid,
                "is_by_hand": is_by_hand,
                "started_at": self.env.cr.now(),
                "expected_count": known,
            }
        )

    @api.model
    def _running(self, channel):
        return self.search(
            [("channel_id", "=", channel.id), ("state", "in", RUNNING)], limit=1
        )

    def _first_slice(self):
        """Do at once what does not keep anybody waiting; the rest in the background.

        :raise ConnectorError: what the channel said.
        """
        self.ensure_one()
        deadline = time.monotonic() + FIRST_SECONDS
        with self.channel_id._connected() as connector:
            is_complete = self._read(
                connector, lambda store: store(), deadline, FIRST_ROWS
            )
        if not is_complete:
            self._trigger_after_commit(self._fetch_cron())
            return
        self._read_done()
        if self.state == "matching":
            catalogue = self.env["stock.channel.remote.listing"]._load_catalogue(
                self.channel_id
            )
            while self._match_step(*catalogue):
                pass
            while self.state == "mapping":
                self._map_step()

    # ------------------------------------------------------------------ working

    @api.model
    def _cron_fetch(self):
        """Give each running reading a slice, and map what was accepted."""
        end = time.monotonic() + ROUND_SECONDS
        self._in_transaction(self._begin_due)
        for fetch in self._in_transaction(self._due):
            if time.monotonic() >= end:
                break
            fetch._work()
        remote = self.env["stock.channel.remote.listing"]
        is_more = True
        while is_more and time.monotonic() < end:
            is_more = self._in_transaction(remote._map_accepted)
        if is_more or self._in_transaction(self._due):
            self._in_transaction(lambda: self._trigger_after_commit(self._fetch_cron()))

    @api.model
    def _begin_due(self):
        """Begin to read the channels at work that were not read for long."""
        channels = self.env["stock.channel"].search(
            [("state", "in", ("shadow", "live"))]
        )
        last = dict(
            self._read_group(
                [("channel_id", "in", channels.ids)], ["channel_id"], ["started_at:max"]
            )
        )
        before = self.env.cr.now() - AGAIN
        for channel in channels:
            # What was never asked for by a person is not read by itself.
            started_at = last.get(channel)
            if started_at and started_at <= before and channel._may_read():
                if not self._running(channel):
                    self._begin(channel, is_by_hand=False)

    @api.model
    def _due(self):
        return self.search(
            [
                ("state", "in", RUNNING),
                "|",
                ("next_attempt_at", "=", False),
                ("next_attempt_at", "<=", self.env.cr.now()),
            ],
            order="worked_at nulls first, id",
        )

    def _work(self):
        """Go on with one reading for a slice of time."""
        deadline = time.monotonic() + SLICE_SECONDS
        state = self._in_transaction(self._take_up)
        if state == "reading" and not self._read_slice(deadline):
            return
        remote = self.env["stock.channel.remote.listing"]
        if self._in_transaction(lambda: self.state) == "matching":
            catalogue = self._in_transaction(
                lambda: remote._load_catalogue(self.channel_id)
            )
            while self._in_transaction(lambda: self._match_step(*catalogue)):
                if time.monotonic() >= deadline:
                    return
        while self._in_transaction(lambda: self.state) == "mapping":
            self._in_transaction(self._map_step)
            if time.monotonic() >= deadline:
                return

    def _take_up(self):
        self.worked_at = self.env.cr.now()
        channel = self.channel_id
        # A copy of the database leaves the real channel alone.
        if channel.state != "draft" and not channel._is_ours():
            self._update_state("stopped")
        return self.state

    # ------------------------------------------------------------------ reading

    def _read_slice(self, deadline):
        """Read until the slice is over.

        :return: whether the reading came to its end.
        """
        try:
            with self.channel_id._connected() as connector:
                with self.channel_id._connector_at_work():
                    is_complete = self._read(connector, self._in_transaction, deadline)
        except ConnectorError as error:
            failure = error
            self._in_transaction(lambda: self._note_failure(failure))
            return False
        if is_complete:
            self._in_transaction(self._read_done)
        return is_complete

    def _read(self, connector, run, deadline, most_rows=None):
        """Read page by page, from where the last slice ended.

        A connector that cannot go on in the middle is read to its end, but for the
        person who waits: then the background begins anew.

        :param run: runs what stores a page.
        :param most_rows: stop after so many; only for somebody who waits.
        :return: whether all was read.
        """
        position, begun = self.position or "", 0
        if not position:
            run(self._begin_round)
        for page in connector.listing_pages(position):
            if not run(lambda page=page: self._store_page(page)):
                return False
            begun += len(page.listings)
            is_over = time.monotonic() >= deadline or bool(
                most_rows and begun >= most_rows
            )
            if is_over and (page.position or most_rows):
                return False
        return True

    def _begin_round(self):
        """Number this reading, so that what an earlier one saw is told apart."""
        mine = [("channel_id", "=", self.channel_id.id)]
        [(read,)] = self._read_group(mine, [], ["round:max"])
        [(seen,)] = self.env["stock.channel.remote.listing"]._read_group(
            mine, [], ["round:max"]
        )
        self.write(
            {
                "round": max(read or 0, seen or 0) + 1,
                "read_count": 0,
                "new_count": 0,
                "unusable_count": 0,
            }
        )

    def _store_page(self, page):
        """Keep a page together with the position behind it.

        :return: whether reading goes on.
        """
        if self.state != "reading":
            return False
        remote = self.env["stock.channel.remote.listing"]
        new, unusable = remote._store(self.channel_id, page.listings, self.round)
        self.write(
            {
                "position": page.position or False,
                "read_count": self.read_count + len(page.listings),
                "new_count": self.new_count + new,
                "unusable_count": self.unusable_count + unusable,
                "attempts": 0,
                "error": False,
            }
        )
        return True

    def _read_done(self):
        """Note what is gone, and go on to find products.

        A channel that suddenly lists nothing has a fault more likely than no goods:
        nothing is said to be gone then.
        """
        if self.state != "reading":
            return
        if self.expected_count and not self.read_count:
            self._fail(
                self.env._(
                    "The channel answered, and listed nothing. What was known of it is "
                    "kept as it was."
                )
            )
            return
        remote = self.env["stock.channel.remote.listing"]
        self.write(
            {
                "position": False,
                "gone_count": remote._note_gone(self.channel_id, self.round),
            }
        )
        remote._judge_channel(self.channel_id)
        self._update_state("matching")

    def _note_failure(self, error):
        """Try again later, unless a person has to act first or it failed too often."""
        if isinstance(error, RetryLater):
            attempts = self.attempts + (not isinstance(error, RateLimited))
            if attempts < ATTEMPTS:
                wait = max(error.after or 0, 60 * 2**attempts)
                self.write(
                    {
                        "attempts": attempts,
                        "error": error.message,
                        "next_attempt_at": self.env.cr.now() + timedelta(seconds=wait),
                    }
                )
                return
        self._fail(error.message)

    def _fail(self, message):
        self._update_state("failed", {"error": message})

    # ----------------------------------------------------------------- matching

    def _match_step(self, catalogue, units):
        """Match the next rows; returns whether any were left."""
        if self.state != "matching":
            return False
        remote = self.env["stock.channel.remote.listing"]
        last = remote._match_chunk(self.channel_id, self.matched_id, catalogue, units)
        if last is None:
            remote._judge_channel(self.channel_id)
            self._update_state("mapping" if self.is_by_hand else "done")
            return False
        matched = remote.search_count(
            [("channel_id", "=", self.channel_id.id), ("id", "<=", last)]
        )
        self.write({"matched_id": last, "matched_count": matched})
        return True

    def _map_step(self):
        """Map the next of the same SKUs, in the name of who asked for it."""
        if self.state != "mapping":
            return
        remote = self.env["stock.channel.remote.listing"]
        mapped = remote._map_same_skus(self.channel_id, self.user_id)
        self.mapped_count += mapped
        if not mapped:
            self._update_state("done")

    def _update_state(self, target, vals=None):
        """Move to ``target``; the gate of this state machine."""
        self.ensure_one()
        if target not in TRANSITIONS[self.state]:
            _logger.info(
                "reading %s is %s and may not become %s", self.id, self.state, target
            )
            return
        ended = {} if target in RUNNING else {"finished_at": self.env.cr.now()}
        self.write({"next_attempt_at": False, **ended, **(vals or {}), "state": target})

    # ------------------------------------------------------------------ actions

    def action_stop(self):
        """Leave the rest unread; what was read stays."""
        self.check_access("read")
        self.env["stock.channel.change"]._check_manager()
        for fetch_sudo in self.sudo().filtered(lambda row: row.state in RUNNING):
            fetch_sudo._update_state("stopped")

    def action_open_rows(self):
        """Show what the channel lists, what needs a look first."""
        self.ensure_one()
        self.check_access("read")
        return self.channel_id._action_open_remote()

    def _action_open(self):
        self.ensure_one()
        return {
            "type": "ir.actions.act_window",
            "name": self.env._("Reading Listings"),
            "res_model": self._name,
            "view_mode": "form",
            "res_id": self.id,
        }

    @api.autovacuum
    def _gc_old(self):
        """Forget old readings, but for the last of each channel."""
        before = fields.Datetime.subtract(self.env.cr.now(), days=90)
        newest = self._read_group([], ["channel_id"], ["id:max"])
        self.sudo().search(
            [
                ("finished_at", "<", before),
                ("id", "not in", [row_id for _channel, row_id in newest]),
            ]
        ).unlink()
