"""What orders must come to, in plain Python: no Odoo, no SQL, no cleverness.

The books are kept by whoever plays a history: the shop notes what was ordered and
cancelled, the warehouse what it sent and got back. Quantities are whole selling units
(whole kits), stock is in the components' own units.
"""

from dataclasses import dataclass, field

# What one selling unit takes from stock.
RECIPES = {
    "DESK": {"DESK": 1},
    "LAMP": {"LAMP": 1},
    "SET": {"TOP": 1, "LEG": 4},
}


@dataclass
class LineBook:
    """One line of an order.

    :param int wanted: ordered and not cancelled.
    :param int most: the most it ever was, which the channel calls ordered.
    """

    sku: str
    place: str
    wanted: int
    most: int = 0
    shipped: int = 0
    returned: int = 0

    def __post_init__(self):
        self.most = max(self.most, self.wanted)

    @property
    def open(self):
        return self.wanted - self.shipped


@dataclass
class OrderBook:
    """One order as its customer has it."""

    id: str
    lines: dict[str, LineBook] = field(default_factory=dict)
    version: int = 0
    is_cancelled: bool = False
    returns: int = 0

    def may_change(self):
        return not self.is_cancelled

    def is_known_to_ship(self):
        """Tell whether anything is open or has left: else it is, or was, nothing."""
        return any(line.wanted for line in self.lines.values())


@dataclass
class Books:
    """All orders, and the stock by component and place."""

    stock: dict[tuple[str, str], int]
    orders: dict[str, OrderBook] = field(default_factory=dict)

    def open_demand(self):
        """Return what open lines will take, by component and place."""
        demand = dict.fromkeys(self.stock, 0)
        for order in self.orders.values():
            for line in order.lines.values():
                for component, per_unit in RECIPES[line.sku].items():
                    demand[component, line.place] += line.open * per_unit
        return demand

    def shown(self, sku, place):
        """Return what the shop may sell of a SKU at a place: whole units, never less
        than none.
        """
        demand = self.open_demand()
        return max(
            0,
            min(
                (self.stock[component, place] - demand[component, place]) // per_unit
                for component, per_unit in RECIPES[sku].items()
            ),
        )

    def move(self, line, units):
        """Take units of a line from stock; negative ones come back."""
        for component, per_unit in RECIPES[line.sku].items():
            self.stock[component, line.place] -= units * per_unit
