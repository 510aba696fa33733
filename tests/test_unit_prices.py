from odoo.tests import tagged

from .common import HubCase


@tagged("post_install", "-at_install")
class TestUnitPrices(HubCase):
    """What one unit of a listing is worth, in the company's currency."""

    def test_price_of_a_pack_in_the_companys_currency(self):
        pack = self.make_listing(
            self.channel,
            self.product,
            "DESK-6",
            uom_id=self.env.ref("uom.product_uom_pack_6").id,
        )
        prices = (self.listing | pack)._unit_prices()
        self.assertEqual(prices, {self.listing.id: 10.0, pack.id: 60.0})
