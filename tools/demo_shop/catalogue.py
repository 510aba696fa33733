"""What the shop sells and from where, read once from a JSON file."""

from __future__ import annotations

import json
from dataclasses import dataclass
from decimal import Decimal
from pathlib import Path

DEFAULT_PATH = Path(__file__).with_name("catalogue.json")


@dataclass(frozen=True, kw_only=True)
class Product:
    """One item for sale; ``price`` is per ``unit``, without tax.

    :param str badge: a word shown beside the title ("Kit", "Pack of 6").
    """

    sku: str
    title: str
    price: Decimal
    unit: str = "Units"
    badge: str = ""

    @property
    def item_id(self) -> str:
        """Return the shop's own id, which is not the SKU."""
        return f"item-{self.sku.lower()}"


@dataclass(frozen=True, kw_only=True)
class Location:
    """One place the shop ships from."""

    id: str
    name: str


@dataclass(frozen=True, kw_only=True)
class Catalogue:
    """The whole assortment.

    :param Product shop_only: sold by the shop but unknown to the ERP; it is not
        listed to the hub and has no stock.
    """

    shop: str
    currency: str
    locations: tuple[Location, ...]
    products: tuple[Product, ...]
    shop_only: Product

    def find(self, sku: str) -> Product | None:
        """Return the product with this SKU, the unlisted one included."""
        for product in (*self.products, self.shop_only):
            if product.sku == sku:
                return product
        return None

    def name_of(self, sku: object, location_id: object) -> str:
        """Return how people call a level; ids nobody knows stay as they are."""
        titles = {product.sku: product.title for product in self.products}
        names = {location.id: location.name for location in self.locations}
        title = titles.get(str(sku), str(sku))
        return f"{title}, {names.get(str(location_id), str(location_id))}"


def load(path: Path = DEFAULT_PATH) -> Catalogue:
    """Read a catalogue file.

    :raise OSError: when it cannot be read.
    :raise ValueError: when it is no JSON or a price is no number.
    :raise KeyError: when something is missing.
    """
    data = json.loads(path.read_text(encoding="utf-8"))
    return Catalogue(
        shop=data["shop"],
        currency=data["currency"],
        locations=tuple(Location(**entry) for entry in data["locations"]),
        products=tuple(_product(entry) for entry in data["products"]),
        shop_only=_product(data["shop_only"]),
    )


def _product(entry: dict[str, str]) -> Product:
    price = Decimal(entry["price"])
    texts = {name: text for name, text in entry.items() if name != "price"}
    return Product(price=price, **texts)
