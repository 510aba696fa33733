"""What listening costs whoever validates a transfer."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from types import FunctionType
from typing import Any

from ..bench import Bench, renew
from ..figures import Figure, compare_pairs
from ..gauges import Cpu

LIMIT = 1.03
LINES = 100
WARM_UP = 2
OURS = "odoo.addons.stock_channel_hub."
OUR_MODELS = "stock.channel"


def measure(bench: Bench) -> Iterator[Figure]:
    """Validate one transfer again and again, with and without our hooks."""
    with bench.opened() as env:
        picking = _make_transfer(env)
        cpu = Cpu(env.cr.connection.get_backend_pid())
        bare, heard = [], []
        for number in range(WARM_UP + bench.plan.pairs):
            for is_bare in (True, False) if number % 2 else (False, True):
                hooks = _without_hooks(env) if is_bare else contextlib.nullcontext()
                with hooks:
                    spent = cpu.spent(lambda: _validate(picking))
                _undo(env)
                if number >= WARM_UP:
                    (bare if is_bare else heard).append(spent)
        _remove(picking)
    seen = "Python and PostgreSQL" if cpu.sees_backend else "Python alone"
    yield compare_pairs(
        "hook_transfer_cpu",
        heard,
        bare,
        LIMIT,
        note=f"{LINES} lines, {bench.plan.pairs} pairs, CPU of {seen}",
    )


def _make_transfer(env: Any) -> Any:
    """Make a delivery of a hundred products, reserved and ready, and commit it."""
    warehouse = env["stock.warehouse"].search([], limit=1)
    products = env["product.product"].search(
        [("default_code", "=like", "SKU-%7"), ("tracking", "=", "none")], limit=LINES
    )
    operation = warehouse.out_type_id
    picking = env["stock.picking"].create(
        {
            "picking_type_id": operation.id,
            "location_id": warehouse.lot_stock_id.id,
            "location_dest_id": env.ref("stock.stock_location_customers").id,
            "move_ids": [
                (
                    0,
                    0,
                    {
                        "product_id": product.id,
                        "product_uom_qty": 2.0,
                        "location_id": warehouse.lot_stock_id.id,
                        "location_dest_id": env.ref(
                            "stock.stock_location_customers"
                        ).id,
                    },
                )
                for product in products
            ],
        }
    )
    picking.action_confirm()
    picking.action_assign()
    picking.move_ids.picked = True
    if len(picking.move_ids) != LINES or picking.state != "assigned":
        raise RuntimeError("the transfer to be validated is not ready")
    renew(env)
    return picking


def _remove(picking: Any) -> None:
    picking.action_cancel()
    picking.unlink()
    renew(picking.env)


def _validate(picking: Any) -> None:
    """Validate up to the commit, which a rollback takes the place of."""
    picking.button_validate()
    if picking.state != "done":
        raise RuntimeError("the transfer asked something back")
    picking.env.flush_all()
    picking.env.cr.flush()


def _undo(env: Any) -> None:
    env["stock.channel"]._abandon_transaction()


@contextlib.contextmanager
def _without_hooks(env: Any) -> Iterator[None]:
    """Take away every method by which we override one of another addon."""
    # A mixin of ours is met once for each model that has it.
    taken = list(dict.fromkeys(_overrides(env)))
    for owner, name, _method in taken:
        delattr(owner, name)
    try:
        yield
    finally:
        for owner, name, method in taken:
            setattr(owner, name, method)


def _overrides(env: Any) -> Iterator[tuple[type, str, object]]:
    for model, registered in env.registry.items():
        if model.startswith(OUR_MODELS):
            continue
        bases = registered.mro()
        for place, owner in enumerate(bases):
            if not owner.__module__.startswith(OURS):
                continue
            for name, method in list(vars(owner).items()):
                if isinstance(method, FunctionType) and any(
                    name in vars(above) for above in bases[place + 1 :]
                ):
                    yield owner, name, method
