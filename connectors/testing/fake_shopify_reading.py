"""How the Shopify in memory answers questions about orders.

Orders are stored as Shopify's own rows, their connections as plain lists; the pages are
cut here. Dates have seconds, a list goes on behind a cursor of date and id, and what is
longer than its page ends there, as on a real shop.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from decimal import Decimal
from typing import Any

from ..shopify_payload import PARCELS, REFUNDS
from .fake_shopify_orders import FakeShopifyOrders

Row = dict[str, Any]

_SINCE = re.compile(r"updated_at:>='([^']+)'")
_UNTIL = re.compile(r"updated_at:<'([^']+)'")
_CENT = Decimal("0.01")


def money(amount: Decimal | str | int, currency: str = "EUR") -> Row:
    """Return an amount as Shopify writes it, in the customer's currency.

    The shop's own currency is another one, so that nobody takes it by mistake.
    """
    shop = Decimal(amount) * Decimal("1.0937")
    return {
        "presentmentMoney": {
            "amount": f"{Decimal(amount):f}",
            "currencyCode": currency,
        },
        "shopMoney": {"amount": f"{shop.quantize(_CENT):f}", "currencyCode": "USD"},
    }


def amount_of(bag: Row | None) -> Decimal:
    """Return the amount of a money bag in the customer's currency."""
    return Decimal(bag["presentmentMoney"]["amount"]) if bag else Decimal(0)


def page(rows: list[Row], after: str | None, size: int) -> Row:
    """Return a connection of the rows behind a cursor."""
    start = int(after or 0)
    end = start + size
    info = {"hasNextPage": end < len(rows), "endCursor": str(end)}
    return {"nodes": rows[start:end], "pageInfo": info}


def current_total(order: Row) -> Decimal:
    """Return what is left of an order: current units, charges, fees, their taxes."""
    total = Decimal(0)
    for line in order["lineItems"]:
        quantity, left = line["quantity"], line["currentQuantity"]
        if not quantity:
            continue
        net = amount_of(line["originalUnitPriceSet"]) * left
        for allocation in line.get("discountAllocations") or ():
            net -= amount_of(allocation["allocatedAmountSet"]) * left / quantity
        total += _taxed(order, line, net)
    for charge in order.get("shippingLines") or ():
        left_of = (
            charge.get("currentDiscountedPriceSet") or charge["discountedPriceSet"]
        )
        total += _taxed(order, charge, amount_of(left_of))
    for fee in order.get("additionalFees") or ():
        total += _taxed(order, fee, amount_of(fee["price"]))
    total += amount_of(order.get("currentTotalDutiesSet"))
    return total.quantize(_CENT)


def _taxed(order: Row, row: Row, net: Decimal) -> Decimal:
    if order["taxesIncluded"]:
        return net
    rate = sum(Decimal(str(tax["rate"])) for tax in row.get("taxLines") or ())
    return net + (net * rate).quantize(_CENT)


def dress_order(order: Row) -> None:
    """Fill what reading an order asks for and selling it does not need."""
    order.setdefault("processedAt", order["createdAt"])
    order.setdefault("presentmentCurrencyCode", "EUR")
    order.setdefault("dutiesIncluded", False)
    for name in ("phone", "note", "currentTotalDutiesSet"):
        order.setdefault(name, None)
    for name in ("additionalFees", "transactions", "shippingLines"):
        order.setdefault(name, [])
    for name in ("refunds", "returns", "fulfillments", "fulfillmentOrders"):
        order.setdefault(name, [])
    order.setdefault("totalTipReceivedSet", money(0))
    for line in order["lineItems"]:
        line.setdefault("discountAllocations", [])
        line.setdefault("isGiftCard", False)
        line.setdefault("variantTitle", None)
        line.setdefault("taxLines", [])


class FakeShopifyReading(FakeShopifyOrders):
    """Answers the queries of ``shopify_payload``; a part of the fake shop.

    ``nested`` is how many entries a query answers of what belongs to an order.
    """

    nested = 15

    def dress_order(self, order: Row) -> None:
        """Add to a new order what reading it asks for."""
        dress_order(order)

    def reading_answers(self) -> dict[str, Callable[[Row], Row]]:
        """Return what answers each operation."""
        answers: dict[str, Callable[[Row], Row]] = {
            "HubOrders": self._orders,
            "HubOrder": lambda given: {"order": self._order(given["id"])},
            "HubOrderDate": lambda given: {"order": self._found(given["id"])},
            "HubOrderLines": lambda given: self._of_order(given, "lineItems"),
            "HubOrderShippingLines": lambda given: self._of_order(
                given, "shippingLines"
            ),
            "HubOrderPlaces": lambda given: self._ids(given, "fulfillmentOrders"),
            "HubOrderReturns": lambda given: self._ids(given, "returns"),
            "HubOrderParts": self._part_ids,
            "HubOwner": self._owner,
        }
        for operation, field, name, lines in (
            ("HubFulfillment", "fulfillment", "fulfillments", "fulfillmentLineItems"),
            (
                "HubFulfillmentOrder",
                "fulfillmentOrder",
                "fulfillmentOrders",
                "lineItems",
            ),
            ("HubRefund", "refund", "refunds", "refundLineItems"),
            ("HubReturn", "return", "returns", "returnLineItems"),
            ("HubReturnParts", "return", "returns", "reverseFulfillmentOrders"),
            (
                "HubReverse",
                "reverseFulfillmentOrder",
                "reverseFulfillmentOrders",
                "lineItems",
            ),
        ):
            answers[operation] = self._answer_part(field, name, lines)
        return answers

    def _orders(self, given: Row) -> Row:
        """List orders by date and id; the cursor says both."""
        query = given.get("query") or ""
        since, until = (
            match[1] if (match := pattern.search(query)) else last
            for pattern, last in ((_SINCE, ""), (_UNTIL, "~"))
        )
        orders = sorted(self.books.orders.values(), key=_place)
        found = [order for order in orders if since <= order["updatedAt"] < until]
        if given.get("after"):
            found = [
                order for order in found if _place(order) > _behind(given["after"])
            ]
        rows = found[: given["first"]]
        last = rows[-1] if rows else None
        info = {
            "hasNextPage": len(found) > len(rows),
            "endCursor": f"{last['updatedAt']}|{last['id']}" if last else None,
        }
        return {"orders": {"nodes": [*map(dict, rows)], "pageInfo": info}}

    def _found(self, wire_id: str) -> Row | None:
        order = self.order(wire_id)
        return dict(order) if order else None

    def _order(self, wire_id: str) -> Row | None:
        """Return an order with the first page of everything."""
        order = self._found(wire_id)
        if order is None:
            return None
        places = [self._cut(place, "lineItems") for place in order["fulfillmentOrders"]]
        parcels = [
            self._cut(parcel, "fulfillmentLineItems")
            for parcel in order["fulfillments"][:PARCELS]
        ]
        total = order.get("currentTotalPriceSet") or money(current_total(order))
        return {
            **order,
            "currentTotalPriceSet": total,
            "lineItems": page(order["lineItems"], None, self.nested),
            "shippingLines": page(order["shippingLines"], None, self.nested),
            "returns": page(order["returns"], None, self.nested),
            "fulfillmentOrders": page(places, None, min(self.nested, 5)),
            "fulfillments": parcels,
            "refunds": order["refunds"][:REFUNDS],
        }

    def _cut(self, row: Row, name: str) -> Row:
        return {**row, name: page(row[name], None, self.nested)}

    def _of_order(self, given: Row, name: str) -> Row:
        order = self._found(given["id"])
        rows = page(order[name], given.get("after"), self.nested) if order else None
        return {"order": {**order, name: rows} if order else None}

    def _ids(self, given: Row, name: str) -> Row:
        """Return a page of what an order has, by its ids alone."""
        order = self._found(given["id"]) or {name: []}
        rows = [{"id": row["id"]} for row in order[name]]
        return {"order": {name: page(rows, given.get("after"), self.nested)}}

    def _part_ids(self, given: Row) -> Row:
        order = self._found(given["id"]) or {"fulfillments": [], "refunds": []}
        return {
            "order": {
                name: [{"id": row["id"]} for row in order[name]]
                for name in ("fulfillments", "refunds")
            }
        }

    def _answer_part(self, field: str, name: str, lines: str) -> Callable[[Row], Row]:
        def answer(given: Row) -> Row:
            found = next(
                (row for row, _o in self._parts(name) if row["id"] == given["id"]), None
            )
            if found is None:
                return {field: None}
            rows = page(found[lines], given.get("after"), self.nested)
            return {field: {**found, lines: rows}}

        return answer

    def _parts(self, name: str) -> Iterator[tuple[Row, Row]]:
        """Yield everything of a kind that belongs to an order, and that order."""
        for order in self.books.orders.values():
            if name == "reverseFulfillmentOrders":
                rows = [row for back in order["returns"] for row in back[name]]
            else:
                rows = order[name]
            for row in rows:
                yield row, order

    def _owner(self, given: Row) -> Row:
        """Return the order of whatever belongs to one."""
        for name in (
            "fulfillmentOrders",
            "fulfillments",
            "refunds",
            "returns",
            "reverseFulfillmentOrders",
        ):
            for row, order in self._parts(name):
                if row["id"] == given["id"]:
                    field = "maybe" if name == "reverseFulfillmentOrders" else "order"
                    owner = {"id": order["id"]}
                    return {"node": {"id": row["id"], field: owner}}
        return {"node": None}


def _place(order: Row) -> tuple[str, int]:
    return order["updatedAt"], int(order["id"].rsplit("/", 1)[-1])


def _behind(cursor: str) -> tuple[str, int]:
    date, _, wire_id = cursor.partition("|")
    return date, int(wire_id.rsplit("/", 1)[-1])
