"""A Medusa 2.18.0 in memory, with the manners measured on a real one.

What a connector stumbles over is here on purpose: the batch is all or nothing, a
level at a location that does not exist is taken, the answer's available quantity is
the old one, a line given twice is shipped twice but its reservation stays, captures
and moved reservations date nothing anew, an edit to zero makes the line vanish, and
an order is visible before it is reserved and paid. ``samples/medusa/api`` holds the
recorded answers this was written from.
"""

from __future__ import annotations

import base64
import json
from collections.abc import Callable
from datetime import UTC
from decimal import Decimal
from email.utils import format_datetime
from typing import Any
from urllib.parse import parse_qs, urlsplit

from ..data import QuantityKey
from ..strict_json import format_time, parse_time
from ..transport import Request, Response
from .fake_channel import FakeServer, FixedClock

API_KEY = "sk_c4n4ry6789abcdef0123456789abcdef"
BASE_URL = "https://medusa.example"

Row = dict[str, Any]
Query = dict[str, list[str]]


class Refusal(Exception):
    """Medusa's answer to a call it does not do."""

    def __init__(self, status: int, kind: str, message: str) -> None:
        super().__init__(message)
        self.status = status
        self.kind = kind


class FakeMedusa(FakeServer):
    """One shop."""

    def __init__(self, clock: FixedClock) -> None:
        super().__init__(clock)
        self.locations = {"main": "Main warehouse", "shop": "Shop"}
        self.items: dict[str, str] = {}
        self.reservations: list[Row] = []
        self.changes: dict[str, list[Row]] = {}
        self.former: dict[str, list[Row]] = {}
        self.payments: dict[str, str] = {}
        self.returns: list[Row] = []
        self.variants: dict[str, Row | None] = {}
        """What a variant says besides the usual, by SKU; None: there is no variant."""
        self.closed: set[str] = set()
        """Locations without a sales channel."""

    def add_item(self, sku: str, location_id: str, quantity: Decimal) -> QuantityKey:
        """List an item with a level at a location."""
        item = f"iitem_{sku}"
        self.items[item] = sku
        self.books.show(sku, location_id, quantity, 0)
        return QuantityKey(sku=sku, item_id=item, location_id=location_id)

    def add_order(self, order_id: str, version: int = 1) -> list[str]:
        """Place a paid order of two lines, three and five, reserved at main."""
        now = self.now()
        if order_id in self.books.orders:
            order = self.books.orders[order_id]
            order.update(version=version, updated_at=now)
            return [item["id"] for item in order["items"]]
        items = [
            self._item(f"{order_id}-1", "A-1", 3, Decimal("9.90")),
            self._item(f"{order_id}-2", "B-2", 5, Decimal("0.50")),
        ]
        self.books.orders[order_id] = {
            "id": order_id,
            "display_id": len(self.books.orders) + 1,
            "status": "pending",
            "version": version,
            "currency_code": "eur",
            "email": "ada@example.com",
            "created_at": now,
            "updated_at": now,
            "total": Decimal("32.20"),
            "payment_status": "authorized",
            "items": items,
            "shipping_methods": [],
            "fulfillments": [],
            "payment_collections": [{"id": f"pay_{order_id}", "updated_at": now}],
        }
        for item in items:
            self.reserve(item, item["quantity"], "main")
        return [item["id"] for item in items]

    def _item(self, line: str, sku: str, quantity: int, price: Decimal) -> Row:
        self.items.setdefault(f"iitem_{sku}", sku)
        link = {"inventory_item_id": f"iitem_{sku}", "required_quantity": 1}
        return {
            "id": line,
            "variant_sku": sku,
            "quantity": quantity,
            "unit_price": price,
            "is_tax_inclusive": True,
            "updated_at": self.now(),
            "detail": {"fulfilled_quantity": 0, "updated_at": self.now()},
            "variant": {"sku": sku, "inventory_items": [link]},
        }

    def reserve(self, item: Row, quantity: int, location_id: str) -> None:
        """Reserve units of a line, as placing an order does."""
        self.reservations.append(
            {
                "id": f"resitem_{len(self.reservations)}",
                "line_item_id": item["id"],
                "location_id": location_id,
                "inventory_item_id": f"iitem_{item['variant_sku']}",
                "quantity": quantity,
                "updated_at": self.now(),
            }
        )

    def capture(self, order_id: str) -> None:
        """Take the money; the order keeps its date and version."""
        order = self.books.orders[order_id]
        order["payment_status"] = "captured"
        order["payment_collections"][0]["updated_at"] = self.now()
        self.payments[order_id] = self.now()

    def edit(self, order_id: str, line_id: str, quantity: int) -> None:
        """Change a line as a confirmed order edit does; zero makes it vanish."""
        order = self.books.orders[order_id]
        [item] = [item for item in order["items"] if item["id"] == line_id]
        difference = quantity - item["quantity"]
        details = {"quantity": quantity, "quantity_diff": difference}
        action = {"action": "ITEM_UPDATE", "details": details}
        details["reference_id"] = line_id
        change = {"status": "confirmed", "actions": [action]}
        self.changes.setdefault(order_id, []).append(change)
        item["quantity"] = quantity
        self.reservations = [
            r for r in self.reservations if r["line_item_id"] != line_id
        ]
        self.reserve(item, quantity, "main")
        self._touch(order)
        if not quantity:
            order["items"].remove(item)
            self.former.setdefault(order_id, []).append(item)

    def take_back(
        self, order_id: str, line_id: str, quantity: int, location_id: str = "main"
    ) -> str:
        """Announce a return of one line, as the shop's staff do; returns its id."""
        self.returns.append(
            {
                "id": f"return_{len(self.returns) + 1}",
                "order_id": order_id,
                "status": "requested",
                "location_id": location_id,
                "updated_at": self.now(),
                "items": [
                    {
                        "id": f"retitem_{len(self.returns) + 1}",
                        "item_id": line_id,
                        "quantity": quantity,
                        "received_quantity": 0,
                        "damaged_quantity": 0,
                        "updated_at": self.now(),
                    }
                ],
            }
        )
        self._touch(self.books.orders[order_id])
        return str(self.returns[-1]["id"])

    def receive_back(self, return_id: str, good: int, damaged: int = 0) -> None:
        """Receive units of a return; the good ones raise what is stocked."""
        [row] = [row for row in self.returns if row["id"] == return_id]
        [item] = row["items"]
        item["received_quantity"] += good + damaged
        item["damaged_quantity"] += damaged
        is_all = item["received_quantity"] >= item["quantity"]
        row.update(status="received" if is_all else "partially_received")
        row["updated_at"] = item["updated_at"] = self.now()
        order = self.books.orders[row["order_id"]]
        [line] = [line for line in order["items"] if line["id"] == item["item_id"]]
        level = self.books.levels[line["variant_sku"], row["location_id"]]
        level.quantity += good
        self._touch(order)

    def cancel_return(self, return_id: str) -> None:
        """Cancel a return; its order keeps its date and version."""
        [row] = [row for row in self.returns if row["id"] == return_id]
        row.update(status="canceled", updated_at=self.now())

    def now(self) -> str:
        """Return the moment as Medusa writes it."""
        return format_time(self.clock())

    def _touch(self, order: Row) -> None:
        order["updated_at"] = self.now()
        order["version"] += 1

    # ---------------------------------------------------------------------- wire

    def handle(self, call: Request) -> Response:
        """Answer one call."""
        parts = urlsplit(call.url)
        token = base64.b64encode(f"{API_KEY}:".encode()).decode()
        if call.headers.get("authorization") != f"Basic {token}":
            return self._answer({"message": "Unauthorized"}, 401)
        body = json.loads(call.body, parse_float=Decimal) if call.body else {}
        route = (call.method, *parts.path.removeprefix("/admin/").split("/"))
        handler = self._routes(route)
        if handler is None or not parts.path.startswith("/admin/"):
            page = f"<pre>Cannot {call.method} {parts.path}</pre>".encode()
            return Response(404, {"content-type": "text/html"}, page)
        try:
            return self._answer(handler(parse_qs(parts.query), body))
        except Refusal as error:
            return self._answer(
                {"type": error.kind, "message": str(error)}, error.status
            )

    def _routes(self, route: tuple[str, ...]) -> Callable[[Query, Row], Row] | None:
        match route:
            case ("GET", "inventory-items"):
                return self._get_items
            case ("POST", "inventory-items", "location-levels", "batch"):
                return self._set_levels
            case ("GET", "stock-locations"):
                return self._get_locations
            case ("GET", "reservations"):
                return self._get_reservations
            case ("GET", "payments"):
                return self._get_payments
            case ("GET", "returns"):
                return self._get_returns
            case ("GET", "orders"):
                return self._get_orders
            case (method, "orders", order_id, *rest):
                return lambda _, body: self._order_call(method, order_id, rest, body)
        return None

    def _answer(self, value: Row, status: int = 200) -> Response:
        date = format_datetime(self.clock().astimezone(UTC), usegmt=True)
        headers = {"content-type": "application/json; charset=utf-8", "date": date}
        return Response(status, headers, json.dumps(value, default=float).encode())

    def _page(self, name: str, found: list[Row], query: Query) -> Row:
        """Sort, filter and cut like every list of Medusa."""
        key = query.get("order", ["id"])[0]
        since = parse_time(query.get("updated_at[$gte]", [""])[0])
        if since:
            found = [
                r for r in found if (parse_time(r["updated_at"]) or since) >= since
            ]
        if "id[]" in query:
            found = [row for row in found if row["id"] in query["id[]"]]
        found = sorted(found, key=lambda row: str(row.get(key)))
        start = int(query.get("offset", ["0"])[0])
        size = int(query.get("limit", ["20"])[0])
        return {name: found[start : start + size], "count": len(found)}

    # -------------------------------------------------------------------- reading

    def _get_items(self, query: Query, body: Row) -> Row:
        found = [
            {
                "id": item,
                "sku": sku,
                "title": "Default",
                "location_levels": [
                    self._level(sku, place)
                    for (name, place) in self.books.levels
                    if name == sku
                ],
                "variants": self._variants(sku),
            }
            for item, sku in self.items.items()
        ]
        return self._page("inventory_items", found, query)

    def _variants(self, sku: str) -> list[Row]:
        own = self.variants.get(sku, {})
        if own is None:
            return []
        usual = {"manage_inventory": True, "allow_backorder": False}
        named = {"title": "Default", "product": {"title": f"Item {sku}"}}
        return [{**usual, **named, **own}]

    def _level(self, sku: str, location_id: str) -> Row:
        return {
            "id": f"ilev_{sku}_{location_id}",
            "inventory_item_id": f"iitem_{sku}",
            "location_id": location_id,
            "stocked_quantity": self.books.levels[sku, location_id].quantity,
        }

    def _get_locations(self, query: Query, body: Row) -> Row:
        found = [
            {
                "id": place,
                "name": name,
                "sales_channels": [] if place in self.closed else [{"id": "sc_1"}],
            }
            for place, name in self.locations.items()
        ]
        return self._page("stock_locations", found, query)

    def _get_reservations(self, query: Query, body: Row) -> Row:
        lines = query.get("line_item_id[]", [])
        found = [row for row in self.reservations if row["line_item_id"] in lines]
        return self._page("reservations", found, query)

    def _get_payments(self, query: Query, body: Row) -> Row:
        found = [
            {
                "id": f"pay_{order}",
                "updated_at": moment,
                "payment_collection": {"order": {"id": order}},
            }
            for order, moment in self.payments.items()
        ]
        return self._page("payments", found, query)

    def _get_returns(self, query: Query, body: Row) -> Row:
        orders = query.get("order_id[]")
        found = [row for row in self.returns if not orders or row["order_id"] in orders]
        return self._page("returns", found, query)

    def _get_orders(self, query: Query, body: Row) -> Row:
        return self._page("orders", list(self.books.orders.values()), query)

    # -------------------------------------------------------------------- writing

    def _set_levels(self, query: Query, body: Row) -> Row:
        for kind in ("create", "update"):
            for index, row in enumerate(body[kind]):
                self._check_number(f"{kind}, {index}", row["stocked_quantity"])
        rows = {kind: [self._known_item(r) for r in body[kind]] for kind in body}
        there = {kind: [p in self.books.levels for p in rows[kind]] for kind in body}
        for row, known in zip(body["create"], there["create"], strict=True):
            if row["inventory_item_id"] not in self.items:
                message = f"{row['inventory_item_id']}: such entity does not exist"
                raise Refusal(404, "not_found", message)
            if known:
                raise Refusal(400, "invalid_data", "Inventory level already exists.")
        missing = [
            f"Item {row['inventory_item_id']} is not stocked at location"
            f" {row['location_id']}"
            for row, known in zip(body["update"], there["update"], strict=True)
            if not known
        ]
        if missing:
            raise Refusal(404, "not_found", ", ".join(missing))
        return {
            "created": [self._set(row, stale=False) for row in body["create"]],
            "updated": [self._set(row, stale=True) for row in body["update"]],
            "deleted": [],
        }

    def _known_item(self, row: Row) -> tuple[str, str]:
        return self.items.get(row["inventory_item_id"], ""), row["location_id"]

    def _check_number(self, where: str, value: Any) -> None:
        field = f"'{where}, stocked_quantity'"
        if isinstance(value, bool) or not isinstance(value, int | Decimal):
            raise Refusal(400, "invalid_data", f"Field {field} is required")
        if value < 0:
            raise Refusal(400, "invalid_data", f"Value for field {field} too small")

    def _set(self, row: Row, stale: bool) -> Row:
        place = self._known_item(row)
        before = self.books.shown(*place)
        self.books.show(*place, Decimal(row["stocked_quantity"]), 0)
        level = self._level(*place)
        return {**level, "available_quantity": before} if stale else level

    def _order_call(
        self, method: str, order_id: str, rest: list[str], body: Row
    ) -> Row:
        order = self.books.orders.get(order_id)
        if order is None:
            raise Refusal(404, "not_found", f"Order id not found: {order_id}")
        match (method, *rest):
            case ("GET",):
                return {"order": order}
            case ("GET", "changes"):
                return {"order_changes": self.changes.get(order_id, [])}
            case ("GET", "line-items"):
                items = [*order["items"], *self.former.get(order_id, [])]
                return {"order_items": [{"item": item} for item in items]}
            case ("POST", "cancel"):
                self._cancel(order)
            case ("POST", "fulfillments"):
                self._fulfil(order, body)
            case ("POST", "fulfillments", fulfilment_id, "shipments"):
                self._ship(order, fulfilment_id)
        return {"order": {"id": order_id}}

    def _refuse_cancelled(self, order: Row) -> None:
        if order["status"] == "canceled":
            raise Refusal(400, "invalid_data", f"{order['id']} has been canceled.")

    def _cancel(self, order: Row) -> None:
        self._refuse_cancelled(order)
        if any(not row.get("canceled_at") for row in order["fulfillments"]):
            message = "All fulfillments must be canceled before canceling an order"
            raise Refusal(400, "not_allowed", message)
        order.update(status="canceled", payment_status="canceled")
        lines = [item["id"] for item in order["items"]]
        self.reservations = [
            row for row in self.reservations if row["line_item_id"] not in lines
        ]
        self._touch(order)
        self.books.cancellations[order["id"]] = order
        self.books.effects.append(f"cancel {order['id']}")

    def _fulfil(self, order: Row, body: Row) -> None:
        self._refuse_cancelled(order)
        items = {item["id"]: item for item in order["items"]}
        for entry in body["items"]:
            held = sum(
                row["quantity"]
                for row in self.reservations
                if row["line_item_id"] == entry["id"]
            )
            if entry["id"] not in items or entry["quantity"] > held:
                message = "Quantity to fulfill exceeds the reserved quantity"
                raise Refusal(400, "invalid_data", message)
        location = body.get("location_id", "main")
        if location not in self.locations:
            raise Refusal(404, "not_found", f"StockLocation id not found: {location}")
        for entry in body["items"]:
            items[entry["id"]]["detail"]["fulfilled_quantity"] += entry["quantity"]
            level = self.books.levels[items[entry["id"]]["variant_sku"], location]
            level.quantity -= entry["quantity"]
        # By line, not by entry: a line given twice leaves a reservation behind.
        for entry in {entry["id"]: entry for entry in body["items"]}.values():
            self._release(entry["id"], entry["quantity"], location)
        fulfilment = {
            "id": f"ful_{order['id']}_{len(order['fulfillments'])}",
            "location_id": location,
            "metadata": body.get("metadata"),
            "shipped_at": None,
            "updated_at": self.now(),
            "items": [
                {"line_item_id": entry["id"], "quantity": entry["quantity"]}
                for entry in body["items"]
            ],
        }
        order["fulfillments"].append(fulfilment)
        self._touch(order)
        self.books.shipments[fulfilment["id"]] = fulfilment
        self.books.effects.append(f"fulfil {fulfilment['id']}")

    def _release(self, line_id: str, quantity: int, location_id: str) -> None:
        for row in [r for r in self.reservations if r["line_item_id"] == line_id]:
            # What stays reserved moves to where the fulfilment was.
            left = row["quantity"] - quantity
            row.update(quantity=left, location_id=location_id, updated_at=self.now())
            if left <= 0:
                self.reservations.remove(row)

    def _ship(self, order: Row, fulfilment_id: str) -> None:
        [row] = [f for f in order["fulfillments"] if f["id"] == fulfilment_id]
        if row["shipped_at"]:
            raise Refusal(400, "not_allowed", "Shipment has already been created")
        row.update(shipped_at=self.now(), updated_at=self.now())
        self._touch(order)
