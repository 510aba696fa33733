"""The channel side of the ``rest`` contract, rules and all, in memory."""

from __future__ import annotations

import json
from decimal import Decimal
from typing import Any

from .. import signing
from ..data import QuantityKey
from ..errors import BadSignature
from ..strict_json import format_time, parse_decimal, parse_time
from ..transport import Request, Response
from .fake_channel import FakeServer, FixedClock, json_response

SECRET = "whsec_" + "c4n4ryOfTheFakeChannelNobodyKnowsIt0"
BASE_URL = "https://channel.example/stock"


class FakeRest(FakeServer):
    """Checks signatures, compares and sets, remembers idempotency keys.

    Results come back in reverse order: the contract finds them by place.

    :param secret: the one signing secret it accepts.

    ``takes_corrections`` says whether a shipment that is told again with another
    carrier or tracking changes the one it has.
    """

    def __init__(self, clock: FixedClock, secret: str = SECRET) -> None:
        super().__init__(clock)
        self.secret = secret
        self.answers: dict[str, tuple[str, Response]] = {}
        self.locations = {"main": "Main warehouse", "shop": "Shop"}
        self.titles: dict[str, str] = {}
        self.takes_corrections = True

    def handle(self, call: Request) -> Response:
        """Check the signature, then answer by method and path."""
        try:
            signing.verify(call.body, call.headers, [self.secret], self.clock())
        except BadSignature:
            return json_response({"message": "Not authentic."}, 401)
        path = call.url.removeprefix(BASE_URL)
        if call.method == "POST":
            return self._post(path, call)
        collections = {
            "/inventory": ("levels", self._levels),
            "/orders": ("orders", self._orders),
            "/listings": ("listings", self._listings),
            "/locations": ("locations", self._places),
        }
        if path not in collections:
            return json_response({"message": "No such page."}, 404)
        name, entries = collections[path]
        return self._page(name, entries(call), call)

    def add_item(self, sku: str, location_id: str, quantity: Decimal) -> QuantityKey:
        """List an item; its level starts at sequence zero."""
        self.books.show(sku, location_id, quantity, 0)
        self.titles[sku] = f"Item {sku}"
        return QuantityKey(sku=sku, item_id="", location_id=location_id)

    def add_order(self, order_id: str, version: int = 1) -> list[str]:
        """Store an order of two lines, three and five units."""
        now = format_time(self.clock())
        lines = [
            {
                "id": f"{order_id}-1",
                "sku": "A-1",
                "quantity": "3",
                "unit_price": "9.90",
            },
            {
                "id": f"{order_id}-2",
                "sku": "B-2",
                "quantity": "5",
                "unit_price": "0.50",
            },
        ]
        address = {
            "name": "Ada Example",
            "street": "1 Main Street",
            "city": "Brussels",
            "zip": "1000",
            "country": "BE",
        }
        self.books.orders[order_id] = {
            "id": order_id,
            "version": version,
            "updated_at": now,
            "placed_at": now,
            "status": "open",
            "currency": "EUR",
            "prices_include_tax": True,
            "customer": {"email": "ada@example.com"},
            "shipping_address": address,
            "lines": lines,
            "shipping": [],
            "total": "32.20",
        }
        return [str(line["id"]) for line in lines]

    # ---------------------------------------------------------------- writing

    def _post(self, path: str, call: Request) -> Response:
        known = {
            "/inventory": self._set_levels,
            "/shipments": self._take_shipment,
            "/cancellations": self._take_cancellation,
        }
        if path not in known:
            return json_response({"message": "No such page."}, 404)
        data = json.loads(call.body)["data"]
        key, content = call.headers["idempotency-key"], json.dumps(data)
        if key in self.answers:
            earlier, answer = self.answers[key]
            return answer if earlier == content else json_response({}, 409)
        answer = known[path](data)
        self.answers[key] = (content, answer)
        return answer

    def _set_levels(self, data: dict[str, Any]) -> Response:
        results = [self._set_level(level) for level in data["levels"]]
        whole = all(result["status"] == "applied" for result in results)
        return json_response({"results": results[::-1]}, 200 if whole else 207)

    def _set_level(self, level: dict[str, Any]) -> dict[str, Any]:
        place = (level["sku"], level["location_id"])
        result: dict[str, Any] = {"sku": place[0], "location_id": place[1]}
        current = self.books.levels.get(place)
        if current is None:
            refusal = {
                "code": "unknown_sku",
                "field": "sku",
                "message": "No such item.",
            }
            return {**result, "status": "rejected", **refusal}
        quantity, previous = parse_decimal(level["quantity"]), level["previous"]
        if quantity is None:
            refusal = {"code": "bad_quantity", "field": "quantity", "message": "What?"}
            return {**result, "status": "rejected", **refusal}
        if level["sequence"] <= current.sequence or (
            previous is not None and Decimal(previous) != current.quantity
        ):
            status = "stale"
        else:
            status = "applied"
            self.books.show(*place, quantity, level["sequence"])
            current = self.books.levels[place]
        return {
            **result,
            "status": status,
            "quantity": format(current.quantity, "f"),
            "sequence": current.sequence,
        }

    def _take_shipment(self, data: dict[str, Any]) -> Response:
        known = self.books.shipments.get(data["id"])
        if known and self.takes_corrections and _is_correction(known, data):
            self.books.shipments[data["id"]] = data
            self.books.effects.append(f"tracking {data['id']}")
            return json_response({})
        return self._take(data, self.books.shipments, "shipment")

    def _take_cancellation(self, data: dict[str, Any]) -> Response:
        return self._take(data, self.books.cancellations, "cancel")

    def _take(
        self, data: dict[str, Any], taken: dict[str, dict[str, Any]], what: str
    ) -> Response:
        order = self.books.orders.get(data["order_id"])
        if order is None:
            unknown = {"code": "unknown_order", "field": "order_id", "message": "Who?"}
            return json_response(unknown, 404)
        if data["id"] in taken:
            return json_response({}, 409)
        lines = {line["id"] for line in order["lines"]}
        if any(line["order_line_id"] not in lines for line in data["lines"]):
            return json_response({"code": "unknown_line", "field": "lines"}, 422)
        taken[data["id"]] = data
        self.books.effects.append(f"{what} {data['id']}")
        return json_response({}, 201)

    # ---------------------------------------------------------------- reading

    def _page(
        self, name: str, entries: list[dict[str, Any]], call: Request
    ) -> Response:
        start = int(call.params.get("cursor", "0"))
        end = start + self.page_size
        following = str(end) if end < len(entries) else None
        return json_response({name: entries[start:end], "next": following})

    def _levels(self, call: Request) -> list[dict[str, Any]]:
        return [
            {
                "sku": sku,
                "location_id": location_id,
                "quantity": format(level.quantity, "f"),
                "sequence": level.sequence,
                "updated_at": format_time(level.updated_at),
            }
            for (sku, location_id), level in self.books.levels.items()
        ]

    def _orders(self, call: Request) -> list[dict[str, Any]]:
        since = parse_time(call.params.get("updated_since"))
        wanted = call.params.get("id")
        found = [
            (moment, order)
            for order in self.books.orders.values()
            if (moment := parse_time(order["updated_at"])) is not None
            and (since is None or moment >= since)
            and (wanted is None or order["id"] == wanted)
        ]
        return [order for _, order in sorted(found, key=lambda pair: pair[0])]

    def _listings(self, call: Request) -> list[dict[str, Any]]:
        return [{"sku": sku, "title": title} for sku, title in self.titles.items()]

    def _places(self, call: Request) -> list[dict[str, Any]]:
        return [{"id": id, "name": name} for id, name in self.locations.items()]


def _is_correction(known: dict[str, Any], data: dict[str, Any]) -> bool:
    """Tell whether only the way of the parcel differs from what was told before."""
    names = ("carrier", "tracking", "tracking_url")
    rest = (known.keys() | data.keys()) - set(names)
    is_same = all(known.get(name) == data.get(name) for name in rest)
    return is_same and any(known.get(name) != data.get(name) for name in names)
