from odoo import api, models

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
        # A quantity changes nothing about which product lies where.
        before = self._channel_pairs() if MOVED & vals.keys() else ()
        result = super().write(vals)
        self._log_channel_dirty(before)
        return result

    def unlink(self):
        pairs = self._channel_pairs()
        result = super().unlink()
        self.browse()._log_channel_dirty(pairs)
        return result

    def _channel_pairs(self):
        if not self.env["stock.channel"]._is_in_use():
            return set()
        return {(quant.product_id.id, quant.location_id.id) for quant in self}

    def _log_channel_dirty(self, before=()):
        """Log these quants' products, and those they belonged to before."""
        self.env["stock.channel.dirty"]._log_stock(self._channel_pairs() | set(before))
