"""The ``woocommerce`` connector passes the suite for every connector."""

import hashlib
import unittest
from collections.abc import Callable
from dataclasses import replace
from datetime import datetime
from decimal import Decimal
from pathlib import Path
from unittest.mock import patch

from .. import woocommerce
from ..data import Cancellation, ReportedLine
from ..testing.conformance import ConnectorConformance
from ..testing.fake_channel import FixedClock
from ..testing.fake_woocommerce import (
    BASE_URL,
    CONSUMER_KEY,
    CONSUMER_SECRET,
    FakeWooCommerce,
)
from ..woocommerce_webhooks import sign

SECRET = 'sh0p & <"secret"> of the new webhook'
OLD_SECRET = "sh0p secret of the old webhook"
CONFIG = {
    "base_url": BASE_URL,
    "consumer_key": CONSUMER_KEY,
    "consumer_secret": CONSUMER_SECRET,
}
SAMPLES = Path(__file__).parents[1] / "samples" / "woocommerce"


class TestWooCommerceConformance(ConnectorConformance, unittest.TestCase):
    """Names the connector, its fake and its samples; the suite does the rest."""

    connector_class = woocommerce.WooCommerceConnector
    config = CONFIG
    secrets = (SECRET, OLD_SECRET)
    samples = SAMPLES

    def setUp(self) -> None:
        """Make pages small, so that a handful of orders fills several."""
        super().setUp()
        small = patch.object(woocommerce, "PAGE", FakeWooCommerce.page_size)
        small.start()
        self.addCleanup(small.stop)

    def make_server(self, clock: FixedClock) -> FakeWooCommerce:
        """Return a shop that knows our key."""
        return FakeWooCommerce(clock)

    def delivery_headers(
        self, raw: bytes, secret: str, now: datetime, message_id: str = "msg_1"
    ) -> dict[str, str]:
        """Return the headers of a webhook; the delivery id is a hash."""
        return {
            "x-wc-webhook-topic": "order.updated",
            "x-wc-webhook-id": "5",
            "x-wc-webhook-delivery-id": hashlib.sha256(message_id.encode()).hexdigest(),
            "x-wc-webhook-signature": sign(secret, raw),
        }

    def sample_topic(self, name: str, raw: bytes) -> str:
        """Return what the header of a webhook said."""
        if name.startswith("webhook_order_"):
            event = name.removeprefix("webhook_order_").removesuffix(".json")
            return f"order.{event}"
        return super().sample_topic(name, raw)

    def operations(self) -> dict[str, Callable[[], object]]:
        """Cancel another order than the one shipped, as a whole."""
        calls = super().operations()
        lines = self.server.add_order("1002")
        cancellation = self.cancellation("1002", lines[0])
        calls["cancel"] = lambda: self.connector.report_cancel(cancellation)
        calls["webhooks"] = lambda: self.connector.watch_webhooks(
            "https://erp.example/stock_channel/abc"
        )
        return calls

    def cancellation(
        self, order_id: str, line_id: str, quantity: str = "1"
    ) -> Cancellation:
        """Return a cancellation of the whole order, the only one the shop takes."""
        first = super().cancellation(order_id, line_id, "3")
        second = ReportedLine(order_line_id=f"{order_id}2", quantity=Decimal(2))
        return replace(first, lines=(*first.lines, second))
