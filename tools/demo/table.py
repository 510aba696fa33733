"""Prints the story as a table, row by row while it happens."""

from __future__ import annotations

import textwrap
from dataclasses import dataclass

WIDTHS = (20, 36, 27, 4, 4, 7)
"""Characters per column; with the gaps 108 in all."""

HEADINGS = ("STEP", "WHAT HAPPENED", "NUMBER", "ERP", "SHOP", "SECONDS")
GAP = "  "


@dataclass(frozen=True)
class Cell:
    """One number: where it is, what the ERP says, what the shop shows."""

    name: str
    erp: str
    shop: str


def heading() -> str:
    """Return the first two lines of the table."""
    return f"{_line(HEADINGS)}\n{_line(tuple('─' * width for width in WIDTHS))}"


def row(title: str, told: str, cells: list[Cell], seconds: float) -> str:
    """Return one step as the lines it takes."""
    titles = textwrap.wrap(title, WIDTHS[0])
    sentences = textwrap.wrap(told, WIDTHS[1])
    lines = []
    for index in range(max(len(titles), len(sentences), len(cells))):
        cell = cells[index] if index < len(cells) else Cell("", "", "")
        values = (
            titles[index] if index < len(titles) else "",
            sentences[index] if index < len(sentences) else "",
            cell.name,
            cell.erp,
            cell.shop,
            f"{seconds:.1f}" if not index else "",
        )
        lines.append(_line(values))
    return "\n".join(lines)


def _line(values: tuple[str, ...]) -> str:
    """Return one line; the last three columns are numbers and stand right."""
    texts = [value.ljust(width) for value, width in zip(values, WIDTHS, strict=True)]
    for index in (3, 4, 5):
        texts[index] = values[index].rjust(WIDTHS[index])
    return GAP.join(texts).rstrip()
