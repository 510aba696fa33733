"""Progress of long steps, readable on a terminal and in a CI log alike.

A step prints one line when it starts, one line every ten seconds while it runs
(so that nobody mistakes a slow download for a hang) and one when it is done.
"""

from __future__ import annotations

import contextlib
import sys
import threading
import time
from collections.abc import Iterator
from typing import TextIO

HEARTBEAT_SECONDS = 10.0


class Step:
    """A step under way; a step that ends without an exception may still have failed."""

    def __init__(self) -> None:
        self.failed = False


class Progress:
    """Prints steps to a stream.

    :param TextIO stream: where to print; stderr by default, so that the output
        of commands that are run for the user stays clean on stdout.
    :param bool quiet: print nothing at all (used by tests and by callers that
        draw their own progress).
    """

    def __init__(self, stream: TextIO | None = None, quiet: bool = False) -> None:
        self._stream = stream
        self._quiet = quiet
        self._lock = threading.Lock()

    def say(self, text: str) -> None:
        """Print one line."""
        if self._quiet:
            return
        with self._lock, contextlib.suppress(BrokenPipeError):
            print(text, file=self._stream or sys.stderr, flush=True)

    @contextlib.contextmanager
    def step(self, title: str) -> Iterator[Step]:
        """Announce a step, keep a heartbeat while the block runs, say how it ended."""
        self.say(f"  .. {title}")
        started = time.monotonic()
        done = threading.Event()

        def beat() -> None:
            while not done.wait(HEARTBEAT_SECONDS):
                self.say(f"     {title}: {time.monotonic() - started:.0f} s so far")

        heartbeat = threading.Thread(target=beat, name="progress", daemon=True)
        heartbeat.start()
        step = Step()
        outcome = "!!"
        try:
            yield step
            outcome = "!!" if step.failed else "ok"
        finally:
            done.set()
            heartbeat.join()
            self.say(f"  {outcome} {title} ({time.monotonic() - started:.1f} s)")
