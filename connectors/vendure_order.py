"""Read a stored Vendure order: prices and quantities as the hub means them. No I/O.

Measured on Vendure 3.7.3, whose order has no word for what came back: a line's
``quantity`` falls when units are cancelled, before they left or after, and its totals
are those of what is left. Here that is turned back into what was ordered, what will
never ship and what came back:

* ordered is the most that is known, ``orderPlacedQuantity`` or what is left;
* came back is what has left beyond what is left of the line: the open units of a line
  are always cancelled first;
* a line of which nothing is left has lost its discounts, too; what they were is the
  difference to what was paid.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from decimal import Decimal

from .data import (
    Address,
    ChargeKind,
    Customer,
    Disposition,
    OrderLine,
    OrderSnapshot,
    PaymentStatus,
    ReturnLine,
    ReturnSnapshot,
    ReturnStatus,
    ShippingLine,
)
from .price import round_to
from .stored_body import FINEST
from .strict_json import Node
from .vendure_payload import MAX_LINES, moments, version_of

_ZERO = Decimal(0)
_ONE = Decimal(1)
_NOT_GONE = ("Created", "Cancelled")
"""States of a fulfilment that took nothing off the stock."""
_MONEY_IS_HERE = ("Authorized", "Settled")


@dataclass(frozen=True, kw_only=True)
class Line:
    """One line of the order, in whole units and major units of money.

    :param Decimal left: ordered and neither cancelled nor returned.
    :param Decimal price: of one unit before discounts, ``after`` them; with or
        without tax, as the order's prices are.
    :param Decimal tax: the part that is added to it.
    :param Decimal total: what is asked for what is left, with tax.
    """

    node: Node
    ordered: Decimal
    left: Decimal
    fulfilled: Decimal
    price: Decimal
    after: Decimal
    tax: Decimal
    total: Decimal

    @property
    def gross(self) -> Decimal:
        """What the customer pays for one unit."""
        return self.after * (1 + self.tax)

    @property
    def id(self) -> str:
        """Vendure's id of the line."""
        return self.node.identifier("id")

    @property
    def returned(self) -> Decimal:
        """How many have left and come back."""
        return max(self.fulfilled - self.left, _ZERO)

    @property
    def is_cancelled(self) -> bool:
        """Whether none of it has left and none will."""
        return not self.left and not self.returned


class Reader:
    """One stored body.

    :raise BadPayload: naming the path that cannot be understood.
    """

    def __init__(self, root: Node) -> None:
        self._root = root
        self._order = root.child("order")
        digits = root.integer("precision")
        if digits > 6:
            root.refuse("must not be more than 6", "precision")
        self._step = _ONE.scaleb(-digits)
        self._nodes = self._order.items("lines", MAX_LINES, required=False)
        self._inclusive = self._prices_include_tax()
        self._fulfilled = self._count_fulfilled()
        self.lines = self._with_lost_discounts([self._line(n) for n in self._nodes])

    # ------------------------------------------------------------------- events

    def order(self) -> OrderSnapshot:
        """Return the snapshot of the order."""
        order = self._order
        gone = sum((line.fulfilled for line in self.lines), _ZERO)
        return OrderSnapshot(
            id=order.identifier("id"),
            version=version_of(self._root),
            updated_at=max(moments(self._root)),
            placed_at=order.time("orderPlacedAt"),
            # What has left is not cancelled: it came back.
            cancelled=order.text("state") == "Cancelled" and not gone,
            currency=order.identifier("currencyCode"),
            prices_include_tax=self._inclusive,
            customer=_customer(order),
            shipping_address=_address(order.optional_child("shippingAddress")),
            billing_address=_address(order.optional_child("billingAddress")),
            lines=tuple(self._told(line) for line in self.lines),
            shipping=(*self._shipping(), *self._surcharges()),
            total=self._total(),
            payment_status=self._payment_status(),
            payment_reference=self._payment_reference(),
            name=order.text("code"),
        )

    def returned(self) -> list[ReturnSnapshot]:
        """Return what came back, as one return that grows; none where nothing did.

        Vendure has put the goods back on its number, at the locations they left from.
        """
        lines = tuple(
            ReturnLine(
                order_line_id=line.id,
                quantity=line.returned,
                disposition=Disposition.RESTOCK,
                restocked=line.returned,
            )
            for line in self.lines
            if line.returned
        )
        if not lines:
            return []
        order_id = self._order.identifier("id")
        name = self._order.text("code") or order_id
        return [
            ReturnSnapshot(
                id=f"{name}-R",
                order_id=order_id,
                version=version_of(self._root),
                updated_at=max(moments(self._root)),
                status=ReturnStatus.RECEIVED,
                lines=lines,
                refund_amount=self._refunded({line.order_line_id for line in lines}),
            )
        ]

    # -------------------------------------------------------------------- lines

    def _count_fulfilled(self) -> dict[str, Decimal]:
        result: dict[str, Decimal] = {}
        for parcel in self._order.items("fulfillments", MAX_LINES, required=False):
            if parcel.text("state") in _NOT_GONE:
                continue
            for row in parcel.items("lines", MAX_LINES, required=False):
                line_id = row.identifier("orderLineId")
                result[line_id] = result.get(line_id, _ZERO) + row.amount("quantity")
        return result

    def _line(self, node: Node) -> Line:
        left = node.amount("quantity")
        ordered = max(left, node.amount("orderPlacedQuantity"))
        fulfilled = self._fulfilled.get(node.identifier("id"), _ZERO)
        tax = _ZERO if self._inclusive else node.amount("taxRate") / 100
        suffix = "WithTax" if self._inclusive else ""
        count, kind = (left, "Line") if left else (_ONE, "Unit")
        after = self._money(node, f"prorated{kind}Price{suffix}")
        asked = self._money(node, f"prorated{kind}PriceWithTax")
        if self._rounded(after * (1 + tax)) != asked:
            # A discount left parts of a coin that only the tax shows.
            after = asked / (1 + tax)
        return Line(
            node=node,
            # A line that was added later and is gone again was once what has left.
            ordered=max(ordered, fulfilled),
            left=left,
            fulfilled=fulfilled,
            price=self._money(node, f"unitPrice{suffix}"),
            after=after / count,
            tax=tax,
            total=self._money(node, "proratedLinePriceWithTax"),
        )

    def _told(self, line: Line) -> OrderLine:
        variant = line.node.child("productVariant")
        return OrderLine(
            id=line.id,
            sku=variant.text("sku"),
            item_id=variant.identifier("id"),
            title=variant.text("name", 1000)[:255],
            quantity=line.ordered,
            cancelled_quantity=line.ordered - line.left - line.returned,
            fulfilled_quantity=line.fulfilled,
            unit_price=line.price,
            discount=((line.price - line.after) * line.ordered).quantize(FINEST),
            tax_rate=line.node.amount("taxRate"),
        )

    def _prices_include_tax(self) -> bool:
        """Return in which regime the prices were entered.

        The channel says how it is today; an order of another channel, or from before
        the setting was changed, shows by its own roundness how it was then.
        """
        says = bool(self._root.boolean("inclusive"))
        exact = {
            regime: all(
                node.money(f"unitPrice{suffix}") * node.amount("quantity")
                == node.money(f"linePrice{suffix}")
                for node in self._nodes
            )
            for regime, suffix in ((True, "WithTax"), (False, ""))
        }
        return says if exact[says] or not exact[not says] else not says

    def _with_lost_discounts(self, lines: list[Line]) -> list[Line]:
        """Give back to lines that came back whole what had been off them.

        Vendure prorates discounts to what is left of a line: of nothing, nothing. They
        are what was ordered less what was paid, unless the order was modified.
        """
        bare = [line for line in lines if not line.left and line.returned]
        modified = self._order.items("modifications", MAX_LINES, required=False)
        if not bare or modified or any(line.is_cancelled for line in lines):
            return lines
        paid = sum(
            (
                self._money(payment, "amount")
                for payment in self._payments()
                if payment.text("state") in _MONEY_IS_HERE
            ),
            _ZERO,
        )
        known = sum((self._rounded(line.gross * line.ordered) for line in lines), _ZERO)
        lost = known + self._charged() - paid
        weight = sum((line.gross * line.ordered for line in bare), _ZERO)
        if not 0 < lost <= weight:
            return lines
        part = 1 - lost / weight
        return [
            replace(line, after=line.after * part) if line in bare else line
            for line in lines
        ]

    # ------------------------------------------------------------------ charges

    def _shipping(self) -> Sequence[ShippingLine]:
        found = []
        for node in self._order.items("shippingLines", MAX_LINES, required=False):
            method = node.child("shippingMethod")
            net = self._money(node, "discountedPrice")
            gross = self._money(node, "discountedPriceWithTax")
            found.append(
                ShippingLine(
                    id=node.identifier("id"),
                    title=method.text("name", 1000)[:255],
                    code=method.text("code"),
                    amount=gross if self._inclusive else self._rounded(net),
                    tax_rate=self._shipping_rate(net, gross),
                )
            )
        return found

    def _shipping_rate(self, net: Decimal, gross: Decimal) -> Decimal | None:
        """Return which of the order's tax rates fits; Vendure does not say it.

        Amounts without tax may be rounded, so the one that comes nearest within a coin.
        """
        rates = {
            node.amount("taxRate")
            for node in self._order.items("taxSummary", 100, required=False)
        }
        misses = {rate: abs(net * (1 + rate / 100) - gross) for rate in sorted(rates)}
        best = min(misses, key=lambda rate: misses[rate], default=None)
        if best is None or misses[best] > 2 * self._step:
            return None if net != gross else _ZERO
        return best

    def _surcharges(self) -> Sequence[ShippingLine]:
        name = "priceWithTax" if self._inclusive else "price"
        return [
            ShippingLine(
                id=f"surcharge-{node.identifier('id')}",
                title=node.text("description", 1000)[:255],
                code=node.text("sku"),
                amount=self._money(node, name),
                tax_rate=node.amount("taxRate"),
                kind=ChargeKind.FEE,
            )
            for node in self._order.items("surcharges", MAX_LINES, required=False)
        ]

    def _charged(self) -> Decimal:
        """Return what was charged beside the goods when the order was placed."""
        total = _ZERO
        for node in self._order.items("surcharges", MAX_LINES, required=False):
            total += self._money(node, "priceWithTax")
        for node in self._order.items("shippingLines", MAX_LINES, required=False):
            total += self._money(node, "discountedPriceWithTax")
            for off in node.items("discounts", MAX_LINES, required=False):
                if off.text("adjustmentSource") == "CANCEL_ORDER":
                    total -= self._money(off, "amountWithTax")
        return total

    def _total(self) -> Decimal:
        """Return what the customer pays; what came back is paid and refunded apart."""
        total = self._money(self._order, "totalWithTax")
        for line in self.lines:
            if line.returned:
                stays = line.left + line.returned
                total += self._rounded(line.gross * stays) - line.total
        return total

    # ----------------------------------------------------------------- payments

    def _payments(self) -> list[Node]:
        return self._order.items("payments", MAX_LINES, required=False)

    def _payment_status(self) -> PaymentStatus:
        sums = {state: _ZERO for state in _MONEY_IS_HERE}
        for payment in self._payments():
            state = payment.text("state")
            if state in sums:
                sums[state] += self._money(payment, "amount")
        settled, due = sums["Settled"], self._money(self._order, "totalWithTax")
        back = self._refunded(None) or _ZERO
        if not settled and not due and self._order.text("state") == "Cancelled":
            return PaymentStatus.UNPAID
        if settled and back >= settled:
            return PaymentStatus.REFUNDED
        if settled - back >= due:
            return PaymentStatus.PAID
        if settled - back + sums["Authorized"] >= due:
            return PaymentStatus.AUTHORIZED
        return PaymentStatus.UNPAID

    def _refunded(self, lines: set[str] | None) -> Decimal | None:
        """Return what went back, of these lines or at all; None when nothing did."""
        amounts = [
            self._money(refund, "total")
            for payment in self._payments()
            for refund in payment.items("refunds", MAX_LINES, required=False)
            if refund.text("state") != "Failed"
            and (
                lines is None
                or any(
                    row.text("orderLineId") in lines
                    for row in refund.items("lines", MAX_LINES, required=False)
                )
            )
        ]
        return sum(amounts, _ZERO) if amounts else None

    def _payment_reference(self) -> str:
        references = [payment.text("transactionId") for payment in self._payments()]
        return next(filter(None, references), "")

    # -------------------------------------------------------------------- money

    def _money(self, node: Node, name: str) -> Decimal:
        return node.money(name) * self._step

    def _rounded(self, amount: Decimal) -> Decimal:
        return round_to(amount, self._step)


def _customer(order: Node) -> Customer:
    node = order.optional_child("customer")
    address = order.optional_child("shippingAddress")
    phones = [address.text("phoneNumber") if address else ""]
    if node is None:
        name = address.text("fullName") if address else ""
        return Customer(name=name, phone=phones[0])
    parts = (node.text("firstName"), node.text("lastName"))
    return Customer(
        id=node.identifier("id"),
        email=node.text("emailAddress"),
        name=" ".join(filter(None, parts)),
        phone=node.text("phoneNumber") or phones[0],
    )


def _address(node: Node | None) -> Address | None:
    """Return an address; Vendure keeps an empty one where nobody entered any."""
    if node is None or not node.text("streetLine1") + node.text("countryCode"):
        return None
    name = (node.text("company"), node.text("fullName"))
    return Address(
        name=", ".join(filter(None, name)),
        street=node.text("streetLine1"),
        street2=node.text("streetLine2"),
        city=node.text("city"),
        zip=node.text("postalCode"),
        state=node.text("province"),
        country=node.text("countryCode").upper(),
    )
