"""R6: who is frozen or dies in the middle of a call is replaced, and counts once."""

from __future__ import annotations

import json
import os
import time
from collections.abc import Callable
from pathlib import Path

from tools.demo.waiting import wait_for
from tools.demo_shop import orders
from tools.faults.proxy import Call

from ..front import Front
from ..verdict import Verdict
from ..world import World, timed
from .durable import changes, order_key

PERIOD = 60.0
"""Seconds; how often a channel's job runs by itself."""


def retaken_once(world: World) -> Verdict:
    """Freeze whoever publishes and whoever applies, past their leases; then wake them."""
    verdict = world.verdict("R6", "stuck work is retaken, once")
    products = world.products("R6", 4)
    world.stock_up(products, 50, ["north"])
    with world.front([*products], places=["north"]) as front:
        front.hide_orders()
        _frozen_publisher(world, verdict, front, products)
        _frozen_reader(world, verdict, front)
        _killed_reporter(world, verdict, front)
    return verdict


def _frozen_publisher(
    world: World, verdict: Verdict, front: Front, products: dict[str, int]
) -> None:
    """The frozen one's connection is lost; awake again it must not tell old numbers."""
    publish, _poll = world.cron_ids(front)
    world.fleet.arm("publish.leased", "stop")
    world.put({(p, "north"): 40 for p in products.values()})
    _until(lambda: bool(world.fleet.frozen()), 60, "somebody to freeze")
    begin = time.monotonic()
    world.put({(p, "north"): 20 for p in products.values()})
    _lose_connections(world)
    channel_id = front.hub.channel_id
    world.database.rows(
        "UPDATE stock_channel_publication SET lease_until = lease_until"
        " - interval '10 min' WHERE channel_id = %s AND state = 'sending'",
        channel_id,
    )

    def agreed() -> list[str]:
        world.wake(publish)
        return [
            f"{'/'.join(key)} shows {level}"
            for key, level in front.levels().items()
            if int(level) != 20
        ]

    wait_for(agreed, seconds=2 * PERIOD, what="another worker to publish")
    verdict.counts["published after"] = f"{timed(begin)} s"
    before = len(_pushes(front))
    world.fleet.thaw()
    time.sleep(5)
    # It may still call, unless it has to read from the database it has lost; either
    # way the numbers stay.
    verdict.counts["late calls"] = len(_pushes(front)) - before
    wait_for(agreed, seconds=PERIOD, what="the numbers to stay")
    verdict.never(front.books.inversions)
    keys: dict[str, set[bytes]] = {}
    for call in _pushes(front):
        keys.setdefault(call.headers["idempotency-key"], set()).add(
            json.dumps(json.loads(call.body)["data"], sort_keys=True).encode()
        )
    reused = [key for key, bodies in keys.items() if len(bodies) > 1]
    verdict.same("idempotency keys with two bodies", reused, [])
    verdict.counts["pushes"] = len(keys)


def _pushes(front: Front) -> list[Call]:
    """Return the calls that told numbers."""
    return [
        call
        for call in front.proxy.calls
        if call.method == "POST" and call.path == "/inventory"
    ]


def _frozen_reader(world: World, verdict: Verdict, front: Front) -> None:
    """Another takes the message; what the late one writes is refused."""
    deliveries = changes(front, 1)
    order_id = json.loads(deliveries[0].raw)["data"]["id"]
    world.fleet.arm("inbox.message", "stop", order_key(order_id))
    senders = world.senders()
    senders.send(deliveries)
    senders.join()
    _until(lambda: bool(world.fleet.frozen()), 60, "somebody to freeze")
    channel_id = front.hub.channel_id
    world.database.rows(
        "UPDATE stock_channel_message SET lease_until = lease_until"
        " - interval '10 min' WHERE channel_id = %s AND state = 'pending'",
        channel_id,
    )
    begin = time.monotonic()

    def done() -> bool:
        world.wake_inbox()
        rows = world.database.rows(
            "SELECT 1 FROM stock_channel_message"
            " WHERE channel_id = %s AND state <> 'done'",
            channel_id,
        )
        return not rows

    _until(done, 2 * PERIOD, "another worker to take the message")
    verdict.counts["retaken after"] = f"{timed(begin)} s"
    world.fleet.thaw()
    time.sleep(3)
    claims = world.database.value(
        "SELECT max(claims) FROM stock_channel_message WHERE channel_id = %s",
        channel_id,
    )
    verdict.same("claims of it", claims, 2)
    sales = world.database.value(
        "SELECT count(*) FROM sale_order s JOIN stock_channel_order o"
        " ON o.sale_order_id = s.id WHERE o.channel_id = %s",
        channel_id,
    )
    verdict.same("sale orders", sales, 1)


def _killed_reporter(world: World, verdict: Verdict, front: Front) -> None:
    """The channel has the shipment, and whoever told it dies before writing so."""
    sku = front.store.catalogue.products[0].sku
    line = {"sku": sku, "quantity": "2", "location_id": "north"}
    order = orders.place(front.store, [line])
    senders = world.senders()
    senders.send(front.new_webhooks())
    senders.join()
    pickings: list[int] = []

    def reserved() -> bool:
        world.wake_inbox()
        pickings[:] = _deliveries(world, front, order["id"])
        return bool(pickings)

    _until(reserved, 2 * PERIOD, "the delivery to ship")
    world.fleet.arm("report.answered")
    context = {"skip_backorder": True}
    world.admin.call("stock.picking", "button_validate", pickings, context=context)
    publish, _poll = world.cron_ids(front)

    def told() -> bool:
        world.wake(publish)
        # As if the minute had passed after which a dead one's call must be over.
        world.database.rows(
            "UPDATE stock_channel_fulfillment SET lease_until = lease_until"
            " - interval '5 min' WHERE channel_id = %s AND state = 'sending'",
            front.hub.channel_id,
        )
        rows = world.database.rows(
            "SELECT 1 FROM stock_channel_fulfillment"
            " WHERE channel_id = %s AND state = 'done'",
            front.hub.channel_id,
        )
        return bool(rows)

    _until(told, 2 * PERIOD, "the shipment to be told")
    calls = [c for c in front.proxy.calls if c.path == "/shipments"]
    ids = {json.loads(call.body)["data"]["id"] for call in calls}
    verdict.same(
        "kills while a shipment was told", world.fleet.armed("report.answered"), 0
    )
    verdict.expect(len(calls) >= 2, "the shipment was told once: nothing is proved")
    verdict.same("ids of one shipment", len(ids), 1)
    (shipped,) = orders.read(front.store, order["id"])["lines"]
    verdict.same("pieces the shop knows of", shipped["fulfilled_quantity"], "2")
    verdict.counts["shipment told"] = len(calls)


def _deliveries(world: World, front: Front, order_id: str) -> list[int]:
    """Return the reserved deliveries of an order."""
    rows = world.database.rows(
        "SELECT p.id FROM stock_picking p"
        " JOIN stock_channel_order o ON o.sale_order_id = p.sale_id"
        " WHERE o.channel_id = %s AND o.external_id = %s AND p.state = 'assigned'",
        front.hub.channel_id,
        order_id,
    )
    return [row[0] for row in rows]


def _lose_connections(world: World) -> None:
    """End the frozen one's connections, as a network that fails for minutes does."""
    for pid in world.fleet.frozen():
        ports = _ports_of(pid)
        world.database.rows(
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity"
            " WHERE client_port = ANY(%s)",
            ports,
        )


def _ports_of(pid: int) -> list[int]:
    """Return the local ports of a process's connections."""
    inodes = set()
    for entry in Path(f"/proc/{pid}/fd").iterdir():
        try:
            target = os.readlink(entry)
        except OSError:
            continue
        if target.startswith("socket:["):
            inodes.add(target[8:-1])
    ports = []
    for line in Path(f"/proc/{pid}/net/tcp").read_text().splitlines()[1:]:
        words = line.split()
        if words[9] in inodes:
            ports.append(int(words[1].split(":")[1], 16))
    return ports


def _until(holds: Callable[[], bool], seconds: float, what: str) -> None:
    wait_for(lambda: [] if holds() else ["not yet"], seconds=seconds, what=what)
