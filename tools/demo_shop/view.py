"""The shop's state as one JSON object: what the page draws and the player reads."""

from __future__ import annotations

import json
from decimal import Decimal
from typing import Any

from .orders import open_quantity
from .returns import returnable
from .store import Store
from .wire import plain

ORDERS_SHOWN = 12
"""Newest orders on the page."""

EVENTS_SHOWN = 40
"""Newest entries of the activity feed on the page."""


def state(store: Store) -> dict[str, Any]:
    """Return everything the page shows, read as one consistent whole."""
    with store.reading():
        waiting = store.row(
            "SELECT count(*) AS n FROM webhook WHERE delivered_at IS NULL"
        )
        return {
            "revision": store.revision,
            "watchers": store.watchers,
            "now": store.now(),
            "shop": store.catalogue.shop,
            "currency": store.catalogue.currency,
            "locations": [
                {"id": x.id, "name": x.name} for x in store.catalogue.locations
            ],
            "products": _products(store),
            "orders": _orders(store),
            "returns": [
                json.loads(row["body"])
                for row in store.rows("SELECT body FROM goods_return ORDER BY rowid")
            ],
            "webhooks_waiting": waiting["n"] if waiting else 0,
            "events": [
                dict(row)
                for row in store.rows(
                    "SELECT * FROM event ORDER BY position DESC LIMIT ?", EVENTS_SHOWN
                )
            ],
        }


def _products(store: Store) -> list[dict[str, Any]]:
    levels: dict[str, dict[str, Any]] = {}
    for row in store.rows("SELECT * FROM level"):
        levels.setdefault(row["sku"], {})[row["location_id"]] = {
            "quantity": row["quantity"],
            "sequence": row["sequence"],
            "updated_at": row["updated_at"],
        }
    return [
        {
            "sku": product.sku,
            "title": product.title,
            "unit": product.unit,
            "badge": product.badge,
            "price": f"{product.price:.2f}",
            "levels": levels[product.sku],
        }
        for product in store.catalogue.products
    ]


def _orders(store: Store) -> list[dict[str, Any]]:
    rows = store.rows(
        "SELECT body FROM sale ORDER BY number DESC LIMIT ?", ORDERS_SHOWN
    )
    return [_order(store, json.loads(row["body"])) for row in rows]


def _order(store: Store, order: dict[str, Any]) -> dict[str, Any]:
    """Return an order with what the page adds: state, shipments, what may be done."""
    reports = store.rows(
        "SELECT kind, body FROM report WHERE order_id = ? ORDER BY rowid", order["id"]
    )
    still_open = sum((open_quantity(x) for x in order["lines"]), Decimal(0))
    shipped = any(line["fulfilled_quantity"] != "0" for line in order["lines"])
    if order["status"] == "cancelled":
        progress = "cancelled"
    elif shipped:
        progress = "partly shipped" if still_open else "shipped"
    else:
        progress = "open"
    returned = returnable(store, order)
    return {
        **order,
        "progress": progress,
        "open": plain(still_open),
        "returnable": plain(sum(returned.values(), Decimal(0))),
        "shipments": [
            json.loads(row["body"]) for row in reports if row["kind"] == "shipment"
        ],
    }
