"""How many calls a sender may make at the door: pure counting, no I/O.

The opposite direction of ``limits.py``, by the same bucket: there a channel's limits are
kept by us, here ours by the channel. A wrong refusal loses an event of a sender that
never calls again, so a bucket holds a whole minute's calls at once, and only what is
authentic is counted: nobody else can use up a sender's calls.
"""

from __future__ import annotations

import math
import threading
from collections import OrderedDict
from collections.abc import Hashable
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from .limits import Bucket

MOST_SENDERS = 1000
"""Far more than one process serves; who was not heard of for longest goes."""

NEWS_EVERY = timedelta(minutes=5)
"""A flood is told of once in this time, not with each call that is refused."""


@dataclass(frozen=True, kw_only=True)
class Turn:
    """What becomes of one call.

    :param int wait: whole seconds after which to call again; 0 when it is let in.
    :param bool is_news: whether this refusal is to be told to a person.
    """

    wait: int = 0
    is_news: bool = False


@dataclass
class _Sender:
    bucket: Bucket
    told_at: datetime | None = None


class Arrivals:
    """The calls each sender has left, in one process.

    Every worker process counts for itself, since a count they share would cost each
    delivery a write to one row: of N processes a sender gets up to N times its limit.

    :param int most: how many senders are remembered.
    """

    def __init__(self, most: int = MOST_SENDERS) -> None:
        self._most = most
        self._known: OrderedDict[Hashable, _Sender] = OrderedDict()
        self._lock = threading.Lock()

    def take(self, sender: Hashable, per_minute: int, now: datetime) -> Turn:
        """Count a call and say whether it is let in.

        :param int per_minute: calls allowed, at once or spread; 0 is without limit. A
            changed one begins with a full bucket.
        :param datetime now: aware UTC.
        """
        if per_minute <= 0:
            return Turn()
        with self._lock:
            known = self._find(sender, per_minute, now)
            seconds = known.bucket.wait(1, now)
            if not seconds:
                known.bucket = known.bucket.spend(1, now)
                return Turn()
            told = known.told_at
            is_news = told is None or not now - NEWS_EVERY < told <= now
            if is_news:
                known.told_at = now
            return Turn(wait=math.ceil(seconds), is_news=is_news)

    def untold(self, sender: Hashable) -> None:
        """Take back that a person was told: it could not be written down."""
        with self._lock:
            if sender in self._known:
                self._known[sender].told_at = None

    def _find(self, sender: Hashable, per_minute: int, now: datetime) -> _Sender:
        known = self._known.pop(sender, None)
        if known is None or known.bucket.maximum != per_minute:
            bucket = Bucket(
                maximum=per_minute,
                available=per_minute,
                rate=per_minute / 60,
                heard_at=now,
            )
            known = _Sender(bucket)
        elif now < known.bucket.heard_at:
            # A clock that was set back must lock nobody out until it has caught up.
            known.bucket = replace(known.bucket, heard_at=now)
        self._known[sender] = known
        while len(self._known) > self._most:
            self._known.popitem(last=False)
        return known

    def __len__(self) -> int:
        return len(self._known)
