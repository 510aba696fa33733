from collections import Counter

from odoo.tests import tagged

from .common import HubCase

STEPS = {1: "ship_only", 2: "pick_ship", 3: "pick_pack_ship"}
# What has become of the five units of line 1: taken to the first place after the
# stock, to the second, and so on, of deliveries in so many steps.
PROGRESS = {
    1: {"nothing picked": (), "partly shipped": (2,)},
    2: {
        "nothing picked": (),
        "picked": (5,),
        "partly picked": (3,),
        "partly shipped": (4, 2),
    },
    3: {
        "nothing picked": (),
        "picked": (5,),
        "packed": (5, 5),
        "everywhere": (4, 3, 1),
    },
}
# What the channel cancels of line 1: nearly all, all of it, and the whole order.
CANCELS = {"quantity": 3, "line": 5, "whole": 5}


class CancelCase(HubCase):
    """Five desks, or sets of desks and bolts, and four lamps that stay as they are."""

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.lamp = cls.make_product("Lamp", "LAMP")
        cls.bolt = cls.make_product("Bolt", "BOLT")
        cls.frame = cls.make_product("Frame", "FRAME", is_storable=False)
        cls.kit = cls.make_product("Desk Set", "SET", is_storable=False)
        cls.make_kit(cls.frame, {cls.bolt: 3})
        cls.make_kit(cls.kit, {cls.product: 2, cls.frame: 1})
        cls.lamp_listing = cls.make_listing(cls.channel, cls.lamp, "LAMP")
        cls.make_listing(cls.channel, cls.kit, "SET")

    def setUp(self):
        super().setUp()
        for product in (self.product, self.lamp, self.bolt):
            self.receive(product, 1000)

    def places(self, steps):
        """Return the locations of a delivery in so many steps, the stock first."""
        warehouse = self.warehouse
        between = {
            1: [],
            2: [warehouse.wh_output_stock_loc_id],
            3: [warehouse.wh_pack_stock_loc_id, warehouse.wh_output_stock_loc_id],
        }[steps]
        return [self.stock, *between, self.customers]

    def per_unit(self, sku):
        """Return what one unit of line 1 takes from stock."""
        return {self.product: 2, self.bolt: 3} if sku == "SET" else {self.product: 1}

    def moves(self, order, product=None):
        moves = order.sale_order_id.order_line.move_ids
        return moves.filtered(
            lambda move: move.product_id == (product or move.product_id)
        )

    def advance(self, order, place, quantities):
        """Carry so many of each product one step further from a place.

        :param quantities: dict of product → quantity; others stay.
        """
        moves = self.moves(order).filtered(
            lambda move: (
                move.location_id == place
                and move.state not in ("done", "cancel")
                and move.product_id in quantities
            )
        )
        for move in moves:
            move.quantity = quantities[move.product_id]
            move.picked = True
        moves.picking_id.with_context(skip_backorder=True).button_validate()
        self.assertEqual(set(moves.mapped("state")), {"done"})

    def make_order(self, order_id, sku, progress, steps):
        order = self.order(order_id, lines=self.lines(sku))
        for place, units in zip(self.places(steps), progress, strict=False):
            self.advance(
                order,
                place,
                {product: units * per for product, per in self.per_unit(sku).items()},
            )
        return order

    def lines(self, sku, cancelled=0):
        lines = [self.line_data("1", sku, 5), self.line_data("2", "LAMP", 4)]
        if cancelled == 5:
            return lines[1:]
        if cancelled:
            lines[0]["cancelled_quantity"] = str(cancelled)
        return lines

    def lying(self, order, product):
        """Return where open goods of an order lie, and which of it go back."""
        lie = Counter()
        for move in self.moves(order, product):
            if move.state not in ("done", "cancel"):
                lie[move.location_id] += move.product_qty
                self.assertEqual(
                    (move.state, move.quantity), ("assigned", move.product_qty)
                )
        return {place: quantity for place, quantity in lie.items() if quantity}

    def put_backs(self, order, product=None):
        moves = order.sale_order_id.order_line.channel_put_back_ids
        return moves.filtered(
            lambda move: move.product_id == (product or move.product_id)
        )

    def quants(self, product):
        """Return {location: (quantity, reserved)} of a product in the warehouse."""
        quants = self.env["stock.quant"].search(
            [
                ("product_id", "=", product.id),
                ("location_id", "child_of", self.warehouse.view_location_id.id),
            ]
        )
        found = {}
        for quant in quants:
            quantity, reserved = found.get(quant.location_id, (0, 0))
            found[quant.location_id] = (
                quantity + quant.quantity,
                reserved + quant.reserved_quantity,
            )
        return {place: pair for place, pair in found.items() if any(pair)}

    def assert_no_return(self, order):
        moves = self.env["stock.move"].search(
            [
                ("product_id", "in", (self.product | self.lamp | self.bolt).ids),
                "|",
                ("origin_returned_move_id", "!=", False),
                ("location_id.usage", "=", "customer"),
            ]
        )
        self.assertFalse(moves, "a stray return")
        for move in self.moves(order):
            self.assertGreaterEqual(move.product_uom_qty, 0)


@tagged("post_install", "-at_install")
class TestCancelSteps(CancelCase):
    """A cancellation takes back exactly what it names, wherever the goods are."""

    def run_cases(self, steps, sku):
        self.warehouse.delivery_steps = STEPS[steps]
        cases = [
            (name, progress, kind)
            for name, progress in PROGRESS[steps].items()
            for kind in CANCELS
        ]
        for number, (name, progress, kind) in enumerate(cases):
            with self.subTest(name=name, kind=kind):
                order = self.make_order(f"C{number}", sku, progress, steps)
                self.check_case(order, sku, steps, progress, kind)

    def model(self, steps, progress, kind):
        """Return (units lying at each place, units put back from each, refused)."""
        moved = [5, *progress, *[0] * (steps - len(progress))]
        lying = [here - on for here, on in zip(moved, moved[1:], strict=False)]
        left = moved[steps]
        back = [0] * steps
        if kind == "line" and left:
            return lying, back, True
        rest = min(CANCELS[kind], 5 - left)
        for step in range(steps):
            taken = min(lying[step], rest)
            lying[step] -= taken
            rest -= taken
            back[step] = taken if step else 0
        return lying, back, False

    def check_case(self, order, sku, steps, progress, kind):
        lying, back, is_refused = self.model(steps, progress, kind)
        before = {product: self.quants(product) for product in self.per_unit(sku)}
        lamps = self.lying(order, self.lamp)
        vals = {"status": "cancelled"} if kind == "whole" else {}
        wanted = self.lines(sku, 0 if kind == "whole" else CANCELS[kind])
        self.order(order.external_id, 2, lines=wanted, **vals)
        places = self.places(steps)
        for product, per in self.per_unit(sku).items():
            self.assertEqual(
                self.lying(order, product),
                {
                    place: units * per
                    for place, units in zip(places, lying, strict=False)
                    if units
                },
            )
            self.assertEqual(
                self.back(order, product),
                {
                    place: units * per
                    for place, units in zip(places, back, strict=False)
                    if units
                },
            )
            self.check_quants(product, before[product], lying, progress, steps, per)
        self.assertEqual(self.lying(order, self.lamp), {} if kind == "whole" else lamps)
        self.check_lines(order, kind, steps, progress, is_refused)
        self.assert_no_return(order)
        if any(back):
            self.finish_put_back(order, before, back, sku, steps)
        self.finish_rest(order, sku, steps, lying, kind)

    def back(self, order, product):
        back = Counter()
        for move in self.put_backs(order, product):
            self.assertEqual(
                (move.location_dest_id, move.state, move.picking_code),
                (self.stock, "assigned", "internal"),
            )
            self.assertIn(order.sale_order_id.name, move.picking_id.origin)
            back[move.location_id] += move.product_qty
        return dict(back)

    def check_quants(self, product, before, lying, progress, steps, per):
        """Nothing has moved, and just what is still wanted or goes back is reserved."""
        now = self.quants(product)
        for place, (quantity, _reserved) in before.items():
            self.assertEqual(now[place][0], quantity)
        for place in self.places(steps)[1:-1]:
            quantity, reserved = now.get(place, (0, 0))
            self.assertEqual(quantity, reserved)
        moved = [5, *progress, 0]
        not_picked = moved[0] - moved[1]
        released = (not_picked - lying[0]) * per
        self.assertEqual(
            before[self.stock][1] - now[self.stock][1],
            released,
        )

    def check_lines(self, order, kind, steps, progress, is_refused):
        left = progress[steps - 1] if len(progress) == steps else 0
        line, lamp = order.line_ids
        sale = order.sale_order_id
        if is_refused:
            self.assertEqual(order.state, "waiting")
            self.assertEqual(line.sale_line_id.product_uom_qty, 5)
            return
        expected = {"quantity": 2, "line": 0, "whole": left}[kind]
        if kind == "whole" and not left:
            self.assertEqual(sale.state, "cancel")
        else:
            self.assertEqual(line.sale_line_id.product_uom_qty, expected)
            self.assertEqual(sale.state, "sale")
        self.assertEqual(
            [(item.applied_qty, item.in_flight_qty) for item in (line, lamp)],
            [(2 if kind == "quantity" else 0, 0), (0 if kind == "whole" else 4, 0)],
        )
        fingerprints = set(
            order.exception_ids.filtered(lambda e: e.state == "open").mapped(
                "fingerprint"
            )
        )
        self.assertEqual(
            f"order:{order.id}:shipped" in fingerprints, kind == "whole" and left > 0
        )

    def finish_put_back(self, order, before, back, sku, steps):
        """The goods are on sale again once the task is done, and it is off the list."""
        exception = order.exception_ids.filtered(
            lambda e: e.fingerprint == f"order:{order.id}:putback"
        )
        self.assertEqual((len(exception), exception.state), (1, "open"))
        on_hand = self.numbers()["on_hand"]
        moves = self.put_backs(order)
        self.assertEqual(len(moves.picking_id), len([units for units in back if units]))
        for transfer in moves.picking_id:
            transfer.move_ids.picked = True
            transfer.button_validate()
        self.assertEqual(set(moves.mapped("state")), {"done"})
        per = self.per_unit(sku)[self.product]
        self.assertEqual(self.numbers()["on_hand"] - on_hand, sum(back) * per)
        self.assertEqual(exception.state, "resolved")

    def finish_rest(self, order, sku, steps, lying, kind):
        """What is still wanted can be shipped, and nothing stays in between."""
        for step, place in enumerate(self.places(steps)[:-1]):
            units = sum(lying[: step + 1])
            quantities = {
                product: units * per for product, per in self.per_unit(sku).items()
            }
            if kind != "whole":
                quantities[self.lamp] = 4
            wanted = {product: qty for product, qty in quantities.items() if qty}
            if wanted:
                self.advance(order, place, wanted)
        for place in self.places(steps)[1:-1]:
            for product in (self.product, self.bolt, self.lamp):
                self.assertNotIn(place, self.quants(product))
        self.assertFalse(self.lying(order, self.product))
        self.assert_no_return(order)

    def test_desks_in_one_step(self):
        self.run_cases(1, "DESK")

    def test_desks_in_two_steps(self):
        self.run_cases(2, "DESK")

    def test_desks_in_three_steps(self):
        self.run_cases(3, "DESK")

    def test_sets_in_one_step(self):
        self.run_cases(1, "SET")

    def test_sets_in_two_steps(self):
        self.run_cases(2, "SET")

    def test_sets_in_three_steps(self):
        self.run_cases(3, "SET")
