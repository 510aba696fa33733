"""The hub as it runs in a shop: Odoo's own server on a copy, a channel, and its door."""

from __future__ import annotations

import contextlib
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

from odoo.tools import SQL

from connectors import signing
from tools.devenv import Environment, OdooServer, Progress

from . import fake_channel
from .bench import Bench, renew, settle
from .fake_channel import FakeChannel
from .knocking import Knock
from .odoo_session import channel_of, copied, opened
from .shop import Shop

ADDONS = Path(__file__).parent / "addons"
BARE = "stock_channel_bare_route"
BARE_PATH = "/bare_route"
HTTP_WORKERS = 2
CRON_WORKERS = 2
_QUIET_SECONDS = 300.0


@dataclass
class Live:
    """Everything that runs, and the environment to look at it.

    :param Any env: of the superuser, on a connection beside the servers.
    :param Shop shop: sells what the catalogue has.
    :param FakeChannel channel: the other side.
    """

    env: Any
    shop: Shop
    channel: FakeChannel
    odoo: OdooServer
    secret: str
    inbox: Any = None

    @property
    def door(self) -> str:
        """The path of the channel's own door."""
        return f"/stock_channel/{self.shop.channel.sudo().webhook_token}"

    def knocks(self, count: int) -> list[Knock]:
        """Return so many new orders as signed deliveries."""
        now = datetime.now(UTC)
        found = []
        for _number in range(count):
            number, raw = self.shop.tell(*self.shop.draw(0))
            headers = signing.signed_headers(self.secret, f"order-{number}", now, raw)
            found.append(
                Knock(
                    id=headers[signing.ID_HEADER],
                    time=headers[signing.TIMESTAMP_HEADER],
                    signature=headers[signing.SIGNATURE_HEADER],
                    body=raw.decode(),
                )
            )
        return found

    def ask(self, statement: SQL) -> list[Any]:
        """Return what the database says now."""
        renew(self.env)
        found: list[Any] = self.env.execute_query(statement)
        return found

    def count(self, statement: SQL) -> int:
        """Return the number a statement asks for."""
        ((number,),) = self.ask(statement)
        return int(number)

    def wait(self, is_done: Any, seconds: float, pause: float = 0.01) -> None:
        """Wait until something is so.

        :raise RuntimeError: when it is not in time.
        """
        end = time.monotonic() + seconds
        while not is_done():
            self.odoo.check_alive()
            if time.monotonic() > end:
                raise RuntimeError(f"waited in vain for {seconds:.0f} s")
            time.sleep(pause)

    def settle(self) -> None:
        """Wait until none of Odoo's jobs has anything to do.

        A worker that has just started sleeps for a minute first, unless it is woken.
        """

        def is_quiet() -> bool:
            is_busy = self._is_busy()
            if is_busy:
                self.env["stock.channel"]._compute_cron()._notifydb()
            return not is_busy

        self.wait(is_quiet, _QUIET_SECONDS, 0.5)

    def _is_busy(self) -> bool:
        return bool(
            self.count(
                SQL(
                    """
                    SELECT (SELECT count(*) FROM ir_cron
                             WHERE active
                               AND nextcall <= now() AT TIME ZONE 'UTC')
                         + (SELECT count(*) FROM ir_cron_trigger AS woken
                              JOIN ir_cron AS job ON job.id = woken.cron_id
                             WHERE job.active
                               AND woken.call_at <= now() AT TIME ZONE 'UTC')
                         + (SELECT count(*) FROM stock_channel_dirty)
                    """
                )
            )
        )

    def switch_inbox(self, is_on: bool) -> None:
        """Let the jobs that work on deliveries rest, or work again."""
        channels = self.env["stock.channel"]
        self.inbox = self.inbox or channels._inbox_workers()

        def write() -> None:
            self.inbox.active = is_on

        channels._in_transaction(write)


@contextlib.contextmanager
def living(bench: Bench, *, arguments: Sequence[str] = ()) -> Iterator[Live]:
    """Have everything running on a copy of the smaller catalogue.

    All numbers are told already, and the channel shows them.
    """
    devenv = Environment.ensure(Progress())
    channel = FakeChannel()
    with contextlib.ExitStack() as stack:
        stack.enter_context(devenv.postgres())
        url = stack.enter_context(fake_channel.opened(channel))
        database = stack.enter_context(copied(bench.tenth))
        env = stack.enter_context(opened(database, has_chatter=True))
        shop = Shop(env, bench.plan.tenth)
        secret = _go_live(shop, url)
        _tell_all(env, channel)
        odoo = stack.enter_context(
            devenv.start_odoo(
                database,
                workers=HTTP_WORKERS,
                max_cron_threads=CRON_WORKERS,
                arguments=[
                    f"--addons-path={_addons_path(bench.config)}",
                    f"--load=base,web,{BARE}",
                    "--log-level=warn",
                    *arguments,
                ],
            )
        )
        live = Live(env=env, shop=shop, channel=channel, odoo=odoo, secret=secret)
        live.settle()
        yield live


def _addons_path(config: Path) -> str:
    """Return the folders of addons that the configuration names, and the bench's."""
    for line in config.read_text(encoding="utf-8").splitlines():
        name, _, value = line.partition("=")
        if name.strip() == "addons_path":
            return f"{value.strip()},{ADDONS}"
    raise RuntimeError(f"{config} names no folder of addons")


def _go_live(shop: Shop, url: str) -> str:
    """Let the channel talk to the fake one; return its secret."""
    env = shop.env
    secret = signing.generate_secret()
    env["stock.channel.secret"].create(
        {"channel_id": shop.channel.id, "name": "Benchmark", "new_value": secret}
    )
    now = env.cr.now()
    shop.channel.sudo().write(
        {
            "base_url": url,
            "allowed_hosts": url.removeprefix("http://"),
            "live_at": now,
            "polled_at": now,
            "is_cut_over": True,
            "database_identity": env["stock.channel"]._database_identity(),
        }
    )
    shop.channel._sync_crons()
    env.cr.execute(
        SQL("CREATE TABLE stock_channel_bare_route (id serial PRIMARY KEY, raw bytea)")
    )
    renew(env)
    return secret


def _tell_all(env: Any, channel: FakeChannel) -> None:
    """Fill the ledger, and both sides' books as if all of it had been told."""
    settle(env)
    env.cr.execute(
        SQL(
            """
            UPDATE stock_channel_publication
               SET state = 'clean',
                   sent_qty = wanted_qty, acknowledged_qty = wanted_qty,
                   expected_qty = wanted_qty,
                   sent_sequence = wanted_sequence,
                   acknowledged_sequence = wanted_sequence,
                   sent_at = wanted_at, acknowledged_at = wanted_at,
                   expected_at = wanted_at
            """
        )
    )
    env.cr.execute(
        SQL(
            """
            SELECT listing.sku, place.external_id, row.wanted_qty,
                   row.wanted_sequence
              FROM stock_channel_publication AS row
              JOIN stock_channel_listing AS listing ON listing.id = row.listing_id
              JOIN stock_channel_location AS place
                ON place.id = row.channel_location_id
            """
        )
    )
    for sku, place, quantity, sequence in env.cr.fetchall():
        channel.levels[sku, place] = Decimal(quantity), int(sequence)
    renew(env)
    channel_of(env).invalidate_recordset()
