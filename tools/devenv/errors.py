"""Failures a person can act on.

Every failure that this tool foresees is raised as :class:`DevEnvError` with one
sentence that says what went wrong **and** the way out.  The command line prints
that sentence on stderr and exits non-zero; a traceback therefore always means a
bug in the tool itself.
"""

from __future__ import annotations

from pathlib import Path


class DevEnvError(Exception):
    """One clear sentence: what failed and what to do about it."""


class CommandFailed(DevEnvError):
    """A program that we ran exited non-zero.

    :param str sentence: what failed and the way out.
    :param str output: everything the program printed (stdout and stderr mixed).
    :param int returncode: its exit status; negative for a signal.
    """

    def __init__(self, sentence: str, output: str = "", returncode: int = 1) -> None:
        super().__init__(sentence)
        self.output = output
        self.returncode = returncode


# (text in a program's output, what it means, the way out)
_KNOWN_CAUSES: tuple[tuple[str, str, str], ...] = (
    (
        "no space left on device",
        "the disk is full",
        "free some space and run the same command again",
    ),
    (
        "disk quota exceeded",
        "the disk quota is used up",
        "free some space and run the same command again",
    ),
    (
        "do not match the hashes",
        "a downloaded package differs from the lock file",
        "run `make lock` if the change is wanted, else check your package mirror",
    ),
    (
        "temporary failure resolving",
        "the network cannot be reached",
        "check the network and run the same command again",
    ),
    (
        "could not connect to",
        "the network cannot be reached",
        "check the network and run the same command again",
    ),
    (
        "connection refused",
        "the server refused the connection",
        "check the network and run the same command again",
    ),
    (
        "network is unreachable",
        "the network cannot be reached",
        "check the network and run the same command again",
    ),
    (
        "name or service not known",
        "the network cannot be reached",
        "check the network and run the same command again",
    ),
    (
        "name resolution",
        "the network cannot be reached",
        "check the network and run the same command again",
    ),
    (
        "newconnectionerror",
        "the network cannot be reached",
        "check the network and run the same command again",
    ),
    (
        "no matching distribution found",
        "the package index cannot be reached or lacks a pinned version",
        "check the network and pip's index configuration, or run `make lock`",
    ),
    (
        "no_pubkey",
        "the archive's signature could not be verified",
        "install a current debian-archive-keyring and run the same command again",
    ),
    (
        "permission denied",
        "a file may not be written",
        "check who owns the checkout and its .dev folder",
    ),
)


def explain(output: str) -> tuple[str, str]:
    """Return (cause, way out) read from a failed program's output.

    Unknown causes quote the last non-empty line, so that nothing is hidden.
    """
    lowered = output.lower()
    for text, cause, way_out in _KNOWN_CAUSES:
        if text in lowered:
            return cause, way_out
    lines = [line.strip() for line in output.splitlines() if line.strip()]
    last = lines[-1] if lines else "it printed nothing"
    return f"it said: {last}", "fix that and run the same command again"


def tail(path: Path, lines: int = 15) -> str:
    """Return the last ``lines`` lines of a log file, or a note that it is empty."""
    try:
        content = path.read_text(encoding="utf-8", errors="replace")
    except OSError:
        return "(no log was written)"
    return "\n".join(content.splitlines()[-lines:]) or "(the log is empty)"
