from odoo import api, models

from .stock_channel_batch import BATCH

WATCHED = {
    "quantity",
    "reserved_quantity",
    "location_id",
    "product_id",
    "lot_id",
    "owner_id",
}
MOVED = {"location_id", "product_id"}


class StockQuant(models.Model):
    _inherit = "stock.quant"

    @api.model_create_multi
    def create(self, vals_list):
        quants = super().create(vals_list)
        quants._log_channel_dirty()
        return quants

    def write(self, vals):
        if not WATCHED & vals.keys():
            return super().write(vals)
        if MOVED & vals.keys():
            self._log_channel_dirty()
        result = super().write(vals)
        self._log_channel_dirty()
        return result

    def unlink(self):
        self._log_channel_dirty()
        return super().unlink()

    def _log_channel_dirty(self):
        """Log which products lie where; called before and after they change that."""
        batch = self.env.context.get(BATCH)
        if batch:
            # What was found for it is no longer what there is.
            batch.gathered.clear()
        if self.env["stock.channel"]._is_in_use():
            pending = self.env["stock.channel.dirty"]._pending()
            for quant in self:
                row = (quant.product_id.id, quant.location_id.id, None)
                pending.setdefault(row, "stock")
