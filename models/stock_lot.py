from odoo import fields, models

from .stock_location import CONDITIONS

# Fields whose change can make stock of the lot sellable or unsellable. The dates are
# computed from each other, but somebody's write of one of these starts it.
WATCHED = {"stock_condition", "removal_date", "expiration_date", "product_id"}


class StockLot(models.Model):
    _inherit = "stock.lot"

    stock_condition = fields.Selection(
        CONDITIONS,
        tracking=True,
        help="Anything but sellable blocks this lot: it stays in stock, but no channel "
        "is offered it, wherever it lies. Left empty, it is sellable.",
    )

    # The clock looks for dates that have just passed, every minute.
    _channel_removal_date = models.Index("(removal_date)")
    _channel_last_date = models.Index("(coalesce(expiration_date, removal_date))")

    def write(self, vals):
        if not WATCHED & vals.keys():
            return super().write(vals)
        dirty = self.env["stock.channel.dirty"]
        dirty._log_products(self.product_id, "condition")
        result = super().write(vals)
        dirty._log_products(self.product_id, "condition")
        return result
