"""How an order of WooCommerce is stored: with its refunds, in one stable form. No I/O.

Three facts shape this file:

* An order names its refunds by id and sum only; what was refunded is asked for apart
  and stored beside the order.
* WooCommerce knows no shipments. What we told it of stands in the order's metadata
  (:mod:`.woocommerce_fulfilment`), and is how a later reader knows what has left.
* ``date_modified_gmt`` has whole seconds and is the only version there is. A change
  within the second has an equal version and another digest in its key, and the hub lets
  what it was told later count.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from decimal import Decimal, InvalidOperation
from typing import Any

from .base import body_digest
from .data import FetchedOrder
from .errors import BadPayload, RetryLater
from .strict_json import Node
from .woocommerce_client import Row, number, parse_gmt, part, parts

TOPIC = "woocommerce.order"
"""Type of the bodies we build ourselves from an order that was read."""

MARK = "_stock_channel_hub_shipment_"
"""Begins the key of the metadata that holds a shipment of ours; its id follows."""

RESTOCKED = "_restock_refunded_items"
"""Metadata of a line: how many refunded units WooCommerce has put back on sale."""

REFUNDED_LINE = "_refunded_item_id"
"""Metadata of a refund's line: which line of the order it is about."""

MAX_LINES = 5000
FINEST = Decimal("1E-10")

_PLACE = (
    "first_name last_name company address_1 address_2 city state postcode country phone"
).split()
_MONEY = "total total_tax taxes.id taxes.total".split()
_LINE = (
    "id product_id variation_id sku quantity price subtotal subtotal_tax restocked"
).split()
_ORDER = (
    "id number status currency prices_include_tax date_created_gmt date_modified_gmt"
    " date_paid_gmt date_completed_gmt total transaction_id payment_method"
).split()
_SPOKEN = (
    "customer_note line_items.name shipping_lines.method_title fee_lines.name"
).split()
"""Texts in which a person may be named: a note, an engraving, a neighbour."""
_IMPERSONAL_ORDER = (
    *_ORDER,
    *(f"line_items.{name}" for name in (*_LINE, *_MONEY)),
    *(f"shipping_lines.{name}" for name in ("id", "method_id", *_MONEY)),
    *(f"fee_lines.{name}" for name in ("id", *_MONEY)),
    *(f"tax_lines.{name}" for name in ("id", "rate_id", "rate_percent", "compound")),
)
_PERSONAL_ORDER = (
    "customer_id",
    *_SPOKEN,
    *(f"billing.{name}" for name in (*_PLACE, "email")),
    *(f"shipping.{name}" for name in _PLACE),
)
_REFUND = (
    "id amount date_created_gmt line_items.id line_items.line_id line_items.quantity"
    " line_items.total line_items.total_tax"
).split()
_SHIPMENT = "id lines.id lines.quantity".split()

IMPERSONAL = (
    "type",
    *(f"order.{name}" for name in _IMPERSONAL_ORDER),
    *(f"refunds.{name}" for name in _REFUND),
    *(f"shipments.{name}" for name in _SHIPMENT),
    # A webhook's body is the order itself.
    *_IMPERSONAL_ORDER,
)
"""What of a stored body names no person."""

CUSTOMER_IDS = ("order.customer_id", "customer_id")

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_SECOND = timedelta(seconds=1)

Tree = dict[str, Any]


def _tree(names: Iterable[str]) -> Tree:
    """Turn dotted names into nested dictionaries."""
    result: Tree = {}
    for name in names:
        branch = result
        for step in name.split("."):
            branch = branch.setdefault(step, {})
    return result


_ORDER_TREE = _tree((*_IMPERSONAL_ORDER, *_PERSONAL_ORDER))
_REFUND_TREE = _tree(_REFUND)
_SHIPMENT_TREE = _tree(_SHIPMENT)


def _kept(value: Any, tree: Tree) -> Any:
    """Return the part of an answer named by the tree, in one stable form.

    Lists are sorted by id, numbers become texts holding decimals, so that no reader
    makes floats of them. What is not named is not stored: it may be personal.
    """
    if isinstance(value, list):
        children = [_kept(child, tree) for child in value]
        return sorted(children, key=_id)
    if isinstance(value, dict):
        return {
            name: _kept(value[name], branch)
            for name, branch in tree.items()
            if value.get(name) is not None
        }
    if isinstance(value, Decimal | int) and not isinstance(value, bool):
        return f"{_rounded(Decimal(value)):f}"
    return value


def _rounded(amount: Decimal) -> Decimal:
    """Cut the noise of a float; the tenth digit is far below a cent."""
    exponent = amount.as_tuple().exponent
    if isinstance(exponent, int) and exponent >= -10:
        return amount
    try:
        return amount.quantize(FINEST).normalize()
    except InvalidOperation:
        return amount  # astronomic; reading it will refuse it


def _id(value: Any) -> tuple[int, str]:
    text = str(value.get("id", "")) if isinstance(value, dict) else str(value)
    return len(text), text


def _meta(row: Mapping[str, Any], key: str) -> Any:
    """Return a value of a row's metadata, None when it has none."""
    for entry in parts(row, "meta_data"):
        if entry.get("key") == key:
            return entry.get("value")
    return None


def shipments_told(order: Mapping[str, Any]) -> dict[str, Row]:
    """Return the shipments of ours that an order holds in its metadata, by id."""
    found: dict[str, Row] = {}
    for entry in parts(order, "meta_data"):
        key, value = entry.get("key"), entry.get("value")
        if isinstance(key, str) and key.startswith(MARK) and isinstance(value, dict):
            found[key.removeprefix(MARK)] = value
    return found


def shipped_quantities(shipments: Iterable[Mapping[str, Any]]) -> dict[str, Decimal]:
    """Return how many of each line have left, by what we told."""
    total: dict[str, Decimal] = {}
    for shipment in shipments:
        for line in parts(shipment, "lines"):
            quantity = number(line.get("quantity"))
            if quantity is not None and quantity > 0:
                line_id = str(line.get("id"))
                total[line_id] = total.get(line_id, Decimal(0)) + quantity
    return total


def _with_restocked(order: Mapping[str, Any]) -> Row:
    """Return an order whose lines say how much of them was put back on sale."""
    lines = order.get("line_items")
    if not isinstance(lines, list):
        return dict(order)
    told = [
        {**line, "restocked": _meta(line, RESTOCKED)}
        if isinstance(line, dict)
        else line
        for line in lines
    ]
    customer = order.get("customer_id") or None  # 0 is a guest: nobody
    return {**order, "line_items": told, "customer_id": customer}


def _with_lines_named(refund: Mapping[str, Any]) -> Row:
    """Return a refund whose lines name the order's lines."""
    lines = [
        {**line, "line_id": _text(_meta(line, REFUNDED_LINE))}
        for line in parts(refund, "line_items")
    ]
    return {**refund, "line_items": lines}


def _text(value: Any) -> Any:
    return str(value) if isinstance(value, int) else value


def wrap(
    order: Mapping[str, Any], refunds: Sequence[Mapping[str, Any]]
) -> FetchedOrder:
    """Build the stored body of one order.

    An order that makes no sense is stored all the same: reading it then says what is
    wrong with it, to a person, and the others go on.

    :param order: as ``GET /orders/:id`` answered it.
    :param refunds: as ``GET /orders/:id/refunds`` answered them.
    :raise RetryLater: when it has not even an id.
    """
    order_id = order.get("id")
    if isinstance(order_id, bool) or not isinstance(order_id, int) or order_id < 1:
        raise RetryLater("WooCommerce's answer makes no sense: an order without id.")
    told = [
        {"id": shipment_id, **value}
        for shipment_id, value in shipments_told(order).items()
    ]
    body: Row = {"type": TOPIC, "order": _kept(_with_restocked(order), _ORDER_TREE)}
    for name, found, tree in (
        ("refunds", list(map(_with_lines_named, refunds)), _REFUND_TREE),
        ("shipments", told, _SHIPMENT_TREE),
    ):
        if found:
            body[name] = _kept(found, tree)
    raw = json.dumps(body, separators=(",", ":"), sort_keys=True).encode()
    try:
        key = stored_key(raw, Node(body, ""))[1]
    except BadPayload:
        key = f"order:{order_id}::{body_digest(raw)[:16]}"
    return FetchedOrder(order_id=str(order_id), dedupe_key=key, topic=TOPIC, raw=raw)


def stored_key(raw: bytes, root: Node) -> tuple[str, str]:
    """Return order id and dedupe key of a stored body.

    :raise BadPayload: when the body holds no order.
    """
    order = root.child("order")
    order_id = order.identifier("id")
    version = version_of(changed_at(order))
    return order_id, f"order:{order_id}:{version}:{body_digest(raw)[:16]}"


def changed_at(order: Node) -> datetime:
    """Return when an order changed last; an imported one may only have been made."""
    changed = optional_moment(order, "date_modified_gmt")
    return changed or moment(order, "date_created_gmt")


def version_of(change: datetime) -> int:
    """Return the seconds since 1970, which is all WooCommerce tells of a version."""
    return max(0, (change - _EPOCH) // _SECOND)


def moment(node: Node, name: str) -> datetime:
    """Return a date that must be there.

    :raise BadPayload: when it is not, or is none.
    """
    found = optional_moment(node, name)
    if found is None:
        node.refuse("is missing", name)
    return found


def optional_moment(node: Node, name: str) -> datetime | None:
    """Return a date, None when absent.

    :raise BadPayload: when it is something else.
    """
    text = node.text(name)
    found = parse_gmt(text)
    if text and found is None:
        node.refuse("must be a date and time", name)
    return found


def trimmed(amount: Decimal) -> Decimal:
    """Return an amount without the zeros that were asked for, but with its cents."""
    normal = amount.quantize(FINEST).normalize()
    exponent = normal.as_tuple().exponent
    is_short = isinstance(exponent, int) and exponent > -2
    return normal.quantize(Decimal("0.01")) if is_short else normal


def place(node: Node, name: str) -> Node | None:
    """Return an address; PHP writes an empty one as a list."""
    value = part(node.value, name) if isinstance(node.value, dict) else {}
    return node.child(name) if value else None
