from datetime import datetime, timedelta

from freezegun import freeze_time

from odoo.exceptions import ValidationError
from odoo.tests import tagged

from .statements import counted
from .test_queue import QueueCase


@tagged("post_install", "-at_install")
class TestQueueValue(QueueCase):
    """What is at stake, in the company's currency, and who comes first by it."""

    def value(self):
        self.run_job("stock.channel.exception", "_cron_queue")

    def number(self, **vals):
        row = self.publication().sudo()
        row.write({"wanted_qty": 0.0, "acknowledged_qty": 0.0, **vals})
        return row

    def at_risk(self, exception):
        self.value()
        return (
            exception.value_at_risk,
            exception.units_at_risk,
            exception.orders_behind,
        )

    def test_units_the_channel_shows_too_many_at_their_price(self):
        row = self.number(wanted_qty=2, acknowledged_qty=9)
        exception = self.fail(category="refused", publication_id=row.id)
        self.assertEqual(self.at_risk(exception), (70.0, 7.0, 0))

    def test_what_the_channel_never_took_is_exposed_whole(self):
        row = self.number(wanted_qty=6)
        exception = self.fail(category="refused", publication_id=row.id)
        self.assertEqual(self.at_risk(exception), (60.0, 6.0, 0))

    def test_nothing_differs_so_what_could_be_sold_counts(self):
        row = self.number(wanted_qty=4, acknowledged_qty=4)
        exception = self.fail(category="refused", publication_id=row.id)
        self.assertEqual(self.at_risk(exception), (40.0, 4.0, 0))

    def test_drift_counts_what_is_shown_wrongly(self):
        row = self.number(
            wanted_qty=4, acknowledged_qty=4, expected_qty=4, observed_qty=9
        )
        row.drift = "edited"
        exception = self.fail(category="drift", publication_id=row.id)
        self.assertEqual(self.at_risk(exception), (50.0, 5.0, 0))
        row.drift = "unknown"
        row.observed_qty = 0
        exception.sudo().valued_at = False
        self.assertEqual(self.at_risk(exception), (40.0, 4.0, 0))

    def test_a_pack_is_worth_what_is_in_it(self):
        self.listing.uom_id = self.env.ref("uom.product_uom_dozen")
        row = self.number(wanted_qty=1)
        exception = self.fail(category="refused", publication_id=row.id)
        self.assertEqual(self.at_risk(exception), (120.0, 1.0, 0))

    def test_orders_that_wait_count_with_their_totals(self):
        for number in (1, 2):
            self.order(str(number), lines=[self.line_data("1", "NEW", 3)])
        exception = self.open_exceptions()
        self.assertEqual(self.at_risk(exception), (60.0, 0.0, 2))
        self.order("1", 2, status="cancelled")
        exception.sudo().valued_at = False
        self.assertEqual(self.at_risk(exception), (30.0, 0.0, 1))

    def test_order_in_another_currency_is_converted(self):
        other = self.env["res.currency"].create(
            {"name": "XQU", "symbol": "q", "active": True}
        )
        self.env["res.currency.rate"].create(
            {
                "name": "2020-01-01",
                "currency_id": other.id,
                "company_id": self.company.id,
                "rate": 4.0,
            }
        )
        self.order("1", currency="XQU", lines=[self.line_data("1", "NEW", 2)])
        exception = self.open_exceptions().filtered(lambda e: e.mapping_kind)
        self.assertEqual(self.at_risk(exception), (5.0, 0.0, 1))

    def test_of_an_order_taken_over_only_what_has_not_left_counts(self):
        self.receive(self.product, 10)
        order = self.order(
            lines=[
                self.line_data("1", "DESK", 2),
                self.line_data("2", "DESK", 3, unit_price="20.00"),
            ]
        )
        exception = self.fail(category="refused", channel_order_id=order.id)
        self.assertEqual(self.at_risk(exception), (80.0, 0.0, 1))
        order.line_ids[1].sudo().fulfilled_qty = 2
        self.env.flush_all()
        exception.sudo().valued_at = False
        self.assertEqual(self.at_risk(exception), (40.0, 0.0, 1))

    def test_trouble_of_the_channel_puts_all_it_was_not_told_at_risk(self):
        lamp = self.make_product("Lamp", "LAMP", list_price=3.0)
        self.make_listing(self.channel, lamp, "LAMP")
        self.receive(self.product, 5)
        self.receive(lamp, 10)
        self.run_compute()
        exception = self.fail(f"channel:{self.channel.id}", category="late")
        self.assertEqual(self.at_risk(exception), (80.0, 15.0, 0))

    def test_each_company_in_its_own_currency(self):
        currency = self.env["res.currency"].create({"name": "XQV", "symbol": "v"})
        self.env["res.currency.rate"].create(
            {"name": "2020-01-01", "currency_id": currency.id, "rate": 2.0}
        )
        company = self.env["res.company"].create(
            {"name": "Abroad", "currency_id": currency.id}
        )
        channel = self.make_channel(name="Shop Abroad", company_id=company.id)
        listing = self.make_listing(channel, self.product, "DESK")
        exception = self.fail("abroad", channel=channel, listing_id=listing.id)
        here = self.fail("here", listing_id=self.listing.id)
        self.env["stock.channel.publication"].sudo().create(
            {
                "listing_id": listing.id,
                "channel_location_id": self.place.id,
                "channel_id": channel.id,
                "company_id": company.id,
                "product_id": self.product.id,
                "wanted_qty": 3.0,
            }
        )
        self.number(wanted_qty=3)
        self.value()
        price = self.env["stock.channel.listing"].browse(listing.id)._unit_prices()
        self.assertEqual(exception.currency_id, currency)
        self.assertEqual(exception.value_at_risk, 3 * price[listing.id])
        self.assertEqual(
            (here.currency_id, here.value_at_risk), (self.company.currency_id, 30.0)
        )

    def test_the_queue_is_ordered_by_it(self):
        small = self.fail("small", listing_id=self.listing.id)
        nothing = self.fail("nothing")
        large = self.fail("large", publication_id=self.number(wanted_qty=9).id)
        small.sudo().publication_id = False
        self.number(wanted_qty=9)
        self.value()
        small.sudo().value_at_risk = 1.0
        self.assertEqual(self.open_exceptions().ids, (large | small | nothing).ids)

    def test_what_is_closed_puts_nothing_at_risk(self):
        exception = self.fail(publication_id=self.number(wanted_qty=9).id)
        self.value()
        self.assertEqual(exception.value_at_risk, 90.0)
        exception._update_state("resolved")
        self.assertEqual(exception.value_at_risk, 0.0)

    def test_one_pass_values_all_in_few_statements(self):
        def run(count):
            for number in range(count):
                self.fail(f"{count}-{number}", publication_id=row.id)
            self.env.flush_all()
            with counted() as texts:
                self.env["stock.channel.exception"].sudo()._value_next(
                    datetime(2020, 1, 1)  # noqa: DTZ001 - as Odoo stores it
                )
            return len(texts)

        row = self.number(wanted_qty=1)
        run(1)
        self.assertEqual(run(40), run(2))
        self.assertEqual(set(self.open_exceptions().mapped("value_at_risk")), {10.0})

    def test_what_nothing_waits_for_any_more_is_closed_by_the_pass(self):
        """Two workers that finish the last two messages see each other's waiting."""
        self.order("1", lines=[self.line_data("1", "NEW", 1)])
        exception = self.open_exceptions()
        self.env.cr.execute("DELETE FROM stock_channel_exception_message_rel")
        self.env.invalidate_all()
        exception.sudo().valued_at = False
        self.value()
        self.assertEqual(exception.state, "resolved")


@tagged("post_install", "-at_install")
class TestQueueDue(QueueCase):
    """By when somebody is to have acted, on the channel's own clock."""

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.channel.timezone = "Europe/Brussels"
        cls.calendar = cls.env["resource.calendar"].create(
            {
                "name": "Office",
                "tz": "America/New_York",
                "attendance_ids": [
                    (5,),
                    *(
                        (
                            0,
                            0,
                            {
                                "name": "day",
                                "dayofweek": str(day),
                                "hour_from": 9.0,
                                "hour_to": 17.0,
                                "day_period": "morning",
                            },
                        )
                        for day in range(5)
                    ),
                ],
            }
        )
        cls.channel.exception_calendar_id = cls.calendar

    def due(self, moment, category="mapping", name="due"):
        with freeze_time(moment):
            return self.fail(f"{name}-{moment}", category=category).due_at

    def test_hours_of_the_channels_own_clock(self):
        """Four hours from eleven in Brussels, whatever the calendar's zone is."""
        self.assertEqual(
            self.due("2026-11-18 10:00:00"),
            datetime.fromisoformat("2026-11-18 14:00:00"),
        )

    def test_weekend_and_night_do_not_count(self):
        self.assertEqual(
            self.due("2026-11-20 15:00:00"),
            datetime.fromisoformat("2026-11-23 11:00:00"),
        )

    def test_time_off_does_not_count(self):
        self.env["resource.calendar.leaves"].create(
            {
                "name": "Holiday",
                "calendar_id": self.calendar.id,
                "date_from": "2026-11-22 23:00:00",
                "date_to": "2026-11-23 23:00:00",
            }
        )
        self.assertEqual(
            self.due("2026-11-20 15:00:00"),
            datetime.fromisoformat("2026-11-24 11:00:00"),
        )

    def test_night_of_the_clock_change_is_counted_in_local_hours(self):
        """Friday 16:00 in summer time, due on Monday in winter time."""
        self.assertEqual(
            self.due("2026-10-23 14:00:00"),
            datetime.fromisoformat("2026-10-26 11:00:00"),
        )

    def test_plain_hours_without_a_calendar(self):
        self.channel.exception_calendar_id = False
        self.company.resource_calendar_id = False
        self.assertEqual(
            self.due("2026-11-21 22:00:00"),
            datetime.fromisoformat("2026-11-22 02:00:00"),
        )

    def test_each_category_has_its_time(self):
        moment = "2026-11-18 08:00:00"
        start = datetime.fromisoformat(moment)
        for category, hours in (
            ("authentication", 1),
            ("late", 1),
            ("oversell", 2),
            ("mapping", 4),
            ("data", 8),
        ):
            self.assertEqual(
                self.due(moment, category, category),
                start + timedelta(hours=hours),
                category,
            )

    def test_the_channels_own_time_to_act_counts_for_what_is_open_too(self):
        due_at = self.due("2026-11-18 08:00:00")
        exception = self.open_exceptions()
        term = self.env["stock.channel.exception.term"].create(
            {"channel_id": self.channel.id, "category": "mapping", "hours": 1.5}
        )
        self.assertEqual(
            exception.due_at, datetime.fromisoformat("2026-11-18 09:30:00")
        )
        term.unlink()
        self.assertEqual(exception.due_at, due_at)
        for hours in (0, -1, 1001):
            with self.assertRaises(ValidationError), self.env.cr.savepoint():
                term.create(
                    {
                        "channel_id": self.channel.id,
                        "category": "mapping",
                        "hours": hours,
                    }
                )

    def test_time_begins_anew_when_it_opens_again(self):
        self.due("2026-11-18 08:00:00", name="x")
        exception = self.open_exceptions()
        exception._update_state("resolved")
        with freeze_time("2026-11-25 08:00:00"):
            exception._update_state("open")
        self.assertEqual(
            exception.due_at, datetime.fromisoformat("2026-11-25 12:00:00")
        )

    def test_overdue_is_found(self):
        self.due("2026-11-18 08:00:00")
        exception = self.open_exceptions()
        overdue = [("state", "=", "open"), ("due_at", "<", "now")]
        for moment, is_overdue in (
            ("2026-11-18 11:59:00", False),
            ("2026-11-18 12:01:00", True),
        ):
            with freeze_time(moment):
                exception.invalidate_recordset(["is_overdue"])
                self.assertEqual(exception.is_overdue, is_overdue)
                self.assertEqual(bool(exception.search(overdue)), is_overdue)

    def test_activity_is_due_on_the_day_in_the_channels_zone(self):
        self.channel.timezone = "Pacific/Auckland"
        self.channel.exception_calendar_id = False
        self.company.resource_calendar_id = False
        self.due("2026-11-18 08:00:00")
        exception = self.open_exceptions()
        self.assertEqual(str(exception.due_at), "2026-11-18 12:00:00")
        self.assertEqual(str(exception.activity_ids.date_deadline), "2026-11-19")
