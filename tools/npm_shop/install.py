"""Install a shop from npm below ``.dev`` by its committed lock file, once."""

from __future__ import annotations

import os
import shutil
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from tools.devenv import Environment, run
from tools.devenv.files import build_once, digest, locked, require_free_space
from tools.devenv.processes import three_times

INPUTS = ("package.json", "package-lock.json", ".npmrc")
"""What decides which packages are installed."""


@dataclass(frozen=True, kw_only=True)
class NpmShop:
    """One shop and how big it is.

    :param str name: of its folder below ``.dev``.
    :param Path source: folder with the package files and ours.
    :param int needed_mb: installed, and as much again while npm unpacks.
    :param files: (what is copied from ``source``, where to) after installing.
    """

    name: str
    label: str
    source: Path
    needed_mb: int
    files: Sequence[tuple[str, str]]

    def installed(self, env: Environment) -> Path:
        """Return the folder of a complete installation, made if need be.

        It is reused as long as the lock file is the same. Interrupted in the middle
        it is begun anew.

        :raise DevEnvError: after three tries, with one sentence.
        """
        link = env.layout.dev / self.name
        inputs = [self.source / name for name in INPUTS]

        def build(folder: Path) -> None:
            require_free_space(folder, self.needed_mb, f"Installing {self.label}")
            for path in inputs:
                shutil.copy(path, folder)
            with env.progress.step(f"{self.label} from npm (about 1 minute)"):
                three_times(lambda: self._install(env, folder), env.progress)

        with locked(env.layout.dev / f"{self.name}.lock", env.progress):
            build_once(link, digest(*inputs), build)
            # Not part of the key: another configuration needs no other packages.
            for name, target in self.files:
                self._copy(self.source / name, link / target)
        return link.resolve()

    def _install(self, env: Environment, folder: Path) -> None:
        # The packages' install scripts are not run (see .npmrc): none is needed here.
        run(
            [env.npm, "ci"],
            f"Installing {self.label} from npm",
            cwd=folder,
            env=node_variables(env),
        )

    def _copy(self, source: Path, target: Path) -> None:
        if source.is_dir():
            shutil.copytree(source, target, dirs_exist_ok=True)
        else:
            shutil.copy(source, target)


def node_variables(env: Environment) -> dict[str, str]:
    """Return the variables for a program of Node.js, with ``node`` found first."""
    path = f"{env.node.parent}{os.pathsep}{os.environ.get('PATH', '')}"
    return {**os.environ, "PATH": path}
