"""The folders of a drop, by way of the transport."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, NoReturn
from urllib.parse import quote, unquote_to_bytes

from .errors import Misconfigured, RetryLater
from .file_paths import is_plain
from .filedrop_settings import Settings
from .transport import MAX_BYTES, Response, Transport

_MOST_NAME = 255
_MOST_TRIES = 20
_SECRETS = {
    "host_key": "host-key",
    "password": "password",
    "private_key": "private-key",
    "passphrase": "passphrase",
}


@dataclass(frozen=True)
class Entry:
    """One thing in a folder.

    :param str segment: its name as a part of an address.
    :param str kind: file, folder, or other: a link, a pipe, a device.
    """

    name: str
    segment: str
    size: int
    changed_at: datetime
    kind: str

    @property
    def is_too_big(self) -> bool:
        """Tell whether nobody reads so much at once."""
        return self.size > MAX_BYTES


class Drop:
    """List, read, write and move the files of one channel."""

    def __init__(
        self, settings: Settings, transport: Transport, config: Mapping[str, str]
    ) -> None:
        self.settings = settings
        self._transport = transport
        self._headers = {
            header: str(config[name])
            for name, header in _SECRETS.items()
            if config.get(name)
        }

    def entries(self, folder: str, is_optional: bool = False) -> list[Entry]:
        """Return what lies in one of our folders.

        :raise Misconfigured: when the folder is missing and must be there.
        """
        response = self._call("LIST", self.settings.folder(folder))
        if response.status == 404 and is_optional:
            return []
        if response.status != 200:
            self._refuse(folder, response)
        answer = response.json()
        found = answer.get("entries") if isinstance(answer, dict) else None
        if not isinstance(found, list):
            raise RetryLater("The folder's listing makes no sense.")
        read = (_entry(entry) for entry in found)
        return [entry for entry in read if entry is not None]

    def content(self, folder: str, entry: Entry) -> bytes | None:
        """Return what a file holds, None while it is being written or moved away.

        :raise PermissionError: when it may not be read, or is no ordinary file.
        """
        response = self._call("GET", self._address(folder, entry.segment))
        if response.status in (404, 413, 425):
            return None
        if response.status == 403:
            raise PermissionError(entry.name)
        if response.status != 200:
            self._refuse(folder, response)
        has_changed = _moment(response.headers.get("x-modified")) != entry.changed_at
        if has_changed or len(response.body) != entry.size:
            return None
        return response.body

    def write_once(self, folder: str, name: str, body: bytes) -> bool:
        """Put a file down as a whole, unless one of that name lies there.

        Written under another name first: nobody sees half of it.

        :return: whether it was written now.
        """
        hidden = self._address(folder, quote(f".{name}.part", safe=""))
        self._expect(folder, self._call("PUT", hidden, body), 201)
        response = self._call("MOVE", hidden, to=self._address(folder, quote(name)))
        if response.status == 409:
            self._call("DELETE", hidden)
            return False
        self._expect(folder, response, 201)
        return True

    def put_away(self, entry: Entry, folder: str, now: datetime) -> None:
        """Move a file out of the incoming folder; its new name tells when.

        :raise Misconfigured: when it cannot be moved.
        """
        stamp = now.strftime("%Y%m%dT%H%M%SZ")
        name = unquote_to_bytes(entry.segment)
        source = self._address("in", entry.segment)
        for number in range(_MOST_TRIES):
            head = f"{stamp}-{number}-" if number else f"{stamp}-"
            target = quote(head.encode() + name[-(_MOST_NAME - len(head)) :], safe="")
            response = self._call("MOVE", source, to=self._address(folder, target))
            if response.status == 404:
                made = self._call("MKCOL", self.settings.folder(folder))
                if made.status == 409:
                    # The folder is there, so the file is gone: somebody was faster.
                    return
                self._expect(folder, made, 201)
                response = self._call("MOVE", source, to=self._address(folder, target))
            if response.status != 409:
                self._expect(folder, response, 201)
                return
        raise RetryLater("The archive holds too many files of one name.")

    def remove(self, folder: str, entry: Entry) -> None:
        """Delete a file of ours to decide on, such as a marker."""
        self._call("DELETE", self._address(folder, entry.segment))

    # ------------------------------------------------------------------ calls

    def _address(self, folder: str, segment: str) -> str:
        return f"{self.settings.folder(folder)}/{segment}"

    def _call(
        self, method: str, url: str, body: bytes = b"", to: str | None = None
    ) -> Response:
        headers = dict(self._headers)
        if to is not None:
            headers["destination"] = to
        response = self._transport.request(method, url, headers=headers, body=body)
        if response.status == 401:
            raise Misconfigured(
                "The SFTP server does not accept the user, password or key.",
                field="password",
            )
        return response

    def _expect(self, folder: str, response: Response, status: int) -> None:
        if response.status == status:
            return
        if response.status < 300:
            response.json()
            raise RetryLater("The answer to a file operation makes no sense.")
        self._refuse(folder, response)

    def _refuse(self, folder: str, response: Response) -> NoReturn:
        name = self.settings.folders[folder]
        if response.status == 404:
            raise Misconfigured(f"There is no folder {name}.", field="folders")
        if response.status == 403:
            raise Misconfigured(
                f"The folder {name} may not be read or written by us, or is a link.",
                field="folders",
            )
        raise RetryLater(f"The folder {name} cannot be used ({response.status}).")


def _entry(found: Any) -> Entry | None:
    """Return an entry of a listing, None for what names nothing in the folder."""
    if not isinstance(found, dict):
        return None
    name, segment = found.get("name"), found.get("segment")
    size, kind = found.get("size"), found.get("kind")
    moment = _moment(found.get("modified"))
    if (
        not isinstance(name, str)
        or not isinstance(segment, str)
        or not isinstance(size, int)
        or kind not in ("file", "folder", "other")
        or moment is None
        or not is_plain(unquote_to_bytes(segment))
    ):
        return None
    return Entry(name, segment, size, moment, kind)


def _moment(seconds: object) -> datetime | None:
    """Return seconds since 1970 as a moment; None where there can be none."""
    try:
        number = float(str(seconds))
        return datetime.fromtimestamp(number, UTC) if math.isfinite(number) else None
    except (ValueError, OverflowError, OSError):
        return None
