"""Explaining one number, and the list of a product's numbers, in a large catalogue."""

from __future__ import annotations

import random
from collections.abc import Iterator
from typing import Any

from ..bench import Bench, renew, settle
from ..figures import Figure, against
from ..gauges import seconds
from ..odoo_session import channel_of

BOUND_SECONDS = 2.0
SAMPLE = 30
WARM_UP = 2


def measure(bench: Bench) -> Iterator[Figure]:
    """Tell the stories of products and of kits, and list the numbers of each."""
    with bench.opened() as env:
        settle(env)
        numbers = _sample(env, bench.plan.listings)
        for number in numbers[:WARM_UP]:
            _story(env, number)
            _table(env, number)
        stories = [_story(env, number) for number in numbers]
        tables = [_table(env, number) for number in numbers]
        kits = sum(1 for number in numbers if number.is_kit)
    note = (
        f"{len(numbers)} numbers, {kits} of them kits'; the slowest took "
        f"{max(stories):.2g} s; the baseline is the bound itself"
    )
    yield against("explain_seconds", stories, BOUND_SECONDS, note=note)
    yield against("explain_table_seconds", tables, BOUND_SECONDS)


def _sample(env: Any, listings: int) -> Any:
    """Return numbers of products and of kits, half of each, the same each time."""
    publications = env["stock.channel.publication"]
    dice = random.Random(listings)  # noqa: S311 - the same sample each time
    chosen = publications.browse()
    for is_kit in (False, True):
        ids = publications.search(
            [("channel_id", "=", channel_of(env).id), ("is_kit", "=", is_kit)]
        ).ids
        chosen |= publications.browse(dice.sample(ids, SAMPLE // 2))
    return chosen


def _story(env: Any, number: Any) -> float:
    """Return how long one story takes, on a fresh picture of the database.

    :raise RuntimeError: when it does not add up, or the stored number is another.
    """
    renew(env)
    found: list[dict[str, Any]] = []
    spent = seconds(lambda: found.append(number.explain()))
    if found[0]["differences"] or found[0]["parts"]["wire"] != number.wanted_qty:
        raise RuntimeError(f"number {number.id} is not explained: {found[0]}")
    return spent


def _table(env: Any, number: Any) -> float:
    """Return how long the list of the product's numbers takes, kits included."""
    renew(env)
    product = number.product_id
    return seconds(lambda: product.explain_channels())
