"""R13: what got lost on the way is found, and put right or told."""

from __future__ import annotations

import time
from collections.abc import Callable
from decimal import Decimal

from tools.demo.waiting import wait_for

from .. import ledger
from ..acts import Acts
from ..expected import expect
from ..front import Front
from ..verdict import Verdict
from ..world import OPERATED, World


def lost_notices_are_found(world: World) -> Verdict:
    """Drop some webhooks for good and alter some numbers by hand."""
    verdict = world.verdict("R13", "lost notices are found")
    dice = world.dice("R13")
    products = world.products("R13", world.size(10, 100))
    stock = world.stock_up(products, 300)
    with world.front([*products]) as front:
        acts = Acts(front, dice, OPERATED)
        acts.play(world.size(10, 150), world.size(24, 400))
        deliveries = front.new_webhooks()
        lost = {d.webhook_id for d in deliveries if dice.random() < 0.05}
        lost.add(deliveries[0].webhook_id)
        # Returns are told by webhook only: the contract has no page of them.
        kept = [
            d for d in deliveries if d.webhook_id not in lost or b'"return.' in d.raw
        ]
        senders = world.senders()
        senders.send(kept)
        senders.join()
        _settled(world, front)
        altered = _alter(front, dice.sample(sorted(front.levels()), world.size(2, 3)))
        _cycle(world, front, lambda: _apart(world, front))
        books = expect(front.orders(), front.returns())
        channel_id = front.hub.channel_id
        verdict.problems += ledger.unequal(
            world.database, channel_id, books, stock, front.levels()
        )
        before = _told(world, channel_id)
        _cycle(world, front, lambda: [])
        verdict.same("what a second cycle changed", _told(world, channel_id), before)
        verdict.problems += world.trouble(front)
        verdict.counts.update(
            events=len(deliveries), lost=len(deliveries) - len(kept), altered=altered
        )
    return verdict


def _settled(world: World, front: Front) -> None:
    channel_id = front.hub.channel_id

    def problems() -> list[str]:
        left = ledger.messages(world.database, channel_id)["pending"]
        return [f"{left} to do"] if left else world.unsettled(front)

    wait_for(problems, seconds=180, what="everything to be worked off")


def _apart(world: World, front: Front) -> list[str]:
    """Return what the hub has not heard of, or the shop not been told of."""
    told = world.database.value(
        "SELECT count(*) FROM stock_channel_order WHERE channel_id = %s",
        front.hub.channel_id,
    )
    if missing := len(front.orders()) - told:
        return [f"{missing} orders are not known"]
    return world.unsettled(front)


def _alter(front: Front, keys: list[tuple[str, str]]) -> int:
    """Change numbers at the shop, as somebody does by hand.

    Not to one that it showed before: that may be a channel that is late, and is left
    alone for a while.
    """
    for sku, place in keys:
        with front.store.transaction() as db:
            front.store.set_quantity(
                db,
                sku,
                place,
                front.store.quantity(sku, place) + Decimal(1007),  # type: ignore[operator]
            )
    return len(keys)


def _cycle(world: World, front: Front, problems: Callable[[], list[str]]) -> None:
    """Let the channel be polled and read back as a whole, once."""
    world.admin.call("stock.channel", "action_read_back", [front.hub.channel_id])
    publish, poll = world.cron_ids(front)

    def ended() -> list[str]:
        world.wake(publish, poll)
        time.sleep(0.5)
        requested = world.database.value(
            "SELECT read_back_requested_at FROM stock_channel WHERE id = %s",
            front.hub.channel_id,
        )
        return ["the comparison is not over"] if requested else problems()

    wait_for(ended, seconds=180, what="the channel to be compared")


def _told(world: World, channel_id: int) -> tuple[object, ...]:
    """Return how much the hub has done for a channel so far."""
    (row,) = world.database.rows(
        "SELECT (SELECT count(*) FROM stock_channel_publication_log"
        "         WHERE channel_id = %(id)s),"
        "       (SELECT count(*) FROM stock_channel_order WHERE channel_id = %(id)s),"
        "       (SELECT count(*) FROM stock_channel_exception"
        "         WHERE channel_id = %(id)s)".replace("%(id)s", str(int(channel_id)))
    )
    return tuple(row)
