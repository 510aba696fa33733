from odoo import api, fields, models
from odoo.tools import ormcache


class StockChannelCron(models.Model):
    """The scheduled actions behind a channel: they do all of its work."""

    _inherit = "stock.channel"

    publish_cron_id = fields.Many2one(
        "ir.cron",
        string="Publishing Job",
        readonly=True,
        copy=False,
        ondelete="set null",
        groups="stock_channel_hub.group_admin",
    )
    poll_cron_id = fields.Many2one(
        "ir.cron",
        string="Polling Job",
        readonly=True,
        copy=False,
        ondelete="set null",
        groups="stock_channel_hub.group_admin",
    )

    def _sync_crons(self):
        """Give each channel its jobs and switch them with its state.

        One job per channel, so that channels run in parallel on every server that
        shares the database, and a slow one delays nobody else.
        """
        for channel_sudo in self.sudo():
            if not channel_sudo.publish_cron_id:
                channel_sudo.publish_cron_id = channel_sudo._create_cron(
                    "publish", "_cron_publish", minutes=1
                )
            if not channel_sudo.poll_cron_id:
                channel_sudo.poll_cron_id = channel_sudo._create_cron(
                    "poll", "_cron_poll", minutes=1
                )
            # In shadow the channel is asked what it shows and told nothing.
            for cron, states in (
                (channel_sudo.publish_cron_id, ("live",)),
                (channel_sudo.poll_cron_id, ("live", "shadow")),
            ):
                is_on = channel_sudo.active and channel_sudo.state in states
                # A job that is just running cannot be changed, and pausing a channel
                # must not fail for that: the job asks for the state before each call.
                if cron.active != is_on:
                    cron.try_lock_for_update(allow_referencing=True).active = is_on

    def _create_cron(self, job, method, minutes):
        self.ensure_one()
        return self.env["ir.cron"].create(
            {
                "name": self.env._(
                    "Stock Channel: %(job)s %(channel)s", job=job, channel=self.name
                ),
                "model_id": self.env["ir.model"]._get_id("stock.channel"),
                "state": "code",
                "code": f"model.browse({self.id}).{method}()",
                "user_id": self.env.ref("base.user_root").id,
                "interval_number": minutes,
                "interval_type": "minutes",
                "active": False,
            }
        )

    @api.model
    @ormcache()
    def _is_in_use(self):
        """Return whether any channel needs to hear about stock changes.

        Asked on every stock change; databases without a channel pay nothing.
        """
        return bool(
            self.sudo()
            .with_context(active_test=True)
            .search_count([("state", "!=", "draft")], limit=1)
        )

    @api.model
    def _compute_cron(self):
        return self._own_cron("ir_cron_compute")

    @api.model
    def _inbox_cron(self):
        return self._own_cron("ir_cron_inbox")

    @api.model
    def _own_cron(self, name):
        """Return one of the hub's own jobs; whoever wakes it looks if it is there.

        Every delivery asks for it, so it is no question to the database.
        """
        _model, cron_id = self.env["ir.model.data"]._xmlid_to_res_model_res_id(
            f"stock_channel_hub.{name}", raise_if_not_found=True
        )
        return self.env["ir.cron"].sudo().browse(cron_id)

    @api.model
    def _inbox_workers(self):
        """Return the jobs that share the inbox; how many there are is a setting.

        Each duplicate of the job is one more worker, each that is archived one less. A
        delivery wakes the first of them, and a full claim the others.
        """
        return (
            self.env["ir.cron"]
            .sudo()
            .search(
                [
                    ("model_id.model", "=", "stock.channel.message"),
                    ("code", "=", "model._cron_inbox()"),
                ]
            )
        )

    def _wake_publishers(self):
        """Run the publish jobs of these channels after the commit."""
        live_sudo = self.sudo().filtered(lambda channel: channel.state == "live")
        self._trigger_after_commit(live_sudo.publish_cron_id)

    def _wake_pollers(self):
        """Run the poll jobs of these channels after the commit."""
        asked_sudo = self.sudo().filtered(
            lambda channel: channel.state in ("live", "shadow")
        )
        self._trigger_after_commit(asked_sudo.poll_cron_id)

    def _wake_workers(self):
        """Run everything that could have work after the commit."""
        self._trigger_after_commit(self._compute_cron())
        self._wake_publishers()
