"""Which connectors exist: ours by a table, other people's by registration."""

from __future__ import annotations

import inspect
import re
from importlib import import_module

from .base import Connector

_BUILT_IN = {
    "rest": (".rest", "RestConnector"),
    "medusa": (".medusa", "MedusaConnector"),
    "vendure": (".vendure", "VendureConnector"),
    "filedrop": (".filedrop", "FiledropConnector"),
    "shopify": (".shopify", "ShopifyConnector"),
    "woocommerce": (".woocommerce", "WooCommerceConnector"),
}
"""Module and class by key; a module is imported when it is first asked for."""

_KEY = re.compile(r"[a-z][a-z0-9_]{0,31}")
_registered: dict[str, type[Connector]] = {}


def register(connector: type[Connector]) -> type[Connector]:
    """Make a connector of another addon known; usable as a class decorator.

    Registering the same class again changes nothing, so that reloading is harmless.

    :raise ValueError: when the key is malformed or taken, or the class is unfinished.
    """
    key = connector.key
    if not _KEY.fullmatch(key):
        raise ValueError(f"{key!r} is not a connector key: use [a-z][a-z0-9_]*.")
    if inspect.isabstract(connector):
        missing = ", ".join(sorted(connector.__abstractmethods__))
        raise ValueError(
            f"{connector.__qualname__} leaves methods of the contract out: {missing}."
        )
    if key in _BUILT_IN or _registered.get(key, connector) is not connector:
        raise ValueError(f"The connector key {key!r} is taken.")
    _registered[key] = connector
    return connector


def get(key: str) -> type[Connector]:
    """Return the connector class of a key.

    :raise KeyError: when there is none.
    """
    if key in _registered:
        return _registered[key]
    module, name = _BUILT_IN[key]
    connector: type[Connector] = getattr(import_module(module, __package__), name)
    return connector


def all_connectors() -> dict[str, type[Connector]]:
    """Return every connector class by key, ours first."""
    return {key: get(key) for key in (*_BUILT_IN, *_registered)}


def selection() -> list[tuple[str, str]]:
    """Return (key, label) of every connector, for a selection field."""
    return [(key, connector.label) for key, connector in all_connectors().items()]
