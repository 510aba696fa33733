"""Start Odoo from nothing, connect a real shop, play a story, print a row per step."""

from __future__ import annotations

import argparse
import base64
import secrets
import time
from collections.abc import Callable, Mapping
from contextlib import AbstractContextManager
from dataclasses import dataclass
from typing import Generic, TypeVar

from tools.demo.rpc import User
from tools.devenv import DevEnvError, Environment, OdooServer, Progress, free_port

from .books import STOCK
from .office import Office
from .play import Play, SeedShop

WIDTHS = (32, 32, 32)
TROUBLE = (" ERROR ", " CRITICAL ", "Traceback (most recent call last)")
"""What Odoo's log must not hold afterwards."""

ShopType = TypeVar("ShopType", bound=SeedShop)


@dataclass(frozen=True, kw_only=True)
class Run(Generic[ShopType]):
    """One shop to run against.

    :param str connector: its key, which names the databases, too.
    :param running_shop: starts it: environment, database, port, server's variables.
    :param credentials: what the hub needs to get in, by name of the setting.
    :param play: the story: it ends when every step came true.
    """

    connector: str
    label: str
    description: str
    running_shop: Callable[
        [Environment, str, int, Mapping[str, str]], AbstractContextManager[ShopType]
    ]
    credentials: Callable[[ShopType], Mapping[str, str]]
    play: Callable[..., Play[ShopType]]

    def main(self) -> int:
        """Run everything; 0 when every number was right."""
        argparse.ArgumentParser(
            prog=f"python3 -m tools.e2e_{self.connector}", description=self.description
        ).parse_args()
        start = time.monotonic()
        env = Environment.ensure(Progress())
        database = env.database_name(f"e2e_{self.connector}")
        with env.postgres():
            env.create_database(database, template=env.template_database(demo=True))
            try:
                with env.start_odoo(database) as odoo:
                    self._perform(env, odoo)
                    check_log(odoo.log.read_text(encoding="utf-8", errors="replace"))
            finally:
                env.drop_database(database)
        seconds = time.monotonic() - start
        print(f"\nEvery number agreed after every step; {seconds:.0f} s in all.")
        return 0

    def _perform(self, env: Environment, odoo: OdooServer) -> None:
        """Open the shop, connect the two and play the story, a row per step."""
        port = free_port()
        secret = f"whsec_{base64.b64encode(secrets.token_bytes(32)).decode()}"
        with env.progress.step("Two warehouses, their stock and a channel"):
            admin = User(odoo.url, odoo.database, "admin", "admin")
            office = Office(admin, self.connector, self.label)
            office.open_warehouses(STOCK)
            door = office.new_channel(f"http://127.0.0.1:{port}")
        settings = {
            "STOCK_CHANNEL_HUB_URL": odoo.url + door,
            "STOCK_CHANNEL_HUB_SECRET": secret,
        }
        name = env.database_name(f"e2e_{self.connector}_shop")
        with self.running_shop(env, name, port, settings) as shop:
            with env.progress.step("Key, locations and listings of the channel"):
                office.connect(self.credentials(shop), shop.locations)
            shows = f"{self.label.upper()}: stocked - reserved"
            _print(("STEP", "ODOO: has - reserved", shows), "SECONDS")
            _print(tuple("-" * width for width in WIDTHS), "-------")
            self.play(odoo, office, shop, secret, _tell).play()


def _tell(step: str, odoo: str, shop: str, seconds: float) -> None:
    _print((step, odoo, shop), f"{seconds:.1f}")


def _print(cells: tuple[str, ...], last: str) -> None:
    padded = [text.ljust(width) for text, width in zip(cells, WIDTHS, strict=True)]
    print("  ".join([*padded, last.rjust(7)]), flush=True)


def check_log(text: str) -> None:
    """Refuse a log of Odoo that holds an error.

    Two transactions that meet in one row are no error: PostgreSQL refuses the later
    one, Odoo writes that down as a bad query, and it is started over.

    :raise DevEnvError: with the line.
    """
    lines = text.splitlines()
    for line, following in zip(lines, [*lines[1:], ""], strict=True):
        is_collision = "bad query" in line and "could not serialize" in following
        if any(word in line for word in TROUBLE) and not is_collision:
            raise DevEnvError(f"Odoo logged an error: {line.strip()[:300]}")
