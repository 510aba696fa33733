from odoo import models


class StockChannelValue(models.Model):
    """What a listing's unit is worth, for everything that is shown in money."""

    _inherit = "stock.channel.listing"

    def _unit_prices(self):
        """Return {listing id: price of one selling unit}, in the company's currency.

        The sales price of the product: what a wrong number puts at risk is a sale.
        It is an order of magnitude to sort by, no claim; no channel's price list is
        asked.
        """
        prices = {}
        for listing in self.sudo().with_context(active_test=False):
            product = listing.product_id.with_company(listing.company_id)
            price = product.uom_id._compute_price(product.lst_price, listing.uom_id)
            currency = product.currency_id
            prices[listing.id] = currency._convert(
                price,
                listing.company_id.currency_id,
                listing.company_id,
                self.env.cr.now().date(),
                round=False,
            )
        return prices
