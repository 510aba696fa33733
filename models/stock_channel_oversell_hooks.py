import logging

from odoo import api, models
from odoo.tools import SQL

from .stock_channel_oversell import CHECKED_AT_ONCE

_logger = logging.getLogger(__name__)


class StockChannelOversellPublication(models.Model):
    _inherit = "stock.channel.publication"

    @api.model
    def _numbers_stored(self, listing_ids, short_ids):
        """Look whether more was sold than is there, now that the numbers are known."""
        result = super()._numbers_stored(listing_ids, short_ids)
        self.env["stock.channel.exception"]._check_listings_oversold(
            listing_ids, short_ids
        )
        return result


class StockChannelOversellOrder(models.Model):
    _inherit = "stock.channel.order"

    def _check_after(self, snapshot):
        """Look whether this order took more than there is, or gave it back.

        Asked only where something of the order waits for goods, or is known to be
        short; what can be told only from other orders, computing finds.
        """
        result = super()._check_after(snapshot)
        taken = {
            product_id for line in self.line_ids for product_id in line._component_ids()
        }
        exceptions = self.env["stock.channel.exception"]
        short = taken & exceptions._lasting_shortages()
        if any(sale_line._is_short() for sale_line in self.line_ids._sale_lines()):
            short = taken
        if short:
            exceptions._check_oversold(short)
        return result


class StockChannelOversellSweep(models.Model):
    _inherit = "stock.channel.dirty"

    @api.model
    def _cron_sweep(self):
        """Sweep the numbers, then look at every shortage, known or not."""
        result = super()._cron_sweep()
        try:
            product_ids = sorted(self._in_transaction(self._short_products))
            for start in range(0, len(product_ids), CHECKED_AT_ONCE):
                part = product_ids[start : start + CHECKED_AT_ONCE]
                self._in_transaction(
                    lambda part=part: self.env[
                        "stock.channel.exception"
                    ]._check_oversold(part)
                )
        except Exception:  # the next sweep looks again; the numbers are swept
            self._abandon_transaction()
            _logger.exception("the shortages could not be checked")
        return result

    def _short_products(self):
        """Return the ids of products that are short, or were when last looked at."""
        self.env.cr.execute(
            SQL(
                """
                SELECT DISTINCT listing_id
                  FROM stock_channel_publication
                 WHERE coalesce(reserved, 0) + coalesce(owed, 0)
                       + coalesce(in_flight, 0) > coalesce(on_hand, 0) + 1e-6
                """
            )
        )
        listing_ids = [listing_id for (listing_id,) in self.env.cr.fetchall()]
        short = self.env["stock.channel.availability"]._products_of(listing_ids)
        return short | self.env["stock.channel.exception"]._lasting_shortages()
