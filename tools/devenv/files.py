"""Building blocks for work that may be interrupted at any moment.

A result is built under its final, content-addressed name, receives a stamp as the
very last act, and only then does a symbolic link switch over to it.  A folder
without a stamp is half-built by definition and is removed by the next run.
"""

from __future__ import annotations

import contextlib
import fcntl
import hashlib
import os
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path

from .errors import DevEnvError
from .progress import Progress

STAMP = ".complete"


def digest(*parts: str | bytes | Path) -> str:
    """Return a short hash of texts and file contents (12 hexadecimal digits)."""
    state = hashlib.sha256()
    for part in parts:
        if isinstance(part, Path):
            content = part.read_bytes()
        else:
            content = part.encode() if isinstance(part, str) else part
        state.update(len(content).to_bytes(8, "big") + content)
    return state.hexdigest()[:12]


def write_atomically(path: Path, content: str, mode: int = 0o644) -> None:
    """Write a small text file so that a reader sees all of it or none of it."""
    path.parent.mkdir(parents=True, exist_ok=True)
    partial = path.with_name(f".{path.name}.{os.getpid()}.partial")
    partial.write_text(content, encoding="utf-8")
    partial.chmod(mode)
    partial.replace(path)


def link_atomically(link: Path, target: str) -> None:
    """Point a symbolic link at ``target``, replacing an older link in one step."""
    link.parent.mkdir(parents=True, exist_ok=True)
    if link.is_symlink() and os.readlink(link) == target:
        return
    partial = link.with_name(f".{link.name}.{os.getpid()}.partial")
    partial.unlink(missing_ok=True)
    partial.symlink_to(target)
    partial.replace(link)


def build_once(
    link: Path,
    key: str,
    build: Callable[[Path], None],
    usable: Callable[[Path], bool] = Path.is_dir,
) -> bool:
    """Make ``link`` point at a complete folder built for ``key``.

    :param Path link: the stable name, for example ``.dev/venv``.
    :param str key: hash of everything the result depends on.
    :param Callable build: fills the (new, empty) folder that it is given.
    :param Callable usable: whether a complete folder still works.
    :return: whether something was built; ``False`` means it was reused.
    """
    folder = link.with_name(f"{link.name}-{key}")
    built = not ((folder / STAMP).is_file() and usable(folder))
    if built:
        shutil.rmtree(folder, ignore_errors=True)
        folder.mkdir(parents=True)
        build(folder)
        (folder / STAMP).write_text(key, encoding="utf-8")
    link_atomically(link, folder.name)
    if built:
        _remove_older(link, folder)
    return built


def _remove_older(link: Path, current: Path) -> None:
    for other in link.parent.glob(f"{link.name}-*"):
        if other != current and other.is_dir() and not other.is_symlink():
            shutil.rmtree(other, ignore_errors=True)


@contextlib.contextmanager
def locked(path: Path, progress: Progress | None = None) -> Iterator[None]:
    """Hold an exclusive lock between processes; the kernel frees it on a crash."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("w", encoding="utf-8") as handle:
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            if progress:
                progress.say("  .. waiting for another run in this checkout to finish")
            fcntl.flock(handle, fcntl.LOCK_EX)
        yield


def require_free_space(folder: Path, needed_mb: int, purpose: str) -> None:
    """Refuse early, with one sentence, when the disk cannot hold what is coming."""
    folder.mkdir(parents=True, exist_ok=True)
    free_mb = shutil.disk_usage(folder).free // 2**20
    if free_mb < needed_mb:
        raise DevEnvError(
            f"{purpose} needs {needed_mb} MB of disk below {folder} but only "
            f"{free_mb} MB are free: free some space and run the same command again."
        )
