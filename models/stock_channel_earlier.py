"""The map as it was before a change, for as long as that change may be held.

What is sold from a shelf that somebody has just unmapped, or declared damaged by
mistake, is in no number any more. To know how low a held number has to go, the hub
keeps where each channel location had its goods: written in the transaction of the
change, before it, and dropped once the change has passed or its hold is over.
"""

from odoo import fields, models
from odoo.tools import SQL


class StockChannelLocationEarlier(models.Model):
    _inherit = "stock.channel.location"

    earlier_map = fields.Json(
        readonly=True,
        copy=False,
        groups=fields.NO_ACCESS,
        help="Roots and leaves before the first change that is not judged yet.",
    )

    def write(self, vals):
        if {"location_ids", "active"} & vals.keys():
            self._keep_map()
        return super().write(vals)

    def _keep_map(self):
        """Keep what these places are fed by, unless an earlier map is kept already."""
        if not self or not self.env["stock.channel"]._is_in_use():
            return
        self.env.flush_all()
        self.env.cr.execute(
            SQL(
                """
                WITH kept AS (
                    SELECT place.id, location.id AS root_id, location.parent_path,
                           place.company_id
                      FROM stock_channel_location AS place
                      JOIN stock_channel AS channel ON channel.id = place.channel_id
                      JOIN stock_channel_location_stock_location_rel AS rel
                        ON rel.channel_location_id = place.id
                      JOIN stock_location AS location
                        ON location.id = rel.location_id
                     WHERE place.id = ANY(%s)
                       AND place.earlier_map IS NULL
                       AND channel.state IN ('live', 'paused')
                )
                UPDATE stock_channel_location AS place
                   SET earlier_map = map.map
                  FROM (SELECT kept.id, jsonb_build_object(
                                   'roots', jsonb_agg(DISTINCT kept.root_id),
                                   'leaves', jsonb_agg(DISTINCT jsonb_build_array(
                                       leaf.id,
                                       leaf.effective_stock_condition = 'sellable')
                                   ) FILTER (WHERE leaf.id IS NOT NULL)) AS map
                          FROM kept
                          LEFT JOIN stock_location AS leaf
                            ON leaf.parent_path LIKE kept.parent_path || '%%'
                           AND leaf.usage = 'internal'
                           AND (leaf.company_id IS NULL
                                OR leaf.company_id = kept.company_id)
                         GROUP BY kept.id) AS map
                 WHERE place.id = map.id
                """,
                self.ids,
            )
        )
        self.invalidate_model(["earlier_map"])


class StockLocationEarlier(models.Model):
    _inherit = "stock.location"

    def write(self, vals):
        if {"stock_condition", "location_id", "usage", "active"} & vals.keys():
            self._keep_maps()
        return super().write(vals)

    def _keep_maps(self):
        """Keep the maps of the channel locations fed from here, above or below."""
        if not self or not self.env["stock.channel"]._is_in_use():
            return
        self.flush_model(["location_id"])
        self.env["stock.channel.location"].flush_model(["location_ids"])
        rows = self.env.execute_query(
            SQL(
                """
                SELECT DISTINCT rel.channel_location_id
                  FROM stock_location AS changed
                  JOIN stock_location AS root
                    ON changed.parent_path LIKE root.parent_path || '%%'
                    OR root.parent_path LIKE changed.parent_path || '%%'
                  JOIN stock_channel_location_stock_location_rel AS rel
                    ON rel.location_id = root.id
                 WHERE changed.id = ANY(%s)
                """,
                self.ids,
            )
        )
        # Who changes a shelf need not be anybody of the channels it feeds.
        places_sudo = self.env["stock.channel.location"].sudo()
        places_sudo.browse(place_id for (place_id,) in rows)._keep_map()


class StockChannelAvailabilityEarlier(models.AbstractModel):
    """The numbers where goods are counted by the maps that were kept.

    Only what is sellable by them is asked for; rules, units and recipes are those of
    today.
    """

    _name = "stock.channel.availability.earlier"
    _description = "Stock Channel Availability by Earlier Maps"
    _inherit = ["stock.channel.availability"]

    def _root_query(self):
        return SQL(
            """
            SELECT now.*
              FROM (%s) AS now
              JOIN stock_channel_location AS place
                ON place.id = now.channel_location_id
             WHERE place.earlier_map IS NULL
             UNION ALL
            SELECT place.id, location.parent_path
              FROM stock_channel_location AS place
             CROSS JOIN LATERAL jsonb_array_elements_text(place.earlier_map->'roots')
                   AS kept (root_id)
              JOIN stock_location AS location ON location.id = kept.root_id::int
             WHERE place.earlier_map IS NOT NULL
            """,
            super()._root_query(),
        )

    def _leaf_query(self):
        return SQL(
            """
            SELECT now.*
              FROM (%s) AS now
              JOIN stock_channel_location AS mapped
                ON mapped.id = now.channel_location_id
             WHERE mapped.earlier_map IS NULL
             UNION ALL
            SELECT place.channel_location_id,
                   place.channel_id,
                   place.partner_id,
                   (kept.leaf->>0)::int,
                   (kept.leaf->>1)::boolean
              FROM place
              JOIN stock_channel_location AS mapped
                ON mapped.id = place.channel_location_id
             CROSS JOIN LATERAL jsonb_array_elements(
                   coalesce(nullif(mapped.earlier_map->'leaves', 'null'), '[]'))
                   AS kept (leaf)
             WHERE mapped.earlier_map IS NOT NULL
            """,
            super()._leaf_query(),
        )
