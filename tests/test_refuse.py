"""A channel whose orders are cancelled as far as the goods are not there."""

from odoo.exceptions import ValidationError
from odoo.tests import tagged

from odoo.addons.stock_channel_hub.connectors.rest import RestConnector

from .oversell_common import OversellCase


@tagged("post_install", "-at_install")
class TestRefuse(OversellCase):
    def setUp(self):
        super().setUp()
        self.channel.when_short = "refuse"

    def refuse(self, quantity, stock, **vals):
        """Let a customer buy beyond the stock; returns the channel's order."""
        if stock:
            self.receive(self.product, stock)
        self.settle()
        self.buy("A1", quantity=quantity, **vals)
        # The shop knows its own order, so that it takes a cancellation of it.
        lines = vals.get("lines") or [self.line_data("1", "DESK", quantity)]
        self.shop.books.orders["A1"] = {
            **self.order_data("A1", lines=lines),
            "updated_at": "2026-01-01T00:00:00Z",
        }
        self.run_inbox()
        return self.find_order("A1")

    def told(self):
        """Return what the shop was told is cancelled: {line: quantity}."""
        self.run_publish()
        return [
            {line["order_line_id"]: line["quantity"] for line in told["lines"]}
            for told in self.shop.books.cancellations.values()
        ]

    def test_part_of_a_line(self):
        order = self.refuse(3, stock=1)
        self.assertEqual(order.state, "applied")
        self.assertEqual(order.sale_order_id.order_line.product_uom_qty, 1)
        self.assertEqual(order.sale_order_id.picking_ids.state, "assigned")
        self.assertEqual(self.told(), [{"1": "2"}])
        self.run_compute()
        self.assertFalse(self.oversold())
        self.assertEqual(self.numbers()["sellable"], 0)
        self.assertIn(
            "Not there, and cancelled at the channel: 2 Units DESK.",
            order.message_ids[0].body,
        )

    def test_the_whole_order(self):
        order = self.refuse(2, stock=0)
        self.assertEqual((order.state, order.is_refused), ("cancelled", True))
        self.assertFalse(order.sale_order_id)
        self.assertEqual(self.told(), [{"1": "2"}])
        self.run_compute()
        self.assertEqual(self.numbers()["in_flight"], 0)
        self.assertFalse(self.oversold())

    def test_the_channel_confirms_it(self):
        """Its own word of the cancellation changes nothing more here."""
        order = self.refuse(3, stock=1)
        self.told()
        self.buy(
            "A1",
            version=2,
            lines=[self.line_data("1", "DESK", 3, cancelled_quantity="2")],
        )
        self.run_inbox()
        self.assertEqual(order.state, "applied")
        self.assertEqual(order.sale_order_id.order_line.product_uom_qty, 1)
        self.assertEqual(order.sale_order_id.picking_ids.state, "assigned")
        self.assertEqual(len(self.told()), 1)

    def test_a_refused_order_that_comes_again_stays_refused(self):
        order = self.refuse(2, stock=0)
        self.told()
        self.receive(self.product, 5)
        self.buy("A1", quantity=2, version=2)
        self.run_inbox()
        self.assertEqual(order.state, "cancelled")
        self.assertFalse(order.sale_order_id)
        self.buy(
            "A1",
            version=3,
            status="cancelled",
            lines=[self.line_data("1", "DESK", 2, cancelled_quantity="2")],
        )
        self.run_inbox()
        self.assertEqual((order.state, order.sale_order_id.id), ("cancelled", False))
        self.assertEqual(len(self.told()), 1)

    def test_an_order_that_grows(self):
        order = self.refuse(1, stock=2)
        self.buy("A1", quantity=4, version=2)
        self.run_inbox()
        self.assertEqual(order.sale_order_id.order_line.product_uom_qty, 2)
        self.assertEqual(self.told(), [{"1": "2"}])

    def test_what_a_rule_allows_is_not_refused(self):
        self.env["stock.channel.rule"].create(
            {"channel_id": self.channel.id, "kind": "backorder", "value": 2}
        )
        order = self.refuse(4, stock=1)
        self.assertEqual(order.sale_order_id.order_line.product_uom_qty, 3)
        self.assertEqual(self.told(), [{"1": "1"}])
        self.run_compute()
        self.assertFalse(self.oversold())

    def test_two_lines_of_one_thing(self):
        lines = [self.line_data("1", "DESK", 2), self.line_data("2", "DESK", 2)]
        order = self.refuse(4, stock=3, lines=lines)
        self.assertEqual(
            order.sale_order_id.order_line.mapped("product_uom_qty"), [2, 1]
        )
        self.assertEqual(self.told(), [{"2": "1"}])

    def test_what_is_not_counted_is_never_refused(self):
        service = self.make_product("Assembly", is_storable=False, type="service")
        self.make_listing(self.channel, service, "SERVICE")
        lines = [self.line_data("1", "DESK", 1), self.line_data("2", "SERVICE", 1)]
        order = self.refuse(1, stock=0, lines=lines)
        self.assertEqual(order.sale_order_id.order_line.product_id, service)
        self.assertEqual(self.told(), [{"1": "1"}])

    def test_the_other_channel_takes_over_and_tells(self):
        """Each channel by its own rule."""
        self.settle()
        self.buy("B1", channel=self.other)
        self.run_inbox()
        self.assertEqual(self.oversold().shortage_qty, 1.0)
        self.assertTrue(self.sale_of("B1", self.other))

    def test_only_where_the_channel_can_be_told(self):
        capabilities = RestConnector.capabilities
        self.addCleanup(setattr, RestConnector, "capabilities", capabilities)
        RestConnector.capabilities = type(capabilities)(
            **{**vars(capabilities), "can_cancel": False}
        )
        with self.assertRaises(ValidationError):
            self.other.when_short = "refuse"
        # Set before it was so: the order is taken over and somebody is told.
        order = self.refuse(2, stock=1)
        self.assertEqual(order.sale_order_id.order_line.product_uom_qty, 2)
        self.assertEqual(self.oversold().shortage_qty, 1.0)
