"""Random lives of orders: Odoo, the ledger and the shop must equal plain books.

``STOCK_CHANNEL_HUB_ORDERS=12`` plays the histories of the seeds 0 to 11, ``7:8`` the
one of seed 7; each has ``ORDERS`` orders. The same seed is always the same history.
"""

import itertools
import logging
import os
import random
from collections import Counter
from decimal import Decimal

from odoo.tests import tagged

from .common import HubCase
from .order_books import RECIPES, Books, LineBook, OrderBook

_logger = logging.getLogger(__name__)


def chosen_seeds(text):
    """Return the seeds to play: so many from 0, or ``first:last`` without last."""
    first, _colon, last = text.rpartition(":")
    return range(int(first or 0), int(last))


SEEDS = chosen_seeds(os.environ.get("STOCK_CHANNEL_HUB_ORDERS", "1"))
ORDERS = 30
NEW_PER_ROUND = 6
PLACES = ("main", "south")
STOCK = {"DESK": 60, "LAMP": 25, "TOP": 30, "LEG": 90}
# What every history together must have done, or it proves little.
KINDS = {
    "new",
    "more",
    "less",
    "add",
    "remove",
    "cancel",
    "cancel_rest",
    "tombstone",
    "repeat",
    "late",
    "ship",
    "part",
    "put_back",
    "restock",
    "scrap",
}


@tagged("post_install", "-at_install")
class TestOrderHistory(HubCase):
    """Whatever the shop and the warehouse do, in whatever order it is heard."""

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        south = cls.env["stock.warehouse"].create(
            {"name": "Hub South", "code": "HUBS", "delivery_steps": "pick_ship"}
        )
        cls.places = {
            "main": cls.place,
            "south": cls.make_place(cls.channel, "south", south.lot_stock_id),
        }
        cls.shelves = {"main": cls.stock, "south": south.lot_stock_id}
        cls.products = {"DESK": cls.product}
        for sku in ("LAMP", "TOP", "LEG", "SET"):
            cls.products[sku] = cls.make_product(sku.title(), sku)
        cls.make_kit(
            cls.products["SET"],
            {cls.products[sku]: number for sku, number in RECIPES["SET"].items()},
        )
        cls.listings = {
            "DESK": cls.listing,
            **{
                sku: cls.make_listing(cls.channel, cls.products[sku], sku)
                for sku in ("LAMP", "SET")
            },
        }

    def setUp(self):
        super().setUp()
        for sku in RECIPES:
            for place in PLACES:
                self.add_shop_item(sku, place)
        for sku, quantity in STOCK.items():
            for place in PLACES:
                self.receive(self.products[sku], quantity, self.shelves[place])

    def test_histories(self):
        total = Counter()
        for seed in SEEDS:
            with self.subTest(seed=seed), self.env.cr.savepoint() as savepoint:
                self.setUpHistory(seed)
                self.play()
                total += self.done
                savepoint.rollback()
            self.env.invalidate_all()
        _logger.info("%s histories of orders: %s", len(SEEDS), dict(total))
        self.assertEqual(KINDS - set(total), set())

    def setUpHistory(self, seed):
        self.dice = random.Random(seed)  # noqa: S311 - chance, not a secret
        self.done = Counter()
        self.old = []
        self.shop.books.orders.clear()
        self.shop.books.shipments.clear()
        self.run_all()
        self.books = Books(
            {(sku, place): STOCK[sku] for sku in STOCK for place in PLACES}
        )

    # ---------------------------------------------------------------- playing

    def play(self):
        while len(self.books.orders) < ORDERS:
            self.play_round()
        self.play_round(new=0)

    def play_round(self, new=NEW_PER_ROUND):
        """One day: the shop sells and changes, the warehouse sends and receives."""
        told = [self.sell() for _number in range(new)]
        for order in list(self.books.orders.values()):
            if order.may_change() and self.dice.random() < 0.4:
                told += self.change(order)
        self.tell(told)
        self.run_all()
        self.put_back()
        self.run_all()
        self.compare("the shop's changes")
        for order in self.books.orders.values():
            if self.dice.random() < 0.4:
                self.ship(order)
            if self.dice.random() < 0.3:
                self.give_back(order)
        self.run_all()
        self.compare("the warehouse's work")

    # ---------------------------------------------------------------- the shop

    def sell(self):
        """Sell something; at times the customer thinks better of it at once."""
        order = OrderBook(f"O{len(self.books.orders) + 1}")
        self.books.orders[order.id] = order
        for _number in range(self.dice.randint(1, 3)):
            self.do_add(order)
        self.done["new"] += 1
        return self.snapshot(order)

    def do_add(self, order):
        """Add a line of something the shop still shows."""
        shown = [
            key
            for key in itertools.product(RECIPES, PLACES)
            if self.shop.books.shown(*key) > 0
        ]
        sku, place = self.dice.choice(shown)
        most = int(min(self.shop.books.shown(sku, place), 4))
        line = LineBook(sku, place, self.dice.randint(1, most))
        order.lines[str(len(order.lines) + 1)] = line
        self.shop.books.sell(sku, place, Decimal(line.wanted))
        return True

    def change(self, order):
        """Change an order once or twice, before anybody hears of the first."""
        is_new = order.version == 1 and not any(
            line.shipped for line in order.lines.values()
        )
        told = []
        for _number in range(self.dice.randint(1, 2)):
            kind = self.dice.choice(["more", "less", "add", "remove", "cancel"])
            if not order.may_change() or not getattr(self, f"do_{kind}")(order):
                continue
            self.done[kind] += 1
            told.append(self.snapshot(order))
        if is_new and order.is_cancelled and order.version == 2:
            self.done["tombstone"] += 1
        return told

    def do_more(self, order):
        line = self.dice.choice(list(order.lines.values()))
        most = int(min(self.shop.books.shown(line.sku, line.place), 3))
        if not most:
            return False
        more = self.dice.randint(1, most)
        self.shop.books.sell(line.sku, line.place, Decimal(more))
        line.wanted += more
        line.most = max(line.most, line.wanted)
        return True

    def do_less(self, order):
        """Take off a line what has not left; the last open one is a cancellation."""
        line = self.dice.choice(list(order.lines.values()))
        if line.open < 2:
            return False
        self.take_off(line, self.dice.randint(1, line.open - 1))
        return True

    def do_remove(self, order):
        open_lines = [line for line in order.lines.values() if line.open]
        if len(open_lines) < 2:
            return False
        line = self.dice.choice(open_lines)
        self.take_off(line, line.open)
        return True

    def do_cancel(self, order):
        if not any(line.open for line in order.lines.values()):
            return False
        if any(line.shipped for line in order.lines.values()):
            self.done["cancel_rest"] += 1
        for line in order.lines.values():
            self.take_off(line, line.open)
        order.is_cancelled = True
        return True

    def take_off(self, line, quantity):
        """Cancel some of a line; the shop shows it again at once."""
        line.wanted -= quantity
        self.shop.books.restock(line.sku, line.place, Decimal(quantity))

    def snapshot(self, order):
        """Return the order as the shop tells it now, one version on."""
        order.version += 1
        data = self.order_data(
            order.id,
            order.version,
            status="cancelled" if order.is_cancelled else "open",
            lines=[
                self.line_data(
                    line_id,
                    line.sku,
                    line.most,
                    line.place,
                    cancelled_quantity=str(line.most - line.wanted),
                    fulfilled_quantity=str(line.shipped),
                )
                for line_id, line in order.lines.items()
            ],
        )
        self.shop.books.orders[order.id] = data
        return data

    def tell(self, told):
        """Deliver what is new, in any order, some twice, and what was told before."""
        copies = [(data, "") for data in told]
        for data in told:
            if self.dice.random() < 0.3:
                copies.append((data, "-again"))
                self.done["repeat"] += 1
        for data in self.dice.sample(self.old, min(3, len(self.old))):
            copies.append((data, f"-late-{len(self.old)}"))
            self.done["late"] += 1
        self.dice.shuffle(copies)
        for data, suffix in copies:
            key = f"{data['id']}-{data['version']}{suffix}"
            self.deliver("order.updated", data, key=key)
        self.old += told

    # ----------------------------------------------------------- the warehouse

    def ship(self, order):
        """Send what is reserved of an order, whole or in part."""
        sale = self.find_order(order.id).sale_order_id
        for picking in self.open_pickings(sale).filtered(
            lambda picking: picking.picking_type_code == "internal"
        ):
            self.validate(picking)
        deliveries = self.open_pickings(sale).filtered(
            lambda picking: picking.picking_type_code == "outgoing"
        )
        for picking in deliveries:
            moves = picking.move_ids.filtered(lambda move: move.state != "cancel")
            units = self.units_to_send(order, moves)
            if not any(units.values()):
                continue
            for move in moves:
                line_id = move.sale_line_id.channel_order_line_ref
                line = order.lines[line_id]
                per_unit = RECIPES[line.sku][move.product_id.default_code]
                move.quantity = units[line_id] * per_unit
                move.picked = bool(units[line_id])
            self.validate(picking)
            for line_id, number in units.items():
                line = order.lines[line_id]
                line.shipped += number
                self.books.move(line, number)
                if number:
                    self.done["part" if line.open else "ship"] += 1

    def put_back(self):
        """Bring back to the shelf what was picked and then cancelled."""
        moves = self.env["stock.move"].search(
            [
                ("channel_put_back_line_id", "!=", False),
                ("state", "not in", ("done", "cancel")),
            ]
        )
        for picking in moves.picking_id:
            picking.action_assign()
            picking.move_ids.picked = True
            picking.button_validate()
            self.done["put_back"] += 1

    def open_pickings(self, sale):
        pickings = sale.picking_ids.filtered(
            lambda picking: picking.state not in ("done", "cancel")
        )
        if pickings:
            pickings.action_assign()
        return pickings

    def validate(self, picking):
        """Validate what is reserved; the rest stays open."""
        if picking.state == "assigned" or any(picking.move_ids.mapped("quantity")):
            if not any(picking.move_ids.mapped("picked")):
                picking.move_ids.picked = True
            picking.with_context(skip_backorder=True).button_validate()

    def units_to_send(self, order, open_moves):
        """Return whole units by line, at most what is reserved of each component."""
        units = {}
        for sale_line, moves in open_moves.grouped("sale_line_id").items():
            line_id = sale_line.channel_order_line_ref
            line = order.lines[line_id]
            reserved = min(
                sum(
                    move.quantity
                    for move in moves
                    if move.product_id.default_code == component
                )
                // per_unit
                for component, per_unit in RECIPES[line.sku].items()
            )
            units[line_id] = self.dice.randint(0, int(min(reserved, line.open)))
        return units

    def give_back(self, order):
        """The shop announces a return, and the warehouse receives it."""
        lines = {
            line_id: self.dice.randint(1, line.shipped - line.returned)
            for line_id, line in order.lines.items()
            if line.shipped > line.returned
        }
        if not lines:
            return
        disposition = self.dice.choice(["restock", "scrap"])
        order.returns += 1
        external_id = f"R-{order.id}-{order.returns}"
        self.deliver(
            "return.updated",
            {
                "id": external_id,
                "order_id": order.id,
                "version": 1,
                "status": "announced",
                "lines": [
                    {
                        "order_line_id": line_id,
                        "quantity": str(number),
                        "disposition": disposition,
                    }
                    for line_id, number in lines.items()
                ],
            },
        )
        self.run_inbox()
        returned = self.env["stock.channel.return"].search(
            [("channel_id", "=", self.channel.id), ("external_id", "=", external_id)]
        )
        for picking in returned.picking_ids:
            picking.move_ids.picked = True
            picking.button_validate()
        for line_id, number in lines.items():
            line = order.lines[line_id]
            line.returned += number
            if disposition == "restock":
                self.books.move(line, -number)
            self.done[disposition] += 1

    # --------------------------------------------------------------- comparing

    def compare(self, after):
        found, wanted = self.found(), self.wanted()
        wrong = {
            (kind, key): (found[kind].get(key), wanted[kind].get(key))
            for kind in wanted
            for key in {**found[kind], **wanted[kind]}
            if found[kind].get(key) != wanted[kind].get(key)
        }
        self.assertEqual(wrong, {}, f"(found, wanted) after {after}")

    def wanted(self):
        """Return what the books say."""
        return {
            "orders": {
                order.id: {
                    line_id: (line.wanted, line.wanted, line.shipped, line.returned)
                    for line_id, line in order.lines.items()
                }
                for order in self.books.orders.values()
            },
            "states": {
                order.id: "cancelled" if order.is_cancelled else "applied"
                for order in self.books.orders.values()
            },
            "on hand": self.books.stock,
            "open": self.books.open_demand(),
            "shown": {
                (sku, place): self.books.shown(sku, place)
                for sku in RECIPES
                for place in PLACES
            },
            "unfinished": {"messages": 0, "in flight": 0, "sale orders": 0},
            # The shop needs not be told of what it has cancelled itself.
            "told": {"cancellations": 0},
        }

    def found(self):
        """Return what Odoo, the ledger and the shop say."""
        orders = self.env["stock.channel.order"].search(
            [("channel_id", "=", self.channel.id)]
        )
        return {
            "orders": {
                order.external_id: {
                    line.external_id: (
                        line.ordered_qty - line.cancelled_qty,
                        self.ordered_here(line),
                        line.reported_qty,
                        line.returned_qty,
                    )
                    for line in order.line_ids
                }
                for order in orders
            },
            "states": {order.external_id: order.state for order in orders},
            "on hand": {
                (sku, place): sum(self.quants(sku, place).mapped("quantity"))
                for sku, place in self.books.stock
            },
            "open": self.open_moves(orders.sale_order_id),
            "shown": {
                (sku, place): self.shown(sku, place)
                for sku in RECIPES
                for place in PLACES
            },
            "unfinished": {
                "messages": self.env["stock.channel.message"].search_count(
                    [("channel_id", "=", self.channel.id), ("state", "!=", "done")]
                ),
                "in flight": sum(orders.line_ids.mapped("in_flight_qty")),
                "sale orders": self.env["sale.order"].search_count(
                    [("stock_channel_id", "=", self.channel.id)]
                )
                - len(orders.sale_order_id),
            },
            "told": {"cancellations": len(self.shop.books.cancellations)},
        }

    def ordered_here(self, line):
        """Return what Odoo's sale order still has of a line."""
        parts = line._sale_lines().filtered(
            lambda part: part.order_id.state != "cancel"
        )
        return sum(parts.mapped("product_uom_qty"))

    def quants(self, sku, place):
        """Return the stock at a place, what waits in its output area included."""
        warehouse = self.places[place].warehouse_id
        return self.env["stock.quant"].search(
            [
                ("product_id", "=", self.products[sku].id),
                ("location_id", "child_of", warehouse.view_location_id.id),
            ]
        )

    def open_moves(self, sales):
        demand = dict.fromkeys(self.books.stock, 0)
        for move in sales.order_line.move_ids:
            is_open = move.state not in ("done", "cancel")
            target = move.location_final_id or move.location_dest_id
            if is_open and target.usage == "customer":
                place = move.sale_line_id.channel_location_id.external_id
                demand[move.product_id.default_code, place] += move.product_qty
        return demand
