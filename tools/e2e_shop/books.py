"""What must be where, worked out by hand.

A shop that counts like a warehouse has in its stocked quantity what it has sold and not
shipped, so a sale changes its reserved quantity only, and what it is told stays the
same.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from tools.npm_shop import CATALOGUE, Level

from .office import Key

CABINET, BIN, LAMP = "E-COM07", "E-COM10", "FURN_8888"
DOORS, CHAIR = "E-COM11", "FURN_7777"

Parts = Mapping[str, Mapping[str, int]]
"""Quantity by SKU, by name of the location."""

STOCK: dict[Key, int] = {
    (article.sku, place): quantity
    for article, (east, west) in zip(
        CATALOGUE,
        (
            (12, 7),  # only East can serve eight Large Cabinets
            (30, 20),
            (1, 9),  # only West can serve five Pedal Bins
            (14, 0),  # only East has Cabinets with Doors
            (15, 6),
            (3, 2),
            (0, 11),  # only West has Office Chairs
            (5, 1),
            (2, 8),  # only West can serve three Office Lamps
            (6, 10),
        ),
        strict=True,
    )
    for place, quantity in (("East", east), ("West", west))
}
"""On hand by SKU and warehouse when the channel goes live."""


@dataclass
class Books:
    """What must be where, by hand: on hand and sold-but-not-shipped.

    :param history: each number that was right at some time, oldest first.
    :param orders: how many the channel has sold.
    """

    stock: dict[Key, int] = field(default_factory=lambda: dict(STOCK))
    sold: dict[Key, int] = field(default_factory=lambda: dict.fromkeys(STOCK, 0))
    history: dict[Key, list[int]] = field(
        default_factory=lambda: {key: [number] for key, number in STOCK.items()}
    )
    orders: int = 0

    def sell(self, place: str, lines: Mapping[str, int], sign: int = 1) -> None:
        """Note a sale, or with -1 its cancellation."""
        for sku, quantity in lines.items():
            self.sold[sku, place] += sign * quantity

    def ship(self, place: str, lines: Mapping[str, int]) -> None:
        """Note that sold goods have left."""
        self.sell(place, lines, -1)
        for sku, quantity in lines.items():
            self.move(place, sku, -quantity)

    def move(self, place: str, sku: str, quantity: int) -> None:
        """Note that goods came (or, negative, left)."""
        self.stock[sku, place] += quantity
        self.history[sku, place].append(self.stock[sku, place])

    def level(self, key: Key) -> Level:
        """Return what Medusa must show."""
        stock, sold = self.stock[key], self.sold[key]
        return Level(stocked=stock, reserved=sold, available=stock - sold)
