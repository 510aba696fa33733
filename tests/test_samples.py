import json
from datetime import datetime
from decimal import Decimal
from unittest.mock import patch

from odoo.tests import tagged

from odoo.addons.stock_channel_hub.connectors.rest import RestConnector

from .sample_shops import ABSENT, CONTRACTS, Shopify, Woo
from .test_price import FinanceCase


class SampleCase(FinanceCase):
    """A shop that speaks in published samples; skipped, and said so, without them."""

    def setUp(self):
        super().setUp()
        if not CONTRACTS.is_dir():
            self.skipTest(ABSENT)
        usd = self.env.ref("base.USD")
        usd.active = True
        self.channel.pricelist_id = self.env["product.pricelist"].create(
            {"name": "Samples", "currency_id": usd.id}
        )
        self.env["account.fiscal.position"].search([]).auto_apply = False

    def stock_item(self, sku, item):
        """List one item of the shop, with plenty of it in stock."""
        known = self.env["stock.channel.listing"].search(
            [("channel_id", "=", self.channel.id), ("item_id", "=", item)]
        )
        if not known:
            product = self.make_product(f"Sample {sku}", sku)
            self.make_listing(self.channel, product, sku, item_id=item)
            self.receive(product, 100)

    def tell(self, body, order_id, read):
        """Deliver a sample as it was published; ``read`` stands for the connector."""
        with patch.object(
            RestConnector,
            "parse",
            lambda _self, raw, _topic: [read(json.loads(raw, parse_float=Decimal))],
        ):
            raw = json.dumps(body, default=float).encode()
            self.env["stock.channel.message"]._store(
                self.channel,
                dedupe_key=f"{order_id}:{hash(raw)}",
                topic="sample",
                order_key=f"order:{order_id}",
                raw=raw,
                origin="webhook",
            )
            self.run_inbox()
        return self.find_order(str(order_id))

    def ship(self, order):
        picking = order.sale_order_id.picking_ids
        picking.move_ids.picked = True
        picking.button_validate()
        self.assertEqual(picking.state, "done")

    def find_return(self, refund_id):
        return self.env["stock.channel.return"].search(
            [
                ("channel_id", "=", self.channel.id),
                ("external_id", "=", str(refund_id)),
            ]
        )

    def lines(self, order):
        """Return (channel's line id, quantity, untaxed amount) of the sale order."""
        return [
            (
                line.channel_order_line_ref or line.channel_charge_ref,
                line.product_uom_qty,
                line.price_subtotal,
            )
            for line in order.sale_order_id.order_line
        ]

    def open_titles(self):
        return self.open_exceptions().mapped(lambda e: (e.title, e.cause))


@tagged("post_install", "-at_install")
class TestWooSamples(SampleCase):
    """Every order and refund that WooCommerce publishes."""

    def setUp(self):
        super().setUp()
        self.make_tax(7.5, name="State Tax")
        self.orders = sorted(
            Woo.orders(), key=lambda pair: (pair[1]["id"], pair[1]["date_modified_gmt"])
        )
        for _name, order in self.orders:
            for line in order["line_items"]:
                self.stock_item(*Woo.item(line))

    def expected_lines(self, sample):
        return [
            (str(line["id"]), float(line.get("quantity", 1)), float(line["total"]))
            for line in sample["line_items"] + sample["shipping_lines"]
        ]

    def test_there_are_as_many_samples_as_there_were(self):
        ids = [order["id"] for _name, order in self.orders]
        self.assertEqual(
            {order_id: ids.count(order_id) for order_id in ids},
            {723: 2, 727: 6, 728: 1, 729: 1},
        )
        self.assertEqual(
            [refund["id"] for _name, refund, _order in Woo.refunds()],
            [726, 726, 726, 724, 726],
        )

    def test_orders(self):
        for name, sample in self.orders:
            with self.subTest(name, id=sample["id"], status=sample["status"]):
                order = self.tell(sample, sample["id"], Woo.snapshot)
                sale = order.sale_order_id
                self.assertEqual(self.open_titles(), [])
                self.assertEqual(
                    (f"{sale.amount_total:.2f}", f"{sale.amount_tax:.2f}"),
                    (sample["total"], sample["total_tax"]),
                )
                self.assertEqual(self.lines(order), self.expected_lines(sample))
                self.assertEqual(
                    sale.date_order,
                    datetime.fromisoformat(sample["date_created_gmt"]),
                )
                self.assertEqual(
                    (sale.state, sale.currency_id.name, sale.client_order_ref),
                    ("sale", sample["currency"], sample["number"]),
                )
                self.assertEqual(sale.partner_id.email, sample["billing"]["email"])
                self.assertEqual(
                    sale.partner_shipping_id.state_id.code, sample["billing"]["state"]
                )
        # Three orders of one guest, and one of a customer with an account.
        sales = self.env["sale.order"].search(
            [("stock_channel_id", "=", self.channel.id)]
        )
        self.assertEqual((len(sales), len(sales.partner_id)), (4, 2))

    def test_tax_rounded_line_by_line_is_shown_or_put_on_a_line(self):
        """1.13 and 0.23 are a cent more than the 1.35 and 0.90 that were charged."""
        self.company.tax_calculation_rounding_method = "round_per_line"
        (sample,) = (order for _name, order in self.orders if order["id"] == 728)
        order = self.tell(sample, 728, Woo.snapshot)
        exception = self.open_exceptions()
        self.assertEqual(
            (exception.value, exception.expected_value), ("62.25", "62.26")
        )
        self.channel.rounding_tolerance = 0.01
        with patch.object(
            RestConnector, "parse", lambda *_args: [Woo.snapshot(sample)]
        ):
            self.run_inbox()
        self.assertEqual(order.sale_order_id.amount_total, 62.25)
        self.assertEqual(exception.state, "resolved")

    def test_refunds(self):
        (_name, sample), *_rest = (pair for pair in self.orders if pair[1]["id"] == 723)
        order = self.tell(sample, 723, Woo.snapshot)
        self.ship(order)
        for _name, refund, order_id in Woo.refunds():
            self.assertEqual(order_id, "723")
            self.tell(
                refund, f"723:{refund['id']}", lambda body: Woo.refund(body, "723")
            )
        self.assertEqual(self.open_titles(), [])
        goods, money = self.find_return(724), self.find_return(726)
        self.assertEqual(
            [
                (line.order_line_id.external_id, line.quantity)
                for line in goods.line_ids
            ],
            [("311", 1.0)],
        )
        self.assertEqual((goods.refund_amount, money.refund_amount), (9.0, 10.0))
        self.assertFalse(money.line_ids)
        self.assertFalse(money.picking_ids)
        transfer = goods.picking_ids
        self.assertEqual(transfer.move_ids.product_qty, 1)
        transfer.move_ids.picked = True
        transfer.button_validate()
        self.assertEqual(goods.state, "done")
        self.assertEqual(
            {line.external_id: line.returned_qty for line in order.line_ids},
            {"311": 1.0, "313": 0.0},
        )
        self.assertEqual(
            sum(Decimal(str(one.refund_amount)) for one in goods | money),
            -sum(Decimal(refund["total"]) for refund in sample["refunds"]),
        )


@tagged("post_install", "-at_install")
class TestShopifySamples(SampleCase):
    """Shopify's one published order, whose sums are not its own lines', and a refund."""

    def setUp(self):
        super().setUp()
        self.make_tax(6.0, name="State Tax of six")
        self.sample = Shopify.order()
        for line in self.sample["line_items"]:
            self.stock_item(line["sku"], str(line["variant_id"]))

    def test_order(self):
        """Three lines of 199.00 are said to be 398.00, and 6 % of that 11.94."""
        order = self.tell(self.sample, self.sample["id"], Shopify.snapshot)
        sale = order.sale_order_id
        self.assertEqual(
            self.lines(order),
            [
                ("466157049", 1.0, 199.0),
                ("518995019", 1.0, 199.0),
                ("703073504", 1.0, 199.0),
            ],
        )
        self.assertEqual((sale.amount_untaxed, sale.amount_tax), (597.0, 35.82))
        self.assertEqual(str(sale.date_order), "2008-01-10 16:00:00")
        self.assertEqual((sale.client_order_ref, sale.reference), ("#1001", "fhwdgads"))
        exception = self.open_exceptions()
        self.assertEqual(
            (exception.value, exception.expected_value), ("409.94", "632.82")
        )
        self.assertEqual(sale.picking_ids.state, "assigned")

    def test_order_as_its_own_sums_say(self):
        """With the sums its lines have, the very same order is exact to the cent."""
        sample = {**self.sample, "total_price": "632.82"}
        order = self.tell(sample, sample["id"], Shopify.snapshot)
        self.assertEqual(order.sale_order_id.amount_total, 632.82)
        self.assertEqual(self.open_titles(), [])

    def test_refund(self):
        order = self.tell(self.sample, self.sample["id"], Shopify.snapshot)
        self.ship(order)
        sample = Shopify.refund_sample()
        self.tell(sample, f"{order.external_id}:refund", Shopify.refund)
        found = self.find_return(sample["id"])
        self.assertEqual(found.refund_amount, 209.0)
        self.assertEqual(
            {line.order_line_id.external_id: line.quantity for line in found.line_ids},
            {"703073504": 1.0, "466157049": 1.0},
        )
        self.assertEqual(found.picking_ids.move_ids.mapped("product_qty"), [1.0, 1.0])
        found.picking_ids.move_ids.picked = True
        found.picking_ids.button_validate()
        self.assertEqual(
            {line.external_id: line.returned_qty for line in order.line_ids},
            {"466157049": 1.0, "518995019": 0.0, "703073504": 1.0},
        )
