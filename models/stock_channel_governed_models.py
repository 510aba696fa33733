"""Which fields of which map or rule need a second person."""

from odoo import api, models
from odoo.exceptions import AccessError

ADMIN = "stock_channel_hub.group_admin"


class StockChannelListing(models.Model):
    _name = "stock.channel.listing"
    _inherit = ["stock.channel.listing", "stock.channel.governed"]

    _governed = (
        "channel_id",
        "product_id",
        "sku",
        "item_id",
        "uom_id",
        "is_whole_units",
        "active",
    )
    _along = ("title",)

    @api.model_create_multi
    def create(self, vals_list):
        return self._governed_create(super().create, vals_list)

    def write(self, vals):
        return self._governed_write(super().write, vals)

    def unlink(self):
        return self._governed_unlink(super().unlink)

    def _is_first_map(self, op, old, new):
        """Say whether the channel's orders for this item found nothing before.

        The same question ``_find`` answers: an item id falls back to a listing that
        has only the SKU, so a listing beside that one takes its orders away.
        """
        if op != "create":
            return False
        others_sudo = self.sudo().search(
            [
                ("channel_id", "=", self.channel_id.id),
                ("sku", "=", self.sku),
                ("id", "!=", self.id),
            ]
        )
        if self.item_id:
            others_sudo = others_sudo.filtered(lambda listing: not listing.item_id)
        return not others_sudo


class StockChannelLocation(models.Model):
    _name = "stock.channel.location"
    _inherit = ["stock.channel.location", "stock.channel.governed"]

    _governed = (
        "channel_id",
        "external_id",
        "location_ids",
        "warehouse_id",
        "is_operated_by_channel",
        "active",
    )
    _along = ("name", "sequence")
    _audited = ("freeze_calendar_id", "frozen_until")

    @api.model_create_multi
    def create(self, vals_list):
        return self._governed_create(super().create, vals_list)

    def write(self, vals):
        return self._governed_write(super().write, vals)

    def unlink(self):
        return self._governed_unlink(super().unlink)

    def _is_first_map(self, op, old, new):
        """Say whether the channel was never told a number of this location."""
        if op == "create":
            return True
        if op != "write" or not new.keys() <= {
            "location_ids",
            "warehouse_id",
            *self._along,
            *self._audited,
        }:
            return False
        had_none = "location_ids" in new and not old["location_ids"]
        return had_none and self.active and not self._told_rows()


class StockChannelRule(models.Model):
    _name = "stock.channel.rule"
    _inherit = ["stock.channel.rule", "stock.channel.governed"]

    _governed = (
        "channel_id",
        "channel_location_id",
        "listing_id",
        "kind",
        "value",
        "expires_at",
    )

    @api.model_create_multi
    def create(self, vals_list):
        return self._governed_create(super().create, vals_list)

    def write(self, vals):
        return self._governed_write(super().write, vals)

    def unlink(self):
        return self._governed_unlink(super().unlink)


class StockChannel(models.Model):
    """What of the channel itself changes a number; the rest is written down.

    Windows and freezes hold numbers back and never change them; what decides about
    orders, returns and money is the manager's own.
    """

    _name = "stock.channel"
    _inherit = ["stock.channel", "stock.channel.governed"]

    _governed = ("minimum_shelf_life", "active")
    _audited = (
        "name",
        "connector",
        "base_url",
        "company_id",
        "exception_owner_id",
        "map_owner_id",
        "freshness_target",
        "timezone",
        "publish_calendar_id",
        "freeze_calendar_id",
        "quarantine_location_id",
        "pricelist_id",
        "when_short",
        "import_from",
        "ship_from",
        "drift_rule",
        "return_disposition",
        "credit_note_rule",
        "free_change_listings",
        "free_change_value",
    )

    @api.model_create_multi
    def create(self, vals_list):
        return self._governed_create(super().create, vals_list)

    def write(self, vals):
        return self._governed_write(super().write, vals)

    def unlink(self):
        return self._governed_unlink(super().unlink)

    def _channels_of(self, record, old, new):
        return record.sudo()

    def action_back_to_draft(self):
        """Take it back to where maps and rules are changed without asking.

        Only administrators do so with a channel that was live: whoever may not change
        its map alone could do it there and put it live again.

        :raise AccessError: for anybody else.
        """
        was_live = self.filtered("live_at")
        if was_live and not (self.env.su or self.env.user.has_group(ADMIN)):
            raise AccessError(
                self.env._(
                    "%s was live. Only an administrator of stock channels takes it back "
                    "to draft, where maps and rules are changed without a second "
                    "person.",
                    was_live[0].name,
                )
            )
        return super().action_back_to_draft()
