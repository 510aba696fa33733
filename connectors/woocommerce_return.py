"""What WooCommerce's refunds say of quantities: not shipped after all, or come back.

A refund has lines with negative quantities and does not say where the goods are. What
had not left when it was made is cancelled; everything else is expected back. What had
left is known from the shipments that we told the shop of, and from the status
*completed*, which stands for all of an order. No I/O.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from decimal import Decimal

from .data import ReturnLine, ReturnSnapshot, ReturnStatus
from .strict_json import Node
from .woocommerce_client import number
from .woocommerce_payload import (
    MAX_LINES,
    changed_at,
    moment,
    optional_moment,
    shipped_quantities,
    trimmed,
    version_of,
)

_ZERO = Decimal(0)
COMPLETED = "completed"
CLOSED = frozenset({"cancelled", "refunded", "failed", "trash"})
"""Statuses of orders of which nothing more is to leave."""


@dataclass
class Goods:
    """What became of one line's goods.

    :param Decimal told: how many have left by the shipments that we told of.
    """

    ordered: Decimal
    told: Decimal = _ZERO
    cancelled: Decimal = _ZERO
    restocked: Decimal = _ZERO
    """Put back on sale by WooCommerce, of the cancelled and returned ones."""


@dataclass
class Refund:
    """One refund, taken apart.

    :param Decimal amount: paid back for what is no cancellation.
    :param back: how many of each line are expected back.
    """

    id: str
    amount: Decimal
    back: dict[str, Decimal] = field(default_factory=dict)
    cancels: bool = False


class Fate:
    """What became of all goods of an order.

    :param root: a stored body.
    :raise BadPayload: naming the path that cannot be understood.
    """

    def __init__(self, root: Node) -> None:
        order = root.child("order")
        self._order = order
        self.completed_at = _completed_at(order)
        told = shipped_quantities(
            node.value for node in root.items("shipments", MAX_LINES, required=False)
        )
        self.goods = {
            node.identifier("id"): _goods(node, told)
            for node in order.items("line_items", MAX_LINES, required=False)
        }
        nodes = root.items("refunds", MAX_LINES, required=False)
        self.refunds = [self._take(node) for node in sorted(nodes, key=_made_at_and_id)]

    @property
    def has_left(self) -> bool:
        """Tell whether anything of the order has left, by the shop's word or ours."""
        return self.completed_at is not None or any(
            goods.told for goods in self.goods.values()
        )

    def fulfilled(self, line_id: str) -> Decimal:
        """Return how many of a line have left."""
        goods = self.goods[line_id]
        if self.completed_at is None:
            return goods.told
        return goods.ordered - goods.cancelled

    def _take(self, node: Node) -> Refund:
        """Share one refund out between what never left and what comes back."""
        refund = Refund(id=node.identifier("id"), amount=node.amount("amount"))
        is_after = self.completed_at and moment(node, "date_created_gmt") >= (
            self.completed_at
        )
        for line in node.items("line_items", MAX_LINES, required=False):
            line_id = line.identifier("line_id", required=False)
            quantity = abs(_quantity(line))
            goods = self.goods.get(line_id)
            if goods is None or not quantity:
                continue  # an item edited away, or money without goods
            room = _ZERO if is_after else goods.ordered - goods.told - goods.cancelled
            cancelled = min(quantity, max(room, _ZERO))
            if cancelled:
                goods.cancelled += cancelled
                refund.cancels = True
                refund.amount -= _money(line) * cancelled / quantity
            if quantity > cancelled:
                known = refund.back.get(line_id, _ZERO)
                refund.back[line_id] = known + quantity - cancelled
        refund.amount = max(refund.amount, _ZERO)
        return refund


def parse_returns(root: Node, fate: Fate) -> list[ReturnSnapshot]:
    """Return what is expected back, one return per refund.

    A refund that only cancels, or is made while nothing has left, is no return.
    """
    order = root.child("order")
    changed = changed_at(order)
    put_back = _restocked(fate)
    return [
        ReturnSnapshot(
            id=refund.id,
            order_id=order.identifier("id"),
            version=version_of(changed),
            updated_at=changed,
            status=ReturnStatus.ANNOUNCED,
            lines=tuple(
                ReturnLine(
                    order_line_id=line_id,
                    quantity=quantity,
                    restocked=put_back.get((refund.id, line_id), _ZERO),
                )
                for line_id, quantity in refund.back.items()
            ),
            refund_amount=trimmed(refund.amount),
        )
        for refund in fate.refunds
        if fate.has_left and (refund.back or not refund.cancels)
    ]


def _restocked(fate: Fate) -> Mapping[tuple[str, str], Decimal]:
    """Share out what WooCommerce put back on sale; it only keeps a sum per line.

    What was cancelled comes first, then the returns in their order.
    """
    left = {
        line_id: max(goods.restocked - goods.cancelled, _ZERO)
        for line_id, goods in fate.goods.items()
    }
    shares: dict[tuple[str, str], Decimal] = {}
    for refund in fate.refunds:
        for line_id, quantity in refund.back.items():
            share = min(left[line_id], quantity)
            if share:
                shares[refund.id, line_id] = share
                left[line_id] -= share
    return shares


def _completed_at(order: Node) -> datetime | None:
    """Return since when the shop says that everything has left; None while it does not.

    An order that is over keeps the date at which it was completed. One that is opened
    again keeps it, too: there the status counts.
    """
    status = order.text("status")
    if status not in (COMPLETED, *CLOSED):
        return None
    found = optional_moment(order, "date_completed_gmt")
    if found is None and status == COMPLETED:
        # Written past WooCommerce: at no known time, so that all refunds came after.
        return moment(order, "date_created_gmt")
    return found


def _goods(node: Node, told: Mapping[str, Decimal]) -> Goods:
    ordered = node.amount("quantity")
    left = min(told.get(node.identifier("id"), _ZERO), ordered)
    return Goods(
        ordered=ordered,
        told=left,
        restocked=max(number(node.value.get("restocked")) or _ZERO, _ZERO),
    )


def _quantity(node: Node) -> Decimal:
    return node.money("quantity")


def _money(node: Node) -> Decimal:
    """Return what a refund's line pays back, taxes included, as a positive amount."""
    parts = (number(node.value.get(name)) for name in ("total", "total_tax"))
    return abs(sum((amount for amount in parts if amount), _ZERO))


def _made_at_and_id(node: Node) -> tuple[datetime, int, str]:
    refund_id = node.identifier("id")
    return moment(node, "date_created_gmt"), len(refund_id), refund_id
