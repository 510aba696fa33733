"""A transport whose calls are file operations, on this server or by SFTP.

To a connector they look like any other call: a method, an address, a status. So the
hub's limits, its log line per call and its faults in tests are the same as everywhere.

=======  ===================================================================
LIST     entries of a folder, as JSON
GET      a file; 413 too big, 425 it changed while it was read
PUT      a file, made anew; 201
MOVE     header ``destination``; 409 when the target is there
DELETE   a file
MKCOL    a folder; 409 when it is there
=======  ===================================================================

404: not there; 401: not logged in; 403: not allowed, or no ordinary file.
"""

from __future__ import annotations

from collections.abc import Collection
from functools import cached_property
from typing import Any
from urllib.parse import SplitResult, urlsplit

from .errors import Misconfigured
from .file_paths import SCHEMES, parts_of
from .local_files import ENTRY, LocalFiles
from .sftp_files import SftpFiles
from .transport import Request, Response, Transport

METHODS = frozenset({"LIST", "GET", "PUT", "MOVE", "DELETE", "MKCOL"})


class FileTransport(Transport):
    """Do file operations within the limits of the house.

    :param allowed_hosts: hosts as for any transport, which an SFTP server in a private
        network needs too, and ``file:/srv/exchange`` for each local folder.
    """

    def __init__(self, allowed_hosts: Collection[str] = (), **limits: Any) -> None:
        roots = [entry for entry in allowed_hosts if entry.startswith(ENTRY)]
        hosts = [entry for entry in allowed_hosts if entry not in roots]
        super().__init__(hosts, **limits)
        self._local_roots = [entry.removeprefix(ENTRY) for entry in roots]

    @cached_property
    def _local(self) -> LocalFiles:
        return LocalFiles(self._local_roots, self._max_bytes)

    @cached_property
    def _sftp(self) -> SftpFiles:
        return SftpFiles(self._guard, self._timeout, self._max_bytes)

    def close(self) -> None:
        """Close the connection kept open."""
        if "_sftp" in self.__dict__:
            self._sftp.close()
        super().close()

    def _checked_url(self, url: str) -> SplitResult:
        """Return the parts of an address of a file.

        :raise Misconfigured: when it is none.
        """
        try:
            parts = urlsplit(url)
            has_port = parts.port is not None
        except ValueError:
            raise Misconfigured("The address is malformed.", field="base_url") from None
        if parts.scheme not in SCHEMES or parts.query or parts.fragment:
            raise Misconfigured(
                "The address must begin with file:/// or sftp://.", field="base_url"
            )
        if parts.password is not None:
            raise Misconfigured(
                "The address must not hold a password; it has a field of its own.",
                field="base_url",
            )
        if parts.scheme == "file" and (parts.netloc or has_port):
            raise Misconfigured(
                "The address of a folder begins with file:/// and has no host.",
                field="base_url",
            )
        if parts.scheme == "sftp" and not (parts.hostname and parts.username):
            raise Misconfigured(
                "The address must name user and host: sftp://user@host/folder.",
                field="base_url",
            )
        if not parts_of(url):
            raise Misconfigured("The address must name a folder.", field="base_url")
        return parts

    def _translated(self, call: Request) -> Response:
        if call.method not in METHODS:
            raise ValueError(call.method)
        if "destination" in call.headers:
            target = self._checked_url(call.headers["destination"])
            source = urlsplit(call.url)
            if (target.scheme, target.netloc) != (source.scheme, source.netloc):
                raise ValueError("a file is moved within its server")
        if call.url.startswith("file:"):
            return self._local.handle(call)
        return self._sftp.handle(call)
