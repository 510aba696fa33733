"""Read what a WooCommerce shop sells: products, and the variations of those that vary.

What is put together of other products (grouped) or sold by somebody else (external) has
no stock and is left out, and so is a product that varies: its variations are sold.
"""

from __future__ import annotations

from collections.abc import Iterator
from html import unescape

from .data import RemoteListing
from .woocommerce_client import Row, WooClient, id_of, parts

_FIELDS = (
    "_fields",
    "id,name,sku,type,manage_stock,global_unique_id,attributes,variations",
)
_WITHOUT_STOCK = frozenset({"grouped", "external"})


def read_listings(client: WooClient) -> Iterator[RemoteListing]:
    """Yield every item once, with the ids its number is written to."""
    for row in _once(client, "/products"):
        kind = str(row.get("type") or "")
        if kind in _WITHOUT_STOCK:
            continue
        if not kind.startswith("variable"):
            yield _listing(row, str(id_of(row)), _text(row, "name"), "")
            continue
        parent = id_of(row)
        for variation in _once(client, f"/products/{parent}/variations"):
            options = (
                _text(entry, "option") for entry in parts(variation, "attributes")
            )
            title = " / ".join(filter(None, (_text(row, "name"), *options)))
            item_id = f"{parent}/{id_of(variation)}"
            yield _listing(variation, item_id, title, _text(row, "sku"))


def _once(client: WooClient, path: str) -> Iterator[Row]:
    seen: set[int] = set()
    for row in client.everything(path, [_FIELDS]):
        if id_of(row) not in seen:
            seen.add(id_of(row))
            yield row


def _listing(row: Row, item_id: str, title: str, inherited: str) -> RemoteListing:
    """Return one item.

    :param inherited: SKU of the parent, which WooCommerce answers for variations that
        have none of their own; several items would carry it.
    """
    sku = _text(row, "sku")
    return RemoteListing(
        sku="" if inherited and sku == inherited else sku,
        item_id=item_id,
        title=title[:255],
        barcode=_text(row, "global_unique_id"),
        tracked=row.get("manage_stock") is True,
    )


def _text(row: Row, name: str) -> str:
    value = row.get(name)
    return unescape(value).strip() if isinstance(value, str) else ""
