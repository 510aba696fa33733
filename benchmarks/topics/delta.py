"""A hundred products changed, in a large catalogue and in a tenth of it."""

from __future__ import annotations

import random
from collections.abc import Iterator
from typing import Any

from odoo.tools import SQL

from ..bench import Bench, drain, renew, settle
from ..figures import Figure, against, compare
from ..gauges import seconds

CHANGED = 100
BOUND_SECONDS = 0.15
GROWTH_LIMIT = 3.0
WARM_UP = 2
RUNS_PER_RUN = 4
"""It takes so little time that more runs cost nothing and tell more."""


def measure(bench: Bench) -> Iterator[Figure]:
    """Find, compute and store, by turns in both catalogues."""
    with bench.opened(bench.tenth) as small, bench.opened() as large:
        settle(small)
        settle(large)
        dice = random.Random(bench.plan.listings)  # noqa: S311 - the same each time
        changes = {env: _Changes(env, dice) for env in (small, large)}
        runs: dict[Any, list[float]] = {small: [], large: []}
        for number in range(WARM_UP + bench.plan.runs * RUNS_PER_RUN):
            for env in (small, large):
                changes[env].make()
                spent = seconds(lambda env=env: drain_once(env))
                if number >= WARM_UP:
                    runs[env].append(spent)
        yield against(
            "delta_100",
            runs[large],
            BOUND_SECONDS,
            note=f"{CHANGED} products; the baseline is the bound itself",
        )
        yield compare(
            "delta_100_growth_10x_catalogue",
            runs[large],
            runs[small],
            GROWTH_LIMIT,
            note=f"baseline: {bench.plan.tenth} listings",
        )
        for env in (small, large):
            drain(env)


def drain_once(env: Any) -> None:
    """Work off one claim of the log and commit it."""
    dirty = env["stock.channel.dirty"]
    dirty._in_transaction(dirty._drain)


class _Changes:
    """Changes the stock of other products each time."""

    def __init__(self, env: Any, dice: random.Random) -> None:
        self.env = env
        self.dice = dice
        env.cr.execute(SQL("SELECT DISTINCT product_id FROM stock_quant ORDER BY 1"))
        self.product_ids = [product_id for (product_id,) in env.cr.fetchall()]

    def make(self) -> None:
        """Change one quant of each of so many products and log that."""
        ids = self.dice.sample(self.product_ids, CHANGED)
        self.env.cr.execute(
            SQL(
                """
                UPDATE stock_quant
                   SET quantity = quantity + 1
                 WHERE id IN (SELECT min(id) FROM stock_quant
                               WHERE product_id = ANY(%s) GROUP BY product_id)
             RETURNING product_id, location_id
                """,
                ids,
            )
        )
        self.env["stock.channel.dirty"]._log_stock(self.env.cr.fetchall())
        self.env.cr.flush()
        renew(self.env)
