"""S11 for whole suites: no secret and no customer in anything that is logged.

A test during which a canary was logged fails, whatever else it found; so does one that
only stood by while another thread did.  This is for the pure tests; :mod:`.leaks_plugin`
does the same for pytest, and so for the Odoo tests and the tours.
"""

from __future__ import annotations

import contextlib
import sys
import unittest
from collections.abc import Iterator, Sequence

from connectors.testing.canaries import Leak, LogWatch

WATCH = LogWatch()


class CanaryLogged(AssertionError):
    """A secret or a customer stands in a log."""


def refuse(leaks: Sequence[Leak]) -> None:
    """Raise when something was found.

    :raise CanaryLogged: with the loggers and what they wrote.
    """
    if leaks:
        lines = "\n".join(dict.fromkeys(map(str, leaks)))
        raise CanaryLogged(f"secrets or customers were logged:\n{lines}")


@contextlib.contextmanager
def watched() -> Iterator[None]:
    """Look at all records for the length of the block."""
    WATCH.start()
    try:
        yield
    finally:
        WATCH.stop()


class WatchedResult(unittest.TextTestResult):
    """Fails a test during which a canary was logged."""

    def stopTest(self, test: unittest.TestCase) -> None:
        """Look at what was logged since the test before."""
        try:
            refuse(WATCH.take())
        except CanaryLogged:
            self.addFailure(test, sys.exc_info())
        super().stopTest(test)
