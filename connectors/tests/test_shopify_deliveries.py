"""Which deliveries of Shopify are believed, and what they ask for."""

import contextlib
import json
import unittest
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from ..base import body_digest
from ..data import FetchOrder, OrderSnapshot
from ..errors import BadPayload, BadSignature
from ..shopify_deliveries import TOPIC_FIELDS, TOPICS, ShopifyDeliveries
from ..shopify_payload import wrap
from ..signing import hmac_sha256_base64
from ..testing.shopify_sale import Sale
from . import shopify_schema

CONTRACTS = shopify_schema.SCHEMA.parent
SAMPLES = Path(__file__).parents[1] / "samples" / "shopify"
NOW = datetime(2026, 11, 21, 12, tzinfo=UTC)
SECRET, OLD_SECRET = "shpss_" + 32 * "a", "shpss_" + 32 * "b"
BODY = b'{"id":1001,"admin_graphql_api_id":"gid://shopify/Order/1001","test":false}'


class DeliveryCase(unittest.TestCase):
    """The webhook side alone; it needs no shop."""

    def setUp(self) -> None:
        """Build it."""
        self.door = ShopifyDeliveries()
        self.door.config = {}

    def headers(self, raw: bytes = BODY, secret: str = SECRET) -> dict[str, str]:
        """Return the headers that Shopify sends."""
        return {
            "x-shopify-topic": "orders/updated",
            "x-shopify-webhook-id": "b54557e4-bdd9-4b37-8a5f-bf7d70bcd043",
            "x-shopify-hmac-sha256": hmac_sha256_base64(secret.encode(), raw),
        }

    def named(self, raw: bytes, topic: str = "") -> str:
        """Return the order that a body asks to be fetched."""
        [event] = self.door.parse(raw, topic)
        assert isinstance(event, FetchOrder)
        return event.order_id


class TestSignature(DeliveryCase):
    """Only the body is signed, and only with a secret of ours."""

    def verify(self, headers: dict[str, str], *secrets: str, raw: bytes = BODY) -> None:
        """Check a delivery."""
        self.door.verify(raw, headers, secrets, NOW)

    def test_each_active_secret(self) -> None:
        """After a rotation, Shopify may sign with the old one for an hour."""
        for secret in (SECRET, OLD_SECRET):
            self.verify(self.headers(secret=secret), SECRET, OLD_SECRET)

    def test_refused(self) -> None:
        """No secret, another one, an empty one, another body, no signature."""
        headers = self.headers()
        for secrets in ((), ("",), ("  ",), (OLD_SECRET,), ("§" * 20,), ("\ud800",)):
            with self.subTest(secrets), self.assertRaises(BadSignature):
                self.verify(headers, *secrets)
        with self.assertRaises(BadSignature):
            self.verify(headers, SECRET, raw=BODY + b" ")
        unsigned = {**headers, "x-shopify-hmac-sha256": ""}
        for given in ({}, unsigned):
            with self.assertRaises(BadSignature):
                self.verify(given, SECRET)

    def test_empty_secret_signs_nothing(self) -> None:
        """Also where somebody signed with it."""
        with self.assertRaises(BadSignature):
            self.verify(self.headers(secret=""), "")

    def test_only_the_exact_text(self) -> None:
        """Base64 that decodes to the same bytes is a changed signature."""
        headers = self.headers()
        name = "x-shopify-hmac-sha256"
        for changed in (
            headers[name] + "\n",
            " " + headers[name],
            headers[name].rstrip("="),
        ):
            with self.assertRaises(BadSignature):
                self.verify({**headers, name: changed}, SECRET)

    def test_which_secrets_can_be_entered(self) -> None:
        """Client secrets, and those of webhooks made by hand; not the blank."""
        for good in (SECRET, "0" * 32, "f" * 64):
            self.assertTrue(self.door.accepts_secret(good), good)
        for bad in ("", "hush", " " * 32, SECRET + " ", "ä" * 32, "a" * 300):
            self.assertFalse(self.door.accepts_secret(bad), bad)

    @unittest.skipUnless(
        (CONTRACTS / "webhook_hmac_vectors.json").is_file(), "no vectors beside"
    )
    def test_vectors(self) -> None:
        """As derived from the vendor's page."""
        text = (CONTRACTS / "webhook_hmac_vectors.json").read_text("utf-8")
        vectors = json.loads(text)["vectors"]
        self.assertGreaterEqual(len(vectors), 6)
        for vector in vectors:
            value = vector["header_value"]
            headers = {} if value is None else {"x-shopify-hmac-sha256": value}
            raw = vector["body"].encode()
            with self.subTest(vector["name"]):
                if vector["valid"]:
                    self.verify(headers, vector["secret"], raw=raw)
                    continue
                with self.assertRaises(BadSignature):
                    self.verify(headers, vector["secret"], raw=raw)


class TestReplay(DeliveryCase):
    """No header is signed: none decides what a delivery does."""

    def test_repeat_has_the_same_key(self) -> None:
        """Shopify repeats a delivery under its id, with its first body."""
        first = self.door.describe(BODY, self.headers())
        again = {**self.headers(), "x-shopify-triggered-at": "2026-11-21T16:00:00Z"}
        self.assertEqual(first, self.door.describe(BODY, again))
        self.assertEqual("order:1001", first.order_key)

    def test_old_body_cannot_take_another_deliverys_place(self) -> None:
        """Sent again under an id that is still to come."""
        other = BODY.replace(b"1001", b"1002")
        keys = {
            self.door.describe(raw, self.headers()).dedupe_key for raw in (BODY, other)
        }
        self.assertEqual(2, len(keys))

    def test_equal_bodies_are_told_apart_by_their_ids(self) -> None:
        """Of two changes within a second nothing but the id differs."""
        other = {**self.headers(), "x-shopify-webhook-id": "another"}
        keys = {self.door.describe(BODY, h).dedupe_key for h in (self.headers(), other)}
        self.assertEqual(2, len(keys))

    def test_without_id_the_body_is_the_key(self) -> None:
        """Also where the header holds rubbish."""
        for header in ({}, {"x-shopify-webhook-id": "a b\n"}):
            key = self.door.describe(BODY, header).dedupe_key
            self.assertEqual(body_digest(BODY), key)

    def test_topic_does_not_hide_an_order(self) -> None:
        """A body under a topic that is passed over still names its order."""
        self.assertEqual("1001", self.named(BODY, "inventory_levels/update"))

    def test_replayed_body_changes_nothing(self) -> None:
        """All it says is which order to read, as it is now."""
        whole = (SAMPLES / "webhook_orders_create_whole.json").read_bytes()
        self.assertEqual("820982911946154508", self.named(whole, "orders/create"))


class TestBodies(DeliveryCase):
    """Each kind of body names its order in another way."""

    def test_where_the_order_is_named(self) -> None:
        """By number, by wire id, below a name of its own."""
        for body, order in (
            ({"order_id": 1001}, "1001"),
            ({"order_id": "1001"}, "1001"),
            ({"order_edit": {"order_id": 1001}}, "1001"),
            ({"order": {"id": 1001}}, "1001"),
            ({"return": {"order_id": 1001}}, "1001"),
            ({"refund": {"order_id": 1001}}, "1001"),
            ({"fulfillment": {"order_id": 1001}}, "1001"),
            ({"admin_graphql_api_id": "gid://shopify/Order/1001?x=1"}, "1001"),
        ):
            with self.subTest(body):
                self.assertEqual(order, self.named(json.dumps(body).encode()))

    def test_bare_id_is_an_order_under_its_topic_only(self) -> None:
        """Anything has an id."""
        self.assertEqual("1001", self.named(b'{"id":1001}', "orders/delete"))
        with self.assertRaises(BadPayload):
            self.door.parse(b'{"id":1001}', "customers/redact")

    def test_what_belongs_to_an_order(self) -> None:
        """The order is asked for by the wire id of its part."""
        for name, part in (
            ("returns_update", "Return/123"),
            ("reverse_fulfillment_orders_dispose", "ReverseFulfillmentOrder/51"),
            ("fulfillment_orders_moved", "FulfillmentOrder/610011"),
            ("fulfillment_orders_order_routing_complete", "FulfillmentOrder/610011"),
        ):
            raw = (SAMPLES / f"webhook_{name}.json").read_bytes()
            with self.subTest(name):
                self.assertEqual(f"gid://shopify/{part}", self.named(raw))
                self.assertEqual("", self.door.describe(raw, {}).order_key)

    def test_other_topics_concern_no_order(self) -> None:
        """The echo of our own numbers, catalogue changes, the end of the app."""
        for topic in (
            "inventory_levels/update",
            "inventory_items/update",
            "locations/create",
            "products/update",
            "app/uninstalled",
            "shop/update",
        ):
            self.assertEqual([], self.door.parse(b'{"id":1}', topic), topic)

    def test_unexpected_topics_are_shown_to_a_person(self) -> None:
        """Above all those that ask for erasure."""
        for topic in ("customers/redact", "shop/redact", "customers/data_request", ""):
            with self.subTest(topic), self.assertRaises(BadPayload):
                self.door.parse(b'{"shop_id":1}', topic)

    def test_test_orders(self) -> None:
        """Passed over where the body says so, unless the setting takes them."""
        raw = BODY.replace(b"false", b"true")
        self.assertEqual([], self.door.parse(raw, "orders/create"))
        self.door.config = {"test_orders": "yes"}
        self.assertEqual("1001", self.named(raw, "orders/create"))
        self.door.config = {"test_orders": "no"}
        self.assertEqual([], self.door.parse(raw, "orders/create"))

    def test_stored_order(self) -> None:
        """What polling stores is read, under whatever topic and id it came."""
        stored = wrap(Sale([(1000, 1, 0)]).order())
        delivery = self.door.describe(stored.raw, self.headers())
        self.assertEqual(
            (stored.topic, stored.dedupe_key, "order:1001"),
            (delivery.topic, delivery.dedupe_key, delivery.order_key),
        )
        [event] = self.door.parse(stored.raw, "orders/updated")
        self.assertIsInstance(event, OrderSnapshot)

    def test_nothing_in_a_body_breaks_the_reader(self) -> None:
        """Each value in turn is replaced by one that does not belong there."""
        wrong = (2**62, -1, "", "x", 1.5, True, None, [], {}, [1], "9" * 400, 10**9)
        wrong += ("999999999999999.9999999999", "-999999999999999.99", 10**30)
        body = json.loads((SAMPLES / "order_returned.json").read_bytes())
        places = list(_values(body))
        for number, (holder, key) in enumerate(places):
            kept, holder[key] = holder[key], wrong[number % len(wrong)]
            raw = json.dumps(body).encode()
            topic = self.door.describe(raw, {}).topic
            with contextlib.suppress(BadPayload):
                self.door.parse(raw, topic)
            holder[key] = kept
        self.assertGreater(len(places), 150)

    @unittest.skipUnless((CONTRACTS / "fixtures").is_dir(), "no fixtures beside")
    def test_published_fixtures(self) -> None:
        """The vendor's own bodies, of the same family as those delivered."""
        for name, order in (
            ("order", "450789469"),
            ("refund", "450789469"),
            ("fulfillment", "450789469"),
        ):
            raw = (CONTRACTS / "fixtures" / f"{name}.json").read_bytes()
            with self.subTest(name):
                self.assertEqual(order, self.named(raw))
        for name in ("inventory_level", "inventory_item", "location"):
            raw = (CONTRACTS / "fixtures" / f"{name}.json").read_bytes()
            self.assertEqual([], self.door.parse(raw, f"{name}s/update"))


def _values(value: Any) -> Iterator[tuple[Any, Any]]:
    """Yield where every value of a body stands."""
    if isinstance(value, dict | list):
        keys = list(value) if isinstance(value, dict) else range(len(value))
        for key in keys:
            yield value, key
            yield from _values(value[key])


class TestSubscriptions(DeliveryCase):
    """What we ask Shopify to deliver."""

    def test_fields_are_those_that_are_read(self) -> None:
        """A body cut down to them still names its order, and nobody."""
        self.assertLessEqual(set(TOPIC_FIELDS), set(TOPICS))
        whole = json.loads((SAMPLES / "webhook_orders_create_whole.json").read_bytes())
        for topic, fields in TOPIC_FIELDS.items():
            body = {name: whole[name] for name in fields if name in whole}
            if "order_id" in fields:
                body = {"order_id": whole["id"]}
            raw = json.dumps(body).encode()
            self.assertEqual(str(whole["id"]), self.named(raw), topic)
            self.assertNotIn(b"ada", raw)

    @unittest.skipUnless(shopify_schema.is_there(), shopify_schema.REASON)
    def test_topics_exist(self) -> None:
        """By the schema's own list."""
        names = shopify_schema.names_in(shopify_schema.documents().values())
        topics = shopify_schema.schema(names).get_type("WebhookSubscriptionTopic")
        self.assertLessEqual(set(TOPICS), set(topics.values))
