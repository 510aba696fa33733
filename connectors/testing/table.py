"""The pages' lists of connectors, written from what the connectors say of themselves.

``python -m connectors.testing.table`` writes them into the pages anew. What stands
between a pair of markers is ours, the rest of a page stays as it is.
"""

from __future__ import annotations

import re
import sys
from collections.abc import Callable, Iterable
from pathlib import Path

from ..base import Connector, QuantityMeaning, Told
from ..registry import all_connectors

ROOT = Path(__file__).parents[2]
README = ROOT / "README.md"
INDEX = ROOT / "docs" / "connectors" / "index.md"

Kind = type[Connector]

_MEANING = {
    QuantityMeaning.SELLABLE: "what may be sold",
    QuantityMeaning.PHYSICAL: "what lies there; it takes its own orders off itself",
}


def _yes(value: bool) -> str:
    return "yes" if value else "no"


def _orders_by(kind: Kind) -> str:
    ways = {
        "webhooks": kind.capabilities.webhooks,
        "polling": kind.capabilities.polling,
    }
    return ", ".join(way for way, there in ways.items() if there)


def _signed(kind: Kind) -> str:
    if not kind.capabilities.webhooks:
        return "none built in"
    return _yes(kind.capabilities.signed_time)


def _registers(kind: Kind) -> str:
    if kind.capabilities.registers_webhooks:
        return "the hub does it"
    return "by hand" if kind.capabilities.webhooks else "none built in"


ROWS: tuple[tuple[str, Callable[[Kind], str]], ...] = (
    (
        "the number it is told",
        lambda kind: _MEANING[kind.capabilities.quantity_meaning],
    ),
    ("a number for each location", lambda kind: _yes(kind.capabilities.locations)),
    (
        "refuses our number when it shows another than we think (compare-and-set)",
        lambda kind: _yes(kind.capabilities.compare_and_set),
    ),
    (
        "the same call twice has one effect",
        lambda kind: _yes(kind.capabilities.idempotency),
    ),
    ("numbers in one call, at most", lambda kind: f"{kind.capabilities.batch_size:,}"),
    ("fractions of a unit", lambda kind: _yes(kind.capabilities.fractions)),
    (
        "says at once whether it knows an item",
        lambda kind: _yes(kind.capabilities.confirms),
    ),
    (
        "takes a list of all numbers, too",
        lambda kind: _yes(kind.capabilities.full_files),
    ),
    ("what it shows can be read back", lambda kind: _yes(kind.capabilities.read_back)),
    ("orders come by", _orders_by),
    ("setting up its webhooks", _registers),
    ("the signature of its webhooks covers their time", _signed),
    ("tells of cancellations", lambda kind: _yes(Told.CANCELS in kind.tells)),
    ("tells of returns", lambda kind: _yes(Told.RETURNS in kind.tells)),
    (
        "can be told of cancellations decided here",
        lambda kind: _yes(kind.capabilities.can_cancel),
    ),
)
"""What people ask of a connector, and where it says so."""


def _line(cells: Iterable[str]) -> str:
    return f"| {' | '.join(cells)} |"


def _guide(key: str) -> Path:
    return INDEX.parent / f"{key}.md"


def table(kinds: dict[str, Kind], page: Path) -> str:
    """Return the table of what each connector can and cannot do.

    :param page: where it will stand; guides are linked from there.
    """
    heads = [_link(f"`{key}`", _guide(key), page) for key in kinds]
    lines = [_line(["", *heads]), _line(["---"] * (len(kinds) + 1))]
    for title, tell in ROWS:
        lines.append(_line([title, *(tell(kind) for kind in kinds.values())]))
    return "\n".join(lines)


def guides(kinds: dict[str, Kind], page: Path) -> str:
    """Return the list of connectors and their guides."""
    return "\n".join(
        f"- {_link(kind.label, _guide(key), page)} (`{key}`)"
        for key, kind in kinds.items()
    )


def _link(text: str, target: Path, page: Path) -> str:
    if not target.is_file():
        return text
    base = page.parent
    return f"[{text}]({target.relative_to(base).as_posix()})"


BLOCKS: dict[str, Callable[[dict[str, Kind], Path], str]] = {
    "connector-table": table,
    "connector-guides": guides,
}
"""What may stand between ``<!-- name -->`` and ``<!-- /name -->``."""


def written(text: str, page: Path) -> str:
    """Return a page's text with every block written anew.

    :raise ValueError: when it has no block at all.
    """
    kinds = all_connectors()
    found = 0
    for name, render in BLOCKS.items():
        begin, end = f"<!-- {name} -->", f"<!-- /{name} -->"
        pattern = re.compile(f"{re.escape(begin)}.*?{re.escape(end)}", re.DOTALL)
        for old in pattern.findall(text):
            found += 1
            text = text.replace(old, f"{begin}\n{render(kinds, page)}\n{end}")
    if not found:
        raise ValueError(f"{page.name} has no place for a list of connectors.")
    return text


def outdated() -> dict[Path, str]:
    """Return the pages that are not in step, and what they should say."""
    pages = {}
    for page in (README, INDEX):
        text = page.read_text("utf-8")
        if (new := written(text, page)) != text:
            pages[page] = new
    return pages


def main() -> int:
    """Write the pages anew; return the exit status."""
    for page, text in outdated().items():
        page.write_text(text, "utf-8")
        sys.stdout.write(f"{page.relative_to(ROOT).as_posix()}: written anew\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
