"""The steps against Vendure, with every number worked out by hand.

Vendure does not say from which location it sells, so Odoo chooses. The orders here are
such that both choose alike.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping

from tools.devenv import DevEnvError
from tools.e2e_shop.books import CABINET, CHAIR, DOORS, LAMP, Parts
from tools.e2e_shop.office import Key
from tools.e2e_shop.play import PATIENCE, PUBLISH_PATIENCE, Play
from tools.npm_shop import Level, PlacedOrder
from tools.vendure import Shop

TRACKING = "1Z-VENDURE"
COMPARE_SECONDS = 5.0
"""How often the button is pressed while a number is wrong."""


class Story(Play[Shop]):
    """Cancelled, split, reduced, shipped, returned twice, meddled with."""

    shop_name = "Vendure"

    def play(self) -> None:
        """Play all steps.

        :raise DevEnvError: when something is not true in time, with what it is.
        """
        self._publish()
        order = self._buy("Polled: 8 cabinets are bought", {"East": {CABINET: 8}})
        # Without a secret the door lets nothing in; from now on it does.
        self._expect("webhook", [])
        self._office.accept_events(self._secret)
        self._cancel(order, {CABINET: 8})
        parts = {"East": {DOORS: 4}, "West": {CHAIR: 6}}
        order = self._buy("Told: an order from two places", parts)
        self._reduce(order, {"East": {DOORS: 4}, "West": {CHAIR: 4}})
        self._ship(order, {"East": {DOORS: 4}, "West": {CHAIR: 4}})
        self._take_back(order, {"East": {DOORS: 1}, "West": {CHAIR: 2}}, 2)
        self._take_back(order, {"West": {CHAIR: 1}}, 2)
        self._cancel_here()
        self._meddle()
        self._rest((CHAIR, "West"))
        self._check_history()

    # -------------------------------------------------------------------- steps

    def _buy(self, title: str, parts: Parts) -> PlacedOrder:
        """Buy; the goods must be reserved where they are."""
        start = time.monotonic()
        before = self._office.sale_orders()
        order = self._place(whole(parts))
        for place, lines in parts.items():
            self._books.sell(place, lines)
        self._wait_for_sale(order, before, lambda sale: self._wrong_parts(order, parts))
        self._row(title, first(parts), start)
        return order

    def _cancel(self, order: PlacedOrder, lines: Mapping[str, int]) -> None:
        """Cancel in Vendure; everything is as before the order."""
        start = time.monotonic()
        self._shop.cancel(order.id)
        self._books.sell("East", lines, -1)

        def problems() -> list[str]:
            sale = self._office.sale_order(order.id)
            return [] if sale and sale.state == "cancel" else [f"it is still {sale}"]

        self._wait(problems, PATIENCE, "the cancelled sale order")
        if "order.changed" not in self._office.messages("webhook"):
            raise DevEnvError("Vendure did not tell that it was cancelled.")
        self._row("Told: the shop cancels it", (next(iter(lines)), "East"), start)

    def _reduce(self, order: PlacedOrder, after: Parts) -> None:
        """The shop's staff cancel two of six chairs."""
        start = time.monotonic()
        self._shop.cancel(order.id, {CHAIR: 2})
        self._books.sell("West", {CHAIR: 2}, -1)
        self._wait(
            lambda: self._wrong_parts(order, after), PATIENCE, "the smaller order"
        )
        self._row("Told: two units are cancelled", (CHAIR, "West"), start)

    def _ship(self, order: PlacedOrder, parts: Parts) -> None:
        """Both warehouses send their part; Vendure shows two parcels with tracking."""
        start = time.monotonic()
        left = dict(parts)
        for place, lines in parts.items():
            self._send(order, place, lines)
            left.pop(place)
            self._wait_for_parcel(order, left)
        self._check_parcels(order, parts)
        self._row("It is shipped, with tracking", first(parts), start)

    def _send(self, order: PlacedOrder, place: str, lines: Mapping[str, int]) -> None:
        """Validate the delivery of one place."""
        delivery = self._delivery(order, place)
        self._office.ship(delivery, f"{TRACKING}-{place}")
        self._books.ship(place, lines)

    def _check_parcels(self, order: PlacedOrder, parts: Parts) -> None:
        """Compare Vendure's fulfilments with what was sent.

        :raise DevEnvError: when they differ.
        """
        shown = self._shop.order(order.id)
        skus = {line["id"]: line["productVariant"]["sku"] for line in shown["lines"]}
        found = sorted(
            (
                parcel["trackingCode"],
                parcel["state"],
                skus[row["orderLineId"]],
                row["quantity"],
            )
            for parcel in shown["fulfillments"]
            for row in parcel["lines"]
        )
        wanted = sorted(
            (f"{TRACKING}-{place}", "Shipped", sku, quantity)
            for place, lines in parts.items()
            for sku, quantity in lines.items()
        )
        if (found, shown["state"]) != (wanted, "Shipped"):
            raise DevEnvError(
                f"The parcels are {found}, not {wanted}: {shown['state']}."
            )

    def _take_back(self, order: PlacedOrder, parts: Parts, lines: int) -> None:
        """Staff cancel what has left: Vendure has it back at once, Odoo when it came.

        :param int lines: of the return, which grows.
        """
        start = time.monotonic()
        self._shop.cancel(order.id, whole(parts))
        name = f"{self._shop.order(order.id)['code']}-R"
        self._until(
            lambda: self._wrong_return(name, "received", lines), "the return in Odoo"
        )
        self._office.receive_returns(name)
        for place, back in parts.items():
            for sku, quantity in back.items():
                self._books.move(place, sku, quantity)
        self._wait(
            lambda: self._wrong_return(name, "done", lines),
            PATIENCE,
            "goods on shelves",
        )
        self._row("Returned: cancelled once shipped", first(parts), start)

    def _cancel_here(self) -> None:
        """A warehouse cancels its delivery; Vendure cancels the line."""
        parts = {"East": {DOORS: 2}, "West": {CHAIR: 3}}
        order = self._buy("Told: one more from two places", parts)
        start = time.monotonic()
        self._office.cancel(self._delivery(order, "West"))
        self._books.sell("West", {CHAIR: 3}, -1)
        left = {"East": {DOORS: 2}}

        def problems() -> list[str]:
            lines = self._shop.order(order.id)["lines"]
            found = {x["productVariant"]["sku"]: x["quantity"] for x in lines}
            wrong = [] if found == {DOORS: 2, CHAIR: 0} else [f"Vendure has {found}"]
            return wrong + self._wrong_parts(order, left) + self._untold()

        self._wait(problems, PATIENCE, "the line cancelled in Vendure")
        self._row("The warehouse cancels a line", (CHAIR, "West"), start)
        self._ship(order, left)

    def _meddle(self) -> None:
        """Somebody overwrites a number in Vendure."""
        start = time.monotonic()
        self._shop.set_level(LAMP, "West", 50)
        self._compare_until_mended("the number that was overwritten")
        self._row("Meddled with: told once more", (LAMP, "West"), start)

    # ------------------------------------------------------------------- checks

    def _delivery(self, order: PlacedOrder, place: str) -> int:
        """Return the open delivery of one place."""
        [found] = [
            delivery["id"]
            for delivery in self._office.deliveries(self._sale(order))
            if delivery["state"] == "assigned"
            and delivery["location_id"][0] == self._office.stocks[place]
        ]
        return int(found)

    def _compare_until_mended(self, what: str) -> None:
        """Have the channel read until every number is right: a difference is
        believed when it is seen twice."""

        pressed = 0.0

        def problems() -> list[str]:
            nonlocal pressed
            wrong = self._disagreements()
            if wrong and time.monotonic() > pressed + COMPARE_SECONDS:
                self._office.compare()
                pressed = time.monotonic()
            return wrong

        self._wait(problems, PUBLISH_PATIENCE, what)

    def _until(self, problems: Callable[[], list[str]], what: str) -> None:
        """Wait for one thing while the two sides may still differ."""
        self._wait_for(problems, PATIENCE, what)

    def _wrong_levels(self, levels: Mapping[Key, Level]) -> list[str]:
        """Compare what is sold as a sum: Vendure does not say from where it sells."""
        wrong = []
        for key, level in levels.items():
            if key in self._books.stock and level.stocked != self._books.stock[key]:
                wanted = self._books.stock[key]
                wrong.append(f"Vendure has {level.stocked} of {key}, not {wanted}")
        for sku in {sku for sku, _place in levels}:
            sold = sum(n for (s, _), n in self._books.sold.items() if s == sku)
            held = sum(x.reserved for (s, _), x in levels.items() if s == sku)
            if sold != held:
                wrong.append(f"Vendure allocated {held} of {sku}, not {sold}")
        return wrong


def whole(parts: Parts) -> dict[str, int]:
    """Return the quantities of an order by SKU."""
    result: dict[str, int] = {}
    for lines in parts.values():
        for sku, quantity in lines.items():
            result[sku] = result.get(sku, 0) + quantity
    return result


def first(parts: Parts) -> Key:
    """Return one number that an order concerns."""
    place, lines = next(iter(parts.items()))
    return next(iter(lines)), place
