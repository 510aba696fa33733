"""The process of a shop, and the wait until it answers."""

from __future__ import annotations

import contextlib
import time
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

from tools.devenv import DevEnvError, Environment, running
from tools.devenv.errors import tail

from .calling import JsonCaller

START_SECONDS = 90.0


@contextlib.contextmanager
def serving(
    env: Environment,
    label: str,
    command: Sequence[str],
    *,
    folder: Path,
    variables: Mapping[str, str],
    caller: JsonCaller,
) -> Iterator[None]:
    """Run a shop for the length of the block; it answers when the block begins.

    :raise DevEnvError: if it dies or does not answer, quoting its last log lines.
    """
    log = env.log(label.lower())
    log.unlink(missing_ok=True)
    with running(list(command), cwd=folder, env=dict(variables), log=log) as process:
        with env.progress.step(f"{label} at {caller.url}"):
            deadline = time.monotonic() + START_SECONDS
            while not caller.is_healthy():
                if process.poll() is not None or time.monotonic() > deadline:
                    raise DevEnvError(
                        f"{label} did not answer within {START_SECONDS:.0f} s: read "
                        f"{log}; its last lines are:\n{tail(log)}"
                    )
                time.sleep(0.1)
        yield
