"""Tell WooCommerce of shipments and cancellations.

Its core knows no shipments. A shipment becomes a note on the order, which the shop
mails to the customer where the setting says so, and an entry in the order's metadata
under our id; then, where nothing is left, the order is set to *completed*. The note
comes before the entry and begins with our id, so that a retry writes none twice.

Money never moves from here. WooCommerce takes part of an order back by a refund only,
which is a document about money, so only whole orders are cancelled.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from decimal import Decimal
from html import unescape

from .data import Cancellation, ReportedLine, Shipment
from .errors import Misconfigured, Rejected
from .woocommerce_client import Row, WooClient, id_of, number, parts, segment
from .woocommerce_order import DRAFTS
from .woocommerce_payload import (
    MARK,
    REFUNDED_LINE,
    shipments_told,
    shipped_quantities,
)
from .woocommerce_return import CLOSED, COMPLETED

NOTES = ("customer", "private")
"""Who reads the note of a shipment: the first one unless set otherwise."""

_TAG = re.compile(r"<[^>]*>")
_ZERO = Decimal(0)


def report_shipment(client: WooClient, shipment: Shipment, notes: str) -> None:
    """Write the note and the entry; returns when both are there.

    :param notes: one of ``NOTES``, empty for the first.
    :raise Rejected: the order is unknown or in the bin.
    :raise Misconfigured: ``notes`` is neither.
    """
    if notes not in ("", *NOTES):
        raise Misconfigured(f"Notes must be one of: {', '.join(NOTES)}.", field="notes")
    path = f"/orders/{segment(shipment.order_id)}"
    order = client.get(path)
    if order.get("status") in ("trash", *DRAFTS):
        raise Rejected(
            "The order lies in the bin of WooCommerce, or is only a cart. Restore it"
            " there, then retry.",
            code="order_in_bin",
        )
    if not _says_the_same(shipments_told(order).get(shipment.id), shipment):
        mark = shipment.id
        if shipment.corrects:
            mark = f"{mark} ({shipment.revision})"
        if not _has_note(client, path, mark):
            note = _note(shipment, order, mark)
            is_public = notes != "private"
            body = {"note": note, "customer_note": is_public}
            client.change("POST", f"{path}/notes", body)
        entry = {"key": f"{MARK}{shipment.id}", "value": _entry(shipment)}
        # Its answer has the entries of other parcels that are told at the same time.
        order = client.change("PUT", path, {"meta_data": [entry]})
    if order.get("status") not in (COMPLETED, *CLOSED) and _is_all_gone(
        client, path, order
    ):
        client.change("PUT", path, {"status": COMPLETED})


def report_cancel(client: WooClient, cancellation: Cancellation) -> None:
    """Cancel a whole order of which nothing has left.

    :raise Rejected: in all other cases, with what a person is to do.
    """
    path = f"/orders/{segment(cancellation.order_id)}"
    order = client.get(path)
    if order.get("status") in CLOSED:
        return
    if order.get("status") == COMPLETED or shipments_told(order):
        raise Rejected(
            "Part of the order has been shipped, and WooCommerce cancels whole orders"
            " only: refund what will not come in WooCommerce, with its quantities.",
            code="partly_shipped",
            field="lines",
        )
    gone = _merged(cancellation.lines)
    left = _left(client, path, order)
    if any(gone.get(line, _ZERO) < quantity for line, quantity in left.items()):
        raise Rejected(
            "WooCommerce cancels whole orders only: refund what will not come in"
            " WooCommerce, with its quantities.",
            code="partial_cancel",
            field="lines",
        )
    client.change("PUT", path, {"status": "cancelled"})


def _merged(lines: Iterable[ReportedLine]) -> dict[str, Decimal]:
    """Return how many of each order line, also where one is named twice."""
    total: dict[str, Decimal] = {}
    for line in lines:
        known = total.get(line.order_line_id, _ZERO)
        total[line.order_line_id] = known + line.quantity
    return total


def _entry(shipment: Shipment) -> Row:
    """Return what is kept of a shipment in the order's metadata."""
    lines = [
        {"id": line, "quantity": f"{quantity.normalize():f}"}
        for line, quantity in _merged(shipment.lines).items()
    ]
    return {"lines": lines, **_carried(shipment)}


def _says_the_same(told: Row | None, shipment: Shipment) -> bool:
    """Tell whether the shop has the shipment just so; a repeat changes nothing."""
    if told is None:
        return False
    return not shipment.corrects or all(
        str(told.get(name) or "") == value for name, value in _carried(shipment).items()
    )


def _carried(shipment: Shipment) -> dict[str, str]:
    """Return what a correction may change."""
    return {
        "carrier": shipment.carrier,
        "tracking": shipment.tracking,
        "url": shipment.tracking_url,
    }


def _note(shipment: Shipment, order: Mapping[str, object], mark: str) -> str:
    """Return the note: no words of any language, since customers speak theirs."""
    names = {
        str(line.get("id")): unescape(str(line.get("name") or ""))
        for line in parts(order, "line_items")
    }
    goods = [
        f"{quantity.normalize():f} × {names.get(line, '')}".rstrip(" ×")
        for line, quantity in _merged(shipment.lines).items()
    ]
    carried = " ".join(filter(None, (shipment.carrier, shipment.tracking)))
    lots = [
        f"{lot.quantity.normalize():f} × {lot.name}"
        for line in shipment.lines
        for lot in line.lots
    ]
    return "\n".join(
        filter(None, (mark, *goods, carried, shipment.tracking_url, ", ".join(lots)))
    )


def _has_note(client: WooClient, path: str, mark: str) -> bool:
    """Tell whether a note of ours is there: its first line is the mark."""
    for row in client.rows(f"{path}/notes"):
        text = row.get("note")
        if isinstance(text, str):
            first = _TAG.sub("\n", text).strip().partition("\n")[0]
            if unescape(first).strip() == mark:
                return True
    return False


def _left(client: WooClient, path: str, order: Row) -> dict[str, Decimal]:
    """Return how many of each line are neither refunded nor without quantity."""
    left = {
        str(line.get("id")): number(line.get("quantity")) or _ZERO
        for line in parts(order, "line_items")
    }
    for refund in read_refunds(client, path, order):
        for line in parts(refund, "line_items"):
            for meta in parts(line, "meta_data"):
                key = str(meta.get("value"))
                if meta.get("key") == REFUNDED_LINE and key in left:
                    left[key] -= abs(number(line.get("quantity")) or _ZERO)
    return {line: quantity for line, quantity in left.items() if quantity > 0}


def _is_all_gone(client: WooClient, path: str, order: Row) -> bool:
    """Tell whether nothing of an order is left to ship."""
    shipped = shipped_quantities(shipments_told(order).values())
    left = _left(client, path, order)
    return all(quantity <= shipped.get(line, _ZERO) for line, quantity in left.items())


def read_refunds(client: WooClient, path: str, order: Row) -> list[Row]:
    """Read the refunds of an order that says it has some.

    :param path: of the order.
    """
    if not order.get("refunds"):
        return []
    rows = client.everything(f"{path}/refunds", [("dp", "6")])
    return list({id_of(row): row for row in rows}.values())
