"""A running Vendure: its database, its process, and what it sells."""

from __future__ import annotations

import contextlib
import secrets
from collections.abc import Iterator, Mapping

from tools.devenv import Environment, free_port
from tools.npm_shop import node_variables, serving

from .caller import Caller
from .install import VENDURE
from .seed import seeded
from .shop import Shop

SUPERADMIN = "superadmin"


@contextlib.contextmanager
def running_shop(
    env: Environment,
    database: str,
    port: int | None = None,
    settings: Mapping[str, str] | None = None,
) -> Iterator[Shop]:
    """Have a freshly seeded shop for the length of the block, on loopback only.

    Call it inside ``env.postgres()``. The database is made anew and dropped
    afterwards; the process and everything it started are ended.

    :param int port: a free one is chosen if absent.
    :param settings: variables for the server, such as those of our plugin.
    :raise DevEnvError: with one sentence, quoting Vendure's log.
    """
    folder = VENDURE.installed(env)
    port = port or free_port()
    password = secrets.token_urlsafe(12)
    variables = {
        **node_variables(env),
        "DATABASE_URL": env.server.url(database),
        "PORT": str(port),
        "SUPERADMIN": SUPERADMIN,
        "SUPERADMIN_PASSWORD": password,
        "COOKIE_SECRET": secrets.token_hex(16),
        "VENDURE_DISABLE_TELEMETRY": "true",
        "NODE_ENV": "production",
        **(settings or {}),
    }
    env.server.drop_database(database)
    env.server.create_database(database)
    caller = Caller(f"http://127.0.0.1:{port}")
    command = [str(env.node), str(folder / "index.js")]
    try:
        with serving(
            env, "Vendure", command, folder=folder, variables=variables, caller=caller
        ):
            with env.progress.step("Vendure's catalogue, locations and keys"):
                shop = seeded(caller, SUPERADMIN, password)
            yield shop
    finally:
        env.server.drop_database(database)
