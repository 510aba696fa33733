"""What has to change in the ERP when a channel sends an order again. Pure.

The channel repeats the whole order each time. What counts is the difference
between what of it was applied before and what it says now: applying the whole again
would undo whatever the warehouse changed in between. What both changed, each to
something else, is a conflict: a person decides, and the rest goes on.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from decimal import ROUND_HALF_UP, Decimal, localcontext
from enum import StrEnum

from .facts import TEXTS, Facts, Field, Key, Value

ZERO = Decimal(0)
# Digits enough to round whatever amount a channel may dream up.
WIDE = 100
NO_DIGITS: Mapping[Field, int] = {}
# Changes of quantity are planned line by line, another item is another line.
PLANNED = frozenset(Field) - {Field.ITEM, Field.QUANTITY}


class Action(StrEnum):
    """What kind of change a plan asks for."""

    NOTHING = "nothing"
    """All of it is applied, or none of it is ours to apply."""
    TOMBSTONE = "tombstone"
    """Remember that the order was cancelled before it was ever created here."""
    CREATE = "create"
    CHANGE = "change"
    CANCEL = "cancel"
    REOPEN = "reopen"
    """The channel had cancelled the order, and wants it after all."""
    REFUSE = "refuse"
    """The order was cancelled here, and the channel changed it: a person decides."""


@dataclass(frozen=True, kw_only=True)
class LineState:
    """One order line: what the channel wants of it, and what is applied.

    :param Decimal wanted: ordered − cancelled, in the selling unit.
    :param Decimal applied: how many of it the ERP has taken over so far.
    :param Decimal | None here: how many the ERP has ordered now, which a person may
        have changed; None where it has no such line.
    """

    id: str
    wanted: Decimal
    applied: Decimal = ZERO
    here: Decimal | None = None


@dataclass(frozen=True, kw_only=True)
class Change:
    """One fact that the channel changed and nobody here did."""

    key: Key
    before: Value
    after: Value


@dataclass(frozen=True, kw_only=True)
class Conflict:
    """One fact that the channel changed, and somebody here to something else."""

    key: Key
    before: Value
    after: Value
    here: Value


@dataclass(frozen=True, kw_only=True)
class Plan:
    """One action, the quantities it concerns and the facts beside them.

    :param deltas: line id → how many more (or, negative, fewer) than applied;
        lines that do not change, or may not, are left out.
    :param agreed: ids of lines that somebody here has changed as the channel did.
    """

    action: Action
    deltas: Mapping[str, Decimal]
    agreed: frozenset[str] = frozenset()
    changes: tuple[Change, ...] = field(default=())
    conflicts: tuple[Conflict, ...] = field(default=())

    def is_empty(self) -> bool:
        """Return whether it changes nothing, whatever a person has to decide."""
        is_idle = self.action in (Action.NOTHING, Action.TOMBSTONE)
        return is_idle and not self.changes and not self.agreed

    def held_lines(self) -> frozenset[str]:
        """Return the ids of the lines whose quantity a person has to decide."""
        return frozenset(
            conflict.key.id
            for conflict in self.conflicts
            if conflict.key.field == Field.QUANTITY
        )


def plan_order(
    lines: Iterable[LineState],
    *,
    exists: bool,
    is_cancelled: bool = False,
    is_followed: bool = False,
) -> Plan:
    """Return what brings the ERP from the applied to the wanted quantities.

    Where the channel wants nothing of the whole order any more, that is no question:
    what has not left is cancelled, whatever was changed here.

    :param exists: whether the ERP has an order for it already.
    :param is_cancelled: whether that order is cancelled in the ERP.
    :param is_followed: whether it is so because the channel had cancelled it. Told
        also from nothing being applied, which refusing a part of it changes.
    """
    states = list(lines)
    changed = [line for line in states if line.wanted != line.applied]
    wants_anything = any(line.wanted > 0 for line in states)
    deltas = {line.id: line.wanted - line.applied for line in changed}
    if not exists and any(delta > 0 for delta in deltas.values()):
        return Plan(action=Action.CREATE, deltas=deltas)
    if not exists and not wants_anything:
        return Plan(action=Action.TOMBSTONE, deltas=deltas)
    if not exists or not deltas:
        return Plan(action=Action.NOTHING, deltas=deltas)
    if not wants_anything:
        return Plan(action=Action.CANCEL, deltas=deltas)
    if is_cancelled:
        return Plan(action=_action_of_cancelled(states, is_followed), deltas=deltas)
    return _plan_quantities(changed)


def _action_of_cancelled(states: Sequence[LineState], is_followed: bool) -> Action:
    """Return what a change means for an order that is cancelled in the ERP.

    Where the channel cancels part of it as well, both agree about that part.
    """
    if not any(line.wanted > line.applied for line in states):
        return Action.CHANGE
    is_followed = is_followed or not any(line.applied for line in states)
    return Action.REOPEN if is_followed else Action.REFUSE


def _plan_quantities(changed: Iterable[LineState]) -> Plan:
    deltas, agreed, conflicts = {}, set(), []
    for line in changed:
        if line.here is None or line.here == line.applied:
            deltas[line.id] = line.wanted - line.applied
        elif line.here == line.wanted:
            agreed.add(line.id)
        else:
            conflicts.append(
                Conflict(
                    key=Key(Field.QUANTITY, line.id),
                    before=line.applied,
                    after=line.wanted,
                    here=line.here,
                )
            )
    return Plan(
        action=Action.CHANGE if deltas else Action.NOTHING,
        deltas=deltas,
        agreed=frozenset(agreed),
        conflicts=tuple(conflicts),
    )


def plan_facts(
    base: Facts, now: Facts, here: Facts, digits: Mapping[Field, int] = NO_DIGITS
) -> tuple[tuple[Change, ...], tuple[Conflict, ...]]:
    """Return which facts to change in the ERP, and which two sides have changed.

    :param base: the facts last applied.
    :param now: the facts of the new snapshot.
    :param here: the facts as the ERP has them. What it does not have is created
        whole, or is gone, and is left out; delivery charges apart.
    :param digits: decimals with which the ERP keeps a field; as given otherwise.
    """
    changes, conflicts = [], []
    for key in sorted(base.keys() | now.keys()):
        if not _is_planned(key, base, now, here):
            continue
        before, after, ours = base.get(key), now.get(key), here.get(key)
        if _is_same(key, before, after) or _is_same(key, ours, after, digits):
            continue
        if _is_same(key, ours, before, digits):
            changes.append(Change(key=key, before=before, after=after))
        else:
            conflicts.append(Conflict(key=key, before=before, after=after, here=ours))
    return tuple(changes), tuple(conflicts)


def _is_planned(key: Key, base: Facts, now: Facts, here: Facts) -> bool:
    if key.field == Field.SHIPPING:
        return True
    if key.field == Field.LOCATION and not now.get(key):
        # A channel may name no location for a moment: the last one still holds.
        return False
    return key.field in PLANNED and key in base and key in now and key in here


def _is_same(
    key: Key, one: Value, other: Value, digits: Mapping[Field, int] = NO_DIGITS
) -> bool:
    """Tell whether two values are one, as the ERP can tell them apart."""
    if key.field in TEXTS:
        return (one or "") == (other or "")
    if key.field in digits:
        exponent = Decimal(1).scaleb(-digits[key.field])
        return _rounded(one, exponent) == _rounded(other, exponent)
    return _number(one) == _number(other)


def _rounded(value: Value, exponent: Decimal) -> Decimal:
    with localcontext(prec=WIDE):
        return _number(value).quantize(exponent, ROUND_HALF_UP)


def _number(value: Value) -> Decimal:
    return Decimal(value or 0)


def next_base(base: Facts, now: Facts, held: Collection[Key]) -> dict[Key, Value]:
    """Return the facts that are applied now.

    :param held: facts that were not applied; the ones before still hold. A channel
        that takes its change back has then changed nothing.
    """
    facts = {**base, **now}
    for key in base:
        if key.field in (Field.SHIPPING, Field.SHIPPING_TAX) and key not in now:
            del facts[key]
        elif key.field == Field.LOCATION and not now.get(key):
            facts[key] = base[key]
    for key in held:
        if key in base:
            facts[key] = base[key]
        else:
            facts.pop(key, None)
    return facts


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
