"""R4: deliveries are answered fast, whatever else goes on."""

from __future__ import annotations

import threading
import time
import urllib.request

from ..senders import Senders, quantile
from ..verdict import Verdict
from ..world import World
from .durable import changes

RATE = 20
"""Deliveries a second."""

P99, WORST = 1.0, 4.0
"""Seconds; the goal."""

BARE_LIMIT = 0.5
"""Seconds a bare route may take at the 99th percentile; above, nobody can judge."""


def answers_fast(world: World) -> Verdict:
    """Send at a steady rate with a backlog, a publication, and the channel locked."""
    verdict = world.verdict("R4", "acknowledged fast")
    backlog, seconds = world.size(250, 5000), world.size(8, 60)
    products = world.products("R4", 40)
    world.stock_up(products, 1000)
    with world.front([*products]) as front:
        front.hide_orders()
        filler = world.senders()
        filler.send(changes(front, backlog))
        filler.join()
        world.stock_up(products, 900)  # something to publish
        lock = "SELECT 1 FROM stock_channel WHERE id = %s FOR NO KEY UPDATE"
        deliveries = changes(front, RATE * seconds)
        bare = _Bare(world)
        with world.database.transaction(lock, front.hub.channel_id):
            senders = world.senders()
            bare.start()
            senders.send(deliveries, per_second=RATE)
            senders.join()
            bare.stop()
        _judge(verdict, senders, bare, len(deliveries))
        verdict.counts["backlog"] = backlog
    return verdict


class _Bare(threading.Thread):
    """Asks a route that does nothing, meanwhile: the machine's own noise."""

    def __init__(self, world: World) -> None:
        super().__init__(daemon=True)
        self._urls = world.fleet.urls
        self._is_over = threading.Event()
        self.seconds: list[float] = []

    def run(self) -> None:
        """Ask five times a second."""
        opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
        while not self._is_over.wait(0.2):
            url = self._urls[len(self.seconds) % len(self._urls)]
            begin = time.monotonic()
            with opener.open(f"{url}/web/health", timeout=30) as answer:
                answer.read()
            self.seconds.append(time.monotonic() - begin)

    def stop(self) -> None:
        """Ask no more."""
        self._is_over.set()
        self.join()


def _judge(verdict: Verdict, senders: Senders, bare: _Bare, count: int) -> None:
    p99, worst = quantile(senders.seconds, 0.99), max(senders.seconds, default=0.0)
    noise = quantile(bare.seconds, 0.99)
    verdict.counts.update(
        deliveries=count,
        p99=f"{p99:.3f} s",
        max=f"{worst:.3f} s",
        bare_p99=f"{noise:.3f} s",
        answers=dict(senders.answers),
    )
    verdict.same("answers", dict(senders.answers), {"200": count})
    slow = []
    if p99 > P99:
        slow.append(f"p99 {p99:.3f} s is more than {P99} s")
    if worst > WORST:
        slow.append(f"the slowest took {worst:.3f} s, more than {WORST} s")
    if noise > BARE_LIMIT:
        verdict.unjudged += [
            f"{text}; a bare route took {noise:.3f} s meanwhile" for text in slow
        ]
    else:
        for text in slow:
            verdict.late(text)
