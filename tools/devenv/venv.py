"""The private Python environment, built from pinned and hashed requirements."""

from __future__ import annotations

import shutil
import subprocess
import sys
from pathlib import Path

from .apt import install_system_packages
from .errors import DevEnvError
from .files import build_once, digest, require_free_space
from .processes import run, three_times
from .progress import Progress

OLDEST, NEWEST = (3, 11), (3, 13)  # Odoo 19 itself stops at 3.13
NEEDED_MB = 800


def find_python() -> tuple[Path, tuple[int, int]]:
    """Return the interpreter to build with and its version.

    :raise DevEnvError: if no interpreter on PATH is one Odoo 19 runs on.
    """
    running = sys.version_info[:2]
    if OLDEST <= running <= NEWEST:
        return Path(sys.executable), running
    for minor in range(NEWEST[1], OLDEST[1] - 1, -1):
        program = shutil.which(f"python3.{minor}")
        if program:
            return Path(program), (3, minor)
    raise DevEnvError(
        f"Python {running[0]}.{running[1]} is not supported and no Python 3.11, 3.12 or "
        "3.13 is on PATH: install one of them and run the same command again."
    )


def ensure(link: Path, lock: Path, progress: Progress) -> Path:
    """Return the environment's interpreter, building the environment if needed.

    :param Path link: the stable name (``.dev/venv``).
    :param Path lock: hashed requirements; a changed lock makes a new environment.
    """

    def build(folder: Path) -> None:
        python, version = find_python()
        require_free_space(folder, NEEDED_MB, "The Python environment")
        _create(python, version, folder, progress)
        with progress.step("Python packages (about 1 minute)"):
            three_times(lambda: install(folder / "bin" / "python", lock), progress)

    # Scripts hold absolute paths, so a moved checkout needs a new environment; any
    # supported Python will do, so another `python3` on PATH does not.
    build_once(link, digest(lock, str(link)), build, usable=_interpreter_exists)
    return link / "bin" / "python"


def _interpreter_exists(folder: Path) -> bool:
    """Tell whether the Python that an environment was made from is still there."""
    return (folder / "bin" / "python").exists()


def install(python: Path, lock: Path, target: Path | None = None) -> None:
    """Install a lock file; every package must match one of its pinned hashes."""
    options = ["--quiet", "--no-input", "--disable-pip-version-check"]
    options += ["--target", str(target)] if target else []
    run(
        [python, "-m", "pip", "install", *options, "--require-hashes", "-r", lock],
        "Installing the Python packages",
    )


def site_packages(python: Path) -> Path:
    """Return where an environment's packages lie."""
    code = "import sysconfig; print(sysconfig.get_path('purelib'))"
    return Path(run([python, "-c", code], "Asking the environment's Python").strip())


def _create(
    python: Path, version: tuple[int, int], folder: Path, progress: Progress
) -> None:
    """Create an empty environment; some distributions split that off Python."""
    probe = subprocess.run(
        [python, "-c", "import ensurepip, venv"], capture_output=True, check=False
    )
    if probe.returncode:
        install_system_packages(
            [f"python{version[0]}.{version[1]}-venv"],
            "this machine's Python cannot create environments without it",
            progress,
        )
    with progress.step(f"Python {version[0]}.{version[1]} environment"):
        run([python, "-m", "venv", folder], "Creating the Python environment")
