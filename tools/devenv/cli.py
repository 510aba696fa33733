"""Command line of the development environment."""

from __future__ import annotations

import argparse
import shutil
import sys
from collections.abc import Sequence

from . import locking, postgres
from .environment import Environment
from .errors import DevEnvError
from .paths import Layout
from .processes import call, guarded
from .progress import Progress
from .testing import runner
from .testing.results import SUITES

DESCRIPTION = """\
Builds and uses this checkout's private environment below .dev/: Odoo 19, the Python
packages of the lock file, PostgreSQL. Nothing outside the checkout is changed, except
where a sentence says beforehand that a system package is installed with root rights.
"""
EPILOG = """\
variables:
  ODOO_HOME             use this Odoo 19 instead of fetching one
  DEBIAN_MIRROR         fetch Odoo's Debian package from this mirror
  PGHOST PGPORT PGUSER  use this PostgreSQL instead of the embedded one
"""
PASSING = ("exec", "odoo", "pytest")


def parser() -> argparse.ArgumentParser:
    """Return the parser of the command line."""
    result = argparse.ArgumentParser(
        prog="python3 -m tools.devenv",
        description=DESCRIPTION,
        epilog=EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    commands = result.add_subparsers(dest="command", required=True, metavar="COMMAND")
    setup = commands.add_parser("setup", help="build or update the environment")
    setup.add_argument(
        "--browser", action="store_true", help="also make sure of Chromium"
    )
    setup.set_defaults(action=_setup)
    execute = commands.add_parser(
        "exec", help="run a program with Odoo importable and PostgreSQL running"
    )
    execute.set_defaults(action=_exec)
    odoo = commands.add_parser("odoo", help="run Odoo itself with these arguments")
    odoo.set_defaults(action=_odoo)
    pytest = commands.add_parser(
        "pytest", help="run pytest-odoo: pytest DATABASE [pytest's own arguments ...]"
    )
    pytest.set_defaults(action=_pytest)
    template = commands.add_parser(
        "database", help="make a fresh database with the addon and Odoo's demo data"
    )
    template.add_argument("name")
    template.add_argument("--without-demo", action="store_true")
    template.set_defaults(action=_database)
    test = commands.add_parser("test", help="run the tests, all suites or some")
    test.add_argument(
        "--only",
        action="append",
        choices=SUITES,
        default=[],
        help="run this suite only; may be repeated",
    )
    test.set_defaults(action=_test)
    update = commands.add_parser(
        "counts", help="write tests/counts.json from the tests there are now"
    )
    update.set_defaults(action=_counts)
    reformat = commands.add_parser("format", help="sort imports and format with ruff")
    reformat.set_defaults(action=_format)
    lock = commands.add_parser("lock", help="resolve tools/*.in into tools/*.lock")
    lock.set_defaults(action=_lock)
    clean = commands.add_parser("clean", help="remove everything below .dev/")
    clean.set_defaults(action=_clean)
    return result


def _setup(arguments: argparse.Namespace, progress: Progress) -> int:
    env = Environment.ensure(progress)
    with env.postgres():
        pass
    progress.say(f"     Node.js: {env.node}")
    if arguments.browser:
        progress.say(f"     Chromium: {env.browser()}")
    progress.say(f"     Odoo: {env.odoo.script}")
    progress.say("The environment is complete.")
    return 0


def _exec(arguments: argparse.Namespace, progress: Progress) -> int:
    env = Environment.ensure(progress)
    with env.postgres():
        return call(arguments.passed_on or ["true"], env=env.variables())


def _odoo(arguments: argparse.Namespace, progress: Progress) -> int:
    env = Environment.ensure(progress)
    with env.postgres():
        return call(env.odoo_command(arguments.passed_on), env=env.variables())


def _pytest(arguments: argparse.Namespace, progress: Progress) -> int:
    if not arguments.passed_on:
        raise DevEnvError("Name a database first, as in: pytest mydb tests/test_x.py.")
    database, *others = arguments.passed_on
    env = Environment.ensure(progress)
    # Odoo needs the module's own name in the path, people type the short one.
    link = env.layout.addon_link
    others = [str(link / w) if w.startswith("tests") else w for w in others]
    with env.postgres():
        return call(env.pytest_command(database, others), env=env.variables())


def _database(arguments: argparse.Namespace, progress: Progress) -> int:
    env = Environment.ensure(progress)
    with env.postgres():
        template = env.template_database(demo=not arguments.without_demo)
        env.create_database(arguments.name, template)
    progress.say(f"The database {arguments.name} is ready.")
    return 0


def _test(arguments: argparse.Namespace, progress: Progress) -> int:
    return runner.run(Environment.ensure(progress), arguments.only)


def _counts(_arguments: argparse.Namespace, progress: Progress) -> int:
    return runner.update_counts(Environment.ensure(progress))


def _format(_arguments: argparse.Namespace, progress: Progress) -> int:
    env = Environment.ensure(progress)
    ruff = env.layout.venv / "bin" / "ruff"
    sort = call([ruff, "check", "--quiet", "--fix", "."], cwd=env.layout.root)
    return call([ruff, "format", "."], cwd=env.layout.root) or sort


def _lock(_arguments: argparse.Namespace, progress: Progress) -> int:
    locking.update(Environment.ensure(progress))
    return 0


def _clean(_arguments: argparse.Namespace, progress: Progress) -> int:
    layout = Layout.of_this_checkout()
    postgres.remove(layout.postgres)
    shutil.rmtree(layout.dev, ignore_errors=True)
    progress.say("The folder .dev/ is gone.")
    return 0


def main(argv: Sequence[str] | None = None) -> int:
    """Run one command; return the process's exit status."""
    words = list(sys.argv[1:] if argv is None else argv)
    passed_on: list[str] = []
    if words[:1] and words[0] in PASSING and words[1:] not in (["-h"], ["--help"]):
        # argparse would take the other program's options for its own.
        words, passed_on = words[:1], words[1:]
    arguments = parser().parse_args(words)
    arguments.passed_on = passed_on
    progress = Progress()
    return guarded(lambda: int(arguments.action(arguments, progress)))


if __name__ == "__main__":
    sys.exit(main())
