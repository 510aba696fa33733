"""Failures that say what to do: a test's docstring goes with whatever it finds.

The first paragraph of each test's docstring in the suite says what must hold, the
others what to do about it where it does not.
"""

from __future__ import annotations

import functools
import inspect
import unittest
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    _Case = unittest.TestCase
else:
    # A mixin: the suite itself is nobody's test case.
    _Case = object

_HEADING = "What must hold, and what to do"


class Advised(_Case):
    """Adds the docstring of the running test to every failure, also of a subtest."""

    def __init_subclass__(cls, **options: Any) -> None:
        super().__init_subclass__(**options)
        for name, test in list(vars(cls).items()):
            if name.startswith("test") and inspect.isfunction(test):
                setattr(cls, name, _advised(test))

    @contextmanager
    def subTest(self, *message: Any, **parameters: Any) -> Iterator[None]:
        """Open a subtest whose failures carry the advice, too."""
        with super().subTest(*message, **parameters):
            try:
                yield
            except Exception as error:
                _note(error, self._advice())
                raise

    def _advice(self) -> str:
        return advice_of(getattr(self, self._testMethodName))


def advice_of(test: Callable[..., object]) -> str:
    """Return what a failing test tells its reader, empty without a docstring."""
    return inspect.cleandoc(test.__doc__ or "")


def _advised(test: Callable[..., None]) -> Callable[..., None]:
    @functools.wraps(test)
    def wrapper(case: unittest.TestCase) -> None:
        try:
            test(case)
        except unittest.SkipTest:
            raise
        except Exception as error:
            _note(error, advice_of(test))
            raise

    return wrapper


def _note(error: Exception, advice: str) -> None:
    note = f"\n{_HEADING}:\n{advice}"
    is_skip = isinstance(error, unittest.SkipTest)
    if advice and not is_skip and note not in getattr(error, "__notes__", ()):
        error.add_note(note)
