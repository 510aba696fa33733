"""A channel of the open contract: takes numbers, has no orders of its own.

Serves from threads of this process, on loopback. It counts its calls in points as
Shopify does, where it is told to: who has none left is answered 429.
"""

from __future__ import annotations

import contextlib
import json
import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from decimal import Decimal
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs, urlsplit

PAGE = 500
Key = tuple[str, str]
"""SKU and location id."""


@dataclass
class Points:
    """A bucket of points that refills at a steady rate.

    :param float each_call: what a call costs, and ``each_row`` each number in it.
    """

    maximum: float
    rate: float
    each_call: float
    each_row: float
    left: float = field(init=False)
    at: float = field(init=False)

    def __post_init__(self) -> None:
        self.left, self.at = self.maximum, time.monotonic()

    def spend(self, rows: int) -> float:
        """Spend what a call costs; return the seconds until that would be possible."""
        now = time.monotonic()
        self.left = min(self.maximum, self.left + (now - self.at) * self.rate)
        self.at = now
        cost = min(self.each_call + rows * self.each_row, self.maximum)
        if cost > self.left:
            return (cost - self.left) / self.rate
        self.left -= cost
        return 0.0


@dataclass
class FakeChannel:
    """What the channel shows, and when it took which number.

    :param levels: quantity and sequence by SKU and location.
    :param taken: (moment, key, quantity) of every number, oldest first; moments as
        ``time.time()`` gives them, when the answer was ready.
    """

    levels: dict[Key, tuple[Decimal, int]] = field(default_factory=dict)
    taken: list[tuple[float, Key, Decimal]] = field(default_factory=list)
    points: Points | None = None
    refused: int = 0
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def take(self, updates: list[dict[str, Any]]) -> tuple[int, dict[str, Any], float]:
        """Take a call; return status, answer and after how long to come back."""
        with self._lock:
            wait = self.points.spend(len(updates)) if self.points else 0.0
            if wait:
                self.refused += 1
                return 429, {"code": "throttled"}, wait
            results = [self._set(update) for update in updates]
            return 200, {"results": results}, 0.0

    def _set(self, update: dict[str, Any]) -> dict[str, Any]:
        key = update["sku"], update["location_id"]
        quantity, sequence = Decimal(update["quantity"]), int(update["sequence"])
        known = self.levels.get(key, (Decimal(), 0))
        status = "applied" if sequence > known[1] else "stale"
        if status == "applied":
            self.levels[key] = quantity, sequence
            self.taken.append((time.time(), key, quantity))
        shown, number = self.levels[key]
        return {
            "sku": key[0],
            "location_id": key[1],
            "status": status,
            "quantity": str(shown),
            "sequence": number,
        }

    def page(self, start: int) -> dict[str, Any]:
        """Return the levels from one on, and where to go on."""
        with self._lock:
            rows = list(self.levels.items())[start : start + PAGE]
        levels = [
            {
                "sku": sku,
                "location_id": place,
                "quantity": str(quantity),
                "sequence": sequence,
                "updated_at": "2026-01-01T00:00:00Z",
            }
            for (sku, place), (quantity, sequence) in rows
        ]
        after = str(start + PAGE) if len(rows) == PAGE else None
        return {"levels": levels, "next": after}


@contextlib.contextmanager
def opened(channel: FakeChannel) -> Iterator[str]:
    """Answer calls for the length of the block; give the address."""
    server = ThreadingHTTPServer(("127.0.0.1", 0), _handler(channel))
    server.daemon_threads = True
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_address[1]}"
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


def _handler(channel: FakeChannel) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
            if urlsplit(self.path).path != "/inventory":
                self._answer(201, {"status": "taken"})
                return
            status, answer, wait = channel.take(json.loads(body)["data"]["levels"])
            self._answer(status, answer, wait)

        def do_GET(self) -> None:
            parts = urlsplit(self.path)
            cursor = parse_qs(parts.query).get("cursor", ["0"])[0]
            name = parts.path.strip("/")
            if name == "inventory":
                self._answer(200, channel.page(int(cursor)))
            else:
                self._answer(200, {name: [], "next": None})

        def _answer(self, status: int, body: dict[str, Any], wait: float = 0.0) -> None:
            raw = json.dumps(body).encode()
            self.send_response(status)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(raw)))
            if wait:
                self.send_header("Retry-After", str(int(wait) + 1))
            self.end_headers()
            self.wfile.write(raw)

        def log_message(self, format: str, *args: Any) -> None:
            """Say nothing."""

    return Handler
