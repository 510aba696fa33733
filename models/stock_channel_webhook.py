from contextlib import suppress
from datetime import timedelta
from urllib.parse import urlsplit

from odoo import api, fields, models
from odoo.exceptions import UserError

from ..connectors.data import WebhookState
from ..connectors.errors import ConnectorError, RateLimited, RetryLater
from ..connectors.netguard import AllowedHosts, is_public

WATCH_EVERY = timedelta(hours=1)
# Where nothing could be found out; the channel is there, or polling would say so.
WATCH_AGAIN = timedelta(minutes=5)
# Names that only the own network knows.
HERE = ("localhost", "local", "internal", "lan", "home", "intranet", "localdomain")


class StockChannelWebhook(models.Model):
    """Webhooks that the hub registers itself, and looks after.

    Channels drop or switch off a webhook after some failed deliveries and tell nobody.
    Orders then come by polling alone, later than they could. So the job that polls
    looks after them once an hour, in shadow too: what comes in then is worked on and
    rolled back. Whatever had to be done is written down, what the channel refuses is
    for a person. Trouble with webhooks never keeps a channel from being polled.
    """

    _inherit = "stock.channel"

    registers_webhooks = fields.Boolean(compute="_compute_registers_webhooks")
    webhooks_checked_at = fields.Datetime(
        "Webhooks Checked",
        readonly=True,
        copy=False,
        help="When the hub last looked whether the channel still sends its orders "
        "by itself.",
    )
    webhooks_due_at = fields.Datetime(readonly=True, copy=False)
    webhooks_result = fields.Char("Webhooks Found", readonly=True, copy=False)

    @api.depends("connector")
    def _compute_registers_webhooks(self):
        for channel in self:
            channel.registers_webhooks = bool(
                channel.connector and channel._capabilities().registers_webhooks
            )

    def _arm(self):
        """Look after the webhooks as soon as the channel may deliver."""
        result = super()._arm()
        self.sudo().webhooks_due_at = False
        self._wake_pollers()
        return result

    def _read_channel(self):
        """Look after the webhooks first, where it is time."""
        if self._in_transaction(self._is_watch_due):
            self._watch_webhooks()
            if not self._in_transaction(self._is_due_to_read):
                return
        super()._read_channel()

    def _is_watch_due(self):
        """Return whether it is time; a channel that failed is tried by other calls."""
        due_at = self.webhooks_due_at
        return (
            self.registers_webhooks
            and not self.failure_count
            and (not due_at or due_at <= self.env.cr.now())
        )

    def _watch_webhooks(self):
        """Check them, outside any transaction; whatever comes of it is noted."""
        problem = self._address_problem()
        if problem:
            self._in_transaction(lambda: self._webhooks_unreachable(problem))
            return
        address = self.webhook_url
        try:
            with self._connected() as connector, self._connector_at_work():
                findings = list(connector.watch_webhooks(address))
        except ConnectorError as error:
            failure = error
            self._in_transaction(lambda: self._watch_failed(failure))
            return
        self._in_transaction(lambda: self._note_webhooks(findings))

    def action_check_webhooks(self):
        """Check them now; tells the user what was found."""
        self.ensure_one()
        self.check_access("write")
        channel_sudo = self.sudo()
        if not self.registers_webhooks:
            raise UserError(
                self.env._(
                    "The hub cannot set up webhooks at this kind of channel. Give the "
                    "channel the webhook address by hand."
                )
            )
        if not channel_sudo._may_read():
            raise UserError(
                self.env._("Webhooks are set up when the channel is in shadow or live.")
            )
        problem = channel_sudo._address_problem()
        if problem:
            raise UserError(problem)
        try:
            with channel_sudo._connected() as connector:
                findings = list(connector.watch_webhooks(channel_sudo.webhook_url))
        except ConnectorError as error:
            raise UserError(error.message) from error
        is_well = channel_sudo._note_webhooks(findings)
        return self._notify(
            channel_sudo.webhooks_result, "success" if is_well else "danger"
        )

    # ---------------------------------------------------------------- address

    def _address_problem(self):
        """Return why the channel could not deliver to us, in words; empty if it can.

        A host an administrator allowed for this channel may be private and plain: the
        shop may stand beside us.
        """
        address = self.webhook_url or ""
        parts = urlsplit(address)
        host = (parts.hostname or "").rstrip(".")
        hosts = [entry for entry in (self.allowed_hosts or "").split(",") if entry]
        # A port or an allowed host that is none: the calls say so, too.
        with suppress(ValueError, ConnectorError):
            port = parts.port or (443 if parts.scheme == "https" else 80)
            if (host, port) in AllowedHosts(hosts):
                return ""
        shown = f"{parts.scheme}://{parts.netloc}"
        if parts.scheme != "https":
            return self.env._(
                "The hub's own address is %s. Channels deliver to https:// only.", shown
            )
        is_name = not host.replace(".", "").isdigit() and ":" not in host
        is_private = (
            "." not in host or host.rsplit(".", 1)[1] in HERE
            if is_name
            else not is_public(host)
        )
        if is_private:
            return self.env._(
                "The hub's own address is %s. Nobody outside can reach it.", shown
            )
        return ""

    def _webhooks_unreachable(self, problem):
        self.write(
            {
                "webhooks_due_at": self.env.cr.now() + WATCH_EVERY,
                "webhooks_result": problem,
            }
        )
        self._open_webhooks(
            category="late",
            title=self.env._("%s cannot reach the hub", self.name),
            cause=problem,
            next_step=self.env._(
                "Ask an administrator to enter the public https:// address of this "
                "Odoo as the system parameter web.base.url, then press Check Webhooks "
                "on the channel. %s",
                self._until_then(),
            ),
        )

    # ---------------------------------------------------------------- results

    def _note_webhooks(self, findings):
        """Write down what had to be done, and tell a person what could not.

        :param findings: list of ``WebhookFinding``; empty when all is well.
        :return: whether nothing was refused.
        """
        refused = [one for one in findings if one.state is WebhookState.REFUSED]
        done = [one for one in findings if one.state is not WebhookState.REFUSED]
        now = self.env.cr.now()
        told = self._webhooks_text(findings)
        self.write(
            {
                "webhooks_checked_at": now,
                "webhooks_due_at": now + WATCH_EVERY,
                "webhooks_result": told or self.env._("All webhooks are in place."),
            }
        )
        if done:
            text = self._webhooks_text(done)
            self.env["stock.channel.audit"]._log(self, "webhooks", reason=text)
            self.message_post(body=text, subtype_xmlid="mail.mt_note")
        if refused:
            self._open_refused_webhooks(refused)
        else:
            self.env["stock.channel.exception"]._resolve_fingerprint(
                self, self._webhooks_fingerprint()
            )
        return not refused

    def _webhooks_text(self, findings):
        """Return one line of what was found, by what had to be done."""
        words = {
            WebhookState.MADE: self.env._("Webhooks set up: %s."),
            WebhookState.MENDED: self.env._("Webhooks put right: %s."),
            WebhookState.REFUSED: self.env._("Webhooks refused: %s."),
        }
        lines = []
        for state, text in words.items():
            found = [one for one in findings if one.state is state]
            if found:
                lines.append(text % ", ".join(map(described, found)))
        return " ".join(lines)

    def _open_refused_webhooks(self, refused):
        self._open_webhooks(
            category="authentication",
            title=self.env._("%s does not send its orders by itself", self.name),
            cause=self.env._(
                "The channel does not let the hub set up these webhooks: %s.",
                ", ".join(map(described, refused)),
            ),
            next_step=self.env._(
                "At the channel, give the hub's access the right to manage webhooks, "
                "then press Check Webhooks on the channel. %s",
                self._until_then(),
            ),
            value=", ".join(one.topic for one in refused),
        )

    def _watch_failed(self, error):
        """Come back to it later; what says no for good is for a person."""
        now = self.env.cr.now()
        is_passing = isinstance(error, RetryLater)
        self.write(
            {
                "webhooks_due_at": now + (WATCH_AGAIN if is_passing else WATCH_EVERY),
                "webhooks_result": error.message,
            }
        )
        if isinstance(error, RateLimited):
            self._channel_failed(error)
        elif not is_passing:
            self._open_webhooks(
                category="authentication",
                title=self.env._("%s does not send its orders by itself", self.name),
                cause=error.message,
                next_step=self.env._(
                    "Look at the channel's address and credentials and whether they "
                    "allow to manage webhooks, then press Check Webhooks on the "
                    "channel. %s",
                    self._until_then(),
                ),
            )

    def _open_webhooks(self, **vals):
        self.env["stock.channel.exception"]._open(
            self, fingerprint=self._webhooks_fingerprint(), **vals
        )

    def _until_then(self):
        if self._capabilities().polling:
            return self.env._("Until then orders are asked for every minute.")
        return self.env._("Until then its orders do not arrive.")

    def _webhooks_fingerprint(self):
        return f"webhooks:{self.id}"


class StockChannelExceptionWebhook(models.Model):
    _inherit = "stock.channel.exception"

    def _retry(self):
        """Check webhooks anew where that is what failed."""
        result = super()._retry()
        channels_sudo = self.filtered(
            lambda one: one.fingerprint == one.channel_id._webhooks_fingerprint()
        ).channel_id.sudo()
        channels_sudo.webhooks_due_at = False
        channels_sudo._wake_pollers()
        return result


def described(finding):
    """Return a finding's topic, with the channel's own words where it had some."""
    return f"{finding.topic} ({finding.message})" if finding.message else finding.topic
