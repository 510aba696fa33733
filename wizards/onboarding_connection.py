from urllib.parse import urlsplit

from odoo import api, fields, models
from odoo.exceptions import AccessError, UserError

from ..connectors import registry
from ..connectors.data import Health
from ..connectors.errors import Trouble


class StockChannelOnboardingConnection(models.TransientModel):
    """Address, credentials and the secret deliveries are signed with, tested live."""

    _inherit = "stock.channel.onboarding"

    base_url = fields.Char("Address")
    address_help = fields.Char(compute="_compute_connection_help")
    allowed_hosts = fields.Char(
        "Private Address",
        compute="_compute_allowed_hosts",
        store=True,
        readonly=False,
        groups="stock_channel_hub.group_admin",
    )
    is_private = fields.Boolean(
        "In our own network",
        groups="stock_channel_hub.group_admin",
        help="The hub calls public addresses only, so that nobody can use it to look "
        "into your network. What stands in your own network is allowed by name.",
    )
    how_to = fields.Json(compute="_compute_connection_help")
    credential_ids = fields.One2many(
        "stock.channel.onboarding.credential",
        "wizard_id",
        groups="stock_channel_hub.group_admin",
    )
    has_advanced = fields.Boolean(compute="_compute_connection_help")
    shows_advanced = fields.Boolean(readonly=True)
    secret_state = fields.Selection(
        [
            ("none", "None"),
            ("auto", "By the Hub"),
            ("ask", "To Set"),
            ("optional", "If You Like"),
            ("set", "Set"),
        ],
        compute="_compute_secret_state",
    )
    signing_help = fields.Char(compute="_compute_connection_help")
    webhook_url = fields.Char(
        related="channel_id.webhook_url", groups="stock_channel_hub.group_admin"
    )
    registers_webhooks = fields.Boolean(
        related="channel_id.registers_webhooks", related_sudo=False
    )
    check_is_ok = fields.Boolean(readonly=True)
    check_text = fields.Char("Answer", readonly=True)
    check_hint = fields.Char("What to Do", readonly=True)
    may_skip = fields.Boolean(compute="_compute_connection_help")

    # -------------------------------------------------------------- computes

    @api.depends("connector")
    def _compute_connection_help(self):
        for wizard in self:
            connector = registry.get(wizard.connector or "rest")
            fields_by_name = {one.name: one for one in connector.config_fields}
            address = fields_by_name.get("base_url")
            wizard.address_help = address.help if address else False
            wizard.how_to = self.env["stock.channel"]._connector_steps(connector.key)
            wizard.has_advanced = any(one.advanced for one in connector.config_fields)
            wizard.signing_help = connector.signing_help
            # A folder may be made later than its channel.
            wizard.may_skip = connector.capabilities.full_files

    @api.depends("is_private")
    def _compute_allowed_hosts(self):
        """Suggest the host of the address, which is what has to be allowed."""
        for wizard in self:
            if wizard.is_private and not wizard.allowed_hosts:
                wizard.allowed_hosts = urlsplit(wizard._address()).netloc or False

    @api.depends("channel_id", "connector", "step")
    def _compute_secret_state(self):
        for wizard in self:
            wizard.secret_state = wizard._secret_state()

    def _secret_state(self):
        connector = registry.get(self.connector or "rest")
        if self.channel_id.sudo().secret_ids._active_values():
            return "set"
        if not connector.capabilities.webhooks:
            # Polled, and told of more by a small part in the shop where there is one.
            return "optional" if connector.capabilities.signed_time else "none"
        if self._makes_secret():
            return "auto"
        return "ask"

    def _makes_secret(self):
        """Return whether the hub gives the secret to the channel by itself."""
        connector = registry.get(self.connector or "rest")
        return connector.capabilities.registers_webhooks and bool(
            connector.make_secret()
        )

    # ----------------------------------------------------------------- enter

    def _enter_connection(self):
        channel_sudo = self.channel_id.sudo()
        self.sudo().write(
            {
                "base_url": channel_sudo.base_url,
                "allowed_hosts": channel_sudo.allowed_hosts,
                "is_private": bool(channel_sudo.allowed_hosts),
                "check_text": channel_sudo.check_message,
                "check_is_ok": channel_sudo._is_connection_done(),
                "check_hint": False,
            }
        )
        self._ask_credentials()

    def _ask_credentials(self):
        """List what the connector needs, without what was entered before."""
        kept = self.channel_id.sudo().credentials or {}
        settings = [
            setting
            for setting in registry.get(self.connector).config_fields
            if setting.name != "base_url"
            and (self.shows_advanced or not setting.advanced or kept.get(setting.name))
        ]
        self.sudo().credential_ids = [fields.Command.clear()] + [
            fields.Command.create(
                {
                    "name": setting.name,
                    "label": setting.label,
                    "help_text": setting.help,
                    "is_secret": setting.secret,
                    "is_needed": setting.required,
                    "is_advanced": setting.advanced,
                    "is_set": bool(kept.get(setting.name)),
                }
            )
            for setting in settings
        ]

    # ----------------------------------------------------------------- leave

    def _leave_connection(self):
        """Go on only with a channel that answers."""
        self.action_test()
        return self.check_is_ok and self._fetch_places()

    def action_test(self):
        """Keep what was entered, and ask the channel; the answer stands on the page."""
        channel = self._channel()
        if self.env.user.has_group("stock_channel_hub.group_admin"):
            self._keep_connection(channel)
        missing = channel._missing_settings()
        if missing:
            text = self.env._("Not asked yet: %s.", "; ".join(missing))
            health, hint = Health(ok=False, message=text), False
        else:
            health = channel._tested()
            hint = not health.ok and self._way_out(health)
        self.sudo().write(
            {
                "check_is_ok": health.ok,
                "check_text": health.message,
                "check_hint": hint,
            }
        )

    def action_skip_test(self):
        """Go on with a channel that does not answer yet, where that makes sense."""
        channel = self._channel()
        if not self.may_skip:
            raise UserError(self.env._("Test the connection first."))
        if self.env.user.has_group("stock_channel_hub.group_admin"):
            self._keep_connection(channel)
        self._fetch_places()
        self._enter("places")

    def _keep_connection(self, channel):
        """Write address and credentials into the channel; nothing of them stays here."""
        settings = registry.get(channel.connector).config_fields
        allowed = {setting.name for setting in settings} - {"base_url"}
        vals = {
            "base_url": self._address(),
            "allowed_hosts": self.is_private and (self.allowed_hosts or "").strip(),
        }
        vals = {name: value or False for name, value in vals.items()}
        channel.write(
            {name: value for name, value in vals.items() if channel[name] != value}
        )
        lines_sudo = self.sudo().credential_ids
        given = {
            line_sudo.name: line_sudo.given.strip()
            for line_sudo in lines_sudo
            if line_sudo.given and line_sudo.name in allowed
        }
        channel._keep_credentials(given)
        self._keep_secret(channel, given)
        # The values must not linger in the wizard's own table.
        self._ask_credentials()
        self.base_url = channel.base_url

    def _address(self):
        """Return the address as it was meant: people leave https:// away."""
        wizard_sudo = self.sudo()
        address = (wizard_sudo.base_url or "").strip()
        if address and "://" not in address:
            # Hardly anything in an own network has a certificate.
            scheme = "http" if wizard_sudo.is_private else "https"
            address = f"{scheme}://{address}"
        return address

    def _keep_secret(self, channel, given):
        """Take the signing secret from the credentials, or make one, where that does."""
        connector = registry.get(channel.connector)
        secrets = self.env["stock.channel.secret"]
        active = channel.sudo().secret_ids._active_values()
        value = given.get(connector.signing_field)
        if value and value not in active and connector.accepts_secret(value):
            secrets._end_others(channel, 24)
            secrets.create({"channel_id": channel.id, "new_value": value})
        elif not active and self._makes_secret():
            secrets._generate(channel)

    def action_show_all(self):
        """Ask for the settings few channels need, too."""
        channel = self._channel()
        if not self.is_admin:
            raise AccessError(self.lacking)
        self.shows_advanced = True
        self._keep_connection(channel)

    def action_set_secret(self):
        """Ask for the signing secret, or make one and show it once."""
        channel = self._channel()
        if not self.is_admin:
            raise AccessError(self.lacking)
        self._keep_connection(channel)
        return {
            **self.env["ir.actions.act_window"]._for_xml_id(
                "stock_channel_hub.stock_channel_secret_wizard_action"
            ),
            "context": {"default_channel_id": channel.id},
        }

    def _way_out(self, health):
        """Say what to do about a test that failed."""
        hints = {
            Trouble.SETUP: self.env._(
                "Look at the address and the credentials: copy them anew from the shop, "
                "without blanks, and press Test Connection."
            ),
            Trouble.WAIT: self.env._(
                "The shop is asked too often just now. Wait a minute, then press Test "
                "Connection."
            ),
            Trouble.UNREACHABLE: self.env._(
                "Open the address in a browser. If nothing comes there either, the "
                "address is wrong or the shop is down; else try again in a minute."
            ),
            Trouble.REFUSED: self.env._(
                "The shop understood and says no. Ask whoever runs it what it means."
            ),
        }
        by_field = {
            "secrets": self.env._(
                "The signing secret here and at the shop are not the same. Press Set "
                "Signing Secret and enter the shop's, or generate one and give it to "
                "the shop."
            ),
        }
        if health.field == "base_url" and "private" in health.message:
            return self.env._(
                "The shop stands in your own network. Tick In our own network and enter "
                "its name and port there, such as 10.0.0.5:8080."
            )
        return by_field.get(health.field) or hints.get(
            health.trouble, hints[Trouble.REFUSED]
        )


class StockChannelOnboardingCredential(models.TransientModel):
    _name = "stock.channel.onboarding.credential"
    _description = "Credential of a Channel to Connect"
    _inherit = ["stock.channel.credential.entry"]

    wizard_id = fields.Many2one(
        "stock.channel.onboarding", required=True, ondelete="cascade"
    )
    is_needed = fields.Boolean(readonly=True)
    is_advanced = fields.Boolean(readonly=True)
    is_set = fields.Boolean("Entered", readonly=True)
