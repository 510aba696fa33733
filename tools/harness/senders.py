"""Senders: eight at once, each trying again until the hub has it, as channels do."""

from __future__ import annotations

import http.client
import random
import threading
import time
from collections import Counter, deque
from collections.abc import Callable, Sequence
from urllib.parse import urlsplit

from tools.demo_shop.wire import sign, utc_now

from .front import Delivery

SENDERS = 8
TIMEOUT = 15.0
"""Seconds the hub may take to answer."""

PAUSE = 0.3
"""Seconds before a delivery that was not taken is sent again."""


class Senders:
    """Eight threads with one pile of deliveries.

    :param urls: the servers' addresses right now.
    :param float patience: seconds after which a delivery is given up.
    """

    def __init__(
        self, urls: Callable[[], list[str]], seed: int, patience: float = 120.0
    ) -> None:
        self._urls = urls
        self._seed = seed
        self._patience = patience
        self._pile: deque[Delivery] = deque()
        self._lock = threading.Lock()
        self._threads: list[threading.Thread] = []
        self.answers: Counter[str] = Counter()
        self.accepted: Counter[str] = Counter()
        self.given_up: list[str] = []
        self.seconds: list[float] = []
        self.per_second = 0.0

    def send(self, deliveries: Sequence[Delivery], per_second: float = 0.0) -> None:
        """Begin to send all of these, in this order as far as eight can.

        :param per_second: at most so many; as fast as they can where zero.
        """
        self._pile.extend(deliveries)
        self.per_second = per_second
        self._begin = time.monotonic()
        self._sent = 0
        self._threads = [thread for thread in self._threads if thread.is_alive()]
        for number in range(min(SENDERS, len(deliveries))):
            thread = threading.Thread(target=self._work, args=(number,), daemon=True)
            self._threads.append(thread)
            thread.start()

    @property
    def left(self) -> int:
        """Return how many no sender has taken yet."""
        return len(self._pile)

    @property
    def is_busy(self) -> bool:
        """Return whether anybody is still sending."""
        return any(thread.is_alive() for thread in self._threads)

    def join(self) -> None:
        """Wait until all is sent or given up."""
        for thread in self._threads:
            thread.join()

    def _next(self) -> Delivery | None:
        with self._lock:
            if not self._pile:
                return None
            self._sent += 1
            due = self._begin + self._sent / self.per_second if self.per_second else 0
            delivery = self._pile.popleft()
        if due:
            time.sleep(max(0.0, due - time.monotonic()))
        return delivery

    def _work(self, number: int) -> None:
        dice = random.Random(self._seed * 100 + number)  # noqa: S311 - no secret
        while delivery := self._next():
            end = time.monotonic() + self._patience
            while True:
                begin = time.monotonic()
                urls = self._urls()
                said = post(dice.choice(urls), delivery) if urls else "nobody"
                with self._lock:
                    self.answers[said] += 1
                    if said == "200":
                        self.accepted[delivery.webhook_id] += 1
                        self.seconds.append(time.monotonic() - begin)
                if said == "200":
                    break
                if time.monotonic() > end:
                    with self._lock:
                        self.given_up.append(f"{delivery.webhook_id}: {said}")
                    break
                time.sleep(PAUSE)


def post(url: str, delivery: Delivery) -> str:
    """Send one delivery; return the status, or what went wrong with the call."""
    parts = urlsplit(url)
    line = http.client.HTTPConnection(parts.netloc, timeout=TIMEOUT)
    try:
        headers = sign(delivery.secret, delivery.webhook_id, delivery.raw, utc_now())
        headers["Content-Type"] = "application/json"
        line.request("POST", delivery.path, body=delivery.raw, headers=headers)
        answer = line.getresponse()
        answer.read()
        return str(answer.status)
    except (OSError, http.client.HTTPException) as error:
        return type(error).__name__
    finally:
        line.close()


def quantile(values: Sequence[float], share: float) -> float:
    """Return the value below which so large a share lies; 0 of none."""
    ordered = sorted(values)
    return ordered[min(len(ordered) - 1, int(share * len(ordered)))] if ordered else 0.0
