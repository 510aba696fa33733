"""The contract between the hub and any channel: one abstract class.

Nothing here knows Odoo. A connector is built from a configuration mapping, a
transport and a clock, holds no state between calls, and speaks in the dataclasses of
``data.py``. Durations are seconds.
"""

from __future__ import annotations

import hashlib
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from itertools import islice
from typing import ClassVar

from .data import (
    Cancellation,
    Delivery,
    Event,
    FetchedOrder,
    Health,
    ListingPage,
    ObservedQuantity,
    OrderPage,
    QuantityKey,
    QuantityUpdate,
    RemoteListing,
    RemoteLocation,
    Shipment,
    UpdateResult,
    WebhookFinding,
)
from .signing import generate_secret, is_usable_secret
from .tokens import MemoryTokens, TokenStore
from .transport import Transport

LISTINGS_A_PAGE = 250
"""Listings to a page where the connector pages no otherwise."""

Clock = Callable[[], datetime]
"""Returns the present moment as an aware UTC datetime."""


class QuantityMeaning(StrEnum):
    """What a channel understands by the number it is sent."""

    SELLABLE = "sellable"
    """The channel sells down to zero from exactly this number."""
    PHYSICAL = "physical"
    """The channel subtracts its own open orders from this number itself."""


class Resource(StrEnum):
    """What polling reads, each with a cursor of its own."""

    PAYMENTS = "payments"
    """Orders whose payment changed, where that does not date the order anew."""
    ORDERS = "orders"
    RETURNS = "returns"
    COUNTS = "counts"


class Told(StrEnum):
    """What a channel may tell besides orders."""

    CANCELS = "cancels"
    RETURNS = "returns"


@dataclass(frozen=True, kw_only=True)
class Capabilities:
    """What a kind of channel can do; the hub adapts, the README lists it.

    :param bool locations: False when the channel has one stock pool only.
    :param bool compare_and_set: updates carry the number the channel is expected
        to show and are refused when it shows another.
    :param bool idempotency: a repeated call with the same key has one effect.
    :param int batch_size: most updates one ``publish`` call may carry.
    :param bool read_back: ``fetch_quantities`` works.
    :param bool webhooks: the channel delivers signed webhooks.
    :param bool polling: ``poll`` works for each of the connector's ``resources``.
    :param bool signed_time: signatures cover the time of sending.
    :param bool can_cancel: ``report_cancel`` works.
    :param bool fractions: quantities may have decimals.
    :param bool registers_webhooks: ``watch_webhooks`` works.
    :param bool confirms: the channel says at once whether it knows an item or order;
        False where things are left for a partner who looks at them later.
    :param bool full_files: ``write_all`` works.
    """

    quantity_meaning: QuantityMeaning
    locations: bool
    compare_and_set: bool
    idempotency: bool
    batch_size: int
    read_back: bool
    webhooks: bool
    polling: bool
    signed_time: bool
    can_cancel: bool
    fractions: bool
    registers_webhooks: bool = False
    confirms: bool = True
    full_files: bool = False


@dataclass(frozen=True, kw_only=True)
class ConfigField:
    """One setting a connector needs, so that a form can ask for it.

    :param bool secret: write-only; stored where no user can read it.
    :param bool advanced: few channels need it; forms ask for it on request.
    """

    name: str
    label: str
    help: str
    secret: bool = False
    required: bool = True
    advanced: bool = False


class Connector(ABC):
    """One kind of channel's wire format.

    :param config: values of ``config_fields`` by name.
    :param transport: does every outgoing call; carries the limits of the host.
    :param clock: the present moment, aware UTC.
    :param secrets: signing secrets active now, newest first; the first one signs
        what we send.
    :param tokens: where access tokens that end are kept and renewed.
    """

    key: ClassVar[str]
    label: ClassVar[str]
    capabilities: ClassVar[Capabilities]
    config_fields: ClassVar[tuple[ConfigField, ...]]
    resources: ClassVar[tuple[Resource, ...]] = (Resource.ORDERS,)
    """What is polled, in this order."""
    tells: ClassVar[frozenset[Told]] = frozenset(Told)
    """What this kind of channel ever speaks of; what it never does is not waited
    for before it is put live."""
    impersonal: ClassVar[tuple[str, ...]] = ()
    """Dotted paths of the single values in a stored body that name no person. They are
    all that is left of it once its customer is erased; by default nothing is."""
    customer_ids: ClassVar[tuple[str, ...]] = ()
    """Dotted paths at which a stored body has the channel's id of the customer."""
    transport_class: ClassVar[type[Transport]] = Transport
    """What does the calls; another one for a channel that is reached otherwise."""
    summary: ClassVar[str] = ""
    """What kind of channel it is for, in one line, for whoever chooses one."""
    signing_field: ClassVar[str] = ""
    """Name of the credential that deliveries are signed with, where it is one."""
    signing_help: ClassVar[str] = (
        "A signing secret is whsec_ followed by 24 to 64 bytes in base64. Use Generate"
        " to get one."
    )
    """What a signing secret looks like, for whoever enters one."""

    def __init__(
        self,
        config: Mapping[str, str],
        transport: Transport,
        clock: Clock,
        secrets: Sequence[str] = (),
        tokens: TokenStore | None = None,
    ) -> None:
        self.config = config
        self.transport = transport
        self.clock = clock
        self.secrets = tuple(secrets)
        self.tokens = tokens or MemoryTokens()

    @classmethod
    def accepts_secret(cls, secret: str) -> bool:
        """Tell whether a signing secret of this channel may look like this."""
        return is_usable_secret(secret)

    @classmethod
    def make_secret(cls) -> str:
        """Return a new signing secret to give to the channel.

        Empty where the channel gives its secret to us and takes none.
        """
        secret = generate_secret()
        return secret if cls.accepts_secret(secret) else ""

    @classmethod
    def order_url(cls, config: Mapping[str, str], order_id: str) -> str | None:
        """Return where people look at an order in the channel's own pages.

        Made of the address and the id alone, without a call: it is asked for whenever
        a page shows orders. ``order_pages`` makes such addresses safe.

        :param config: ``base_url``; no credentials, which belong into no link.
        :return: an https address; None, as here, where there is no such page.
        """
        return None

    # ------------------------------------------------------------- deliveries

    @abstractmethod
    def verify(
        self,
        raw: bytes,
        headers: Mapping[str, str],
        secrets: Sequence[str],
        now: datetime,
    ) -> None:
        """Return when the delivery is authentic.

        :param headers: with lower-case names.
        :raise BadSignature: otherwise, also when ``secrets`` is empty.
        """

    @abstractmethod
    def describe(self, raw: bytes, headers: Mapping[str, str]) -> Delivery:
        """Return how to file an authentic delivery; never raises.

        Works on bodies that are no JSON too: they are stored as they came and
        fail later, visibly, in the inbox.
        """

    def is_ping(self, raw: bytes, headers: Mapping[str, str]) -> bool:
        """Tell whether a delivery only asks if somebody is there.

        Some channels send such a thing unsigned before they switch a webhook on. It
        is answered like any other and leaves no trace.
        """
        return False

    def dedupe_key(self, raw: bytes, headers: Mapping[str, str]) -> str:
        """Return the key that equals for repeats of the same delivery."""
        return self.describe(raw, headers).dedupe_key

    @abstractmethod
    def parse(self, raw: bytes, topic: str) -> list[Event]:
        """Turn a stored body into events.

        :raise BadPayload: when the body cannot be understood.
        """

    # --------------------------------------------------------------- outgoing

    @abstractmethod
    def publish(
        self, updates: Sequence[QuantityUpdate], idempotency_key: str
    ) -> list[UpdateResult]:
        """Show these numbers; one result per update, in their order.

        Where a batch needs several calls and the answer to one is lost, its
        updates come back as ``unknown`` and the others keep their results.

        :raise RateLimited: nothing of the batch was seen.
        :raise RetryLater: nobody knows what became of the batch; the caller reads
            back before it sends anything new.
        :raise Misconfigured: a person must act first; nothing was applied.
        """

    def write_all(self, updates: Sequence[QuantityUpdate]) -> str:
        """Leave a file with every number the channel was told; return its name.

        Numbers keep the sequence they were told with: no number becomes newer by it.
        """
        raise NotImplementedError

    @abstractmethod
    def fetch_quantities(self, keys: Sequence[QuantityKey]) -> list[ObservedQuantity]:
        """Read what the channel shows; keys it does not know are left out."""

    @abstractmethod
    def report_shipment(self, shipment: Shipment) -> None:
        """Tell the channel; returns when it took it or had it already.

        A shipment that ``corrects`` changes the carrier and tracking of the one of
        the same id, and makes it where the channel never had it.

        :raise Rejected: the channel refuses it for good.
        :raise KeptAsTold: it has the shipment and takes no correction of it.
        """

    @abstractmethod
    def report_cancel(self, cancellation: Cancellation) -> None:
        """Tell the channel; returns when it took it or had it already.

        :raise Rejected: the channel refuses it for good.
        """

    # --------------------------------------------------------------- webhooks

    def watch_webhooks(self, address: str) -> list[WebhookFinding]:
        """Have the channel deliver to ``address``; return what had to be done.

        Called again and again: subscriptions that are missing are made, those switched
        off or sent elsewhere under our name are mended, others are left alone.

        :return: one finding for each subscription that was not as it should be.
        """
        raise NotImplementedError

    # ---------------------------------------------------------------- reading

    @abstractmethod
    def fetch_orders(self, since: datetime | None) -> Iterator[OrderPage]:
        """Page through orders changed at or after ``since`` (None: all), oldest first.

        May repeat orders; never leaves one out, also when orders change meanwhile or
        more of them carry one date than fit a page. The caller may stop after any
        page and go on later from the newest change it has seen.
        """

    def poll(self, resource: Resource, since: datetime | None) -> Iterator[OrderPage]:
        """Page through one of ``resources``, by the rules of ``fetch_orders``."""
        if resource is Resource.ORDERS:
            return self.fetch_orders(since)
        raise NotImplementedError(resource)

    @abstractmethod
    def fetch_order(self, order_id: str) -> FetchedOrder | None:
        """Read one order as it is now; None when the channel does not have it."""

    @abstractmethod
    def fetch_listings(self) -> Iterable[RemoteListing]:
        """Read everything the channel could sell."""

    def listing_pages(self, position: str = "") -> Iterator[ListingPage]:
        """Page through what ``fetch_listings`` reads.

        A large catalogue is read in several rounds of work: whoever stops behind a
        page that has a position goes on from it later, with a connector built anew.
        Pages of connectors that cannot do so have none.

        :param str position: of the page behind which to go on.
        """
        rest = iter(self.fetch_listings())
        while page := tuple(islice(rest, LISTINGS_A_PAGE)):
            yield ListingPage(listings=page)

    @abstractmethod
    def fetch_locations(self) -> Iterable[RemoteLocation]:
        """Read the channel's stock locations; one when it has no such thing."""

    @abstractmethod
    def check(self) -> Health:
        """Test address and credentials without changing anything; never raises."""


def body_digest(raw: bytes) -> str:
    """Return the SHA-256 of a raw body in hex, the dedupe key of last resort."""
    return hashlib.sha256(raw).hexdigest()
