"""Push inventory levels to Medusa, whose batch call is all or nothing.

Measured on Medusa 2.18.0: a level must be created before it can be updated; creating
twice, or updating what is not there, refuses the whole batch; a level at a location
that does not exist is *taken*; the answer's ``available_quantity`` is the old one.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

from .batch_push import BatchPush, Objection
from .data import QuantityKey, QuantityUpdate
from .errors import RetryLater
from .medusa_client import MedusaClient, Row, rows

_BATCH = "/admin/inventory-items/location-levels/batch"
_ITEMS = "/admin/inventory-items"
_LOCATIONS = "/admin/stock-locations"
_FIELDS = (
    "id",
    "location_levels.id",
    "location_levels.location_id",
    "location_levels.stocked_quantity",
)


@dataclass(frozen=True)
class Levels:
    """What Medusa shows, per item and location; items it does not have are absent."""

    by_item: Mapping[str, Mapping[str, Decimal]]

    def shown(self, key: QuantityKey) -> Decimal | None:
        """Return the quantity shown, None where there is no level."""
        return self.by_item.get(key.item_id, {}).get(key.location_id)


def read_levels(client: MedusaClient, keys: Iterable[QuantityKey]) -> Levels:
    """Read ``stocked_quantity`` of these items at every location."""
    items = {key.item_id for key in keys}
    return Levels(
        {
            str(row.get("id")): {
                str(level.get("location_id")): _quantity(level)
                for level in rows(row, "location_levels")
            }
            for row in client.read(_ITEMS, "inventory_items", _FIELDS, ("id[]", items))
        }
    )


def _quantity(level: Row) -> Decimal:
    value = level.get("stocked_quantity")
    if isinstance(value, bool) or not isinstance(value, Decimal | int):
        raise RetryLater("Medusa's answer makes no sense: stocked_quantity.")
    return Decimal(value)


def json_number(quantity: Decimal) -> int | float:
    """Return what JSON can hold: Medusa refuses strings."""
    whole = int(quantity)
    return whole if whole == quantity else float(quantity)


class Push(BatchPush[Levels]):
    """One ``publish`` call to Medusa."""

    def __init__(self, client: MedusaClient, updates: Sequence[QuantityUpdate]) -> None:
        super().__init__(updates)
        self._client = client

    def _look(self, keys: Iterable[QuantityKey]) -> Levels:
        return read_levels(self._client, keys)

    def _shown(self, seen: Levels, key: QuantityKey) -> Decimal | None:
        return seen.shown(key)

    def _unknown_keys(
        self, keys: Sequence[QuantityKey], seen: Levels
    ) -> Mapping[QuantityKey, Objection]:
        """Refuse items and locations that Medusa does not have."""
        missing = [key for key in keys if seen.shown(key) is None]
        places = {
            str(row.get("id"))
            for row in self._client.read(
                _LOCATIONS,
                "stock_locations",
                ("id",),
                ("id[]", [key.location_id for key in missing]),
            )
        }
        found: dict[QuantityKey, Objection] = {}
        for key in missing:
            if key.item_id not in seen.by_item:
                message = f"Medusa has no inventory item {key.item_id!r}."
                found[key] = "unknown_item", "item_id", message
            elif key.location_id not in places:
                message = f"Medusa has no stock location {key.location_id!r}."
                found[key] = "unknown_location", "location_id", message
        return found

    def _send(
        self, indexes: Sequence[int], seen: Levels
    ) -> Mapping[QuantityKey, Decimal]:
        create: list[dict[str, Any]] = []
        update: list[dict[str, Any]] = []
        for index in indexes:
            key = self._key(index)
            row = {
                "inventory_item_id": key.item_id,
                "location_id": key.location_id,
                "stocked_quantity": json_number(self._updates[index].quantity),
            }
            (create if seen.shown(key) is None else update).append(row)
        # The published specification marks all three lists as required.
        body = {"create": create, "update": update, "delete": []}
        answer = self._client.post(_BATCH, body)
        shown = {
            (str(row.get("inventory_item_id")), str(row.get("location_id"))): _quantity(
                row
            )
            for row in (*rows(answer, "created"), *rows(answer, "updated"))
        }
        keys = map(self._key, indexes)
        places = {key: (key.item_id, key.location_id) for key in keys}
        return {key: shown[place] for key, place in places.items() if place in shown}
