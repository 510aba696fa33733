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
    channel_location_ids = fields.Many2many(
        "stock.channel.location",
        "stock_channel_location_stock_location_rel",
        "location_id",
        "channel_location_id",
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

    def write(self, vals):
        result = super().write(vals)
        if {"stock_condition", "location_id", "usage", "active"} & vals.keys():
            self.env["stock.channel.dirty"]._log_locations(self, "condition")
        return result
