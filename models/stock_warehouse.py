from odoo import fields, models


class StockWarehouse(models.Model):
    _inherit = "stock.warehouse"

    channel_location_ids = fields.One2many(
        "stock.channel.location",
        "warehouse_id",
        string="Channel Locations",
        groups="stock_channel_hub.group_user",
    )
