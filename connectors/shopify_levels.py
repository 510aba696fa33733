"""Read the numbers Shopify sells from, per inventory item and location.

Shopify's ``available`` is what it may still sell: it takes its own orders off at once
(https://shopify.dev/docs/apps/build/orders-fulfillment/inventory-management-apps).
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime

from .data import QuantityKey
from .shopify_client import ShopifyClient, gid, is_number, number, part, rows, whole
from .strict_json import parse_time

LEVELS = """
query HubLevels($items: [ID!]!, $location: ID!) {
  nodes(ids: $items) {
    ... on InventoryItem {
      id
      tracked
      inventoryLevel(locationId: $location) {
        quantities(names: ["available"]) { name quantity updatedAt }
      }
    }
  }
}
"""

_LEVEL_COST = 3.0
_CHUNK = 100
"""Items per reading: 300 points, which the smallest plan restores in three seconds."""


@dataclass(frozen=True, kw_only=True)
class LevelShown:
    """What Shopify shows for one item at one location."""

    quantity: int
    updated_at: datetime | None


def read_levels(
    client: ShopifyClient, keys: Iterable[QuantityKey]
) -> dict[QuantityKey, LevelShown]:
    """Read ``available`` of these keys.

    What Shopify does not know, does not stock there or does not track is left out.
    """
    by_place: dict[str, dict[str, list[QuantityKey]]] = {}
    for key in dict.fromkeys(keys):
        if is_number(key.item_id) and is_number(key.location_id):
            items = by_place.setdefault(key.location_id, {})
            items.setdefault(key.item_id, []).append(key)
    shown: dict[QuantityKey, LevelShown] = {}
    for location_id, items in by_place.items():
        wanted = list(items)
        for start in range(0, len(wanted), _CHUNK):
            for item_id, level in _read_place(
                client, location_id, wanted[start : start + _CHUNK]
            ).items():
                shown.update(dict.fromkeys(items.get(item_id, ()), level))
    return shown


def _read_place(
    client: ShopifyClient, location_id: str, items: Sequence[str]
) -> dict[str, LevelShown]:
    """Read some items at one location, by item."""
    variables = {
        "items": [gid("InventoryItem", item) for item in items],
        "location": gid("Location", location_id),
    }
    data = client.query(LEVELS, variables, cost=_LEVEL_COST * len(items))
    shown = {}
    for item in rows(data, "nodes"):
        if item.get("tracked") is False:
            continue
        for quantity in rows(part(item, "inventoryLevel"), "quantities"):
            if quantity.get("name") == "available":
                shown[number(item.get("id"))] = LevelShown(
                    quantity=whole(quantity, "quantity"),
                    updated_at=parse_time(quantity.get("updatedAt")),
                )
    return shown
