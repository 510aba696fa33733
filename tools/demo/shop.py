"""The demo shop as the player sees it: a process, its page and its buttons."""

from __future__ import annotations

import contextlib
import json
import os
import secrets
import sys
import urllib.error
import urllib.request
from base64 import b64encode
from collections.abc import Iterator
from decimal import Decimal
from pathlib import Path
from subprocess import Popen
from typing import Any

from tools.devenv import ADDON, DevEnvError, require_free_port, running

from .waiting import wait_for

Body = dict[str, Any]
Key = tuple[str, str]
"""SKU and location id."""


def new_secret() -> str:
    """Return a fresh signing secret, as an administrator would generate one."""
    return f"whsec_{b64encode(secrets.token_bytes(24)).decode()}"


class Shop:
    """A running shop.

    :param str url: its address, without a slash at the end.
    """

    def __init__(self, url: str, process: Popen[str], log: Path) -> None:
        self.url = url
        self.log = log
        self.process = process

    def check_alive(self) -> None:
        """:raise DevEnvError: when the shop's process has ended."""
        if self.process.poll() is not None:
            lines = self.log.read_text(encoding="utf-8", errors="replace").split("\n")
            said = " ".join(line for line in lines[-4:] if line) or "nothing"
            raise DevEnvError(f"The demo shop ended by itself; it said: {said}")

    def state(self) -> Body:
        """Return what its page shows."""
        return self._call("GET", "/control/state")

    def quantities(self, state: Body) -> dict[Key, Decimal]:
        """Return every number of a state by SKU and location."""
        return {
            (product["sku"], location): Decimal(level["quantity"])
            for product in state["products"]
            for location, level in product["levels"].items()
        }

    def order(self, order_id: str) -> Body:
        """Return one of the newest orders as the page shows it."""
        for order in self.state()["orders"]:
            if order["id"] == order_id:
                found: Body = order
                return found
        raise DevEnvError(f"The demo shop does not show its order {order_id}.")

    def place_order(self, *lines: tuple[str, int, str]) -> Body:
        """Let a customer buy.

        :param lines: SKU, quantity and location id; "" leaves the location open.
        """
        wanted = [
            {"sku": sku, "quantity": str(quantity), "location_id": location}
            for sku, quantity, location in lines
        ]
        return self._call("POST", "/control/orders", {"lines": wanted})

    def cancel(self, order_id: str) -> Body:
        """Let the customer cancel everything still open."""
        return self._call("POST", f"/control/orders/{order_id}/cancel", {})

    def announce_return(self, order_id: str, line_id: str, quantity: int) -> Body:
        """Let the customer announce goods that may be sold again."""
        line = {
            "order_line_id": line_id,
            "quantity": str(quantity),
            "disposition": "restock",
        }
        return self._call(
            "POST", f"/control/orders/{order_id}/returns", {"lines": [line]}
        )

    def _call(self, method: str, path: str, body: Body | None = None) -> Body:
        request = urllib.request.Request(  # noqa: S310 - loopback, our own process
            self.url + path,
            data=None if body is None else json.dumps(body).encode(),
            headers={"Content-Type": "application/json"},
            method=method,
        )
        opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
        try:
            with opener.open(request, timeout=10) as answer:
                found: Body = json.load(answer)
                return found
        except urllib.error.HTTPError as error:
            said = error.read().decode(errors="replace")
            raise DevEnvError(
                f"The demo shop refused {path}; it said: {said}"
            ) from error
        except OSError as error:
            self.check_alive()
            raise DevEnvError(
                f"The demo shop did not answer {path}: {error}"
            ) from error


@contextlib.contextmanager
def open_shop(port: int, hub_url: str, secret: str, log: Path) -> Iterator[Shop]:
    """Run the shop as a process of its own for the length of the block.

    :raise DevEnvError: when its port is taken or it does not answer.
    """
    require_free_port(port, "--shop-port")
    log.parent.mkdir(parents=True, exist_ok=True)
    log.write_bytes(b"")
    command = [
        sys.executable,
        "-m",
        "tools.demo_shop",
        f"--port={port}",
        f"--hub-url={hub_url}",
    ]
    environment = {**os.environ, "DEMO_SHOP_SECRET": secret}
    with running(command, env=environment, log=log) as process:
        shop = Shop(f"http://127.0.0.1:{port}", process, log)

        def answers() -> list[str]:
            shop.check_alive()
            try:
                shop.state()
            except DevEnvError as error:
                return [str(error)]
            return []

        wait_for(answers, seconds=20, what=f"the demo shop ({ADDON}) to open")
        yield shop
