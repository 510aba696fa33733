"""What if: maps and rules are changed in a sandbox, and every number that follows."""

from tempfile import TemporaryFile

import psycopg2

from odoo import api, fields, models
from odoo.exceptions import AccessError, UserError

from ..models.change_steps import folded
from ..models.stock_channel_approval import MANAGER
from ..models.stock_channel_change_run import QUIET, Run


class StockChannelWhatif(models.TransientModel):
    """Edits that are tried, never made: the dry run of a proposal without one.

    Whoever may read the maps may try. What comes out is what an approver would be
    shown, and in full: one row for each number that differs. Nothing of it is kept
    for anybody else, and all of it is gone within hours.
    """

    _name = "stock.channel.whatif"
    _description = "What If"

    channel_id = fields.Many2one(
        "stock.channel",
        help="What you add below is about this channel unless you say otherwise.",
    )
    about_listing_ids = fields.Many2many("stock.channel.listing", readonly=True)
    about_location_id = fields.Many2one("stock.channel.location", readonly=True)
    edit_ids = fields.One2many(
        "stock.channel.whatif.edit", "whatif_id", string="What You Would Change"
    )
    reason = fields.Char("Why", help="For whoever decides.")
    tried_at = fields.Datetime("Tried", readonly=True)
    tried_steps = fields.Json(readonly=True)
    effect = fields.Json(readonly=True)
    places = fields.Json(readonly=True)
    line_count = fields.Integer("Numbers That Change", readonly=True)
    is_guarded = fields.Boolean(readonly=True)
    may_save = fields.Boolean(readonly=True)
    currency_id = fields.Many2one("res.currency", readonly=True)
    is_outdated = fields.Boolean(compute="_compute_is_outdated")
    is_manager = fields.Boolean(compute="_compute_is_manager")
    next_step = fields.Char(compute="_compute_next_step")
    result_html = fields.Html(
        "What It Does", compute="_compute_result_html", sanitize=False
    )

    @api.depends("create_date")
    def _compute_display_name(self):
        for whatif in self:
            whatif.display_name = self.env._("What If")

    @api.depends("tried_steps", "edit_ids.entered")
    def _compute_is_outdated(self):
        """Say whether what stands there is not what was tried."""
        for whatif in self:
            whatif.is_outdated = bool(whatif.tried_at) and (
                whatif._entered() != (whatif.effect or {}).get("entered")
            )

    @api.depends_context("uid")
    def _compute_is_manager(self):
        self.is_manager = self.env.user.has_group(MANAGER)

    @api.depends("tried_at", "is_guarded", "may_save")
    @api.depends_context("uid")
    def _compute_next_step(self):
        for whatif in self:
            if not whatif.tried_at:
                text = False
            elif not whatif.is_manager:
                text = self.env._(
                    "Nothing is changed. A manager of stock channels can propose or save "
                    "this; tell them what you found."
                )
            elif whatif.is_guarded and whatif.may_save:
                text = self.env._(
                    "Nothing is changed. It is little enough for you to save it alone."
                )
            elif whatif.is_guarded:
                text = self.env._(
                    "Nothing is changed. Customers see this channel, so an approver has "
                    "to agree: propose it."
                )
            else:
                text = self.env._(
                    "Nothing is changed. Nobody else has to agree: save it when you "
                    "like it."
                )
            whatif.next_step = text

    @api.depends("effect", "places", "tried_at")
    @api.depends_context("lang")
    def _compute_result_html(self):
        for whatif in self:
            whatif.result_html = whatif.tried_at and self.env["ir.qweb"]._render(
                "stock_channel_hub.whatif_result",
                {
                    "whatif": whatif,
                    "effect": whatif.effect,
                    "places": whatif.places,
                    "currency": whatif.currency_id,
                },
            )

    # ------------------------------------------------------------------ trying

    def _entered(self):
        """Return what was entered, comparable with what is in the database."""
        return [edit.entered for edit in self.edit_ids]

    def _steps(self):
        """Return the steps of a change that these edits come to."""
        if not self.edit_ids:
            raise UserError(self.env._("Say first what you would change."))
        steps = []
        for edit in self.edit_ids:
            steps += edit._steps(-1 - len(steps))
        return self.env["stock.channel.change"]._check_steps(steps)

    def action_try(self):
        """Work out what would change; nothing is.

        Everybody may who may read what is changed, so it is carried out with elevated
        rights, and undone.
        """
        self.ensure_one()
        self.check_access("write")
        steps = self._steps()
        changes_sudo = self.env["stock.channel.change"].sudo().with_context(**QUIET)
        lines = self.env["stock.channel.whatif.line"]
        run, seen = Run(is_asking=True), {}
        with TemporaryFile() as file:

            def look(_touched, effect):
                if not folded(run.steps):
                    raise UserError(
                        self.env._("Nothing would change: it is so already.")
                    )
                channels_sudo = self._check_channels(run.channel_ids)
                company_sudo = changes_sudo._main_channel(channels_sudo).company_id
                seen["places"] = changes_sudo._totals_by_place(company_sudo)
                query = changes_sudo._line_query(company_sudo)
                lines._write_out(self, effect["currency_id"], query, file)

            _came_out, channel_ids, effect = changes_sudo._rehearse(steps, look, run)
            lines._forget(self)
            file.seek(0)
            count = lines._read_in(file)
        self.write(
            {
                "tried_at": self.env.cr.now(),
                "tried_steps": steps,
                "effect": {**effect, "entered": self._entered()},
                "places": seen["places"],
                "line_count": count,
                "currency_id": effect["currency_id"],
                "is_guarded": run.asked,
                "may_save": self._may_save(run, channel_ids, steps, effect),
            }
        )

    def _check_channels(self, channel_ids):
        """Return the channels this is about, with elevated rights.

        :raise AccessError: when there are some that may not be read: their numbers
            would be shown.
        """
        channels = self.env["stock.channel"].browse(channel_ids)
        if not channels:
            raise UserError(self.env._("No channel is told anything else by this."))
        if not channels.has_access("read"):
            raise AccessError(
                self.env._(
                    "It would also change what a channel is told that you may not see. "
                    "Ask somebody who works for both companies."
                )
            )
        return channels.sudo()

    def _may_save(self, run, channel_ids, steps, effect):
        """Return whether this person may make the change without anybody else."""
        if not self.env.user.has_group(MANAGER):
            return False
        if not run.asked:
            return True
        channels_sudo = self.env["stock.channel"].sudo().browse(channel_ids)
        if len(channels_sudo) != 1:
            return False
        # Every step counts what it reaches.
        reached = max(effect["reached"], 1) * len(steps)
        listings_left, value_left = channels_sudo._free_change_left()
        moved = effect["value_up"] + effect["value_down"]
        currency = channels_sudo.company_id.currency_id
        return reached <= listings_left and (
            currency.compare_amounts(moved, value_left) <= 0
        )

    def action_open_lines(self):
        """List every number that would change."""
        self.ensure_one()
        self.check_access("read")
        action = self.env["ir.actions.act_window"]._for_xml_id(
            "stock_channel_hub.stock_channel_whatif_line_action"
        )
        return {**action, "domain": [("whatif_id", "=", self.id)]}

    # ------------------------------------------------------------------ making it

    def _tried(self):
        """Return the steps that were tried, for a manager to go on with.

        :raise UserError: when they are not what stands there now.
        """
        self.ensure_one()
        self.check_access("write")
        changes = self.env["stock.channel.change"]
        changes._check_manager()
        steps = self._steps()
        if not self.tried_at or steps != self.tried_steps:
            raise UserError(
                self.env._(
                    "This is not what you tried last. Press Try, look at what it does, "
                    "and go on from there."
                )
            )
        return steps

    def action_propose(self):
        """Draw up a proposal of just this; it is worked out anew with one's own rights."""
        steps = self._tried()
        change_sudo = self.env["stock.channel.change"]._draw_up(
            steps, reason=self.reason
        )
        return change_sudo.with_user(self.env.user)._open_form()

    def action_save(self):
        """Make the change, where nobody else has to agree.

        :raise UserError: where somebody has to; nothing is changed then.
        """
        changes = self.env["stock.channel.change"]
        steps = self._tried()
        try:
            with self.env.cr.savepoint():
                changes._carry_out(steps)
        except psycopg2.IntegrityError as error:
            raise UserError(changes._taken_text(error)) from error
        self.tried_at = False
        action = self.channel_id._notify(self.env._("It is changed."), "success")
        action["params"]["next"] = {"type": "ir.actions.client", "tag": "soft_reload"}
        return action

    def unlink(self):
        self.env["stock.channel.whatif.line"]._forget(self)
        return super().unlink()
