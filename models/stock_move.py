from odoo import api, models

# Fields whose change can alter what is owed, reserved or incoming.
WATCHED = {
    "state",
    "product_uom_qty",
    "product_id",
    "location_id",
    "location_dest_id",
    "location_final_id",
    "procure_method",
    "move_orig_ids",
}


class StockMove(models.Model):
    _inherit = "stock.move"

    @api.model_create_multi
    def create(self, vals_list):
        moves = super().create(vals_list)
        moves._log_channel_dirty()
        return moves

    def write(self, vals):
        result = super().write(vals)
        if WATCHED & vals.keys():
            self._log_channel_dirty()
        return result

    def _log_channel_dirty(self):
        if self.env["stock.channel"]._is_in_use():
            self.env["stock.channel.dirty"]._log_stock(
                {
                    (move.product_id.id, move.location_id.id)
                    for move in self
                    if move.state != "draft"
                }
            )

    def _reduce_demand(self, quantity):
        """Lower the demand of an open move, giving back what it had reserved.

        :param float quantity: in the product's own unit, at most the demand.
        """
        self.ensure_one()
        reduced = self.product_id.uom_id._compute_quantity(
            quantity, self.product_uom, rounding_method="HALF-UP"
        )
        left = self.product_uom.round(self.product_uom_qty - reduced)
        if self.product_uom.compare(left, 0.0) <= 0:
            self._action_cancel()
            return
        self._do_unreserve()
        self.product_uom_qty = left
        self._action_assign()

    def _action_done(self, cancel_backorder=False):
        done = super()._action_done(cancel_backorder=cancel_backorder)
        done.filtered(lambda move: move.state == "done")._report_to_channels()
        return done

    def _report_to_channels(self):
        """Tell channels of goods that left, and returns of goods that came."""
        shipped = self.sudo().filtered(
            lambda move: (
                move.sale_line_id.channel_order_line_ids
                and move.location_dest_id.usage == "customer"
            )
        )
        if shipped:
            shipped.env["stock.channel.fulfillment"]._record_shipped(shipped)
        if self.picking_id:
            self.env["stock.channel.return"].sudo()._goods_came(self.picking_id)
