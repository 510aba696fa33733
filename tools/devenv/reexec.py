"""Restart a program of this repository under the environment's Python."""

from __future__ import annotations

import os
import sys

from .environment import Environment
from .paths import Layout
from .processes import guarded
from .progress import Progress


def reexec_in_venv() -> None:
    """Return at once under the environment's Python, else restart there.

    Call it before importing anything that is not in the standard library.  The
    module and its arguments are kept; the working directory becomes the repository
    root, so that ``python -m tools.<name>`` finds the same module again.  Exits with
    one sentence if the environment cannot be built.
    """
    layout = Layout.of_this_checkout()
    if os.path.realpath(sys.prefix) == os.path.realpath(layout.venv):
        return
    python: list[str] = []

    def build() -> int:
        python.append(str(Environment.ensure(Progress(), layout).python))
        return 0

    status = guarded(build)
    if status:
        sys.exit(status)
    specification = sys.modules["__main__"].__spec__
    if specification is None:
        target = [os.path.abspath(sys.argv[0])]
    else:
        target = ["-m", specification.name.removesuffix(".__main__")]
    os.chdir(layout.root)
    os.execv(  # noqa: S606 - this very program, again
        python[0], [python[0], *target, *sys.argv[1:]]
    )
