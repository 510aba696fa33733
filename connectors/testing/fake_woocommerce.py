"""A WooCommerce 11 in memory, with the manners measured on a real one.

What a connector stumbles over is here on purpose: a batch of more than a hundred is
refused as a whole and a bad row of a smaller one inside an answer of status 200,
variations are refused among products, ``modified_after`` leaves out the moment itself
and turns a time zone into the shop's own, orders in the bin vanish from every list but
their own, carts at the checkout are listed as orders, and plugins undo what was
answered as a success.
"""

from __future__ import annotations

import base64
import json
import re
from collections.abc import Callable
from datetime import UTC, datetime, timedelta, timezone
from decimal import Decimal
from email.utils import format_datetime
from typing import Any
from urllib.parse import parse_qsl, urlsplit

from .. import oauth1
from ..data import QuantityKey
from ..transport import Request, Response
from .fake_channel import FakeServer, FixedClock
from .fake_woocommerce_hooks import FakeHooks

CONSUMER_KEY = "ck_c4n4ry6789abcdef0123456789abcdef01234567"
CONSUMER_SECRET = "cs_c4n4ry9876543210fedcba9876543210fedcba98"
BASE_URL = "https://woo.example"
PARENTS_NUMBER = 99
"""Answered for every variation whose stock is that of its parent."""

Row = dict[str, Any]
Query = dict[str, str]
_PREFIX = "/wp-json/wc/v3/"
_SHOP_ZONE = timezone(timedelta(hours=2))
_REDUCES = ("processing", "on-hold", "completed")


class Refusal(Exception):
    """WooCommerce's answer to a call it does not do."""

    def __init__(self, status: int, code: str, message: str) -> None:
        super().__init__(message)
        self.status = status
        self.code = code

    def body(self) -> Row:
        """Return the error as it is answered, alone or inside a batch."""
        said = {"code": self.code, "message": str(self)}
        return {**said, "data": {"status": self.status}}


class FakeWooCommerce(FakeServer):
    """One shop.

    ``batch_limit`` is what a filter of the shop may lower; ``undone`` holds the ids of
    items whose number a plugin takes back, ``held_by_parent`` those it gives back to
    the parent, ``answered_instead`` numbers it answers instead; ``sorts`` is False for
    a shop that refuses to sort by date.
    """

    def __init__(self, clock: FixedClock) -> None:
        super().__init__(clock)
        self.products: dict[int, Row] = {}
        self.variations: dict[int, Row] = {}
        self.notes: dict[str, list[Row]] = {}
        self.refunds: dict[str, list[Row]] = {}
        self.hooks = FakeHooks(clock)
        self.batch_limit = 100
        self.sorts = True
        self.undone: set[int] = set()
        self.held_by_parent: set[int] = set()
        self.answered_instead: dict[int, int] = {}
        self.deducted: set[str] = set()
        self.nonces: set[str] = set()
        self._last_id = 10

    # -------------------------------------------------------------------- set up

    def next_id(self) -> int:
        """Return an id nobody has."""
        self._last_id += 1
        return self._last_id

    def add_item(self, sku: str, location_id: str, quantity: Decimal) -> QuantityKey:
        """List an item; those that begin with B are variations of a product."""
        self.books.show(sku, "main", quantity, 0)
        item = self.next_id()
        row: Row = {"id": item, "name": f"Item {sku}", "sku": sku, "manage_stock": True}
        if not sku.startswith("B"):
            self.products[item] = {**row, "type": "simple", "variations": []}
            return QuantityKey(sku=sku, item_id=str(item), location_id=location_id)
        parent = self.add_product("variable")
        option = {"id": 6, "name": "Color", "option": "Green"}
        self.variations[item] = {**row, "parent": parent, "attributes": [option]}
        self.products[parent]["variations"].append(item)
        return QuantityKey(sku=sku, item_id=f"{parent}/{item}", location_id=location_id)

    def add_product(self, kind: str, sku: str = "") -> int:
        """List a product without a number of its own; return its id."""
        item = self.next_id()
        row: Row = {"id": item, "name": f"A {kind} one", "sku": sku, "type": kind}
        self.products[item] = {**row, "manage_stock": False, "variations": []}
        return item

    def add_order(self, order_id: str, version: int = 1) -> list[str]:
        """Place a paid order of two lines, three and two; again: it changes."""
        if order_id in self.books.orders:
            self.touch(order_id)
        else:
            number = int(order_id)
            lines = [
                self._line(number * 10 + 1, "A-1", 3, "29.70"),
                self._line(number * 10 + 2, "B-2", 2, "20.00"),
            ]
            self.books.orders[order_id] = {
                **_ORDER,
                "id": number,
                "number": order_id,
                "date_created_gmt": self.now(),
                "date_modified_gmt": self.now(),
                "date_paid_gmt": self.now(),
                "line_items": lines,
                "refunds": [],
                "meta_data": [],
            }
        return [str(line["id"]) for line in self.books.orders[order_id]["line_items"]]

    def _line(self, line_id: int, sku: str, quantity: int, total: str) -> Row:
        variation = next((v for v in self.variations.values() if v["sku"] == sku), None)
        product = next((p for p in self.products.values() if p["sku"] == sku), None)
        amounts = dict.fromkeys(("subtotal", "total"), total)
        return {
            "id": line_id,
            "name": f"Item {sku} &ndash; Green",
            "sku": sku,
            "product_id": variation["parent"]
            if variation
            else (product or {}).get("id", 12),
            "variation_id": variation["id"] if variation else 0,
            "quantity": quantity,
            "price": Decimal(total) / quantity,
            **amounts,
            **dict.fromkeys(("subtotal_tax", "total_tax"), "0.00"),
            "taxes": [],
            "meta_data": [],
        }

    def deduct(self, order_id: str) -> None:
        """Take an order's units off what is shown, once, as on its way to processing."""
        order = self.books.orders[order_id]
        if order_id in self.deducted or order["status"] in _REDUCES:
            return
        self.deducted.add(order_id)
        for line in order["line_items"]:
            self.books.restock(line["sku"], "main", Decimal(-line["quantity"]))

    def touch(self, order_id: str, **values: Any) -> None:
        """Change an order, now."""
        self.books.orders[order_id].update(values, date_modified_gmt=self.now())

    def refund(self, order_id: str, amount: str, restock: bool, **lines: int) -> int:
        """Refund money and units of lines (``l31=2``); date the order anew."""
        order = self.books.orders[order_id]
        refund_id = self.next_id()
        rows = []
        for name, quantity in lines.items():
            [line] = [r for r in order["line_items"] if f"l{r['id']}" == name]
            meta = {"id": 1, "key": "_refunded_item_id", "value": str(line["id"])}
            share = Decimal(line["total"]) / line["quantity"] * quantity
            row = {
                "id": self.next_id(),
                "quantity": -quantity,
                "total": f"-{share:.2f}",
            }
            rows.append({**row, "total_tax": "0.00", "meta_data": [meta]})
            if restock:
                put_back = {
                    "id": 2,
                    "key": "_restock_refunded_items",
                    "value": quantity,
                }
                line["meta_data"] = [put_back]
                self.books.restock(line["sku"], "main", Decimal(quantity))
        refund = {"id": refund_id, "amount": amount, "reason": "", "line_items": rows}
        refund["date_created_gmt"] = self.now()
        self.refunds.setdefault(order_id, []).append(refund)
        order["refunds"].append({"id": refund_id, "reason": "", "total": f"-{amount}"})
        self.touch(order_id)
        return refund_id

    def bin(self, order_id: str) -> None:
        """Put an order into the bin: no stock comes back."""
        self.touch(order_id, status="trash")

    def now(self) -> str:
        """Return the moment as WooCommerce writes it: whole seconds, no zone."""
        return self.clock().replace(microsecond=0, tzinfo=None).isoformat()

    # ---------------------------------------------------------------------- wire

    def handle(self, call: Request) -> Response:
        """Answer one call."""
        parts = urlsplit(call.url)
        pairs = parse_qsl(parts.query, keep_blank_values=True)
        try:
            self._authenticate(call, pairs)
            if not parts.path.startswith(_PREFIX):
                page = b"<html>Not found</html>"
                return Response(404, {"content-type": "text/html"}, page)
            body = json.loads(call.body, parse_float=Decimal) if call.body else {}
            path = parts.path.removeprefix(_PREFIX)
            return self._route(call.method, path, dict(pairs), body)
        except Refusal as error:
            return self._answer(error.body(), error.status)

    def _authenticate(self, call: Request, pairs: list[tuple[str, str]]) -> None:
        """Take Basic with TLS and OAuth without, and nothing else."""
        refused = Refusal(
            401, "woocommerce_rest_cannot_view", "Sorry, you cannot list."
        )
        url = call.url.partition("?")[0]
        if url.startswith("https://"):
            token = base64.b64encode(f"{CONSUMER_KEY}:{CONSUMER_SECRET}".encode())
            if call.headers.get("authorization") != f"Basic {token.decode()}":
                raise refused
            return
        told = dict(pairs)
        signed = [pair for pair in pairs if pair[0] != "oauth_signature"]
        text = oauth1.base_string(call.method, url, signed)
        age = self.clock().timestamp() - int(told.get("oauth_timestamp", "0"))
        nonce = told.get("oauth_nonce", "")
        good = oauth1.signature(text, CONSUMER_SECRET)
        if (
            told.get("oauth_signature") != good
            or told.get("oauth_consumer_key") != CONSUMER_KEY
            or abs(age) > 900
            or nonce in self.nonces
        ):
            raise refused
        self.nonces.add(nonce)

    def _route(self, method: str, path: str, query: Query, body: Row) -> Response:
        for pattern, handler in (
            (r"GET products", self._get_products),
            (r"GET products/(\d+)/variations", self._get_variations),
            (r"POST products/batch", self._set_products),
            (r"POST products/(\d+)/variations/batch", self._set_variations),
            (r"GET orders", self._get_orders),
            (r"GET orders/(\d+)", self._get_order),
            (r"PUT orders/(\d+)", self._put_order),
            (r"GET orders/(\d+)/notes", self._get_notes),
            (r"POST orders/(\d+)/notes", self._add_note),
            (r"GET orders/(\d+)/refunds", self._get_refunds),
            (r"GET webhooks", self._get_hooks),
            (r"POST webhooks", self._add_hook),
            (r"PUT webhooks/(\d+)", self._put_hook),
        ):
            match = re.fullmatch(pattern, f"{method} {path}")
            if match:
                call: Callable[..., Response] = handler
                return call(query, body, *match.groups())
        raise Refusal(404, "rest_no_route", "No route was found matching the URL")

    def _answer(self, value: Any, status: int = 200, total: int = -1) -> Response:
        date = format_datetime(self.clock().astimezone(UTC), usegmt=True)
        headers = {"content-type": "application/json; charset=UTF-8", "date": date}
        if total >= 0:
            headers |= {"x-wp-total": str(total), "x-wp-totalpages": "1"}
        return Response(status, headers, json.dumps(value, default=float).encode())

    def _list(self, found: list[Row], query: Query) -> Response:
        """Sort, cut and thin out like every list of WooCommerce."""
        size = int(query.get("per_page", "10"))
        if not 1 <= size <= 100:
            raise Refusal(400, "rest_invalid_param", "Invalid parameter(s): per_page")
        key = {"id": "id", "modified": "date_modified_gmt"}.get(
            query.get("orderby", "")
        )
        if key == "date_modified_gmt" and not self.sorts:
            raise Refusal(400, "rest_invalid_param", "Invalid parameter(s): orderby")
        if "include" in query:
            wanted = query["include"].split(",")
            found = [row for row in found if str(row["id"]) in wanted]
        ordered = sorted(found, key=lambda row: (row[key or "id"], row["id"]))
        if query.get("order", "desc") == "desc":
            ordered.reverse()
        start = int(query.get("offset", "0"))
        page = ordered[start : start + size]
        if "_fields" in query:
            names = query["_fields"].split(",")
            page = [{n: row[n] for n in names if n in row} for row in page]
        return self._answer(page, total=len(found))

    # ------------------------------------------------------------------ products

    def _shown(self, row: Row) -> Row:
        shown = None
        if row["manage_stock"] == "parent":
            shown = PARENTS_NUMBER
        elif row["manage_stock"]:
            shown = int(self.books.shown(row["sku"], "main") or 0)
        return {**row, "stock_quantity": shown, "global_unique_id": ""}

    def _get_products(self, query: Query, body: Row) -> Response:
        return self._list([self._shown(row) for row in self.products.values()], query)

    def _get_variations(self, query: Query, body: Row, parent: str) -> Response:
        if int(parent) not in self.products:
            raise Refusal(404, "woocommerce_rest_product_invalid_id", "Invalid ID.")
        rows = [r for r in self.variations.values() if r["parent"] == int(parent)]
        return self._list([self._shown(row) for row in rows], query)

    def _set_products(self, query: Query, body: Row) -> Response:
        return self._batch(body, self._set_product)

    def _set_variations(self, query: Query, body: Row, parent: str) -> Response:
        return self._batch(body, lambda entry: self._set_variation(entry, int(parent)))

    def _batch(self, body: Row, apply: Callable[[Row], Row]) -> Response:
        if sum(map(len, body.values())) > self.batch_limit:
            message = f"Unable to accept more than {self.batch_limit} items."
            raise Refusal(413, "woocommerce_rest_request_entity_too_large", message)
        rows = []
        for entry in body.get("update", ()):
            try:
                rows.append(apply(entry))
            except Refusal as error:
                rows.append({"id": entry["id"], "error": error.body()})
        return self._answer({"update": rows} if rows else [])

    def _set_product(self, entry: Row) -> Row:
        if entry["id"] in self.variations:
            message = "To manipulate product variations use the variations endpoint."
            raise Refusal(404, "woocommerce_rest_invalid_product_id", message)
        if entry["id"] not in self.products:
            raise Refusal(400, "woocommerce_rest_product_invalid_id", "Invalid ID.")
        return self._set(self.products[entry["id"]], entry)

    def _set_variation(self, entry: Row, parent: int) -> Row:
        row = self.variations.get(entry["id"])
        if row is None or row["parent"] != parent:
            code = "woocommerce_rest_product_variation_invalid_id"
            raise Refusal(404, code, "ID is invalid.")
        return self._set(row, entry)

    def _set(self, row: Row, entry: Row) -> Row:
        if not isinstance(entry["stock_quantity"], int):
            message = "stock_quantity is not of type integer,null."
            raise Refusal(400, "rest_invalid_param", message)
        if row.get("type") in ("grouped", "external") or row["id"] in self.undone:
            return self._shown({**row, "manage_stock": False})
        if row["id"] in self.held_by_parent:
            return self._shown({**row, "manage_stock": "parent"})
        row["manage_stock"] = entry.get("manage_stock", row["manage_stock"])
        if row["manage_stock"] is True:
            self.books.show(row["sku"], "main", Decimal(entry["stock_quantity"]), 0)
        shown = self._shown(row)
        instead = self.answered_instead.get(row["id"], shown["stock_quantity"])
        return {**shown, "stock_quantity": instead}

    # -------------------------------------------------------------------- orders

    def _get_orders(self, query: Query, body: Row) -> Response:
        wanted = query.get("status", "any")
        found = [
            order
            for order in self.books.orders.values()
            if (
                order["status"] != "trash"
                if wanted == "any"
                else order["status"] == wanted
            )
        ]
        if "modified_after" in query:
            after = self._as_shop_reads(query["modified_after"])
            found = [o for o in found if o["date_modified_gmt"] > after]
        return self._list(found, query)

    def _as_shop_reads(self, text: str) -> str:
        """Turn a time zone into the shop's own, as WordPress does before comparing."""
        moment = datetime.fromisoformat(text)
        if moment.tzinfo is not None:
            moment = moment.astimezone(_SHOP_ZONE)
        return moment.replace(tzinfo=None).isoformat()

    def order(self, order_id: str) -> Row:
        """Return an order, wherever it lies.

        :raise Refusal: when there is none.
        """
        if order_id not in self.books.orders:
            raise Refusal(404, "woocommerce_rest_shop_order_invalid_id", "Invalid ID.")
        found: Row = self.books.orders[order_id]
        return found

    def _get_order(self, query: Query, body: Row, order_id: str) -> Response:
        return self._answer(self.order(order_id))

    def _put_order(self, query: Query, body: Row, order_id: str) -> Response:
        order = self.order(order_id)
        for entry in body.get("meta_data", ()):
            known = [m for m in order["meta_data"] if m["key"] == entry["key"]]
            if known:
                known[0]["value"] = entry["value"]
            else:
                order["meta_data"].append({"id": self.next_id(), **entry})
            name = entry["key"].rpartition("_")[2]
            if name not in self.books.shipments:
                self.books.effects.append(f"ship {name}")
            self.books.shipments[name] = entry["value"]
        if body.get("status", order["status"]) != order["status"]:
            self._set_status(order, body["status"])
        self.touch(order_id)
        return self._answer(order)

    def _set_status(self, order: Row, status: str) -> None:
        """Change a status; stock comes back only of what was taken by ``deduct``."""
        order_id = str(order["id"])
        if status in _REDUCES:
            self.deduct(order_id)
        elif order_id in self.deducted:
            self.deducted.remove(order_id)
            for line in order["line_items"]:
                self.books.restock(line["sku"], "main", Decimal(line["quantity"]))
        order["status"] = status
        if status == "completed":
            order["date_completed_gmt"] = self.now()
        if status == "cancelled":
            self.books.cancellations[str(order["id"])] = order
            self.books.effects.append(f"cancel {order['id']}")

    def _get_notes(self, query: Query, body: Row, order_id: str) -> Response:
        self.order(order_id)
        return self._answer(list(reversed(self.notes.get(order_id, []))))

    def _add_note(self, query: Query, body: Row, order_id: str) -> Response:
        self.order(order_id)
        text = body["note"].replace("&", "&amp;")
        note = {"id": self.next_id(), "note": text}
        note["customer_note"] = body.get("customer_note", False)
        self.notes.setdefault(order_id, []).append(note)
        return self._answer(note, 201)

    def _get_refunds(self, query: Query, body: Row, order_id: str) -> Response:
        self.order(order_id)
        return self._list(self.refunds.get(order_id, []), query)

    # ------------------------------------------------------------------ webhooks

    def _get_hooks(self, query: Query, body: Row) -> Response:
        return self._list(self.hooks.shown(), query)

    def _add_hook(self, query: Query, body: Row) -> Response:
        if not body.get("secret") or not body.get("delivery_url"):
            raise Refusal(400, "woocommerce_rest_invalid_webhook", "Invalid webhook.")
        return self._answer(self.hooks.add(self.next_id(), body), 201)

    def _put_hook(self, query: Query, body: Row, hook_id: str) -> Response:
        return self._answer(self.hooks.change(int(hook_id), body))


_PERSON = {
    "first_name": "Ada",
    "last_name": "Lovelace",
    "company": "",
    "address_1": "12 Analytical Row",
    "address_2": "",
    "city": "London",
    "state": "",
    "postcode": "N1 9GU",
    "country": "GB",
    "phone": "",
}
_ORDER: Row = {
    "status": "processing",
    "currency": "EUR",
    "prices_include_tax": False,
    "customer_id": 26,
    "total": "49.70",
    "total_tax": "0.00",
    "transaction_id": "",
    "payment_method": "bacs",
    "customer_note": "",
    "date_completed_gmt": None,
    "billing": {**_PERSON, "email": "ada@example.com"},
    "shipping": _PERSON,
    "tax_lines": [],
    "shipping_lines": [],
    "fee_lines": [],
    "coupon_lines": [],
}
