"""Files in a folder of this server, and nothing beside them.

Whoever may write into an exchange folder chooses its names, and may try to have us read
or overwrite something else: by a link, by a folder swapped for a link between check and
use, by a pipe that never answers. So a path is walked step by step from the root, each
step relative to the folder opened before, and no link is ever followed below the root.

Two people must have agreed to a root: an administrator of channels, who allowed it for
the channel, and whoever runs the server, who put the file ``.stock-channel`` into it.
Without the second one an administrator of channels could read whatever the server can.
"""

from __future__ import annotations

import contextlib
import errno
import json
import os
import stat
from collections.abc import Collection, Iterator
from pathlib import PurePosixPath
from urllib.parse import unquote_to_bytes

from .errors import Misconfigured
from .file_paths import as_text, is_plain, parts_of, segment
from .transport import Request, Response

MARKER = ".stock-channel"
"""The file by which whoever runs the server gives a folder free."""
ENTRY = "file:"
"""What an allowed root begins with among the allowed hosts."""

_FOLDER = os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC
_NEVER_FOLLOW = os.O_NOFOLLOW | os.O_CLOEXEC | os.O_NONBLOCK
_CHUNK = 1024 * 1024
_STATUSES = {
    errno.ENOENT: 404,
    errno.EEXIST: 409,
    errno.EACCES: 403,
    errno.EPERM: 403,
    errno.ELOOP: 403,
    errno.ENOTDIR: 403,
    errno.EROFS: 403,
    errno.ENXIO: 403,
    errno.EISDIR: 403,
    errno.ENAMETOOLONG: 400,
    errno.EINVAL: 400,
}
_NO_LINKS = (errno.EPERM, errno.EOPNOTSUPP, errno.EMLINK, errno.ENOSYS)


def as_answer(value: object, status: int = 200) -> Response:
    """Return what a file operation says, in the form all of them have."""
    body = json.dumps(value, separators=(",", ":")).encode()
    return Response(status, {"content-type": "application/json"}, body)


class LocalFiles:
    """Do file operations below the allowed roots.

    :param roots: absolute folders.
    :param int max_bytes: largest file that is read.
    """

    def __init__(self, roots: Collection[str], max_bytes: int) -> None:
        self._roots = [root for root in map(_root_parts, roots) if root]
        self._max_bytes = max_bytes

    def handle(self, call: Request) -> Response:
        """Do one operation; whatever the file system objects to is a status.

        :raise Misconfigured: when the folder is not given free.
        """
        operations = {
            "LIST": self._list,
            "GET": self._get,
            "PUT": self._put,
            "MOVE": self._move,
            "DELETE": self._delete,
            "MKCOL": self._make_folder,
        }
        try:
            return operations[call.method](call)
        except OSError as error:
            return as_answer({}, _STATUSES.get(error.errno or 0, 500))

    # ------------------------------------------------------------- operations

    def _list(self, call: Request) -> Response:
        with self._folder(parts_of(call.url)) as folder:
            entries = []
            for name in os.listdir(folder):
                with contextlib.suppress(FileNotFoundError):
                    entries.append(_entry(folder, os.fsencode(name)))
        return as_answer({"entries": entries})

    def _get(self, call: Request) -> Response:
        *above, name = parts_of(call.url)
        with self._folder(tuple(above)) as folder:
            handle = _open_plain(folder, name)
        with os.fdopen(handle, "rb") as file:
            before = os.fstat(handle)
            if before.st_size > self._max_bytes:
                return as_answer({}, 413)
            content = file.read(self._max_bytes + 1)
            after = os.fstat(handle)
        if len(content) > self._max_bytes:
            return as_answer({}, 413)
        if _look(before) != _look(after) or len(content) != after.st_size:
            return as_answer({}, 425)
        return Response(200, {"x-modified": repr(after.st_mtime)}, content)

    def _put(self, call: Request) -> Response:
        """Write a new file, down to the disk; one of that name is replaced."""
        *above, name = parts_of(call.url)
        with self._folder(tuple(above)) as folder:
            # Made anew: what lies there may be a link or a pipe.
            with contextlib.suppress(FileNotFoundError):
                os.unlink(name, dir_fd=folder)
            flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | _NEVER_FOLLOW
            handle = os.open(name, flags, 0o664, dir_fd=folder)
            with os.fdopen(handle, "wb") as file:
                file.write(call.body)
                file.flush()
                os.fsync(handle)
        return as_answer({}, 201)

    def _move(self, call: Request) -> Response:
        """Give a file its other name, at once, never over another file."""
        *above, name = parts_of(call.url)
        *others, target = parts_of(call.headers["destination"])
        with (
            self._folder(tuple(above)) as folder,
            self._folder(tuple(others)) as other,
        ):
            _rename(folder, name, other, target)
            for changed in {folder, other}:
                os.fsync(changed)
        return as_answer({}, 201)

    def _delete(self, call: Request) -> Response:
        *above, name = parts_of(call.url)
        with self._folder(tuple(above)) as folder:
            os.unlink(name, dir_fd=folder)
        return as_answer({})

    def _make_folder(self, call: Request) -> Response:
        *above, name = parts_of(call.url)
        with self._folder(tuple(above)) as folder:
            os.mkdir(name, 0o775, dir_fd=folder)
        return as_answer({}, 201)

    # ------------------------------------------------------------------ paths

    @contextlib.contextmanager
    def _folder(self, parts: tuple[bytes, ...]) -> Iterator[int]:
        """Open a folder, step by step, and lend its descriptor.

        :raise Misconfigured: outside every root, or where the root is not given free.
        :raise OSError: when a step is missing, a link or no folder.
        """
        root = self._root_above(parts)
        handle = os.open(b"/" + b"/".join(root), _FOLDER)
        try:
            _check_given_free(handle, root)
            for part in parts[len(root) :]:
                below = os.open(part, _FOLDER | os.O_NOFOLLOW, dir_fd=handle)
                os.close(handle)
                handle = below
            yield handle
        finally:
            os.close(handle)

    def _root_above(self, parts: tuple[bytes, ...]) -> tuple[bytes, ...]:
        found = [root for root in self._roots if parts[: len(root)] == root]
        if not found:
            raise Misconfigured(
                "The folder is on this server, and no administrator allowed it: add"
                f" {ENTRY}/... to the allowed hosts of the channel.",
                field="base_url",
            )
        return max(found, key=len)


def _root_parts(root: str) -> tuple[bytes, ...]:
    """Return the steps of an allowed root; none for what is no absolute folder."""
    path = PurePosixPath(unquote_to_bytes(root).decode("utf-8", "surrogateescape"))
    parts = tuple(os.fsencode(part) for part in path.parts[1:])
    return parts if path.is_absolute() and all(map(is_plain, parts)) else ()


def _check_given_free(handle: int, root: tuple[bytes, ...]) -> None:
    try:
        mark = os.stat(MARKER, dir_fd=handle, follow_symlinks=False)
    except FileNotFoundError:
        mark = None
    if mark is None or not stat.S_ISREG(mark.st_mode):
        raise Misconfigured(
            f"The folder /{as_text(b'/'.join(root))} is not given free: whoever runs"
            f" the server must put an empty file named {MARKER} into it.",
            field="base_url",
        )


def _entry(folder: int, name: bytes) -> dict[str, object]:
    found = os.stat(name, dir_fd=folder, follow_symlinks=False)
    return {
        "name": as_text(name),
        "segment": segment(name),
        "size": found.st_size,
        "modified": repr(found.st_mtime),
        "kind": kind_of(found.st_mode),
    }


def kind_of(mode: int) -> str:
    """Return what lies there: a file, a folder, or something nobody reads."""
    if stat.S_ISREG(mode):
        return "file"
    return "folder" if stat.S_ISDIR(mode) else "other"


def _look(found: os.stat_result) -> tuple[int, int]:
    return found.st_size, found.st_mtime_ns


def _open_plain(folder: int, name: bytes) -> int:
    """Open an ordinary file for reading.

    Looked at before it is opened, since opening a device may do something; and again
    once it is open, since it may have been swapped meanwhile.

    :raise OSError: for everything else, and for files with a second name: that one may
        lie anywhere.
    """
    if kind_of(os.stat(name, dir_fd=folder, follow_symlinks=False).st_mode) != "file":
        raise PermissionError(errno.EPERM, "not an ordinary file")
    handle = os.open(name, os.O_RDONLY | _NEVER_FOLLOW, dir_fd=folder)
    found = os.fstat(handle)
    if kind_of(found.st_mode) != "file" or found.st_nlink != 1:
        os.close(handle)
        raise PermissionError(errno.EPERM, "not an ordinary file")
    return handle


def _rename(folder: int, name: bytes, other: int, target: bytes) -> None:
    """Rename without replacing: a second name, then the first one goes.

    :raise FileExistsError: when the target is there.
    """
    try:
        os.link(
            name, target, src_dir_fd=folder, dst_dir_fd=other, follow_symlinks=False
        )
    except OSError as error:
        if error.errno not in _NO_LINKS:
            raise
        # A file system without links: look first, which nobody can do at once.
        with contextlib.suppress(FileNotFoundError):
            os.stat(target, dir_fd=other, follow_symlinks=False)
            raise FileExistsError(errno.EEXIST, "the target is there") from None
        os.rename(name, target, src_dir_fd=folder, dst_dir_fd=other)
    else:
        os.unlink(name, dir_fd=folder)
