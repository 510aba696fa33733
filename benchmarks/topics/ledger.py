"""The first full publication's write into an empty ledger."""

from __future__ import annotations

from collections.abc import Iterator

from ..bench import Bench, copy_floor, drain, empty_ledger, log_first
from ..figures import Figure, compare
from ..gauges import seconds

LIMIT = 6.0


def measure(bench: Bench) -> Iterator[Figure]:
    """Drain every listing into an empty ledger, commits included."""
    values, floors = [], []
    with bench.opened() as env:
        for _run in range(bench.plan.runs):
            empty_ledger(env)
            log_first(env)
            floors.append(seconds(lambda: copy_floor(env)))
            values.append(seconds(lambda: drain(env)))
        written = env["stock.channel.publication"].search_count([])
    yield compare(
        "ledger_first_write_vs_floor", values, floors, LIMIT, note=f"{written} rows"
    )
