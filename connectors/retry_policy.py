"""What is tried again by itself, when, and what waits for a person. The one place.

The inbox, the numbers, the reports to a channel and the channel itself fail in the same
few ways (``errors``); here stands what each does about each. Two rules hold throughout:

- A number is never sent a second time. It is computed anew, or the channel is read
  first where nobody knows whether it arrived.
- Whoever is asked to act is not passed over: what needs a person is not tried again
  until somebody has said that it was mended.

Pure: the caller stores the moment of the next try, nobody sleeps.
"""

from __future__ import annotations

import random
from collections.abc import Callable
from dataclasses import dataclass
from enum import StrEnum

from .errors import (
    BadPayload,
    BadSignature,
    ConnectorError,
    Misconfigured,
    RateLimited,
    Rejected,
    RetryLater,
    Throttled,
)
from .retry import RetrySchedule


class Work(StrEnum):
    """What failed."""

    MESSAGE = "message"
    """A delivery of the channel, worked on from the stored body."""
    BATCH = "batch"
    """New orders that were worked on together."""
    NUMBER = "number"
    """A number the channel is to show."""
    REPORT = "report"
    """A shipment or cancellation the channel is told of, under an id of its own."""
    CHANNEL = "channel"
    """Speaking to the channel at all."""


class Trouble(StrEnum):
    """How it failed."""

    UNREACHABLE = "unreachable"
    """No answer, or none that makes sense: the call may have had its effect."""
    RATE_LIMITED = "rate_limited"
    """The channel asks for patience; the call had no effect."""
    THROTTLED = "throttled"
    """The hub itself waits for the channel's limit; no call was made, nothing failed."""
    MISCONFIGURED = "misconfigured"
    """Credentials, address or rights are wrong; the call had no effect."""
    REJECTED = "rejected"
    """The channel understood, and refuses."""
    STALE = "stale"
    """The channel shows something newer than was known here."""
    UNREADABLE = "unreadable"
    """A delivery that cannot be understood."""
    INCOMPLETE = "incomplete"
    """Something is missing here that a person has to supply, such as a map."""
    RACE = "race"
    """Another transaction was first."""
    BUG = "bug"
    """Anything else: a mistake in here, or data nobody thought of."""


class Verdict(StrEnum):
    """What is done about it."""

    AGAIN = "again"
    """The same once more."""
    ANEW = "anew"
    """Computed anew and sent as a new number."""
    READ_BACK = "read_back"
    """The channel is read first, then what differs is computed anew."""
    PERSON = "person"
    """Nothing, until a person has acted."""


@dataclass(frozen=True, kw_only=True)
class Policy:
    """What one kind of work does about one kind of trouble.

    :param verdict: what is done at the next try.
    :param schedule: when that is; None for at once.
    :param counts: whether the try is used up. Trouble at the channel uses up none.
    :param tell_after: failures in a row after which a person is told, though it goes
        on by itself; None for never.
    :param patience: failures in a row that are done about without waiting.
    :param give_up: failures in a row after which it waits for a person instead.
    """

    verdict: Verdict
    schedule: RetrySchedule | None = None
    counts: bool = False
    tell_after: int | None = None
    patience: int = 0
    give_up: int | None = None


@dataclass(frozen=True, kw_only=True)
class Decision:
    """What to do now.

    :param wait: seconds until the next try, zero for at once; None while it waits for a
        person.
    :param counts: see ``Policy``.
    :param tell: whether a person is to be told now.
    """

    verdict: Verdict
    wait: float | None
    counts: bool
    tell: bool


# A message that killed its worker, or failed for no known reason, so often is set aside.
MESSAGE_TRIES = 3
_PERSON = Policy(verdict=Verdict.PERSON, tell_after=1)
_AT_ONCE = Policy(verdict=Verdict.AGAIN)
# The channel is back sooner or later; its own hints are obeyed beyond the cap.
_MESSAGES = RetrySchedule(base=30, cap=900)
_REPORTS = RetrySchedule(base=10, cap=900)
# A channel that is back is told within a minute.
_NUMBERS = RetrySchedule(base=5, cap=60)
# Wrong credentials tried every minute lock accounts; a person who has mended them says
# so, and only what was mended at the other end is found by looking.
_LOOKING = RetrySchedule(base=300, cap=3600)

POLICIES: dict[tuple[Work, Trouble], Policy] = {
    # The body is kept: whatever the channel has, it can wait.
    (Work.MESSAGE, Trouble.UNREACHABLE): Policy(
        verdict=Verdict.AGAIN, schedule=_MESSAGES
    ),
    (Work.MESSAGE, Trouble.RATE_LIMITED): Policy(
        verdict=Verdict.AGAIN, schedule=_MESSAGES
    ),
    (Work.MESSAGE, Trouble.THROTTLED): Policy(
        verdict=Verdict.AGAIN, schedule=_MESSAGES
    ),
    (Work.MESSAGE, Trouble.MISCONFIGURED): Policy(
        verdict=Verdict.AGAIN, schedule=_MESSAGES
    ),
    # What was asked for is refused, the delivery itself is fine.
    (Work.MESSAGE, Trouble.REJECTED): Policy(verdict=Verdict.AGAIN, schedule=_MESSAGES),
    (Work.MESSAGE, Trouble.BUG): Policy(
        verdict=Verdict.AGAIN, schedule=_MESSAGES, counts=True, give_up=MESSAGE_TRIES
    ),
    # It has started over several times by then; the workers are to part.
    (Work.BATCH, Trouble.RACE): Policy(
        verdict=Verdict.AGAIN, schedule=RetrySchedule(base=3, cap=3)
    ),
    (Work.NUMBER, Trouble.UNREACHABLE): Policy(verdict=Verdict.READ_BACK),
    (Work.NUMBER, Trouble.BUG): Policy(verdict=Verdict.READ_BACK),
    (Work.NUMBER, Trouble.RATE_LIMITED): Policy(verdict=Verdict.ANEW),
    (Work.NUMBER, Trouble.THROTTLED): Policy(verdict=Verdict.ANEW),
    (Work.NUMBER, Trouble.MISCONFIGURED): Policy(verdict=Verdict.ANEW),
    # Told so a third time in a row, something else keeps setting it: no hurry.
    (Work.NUMBER, Trouble.STALE): Policy(
        verdict=Verdict.ANEW, schedule=_NUMBERS, counts=True, patience=2
    ),
    (Work.NUMBER, Trouble.RACE): Policy(verdict=Verdict.ANEW),
    # Its own id lets the channel recognise what it has already.
    (Work.REPORT, Trouble.UNREACHABLE): Policy(
        verdict=Verdict.AGAIN, schedule=_REPORTS, counts=True, tell_after=4
    ),
    (Work.REPORT, Trouble.BUG): Policy(
        verdict=Verdict.AGAIN, schedule=_REPORTS, counts=True, tell_after=4
    ),
    (Work.REPORT, Trouble.RATE_LIMITED): Policy(
        verdict=Verdict.AGAIN, schedule=_REPORTS, counts=True
    ),
    (Work.REPORT, Trouble.THROTTLED): Policy(verdict=Verdict.AGAIN, schedule=_REPORTS),
    (Work.REPORT, Trouble.MISCONFIGURED): Policy(
        verdict=Verdict.AGAIN, schedule=_REPORTS, counts=True
    ),
    (Work.CHANNEL, Trouble.UNREACHABLE): Policy(
        verdict=Verdict.AGAIN, schedule=_NUMBERS, counts=True, tell_after=3
    ),
    # An answer nobody can read is as good as none.
    (Work.REPORT, Trouble.UNREADABLE): Policy(
        verdict=Verdict.AGAIN, schedule=_REPORTS, counts=True, tell_after=4
    ),
    (Work.CHANNEL, Trouble.UNREADABLE): Policy(
        verdict=Verdict.AGAIN, schedule=_NUMBERS, counts=True, tell_after=3
    ),
    (Work.CHANNEL, Trouble.BUG): Policy(
        verdict=Verdict.AGAIN, schedule=_NUMBERS, counts=True, tell_after=3
    ),
    (Work.CHANNEL, Trouble.REJECTED): Policy(
        verdict=Verdict.AGAIN, schedule=_NUMBERS, counts=True, tell_after=3
    ),
    (Work.CHANNEL, Trouble.RATE_LIMITED): Policy(
        verdict=Verdict.AGAIN, schedule=_NUMBERS, counts=True, tell_after=3
    ),
    (Work.CHANNEL, Trouble.THROTTLED): Policy(verdict=Verdict.AGAIN, schedule=_NUMBERS),
    (Work.CHANNEL, Trouble.MISCONFIGURED): Policy(
        verdict=Verdict.AGAIN, schedule=_LOOKING, counts=True, tell_after=1
    ),
}
"""What is tried again by itself. Whatever is not in here waits for a person, but for a
lost race, which is taken up at once where nothing else is said."""

BY_ITSELF = frozenset(
    {"stock", "authentication", "rate_limit", "drift", "oversell", "late"}
)
"""Categories of exceptions the hub goes on looking at, and closes when they are over.

The others wait for a person: nothing changes before somebody has acted.
"""


def trouble_of(error: BaseException) -> Trouble:
    """Tell how a call or a delivery failed, from the typed error."""
    kinds: tuple[tuple[type[BaseException], Trouble], ...] = (
        (Throttled, Trouble.THROTTLED),
        (RateLimited, Trouble.RATE_LIMITED),
        (RetryLater, Trouble.UNREACHABLE),
        (Misconfigured, Trouble.MISCONFIGURED),
        (Rejected, Trouble.REJECTED),
        (BadPayload, Trouble.UNREADABLE),
        (BadSignature, Trouble.UNREADABLE),
        # A connector's own kind of error: nobody knows what it did.
        (ConnectorError, Trouble.UNREACHABLE),
    )
    for kind, trouble in kinds:
        if isinstance(error, kind):
            return trouble
    return Trouble.BUG


def policy_of(work: Work, trouble: Trouble) -> Policy:
    """Return what this work does about this trouble."""
    found = POLICIES.get((work, trouble))
    if found:
        return found
    return _AT_ONCE if trouble is Trouble.RACE else _PERSON


def decide(
    work: Work,
    trouble: Trouble,
    failures: int,
    *,
    after: float | None = None,
    draw: Callable[[], float] = random.random,
) -> Decision:
    """Tell what to do after so many failures in a row, this one counted.

    :param failures: at least one.
    :param after: seconds the channel asked for; obeyed to within a second, up to a day.
    :param draw: returns a random number from 0 up to 1.
    """
    policy = policy_of(work, trouble)
    is_over = policy.give_up is not None and failures >= policy.give_up
    if is_over or policy.verdict is Verdict.PERSON:
        return Decision(
            verdict=Verdict.PERSON, wait=None, counts=policy.counts, tell=True
        )
    wait = 0.0
    if policy.schedule and failures > policy.patience:
        wait = policy.schedule.delay(failures, after, draw)
    return Decision(
        verdict=policy.verdict,
        wait=wait,
        counts=policy.counts,
        tell=policy.tell_after is not None and failures >= policy.tell_after,
    )
