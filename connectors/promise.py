"""By when an order is promised to ship: cut-off, working hours, clock changes. Pure.

An order that is in before the cut-off of a working day ships by the end of that day's
hours, a later one by the end of the next working day's. Days, cut-off and hours are
those of the clock on the warehouse's wall.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, date, datetime, time, timedelta, tzinfo

from .window import Hours, Span

_TICK = timedelta(microseconds=1)
_DAY = timedelta(days=1)


def promise(
    placed_at: datetime, *, zone: tzinfo, cutoff: timedelta, hours: Hours, days: int
) -> datetime | None:
    """Return the moment by which an order is promised to have left.

    The end of the hours of the first day of work on which the order is in before both
    the cut-off and that end. A day is one of work when any of its hours are no time
    off; what of them time off takes away at their end makes the promise earlier.

    :param datetime placed_at: aware.
    :param timedelta cutoff: from midnight by the clock, nothing to 24 hours.
    :param Hours hours: known at least from a day before ``placed_at`` to a day after
        the last day looked at.
    :param int days: how many days after the day of the order are looked at.
    :return: an aware moment in the offset of ``placed_at``, never before it. None when
        nobody works on any of these days.
    """
    first = placed_at.astimezone(zone).date()
    for offset in range(days + 1):
        day = first + offset * _DAY
        due = wall_moment(datetime.combine(day, time.min) + cutoff, zone)
        if placed_at >= due:
            continue
        end = max((end for _start, end in _work(day, zone, hours)), default=None)
        if end and placed_at < end:
            return end.astimezone(placed_at.tzinfo)
    return None


def wall_moment(wall: datetime, zone: tzinfo) -> datetime:
    """Return the moment of a time on the wall, aware in UTC.

    The last one in a night that shows it twice: whoever looks at a clock and is in
    time, is. In a night that skips it the moment of the jump, as the clock shows a
    later time from then on.

    :param datetime wall: naive.
    """
    anywhere = wall.replace(tzinfo=UTC)
    # No offset and no change of one is longer than a day.
    offsets = {
        _wall(at, zone) - at.replace(tzinfo=None)
        for at in (anywhere - 2 * _DAY, anywhere, anywhere + 2 * _DAY)
    }
    found = [at for at in (anywhere - o for o in offsets) if _wall(at, zone) == wall]
    if found:
        return max(found)
    low, high = anywhere - max(offsets), anywhere - min(offsets)
    while high - low > _TICK:
        middle = low + (high - low) / 2
        if _wall(middle, zone) < wall:
            low = middle
        else:
            high = middle
    return high


def _work(day: date, zone: tzinfo, hours: Hours) -> Iterator[Span]:
    """Yield the spans of a day in which somebody works, as aware moments."""
    for start, end in hours.wall:
        if start.date() != day:
            continue
        yield from _without(
            (wall_moment(start, zone), wall_moment(end, zone)), hours.off
        )


def _without(span: Span, off: tuple[Span, ...]) -> Iterator[Span]:
    """Yield what of a span is left when time off is taken away."""
    start, end = span
    for off_start, off_end in sorted(off):
        if off_end <= start or off_start >= end:
            continue
        if start < off_start:
            yield start, off_start
        start = max(start, off_end)
    if start < end:
        yield start, end


def _wall(moment: datetime, zone: tzinfo) -> datetime:
    """Return what the clock on the wall shows, naive."""
    return moment.astimezone(zone).replace(tzinfo=None)
