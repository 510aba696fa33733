from odoo import api, fields, models

CONDITIONS = [
    ("sellable", "Sellable"),
    ("quality", "Quality Control"),
    ("quarantine", "Quarantine"),
    ("damaged", "Damaged"),
    ("not_for_sale", "Not for Sale"),
]


class StockLocation(models.Model):
    _inherit = "stock.location"

    stock_condition = fields.Selection(
        CONDITIONS,
        help="What lies here is offered to channels only when it is sellable. "
        "Left empty, the condition of the parent location applies.",
    )
    effective_stock_condition = fields.Selection(
        CONDITIONS,
        compute="_compute_effective_stock_condition",
        recursive=True,
        store=True,
        help="The condition that counts: the location's own, or else the one of the "
        "nearest parent that has one.",
    )
    # Computed, since the map is written from the channel's side only, where its
    # rules are: whoever may write a stock location could change it here.
    channel_location_ids = fields.Many2many(
        "stock.channel.location",
        compute="_compute_channel_location_ids",
        string="Feeds Channel Locations",
        groups="stock_channel_hub.group_user",
    )

    @api.depends("stock_condition", "location_id.effective_stock_condition")
    def _compute_effective_stock_condition(self):
        for location in self:
            location.effective_stock_condition = (
                location.stock_condition
                or location.location_id.effective_stock_condition
                or "sellable"
            )

    def _compute_channel_location_ids(self):
        """Find what counts what lies here: mapped from here, or from above."""
        paths = {
            location: {
                int(part)
                for part in (location._origin.parent_path or "").split("/")
                if part
            }
            for location in self
        }
        fed = self.env["stock.channel.location"].search(
            [("location_ids", "in", sorted(set().union(*paths.values())))]
        )
        for location in self:
            location.channel_location_ids = fed.filtered(
                lambda place, path=paths[location]: path.intersection(
                    place.location_ids.ids
                )
            )

    def write(self, vals):
        if not {"stock_condition", "location_id", "usage", "active"} & vals.keys():
            return super().write(vals)
        # What was above the location before hears of it as well as what is now.
        dirty = self.env["stock.channel.dirty"]
        dirty._log_locations(self, "condition")
        result = super().write(vals)
        dirty._log_locations(self, "condition")
        if "location_id" in vals:
            self.env["stock.channel.location"].sudo().search([])._check_overlap()
        return result
