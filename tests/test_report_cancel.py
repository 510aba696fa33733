from odoo.tests import tagged

from .common import HubCase


class ReportCancelCase(HubCase):
    """Orders of five desks, some of which will never leave."""

    def setUp(self):
        super().setUp()
        self.receive(self.product, 20)
        self.run_all()

    def take(self, version=1, quantity=5, cancelled=None, sku="DESK", **vals):
        """Let the shop tell its order; it knows it as well."""
        line = self.line_data("1", sku, quantity)
        if cancelled is not None:
            line["cancelled_quantity"] = str(cancelled)
        data = self.order_data(version=version, lines=[line], **vals)
        self.shop.books.orders["1001"] = data
        return self.order(version=version, lines=[line], **vals)

    def settle(self):
        """Do what happens before a commit."""
        self.env.flush_all()
        self.env.cr.flush()

    def told(self):
        """Return what the shop was told: a list of [(line id, quantity)]."""
        return [
            [(line["order_line_id"], line["quantity"]) for line in told["lines"]]
            for told in self.shop.books.cancellations.values()
        ]

    def recorded(self, order):
        self.settle()
        return [
            (report.state, report.line_ids.mapped("quantity"))
            for report in order.fulfillment_ids.sorted("id")
            if report.kind == "cancellation"
        ]

    def ship(self, order, quantity, backorder=True):
        picking = order.sale_order_id.picking_ids.filtered(
            lambda picking: picking.state not in ("done", "cancel")
        )
        picking.move_ids.quantity = quantity
        picking.move_ids.picked = True
        picking.with_context(
            skip_backorder=True,
            picking_ids_not_to_backorder=[] if backorder else picking.ids,
        ).button_validate()
        self.assertEqual(picking.state, "done")
        return picking


@tagged("post_install", "-at_install")
class TestReportCancel(ReportCancelCase):
    """The channel hears what is decided in Odoo, once, and what it said itself never."""

    def test_order_cancelled_by_a_person(self):
        order = self.take()
        order.sale_order_id._action_cancel()
        self.run_all()
        self.assertEqual(self.told(), [[("1", "5")]])
        (told,) = self.shop.books.cancellations.values()
        self.assertEqual(
            (told["order_id"], told["reason"]), ("1001", "The order was cancelled.")
        )
        self.assertEqual(self.recorded(order), [("done", [5])])
        self.run_all()
        self.assertEqual(len(self.told()), 1)
        self.assertEqual(self.shown(), 20)
        self.assertFalse(self.open_exceptions())

    def test_recorded_with_the_change_and_told_after_it(self):
        order = self.take()
        order.sale_order_id._action_cancel()
        self.assertEqual(self.recorded(order), [("pending", [5])])
        self.assertEqual(self.told(), [])
        self.run_publish()
        self.assertEqual(self.told(), [[("1", "5")]])

    def test_quantity_lowered_by_a_person(self):
        order = self.take()
        order.sale_order_id.order_line.product_uom_qty = 3
        self.run_all()
        self.assertEqual(self.told(), [[("1", "2")]])
        (told,) = self.shop.books.cancellations.values()
        self.assertEqual(told["reason"], "The quantity was lowered.")
        order.sale_order_id.order_line.product_uom_qty = 2
        self.run_all()
        self.assertEqual(self.told(), [[("1", "2")], [("1", "1")]])
        self.assertEqual(order.line_ids.released_qty, 3)
        self.assertEqual(order.line_ids.cancel_taken_qty, 3)

    def test_quantity_raised_by_a_person_is_not_told(self):
        order = self.take()
        order.sale_order_id.order_line.product_uom_qty = 8
        self.run_all()
        self.assertEqual(self.recorded(order), [])

    def test_backorder_refused(self):
        order = self.take()
        self.ship(order, 3, backorder=False)
        self.run_all()
        self.assertEqual(self.told(), [[("1", "2")]])
        (told,) = self.shop.books.cancellations.values()
        self.assertEqual(told["reason"], "Not available.")
        (shipped,) = self.shop.books.shipments.values()
        self.assertEqual(shipped["lines"][0]["quantity"], "3")
        line = order.line_ids
        self.assertEqual((line.taken_qty, line.own_open_qty), (3, 0))

    def test_backorder_kept_tells_nothing(self):
        order = self.take()
        self.ship(order, 3)
        self.run_all()
        self.assertEqual(self.recorded(order), [])
        self.ship(order, 1, backorder=False)
        self.run_all()
        self.assertEqual(self.told(), [[("1", "1")]])

    def test_open_transfer_cancelled(self):
        order = self.take()
        order.sale_order_id.picking_ids.action_cancel()
        self.run_all()
        self.assertEqual(self.told(), [[("1", "5")]])

    def test_backorder_cancelled_after_part_of_it_left(self):
        order = self.take()
        self.ship(order, 2)
        order.sale_order_id.picking_ids.filtered(
            lambda picking: picking.state == "assigned"
        ).action_cancel()
        self.run_all()
        self.assertEqual(self.told(), [[("1", "3")]])

    def test_one_line_of_two(self):
        lamp = self.make_product("Lamp", "LAMP")
        self.make_listing(self.channel, lamp, "LAMP")
        self.receive(lamp, 4)
        lines = [self.line_data("1", "DESK", 2), self.line_data("2", "LAMP", 3)]
        self.shop.books.orders["1001"] = self.order_data(lines=lines)
        order = self.order(lines=lines)
        order.sale_order_id.picking_ids.move_ids.filtered(
            lambda move: move.product_id == lamp
        )._action_cancel()
        self.run_all()
        self.assertEqual(self.told(), [[("2", "3")]])

    def test_two_changes_before_the_channel_hears_make_one_report(self):
        order = self.take()
        order.sale_order_id.order_line.product_uom_qty = 4
        self.settle()
        order.sale_order_id.order_line.product_uom_qty = 3
        self.settle()
        self.assertEqual(self.recorded(order), [("dropped", [1]), ("pending", [2])])
        self.run_all()
        self.assertEqual(self.told(), [[("1", "2")]])

    def test_order_confirmed_again_before_the_channel_hears_is_not_cancelled(self):
        order = self.take()
        sale = order.sale_order_id
        sale._action_cancel()
        self.assertEqual(self.recorded(order), [("pending", [5])])
        sale.action_draft()
        sale.action_confirm()
        sale.order_line.product_uom_qty = 5
        self.assertEqual(self.recorded(order), [("dropped", [5])])
        self.run_all()
        self.assertEqual(self.told(), [])
        self.assertEqual(order.line_ids.released_qty, 0)

    # ------------------------------------------------------ who cancelled it

    def test_what_the_channel_cancelled_is_not_told_back(self):
        order = self.take()
        self.take(2, cancelled=2)
        self.run_all()
        self.take(3, status="cancelled")
        self.run_all()
        self.assertEqual(order.sale_order_id.state, "cancel")
        self.assertEqual(self.recorded(order), [])
        self.assertEqual(self.told(), [])

    def test_echo_of_a_lowered_quantity_changes_nothing(self):
        order = self.take()
        order.sale_order_id.order_line.product_uom_qty = 3
        self.run_all()
        self.take(2, cancelled=2)
        self.run_all()
        line = order.line_ids
        self.assertEqual(order.sale_order_id.order_line.product_uom_qty, 3)
        self.assertEqual(order.sale_order_id.picking_ids.move_ids.product_uom_qty, 3)
        self.assertEqual(
            (line.applied_qty, line.released_qty, line.own_open_qty), (3, 0, 3)
        )
        self.assertEqual(self.told(), [[("1", "2")]])
        self.assertFalse(self.open_exceptions())
        self.assertEqual(self.shown(), 17)

    def test_echo_of_a_shortage_lowers_the_sale_order(self):
        """The invoice is for what came, and both totals agree to the cent."""
        order = self.take()
        self.ship(order, 3, backorder=False)
        self.run_all()
        self.assertEqual(order.sale_order_id.amount_total, 50)
        self.take(2, cancelled=2)
        self.assertEqual(order.sale_order_id.amount_total, 30)
        self.assertEqual(order.sale_order_id.order_line.product_uom_qty, 3)
        self.assertEqual(len(order.sale_order_id.picking_ids), 1)
        self.assertEqual(order.line_ids.released_qty, 0)
        self.assertFalse(self.open_exceptions())

    def test_more_cancelled_by_the_channel_than_we_told(self):
        order = self.take()
        order.sale_order_id.order_line.product_uom_qty = 4
        self.run_all()
        self.take(2, cancelled=3)
        self.run_all()
        self.assertEqual(order.sale_order_id.order_line.product_uom_qty, 2)
        self.assertEqual(order.sale_order_id.picking_ids.move_ids.product_uom_qty, 2)
        self.assertEqual(self.told(), [[("1", "1")]])

    def test_both_sides_cancel_before_they_hear_of_each_other(self):
        order = self.take()
        order.sale_order_id.order_line.product_uom_qty = 4
        self.settle()
        self.take(2, cancelled=1)
        self.assertEqual(self.recorded(order), [("dropped", [1])])
        self.run_all()
        self.assertEqual(self.told(), [])
        self.assertEqual(order.sale_order_id.order_line.product_uom_qty, 4)

    def test_word_of_the_channel_that_does_not_know_yet_adds_nothing(self):
        order = self.take()
        order.sale_order_id.order_line.product_uom_qty = 3
        self.run_all()
        self.take(2, note="another note")
        self.run_all()
        self.assertEqual(order.sale_order_id.order_line.product_uom_qty, 3)
        self.assertEqual(order.line_ids.in_flight_qty, 0)
        self.assertEqual(self.told(), [[("1", "2")]])

    def test_cancelled_here_and_then_there(self):
        order = self.take()
        order.sale_order_id._action_cancel()
        self.run_all()
        self.take(2, status="cancelled")
        self.run_all()
        self.assertEqual((order.state, order.line_ids.released_qty), ("cancelled", 0))
        self.assertEqual(self.told(), [[("1", "5")]])
        self.assertFalse(self.open_exceptions())

    def test_what_left_at_the_channel_is_not_cancelled(self):
        """The order was closed here because the channel had shipped it."""
        order = self.take()
        line = self.line_data("1", "DESK", 5, fulfilled_quantity="5")
        self.order(version=2, lines=[line])
        order.sale_order_id._action_cancel()
        self.assertEqual(self.recorded(order), [])

    # --------------------------------------------------------- units and kits

    def test_dozens(self):
        egg = self.make_product("Egg", "EGG")
        dozen = self.env.ref("uom.product_uom_dozen")
        self.make_listing(self.channel, egg, "EGG", uom_id=dozen.id)
        self.receive(egg, 60)
        order = self.take(sku="EGG", quantity=3)
        self.assertEqual(
            order.sale_order_id.picking_ids.move_ids.product_uom, egg.uom_id
        )
        self.ship(order, 24, backorder=False)
        self.run_all()
        self.assertEqual(self.told(), [[("1", "1")]])

    def test_whole_kits_only(self):
        kit = self.make_product("Set", "SET")
        lamp = self.make_product("Lamp", "LAMP")
        self.make_kit(kit, {self.product: 2, lamp: 1})
        self.make_listing(self.channel, kit, "SET")
        self.receive(lamp, 10)
        order = self.take(sku="SET", quantity=3)
        moves = order.sale_order_id.picking_ids.move_ids
        moves.filtered(lambda move: move.product_id == self.product).quantity = 5
        moves.filtered(lambda move: move.product_id == lamp).quantity = 3
        moves.picked = True
        moves.picking_id.with_context(
            skip_backorder=True, picking_ids_not_to_backorder=moves.picking_id.ids
        ).button_validate()
        self.run_all()
        self.assertEqual(self.told(), [[("1", "1")]])
        (shipped,) = self.shop.books.shipments.values()
        self.assertEqual(shipped["lines"][0]["quantity"], "2")

    def test_two_steps(self):
        self.warehouse.delivery_steps = "pick_ship"
        order = self.take()
        pick = self.ship(order, 3)
        self.settle()
        self.assertEqual(self.recorded(order), [])
        order.sale_order_id.picking_ids.filtered(
            lambda p: p.picking_type_id == pick.picking_type_id and p.state != "done"
        ).action_cancel()
        self.assertEqual(self.recorded(order), [("pending", [2])])
        self.ship(order, 1, backorder=False)
        self.run_all()
        self.assertEqual(self.told(), [[("1", "4")]])
