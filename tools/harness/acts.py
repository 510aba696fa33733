"""What happens in a shop: orders, changes of mind, shipments, returns; drawn by dice."""

from __future__ import annotations

import random
from collections import Counter
from collections.abc import Sequence
from decimal import Decimal

from tools.demo_shop import edits, orders, returns
from tools.demo_shop.wire import RefusedError

from .front import Front

ACTS = ("more", "less", "part", "cancel", "ship", "ship", "back", "arrive")


class Acts:
    """One shop's customers and its own warehouse.

    :param operated: the location that the shop ships from itself.
    :param skus: what is bought; all that the shop has where absent.
    """

    def __init__(
        self,
        front: Front,
        dice: random.Random,
        operated: str,
        skus: Sequence[str] = (),
    ) -> None:
        self.front = front
        self.dice = dice
        self.operated = operated
        self.skus = list(skus) or [
            product.sku for product in front.store.catalogue.products
        ]
        self.done: Counter[str] = Counter()
        self.orders: list[str] = []
        self.coming: list[str] = []

    def play(self, count_orders: int, events: int) -> None:
        """Let so many orders be placed, and so many webhooks come of it in all."""
        for _order in range(count_orders):
            self.place()
        for _try in range(events * 20):
            if sum(self.done.values()) >= events:
                break
            self.act()

    def place(self) -> None:
        """Let somebody buy one to three things, as far as the shop has them."""
        wanted = [
            {
                "sku": sku,
                "quantity": str(self.dice.randint(1, 4)),
                "location_id": self.dice.choice(self.front.places),
            }
            for sku in self.dice.sample(
                self.skus, self.dice.randint(1, min(3, len(self.skus)))
            )
        ]
        try:
            order = orders.place(self.front.store, wanted)
        except RefusedError:
            return
        self.orders.append(order["id"])
        self.done["order"] += 1

    def act(self) -> None:
        """Let something else happen; what is impossible now does not."""
        name = self.dice.choice(ACTS)
        try:
            happened = getattr(self, f"_{name}")()
        except RefusedError:
            happened = False
        self.done[name] += bool(happened)

    def _line(self) -> tuple[str, dict[str, str]]:
        order = orders.read(self.front.store, self.dice.choice(self.orders))
        return order["id"], self.dice.choice(order["lines"])

    def _more(self) -> bool:
        order_id, line = self._line()
        quantity = Decimal(line["quantity"]) + self.dice.randint(1, 3)
        edits.change(self.front.store, order_id, line["id"], quantity)
        return True

    def _less(self) -> bool:
        order_id, line = self._line()
        if orders.open_quantity(line) < 2:
            return False
        edits.change(
            self.front.store, order_id, line["id"], Decimal(line["quantity"]) - 1
        )
        return True

    def _part(self) -> bool:
        order_id, line = self._line()
        entry = {"order_line_id": line["id"], "quantity": "1"}
        orders.cancel(self.front.store, order_id, [entry])
        return True

    def _cancel(self) -> bool:
        if self.dice.random() < 0.6:
            return False
        orders.cancel(self.front.store, self.dice.choice(self.orders), [])
        return True

    def _ship(self) -> bool:
        order_id, line = self._line()
        left = orders.open_quantity(line)
        if line["location_id"] != self.operated or left < 1:
            return False
        number = Decimal(self.dice.randint(1, int(left)))
        edits.ship(self.front.store, order_id, line["id"], number)
        return True

    def _back(self) -> bool:
        order_id, line = self._line()
        if Decimal(line["fulfilled_quantity"]) < 1:
            return False
        entry = {
            "order_line_id": line["id"],
            "quantity": "1",
            "disposition": "restock",
        }
        back = returns.announce(self.front.store, order_id, [entry], self.operated)
        self.coming.append(back["id"])
        return True

    def _arrive(self) -> bool:
        if not self.coming:
            return False
        back = self.coming.pop(self.dice.randrange(len(self.coming)))
        returns.receive(self.front.store, back)
        return True
