from odoo import api, fields, models


class StockChannelRemoteIgnoreWizard(models.TransientModel):
    """Asks why listings of a channel are left as they are."""

    _name = "stock.channel.remote.ignore.wizard"
    _description = "Ignore Listings"

    row_ids = fields.Many2many(
        "stock.channel.remote.listing",
        "stock_channel_remote_ignore_rel",
        "wizard_id",
        "row_id",
        string="Listings",
    )
    reason = fields.Char()
    count = fields.Integer(compute="_compute_count")

    @api.depends("row_ids")
    def _compute_count(self):
        for wizard in self:
            wizard.count = len(wizard.row_ids)

    def action_done(self):
        """Ignore them."""
        self.ensure_one()
        self.row_ids._ignore(self.reason)
        return {"type": "ir.actions.act_window_close"}
