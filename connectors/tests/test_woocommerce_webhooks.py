"""WooCommerce's webhooks: signatures, pings, keys, and subscriptions that die."""

import json
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from ..data import FetchOrder, WebhookState
from ..errors import BadSignature, Misconfigured
from ..testing.fake_channel import Fault
from ..transport import Response
from ..woocommerce_webhooks import TOPICS, is_usable_secret, sign, signing_key
from .test_woocommerce_conformance import OLD_SECRET, SECRET
from .woocommerce_case import WooCase

ADDRESS = "https://erp.example/stock_channel/t0ken"


class HookCase(WooCase):
    """The four webhooks of a channel."""

    def watch(self, address: str = ADDRESS) -> dict[str, tuple[WebhookState, str]]:
        """Look at the webhooks; return what had to be done about each topic."""
        findings = self.connector.watch_webhooks(address)
        found = {f.topic: (f.state, f.message) for f in findings}
        self.assertEqual(len(findings), len(found))
        return found

    def hook(self, topic: str = "order.updated") -> dict[str, Any]:
        """Return the one webhook of a topic, with its secret."""
        [row] = [r for r in self.shop.hooks.rows.values() if r["topic"] == topic]
        return row


class TestWatch(HookCase):
    """Made, left alone, mended."""

    def test_missing_ones_are_made(self) -> None:
        """With our address and secret; the second look finds nothing to do."""
        made = (WebhookState.MADE, "")
        self.assertEqual(dict.fromkeys(TOPICS, made), self.watch())
        for topic in TOPICS:
            row = self.hook(topic)
            self.assertEqual(
                (ADDRESS, SECRET, "active"),
                (row["delivery_url"], row["secret"], row["status"]),
            )
        self.assertEqual({}, self.watch())
        self.assertEqual(4, len(self.shop.hooks.rows))

    def test_one_that_was_switched_off_is_switched_on(self) -> None:
        """WooCommerce does that after six failures in a row and tells nobody."""
        self.watch()
        row = self.hook()
        for _ in range(7):
            self.shop.hooks.answered(row["id"], 500)
        self.assertEqual("disabled", row["status"])
        state, message = self.watch()["order.updated"]
        self.assertEqual(WebhookState.MENDED, state)
        self.assertIn("switched it off", message)
        self.assertEqual("active", row["status"])
        self.assertEqual({}, self.watch())

    def test_paused_and_deleted_ones(self) -> None:
        """Somebody did that by hand."""
        self.watch()
        self.hook()["status"] = "paused"
        del self.shop.hooks.rows[self.hook("order.created")["id"]]
        self.assertEqual(
            {
                "order.created": (WebhookState.MADE, ""),
                "order.updated": (WebhookState.MENDED, "It was paused."),
            },
            self.watch(),
        )

    def test_hub_that_moved_takes_its_webhooks_along(self) -> None:
        """To another host, or behind another door of this one."""
        self.watch()
        for address in (
            "https://new.example/stock_channel/t0ken",
            "https://new.example/stock_channel/0ther",
        ):
            with self.subTest(address):
                states = {state for state, _message in self.watch(address).values()}
                self.assertEqual({WebhookState.MENDED}, states)
                self.assertEqual(4, len(self.shop.hooks.rows))
                self.assertEqual(address, self.hook()["delivery_url"])

    def test_new_secret_is_given_to_the_shop(self) -> None:
        """It never shows the one it has; a trace in the name tells."""
        self.watch()
        self.connector.secrets = ("another secret of ours", SECRET)
        state, message = self.watch()["order.updated"]
        self.assertEqual(
            (WebhookState.MENDED, "It was signed with another secret."),
            (state, message),
        )
        self.assertEqual("another secret of ours", self.hook()["secret"])
        self.assertNotIn("another", self.hook()["name"])
        self.assertEqual({}, self.watch())

    def test_webhooks_of_others_are_left_alone(self) -> None:
        """Of other programs, of other topics, and of another channel."""
        for number, (topic, url) in enumerate(
            (
                ("order.updated", "https://other.example/hook"),
                ("product.updated", ADDRESS),
                ("order.updated", "https://erp.example/stock_channel/0ther"),
                ("order.updated", ""),
                ("order.updated", "http://[broken"),
            )
        ):
            row = {"topic": topic, "delivery_url": url, "secret": "x", "name": "Mine"}
            self.shop.hooks.add(700 + number, row)
        before = json.dumps([r for r in self.shop.hooks.rows.values()])
        self.watch()
        others = [r for r in self.shop.hooks.rows.values() if r["id"] >= 700]
        self.assertEqual(before, json.dumps(others))
        self.assertEqual(9, len(self.shop.hooks.rows))

    def test_second_one_of_a_topic_is_left_as_it_is(self) -> None:
        """Somebody paused it, for one is enough."""
        self.watch()
        row = {**self.hook(), "status": "paused"}
        self.shop.hooks.add(700, {key: row[key] for key in row if key != "id"})
        self.assertEqual({}, self.watch())
        self.assertEqual("paused", self.shop.hooks.rows[700]["status"])

    def test_refusal_is_told(self) -> None:
        """The others are looked at all the same."""
        handle = self.shop.transport._handler
        said = Response(400, {}, b'{"code":"no","message":"Webhook topic is invalid."}')
        self.shop.transport._handler = lambda call: (
            said if b'"order.deleted"' in call.body else handle(call)
        )
        found = self.watch()
        self.assertEqual(WebhookState.REFUSED, found["order.deleted"][0])
        self.assertIn("topic is invalid", found["order.deleted"][1])
        self.assertEqual(WebhookState.MADE, found["order.restored"][0])

    def test_no_secret_no_webhook(self) -> None:
        """Nothing that came could be believed."""
        self.connector.secrets = ()
        with self.assertRaises(Misconfigured) as caught:
            self.connector.watch_webhooks(ADDRESS)
        self.assertEqual("secrets", caught.exception.field)
        self.assertEqual([], self.calls)

    def test_trouble_is_told(self) -> None:
        """A key that may not see webhooks needs a person."""
        self.shop.transport.faults = [Fault.FORBIDDEN]
        self.assertRaises(Misconfigured, self.connector.watch_webhooks, ADDRESS)


class TestDelivery(HookCase):
    """What arrives at the door."""

    def setUp(self) -> None:
        """Subscribe."""
        super().setUp()
        self.watch()
        self.place("1001")

    def deliver(self, topic: str, resource: dict[str, Any]) -> tuple[bytes, Any]:
        """Return a delivery as it arrives; it is verified."""
        sent = self.shop.hooks.deliver(self.hook(topic)["id"], resource)
        self.connector.verify(sent.body, sent.headers, (SECRET,), self.clock())
        return sent.body, self.connector.describe(sent.body, sent.headers)

    def test_order_is_named(self) -> None:
        """Filed under the key of polled orders."""
        raw, delivery = self.deliver("order.updated", self.shop.order("1001"))
        self.assertEqual("order:1001", delivery.order_key)
        self.assertEqual("order.updated", delivery.topic)
        events = self.connector.parse(raw, delivery.topic)
        self.assertEqual([FetchOrder(order_id="1001")], events)

    def test_two_deliveries_of_one_second(self) -> None:
        """They share their delivery id, and are two."""
        _, first = self.deliver("order.updated", self.shop.order("1001"))
        self.shop.touch("1001", transaction_id="x")
        _, second = self.deliver("order.updated", self.shop.order("1001"))
        self.assertNotEqual(first.dedupe_key, second.dedupe_key)

    def test_same_content_again_is_a_repeat(self) -> None:
        """Whenever it is sent: the time is not signed."""
        _, first = self.deliver("order.updated", self.shop.order("1001"))
        self.clock.advance(3600)
        _, second = self.deliver("order.updated", self.shop.order("1001"))
        self.assertEqual(first.dedupe_key, second.dedupe_key)

    def test_deleted_twice_is_no_repeat(self) -> None:
        """Restored in between; both bodies are the id alone."""
        raw, first = self.deliver("order.deleted", {"id": 1001})
        self.assertEqual("order:1001", first.order_key)
        self.clock.advance(60)
        _, second = self.deliver("order.deleted", {"id": 1001})
        self.assertNotEqual(first.dedupe_key, second.dedupe_key)
        events = self.connector.parse(raw, first.topic)
        self.assertEqual([FetchOrder(order_id="1001")], events)

    def test_deleted_order_is_cancelled_when_it_is_fetched(self) -> None:
        """It lies in the bin by then."""
        self.shop.bin("1001")
        self.deliver("order.deleted", {"id": 1001})
        self.assertTrue(self.read("1001")[0].cancelled)

    def test_stored_body_of_ours_is_filed_as_polled(self) -> None:
        """Replays find the same key."""
        stored = self.connector.fetch_order("1001")
        assert stored is not None
        delivery = self.connector.describe(stored.raw, {})
        self.assertEqual(
            (stored.dedupe_key, stored.topic, "order:1001"),
            (delivery.dedupe_key, delivery.topic, delivery.order_key),
        )

    def test_topic_of_a_stranger(self) -> None:
        """Nothing odd gets into the inbox."""
        delivery = self.connector.describe(b'{"id":5}', {"x-wc-webhook-topic": "\x00"})
        self.assertEqual("", delivery.topic)
        other = self.connector.describe(
            b'{"id":5}', {"x-wc-webhook-topic": "product.updated"}
        )
        self.assertEqual("", other.order_key)


class TestPing(HookCase):
    """The unsigned form that WooCommerce posts before it switches a webhook on."""

    def test_ping_of_a_new_webhook(self) -> None:
        """Known, and not authentic."""
        self.watch()
        [ping, *_] = self.shop.hooks.pings
        self.assertTrue(self.connector.is_ping(ping, {}))
        self.assertRaises(
            BadSignature, self.connector.verify, ping, {}, (SECRET,), self.clock()
        )

    def test_nothing_else_is_a_ping(self) -> None:
        """Least of all what pretends to be signed."""
        for raw in (
            b"",
            b"webhook_id=",
            b"webhook_id=5&x=1",
            b'{"id":5}',
            b"webhook_id=a",
        ):
            self.assertFalse(self.connector.is_ping(raw, {}), raw)
        headers = {"x-wc-webhook-signature": "x"}
        self.assertFalse(self.connector.is_ping(b"webhook_id=5", headers))


class TestSecret(WooCase):
    """What a secret may be, and what key WordPress makes of it."""

    def test_entities_are_decoded_once(self) -> None:
        """The five characters WordPress encodes, however they are spelled."""
        for secret, key in {
            "plain": b"plain",
            "a&amp;b&lt;c&gt;d&quot;e": b'a&b<c>d"e',
            "a&#039;b&#39;c&#x27;d&#X0027;": b"a'b'c'd'",
            "&#038;&#x3C;&#60;&#34;": b'&<<"',
            "&amp;lt;": b"&lt;",
            "&copy;&#64;&nbsp;": b"&copy;&#64;&nbsp;",
            "naïve": "naïve".encode(),
        }.items():
            with self.subTest(secret):
                self.assertEqual(key, signing_key(secret))

    def test_encoded_and_plain_secret_sign_alike(self) -> None:
        """Whichever the shop has stored."""
        encoded = SECRET.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")
        self.assertEqual(sign(SECRET, b"{}"), sign(encoded, b"{}"))

    def test_usable_ones(self) -> None:
        """Long enough not to be guessed, one line."""
        for secret in (SECRET, OLD_SECRET, "x" * 16, "whsec_" + "A" * 32, "é" * 16):
            self.assertTrue(self.connector.accepts_secret(secret), secret)
        for secret in (
            "",
            "x" * 15,
            "x" * 256,
            " " + "x" * 20,
            "x" * 20 + "\n",
            "a\0" * 9,
        ):
            self.assertFalse(is_usable_secret(secret), secret)

    def test_short_secret_verifies_nothing(self) -> None:
        """Also where it fits."""
        headers = {"x-wc-webhook-signature": sign("short", b"{}")}
        self.assertRaises(
            BadSignature,
            self.connector.verify,
            b"{}",
            headers,
            ("short",),
            self.clock(),
        )

    @given(st.binary(max_size=60), st.text(min_size=16, max_size=40))
    def test_signed_is_verified_and_another_secret_is_not(
        self, raw: bytes, secret: str
    ) -> None:
        """For any body and any usable secret."""
        if not is_usable_secret(secret):
            return
        headers = {"x-wc-webhook-signature": sign(secret, raw)}
        self.connector.verify(raw, headers, (OLD_SECRET, secret), self.clock())
        self.assertRaises(
            BadSignature,
            self.connector.verify,
            raw,
            headers,
            (secret + "x",),
            self.clock(),
        )
