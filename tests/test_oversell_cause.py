"""Why more was sold than is there, as the recorded events tell it (PROOF, R10)."""

from datetime import timedelta

from odoo.tests import tagged

from .clock import NOON
from .oversell_common import OversellCase


@tagged("post_install", "-at_install")
class TestOversellCause(OversellCase):
    noon = NOON

    def test_the_channel_sold_more_than_it_was_told(self):
        self.receive(self.product, 1)
        self.settle()
        self.buy("A1")
        self.run_inbox()
        self.settle()
        self.buy("A2")
        self.run_inbox()
        exception = self.oversold()
        self.assertEqual(exception.oversell_cause, "edited")
        self.assertEqual(exception.channel_order_id.external_id, "A2")
        self.assertIn("it sells below zero", exception.cause)

    def test_counted_off_after_it_was_sold(self):
        self.receive(self.product, 1)
        self.settle()
        self.buy("A1")
        self.run_inbox()
        self.settle()
        quant = self.env["stock.quant"].search(
            [("product_id", "=", self.product.id), ("location_id", "=", self.stock.id)]
        )
        quant.with_context(inventory_mode=True).inventory_quantity = 0
        quant.action_apply_inventory()
        self.run_compute()
        exception = self.oversold()
        self.assertEqual(
            (exception.oversell_cause, exception.shortage_qty), ("count", 1)
        )

    def test_the_channel_refused_the_lower_number(self):
        self.receive(self.product, 1)
        self.settle()
        del self.other_shop.books.levels["DESK", "main"]
        self.buy("A1")
        self.run_inbox()
        self.publish_all()
        self.pass_time(60)
        self.buy("B1", channel=self.other)
        self.run_inbox()
        exception = self.oversold()
        self.assertEqual(
            (exception.oversell_cause, exception.channel_id), ("refused", self.other)
        )

    def test_a_set_and_its_part_at_one_shop(self):
        kit = self.make_product("Desk Set", "SET")
        self.make_kit(kit, {self.product: 1})
        self.make_listing(self.channel, kit, "SET")
        self.add_shop_item("SET", "main")
        self.receive(self.product, 1)
        self.settle()
        self.assertEqual((self.shown("SET"), self.shown("DESK")), (1, 1))
        self.buy("A1")
        self.pass_time(2)
        self.buy("A2", sku="SET")
        self.run_inbox()
        exception = self.oversold()
        self.assertEqual(
            (exception.oversell_cause, exception.shortage_product_id),
            ("kit", self.product),
        )

    def test_the_item_means_another_product_now(self):
        chair = self.make_product("Chair", "CHAIR")
        self.receive(self.product, 5)
        self.settle()
        self.pass_time(5)
        self.listing.product_id = chair
        self.pass_time(5)
        self.buy("A1")
        self.run_inbox()
        exception = self.oversold()
        self.assertEqual(
            (exception.oversell_cause, exception.shortage_product_id),
            ("mapping", chair),
        )

    def test_a_rule_that_expired(self):
        self.env["stock.channel.rule"].create(
            {
                "channel_id": self.channel.id,
                "kind": "backorder",
                "value": 2,
                "expires_at": NOON + timedelta(seconds=90),
            }
        )
        self.settle()
        self.assertEqual(self.shown(), 2)
        self.pass_time(60)
        self.buy("A1", quantity=2)
        self.run_inbox()
        exception = self.oversold()
        self.assertEqual(
            (exception.oversell_cause, exception.shortage_qty), ("buffer", 2.0)
        )
