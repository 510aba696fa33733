"""Stock conditions: taking goods off sale is anybody's, putting them on is not."""

from odoo import models
from odoo.tools import SQL

from .stock_channel_change_run import current_run
from .stock_channel_governed import GUARDED_STATES


class StockLocation(models.Model):
    """A stock location that feeds channels.

    Whoever may change stock locations may take what lies there off sale at once, by
    its condition, its usage or by moving the location out of what is mapped: a
    damaged pallet does not wait for a second person. What could put goods on sale at a
    live channel is proposed. Goods that are moved from one place to another are a
    stock event and not a change of any map.
    """

    _name = "stock.location"
    _inherit = ["stock.location", "stock.channel.governed"]

    _governed = ("stock_condition", "location_id", "usage", "active")

    def write(self, vals):
        return self._governed_write(super().write, vals)

    def unlink(self):
        return self._governed_unlink(super().unlink)

    def _channels_of(self, record, old, new):
        before = (old or {}).get("location_id")
        ids = record._fed_channel_ids(record.ids + ([before] if before else []))
        return self.env["stock.channel"].sudo().browse(ids)

    def _audited_ones(self, values):
        """Return those that feed a channel; a warehouse has thousands that do not.

        All of them within a change that may map them in its next step.
        """
        changed = super()._audited_ones(values)
        if current_run(self.env.cr):
            return changed
        return changed.filtered(
            lambda location: self._channels_of(location, *values[location.id])
        )

    def _fed_channel_ids(self, location_ids):
        """Return the ids of the channels these locations, or some below, feed."""
        self.env.flush_all()
        self.env.cr.execute(
            SQL(
                """
                SELECT DISTINCT place.channel_id
                  FROM stock_channel_location AS place
                  JOIN stock_channel_location_stock_location_rel AS rel
                    ON rel.channel_location_id = place.id
                  JOIN stock_location AS root ON root.id = rel.location_id
                  JOIN stock_location AS changed
                    ON changed.id = ANY(%s)
                   AND (changed.parent_path LIKE root.parent_path || '%%'
                        OR root.parent_path LIKE changed.parent_path || '%%')
                 ORDER BY place.channel_id
                """,
                location_ids,
            )
        )
        return [channel_id for (channel_id,) in self.env.cr.fetchall()]

    def _reach(self):
        """Return which shelves of these are on sale where, on live channels.

        :return: set of (channel location id, stock location id).
        """
        self.env.flush_all()
        self.env.cr.execute(
            SQL(
                """
                SELECT DISTINCT place.id, leaf.id
                  FROM stock_location AS changed
                  JOIN stock_location AS leaf
                    ON leaf.parent_path LIKE changed.parent_path || '%%'
                  JOIN stock_location AS root
                    ON leaf.parent_path LIKE root.parent_path || '%%'
                  JOIN stock_channel_location_stock_location_rel AS rel
                    ON rel.location_id = root.id
                  JOIN stock_channel_location AS place
                    ON place.id = rel.channel_location_id
                  JOIN stock_channel AS channel ON channel.id = place.channel_id
                 WHERE changed.id = ANY(%s)
                   AND leaf.usage = 'internal'
                   AND leaf.effective_stock_condition = 'sellable'
                   AND place.active
                   AND channel.state = ANY(%s)
                   AND (leaf.company_id IS NULL
                        OR leaf.company_id = channel.company_id)
                """,
                self.ids,
                list(GUARDED_STATES),
            )
        )
        return set(self.env.cr.fetchall())

    def _is_harmless(self, op, old, new, reach):
        """Say whether nothing is on sale that was not before; unmapping is not."""
        if op == "unlink":
            return not self._is_mapped_itself()
        return self._reach() <= reach

    def _is_mapped_itself(self):
        return bool(
            self.env["stock.channel.location"]
            .sudo()
            .with_context(active_test=False)
            .search_count([("location_ids", "in", self.ids)], limit=1)
        )
