"""A frozen clock, exceptions by hand and mail that is caught."""

from unittest.mock import patch

from odoo.tools import mute_logger

from odoo.addons.mail.tests.common import MockEmail

from .clock import ClockCase


class AlertCase(ClockCase, MockEmail):
    """A frozen clock, exceptions by hand and mail that is caught."""

    def open_exception(self, name="one", channel=None, **vals):
        return self.env["stock.channel.exception"]._open(
            channel or self.channel,
            **{
                "category": "data",
                "fingerprint": f"test:{name}",
                "title": f"Trouble {name}",
                "cause": "Because.",
                "next_step": "Mend it.",
                **vals,
            },
        )

    def settle(self, name="one", channel=None):
        self.env["stock.channel.exception"]._resolve_fingerprint(
            channel or self.channel, f"test:{name}"
        )

    def set_due(self, exceptions, moment):
        exceptions.sudo().due_at = moment
        self.env.flush_all()

    def run_alert(self):
        self.run_job("stock.channel", "_cron_alert")

    def run_watch(self):
        self.run_job("stock.channel.dirty", "_cron_watch")

    def deliver_mail(self, error=None):
        """Let Odoo's mail queue run; with an error no server takes anything."""
        waiting = self.env["mail.mail"].search(
            [("model", "=", "stock.channel.alert"), ("state", "=", "outgoing")]
        )
        with self.mock_mail_gateway(), mute_logger("odoo.addons.mail.models.mail_mail"):
            if error:
                with self.refuse(error):
                    waiting.send()
            else:
                waiting.send()
        self.env.flush_all()

    def refuse(self, error):
        def connect(*_args, **_kwargs):
            raise OSError(error)

        return patch.object(type(self.env["ir.mail_server"]), "_connect__", connect)

    def alerts(self, **vals):
        return self.env["stock.channel.alert"].search(
            [
                ("channel_id", "=", self.channel.id),
                *((name, "=", value) for name, value in vals.items()),
            ],
            order="id",
        )

    def alarm(self, kind, channel=None):
        return self.open_exceptions().filtered(
            lambda e: e.fingerprint == f"watch:{kind}:{(channel or self.channel).id}"
        )
