"""Which place an order is taken from, where the channel named none.

A customer who gets one parcel is happier, and cheaper, than one who gets three. So one
place that has everything ships it; otherwise the fewest places that together have as
much as all of them; among equals the one of the highest priority. What nobody has is
put on the place of the highest priority, where it is owed.

The choice of the places is exact for up to ``EXACT_PLACES`` of them that could help;
beyond that the place that adds most is added first, and the result says so. Within the
chosen places lines are served one by one, the largest first: where two lines compete
for one component this may serve less than the best arrangement would.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from decimal import ROUND_FLOOR, Decimal
from itertools import combinations

ZERO = Decimal(0)
EXACT_PLACES = 8
# Twelve times a twelfth of a box is a box, whatever decimals make of it.
TOLERANCE = Decimal("0.000001")


@dataclass(frozen=True, kw_only=True)
class Place:
    """One place goods can be taken from.

    :param priority: the lowest number is taken from first; equals in their order.
    :param free: component → what is there and promised to nobody, in its own unit. What
        is missing, or negative, is nothing.
    """

    id: str
    priority: int
    free: Mapping[str, Decimal]


@dataclass(frozen=True, kw_only=True)
class LineNeed:
    """One order line.

    :param quantity: in the selling unit, above zero.
    :param needs: component → quantity in its own unit for one selling unit. Empty for
        what is not counted: every place has it.
    :param step: the line is split into multiples of this many selling units.
    :param place: where the channel wants it taken from; empty where it leaves that open.
    """

    id: str
    quantity: Decimal
    needs: Mapping[str, Decimal]
    step: Decimal = Decimal(1)
    place: str = ""


@dataclass(frozen=True, kw_only=True)
class Sourcing:
    """What is taken from where.

    :param parts: line → place → quantity in the selling unit, by priority; together all
        of each line.
    :param short: line → what of it no chosen place has. Lines that are complete, and
        those whose place the channel chose, are left out.
    :param is_exact: False where there were too many places to try every choice.
    """

    parts: Mapping[str, Mapping[str, Decimal]]
    short: Mapping[str, Decimal]
    is_exact: bool = True


def choose_places(
    lines: Iterable[LineNeed], places: Iterable[Place], used: Collection[str] = ()
) -> Sourcing:
    """Return where each line is taken from.

    :param places: at least one, with distinct ids.
    :param used: ids of places that send a parcel of this order anyway.
    """
    by_priority = sorted(places, key=lambda place: place.priority)
    return _Choice(list(lines), by_priority, used).make()


class _Choice:
    """One order and the places, with what the channel assigned taken off."""

    def __init__(
        self, lines: Sequence[LineNeed], places: Sequence[Place], used: Collection[str]
    ) -> None:
        self.lines = lines
        self.ids = [place.id for place in places]
        self.free = {place.id: dict(place.free) for place in places}
        self.assigned = [line for line in lines if line.place]
        self.open = sorted(
            (line for line in lines if not line.place),
            key=lambda line: -line.quantity * sum(line.needs.values(), ZERO),
        )
        for line in self.assigned:
            _take(self.free.setdefault(line.place, {}), line, line.quantity)
        self.base = {line.place for line in self.assigned} | set(used)
        self.base &= set(self.ids)

    def make(self) -> Sourcing:
        all_parts = self._serve(self.ids)
        if self._short(all_parts):
            # It sends a parcel anyway, as soon as it has what is owed.
            self.base.add(self.ids[0])
        chosen, is_exact = self._choose(self._covered(all_parts))
        parts = self._serve(chosen)
        short = self._short(parts)
        for line_id, quantity in short.items():
            mine = parts[line_id]
            mine[self.ids[0]] = mine.get(self.ids[0], ZERO) + quantity
        for line in self.assigned:
            parts[line.id] = {line.place: line.quantity}
        return Sourcing(
            parts={line.id: self._by_priority(parts[line.id]) for line in self.lines},
            short=short,
            is_exact=is_exact,
        )

    # ------------------------------------------------------------- the places

    def _choose(self, target: Decimal) -> tuple[list[str], bool]:
        """Return the fewest places that have as much as all together.

        :param target: how much all places together have of what is wanted.
        """
        if not self.open:
            return self._with(()), True
        useful = [
            place_id
            for place_id in self.ids
            if place_id not in self.base and self._is_useful(place_id)
        ]
        is_exact = len(useful) <= EXACT_PLACES
        for extra in self._choices(useful, len(useful) if is_exact else 1):
            chosen = self._with(extra)
            if self._covered(self._serve(chosen)) >= target:
                return chosen, True
        return self._add_up(useful, target), is_exact

    def _choices(self, useful: Sequence[str], most: int) -> Iterator[tuple[str, ...]]:
        """Yield the sets of more places to try, the smallest and first ones first."""
        if not self.base:
            useful = useful or self.ids[:1]
        for size in range(0 if self.base else 1, max(most, 1) + 1):
            yield from combinations(useful, size)

    def _add_up(self, useful: Sequence[str], target: Decimal) -> list[str]:
        """Return a set of places, each time adding the one that has most."""
        extra: tuple[str, ...] = ()
        while True:
            chosen = self._with(extra)
            left = [place_id for place_id in useful if place_id not in extra]
            if not left or self._covered(self._serve(chosen)) >= target:
                return chosen
            # The first of equals is the one of the highest priority.
            extra += (
                max(
                    left,
                    key=lambda place_id: self._covered(
                        self._serve(self._with((*extra, place_id)))
                    ),
                ),
            )

    def _is_useful(self, place_id: str) -> bool:
        return any(
            _possible(self.free[place_id], line, line.quantity) for line in self.open
        )

    def _with(self, extra: Collection[str]) -> list[str]:
        return [
            place_id
            for place_id in self.ids
            if place_id in self.base or place_id in extra
        ]

    # -------------------------------------------------------------- the lines

    def _serve(self, chosen: Sequence[str]) -> dict[str, dict[str, Decimal]]:
        """Return what of each line the chosen places give, whole lines first."""
        free = {place_id: dict(self.free[place_id]) for place_id in chosen}
        parts: dict[str, dict[str, Decimal]] = {line.id: {} for line in self.open}
        split = []
        for line in self.open:
            for place_id in chosen:
                if _possible(free[place_id], line, line.quantity) == line.quantity:
                    _take(free[place_id], line, line.quantity)
                    parts[line.id][place_id] = line.quantity
                    break
            else:
                split.append(line)
        for line in split:
            left = line.quantity
            for place_id in chosen:
                quantity = _possible(free[place_id], line, left)
                if quantity > 0:
                    _take(free[place_id], line, quantity)
                    parts[line.id][place_id] = quantity
                    left -= quantity
        return parts

    def _short(self, parts: Mapping[str, Mapping[str, Decimal]]) -> dict[str, Decimal]:
        left = {
            line.id: line.quantity - sum(parts[line.id].values(), ZERO)
            for line in self.open
        }
        return {line_id: quantity for line_id, quantity in left.items() if quantity > 0}

    def _covered(self, parts: Mapping[str, Mapping[str, Decimal]]) -> Decimal:
        return sum((sum(part.values(), ZERO) for part in parts.values()), ZERO)

    def _by_priority(self, part: Mapping[str, Decimal]) -> dict[str, Decimal]:
        ids = [place_id for place_id in self.ids if place_id in part]
        ids += [place_id for place_id in part if place_id not in ids]
        return {place_id: part[place_id] for place_id in ids}


def _possible(free: Mapping[str, Decimal], line: LineNeed, wanted: Decimal) -> Decimal:
    """Return how many of ``wanted`` selling units are there, in whole steps."""
    if not line.needs:
        return wanted
    possible = min(
        max(free.get(component, ZERO), ZERO) / need
        for component, need in line.needs.items()
    )
    if possible + TOLERANCE >= wanted:
        return wanted
    steps = ((possible + TOLERANCE) / line.step).to_integral_value(ROUND_FLOOR)
    return min(steps * line.step, wanted)


def _take(free: dict[str, Decimal], line: LineNeed, quantity: Decimal) -> None:
    for component, need in line.needs.items():
        free[component] = free.get(component, ZERO) - need * quantity


def servable(lines: Iterable[LineNeed], places: Iterable[Place]) -> dict[str, Decimal]:
    """Return how much of each line is there, in its selling unit.

    Lines with a place of their own come first, in their order, and have that one only;
    what they cannot get they leave to nobody.

    :param places: at least one, with distinct ids.
    """
    here = list(places)
    free = {place.id: dict(place.free) for place in here}
    open_lines, served = [], {}
    for line in lines:
        if not line.place:
            open_lines.append(line)
            continue
        mine = free.setdefault(line.place, {})
        served[line.id] = _possible(mine, line, line.quantity)
        _take(mine, line, served[line.id])
    left = [Place(id=p.id, priority=p.priority, free=free[p.id]) for p in here]
    short = choose_places(open_lines, left).short
    for line in open_lines:
        served[line.id] = line.quantity - short.get(line.id, ZERO)
    return served
