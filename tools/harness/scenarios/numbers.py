"""R6, R7, R8, R14: numbers get through, in order, once, and politely."""

from __future__ import annotations

import contextlib
import random
import time
from collections import Counter
from dataclasses import replace

from tools.demo.waiting import wait_for
from tools.devenv import DevEnvError
from tools.faults.proxy import Answer, Proxy, Weather

from .. import ledger
from ..acts import Acts
from ..expected import expect
from ..front import Front
from ..senders import Senders
from ..verdict import Verdict
from ..world import PLACES, World

PERIOD = 60.0
"""Seconds; how often a channel's job runs by itself."""

LATEST = 1.0
"""Seconds after the end of a pause by which the channel is called again; the goal."""

STORM = Weather(
    error=0.10,
    lost=0.05,
    hang=0.05,
    burst=0.01,
    reset=0.03,
    half=0.02,
    slow=0.05,
    burst_seconds=2.0,
    hang_seconds=2.0,
)


def converges(world: World) -> Verdict:
    """Goods and orders come and go on wires that fail; calm, and all of it is right."""
    verdict = world.verdict("R7", "publication converges")
    products = world.products("R7", world.size(12, 200))
    stock = world.stock_up(products, 50, ["north", "south"])
    sold = {sku for number, sku in enumerate(products) if number % 2}
    counted = {sku: i for sku, i in products.items() if sku not in sold}
    # Who waits for an answer that never comes waits longer than anybody's patience.
    storm = STORM if not world.is_long else replace(STORM, hang_seconds=25.0)
    with contextlib.ExitStack() as stack:
        front = stack.enter_context(
            world.front([*products], places=["north", "south"], weather=storm)
        )
        doors = [
            stack.enter_context(Proxy(url, storm, world.seed + n).running())
            for n, url in enumerate(world.fleet.urls, start=10)
        ]
        senders = world.senders(urls=[door.url for door in doors])
        wires = [front.proxy, *doors]
        acts = Acts(front, world.dice("R7"), "", skus=sorted(sold))
        changed = _storm(world, acts, senders, wires, counted)
        world.wake(*world.cron_ids(front))
        took = _agree(world, verdict, front, 2 * PERIOD, is_pressed=not world.is_long)
        faults = sum((wire.counts for wire in wires), Counter())
        verdict.counts.update(
            stock_changes=changed,
            acts=sum(acts.done.values()),
            applied=front.books.applied,
            agreed_after=f"{took:.0f} s",
            **{k: v for k, v in sorted(faults.items()) if k != "through"},
        )
        calm = [wire.url for wire in wires if not _failed(wire)]
        verdict.same("wires on which no call failed", calm, [])
        books = expect(front.orders())
        mine = {key: n for key, n in stock.items() if key[0] in sold}
        verdict.problems += ledger.unequal(
            world.database, front.hub.channel_id, books, mine, front.levels(), sold
        )
        verdict.never(front.books.inversions)
        verdict.problems += senders.given_up
    return verdict


def _failed(wire: Proxy) -> int:
    return sum(wire.counts[kind] for kind in ("error", "lost", "reset", "half", "hang"))


def _storm(
    world: World,
    acts: Acts,
    senders: Senders,
    wires: list[Proxy],
    counted: dict[str, int],
) -> int:
    """Change stock, buy and change one's mind for a while, as every wire fails.

    :return: how many numbers on shelves were changed.
    """
    seconds = world.size(10, 180)
    for wire in wires:
        wire.is_stormy = True
    begin, changed = time.monotonic(), 0
    while True:
        changed += _stir(world, counted, 0, acts.dice, ["north", "south"])
        acts.place()
        acts.act()
        senders.send(acts.front.new_webhooks())
        passed = time.monotonic() - begin
        # Some calls more, where dice would have spared a wire.
        if passed > seconds and (all(map(_failed, wires)) or passed > seconds + 40):
            break
    for wire in wires:
        wire.is_stormy = False
    senders.join()
    return changed


def _stir(
    world: World,
    products: dict[str, int],
    seconds: float,
    dice: random.Random,
    places: list[str],
    most: int = 10,
) -> int:
    """Count shelves anew for so long, once at least; return how many were changed.

    :param most: how many at a time.
    """
    end, changed = time.monotonic() + seconds, 0
    ids = list(products.values())
    while not changed or time.monotonic() < end:
        some = dice.sample(ids, min(len(ids), most))
        world.put({(p, dice.choice(places)): dice.randint(0, 90) for p in some})
        changed += len(some)
        time.sleep(0.1)
    return changed


def _agree(
    world: World,
    verdict: Verdict,
    front: Front,
    seconds: float,
    *,
    is_pressed: bool = False,
) -> float:
    """Wait for agreement between the hub, Odoo's shelves and the shop.

    :param is_pressed: let minutes pass faster: it is not about seconds here.
    """

    def different() -> list[str]:
        if is_pressed:
            _pass_minutes(world, front)
        # What is not worked off yet is not lost, and changes the numbers.
        channel_id = front.hub.channel_id
        left = ledger.messages(world.database, channel_id)["pending"]
        problems = world.unsettled(front)
        if left or problems:
            return [f"{left} messages to do", *problems]
        shelves = ledger.shelves(world.database, channel_id)
        shown = front.levels()
        return [
            f"{'/'.join(key)}: on the shelf {free}, shown {shown[key]}"
            for key, free in shelves.items()
            if max(free, 0) != int(shown[key])
        ]

    try:
        return wait_for(different, seconds=seconds, what="shop and ERP to agree")
    except DevEnvError as error:
        verdict.late(str(error))
        return seconds


def _pass_minutes(world: World, front: Front) -> None:
    """Let every job's interval and every wait be over, for dead and late ones too."""
    channel_id = front.hub.channel_id
    world.database.rows(
        "UPDATE stock_channel_publication SET lease_until = lease_until"
        " - interval '1 min' WHERE id IN (SELECT id FROM stock_channel_publication"
        " WHERE channel_id = %s AND state = 'sending' FOR UPDATE SKIP LOCKED)",
        channel_id,
    )
    world.database.rows(
        "UPDATE stock_channel SET next_attempt_at = next_attempt_at"
        " - interval '1 min' WHERE id IN (SELECT id FROM stock_channel"
        " WHERE id = %s AND next_attempt_at IS NOT NULL FOR UPDATE SKIP LOCKED)",
        channel_id,
    )
    world.wake_inbox()
    world.wake(*world.cron_ids(front))
    time.sleep(0.5)


def never_back(world: World) -> Verdict:
    """Publish many numbers from several workers: none arrives after a newer one."""
    verdict = world.verdict("R8", "no going back")
    wanted = world.size(80, 10_000)
    products = world.products("R8", world.size(15, 100))
    world.stock_up(products, 50)
    slow = replace(STORM, error=0.0, burst=0.0, half=0.0, reset=0.0, hang=0.0, slow=0.3)
    dice = world.dice("R8")
    # What a dead worker had sent is looked up at the channel first, once its call must be
    # over, two minutes later: nothing is sent to that channel meanwhile.
    points = ["publish.leased", "publish.answered"]
    dice.shuffle(points)
    with world.front([*products], weather=slow) as front:
        front.proxy.is_stormy = True
        begin, first, killed = time.monotonic(), front.books.applied, 0
        while (done := front.books.applied - first) < wanted:
            _stir(world, products, 1, dice, [*PLACES], world.size(10, 50))
            if killed < len(points) and done >= wanted * (killed + 1) // 3:
                world.fleet.arm(points[killed])
                killed += 1
            if killed and not world.is_long:
                _pass_minutes(world, front)
            if time.monotonic() - begin > world.size(60, 900):
                break
        killed -= sum(map(world.fleet.armed, points))
        front.proxy.is_stormy = False
        world.fleet.disarm()
        took = _agree(world, verdict, front, 3 * PERIOD, is_pressed=not world.is_long)
        verdict.counts.update(
            applied=front.books.applied - first,
            seconds=f"{time.monotonic() - begin:.0f}",
            inversions=len(front.books.inversions),
            kills=killed,
            agreed_after=f"{took:.0f} s",
        )
        verdict.never(front.books.inversions)
        if done < wanted or killed < len(points):
            verdict.unjudged.append(f"{done} of {wanted} in time, {killed} kills")
    return verdict


def polite(world: World) -> Verdict:
    """Answer 429 with Retry-After: nobody calls earlier; the outage is told once."""
    verdict = world.verdict("R14", "polite under limits")
    products = world.products("R14", 3)
    world.stock_up(products, 50, ["north"])
    with world.front([*products], places=["north"]) as front:
        asked: list[tuple[float, int]] = []
        pauses = [2, 3, 5] if world.is_long else [2, 3]
        wanted = len(pauses)

        def patience() -> Answer | None:
            if not pauses:
                return None
            asked.append((time.monotonic(), pauses.pop(0)))
            return 429, [("Retry-After", str(asked[-1][1]))], b""

        front.proxy.answers["POST", "/inventory"] = patience
        world.put({(p, "north"): 40 for p in products.values()})
        end = time.monotonic() + 90
        publish, _poll = world.cron_ids(front)
        # During the first pause the job is woken far too often, and the channel is left
        # alone all the same. After that nobody helps the hub to come back in time.
        while (pauses or world.unsettled(front)) and time.monotonic() < end:
            if len(asked) == 1:
                world.wake(publish)
            time.sleep(0.2)
        calls = [c.at for c in front.proxy.calls if c.path.startswith("/inventory")]
        judge_pauses(verdict, asked, calls)
        verdict.same("pauses asked for", len(asked), wanted)
        _outage(world, verdict, front, products)
    return verdict


def judge_pauses(
    verdict: Verdict, asked: list[tuple[float, int]], calls: list[float]
) -> None:
    """Expect no call before the end of each pause, and one within a second after it.

    :param asked: the moments at which a pause was asked for, and its seconds.
    """
    latest = 0.0
    for moment, pause in asked:
        # The call that was answered so is noted a moment before it was.
        after = [at - moment - pause for at in calls if at - moment > 0.05]
        early = [seconds for seconds in after if seconds < -0.05]
        verdict.same(f"calls within Retry-After {pause}", early, [])
        latest = max(latest, min(after, default=0.0))
        verdict.expect(bool(after), f"no call after Retry-After {pause}")
    verdict.counts["later than asked"] = f"{latest:.1f} s"
    if latest > LATEST:
        verdict.late(f"a call came {latest:.1f} s after Retry-After")


def _outage(
    world: World, verdict: Verdict, front: Front, products: dict[str, int]
) -> None:
    """Answer 503 for a while: one line says down, one says up again."""

    def uneven() -> list[str]:
        downs, ups = _said(world, front)
        return [] if downs == ups else [f"{downs} times down, {ups} times up"]

    # The line about the end of the pauses is written after the commit, too.
    wait_for(uneven, seconds=10, what="the log to tell of the end of the pauses")
    before = _said(world, front)
    front.proxy.answers["POST", "/inventory"] = lambda: (503, [], b"")
    publish, _poll = world.cron_ids(front)
    world.put({(p, "north"): 30 for p in products.values()})
    begin = time.monotonic()
    while time.monotonic() - begin < world.size(6, 60):
        world.wake(publish)
        time.sleep(0.3)
    failed = len([c for c in front.proxy.calls if c.at > begin and c.method == "POST"])
    front.proxy.answers.clear()

    def down() -> list[str]:
        world.wake(publish)
        return world.unsettled(front)

    wait_for(down, seconds=3 * PERIOD, what="the channel to be told again")
    # The line is written after the commit that the numbers are seen by.
    downs, ups = _lines_since(world, front, before)
    until = time.monotonic() + 5
    while not ups and time.monotonic() < until:
        time.sleep(0.2)
        downs, ups = _lines_since(world, front, before)
    verdict.counts.update(calls_while_down=failed)
    verdict.same("lines about one outage (down, up)", (downs, ups), (1, 1))
    verdict.expect(failed <= 8, f"{failed} calls to a channel that was down")


def _lines_since(
    world: World, front: Front, before: tuple[int, int]
) -> tuple[int, int]:
    """Return how many lines said down, and up, since ``before``."""
    downs, ups = _said(world, front)
    return downs - before[0], ups - before[1]


def _said(world: World, front: Front) -> tuple[int, int]:
    """Return how often the log says that the channel went down, and up again."""
    log, name = world.fleet.log(), f"channel {front.hub.channel_id}"
    return log.count(f"{name} fails: "), log.count(f"{name} answers again")
