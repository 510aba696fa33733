from pathlib import Path
from unittest.mock import patch

from odoo.tests import tagged

from odoo.addons.stock_channel_hub.connectors.rest import RestConnector
from odoo.addons.stock_channel_hub.connectors.shopify_deliveries import (
    ShopifyDeliveries,
)
from odoo.addons.stock_channel_hub.connectors.shopify_payload import wrap
from odoo.addons.stock_channel_hub.connectors.testing.shopify_sale import Sale

from .test_price import FinanceCase

SAMPLES = Path(__file__).parents[1] / "connectors" / "samples" / "shopify"


class ShopifyReader(ShopifyDeliveries):
    """Reads stored orders; nothing else of the connector is needed here."""

    config = {}


@tagged("post_install", "-at_install")
class TestShopifySamples(FinanceCase):
    """What Shopify says of an order becomes a sale of the same total."""

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.place.external_id = "7001"

    def setUp(self):
        super().setUp()
        euro = self.env.ref("base.EUR")
        euro.active = True
        self.channel.pricelist_id = self.env["product.pricelist"].create(
            {"name": "Shopify", "currency_id": euro.id}
        )
        self.env["account.fiscal.position"].search([]).auto_apply = False
        for number in (1, 2, 3):
            line_id = f"1001{number}"
            product = self.make_product(f"Shelf {number}", f"SKU-{line_id}")
            self.make_listing(
                self.channel, product, f"SKU-{line_id}", item_id=f"5{line_id}"
            )
            self.receive(product, 20)

    def tell(self, name, raw=None):
        """Deliver a sample or another body, and return the channel order."""
        raw = raw or (SAMPLES / f"{name}.json").read_bytes()
        with patch.object(
            RestConnector, "parse", lambda _self, *body: ShopifyReader().parse(*body)
        ):
            self.env["stock.channel.message"]._store(
                self.channel,
                dedupe_key=name,
                topic="shopify.order",
                order_key="order:1001",
                raw=raw,
                origin="poll",
            )
            self.run_inbox()
        return self.find_order()

    def totals(self, order):
        """Return both totals, and which exceptions are about them."""
        about = self.open_exceptions().filtered(lambda e: e.field == "total")
        return f"{order.sale_order_id.amount_total:.2f}", about.mapped("cause")

    def test_gross_prices_and_a_discount(self):
        self.make_tax(20, included=True)
        order = self.tell("order_placed")
        self.assertEqual(self.totals(order), ("138.45", []))
        self.assertEqual(order.sale_order_id.currency_id.name, "EUR")
        self.assertFalse(self.open_exceptions())

    def test_discount_after_a_part_was_cancelled(self):
        """Ten off three: off the two that are left Shopify took 6.67, not 6.66."""
        self.make_tax(20, included=True)
        order = self.tell("order_discount_cancelled_in_part")
        self.assertEqual(order.line_ids.mapped("cancelled_qty"), [0, 1])
        self.assertEqual(self.totals(order), ("138.03", []))
        self.assertFalse(self.open_exceptions())

    def test_refunds_after_shipping_leave_the_sale_as_it_was(self):
        """Only what never shipped is off; the money is told by returns."""
        self.make_tax(10)
        sale = Sale([(5000, 3, 0)], inclusive=False, rate=10, shipping=500)
        order = self.tell("placed", wrap(sale.order()).raw)
        self.assertEqual(self.totals(order), ("170.50", []))
        picking = order.sale_order_id.picking_ids
        picking.move_ids.write({"quantity": 2, "picked": True})
        picking.with_context(skip_backorder=True).button_validate()
        sale.ship(0, 2)
        sale.refund(0, 1)
        sale.cancel(0, 1, "NO_RESTOCK")
        sale.refund_shipping(200)
        self.tell("refunded", wrap(sale.order()).raw)
        self.assertEqual(order.line_ids.cancelled_qty, 1)
        self.assertEqual(self.totals(order), ("115.50", []))
        self.assertEqual(
            order.return_ids.sorted("id").mapped(
                lambda back: (back.state, back.refund_amount, len(back.line_ids))
            ),
            [("received", 55.0, 1), ("done", 2.2, 0)],
        )
        self.assertFalse(self.open_exceptions())

    def test_gift_card_and_tip_are_charges(self):
        self.make_tax(20)
        order = self.tell("order_gift_card_and_tip")
        self.assertEqual(len(order.line_ids), 1)
        self.assertEqual(self.totals(order), ("93.76", []))
        self.assertFalse(self.open_exceptions())
