"""What the shop sells: ten products of Odoo 19's own demo catalogue.

All ten are storable, untracked and no kits there (``product/data/product_demo.xml``,
``stock/data/stock_demo_pre.xml``).
"""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal

CURRENCY = "usd"
COUNTRY = "us"

LOCATIONS = ("East", "West")
"""Names of the shop's two stock locations."""

SHIPPING_PRICE = Decimal("9.50")


@dataclass(frozen=True)
class Article:
    """One product of the shop.

    :param str sku: the product's internal reference in Odoo.
    :param Decimal price: without tax, in ``CURRENCY``.
    """

    sku: str
    title: str
    price: Decimal


CATALOGUE = (
    Article("E-COM07", "Large Cabinet", Decimal("320.00")),
    Article("E-COM08", "Storage Box", Decimal("15.80")),
    Article("E-COM10", "Pedal Bin", Decimal("47.00")),
    Article("E-COM11", "Cabinet with Doors", Decimal("140.00")),
    Article("FURN_0269", "Office Chair Black", Decimal("120.50")),
    Article("FURN_0789", "Individual Workplace", Decimal("885.00")),
    Article("FURN_7777", "Office Chair", Decimal("70.00")),
    Article("FURN_7888", "Desk Stand with Screen", Decimal("2100.00")),
    Article("FURN_8888", "Office Lamp", Decimal("40.00")),
    Article("FURN_9001", "Flipover", Decimal("1950.00")),
)
