"""What every topic uses: the databases, the ledger, and the floor."""

from __future__ import annotations

import io
from collections.abc import Callable
from typing import Any

from odoo.tools import SQL

from .gauges import seconds
from .odoo_session import channel_of, opened
from .options import Plan, Session

_FLOOR = """
    COPY (SELECT product_id, location_id, sum(quantity), sum(reserved_quantity)
            FROM stock_quant
           GROUP BY 1, 2) TO STDOUT
"""
_MOST_SWEEPS = 3


class _Nowhere(io.RawIOBase):
    """Takes everything and keeps nothing."""

    def write(self, data: Any) -> int:
        return len(data)


class Bench:
    """The databases of one session, opened by the topics that need them."""

    def __init__(self, session: Session) -> None:
        self.plan: Plan = session.plan
        self.config = session.config
        self.folder = session.folder
        self.database = session.databases[0]
        self.tenth = session.databases[-1]

    def opened(self, database: str | None = None) -> Any:
        """Give the environment of a database, the large one unless named."""
        return opened(database or self.database)

    def times(self, work: Callable[[], object]) -> list[float]:
        """Return how long ``work`` took, each time."""
        return [seconds(work) for _run in range(self.plan.runs)]

    def beside_floor(
        self, env: Any, work: Callable[[], object]
    ) -> tuple[list[float], list[float]]:
        """Run ``work`` and the floor in turn, on one connection.

        :return: the seconds of the work, and those of the floor.
        """
        values, floors = [], []
        for _run in range(self.plan.runs):
            floors.append(seconds(lambda: copy_floor(env)))
            values.append(seconds(work))
        return values, floors


def copy_floor(env: Any) -> None:
    """Send all stock by product and place to nowhere: no answer can cost less."""
    env.cr.copy_expert(_FLOOR, _Nowhere())


def renew(env: Any) -> None:
    """Commit and forget what was read, as background workers do."""
    env["stock.channel"]._fresh_transaction()


def empty_ledger(env: Any) -> None:
    """Forget every number and all that hangs on one."""
    renew(env)
    env.cr.execute(SQL("TRUNCATE stock_channel_publication CASCADE"))
    env.cr.execute(SQL("TRUNCATE stock_channel_dirty"))
    renew(env)


def log_first(env: Any) -> None:
    """Log every listing, as going live does."""
    listings = channel_of(env)._all_listings()
    env["stock.channel.dirty"]._log_listings(listings, "first")
    env.cr.flush()
    renew(env)


def drain(env: Any) -> None:
    """Compute until nothing is logged any more, as the compute job does."""
    dirty = env["stock.channel.dirty"]
    while dirty._in_transaction(dirty._drain):
        pass


def settle(env: Any) -> None:
    """Fill the ledger and sweep until it is true, so that there is nothing to do.

    :raise RuntimeError: when the sweep never comes to rest, which is a fault of the
        addon that no figure may hide.
    """
    renew(env)
    numbers = env["stock.channel.publication"].search_count([], limit=1)
    if not numbers:
        log_first(env)
    drain(env)
    channel = channel_of(env)
    for _sweep in range(_MOST_SWEEPS):
        if not env["stock.channel.dirty"]._sweep(channel):
            break
    else:
        raise RuntimeError(f"{_MOST_SWEEPS} sweeps in a row found differences")
    analyze(env)


def analyze(env: Any) -> None:
    """Let PostgreSQL know what the tables hold, as it does by itself in time."""
    env.cr.execute(SQL("ANALYZE stock_channel_publication"))
    renew(env)
