"""The suite every connector passes: subclass, name the connector, give samples.

::

    class TestMyShop(MyShopCase, ConnectorConformance, unittest.TestCase):
        connector_class = MyShop
        ...

Tests that do not apply, by the connector's own capabilities, are skipped with the
capability as reason; everything else must hold for any channel.
"""

from __future__ import annotations

from .conformance_base import ConformanceBase
from .conformance_deliveries import DeliveryConformance
from .conformance_faults import FaultConformance
from .conformance_limits import LimitConformance
from .conformance_outgoing import OutgoingConformance
from .conformance_pages import PagesConformance
from .conformance_personal import PersonalConformance
from .conformance_reading import ReadingConformance
from .conformance_webhooks import WebhookConformance

__all__ = ["ConformanceBase", "ConnectorConformance"]


class ConnectorConformance(
    DeliveryConformance,
    OutgoingConformance,
    ReadingConformance,
    FaultConformance,
    PersonalConformance,
    PagesConformance,
    WebhookConformance,
    LimitConformance,
):
    """All parts of the suite; see :class:`.conformance_base.ConformanceBase`."""
