from odoo import fields, models


class StockPicking(models.Model):
    _inherit = "stock.picking"

    channel_fulfillment_ids = fields.One2many(
        "stock.channel.fulfillment",
        "picking_id",
        string="Channel Shipments",
        groups="stock_channel_hub.group_user",
    )

    def write(self, vals):
        result = super().write(vals)
        if {"carrier_tracking_ref", "carrier_id"} & vals.keys():
            self.env["stock.channel.fulfillment"].sudo()._tracking_changed(self)
        return result


class StockReturnPicking(models.TransientModel):
    _inherit = "stock.return.picking"

    channel_location_dest_id = fields.Many2one(
        "stock.location",
        help="Where the returned goods go when a channel's return says so.",
    )

    def _prepare_picking_default_values_based_on(self, picking):
        vals = super()._prepare_picking_default_values_based_on(picking)
        if self.channel_location_dest_id:
            vals["location_dest_id"] = self.channel_location_dest_id.id
        return vals
