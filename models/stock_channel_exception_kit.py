from odoo import api, models


class StockChannelExceptionKit(models.Model):
    _inherit = "stock.channel.exception"

    @api.model
    def _check_kits(self, channel, broken_ids, mended_ids):
        """Tell a person of kits that nothing can be offered of; close what healed."""
        listings = self.env["stock.channel.listing"].browse
        for listing in listings(broken_ids):
            self._open(
                channel,
                category="data",
                fingerprint=f"kit:{listing.id}",
                title=self.env._("The kit behind %s cannot be counted", listing.sku),
                cause=self.env._(
                    "Its bill of materials has no component that is kept in stock, or "
                    "contains the kit itself."
                ),
                next_step=self.env._(
                    "Correct the bill of materials of %s. Until then the channel is "
                    "told zero.",
                    listing.product_id.display_name,
                ),
                value=listing.sku,
                listing_id=listing.id,
            )
        for listing in listings(mended_ids):
            self._resolve_fingerprint(channel, f"kit:{listing.id}")
