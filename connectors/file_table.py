"""Rows of a file, whatever its format: read strictly, written so that nothing runs.

A cell that begins like a formula is one for whoever opens the file in a spreadsheet
(CWE-1236), so such texts get an apostrophe in front, and lose it when they come back.
"""

from __future__ import annotations

import csv
import io
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal

from .filedrop_settings import Layout

MOST_ROWS = 20_000
MOST_COLUMNS = 200
FORMULA_STARTS = ("=", "+", "-", "@", "\t", "\r", "\n")
_CELL_LENGTH = 10_000


class Unreadable(Exception):
    """The file as a whole cannot be read; its text says why."""


@dataclass(frozen=True)
class Broken:
    """A cell that says something nobody can trust.

    :param str reason: goes on from "the cell ...".
    """

    reason: str


Cell = str | Decimal | datetime | Broken
"""Empty cells are empty texts; numbers and dates come from spreadsheets only."""


@dataclass(frozen=True)
class Row:
    """One row below the header.

    :param int line: where it begins in the file, counted from one.
    """

    line: int
    cells: tuple[Cell, ...]

    @property
    def is_blank(self) -> bool:
        """Tell whether nothing stands in it."""
        return all(isinstance(cell, str) and not cell.strip() for cell in self.cells)


@dataclass(frozen=True)
class Table:
    """A header and the rows below it; blank rows are left out."""

    header: tuple[str, ...]
    rows: tuple[Row, ...]


def read_csv(raw: bytes, layout: Layout) -> Table:
    """Read separated values.

    :raise Unreadable: other encoding, NUL, quotes that do not end, no header, too much.
    """
    if raw.startswith(b"PK\x03\x04"):
        raise Unreadable("It is a spreadsheet with the name of a text file.")
    if b"\0" in raw:
        raise Unreadable("It holds NUL bytes: it is damaged, or no text file.")
    encoding = "utf-8-sig" if layout.encoding.startswith("utf-8") else layout.encoding
    try:
        text = raw.decode(encoding)
    except UnicodeDecodeError as error:
        line = raw.count(b"\n", 0, error.start) + 1
        raise Unreadable(
            f"Line {line} is not {layout.encoding}: it is damaged, or in another"
            " encoding than the channel's settings say."
        ) from None
    reader = csv.reader(
        io.StringIO(text, newline=""), delimiter=layout.separator, strict=True
    )
    rows = []
    line = 1
    try:
        for cells in reader:
            rows.append(Row(line, tuple(_plain(cell) for cell in cells)))
            line = reader.line_num + 1
            check_size(rows)
    except csv.Error:
        raise Unreadable(
            f"The quotes in line {line} do not end, or stand in the middle of a value."
        ) from None
    return as_table(rows)


def as_table(rows: Iterable[Row]) -> Table:
    """Take the first row that is not blank as the header.

    :raise Unreadable: when there is none.
    """
    filled = [row for row in rows if not row.is_blank]
    if not filled:
        raise Unreadable("It is empty: not even a header stands in it.")
    header = tuple(
        cell.strip() if isinstance(cell, str) else str(cell) for cell in filled[0].cells
    )
    return Table(header, tuple(filled[1:]))


def check_size(rows: Sequence[Row]) -> None:
    """Refuse more than anybody sends by hand.

    :raise Unreadable: too many rows or columns.
    """
    if len(rows) > MOST_ROWS + 1:
        raise Unreadable(f"It has more than {MOST_ROWS} rows; send it in parts.")
    if rows and len(rows[-1].cells) > MOST_COLUMNS:
        raise Unreadable(
            f"Line {rows[-1].line} has more than {MOST_COLUMNS} columns; is the"
            " separator right?"
        )


def _plain(cell: str) -> Cell:
    if len(cell) > _CELL_LENGTH:
        return Broken(f"holds more than {_CELL_LENGTH} characters")
    return without_apostrophe(cell)


def without_apostrophe(text: str) -> str:
    """Return a text as it was before ``harmless``."""
    is_guarded = text.startswith("'") and _may_run(text)
    return text[1:] if is_guarded else text


def harmless(text: str) -> str:
    """Return a text that no spreadsheet takes for a formula."""
    return f"'{text}" if _may_run(text) else text


def _may_run(text: str) -> bool:
    """Tell whether a text begins like a formula, guarded ones included."""
    return text.lstrip("'").startswith(FORMULA_STARTS)


def format_number(value: Decimal, layout: Layout) -> str:
    """Return a number in digits, with the channel's decimal mark."""
    text = format(value, "f")
    return text.replace(".", ",") if layout.has_comma else text


def write_csv(
    header: Sequence[str], rows: Iterable[Sequence[str | Decimal]], layout: Layout
) -> bytes:
    """Write separated values; texts are made harmless, numbers are numbers.

    :raise UnicodeEncodeError: when a text does not fit the encoding.
    """
    file = io.StringIO(newline="")
    writer = csv.writer(file, delimiter=layout.separator, lineterminator="\r\n")
    writer.writerow([harmless(name) for name in header])
    for row in rows:
        writer.writerow(
            [
                format_number(cell, layout)
                if isinstance(cell, Decimal)
                else harmless(cell)
                for cell in row
            ]
        )
    return file.getvalue().encode(layout.encoding)
