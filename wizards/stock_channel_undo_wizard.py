from datetime import timedelta

from odoo import api, fields, models
from odoo.exceptions import UserError

MOST_DAYS = 90


class StockChannelUndoWizard(models.TransientModel):
    """What to take back: one line of the audit, or everything since a moment."""

    _name = "stock.channel.undo.wizard"
    _description = "Undo Changes of Maps and Rules"

    audit_id = fields.Many2one("stock.channel.audit", string="Change", readonly=True)
    channel_id = fields.Many2one(
        "stock.channel", compute="_compute_channel_id", store=True, readonly=False
    )
    moment = fields.Datetime(
        "As It Was On",
        help="Maps, rules and stock conditions become again what they were then.",
    )
    is_held = fields.Boolean(
        "Hold the Earlier Numbers",
        help="Nothing is offered above what the channel had acknowledged then, until "
        "the moment below. Numbers still fall, and never rise above what is there.",
    )
    held_until = fields.Datetime(
        "Hold Until",
        help="The caps end by themselves then.",
    )
    reason = fields.Char("Why", help="For whoever decides.")

    @api.depends("audit_id")
    def _compute_channel_id(self):
        for wizard in self:
            wizard.channel_id = wizard.channel_id or wizard.audit_id.channel_id

    def action_continue(self):
        """Work out what it would do, and open it to be proposed."""
        self.ensure_one()
        changes = self.env["stock.channel.change"]
        changes._check_manager()
        row = self.audit_id
        row.check_access("read")
        self.channel_id.check_access("read")
        if row:
            moment, name = row.happened_at, changes._undo_name(row=row)
            steps = changes._undo_of_row(row)
        else:
            moment = self._checked_moment()
            name = changes._undo_name(channel=self.channel_id, moment=moment)
            steps = changes._undo_to_moment(self.channel_id, moment)
        if not steps:
            raise UserError(
                self.env._("Nothing to undo: it is as it was. No number would change.")
            )
        if self.is_held:
            # A second before: what was acknowledged with the change itself is not it.
            steps = changes._with_caps(
                steps, moment - timedelta(seconds=1) if row else moment, self._until()
            )
        change_sudo = changes._draw_up(
            steps, kind="undo", reason=self.reason, name=name
        )
        return change_sudo.with_user(self.env.user)._open_form()

    def _checked_moment(self):
        if not self.channel_id or not self.moment:
            raise UserError(self.env._("Choose a channel and a moment."))
        if self.moment > self.env.cr.now():
            raise UserError(self.env._("That moment is still to come."))
        return self.moment

    def _until(self):
        now = self.env.cr.now()
        if not self.held_until or not (
            now < self.held_until <= now + timedelta(days=MOST_DAYS)
        ):
            raise UserError(
                self.env._(
                    "Say until when the earlier numbers are held, %s days at most.",
                    MOST_DAYS,
                )
            )
        return self.held_until
