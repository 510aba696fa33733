"""``make lock``: resolve ``tools/*.in`` anew into pinned and hashed lock files.

Each lock holds every version that Python 3.11, 3.12 or 3.13 needs (told apart by
environment markers) with the hashes of all its files, and never an address: which
index serves the files is the business of each machine's pip configuration.
"""

from __future__ import annotations

import subprocess
from pathlib import Path

from . import venv
from .environment import Environment
from .files import build_once, digest
from .processes import run, three_times

OLDEST_PYTHON = ".".join(map(str, venv.OLDEST))
RESOLVER = "uv"


def update(env: Environment) -> None:
    """Write all lock files anew; commit them together with a test run."""
    folder = env.layout.root / "tools"
    resolver = env.layout.dev / RESOLVER
    lock = folder / "uv.lock"

    def build(target: Path) -> None:
        with env.progress.step("The resolver (uv)"):
            three_times(lambda: venv.install(env.python, lock, target), env.progress)

    build_once(resolver, digest(lock), build)
    options = ["--universal", "--python-version", OLDEST_PYTHON, "--generate-hashes"]
    options += ["--no-header", "--no-annotate", "--no-emit-index-url"]
    options += ["--no-emit-find-links", "--upgrade", "--quiet"]
    options += _index_options(env.python)
    program = resolver / "bin" / RESOLVER
    for source in sorted(folder.glob("*.in")):
        with env.progress.step(f"Resolving {source.name}"):
            output = source.with_suffix(".lock")
            run(
                [program, "pip", "compile", *options, "-o", output, source],
                f"Resolving {source.name}",
            )


def _index_options(python: Path) -> list[str]:
    """Return the resolver's options for the index that this machine's pip uses."""
    answer = subprocess.run(
        [python, "-m", "pip", "config", "get", "global.index-url"],
        capture_output=True,
        text=True,
        check=False,
    )
    index = answer.stdout.strip()
    return ["--default-index", index] if answer.returncode == 0 and index else []
