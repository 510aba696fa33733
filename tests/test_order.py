from odoo.tests import tagged

from .common import HubCase


@tagged("post_install", "-at_install")
class TestOrder(HubCase):
    """What the channel changed is applied; nothing else."""

    def setUp(self):
        super().setUp()
        self.receive(self.product, 20)

    def moves(self, order):
        return order.sale_order_id.order_line.move_ids

    def open_demand(self, order):
        open_moves = self.moves(order).filtered(
            lambda move: move.state not in ("done", "cancel")
        )
        return sum(open_moves.mapped("product_qty"))

    # -------------------------------------------------------------- changes

    def test_more_of_a_line_is_procured(self):
        order = self.order()
        self.order(version=2, lines=[self.line_data("1", "DESK", 5)])
        self.assertEqual(order.sale_order_id.order_line.product_uom_qty, 5)
        self.assertEqual(self.open_demand(order), 5)
        self.assertEqual(self.numbers()["reserved"], 5)

    def test_partial_cancel_releases_just_that(self):
        order = self.order(lines=[self.line_data("1", "DESK", 5)])
        self.order(
            version=2,
            lines=[self.line_data("1", "DESK", 5, cancelled_quantity="2")],
        )
        line = order.sale_order_id.order_line
        self.assertEqual(line.product_uom_qty, 3)
        self.assertEqual(self.open_demand(order), 3)
        self.assertEqual(self.numbers()["reserved"], 3)
        incoming = self.moves(order).filtered(
            lambda move: move.location_dest_id.usage == "internal"
        )
        self.assertFalse(incoming, "a stray return")

    def test_added_line_is_added(self):
        order = self.order()
        lamp = self.make_product("Lamp", "LAMP")
        self.make_listing(self.channel, lamp, "LAMP")
        self.receive(lamp, 5)
        self.order(
            version=2,
            lines=[
                self.line_data("1", "DESK", 2),
                self.line_data("2", "LAMP", 1),
            ],
        )
        self.assertEqual(
            order.sale_order_id.order_line.mapped(
                lambda line: (line.product_id.default_code, line.product_uom_qty)
            ),
            [("DESK", 2), ("LAMP", 1)],
        )
        self.assertEqual(set(self.moves(order).mapped("state")), {"assigned"})

    def test_removed_line_is_cancelled(self):
        lamp = self.make_product("Lamp", "LAMP")
        self.make_listing(self.channel, lamp, "LAMP")
        self.receive(lamp, 5)
        order = self.order(
            lines=[self.line_data("1", "DESK", 2), self.line_data("2", "LAMP", 1)]
        )
        self.order(version=2, lines=[self.line_data("1", "DESK", 2)])
        lamp_line = order.sale_order_id.order_line.filtered(
            lambda line: line.product_id == lamp
        )
        self.assertEqual(lamp_line.product_uom_qty, 0)
        self.assertEqual(lamp_line.move_ids.state, "cancel")
        self.assertEqual(self.open_demand(order), 2)

    def test_what_the_warehouse_changed_stays(self):
        order = self.order(lines=[self.line_data("1", "DESK", 5)])
        self.moves(order).picking_id.carrier_tracking_ref = "T-1"
        self.order(version=2, lines=[self.line_data("1", "DESK", 5)], note="hurry")
        self.assertEqual(self.moves(order).picking_id.carrier_tracking_ref, "T-1")
        self.assertEqual(self.open_demand(order), 5)

    def ship(self, order, quantity):
        picking = self.moves(order).picking_id.filtered(
            lambda picking: picking.state != "done"
        )
        picking.move_ids.quantity = quantity
        picking.move_ids.picked = True
        picking.with_context(skip_backorder=True).button_validate()

    def test_rest_is_cancelled_after_a_part_was_shipped(self):
        order = self.order(lines=[self.line_data("1", "DESK", 5)])
        self.ship(order, 2)
        self.order(
            version=2, lines=[self.line_data("1", "DESK", 5, cancelled_quantity="3")]
        )
        self.assertEqual(self.open_demand(order), 0)
        self.assertEqual(order.sale_order_id.order_line.product_uom_qty, 2)
        self.assertEqual(self.numbers()["wire"], 18)
        self.assertFalse(self.open_exceptions())

    def test_cancel_that_comes_after_a_parcel_left_expects_it_back(self):
        order = self.order(lines=[self.line_data("1", "DESK", 5)])
        self.ship(order, 2)
        self.order(
            version=2, status="cancelled", lines=[self.line_data("1", "DESK", 5)]
        )
        self.assertEqual(self.open_demand(order), 0)
        self.assertEqual(order.sale_order_id.order_line.product_uom_qty, 2)
        self.assertEqual(order.state, "cancelled")
        exception = self.open_exceptions().filtered(lambda e: e.category == "stock")
        self.assertIn("2 Units DESK", exception.cause)
        self.assertEqual(self.numbers()["wire"], 18)

    def test_cancel_of_what_the_channel_knows_has_left_cancels_the_rest(self):
        order = self.order(lines=[self.line_data("1", "DESK", 5)])
        self.ship(order, 2)
        self.order(
            version=2,
            status="cancelled",
            lines=[self.line_data("1", "DESK", 5, fulfilled_quantity="2")],
            total="20",
        )
        self.assertEqual(self.open_demand(order), 0)
        self.assertEqual(order.sale_order_id.order_line.product_uom_qty, 2)
        self.assertFalse(self.open_exceptions())

    def test_more_cancelled_than_is_left_changes_nothing(self):
        order = self.order(lines=[self.line_data("1", "DESK", 5)])
        picking = self.moves(order).picking_id
        picking.move_ids.quantity = 4
        picking.move_ids.picked = True
        picking.with_context(skip_backorder=True).button_validate()
        self.order(
            version=2, lines=[self.line_data("1", "DESK", 5, cancelled_quantity="3")]
        )
        self.assertEqual(self.open_exceptions().category, "stock")
        self.assertEqual(self.open_demand(order), 1)
        self.assertEqual(order.sale_order_id.order_line.product_uom_qty, 5)

    def test_order_cancelled_in_odoo_and_changed_at_the_channel_asks(self):
        order = self.order()
        order.sale_order_id._action_cancel()
        self.order(version=2, lines=[self.line_data("1", "DESK", 3)])
        self.assertEqual(self.open_exceptions().category, "data")
        self.assertEqual(order.sale_order_id.state, "cancel")

    # ----------------------------------------------------------- kits, packs

    def test_kit_order_reserves_and_cancels_components(self):
        kit = self.make_product("Desk Set", "SET")
        self.make_kit(kit, {self.product: 2})
        self.make_listing(self.channel, kit, "SET")
        order = self.order(lines=[self.line_data("1", "SET", 3)])
        self.assertEqual(self.numbers()["reserved"], 6)
        self.order(
            version=2, lines=[self.line_data("1", "SET", 3, cancelled_quantity="1")]
        )
        self.assertEqual(self.numbers()["reserved"], 4)
        self.assertEqual(order.sale_order_id.order_line.product_uom_qty, 2)

    def test_shipped_kit_is_reported_in_kits(self):
        kit = self.make_product("Desk Set", "SET")
        self.make_kit(kit, {self.product: 2})
        self.make_listing(self.channel, kit, "SET")
        order = self.order(lines=[self.line_data("1", "SET", 3)])
        picking = self.moves(order).picking_id
        picking.move_ids.quantity = 5
        picking.move_ids.picked = True
        picking.with_context(skip_backorder=True).button_validate()
        self.assertEqual(order.fulfillment_ids.line_ids.quantity, 2)
        backorder = self.moves(order).picking_id - picking
        backorder.move_ids.picked = True
        backorder.button_validate()
        self.assertEqual(
            order.fulfillment_ids.sorted("id").line_ids.mapped("quantity"), [2, 1]
        )

    def test_dozens_are_ordered_in_dozens(self):
        dozen = self.env.ref("uom.product_uom_dozen")
        self.make_listing(self.channel, self.product, "DESK-12", uom_id=dozen.id)
        order = self.order(lines=[self.line_data("1", "DESK-12", 1)])
        line = order.sale_order_id.order_line
        self.assertEqual((line.product_uom_qty, line.product_uom_id), (1, dozen))
        self.assertEqual(self.numbers()["reserved"], 12)
        picking = self.moves(order).picking_id
        picking.move_ids.picked = True
        picking.button_validate()
        self.assertEqual(order.fulfillment_ids.line_ids.quantity, 1)

    # -------------------------------------------------------------- locations

    def test_assigned_location_chooses_the_warehouse_per_line(self):
        south = self.env["stock.warehouse"].create({"name": "South", "code": "HUBS"})
        self.make_place(self.channel, "south", south.lot_stock_id)
        self.receive(self.product, 5, south.lot_stock_id)
        order = self.order(
            lines=[
                self.line_data("1", "DESK", 2),
                self.line_data("2", "DESK", 3, location_id="south"),
            ]
        )
        self.assertEqual(
            [
                (move.warehouse_id, move.product_qty, move.state)
                for move in self.moves(order).sorted("product_qty")
            ],
            [(self.warehouse, 2, "assigned"), (south, 3, "assigned")],
        )

    def test_two_places_in_one_warehouse_never_take_from_each_other(self):
        other = self.env["stock.location"].create(
            {"name": "Shelf B", "location_id": self.stock.id}
        )
        self.place.location_ids = self.shelf
        second = self.make_place(self.channel, "second", other)
        self.receive(self.product, 1, self.shelf)
        self.receive(self.product, 9, other)
        order = self.order(lines=[self.line_data("1", "DESK", 3)])
        move = self.moves(order)
        self.assertEqual(move.location_id, self.shelf)
        self.assertEqual((move.quantity, move.state), (1, "partially_available"))
        self.assertEqual(self.numbers()["owed"], 2)
        self.assertEqual(self.numbers(place=second)["wire"], 9)

    def test_unmapped_location_asks(self):
        order = self.order(lines=[self.line_data("1", "DESK", 1, location_id="moon")])
        exception = self.open_exceptions()
        self.assertEqual((exception.category, exception.value), ("mapping", "moon"))
        self.assertFalse(order.sale_order_id)
        south = self.env["stock.warehouse"].create({"name": "South", "code": "HUBS"})
        self.make_place(self.channel, "moon", south.lot_stock_id)
        exception.action_retry()
        self.run_inbox()
        self.assertEqual(order.sale_order_id.state, "sale")
        self.assertEqual(exception.state, "resolved")

    # --------------------------------------------------------------- finance

    def test_tax_is_found_by_rate(self):
        tax = self.env["account.tax"].create(
            {"name": "Hub 21", "amount": 21.0, "type_tax_use": "sale"}
        )
        order = self.order(
            lines=[self.line_data("1", "DESK", 2, tax_rate="21")], total="24.20"
        )
        self.assertEqual(order.sale_order_id.order_line.tax_ids, tax)
        self.assertEqual(order.sale_order_id.amount_total, 24.2)
        self.assertFalse(self.open_exceptions())

    def test_missing_tax_asks(self):
        order = self.order(lines=[self.line_data("1", "DESK", 2, tax_rate="17.77")])
        self.assertEqual(self.open_exceptions().field, "tax_rate")
        self.assertFalse(order.sale_order_id)

    def test_shipping_becomes_a_line(self):
        order = self.order(
            shipping=[{"id": "s", "title": "Express", "amount": "4.50"}], total="24.50"
        )
        self.assertEqual(order.sale_order_id.amount_total, 24.5)
        self.assertEqual(
            order.sale_order_id.order_line[-1].product_id,
            self.channel.shipping_product_id,
        )
        self.assertFalse(self.open_exceptions())

    def test_total_that_differs_by_a_cent_asks_and_still_reserves(self):
        order = self.order(total="20.01")
        exception = self.open_exceptions()
        self.assertEqual(
            (exception.field, exception.value, exception.expected_value),
            ("total", "20.01", "20.00"),
        )
        self.assertEqual(order.sale_order_id.picking_ids.state, "assigned")
        self.order(version=2, total="20.00")
        self.assertEqual(exception.state, "resolved")

    def test_foreign_currency_asks(self):
        order = self.order(currency="XAF")
        self.assertEqual(self.open_exceptions().field, "currency")
        self.assertFalse(order.sale_order_id)

    def test_order_date_is_the_day_of_purchase(self):
        order = self.order()
        self.assertEqual(str(order.sale_order_id.date_order), "2026-11-20 09:00:00")

    def test_customer_is_known_by_mail_never_by_name(self):
        first = self.order().sale_order_id.partner_id
        second = self.order(
            "1002", customer={"email": "ADA@example.com ", "name": "A. Example"}
        ).sale_order_id.partner_id
        third = self.order(
            "1003", customer={"name": "Ada Example"}
        ).sale_order_id.partner_id
        self.assertEqual(first, second)
        self.assertNotEqual(first, third)
        self.assertEqual(first.name, "Ada Example")
        self.assertEqual(first.country_id.code, "BE")

    def test_other_shipping_address_is_a_child_contact(self):
        self.order()
        address = {
            "name": "Bob Example",
            "street": "9 Side Street",
            "city": "Ghent",
            "zip": "9000",
            "country": "BE",
        }
        second = self.order("1002", shipping_address=address).sale_order_id
        third = self.order("1003", shipping_address=address).sale_order_id
        self.assertEqual(second.partner_shipping_id.parent_id, second.partner_id)
        self.assertEqual(second.partner_shipping_id.city, "Ghent")
        self.assertEqual(second.partner_shipping_id, third.partner_shipping_id)

    # ---------------------------------------------------------------- people

    def test_warehouse_clerk_without_hub_rights_ships_and_the_shop_hears(self):
        order = self.order()
        clerk = self.env["res.users"].create(
            {
                "name": "Clerk",
                "login": "clerk-without-hub",
                "group_ids": [(6, 0, self.env.ref("stock.group_stock_user").ids)],
            }
        )
        picking = self.moves(order).picking_id.with_user(clerk)
        picking.move_ids.picked = True
        picking.button_validate()
        self.assertEqual(picking.state, "done")
        self.assertEqual(order.fulfillment_ids.line_ids.quantity, 2)

    def test_sales_person_without_hub_rights_works_on_the_order(self):
        order = self.order()
        seller = self.env["res.users"].create(
            {
                "name": "Seller",
                "login": "seller-without-hub",
                "group_ids": [
                    (6, 0, self.env.ref("sales_team.group_sale_manager").ids)
                ],
            }
        )
        sale = order.sale_order_id.with_user(seller)
        sale.read(["stock_channel_id", "amount_total"])
        sale.order_line.read(["channel_location_id", "warehouse_id"])
        sale._action_cancel()
        self.assertEqual(order.sale_order_id.state, "cancel")

    def test_locked_order_follows_the_channel_and_stays_locked(self):
        order = self.order()
        order.sale_order_id.action_lock()
        self.order(version=2, lines=[self.line_data("1", "DESK", 3)])
        self.assertEqual(self.open_demand(order), 3)
        self.assertTrue(order.sale_order_id.locked)

    def test_note_and_payment_reference_are_kept_inert(self):
        order = self.order(note="<script>alert(1)</script>", payment_reference="PAY-7")
        sale = order.sale_order_id
        self.assertEqual(sale.reference, "PAY-7")
        self.assertIn("&lt;script&gt;", sale.message_ids[0].body)
        self.assertNotIn("<script>", "".join(sale.message_ids.mapped("body")))
