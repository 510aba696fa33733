"""R2, R5, R6: what is accepted is there, poison stays alone, stuck work is retaken."""

from __future__ import annotations

import time
from collections import Counter
from decimal import Decimal

from tools.demo.waiting import wait_for
from tools.demo_shop import edits, orders

from .. import ledger
from ..acts import Acts
from ..expected import expect
from ..front import Delivery, Front
from ..verdict import Verdict
from ..world import OPERATED, World, timed

GOOD = ("200", "503")
DOOR_POINTS = ("door.stored", "door.committed")


def changes(front: Front, count: int, of: int = 10) -> list[Delivery]:
    """Return so many deliveries, each a version of its own of one of some orders.

    :param int of: how many deliveries tell of one order.
    """
    skus = [product.sku for product in front.store.catalogue.products]
    for number in range(count):
        if number % of == 0:
            sku = skus[number // of % len(skus)]
            wanted = [{"sku": sku, "quantity": "2", "location_id": front.places[0]}]
            order = orders.place(front.store, wanted)
        else:
            line = order["lines"][0]["id"]
            edits.change(front.store, order["id"], line, Decimal(1 + number % 2))
    return front.new_webhooks()


def durable_before_answer(world: World) -> Verdict:
    """Kill at each point of the door: what was answered 200 is stored."""
    verdict = world.verdict("R2", "stored before it is answered")
    count = world.size(40, 500)
    products = world.products("R2", 4)
    world.stock_up(products, 8 * count, ["north"])
    with world.front([*products], places=["north"]) as front:
        front.hide_orders()
        answers: Counter[str] = Counter()
        for point in (*DOOR_POINTS, "crash"):
            # Half of them tell of an order that is known by then.
            told = changes(front, count, of=2)
            found = _hit(world, front, point, told, verdict)
            answers.update(found)
        verdict.counts.update(deliveries=3 * count, answers=dict(answers))
        # Whoever is told 4xx may never come again, and 500 says not when.
        wrong = [said for said in answers if said.isdigit() and said not in GOOD]
        verdict.same("wrong answers", wrong, [])
        _drained(world, front, world.size(60, 900))
        verdict.problems += world.trouble(front)
    return verdict


def _hit(
    world: World,
    front: Front,
    point: str,
    deliveries: list[Delivery],
    verdict: Verdict,
) -> Counter[str]:
    """Send all while one thing goes wrong again and again."""
    senders = world.senders()
    hits = 5
    senders.send(deliveries, per_second=60)
    for number in range(hits):
        while senders.is_busy and len(deliveries) - senders.left < (
            len(deliveries) * number // hits
        ):
            time.sleep(0.01)
        if point != "crash":
            world.fleet.arm(point)
        elif number in (1, 3):
            world.database.crash()
    senders.join()
    verdict.same(f"kills at {point} that hit nobody", world.fleet.armed(point), 0)
    world.fleet.disarm()
    rows = world.database.rows(
        "SELECT substr(dedupe_key, 4), count(*)::int FROM stock_channel_message"
        " WHERE channel_id = %s GROUP BY 1",
        front.hub.channel_id,
    )
    stored: dict[str, int] = dict(rows)
    missing = [key for key in senders.accepted if key not in stored]
    verdict.same(f"accepted at {point} and missing", missing, [])
    twice = [delivery.webhook_id for delivery in deliveries]
    twice = [key for key in twice if stored.get(key, 0) != 1]
    verdict.same(f"not stored exactly once at {point}", twice, [])
    verdict.same(f"given up at {point}", senders.given_up, [])
    return senders.answers


def _drained(world: World, front: Front, seconds: float) -> None:
    """Let minutes pass until nothing is to do: workers that were killed sleep one."""

    def pending() -> list[str]:
        world.wake_inbox()
        time.sleep(0.5)
        left = ledger.messages(world.database, front.hub.channel_id)["pending"]
        return [f"{left} messages to do"] if left else []

    wait_for(pending, seconds=seconds, what="the inbox to be empty")


def poison_is_contained(world: World) -> Verdict:
    """One message kills whoever works on it; the others are done all the same."""
    verdict = world.verdict("R5", "poison is contained")
    count = world.size(30, 1000)
    products = world.products("R5", 5)
    stock = world.stock_up(products, 2 * count)
    with world.front([*products]) as front:
        front.hide_orders()
        acts = Acts(front, world.dice("R5"), OPERATED)
        acts.play(count, count)
        deliveries = front.new_webhooks()
        poison = acts.orders[count // 2]
        channel_id = front.hub.channel_id
        # More than it may ever need: three is what the hub must stop at.
        key = order_key(poison)
        world.fleet.arm("inbox.message", key, times=10)
        begin = time.monotonic()
        senders = world.senders()
        senders.send(deliveries)
        senders.join()

        def working() -> list[str]:
            world.wake_inbox()
            time.sleep(1)
            left = ledger.messages(world.database, channel_id)["pending"]
            return [f"{left} to do"] if left else []

        wait_for(working, seconds=world.size(90, 600), what="the others to be done")
        verdict.counts.update(
            messages=count,
            deaths=10 - world.fleet.armed("inbox.message"),
            seconds=timed(begin),
        )
        world.fleet.disarm()
        _judge_poison(world, verdict, front, poison, count)
        books = expect([o for o in front.orders() if o["id"] != poison])
        sold = ledger.messages(world.database, channel_id)
        verdict.same("messages", dict(sold), {"done": count - 1, "failed": 1})
        verdict.expect(len(books.orders) == count - 1 and bool(stock), "no orders")
    return verdict


def order_key(order_id: str) -> str:
    """Return the key by which the hub keeps an order's messages in their order."""
    return f"order:{order_id}"


def _judge_poison(
    world: World, verdict: Verdict, front: Front, poison: str, count: int
) -> None:
    database, channel_id = world.database, front.hub.channel_id
    rows = database.rows(
        "SELECT state, attempts FROM stock_channel_message"
        " WHERE channel_id = %s AND order_key = %s",
        channel_id,
        order_key(poison),
    )
    verdict.same("the poison", rows, [("failed", 4)])
    verdict.same("deaths of it", verdict.counts["deaths"], 3)
    made = database.value(
        "SELECT count(*) FROM stock_channel_order"
        " WHERE channel_id = %s AND sale_order_id IS NOT NULL",
        channel_id,
    )
    verdict.same("orders made", made, count - 1)
    jobs = database.rows(
        "SELECT id FROM ir_cron WHERE id IN (%s, %s) AND active",
        world.cron("inbox"),
        world.cron("inbox_2"),
    )
    verdict.same("jobs still active", len(jobs), 2)
    issues = database.value(
        "SELECT count(*) FROM stock_channel_exception"
        " WHERE channel_id = %s AND state = 'open' AND category = 'internal'"
        " AND NOT coalesce(is_alarm, FALSE)",
        channel_id,
    )
    verdict.same("open exceptions", issues, 1)
