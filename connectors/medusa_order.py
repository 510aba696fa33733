"""Read a stored Medusa order: prices, places and quantities as the hub means them.

Totals of Medusa 2.18.0 are not rounded to the currency (51.20225 USD), leave out what
came back, and are prorated to the quantity that is left; here they are turned back
into what was ordered and paid. No I/O.
"""

from __future__ import annotations

from collections.abc import Sequence
from decimal import ROUND_HALF_UP, Decimal

from .data import (
    Address,
    Customer,
    OrderLine,
    OrderSnapshot,
    PaymentStatus,
    ShippingLine,
)
from .medusa_payload import MAX_LINES, moments, version_of
from .stored_body import FINEST
from .strict_json import Node

_ZERO = Decimal(0)

_DIGITS = dict.fromkeys(
    ("BIF CLP DJF GNF ISK JPY KMF KRW PYG RWF UGX UYI VND VUV XAF XOF XPF").split(),
    0,
) | dict.fromkeys("BHD IQD JOD KWD LYD OMR TND".split(), 3)
"""Decimals of the currencies that do not have two (ISO 4217)."""

_PAYMENT = {
    "not_paid": PaymentStatus.UNPAID,
    "awaiting": PaymentStatus.UNPAID,
    "requires_action": PaymentStatus.UNPAID,
    "canceled": PaymentStatus.UNPAID,
    "partially_authorized": PaymentStatus.UNPAID,
    "authorized": PaymentStatus.AUTHORIZED,
    "partially_captured": PaymentStatus.AUTHORIZED,
    "captured": PaymentStatus.PAID,
    "partially_refunded": PaymentStatus.PAID,
    "refunded": PaymentStatus.REFUNDED,
}


def parse_order(root: Node) -> OrderSnapshot:
    """Turn a stored body into a snapshot.

    :raise BadPayload: naming the path that cannot be understood.
    """
    order = root.child("order")
    currency = order.identifier("currency_code").upper()
    cancelled = order.text("status") == "canceled"
    items = order.items("items", MAX_LINES, required=False)
    inclusive = bool(items) and all(map(_is_inclusive, items))
    lines = _lines(root, items, inclusive, cancelled)
    status = order.text("payment_status")
    collections = order.items("payment_collections", MAX_LINES, required=False)
    display = order.text("display_id")
    return OrderSnapshot(
        id=order.identifier("id"),
        version=version_of(root),
        updated_at=max(moments(root)),
        placed_at=order.time("created_at"),
        cancelled=cancelled,
        currency=currency,
        prices_include_tax=inclusive,
        customer=_customer(order),
        shipping_address=_address(order.optional_child("shipping_address")),
        billing_address=_address(order.optional_child("billing_address")),
        lines=lines,
        shipping=_shipping(order, inclusive),
        total=_total(order, items, currency),
        payment_status=_PAYMENT.get(status),
        payment_reference=collections[0].text("id") if collections else "",
        name=f"#{display}" if display else "",
    )


def _total(order: Node, items: Sequence[Node], currency: str) -> Decimal:
    """Return what the customer pays; what came back is paid and refunded apart."""
    total = order.money("total")
    for item in items:
        for name in ("return_received_total", "return_dismissed_total"):
            total += item.optional_amount(name) or _ZERO
    step = Decimal(1).scaleb(-_DIGITS.get(currency, 2))
    return total.quantize(step, ROUND_HALF_UP)


def _is_inclusive(item: Node) -> bool:
    return item.value.get("is_tax_inclusive") is True


def _lines(
    root: Node, items: Sequence[Node], inclusive: bool, cancelled: bool
) -> tuple[OrderLine, ...]:
    """Return the order's lines, those that edits removed included."""
    places = _locations(root)
    most = {
        node.identifier("id"): node.amount("quantity")
        for node in root.items("ordered", MAX_LINES, required=False)
    }
    removed = root.items("removed", MAX_LINES, required=False)
    current = [(item, item.amount("quantity")) for item in items]
    result = []
    for item, quantity in [*current, *((item, _ZERO) for item in removed)]:
        line_id = item.identifier("id")
        ordered = max(quantity, most.get(line_id, _ZERO))
        fulfilled = _detail(item, "fulfilled_quantity")
        identity = _identity(item)
        open_or_gone = min(fulfilled, quantity) if cancelled else quantity
        result.append(
            OrderLine(
                id=line_id,
                quantity=ordered,
                cancelled_quantity=ordered - open_or_gone,
                fulfilled_quantity=fulfilled,
                unit_price=_in_regime(item, item.money("unit_price"), inclusive),
                discount=_in_regime(item, _discount(item, ordered), inclusive),
                tax_rate=_tax_rate(item),
                title=_title(item),
                location_id=places.get(line_id, ("", _ZERO))[0],
                sku=identity[0],
                item_id=identity[1],
            )
        )
    return tuple(result)


def _detail(item: Node, name: str) -> Decimal:
    detail = item.optional_child("detail")
    return (detail.optional_amount(name) if detail else None) or _ZERO


def _title(item: Node) -> str:
    parts = (item.text("title", 1000), item.text("subtitle", 1000))
    return " / ".join(filter(None, parts))[:255]


def _identity(item: Node) -> tuple[str, str]:
    """Return sku and inventory item of a line.

    A variant that takes several items, or several of one, is no listing of ours: the
    hub counts in inventory items. Its sku then says so and stays unmapped, instead of
    one unit being taken for six.
    """
    sku = item.text("variant_sku")
    variant = item.optional_child("variant")
    if variant is None:
        return sku, ""
    sku = sku or variant.text("sku")
    links = variant.items("inventory_items", MAX_LINES, required=False)
    if not links:
        return sku, ""
    amounts = [
        link.optional_amount("required_quantity") or Decimal(1) for link in links
    ]
    if amounts == [1]:
        return sku, links[0].identifier("inventory_item_id")
    kit = " + ".join(f"{amount.normalize():f}" for amount in amounts)
    return f"{sku[:200]} (Medusa kit of {kit[:40]})", ""


def _locations(root: Node) -> dict[str, tuple[str, Decimal]]:
    """Return per line the location Medusa assigned, with the quantity that decided.

    A reservation wins, being the open part. Medusa never splits a line at placement;
    after a fulfilment elsewhere it may, then the larger part decides.
    """
    places: dict[str, tuple[str, Decimal]] = {}

    def offer(line: str, location: str, quantity: Decimal) -> None:
        if line and location and quantity > places.get(line, ("", _ZERO))[1]:
            places[line] = (location, quantity)

    for node in root.items("reservations", MAX_LINES, required=False):
        offer(
            node.text("line_item_id"), node.text("location_id"), node.amount("quantity")
        )
    reserved = set(places)
    fulfilments = root.child("order").items("fulfillments", MAX_LINES, required=False)
    for fulfilment in fulfilments:
        if fulfilment.text("canceled_at"):
            continue
        for node in fulfilment.items("items", MAX_LINES, required=False):
            if node.text("line_item_id") not in reserved:
                offer(
                    node.text("line_item_id"),
                    fulfilment.text("location_id"),
                    node.amount("quantity"),
                )
    return places


def _discount(item: Node, ordered: Decimal) -> Decimal:
    """Return the amount off the whole line, in the item's own tax regime.

    Medusa prorates its totals to what is neither cancelled nor returned.
    """
    name = "discount_total" if _is_inclusive(item) else "discount_subtotal"
    amount = item.optional_amount(name)
    if not amount:
        return _ZERO
    returned = _detail(item, "return_received_quantity")
    returned += _detail(item, "return_dismissed_quantity")
    left = (item.optional_amount("quantity") or _ZERO) - returned
    if left == ordered:
        return amount
    if left > 0:
        return (amount / left * ordered).quantize(FINEST)
    adjustments = item.items("adjustments", MAX_LINES, required=False)
    return sum((node.amount("amount") for node in adjustments), _ZERO)


def _tax_rate(node: Node) -> Decimal:
    """Return percent; no tax line means no tax, Medusa always says."""
    lines = node.items("tax_lines", 50, required=False)
    return sum((line.amount("rate") for line in lines), _ZERO)


def _in_regime(node: Node, amount: Decimal, inclusive: bool) -> Decimal:
    """Return an amount without tax when the order's lines do not agree on it."""
    if inclusive == _is_inclusive(node):
        return amount
    factor = 1 + _tax_rate(node) / 100
    return (amount * factor if inclusive else amount / factor).quantize(FINEST)


def _shipping(order: Node, inclusive: bool) -> tuple[ShippingLine, ...]:
    result = []
    for node in order.items("shipping_methods", MAX_LINES, required=False):
        adjustments = node.items("adjustments", MAX_LINES, required=False)
        off = sum((part.amount("amount") for part in adjustments), _ZERO)
        result.append(
            ShippingLine(
                id=node.identifier("id"),
                title=node.text("name", 1000)[:255],
                amount=_in_regime(node, node.amount("amount") - off, inclusive),
                tax_rate=_tax_rate(node),
            )
        )
    return tuple(result)


def _customer(order: Node) -> Customer:
    node = order.optional_child("customer")
    address = order.optional_child("shipping_address")
    parts = [part for part in (node, address) if part is not None]
    names = [_person(part) for part in parts]
    phones = [part.text("phone") for part in parts]
    return Customer(
        id=node.text("id") if node else "",
        email=order.text("email") or (node.text("email") if node else ""),
        name=next(filter(None, names), ""),
        phone=next(filter(None, phones), ""),
    )


def _person(node: Node) -> str:
    return " ".join(filter(None, (node.text("first_name"), node.text("last_name"))))


def _address(node: Node | None) -> Address | None:
    if node is None:
        return None
    country = node.text("country_code").upper()
    # Medusa's checkouts write "us-tx" or "TX"; the code alone is wanted.
    state = node.text("province").upper().removeprefix(f"{country}-")
    return Address(
        name=", ".join(filter(None, (node.text("company"), _person(node)))),
        street=node.text("address_1"),
        street2=node.text("address_2"),
        city=node.text("city"),
        zip=node.text("postal_code"),
        state=state,
        country=country,
    )
