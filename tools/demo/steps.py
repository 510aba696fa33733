"""The story: what happens in each step, and the numbers worked out by hand.

A step acts as somebody would (customer, clerk, buyer), tells what must be true
besides the numbers, and names the numbers it changes. All others must stay.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, ClassVar

from .numbers import PATIENCE
from .rpc import first_id
from .shop import Key
from .stage import CASE, CASE_OF, EAST, KIT, NAMES, SOUTH, WEST, Stage
from .waiting import wait_for

CHAIR, BIN, WORKPLACE, SEAT = "FURN_0269", "E-COM10", "FURN_0789", "E-COM12"
TRACKING = "1Z 4E7 0269 03"

FIRST: dict[str, tuple[int, int, int]] = {
    CHAIR: (7, 6, 4),  # west: 10 on hand, 3 reserved for a production order
    BIN: (22, 15, 9),
    "E-COM11": (18, 8, 0),  # west: 33 on hand, 15 reserved for deliveries
    "FURN_7800": (2799, 40, 25),  # west: 2855 on hand, 56 reserved for deliveries
    CASE_OF: (18, 25, 13),
    CASE: (3, 4, 2),  # whole cases of six: 18/6, 25/6, 13/6
    WORKPLACE: (16, 5, 2),
    SEAT: (26, 9, 1),
    KIT: (13, 4, 0),  # 1 workplace and 2 chairs: min(16, 13), min(5, 4), min(2, 0)
    "FURN_78236": (48, 5, 0),  # 1 wood panel: 50 on hand, 2 reserved, in the west
}
"""What the shop must show first, by SKU: San Francisco, Austin, Boston."""


def first_numbers() -> dict[Key, int]:
    """Return the first publication by SKU and location."""
    return {
        (sku, place): number
        for sku, numbers in FIRST.items()
        for place, number in zip((WEST, SOUTH, EAST), numbers, strict=True)
    }


@dataclass
class Story:
    """What later steps must know of earlier ones; bodies as the shop gave them."""

    order: dict[str, Any] = field(default_factory=dict)
    kit_order: dict[str, Any] = field(default_factory=dict)
    mug_order: dict[str, Any] = field(default_factory=dict)


class Step:
    """One step of the story.

    :param changes: the numbers to look at, as they must be after it, in the
        listing's unit; all others must stay as they were.
    """

    title: ClassVar[str]
    changes: ClassVar[dict[Key, int]]

    def act(self, stage: Stage, story: Story) -> None:
        """Do what somebody does; returns when that is done."""
        raise NotImplementedError

    def problems(self, stage: Stage, story: Story) -> list[str]:
        """Return what is not true yet besides the numbers."""
        return []

    def told(self, stage: Stage, story: Story) -> str:
        """Return what happened, in a sentence for the table."""
        raise NotImplementedError


class FirstPublication(Step):
    """The channel goes live."""

    title = "First publication"
    changes: ClassVar[dict[Key, int]] = {
        (CHAIR, WEST): 7,
        (CASE, SOUTH): 4,
        (KIT, WEST): 13,
    }

    def act(self, stage: Stage, story: Story) -> None:
        """Press the button."""
        stage.hub.go_live()

    def told(self, stage: Stage, story: Story) -> str:
        """Count what was published."""
        return f"channel goes live, all {len(first_numbers())} numbers are published"


class Order(Step):
    """A customer buys chairs and a case of boxes."""

    title = "Order"
    changes: ClassVar[dict[Key, int]] = {
        (CHAIR, WEST): 4,
        (CASE_OF, WEST): 12,
        (CASE, WEST): 2,
    }

    def act(self, stage: Stage, story: Story) -> None:
        """Buy at the western location."""
        story.order = stage.shop.place_order((CHAIR, 3, WEST), (CASE, 1, WEST))

    def problems(self, stage: Stage, story: Story) -> list[str]:
        """Return nothing once it is reserved at the mapped warehouse."""
        return _not_reserved(stage, story.order["id"], WEST)

    def told(self, stage: Stage, story: Story) -> str:
        """Name the sale order."""
        name = _sale_order(stage, story.order["id"])["name"]
        return (
            f"{story.order['id']}: 3 chairs and a case of 6 boxes; {name} confirmed "
            f"and reserved in {NAMES[WEST]}"
        )


class KitOrder(Step):
    """Another customer buys kits."""

    title = "Order of a kit"
    changes: ClassVar[dict[Key, int]] = {
        (KIT, SOUTH): 2,
        (WORKPLACE, SOUTH): 3,
        (SEAT, SOUTH): 5,
    }

    def act(self, stage: Stage, story: Story) -> None:
        """Buy at the southern location."""
        story.kit_order = stage.shop.place_order((KIT, 2, SOUTH))

    def problems(self, stage: Stage, story: Story) -> list[str]:
        """Return nothing once its components are reserved."""
        return _not_reserved(stage, story.kit_order["id"], SOUTH)

    def told(self, stage: Stage, story: Story) -> str:
        """Name the components."""
        return (
            f"{story.kit_order['id']}: 2 kits; 2 workplaces and 4 chairs reserved in "
            f"{NAMES[SOUTH]}"
        )


class PartialShipment(Step):
    """A clerk ships two of the three chairs."""

    title = "Partial shipment"
    changes: ClassVar[dict[Key, int]] = {(CHAIR, WEST): 4, (CASE, WEST): 2}

    def act(self, stage: Stage, story: Story) -> None:
        """Validate a part of the delivery."""
        (picking,) = stage.clerk.deliveries(stage.hub.sale_order_id(story.order["id"]))
        stage.clerk.ship(picking, stage.products[CHAIR], 2, TRACKING)

    def problems(self, stage: Stage, story: Story) -> list[str]:
        """Return nothing once the shop has the tracking number."""
        order = stage.shop.order(story.order["id"])
        told = [shipment.get("tracking") for shipment in order["shipments"]]
        shipped = order["lines"][0]["fulfilled_quantity"]
        if told == [TRACKING] and shipped == "2":
            return []
        return [f"the shop knows {shipped} chairs as shipped, tracking {told}"]

    def told(self, stage: Stage, story: Story) -> str:
        """Say what the shop knows."""
        return f"2 of 3 chairs leave; the shop knows tracking {TRACKING}"


class Cancellation(Step):
    """The customer of the kits cancels."""

    title = "Cancellation"
    changes: ClassVar[dict[Key, int]] = {
        (KIT, SOUTH): 4,
        (WORKPLACE, SOUTH): 5,
        (SEAT, SOUTH): 9,
    }

    def act(self, stage: Stage, story: Story) -> None:
        """Cancel at the shop."""
        stage.shop.cancel(story.kit_order["id"])

    def problems(self, stage: Stage, story: Story) -> list[str]:
        """Return nothing once the sale order is cancelled."""
        state = _sale_order(stage, story.kit_order["id"])["state"]
        return [] if state == "cancel" else [f"the sale order is {state}"]

    def told(self, stage: Stage, story: Story) -> str:
        """Say what was released."""
        return f"{story.kit_order['id']} cancelled; its reservations are released"


class Return(Step):
    """One of the chairs comes back."""

    title = "Return"
    changes: ClassVar[dict[Key, int]] = {(CHAIR, WEST): 5}

    def act(self, stage: Stage, story: Story) -> None:
        """Announce it at the shop, and receive it once Odoo expects it."""
        line = story.order["lines"][0]["id"]
        stage.shop.announce_return(story.order["id"], line, 1)
        order_id = stage.hub.sale_order_id(story.order["id"])

        def nothing_expected() -> list[str]:
            stage.check_alive()
            expected = stage.clerk.returned_goods(order_id)
            return [] if expected else ["Odoo expects no returned goods"]

        wait_for(nothing_expected, seconds=PATIENCE, what="the return to be announced")
        (picking,) = stage.clerk.returned_goods(order_id)
        stage.clerk.receive_return(picking)

    def told(self, stage: Stage, story: Story) -> str:
        """Say where it went."""
        return f"1 chair announced by the shop, received in {NAMES[WEST]}"


class UnknownSku(Step):
    """A customer buys what only the shop knows."""

    title = "Unknown SKU"
    changes: ClassVar[dict[Key, int]] = {(CHAIR, WEST): 5}

    def act(self, stage: Stage, story: Story) -> None:
        """Buy the mug."""
        story.mug_order = stage.shop.place_order(("GIFT-MUG", 1, ""))

    def problems(self, stage: Stage, story: Story) -> list[str]:
        """Return nothing once it is the only exception, with an owner."""
        found = stage.hub.open_exceptions()
        values = [
            (row["category"], row["value"], bool(row["user_id"])) for row in found
        ]
        if values == [("mapping", "GIFT-MUG", True)]:
            return []
        return [f"the exception queue holds {values}"]

    def told(self, stage: Stage, story: Story) -> str:
        """Quote the queue."""
        (row,) = stage.hub.open_exceptions()
        return (
            f"{story.mug_order['id']} waits in the exception queue: "
            f'"{row["title"]}" (GIFT-MUG), owner {row["user_id"][1]}'
        )


class Receipt(Step):
    """A vendor delivers to the east."""

    title = "Stock receipt"
    changes: ClassVar[dict[Key, int]] = {
        (BIN, EAST): 21,
        (CASE_OF, EAST): 25,
        (CASE, EAST): 4,
    }

    def act(self, stage: Stage, story: Story) -> None:
        """Receive twelve of each."""
        products = stage.products
        lines = ((products[BIN], 12), (products[CASE_OF], 12))
        stage.clerk.receive(stage.sites[EAST], *lines)

    def told(self, stage: Stage, story: Story) -> str:
        """Say what came."""
        return f"12 bins and 12 boxes received in {NAMES[EAST]}"


class Departure(Step):
    """Bins leave the west by truck."""

    title = "Transfer leaves"
    changes: ClassVar[dict[Key, int]] = {(BIN, WEST): 17, (BIN, EAST): 21}

    def act(self, stage: Stage, story: Story) -> None:
        """Send five."""
        stage.clerk.send(stage.sites[WEST], stage.products[BIN], 5)

    def told(self, stage: Stage, story: Story) -> str:
        """Say that they are nowhere."""
        return f"5 bins on the way {NAMES[WEST]} to {NAMES[EAST]}: counted at neither"


class Arrival(Step):
    """The truck arrives in the east."""

    title = "Transfer arrives"
    changes: ClassVar[dict[Key, int]] = {(BIN, WEST): 17, (BIN, EAST): 26}

    def act(self, stage: Stage, story: Story) -> None:
        """Unload five."""
        stage.clerk.unload(stage.sites[EAST], stage.products[BIN], 5)

    def told(self, stage: Stage, story: Story) -> str:
        """Say where they are."""
        return f"5 bins unloaded in {NAMES[EAST]}"


STEPS: tuple[type[Step], ...] = (
    FirstPublication,
    Order,
    KitOrder,
    PartialShipment,
    Cancellation,
    Return,
    UnknownSku,
    Receipt,
    Departure,
    Arrival,
)


def _sale_order(stage: Stage, external_id: str) -> dict[str, Any]:
    """Return the sale order of a shop's order; an empty one while there is none."""
    domain = [("id", "=", stage.hub.sale_order_id(external_id))]
    rows = stage.admin.rows("sale.order", domain, ["name", "state"])
    return rows[0] if rows else {"name": "", "state": "missing"}


def _not_reserved(stage: Stage, external_id: str, place: str) -> list[str]:
    """Return why an order is not yet confirmed and reserved in full at a place."""
    state = _sale_order(stage, external_id)["state"]
    if state != "sale":
        return [f"the sale order of {external_id} is {state}"]
    order_id = stage.hub.sale_order_id(external_id)
    domain = [("picking_id.sale_id", "=", order_id)]
    moves = stage.admin.rows("stock.move", domain, ["state", "location_id"])
    found = {(move["state"], first_id(move["location_id"])) for move in moves}
    if found == {("assigned", stage.sites[place].stock_id)}:
        return []
    return [f"the goods of {external_id} are (state, location) {sorted(found)}"]
