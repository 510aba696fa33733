"""Bodies of what comes by file: our own open contract, and two kinds beside it.

``order.cancel`` says what of an order is cancelled and nothing else; ``file.row`` is a
row that nobody can use, which waits in the inbox for a person.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from datetime import datetime
from decimal import Decimal
from typing import Any, NoReturn

from . import rest_payload as contract
from .data import CancelledLine, CancelNotice, Event
from .errors import BadPayload
from .filedrop_cells import Value
from .filedrop_columns import COLUMNS, Kind
from .filedrop_settings import Settings
from .strict_json import Node, format_time, load, parse_time

CANCEL = "order.cancel"
ROW = "file.row"
TYPES = {
    Kind.ORDERS: contract.ORDER_UPDATED,
    Kind.CANCELS: CANCEL,
    Kind.RETURNS: contract.RETURN_UPDATED,
    Kind.COUNTS: contract.INVENTORY_COUNTED,
}
IMPERSONAL = (*contract.IMPERSONAL, "file.line", "data.lines.cancelled_quantity")
_MOST_NAME = 100
_MOST_REASON = 250

Line = dict[str, Any]


# ------------------------------------------------------------------- reading


def read_body(raw: bytes, topic: str) -> list[Event]:
    """Turn a stored body into its one event.

    :raise BadPayload: what cannot be understood, and every row that is kept as wrong.
    """
    root = load(raw)
    kind = root.text("type", required=True)
    if kind not in (CANCEL, ROW):
        return contract.parse(raw, topic)
    if topic and topic != kind:
        root.refuse("differs from the topic it was filed under", "type")
    if kind == ROW:
        _refuse_row(root)
    root.time("timestamp")
    return [_read_cancel(root.child("data"))]


def file_under(raw: bytes) -> tuple[str, str]:
    """Return the topic and order key of a body, empty where it does not tell.

    Never raises.
    """
    try:
        root = load(raw)
        kind = root.identifier("type")
        if kind == CANCEL:
            return kind, f"order:{root.child('data').identifier('order_id')}"
        if kind == ROW:
            return kind, f"order:{root.identifier('order_id', required=False)}"
    except BadPayload:
        return "", ""
    return contract.file_under(raw)


def _read_cancel(node: Node) -> CancelNotice:
    lines = tuple(
        CancelledLine(
            id=line.identifier("id"),
            quantity=line.optional_amount("cancelled_quantity"),
        )
        for line in node.items("lines", contract.MAX_LINES)
    )
    if len({line.id for line in lines}) != len(lines):
        node.refuse("must not name the same line twice", "lines")
    has_version = node.value.get("version") is not None
    return CancelNotice(
        order_id=node.identifier("order_id"),
        version=node.integer("version") if has_version else None,
        cancelled_at=node.time("updated_at"),
        lines=lines,
    )


def _refuse_row(root: Node) -> NoReturn:
    """Say what is wrong with a row, and where it stands.

    :raise BadPayload: always.
    """
    place = root.child("file")
    name = place.text("name", required=True)
    line, column = place.integer("line"), place.text("column")
    reason = root.text("reason", required=True)
    where = f", line {line}" if line else ""
    where += f", column {column}" if column else ""
    verb = "The cell" if column else "It"
    order = root.text("order_id")
    lost = f" Order or group {order} was not taken." if order else ""
    raise BadPayload(
        f"{name}{where}: {verb} {reason}.{lost}" if line else f"{name}: {reason}",
        field=":".join(filter(None, (name, str(line or ""), column))),
    )


def problem_body(
    name: str,
    changed_at: datetime,
    line: int,
    column: str,
    reason: str,
    group: str,
    cells: Mapping[str, str],
) -> bytes:
    """Return the body of a row that cannot be taken.

    :param datetime changed_at: of the file; tomorrow's of the same name is another.
    :param int line: 0 for the file as a whole.
    """
    body = {
        "type": ROW,
        "file": {
            "name": _storable(name)[:_MOST_NAME],
            "changed_at": format_time(changed_at),
            "line": line,
            "column": _storable(column)[:_MOST_NAME],
        },
        "reason": reason[:_MOST_REASON],
        "order_id": group,
        "cells": {_storable(key): _storable(text) for key, text in cells.items()},
    }
    return json.dumps(body, ensure_ascii=False, separators=(",", ":")).encode()


def _storable(text: str) -> str:
    return text.encode("utf-8", "replace").decode().replace("\0", "?")


# ------------------------------------------------------------------- writing


def finish(
    kind: Kind,
    head: Mapping[str, Value],
    lines: Sequence[Mapping[str, Value]],
    settings: Settings,
    changed_at: datetime,
) -> tuple[dict[str, Any], list[int]]:
    """Return the data of a group, and which row each of its lines came from.

    :param head: what all rows say, by our names; ``lines`` what each of them says.
    :param datetime changed_at: dates what does not date itself.
    :raise BadPayload: naming the part that is missing or contradicts another.
    """
    data: dict[str, Any] = {}
    for column in COLUMNS[kind]:
        if not column.is_line and column.name in head:
            _put(data, column.path, head[column.name])
    if kind is Kind.COUNTS:
        return _finish_count(data, lines, settings)
    updated_at = parse_time(data.get("updated_at")) or changed_at
    data["updated_at"] = format_time(updated_at)
    if kind is not Kind.CANCELS:
        # The date of a cancel says nothing about the versions of its order.
        data.setdefault("version", int(updated_at.timestamp() * 1000))
    finishers = {
        Kind.ORDERS: _finish_order,
        Kind.CANCELS: _finish_cancel,
        Kind.RETURNS: _finish_return,
    }
    return finishers[kind](data, lines)


def _put(data: dict[str, Any], path: str, value: Value) -> None:
    *above, name = path.split(".")
    for step in above:
        data = data.setdefault(step, {})
    data[name] = value


def _finish_order(
    data: dict[str, Any], lines: Sequence[Mapping[str, Value]]
) -> tuple[dict[str, Any], list[int]]:
    data.setdefault("status", "open")
    data.setdefault("customer", {})
    data.setdefault("shipping_address", {})
    charge = data.pop("shipping", {})
    if "amount" in charge:
        charge = {"title": "Shipping", **charge, "id": "shipping"}
    data["shipping"] = [charge] if "amount" in charge else []
    data["lines"] = []
    known: set[Value] = set()
    for index, line in enumerate(lines):
        line_id = line.get("line_id", line["sku"])
        if line_id in known:
            _refuse(
                f"lines.{index}.id", "names a line that another row of the order is"
            )
        known.add(line_id)
        rest = {name: value for name, value in line.items() if name != "line_id"}
        data["lines"].append({"id": line_id, **rest})
    if "total" not in data:
        data["total"] = _sum(data)
    return data, list(range(len(lines)))


def _sum(data: Mapping[str, Any]) -> str:
    """Return what an order costs by its own lines.

    :raise BadPayload: where tax comes on top, which each shop rounds its own way.
    """
    if not data["prices_include_tax"]:
        _refuse("total", "is needed where prices do not include the tax")
    total = Decimal(data["shipping"][0]["amount"]) if data["shipping"] else Decimal(0)
    for line in data["lines"]:
        gone = Decimal(line.get("cancelled_quantity", "0"))
        left = Decimal(line["quantity"]) - gone
        total += left * Decimal(line["unit_price"]) - Decimal(line.get("discount", "0"))
    return format(round(total, 2), "f")


def _finish_cancel(
    data: dict[str, Any], lines: Sequence[Mapping[str, Value]]
) -> tuple[dict[str, Any], list[int]]:
    named = [line for line in lines if "line_id" in line]
    if named and len(named) != len(lines):
        _refuse("lines.0.id", "is empty, and other rows of the order name a line")
    if not named and any("cancelled_quantity" in line for line in lines):
        _refuse("lines.0.id", "is empty: which line is the quantity of?")
    data["lines"] = [
        {
            "id": line["line_id"],
            **(
                {"cancelled_quantity": line["cancelled_quantity"]}
                if "cancelled_quantity" in line
                else {}
            ),
        }
        for line in named
    ]
    return data, list(range(len(lines)))


def _finish_return(
    data: dict[str, Any], lines: Sequence[Mapping[str, Value]]
) -> tuple[dict[str, Any], list[int]]:
    data.setdefault("status", "announced")
    data["lines"], origins = _with_lots(
        lines, ("line_id", "disposition"), {"line_id": "order_line_id"}
    )
    return data, origins


def _finish_count(
    data: dict[str, Any], lines: Sequence[Mapping[str, Value]], settings: Settings
) -> tuple[dict[str, Any], list[int]]:
    data.setdefault("location_id", settings.location)
    data.setdefault("id", f"{data['location_id']} {data['counted_at']}"[:255])
    data["lines"], origins = _with_lots(lines, ("sku", "unit"), {})
    return data, origins


def _with_lots(
    lines: Sequence[Mapping[str, Value]],
    key: tuple[str, ...],
    renamed: Mapping[str, str],
) -> tuple[list[Line], list[int]]:
    """Bring the rows of one thing that differ by lot into one line.

    :raise BadPayload: for two rows that do not differ by lot.
    """
    found: dict[tuple[Value | None, ...], Line] = {}
    origins: list[int] = []
    for index, line in enumerate(lines):
        lot = line.get("lot")
        name = tuple(line.get(part) for part in key)
        known = found.get(name)
        entry = {"name": lot, "quantity": line["quantity"]}
        if known is None:
            rest = {renamed.get(n, n): v for n, v in line.items() if n != "lot"}
            found[name] = {**rest, "lots": [entry] if lot else []}
            origins.append(index)
        elif (
            lot and known["lots"] and lot not in [one["name"] for one in known["lots"]]
        ):
            known["lots"].append(entry)
            total = Decimal(known["quantity"]) + Decimal(str(line["quantity"]))
            known["quantity"] = format(total, "f")
        else:
            _refuse(f"lines.{index}.{key[0]}", "is in two rows without two lots")
    return list(found.values()), origins


def _refuse(path: str, reason: str) -> NoReturn:
    raise BadPayload(f"data.{path}: {reason}", field=f"data.{path}")
