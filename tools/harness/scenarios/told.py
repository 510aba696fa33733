"""R18: each trouble is an alarm within two looks, and closes when it is over."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass, field
from decimal import Decimal
from functools import partial

from tools.demo.waiting import wait_for
from tools.demo_shop import orders
from tools.devenv import DevEnvError

from ..front import Delivery, Front, Key
from ..senders import post
from ..verdict import Verdict
from ..world import World
from .durable import changes, order_key

PERIOD = 60.0
"""Seconds between two looks of the watchdog, and between two polls."""

PLACE = "north"


@dataclass(frozen=True)
class Fault:
    """One trouble, and the alarm that tells of it.

    :param name: for the verdict.
    :param front: the channel whose alarm it is.
    :param alarm: its fingerprint begins with this.
    :param cause: brings it about.
    :param end: ends it.
    """

    name: str
    front: Front
    alarm: str
    cause: Callable[[], None]
    end: Callable[[], None]


def somebody_is_told(world: World) -> Verdict:
    """Cause many troubles at once: each is told of, and closes by itself."""
    verdict = world.verdict("R18", "somebody is told")
    products = world.products("R18", 3)
    world.stock_up(products, 20, [PLACE])
    with (
        world.front([*products], places=[PLACE]) as lame,
        world.front([*products], places=[PLACE]) as busy,
    ):
        lame.hide_orders()
        busy.hide_orders()
        at_once = [
            *_troubles_of(world, lame),
            _Door(world, verdict, lame).trouble(),
            *_Busy(world, busy, [*products], products).troubles(),
        ]
        # Messages that nobody works on stop what the others need: they come alone.
        for faults in (at_once, [_standing_still(world, lame)]):
            _play(world, verdict, faults)
        verdict.counts["alerts"] = world.database.value(
            "SELECT count(*) FROM stock_channel_alert WHERE channel_id = ANY(%s)",
            [lame.hub.channel_id, busy.hub.channel_id],
        )
        verdict.expect(bool(verdict.counts["alerts"]), "no alert was made of them")
    return verdict


def _play(world: World, verdict: Verdict, faults: list[Fault]) -> None:
    """Cause all of these, wait for every alarm, end them, wait for every end."""
    begun: list[Fault] = []
    try:
        for fault in faults:
            begun.append(fault)
            fault.cause()
            world.diary.note(f"caused: {fault.name}")
        verdict.counts.update(_wait(world, verdict, faults, is_open=True))
    finally:
        for fault in begun:
            fault.end()
    ended = _wait(world, verdict, faults, is_open=False)
    world.diary.note(f"closed: {ended}")


def _wait(
    world: World, verdict: Verdict, faults: list[Fault], *, is_open: bool
) -> dict[str, object]:
    """Look until all alarms are open, or closed; return after how many seconds."""
    begin, found = time.monotonic(), dict[str, object]()

    def left() -> list[str]:
        _look(world, {fault.front.hub.channel_id: fault.front for fault in faults})
        for fault in faults:
            if fault.name not in found and bool(_alarms(world, fault)) == is_open:
                found[fault.name] = f"{time.monotonic() - begin:.0f} s"
        word = "no alarm" if is_open else "still open"
        return [f"{word}: {f.name}" for f in faults if f.name not in found]

    try:
        wait_for(left, seconds=2 * PERIOD, what="alarms to open or close")
    except DevEnvError as error:
        verdict.late(str(error))
    return found


def _look(world: World, fronts: dict[int, Front]) -> None:
    """Let a minute pass for the watchdog and all who work for these channels."""
    jobs = [job for front in fronts.values() for job in world.cron_ids(front)]
    world.wake(world.cron("watch"), world.cron("compute"), *jobs)
    world.wake_inbox()
    time.sleep(0.7)


def _alarms(world: World, fault: Fault) -> int:
    found: int = world.database.value(
        "SELECT count(*) FROM stock_channel_exception"
        " WHERE channel_id = %s AND state = 'open' AND starts_with(fingerprint, %s)",
        fault.front.hub.channel_id,
        fault.alarm,
    )
    return found


def _troubles_of(world: World, front: Front) -> list[Fault]:
    """Return those of a channel that does not answer, and of a job that is off."""
    channel_id = front.hub.channel_id
    switch = partial(_switch, world, ("sweep",))
    return [
        Fault(
            "outage",
            front,
            f"channel:{channel_id}",
            partial(_down, world, front),
            partial(_up, world, front),
        ),
        Fault(
            "late",
            front,
            f"late:{channel_id}",
            partial(_late, world, front),
            lambda: None,
        ),
        Fault(
            "job off",
            front,
            f"watch:jobs:{channel_id}",
            partial(switch, is_on=False),
            partial(switch, is_on=True),
        ),
    ]


def _standing_still(world: World, front: Front) -> Fault:
    """Return the one of deliveries that nobody works on."""
    return Fault(
        "queue",
        front,
        f"watch:queue:{front.hub.channel_id}",
        partial(_stop_inbox, world, front),
        partial(_switch, world, ("inbox", "inbox_2"), is_on=True),
    )


def _switch(world: World, jobs: tuple[str, ...], *, is_on: bool) -> None:
    ids = [world.cron(job) for job in jobs]
    world.database.rows("UPDATE ir_cron SET active = %s WHERE id = ANY(%s)", is_on, ids)


def _stop_inbox(world: World, front: Front) -> None:
    _switch(world, ("inbox", "inbox_2"), is_on=False)
    senders = world.senders()
    senders.send(changes(front, 2))
    senders.join()
    world.database.rows(
        "UPDATE stock_channel_message SET received_at = received_at - interval '1 day'"
        " WHERE channel_id = %s AND state = 'pending'",
        front.hub.channel_id,
    )


def _down(world: World, front: Front) -> None:
    for method in ("GET", "POST"):
        front.proxy.answers[method, "/inventory"] = lambda: (503, [], b"")
    _change(world, front)
    # Its waits grow; the harness has no minutes to wait.
    world.database.rows(
        "UPDATE stock_channel SET failure_count = 1 WHERE id = %s", front.hub.channel_id
    )


def _up(world: World, front: Front) -> None:
    for method in ("GET", "POST"):
        front.proxy.answers.pop((method, "/inventory"), None)
    world.database.rows(
        "UPDATE stock_channel SET next_attempt_at = NULL WHERE id = %s",
        front.hub.channel_id,
    )


def _late(world: World, front: Front) -> None:
    """Let what the channel that is down was not told be a day old."""
    channel_id = front.hub.channel_id

    def none_is() -> list[str]:
        world.wake(world.cron("compute"))
        time.sleep(0.3)
        rows = world.database.rows(
            "UPDATE stock_channel_publication SET changed_at = changed_at"
            " - interval '1 day' WHERE id IN (SELECT id FROM stock_channel_publication"
            " WHERE channel_id = %s AND state <> 'clean' FOR UPDATE SKIP LOCKED)"
            " RETURNING id",
            channel_id,
        )
        return [] if rows else ["no number is to be told"]

    wait_for(none_is, seconds=60, what="a number that waits")


def _change(world: World, front: Front) -> None:
    """Change the stock of one product of the channel."""
    rows = world.database.rows(
        "SELECT l.product_id, sum(q.quantity)::int FROM stock_channel_listing l"
        "  JOIN stock_quant q ON q.product_id = l.product_id AND q.location_id = %s"
        " WHERE l.channel_id = %s GROUP BY 1 ORDER BY 1 LIMIT 1",
        world.shelves[PLACE],
        front.hub.channel_id,
    )
    product_id, number = rows[0]
    world.put({(product_id, PLACE): number + 3})


@dataclass
class _Busy:
    """A channel at which several things go wrong at once, each with its own goods.

    :param skus: of them the first is altered by hand, the second oversold, and of the
        third an order is what kills its workers.
    """

    world: World
    front: Front
    skus: list[str]
    products: dict[str, int]

    def troubles(self) -> list[Fault]:
        """Return them."""
        channel_id = self.front.hub.channel_id
        drift = f"watch:drift:{channel_id}"
        return [
            Fault("drift", self.front, drift, self.alter, self.mend),
            Fault("oversell", self.front, "oversell:", self.oversell, self.receive),
            Fault("poison", self.front, "message:", self.poison, self.cure),
        ]

    def _set(self, key: Key, change: int) -> None:
        with self.front.store.transaction() as db:
            now = self.front.store.quantity(*key)
            self.front.store.set_quantity(db, *key, (now or Decimal(0)) + change)

    def alter(self) -> None:
        """Let somebody change a number at the shop, and one be enough for an alarm."""
        self.world.database.rows(
            "UPDATE stock_channel SET alert_drift_limit = 0, drift_rule = 'exception'"
            " WHERE id = %s",
            self.front.hub.channel_id,
        )
        self._set((self.skus[0], PLACE), 7)
        self._read_back()

    def mend(self) -> None:
        """Let them change it back."""
        self._set((self.skus[0], PLACE), -7)
        self._read_back()

    def _read_back(self) -> None:
        self.world.admin.call(
            "stock.channel", "action_read_back", [self.front.hub.channel_id]
        )

    def _order(self, sku: str, quantity: int) -> str:
        """Let somebody buy; the shop may show more than there is."""
        line = {"sku": sku, "quantity": str(quantity), "location_id": PLACE}
        order = orders.place(self.front.store, [line])
        return str(order["id"])

    def _deliver(self) -> dict[str, int]:
        senders = self.world.senders()
        senders.send(self.front.new_webhooks())
        senders.join()
        return dict(senders.answers)

    def oversell(self) -> None:
        """Let the shop sell what somebody has just taken off the shelf."""
        key = (self.skus[1], PLACE)
        self._order(key[0], int(self.front.levels()[key]))
        self.world.put({(self.products[key[0]], PLACE): 5})
        self._deliver()

    def receive(self) -> None:
        """Let goods arrive."""
        self.world.put({(self.products[self.skus[1]], PLACE): 90})

    def poison(self) -> None:
        """Let one order kill whoever works on it."""
        order_id = self._order(self.skus[2], 1)
        self.world.fleet.arm("inbox.message", order_key(order_id), times=10)
        self._deliver()

    def cure(self) -> None:
        """Let it kill nobody any more, and somebody try it again."""
        self.world.fleet.disarm()
        rows = self.world.database.rows(
            "SELECT id FROM stock_channel_message"
            " WHERE channel_id = %s AND state = 'failed'",
            self.front.hub.channel_id,
        )
        ids = [row[0] for row in rows]
        self.world.admin.call("stock.channel.message", "action_retry", ids)


@dataclass
class _Door:
    """A channel whose only secret is over: its door refuses whatever comes."""

    world: World
    verdict: Verdict
    front: Front
    refused: list[Delivery] = field(default_factory=list)

    def trouble(self) -> Fault:
        """Return it."""
        alarm = f"watch:credentials:{self.front.hub.channel_id}"
        return Fault("door refuses", self.front, alarm, self.end_secret, self.renew)

    def end_secret(self) -> None:
        """End it, as a person does, and let somebody buy."""
        mine = [("channel_id", "=", self.front.hub.channel_id)]
        rows = self.world.admin.rows("stock.channel.secret", mine, ["id"])
        ids = [row["id"] for row in rows]
        self.world.admin.call("stock.channel.secret", "action_end", ids)
        self.refused = changes(self.front, 1)
        self._send("401")

    def renew(self) -> None:
        """Give it one again; the shop tries once more."""
        vals = {"channel_id": self.front.hub.channel_id, "name": "New"}
        secret = {**vals, "new_value": self.front.secret}
        self.world.admin.create("stock.channel.secret", secret)
        self._send("200")

    def _send(self, wanted: str) -> None:
        for delivery in self.refused:
            said = post(self.world.fleet.urls[0], delivery)
            self.verdict.same("answer at the door", said, wanted)
