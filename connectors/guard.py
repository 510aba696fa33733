"""Whether a change of many numbers is held for a person to look at. Pure.

What stock and orders do to a number goes out at once. What somebody changed (a map, a
rule, a condition, a recipe), and what a sweep finds, is counted: a slip of the hand
there takes a whole shop off sale, or puts six times the stock on sale, in a minute.
"""

from __future__ import annotations

from dataclasses import dataclass
from decimal import ROUND_FLOOR, Decimal
from enum import StrEnum

ZERO = Decimal(0)
HUNDRED = Decimal(100)
ONE = Decimal(1)
# A gram of a kilogram, as in the rules.
FINEST = Decimal("0.001")
# Where everything that is on sale would go to zero, so few listings are enough.
WHOLE_CATALOGUE = 3


class Reason(StrEnum):
    """Which threshold was passed, in the order in which people are told."""

    ZERO = "zero"
    """Too large a share of the listings on sale would go to zero."""
    MOVE = "move"
    """Too large a share would move by more than the given part of their number."""
    VALUE = "value"
    """Too large a share of the value on sale would come or go."""


@dataclass(frozen=True, kw_only=True)
class Thresholds:
    """What one channel lets pass.

    :param Decimal zero_share: percent of the listings on sale that may go to zero.
    :param Decimal move_share: percent of them that may move far.
    :param Decimal value_share: percent of the value on sale that may come or go.
    :param int floor: fewer listings than this are never held, whatever share of the
        catalogue they are.
    """

    zero_share: Decimal
    move_share: Decimal
    value_share: Decimal
    floor: int


@dataclass(frozen=True, kw_only=True)
class Tally:
    """What a change would do to one channel.

    :param int on_sale: listings that show more than zero before or after it.
    :param int zeroed: listings that go to zero somewhere.
    :param int moved: listings that move far somewhere, ``is_far``; those that go to
        zero are among them.
    :param int changed: listings that change at all.
    :param Decimal value: of everything on sale before, in the company's currency.
    :param Decimal value_changed: what comes and what goes, added up without sign.
    """

    on_sale: int
    zeroed: int
    moved: int
    changed: int
    value: Decimal = ZERO
    value_changed: Decimal = ZERO


def is_far(before: Decimal, after: Decimal, move_percent: Decimal) -> bool:
    """Return whether a number moves by more than a part of what it was.

    From zero every move is far.

    :param Decimal move_percent: of the number before.
    """
    return abs(after - before) * HUNDRED > abs(before) * move_percent


def decide(tally: Tally, thresholds: Thresholds) -> tuple[Reason, ...]:
    """Return why a change is to be held; empty when it passes.

    A share says nothing where little is on sale: one of three listings is a third. So
    fewer listings than the floor never count, with one exception: a catalogue of
    which nothing is left on sale.
    """
    reasons = []
    is_nothing_left = tally.on_sale == tally.zeroed >= WHOLE_CATALOGUE
    if is_nothing_left or (
        tally.zeroed >= thresholds.floor
        and _is_beyond(tally.zeroed, tally.on_sale, thresholds.zero_share)
    ):
        reasons.append(Reason.ZERO)
    if tally.moved >= thresholds.floor and _is_beyond(
        tally.moved, tally.on_sale, thresholds.move_share
    ):
        reasons.append(Reason.MOVE)
    if tally.changed >= thresholds.floor and _is_beyond(
        tally.value_changed, tally.value, thresholds.value_share
    ):
        reasons.append(Reason.VALUE)
    return tuple(reasons)


def _is_beyond(part: Decimal | int, whole: Decimal | int, percent: Decimal) -> bool:
    return part * HUNDRED > whole * percent


def ceiling(
    shown: Decimal,
    *,
    units_then: Decimal,
    units_now: Decimal,
    factor: Decimal,
    whole_units: bool,
) -> Decimal:
    """Return the most a held number may show, now that stock has moved.

    Nobody can compute the number under the inputs of before: they are gone. But every
    rule takes at most one unit off for each unit of stock that goes (a share takes
    less, a cap none), so what was shown less what went is never more than that number
    would be. Goods that came raise nothing: the hold is for a person to end.

    :param Decimal shown: the number before the change that is held.
    :param Decimal units_then: what was sellable before, in the product's own unit.
    :param Decimal units_now: the same now, counted where it was counted before.
    :param Decimal factor: selling units per unit of the product, before the change.
    """
    gone = max(ZERO, units_then - units_now)
    finest = ONE if whole_units else FINEST
    left = max(ZERO, shown - gone * factor)
    return min(shown, (left / finest).to_integral_value(rounding=ROUND_FLOOR) * finest)
