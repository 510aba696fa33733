"""Runs the suites in order and sums them up."""

from __future__ import annotations

from collections.abc import Callable, Collection

from ..environment import Environment
from ..errors import DevEnvError
from . import counts, lint, odoo_suite, pure
from .results import SUITES, SuiteResult, summary

_RUNNERS: dict[str, Callable[[Environment], SuiteResult]] = {
    "lint": lint.run,
    "pure": pure.run,
    "odoo": odoo_suite.run_odoo,
    "tours": odoo_suite.run_tours,
}


def run(env: Environment, only: Collection[str] = ()) -> int:
    """Run the suites (all, or those named); return the process's exit status.

    A failed suite does not stop the next: one run tells everything.
    """
    least, unusable = _least_counts(env)
    results = []
    for name in SUITES:
        if only and name not in only:
            continue
        env.progress.say(f"== {name}")
        result = _RUNNERS[name](env)
        if not unusable:
            counts.guard(result, least)
        elif name in counts.GUARDED:
            result.fail(unusable)
        results.append(result)
    print(summary(results), flush=True)
    return 1 if any(result.failed for result in results) else 0


def _least_counts(env: Environment) -> tuple[dict[str, int], str]:
    """Return the smallest allowed numbers, or the sentence why there are none."""
    try:
        return counts.load(env.layout.test_counts), ""
    except DevEnvError as error:
        return {}, str(error)


def update_counts(env: Environment) -> int:
    """Collect every suite and write the numbers to ``tests/counts.json``."""
    found = pure.run(env, collect_only=True)
    if found.problems:
        raise DevEnvError(f"The tests cannot be counted: {found.problems[0]}.")
    collected = {"pure": found.collected, **odoo_suite.collect(env)}
    for name, number in collected.items():
        if not number:
            raise DevEnvError(
                f"The suite {name} has no tests: write one before counting them."
            )
    counts.save(env.layout.test_counts, collected)
    listed = ", ".join(f"{name} {number}" for name, number in collected.items())
    env.progress.say(f"{env.layout.test_counts} now asks for: {listed}")
    return 0
