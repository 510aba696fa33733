"""The scenarios, in the order in which they are played."""

from __future__ import annotations

from collections.abc import Callable

from ..verdict import Verdict
from ..world import World
from . import (
    door,
    durable,
    exactly,
    finding,
    neighbours,
    numbers,
    proved,
    stock,
    stuck,
    told,
    two,
    upgrade,
)

Scenario = Callable[[World], Verdict]

SCENARIOS: dict[str, Scenario] = {
    "R1": exactly.exactly_one_effect,
    "R2": durable.durable_before_answer,
    "R3": proved.any_order,
    "R4": door.answers_fast,
    "R5": durable.poison_is_contained,
    "R6": stuck.retaken_once,
    "TWO": two.servers_share,
    "R7": numbers.converges,
    "R8": numbers.never_back,
    "R9": proved.availability,
    "R10": stock.oversell_is_bounded,
    "R11": stock.people_are_not_hurt,
    "R12": proved.no_gap,
    "R13": finding.lost_notices_are_found,
    "R14": numbers.polite,
    "R15": proved.scales,
    "R16": neighbours.queue_survives_neighbours,
    "R18": told.somebody_is_told,
    # Last: it restarts the servers.
    "R17": upgrade.upgrade_is_safe,
}
