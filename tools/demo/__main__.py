"""`python3 -m tools.demo [--check]`: the demo, from nothing to a running hub."""

from __future__ import annotations

import argparse
import contextlib
import os
import sys
import threading
import time

from tools.devenv import (
    DevEnvError,
    Environment,
    OdooServer,
    Progress,
    free_port,
    guarded,
    reexec_in_venv,
    require_free_port,
)

from .player import play
from .stage import CLERK, Stage, set_stage
from .waiting import wait_for

DATABASES = ("demo", "demo_check")
PORTS = {"odoo": 8069, "shop": 8079}
"""Where the demo listens; a check takes any free ports."""

CURTAIN = 15.0
"""Seconds the story waits for somebody to open the shop's page."""

QUIET = ("odoo.addons.rpc.controllers.jsonrpc:ERROR", "werkzeug:WARNING")
"""Odoo writes a line for each request, and one about the age of this interface."""

LOOK_EVERY = 1.0
"""Seconds between two looks whether Odoo and the shop are still there."""

TROUBLE = (" ERROR ", " CRITICAL ", "Traceback (most recent call last)")
"""What Odoo's log must not hold after a check."""


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog="python3 -m tools.demo",
        description="Starts Odoo with demo data, this addon and a demo shop, and plays "
        "the main job: publication, orders, shipment, cancellation, return, unknown "
        "SKU, receipt and transfer. Each start begins with a fresh database.",
    )
    parser.add_argument(
        "--check",
        action="store_true",
        help="play it on free ports, check every number, and exit",
    )
    parser.add_argument(
        "--reset",
        action="store_true",
        help="only remove the databases of earlier demos",
    )
    for name, port in PORTS.items():
        parser.add_argument(
            f"--{name}-port",
            type=_port,
            default=os.environ.get(_variable(name)),
            help=f"default: ${_variable(name)}, else {port}; with --check a free one",
        )
    return parser.parse_args()


def _variable(name: str) -> str:
    return f"DEMO_{name.upper()}_PORT"


def _port(text: str) -> int:
    """Read a port number.

    :raise ArgumentTypeError: with the sentence the user gets.
    """
    if not text.isdecimal() or not 0 < int(text) < 65536:
        raise argparse.ArgumentTypeError(f"{text} is no port (1 to 65535)")
    return int(text)


def _choose_port(options: argparse.Namespace, name: str) -> int:
    """Return the port to listen on, which must be free.

    :raise DevEnvError: when it is taken, naming the way to another one.
    """
    wanted = getattr(options, f"{name}_port")
    port: int = wanted or (free_port() if options.check else PORTS[name])
    require_free_port(port, f"--{name}-port or {_variable(name)}")
    return port


def main(options: argparse.Namespace) -> int:
    """Run the demo; return the exit status."""
    start = time.monotonic()
    env = Environment.ensure(Progress())
    if options.reset:
        return _reset(env)
    database = env.database_name(DATABASES[options.check])
    odoo_port = _choose_port(options, "odoo")
    shop_port = _choose_port(options, "shop")
    with env.postgres():
        env.create_database(database, template=env.template_database(demo=True))
        try:
            with env.start_odoo(
                database,
                http_port=odoo_port,
                arguments=[f"--log-handler={name}" for name in QUIET],
            ) as odoo:
                _perform(env, odoo, shop_port, options.check, start)
        finally:
            if options.check:
                env.drop_database(database)
    return 0


def _reset(env: Environment) -> int:
    """Remove what earlier demos left behind."""
    with env.postgres():
        for purpose in DATABASES:
            env.drop_database(env.database_name(purpose))
    return 0


def _perform(
    env: Environment, odoo: OdooServer, shop_port: int, is_check: bool, start: float
) -> None:
    """Set the stage, play, and either check the log or stay open."""
    with contextlib.ExitStack() as stack:
        with env.progress.step("Warehouses, stock, a kit, a case and the channel"):
            stage = stack.enter_context(
                set_stage(odoo, shop_port, env.log("demo-shop"))
            )
        _say(f"\nWatch it live: {stage.shop.url}/\n")
        if not is_check and sys.stdin.isatty():
            _wait_for_viewer(stage)
        play(stage, _say)
        seconds = time.monotonic() - start
        if is_check:
            log = odoo.log.read_text(encoding="utf-8", errors="replace")
            check_log(log.splitlines())
            _say(f"\nEvery number agreed after every step; {seconds:.0f} s in all.")
        else:
            _say(_farewell(stage, seconds))
            _stay(stage)


def _wait_for_viewer(stage: Stage) -> None:
    """Give the user a moment to open the page; the story is short."""
    _say(f"The story starts when you open it, or after {CURTAIN:.0f} s.\n")
    with contextlib.suppress(DevEnvError):
        wait_for(
            lambda: [] if stage.shop.state()["watchers"] else ["nobody watches"],
            seconds=CURTAIN,
            what="somebody to watch",
        )
    stage.check_alive()


def _say(text: str) -> None:
    print(text, flush=True)


def check_log(lines: list[str]) -> None:
    """Refuse a log of Odoo that holds an error.

    Two transactions that meet in one row are no error: PostgreSQL refuses the later
    one, Odoo writes that down as a bad query, and it is started over.

    :raise DevEnvError: with the line.
    """
    for line, following in zip(lines, [*lines[1:], ""], strict=True):
        is_collision = "bad query" in line and "could not serialize" in following
        if any(word in line for word in TROUBLE) and not is_collision:
            raise DevEnvError(f"Odoo logged an error: {line.strip()[:300]}")


def _farewell(stage: Stage, seconds: float) -> str:
    """Return addresses and logins."""
    login, password = CLERK
    return f"""
The demo is yours now ({seconds:.0f} s after the start):

  Demo shop   {stage.shop.url}/
  Odoo        {stage.odoo.url}/odoo
              administrator     admin / admin
              warehouse clerk   {login} / {password}

Buy something in the shop, or change a stock in Odoo, and watch the other side.
Ctrl-C ends everything; the next start begins afresh."""


def _stay(stage: Stage) -> None:
    """Stay open until Ctrl-C, or until one of the two dies."""
    never = threading.Event()
    try:
        while not never.wait(LOOK_EVERY):
            stage.check_alive()
    except KeyboardInterrupt:
        _say("\nStopped.")


if __name__ == "__main__":
    chosen = _options()  # --help must not build an environment first
    reexec_in_venv()
    sys.exit(guarded(lambda: main(chosen)))
