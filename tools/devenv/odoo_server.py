"""A running Odoo: started, waited for, watched, and ended with all its workers."""

from __future__ import annotations

import contextlib
import dataclasses
import http.client
import socket
import subprocess
import time
import urllib.error
import urllib.request
from collections.abc import Iterator, Mapping
from pathlib import Path

from .errors import DevEnvError, tail
from .processes import Arguments, running
from .progress import Progress

HEALTH_PATH = "/web/health"
START_SECONDS = 180.0
STOP_GRACE_SECONDS = 15.0


@dataclasses.dataclass(frozen=True)
class OdooServer:
    """An Odoo that answers requests.

    :param str url: its address, without a slash at the end.
    :param Path log: everything it prints.
    :param Popen process: the main process; its workers are in its process group.
    """

    url: str
    database: str
    port: int
    log: Path
    process: subprocess.Popen[str]

    def check_alive(self) -> None:
        """:raise DevEnvError: with the last log lines, if the server has died."""
        if self.process.poll() is not None:
            raise DevEnvError(_death_notice(self.process, self.log))


def free_port() -> int:
    """Return a loopback port that is free right now."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


def require_free_port(port: int, variable: str) -> None:
    """Refuse a taken port with one sentence.

    :param str variable: how the user names another port.
    """
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("127.0.0.1", port))
        except OSError as error:
            raise DevEnvError(
                f"Port {port} on this machine is taken by another program: end that "
                f"program, or name another port with {variable}."
            ) from error


@contextlib.contextmanager
def serving(
    command: Arguments,
    *,
    env: Mapping[str, str],
    database: str,
    port: int,
    log: Path,
    progress: Progress,
) -> Iterator[OdooServer]:
    """Run an Odoo server for the length of the block.

    :raise DevEnvError: if it dies or does not answer, quoting its last log lines.
    """
    log.parent.mkdir(parents=True, exist_ok=True)
    log.write_bytes(b"")
    with running(command, env=env, log=log, grace=STOP_GRACE_SECONDS) as process:
        server = OdooServer(f"http://127.0.0.1:{port}", database, port, log, process)
        with progress.step(f"Odoo on port {port}"):
            _wait_until_healthy(server)
        yield server


def _wait_until_healthy(server: OdooServer) -> None:
    deadline = time.monotonic() + START_SECONDS
    while time.monotonic() < deadline:
        server.check_alive()
        if _healthy(server.url):
            return
        time.sleep(0.2)
    raise DevEnvError(
        f"Odoo did not answer on {server.url} within {START_SECONDS:.0f} s: read "
        f"{server.log}; its last lines are:\n{tail(server.log)}"
    )


def _healthy(url: str) -> bool:
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    try:
        with opener.open(url + HEALTH_PATH, timeout=5.0) as answer:
            return bool(answer.status == 200)
    except (urllib.error.URLError, http.client.HTTPException, OSError):
        return False


def _death_notice(process: subprocess.Popen[str], log: Path) -> str:
    return (
        f"Odoo ended by itself with status {process.returncode}: read {log}; its last "
        f"lines are:\n{tail(log)}"
    )
