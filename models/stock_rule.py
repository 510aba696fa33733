from odoo import models


class StockRule(models.Model):
    _inherit = "stock.rule"

    def _get_stock_move_values(
        self,
        product_id,
        product_qty,
        product_uom,
        location_dest_id,
        name,
        origin,
        company_id,
        values,
    ):
        """Take a channel's order from the stock the channel offered.

        A rule takes from anywhere under the warehouse's stock location. Two channel
        locations inside one warehouse would take from each other, so the move's
        source is narrowed to the mapped location.
        """
        move_values = super()._get_stock_move_values(
            product_id,
            product_qty,
            product_uom,
            location_dest_id,
            name,
            origin,
            company_id,
            values,
        )
        line = self.env["sale.order.line"].browse(values.get("sale_line_id"))
        source = line.sudo()._channel_source_location(self.location_src_id)
        if source:
            move_values["location_id"] = source.id
        return move_values
