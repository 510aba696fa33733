from odoo import api, models
from odoo.exceptions import UserError
from odoo.tools import SQL


class StockChannelAvailability(models.AbstractModel):
    """The one place that knows how a number comes about.

    One set-based statement returns a row per listing and channel location with
    every part of the number. Quantities of the parts are in the unit of the
    product (of the limiting component, for a kit); ``sellable``, ``published``,
    ``own_open`` and ``wire`` are in the listing's selling unit.
    """

    _name = "stock.channel.availability"
    _description = "Stock Channel Availability"

    @api.model
    def _compute_numbers(self, listings):
        """Return the rows of these listings as dictionaries."""
        if not listings:
            return []
        self.env.flush_all()
        self.env.cr.execute(
            SQL(
                "%s ORDER BY listing_id, channel_location_id",
                self._number_query(listings),
            )
        )
        return self.env.cr.dictfetchall()

    @api.model
    def _touched_listings(self, product_ids, listing_ids):
        """Return the listings whose number depends on these products.

        A kit depends on its components, at any depth. Archived listings count too:
        what a channel was told about them has to be taken back.
        """
        listings = self.env["stock.channel.listing"].sudo()
        listings = listings.with_context(active_test=False)
        product_ids = {product_id for product_id in product_ids if product_id}
        touched = listings.browse(
            {listing_id for listing_id in listing_ids if listing_id}
        ).exists()
        if product_ids:
            products = self.env["product.product"].sudo().browse(product_ids).exists()
            products |= self._kits_above(products)
            touched |= listings.search([("product_id", "in", products.ids)])
        return touched

    @api.model
    def _kits_above(self, products):
        """Return the products that may be kits of these, at any depth.

        Walks the recipes upwards, one step for all products at once: what it costs
        depends on what changed, not on how many kits there are.
        """
        found = self.env["product.product"].sudo()
        below = products.sudo()
        while below:
            boms = (
                self.env["mrp.bom.line"]
                .sudo()
                .search(
                    [("product_id", "in", below.ids), ("bom_id.type", "=", "phantom")]
                )
                .bom_id
            )
            above = (
                boms.product_id
                | boms.filtered(lambda bom: not bom.product_id)
                .product_tmpl_id.with_context(active_test=False)
                .product_variant_ids
            )
            below = above - found
            found |= above
        return found

    @api.model
    def _kit_components(self, listings):
        """Explode kits the way Odoo itself would.

        :return: list of (listing id, component product id, quantity of it, in its
            own unit, for one product unit of the listing). A kit without a storable
            component, or with a recipe that cannot be worked out, has the component
            None: none of it can be offered.
        """
        rows = []
        for company, in_company in listings.grouped("company_id").items():
            products = in_company.product_id
            boms = (
                self.env["mrp.bom"]
                .sudo()
                .with_company(company)
                ._bom_find(products, company_id=company.id, bom_type="phantom")
            )
            for listing in in_company:
                bom = boms.get(listing.product_id)
                if bom:
                    rows += self._explode(listing, bom) or [(listing.id, None, 1.0)]
        return rows

    def _explode(self, listing, bom):
        """Return the storable components of one unit of the listing's product."""
        product = listing.product_id
        # explode() counts in batches of the BoM, whatever its own unit is.
        batches = product.uom_id._compute_quantity(1.0, bom.product_uom_id, round=False)
        exceptions = self.env["stock.channel.exception"]
        fingerprint = f"kit:{listing.id}"
        try:
            _boms, lines = bom.explode(product, batches / bom.product_qty)
        except UserError as error:
            exceptions._open_for_kit(listing, fingerprint, str(error))
            return []
        exceptions._resolve_fingerprint(listing.channel_id, fingerprint)
        totals = {}
        for bom_line, data in lines:
            component = bom_line.product_id
            if not component.is_storable:
                continue
            quantity = bom_line.product_uom_id._compute_quantity(
                data["qty"], component.uom_id, round=False
            )
            totals[component.id] = totals.get(component.id, 0.0) + quantity
        return [
            (listing.id, component_id, quantity)
            for component_id, quantity in totals.items()
            if quantity > 0
        ]

    @api.model
    def _number_query(self, listings):
        """Return the statement behind every number, for these listings.

        Written in the order of the words in the user guide: what is held, what is
        reserved, what is owed, what is in flight, then the channel's own rules.
        """
        kits = self._kit_components(listings)
        return SQL(
            """
            WITH %(scope)s, %(held)s, %(owed)s, %(in_flight)s, %(own_open)s,
            component_number AS (
                SELECT pair.listing_id,
                       pair.channel_location_id,
                       need.product_id,
                       need.quantity AS per_unit,
                       coalesce(held.on_hand, 0) AS on_hand,
                       coalesce(held.unavailable, 0) AS unavailable,
                       coalesce(held.reserved, 0) AS reserved,
                       coalesce(owed.quantity, 0) AS owed,
                       coalesce(in_flight.quantity, 0) AS in_flight,
                       coalesce(held.on_hand, 0) - coalesce(held.reserved, 0)
                           - coalesce(owed.quantity, 0)
                           - coalesce(in_flight.quantity, 0) AS free
                  FROM pair
                  JOIN need USING (listing_id)
                  LEFT JOIN held
                         ON held.channel_location_id = pair.channel_location_id
                        AND held.product_id = need.product_id
                  LEFT JOIN owed
                         ON owed.channel_location_id = pair.channel_location_id
                        AND owed.product_id = need.product_id
                  LEFT JOIN in_flight
                         ON in_flight.channel_location_id = pair.channel_location_id
                        AND in_flight.product_id = need.product_id
            ),
            limiting AS (
                SELECT DISTINCT ON (listing_id, channel_location_id) *
                  FROM component_number
                 ORDER BY listing_id, channel_location_id, free / per_unit, product_id
            ),
            sellable AS (
                SELECT pair.listing_id,
                       pair.channel_location_id,
                       pair.channel_id,
                       pair.company_id,
                       pair.product_id AS listing_product_id,
                       pair.is_physical,
                       pair.is_whole_units,
                       pair.is_kit,
                       pair.is_withdrawn,
                       limiting.product_id,
                       coalesce(limiting.per_unit, 1) AS per_unit,
                       coalesce(limiting.on_hand, 0) AS on_hand,
                       coalesce(limiting.unavailable, 0) AS unavailable,
                       coalesce(limiting.reserved, 0) AS reserved,
                       coalesce(limiting.owed, 0) AS owed,
                       coalesce(limiting.in_flight, 0) AS in_flight,
                       -- A kit exists only whole, in the unit of its product.
                       coalesce(CASE WHEN pair.is_kit
                             THEN floor(limiting.free / limiting.per_unit + 1e-9)
                             ELSE limiting.free
                         END, 0) * pair.factor AS sellable
                  FROM pair
                  LEFT JOIN limiting USING (listing_id, channel_location_id)
            ),
            published AS (
                SELECT sellable.*,
                       greatest(0, CASE WHEN is_withdrawn THEN 0
                           WHEN is_whole_units
                           THEN floor(sellable + 1e-9)
                           -- Three decimals are a gram of a kilogram; rounding
                           -- down never offers what is not there.
                           ELSE floor(sellable * 1000 + 1e-6) / 1000
                       END) AS published
                  FROM sellable
            )
            SELECT published.listing_id,
                   published.channel_location_id,
                   published.channel_id,
                   published.company_id,
                   published.listing_product_id,
                   published.product_id AS limiting_product_id,
                   published.is_kit,
                   published.per_unit,
                   published.on_hand,
                   published.unavailable,
                   published.reserved,
                   published.owed,
                   published.in_flight,
                   published.sellable,
                   published.published,
                   coalesce(own_open.quantity, 0) AS own_open,
                   published.published + CASE WHEN published.is_physical
                       THEN coalesce(own_open.quantity, 0) ELSE 0 END AS wire
              FROM published
              LEFT JOIN own_open USING (listing_id, channel_location_id)
            """,
            scope=self._scope_query(listings, kits),
            held=self._held_query(),
            owed=self._owed_query(),
            in_flight=self._in_flight_query(),
            own_open=self._own_open_query(),
        )

    def _scope_query(self, listings, kits):
        """Which listings at which channel locations, and what each is made of.

        ``pair``: one row per wanted number. ``need``: the products one unit of a
        listing takes from stock. ``root`` and ``leaf``: the mapped stock locations
        and the distinct internal locations at and below them; goods in transit
        are in no leaf, so they count at neither end.
        """
        return SQL(
            """
            pair AS (
                SELECT listing.id AS listing_id,
                       place.id AS channel_location_id,
                       channel.id AS channel_id,
                       channel.company_id,
                       listing.product_id,
                       listing.is_whole_units,
                       channel.quantity_meaning = 'physical' AS is_physical,
                       listing.id = ANY(%(kit_listings)s) AS is_kit,
                       NOT (listing.active AND place.active AND product.active)
                           AS is_withdrawn,
                       product_uom.factor::numeric / listing_uom.factor::numeric
                           AS factor
                  FROM stock_channel_listing AS listing
                  JOIN stock_channel AS channel ON channel.id = listing.channel_id
                  JOIN stock_channel_location AS place
                    ON place.channel_id = channel.id
                  JOIN product_product AS product ON product.id = listing.product_id
                  JOIN product_template AS template
                    ON template.id = product.product_tmpl_id
                  JOIN uom_uom AS product_uom ON product_uom.id = template.uom_id
                  JOIN uom_uom AS listing_uom ON listing_uom.id = listing.uom_id
                 WHERE listing.id = ANY(%(listings)s)
                   -- What is not mapped, or not any more, is told nothing, unless
                   -- the channel still shows what it was told before.
                   AND ((listing.active AND place.active AND EXISTS (
                           SELECT 1
                             FROM stock_channel_location_stock_location_rel AS rel
                            WHERE rel.channel_location_id = place.id))
                        OR EXISTS (
                           SELECT 1
                             FROM stock_channel_publication AS told
                            WHERE told.listing_id = listing.id
                              AND told.channel_location_id = place.id))
            ),
            kit AS (
                SELECT listing_id, product_id, quantity
                  FROM unnest(%(kit_listings)s::int[], %(kit_products)s::int[],
                              %(kit_quantities)s::numeric[])
                       AS exploded (listing_id, product_id, quantity)
            ),
            need AS (
                SELECT DISTINCT listing_id, product_id, 1::numeric AS quantity
                  FROM pair
                 WHERE NOT is_kit
                 UNION ALL
                SELECT listing_id, product_id, quantity
                  FROM kit
                 WHERE product_id IS NOT NULL
            ),
            needed_product AS (SELECT DISTINCT product_id FROM need),
            root AS (
                SELECT rel.channel_location_id, location.parent_path
                  FROM stock_channel_location_stock_location_rel AS rel
                  JOIN stock_location AS location ON location.id = rel.location_id
            ),
            leaf AS (
                SELECT DISTINCT root.channel_location_id,
                       location.id AS location_id,
                       location.effective_stock_condition = 'sellable' AS is_sellable
                  FROM root
                  JOIN stock_location AS location
                    ON location.parent_path LIKE root.parent_path || '%%'
                 WHERE location.usage = 'internal'
                   AND root.channel_location_id IN (
                       SELECT channel_location_id FROM pair)
            )
            """,
            listings=listings.ids,
            kit_listings=[row[0] for row in kits],
            kit_products=[row[1] for row in kits],
            kit_quantities=[row[2] for row in kits],
        )

    def _held_query(self):
        """On hand, unavailable and reserved, per channel location and product.

        Reserved is counted over exactly the quants counted as on hand, so that
        goods on a damaged shelf are neither offered nor subtracted.
        """
        return SQL(
            """
            held AS (
                SELECT leaf.channel_location_id,
                       quant.product_id,
                       sum(quant.quantity) FILTER (WHERE usable.yes) AS on_hand,
                       sum(quant.quantity) FILTER (WHERE NOT usable.yes)
                           AS unavailable,
                       sum(quant.reserved_quantity) FILTER (WHERE usable.yes)
                           AS reserved
                  FROM leaf
                  JOIN stock_quant AS quant ON quant.location_id = leaf.location_id
                  JOIN needed_product ON needed_product.product_id = quant.product_id
                  JOIN product_product AS product ON product.id = quant.product_id
                  JOIN product_template AS template
                    ON template.id = product.product_tmpl_id
                  LEFT JOIN stock_lot AS lot ON lot.id = quant.lot_id
                  LEFT JOIN res_company AS company ON company.id = quant.company_id
                 CROSS JOIN LATERAL (
                     SELECT leaf.is_sellable
                        AND (quant.owner_id IS NULL
                             OR quant.owner_id = company.partner_id)
                        AND NOT (coalesce(template.use_expiration_date, FALSE)
                             AND coalesce(lot.removal_date, lot.expiration_date,
                                          'infinity')
                                 <= now() AT TIME ZONE 'UTC') AS yes
                 ) AS usable
                 GROUP BY leaf.channel_location_id, quant.product_id
            )
            """
        )

    def _owed_query(self):
        """Demand that is confirmed but not reserved, per location and product.

        Unreserved moves start at the parent location (WH/Stock) although the goods
        lie on a shelf below; such a move counts in full at every channel location
        below its source: rather too little is offered than sold twice.

        A move with an open origin gets its goods from that move, not from stock. Once
        the origin is done they lie here for it, whether it is made to order or not.
        """
        return SQL(
            """
            owed AS (
                SELECT demand.channel_location_id,
                       demand.product_id,
                       sum(demand.quantity) AS quantity
                  FROM (
                      SELECT DISTINCT root.channel_location_id,
                             move.id,
                             move.product_id,
                             greatest(0, move.product_qty::numeric
                                 - coalesce(line.reserved, 0)) AS quantity
                        FROM stock_move AS move
                        JOIN needed_product
                          ON needed_product.product_id = move.product_id
                        JOIN stock_location AS source ON source.id = move.location_id
                        JOIN stock_location AS target
                          ON target.id = coalesce(move.location_final_id,
                                                  move.location_dest_id)
                        JOIN root
                          ON source.parent_path LIKE root.parent_path || '%%'
                          OR root.parent_path LIKE source.parent_path || '%%'
                       CROSS JOIN LATERAL (
                           SELECT sum(reserved.quantity_product_uom) AS reserved
                             FROM stock_move_line AS reserved
                            WHERE reserved.move_id = move.id
                       ) AS line
                       WHERE move.state IN ('confirmed', 'partially_available')
                         AND NOT EXISTS (
                             SELECT 1
                               FROM stock_move_move_rel AS chain
                               JOIN stock_move AS origin
                                 ON origin.id = chain.move_orig_id
                              WHERE chain.move_dest_id = move.id
                                AND origin.state NOT IN ('done', 'cancel'))
                         AND NOT EXISTS (
                             SELECT 1
                               FROM root AS inside
                              WHERE inside.channel_location_id
                                        = root.channel_location_id
                                AND target.parent_path
                                        LIKE inside.parent_path || '%%')
                  ) AS demand
                 GROUP BY demand.channel_location_id, demand.product_id
            )
            """
        )

    def _in_flight_query(self):
        """Demand the channels have accepted and the ERP has not taken over yet.

        Another channel that offers the same shelves must not sell it either, so it
        counts at every channel location whose stock overlaps with the one the
        order is taken from.
        """
        lines = self.env["stock.channel.order.line"]._in_flight_rows()
        return SQL(
            """
            flight AS (
                SELECT channel_location_id, product_id, quantity
                  FROM unnest(%(locations)s::int[], %(products)s::int[],
                              %(quantities)s::numeric[])
                       AS open (channel_location_id, product_id, quantity)
            ),
            in_flight AS (
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
                                FROM flight GROUP BY 1, 2) AS flight
                        JOIN root AS there
                          ON there.channel_location_id = flight.channel_location_id
                        JOIN root AS here
                          ON here.parent_path LIKE there.parent_path || '%%'
                          OR there.parent_path LIKE here.parent_path || '%%'
                  ) AS offered
                 GROUP BY offered.channel_location_id, offered.product_id
            )
            """,
            locations=[row[0] for row in lines],
            products=[row[1] for row in lines],
            quantities=[row[2] for row in lines],
        )

    def _own_open_query(self):
        """What a physical channel subtracts itself: its own open orders.

        Counted at the location the channel assigned; how many of a line are open
        is ``stock.channel.order.line.own_open_qty``.
        """
        return SQL(
            """
            own_open AS (
                SELECT line.listing_id,
                       line.assigned_location_id AS channel_location_id,
                       sum(line.own_open_qty) AS quantity
                  FROM stock_channel_order_line AS line
                  JOIN pair
                    ON pair.listing_id = line.listing_id
                   AND pair.channel_location_id = line.assigned_location_id
                 WHERE line.own_open_qty > 0
                 GROUP BY line.listing_id, line.assigned_location_id
            )
            """
        )
