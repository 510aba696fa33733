"""Processes that work through the inbox of one database, as its scheduled jobs do."""

from __future__ import annotations

import contextlib
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

from . import odoo_session

_READY = "ready"


class Workers:
    """Some processes that each work when told to, until nothing is due."""

    def __init__(self, processes: list[subprocess.Popen[str]]) -> None:
        self._processes = processes
        self._wait()

    def run(self) -> None:
        """Let all of them work, and wait for the last."""
        for process in self._processes:
            print("work", file=process.stdin, flush=True)
        self._wait()

    def _wait(self) -> None:
        for process in self._processes:
            for line in process.stdout or ():
                if line.strip() == _READY:
                    break
            else:
                raise RuntimeError("a worker has ended")


@contextlib.contextmanager
def started(count: int, config: Path, database: str) -> Iterator[Workers]:
    """Start so many workers; they end with the block."""
    command = [sys.executable, "-m", "benchmarks.session", "work"]
    with contextlib.ExitStack() as stack:
        processes = [
            stack.enter_context(
                subprocess.Popen(
                    [*command, str(config), database],
                    stdin=subprocess.PIPE,
                    stdout=subprocess.PIPE,
                    text=True,
                )
            )
            for _number in range(count)
        ]
        try:
            yield Workers(processes)
        finally:
            for process in processes:
                if process.stdin:
                    process.stdin.close()


def work(database: str) -> None:
    """Work through the inbox once for each line that comes, until none does."""
    with odoo_session.opened(database, has_chatter=True) as env:
        print(_READY, flush=True)
        for _line in sys.stdin:
            env["stock.channel.message"]._cron_inbox()
            print(_READY, flush=True)
