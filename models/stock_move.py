from odoo import api, models

# Fields whose change can alter what is owed, reserved or incoming.
WATCHED = {
    "state",
    "product_uom_qty",
    "product_uom",
    "product_id",
    "date",
    "location_id",
    "location_dest_id",
    "location_final_id",
    "procure_method",
    "move_orig_ids",
}
# Where goods are that a channel may be offered: what leaves or enters them counts.
STOCK_USAGES = {"internal", "view", "transit"}


class StockMove(models.Model):
    _inherit = "stock.move"

    @api.model_create_multi
    def create(self, vals_list):
        moves = super().create(vals_list)
        moves._log_channel_dirty()
        return moves

    def write(self, vals):
        if "product_id" in vals:
            self._log_channel_dirty()
        # Whoever waited for these, or does from now on, is owed another quantity.
        is_linked = "move_dest_ids" in vals
        if is_linked:
            self.sudo().move_dest_ids._log_channel_dirty()
        if "product_uom_qty" in vals:
            self._note_channel_cancel()
        result = super().write(vals)
        if WATCHED & vals.keys():
            self._log_channel_dirty()
        if is_linked:
            self.sudo().move_dest_ids._log_channel_dirty()
        return result

    def unlink(self):
        """Odoo lets people delete confirmed moves that are linked to nothing."""
        if self.env["stock.channel"]._is_in_use():
            (self.sudo() | self.sudo().move_dest_ids)._log_channel_dirty()
            self._note_channel_cancel()
        return super().unlink()

    def _log_channel_dirty(self):
        """Log what these moves take from stock and what they bring."""
        if not self.env["stock.channel"]._is_in_use():
            return
        pending = self.env["stock.channel.dirty"]._pending()
        for move in self:
            if move.state == "draft":
                continue
            target = move.location_final_id or move.location_dest_id
            for location in (move.location_id, target):
                if location.usage in STOCK_USAGES:
                    row = (move.product_id.id, location.id, None)
                    pending.setdefault(row, "stock")

    def _action_cancel(self):
        self._note_channel_cancel()
        return super()._action_cancel()

    def _note_channel_cancel(self):
        """Look at the commit whether channels must hear that goods will not come."""
        if self.sale_line_id:
            self.env["stock.channel.fulfillment"]._note_cancel(
                self.sale_line_id, self.env._("Not available.")
            )

    def _action_done(self, cancel_backorder=False):
        if cancel_backorder:
            self._note_channel_cancel()
        done = super()._action_done(cancel_backorder=cancel_backorder)
        done.filtered(lambda move: move.state == "done")._report_to_channels()
        return done

    def _report_to_channels(self):
        """Tell channels of goods that left, and returns of goods that came."""
        shipped_sudo = self.sudo().filtered(
            lambda move: (
                move.sale_line_id._channel_lines()
                and move.location_dest_id.usage == "customer"
            )
        )
        if shipped_sudo:
            shipped_sudo.env["stock.channel.fulfillment"]._record_shipped(shipped_sudo)
        if self.picking_id:
            self.env["stock.channel.return"].sudo()._goods_came(self.picking_id)
