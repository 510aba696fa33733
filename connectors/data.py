"""What the hub and its connectors tell each other: frozen, plain data.

Nothing here knows Odoo or a wire format. Units: quantities are ``Decimal`` in the
*listing's* unit, money is ``Decimal`` in the order's currency, times are aware UTC
datetimes.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime
from decimal import Decimal
from enum import StrEnum

from .errors import ConnectorError, Trouble, trouble_of

# ------------------------------------------------------------------ outgoing


class ResultStatus(StrEnum):
    """What the channel did with one quantity update."""

    APPLIED = "applied"
    STALE = "stale"
    """Refused because the channel shows, or has seen, something newer."""
    REJECTED = "rejected"
    """Refused for good; a person must look."""
    UNKNOWN = "unknown"
    """Nobody can tell: read back before doing anything else."""


@dataclass(frozen=True, kw_only=True)
class QuantityKey:
    """Names one number at the channel: which item, at which location."""

    sku: str
    item_id: str
    location_id: str


@dataclass(frozen=True, kw_only=True)
class QuantityUpdate:
    """One absolute number to show.

    :param Decimal quantity: the wire number, in ``unit``, never negative.
    :param int sequence: grows with every number ever sent for this key.
    :param Decimal | None previous: what the channel is expected to show now;
        None means do not compare.
    """

    key: QuantityKey
    quantity: Decimal
    unit: str
    sequence: int
    previous: Decimal | None = None


@dataclass(frozen=True, kw_only=True)
class UpdateResult:
    """The channel's answer to one update, in the order of the updates.

    :param Decimal | None quantity: what the channel shows after the call, when it
        said so and the connector trusts it.
    :param int | None sequence: the last sequence the channel applied, if known.
    """

    status: ResultStatus
    quantity: Decimal | None = None
    sequence: int | None = None
    code: str = ""
    field: str = ""
    message: str = ""


@dataclass(frozen=True, kw_only=True)
class ObservedQuantity:
    """What the channel shows for one key at the moment of reading.

    :param Decimal quantity: in the same meaning as the numbers sent to it.
    """

    key: QuantityKey
    quantity: Decimal
    sequence: int | None = None
    updated_at: datetime | None = None


@dataclass(frozen=True, kw_only=True)
class LotQuantity:
    """A lot or serial number and how many of it."""

    name: str
    quantity: Decimal


@dataclass(frozen=True, kw_only=True)
class ReportedLine:
    """One order line of a shipment or cancellation told to the channel."""

    order_line_id: str
    quantity: Decimal
    lots: tuple[LotQuantity, ...] = ()


@dataclass(frozen=True, kw_only=True)
class Shipment:
    """Goods that left; told to the channel until it has taken them.

    :param str id: stable over retries and corrections, so that the channel can
        recognise it.
    :param int revision: counts up whenever it is told anew on purpose: with another
        carrier or tracking, or after a refusal. Repeats of one revision share an
        idempotency key; no two revisions do.
    :param bool corrects: the channel may have taken it before, with another carrier
        or tracking. Its lines never change.
    """

    id: str
    order_id: str
    location_id: str
    shipped_at: datetime
    lines: tuple[ReportedLine, ...]
    carrier: str = ""
    tracking: str = ""
    tracking_url: str = ""
    revision: int = 0
    corrects: bool = False


@dataclass(frozen=True, kw_only=True)
class Cancellation:
    """Quantities that will never ship, decided in the ERP.

    :param datetime decided_at: the same over retries, as everything in it is.
    :param int revision: counts up whenever it is told anew after a refusal.
    """

    id: str
    order_id: str
    reason: str
    decided_at: datetime
    lines: tuple[ReportedLine, ...]
    revision: int = 0


@dataclass(frozen=True, kw_only=True)
class Health:
    """Result of a connection test.

    :param bool ok: the channel answered and knows us.
    :param str message: one sentence for the person who pressed the button.
    :param Trouble | None trouble: who has to do what where it is not well.
    :param str field: name of the setting to look at.
    """

    ok: bool
    message: str
    trouble: Trouble | None = None
    field: str = ""

    @classmethod
    def failed(cls, error: ConnectorError) -> Health:
        """Say of an error what a person can do about it."""
        return cls(
            ok=False,
            message=error.message,
            trouble=trouble_of(error),
            field=getattr(error, "field", ""),
        )


@dataclass(frozen=True, kw_only=True)
class RemoteListing:
    """One sellable item as the channel lists it.

    :param str unit: the channel's word for what it sells one of, if it says.
    :param bool tracked: False when the channel sells it whatever its number is.
    """

    sku: str
    item_id: str
    title: str = ""
    barcode: str = ""
    unit: str = ""
    tracked: bool = True


@dataclass(frozen=True, kw_only=True)
class ListingPage:
    """Some of what a channel lists.

    :param str position: where to go on behind this page, in the connector's own words;
        empty when it can only begin anew, and on the last page.
    """

    listings: tuple[RemoteListing, ...]
    position: str = ""


@dataclass(frozen=True, kw_only=True)
class RemoteLocation:
    """One stock location as the channel lists it.

    :param bool active: False when the channel neither sells nor ships from it.
    """

    id: str
    name: str
    active: bool = True


class WebhookState(StrEnum):
    """What had to be done about a subscription."""

    MADE = "made"
    """There was none: the first time, or since the channel dropped it."""
    MENDED = "mended"
    """It was switched off, or sent elsewhere."""
    REFUSED = "refused"
    """The channel does not let us; a person must look."""


@dataclass(frozen=True, kw_only=True)
class WebhookFinding:
    """One subscription that was not as it should be.

    :param str topic: the channel's own word.
    :param str message: why, where the channel said so.
    """

    topic: str
    state: WebhookState
    message: str = ""


# ------------------------------------------------------------------ incoming


class PaymentStatus(StrEnum):
    """How far the customer's payment has come."""

    UNPAID = "unpaid"
    AUTHORIZED = "authorized"
    PAID = "paid"
    REFUNDED = "refunded"


@dataclass(frozen=True, kw_only=True)
class Address:
    """A postal address; ``country`` and ``state`` are codes."""

    name: str
    street: str
    city: str
    zip: str
    country: str
    street2: str = ""
    state: str = ""


@dataclass(frozen=True, kw_only=True)
class Customer:
    """Who ordered, as far as the channel tells."""

    id: str = ""
    email: str = ""
    name: str = ""
    phone: str = ""
    vat: str = ""


@dataclass(frozen=True, kw_only=True)
class OrderLine:
    """One line of a channel order, in the listing's unit.

    :param Decimal quantity: ordered, cancelled ones included.
    :param Decimal unit_price: per unit, before ``discount``.
    :param Decimal discount: amount off the whole line, not a percentage.
    :param Decimal | None tax_rate: percent; None when the channel does not say.
    :param str location_id: the channel location **the channel** assigned.
    """

    id: str
    sku: str
    quantity: Decimal
    unit_price: Decimal
    item_id: str = ""
    cancelled_quantity: Decimal = Decimal(0)
    fulfilled_quantity: Decimal = Decimal(0)
    lots: tuple[LotQuantity, ...] = ()
    discount: Decimal = Decimal(0)
    tax_rate: Decimal | None = None
    location_id: str = ""
    title: str = ""


class ChargeKind(StrEnum):
    """What is charged beside the goods."""

    SHIPPING = "shipping"
    FEE = "fee"
    """Everything else: gift wrap, payment fees, tips; vouchers, when negative."""


@dataclass(frozen=True, kw_only=True)
class ShippingLine:
    """A delivery charge, or another one beside the goods.

    :param Decimal amount: discounts on it are off already; negative for what is given.
    :param str code: the channel's own word for it, when it has one beside the title.
    """

    id: str
    title: str
    amount: Decimal
    tax_rate: Decimal | None = None
    kind: ChargeKind = ChargeKind.SHIPPING
    code: str = ""


@dataclass(frozen=True, kw_only=True)
class OrderSnapshot:
    """The whole order as the channel has it at one version.

    :param int version: grows with each change; equal versions are repeats.
    :param Decimal total: what the customer pays, taxes and shipping included.
    """

    id: str
    version: int
    updated_at: datetime
    placed_at: datetime
    cancelled: bool
    currency: str
    prices_include_tax: bool
    customer: Customer
    shipping_address: Address | None
    lines: tuple[OrderLine, ...]
    total: Decimal
    billing_address: Address | None = None
    payment_status: PaymentStatus | None = None
    shipping: tuple[ShippingLine, ...] = ()
    payment_reference: str = ""
    note: str = ""
    name: str = ""


class ReturnStatus(StrEnum):
    """How far goods have come back, by the channel's word."""

    ANNOUNCED = "announced"
    RECEIVED = "received"
    CANCELLED = "cancelled"


class Disposition(StrEnum):
    """What shall become of returned goods."""

    RESTOCK = "restock"
    INSPECT = "inspect"
    SCRAP = "scrap"


@dataclass(frozen=True, kw_only=True)
class ReturnLine:
    """How many of one order line come back; None leaves the disposition to us.

    :param Decimal restocked: how many of them the channel has put back on the number it
        shows, at the return's location, by itself.
    """

    order_line_id: str
    quantity: Decimal
    disposition: Disposition | None = None
    restocked: Decimal = Decimal(0)
    lots: tuple[LotQuantity, ...] = ()


@dataclass(frozen=True, kw_only=True)
class ReturnSnapshot:
    """The whole return as the channel has it at one version.

    :param lines: an order line stands here once per disposition.
    :param datetime | None updated_at: when it last changed at the channel, if it says.
    """

    id: str
    order_id: str
    version: int
    status: ReturnStatus
    lines: tuple[ReturnLine, ...]
    location_id: str = ""
    refund_amount: Decimal | None = None
    updated_at: datetime | None = None


@dataclass(frozen=True, kw_only=True)
class CountLine:
    """A counted quantity; ``unit`` empty means the listing's unit."""

    sku: str
    quantity: Decimal
    unit: str = ""
    lots: tuple[LotQuantity, ...] = ()


@dataclass(frozen=True, kw_only=True)
class CountSnapshot:
    """A stock count reported by whoever operates the location."""

    id: str
    location_id: str
    counted_at: datetime
    lines: tuple[CountLine, ...]


@dataclass(frozen=True, kw_only=True)
class FetchOrder:
    """The delivery names an order but does not carry it: fetch it."""

    order_id: str


@dataclass(frozen=True, kw_only=True)
class CancelledLine:
    """How much of one order line is cancelled in all; None: the whole line."""

    id: str
    quantity: Decimal | None = None


@dataclass(frozen=True, kw_only=True)
class CancelNotice:
    """The delivery says what of an order is cancelled, and nothing of the rest.

    :param int | None version: grows with each change of the order, as in its
        snapshots; None when the channel does not say.
    :param lines: none when the whole order is cancelled.
    """

    order_id: str
    version: int | None
    cancelled_at: datetime
    lines: tuple[CancelledLine, ...] = ()


Event = OrderSnapshot | ReturnSnapshot | CountSnapshot | FetchOrder | CancelNotice


@dataclass(frozen=True, kw_only=True)
class FetchedOrder:
    """One polled order: the parsed snapshot and the raw JSON it came from.

    The raw body goes through the same inbox as a webhook's, so that polling and
    webhooks share dedupe, ordering, replay and audit.

    :param bytes raw: body that ``parse`` with ``topic`` turns back into snapshots.
    :param str dedupe_key: equal for the same version of the same order.
    :param bool key_is_content: the key is made of the content: another body under it
        says the same thing, and is no news.
    """

    order_id: str
    dedupe_key: str
    topic: str
    raw: bytes
    key_is_content: bool = False


@dataclass(frozen=True, kw_only=True)
class OrderPage:
    """One page of polled orders.

    :param datetime | None high_water: newest change seen in this page; the caller
        stores it as cursor only after the orders of the page are stored.
    """

    orders: tuple[FetchedOrder, ...]
    high_water: datetime | None


@dataclass(frozen=True, kw_only=True)
class Delivery:
    """What the door learns from an authentic delivery before storing it.

    :param str dedupe_key: equal for repeats of the same delivery.
    :param str order_key: deliveries with equal keys are worked on one by one.
    """

    dedupe_key: str
    topic: str
    order_key: str = field(default="")
