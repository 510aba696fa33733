import logging
from datetime import timedelta

from odoo import api, fields, models
from odoo.exceptions import AccessError, UserError

from .stock_channel_review import SIGNERS

_logger = logging.getLogger(__name__)

STATES = [("reading", "Being Read"), ("done", "Done")]
TRANSITIONS = {"reading": ("done",), "done": ()}
# A channel that has not been read as a whole by then is matched with what was read.
PATIENCE = timedelta(hours=2)


class StockChannelMatch(models.Model):
    """The three-way match: what the ERP says, what is expected, what is shown.

    ERP is the number computed anew at this moment, expected what the ledger says the
    channel must show, live what was read from it. Only what differs is kept as lines;
    the counts are those of everything, and so is the export. The second part says of
    every order number of the channel whether it is here exactly once.
    """

    _name = "stock.channel.match"
    _description = "Three-Way Match"
    _inherit = ["stock.channel.mixin"]
    _order = "requested_at desc, id desc"

    channel_id = fields.Many2one(
        "stock.channel", required=True, readonly=True, ondelete="restrict", index=True
    )
    company_id = fields.Many2one(related="channel_id.company_id", store=True)
    currency_id = fields.Many2one(related="company_id.currency_id")
    review_id = fields.Many2one(
        "stock.channel.review",
        readonly=True,
        ondelete="restrict",
        index="btree_not_null",
    )
    state = fields.Selection(STATES, required=True, readonly=True, default="reading")
    requested_at = fields.Datetime("Asked for", required=True, readonly=True)
    requested_by_id = fields.Many2one("res.users", "Asked by", readonly=True)
    done_at = fields.Datetime("Matched", readonly=True)
    read_at = fields.Datetime(
        "Channel Read",
        readonly=True,
        help="When the newest complete reading of the channel ended.",
    )
    is_fresh = fields.Boolean(
        "Read for This Match",
        readonly=True,
        help="Off: the channel could not be read as a whole in time, and the newest "
        "reading there is was taken.",
    )
    number_count = fields.Integer("Numbers", readonly=True)
    differing_count = fields.Integer("Differing", readonly=True)
    difference_value = fields.Monetary(
        "Difference in Value",
        readonly=True,
        help="What the differing units are worth, more and less added up.",
    )
    counts = fields.Json(readonly=True, help="How many numbers are of which kind.")
    order_count = fields.Integer("Orders", readonly=True)
    order_problem_count = fields.Integer("Orders to Look At", readonly=True)
    order_counts = fields.Json(readonly=True)
    gaps = fields.Char(
        "Numbers Left Out",
        readonly=True,
        help="Order numbers missing in the row, where the channel counts one by one. "
        "A hint only: channels leave numbers out.",
    )
    counts_text = fields.Text("Numbers by Kind", compute="_compute_counts_text")
    order_counts_text = fields.Text("Orders by Kind", compute="_compute_counts_text")
    line_ids = fields.One2many("stock.channel.match.line", "match_id", readonly=True)
    number_line_ids = fields.One2many(
        "stock.channel.match.line",
        "match_id",
        string="Numbers that Differ",
        domain=[("part", "=", "number")],
        readonly=True,
    )
    order_line_ids = fields.One2many(
        "stock.channel.match.line",
        "match_id",
        string="Orders that Do Not Add Up",
        domain=[("part", "=", "order")],
        readonly=True,
    )

    _unfinished = models.Index("(requested_at) WHERE state = 'reading'")

    # -------------------------------------------------------------- computes

    @api.depends("channel_id.name", "requested_at")
    def _compute_display_name(self):
        for match in self:
            day = match.company_id._channel_local(match.requested_at).date()
            match.display_name = f"{match.channel_id.name} {day}"

    @api.depends("counts", "order_counts")
    def _compute_counts_text(self):
        lines = self.env["stock.channel.match.line"]
        labels = dict(lines._fields["kind"]._description_selection(self.env))

        def text(counts):
            return "\n".join(
                f"{labels[kind]}: {counts[kind]}" for kind in labels if kind in counts
            )

        for match in self:
            match.counts_text = text(match.counts or {})
            match.order_counts_text = text(match.order_counts or {})

    # ----------------------------------------------------------------- guard

    def write(self, vals):
        """Refuse to change what somebody signed, whoever asks."""
        if any(match.review_id.state == "signed" for match in self):
            self._check_export_only(vals)
        return super().write(vals)

    def _check_export_only(self, vals):
        """A file made later from what was kept changes nothing that was signed."""
        if vals.keys() - {"export_file", "export_requested"}:
            raise UserError(self.env._("A signed match is never changed."))

    @api.ondelete(at_uninstall=False)
    def _unlink_unless_signed(self):
        if any(match.review_id.state == "signed" for match in self):
            raise UserError(self.env._("A signed match is never removed."))

    def _update_state(self, target, vals=None):
        """Move to ``target``; the one gate of the match's state machine."""
        moved = self.filtered(lambda match: target in TRANSITIONS[match.state])
        if self - moved:
            _logger.warning("matches %s may not become %s", (self - moved).ids, target)
        moved.write({**(vals or {}), "state": target})
        return moved

    # --------------------------------------------------------------- asking

    @api.model
    def _request(self, channels, review=None):
        """Have these channels read as a whole, and match them when that is done.

        :return: the matches; the background job finishes them.
        """
        now = self.env.cr.now()
        matches_sudo = self.sudo().create(
            [
                {
                    "channel_id": channel.id,
                    "review_id": review.id if review else False,
                    "requested_at": now,
                    "requested_by_id": self.env.uid,
                }
                for channel in channels
            ]
        )
        for channel_sudo in channels.sudo():
            if channel_sudo._may_be_compared():
                channel_sudo.read_back_requested_at = now
                channel_sudo._wake_pollers()
        self._trigger_after_commit(self._cron())
        return matches_sudo.with_env(self.env)

    @api.model
    def _cron(self):
        return self.env.ref("stock_channel_hub.ir_cron_match").sudo()

    # -------------------------------------------------------------- working

    @api.model
    def _cron_match(self):
        """Finish what can be finished; run by its scheduled action."""
        for match in self.search([("state", "=", "reading")], order="id"):
            try:
                self._in_transaction(match._work)
            except Exception:  # one channel's trouble is not the others'
                _logger.exception("the match %s failed", match.id)
        self._prepare_exports()

    def _work(self):
        if self.exists() and self._is_due():
            self._match()

    def _is_due(self):
        """Return whether the reading asked for is there, or will not come."""
        channel = self.channel_id
        return (
            self._was_read()
            or not channel._may_be_compared()
            or self.requested_at <= self.env.cr.now() - PATIENCE
        )

    def _was_read(self):
        """Return whether a round that began after the request is complete."""
        started = self.channel_id.read_back_started_at
        ended = self.channel_id.read_back_ended_at
        return bool(started and ended and ended >= started >= self.requested_at)

    def _match(self):
        """Compare everything now and keep what differs."""
        self.ensure_one()
        match = self.with_company(self.company_id)
        vals = {
            "done_at": self.env.cr.now(),
            "read_at": self.channel_id.read_back_ended_at,
            "is_fresh": self._was_read(),
        }
        vals.update(match._match_everything())
        match._update_state("done", vals)
        if match.review_id:
            match.review_id._match_done(match)

    # ------------------------------------------------------------- findings

    def _prepare_findings(self):
        """Return the findings of a review that this match stands for."""
        findings = self.env["stock.channel.review.finding"]
        prepare = findings._prepare
        if not self or self.state == "reading":
            text = (
                self.env._("The channel is being read.")
                if self
                else self.env._("Not matched.")
            )
            return [
                findings._prepare_unknown(kind, text) for kind in ("match", "orders")
            ]
        mine = [("id", "=", self.id)]
        return [
            prepare(
                "match",
                self.differing_count,
                self._numbers_text(),
                value=self.difference_value,
                model=self._name,
                domain=mine,
            ),
            prepare(
                "orders",
                self.order_problem_count,
                self._orders_text(),
                model=self._name,
                domain=mine,
            ),
        ]

    def _numbers_text(self):
        if not self.differing_count:
            return self.env._("All %s numbers agree three ways.", self.number_count)
        return self.env._(
            "%(differing)s of %(all)s numbers differ (%(kinds)s).",
            differing=self.differing_count,
            all=self.number_count,
            kinds=self.counts_text.replace("\n", ", "),
        )

    def _orders_text(self):
        if self.order_problem_count:
            return self.env._(
                "%(count)s of %(all)s orders do not add up (%(kinds)s).",
                count=self.order_problem_count,
                all=self.order_count,
                kinds=self.order_counts_text.replace("\n", ", "),
            )
        if not self.order_count:
            return self.env._("The channel has no orders yet.")
        return self.env._("All %s orders are here exactly once.", self.order_count)


class StockChannelMatchOnDemand(models.Model):
    """Asking for a match by hand, and noticing that a reading is complete."""

    _inherit = "stock.channel"

    def _may_be_compared(self):
        """Return whether this database may read what the channel shows."""
        return self._capabilities().read_back and self._may_read()

    def action_match(self):
        """Match this channel three ways, starting now."""
        self.ensure_one()
        self.check_access("read")
        if not any(
            self.env.user.has_group(f"stock_channel_hub.{group}")
            for group in SIGNERS["daily"]
        ):
            raise AccessError(
                self.env._(
                    "Only operators and approvers of stock channels may do this."
                )
            )
        match = self.env["stock.channel.match"]._request(self)
        return {
            "type": "ir.actions.act_window",
            "res_model": "stock.channel.match",
            "res_id": match.id,
            "view_mode": "form",
        }

    def _end_slice(self, run_at, is_paid):
        """Wake whoever waits for a complete reading."""
        ended_at = self.read_back_ended_at
        result = super()._end_slice(run_at, is_paid)
        if self.read_back_ended_at != ended_at:
            matches = self.env["stock.channel.match"]
            if matches.search_count([("state", "=", "reading")], limit=1):
                self._trigger_after_commit(matches._cron())
        return result
