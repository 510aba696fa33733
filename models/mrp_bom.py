from odoo import api, models


class MrpBom(models.Model):
    _inherit = "mrp.bom"

    @api.model_create_multi
    def create(self, vals_list):
        boms = super().create(vals_list)
        boms._log_channel_dirty()
        return boms

    def write(self, vals):
        self._log_channel_dirty()
        result = super().write(vals)
        self._log_channel_dirty()
        return result

    def unlink(self):
        self._log_channel_dirty()
        return super().unlink()

    def _log_channel_dirty(self):
        """A kit's number depends on its recipe, an archived kit's too."""
        kits = self.filtered(lambda bom: bom.type == "phantom")
        templates = kits.product_tmpl_id.with_context(active_test=False)
        products = kits.product_id | templates.product_variant_ids
        self.env["stock.channel.dirty"]._log_products(products, "bom")


class MrpBomLine(models.Model):
    _inherit = "mrp.bom.line"

    @api.model_create_multi
    def create(self, vals_list):
        lines = super().create(vals_list)
        lines.bom_id._log_channel_dirty()
        return lines

    def write(self, vals):
        boms = self.bom_id
        result = super().write(vals)
        # A line may have moved to another recipe: then both are different now.
        (boms | self.bom_id)._log_channel_dirty()
        return result

    def unlink(self):
        boms = self.bom_id
        result = super().unlink()
        boms._log_channel_dirty()
        return result
