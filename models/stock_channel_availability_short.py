from odoo import api, models
from odoo.tools import SQL

from ..connectors.shortage import Held
from .quantities import to_decimal


class StockChannelAvailabilityShort(models.AbstractModel):
    """What is promised of a product at every place that offers it."""

    _inherit = "stock.channel.availability"

    @api.model
    def _held_by_product(self, product_ids):
        """Return what is there of these products, and what is asked of it.

        Every channel location counts that offers one of them, itself or in a kit, of
        every channel but drafts.

        :return: dict of product id → list of ``Held``, in the product's own unit.
        """
        listing_ids = [row[0] for row in self._touched_by(list(product_ids))]
        if not listing_ids:
            return {}
        self.env.cr.execute(
            SQL(
                """
                WITH %(steps)s,
                held_here AS (%(held)s),
                sold_here AS (%(sold)s)
                SELECT held_here.product_id,
                       held_here.channel_location_id,
                       array_agg(root.parent_path ORDER BY root.parent_path),
                       max(held_here.on_hand),
                       max(held_here.reserved),
                       max(held_here.owed),
                       max(held_here.in_flight),
                       max(sold_here.waiting),
                       max(sold_here.served),
                       max(held_here.allowance)
                  FROM held_here
                  JOIN root USING (channel_location_id)
                  LEFT JOIN sold_here USING (channel_location_id, product_id)
                 WHERE held_here.product_id = ANY(%(products)s)
                 GROUP BY 1, 2
                 ORDER BY 1, 2
                """,
                steps=SQL(", ").join(
                    SQL("%s AS MATERIALIZED (%s)", SQL.identifier(name), query)
                    for name, query in self._steps(self._scope_of(listing_ids), False)
                ),
                held=self._held_here_query(),
                sold=self._sold_here_query(),
                products=list(product_ids),
            )
        )
        found = {}
        for product_id, *row in self.env.cr.fetchall():
            found.setdefault(product_id, []).append(self._held(*row))
        return found

    @api.model
    def _held(self, place_id, roots, *quantities):
        names = (
            "on_hand",
            "reserved",
            "owed",
            "in_flight",
            "waiting",
            "served",
            "allowance",
        )
        return Held(
            place=str(place_id),
            roots=tuple(roots),
            **{
                name: to_decimal(float(quantity or 0))
                for name, quantity in zip(names, quantities, strict=True)
            },
        )

    def _held_here_query(self):
        """Each product at each place, and what rules let be sold beyond it.

        Goods that a rule counts as expected are sold before they are there, by that
        rule. Of several items made of one product the most generous counts.
        """
        return SQL(
            """
            SELECT part.channel_location_id,
                   part.limiting_product_id AS product_id,
                   max(part.on_hand) AS on_hand,
                   max(part.reserved) AS reserved,
                   max(part.owed) AS owed,
                   max(part.in_flight) AS in_flight,
                   max(coalesce(part.incoming, 0)
                       + coalesce(part.backorder, 0) * part.per_unit / part.factor)
                       AS allowance
              FROM (SELECT * FROM (%(plain)s) AS plain
                     UNION ALL
                    SELECT * FROM (%(kit)s) AS kit) AS part
              JOIN stock_channel AS channel ON channel.id = part.channel_id
              JOIN product_product AS product ON product.id = part.limiting_product_id
              JOIN product_template AS template ON template.id = product.product_tmpl_id
             WHERE channel.state <> 'draft'
               -- Of what is not counted nothing can be missing.
               AND template.is_storable
             GROUP BY 1, 2
            """,
            plain=self._plain_query(),
            kit=self._kit_query(),
        )

    def _sold_here_query(self):
        """What orders of channels wait for, and what is reserved for them.

        By the very place an order is taken from, unlike what is owed there, which
        counts at every place it might be taken from.
        """
        return SQL(
            """
            SELECT channel_location_id,
                   product_id,
                   sum(waiting) AS waiting,
                   sum(served) AS served
              FROM (SELECT sale_line.channel_location_id,
                           move.product_id,
                           CASE WHEN move.state <> 'assigned'
                               THEN greatest(0, move.product_qty
                                   - coalesce(line.reserved, 0)) END AS waiting,
                           line.reserved AS served
                      FROM needed_product
                      JOIN stock_move AS move
                        ON move.product_id = needed_product.product_id
                      JOIN sale_order_line AS sale_line
                        ON sale_line.id = move.sale_line_id
                      JOIN stock_location AS source ON source.id = move.location_id
                      JOIN stock_location AS target
                        ON target.id = coalesce(move.location_final_id,
                                                move.location_dest_id)
                      LEFT JOIN LATERAL (
                          SELECT sum(reserved.quantity_product_uom) AS reserved
                            FROM stock_move_line AS reserved
                           WHERE reserved.move_id = move.id
                      ) AS line ON TRUE
                     WHERE move.state IN ('confirmed', 'partially_available',
                                          'assigned')
                       AND EXISTS (
                           SELECT 1
                             FROM root AS here
                            WHERE here.channel_location_id
                                      = sale_line.channel_location_id
                              AND (source.parent_path LIKE here.parent_path || '%%'
                                   OR here.parent_path
                                       LIKE source.parent_path || '%%'))
                       AND NOT %(inside)s
                       AND %(no_open_origin)s
                     UNION ALL
                    SELECT channel_location_id, product_id, quantity, NULL
                      FROM (%(flight)s) AS flight) AS sold
             GROUP BY 1, 2
            """,
            inside=self._is_inside(SQL("target"), SQL("sale_line.channel_location_id")),
            no_open_origin=self._no_open_origin(),
            flight=self._flight_query(),
        )

    @api.model
    def _products_of(self, listing_ids):
        """Return the ids of what these listings take from stock."""
        listings_sudo = self.env["stock.channel.listing"].sudo().browse(listing_ids)
        kits = self._kit_components(listings_sudo)
        kit_ids = {listing_id for listing_id, _component_id, _quantity in kits}
        plain_sudo = listings_sudo.filtered(lambda listing: listing.id not in kit_ids)
        return set(plain_sudo.product_id.ids) | {
            component_id
            for _listing_id, component_id, _quantity in kits
            if component_id
        }
