"""Read the returns and refunds stored with a Shopify order. No I/O.

Shopify has two ways for goods to come back. A *return* is announced, received line by
line, and each unit gets a disposition; RESTOCKED ones raise Shopify's own number at the
disposition's location. A *refund* of shipped goods without a return is only ever told
afterwards, with a restock type per line. A refund that belongs to a return is money of
that return, and its goods are the return's.

Money that was paid back for goods that shipped and were not put back anywhere, or for
nothing in particular, becomes a return without lines: finance has to know of it, and
the warehouse has nothing to expect.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from decimal import Decimal

from .data import Disposition, ReturnLine, ReturnSnapshot, ReturnStatus
from .shopify_order import is_charge
from .shopify_payload import MAX_LINES, return_dates, version_of
from .shopify_sold import (
    ZERO,
    SoldLine,
    count,
    optional_money,
    ref,
    sold_lines,
)
from .strict_json import Node

_STATUS = {
    "OPEN": ReturnStatus.ANNOUNCED,
    "CLOSED": ReturnStatus.RECEIVED,
    "CANCELED": ReturnStatus.CANCELLED,
}
"""Left out: REQUESTED, which nobody has allowed yet, and DECLINED, which comes of it."""

_RANK = {"OPEN": 0, "CLOSED": 1, "CANCELED": 1}
_MOST_PROGRESS = 999

_DISPOSITIONS = {
    "RESTOCKED": Disposition.RESTOCK,
    # It came and was not put back: somebody has to look what it is fit for.
    "NOT_RESTOCKED": Disposition.INSPECT,
    "PROCESSING_REQUIRED": Disposition.INSPECT,
}
_MISSING = "MISSING"


@dataclass(frozen=True, kw_only=True)
class _Part:
    """Units of one line that share a fate.

    :param str location_id: where Shopify put them, if it did.
    """

    line_id: str
    quantity: Decimal
    disposition: Disposition | None
    location_id: str = ""


def parse_returns(root: Node) -> list[ReturnSnapshot]:
    """Turn what is stored of an order's returns and refunds into snapshots.

    :raise BadPayload: naming the path that cannot be understood.
    """
    order = root.child("order")
    sold = sold_lines(order)
    goods = {key: line for key, line in sold.items() if not is_charge(line.node)}
    refunds = order.items("refunds", MAX_LINES, False)
    returns = order.items("returns", MAX_LINES, False)
    known = {node.identifier("id") for node in returns}
    result = [
        _of_return(order, node, refunds, goods)
        for node in returns
        if node.text("status") in _STATUS
    ]
    for node in refunds:
        if ref(node, "return") not in known:
            result += _of_refund(order, node, sold, goods)
    return result


# ----------------------------------------------------------------------- returns


def _of_return(
    order: Node, node: Node, refunds: Iterable[Node], goods: Mapping[str, SoldLine]
) -> ReturnSnapshot:
    return_id = node.identifier("id")
    mine = [refund for refund in refunds if ref(refund, "return") == return_id]
    parts = [part for part in _parts(node) if part.line_id in goods]
    parts += _restocked_by_refund(return_id, parts, goods)
    location = _main_location(parts)
    moments = return_dates(node)
    moments += [refund.time("updatedAt") for refund in mine]
    return ReturnSnapshot(
        id=f"return-{return_id}",
        order_id=order.identifier("id"),
        version=version_of(order) + _progress(node),
        updated_at=max(moments, default=None),
        status=_STATUS[node.text("status")],
        location_id=location,
        lines=_lines(parts, location),
        refund_amount=_sum(
            optional_money(refund, "totalRefundedSet") for refund in mine
        )
        if mine
        else None,
    )


def _parts(node: Node) -> Iterator[_Part]:
    """Yield what has come of a return, and what is to come."""
    told: dict[str, Decimal] = {}
    for reverse in node.items("reverseFulfillmentOrders", MAX_LINES, False):
        for line in reverse.items("lineItems", MAX_LINES, False):
            line_id = _sold_line(line)
            for fate in line.items("dispositions", MAX_LINES, False):
                kind, quantity = fate.text("type"), count(fate, "quantity")
                told[line_id] = told.get(line_id, ZERO) + quantity
                if kind != _MISSING and quantity:
                    disposition = _DISPOSITIONS.get(kind, Disposition.INSPECT)
                    yield _Part(
                        line_id=line_id,
                        quantity=quantity,
                        disposition=disposition,
                        location_id=ref(fate, "location")
                        if disposition is Disposition.RESTOCK
                        else "",
                    )
    if node.text("status") == "CLOSED":
        # Staff may close a return of which less came.
        return
    announced: dict[str, Decimal] = {}
    for line in node.items("returnLineItems", MAX_LINES, False):
        line_id = _sold_line(line)
        announced[line_id] = announced.get(line_id, ZERO) + count(line, "quantity")
    for line_id, quantity in announced.items():
        to_come = quantity - told.get(line_id, ZERO)
        if line_id and to_come > 0:
            yield _Part(line_id=line_id, quantity=to_come, disposition=None)


def _sold_line(line: Node) -> str:
    shipped = line.optional_child("fulfillmentLineItem")
    return ref(shipped, "lineItem") if shipped is not None else ""


def _restocked_by_refund(
    return_id: str, parts: Iterable[_Part], goods: Mapping[str, SoldLine]
) -> list[_Part]:
    """Return what refunds of a return restocked beyond its dispositions.

    The refund and the disposition are two words on the same units: only what the one
    says more than the other is added.
    """
    restocked: dict[str, Decimal] = {}
    for part in parts:
        if part.disposition is Disposition.RESTOCK:
            known = restocked.get(part.line_id, ZERO)
            restocked[part.line_id] = known + part.quantity
    result = []
    for line_id, line in goods.items():
        known = restocked.get(line_id, ZERO)
        for refunded, taken in line.refunds:
            if refunded.return_id != return_id or not refunded.is_restocked:
                continue
            covered = min(known, taken)
            known -= covered
            if taken > covered:
                result.append(
                    _Part(
                        line_id=line_id,
                        quantity=taken - covered,
                        disposition=Disposition.RESTOCK,
                        location_id=refunded.location_id,
                    )
                )
    return result


def _progress(node: Node) -> int:
    """Return how far a return has come, below a second.

    A return has no date of its last change, and what changes within a second must
    still be a newer version. Dispositions and processed units only ever grow.
    """
    steps = ZERO
    for line in node.items("returnLineItems", MAX_LINES, False):
        if line.value.get("processedQuantity") is not None:
            steps += count(line, "processedQuantity")
    for reverse in node.items("reverseFulfillmentOrders", MAX_LINES, False):
        for line in reverse.items("lineItems", MAX_LINES, False):
            for fate in line.items("dispositions", MAX_LINES, False):
                steps += count(fate, "quantity")
    rank = _RANK.get(node.text("status"), 0)
    return min(2 * int(steps) + rank, _MOST_PROGRESS)


# ----------------------------------------------------------------------- refunds


def _of_refund(
    order: Node,
    node: Node,
    sold: Mapping[str, SoldLine],
    goods: Mapping[str, SoldLine],
) -> list[ReturnSnapshot]:
    """Return a snapshot of a refund after shipping; none of a mere cancellation."""
    refund_id = node.identifier("id")
    parts = [
        _Part(
            line_id=line_id,
            quantity=taken,
            disposition=Disposition.RESTOCK,
            location_id=refunded.location_id,
        )
        for line_id, line in goods.items()
        for refunded, taken in line.refunds
        if refunded.refund_id == refund_id and refunded.is_restocked and taken
    ]
    amount = optional_money(node, "totalRefundedSet")
    amount -= _cancelled_amount(refund_id, sold)
    has_shipped = any(line.fulfilled for line in sold.values())
    if not parts and (amount <= 0 or not has_shipped):
        return []
    location = _main_location(parts)
    return [
        ReturnSnapshot(
            id=f"refund-{refund_id}",
            order_id=order.identifier("id"),
            version=version_of(order),
            updated_at=node.time("updatedAt"),
            status=ReturnStatus.RECEIVED,
            location_id=location,
            lines=_lines(parts, location),
            refund_amount=max(amount, ZERO),
        )
    ]


def _cancelled_amount(refund_id: str, sold: Mapping[str, SoldLine]) -> Decimal:
    """Return what of a refund is for units that never shipped.

    The order is smaller by them; there is nothing to credit.
    """
    return _sum(
        refunded.amount * (refunded.quantity - taken) / refunded.quantity
        for line in sold.values()
        for refunded, taken in line.refunds
        if refunded.refund_id == refund_id
    )


# ------------------------------------------------------------------------ common


def _lines(parts: Iterable[_Part], location: str) -> tuple[ReturnLine, ...]:
    """Return one line per order line and fate.

    A return has one location here. Units that Shopify put back elsewhere count as not
    restocked: they are found when its numbers are read back.
    """
    merged: dict[tuple[str, Disposition | None], list[Decimal]] = {}
    for part in parts:
        entry = merged.setdefault((part.line_id, part.disposition), [ZERO, ZERO])
        entry[0] += part.quantity
        if part.location_id and part.location_id == location:
            entry[1] += part.quantity
    return tuple(
        ReturnLine(
            order_line_id=line_id,
            quantity=quantity,
            disposition=disposition,
            restocked=restocked,
        )
        for (line_id, disposition), (quantity, restocked) in merged.items()
    )


def _main_location(parts: Iterable[_Part]) -> str:
    """Return where most of what came was put, the first among equals."""
    weights: dict[str, Decimal] = {}
    for part in parts:
        if part.location_id:
            known = weights.get(part.location_id, ZERO)
            weights[part.location_id] = known + part.quantity
    return max(sorted(weights), key=lambda place: weights[place], default="")


def _sum(values: Iterable[Decimal]) -> Decimal:
    return sum(values, ZERO)
