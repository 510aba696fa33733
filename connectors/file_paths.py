"""Addresses of files: percent-encoded, absolute, and never upwards.

A name of a foreign folder is bytes that somebody else chose. It travels as one
percent-encoded segment, so that no name can be taken for two, or for another folder.
"""

from __future__ import annotations

import os
from urllib.parse import quote, unquote_to_bytes, urlsplit

from .errors import Misconfigured

SCHEMES = ("file", "sftp")
_UPWARDS = (b"", b".", b"..")


def segment(name: bytes | str) -> str:
    """Return a name as one segment of an address."""
    return quote(os.fsencode(name), safe="")


def is_plain(name: bytes) -> bool:
    """Tell whether a name names something in its own folder."""
    return name not in _UPWARDS and b"/" not in name and b"\0" not in name


def parts_of(url: str) -> tuple[bytes, ...]:
    """Return the decoded segments of an address's path.

    :raise Misconfigured: when one of them leads upwards or hides a separator.
    """
    path = urlsplit(url).path
    parts = tuple(unquote_to_bytes(part) for part in path.split("/") if part)
    if not all(is_plain(part) for part in parts):
        raise Misconfigured(
            "The folder's address must not hold .. or other ways out of it.",
            field="base_url",
        )
    return parts


def as_text(name: bytes) -> str:
    """Return a name for people; bytes that are no text are shown as such."""
    return name.decode("utf-8", "backslashreplace")
