from odoo import api, fields, models
from odoo.exceptions import AccessError, UserError

from ..connectors import registry
from ..models.stock_channel_setup import STEPS

GROUP = "stock_channel_hub.group_%s"
# So many people are named as those to ask.
NAMED = 3


class StockChannelOnboarding(models.TransientModel):
    """Leads a shop owner from nothing to a channel in shadow, step by step.

    It keeps nothing that matters: each step writes into the channel when it is left,
    by the ways there are, with the rights of whoever is here. What is done and what
    comes next is read from the channel, so that anybody may go on tomorrow.
    """

    _name = "stock.channel.onboarding"
    _description = "Connect a Channel"
    _transient_max_hours = 24

    channel_id = fields.Many2one("stock.channel", readonly=True)
    company_id = fields.Many2one(
        "res.company",
        required=True,
        default=lambda self: self.env.company,
        help="Whose stock is offered there.",
    )
    step = fields.Selection(
        [(step, step) for step in STEPS],
        required=True,
        default=STEPS[0],
        readonly=True,
    )
    steps = fields.Json(compute="_compute_steps")
    state = fields.Selection(related="channel_id.state", related_sudo=False)
    is_admin = fields.Boolean(compute="_compute_rights")
    is_manager = fields.Boolean(compute="_compute_rights")
    lacking = fields.Char(compute="_compute_rights")
    connector = fields.Selection(
        selection=lambda self: registry.selection(), string="What do you connect?"
    )
    connector_cards = fields.Json(compute="_compute_connector_cards")
    is_connector_fixed = fields.Boolean(compute="_compute_is_connector_fixed")
    name = fields.Char(
        compute="_compute_name",
        store=True,
        readonly=False,
        help="How people here call it, such as the shop's own name.",
    )

    # -------------------------------------------------------------- computes

    @api.depends("channel_id")
    def _compute_display_name(self):
        for wizard in self:
            channel = wizard.channel_id
            wizard.display_name = (
                self.env._("Set Up %s", channel.name)
                if channel
                else self.env._("Connect a Channel")
            )

    @api.model
    def _step_titles(self):
        return {
            "connector": self.env._("Channel"),
            "connection": self.env._("Connection"),
            "places": self.env._("Locations"),
            "listings": self.env._("Products"),
            "rules": self.env._("Rules"),
            "alerts": self.env._("People"),
            "start": self.env._("Start"),
        }

    @api.depends("channel_id", "step")
    def _compute_steps(self):
        titles = self._step_titles()
        for wizard in self:
            channel = wizard.channel_id
            done = channel._setup_done() if channel else {}
            here = STEPS.index(wizard.step)
            reach = max(here, STEPS.index(channel._setup_at()) if channel else 0)
            wizard.steps = {
                "busy": wizard.step == "listings" and channel._is_read(),
                "steps": [
                    {
                        "key": step,
                        "title": titles[step],
                        "is_done": done.get(step, False),
                        "is_current": step == wizard.step,
                        "is_open": place <= reach or done.get(step, False),
                    }
                    for place, step in enumerate(STEPS)
                ],
            }

    @api.depends("channel_id", "step", "company_id")
    @api.depends_context("uid")
    def _compute_rights(self):
        user = self.env.user
        for wizard in self:
            wizard.is_admin = user.has_group(GROUP % "admin")
            wizard.is_manager = user.has_group(GROUP % "manager")
            wizard.lacking = wizard._lacking()

    def _lacking(self):
        """Say what this person may not do here, and whom to ask; False when nothing."""
        if not self.is_manager:
            return self.env._(
                "Only managers and administrators of stock channels set a channel up. "
                "%s",
                self._whom_to_ask("manager"),
            )
        if self.is_admin:
            return False
        if not self.channel_id:
            return self.env._(
                "Only administrators of stock channels connect a new one; you can go on "
                "from there. %s",
                self._whom_to_ask("admin"),
            )
        if self.step == "connection":
            return self.env._(
                "Only administrators of stock channels enter an address and "
                "credentials. You can test what they have entered, and go on. %s",
                self._whom_to_ask("admin"),
            )
        return False

    def _whom_to_ask(self, group):
        people = self.env["stock.channel"].new({"company_id": self.company_id.id})
        names = people._people_of(group).mapped("name")
        if not names:
            return self.env._("Nobody has these rights yet: ask whoever runs Odoo.")
        return self.env._("Ask %s.", ", ".join(names[:NAMED]))

    @api.depends("channel_id")
    def _compute_connector_cards(self):
        self.connector_cards = self.env["stock.channel"]._connector_cards()

    @api.depends("channel_id")
    def _compute_is_connector_fixed(self):
        for wizard in self:
            channel = wizard.channel_id
            wizard.is_connector_fixed = bool(
                channel
                and (
                    channel.state != "draft"
                    or channel.location_ids
                    or channel._setup_count("remote.listing")
                    or channel._setup_count("listing")
                )
            )

    @api.depends("connector")
    def _compute_name(self):
        """Suggest the name of what is connected, until somebody enters another."""
        labels = dict(registry.selection())
        for wizard in self:
            if not wizard.name or wizard.name in labels.values():
                wizard.name = labels.get(wizard.connector, wizard.name)

    # ------------------------------------------------------------ navigation

    @api.model_create_multi
    def create(self, vals_list):
        """Begin where the channel stands, for whoever may see it.

        :raise AccessError: for anybody else; an id alone tells nothing.
        """
        wizards = super().create(vals_list)
        for wizard in wizards.filtered("channel_id"):
            channel = wizard.channel_id
            channel.check_access("read")
            wizard.write(
                {
                    "company_id": channel.company_id.id,
                    "connector": channel.connector,
                    "name": channel.name,
                }
            )
            wizard._enter(channel._setup_at())
        return wizards

    def _action_show(self):
        self.ensure_one()
        return {
            "type": "ir.actions.act_window",
            "name": self.env._("Set Up"),
            "res_model": self._name,
            "res_id": self.id,
            "view_mode": "form",
            "views": [(False, "form")],
        }

    def _enter(self, step):
        """Show a step, with what the channel knows of it."""
        self.step = step
        hook = getattr(self, f"_enter_{step}", None)
        if hook:
            hook()

    def _channel(self):
        """Return the channel, for whoever may set it up, as its own company sees it.

        :raise UserError: for everybody else, naming whom to ask.
        """
        self.ensure_one()
        if not self.is_manager or not self.channel_id:
            raise UserError(self.lacking or self.env._("Choose a channel first."))
        self.channel_id.check_access("write")
        return self.channel_id.with_company(self.company_id)

    def action_go(self, step=STEPS[0]):
        """Look at another step; nothing of this one is written.

        :param str step: one of ``STEPS``.
        """
        self.ensure_one()
        allowed = [entry["key"] for entry in self.steps["steps"] if entry["is_open"]]
        if step in allowed:
            self._enter(step)

    def action_back(self):
        """Go back one step; nothing of this one is written."""
        self.ensure_one()
        self._enter(STEPS[max(STEPS.index(self.step) - 1, 0)])

    def action_continue(self):
        """Write this step into the channel, and show the next one.

        :raise UserError: in words, when something is missing.
        """
        self.ensure_one()
        if self.step == "start":
            return
        leave = getattr(self, f"_leave_{self.step}")
        if leave() is not False:
            self._enter(STEPS[STEPS.index(self.step) + 1])

    # --------------------------------------------------------------- channel

    def _leave_connector(self):
        """Make the channel, or tell it that it is another kind after all."""
        if not self.connector:
            raise UserError(self.env._("Choose what you connect."))
        if not self.is_manager or (not self.channel_id and not self.is_admin):
            raise AccessError(self.lacking)
        name = (self.name or "").strip() or dict(registry.selection())[self.connector]
        if not self.channel_id:
            self.channel_id = self._new_channel(name)
            return
        channel = self._channel()
        if channel.name != name:
            channel.name = name
        if channel.connector != self.connector:
            if self.is_connector_fixed:
                raise UserError(
                    self.env._(
                        "%s has locations or products of its kind already. Connect a "
                        "new channel instead.",
                        channel.name,
                    )
                )
            channel._change_kind(self.connector)

    def _new_channel(self, name):
        zone = self.env.user.tz or self.company_id.sudo()._channel_zone().zone
        return (
            self.env["stock.channel"]
            .with_company(self.company_id)
            .create(
                {
                    "name": name,
                    "connector": self.connector,
                    "company_id": self.company_id.id,
                    "timezone": zone,
                }
            )
        )

    # ----------------------------------------------------------------- start

    def action_go_shadow(self):
        """Put the channel into shadow: computed and compared, nothing is sent."""
        self._channel().action_go_shadow()
        self._enter("start")

    def action_open_numbers(self):
        """Show what the channel would be told."""
        self.ensure_one()
        action = self.env["ir.actions.act_window"]._for_xml_id(
            "stock_channel_hub.stock_channel_publication_action"
        )
        return {**action, "context": {"search_default_channel_id": self.channel_id.id}}

    def action_by_hand(self):
        """Open the empty form of a channel, for whoever knows it."""
        self.ensure_one()
        self.check_access("read")
        return {
            "type": "ir.actions.act_window",
            "name": self.env._("New Channel"),
            "res_model": "stock.channel",
            "view_mode": "form",
            "views": [(False, "form")],
        }

    def action_open_channel(self):
        """Show the channel's own page, with everything there is to set."""
        self.ensure_one()
        return {
            "type": "ir.actions.act_window",
            "name": self.channel_id.name,
            "res_model": "stock.channel",
            "res_id": self.channel_id.id,
            "view_mode": "form",
            "views": [(False, "form")],
        }
