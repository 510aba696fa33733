"""What the tests of the ``vendure`` connector have in common."""

import unittest
from datetime import timedelta
from decimal import Decimal
from pathlib import Path

from ..data import (
    Cancellation,
    FetchedOrder,
    OrderLine,
    OrderSnapshot,
    QuantityKey,
    QuantityUpdate,
    ReportedLine,
    ReturnSnapshot,
    Shipment,
    UpdateResult,
)
from ..testing.fake_channel import FixedClock
from ..testing.fake_vendure import API_KEY, BASE_URL, FakeVendure
from ..vendure import VendureConnector

SAMPLES = Path(__file__).parents[1] / "samples" / "vendure"


class VendureCase(unittest.TestCase):
    """A connector in front of a fake shop with two items at one location."""

    def setUp(self) -> None:
        """Build clock, shop and connector."""
        self.clock = FixedClock()
        self.shop = FakeVendure(self.clock)
        self.key = self.shop.add_item("A-1", "main", Decimal(10))
        self.shop.add_item("B-2", "main", Decimal(10))
        self.connector = VendureConnector(
            {"base_url": BASE_URL, "api_key": API_KEY}, self.shop.transport, self.clock
        )

    # ------------------------------------------------------------------ reading

    def told(
        self, order: FetchedOrder | None
    ) -> tuple[OrderSnapshot, list[ReturnSnapshot]]:
        """Return the snapshots that a fetched order holds."""
        assert order is not None
        return self.read(order.raw)

    def read(self, raw: bytes) -> tuple[OrderSnapshot, list[ReturnSnapshot]]:
        """Return the snapshots of a stored body."""
        order, *rest = self.connector.parse(raw, "")
        assert isinstance(order, OrderSnapshot)
        returns = [event for event in rest if isinstance(event, ReturnSnapshot)]
        self.assertEqual(len(rest), len(returns))
        return order, returns

    def fetched(self, order_id: str = "1") -> OrderSnapshot:
        """Return an order as it is now."""
        return self.told(self.connector.fetch_order(order_id))[0]

    def line(self, line_id: str, order_id: str = "1") -> OrderLine:
        """Return a line of an order as it is now."""
        return {line.id: line for line in self.fetched(order_id).lines}[line_id]

    def poll(self, since_seconds_ago: float | None = None) -> list[FetchedOrder]:
        """Return the orders of all pages."""
        ago = since_seconds_ago
        since = None if ago is None else self.clock() - timedelta(seconds=ago)
        pages = self.connector.fetch_orders(since)
        return [order for page in pages for order in page.orders]

    def sent(self, name: str) -> int:
        """Return how many calls of one operation were made."""
        return sum(f" {name}(".encode() in c.body for c in self.shop.transport.calls)

    # ------------------------------------------------------------------ writing

    def key_of(self, sku: str, location_id: str = "main") -> QuantityKey:
        """Return the key of an item, listed or not."""
        return QuantityKey(sku=sku, item_id=f"v{sku}", location_id=location_id)

    def push(self, *numbers: tuple[QuantityKey, str]) -> list[UpdateResult]:
        """Publish, in rising sequence."""
        updates = [
            QuantityUpdate(
                key=key, quantity=Decimal(quantity), unit="Units", sequence=sequence
            )
            for sequence, (key, quantity) in enumerate(numbers, start=1)
        ]
        return self.connector.publish(updates, "push-1")

    def shipment(self, lines: dict[str, int], id_: str = "WH/OUT/1") -> Shipment:
        """Return a shipment of order 1."""
        return Shipment(
            id=id_,
            order_id="1",
            location_id="main",
            shipped_at=self.clock(),
            lines=_reported(lines),
            carrier="Example Post",
            tracking="T1",
        )

    def cancellation(self, lines: dict[str, int], id_: str = "C1") -> Cancellation:
        """Return a cancellation in order 1."""
        return Cancellation(
            id=id_,
            order_id="1",
            reason="Out of stock",
            decided_at=self.clock(),
            lines=_reported(lines),
        )


def _reported(lines: dict[str, int]) -> tuple[ReportedLine, ...]:
    return tuple(
        ReportedLine(order_line_id=line, quantity=Decimal(quantity))
        for line, quantity in lines.items()
    )
