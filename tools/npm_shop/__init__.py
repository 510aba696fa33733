"""What the real shops from npm have in common: installation, start, what they sell."""

from .calling import JsonCaller, ShopRefused
from .catalogue import CATALOGUE, LOCATIONS, Article
from .install import NpmShop, node_variables
from .level import Level, PlacedOrder
from .server import serving

__all__ = [
    "CATALOGUE",
    "LOCATIONS",
    "Article",
    "JsonCaller",
    "Level",
    "NpmShop",
    "PlacedOrder",
    "ShopRefused",
    "node_variables",
    "serving",
]
