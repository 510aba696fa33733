"""The ``rest`` connector passes the suite for every connector."""

import unittest
from pathlib import Path

from ..rest import RestConnector
from ..testing.conformance import ConnectorConformance
from ..testing.conformance_story import StoryConformance
from ..testing.fake_channel import FixedClock
from ..testing.fake_rest import BASE_URL, SECRET, FakeRest

OLD_SECRET = "whsec_" + "dGhlIG9sZCBzZWNyZXQsIHN0aWxsIGFjdGl2ZSE="


class TestRestConformance(StoryConformance, ConnectorConformance, unittest.TestCase):
    """Names the connector, its fake and its samples; the suite does the rest."""

    connector_class = RestConnector
    config = {"base_url": BASE_URL}
    secrets = (SECRET, OLD_SECRET)
    samples = Path(__file__).parents[1] / "samples" / "rest"

    def make_server(self, clock: FixedClock) -> FakeRest:
        """Return a fake that knows our newest secret."""
        return FakeRest(clock)
