"""Command line of the development environment."""

from __future__ import annotations

import argparse
import shutil
import sys
from collections.abc import Callable, Sequence

from . import histories, locking, postgres
from .environment import Environment
from .errors import DevEnvError
from .paths import Layout
from .processes import call, guarded
from .progress import Progress
from .testing import runner
from .testing.results import SUITES

Action = Callable[[argparse.Namespace, Progress], int]

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
    adder = result.add_subparsers(dest="command", required=True, metavar="COMMAND")
    made = {}
    for name, (_action, text) in _commands().items():
        made[name] = adder.add_parser(name, help=text, description=text)
    made["setup"].add_argument(
        "--browser", action="store_true", help="also make sure of Chromium"
    )
    made["database"].add_argument("name")
    made["database"].add_argument("--without-demo", action="store_true")
    made["test"].add_argument(
        "--only",
        action="append",
        choices=SUITES,
        default=[],
        help="run this suite only; may be repeated",
    )
    for name, default in (("oracle", "1000"), ("orders", "10")):
        made[name].add_argument(
            "--seeds",
            default=default,
            help="so many histories, or those of FIRST:LAST without the last",
        )
    return result


def _commands() -> dict[str, tuple[Action, str]]:
    """Return each command's function and its line in the help."""
    return {
        "setup": (_setup, "build or update the environment"),
        "exec": (_exec, "run a program with Odoo importable and PostgreSQL running"),
        "odoo": (_odoo, "run Odoo itself with the arguments that follow"),
        "pytest": (_pytest, "run pytest-odoo: pytest DATABASE [its own arguments ...]"),
        "database": (_database, "make a fresh database with the addon and demo data"),
        "test": (_test, "run the tests, all suites or some"),
        "oracle": (_oracle, "compare the numbers with the oracle's, in many histories"),
        "orders": (_orders, "compare orders with plain books, in many histories"),
        "readme-table": (_readme_table, "write the pages' lists of connectors anew"),
        "pot": (_pot, "write i18n/stock_channel_hub.pot from the code and the screens"),
        "counts": (_counts, "write tests/counts.json from the tests there are now"),
        "format": (_format, "sort imports and format with ruff"),
        "lock": (_lock, "resolve tools/*.in into tools/*.lock"),
        "clean": (_clean, "remove everything below .dev/"),
    }


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


def _oracle(arguments: argparse.Namespace, progress: Progress) -> int:
    return _play(histories.ORACLE, arguments, progress)


def _orders(arguments: argparse.Namespace, progress: Progress) -> int:
    return _play(histories.ORDERS, arguments, progress)


def _play(
    kind: histories.Kind, arguments: argparse.Namespace, progress: Progress
) -> int:
    seeds = histories.parse_seeds(arguments.seeds)
    return histories.run(Environment.ensure(progress), kind, seeds)


def _readme_table(_arguments: argparse.Namespace, progress: Progress) -> int:
    env = Environment.ensure(progress)
    return call([env.python, "-m", "connectors.testing.table"], cwd=env.layout.root)


def _pot(_arguments: argparse.Namespace, progress: Progress) -> int:
    env = Environment.ensure(progress)
    database = env.database_name("pot")
    with env.postgres():
        env.create_database(database, env.template_database(demo=False))
        try:
            words = ["-m", "tools.pot", str(env.layout.odoo_conf), database]
            command = [str(env.python), *words]
            return call(command, cwd=env.layout.root, env=env.variables())
        finally:
            env.drop_database(database)


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
    action = _commands()[arguments.command][0]
    return guarded(lambda: action(arguments, progress))


if __name__ == "__main__":
    sys.exit(main())
