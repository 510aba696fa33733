"""Bodies of the ``rest`` contract, both ways, as plain functions.

The contract itself is docs/openapi.yaml. Incoming: whole snapshots, strictly read.
Outgoing: exactly the keys of the contract, quantities as strings.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from datetime import datetime
from decimal import Decimal
from enum import StrEnum
from typing import Any

from .data import (
    Address,
    Cancellation,
    CountLine,
    CountSnapshot,
    Customer,
    Disposition,
    Event,
    LotQuantity,
    OrderLine,
    OrderSnapshot,
    PaymentStatus,
    QuantityUpdate,
    ReportedLine,
    ReturnLine,
    ReturnSnapshot,
    ReturnStatus,
    Shipment,
    ShippingLine,
)
from .errors import BadPayload
from .strict_json import Node, format_time, load

ORDER_UPDATED = "order.updated"
RETURN_UPDATED = "return.updated"
INVENTORY_COUNTED = "inventory.counted"

MAX_LINES = 500
MAX_LOTS = 1_000
MAX_NOTE = 10_000

IMPERSONAL = tuple(
    "type timestamp data.id data.order_id data.version data.updated_at data.placed_at"
    " data.counted_at data.status data.currency data.prices_include_tax"
    " data.payment_status data.payment_reference data.total data.refund_amount"
    " data.location_id data.lines.id data.lines.order_line_id data.lines.sku"
    " data.lines.item_id data.lines.quantity data.lines.cancelled_quantity"
    " data.lines.fulfilled_quantity data.lines.unit_price data.lines.discount"
    " data.lines.tax_rate data.lines.location_id data.lines.disposition"
    " data.lines.unit data.lines.lots.name data.lines.lots.quantity data.shipping.id"
    " data.shipping.amount data.shipping.tax_rate".split()
)
"""What of a body names no person. A line's title may: engravings stand there."""

CUSTOMER_IDS = ("data.customer.id",)

_CURRENCY = re.compile(r"[A-Z]{3}")
_COUNTRY = re.compile(r"[A-Z]{2}")
_TAX_RATE_LIMIT = Decimal(1000)


class _OrderStatus(StrEnum):
    OPEN = "open"
    CANCELLED = "cancelled"


# ------------------------------------------------------------------ incoming


def parse(raw: bytes, topic: str) -> list[Event]:
    """Turn a stored body into its one event.

    :raise BadPayload: unknown type, or anything not as the contract has it.
    """
    root = load(raw)
    kind = root.text("type", required=True)
    if topic and kind != topic:
        root.refuse("differs from the topic it was filed under", "type")
    root.time("timestamp")
    data = root.child("data")
    if kind == ORDER_UPDATED:
        return [parse_order(data)]
    if kind == RETURN_UPDATED:
        return [_parse_return(data)]
    if kind == INVENTORY_COUNTED:
        return [_parse_count(data)]
    root.refuse("is not a type of this contract", "type")


def file_under(raw: bytes) -> tuple[str, str]:
    """Return the topic and order key of a body, empty where it does not tell.

    A return is filed under its order, so that both are worked on one at a time.
    Never raises.
    """
    try:
        root = load(raw)
        topic = root.identifier("type")
    except BadPayload:
        return "", ""
    try:
        data = root.child("data")
        if topic == ORDER_UPDATED:
            return topic, f"order:{data.identifier('id')}"
        if topic == RETURN_UPDATED:
            return topic, f"order:{data.identifier('order_id')}"
        if topic == INVENTORY_COUNTED:
            return topic, f"location:{data.identifier('location_id')}"
    except BadPayload:
        pass
    return topic, ""


def parse_order(node: Node) -> OrderSnapshot:
    """Read one order.

    :raise BadPayload: when it is not as the contract has it.
    """
    status = node.choice("status", _OrderStatus)
    lines = tuple(_parse_order_line(line) for line in node.items("lines", MAX_LINES))
    _refuse_repeats(node, "lines", [line.id for line in lines])
    if not lines and status is _OrderStatus.OPEN:
        node.refuse("must not be empty in an open order", "lines")
    shipping = node.items("shipping", MAX_LINES)
    billing = node.optional_child("billing_address")
    return OrderSnapshot(
        id=node.identifier("id"),
        version=node.integer("version"),
        updated_at=node.time("updated_at"),
        placed_at=node.time("placed_at"),
        cancelled=status is _OrderStatus.CANCELLED,
        currency=node.pattern("currency", _CURRENCY, "an ISO 4217 code"),
        prices_include_tax=node.boolean("prices_include_tax"),
        customer=_parse_customer(node.child("customer")),
        shipping_address=_parse_address(node.child("shipping_address")),
        billing_address=None if billing is None else _parse_address(billing),
        payment_status=node.optional_choice("payment_status", PaymentStatus),
        lines=lines,
        shipping=tuple(_parse_shipping(line) for line in shipping),
        total=node.money("total"),
        payment_reference=node.text("payment_reference"),
        note=node.text("note", MAX_NOTE),
    )


def _parse_customer(node: Node) -> Customer:
    return Customer(
        id=node.identifier("id", required=False),
        email=node.text("email"),
        name=node.text("name"),
        phone=node.text("phone", 64),
        vat=node.text("vat", 64),
    )


def _parse_address(node: Node) -> Address:
    return Address(
        name=node.text("name", required=True),
        street=node.text("street", required=True),
        street2=node.text("street2"),
        city=node.text("city", required=True),
        zip=node.text("zip", 32, required=True),
        state=node.text("state", 64),
        country=node.pattern("country", _COUNTRY, "an ISO 3166 code of two letters"),
    )


def _parse_order_line(node: Node) -> OrderLine:
    quantity = node.amount("quantity")
    cancelled = node.optional_amount("cancelled_quantity") or Decimal(0)
    fulfilled = node.optional_amount("fulfilled_quantity") or Decimal(0)
    if cancelled > quantity:
        node.refuse("must not be more than was ordered", "cancelled_quantity")
    if cancelled + fulfilled > quantity:
        node.refuse(
            "must not, with the cancelled, be more than was ordered",
            "fulfilled_quantity",
        )
    return OrderLine(
        id=node.identifier("id"),
        sku=node.identifier("sku"),
        item_id=node.identifier("item_id", required=False),
        quantity=quantity,
        cancelled_quantity=cancelled,
        fulfilled_quantity=fulfilled,
        lots=_parse_lots(node, quantity),
        unit_price=node.money("unit_price"),
        discount=node.optional_amount("discount") or Decimal(0),
        tax_rate=_parse_tax_rate(node),
        location_id=node.identifier("location_id", required=False),
        title=node.text("title", 1_000),
    )


def _parse_shipping(node: Node) -> ShippingLine:
    return ShippingLine(
        id=node.identifier("id"),
        title=node.text("title", 1_000, required=True),
        amount=node.money("amount"),
        tax_rate=_parse_tax_rate(node),
    )


def _parse_tax_rate(node: Node) -> Decimal | None:
    rate = node.optional_amount("tax_rate")
    if rate is not None and rate > _TAX_RATE_LIMIT:
        node.refuse(f"must not be more than {_TAX_RATE_LIMIT} percent", "tax_rate")
    return rate


def _parse_lots(node: Node, most: Decimal) -> tuple[LotQuantity, ...]:
    """Read lots, which together must not hold more than their line."""
    lots = tuple(
        LotQuantity(name=lot.identifier("name"), quantity=lot.amount("quantity"))
        for lot in node.items("lots", MAX_LOTS, required=False)
    )
    _refuse_repeats(node, "lots", [lot.name for lot in lots])
    if sum((lot.quantity for lot in lots), Decimal(0)) > most:
        node.refuse("must not hold more than the line", "lots")
    return lots


def _parse_return(node: Node) -> ReturnSnapshot:
    return ReturnSnapshot(
        id=node.identifier("id"),
        order_id=node.identifier("order_id"),
        version=node.integer("version"),
        status=node.choice("status", ReturnStatus),
        location_id=node.identifier("location_id", required=False),
        refund_amount=node.optional_amount("refund_amount"),
        lines=tuple(_parse_return_line(line) for line in _some_lines(node)),
    )


def _parse_return_line(node: Node) -> ReturnLine:
    quantity = node.amount("quantity")
    return ReturnLine(
        order_line_id=node.identifier("order_line_id"),
        quantity=quantity,
        disposition=node.optional_choice("disposition", Disposition),
        lots=_parse_lots(node, quantity),
    )


def _parse_count(node: Node) -> CountSnapshot:
    lines = tuple(_parse_count_line(line) for line in _some_lines(node))
    _refuse_repeats(node, "lines", [(line.sku, line.unit) for line in lines])
    return CountSnapshot(
        id=node.identifier("id"),
        location_id=node.identifier("location_id"),
        counted_at=node.time("counted_at"),
        lines=lines,
    )


def _parse_count_line(node: Node) -> CountLine:
    quantity = node.amount("quantity")
    return CountLine(
        sku=node.identifier("sku"),
        quantity=quantity,
        unit=node.identifier("unit", required=False),
        lots=_parse_lots(node, quantity),
    )


def _some_lines(node: Node) -> list[Node]:
    lines = node.items("lines", MAX_LINES)
    if not lines:
        node.refuse("must not be empty", "lines")
    return lines


def _refuse_repeats(node: Node, key: str, names: Sequence[object]) -> None:
    if len(set(names)) != len(names):
        node.refuse("must not name the same thing twice", key)


# ------------------------------------------------------------------ outgoing


def format_quantity(quantity: Decimal) -> str:
    """Return a quantity the way the wire has it: digits, never an exponent."""
    return format(quantity, "f")


def envelope(kind: str, moment: datetime, data: object) -> dict[str, object]:
    """Return the outer object every signed body has."""
    return {"type": kind, "timestamp": format_time(moment), "data": data}


def inventory_data(updates: Iterable[QuantityUpdate]) -> dict[str, object]:
    """Return the data of ``inventory.updated``."""
    return {"levels": [_level(update) for update in updates]}


def _level(update: QuantityUpdate) -> dict[str, object]:
    previous = update.previous
    return _without_blanks(
        {
            "sku": update.key.sku,
            "item_id": update.key.item_id,
            "location_id": update.key.location_id,
            "quantity": format_quantity(update.quantity),
            "unit": update.unit,
            "sequence": update.sequence,
            "previous": None if previous is None else format_quantity(previous),
        },
        optional=("item_id",),
    )


def shipment_data(shipment: Shipment) -> dict[str, object]:
    """Return the data of ``shipment.created``."""
    return _without_blanks(
        {
            "id": shipment.id,
            "order_id": shipment.order_id,
            "carrier": shipment.carrier,
            "tracking": shipment.tracking,
            "tracking_url": shipment.tracking_url,
            "shipped_at": format_time(shipment.shipped_at),
            "location_id": shipment.location_id,
            "lines": [_reported_line(line) for line in shipment.lines],
        },
        optional=("carrier", "tracking", "tracking_url"),
    )


def cancellation_data(cancellation: Cancellation) -> dict[str, object]:
    """Return the data of ``order.cancelled``."""
    return {
        "id": cancellation.id,
        "order_id": cancellation.order_id,
        "reason": cancellation.reason,
        "lines": [
            {
                "order_line_id": line.order_line_id,
                "quantity": format_quantity(line.quantity),
            }
            for line in cancellation.lines
        ],
    }


def _reported_line(line: ReportedLine) -> dict[str, object]:
    lots = [
        {"name": lot.name, "quantity": format_quantity(lot.quantity)}
        for lot in line.lots
    ]
    return _without_blanks(
        {
            "order_line_id": line.order_line_id,
            "quantity": format_quantity(line.quantity),
            "lots": lots,
        },
        optional=("lots",),
    )


def _without_blanks(data: dict[str, Any], optional: Sequence[str]) -> dict[str, object]:
    """Leave optional keys out that have nothing to say."""
    return {key: value for key, value in data.items() if value or key not in optional}
