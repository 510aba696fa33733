import secrets as token_source

from odoo import api, fields, models
from odoo.exceptions import AccessError, UserError, ValidationError

from ..connectors import registry
from ..connectors.base import QuantityMeaning
from .message_text import field_labels
from .own_fields import OWN_FIELDS

STATES = [
    ("draft", "Draft"),
    ("shadow", "Shadow"),
    ("live", "Live"),
    ("paused", "Paused"),
]
# What decides where the numbers go.
CONNECTION_FIELDS = {"connector", "base_url", "allowed_hosts", "company_id"}
# Which state may follow which; everything else is refused by _update_state.
TRANSITIONS = {
    "draft": ("shadow", "live"),
    "shadow": ("draft", "live"),
    "live": ("paused",),
    "paused": ("live", "draft"),
}


class StockChannel(models.Model):
    """One account at one shop, marketplace, 3PL or partner, in one company."""

    _name = "stock.channel"
    _description = "Stock Channel"
    _inherit = ["mail.thread", "mail.activity.mixin", "stock.channel.mixin"]
    _order = "sequence, name, id"
    _check_company_auto = True

    name = fields.Char(required=True, tracking=True)
    sequence = fields.Integer(default=10)
    active = fields.Boolean(default=True)
    company_id = fields.Many2one(
        "res.company",
        required=True,
        readonly=True,
        default=lambda self: self.env.company,
        index=True,
    )
    connector = fields.Selection(
        selection=lambda self: registry.selection(),
        required=True,
        default="rest",
        tracking=True,
        help="The wire format this channel speaks.",
    )
    state = fields.Selection(
        STATES,
        required=True,
        readonly=True,
        default="draft",
        copy=False,
        tracking=True,
        help="Draft: nothing happens. Shadow: numbers are computed and compared, "
        "nothing is written to the channel. Live: the channel is told. "
        "Paused: deliveries are still taken in, nothing is sent.",
    )
    quantity_meaning = fields.Selection(
        [
            (QuantityMeaning.SELLABLE.value, "Sellable"),
            (QuantityMeaning.PHYSICAL.value, "Physical"),
        ],
        compute="_compute_quantity_meaning",
        store=True,
        help="Sellable: the channel sells down from the number it is sent. "
        "Physical: it subtracts its own open orders from that number itself.",
    )
    exception_owner_id = fields.Many2one(
        "res.users",
        default=lambda self: self.env.user,
        tracking=True,
        help="Gets every new exception of this channel as an activity.",
    )
    map_owner_id = fields.Many2one(
        "res.users",
        default=lambda self: self.env.user,
        tracking=True,
        help="Answers for which product and which location is which.",
    )
    freshness_target = fields.Integer(
        string="Freshness Target (minutes)",
        default=2,
        required=True,
        help="A stock change must have been acknowledged by the channel after this "
        "many minutes.",
    )
    timezone = fields.Selection(
        selection="_timezones",
        string="Time Zone",
        required=True,
        default=lambda self: self.env.user.tz or "UTC",
    )
    base_url = fields.Char(
        string="Address",
        help="Where the channel's own interface answers, such as "
        "https://shop.example.com/api. The hub appends the paths itself.",
    )
    allowed_hosts = fields.Char(
        groups="stock_channel_hub.group_admin",
        help="Private or local addresses the hub may call for this channel, "
        "separated by commas, such as 10.0.0.5:8080. Public addresses need no entry. A "
        "folder of this server for a channel of files: file:/srv/exchange.",
    )
    credentials = fields.Json(groups=fields.NO_ACCESS, copy=False)
    credentials_set_at = fields.Datetime("Credentials Set", readonly=True, copy=False)
    webhook_token = fields.Char(
        readonly=True,
        copy=False,
        index="btree_not_null",
        default=lambda self: token_source.token_urlsafe(24),
        groups="stock_channel_hub.group_admin",
    )
    webhook_url = fields.Char(
        string="Webhook Address",
        compute="_compute_webhook_url",
        groups="stock_channel_hub.group_admin",
        help="Give this address to the channel; it delivers its orders there.",
    )
    live_at = fields.Datetime(
        "Live Since",
        readonly=True,
        copy=False,
        help="Numbers are published after the channel's orders were read once more.",
    )
    location_ids = fields.One2many(
        "stock.channel.location", "channel_id", string="Channel Locations"
    )
    listing_ids = fields.One2many("stock.channel.listing", "channel_id")
    secret_ids = fields.One2many(
        "stock.channel.secret",
        "channel_id",
        groups="stock_channel_hub.group_admin",
    )
    shipping_product_id = fields.Many2one(
        "product.product",
        check_company=True,
        domain=[("type", "=", "service")],
        default=lambda self: self.env.ref(
            "stock_channel_hub.product_shipping", raise_if_not_found=False
        ),
        help="Delivery charges of channel orders become lines of this product.",
    )
    quarantine_location_id = fields.Many2one(
        "stock.location",
        check_company=True,
        domain=[("usage", "=", "internal")],
        help="Returned goods that must be inspected first are received here. "
        "Its stock condition should not be sellable.",
    )
    pricelist_id = fields.Many2one(
        "product.pricelist",
        check_company=True,
        help="Gives channel orders their currency; prices come from the channel.",
    )
    team_id = fields.Many2one("crm.team", string="Sales Team", check_company=True)
    # Counted with elevated rights: how many there are is no secret to anybody who
    # may see the channel, what is in them is.
    pending_count = fields.Integer(
        string="To Publish",
        compute="_compute_counts",
        compute_sudo=True,
        help="Numbers the channel has not acknowledged yet.",
    )
    open_exception_count = fields.Integer(
        string="Open Exceptions", compute="_compute_counts", compute_sudo=True
    )
    waiting_message_count = fields.Integer(
        string="Messages to Do", compute="_compute_counts", compute_sudo=True
    )

    _webhook_token_unique = models.UniqueIndex(
        "(webhook_token)", "Two channels cannot share a webhook address."
    )

    # ------------------------------------------------------------- computes

    @api.model
    def _timezones(self):
        return (
            self.env["res.partner"]._fields["tz"].get_description(self.env)["selection"]
        )

    @api.depends("connector")
    def _compute_quantity_meaning(self):
        for channel in self:
            connector_class = registry.get(channel.connector)
            channel.quantity_meaning = (
                connector_class.capabilities.quantity_meaning.value
            )

    @api.depends("webhook_token")
    def _compute_webhook_url(self):
        base = self.env["ir.config_parameter"].sudo().get_param("web.base.url")
        for channel in self:
            channel.webhook_url = f"{base}/stock_channel/{channel.webhook_token}"

    def _compute_counts(self):
        def counts(model, domain):
            return dict(
                self.env[model]._read_group(
                    [("channel_id", "in", self.ids), *domain],
                    ["channel_id"],
                    ["__count"],
                )
            )

        pending = counts("stock.channel.publication", [("state", "!=", "clean")])
        exceptions = counts("stock.channel.exception", [("state", "=", "open")])
        messages = counts(
            "stock.channel.message",
            [("state", "in", ("pending", "waiting", "failed"))],
        )
        for channel in self:
            is_sending = channel.state in ("live", "paused")
            channel.pending_count = pending.get(channel, 0) if is_sending else 0
            channel.open_exception_count = exceptions.get(channel, 0)
            channel.waiting_message_count = messages.get(channel, 0)

    # ---------------------------------------------------------- constraints

    @api.constrains("freshness_target")
    def _check_freshness_target(self):
        for channel in self:
            if channel.freshness_target < 1:
                raise ValidationError(
                    self.env._("The freshness target is at least one minute.")
                )

    @api.model_create_multi
    def create(self, vals_list):
        for vals in vals_list:
            self._check_own_fields(vals)
        # Nor may they come in as defaults of whoever creates it.
        defaults = {f"default_{name}" for name in OWN_FIELDS}
        context = {
            name: value
            for name, value in self.env.context.items()
            if name not in defaults
        }
        channels = super(StockChannel, self.with_env(self.env(context=context))).create(
            vals_list
        )
        channels._sync_crons()
        self.env.registry.clear_cache()
        return channels

    def write(self, vals):
        self._check_own_fields(vals)
        moved = self.filtered(
            lambda channel: any(
                name in vals and channel[name] != vals[name]
                for name in ("connector", "base_url")
            )
        )
        result = super().write(vals)
        if moved:
            moved._numbers()._forget()
        if {"name", "active", "state"} & vals.keys():
            self._sync_crons()
            self.env.registry.clear_cache()
        if {"connector", "active"} & vals.keys():
            self.env["stock.channel.dirty"]._log_listings(self._all_listings(), "rule")
        return result

    def _check_own_fields(self, vals):
        """Refuse what is not for people, and the connection to all but administrators.

        A state written past its gate would publish without a map, a cursor in the
        future would lose every order until then, and another address would receive
        every number, signed with the channel's secret.

        :raise AccessError: for anybody but the hub itself.
        """
        if self.env.su:
            return
        own = OWN_FIELDS & vals.keys()
        if own:
            raise AccessError(
                self.env._(
                    "%s is written by the hub alone; use the channel's own steps.",
                    field_labels(self, own),
                )
            )
        is_admin = self.env.user.has_group("stock_channel_hub.group_admin")
        if CONNECTION_FIELDS & vals.keys() and not is_admin:
            raise AccessError(
                self.env._(
                    "Only administrators of stock channels change the connection."
                )
            )

    def _all_listings(self):
        """Return the listings, the archived ones too."""
        return (
            self.env["stock.channel.listing"]
            .with_context(active_test=False)
            .search([("channel_id", "in", self.ids)])
        )

    def _numbers(self):
        return (
            self.env["stock.channel.publication"]
            .sudo()
            .search([("channel_id", "in", self.ids)])
        )

    @api.ondelete(at_uninstall=False)
    def _unlink_only_unused(self):
        used = self.filtered(
            lambda channel: channel.order_count or channel._numbers().log_ids
        )
        if used:
            raise UserError(
                self.env._(
                    "%s has orders or was told numbers; archive it instead.",
                    ", ".join(used.mapped("name")),
                )
            )

    def unlink(self):
        crons_sudo = self.sudo().mapped("publish_cron_id") | self.sudo().mapped(
            "poll_cron_id"
        )
        result = super().unlink()
        crons_sudo.unlink()
        self.env.registry.clear_cache()
        return result

    # ---------------------------------------------------------------- state

    def _update_state(self, target):
        """Move to ``target`` if that may follow the present state.

        The one gate of the channel's state machine.

        :raise UserError: when it may not, or when something is missing for it.
        """
        for channel in self:
            if channel.state == target:
                continue
            if target not in TRANSITIONS[channel.state]:
                labels = dict(self._fields["state"]._description_selection(self.env))
                raise UserError(
                    self.env._(
                        "%(channel)s is %(state)s and cannot become %(target)s.",
                        channel=channel.name,
                        state=labels[channel.state],
                        target=labels[target],
                    )
                )
            if target in ("shadow", "live"):
                channel._check_ready(target)
            channel.sudo().state = target

    def _check_ready(self, target):
        """Refuse to start with a channel that could only fail.

        :param str target: the state it is to have, shadow or live.
        """
        self.ensure_one()
        missing = self._missing_to_start()
        if missing:
            raise UserError(
                self.env._(
                    "%(channel)s is not ready: %(missing)s.",
                    channel=self.name,
                    missing="; ".join(missing),
                )
            )

    def _missing_to_start(self):
        """Return what keeps the channel in draft, in words; nothing when it may go."""
        missing = []
        if not self.location_ids._mapped():
            missing.append(self.env._("map at least one channel location"))
        if not self.listing_ids:
            missing.append(self.env._("map at least one listing"))
        if not self.exception_owner_id:
            missing.append(self.env._("name an owner for exceptions"))
        return missing + self._missing_settings()

    def _missing_settings(self):
        """Return what the connector still needs, in words."""
        connector_class = registry.get(self.connector)
        config = self._connector_config()
        missing = [
            self.env._("fill in %s", setting.label)
            for setting in connector_class.config_fields
            if setting.required and not config.get(setting.name)
        ]
        if (
            connector_class.capabilities.webhooks
            and not self.sudo().secret_ids._active_values()
        ):
            missing.append(self.env._("add a signing secret"))
        return missing

    def action_go_shadow(self):
        """Compute numbers and compare them with the channel; tell it nothing."""
        self.check_access("write")
        self._update_state("shadow")
        self._arm()
        self.env["stock.channel.dirty"]._log_listings(self._all_listings(), "first")
        self._wake_workers()

    def action_go_live(self):
        """Put the channel live in this database and publish everything anew.

        Whatever happened at the channel since it was live last, it is told every
        number again, after its orders have been read.
        """
        self.check_access("write")
        self._update_state("live")
        self._arm()
        self._begin_live()

    def _begin_live(self):
        """Read its orders, then tell it every number."""
        self.sudo().write({"live_at": self.env.cr.now(), "is_cut_over": False})
        self._numbers()._forget(is_same=True)
        # All is computed from here on: dates that passed before are no news.
        looked_sudo = self.sudo().filtered("dates_checked_at")
        looked_sudo.dates_checked_at = self.env.cr.now()
        self.env["stock.channel.dirty"]._log_listings(self._all_listings(), "first")
        self._wake_workers()
        self._wake_pollers()

    def action_pause(self):
        self.check_access("write")
        self._update_state("paused")

    def action_back_to_draft(self):
        self.check_access("write")
        self._update_state("draft")
