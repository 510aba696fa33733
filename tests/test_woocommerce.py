from datetime import UTC, datetime, timedelta
from decimal import Decimal

from freezegun import freeze_time

from odoo.tests.common import tagged

from odoo.addons.stock_channel_hub.connectors.testing.fake_channel import FixedClock
from odoo.addons.stock_channel_hub.connectors.testing.fake_woocommerce import (
    BASE_URL,
    CONSUMER_KEY,
    CONSUMER_SECRET,
    FakeWooCommerce,
)

from .common import HubCase

SECRET = "whsec_" + "dGhlIHNob3AncyB3ZWJob29rIHNlY3JldCE="


@tagged("post_install", "-at_install")
class TestWooCommerce(HubCase):
    """One shop from its orders to its refunds, the hub's other side being real.

    The clocks of the shop and of the hub go together: what the shop dates is what the
    hub's cursor follows.
    """

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.lamp = cls.make_product("Lamp", "A-1")
        cls.chair = cls.make_product("Chair", "B-2")
        cls.woo = cls.env["stock.channel"].create(
            {
                "name": "Woo",
                "connector": "woocommerce",
                "base_url": BASE_URL,
                "credentials": {
                    "consumer_key": CONSUMER_KEY,
                    "consumer_secret": CONSUMER_SECRET,
                },
                "exception_owner_id": cls.owner.id,
                "alert_email": "stock-alerts@example.com",
            }
        )
        cls.env["stock.channel.secret"].create(
            {
                "channel_id": cls.woo.id,
                "new_value": SECRET,
                "valid_from": "2020-01-01",
            }
        )
        cls.woo_place = cls.make_place(cls.woo, "main", cls.stock)

    def setUp(self):
        super().setUp()
        self.env["ir.config_parameter"].set_param(
            "web.base.url", "https://erp.example.com"
        )
        self.clock = FixedClock(datetime.now(UTC).replace(microsecond=0))
        self.woo_shop = FakeWooCommerce(self.clock)
        self.shops[self.woo.id] = self.woo_shop
        keys = {
            product: self.woo_shop.add_item(product.default_code, "main", Decimal(0))
            for product in (self.lamp, self.chair)
        }
        for product, key in keys.items():
            self.receive(product, 10)
            self.make_listing(
                self.woo, product, product.default_code, item_id=key.item_id
            )
        self.go_live(self.woo)
        self.work()

    def pass_time(self, seconds):
        """Let time pass at both ends."""
        self.clock.advance(seconds)
        frozen = freeze_time(self.clock(), tick=False)
        frozen.start()
        self.addCleanup(frozen.stop)

    def work(self):
        """Let the hub poll the shop and do all it has to do."""
        for _round in range(2):
            # A rise waits for a round of polling after it was computed.
            self.pass_time(120)
            self.run_poll(self.woo)
            self.run_inbox()
            self.run_compute()
            self.run_publish(self.woo)

    def order_placed(self, order_id="1001"):
        """Place an order in the shop, which takes its goods, and let the hub work."""
        self.pass_time(60)
        self.woo_shop.add_order(order_id)
        order = self.woo_shop.books.orders[order_id]
        order.update(status="pending", currency=self.company.currency_id.name)
        self.woo_shop.deduct(order_id)
        order["status"] = "processing"
        self.work()

    def woo_order(self, order_id="1001"):
        return self.env["stock.channel.order"].search(
            [("channel_id", "=", self.woo.id), ("external_id", "=", order_id)]
        )

    def woo_exceptions(self):
        found = self.open_exceptions().filtered(lambda e: e.channel_id == self.woo)
        return found.mapped("title")

    def shows(self):
        return [int(self.woo_shop.books.shown(sku, "main")) for sku in ("A-1", "B-2")]

    def ship(self):
        """Ship all that is reserved of the order; tell the shop."""
        picking = self.woo_order().sale_order_id.picking_ids.filtered(
            lambda p: p.state == "assigned"
        )
        picking.move_ids.picked = True
        picking.button_validate()
        self.pass_time(60)
        self.run_publish(self.woo)

    # ------------------------------------------------------------------ tests

    def test_numbers_are_shown(self):
        self.assertEqual(self.shows(), [10, 10])

    def test_webhooks_are_made_and_looked_after(self):
        hooks = self.woo_shop.hooks.rows.values()
        self.assertEqual({row["delivery_url"] for row in hooks}, {self.woo.webhook_url})
        self.assertEqual({row["secret"] for row in hooks}, {SECRET})
        self.assertEqual(len(hooks), 4)
        for row in hooks:
            row["status"] = "disabled"
        self.pass_time(3600)
        self.work()
        self.assertEqual({row["status"] for row in hooks}, {"active"})

    def test_order_is_taken_over_to_the_cent(self):
        self.order_placed()
        order = self.woo_order()
        self.assertEqual(order.state, "applied", self.woo_exceptions())
        self.assertEqual(order.name, "#1001")
        self.assertAlmostEqual(order.sale_order_id.amount_total, 49.70)
        self.assertEqual(self.shows(), [7, 8])

    def test_refund_before_shipping_cancels(self):
        self.order_placed()
        self.pass_time(60)
        self.woo_shop.refund("1001", "9.90", restock=True, l10011=1)
        self.work()
        self.assertEqual(self.woo_order().line_ids.mapped("cancelled_qty"), [1.0, 0.0])
        self.assertFalse(self.woo_order().return_ids)
        self.assertEqual(self.shows(), [8, 8])

    def test_bin_cancels(self):
        self.order_placed()
        self.pass_time(60)
        self.woo_shop.bin("1001")
        self.work()
        self.assertEqual(self.woo_order().state, "cancelled")
        self.assertEqual(self.shows(), [10, 10])

    def store(self, sent):
        """File a delivery as the door does; return whether it was new."""
        connector = self.woo._connector()
        connector.verify(sent.body, sent.headers, connector.secrets, self.clock())
        delivery = connector.describe(sent.body, sent.headers)
        return (
            self.env["stock.channel.message"]
            .sudo()
            ._store(
                self.woo,
                dedupe_key=delivery.dedupe_key,
                topic=delivery.topic,
                order_key=delivery.order_key,
                raw=sent.body,
                origin="webhook",
            )
        )

    def test_s4_a_delivery_caught_a_year_ago_changes_nothing(self):
        """Its signature is good for ever: first its key stops it, then what it says."""
        self.order_placed()
        hooks = self.woo_shop.hooks
        (hook_id,) = (
            number
            for number, row in hooks.rows.items()
            if row["topic"] == "order.updated"
        )
        caught = hooks.deliver(hook_id, self.woo_shop.order("1001"))
        self.assertTrue(self.store(caught))
        self.run_inbox()
        self.assertFalse(self.store(caught))
        self.pass_time(60)
        self.woo_shop.bin("1001")
        self.work()
        order = self.woo_order()
        before = (order.state, order.version, order.sale_order_id.state)
        self.assertEqual((before[0], before[2]), ("cancelled", "cancel"))
        self.pass_time(365 * 86400)
        messages = self.env["stock.channel.message"].sudo()
        # The test's own transaction began before the year did.
        stored = messages.search([("channel_id", "=", self.woo.id)])
        stored.write({"processed_at": self.env.cr.now() - timedelta(days=365)})
        self.env.flush_all()
        self.assertEqual(messages._gc_messages(), (len(stored), 0))
        self.assertTrue(self.store(caught))
        self.run_inbox()
        self.assertEqual(
            (order.state, order.version, order.sale_order_id.state), before
        )
        self.assertEqual(self.shows(), [10, 10])
        self.assertEqual(self.woo_exceptions(), [])

    def test_shipment_is_told_and_order_completed(self):
        self.order_placed()
        self.ship()
        (note,) = self.woo_shop.notes["1001"]
        self.assertIn("3 × Item A-1", note["note"])
        self.assertEqual(self.woo_shop.order("1001")["status"], "completed")
        self.work()
        self.assertEqual(len(self.woo_shop.notes["1001"]), 1)
        self.assertEqual(self.woo_exceptions(), [])

    def test_refund_after_shipping_is_a_return(self):
        self.order_placed()
        self.woo.return_disposition = "restock"
        self.ship()
        self.work()
        self.woo_shop.refund("1001", "9.90", restock=True, l10011=1)
        self.work()
        self.assertEqual(self.woo_exceptions(), [])
        (told,) = self.woo_order().return_ids
        self.assertEqual(told.state, "announced")
        self.assertAlmostEqual(told.refund_amount, 9.90)
        self.assertEqual(told.line_ids.quantity, 1.0)

    def test_money_alone_is_a_return_without_goods(self):
        self.order_placed()
        self.ship()
        self.work()
        self.woo_shop.refund("1001", "5.00", restock=False)
        self.work()
        (told,) = self.woo_order().return_ids
        self.assertEqual(told.state, "done")
        self.assertAlmostEqual(told.refund_amount, 5.00)
        self.assertFalse(told.line_ids)
        self.assertEqual(self.woo_exceptions(), [])

    def test_cancelling_here_cancels_there(self):
        self.order_placed()
        self.woo_order().sale_order_id._action_cancel()
        self.pass_time(60)
        self.run_publish(self.woo)
        self.assertEqual(self.woo_shop.order("1001")["status"], "cancelled")
        self.work()
        self.assertEqual(self.shows(), [10, 10])
