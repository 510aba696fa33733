"""Returns: goods a customer sends back, as far as the shop knows."""

from __future__ import annotations

import json
from decimal import Decimal

from .orders import Body, find_line, read
from .store import Store
from .wire import RefusedError, decimal_field, plain, text_field


def returnable(store: Store, order: Body) -> dict[str, Decimal]:
    """Return per line id how many shipped pieces have not been asked back."""
    left = {x["id"]: Decimal(x["fulfilled_quantity"]) for x in order["lines"]}
    for row in store.rows(
        "SELECT body FROM goods_return WHERE order_id = ?", order["id"]
    ):
        for entry in json.loads(row["body"])["lines"]:
            left[entry["order_line_id"]] -= Decimal(entry["quantity"])
    return {line_id: quantity for line_id, quantity in left.items() if quantity > 0}


def announce(
    store: Store, order_id: str, entries: list[Body], location_id: str = ""
) -> Body:
    """Let the customer send goods back: version 1 of a return, announced.

    :param entries: per line ``order_line_id``, ``quantity`` and optionally
        ``disposition``; empty returns everything that was shipped.
    :param str location_id: where it comes back to; left open where empty.
    :raise RefusedError: 404, 409 when nothing can come back, 422.
    """
    with store.transaction() as db:
        order = read(store, order_id)
        left = returnable(store, order)
        wanted = entries or [
            {"order_line_id": line_id, "quantity": plain(quantity)}
            for line_id, quantity in left.items()
        ]
        if not wanted:
            raise RefusedError(409, "nothing_shipped", "Nothing can come back yet.")
        for entry in wanted:
            line = find_line(order, text_field(entry, "order_line_id"))
            if decimal_field(entry, "quantity") > left.get(line["id"], Decimal(0)):
                raise RefusedError(422, "too_many", "Not shipped.", "quantity")
        count = store.rows("SELECT 1 FROM goods_return WHERE order_id = ?", order_id)
        body = {
            "id": f"RET-{order_id[4:]}-{len(count) + 1}",
            "order_id": order_id,
            "version": 1,
            "status": "announced",
            "lines": wanted,
            **({"location_id": location_id} if location_id else {}),
        }
        db.execute(
            "INSERT INTO goods_return VALUES (?, ?, ?)",
            (body["id"], order_id, json.dumps(body)),
        )
        store.enqueue(db, "return.updated", f"{body['id']} v1", body)
        store.note(db, "customer", f"Return {body['id']} announced")
    return body


def receive(store: Store, return_id: str) -> Body:
    """Mark a return's goods as arrived; the shown stock waits for the hub.

    :raise RefusedError: 404, or 409 when they had arrived already.
    """
    with store.transaction() as db:
        row = store.row("SELECT body FROM goods_return WHERE id = ?", return_id)
        if row is None:
            raise RefusedError(404, "unknown_return", f"No return {return_id}.")
        body: Body = json.loads(row["body"])
        if body["status"] != "announced":
            raise RefusedError(409, "not_open", f"{return_id} is {body['status']}.")
        body.update(status="received", version=body["version"] + 1)
        db.execute(
            "UPDATE goods_return SET body = ? WHERE id = ?",
            (json.dumps(body), return_id),
        )
        store.enqueue(db, "return.updated", f"{return_id} v{body['version']}", body)
        store.note(db, "customer", f"Return {return_id} arrived")
    return body
