from odoo.tests import tagged

from .common import now_text
from .test_shipped_elsewhere import ShippedThereCase


@tagged("post_install", "-at_install")
class TestShippedThereInPieces(ShippedThereCase):
    """Units, kits, lots, places and steps."""

    def listed(self, name, **vals):
        product = self.make_product(name.title(), name, **vals)
        self.make_listing(self.channel, product, name)
        return product

    def lot(self, product, name, quantity, location=None):
        lot = self.env["stock.lot"].create({"name": name, "product_id": product.id})
        self.receive(product, quantity, location, lot_id=lot)
        return lot

    def gone_lots(self, order):
        """Return what left: {lot name: quantity}."""
        lines = order.sale_order_id.order_line._moves_gone().move_line_ids
        found = {}
        for line in lines:
            name = line.lot_id.name
            found[name] = found.get(name, 0) + line.quantity_product_uom
        return found

    def test_dozens(self):
        dozen = self.env.ref("uom.product_uom_dozen")
        egg = self.make_product("Egg", "EGG")
        self.make_listing(self.channel, egg, "EGG", uom_id=dozen.id)
        self.receive(egg, 40)
        order = self.told(1, sku="EGG", quantity=3)
        self.told(2, sku="EGG", quantity=3, fulfilled=2)
        self.assertEqual(self.quants(egg), {False: (16, 12)})
        self.assertEqual(order.line_ids.reported_qty, 2)
        self.assertEqual(order.line_ids.own_open_qty, 1)

    def test_kits(self):
        kit = self.make_product("Set", "SET")
        lamp = self.make_product("Lamp", "LAMP")
        self.make_kit(kit, {self.product: 2, lamp: 1})
        self.make_listing(self.channel, kit, "SET")
        self.receive(lamp, 10)
        order = self.told(1, sku="SET", quantity=3)
        self.told(2, sku="SET", quantity=3, fulfilled=2)
        self.assertEqual(self.quants(), {False: (16, 2)})
        self.assertEqual(self.quants(lamp), {False: (8, 1)})
        self.assertEqual(order.line_ids.reported_qty, 2)
        self.told(3, sku="SET", quantity=3, fulfilled=3)
        self.assertEqual(self.quants(), {False: (14, 0)})
        self.assertEqual(self.quants(lamp), {False: (7, 0)})

    def test_kit_of_which_a_component_had_left_here(self):
        kit = self.make_product("Set", "SET")
        lamp = self.make_product("Lamp", "LAMP")
        self.make_kit(kit, {self.product: 2, lamp: 1})
        self.make_listing(self.channel, kit, "SET")
        self.receive(lamp, 10)
        order = self.told(1, sku="SET", quantity=1)
        picking = order.sale_order_id.picking_ids
        picking.move_ids.filtered(lambda m: m.product_id == lamp).picked = True
        picking.with_context(skip_backorder=True).button_validate()
        self.assertEqual(self.quants(lamp), {False: (9, 0)})
        self.told(2, sku="SET", quantity=1, fulfilled=1)
        self.assertEqual(self.quants(lamp), {False: (9, 0)})
        self.assertEqual(self.quants(), {False: (18, 0)})

    def test_the_lots_named_leave(self):
        milk = self.listed("MILK", tracking="lot")
        self.lot(milk, "L1", 4)
        self.lot(milk, "L2", 4)
        order = self.told(1, sku="MILK", quantity=3)
        self.told(2, sku="MILK", quantity=3, fulfilled=2, lots=[("L2", 2)])
        self.assertEqual(self.gone_lots(order), {"L2": 2})
        self.assertEqual(self.quants(milk), {"L1": (4, 1), "L2": (2, 0)})
        self.assertEqual(order.fulfillment_ids.line_ids.lots, {"L2": 2})
        self.told(3, sku="MILK", quantity=3, fulfilled=3, lots=[("L2", 2), ("L1", 1)])
        self.assertEqual(self.gone_lots(order), {"L2": 2, "L1": 1})
        self.assertEqual(self.quants(milk), {"L1": (3, 0), "L2": (2, 0)})

    def test_serial_that_another_order_had_reserved(self):
        """Two orders swapped: each waited for the other's number for ever."""
        phone = self.listed("PHONE", tracking="serial")
        self.lot(phone, "S1", 1)
        self.lot(phone, "S2", 1)
        first = self.told(1, sku="PHONE", quantity=1)
        second = self.order("1002", lines=[self.line_data("1", "PHONE", 1)])
        self.assertEqual(self.quants(phone), {"S1": (1, 1), "S2": (1, 1)})
        self.told(2, sku="PHONE", quantity=1, fulfilled=1, lots=[("S2", 1)])
        self.assertEqual(self.gone_lots(first), {"S2": 1})
        self.assertEqual(self.quants(phone), {"S1": (1, 1)})
        self.assertEqual(
            second.sale_order_id.picking_ids.move_line_ids.lot_id.name, "S1"
        )

    def test_unknown_lot_moves_nothing_and_asks(self):
        milk = self.listed("MILK", tracking="lot")
        self.lot(milk, "L1", 4)
        order = self.told(1, sku="MILK", quantity=2)
        self.told(2, sku="MILK", quantity=2, fulfilled=2, lots=[("L9", 2)])
        self.assert_nothing_moved(order, milk, 4)
        exception = self.assert_asks(order)
        self.assertEqual((exception.field, exception.value), ("lots", "L9"))

    def test_lot_that_lies_elsewhere_moves_nothing_and_asks(self):
        milk = self.listed("MILK", tracking="lot")
        self.lot(milk, "L1", 4)
        self.lot(milk, "L2", 4, self.env["stock.warehouse"].search([])[:1].lot_stock_id)
        order = self.told(1, sku="MILK", quantity=2)
        self.told(2, sku="MILK", quantity=2, fulfilled=2, lots=[("L2", 2)])
        self.assert_nothing_moved(order, milk, 4)
        self.assertEqual(self.assert_asks(order).value, "L2")

    def test_tracked_goods_without_lots_ask(self):
        """Even where only one lot could fit: nobody has said so."""
        milk = self.listed("MILK", tracking="lot")
        self.lot(milk, "L1", 4)
        order = self.told(1, sku="MILK", quantity=2)
        self.told(2, sku="MILK", quantity=2, fulfilled=2)
        self.assert_nothing_moved(order, milk, 4)
        self.assertIn("without saying", self.assert_asks(order).cause)
        self.told(3, sku="MILK", quantity=2, fulfilled=2, lots=[("L1", 2)])
        self.assert_asks(order, "resolved")
        self.assertEqual(self.quants(milk), {"L1": (2, 0)})

    def test_lots_that_do_not_add_up_ask(self):
        milk = self.listed("MILK", tracking="lot")
        self.lot(milk, "L1", 4)
        order = self.told(1, sku="MILK", quantity=2)
        self.told(2, sku="MILK", quantity=2, fulfilled=2, lots=[("L1", 1)])
        self.assert_nothing_moved(order, milk, 4)
        self.assert_asks(order)

    def test_only_the_part_at_the_channels_place_leaves(self):
        south = self.env["stock.warehouse"].create({"name": "South", "code": "HUBS"})
        self.place.is_operated_by_channel = False
        self.make_place(
            self.channel,
            "south",
            south.lot_stock_id,
            sequence=20,
            is_operated_by_channel=True,
        )
        self.receive(self.product, -18)
        self.receive(self.product, 3, south.lot_stock_id)
        line = self.line_data("1", "DESK", 5)
        del line["location_id"]
        order = self.order(lines=[line], placed_at=now_text())
        line["fulfilled_quantity"] = "3"
        self.order(version=2, lines=[line])
        self.assertEqual(self.quants(), {False: (2, 2)})
        self.assertEqual(self.quants(location=south.lot_stock_id), {})
        self.assertFalse(self.open_exceptions())
        line["fulfilled_quantity"] = "4"
        self.order(version=3, lines=[line])
        self.assertEqual(self.quants(), {False: (2, 2)})
        self.assert_asks(order)
        self.shop.books.orders["1001"] = self.order_data()
        self.ship(order, 2)
        self.run_publish()
        (told,) = self.shop.books.shipments.values()
        self.assertEqual(
            (told["location_id"], told["lines"][0]["quantity"]), ("main", "2")
        )
        self.assert_asks(order, "resolved")

    # ----------------------------------------------------------------- steps

    def in_steps(self, steps):
        self.warehouse.delivery_steps = steps
        return self.told(1)

    def assert_left_in_steps(self, order, gone, kinds):
        done = order.sale_order_id.picking_ids.filtered(lambda p: p.state == "done")
        self.assertEqual(
            done.sorted("id").picking_type_id.mapped("sequence_code"), kinds
        )
        self.assertEqual(
            sum(order.sale_order_id.order_line._moves_gone().mapped("quantity")), gone
        )
        self.assertEqual(
            self.quants(location=self.warehouse.view_location_id),
            {False: (20 - gone, 5 - gone)} if gone < 5 else {False: (15, 0)},
        )
        self.assertEqual(order.line_ids.reported_qty, gone)
        self.assertFalse(self.open_exceptions())

    def test_two_steps(self):
        order = self.in_steps("pick_ship")
        self.told(2, fulfilled=2)
        self.assert_left_in_steps(order, 2, ["PICK", "OUT"])
        self.told(3, fulfilled=5)
        self.assertEqual(self.quants(), {False: (15, 0)})
        self.assertEqual(order.line_ids.own_open_qty, 0)

    def test_three_steps(self):
        order = self.in_steps("pick_pack_ship")
        self.told(2, fulfilled=5)
        self.assert_left_in_steps(order, 5, ["PICK", "PACK", "OUT"])

    def test_what_was_picked_leaves_first(self):
        order = self.in_steps("pick_ship")
        pick = order.sale_order_id.picking_ids
        pick.move_ids.quantity = 3
        pick.move_ids.picked = True
        pick.with_context(skip_backorder=True).button_validate()
        self.assertEqual(self.quants(), {False: (17, 2)})
        self.told(2, fulfilled=2)
        self.assertEqual(self.quants(), {False: (17, 2)})
        output = self.warehouse.wh_output_stock_loc_id
        self.assertEqual(self.quants(location=output), {False: (1, 1)})
        self.told(3, fulfilled=4)
        self.assertEqual(self.quants(location=output), {})
        self.assertEqual(self.quants(), {False: (16, 1)})
        self.assertEqual(order.line_ids.reported_qty, 4)

    def test_lots_go_through_the_steps(self):
        milk = self.listed("MILK", tracking="lot")
        self.lot(milk, "L1", 4)
        self.lot(milk, "L2", 4)
        self.warehouse.delivery_steps = "pick_pack_ship"
        order = self.told(1, sku="MILK", quantity=3)
        self.told(2, sku="MILK", quantity=3, fulfilled=2, lots=[("L2", 2)])
        self.assertEqual(self.gone_lots(order), {"L2": 2})
        self.assertEqual(self.quants(milk), {"L1": (4, 1), "L2": (2, 0)})

    def test_shortage_in_a_later_round_moves_nothing(self):
        self.receive(self.product, -16)
        order = self.in_steps("pick_ship")
        self.told(2, fulfilled=5)
        self.assert_nothing_moved(order, on_hand=4)
        self.assert_asks(order)
