"""How long every screen of the addon takes to open, after a year of work."""

from __future__ import annotations

import statistics
from collections.abc import Iterable, Iterator
from typing import Any

from .. import client, year
from ..bench import Bench, renew
from ..figures import Figure, against
from ..gauges import seconds
from ..odoo_session import copied, opened

BOUND_SECONDS = 2.0
SHOWN = 8
"""So many of the slowest are named below the table."""
KINDS = ("list", "kanban", "form", "graph", "pivot")


def measure(bench: Bench) -> Iterator[Figure]:
    """Open every screen as people of three roles, then all that a search offers."""
    with copied(bench.database) as database:
        with opened(database) as env:
            year.fill(env, bench.plan.listings)
            spent = _Spent(env, bench.plan.runs)
            for role, user in year.people(env).items():
                spent.time(role, client.screens(env(user=user.id, su=False)))
            yield from _screens(spent)
            offers = _Spent(env, bench.plan.runs)
            manager = year.people(env)["manager"]
            offers.time("manager", client.searches(env(user=manager.id, su=False)))
            yield offers.figure("searches_offered_worst_seconds")


def _screens(spent: _Spent) -> Iterator[Figure]:
    yield spent.figure("screens_open_seconds")
    for kind in KINDS:
        yield spent.figure(f"screens_{kind}_worst_seconds", f" {kind}")


class _Spent:
    """Seconds by screen."""

    def __init__(self, env: Any, runs: int) -> None:
        self.env = env
        self.runs = runs
        self.by_name: dict[str, list[float]] = {}

    def time(self, role: str, screens: Iterable[client.Screen]) -> None:
        """Open each as often as asked, in a new transaction with nothing read."""
        for screen in list(screens):
            spent = self.by_name.setdefault(f"{role}, {screen.name}", [])
            for _run in range(self.runs):
                renew(self.env)
                spent.append(seconds(screen.open))

    def figure(self, name: str, ending: str = "") -> Figure:
        """Judge the slowest of those whose names end so, and name the next."""
        ranked = sorted(
            (
                (statistics.median(runs), name)
                for name, runs in self.by_name.items()
                if name.endswith(ending)
            ),
            reverse=True,
        )
        worst = ", ".join(f"{name} {spent:.2f}" for spent, name in ranked[:SHOWN])
        return against(
            name,
            self.by_name[ranked[0][1]],
            BOUND_SECONDS,
            note=f"the slowest of {len(ranked)}, the bound for each: {worst}",
        )
