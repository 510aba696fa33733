"""What stock rules hold for: a channel, one of its locations, one of its listings."""

from odoo import api, fields, models
from odoo.exceptions import ValidationError

from .stock_channel_rule import MAX_DAYS


class StockChannel(models.Model):
    _inherit = "stock.channel"

    rule_ids = fields.One2many("stock.channel.rule", "channel_id", string="Stock Rules")
    minimum_shelf_life = fields.Integer(
        string="Minimum Shelf Life (days)",
        help="Lots that expire within so many days are not offered here any more. "
        "Zero: lots are offered until their removal or expiration date.",
    )

    @api.constrains("minimum_shelf_life")
    def _check_minimum_shelf_life(self):
        for channel in self:
            if not 0 <= channel.minimum_shelf_life <= MAX_DAYS:
                raise ValidationError(
                    self.env._(
                        "The minimum shelf life is between 0 and %s days.", MAX_DAYS
                    )
                )

    def write(self, vals):
        result = super().write(vals)
        if "minimum_shelf_life" in vals:
            self.env["stock.channel.dirty"]._log_listings(self._all_listings(), "rule")
        return result


class StockChannelLocation(models.Model):
    _inherit = "stock.channel.location"

    rule_ids = fields.One2many(
        "stock.channel.rule", "channel_location_id", string="Stock Rules"
    )

    @api.constrains("channel_id")
    def _check_rule_scope(self):
        self.rule_ids._check_scope()


class StockChannelListing(models.Model):
    _inherit = "stock.channel.listing"

    rule_ids = fields.One2many("stock.channel.rule", "listing_id", string="Stock Rules")

    @api.constrains("channel_id")
    def _check_rule_scope(self):
        self.rule_ids._check_scope()
