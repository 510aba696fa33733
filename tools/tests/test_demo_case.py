"""What the demo shop's tests share: a shop in memory, a signing client, a hub."""

from __future__ import annotations

import json
import unittest
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import Any

from standardwebhooks import Webhook

from tools.demo_shop import catalogue
from tools.demo_shop.app import create_app
from tools.demo_shop.outbox import Outbox
from tools.demo_shop.store import Store

SECRET = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"  # noqa: S105
CHAIR = "FURN_0269"
WEST = "san-francisco"
DOOR = "https://hub.example/stock_channel/token"


class Hub:
    """Stands in for the hub: takes what the outbox sends, answers as told."""

    def __init__(self) -> None:
        self.answers: list[int | OSError] = []
        self.taken: list[tuple[dict[str, str], dict[str, Any]]] = []

    def __call__(self, url: str, body: bytes, headers: Mapping[str, str]) -> int:
        """Verify one webhook like a receiver must, and answer."""
        if url != DOOR:
            raise ValueError(url)
        answer = self.answers.pop(0) if self.answers else 200
        if isinstance(answer, OSError):
            raise answer
        Webhook(SECRET).verify(body, dict(headers))
        self.taken.append((dict(headers), json.loads(body)))
        return answer


class ShopCase(unittest.TestCase):
    """A fresh shop in memory, a client that signs, and a hub that listens."""

    def setUp(self) -> None:
        self.now = datetime.now(UTC)
        self.store = Store(catalogue.load(), clock=self.tick)
        self.addCleanup(self.store.close)
        self.client = create_app(self.store, SECRET).test_client()
        self.hub = Hub()
        self.outbox = Outbox(self.store, DOOR, SECRET, send=self.hub)

    def tick(self) -> datetime:
        """Return a moment that differs from every earlier one."""
        self.now += timedelta(microseconds=1)
        return self.now

    def signed(self, raw: bytes, moment: datetime | None = None) -> dict[str, str]:
        """Return the headers that make a body the hub's."""
        at = moment or datetime.now(UTC)
        return {
            "webhook-id": "msg_1",
            "webhook-timestamp": str(int(at.timestamp())),
            "webhook-signature": Webhook(SECRET).sign("msg_1", at, raw.decode()),
        }

    def hub_posts(self, path: str, kind: str, data: Any, key: str = "") -> Any:
        """Post a signed body as the hub would."""
        body = {"type": kind, "timestamp": "2026-01-01T00:00:00Z", "data": data}
        raw = json.dumps(body).encode()
        headers = {**self.signed(raw), **({"Idempotency-Key": key} if key else {})}
        return self.client.post(path, data=raw, headers=headers)

    def publish(self, *levels: dict[str, Any], key: str = "") -> Any:
        """Send numbers as the hub would."""
        return self.hub_posts(
            "/inventory", "inventory.updated", {"levels": levels}, key
        )

    def level(self, quantity: str, sequence: int, **other: Any) -> dict[str, Any]:
        """Return one level of the chair in the west."""
        return {
            "sku": CHAIR,
            "location_id": WEST,
            "quantity": quantity,
            "unit": "Units",
            "sequence": sequence,
            "previous": None,
            **other,
        }

    def control(self, path: str, body: Any = None) -> Any:
        """Press a button of the page."""
        return self.client.post(f"/control{path}", json=body or {})

    def order(self, quantity: str, sku: str = CHAIR) -> dict[str, Any]:
        """Let a customer buy."""
        answer = self.control(
            "/orders", {"lines": [{"sku": sku, "quantity": quantity}]}
        )
        self.assertEqual(answer.status_code, 201)
        return dict(answer.get_json())

    def shown(self) -> str:
        """Return the number of chairs shown in the west."""
        return f"{self.store.quantity(CHAIR, WEST)}"

    def ship(self, order: dict[str, Any], quantity: str, report: str = "ship-1") -> Any:
        """Report a shipment of an order's first line as the hub would."""
        return self.hub_posts(
            "/shipments",
            "shipment.created",
            {
                "id": report,
                "order_id": order["id"],
                "carrier": "UPS",
                "tracking": "1Z",
                "shipped_at": "2026-01-01T00:00:00Z",
                "location_id": WEST,
                "lines": [
                    {"order_line_id": order["lines"][0]["id"], "quantity": quantity}
                ],
            },
        )
