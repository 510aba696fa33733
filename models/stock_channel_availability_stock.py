from odoo import models
from odoo.tools import SQL


class StockChannelAvailabilityStock(models.AbstractModel):
    """The first queries behind a number: what is there, and what is asked for.

    Each method returns the query of one step. A step reads the steps before it by
    their plain names.
    """

    _inherit = "stock.channel.availability"

    # ------------------------------------------------------------------ scope

    def _listing_query(self, scope):
        """The listings, and how many selling units make one unit of the product."""
        return SQL(
            """
            SELECT listing.id AS listing_id,
                   listing.channel_id,
                   channel.company_id,
                   listing.product_id,
                   listing.is_whole_units,
                   listing.active AND product.active AS is_active,
                   product_uom.factor / listing_uom.factor AS factor,
                   %(rules)s
              FROM (%(scope)s) AS scope
              JOIN stock_channel_listing AS listing ON listing.id = scope.listing_id
              JOIN stock_channel AS channel ON channel.id = listing.channel_id
              JOIN product_product AS product ON product.id = listing.product_id
              JOIN product_template AS template ON template.id = product.product_tmpl_id
              JOIN uom_uom AS product_uom ON product_uom.id = template.uom_id
              JOIN uom_uom AS listing_uom ON listing_uom.id = listing.uom_id
              LEFT JOIN listing_rule ON listing_rule.listing_id = listing.id
            """,
            scope=scope,
            rules=self._kinds("listing_rule"),
        )

    def _place_query(self):
        """The channel locations with their rules, those of the channel among them.

        Without stock behind it a channel location is not mapped.
        """
        return SQL(
            """
            SELECT place.id AS channel_location_id,
                   channel.id AS channel_id,
                   channel.company_id,
                   company.partner_id,
                   channel.quantity_meaning = 'physical' AS is_physical,
                   coalesce(channel.minimum_shelf_life, 0) AS minimum_shelf_life,
                   place.active AND EXISTS (
                       SELECT 1
                         FROM stock_channel_location_stock_location_rel AS rel
                        WHERE rel.channel_location_id = place.id) AS is_mapped,
                   %(rules)s
              FROM stock_channel_location AS place
              JOIN stock_channel AS channel ON channel.id = place.channel_id
              JOIN res_company AS company ON company.id = channel.company_id
              LEFT JOIN (%(place_rule)s) AS place_rule
                     ON place_rule.channel_location_id = place.id
              LEFT JOIN (%(channel_rule)s) AS channel_rule
                     ON channel_rule.channel_id = channel.id
             WHERE channel.id IN (SELECT channel_id FROM listing)
            """,
            rules=self._kinds("place_rule", "channel_rule"),
            place_rule=self._place_rule_query(),
            channel_rule=self._channel_rule_query(),
        )

    def _root_query(self):
        """The mapped stock locations.

        Every channel's, since an order in flight at one is missing at all others
        that offer the same shelf.
        """
        return SQL(
            """
            SELECT rel.channel_location_id, location.parent_path
              FROM stock_channel_location_stock_location_rel AS rel
              JOIN stock_location AS location ON location.id = rel.location_id
            """
        )

    def _leaf_query(self):
        """The distinct internal locations at and below the mapped ones.

        Goods in transit are in no leaf, so they count at neither end.
        """
        return SQL(
            """
            SELECT DISTINCT place.channel_location_id,
                   place.channel_id,
                   place.partner_id,
                   location.id AS location_id,
                   location.effective_stock_condition = 'sellable' AS is_sellable
              FROM place
              JOIN root USING (channel_location_id)
              JOIN stock_location AS location
                ON location.parent_path LIKE root.parent_path || '%%'
             WHERE location.usage = 'internal'
               AND (location.company_id IS NULL
                    OR location.company_id = place.company_id)
            """
        )

    def _component_query(self):
        """What kits are made of: those listed, and those in flight."""
        return self.env["stock.channel.kit"]._component_query(
            SQL(
                """
                SELECT product_id, company_id FROM listing
                 UNION ALL
                SELECT line.product_id, line.company_id
                  FROM stock_channel_order_line AS line
                 WHERE line.in_flight_qty > 0
                   AND line.components IS NULL
                   AND line.product_id IS NOT NULL
                """
            )
        )

    def _need_query(self):
        """The products one product unit of a kit takes from stock.

        The product is NULL for a kit of which none can be offered. A listing without
        a row here is no kit.
        """
        return SQL(
            """
            SELECT listing.listing_id,
                   component.component_id AS product_id,
                   component.quantity AS per_unit
              FROM listing
              JOIN component
                ON component.product_id = listing.product_id
               AND component.company_id = listing.company_id
            """
        )

    def _needed_product_query(self):
        """Every product whose stock is asked for, once."""
        return SQL(
            """
            SELECT product_id FROM listing
             UNION
            SELECT product_id FROM need WHERE product_id IS NOT NULL
            """
        )

    # ------------------------------------------------------------- what is held

    def _bad_lot_query(self):
        """Lots a channel may not sell: blocked, expired, or too soon to expire."""
        return SQL(
            """
            SELECT channel.channel_id, lot.id AS lot_id
              FROM (SELECT DISTINCT channel_id, minimum_shelf_life FROM place)
                   AS channel
             CROSS JOIN needed_product
              JOIN stock_lot AS lot ON lot.product_id = needed_product.product_id
              JOIN product_product AS product ON product.id = lot.product_id
              JOIN product_template AS template ON template.id = product.product_tmpl_id
             WHERE lot.stock_condition <> 'sellable'
                OR (template.use_expiration_date
                    AND (lot.removal_date <= %(now)s
                         OR coalesce(lot.expiration_date, lot.removal_date)
                            <= %(now)s + channel.minimum_shelf_life
                                         * interval '1 day'))
            """,
            now=self.env.cr.now(),
        )

    def _held_query(self, is_most_of_all):
        """On hand, unavailable and reserved, per channel location and product.

        Reserved is counted over exactly the quants counted as on hand, so that
        goods on a damaged shelf are neither offered nor subtracted.

        :param bool is_most_of_all: read all stock, needed or not.
        """
        return SQL(
            """
            SELECT leaf.channel_location_id,
                   quant.product_id,
                   sum(quant.quantity) AS total,
                   sum(quant.quantity) FILTER (WHERE NOT (%(usable)s)) AS unavailable,
                   sum(quant.reserved_quantity) FILTER (
                       WHERE quant.reserved_quantity <> 0 AND %(usable)s) AS reserved
              FROM %(quants)s
              JOIN leaf ON leaf.location_id = quant.location_id
              LEFT JOIN bad_lot
                     ON bad_lot.channel_id = leaf.channel_id
                    AND bad_lot.lot_id = quant.lot_id
             GROUP BY leaf.channel_location_id, quant.product_id
            """,
            quants=SQL("stock_quant AS quant")
            if is_most_of_all
            else SQL("needed_product JOIN stock_quant AS quant USING (product_id)"),
            usable=SQL(
                """
                leaf.is_sellable
                AND (quant.owner_id IS NULL OR quant.owner_id = leaf.partner_id)
                AND bad_lot.lot_id IS NULL
                """
            ),
        )

    # ------------------------------------------------------- what is asked for

    def _demand_query(self):
        """Confirmed demand that nothing is reserved for yet, and where it goes.

        A move with an open origin gets its goods from that move, not from stock.
        Once the origin is done they lie here for it, made to order or not.
        """
        return SQL(
            """
            SELECT move.product_id,
                   move.location_id,
                   coalesce(move.location_final_id, move.location_dest_id)
                       AS target_id,
                   sum(move.product_qty - coalesce(line.reserved, 0)) AS quantity
              FROM needed_product
              JOIN stock_move AS move ON move.product_id = needed_product.product_id
              LEFT JOIN LATERAL (
                  SELECT sum(reserved.quantity_product_uom) AS reserved
                    FROM stock_move_line AS reserved
                   WHERE reserved.move_id = move.id
              ) AS line ON TRUE
             WHERE move.state IN ('confirmed', 'partially_available')
               AND move.product_qty > coalesce(line.reserved, 0)
               AND %s
             GROUP BY 1, 2, 3
            """,
            self._no_open_origin(),
        )

    def _no_open_origin(self):
        return SQL(
            """
            NOT EXISTS (
                SELECT 1
                  FROM stock_move_move_rel AS chain
                  JOIN stock_move AS origin ON origin.id = chain.move_orig_id
                 WHERE chain.move_dest_id = move.id
                   AND origin.state NOT IN ('done', 'cancel'))
            """
        )

    def _owed_query(self):
        """Demand that leaves a channel location, per location and product.

        Unreserved moves start at the parent location (WH/Stock) although the goods
        lie on a shelf below; such a move counts in full at every channel location
        below its source: rather too little is offered than sold twice.
        """
        return SQL(
            """
            SELECT way.channel_location_id,
                   demand.product_id,
                   sum(demand.quantity) AS quantity
              FROM demand
              JOIN (
                  SELECT DISTINCT place.channel_location_id,
                         route.location_id,
                         route.target_id
                    FROM (SELECT DISTINCT location_id, target_id FROM demand) AS route
                    JOIN stock_location AS source ON source.id = route.location_id
                    JOIN stock_location AS target ON target.id = route.target_id
                    JOIN root
                      ON source.parent_path LIKE root.parent_path || '%%'
                      OR root.parent_path LIKE source.parent_path || '%%'
                    JOIN place USING (channel_location_id)
                   WHERE %s
              ) AS way USING (location_id, target_id)
             GROUP BY way.channel_location_id, demand.product_id
            """,
            SQL(
                "NOT %s",
                self._is_inside(SQL("target"), SQL("root.channel_location_id")),
            ),
        )

    def _is_inside(self, location, channel_location_id):
        """Whether a stock location lies in the stock of a channel location."""
        return SQL(
            """
            EXISTS (
                SELECT 1
                  FROM root AS inside
                 WHERE inside.channel_location_id = %(place)s
                   AND %(location)s.parent_path LIKE inside.parent_path || '%%')
            """,
            place=channel_location_id,
            location=location,
        )

    def _claim_query(self):
        """What is owed and in flight, per channel location and product."""
        return SQL(
            """
            SELECT channel_location_id,
                   product_id,
                   sum(owed) AS owed,
                   sum(in_flight) AS in_flight
              FROM (SELECT channel_location_id, product_id, quantity AS owed,
                           NULL AS in_flight
                      FROM (%(owed)s) AS owed
                     UNION ALL
                    SELECT channel_location_id, product_id, NULL, quantity
                      FROM (%(in_flight)s) AS in_flight) AS claim
             GROUP BY channel_location_id, product_id
            """,
            owed=self._owed_query(),
            in_flight=self._in_flight_query(),
        )

    def _in_flight_query(self):
        """Demand the channels have accepted and the ERP has not taken over yet.

        Another channel that offers the same shelves must not sell it either, so it
        counts at every channel location whose stock overlaps with the one the order
        is taken from. What a line is made of was kept when the order was taken over;
        before that it is what the product is made of now.
        """
        return SQL(
            """
            WITH flight AS (%s)
            SELECT offered.channel_location_id,
                   offered.product_id,
                   sum(offered.quantity) AS quantity
              FROM (
                  SELECT DISTINCT here.channel_location_id,
                         flight.channel_location_id AS taken_from,
                         flight.product_id,
                         flight.quantity
                    FROM (SELECT channel_location_id, product_id,
                                 sum(quantity) AS quantity
                            FROM flight
                           WHERE product_id IN (SELECT product_id FROM needed_product)
                           GROUP BY 1, 2) AS flight
                    JOIN root AS there
                      ON there.channel_location_id = flight.channel_location_id
                    JOIN root AS here
                      ON here.parent_path LIKE there.parent_path || '%%'
                      OR there.parent_path LIKE here.parent_path || '%%'
              ) AS offered
             GROUP BY offered.channel_location_id, offered.product_id
            """,
            self._flight_query(),
        )

    def _flight_query(self):
        """What is in flight, by the channel location it is to be taken from.

        Rows of one product at one place are not added up.
        """
        return SQL(
            """
            SELECT line.channel_location_id,
                   frozen.product_id::int AS product_id,
                   frozen.quantity::numeric * line.in_flight_qty AS quantity
              FROM stock_channel_order_line AS line
             CROSS JOIN LATERAL jsonb_each_text(line.components)
                   AS frozen (product_id, quantity)
             WHERE line.in_flight_qty > 0
               AND jsonb_typeof(line.components) = 'object'
             UNION ALL
            SELECT line.channel_location_id,
                   CASE WHEN component.product_id IS NULL THEN line.product_id
                       ELSE component.component_id END,
                   coalesce(component.quantity, 1) * line.in_flight_qty
                       * line_uom.factor / uom.factor
              FROM stock_channel_order_line AS line
              JOIN product_product AS product ON product.id = line.product_id
              JOIN product_template AS template
                ON template.id = product.product_tmpl_id
              JOIN uom_uom AS uom ON uom.id = template.uom_id
              JOIN uom_uom AS line_uom ON line_uom.id = line.uom_id
              LEFT JOIN component
                     ON component.product_id = line.product_id
                    AND component.company_id = line.company_id
             WHERE line.in_flight_qty > 0
               AND line.components IS NULL
            """
        )
