"""Child processes that never outlive us.

Each child gets a process group of its own, so that everything it started in turn
(Odoo's workers, Chromium) can be ended together.  SIGTERM and SIGHUP are turned
into ``SystemExit`` and SIGINT into ``KeyboardInterrupt``, so that every ``finally``
on the way out runs and ends what it started.
"""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from types import FrameType
from typing import TypeVar

from .errors import CommandFailed, DevEnvError, explain
from .progress import Progress

Arguments = Sequence[str | os.PathLike[str]]
Result = TypeVar("Result")

TERMINATE_GRACE_SECONDS = 10.0
TRIES = 3
BURST_SECONDS = 5.0
_ENDING_SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)


class _Unwinder:
    """Turns an ending signal into an exception, but a burst of them into one.

    ``make`` and ``timeout`` pass a signal on to their whole group, so that we get it
    twice; the second must not interrupt the clean-up that the first has begun.  After
    some seconds a further signal counts again, should the clean-up hang.
    """

    def __init__(self) -> None:
        self._last = -BURST_SECONDS

    def __call__(self, signum: int, _frame: FrameType | None) -> None:
        now = time.monotonic()
        if now - self._last < BURST_SECONDS:
            return
        self._last = now
        if signum == signal.SIGINT:
            raise KeyboardInterrupt
        raise SystemExit(128 + signum)


def install_signal_handlers() -> None:
    """Make SIGINT, SIGTERM and SIGHUP unwind the stack, once."""
    unwinder = _Unwinder()
    for signum in _ENDING_SIGNALS:
        signal.signal(signum, unwinder)


@contextlib.contextmanager
def _signals_held() -> Iterator[None]:
    """Keep a second, impatient Ctrl-C from interrupting the clean-up itself."""
    previous = signal.pthread_sigmask(signal.SIG_BLOCK, _ENDING_SIGNALS)
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, previous)


def spawn(
    arguments: Arguments,
    *,
    cwd: Path | None = None,
    env: Mapping[str, str] | None = None,
    output: int | None = None,
) -> subprocess.Popen[str]:
    """Start a program in a process group of its own, without standard input.

    :param int output: file descriptor for stdout and stderr; inherited if absent.
    """
    try:
        return subprocess.Popen(
            [os.fspath(item) for item in arguments],
            cwd=cwd,
            env=dict(env) if env is not None else None,
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT if output is not None else None,
            text=True,
            errors="replace",
            start_new_session=True,
        )
    except FileNotFoundError as error:
        raise DevEnvError(
            f"The program {os.fspath(arguments[0])} is missing: install it and run "
            "the same command again."
        ) from error


def stop_group(
    process: subprocess.Popen[str], grace: float = TERMINATE_GRACE_SECONDS
) -> None:
    """End a spawned process and everything in its group.

    :param float grace: seconds to wait after SIGTERM before SIGKILL.
    """
    with _signals_held():
        _signal_group(process.pid, signal.SIGTERM)
        with contextlib.suppress(subprocess.TimeoutExpired):
            process.wait(grace)
        _signal_group(process.pid, signal.SIGKILL)
        process.wait()


def _signal_group(group: int, signum: signal.Signals) -> None:
    with contextlib.suppress(ProcessLookupError, PermissionError):
        os.killpg(group, signum)


@contextlib.contextmanager
def running(
    arguments: Arguments,
    *,
    cwd: Path | None = None,
    env: Mapping[str, str] | None = None,
    log: Path | None = None,
    grace: float = TERMINATE_GRACE_SECONDS,
) -> Iterator[subprocess.Popen[str]]:
    """Run a program for the length of the block; end its whole group afterwards."""
    with contextlib.ExitStack() as stack:
        descriptor = None
        if log is not None:
            log.parent.mkdir(parents=True, exist_ok=True)
            descriptor = stack.enter_context(log.open("ab")).fileno()
        process = spawn(arguments, cwd=cwd, env=env, output=descriptor)
        try:
            yield process
        finally:
            stop_group(process, grace)


def call(
    arguments: Arguments,
    *,
    cwd: Path | None = None,
    env: Mapping[str, str] | None = None,
    log: Path | None = None,
) -> int:
    """Run a program to its end with our own output (or ``log``); return its status."""
    with running(arguments, cwd=cwd, env=env, log=log) as process:
        return process.wait()


def run(
    arguments: Arguments,
    purpose: str,
    *,
    cwd: Path | None = None,
    env: Mapping[str, str] | None = None,
) -> str:
    """Run a program, return all it printed.

    :param str purpose: begins the sentence of the error, as in
        "Fetching Odoo failed because ...".
    :raise CommandFailed: if it exits non-zero.
    """
    process = spawn(arguments, cwd=cwd, env=env, output=subprocess.PIPE)
    try:
        output, _ = process.communicate()
    finally:
        stop_group(process)
    if process.returncode:
        cause, way_out = explain(output)
        raise CommandFailed(
            f"{purpose} failed because {cause}: {way_out}.", output, process.returncode
        )
    return output


def three_times(
    action: Callable[[], Result],
    progress: Progress,
    pause: float = 3.0,
) -> Result:
    """Try a download up to three times; the last failure is the caller's.

    :param float pause: seconds before the second try; doubled before the third.
    """
    for attempt in range(1, TRIES):
        try:
            return action()
        except CommandFailed as error:
            progress.say(f"     try {attempt} of {TRIES} failed: {error}")
            time.sleep(pause * attempt)
    return action()


def guarded(main: Callable[[], int]) -> int:
    """Run a command-line entry point with this package's rules for failures.

    A foreseen failure is one sentence on stderr and status 1; an interruption is
    status 130 (Ctrl-C) or 128 + signal, after everything started has been ended.
    """
    install_signal_handlers()
    try:
        return main()
    except DevEnvError as error:
        print(f"error: {error}", file=sys.stderr, flush=True)
        return 1
    except KeyboardInterrupt:
        print("interrupted; nothing is left running", file=sys.stderr, flush=True)
        return 130
    except OSError as error:
        print(
            f"error: {error.strerror or error}"
            f"{f' ({error.filename})' if error.filename else ''}: "
            "fix that and run the same command again.",
            file=sys.stderr,
            flush=True,
        )
        return 1
