from odoo import api, fields, models


class StockChannelIgnoreWizard(models.TransientModel):
    """Asks why exceptions need no work, and says when a second person must agree."""

    _name = "stock.channel.ignore.wizard"
    _description = "Ignore Exceptions"

    exception_ids = fields.Many2many("stock.channel.exception", string="Exceptions")
    reason = fields.Char()
    count = fields.Integer(compute="_compute_count")

    @api.depends("exception_ids")
    def _compute_count(self):
        for wizard in self:
            wizard.count = len(wizard.exception_ids)

    def action_done(self):
        """Ignore them, or propose it."""
        self.ensure_one()
        approvals_sudo = self.exception_ids._ignore(self.reason)
        close = {"type": "ir.actions.act_window_close"}
        if not approvals_sudo:
            return close
        return {
            "type": "ir.actions.client",
            "tag": "display_notification",
            "params": {
                "type": "info",
                "sticky": True,
                "message": self.env._(
                    "A second person decides: %s. Until then they stay open.",
                    ", ".join(approvals_sudo.mapped("name")),
                ),
                "next": close,
            },
        }


class StockChannelAssignWizard(models.TransientModel):
    """Asks who is to work on exceptions."""

    _name = "stock.channel.assign.wizard"
    _description = "Assign Exceptions"

    exception_ids = fields.Many2many("stock.channel.exception", string="Exceptions")
    user_id = fields.Many2one("res.users", "Assign to")

    def action_done(self):
        """Hand them over."""
        self.ensure_one()
        if self.user_id:
            self.exception_ids._assign(self.user_id)
        return {"type": "ir.actions.act_window_close"}
