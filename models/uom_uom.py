from odoo import models

WATCHED = {"factor", "relative_factor", "relative_uom_id"}


class UomUom(models.Model):
    _inherit = "uom.uom"

    def write(self, vals):
        """Compute everything anew when units convert differently.

        A unit stands behind listings, products, recipes and moves, and other units
        are defined by it. It changes so rarely that finding out which numbers it
        stands behind is not worth getting wrong.
        """
        result = super().write(vals)
        if WATCHED & vals.keys() and self.env["stock.channel"]._is_in_use():
            listings_sudo = self.env["stock.channel.listing"].sudo()
            self.env["stock.channel.dirty"]._log_listings(
                listings_sudo.with_context(active_test=False).search([]), "map"
            )
        return result
