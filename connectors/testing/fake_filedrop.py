"""A folder in memory, and a partner who looks into it as soon as something lies there.

The partner reads every file that appears in ``out`` and ``reports``, leaves it where it
is, and takes numbers by their sequence: an older one never replaces a newer one.
"""

from __future__ import annotations

import csv
import io
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from urllib.parse import unquote, urlsplit

from ..data import QuantityKey
from ..files import FileTransport
from ..strict_json import format_time
from ..transport import Request, Response
from .fake_channel import FakeServer, FakeTransport, FixedClock, json_response

BASE_URL = "sftp://hub@files.example/shop"
PASSWORD = "the c4n4ry of the drop's user"
FOLDERS = ("in", "out", "reports")


class FakeFileTransport(FakeTransport, FileTransport):
    """Hands file operations to a function, with the addresses checked as ever."""


@dataclass(frozen=True)
class Stored:
    """A file in memory."""

    content: bytes
    changed_at: datetime
    kind: str = "file"


class FakeFiledrop(FakeServer):
    """Folders, files, and the partner's books.

    ``files`` has what lies in each folder, by path; ``taken`` what the partner read,
    which is nothing while he ``is_away``.
    """

    def __init__(self, clock: FixedClock, password: str = PASSWORD) -> None:
        super().__init__(clock)
        self.transport = FakeFileTransport(self.handle, clock, self.is_write)
        self.password = password
        self.folders = set(FOLDERS)
        self.files: dict[str, Stored] = {}
        self.taken: list[str] = []
        self.titles: dict[str, str] = {}
        self.places: dict[str, str] = {}
        self.is_away = False

    def is_write(self, call: Request) -> bool:
        """Tell whether an operation changes something."""
        return call.method not in ("GET", "LIST")

    def handle(self, call: Request) -> Response:
        """Do one operation on what is in memory."""
        if call.headers.get("password") != self.password:
            return json_response({}, 401)
        path = _path(call.url)
        if call.method == "LIST":
            return self._listing(path)
        if call.method == "MKCOL":
            if path in self.folders:
                return json_response({}, 409)
            self.folders.add(path)
            return json_response({}, 201)
        folder = path.rpartition("/")[0]
        if call.method == "PUT":
            if folder not in self.folders:
                return json_response({}, 404)
            self.files[path] = Stored(call.body, self.clock())
            return json_response({}, 201)
        if path not in self.files:
            return json_response({}, 404)
        if call.method == "MOVE":
            return self._move(path, _path(call.headers["destination"]))
        if call.method == "DELETE":
            del self.files[path]
            return json_response({})
        return self._content(self.files[path])

    def put(self, path: str, content: bytes | str, kind: str = "file") -> None:
        """Let the partner put something into a folder, now."""
        raw = content.encode() if isinstance(content, str) else content
        self.files[path] = Stored(raw, self.clock(), kind)

    def names(self, folder: str) -> list[str]:
        """Return what lies in a folder, in order."""
        return sorted(
            path.rpartition("/")[2]
            for path in self.files
            if path.rpartition("/")[0] == folder
        )

    def rows(self, path: str) -> list[dict[str, str]]:
        """Return the rows of a file by their headers."""
        text = self.files[path].content.decode()
        return list(csv.DictReader(io.StringIO(text, newline="")))

    def add_item(self, sku: str, location_id: str, quantity: Decimal) -> QuantityKey:
        """List an item; its level starts at sequence zero."""
        self.books.show(sku, location_id, quantity, 0)
        self.titles[sku] = f"Item {sku}"
        self.places[location_id] = f"Place {location_id}"
        listings = [(name, title) for name, title in self.titles.items()]
        self.put("in/listings.csv", as_csv(("sku", "title"), listings))
        places = [(name, title) for name, title in self.places.items()]
        self.put("in/locations.csv", as_csv(("location_id", "name"), places))
        return QuantityKey(sku=sku, item_id="", location_id=location_id)

    def add_order(self, order_id: str, version: int = 1) -> list[str]:
        """Put a file with one order down: two lines, three and five units."""
        rows = [
            order_row(order_id, line, sku, quantity, price, version, self.clock())
            for line, sku, quantity, price in (
                ("1", "A-1", "3", "9.90"),
                ("2", "B-2", "5", "0.50"),
            )
        ]
        self.put(
            f"in/orders-{order_id}.csv",
            as_csv(tuple(rows[0]), [tuple(row.values()) for row in rows]),
        )
        self.books.orders[order_id] = {"id": order_id}
        return [row["line_id"] for row in rows]

    # ---------------------------------------------------------------- folders

    def _listing(self, path: str) -> Response:
        if path not in self.folders:
            return json_response({}, 404)
        entries = [
            {
                "name": name,
                "segment": name,
                "size": len(self.files[f"{path}/{name}"].content),
                "modified": repr(self.files[f"{path}/{name}"].changed_at.timestamp()),
                "kind": self.files[f"{path}/{name}"].kind,
            }
            for name in self.names(path)
        ]
        return json_response({"entries": entries})

    def _content(self, stored: Stored) -> Response:
        if stored.kind != "file":
            return json_response({}, 403)
        modified = {"x-modified": repr(stored.changed_at.timestamp())}
        return Response(200, modified, stored.content)

    def _move(self, path: str, target: str) -> Response:
        if target.rpartition("/")[0] not in self.folders:
            return json_response({}, 404)
        if target in self.files:
            return json_response({}, 409)
        self.files[target] = self.files.pop(path)
        folder, _, name = target.rpartition("/")
        if folder in ("out", "reports") and not self.is_away:
            self._take(name, self.rows(target))
        return json_response({}, 201)

    # ---------------------------------------------------------------- partner

    def _take(self, name: str, rows: Sequence[Mapping[str, str]]) -> None:
        self.taken.append(name)
        if name.startswith("availability"):
            for row in rows:
                self._take_number(row)
            return
        is_shipment = name.startswith("shipment")
        books = self.books.shipments if is_shipment else self.books.cancellations
        key = rows[0]["shipment_id" if is_shipment else "cancellation_id"]
        books[key] = {"rows": [dict(row) for row in rows]}
        self.books.effects.append(name)

    def _take_number(self, row: Mapping[str, str]) -> None:
        place = (row["sku"], row.get("location_id", "main"))
        level = self.books.levels.get(place)
        if level is not None and int(row["sequence"]) > level.sequence:
            self.books.show(*place, Decimal(row["quantity"]), int(row["sequence"]))


def as_csv(header: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """Return separated values as a partner writes them."""
    file = io.StringIO(newline="")
    writer = csv.writer(file)
    writer.writerow(header)
    writer.writerows(rows)
    return file.getvalue()


def order_row(
    order_id: str,
    line: str,
    sku: str,
    quantity: str,
    price: str,
    version: int,
    placed_at: datetime,
) -> dict[str, str]:
    """Return one row of an orders file, every needed column filled."""
    return {
        "order_id": order_id,
        "version": str(version),
        "placed_at": format_time(placed_at),
        "currency": "EUR",
        "prices_include_tax": "yes",
        "customer_email": "ada@example.com",
        "ship_name": "Ada Example",
        "ship_street": "1 Main Street",
        "ship_city": "Brussels",
        "ship_zip": "1000",
        "ship_country": "BE",
        "line_id": f"{order_id}-{line}",
        "sku": sku,
        "quantity": quantity,
        "unit_price": price,
    }


def _path(url: str) -> str:
    return unquote(urlsplit(url).path).removeprefix("/shop/")
