"""From the rows of a file to deliveries: what belongs together goes together.

The rows of one order become one body of our open contract. A row that is wrong takes
its order with it, and nothing else: half an order would ship half of what was bought.
Each wrong row becomes a delivery of its own that tells a person file, line and column.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from .data import FetchedOrder
from .errors import BadPayload
from .file_table import Cell, Row, Table, Unreadable
from .filedrop_body import ROW, TYPES, finish, problem_body, read_body
from .filedrop_cells import Value, WrongCell, read_cell
from .filedrop_columns import COLUMNS, Column, Kind
from .filedrop_settings import Settings

MOST_WRONG = 200
"""More wrong rows than this are told as one: nobody works them off singly."""
_MOST_FAULTS = 2
"""So many more wrong cells of a row are named; who mends it sees the others."""


@dataclass(frozen=True)
class Source:
    """Where rows come from.

    :param datetime changed_at: when the file was written, aware UTC.
    """

    name: str
    changed_at: datetime


@dataclass(frozen=True)
class WrongRow:
    """A row that cannot be taken.

    :param str column: as the file calls it; empty where the whole row is meant.
    :param str group: the order it belongs to, if it says so.
    """

    line: int
    column: str
    reason: str
    group: str = ""
    cells: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class Content:
    """What a file holds."""

    found: tuple[FetchedOrder, ...]
    wrong: tuple[WrongRow, ...]


@dataclass
class _Group:
    """The rows of one order, return or count."""

    key: str
    rows: list[tuple[Row, dict[str, Value]]] = field(default_factory=list)
    is_wrong: bool = False


class RowReader:
    """Read the rows of one kind of file by one channel's settings."""

    def __init__(self, kind: Kind, settings: Settings) -> None:
        self.kind = kind
        self.settings = settings
        self.columns = COLUMNS[kind]
        self.key = self.columns[0]

    def read(self, table: Table, source: Source) -> Content:
        """Return what can be taken, and every row that cannot.

        :raise Unreadable: when a column is missing or stands there twice.
        """
        places = self._places(table)
        groups: dict[str, _Group] = {}
        wrong: list[WrongRow] = []
        lost: list[int] = []
        order: list[_Group | None] = []
        for row in table.rows:
            values, faults = self._values(row, table, places)
            key = self._key_of(values)
            if not key:
                lost.append(len(order))
                order.append(None)
                # Nobody would ever hear of a row that belongs nowhere.
                faults = faults or [(self._key_column(), "is empty")]
            else:
                group = groups.setdefault(key, _Group(key))
                group.rows.append((row, values))
                group.is_wrong = group.is_wrong or bool(faults)
                order.append(group)
            if faults:
                wrong.append(self._told(row, table, faults, key))
        wrong += self._beside(order, lost)
        found = []
        for group in groups.values():
            if not group.is_wrong:
                made = self._delivery(group, source)
                if isinstance(made, FetchedOrder):
                    found.append(made)
                else:
                    wrong.append(made)
        wrong.sort(key=lambda one: one.line)
        return Content(tuple(found), tuple(wrong))

    def plain_rows(self, table: Table) -> Iterator[dict[str, Value]]:
        """Yield the values of each row of a catalogue, by our names.

        :raise Unreadable: at the first row that is wrong.
        """
        places = self._places(table)
        for row in table.rows:
            values, faults = self._values(row, table, places)
            if faults:
                column, reason = faults[0]
                raise Unreadable(f"Line {row.line}, column {column}: it {reason}.")
            yield values

    # ---------------------------------------------------------------- reading

    def name_of(self, column: Column) -> str:
        """Return what the file calls a column."""
        return self.settings.header.name_of(self.kind, column)

    def _places(self, table: Table) -> dict[str, int]:
        """Return where each column stands.

        :raise Unreadable: when one is missing or stands there twice.
        """
        seen: dict[str, list[int]] = {}
        for index, name in enumerate(table.header):
            seen.setdefault(name.casefold(), []).append(index)
        places, missing = {}, []
        for column in self.columns:
            indexes = seen.get(self.name_of(column).casefold(), [])
            if len(indexes) > 1:
                raise Unreadable(f"The column {self.name_of(column)} is there twice.")
            if indexes:
                places[column.name] = indexes[0]
            elif column.required and not self._constant(column):
                missing.append(self.name_of(column))
        if missing:
            raise Unreadable(f"There is no column {', '.join(missing)[:200]}.")
        return places

    def _constant(self, column: Column) -> str:
        return self.settings.header.constant_of(self.kind, column)

    def _values(
        self, row: Row, table: Table, places: Mapping[str, int]
    ) -> tuple[dict[str, Value], list[tuple[str, str]]]:
        """Return a row's values by our names, and (column, reason) of each fault."""
        faults = []
        if len(row.cells) != len(table.header):
            faults.append(
                (
                    "",
                    f"has {len(row.cells)} values, and the header has"
                    f" {len(table.header)}",
                )
            )
        values: dict[str, Value] = {}
        for column in self.columns:
            index = places.get(column.name, len(row.cells))
            cell: Cell = row.cells[index] if index < len(row.cells) else ""
            try:
                value = read_cell(cell, column.form, self.settings.layout)
                if value is None and (constant := self._constant(column)):
                    value = read_cell(constant, column.form, self.settings.layout)
            except WrongCell as error:
                faults.append((self.name_of(column), str(error)))
                continue
            if value is not None:
                values[column.name] = value
            elif column.required and (column.is_line or column is self.key):
                faults.append((self.name_of(column), "is empty"))
        return values, faults

    def _key_column(self) -> str:
        """Return what the file calls the column that says where a row belongs."""
        name = "counted_at" if self.kind is Kind.COUNTS else self.key.name
        column = next(column for column in self.columns if column.name == name)
        return self.name_of(column)

    def _key_of(self, values: Mapping[str, Value]) -> str:
        """Return what the rows of one thing share; empty where a row does not say."""
        if self.kind is not Kind.COUNTS:
            return str(values.get(self.key.name, ""))
        place = values.get("location_id", self.settings.location)
        moment = values.get("counted_at", "")
        return str(values.get("count_id") or (moment and f"{place}@{moment}"))

    def _beside(
        self, order: list[_Group | None], lost: list[int]
    ) -> Iterator[WrongRow]:
        """Refuse what stands beside rows that do not say where they belong.

        A row without its order's number may be a line of the order above or below.
        """
        for index in lost:
            for beside in (index - 1, index + 1):
                group = order[beside] if 0 <= beside < len(order) else None
                if group is None or group.is_wrong:
                    continue
                group.is_wrong = True
                yield WrongRow(
                    line=group.rows[0][0].line,
                    column=self._key_column(),
                    reason="was not taken: a row beside it does not say where it"
                    " belongs, and may be a part of it",
                    group=group.key,
                )

    def _told(
        self, row: Row, table: Table, faults: list[tuple[str, str]], group: str
    ) -> WrongRow:
        """Return one wrong row, whatever number of its cells is wrong."""
        (column, reason), *others = faults
        for name, more in others[:_MOST_FAULTS]:
            reason += f"; column {name} {more}"
        cells = {
            name[:80]: str(cell)[:200]
            for name, cell in zip(table.header[:50], row.cells, strict=False)
        }
        return WrongRow(row.line, column, reason, group, cells)

    # --------------------------------------------------------------- delivery

    def _delivery(self, group: _Group, source: Source) -> FetchedOrder | WrongRow:
        """Return the delivery of a group, or the row that spoils it."""
        told = self._head(group)
        if isinstance(told, WrongRow):
            return told
        lines = [
            {
                column.name: values[column.name]
                for column in self.columns
                if column.is_line and column.name in values
            }
            for _row, values in group.rows
        ]
        try:
            data, origins = finish(
                self.kind, told, lines, self.settings, source.changed_at
            )
        except BadPayload as error:
            return self._placed(error, group, range(len(lines)))
        raw = self._raw(data, source, group.rows[0][0].line)
        try:
            read_body(raw, "")
        except BadPayload as error:
            return self._placed(error, group, origins)
        return FetchedOrder(
            order_id=str(data.get("order_id") or data["id"]),
            dedupe_key=f"{self.kind}:{group.key[:100]}:{_digest(told, lines)}",
            topic=TYPES[self.kind],
            raw=raw,
            key_is_content=True,
        )

    def _head(self, group: _Group) -> dict[str, Value] | WrongRow:
        """Return what all rows of a group say, or the row that says otherwise."""
        head: dict[str, tuple[Value, Row]] = {}
        for row, values in group.rows:
            for column in self.columns:
                value = values.get(column.name)
                if column.is_line or value is None:
                    continue
                first, where = head.setdefault(column.name, (value, row))
                if first != value:
                    return self._fault(
                        row, column.name, f"differs from line {where.line}", group
                    )
        for column in self.columns:
            if column.required and not column.is_line and column.name not in head:
                return self._fault(group.rows[0][0], column.name, "is empty", group)
        return {name: value for name, (value, _row) in head.items()}

    def _raw(self, data: Mapping[str, Any], source: Source, line: int) -> bytes:
        stamp = data.get("updated_at") or data.get("counted_at")
        body = {
            "type": TYPES[self.kind],
            "timestamp": stamp,
            "file": {"name": source.name, "line": line},
            "data": {**data},
        }
        return json.dumps(body, ensure_ascii=False, separators=(",", ":")).encode()

    def _placed(
        self, error: BadPayload, group: _Group, origins: Sequence[int]
    ) -> WrongRow:
        """Return the row and column that a part of the body came from.

        :param error: with a path such as ``data.lines.2.quantity``.
        :param origins: which row each line of the body came from.
        """
        path = error.field.removeprefix("data.")
        reason = error.message.partition(": ")[2] or error.message
        row = group.rows[0][0]
        parts = path.split(".")
        is_line = parts[0] == "lines" and len(parts) > 2
        if is_line:
            row = group.rows[origins[int(parts[1])]][0]
            path = "line_id" if parts[2] == "id" else parts[2]
        elif path.startswith("shipping.0."):
            path = f"shipping.{parts[2]}"
        for column in self.columns:
            if column.is_line == is_line and path in (column.path, column.name):
                return self._fault(row, column.name, reason, group)
        return WrongRow(row.line, "", reason, group.key)

    def _fault(self, row: Row, name: str, reason: str, group: _Group) -> WrongRow:
        column = next(column for column in self.columns if column.name == name)
        return WrongRow(row.line, self.name_of(column), reason, group.key)


def wrong_deliveries(
    source: Source, wrong: tuple[WrongRow, ...], kind: Kind = Kind.ORDERS
) -> list[FetchedOrder]:
    """Return one delivery per wrong row, so that each waits for a person.

    Of very many the rest is told as one.
    """
    told = list(wrong[:MOST_WRONG])
    if len(wrong) > MOST_WRONG:
        rest = wrong[MOST_WRONG:]
        reason = f"and {len(rest) - 1} rows after it are wrong as well"
        told.append(WrongRow(rest[0].line, rest[0].column, reason))
    return [problem(source, one, kind) for one in told]


def problem(source: Source, wrong: WrongRow, kind: Kind | None = None) -> FetchedOrder:
    """Return the delivery that tells a person what is wrong with a row or file.

    :param wrong: line 0 means the file as a whole.
    """
    raw = problem_body(
        source.name,
        source.changed_at,
        wrong.line,
        wrong.column,
        wrong.reason,
        wrong.group,
        wrong.cells,
    )
    # An order that comes again settles its own rows, and not those of its returns.
    group = wrong.group if kind is Kind.ORDERS else f"{kind}:{wrong.group}"
    return FetchedOrder(
        order_id=group if wrong.group else source.name,
        dedupe_key=f"row:{hashlib.sha256(raw).hexdigest()}",
        topic=ROW,
        raw=raw,
    )


def _digest(*parts: object) -> str:
    """Return what equals for the same content, wherever it stands."""
    text = json.dumps(parts, sort_keys=True)
    return hashlib.sha256(text.encode()).hexdigest()[:40]
