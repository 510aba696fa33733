"""Reading Odoo's log: what a clean installation must not print."""

from __future__ import annotations

import re
from collections.abc import Iterator

_RECORD = re.compile(
    r"^\d{4}-\d\d-\d\d \d\d:\d\d:\d\d,\d+ \d+ "
    r"(?P<level>[A-Z]+) \S+ (?P<logger>\S+): (?P<message>.*)"
)
_BAD_LEVELS = {"WARNING", "ERROR", "CRITICAL"}
# About the machine, not about any module: the embedded PostgreSQL has no pg_trgm.
_HARMLESS = (
    re.compile(r"CREATE EXTENSION IF NOT EXISTS pg_trgm"),
    re.compile(r"Unable to create PostgreSQL extensions"),
)


def records(log: str) -> Iterator[tuple[str, str]]:
    """Yield (level, whole text) of each record, with its continuation lines."""
    level, lines = "", list[str]()
    for line in log.splitlines():
        found = _RECORD.match(line)
        if found:
            if lines:
                yield level, "\n".join(lines)
            level, lines = found["level"], []
        lines.append(line)
    if lines:
        yield level, "\n".join(lines)


def complaints(log: str) -> list[str]:
    """Return every warning and error, except the known harmless ones.

    Only our own module is installed, upgraded or removed when these logs are
    written, so a complaint is about it whatever logger it comes from.
    """
    return [
        text
        for level, text in records(log)
        if level in _BAD_LEVELS and not any(known.search(text) for known in _HARMLESS)
    ]
