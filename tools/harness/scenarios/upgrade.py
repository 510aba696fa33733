"""R17: an update with work pending, and a copy of the database beside it."""

from __future__ import annotations

import threading
import time

from tools.demo.waiting import wait_for
from tools.devenv import DevEnvError

from .. import ledger
from ..acts import Acts
from ..expected import expect
from ..front import Front
from ..verdict import Verdict
from ..world import OPERATED, World

COPY = "harness_copy"


def upgrade_is_safe(world: World) -> Verdict:
    """Update the module and restart with work pending; then play a restored copy."""
    verdict = world.verdict("R17", "upgrade and copy are safe")
    count = world.size(100, 1000)
    products = world.products("R17", world.size(34, 334))
    stock = world.stock_up(products, 500)
    with world.front([*products]) as front:
        front.hide_orders()
        jobs = [world.cron("inbox"), world.cron("inbox_2"), *world.cron_ids(front)]
        _switch(world, jobs, is_on=False)
        acts = Acts(front, world.dice("R17"), OPERATED)
        acts.play(count // 2, count)
        stock = world.stock_up(products, 501)
        senders = world.senders()
        senders.send(front.new_webhooks())
        senders.join()
        pending = ledger.messages(world.database, front.hub.channel_id)["pending"]
        rows = _waiting_numbers(world, front, count)
        world.fleet.stop()
        try:
            _update_beside_a_copy(world, verdict, front)
            _switch(world, jobs, is_on=True)
        finally:
            world.fleet.start(world.database.name)
        wait_for(lambda: _unfinished(world, front), seconds=300, what="the rest")
        _judge(world, verdict, front, stock)
        verdict.counts.update({"messages pending": pending, "numbers pending": rows})
        verdict.same("messages pending at the update", pending, count)
        verdict.expect(rows >= count, f"only {rows} numbers were pending")
    return verdict


def _waiting_numbers(world: World, front: Front, wanted: int) -> int:
    """Wait until so many numbers are to be told; return how many are."""
    found: list[int] = []

    def too_few() -> list[str]:
        world.wake(world.cron("compute"))
        time.sleep(0.3)
        found[:] = world.database.rows(
            "SELECT count(*)::int FROM stock_channel_publication"
            " WHERE channel_id = %s AND state = 'pending'",
            front.hub.channel_id,
        )[0]
        return [] if found[0] >= wanted else [f"{found[0]} of {wanted}"]

    wait_for(too_few, seconds=60, what="numbers to be told")
    return found[0]


def _judge(
    world: World, verdict: Verdict, front: Front, stock: dict[tuple[str, str], int]
) -> None:
    """Expect Odoo and the shop to be as if nothing had happened."""
    channel_id = front.hub.channel_id
    books = expect(front.orders(), front.returns())
    verdict.problems += ledger.unequal(
        world.database, channel_id, books, stock, front.levels()
    )
    verdict.problems += world.trouble(front)
    verdict.never(front.books.inversions)
    verdict.counts["orders"] = len(books.orders)
    # Twice told is no harm under one key; twice written would be a push too many.
    logged = world.database.rows(
        "SELECT publication_id, sequence, count(*)::int"
        "  FROM stock_channel_publication_log WHERE channel_id = %s"
        " GROUP BY 1, 2 HAVING count(*) > 1",
        channel_id,
    )
    verdict.same("numbers acknowledged twice", logged, [])


def _unfinished(world: World, front: Front) -> list[str]:
    world.wake_inbox()
    time.sleep(0.5)
    left = ledger.messages(world.database, front.hub.channel_id)["pending"]
    return [f"{left} messages to do"] if left else world.unsettled(front)


def _switch(world: World, jobs: list[int], *, is_on: bool) -> None:
    """Switch the jobs that work off or on, as a busy or stopped server does."""
    world.database.rows(
        "UPDATE ir_cron SET active = %s WHERE id = ANY(%s)", is_on, jobs
    )


def _update(world: World) -> None:
    """Update the module, as an administrator does."""
    world.env.run_odoo(
        [
            f"--database={world.database.name}",
            "--update=stock_channel_hub",
            "--stop-after-init",
            "--no-http",
        ],
        world.env.log("harness-update"),
    )


def _update_beside_a_copy(world: World, verdict: Verdict, front: Front) -> None:
    """Update the module, and meanwhile serve a copy made just before."""
    world.database.let_go()
    world.env.create_database(COPY, template=world.database.name)
    failures: list[str] = []

    def update() -> None:
        try:
            _update(world)
        except DevEnvError as error:
            failures.append(str(error))

    thread = threading.Thread(target=update)
    thread.start()
    try:
        _serve_copy(world, verdict, front)
    finally:
        thread.join()
        world.env.drop_database(COPY)
    verdict.problems += failures


def _serve_copy(world: World, verdict: Verdict, front: Front) -> None:
    """Serve a plain copy, as PostgreSQL makes one: silent until somebody speaks up."""
    server, shop = world.env.server, front.proxy
    # The hub's jobs are on, as they were; Odoo's own have nothing to say here. And
    # whatever a copy tells never reaches the shop.
    server.execute(
        "UPDATE ir_cron SET active = cron_name LIKE 'Stock Channel%'", database=COPY
    )
    for method, path in (("POST", "/inventory"), ("GET", "/inventory")):
        shop.answers[method, path] = lambda: (503, [], b"")
    log = world.env.log("harness-copy")
    seconds = world.size(2, 60)
    try:
        with world.env.start_odoo(COPY, log_path=log) as odoo:
            admin = world.person(odoo.url, COPY)
            _is_silent(world, verdict, front, "a plain copy", seconds)
            uuid = "00000000-0000-4000-8000-000000000017"
            admin.call("ir.config_parameter", "set_param", "database.uuid", uuid)
            _is_silent(world, verdict, front, "a copy made by Odoo", seconds)
            calls = len(shop.calls)
            channel_id = front.hub.channel_id
            admin.call("stock.channel", "action_take_over", [channel_id])

            def unheard() -> list[str]:
                _wake_copy(world)
                return [] if len(shop.calls) > calls else ["no call"]

            wait_for(unheard, seconds=60, what="the copy to speak once it is armed")
            verdict.counts["copy silent for"] = f"2 x {seconds} s"
    finally:
        shop.answers.pop(("POST", "/inventory"), None)
        shop.answers.pop(("GET", "/inventory"), None)


def _is_silent(
    world: World, verdict: Verdict, front: Front, what: str, seconds: int
) -> None:
    """Expect no call from a copy in which the channel's jobs run, again and again."""
    calls = len(front.proxy.calls)
    server, ids = world.env.server, ",".join(map(str, world.cron_ids(front)))
    server.execute("UPDATE ir_cron SET lastcall = NULL", database=COPY)

    def idle() -> list[str]:
        _wake_copy(world)
        ran = server.execute(
            f"SELECT count(lastcall) FROM ir_cron WHERE id IN ({ids})",  # noqa: S608
            database=COPY,
        )
        return [] if ran == "2" else [f"{ran} of the channel's 2 jobs ran"]

    wait_for(idle, seconds=60, what=f"the jobs of {what}")
    for _half in range(2 * seconds):
        _wake_copy(world)
        time.sleep(0.5)
    verdict.same(f"calls of {what}", len(front.proxy.calls) - calls, 0)


def _wake_copy(world: World) -> None:
    """Let a minute pass in the copy: its workers would sleep before they look."""
    server = world.env.server
    server.execute(
        "UPDATE ir_cron SET nextcall = now() AT TIME ZONE 'UTC' WHERE id IN"
        " (SELECT id FROM ir_cron WHERE active FOR UPDATE SKIP LOCKED)",
        database=COPY,
    )
    server.execute(f"SELECT pg_notify('cron_trigger', '{COPY}')")
