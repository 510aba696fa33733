from datetime import datetime, timedelta

from odoo import fields
from odoo.exceptions import AccessError, ValidationError
from odoo.tests import tagged

from .clock import NOON, ClockCase


class WindowCase(ClockCase):
    """A channel in Brussels under a clock that stands still."""

    def setUp(self):
        super().setUp()
        self.channel.timezone = "Europe/Brussels"
        self.receive(self.product, 10)
        self.run_all()
        self.row = self.publication()
        self.assertEqual((self.row.state, self.shown()), ("clean", 10))

    def change_stock(self, quantity):
        self.receive(self.product, quantity)
        self.run_compute()

    def make_calendar(self, *spans, days=range(7), **vals):
        """Make a calendar with the same hours on each of these days."""
        lines = [
            (0, 0, {"name": "x", "dayofweek": str(day), "hour_from": a, "hour_to": b})
            for day in days
            for a, b in spans
        ]
        return self.env["resource.calendar"].create(
            {
                "name": "Hours",
                "tz": "Asia/Tokyo",
                "company_id": self.company.id,
                "attendance_ids": [(5, 0, 0), *lines],
                **vals,
            }
        )

    def take_off(self, calendar, start, end):
        self.env["resource.calendar.leaves"].create(
            {
                "name": "Closed",
                "calendar_id": calendar.id,
                "date_from": start,
                "date_to": end,
            }
        )

    def held(self, moment):
        """Return the places held at a moment, naive UTC."""
        return self.channel._held_places(fields.Datetime.to_datetime(moment))

    def openings(self):
        """Return for when the publishing job is triggered later."""
        return (
            self.env["ir.cron.trigger"]
            .search(
                [
                    ("cron_id", "=", self.channel.publish_cron_id.id),
                    ("call_at", ">", fields.Datetime.now()),
                ]
            )
            .mapped("call_at")
        )


@tagged("post_install", "-at_install")
class TestHeldPlaces(WindowCase):
    """When which place is held."""

    def test_nothing_set_holds_nothing(self):
        self.assertFalse(self.held(NOON))
        self.assertIsNone(self.channel._rises_open_since(self.place, NOON))

    def test_window_is_in_the_channels_time_zone(self):
        self.channel.publish_calendar_id = self.make_calendar((8, 18))
        self.assertEqual(self.held("2026-11-23 06:59:59"), self.place)
        self.assertFalse(self.held("2026-11-23 07:00:00"))
        self.assertFalse(self.held("2026-11-23 16:59:59"))
        self.assertEqual(self.held("2026-11-23 17:00:00"), self.place)
        self.channel.timezone = "America/New_York"
        self.assertEqual(self.held("2026-11-23 07:00:00"), self.place)
        self.assertFalse(self.held("2026-11-23 17:00:00"))

    def test_closed_window_holds_every_place_of_the_channel_alone(self):
        shop = self.make_place(self.channel, "shop", self.env["stock.location"])
        shop.active = False
        other = self.make_channel(name="Other")
        self.make_place(other, "main", self.stock)
        self.channel.publish_calendar_id = self.make_calendar((8, 9))
        both = self.channel | other
        self.assertEqual(both._held_places(NOON), self.place | shop)

    def test_freeze_of_one_place_holds_that_alone(self):
        shop = self.make_place(self.channel, "shop", self.env["stock.location"])
        shop.freeze_calendar_id = self.make_calendar((12, 14))
        self.assertEqual(self.held("2026-11-23 11:00:00"), shop)
        self.assertFalse(self.held("2026-11-23 13:00:00"))

    def test_who_asks_again_hears_what_was_written_since(self):
        """Also in the same transaction, and at the same moment."""
        self.assertFalse(self.held(NOON))
        until = NOON + timedelta(hours=1)
        with self.cr.savepoint() as savepoint:
            self.place.frozen_until = until
            self.assertEqual(self.held(NOON), self.place)
            savepoint.rollback()
            self.assertFalse(self.held(NOON))
        nowhere = self.env["stock.location"]
        shop = self.make_place(self.channel, "shop", nowhere, frozen_until=until)
        self.assertEqual(self.held(NOON), shop)
        shop.active = False
        self.assertEqual(self.held(NOON), shop)
        shop.frozen_until = False
        self.assertFalse(self.held(NOON))
        self.place.frozen_until = until
        self.assertEqual(self.held(NOON), self.place)

    def test_freeze_over_midnight_has_no_gap(self):
        self.channel.freeze_calendar_id = self.make_calendar((22, 24), (0, 2))
        self.assertFalse(self.held("2026-11-23 20:59:59"))
        for moment in (
            datetime(2026, 11, 23, 22, 59, 59, 999999),  # noqa: DTZ001
            "2026-11-23 23:00:00",
            "2026-11-24 00:59:59",
        ):
            self.assertEqual(self.held(moment), self.place)
        self.assertFalse(self.held("2026-11-24 01:00:00"))

    def test_time_off_closes_the_window_and_lifts_the_freeze(self):
        calendar = self.make_calendar((8, 18))
        self.take_off(calendar, "2026-11-23 09:00:00", "2026-11-23 10:00:00")
        self.channel.publish_calendar_id = calendar
        self.assertEqual(self.held("2026-11-23 09:30:00"), self.place)
        self.assertFalse(self.held("2026-11-23 10:30:00"))
        self.channel.publish_calendar_id = False
        self.channel.freeze_calendar_id = calendar
        self.assertFalse(self.held("2026-11-23 09:30:00"))
        self.assertEqual(self.held("2026-11-23 10:30:00"), self.place)

    def test_time_off_of_another_calendar_counts_for_the_company_only(self):
        self.channel.publish_calendar_id = self.make_calendar((8, 18))
        elsewhere = self.env["res.company"].create({"name": "Elsewhere"})
        leave = self.env["resource.calendar.leaves"].create(
            {
                "name": "Holiday",
                "date_from": "2026-11-23 09:00:00",
                "date_to": "2026-11-23 10:00:00",
            }
        )
        self.assertEqual(self.held("2026-11-23 09:30:00"), self.place)
        self.env.flush_all()
        self.env.cr.execute(
            "UPDATE resource_calendar_leaves SET company_id = %s WHERE id = %s",
            [elsewhere.id, leave.id],
        )
        self.env.invalidate_all()
        self.env.cr.cache.clear()
        self.assertFalse(self.held("2026-11-23 09:30:00"))

    def test_nights_in_which_the_clock_is_changed(self):
        self.channel.freeze_calendar_id = self.make_calendar((2, 3))
        moments = ["2026-03-29 00:59:59", "2026-03-29 01:00:00", "2026-03-29 01:30:00"]
        self.assertEqual([len(self.held(at)) for at in moments], [0, 0, 0])
        moments = [
            "2026-10-24 23:59:59",
            "2026-10-25 00:00:00",
            "2026-10-25 00:59:59",
            "2026-10-25 01:30:00",
            "2026-10-25 02:00:00",
        ]
        self.assertEqual([len(self.held(at)) for at in moments], [0, 1, 1, 1, 0])

    def test_calendar_of_two_weeks(self):
        line = {"name": "x", "dayofweek": "0", "hour_from": 8, "hour_to": 18}
        calendar = self.make_calendar(
            two_weeks_calendar=True,
            attendance_ids=[(5, 0, 0), (0, 0, {**line, "week_type": "0"})],
        )
        self.channel.publish_calendar_id = calendar
        week_type = self.env["resource.calendar.attendance"].get_week_type(NOON.date())
        is_first = week_type == 0
        open_weeks = [
            not self.held(NOON + timedelta(weeks=week)) for week in range(-2, 3)
        ]
        self.assertEqual(open_weeks, [is_first, not is_first] * 2 + [is_first])
        closed = NOON + timedelta(weeks=1 if is_first else 0)
        self.assertEqual(
            self.place._opens_at(closed),
            closed.replace(hour=7) + timedelta(weeks=1),
        )

    def test_calendar_without_hours_is_refused(self):
        calendar = self.make_calendar(schedule_type="flexible")
        with self.assertRaises(ValidationError):
            self.channel.publish_calendar_id = calendar
        with self.assertRaises(ValidationError):
            self.place.freeze_calendar_id = calendar


@tagged("post_install", "-at_install")
class TestHeldNumbers(WindowCase):
    """Rises are held, falls never."""

    def freeze(self):
        self.place.with_user(self.make_user("group_operator")).action_freeze_for_count()

    def test_rise_waits_and_fall_goes(self):
        self.freeze()
        self.change_stock(5)
        self.run_publish()
        self.assertEqual((self.row.state, self.shown()), ("pending", 10))
        self.change_stock(-8)
        self.run_publish()
        self.assertEqual((self.row.state, self.shown()), ("clean", 7))

    def test_freeze_ends_by_itself(self):
        self.freeze()
        self.assertEqual(self.place.frozen_until, datetime(2026, 11, 23, 16))  # noqa: DTZ001
        self.assertTrue(self.place.is_frozen)
        self.change_stock(5)
        self.go_to("2026-11-23 15:59:59")
        self.run_publish()
        self.assertEqual(self.shown(), 10)
        self.go_to("2026-11-23 16:00:00")
        self.run_publish()
        self.assertEqual((self.row.state, self.shown()), ("clean", 15))

    def test_operator_ends_the_freeze(self):
        self.freeze()
        self.change_stock(5)
        self.go_to("2026-11-23 13:00:00")
        self.place.with_user(self.make_user("group_operator")).action_end_freeze()
        self.assertFalse(self.place.is_frozen)
        self.run_publish()
        self.assertEqual(self.shown(), 15)

    def test_who_only_reads_freezes_nothing(self):
        user = self.make_user("group_user")
        with self.assertRaises(AccessError):
            self.place.with_user(user).action_freeze_for_count()
        with self.assertRaises(AccessError):
            self.place.with_user(user).action_end_freeze()
        self.assertFalse(self.place.frozen_until)

    def test_other_place_is_not_held(self):
        self.freeze()
        north = self.env["stock.location"].create(
            {"name": "Elsewhere", "location_id": self.warehouse.view_location_id.id}
        )
        self.add_shop_item("DESK", "shop")
        self.make_place(self.channel, "shop", north)
        self.receive(self.product, 3, north)
        self.change_stock(5)
        self.run_publish()
        self.assertEqual((self.shown(), self.shown("DESK", "shop")), (10, 3))

    def test_first_number_of_a_held_place_is_a_rise_unless_zero(self):
        self.freeze()
        lamp = self.make_product("Lamp", "LAMP")
        chair = self.make_product("Chair", "CHAIR")
        self.receive(lamp, 3)
        self.add_shop_item("LAMP", "main", 1)
        self.add_shop_item("CHAIR", "main", 1)
        lamps = self.make_listing(self.channel, lamp, "LAMP")
        chairs = self.make_listing(self.channel, chair, "CHAIR")
        self.run_compute()
        self.run_publish()
        self.assertEqual((self.shown("LAMP"), self.shown("CHAIR")), (1, 0))
        self.assertEqual(self.publication(lamps).state, "pending")
        self.assertEqual(self.publication(chairs).state, "clean")

    def test_put_live_again_in_a_freeze_falls_go_at_once(self):
        """It may still show what it was told before it was silenced."""
        lamp = self.make_product("Lamp", "LAMP")
        self.receive(lamp, 3)
        self.add_shop_item("LAMP", "main")
        self.make_listing(self.channel, lamp, "LAMP")
        self.run_all()
        self.channel.action_pause()
        self.receive(lamp, 4)
        self.change_stock(-6)
        self.freeze()
        self.go_to("2026-11-23 12:01:00")
        self.go_live(self.channel)
        self.run_all()
        self.assertEqual((self.shown(), self.shown("LAMP")), (4, 3))

    def test_forgotten_number_that_comes_back_is_told_all_the_same(self):
        """Found in review: 10, forgotten, 11, 10 was taken for acknowledged."""
        self.add_shop_item("DESK-2", "main")
        self.listing.sku = "DESK-2"
        self.change_stock(1)
        self.change_stock(-1)
        self.assertEqual(self.row.state, "pending")
        self.run_publish()
        self.assertEqual((self.shown("DESK-2"), self.row.state), (10, "clean"))

    def test_window_opens_within_the_minute(self):
        self.channel.publish_calendar_id = self.make_calendar((8, 12), (14, 18))
        self.change_stock(5)
        self.assertEqual(self.shown(), 10)
        for _run in range(3):
            self.run_publish()
        self.assertEqual(self.openings(), [datetime(2026, 11, 23, 13)])  # noqa: DTZ001
        self.assertEqual(self.shown(), 10)
        self.go_to("2026-11-23 13:00:00")
        self.run_publish()
        self.assertEqual((self.shown(), self.openings()), (15, []))

    def test_no_opening_is_arranged_where_nothing_waits(self):
        self.channel.publish_calendar_id = self.make_calendar((8, 12), (14, 18))
        self.change_stock(-5)
        self.run_publish()
        self.assertEqual((self.shown(), self.openings()), (5, []))

    def test_change_of_the_window_opens_at_once(self):
        self.channel.publish_calendar_id = self.make_calendar((8, 12))
        self.change_stock(5)
        self.go_to("2026-11-23 12:30:00")
        self.channel.publish_calendar_id = False
        self.assertEqual(
            self.channel._rises_open_since(self.place, self.env.cr.now()),
            datetime(2026, 11, 23, 12, 30),  # noqa: DTZ001
        )

    def test_held_time_is_not_counted_against_freshness(self):
        self.freeze()
        self.change_stock(5)
        self.row.changed_at = NOON
        self.go_to("2026-11-23 16:00:20")
        self.run_publish()
        self.assertEqual(self.shown(), 15)
        log = self.row.log_ids[:1]
        self.assertEqual((log.freshness, log.changed_at), (20, NOON))

    def test_held_time_counts_for_falls(self):
        self.freeze()
        self.change_stock(-5)
        self.row.changed_at = NOON
        self.go_to("2026-11-23 16:00:20")
        self.run_publish()
        self.assertEqual(self.row.log_ids[:1].freshness, 4 * 3600 + 20)

    def test_rise_after_the_opening_counts_from_the_change(self):
        self.freeze()
        self.go_to("2026-11-23 16:10:00")
        self.change_stock(5)
        self.row.changed_at = fields.Datetime.now()
        self.go_to("2026-11-23 16:10:07")
        self.run_publish()
        self.assertEqual(self.row.log_ids[:1].freshness, 7)
