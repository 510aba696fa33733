"""A shop in memory for the tests of the Shopify connector."""

import json
import unittest
from typing import Any

from ..shopify import ShopifyConnector
from ..testing.fake_channel import FixedClock
from ..testing.fake_shopify import ACCESS_TOKEN, BASE_URL, FakeShopify
from ..tokens import TokenStore


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

    def sent(self, name: str) -> list[dict[str, Any]]:
        """Return the variables of every call of an operation, in their order."""
        calls = [c for c in self.transport.calls if c.url.endswith("/graphql.json")]
        bodies = [json.loads(call.body) for call in calls]
        return [b["variables"] for b in bodies if f" {name}(" in b["query"]]
