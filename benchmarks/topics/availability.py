"""The full computation, against the floor and against Odoo's own fields."""

from __future__ import annotations

import random
from collections.abc import Iterator
from typing import Any

from ..bench import Bench, renew, settle
from ..figures import Figure, compare
from ..odoo_session import channel_of

FLOOR_LIMIT = 1.5
ORM_LIMIT = 1 / 60
SAMPLE = 1000
FIELDS = ["qty_available", "free_qty", "virtual_available"]


def measure(bench: Bench) -> Iterator[Figure]:
    """Compute all parts of all numbers and compare them with the ledger."""
    with bench.opened() as env:
        settle(env)
        channel = channel_of(env)
        publications = env["stock.channel.publication"]

        def full() -> None:
            if publications._find_differences(channel):
                raise RuntimeError("the settled ledger differs from the computation")
            renew(env)

        values, floors = bench.beside_floor(env, full)
        yield compare("availability_full_vs_floor", values, floors, FLOOR_LIMIT)
        sample = _sample(env, bench.plan.listings)
        share = bench.plan.listings / len(sample)
        fields = [share * t for t in bench.times(lambda: _read(env, sample, channel))]
        figure = compare("availability_full_vs_orm", values, fields, ORM_LIMIT)
        yield _with_note(figure, len(sample), bench.plan.listings)


def _sample(env: Any, listings: int) -> list[int]:
    """Return the ids of every n-th product, kits and others in their proportion."""
    ids = env["product.product"].search([("default_code", "=like", "SKU-%")]).ids
    chosen = random.Random(listings)  # noqa: S311 - the same sample each time
    return chosen.sample(sorted(ids), min(SAMPLE, len(ids)))


def _read(env: Any, ids: list[int], channel: Any) -> None:
    """Read Odoo's fields of these products at each warehouse."""
    for warehouse in channel.location_ids.warehouse_id:
        env.invalidate_all()
        products = env["product.product"].with_context(warehouse_id=warehouse.id)
        products.browse(ids).read(FIELDS)


def _with_note(figure: Figure, sample: int, listings: int) -> Figure:
    times = figure.baseline / figure.value
    note = (
        f"Odoo's fields take {times:.0f} times as long; read for {sample} of "
        f"{listings} products at each warehouse, and extrapolated linearly"
    )
    return figure.noted(note)
