"""Suite 2: tests of ``connectors/`` and ``tools/``, which never touch Odoo.

Also the program that runs them, started by the environment's Python without Odoo on
its path; should an Odoo be importable all the same, its import is refused here.
"""

from __future__ import annotations

import importlib.abc
import json
import sys
import time
import unittest
from collections import Counter
from collections.abc import Sequence
from importlib.machinery import ModuleSpec
from pathlib import Path
from types import ModuleType

from ..environment import Environment
from ..processes import call
from .results import SuiteResult

FOLDERS = ("connectors/tests", "tools/tests")
LIMIT_SECONDS = 10.0


class OdooRefused(importlib.abc.MetaPathFinder):
    """Makes ``import odoo`` fail, as it must on a connector author's machine."""

    def find_spec(
        self,
        fullname: str,
        path: Sequence[str] | None,
        target: ModuleType | None = None,
    ) -> ModuleSpec | None:
        if fullname.partition(".")[0] == "odoo":
            raise ImportError("pure tests must not import odoo", name=fullname)
        return None


def run(env: Environment, *, collect_only: bool = False) -> SuiteResult:
    """Run both folders in one process of their own."""
    result = SuiteResult("pure")
    report = env.layout.dev / "reports" / "pure.json"
    report.parent.mkdir(parents=True, exist_ok=True)
    report.unlink(missing_ok=True)
    variables = env.variables()
    variables.pop("PYTHONPATH", None)
    command = [str(env.python), "-m", __name__, str(report)]
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


def main(arguments: Sequence[str]) -> int:
    """Collect, run, and write the numbers to the file named first."""
    started = time.monotonic()
    sys.meta_path.insert(0, OdooRefused())
    root = Path.cwd()
    suite = unittest.TestSuite()
    errors: list[object] = []
    for folder in FOLDERS:
        if (root / folder).is_dir():
            # A loader may be used once only: it remembers its top-level folder.
            loader = unittest.TestLoader()
            suite.addTests(loader.discover(folder, top_level_dir=str(root)))
            errors += loader.errors
    collected = suite.countTestCases()
    if "--collect-only" in arguments:
        _refuse_broken(errors)
        result = unittest.TestResult()
    else:
        result = unittest.TextTestRunner(verbosity=1, buffer=True).run(suite)
    for reason, number in Counter(reason for _, reason in result.skipped).items():
        print(f"skipped {number}: {reason}", file=sys.stderr)
    numbers = _count(result, collected)
    numbers["seconds"] = time.monotonic() - started - _waited_for_a_core()
    Path(arguments[0]).write_text(json.dumps(numbers))
    return 0 if result.wasSuccessful() else 1


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
