"""``python3 -m tools.vendure``: a seeded Vendure shop that stays up."""

from __future__ import annotations

import argparse
import sys
import threading

from tools.devenv import Environment, Progress, guarded

from .server import running_shop


def main() -> int:
    """Start the shop, print how to reach it, wait for Ctrl-C."""
    parser = argparse.ArgumentParser(
        prog="python3 -m tools.vendure",
        description="Starts a real Vendure shop on loopback with two stock locations "
        "and ten products of Odoo's demo catalogue, and stays up until Ctrl-C. Its "
        "database is made anew at each start.",
    )
    parser.add_argument("--port", type=int, help="default: a free one")
    options = parser.parse_args()
    env = Environment.ensure(Progress())
    with env.postgres():
        database = env.database_name("vendure")
        with running_shop(env, database, options.port) as shop:
            print(f"Address:       {shop.url}")
            print(f"User name:     {shop.username}")
            print(f"Password:      {shop.password}")
            print(f"API key:       {shop.api_key}")
            for name, location_id in shop.locations.items():
                print(f"Location {name}: {location_id}")
            print("Ctrl-C ends it.", flush=True)
            threading.Event().wait()
    return 0


if __name__ == "__main__":
    sys.exit(guarded(main))
