"""The ``shopify`` connector passes the suite for every connector."""

import unittest
from dataclasses import replace
from datetime import datetime
from pathlib import Path
from unittest.mock import patch

from .. import shopify_polling
from ..data import Cancellation, Shipment
from ..shopify import ShopifyConnector
from ..signing import hmac_sha256_base64
from ..testing.conformance import ConnectorConformance
from ..testing.fake_channel import FixedClock
from ..testing.fake_shopify import ACCESS_TOKEN, BASE_URL, MAIN, FakeShopify

SECRET = "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"  # noqa: S105 - invented
OLD_SECRET = "8d2c6f0b1a3e5d7c9b8a7f6e5d4c3b2a"  # noqa: S105 - invented


class TestShopifyConformance(ConnectorConformance, unittest.TestCase):
    """Names the connector, its fake and its samples; the suite does the rest."""

    connector_class = ShopifyConnector
    config = {"base_url": BASE_URL, "access_token": ACCESS_TOKEN}
    secrets = (SECRET, OLD_SECRET)
    samples = Path(__file__).parents[1] / "samples" / "shopify"

    def setUp(self) -> None:
        """Make pages small, so that a handful of orders fills several."""
        super().setUp()
        small = patch.object(shopify_polling, "PAGE", FakeShopify.page_size)
        small.start()
        self.addCleanup(small.stop)

    def make_server(self, clock: FixedClock) -> FakeShopify:
        """Return a shop that knows our token."""
        return FakeShopify(clock)

    def delivery_headers(
        self, raw: bytes, secret: str, now: datetime, message_id: str = "msg_1"
    ) -> dict[str, str]:
        """Return what Shopify sends beside a body; nothing but the body is signed."""
        return {
            "x-shopify-hmac-sha256": hmac_sha256_base64(secret.encode(), raw),
            "x-shopify-webhook-id": message_id,
        }

    def shipment(self, order_id: str, line_id: str, quantity: str = "1") -> Shipment:
        """Ship from the main warehouse, by its number."""
        shipment = super().shipment(order_id, self.line(line_id), quantity)
        return replace(shipment, location_id=MAIN)

    def cancellation(
        self, order_id: str, line_id: str, quantity: str = "1"
    ) -> Cancellation:
        """Cancel part of the order, by its line's number."""
        return super().cancellation(order_id, self.line(line_id), quantity)

    def line(self, line_id: str) -> str:
        """Return a line's number: the suite makes up names such as ``1001-1``."""
        return line_id.replace("-", "")
