"""Turn a foreign answer into the body that is stored, in one stable form. Pure.

Equal orders must look equal whenever they are read, or every poll would bring them as
something new: what was not asked for is left out, lists are sorted, and numbers become
strings holding decimals, so that no reader makes floats of them.
"""

from __future__ import annotations

import json
from collections.abc import Iterable
from decimal import Decimal, InvalidOperation
from typing import Any

FINEST = Decimal("1E-10")
"""What is cut off is far below a cent."""

Tree = dict[str, Any]


def tree(names: Iterable[str]) -> Tree:
    """Turn dotted names into nested dictionaries."""
    result: Tree = {}
    for name in names:
        branch = result
        for step in name.split("."):
            branch = branch.setdefault(step, {})
    return result


def kept(value: Any, names: Tree) -> Any:
    """Return the part of an answer named by the tree.

    Lists are sorted by id, for no channel keeps their order; what has none by all it
    has.
    """
    if isinstance(value, list):
        children = [kept(child, names) for child in value]
        return sorted(children, key=_sort_key)
    if isinstance(value, dict):
        return {
            name: kept(value[name], branch)
            for name, branch in names.items()
            if value.get(name) is not None
        }
    if isinstance(value, Decimal | int) and not isinstance(value, bool):
        return f"{_rounded(Decimal(value)):f}"
    return value


def packed(body: object) -> bytes:
    """Return a body as it is stored."""
    return json.dumps(body, separators=(",", ":"), sort_keys=True).encode()


def _rounded(number: Decimal) -> Decimal:
    """Cut what a channel computes with 20 digits."""
    try:
        return number if _exponent(number) >= -10 else number.quantize(FINEST)
    except InvalidOperation:
        return number  # astronomic; reading it will refuse it


def _exponent(number: Decimal) -> int:
    exponent = number.as_tuple().exponent
    return exponent if isinstance(exponent, int) else 0


def _sort_key(child: Any) -> tuple[str, str]:
    if isinstance(child, dict):
        id_ = child.get("id", "")
        return str(id_), "" if id_ else json.dumps(child, sort_keys=True, default=str)
    return str(child), ""
