import logging
from datetime import timedelta

from odoo import api, fields, models
from odoo.fields import Domain
from odoo.tools import SQL
from odoo.tools.mail import email_normalize
from odoo.tools.misc import format_datetime, formatLang

from .stock_channel_alert import MOST_LINES

_logger = logging.getLogger(__name__)

# Alarms that open and close by themselves carry one of these.
ALARM_PREFIXES = ("watch:", "late:")
ESCALATIONS = [
    ("owner", "Owner"),
    ("escalation", "Escalation Person"),
    ("address", "Monitored Address"),
]


class StockChannelExceptionAlert(models.Model):
    """What has been told of an exception, and to whom."""

    _inherit = "stock.channel.exception"

    is_alert_due = fields.Boolean(
        readonly=True, default=True, help="The next mail tells of it."
    )
    is_alarm = fields.Boolean(
        "Alarm", readonly=True, help="Opened and closed by the watchdog."
    )
    escalation = fields.Selection(
        ESCALATIONS,
        string="Told To",
        readonly=True,
        default="owner",
        help="How far up it was told: the owner at once, the escalation person when "
        "it is overdue, the monitored address some hours later.",
    )
    escalated_at = fields.Datetime("Escalated", readonly=True)

    _alert_due = models.Index("(channel_id) WHERE is_alert_due")
    _open_alarms = models.Index("(channel_id) WHERE is_alarm AND state = 'open'")
    _overdue = models.Index("(due_at) WHERE state = 'open'")

    def _init_column(self, column_name):
        """Take what was there before alerts were for told."""
        if column_name != "is_alert_due":
            return super()._init_column(column_name)
        return self.env.cr.execute(
            SQL("UPDATE stock_channel_exception SET is_alert_due = FALSE")
        )

    def _note_open(self):
        """What opens, again too, is told from the owner up."""
        result = super()._note_open()
        for exception in self:
            exception.write(
                {
                    "is_alarm": exception.fingerprint.startswith(ALARM_PREFIXES),
                    "is_alert_due": True,
                    "escalation": "owner",
                    "escalated_at": False,
                }
            )
        self.channel_id._wake_alerts()
        return result


class StockChannelDigest(models.Model):
    """Mail that collects: what is new, and what is overdue."""

    _inherit = "stock.channel"

    @api.model
    def _alert_cron(self):
        return self.env.ref("stock_channel_hub.ir_cron_alert").sudo()

    def _wake_alerts(self):
        """Tell at once, unless a mail went out so lately that it is collected."""
        alerts = self.env["stock.channel.alert"]
        for channel in self.sudo():
            if channel.alert_email and not alerts._was_mailed(channel, "new"):
                self._trigger_after_commit(self._alert_cron())
                return

    @api.model
    def _cron_alert(self):
        """Mail what is new and what is overdue; run by its scheduled action."""
        for channel in self.sudo().search([]):
            for step in (channel._mail_new, channel._escalate):
                try:
                    channel._in_transaction(step)
                except Exception:  # one channel's trouble is not the others'
                    channel._abandon_transaction()
                    _logger.exception("alerts of channel %s failed", channel.id)

    # ------------------------------------------------------------------- new

    def _mail_new(self):
        """Mail what came since the last mail, at most once in the interval."""
        alerts = self.env["stock.channel.alert"]
        addresses = self._alert_addresses()
        if not addresses or alerts._was_mailed(self, "new"):
            return
        exceptions_sudo = self.env["stock.channel.exception"].sudo()
        due_sudo = exceptions_sudo.search(
            [("channel_id", "=", self.id), ("is_alert_due", "=", True)]
        )
        if not self._is_ours():
            # All that a copy has to say is that it is one.
            due_sudo = due_sudo.filtered(self._is_about_copy)
        if not due_sudo:
            return
        due_sudo.is_alert_due = False
        new_sudo = due_sudo.filtered(lambda exception: exception.state == "open")
        if new_sudo:
            alerts._mail(
                self,
                "new",
                addresses,
                new_sudo,
                "stock_channel_hub.alert_new",
                open_count=exceptions_sudo.search_count(
                    [("channel_id", "=", self.id), ("state", "=", "open")]
                ),
                healed_count=len(due_sudo - new_sudo),
            )

    # --------------------------------------------------------------- overdue

    def _escalate(self):
        """Tell of what is overdue, each level once.

        The owner was told when it was opened. When it is overdue the escalation
        person gets an activity and a mail, some hours later the monitored address
        gets a mail. Where there is no such person, the address is next.
        """
        if not self._is_ours():
            return
        now = self.env.cr.now()
        overdue = Domain(
            [
                ("channel_id", "=", self.id),
                ("state", "=", "open"),
                ("due_at", "<=", now),
            ]
        )
        exceptions_sudo = self.env["stock.channel.exception"].sudo()
        at_owner_sudo = exceptions_sudo.search(
            overdue & Domain("escalation", "=", "owner")
        )
        person_sudo = self._escalation_user()
        theirs_sudo = at_owner_sudo.filtered(
            lambda exception: person_sudo and exception.user_id != person_sudo
        )
        self._escalate_to_person(theirs_sudo, person_sudo)
        waited = now - timedelta(hours=self.alert_escalation_hours)
        last_sudo = exceptions_sudo.search(
            overdue
            & Domain("escalation", "=", "escalation")
            & Domain("escalated_at", "<=", waited)
        )
        self._escalate_to_address(last_sudo | (at_owner_sudo - theirs_sudo))

    def _escalate_to_person(self, exceptions_sudo, person_sudo):
        address = email_normalize(person_sudo.email or "") if person_sudo else None
        if not exceptions_sudo or not self._mail_overdue(exceptions_sudo, [address]):
            return
        exceptions_sudo._note_escalation("escalation")
        for exception_sudo in exceptions_sudo:
            exception_sudo.with_context(
                mail_activity_quick_update=True,
                allowed_company_ids=person_sudo.company_ids.ids,
            ).activity_schedule(
                "mail.mail_activity_data_todo",
                summary=self.env._("Overdue: %s", exception_sudo.title),
                user_id=person_sudo.id,
            )

    def _escalate_to_address(self, exceptions_sudo):
        addresses = self._alert_addresses()
        if addresses and exceptions_sudo:
            if self._mail_overdue(exceptions_sudo, addresses):
                exceptions_sudo._note_escalation("address")

    def _mail_overdue(self, exceptions_sudo, addresses):
        """Mail what is overdue, unless these receivers had such a mail just now.

        :return: whether it was mailed.
        """
        alerts = self.env["stock.channel.alert"]
        groups = alerts._by_language(self, addresses).values()
        if any(
            alerts._was_mailed(self, "overdue", ", ".join(group)) for group in groups
        ):
            return False
        alerts._mail(
            self,
            "overdue",
            addresses,
            exceptions_sudo,
            "stock_channel_hub.alert_overdue",
        )
        return True

    # --------------------------------------------------------------- wording

    def _alert_subject(self, kind, exceptions, values):
        count = len(exceptions)
        if kind == "test":
            return self.env._("%s: test alert", self.name)
        if kind == "overdue":
            return self.env._(
                "%(channel)s: %(count)s overdue", channel=self.name, count=count
            )
        return self.env._(
            "%(channel)s: %(count)s new, %(open)s open",
            channel=self.name,
            count=count,
            open=values["open_count"],
        )

    def _alert_lines(self, exceptions):
        """Return the exceptions by category, what is worth most first.

        :return: list of {label, count, value, lines}; lines are the first of all,
            up to ``MOST_LINES``.
        """
        labels = dict(exceptions._fields["category"]._description_selection(self.env))
        groups = []
        for category, found in exceptions.grouped("category").items():
            found = found.sorted(lambda e: (-e.value_at_risk, e.id))
            groups.append((sum(found.mapped("value_at_risk")), category, found))
        groups.sort(key=lambda group: (-group[0], group[1]))
        left = MOST_LINES
        told = []
        for value, category, found in groups:
            told.append(
                {
                    "label": labels[category],
                    "count": len(found),
                    "value": self._alert_amount(value),
                    "lines": [self._alert_line(each) for each in found[:left]],
                }
            )
            left -= len(found[:left])
        return told

    def _alert_line(self, exception):
        due_at = exception.due_at
        return {
            "title": exception.title,
            "next_step": exception.next_step,
            "value": self._alert_amount(exception.value_at_risk),
            "due": due_at
            and format_datetime(self.env, due_at, tz=self.timezone, dt_format="short"),
            "owner": exception.user_id.name,
            "url": f"{self.get_base_url()}/odoo/stock-channel-exceptions/"
            f"{exception.id}",
        }

    def _alert_amount(self, value):
        """Return an amount in the company's currency as text; nothing for zero."""
        currency = self.company_id.currency_id
        if not value or currency.is_zero(value):
            return ""
        return formatLang(self.env, value, currency_obj=currency)


class StockChannelExceptionEscalation(models.Model):
    _inherit = "stock.channel.exception"

    def _note_escalation(self, level):
        self.write({"escalation": level, "escalated_at": self.env.cr.now()})
