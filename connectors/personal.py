"""What of a channel's body names nobody, and whether a body is about somebody. Pure.

A body is erased by keeping what its connector declares to name no person, and dropping
everything else: a key that nobody has thought of is dropped too. What is left keeps ids,
quantities and money, so that an auditor can follow what was sold, returned and paid.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import replace
from typing import Any

from .data import Customer, OrderSnapshot
from .facts import Facts, Field, Key, Value

PERSONAL_FACTS = frozenset({Field.ADDRESS, Field.NOTE})
"""The facts of an order that tell of the customer."""

_Tree = Mapping[str, "_Tree"]
_DROPPED = object()
_MAILBOX = re.compile(r"[^\s<>\"'(),;:\[\]=&?/]+@[^\s<>\"'(),;:\[\]=&?/]+")


def skeleton(raw: bytes, kept: Iterable[str]) -> bytes:
    """Return a body with nothing but what is declared to name nobody.

    :param kept: dotted paths of single values; lists on the way are walked through.
        Where a body has a list or an object instead of a single value, it is dropped.
    :return: JSON; decimals as texts, so that no digit is lost. Empty where the body
        cannot be read.
    """
    body = _load(raw)
    if not isinstance(body, dict):
        return b""
    tree = _tree(kept)
    left = _pruned(body, tree) if tree else {}
    return json.dumps(left, ensure_ascii=False).encode("utf-8", "replace")


def mailboxes(raw: bytes) -> frozenset[str]:
    """Return the mailboxes a body names anywhere, in small letters."""
    body = _load(raw)
    texts = (raw.decode("utf-8", "replace"),) if body is None else _texts(body)
    return frozenset(
        found.group().strip(".").casefold()
        for text in texts
        if "@" in text
        for found in _MAILBOX.finditer(text)
    )


def values_at(raw: bytes, paths: Iterable[str]) -> frozenset[str]:
    """Return what single values a body has at dotted paths, as texts."""
    body = _load(raw)
    found = set()
    for path in paths:
        for value in _at(body, path.split(".")):
            if isinstance(value, str | int) and not isinstance(value, bool):
                found.add(str(value))
    return frozenset(found - {""})


def without_person(snapshot: OrderSnapshot) -> OrderSnapshot:
    """Return a snapshot of an order whose customer was erased.

    Items, quantities and money stay: the order can go on being followed. Titles of
    lines go, since engravings stand there.
    """
    return replace(
        snapshot,
        lines=tuple(replace(line, title="") for line in snapshot.lines),
        customer=Customer(),
        shipping_address=None,
        billing_address=None,
        note="",
    )


def is_without_person(snapshot: OrderSnapshot) -> bool:
    """Tell whether nothing in a snapshot says who the customer is."""
    return snapshot == without_person(snapshot)


def impersonal_facts(facts: Facts) -> dict[Key, Value]:
    """Return the facts of an order that tell nothing of its customer."""
    return {
        key: value for key, value in facts.items() if key.field not in PERSONAL_FACTS
    }


def _load(raw: bytes) -> Any:
    """Return the JSON of a body, None where it is none."""
    try:
        return json.loads(raw, parse_float=str, parse_constant=str)
    except (ValueError, RecursionError):
        return None


def _tree(paths: Iterable[str]) -> _Tree:
    result: dict[str, Any] = {}
    for path in paths:
        branch = result
        for step in path.split("."):
            branch = branch.setdefault(step, {})
    return result


def _pruned(value: Any, tree: _Tree) -> Any:
    if isinstance(value, list) and tree:
        items = (_pruned(item, tree) for item in value)
        return [item for item in items if item is not _DROPPED]
    if isinstance(value, dict) and tree:
        kept = {
            name: _pruned(value[name], branch)
            for name, branch in tree.items()
            if name in value
        }
        return {name: left for name, left in kept.items() if left is not _DROPPED}
    return _DROPPED if tree or isinstance(value, list | dict) else value


def _texts(value: Any) -> Iterator[str]:
    if isinstance(value, str):
        yield value
    elif isinstance(value, dict):
        for name, child in value.items():
            yield name
            yield from _texts(child)
    elif isinstance(value, list):
        for child in value:
            yield from _texts(child)


def _at(value: Any, steps: list[str]) -> Iterator[Any]:
    if isinstance(value, list):
        for child in value:
            yield from _at(child, steps)
    elif not steps:
        yield value
    elif isinstance(value, dict) and steps[0] in value:
        yield from _at(value[steps[0]], steps[1:])
