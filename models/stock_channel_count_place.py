from odoo import models
from odoo.fields import Domain


class StockChannelCountPlace(models.Model):
    """Whether a count of a channel location is a count of one stock location."""

    _inherit = "stock.channel.location"

    def _why_not_countable(self):
        """Return why nobody could say where a difference lies, "" where one can."""
        self.ensure_one()
        if not self._mapped():
            return self.env._("%s has no stock location behind it.", self.name)
        if len(self.location_ids) > 1:
            return self.env._(
                "%(place)s is fed by several stock locations: %(locations)s. A count "
                "does not say in which of them something is missing.",
                place=self.name,
                locations=", ".join(self.location_ids.mapped("complete_name")),
            )
        shared_sudo = self._sharing_sudo()
        if shared_sudo:
            return self.env._(
                "%(location)s feeds other channel locations too: %(others)s. What one "
                "of them counts is the stock of all.",
                location=self.location_ids.complete_name,
                others=", ".join(
                    f"{other.name} ({other.channel_id.name})" for other in shared_sudo
                ),
            )
        if not self._counted_location():
            return self.env._(
                "%s holds no goods itself and has several locations below. A count "
                "does not say in which of them something is missing.",
                self.location_ids.complete_name,
            )
        return ""

    def _sharing_sudo(self):
        """Return the other channel locations, of any channel, with stock of ours."""
        # Elevated, since another company's channel shares it all the same.
        others_sudo = self.sudo().search(
            [
                ("id", "!=", self.id),
                ("channel_id.active", "=", True),
                ("location_ids", "!=", False),
            ]
        )
        mine = self.location_ids.parent_path
        return others_sudo.filtered(
            lambda other: any(
                root.parent_path.startswith(mine) or mine.startswith(root.parent_path)
                for root in other.location_ids
            )
        )

    def _countable_leaves(self):
        """Return where what is on hand lies: the sellable locations mapped here."""
        self.ensure_one()
        locations = self.env["stock.location"].with_context(active_test=False)
        return locations.search(
            Domain("id", "child_of", self.location_ids.ids)
            & Domain("usage", "=", "internal")
            & Domain("company_id", "in", (False, self.company_id.id))
            & Domain("effective_stock_condition", "=", "sellable")
        )

    def _counted_location(self):
        """Return where goods are put that were found; empty when nobody knows."""
        leaves = self._countable_leaves()
        return self.location_ids & leaves or (
            leaves if len(leaves) == 1 else leaves.browse()
        )
