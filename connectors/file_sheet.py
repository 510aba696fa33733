"""Spreadsheets (xlsx): opened only after a look at what they unpack to.

A spreadsheet is an archive of XML written by somebody else: it may unpack to gigabytes,
hold programs, or formulas whose result is not what is seen. Numbers that name something
have lost their leading zeros already; they are taken as long as no digit is missing.
"""

from __future__ import annotations

import datetime as dates
import io
import re
import zipfile
import zlib
from collections.abc import Iterable, Iterator, Sequence
from decimal import Decimal
from typing import IO, Any

from .file_table import (
    MOST_COLUMNS,
    MOST_ROWS,
    Broken,
    Cell,
    Row,
    Table,
    Unreadable,
    as_table,
    check_size,
    harmless,
    without_apostrophe,
)
from .optional import optional

_MOST_PARTS = 200
_MOST_BYTES = 64 * 1024 * 1024
_MOST_RATIO = 200
_MOST_DIGITS = 15
"""A spreadsheet keeps no more digits of a number."""
_CHUNK = 1024 * 1024
_OVERLAP = 16
_DAMAGED = (
    zipfile.BadZipFile,
    zlib.error,
    NotImplementedError,
    RuntimeError,
    ValueError,
    OSError,
    EOFError,
)
_ENTITIES = re.compile(rb"<!(?:DOCTYPE|ENTITY)", re.IGNORECASE)
_ZEROS_FIRST = re.compile(r"0{2,}")
_FORBIDDEN = ("vbaproject", "externallink", "activex", "embeddings")


def read_sheet(raw: bytes) -> Table:
    """Read the first sheet of a spreadsheet.

    :raise Unreadable: no spreadsheet, programs in it, too much of anything.
    :raise Misconfigured: when the server cannot read spreadsheets.
    """
    openpyxl = optional("openpyxl", "Reading spreadsheets")
    _check_archive(raw)
    try:
        book = openpyxl.load_workbook(
            io.BytesIO(raw), read_only=True, data_only=False, keep_links=False
        )
        rows = list(_rows(book.worksheets[0]))
        book.close()
    except Unreadable:
        raise
    except Exception:  # noqa: BLE001 - a damaged one fails in any of a hundred ways
        raise Unreadable("The spreadsheet is damaged.") from None
    return as_table(rows)


def _check_archive(raw: bytes) -> None:
    try:
        with zipfile.ZipFile(io.BytesIO(raw)) as archive:
            parts = archive.infolist()
            total = sum(part.file_size for part in parts)
            if len(parts) > _MOST_PARTS or total > _MOST_BYTES:
                raise Unreadable("The spreadsheet unpacks to far too much.")
            if total > _MOST_RATIO * max(len(raw), 1):
                raise Unreadable("The spreadsheet unpacks to far too much.")
            for part in parts:
                _check_part(archive, part)
    except _DAMAGED:
        raise Unreadable("It is no spreadsheet (xlsx), or a damaged one.") from None


def _check_part(archive: zipfile.ZipFile, part: zipfile.ZipInfo) -> None:
    name = part.filename.casefold()
    if any(word in name for word in _FORBIDDEN):
        raise Unreadable(
            "The spreadsheet holds programs, or parts of other files; save it without."
        )
    if part.compress_type not in (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED):
        raise Unreadable("The spreadsheet is packed in an unusual way.")
    if name.endswith((".xml", ".rels")):
        with archive.open(part) as file:
            _check_plain(file)


def _check_plain(file: IO[bytes]) -> None:
    """Refuse XML that defines words of its own, wherever it does.

    In UTF-16 it would not be seen; no spreadsheet writes that.
    """
    seen = b""
    while chunk := file.read(_CHUNK):
        if b"\0" in chunk or _ENTITIES.search(seen + chunk):
            raise Unreadable("The spreadsheet was not written by a spreadsheet.")
        seen = chunk[-_OVERLAP:]


def _rows(sheet: Any) -> Iterator[Row]:
    # What the file says of its own size is not believed.
    sheet.reset_dimensions()
    known: list[Row] = []
    cells = sheet.iter_rows(max_row=MOST_ROWS + 2, max_col=MOST_COLUMNS + 1)
    for line, found in enumerate(cells, start=1):
        values = [_cell(cell) for cell in found]
        while values and values[-1] == "":
            values.pop()
        known.append(Row(line, tuple(values)))
        check_size(known)
    yield from _squared(known)


def _squared(rows: Sequence[Row]) -> Iterator[Row]:
    """Fill rows up to the header's width: empty cells at the end are not stored."""
    width = next((len(row.cells) for row in rows if row.cells), 0)
    for row in rows:
        blanks = ("",) * (width - len(row.cells))
        yield Row(row.line, (*row.cells, *blanks))


def _cell(cell: Any) -> Cell:
    value, kind = cell.value, getattr(cell, "data_type", "n")
    if value is None:
        return ""
    if kind == "f" or not isinstance(
        value, (str, int, float, dates.datetime, dates.date)
    ):
        return Broken("holds a formula, or nothing that can be read")
    if kind == "e":
        return Broken("holds an error of the spreadsheet")
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, str):
        return without_apostrophe(value)
    if isinstance(value, dates.datetime):
        return value.replace(microsecond=0)
    if isinstance(value, dates.date):
        return dates.datetime(value.year, value.month, value.day)  # noqa: DTZ001
    return _number(value, str(getattr(cell, "number_format", "")))


def _number(value: int | float, shown_as: str) -> Cell:
    if value != value or value in (float("inf"), float("-inf")):
        return Broken("holds no number")
    if abs(value) >= 10**_MOST_DIGITS:
        return Broken("holds a number whose last digits are lost; make it text")
    if _ZEROS_FIRST.match(shown_as):
        return Broken("shows leading zeros that are not stored; make it text")
    return Decimal(f"{value:.15g}") if isinstance(value, float) else Decimal(value)


def write_sheet(
    header: Sequence[str], rows: Iterable[Sequence[str | Decimal]]
) -> bytes:
    """Write a spreadsheet with one sheet: texts stay texts, numbers are numbers.

    :raise Misconfigured: when the server cannot write spreadsheets.
    """
    xlsxwriter = optional("xlsxwriter", "Writing spreadsheets")
    file = io.BytesIO()
    options = {
        "in_memory": True,
        "strings_to_formulas": False,
        "strings_to_urls": False,
        "strings_to_numbers": False,
    }
    book = xlsxwriter.Workbook(file, options)
    # The same content gives the same bytes.
    book.set_properties({"created": dates.datetime(2020, 1, 1)})  # noqa: DTZ001
    sheet = book.add_worksheet()
    for column, name in enumerate(header):
        sheet.write_string(0, column, harmless(name))
    for line, row in enumerate(rows, start=1):
        for column, cell in enumerate(row):
            if isinstance(cell, Decimal) and _is_exact(cell):
                sheet.write_number(line, column, float(cell))
            else:
                text = cell if isinstance(cell, str) else format(cell, "f")
                sheet.write_string(line, column, harmless(text))
    book.close()
    return file.getvalue()


def _is_exact(value: Decimal) -> bool:
    """Tell whether a spreadsheet keeps every digit."""
    return len(value.normalize().as_tuple().digits) <= _MOST_DIGITS and abs(
        value
    ) < Decimal(10**_MOST_DIGITS)
