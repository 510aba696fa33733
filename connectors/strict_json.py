"""Read foreign JSON strictly: each value is asked for by name, kind and bounds.

Whatever is wrong becomes a ``BadPayload`` that names the path of the value, such as
``data.lines.0.quantity``; the value itself stays out of the text, it may be personal.
Nothing is coerced: a number where a string belongs is refused, because a float has
already lost the amount. Unknown keys are ignored, a null optional key counts as absent.
"""

from __future__ import annotations

import json
import re
from collections.abc import Collection
from datetime import UTC, datetime
from decimal import Decimal
from enum import StrEnum
from typing import Any, NoReturn, Self, TypeVar

from .errors import BadPayload, RetryLater

MAX_DEPTH = 64
MAX_CONTAINERS = 25_000
MAX_SEPARATORS = 60_000
"""Bounds on what a body may hold, checked before parsing: 1 MiB of ``[],`` would
otherwise cost a hundred times the memory and time of an honest one."""

MAX_INTEGER = 2**63 - 1
"""What a PostgreSQL bigint holds."""

_DECIMAL = re.compile(r"-?[0-9]{1,15}(\.[0-9]{1,10})?")
_TIME = re.compile(
    r"([0-9]{4}-[0-9]{2}-[0-9]{2})[Tt]([0-9]{2}:[0-9]{2}:[0-9]{2})"
    r"(?:\.([0-9]{1,12}))?([Zz]|[+-][0-9]{2}:[0-9]{2})"
)
_YEARS = range(1970, 2201)
_CONTROL = re.compile(r"[\x00-\x1f\x7f]")
_UNSTORABLE = re.compile("[\x00\ud800-\udfff]")
"""PostgreSQL stores no NUL, UTF-8 no lone surrogate."""

Choice = TypeVar("Choice", bound=StrEnum)


def load(raw: bytes) -> Node:
    """Parse a body into its root node.

    :raise BadPayload: not UTF-8, not JSON, a key twice, too deep or too much.
    """
    containers = raw.count(b"{") + raw.count(b"[")
    if containers > MAX_CONTAINERS or raw.count(b",") > MAX_SEPARATORS:
        raise BadPayload("The body holds too many values.")
    try:
        value = json.loads(
            raw.decode("utf-8"),
            parse_float=Decimal,
            parse_constant=_refuse_constant,
            object_pairs_hook=_unique,
        )
    except RecursionError:
        raise BadPayload("The body is nested too deeply.") from None
    except ValueError:
        # Also numbers of thousands of digits, which Python refuses to convert.
        raise BadPayload("The body is not JSON.") from None
    _check_depth(value)
    return Node(value, "")


def parse_decimal(text: object) -> Decimal | None:
    """Return the decimal a string holds, None when it holds none.

    At most 15 digits before and 10 after the point, no exponent, no NaN.
    """
    if not isinstance(text, str) or not _DECIMAL.fullmatch(text):
        return None
    value = Decimal(text)
    return value if value else abs(value)


def parse_time(text: object) -> datetime | None:
    """Return the moment of an RFC 3339 text in UTC, None when it is none.

    An offset is required, finer than microseconds is cut off.
    """
    match = _TIME.fullmatch(text) if isinstance(text, str) else None
    if match is None:
        return None
    day, clock, fraction, offset = match.groups()
    try:
        moment = datetime.fromisoformat(
            f"{day}T{clock}.{(fraction or '0')[:6]:0<6}{offset.upper()}"
        )
        moment = moment.astimezone(UTC)
    except (ValueError, OverflowError):
        return None
    return moment if moment.year in _YEARS else None


def format_time(moment: datetime) -> str:
    """Return an aware moment as RFC 3339 in UTC."""
    return moment.astimezone(UTC).isoformat().replace("+00:00", "Z")


class Node:
    """A JSON value and where it was found.

    :param str path: dotted, empty for the root.
    """

    def __init__(self, value: Any, path: str) -> None:
        self.value = value
        self.path = path

    def at(self, key: str | int) -> str:
        """Return the path of a child."""
        return f"{self.path}.{key}" if self.path else str(key)

    def refuse(self, message: str, key: str | int | None = None) -> NoReturn:
        """Raise for this value, or for a child of it.

        :raise BadPayload: always.
        """
        field = self.path if key is None else self.at(key)
        raise BadPayload(f"{field or 'body'}: {message}", field=field)

    def _get(self, key: str, required: bool) -> Any:
        if not isinstance(self.value, dict):
            self.refuse("must be an object")
        value = self.value.get(key)
        if value is None and required:
            self.refuse("is missing", key)
        return value

    def child(self, key: str) -> Self:
        """Return an object that must be there."""
        value = self._get(key, required=True)
        if not isinstance(value, dict):
            self.refuse("must be an object", key)
        return type(self)(value, self.at(key))

    def optional_child(self, key: str) -> Self | None:
        """Return an object, None when absent."""
        return None if self._get(key, required=False) is None else self.child(key)

    def items(self, key: str, most: int, required: bool = True) -> list[Self]:
        """Return the objects of a list; an absent optional list is empty.

        :param int most: longest list accepted.
        """
        value = self._get(key, required)
        if value is None:
            return []
        if not isinstance(value, list):
            self.refuse("must be a list", key)
        if len(value) > most:
            self.refuse(f"must not have more than {most} entries", key)
        place, kind = self.at(key), type(self)
        nodes = [kind(item, f"{place}.{i}") for i, item in enumerate(value)]
        for node in nodes:
            if not isinstance(node.value, dict):
                node.refuse("must be an object")
        return nodes

    def text(self, key: str, most: int = 255, required: bool = False) -> str:
        """Return a string, empty when absent and optional.

        :param int most: longest string accepted, in characters.
        """
        value = self._get(key, required)
        if value is None:
            return ""
        if not isinstance(value, str):
            self.refuse("must be a string", key)
        if len(value) > most:
            self.refuse(f"must not be longer than {most} characters", key)
        if _UNSTORABLE.search(value):
            self.refuse("holds characters that cannot be stored", key)
        return value

    def identifier(self, key: str, required: bool = True) -> str:
        """Return a string fit to name a thing: one line, not blank."""
        value = self.text(key, required=required)
        if _CONTROL.search(value):
            self.refuse("must not hold control characters", key)
        if value != value.strip() or (required and not value):
            self.refuse("must not be blank, nor begin or end with a space", key)
        return value

    def pattern(self, key: str, pattern: re.Pattern[str], form: str) -> str:
        """Return a string of a fixed form that must be there."""
        value = self.text(key, required=True)
        if not pattern.fullmatch(value):
            self.refuse(f"must be {form}", key)
        return value

    def integer(self, key: str) -> int:
        """Return a whole number from 0 to ``MAX_INTEGER`` that must be there."""
        value = self._get(key, required=True)
        if isinstance(value, bool) or not isinstance(value, int):
            self.refuse("must be a whole number", key)
        if not 0 <= value <= MAX_INTEGER:
            self.refuse(f"must be from 0 to {MAX_INTEGER}", key)
        return value

    def boolean(self, key: str) -> bool:
        """Return true or false that must be there."""
        value = self._get(key, required=True)
        if not isinstance(value, bool):
            self.refuse("must be true or false", key)
        return value

    def money(self, key: str) -> Decimal:
        """Return a decimal of either sign that must be there."""
        value = parse_decimal(self._get(key, required=True))
        if value is None:
            self.refuse("must be a string holding a decimal", key)
        return value

    def amount(self, key: str) -> Decimal:
        """Return a decimal that must be there and not be negative."""
        value = self.money(key)
        if value < 0:
            self.refuse("must not be negative", key)
        return value

    def optional_amount(self, key: str) -> Decimal | None:
        """Return a decimal that must not be negative, None when absent."""
        return None if self._get(key, required=False) is None else self.amount(key)

    def time(self, key: str) -> datetime:
        """Return an aware UTC moment that must be there."""
        value = parse_time(self._get(key, required=True))
        if value is None:
            self.refuse("must be an RFC 3339 time with offset", key)
        return value

    def choice(self, key: str, choices: type[Choice]) -> Choice:
        """Return one of a fixed set of words that must be there."""
        value = self._get(key, required=True)
        if not isinstance(value, str) or value not in _values(choices):
            self.refuse(f"must be one of {', '.join(_values(choices))}", key)
        return choices(value)

    def optional_choice(self, key: str, choices: type[Choice]) -> Choice | None:
        """Return one of a fixed set of words, None when absent."""
        absent = self._get(key, required=False) is None
        return None if absent else self.choice(key, choices)


class Answer(Node):
    """The same for what a channel answers to our calls.

    Nobody sees such a body in the inbox: what makes no sense is asked for again.
    """

    def refuse(self, message: str, key: str | int | None = None) -> NoReturn:
        """Raise for this value, or for a child of it.

        :raise RetryLater: always.
        """
        field = self.path if key is None else self.at(key)
        place = field or "body"
        raise RetryLater(f"The channel's answer makes no sense: {place}: {message}.")


def _values(choices: type[StrEnum]) -> Collection[str]:
    return [choice.value for choice in choices]


def _refuse_constant(name: str) -> NoReturn:
    raise ValueError(name)


def _unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    """Refuse a key that comes twice: two readers would see two different orders."""
    result = dict(pairs)
    if len(result) != len(pairs):
        raise BadPayload("The body holds an object with the same key twice.")
    return result


def _check_depth(value: Any) -> None:
    layer = [value]
    for _ in range(MAX_DEPTH + 1):
        layer = [
            child
            for parent in layer
            if isinstance(parent, (dict, list))
            for child in (parent.values() if isinstance(parent, dict) else parent)
        ]
        if not layer:
            return
    raise BadPayload("The body is nested too deeply.")
