from odoo import fields, models
from odoo.exceptions import UserError
from odoo.tools import SQL

KINDS = [("channel", "Channel"), ("location", "Location"), ("listing", "Listing")]
MODELS = {
    "channel": "stock.channel",
    "location": "stock.channel.location",
    "listing": "stock.channel.listing",
}


class StockChannelPaused(models.Model):
    """Everything that is paused, since when and why, the longest first."""

    _name = "stock.channel.paused"
    _description = "Paused"
    _auto = False
    _order = "paused_at, id"
    _rec_name = "name"

    kind = fields.Selection(KINDS, "What", readonly=True)
    res_id = fields.Integer(readonly=True)
    name = fields.Char(readonly=True)
    channel_id = fields.Many2one("stock.channel", readonly=True)
    company_id = fields.Many2one("res.company", readonly=True)
    paused_at = fields.Datetime("Since", readonly=True)
    paused_by_id = fields.Many2one("res.users", "By", readonly=True)
    pause_reason = fields.Char("Because", readonly=True)

    @property
    def _table_query(self):
        self.env["stock.channel"].flush_model()
        self.env["stock.channel.location"].flush_model()
        self.env["stock.channel.listing"].flush_model()
        return SQL(
            """
            SELECT 3 * channel.id AS id, 'channel' AS kind, channel.id AS res_id,
                   channel.name, channel.id AS channel_id, channel.company_id,
                   channel.paused_at, channel.paused_by_id, channel.pause_reason
              FROM stock_channel AS channel
             WHERE channel.state = 'paused' AND channel.active
             UNION ALL
            SELECT 3 * place.id + 1, 'location', place.id, place.name,
                   place.channel_id, place.company_id, place.paused_at,
                   place.paused_by_id, place.pause_reason
              FROM stock_channel_location AS place
             WHERE place.is_paused AND place.active
             UNION ALL
            SELECT 3 * listing.id + 2, 'listing', listing.id, listing.sku,
                   listing.channel_id, listing.company_id, listing.paused_at,
                   listing.paused_by_id, listing.pause_reason
              FROM stock_channel_listing AS listing
             WHERE listing.is_paused AND listing.active
            """
        )

    def action_open(self):
        """Open what is paused."""
        self.ensure_one()
        self.check_access("read")
        record = self.env[MODELS[self.kind]].browse(self.res_id).exists()
        if not record:
            raise UserError(self.env._("It does not exist any more."))
        return {
            "type": "ir.actions.act_window",
            "res_model": record._name,
            "res_id": record.id,
            "view_mode": "form",
        }
