"""Suite 2: tests of ``connectors/`` and ``tools/``, which never touch Odoo.

Also the program that runs them, started by the environment's Python without Odoo on
its path; should an Odoo be importable all the same, its import is refused here.  They run
in parts, side by side, each in a process of its own: they share nothing.
"""

from __future__ import annotations

import importlib.abc
import json
import subprocess
import sys
import time
import unittest
from collections import Counter
from collections.abc import Sequence
from importlib.machinery import ModuleSpec
from pathlib import Path
from types import ModuleType
from typing import Any

from ..environment import Environment
from ..processes import call
from .results import SuiteResult

PARTS = (
    ("connectors/tests", "test_[!h-z]*.py"),
    ("connectors/tests", "test_[h-l]*.py"),
    ("connectors/tests", "test_[m-p]*.py"),
    ("connectors/tests", "test_s*.py"),
    ("connectors/tests", "test_[qrt-z]*.py"),
    ("tools/tests", "test_[!e-z]*.py"),
    ("tools/tests", "test_[e-h]*.py"),
    ("tools/tests", "test_[i-z]*.py"),
)
LIMIT_SECONDS = 10.0
MODULE = "tools.devenv.testing.pure"


class OdooRefused(importlib.abc.MetaPathFinder):
    """Makes ``import odoo`` fail, as it must on a connector author's machine."""

    def find_spec(
        self,
        fullname: str,
        path: Sequence[str] | None,
        target: ModuleType | None = None,
    ) -> ModuleSpec | None:
        if fullname.partition(".")[0] == "odoo":
            raise ModuleNotFoundError("pure tests must not import odoo", name=fullname)
        return None


def run(env: Environment, *, collect_only: bool = False) -> SuiteResult:
    """Run the parts side by side, all below one process of their own."""
    result = SuiteResult("pure")
    report = env.layout.dev / "reports" / "pure.json"
    report.parent.mkdir(parents=True, exist_ok=True)
    report.unlink(missing_ok=True)
    variables = env.variables()
    variables.pop("PYTHONPATH", None)
    command = [str(env.python), "-m", MODULE, str(report)]
    if collect_only:
        command.append("--collect-only")
    call(command, cwd=env.layout.root, env=variables)
    result.finish()
    if not report.is_file():
        result.fail("the pure tests ended without a result, see above")
        return result
    numbers = json.loads(report.read_text(encoding="utf-8"))
    result.passed, result.failed = numbers["passed"], numbers["failed"]
    result.skipped, result.collected = numbers["skipped"], numbers["collected"]
    if numbers["seconds"] > LIMIT_SECONDS:
        result.fail(
            f"the pure tests took {numbers['seconds']:.1f} s but must stay under "
            f"{LIMIT_SECONDS:.0f} s: find the slow one with "
            "`python -m unittest --durations 10`"
        )
    return result


def _waited_for_a_core() -> float:
    """Return the seconds in which this process could have run but other programs did.

    They are not the tests' fault: on a busy machine they made a good run fail.
    """
    try:
        waited = Path("/proc/self/schedstat").read_text(encoding="ascii").split()[1]
    except (OSError, IndexError):
        return 0.0
    return int(waited) / 1e9


def _count(result: unittest.TestResult, collected: int) -> dict[str, float]:
    failed = len({str(case) for case, _ in result.failures + result.errors}) + len(
        result.unexpectedSuccesses
    )
    skipped = len(result.skipped)
    passed = max(0, result.testsRun - failed - skipped)
    return {
        "passed": passed,
        "failed": failed,
        "skipped": skipped,
        "collected": collected,
    }


def _refuse_broken(errors: Sequence[object]) -> None:
    """Refuse to count while a file cannot be imported: it would count as one test."""
    if errors:
        sys.exit("\n".join(["some test files cannot be imported:", *map(str, errors)]))


def _run_watched(suite: unittest.TestSuite) -> unittest.TestResult:
    """Run tests, none of which may log a secret or a customer (S11)."""
    from . import leaks

    kind: Any = leaks.WatchedResult
    with leaks.watched():
        runner = unittest.TextTestRunner(verbosity=1, buffer=True, resultclass=kind)
        return runner.run(suite)


def _run_part(index: int, report: Path, *, collect_only: bool) -> int:
    """Collect one part, run it, and write its numbers to ``report``."""
    started = time.monotonic()
    sys.meta_path.insert(0, OdooRefused())
    folder, pattern = PARTS[index]
    loader = unittest.TestLoader()
    suite = loader.discover(folder, pattern, top_level_dir=str(Path.cwd()))
    collected = suite.countTestCases()
    if collect_only:
        _refuse_broken(loader.errors)
        result = unittest.TestResult()
    else:
        result = _run_watched(suite)
    for reason, number in Counter(reason for _, reason in result.skipped).items():
        print(f"skipped {number}: {reason}", file=sys.stderr)
    numbers = _count(result, collected)
    numbers["seconds"] = time.monotonic() - started - _waited_for_a_core()
    report.write_text(json.dumps(numbers))
    return 0 if result.wasSuccessful() else 1


def _add_up(reports: Sequence[Path]) -> dict[str, float]:
    """Return the numbers of all parts; the slowest tells how long it took."""
    all_numbers = [json.loads(report.read_text(encoding="utf-8")) for report in reports]
    total = {
        name: sum(numbers[name] for numbers in all_numbers)
        for name in ("passed", "failed", "skipped", "collected")
    }
    total["seconds"] = max(numbers["seconds"] for numbers in all_numbers)
    return total


def main(arguments: Sequence[str]) -> int:
    """Run every part in a child of ours and write the numbers to the file named first.

    A child, named a part by its number, runs just that one.  The children stay in our
    process group, so that they end with us.
    """
    report, *options = arguments
    collect_only = "--collect-only" in options
    named = [int(option) for option in options if option.isdecimal()]
    if named:
        return _run_part(named[0], Path(report), collect_only=collect_only)
    there = [index for index, (folder, _) in enumerate(PARTS) if Path(folder).is_dir()]
    reports = [Path(f"{report}.{index}") for index in there]
    for part in reports:
        part.unlink(missing_ok=True)
    children = [
        subprocess.Popen(
            [sys.executable, "-m", MODULE, str(part), str(index), *options]
        )
        for part, index in zip(reports, there, strict=True)
    ]
    worst = max([child.wait() for child in children])
    if all(part.is_file() for part in reports):
        Path(report).write_text(json.dumps(_add_up(reports)))
    return worst


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
