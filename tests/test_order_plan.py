from odoo.tests import tagged

from .common import HubCase

OTHER_ADDRESS = {
    "name": "Bob Example",
    "street": "9 Side Street",
    "city": "Ghent",
    "zip": "9000",
    "country": "BE",
}


class PlanCase(HubCase):
    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.lamp = cls.make_product("Lamp", "LAMP")
        cls.lamp_listing = cls.make_listing(cls.channel, cls.lamp, "LAMP")
        cls.south = cls.env["stock.warehouse"].create(
            {"name": "Hub South", "code": "HUBS"}
        )
        cls.south_place = cls.make_place(cls.channel, "south", cls.south.lot_stock_id)
        cls.tax = cls.env["account.tax"].create(
            {"name": "Hub 21", "amount": 21.0, "type_tax_use": "sale"}
        )

    def setUp(self):
        super().setUp()
        for product in (self.product, self.lamp):
            for location in (self.stock, self.south.lot_stock_id):
                self.receive(product, 10000, location)

    def change(self, version=2, order_id="1001", **vals):
        """Let the channel say another version; the total is left out of it."""
        order = self.order(order_id, version, **vals)
        order.exception_ids.filtered(lambda e: e.field == "total")._update_state(
            "resolved"
        )
        return order

    def sale_lines(self, order):
        """Return (SKU, place, quantity, price, discount) of what is still ordered."""
        return sorted(
            (
                line.channel_location_id and line.product_id.default_code or "charge",
                line.channel_location_id.external_id or "",
                line.product_uom_qty,
                line.price_unit,
                line.discount,
                line.tax_ids.mapped("amount"),
            )
            for line in order.sale_order_id.order_line
            if line.product_uom_qty
        )

    def open_moves(self, order):
        return sorted(
            (
                move.product_id.default_code,
                move.location_id.complete_name,
                move.product_qty,
                move.quantity,
                move.partner_id.city,
            )
            for move in order.sale_order_id.order_line.move_ids
            if move.state not in ("done", "cancel")
        )

    def conflict(self, order):
        return order.exception_ids.filtered(
            lambda e: e.state == "open" and ":conflict:" in e.fingerprint
        )


@tagged("post_install", "-at_install")
class TestOrderPlan(PlanCase):
    """What changed at the channel is applied; what was changed here stays."""

    # ------------------------------------------------------- prices and taxes

    def test_price_discount_and_tax_follow(self):
        order = self.order()
        self.change(
            lines=[
                self.line_data(
                    "1", "DESK", 2, unit_price="12.50", discount="2.50", tax_rate="21"
                )
            ],
        )
        self.assertEqual(
            self.sale_lines(order), [("DESK", "main", 2.0, 12.5, 10.0, [21.0])]
        )
        self.assertFalse(self.open_exceptions())

    def test_all_parts_of_a_line_follow(self):
        self.place.sequence = 1
        self.stock.quant_ids.sudo().unlink()
        self.south.lot_stock_id.quant_ids.sudo().unlink()
        self.receive(self.product, 1)
        self.receive(self.product, 1, self.south.lot_stock_id)
        line = self.line_data("1", "DESK", 2, location_id=None)
        order = self.order(lines=[line])
        self.change(lines=[{**line, "unit_price": "11.00"}])
        self.assertEqual(
            self.sale_lines(order),
            [
                ("DESK", "main", 1.0, 11.0, 0.0, []),
                ("DESK", "south", 1.0, 11.0, 0.0, []),
            ],
        )

    def test_price_changed_here_and_there_asks(self):
        order = self.order()
        order.sale_order_id.order_line.price_unit = 9.0
        line = self.line_data("1", "DESK", 3, unit_price="12.00")
        self.change(lines=[line])
        self.assertEqual(self.sale_lines(order), [("DESK", "main", 3.0, 9.0, 0.0, [])])
        exception = self.conflict(order)
        self.assertEqual(
            (exception.field, exception.value, exception.expected_value),
            ("unit_price", "12", "9"),
        )
        self.assertIn("from 10 to 12", exception.cause)
        order.sale_order_id.order_line.price_unit = 12.0
        exception.action_retry()
        self.run_inbox()
        self.assertEqual(exception.state, "resolved")

    def test_price_changed_here_alone_stays(self):
        order = self.order()
        order.sale_order_id.order_line.price_unit = 9.0
        self.change(lines=[self.line_data("1", "DESK", 3)])
        self.assertEqual(self.sale_lines(order), [("DESK", "main", 3.0, 9.0, 0.0, [])])
        self.assertFalse(self.conflict(order))

    def test_invoiced_price_asks(self):
        self.product.invoice_policy = "order"
        order = self.order()
        order.sale_order_id._create_invoices()
        self.change(lines=[self.line_data("1", "DESK", 2, unit_price="12.00")])
        self.assertEqual(order.sale_order_id.order_line.price_unit, 10)
        exception = self.conflict(order)
        self.assertEqual(exception.field, "unit_price")
        self.assertIn("too late", exception.cause)

    # ----------------------------------------------------- what is told once

    def test_ignoring_a_conflict_leaves_it_as_it_is_here(self):
        order = self.order()
        order.sale_order_id.order_line.price_unit = 9.0
        line = self.line_data("1", "DESK", 2, unit_price="12.00")
        self.change(lines=[line])
        self.conflict(order)._ignore("Known and harmless.")
        self.change(3, lines=[line], note="hurry")
        self.assertFalse(self.conflict(order))
        self.assertEqual(order.sale_order_id.order_line.price_unit, 9)

    def test_a_conflict_the_channel_takes_back_is_over(self):
        order = self.order()
        order.sale_order_id.order_line.price_unit = 9.0
        self.change(lines=[self.line_data("1", "DESK", 2, unit_price="12.00")])
        exception = self.conflict(order)
        self.change(3)
        self.assertEqual(exception.state, "resolved")
        self.assertEqual(order.sale_order_id.order_line.price_unit, 9)

    def test_other_content_under_a_known_version_is_told(self):
        order = self.order()
        self.deliver(
            "order.updated",
            self.order_data(lines=[self.line_data("1", "DESK", 2, unit_price="12")]),
            key="again",
        )
        self.run_inbox()
        self.assertEqual(order.sale_order_id.order_line.price_unit, 12)
        self.assertIn("version", order.exception_ids.mapped("field"))

    # ------------------------------------------------------------- quantities

    def test_quantity_changed_here_and_there_asks(self):
        order = self.order(
            lines=[self.line_data("1", "DESK", 5), self.line_data("2", "LAMP", 1)]
        )
        desks = order.line_ids[0].sale_line_id
        desks.product_uom_qty = 7
        self.change(
            lines=[self.line_data("1", "DESK", 3), self.line_data("2", "LAMP", 4)],
        )
        self.assertEqual(
            self.sale_lines(order),
            [
                ("DESK", "main", 7.0, 10.0, 0.0, []),
                ("LAMP", "main", 4.0, 10.0, 0.0, []),
            ],
        )
        exception = self.conflict(order)
        self.assertEqual(
            (exception.field, exception.value, exception.expected_value),
            ("quantity", "3", "7"),
        )
        self.assertIn("from 5 to 3", exception.cause)
        self.assertEqual(order.line_ids.mapped("applied_qty"), [5, 4])
        exception._ignore("Known and harmless.")
        self.assertEqual(order.line_ids.mapped("applied_qty"), [3, 4])

    def test_what_is_in_conflict_stays_in_flight(self):
        order = self.order(lines=[self.line_data("1", "DESK", 5)])
        order.line_ids.sale_line_id.product_uom_qty = 6
        self.change(lines=[self.line_data("1", "DESK", 9)])
        self.assertEqual(self.conflict(order).field, "quantity")
        self.assertEqual(
            (self.numbers()["reserved"], order.line_ids.in_flight_qty), (6, 4)
        )
        self.conflict(order)._ignore("Known and harmless.")
        self.assertEqual(order.line_ids.in_flight_qty, 0)

    def test_quantity_changed_alike_on_both_sides_is_no_question(self):
        order = self.order(lines=[self.line_data("1", "DESK", 5)])
        order.line_ids.sale_line_id.product_uom_qty = 7
        self.change(lines=[self.line_data("1", "DESK", 7)])
        self.assertFalse(self.conflict(order))
        self.assertEqual(order.line_ids.applied_qty, 7)
        self.assertEqual(self.numbers()["reserved"], 7)

    def test_more_is_procured_as_much_as_the_channel_ordered_more(self):
        """Odoo alone would have cancelled what the warehouse added to the parcel."""
        order = self.order(lines=[self.line_data("1", "DESK", 5)])
        order.sale_order_id.order_line.move_ids.product_uom_qty = 8
        self.change(lines=[self.line_data("1", "DESK", 6)])
        moves = order.sale_order_id.order_line.move_ids
        self.assertEqual(sum(moves.mapped("product_qty")), 9)
        self.assertEqual(order.sale_order_id.order_line.product_uom_qty, 6)

    def test_a_parcel_closed_without_back_order_agrees_with_the_cancellation(self):
        order = self.order(lines=[self.line_data("1", "DESK", 5)])
        picking = order.sale_order_id.picking_ids
        picking.move_ids.quantity = 3
        picking.move_ids.picked = True
        picking.with_context(
            skip_backorder=True, picking_ids_not_to_backorder=picking.ids
        ).button_validate()
        self.change(
            lines=[self.line_data("1", "DESK", 5, cancelled_quantity="2")],
        )
        self.assertEqual(order.sale_order_id.order_line.product_uom_qty, 3)
        self.assertFalse(self.open_exceptions())

    # -------------------------------------------------------------- addresses

    def test_address_follows_to_the_open_deliveries(self):
        order = self.order()
        self.change(shipping_address=OTHER_ADDRESS)
        sale = order.sale_order_id
        self.assertEqual(sale.partner_shipping_id.city, "Ghent")
        self.assertEqual(sale.picking_ids.partner_id, sale.partner_shipping_id)
        self.assertFalse(sale.picking_ids.activity_ids)
        self.assertEqual(self.open_moves(order)[0][-1], "Ghent")
        self.assertFalse(self.open_exceptions())
        self.change(3)
        self.assertEqual(sale.partner_shipping_id.city, "Brussels")

    def test_address_changed_here_and_there_asks(self):
        order = self.order()
        here = self.env["res.partner"].create(
            {
                "name": "Ada's Office",
                "city": "Liege",
                "country_id": self.env.ref("base.be").id,
            }
        )
        order.sale_order_id.partner_shipping_id = here
        self.change(shipping_address=OTHER_ADDRESS)
        self.assertEqual(order.sale_order_id.partner_shipping_id, here)
        exception = self.conflict(order)
        self.assertEqual(exception.field, "shipping_address")
        self.assertEqual(exception.value, "Bob Example, 9 Side Street, 9000, Ghent, BE")
        self.assertIn("Liege", exception.expected_value)

    # ------------------------------------------------- charges, notes, payment

    def test_charges_come_change_and_go(self):
        post = {"id": "s1", "title": "Post", "amount": "4.50"}
        express = {"id": "s2", "title": "Express", "amount": "9.00"}
        order = self.order(shipping=[post])
        for version, charges, expected in (
            (2, [{**post, "amount": "5.00"}], [5.0]),
            (3, [{**post, "amount": "5.00"}, express], [5.0, 9.0]),
            (4, [express], [9.0]),
            (5, [post], [4.5]),
        ):
            self.change(version, shipping=charges)
            self.assertEqual(
                [line[3] for line in self.sale_lines(order) if line[0] == "charge"],
                expected,
            )
        self.assertFalse(self.open_exceptions())

    def test_charge_changed_here_and_there_asks(self):
        post = {"id": "s1", "title": "Post", "amount": "4.50"}
        order = self.order(shipping=[post])
        order._charges().price_unit = 3.0
        self.change(shipping=[{**post, "amount": "6.00"}])
        self.assertEqual(order._charges().price_unit, 3)
        self.assertEqual(self.conflict(order).field, "shipping")

    def test_note_and_payment_reference_follow(self):
        order = self.order(note="ring", payment_reference="P1")
        self.change(note="<b>knock</b>", payment_reference="P2")
        sale = order.sale_order_id
        self.assertEqual(sale.reference, "P2")
        self.assertIn("&lt;b&gt;knock", sale.message_ids[0].body)

    # ------------------------------------------------------ places and items

    def test_line_moves_to_the_place_the_channel_names(self):
        order = self.order(lines=[self.line_data("1", "DESK", 5)])
        self.change(lines=[self.line_data("1", "DESK", 4, location_id="south")])
        self.assertEqual(
            self.sale_lines(order), [("DESK", "south", 4.0, 10.0, 0.0, [])]
        )
        self.assertEqual(
            self.open_moves(order), [("DESK", "HUBS/Stock", 4.0, 4.0, "Brussels")]
        )
        self.assertEqual(order.line_ids.channel_location_id, self.south_place)
        self.assertEqual(self.numbers()["reserved"], 0)
        self.assertEqual(self.numbers(place=self.south_place)["reserved"], 4)
        self.assertFalse(self.open_exceptions())

    def test_line_moved_to_a_place_nobody_mapped_asks(self):
        order = self.order()
        self.change(lines=[self.line_data("1", "DESK", 2, location_id="moon")])
        exception = self.conflict(order)
        self.assertEqual((exception.field, exception.value), ("location_id", "moon"))
        self.assertEqual(self.numbers()["reserved"], 2)

    def test_another_item_in_a_line_replaces_the_first(self):
        order = self.order(lines=[self.line_data("1", "DESK", 5)])
        self.change(lines=[self.line_data("1", "LAMP", 3, unit_price="7.00")])
        self.assertEqual(self.sale_lines(order), [("LAMP", "main", 3.0, 7.0, 0.0, [])])
        self.assertEqual(
            self.open_moves(order), [("LAMP", "HUBN/Stock", 3.0, 3.0, "Brussels")]
        )
        self.assertEqual(
            [
                (line.external_id, line.sku, line.applied_qty, line.is_replaced)
                for line in order.line_ids
            ],
            [("1", "DESK", 0.0, True), ("1", "LAMP", 3.0, False)],
        )
        self.change(3, lines=[self.line_data("1", "DESK", 5)])
        self.assertEqual(self.sale_lines(order), [("DESK", "main", 5.0, 10.0, 0.0, [])])
        self.assertFalse(self.open_exceptions())

    def test_an_unknown_item_in_a_line_waits_and_is_reserved_when_mapped(self):
        order = self.order(lines=[self.line_data("1", "DESK", 5)])
        self.change(lines=[self.line_data("1", "CHAIR", 3)])
        self.assertEqual(order.state, "waiting")
        self.assertEqual(self.numbers()["reserved"], 5)
        exception = self.open_exceptions()
        self.assertEqual((exception.category, exception.value), ("mapping", "CHAIR"))
        chair = self.make_product("Chair", "CHAIR")
        self.receive(chair, 5)
        exception.product_id = chair
        exception.action_map()
        self.run_inbox()
        self.assertEqual(
            [line[:3] for line in self.sale_lines(order)], [("CHAIR", "main", 3.0)]
        )
        self.assertEqual(self.numbers()["reserved"], 0)

    def test_an_item_given_another_sku_is_the_same(self):
        order = self.order()
        self.listing.sku = "DESK-NEW"
        self.change(lines=[self.line_data("1", "DESK-NEW", 2)])
        self.assertEqual(len(order.line_ids), 1)
        self.assertEqual(self.open_moves(order)[0][:3], ("DESK", "HUBN/Stock", 2.0))

    # ---------------------------------------------------- cancelled and back

    def test_order_the_channel_cancelled_and_wants_after_all(self):
        order = self.order(lines=[self.line_data("1", "DESK", 5)])
        self.change(status="cancelled")
        self.assertEqual(order.sale_order_id.state, "cancel")
        self.change(
            3,
            lines=[self.line_data("1", "DESK", 2, unit_price="8.00")],
            shipping_address=OTHER_ADDRESS,
        )
        self.assertEqual(order.sale_order_id.state, "sale")
        self.assertEqual(self.sale_lines(order), [("DESK", "main", 2.0, 8.0, 0.0, [])])
        self.assertEqual(
            self.open_moves(order), [("DESK", "HUBN/Stock", 2.0, 2.0, "Ghent")]
        )
        self.assertEqual(str(order.sale_order_id.date_order), "2026-11-20 09:00:00")
        self.assertFalse(self.open_exceptions())

    def test_orders_from_before_snapshots_were_kept_are_followed(self):
        order = self.order(lines=[self.line_data("1", "DESK", 5)])
        order.applied_snapshot = False
        order.sale_order_id.order_line.price_unit = 9.0
        self.change(
            lines=[self.line_data("1", "DESK", 3)], shipping_address=OTHER_ADDRESS
        )
        self.assertEqual(self.sale_lines(order), [("DESK", "main", 3.0, 9.0, 0.0, [])])
        self.assertEqual(order.sale_order_id.partner_shipping_id.city, "Ghent")
        self.assertFalse(self.conflict(order))
