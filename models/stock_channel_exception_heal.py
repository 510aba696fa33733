from odoo import api, fields, models
from odoo.tools import SQL

from .stock_channel_replay import SHARE


class StockChannelExceptionHeal(models.Model):
    """Fix once, heal all: in the background, where everybody sees how far it is."""

    _inherit = "stock.channel.exception"

    replay_ids = fields.Many2many(
        "stock.channel.replay",
        "stock_channel_exception_replay_rel",
        "exception_id",
        "replay_id",
        string="Healing",
        readonly=True,
    )
    heal_total = fields.Integer("To Heal", compute="_compute_heal")
    heal_done = fields.Integer("Healed", compute="_compute_heal")
    heal_failed = fields.Integer("Still Failing", compute="_compute_heal")
    heal_remaining = fields.Integer("Still to Do", compute="_compute_heal")
    heal_progress = fields.Float("Progress", compute="_compute_heal")

    @api.depends("replay_ids.last_message", "replay_ids.state")
    def _compute_heal(self):
        for exception in self:
            # Of the last time: what failed before and is mended now is not failing.
            replay = exception.sudo().replay_ids.sorted("id")[-1:]
            exception.heal_total = replay.total
            exception.heal_done = replay.done
            exception.heal_failed = replay.failed
            exception.heal_remaining = replay.remaining
            exception.heal_progress = replay.progress

    def _heal(self):
        """Work again on all messages that wait for these, a few at a time.

        However many wait, the person who solved it does not: the messages are
        chosen in one statement, the first of them handed to the inbox at once, and
        the others as it gets on.
        """
        if self:
            self.env["stock.channel.replay"].sudo()._start_healing(self.sudo())

    def action_open_healing(self):
        """Show how far it is and what still fails."""
        self.ensure_one()
        self.check_access("read")
        self._check_operator()
        return (
            self.sudo().replay_ids.sorted("id")[-1:].with_env(self.env)._action_open()
        )

    # ---------------------------------------------------------------- causes

    @api.model
    def _heal_step(self, step, listings=None):
        """Try again what waits for a person to take this step.

        :param listings: only what is about these; None for all.
        """
        domain = [("step", "=", step), ("state", "!=", "resolved")]
        if listings is not None:
            domain.append(("listing_id", "in", listings.ids))
        self.sudo().search(domain)._retry()

    @api.model
    def _heal_access(self, channels):
        """Close what was said of wrong credentials and go on where it stopped.

        If they are still wrong the next call says so, and it opens again.
        """
        channels_sudo = channels.sudo()
        channels_sudo.write(
            {"failure_count": 0, "next_attempt_at": False, "last_error": False}
        )
        channels_sudo._ask_again()
        found_sudo = self.sudo().search(
            [
                ("channel_id", "in", channels_sudo.ids),
                ("state", "=", "open"),
                "|",
                ("category", "=", "authentication"),
                ("fingerprint", "in", [f"channel:{row.id}" for row in channels_sudo]),
            ]
        )
        waited_for = found_sudo - found_sudo._without_waiting()
        waited_for._heal()
        (found_sudo - waited_for)._update_state("resolved")


class StockChannelReplayHeal(models.Model):
    _inherit = "stock.channel.replay"

    is_healing = fields.Boolean(
        readonly=True, help="Begun by the hub when the cause was solved."
    )
    exception_ids = fields.Many2many(
        "stock.channel.exception",
        "stock_channel_exception_replay_rel",
        "replay_id",
        "exception_id",
        string="Solved",
        readonly=True,
    )

    @api.model
    def _start_healing(self, exceptions_sudo):
        """Work again on what waits for these; a single message without ado.

        What a healing under way has still to hand out is not chosen twice.
        """
        waiting = SQL(
            """
            SELECT rel.message_id
              FROM stock_channel_exception_message_rel AS rel
              JOIN stock_channel_message AS waiting ON waiting.id = rel.message_id
             WHERE rel.exception_id = ANY(%s)
               AND waiting.state IN ('waiting', 'failed')
               AND NOT EXISTS (
                   SELECT 1
                     FROM stock_channel_replay_message_rel AS chosen
                     JOIN stock_channel_replay AS replay
                       ON replay.id = chosen.replay_id
                    WHERE chosen.message_id = rel.message_id
                      AND replay.state = 'running'
                      AND chosen.message_id > replay.last_message)
            """,
            exceptions_sudo.ids,
        )
        self.env["stock.channel.message"].flush_model(["state", "erased_at"])
        for company_id, (total, _erased) in self._count_chosen(waiting).items():
            here = exceptions_sudo.filtered(
                lambda one, company_id=company_id: one.company_id.id == company_id
            )
            if total == 1:
                self._retry_single(company_id, waiting)
            elif total:
                self._start_healing_of(here, company_id, total, waiting)

    def _retry_single(self, company_id, waiting):
        rows = self.env.execute_query(
            SQL(
                """
                SELECT id FROM stock_channel_message
                 WHERE company_id = %s AND erased_at IS NULL AND id IN (%s)
                """,
                company_id,
                waiting,
            )
        )
        self.env["stock.channel.message"].browse(row_id for (row_id,) in rows)._retry()

    def _start_healing_of(self, exceptions_sudo, company_id, total, waiting):
        titles = exceptions_sudo.mapped("title")
        replay = self.create(
            {
                "company_id": company_id,
                "user_id": self.env.uid,
                "started_at": self.env.cr.now(),
                "selection": self.env._("Solved: %s", "\n".join(titles[:20])),
                "total": total,
                "is_healing": True,
                "exception_ids": [fields.Command.set(exceptions_sudo.ids)],
            }
        )
        replay._choose(waiting)
        replay._hand_out(SHARE)
        self._trigger_after_commit(self.env["stock.channel"]._inbox_cron())

    def _hand_out(self, limit):
        """Give the inbox the next messages; returns how many."""
        self.ensure_one()
        ids = self._next_ids(limit)
        if ids:
            self.last_message = ids[-1]
            self.env["stock.channel.message"].browse(ids)._retry()
        return len(ids)

    @api.model
    def _lock_running(self):
        """Put what a person has just solved before what is merely replayed."""
        running = super()._lock_running()
        return running.sorted(lambda replay: (not replay.is_healing, replay.id))

    def action_open_failing(self):
        """Open the exceptions for which messages of this replay wait now."""
        self.ensure_one()
        self.check_access("read")
        return {
            "type": "ir.actions.act_window",
            "name": self.env._("What Still Fails"),
            "res_model": "stock.channel.exception",
            "view_mode": "list,form",
            "domain": [
                ("state", "=", "open"),
                ("waiting_message_ids.replay_ids", "in", self.ids),
            ],
        }


class StockChannelAccess(models.Model):
    _inherit = "stock.channel"

    def write(self, vals):
        """Go on at once where another address may be the right one."""
        result = super().write(vals)
        if {"base_url", "allowed_hosts"} & vals.keys():
            self.env["stock.channel.exception"]._heal_access(self)
        return result

    def _ask_again(self):
        """Let nothing wait any longer that only waited for the channel."""
        self.env["stock.channel.message"].flush_model(["state", "next_attempt_at"])
        self.env.cr.execute(
            SQL(
                """
                UPDATE stock_channel_message
                   SET next_attempt_at = NULL
                 WHERE channel_id = ANY(%s)
                   AND state = 'pending'
                   AND next_attempt_at IS NOT NULL
                """,
                self.ids,
            )
        )
        self.env["stock.channel.message"].invalidate_model(["next_attempt_at"])
        self._trigger_after_commit(self._inbox_cron())
        self._wake_publishers()
        self._wake_pollers()

    def _close_outage(self):
        """Take up at once what waited for the channel to come back."""
        if self.failure_count:
            self._ask_again()
        return super()._close_outage()

    def _check_answered(self, health):
        """Note what a test of the connection has found: if it is well, it is over."""
        result = super()._check_answered(health)
        if health.ok:
            self.env["stock.channel.exception"]._heal_access(self)
        return result


class StockChannelListingHeal(models.Model):
    _inherit = "stock.channel.listing"

    def write(self, vals):
        """Try again what waited for the unit of these listings to be corrected."""
        result = super().write(vals)
        if {"uom_id", "is_whole_units"} & vals.keys():
            self.env["stock.channel.exception"]._heal_step("fix_unit", self)
        return result


class UomHeal(models.Model):
    _inherit = "uom.uom"

    def write(self, vals):
        result = super().write(vals)
        is_other = {"factor", "relative_factor", "relative_uom_id"} & vals.keys()
        if is_other and self.env["stock.channel"]._is_in_use():
            self.env["stock.channel.exception"]._heal_step("fix_unit")
        return result


class DecimalPrecisionHeal(models.Model):
    _inherit = "decimal.precision"

    def write(self, vals):
        """Try again what was finer than quantities could be."""
        result = super().write(vals)
        if "digits" in vals and self.env["stock.channel"]._is_in_use():
            self.env["stock.channel.exception"]._heal_step("fix_unit")
        return result
