"""Files on an SFTP server, whose key is known beforehand.

A server that is not the one it was agreed to be would get every number and hand out
every order it likes, so an unknown key is refused, also the first time. The connection
is dialled by the same guard as every other one: private addresses need an
administrator's word, and the whole call has one deadline.
"""

from __future__ import annotations

import base64
import contextlib
import errno
import hashlib
import hmac
import io
import re
from typing import Any
from urllib.parse import unquote, urlsplit

from .errors import Misconfigured, RetryLater
from .file_paths import as_text, is_plain, parts_of, segment
from .local_files import as_answer, kind_of
from .netguard import AddressGuard
from .optional import optional
from .transport import Request, Response

_PORT = 22
_FINGERPRINT = re.compile(r"SHA256:([A-Za-z0-9+/]{43})=?")
_PUBLIC_KEY = re.compile(r"([a-z0-9@.-]+) ([A-Za-z0-9+/]+={0,2})(?: .*)?")
_PEM = re.compile(r"(-----BEGIN [A-Z ]+-----)(.+)(-----END [A-Z ]+-----)", re.DOTALL)
_STATUSES = {errno.ENOENT: 404, errno.EACCES: 403, errno.EEXIST: 409}


class SftpFiles:
    """Do file operations on one server; the connection is kept between them.

    :param timeout: seconds to connect, seconds between two answers.
    :param int max_bytes: largest file that is read.
    """

    def __init__(
        self, guard: AddressGuard, timeout: tuple[float, float], max_bytes: int
    ) -> None:
        self._guard = guard
        self._timeout = timeout
        self._max_bytes = max_bytes
        self._open: tuple[str, Any, Any] | None = None

    def handle(self, call: Request) -> Response:
        """Do one operation.

        :raise Misconfigured: unknown key of the server, private address.
        :raise RetryLater: no usable connection; the outcome is unknown.
        """
        paramiko = optional("paramiko", "Reading and writing files by SFTP")
        try:
            client = self._client(paramiko, call)
            return self._done(client, call)
        except paramiko.AuthenticationException:
            return as_answer({}, 401)
        except (paramiko.SSHException, EOFError, TimeoutError):
            self.close()
            raise RetryLater("The connection to the SFTP server broke.") from None
        except UnicodeError:
            raise Misconfigured(
                "The folder holds a name that is not UTF-8; have it renamed.",
                field="base_url",
            ) from None
        except OSError as error:
            if error.errno in _STATUSES:
                return as_answer({}, _STATUSES[error.errno])
            self.close()
            raise RetryLater("The SFTP server did not do as it was asked.") from None

    def close(self) -> None:
        """Close the connection."""
        if self._open is not None:
            _, link, _ = self._open
            self._open = None
            link.close()

    # ------------------------------------------------------------- operations

    def _done(self, client: Any, call: Request) -> Response:
        path = _path(call.url)
        if call.method == "LIST":
            found = client.listdir_attr(path)
            return as_answer({"entries": [_entry(one) for one in found]})
        if call.method == "GET":
            return self._get(client, path)
        if call.method == "PUT":
            return self._put(client, path, call.body)
        if call.method == "MOVE":
            return _move(client, path, _path(call.headers["destination"]))
        if call.method == "DELETE":
            client.remove(path)
            return as_answer({})
        if _is_there(client, path):
            return as_answer({}, 409)
        client.mkdir(path)
        return as_answer({}, 201)

    def _get(self, client: Any, path: str) -> Response:
        before = client.lstat(path)
        if kind_of(before.st_mode or 0) != "file":
            return as_answer({}, 403)
        if (before.st_size or 0) > self._max_bytes:
            return as_answer({}, 413)
        with client.open(path, "rb") as file:
            file.prefetch(min(before.st_size or 0, self._max_bytes))
            content = bytes(file.read(self._max_bytes + 1))
        after = client.lstat(path)
        if len(content) > self._max_bytes:
            return as_answer({}, 413)
        is_same = (before.st_size, before.st_mtime) == (after.st_size, after.st_mtime)
        if not is_same or len(content) != after.st_size:
            return as_answer({}, 425)
        return Response(200, {"x-modified": repr(float(after.st_mtime or 0))}, content)

    def _put(self, client: Any, path: str, body: bytes) -> Response:
        with contextlib.suppress(FileNotFoundError):
            client.remove(path)
        with client.open(path, "wxb") as file:
            file.set_pipelined(True)
            file.write(body)
        if client.lstat(path).st_size != len(body):
            raise RetryLater("The SFTP server did not keep the whole file.")
        return as_answer({}, 201)

    # ------------------------------------------------------------- connection

    def _client(self, paramiko: Any, call: Request) -> Any:
        """Return the open client of the server and user of a call."""
        where = urlsplit(call.url).netloc
        if self._open is not None and self._open[0] == where:
            _, link, client = self._open
            if link.is_active():
                self._guard.watch(link.sock)
                return client
        self.close()
        link = self._link(paramiko, call)
        try:
            client = paramiko.SFTPClient.from_transport(link)
            client.get_channel().settimeout(self._timeout[1])
        except BaseException:
            link.close()
            raise
        self._open = (where, link, client)
        return client

    def _link(self, paramiko: Any, call: Request) -> Any:
        """Connect, check the server's key, log in.

        :raise Misconfigured: when the key is not the one that is pinned.
        """
        parts = urlsplit(call.url)
        pinned, kind = _pinned(call.headers.get("host-key", ""))
        key = _private_key(paramiko, call)
        sock = self._guard.dial(
            parts.hostname or "", parts.port or _PORT, self._timeout[0], ()
        )
        self._guard.watch(sock)
        link = paramiko.Transport(sock)
        try:
            link.banner_timeout = link.auth_timeout = self._timeout[0]
            if kind:
                link.get_security_options().key_types = _offers(link, kind)
            link.start_client(timeout=self._timeout[0])
            shown = hashlib.sha256(link.get_remote_server_key().asbytes()).digest()
            if not hmac.compare_digest(shown, pinned):
                raise Misconfigured(
                    "The SFTP server shows another key than the one entered; it shows "
                    f"SHA256:{base64.b64encode(shown).decode().rstrip('=')}.",
                    field="host_key",
                )
            user = unquote(parts.username or "")
            if key is not None:
                link.auth_publickey(user, key)
            else:
                link.auth_password(user, call.headers.get("password", ""))
        except BaseException:
            link.close()
            raise
        return link


def _pinned(text: str) -> tuple[bytes, str]:
    """Return the SHA-256 of the key a server must show, and its kind if known.

    :raise Misconfigured: when none is entered, or it cannot be read.
    """
    text = text.strip()
    if found := _FINGERPRINT.fullmatch(text):
        return base64.b64decode(found.group(1) + "="), ""
    if found := _PUBLIC_KEY.fullmatch(text):
        with contextlib.suppress(ValueError):
            raw = base64.b64decode(found.group(2), validate=True)
            return hashlib.sha256(raw).digest(), found.group(1)
    raise Misconfigured(
        "The key of the SFTP server is missing: enter it as ssh-keyscan prints it"
        " (ssh-ed25519 AAAA...), or as SHA256:...",
        field="host_key",
    )


def _offers(link: Any, kind: str) -> tuple[str, ...]:
    """Return the kinds to accept, so that the server shows the one that is pinned."""
    known = tuple(link.get_security_options().key_types)
    wanted = tuple(
        name
        for name in known
        if name == kind or (kind == "ssh-rsa" and name.startswith("rsa-sha2-"))
    )
    return wanted or known


def _private_key(paramiko: Any, call: Request) -> Any:
    """Return the key to log in with, None where a password is used.

    :raise Misconfigured: when it cannot be read.
    """
    text = call.headers.get("private-key", "")
    if not text:
        return None
    if found := _PEM.search(text):
        # A form with one line swallows the line ends.
        head, middle, foot = found.groups()
        lines = re.findall(".{1,64}", re.sub(r"\s", "", middle))
        text = "\n".join((head, *lines, foot, ""))
    passphrase = call.headers.get("passphrase") or None
    for kind in (paramiko.Ed25519Key, paramiko.ECDSAKey, paramiko.RSAKey):
        # Each kind has its own words for "not mine".
        with contextlib.suppress(paramiko.SSHException, ValueError, TypeError):
            return kind.from_private_key(io.StringIO(text), password=passphrase)
    raise Misconfigured(
        "The private key cannot be read; enter the whole text of an Ed25519, ECDSA or"
        " RSA key, and its passphrase if it has one.",
        field="private_key",
    )


def _path(url: str) -> str:
    try:
        return "/" + b"/".join(parts_of(url)).decode("utf-8")
    except UnicodeError:
        raise Misconfigured("The address is not UTF-8.", field="base_url") from None


def _entry(found: Any) -> dict[str, object]:
    name = found.filename.encode("utf-8", "surrogateescape")
    return {
        "name": as_text(name),
        "segment": segment(name),
        "size": found.st_size or 0,
        "modified": repr(float(found.st_mtime or 0)),
        "kind": kind_of(found.st_mode or 0) if is_plain(name) else "odd",
    }


def _is_there(client: Any, path: str) -> bool:
    try:
        client.lstat(path)
    except FileNotFoundError:
        return False
    return True


def _move(client: Any, path: str, target: str) -> Response:
    """Rename; the protocol's own rename never replaces.

    Some servers replace all the same, so it is looked first.
    """
    if _is_there(client, target):
        return as_answer({}, 409)
    try:
        client.rename(path, target)
    except FileNotFoundError:
        raise
    except OSError:
        if _is_there(client, target):
            return as_answer({}, 409)
        raise
    return as_answer({}, 201)
