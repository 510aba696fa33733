"""Read the returns stored with a Medusa order. No I/O.

Measured on Medusa 2.18.0: an item's ``received_quantity`` contains what was damaged, so
that good units are received − damaged; only those raise Medusa's own stock, at the
location of the return. Medusa's staff may receive a return in several goes.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from decimal import Decimal

from .data import Disposition, ReturnLine, ReturnSnapshot, ReturnStatus
from .medusa_payload import MAX_LINES
from .strict_json import Node, parse_time

_ZERO = Decimal(0)
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MILLISECOND = timedelta(milliseconds=1)

_STATUS = {
    "requested": ReturnStatus.ANNOUNCED,
    # What has not come yet is still expected.
    "partially_received": ReturnStatus.ANNOUNCED,
    "received": ReturnStatus.RECEIVED,
    "canceled": ReturnStatus.CANCELLED,
}


def parse_returns(root: Node) -> list[ReturnSnapshot]:
    """Turn what is stored of an order's returns into snapshots.

    Drafts that nobody has requested yet (``open``) are left out.

    :raise BadPayload: naming the path that cannot be understood.
    """
    order_id = root.child("order").identifier("id")
    return [
        ReturnSnapshot(
            id=node.identifier("id"),
            order_id=order_id,
            version=(_changed_at(node) - _EPOCH) // _MILLISECOND,
            updated_at=_changed_at(node),
            status=_STATUS[node.text("status")],
            location_id=node.identifier("location_id", required=False),
            lines=tuple(_lines(node)),
        )
        for node in root.items("returns", MAX_LINES, required=False)
        if node.text("status") in _STATUS
    ]


def _lines(node: Node) -> Iterator[ReturnLine]:
    """Yield what is good, what is damaged and what is to come of each item."""
    for item in node.items("items", MAX_LINES, required=False):
        line_id = item.identifier("item_id")
        wanted = item.amount("quantity")
        received = item.optional_amount("received_quantity") or _ZERO
        damaged = item.optional_amount("damaged_quantity") or _ZERO
        # Medusa lets staff receive less than was announced and be done with it.
        is_over = node.text("status") == "received"
        to_come = _ZERO if is_over else max(wanted - received, _ZERO)
        good = received - damaged
        for quantity, disposition, restocked in (
            (good, Disposition.RESTOCK, good),
            (damaged, Disposition.SCRAP, _ZERO),
            (to_come, None, _ZERO),
        ):
            if quantity > 0:
                yield ReturnLine(
                    order_line_id=line_id,
                    quantity=quantity,
                    disposition=disposition,
                    restocked=restocked,
                )


def _changed_at(node: Node) -> datetime:
    """Return when any part of a return changed last."""
    moments = [node.time("updated_at")]
    for item in node.items("items", MAX_LINES, required=False):
        moment = parse_time(item.text("updated_at"))
        if moment is not None:
            moments.append(moment)
    return max(moments)
