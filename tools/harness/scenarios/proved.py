"""R3, R9, R12, R15: what tests show; here it is looked that they are there."""

from __future__ import annotations

import json
import threading
import time

from tools.demo.waiting import wait_for
from tools.devenv import DevEnvError

from .. import ledger
from ..acts import Acts
from ..expected import expect
from ..verdict import Verdict
from ..world import OPERATED, World

PEOPLE = 4
"""Who count at once."""


def any_order(world: World) -> Verdict:
    """Deliver each order's versions newest first: the older ones change nothing."""
    verdict = world.verdict("R3", "order does not matter")
    products = world.products("R3", 6)
    stock = world.stock_up(products, 500)
    with world.front([*products]) as front:
        front.hide_orders()
        acts = Acts(front, world.dice("R3"), OPERATED)
        acts.play(world.size(4, 40), world.size(20, 200))
        deliveries = front.new_webhooks()
        # Of what the shop itself does in one go a return names goods that have left.
        first = [d for d in deliveries if json.loads(d.raw)["type"] == "order.updated"]
        rest = [d for d in deliveries if d not in first]
        for batch in (first[::-1], rest[::-1]):
            senders = world.senders()
            senders.send(batch)
            senders.join()
            _done(world, front.hub.channel_id)
        wait_for(lambda: world.unsettled(front), seconds=120, what="the numbers")
        books = expect(front.orders(), front.returns())
        verdict.problems += ledger.unequal(
            world.database, front.hub.channel_id, books, stock, front.levels()
        )
        verdict.problems += world.trouble(front)
        verdict.counts.update(orders=len(books.orders), events=len(deliveries))
    return verdict


def _done(world: World, channel_id: int) -> None:
    def pending() -> list[str]:
        world.wake_inbox()
        time.sleep(0.5)
        left = ledger.messages(world.database, channel_id)["pending"]
        return [f"{left} messages to do"] if left else []

    wait_for(pending, seconds=120, what="the inbox to be empty")


def availability(world: World) -> Verdict:
    """Tests show it: 1 000 random histories, the SQL against the oracle."""
    return world.verdict("R9", "availability is right (make oracle)")


def no_gap(world: World) -> Verdict:
    """Changes of stock from many connections at once: each reaches the shop."""
    verdict = world.verdict("R12", "no gap in drains")
    products = world.products("R12", 8)
    world.stock_up(products, 5, ["north"])
    with world.front([*products], places=["north"]) as front:
        count = world.size(32, 600)
        expected: dict[str, int] = {}
        threads = [
            threading.Thread(
                target=_count,
                args=(
                    world,
                    world.fleet.urls[number % len(world.fleet.urls)],
                    dict([*products.items()][number::PEOPLE]),
                    count // PEOPLE,
                    expected,
                ),
            )
            for number in range(PEOPLE)
        ]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        wait_for(lambda: world.unsettled(front), seconds=60, what="the numbers")
        shown = {sku: int(front.levels()[sku, "north"]) for sku in expected}
        verdict.same("shown", shown, expected)
        verdict.same("products changed", len(expected), len(products))
        left = world.database.value("SELECT count(*) FROM stock_channel_dirty")
        verdict.counts.update(changes=count, left_in_the_log=left)
    return verdict


def _count(
    world: World,
    url: str,
    products: dict[str, int],
    times: int,
    expected: dict[str, int],
) -> None:
    """Count some goods again and again, as one of many people who do."""
    skus = sorted(products)
    person = world.person(url)
    for number in range(times):
        sku = skus[number % len(skus)]
        while True:
            try:
                world.put({(products[sku], "north"): number + 1}, person)
                break
            except DevEnvError as error:
                # Odoo notes the day of the last count at the shelf, one row for all of
                # them. Who has lost five times in a row presses the button again.
                if "could not serialize" not in str(error):
                    raise
        expected[sku] = number + 1


def scales(world: World) -> Verdict:
    """Tests show it: statements depend on the change, not on the catalogue."""
    return world.verdict("R15", "scales by change, not by catalogue")
