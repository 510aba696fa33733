"""The ``medusa`` connector passes the suite for every connector."""

import unittest
from collections.abc import Callable
from dataclasses import replace
from decimal import Decimal
from pathlib import Path
from unittest.mock import patch

from .. import medusa
from ..data import Cancellation, QuantityUpdate, ReportedLine, ResultStatus, Shipment
from ..errors import RetryLater
from ..testing.conformance import ConnectorConformance
from ..testing.conformance_story import StoryConformance
from ..testing.fake_channel import FixedClock
from ..testing.fake_medusa import API_KEY, BASE_URL, FakeMedusa

SECRET = "whsec_" + "c2VjcmV0IG9mIHRoZSBtZWR1c2Egc3Vic2NyaWJlcg=="
OLD_SECRET = "whsec_" + "dGhlIG9sZCBzZWNyZXQsIHN0aWxsIGFjdGl2ZSE="


class TestMedusaConformance(StoryConformance, ConnectorConformance, unittest.TestCase):
    """Names the connector, its fake and its samples; the suite does the rest."""

    connector_class = medusa.MedusaConnector
    config = {"base_url": BASE_URL, "api_key": API_KEY}
    secrets = (SECRET, OLD_SECRET)
    samples = Path(__file__).parents[1] / "samples" / "medusa"

    def setUp(self) -> None:
        """Make pages small, so that a handful of orders fills several."""
        super().setUp()
        small = patch.object(medusa, "PAGE", FakeMedusa.page_size)
        small.start()
        self.addCleanup(small.stop)

    def make_server(self, clock: FixedClock) -> FakeMedusa:
        """Return a shop that knows our key."""
        return FakeMedusa(clock)

    def operations(self) -> dict[str, Callable[[], object]]:
        """Cancel another order than the one shipped: Medusa refuses that."""
        calls = super().operations()
        lines = self.server.add_order("1002")
        cancellation = self.cancellation("1002", lines[0])
        calls["cancel"] = lambda: self.connector.report_cancel(cancellation)
        return calls

    def shipment(self, order_id: str, line_id: str, quantity: str = "1") -> Shipment:
        """Ship from the shop: fulfilling takes from what Medusa shows there."""
        shipment = super().shipment(order_id, line_id, quantity)
        return replace(shipment, location_id="shop")

    def cancellation(
        self, order_id: str, line_id: str, quantity: str = "1"
    ) -> Cancellation:
        """Return a cancellation of the whole order, the only one Medusa takes."""
        first = super().cancellation(order_id, line_id, "3")
        second = ReportedLine(order_line_id=f"{order_id}-2", quantity=Decimal(5))
        return replace(first, lines=(*first.lines, second))

    def publish_or_lose(self, update: QuantityUpdate) -> None:
        """Medusa reads back by itself: applied is claimed only where it is shown."""
        try:
            [result] = self.publish(update)
        except RetryLater:
            return
        if result.status is ResultStatus.APPLIED:
            self.assertEqual(update.quantity, self.server.quantity(update.key))
        else:
            self.assertEqual(ResultStatus.UNKNOWN, result.status)
