from odoo import fields, models


class ProductProduct(models.Model):
    _inherit = "product.product"

    channel_listing_ids = fields.One2many(
        "stock.channel.listing",
        "product_id",
        string="Channel Listings",
        groups="stock_channel_hub.group_user",
    )

    def write(self, vals):
        result = super().write(vals)
        if "active" in vals:
            self.env["stock.channel.dirty"]._log_products(self, "rule")
        return result
