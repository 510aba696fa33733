"""How fast a channel may be called, by its own signals, known before it refuses.

Three models cover what channels do: a bucket of points that refills, told with each
answer (Shopify); so many calls in a window, told in headers (BigCommerce); and a rate
per operation that is published and only sometimes told (Amazon). Each is a small,
pure record of what was last heard; moments are aware UTC, waits are seconds.
"""

from __future__ import annotations

import math
import threading
from abc import ABC, abstractmethod
from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

_AHEAD = timedelta(minutes=1)
"""Calls that were promised their turn lie so far ahead at most. What was heard later
than that was heard before our clock was set back."""

_LONGEST = 1e9
"""Seconds; a longer wait is no moment any more."""


class Limit(ABC):
    """What is left of an allowance."""

    def is_usable(self) -> bool:
        """Tell whether a channel may mean this; what cannot be obeyed is no limit."""
        return True

    @abstractmethod
    def wait(self, cost: float, now: datetime) -> float:
        """Return the seconds until a call of this cost may be made."""

    @abstractmethod
    def spend(self, cost: float, now: datetime) -> Limit:
        """Return what is left after a call whose answer is not known yet."""


@dataclass(frozen=True, kw_only=True)
class Bucket(Limit):
    """Points that refill at a steady rate up to a maximum.

    Serves for a bucket that the channel tells of and for a rate per operation alike:
    ``rate`` calls a second, ``maximum`` of them at once.

    :param float available: points left at ``heard_at``.
    :param float rate: points restored per second; above zero.
    """

    maximum: float
    available: float
    rate: float
    heard_at: datetime

    def is_usable(self) -> bool:
        return (
            math.isfinite(self.maximum + self.available + self.rate)
            and self.maximum > 0
            and self.rate > 0
        )

    def left(self, now: datetime) -> float:
        """Return the points there are now.

        Below zero while calls that were promised their turn have still to be made.
        """
        passed = now - self.heard_at
        if passed < -_AHEAD:
            passed = timedelta()
        return min(self.maximum, self.available + passed.total_seconds() * self.rate)

    def wait(self, cost: float, now: datetime) -> float:
        # What costs more than fits is made when the bucket is full, and then refused
        # by the channel with its own words, instead of waiting here for ever.
        missing = min(cost, self.maximum) - self.left(now)
        # Moments know no less than a microsecond: rounded down it would be too early.
        seconds = min(max(0.0, missing) / self.rate, _LONGEST)
        return math.ceil(seconds * 1e6) / 1e6

    def spend(self, cost: float, now: datetime) -> Bucket:
        if self.heard_at - _AHEAD <= now < self.heard_at:
            left = min(self.maximum, self.available)
            return replace(self, available=max(0.0, left - cost))
        return replace(self, available=max(0.0, self.left(now) - cost), heard_at=now)


@dataclass(frozen=True, kw_only=True)
class Window(Limit):
    """So many calls until a moment, then anew.

    :param float remaining: calls left in this window.
    :param datetime resets_at: when the next one begins, with ``size`` calls.
    :param float seconds: how long a window is.
    """

    size: float
    remaining: float
    resets_at: datetime
    seconds: float

    def is_usable(self) -> bool:
        return (
            math.isfinite(self.size + self.remaining + self.seconds)
            and self.size > 0
            and self.seconds > 0
        )

    def _is_over(self, now: datetime) -> bool:
        """Tell whether nothing that was heard counts any more.

        A window that were to end later than two of them last was misread, or one of
        the clocks is wrong: nobody waits for years.
        """
        ahead = (self.resets_at - now).total_seconds()
        return ahead <= 0 or ahead > 2 * self.seconds

    def wait(self, cost: float, now: datetime) -> float:
        if self._is_over(now) or cost <= self.remaining:
            return 0.0
        return (self.resets_at - now).total_seconds()

    def spend(self, cost: float, now: datetime) -> Window:
        if not self._is_over(now):
            return replace(self, remaining=max(0.0, self.remaining - cost))
        return replace(
            self,
            remaining=max(0.0, self.size - cost),
            resets_at=now + timedelta(seconds=self.seconds),
        )


class LimitMemory:
    """What one worker process last heard of a channel's limits, by name.

    Every worker has its own, shared by its threads; what the workers spend together
    each of them hears with its next answer. The channel's refusal stays the last word.
    """

    def __init__(self) -> None:
        self._limits: dict[str, Limit] = {}
        self._lock = threading.Lock()

    def get(
        self, name: str, default: Callable[[], Limit] | None = None
    ) -> Limit | None:
        """Return what is known of a limit; ``default`` makes it where nothing is."""
        with self._lock:
            if name not in self._limits and default:
                self._limits[name] = default()
            return self._limits.get(name)

    def note(self, name: str, limit: Limit) -> None:
        """Keep what the channel said, unless nobody could obey it."""
        with self._lock:
            if limit.is_usable():
                self._limits[name] = limit
            else:
                self._limits.pop(name, None)

    def take(self, name: str, cost: float, now: datetime, patience: float) -> float:
        """Spend from a limit, for the moment at which there is room for it.

        In one step: of two threads that look at once, one finds less.

        :param datetime now: aware UTC.
        :param float patience: seconds; what would take longer is not spent.
        :return: seconds to wait before the call may be made.
        """
        with self._lock:
            limit = self._limits.get(name)
            if limit is None:
                return 0.0
            seconds = limit.wait(cost, now)
            if seconds <= patience:
                turn = now + timedelta(seconds=seconds)
                self._limits[name] = limit.spend(cost, turn)
            return seconds
