"""WooCommerce's webhooks in memory: delivered once, switched off after failures."""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
from dataclasses import dataclass
from html import unescape
from typing import Any

from .fake_channel import FixedClock

Row = dict[str, Any]

MAX_FAILURES = 5


@dataclass(frozen=True, kw_only=True)
class Sent:
    """One delivery as it arrives at a door; headers in small letters."""

    body: bytes
    headers: dict[str, str]


class FakeHooks:
    """The webhooks of one shop; ``rows`` has their secrets, which are never answered.

    ``pings`` keeps the unsigned forms posted when one is made or sent elsewhere.
    """

    def __init__(self, clock: FixedClock) -> None:
        self._clock = clock
        self.rows: dict[int, Row] = {}
        self.pings: list[bytes] = []

    def shown(self) -> list[Row]:
        """Return all webhooks as they are answered."""
        return [self._shown(row) for row in self.rows.values()]

    def _shown(self, row: Row) -> Row:
        return {key: row[key] for key in row if key not in ("secret", "failures")}

    def add(self, hook_id: int, body: Row) -> Row:
        """Make a webhook and ping its door."""
        row = {"id": hook_id, "status": "active", "name": "", **body, "failures": 0}
        self.rows[hook_id] = row
        self.pings.append(f"webhook_id={hook_id}".encode())
        return self._shown(row)

    def change(self, hook_id: int, body: Row) -> Row:
        """Change a webhook; its failures stay counted until a delivery succeeds."""
        row = self.rows[hook_id]
        if body.get("delivery_url") not in (None, row["delivery_url"]):
            self.pings.append(f"webhook_id={hook_id}".encode())
        row.update(body)
        return self._shown(row)

    def deliver(self, hook_id: int, resource: Row) -> Sent:
        """Return a delivery, signed; two within one second share their id."""
        row = self.rows[hook_id]
        body = json.dumps(resource, default=float).encode()
        key = unescape(row["secret"]).encode()
        signature = base64.b64encode(hmac.new(key, body, hashlib.sha256).digest())
        second = int(self._clock().timestamp())
        delivery_id = hashlib.sha256(f"{hook_id}{second}".encode()).hexdigest()[:32]
        name, _, event = row["topic"].partition(".")
        headers = {
            "x-wc-webhook-source": "https://woo.example/",
            "x-wc-webhook-topic": row["topic"],
            "x-wc-webhook-resource": name,
            "x-wc-webhook-event": event,
            "x-wc-webhook-signature": signature.decode(),
            "x-wc-webhook-id": str(hook_id),
            "x-wc-webhook-delivery-id": delivery_id,
        }
        return Sent(body=body, headers=headers)

    def answered(self, hook_id: int, status: int) -> None:
        """Count what a door answered; too many failures switch the webhook off."""
        row = self.rows[hook_id]
        if 200 <= status < 303:
            row["failures"] = 0
        elif row["failures"] > MAX_FAILURES:
            row["status"] = "disabled"
        else:
            row["failures"] += 1
