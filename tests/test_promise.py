from odoo import fields
from odoo.exceptions import ValidationError
from odoo.tests import tagged

from .test_window import WindowCase

moment = fields.Datetime.to_datetime


@tagged("post_install", "-at_install")
class TestPromise(WindowCase):
    """By when an order of a channel in Brussels is promised to ship."""

    def setUp(self):
        super().setUp()
        self.receive(self.product, 100)
        self.calendar = self.make_calendar((8, 12), (13, 17), days=range(5))
        self.channel.shipping_calendar_id = self.calendar
        self.channel.cutoff_time = 14.5

    def promised(self, placed_at, order_id="1001", **vals):
        """Return when an order of a moment, as the channel writes it, is promised."""
        order = self.order(order_id, placed_at=placed_at, **vals)
        self.assertEqual(order.sale_order_id.commitment_date, order.promised_at)
        return str(order.promised_at)

    def check_promises(self, expected):
        for number, (placed_at, promised_at) in enumerate(expected.items()):
            with self.subTest(placed_at=placed_at):
                self.assertEqual(self.promised(placed_at, f"P{number}"), promised_at)

    def test_cutoff_decides_the_day_whatever_the_offset(self):
        self.check_promises(
            {
                "2026-11-23T14:29:59+01:00": "2026-11-23 16:00:00",
                "2026-11-23T08:29:59-05:00": "2026-11-23 16:00:00",
                "2026-11-23T14:30:00+01:00": "2026-11-24 16:00:00",
                "2026-11-23T13:30:00Z": "2026-11-24 16:00:00",
                "2026-11-20T20:00:00+01:00": "2026-11-23 16:00:00",
                "2026-11-21T10:00:00+01:00": "2026-11-23 16:00:00",
            }
        )

    def test_days_off_are_passed_over(self):
        self.take_off(self.calendar, "2026-11-22 23:00:00", "2026-11-24 23:00:00")
        self.check_promises({"2026-11-21T10:00:00+01:00": "2026-11-25 16:00:00"})

    def test_a_season_off_is_passed_over(self):
        self.take_off(self.calendar, "2026-11-22 23:00:00", "2027-01-03 23:00:00")
        self.check_promises({"2026-11-21T10:00:00+01:00": "2027-01-04 16:00:00"})

    def test_nights_in_which_the_clocks_are_changed(self):
        """In and out of summer time, with the clock of the hub in that night."""
        self.channel.shipping_calendar_id = self.make_calendar((8, 17))
        self.channel.cutoff_time = 2.5
        self.go_to(moment("2027-03-28 01:05:00"))
        self.check_promises(
            {
                "2027-03-28T01:59:59+01:00": "2027-03-28 15:00:00",
                "2027-03-28T03:00:00+02:00": "2027-03-29 15:00:00",
            }
        )
        self.go_to(moment("2027-10-31 01:35:00"))
        for order_id, placed_at, expected in (
            ("A1", "2027-10-31T02:45:00+02:00", "2027-10-31 16:00:00"),
            ("A2", "2027-10-31T02:29:59+01:00", "2027-10-31 16:00:00"),
            ("A3", "2027-10-31T02:30:00+01:00", "2027-11-01 16:00:00"),
        ):
            self.assertEqual(self.promised(placed_at, order_id), expected)

    def test_deliveries_are_due_then_and_the_order_keeps_its_day(self):
        order = self.order(placed_at="2026-11-20T23:30:00-08:00")
        sale = order.sale_order_id
        self.assertEqual(str(sale.date_order), "2026-11-21 07:30:00")
        self.assertEqual(str(sale.commitment_date), "2026-11-23 16:00:00")
        picking = sale.picking_ids
        self.assertEqual(str(picking.date_deadline), "2026-11-23 16:00:00")
        self.assertEqual(str(picking.scheduled_date), "2026-11-23 16:00:00")

    def test_nothing_that_comes_later_moves_it(self):
        placed_at = "2026-11-20T10:00:00+01:00"
        self.assertEqual(self.promised(placed_at), "2026-11-20 16:00:00")
        self.channel.cutoff_time = 1.0
        self.go_to(moment("2026-11-26 12:00:00"))
        more = [self.line_data("1", "DESK", 5)]
        self.assertEqual(
            self.promised(placed_at, version=2, lines=more), "2026-11-20 16:00:00"
        )
        later = "2026-11-25T10:00:00+01:00"
        self.assertEqual(
            self.promised(later, version=3, lines=more), "2026-11-20 16:00:00"
        )
        sale = self.find_order().sale_order_id
        self.assertEqual(sale.order_line.product_uom_qty, 5)
        deadlines = {str(moment) for moment in sale.picking_ids.mapped("date_deadline")}
        self.assertEqual(deadlines, {"2026-11-20 16:00:00"})

    def test_what_was_agreed_here_stays(self):
        sale = self.order().sale_order_id
        sale.commitment_date = "2026-12-01 09:00:00"
        self.order(version=2, lines=[self.line_data("1", "DESK", 5)])
        self.assertEqual(str(sale.commitment_date), "2026-12-01 09:00:00")

    def test_company_hours_are_taken_without_others(self):
        self.channel.shipping_calendar_id = False
        self.company.resource_calendar_id = self.make_calendar((9, 13))
        self.check_promises({"2026-11-21T10:00:00+01:00": "2026-11-21 12:00:00"})

    def test_hours_that_nobody_knows_promise_nothing(self):
        self.channel.shipping_calendar_id = False
        self.calendar.schedule_type = "flexible"
        self.company.resource_calendar_id = self.calendar
        order = self.order()
        self.assertFalse(order.promised_at)
        self.assertFalse(order.sale_order_id.commitment_date)
        self.assertEqual(order.sale_order_id.picking_ids.state, "assigned")

    def test_cutoff_is_a_time_of_day(self):
        for hours in (-0.5, 24.5):
            with self.assertRaises(ValidationError):
                self.channel.cutoff_time = hours
        self.channel.cutoff_time = 24.0

    def test_shipping_hours_must_be_known(self):
        with self.assertRaises(ValidationError):
            self.channel.shipping_calendar_id = self.make_calendar(days=())
