"""How much more is promised of a product than is there, and where. Pure.

Several channel locations may offer the same shelves: what is missing there is missing
once. What a rule lets a channel sell beyond what is there is no shortage, and neither
is what a salesman promised knowingly beyond the stock, as long as every order of a
channel can be served.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from decimal import Decimal

ZERO = Decimal(0)
# What is less than this is the noise of floats.
NOISE = Decimal("0.000001")


@dataclass(frozen=True, kw_only=True)
class Held:
    """One product at one channel location; all quantities in the product's own unit.

    :param str place: id of the channel location.
    :param roots: the stock locations behind it, as paths of ids such as ``1/7/``.
    :param Decimal reserved: of what is on hand, for whomever.
    :param Decimal owed: confirmed and not reserved, for whomever.
    :param Decimal in_flight: sold by channels and not taken over yet.
    :param Decimal waiting: of owed and in flight, what orders of channels taken from
        this very place ask for.
    :param Decimal served: of reserved, what is for those orders.
    :param Decimal allowance: how many the channel may sell beyond what is there.
    """

    place: str
    roots: tuple[str, ...]
    on_hand: Decimal = ZERO
    reserved: Decimal = ZERO
    owed: Decimal = ZERO
    in_flight: Decimal = ZERO
    waiting: Decimal = ZERO
    served: Decimal = ZERO
    allowance: Decimal = ZERO

    @property
    def missing(self) -> Decimal:
        """How much more is promised than is there; negative when some is free."""
        return self.reserved + self.owed + self.in_flight - self.on_hand

    @property
    def doubly_reserved(self) -> Decimal:
        """How much is reserved that is not there: one unit for two customers."""
        return max(self.reserved - max(self.on_hand, ZERO), ZERO)


@dataclass(frozen=True, kw_only=True)
class Shortage:
    """What is missing of a product, once, however many places offer the same shelves.

    :param str root: the outermost of the stock locations, as a path of ids.
    :param places: ids of the channel locations that are short of it.
    """

    root: str
    places: tuple[str, ...]
    quantity: Decimal


def find_shortages(held: Iterable[Held]) -> list[Shortage]:
    """Return what is oversold of one product, by the shelves it is missing from.

    Only what an order of a channel waits for, or what is reserved for one and for
    somebody else, is oversold; what rules allow is taken off it.

    :param held: the product at every channel location that offers it.
    """
    found = []
    for group in _groups([one for one in held if one.missing > NOISE]):
        quantity = _oversold(group)
        if quantity > NOISE:
            found.append(
                Shortage(
                    root=min((r for one in group for r in one.roots), key=_outermost),
                    places=tuple(sorted((one.place for one in group), key=_number)),
                    quantity=quantity,
                )
            )
    return sorted(found, key=lambda shortage: _outermost(shortage.root))


def _oversold(group: list[Held]) -> Decimal:
    missing = max(one.missing for one in group)
    # Reserved for two customers, and one at least is a channel's.
    doubly = min(
        max(one.doubly_reserved for one in group),
        sum((one.served for one in group), ZERO),
    )
    waiting = sum((one.waiting for one in group), ZERO)
    allowed = sum((min(one.allowance, one.waiting) for one in group), ZERO)
    left = sum((max(one.allowance - one.waiting, ZERO) for one in group), ZERO)
    # Whose unit is reserved twice nobody knows: whoever may wait for it does.
    allowed += min(doubly, left)
    return min(missing, doubly + waiting) - allowed


def _groups(short: list[Held]) -> list[list[Held]]:
    """Put places together that share shelves, directly or through a third."""
    groups: list[list[Held]] = []
    for one in short:
        near = [group for group in groups if any(_overlap(one, o) for o in group)]
        far = [group for group in groups if group not in near]
        groups = [*far, [one, *(other for group in near for other in group)]]
    return groups


def _overlap(one: Held, other: Held) -> bool:
    return any(
        mine.startswith(theirs) or theirs.startswith(mine)
        for mine in one.roots
        for theirs in other.roots
    )


def _outermost(path: str) -> tuple[int, list[int]]:
    """Order paths: what is around others first, then by id."""
    ids = [int(part) for part in path.strip("/").split("/")]
    return len(ids), ids


def _number(place: str) -> tuple[int, str]:
    return len(place), place
