from odoo import models
from odoo.tools import SQL

from .quantities import DIGITS

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

    def _kinds(self, *rules):
        """Return each kind of rule as a column, from the first that has one."""
        return SQL(", ").join(
            SQL(
                "coalesce(%s) AS %s",
                SQL(", ").join(SQL.identifier(rule, kind) for rule in rules),
                SQL.identifier(kind),
            )
            for kind in KINDS
        )

    def _rules_by(self, keys, source, condition):
        """Return the query of rules in force, one row per key, a column per kind."""
        return SQL(
            """
            SELECT %(keys)s, %(columns)s
              FROM %(source)s
             WHERE %(condition)s
               AND (rule.expires_at IS NULL OR rule.expires_at > %(now)s)
             GROUP BY %(keys)s
            """,
            keys=keys,
            source=source,
            condition=condition,
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

    def _channel_rule_query(self):
        return self._rules_by(
            SQL("rule.channel_id"),
            SQL("stock_channel_rule AS rule"),
            SQL("rule.listing_id IS NULL AND rule.channel_location_id IS NULL"),
        )

    def _place_rule_query(self):
        return self._rules_by(
            SQL("rule.channel_location_id"),
            SQL("stock_channel_rule AS rule"),
            SQL("rule.listing_id IS NULL AND rule.channel_location_id IS NOT NULL"),
        )

    def _listing_rule_query(self, scope):
        return self._rules_by(
            SQL("rule.listing_id"),
            SQL(
                "(%s) AS scope JOIN stock_channel_rule AS rule USING (listing_id)",
                scope,
            ),
            SQL("rule.channel_location_id IS NULL"),
        )

    def _both_rule_query(self, scope):
        return self._rules_by(
            SQL("rule.listing_id, rule.channel_location_id"),
            SQL(
                "(%s) AS scope JOIN stock_channel_rule AS rule USING (listing_id)",
                scope,
            ),
            SQL("rule.channel_location_id IS NOT NULL"),
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
                SELECT channel_id, horizon FROM place WHERE horizon > 0
                 UNION
                SELECT channel_id, horizon FROM listing WHERE horizon > 0
                 UNION
                SELECT listing.channel_id, both_rule.horizon
                  FROM both_rule
                  JOIN listing USING (listing_id)
                 WHERE both_rule.horizon > 0
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
                SELECT place.channel_id,
                       place.channel_location_id,
                       route.location_id,
                       route.target_id
                  FROM (SELECT DISTINCT location_id, target_id FROM coming) AS route
                  JOIN stock_location AS source
                    ON source.id = route.location_id
                   AND source.usage IN ('supplier', 'transit', 'production',
                                        'internal', 'view')
                  JOIN leaf
                    ON leaf.location_id = route.target_id
                   AND leaf.is_sellable
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

        Counted at the location the channel assigned. A physical channel that names
        none subtracts all the same, from the sum over its locations: there it is
        counted where the line is taken from, which keeps that sum right. How many of
        a line are open is ``stock.channel.order.line.own_open_qty``. Rounded as what
        is sent: with the noise of floats in it, no number sent would ever be the one
        wanted.
        """
        return SQL(
            """
            SELECT line.listing_id,
                   place.id AS channel_location_id,
                   round(sum(line.own_open_qty), %s) AS quantity
              FROM stock_channel_order_line AS line
              JOIN listing ON listing.listing_id = line.listing_id
              JOIN stock_channel AS channel ON channel.id = line.channel_id
              JOIN stock_channel_location AS place
                ON place.id = coalesce(
                       line.assigned_location_id,
                       CASE WHEN channel.quantity_meaning = 'physical'
                           THEN line.channel_location_id END)
             WHERE line.own_open_qty > 0
             GROUP BY line.listing_id, place.id
            """,
            DIGITS,
        )

    # ------------------------------------------------------------- the numbers

    def _part_query(self, needs, columns):
        """One row per wanted number and product that it takes from stock.

        What is not mapped, or not any more, is told nothing, unless the channel
        still shows what it was told before.

        :param SQL needs: more of the FROM clause: what a listing takes from stock.
        :param SQL columns: is_kit, limiting_product_id and per_unit.
        """
        return SQL(
            """
            SELECT part.*,
                   CASE WHEN unavailable IS NULL THEN total
                       ELSE total - unavailable END AS on_hand,
                   -- Of most products nothing but the stock has to be looked at.
                   CASE WHEN coalesce(unavailable, reserved, owed, in_flight,
                                      incoming) IS NULL THEN coalesce(total, 0)
                       ELSE coalesce(total, 0) - coalesce(unavailable, 0)
                           - coalesce(reserved, 0) - coalesce(owed, 0)
                           - coalesce(in_flight, 0) + coalesce(incoming, 0)
                       END AS free
              FROM (
                  SELECT listing.listing_id,
                         place.channel_location_id,
                         listing.channel_id,
                         listing.company_id,
                         listing.product_id AS listing_product_id,
                         listing.is_whole_units,
                         listing.factor,
                         place.is_physical,
                         NOT (listing.is_active AND place.is_mapped) AS is_withdrawn,
                         %(rules)s,
                         %(columns)s,
                         held.total,
                         held.unavailable,
                         held.reserved,
                         claim.owed,
                         claim.in_flight,
                         incoming.quantity AS incoming,
                         incoming.until AS incoming_until
                    FROM listing
                    JOIN place USING (channel_id)
                    %(needs)s
                    LEFT JOIN both_rule
                           ON both_rule.listing_id = listing.listing_id
                          AND both_rule.channel_location_id
                              = place.channel_location_id
                    LEFT JOIN held
                           ON held.channel_location_id = place.channel_location_id
                          AND held.product_id = need.product_id
                    LEFT JOIN claim
                           ON claim.channel_location_id = place.channel_location_id
                          AND claim.product_id = need.product_id
                    LEFT JOIN incoming
                           ON incoming.channel_location_id = place.channel_location_id
                          AND incoming.product_id = need.product_id
                          AND incoming.horizon = coalesce(
                              both_rule.horizon, listing.horizon, place.horizon)
                   WHERE (listing.is_active AND place.is_mapped)
                      OR EXISTS (
                          SELECT 1
                            FROM stock_channel_publication AS told
                           WHERE told.listing_id = listing.listing_id
                             AND told.channel_location_id = place.channel_location_id)
              ) AS part
            """,
            rules=self._kinds("both_rule", "listing", "place"),
            needs=needs,
            columns=columns,
        )

    def _plain_query(self):
        """What is no kit needs itself."""
        return self._part_query(
            SQL(
                """
                JOIN LATERAL (SELECT listing.product_id) AS need ON NOT EXISTS (
                    SELECT 1 FROM need AS kit WHERE kit.listing_id = listing.listing_id)
                """
            ),
            SQL(
                "FALSE AS is_kit, listing.product_id AS limiting_product_id, "
                "1::numeric AS per_unit"
            ),
        )

    def _kit_query(self):
        return self._part_query(
            SQL("JOIN need ON need.listing_id = listing.listing_id"),
            SQL(
                "TRUE AS is_kit, need.product_id AS limiting_product_id, need.per_unit"
            ),
        )

    def _final_query(self):
        """The numbers: whole kits of the scarcest component, then the rules.

        A part that is nothing is NULL: half a million rows are compared faster so.

        Share and buffers are taken of what is there, a shortage is kept as it is;
        then come the backorders that are allowed, the cap, whole units and the
        least worth showing. ``connectors.rules.apply_rules`` says the same.
        """
        return SQL(
            """
            WITH limiting AS (
                SELECT *, free * factor AS sellable FROM (%(plain)s) AS plain
                 UNION ALL
                -- A kit exists only whole, in the unit of its product.
                SELECT *, coalesce(floor(free / per_unit + 1e-9) * factor, 0)
                  FROM (SELECT DISTINCT ON (listing_id, channel_location_id) *
                          FROM (%(kit)s) AS kit
                         ORDER BY listing_id, channel_location_id,
                                  limiting_product_id IS NOT NULL, free / per_unit,
                                  limiting_product_id) AS scarcest
            ),
            offered AS (
                SELECT limiting.*,
                       CASE WHEN coalesce(share, buffer, buffer_percent, backorder,
                                          cap) IS NULL THEN sellable
                           ELSE least(cap, coalesce(backorder, 0)
                               + CASE WHEN sellable > 0 THEN greatest(0,
                                     sellable * coalesce(share, 100) / 100
                                     - coalesce(buffer, 0)
                                     - sellable * coalesce(buffer_percent, 0) / 100)
                                 ELSE sellable END) END AS offered
                  FROM limiting
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
                       own_open.quantity AS own_open
                  FROM published
                  LEFT JOIN own_open USING (listing_id, channel_location_id)
            )
            SELECT listing_id, channel_location_id, channel_id, company_id,
                   listing_product_id, limiting_product_id, is_kit, is_withdrawn,
                   per_unit, factor, on_hand, unavailable, reserved, owed, in_flight,
                   incoming, incoming_until, sellable, published, own_open,
                   CASE WHEN is_physical AND own_open IS NOT NULL
                       THEN published + own_open ELSE published END AS wire,
                   CASE WHEN coalesce(%(kinds)s) IS NOT NULL
                       THEN jsonb_strip_nulls(jsonb_build_object(%(rules)s)) END
                       AS rules
              FROM number
            """,
            plain=self._plain_query(),
            kit=self._kit_query(),
            kinds=SQL(", ").join(SQL.identifier(kind) for kind in KINDS),
            rules=SQL(", ").join(
                SQL("%s::text, %s", kind, SQL.identifier(kind)) for kind in KINDS
            ),
        )
