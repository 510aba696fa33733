"""What a channel says of an order, as single facts that can be compared. Pure.

A snapshot is a whole; what the ERP follows are single facts of it: the price of one
line, the address, one delivery charge. Facts of two snapshots, and of the order as the
ERP has it, are compared one by one (``plan.plan_facts``).
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from dataclasses import asdict
from decimal import Decimal
from enum import StrEnum
from typing import NamedTuple

from .data import Address, OrderLine, OrderSnapshot

ZERO = Decimal(0)


class Field(StrEnum):
    """What a fact is about."""

    ITEM = "item"
    """The channel's item id of a line, or its SKU where it has none."""
    QUANTITY = "quantity"
    """How many of a line are wanted: ordered − cancelled."""
    PRICE = "unit_price"
    DISCOUNT = "discount"
    """In percent of the line, since a line of twice as many gets twice as much off."""
    TAX = "tax_rate"
    LOCATION = "location_id"
    """The channel location a line is to be taken from; empty where none is named."""
    SHIPPING = "shipping"
    """The amount of one delivery charge."""
    SHIPPING_TAX = "shipping_tax_rate"
    ADDRESS = "shipping_address"
    """As JSON, with its keys in order."""
    NOTE = "note"
    REFERENCE = "payment_reference"


TEXTS = frozenset(
    {Field.ITEM, Field.LOCATION, Field.ADDRESS, Field.NOTE, Field.REFERENCE}
)


class Key(NamedTuple):
    """Names one fact of an order.

    :param str id: of the line or the charge; empty for what the order has once.
    """

    field: Field
    id: str = ""


Value = Decimal | str | None
Facts = Mapping[Key, Value]


def read_facts(snapshot: OrderSnapshot) -> dict[Key, Value]:
    """Return the facts of a snapshot that the ERP follows."""
    facts: dict[Key, Value] = {
        Key(Field.ADDRESS): address_text(snapshot.shipping_address),
        Key(Field.NOTE): snapshot.note,
        Key(Field.REFERENCE): snapshot.payment_reference,
    }
    for line in snapshot.lines:
        facts |= {
            Key(Field.ITEM, line.id): line.item_id or line.sku,
            Key(Field.QUANTITY, line.id): wanted_quantity(line, snapshot),
            Key(Field.PRICE, line.id): line.unit_price,
            Key(Field.DISCOUNT, line.id): discount_percent(line),
            Key(Field.TAX, line.id): line.tax_rate,
            Key(Field.LOCATION, line.id): line.location_id,
        }
    for charge in snapshot.shipping:
        facts[Key(Field.SHIPPING, charge.id)] = charge.amount
        facts[Key(Field.SHIPPING_TAX, charge.id)] = charge.tax_rate
    return facts


def wanted_quantity(line: OrderLine, snapshot: OrderSnapshot) -> Decimal:
    """Return ordered − cancelled; what has left is not cancelled with the order."""
    cancelled = line.cancelled_quantity
    if snapshot.cancelled:
        cancelled = max(cancelled, line.quantity - line.fulfilled_quantity)
    return max(line.quantity - cancelled, ZERO)


def discount_percent(line: OrderLine) -> Decimal:
    """Return the discount of a line in percent; zero where it costs nothing."""
    gross = line.quantity * line.unit_price
    if not line.discount or not gross:
        return ZERO
    return 100 * line.discount / gross


def address_text(address: Address | Mapping[str, str] | None) -> str:
    """Return an address as one text that is equal for equal addresses."""
    if not address:
        return ""
    parts = asdict(address) if isinstance(address, Address) else dict(address)
    return json.dumps(parts, sort_keys=True, ensure_ascii=False)


def facts_to_json(facts: Facts) -> list[list[str | None]]:
    """Return facts as plain lists, with exact decimals in texts."""
    return [
        [key.field.value, key.id, None if value is None else str(value)]
        for key, value in sorted(facts.items(), key=lambda fact: fact[0])
    ]


def facts_from_json(rows: Iterable[Iterable[str | None]]) -> dict[Key, Value]:
    """Return the facts that ``facts_to_json`` made a list of."""
    facts: dict[Key, Value] = {}
    for field_name, fact_id, text in rows:
        field = Field(field_name or "")
        value = text if text is None or field in TEXTS else Decimal(text)
        facts[Key(field, fact_id or "")] = value
    return facts
