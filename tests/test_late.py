from datetime import timedelta
from unittest.mock import patch

from freezegun import freeze_time

from odoo.tests import tagged
from odoo.tools import SQL, mute_logger

from odoo.addons.stock_channel_hub.models.stock_channel_late import StockChannelLate

from .test_freshness import START, FreshnessCase, minutes

WATCH_LOGGER = "odoo.addons.stock_channel_hub.models.stock_channel_clock"


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
            first._ignore("Known and harmless.")
        self.assert_not_late(START + minutes(2))
        self.assert_not_late(START + minutes(60))
        self.assert_late(START + minutes(61))
        self.assertEqual((self.alarm(), first.state), (first, "open"))

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

    def fill_on(self):
        """Let the channel take another number a minute before."""
        lamp = self.make_product("Lamp", "LAMP")
        listing = self.make_listing(self.channel, lamp, "LAMP")
        self.add_shop_item("LAMP", "main")
        self.run_compute()
        with freeze_time(START - minutes(1)):
            self.run_publish()
        self.assertEqual(self.publication(listing).state, "clean")

    def test_filling_a_catalogue_is_not_late_standing_still_is(self):
        self.fill_on()
        self.let_wait(100, acknowledged_at=None, expected_at=None)
        self.assert_not_late()
        self.assert_not_late(START + minutes(1))
        self.assert_late(START + timedelta(minutes=1, seconds=1))

    def test_number_left_out_of_the_filling_is_late_in_the_end(self):
        """One that never gets its turn was silent while others were taken."""
        self.fill_on()
        self.let_wait(122, acknowledged_at=None, expected_at=None)
        self.assert_not_late()
        self.let_wait(123, acknowledged_at=None, expected_at=None)
        self.assert_late()

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
