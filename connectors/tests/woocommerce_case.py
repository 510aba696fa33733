"""A shop and a connector to it, for the tests of ``woocommerce``."""

import json
import unittest
from collections.abc import Sequence
from datetime import datetime
from decimal import Decimal
from typing import Any
from unittest.mock import patch
from urllib.parse import parse_qsl, urlsplit

from .. import woocommerce
from ..data import (
    FetchedOrder,
    OrderSnapshot,
    QuantityKey,
    QuantityUpdate,
    ReportedLine,
    ReturnSnapshot,
    Shipment,
    UpdateResult,
)
from ..strict_json import load
from ..testing.fake_channel import FixedClock
from ..testing.fake_woocommerce import FakeWooCommerce
from ..transport import Request
from .test_woocommerce_conformance import CONFIG, OLD_SECRET, SAMPLES, SECRET


class WooCase(unittest.TestCase):
    """Two items: the product A-1 shows 7, the variation B-2 shows 9."""

    config = CONFIG

    def setUp(self) -> None:
        """Open the shop."""
        super().setUp()
        self.clock = FixedClock()
        self.shop = FakeWooCommerce(self.clock)
        self.connector = woocommerce.WooCommerceConnector(
            self.config, self.shop.transport, self.clock, (SECRET, OLD_SECRET)
        )
        self.simple = self.shop.add_item("A-1", "main", Decimal(7))
        self.variation = self.shop.add_item("B-2", "main", Decimal(9))
        self.shop.books.effects.clear()

    # ---------------------------------------------------------------- numbers

    def key_of(self, item_id: str, sku: str = "X") -> QuantityKey:
        """Return the key of any item."""
        return QuantityKey(sku=sku, item_id=item_id, location_id="main")

    def push(self, *numbers: tuple[QuantityKey, str]) -> list[UpdateResult]:
        """Publish, in rising sequence."""
        updates = [
            QuantityUpdate(
                key=key, quantity=Decimal(quantity), unit="Units", sequence=sequence
            )
            for sequence, (key, quantity) in enumerate(numbers, start=1)
        ]
        return self.connector.publish(updates, "push-1")

    # ------------------------------------------------------------------ calls

    @property
    def calls(self) -> list[Request]:
        """Return what was sent."""
        return self.shop.transport.calls

    def paths(self, method: str = "POST") -> list[str]:
        """Return the paths of all calls of a kind, without their beginning."""
        return [
            urlsplit(call.url).path.removeprefix("/wp-json/wc/v3")
            for call in self.calls
            if call.method == method
        ]

    def bodies(self, method: str = "POST") -> list[dict[str, Any]]:
        """Return the bodies of all calls of a kind."""
        return [json.loads(c.body) for c in self.calls if c.method == method]

    def query(self, call: Request) -> dict[str, str]:
        """Return the query of a call."""
        return dict(parse_qsl(urlsplit(call.url).query))

    # ----------------------------------------------------------------- orders

    def small_pages(self, size: int = 2) -> None:
        """Make pages of orders small."""
        small = patch.object(woocommerce, "PAGE", size)
        small.start()
        self.addCleanup(small.stop)

    def place(self, *order_ids: str) -> None:
        """Place orders a minute apart."""
        for order_id in order_ids:
            self.clock.advance(60)
            self.shop.add_order(order_id)

    def poll(self, since: datetime | None = None) -> list[FetchedOrder]:
        """Return the orders of all pages."""
        pages = self.connector.fetch_orders(since)
        return [order for page in pages for order in page.orders]

    def ids(self, orders: Sequence[FetchedOrder]) -> list[str]:
        """Return the ids of orders."""
        return [order.order_id for order in orders]

    def read(self, order_id: str) -> tuple[OrderSnapshot, list[ReturnSnapshot]]:
        """Fetch one order and return what the hub learns."""
        fetched = self.connector.fetch_order(order_id)
        assert fetched is not None
        return self.parsed(fetched.raw, fetched.topic)

    def sample(self, name: str) -> tuple[OrderSnapshot, list[ReturnSnapshot]]:
        """Return what the hub learns from a sample."""
        return self.parsed((SAMPLES / f"{name}.json").read_bytes(), "")

    def changed_sample(self, name: str, **order: Any) -> OrderSnapshot:
        """Return what the hub learns from a sample whose order is a bit different."""
        body = load((SAMPLES / f"{name}.json").read_bytes()).value
        body["order"].update(order)
        return self.parsed(json.dumps(body, default=str).encode(), "")[0]

    def parsed(
        self, raw: bytes, topic: str
    ) -> tuple[OrderSnapshot, list[ReturnSnapshot]]:
        """Return the one order and the returns of a stored body."""
        snapshot, *rest = self.connector.parse(raw, topic)
        assert isinstance(snapshot, OrderSnapshot)
        returns = [event for event in rest if isinstance(event, ReturnSnapshot)]
        self.assertEqual(len(rest), len(returns))
        return snapshot, returns

    # -------------------------------------------------------------- shipments

    def shipment(self, *lines: tuple[str, str], **values: Any) -> Shipment:
        """Return a shipment of order 1001."""
        return Shipment(
            **{
                "id": "WH/OUT/00007",
                "order_id": "1001",
                "location_id": "main",
                "shipped_at": self.clock(),
                "lines": tuple(
                    ReportedLine(order_line_id=line, quantity=Decimal(quantity))
                    for line, quantity in lines
                ),
                "carrier": "Example & Post",
                "tracking": "TRACK1",
                **values,
            }
        )
