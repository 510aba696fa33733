"""Compares the shop's stock table with the ERP's ledger and with hand-made numbers."""

from __future__ import annotations

from collections.abc import Mapping
from decimal import Decimal

from .hub import Number
from .shop import Key
from .stage import Stage
from .waiting import wait_for

PATIENCE = 60.0
"""Seconds until a step that has not come true is given up."""

Numbers = Mapping[Key, int]


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
