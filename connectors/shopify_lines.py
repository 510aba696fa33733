"""Lines of an order as Shopify counts them: by number, in whole units."""

from __future__ import annotations

from collections.abc import Iterable
from decimal import Decimal

from .data import ReportedLine
from .errors import Rejected
from .shopify_client import gid


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
