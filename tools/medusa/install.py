"""Install Medusa below ``.dev`` from the committed lock file, once."""

from __future__ import annotations

import os
import shutil
from pathlib import Path

from tools.devenv import Environment, run
from tools.devenv.files import build_once, digest, locked, require_free_space
from tools.devenv.processes import three_times

SOURCE = Path(__file__).parent
INPUTS = ("package.json", "package-lock.json", ".npmrc")
CONFIG = "medusa-config.js"
SUBSCRIBERS = "subscribers"
NEEDED_MB = 1500
"""Megabytes: 665 installed, as much again while npm unpacks."""


def installed(env: Environment) -> Path:
    """Return the folder of a complete installation, made if need be.

    It is reused as long as the lock file is the same. Interrupted in the middle it
    is begun anew.

    :raise DevEnvError: after three tries, with one sentence.
    """
    link = env.layout.dev / "medusa"
    inputs = [SOURCE / name for name in INPUTS]

    def build(folder: Path) -> None:
        require_free_space(folder, NEEDED_MB, "Installing Medusa")
        for path in inputs:
            shutil.copy(path, folder)
        with env.progress.step("Medusa 2.18.0 from npm (about 1 minute)"):
            three_times(lambda: _install(env, folder), env.progress)

    with locked(env.layout.dev / "medusa.lock", env.progress):
        build_once(link, digest(*inputs), build)
        # Not part of the key: another configuration needs no other packages.
        shutil.copy(SOURCE / CONFIG, link)
        target = link / "src" / SUBSCRIBERS
        shutil.copytree(SOURCE / SUBSCRIBERS, target, dirs_exist_ok=True)
    return link.resolve()


def _install(env: Environment, folder: Path) -> None:
    # The packages' install scripts are not run (see .npmrc): none is needed here.
    run(
        [env.npm, "ci"],
        "Installing Medusa from npm",
        cwd=folder,
        env=node_variables(env),
    )


def node_variables(env: Environment) -> dict[str, str]:
    """Return the variables for a program of Node.js, with ``node`` found first."""
    path = f"{env.node.parent}{os.pathsep}{os.environ.get('PATH', '')}"
    return {**os.environ, "PATH": path}
