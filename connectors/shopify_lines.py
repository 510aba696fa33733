"""Lines of an order as Shopify counts them, and an order with all that it has."""

from __future__ import annotations

from collections.abc import Iterable
from decimal import Decimal

from .data import ReportedLine
from .errors import Rejected
from .graphql import Row
from .shopify_client import ShopifyClient, connection, gid, next_page, part


def merged(lines: Iterable[ReportedLine]) -> dict[str, int]:
    """Return how many of each order line, a line told twice counted together.

    :raise Rejected: what is no line of Shopify, or no whole number above zero.
    """
    total: dict[str, Decimal] = {}
    for line in lines:
        gid("LineItem", line.order_line_id)
        total.setdefault(line.order_line_id, Decimal(0))
        total[line.order_line_id] += line.quantity
    for quantity in total.values():
        if quantity != quantity.to_integral_value() or quantity <= 0:
            raise Rejected(
                f"Shopify counts in whole units, not in {quantity:f}.",
                code="fraction",
                field="lines",
            )
    if not total:
        raise Rejected("There is no line.", code="no_lines", field="lines")
    return {line: int(quantity) for line, quantity in total.items()}


def whole_order(
    client: ShopifyClient, document: str, order_id: str, name: str, cost: float
) -> Row:
    """Read one order with every page of one of its lists.

    :param order_id: Shopify's own id of the order, as the document takes it.
    :param str name: of the list; ``document`` pages it by ``$after``.
    :param float cost: points one page costs, at most.
    :raise Rejected: when Shopify has no such order, or does not show it.
    """
    after: str | None = None
    first: Row = {}
    found: list[Row] = []
    while True:
        variables = {"id": order_id, "after": after}
        order = part(client.query(document, variables, cost=cost), "order")
        if not order:
            raise Rejected(
                "Shopify has no such order, or the app may not see it: orders older"
                " than 60 days need the access scope read_all_orders.",
                code="unknown_order",
            )
        first = first or order
        found += connection(order, name)
        after = next_page(part(order, name), after)
        if after is None:
            return {**first, name: {"nodes": found}}
