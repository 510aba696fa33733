"""What every story against a real shop does: wait, compare both sides, tell."""

from __future__ import annotations

import time
from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping
from itertools import groupby
from typing import Generic, Protocol, TypeVar

from tools.demo.waiting import wait_for
from tools.devenv import DevEnvError, OdooServer
from tools.npm_shop import Level, PlacedOrder

from .books import STOCK, Books, Parts
from .office import Key, Office, SaleOrder

PATIENCE = 180.0
"""Seconds until a step that has not come true is given up: two polls and a bit."""

PUBLISH_PATIENCE = 60.0


class SeedShop(Protocol):
    """What is asked of any shop."""

    @property
    def locations(self) -> Mapping[str, str]:
        """Ids of the stock locations by name."""

    def place_order(self, lines: Mapping[str, int]) -> PlacedOrder:
        """Buy."""

    def levels(self) -> dict[Key, Level]:
        """Return what the shop shows."""


ShopType = TypeVar("ShopType", bound=SeedShop)


class Play(ABC, Generic[ShopType]):
    """Plays the steps; each ends when both sides agree with the books.

    :param str secret: signs what the shop tells.
    :param tell: gets one row per step: what, Odoo, the shop, seconds.
    """

    shop_name: str

    def __init__(
        self,
        odoo: OdooServer,
        office: Office,
        shop: ShopType,
        secret: str,
        tell: Callable[[str, str, str, float], None],
    ) -> None:
        self._odoo = odoo
        self._office = office
        self._shop = shop
        self._secret = secret
        self._tell = tell
        self._books = Books()

    @abstractmethod
    def play(self) -> None:
        """Play all steps.

        :raise DevEnvError: when something is not true in time, with what it is.
        """

    # -------------------------------------------------------------------- steps

    def _publish(self) -> None:
        start = time.monotonic()
        self._office.go_live()
        self._wait(lambda: [], PUBLISH_PATIENCE, "the first publication")
        self._row("First full publication", next(iter(STOCK)), start)

    def _wait_for_sale(
        self,
        order: PlacedOrder,
        before: int,
        problems: Callable[[SaleOrder], list[str]],
    ) -> None:
        """Wait for one sale order of the same total, and what else must be true."""

        def wrong() -> list[str]:
            sale = self._office.sale_order(order.id)
            if sale is None:
                return ["no sale order yet"]
            found = problems(sale)
            if sale.state != "sale":
                found.append(f"the sale order is {sale.state}")
            if round(sale.total, 2) != float(order.total):
                found.append(f"the totals are {sale.total} and {order.total}")
            if self._office.sale_orders() != before + 1:
                found.append("more than one sale order was made")
            return found

        self._wait(wrong, PATIENCE, "the sale order, reserved")

    def _rest(self, key: Key) -> None:
        """Polling finds our own fulfilment; nothing may move because of it."""
        start = time.monotonic()
        polled = self._office.polled_at()
        self._wait(
            lambda: [] if self._office.polled_at() > polled else ["no poll yet"],
            PATIENCE,
            "another poll",
        )
        if self._office.sale_orders() != self._books.orders:
            raise DevEnvError(f"There are not {self._books.orders} sale orders.")
        self._row("Polled again: nothing moves", key, start)

    def _place(self, lines: Mapping[str, int]) -> PlacedOrder:
        self._books.orders += 1
        return self._shop.place_order(lines)

    def _wait_for_parcel(self, order: PlacedOrder, left: Parts) -> None:
        self._wait(
            lambda: self._wrong_parts(order, left) + self._untold(),
            PUBLISH_PATIENCE,
            "a part of the order",
        )

    def _check_history(self) -> None:
        """No number was ever told but those that were right at some time, in order.

        Orders and cancellations move nothing: the shop subtracts its own reservations.

        :raise DevEnvError: otherwise: customers saw a wrong number for a moment.
        """
        for key, numbers in self._office.told().items():
            right = self._books.history[key]
            if [number for number, _ in groupby(numbers)] != right:
                raise DevEnvError(
                    f"{self.shop_name} was told {numbers} for {' at '.join(key)}."
                )

    # ------------------------------------------------------------------- checks

    def _sale(self, order: PlacedOrder) -> SaleOrder:
        sale = self._office.sale_order(order.id)
        if sale is None:
            raise DevEnvError("The sale order is gone.")
        return sale

    def _wrong_parts(self, order: PlacedOrder, parts: Parts) -> list[str]:
        """Return how what is reserved for an order differs from these parts."""
        sale = self._office.sale_order(order.id)
        if sale is None:
            return ["no sale order yet"]
        skus = {id_: sku for sku, id_ in self._office.products.items()}
        places = {id_: place for place, id_ in self._office.stocks.items()}
        found: dict[str, dict[str, int]] = {}
        for delivery in self._office.deliveries(sale):
            for move in delivery["moves"]:
                if move["state"] == "assigned":
                    lines = found.setdefault(places[delivery["location_id"][0]], {})
                    lines[skus[move["product_id"][0]]] = move["quantity"]
        return [] if found == parts else [f"reserved is {found}, not {parts}"]

    def _untold(self) -> list[str]:
        states = set(self._office.shipment_states())
        return [] if states == {"done"} else [f"shipments are {states}"]

    def _wrong_return(self, return_id: str, state: str, lines: int) -> list[str]:
        """Return how a return differs: its state, and how many dispositions it has."""
        found, dispositions = self._office.return_state(return_id)
        if (found, len(dispositions)) == (state, lines):
            return []
        return [f"the return is {found}, with {dispositions}"]

    def _expect(self, origin: str, topics: list[str]) -> None:
        """Make sure that an order came the way it was meant to.

        :raise DevEnvError: otherwise.
        """
        found = self._office.messages(origin)
        if found != topics:
            raise DevEnvError(f"By {origin} came {found}, not {topics}.")

    def _wrong_deliveries(
        self, sale: SaleOrder, place: str, lines: Mapping[str, int], state: str
    ) -> list[str]:
        """Return how the deliveries differ from one, at this place, of these lines."""
        wanted = {self._office.products[sku]: float(q) for sku, q in lines.items()}
        stock = self._office.stocks[place]
        deliveries = self._office.deliveries(sale)
        found = [
            (
                delivery["state"],
                delivery["location_id"][0],
                {move["product_id"][0]: move["quantity"] for move in delivery["moves"]},
            )
            for delivery in deliveries
        ]
        if found == [(state, stock, wanted)]:
            return []
        return [f"the deliveries are {found}, not {[(state, stock, wanted)]}"]

    def _disagreements(self) -> list[str]:
        """Return every number that is not what the books say, on either side."""
        levels = self._shop.levels()
        ledger = self._office.ledger()
        quants = self._office.on_hand()
        wrong = self._wrong_levels(levels)
        for key in sorted({*STOCK, *levels, *ledger, *quants}):
            where = " at ".join(key)
            stock, sold = self._books.stock.get(key), self._books.sold.get(key)
            if stock is None or sold is None:
                wrong.append(f"{where} should not exist")
                continue
            row = ledger.get(key)
            if quants.get(key) != (stock, sold):
                wrong.append(f"Odoo has {quants.get(key)} of {where}")
            if row is None:
                wrong.append(f"{where} is not in the ledger")
                continue
            found = (row.sellable, row.own_open, row.wire, row.acknowledged)
            if found != (stock - sold, sold, stock, stock):
                wrong.append(f"the ledger says {row} for {where}")
        return wrong

    def _wrong_levels(self, levels: Mapping[Key, Level]) -> list[str]:
        """Return how what the shop shows differs from the books."""
        return [
            f"{self.shop_name} shows {levels.get(key)} for {' at '.join(key)}, not "
            f"{self._books.level(key)}"
            for key in STOCK
            if levels.get(key) != self._books.level(key)
        ]

    def _wait(
        self, problems: Callable[[], list[str]], seconds: float, what: str
    ) -> None:
        """Wait until a step is true, both sides agree, and nothing is left to do."""
        self._wait_for(
            lambda: problems() or self._disagreements() or self._office.unfinished(),
            seconds,
            what,
        )

    def _wait_for(
        self, problems: Callable[[], list[str]], seconds: float, what: str
    ) -> None:
        """Wait until a step is true, whatever else still differs.

        :raise DevEnvError: at once when Odoo needs a person for something.
        """

        def left() -> list[str]:
            self._odoo.check_alive()
            trouble = self._office.trouble()
            if trouble:
                raise DevEnvError(f"While waiting for {what}: {'; '.join(trouble)}")
            return problems()

        wait_for(left, seconds=seconds, what=what)

    def _row(self, title: str, key: Key, start: float) -> None:
        stock, sold = self._books.stock[key], self._books.sold[key]
        where = f"{key[0]} {key[1]}"
        self._tell(
            title,
            f"{where}: {stock} - {sold} = {stock - sold}",
            f"{where}: {self._shop.levels()[key]}",
            time.monotonic() - start,
        )
