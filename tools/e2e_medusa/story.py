"""The steps against Medusa, with every number worked out by hand."""

from __future__ import annotations

import time
from collections.abc import Mapping

from tools.demo.waiting import wait_for
from tools.devenv import DevEnvError
from tools.e2e_shop.books import BIN, CABINET, CHAIR, DOORS, LAMP, Parts
from tools.e2e_shop.play import PATIENCE, PUBLISH_PATIENCE, Play
from tools.medusa import Shop
from tools.npm_shop import PlacedOrder

TRACKING = "1Z-MEDUSA-0001"


class Story(Play[Shop]):
    """Cancelled, shipped, split, edited, returned."""

    shop_name = "Medusa"

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
        self._rest((BIN, "West"))
        self._check_history()

    # -------------------------------------------------------------------- steps

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

        self._wait_for_sale(
            order,
            before,
            lambda sale: self._wrong_deliveries(sale, place, lines, "assigned"),
        )
        self._row(title, (next(iter(lines)), place), start)
        return order

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

    # ------------------------------------------------------------------- checks

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
