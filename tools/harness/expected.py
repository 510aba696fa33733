"""Plain books: what the ERP must hold once it has heard everything a shop did."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Any

Key = tuple[str, str]
"""SKU and location id."""

OrderKey = tuple[str, str, str]
"""Order id, SKU and location id."""


@dataclass
class Expected:
    """What orders come to.

    :param wanted: pieces ordered and not cancelled.
    :param shipped: of them, what has left.
    :param returned: of that, what has come back for sale.
    """

    orders: set[str] = field(default_factory=set)
    wanted: Counter[OrderKey] = field(default_factory=Counter)
    shipped: Counter[OrderKey] = field(default_factory=Counter)
    returned: Counter[OrderKey] = field(default_factory=Counter)

    @property
    def with_sale(self) -> set[str]:
        """Return the orders of which anything was ever wanted in the end."""
        return {key[0] for key, number in self.wanted.items() if number}

    def open(self) -> Counter[OrderKey]:
        """Return what is still to be shipped."""
        return +Counter({k: n - self.shipped[k] for k, n in self.wanted.items()})

    def on_hand(self, begun_with: Mapping[Key, int]) -> dict[Key, int]:
        """Return what lies on each shelf."""
        left = dict(begun_with)
        for (_order, sku, place), number in self.shipped.items():
            left[sku, place] -= number
        for (_order, sku, place), number in self.returned.items():
            left[sku, place] += number
        return left

    def reserved(self) -> Counter[Key]:
        """Return what is promised of each shelf."""
        found: Counter[Key] = Counter()
        for (_order, sku, place), number in self.open().items():
            found[sku, place] += number
        return found


def expect(
    orders: Iterable[Mapping[str, Any]], returns: Iterable[Mapping[str, Any]] = ()
) -> Expected:
    """Keep the books of these orders and returns, as the shop has them in the end."""
    books = Expected()
    lines: dict[str, OrderKey] = {}
    for order in orders:
        books.orders.add(order["id"])
        for line in order["lines"]:
            key = (order["id"], line["sku"], line["location_id"])
            lines[line["id"]] = key
            kept = Decimal(line["quantity"]) - Decimal(line["cancelled_quantity"])
            books.wanted[key] += int(kept)
            books.shipped[key] += int(Decimal(line["fulfilled_quantity"]))
    for back in returns:
        if back["status"] == "received":
            for entry in back["lines"]:
                key = lines[entry["order_line_id"]]
                books.returned[key] += int(Decimal(entry["quantity"]))
    return books


def differences(
    what: str, found: Mapping[Any, int], wanted: Mapping[Any, int]
) -> list[str]:
    """Return, in words, where two tables differ; what is zero need not be named."""
    return [
        f"{what} of {'/'.join(map(str, key))}: {found.get(key, 0)} instead of "
        f"{wanted.get(key, 0)}"
        for key in sorted({*found, *wanted})
        if found.get(key, 0) != wanted.get(key, 0)
    ]
