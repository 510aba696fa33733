"""Read what a Medusa shop could sell, and from where. No I/O."""

from __future__ import annotations

from .data import RemoteListing, RemoteLocation
from .medusa_client import Row, part, rows

LISTING_FIELDS = (
    "id sku title variants.barcode variants.ean variants.upc variants.title"
    " variants.manage_inventory variants.allow_backorder variants.product.title"
).split()

LOCATION_FIELDS = ("id", "name", "sales_channels.id")


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
