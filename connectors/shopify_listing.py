"""What a shop could sell, where from, and whether the app may do its work there."""

from __future__ import annotations

from collections.abc import Iterator

from .data import Health, RemoteListing, RemoteLocation
from .errors import ConnectorError, Trouble
from .graphql import Row
from .shopify_client import MOST, VERSION, ShopifyClient, number, part, rows

VARIANTS = """
query HubVariants($after: String) {
  productVariants(first: 250, after: $after, sortKey: ID) {
    nodes {
      displayName
      barcode
      requiresComponents
      inventoryItem { id sku tracked }
    }
    pageInfo { hasNextPage endCursor }
  }
}
"""

LOCATIONS = """
query HubLocations($after: String) {
  locations(first: 250, after: $after, includeInactive: true, includeLegacy: true) {
    nodes { id name isActive }
    pageInfo { hasNextPage endCursor }
  }
}
"""

CHECK = """
query HubCheck {
  shop { name }
  currentAppInstallation { accessScopes { handle } }
}
"""

SCOPES = (
    "read_products",
    "read_inventory",
    "write_inventory",
    "read_locations",
    "read_orders",
    "write_orders",
    "write_order_edits",
    "read_merchant_managed_fulfillment_orders",
    "write_merchant_managed_fulfillment_orders",
    "read_returns",
    "read_customers",
)
"""Access scopes the hub needs; the right to write implies the one to read."""

_TEXT = 255


def listings(client: ShopifyClient) -> Iterator[RemoteListing]:
    """Read every variant once, by the inventory item that is counted.

    A bundle is marked as untracked: its number follows from its parts, and Shopify takes
    no other.
    """
    seen: set[str] = set()
    for page in client.pages(VARIANTS, {}, 2.0 + 2 * MOST, "productVariants"):
        for row in page:
            item = part(row, "inventoryItem")
            item_id = number(item.get("id"))
            if not item_id or item_id in seen:
                continue
            seen.add(item_id)
            is_bundle = row.get("requiresComponents") is True
            yield RemoteListing(
                sku=_text(item, "sku"),
                item_id=item_id,
                title=_text(row, "displayName"),
                barcode=_text(row, "barcode"),
                tracked=item.get("tracked") is not False and not is_bundle,
            )


def locations(client: ShopifyClient) -> Iterator[RemoteLocation]:
    """Read every location, those that are switched off too."""
    for page in client.pages(LOCATIONS, {}, 2.0 + MOST, "locations"):
        for row in page:
            if location_id := number(row.get("id")):
                yield RemoteLocation(
                    id=location_id,
                    name=_text(row, "name"),
                    active=row.get("isActive") is not False,
                )


def check(client: ShopifyClient) -> Health:
    """Ask for the shop's name and what the app may do; never raises."""
    try:
        data = client.query(CHECK, {}, cost=5)
        granted = rows(part(data, "currentAppInstallation"), "accessScopes")
    except ConnectorError as error:
        return Health.failed(error)
    name = _text(part(data, "shop"), "name") or "a shop without a name"
    handles = {str(row.get("handle")) for row in granted}
    missing = [scope for scope in SCOPES if not _has(scope, handles)]
    if missing:
        return Health(
            ok=False,
            message=f"Connected to {name}, but the app lacks these access scopes:"
            f" {', '.join(missing)}.",
            trouble=Trouble.SETUP,
        )
    if client.served and client.served != VERSION:
        return Health(
            ok=False,
            message=f"Connected to {name}, but Shopify no longer serves version"
            f" {VERSION} of its API and answers with {client.served}: update the hub.",
        )
    return Health(ok=True, message=f"Connected to {name}.")


def _has(scope: str, handles: set[str]) -> bool:
    return scope in handles or scope.replace("read_", "write_", 1) in handles


def _text(row: Row, name: str) -> str:
    value = row.get(name)
    return value.strip()[:_TEXT] if isinstance(value, str) else ""
