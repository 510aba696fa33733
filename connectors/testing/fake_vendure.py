"""A Vendure 3.7.3 in memory, with the manners measured on a real one.

What a connector stumbles over is here on purpose: errors come with status 200, a body
over 100 kB with an empty 500, one bad row refuses a whole mutation, a negative number
is taken, dates have the resolution of a second, carts and drafts stand among the
orders, cancelling what has left puts it back on stock, and cancelling the open rest of
a line that has left in part puts *that* on stock, too.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from datetime import datetime
from decimal import Decimal

from ..data import QuantityKey
from ..strict_json import format_time, parse_time
from ..transport import Request, Response
from . import graphql_fake
from .fake_channel import FakeServer, FixedClock
from .graphql_fake import Operation, Row, changed_at, read_operation

BASE_URL = "https://vendure.example"
API_KEY = "4242.c4n4ryghijklmnopqrstuvwxyz0123456789"
USER, PASSWORD = "hub", "c4n4ry-horse-battery-staple"
BODY_LIMIT = 100 * 1024
LIST_LIMIT = 1000


class Refusal(Exception):
    """A top-level error of an answer."""

    def __init__(self, code: str, message: str) -> None:
        super().__init__(message)
        self.code = code


class FakeVendure(FakeServer):
    """One shop.

    :cvar resolution: seconds between two dates it can tell apart.
    """

    resolution = 1

    def __init__(self, clock: FixedClock) -> None:
        super().__init__(clock)
        self.locations = {"main": "Main warehouse", "shop": "Shop"}
        self.variants: dict[str, Row] = {}
        self.history: dict[str, list[Row]] = {}
        self.allocates_at = "main"
        self.sessions: set[str] = set()
        self.logins = 0
        self.handlers = {"manual-fulfillment"}
        self.precision = 2
        self.inclusive = True
        self.tracks = True
        self.permitted = True
        self.after_write: Callable[[], None] | None = None

    # --------------------------------------------------------------- what is sold

    def add_item(self, sku: str, location_id: str, quantity: Decimal) -> QuantityKey:
        """List a variant with a level at a location."""
        variant = f"v{sku}"
        self.variants[variant] = {
            "id": variant,
            "sku": sku,
            "name": f"Item {sku}",
            "trackInventory": "INHERIT",
        }
        self.books.show(sku, location_id, quantity, 0)
        return QuantityKey(sku=sku, item_id=variant, location_id=location_id)

    def add_order(self, order_id: str, version: int = 1) -> list[str]:
        """Place a paid order of two lines, three and five, allocated in one place."""
        if order_id in self.books.orders:
            order = self.books.orders[order_id]
            order["couponCodes"] = [f"V{version}"]
            self.touch(order)
            return [line["id"] for line in order["lines"]]
        for sku in ("A-1", "B-2"):
            if f"v{sku}" not in self.variants:
                self.add_item(sku, "main", Decimal(10))
        now = self.now()
        lines = [
            self.line(f"{order_id}-1", "A-1", 3, 990),
            self.line(f"{order_id}-2", "B-2", 5, 50),
        ]
        order = {
            "id": order_id,
            "code": f"CODE{order_id}",
            "state": "PaymentSettled",
            "type": "Regular",
            "active": False,
            "createdAt": now,
            "updatedAt": now,
            "orderPlacedAt": now,
            "currencyCode": "EUR",
            "customer": {
                "id": f"cust{order_id}",
                "emailAddress": "ada@example.com",
                "firstName": "Ada",
                "lastName": "Lovelace",
            },
            "shippingAddress": {},
            "billingAddress": {},
            "lines": lines,
            "shippingLines": [],
            "surcharges": [],
            "taxSummary": [{"taxRate": 20}],
            "modifications": [],
            "fulfillments": [],
            "payments": [],
        }
        self.books.orders[order_id] = order
        self.history[order_id] = []
        self._total(order)
        self.pay(order_id, order["totalWithTax"])
        self._note(order_id, "ORDER_STATE_TRANSITION", {})
        return [line["id"] for line in lines]

    def line(self, line_id: str, sku: str, quantity: int, price: int) -> Row:
        """Return a line of an order; the price is in cents, with 20 % tax."""
        line: Row = {
            "id": line_id,
            "quantity": quantity,
            "orderPlacedQuantity": quantity,
            "taxRate": 20,
            "updatedAt": self.now(),
            "price": Decimal(price),
            "off": Decimal(0),
            "productVariant": {"id": f"v{sku}", "sku": sku, "name": f"Item {sku}"},
        }
        self.price(line)
        return line

    def price(self, line: Row) -> None:
        """Work out a line's amounts, each rounded by itself; ``off`` is what a
        promotion takes off the whole line as it was placed."""
        quantity = line["quantity"]
        most = max(quantity, line["orderPlacedQuantity"])
        # Of nothing that is left, nothing is off.
        unit_off = line["off"] / most if quantity else Decimal(0)
        rate = 1 + Decimal(line["taxRate"]) / 100
        for name, unit in (
            ("unit", line["price"]),
            ("proratedUnit", line["price"] - unit_off),
        ):
            net, gross = (unit / rate, unit) if self.inclusive else (unit, unit * rate)
            whole = name.replace("unit", "line").replace("Unit", "Line")
            line[f"{name}Price"] = _rounded(net)
            line[f"{name}PriceWithTax"] = _rounded(gross)
            line[f"{whole}Price"] = _rounded(net * quantity)
            line[f"{whole}PriceWithTax"] = _rounded(gross * quantity)

    def pay(self, order_id: str, amount: int, state: str = "Settled") -> Row:
        """Note a payment."""
        order = self.books.orders[order_id]
        payment: Row = {
            "id": f"pay{order_id}-{len(order['payments'])}",
            "state": state,
            "amount": amount,
            "transactionId": f"tx{order_id}",
            "updatedAt": self.now(),
            "refunds": [],
        }
        order["payments"].append(payment)
        return payment

    def refund(self, order_id: str, amount: int, lines: list[Row]) -> None:
        """Give money back; the order keeps its date."""
        payment = self.books.orders[order_id]["payments"][0]
        payment["refunds"].append(
            {
                "id": f"ref{order_id}-{len(payment['refunds'])}",
                "state": "Settled",
                "total": amount,
                "updatedAt": self.now(),
                "lines": lines,
            }
        )
        self._note(order_id, "ORDER_REFUND_TRANSITION", {})

    def touch(self, order: Row) -> None:
        """Date an order anew, and let its history grow."""
        order["updatedAt"] = self.now()
        self._note(order["id"], "ORDER_STATE_TRANSITION", {})

    def now(self) -> str:
        """Return the moment as Vendure writes it, in whole seconds."""
        return format_time(self._moment()).replace("Z", ".000Z")

    def _moment(self) -> datetime:
        moment = self.clock()
        seconds = moment.second // self.resolution * self.resolution
        return moment.replace(second=seconds, microsecond=0)

    def _note(self, order_id: str, kind: str, content: Row) -> None:
        entries = self.history.setdefault(order_id, [])
        entries.append({"id": str(len(entries)), "type": kind, "data": content})

    def _total(self, order: Row) -> None:
        self.price_all(order)
        parts = [line["proratedLinePriceWithTax"] for line in order["lines"]]
        parts += [row["discountedPriceWithTax"] for row in order["shippingLines"]]
        parts += [row["priceWithTax"] for row in order["surcharges"]]
        order["totalWithTax"] = sum(parts)

    def price_all(self, order: Row) -> None:
        """Work out every line anew."""
        for line in order["lines"]:
            self.price(line)

    # ---------------------------------------------------------------------- wire

    def is_write(self, call: Request) -> bool:
        """Tell whether a call changes the shop; a login only opens a session."""
        return graphql_fake.is_mutation(call) and b"HubLogin" not in call.body

    def handle(self, call: Request) -> Response:
        """Answer one call."""
        if len(call.body) > BODY_LIMIT:
            said = json.dumps({"statusCode": 500, "message": ""}).encode()
            return Response(500, {"content-type": "application/json"}, said)
        if call.method != "POST" or call.url != f"{BASE_URL}/admin-api":
            return Response(404, {"content-type": "text/html"}, b"<pre>Cannot</pre>")
        operation = read_operation(call)
        if operation.name == "HubLogin":
            return self._login(operation)
        if not self.permitted or not self._is_known(call):
            return graphql_fake.errors(
                "You are not currently authorized to perform this action", "FORBIDDEN"
            )
        try:
            return graphql_fake.data(self._answer(operation), operation)
        except Refusal as error:
            return graphql_fake.errors(str(error), error.code)

    def _is_known(self, call: Request) -> bool:
        bearer = call.headers.get("authorization", "").removeprefix("Bearer ")
        return call.headers.get("vendure-api-key") == API_KEY or bearer in self.sessions

    def _login(self, operation: Operation) -> Response:
        given = (operation.variables["username"], operation.variables["password"])
        if given != (USER, PASSWORD):
            refused = _error("INVALID_CREDENTIALS_ERROR", "The credentials are invalid")
            return graphql_fake.data({"login": refused}, operation)
        self.logins += 1
        token = f"session-{self.logins}"
        self.sessions.add(token)
        user = {"__typename": "CurrentUser", "id": "1"}
        headers = {"vendure-auth-token": token}
        return graphql_fake.data({"login": user}, operation, headers)

    def _answer(self, operation: Operation) -> Row:
        handlers: dict[str, Callable[[Row], Row]] = {
            "HubLevels": self._variants,
            "HubListings": self._variants,
            "HubLocations": self._locations,
            "HubSetLevels": self._set_levels,
            "HubOrderHeads": self._orders,
            "HubOrders": self._orders,
            "HubOrder": self._order,
            "HubOrderState": self._order,
            "HubCancellations": self._cancellations,
            "HubFulfil": self._fulfil,
            "HubMoveFulfilment": self._move,
            "HubCancel": self._cancel,
        }
        return handlers[operation.name](operation.variables) | {
            "activeChannel": {"pricesIncludeTax": self.inclusive},
            "globalSettings": {
                "trackInventory": self.tracks,
                "serverConfig": {"moneyStrategyPrecision": self.precision},
            },
        }

    # -------------------------------------------------------------------- reading

    def _page(self, found: list[Row], options: Row) -> Row:
        """Cut like every list of Vendure."""
        take = options.get("take", LIST_LIMIT)
        if take > LIST_LIMIT:
            raise Refusal(
                "USER_INPUT_ERROR", f"Cannot take more than {LIST_LIMIT} results"
            )
        start = options.get("skip", 0)
        return {"items": found[start : start + take], "totalItems": len(found)}

    def _variants(self, variables: Row) -> Row:
        options = variables.get("options", variables)
        wanted = options.get("filter", {}).get("id", {}).get("in")
        found = [
            {**row, "stockLevels": self._levels(row["sku"])}
            for id_, row in sorted(self.variants.items())
            if wanted is None or id_ in wanted
        ]
        return {"productVariants": self._page(found, options)}

    def _levels(self, sku: str) -> list[Row]:
        return [
            {"stockLocationId": place, "stockOnHand": int(level.quantity)}
            for (name, place), level in self.books.levels.items()
            if name == sku
        ]

    def _locations(self, variables: Row) -> Row:
        found = [{"id": id_, "name": name} for id_, name in self.locations.items()]
        return {"stockLocations": self._page(found, variables)}

    def _orders(self, variables: Row) -> Row:
        options = variables["options"]
        wanted = options.get("filter", {})
        found = list(self.books.orders.values())
        if "id" in wanted:
            found = [row for row in found if row["id"] in wanted["id"]["in"]]
        if "orderPlacedAt" in wanted:
            found = [row for row in found if row.get("orderPlacedAt")]
        if "updatedAt" in wanted:
            after = parse_time(wanted["updatedAt"]["after"])
            found = [r for r in found if after and changed_at(r) > after]
        found.sort(key=lambda row: (changed_at(row), row["id"]))
        return {"orders": self._page([self._shown(row) for row in found], options)}

    def _order(self, variables: Row) -> Row:
        order = self.books.orders.get(variables["id"])
        return {"order": self._shown(order) if order else None}

    def _shown(self, order: Row) -> Row:
        return {**order, "history": {"totalItems": len(self.history[order["id"]])}}

    def _cancellations(self, variables: Row) -> Row:
        entries = self.history.get(variables["id"], [])
        found = [row for row in entries if row["type"] == "ORDER_CANCELLATION"]
        page = self._page(found[::-1], variables)
        known = variables["id"] in self.books.orders
        return {"order": {"history": page} if known else None}

    # -------------------------------------------------------------------- writing

    def _set_levels(self, variables: Row) -> Row:
        wanted = []
        for row in variables["input"]:
            if row["id"] not in self.variants:
                raise Refusal(
                    "ENTITY_NOT_FOUND",
                    f'No ProductVariant with the id "{row["id"]}" could be found',
                )
            for level in row["stockLevels"]:
                number = level["stockOnHand"]
                if isinstance(number, bool) or not isinstance(number, int):
                    raise Refusal("BAD_USER_INPUT", "Int cannot represent this value")
                if level["stockLocationId"] not in self.locations:
                    raise Refusal(
                        "",
                        'insert or update on table "stock_level" violates foreign'
                        " key constraint",
                    )
                sku = self.variants[row["id"]]["sku"]
                wanted.append((sku, level["stockLocationId"], Decimal(number)))
        for sku, place, number in wanted:
            self.books.show(sku, place, number, 0)
        if self.after_write:
            self.after_write()
        return {"updateProductVariants": [{"id": r["id"]} for r in variables["input"]]}

    def _fulfil(self, variables: Row) -> Row:
        given = variables["input"]
        order = self._owner(given["lines"])
        answer = self._refused_fulfilment(order, given)
        if answer is None:
            arguments = {a["name"]: a["value"] for a in given["handler"]["arguments"]}
            answer = {
                "__typename": "Fulfillment",
                "id": f"f{len(self.books.shipments) + 1}",
                "state": "Pending",
                "nextStates": ["Shipped", "Delivered", "Cancelled"],
                "method": arguments["method"],
                "trackingCode": arguments["trackingCode"],
                "updatedAt": self.now(),
                "lines": given["lines"],
            }
            order["fulfillments"].append(answer)
            self.books.shipments[answer["id"]] = answer
            self.books.effects.append(f"fulfil {answer['id']}")
            for row in given["lines"]:
                self._take(order, row, -row["quantity"])
            self._note(order["id"], "ORDER_FULFILLMENT", {})
        return {"addFulfillmentToOrder": answer}

    def _refused_fulfilment(self, order: Row, given: Row) -> Row | None:
        if given["handler"]["code"] not in self.handlers:
            return _error("INVALID_FULFILLMENT_HANDLER_ERROR", "No such handler")
        for row in given["lines"]:
            line = self._line_of(order, row)
            if row["quantity"] > line["quantity"] - self.fulfilled(order, line["id"]):
                return _error("ITEMS_ALREADY_FULFILLED_ERROR", "Already fulfilled")
            sku = line["productVariant"]["sku"]
            if row["quantity"] > (self.books.shown(sku, self.allocates_at) or 0):
                return _error("INSUFFICIENT_STOCK_ON_HAND_ERROR", "Not enough stock")
        return None

    def _move(self, variables: Row) -> Row:
        parcel: Row = self.books.shipments[variables["id"]]
        if variables["state"] not in parcel["nextStates"]:
            refused = _error("FULFILLMENT_STATE_TRANSITION_ERROR", "Cannot transition")
            return {"transitionFulfillmentToState": refused}
        parcel.update(state=variables["state"], nextStates=["Delivered", "Cancelled"])
        [order] = [o for o in self.books.orders.values() if parcel in o["fulfillments"]]
        before = order["state"]
        order["state"] = "Shipped" if self._is_all_gone(order) else "PartiallyShipped"
        # The second parcel of an order does not date it anew.
        if order["state"] != before:
            self.touch(order)
        self._note(order["id"], "ORDER_FULFILLMENT_TRANSITION", {})
        return {"transitionFulfillmentToState": parcel}

    def _cancel(self, variables: Row) -> Row:
        given = variables["input"]
        order = self._owner(given["lines"])
        for row in given["lines"]:
            if row["quantity"] > self._line_of(order, row)["quantity"]:
                refused = _error("QUANTITY_TOO_GREAT_ERROR", "Quantity too great")
                return {"cancelOrder": refused}
        for row in given["lines"]:
            line = self._line_of(order, row)
            gone = self.fulfilled(order, line["id"]) - line.get("back", 0)
            # Also where the units cancelled are the open ones.
            restocked = min(gone, row["quantity"])
            self._take(order, row, restocked)
            line["back"] = line.get("back", 0) + restocked
            line["quantity"] -= row["quantity"]
        if given.get("cancelShipping"):
            for row in order["shippingLines"]:
                off = -row["discountedPriceWithTax"]
                row["discounts"] = [
                    {"adjustmentSource": "CANCEL_ORDER", "amountWithTax": off}
                ]
                row.update(discountedPrice=0, discountedPriceWithTax=0)
        self._total(order)
        number = len(self.books.cancellations)
        self.books.cancellations[str(number)] = given
        self.books.effects.append(f"cancel {number}")
        content = {"lines": given["lines"], "reason": given.get("reason")}
        self._note(order["id"], "ORDER_CANCELLATION", content)
        if not any(line["quantity"] for line in order["lines"]):
            order["state"] = "Cancelled"
        self.touch(order)
        return {"cancelOrder": {"__typename": "Order", **order}}

    def cancel(self, order_id: str, lines: dict[str, int]) -> None:
        """Cancel units as the shop's staff do."""
        rows = [{"orderLineId": line, "quantity": n} for line, n in lines.items()]
        self._cancel({"input": {"orderId": order_id, "lines": rows}})

    def _take(self, order: Row, row: Row, quantity: int) -> None:
        """Put units of a line on the shelf, or take them off."""
        sku = self._line_of(order, row)["productVariant"]["sku"]
        level = self.books.levels.get((sku, self.allocates_at))
        if level:
            level.quantity += quantity

    def _owner(self, lines: list[Row]) -> Row:
        ids = {row["orderLineId"] for row in lines}
        for order in self.books.orders.values():
            if ids <= {line["id"] for line in order["lines"]}:
                return order
        raise Refusal("ENTITY_NOT_FOUND", "No OrderLine with this id could be found")

    def _line_of(self, order: Row, row: Row) -> Row:
        lines: list[Row] = order["lines"]
        [line] = [line for line in lines if line["id"] == row["orderLineId"]]
        return line

    def fulfilled(self, order: Row, line_id: str) -> int:
        """Return how many units of a line are in parcels."""
        return sum(
            row["quantity"]
            for parcel in order["fulfillments"]
            if parcel["state"] != "Cancelled"
            for row in parcel["lines"]
            if row["orderLineId"] == line_id
        )

    def _is_all_gone(self, order: Row) -> bool:
        return all(
            line["quantity"] <= self.fulfilled(order, line["id"])
            for line in order["lines"]
        )


def _error(code: str, message: str) -> Row:
    return {"__typename": "Refused", "errorCode": code, "message": message}


def _rounded(amount: Decimal) -> int:
    return int(amount.quantize(Decimal(1)))
