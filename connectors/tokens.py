"""Access tokens that end, and the one place where they are renewed.

Some channels hand out a new refresh token with every renewal and take the old one no
more. Two workers that renew at once then lock each other out for good, and so does one
that renews and dies before it has stored what it was given. So a connector never keeps
a token: it asks a store, and renews within the store's lock.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping
from datetime import datetime, timedelta

from .strict_json import format_time, parse_time

Values = Mapping[str, str]

EXPIRES_AT = "expires_at"
"""Key under which a store keeps when the access token ends, RFC 3339."""

EARLY = timedelta(minutes=5)
"""A token is renewed so long before it ends: one batch must not outlive it."""

_LONGEST = 10 * 366 * 86_400.0
"""Seconds a token is believed to last at most."""


class TokenStore(ABC):
    """Where the tokens of one channel are kept; shared by every worker."""

    @abstractmethod
    def read(self) -> Values:
        """Return what is kept, empty before the first exchange."""

    @abstractmethod
    def exchange(self, renew: Callable[[Values], Values | None]) -> Values:
        """Renew under a lock, and keep the outcome before anybody else reads it.

        :param renew: is given what is kept at that moment, which another worker may
            have renewed meanwhile, and returns all that is to be kept instead; None
            leaves it as it is. What it raises leaves it as it is, too.
        :return: what is kept afterwards.
        """


class MemoryTokens(TokenStore):
    """A store that forgets; for tests, and for a connection that is only tried."""

    def __init__(self, values: Values | None = None) -> None:
        self.values: dict[str, str] = dict(values or {})

    def read(self) -> Values:
        return dict(self.values)

    def exchange(self, renew: Callable[[Values], Values | None]) -> Values:
        renewed = renew(self.read())
        if renewed is not None:
            self.values = dict(renewed)
        return self.read()


def expires_at(now: datetime, seconds: float) -> str:
    """Return when a token given now ends, as a store keeps it.

    :param float seconds: as the channel said; what makes no sense has ended already.
    """
    known = seconds if seconds > 0 else 0.0
    return format_time(now + timedelta(seconds=min(known, _LONGEST)))


def is_fresh(values: Values, now: datetime) -> bool:
    """Tell whether the access token kept may still be used for a while.

    One that never ends, kept without a date, always may.
    """
    if EXPIRES_AT not in values:
        return bool(values)
    ends = parse_time(values[EXPIRES_AT])
    return ends is not None and now + EARLY < ends
