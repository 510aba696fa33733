"""What most shops that speak JSON over HTTPS have in common, for connectors of others.

A connector that inherits :class:`JsonShop` says how it signs in, how an order reads and
which pages there are; the rest is done here the way the contract wants it. Where a shop
differs, override the method: each stands alone.
"""

from __future__ import annotations

import json as jsonlib
from abc import abstractmethod
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any, ClassVar

from .base import Connector, body_digest
from .data import (
    Cancellation,
    Delivery,
    FetchedOrder,
    Health,
    OrderSnapshot,
    ReturnSnapshot,
)
from .errors import BadPayload, BadSignature, ConnectorError, Misconfigured, Rejected
from .signing import equals, hmac_sha256_base64
from .strict_json import Answer, load

_SHORTEST_SECRET = 16


def _sorted(value: Any) -> bytes:
    return jsonlib.dumps(value, sort_keys=True, default=str).encode()


class JsonShop(Connector):
    """A shop whose deliveries are orders in JSON, signed by HMAC-SHA256 in base64.

    Needs a setting ``base_url``, without a slash at its end.
    """

    signature_header: ClassVar[str]
    """Lower-case name of the header with the signature of a delivery."""
    topic: ClassVar[str] = "order"
    """What its deliveries and polled orders are filed under."""
    signing_help: ClassVar[str] = "A text of 16 letters or more that the shop shows."

    @abstractmethod
    def sign_in(self) -> Mapping[str, str]:
        """Return the headers that tell the shop who calls.

        :raise Misconfigured: when a setting is missing.
        """

    def setting(self, name: str) -> str:
        """Return a setting that must be there.

        :raise Misconfigured: naming it.
        """
        value = self.config.get(name, "").strip()
        if not value:
            raise Misconfigured("A setting is missing.", field=name)
        return value

    def call(
        self,
        method: str,
        path: str,
        *,
        params: Mapping[str, str] | None = None,
        json: object | None = None,
    ) -> Answer:
        """Do one call and return the JSON answered.

        :param str path: below ``base_url``; foreign ids in it went through
            :func:`.transport.segment`.
        :raise Rejected: with the status as code, where the shop says no.
        :raise Misconfigured: where it does not know us, or a setting is missing.
        :raise RetryLater: where nobody knows what became of the call.
        """
        response = self.transport.request(
            method,
            self.setting("base_url") + path,
            headers={"accept": "application/json", **self.sign_in()},
            params=params,
            json=json,
        )
        status = response.status
        if status in (401, 403):
            message = f"{self.label} does not accept our credentials ({status})."
            raise Misconfigured(message)
        if status >= 400:
            message = f"{self.label} refuses the call ({status})."
            raise Rejected(message, code=str(status))
        return Answer(response.json(), "")

    # ------------------------------------------------------------- deliveries

    @classmethod
    def accepts_secret(cls, secret: str) -> bool:
        return len(secret.strip()) >= _SHORTEST_SECRET

    def verify(
        self,
        raw: bytes,
        headers: Mapping[str, str],
        secrets: Sequence[str],
        now: datetime,
    ) -> None:
        given = headers.get(self.signature_header, "")
        usable = filter(self.accepts_secret, secrets)
        expected = [hmac_sha256_base64(secret.encode(), raw) for secret in usable]
        # No early end: the time must not tell which secret fits.
        if sum(equals(signature, given) for signature in expected) == 0:
            raise BadSignature("No signature matches.")

    def describe(self, raw: bytes, headers: Mapping[str, str]) -> Delivery:
        """File by what the body says: the same content of an order comes once.

        Polled or delivered makes no difference, nor does the order of keys. The same
        version with another content is another delivery.
        """
        try:
            event = next(iter(self.parse(raw, self.topic)), None)
            raw = _sorted(load(raw).value)
        except BadPayload:
            event = None
        key, order_key = f"digest:{body_digest(raw)}", ""
        if isinstance(event, OrderSnapshot):
            order_key = f"order:{event.id}"
            key = f"{order_key}:{event.version}:{body_digest(raw)[:16]}"
        elif isinstance(event, ReturnSnapshot):
            order_key = f"order:{event.order_id}"
        return Delivery(dedupe_key=key, topic=self.topic, order_key=order_key)

    def fetched(self, order_id: str, body: Any) -> FetchedOrder:
        """Wrap what was polled into the body a delivery of it would have."""
        raw = _sorted(body)
        said = self.describe(raw, {})
        return FetchedOrder(
            order_id=order_id, dedupe_key=said.dedupe_key, topic=self.topic, raw=raw
        )

    # --------------------------------------------------------------- the rest

    def report_cancel(self, cancellation: Cancellation) -> None:
        raise Rejected(f"{self.label} cannot be told of cancellations.")

    def check(self) -> Health:
        try:
            count = sum(1 for _listing in self.fetch_listings())
        except ConnectorError as error:
            return Health.failed(error)
        return Health(ok=True, message=f"{self.label} answers; items listed: {count}.")
