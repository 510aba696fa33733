"""Suites 3 and 4: the addon in a real Odoo on a real database, and in a browser."""

from __future__ import annotations

import re
import subprocess
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from xml.etree import ElementTree

from ..environment import Environment
from ..errors import DevEnvError
from ..paths import ADDON
from ..processes import running
from ..templates import dependencies
from .logs import complaints
from .results import SuiteResult, read_junit

TOUR_FILES = "test_tours*.py"
LIMIT_SECONDS = 2400.0  # a hung test must not eat the whole of CI's time
# Random histories take as long as so many other tests.
HISTORIES = 80
# Few enough that loading Odoo for each weighs little.
PORTIONS = 10
_CLASS = re.compile(r"^class (\w+)\(([^)]*)\):", re.MULTILINE)
_COLLECTED_TEST = re.compile(r"^\S+\.py::\S+$", re.MULTILINE)
_NOTHING_LEFT = """
SELECT 'table ' || table_name FROM information_schema.tables
 WHERE table_schema = 'public' AND table_name LIKE 'stock\\_channel%'
UNION ALL
SELECT 'column ' || table_name || '.' || column_name
  FROM information_schema.columns
 WHERE table_schema = 'public' AND column_name LIKE '%stock\\_channel%'
UNION ALL
SELECT 'record ' || model || ' ' || name FROM ir_model_data
 WHERE module = 'stock_channel_hub'
"""


class Lifecycle:
    """Install, upgrade and uninstall, each with a clean log."""

    def __init__(self, env: Environment, result: SuiteResult) -> None:
        self._env = env
        self._result = result

    def check(self, title: str, action: Callable[[], Path]) -> bool:
        """Run one step and count it; a warning in its log is a failure."""
        with self._env.progress.step(title):
            try:
                log = action()
            except DevEnvError as error:
                self._result.fail(f"{title} failed: {error}")
                return False
        found = complaints(log.read_text(encoding="utf-8", errors="replace"))
        if found:
            self._env.progress.say("\n".join(found))
            self._result.fail(
                f"{title} logged {len(found)} warnings or errors (see above and {log}); "
                f"the first is: {found[0].splitlines()[0]}"
            )
            return False
        self._result.record(True)
        return True

    def install(self, database: str, *, demo: bool) -> bool:
        """Install on a fresh database that holds the dependencies only."""
        env = self._env
        base = env.template_database(dependencies(env.layout.root), demo)
        env.create_database(database, base)
        kind = "with demo data" if demo else "without demo data"
        return self.check(
            f"Installation {kind}",
            lambda: env.run_odoo_init(database, [ADDON], demo=demo),
        )

    def upgrade(self, database: str) -> bool:
        env = self._env
        return self.check(
            "Upgrade (-u)",
            lambda: env.run_odoo_init(
                database,
                [],
                demo=False,
                update=[ADDON],
                log_path=env.log("upgrade"),
            ),
        )

    def uninstall(self, database: str) -> bool:
        """Uninstall and look for what was left behind."""

        def action() -> Path:
            env = self._env
            log = env.run_odoo_tool(
                ["module", "uninstall"], ["-d", database, ADDON], env.log("uninstall")
            )
            left = env.server.execute(_NOTHING_LEFT, database)
            if left:
                raise DevEnvError(
                    f"it left {len(left.splitlines())} things in the database, the "
                    f"first is: {left.splitlines()[0]}"
                )
            return log

        return self.check("Uninstallation", action)


def run_odoo(env: Environment) -> SuiteResult:
    """Check the life cycle, then run every Odoo test but the tours."""
    result = SuiteResult("odoo")
    lifecycle = Lifecycle(env, result)
    bare, tests = env.database_name("lifecycle"), env.database_name("tests")
    shown = env.database_name("lifecycle_demo")
    with env.postgres():
        if lifecycle.install(bare, demo=False) and lifecycle.upgrade(bare):
            lifecycle.uninstall(bare)
        env.drop_database(bare)
        if lifecycle.install(shown, demo=True) and lifecycle.upgrade(shown):
            lifecycle.uninstall(shown)
        env.drop_database(shown)
        env.create_database(tests, env.template_database())
        for part in _in_lanes(env, tests):
            result.add(part)
        env.drop_database(tests)
    return result.finish()


def _in_lanes(env: Environment, database: str) -> list[SuiteResult]:
    """Run the tests but the tours in two lanes, each on a database of its own.

    A lane takes the next portion as soon as it is through with one, so that both
    end at about the same time. Odoo's server for HTTP tests has one port: what
    needs it is the first lane's first portion.
    """
    sources = {
        path: path.read_text(encoding="utf-8")
        for path in sorted(env.layout.addon_tests.glob("*.py"))
        if path not in _tour_files(env)
    }
    served, others = portions(sources)
    copy = env.database_name("tests_copy")
    env.create_database(copy, database)
    waiting = deque(enumerate(others, 1))
    results: list[SuiteResult] = []

    def run(lane_database: str, number: int, paths: Sequence[Path], http: bool) -> None:
        log = env.log(f"odoo-{number}")
        log.unlink(missing_ok=True)
        name = f"odoo-{number}"
        with _pytest(env, name, lane_database, paths, http=http, log=log) as part:
            results.append(part.result())
        print(log.read_text(encoding="utf-8", errors="replace"), flush=True)

    def lane(lane_database: str, first: Sequence[Path]) -> None:
        if first:
            run(lane_database, 0, first, http=True)
        while True:
            try:
                number, paths = waiting.popleft()
            except IndexError:
                return
            run(lane_database, number, paths, http=False)

    with ThreadPoolExecutor(2) as pool:
        for each in [pool.submit(lane, database, served), pool.submit(lane, copy, [])]:
            each.result()
    env.drop_database(copy)
    return results


def portions(sources: Mapping[Path, str]) -> tuple[list[Path], list[list[Path]]]:
    """Share test files out by the number of their tests.

    :param sources: of the test files, and of the files that they share.
    :return: those that need Odoo's server, and portions of the rest, the longest
        first.
    """
    tests = {p: text for p, text in sources.items() if p.name.startswith("test_")}
    cases = re.compile(rf"\b(?:{'|'.join(sorted(_served_cases(sources.values())))})\b")
    served = [path for path, source in tests.items() if cases.search(source)]
    weights = {
        path: source.count("def test_") + HISTORIES * ("SEEDS" in source)
        for path, source in tests.items()
    }
    rest = sorted(
        (path for path in tests if path not in served),
        key=lambda path: (-weights[path], path),
    )
    found: list[list[Path]] = [[] for _number in range(min(PORTIONS, len(rest)))]
    for path in rest:
        lightest = min(found, key=lambda part: sum(weights[each] for each in part))
        lightest.append(path)
    return served, found


def _served_cases(sources: Iterable[str]) -> set[str]:
    """Return Odoo's case with a server, and every class that is one.

    The name alone was looked for once: tests of the door whose file shares a case
    with others were skipped in every run.
    """
    bases = {
        name: set(re.findall(r"\w+", told))
        for source in sources
        for name, told in _CLASS.findall(source)
    }
    found = {"HttpCase"}
    while more := {n for n, told in bases.items() if told & found} - found:
        found |= more
    return found


def run_tours(env: Environment) -> SuiteResult:
    """Run the browser tours on a copy of the demo database.

    A script that presses buttons within milliseconds sometimes loses a race with Odoo's
    own widgets that no person can lose, one run in many. What failed is run once more,
    the summary names it, and it has failed when it fails again.
    """
    result = SuiteResult("tours")
    files = _tour_files(env)
    if not files:
        return result.finish()
    env.browser()
    database = env.database_name("tours")
    with env.postgres():
        env.create_database(database, env.template_database())
        with _pytest(env, "tours", database, files, http=True) as run:
            result.add(run.result())
        if result.failures and not result.problems:
            failed = [_node(env, test) for test in result.failures]
            with _pytest(env, "tours-again", database, failed, http=True) as run:
                result.replayed(run.result())
        env.drop_database(database)
    return result.finish()


def _node(env: Environment, test: str) -> str:
    """Return what pytest calls a test that a report calls ``module::Class::test``."""
    module, *rest = test.split("::")
    return "::".join([str(env.layout.addon_tests / f"{module}.py"), *rest])


def collect(env: Environment) -> dict[str, int]:
    """Return how many tests each of the two suites collects, without running them."""
    database = env.database_name("collect")
    ignored = f"--ignore-glob=*/{TOUR_FILES}"
    wanted: dict[str, list[str | Path]] = {
        "odoo": [env.layout.addon_tests, ignored],
        "tours": _tour_files(env),
    }
    counts = {}
    with env.postgres():
        env.create_database(database, env.template_database())
        for name, arguments in wanted.items():
            counts[name] = _collected(env, database, arguments) if arguments else 0
        env.drop_database(database)
    return counts


def _tour_files(env: Environment) -> list[str | Path]:
    return [*sorted(env.layout.addon_tests.glob(TOUR_FILES))]


@dataclass
class _Run:
    """One run of pytest-odoo that has been started."""

    name: str
    report: Path
    process: subprocess.Popen[str]

    def result(self) -> SuiteResult:
        """Wait for its end and read its report; a crash is a failure, too."""
        problem = None
        try:
            status = self.process.wait(LIMIT_SECONDS)
        except subprocess.TimeoutExpired:
            status, problem = -1, f"it was ended after {LIMIT_SECONDS:.0f} s"
        try:
            result = read_junit(self.name, self.report)
        except (OSError, ElementTree.ParseError):
            result = SuiteResult(self.name)
            problem = problem or f"pytest ended with status {status} and no report"
        if problem or (status and not result.failed):
            result.fail(problem or f"pytest ended with status {status}, see above")
        return result


@contextmanager
def _pytest(
    env: Environment,
    name: str,
    database: str,
    arguments: Sequence[str | Path],
    *,
    http: bool = False,
    log: Path | None = None,
) -> Iterator[_Run]:
    """Start pytest-odoo, and end it with the block.

    :param bool http: serve requests during the tests.
    :param log: takes the output, instead of ours.
    """
    report = env.layout.dev / "reports" / f"{name}.xml"
    report.parent.mkdir(parents=True, exist_ok=True)
    report.unlink(missing_ok=True)
    options = [
        "-q",
        "-rs",
        "--durations=5",
        "--durations-min=1",
        f"--junitxml={report}",
    ]
    command = env.pytest_command(database, [*options, *map(str, arguments)], http=http)
    with running(command, env=env.variables(), cwd=env.layout.root, log=log) as process:
        yield _Run(name, report, process)


def _collected(env: Environment, database: str, arguments: Sequence[str | Path]) -> int:
    """Count by the lines of a run that only collects."""
    log = env.log("collect")
    log.unlink(missing_ok=True)
    options = ["-q", "--collect-only", *map(str, arguments)]
    command = env.pytest_command(database, options, http=False)
    with running(command, env=env.variables(), cwd=env.layout.root, log=log) as process:
        status = process.wait()
    text = log.read_text(encoding="utf-8", errors="replace")
    if status not in (0, 5):
        raise DevEnvError(f"Collecting the tests failed: read {log}.")
    return len(_COLLECTED_TEST.findall(text))
