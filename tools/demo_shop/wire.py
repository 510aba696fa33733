"""What travels over the wire: signatures, decimals, times and refusals."""

from __future__ import annotations

from binascii import Error as Base64Error
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from decimal import Decimal, InvalidOperation
from typing import Any

from standardwebhooks import Webhook, WebhookVerificationError

Clock = Callable[[], datetime]
"""Returns the present moment as an aware UTC datetime."""

MAX_BODY = 1024 * 1024
"""Bytes; the contract's limit."""

MAX_LEVELS = 500
"""Levels in one inventory call; the contract's limit."""


class RefusedError(Exception):
    """The request cannot be served; carries the answer.

    :param int status: HTTP status.
    :param str code: stable, for programs.
    :param str message: one sentence, for people.
    :param str field: the offending field, where there is one.
    """

    def __init__(self, status: int, code: str, message: str, field: str = "") -> None:
        super().__init__(message)
        self.status = status
        self.code = code
        self.message = message
        self.field = field


def utc_now() -> datetime:
    """Return the present moment as an aware UTC datetime."""
    return datetime.now(UTC)


def stamp(moment: datetime) -> str:
    """Return a moment as RFC 3339 in UTC; such texts sort like the moments."""
    return moment.astimezone(UTC).isoformat(timespec="microseconds")


def plain(quantity: Decimal) -> str:
    """Return a decimal without exponent or trailing zeros: "7", "0.5"."""
    text = f"{quantity:f}"
    return text.rstrip("0").rstrip(".") if "." in text else text


def decimal_field(data: Mapping[str, Any], field: str) -> Decimal:
    """Return a non-negative decimal that must be sent as a string.

    :raise RefusedError: 422 when it is missing, no string, or no such number.
    """
    value = data.get(field)
    if not isinstance(value, str):
        raise RefusedError(422, "bad_type", f"{field} must be a string.", field)
    try:
        number = Decimal(value)
    except InvalidOperation:
        number = Decimal("NaN")
    if not number.is_finite() or number < 0:
        raise RefusedError(422, "bad_number", f"{field} is not a quantity.", field)
    return number


def text_field(data: Mapping[str, Any], field: str, default: str | None = None) -> str:
    """Return a text; without a default it must be there and not be empty.

    :raise RefusedError: 422 otherwise.
    """
    value = data.get(field, default)
    if not isinstance(value, str) or (not value and default is None):
        raise RefusedError(422, "bad_type", f"{field} must be a text.", field)
    return value


def list_field(data: Mapping[str, Any], field: str) -> list[dict[str, Any]]:
    """Return a non-empty list of objects.

    :raise RefusedError: 422 otherwise.
    """
    value = data.get(field)
    if (
        not isinstance(value, list)
        or not value
        or not all(isinstance(entry, dict) for entry in value)
    ):
        raise RefusedError(422, "bad_type", f"{field} must be a list.", field)
    return value


def verify(secret: str, raw: bytes, headers: Mapping[str, str]) -> None:
    """Return when the signature is good and less than 300 seconds old.

    :raise RefusedError: 401 otherwise, whatever the reason.
    """
    wanted = ("webhook-id", "webhook-timestamp", "webhook-signature")
    picked = {name: headers.get(name, "") for name in wanted}
    try:
        Webhook(secret).verify(raw, picked, json_parse=False)
    except (WebhookVerificationError, Base64Error, ValueError) as error:
        raise RefusedError(
            401, "bad_signature", "The signature is missing, wrong or too old."
        ) from error


def sign(secret: str, message_id: str, raw: bytes, moment: datetime) -> dict[str, str]:
    """Return the three headers that make a body ours."""
    return {
        "webhook-id": message_id,
        "webhook-timestamp": str(int(moment.timestamp())),
        "webhook-signature": Webhook(secret).sign(message_id, moment, raw.decode()),
    }
