"""What Medusa lists: its inventory items, with the product they belong to."""

from __future__ import annotations

from collections.abc import Iterator

from .data import ListingPage, RemoteListing
from .medusa_client import MedusaClient, Row, part, rows

_PATH = "/admin/inventory-items"
_FIELDS = "id sku title variants.barcode variants.title variants.product.title"


def read_listings(client: MedusaClient, position: str) -> Iterator[ListingPage]:
    """Page through the inventory items, oldest first.

    :param str position: offset from which to go on; new items come behind it.
    """
    pages = client.pages(
        _PATH, "inventory_items", _FIELDS.split(), offset=int(position or 0)
    )
    for page, following in pages:
        yield ListingPage(
            listings=tuple(map(_listing, page)),
            position=str(following) if following else "",
        )


def _listing(row: Row) -> RemoteListing:
    variants = rows(row, "variants")
    variant = variants[0] if len(variants) == 1 else {}
    product = part(variant, "product").get("title")
    titles = (product, variant.get("title") or row.get("title"))
    return RemoteListing(
        sku=str(row.get("sku") or ""),
        item_id=str(row.get("id")),
        title=" / ".join(str(title) for title in titles if title),
        barcode=str(variant.get("barcode") or ""),
    )
