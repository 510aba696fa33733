from collections import defaultdict
from datetime import timedelta

from odoo import api, fields, models
from odoo.tools import SQL
from odoo.tools.mail import email_normalize

KINDS = [
    ("new", "New Exceptions"),
    ("overdue", "Overdue"),
    ("test", "Test"),
]
STATES = [("queued", "On Its Way"), ("sent", "Sent"), ("failed", "Not Delivered")]
KEPT_DAYS = 90
# More lines nobody reads; the rest is counted and behind the link.
MOST_LINES = 40


class StockChannelAlert(models.Model):
    """One mail about a channel's trouble, and what became of it.

    Written with the mail, in one transaction, and handed to Odoo's mail queue. The
    watchdog asks the mail for its fate each minute: a mail that nobody got is trouble
    of its own, and what it told is told again by the next one.
    """

    _name = "stock.channel.alert"
    _description = "Channel Alert"
    # A mail that comes back is reported to the record it was sent from.
    _inherit = ["mail.thread"]
    _order = "id desc"
    _rec_name = "subject"

    channel_id = fields.Many2one(
        "stock.channel", required=True, readonly=True, ondelete="cascade"
    )
    company_id = fields.Many2one(
        related="channel_id.company_id", store=True, index=True
    )
    kind = fields.Selection(KINDS, required=True, readonly=True)
    state = fields.Selection(STATES, required=True, readonly=True, default="queued")
    email_to = fields.Char("To", required=True, readonly=True)
    lang = fields.Char("Language", readonly=True)
    subject = fields.Char(readonly=True)
    body = fields.Html(readonly=True, sanitize=False, help="As it was mailed.")
    failure = fields.Char("Why Not", readonly=True)
    settled_at = fields.Datetime(
        "Settled", readonly=True, help="When its fate was known."
    )
    mail_id = fields.Many2one(
        "mail.mail", readonly=True, ondelete="set null", index="btree_not_null"
    )
    exception_ids = fields.Many2many(
        "stock.channel.exception",
        "stock_channel_alert_exception_rel",
        "alert_id",
        "exception_id",
        string="Exceptions",
        readonly=True,
    )

    _by_channel = models.Index("(channel_id, kind, id DESC)")
    _queued = models.Index("(channel_id) WHERE state = 'queued'")

    # --------------------------------------------------------------- writing

    @api.model
    def _mail(self, channel, kind, addresses, exceptions, template, **values):
        """Put a mail about exceptions into the queue, one for each language.

        :param addresses: normalised e-mail addresses.
        :param exceptions: those it tells of.
        :param str template: QWeb template of its body.
        :param values: for the template and the subject.
        """
        alerts_sudo = self.sudo().browse()
        for lang, group in self._by_language(channel, addresses).items():
            alerts_sudo |= self._mail_in(
                lang, channel, kind, group, exceptions, template, values
            )
        self.env["stock.channel"]._trigger_after_commit(channel._mail_queue_cron())
        return alerts_sudo

    def _mail_in(self, lang, channel, kind, addresses, exceptions, template, values):
        """Write one alert and its mail in one language."""
        translated_sudo = channel.sudo().with_context(lang=lang)
        lines = translated_sudo._alert_lines(exceptions)
        subject = translated_sudo._alert_subject(kind, exceptions, values)
        body = translated_sudo.env["ir.qweb"]._render(
            template,
            {
                "channel": translated_sudo,
                "channel_url": f"{translated_sudo.get_base_url()}/odoo/stock-channels/"
                f"{channel.id}",
                "groups": lines,
                "left_out": max(len(exceptions) - MOST_LINES, 0),
                "count": len(exceptions),
                **values,
            },
            lang=lang,
        )
        alert_sudo = (
            self.sudo()
            .with_context(mail_create_nolog=True, mail_create_nosubscribe=True)
            .create(
                {
                    "channel_id": channel.id,
                    "kind": kind,
                    "email_to": ", ".join(addresses),
                    "lang": lang,
                    "subject": subject,
                    "body": body,
                    "exception_ids": [(6, 0, exceptions.ids)],
                }
            )
        )
        alert_sudo._queue_mail()
        return alert_sudo

    def _queue_mail(self):
        company_sudo = self.channel_id.company_id
        sender_sudo = self.env.ref("base.user_root").sudo()
        self.mail_id = self.env["mail.mail"].create(
            {
                "subject": self.subject,
                "body_html": self.body,
                "email_from": company_sudo.email_formatted
                or sender_sudo.email_formatted,
                "email_to": self.email_to,
                # Kept, so that its fate can be asked for.
                "auto_delete": False,
                "model": self._name,
                "res_id": self.id,
            }
        )

    @api.model
    def _prepare_test(self, channel):
        """Write a test alert for the channel's addresses; the caller sends it."""
        return self._mail(
            channel,
            "test",
            channel._alert_addresses(),
            self.env["stock.channel.exception"],
            "stock_channel_hub.alert_test",
        )

    @api.model
    def _by_language(self, channel, addresses):
        """Return {language: addresses}: the receiver's where they are known here."""
        partners_sudo = (
            self.env["res.partner"]
            .sudo()
            .search(
                [
                    ("email_normalized", "in", addresses),
                    ("company_id", "in", (False, channel.company_id.id)),
                ],
                order="id",
            )
        )
        known = {}
        for partner_sudo in partners_sudo:
            known.setdefault(partner_sudo.email_normalized, partner_sudo.lang)
        installed = {code for code, _name in self.env["res.lang"].get_installed()}
        default = channel.sudo().company_id.partner_id.lang or self.env.lang or "en_US"
        groups = defaultdict(list)
        for address in addresses:
            lang = known.get(address) or default
            groups[lang if lang in installed else "en_US"].append(address)
        return dict(groups)

    # --------------------------------------------------------------- outcome

    @api.model
    def _settle_queued(self):
        """Ask the mails on their way what became of them."""
        self.sudo().search([("state", "=", "queued")])._note_outcome()

    def _note_outcome(self):
        """Take over the fate of the mails; what nobody got is told again."""
        for alert_sudo in self.sudo():
            mail_sudo = alert_sudo.mail_id
            if mail_sudo.state == "sent":
                alert_sudo._settle("sent")
            elif mail_sudo.state == "exception":
                alert_sudo._fail(mail_sudo.failure_reason or mail_sudo.failure_type)
            elif mail_sudo.state == "cancel":
                alert_sudo._fail(self.env._("Somebody cancelled it."))
            elif not mail_sudo:
                alert_sudo._fail(self.env._("Somebody deleted it from the queue."))

    def _settle(self, state, failure=False):
        self.write(
            {"state": state, "failure": failure, "settled_at": self.env.cr.now()}
        )

    def _fail(self, reason):
        """Note that it reached nobody, and let the next mail tell the same."""
        reason = (reason or self.env._("No reason given.")).strip().splitlines()[0]
        was_queued = self.state == "queued"
        self._settle("failed", reason[:300])
        # What came back would come back again, mail after mail: it is told here.
        if self.kind == "new" and was_queued:
            untold = self.exception_ids.filtered(lambda e: e.state == "open")
            untold.is_alert_due = True

    def _message_receive_bounce(self, email, partner):
        """Note that the receiver's server sent it back, hours later maybe."""
        result = super()._message_receive_bounce(email, partner)
        for alert_sudo in self.sudo():
            alert_sudo._fail(
                self.env._("It came back: %s does not take it.", email_normalize(email))
            )
        return result

    @api.autovacuum
    def _gc_old(self):
        """Forget old alerts and the mails that were kept for them."""
        oldest = self.env.cr.now() - timedelta(days=KEPT_DAYS)
        old_sudo = self.sudo().search([("create_date", "<", oldest)], limit=1000)
        old_sudo.mail_id.unlink()
        old_sudo.unlink()

    def _was_mailed(self, channel, kind, email_to=None):
        """Return whether the channel had such a mail within its interval.

        :param email_to: where each receiver's mails are counted apart.
        """
        since = self.env.cr.now() - timedelta(minutes=channel.alert_interval)
        receiver = SQL("AND email_to = %s", email_to) if email_to else SQL()
        found = self.env.execute_query(
            SQL(
                """
                SELECT 1
                  FROM stock_channel_alert
                 WHERE channel_id = %s AND kind = %s AND create_date > %s %s
                 LIMIT 1
                """,
                channel.id,
                kind,
                since,
                receiver,
            )
        )
        return bool(found)
