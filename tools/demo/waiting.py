"""Bounded polling: wait for a state, never for a time."""

from __future__ import annotations

import time
from collections.abc import Callable

from tools.devenv import DevEnvError

PAUSE = 0.1
"""Seconds between two looks."""


def wait_for(problems: Callable[[], list[str]], *, seconds: float, what: str) -> float:
    """Look until there is no problem left; return how many seconds it took.

    :param problems: what is still wrong, in words; empty when all is well.
    :raise DevEnvError: when something is still wrong at the end, with what it is.
    """
    start = time.monotonic()
    while True:
        left = problems()
        passed = time.monotonic() - start
        if not left:
            return passed
        if passed > seconds:
            shown = "; ".join(left[:4])
            more = f"; and {len(left) - 4} more" if len(left) > 4 else ""
            raise DevEnvError(
                f"Waited {seconds:.0f} s in vain for {what}: {shown}{more}."
            )
        time.sleep(PAUSE)
