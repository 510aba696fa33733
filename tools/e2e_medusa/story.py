"""The steps, with every number worked out by hand.

Medusa's stocked quantity contains what it has sold and not shipped, so a sale changes
its reserved quantity only, and what it is told stays the same.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from itertools import groupby

from tools.demo.waiting import wait_for
from tools.devenv import DevEnvError, OdooServer
from tools.medusa import CATALOGUE, Level, PlacedOrder, Shop

from .office import Key, Office, SaleOrder

PATIENCE = 180.0
"""Seconds until a step that has not come true is given up: two polls and a bit."""

PUBLISH_PATIENCE = 60.0

CABINET, BIN, LAMP = "E-COM07", "E-COM10", "FURN_8888"
TRACKING = "1Z-MEDUSA-0001"

STOCK: dict[Key, int] = {
    (article.sku, place): quantity
    for article, (east, west) in zip(
        CATALOGUE,
        (
            (12, 7),  # only East can serve eight Large Cabinets
            (30, 20),
            (1, 9),  # only West can serve five Pedal Bins
            (4, 0),
            (15, 6),
            (3, 2),
            (0, 11),
            (5, 1),
            (2, 8),  # only West can serve three Office Lamps
            (6, 10),
        ),
        strict=True,
    )
    for place, quantity in (("East", east), ("West", west))
}
"""On hand by SKU and warehouse when the channel goes live."""


@dataclass
class Books:
    """What must be where, by hand: on hand and sold-but-not-shipped."""

    stock: dict[Key, int] = field(default_factory=lambda: dict(STOCK))
    sold: dict[Key, int] = field(default_factory=lambda: dict.fromkeys(STOCK, 0))

    def sell(self, place: str, lines: Mapping[str, int], sign: int = 1) -> None:
        """Note a sale, or with -1 its cancellation."""
        for sku, quantity in lines.items():
            self.sold[sku, place] += sign * quantity

    def ship(self, place: str, lines: Mapping[str, int]) -> None:
        """Note that sold goods have left."""
        self.sell(place, lines, -1)
        for sku, quantity in lines.items():
            self.stock[sku, place] -= quantity

    def level(self, key: Key) -> Level:
        """Return what Medusa must show."""
        stock, sold = self.stock[key], self.sold[key]
        return Level(stocked=stock, reserved=sold, available=stock - sold)


class Story:
    """Plays the steps; each ends when both sides agree with the books.

    :param str secret: signs what the shop's subscriber tells.
    :param tell: gets one row per step: what, Odoo, Medusa, seconds.
    """

    def __init__(
        self,
        odoo: OdooServer,
        office: Office,
        shop: Shop,
        secret: str,
        tell: Callable[[str, str, str, float], None],
    ) -> None:
        self._odoo = odoo
        self._office = office
        self._shop = shop
        self._secret = secret
        self._tell = tell
        self._books = Books()

    def play(self) -> None:
        """Play all steps.

        :raise DevEnvError: when something is not true in time, with what it is.
        """
        self._publish()
        bought = {CABINET: 8}
        order = self._buy("Polled: 8 cabinets are bought", "East", bought)
        # Without a secret the door lets nothing in; from now on it does.
        self._expect("webhook", [])
        self._office.accept_events(self._secret)
        self._cancel(order, bought)
        bought = {BIN: 5, LAMP: 3}
        order = self._buy("Told: 5 bins, 3 lamps are bought", "West", bought)
        self._expect("webhook", ["order.canceled", "order.placed"])
        self._ship(order, bought)
        self._rest()

    # -------------------------------------------------------------------- steps

    def _publish(self) -> None:
        start = time.monotonic()
        self._office.go_live()
        self._wait(lambda: [], PUBLISH_PATIENCE, "the first publication")
        self._row("First full publication", (CABINET, "East"), start)

    def _buy(self, title: str, place: str, lines: Mapping[str, int]) -> PlacedOrder:
        """Buy; the goods must be reserved in the right warehouse on both sides."""
        start = time.monotonic()
        before = self._office.sale_orders()
        order = self._shop.place_order(lines)
        held = {place: sum(lines.values())}
        found = self._shop.reservations(order.id)
        if found != held:
            raise DevEnvError(f"Medusa reserved {found} and not {held}.")
        self._books.sell(place, lines)

        def problems() -> list[str]:
            sale = self._office.sale_order(order.id)
            if sale is None:
                return ["no sale order yet"]
            wrong = self._wrong_deliveries(sale, place, lines, "assigned")
            if sale.state != "sale":
                wrong.append(f"the sale order is {sale.state}")
            if round(sale.total, 2) != float(order.total):
                wrong.append(f"the totals are {sale.total} and {order.total}")
            if self._office.sale_orders() != before + 1:
                wrong.append("more than one sale order was made")
            return wrong

        self._wait(problems, PATIENCE, "the sale order, reserved")
        self._row(title, (next(iter(lines)), place), start)
        return order

    def _cancel(self, order: PlacedOrder, lines: Mapping[str, int]) -> None:
        """Cancel in Medusa; everything is as before the order."""
        start = time.monotonic()
        self._shop.cancel(order.id)
        self._books.sell("East", lines, -1)

        def problems() -> list[str]:
            sale = self._office.sale_order(order.id)
            wrong = [] if sale and sale.state == "cancel" else [f"it is still {sale}"]
            if self._shop.reservations(order.id):
                wrong.append("Medusa still reserves for it")
            return wrong

        self._wait(problems, PATIENCE, "the cancelled sale order")
        self._row("Told: the shop cancels it", (next(iter(lines)), "East"), start)

    def _ship(self, order: PlacedOrder, lines: Mapping[str, int]) -> None:
        """Validate the delivery in Odoo; Medusa shows the fulfilment."""
        start = time.monotonic()
        sale = self._office.sale_order(order.id)
        if sale is None:
            raise DevEnvError("The sale order is gone.")
        [delivery] = self._office.deliveries(sale)
        self._office.ship(delivery["id"], TRACKING)
        self._books.ship("West", lines)

        def problems() -> list[str]:
            wrong = self._wrong_deliveries(sale, "West", lines, "done")
            wrong += self._wrong_fulfilment(order, lines)
            if self._office.shipment_states() != ["done"]:
                wrong.append(f"shipments are {self._office.shipment_states()}")
            return wrong

        self._wait(problems, PUBLISH_PATIENCE, "the fulfilment in Medusa")
        self._row("The warehouse ships it", (next(iter(lines)), "West"), start)

    def _rest(self) -> None:
        """Polling finds our own fulfilment; nothing may move because of it."""
        start = time.monotonic()
        polled = self._office.polled_at()
        self._wait(
            lambda: [] if self._office.polled_at() > polled else ["no poll yet"],
            PATIENCE,
            "another poll",
        )
        if self._office.sale_orders() != 2:
            raise DevEnvError("There are not exactly two sale orders of the channel.")
        self._check_history()
        self._row("Polled again: nothing moves", (BIN, "West"), start)

    def _check_history(self) -> None:
        """No number was ever told but the first one and the one without what left.

        Orders and cancellations move nothing: Medusa subtracts its own reservations.

        :raise DevEnvError: otherwise: customers saw a wrong number for a moment.
        """
        for key, numbers in self._office.told().items():
            right = [STOCK[key], self._books.stock[key]]
            if [number for number, _ in groupby(numbers)] != list(dict.fromkeys(right)):
                raise DevEnvError(f"Medusa was told {numbers} for {' at '.join(key)}.")

    # ------------------------------------------------------------------- checks

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

    def _wrong_fulfilment(
        self, order: PlacedOrder, lines: Mapping[str, int]
    ) -> list[str]:
        """Return how Medusa's fulfilment differs from what was shipped."""
        shown = self._shop.order(order.id)
        if shown["fulfillment_status"] != "shipped":
            return [f"Medusa says {shown['fulfillment_status']}"]
        [fulfilment] = shown["fulfillments"]
        items = {item["sku"]: item["quantity"] for item in fulfilment["items"]}
        tracking = [label["tracking_number"] for label in fulfilment["labels"]]
        found = (fulfilment["location_id"], items, tracking)
        wanted = (self._shop.locations["West"], dict(lines), [TRACKING])
        return [] if found == wanted else [f"the fulfilment is {found}, not {wanted}"]

    def _disagreements(self) -> list[str]:
        """Return every number that is not what the books say, on either side."""
        levels = self._shop.levels()
        ledger = self._office.ledger()
        quants = self._office.on_hand()
        wrong = []
        for key in sorted({*STOCK, *levels, *ledger, *quants}):
            where = " at ".join(key)
            stock, sold = self._books.stock.get(key), self._books.sold.get(key)
            if stock is None or sold is None:
                wrong.append(f"{where} should not exist")
                continue
            level, row = levels.get(key), ledger.get(key)
            if level != self._books.level(key):
                wanted = self._books.level(key)
                wrong.append(f"Medusa shows {level} for {where}, not {wanted}")
            if quants.get(key) != (stock, sold):
                wrong.append(f"Odoo has {quants.get(key)} of {where}")
            if row is None:
                wrong.append(f"{where} is not in the ledger")
                continue
            found = (row.sellable, row.own_open, row.wire, row.acknowledged)
            if found != (stock - sold, sold, stock, stock):
                wrong.append(f"the ledger says {row} for {where}")
        return wrong

    def _wait(
        self, problems: Callable[[], list[str]], seconds: float, what: str
    ) -> None:
        """Wait until a step is true, both sides agree, and nothing is left to do."""

        def left() -> list[str]:
            self._odoo.check_alive()
            trouble = self._office.trouble()
            if trouble:
                raise DevEnvError(f"While waiting for {what}: {'; '.join(trouble)}")
            return problems() or self._disagreements() or self._office.unfinished()

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
