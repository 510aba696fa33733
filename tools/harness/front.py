"""One channel to play with: a shop with its own stock ledger, in this very process.

The shop is the demo's; nobody sends its webhooks but the harness, as often, as late and
in whatever order it likes. Between hub and shop is the wire that fails.
"""

from __future__ import annotations

import contextlib
import json
import logging
import threading
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from decimal import Decimal

from werkzeug.serving import WSGIRequestHandler, make_server

from tools.demo.hub import Hub
from tools.demo.rpc import User
from tools.demo.shop import new_secret
from tools.demo_shop.app import create_app
from tools.demo_shop.catalogue import Catalogue, Location, Product
from tools.demo_shop.store import Store
from tools.faults.books import Books
from tools.faults.proxy import Proxy, Weather

Key = tuple[str, str]
"""SKU and location id."""


class _QuietHandler(WSGIRequestHandler):
    def log_request(self, code: int | str = "-", size: int | str = "-") -> None:
        """Say nothing."""


@dataclass(frozen=True)
class Delivery:
    """One webhook that the shop wants to send.

    :param str webhook_id: what makes a repeat of it a repeat.
    """

    webhook_id: str
    raw: bytes
    path: str
    secret: str


@dataclass
class Front:
    """A shop, the wire to it, and its channel in the hub.

    :param books: every number the shop took, in its own order.
    :param path: the channel's door in the hub.
    """

    store: Store
    proxy: Proxy
    books: Books
    secret: str
    hub: Hub
    path: str
    places: tuple[str, ...]
    _taken: int = field(default=0)

    def levels(self) -> dict[Key, Decimal]:
        """Return what the shop shows."""
        return {
            (row["sku"], row["location_id"]): Decimal(row["quantity"])
            for row in self.store.rows("SELECT * FROM level")
        }

    def new_webhooks(self) -> list[Delivery]:
        """Return the webhooks that the shop has queued since the last look."""
        rows = self.store.rows(
            "SELECT position, id, body FROM webhook WHERE position > ?"
            " ORDER BY position",
            self._taken,
        )
        if rows:
            self._taken = rows[-1]["position"]
        return [self.delivery(row["id"], row["body"].encode()) for row in rows]

    def delivery(self, webhook_id: str, raw: bytes) -> Delivery:
        """Return something to send to this channel's door."""
        return Delivery(webhook_id, raw, self.path, self.secret)

    def hide_orders(self) -> None:
        """Let the hub hear of orders by webhook only: polls find nothing."""
        body = json.dumps({"orders": [], "next": None}).encode()
        answer = (200, [("Content-Type", "application/json")], body)
        self.proxy.answers["GET", "/orders"] = lambda: answer

    def show_orders(self) -> None:
        """Let polls find orders again."""
        self.proxy.answers.pop(("GET", "/orders"), None)

    def orders(self) -> list[dict[str, object]]:
        """Return every order as the shop has it."""
        rows = self.store.rows("SELECT body FROM sale ORDER BY number")
        return [json.loads(row["body"]) for row in rows]

    def returns(self) -> list[dict[str, object]]:
        """Return every return as the shop has it."""
        rows = self.store.rows("SELECT body FROM goods_return ORDER BY id")
        return [json.loads(row["body"]) for row in rows]


@contextlib.contextmanager
def open_front(
    admin: User,
    places: Sequence[tuple[str, int]],
    skus: Sequence[str],
    *,
    seed: int,
    weather: Weather | None = None,
    operated: Sequence[str] = (),
) -> Iterator[Front]:
    """Open a shop that sells these SKUs, and its channel, still a draft.

    :param places: location ids, each with the id of the Odoo location behind it.
    :param operated: those of them that the shop runs itself.
    """
    logging.getLogger("werkzeug").setLevel(logging.ERROR)
    catalogue = Catalogue(
        shop="Harness",
        currency="USD",
        locations=tuple(Location(id=name, name=name) for name, _id in places),
        products=tuple(
            Product(sku=sku, title=sku, price=Decimal("10.00")) for sku in skus
        ),
        shop_only=Product(sku="NOBODY-KNOWS", title="Unknown", price=Decimal(1)),
    )
    store, secret, books = Store(catalogue), new_secret(), Books()
    server = make_server(
        "127.0.0.1",
        0,
        create_app(store, secret),
        threaded=True,
        request_handler=_QuietHandler,
    )
    threading.Thread(target=server.serve_forever, daemon=True).start()
    proxy = Proxy(
        f"http://127.0.0.1:{server.server_port}", weather or Weather(), seed, books.tap
    )
    try:
        with proxy.running():
            hub = Hub.create_channel(admin, proxy.url, secret)
            hub.fetch_locations()
            for name, location_id in places:
                hub.map_location(name, location_id)
            _operate(hub, operated)
            hub.fetch_listings()
            yield Front(
                store=store,
                proxy=proxy,
                books=books,
                secret=secret,
                hub=hub,
                path=hub.webhook_path(),
                places=tuple(name for name, _id in places),
            )
    finally:
        server.shutdown()
        server.server_close()
        store.close()


def _operate(hub: Hub, operated: Sequence[str]) -> None:
    for name in operated:
        row = hub.admin.row(
            "stock.channel.location",
            [("channel_id", "=", hub.channel_id), ("external_id", "=", name)],
            ["id"],
        )
        hub.admin.write(
            "stock.channel.location", [row["id"]], {"is_operated_by_channel": True}
        )
