"""The orders of the shop in memory: what is planned, shipped, edited, cancelled.

Rows look as Shopify's objects do, connections are plain lists until they are answered.
What a connector stumbles over is here on purpose: goods that are moved get new lines in a
new fulfilment order, a fulfilment draws on one location only, an order with fulfilments
cannot be cancelled, cancelling takes its time, an edit changes nothing before it is
committed, and a note at an order is refused to whoever has not seen the last one.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Any

from ..shopify_client import number
from ..strict_json import format_time
from .fake_channel import FakeServer, FixedClock

Row = dict[str, Any]

MAIN = "7001"
"""Number of the location that orders are planned at."""


class Refusal(Exception):
    """What Shopify answers as an error of the user."""

    def __init__(self, message: str, *field: str, code: str = "") -> None:
        super().__init__(message)
        self.row: Row = {"message": message, "field": list(field) or None}
        if code:
            self.row["code"] = code


def gid(kind: str, key: str | int) -> str:
    """Return a global id."""
    return f"gid://shopify/{kind}/{key}"


class FakeShopifyOrders(FakeServer):
    """The part of the shop that has to do with its orders.

    ``cancel_seconds`` is how long an order takes to be cancelled; ``edit_refused`` is
    why orders cannot be edited, empty when they can.
    """

    items: dict[str, str]

    def __init__(self, clock: FixedClock) -> None:
        super().__init__(clock)
        self.marks: dict[str, Row] = {}
        self.edits: dict[str, Row] = {}
        self.cancelling: dict[str, datetime] = {}
        self.cancel_seconds = 0.0
        self.edit_refused = ""
        self._last = 0

    def now(self) -> str:
        """Return the moment as Shopify writes it."""
        return format_time(self.clock())

    def page(self, nodes: list[Row], variables: Row, size: int | None = None) -> Row:
        """Return a connection of the rows behind the cursor."""
        start = int(variables.get("after") or 0)
        end = start + (size or self.page_size)
        info = {"hasNextPage": end < len(nodes), "endCursor": str(end)}
        return {"nodes": nodes[start:end], "pageInfo": info}

    def order_answers(self) -> dict[str, Callable[[Row], Row]]:
        """Return what answers each operation on an order."""
        told: dict[str, tuple[str, str, Callable[[Row], Row]]] = {
            "HubMove": ("fulfillmentOrderMove", "", self._move),
            "HubShip": ("fulfillmentCreate", "", self._ship),
            "HubTrack": ("fulfillmentTrackingInfoUpdate", "", self._track),
            "HubMark": ("metafieldsSet", "", self._mark),
            "HubCancel": ("orderCancel", "orderCancelUserErrors", self._cancel),
            "HubEditBegin": ("orderEditBegin", "", self._edit_begin),
            "HubEditLine": ("orderEditSetQuantity", "", self._edit_line),
            "HubEditCommit": ("orderEditCommit", "", self._edit_commit),
        }
        answers = {name: self._guarded(*entry) for name, entry in told.items()}
        answers["HubOrderToShip"] = self._order_to_ship
        answers["HubFulfillmentOrderLines"] = self._work_lines
        answers["HubFulfillmentLines"] = self._shipped_lines
        answers["HubOrderToCancel"] = self._order_to_cancel
        answers["HubCancelled"] = lambda given: {"order": self.order(given["id"])}
        return answers

    def _guarded(
        self, field: str, errors: str, answer: Callable[[Row], Row]
    ) -> Callable[[Row], Row]:
        """Turn refusals into errors of the user."""
        name = errors or "userErrors"

        def guarded(variables: Row) -> Row:
            try:
                return {field: {**answer(variables), name: []}}
            except Refusal as error:
                return {field: {name: [error.row]}}

        return guarded

    # --------------------------------------------------------------------- books

    def add_order(self, order_id: str, version: int = 1) -> list[str]:
        """Place a paid order of two lines, three and five, planned at ``main``."""
        if order_id in self.books.orders:
            order = self.books.orders[order_id]
            order["note"] = f"Version {version}"
            self.touch(order)
            return [number(line["id"]) for line in order["lineItems"]]
        order = self._placed(order_id)
        planned = [(line, line["quantity"]) for line in order["lineItems"]]
        order["fulfillmentOrders"].append(self._work(MAIN, planned))
        self.books.orders[order_id] = order
        self.dress_order(order)
        return [number(line["id"]) for line in order["lineItems"]]

    def _placed(self, order_id: str) -> Row:
        """Return a new order's row, nothing planned yet."""
        return {
            "id": gid("Order", order_id),
            "legacyResourceId": order_id,
            "name": f"#{order_id}",
            "createdAt": self.now(),
            "updatedAt": self.now(),
            "cancelledAt": None,
            "cancelReason": None,
            "closed": False,
            "test": False,
            "merchantEditable": True,
            "merchantEditableErrors": [],
            "displayFinancialStatus": "PAID",
            "displayFulfillmentStatus": "UNFULFILLED",
            "currencyCode": "EUR",
            "taxesIncluded": True,
            "email": "ada@example.com",
            "lineItems": [
                self._line(f"{order_id}1", "A-1", 3, "9.90"),
                self._line(f"{order_id}2", "B-2", 5, "0.50"),
            ],
            "fulfillmentOrders": [],
            "fulfillments": [],
            "refunds": [],
            "returns": [],
            "shippingLines": [],
            "customAttributes": [],
        }

    def dress_order(self, order: Row) -> None:
        """Add to a new order what reading it asks for beyond this part."""

    def order(self, order_gid: object) -> Row | None:
        """Return an order, None when there is none."""
        return self.books.orders.get(number(order_gid))

    def settle(self) -> None:
        """Finish what the shop does in the background, as far as it is time."""
        for key, due in list(self.cancelling.items()):
            if self.clock() >= due:
                del self.cancelling[key]
                self._cancelled(self.books.orders[key])

    def touch(self, order: Row) -> None:
        """Date an order anew."""
        order["updatedAt"] = self.now()

    def next_number(self) -> int:
        """Return a number that nothing has yet."""
        self._last += 1
        return 90_000 + self._last

    def _line(self, key: str, sku: str, quantity: int, price: str) -> Row:
        item = self.items.setdefault(sku, str(5001 + len(self.items)))
        amount = {"amount": price, "currencyCode": "EUR"}
        money = {"shopMoney": amount, "presentmentMoney": amount}
        return {
            "id": gid("LineItem", key),
            "sku": sku,
            "title": f"Product {sku}",
            "quantity": quantity,
            "currentQuantity": quantity,
            "unfulfilledQuantity": quantity,
            "refundableQuantity": quantity,
            "requiresShipping": True,
            "variant": {
                "id": gid("ProductVariant", f"6{item}"),
                "inventoryItem": {"id": gid("InventoryItem", item)},
            },
            "originalUnitPriceSet": money,
            "discountedUnitPriceSet": money,
            "taxLines": [],
        }

    def _work(self, location: str, planned: list[tuple[Row, int]]) -> Row:
        """Return a new fulfilment order."""
        return {
            "id": gid("FulfillmentOrder", self.next_number()),
            "status": "OPEN",
            "updatedAt": self.now(),
            "requestStatus": "UNSUBMITTED",
            "supportedActions": [{"action": "CREATE_FULFILLMENT"}, {"action": "MOVE"}],
            "assignedLocation": {
                "name": "Warehouse",
                "location": {"id": gid("Location", location)},
            },
            "lineItems": [
                {
                    "id": gid("FulfillmentOrderLineItem", self.next_number()),
                    "totalQuantity": count,
                    "remainingQuantity": count,
                    "inventoryItemId": line["variant"]["inventoryItem"]["id"],
                    "sku": line["sku"],
                    "lineItem": {"id": line["id"]},
                }
                for line, count in planned
            ],
        }

    # ------------------------------------------------------------------- reading

    def _order_to_ship(self, variables: Row) -> Row:
        order = self.order(variables["id"])
        if not order:
            return {"order": None}
        mark = self.marks.get(order["id"])
        work = self.page(order["fulfillmentOrders"], variables, size=1)
        return {"order": {**order, "metafield": mark, "fulfillmentOrders": work}}

    def _order_to_cancel(self, variables: Row) -> Row:
        order = self.order(variables["id"])
        if not order:
            return {"order": None}
        mark = self.marks.get(order["id"])
        lines = self.page(order["lineItems"], variables, size=1)
        return {"order": {**order, "metafield": mark, "lineItems": lines}}

    def _work_lines(self, variables: Row) -> Row:
        _order, work = self._find_work(variables["id"])
        lines = self.page(work["lineItems"], variables, size=1)
        return {"fulfillmentOrder": {"lineItems": lines}}

    def _shipped_lines(self, variables: Row) -> Row:
        _order, row = self._find_shipped(variables["id"])
        lines = self.page(row["fulfillmentLineItems"], variables, size=1)
        return {"fulfillment": {"fulfillmentLineItems": lines}}

    def _find_work(self, work_gid: str) -> tuple[Row, Row]:
        for order in self.books.orders.values():
            for work in order["fulfillmentOrders"]:
                if work["id"] == work_gid:
                    return order, work
        raise Refusal("Fulfillment order does not exist.", "id")

    def _find_shipped(self, shipped_gid: str) -> tuple[Row, Row]:
        for order in self.books.orders.values():
            for row in order["fulfillments"]:
                if row["id"] == shipped_gid:
                    return order, row
        raise Refusal("Fulfillment does not exist.", "fulfillmentId")

    # ------------------------------------------------------------------ shipping

    def _move(self, variables: Row) -> Row:
        order, work = self._find_work(variables["id"])
        location = number(variables["location"])
        wanted = {row["id"]: row["quantity"] for row in variables["lines"]}
        moved = [line for line in work["lineItems"] if line["id"] in wanted]
        if work["status"] == "CLOSED":
            raise Refusal("The fulfillment order is closed.", "id")
        for line in moved:
            if (line["sku"], location) not in self.books.levels:
                text = "The fulfillment order's items are not stocked at the location."
                raise Refusal(text, "newLocationId")
        by_id = {line["id"]: line for line in order["lineItems"]}
        planned = [(by_id[m["lineItem"]["id"]], wanted[m["id"]]) for m in moved]
        for line in moved:
            line["remainingQuantity"] -= wanted[line["id"]]
            line["totalQuantity"] -= wanted[line["id"]]
        self._close(work)
        made = self._work(location, planned)
        order["fulfillmentOrders"].append(made)
        self.touch(order)
        return {"movedFulfillmentOrder": made}

    def _close(self, work: Row) -> None:
        """Date what was worked on anew; close it when nothing is left."""
        work["updatedAt"] = self.now()
        if not any(line["remainingQuantity"] for line in work["lineItems"]):
            work["status"] = "CLOSED"

    def _ship(self, variables: Row) -> Row:
        given = variables["fulfillment"]
        chosen = []
        for entry in given["lineItemsByFulfillmentOrder"]:
            order, work = self._find_work(entry["fulfillmentOrderId"])
            chosen.append((order, work, entry["fulfillmentOrderLineItems"]))
        places = {
            (order["id"], work["assignedLocation"]["location"]["id"])
            for order, work, _lines in chosen
        }
        if len(places) > 1:
            text = "All fulfillment orders must have the same assigned location."
            raise Refusal(text, "fulfillment")
        [(_, place)] = places
        picked = [self._checked(work, row) for _, work, rows in chosen for row in rows]
        made = self._made(place, given.get("trackingInfo") or {})
        by_id = {line["id"]: line for line in order["lineItems"]}
        for line, count in picked:
            line["remainingQuantity"] -= count
            by_id[line["lineItem"]["id"]]["unfulfilledQuantity"] -= count
            shipped = {
                "id": gid("FulfillmentLineItem", self.next_number()),
                "quantity": count,
                "lineItem": line["lineItem"],
            }
            made["fulfillmentLineItems"].append(shipped)
        for _order, work, _lines in chosen:
            self._close(work)
        order["fulfillments"].append(made)
        self.touch(order)
        self.books.shipments[number(made["id"])] = made
        self.books.effects.append(f"ship {order['name']} {made['id']}")
        return {"fulfillment": made}

    def _made(self, place: str, tracking: Row) -> Row:
        """Return a new fulfilment, empty yet."""
        return {
            "id": gid("Fulfillment", self.next_number()),
            "status": "SUCCESS",
            "createdAt": self.now(),
            "updatedAt": self.now(),
            "location": {"id": place},
            "trackingInfo": [self._tracking(tracking)],
            "fulfillmentLineItems": [],
        }

    def _checked(self, work: Row, row: Row) -> tuple[Row, int]:
        """Return the line and the quantity, when there is so much left."""
        if work["status"] not in ("OPEN", "IN_PROGRESS"):
            text = f"Fulfillment order {work['id']} has an unfulfillable status."
            raise Refusal(text, "fulfillment")
        for line in work["lineItems"]:
            if line["id"] == row["id"] and 0 < row["quantity"]:
                if row["quantity"] <= line["remainingQuantity"]:
                    return line, row["quantity"]
        text = "Invalid fulfillment order line item quantity requested."
        raise Refusal(text, "fulfillment")

    def _tracking(self, given: Row) -> Row:
        return {name: given.get(name) for name in ("company", "number", "url")}

    def _track(self, variables: Row) -> Row:
        order, row = self._find_shipped(variables["id"])
        row["trackingInfo"] = [self._tracking(variables["tracking"])]
        self.touch(order)
        self.books.effects.append(f"track {number(row['id'])}")
        return {"fulfillment": row}

    def _mark(self, variables: Row) -> Row:
        [given] = variables["metafields"]
        kept = self.marks.get(given["ownerId"])
        if given["compareDigest"] != (kept["compareDigest"] if kept else None):
            text = "The metafield has been modified since it was loaded."
            raise Refusal(text, "metafields", "0", code="STALE_OBJECT")
        digest = hashlib.sha256(given["value"].encode()).hexdigest()
        mark = {"value": given["value"], "compareDigest": digest}
        self.marks[given["ownerId"]] = mark
        return {"metafields": [mark]}

    # ---------------------------------------------------------------- cancelling

    def _cancel(self, variables: Row) -> Row:
        order = self.order(variables["id"])
        if not order:
            raise Refusal("Order does not exist", "orderId", code="NOT_FOUND")
        key = order["legacyResourceId"]
        if order["cancelledAt"] or key in self.cancelling:
            text = "Cannot cancel an order that has already been canceled"
            raise Refusal(text, "orderId", code="INVALID")
        if any(row["status"] == "SUCCESS" for row in order["fulfillments"]):
            text = "Cannot cancel an order with fulfillments"
            raise Refusal(text, "orderId", code="INVALID")
        order["cancelReason"] = "OTHER"
        self.cancelling[key] = self.clock() + timedelta(seconds=self.cancel_seconds)
        return {"job": {"id": gid("Job", "1"), "done": False}}

    def _cancelled(self, order: Row) -> None:
        order["cancelledAt"] = self.now()
        for line in order["lineItems"]:
            line["currentQuantity"] = line["unfulfilledQuantity"] = 0
        for work in order["fulfillmentOrders"]:
            work["status"] = "CLOSED"
        self._take_note(order, order["legacyResourceId"])

    def _take_note(self, order: Row, key: str) -> None:
        self.touch(order)
        self.books.cancellations[key] = order
        self.books.effects.append(f"cancel {key}")

    def _edit_begin(self, variables: Row) -> Row:
        order = self.order(variables["id"])
        if not order or self.edit_refused:
            raise Refusal(self.edit_refused or "Order does not exist", "id")
        key = str(self.next_number())
        lines = [
            {
                "id": gid("CalculatedLineItem", number(line["id"])),
                "quantity": line["currentQuantity"],
                "editableQuantity": line["unfulfilledQuantity"],
            }
            for line in order["lineItems"]
        ]
        draft: Row = {"id": gid("CalculatedOrder", key), "lineItems": lines}
        self.edits[draft["id"]] = {"order": order, "left": {}, "key": key}
        return {"calculatedOrder": {**draft, "lineItems": {"nodes": lines}}}

    def _edit_line(self, variables: Row) -> Row:
        edit = self.edits[variables["id"]]
        line = gid("LineItem", number(variables["line"]))
        edit["left"][line] = variables["quantity"]
        row = {"id": variables["line"], "quantity": variables["quantity"]}
        return {"calculatedLineItem": row}

    def _edit_commit(self, variables: Row) -> Row:
        edit = self.edits.pop(variables["id"])
        order = edit["order"]
        for line in order["lineItems"]:
            left = edit["left"].get(line["id"], line["currentQuantity"])
            gone = line["currentQuantity"] - left
            if gone > line["unfulfilledQuantity"]:
                raise Refusal("The line item has been fulfilled.", "id")
            line["currentQuantity"] = left
            line["unfulfilledQuantity"] -= gone
            self._unplan(order, line["id"], gone)
        self._take_note(order, f"edit {edit['key']}")
        return {"order": order}

    def _unplan(self, order: Row, line_gid: str, gone: int) -> None:
        for work in order["fulfillmentOrders"]:
            for line in work["lineItems"]:
                if line["lineItem"]["id"] == line_gid:
                    count = min(gone, line["remainingQuantity"])
                    line["remainingQuantity"] -= count
                    line["totalQuantity"] -= count
                    gone -= count
            self._close(work)
