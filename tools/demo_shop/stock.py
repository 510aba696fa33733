"""Numbers: what the hub says we may sell, taken level by level."""

from __future__ import annotations

import sqlite3
from decimal import Decimal
from typing import Any

from .store import Store
from .wire import (
    MAX_LEVELS,
    RefusedError,
    decimal_field,
    list_field,
    plain,
    text_field,
)

PAGE = 100
"""Levels or listings per page."""


def take_levels(
    store: Store, db: sqlite3.Connection, data: dict[str, Any]
) -> list[dict[str, Any]]:
    """Apply an ``inventory.updated`` body; return one result per level, in order.

    :raise RefusedError: when the body as a whole makes no sense.
    """
    levels = list_field(data, "levels")
    if len(levels) > MAX_LEVELS:
        raise RefusedError(422, "too_many", f"More than {MAX_LEVELS} levels.", "levels")
    results = []
    for level in levels:
        try:
            results.append(_take_level(store, db, level))
        except RefusedError as error:
            results.append(_rejected(level, error))
    _note_levels(store, db, levels, results)
    return results


def _take_level(
    store: Store, db: sqlite3.Connection, level: dict[str, Any]
) -> dict[str, Any]:
    """Compare and set one number.

    Two guards protect what the shop shows. A sequence that is not above the last
    applied one is an old or repeated number. A ``previous`` that differs from
    what the shop shows was computed before our latest sale. Both are answered
    with our number and sequence, so that the hub can compute again.
    """
    sku, location_id = text_field(level, "sku"), text_field(level, "location_id")
    quantity, sequence = _checked_amounts(level)
    row = store.row(
        "SELECT * FROM level WHERE sku = ? AND location_id = ?", sku, location_id
    )
    if row is None:
        raise _unknown(store, sku, location_id)
    answer = {"sku": sku, "location_id": location_id}
    previous = level.get("previous")
    code = ""
    if sequence <= row["sequence"]:
        code = "old_sequence"
    elif previous is not None and Decimal(previous) != Decimal(row["quantity"]):
        code = "previous_differs"
    if code:
        known = {"quantity": row["quantity"], "sequence": row["sequence"]}
        return {**answer, "status": "stale", **known, "code": code}
    store.set_quantity(db, sku, location_id, quantity, sequence)
    applied = {"quantity": plain(quantity), "sequence": sequence}
    return {**answer, "status": "applied", **applied}


def _checked_amounts(level: dict[str, Any]) -> tuple[Decimal, int]:
    """Return quantity and sequence of a level whose types are right.

    :raise RefusedError: when they are not, or the quantity is not whole.
    """
    quantity = decimal_field(level, "quantity")
    sequence = level.get("sequence")
    if not isinstance(sequence, int) or isinstance(sequence, bool):
        raise RefusedError(422, "bad_type", "sequence must be an integer.", "sequence")
    if level.get("previous") is not None:
        decimal_field(level, "previous")
    if quantity != quantity.to_integral_value():
        raise RefusedError(
            422, "not_whole", "This shop sells whole pieces only.", "quantity"
        )
    return quantity, sequence


def _unknown(store: Store, sku: str, location_id: str) -> RefusedError:
    """Return the refusal that names what of the two the shop does not have."""
    if all(location.id != location_id for location in store.catalogue.locations):
        return RefusedError(
            422, "unknown_location", f"No location {location_id}.", "location_id"
        )
    return RefusedError(422, "unknown_sku", f"{sku} is not for sale here.", "sku")


def _rejected(level: dict[str, Any], error: RefusedError) -> dict[str, Any]:
    return {
        "sku": level.get("sku"),
        "location_id": level.get("location_id"),
        "status": "rejected",
        "code": error.code,
        "field": error.field,
        "message": error.message,
    }


def _note_levels(
    store: Store,
    db: sqlite3.Connection,
    levels: list[dict[str, Any]],
    results: list[dict[str, Any]],
) -> None:
    """Put one line about the whole call into the activity feed."""
    counts = {status: 0 for status in ("applied", "stale", "rejected")}
    shown = []
    for level, result in zip(levels, results, strict=True):
        counts[result["status"]] += 1
        name = store.catalogue.name_of(level.get("sku"), level.get("location_id"))
        if result["status"] == "applied":
            shown.append(f"{name} → {result['quantity']}")
        else:
            shown.append(f"{name} {result['status']} ({result['code']})")
    more = f" and {len(shown) - 3} more" if len(shown) > 3 else ""
    title = ", ".join(f"{n} {status}" for status, n in counts.items() if n)
    tone = "bad" if counts["rejected"] or counts["stale"] else "good"
    store.note(db, "hub", f"Stock update: {title}", " · ".join(shown[:3]) + more, tone)


def level_page(store: Store, cursor: str) -> dict[str, Any]:
    """Return one page of levels; the cursor is the number of rows to skip.

    :raise RefusedError: 422 on a cursor that is not ours.
    """
    skip = page_start(cursor)
    rows = store.rows(
        "SELECT sku, location_id, quantity, sequence, updated_at FROM level"
        " ORDER BY sku, location_id LIMIT ? OFFSET ?",
        PAGE + 1,
        skip,
    )
    following = str(skip + PAGE) if len(rows) > PAGE else None
    return {"levels": [dict(row) for row in rows[:PAGE]], "next": following}


def listing_page(store: Store, cursor: str) -> dict[str, Any]:
    """Return one page of what is for sale.

    :raise RefusedError: 422 on a cursor that is not ours.
    """
    skip = page_start(cursor)
    products = store.catalogue.products[skip : skip + PAGE]
    is_more = len(store.catalogue.products) > skip + PAGE
    return {
        "listings": [
            {
                "sku": product.sku,
                "item_id": product.item_id,
                "title": product.title,
                "unit": product.unit,
            }
            for product in products
        ],
        "next": str(skip + PAGE) if is_more else None,
    }


def page_start(cursor: str) -> int:
    """Return how many rows a cursor skips; the levels of a shop never go away.

    :raise RefusedError: 422 when it is none of ours.
    """
    if not cursor:
        return 0
    if not cursor.isascii() or not cursor.isdigit() or len(cursor) > 9:
        raise RefusedError(422, "bad_cursor", "This cursor is not ours.", "cursor")
    return int(cursor)
