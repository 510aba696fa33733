"""From a channel, a location, a listing or a rule to what would be if it changed."""

from odoo import api, models
from odoo.fields import Command


class StockChannelWhatif(models.TransientModel):
    _inherit = "stock.channel.whatif"

    @api.model
    def _open(self, records, vals):
        """Open the sandbox about these records, which the caller may read."""
        records.check_access("read")
        whatif = self.create(vals)
        return {
            "type": "ir.actions.act_window",
            "name": self.env._("What If"),
            "res_model": self._name,
            "res_id": whatif.id,
            "view_mode": "form",
            "views": [(False, "form")],
        }


class StockChannel(models.Model):
    _inherit = "stock.channel"

    def action_what_if(self):
        """Try other maps and rules for this channel; nothing is changed."""
        vals = {"channel_id": self[:1].id}
        return self.env["stock.channel.whatif"]._open(self, vals)

    def unlink(self):
        ids = self.ids
        result = super().unlink()
        self.env["stock.channel.whatif.line"]._forget_about("channel_id", ids)
        return result


class StockChannelLocation(models.Model):
    _inherit = "stock.channel.location"

    def action_what_if(self):
        """Try other maps and rules for this location; nothing is changed."""
        vals = {"channel_id": self[:1].channel_id.id, "about_location_id": self[:1].id}
        return self.env["stock.channel.whatif"]._open(self, vals)

    def unlink(self):
        ids = self.ids
        result = super().unlink()
        self.env["stock.channel.whatif.line"]._forget_about("channel_location_id", ids)
        return result


class StockChannelListing(models.Model):
    _inherit = "stock.channel.listing"

    def action_what_if(self):
        """Try other maps and rules for these listings; nothing is changed."""
        channel = self.channel_id[:1]
        listings = self.filtered(lambda listing: listing.channel_id == channel)
        vals = {
            "channel_id": channel.id,
            "about_listing_ids": [Command.set(listings.ids)],
        }
        return self.env["stock.channel.whatif"]._open(self, vals)

    def unlink(self):
        ids = self.ids
        result = super().unlink()
        self.env["stock.channel.whatif.line"]._forget_about("listing_id", ids)
        return result


class StockChannelRule(models.Model):
    _inherit = "stock.channel.rule"

    def action_what_if(self):
        """Try another value for this rule; nothing is changed."""
        edits = [
            Command.create(
                {
                    "what": "rule",
                    "channel_id": rule.channel_id.id,
                    "channel_location_id": rule.channel_location_id.id,
                    "listing_ids": [Command.set(rule.listing_id.ids)],
                    "rule_kind": rule.kind,
                    "value": rule.value,
                    "expires_at": rule.expires_at,
                }
            )
            for rule in self
        ]
        vals = {"channel_id": self[:1].channel_id.id, "edit_ids": edits}
        return self.env["stock.channel.whatif"]._open(self, vals)
