"""Maps as a CSV file: which SKU of a channel is which product.

What is written can be read again and comes out the same. It opens in a spreadsheet, so
no cell of it begins like a formula; what was put before one is taken off again. What
people send back is read as spreadsheets save it: comma, semicolon or tab, UTF-8, UTF-16
or the old Windows letters.
"""

from __future__ import annotations

import csv
import io
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass

COLUMNS = {
    "sku": "SKU",
    "item_id": "Item ID",
    "product_reference": "Product Reference",
    "product_barcode": "Product Barcode",
    "product_id": "Product ID",
    "product_name": "Product Name",
    "unit": "Unit",
    "title": "Title",
}
"""Names of the values by the heading of their column."""
MAX_LINES = 20_000
MAX_BYTES = 10_000_000
_CELL = 2_000
_FORMULA = ("=", "+", "-", "@", "\t", "\r", "\n")
_GUARD = "'"


class Unreadable(Exception):
    """The file as a whole cannot be read.

    :param str message: why, in words for whoever sent it.
    """

    def __init__(self, message: str) -> None:
        super().__init__(message)
        self.message = message


@dataclass(frozen=True, kw_only=True)
class Line:
    """One line of the file.

    :param int number: as a spreadsheet counts: the headings are line 1.
    :param values: text by name; columns that the file does not have are left out.
    :param str column: heading of the column that is wrong, empty when none is.
    :param str reason: what is wrong with it.
    """

    number: int
    values: Mapping[str, str]
    column: str = ""
    reason: str = ""


def guarded(text: str) -> str:
    """Return text that no spreadsheet takes for a formula; ``bare`` takes it back."""
    return _GUARD + text if text.startswith((*_FORMULA, _GUARD)) else text


def bare(text: str) -> str:
    """Take off what ``guarded`` put before a text, and nothing else."""
    is_guarded = text.startswith(_GUARD) and text[1:].startswith((*_FORMULA, _GUARD))
    return text[1:] if is_guarded else text


def write(rows: Iterable[Mapping[str, str]]) -> bytes:
    """Return the file of these maps, values by the names of ``COLUMNS``."""
    out = io.StringIO()
    writer = csv.writer(out)
    writer.writerow(COLUMNS.values())
    for row in rows:
        writer.writerow([guarded(row.get(name, "")) for name in COLUMNS])
    # The mark at the beginning is what tells a spreadsheet that it is UTF-8.
    return out.getvalue().encode("utf-8-sig", "replace")


def read(raw: bytes) -> Iterator[Line]:
    """Yield the lines of a file; empty ones are left out.

    :raise Unreadable: when nothing can be made of it as a whole.
    """
    if len(raw) > MAX_BYTES:
        raise Unreadable(
            f"The file has more than {MAX_BYTES // 1_000_000} MB. Split it."
        )
    text = _decoded(raw)
    if "\0" in text:
        raise Unreadable("This is no CSV file. Save the sheet as CSV first.")
    head, _end, _rest = text.partition("\n")
    delimiter = max(",;\t", key=head.count)
    reader = csv.reader(io.StringIO(text, newline=""), delimiter=delimiter, strict=True)
    try:
        names = _names(next(reader, []))
        for count, cells in enumerate(reader, start=1):
            if count > MAX_LINES:
                raise Unreadable(f"The file has more than {MAX_LINES} lines. Split it.")
            if any(cell.strip() for cell in cells):
                yield _line(count + 1, names, cells)
    except csv.Error as error:
        raise Unreadable(
            f"The file cannot be read near line {reader.line_num}: {error}."
        ) from error


def _decoded(raw: bytes) -> str:
    if raw.startswith((b"\xff\xfe", b"\xfe\xff")):
        encodings: tuple[str, ...] = ("utf-16",)
    else:
        encodings = ("utf-8-sig", "cp1252")
    for encoding in encodings:
        try:
            return raw.decode(encoding)
        except UnicodeDecodeError:
            continue
    raise Unreadable("The letters of this file cannot be read. Save it as UTF-8.")


def _names(headings: list[str]) -> list[str]:
    known = {_plain(heading): name for name, heading in COLUMNS.items()}
    names = [known.get(_plain(heading), "") for heading in headings]
    for name in filter(None, names):
        if names.count(name) > 1:
            raise Unreadable(f"The column {COLUMNS[name]} is there more than once.")
    if "sku" not in names:
        raise Unreadable(
            "The first line has no heading SKU. Export the maps to see the headings."
        )
    if not {"product_reference", "product_barcode", "product_id"}.intersection(names):
        raise Unreadable(
            "No column says which product it is: Product Reference, Product Barcode or"
            " Product ID."
        )
    return names


def _plain(heading: str) -> str:
    return "".join(filter(str.isalnum, heading.casefold()))


def _line(number: int, names: list[str], cells: list[str]) -> Line:
    column, reason = "", ""
    if any(cell.strip() for cell in cells[len(names) :]):
        reason = "There are more cells than headings."
    values = {}
    for name, cell in zip(names, cells, strict=False):
        if not name:
            continue
        if len(cell) > _CELL and not reason:
            column, reason = COLUMNS[name], f"It is longer than {_CELL} characters."
        values[name] = bare(cell.strip(" "))[:_CELL]
    if not reason and not values.get("sku"):
        column, reason = COLUMNS["sku"], "It is empty."
    return Line(number=number, values=values, column=column, reason=reason)
