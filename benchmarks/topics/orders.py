"""Orders per second, from stored messages to reserved goods."""

from __future__ import annotations

import statistics
from collections.abc import Iterator

from ..bench import Bench
from ..figures import Figure, compare_pairs
from ..odoo_session import copied, opened
from ..shop import LINES, Shop
from ..workers import started

BATCH_GOAL, TWO_WORKERS_GOAL, KITS_GOAL = 1.6, 3.0, 0.7
ORDERS = 100
QUICK_ORDERS = 50
FULL_PAIRS = 60
# Two workers share more of them, so that the end of one claim weighs little.
SHARED = 4


def measure(bench: Bench) -> Iterator[Figure]:
    """Take orders over by turns: plain Odoo, the hub, two workers of it, kits."""
    count = ORDERS if bench.plan.pairs >= FULL_PAIRS else QUICK_ORDERS
    with copied(bench.database) as database:
        with opened(database, has_chatter=True) as env:
            shop = Shop(env, bench.plan.listings)
            with started(2, bench.config, database) as workers:
                shop.warm_up(workers.run)
                sold = shop.sold
                shop.deliver(SHARED, shop.inbox)
                shop.check_alike([str(sold + number) for number in range(SHARED)])
                rates = [
                    (
                        shop.loop(count),
                        shop.deliver(count, shop.inbox),
                        shop.deliver(count * SHARED, workers.run),
                        shop.deliver(count, shop.inbox, kits=1),
                        shop.deliver(count, shop.inbox, kits=LINES),
                    )
                    for _run in range(bench.plan.runs)
                ]
    yield from _figures(rates, count)


def _figures(rates: list[tuple[float, ...]], count: int) -> Iterator[Figure]:
    loop, batch, shared, kits, only_kits = zip(*rates, strict=True)
    everything = statistics.median(
        kit / simple for kit, simple in zip(only_kits, batch, strict=True)
    )
    for name, values, baselines, goal, note in (
        (
            "orders_batch_vs_loop",
            batch,
            loop,
            BATCH_GOAL,
            f"{count} orders of {LINES} lines from stored messages, everything of the "
            "hub included; baseline: create, action_confirm, commit",
        ),
        (
            "orders_batch_two_workers_vs_loop",
            shared,
            loop,
            TWO_WORKERS_GOAL,
            f"{count * SHARED} orders, two processes; baseline: the loop in one",
        ),
        (
            "orders_kits_vs_simple",
            kits,
            batch,
            KITS_GOAL,
            f"one of {LINES} lines is a kit; baseline: none is; ratio where all "
            f"{LINES} are: {everything:.2g}",
        ),
    ):
        yield compare_pairs(
            name, values, baselines, goal, unit="/s", note=note, more_is_better=True
        )
