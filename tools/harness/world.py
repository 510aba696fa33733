"""What every scenario plays in: the servers, the database and an administrator."""

from __future__ import annotations

import contextlib
import random
import secrets
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

from passlib.hash import pbkdf2_sha512  # type: ignore[import-untyped]

from tools.demo.rpc import User, first_id
from tools.demo.waiting import wait_for
from tools.devenv import DevEnvError, Environment
from tools.faults.proxy import Weather

from .database import Database
from .diary import Diary
from .fleet import Fleet
from .front import Front, Key, open_front
from .ledger import alarms, numbers, trouble
from .senders import Senders
from .verdict import Verdict

PLACES = ("north", "south", "depot")
OPERATED = "depot"
"""The place that shops run themselves: their word about it moves goods."""


@dataclass
class World:
    """Where a scenario happens.

    :param bool is_long: PROOF's counts; the short run has smaller ones.
    :param shelves: Odoo locations by place.
    """

    env: Environment
    database: Database
    fleet: Fleet
    admin: User
    shelves: dict[str, int]
    seed: int
    is_long: bool
    diary: Diary = field(default_factory=Diary)
    _skus: int = 0
    _crons: dict[str, int] = field(default_factory=dict)

    def size(self, short: int, long: int) -> int:
        """Return how much of something this run has."""
        return long if self.is_long else short

    def dice(self, name: str) -> random.Random:
        """Return the dice of one scenario, by the run's seed."""
        return random.Random(f"{name}:{self.seed}")  # noqa: S311 - no secret

    def senders(self, urls: Sequence[str] = ()) -> Senders:
        """Return eight senders to both servers, straight or by other addresses."""
        return Senders(lambda: list(urls) or self.fleet.urls, self.seed)

    def person(self, url: str, database: str = "") -> User:
        """Return the administrator at one of the servers, or of a copy."""
        name = database or self.database.name
        return User(url, name, self.admin.login, self.admin.password)

    def products(self, name: str, count: int) -> dict[str, int]:
        """Make storable products; return their ids by SKU."""
        self._skus += 1
        skus = [f"{name}-{self._skus}-{number:03}" for number in range(count)]
        vals = [
            {"name": sku, "default_code": sku, "is_storable": True, "list_price": 10.0}
            for sku in skus
        ]
        ids = self.admin.call("product.product", "create", vals)
        return dict(zip(skus, ids, strict=True))

    def put(
        self, stock: dict[tuple[int, str], int], person: User | None = None
    ) -> None:
        """Put so many of each product on each place's shelf, by counting them.

        :param person: who counts; the administrator where absent.
        """
        person = person or self.admin
        vals = [
            {
                "product_id": product_id,
                "location_id": self.shelves[place],
                "inventory_quantity": number,
            }
            for (product_id, place), number in stock.items()
        ]
        context = {"inventory_mode": True}
        ids = person.call("stock.quant", "create", vals, context=context)
        person.call("stock.quant", "action_apply_inventory", ids)

    def stock_up(
        self, products: dict[str, int], number: int, places: Sequence[str] = PLACES
    ) -> dict[Key, int]:
        """Put the same number of everything everywhere; return it by SKU and place."""
        self.put(
            {
                (product, place): number
                for product in products.values()
                for place in places
            }
        )
        return {(sku, place): number for sku in products for place in places}

    @contextlib.contextmanager
    def front(
        self,
        skus: Sequence[str],
        *,
        places: Sequence[str] = PLACES,
        weather: Weather | None = None,
        seconds: float = 60,
    ) -> Iterator[Front]:
        """Open a channel, live and with its first numbers published.

        It is switched off at the end, so that it keeps no worker from the next
        scenario.
        """
        shelves = [(place, self.shelves[place]) for place in places]
        operated = [place for place in places if place == OPERATED]
        opened = open_front(
            self.admin,
            shelves,
            skus,
            seed=self.seed,
            weather=weather,
            operated=operated,
        )
        with opened as front:
            try:
                # The owner of the exceptions has to be reached, also without the
                # e-mail addresses of Odoo's demo data.
                owner = self.admin.reference("base.user_admin")
                self.admin.write("res.users", [owner], {"email": "admin@example.com"})
                front.hub.go_live()
                wait_for(
                    lambda: self.unsettled(front),
                    seconds=seconds,
                    what="the first publication",
                )
                self.diary.note(f"channel {front.hub.channel_id} is live")
                yield front
            finally:
                self.switch_off(front)

    def unsettled(self, front: Front) -> list[str]:
        """Return the numbers of which hub and shop do not agree, or may not soon."""
        if left := self.database.value("SELECT count(*) FROM stock_channel_dirty"):
            return [f"{left} changes of stock that no number was computed from yet"]
        shown = front.levels()
        wanted = numbers(self.database, front.hub.channel_id)
        problems = [
            f"{'/'.join(key)}: the hub wants {wanted[key]}, the shop shows {shown[key]}"
            for key in shown
            if key in wanted and wanted[key] != (int(shown[key]), "clean")
        ]
        missing = set(shown) - set(wanted)
        return problems + [
            f"{'/'.join(key)} is not known yet" for key in sorted(missing)
        ]

    def switch_off(self, front: Front) -> None:
        """Let a channel's jobs rest, and forget what is still to do for it."""
        channel_id = front.hub.channel_id
        self.forget_messages(channel_id)
        self.database.rows(
            "UPDATE ir_cron SET active = FALSE WHERE id IN ("
            " SELECT unnest(ARRAY[publish_cron_id, poll_cron_id])"
            "   FROM stock_channel WHERE id = %s)",
            channel_id,
        )
        self.database.rows(
            "UPDATE stock_channel SET active = FALSE WHERE id = %s", channel_id
        )

    def forget_messages(self, channel_id: int) -> None:
        """Delete what is to do: the next scenario's workers have work of their own."""

        def left() -> list[str]:
            # What a worker is writing is locked, and over in a moment.
            self.database.rows(
                "DELETE FROM stock_channel_message WHERE id IN ("
                " SELECT id FROM stock_channel_message"
                "  WHERE channel_id = %s AND state = 'pending'"
                "    FOR UPDATE SKIP LOCKED)",
                channel_id,
            )
            count = self.database.value(
                "SELECT count(*) FROM stock_channel_message"
                " WHERE channel_id = %s AND state = 'pending'",
                channel_id,
            )
            return [f"{count} messages"] if count else []

        with contextlib.suppress(DevEnvError):
            wait_for(left, seconds=10, what="nobody to work for the channel")

    def cron_ids(self, front: Front) -> tuple[int, int]:
        """Return a channel's publishing and polling jobs."""
        rows = self.database.rows(
            "SELECT publish_cron_id, poll_cron_id FROM stock_channel WHERE id = %s",
            front.hub.channel_id,
        )
        publish, poll = rows[0]
        return publish, poll

    def wake(self, *cron_ids: int) -> None:
        """Let a minute pass for these jobs: their interval is over, workers look."""
        # A job that is just running, or frozen, is locked and not to be waited for.
        self.database.rows(
            "UPDATE ir_cron SET nextcall = now() AT TIME ZONE 'UTC' WHERE id IN ("
            " SELECT id FROM ir_cron WHERE id = ANY(%s) FOR UPDATE SKIP LOCKED)",
            list(cron_ids),
        )
        # Odoo's workers listen there, whichever database it is about.
        self.database.notify("cron_trigger", self.database.name)

    def cron(self, name: str) -> int:
        """Return a job that all channels share, by the name of its record."""
        if not self._crons:
            # All at once, while everybody answers.
            rows = self.admin.rows(
                "ir.model.data",
                [("module", "=", "stock_channel_hub"), ("model", "=", "ir.cron")],
                ["name", "res_id"],
            )
            for row in rows:
                key = row["name"].removeprefix("ir_cron_")
                self._crons[key] = int(row["res_id"])
        return self._crons[name]

    def wake_inbox(self) -> None:
        """Let a minute pass for those who work on deliveries."""
        self.wake(self.cron("inbox"), self.cron("inbox_2"))

    def trouble(self, front: Front) -> list[str]:
        """Return what is left to do, and what somebody has to see to.

        Alarms are right while workers are dead and messages wait. They have to end by
        themselves within two periods, and are trouble when they do not.
        """
        channel_id = front.hub.channel_id

        def sounding() -> list[str]:
            if found := alarms(self.database, channel_id):
                self.wake(self.cron("watch"))
                time.sleep(0.5)
            return found

        # Whatever does not end is among the open exceptions.
        with contextlib.suppress(DevEnvError):
            wait_for(sounding, seconds=120, what="the alarms to end")
        return trouble(self.database, channel_id)

    def verdict(self, name: str, goal: str) -> Verdict:
        """Return an empty verdict."""
        return Verdict(name=name, goal=goal, seed=self.seed)


def make_world(
    env: Environment,
    database: Database,
    fleet: Fleet,
    diary: Diary,
    seed: int,
    *,
    is_long: bool,
) -> World:
    """Set up what all scenarios share: three warehouses."""
    key = make_key(database)
    admin = User(fleet.urls[0], database.name, "admin", key)
    first = admin.reference("stock.warehouse0")
    others = admin.call(
        "stock.warehouse",
        "create",
        [{"name": "South", "code": "STH"}, {"name": "Depot", "code": "DPT"}],
    )
    rows = admin.rows(
        "stock.warehouse", [("id", "in", [first, *others])], ["lot_stock_id"]
    )
    stock = {row["id"]: first_id(row["lot_stock_id"]) for row in rows}
    shelves = dict(zip(PLACES, (stock[i] for i in (first, *others)), strict=True))
    world = World(env, database, fleet, admin, shelves, seed, is_long, diary)
    world.cron("inbox")
    return world


def make_key(database: Database) -> str:
    """Give the administrator an API key, and no password any more; return the key.

    Odoo forgets what it knows of a login whenever anybody's caches are cleared, here all
    the time. A password costs a third of a second of a processor then, a key nothing.
    """
    key = secrets.token_hex(20)
    database.rows(
        "INSERT INTO res_users_apikeys (name, user_id, scope, key, index)"
        " SELECT 'harness', id, 'rpc', %s, %s FROM res_users WHERE login = 'admin'",
        pbkdf2_sha512.using(rounds=6000).hash(key),
        key[:8],
    )
    database.rows("UPDATE res_users SET password = NULL WHERE login = 'admin'")
    return key


def timed(begin: float) -> float:
    """Return the seconds since then."""
    return round(time.monotonic() - begin, 1)
