"""A PostgreSQL of the harness's own, which is crashed and started again."""

from __future__ import annotations

import contextlib
import os
import signal
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import psycopg2  # type: ignore[import-untyped]

from tools.devenv import Environment
from tools.devenv.pg_supervisor import ROLE, Cluster, Paths
from tools.devenv.postgres import BINARIES_IN_VENV, Server

from .diary import Diary

SETTINGS = {
    # What is committed has to survive the crash of a process. (Not a power cut: that
    # takes ``fsync``, which is the disk's business and not ours.)
    "synchronous_commit": "on",
    "log_min_messages": "error",
    "log_min_error_statement": "error",
    "log_line_prefix": "%m [%a] ",
    "max_connections": "200",
}

Row = tuple[Any, ...]


class Database:
    """The server, and questions to the one database on it that is played with.

    :param str name: that database, once it exists.
    """

    def __init__(self, folder: Path, binaries: Path, diary: Diary) -> None:
        self._diary = diary
        self._paths = Paths(folder, binaries)
        self._cluster = Cluster(self._paths, SETTINGS)
        self.name = ""
        self.crashes = 0
        self._connection: Any = None
        self._lock = threading.RLock()

    def start(self) -> None:
        """Start the server, recovering if it crashed."""
        self._cluster.start()

    def stop(self) -> None:
        """Stop the server."""
        self.let_go()
        self._cluster.stop()

    def crash(self) -> None:
        """Crash the whole server and start it again; whoever was connected is not."""
        self._cluster.crash()
        self.crashes += 1
        self._cluster.start()
        self._diary.note("crashed the database and started it again")

    def crash_backend(self) -> None:
        """Kill one connection's process: the server recovers as from a crash."""
        rows = self.rows(
            "SELECT pid FROM pg_stat_activity WHERE datname = %s"
            " AND backend_type = 'client backend' AND pid <> pg_backend_pid()"
            " ORDER BY state = 'active' DESC LIMIT 1",
            self.name,
        )
        if rows:
            with contextlib.suppress(ProcessLookupError):
                os.kill(rows[0][0], signal.SIGKILL)
            self.crashes += 1
            self._diary.note("killed a process of the database, which recovers")

    def server(self) -> Server:
        """Return the server as the development environment knows one."""
        return Server(
            host="127.0.0.1",
            port=self._cluster.port,
            user=ROLE,
            password=self._paths.password_file.read_text(encoding="utf-8"),
            psql=self._paths.binaries / "psql",
        )

    def connect(self, name: str = "") -> Any:
        """Return a connection; whoever asks closes it."""
        server = self.server()
        return psycopg2.connect(
            host=server.host,
            port=server.port,
            user=server.user,
            password=server.password,
            dbname=name or self.name,
            connect_timeout=10,
        )

    def let_go(self) -> None:
        """Hold no connection, so that the database can be copied."""
        with self._lock:
            if self._connection:
                self._connection.close()
            self._connection = None

    def execute(self, statement: str, values: object) -> list[Row]:
        """Run one statement, committed at once, on a connection that is kept."""
        with self._lock:
            try:
                return self._execute(statement, values)
            except (psycopg2.OperationalError, psycopg2.InterfaceError):
                # It was of the time before the crash.
                self.let_go()
                return self._execute(statement, values)

    def _execute(self, statement: str, values: object) -> list[Row]:
        if not self._connection:
            self._connection = self.connect()
            self._connection.autocommit = True
        with self._connection.cursor() as cursor:
            cursor.execute(statement, values)
            return list(cursor.fetchall()) if cursor.description else []

    def rows(self, statement: str, *values: object) -> list[Row]:
        """Return the rows of one statement, committed at once."""
        return self.execute(statement, values)

    def notify(self, channel: str, text: str) -> None:
        """Tell whoever listens on the server's own database."""
        with contextlib.closing(self.connect("postgres")) as connection:
            connection.autocommit = True
            with connection.cursor() as cursor:
                cursor.execute("SELECT pg_notify(%s, %s)", [channel, text])

    def value(self, statement: str, *values: object) -> Any:
        """Return the one value of one statement."""
        return self.rows(statement, *values)[0][0]

    @contextlib.contextmanager
    def transaction(self, statement: str, *values: object) -> Iterator[Any]:
        """Hold a transaction open for the length of the block, after a statement."""
        with contextlib.closing(self.connect()) as connection:
            with connection.cursor() as cursor:
                cursor.execute(statement, values)
                yield cursor
            connection.rollback()


@contextlib.contextmanager
def own_database(env: Environment, diary: Diary) -> Iterator[Database]:
    """Run the harness's own server for the length of the block."""
    folder = env.layout.dev / "harness" / "pg"
    folder.mkdir(parents=True, exist_ok=True)
    database = Database(folder, env.site_packages / BINARIES_IN_VENV, diary)
    with env.progress.step("PostgreSQL of the harness"):
        database.start()
    try:
        with env.using(database.server()):
            yield database
    finally:
        database.stop()
