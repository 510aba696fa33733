"""Plays the story on a stage and prints what happened."""

from __future__ import annotations

import time
from collections.abc import Callable

from tools.devenv import DevEnvError

from . import table
from .numbers import PATIENCE, Numbers, free_stock, misstated, settle, unsettled
from .shop import Key
from .stage import NAMES, Stage
from .steps import STEPS, Step, Story, first_numbers
from .waiting import wait_for

SHORT_NAMES = {
    "FURN_0269": "Office Chair",
    "E-COM10": "Pedal Bin",
    "E-COM08": "Storage Box",
    "E-COM08-P6": "Case of 6",
    "FURN_0789": "Workplace",
    "E-COM12": "Conf. Chair",
    "SET-OFFICE": "Office Set",
}
"""How the table calls what the story moves."""


def play(stage: Stage, say: Callable[[str], None]) -> None:
    """Play every step; after each, every number must be right.

    :raise DevEnvError: at the first step that does not come true, with its name.
    """
    story = Story()
    numbers = first_numbers()
    _check_hand_made(numbers)
    say(table.heading())
    for number, kind in enumerate(STEPS, start=1):
        step = kind()
        numbers.update(step.changes)
        try:
            seconds = _play_step(stage, story, step, numbers)
        except DevEnvError as error:
            stage.check_alive()  # a death explains more than what it broke
            raise DevEnvError(f"Step {number} ({step.title}): {error}") from error
        cells = _cells(stage, step)
        say(
            table.row(
                f"{number:>2} {step.title}", step.told(stage, story), cells, seconds
            )
        )
    _check_end(stage, numbers)


def _play_step(stage: Stage, story: Story, step: Step, numbers: Numbers) -> float:
    """Act and wait; return the seconds from its start to agreement everywhere.

    :raise DevEnvError: also when Odoo's own stock says something else then.
    """
    start = time.monotonic()
    step.act(stage, story)

    def problems() -> list[str]:
        return step.problems(stage, story) + unsettled(stage, numbers)

    wait_for(problems, seconds=PATIENCE, what="shop and ERP to agree")
    seconds = time.monotonic() - start
    different = misstated(numbers, free_stock(stage))
    if different:
        raise DevEnvError("; ".join(different))
    return seconds


def _cells(stage: Stage, step: Step) -> list[table.Cell]:
    """Read the numbers to look at from both sides."""
    ledger = stage.hub.numbers()
    shown = stage.shop.quantities(stage.shop.state())
    return [
        table.Cell(_name(key), f"{ledger[key].wanted:.0f}", f"{shown[key]}")
        for key in step.changes
    ]


def _name(key: Key) -> str:
    return f"{SHORT_NAMES[key[0]]}, {NAMES[key[1]]}"


def _check_hand_made(numbers: dict[Key, int]) -> None:
    """Refuse a story whose steps name a number the shop does not have."""
    for kind in STEPS:
        strange = set(kind.changes) - set(numbers)
        if strange:
            raise RuntimeError(f"{kind.title} names {sorted(strange)}")


def _check_end(stage: Stage, numbers: Numbers) -> None:
    """Look once more at the end: late surprises would show here.

    :raise DevEnvError: when a number moved or an exception came late.
    """
    settle(stage, numbers, "the end of the story to stay as it is")
    found = stage.hub.open_exceptions()
    if len(found) != 1:
        told = "".join(f"\n- {row['title']}: {row['cause']}" for row in found)
        raise DevEnvError(
            f"The story leaves {len(found)} open exceptions instead of one.{told}"
        )
