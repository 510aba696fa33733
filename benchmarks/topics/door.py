"""The door: how fast a delivery is answered, idle, beside a backlog, and at its most."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from functools import partial
from pathlib import Path
from typing import Any

from odoo.tools import SQL

from tools.devenv import Progress

from .. import wrk
from ..bench import Bench, renew
from ..figures import Figure, against, compare_pairs
from ..knocking import Answers, knock, write_knocks
from ..live import BARE_PATH, Live, living

IDLE_RATE, IDLE_BOUND = 200, 0.060
BUSY_RATE, BUSY_BOUND = 50, 0.250
THROUGHPUT_GOAL = 0.7
SECONDS = 6
BACKLOG = 5_000
CHANGED_NUMBERS = 10_000
WARM_UP = 100
QUANTS_AT_ONCE = 100
"""Quants that one transaction changes."""

MOST_PER_SECOND = 2_000
"""Deliveries prepared for wrk; no machine this runs on answers more."""


def measure(bench: Bench) -> Iterator[Figure]:
    """Knock at two workers of a real server."""
    wrk.ensure(Progress())
    file = bench.folder / "door.knocks"
    with living(bench) as live:
        # Idle means that the door is all there is: what was delivered lies.
        live.switch_inbox(False)
        _knock(live, file, IDLE_RATE, WARM_UP)
        idle = [
            _knock(live, file, IDLE_RATE, IDLE_RATE * SECONDS)
            for _run in range(bench.plan.runs)
        ]
        pairs = [
            (_load(live, file, live.door), _load(live, file, BARE_PATH))
            for _run in range(bench.plan.runs)
        ]
        _forget(live)
        live.switch_inbox(True)
        busy, left = _busy(live, file, bench.plan.runs)
    yield against(
        "door_p99_at_200rps_seconds",
        [answers.quantile(0.99) for answers in idle],
        IDLE_BOUND,
        note=f"{IDLE_RATE * SECONDS} deliveries a run; the baseline is the bound",
    )
    yield against(
        "door_p99_under_backlog_seconds",
        [answers.quantile(0.99) for answers in busy],
        BUSY_BOUND,
        note=f"{BUSY_RATE} deliveries a second beside {BACKLOG} that wait and a "
        f"publication of {CHANGED_NUMBERS} numbers; the longest took "
        f"{max(max(answers.seconds) for answers in busy):.2f} s; {left} waited at the "
        "end; the baseline is the bound",
    )
    yield compare_pairs(
        "door_throughput_vs_bare_route",
        [door.rate for door, _bare in pairs],
        [bare.rate for _door, bare in pairs],
        THROUGHPUT_GOAL,
        unit="/s",
        more_is_better=True,
        note=f"wrk, {wrk.CONNECTIONS} connections; every one of "
        f"{sum(door.answers for door, _bare in pairs)} answers was 200",
    )


def _knock(live: Live, file: Path, rate: float, count: int) -> Answers:
    """Deliver new orders at this rate.

    :raise RuntimeError: when one was not taken.
    """
    write_knocks(file, live.knocks(count))
    answers = knock(live.odoo.url, live.door, rate, file)
    if answers.statuses != {"200": count}:
        raise RuntimeError(f"not every answer was 200: {answers.statuses}")
    return answers


def _load(live: Live, file: Path, path: str) -> wrk.Load:
    """Deliver as much as is taken.

    :raise RuntimeError: when the door refused anything, or said 200 and kept nothing.
    """
    before = _stored(live)
    knocks = live.knocks(MOST_PER_SECOND * SECONDS)
    found = wrk.load(live.odoo.url + path, knocks, file, SECONDS)
    if found.refused or found.broken:
        raise RuntimeError(f"{path} at saturation: {found}")
    if path == live.door and _stored(live) - before < found.answers:
        raise RuntimeError(f"{found.answers} were accepted, and fewer are stored")
    return found


def _stored(live: Live) -> int:
    return live.count(SQL("SELECT count(*) FROM stock_channel_message"))


def _forget(live: Live) -> None:
    """Forget what was delivered, so that the backlog is as large as it is said."""
    renew(live.env)
    live.env.cr.execute(SQL("TRUNCATE stock_channel_message CASCADE"))
    live.env.cr.execute(SQL("TRUNCATE stock_channel_bare_route"))
    renew(live.env)


def _busy(live: Live, file: Path, runs: int) -> tuple[list[Answers], int]:
    """Deliver beside a backlog that is worked on and numbers that go out."""
    live.switch_inbox(False)
    for _number in range(BACKLOG):
        live.shop.store(*live.shop.draw(0))
    renew(live.env)
    live.switch_inbox(True)
    live.env["stock.channel"]._inbox_cron()._trigger()
    renew(live.env)
    answers = []
    for _run in range(runs):
        change_numbers(live, CHANGED_NUMBERS)
        answers.append(_knock(live, file, BUSY_RATE, BUSY_RATE * SECONDS))
    left = live.count(
        SQL("SELECT count(*) FROM stock_channel_message WHERE state = 'pending'")
    )
    return answers, left


def change_numbers(live: Live, count: int) -> None:
    """Let more goods lie on the shelves of so many numbers than before.

    Orders are reserved meanwhile: what meets one of them starts over.
    """
    quants = [
        quant_id
        for (quant_id,) in live.ask(
            SQL(
                """
                SELECT min(quant.id)
                  FROM stock_quant AS quant
                  JOIN stock_location AS place ON place.id = quant.location_id
                 WHERE place.usage = 'internal'
                 GROUP BY quant.product_id, place.warehouse_id
                 ORDER BY 1
                 LIMIT %s
                """,
                count,
            )
        )
    ]
    for start in range(0, len(quants), QUANTS_AT_ONCE):
        some = quants[start : start + QUANTS_AT_ONCE]
        live.env["stock.channel"]._in_transaction(partial(_add_one, live.env, some))


def _add_one(env: Any, quant_ids: Sequence[int]) -> None:
    changed = env.execute_query(
        SQL(
            """
            UPDATE stock_quant
               SET quantity = quantity + 1
             WHERE id = ANY(%s)
            RETURNING product_id, location_id
            """,
            list(quant_ids),
        )
    )
    env["stock.channel.dirty"]._log_stock(changed)
