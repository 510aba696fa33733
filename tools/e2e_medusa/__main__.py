"""``python3 -m tools.e2e_medusa``: Odoo and a real Medusa, from nothing, checked."""

from __future__ import annotations

import argparse
import base64
import secrets
import sys
import time

from tools.demo.rpc import User
from tools.devenv import (
    DevEnvError,
    Environment,
    OdooServer,
    Progress,
    free_port,
    guarded,
)
from tools.medusa import running_shop

from .office import Office
from .story import STOCK, Story

WIDTHS = (32, 32, 32)
TROUBLE = (" ERROR ", " CRITICAL ", "Traceback (most recent call last)")
"""What Odoo's log must not hold afterwards."""


def main() -> int:
    """Run everything; 0 when every number was right."""
    argparse.ArgumentParser(
        prog="python3 -m tools.e2e_medusa",
        description="Starts Odoo with demo data and this addon, and a real Medusa "
        "2.18.0; connects them and checks every number on both sides through "
        "publication, order, cancellation and shipment. No mock anywhere.",
    ).parse_args()
    start = time.monotonic()
    env = Environment.ensure(Progress())
    database = env.database_name("e2e_medusa")
    with env.postgres():
        env.create_database(database, template=env.template_database(demo=True))
        try:
            with env.start_odoo(database) as odoo:
                _perform(env, odoo)
                check_log(odoo.log.read_text(encoding="utf-8", errors="replace"))
        finally:
            env.drop_database(database)
    seconds = time.monotonic() - start
    print(f"\nEvery number agreed after every step; {seconds:.0f} s in all.")
    return 0


def _perform(env: Environment, odoo: OdooServer) -> None:
    """Open the shop, connect the two and play the story, a row per step."""
    port = free_port()
    secret = f"whsec_{base64.b64encode(secrets.token_bytes(32)).decode()}"
    with env.progress.step("Two warehouses, their stock and a channel"):
        office = Office(User(odoo.url, odoo.database, "admin", "admin"))
        office.open_warehouses(STOCK)
        door = office.new_channel(f"http://127.0.0.1:{port}")
    settings = {
        "STOCK_CHANNEL_HUB_URL": odoo.url + door,
        "STOCK_CHANNEL_HUB_SECRET": secret,
    }
    name = env.database_name("e2e_medusa_shop")
    with running_shop(env, name, port, settings) as shop:
        with env.progress.step("Key, locations and listings of the channel"):
            office.connect(shop)
        _print(
            ("STEP", "ODOO: has - reserved", "MEDUSA: stocked - reserved"), "SECONDS"
        )
        _print(tuple("-" * width for width in WIDTHS), "-------")
        Story(odoo, office, shop, secret, tell=_tell).play()


def _tell(step: str, odoo: str, medusa: str, seconds: float) -> None:
    _print((step, odoo, medusa), f"{seconds:.1f}")


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


if __name__ == "__main__":
    sys.exit(guarded(main))
