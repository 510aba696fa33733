"""S1: a channel without an active secret takes nothing in, whatever its connector."""

from odoo.tests import tagged

from odoo.addons.stock_channel_hub.connectors import registry
from odoo.addons.stock_channel_hub.connectors.signing import hmac_sha256_base64
from odoo.addons.stock_channel_hub.connectors.testing.fake_rest import SECRET

from .door_common import DoorCase


@tagged("post_install", "-at_install")
class TestFailClosed(DoorCase):
    """S1: no active secret is 401 and no row, per connector, at the door itself."""

    def forged(self, body, key=b""):
        """Return the headers of every way to sign, made with a key anybody knows."""
        digest = hmac_sha256_base64(key, body)
        content = b"msg_1.%d." % int(self.moment.timestamp()) + body
        return {
            "webhook-id": "msg_1",
            "webhook-timestamp": str(int(self.moment.timestamp())),
            "webhook-signature": f"v1,{hmac_sha256_base64(key, content)}",
            "x-wc-webhook-signature": digest,
            "x-wc-webhook-topic": "order.updated",
            "x-wc-webhook-resource": "order",
            "x-shopify-hmac-sha256": digest,
            "x-shopify-topic": "orders/updated",
        }

    def setUp(self):
        super().setUp()
        self.moment = self.env.cr.now()

    def states(self):
        """Yield (what is there, how it is brought about) of every way to have none."""
        secrets = self.channel.secret_ids
        yield "ended", lambda: secrets.write({"valid_to": "2020-01-02"})
        yield (
            "not begun",
            lambda: secrets.write({"valid_from": "2099-01-01", "valid_to": False}),
        )
        yield "emptied", lambda: secrets.sudo().write({"value": False})
        yield "removed", secrets.unlink

    def test_s1_every_connector_refuses_and_stores_nothing(self):
        names = sorted(registry.all_connectors())
        self.assertGreaterEqual(len(names), 6)
        for state, bring_about in self.states():
            bring_about()
            # What an empty value looks like when somebody makes text of it.
            keys = (b"", b"None", b"False") if state == "emptied" else (b"",)
            for name in names:
                self.channel.sudo().connector = name
                self.env.flush_all()
                for headers in (
                    {},
                    self.sign(self.body, secret=SECRET),
                    *(self.forged(self.body, key) for key in keys),
                ):
                    with self.subTest(connector=name, state=state):
                        self.assert_refused(self.post(headers=headers))
