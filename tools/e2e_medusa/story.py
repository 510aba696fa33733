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
DOORS, CHAIR = "E-COM11", "FURN_7777"
TRACKING = "1Z-MEDUSA-0001"

Parts = Mapping[str, Mapping[str, int]]
"""Quantity by SKU, by name of the location."""

STOCK: dict[Key, int] = {
    (article.sku, place): quantity
    for article, (east, west) in zip(
        CATALOGUE,
        (
            (12, 7),  # only East can serve eight Large Cabinets
            (30, 20),
            (1, 9),  # only West can serve five Pedal Bins
            (14, 0),  # only East has Cabinets with Doors
            (15, 6),
            (3, 2),
            (0, 11),  # only West has Office Chairs
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
    """What must be where, by hand: on hand and sold-but-not-shipped.

    :param history: each number that was right at some time, oldest first.
    :param orders: how many the channel has sold.
    """

    stock: dict[Key, int] = field(default_factory=lambda: dict(STOCK))
    sold: dict[Key, int] = field(default_factory=lambda: dict.fromkeys(STOCK, 0))
    history: dict[Key, list[int]] = field(
        default_factory=lambda: {key: [number] for key, number in STOCK.items()}
    )
    orders: int = 0

    def sell(self, place: str, lines: Mapping[str, int], sign: int = 1) -> None:
        """Note a sale, or with -1 its cancellation."""
        for sku, quantity in lines.items():
            self.sold[sku, place] += sign * quantity

    def ship(self, place: str, lines: Mapping[str, int]) -> None:
        """Note that sold goods have left."""
        self.sell(place, lines, -1)
        for sku, quantity in lines.items():
            self.move(place, sku, -quantity)

    def move(self, place: str, sku: str, quantity: int) -> None:
        """Note that goods came (or, negative, left)."""
        self.stock[sku, place] += quantity
        self.history[sku, place].append(self.stock[sku, place])

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
        order, parts = self._buy_split()
        parts = self._edit(order, parts, {"East": {DOORS: 3}, "West": {CHAIR: 4}})
        self._ship_in_parts(order, parts)
        self._take_back(order)
        self._remove()
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
        order = self._place(lines)
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

    def _place(self, lines: Mapping[str, int]) -> PlacedOrder:
        self._books.orders += 1
        return self._shop.place_order(lines)

    def _cancel(
        self, order: PlacedOrder, lines: Mapping[str, int], place: str = "East"
    ) -> None:
        """Cancel in Medusa; everything is as before the order."""
        start = time.monotonic()
        self._shop.cancel(order.id)
        self._books.sell(place, lines, -1)

        def problems() -> list[str]:
            sale = self._office.sale_order(order.id)
            wrong = [] if sale and sale.state == "cancel" else [f"it is still {sale}"]
            if self._shop.reservations(order.id):
                wrong.append("Medusa still reserves for it")
            return wrong

        self._wait(problems, PATIENCE, "the cancelled sale order")
        self._row("Told: the shop cancels it", (next(iter(lines)), place), start)

    def _ship(self, order: PlacedOrder, lines: Mapping[str, int]) -> None:
        """Validate the delivery in Odoo; Medusa shows the fulfilment."""
        start = time.monotonic()
        [delivery] = self._office.deliveries(self._sale(order))
        self._office.ship(delivery["id"], TRACKING)
        self._books.ship("West", lines)

        def problems() -> list[str]:
            wrong = self._wrong_deliveries(self._sale(order), "West", lines, "done")
            wrong += self._wrong_fulfilment(order, lines)
            return wrong + self._untold()

        self._wait(problems, PUBLISH_PATIENCE, "the fulfilment in Medusa")
        self._row("The warehouse ships it", (next(iter(lines)), "West"), start)

    def _buy_split(self) -> tuple[PlacedOrder, Parts]:
        """Buy what no one place has: the goods are reserved in both."""
        start = time.monotonic()
        parts = {"East": {DOORS: 2}, "West": {CHAIR: 6}}
        order = self._place({DOORS: 2, CHAIR: 6})
        for place, lines in parts.items():
            self._books.sell(place, lines)
        self._wait(
            lambda: self._wrong_parts(order, parts), PATIENCE, "the two deliveries"
        )
        self._row("Told: an order from two places", (CHAIR, "West"), start)
        return order, parts

    def _edit(self, order: PlacedOrder, before: Parts, after: Parts) -> Parts:
        """The shop's staff change quantities: one more cabinet, two chairs fewer."""
        start = time.monotonic()
        self._shop.edit(order.id, {**after["East"], **after["West"]})
        for place in after:
            self._books.sell(place, before[place], -1)
            self._books.sell(place, after[place])
        self._wait(
            lambda: self._wrong_parts(order, after), PATIENCE, "the edited order"
        )
        self._row("Told: more of one, less of another", (DOORS, "East"), start)
        return after

    def _ship_in_parts(self, order: PlacedOrder, parts: Parts) -> None:
        """East sends two of three, West all, East the rest: three fulfilments."""
        start = time.monotonic()
        for place, sku, quantity, left in (
            ("East", DOORS, 2, {"East": {DOORS: 1}, "West": parts["West"]}),
            ("West", CHAIR, 4, {"East": {DOORS: 1}}),
            ("East", DOORS, 1, {}),
        ):
            sale = self._sale(order)
            [delivery] = [
                delivery
                for delivery in self._office.deliveries(sale)
                if delivery["state"] == "assigned"
                and delivery["location_id"][0] == self._office.stocks[place]
            ]
            self._office.ship(delivery["id"], f"{TRACKING}-{sku}", quantity)
            self._books.ship(place, {sku: quantity})
            self._wait_for_parcel(order, left)
        found = sorted(
            (fulfilment["location_id"], item["sku"], item["quantity"])
            for fulfilment in self._shop.order(order.id)["fulfillments"]
            for item in fulfilment["items"]
        )
        east, west = (self._shop.locations[place] for place in ("East", "West"))
        wanted = sorted([(east, DOORS, 2), (east, DOORS, 1), (west, CHAIR, 4)])
        if found != wanted:
            raise DevEnvError(f"The fulfilments are {found}, not {wanted}.")
        self._row("Two places ship it in three parcels", (DOORS, "East"), start)

    def _wait_for_parcel(self, order: PlacedOrder, left: Parts) -> None:
        self._wait(
            lambda: self._wrong_parts(order, left) + self._untold(),
            PUBLISH_PATIENCE,
            "a part of the order",
        )

    def _take_back(self, order: PlacedOrder) -> None:
        """Two chairs come back to West, one of them damaged."""
        start = time.monotonic()
        chairs = {CHAIR: 1}
        return_id = self._shop.take_back(order.id, {CHAIR: 2}, "West")
        self._wait(
            lambda: self._wrong_return(return_id, "announced", 1),
            PATIENCE,
            "the announced return",
        )
        self._shop.receive_back(order.id, return_id, good=chairs, damaged=chairs)
        wait_for(
            lambda: self._wrong_return(return_id, "received", 2),
            seconds=PATIENCE,
            what="the received return",
        )
        self._office.receive_returns(return_id)
        self._books.move("West", CHAIR, 1)
        self._wait(
            lambda: self._wrong_return(return_id, "done", 2),
            PATIENCE,
            "the good chair on its shelf",
        )
        self._row("Returned: one good, one damaged", (CHAIR, "West"), start)

    def _remove(self) -> None:
        """An edit removes one of two lines; then the rest is cancelled."""
        start = time.monotonic()
        order = self._place({DOORS: 1, CHAIR: 2})
        self._books.sell("West", {CHAIR: 2})
        self._shop.edit(order.id, {DOORS: 0})
        self._wait(
            lambda: self._wrong_parts(order, {"West": {CHAIR: 2}}),
            PATIENCE,
            "the order without the removed line",
        )
        self._row("Told: a line is removed", (CHAIR, "West"), start)
        self._cancel(order, {CHAIR: 2}, "West")

    def _rest(self) -> None:
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
        self._check_history()
        self._row("Polled again: nothing moves", (BIN, "West"), start)

    def _check_history(self) -> None:
        """No number was ever told but those that were right at some time, in order.

        Orders and cancellations move nothing: Medusa subtracts its own reservations.

        :raise DevEnvError: otherwise: customers saw a wrong number for a moment.
        """
        for key, numbers in self._office.told().items():
            right = self._books.history[key]
            if [number for number, _ in groupby(numbers)] != right:
                raise DevEnvError(f"Medusa was told {numbers} for {' at '.join(key)}.")

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
