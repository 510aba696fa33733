"""Libraries that only some channels need: asked for when they are needed."""

from __future__ import annotations

from importlib import import_module
from typing import Any

from .errors import Misconfigured


def optional(name: str, purpose: str) -> Any:
    """Return a module that this installation may or may not have.

    :param str purpose: what cannot be done without it.
    :raise Misconfigured: when it is not installed.
    """
    try:
        return import_module(name)
    except ImportError:
        raise Misconfigured(
            f"{purpose} needs the Python library {name.partition('.')[0]}, which is not"
            " installed on this server.",
            field="base_url",
        ) from None
