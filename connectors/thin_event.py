"""Events that only name an order: which one, and how they are filed. Pure.

Shops without webhooks of their own tell by a few lines of code in the shop what has
changed: ``{"type": "order.placed", "data": {"id": "..."}}``, or ``order_id`` where the
event is about something else. Nothing else of them is read; the order is fetched.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from contextlib import suppress

from . import signing
from .base import body_digest
from .data import Delivery
from .errors import BadPayload
from .strict_json import Node, load


def described(
    raw: bytes,
    headers: Mapping[str, str],
    stored_topic: str,
    stored_key: Callable[[bytes, Node], tuple[str, str]],
) -> Delivery:
    """Return how to file a thin event, or an order as polling stores it.

    Never raises: what makes no sense is filed under whatever was found, and parsing it
    will say what is wrong.

    :param headers: with lower-case names.
    :param stored_topic: of orders as polling stores them.
    :param stored_key: returns the order's id and the dedupe key of such a body.
    """
    key = headers.get(signing.ID_HEADER) or body_digest(raw)
    topic = order_id = ""
    with suppress(BadPayload):
        root = load(raw)
        topic = root.identifier("type")
        if topic == stored_topic:
            order_id, key = stored_key(raw, root)
        else:
            order_id = named_order(root, topic)
    # The same key under which polled orders are filed.
    order_key = f"order:{order_id}" if order_id else ""
    return Delivery(dedupe_key=key, topic=topic, order_key=order_key)


def named_order(root: Node, topic: str) -> str:
    """Return which order a thin event is about, empty when about none.

    :raise BadPayload: when it is no such event.
    """
    data = root.optional_child("data")
    if data is None:
        return ""
    named = data.identifier("order_id", required=False)
    if named or not topic.startswith("order."):
        return named
    return data.identifier("id", required=False)
