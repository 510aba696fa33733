"""What Odoo's own tables say: sale orders, moves, shelves, and the hub's queues."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Mapping

from .database import Database
from .expected import Expected, Key, OrderKey, differences

_SOLD = """
    SELECT o.external_id, p.default_code, place.external_id,
           sum(l.product_uom_qty)::int
      FROM stock_channel_order o
      JOIN sale_order s ON s.id = o.sale_order_id AND s.state <> 'cancel'
      JOIN sale_order_line l ON l.order_id = s.id
      JOIN product_product p ON p.id = l.product_id
      JOIN stock_channel_order_line ol ON ol.sale_line_id = l.id
      JOIN stock_channel_location place ON place.id = ol.channel_location_id
     WHERE o.channel_id = %s
     GROUP BY 1, 2, 3
"""

_MOVED = """
    SELECT o.external_id, p.default_code, place.external_id,
           coalesce(sum(m.quantity) FILTER (
               WHERE m.state = 'done' AND target.usage = 'customer'), 0)::int,
           coalesce(sum(m.quantity) FILTER (
               WHERE m.state = 'done' AND source.usage = 'customer'), 0)::int,
           coalesce(sum(m.product_uom_qty) FILTER (
               WHERE m.state NOT IN ('done', 'cancel', 'draft')
                 AND target.usage = 'customer'), 0)::int
      FROM stock_channel_order o
      JOIN stock_channel_order_line ol ON ol.channel_order_id = o.id
      JOIN stock_channel_location place ON place.id = ol.channel_location_id
      JOIN stock_move m ON m.sale_line_id = ol.sale_line_id
      JOIN product_product p ON p.id = m.product_id
      JOIN stock_location source ON source.id = m.location_id
      JOIN stock_location target ON target.id = m.location_dest_id
     WHERE o.channel_id = %s
     GROUP BY 1, 2, 3
"""

_SHELVES = """
    SELECT p.default_code, place.external_id, sum(q.quantity)::int,
           sum(q.reserved_quantity)::int
      FROM stock_channel_location place
      JOIN stock_channel_location_stock_location_rel rel
        ON rel.channel_location_id = place.id
      JOIN stock_location root ON root.id = rel.location_id
      JOIN stock_location leaf ON leaf.parent_path LIKE root.parent_path || '%%'
      JOIN stock_quant q ON q.location_id = leaf.id
      JOIN product_product p ON p.id = q.product_id
      JOIN stock_channel_listing listing
        ON listing.product_id = p.id AND listing.channel_id = place.channel_id
     WHERE place.channel_id = %s
     GROUP BY 1, 2
"""


def messages(database: Database, channel_id: int) -> Counter[str]:
    """Return how many deliveries of a channel are in which state."""
    return Counter(
        dict(
            database.rows(
                "SELECT state, count(*)::int FROM stock_channel_message"
                " WHERE channel_id = %s GROUP BY 1",
                channel_id,
            )
        )
    )


def trouble(database: Database, channel_id: int) -> list[str]:
    """Return the messages that nobody is done with, and the open exceptions."""
    found = [
        f"message {row[0]} of {row[1]} is {row[2]} after {row[3]} tries: {row[4]}"
        for row in database.rows(
            "SELECT id, order_key, state, attempts, note FROM stock_channel_message"
            " WHERE channel_id = %s AND state <> 'done' ORDER BY id LIMIT 20",
            channel_id,
        )
    ]
    return found + [
        f"open exception: {title}"
        for title in open_exceptions(database, channel_id, "%")
    ]


def alarms(database: Database, channel_id: int) -> list[str]:
    """Return what the watchdog has found wrong, and not yet right again."""
    return open_exceptions(database, channel_id, "watch:%")


def open_exceptions(database: Database, channel_id: int, like: str) -> list[str]:
    """Return titles and values of a channel's open exceptions, by fingerprint."""
    return [
        f"{title} ({value})"
        for title, value in database.rows(
            "SELECT title, coalesce(value, '') FROM stock_channel_exception"
            " WHERE channel_id = %s AND state = 'open' AND fingerprint LIKE %s"
            # They speak of the last hour, and of mail, which nobody takes here.
            " AND fingerprint NOT LIKE 'watch:failures:%%'"
            " AND fingerprint NOT LIKE 'watch:mail:%%' ORDER BY id LIMIT 20",
            channel_id,
            like,
        )
    ]


def shelves(database: Database, channel_id: int) -> dict[Key, int]:
    """Return what is on each shelf and not reserved."""
    rows = database.rows(_SHELVES, channel_id)
    return {(sku, place): number - taken for sku, place, number, taken in rows}


def numbers(database: Database, channel_id: int) -> dict[Key, tuple[int, str]]:
    """Return what the hub wants each number to be, and the number's state."""
    rows = database.rows(
        "SELECT l.sku, place.external_id, row.wanted_qty::int, row.state"
        "  FROM stock_channel_publication row"
        "  JOIN stock_channel_listing l ON l.id = row.listing_id"
        "  JOIN stock_channel_location place ON place.id = row.channel_location_id"
        " WHERE row.channel_id = %s",
        channel_id,
    )
    return {(sku, place): (wanted, state) for sku, place, wanted, state in rows}


def unequal(
    database: Database,
    channel_id: int,
    books: Expected,
    begun_with: Mapping[Key, int],
    shown: Mapping[Key, object],
    skus: Collection[str] = (),
) -> list[str]:
    """Return, in words, everything in Odoo that is not as the plain books say.

    :param skus: the goods that the books are about, where not all are.
    """
    sold: dict[OrderKey, int] = {
        (order, sku, place): number
        for order, sku, place, number in database.rows(_SOLD, channel_id)
    }
    moved = database.rows(_MOVED, channel_id)
    shown = {key: n for key, n in shown.items() if not skus or key[0] in skus}
    rows = [
        row for row in database.rows(_SHELVES, channel_id) if not skus or row[0] in skus
    ]
    on_hand = {(sku, place): number for sku, place, number, _r in rows}
    reserved = {(sku, place): number for sku, place, _n, number in rows}
    free = {
        key: number - books.reserved()[key]
        for key, number in books.on_hand(begun_with).items()
    }
    return [
        *_orders_unequal(database, channel_id, books),
        *differences("sold", sold, books.wanted),
        *differences("shipped", {r[:3]: r[3] for r in moved}, books.shipped),
        *differences("returned", {r[:3]: r[4] for r in moved}, books.returned),
        *differences("to be shipped", {r[:3]: r[5] for r in moved}, books.open()),
        *differences("on hand", on_hand, books.on_hand(begun_with)),
        *differences("reserved", reserved, books.reserved()),
        *differences("shown", {k: int(str(v)) for k, v in shown.items()}, free),
    ]


def _orders_unequal(database: Database, channel_id: int, books: Expected) -> list[str]:
    """Return what is wrong with which order has how many sale orders."""
    rows = database.rows(
        "SELECT external_id, sale_order_id FROM stock_channel_order"
        " WHERE channel_id = %s",
        channel_id,
    )
    found = Counter(external_id for external_id, _sale in rows)
    problems = differences("orders", found, dict.fromkeys(books.orders, 1))
    linked = {sale for _order, sale in rows if sale}
    missing = books.with_sale - {order for order, sale in rows if sale}
    problems += [f"order {order} has no sale order" for order in sorted(missing)]
    made = {
        sale
        for (sale,) in database.rows(
            "SELECT DISTINCT l.order_id FROM sale_order_line l"
            " JOIN stock_channel_listing listing ON listing.product_id = l.product_id"
            " WHERE listing.channel_id = %s",
            channel_id,
        )
    }
    if made != linked:
        problems.append(f"sale orders of no channel order: {sorted(made - linked)}")
    return problems
