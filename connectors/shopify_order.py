"""Read a stored Shopify order: prices, places and quantities as the hub means them.

The total of the snapshot is what the wanted lines and charges add up to. Shopify's own
``currentTotalPriceSet`` falls when shipped goods or the delivery charge are refunded;
that is put back, since the goods were sold and delivered: what is refunded is told by
the return (``shopify_return``), and finance makes a credit note. What is cancelled
before it ships is off both. No I/O.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from decimal import ROUND_HALF_UP, Decimal

from .data import (
    Address,
    ChargeKind,
    Customer,
    OrderLine,
    OrderSnapshot,
    PaymentStatus,
    ShippingLine,
)
from .shopify_payload import MAX_LINES, changed_at, version_of
from .shopify_sold import (
    ZERO,
    SoldLine,
    count,
    money_of,
    optional_money,
    ref,
    sold_lines,
    step_of,
    tax_rate,
)
from .strict_json import Node

_PAYMENT = {
    "PENDING": PaymentStatus.UNPAID,
    "AUTHORIZED": PaymentStatus.AUTHORIZED,
    # Also an order that was paid and then edited upwards: something is still owed.
    "PARTIALLY_PAID": PaymentStatus.UNPAID,
    "PAID": PaymentStatus.PAID,
    "PARTIALLY_REFUNDED": PaymentStatus.PAID,
    "REFUNDED": PaymentStatus.REFUNDED,
    "VOIDED": PaymentStatus.UNPAID,
    "EXPIRED": PaymentStatus.UNPAID,
}

_PAYS = ("SALE", "AUTHORIZATION")
_WENT_THROUGH = ("SUCCESS", "PENDING", "AWAITING_RESPONSE")
_OVER = ("CLOSED", "CANCELLED")


def is_test(root: Node) -> bool:
    """Tell whether a stored order was paid with play money."""
    return root.child("order").value.get("test") is True


def parse_order(root: Node) -> OrderSnapshot:
    """Turn a stored body into a snapshot.

    :raise BadPayload: naming the path that cannot be understood.
    """
    order = root.child("order")
    sold = sold_lines(order)
    places = _locations(order)
    goods = [line for line in sold.values() if not is_charge(line.node)]
    billing = order.optional_child("billingAddress")
    return OrderSnapshot(
        id=order.identifier("id"),
        version=version_of(order),
        updated_at=changed_at(order),
        placed_at=order.time("processedAt"),
        cancelled=order.text("cancelledAt") != "",
        currency=order.identifier("presentmentCurrencyCode").upper(),
        prices_include_tax=order.boolean("taxesIncluded"),
        customer=_customer(order),
        shipping_address=_address(order.optional_child("shippingAddress")),
        billing_address=_address(billing),
        lines=tuple(_line(line, places.get(line.id, "")) for line in goods),
        shipping=_charges(order, sold.values()),
        total=_total(order, sold.values()),
        payment_status=_PAYMENT.get(order.text("displayFinancialStatus")),
        payment_reference=_payment_reference(order),
        note=order.text("note", 5000),
        name=order.text("name"),
    )


def is_charge(node: Node) -> bool:
    """Tell whether a line is money only: a gift card, a tip, a service without item.

    There is nothing to stock and nothing to send. What has a variant and is sent by
    nobody, such as a download, stays a line: it has an item that can be mapped.
    """
    if node.value.get("isGiftCard") is True:
        return True
    is_sent = node.value.get("requiresShipping") is not False
    return not is_sent and node.optional_child("variant") is None


def _line(line: SoldLine, location_id: str) -> OrderLine:
    variant = line.node.optional_child("variant")
    sku = line.node.text("sku") or (variant.text("sku") if variant else "")
    return OrderLine(
        id=line.id,
        sku=sku,
        item_id=ref(variant, "inventoryItem") if variant else "",
        quantity=line.quantity,
        cancelled_quantity=line.cancelled,
        fulfilled_quantity=line.fulfilled,
        unit_price=line.unit_price,
        discount=line.discount,
        tax_rate=tax_rate(line.node),
        location_id=location_id,
        title=_title(line.node),
    )


def _title(node: Node) -> str:
    parts = (node.text("title", 1000), node.text("variantTitle", 1000))
    return " / ".join(filter(None, parts))[:255]


def _locations(order: Node) -> dict[str, str]:
    """Return per line the location Shopify assigned.

    What is still to be shipped decides, and of that the larger part, since a snapshot
    has one location per line and Shopify may split it over several; the first one
    among equals. After that where it was shipped from.
    """
    found: dict[str, tuple[bool, Decimal, str]] = {}

    def offer(line_id: str, is_open: bool, quantity: Decimal, location: str) -> None:
        known = found.get(line_id, (False, ZERO, ""))
        if location and quantity and (is_open, quantity) > known[:2]:
            found[line_id] = (is_open, quantity, location)

    for place in order.items("fulfillmentOrders", MAX_LINES, False):
        assigned = place.optional_child("assignedLocation")
        location = ref(assigned, "location") if assigned else ""
        is_open = place.text("status") not in _OVER
        for line in place.items("lineItems", MAX_LINES, False):
            left = count(line, "remainingQuantity")
            total = count(line, "totalQuantity")
            if is_open and left:
                offer(ref(line, "lineItem"), True, left, location)
            else:
                offer(ref(line, "lineItem"), False, total, location)
    for parcel in order.items("fulfillments", MAX_LINES, False):
        location = ref(parcel, "location")
        for line in parcel.items("fulfillmentLineItems", MAX_LINES, False):
            offer(ref(line, "lineItem"), False, count(line, "quantity"), location)
    return {line_id: location for line_id, (_, _, location) in found.items()}


def _charges(order: Node, sold: Iterable[SoldLine]) -> tuple[ShippingLine, ...]:
    """Return the delivery charges, then what else is charged beside the goods."""
    result = [
        ShippingLine(
            id=_charge_id(node, "shipping"),
            title=node.text("title", 1000)[:255],
            code=node.text("code", 1000)[:255],
            # Before refunds: what is refunded later was charged all the same.
            amount=money_of(node, "discountedPriceSet"),
            tax_rate=tax_rate(node),
        )
        for node in order.items("shippingLines", MAX_LINES, False)
    ]
    has_tips = bool(optional_money(order, "totalTipReceivedSet"))
    for line in sold:
        if is_charge(line.node):
            result.append(_charge_of(line, has_tips, _step(order)))
    return (*result, *_fees(order))


def _fees(order: Node) -> Iterator[ShippingLine]:
    """Yield what Shopify adds at the end; duties without a tax of their own."""
    for node in order.items("additionalFees", MAX_LINES, False):
        yield ShippingLine(
            id=_charge_id(node, "fee"),
            title=node.text("name", 1000)[:255],
            amount=money_of(node, "price"),
            tax_rate=tax_rate(node),
            kind=ChargeKind.FEE,
            code="additional_fee",
        )
    duties = optional_money(order, "currentTotalDutiesSet")
    if duties and not order.boolean("dutiesIncluded"):
        yield ShippingLine(
            id="duties",
            title="Duties",
            amount=duties,
            tax_rate=ZERO,
            kind=ChargeKind.FEE,
            code="duties",
        )


def _charge_id(node: Node, kind: str) -> str:
    return f"{kind}-{node.identifier('id', required=False)}"


def _charge_of(line: SoldLine, has_tips: bool, step: Decimal) -> ShippingLine:
    code = ""
    if line.node.value.get("isGiftCard") is True:
        code = "gift_card"
    elif has_tips and not line.node.text("sku"):
        code = "tip"
    return ShippingLine(
        id=line.id,
        title=_title(line.node),
        amount=line.kept_price.quantize(step, ROUND_HALF_UP),
        tax_rate=tax_rate(line.node),
        kind=ChargeKind.FEE,
        code=code,
    )


def _step(order: Node) -> Decimal:
    return step_of(order.identifier("presentmentCurrencyCode").upper())


def _total(order: Node, sold: Iterable[SoldLine]) -> Decimal:
    """Return what the customer pays for what is wanted, refunds of it put back."""
    step = _step(order)
    inclusive = order.boolean("taxesIncluded")
    total = money_of(order, "currentTotalPriceSet")
    for line in sold:
        known = ZERO
        for refunded, taken in line.refunds:
            total += (refunded.amount * taken / refunded.quantity).quantize(
                step, ROUND_HALF_UP
            )
            known += taken
        if line.returned > known:
            total += _worth(line, line.returned - known, inclusive).quantize(
                step, ROUND_HALF_UP
            )
    return total + _refunded_shipping(order, inclusive)


def _worth(line: SoldLine, quantity: Decimal, inclusive: bool) -> Decimal:
    """Return what so many wanted units of a line cost, with taxes."""
    net = line.kept_price * quantity / line.wanted if line.wanted else ZERO
    return net if inclusive else net * (1 + tax_rate(line.node) / 100)


def _refunded_shipping(order: Node, inclusive: bool) -> Decimal:
    """Return what of the delivery charge was paid back, with taxes."""
    back = ZERO
    for node in order.items("shippingLines", MAX_LINES, False):
        if node.optional_child("currentDiscountedPriceSet") is not None:
            back += money_of(node, "discountedPriceSet")
            back -= money_of(node, "currentDiscountedPriceSet")
    if not back or inclusive:
        return back
    for refund in order.items("refunds", MAX_LINES, False):
        for node in refund.items("refundShippingLines", MAX_LINES, False):
            back += optional_money(node, "taxAmountSet")
    return back


def _payment_reference(order: Node) -> str:
    """Return the id under which the payment is found at whoever took it."""
    for node in order.items("transactions", MAX_LINES, False):
        is_payment = node.text("kind") in _PAYS and node.text("status") in _WENT_THROUGH
        if is_payment and node.text("paymentId"):
            return node.text("paymentId")
    return ""


def _customer(order: Node) -> Customer:
    node = order.optional_child("customer")
    addresses = [
        found
        for name in ("shippingAddress", "billingAddress")
        if (found := order.optional_child(name)) is not None
    ]
    parts = [*([node] if node else []), *addresses]
    phones = [order.text("phone"), *(part.text("phone") for part in addresses)]
    return Customer(
        id=node.identifier("id") if node else "",
        email=order.text("email"),
        name=next(filter(None, map(_person, parts)), ""),
        phone=next(filter(None, phones), ""),
    )


def _person(node: Node) -> str:
    return " ".join(filter(None, (node.text("firstName"), node.text("lastName"))))


def _address(node: Node | None) -> Address | None:
    if node is None:
        return None
    return Address(
        name=", ".join(filter(None, (node.text("company"), _person(node)))),
        street=node.text("address1"),
        street2=node.text("address2"),
        city=node.text("city"),
        zip=node.text("zip"),
        state=node.text("provinceCode").upper(),
        country=node.text("countryCodeV2").upper(),
    )
