"""How one channel's files look and lie, read from its settings."""

from __future__ import annotations

import json
import os
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from enum import StrEnum
from fnmatch import fnmatchcase
from functools import partial
from typing import TypeVar
from urllib.parse import quote
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from .base import ConfigField
from .errors import Misconfigured
from .file_paths import is_plain
from .filedrop_columns import COLUMNS, Column, Kind

CONFIG_FIELDS = (
    ConfigField(
        name="base_url",
        label="Address",
        help="file:///srv/exchange/shop for a folder of this server, or"
        " sftp://user@host/folder.",
    ),
    ConfigField(
        name="host_key",
        label="Key of the SFTP Server",
        help="As ssh-keyscan prints it (ssh-ed25519 AAAA...), or SHA256:...",
        required=False,
    ),
    ConfigField(
        name="password",
        label="SFTP Password",
        help="Where the server wants one.",
        secret=True,
        required=False,
    ),
    ConfigField(
        name="private_key",
        label="SFTP Private Key",
        help="The whole text of an Ed25519, ECDSA or RSA key; used instead of the"
        " password.",
        secret=True,
        required=False,
    ),
    ConfigField(
        name="passphrase",
        label="Passphrase of the Key",
        help="Where the private key has one.",
        secret=True,
        required=False,
        advanced=True,
    ),
    ConfigField(
        name="folders",
        label="Folders",
        help="Where they are called otherwise: in=in; out=out; reports=reports;"
        " archive=archive; quarantine=quarantine.",
        required=False,
        advanced=True,
    ),
    ConfigField(
        name="names",
        label="File Names",
        help="Which file is what, where they are called otherwise: orders=orders*;"
        " cancels=cancels*; returns=returns*; counts=counts*.",
        required=False,
        advanced=True,
    ),
    ConfigField(
        name="columns",
        label="Columns",
        help='Ours = theirs, such as sku=Article; orders.quantity=Pieces; currency="EUR"'
        " (in quotes: the same for every row). JSON is taken, too.",
        required=False,
        advanced=True,
    ),
    ConfigField(
        name="format",
        label="Format",
        help="csv (default) or xlsx: what the hub writes. It reads both.",
        required=False,
        advanced=True,
    ),
    ConfigField(
        name="separator",
        label="Separator",
        help="Of csv: comma (default), semicolon, tab or pipe.",
        required=False,
        advanced=True,
    ),
    ConfigField(
        name="encoding",
        label="Encoding",
        help="Of csv: utf-8 (default), utf-8-sig or cp1252.",
        required=False,
        advanced=True,
    ),
    ConfigField(
        name="decimal",
        label="Decimals",
        help="point (default) or comma.",
        required=False,
        advanced=True,
    ),
    ConfigField(
        name="dates",
        label="Dates",
        help="ymd (default: 2026-11-30), dmy (30.11.2026) or mdy (11/30/2026). Times"
        " without an offset are in the channel's time zone.",
        required=False,
        advanced=True,
    ),
    ConfigField(
        name="complete",
        label="A File Is Complete",
        help="age (default): nobody has changed it for a while; done: when a file of the"
        " same name with .done lies beside it; or end=WORD: when its last row begins with"
        " that word.",
        required=False,
        advanced=True,
    ),
    ConfigField(
        name="settle",
        label="Seconds to Wait",
        help="For how long nobody may have changed a file before it is read; 60.",
        required=False,
        advanced=True,
    ),
    ConfigField(
        name="after_reading",
        label="After Reading",
        help="archive (default): the file is moved; leave: it stays, and is read again"
        " when its date changes.",
        required=False,
        advanced=True,
    ),
    ConfigField(
        name="location",
        label="Location",
        help="The id of the only location, where files have no column for it; main.",
        required=False,
        advanced=True,
    ),
    ConfigField(
        name="full_file",
        label="Full File",
        help="yes (default): a file with every number is written once a day; no.",
        required=False,
        advanced=True,
    ),
)

FOLDERS = ("in", "out", "reports", "archive", "quarantine")
SUFFIXES = (".csv", ".txt", ".xlsx")
_SEPARATORS = {"comma": ",", "semicolon": ";", "tab": "\t", "pipe": "|"}
_ENCODINGS = ("utf-8", "utf-8-sig", "cp1252")
_MOST_SECONDS = 86_400

Word = TypeVar("Word", bound=StrEnum)


class Complete(StrEnum):
    """How a file shows that it is complete."""

    AGE = "age"
    DONE = "done"
    END = "end"


@dataclass(frozen=True, kw_only=True)
class Layout:
    """How the text of a file is written.

    :param str format: csv or xlsx, for what we write.
    :param str dates: the order of day, month and year: ymd, dmy or mdy.
    :param ZoneInfo zone: of times without an offset.
    """

    format: str = "csv"
    separator: str = ","
    encoding: str = "utf-8"
    has_comma: bool = False
    dates: str = "ymd"
    zone: ZoneInfo = ZoneInfo("UTC")


@dataclass(frozen=True, kw_only=True)
class Header:
    """What the columns of a channel's files are called there.

    :param theirs: their word, by ours; ``constants`` what is the same in every row.
    """

    theirs: Mapping[str, str]
    constants: Mapping[str, str]

    def name_of(self, kind: Kind, column: Column) -> str:
        """Return their name of a column."""
        return _found(self.theirs, kind, column) or column.name

    def constant_of(self, kind: Kind, column: Column) -> str:
        """Return what stands in every row, empty where the file says it."""
        return _found(self.constants, kind, column)


@dataclass(frozen=True, kw_only=True)
class Settings:
    """Everything a channel's settings say of its files."""

    address: str
    folders: Mapping[str, str]
    names: Mapping[Kind, str]
    layout: Layout
    header: Header
    complete: Complete
    end_word: str
    settle: int
    is_left: bool
    location: str
    has_pools: bool

    def folder(self, name: str) -> str:
        """Return the address of one of our folders."""
        steps = [quote(step, safe="") for step in self.folders[name].split("/")]
        return "/".join((self.address, *steps))

    def kind_of(self, name: str) -> Kind | None:
        """Return what a file is by its name, None where it does not tell."""
        small = name.casefold()
        if not small.endswith(SUFFIXES):
            return None
        for kind, pattern in self.names.items():
            if fnmatchcase(small, pattern.casefold()):
                return kind
        return None


def read_settings(config: Mapping[str, str]) -> Settings:
    """Return what a channel's settings mean.

    :raise Misconfigured: naming the setting that makes no sense.
    """
    complete, end_word = _complete(config)
    is_left = _one_of(config, "after_reading", ("archive", "leave")) == "leave"
    if is_left and complete is not Complete.AGE:
        # They would be passed over once the cursor is beyond their date.
        raise Misconfigured(
            "Files that are left where they are can only be complete by age.",
            field="complete",
        )
    return Settings(
        address=_address(config),
        folders=_folders(config),
        names=_names(config),
        layout=read_layout(config),
        header=_header(config),
        complete=complete,
        end_word=end_word,
        settle=_seconds(config),
        is_left=is_left,
        location=_text(config, "location", "main"),
        has_pools=not _text(config, "location", ""),
    )


def read_layout(config: Mapping[str, str]) -> Layout:
    """Return how a channel's files are written.

    :raise Misconfigured: naming the setting that makes no sense.
    """
    separator = _one_of(config, "separator", (*_SEPARATORS, *_SEPARATORS.values()))
    layout = Layout(
        format=_one_of(config, "format", ("csv", "xlsx")),
        separator=_SEPARATORS.get(separator, separator),
        encoding=_one_of(config, "encoding", _ENCODINGS),
        has_comma=_one_of(config, "decimal", ("point", "comma")) == "comma",
        dates=_one_of(config, "dates", ("ymd", "dmy", "mdy")),
        zone=_zone(config),
    )
    if layout.has_comma and layout.separator == ",":
        raise Misconfigured(
            "Decimals with a comma need another separator than the comma.",
            field="separator",
        )
    return layout


def pairs(text: str, field: str) -> dict[str, str]:
    """Return what ``ours=theirs`` entries say, in lines, by semicolons or as JSON.

    :raise Misconfigured: when an entry is none, or a name comes twice.
    """
    text = text.strip()
    if text.startswith("{"):
        return _from_json(text, field)
    found: dict[str, str] = {}
    for entry in filter(None, map(str.strip, re.split(r"[;\r\n]", text))):
        ours, equals, theirs = (part.strip() for part in entry.partition("="))
        if not equals or not ours or not theirs or ours in found:
            raise Misconfigured(
                f"The entry {entry[:60]!r} is not of the form ours=theirs, or comes"
                " twice.",
                field=field,
            )
        found[ours] = theirs
    return found


def _from_json(text: str, field: str) -> dict[str, str]:
    """Flatten ``{"orders": {"sku": "Article"}}`` to ``orders.sku``."""
    try:
        value = json.loads(text)
    except (ValueError, RecursionError):
        raise Misconfigured("This is no JSON.", field=field) from None
    found: dict[str, str] = {}
    for name, theirs in value.items():
        inner = theirs.items() if isinstance(theirs, dict) else [("", theirs)]
        for key, word in inner:
            if not isinstance(word, str) or not word.strip():
                raise Misconfigured(f"{name} {key} must be a text.", field=field)
            found[f"{name}.{key}" if key else name] = word.strip()
    return found


def _found(words: Mapping[str, str], kind: Kind, column: Column) -> str:
    return words.get(f"{kind}.{column.name}") or words.get(column.name, "")


def _text(config: Mapping[str, str], name: str, default: str) -> str:
    return str(config.get(name) or "").strip() or default


def _one_of(config: Mapping[str, str], name: str, words: Iterable[str]) -> str:
    """Return a setting that is one of some words, the first one if it is empty."""
    known = list(words)
    given = str(config.get(name) or "")
    given = given if given in known else given.strip().casefold() or known[0]
    if given not in known:
        shown = ", ".join(word for word in known if word.isprintable())
        raise Misconfigured(f"{name} must be one of: {shown}.", field=name)
    return given


def _address(config: Mapping[str, str]) -> str:
    address = _text(config, "base_url", "").rstrip("/")
    if not address or "?" in address or "#" in address:
        raise Misconfigured(
            "The address of the folder is missing, or has a ? or # in it.",
            field="base_url",
        )
    return address


def _folders(config: Mapping[str, str]) -> dict[str, str]:
    given = pairs(_text(config, "folders", ""), "folders")
    unknown = given.keys() - set(FOLDERS)
    folders = {name: given.get(name, name).strip("/") for name in FOLDERS}
    if unknown or len({*folders.values()} - {""}) != len(FOLDERS):
        raise Misconfigured(
            f"Folders are {', '.join(FOLDERS)}, each with a place of its own.",
            field="folders",
        )
    steps = [step for place in folders.values() for step in place.split("/")]
    if not all(is_plain(os.fsencode(step)) for step in steps):
        raise Misconfigured("A folder must not lead out of itself.", field="folders")
    return folders


def _names(config: Mapping[str, str]) -> dict[Kind, str]:
    given = pairs(_text(config, "names", ""), "names")
    incoming = [Kind(name) for name in list(Kind)[:6]]
    if given.keys() - set(incoming):
        raise Misconfigured(f"File names are for {', '.join(incoming)}.", field="names")
    return {kind: given.get(kind, f"{kind}*") for kind in incoming}


def _header(config: Mapping[str, str]) -> Header:
    given = pairs(_text(config, "columns", ""), "columns")
    known = {column.name for columns in COLUMNS.values() for column in columns}
    known |= {
        f"{kind}.{column.name}"
        for kind, columns in COLUMNS.items()
        for column in columns
    }
    if unknown := sorted(given.keys() - known):
        raise Misconfigured(
            f"There is no column {', '.join(unknown)[:120]}.", field="columns"
        )
    is_constant = partial(re.fullmatch, r'"[^"]*"')
    return Header(
        theirs={ours: word for ours, word in given.items() if not is_constant(word)},
        constants={
            ours: word[1:-1] for ours, word in given.items() if is_constant(word)
        },
    )


def _complete(config: Mapping[str, str]) -> tuple[Complete, str]:
    """Return how a file shows that it is complete, and by which word."""
    given = _text(config, "complete", Complete.AGE.value)
    word, end_word = (part.strip() for part in given.partition("=")[::2])
    if word not in list(Complete) or (word == Complete.END) != bool(end_word):
        raise Misconfigured(
            "A file is complete by age, by done, or by end=WORD.", field="complete"
        )
    return Complete(word), end_word


def _seconds(config: Mapping[str, str]) -> int:
    text = _text(config, "settle", "60")
    if not re.fullmatch("[0-9]{1,5}", text) or int(text) > _MOST_SECONDS:
        raise Misconfigured(
            f"The seconds to wait are from 0 to {_MOST_SECONDS}.", field="settle"
        )
    return int(text)


def _zone(config: Mapping[str, str]) -> ZoneInfo:
    try:
        return ZoneInfo(_text(config, "timezone", "UTC"))
    except (ZoneInfoNotFoundError, ValueError):
        raise Misconfigured("The time zone is not known.", field="timezone") from None
