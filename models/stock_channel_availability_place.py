from odoo import api, models
from odoo.tools import SQL


class StockChannelAvailabilityPlace(models.AbstractModel):
    """What lies free where, for choosing the place an order is taken from."""

    _inherit = "stock.channel.availability"

    @api.model
    def _free_by_place(self, listings):
        """Return what is free of all that these listings take from stock.

        Only goods that are there: what is expected, and what a rule holds back from
        the channel, is another matter than where an order that was accepted comes
        from.

        :return: dict of (channel location id, product id) → quantity in the product's
            own unit; components for kits. Negative where more is promised than there.
        """
        if not listings:
            return {}
        self.env.flush_all()
        self.env.cr.execute(
            SQL(
                """
                WITH %s
                SELECT place.channel_location_id,
                       needed_product.product_id,
                       coalesce(held.total, 0) - coalesce(held.unavailable, 0)
                           - coalesce(held.reserved, 0) - coalesce(claim.owed, 0)
                           - coalesce(claim.in_flight, 0)
                  FROM place
                 CROSS JOIN needed_product
                  LEFT JOIN held USING (channel_location_id, product_id)
                  LEFT JOIN claim USING (channel_location_id, product_id)
                 WHERE place.is_mapped
                """,
                SQL(", ").join(
                    SQL("%s AS MATERIALIZED (%s)", SQL.identifier(name), query)
                    for name, query in self._steps(self._scope_of(listings.ids), False)
                ),
            )
        )
        return {
            (place_id, product_id): float(free)
            for place_id, product_id, free in self.env.cr.fetchall()
        }
