"""Delivers prepared webhooks at a fixed rate and says how long each answer took.

``python -m benchmarks.knocking HOST PORT PATH RATE FILE``

Each delivery has its moment, whether the one before it was answered or not, and its
time counts from that moment: a door that is late with one answer cannot hide that it
makes the next sender wait. A process of its own, without Odoo, so that nothing but the
door is waited for.
"""

from __future__ import annotations

import asyncio
import json
import socket
import subprocess
import sys
import time
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit

PATIENCE = 30.0
"""Seconds until a delivery without an answer counts as failed."""


@dataclass(frozen=True)
class Knock:
    """One delivery: its signed headers and its body."""

    id: str
    time: str
    signature: str
    body: str

    def line(self) -> str:
        """Return it as one line of a file."""
        return "\t".join((self.id, self.time, self.signature, self.body))

    def request(self, host: str, path: str) -> bytes:
        """Return the bytes to send."""
        body = self.body.encode()
        head = (
            f"POST {path} HTTP/1.1\r\nHost: {host}\r\nConnection: close\r\n"
            f"Content-Type: application/json\r\nContent-Length: {len(body)}\r\n"
            f"webhook-id: {self.id}\r\nwebhook-timestamp: {self.time}\r\n"
            f"webhook-signature: {self.signature}\r\n\r\n"
        )
        return head.encode() + body


def write_knocks(file: Path, knocks: Iterable[Knock]) -> None:
    """Write deliveries for another process."""
    file.write_text("".join(f"{knock.line()}\n" for knock in knocks), encoding="utf-8")


def read_knocks(file: Path) -> list[Knock]:
    """Read what :func:`write_knocks` wrote."""
    lines = file.read_text(encoding="utf-8").splitlines()
    return [Knock(*line.split("\t", 3)) for line in lines]


@dataclass(frozen=True)
class Answers:
    """What became of a series of deliveries.

    :param seconds: how long each answer took, in their order.
    :param statuses: how many answers of each kind; 0 for none at all.
    """

    seconds: list[float]
    statuses: dict[str, int]

    def quantile(self, share: float) -> float:
        """Return what so large a share of the answers took at most."""
        return quantile(self.seconds, share)


def quantile(values: Sequence[float], share: float) -> float:
    """Return the smallest value that so large a share of all does not exceed."""
    ordered = sorted(values)
    return ordered[min(int(share * len(ordered)), len(ordered) - 1)]


def knock(url: str, path: str, rate: float, file: Path) -> Answers:
    """Let a process of its own deliver a file of knocks; wait for it."""
    where = urlsplit(url)
    words = [where.hostname or "", str(where.port), path, str(rate), str(file)]
    command = [sys.executable, "-m", "benchmarks.knocking", *words]
    told = json.loads(subprocess.run(command, check=True, capture_output=True).stdout)
    return Answers(told["seconds"], told["statuses"])


def knock_once(url: str, path: str, delivery: Knock) -> int:
    """Deliver one knock from this process; return the status of the answer."""
    where = urlsplit(url)
    name = f"{where.hostname}:{where.port}"
    with socket.create_connection((where.hostname, where.port), PATIENCE) as wire:
        wire.sendall(delivery.request(name, path))
        with wire.makefile("rb") as stream:
            return _status(stream.read())


async def _deliver(host: str, port: int, request: bytes) -> int:
    """Return the status of the answer, 0 when there was none."""
    try:
        async with asyncio.timeout(PATIENCE):
            reader, writer = await asyncio.open_connection(host, port)
            try:
                writer.write(request)
                head = await reader.readuntil(b"\r\n\r\n")
                await reader.readexactly(_length(head))
            finally:
                writer.close()
    except (OSError, TimeoutError, asyncio.IncompleteReadError):
        return 0
    return _status(head)


def _length(head: bytes) -> int:
    """Return how long the body is, as its header says.

    Who waits for the end of the connection instead holds the worker: werkzeug listens
    for ten more milliseconds to a sender that has not hung up.
    """
    for line in head.lower().split(b"\r\n"):
        if line.startswith(b"content-length:"):
            return int(line.partition(b":")[2])
    return 0


def _status(answer: bytes) -> int:
    """Return the status of an answer, 0 when it has none."""
    words = answer.split(maxsplit=2)
    return int(words[1]) if len(words) > 1 and words[1].isdigit() else 0


async def _deliver_all(
    host: str, port: int, requests: Sequence[bytes], rate: float
) -> list[tuple[float, int]]:
    start = time.perf_counter() + 0.1

    async def deliver(number: int, request: bytes) -> tuple[float, int]:
        due = start + number / rate
        await asyncio.sleep(due - time.perf_counter())
        status = await _deliver(host, port, request)
        return time.perf_counter() - due, status

    return await asyncio.gather(
        *(deliver(number, request) for number, request in enumerate(requests))
    )


def main(words: Sequence[str]) -> None:
    """Deliver, and print what became of it."""
    host, port, path, rate, file = words
    name = f"{host}:{port}"
    requests = [knock.request(name, path) for knock in read_knocks(Path(file))]
    found = asyncio.run(_deliver_all(host, int(port), requests, float(rate)))
    statuses: dict[str, int] = {}
    for _seconds, status in found:
        statuses[str(status)] = statuses.get(str(status), 0) + 1
    print(json.dumps({"seconds": [s for s, _status in found], "statuses": statuses}))


if __name__ == "__main__":
    main(sys.argv[1:])
