"""The ``filedrop`` connector: files in a folder of this server or on an SFTP server.

For partners who exchange spreadsheets or separated values. There is no documentation
but ours: docs/connectors/filedrop.md has the columns, which a channel may call as it
likes. A file is written whole and once; nobody answers, so a number counts as told when
its file lies there.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from datetime import datetime
from decimal import Decimal
from functools import cached_property
from typing import ClassVar, NoReturn

from .base import (
    Capabilities,
    ConfigField,
    Connector,
    QuantityMeaning,
    Resource,
    body_digest,
)
from .data import (
    Cancellation,
    Delivery,
    Event,
    FetchedOrder,
    Health,
    ObservedQuantity,
    OrderPage,
    QuantityKey,
    QuantityUpdate,
    RemoteListing,
    RemoteLocation,
    ResultStatus,
    Shipment,
    UpdateResult,
)
from .errors import BadSignature, ConnectorError, Rejected, RetryLater
from .file_sheet import write_sheet
from .file_table import Unreadable, write_csv
from .filedrop_body import IMPERSONAL, file_under, read_body
from .filedrop_columns import COLUMNS, Kind
from .filedrop_reading import DropReader
from .filedrop_settings import CONFIG_FIELDS, Settings, read_settings
from .filedrop_store import Drop
from .files import FileTransport
from .rest_payload import CUSTOMER_IDS
from .strict_json import format_time
from .transport import Transport

_BATCH = 5_000
_SLUG = re.compile(r"[^A-Za-z0-9]+")

Cells = Sequence[str | Decimal]


class FiledropConnector(Connector):
    """Speaks in files."""

    key: ClassVar[str] = "filedrop"
    label: ClassVar[str] = "Files (folder or SFTP)"
    capabilities: ClassVar[Capabilities] = Capabilities(
        quantity_meaning=QuantityMeaning.SELLABLE,
        locations=True,
        compare_and_set=False,
        idempotency=True,
        batch_size=_BATCH,
        read_back=False,
        webhooks=False,
        polling=True,
        signed_time=False,
        can_cancel=True,
        fractions=True,
        confirms=False,
        full_files=True,
    )
    config_fields: ClassVar[tuple[ConfigField, ...]] = CONFIG_FIELDS
    resources: ClassVar[tuple[Resource, ...]] = (
        Resource.ORDERS,
        Resource.RETURNS,
        Resource.COUNTS,
    )
    impersonal: ClassVar[tuple[str, ...]] = IMPERSONAL
    customer_ids: ClassVar[tuple[str, ...]] = CUSTOMER_IDS
    transport_class: ClassVar[type[Transport]] = FileTransport
    signing_help: ClassVar[str] = "Files are not signed; no secret is needed."

    @cached_property
    def settings(self) -> Settings:
        """What the channel's settings say.

        :raise Misconfigured: naming the one that makes no sense.
        """
        return read_settings(self.config)

    def _drop(self) -> Drop:
        return Drop(self.settings, self.transport, self.config)

    def _reader(self) -> DropReader:
        return DropReader(self._drop(), self.clock)

    # ------------------------------------------------------------- deliveries

    def verify(
        self,
        raw: bytes,
        headers: Mapping[str, str],
        secrets: Sequence[str],
        now: datetime,
    ) -> NoReturn:
        """Refuse: a folder delivers nothing.

        :raise BadSignature: always.
        """
        raise BadSignature("This channel brings files; it delivers nothing.")

    def describe(self, raw: bytes, headers: Mapping[str, str]) -> Delivery:
        """File by content."""
        topic, order_key = file_under(raw)
        return Delivery(
            dedupe_key=f"digest:{body_digest(raw)}", topic=topic, order_key=order_key
        )

    def parse(self, raw: bytes, topic: str) -> list[Event]:
        """Read a body that was made of rows; a wrong row says where it stands."""
        return read_body(raw, topic)

    # --------------------------------------------------------------- outgoing

    def publish(
        self, updates: Sequence[QuantityUpdate], idempotency_key: str
    ) -> list[UpdateResult]:
        """Write one file with these numbers; its name sorts behind all before it.

        A repeat has the same name, and is not written while the first one lies there.
        """
        if not updates:
            return []
        rows = [(self._writable(self._level(update)), update) for update in updates]
        told = [row for row, _update in rows if row is not None]
        if told:
            name = _numbered(updates, hashlib.sha256(idempotency_key.encode()))
            self._write("out", name, Kind.AVAILABILITY, told)
        return [
            UpdateResult(
                status=ResultStatus.APPLIED,
                quantity=update.quantity,
                sequence=update.sequence,
            )
            if row is not None
            else UpdateResult(
                status=ResultStatus.REJECTED,
                code="encoding",
                field="sku",
                message="The item's name does not fit the encoding of the channel's"
                " files.",
            )
            for row, update in rows
        ]

    def write_all(self, updates: Sequence[QuantityUpdate]) -> str:
        """Write every number into one file, sorted behind what it repeats."""
        rows = [self._writable(self._level(update)) for update in updates]
        name = _numbered(updates, None)
        told = [row for row in rows if row is not None]
        return self._write("out", name, Kind.AVAILABILITY, told)

    def availability_file(
        self, updates: Sequence[QuantityUpdate], file_format: str
    ) -> tuple[str, bytes]:
        """Return name and content of the file with every number, for a download.

        :param str file_format: csv or xlsx.
        """
        layout = replace(self.settings.layout, format=file_format)
        rows = [self._level(update) for update in updates]
        name = f"{_numbered(updates, None)}.{file_format}"
        settings = replace(self.settings, layout=layout)
        return name, _rendered(settings, Kind.AVAILABILITY, rows)

    def _level(self, update: QuantityUpdate) -> Cells:
        key = update.key
        place = (key.location_id,) if self.settings.has_pools else ()
        return (
            key.sku,
            key.item_id,
            *place,
            update.quantity,
            update.unit,
            Decimal(update.sequence),
        )

    def _writable(self, row: Cells) -> Cells | None:
        """Return a row that fits the encoding, None otherwise."""
        try:
            "".join(str(cell) for cell in row).encode(self.settings.layout.encoding)
        except UnicodeEncodeError:
            return None
        return row

    def _write(self, folder: str, name: str, kind: Kind, rows: Sequence[Cells]) -> str:
        """Write a file and return its name.

        :raise Rejected: when it does not fit the encoding.
        """
        try:
            body = _rendered(self.settings, kind, rows)
        except UnicodeEncodeError:
            raise Rejected(
                "It holds characters that the encoding of the channel's files has not.",
                code="encoding",
                field="encoding",
            ) from None
        name = f"{name}.{self.settings.layout.format}"
        self._drop().write_once(folder, name, body)
        return name

    def report_shipment(self, shipment: Shipment) -> None:
        """Write a file with the shipment; a correction is a file of its own."""
        rows = [
            (
                shipment.id,
                shipment.order_id,
                shipment.location_id,
                format_time(shipment.shipped_at),
                shipment.carrier,
                shipment.tracking,
                shipment.tracking_url,
                line.order_line_id,
                quantity,
                lot,
            )
            for line in shipment.lines
            for lot, quantity in [(lot.name, lot.quantity) for lot in line.lots]
            or [("", line.quantity)]
        ]
        name = _named("shipment", shipment.order_id, shipment.id, shipment.revision)
        self._write("reports", name, Kind.SHIPMENTS, rows)

    def report_cancel(self, cancellation: Cancellation) -> None:
        """Write a file with what will not be shipped."""
        rows = [
            (
                cancellation.id,
                cancellation.order_id,
                format_time(cancellation.decided_at),
                cancellation.reason,
                line.order_line_id,
                line.quantity,
            )
            for line in cancellation.lines
        ]
        name = _named(
            "cancellation",
            cancellation.order_id,
            cancellation.id,
            cancellation.revision,
        )
        self._write("reports", name, Kind.CANCELLATIONS, rows)

    # ---------------------------------------------------------------- reading

    def fetch_quantities(self, keys: Sequence[QuantityKey]) -> list[ObservedQuantity]:
        """Return nothing: a folder shows no numbers."""
        return []

    def fetch_orders(self, since: datetime | None) -> Iterator[OrderPage]:
        """Page through the files of orders and cancels."""
        return self.poll(Resource.ORDERS, since)

    def poll(self, resource: Resource, since: datetime | None) -> Iterator[OrderPage]:
        """Page through the files of a resource; a file is moved once it is stored."""
        if resource not in self.resources:
            raise NotImplementedError(resource)
        return self._reader().pages(resource, since)

    def fetch_order(self, order_id: str) -> FetchedOrder | None:
        """Look an order up in the newest files."""
        return self._reader().find_order(order_id)

    def fetch_listings(self) -> Iterator[RemoteListing]:
        """Read the newest listings file in the incoming folder, if there is one."""
        for row in self._catalogue(Kind.LISTINGS):
            yield RemoteListing(
                sku=row["sku"],
                item_id=row.get("item_id", ""),
                title=row.get("title", ""),
                barcode=row.get("barcode", ""),
                unit=row.get("unit", ""),
            )

    def fetch_locations(self) -> Iterator[RemoteLocation]:
        """Read the newest locations file; the channel's one location without one."""
        rows = list(self._catalogue(Kind.LOCATIONS))
        for row in rows:
            yield RemoteLocation(
                id=row["location_id"], name=row.get("name", row["location_id"])
            )
        if not rows:
            place = self.settings.location
            yield RemoteLocation(id=place, name=place)

    def _catalogue(self, kind: Kind) -> Iterator[dict[str, str]]:
        try:
            for row in self._reader().catalogue(kind):
                yield {name: str(value) for name, value in row.items()}
        except Unreadable as error:
            raise RetryLater(f"The file of {kind} cannot be read. {error}") from None

    def check(self) -> Health:
        """Look into the three folders that must be there."""
        try:
            waiting = self._reader().waiting()
            for folder in ("out", "reports"):
                self._drop().entries(folder)
        except ConnectorError as error:
            return Health.failed(error)
        return Health(ok=True, message=f"Connected; {waiting} file(s) wait to be read.")


def _rendered(settings: Settings, kind: Kind, rows: Sequence[Cells]) -> bytes:
    columns = COLUMNS[kind]
    if kind is Kind.AVAILABILITY and not settings.has_pools:
        columns = tuple(one for one in columns if one.name != "location_id")
    header = [settings.header.name_of(kind, column) for column in columns]
    if settings.layout.format == "xlsx":
        return write_sheet(header, rows)
    return write_csv(header, rows, settings.layout)


def _numbered(updates: Sequence[QuantityUpdate], key: hashlib._Hash | None) -> str:
    """Return a name that sorts by the newest number in the file."""
    newest = max((update.sequence for update in updates), default=0)
    return f"availability-{newest:019d}-{key.hexdigest()[:12] if key else 'full'}"


def _named(what: str, order_id: str, report_id: str, revision: int) -> str:
    """Return the name of a report: the same for repeats, another for a revision."""
    text = "\0".join((what, order_id, report_id, str(revision)))
    digest = hashlib.sha256(text.encode()).hexdigest()[:12]
    slugs = (_SLUG.sub("-", part).strip("-")[:40] for part in (order_id, report_id))
    return "-".join(filter(None, (what, *slugs, digest)))
