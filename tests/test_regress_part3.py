"""Seams between features that were written apart from each other."""

from odoo.tests import tagged

from .test_report_cancel import ReportCancelCase


@tagged("post_install", "-at_install")
class TestRegressCancelledTwice(ReportCancelCase):
    """What was lowered here, and what the channel cancels on top of it."""

    def test_more_cancelled_than_was_lowered_here(self):
        order = self.take(quantity=10)
        order.sale_order_id.order_line.product_uom_qty = 7
        self.settle()
        self.take(2, quantity=10, cancelled=5)
        self.run_all()
        sale = order.sale_order_id
        self.assertEqual(sale.order_line.product_uom_qty, 5)
        self.assertEqual(sale.picking_ids.move_ids.product_uom_qty, 5)

    def test_part_of_what_is_to_be_told_cancelled_there_first(self):
        order = self.take()
        order.sale_order_id.order_line.product_uom_qty = 3
        self.settle()
        self.take(2, cancelled=1)
        self.assertEqual(self.recorded(order), [("dropped", [2]), ("pending", [1])])
        self.run_all()
        self.assertEqual(self.told(), [[("1", "1")]])
        self.assertEqual(order.line_ids.cancel_taken_qty, 2)

    def test_echo_of_a_shortage_of_one_part_leaves_the_other(self):
        south = self.env["stock.warehouse"].create({"name": "South", "code": "HUBS"})
        self.make_place(self.channel, "south", south.lot_stock_id)
        self.receive(self.product, 4, south.lot_stock_id)
        wire = self.line_data("1", "DESK", 24, location_id="")
        order = self.order(lines=[wire])
        parts = order.sale_order_id.order_line
        self.assertEqual(parts.mapped("product_uom_qty"), [20, 4])
        picking = parts[1].move_ids.picking_id
        picking.move_ids.write({"quantity": 1, "picked": True})
        picking.with_context(
            skip_backorder=True, picking_ids_not_to_backorder=picking.ids
        ).button_validate()
        self.settle()
        self.assertEqual(order.line_ids.released_qty, 3)
        self.order(version=2, lines=[{**wire, "cancelled_quantity": "3"}])
        self.assertEqual(parts.mapped("product_uom_qty"), [20, 1])
        self.assertEqual(parts[0].move_ids.product_qty, 20)


@tagged("post_install", "-at_install")
class TestRegressConflicts(ReportCancelCase):
    """What a person decides, and what happens to it afterwards."""

    def test_reference_changed_here_and_there_stays_ours(self):
        order = self.take(payment_reference="P1")
        order.sale_order_id.reference = "OURS"
        self.take(2, payment_reference="P2")
        self.assertEqual(self.open_exceptions().mapped("field"), ["payment_reference"])
        self.assertEqual(order.sale_order_id.reference, "OURS")
        self.take(3, payment_reference="P2", note="ring")
        self.assertEqual(order.sale_order_id.reference, "OURS")

    def test_keeping_less_than_the_channel_wants_is_told(self):
        order = self.take()
        order.sale_order_id.order_line.product_uom_qty = 6
        self.take(2, quantity=8)
        conflict = self.open_exceptions().filtered(lambda e: e.field == "quantity")
        conflict._ignore("Known and harmless.")
        self.settle()
        self.run_all()
        self.assertEqual(self.told(), [[("1", "2")]])

    def test_order_refused_in_part_has_no_question_of_its_total(self):
        self.channel.when_short = "refuse"
        order = self.take(quantity=25)
        self.assertEqual(order.sale_order_id.order_line.product_uom_qty, 20)
        self.assertFalse(self.open_exceptions())
        self.run_all()
        self.take(2, quantity=25, cancelled=5)
        self.assertFalse(self.open_exceptions())
        self.assertEqual(order.sale_order_id.amount_total, 200)

    def test_total_of_an_order_lowered_here_is_asked_about_once_it_is_settled(self):
        order = self.take()
        order.sale_order_id.order_line.product_uom_qty = 3
        self.settle()
        self.take(2, note="ring")
        self.assertFalse(self.open_exceptions())

    # ------------------------------------------------------------- retention

    def change_both(self):
        """Leave a person a conflict; returns the order and the exception."""
        order = self.take(payment_reference="P1")
        order.sale_order_id.reference = "OURS"
        self.take(2, payment_reference="P2")
        return order, self.open_exceptions()

    def test_conflict_retried_after_its_messages_were_erased(self):
        order, conflict = self.change_both()
        messages = order.message_log_ids
        messages.write({"raw": False, "erased_at": "2026-12-01"})
        conflict.action_retry()
        self.run_inbox()
        self.assertEqual(messages.mapped("state"), ["done", "done"])
        self.assertEqual(self.open_exceptions(), conflict)

    def test_messages_of_an_open_conflict_are_kept(self):
        order, conflict = self.change_both()
        messages = order.message_log_ids
        messages.write({"processed_at": "2020-01-01"})
        self.env.flush_all()
        vacuum = self.env["stock.channel.message"]
        self.assertEqual((vacuum._gc_bodies(), vacuum._gc_messages()), ((0, 0), (0, 0)))
        conflict._ignore("Known and harmless.")
        self.env.flush_all()
        self.assertEqual(vacuum._gc_bodies(), (2, 0))

    def test_messages_of_an_order_that_waits_for_its_payment_are_kept(self):
        self.channel.import_from = "paid"
        order = self.take(payment_status="unpaid")
        self.assertTrue(order.waits_for_payment)
        order.message_log_ids.write({"processed_at": "2020-01-01"})
        self.env.flush_all()
        self.assertEqual(self.env["stock.channel.message"]._gc_messages(), (0, 0))
        self.channel.import_from = "unpaid"
        self.run_inbox()
        self.assertEqual(order.sale_order_id.order_line.product_uom_qty, 5)


@tagged("post_install", "-at_install")
class TestRegressCancelledHere(ReportCancelCase):
    """Orders and deliveries that somebody here has cancelled."""

    def take_two(self, version=1, **vals):
        """Take an order of five desks and two lamps."""
        lines = [
            self.line_data("1", "DESK", 5, **vals),
            self.line_data("2", "LAMP", 2),
        ]
        return self.order(version=version, lines=lines)

    def make_lamp(self):
        lamp = self.make_product("Lamp", "LAMP")
        self.make_listing(self.channel, lamp, "LAMP")
        self.receive(lamp, 10)

    def test_cancelled_at_the_channel_line_by_line(self):
        self.make_lamp()
        order = self.take_two()
        sale = order.sale_order_id
        sale._action_cancel()
        self.settle()
        self.take_two(2, cancelled_quantity="5")
        self.assertFalse(self.open_exceptions())
        self.assertEqual(sale.state, "cancel")
        self.assertEqual(order.line_ids.mapped("applied_qty"), [0, 2])
        self.assertEqual(self.recorded(order), [("dropped", [5, 2]), ("pending", [2])])
        sale.action_draft()
        sale.action_confirm()
        self.assertEqual(
            {
                move.product_id.default_code: move.product_qty
                for move in sale.order_line.move_ids
                if move.state != "cancel"
            },
            {"LAMP": 2},
        )

    def test_raised_at_the_channel_still_asks(self):
        self.make_lamp()
        order = self.take_two()
        order.sale_order_id._action_cancel()
        self.settle()
        lines = [self.line_data("1", "DESK", 6), self.line_data("2", "LAMP", 1)]
        self.order(version=2, lines=lines)
        (asked,) = self.open_exceptions()
        self.assertEqual(asked.fingerprint, f"order:{order.id}:reopened")

    def test_wanted_again_when_only_some_are_left(self):
        order = self.take()
        self.take(2, status="cancelled")
        self.channel.when_short = "refuse"
        self.order("1002", lines=[self.line_data("1", "DESK", 18)])
        self.take(3)
        sale = order.sale_order_id
        self.assertFalse(self.open_exceptions())
        self.assertEqual(sale.state, "sale")
        self.assertEqual(sale.order_line.product_uom_qty, 2)
        self.assertEqual(self.recorded(order), [("pending", [3])])

    def test_delivery_cancelled_here_is_not_made_again_elsewhere(self):
        south = self.env["stock.warehouse"].create({"name": "South", "code": "HUBS"})
        self.make_place(self.channel, "south", south.lot_stock_id)
        order = self.take()
        order.sale_order_id.picking_ids.action_cancel()
        self.settle()
        wire = self.line_data("1", "DESK", 5, location_id="south")
        self.order(version=2, lines=[wire])
        states = order.sale_order_id.order_line.move_ids.mapped("state")
        self.assertEqual(states, ["cancel"])
        self.assertEqual(self.recorded(order), [("pending", [5])])

    def test_rest_of_a_delivery_moves_to_another_location(self):
        south = self.env["stock.warehouse"].create({"name": "South", "code": "HUBS"})
        self.make_place(self.channel, "south", south.lot_stock_id)
        order = self.take()
        order.sale_order_id.picking_ids.move_ids.product_uom_qty = 3
        self.settle()
        wire = self.line_data("1", "DESK", 5, location_id="south")
        self.order(version=2, lines=[wire])
        moves = order.sale_order_id.order_line.move_ids
        self.assertEqual(
            [
                (move.location_id.warehouse_id.code, move.product_qty)
                for move in moves
                if move.state != "cancel"
            ],
            [("HUBS", 3)],
        )
        self.assertEqual(self.recorded(order), [("pending", [2])])


@tagged("post_install", "-at_install")
class TestRegressNewestWord(ReportCancelCase):
    """Whoever takes an order's newest word again takes the order's."""

    def test_total_after_a_return(self):
        order = self.take(total="50.03")
        self.ship(order, 5)
        self.deliver(
            "return.updated",
            {
                "id": "R1",
                "version": 1,
                "order_id": "1001",
                "status": "announced",
                "lines": [
                    {"order_line_id": "1", "quantity": "1", "disposition": "restock"}
                ],
            },
        )
        self.run_inbox()
        self.assertEqual(len(order.return_ids), 1)
        differs = self.open_exceptions()
        self.assertEqual(differs.field, "total")
        self.channel.rounding_tolerance = 0.05
        self.run_inbox()
        self.assertEqual(differs.state, "resolved")


@tagged("post_install", "-at_install")
class TestRegressTax(ReportCancelCase):
    """Taxes that are made of several, as the map of taxes allows."""

    def make_tax(self, amount, **vals):
        return self.env["account.tax"].create(
            {
                "name": f"Tax {amount} {vals.get('amount_type', '')}",
                "amount": amount,
                "type_tax_use": "sale",
                "company_id": self.company.id,
                **vals,
            }
        )

    def map_tax(self, rate, taxes):
        self.env["stock.channel.tax"].create(
            {
                "channel_id": self.channel.id,
                "rate": rate,
                "tax_ids": [(6, 0, taxes.ids)],
            }
        )

    def take_taxed(self, version, rate):
        wire = self.line_data("1", "DESK", 5, tax_rate=str(rate))
        total = str(50 + 50 * rate / 100)
        return self.order(version=version, lines=[wire], total=total)

    def test_rate_of_two_taxes_follows_the_channel(self):
        city, state = self.make_tax(3), self.make_tax(5)
        reduced = self.make_tax(4)
        self.map_tax(8, city | state)
        self.map_tax(4, reduced)
        order = self.take_taxed(1, 8)
        line = order.sale_order_id.order_line
        self.assertEqual(line.tax_ids, city | state)
        self.take_taxed(2, 4)
        self.assertFalse(self.open_exceptions())
        self.assertEqual(line.tax_ids, reduced)

    def test_rate_of_a_group_follows_the_channel(self):
        parts = self.make_tax(3) | self.make_tax(5)
        group = self.make_tax(
            0, amount_type="group", children_tax_ids=[(6, 0, parts.ids)]
        )
        reduced = self.make_tax(4)
        self.map_tax(8, group)
        self.map_tax(4, reduced)
        order = self.take_taxed(1, 8)
        line = order.sale_order_id.order_line
        self.assertEqual(line.tax_ids, group)
        self.take_taxed(2, 4)
        self.assertFalse(self.open_exceptions())
        self.assertEqual(line.tax_ids, reduced)


@tagged("post_install", "-at_install")
class TestRegressShippedThere(ReportCancelCase):
    """What the channel ships leaves from what was offered for it."""

    def make_shelf(self, name, **vals):
        return self.env["stock.location"].create(
            {"name": name, "location_id": self.stock.id, **vals}
        )

    def ship_there(self, quantity):
        """Let the channel sell and ship so many desks."""
        self.place.is_operated_by_channel = True
        order = self.order(lines=[self.line_data("1", "DESK", quantity)])
        wire = self.line_data("1", "DESK", quantity, fulfilled_quantity=str(quantity))
        self.order(version=2, lines=[wire])
        return order.sale_order_id.picking_ids

    def on_hand(self, location):
        quants = self.env["stock.quant"].search([("location_id", "=", location.id)])
        return sum(quants.mapped("quantity"))

    def test_not_from_another_place_of_the_warehouse(self):
        first, second, foreign = map(self.make_shelf, ("First", "Second", "Foreign"))
        self.receive(self.product, 5, foreign, in_date="2020-01-01")
        self.receive(self.product, 3, first)
        self.receive(self.product, 3, second)
        self.place.location_ids = first | second
        self.make_place(self.channel, "foreign", foreign)
        picking = self.ship_there(4)
        self.assertEqual(picking.state, "done")
        self.assertEqual(self.on_hand(foreign), 5)
        self.assertEqual(self.on_hand(first) + self.on_hand(second), 2)

    def test_not_from_quarantine_while_some_are_on_sale(self):
        quarantine = self.make_shelf("Quarantine", stock_condition="quarantine")
        self.receive(self.product, 5, quarantine, in_date="2020-01-01")
        picking = self.ship_there(4)
        self.assertEqual(picking.state, "done")
        self.assertEqual(self.on_hand(quarantine), 5)
        self.assertEqual(self.on_hand(self.stock), 16)
