"""Chromium, which only the browser tours and the screenshots need."""

from __future__ import annotations

import shutil
from pathlib import Path

from .apt import install_system_packages
from .errors import DevEnvError
from .progress import Progress

NAMES = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")


def find() -> Path | None:
    """Return the browser on PATH, if any."""
    for name in NAMES:
        program = shutil.which(name)
        if program:
            return Path(program)
    return None


def ensure(progress: Progress) -> Path:
    """Return a browser, installing Debian's package when there is none."""
    found = find()
    if not found:
        install_system_packages(
            ["chromium"], "the browser tours run in a real browser", progress
        )
        found = find()
    if not found:
        raise DevEnvError(
            "The package chromium brought no browser onto PATH: install Chromium or "
            "Chrome yourself and run the same command again."
        )
    return found
