"""Errors a connector raises, typed by what the caller must do about them.

A channel can fail in a hundred ways, the hub can react in only a few. Each class
below is one reaction; a connector translates everything it meets (status codes,
error bodies, broken sockets) into one of them and never lets a foreign exception
through.
"""

from __future__ import annotations

from enum import StrEnum


class Trouble(StrEnum):
    """What a person who sets a channel up can do about an error."""

    SETUP = "setup"
    """Look at the address, the credentials or what they allow."""
    WAIT = "wait"
    """Wait: too many calls came."""
    UNREACHABLE = "unreachable"
    """Look whether the address is right and whether the channel is up."""
    REFUSED = "refused"
    """Ask at the channel, which understood and said no."""


def trouble_of(error: ConnectorError) -> Trouble:
    """Return what a person can do about an error."""
    if isinstance(error, Misconfigured):
        return Trouble.SETUP
    if isinstance(error, RateLimited):
        return Trouble.WAIT
    if isinstance(error, RetryLater):
        return Trouble.UNREACHABLE
    return Trouble.REFUSED


class ConnectorError(Exception):
    """Base of everything a connector raises.

    :param str message: what happened, in words a person who knows the channel
        understands; never contains credentials, signatures or personal data.
    """

    def __init__(self, message: str) -> None:
        super().__init__(message)
        self.message = message


class RetryLater(ConnectorError):
    """The call may or may not have had its effect: read back, then try again.

    Raised for broken connections, timeouts, 5xx answers and answers that make no
    sense. The caller must treat the outcome as unknown.

    :param float | None after: seconds to wait before the next call, when the
        channel said so; None leaves the delay to the caller's own schedule.
    """

    def __init__(self, message: str, after: float | None = None) -> None:
        super().__init__(message)
        self.after = after


class RateLimited(RetryLater):
    """The channel refused the call unseen because too many came: wait, repeat.

    The call had no effect.
    """


class Throttled(RateLimited):
    """The call was not made: it would not have fitted the channel's limit.

    No failure of anything: come back in time, nobody is told.
    """


class Misconfigured(ConnectorError):
    """A person must change credentials, address or permissions first.

    Retrying without that change is pointless and may lock the account.

    :param str field: name of the setting to look at.
    """

    def __init__(self, message: str, field: str = "") -> None:
        super().__init__(message)
        self.field = field


class Rejected(ConnectorError):
    """The channel understood the call and refuses it for a business reason.

    :param str code: the channel's own error code.
    :param str field: which part of the call it objects to.
    """

    def __init__(self, message: str, code: str = "", field: str = "") -> None:
        super().__init__(message)
        self.code = code
        self.field = field


class KeptAsTold(Rejected):
    """The channel has the shipment and keeps the carrier and tracking it has."""


class BadSignature(ConnectorError):
    """A delivery is not authentic, too old, or from the future: refuse it (401)."""


class BadPayload(ConnectorError):
    """An authentic delivery cannot be understood: store it, tell a person.

    :param str field: path of the offending value, such as ``data.lines.0.sku``.
    """

    def __init__(self, message: str, field: str = "") -> None:
        super().__init__(message)
        self.field = field
