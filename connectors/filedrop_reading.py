"""Read what lies in a drop: whole files only, once each, and put away afterwards.

A file is moved only when the caller comes back after storing what stood in it. If
everything stops in between, the file is read again, and what it holds is recognised.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from datetime import datetime, timedelta

from .base import Resource
from .data import FetchedOrder, OrderPage
from .errors import ConnectorError
from .file_sheet import read_sheet
from .file_table import Table, Unreadable, read_csv
from .filedrop_cells import Value
from .filedrop_columns import CATALOGUE, INCOMING, Kind
from .filedrop_rows import (
    Content,
    RowReader,
    Source,
    WrongRow,
    problem,
    wrong_deliveries,
)
from .filedrop_settings import Complete, Layout, Settings
from .filedrop_store import Drop, Entry
from .transport import MAX_BYTES

KINDS = {
    Resource.ORDERS: (Kind.ORDERS, Kind.CANCELS),
    Resource.RETURNS: (Kind.RETURNS,),
    Resource.COUNTS: (Kind.COUNTS,),
}
PAGE = 500
"""Deliveries in a page, so that no transaction of the hub grows without end."""

_PASSED_OVER = (".tmp", ".part", ".filepart", ".crdownload", ".swp", ".bak")
_MARKER = ".done"
_PATIENCE = timedelta(days=1)
"""A file without its end for so long never gets one; and a date so far ahead is wrong."""
_MOST_LOOKED_UP = 50
_STAMP = re.compile(r"\d{8}T\d{6}Z-(?:\d{1,2}-)?")


class DropReader:
    """Read the incoming folder of one channel.

    :param clock: the present moment, aware UTC.
    """

    def __init__(self, drop: Drop, clock: Callable[[], datetime]) -> None:
        self.drop = drop
        self.settings: Settings = drop.settings
        self.clock = clock

    def pages(self, resource: Resource, since: datetime | None) -> Iterator[OrderPage]:
        """Page through the files of a resource, and put each away when it is stored.

        :param since: only for files that are left where they are: the dates of files
            that are moved may say anything, since each is there only once.
        :raise ConnectorError: also when a file could not be put away, once all the
            others were read.
        """
        now = self.clock()
        entries = self.drop.entries("in")
        failure: ConnectorError | None = None
        for entry, kind in self._due(entries, resource, since, now):
            deliveries, folder = self._read(entry, kind, now)
            if deliveries is None:
                continue
            high_water = min(entry.changed_at, now)
            starts = range(0, max(len(deliveries), 1), PAGE)
            for start in starts:
                is_last = start == starts[-1]
                yield OrderPage(
                    orders=tuple(deliveries[start : start + PAGE]),
                    high_water=high_water if is_last else None,
                )
            try:
                self._put_away(entry, folder, entries, now)
            except ConnectorError as error:
                failure = failure or error
        if failure is not None:
            raise failure

    def _due(
        self,
        entries: list[Entry],
        resource: Resource,
        since: datetime | None,
        now: datetime,
    ) -> list[tuple[Entry, Kind | None]]:
        """Return the files to read now, what is left by their date."""
        names = {entry.name for entry in entries}
        due = []
        for entry in entries:
            kind = self.settings.kind_of(entry.name)
            mine = KINDS[resource]
            if entry.kind == "folder" or _is_passed_over(entry.name):
                continue
            # Somebody must be told of files whose names say nothing.
            is_mine = kind in mine or (kind is None and resource is Resource.ORDERS)
            if not is_mine or not self._is_settled(entry, names, now):
                continue
            if self.settings.is_left and since is not None and entry.changed_at < since:
                continue
            due.append((entry, kind))

        def place(pair: tuple[Entry, Kind | None]) -> tuple[int, datetime, str]:
            entry, kind = pair
            # Orders before their cancels; what is left goes by the cursor's dates.
            rank = INCOMING.index(kind) if kind else len(INCOMING)
            return (0 if self.settings.is_left else rank, entry.changed_at, entry.name)

        return sorted(due, key=place)

    def _is_settled(self, entry: Entry, names: set[str], now: datetime) -> bool:
        if self.settings.complete is Complete.DONE:
            return f"{entry.name}{_MARKER}" in names
        age = (now - entry.changed_at).total_seconds()
        is_dated_ahead = age < -_PATIENCE.total_seconds()
        return is_dated_ahead or age >= self.settings.settle

    def _put_away(
        self, entry: Entry, folder: str, entries: list[Entry], now: datetime
    ) -> None:
        if self.settings.is_left:
            return
        self.drop.put_away(entry, folder, now)
        for other in entries:
            if other.name == f"{entry.name}{_MARKER}" and other.kind == "file":
                self.drop.remove("in", other)

    # ------------------------------------------------------------------ files

    def _read(
        self, entry: Entry, kind: Kind | None, now: datetime
    ) -> tuple[list[FetchedOrder] | None, str]:
        """Return a file's deliveries and the folder it goes to.

        None for a file that is not complete yet, or is gone already.
        """
        source = Source(entry.name, entry.changed_at)
        try:
            if kind is None:
                raise Unreadable(
                    "The name does not say what the file is: "
                    + ", ".join(self.settings.names[known] for known in INCOMING)
                )
            content = self._content("in", entry, kind, now)
        except Unreadable as error:
            wrong = WrongRow(0, "", f"The file cannot be read. {error}")
            return [problem(source, wrong)], "quarantine"
        if content is None:
            return None, ""
        return [
            *content.found,
            *wrong_deliveries(source, content.wrong, kind),
        ], "archive"

    def _content(
        self, folder: str, entry: Entry, kind: Kind, now: datetime
    ) -> Content | None:
        """Return what a file holds, None where it is not complete.

        :raise Unreadable: when it never will be.
        """
        if entry.kind != "file":
            raise Unreadable("It is a link or a device, and no file.")
        if entry.is_too_big:
            raise Unreadable("It is too big; send it in parts.")
        try:
            raw = self.drop.content(folder, entry)
        except PermissionError:
            raise Unreadable("We may not read it, or it has a second name.") from None
        if raw is None:
            return None
        table = read_table(entry.name, raw, self.settings.layout)
        if self.settings.complete is Complete.END:
            table_or_none = without_end(table, self.settings.end_word)
            if table_or_none is None:
                if now - entry.changed_at < _PATIENCE:
                    return None
                raise Unreadable(
                    f"Its last row, {self.settings.end_word}, has not come for a day."
                )
            table = table_or_none
        source = Source(_name_in(folder, entry), entry.changed_at)
        return RowReader(kind, self.settings).read(table, source)

    # --------------------------------------------------------------- look up

    def find_order(self, order_id: str) -> FetchedOrder | None:
        """Return an order as the newest file that has it says.

        Of the archive only the newest files are looked at.
        """
        now = self.clock()
        for folder in ("in", "archive"):
            entries = self.drop.entries(folder, is_optional=folder == "archive")
            names = {entry.name for entry in entries}
            likely = [
                entry
                for entry in entries
                if entry.kind == "file"
                and not _is_passed_over(entry.name)
                and self.settings.kind_of(_name_in(folder, entry)) is Kind.ORDERS
                and (folder == "archive" or self._is_settled(entry, names, now))
            ]
            likely.sort(key=lambda entry: (entry.changed_at, entry.name), reverse=True)
            for entry in likely[:_MOST_LOOKED_UP]:
                try:
                    content = self._content(folder, entry, Kind.ORDERS, now)
                except Unreadable:
                    continue
                for found in content.found if content else ():
                    if found.order_id == order_id:
                        return found
        return None

    def catalogue(self, kind: Kind) -> Iterator[dict[str, Value]]:
        """Yield the rows of the newest catalogue file; none where there is no file.

        :raise Unreadable: when it cannot be read.
        """
        if kind not in CATALOGUE:
            raise ValueError(kind)
        found = [
            entry
            for entry in self.drop.entries("in")
            if entry.kind == "file"
            and not _is_passed_over(entry.name)
            and self.settings.kind_of(entry.name) is kind
        ]
        if not found:
            return
        newest = max(found, key=lambda entry: (entry.changed_at, entry.name))
        if newest.is_too_big:
            raise Unreadable("It is too big.")
        try:
            raw = self.drop.content("in", newest)
        except PermissionError:
            raise Unreadable("We may not read it.") from None
        if raw is None:
            raise Unreadable("It is being written.")
        table = read_table(newest.name, raw, self.settings.layout)
        yield from RowReader(kind, self.settings).plain_rows(table)

    def waiting(self) -> int:
        """Return how many files wait to be read."""
        return sum(
            1
            for entry in self.drop.entries("in")
            if entry.kind != "folder"
            and not _is_passed_over(entry.name)
            and self.settings.kind_of(entry.name) not in CATALOGUE
        )


def read_upload(settings: Settings, kind: Kind, source: Source, raw: bytes) -> Content:
    """Return what a file holds that somebody brought by hand.

    :raise Unreadable: when it cannot be read at all.
    """
    if len(raw) > MAX_BYTES:
        raise Unreadable("It is too big; send it in parts.")
    table = read_table(source.name, raw, settings.layout)
    if settings.complete is Complete.END:
        table = without_end(table, settings.end_word) or table
    return RowReader(kind, settings).read(table, source)


def read_table(name: str, raw: bytes, layout: Layout) -> Table:
    """Return the rows of a file, by what its name says it is.

    :raise Unreadable: when it is none, or damaged.
    """
    if name.casefold().endswith(".xlsx"):
        return read_sheet(raw)
    return read_csv(raw, layout)


def without_end(table: Table, word: str) -> Table | None:
    """Return a table without its last row, None where that one does not end it.

    :raise Unreadable: when the last row counts other rows than there are.
    """
    if not table.rows or str(table.rows[-1].cells[0]).strip() != word:
        return None
    last, rows = table.rows[-1], table.rows[:-1]
    count = str(last.cells[1]).strip() if len(last.cells) > 1 else ""
    if count and count != str(len(rows)):
        raise Unreadable(
            f"Its last row says {count[:20]} rows, and there are {len(rows)}."
        )
    return Table(table.header, rows)


def _name_in(folder: str, entry: Entry) -> str:
    """Return the name a file came with."""
    return _STAMP.sub("", entry.name, count=1) if folder == "archive" else entry.name


def _is_passed_over(name: str) -> bool:
    small = name.casefold()
    return small.startswith((".", "~$")) or small.endswith((*_PASSED_OVER, _MARKER))
