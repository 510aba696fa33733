"""What ``JsonShop`` does for every connector that begins with it."""

import json
import unittest
from decimal import Decimal

from ..base import Connector
from ..data import (
    Cancellation,
    Customer,
    FetchOrder,
    OrderSnapshot,
    ReturnLine,
    ReturnSnapshot,
    ReturnStatus,
)
from ..errors import BadPayload, BadSignature, Misconfigured, Rejected, RetryLater
from ..json_shop import JsonShop
from ..signing import hmac_sha256_base64
from ..strict_json import Answer, load
from ..testing.fake_channel import FakeTransport, FixedClock, json_response
from ..transport import Request, Response, segment

NEW, OLD = "a secret of the shop", "the secret of last year"
RETURN = ReturnSnapshot(
    id="r-1",
    order_id="1001",
    version=4,
    status=ReturnStatus.ANNOUNCED,
    lines=(ReturnLine(order_line_id="1", quantity=Decimal(1)),),
)

ORDER = OrderSnapshot(
    id="1001",
    version=7,
    updated_at=FixedClock()(),
    placed_at=FixedClock()(),
    cancelled=False,
    currency="EUR",
    prices_include_tax=True,
    customer=Customer(),
    shipping_address=None,
    lines=(),
    total=Decimal(0),
)


class Shop(JsonShop):
    """The smallest one; ``told`` is what its bodies mean."""

    key = "shop"
    label = "The shop"
    signature_header = "x-signature"
    told: object = None

    def sign_in(self):
        return {"authorization": self.setting("token")}

    def parse(self, raw, topic):
        load(raw)
        return [] if self.told is None else [self.told]

    def nothing(self, *arguments):
        raise NotImplementedError

    publish = fetch_quantities = report_shipment = fetch_orders = nothing
    fetch_order = fetch_listings = fetch_locations = nothing


class ShopCase(unittest.TestCase):
    def setUp(self) -> None:
        """Answer every call with ``self.response``."""
        self.response = json_response({"a": {"b": [{"c": 1}]}})
        self.clock = FixedClock()
        self.transport = FakeTransport(self.answer)
        self.shop = self.built(base_url="https://shop.example/api", token="t-1")

    def answer(self, call: Request) -> Response:
        return self.response

    def built(self, **config: str) -> Connector:
        return Shop(config, self.transport, self.clock)


class TestCalls(ShopCase):
    def test_a_call_signs_in_and_reads_json(self):
        answer = self.shop.call("PUT", "/x", params={"p": "1"}, json={"j": 2})
        [call] = self.transport.calls
        self.assertEqual(
            ("PUT", "https://shop.example/api/x", {"p": "1"}, b'{"j":2}', "t-1"),
            (
                call.method,
                call.url,
                call.params,
                call.body,
                call.headers["authorization"],
            ),
        )
        self.assertEqual(1, answer.child("a").items("b", 9)[0].integer("c"))

    def test_a_setting_that_is_missing_is_named(self):
        for config, name in (
            ({}, "base_url"),
            ({"base_url": "https://shop.example", "token": "  "}, "token"),
        ):
            with self.subTest(name), self.assertRaises(Misconfigured) as caught:
                self.built(**config).call("GET", "/x")
            self.assertEqual(name, caught.exception.field)
        self.assertEqual([], self.transport.calls)

    def test_refusals(self):
        for status, kind in (
            (400, Rejected),
            (401, Misconfigured),
            (403, Misconfigured),
            (404, Rejected),
            (422, Rejected),
        ):
            self.response = json_response({"error": "secret text"}, status)
            with self.subTest(status=status), self.assertRaises(kind) as caught:
                self.shop.call("GET", "/x")
            self.assertIn(f"({status})", str(caught.exception))
            self.assertNotIn("secret", str(caught.exception))
            if kind is Rejected:
                self.assertEqual(str(status), caught.exception.code)

    def test_nonsense_is_asked_for_again(self):
        answer = self.shop.call("GET", "/x")
        for read, place in (
            (lambda: answer.text("a"), "a: must be a string"),
            (lambda: answer.child("a").text("b"), "a.b: must be a string"),
            (lambda: answer.child("a").items("b", 9)[0].text("c"), "a.b.0.c: must"),
            (lambda: answer.child("z"), "z: is missing"),
            (lambda: Answer([], "").child("z"), "body: must be an object"),
        ):
            with self.subTest(place), self.assertRaises(RetryLater) as caught:
                read()
            self.assertIn(f"makes no sense: {place}", str(caught.exception))

    def test_ids_become_one_part_of_a_path(self):
        self.assertEqual("a%2Fb%3Fc%23%25", segment("a/b?c#%"))
        for text in ("", ".", ".."):
            self.assertRaises(Rejected, segment, text)


class TestDeliveries(ShopCase):
    def verify(self, raw, signature, *secrets):
        headers = {"x-signature": signature}
        self.shop.verify(raw, headers, secrets, self.clock())

    def test_each_active_secret_signs(self):
        for secret in (NEW, OLD):
            signature = hmac_sha256_base64(secret.encode(), b"{}")
            self.verify(b"{}", signature, NEW, OLD)
        self.assertRaises(BadSignature, self.verify, b"{}", signature, NEW)
        self.assertRaises(BadSignature, self.verify, b"{ }", signature, NEW, OLD)

    def test_short_secrets_sign_nothing(self):
        for secret in ("", "fifteen letters"):
            self.assertIs(False, Shop.accepts_secret(secret))
            signature = hmac_sha256_base64(secret.encode(), b"{}")
            self.assertRaises(BadSignature, self.verify, b"{}", signature, secret)
        self.assertIs(True, Shop.accepts_secret("sixteen letters!"))

    def test_deliveries_are_filed_by_what_they_say(self):
        for told, order_key in (
            (None, ""),
            (FetchOrder(order_id="1001"), ""),
            (RETURN, "order:1001"),
        ):
            with self.subTest(told=told):
                self.shop.told = told
                delivery = self.shop.describe(b"{}", {})
                self.assertEqual(order_key, delivery.order_key)
                self.assertTrue(delivery.dedupe_key.startswith("digest:"))
                self.assertEqual("order", delivery.topic)
        self.assertEqual("", self.shop.describe(b"{", {}).order_key)
        self.assertRaises(BadPayload, self.shop.parse, b"{", "order")

    def test_the_same_order_comes_once(self):
        """However it came; another content of the same version is another delivery."""
        self.shop.told = ORDER
        keys = [
            self.shop.describe(raw, {}).dedupe_key
            for raw in (b'{"a": 1, "b": "2"}', b'{"b":"2","a":1}', b'{"a": 1}')
        ]
        polled = self.shop.fetched("1001", {"b": "2", "a": 1}).dedupe_key
        self.assertEqual([polled, polled], keys[:2])
        self.assertNotEqual(polled, keys[2])
        self.assertTrue(all(key.startswith("order:1001:7:") for key in keys))

    def test_what_is_polled_has_one_form(self):
        first = self.shop.fetched("1", {"b": Decimal("1.50"), "a": 1})
        again = self.shop.fetched("1", {"a": 1, "b": Decimal("1.50")})
        self.assertEqual(first, again)
        self.assertEqual({"a": 1, "b": "1.50"}, json.loads(first.raw))

    def test_cancellations_are_refused(self):
        cancellation = Cancellation(
            id="c", order_id="1", reason="", decided_at=self.clock(), lines=()
        )
        with self.assertRaises(Rejected) as caught:
            self.shop.report_cancel(cancellation)
        self.assertEqual(
            "The shop cannot be told of cancellations.", str(caught.exception)
        )
