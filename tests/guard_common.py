"""A shop with many listings, to change a lot of them at once."""

from unittest.mock import patch

from odoo import fields

from odoo.addons.stock_channel_hub.models import stock_channel_dirty

from .common import HubCase


class GuardCase(HubCase):
    """``size`` listings, ten of each on the shelf, all told to the channel."""

    size = 30
    on_hand = 10

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.listing.active = False
        cls.products = cls.env["product.product"].create(
            [
                {
                    "name": f"Item {number}",
                    "default_code": f"ITEM-{number}",
                    "type": "consu",
                    "is_storable": True,
                    "list_price": 10.0,
                }
                for number in range(cls.size)
            ]
        )
        cls.listings = cls.env["stock.channel.listing"].create(
            [
                {
                    "channel_id": cls.channel.id,
                    "product_id": product.id,
                    "sku": product.default_code,
                }
                for product in cls.products
            ]
        )
        for product in cls.products:
            cls.env["stock.quant"]._update_available_quantity(
                product, cls.shelf, cls.on_hand
            )

    def setUp(self):
        super().setUp()
        for listing in self.listings:
            self.add_shop_item(listing.sku, "main")
        self.at_work()

    def at_work(self):
        """Let everything that has work do it; rises wait for a round of polling."""
        for _round in range(2):
            self.run_inbox()
            self.run_compute()
            self.run_poll()
            self.run_publish()

    def at_once(self, size):
        """Drain so many changes per transaction."""
        return patch.object(stock_channel_dirty, "DRAIN_SIZE", size)

    def rows(self, listings=None):
        return self.env["stock.channel.publication"].search(
            [("listing_id", "in", (listings or self.listings).ids)], order="id"
        )

    def told(self, listings=None):
        """Return what the shop shows of these, in order."""
        return [self.shown(listing.sku) for listing in listings or self.listings]

    def pushes(self, state=None):
        domain = [("held_at", "!=", False)]
        if state:
            domain.append(("state", "=", state))
        return self.env["stock.channel.push"].search(domain, order="id")

    def assert_held_once(self, count=None):
        """One push, one proposal, one exception; the shop shows what it did."""
        push = self.pushes()
        self.assertEqual(push.mapped("state"), ["held"])
        self.assertEqual(push.approval_id.state, "proposed")
        exception = self.env["stock.channel.exception"].search(
            [("held_push_id", "=", push.id)]
        )
        self.assertEqual(exception.mapped("state"), ["open"])
        self.assertEqual(exception.category, "approval")
        if count is not None:
            self.assertEqual(push.held_count, count)
        return push

    def assert_nothing_held(self):
        self.assertFalse(self.pushes())
        self.assertFalse(self.rows().held_push_id)

    def approver(self, **vals):
        return self.make_user("group_approver", **vals)

    def rule(self, kind, value, **vals):
        return self.env["stock.channel.rule"].create(
            {"channel_id": self.channel.id, "kind": kind, "value": value, **vals}
        )

    def sell(self, product, quantity):
        """Ship goods that no channel ordered."""
        self.finish(self.make_move(product, quantity, self.stock, self.customers))

    def now(self):
        return fields.Datetime.now()
