"""A shop in memory for the tests of the Shopify connector."""

import json
import unittest
from decimal import Decimal
from typing import Any

from ..data import ReportedLine
from ..errors import ConnectorError
from ..shopify import ShopifyConnector
from ..testing.fake_channel import Fault, FixedClock
from ..testing.fake_shopify import ACCESS_TOKEN, BASE_URL, FakeShopify
from ..tokens import TokenStore
from ..transport import Request


class ShopifyCase(unittest.TestCase):
    """A shop in memory and a connector that talks to it."""

    def setUp(self) -> None:
        """Open the shop."""
        self.clock = FixedClock()
        self.server = FakeShopify(self.clock)
        self.transport = self.server.transport
        self.connector = self.connect(access_token=ACCESS_TOKEN)

    def connect(
        self, tokens: TokenStore | None = None, **config: str
    ) -> ShopifyConnector:
        """Return a connector with other settings."""
        return ShopifyConnector(
            {"base_url": BASE_URL, **config}, self.transport, self.clock, (), tokens
        )

    def paused(self) -> list[float]:
        """Return how long was waited for points, in seconds."""
        return [round(seconds, 4) for seconds in self.transport.pauses]

    def sent(self, name: str) -> list[dict[str, Any]]:
        """Return the variables of every call of an operation, in their order."""
        calls = [c for c in self.transport.calls if c.url.endswith("/graphql.json")]
        bodies = [json.loads(call.body) for call in calls]
        return [b["variables"] for b in bodies if f" {name}(" in b["query"]]


class OrderCase(ShopifyCase):
    """An order of three A-1 (line 10011) and five B-2 (line 10012), all at main."""

    def setUp(self) -> None:
        """Place it; A-1 is stocked at the shop too."""
        super().setUp()
        for place in ("main", "shop"):
            self.server.add_item("A-1", place, Decimal(7))
        self.server.add_item("B-2", "main", Decimal(9))
        self.server.add_order("1001")
        self.order = self.server.books.orders["1001"]
        self.server.books.effects.clear()
        self.transport.calls.clear()

    def lose(self, name: str) -> None:
        """Lose the answer of the next call of an operation."""
        exchange = self.transport._exchange

        def lossy(call: Request) -> Any:
            is_it = f"mutation {name}(" in call.body.decode()
            if is_it:
                self.transport._exchange = exchange  # type: ignore[method-assign]
                self.transport.faults = [Fault.LOST_ANSWER]
            return exchange(call)

        self.transport._exchange = lossy  # type: ignore[method-assign]

    def refused(
        self, error: type[ConnectorError], call: Any, *args: Any
    ) -> ConnectorError:
        """Return the error a call ends with."""
        with self.assertRaises(error) as caught:
            call(*args)
        return caught.exception

    def lines(self, **quantities: str) -> tuple[ReportedLine, ...]:
        """Return lines such as ``a="2"``."""
        ids = {"a": "10011", "b": "10012"}
        return tuple(
            ReportedLine(order_line_id=ids[name], quantity=Decimal(quantity))
            for name, quantity in quantities.items()
        )
