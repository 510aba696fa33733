"""A sweep that finds nothing: its time, and the memory it needs."""

from __future__ import annotations

import os
from collections.abc import Iterator

from odoo import sql_db

from ..bench import Bench, drain, settle
from ..figures import Figure, compare
from ..gauges import peak_growth
from ..odoo_session import channel_of, opened

FLOOR_LIMIT = 2.0
MEMORY_LIMIT = 1.3
LEAST_MEGABYTES = 1.0
"""Less than this is the allocator's whim and would make ratios of nothing."""


def measure(bench: Bench) -> Iterator[Figure]:
    """Sweep the settled catalogue, and one a tenth its size for the memory."""
    with bench.opened(bench.tenth) as env:
        settle(env)
    with bench.opened() as env:
        settle(env)
        channel = channel_of(env)

        def sweep() -> None:
            if env["stock.channel.dirty"]._sweep(channel):
                raise RuntimeError("the sweep of a settled ledger found something")

        values, floors = bench.beside_floor(env, sweep)
    yield compare("sweep_idle_vs_floor", values, floors, FLOOR_LIMIT)
    large, small = [], []
    for _run in range(bench.plan.runs):
        small.append(_growth(bench.tenth))
        large.append(_growth(bench.database))
    yield compare(
        "sweep_memory_growth",
        large,
        small,
        MEMORY_LIMIT,
        unit="MB",
        note=f"peak above the start; baseline: {bench.plan.tenth} listings",
    )


def _growth(database: str) -> float:
    """Return how many megabytes a sweep needs at most, in a process of its own.

    :raise RuntimeError: when that process failed; its own error is above.
    """
    sql_db.close_all()  # a connection must not be shared by two processes
    reader, writer = os.pipe()
    child = os.fork()
    if not child:
        status = 1
        try:
            os.close(reader)
            os.write(writer, repr(_swept_growth(database)).encode())
            status = 0
        finally:
            os._exit(status)
    os.close(writer)
    with os.fdopen(reader, "rb") as stream:
        text = stream.read()
    _pid, status = os.waitpid(child, 0)
    if status:
        raise RuntimeError("the process that sweeps to measure memory failed")
    return float(text)


def _swept_growth(database: str) -> float:
    with opened(database) as env:
        channel = channel_of(env)
        drain(env)
        growth = peak_growth(lambda: env["stock.channel.dirty"]._sweep(channel))
        return max(growth, LEAST_MEGABYTES)
