"""What a conformance test needs to know about the connector it tests."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Mapping, Sequence
from datetime import datetime
from decimal import Decimal
from pathlib import Path
from typing import Any, ClassVar

from .. import signing
from ..base import Capabilities, Connector
from ..data import Cancellation, QuantityKey, QuantityUpdate, ReportedLine, Shipment
from ..tokens import MemoryTokens, TokenStore, Values
from .conformance_advice import Advised
from .fake_channel import FakeServer, FixedClock

_ADDONS = "odoo.addons."


class ConformanceBase(Advised):
    """Fill these in, then inherit the suite.

    What is said of one kind of channel only has a default that says "not here", and
    the tests of it are skipped: :meth:`pings`, :meth:`ended_tokens`, and of the fake
    :meth:`.FakeServer.use_up_limit` and :meth:`.FakeServer.disturb_webhooks`.

    :cvar connector_class: the connector under test.
    :cvar config: values of its ``config_fields``; give each secret field a long
        value found nowhere else, the suite looks for it in logs and errors.
    :cvar secrets: two signing secrets, newest first.
    :cvar samples: folder with good ``*.json`` bodies and ``hostile/*`` ones.
    """

    allow_inherited_tests_method = True
    """Odoo's test loader collects inherited tests only where it finds this."""
    test_tags: ClassVar[set[str]] = {"standard", "at_install"}
    """When Odoo runs them; ``odoo.tests.tagged`` changes it."""
    test_module: ClassVar[str] = ""
    """The addon they belong to, for Odoo's ``--test-tags``."""

    connector_class: ClassVar[type[Connector]]
    config: ClassVar[Mapping[str, str]]
    secrets: ClassVar[tuple[str, ...]]
    samples: ClassVar[Path]

    def __init_subclass__(cls, **options: Any) -> None:
        super().__init_subclass__(**options)
        parents, _, addon = cls.__module__.partition(_ADDONS)
        if addon and not parents:
            cls.test_module = addon.partition(".")[0]

    @abstractmethod
    def make_server(self, clock: FixedClock) -> FakeServer:
        """Return a fake channel that accepts our first signing secret."""

    def delivery_headers(
        self, raw: bytes, secret: str, now: datetime, message_id: str = "msg_1"
    ) -> dict[str, str]:
        """Return the headers of an authentic delivery; lower-case names.

        :param message_id: another one for another delivery of the same body.
        """
        return signing.signed_headers(secret, message_id, now, raw)

    def sample_topic(self, name: str, raw: bytes) -> str:
        """Return the topic a sample is filed under; for topics sent in headers."""
        return self.connector.describe(raw, {}).topic

    def make_tokens(self) -> TokenStore:
        """Return the store of access tokens the connector begins with.

        For a channel with tokens: one that holds a token the fake takes, or what the
        first exchange needs.
        """
        return MemoryTokens()

    def ended_tokens(self) -> Values:
        """Return what a store holds whose access token ended a minute ago.

        Empty, as here, where the channel has no tokens that end. Otherwise the fake
        renews it, and counts in ``renewals`` how often it did.
        """
        return {}

    def pings(self) -> Sequence[tuple[bytes, Mapping[str, str]]]:
        """Return the deliveries that only ask if somebody is there, with headers."""
        return ()

    # ------------------------------------------------------------- for the suite

    def setUp(self) -> None:
        """Begin with a fresh channel."""
        super().setUp()
        self.begin()

    def begin(self) -> None:
        """Build clock, fake channel, connector and two listed items."""
        self.clock = FixedClock()
        self.server = self.make_server(self.clock)
        self.transport = self.server.transport
        self.connector = self.make_connector(self.make_tokens())
        self.keys = [
            self.server.add_item("A-1", "main", Decimal(7)),
            self.server.add_item("B-2", "main", Decimal(9)),
        ]
        if self.capabilities.locations:
            self.keys.append(self.server.add_item("A-1", "shop", Decimal(4)))
        # Listing them was no effect of ours.
        self.server.books.effects.clear()

    def make_connector(self, tokens: TokenStore) -> Connector:
        """Return the connector under test, as a worker that just started builds it."""
        return self.connector_class(
            self.config, self.transport, self.clock, self.secrets, tokens
        )

    @property
    def capabilities(self) -> Capabilities:
        """What the connector says it can do."""
        return self.connector_class.capabilities

    def need(self, capability: str) -> None:
        """Skip the test when the connector does not claim a capability."""
        if not getattr(self.capabilities, capability):
            self.skipTest(f"{self.connector_class.key}: no {capability}")

    def need_of_fake(self, method: str) -> None:
        """Skip the test when the fake channel cannot play something."""
        if getattr(type(self.server), method) is getattr(FakeServer, method):
            self.skipTest(f"{self.connector_class.key}: its fake has no {method}")

    def update(
        self,
        key: QuantityKey,
        quantity: str,
        sequence: int = 1_000,
        previous: Decimal | None = None,
    ) -> QuantityUpdate:
        """Return an update in units."""
        return QuantityUpdate(
            key=key,
            quantity=Decimal(quantity),
            unit="Units",
            sequence=sequence,
            previous=previous,
        )

    def shipment(self, order_id: str, line_id: str, quantity: str = "1") -> Shipment:
        """Return a shipment of one line."""
        return Shipment(
            id="WH/OUT/00001",
            order_id=order_id,
            location_id="main",
            shipped_at=self.clock(),
            lines=(ReportedLine(order_line_id=line_id, quantity=Decimal(quantity)),),
            carrier="Example Post",
            tracking="TRACK1",
        )

    def cancellation(
        self, order_id: str, line_id: str, quantity: str = "1"
    ) -> Cancellation:
        """Return a cancellation of one line."""
        return Cancellation(
            id="CANCEL/00001",
            order_id=order_id,
            reason="Out of stock",
            decided_at=self.clock(),
            lines=(ReportedLine(order_line_id=line_id, quantity=Decimal(quantity)),),
        )

    def good_samples(self) -> list[tuple[str, bytes]]:
        """Return (name, body) of every good sample; there must be some."""
        return self._read(self.samples, "*.json")

    def hostile_samples(self) -> list[tuple[str, bytes]]:
        """Return (name, body) of every hostile sample; there must be some."""
        return self._read(self.samples / "hostile", "*")

    def _read(self, folder: Path, pattern: str) -> list[tuple[str, bytes]]:
        paths = sorted(path for path in folder.glob(pattern) if path.is_file())
        self.assertNotEqual([], paths, f"no samples in {folder.name}")
        return [(path.name, path.read_bytes()) for path in paths]
