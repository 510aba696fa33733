"""A sale at a Shopify shop that keeps its own books, unit by unit.

Every unit has a price of whole cents and a fate, so that what the connector makes of
the rendered order can be held against what really happened. Amounts are in cents.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from enum import Enum
from typing import Any

from ..price import share
from ..strict_json import format_time
from .fake_shopify_reading import dress_order, money

Row = dict[str, Any]
MAIN, SHOP = "7001", "7002"
START = datetime(2026, 11, 20, 9, tzinfo=UTC)


PERSON: Row = {
    "customer": {
        "id": "gid://shopify/Customer/42",
        "firstName": "Ada",
        "lastName": "Lovelace",
    },
    "shippingAddress": {
        "firstName": "Ada",
        "lastName": "Lovelace",
        "company": "Engines",
        "address1": "12 St James's Square",
        "city": "London",
        "zip": "SW1Y 4JH",
        "provinceCode": "ENG",
        "countryCodeV2": "GB",
        "phone": "+44 20 7946 0000",
    },
}


class Fate(Enum):
    """What became of a unit."""

    OPEN = 0
    CANCELLED = 1
    SHIPPED = 2
    REFUNDED = 3
    """After it was shipped."""


@dataclass
class Unit:
    """One piece; ``tax`` comes on top of ``price`` where the shop's prices are net."""

    price: int
    tax: int
    fate: Fate = Fate.OPEN


@dataclass
class SaleLine:
    """One line; ``place`` is the location that Shopify assigned."""

    id: str
    unit_price: int
    discount: int
    units: list[Unit]
    place: str = MAIN
    extra: Row = field(default_factory=dict)

    def count(self, *fates: Fate) -> int:
        """Return how many units have one of these fates."""
        return sum(unit.fate in fates for unit in self.units)

    def take(self, fate: Fate, number: int, becomes: Fate) -> list[Unit]:
        """Let so many units of a fate meet another one."""
        found = [unit for unit in self.units if unit.fate is fate][:number]
        for unit in found:
            unit.fate = becomes
        return found


def gid(kind: str, number: object) -> str:
    """Return a wire id."""
    return f"gid://shopify/{kind}/{number}"


def cents(amount: int) -> Row:
    """Return a money bag of so many cents."""
    return money(Decimal(amount).scaleb(-2))


class Sale:
    """One order and its history.

    :param lines: (unit price, quantity, discount on the whole line).
    :param rate: tax in percent.
    :param shipping: delivery charge, without its tax where prices are net.
    """

    def __init__(
        self,
        lines: Sequence[tuple[int, int, int]],
        inclusive: bool = True,
        rate: int = 20,
        shipping: int = 490,
        number: int = 1001,
    ) -> None:
        self.inclusive, self.rate = inclusive, rate
        self.number = number
        self.moment = START
        self.last_id = 100
        self.lines = [self._line(i, *line) for i, line in enumerate(lines, 1)]
        self.shipping, self.shipping_refunded = shipping, 0
        self.parcels: list[Row] = []
        self.refunds: list[Row] = []
        self.returns: list[Row] = []
        self.cancelled_at: str | None = None
        self.shows_places = True
        self.extra: Row = {}

    def _line(self, index: int, price: int, quantity: int, discount: int) -> SaleLine:
        keys = {str(unit): Decimal(1) for unit in range(quantity)}
        nets = share(Decimal(price * quantity - discount), keys, Decimal(1))
        whole = sum(nets.values())
        tax = 0 if self.inclusive else round(whole * self.rate / 100)
        taxes = share(Decimal(tax), keys, Decimal(1))
        units = [Unit(int(nets[key]), int(taxes[key])) for key in keys]
        return SaleLine(f"{self.number}{index}", price, discount, units)

    # ----------------------------------------------------------------- history

    def next_id(self) -> int:
        """Return a number nobody has."""
        self.last_id += 1
        return self.last_id

    def now(self) -> str:
        """Return a moment later than every one before."""
        self.moment += timedelta(seconds=7)
        return format_time(self.moment)

    def ship(self, index: int, number: int, place: str | None = None) -> None:
        """Send units of a line."""
        line = self.lines[index]
        number = len(line.take(Fate.OPEN, number, Fate.SHIPPED))
        if number:
            part = {
                "id": gid("FulfillmentLineItem", self.next_id()),
                "quantity": number,
                "lineItem": {"id": gid("LineItem", line.id)},
            }
            self.parcels.append(
                {
                    "id": gid("Fulfillment", self.next_id()),
                    "status": "SUCCESS",
                    "updatedAt": self.now(),
                    "location": {"id": gid("Location", place or line.place)},
                    "fulfillmentLineItems": [part],
                }
            )

    def cancel(self, index: int, number: int, kind: str = "CANCEL") -> None:
        """Refund units that have not left."""
        units = self.lines[index].take(Fate.OPEN, number, Fate.CANCELLED)
        self._refund([(index, units, kind)])

    def remove(self, index: int, number: int) -> None:
        """Take units off by an edit of an order that was not paid yet."""
        self.lines[index].take(Fate.OPEN, number, Fate.CANCELLED)

    def refund(self, index: int, number: int, kind: str = "RETURN") -> None:
        """Refund units that have left, without a return."""
        units = self.lines[index].take(Fate.SHIPPED, number, Fate.REFUNDED)
        self._refund([(index, units, kind)])

    def refund_shipping(self, amount: int) -> None:
        """Pay part of the delivery charge back."""
        amount = min(amount, self.shipping - self.shipping_refunded)
        self.shipping_refunded += amount
        self._refund([], shipping=amount)

    def _refund(
        self,
        parts: Sequence[tuple[int, Sequence[Unit], str]],
        shipping: int = 0,
        return_id: str | None = None,
    ) -> None:
        rows, whole = [], shipping + self._tax(shipping)
        for index, units, kind in parts:
            price = sum(unit.price for unit in units)
            tax = sum(unit.tax for unit in units)
            whole += price + tax
            if units:
                place = None if kind == "NO_RESTOCK" else {"id": gid("Location", MAIN)}
                line = {"id": gid("LineItem", self.lines[index].id)}
                rows.append(
                    {
                        "id": gid("RefundLineItem", self.next_id()),
                        "quantity": len(units),
                        "restockType": kind,
                        "location": place,
                        "lineItem": line,
                        "subtotalSet": cents(price),
                        "totalTaxSet": cents(tax),
                    }
                )
        if not rows and not shipping:
            return
        now = self.now()
        self.refunds.append(
            {
                "id": gid("Refund", self.next_id()),
                "createdAt": now,
                "updatedAt": now,
                "return": {"id": return_id} if return_id else None,
                "totalRefundedSet": cents(whole),
                "refundLineItems": rows,
                "refundShippingLines": {"nodes": self._charge_refund(shipping)},
            }
        )

    def _charge_refund(self, shipping: int) -> list[Row]:
        row = {
            "id": gid("RefundShippingLine", self.next_id()),
            "subtotalAmountSet": cents(shipping),
            "taxAmountSet": cents(self._tax(shipping)),
        }
        return [row] if shipping else []

    def _tax(self, amount: int) -> int:
        return 0 if self.inclusive else round(amount * self.rate / 100)

    def announce(self, index: int, number: int) -> Row:
        """Open a return of shipped units."""
        line = self.lines[index]
        shipped = {
            "id": gid("FulfillmentLineItem", self.next_id()),
            "lineItem": {"id": gid("LineItem", line.id)},
        }
        back = {
            "id": gid("Return", self.next_id()),
            "name": f"#{self.number}-R{len(self.returns) + 1}",
            "status": "OPEN",
            "createdAt": self.now(),
            "closedAt": None,
            "requestApprovedAt": self.now(),
            "returnLineItems": [
                {
                    "id": gid("ReturnLineItem", self.next_id()),
                    "quantity": number,
                    "processedQuantity": 0,
                    "fulfillmentLineItem": shipped,
                }
            ],
            "reverseFulfillmentOrders": [
                {
                    "id": gid("ReverseFulfillmentOrder", self.next_id()),
                    "status": "OPEN",
                    "lineItems": [
                        {
                            "id": gid("ReverseFulfillmentOrderLineItem", 1),
                            "totalQuantity": number,
                            "fulfillmentLineItem": shipped,
                            "dispositions": [],
                        }
                    ],
                }
            ],
        }
        self.returns.append(back)
        return back

    def dispose(self, back: Row, kind: str, number: int, place: str = MAIN) -> None:
        """Say what became of units of a return."""
        [reverse] = back["reverseFulfillmentOrders"]
        reverse["lineItems"][0]["dispositions"].append(
            {
                "id": gid("ReverseFulfillmentOrderDisposition", self.next_id()),
                "type": kind,
                "quantity": number,
                "createdAt": self.now(),
                "location": {"id": gid("Location", place)},
            }
        )

    def refund_return(self, back: Row, index: int, number: int, kind: str) -> None:
        """Refund units of a return."""
        units = self.lines[index].take(Fate.SHIPPED, number, Fate.REFUNDED)
        self._refund([(index, units, kind)], return_id=back["id"])

    def cancel_all(self) -> None:
        """Cancel what has not left."""
        parts = [
            (i, line.take(Fate.OPEN, len(line.units), Fate.CANCELLED), "CANCEL")
            for i, line in enumerate(self.lines)
        ]
        self._refund(parts)
        self.cancelled_at = self.now()

    # ------------------------------------------------------------------ truth

    def left_over(self, *without: Fate) -> int:
        """Return what all units but those of some fates cost, delivery included."""
        kept = [
            unit
            for line in self.lines
            for unit in line.units
            if unit.fate not in without
        ]
        goods = sum(unit.price + unit.tax for unit in kept)
        return goods + self.shipping + self._tax(self.shipping)

    # ----------------------------------------------------------------- render

    def order(self) -> Row:
        """Return the order as Shopify's own row, connections as plain lists."""
        now = self.now()
        left = self.left_over(Fate.CANCELLED, Fate.REFUNDED)
        left -= self.shipping_refunded + self._tax(self.shipping_refunded)
        order: Row = {
            "id": gid("Order", self.number),
            "name": f"#{self.number}",
            "createdAt": format_time(START),
            "updatedAt": now,
            "cancelledAt": self.cancelled_at,
            "test": False,
            "displayFinancialStatus": "PAID",
            "taxesIncluded": self.inclusive,
            "email": "ada@example.com",
            **PERSON,
            "billingAddress": None,
            "currentTotalPriceSet": cents(left),
            "lineItems": [*map(self._line_row, self.lines)],
            "shippingLines": [self._shipping_row()],
            "fulfillmentOrders": [*map(self._place_row, self.lines)]
            if self.shows_places
            else [],
            "fulfillments": self.parcels,
            "refunds": self.refunds,
            "returns": self.returns,
            **self.extra,
        }
        dress_order(order)
        return order

    def _line_row(self, line: SaleLine) -> Row:
        gone = line.count(Fate.CANCELLED, Fate.REFUNDED)
        off = [{"allocatedAmountSet": cents(line.discount)}] if line.discount else []
        return {
            "id": gid("LineItem", line.id),
            "sku": f"SKU-{line.id}",
            "title": "Walnut shelf",
            "quantity": len(line.units),
            "currentQuantity": len(line.units) - gone,
            "requiresShipping": True,
            "originalUnitPriceSet": cents(line.unit_price),
            "discountAllocations": off,
            "taxLines": self._taxes(),
            "variant": {
                "id": gid("ProductVariant", f"9{line.id}"),
                "sku": f"SKU-{line.id}",
                "inventoryItem": {"id": gid("InventoryItem", f"5{line.id}")},
            },
            **line.extra,
        }

    def _taxes(self) -> list[Row]:
        rate = Decimal(self.rate) / 100
        return [{"rate": rate, "priceSet": cents(1)}] if self.rate else []

    def _shipping_row(self) -> Row:
        return {
            "id": gid("ShippingLine", f"{self.number}9"),
            "title": "Standard",
            "code": "standard",
            "discountedPriceSet": cents(self.shipping),
            "currentDiscountedPriceSet": cents(self.shipping - self.shipping_refunded),
            "taxLines": self._taxes(),
        }

    def _place_row(self, line: SaleLine) -> Row:
        open_ = line.count(Fate.OPEN)
        return {
            "id": gid("FulfillmentOrder", f"6{line.id}"),
            "status": "OPEN" if open_ else "CLOSED",
            "updatedAt": format_time(START),
            "assignedLocation": {"location": {"id": gid("Location", line.place)}},
            "lineItems": [
                {
                    "id": gid("FulfillmentOrderLineItem", f"6{line.id}"),
                    "totalQuantity": len(line.units) - line.count(Fate.CANCELLED),
                    "remainingQuantity": open_,
                    "lineItem": {"id": gid("LineItem", line.id)},
                }
            ],
        }
