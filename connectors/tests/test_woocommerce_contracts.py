"""Against the published shapes and samples, where they lie beside the checkout."""

import json
import unittest
from decimal import Decimal
from functools import cache
from pathlib import Path
from typing import Any

from jsonschema import Draft202012Validator

from ..data import OrderSnapshot
from ..errors import BadSignature
from ..strict_json import load
from ..woocommerce_order import parse_events
from ..woocommerce_payload import wrap
from .test_woocommerce_conformance import SAMPLES
from .woocommerce_case import WooCase

CONTRACTS = Path(__file__).parents[2].parent / "shared" / "contracts" / "woocommerce"


@cache
def contract(name: str) -> Any:
    """Return one file of the contracts."""
    return json.loads((CONTRACTS / name).read_text("utf-8"))


def answers(name: str) -> list[dict[str, Any]]:
    """Return the objects of an answer that the documentation shows."""
    text = (CONTRACTS / "samples" / f"{name}.response.json").read_text("utf-8")
    answer = json.loads(text, parse_float=Decimal)
    if isinstance(answer, dict) and "id" not in answer:
        return [r for key in ("create", "update") for r in answer.get(key, ())]
    return answer if isinstance(answer, list) else [answer]


@unittest.skipUnless(CONTRACTS.is_dir(), "the contracts are not beside the checkout")
class TestContracts(WooCase):
    """What we send, what the fake answers, and what the documentation shows."""

    def valid(self, schema: str, value: Any) -> None:
        """Check a value against a schema."""
        plain = json.loads(json.dumps(value, default=float))
        Draft202012Validator(contract(f"derived_{schema}.schema.json")).validate(plain)

    def test_orders_of_the_documentation_are_read(self) -> None:
        """Each to the cent."""
        names = ("retrieve-an-order", "list-all-orders", "create-an-order")
        names += ("update-an-order", "delete-an-order", "batch-update-orders")
        count = 0
        for name in names:
            for order in answers(f"orders__{name}"):
                with self.subTest(name, id=order["id"]):
                    self.valid("order", order)
                    snapshot, *returns = parse_events(load(wrap(order, []).raw))
                    assert isinstance(snapshot, OrderSnapshot)
                    self.assertEqual(str(order["id"]), snapshot.id)
                    self.assertEqual(Decimal(order["total"]), snapshot.total)
                    self.assertEqual(len(order["line_items"]), len(snapshot.lines))
                    self.assertEqual([], returns)
                    count += 1
        self.assertGreaterEqual(count, 8)

    def test_refunds_of_the_documentation_are_read(self) -> None:
        """One with a line, one of money alone."""
        refunds = answers("order-refunds__list-all-refunds")
        for refund in refunds:
            self.valid("order_refund", refund)
        order = answers("orders__retrieve-an-order")[0]
        order["line_items"][0]["id"] = 311
        order.update(status="completed", date_completed_gmt="2017-03-20T00:00:00")
        _snapshot, *returns = parse_events(load(wrap(order, refunds).raw))
        self.assertEqual(["724", "726"], [told.id for told in returns])
        self.assertEqual([1, 0], [len(told.lines) for told in returns])

    def test_our_samples_have_the_published_shape(self) -> None:
        """Orders, refunds and bodies of webhooks."""
        api = SAMPLES / "api"
        for order in json.loads((api / "orders.json").read_text("utf-8")):
            self.valid("order", order)
        for refund in json.loads((api / "refunds.json").read_text("utf-8")):
            self.valid("order_refund", refund)
        for event in ("created", "updated", "restored"):
            path = SAMPLES / f"webhook_order_{event}.json"
            self.valid("order", json.loads(path.read_text("utf-8")))

    def test_the_fake_answers_the_published_shapes(self) -> None:
        """Orders, refunds, variations and webhooks."""
        self.place("1001")
        self.shop.refund("1001", "9.90", restock=True, l10011=1)
        self.valid("order", self.shop.order("1001"))
        self.valid("order_refund", self.shop.refunds["1001"][0])
        for row in self.shop.variations.values():
            self.valid("product_variation", self.shop._shown(row))
        self.connector.watch_webhooks("https://erp.example/stock_channel/t0ken")
        for row in self.shop.hooks.shown():
            self.valid("webhook", row)

    def test_what_we_send_has_the_published_shape(self) -> None:
        """Rows of a batch, an order's change, webhooks."""
        self.place("1001")
        self.push((self.simple, "3"), (self.variation, "4"))
        for body in self.bodies():
            for row in body["update"]:
                self.valid("product_variation", row)
        self.connector.report_shipment(self.shipment(("10011", "3"), ("10012", "2")))
        for change in self.bodies("PUT"):
            self.valid("order", {"id": 1001, **change})
        self.connector.watch_webhooks("https://erp.example/stock_channel/t0ken")
        for body in self.bodies()[-4:]:
            self.valid("webhook", {"id": 1, **body})
        properties = contract("derived_webhook.schema.json")["properties"]
        self.assertLessEqual(set(self.bodies()[-1]), set(properties))

    def test_vectors_of_signatures(self) -> None:
        """Valid, tampered with, a ping, and a body of an id alone."""
        for vector in contract("webhook_signature_vectors.json")["vectors"]:
            with self.subTest(vector["name"]):
                raw = vector["body"].encode()
                headers = {k.lower(): v for k, v in vector["headers"].items()}
                call = (raw, headers, (vector["secret"],), self.clock())
                if vector["valid"]:
                    self.connector.verify(*call)
                    events = self.connector.parse(raw, headers["x-wc-webhook-topic"])
                    self.assertEqual(1, len(events))
                    continue
                self.assertRaises(BadSignature, self.connector.verify, *call)
                is_ping = vector["valid"] is None
                self.assertEqual(is_ping, self.connector.is_ping(raw, headers))

    def test_errors_of_the_documentation(self) -> None:
        """They carry a code and a message."""
        for name in ("introduction__errors", "introduction__errors-1"):
            [error] = [contract(f"samples/{name}.response.json")]
            self.assertEqual({"code", "message", "data"}, set(error))
