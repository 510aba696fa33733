from datetime import timedelta

from odoo import api, fields, models
from odoo.exceptions import AccessError, UserError, ValidationError

OK, WARNING, UNRESOLVED, NOT_ASKED = "ok", "warning", "unresolved", "not_asked"
LINE_STATES = [
    (OK, "Done"),
    (WARNING, "Look at It"),
    (UNRESOLVED, "To Do"),
    (NOT_ASKED, "Not Needed"),
]
# The go/no-go list, in the order in which a channel is set up. What is computed for
# each is said by the method ``_ready_<kind>``.
KINDS = [
    ("locations", "Every location of the channel is mapped"),
    ("items", "Every item the channel names is mapped"),
    ("kits", "Kits have components and units convert"),
    ("inventory", "Somebody answers for the inventory"),
    ("owner", "Somebody works the exceptions"),
    ("approver", "A second person can approve"),
    ("alerts", "Alerts reach somebody"),
    ("lag", "The freshness target is written and met"),
    ("connection", "The channel answers"),
    ("secret", "Deliveries are signed"),
    ("money", "Orders find their prices, taxes and payment rule"),
    ("shadow", "Shadow ran long enough and its differences were signed"),
    ("told", "A cancellation and a return were seen"),
    ("undo", "Undo was tried"),
    ("exceptions", "The queue is worked off"),
]
# Each of these alone keeps a channel from going live; of the others this many do.
BLOCKING = {"alerts", "secret"}
MOST_UNRESOLVED = 3
DEFAULT_SHADOW_HOURS = 24


class StockChannelReadiness(models.Model):
    """The gate before live: a list that is computed, never ticked.

    Without it a channel goes live on somebody's word, and the first wrong number is
    found by a customer. Nobody can tick a line: each is what the data say, and each
    leads to where it is mended.
    """

    _inherit = "stock.channel"

    shadow_hours = fields.Integer(
        "Hours in Shadow",
        default=DEFAULT_SHADOW_HOURS,
        required=True,
        help="A channel is compared for so many hours before it is put live. 0: no "
        "time in shadow is asked for. Only administrators change it.",
    )
    shadow_at = fields.Datetime(
        "In Shadow Since", compute="_compute_shadow_at", store=True, copy=False
    )
    checked_at = fields.Datetime("Connection Tested", readonly=True, copy=False)
    check_is_ok = fields.Boolean(readonly=True, copy=False)
    check_message = fields.Char("Result of the Test", readonly=True, copy=False)
    readiness_line_ids = fields.One2many(
        "stock.channel.readiness.line", "channel_id", string="Readiness", copy=False
    )
    readiness_summary = fields.Char(compute="_compute_readiness_summary")
    is_ready = fields.Boolean(compute="_compute_readiness_summary")

    # -------------------------------------------------------------- computes

    @api.depends("state")
    def _compute_shadow_at(self):
        for channel in self:
            is_shadow = channel.state == "shadow"
            channel.shadow_at = self.env.cr.now() if is_shadow else False

    @api.depends("readiness_line_ids.state")
    def _compute_readiness_summary(self):
        for channel in self:
            lines = channel.readiness_line_ids
            asked = lines.filtered(lambda line: line.state != NOT_ASKED)
            to_do = lines.filtered(lambda line: line.state == UNRESOLVED)
            channel.is_ready = not (
                len(to_do) >= MOST_UNRESOLVED or BLOCKING & set(to_do.mapped("kind"))
            )
            if to_do:
                channel.readiness_summary = self.env._(
                    "%(count)s of %(all)s to do", count=len(to_do), all=len(asked)
                )
            else:
                channel.readiness_summary = self.env._("All %s done", len(asked))

    @api.constrains("shadow_hours")
    def _check_shadow_hours(self):
        for channel in self:
            if channel.shadow_hours < 0:
                raise ValidationError(
                    self.env._("The hours in shadow cannot be negative.")
                )

    @api.model_create_multi
    def create(self, vals_list):
        channels = super().create(vals_list)
        for channel in channels:
            if channel.shadow_hours != DEFAULT_SHADOW_HOURS:
                channel._check_may_set_shadow_hours()
        return channels

    def write(self, vals):
        if "shadow_hours" not in vals:
            return super().write(vals)
        self._check_may_set_shadow_hours()
        before = {channel.id: channel.shadow_hours for channel in self}
        result = super().write(vals)
        self._log_change("changed", "shadow_hours", before)
        return result

    def _check_may_set_shadow_hours(self):
        """Refuse to let those who want to go live say how soon they may.

        :raise AccessError: for all but administrators.
        """
        is_admin = self.env.user.has_group("stock_channel_hub.group_admin")
        if not (self.env.su or is_admin):
            raise AccessError(
                self.env._("Only administrators say how long a channel is in shadow.")
            )

    # ------------------------------------------------------------------ gate

    def _update_state(self, target):
        """Keep for good who put a channel live or took it back.

        Pauses and their ends are written down with their reason.
        """
        before = {channel.id: channel.state for channel in self}
        result = super()._update_state(target)
        others = self.filtered(
            lambda channel: "paused" not in (channel.state, before[channel.id])
        )
        others._log_change("state", "state", before)
        return result

    def _log_change(self, action, name, before):
        """Audit one field of those of which it changed.

        :param before: {channel id: value} as it was.
        """
        changed = self.filtered(lambda channel: channel[name] != before[channel.id])
        values = {
            channel.id: ({name: before[channel.id]}, {name: channel[name]})
            for channel in changed
        }
        self.env["stock.channel.audit"]._log(changed, action, values=values)

    def _check_ready(self, target):
        """Ask for the go/no-go list before a channel is told numbers.

        A pause is ended without the whole list: it was passed before, and a channel
        that stands still for an exception of this morning sells on old numbers.
        """
        result = super()._check_ready(target)
        if target == "live":
            self._check_readiness(is_resumed=self.state == "paused")
        return result

    def _check_readiness(self, *, is_resumed):
        """Refuse to go live with too much unresolved.

        :param bool is_resumed: it was live and only paused.
        :raise UserError: it names the lines and what they found.
        """
        self.ensure_one()
        titles = dict(self._readiness_titles())
        found = self._readiness(BLOCKING if is_resumed else None)
        to_do = [kind for kind, (state, _fact) in found.items() if state == UNRESOLVED]
        if not BLOCKING & set(to_do) and len(to_do) < MOST_UNRESOLVED:
            return
        raise UserError(
            self.env._(
                "%(channel)s is not ready to go live, %(count)s things are to do:",
                channel=self.name,
                count=len(to_do),
            )
            + "".join(f"\n- {titles[kind]}: {found[kind][1]}" for kind in to_do)
            + "\n"
            + self.env._("The page Readiness of the channel leads to each of them.")
        )

    @api.model
    def _readiness_titles(self):
        lines = self.env["stock.channel.readiness.line"]
        return lines._fields["kind"]._description_selection(self.env)

    def _readiness(self, kinds=None):
        """Return what the data say of each line of the list.

        Aggregates only, whatever the size of the catalogue.

        :param kinds: which lines; None for all of them.
        :return: {kind: (state, fact in words)}, in the order of the list.
        """
        self.ensure_one()
        # Counts over what the person who looks may not see row by row.
        channel_sudo = self.sudo().with_company(self.company_id)
        return {
            kind: getattr(channel_sudo, f"_ready_{kind}")()
            for kind, _title in KINDS
            if kinds is None or kind in kinds
        }

    # ------------------------------------------------------------ connection

    def _note_check(self, health):
        """Keep the result of a connection test, for the list."""
        self.sudo().write(
            {
                "checked_at": self.env.cr.now(),
                "check_is_ok": health.ok,
                "check_message": health.message,
            }
        )

    def _in_shadow_long_enough(self):
        """Return for how long this channel has still to be in shadow."""
        hours = timedelta(hours=self.shadow_hours)
        return hours - (self.env.cr.now() - self.shadow_at)

    def action_readiness_settings(self):
        """Open what the list asks for and is set on the channel itself."""
        self.ensure_one()
        self.check_access("read")
        return {
            "name": self.env._("Settings of %s", self.name),
            "type": "ir.actions.act_window",
            "res_model": "stock.channel",
            "res_id": self.id,
            "view_mode": "form",
            "views": [
                (
                    self.env.ref(
                        "stock_channel_hub.stock_channel_view_form_readiness_settings"
                    ).id,
                    "form",
                )
            ],
            "target": "new",
        }
