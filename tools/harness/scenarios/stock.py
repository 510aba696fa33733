"""R10, R11: what is sold twice is bounded and told; people's transfers do not suffer."""

from __future__ import annotations

import random
import re
import threading
import time
from collections.abc import Collection, Sequence
from dataclasses import dataclass

from tools.demo.waiting import wait_for
from tools.demo_shop import orders
from tools.demo_shop.wire import RefusedError
from tools.devenv import DevEnvError

from ..front import Front
from ..verdict import Verdict
from ..world import World

TRANSFERS = 8
"""Made at once, by as many people."""


@dataclass(frozen=True)
class Sale:
    """One piece sold.

    :param float at: seconds of the machine's clock.
    :param int shop: number of the shop.
    """

    at: float
    shop: int
    sku: str
    order_id: str = ""


def oversold(sales: Sequence[Sale], stock: int) -> dict[str, int]:
    """Return how many pieces were sold that were not there, by SKU."""
    sold: dict[str, int] = {}
    for sale in sales:
        sold[sale.sku] = sold.get(sale.sku, 0) + 1
    return {sku: n - stock for sku, n in sold.items() if n > stock}


def bound(sales: Sequence[Sale], sku: str, delay: float) -> int:
    """Return how many of a SKU may be oversold: what the other shop sold unheard of.

    The shop that sold last did not know of what the other one had sold within the time
    that telling it takes; of everything before it knew.
    """
    mine = [sale for sale in sales if sale.sku == sku]
    last = max(mine, key=lambda sale: sale.at)
    return sum(
        1
        for sale in mine
        if sale.shop != last.shop and last.at - delay <= sale.at <= last.at
    )


def oversell_is_bounded(world: World) -> Verdict:
    """Let one shop, then two, sell all there is, as fast as customers can."""
    verdict = world.verdict("R10", "oversell is bounded and told")
    dice = world.dice("R10")
    count = world.size(10, 60)
    products = world.products("R10", 6)
    few = world.size(6, 15)
    world.stock_up(products, few, ["north"])
    alone, shared = list(products)[:3], list(products)[3:]
    with world.front(alone, places=["north"]) as front:
        sales = _sell_out(world, [front], dice, alone, count)
        verdict.same("oversold by one shop alone", oversold(sales, few), {})
        verdict.counts["sold by one"] = len(sales)
    with (
        world.front(shared, places=["north"]) as one,
        world.front(shared, places=["north"]) as two,
    ):
        sales = _sell_out(world, [one, two], dice, shared, count)
        over = oversold(sales, few)
        delay = _publish_delay(world, [one, two], sales)
        for sku, number in over.items():
            most = bound(sales, sku, delay)
            verdict.expect(
                number <= most, f"{sku}: {number} oversold, more than {most}"
            )
        verdict.counts.update(
            {
                "sold by two": len(sales),
                "oversold": sum(over.values()),
                "bound": sum(bound(sales, sku, delay) for sku in over),
                "publish delay": f"{delay:.1f} s",
            }
        )
        channels = [one.hub.channel_id, two.hub.channel_id]
        _judge_shortages(world, verdict, products, over, channels)
    return verdict


def _sell_out(
    world: World,
    fronts: list[Front],
    dice: random.Random,
    skus: list[str],
    count: int,
) -> list[Sale]:
    """Let customers buy at every shop until nothing is shown; return what was sold."""
    senders, sales = world.senders(), []
    for _customer in range(count * len(fronts)):
        shop, sku = dice.randrange(len(fronts)), dice.choice(skus)
        line = {"sku": sku, "quantity": "1", "location_id": "north"}
        try:
            order = orders.place(fronts[shop].store, [line])
        except RefusedError:
            continue
        sales.append(Sale(time.time(), shop, sku, order["id"]))
        senders.send(fronts[shop].new_webhooks())
    senders.join()
    for front in fronts:
        wait_for(lambda f=front: _quiet(world, f), seconds=120, what="quiet")  # type: ignore[misc]
    return sales


_TOLD = """
    SELECT extract(epoch FROM coalesce(min(log.acknowledged_at), max(heard.at))
                   AT TIME ZONE 'UTC')::float
      FROM (SELECT max(processed_at) AS at FROM stock_channel_message
             WHERE channel_id = %s AND order_key = 'order:' || %s) AS heard
      LEFT JOIN (stock_channel_publication_log AS log
                 JOIN stock_channel_push AS push ON push.id = log.push_id
                 JOIN stock_channel_publication AS row ON row.id = log.publication_id
                 JOIN stock_channel_listing AS listing ON listing.id = row.listing_id)
             ON log.channel_id = %s AND listing.sku = %s
            AND push.create_date >= heard.at
"""
"""When the other shop was first told a number that was computed after an order was
applied; where it had no number to be told any more, when the order was applied."""


def _publish_delay(world: World, fronts: list[Front], sales: list[Sale]) -> float:
    """Return the longest time from a sale to the other shop's knowing of it."""
    ids = [front.hub.channel_id for front in fronts]
    delay = 0.0
    for sale in sales:
        who = ids[sale.shop], sale.order_id, ids[1 - sale.shop], sale.sku
        delay = max(delay, world.database.value(_TOLD, *who) - sale.at)
    return delay


def _quiet(world: World, front: Front) -> list[str]:
    problems = world.unsettled(front)
    left = world.database.value(
        "SELECT count(*) FROM stock_channel_message"
        " WHERE channel_id = %s AND state = 'pending'",
        front.hub.channel_id,
    )
    return problems + ([f"{left} messages to do"] if left else [])


def _judge_shortages(
    world: World,
    verdict: Verdict,
    products: dict[str, int],
    over: dict[str, int],
    channels: list[int],
) -> None:
    """Expect one open exception for each shortage, naming what is missing."""
    skus = {product_id: sku for sku, product_id in products.items()}

    def found() -> dict[str, int]:
        rows = world.database.rows(
            "SELECT shortage_product_id, sum(shortage_qty)::int, count(*)::int"
            " FROM stock_channel_exception WHERE channel_id = ANY(%s)"
            " AND state = 'open' AND category = 'oversell' GROUP BY 1",
            channels,
        )
        verdict.expect(all(row[2] == 1 for row in rows), f"told more than once: {rows}")
        return {skus[product_id]: number for product_id, number, _count in rows}

    try:
        wait_for(
            lambda: [] if found() == over else [f"{found()} instead of {over}"],
            seconds=60,
            what="each shortage to be told once",
        )
    except DevEnvError as error:
        verdict.late(str(error))


def people_are_not_hurt(world: World) -> Verdict:
    """Validate eight transfers of the same products at once, again and again."""
    verdict = world.verdict("R11", "we do not hurt stock")
    rounds, lines = world.size(2, 10), world.size(8, 40)
    products = world.products("R11", lines)
    world.stock_up(products, 1000, ["north"])
    with world.front([*products], places=["north"]) as front:
        failures: list[str] = []
        people, marks = world.fleet.for_people(), world.fleet.marks()
        begin = time.monotonic()
        for _round in range(rounds):
            _crowd(world, list(products.values()), failures)
        wait_for(lambda: world.unsettled(front), seconds=120, what="the numbers")
        people |= world.fleet.for_people()
        races = lost_races(world.fleet.log(marks), people)
        blamed = blamed_on_us(races)
        done = rounds * TRANSFERS - len(failures)
        left = world.database.rows(
            "SELECT DISTINCT sum(quantity)::int FROM stock_quant"
            " WHERE product_id = ANY(%s) AND location_id = %s GROUP BY product_id",
            list(products.values()),
            world.shelves["north"],
        )
        verdict.counts.update(
            transfers=done,
            lines=lines,
            seconds=f"{time.monotonic() - begin:.1f}",
            races_lost=len(races),
            given_up=len(failures),
            blamed_on_us=len(blamed),
        )
        # A person's request gives up after five lost races; whose they were is told
        # by the statements that lost them.
        verdict.history += failures
        verdict.problems += blamed
        verdict.problems += [f for f in failures if "could not serialize" not in f]
        verdict.same("left on the shelves", left, [(1000 - done,)])
    return verdict


def _crowd(world: World, ids: list[int], failures: list[str]) -> None:
    """Let so many people send the same goods at once."""
    threads = [
        threading.Thread(target=_transfer, args=(world, ids, failures))
        for _number in range(TRANSFERS)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()


def _transfer(world: World, ids: list[int], failures: list[str]) -> None:
    """Send one piece of everything to a customer, as a person does."""
    try:
        url = random.choice(world.fleet.urls)  # noqa: S311 - no secret
        user = world.person(url)
        customer = user.reference("stock.stock_location_customers")
        ends = {"location_id": world.shelves["north"], "location_dest_id": customer}
        warehouse = user.row(
            "stock.warehouse",
            [("lot_stock_id", "=", ends["location_id"])],
            ["out_type_id"],
        )
        picking = user.create(
            "stock.picking",
            {
                "picking_type_id": warehouse["out_type_id"][0],
                **ends,
                "move_ids": [
                    (0, 0, {"product_id": product, "product_uom_qty": 1, **ends})
                    for product in ids
                ],
            },
        )
        user.call("stock.picking", "action_confirm", [picking])
        user.call("stock.picking", "action_assign", [picking])
        user.call(
            "stock.picking",
            "button_validate",
            [picking],
            context={"skip_backorder": True},
        )
    except DevEnvError as error:
        failures.append(str(error))


_BAD_QUERY = re.compile(
    r"^\S+ \S+ (\d+) ERROR \S+ odoo\.sql_db: bad query: (.*)\nERROR: (.*)$",
    re.MULTILINE,
)


def lost_races(log: str, people: Collection[int]) -> list[str]:
    """Return the statements of people's work that lost a race.

    The hub's own jobs start over when they lose one; that is no harm. A person's
    request that has to, over a table of ours, is.

    :param log: what Odoo logged. PostgreSQL's own log does not say who it was: all
        workers of a server connect under the name of its main process.
    :param people: the processes that answer requests.
    """
    return [
        statement
        for pid, statement, error in _BAD_QUERY.findall(log)
        if int(pid) in people
        and ("could not serialize" in error or "deadlock" in error)
    ]


def blamed_on_us(races: Sequence[str]) -> list[str]:
    """Return those of the lost races that were about a table of ours, in words."""
    return [
        f"failed for a person: {statement[:200]}"
        for statement in races
        if "stock_channel" in statement
    ]
