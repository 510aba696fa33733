from odoo import fields, models
from odoo.exceptions import UserError

PAUSABLE = ("stock.channel", "stock.channel.location", "stock.channel.listing")


class StockChannelPauseWizard(models.TransientModel):
    """Ask why something is paused, before it is."""

    _name = "stock.channel.pause.wizard"
    _description = "Pause"

    res_model = fields.Char(required=True, readonly=True)
    res_ids = fields.Json(required=True, readonly=True)
    reason = fields.Char(
        required=True, help="Whoever finds it paused tomorrow has to know why."
    )

    def action_confirm(self):
        """Pause what was chosen; its own step checks who may."""
        self.ensure_one()
        if self.res_model not in PAUSABLE:
            raise UserError(self.env._("Only channels and their parts can be paused."))
        self.env[self.res_model].browse(self.res_ids)._pause(self.reason)
        return {"type": "ir.actions.act_window_close"}
