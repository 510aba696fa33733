"""A Shopify shop in memory, with the rules its schema does not show.

Answers go by the name of the operation; whether a document is a valid one is checked
against the official schema elsewhere. What is enforced here is what a call meets at run
time: keys of idempotency that must be there and are remembered, rows that must say what
they expect, lists of 250, all or nothing with the errors pointing to their rows, points
that run out, tokens that end and refresh tokens that work once.
"""

from __future__ import annotations

import json
import math
import re
from collections.abc import Callable
from datetime import timedelta
from decimal import Decimal
from typing import Any
from urllib.parse import parse_qs, urlsplit

from ..data import QuantityKey
from ..shopify_client import VERSION, number
from ..strict_json import format_time
from ..transport import Request, Response
from .fake_channel import FixedClock, json_response
from .fake_shopify_orders import FakeShopifyOrders
from .fake_shopify_reading import FakeShopifyReading, dress_order

Row = dict[str, Any]

BASE_URL = "https://example-shop.myshopify.com"
ACCESS_TOKEN = "shpat_c4n4ry6789abcdef0123456789abcdef"  # noqa: S105 - invented
CLIENT_ID = "0123456789abcdef0123456789abcdef"
CLIENT_SECRET = "shpss_c4n4ry9876543210fedcba9876543210"  # noqa: S105 - invented
REFRESH_TOKEN = "shprt_c4n4ry33445566778899aabbccddeeff"  # noqa: S105 - invented

MAIN, SHOP = "7001", "7002"
"""Numbers of the two locations, which tests call ``main`` and ``shop``."""

_OPERATION = re.compile(r"\s*(query|mutation)\s+(\w+)")
_IDEMPOTENT = ("inventorySetQuantities", "inventoryActivate")
_MOST = 250


class TopError(Exception):
    """An error above the data: the operation was not done."""

    def __init__(self, code: str, message: str, **extensions: object) -> None:
        super().__init__(message)
        self.extensions = {"code": code, **extensions}


class FakeShopify(FakeShopifyReading, FakeShopifyOrders):
    """One shop.

    ``fails`` maps (item, location) to the user error its row meets; ``silent`` makes
    user errors point to no field; ``busy`` is how many of the next idempotent calls
    find themselves in progress; ``points`` is the bucket, None for one without end.
    """

    def __init__(self, clock: FixedClock) -> None:
        super().__init__(clock)
        self.items = {}
        self.untracked: set[str] = set()
        self.bundles: set[str] = set()
        self.locations = {MAIN: "Main warehouse", SHOP: "Shop"}
        self.inactive: set[str] = set()
        self.fails: dict[tuple[str, str], str] = {}
        self.silent = False
        self.busy = 0
        self.keys: dict[str, tuple[str, Row | None]] = {}
        self.scopes = _scopes()
        self.version = VERSION
        self.tokens = {ACCESS_TOKEN}
        self.refresh_token = REFRESH_TOKEN
        self.grants = 0
        self.lifetime = 3600
        self.points: float | None = None
        self.rate = 100.0
        self.maximum = 2000.0
        self.restored_at = clock()
        self.costs: dict[str, float] = {}
        self.throttled_status = 200
        self.subscriptions: list[Row] = []
        self.refused_topics: set[str] = set()
        self.answers: dict[str, Callable[[Row], Row]] = {
            "HubSetQuantities": self._set_quantities,
            "HubActivate": self._activate,
            "HubLevels": self._levels,
            "HubVariants": self._variants,
            "HubLocations": self._list_locations,
            "HubCheck": self._check,
            "HubSubscriptions": self._list_subscriptions,
            "HubSubscribe": self._subscribe,
            "HubResubscribe": self._resubscribe,
            **self.order_answers(),
            **self.reading_answers(),
        }

    def add_item(self, sku: str, location_id: str, quantity: Decimal) -> QuantityKey:
        """Stock an item at ``main``, ``shop``, or a location by its number."""
        item = self.items.setdefault(sku, str(5001 + len(self.items)))
        place = {"main": MAIN, "shop": SHOP}.get(location_id, location_id)
        self.books.show(sku, place, quantity, 0)
        return QuantityKey(sku=sku, item_id=item, location_id=place)

    def is_write(self, call: Request) -> bool:
        """Tell a mutation, or a token given, from a query."""
        if call.url.endswith("/graphql.json"):
            return _operation(json.loads(call.body)["query"])[0] == "mutation"
        return True

    def dress_order(self, order: Row) -> None:
        """Add what reading an order asks for."""
        dress_order(order)

    def sku_of(self, item: str) -> str:
        """Return the SKU of an item's number, empty when there is none."""
        return next((sku for sku, known in self.items.items() if known == item), "")

    # ---------------------------------------------------------------------- wire

    def handle(self, call: Request) -> Response:
        """Answer one call."""
        path = urlsplit(call.url).path
        if path == "/admin/oauth/access_token":
            return self._give_token(parse_qs(call.body.decode()))
        if path != f"/admin/api/{VERSION}/graphql.json" or call.method != "POST":
            return json_response({"errors": "Not Found"}, 404)
        if call.headers.get("x-shopify-access-token") not in self.tokens:
            text = (
                "[API] Invalid API key or access token (unrecognized login or wrong"
                " password)"
            )
            return json_response({"errors": text}, 401)
        body = json.loads(call.body, parse_float=Decimal)
        return self._operate(body["query"], body["variables"])

    def _operate(self, document: str, variables: Row) -> Response:
        """Do one operation, for as many points as it costs."""
        _kind, name = _operation(document)
        asked = self.costs.get(name, 10.0)
        headers = {"x-shopify-api-version": self.version}
        self.settle()
        if not self._has_points(asked):
            answer = {"errors": [_top("THROTTLED", "Throttled")]}
            body = {**answer, "extensions": self._cost(asked, None)}
            return json_response(body, self.throttled_status, headers)
        try:
            data = self._remembered(document, name, variables)
        except TopError as error:
            errors = [{"message": str(error), "extensions": error.extensions}]
            body = {"errors": errors, "extensions": self._cost(asked, asked)}
            return json_response(body, 200, headers)
        body = {"data": data, "extensions": self._cost(asked, asked)}
        text = json.dumps(body, default=_plain).encode()
        kind = {"content-type": "application/json; charset=utf-8"}
        return Response(200, {**kind, **headers}, text)

    def _remembered(self, document: str, name: str, variables: Row) -> Row:
        """Do an operation once for its key, whatever is asked how often."""
        field = next((field for field in _IDEMPOTENT if field in document), "")
        if not field:
            return self.answers[name](variables)
        if "@idempotent(key:" not in document or not str(variables["key"]).strip():
            raise TopError(
                "BAD_REQUEST",
                "The @idempotent directive is required for this mutation but was not"
                " provided.",
            )
        key = variables["key"]
        content = json.dumps([field, variables], default=str, sort_keys=True)
        if self.busy:
            self.busy -= 1
            return _failed(field, "IDEMPOTENCY_CONCURRENT_REQUEST")
        if key in self.keys:
            known, answer = self.keys[key]
            if known != content:
                return _failed(field, "IDEMPOTENCY_KEY_PARAMETER_MISMATCH")
            return answer or _failed(field, "IDEMPOTENCY_PREVIOUS_ATTEMPT_FAILED")
        data = self.answers[name](variables)
        is_done = data[field] and not data[field]["userErrors"]
        self.keys[key] = (content, data if is_done else None)
        return data

    def _has_points(self, asked: float) -> bool:
        """Refill the bucket, and take what the operation asks for."""
        if self.points is None:
            return True
        passed = (self.clock() - self.restored_at) / timedelta(seconds=1)
        self.points = min(self.maximum, self.points + passed * self.rate)
        self.restored_at = self.clock()
        if asked > self.points:
            return False
        self.points -= asked
        return True

    def _cost(self, asked: float, actual: float | None) -> Row:
        left = self.maximum if self.points is None else math.floor(self.points)
        status = {
            "maximumAvailable": self.maximum,
            "currentlyAvailable": left,
            "restoreRate": self.rate,
        }
        figures = {"requestedQueryCost": asked, "actualQueryCost": actual}
        return {"cost": {**figures, "throttleStatus": status}}

    def _give_token(self, form: dict[str, list[str]]) -> Response:
        """Give a token that ends, and with it a refresh token that works once."""
        given = {name: values[0] for name, values in form.items()}
        if (given.get("client_id"), given.get("client_secret")) != (
            CLIENT_ID,
            CLIENT_SECRET,
        ):
            return json_response({"error": "invalid_client"}, 400)
        kind = given.get("grant_type")
        if kind == "refresh_token" and given.get("refresh_token") != self.refresh_token:
            return json_response({"error": "invalid_grant"}, 400)
        self.grants += 1
        token = f"shpat_granted_{self.grants:04}"
        self.tokens = {token}
        answer: Row = {"access_token": token, "expires_in": self.lifetime}
        answer["scope"] = ",".join(sorted(self.scopes))
        if kind == "refresh_token":
            self.refresh_token = f"shprt_rotated_{self.grants:04}"
            answer["refresh_token"] = self.refresh_token
            answer["refresh_token_expires_in"] = 7_776_000
        return json_response(answer)

    # ------------------------------------------------------------------- numbers

    def _set_quantities(self, variables: Row) -> Row:
        """Set all rows or none."""
        given = variables["input"]
        quantities = given["quantities"]
        if len(quantities) > _MOST:
            raise TopError("MAX_INPUT_SIZE_EXCEEDED", f"Over {_MOST} elements.")
        if any("changeFromQuantity" not in row for row in quantities):
            raise TopError(
                "INVALID_FIELD_ARGUMENTS",
                "InventoryQuantityInput must include the following argument:"
                " changeFromQuantity",
            )
        errors = self._faults(quantities)
        if given["name"] not in ("available", "on_hand"):
            errors.append(_error("INVALID_NAME", "The quantity name is wrong."))
        changes = [] if errors else [*filter(None, map(self._set, quantities))]
        group = {"id": "gid://shopify/InventoryAdjustmentGroup/1", "changes": changes}
        payload = {
            "inventoryAdjustmentGroup": None if errors else group,
            "userErrors": errors,
        }
        return {"inventorySetQuantities": payload}

    def _faults(self, quantities: list[Row]) -> list[Row]:
        seen = set()
        errors = []
        for position, row in enumerate(quantities):
            place = (number(row["inventoryItemId"]), number(row["locationId"]))
            code, field = self._fault(place, row)
            if place in seen:
                code = "NO_DUPLICATE_INVENTORY_ITEM_ID_GROUP_ID_PAIR"
                field = "locationId"
            seen.add(place)
            if code:
                path = ["input", "quantities", str(position), field]
                errors.append(_error(code, code.lower(), path))
        return [{**e, "field": None} for e in errors] if self.silent else errors

    def _fault(self, place: tuple[str, str], row: Row) -> tuple[str, str]:
        """Return what is wrong with a row, and where."""
        item, location = place
        level = self.books.levels.get((self.sku_of(item), location))
        expected = row["changeFromQuantity"]
        if place in self.fails:
            return self.fails[place], "inventoryItemId"
        if not self.sku_of(item):
            return "INVALID_INVENTORY_ITEM", "inventoryItemId"
        if location not in self.locations or location in self.inactive:
            return "INVALID_LOCATION", "locationId"
        if self.sku_of(item) in self.bundles:
            return "NON_MUTABLE_INVENTORY_ITEM", "inventoryItemId"
        if row["quantity"] < 0:
            return "INVALID_QUANTITY_NEGATIVE", "quantity"
        if level is None:
            return "ITEM_NOT_STOCKED_AT_LOCATION", "locationId"
        if expected is not None and expected != level.quantity:
            return "CHANGE_FROM_QUANTITY_STALE", "changeFromQuantity"
        return "", ""

    def _set(self, row: Row) -> Row | None:
        """Set one number; return the change, None when there is none."""
        item, location = number(row["inventoryItemId"]), number(row["locationId"])
        sku = self.sku_of(item)
        before = int(self.books.levels[sku, location].quantity)
        self.books.show(sku, location, Decimal(row["quantity"]), 0)
        if before == row["quantity"]:
            return None
        return {
            "name": "available",
            "delta": row["quantity"] - before,
            "quantityAfterChange": row["quantity"],
            "item": {
                "id": row["inventoryItemId"],
                "tracked": sku not in self.untracked,
            },
            "location": {"id": row["locationId"]},
        }

    def _activate(self, variables: Row) -> Row:
        """Stock an item at a location, with nothing yet."""
        sku = self.sku_of(number(variables["item"]))
        location = number(variables["location"])
        errors = []
        if self.fails.get((sku, location)) == "NEVER_STOCKED":
            errors = [{"field": ["locationId"], "message": "It belongs to a 3PL."}]
        elif (sku, location) not in self.books.levels:
            self.books.show(sku, location, Decimal(0), 0)
        level = None if errors else {"id": "gid://shopify/InventoryLevel/1"}
        return {"inventoryActivate": {"inventoryLevel": level, "userErrors": errors}}

    def _levels(self, variables: Row) -> Row:
        """Show the numbers of items at a location, null for what is not there."""
        location = number(variables["location"])
        return {"nodes": [self._level(gid, location) for gid in variables["items"]]}

    def _level(self, gid: str, location: str) -> Row | None:
        sku = self.sku_of(number(gid))
        if not sku:
            return None
        level = self.books.levels.get((sku, location))
        quantity: Row | None = None
        if level:
            quantity = {
                "name": "available",
                "quantity": int(level.quantity),
                "updatedAt": format_time(level.updated_at),
            }
        return {
            "id": gid,
            "tracked": sku not in self.untracked,
            "inventoryLevel": {"quantities": [quantity]} if quantity else None,
        }

    # ------------------------------------------------------------------- listing

    def _variants(self, variables: Row) -> Row:
        nodes = [
            {
                "displayName": f"Product {sku}",
                "barcode": None,
                "requiresComponents": sku in self.bundles,
                "inventoryItem": {
                    "id": f"gid://shopify/InventoryItem/{item}",
                    "sku": sku,
                    "tracked": sku not in self.untracked,
                },
            }
            for sku, item in self.items.items()
        ]
        return {"productVariants": self.page(nodes, variables)}

    def _list_locations(self, variables: Row) -> Row:
        nodes = [
            {
                "id": f"gid://shopify/Location/{place}",
                "name": name,
                "isActive": place not in self.inactive,
            }
            for place, name in self.locations.items()
        ]
        return {"locations": self.page(nodes, variables)}

    def _check(self, _variables: Row) -> Row:
        scopes = [{"handle": scope} for scope in sorted(self.scopes)]
        return {
            "shop": {"name": "Example Shop"},
            "currentAppInstallation": {"accessScopes": scopes},
        }

    # ------------------------------------------------------------------ webhooks

    def _list_subscriptions(self, variables: Row) -> Row:
        return {"webhookSubscriptions": self.page(self.subscriptions, variables)}

    def _subscribe(self, variables: Row) -> Row:
        errors = []
        row: Row | None = None
        wanted = (variables["topic"], variables["input"]["uri"])
        if variables["topic"] in self.refused_topics:
            text = "You cannot create a webhook subscription with the specified topic"
            errors = [{"field": ["topic"], "message": text}]
        elif wanted in [(row["topic"], row["uri"]) for row in self.subscriptions]:
            text = "Address for this topic has already been taken"
            errors = [{"field": ["webhookSubscription", "uri"], "message": text}]
        else:
            row_id = f"gid://shopify/WebhookSubscription/{len(self.subscriptions) + 1}"
            row = {"id": row_id, "topic": variables["topic"]}
            self.subscriptions.append(_subscribed(row, variables["input"]))
        payload = {"webhookSubscription": row, "userErrors": errors}
        return {"webhookSubscriptionCreate": payload}

    def _resubscribe(self, variables: Row) -> Row:
        [row] = [row for row in self.subscriptions if row["id"] == variables["id"]]
        _subscribed(row, variables["input"])
        payload = {"webhookSubscription": row, "userErrors": []}
        return {"webhookSubscriptionUpdate": payload}


def _subscribed(row: Row, given: Row) -> Row:
    """Return a subscription as it is asked for; no fields named stand for all."""
    fields = given.get("includeFields") or []
    row.update({**given, "includeFields": fields})
    return row


def _operation(document: str) -> tuple[str, str]:
    """Return the kind and the name of a document's operation."""
    match = _OPERATION.match(document)
    if match is None:
        raise ValueError("a document begins with its operation's kind and name")
    return match.group(1), match.group(2)


def _top(code: str, message: str) -> Row:
    return {"message": message, "extensions": {"code": code}}


def _error(code: str, message: str, field: list[str] | None = None) -> Row:
    return {"code": code, "message": message, "field": field}


def _failed(field: str, code: str) -> Row:
    """Answer an idempotent call with an error that points to no field."""
    name = "inventoryAdjustmentGroup"
    if field == "inventoryActivate":
        name = "inventoryLevel"
    return {field: {name: None, "userErrors": [_error(code, code.lower())]}}


def _plain(value: object) -> object:
    """Let decimals out as Shopify does: amounts are strings."""
    return str(value)


def _scopes() -> set[str]:
    return {
        "read_products",
        "write_inventory",
        "read_locations",
        "write_orders",
        "write_order_edits",
        "write_merchant_managed_fulfillment_orders",
        "read_returns",
        "read_customers",
    }
