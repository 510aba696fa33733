"""When to try again: exponential backoff with full jitter, the channel's word first.

Full jitter (a random moment between zero and the growing limit) spreads the workers
of one outage best and costs the least calls; see M. Brooker, "Exponential Backoff
and Jitter", AWS Architecture Blog, 2015. Pure: the caller sleeps, or rather stores
the moment of the next attempt.
"""

from __future__ import annotations

import random
from collections.abc import Callable
from dataclasses import dataclass

HINT_JITTER = 0.5
"""Seconds by which a wait that a channel asked for may be longer."""


@dataclass(frozen=True, kw_only=True)
class RetrySchedule:
    """How long to wait before each further attempt.

    :param float base: longest wait before the second attempt, in seconds.
    :param float cap: longest wait ever on our own schedule, in seconds.
    :param float longest_hint: a channel asking for more is taken at this much, so
        that a wrong date cannot silence a channel for years; in seconds.
    :param int attempts: how many to make in all before a person is told.
    """

    base: float = 5
    cap: float = 900
    longest_hint: float = 86_400
    attempts: int = 10

    def limit(self, failures: int) -> float:
        """Return the longest wait after so many failures in a row, in seconds."""
        # Beyond 2**64 the cap has long been reached; larger powers overflow floats.
        return min(self.cap, self.base * 2.0 ** min(max(failures - 1, 0), 64))

    def delay(
        self,
        failures: int,
        after: float | None = None,
        draw: Callable[[], float] = random.random,
    ) -> float:
        """Return the seconds to wait after so many failures in a row.

        A hint is kept to within a second: never earlier than asked, and at most half a
        second later, so that waiting workers do not all come back at once and one that
        has to be woken first is still in time.

        :param after: seconds the channel asked for, see ``RetryLater.after``.
        :param draw: returns a random number from 0 up to 1.
        """
        if after is not None:
            return min(max(after, 0.0), self.longest_hint) + HINT_JITTER * draw()
        return self.limit(failures) * draw()

    def exhausted(self, failures: int) -> bool:
        """Tell whether the attempts are used up."""
        return failures >= self.attempts
