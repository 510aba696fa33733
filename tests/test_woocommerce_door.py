import json
from datetime import UTC, datetime

from odoo.tests import HttpCase, tagged

from odoo.addons.stock_channel_hub.connectors.testing.fake_channel import FixedClock
from odoo.addons.stock_channel_hub.connectors.testing.fake_woocommerce_hooks import (
    FakeHooks,
)

SECRET = 'a shop\'s own <secret> & "more"'
FORM = {"Content-Type": "application/x-www-form-urlencoded"}
JSON = {"Content-Type": "application/json"}


@tagged("post_install", "-at_install")
class TestWooCommerceDoor(HttpCase):
    """What WooCommerce posts, as it posts it: forms, and bodies signed in base64."""

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.channel = cls.env["stock.channel"].create(
            {
                "name": "Woo Door",
                "connector": "woocommerce",
                "base_url": "https://woo.example",
                "credentials": {"consumer_key": "ck_1", "consumer_secret": "cs_1"},
            }
        )
        cls.env["stock.channel.secret"].create(
            {
                "channel_id": cls.channel.id,
                "new_value": SECRET,
                "valid_from": "2020-01-01",
            }
        )
        cls.make_maps()
        cls.channel.action_go_shadow()
        cls.hooks = FakeHooks(FixedClock(datetime.now(UTC)))
        cls.hooks.add(
            5, {"topic": "order.updated", "secret": SECRET, "delivery_url": "x"}
        )

    @classmethod
    def make_maps(cls):
        """Map what a channel needs before it has a door."""
        warehouse = cls.env["stock.warehouse"].search(
            [("company_id", "=", cls.env.company.id)], limit=1
        )
        product = cls.env["product.product"].create(
            {"name": "Lamp", "type": "consu", "is_storable": True}
        )
        cls.env["stock.channel.location"].create(
            {
                "channel_id": cls.channel.id,
                "name": "Main",
                "external_id": "main",
                "location_ids": [(6, 0, warehouse.lot_stock_id.ids)],
            }
        )
        cls.env["stock.channel.listing"].create(
            {
                "channel_id": cls.channel.id,
                "product_id": product.id,
                "sku": "A-1",
                "item_id": "12",
            }
        )

    def post(self, body, headers):
        """Post to the channel's door; return status and word of the answer."""
        path = f"/stock_channel/{self.channel.webhook_token}"
        response = self.url_open(path, data=body, headers=headers)
        return response.status_code, json.loads(response.text)["status"]

    def stored(self):
        return self.env["stock.channel.message"].search(
            [("channel_id", "=", self.channel.id)]
        )

    def test_ping_is_answered(self):
        self.assertEqual(self.post(self.hooks.pings[0], FORM), (200, "accepted"))
        self.assertFalse(self.stored())

    def test_other_forms_are_not(self):
        self.assertEqual(self.post(b"webhook_id=5&x=1", FORM), (401, "not authentic"))

    def test_signed_delivery_is_filed_under_its_order(self):
        sent = self.hooks.deliver(5, {"id": 4711, "status": "processing"})
        headers = {**sent.headers, **JSON}
        self.assertEqual(self.post(sent.body, headers), (200, "accepted"))
        self.assertEqual(self.post(sent.body, headers), (200, "duplicate"))
        (message,) = self.stored()
        self.assertEqual(message.order_key, "order:4711")
        self.assertEqual(message.topic, "order.updated")

    def test_changed_delivery_is_refused(self):
        sent = self.hooks.deliver(5, {"id": 4711, "status": "processing"})
        body = sent.body.replace(b"4711", b"4712")
        headers = {**sent.headers, **JSON}
        self.assertEqual(self.post(body, headers), (401, "not authentic"))
        self.assertFalse(self.stored())
