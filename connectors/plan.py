"""What has to change in the ERP when a channel sends an order again. Pure.

The channel repeats the whole order each time. What counts is the difference
between what of it was applied before and what it says now: applying the whole again
would undo whatever the warehouse changed in between.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from decimal import Decimal
from enum import StrEnum

ZERO = Decimal(0)


class Action(StrEnum):
    """What kind of change a plan asks for."""

    NOTHING = "nothing"
    """All of it is applied, or none of it is ours to apply."""
    TOMBSTONE = "tombstone"
    """Remember that the order was cancelled before it was ever created here."""
    CREATE = "create"
    CHANGE = "change"
    CANCEL = "cancel"


@dataclass(frozen=True, kw_only=True)
class LineState:
    """One order line: what the channel wants of it, and what is applied.

    :param Decimal wanted: ordered − cancelled, in the selling unit.
    :param Decimal applied: how many of it the ERP has taken over so far.
    """

    id: str
    wanted: Decimal
    applied: Decimal = ZERO


@dataclass(frozen=True, kw_only=True)
class Plan:
    """One action and the quantities it concerns.

    :param deltas: line id → how many more (or, negative, fewer) than applied;
        lines that do not change are left out.
    """

    action: Action
    deltas: Mapping[str, Decimal]


def plan_order(lines: Iterable[LineState], *, exists: bool) -> Plan:
    """Return what brings the ERP from the applied to the wanted quantities.

    :param exists: whether the ERP has an order for it already.
    """
    states = list(lines)
    deltas = {
        line.id: line.wanted - line.applied
        for line in states
        if line.wanted != line.applied
    }
    wants_anything = any(line.wanted > 0 for line in states)
    if not exists and any(delta > 0 for delta in deltas.values()):
        action = Action.CREATE
    elif not exists and not wants_anything:
        action = Action.TOMBSTONE
    elif not exists or not deltas:
        action = Action.NOTHING
    elif wants_anything:
        action = Action.CHANGE
    else:
        action = Action.CANCEL
    return Plan(action=action, deltas=deltas)


def take_from(
    available: Iterable[tuple[str, Decimal]], wanted: Decimal
) -> dict[str, Decimal]:
    """Take ``wanted`` from the first sources that have something.

    :param available: (source id, quantity) in the order in which to take.
    :return: source id → quantity taken; together at most ``wanted``.
    """
    taken: dict[str, Decimal] = {}
    left = wanted
    for source, quantity in available:
        if left <= 0:
            break
        part = min(quantity, left)
        if part > 0:
            taken[source] = taken.get(source, ZERO) + part
            left -= part
    return taken
