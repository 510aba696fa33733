"""What a suite hands back, and how the whole run is summed up."""

from __future__ import annotations

import dataclasses
import time
from collections.abc import Sequence
from pathlib import Path
from xml.etree import ElementTree

from ..paths import ADDON

SUITES = ("lint", "pure", "odoo", "tours")


@dataclasses.dataclass
class SuiteResult:
    """Numbers of one suite.

    :param int collected: tests found, for the count guard; checks are not counted.
    :param list problems: one sentence for each thing that makes the suite fail and
        is not a failed test (too slow, too few tests, a crash).
    :param list failures: what failed, as ``module::Class::test``.
    :param list unsteady: those of them that held when they were run again.
    """

    name: str
    passed: int = 0
    failed: int = 0
    skipped: int = 0
    collected: int = 0
    seconds: float = 0.0
    problems: list[str] = dataclasses.field(default_factory=list)
    failures: list[str] = dataclasses.field(default_factory=list)
    unsteady: list[str] = dataclasses.field(default_factory=list)
    started: float = dataclasses.field(default_factory=time.monotonic, repr=False)

    def record(self, passed: bool) -> None:
        """Count one check."""
        if passed:
            self.passed += 1
        else:
            self.failed += 1

    def fail(self, sentence: str) -> None:
        """Count one failure that is not a failed test, and remember why."""
        self.failed += 1
        self.problems.append(sentence)

    def add(self, other: SuiteResult) -> None:
        """Add another part of the same suite."""
        self.passed += other.passed
        self.failed += other.failed
        self.skipped += other.skipped
        self.collected += other.collected
        self.problems += other.problems
        self.failures += other.failures
        self.unsteady += other.unsteady

    def replayed(self, other: SuiteResult) -> None:
        """Take in a second run of exactly what had failed.

        What failed again has failed; what held is passed, and named for all that.
        """
        held = [test for test in self.failures if test not in other.failures]
        if other.problems or other.passed != len(held):
            self.problems += other.problems
            return
        self.passed += len(held)
        self.failed -= len(held)
        self.failures = list(other.failures)
        self.unsteady += held

    def finish(self) -> SuiteResult:
        """Stop the clock."""
        self.seconds = time.monotonic() - self.started
        return self


def read_junit(name: str, report: Path) -> SuiteResult:
    """Read the numbers from a JUnit report that our own pytest just wrote.

    A test that was skipped since Odoo's server is not there counts as failed: nobody
    decided that, its file is among the wrong ones.

    :raise OSError, ElementTree.ParseError: if pytest did not get to write it.
    """
    result = SuiteResult(name)
    root = ElementTree.parse(report).getroot()  # noqa: S314 - written by our own pytest
    for case in root.iter("testcase"):
        result.collected += 1
        outcomes = {child.tag for child in case}
        why = "".join(child.get("message", "") for child in case.iter("skipped"))
        if "--odoo-http" in why:
            result.fail(f"{case.get('name')} needs Odoo's server and ran without it")
        elif outcomes & {"failure", "error"}:
            result.failed += 1
            place = case.get("classname", "").split(".")[-2:]
            result.failures.append("::".join([*place, case.get("name", "")]))
        elif "skipped" in outcomes:
            result.skipped += 1
        else:
            result.passed += 1
    return result


def summary(results: Sequence[SuiteResult]) -> str:
    """Return the closing table, the problems, and the line that machines read."""
    lines = ["", f"{'suite':<8}{'passed':>8}{'failed':>8}{'skipped':>9}{'seconds':>9}"]
    lines += [
        f"{r.name:<8}{r.passed:>8}{r.failed:>8}{r.skipped:>9}{r.seconds:>9.1f}"
        for r in results
    ]
    for result in results:
        lines += [f"{result.name}: {problem}" for problem in result.problems]
        lines += [
            f"{result.name}: {test} failed once and held when it was run again"
            for test in result.unsteady
        ]
    passed = sum(result.passed for result in results)
    failed = sum(result.failed for result in results)
    skipped = sum(result.skipped for result in results)
    lines += ["", f"{ADDON}: {passed} passed, {failed} failed, {skipped} skipped"]
    return "\n".join(lines)
