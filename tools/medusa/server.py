"""A running Medusa: its database, its process, and the wait until it answers."""

from __future__ import annotations

import contextlib
import secrets
from collections.abc import Iterator, Mapping
from pathlib import Path

from tools.devenv import Environment, free_port, run
from tools.npm_shop import node_variables, serving

from .caller import Caller
from .install import MEDUSA
from .seed import seeded
from .shop import Shop

EMAIL = "admin@medusa.example"
_COMMAND = Path("node_modules/@medusajs/cli/cli.js")


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
    :param settings: variables for the server, such as those of our subscriber.
    :raise DevEnvError: with one sentence, quoting Medusa's log.
    """
    folder = MEDUSA.installed(env)
    port = port or free_port()
    password = secrets.token_urlsafe(12)
    variables = {
        **node_variables(env),
        "DATABASE_URL": env.server.url(database),
        "JWT_SECRET": secrets.token_hex(16),
        "COOKIE_SECRET": secrets.token_hex(16),
        "STORE_ORIGINS": f"http://127.0.0.1:{port}",
        "MEDUSA_DISABLE_TELEMETRY": "true",
        "NODE_ENV": "production",
        **(settings or {}),
    }
    medusa = [str(env.node), str(folder / _COMMAND)]
    env.server.drop_database(database)
    env.server.create_database(database)
    try:
        with env.progress.step("Medusa's database"):
            user = ["user", "-e", EMAIL, "-p", password]
            for words in (["db:migrate"], user):
                command = [*medusa, *words]
                run(command, "Setting up Medusa", cwd=folder, env=variables)
        serve = ["start", "--host", "127.0.0.1", "--port", str(port)]
        caller = Caller(f"http://127.0.0.1:{port}")
        with serving(
            env,
            "Medusa",
            [*medusa, *serve],
            folder=folder,
            variables=variables,
            caller=caller,
        ):
            with env.progress.step("Medusa's catalogue, locations and keys"):
                shop = seeded(caller, EMAIL, password)
            yield shop
    finally:
        env.server.drop_database(database)
