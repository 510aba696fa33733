"""The ``vendure`` connector passes the suite for every connector."""

import unittest
from pathlib import Path
from unittest.mock import patch

from .. import vendure
from ..data import QuantityUpdate, ResultStatus
from ..errors import RetryLater
from ..testing.conformance import ConnectorConformance
from ..testing.fake_channel import FixedClock
from ..testing.fake_vendure import API_KEY, BASE_URL, PASSWORD, USER, FakeVendure

SECRET = "whsec_" + "c2VjcmV0IG9mIHRoZSB2ZW5kdXJlIHBsdWdpbiE="
OLD_SECRET = "whsec_" + "dGhlIG9sZCBzZWNyZXQsIHN0aWxsIGFjdGl2ZSE="


class VendureConformance(ConnectorConformance):
    """Names the connector, its fake and its samples; the suite does the rest."""

    connector_class = vendure.VendureConnector
    secrets = (SECRET, OLD_SECRET)
    samples = Path(__file__).parents[1] / "samples" / "vendure"

    def setUp(self) -> None:
        """Make pages small, so that a handful of orders fills several."""
        super().setUp()
        small = patch.object(vendure, "PAGE", FakeVendure.page_size)
        small.start()
        self.addCleanup(small.stop)

    def make_server(self, clock: FixedClock) -> FakeVendure:
        """Return a shop that sells from its second location.

        A fulfilment takes from what is shown where Vendure allocated.
        """
        server = FakeVendure(clock)
        server.allocates_at = "shop"
        return server

    def publish_or_lose(self, update: QuantityUpdate) -> None:
        """The connector reads back by itself: applied is claimed where it is shown."""
        try:
            [result] = self.publish(update)
        except RetryLater:
            return
        if result.status is ResultStatus.APPLIED:
            self.assertEqual(update.quantity, self.server.quantity(update.key))
        else:
            self.assertEqual(ResultStatus.UNKNOWN, result.status)


class TestWithKey(VendureConformance, unittest.TestCase):
    """Signed in by an API key."""

    config = {"base_url": BASE_URL, "api_key": API_KEY}


class TestWithPassword(VendureConformance, unittest.TestCase):
    """Signed in by user name and password, within a session."""

    config = {"base_url": BASE_URL, "username": USER, "password": PASSWORD}
