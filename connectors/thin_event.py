"""Events that only name an order: which one. Pure.

Shops without webhooks of their own tell by a few lines of code in the shop what has
changed: ``{"type": "order.placed", "data": {"id": "..."}}``, or ``order_id`` where the
event is about something else. Nothing else of them is read; the order is fetched.
"""

from __future__ import annotations

from .strict_json import Node


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
