"""WooCommerce's webhooks: their signature, the ping before them, keeping them alive.

WooCommerce delivers once and never again, and switches a webhook off for good after a
few failures in a row; nobody is told. So the subscriptions are looked at again and
again, and what they missed is found by polling.
"""

from __future__ import annotations

import hashlib
import hmac
import re
from collections.abc import Iterable, Mapping, Sequence
from urllib.parse import urlsplit

from .base import body_digest
from .data import Delivery, WebhookFinding, WebhookState
from .errors import BadPayload, BadSignature, Misconfigured, Rejected
from .signing import equals, hmac_sha256_base64
from .strict_json import load
from .woocommerce_client import Row, WooClient, id_of
from .woocommerce_payload import TOPIC, stored_key

TOPICS = ("order.created", "order.updated", "order.deleted", "order.restored")
"""Refunds come as order.updated. Products are not listened to: every number of ours
would come back as an echo, and listings are read when somebody asks for them."""

NAME = "Stock Channel Hub"

_SIGNATURE = "x-wc-webhook-signature"
_SHORTEST, _LONGEST = 16, 255
_PING = re.compile(rb"webhook_id=[0-9]{1,20}")
_TOPIC = re.compile(r"[a-z_]{1,40}\.[a-z_]{1,40}")
_ENTITY = re.compile(
    r"&(?:(?P<name>amp|lt|gt|quot)|#(?P<dec>0*(?:34|38|39|60|62))"
    r"|#[xX](?P<hex>0*(?:22|26|27|3[cCeE])));"
)
_NAMED = {"amp": "&", "lt": "<", "gt": ">", "quot": '"'}


def is_usable_secret(secret: str) -> bool:
    """Tell whether a secret may be one: 16 to 255 characters, no blanks around them."""
    size_fits = _SHORTEST <= len(secret) <= _LONGEST
    return size_fits and secret.isprintable() and secret == secret.strip()


def signing_key(secret: str) -> bytes:
    """Return the key of a secret: WordPress decodes five characters' entities first."""

    def decoded(match: re.Match[str]) -> str:
        if match["name"]:
            return _NAMED[match["name"]]
        return chr(int(match["dec"]) if match["dec"] else int(match["hex"], 16))

    return _ENTITY.sub(decoded, secret).encode()


def sign(secret: str, raw: bytes) -> str:
    """Return the signature of a body."""
    return hmac_sha256_base64(signing_key(secret), raw)


def verify(raw: bytes, headers: Mapping[str, str], secrets: Sequence[str]) -> None:
    """Return when one of the secrets signed this body.

    The time of sending is not signed: a repeat is recognised by its content.

    :param headers: with lower-case names.
    :raise BadSignature: otherwise.
    """
    given = headers.get(_SIGNATURE, "")
    if not given:
        raise BadSignature("The signature header is missing.")
    matched = False
    for secret in filter(is_usable_secret, secrets):
        # No early end: the time must not tell which secret fits.
        matched |= equals(sign(secret, raw), given)
    if not matched:
        raise BadSignature("No signature matches.")


def is_ping(raw: bytes, headers: Mapping[str, str]) -> bool:
    """Tell the form that WooCommerce posts, unsigned, when a webhook is made."""
    return _SIGNATURE not in headers and bool(_PING.fullmatch(raw.strip()))


def describe(raw: bytes, headers: Mapping[str, str]) -> Delivery:
    """Return how to file a delivery; never raises.

    The delivery id is a hash of the webhook and the second, which two deliveries may
    share. So the content decides; only where it is nothing but an id, as of a deleted
    order that may be restored and deleted again, the delivery id joins in.
    """
    topic = headers.get("x-wc-webhook-topic", "")
    topic = topic if _TOPIC.fullmatch(topic) else ""
    key = f"body:{body_digest(raw)}"
    order_id = ""
    try:
        root = load(raw)
        if isinstance(root.value, dict) and root.value.get("type") == TOPIC:
            topic = TOPIC
            order_id, key = stored_key(raw, root)
        elif topic.startswith("order.") or not topic:
            order_id = str(root.integer("id"))
            if len(root.value) == 1:
                sent = headers.get("x-wc-webhook-delivery-id", "")
                key = f"{key}:{hashlib.sha256(sent.encode()).hexdigest()[:16]}"
    except BadPayload:
        # Filed under whatever was found; parsing it will say what is wrong.
        pass
    order_key = f"order:{order_id}" if order_id else ""
    return Delivery(dedupe_key=key, topic=topic, order_key=order_key)


class Watch:
    """One look at the shop's webhooks.

    :param address: where ours deliver to.
    :param secret: what ours are signed with.
    """

    def __init__(self, client: WooClient, address: str, secret: str) -> None:
        if not is_usable_secret(secret):
            raise Misconfigured(
                "A signing secret is needed before webhooks can be made.",
                field="secrets",
            )
        self._client = client
        self._address = address
        self._secret = secret

    def run(self) -> list[WebhookFinding]:
        """Make what is missing, mend what is broken; return what had to be done."""
        ours: dict[str, list[Row]] = {}
        for row in {id_of(r): r for r in self._client.everything("/webhooks")}.values():
            topic = row.get("topic")
            if topic in TOPICS and self._is_ours(row, str(topic)):
                ours.setdefault(str(topic), []).append(row)
        return [
            finding
            for topic in TOPICS
            for finding in self._look_at(topic, ours.get(topic, []))
        ]

    def _look_at(self, topic: str, rows: Sequence[Row]) -> Iterable[WebhookFinding]:
        wanted = {
            "name": self._name(topic),
            "status": "active",
            "delivery_url": self._address,
        }
        # Of several the one that is right already, or the oldest; the others stay as
        # they are, since somebody made them.
        wrong = {id_of(row): _differing(row, wanted) for row in rows}
        if not all(wrong.values()):
            return
        body = {**wanted, "topic": topic, "secret": self._secret}
        path = "/webhooks"
        state, reason = WebhookState.MADE, ""
        if wrong:
            found, reason = min(wrong.items())
            path = f"{path}/{found}"
            state = WebhookState.MENDED
        try:
            self._client.change("PUT" if wrong else "POST", path, body)
        except Rejected as error:
            state, reason = WebhookState.REFUSED, error.message
        yield WebhookFinding(topic=topic, state=state, message=reason)

    def _is_ours(self, row: Row, topic: str) -> bool:
        """Tell a webhook of this channel: sent to its door, on whatever host, or signed
        with its secret. Another channel may be connected to the same shop.
        """
        if row.get("name") == self._name(topic):
            return True
        url = row.get("delivery_url")
        try:
            path = urlsplit(url if isinstance(url, str) else "").path.rstrip("/")
        except ValueError:
            return False
        return bool(path) and path == urlsplit(self._address).path.rstrip("/")

    def _name(self, topic: str) -> str:
        """Return the name of a webhook, with a trace of its secret.

        WooCommerce never shows a secret again; by the trace it is seen that the webhook
        still signs with an older one. It tells nothing of the secret itself.
        """
        trace = hmac.new(self._secret.encode(), NAME.encode(), hashlib.sha256)
        return f"{NAME} {topic} {trace.hexdigest()[:8]}"


def _differing(row: Row, wanted: Mapping[str, str]) -> str:
    """Return in words what is not as it should be, empty when everything is."""
    status = row.get("status")
    if status == "disabled":
        return "WooCommerce had switched it off after failed deliveries."
    if status != wanted["status"]:
        return f"It was {str(status)[:40]}."
    if row.get("delivery_url") != wanted["delivery_url"]:
        return "It was sent to another address."
    if row.get("name") != wanted["name"]:
        return "It was signed with another secret."
    return ""
