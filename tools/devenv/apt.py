"""Debian packages: fetched privately without root, or installed with it.

Odoo 19 lies in Debian's *sid* suite, which must never be mixed into the system.
:class:`PrivateApt` therefore gives APT a state of its own (sources, lists, cache);
APT still verifies the archive's signature against the Debian archive keyring.  The
mirror is the one the machine itself uses, so no host name is written down here.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from collections.abc import Iterable, Sequence
from pathlib import Path
from urllib.parse import urlsplit

from .errors import CommandFailed, DevEnvError
from .files import write_atomically
from .processes import call, run, three_times
from .progress import Progress

SUITE = "sid"
KEYRING_PACKAGE = "debian-archive-keyring"
KEYRINGS = (
    Path("/usr/share/keyrings/debian-archive-keyring.gpg"),
    Path("/usr/share/keyrings/debian-archive-keyring.pgp"),
)
INDEX_FORMAT = "$(REPO_URI)|$(ORIGIN)|$(LABEL)|$(COMPONENT)"


def choose_mirror(index_targets: str, wanted: str | None = None) -> str | None:
    """Return the Debian mirror to use, or ``None`` if the machine names none.

    :param str index_targets: what ``apt-get indextargets`` printed in
        ``INDEX_FORMAT``; origin and label are empty until a first update.
    :param str wanted: the user's ``DEBIAN_MIRROR``, which wins.
    """
    if wanted:
        return wanted
    guesses = []
    for line in index_targets.splitlines():
        fields = line.split("|")
        if len(fields) < 4 or fields[3] != "main":
            continue
        uri, origin, label = fields[:3]
        if origin == label == "Debian":
            return uri
        if urlsplit(uri).path.rstrip("/").endswith("/debian"):
            guesses.append(uri)
    return guesses[0] if guesses else None


class PrivateApt:
    """APT with its own sources and state below one folder; needs no root."""

    def __init__(self, folder: Path, progress: Progress) -> None:
        self._folder = folder
        self._progress = progress
        self._updated = False

    def fetch(self, packages: Sequence[str], into: Path) -> list[Path]:
        """Download packages and return their files.

        :raise DevEnvError: without APT, a mirror, the network or the package.
        """
        self._update()
        into.mkdir(parents=True, exist_ok=True)
        three_times(lambda: self._download(packages, into), self._progress)
        return sorted(into.glob("*.deb"))

    def _download(self, packages: Sequence[str], into: Path) -> None:
        try:
            run(
                ["apt-get", *self._options(), "download", *packages],
                f"Fetching {', '.join(packages)}",
                cwd=into,
            )
        except CommandFailed as error:
            if "Unable to locate package" in error.output:
                raise DevEnvError(
                    f"The Debian mirror {self._mirror()} no longer has one of the "
                    f"packages {', '.join(packages)}: set ODOO_HOME to an Odoo 19 "
                    "source checkout, or DEBIAN_MIRROR to another mirror."
                ) from error
            raise

    def _update(self) -> None:
        if self._updated:
            return
        require_apt()
        self._prepare()
        three_times(self._update_lists, self._progress)
        self._updated = True

    def _update_lists(self) -> None:
        command = ["apt-get", *self._options(), "--error-on=any", "update"]
        try:
            run(command, "Reading the package list")
        except CommandFailed as error:
            raise CommandFailed(
                f"The Debian mirror {self._mirror()} could not be read ("
                f"{_first_error(error.output)}): check the network, or set "
                "DEBIAN_MIRROR to a mirror you can reach, or ODOO_HOME to an Odoo 19 "
                "you already have.",
                error.output,
            ) from error

    def _prepare(self) -> None:
        for name in ("lists/partial", "cache/archives/partial", "empty"):
            (self._folder / name).mkdir(parents=True, exist_ok=True)
        (self._folder / "status").touch()
        write_atomically(
            self._folder / "sources.list",
            f"deb [signed-by={self._keyring()}] {self._mirror()} {SUITE} main\n",
        )

    def _mirror(self) -> str:
        targets = run(
            ["apt-get", "indextargets", "--format", INDEX_FORMAT],
            "Reading the machine's own APT configuration",
        )
        mirror = choose_mirror(targets, os.environ.get("DEBIAN_MIRROR"))
        if not mirror:
            raise DevEnvError(
                "This machine's APT configuration names no Debian mirror: set "
                "DEBIAN_MIRROR to one, or ODOO_HOME to an Odoo 19 you already have."
            )
        return mirror

    def _keyring(self) -> Path:
        private = self._folder / "keyring"
        for base in (Path("/"), private):
            for keyring in KEYRINGS:
                candidate = base / keyring.relative_to("/")
                if candidate.is_file():
                    return candidate
        private.mkdir(parents=True, exist_ok=True)
        try:
            run(["apt-get", "download", KEYRING_PACKAGE], "Fetch", cwd=private)
        except CommandFailed as error:
            raise DevEnvError(
                f"The package {KEYRING_PACKAGE} is needed to verify Debian's "
                f"signatures: install it, or set ODOO_HOME to an Odoo 19 you have."
            ) from error
        for archive in private.glob("*.deb"):
            unpack(archive, private)
        return self._keyring()

    def _options(self) -> list[str]:
        folder = self._folder
        settings = {
            "Dir::Etc::sourcelist": folder / "sources.list",
            "Dir::Etc::sourceparts": "-",
            "Dir::Etc::preferences": folder / "empty" / "none",
            "Dir::Etc::preferencesparts": folder / "empty",
            "Dir::State": folder,
            "Dir::State::Lists": folder / "lists",
            "Dir::State::status": folder / "status",
            "Dir::Cache": folder / "cache",
            "Acquire::Languages": "none",
            "Acquire::PDiffs": "false",
            "APT::Update::Post-Invoke": "",
            # As root APT would drop to a user that may not write below .dev.
            "APT::Sandbox::User": "root",
        }
        return [f"-o{name}={value}" for name, value in settings.items()]


def _first_error(output: str) -> str:
    """Return APT's own reason: its errors say more than its warnings."""
    lines = [line.strip() for line in output.splitlines()]
    for mark in ("E:", "W:", "Err:"):
        for line in lines:
            if line.startswith(mark):
                return line.removeprefix(mark).strip().rstrip(".")
    return "no reason given"


def require_apt() -> None:
    """Refuse with the way out on a machine that is not Debian-like."""
    for program in ("apt-get", "dpkg"):
        if not shutil.which(program):
            raise DevEnvError(
                f"{program} is missing, and Odoo 19 is fetched as a Debian package: "
                "run this on Debian or Ubuntu, or set ODOO_HOME to an Odoo 19 source "
                "checkout."
            )


def unpack(archive: Path, root: Path) -> None:
    """Unpack one Debian package below ``root`` without installing it."""
    run(["dpkg", "-x", archive, root], f"Unpacking {archive.name}")


def install_system_packages(
    packages: Iterable[str], reason: str, progress: Progress
) -> None:
    """Install packages for the whole machine, after saying so; needs root or sudo.

    :param str reason: completes "... is installed with root rights because".
    :raise DevEnvError: with the command to type when we may not become root.
    """
    names = list(packages)
    listed = " ".join(names)
    require_apt()
    prefix = _root_prefix()
    if prefix is None:
        raise DevEnvError(
            f"{listed} must be installed by root because {reason}: run "
            f"`sudo apt-get install {listed}` and then the same command again."
        )
    progress.say(
        f"  !! {listed} is now installed with root rights (apt-get) because {reason}"
    )
    options = ["-qq", "-y", "--no-install-recommends"]
    environment = [*prefix, "env", "DEBIAN_FRONTEND=noninteractive", "apt-get"]

    def install() -> None:
        run([*environment, "-qq", "update"], "Updating the system's package list")
        run([*environment, *options, "install", *names], f"Installing {listed}")

    with progress.step(f"Installing {listed}"):
        three_times(install, progress)


def _root_prefix() -> list[str] | None:
    """Return what to put before a command to run it as root, ``None`` if impossible."""
    if os.geteuid() == 0:
        return []
    if not shutil.which("sudo"):
        return None
    if sys.stdin is not None and sys.stdin.isatty():
        # Ask for the password now, on the terminal: later we run without input.
        return ["sudo", "-n"] if subprocess.call(["sudo", "-v"]) == 0 else None
    return ["sudo", "-n"] if call(["sudo", "-n", "true"]) == 0 else None
