"""What is asked of Medusa about an order, and how the answer is stored. No I/O.

Two facts, measured on Medusa 2.18.0, shape this file:

* ``order.version`` and ``order.updated_at`` stand still when a payment is captured
  or refunded and when a reservation moves to another location. The version of a
  snapshot is therefore the newest ``updated_at`` of everything it is made of, in
  milliseconds.
* A line that an order edit sets to zero disappears from the order. What was once
  ordered comes from the order's changes and is stored beside the order.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

from .base import body_digest
from .data import FetchedOrder
from .errors import BadPayload, RetryLater
from .medusa_client import part, rows
from .stored_body import kept, packed, tree
from .strict_json import Node, parse_decimal, parse_time

TOPIC = "medusa.order"
"""Type of the bodies we build ourselves from a polled order."""

MAX_LINES = 5000

_ADDRESS = (
    "first_name last_name company address_1 address_2 city postal_code province"
    " country_code phone"
).split()
ITEM_FIELDS = (
    "id title subtitle variant_sku quantity unit_price is_tax_inclusive updated_at"
    " discount_total discount_subtotal return_received_total return_dismissed_total"
    " detail.updated_at detail.fulfilled_quantity detail.return_received_quantity"
    " detail.return_dismissed_quantity adjustments.id adjustments.amount"
    " tax_lines.id tax_lines.rate variant.sku variant.inventory_items.required_quantity"
    " variant.inventory_items.inventory_item_id"
).split()
_ORDER = (
    "id display_id status is_draft_order currency_code email total created_at"
    " updated_at payment_status version"
    " customer.id customer.email customer.first_name customer.last_name customer.phone"
    " shipping_methods.id shipping_methods.name shipping_methods.amount"
    " shipping_methods.is_tax_inclusive shipping_methods.tax_lines.id"
    " shipping_methods.tax_lines.rate shipping_methods.adjustments.id"
    " shipping_methods.adjustments.amount"
    " fulfillments.id fulfillments.location_id fulfillments.canceled_at"
    " fulfillments.updated_at fulfillments.items.id fulfillments.items.line_item_id"
    " fulfillments.items.quantity payment_collections.id payment_collections.updated_at"
).split()

ORDER_FIELDS = (
    *_ORDER,
    *(f"items.{name}" for name in ITEM_FIELDS),
    *(f"shipping_address.{name}" for name in _ADDRESS),
    *(f"billing_address.{name}" for name in _ADDRESS),
)
"""What is asked for. Medusa answers more; the rest is not stored: it may be personal
and it would make equal orders look different."""

RETURN_FIELDS = (
    "id order_id status location_id updated_at items.id items.item_id items.quantity"
    " items.received_quantity items.damaged_quantity items.updated_at"
).split()

RESERVATION_FIELDS = tuple(
    "id line_item_id location_id inventory_item_id quantity updated_at".split()
)

_PERSONAL = ("customer.", "shipping_address.", "billing_address.")
_SPOKEN = ("email", "items.title", "items.subtitle", "shipping_methods.name")
"""Texts in which a person may be named: engravings, a neighbour to leave it with."""

IMPERSONAL = (
    "type",
    *(
        f"order.{name}"
        for name in ORDER_FIELDS
        if not name.startswith(_PERSONAL) and name not in _SPOKEN
    ),
    *(f"reservations.{name}" for name in RESERVATION_FIELDS),
    *(f"returns.{name}" for name in RETURN_FIELDS),
    "ordered.id",
    "ordered.quantity",
    *(f"removed.{name}" for name in ITEM_FIELDS if f"items.{name}" not in _SPOKEN),
)
"""What of a stored body names no person."""

CUSTOMER_IDS = ("order.customer.id",)

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MILLISECOND = timedelta(milliseconds=1)
_ZERO = Decimal(0)

_ORDER_TREE = tree(ORDER_FIELDS)
_ITEM_TREE = tree(ITEM_FIELDS)
_RESERVATION_TREE = tree(RESERVATION_FIELDS)
_RETURN_TREE = tree(RETURN_FIELDS)


def wrap(
    order: Mapping[str, Any],
    reservations: Sequence[Mapping[str, Any]],
    changes: Sequence[Mapping[str, Any]],
    former_items: Sequence[Mapping[str, Any]],
    returns: Sequence[Mapping[str, Any]] = (),
) -> FetchedOrder:
    """Build the stored body of one order.

    An order that makes no sense is stored all the same: reading it then says what is
    wrong with it, to a person, and the others go on.

    :param order: as ``GET /admin/orders`` answered it.
    :param reservations: of its lines.
    :param changes: ``GET /admin/orders/:id/changes``, empty if never changed.
    :param former_items: lines that edits removed, as far as wanted.
    :param returns: of this order; a body without any has no such key, as those stored
        before returns were read.
    :raise RetryLater: when it has not even an id.
    """
    order_id = order.get("id")
    if not isinstance(order_id, str) or not order_id:
        raise RetryLater("Medusa's answer makes no sense: an order without id.")
    body = {
        "type": TOPIC,
        "order": kept(dict(order), _ORDER_TREE),
        "reservations": kept(list(reservations), _RESERVATION_TREE),
        "ordered": [
            {"id": line, "quantity": f"{quantity:f}"}
            for line, quantity in sorted(most_ordered(changes).items())
        ],
        "removed": kept(list(former_items), _ITEM_TREE),
    }
    if returns:
        body["returns"] = kept(list(returns), _RETURN_TREE)
    raw = packed(body)
    try:
        _order_id, key = stored_key(raw, Node(body, ""))
    except BadPayload:
        key = f"order:{order_id}::{body_digest(raw)[:16]}"
    return FetchedOrder(order_id=order_id, dedupe_key=key, topic=TOPIC, raw=raw)


def most_ordered(changes: Sequence[Mapping[str, Any]]) -> dict[str, Decimal]:
    """Return per line the most that was ever ordered, from confirmed order changes.

    ``ITEM_UPDATE`` carries the new quantity and the difference to the one before.
    """
    most: dict[str, Decimal] = {}
    for change in changes:
        if change.get("status") != "confirmed":
            continue
        for action in rows(change, "actions"):
            details = part(action, "details")
            line = details.get("reference_id")
            after = _decimal(details.get("quantity"))
            if not isinstance(line, str) or after is None:
                continue
            if action.get("action") == "ITEM_UPDATE":
                difference = _decimal(details.get("quantity_diff")) or _ZERO
                most[line] = max(most.get(line, _ZERO), after, after - difference)
            elif action.get("action") in ("ITEM_ADD", "ITEM_REMOVE"):
                most[line] = max(most.get(line, _ZERO), after)
    return most


def _decimal(value: Any) -> Decimal | None:
    """Read a number that Medusa writes as a number here, as a string there."""
    if isinstance(value, Decimal | int) and not isinstance(value, bool):
        return Decimal(value)
    return parse_decimal(value)


def stored_key(raw: bytes, root: Node) -> tuple[str, str]:
    """Return order id and dedupe key of a stored body.

    The digest is in the key because a reservation may vanish without any date
    moving: the same version with another content must not count as a repeat.

    :raise BadPayload: when the body holds no order.
    """
    order_id = root.child("order").identifier("id")
    digest = body_digest(raw)[:16]
    return order_id, f"order:{order_id}:{version_of(root)}:{digest}"


def moments(root: Node) -> Iterable[datetime]:
    """Yield when each part of the order last changed."""
    order = root.child("order")
    yield order.time("updated_at")
    parts = [
        *order.items("fulfillments", MAX_LINES, required=False),
        *order.items("payment_collections", MAX_LINES, required=False),
        *root.items("reservations", MAX_LINES, required=False),
    ]
    for node in root.items("returns", MAX_LINES, required=False):
        parts += [node, *node.items("items", MAX_LINES, required=False)]
    for item in order.items("items", MAX_LINES, required=False):
        parts += [item, *filter(None, [item.optional_child("detail")])]
    for node in parts:
        moment = parse_time(node.text("updated_at"))
        if moment is not None:
            yield moment


def version_of(root: Node) -> int:
    """Return milliseconds since 1970 of the newest change to any part."""
    return (max(moments(root)) - _EPOCH) // _MILLISECOND
