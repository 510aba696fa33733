from odoo import fields, models
from odoo.exceptions import UserError
from odoo.tools import SQL


class StockChannelMessageReplay(models.Model):
    """Working on messages once more, from the bodies kept here."""

    _inherit = "stock.channel.message"

    replay_ids = fields.Many2many(
        "stock.channel.replay",
        "stock_channel_replay_message_rel",
        "message_id",
        "replay_id",
        string="Replays",
        readonly=True,
    )

    # ---------------------------------------------------------------- working

    def _work(self, is_first_try):
        """Give the inbox its share of what is replayed, work, and see what is over."""
        replays = self.env["stock.channel.replay"]
        if is_first_try:
            fed = self._in_transaction(replays._feed)
            return super()._work(is_first_try) or fed
        done = super()._work(is_first_try)
        self._in_transaction(replays._finish_idle)
        return done

    def _count_due(self):
        return super()._count_due() + self.env["stock.channel.replay"]._count_unfed()

    def _retry(self):
        """Put back what is finished; what is being worked on stays with its worker.

        What was erased since says nothing any more and stays as it is: worked on, it
        would be a delivery that nobody can read.
        """
        for message in self.filtered(lambda message: not message.erased_at):
            vals = {"attempts": 0, "next_attempt_at": False}
            if message.state == "pending":
                vals["lease_until"] = message.lease_until
            message._update_state("pending", vals)
        self._trigger_after_commit(self.env["stock.channel"]._inbox_cron())

    # ---------------------------------------------------------------- actions

    def action_retry(self):
        """Work once more on what failed or waits; what is done stays done."""
        self.check_access("read")
        self.env["stock.channel.exception"]._check_operator()
        unfinished_sudo = self.sudo().filtered(lambda message: message.state != "done")
        erased_sudo = unfinished_sudo.filtered("erased_at")
        if erased_sudo:
            raise UserError(
                self.env["stock.channel.replay"]._nothing_to_replay({"erased": 1})
            )
        states = {message.id: message.state for message in unfinished_sudo}
        unfinished_sudo._retry()
        # What was set aside was so for a reason: who let it go on is kept (S18).
        released_sudo = unfinished_sudo.filtered(lambda m: m.state != states[m.id])
        self.env["stock.channel.audit"]._log(
            released_sudo,
            "retried",
            values={
                message.id: ({"state": states[message.id]}, {"state": message.state})
                for message in released_sudo
            },
        )

    def action_replay(self):
        """Work these messages once more; shows how far that has come."""
        self.env["stock.channel.exception"]._check_operator()
        self.check_access("read")
        replays_sudo = self.env["stock.channel.replay"]._start(
            SQL("SELECT unnest(%s::int[])", self.ids),
            self.env._("%s selected messages", len(self)),
        )
        return replays_sudo._action_open()

    def _replay_selection(self, domain):
        """Replay what is selected in a list; called by the list's own action.

        :param domain: of the list when everything that its filter finds is selected,
            on all pages; None when single messages are.
        """
        if domain is None:
            return self.action_replay()
        self.env["stock.channel.exception"]._check_operator()
        # The search adds what the person may see; it is run inside the database.
        query = self._search(domain)
        replays_sudo = self.env["stock.channel.replay"]._start(
            query.subselect(), self.env._("All messages of the filter %s", str(domain))
        )
        return replays_sudo._action_open()
