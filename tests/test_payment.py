from odoo.exceptions import UserError
from odoo.tests import tagged

from .clock import ClockCase


@tagged("post_install", "-at_install")
class TestPayment(ClockCase):
    """From which payment state on an order is taken over, and sent."""

    def setUp(self):
        super().setUp()
        self.default_ship_from = self.channel.ship_from
        self.channel.ship_from = "authorized"
        self.receive(self.product, 20)
        self.run_all()

    def pay(self, status, version=1, **vals):
        return self.order(version=version, payment_status=status, **vals)

    def send(self, order):
        picking = order.sale_order_id.picking_ids.filtered(
            lambda picking: picking.state not in ("done", "cancel")
        )
        picking.move_ids.picked = True
        picking._action_done()
        return picking

    def numbers_of(self, *names):
        numbers = self.numbers()
        return tuple(numbers[name] for name in names)

    # -------------------------------------------------------------- taking over

    def test_everything_is_taken_over_unless_said_otherwise(self):
        self.assertEqual(self.channel.import_from, "unpaid")
        self.assertEqual(self.default_ship_from, "unpaid")
        for number, status in enumerate(("unpaid", "refunded", "authorized", "paid")):
            order = self.order(f"S{number}", payment_status=status)
            self.assertEqual(order.sale_order_id.state, "sale")
            self.assertFalse(order.waits_for_payment)

    def test_rank_decides_and_silence_is_no_debt(self):
        self.channel.import_from = "authorized"
        expected = {"unpaid": 0, "refunded": 0, "authorized": 1, "paid": 1, None: 1}
        for number, (status, made) in enumerate(expected.items()):
            vals = {"payment_status": status} if status else {}
            order = self.order(f"S{number}", **vals)
            self.assertEqual(len(order.sale_order_id), made, status)

    def test_unpaid_order_waits_in_flight(self):
        self.channel.import_from = "paid"
        order = self.pay("authorized")
        self.assertFalse(order.sale_order_id)
        self.assertEqual((order.state, order.waits_for_payment), ("new", True))
        self.assertEqual(order.message_log_ids.state, "done")
        self.assertEqual(
            self.numbers_of("on_hand", "reserved", "in_flight", "wire"), (20, 0, 2, 18)
        )
        self.assertFalse(self.open_exceptions())
        self.run_all()
        self.assertEqual(self.shown(), 18)

    def test_payment_takes_it_over_once(self):
        self.channel.import_from = "paid"
        order = self.pay("unpaid")
        self.pay("unpaid", version=2)
        self.pay("paid", version=3, payment_reference="PAY-3")
        self.pay("paid", version=3, payment_reference="PAY-3")
        sale = order.sale_order_id
        self.assertEqual((sale.state, sale.picking_ids.state), ("sale", "assigned"))
        self.assertEqual(len(sale.picking_ids), 1)
        self.assertEqual((order.state, order.waits_for_payment), ("applied", False))
        self.assertEqual(self.numbers_of("reserved", "in_flight"), (2, 0))
        self.assertEqual(str(sale.date_order), "2026-11-20 09:00:00")

    def test_promise_counts_from_the_payment(self):
        self.channel.write(
            {"import_from": "paid", "timezone": "Europe/Brussels", "cutoff_time": 12}
        )
        order = self.pay("unpaid")
        self.pay("paid", version=2, updated_at="2026-11-23T11:30:00+01:00")
        self.assertEqual(str(order.cleared_at), "2026-11-23 10:30:00")
        self.assertEqual(str(order.promised_at)[:10], "2026-11-23")

    def test_cancelled_before_it_was_paid_is_a_tombstone(self):
        self.channel.import_from = "paid"
        order = self.pay("unpaid")
        self.order(version=2, payment_status="unpaid", status="cancelled")
        self.assertEqual((order.state, len(order.sale_order_id)), ("cancelled", 0))
        self.assertEqual(self.numbers_of("in_flight", "wire"), (0, 20))

    def test_change_while_it_waits_changes_what_is_in_flight(self):
        self.channel.import_from = "paid"
        self.pay("unpaid")
        self.pay("unpaid", version=2, lines=[self.line_data("1", "DESK", 5)])
        self.assertEqual(self.numbers_of("in_flight"), (5,))
        order = self.pay("paid", version=3, lines=[self.line_data("1", "DESK", 4)])
        self.assertEqual(order.sale_order_id.order_line.product_uom_qty, 4)
        self.assertEqual(self.numbers_of("in_flight", "reserved"), (0, 4))

    def test_older_word_of_the_payment_takes_nothing_over(self):
        self.channel.import_from = "paid"
        order = self.pay("unpaid", version=5)
        self.pay("paid", version=4)
        self.assertFalse(order.sale_order_id)
        self.assertTrue(order.waits_for_payment)

    def test_unmapped_item_is_told_while_it_waits(self):
        self.channel.import_from = "paid"
        order = self.pay("unpaid", lines=[self.line_data("1", "LAMP", 1)])
        self.assertEqual(order.state, "waiting")
        self.assertEqual(self.open_exceptions().category, "mapping")

    def test_looser_rule_takes_over_what_waited(self):
        self.channel.import_from = "paid"
        order = self.pay("authorized")
        unpaid = self.order("1002", payment_status="unpaid")
        self.channel.import_from = "authorized"
        self.run_inbox()
        self.assertEqual(order.sale_order_id.state, "sale")
        self.assertEqual(str(order.cleared_at), "2026-11-23 12:00:00")
        self.assertFalse(unpaid.sale_order_id)

    def test_stricter_rule_leaves_what_was_taken_over(self):
        order = self.pay("unpaid")
        self.channel.import_from = "paid"
        self.pay("unpaid", version=2, lines=[self.line_data("1", "DESK", 5)])
        self.assertEqual(order.sale_order_id.order_line.product_uom_qty, 5)

    # ------------------------------------------------------------------ sending

    def test_unpaid_order_is_reserved_but_not_sent(self):
        order = self.pay("unpaid")
        picking = order.sale_order_id.picking_ids
        self.assertEqual(picking.state, "assigned")
        self.assertTrue(picking.is_held_for_payment)
        with self.assertRaisesRegex(UserError, "cannot be sent yet"):
            self.send(order)
        with self.assertRaisesRegex(UserError, "cannot be sent yet"):
            picking.button_validate()
        self.assertEqual(picking.state, "assigned")
        self.assertEqual(self.numbers_of("on_hand", "reserved"), (20, 2))

    def test_payment_lets_it_leave(self):
        order = self.pay("unpaid")
        self.pay("paid", version=2)
        self.assertFalse(order.sale_order_id.picking_ids.is_held_for_payment)
        self.assertEqual(self.send(order).state, "done")
        self.assertEqual(order.fulfillment_ids.line_ids.quantity, 2)

    def test_rule_lets_it_leave(self):
        order = self.pay("unpaid")
        self.channel.ship_from = "unpaid"
        self.assertEqual(self.send(order).state, "done")

    def test_refunded_order_is_not_sent_any_more(self):
        order = self.pay("paid")
        self.pay("refunded", version=2)
        with self.assertRaises(UserError):
            self.send(order)

    def test_unpaid_order_is_picked_in_two_steps(self):
        self.warehouse.delivery_steps = "pick_ship"
        order = self.pay("unpaid")
        self.assertEqual(self.send(order).picking_type_id, self.warehouse.pick_type_id)
        out = order.sale_order_id.picking_ids.filtered(
            lambda picking: picking.picking_type_id == self.warehouse.out_type_id
        )
        self.assertTrue(out.is_held_for_payment)
        with self.assertRaises(UserError):
            self.send(order)
        self.pay("paid", version=2)
        self.send(order)
        self.assertEqual(out.state, "done")

    def test_what_the_channel_has_shipped_has_left(self):
        order = self.pay("unpaid")
        shipped = self.line_data("1", "DESK", 2, fulfilled_quantity="2")
        self.pay("unpaid", version=2, lines=[shipped])
        self.assertEqual(self.send(order).state, "done")

    def test_other_deliveries_leave_as_ever(self):
        self.pay("unpaid")
        move = self.make_move(self.product, 3, self.stock, self.customers)
        self.assertEqual(self.finish(move).state, "done")

    # --------------------------------------------------------------- references

    def test_references_are_searchable(self):
        order = self.pay("paid", payment_reference="PAY-77")
        sale = order.sale_order_id
        self.assertEqual((sale.client_order_ref, sale.reference), ("1001", "PAY-77"))
        search = self.env["sale.order"].search
        for domain in (
            [("client_order_ref", "ilike", "1001")],
            [("reference", "ilike", "pay-77")],
            [("channel_order_ids.external_id", "ilike", "1001")],
        ):
            self.assertIn(sale, search(domain))
        arch = self.env["sale.order"].get_view(
            self.env.ref("sale.view_sales_order_filter").id, "search"
        )["arch"]
        for name in ("client_order_ref", "reference", "channel_order_ids"):
            self.assertIn(f'name="{name}"', arch)

    def test_reference_that_comes_late_follows(self):
        order = self.pay("unpaid")
        self.assertFalse(order.sale_order_id.reference)
        self.pay("paid", version=2, payment_reference="PAY-1")
        self.assertEqual(order.sale_order_id.reference, "PAY-1")
        self.pay("paid", version=3, payment_reference="PAY-2")
        self.pay("paid", version=2, payment_reference="PAY-1")
        self.assertEqual(order.sale_order_id.reference, "PAY-2")
