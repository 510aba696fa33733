"""What a shop shows of its stock and its orders."""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal


@dataclass(frozen=True)
class Level:
    """What a shop shows for one item at one location.

    :param int available: what customers can still buy, by the shop's own sum.
    """

    stocked: int
    reserved: int
    available: int

    def __str__(self) -> str:
        return f"{self.stocked} - {self.reserved} = {self.available}"


@dataclass(frozen=True)
class PlacedOrder:
    """An order as its customer has it.

    :param Decimal total: what the customer pays.
    """

    id: str
    total: Decimal
