"""The one object through which everything else uses the environment.

>>> from tools.devenv import Environment, Progress
>>> env = Environment.ensure(Progress())                    # doctest: +SKIP
>>> with env.postgres() as server:                          # doctest: +SKIP
...     env.create_database("demo", template=env.template_database())
...     with env.start_odoo("demo", workers=2) as odoo:
...         print(odoo.url, odoo.log)

Every call that talks to a database must happen inside ``with env.postgres()``; the
block may be nested and entered by several processes at once.  Leaving the outermost
block of the last process stops the embedded server.
"""

from __future__ import annotations

import contextlib
import dataclasses
import os
import shutil
from collections.abc import Iterator, Sequence
from pathlib import Path

from . import chromium, odoo_source, postgres, venv
from . import node as nodejs
from .errors import DevEnvError, tail
from .files import link_atomically, locked, write_atomically
from .odoo_server import OdooServer, free_port, require_free_port, serving
from .odoo_source import OdooSource
from .paths import ADDON, Layout
from .postgres import Server
from .processes import call
from .progress import Progress
from .templates import Templates

_FILESTORE = "filestore"
# Not the pyproject.toml of the checkout: pytest would take the folder of that file as
# root, find our __init__.py in it and import the addon under the folder's name.
_PYTEST_INI = """\
[pytest]
addopts = -p no:cacheprovider
filterwarnings =
    ignore::DeprecationWarning
    ignore::PendingDeprecationWarning
"""
# No secret and no customer in any log: a canary that is logged fails its test.
LEAKS = "tools.devenv.testing.leaks_plugin"
_DROPPED_VARIABLES = ("PYTHONPATH", "PYTHONHOME", "ODOO_RC", "PGDATABASE", "PGSERVICE")


@dataclasses.dataclass
class Environment:
    """A complete environment: interpreter, Odoo, PostgreSQL, Node.js.

    Get one by :meth:`ensure`; the constructor takes what is already built.
    """

    layout: Layout
    python: Path
    odoo: OdooSource
    progress: Progress
    _server: Server | None = None

    @classmethod
    def ensure(
        cls, progress: Progress | None = None, layout: Layout | None = None
    ) -> Environment:
        """Build what is missing (minutes, once), reuse what is there (instant).

        :raise DevEnvError: with one sentence and the way out.
        """
        progress = progress or Progress()
        layout = layout or Layout.of_this_checkout()
        with locked(layout.dev / "setup.lock", progress):
            python = venv.ensure(layout.venv, layout.requirements_lock, progress)
            packages = _site_packages(layout.venv)
            odoo = odoo_source.ensure(layout.odoo, layout.apt, packages, progress)
            env = cls(layout, python, odoo, progress)
            env._configure()
        return env

    def _configure(self) -> None:
        link_atomically(self.layout.addon_link, os.path.join("..", ".."))
        addons = [*self.odoo.addons, self.layout.addons]
        self.layout.data.mkdir(parents=True, exist_ok=True)
        lines = [
            "[options]",
            f"addons_path = {','.join(str(path) for path in addons)}",
            f"data_dir = {self.layout.data}",
            "admin_passwd = admin",
            "",
        ]
        write_atomically(self.layout.odoo_conf, "\n".join(lines))
        write_atomically(self.layout.pytest_ini, _PYTEST_INI)

    # -- programs ----------------------------------------------------------------

    @property
    def site_packages(self) -> Path:
        return _site_packages(self.layout.venv)

    @property
    def node(self) -> Path:
        """The ``node`` program (version 20 or newer), fetched at first use."""
        return self._node().node

    @property
    def npm(self) -> Path:
        """The ``npm`` program that belongs to :attr:`node`."""
        return self._node().npm

    def _node(self) -> nodejs.Node:
        with locked(self.layout.dev / "node.lock", self.progress):
            return nodejs.ensure(
                self.layout.node, self.layout.node_lock, self.python, self.progress
            )

    def browser(self) -> Path:
        """Return Chromium, installing it (root needed, said before) if missing."""
        return chromium.ensure(self.progress)

    def variables(self) -> dict[str, str]:
        """Return the environment variables for a program that uses Odoo.

        Inside :meth:`postgres` they name the database server too.
        """
        kept = {k: v for k, v in os.environ.items() if k not in _DROPPED_VARIABLES}
        kept["PYTHONPATH"] = str(self.odoo.python_path)
        kept["PATH"] = f"{self.layout.venv / 'bin'}{os.pathsep}{kept.get('PATH', '')}"
        if self._server:
            kept.update(self._server.variables())
        return kept

    def odoo_command(self, arguments: Sequence[str]) -> list[str]:
        """Return the command line of Odoo with this environment's configuration.

        Run it with :meth:`variables`, inside :meth:`postgres`.
        """
        config = f"--config={self.layout.odoo_conf}"
        return [str(self.python), str(self.odoo.script), config, *arguments]

    def run_odoo_tool(
        self, words: Sequence[str], arguments: Sequence[str], log: Path
    ) -> Path:
        """Run one of Odoo's subcommands, such as ``["module", "uninstall"]``."""
        config = f"--config={self.layout.odoo_conf}"
        command = [str(self.python), str(self.odoo.script), *words, config, *arguments]
        return self._run_logged(command, log)

    def pytest_command(
        self, database: str, arguments: Sequence[str], *, http: bool = False
    ) -> list[str]:
        """Return the command line of pytest-odoo on a database with the addon.

        :param arguments: pytest's own, with test files named below the addon's link,
            as in ``.dev/addons/stock_channel_hub/tests/test_x.py``.
        :param bool http: serve requests during the tests, for ``HttpCase``.
        """
        addons = self.layout.addons
        options = [
            f"--config-file={self.layout.pytest_ini}",
            f"--rootdir={addons}",
            f"--confcutdir={addons}",
            f"--odoo-config={self.layout.odoo_conf}",
            f"--odoo-database={database}",
            f"-p{LEAKS}",
            *(["--odoo-http"] if http else []),
        ]
        return [str(self.python), "-m", "pytest", *options, *arguments]

    # -- databases ---------------------------------------------------------------

    @contextlib.contextmanager
    def postgres(self) -> Iterator[Server]:
        """Have a PostgreSQL server for the length of the block; may be nested."""
        if self._server:
            yield self._server
            return
        with contextlib.ExitStack() as stack:
            binaries = self.site_packages / postgres.BINARIES_IN_VENV
            if postgres.named_by_user(os.environ):
                server = postgres.from_variables(os.environ, binaries / "psql")
            else:
                server = stack.enter_context(
                    postgres.embedded(self.layout.postgres, binaries, self.progress)
                )
            self._server = server
            stack.callback(setattr, self, "_server", None)
            yield server

    @contextlib.contextmanager
    def using(self, server: Server | None) -> Iterator[None]:
        """Work on a server of the caller's own for the length of the block.

        :param server: None for the one that :meth:`postgres` gives.
        """
        former, self._server = self._server, server
        try:
            yield
        finally:
            self._server = former

    @property
    def server(self) -> Server:
        """The server of the surrounding :meth:`postgres` block."""
        if not self._server:
            raise RuntimeError("use this inside `with env.postgres():`")
        return self._server

    def filestore(self, database: str) -> Path:
        """Return the folder of a database's attachments."""
        return self.layout.data / _FILESTORE / database

    def create_database(self, name: str, template: str | None = None) -> None:
        """Create a database; with ``template``, a copy of it and of its files."""
        self.drop_database(name)
        self.server.create_database(name, template)
        if template and self.filestore(template).is_dir():
            # Attachments never change once written, so links to them are enough.
            shutil.copytree(
                self.filestore(template), self.filestore(name), copy_function=os.link
            )

    def drop_database(self, name: str) -> None:
        """Drop a database and its files, if they exist."""
        self.server.drop_database(name)
        shutil.rmtree(self.filestore(name), ignore_errors=True)

    def rename_database(self, name: str, new_name: str) -> None:
        """Rename a database with its files."""
        shutil.rmtree(self.filestore(new_name), ignore_errors=True)
        if self.filestore(name).is_dir():
            self.filestore(name).rename(self.filestore(new_name))
        self.server.rename_database(name, new_name)

    def database_name(self, purpose: str) -> str:
        """Return a database name that no other checkout on the server uses."""
        return f"sch_{self.layout.short_id}_{purpose}"

    def template_database(
        self, modules: Sequence[str] = (ADDON,), demo: bool = True
    ) -> str:
        """Return a database with the modules installed, kept between runs.

        It is rebuilt when the addon's installable sources or Odoo change.  Copy it with :meth:`create_database`; never connect to it.
        """
        return Templates(self).ensure(modules, demo)

    # -- Odoo --------------------------------------------------------------------

    def run_odoo_init(
        self,
        database: str,
        modules: Sequence[str],
        *,
        demo: bool = True,
        update: Sequence[str] = (),
        log_path: Path | None = None,
    ) -> Path:
        """Install (and update) modules in a database, creating it if needed.

        :return: the log file.
        :raise DevEnvError: if Odoo ends with an error, quoting its last lines.
        """
        arguments = ["-d", database, "--stop-after-init", "--no-http"]
        arguments += ["-i", ",".join(modules)] if modules else []
        arguments += ["-u", ",".join(update)] if update else []
        arguments += ["--with-demo"] if demo else []
        return self.run_odoo(arguments, log_path or self.log(f"init-{database}"))

    def run_odoo(self, arguments: Sequence[str], log: Path) -> Path:
        """Run one Odoo command to its end; return its log file."""
        return self._run_logged(self.odoo_command(arguments), log)

    def _run_logged(self, command: Sequence[str], log: Path) -> Path:
        log.parent.mkdir(parents=True, exist_ok=True)
        log.write_bytes(b"")
        status = call(command, env=self.variables(), log=log)
        if status:
            raise DevEnvError(
                f"Odoo ended with status {status}: read {log}; its last lines are:\n"
                f"{tail(log)}"
            )
        return log

    @contextlib.contextmanager
    def start_odoo(
        self,
        database: str,
        *,
        http_port: int | None = None,
        workers: int = 0,
        max_cron_threads: int = 2,
        arguments: Sequence[str] = (),
        log_path: Path | None = None,
        port_variable: str = "another value of http_port",
    ) -> Iterator[OdooServer]:
        """Serve a database for the length of the block, on loopback only.

        :param int http_port: a free one is chosen if absent.
        :param int workers: processes for requests; 0 serves from threads.
        :param int max_cron_threads: at least 2, so that one foreign job does not
            delay ours.
        :param str port_variable: how the user names another port, for the sentence
            that says that this one is taken.
        """
        if http_port:
            require_free_port(http_port, port_variable)
        port = http_port or free_port()
        sizes = [f"--workers={workers}", f"--max-cron-threads={max_cron_threads}"]
        where = _serving_arguments(database, port)
        command = self.odoo_command([*where, *sizes, *arguments])
        with serving(
            command,
            env=self.variables(),
            database=database,
            port=port,
            log=log_path or self.log(f"odoo-{database}"),
            progress=self.progress,
        ) as server:
            yield server

    def log(self, name: str) -> Path:
        """Return the path of a log file below ``.dev/logs``."""
        return self.layout.logs / f"{name}.log"


def _serving_arguments(database: str, port: int) -> list[str]:
    """Return Odoo's options to serve exactly one database, to this machine only.

    Without a filter: to apply one, Odoo asks PostgreSQL for the databases with each
    request, over a new connection, and that took longer than all the door does.
    """
    return [
        f"--database={database}",
        "--no-database-list",
        "--http-interface=127.0.0.1",
        f"--http-port={port}",
        f"--gevent-port={free_port()}",
    ]


def _site_packages(environment: Path) -> Path:
    """Return the packages folder of a virtual environment, found by its shape."""
    for folder in environment.glob("lib/python3.*/site-packages"):
        return folder
    raise DevEnvError(
        f"{environment} is not a Python environment any more: run `make clean` and the "
        "same command again."
    )
