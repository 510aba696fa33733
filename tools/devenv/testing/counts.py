"""The count guard: a suite may not silently lose tests.

Odoo's loader skips inherited tests and whole files without a word, and a run of
nothing is green.  ``tests/counts.json`` holds how many tests each suite must collect
at least; only ``make counts`` changes it, so that losing tests shows in a review.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path

from ..errors import DevEnvError
from ..files import write_atomically
from .results import SuiteResult

GUARDED = ("pure", "odoo", "tours")
_HINT = "if that is meant, run `make counts` and commit tests/counts.json"


def load(path: Path) -> dict[str, int]:
    """Return the smallest allowed number of tests by suite.

    :raise DevEnvError: if the file is missing or damaged.
    """
    try:
        counts = json.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError as error:
        raise DevEnvError(
            f"{path} is missing: run `make counts` to write it and commit it."
        ) from error
    except ValueError as error:
        raise DevEnvError(
            f"{path} is not valid JSON ({error}): run `make counts` to write it anew."
        ) from error
    usable = isinstance(counts, dict) and all(
        type(counts.get(suite)) is int and counts[suite] > 0 for suite in GUARDED
    )
    if not usable:
        raise DevEnvError(
            f"{path} must hold a number above 0 for each of {', '.join(GUARDED)}: "
            "run `make counts` to write it anew."
        )
    return {suite: counts[suite] for suite in GUARDED}


def save(path: Path, counts: Mapping[str, int]) -> None:
    """Write the numbers in a fixed order, so that differences are easy to read."""
    ordered = {suite: counts[suite] for suite in GUARDED}
    write_atomically(path, json.dumps(ordered, indent=4) + "\n")


def guard(result: SuiteResult, counts: Mapping[str, int]) -> None:
    """Fail a suite that collected no tests, or fewer than it must."""
    if result.name not in GUARDED:
        return
    least = counts[result.name]
    if result.collected == 0:
        result.fail("no test was collected, which is a failure")
    elif result.collected < least:
        result.fail(
            f"only {result.collected} tests were collected but {least} are expected: "
            f"{_HINT}"
        )
