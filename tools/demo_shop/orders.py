"""Orders: what customers do, and what the hub reports about them.

An order is stored as the very body of ``order.updated`` (REST.md); every change
raises its version, moves the shown stock where it must, and queues the webhook,
all in one transaction.
"""

from __future__ import annotations

import json
import sqlite3
from datetime import datetime
from decimal import Decimal
from typing import Any

from .store import Store
from .wire import (
    RefusedError,
    decimal_field,
    list_field,
    plain,
    stamp,
    text_field,
)

ORDER_PAGE = 50
"""Orders per page."""

Body = dict[str, Any]

CUSTOMERS: tuple[tuple[str, str, str, str, str, str], ...] = (
    ("Ada Brooks", "ada.brooks@example.com", "12 Alder St", "Denver", "80202", "CO"),
    ("Noah Kim", "noah.kim@example.com", "480 Lake Ave", "Chicago", "60601", "IL"),
    ("Mia Torres", "mia.torres@example.com", "77 Mesa Dr", "Phoenix", "85004", "AZ"),
    ("Liam Novak", "liam.novak@example.com", "9 Harbor Rd", "Portland", "97204", "OR"),
)


def place(store: Store, wanted: list[Body]) -> Body:
    """Sell: store the order, lower the shown stock, queue the webhook.

    :param wanted: per line ``sku``, ``quantity`` and optionally ``location_id``;
        without a location the first one that has enough takes it.
    :raise RefusedError: 404 for something we do not sell, 409 when there is not
        enough; nothing is stored then.
    """
    with store.transaction() as db:
        row = store.row("SELECT coalesce(max(number), 1000) + 1 AS n FROM sale")
        number: int = row["n"] if row else 1001
        lines = [
            _sell_line(store, db, f"{number}-{position}", entry)
            for position, entry in enumerate(wanted, start=1)
        ]
        order = _new_order(store, number, lines)
        db.execute(
            "INSERT INTO sale VALUES (?, ?, ?, ?)",
            (order["id"], number, order["updated_at"], json.dumps(order)),
        )
        store.enqueue(db, "order.updated", _subject(order), order)
        names = ", ".join(f"{line['quantity']} × {line['title']}" for line in lines)
        store.note(db, "customer", f"Order {order['id']} placed", names)
    return order


def _sell_line(store: Store, db: sqlite3.Connection, line_id: str, entry: Body) -> Body:
    """Take one order line's pieces from the shown stock."""
    sku = text_field(entry, "sku")
    quantity = decimal_field(entry, "quantity")
    product = store.catalogue.find(sku)
    if product is None:
        raise RefusedError(404, "unknown_sku", f"{sku} is not for sale.", "sku")
    if quantity < 1 or quantity != quantity.to_integral_value():
        raise RefusedError(422, "bad_number", "Order whole pieces.", "quantity")
    line = {
        "id": line_id,
        "sku": sku,
        "item_id": product.item_id,
        "title": product.title,
        "quantity": plain(quantity),
        "cancelled_quantity": "0",
        "fulfilled_quantity": "0",
        "unit_price": plain(product.price),
        "tax_rate": "0",
    }
    if product is not store.catalogue.shop_only:
        line["location_id"] = _pick_location(store, sku, quantity, entry)
        move(store, db, line, -quantity)
    return line


def _pick_location(store: Store, sku: str, quantity: Decimal, entry: Body) -> str:
    """Return the wanted location, or the first that has enough."""
    asked = text_field(entry, "location_id", "")
    for location in store.catalogue.locations:
        if asked in ("", location.id):
            shown = store.quantity(sku, location.id)
            if shown is not None and shown >= quantity:
                return location.id
    name = store.catalogue.name_of(sku, asked or "any location")
    raise RefusedError(
        409, "out_of_stock", f"Not {plain(quantity)} left of {name}.", "quantity"
    )


def move(store: Store, db: sqlite3.Connection, line: Body, change: Decimal) -> None:
    """Move the shown stock by what a customer took or gave back."""
    shown = store.quantity(line["sku"], line.get("location_id", ""))
    if shown is not None:
        store.set_quantity(db, line["sku"], line["location_id"], shown + change)


def _new_order(store: Store, number: int, lines: list[Body]) -> Body:
    """Return the body of a fresh order; a customer is picked by its number."""
    name, email, street, city, code, state = CUSTOMERS[number % len(CUSTOMERS)]
    now = store.now()
    return {
        "id": f"OAK-{number}",
        "version": 1,
        "updated_at": now,
        "placed_at": now,
        "status": "open",
        "currency": store.catalogue.currency,
        "prices_include_tax": False,
        "customer": {"id": email, "email": email, "name": name},
        "shipping_address": {
            "name": name,
            "street": street,
            "city": city,
            "zip": code,
            "state": state,
            "country": "US",
        },
        "payment_status": "paid",
        "payment_reference": f"PAY-{number}",
        "lines": lines,
        "shipping": [],
        "total": _total(lines),
    }


def _total(lines: list[Body]) -> str:
    """Return what the customer pays: cancelled pieces are not charged."""
    kept = (
        (Decimal(x["quantity"]) - Decimal(x["cancelled_quantity"]))
        * Decimal(x["unit_price"])
        for x in lines
    )
    return plain(sum(kept, Decimal(0)))


def read(store: Store, order_id: str) -> Body:
    """Return one order.

    :raise RefusedError: 404 when we do not have it.
    """
    row = store.row("SELECT body FROM sale WHERE id = ?", order_id)
    if row is None:
        raise RefusedError(404, "unknown_order", f"No order {order_id}.", "order_id")
    body: Body = json.loads(row["body"])
    return body


def save(store: Store, db: sqlite3.Connection, order: Body) -> None:
    """Store a changed order under its next version and tell the hub."""
    order["version"] += 1
    order["updated_at"] = store.now()
    order["total"] = _total(order["lines"])
    db.execute(
        "UPDATE sale SET updated_at = ?, body = ? WHERE id = ?",
        (order["updated_at"], json.dumps(order), order["id"]),
    )
    store.enqueue(db, "order.updated", _subject(order), order)


def _subject(order: Body) -> str:
    """Return how the activity feed names this state of an order."""
    return f"{order['id']} v{order['version']}"


def open_quantity(line: Body) -> Decimal:
    """Return how many of a line are neither cancelled nor shipped."""
    return (
        Decimal(line["quantity"])
        - Decimal(line["cancelled_quantity"])
        - Decimal(line["fulfilled_quantity"])
    )


def find_line(order: Body, line_id: str) -> Body:
    """Return a line of an order.

    :raise RefusedError: 422 when it has none with that id.
    """
    for line in order["lines"]:
        if line["id"] == line_id:
            found: Body = line
            return found
    raise RefusedError(
        422, "unknown_line", f"{order['id']} has no line {line_id}.", "order_line_id"
    )


def raise_counter(order: Body, entry: Body, counter: str) -> tuple[Body, Decimal]:
    """Add a reported quantity to a line's counter; return the line and quantity."""
    line = find_line(order, text_field(entry, "order_line_id"))
    quantity = decimal_field(entry, "quantity")
    if quantity > open_quantity(line):
        raise RefusedError(
            422, "too_many", f"Line {line['id']} has fewer open.", "quantity"
        )
    line[counter] = plain(Decimal(line[counter]) + quantity)
    return line, quantity


def _close_if_cancelled(order: Body) -> None:
    """Mark an order cancelled once every line is cancelled in full."""
    if all(line["cancelled_quantity"] == line["quantity"] for line in order["lines"]):
        order["status"] = "cancelled"


def cancel(store: Store, order_id: str, entries: list[Body]) -> Body:
    """Cancel for the customer: the pieces go back on sale at once.

    :param entries: per line ``order_line_id`` and ``quantity``; empty cancels
        everything that is still open.
    :raise RefusedError: 404, 409 when nothing is open, 422.
    """
    with store.transaction() as db:
        order = read(store, order_id)
        wanted = entries or [
            {"order_line_id": line["id"], "quantity": plain(open_quantity(line))}
            for line in order["lines"]
            if open_quantity(line) > 0
        ]
        if not wanted:
            raise RefusedError(409, "nothing_open", "Nothing is left to cancel.")
        for entry in wanted:
            line, quantity = raise_counter(order, entry, "cancelled_quantity")
            move(store, db, line, quantity)
        _close_if_cancelled(order)
        save(store, db, order)
        pieces = plain(sum((Decimal(x["quantity"]) for x in wanted), Decimal(0)))
        store.note(db, "customer", f"Order {order_id}: {pieces} cancelled")
    return order


def take_report(store: Store, db: sqlite3.Connection, kind: str, data: Body) -> bool:
    """Take a shipment or cancellation from the hub; False when we had it already.

    A shipment that comes again with another carrier or tracking is corrected.

    :param str kind: "shipment" or "cancellation".
    :raise RefusedError: 404 for an unknown order, 422 for an impossible line.
    """
    report_id = text_field(data, "id")
    known = store.row("SELECT body FROM report WHERE id = ?", report_id)
    if known:
        return _correct_way(store, db, json.loads(known["body"]), data)
    order = read(store, text_field(data, "order_id"))
    is_shipment = kind == "shipment"
    counter = "fulfilled_quantity" if is_shipment else "cancelled_quantity"
    names = []
    for entry in list_field(data, "lines"):
        line, quantity = raise_counter(order, entry, counter)
        names.append(f"{plain(quantity)} × {line['title']}")
    _close_if_cancelled(order)
    db.execute(
        "INSERT INTO report VALUES (?, ?, ?, ?)",
        (report_id, order["id"], kind, json.dumps(data)),
    )
    save(store, db, order)
    verb = "shipped" if is_shipment else "cancelled by the warehouse"
    detail = ", ".join(names)
    if is_shipment and data.get("tracking"):
        detail += f" · tracking {data['tracking']}"
    store.note(db, "hub", f"Order {order['id']} {verb}", detail, "good")
    return True


def _correct_way(store: Store, db: sqlite3.Connection, known: Body, data: Body) -> bool:
    """Give a shipment we have the carrier and tracking it comes with now."""
    names = ("carrier", "tracking", "tracking_url")
    way = {name: data.get(name) for name in names}
    if {name: known.get(name) for name in names} == way:
        return False
    body = json.dumps({**known, **way})
    db.execute("UPDATE report SET body = ? WHERE id = ?", (body, known["id"]))
    tracking = way["tracking"] or "none"
    store.note(
        db, "hub", f"Order {known['order_id']}: tracking is {tracking} now", "", "good"
    )
    return True


def order_page(store: Store, since: str, cursor: str, order_id: str) -> Body:
    """Return orders changed at or after ``since``, oldest change first.

    The cursor names the last order given, so that orders changing meanwhile are
    repeated rather than left out.

    :param str order_id: only this order, where given.
    :raise RefusedError: 422 on a time that cannot be read.
    """
    changed, _, last_id = cursor.partition("|")
    rows = store.rows(
        "SELECT id, updated_at, body FROM sale WHERE updated_at >= ?"
        " AND (updated_at, id) > (?, ?) AND ? IN ('', id)"
        " ORDER BY updated_at, id LIMIT ?",
        _since(since),
        changed,
        last_id,
        order_id,
        ORDER_PAGE + 1,
    )
    page = rows[:ORDER_PAGE]
    following = None
    if len(rows) > ORDER_PAGE:
        following = f"{page[-1]['updated_at']}|{page[-1]['id']}"
    return {"orders": [json.loads(row["body"]) for row in page], "next": following}


def _since(text: str) -> str:
    """Return a time as stored, "" for none.

    :raise RefusedError: 422 when it is no RFC 3339 time with an offset.
    """
    if not text:
        return ""
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        moment = None
    if moment is None or moment.tzinfo is None:
        raise RefusedError(
            422, "bad_time", "updated_since is no RFC 3339 time.", "updated_since"
        )
    return stamp(moment)
