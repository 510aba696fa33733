import logging

from odoo import api, fields, models
from odoo.exceptions import UserError
from odoo.tools import SQL
from odoo.tools.misc import format_datetime

from .stock_channel_message_claim import CLAIM_SIZE

_logger = logging.getLogger(__name__)

STATES = [("running", "Running"), ("done", "Done"), ("stopped", "Stopped")]
TRANSITIONS = {"running": ("done", "stopped"), "done": (), "stopped": ()}
# So many are handed to the inbox at a time. Being old they go before what comes in
# meanwhile: half of each batch is left to that, however much is replayed.
SHARE = CLAIM_SIZE // 2


class StockChannelReplay(models.Model):
    """Messages that somebody had worked on once more, from the stored bodies.

    Which messages is settled when the person asks; the inbox takes them a few at a
    time, oldest first, so that each order's messages keep their order. What is
    applied already stays as it is: the versions of orders and returns see to that.
    The record stays, as proof of who replayed what and when.
    """

    _name = "stock.channel.replay"
    _description = "Replay of Messages"
    _inherit = ["stock.channel.mixin"]
    _order = "id desc"
    _log_access = False

    company_id = fields.Many2one(
        "res.company", required=True, readonly=True, index=True
    )
    user_id = fields.Many2one(
        "res.users", "Asked by", required=True, readonly=True, ondelete="restrict"
    )
    started_at = fields.Datetime("Asked", required=True, readonly=True)
    finished_at = fields.Datetime("Finished", readonly=True)
    state = fields.Selection(STATES, required=True, readonly=True, default="running")
    selection = fields.Text(
        "Which",
        readonly=True,
        help="What was chosen: single messages, or all that a filter found.",
    )
    total = fields.Integer("Messages", readonly=True)
    erased = fields.Integer(
        "Left Out",
        readonly=True,
        help="Their content is no longer kept, so they cannot be worked on again.",
    )
    last_message = fields.Integer(
        readonly=True, help="The newest message that was handed to the inbox."
    )
    message_ids = fields.Many2many(
        "stock.channel.message",
        "stock_channel_replay_message_rel",
        "replay_id",
        "message_id",
        string="Replayed Messages",
        readonly=True,
    )
    remaining = fields.Integer("Still to Do", compute="_compute_progress")
    done = fields.Integer("Worked Again", compute="_compute_progress")
    failed = fields.Integer(
        "Need a Person",
        compute="_compute_progress",
        help="Worked on again, and waiting for a person now. See the exceptions.",
    )
    progress = fields.Float(compute="_compute_progress")

    _running = models.Index("(id) WHERE state = 'running'")

    @api.depends("user_id", "started_at")
    def _compute_display_name(self):
        for replay in self:
            replay.display_name = self.env._(
                "Replay by %(user)s, %(when)s",
                user=replay.user_id.name,
                when=format_datetime(self.env, replay.started_at),
            )

    @api.depends("state", "total", "last_message")
    def _compute_progress(self):
        counts = self._count_states()
        for replay in self:
            waiting, pending, done = counts.get(replay.id, (0, 0, 0))
            replay.done = done
            replay.failed = waiting
            is_over = replay.state == "stopped"
            replay.remaining = pending if is_over else replay.total - done - waiting
            replay.progress = (
                100 * (replay.total - replay.remaining) / (replay.total or 1)
            )

    def _count_states(self):
        """Return (waiting for a person, pending, done) of what was handed out, by id.

        Messages that retention has removed since count as done.
        """
        self.env.cr.execute(
            SQL(
                """
                SELECT replay.id,
                       count(*) FILTER (WHERE message.state IN ('waiting', 'failed')),
                       count(*) FILTER (WHERE message.state = 'pending'),
                       count(*) FILTER (WHERE message.state = 'done')
                  FROM stock_channel_replay AS replay
                  JOIN stock_channel_replay_message_rel AS rel
                    ON rel.replay_id = replay.id
                   AND rel.message_id <= replay.last_message
                  JOIN stock_channel_message AS message ON message.id = rel.message_id
                 WHERE replay.id = ANY(%s)
                 GROUP BY replay.id
                """,
                self.ids,
            )
        )
        return {row_id: tuple(found) for row_id, *found in self.env.cr.fetchall()}

    # --------------------------------------------------------------- starting

    @api.model
    def _start(self, messages_query, selection):
        """Replay what a query finds; one record per company.

        :param messages_query: ``SQL`` for a select of message ids, by the rights of
            the person who asks.
        :return: the replays, with elevated rights.
        :raise UserError: when there is nothing that could be worked on.
        """
        self.env["stock.channel.exception"]._check_operator()
        companies = self._count_chosen(messages_query)
        if not any(total for total, _erased in companies.values()):
            raise UserError(self._nothing_to_replay(companies))
        replays_sudo = self.sudo()
        for company_id, (total, erased) in sorted(companies.items()):
            replay_sudo = replays_sudo.create(
                {
                    "company_id": company_id,
                    "user_id": self.env.uid,
                    "started_at": self.env.cr.now(),
                    "selection": selection,
                    "total": total,
                    "erased": erased,
                }
            )
            replay_sudo._choose(messages_query)
            replays_sudo |= replay_sudo
        self._trigger_after_commit(self.env["stock.channel"]._inbox_cron())
        return replays_sudo

    def _nothing_to_replay(self, companies):
        if not companies:
            return self.env._("There is no message to replay.")
        return self.env._(
            "The content of these messages is no longer kept: it was erased when the "
            "time for keeping it was over, or for a customer who asked for it. Ask the "
            "channel to send the orders again."
        )

    def _count_chosen(self, messages_query):
        """Return {company id: (messages with a body, messages without)}."""
        self.env.cr.execute(
            SQL(
                """
                SELECT company_id, count(*) FILTER (WHERE erased_at IS NULL),
                       count(*) FILTER (WHERE erased_at IS NOT NULL)
                  FROM stock_channel_message
                 WHERE id IN (%s)
                 GROUP BY company_id
                """,
                messages_query,
            )
        )
        return {row_id: tuple(found) for row_id, *found in self.env.cr.fetchall()}

    def _choose(self, messages_query):
        self.ensure_one()
        self.env.flush_all()
        self.env.cr.execute(
            SQL(
                """
                INSERT INTO stock_channel_replay_message_rel (replay_id, message_id)
                SELECT %s, id
                  FROM stock_channel_message
                 WHERE company_id = %s
                   AND erased_at IS NULL
                   AND id IN (%s)
                """,
                self.id,
                self.company_id.id,
                messages_query,
            )
        )
        self.invalidate_recordset(["message_ids"])

    # ---------------------------------------------------------------- working

    @api.model
    def _feed(self):
        """Hand the next messages of one running replay to the inbox.

        :return: how many.
        """
        for replay in self._lock_running():
            ids = replay._next_ids(SHARE)
            if ids:
                replay.last_message = ids[-1]
                self.env["stock.channel.message"].browse(ids)._retry()
                return len(ids)
        return 0

    @api.model
    def _finish_idle(self):
        """Close the replays that nothing is left of."""
        for replay in self._lock_running():
            _waiting, pending, _done = replay._count_states().get(replay.id, (0, 0, 0))
            if not pending and not replay._next_ids(1):
                replay._update_state("done")

    @api.model
    def _lock_running(self):
        self.env.cr.execute(
            SQL(
                """
                SELECT id
                  FROM stock_channel_replay
                 WHERE state = 'running'
                 ORDER BY id
                   FOR UPDATE SKIP LOCKED
                """
            )
        )
        replays = self.browse(row_id for (row_id,) in self.env.cr.fetchall())
        replays.invalidate_recordset()
        return replays

    def _next_ids(self, limit):
        self.env.cr.execute(
            SQL(
                """
                SELECT message_id
                  FROM stock_channel_replay_message_rel
                 WHERE replay_id = %s AND message_id > %s
                 ORDER BY message_id
                 LIMIT %s
                """,
                self.id,
                self.last_message,
                limit,
            )
        )
        return [row_id for (row_id,) in self.env.cr.fetchall()]

    @api.model
    def _count_unfed(self):
        """Return how many messages of running replays the inbox has not been given."""
        self.env.cr.execute(
            SQL(
                """
                SELECT count(*)
                  FROM stock_channel_replay AS replay
                  JOIN stock_channel_replay_message_rel AS rel
                    ON rel.replay_id = replay.id
                   AND rel.message_id > replay.last_message
                 WHERE replay.state = 'running'
                """
            )
        )
        (count,) = self.env.cr.fetchone()
        return count

    def _update_state(self, target):
        """Move to ``target``; the gate of the replay's state machine."""
        for replay in self:
            if target in TRANSITIONS[replay.state]:
                replay.write({"state": target, "finished_at": self.env.cr.now()})
            else:
                _logger.info(
                    "replay %s is %s and may not become %s",
                    replay.id,
                    replay.state,
                    target,
                )

    # ---------------------------------------------------------------- actions

    def action_stop(self):
        """Leave the rest alone; what the inbox was given already is worked on."""
        self.check_access("read")
        self.env["stock.channel.exception"]._check_operator()
        self.sudo()._update_state("stopped")

    def action_open_messages(self):
        self.ensure_one()
        self.check_access("read")
        return {
            "type": "ir.actions.act_window",
            "name": self.env._("Replayed Messages"),
            "res_model": "stock.channel.message",
            "view_mode": "list,form",
            "domain": [("replay_ids", "in", self.ids)],
        }

    def _action_open(self):
        """Return the action that shows these replays."""
        action = {
            "type": "ir.actions.act_window",
            "name": self.env._("Replay"),
            "res_model": self._name,
        }
        if len(self) == 1:
            return {**action, "view_mode": "form", "res_id": self.id}
        return {**action, "view_mode": "list,form", "domain": [("id", "in", self.ids)]}
