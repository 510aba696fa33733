"""How fast a channel may be called, by its own signals, known before it refuses.

Three models cover what channels do: a bucket of points that refills, told with each
answer (Shopify); so many calls in a window, told in headers (BigCommerce); and a rate
per operation that is published and only sometimes told (Amazon). Each is a small,
pure record of what was last heard; moments are aware UTC, waits are seconds.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import datetime, timedelta


class Limit(ABC):
    """What is left of an allowance."""

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

    def left(self, now: datetime) -> float:
        """Return the points there are now."""
        passed = max(0.0, (now - self.heard_at).total_seconds())
        return min(self.maximum, self.available + passed * self.rate)

    def wait(self, cost: float, now: datetime) -> float:
        # What costs more than fits is made when the bucket is full, and then refused
        # by the channel with its own words, instead of waiting here for ever.
        return max(0.0, min(cost, self.maximum) - self.left(now)) / self.rate

    def spend(self, cost: float, now: datetime) -> Bucket:
        left = max(0.0, self.left(now) - cost)
        return replace(self, available=left, heard_at=max(now, self.heard_at))


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

    def wait(self, cost: float, now: datetime) -> float:
        if now >= self.resets_at or cost <= self.remaining:
            return 0.0
        return (self.resets_at - now).total_seconds()

    def spend(self, cost: float, now: datetime) -> Window:
        if now < self.resets_at:
            return replace(self, remaining=max(0.0, self.remaining - cost))
        return replace(
            self,
            remaining=max(0.0, self.size - cost),
            resets_at=now + timedelta(seconds=self.seconds),
        )


class LimitMemory:
    """What one worker process last heard of a channel's limits, by name.

    Every worker has its own; what they spend together each of them hears with its next
    answer. The channel's refusal stays the last word.
    """

    def __init__(self) -> None:
        self._limits: dict[str, Limit] = {}

    def get(
        self, name: str, default: Callable[[], Limit] | None = None
    ) -> Limit | None:
        """Return what is known of a limit; ``default`` makes it where nothing is."""
        if name not in self._limits and default:
            self._limits[name] = default()
        return self._limits.get(name)

    def note(self, name: str, limit: Limit) -> None:
        """Keep what the channel said."""
        self._limits[name] = limit
