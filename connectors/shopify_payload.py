"""What is asked of Shopify about an order, and how the answer is stored. No I/O.

Three facts shape this file (GraphQL Admin API 2026-07, shopify.dev/docs/api/admin-graphql
and its usage pages on limits and rate limits):

* A single query may cost 1000 points, and a connection costs as much as it may answer.
  So the usual order fits one query, and what is longer than its page is read apart.
* ``updatedAt`` has seconds. A return has no such date at all.
* Amounts come in the shop's currency and in the one the customer pays in
  (presentment). Only the latter is asked for: it is what the customer saw, what is
  refunded, and what adds up to the cent; the other one is converted line by line.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

from .base import body_digest
from .data import FetchedOrder
from .errors import BadPayload
from .strict_json import Node, parse_time

TOPIC = "shopify.order"
"""Type of the bodies we build ourselves from an order that was read."""

MAX_LINES = 5000

Row = dict[str, Any]

# --------------------------------------------------------------------- documents

LIST = 250
"""Most entries Shopify answers of a list that has no pages."""

PARCELS, REFUNDS = 5, 20
"""How many of each are asked for with an order; where so many come, there may be more."""

_MONEY = "{ presentmentMoney { amount } }"
_PAGE_INFO = "pageInfo { hasNextPage endCursor }"
_TAXES = f"taxLines {{ rate priceSet {_MONEY} }}"
_DISCOUNTS = f"discountAllocations {{ allocatedAmountSet {_MONEY} }}"
_ADDRESS = (
    "{ firstName lastName company address1 address2 city zip provinceCode"
    " countryCodeV2 phone }"
)
_LINE = (
    f"id sku title variantTitle quantity currentQuantity requiresShipping isGiftCard"
    f" originalUnitPriceSet {_MONEY} {_DISCOUNTS} {_TAXES}"
    f" variant {{ id sku inventoryItem {{ id }} }}"
)
_SHIPPING = (
    f"id title code discountedPriceSet {_MONEY} currentDiscountedPriceSet {_MONEY}"
    f" {_TAXES}"
)
_PLACE = "id status updatedAt assignedLocation { location { id } }"
_PLACE_LINE = "id totalQuantity remainingQuantity lineItem { id }"
_PARCEL = "id status updatedAt location { id }"
_PARCEL_LINE = "id quantity lineItem { id }"
_REFUND = (
    f"id createdAt updatedAt return {{ id }} totalRefundedSet {_MONEY}"
    f" refundShippingLines(first: 40) {{ nodes {{ id"
    f" subtotalAmountSet {_MONEY} taxAmountSet {_MONEY} }} }}"
)
_REFUND_LINE = (
    f"id quantity restockType location {{ id }} lineItem {{ id }}"
    f" subtotalSet {_MONEY} totalTaxSet {_MONEY}"
)
_RETURN_LINE = (
    "id quantity processedQuantity"
    " ... on ReturnLineItem { fulfillmentLineItem { id lineItem { id } } }"
)
_REVERSE_LINE = (
    "id totalQuantity fulfillmentLineItem { id lineItem { id } }"
    " dispositions { id type quantity createdAt location { id } }"
)

ORDERS = f"""query HubOrders($first: Int!, $after: String, $query: String) {{
  orders(first: $first, after: $after, query: $query, sortKey: UPDATED_AT) {{
    nodes {{ id updatedAt }} {_PAGE_INFO} }}
}}"""

ORDER = f"""query HubOrder($id: ID!) {{
  order(id: $id) {{
    id name processedAt updatedAt cancelledAt test displayFinancialStatus
    presentmentCurrencyCode taxesIncluded dutiesIncluded email phone note
    currentTotalPriceSet {_MONEY} currentTotalDutiesSet {_MONEY}
    totalTipReceivedSet {_MONEY}
    customer {{ id firstName lastName }}
    shippingAddress {_ADDRESS} billingAddress {_ADDRESS}
    additionalFees {{ id name price {_MONEY} {_TAXES} }}
    transactions(first: 10) {{ id kind status paymentId }}
    shippingLines(first: 5) {{ nodes {{ {_SHIPPING} }} {_PAGE_INFO} }}
    lineItems(first: 15) {{ nodes {{ {_LINE} }} {_PAGE_INFO} }}
    fulfillmentOrders(first: 5) {{ nodes {{ {_PLACE}
      lineItems(first: 15) {{ nodes {{ {_PLACE_LINE} }} {_PAGE_INFO} }} }}
      {_PAGE_INFO} }}
    fulfillments(first: {PARCELS}) {{ {_PARCEL}
      fulfillmentLineItems(first: 15) {{ nodes {{ {_PARCEL_LINE} }} {_PAGE_INFO} }} }}
    refunds(first: {REFUNDS}) {{ id }}
    returns(first: 10) {{ nodes {{ id }} {_PAGE_INFO} }}
  }}
}}"""

ORDER_DATE = """query HubOrderDate($id: ID!) { order(id: $id) { id updatedAt } }"""

ORDER_LINES = f"""query HubOrderLines($id: ID!, $after: String) {{
  order(id: $id) {{ id lineItems(first: 40, after: $after) {{
    nodes {{ {_LINE} }} {_PAGE_INFO} }} }}
}}"""

ORDER_SHIPPING_LINES = f"""query HubOrderShippingLines($id: ID!, $after: String) {{
  order(id: $id) {{ id shippingLines(first: 40, after: $after) {{
    nodes {{ {_SHIPPING} }} {_PAGE_INFO} }} }}
}}"""

ORDER_PLACES = f"""query HubOrderPlaces($id: ID!, $after: String) {{
  order(id: $id) {{ id fulfillmentOrders(first: 100, after: $after) {{
    nodes {{ id }} {_PAGE_INFO} }} }}
}}"""

ORDER_PARTS = f"""query HubOrderParts($id: ID!) {{
  order(id: $id) {{ id fulfillments(first: {LIST}) {{ id }}
    refunds(first: {LIST}) {{ id }} }}
}}"""

ORDER_RETURNS = f"""query HubOrderReturns($id: ID!, $after: String) {{
  order(id: $id) {{ id returns(first: 100, after: $after) {{
    nodes {{ id }} {_PAGE_INFO} }} }}
}}"""

FULFILLMENT = f"""query HubFulfillment($id: ID!, $after: String) {{
  fulfillment(id: $id) {{ {_PARCEL} fulfillmentLineItems(first: 100, after: $after) {{
    nodes {{ {_PARCEL_LINE} }} {_PAGE_INFO} }} }}
}}"""

FULFILLMENT_ORDER = f"""query HubFulfillmentOrder($id: ID!, $after: String) {{
  fulfillmentOrder(id: $id) {{ {_PLACE} lineItems(first: 100, after: $after) {{
    nodes {{ {_PLACE_LINE} }} {_PAGE_INFO} }} }}
}}"""

REFUND = f"""query HubRefund($id: ID!, $after: String) {{
  refund(id: $id) {{ {_REFUND} refundLineItems(first: 50, after: $after) {{
    nodes {{ {_REFUND_LINE} }} {_PAGE_INFO} }} }}
}}"""

RETURN = f"""query HubReturn($id: ID!, $after: String) {{
  return(id: $id) {{ id name status createdAt closedAt requestApprovedAt
    returnLineItems(first: 50, after: $after) {{
      nodes {{ {_RETURN_LINE} }} {_PAGE_INFO} }} }}
}}"""

RETURN_PARTS = f"""query HubReturnParts($id: ID!, $after: String) {{
  return(id: $id) {{ id reverseFulfillmentOrders(first: 100, after: $after) {{
    nodes {{ id }} {_PAGE_INFO} }} }}
}}"""

REVERSE = f"""query HubReverse($id: ID!, $after: String) {{
  reverseFulfillmentOrder(id: $id) {{ id status lineItems(first: 50, after: $after) {{
    nodes {{ {_REVERSE_LINE} }} {_PAGE_INFO} }} }}
}}"""

OWNER = """query HubOwner($id: ID!) {
  node(id: $id) { id
    ... on FulfillmentOrder { order { id } }
    ... on Fulfillment { order { id } }
    ... on Refund { order { id } }
    ... on Return { order { id } }
    ... on ReverseFulfillmentOrder { maybe: order { id } } }
}"""

COSTS: Mapping[str, float] = {
    ORDERS: 102,
    ORDER: 620,
    ORDER_DATE: 1,
    ORDER_LINES: 450,
    ORDER_SHIPPING_LINES: 330,
    ORDER_PLACES: 103,
    ORDER_PARTS: 501,
    ORDER_RETURNS: 103,
    FULFILLMENT: 204,
    FULFILLMENT_ORDER: 205,
    REFUND: 560,
    RETURN: 160,
    RETURN_PARTS: 103,
    REVERSE: 260,
    OWNER: 2,
}
"""Points a query asks for at most; what it does not find is given back."""

# ------------------------------------------------------------------- stored body

_AMOUNT = "presentmentMoney.amount"
_KEPT_ADDRESS = (
    "firstName lastName company address1 address2 city zip provinceCode countryCodeV2"
    " phone"
).split()


def _money(*names: str) -> list[str]:
    return [f"{name}.{_AMOUNT}" for name in names]


_KEPT = (
    *(
        "id name processedAt updatedAt cancelledAt test displayFinancialStatus"
        " presentmentCurrencyCode taxesIncluded dutiesIncluded email phone note"
        " customer.id customer.firstName customer.lastName additionalFees.id"
        " additionalFees.name additionalFees.taxLines.rate transactions.id"
        " transactions.kind transactions.status transactions.paymentId"
    ).split(),
    *_money(
        "currentTotalPriceSet",
        "currentTotalDutiesSet",
        "totalTipReceivedSet",
        "additionalFees.price",
        "additionalFees.taxLines.priceSet",
    ),
    *(f"shippingAddress.{name}" for name in _KEPT_ADDRESS),
    *(f"billingAddress.{name}" for name in _KEPT_ADDRESS),
    *(
        f"shippingLines.{name}"
        for name in (
            "id",
            "title",
            "code",
            "taxLines.rate",
            *_money(
                "discountedPriceSet", "currentDiscountedPriceSet", "taxLines.priceSet"
            ),
        )
    ),
    *(
        f"lineItems.{name}"
        for name in (
            *(
                "id sku title variantTitle quantity currentQuantity requiresShipping"
                " isGiftCard variant.id variant.sku variant.inventoryItem.id"
                " taxLines.rate"
            ).split(),
            *_money(
                "originalUnitPriceSet",
                "discountAllocations.allocatedAmountSet",
                "taxLines.priceSet",
            ),
        )
    ),
    *(
        f"fulfillmentOrders.{name}"
        for name in (
            "id status updatedAt assignedLocation.location.id lineItems.id"
            " lineItems.totalQuantity lineItems.remainingQuantity lineItems.lineItem.id"
        ).split()
    ),
    *(
        f"fulfillments.{name}"
        for name in (
            "id status updatedAt location.id fulfillmentLineItems.id"
            " fulfillmentLineItems.quantity fulfillmentLineItems.lineItem.id"
        ).split()
    ),
    *(
        f"refunds.{name}"
        for name in (
            *(
                "id createdAt updatedAt return.id refundLineItems.id"
                " refundLineItems.quantity refundLineItems.restockType"
                " refundLineItems.location.id refundLineItems.lineItem.id"
                " refundShippingLines.id"
            ).split(),
            *_money(
                "totalRefundedSet",
                "refundLineItems.subtotalSet",
                "refundLineItems.totalTaxSet",
                "refundShippingLines.subtotalAmountSet",
                "refundShippingLines.taxAmountSet",
            ),
        )
    ),
    *(
        f"returns.{name}"
        for name in (
            "id name status createdAt closedAt requestApprovedAt returnLineItems.id"
            " returnLineItems.quantity returnLineItems.processedQuantity"
            " returnLineItems.fulfillmentLineItem.lineItem.id"
            " reverseFulfillmentOrders.id reverseFulfillmentOrders.status"
            " reverseFulfillmentOrders.lineItems.id"
            " reverseFulfillmentOrders.lineItems.totalQuantity"
            " reverseFulfillmentOrders.lineItems.fulfillmentLineItem.lineItem.id"
            " reverseFulfillmentOrders.lineItems.dispositions.id"
            " reverseFulfillmentOrders.lineItems.dispositions.type"
            " reverseFulfillmentOrders.lineItems.dispositions.quantity"
            " reverseFulfillmentOrders.lineItems.dispositions.createdAt"
            " reverseFulfillmentOrders.lineItems.dispositions.location.id"
        ).split()
    ),
)
"""What is stored. What else an answer may hold is not: it may be personal, and it would
make equal orders look different."""

_PERSONAL = ("customer.", "shippingAddress.", "billingAddress.")
_SPOKEN = (
    "email phone note lineItems.title lineItems.variantTitle shippingLines.title"
    " additionalFees.name"
).split()
"""Texts in which a person may be named: engravings, a neighbour to leave it with."""

IMPERSONAL = (
    "type",
    *(
        f"order.{name}"
        for name in _KEPT
        if not name.startswith(_PERSONAL) and name not in _SPOKEN
    ),
    # What is left of a delivery: the ids by which the order was fetched.
    *(
        "id admin_graphql_api_id order_id test created_at updated_at"
        " order.admin_graphql_api_id order_edit.id order_edit.order_id"
        " fulfillment_order.id fulfillment_order.status"
        " original_fulfillment_order.id original_fulfillment_order.status"
        " moved_fulfillment_order.id moved_fulfillment_order.status"
    ).split(),
)
"""What of a stored body names no person."""

CUSTOMER_IDS = ("order.customer.id", "customer.id")

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MILLISECOND = timedelta(milliseconds=1)
_GID = "gid://shopify/"

Tree = dict[str, Any]


def _tree(names: Iterable[str]) -> Tree:
    """Turn dotted names into nested dictionaries."""
    result: Tree = {}
    for name in names:
        branch = result
        for step in name.split("."):
            branch = branch.setdefault(step, {})
    return result


_KEPT_TREE = _tree(_KEPT)


def plain_id(value: object) -> str:
    """Return the last part of a wire id: its number, for everything with a page."""
    return value.rsplit("/", 1)[-1].partition("?")[0] if isinstance(value, str) else ""


def _kept(value: Any, tree: Tree) -> Any:
    """Return the part of an answer named by the tree, in one stable form.

    Connections become lists, sorted by id; ids lose their kind; what is no whole
    number becomes a text, so that no reader makes a float of it.
    """
    if isinstance(value, dict) and set(value) <= {"nodes", "pageInfo"} and value:
        value = value.get("nodes")
    if isinstance(value, list):
        children = [_kept(child, tree) for child in value]
        return sorted(children, key=_order)
    if isinstance(value, dict):
        return {
            name: _kept(value[name], branch)
            for name, branch in tree.items()
            if value.get(name) is not None
        }
    if isinstance(value, Decimal):
        return f"{value:f}"
    if isinstance(value, str) and value.startswith(_GID):
        return plain_id(value)
    return value


def _order(child: Any) -> tuple[int, str]:
    """Sort by id, shorter numbers first; what has none stays where it stood."""
    found = child.get("id") if isinstance(child, dict) else None
    return (len(found), found) if isinstance(found, str) else (0, "")


def wrap(order: Mapping[str, Any]) -> FetchedOrder:
    """Build the stored body of one order.

    An order that makes no sense is stored all the same: reading it then says what is
    wrong with it, to a person, and the others go on.

    :param order: as ``HubOrder`` answered it, its connections read to their ends.
    """
    body = {"type": TOPIC, "order": _kept(dict(order), _KEPT_TREE)}
    raw = json.dumps(body, separators=(",", ":"), sort_keys=True).encode()
    order_id = plain_id(order.get("id"))
    try:
        _order_id, key = stored_key(raw, Node(body, ""))
    except BadPayload:
        key = f"order:{order_id}::{body_digest(raw)[:16]}"
    return FetchedOrder(order_id=order_id, dedupe_key=key, topic=TOPIC, raw=raw)


def stored_key(raw: bytes, root: Node) -> tuple[str, str]:
    """Return order id and dedupe key of a stored body.

    The digest is in the key because Shopify's dates have seconds: the same version
    with another content must not count as a repeat.

    :raise BadPayload: when the body holds no order.
    """
    order = root.child("order")
    order_id = order.identifier("id")
    digest = body_digest(raw)[:16]
    return order_id, f"order:{order_id}:{version_of(order)}:{digest}"


def changed_at(order: Node) -> datetime:
    """Return when any part of a stored order changed last."""
    moments = [order.time("updatedAt")]
    for name in ("fulfillmentOrders", "fulfillments", "refunds"):
        moments += _dates(order.items(name, MAX_LINES, False), "updatedAt")
    for node in order.items("returns", MAX_LINES, False):
        moments += return_dates(node)
    return max(moments)


def return_dates(node: Node) -> list[datetime]:
    """Return every date that a stored return has; there is none of its last change."""
    found = _dates([node], "createdAt", "closedAt", "requestApprovedAt")
    for reverse in node.items("reverseFulfillmentOrders", MAX_LINES, False):
        for line in reverse.items("lineItems", MAX_LINES, False):
            found += _dates(line.items("dispositions", MAX_LINES, False), "createdAt")
    return found


def _dates(nodes: Iterable[Node], *names: str) -> list[datetime]:
    found = (parse_time(node.text(name)) for node in nodes for name in names)
    return [moment for moment in found if moment is not None]


def version_of(order: Node) -> int:
    """Return milliseconds since 1970 of the newest change to any part."""
    return (changed_at(order) - _EPOCH) // _MILLISECOND
