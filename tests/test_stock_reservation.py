from odoo.tests import tagged

from .common import HubCase


@tagged("post_install", "-at_install")
class TestStockReservation(HubCase):
    """An order takes what its channel was offered, and nothing else."""

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        names = ("A1", "A2", "B1")
        cls.shelves = {
            name: cls.env["stock.location"].create(
                {"name": name, "location_id": cls.stock.id}
            )
            for name in names
        }
        cls.place.location_ids = cls.shelves["A1"] | cls.shelves["A2"]
        cls.other_place = cls.make_place(cls.channel, "other", cls.shelves["B1"])

    def taken(self, order):
        """Return what is reserved for an order, by location."""
        lines = order.sale_order_id.picking_ids.move_line_ids
        return {
            location.name: sum(found.mapped("quantity"))
            for location, found in lines.grouped("location_id").items()
        }

    def test_all_shelves_of_a_place_are_taken_from(self):
        self.receive(self.product, 1, self.shelves["A1"])
        self.receive(self.product, 1, self.shelves["A2"])
        self.assertEqual(self.taken(self.order()), {"A1": 1, "A2": 1})

    def test_two_places_of_one_warehouse_never_take_from_each_other(self):
        """What the other place was offered was once sent, and sold there again."""
        self.receive(self.product, 1, self.shelves["A1"])
        self.receive(self.product, 5, self.shelves["B1"])
        order = self.order()
        self.assertEqual(self.taken(order), {"A1": 1})
        self.assertEqual(
            order.sale_order_id.order_line.move_ids.state, "partially_available"
        )
        numbers = self.numbers(place=self.other_place)
        self.assertEqual((numbers["on_hand"], numbers["reserved"]), (5, 0))

    def test_quarantined_goods_are_not_sent(self):
        quarantine = self.env["stock.location"].create(
            {
                "name": "Quarantine",
                "location_id": self.shelves["A1"].id,
                "stock_condition": "quarantine",
            }
        )
        self.receive(self.product, 3, quarantine)
        order = self.order()
        self.assertEqual(self.taken(order), {})
        numbers = self.numbers()
        self.assertEqual(
            (numbers["on_hand"], numbers["unavailable"], numbers["owed"]), (0, 3, 2)
        )

    def test_blocked_lots_are_not_sent(self):
        self.product.tracking = "lot"
        good, blocked = self.env["stock.lot"].create(
            [
                {"name": "GOOD", "product_id": self.product.id},
                {
                    "name": "BLOCKED",
                    "product_id": self.product.id,
                    "stock_condition": "quality",
                },
            ]
        )
        self.receive(self.product, 5, self.shelves["A1"], lot_id=blocked)
        self.receive(self.product, 1, self.shelves["A2"], lot_id=good)
        order = self.order()
        lines = order.sale_order_id.picking_ids.move_line_ids
        self.assertEqual([(lines.lot_id.name, lines.quantity)], [("GOOD", 1)])

    def test_other_deliveries_reserve_as_ever(self):
        """What is not a channel's order is not ours to narrow."""
        self.receive(self.product, 5, self.shelves["B1"])
        move = self.make_move(self.product, 2, self.stock, self.customers)
        move._action_assign()
        self.assertEqual(move.move_line_ids.location_id, self.shelves["B1"])
