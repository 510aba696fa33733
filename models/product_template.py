from odoo import models

# Fields whose change can alter what is counted of a product, or in which unit.
WATCHED = {"active", "type", "is_storable", "uom_id", "use_expiration_date"}


class ProductTemplate(models.Model):
    _inherit = "product.template"

    def write(self, vals):
        result = super().write(vals)
        if WATCHED & vals.keys():
            variants = self.with_context(active_test=False).product_variant_ids
            self.env["stock.channel.dirty"]._log_products(variants, "rule")
        return result
