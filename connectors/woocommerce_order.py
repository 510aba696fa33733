"""Read a stored order of WooCommerce: prices, places and quantities as the hub means
them. No I/O.

WooCommerce keeps net amounts and their taxes apart, per line and before and after
discounts; what a coupon takes off is in the totals already. Where the shop's prices
include tax, both are added up here.
"""

from __future__ import annotations

from collections.abc import Iterable
from decimal import ROUND_HALF_UP, Decimal
from html import unescape

from .data import (
    Address,
    ChargeKind,
    Customer,
    OrderLine,
    OrderSnapshot,
    PaymentStatus,
    ReturnSnapshot,
    ShippingLine,
)
from .strict_json import Node
from .woocommerce_client import number
from .woocommerce_payload import (
    FINEST,
    MAX_LINES,
    changed_at,
    moment,
    optional_moment,
    place,
    trimmed,
    version_of,
)
from .woocommerce_return import COMPLETED, Fate, parse_returns

_ZERO = Decimal(0)
_HUNDRED = Decimal(100)
_PERCENT_STEP = Decimal("0.01")

DRAFTS = frozenset({"checkout-draft", "auto-draft"})
"""Statuses of what is no order yet: a cart at the checkout."""

_OVER = frozenset({"cancelled", "failed"})
_GONE = frozenset({"refunded", "trash"})
"""Over, unless they were completed before."""
_ACCEPTED = frozenset({"processing", COMPLETED})
"""WooCommerce's own words for: to be shipped, and shipped."""


def parse_events(root: Node) -> list[OrderSnapshot | ReturnSnapshot]:
    """Turn a stored body into the order and its returns.

    :raise BadPayload: naming the path that cannot be understood.
    """
    fate = Fate(root)
    return [parse_order(root, fate), *parse_returns(root, fate)]


def parse_order(root: Node, fate: Fate) -> OrderSnapshot:
    """Return the order as the hub means it."""
    order = root.child("order")
    changed = changed_at(order)
    inclusive = order.value.get("prices_include_tax") is True
    rates = _Rates(order)
    customer, billing = _customer(order), _address(place(order, "billing"))
    shown = order.text("number") or order.identifier("id")
    return OrderSnapshot(
        id=order.identifier("id"),
        version=version_of(changed),
        updated_at=changed,
        placed_at=moment(order, "date_created_gmt"),
        cancelled=_is_cancelled(order, fate),
        currency=order.identifier("currency").upper(),
        prices_include_tax=inclusive,
        customer=customer,
        # A shop that ships to the billing address only leaves the other one empty.
        shipping_address=_address(place(order, "shipping")) or billing,
        billing_address=billing,
        lines=_lines(order, rates, inclusive, fate),
        shipping=(
            *_charges(order, "shipping_lines", rates, inclusive),
            *_charges(order, "fee_lines", rates, inclusive),
        ),
        total=_required(order, "total"),
        payment_status=_payment(order),
        payment_reference=order.text("transaction_id"),
        note=order.text("customer_note", 10_000),
        name=f"#{shown}",
    )


def _is_cancelled(order: Node, fate: Fate) -> bool:
    """Tell whether nothing more of the order is to leave.

    What was refunded or put into the bin after it was completed has left; it is no
    cancellation. Unknown statuses are those of plugins, and open.
    """
    status = order.identifier("status")
    return status in _OVER or (status in _GONE and fate.completed_at is None)


def _payment(order: Node) -> PaymentStatus:
    """Return how far the payment is.

    An order that is processed without a date of payment is paid on delivery: the shop
    wants it shipped.
    """
    status = order.text("status")
    if status == "refunded":
        return PaymentStatus.REFUNDED
    if optional_moment(order, "date_paid_gmt"):
        return PaymentStatus.PAID
    return PaymentStatus.AUTHORIZED if status in _ACCEPTED else PaymentStatus.UNPAID


# ----------------------------------------------------------------------- amounts


def _amount(node: Node, name: str) -> Decimal | None:
    """Return an amount, None when absent or empty; PHP writes ``""`` for none.

    :raise BadPayload: when it is something else.
    """
    value = node.value.get(name)
    if value is None or value == "":
        return None
    found = number(value)
    if found is None or abs(found) >= 10**15:
        node.refuse("must be an amount", name)
    return found.quantize(FINEST) if found else _ZERO


def _required(node: Node, name: str) -> Decimal:
    found = _amount(node, name)
    if found is None:
        node.refuse("is missing", name)
    return trimmed(found)


def _sum(node: Node, names: Iterable[str]) -> Decimal:
    return sum((_amount(node, name) or _ZERO for name in names), _ZERO)


class _Rates:
    """The tax rates of an order, by id.

    Older versions do not name the percentage; then it follows from the amounts.
    """

    def __init__(self, order: Node) -> None:
        self._percent: dict[str, Decimal] = {}
        self._compound: set[str] = set()
        for node in order.items("tax_lines", MAX_LINES, required=False):
            rate_id = node.text("rate_id")
            percent = _amount(node, "rate_percent")
            if percent is not None:
                self._percent[rate_id] = percent
            if node.value.get("compound") is True:
                self._compound.add(rate_id)

    def of(self, node: Node) -> Decimal:
        """Return percent on what a line costs; no tax means zero."""
        net, tax = _sum(node, ("total",)), _sum(node, ("total_tax",))
        applied = []
        for entry in node.items("taxes", MAX_LINES, required=False):
            amount = _amount(entry, "total")
            # WooCommerce names rates that do not apply, with an empty amount.
            if amount is not None and (amount or not net):
                applied.append(entry.text("id"))
        if not applied:
            return self._from(net, tax)
        if any(rate not in self._percent for rate in applied):
            return self._from(net, tax)
        simple = [self._percent[rate] for rate in applied if rate not in self._compound]
        factor = 1 + sum(simple, _ZERO) / _HUNDRED
        for rate in applied:
            if rate in self._compound:
                factor *= 1 + self._percent[rate] / _HUNDRED
        return trimmed(((factor - 1) * _HUNDRED).quantize(FINEST))

    def _from(self, net: Decimal, tax: Decimal) -> Decimal:
        if not net or not tax:
            return Decimal("0.00")
        return (tax / net * _HUNDRED).quantize(_PERCENT_STEP, ROUND_HALF_UP)


# ------------------------------------------------------------------------- lines


def _lines(
    order: Node, rates: _Rates, inclusive: bool, fate: Fate
) -> tuple[OrderLine, ...]:
    result = []
    for node in order.items("line_items", MAX_LINES, required=False):
        line_id = node.identifier("id")
        quantity = fate.goods[line_id].ordered
        gross = _before_discount(node, quantity, inclusive)
        paid = _sum(node, ("total", "total_tax") if inclusive else ("total",))
        title = unescape(node.text("name", 2000))[:255]
        # A plugin that adds to a line leaves its price before discounts below.
        gross = max(gross, paid)
        price = (gross / quantity).quantize(FINEST) if quantity else gross
        item_id = _item_id(node)
        result.append(
            OrderLine(
                id=line_id,
                # A product deleted since has neither; its name says what to map.
                sku=node.text("sku") or ("" if item_id else title[:100]),
                item_id=item_id,
                quantity=quantity,
                cancelled_quantity=fate.goods[line_id].cancelled,
                fulfilled_quantity=fate.fulfilled(line_id),
                unit_price=trimmed(price),
                discount=trimmed(gross - paid),
                tax_rate=rates.of(node),
                title=title,
            )
        )
    return tuple(result)


def _before_discount(node: Node, quantity: Decimal, inclusive: bool) -> Decimal:
    """Return what a line cost before coupons, in the order's own tax regime."""
    if _amount(node, "subtotal") is None:
        price = _amount(node, "price")
        if price is None:
            return _sum(node, ("total", "total_tax") if inclusive else ("total",))
        tax = _sum(node, ("subtotal_tax",)) if inclusive else _ZERO
        return price * quantity + tax
    return _sum(node, ("subtotal", "subtotal_tax") if inclusive else ("subtotal",))


def _item_id(node: Node) -> str:
    """Return what is sold as listings name it: a product, or parent and variation."""
    product = node.text("product_id")
    variation = node.text("variation_id")
    if product in ("", "0"):
        return ""
    return product if variation in ("", "0") else f"{product}/{variation}"


def _charges(
    order: Node, name: str, rates: _Rates, inclusive: bool
) -> list[ShippingLine]:
    """Return delivery charges, or fees; a negative fee is something given."""
    is_fee = name == "fee_lines"
    result = []
    for node in order.items(name, MAX_LINES, required=False):
        title = node.text("name" if is_fee else "method_title", 2000)
        result.append(
            ShippingLine(
                id=node.identifier("id"),
                title=unescape(title)[:255],
                amount=trimmed(
                    _sum(node, ("total", "total_tax") if inclusive else ("total",))
                ),
                tax_rate=rates.of(node),
                kind=ChargeKind.FEE if is_fee else ChargeKind.SHIPPING,
                code="" if is_fee else node.text("method_id"),
            )
        )
    return result


# ------------------------------------------------------------------------ person


def _customer(order: Node) -> Customer:
    billing, shipping = place(order, "billing"), place(order, "shipping")
    known = [node for node in (billing, shipping) if node is not None]
    names = [_person(node) for node in known]
    phones = [node.text("phone") for node in known]
    return Customer(
        id=order.text("customer_id"),
        email=billing.text("email") if billing else "",
        name=next(filter(None, names), ""),
        phone=next(filter(None, phones), ""),
    )


def _person(node: Node) -> str:
    return " ".join(filter(None, (node.text("first_name"), node.text("last_name"))))


def _address(node: Node | None) -> Address | None:
    """Return an address, None for one in which nothing but a country stands."""
    if node is None:
        return None
    country = node.text("country").upper()
    # Some countries' states carry the country's code: DE-BE, JP13.
    state = node.text("state").removeprefix(f"{country}-")
    state = state.removeprefix("JP") if country == "JP" else state
    address = Address(
        name=", ".join(filter(None, (node.text("company"), _person(node)))),
        street=node.text("address_1"),
        street2=node.text("address_2"),
        city=node.text("city"),
        zip=node.text("postcode"),
        state=state,
        country=country,
    )
    told = (address.name, address.street, address.city, address.zip)
    return address if any(told) else None
