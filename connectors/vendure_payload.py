"""What is asked of Vendure about an order, and how the answer is stored. No I/O.

Facts of Vendure 3.7.3 that shape this file:

* ``updatedAt`` has a resolution of one second on SQLite, and stands still when a second
  parcel leaves or money goes back. The version of a snapshot is therefore the newest
  date of everything it is made of, and within one moment the number of entries in the
  order's history, which every change adds to.
* Money is a whole number; how many of its digits are decimals is a setting of the
  server, the same for every currency, and stored beside the order.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import UTC, datetime, timedelta
from typing import Any

from .base import body_digest
from .data import FetchedOrder
from .errors import BadPayload, RetryLater
from .stored_body import Tree, kept, packed, tree
from .strict_json import Node, parse_time
from .vendure_client import Row, part

TOPIC = "vendure.order"
"""Type of the bodies we build ourselves from a polled order."""

MAX_LINES = 5000

_ADDRESS = (
    "fullName company streetLine1 streetLine2 city province postalCode countryCode"
    " phoneNumber"
).split()
_LINE = (
    "id quantity orderPlacedQuantity taxRate updatedAt unitPrice unitPriceWithTax"
    " linePrice linePriceWithTax proratedUnitPrice proratedUnitPriceWithTax"
    " proratedLinePrice proratedLinePriceWithTax productVariant.id productVariant.sku"
    " productVariant.name"
).split()
_ORDER = (
    "id code state type active createdAt updatedAt orderPlacedAt currencyCode"
    " totalWithTax customer.id customer.emailAddress customer.firstName"
    " customer.lastName customer.phoneNumber"
    " shippingLines.id shippingLines.discountedPrice"
    " shippingLines.discountedPriceWithTax shippingLines.discounts.adjustmentSource"
    " shippingLines.discounts.amountWithTax"
    " shippingLines.shippingMethod.code shippingLines.shippingMethod.name"
    " surcharges.id surcharges.description surcharges.sku surcharges.price"
    " surcharges.priceWithTax surcharges.taxRate"
    " taxSummary.taxRate modifications.id"
    " payments.id payments.state payments.amount payments.transactionId"
    " payments.updatedAt payments.refunds.id payments.refunds.state"
    " payments.refunds.total payments.refunds.updatedAt"
    " payments.refunds.lines.orderLineId payments.refunds.lines.quantity"
    " fulfillments.id fulfillments.state fulfillments.method fulfillments.trackingCode"
    " fulfillments.updatedAt fulfillments.lines.orderLineId"
    " fulfillments.lines.quantity history.totalItems"
).split()

ORDER_FIELDS = (
    *_ORDER,
    *(f"lines.{name}" for name in _LINE),
    *(f"shippingAddress.{name}" for name in _ADDRESS),
    *(f"billingAddress.{name}" for name in _ADDRESS),
)
"""What is asked for. Vendure answers nothing else."""

_PERSONAL = ("customer.", "shippingAddress.", "billingAddress.")
_SPOKEN = (
    "lines.productVariant.name",
    "surcharges.description",
    "shippingLines.shippingMethod.name",
    "fulfillments.method",
)
"""Texts in which a person may be named: engravings, a neighbour to leave it with."""

IMPERSONAL = (
    "type",
    "precision",
    "inclusive",
    *(
        f"order.{name}"
        for name in ORDER_FIELDS
        if not name.startswith(_PERSONAL) and name not in _SPOKEN
    ),
)
"""What of a stored body names no person."""

CUSTOMER_IDS = ("order.customer.id",)

_TREE = tree(ORDER_FIELDS)
_ARGUMENTS = {"history": "(options: {take: 1})"}
_EPOCH = datetime(2020, 1, 1, tzinfo=UTC)
"""Before any order there is; see ``_ENTRIES``."""
_MILLISECOND = timedelta(milliseconds=1)
_ENTRIES = 500
"""Entries of a history that are counted: versions stay below 5E+14 until 2051. The hub
rounds them as floats, which is exact so far and not beyond."""


def _selection(names: Tree) -> str:
    """Return the fields of a tree in GraphQL's words."""
    return " ".join(
        f"{name}{_ARGUMENTS.get(name, '')}"
        + (f" {{ {_selection(sub)} }}" if sub else "")
        for name, sub in names.items()
    )


_SHOP = """activeChannel { pricesIncludeTax }
  globalSettings { serverConfig { moneyStrategyPrecision } }"""

HEADS = """query HubOrderHeads($options: OrderListOptions!) {
  orders(options: $options) { items { id updatedAt } }
}"""

ORDERS = f"""query HubOrders($options: OrderListOptions!) {{
  orders(options: $options) {{ items {{ {_selection(_TREE)} }} }}
  {_SHOP}
}}"""

ORDER = f"""query HubOrder($id: ID!) {{
  order(id: $id) {{ {_selection(_TREE)} }}
  {_SHOP}
}}"""


def is_placed(order: Mapping[str, Any]) -> bool:
    """Tell whether somebody has bought this: no cart, no draft.

    An order of several sellers is left to the orders of each of them.
    """
    return bool(order.get("orderPlacedAt")) and order.get("type") != "Aggregate"


def wrap(order: Row, shop: Row) -> FetchedOrder:
    """Build the stored body of one order.

    An order that makes no sense is stored all the same: reading it then says what is
    wrong with it, to a person, and the others go on.

    :param order: as Vendure answered it.
    :param shop: the rest of the same answer.
    :raise RetryLater: when it has not even an id.
    """
    order_id = order.get("id")
    if not isinstance(order_id, str) or not order_id:
        raise RetryLater("Vendure's answer makes no sense: an order without id.")
    server = part(part(shop, "globalSettings"), "serverConfig")
    body = {
        "type": TOPIC,
        "order": kept(order, _TREE),
        "inclusive": part(shop, "activeChannel").get("pricesIncludeTax"),
        "precision": server.get("moneyStrategyPrecision"),
    }
    raw = packed(body)
    try:
        _order_id, key = stored_key(raw, Node(body, ""))
    except BadPayload:
        key = f"order:{order_id}::{body_digest(raw)[:16]}"
    return FetchedOrder(order_id=order_id, dedupe_key=key, topic=TOPIC, raw=raw)


def stored_key(raw: bytes, root: Node) -> tuple[str, str]:
    """Return order id and dedupe key of a stored body.

    The digest is in the key because a customer or a product may be renamed: the same
    version with another content must not count as a repeat.

    :raise BadPayload: when the body holds no order.
    """
    order_id = root.child("order").identifier("id")
    return order_id, f"order:{order_id}:{version_of(root)}:{body_digest(raw)[:16]}"


def moments(root: Node) -> Iterable[datetime]:
    """Yield when each part of the order last changed."""
    order = root.child("order")
    yield order.time("updatedAt")
    parts = [
        *order.items("lines", MAX_LINES, required=False),
        *order.items("fulfillments", MAX_LINES, required=False),
    ]
    for payment in order.items("payments", MAX_LINES, required=False):
        parts += [payment, *payment.items("refunds", MAX_LINES, required=False)]
    for node in parts:
        moment = parse_time(node.text("updatedAt"))
        if moment is not None:
            yield moment


def version_of(root: Node) -> int:
    """Return the newest date in milliseconds since 2020, and the history's length."""
    newest = (max(moments(root)) - _EPOCH) // _MILLISECOND
    history = root.child("order").optional_child("history")
    entries = history.optional_amount("totalItems") if history else None
    return newest * _ENTRIES + min(int(entries or 0), _ENTRIES - 1)
