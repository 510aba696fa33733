"""A wire that fails: a proxy that answers 500, loses answers, hangs and asks for patience.

What it does to which call is drawn from a seed, so that a run can be looked at again.
Only loopback is listened on and forwarded to.
"""

from __future__ import annotations

import contextlib
import http.client
import random
import socket
import struct
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import urlsplit

HOP = {"connection", "keep-alive", "transfer-encoding", "host", "content-length"}
"""Headers that belong to one connection, lower-case."""

Tap = Callable[[str, str, bytes, int, bytes], None]
"""Is told of each call that got through: method, path, body, status, answer."""


@dataclass(frozen=True, kw_only=True)
class Weather:
    """How often a call fails, as shares of one; the rest goes through.

    :param error: answered 500, and never seen by the other side.
    :param lost: done by the other side, and never answered.
    :param hang: neither done nor answered, for ``hang_seconds``.
    :param reset: the connection is reset before anything is read by the other side.
    :param half: done by the other side, and half of the answer's body arrives.
    :param slow: goes through ``slow_seconds`` late.
    :param burst: begins ``burst_seconds`` in which every call is answered 429.
    """

    error: float = 0.10
    lost: float = 0.05
    hang: float = 0.005
    burst: float = 0.01
    reset: float = 0.0
    half: float = 0.0
    slow: float = 0.0
    hang_seconds: float = 25.0
    slow_seconds: float = 0.5
    burst_seconds: float = 3.0


@dataclass(frozen=True)
class Call:
    """One call that came, and what became of it.

    :param float at: seconds of the monotonic clock when it came.
    :param dict headers: as they came, names lower-case.
    """

    at: float
    method: str
    path: str
    headers: dict[str, str]
    body: bytes
    fate: str


Answer = tuple[int, list[tuple[str, str]], bytes]
"""Status, headers and body."""


class Proxy:
    """Stands in front of one address.

    :param str target: where calls go to, scheme and host.
    :param int seed: of what happens to which call.
    :param tap: see ``Tap``; called by one thread at a time.
    """

    def __init__(
        self, target: str, weather: Weather, seed: int, tap: Tap | None = None
    ) -> None:
        self.target = urlsplit(target)
        self.weather = weather
        self.counts: Counter[str] = Counter()
        self.is_stormy = False
        self.calls: list[Call] = []
        self.answers: dict[tuple[str, str], Callable[[], Answer | None]] = {}
        """What is answered instead, by method and path without its question."""
        self._draw = random.Random(seed)  # noqa: S311 - no secret is drawn
        self._lock = threading.Lock()
        self._tap = tap
        self._burst_until = 0.0
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), self._handler())
        self._server.daemon_threads = True
        self.url = f"http://127.0.0.1:{self._server.server_port}"

    @contextlib.contextmanager
    def running(self) -> Iterator[Proxy]:
        """Serve for the length of the block."""
        thread = threading.Thread(target=self._server.serve_forever, daemon=True)
        thread.start()
        try:
            yield self
        finally:
            self._server.shutdown()
            self._server.server_close()

    def fate(self) -> str:
        """Say what becomes of the next call."""
        with self._lock:
            drawn = self._draw.random()
            found = self._fate_of(drawn) if self.is_stormy else "through"
            self.counts[found] += 1
            return found

    def _fate_of(self, drawn: float) -> str:
        now = time.monotonic()
        if now < self._burst_until:
            return "burst"
        for name in ("error", "lost", "hang", "burst", "reset", "half", "slow"):
            share: float = getattr(self.weather, name)
            if drawn < share:
                if name == "burst":
                    self._burst_until = now + self.weather.burst_seconds
                return name
            drawn -= share
        return "through"

    def forward(
        self, method: str, path: str, headers: dict[str, str], body: bytes
    ) -> Answer:
        """Do the call at the other side."""
        line = http.client.HTTPConnection(self.target.netloc, timeout=60)
        try:
            line.request(method, path, body=body or None, headers=headers)
            answer = line.getresponse()
            content = answer.read()
            found = [(k, v) for k, v in answer.getheaders() if k.lower() not in HOP]
            if self._tap:
                with self._lock:
                    self._tap(method, path, body, answer.status, content)
            return answer.status, found, content
        finally:
            line.close()

    def _handler(self) -> type[BaseHTTPRequestHandler]:
        proxy = self

        class Handler(BaseHTTPRequestHandler):
            """One call."""

            protocol_version = "HTTP/1.1"

            def log_message(self, *_arguments: object) -> None:
                """Say nothing: the counts tell."""

            def handle_call(self) -> None:
                """Read the call, and do to it what was drawn."""
                length = int(self.headers.get("Content-Length") or 0)
                body = self.rfile.read(length)
                instead = proxy.answers.get((self.command, self.path.split("?")[0]))
                given = instead() if instead else None
                fate = "instead" if given else proxy.fate()
                headers = {k.lower(): v for k, v in self.headers.items()}
                proxy.calls.append(
                    Call(time.monotonic(), self.command, self.path, headers, body, fate)
                )
                if given:
                    self._answer(*given)
                elif fate == "error":
                    self._answer(500, [], b"Internal error")
                elif fate == "burst":
                    self._answer(429, [("Retry-After", "1")], b"")
                elif fate == "hang":
                    time.sleep(proxy.weather.hang_seconds)
                    self.close_connection = True
                elif fate == "reset":
                    self._reset()
                else:
                    if fate == "slow":
                        time.sleep(proxy.weather.slow_seconds)
                    self._forward(body, fate)

            def _reset(self) -> None:
                """End the connection as a crash does: the other end sees a reset."""
                at_once = struct.pack("ii", 1, 0)
                self.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, at_once)
                self.close_connection = True

            def _forward(self, body: bytes, fate: str) -> None:
                headers = {
                    k: v for k, v in self.headers.items() if k.lower() not in HOP
                }
                try:
                    found = proxy.forward(self.command, self.path, headers, body)
                except OSError:
                    self._answer(502, [], b"")
                    return
                if fate == "lost":
                    self.close_connection = True
                else:
                    self._answer(*found, is_half=fate == "half")

            def _answer(
                self,
                status: int,
                headers: list[tuple[str, str]],
                body: bytes,
                *,
                is_half: bool = False,
            ) -> None:
                with contextlib.suppress(OSError):
                    self.send_response_only(status)
                    for name, value in headers:
                        self.send_header(name, value)
                    self.send_header("Content-Length", str(len(body)))
                    self.end_headers()
                    self.wfile.write(body[: len(body) // 2] if is_half else body)
                self.close_connection = self.close_connection or is_half

            do_GET = do_POST = do_PUT = do_PATCH = do_DELETE = handle_call  # noqa: N815

        return Handler
