import re

from odoo import api, fields, models
from odoo.exceptions import ValidationError
from odoo.tools.mail import email_normalize, single_email_re

SEPARATORS = re.compile(r"[,;\n]")
# Smallest and largest value of each; nothing here may be switched off by a zero.
LIMITS = {
    "alert_interval": (1, 24 * 60),
    "alert_escalation_hours": (1, 24 * 30),
    "alert_daily_limit": (1, 100_000),
    "alert_queue_minutes": (1, 24 * 60),
    "alert_queue_depth": (1, 10_000_000),
    "alert_failure_rate": (1, 100),
    "alert_drift_limit": (1, 10_000_000),
    "alert_expiry_days": (1, 365),
}


class StockChannelAlertSetting(models.Model):
    """Whom a channel's trouble reaches, and from when on it is trouble."""

    _inherit = "stock.channel"

    alert_email = fields.Char(
        "Monitored Address",
        tracking=True,
        help="New exceptions and alarms are mailed here, collected, in the language of "
        "the receiver. Several addresses are separated by commas. Somebody has to read "
        "it: a channel does not go live without it.",
    )
    alert_interval = fields.Integer(
        "Mail at Most Every (minutes)",
        required=True,
        default=15,
        tracking=True,
        help="The first exception after a quiet time is mailed at once; what comes "
        "within so many minutes after a mail is collected for the next one.",
    )
    alert_escalation_user_id = fields.Many2one(
        "res.users",
        string="Escalation To",
        domain=[("share", "=", False)],
        tracking=True,
        help="Is told when an exception is overdue. Empty: the owner of the maps.",
    )
    alert_escalation_hours = fields.Integer(
        "Then Mailed After (hours)",
        required=True,
        default=4,
        tracking=True,
        help="An overdue exception that is still open so many hours after the person "
        "above was told is mailed to the monitored address.",
    )
    alert_daily_limit = fields.Integer(
        "Unresolved a Day",
        required=True,
        default=10,
        tracking=True,
        help="More unresolved exceptions than this from one day, in the channel's time "
        "zone, raise a warning.",
    )
    alert_queue_minutes = fields.Integer(
        "Message Waits Longer Than (minutes)",
        required=True,
        default=10,
        tracking=True,
        help="A delivery that nobody has begun to work on for longer means that the "
        "queue stands still.",
    )
    alert_queue_depth = fields.Integer(
        "More Messages Wait Than",
        required=True,
        default=1000,
        tracking=True,
        help="So many deliveries to work on mean that the queue grows faster than it "
        "is worked off.",
    )
    alert_failure_rate = fields.Integer(
        "Failed Pushes (percent)",
        required=True,
        default=20,
        tracking=True,
        help="More failed pushes than this share within an hour raise an alarm; five "
        "at least.",
    )
    alert_drift_limit = fields.Integer(
        "More Numbers Differ Than",
        required=True,
        default=10,
        tracking=True,
        help="So many numbers that the channel shows otherwise than expected raise one "
        "alarm for all.",
    )
    alert_expiry_days = fields.Integer(
        "Warn Before Expiry (days)",
        required=True,
        default=14,
        tracking=True,
        help="How long before a signing secret or the credentials end it is told.",
    )
    credentials_expire_on = fields.Date(
        "Credentials Valid Through",
        copy=False,
        tracking=True,
        help="The last day the channel accepts its credentials, in the channel's time "
        "zone. Enter it when the channel tells it; empty means that they do not end.",
    )

    @api.constrains("alert_email")
    def _check_alert_email(self):
        for channel in self:
            wrong = [part for part in channel._alert_parts() if not address_in(part)]
            if wrong:
                raise ValidationError(
                    self.env._("This is no e-mail address: %s", ", ".join(wrong))
                )

    @api.constrains(*LIMITS)
    def _check_alert_limits(self):
        for channel in self:
            for name, (smallest, largest) in LIMITS.items():
                if not smallest <= channel[name] <= largest:
                    raise ValidationError(
                        self.env._(
                            "%(setting)s must be between %(smallest)s and %(largest)s.",
                            setting=self._fields[name]._description_string(self.env),
                            smallest=smallest,
                            largest=largest,
                        )
                    )

    def _alert_parts(self):
        self.ensure_one()
        parts = SEPARATORS.split(self.alert_email or "")
        return [part.strip() for part in parts if part.strip()]

    def _alert_addresses(self):
        """Return the monitored addresses, normalised, each once, in their order."""
        found = [address_in(part) for part in self._alert_parts()]
        return list(dict.fromkeys(address for address in found if address))

    def _escalation_user(self):
        """Return who is told of what is overdue; empty when nobody can be."""
        self.ensure_one()
        channel_sudo = self.sudo()
        for user_sudo in (
            channel_sudo.alert_escalation_user_id,
            channel_sudo.map_owner_id,
        ):
            if user_sudo and not self._why_unreachable(user_sudo):
                return user_sudo
        return self.env["res.users"]

    def _why_unreachable(self, user_sudo):
        """Return why a person hears nothing of this channel, None when they do."""
        self.ensure_one()
        name = user_sudo.name
        if not user_sudo.active:
            return self.env._("%s is archived and hears nothing.", name)
        if not self._is_visible_to(user_sudo):
            return self.env._("%s may not see this channel.", name)
        if not email_normalize(user_sudo.email or ""):
            return self.env._("%s has no e-mail address.", name)
        return None

    def _is_visible_to(self, user_sudo):
        """Return whether a person may open this channel and its exceptions.

        Judged with all of their companies: those that whoever asks has switched on
        are not theirs.
        """
        theirs = self.with_user(user_sudo).with_context(
            allowed_company_ids=user_sudo.company_ids.ids
        )
        return theirs.has_access("read") and theirs.env[
            "stock.channel.exception"
        ].has_access("read")


def address_in(part):
    """Return the one address in a text such as ``Ada <ada@example.com>``, or False.

    Odoo finds an address in nearly everything; what is left over beside it must be a
    name, or somebody mistyped an address that would lose every alert.
    """
    address = email_normalize(part, strict=True)
    if not address or not single_email_re.match(address):
        return False
    is_alone = part.lower() == address
    return address if is_alone or part.endswith(">") else False
