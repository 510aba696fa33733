"""A running Medusa: its database, its process, and the wait until it answers."""

from __future__ import annotations

import contextlib
import secrets
import time
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path

from tools.devenv import DevEnvError, Environment, free_port, run, running
from tools.devenv.errors import tail

from .caller import Caller
from .install import installed, node_variables
from .seed import seeded
from .shop import Shop

START_SECONDS = 90.0
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
    folder = installed(env)
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
        log = env.log("medusa")
        log.unlink(missing_ok=True)
        serve = ["start", "--host", "127.0.0.1", "--port", str(port)]
        with running([*medusa, *serve], cwd=folder, env=variables, log=log) as process:
            caller = Caller(f"http://127.0.0.1:{port}")
            with env.progress.step(f"Medusa on port {port}"):
                _wait(caller, lambda: process.poll() is None, log)
            with env.progress.step("Medusa's catalogue, locations and keys"):
                shop = seeded(caller, EMAIL, password)
            yield shop
    finally:
        env.server.drop_database(database)


def _wait(caller: Caller, is_alive: Callable[[], bool], log: Path) -> None:
    deadline = time.monotonic() + START_SECONDS
    while time.monotonic() < deadline:
        if not is_alive():
            break
        if caller.is_healthy():
            return
        time.sleep(0.1)
    raise DevEnvError(
        f"Medusa did not answer within {START_SECONDS:.0f} s: read {log}; its last "
        f"lines are:\n{tail(log)}"
    )
