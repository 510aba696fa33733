import json
from datetime import UTC, datetime

from odoo.tests import HttpCase

from odoo.addons.stock_channel_hub.connectors import signing
from odoo.addons.stock_channel_hub.connectors.testing.fake_rest import SECRET

OTHER_SECRET = "whsec_" + "c4n4ryOfTheOtherSecretNobodyKnowsItX"


class DoorCase(HttpCase):
    """A channel with a door, and a sender that signs."""

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.channel = cls.env["stock.channel"].create(
            {"name": "Door", "connector": "rest", "base_url": "https://shop.example"}
        )
        cls.make_secret(SECRET)
        warehouse = cls.env["stock.warehouse"].search(
            [("company_id", "=", cls.env.company.id)], limit=1
        )
        product = cls.env["product.product"].create(
            {"name": "Desk", "type": "consu", "is_storable": True}
        )
        cls.env["stock.channel.location"].create(
            {
                "channel_id": cls.channel.id,
                "name": "Main",
                "external_id": "main",
                "location_ids": [(6, 0, warehouse.lot_stock_id.ids)],
            }
        )
        cls.listing = cls.env["stock.channel.listing"].create(
            {"channel_id": cls.channel.id, "product_id": product.id, "sku": "DESK"}
        )
        cls.channel.action_go_shadow()
        cls.path = f"/stock_channel/{cls.channel.webhook_token}"
        cls.body = json.dumps({"type": "order.updated", "data": {"id": "1"}}).encode()

    @classmethod
    def make_secret(cls, value, **vals):
        return cls.env["stock.channel.secret"].create(
            {
                "channel_id": cls.channel.id,
                "new_value": value,
                "valid_from": "2020-01-01",
                **vals,
            }
        )

    def post(self, body=None, *, path=None, headers=None, key="msg_1", **signing_vals):
        body = self.body if body is None else body
        signed = self.sign(body, key, **signing_vals) if headers is None else headers
        return self.url_open(
            path or self.path,
            data=body,
            headers={"Content-Type": "application/json", **signed},
            method="POST",
            allow_redirects=False,
        )

    def sign(self, body, key="msg_1", secret=SECRET, moment=None):
        moment = moment or datetime.now(UTC)
        return signing.signed_headers(secret, key, moment, body)

    def stored(self):
        return self.env["stock.channel.message"].search(
            [("channel_id", "=", self.channel.id)]
        )

    def assert_answer(self, response, status, text):
        self.assertEqual(response.status_code, status)
        self.assertEqual(response.json(), {"status": text})
        self.assertNotIn("Set-Cookie", response.headers)

    def assert_refused(self, response):
        self.assert_answer(response, 401, "not authentic")
        self.assertFalse(self.stored())
