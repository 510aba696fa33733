"""What Medusa could sell, and from where: inventory items and stock locations."""

from __future__ import annotations

from collections.abc import Iterator

from .data import ListingPage, RemoteListing, RemoteLocation
from .medusa_client import MedusaClient, Row, part, rows

_ITEMS = "/admin/inventory-items"
_PLACES = "/admin/stock-locations"
LISTING_FIELDS = (
    "id sku title variants.barcode variants.ean variants.upc variants.title"
    " variants.manage_inventory variants.allow_backorder variants.product.title"
).split()
LOCATION_FIELDS = ("id", "name", "sales_channels.id")


def read_listings(client: MedusaClient, position: str) -> Iterator[ListingPage]:
    """Page through the inventory items, oldest first.

    :param str position: offset from which to go on; new items come behind it.
    """
    pages = client.pages(
        _ITEMS, "inventory_items", LISTING_FIELDS, offset=int(position or 0)
    )
    for page, following in pages:
        yield ListingPage(
            listings=tuple(map(listing, page)),
            position=str(following) if following else "",
        )


def read_locations(client: MedusaClient) -> list[RemoteLocation]:
    """Read every stock location."""
    found = client.everything(_PLACES, "stock_locations", LOCATION_FIELDS)
    return [location(row) for row in found]


def listing(row: Row) -> RemoteListing:
    """Read an inventory item; only one sold as one variant has names of its own.

    Measured on Medusa 2.18.0: when *Manage inventory* is switched off, the variant
    lets go of its item, which then stands alone.
    """
    variants = rows(row, "variants")
    variant = variants[0] if len(variants) == 1 else {}
    product = part(variant, "product").get("title")
    titles = (product, variant.get("title") or row.get("title"))
    codes = (variant.get(name) for name in ("barcode", "ean", "upc"))
    return RemoteListing(
        sku=str(row.get("sku") or ""),
        item_id=str(row.get("id")),
        title=" / ".join(str(title) for title in titles if title),
        barcode=str(next(filter(None, codes), "")),
        tracked=row.get("variants") != [] and all(map(_is_tracked, variants)),
    )


def _is_tracked(variant: Row) -> bool:
    """Tell whether Medusa stops selling a variant when its number is used up."""
    is_managed = variant.get("manage_inventory") is not False
    return is_managed and variant.get("allow_backorder") is not True


def location(row: Row) -> RemoteLocation:
    """Read a stock location; without a sales channel nothing is sold from it."""
    known = "sales_channels" in row
    return RemoteLocation(
        id=str(row.get("id")),
        name=str(row.get("name") or ""),
        active=not known or bool(rows(row, "sales_channels")),
    )
