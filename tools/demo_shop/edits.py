"""What customers and the shop's own warehouse change in an order, beyond the page."""

from __future__ import annotations

from decimal import Decimal

from . import orders
from .orders import Body
from .store import Store
from .wire import RefusedError, plain


def change(store: Store, order_id: str, line_id: str, quantity: Decimal) -> Body:
    """Let a customer want another number of a line's pieces, more or less.

    :param Decimal quantity: ordered from now on, cancelled ones included.
    :raise RefusedError: 404, 409 when the shop has not enough or the order is
        cancelled, 422 when fewer than were cancelled or shipped are left.
    """
    with store.transaction() as db:
        order = orders.read(store, order_id)
        line = orders.find_line(order, line_id)
        if order["status"] != "open":
            raise RefusedError(409, "not_open", f"{order_id} is {order['status']}.")
        more = quantity - Decimal(line["quantity"])
        if orders.open_quantity(line) + more < 0:
            raise RefusedError(
                422, "too_few", "They are cancelled or gone.", "quantity"
            )
        shown = store.quantity(line["sku"], line.get("location_id", ""))
        if more > (shown or Decimal(0)):
            raise RefusedError(409, "out_of_stock", "Not enough left.", "quantity")
        orders.move(store, db, line, -more)
        line["quantity"] = plain(quantity)
        orders.save(store, db, order)
    return order


def ship(store: Store, order_id: str, line_id: str, quantity: Decimal) -> Body:
    """Ship some pieces of a line from a warehouse that the shop runs itself.

    :raise RefusedError: 404, 422 when fewer are open.
    """
    with store.transaction() as db:
        order = orders.read(store, order_id)
        entry = {"order_line_id": line_id, "quantity": plain(quantity)}
        orders.raise_counter(order, entry, "fulfilled_quantity")
        orders.save(store, db, order)
    return order
