"""How old numbers were when the channel took them, and who hears of it.

``changed_at`` is written with PostgreSQL's own clock, which cannot be frozen, so
tests write it themselves. ``START`` lies ahead of the real clock: whatever the set
up did is long past.
"""

from datetime import UTC, datetime, timedelta
from decimal import Decimal
from unittest.mock import patch

import psycopg2
from freezegun import freeze_time

from odoo import api
from odoo.exceptions import AccessError
from odoo.tests import tagged
from odoo.tools import SQL, mute_logger

from odoo.addons.stock_channel_hub.connectors.data import QuantityUpdate
from odoo.addons.stock_channel_hub.connectors.freshness import Histogram
from odoo.addons.stock_channel_hub.models.stock_channel_freshness import (
    StockChannelFreshness,
)
from odoo.addons.stock_channel_hub.models.stock_channel_freshness_report import (
    plain_duration,
)
from odoo.addons.stock_channel_hub.models.stock_channel_late import StockChannelLate
from odoo.addons.stock_channel_hub.models.stock_channel_publish import (
    StockChannelPublish,
)

from .common import HubCase

START = (datetime.now(UTC) + timedelta(days=3)).replace(
    hour=10, minute=30, second=0, microsecond=0, tzinfo=None
)
HOUR = START.replace(minute=0)
MIXIN_LOGGER = "odoo.addons.stock_channel_hub.models.stock_channel_mixin"
WATCH_LOGGER = "odoo.addons.stock_channel_hub.models.stock_channel_watch"


def minutes(count):
    return timedelta(minutes=count)


class FreshnessCase(HubCase):
    def setUp(self):
        super().setUp()
        self.receive(self.product, 10)
        self.run_all()
        self.row = self.publication()
        self.assertEqual(self.row.state, "clean")

    def set_row(self, row=None, **vals):
        """Write into the ledger what time would have written."""
        self.env.flush_all()
        for name, value in vals.items():
            self.env.cr.execute(
                SQL(
                    "UPDATE stock_channel_publication SET %s = %s WHERE id = ANY(%s)",
                    SQL.identifier(name),
                    value,
                    (self.row if row is None else row).ids,
                )
            )
        self.env.invalidate_all()

    def publish(self, seconds, at=START):
        """Let the channel take what waits, ``seconds`` after the stock changed."""
        self.run_compute()
        waiting = self.row.search([("state", "=", "pending")])
        self.set_row(waiting, changed_at=at - timedelta(seconds=seconds))
        with freeze_time(at):
            self.run_publish()

    def hours(self, direction, since=HOUR - timedelta(days=1)):
        return self.env["stock.channel.freshness"].search(
            [
                ("channel_id", "=", self.channel.id),
                ("direction", "=", direction),
                ("hour", ">=", since),
            ]
        )


@tagged("post_install", "-at_install")
class TestFreshness(FreshnessCase):
    """From the stock change to the acknowledgement, hour by hour."""

    def fill_hour(self, hour, *seconds, direction="fall"):
        histogram = Histogram.of(seconds)
        self.env["stock.channel.freshness"]._upsert(
            [(self.channel.id, direction, hour, hour + minutes(7), histogram)]
        )

    def seen(self, name, at=START):
        """Return a computed field of the channel as it is at this moment."""
        self.env.flush_all()
        with freeze_time(at), self.registry.cursor() as cr:
            env = api.Environment(cr, self.env.uid, {})
            return env["stock.channel"].browse(self.channel.id)[name]

    # ------------------------------------------------------------- counting

    def test_falls_and_rises_are_counted_apart(self):
        self.receive(self.product, -4)
        self.publish(1.5)
        self.receive(self.product, 1)
        self.publish(90, START + minutes(1))
        fall, rise = self.hours("fall"), self.hours("rise")
        self.assertEqual(
            (fall.hour, fall.count, fall.maximum, fall.last, fall.last_at),
            (HOUR, 1, 1.5, 1.5, START),
        )
        self.assertEqual(
            (rise.hour, rise.count, rise.maximum, rise.last, rise.last_at),
            (HOUR, 1, 90, 90, START + minutes(1)),
        )
        self.assertEqual(fall.buckets, Histogram.of([1.5]).as_json())
        self.assertEqual(fall.company_id, self.channel.company_id)
        self.assertEqual(self.row.log_ids[:2].mapped("freshness"), [90, 1.5])

    def test_one_hour_is_one_row(self):
        for number, seconds in enumerate((2, 30, 4)):
            self.receive(self.product, -1)
            self.publish(seconds, START + minutes(number))
        fall = self.hours("fall")
        self.assertEqual((fall.count, fall.maximum, fall.last), (3, 30, 4))
        self.assertEqual(fall.last_at, START + minutes(2))
        self.assertEqual(fall.buckets, Histogram.of([2, 30, 4]).as_json())

    def test_next_hour_is_another_row(self):
        self.receive(self.product, -1)
        self.publish(2, HOUR + timedelta(minutes=59, seconds=59))
        self.receive(self.product, -1)
        self.publish(3, HOUR + minutes(60))
        self.assertEqual(
            [(row.hour, row.last) for row in self.hours("fall")],
            [(HOUR + minutes(60), 3), (HOUR, 2)],
        )

    def test_answered_batch_is_one_statement(self):
        for number in range(5):
            sku = f"LAMP-{number}"
            lamp = self.make_product(sku, sku)
            self.make_listing(self.channel, lamp, sku)
            self.add_shop_item(sku, "main")
            self.receive(lamp, 5)
        self.receive(self.product, -4)
        upsert = StockChannelFreshness._upsert
        with patch.object(
            StockChannelFreshness, "_upsert", autospec=True, side_effect=upsert
        ) as written:
            self.publish(8)
        self.assertEqual(written.call_count, 1)
        self.assertEqual((self.hours("fall").count, self.hours("rise").count), (1, 5))

    def test_first_number_is_a_rise(self):
        rise = self.env["stock.channel.freshness"].search([])
        self.assertEqual((rise.direction, rise.count), ("rise", 1))

    def test_first_number_is_a_rise_even_when_it_is_zero(self):
        lamp = self.make_product("Lamp", "LAMP")
        self.make_listing(self.channel, lamp, "LAMP")
        self.add_shop_item("LAMP", "main")
        self.publish(5)
        self.assertEqual(self.hours("rise").count, 1)

    def test_the_same_number_again_is_neither(self):
        self.set_row(state="pending")
        self.publish(50)
        self.assertEqual(self.row.state, "clean")
        self.assertEqual(self.row.log_ids[0].freshness, 50)
        self.assertFalse(self.hours("fall") | self.hours("rise"))

    def test_what_the_channel_sold_itself_is_compared_with(self):
        """Down by the shop's own sale of 2, a number back up to 9 is a rise."""
        self.set_row(expected_qty=8)
        self.shop.books.levels["DESK", "main"].quantity = Decimal(8)
        self.receive(self.product, -1)
        self.publish(5)
        self.assertEqual(self.hours("rise").last, 5)
        self.assertFalse(self.hours("fall"))

    def test_number_without_a_change_is_not_measured(self):
        self.receive(self.product, -1)
        self.run_compute()
        self.set_row(changed_at=None)
        with freeze_time(START):
            self.run_publish()
        self.assertEqual(self.row.state, "clean")
        self.assertFalse(self.hours("fall"))

    def test_clock_that_runs_ahead_counts_as_no_time(self):
        self.receive(self.product, -1)
        self.publish(-3)
        self.assertEqual((self.hours("fall").last, self.hours("fall").count), (0, 1))

    def test_late_answer_to_an_overtaken_number_is_not_counted(self):
        self.receive(self.product, -4)
        self.publish(1)
        update = QuantityUpdate(
            key=self.row._key(), quantity=3, unit="Units", sequence=1, previous=None
        )
        logged = len(self.row.log_ids)
        self.row._acknowledge(self.row.push_id, update)
        self.env.cr.flush()
        self.assertEqual(len(self.row.log_ids), logged + 1)
        self.assertEqual(sum(self.hours("fall").mapped("count")), 1)

    @mute_logger(MIXIN_LOGGER)
    def test_work_that_starts_over_is_counted_once(self):
        answered = StockChannelPublish._channel_answered
        failures = [psycopg2.errors.SerializationFailure("another was first")]

        def lose_once(channel):
            answered(channel)
            if failures:
                raise failures.pop()

        self.receive(self.product, -4)
        with patch.object(StockChannelPublish, "_channel_answered", lose_once):
            self.publish(2)
        self.assertFalse(failures)
        self.assertEqual(self.hours("fall").count, 1)

    # -------------------------------------------------------------- reading

    def test_percentiles_of_hour_and_day(self):
        self.fill_hour(HOUR, 1, 2, 3)
        self.fill_hour(HOUR - timedelta(hours=1), *range(10, 20))
        self.fill_hour(HOUR - timedelta(hours=2), *range(100, 200))
        hour = Histogram.of([*range(10, 20), 1, 2, 3])
        day = Histogram.of([*range(100, 200), *range(10, 20), 1, 2, 3])
        fall = self.channel._freshness(START)["fall"]
        self.assertEqual((fall["last"], fall["last_at"]), (3, HOUR + minutes(7)))
        self.assertEqual(
            fall["hour"],
            {
                "count": 13,
                "p50": hour.percentile(50),
                "p95": hour.percentile(95),
                "max": 19,
            },
        )
        self.assertEqual(
            fall["day"],
            {
                "count": 113,
                "p50": day.percentile(50),
                "p95": day.percentile(95),
                "max": 199,
            },
        )
        self.assertAlmostEqual(fall["day"]["p50"], 143, delta=143 * 0.05)
        self.assertAlmostEqual(fall["day"]["p95"], 194, delta=194 * 0.05)

    def test_day_ends_with_the_24th_hour_before(self):
        self.fill_hour(HOUR - timedelta(hours=24), 7)
        self.fill_hour(HOUR - timedelta(hours=25), 9)
        self.fill_hour(HOUR + timedelta(hours=1), 11)
        fall = self.channel._freshness(START)["fall"]
        self.assertEqual((fall["day"]["count"], fall["day"]["max"]), (1, 7))
        self.assertEqual(fall["last"], 7)
        self.assertEqual(
            fall["hour"], {"count": 0, "p50": None, "p95": None, "max": None}
        )

    def test_last_is_found_however_long_ago(self):
        self.fill_hour(HOUR - timedelta(days=30), 7)
        report = self.channel._freshness(START)
        self.assertEqual(report["fall"]["last"], 7)
        self.assertEqual(report["fall"]["day"]["count"], 0)

    def test_channel_that_never_fell_tells_nothing(self):
        fall = self.channel._freshness(START)["fall"]
        self.assertEqual((fall["last"], fall["last_at"]), (None, None))

    def test_shown_on_the_channel(self):
        self.fill_hour(HOUR, 1.5, 250)
        self.fill_hour(HOUR, 0.25, direction="rise")
        html = self.seen("freshness_html")
        for text in ("Falls", "Rises", "4 min 10 s", "250 ms"):
            self.assertIn(text, html)
        self.assertEqual(self.seen("fall_p95_day"), "4 min 10 s")
        self.assertFalse(self.seen("fall_p95_day", START + timedelta(days=2)))

    def test_nothing_acknowledged_is_said(self):
        self.env["stock.channel.freshness"].search([]).sudo().unlink()
        self.assertIn("Nothing acknowledged yet", self.seen("freshness_html"))

    def test_durations_are_told_in_words(self):
        for seconds, text in {
            0: "0 ms",
            0.0004: "0 ms",
            0.25: "250 ms",
            0.9999: "1.0 s",
            59.9: "59.9 s",
            59.96: "1 min",
            250: "4 min 10 s",
            3599.9: "1 h",
            11_100: "3 h 5 min",
            90_000: "1 d 1 h",
        }.items():
            with self.subTest(seconds=seconds):
                self.assertEqual(plain_duration(seconds), text)

    # -------------------------------------------------------------- keeping

    def test_old_hours_are_forgotten(self):
        Freshness = self.env["stock.channel.freshness"]
        now = self.env.cr.now()
        self.fill_hour(now - timedelta(days=399), 1)
        self.fill_hour(now - timedelta(days=401), 1)
        Freshness._gc_old()
        kept = Freshness.search([("direction", "=", "fall")])
        self.assertEqual(kept.mapped("hour"), [now - timedelta(days=399)])

    def test_read_only_and_of_the_own_company(self):
        self.fill_hour(HOUR, 1)
        mine = self.hours("fall").with_user(self.make_user("group_user"))
        self.assertEqual(mine.count, 1)
        for operation in ("write", "create", "unlink"):
            self.assertFalse(
                mine.with_user(self.make_user("group_admin")).has_access(operation)
            )
        elsewhere = self.env["res.company"].create({"name": "Elsewhere"})
        stranger = self.make_user(
            "group_user",
            company_id=elsewhere.id,
            company_ids=[(6, 0, elsewhere.ids)],
        )
        with self.assertRaises(AccessError):
            mine.with_user(stranger).read(["count"])


@tagged("post_install", "-at_install")
class TestLate(FreshnessCase):
    """PROOF R18: a number older than its target raises an alarm, and clears it."""

    def watch(self, at=START):
        with freeze_time(at):
            self.run_job("stock.channel.dirty", "_cron_watch")

    def alarm(self, channel=None):
        """Return the open alarm of a channel."""
        return self.open_exceptions().filtered(
            lambda e: e.fingerprint == f"late:{(channel or self.channel).id}"
        )

    def let_wait(self, waited, **vals):
        """Make the number a fall that has been waiting for so many minutes."""
        vals = {"state": "pending", "wanted_qty": 7, "expected_qty": 10, **vals}
        self.set_row(changed_at=START - minutes(waited), **vals)

    def assert_late(self, at=START):
        self.watch(at)
        self.assertEqual(len(self.alarm()), 1)

    def assert_not_late(self, at=START):
        self.watch(at)
        self.assertFalse(self.alarm())

    # --------------------------------------------------------------- alarms

    def test_number_that_waits_too_long_raises_one_alarm(self):
        self.let_wait(12)
        self.channel.write({"last_error": "503 Service Unavailable"})
        self.watch()
        alarm = self.alarm()
        self.assertEqual(
            (alarm.category, alarm.occurrences, alarm.value, alarm.expected_value),
            ("late", 1, "12 min", "2 min"),
        )
        self.assertEqual(alarm.publication_id, self.row)
        self.assertEqual(alarm.title, "Numbers are older than the target of 2 minutes")
        self.assertIn(
            "Not acknowledged in time: 1, of them falls: 1. The oldest is DESK at "
            "main, for 12 minutes.",
            alarm.cause,
        )
        self.assertIn("The channel said: 503 Service Unavailable", alarm.cause)
        self.assertEqual(alarm.user_id, self.channel.exception_owner_id)
        self.assertEqual(len(alarm.activity_ids), 1)

    def test_late_begins_after_the_target(self):
        self.let_wait(2)
        self.assert_not_late()
        self.assert_late(START + timedelta(seconds=1))

    def test_own_target_counts(self):
        self.channel.freshness_target = 30
        self.let_wait(29)
        self.assert_not_late()
        self.assert_late(START + minutes(2))

    def test_all_that_is_late_is_counted_and_the_oldest_named(self):
        lamp = self.make_product("Lamp", "LAMP")
        listing = self.make_listing(self.channel, lamp, "LAMP")
        self.add_shop_item("LAMP", "main")
        self.run_all()
        self.let_wait(12)
        self.set_row(
            self.publication(listing),
            state="pending",
            wanted_qty=5,
            expected_qty=0,
            changed_at=START - minutes(40),
        )
        self.watch()
        self.assertIn(
            "Not acknowledged in time: 2, of them falls: 1. The oldest is LAMP at "
            "main, for 40 minutes.",
            self.alarm().cause,
        )

    def test_what_is_under_way_or_unknown_can_be_late_too(self):
        for state, text in {
            "sending": "no answer has come yet",
            "unknown": "it is read back first",
        }.items():
            with self.subTest(state=state):
                self.let_wait(12, state=state)
                self.assert_late()
                self.assertIn(text, self.alarm().cause)
                self.set_row(state="clean")
                self.assert_not_late()

    def test_changes_nobody_computed_are_late_at_every_channel(self):
        other = self.make_channel(name="Second Shop")
        self.make_place(other, "main", self.stock)
        self.make_listing(other, self.product, "DESK")
        self.shops[other.id] = self.shop
        self.go_live(other)
        self.run_compute()
        self.run_publish()
        self.run_publish(other)
        self.receive(self.product, -1)
        self.env.cr.flush()
        dirty = self.env["stock.channel.dirty"].search([])
        self.env.cr.execute(
            "UPDATE stock_channel_dirty SET changed_at = %s", [START - minutes(9)]
        )
        self.watch()
        for channel in (self.channel, other):
            self.assertEqual(self.alarm(channel).value, "9 min")
            self.assertIn(
                f"no number was computed from yet: {len(dirty)}, the oldest for 9 "
                "minutes.",
                self.alarm(channel).cause,
            )
            self.assertFalse(self.alarm(channel).publication_id)
        self.run_compute()
        with freeze_time(START):
            self.run_publish()
        self.assert_not_late()

    def test_job_that_does_not_run_is_named(self):
        self.let_wait(12)
        job = self.channel.sudo().publish_cron_id
        self.env["stock.channel"]._compute_cron().lastcall = START
        job.lastcall = START - minutes(20)
        self.watch()
        self.assertIn(
            f"The scheduled action {job.name} has not ended a run since "
            f"{START - minutes(20)} UTC.",
            self.alarm().cause,
        )
        self.assertNotIn("compute numbers", self.alarm().cause)
        job.active = False
        self.watch(START + minutes(61))
        self.assertIn(
            f"A scheduled action is switched off: {job.name}", self.alarm().cause
        )

    def test_channel_left_alone_is_explained(self):
        self.let_wait(12)
        self.channel.write({"next_attempt_at": START + minutes(3)})
        self.watch()
        self.assertIn(
            f"It is left alone until {START + minutes(3)} UTC.", self.alarm().cause
        )

    # ------------------------------------------------------ keeping, curing

    def test_alarm_is_told_anew_once_an_hour(self):
        self.let_wait(3)
        for minute in range(60):
            self.watch(START + minutes(minute))
        self.assertEqual((self.alarm().occurrences, self.alarm().value), (1, "3 min"))
        self.watch(START + minutes(60))
        self.assertEqual((self.alarm().occurrences, self.alarm().value), (2, "63 min"))
        self.watch(START + minutes(61))
        self.assertEqual(self.alarm().occurrences, 2)
        self.assertEqual(len(self.alarm().activity_ids), 1)

    def test_alarm_ends_when_the_channel_took_the_number(self):
        self.receive(self.product, -3)
        self.run_compute()
        self.set_row(changed_at=START - minutes(12))
        self.watch()
        alarm = self.alarm()
        self.assertEqual(alarm.state, "open")
        with freeze_time(START):
            self.run_publish()
        self.assert_not_late(START + minutes(1))
        self.assertEqual(alarm.state, "resolved")
        self.assertEqual(alarm.resolved_at, START + minutes(1))
        self.assertFalse(alarm.activity_ids)

    def test_alarm_that_comes_back_is_the_same_one(self):
        self.let_wait(12)
        self.watch()
        alarm = self.alarm()
        self.set_row(state="clean")
        self.watch(START + minutes(1))
        self.set_row(state="pending")
        self.watch(START + minutes(2))
        self.assertEqual((self.alarm(), alarm.occurrences), (alarm, 2))
        self.watch(START + minutes(3))
        self.assertEqual(alarm.occurrences, 2)

    def test_alarm_waved_aside_is_quiet_for_an_hour(self):
        self.let_wait(12)
        self.watch()
        first = self.alarm()
        with freeze_time(START + minutes(1)):
            first.action_ignore()
        self.assert_not_late(START + minutes(2))
        self.assert_not_late(START + minutes(60))
        self.assert_late(START + minutes(61))
        self.assertEqual(first.state, "ignored")

    def test_alarm_ends_with_the_pause_of_the_channel(self):
        self.let_wait(12)
        self.assert_late()
        self.channel.action_pause()
        self.assert_not_late()

    # ------------------------------------------------------------- not late

    def test_acknowledged_and_refused_numbers_are_not_late(self):
        for state in ("clean", "rejected"):
            with self.subTest(state=state):
                self.let_wait(500, state=state)
                self.assert_not_late()

    def test_paused_listing_is_not_late(self):
        self.listing.is_paused = True
        self.run_compute()
        self.let_wait(500)
        self.assert_not_late()
        self.assertFalse(self.channel.oldest_waiting_at)

    def test_archived_listing_is_told_zero_paused_or_not(self):
        self.listing.write({"is_paused": True, "active": False})
        self.run_compute()
        self.let_wait(12)
        self.assert_late()

    def test_after_a_pause_the_number_is_due_from_its_end(self):
        self.listing.is_paused = True
        self.receive(self.product, -1)
        self.run_compute()
        self.set_row(changed_at=self.env.cr.now() - minutes(500))
        self.listing.is_paused = False
        self.env.invalidate_all()
        self.assertEqual(self.row.changed_at, self.env.cr.now())
        self.assertEqual(self.channel.oldest_waiting_at, self.row.changed_at)

    def test_channel_that_is_not_live_is_not_late(self):
        self.let_wait(500)
        self.channel.action_pause()
        self.assert_not_late()
        self.channel.action_back_to_draft()
        self.assert_not_late()
        self.channel.action_go_shadow()
        self.let_wait(500)
        self.assert_not_late()

    def test_archived_channel_is_not_late(self):
        self.let_wait(500)
        self.channel.active = False
        self.assert_not_late()

    def test_copy_of_the_database_is_not_late(self):
        parameters = self.env["ir.config_parameter"]
        uuid = parameters.get_param("database.uuid")
        self.let_wait(500)
        parameters.set_param("database.uuid", "a-copy")
        self.assert_not_late()
        parameters.set_param("database.uuid", uuid)
        parameters.set_param("database.is_neutralized", "True")
        self.assert_not_late()
        parameters.set_param("database.is_neutralized", False)
        self.assert_late()

    def test_filling_a_catalogue_is_not_late_standing_still_is(self):
        lamp = self.make_product("Lamp", "LAMP")
        listing = self.make_listing(self.channel, lamp, "LAMP")
        self.add_shop_item("LAMP", "main")
        self.run_compute()
        with freeze_time(START - minutes(1)):
            self.run_publish()
        self.assertEqual(self.publication(listing).state, "clean")
        self.let_wait(500, acknowledged_at=None, expected_at=None)
        self.assert_not_late()
        self.assert_not_late(START + minutes(1))
        self.assert_late(START + timedelta(minutes=1, seconds=1))

    def test_rise_behind_a_fence_gets_five_minutes_more(self):
        self.let_wait(7, wanted_qty=12, fence_at=START - minutes(6))
        self.assert_not_late()
        self.assert_late(START + timedelta(seconds=1))
        self.assertIn("waits until the channel's orders are read", self.alarm().cause)

    def test_fall_is_late_fence_or_not(self):
        self.let_wait(3, fence_at=START - minutes(3))
        self.assert_late()

    def test_rise_that_is_held_back_is_due_from_the_end_of_that(self):
        """How publish windows and count freezes tell that they hold rises."""
        opened_at = "infinity"
        rise_due = StockChannelLate._rise_due_query

        def held(channel):
            return SQL("greatest(%s, %s::timestamp)", rise_due(channel), opened_at)

        with patch.object(StockChannelLate, "_rise_due_query", held):
            self.let_wait(500, wanted_qty=12)
            self.assert_not_late()
            self.let_wait(500, wanted_qty=7)
            self.assert_late()
            self.let_wait(500, wanted_qty=12)
            opened_at = START - minutes(2)
            self.assert_not_late()
            self.assert_late(START + timedelta(seconds=1))

    # ----------------------------------------------------------------- steps

    @mute_logger(WATCH_LOGGER)
    def test_step_that_fails_does_not_stop_the_others(self):
        self.let_wait(12)
        dirty = type(self.env["stock.channel.dirty"])

        def explode():
            raise ZeroDivisionError

        def steps(records):
            return [explode, records.env["stock.channel"]._watch_freshness]

        with patch.object(dirty, "_watch_steps", steps):
            self.assert_late()

    def test_oldest_waiting_is_shown(self):
        self.assertFalse(self.channel.oldest_waiting_at)
        self.let_wait(12)
        self.assertEqual(self.channel.oldest_waiting_at, START - minutes(12))
