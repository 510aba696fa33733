"""A channel in memory: a transport without sockets, and a ledger behind it.

A connector under test cannot tell the difference from the outside: its calls go
through the same status handling as real ones. Nothing here waits, every fault is
planned, so that a test says exactly what happened.
"""

from __future__ import annotations

import json
from abc import ABC, abstractmethod
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from enum import StrEnum
from typing import Any

from ..data import QuantityKey
from ..errors import RetryLater
from ..transport import MAX_BYTES, Request, Response, Transport

Handler = Callable[[Request], Response]


class FixedClock:
    """A clock that moves only when told.

    :param datetime moment: aware UTC.
    """

    def __init__(self, moment: datetime = datetime(2026, 11, 21, 12, tzinfo=UTC)):
        self.moment = moment

    def __call__(self) -> datetime:
        return self.moment

    def advance(self, seconds: float) -> None:
        """Let time pass."""
        self.moment += timedelta(seconds=seconds)


class Fault(StrEnum):
    """What can happen to a call on its way."""

    RATE_LIMIT = "rate_limit"
    """429 with ``Retry-After: 7``, not seen by the channel."""
    DOWN = "down"
    """503 with ``Retry-After: 11``, not seen by the channel."""
    BROKEN = "broken"
    """500 without a hint, not seen by the channel."""
    REFUSED = "refused"
    """The connection cannot be made."""
    LOST_ANSWER = "lost_answer"
    """The channel does it, the answer never arrives."""
    RUBBISH = "rubbish"
    """The channel does it and answers an HTML page with status 200."""
    OVERSIZED = "oversized"
    """The channel does it and answers more than a transport accepts."""
    UNAUTHORIZED = "unauthorized"
    FORBIDDEN = "forbidden"
    REDIRECT = "redirect"


_ANSWERED_INSTEAD = {
    Fault.RATE_LIMIT: Response(429, {"retry-after": "7"}, b""),
    Fault.DOWN: Response(503, {"retry-after": "11"}, b""),
    Fault.BROKEN: Response(500, {}, b"Internal error"),
    Fault.UNAUTHORIZED: Response(401, {}, b"{}"),
    Fault.FORBIDDEN: Response(403, {}, b"{}"),
    Fault.REDIRECT: Response(302, {"location": "https://elsewhere.example/"}, b""),
}
_HTML = Response(200, {"content-type": "text/html"}, b"<html>All good!</html>")


class FakeTransport(Transport):
    """Hand every call to a function instead of the network.

    ``calls`` keeps what was sent, ``answers`` what came back; ``faults`` says what happens to the next calls,
    first in, first out, None meaning nothing special; ``always`` to all of them;
    ``lose_writes`` drops the answers to calls that change something; ``pauses`` keeps
    how long was waited for a limit, in seconds.

    :param handler: plays the channel.
    :param clock: moves on by itself while somebody waits.
    :param is_write: tells what changes something; whatever is no GET, where the wire
        format does not say otherwise.
    """

    def __init__(
        self,
        handler: Handler,
        clock: FixedClock | None = None,
        is_write: Callable[[Request], bool] | None = None,
    ) -> None:
        # Any host will do: no name is resolved and no socket is opened.
        super().__init__()
        self._handler = handler
        self._clock = clock
        self._is_write = is_write or (lambda call: call.method != "GET")
        self.pauses: list[float] = []
        self.calls: list[Request] = []
        self.answers: list[Response] = []
        self.faults: list[Fault | None] = []
        self.always: Fault | None = None
        self.lose_writes = False

    def _exchange(self, call: Request) -> Response:
        self.calls.append(call)
        response = self._answer(call)
        self.answers.append(response)
        return response

    def _answer(self, call: Request) -> Response:
        fault = self.faults.pop(0) if self.faults else self.always
        if fault is Fault.REFUSED:
            raise RetryLater("The connection to the channel broke.")
        if fault in _ANSWERED_INSTEAD:
            return _ANSWERED_INSTEAD[fault]
        response = self._handler(call)
        if fault is Fault.LOST_ANSWER or (self.lose_writes and self._is_write(call)):
            raise RetryLater("The channel did not answer in time.")
        if fault is Fault.RUBBISH:
            return _HTML
        if fault is Fault.OVERSIZED:
            raise RetryLater(f"The channel's answer is larger than {MAX_BYTES} bytes.")
        return response

    def pause(self, seconds: float) -> None:
        self.pauses.append(seconds)
        if self._clock:
            self._clock.advance(seconds)


def json_response(
    value: object, status: int = 200, headers: dict[str, str] | None = None
) -> Response:
    """Answer with JSON."""
    return Response(
        status,
        {"content-type": "application/json", **(headers or {})},
        json.dumps(value).encode(),
    )


@dataclass(kw_only=True)
class Level:
    """What the channel shows for one item at one location."""

    quantity: Decimal
    sequence: int = 0
    updated_at: datetime = datetime(2026, 11, 21, 12, tzinfo=UTC)


@dataclass
class FakeChannel:
    """The books of a channel, whatever wire format stands in front of them.

    :param levels: by (sku, location id).
    :param orders: raw orders in the channel's own format, by id.
    :param shipments: taken shipments by id; ``cancellations`` likewise.
    """

    clock: Callable[[], datetime]
    levels: dict[tuple[str, str], Level] = field(default_factory=dict)
    orders: dict[str, dict[str, Any]] = field(default_factory=dict)
    shipments: dict[str, dict[str, Any]] = field(default_factory=dict)
    cancellations: dict[str, dict[str, Any]] = field(default_factory=dict)
    effects: list[str] = field(default_factory=list)
    """One entry per thing that really changed; repeats must not add any."""

    def shown(self, sku: str, location_id: str) -> Decimal | None:
        """Return the quantity shown, None for an unknown item."""
        level = self.levels.get((sku, location_id))
        return None if level is None else level.quantity

    def show(
        self, sku: str, location_id: str, quantity: Decimal, sequence: int
    ) -> None:
        """Set what is shown."""
        self.levels[sku, location_id] = Level(
            quantity=quantity, sequence=sequence, updated_at=self.clock()
        )
        self.effects.append(f"show {sku}@{location_id}={quantity}")

    def sell(self, sku: str, location_id: str, quantity: Decimal) -> None:
        """Take sold units off what is shown, as a shop does at once."""
        level = self.levels[sku, location_id]
        if quantity > level.quantity:
            raise ValueError(f"{sku} at {location_id}: only {level.quantity} left")
        level.quantity -= quantity
        level.updated_at = self.clock()

    def restock(self, sku: str, location_id: str, quantity: Decimal) -> None:
        """Put cancelled units back."""
        level = self.levels[sku, location_id]
        level.quantity += quantity
        level.updated_at = self.clock()


class FakeServer(ABC):
    """A channel's wire format in front of its books; one subclass per connector.

    :param clock: shared with the connector under test.
    """

    page_size: int = 2
    """Small, so that a handful of orders makes several pages."""
    renewals: int = 0
    """How often an access token was given out, where the channel has such."""

    def __init__(self, clock: FixedClock) -> None:
        self.clock = clock
        self.books = FakeChannel(clock)
        self.transport = FakeTransport(self.handle, clock, self.is_write)

    def is_write(self, call: Request) -> bool:
        """Tell whether a call changes something; GraphQL reads by POST, too."""
        return call.method != "GET"

    @abstractmethod
    def handle(self, call: Request) -> Response:
        """Play the channel for one call."""

    @abstractmethod
    def add_item(self, sku: str, location_id: str, quantity: Decimal) -> QuantityKey:
        """List an item at a location and return the key the hub would use."""

    @abstractmethod
    def add_order(self, order_id: str, version: int = 1) -> list[str]:
        """Store an order, changed now; return the ids of its lines.

        Calling it again with a higher version changes the order. Each line is of
        two units or more.
        """

    def use_up_limit(self) -> None:
        """Leave nothing of the limit the channel tells of, and say so from now on.

        For channels that tell with each answer how many calls are left.
        """
        raise NotImplementedError

    def disturb_webhooks(self) -> None:
        """Switch one subscription off, or lose it, as the channel sometimes does."""
        raise NotImplementedError

    def quantity(self, key: QuantityKey) -> Decimal | None:
        """Return what the channel shows, in the meaning of the numbers sent."""
        return self.books.shown(key.sku, key.location_id)
