"""What a fake GraphQL server needs: read an operation, answer only what it asks for.

Understands what our own documents use: one operation, arguments, inline fragments. That
the documents are valid against a channel's schema is for tests with a real validator;
here a connector that forgot to ask for a field does not get it.
"""

from __future__ import annotations

import json
import re
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from ..strict_json import parse_time
from ..transport import Request, Response

Row = dict[str, Any]
Selection = dict[str, "Selection"]

_TOKEN = re.compile(r'"(?:[^"\\]|\\.)*"|\.\.\.|\w+|[{}()\[\]:!$@=|&]')
_OPENING = {"(": ")", "[": "]"}


@dataclass(frozen=True)
class Operation:
    """One call: ``query`` or ``mutation``, its name, variables and selection."""

    kind: str
    name: str
    variables: Row
    selection: Selection


def read_operation(call: Request) -> Operation:
    """Return what a call asks for."""
    body = json.loads(call.body)
    tokens = _TOKEN.findall(body["query"])
    kind, name = tokens[0], tokens[1]
    start = _after_arguments(tokens, 2)
    selection, _end = _selection(tokens, start)
    return Operation(kind, name, body.get("variables") or {}, selection)


def is_mutation(call: Request) -> bool:
    """Tell whether a call may change something."""
    return call.body.startswith(b'{"query":"mutation')


def answered(value: Any, selection: Selection) -> Any:
    """Return a value with nothing but what is selected; what it lacks is null."""
    if isinstance(value, list):
        return [answered(child, selection) for child in value]
    if isinstance(value, dict) and selection:
        known = value if "__typename" in value else {**value, "__typename": "Object"}
        return {
            name: answered(known.get(name), sub)
            for name, sub in selection.items()
            if name in known or "__typename" not in value
        }
    return value


def data(value: Row, operation: Operation, headers: Row | None = None) -> Response:
    """Answer with data."""
    return _response({"data": answered(value, operation.selection)}, 200, headers)


def errors(message: str, code: str, status: int = 200) -> Response:
    """Answer with one error, as Apollo servers do."""
    error: Row = {"message": message}
    if code:
        error["extensions"] = {"code": code}
    return _response({"errors": [error], "data": None}, status, None)


def _response(value: Row, status: int, headers: Row | None) -> Response:
    head = {"content-type": "application/json; charset=utf-8", **(headers or {})}
    return Response(status, head, json.dumps(value, default=float).encode())


def _after_arguments(tokens: list[str], at: int) -> int:
    """Return the position behind arguments, if there are any at this one."""
    if tokens[at] not in _OPENING:
        return at
    depth = 0
    while True:
        depth += (tokens[at] in _OPENING) - (tokens[at] in _OPENING.values())
        at += 1
        if not depth:
            return at


def _selection(tokens: list[str], at: int) -> tuple[Selection, int]:
    """Read ``{ ... }`` from a position; return it and the position behind."""
    found: Selection = {}
    at += 1
    while tokens[at] != "}":
        if tokens[at] == "...":
            # ``... on Type { fields }``: whichever type it is, its fields are there.
            inner, at = _selection(tokens, at + 3)
            found.update(inner)
            continue
        name = tokens[at]
        at = _after_arguments(tokens, at + 1)
        found[name] = {}
        if tokens[at] == "{":
            found[name], at = _selection(tokens, at)
    return found, at + 1


def changed_at(row: Any) -> datetime:
    """Return when a row last changed.

    :raise ValueError: when it does not say.
    """
    moment = parse_time(row["updatedAt"])
    if moment is None:
        raise ValueError(row["updatedAt"])
    return moment
