from unittest.mock import patch

from odoo.tests import new_test_user, tagged

from odoo.addons.stock_channel_hub.models import stock_channel_order

from .common import HubCase


@tagged("post_install", "-at_install")
class TestSourcing(HubCase):
    """Where the channel names no place, the hub chooses the fewest parcels."""

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.south = cls.env["stock.warehouse"].create(
            {"name": "Hub South", "code": "HUBS"}
        )
        cls.east = cls.env["stock.warehouse"].create(
            {"name": "Hub East", "code": "HUBE"}
        )
        cls.place.sequence = 1
        cls.south_place = cls.make_place(
            cls.channel, "south", cls.south.lot_stock_id, sequence=2
        )
        cls.east_place = cls.make_place(
            cls.channel, "east", cls.east.lot_stock_id, sequence=3
        )
        cls.lamp = cls.make_product("Lamp", "LAMP")
        cls.lamp_listing = cls.make_listing(cls.channel, cls.lamp, "LAMP")

    def open_line(self, line_id, sku, quantity, **vals):
        """Return a line for which the channel names no place."""
        return self.line_data(line_id, sku, quantity, location_id=None, **vals)

    def parts(self, order):
        """Return (SKU, channel location, quantity) of every part still ordered."""
        return [
            (
                part.product_id.default_code,
                part.channel_location_id.external_id,
                part.product_uom_qty,
            )
            for part in order.sale_order_id.order_line
            if part.product_uom_qty
        ]

    def moves(self, order):
        """Return (SKU, warehouse, quantity, state) of every move not cancelled."""
        return sorted(
            (
                move.product_id.default_code,
                move.warehouse_id.code or move.location_id.warehouse_id.code,
                move.product_qty,
                move.state,
            )
            for move in order.sale_order_id.order_line.move_ids
            if move.state != "cancel"
        )

    def split_order(self, **vals):
        """Order five desks, of which two are here and three in the south."""
        self.receive(self.product, 2)
        self.receive(self.product, 3, self.south.lot_stock_id)
        return self.order(lines=[self.open_line("1", "DESK", 5, **vals)])

    def picking(self, order, warehouse):
        return order.sale_order_id.picking_ids.filtered(
            lambda picking: picking.picking_type_id.warehouse_id == warehouse
        )

    def ship(self, picking, quantity=None):
        picking.move_ids.picked = True
        if quantity is not None:
            picking.move_ids.quantity = quantity
        picking.with_context(skip_backorder=True).button_validate()

    def reported(self, order):
        return [
            (
                report.channel_location_id.external_id,
                report.line_ids.mapped("quantity"),
            )
            for report in order.fulfillment_ids.sorted("id")
        ]

    # ------------------------------------------------------------ whole lines

    def test_the_place_that_has_everything_ships(self):
        self.receive(self.product, 1)
        self.receive(self.product, 2, self.east.lot_stock_id)
        self.receive(self.lamp, 1, self.east.lot_stock_id)
        self.receive(self.lamp, 9)
        order = self.order(
            lines=[self.open_line("1", "DESK", 2), self.open_line("2", "LAMP", 1)]
        )
        self.assertEqual(
            self.parts(order), [("DESK", "east", 2.0), ("LAMP", "east", 1.0)]
        )
        self.assertEqual(
            self.moves(order),
            [("DESK", "HUBE", 2.0, "assigned"), ("LAMP", "HUBE", 1.0, "assigned")],
        )
        self.assertEqual(order.sale_order_id.warehouse_id, self.east)
        self.assertEqual(order.line_ids.channel_location_id, self.east_place)

    def test_priority_decides_among_equals(self):
        for location in (self.stock, self.south.lot_stock_id):
            self.receive(self.product, 5, location)
        order = self.order(lines=[self.open_line("1", "DESK", 2)])
        self.assertEqual(self.parts(order), [("DESK", "main", 2.0)])
        self.place.sequence = 5
        order = self.order("1002", lines=[self.open_line("1", "DESK", 2)])
        self.assertEqual(self.parts(order), [("DESK", "south", 2.0)])

    def test_the_own_order_does_not_stand_in_its_own_way(self):
        self.receive(self.product, 2)
        self.receive(self.product, 9, self.south.lot_stock_id)
        order = self.order(lines=[self.open_line("1", "DESK", 2)])
        self.assertEqual(self.parts(order), [("DESK", "main", 2.0)])

    def test_what_others_were_promised_is_not_free(self):
        self.receive(self.product, 2)
        self.receive(self.product, 2, self.south.lot_stock_id)
        self.make_move(self.product, 1, self.stock, self.customers)
        order = self.order(lines=[self.open_line("1", "DESK", 2)])
        self.assertEqual(self.parts(order), [("DESK", "south", 2.0)])

    def test_goods_nobody_may_sell_are_not_free(self):
        damaged = self.env["stock.location"].create(
            {
                "name": "Damaged",
                "location_id": self.stock.id,
                "stock_condition": "damaged",
            }
        )
        self.receive(self.product, 5, damaged)
        self.receive(self.product, 2, self.south.lot_stock_id)
        order = self.order(lines=[self.open_line("1", "DESK", 2)])
        self.assertEqual(self.parts(order), [("DESK", "south", 2.0)])

    def test_the_channels_place_always_wins(self):
        self.receive(self.product, 9, self.south.lot_stock_id)
        self.receive(self.lamp, 9)
        self.receive(self.lamp, 9, self.south.lot_stock_id)
        order = self.order(
            lines=[
                self.line_data("1", "DESK", 2),
                self.open_line("2", "LAMP", 1),
            ]
        )
        self.assertEqual(
            self.parts(order), [("DESK", "main", 2.0), ("LAMP", "main", 1.0)]
        )
        self.assertEqual(self.numbers()["owed"], 2)

    def test_what_nobody_has_is_owed_at_the_first(self):
        self.receive(self.product, 1, self.east.lot_stock_id)
        order = self.order(lines=[self.open_line("1", "DESK", 3)])
        self.assertEqual(
            self.parts(order), [("DESK", "main", 2.0), ("DESK", "east", 1.0)]
        )
        self.assertEqual(self.numbers()["owed"], 2)
        self.assertEqual(self.numbers(place=self.east_place)["reserved"], 1)

    def test_all_warehouses_that_could_be_chosen_are_locked(self):
        locked = []
        with patch.object(
            stock_channel_order, "lock_stock", lambda cr, pairs: locked.append(pairs)
        ):
            self.receive(self.product, 2, self.south.lot_stock_id)
            self.order(lines=[self.open_line("1", "DESK", 2)])
            self.order(version=2, lines=[self.open_line("1", "DESK", 1)])
            self.order("1002")
        self.assertEqual(
            locked,
            [
                {
                    (self.product.id, warehouse.id)
                    for warehouse in (self.warehouse, self.south, self.east)
                },
                {(self.product.id, self.south.id)},
                {(self.product.id, self.warehouse.id)},
            ],
        )

    # ----------------------------------------------------------- split lines

    def test_a_line_is_split_over_the_fewest_places(self):
        self.receive(self.product, 1)
        self.receive(self.product, 3, self.south.lot_stock_id)
        self.receive(self.product, 3, self.east.lot_stock_id)
        order = self.order(lines=[self.open_line("1", "DESK", 6)])
        self.assertEqual(
            self.parts(order), [("DESK", "south", 3.0), ("DESK", "east", 3.0)]
        )
        self.assertEqual(
            self.moves(order),
            [("DESK", "HUBE", 3.0, "assigned"), ("DESK", "HUBS", 3.0, "assigned")],
        )
        line = order.line_ids
        self.assertEqual(line.channel_location_id, self.south_place)
        self.assertEqual(line.sale_line_id.channel_location_id, self.south_place)
        self.assertEqual(line.taken_from_ids, self.south_place | self.east_place)
        self.assertEqual((line.applied_qty, line.in_flight_qty), (6, 0))
        self.assertEqual(order.sale_order_id.amount_total, 60)
        self.assertFalse(self.open_exceptions())

    def test_two_places_in_one_warehouse_take_from_their_own_shelves(self):
        shelf_b = self.env["stock.location"].create(
            {"name": "Shelf B", "location_id": self.stock.id}
        )
        self.place.location_ids = self.shelf
        self.make_place(self.channel, "second", shelf_b, sequence=2)
        self.receive(self.product, 2, self.shelf)
        self.receive(self.product, 2, shelf_b)
        order = self.order(lines=[self.open_line("1", "DESK", 4)])
        moves = order.sale_order_id.order_line.move_ids
        self.assertEqual(
            [
                (move.location_id, move.product_qty, move.state)
                for move in moves.sorted("id")
            ],
            [(self.shelf, 2, "assigned"), (shelf_b, 2, "assigned")],
        )
        self.assertEqual(len(moves.picking_id), 2)

    def test_kits_are_split_whole(self):
        kit = self.make_product("Set", "SET")
        self.make_kit(kit, {self.product: 2, self.lamp: 1})
        self.make_listing(self.channel, kit, "SET")
        self.receive(self.product, 5)
        self.receive(self.lamp, 9)
        self.receive(self.product, 3, self.south.lot_stock_id)
        self.receive(self.lamp, 1, self.south.lot_stock_id)
        order = self.order(lines=[self.open_line("1", "SET", 3)])
        self.assertEqual(
            self.parts(order), [("SET", "main", 2.0), ("SET", "south", 1.0)]
        )
        self.assertEqual(
            self.moves(order),
            [
                ("DESK", "HUBN", 4.0, "assigned"),
                ("DESK", "HUBS", 2.0, "assigned"),
                ("LAMP", "HUBN", 2.0, "assigned"),
                ("LAMP", "HUBS", 1.0, "assigned"),
            ],
        )
        self.ship(self.picking(order, self.south))
        self.assertEqual(self.reported(order), [("south", [1.0])])
        self.order(
            version=2, lines=[self.open_line("1", "SET", 3, cancelled_quantity="1")]
        )
        self.assertEqual(
            self.parts(order), [("SET", "main", 1.0), ("SET", "south", 1.0)]
        )

    def test_a_part_cancelled_leaves_fewer_parcels(self):
        order = self.split_order()
        self.order(
            version=2, lines=[self.open_line("1", "DESK", 5, cancelled_quantity="4")]
        )
        self.assertEqual(self.parts(order), [("DESK", "main", 1.0)])
        self.assertEqual(self.moves(order), [("DESK", "HUBN", 1.0, "assigned")])
        self.assertEqual(order.line_ids.taken_from_ids, self.place)
        self.assertFalse(self.open_exceptions())

    def test_what_is_owed_is_cancelled_first(self):
        self.receive(self.product, 1, self.east.lot_stock_id)
        order = self.order(lines=[self.open_line("1", "DESK", 3)])
        self.order(
            version=2, lines=[self.open_line("1", "DESK", 3, cancelled_quantity="2")]
        )
        self.assertEqual(self.parts(order), [("DESK", "east", 1.0)])
        self.assertEqual(self.moves(order), [("DESK", "HUBE", 1.0, "assigned")])

    def test_what_has_left_is_not_cancelled(self):
        order = self.split_order()
        self.ship(self.picking(order, self.south))
        self.order(
            version=2, lines=[self.open_line("1", "DESK", 5, cancelled_quantity="2")]
        )
        self.assertEqual(self.parts(order), [("DESK", "south", 3.0)])
        self.order(
            version=3, lines=[self.open_line("1", "DESK", 5, cancelled_quantity="3")]
        )
        self.assertEqual(self.open_exceptions().category, "stock")
        self.assertEqual(self.parts(order), [("DESK", "south", 3.0)])

    def test_the_whole_order_cancelled_leaves_nothing(self):
        order = self.split_order()
        self.order(
            version=2, status="cancelled", lines=[self.open_line("1", "DESK", 5)]
        )
        self.assertEqual(order.sale_order_id.state, "cancel")
        self.assertEqual(self.moves(order), [])

    def test_the_rest_of_a_shipped_order_cancelled(self):
        order = self.split_order()
        self.ship(self.picking(order, self.warehouse))
        self.order(
            version=2, status="cancelled", lines=[self.open_line("1", "DESK", 5)]
        )
        self.assertEqual(self.parts(order), [("DESK", "main", 2.0)])
        self.assertEqual(self.moves(order), [("DESK", "HUBN", 2.0, "done")])

    def test_more_of_a_line_that_nobody_has_is_owed_at_the_first(self):
        order = self.split_order()
        self.order(version=2, lines=[self.open_line("1", "DESK", 6)])
        self.assertEqual(
            self.parts(order), [("DESK", "main", 3.0), ("DESK", "south", 3.0)]
        )
        self.assertEqual(order.line_ids.applied_qty, 6)

    def test_more_of_a_line_is_taken_from_where_it_lies(self):
        self.receive(self.product, 2)
        order = self.order(lines=[self.open_line("1", "DESK", 2)])
        self.receive(self.product, 4, self.east.lot_stock_id)
        self.order(version=2, lines=[self.open_line("1", "DESK", 4)])
        self.order(version=3, lines=[self.open_line("1", "DESK", 5)])
        self.assertEqual(
            self.parts(order), [("DESK", "main", 2.0), ("DESK", "east", 3.0)]
        )
        self.assertEqual(
            self.moves(order),
            [("DESK", "HUBE", 3.0, "assigned"), ("DESK", "HUBN", 2.0, "assigned")],
        )
        self.assertEqual(order.line_ids.channel_location_id, self.place)
        self.assertEqual(order.line_ids.sale_line_id.channel_location_id, self.place)

    def test_lines_from_before_this_are_followed(self):
        self.receive(self.product, 5, self.south.lot_stock_id)
        order = self.order(lines=[self.open_line("1", "DESK", 2)])
        order.sale_order_id.order_line.channel_order_line_id = False
        self.order(version=2, lines=[self.open_line("1", "DESK", 3)])
        self.order(
            version=3, lines=[self.open_line("1", "DESK", 3, cancelled_quantity="2")]
        )
        self.assertEqual(self.parts(order), [("DESK", "south", 1.0)])
        self.ship(order.sale_order_id.picking_ids)
        self.assertEqual(self.reported(order), [("south", [1.0])])

    def test_what_is_not_kept_in_stock_makes_no_parcel_of_its_own(self):
        card = self.make_product("Card", "CARD", is_storable=False)
        self.make_listing(self.channel, card, "CARD")
        self.receive(self.product, 2, self.south.lot_stock_id)
        order = self.order(
            lines=[self.open_line("1", "CARD", 1), self.open_line("2", "DESK", 2)]
        )
        self.assertEqual(
            self.parts(order), [("CARD", "south", 1.0), ("DESK", "south", 2.0)]
        )

    def test_an_added_line_joins_the_parcel_that_waits(self):
        self.receive(self.product, 2, self.south.lot_stock_id)
        order = self.order(lines=[self.open_line("1", "DESK", 2)])
        for location in (self.stock, self.south.lot_stock_id):
            self.receive(self.lamp, 2, location)
        self.order(
            version=2,
            lines=[self.open_line("1", "DESK", 2), self.open_line("2", "LAMP", 2)],
        )
        self.assertEqual(
            self.parts(order), [("DESK", "south", 2.0), ("LAMP", "south", 2.0)]
        )

    def test_an_added_line_may_be_split(self):
        self.receive(self.product, 2)
        order = self.order(lines=[self.open_line("1", "DESK", 2)])
        self.receive(self.lamp, 1)
        self.receive(self.lamp, 1, self.east.lot_stock_id)
        self.order(
            version=2,
            lines=[self.open_line("1", "DESK", 2), self.open_line("2", "LAMP", 2)],
        )
        self.assertEqual(
            self.parts(order),
            [("DESK", "main", 2.0), ("LAMP", "main", 1.0), ("LAMP", "east", 1.0)],
        )

    # ------------------------------------------------------ parcels and back

    def test_every_parcel_is_reported_from_where_it_left(self):
        order = self.split_order()
        self.ship(self.picking(order, self.south), 1)
        self.ship(self.picking(order, self.warehouse))
        self.ship(
            self.picking(order, self.south).filtered(lambda p: p.state == "assigned")
        )
        self.assertEqual(
            self.reported(order), [("south", [1.0]), ("main", [2.0]), ("south", [2.0])]
        )
        self.assertEqual(order.line_ids.reported_qty, 5)
        self.shop.books.orders["1001"] = self.order_data(
            lines=[self.open_line("1", "DESK", 5)]
        )
        self.run_publish()
        self.assertEqual(
            [
                (told["location_id"], told["lines"][0]["quantity"])
                for told in self.shop.books.shipments.values()
            ],
            [("south", "1"), ("main", "2"), ("south", "2")],
        )
        self.assertEqual(order.line_ids.taken_qty, 5)

    def test_parcels_that_leave_in_one_moment_are_told_apart(self):
        order = self.split_order()
        moves = order.sale_order_id.order_line.move_ids
        moves.picked = True
        moves._action_done()
        self.assertEqual(
            sorted(self.reported(order)), [("main", [2.0]), ("south", [3.0])]
        )
        self.assertEqual(order.line_ids.reported_qty, 5)

    def test_goods_come_back_to_where_they_left(self):
        order = self.split_order()
        for warehouse in (self.warehouse, self.south):
            self.ship(self.picking(order, warehouse))
        self.deliver(
            "return.updated",
            {
                "id": "R1",
                "order_id": "1001",
                "version": 1,
                "status": "announced",
                "lines": [
                    {
                        "order_line_id": "1",
                        "quantity": "4",
                        "disposition": "restock",
                    }
                ],
            },
        )
        self.run_inbox()
        transfers = order.return_ids.picking_ids
        self.assertEqual(
            sorted(
                (
                    transfer.location_dest_id.id,
                    sum(transfer.move_ids.mapped("product_qty")),
                )
                for transfer in transfers
            ),
            sorted([(self.stock.id, 2), (self.south.lot_stock_id.id, 2)]),
        )
        for transfer in transfers:
            self.ship(transfer)
        self.assertEqual(order.line_ids.returned_qty, 4)
        self.assertEqual(order.return_ids.state, "done")
        self.assertEqual(self.numbers(place=self.south_place)["on_hand"], 2)

    def test_the_channel_may_still_say_where_a_split_line_ships_from(self):
        order = self.split_order()
        self.order(version=2, lines=[self.line_data("1", "DESK", 5)])
        self.assertEqual(self.parts(order), [("DESK", "main", 5.0)])
        self.assertEqual(
            self.moves(order), [("DESK", "HUBN", 5.0, "partially_available")]
        )
        self.assertEqual(self.numbers(place=self.south_place)["sellable"], 3)
        # It has sold there what is not there.
        self.assertEqual(self.open_exceptions().mapped("category"), ["oversell"])

    def test_whoever_reads_orders_sees_where_a_line_is_taken_from(self):
        """Without rights to sales: the form once refused to open."""
        order = self.split_order()
        reader = new_test_user(
            self.env, "hub-reader", groups="stock_channel_hub.group_user"
        )
        self.env.invalidate_all()
        (line,) = order.line_ids.with_user(reader).web_read(
            {"taken_from_ids": {"fields": {"display_name": {}}}}
        )
        self.assertEqual(
            line["taken_from_ids"],
            [
                {"id": place.id, "display_name": place.display_name}
                for place in (self.place, self.south_place)
            ],
        )

    def test_in_flight_counts_where_it_would_be_taken_from(self):
        """An order that waits once lowered the number of a place that had nothing."""
        self.receive(self.product, 3, self.south.lot_stock_id)
        order = self.order(
            lines=[self.open_line("1", "DESK", 2), self.open_line("2", "WHO", 1)]
        )
        self.assertEqual(order.state, "waiting")
        south, north = (
            self.numbers(place=place) for place in (self.south_place, self.place)
        )
        self.assertEqual((south["in_flight"], south["sellable"]), (2, 1))
        self.assertEqual(north["in_flight"], 0)
