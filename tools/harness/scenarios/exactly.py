"""R1: whatever is delivered twice, out of order and through crashes counts once."""

from __future__ import annotations

import contextlib
import random
import time
from functools import partial

from tools.demo.waiting import wait_for
from tools.devenv import DevEnvError

from .. import ledger
from ..acts import Acts
from ..expected import expect
from ..front import Front
from ..machine import Machine
from ..senders import Senders
from ..verdict import Verdict
from ..world import OPERATED, World, timed

TERMINAL_SECONDS = 60
"""After the last delivery; the goal."""

PER_SECOND = 24
"""Deliveries of the long version. A third of them say something new, about as much as two
cores work on beside all else: what is left at the end is what the kills left, no pile."""

POINTS = (
    "inbox.claimed",
    "order.read",
    "order.applied",
    "inbox.applied",
    "batch.created",
    "batch.confirmed",
    "compute.written",
    "publish.leased",
    "publish.answered",
    "door.stored",
    "door.committed",
)
"""Half of the kills hit these; the others hit anybody at any time."""


def exactly_one_effect(world: World) -> Verdict:
    """Play orders in two shops, deliver all of it thrice, and kill meanwhile."""
    verdict = world.verdict("R1", "exactly one effect")
    dice = world.dice("R1")
    products = world.products("R1", world.size(8, 20))
    stock = world.stock_up(products, 1000)
    halves = list(products)[::2], list(products)[1::2]
    with contextlib.ExitStack() as stack:
        fronts = [stack.enter_context(world.front(half)) for half in halves]
        deliveries = []
        for front in fronts:
            front.hide_orders()
            acts = Acts(front, dice, OPERATED)
            acts.play(world.size(12, 100), world.size(60, 500))
            verdict.history.append(f"acts: {dict(acts.done)}")
            deliveries += front.new_webhooks()
        events = len(deliveries)
        deliveries *= 3
        dice.shuffle(deliveries)
        machine, senders = Machine(), world.senders()
        kills, crashes = sum(world.fleet.killed.values()), world.database.crashes
        senders.send(deliveries, per_second=world.size(0, PER_SECOND))
        _disturb(world, senders, dice, len(deliveries))
        senders.join()
        # From here on everybody lives: what is left is to be done in time. Points that
        # nobody came by killed nobody.
        kills += sum(world.fleet.armed(point) for point in POINTS)
        world.fleet.disarm()
        _settle(world, verdict, fronts, machine)
        for front in fronts:
            judge_shop(world, verdict, front, stock)
        verdict.counts.update(
            events=events,
            deliveries=len(deliveries),
            kills=sum(world.fleet.killed.values()) - kills,
            crashes=world.database.crashes - crashes,
            answers=dict(senders.answers),
        )
        verdict.expect(not senders.given_up, f"never taken: {senders.given_up[:5]}")
    return verdict


def _disturb(world: World, senders: Senders, dice: random.Random, count: int) -> None:
    """Kill workers and a server, crash the database, spread over the deliveries."""
    kills, crashes = world.size(4, 10), world.size(1, 2)
    doings = ["kill"] * (kills // 2) + ["point"] * (kills - kills // 2)
    dice.shuffle(doings)
    for number in range(crashes):
        doings.insert(dice.randrange(1, len(doings) + 1), f"crash{number}")
    doings.insert(len(doings) // 2, "server")
    at = [count * (step + 1) // (len(doings) + 1) for step in range(len(doings))]
    for doing, mark in zip(doings, at, strict=True):
        while senders.is_busy and count - senders.left < mark:
            time.sleep(0.02)
        if doing == "kill":
            world.fleet.kill_one(dice)
        elif doing == "point":
            world.fleet.arm(dice.choice(POINTS))
            world.fleet.killed["point"] += 1
        elif doing == "server":
            world.fleet.replace_one(dice.randrange(len(world.fleet.urls)))
        elif doing == "crash0":
            world.database.crash()
        else:
            world.database.crash_backend()


def _settle(
    world: World, verdict: Verdict, fronts: list[Front], machine: Machine
) -> None:
    """Wait until nothing is to do; more than a minute is a problem."""
    ended = time.monotonic()

    def pending() -> list[str]:
        return [
            f"channel {front.hub.channel_id}: {left} messages to do"
            for front in fronts
            if (
                left := ledger.messages(world.database, front.hub.channel_id)["pending"]
            )
        ]

    try:
        wait_for(pending, seconds=10 * TERMINAL_SECONDS, what="the inbox to be empty")
        seconds = timed(ended)
        verdict.counts["inbox empty after s"] = seconds
        verdict.expect_soon(
            seconds <= TERMINAL_SECONDS,
            f"messages were to do for {seconds} s after the last delivery",
            machine.noise(),
        )
        for front in fronts:
            wait_for(partial(world.unsettled, front), seconds=120, what="numbers")
        verdict.counts["numbers agree after s"] = timed(ended)
    except DevEnvError as error:
        verdict.late(str(error))


def judge_shop(
    world: World, verdict: Verdict, front: Front, stock: dict[tuple[str, str], int]
) -> None:
    """Compare Odoo with the books of one shop."""
    channel_id = front.hub.channel_id
    books = expect(front.orders(), front.returns())
    mine = {key: number for key, number in stock.items() if key in front.levels()}
    verdict.problems += ledger.unequal(
        world.database, channel_id, books, mine, front.levels()
    )
    verdict.problems += world.trouble(front)
    verdict.never(front.books.inversions)
