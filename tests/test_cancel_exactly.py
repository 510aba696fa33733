from odoo.tests import tagged

from .test_cancel_steps import CancelCase


@tagged("post_install", "-at_install")
class TestCancelExactly(CancelCase):
    """Just what is cancelled is given back, and the order can go on from there."""

    def setUp(self):
        super().setUp()
        self.warehouse.delivery_steps = "pick_ship"
        self.output = self.warehouse.wh_output_stock_loc_id

    def cancel(self, order, sku, quantity, version=2):
        self.order(
            order.external_id,
            version,
            lines=[self.line_data("1", sku, 5, cancelled_quantity=str(quantity))],
        )

    def make_tracked(self, tracking, names):
        product = self.make_product("Watch", "WATCH", tracking=tracking)
        self.make_listing(self.channel, product, "WATCH")
        quantity = 1 if tracking == "serial" else 2
        for name in names:
            lot = self.env["stock.lot"].create(
                {"name": name, "product_id": product.id, "company_id": self.company.id}
            )
            self.receive(product, quantity, lot_id=lot)
        return product

    def reserved_lots(self, moves):
        return sorted(
            (line.lot_id.name, line.quantity, line.picked)
            for line in moves.filtered(lambda m: m.state != "cancel").move_line_ids
        )

    def test_the_very_serials_go_back(self):
        watch = self.make_tracked("serial", "ABCDE")
        order = self.order(lines=[self.line_data("1", "WATCH", 5)])
        self.advance(order, self.stock, {watch: 5})
        self.cancel(order, "WATCH", 2)
        (ship,) = self.moves(order).filtered(lambda m: m.location_id == self.output)
        back = self.put_backs(order)
        self.assertEqual(
            [line[1:] for line in self.reserved_lots(ship)], [(1, False)] * 3
        )
        self.assertEqual(
            sorted(line[0] for line in self.reserved_lots(ship | back)), list("ABCDE")
        )
        back.picked = True
        back.picking_id.button_validate()
        ship.picked = True
        ship.picking_id.button_validate()
        self.assertEqual((ship.state, ship.quantity), ("done", 3))
        self.assertEqual(self.quants(watch), {self.stock: (2, 0)})

    def test_what_is_not_cancelled_keeps_its_lots_and_its_marks(self):
        """The clerk has scanned two of lot A; lot B was still to come."""
        self.warehouse.delivery_steps = "ship_only"
        self.make_tracked("lot", "ABC")
        order = self.order(lines=[self.line_data("1", "WATCH", 5)])
        lines = self.moves(order).move_line_ids
        self.assertEqual(
            self.reserved_lots(self.moves(order)),
            [("A", 2, False), ("B", 2, False), ("C", 1, False)],
        )
        lines.filtered(lambda line: line.lot_id.name == "A").picked = True
        self.cancel(order, "WATCH", 2)
        self.assertEqual(
            self.reserved_lots(self.moves(order)), [("A", 2, True), ("B", 1, False)]
        )
        self.assertEqual(self.moves(order).product_qty, 3)
        self.cancel(order, "WATCH", 4, version=3)
        self.assertEqual(self.reserved_lots(self.moves(order)), [("A", 1, True)])

    def test_goods_come_back_out_of_their_package(self):
        order = self.order(lines=[self.line_data("1", "DESK", 5)])
        package = self.env["stock.package"].create({"name": "BOX"})
        self.moves(order).move_line_ids.result_package_id = package
        self.advance(order, self.stock, {self.product: 5})
        self.cancel(order, "DESK", 2)
        line = self.put_backs(order).move_line_ids
        self.assertEqual(
            (line.package_id, line.result_package_id.id, line.quantity),
            (package, False, 2),
        )
        self.assertEqual(self.lying(order, self.product), {self.output: 3})

    def test_what_is_short_is_cancelled_without_reserving_more(self):
        self.stock.quant_ids.filtered(
            lambda quant: quant.product_id == self.product
        ).sudo().unlink()
        self.receive(self.product, 2)
        order = self.order(lines=[self.line_data("1", "DESK", 5)])
        self.receive(self.product, 9)
        self.cancel(order, "DESK", 2)
        move = self.moves(order)
        self.assertEqual(
            (move.product_qty, move.quantity, move.state),
            (3, 2, "partially_available"),
        )

    def test_more_after_goods_were_put_back_is_picked_anew(self):
        """Odoo counts what was once picked: one more would have become a return."""
        order = self.order(lines=[self.line_data("1", "DESK", 5)])
        self.advance(order, self.stock, {self.product: 5})
        self.cancel(order, "DESK", 3)
        self.cancel(order, "DESK", 1, version=3)
        self.assertEqual(
            self.lying(order, self.product), {self.stock: 2, self.output: 2}
        )
        self.assertEqual(self.put_backs(order).product_qty, 3)
        order.sale_order_id.order_line.product_uom_qty = 6
        self.assertEqual(
            self.lying(order, self.product), {self.stock: 4, self.output: 2}
        )
        self.assert_no_return(order)

    def test_a_set_picked_in_part_is_ordered_more_in_whole_sets(self):
        order = self.order(lines=[self.line_data("1", "SET", 5)])
        self.advance(order, self.stock, {self.product: 10})
        self.cancel(order, "SET", 3)
        self.assertEqual(self.lying(order, self.product), {self.output: 4})
        self.assertEqual(self.lying(order, self.bolt), {self.stock: 6})
        self.assertEqual(
            [(move.product_id, move.product_qty) for move in self.put_backs(order)],
            [(self.product, 6)],
        )
        self.order(version=3, lines=[self.line_data("1", "SET", 3)])
        self.assertEqual(
            self.lying(order, self.product), {self.stock: 2, self.output: 4}
        )
        self.assertEqual(self.lying(order, self.bolt), {self.stock: 9})
        self.assert_no_return(order)

    def test_half_a_set_that_has_left_is_named(self):
        self.warehouse.delivery_steps = "ship_only"
        order = self.order(lines=[self.line_data("1", "SET", 2)])
        self.advance(order, self.stock, {self.product: 3, self.bolt: 3})
        self.order(version=2, status="cancelled", lines=[self.line_data("1", "SET", 2)])
        self.assertEqual(self.lying(order, self.product), {})
        self.assertEqual(self.lying(order, self.bolt), {})
        self.assertEqual(order.sale_order_id.order_line.product_uom_qty, 1)
        exception = order.exception_ids.filtered(
            lambda e: e.fingerprint == f"order:{order.id}:shipped"
        )
        self.assertIn("1 Units SET, 1 Units [DESK] Desk", exception.cause)

    def test_an_order_wanted_after_all_is_picked_anew(self):
        order = self.order(lines=[self.line_data("1", "DESK", 5)])
        self.advance(order, self.stock, {self.product: 5})
        self.order(version=2, status="cancelled")
        self.assertEqual(order.sale_order_id.state, "cancel")
        self.assertEqual(self.put_backs(order).product_qty, 5)
        self.order(version=3, lines=[self.line_data("1", "DESK", 4)])
        self.assertEqual(order.sale_order_id.state, "sale")
        self.assertEqual(self.lying(order, self.product), {self.stock: 4})
        self.assertEqual(self.put_backs(order).state, "assigned")
        self.assert_no_return(order)

    def test_goods_at_the_output_are_offered_to_nobody_until_they_are_back(self):
        self.place.location_ids = self.warehouse.view_location_id
        order = self.order(lines=[self.line_data("1", "DESK", 5)])
        self.advance(order, self.stock, {self.product: 5})
        self.cancel(order, "DESK", 2)
        numbers = self.numbers()
        self.assertEqual(
            [numbers[name] for name in ("on_hand", "reserved", "owed", "sellable")],
            [1000, 5, 0, 995],
        )
        back = self.put_backs(order)
        back.picked = True
        back.picking_id.button_validate()
        self.assertEqual(self.numbers()["sellable"], 997)

    def test_a_warehouse_clerk_puts_goods_back(self):
        order = self.order(lines=[self.line_data("1", "DESK", 5)])
        self.advance(order, self.stock, {self.product: 5})
        self.cancel(order, "DESK", 2)
        clerk = self.env["res.users"].create(
            {
                "name": "Clerk",
                "login": "clerk-putting-back",
                "group_ids": [(6, 0, self.env.ref("stock.group_stock_user").ids)],
            }
        )
        transfer = self.put_backs(order).picking_id.with_user(clerk)
        transfer.move_ids.picked = True
        transfer.button_validate()
        self.assertEqual(transfer.state, "done")
        self.assertFalse(
            order.exception_ids.filtered(
                lambda e: e.state == "open" and "putback" in e.fingerprint
            )
        )

    def test_another_item_after_the_first_has_left_asks(self):
        self.warehouse.delivery_steps = "ship_only"
        order = self.order(lines=[self.line_data("1", "DESK", 5)])
        self.advance(order, self.stock, {self.product: 1})
        self.order(version=2, lines=[self.line_data("1", "LAMP", 5)])
        exception = order.exception_ids.filtered(lambda e: e.field == "item")
        self.assertEqual(
            (exception.state, exception.value, exception.expected_value),
            ("open", "LAMP", "DESK"),
        )
        self.assertEqual(self.lying(order, self.product), {self.stock: 4})
        self.assertEqual(order.line_ids.sku, "DESK")
