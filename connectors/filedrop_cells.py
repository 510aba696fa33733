"""Read single cells strictly: nothing is guessed, nothing is rounded.

A cell that cannot be trusted is refused with a reason that goes on from "the cell ...".
Its value stays out of the reason, it may be personal.
"""

from __future__ import annotations

import re
from datetime import UTC, datetime
from decimal import Decimal
from zoneinfo import ZoneInfo

from .file_table import Broken, Cell
from .filedrop_columns import Form
from .filedrop_settings import Layout
from .strict_json import MAX_INTEGER, format_time, parse_decimal, parse_time

Value = str | int | bool
"""A value as the body of a delivery has it."""

_CONTROL = re.compile(r"[\x00-\x1f\x7f]")
_UNSTORABLE = re.compile("[\x00\ud800-\udfff]")
# As spreadsheets write long numbers: 1.23457E+12, with either decimal mark.
_SCIENTIFIC = re.compile(r"[0-9]([.,][0-9]+)?E[+-][0-9]{1,3}", re.IGNORECASE)
_POINT = re.compile(r"-?[0-9]{1,15}(\.[0-9]{1,10})?")
_COMMA = re.compile(r"-?[0-9]{1,15}(,[0-9]{1,10})?")
_LOCAL = re.compile(
    r"([0-9]{1,4})[-./]([0-9]{1,2})[-./]([0-9]{1,4})"
    r"(?:[ T]([0-9]{1,2}):([0-9]{2})(?::([0-9]{2})(?:\.[0-9]{1,9})?)?)?"
)
_YES = {"yes": True, "true": True, "1": True, "no": False, "false": False, "0": False}
_MOST_ID = 255
_MOST_TEXT = 10_000
_YEARS = range(1970, 2201)


class WrongCell(Exception):
    """A cell that cannot be taken; its text is the reason."""


def read_cell(cell: Cell, form: Form, layout: Layout) -> Value | None:
    """Return the value of a cell, None where it is empty.

    :raise WrongCell: when it cannot be taken.
    """
    if isinstance(cell, Broken):
        raise WrongCell(cell.reason)
    if isinstance(cell, str):
        cell = cell.strip()
        if not cell:
            return None
    if form is Form.ID:
        return _identifier(cell)
    if form is Form.TEXT:
        return _text(cell)
    if form is Form.TIME:
        return format_time(_moment(cell, layout))
    if form is Form.YES_NO:
        return _answer(cell)
    number = _number(cell, layout)
    return number if form is Form.NUMBER else _whole(number)


def _identifier(cell: Cell) -> str:
    if isinstance(cell, Decimal):
        if cell != cell.to_integral_value() or cell < 0:
            raise WrongCell("must be text: a number with decimals names nothing")
        return format(cell.to_integral_value(), "f")
    text = _text(cell)
    if _SCIENTIFIC.fullmatch(text):
        raise WrongCell("was shortened by a spreadsheet (1.23E+12); make it text")
    if text.startswith("="):
        raise WrongCell("holds a formula")
    if len(text) > _MOST_ID or _CONTROL.search(text):
        raise WrongCell(f"must be one line of at most {_MOST_ID} characters")
    return text


def _text(cell: Cell) -> str:
    if isinstance(cell, Decimal):
        return format(cell, "f")
    if not isinstance(cell, str):
        raise WrongCell("was taken for a date by the spreadsheet; make it text")
    if len(cell) > _MOST_TEXT or _UNSTORABLE.search(cell):
        raise WrongCell("is too long, or holds characters that cannot be stored")
    return cell


def _number(cell: Cell, layout: Layout) -> str:
    """Return a number as the body has it: digits, with a point."""
    if isinstance(cell, Decimal):
        text = format(cell, "f")
        if parse_decimal(text) is None:
            raise WrongCell("has too many digits")
        return text
    if not isinstance(cell, str):
        raise WrongCell("must be a number, not a date")
    if layout.has_comma:
        mark, form = "comma", _COMMA
    else:
        mark, form = "point", _POINT
    if not form.fullmatch(cell):
        raise WrongCell(
            f"must be digits, at most with a decimal {mark}: anything else, such as"
            " marks of thousands, can be read in two ways"
        )
    return cell.replace(",", ".")


def _whole(number: str) -> int:
    value = Decimal(number)
    if value != value.to_integral_value() or not 0 <= value <= MAX_INTEGER:
        raise WrongCell("must be a whole number, not below zero")
    return int(value)


def _answer(cell: Cell) -> bool:
    word = format(cell, "f") if isinstance(cell, Decimal) else str(cell).casefold()
    if word not in _YES:
        raise WrongCell("must be yes or no")
    return _YES[word]


def _moment(cell: Cell, layout: Layout) -> datetime:
    if isinstance(cell, datetime):
        return in_zone(cell, layout.zone)
    if not isinstance(cell, str):
        raise WrongCell("must be a date, not a number")
    exact = parse_time(cell) or parse_time(cell.replace(" ", "T", 1))
    if exact is not None:
        return exact
    found = _LOCAL.fullmatch(cell)
    if found is None:
        raise WrongCell(
            f"must be a date as {_example(layout.dates)}, with or without time"
        )
    parts = dict(zip(layout.dates, found.groups()[:3], strict=True))
    hour, minute, second = (int(part or 0) for part in found.groups()[3:])
    if len(parts["y"]) != 4 or int(parts["y"]) not in _YEARS:
        raise WrongCell(
            f"must be a date as {_example(layout.dates)}, with or without time"
        )
    try:
        local = datetime(  # noqa: DTZ001 - the zone comes next
            int(parts["y"]), int(parts["m"]), int(parts["d"]), hour, minute, second
        )
    except ValueError:
        raise WrongCell("is no date of the calendar") from None
    return in_zone(local, layout.zone)


def _example(order: str) -> str:
    return {"ymd": "2026-11-30", "dmy": "30.11.2026", "mdy": "11/30/2026"}[order]


def in_zone(local: datetime, zone: ZoneInfo) -> datetime:
    """Return a time of a place's clock in UTC.

    Where the clock shows an hour twice, the first one is meant.

    :raise WrongCell: for an hour that the clock leaves out.
    """
    if local.year not in _YEARS:
        raise WrongCell("is no date anybody means")
    moment = local.replace(tzinfo=zone).astimezone(UTC)
    if moment.astimezone(zone).replace(tzinfo=None) != local:
        raise WrongCell("is an hour that the clock of the time zone leaves out")
    return moment
