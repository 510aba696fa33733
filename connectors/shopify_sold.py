"""How many of each line of a Shopify order are wanted, gone and back. Pure.

Shopify tells ``quantity`` (ordered, everything included) and ``currentQuantity`` (what
is neither refunded nor removed). What is missing between the two was either cancelled
before it shipped or refunded after: the first releases stock, the second does not. A
refund says which by its restock type, but NO_RESTOCK is used for both, and units that
an edit removes may come without any refund. So three witnesses are heard:

* bounds that hold always: never more cancelled than missing, nor than not shipped;
  never fewer than are missing beyond what has shipped;
* the fulfilment orders: what is neither shipped nor still to be shipped is cancelled;
* where they are not to be seen, the restock types, and in doubt cancelled: a unit that
  was refunded and has not left must not leave.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from decimal import ROUND_HALF_UP, Decimal

from .shopify_payload import MAX_LINES
from .strict_json import Node

ZERO = Decimal(0)
FINEST = Decimal("1E-10")

_NO_DECIMALS = frozenset(
    "BIF CLP DJF GNF ISK JPY KMF KRW PYG RWF UGX UYI VND VUV XAF XOF XPF".split()
)
_THREE_DECIMALS = frozenset("BHD IQD JOD KWD LYD OMR TND".split())

_MOST = 1_000_000_000
"""Units of anything: as many as Shopify counts in stock."""

_SHIPPED = "SUCCESS"
_OVER = ("CLOSED", "CANCELLED")
_RETURN, _CANCEL, _LEGACY = "RETURN", "CANCEL", "LEGACY_RESTOCK"
_PREFERENCE = (_RETURN, "NO_RESTOCK", _LEGACY, _CANCEL)
"""Which refunds are those of shipped units, the likeliest first."""


@dataclass(frozen=True, kw_only=True)
class RefundedLine:
    """A line of a refund.

    :param str return_id: the return that the refund belongs to, if any.
    :param Decimal price: what it was worth, in the order's own tax regime.
    :param Decimal amount: the same, with taxes.
    """

    refund_id: str
    return_id: str
    line_id: str
    quantity: Decimal
    restock: str
    location_id: str
    price: Decimal
    amount: Decimal

    @property
    def is_restocked(self) -> bool:
        """Whether Shopify put the units back on its own number."""
        return self.restock in (_RETURN, _CANCEL, _LEGACY)


@dataclass(frozen=True, kw_only=True)
class SoldLine:
    """One line, its quantities told apart.

    :param Decimal discount: amount off the whole of ``quantity``.
    :param Decimal returned: refunded after they were shipped; not cancelled.
    :param refunds: every refunded part of it, and how many of that are ``returned``.
    """

    id: str
    node: Node
    quantity: Decimal
    cancelled: Decimal
    fulfilled: Decimal
    returned: Decimal
    unit_price: Decimal
    discount: Decimal
    refunds: tuple[tuple[RefundedLine, Decimal], ...] = ()

    @property
    def wanted(self) -> Decimal:
        """Return how many are left of the order, those that came back included."""
        return self.quantity - self.cancelled

    @property
    def kept_price(self) -> Decimal:
        """Return what the wanted ones cost, discounts off, in the order's regime."""
        if not self.quantity:
            return ZERO
        off = self.discount * self.wanted / self.quantity
        return self.unit_price * self.wanted - off


def step_of(currency: str) -> Decimal:
    """Return the smallest coin of a currency (ISO 4217), as Shopify counts it."""
    if currency in _NO_DECIMALS:
        return Decimal(1)
    return Decimal("0.001") if currency in _THREE_DECIMALS else Decimal("0.01")


def money_of(node: Node, name: str) -> Decimal:
    """Return an amount in the customer's currency that must be there."""
    return node.child(name).child("presentmentMoney").money("amount")


def optional_money(node: Node, name: str) -> Decimal:
    """Return an amount in the customer's currency, zero when absent."""
    return ZERO if node.optional_child(name) is None else money_of(node, name)


def ref(node: Node, name: str) -> str:
    """Return the id of an object inside a node, empty when it is not there."""
    found = node.optional_child(name)
    return "" if found is None else found.identifier("id")


def count(node: Node, name: str) -> Decimal:
    """Return a quantity, which is a whole number at Shopify."""
    value = node.integer(name)
    if value > _MOST:
        node.refuse(f"must not be more than {_MOST}", name)
    return Decimal(value)


def tax_rate(node: Node) -> Decimal:
    """Return percent; no tax line means no tax, Shopify always says.

    A tax that came to nothing although there was something to tax is an exemption.
    """
    rates = ZERO
    for line in node.items("taxLines", MAX_LINES, False):
        if optional_money(line, "priceSet"):
            rates += _rate(line)
    return (100 * rates).quantize(Decimal("1E-6")).normalize() + ZERO


def _rate(line: Node) -> Decimal:
    value = line.value.get("rate")
    if isinstance(value, int):
        # Nothing, or as much again: whole numbers are not written as decimals.
        return Decimal(line.integer("rate"))
    return line.optional_amount("rate") or ZERO


def sold_lines(order: Node) -> dict[str, SoldLine]:
    """Return every line of a stored order by its id.

    :raise BadPayload: naming the path that cannot be understood.
    """
    shipped = _shipped(order)
    open_ = _open(order)
    whole = order.text("cancelledAt") != ""
    nodes = order.items("lineItems", MAX_LINES)
    refunded = _refunded(order, {node.identifier("id"): node for node in nodes})
    step = step_of(order.identifier("presentmentCurrencyCode").upper())
    found: dict[str, SoldLine] = {}
    for node in nodes:
        line_id = node.identifier("id")
        if line_id in found:
            node.refuse("must not come twice", "id")
        refunds = refunded.get(line_id, [])
        quantity = count(node, "quantity")
        fulfilled = min(shipped.get(line_id, ZERO), quantity)
        gone = max(quantity - count(node, "currentQuantity"), ZERO)
        cancelled = (
            quantity - fulfilled
            if whole
            else _cancelled(quantity, gone, fulfilled, refunds, open_.get(line_id))
        )
        returned = max(gone - cancelled, ZERO)
        told = _told(refunds, returned)
        found[line_id] = SoldLine(
            id=line_id,
            node=node,
            quantity=quantity,
            cancelled=cancelled,
            fulfilled=fulfilled,
            returned=returned,
            unit_price=money_of(node, "originalUnitPriceSet"),
            discount=_discount(node, quantity, cancelled, told, step),
            refunds=told,
        )
    return found


def _cancelled(
    quantity: Decimal,
    gone: Decimal,
    fulfilled: Decimal,
    refunds: Sequence[RefundedLine],
    still_open: Decimal | None,
) -> Decimal:
    """Return how many of the missing units never shipped and never will."""
    most = min(gone, quantity - fulfilled)
    least = max(gone - fulfilled, ZERO)
    if still_open is not None:
        guess = quantity - fulfilled - still_open
    else:
        back = (r.quantity for r in refunds if r.return_id or r.restock == _RETURN)
        guess = gone - sum(back, ZERO)
    return max(least, min(guess, most))


def _told(
    refunds: Iterable[RefundedLine], returned: Decimal
) -> tuple[tuple[RefundedLine, Decimal], ...]:
    """Say of each refunded part how many of the returned units are in it."""
    result = []
    for line in sorted(refunds, key=_likeliness):
        taken = min(line.quantity, returned)
        result.append((line, taken))
        returned -= taken
    return tuple(result)


def _likeliness(line: RefundedLine) -> tuple[bool, int]:
    known = line.restock in _PREFERENCE
    return not line.return_id, _PREFERENCE.index(line.restock) if known else 1


def _discount(
    node: Node,
    quantity: Decimal,
    cancelled: Decimal,
    refunds: Sequence[tuple[RefundedLine, Decimal]],
    step: Decimal,
) -> Decimal:
    """Return the amount off the whole line.

    What Shopify allocates is off everything ever ordered. Of it, what was cancelled
    takes its share, rounded by Shopify; a discount of 10.00 on three units leaves
    6.66 or 6.67 on two. The refunds say which: what they took is exact.
    """
    given = _allocated(node)
    wanted = quantity - cancelled
    if not given or not cancelled or not wanted:
        return given
    gone = [(line, line.quantity - taken) for line, taken in refunds]
    if sum((number for _line, number in gone), ZERO) != cancelled:
        return given
    price = money_of(node, "originalUnitPriceSet")
    removed = sum((line.price * n / line.quantity for line, n in gone), ZERO)
    exact = given - (price * cancelled - removed)
    if abs(exact - given * wanted / quantity) >= step * (cancelled + 1):
        # Refunded at another price: that says nothing about the rounding.
        return given
    return (exact * quantity / wanted).quantize(FINEST, ROUND_HALF_UP)


def _shipped(order: Node) -> dict[str, Decimal]:
    """Return per line how many units have left."""
    found: dict[str, Decimal] = {}
    for parcel in order.items("fulfillments", MAX_LINES, False):
        if parcel.text("status") != _SHIPPED:
            continue
        for line in parcel.items("fulfillmentLineItems", MAX_LINES, False):
            line_id = ref(line, "lineItem")
            found[line_id] = found.get(line_id, ZERO) + count(line, "quantity")
    return found


def _open(order: Node) -> dict[str, Decimal]:
    """Return per line how many units are to be shipped, for those that are told."""
    found: dict[str, Decimal] = {}
    for place in order.items("fulfillmentOrders", MAX_LINES, False):
        is_over = place.text("status") in _OVER
        for line in place.items("lineItems", MAX_LINES, False):
            line_id = ref(line, "lineItem")
            left = ZERO if is_over else count(line, "remainingQuantity")
            found[line_id] = found.get(line_id, ZERO) + left
    return found


def _refunded(order: Node, sold: dict[str, Node]) -> dict[str, list[RefundedLine]]:
    """Return what was refunded of each line."""
    inclusive = order.boolean("taxesIncluded")
    found: dict[str, list[RefundedLine]] = {}
    for refund in order.items("refunds", MAX_LINES, False):
        for line in refund.items("refundLineItems", MAX_LINES, False):
            line_id = ref(line, "lineItem")
            quantity = count(line, "quantity")
            if not quantity:
                continue
            tax = optional_money(line, "totalTaxSet")
            price = optional_money(line, "subtotalSet")
            if inclusive and line_id in sold:
                price = _with_tax(sold[line_id], quantity, price, tax)
            found.setdefault(line_id, []).append(
                RefundedLine(
                    refund_id=refund.identifier("id"),
                    return_id=ref(refund, "return"),
                    line_id=line_id,
                    quantity=quantity,
                    restock=line.text("restockType"),
                    location_id=ref(line, "location"),
                    price=price,
                    amount=price if inclusive else price + tax,
                )
            )
    return found


def _with_tax(node: Node, quantity: Decimal, price: Decimal, tax: Decimal) -> Decimal:
    """Return a refunded price with the tax in it, as the order's other prices are.

    Shopify does not say whether a refund's subtotal has it; the line's price does.
    """
    whole = count(node, "quantity")
    expected = money_of(node, "originalUnitPriceSet") * quantity
    expected -= _allocated(node) * quantity / whole if whole else ZERO
    return min((price, price + tax), key=lambda found: abs(found - expected))


def _allocated(node: Node) -> Decimal:
    """Return what every discount, of the line and of the order, takes off a line."""
    found = (
        optional_money(allocation, "allocatedAmountSet")
        for allocation in node.items("discountAllocations", MAX_LINES, False)
    )
    return sum(found, ZERO)
