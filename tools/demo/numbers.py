"""Compares the shop's stock table with the ERP's ledger and with hand-made numbers."""

from __future__ import annotations

from collections.abc import Mapping
from decimal import Decimal

from .hub import Number
from .rpc import first_id
from .shop import Key
from .stage import CASE, CASE_OF, KIT, Stage
from .waiting import wait_for

PATIENCE = 60.0
"""Seconds until a step that has not come true is given up."""

Numbers = Mapping[Key, int]

MADE_OF: dict[str, tuple[tuple[str, int], ...]] = {
    CASE: ((CASE_OF, 6),),
    KIT: (("FURN_0789", 1), ("E-COM12", 2)),
    "FURN_78236": (("FURN_7023", 1),),
}
"""What one piece takes from the shelf; everything else takes one of itself. (The
screws of the Table Kit are not kept in stock.)"""


def disagreements(
    by_hand: Numbers, ledger: Mapping[Key, Number], shown: Mapping[Key, Decimal]
) -> list[str]:
    """Return, in words, every number that is not the same in all four places.

    :param by_hand: what it must be; every number of the shop, no more, no less.
    :param ledger: what the ERP wants and what the channel acknowledged.
    :param shown: the shop's own stock table.
    """
    problems = []
    for key in sorted({*by_hand, *ledger, *shown}):
        row = ledger.get(key)
        values = (
            by_hand.get(key),
            row and row.wanted,
            row and row.acknowledged,
            shown.get(key),
        )
        if None in values or len({Decimal(str(value)) for value in values}) > 1:
            hand, wanted, acknowledged, shop = map(_word, values)
            problems.append(
                f"{key[0]} at {key[1]}: by hand {hand}, the ERP wants {wanted}, "
                f"acknowledged {acknowledged}, the shop shows {shop}"
            )
        elif row and row.state != "clean":
            problems.append(f"{key[0]} at {key[1]} is {row.state} in the ledger")
    return problems


def _word(value: object) -> str:
    return "nothing" if value is None else f"{Decimal(str(value)).normalize():f}"


def unsettled(stage: Stage, by_hand: Numbers) -> list[str]:
    """Return what keeps shop and ERP from being in agreement right now."""
    stage.check_alive()
    state = stage.shop.state()
    problems = []
    if state["webhooks_waiting"]:
        problems.append(f"{state['webhooks_waiting']} webhooks wait in the shop")
    waiting = stage.hub.waiting_messages()
    if waiting:
        problems.append(f"{waiting} deliveries wait in the hub's inbox")
    shown = stage.shop.quantities(state)
    return problems + disagreements(by_hand, stage.hub.numbers(), shown)


def settle(stage: Stage, by_hand: Numbers, what: str) -> float:
    """Wait until every number agrees; return the seconds it took.

    :raise DevEnvError: when they do not in time, with the numbers that differ.
    """
    return wait_for(lambda: unsettled(stage, by_hand), seconds=PATIENCE, what=what)


def free_stock(stage: Stage) -> dict[Key, Decimal]:
    """Return on hand minus reserved by product and place, from Odoo's own stock.

    The hub is not asked: this is what a clerk would read off the shelves' records.
    """
    codes = {product_id: code for code, product_id in stage.products.items()}
    free: dict[Key, Decimal] = {}
    for place, site in stage.sites.items():
        domain = [("location_id", "child_of", site.stock_id)]
        names = ["product_id", "quantity", "reserved_quantity"]
        for row in stage.admin.rows("stock.quant", domain, names):
            key = codes.get(first_id(row["product_id"]), ""), place
            left = Decimal(str(row["quantity"])) - Decimal(
                str(row["reserved_quantity"])
            )
            free[key] = free.get(key, Decimal(0)) + left
    return free


def misstated(by_hand: Numbers, free: Mapping[Key, Decimal]) -> list[str]:
    """Return, in words, every number that Odoo's own stock does not bear out.

    Nothing is owed or in flight once a step has settled, so that free stock, by
    whole kits and cases, is all there is to it.
    """
    problems = []
    for (sku, place), number in sorted(by_hand.items()):
        parts = MADE_OF.get(sku, ((sku, 1),))
        whole = min(free.get((part, place), Decimal(0)) // per for part, per in parts)
        if whole != number:
            problems.append(
                f"{sku} at {place}: by hand {number}, on Odoo's shelves {whole}"
            )
    return problems
