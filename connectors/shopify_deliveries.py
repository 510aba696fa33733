"""What Shopify delivers by webhook: authentic, filed, and read as "fetch this order".

A delivery is only ever a hint. Shopify repeats one with the body it had the first time,
up to hours later, and several may overtake each other; so nothing of a body is applied,
the order it names is read as it is now.

The signature (shopify.dev/docs/apps/build/webhooks/verify-deliveries) covers the raw
body and nothing else: neither the topic, nor the id of the delivery, nor a time. Who
has caught one delivery can send its body again under any header. Therefore no header
decides what a delivery does: the order is found in the body, and the dedupe key has the
body's digest beside the delivery's id, so that an old body under the id of another
delivery does not make that one count as a repeat. All a replay achieves is that an
order is read once more.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime
from decimal import localcontext
from typing import ClassVar

from .base import body_digest
from .data import Delivery, Event, FetchOrder
from .errors import BadPayload, BadSignature
from .shopify_order import is_test, parse_order
from .shopify_payload import TOPIC, stored_key
from .shopify_return import parse_returns
from .signing import equals, hmac_sha256_base64
from .strict_json import Node, load

SIGNATURE_HEADER = "x-shopify-hmac-sha256"
TOPIC_HEADER = "x-shopify-topic"
ID_HEADER = "x-shopify-webhook-id"

TOPICS = (
    "ORDERS_CREATE",
    "ORDERS_UPDATED",
    "ORDERS_CANCELLED",
    "ORDERS_EDITED",
    "REFUNDS_CREATE",
    "RETURNS_APPROVE",
    "RETURNS_PROCESS",
    "RETURNS_UPDATE",
    "RETURNS_CANCEL",
    "RETURNS_CLOSE",
    "RETURNS_REOPEN",
    "REVERSE_FULFILLMENT_ORDERS_DISPOSE",
    "FULFILLMENT_ORDERS_ORDER_ROUTING_COMPLETE",
    "FULFILLMENT_ORDERS_MOVED",
    "APP_UNINSTALLED",
)
"""What is subscribed to, as the GraphQL API names it."""

TOPIC_FIELDS: Mapping[str, tuple[str, ...]] = {
    **dict.fromkeys(
        ("ORDERS_CREATE", "ORDERS_UPDATED", "ORDERS_CANCELLED"),
        ("id", "admin_graphql_api_id", "test", "updated_at"),
    ),
    "REFUNDS_CREATE": ("id", "admin_graphql_api_id", "order_id", "created_at"),
}
"""What the bodies of a topic are to hold. The order is read anyway, so that no address
needs to travel and to be stored with a hint. Other topics name nobody."""

TAKE_TEST_ORDERS = "test_orders"
"""Setting under which test orders are taken."""

_YES = ("1", "on", "true", "yes")

_IGNORED = (
    "app",
    "app_subscriptions",
    "bulk_operations",
    "inventory_items",
    "inventory_levels",
    "locations",
    "product_listings",
    "products",
    "shop",
    "variants",
)
"""Resources of topics that say nothing of an order; the first of them are the echo of
our own numbers. Shop data is not among them where it asks for erasure."""
_ERASURE = "shop/redact"

_SECRET = re.compile(r"[!-~]{16,255}")
_TOPIC = re.compile(r"[a-z0-9_]{1,100}/[a-z0-9_]{1,100}")
_ID = re.compile(r"[!-~]{1,100}")
_NUMBER = re.compile(r"[1-9][0-9]{0,19}")
_GID = re.compile(r"gid://shopify/([A-Za-z]{1,60})/([1-9][0-9]{0,19})(?:\?.*)?")

_WRAPPERS = (
    "order",
    "order_edit",
    "refund",
    "return",
    "fulfillment",
    "fulfillment_order",
    "original_fulfillment_order",
    "moved_fulfillment_order",
    "reverse_fulfillment_order",
)
"""Where in a body the thing that it is about may stand."""

OWNED = frozenset(
    {"FulfillmentOrder", "Fulfillment", "Refund", "Return", "ReverseFulfillmentOrder"}
)
"""Kinds of things that belong to an order and are asked for it."""


class ShopifyDeliveries:
    """The webhook side of the connector."""

    config: Mapping[str, str]

    signing_help: ClassVar[str] = (
        "Shopify signs with the client secret of the app, 32 or more letters and"
        " digits, often with shpss_ before them. It is on the app's page, under Client"
        " credentials. For a webhook made by hand, the page Notifications, Webhooks"
        " shows it."
    )

    @classmethod
    def accepts_secret(cls, secret: str) -> bool:
        """Tell whether this may be a client secret."""
        return _SECRET.fullmatch(secret) is not None

    def verify(
        self,
        raw: bytes,
        headers: Mapping[str, str],
        secrets: Sequence[str],
        now: datetime,
    ) -> None:
        """Return when one of the secrets signed this body.

        After a secret was renewed, Shopify may sign with the old one for an hour.

        :raise BadSignature: otherwise, also without any usable secret.
        """
        given = headers.get(SIGNATURE_HEADER, "")
        matched = False
        for secret in secrets:
            if secret.strip():
                # No early end: the time must not tell which secret fits.
                key = secret.encode("utf-8", "replace")
                matched |= equals(hmac_sha256_base64(key, raw), given)
        if not matched:
            raise BadSignature("No signature matches.")

    def describe(self, raw: bytes, headers: Mapping[str, str]) -> Delivery:
        """Return how to file a delivery: by its order, where it names one."""
        topic = headers.get(TOPIC_HEADER, "")
        topic = topic if _TOPIC.fullmatch(topic) else ""
        delivery_id = headers.get(ID_HEADER, "")
        digest = body_digest(raw)
        key = f"{delivery_id}:{digest}" if _ID.fullmatch(delivery_id) else digest
        order_id = ""
        try:
            root = load(raw)
            if _is_stored(root):
                topic = TOPIC
                order_id, key = stored_key(raw, root)
            else:
                order_id = _named_order(root, topic)
        except BadPayload:
            # Filed under whatever was found; parsing it will say what is wrong.
            pass
        # The same key under which polled orders are filed.
        order_key = f"order:{order_id}" if order_id else ""
        return Delivery(dedupe_key=key, topic=topic, order_key=order_key)

    def parse(self, raw: bytes, topic: str) -> list[Event]:
        """Read a stored order, or which order a delivery asks to be fetched.

        Test orders are passed over unless the setting says to take them.

        :raise BadPayload: also for a delivery of a kind that nobody expects.
        """
        root = load(raw)
        takes_tests = takes_test_orders(self.config)
        if _is_stored(root):
            if is_test(root) and not takes_tests:
                return []
            with localcontext() as context:
                # Whatever amounts and quantities a body holds, their products fit.
                context.prec = 60
                return [parse_order(root), *parse_returns(root)]
        if _is_test_delivery(root) and not takes_tests:
            return []
        named = _named_order(root, topic) or next(_named_parts(root), "")
        if named:
            return [FetchOrder(order_id=named)]
        if topic.partition("/")[0] in _IGNORED and topic != _ERASURE:
            return []
        root.refuse("names no order")


def takes_test_orders(config: Mapping[str, str]) -> bool:
    """Tell whether orders that were paid with play money are taken."""
    return config.get(TAKE_TEST_ORDERS, "").strip().lower() in _YES


def _is_stored(root: Node) -> bool:
    return isinstance(root.value, dict) and root.value.get("type") == TOPIC


def _is_test_delivery(root: Node) -> bool:
    return any(node.value.get("test") is True for node in _places(root, ("order",)))


def _places(root: Node, wrappers: Sequence[str] = _WRAPPERS) -> Iterator[Node]:
    """Yield the body and the objects in it that may be what it is about."""
    if not isinstance(root.value, dict):
        root.refuse("must be an object")
    yield root
    for name in wrappers:
        if isinstance(root.value.get(name), dict):
            yield root.child(name)


def _named_order(root: Node, topic: str) -> str:
    """Return the number of the order that a body names, empty when it names none."""
    for node in _places(root):
        kind, number = _gid_of(node, "admin_graphql_api_id")
        if kind == "Order":
            return number
        if found := _number(node.value.get("order_id")):
            return found
        is_order = node.path == "order" or (
            not node.path and topic.startswith("orders/")
        )
        if is_order and (found := _number(node.value.get("id"))):
            return found
    return ""


def _named_parts(root: Node) -> Iterator[str]:
    """Yield the wire ids of what belongs to an order that the body does not name."""
    for node in _places(root):
        for name in ("admin_graphql_api_id", "id"):
            kind, number = _gid_of(node, name)
            if kind in OWNED:
                yield f"gid://shopify/{kind}/{number}"


def _gid_of(node: Node, name: str) -> tuple[str, str]:
    value = node.value.get(name)
    match = _GID.fullmatch(value) if isinstance(value, str) else None
    return (match[1], match[2]) if match else ("", "")


def _number(value: object) -> str:
    """Return a plain number as text, whichever way it is written."""
    if isinstance(value, int) and not isinstance(value, bool):
        value = str(value)
    is_number = isinstance(value, str) and _NUMBER.fullmatch(value)
    return value if isinstance(value, str) and is_number else ""
