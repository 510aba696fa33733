"""When rises may go out: hours on the wall, days off, counts. Pure.

A publish window opens and a count freeze holds by the clock on the channel's wall. In
the night that repeats an hour both passes count, in the night that skips one it never
comes: nobody has to know in which offset somebody meant half past two.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, time, timedelta, tzinfo

Span = tuple[datetime, datetime]
"""From the first moment up to the second, which is not part of it."""

HORIZON = timedelta(days=15)
"""How far a hold looks back and ahead: a calendar of two weeks repeats within it."""
_TICK = timedelta(microseconds=1)
_DAY = timedelta(days=1)


@dataclass(frozen=True)
class Hours:
    """What a calendar says around one moment.

    :param wall: its hours in local time, naive, over more than the horizon.
    :param off: time off in it, aware UTC; the hours do not count then.
    """

    wall: tuple[Span, ...]
    off: tuple[Span, ...] = ()

    def covers(self, moment: datetime, zone: tzinfo) -> bool:
        """Tell whether an aware moment lies within these hours."""
        local = moment.astimezone(zone).replace(tzinfo=None)
        return any(start <= local < end for start, end in self.wall) and not any(
            start <= moment < end for start, end in self.off
        )


@dataclass(frozen=True, kw_only=True)
class Hold:
    """What holds the rises of one channel location. All moments are aware UTC.

    :param zone: the channel's time zone.
    :param publish: rises go out within these hours only; None for always.
    :param freezes: rises are held within any of these.
    :param frozen_until: a count that goes on until then.
    """

    zone: tzinfo
    publish: Hours | None = None
    freezes: tuple[Hours, ...] = ()
    frozen_until: datetime | None = None

    def holds(self, moment: datetime) -> bool:
        """Tell whether rises are held at this moment."""
        if self.frozen_until and moment < self.frozen_until:
            return True
        if self.publish and not self.publish.covers(moment, self.zone):
            return True
        return any(freeze.covers(moment, self.zone) for freeze in self.freezes)

    def opens_at(self, moment: datetime) -> datetime | None:
        """Return when rises go out again, None when not within the horizon.

        The moment itself when they are not held.
        """
        if not self.holds(moment):
            return moment
        later = (change for change in self._changes(moment) if change > moment)
        return next((change for change in later if not self.holds(change)), None)

    def open_since(self, moment: datetime) -> datetime | None:
        """Return the last moment at which rises were let out again.

        None when they were not held within the horizon, or only held.
        """
        changes = [change for change in self._changes(moment) if change <= moment]
        for before, change in zip(changes[-2::-1], changes[:0:-1], strict=True):
            if self.holds(before) and not self.holds(change):
                return change
        return None

    def _changes(self, moment: datetime) -> list[datetime]:
        """Return every moment around this one at which ``holds`` may change, sorted.

        One too many costs nothing, it is looked at and found to change nothing.
        """
        first, last = moment - HORIZON, moment + HORIZON
        clock_changes = list(_clock_changes(self.zone, first - _DAY, last + _DAY))
        offsets = {
            at.astimezone(self.zone).utcoffset() or timedelta()
            for at in (first, *clock_changes)
        }
        found = {first, *clock_changes}
        if self.frozen_until:
            found.add(self.frozen_until)
        for hours in (*self.freezes, *([self.publish] if self.publish else [])):
            found |= {bound for span in hours.off for bound in span}
            found |= {
                (bound - offset).replace(tzinfo=moment.tzinfo)
                for span in hours.wall
                for bound in span
                for offset in offsets
            }
        return sorted(at for at in found if first <= at <= last)


def until_midnight(end: datetime) -> datetime:
    """Return midnight for what calendars write as the last moment of a day."""
    midnight = end + _TICK
    return midnight if midnight.time() == time.min else end


def _clock_changes(zone: tzinfo, first: datetime, last: datetime) -> Iterator[datetime]:
    """Yield the moments at which the clocks of this zone are changed."""
    start = first
    while start < last:
        end = start + _DAY
        if _offset(zone, start) != _offset(zone, end):
            low, high = start, end
            while high - low > _TICK:
                middle = low + (high - low) / 2
                if _offset(zone, middle) == _offset(zone, start):
                    low = middle
                else:
                    high = middle
            yield high
        start = end


def _offset(zone: tzinfo, moment: datetime) -> timedelta | None:
    return moment.astimezone(zone).utcoffset()
