"""How long the way through takes: from the shelf to the channel, and from the door in."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from decimal import Decimal

from odoo.tools import SQL

from ..bench import Bench, renew
from ..fake_channel import Key, Points
from ..figures import Figure, against
from ..knocking import knock_once, quantile
from ..live import Live, living
from .door import change_numbers

STOCK_BOUND = 2.0
RESERVED_BOUND = 1.0
SCARCE_BOUND = 30.0
CHANGES = 20
"""Single changes a run; half of them are falls."""
PAUSE = 0.25
BACKLOG = 10_000
SCARCE_EACH = 2
SCARCE_PAUSE = 4.0
PATIENCE = 120.0
POINTS = Points(maximum=1000.0, rate=50.0, each_call=10.0, each_row=1.0)
"""As on Shopify's basic plan, where a call costs ten points and its rows their share."""


def measure(bench: Bench) -> Iterator[Figure]:
    """Change stock and sell, one at a time, and then beside a backlog."""
    runs = bench.plan.runs
    with living(bench) as live:
        road = _Road(live)
        road.change(4)
        changed = [road.change(CHANGES) for _run in range(runs)]
        live.settle()
        _reserve(live, 3)
        reserved = [_reserve(live, CHANGES) for _run in range(runs)]
        live.settle()
        scarce, drained = road.scarce(runs)
    yield against(
        "stock_to_channel_p95_seconds",
        [quantile(seconds, 0.95) for seconds in changed],
        STOCK_BOUND,
        note=f"{CHANGES} single changes a run, falls and rises by turns, from before "
        "the commit to the channel's answer; the baseline is the bound",
    )
    yield against(
        "webhook_to_reserved_p95_seconds",
        [quantile(seconds, 0.95) for seconds in reserved],
        RESERVED_BOUND,
        note=f"{CHANGES} single orders of three lines a run, from before the delivery; "
        "the baseline is the bound",
    )
    yield against(
        "scarce_rows_under_backlog_p95_seconds",
        [quantile(seconds, 0.95) for seconds in scarce],
        SCARCE_BOUND,
        note=f"{SCARCE_EACH} listings nearly sold out at a time, beside {BACKLOG} "
        f"numbers at a channel of {POINTS.maximum:.0f} points and {POINTS.rate:.0f} a "
        f"second; {drained} of the others went out meanwhile; the baseline is the "
        "bound",
    )


class _Road:
    """From the shelf to the channel."""

    def __init__(self, live: Live) -> None:
        self.live = live
        self.rows = live.ask(
            SQL(
                """
                SELECT listing.sku, place.external_id, min(quant.id)
                  FROM stock_channel_publication AS row
                  JOIN stock_channel_listing AS listing
                    ON listing.id = row.listing_id
                  JOIN stock_channel_location AS place
                    ON place.id = row.channel_location_id
                  JOIN stock_quant AS quant ON quant.product_id = row.product_id
                  JOIN stock_location AS shelf
                    ON shelf.id = quant.location_id
                   AND shelf.warehouse_id = place.warehouse_id
                   AND shelf.usage = 'internal'
                 WHERE row.wanted_qty > 100 AND quant.lot_id IS NULL
                   AND NOT row.is_kit
                 GROUP BY 1, 2
                 ORDER BY 1, 2
                """
            )
        )
        self.next = 0

    def change(self, count: int) -> list[float]:
        """Change one number at a time; return the seconds until it was taken."""
        found = []
        for number in range(count):
            time.sleep(PAUSE)
            key, quant = self._draw()
            found += self._timed(
                {key: self._shift(quant, -1 if number % 2 else 1)}, STOCK_BOUND * 10
            )
        return found

    def scarce(self, runs: int) -> tuple[list[list[float]], int]:
        """Let goods run out beside a backlog that drains slowly.

        :return: seconds of each run, and how many others went out meanwhile.
        """
        live = self.live
        live.channel.points = POINTS
        # What is about to run out is made so first, and is no part of the backlog.
        pairs = [[self._draw() for _each in range(SCARCE_EACH)] for _run in range(5)]
        change_numbers(live, BACKLOG)
        before = len(live.channel.taken)
        live.wait(lambda: len(live.channel.taken) > before, PATIENCE)
        found: list[list[float]] = []
        for _run in range(runs):
            seconds: list[float] = []
            for pair in pairs:
                changes = {key: self._empty(quant, key) for key, quant in pair}
                seconds += self._timed(changes, PATIENCE)
                time.sleep(SCARCE_PAUSE)
            found.append(seconds)
            pairs = [
                [self._draw() for _each in range(SCARCE_EACH)] for _each in range(5)
            ]
        drained = len(live.channel.taken) - before
        live.channel.points = None
        return found, drained

    def _draw(self) -> tuple[Key, int]:
        sku, place, quant = self.rows[self.next]
        self.next += 7
        return (sku, place), quant

    def _shift(self, quant_id: int, delta: int) -> Callable[[], None]:
        """Return what changes the goods on a shelf by so many."""

        def work() -> None:
            quant = self.live.env["stock.quant"].browse(quant_id)
            quant._update_available_quantity(
                quant.product_id, quant.location_id, float(delta)
            )

        return work

    def _empty(self, quant_id: int, key: Key) -> Callable[[], None]:
        """Return what leaves a single one of these goods."""
        shown, _sequence = self.live.channel.levels[key]
        return self._shift(quant_id, int(Decimal(1) - shown))

    def _timed(
        self, changes: dict[Key, Callable[[], None]], patience: float
    ) -> list[float]:
        """Make the changes in one transaction; return when each was taken."""
        seen = len(self.live.channel.taken)
        start = time.time()
        for change in changes.values():
            change()
        self.live.env.flush_all()
        renew(self.live.env)

        def moments() -> dict[Key, float]:
            fresh = self.live.channel.taken[seen:]
            return {key: at for at, key, _quantity in fresh if key in changes}

        self.live.wait(lambda: len(moments()) == len(changes), patience, 0.002)
        return [at - start for at in moments().values()]


def _reserve(live: Live, count: int) -> list[float]:
    """Deliver one order at a time; return the seconds until it was reserved.

    :raise RuntimeError: when the door did not take one.
    """
    found = []
    for _number in range(count):
        time.sleep(PAUSE)
        number = live.shop.sold
        (delivery,) = live.knocks(1)
        status = knock_once(live.odoo.url, live.door, delivery)
        if status != 200:
            raise RuntimeError(f"the door answered {status}")
        start = time.perf_counter()
        live.wait(lambda number=number: _is_reserved(live, str(number)), PATIENCE)
        found.append(time.perf_counter() - start)
    return found


def _is_reserved(live: Live, order: str) -> bool:
    """Tell whether all goods of an order are reserved, and that is committed."""
    return bool(
        live.count(
            SQL(
                """
                SELECT coalesce(bool_and(move.state = 'assigned'), FALSE)::int
                  FROM stock_channel_order AS told
                  JOIN sale_order_line AS line
                    ON line.order_id = told.sale_order_id
                  JOIN stock_move AS move ON move.sale_line_id = line.id
                 WHERE told.external_id = %s
                """,
                order,
            )
        )
    )
