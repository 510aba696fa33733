"""Words that stand for secrets and customers, and a look for where they turn up (S11).

The fakes' credentials all hold :data:`MARK`, and the customers of the tests are those
of :data:`CUSTOMERS`. None of them may come up in a log line, a traceback, or an error's
text, whoever writes it and however talkative the level is set.

A handler would see too little: Odoo's ``mute_logger`` and ``assertLogs`` take the
handlers of a logger away, and that is done where something fails on purpose.
:class:`LogWatch` stands where every record comes through.
"""

from __future__ import annotations

import logging
import re
import traceback
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

MARK = "c4n4ry"
"""Part of every credential of a fake, in whatever case."""

CUSTOMERS = (
    "ada@example.com",
    "Ada Example",
    "1 Main Street",
    "Ada.Canary@",
    "Canary Street",
    "12 St James's Square",
    "+44 20 7946 0000",
    "+32 470 42 42 42",
)
"""Names, addresses, e-mails and phones of the customers whom the tests invent."""

SECRETS = re.compile(rf"{MARK}|whsec_[A-Za-z0-9+/=]{{16,}}", re.IGNORECASE)
"""Also signing secrets that a test has made at random."""

ALL = re.compile("|".join([SECRETS.pattern, *map(re.escape, CUSTOMERS)]), re.IGNORECASE)

TOO_TALKATIVE = {"odoo.sql_db": logging.INFO}
"""From which level on a logger is looked at, where that is not DEBUG.

``odoo.sql_db`` writes every statement with all its values at DEBUG: whoever switches
that on has asked for everything that is stored. What it says at INFO and above, such as
a statement that failed, is looked at."""

_TESTS = re.compile(r"(^|\.)tests?(\.|$)")
"""Loggers of tests themselves: the browser's writes whole pages at DEBUG."""

_SHOWN = 160


@dataclass(frozen=True)
class Leak:
    """A record that holds a canary.

    :param str text: what stands around it.
    """

    logger: str
    level: str
    text: str

    def __str__(self) -> str:
        return f"{self.logger} at {self.level}: {self.text}"


def around(text: str, found: re.Match[str]) -> str:
    """Return the canary with what stands beside it, on one line."""
    start = max(0, found.start() - _SHOWN)
    return " ".join(text[start : found.end() + _SHOWN].split())


def least_level(name: str) -> int:
    """Return from which level on a logger is looked at."""
    if _TESTS.search(name):
        return logging.CRITICAL + 1
    return TOO_TALKATIVE.get(name, logging.DEBUG)


def finished(record: logging.LogRecord) -> str:
    """Return all that a handler would write of a record, traceback included."""
    try:
        parts = [record.getMessage()]
    except (TypeError, ValueError):
        # logging reports broken arguments with the arguments in clear.
        parts = [f"{record.msg} {record.args}"]
    if record.exc_text:
        parts.append(record.exc_text)
    elif record.exc_info:
        parts.append("".join(traceback.format_exception(*record.exc_info)))
    if record.stack_info:
        parts.append(record.stack_info)
    return "\n".join(parts)


class LogWatch:
    """Look at every record of every logger as if all of them were set to DEBUG.

    What is written stays as it was: a record that nobody asked for is made, masked by
    its logger's filters, looked at and forgotten.
    """

    def __init__(self) -> None:
        self.leaks: list[Leak] = []
        self.looked_at = 0
        self._undo: Callable[[], None] | None = None

    def start(self) -> None:
        """Stand between all loggers and their handlers."""
        asked, handled = logging.Logger.isEnabledFor, logging.Logger.handle
        watch = self

        def is_enabled(logger: logging.Logger, level: int) -> bool:
            return level >= least_level(logger.name) or asked(logger, level)

        def handle(logger: logging.Logger, record: logging.LogRecord) -> None:
            if asked(logger, record.levelno):
                handled(logger, record)
            elif not logger.filter(record):
                return
            watch.look(record)

        replaced: Any = logging.Logger
        replaced.isEnabledFor, replaced.handle = is_enabled, handle

        def undo() -> None:
            replaced.isEnabledFor, replaced.handle = asked, handled

        self._undo = undo

    def stop(self) -> None:
        """Leave the loggers as they were."""
        if self._undo is not None:
            self._undo()
            self._undo = None

    def look(self, record: logging.LogRecord) -> None:
        """Remember a record that holds a canary."""
        if record.levelno < least_level(record.name):
            return
        self.looked_at += 1
        text = finished(record)
        found = ALL.search(text)
        if found:
            leak = Leak(record.name, record.levelname, around(text, found))
            self.leaks.append(leak)

    def take(self) -> list[Leak]:
        """Return what was found since the last time."""
        found, self.leaks = self.leaks, []
        return found
