from odoo import models
from odoo.tools import SQL

# Rules in force, by the name of their column; see stock.channel.rule.
KINDS = (
    "horizon",
    "share",
    "buffer",
    "buffer_percent",
    "backorder",
    "cap",
    "minimum",
)


class StockChannelAvailabilityNumber(models.AbstractModel):
    """The last queries behind a number: rules, receipts, and what is told."""

    _inherit = "stock.channel.availability"

    # ------------------------------------------------------------------ rules

    def _rule_query(self):
        """The rules in force, one row per channel, location, listing or both."""
        return SQL(
            """
            SELECT rule.channel_id,
                   rule.channel_location_id,
                   rule.listing_id,
                   %(columns)s
              FROM stock_channel_rule AS rule
             WHERE rule.channel_id IN (SELECT channel_id FROM place)
               AND (rule.listing_id IS NULL
                    OR rule.listing_id IN (SELECT listing_id FROM listing))
               AND (rule.expires_at IS NULL OR rule.expires_at > %(now)s)
             GROUP BY rule.channel_id, rule.channel_location_id, rule.listing_id
            """,
            columns=SQL(", ").join(
                SQL(
                    "max(rule.value) FILTER (WHERE rule.kind = %s) AS %s",
                    kind,
                    SQL.identifier(kind),
                )
                for kind in KINDS
            ),
            now=self.env.cr.now(),
        )

    def _incoming_query(self):
        """Receipts expected within each horizon in use, and when the last is due.

        From suppliers, production and other places of ours; what customers send
        back is no promise. A chain of moves counts once, by its first open one,
        which knows where the goods finally go.
        """
        return SQL(
            """
            WITH horizon AS (
                SELECT DISTINCT channel_id, horizon FROM rule WHERE horizon > 0
            ),
            coming AS (
                SELECT move.product_id,
                       move.location_id,
                       coalesce(move.location_final_id, move.location_dest_id)
                           AS target_id,
                       move.date,
                       move.product_qty AS quantity
                  FROM needed_product
                  JOIN stock_move AS move
                    ON move.product_id = needed_product.product_id
                 WHERE EXISTS (SELECT 1 FROM horizon)
                   AND move.state IN ('waiting', 'confirmed', 'partially_available',
                                      'assigned')
                   AND move.date <= %(now)s
                       + (SELECT max(horizon) FROM horizon) * interval '1 day'
                   AND %(no_open_origin)s
            ),
            way AS (
                SELECT DISTINCT place.channel_id,
                       place.channel_location_id,
                       route.location_id,
                       route.target_id
                  FROM (SELECT DISTINCT location_id, target_id FROM coming) AS route
                  JOIN stock_location AS source
                    ON source.id = route.location_id
                   AND source.usage IN ('supplier', 'transit', 'production',
                                        'internal', 'view')
                  JOIN stock_location AS target
                    ON target.id = route.target_id
                   AND target.usage IN ('internal', 'view')
                   AND target.effective_stock_condition = 'sellable'
                  JOIN root ON target.parent_path LIKE root.parent_path || '%%'
                  JOIN place USING (channel_location_id)
                 WHERE NOT %(from_inside)s
            )
            SELECT way.channel_location_id,
                   coming.product_id,
                   horizon.horizon,
                   sum(coming.quantity) AS quantity,
                   max(coming.date) AS until
              FROM coming
              JOIN way USING (location_id, target_id)
              JOIN horizon
                ON horizon.channel_id = way.channel_id
               AND coming.date <= %(now)s + horizon.horizon * interval '1 day'
             GROUP BY way.channel_location_id, coming.product_id, horizon.horizon
            """,
            now=self.env.cr.now(),
            no_open_origin=self._no_open_origin(),
            from_inside=self._is_inside(
                SQL("source"), SQL("place.channel_location_id")
            ),
        )

    def _own_open_query(self):
        """What a physical channel subtracts itself: its own open orders.

        Counted at the location the channel assigned; how many of a line are open
        is ``stock.channel.order.line.own_open_qty``.
        """
        return SQL(
            """
            SELECT line.listing_id,
                   line.assigned_location_id AS channel_location_id,
                   sum(line.own_open_qty) AS quantity
              FROM stock_channel_order_line AS line
              JOIN listing ON listing.listing_id = line.listing_id
             WHERE line.own_open_qty > 0
               AND line.assigned_location_id IS NOT NULL
             GROUP BY line.listing_id, line.assigned_location_id
            """
        )

    # ------------------------------------------------------------- the numbers

    def _pair_query(self):
        """One row per wanted number, with the rules in force there.

        What is not mapped, or not any more, is told nothing, unless the channel
        still shows what it was told before.
        """
        return SQL(
            """
            SELECT listing.listing_id,
                   place.channel_location_id,
                   listing.channel_id,
                   listing.company_id,
                   listing.product_id AS listing_product_id,
                   listing.is_whole_units,
                   listing.factor,
                   place.is_physical,
                   NOT (listing.is_active AND place.is_mapped) AS is_withdrawn,
                   %(columns)s
              FROM listing
              JOIN place USING (channel_id)
              LEFT JOIN rule AS both_rule
                     ON both_rule.listing_id = listing.listing_id
                    AND both_rule.channel_location_id = place.channel_location_id
              LEFT JOIN rule AS listing_rule
                     ON listing_rule.listing_id = listing.listing_id
                    AND listing_rule.channel_location_id IS NULL
              LEFT JOIN rule AS place_rule
                     ON place_rule.channel_location_id = place.channel_location_id
                    AND place_rule.listing_id IS NULL
              LEFT JOIN rule AS channel_rule
                     ON channel_rule.channel_id = listing.channel_id
                    AND channel_rule.listing_id IS NULL
                    AND channel_rule.channel_location_id IS NULL
             WHERE (listing.is_active AND place.is_mapped)
                OR EXISTS (
                    SELECT 1
                      FROM stock_channel_publication AS told
                     WHERE told.listing_id = listing.listing_id
                       AND told.channel_location_id = place.channel_location_id)
            """,
            columns=SQL(", ").join(
                SQL(
                    "coalesce(both_rule.%(kind)s, listing_rule.%(kind)s, "
                    "place_rule.%(kind)s, channel_rule.%(kind)s) AS %(kind)s",
                    kind=SQL.identifier(kind),
                )
                for kind in KINDS
            ),
        )

    def _part_query(self):
        """The parts of each number, one row per component."""
        return SQL(
            """
            SELECT pair.*,
                   need.is_kit,
                   need.product_id AS limiting_product_id,
                   need.per_unit,
                   coalesce(held.on_hand, 0) AS on_hand,
                   coalesce(held.unavailable, 0) AS unavailable,
                   coalesce(held.reserved, 0) AS reserved,
                   coalesce(owed.quantity, 0) AS owed,
                   coalesce(in_flight.quantity, 0) AS in_flight,
                   coalesce(incoming.quantity, 0) AS incoming,
                   incoming.until AS incoming_until,
                   coalesce(held.on_hand, 0) - coalesce(held.reserved, 0)
                       - coalesce(owed.quantity, 0) - coalesce(in_flight.quantity, 0)
                       + coalesce(incoming.quantity, 0) AS free
              FROM (%s) AS pair
              JOIN need ON need.listing_id = pair.listing_id
              LEFT JOIN held
                     ON held.channel_location_id = pair.channel_location_id
                    AND held.product_id = need.product_id
              LEFT JOIN owed
                     ON owed.channel_location_id = pair.channel_location_id
                    AND owed.product_id = need.product_id
              LEFT JOIN in_flight
                     ON in_flight.channel_location_id = pair.channel_location_id
                    AND in_flight.product_id = need.product_id
              LEFT JOIN incoming
                     ON incoming.channel_location_id = pair.channel_location_id
                    AND incoming.product_id = need.product_id
                    AND incoming.horizon = pair.horizon
            """,
            self._pair_query(),
        )

    def _final_query(self):
        """The numbers: whole kits of the scarcest component, then the rules.

        Share and buffers are taken of what is there, a shortage is kept as it is;
        then come the backorders that are allowed, the cap, whole units and the
        least worth showing. ``connectors.rules.apply_rules`` says the same.
        """
        return SQL(
            """
            WITH part AS NOT MATERIALIZED (%(part)s),
            limiting AS (
                SELECT * FROM part WHERE NOT is_kit
                 UNION ALL
                (SELECT DISTINCT ON (listing_id, channel_location_id) *
                   FROM part
                  WHERE is_kit
                  ORDER BY listing_id, channel_location_id, free / per_unit,
                           limiting_product_id)
            ),
            sellable AS (
                -- A kit exists only whole, in the unit of its product.
                SELECT limiting.*,
                       CASE WHEN NOT is_kit THEN free
                           WHEN limiting_product_id IS NULL THEN 0
                           ELSE floor(free / per_unit + 1e-9) END * factor AS sellable
                  FROM limiting
            ),
            offered AS (
                SELECT sellable.*,
                       least(cap, coalesce(backorder, 0)
                           + CASE WHEN sellable > 0 THEN greatest(0,
                                 sellable * coalesce(share, 100) / 100
                                 - coalesce(buffer, 0)
                                 - sellable * coalesce(buffer_percent, 0) / 100)
                             ELSE sellable END) AS offered
                  FROM sellable
            ),
            published AS (
                SELECT offered.*,
                       greatest(0, CASE
                           WHEN is_withdrawn OR limiting_product_id IS NULL THEN 0
                           WHEN is_whole_units THEN floor(offered + 1e-9)
                           -- Three decimals are a gram of a kilogram; rounding down
                           -- never offers what is not there.
                           ELSE floor(offered * 1000 + 1e-6) / 1000 END) AS rounded
                  FROM offered
            ),
            number AS (
                SELECT published.*,
                       CASE WHEN rounded < minimum THEN 0 ELSE rounded END AS published,
                       coalesce(own_open.quantity, 0) AS own_open
                  FROM published
                  LEFT JOIN own_open USING (listing_id, channel_location_id)
            )
            SELECT listing_id, channel_location_id, channel_id, company_id,
                   listing_product_id, limiting_product_id, is_kit, is_withdrawn,
                   per_unit, factor, on_hand, unavailable, reserved, owed, in_flight,
                   incoming, incoming_until, sellable, published, own_open,
                   published + CASE WHEN is_physical THEN own_open ELSE 0 END AS wire,
                   CASE WHEN coalesce(%(kinds)s) IS NOT NULL
                       THEN jsonb_strip_nulls(jsonb_build_object(%(rules)s)) END
                       AS rules
              FROM number
            """,
            part=self._part_query(),
            kinds=SQL(", ").join(SQL.identifier(kind) for kind in KINDS),
            rules=SQL(", ").join(
                SQL("%s::text, %s", kind, SQL.identifier(kind)) for kind in KINDS
            ),
        )
