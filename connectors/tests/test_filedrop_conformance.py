"""The ``filedrop`` connector passes the suite for every connector."""

import unittest
from pathlib import Path

from ..filedrop import FiledropConnector
from ..testing.conformance import ConnectorConformance
from ..testing.fake_channel import FixedClock
from ..testing.fake_filedrop import BASE_URL, PASSWORD, FakeFiledrop

SECRETS = (
    "whsec_" + "c2VjcmV0IG9mIGEgY2hhbm5lbCBvZiBmaWxlcyE=",
    "whsec_" + "dGhlIG9sZCBzZWNyZXQsIG9mIG5vIHVzZSBoZXJl",
)


class TestFiledropConformance(ConnectorConformance, unittest.TestCase):
    """Names the connector, its fake and its samples; the suite does the rest.

    Files are left where they are: the suite reads orders again and again, as a channel
    that is asked for them can be. What is moved is tested in test_filedrop_reading.
    """

    connector_class = FiledropConnector
    config = {
        "base_url": BASE_URL,
        "password": PASSWORD,
        "after_reading": "leave",
        "settle": "0",
    }
    secrets = SECRETS
    samples = Path(__file__).parents[1] / "samples" / "filedrop"

    def make_server(self, clock: FixedClock) -> FakeFiledrop:
        """Return a folder that our user may enter."""
        return FakeFiledrop(clock)
