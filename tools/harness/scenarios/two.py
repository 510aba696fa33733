"""TWO: two servers share the work fairly; one is killed in the middle, nothing is lost.

Who finished what is noted by the database itself: the connections of a server's workers
bear the number of its main process.
"""

from __future__ import annotations

import contextlib
import time
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from functools import partial

from tools.demo.waiting import wait_for

from .. import ledger
from ..acts import Acts
from ..front import Delivery, Front
from ..verdict import Verdict
from ..world import OPERATED, World
from .exactly import judge_shop

CHANNELS = 3

FAIR = 0.2
"""The least share of what was done that each of two servers has to do.

Of much: a worker claims fifty messages at once, so that one server may well do all of the
short version's first sixty.
"""

_WATCH = """
    CREATE TABLE harness_done (what text, who text);
    CREATE FUNCTION harness_done() RETURNS trigger LANGUAGE plpgsql AS $$
    BEGIN
        INSERT INTO harness_done
        VALUES (TG_ARGV[0], current_setting('application_name'));
        RETURN NULL;
    END $$;
    CREATE TRIGGER harness_done AFTER UPDATE ON stock_channel_message FOR EACH ROW
      WHEN (NEW.state = 'done' AND OLD.state <> 'done')
      EXECUTE FUNCTION harness_done('messages');
    CREATE TRIGGER harness_done AFTER UPDATE ON stock_channel_publication FOR EACH ROW
      WHEN (NEW.state = 'clean' AND OLD.state <> 'clean')
      EXECUTE FUNCTION harness_done('numbers');
"""

_UNWATCH = """
    DROP TRIGGER harness_done ON stock_channel_message;
    DROP TRIGGER harness_done ON stock_channel_publication;
    DROP FUNCTION harness_done();
    DROP TABLE harness_done;
"""


def _done(world: World) -> dict[str, Counter[int]]:
    """Return how much each server did so far, by what."""
    rows = world.database.rows(
        "SELECT what, who, count(*)::int FROM harness_done GROUP BY 1, 2"
    )
    return shares(rows, world.fleet.masters)


def shares(
    rows: Sequence[tuple[str, str, int]], masters: Mapping[int, int]
) -> dict[str, Counter[int]]:
    """Return how much each server did, by what; -1 is nobody that is known.

    :param rows: what, name of the connection, how many.
    :param masters: number of the server by the process id of its master, which the
        connections of all its workers bear.
    """
    found: dict[str, Counter[int]] = {"messages": Counter(), "numbers": Counter()}
    for what, who, count in rows:
        pid = who.removeprefix("odoo-")
        home = masters.get(int(pid), -1) if pid.isdecimal() else -1
        found[what][home] += count
    return found


def count_shares(verdict: Verdict, done: Mapping[str, Counter[int]]) -> Counter[int]:
    """Note how much each of two servers did by kind, and return how much of all.

    Whatever was done, one of the two has to have done it.
    """
    both: Counter[int] = Counter()
    for what, part in done.items():
        verdict.counts[f"{what} by each"] = "+".join(str(part[n]) for n in (0, 1))
        verdict.same(f"{what} done by nobody known", part[-1], 0)
        both += part
    return both


def judge_shares(verdict: Verdict, both: Counter[int]) -> None:
    """Expect that each of two servers did its part of all that was done.

    Not of each kind: a worker claims 50 messages at once, and while it has them the
    other server's workers tell the numbers.
    """
    whole = sum(both.values())
    for number in (0, 1):
        verdict.expect(
            both[number] >= FAIR * whole,
            f"server {number + 1} did {both[number]} of {whole}",
        )


@contextlib.contextmanager
def _watched(world: World) -> Iterator[None]:
    """Let the database note who finishes what, for the length of the block."""
    world.database.rows(_WATCH)
    try:
        yield
    finally:
        world.database.rows(_UNWATCH)


def servers_share(world: World) -> Verdict:
    """Let two servers work, kill one with all its processes, let the other go on."""
    verdict = world.verdict("TWO", "two servers share the work, one is killed")
    count = world.size(40, 400)
    products = world.products("TWO", world.size(9, 60))
    stock = world.stock_up(products, 1000)
    parts = [[*products][number::CHANNELS] for number in range(CHANNELS)]
    with contextlib.ExitStack() as stack:
        fronts = [stack.enter_context(world.front(part)) for part in parts]
        stack.enter_context(_watched(world))
        dice = world.dice("TWO")
        for front in fronts:
            front.hide_orders()
            Acts(front, dice, OPERATED).play(count // 2, count)
        _send(world, fronts)
        # Beyond a third both had their time, and much is still to do.
        wait_for(
            partial(_less_than, world, CHANNELS * count * world.size(40, 50) // 100),
            seconds=world.size(60, 300),
            what="the first part to be done",
        )
        before = _done(world)
        by_each = count_shares(verdict, before)
        if world.is_long:
            judge_shares(verdict, by_each)
        # The one that did more, so that nobody can say the other was not needed.
        busier = max((0, 1), key=lambda number: by_each[number])
        world.fleet.kill_server(busier)
        left = sum(_pending(world, front) for front in fronts)
        verdict.counts["messages left at the kill"] = left
        verdict.expect(left > 0, "nothing was left to do when the server was killed")
        try:
            wait_for(
                partial(_unsettled, world, fronts),
                seconds=world.size(90, 600),
                what="the other server to do the rest",
            )
        finally:
            world.fleet.start_dead()
        after = _done(world)["messages"]
        verdict.counts["messages in all"] = sum(after.values())
        taken_over = after[1 - busier] - before["messages"][1 - busier]
        verdict.expect(taken_over > 0, "the other server took nothing over")
        for front in fronts:
            judge_shop(world, verdict, front, stock)
    return verdict


def _send(world: World, fronts: list[Front]) -> None:
    deliveries: list[Delivery] = []
    for front in fronts:
        deliveries += front.new_webhooks()
    world.dice("TWO sending").shuffle(deliveries)
    senders = world.senders()
    senders.send(deliveries)
    senders.join()


def _less_than(world: World, wanted: int) -> list[str]:
    time.sleep(0.2)
    done = sum(_done(world)["messages"].values())
    return [f"{done} of {wanted}"] if done < wanted else []


def _pending(world: World, front: Front) -> int:
    return ledger.messages(world.database, front.hub.channel_id)["pending"]


def _unsettled(world: World, fronts: list[Front]) -> list[str]:
    """Let minutes pass: what the dead one held is free when its lease is over."""
    for front in fronts:
        world.wake(*world.cron_ids(front))
    world.wake_inbox()
    time.sleep(0.5)
    if left := sum(_pending(world, front) for front in fronts):
        return [f"{left} messages to do"]
    return [problem for front in fronts for problem in world.unsettled(front)]
