"""Two Odoo servers on one database, whose processes are killed, frozen and replaced."""

from __future__ import annotations

import contextlib
import os
import random
import shutil
import signal
import threading
import urllib.error
import urllib.request
from collections import Counter
from collections.abc import Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path

from tools.demo.waiting import wait_for
from tools.devenv import (
    DevEnvError,
    Environment,
    OdooServer,
    free_port,
    require_free_port,
)

from .diary import Diary

VARIABLE = "STOCK_CHANNEL_HUB_KILL_POINTS"
OPTION = "stock_channel_hub_kill_points"
"""As in ``models/kill_points.py``, which only Odoo can load."""

SERVERS = 2
WORKERS = 2
CRON_WORKERS = 2


@dataclass
class Fleet:
    """The servers, and the folder whose files their workers die of.

    A server whose database is gone at the wrong moment ends by itself: Odoo wants to be
    started again by whoever looks after it, and here that is this.

    :param points: that folder; see ``models/kill_points.py``.
    :param killed: how many processes were killed, by how.
    :param masters: number of the server, from 0, by the process id of its master, of
        those that are gone too. All of its workers' connections bear that id.
    :param revived: how many servers were started again that had ended by themselves.
    """

    env: Environment
    points: Path
    diary: Diary = field(default_factory=Diary)
    servers: list[OdooServer] = field(default_factory=list)
    killed: Counter[str] = field(default_factory=Counter)
    revived: int = 0
    _stacks: list[contextlib.ExitStack] = field(default_factory=list)
    _ports: list[int] = field(
        default_factory=lambda: [free_port() for _ in range(SERVERS)]
    )
    masters: dict[int, int] = field(default_factory=dict)
    _made: int = 0
    _logs: list[tuple[int, Path]] = field(default_factory=list)
    _dead: set[int] = field(default_factory=set)
    _lock: threading.RLock = field(default_factory=threading.RLock)
    _is_over: threading.Event = field(default_factory=threading.Event)

    @property
    def urls(self) -> list[str]:
        """Return the servers' addresses."""
        return [server.url for server in self.servers]

    def start(self, database: str) -> None:
        """Start both servers at once, always at the same addresses."""
        self._configure()
        numbers = range(SERVERS)
        self._stacks = [contextlib.ExitStack() for _number in numbers]
        with ThreadPoolExecutor(SERVERS) as pool:
            self.servers = list(
                pool.map(lambda number: self._start_one(number, database), numbers)
            )
        self._is_over = threading.Event()
        threading.Thread(target=self._tend, args=(self._is_over,), daemon=True).start()

    def _start_one(self, number: int, database: str) -> OdooServer:
        # One file per start: what the former one logged is kept.
        times = sum(1 for of, _log in self._logs if of == number)
        log = self.env.log(f"harness-odoo-{number + 1}-{times + 1}")
        self._logs.append((number, log))
        server = self._stacks[number].enter_context(
            self.env.start_odoo(
                database,
                http_port=self._ports[number],
                workers=WORKERS,
                max_cron_threads=CRON_WORKERS,
                arguments=[f"--config={self._config}"],
                log_path=log,
            )
        )
        self.masters[server.process.pid] = number
        return server

    def _tend(self, is_over: threading.Event) -> None:
        """Start again whichever server has ended by itself, until all are stopped."""
        while not is_over.wait(0.5):
            with self._lock:
                for number, server in enumerate(self.servers):
                    has_ended = server.process.poll() is not None
                    if has_ended and number not in self._dead and not is_over.is_set():
                        self._revive(number)

    def _revive(self, number: int) -> None:
        self.diary.note(f"server {number + 1} ended by itself and is started again")
        try:
            self._clear(number)
            self.start_one(number)
            self.revived += 1
        except DevEnvError as error:
            self.diary.note(f"it could not be started: {str(error)[:200]}")

    def replace_one(self, number: int) -> None:
        """Kill a whole server with all its workers, then start another in its place."""
        with self._lock:
            self.kill_server(number)
            self.start_one(number)

    def kill_server(self, number: int) -> None:
        """Kill a whole server with all its workers, all at once."""
        with self._lock:
            self._dead.add(number)
            with contextlib.suppress(ProcessLookupError):
                os.killpg(self.servers[number].process.pid, signal.SIGKILL)
            self.killed["server"] += 1
            self.diary.note(f"killed server {number + 1}")
            self._clear(number)

    def start_one(self, number: int) -> None:
        """Start a server that is dead, at its address."""
        with self._lock:
            database = self.servers[number].database
            self.servers[number] = self._start_one(number, database)
            self._dead.discard(number)
            self.diary.note(f"started server {number + 1}")

    def start_dead(self) -> None:
        """Start every server that was killed and not replaced."""
        with self._lock:
            for number in sorted(self._dead):
                self.start_one(number)

    def _clear(self, number: int) -> None:
        """Let nothing be left of a server."""
        self._stacks[number].close()
        self._stacks[number] = contextlib.ExitStack()
        # Its workers take a moment to die, and hold the address as long.
        port = self.servers[number].port
        wait_for(partial(_in_use, port), seconds=30, what="the port to be free")

    def stop(self) -> None:
        """Stop them and all of their processes."""
        self._is_over.set()
        with self._lock:
            self.thaw()
            while self._stacks:
                self._stacks.pop().close()
            self.servers.clear()
            self._dead.clear()

    @property
    def _config(self) -> Path:
        return self.points.with_name("odoo.conf")

    def _configure(self) -> None:
        """Write the configuration that, with the variable, arms the kill points."""
        text = self.env.layout.odoo_conf.read_text(encoding="utf-8")
        self._config.write_text(f"{text}{OPTION} = {self.points}\n", encoding="utf-8")

    # ------------------------------------------------------------------ killing

    def arm(self, point: str, *words: str, times: int = 1) -> None:
        """Let whoever passes a point die, so many times.

        :param words: ``stop`` to freeze instead, and the key that is meant.
        """
        self.diary.note(f"armed {' '.join((point, *words))}, {times} times")
        for _time in range(times):
            self._made += 1
            partial = self.points / f".{point}.{self._made}"
            partial.write_text(" ".join(words), encoding="utf-8")
            partial.rename(self.points / f"{point}.{self._made}")

    def armed(self, point: str) -> int:
        """Return how many deaths at a point are still to come."""
        files = self.points.glob(f"{point}.*")
        return sum(1 for file in files if file.suffix != ".pid")

    def disarm(self) -> None:
        """Take back what nobody died of, and wake whoever is frozen."""
        self.thaw()
        for file in self.points.iterdir():
            file.unlink(missing_ok=True)

    def frozen(self) -> list[int]:
        """Return the processes that a point has frozen."""
        return [
            int(file.read_text(encoding="utf-8"))
            for file in sorted(self.points.glob("*.pid"))
        ]

    def thaw(self) -> None:
        """Let the frozen go on."""
        for pid in self.frozen():
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGCONT)
        for file in self.points.glob("*.pid"):
            file.unlink(missing_ok=True)

    def kill_one(self, dice: random.Random) -> bool:
        """Kill one worker of one server, whatever it is doing."""
        workers = self.workers()
        if not workers:
            return False
        with contextlib.suppress(ProcessLookupError):
            pid = dice.choice(workers)
            os.kill(pid, signal.SIGKILL)
            self.killed["worker"] += 1
            self.diary.note(f"killed worker {pid}")
        return True

    def workers(self) -> list[int]:
        """Return the process ids of all workers; the masters are none."""
        masters = {server.process.pid for server in self.servers}
        return sorted(pid for pid, parent in parents().items() if parent in masters)

    def for_people(self) -> set[int]:
        """Return the workers that answer requests; those that run jobs are nicer."""
        return {pid for pid in self.workers() if niceness(pid) <= 0}

    def wait_ready(self, seconds: float = 60) -> None:
        """Wait until every server answers.

        :raise DevEnvError: when one does not in time.
        """
        wait_for(self._silent, seconds=seconds, what="the servers to answer")

    def _silent(self) -> list[str]:
        opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
        problems = []
        for url in self.urls:
            try:
                with opener.open(f"{url}/web/health", timeout=5) as answer:
                    answer.read()
            except (OSError, urllib.error.URLError) as error:
                problems.append(f"{url}: {error}")
        return problems

    def marks(self) -> dict[Path, int]:
        """Return how long each log is by now, in characters."""
        return {log: len(_text(log)) for _number, log in self._logs}

    def log(self, since: Mapping[Path, int] | None = None) -> str:
        """Return all that the servers logged, those that are gone too.

        :param since: what ``marks`` said; the rest is left out.
        """
        marks = since or {}
        return "".join(_text(log)[marks.get(log, 0) :] for _number, log in self._logs)


def _text(log: Path) -> str:
    """Return a log; empty while there is none."""
    return log.read_text(encoding="utf-8", errors="replace") if log.exists() else ""


def _in_use(port: int) -> list[str]:
    """Return why nobody can listen at a port."""
    try:
        require_free_port(port, "")
    except DevEnvError as error:
        return [str(error)]
    return []


def niceness(pid: int) -> int:
    """Return how nice a process is; 0 for one that is gone."""
    try:
        return os.getpriority(os.PRIO_PROCESS, pid)
    except ProcessLookupError:
        return 0


def parents() -> dict[int, int]:
    """Return the parent of every process of this machine, by process id."""
    found = {}
    for folder in Path("/proc").iterdir():
        if folder.name.isdecimal():
            with contextlib.suppress(OSError, IndexError, ValueError):
                status = (folder / "stat").read_text(encoding="utf-8", errors="replace")
                # The name before it may hold anything, spaces and brackets too.
                found[int(folder.name)] = int(status.rpartition(")")[2].split()[1])
    return found


@contextlib.contextmanager
def fleet(env: Environment, database: str, diary: Diary) -> Iterator[Fleet]:
    """Serve a database from two servers for the length of the block."""
    points = env.layout.dev / "harness" / "points"
    shutil.rmtree(points, ignore_errors=True)
    points.mkdir(parents=True)
    os.environ[VARIABLE] = str(points)
    made = Fleet(env, points, diary)
    try:
        made.start(database)
        yield made
    finally:
        made.stop()
        os.environ.pop(VARIABLE, None)
