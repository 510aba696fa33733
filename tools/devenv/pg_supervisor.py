"""Runs the embedded PostgreSQL for as long as at least one command uses it.

Started by :mod:`tools.devenv.postgres` as a detached process, never by hand.  Users
connect to its control port on loopback and keep the connection open.  When the last
one says ``bye`` or vanishes (even by ``kill -9``), the server is stopped.  One that
says ``bye`` gets its answer only after that stop, so "the command ended" means
"nothing is left running".

If this process itself is killed, the kernel tells PostgreSQL to shut down (parent
death signal), and a leftover server is stopped before the next start.
"""

from __future__ import annotations

import ctypes
import dataclasses
import json
import os
import pwd
import secrets
import selectors
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from .files import STAMP, digest

ROLE = "odoo"
UNPRIVILEGED = "nobody"
FIRST_USER_SECONDS = 30.0
START_SECONDS = 60.0
STOP_SECONDS = 30.0
LONGEST_SOCKET_FOLDER = 80  # the kernel allows 107 bytes for folder and file name
_PR_SET_PDEATHSIG = 1
SETTINGS = {
    # Throw-away databases: a power cut may lose them, a crash of a process may not.
    "fsync": "off",
    "full_page_writes": "off",
    "synchronous_commit": "off",
    "max_connections": "300",
    "shared_buffers": "256MB",
    "max_wal_size": "2GB",
    "listen_addresses": "127.0.0.1",
    "log_min_messages": "fatal",
    "log_min_error_statement": "fatal",
}


@dataclasses.dataclass
class Paths:
    """Files of one embedded server.

    :param Path state: where the state file, the log and (normally) the data lie.
    :param Path binaries: the folder with ``initdb`` and ``postgres``.
    """

    state: Path
    binaries: Path

    @property
    def state_file(self) -> Path:
        return self.state / "server.json"

    @property
    def password_file(self) -> Path:
        return self.state / "password"

    @property
    def log(self) -> Path:
        return self.state / "postgres.log"

    @property
    def relocated(self) -> Path:
        """Where data and programs lie if the checkout is closed to the server."""
        name = f"stock_channel_hub-pg-{digest(str(self.state))}"
        return Path(tempfile.gettempdir()) / name


class Cluster:
    """The data directory and the server process on it.

    :param settings: what differs from ``SETTINGS``.
    """

    def __init__(self, paths: Paths, settings: dict[str, str] | None = None) -> None:
        self._paths = paths
        self._settings = {**SETTINGS, **(settings or {})}
        self._user: str | None = UNPRIVILEGED if os.geteuid() == 0 else None
        self._base, self._binaries = self._reachable()
        self._data = self._base / "data"
        self._process: subprocess.Popen[bytes] | None = None
        self.port = 0

    def _reachable(self) -> tuple[Path, Path]:
        """Return base folder and binaries that the server's system user can reach.

        PostgreSQL refuses to run as root, so root's server runs as another user,
        to whom a checkout below a closed folder (``/root``) is out of reach: then
        data and binaries lie in a folder of the system's temporary directory.
        """
        state, binaries = self._paths.state, self._paths.binaries
        if self._user is None:
            return state, binaries
        probe = subprocess.run(
            [
                "/bin/sh",
                "-c",
                'test -x "$0" && test -x "$1"',
                binaries / "initdb",
                state,
            ],
            user=self._user,
            extra_groups=[],
            check=False,
        )
        if probe.returncode == 0:
            return state, binaries
        base = self._paths.relocated
        base.mkdir(mode=0o755, exist_ok=True)
        if base.stat().st_uid != os.geteuid():
            raise RuntimeError(f"{base} belongs to somebody else")
        return base, _copy_programs(binaries, base / "programs")

    def start(self) -> None:
        """Create the data directory if needed, start the server, wait for it."""
        self._stop_leftover()
        if not (self._data / "PG_VERSION").exists():
            self._create()
        # After a crash its clients look for it where it was.
        self.port = self.port or _free_port()
        settings = dict(self._settings, port=str(self.port))
        settings["unix_socket_directories"] = self._socket_folder()
        command = [str(self._binaries / "postgres"), "-D", str(self._data)]
        for name, value in settings.items():
            command += ["-c", f"{name}={value}"]
        with self._paths.log.open("wb") as log:
            self._process = subprocess.Popen(
                command,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
                cwd="/",
                user=self._user,
                extra_groups=[] if self._user else None,
                preexec_fn=_die_with_parent,  # noqa: PLW1509 - no threads here
            )
        self._wait_until_ready()

    def _wait_until_ready(self) -> None:
        deadline = time.monotonic() + START_SECONDS
        command = [str(self._binaries / "pg_isready"), "-q", "-h", "127.0.0.1"]
        while time.monotonic() < deadline:
            if not self.alive():
                break
            if subprocess.run([*command, "-p", str(self.port)], check=False).returncode:
                time.sleep(0.05)
                continue
            return
        self.stop()
        raise RuntimeError(f"PostgreSQL did not start: {_last_line(self._paths.log)}")

    def alive(self) -> bool:
        """Tell whether the server process runs."""
        return self._process is not None and self._process.poll() is None

    def stop(self) -> None:
        """Stop the server: at once for its clients, cleanly for its data."""
        if self._process is None or self._process.poll() is not None:
            return
        self._process.send_signal(signal.SIGINT)
        try:
            self._process.wait(STOP_SECONDS)
        except subprocess.TimeoutExpired:
            self._process.send_signal(signal.SIGQUIT)
            self._process.wait()

    def crash(self) -> None:
        """End the server at once and without a word, as a crash does."""
        if self._process is not None and self._process.poll() is None:
            self._process.send_signal(signal.SIGQUIT)
            self._process.wait()

    def _stop_leftover(self) -> None:
        """Stop a server that outlived a supervisor that was killed."""
        if (self._data / "postmaster.pid").exists():
            self._command("pg_ctl", "stop", "-m", "fast", "-t", "20", check=False)

    def _create(self) -> None:
        """Create the data directory under a temporary name, then rename it."""
        partial = self._base / "data.partial"
        shutil.rmtree(partial, ignore_errors=True)
        shutil.rmtree(self._data, ignore_errors=True)
        partial.mkdir(mode=0o700)
        password = secrets.token_urlsafe(18)
        handover = self._base / "password.handover"
        handover.unlink(missing_ok=True)
        with os.fdopen(os.open(handover, os.O_CREAT | os.O_WRONLY, 0o600), "w") as file:
            file.write(password)
        if self._user:
            owner = pwd.getpwnam(self._user)
            for path in (partial, handover):
                os.chown(path, owner.pw_uid, owner.pw_gid)
        try:
            self._command(
                "initdb",
                "--encoding=UTF8",
                "--locale=C",
                "--locale-provider=builtin",
                "--builtin-locale=C.UTF-8",
                "--no-sync",
                "--auth=scram-sha-256",
                f"--username={ROLE}",
                f"--pwfile={handover}",
                data=partial,
            )
        finally:
            handover.unlink(missing_ok=True)
        self._paths.password_file.unlink(missing_ok=True)
        _write_private(self._paths.password_file, password)
        partial.rename(self._data)

    def _command(
        self,
        program: str,
        *arguments: str,
        data: Path | None = None,
        check: bool = True,
    ) -> None:
        done = subprocess.run(
            [self._binaries / program, "-D", data or self._data, *arguments],
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            cwd="/",
            user=self._user,
            extra_groups=[] if self._user else None,
            check=False,
        )
        if check and done.returncode:
            lines = (done.stderr or done.stdout).strip().splitlines()
            raise RuntimeError(
                f"{program} failed: {lines[-1] if lines else 'silently'}"
            )

    def _socket_folder(self) -> str:
        folder = str(self._data)
        return folder if len(folder.encode()) <= LONGEST_SOCKET_FOLDER else ""


def _copy_programs(binaries: Path, target: Path) -> Path:
    """Copy PostgreSQL with its libraries, whose relative places the programs know."""
    version = binaries.parent
    package = version.parent
    libraries = package.with_name(f"{package.name}.libs")
    if not (target / STAMP).exists():
        shutil.rmtree(target, ignore_errors=True)
        copied = target / package.name / version.name
        shutil.copytree(version, copied, symlinks=True)
        shutil.copytree(libraries, target / libraries.name, symlinks=True)
        (target / STAMP).touch()
    return target / package.name / version.name / binaries.name


def _die_with_parent() -> None:
    ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGINT)


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


def _last_line(log: Path) -> str:
    lines = log.read_text(errors="replace").strip().splitlines()
    return lines[-1] if lines else "it printed nothing"


def _write_private(path: Path, text: str) -> None:
    partial = path.with_name(f".{path.name}.partial")
    partial.unlink(missing_ok=True)
    with os.fdopen(os.open(partial, os.O_CREAT | os.O_WRONLY, 0o600), "w") as file:
        file.write(text)
    partial.replace(path)


class Supervisor:
    """Counts the users of one server and stops it after the last."""

    def __init__(self, cluster: Cluster, paths: Paths) -> None:
        self._cluster = cluster
        self._paths = paths
        self._token = secrets.token_hex(16)
        self._selector = selectors.DefaultSelector()
        self._users: set[socket.socket] = set()
        self._goodbye: socket.socket | None = None

    def serve(self) -> None:
        """Start the server, serve users, stop it; remove the state file last."""
        listener = socket.create_server(("127.0.0.1", 0))
        self._selector.register(listener, selectors.EVENT_READ)
        try:
            self._cluster.start()
            state = {
                "pid": os.getpid(),
                "control_port": listener.getsockname()[1],
                "token": self._token,
                "port": self._cluster.port,
            }
            _write_private(self._paths.state_file, json.dumps(state))
            self._loop(listener)
        finally:
            # No new user may come in between: they would get a dying server.
            listener.close()
            self._cluster.stop()
            self._paths.state_file.unlink(missing_ok=True)
            if self._goodbye:
                self._goodbye.close()

    def _loop(self, listener: socket.socket) -> None:
        deadline = time.monotonic() + FIRST_USER_SECONDS
        while self._cluster.alive():
            for key, _events in self._selector.select(timeout=1.0):
                if key.fileobj is listener:
                    self._welcome(listener.accept()[0])
                    deadline = 0.0
                elif isinstance(key.fileobj, socket.socket):
                    self._hear(key.fileobj)
            if not self._users and time.monotonic() > deadline:
                return

    def _welcome(self, user: socket.socket) -> None:
        user.settimeout(5.0)
        try:
            authentic = user.recv(64).decode(errors="replace").strip() == self._token
            if authentic:
                user.sendall(b"ready\n")
        except OSError:
            authentic = False
        if not authentic:
            user.close()
            return
        self._users.add(user)
        self._selector.register(user, selectors.EVENT_READ)

    def _hear(self, user: socket.socket) -> None:
        try:
            said = user.recv(64)
        except OSError:
            said = b""
        self._selector.unregister(user)
        self._users.discard(user)
        if said and not self._users:
            self._goodbye = user  # answered by closing, once the server has stopped
        else:
            user.close()


def main() -> int:
    """Entry point: ``python -m tools.devenv.pg_supervisor STATE BINARIES``."""
    paths = Paths(Path(sys.argv[1]), Path(sys.argv[2]))
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    try:
        Supervisor(Cluster(paths), paths).serve()
    except (RuntimeError, OSError) as error:
        print(error, file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
