from odoo import fields, models
from odoo.exceptions import UserError
from odoo.tools import config

# Odoo's own answer when nobody named a mail server; rarely is there one.
UNNAMED_SERVERS = (False, None, "", "localhost", "127.0.0.1")


class StockChannelAlertReach(models.Model):
    """Whether anybody hears of a channel's trouble; until then it is not live."""

    _inherit = "stock.channel"

    alert_reach = fields.Char(
        "Whom Alerts Reach",
        compute="_compute_alert_reach",
        help="Judged from the owner, the monitored address, the mail server and what "
        "became of the last mail.",
    )
    is_alert_reaching = fields.Boolean(compute="_compute_alert_reach")

    def _compute_alert_reach(self):
        for channel in self:
            channel.is_alert_reaching, channel.alert_reach = (
                channel._alerts_reach_somebody()
            )

    def _alerts_reach_somebody(self):
        """Return whether this channel's alerts reach somebody, and why (not).

        They do when the owner of exceptions is there, may see them and has an e-mail
        address, when a monitored address is entered, and when mail goes out.

        :return: (bool, reason in words that say what to do).
        """
        self.ensure_one()
        owner_sudo = self.sudo().exception_owner_id
        addresses = self._alert_addresses()
        if not owner_sudo:
            trouble = self.env._("Nobody is named as owner of exceptions.")
        elif reason := self._why_unreachable(owner_sudo):
            trouble = self.env._("The owner of exceptions is not reached: %s", reason)
        elif not addresses:
            trouble = self.env._("No monitored address is entered.")
        else:
            trouble = self._mail_trouble()
        if trouble:
            return False, trouble
        return True, self.env._(
            "Exceptions go to %(owner)s and to %(addresses)s.",
            owner=owner_sudo.name,
            addresses=", ".join(addresses),
        )

    def _mail_trouble(self):
        """Return why this channel's mail does not go out, None when it does."""
        if not self._mail_queue_cron().active:
            return self.env._(
                "Odoo's scheduled action that sends mail is switched off."
            )
        last_sudo = self._last_alert()
        if last_sudo.state == "failed":
            return self.env._(
                "The last mail did not go out (%s). Mend it and send a test alert.",
                (last_sudo.failure or "").strip().rstrip("."),
            )
        if not (last_sudo or self._has_mail_server()):
            return self.env._(
                "No outgoing mail server is set up. Set one up, or send a test alert "
                "to show that mail goes out all the same."
            )
        return None

    def _mail_queue_cron(self):
        return self.env.ref("mail.ir_cron_mail_scheduler_action").sudo()

    def _has_mail_server(self):
        """Return whether somebody named a server that takes mail."""
        servers_sudo = self.env["ir.mail_server"].sudo()
        return bool(
            servers_sudo.search_count([("active", "=", True)], limit=1)
            or config.get("smtp_server") not in UNNAMED_SERVERS
        )

    def _last_alert(self):
        """Return the newest mail of this channel whose fate is known."""
        alerts_sudo = self.env["stock.channel.alert"].sudo()
        return alerts_sudo.search(
            [("channel_id", "=", self.id), ("state", "in", ("sent", "failed"))],
            order="id desc",
            limit=1,
        )

    # ------------------------------------------------------------------ gate

    def _check_ready(self, target):
        """Refuse to put a channel live whose trouble nobody would hear of."""
        result = super()._check_ready(target)
        if target == "live":
            self._check_alerts()
        return result

    def _check_alerts(self):
        """Refuse while alerts reach nobody.

        :raise UserError: in words that say what to do.
        """
        is_reaching, reason = self._alerts_reach_somebody()
        if not is_reaching:
            raise UserError(
                self.env._(
                    "%(channel)s cannot go live while its alerts reach nobody. "
                    "%(reason)s",
                    channel=self.name,
                    reason=reason,
                )
            )

    # ------------------------------------------------------------------ test

    def action_send_test_alert(self):
        """Send a mail to the monitored address now, and say what became of it."""
        self.ensure_one()
        self.check_access("write")
        if not self._alert_addresses():
            raise UserError(self.env._("Enter a monitored address first."))
        alerts_sudo = self.env["stock.channel.alert"].sudo()._prepare_test(self)
        alerts_sudo.mail_id.send()
        alerts_sudo._note_outcome()
        failed_sudo = alerts_sudo.filtered(lambda alert: alert.state != "sent")
        if failed_sudo:
            return self._notify(
                self.env._("The test alert did not go out. %s", failed_sudo[0].failure),
                "danger",
            )
        notification = self._notify(
            self.env._(
                "The test alert went out to %s. Look whether it arrived.",
                ", ".join(self._alert_addresses()),
            ),
            "success",
        )
        notification["params"]["next"] = {
            "type": "ir.actions.client",
            "tag": "soft_reload",
        }
        return notification
