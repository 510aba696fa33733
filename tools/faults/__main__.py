"""`make faults`: shop and ERP agree again within two periods, whatever the wire does.

Odoo, the hub and the demo shop run for real; between them, both ways, every tenth call
is answered 500, every twentieth does its work and loses its answer, some hang, and now
and then everything is asked to wait. Meanwhile goods come and go in Odoo and customers
buy. Then the buying stops, the faults go on, and every number must agree in time; not
one number may reach the shop after a newer one.
"""

from __future__ import annotations

import argparse
import contextlib
import random
import sys
import time
from dataclasses import dataclass, field
from urllib.parse import urlsplit

from tools.demo.numbers import disagreements, free_stock, misstated
from tools.demo.player import first_numbers
from tools.demo.stage import Stage, set_stage
from tools.demo.waiting import wait_for
from tools.devenv import (
    DevEnvError,
    Environment,
    OdooServer,
    Progress,
    free_port,
    guarded,
    reexec_in_venv,
)

from .books import Books
from .proxy import Proxy, Weather

PERIOD = 120.0
"""Seconds; the channel's freshness target."""

ACTS = ("receive", "order", "order", "order", "cancel", "issue")
BOUGHT = ("FURN_7800", "E-COM10", "E-COM11", "E-COM08")
"""What there is enough of: here the run is about the wire, not about oversell."""

MARGIN = 20
"""Pieces left on a shelf for what customers may have bought meanwhile."""


@dataclass
class Run:
    """One run.

    :param Stage stage: the demo, live, before anything fails.
    """

    stage: Stage
    draw: random.Random
    orders: list[str] = field(default_factory=list)
    done: int = 0

    def act(self) -> None:
        """Let something happen in the warehouse or the shop."""
        getattr(self, self.draw.choice(ACTS))()
        self.done += 1

    def receive(self) -> None:
        """Take goods in."""
        self._count(+self.draw.randint(1, 9))

    def issue(self) -> None:
        """Take some off the shelf."""
        self._count(-self.draw.randint(1, 2))

    def order(self) -> None:
        """Let a customer buy one or two."""
        sku, place = self._pair()
        shown = self.stage.shop.quantities(self.stage.shop.state())
        if shown.get((sku, place), 0) >= 4:
            order = self.stage.shop.place_order((sku, self.draw.randint(1, 2), place))
            self.orders.append(order["id"])

    def cancel(self) -> None:
        """Let a customer change their mind."""
        if self.orders:
            order = self.orders.pop(self.draw.randrange(len(self.orders)))
            self.stage.shop.cancel(order)

    def _pair(self) -> tuple[str, str]:
        return self.draw.choice(BOUGHT), self.draw.choice(list(self.stage.sites))

    def _count(self, change: int) -> None:
        sku, place = self._pair()
        admin, site = self.stage.admin, self.stage.sites[place]
        product = self.stage.products[sku]
        here = [("product_id", "=", product), ("location_id", "=", site.stock_id)]
        rows = admin.rows("stock.quant", here, ["quantity", "reserved_quantity"])
        present = sum(row["quantity"] for row in rows)
        reserved = sum(row["reserved_quantity"] for row in rows)
        # What is sold and not heard of here yet must stay on the shelf: an oversell is
        # another story, with owed goods that no shelf shows.
        if change < 0 and present + change < reserved + MARGIN:
            return
        quant = admin.create(
            "stock.quant",
            {
                "product_id": product,
                "location_id": site.stock_id,
                "inventory_quantity": present + change,
            },
            inventory_mode=True,
        )
        admin.call("stock.quant", "action_apply_inventory", [quant])

    def problems(self) -> list[str]:
        """Return what keeps shop, ledger and shelves from being in agreement."""
        stage = self.stage
        stage.check_alive()
        state = stage.shop.state()
        found = []
        if state["webhooks_waiting"]:
            found.append(f"{state['webhooks_waiting']} webhooks wait in the shop")
        if waiting := stage.hub.waiting_messages():
            found.append(f"{waiting} deliveries wait in the hub's inbox")
        shown = stage.shop.quantities(state)
        numbers = {key: int(number) for key, number in shown.items()}
        found += disagreements(numbers, stage.hub.numbers(), shown)
        return found or misstated(numbers, free_stock(stage))


def main() -> int:
    """Run it; return the exit status."""
    parser = argparse.ArgumentParser(
        prog="python3 -m tools.faults", description="Runs the hub on a wire that fails."
    )
    parser.add_argument("--seed", type=int, default=1, help="of what fails and happens")
    parser.add_argument(
        "--seconds", type=float, default=60, help="how long goods come and go"
    )
    options = parser.parse_args()
    env = Environment.ensure(Progress())
    database = env.database_name("faults")
    with env.postgres():
        env.create_database(database, template=env.template_database(demo=True))
        try:
            with env.start_odoo(database, http_port=free_port()) as odoo:
                return _run(env, odoo, options)
        finally:
            env.drop_database(database)


def _run(env: Environment, odoo: OdooServer, options: argparse.Namespace) -> int:
    books, weather = Books(), Weather()
    proxies: list[Proxy] = []
    with contextlib.ExitStack() as stack:

        def route(url: str) -> str:
            """Lead an address over a wire that fails."""
            parts = urlsplit(url)
            proxy = Proxy(
                f"{parts.scheme}://{parts.netloc}",
                weather,
                options.seed + len(proxies),
                # Only the way to the shop carries numbers.
                None if parts.path else books.tap,
            )
            proxies.append(stack.enter_context(proxy.running()))
            return proxy.url + parts.path

        stage = stack.enter_context(
            set_stage(odoo, free_port(), env.log("faults-shop"), route)
        )
        run = Run(stage, random.Random(options.seed))  # noqa: S311 - no secret
        _go_live(run)
        for proxy in proxies:
            proxy.is_stormy = True
        _act(env, run, options.seconds)
        with env.progress.step("Shop and ERP agree, the faults going on"):
            seconds = wait_for(run.problems, seconds=2 * PERIOD, what="agreement")
        for proxy in proxies:
            proxy.is_stormy = False
        with env.progress.step("Nothing is left in the queue"):
            wait_for(lambda: _left(stage), seconds=2 * PERIOD, what="a clean queue")
        return _tell(options, run, books, proxies, seconds)


def _go_live(run: Run) -> None:
    run.stage.hub.go_live()
    first = first_numbers()
    wait_for(
        lambda: disagreements(
            first,
            run.stage.hub.numbers(),
            run.stage.shop.quantities(run.stage.shop.state()),
        ),
        seconds=60,
        what="the first publication",
    )


def _act(env: Environment, run: Run, seconds: float) -> None:
    with env.progress.step(f"{seconds:.0f} s of coming and going on a failing wire"):
        end = time.monotonic() + seconds
        while time.monotonic() < end:
            run.act()
            time.sleep(0.2)


def _left(stage: Stage) -> list[str]:
    """Return what a passing trouble has left in the queue.

    The alarm about failed pushes is left out: it speaks of the last hour, this run is
    shorter, and it closes by itself.
    """
    rows = stage.admin.rows(
        "stock.channel.exception",
        [("state", "=", "open"), ("fingerprint", "not like", "watch:failures:")],
        ["title"],
    )
    return [row["title"] for row in rows]


def _tell(
    options: argparse.Namespace,
    run: Run,
    books: Books,
    proxies: list[Proxy],
    seconds: float,
) -> int:
    """Print the verdict; return the exit status.

    :raise DevEnvError: when a number reached the shop after a newer one, or the run
        proves nothing.
    """
    ways = ("to the shop", "to the hub")
    for way, proxy in zip(ways, proxies, strict=True):
        counts = ", ".join(f"{name} {n}" for name, n in sorted(proxy.counts.items()))
        _say(f"  calls {way}: {counts}")
    _say(
        f"  seed {options.seed}: {run.done} acts; {books.applied} numbers applied; "
        f"agreement {seconds:.1f} s after the last act (two periods: {2 * PERIOD:.0f} "
        f"s); {len(books.inversions)} old numbers after newer ones"
    )
    if books.inversions:
        raise DevEnvError("; ".join(books.inversions[:5]))
    for proxy in proxies:
        if not proxy.counts["error"] or not proxy.counts["lost"]:
            raise DevEnvError("Too few calls failed: the run proves nothing.")
    return 0


def _say(text: str) -> None:
    print(text, flush=True)  # noqa: T201 - what the command is for


if __name__ == "__main__":
    reexec_in_venv()
    sys.exit(guarded(main))
