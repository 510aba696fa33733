from datetime import timedelta
from unittest.mock import patch

from odoo.exceptions import AccessError, UserError, ValidationError
from odoo.tests import tagged
from odoo.tools import mute_logger

from odoo.addons.stock_channel_hub.connectors.testing.fake_channel import Fault
from odoo.addons.stock_channel_hub.models import stock_channel_read_back
from odoo.addons.stock_channel_hub.models.stock_channel_cron import StockChannelCron

from .drift_common import PUBLISH_LOGGER, START, DriftCase


@tagged("post_install", "-at_install")
class TestReadBack(DriftCase):
    """Which rows are read when."""

    def test_slices_cover_the_catalogue_within_the_hours(self):
        self.add_listings(89)
        self.channel.read_back_hours = 1
        counts, reading = self.counting_reads()
        with reading:
            # 90 rows an hour are 1.5 a minute.
            self.poll()
            self.poll()
            self.wait(minutes=3)
            self.poll()
            self.assertEqual(counts, [2, 2, 6])
            self.wait(seconds=30)
            self.run_poll()
            self.assertEqual(counts, [2, 2, 6])
            self.wait(seconds=15)
            self.run_poll()
            self.assertEqual(counts, [2, 2, 6, 2])
            start = self.now()
            for _minute in range(54):
                self.poll()
        self.assertEqual(counts[4:], [2] * 54)
        self.assertFalse(self.rows().filtered(lambda row: not row.observed_at))
        self.assertEqual(min(self.rows().mapped("observed_at")) > START, True)
        self.assertEqual(self.channel.read_back_at, start + timedelta(minutes=54))

    def test_longest_unread_goes_first(self):
        self.add_listings(3)
        self.compare()
        rows = self.rows().sorted("id")
        ages = {rows[0]: 5, rows[1]: 50, rows[2]: 20, rows[3]: 90}
        for row, minutes in ages.items():
            row.observed_at = self.now() - timedelta(minutes=minutes)
        self.channel.write({"read_back_hours": 1, "read_back_at": self.now()})
        self.wait(minutes=30)
        self.run_poll()
        self.assertEqual(
            rows.filtered(lambda row: row.observed_at == self.now()), rows[1] | rows[3]
        )

    def test_small_catalogue_is_not_read_every_minute(self):
        self.channel.read_back_hours = 24
        counts, reading = self.counting_reads()
        with reading:
            self.poll()
            self.assertEqual(counts, [1])
            self.wait(hours=23)
            self.run_poll()
            self.assertEqual(counts, [1])
            self.wait(hours=1)
            self.run_poll()
            self.assertEqual(counts, [1, 1])

    def test_downtime_is_not_made_up_at_one_go(self):
        self.add_listings(9)
        self.channel.read_back_hours = 1
        counts, reading = self.counting_reads()
        with reading, patch.object(stock_channel_read_back, "MAX_SLICE", 4):
            self.poll()
            self.wait(days=3)
            self.run_poll()
        self.assertEqual(counts, [1, 4])

    def test_zero_hours_are_on_demand_only(self):
        counts, reading = self.counting_reads()
        with reading:
            self.wait(days=2)
            self.run_poll()
        self.assertEqual(counts, [])
        with self.assertRaises(ValidationError):
            self.channel.read_back_hours = -1

    def test_on_demand_goes_on_until_all_is_read(self):
        self.add_listings(6)
        counts, reading = self.counting_reads()
        with (
            reading,
            self.with_capabilities(batch_size=3),
            patch.object(stock_channel_read_back, "SLICE_SECONDS", 0),
            patch.object(StockChannelCron, "_wake_pollers") as wake,
        ):
            self.channel.action_read_back()
            self.assertEqual(wake.call_count, 1)
            requested_at = self.now()
            self.poll()
            self.assertEqual((counts, wake.call_count), ([3], 2))
            self.assertEqual(self.channel.read_back_requested_at, requested_at)
            self.poll()
            self.assertEqual((counts, wake.call_count), ([3, 3], 3))
            self.poll()
            self.assertEqual((counts, wake.call_count), ([3, 3, 1], 3))
        self.assertFalse(self.channel.read_back_requested_at)
        self.assertEqual(self.channel.read_back_result, {"compared": 7})

    def test_on_demand_reads_all_in_one_run_when_there_is_time(self):
        self.add_listings(6)
        counts, reading = self.counting_reads()
        with (
            reading,
            self.with_capabilities(batch_size=3),
            patch.object(stock_channel_read_back, "MAX_SLICE", 5),
        ):
            self.compare()
        self.assertEqual(counts, [3, 2, 2])
        self.assertEqual(set(self.rows().mapped("observed_at")), {self.now()})

    def test_chosen_numbers_are_read_next(self):
        skus = self.add_listings(4)
        chosen = self.rows().filtered(lambda row: row.listing_id.sku in skus[1:3])
        with self.assertRaises(AccessError):
            chosen.with_user(self.make_user("group_user")).action_read_back()
        chosen.with_user(self.make_user("group_operator")).action_read_back()
        self.poll()
        self.assertEqual(self.rows().filtered("observed_at"), chosen)
        self.assertFalse(any(self.rows().mapped("read_next")))

    def test_number_never_taken_cannot_be_compared(self):
        self.make_listing(self.channel, self.product, "NEW")
        self.run_compute()
        row = self.rows() - self.row
        with self.assertRaises(UserError):
            row.action_read_back()
        self.compare()
        self.assertEqual((row.observed_at, self.row.observed_at), (False, self.now()))

    def test_paused_listing_keeps_its_number(self):
        self.listing.is_paused = True
        self.alter(7)
        self.read_twice()
        self.assertEqual((self.row.drift, self.row.observed_at), (False, False))
        self.assertFalse(self.channel.read_back_requested_at)

    def test_only_operators_compare(self):
        channel = self.channel.with_user(self.make_user("group_user"))
        with self.assertRaises(AccessError):
            channel.action_read_back()
        operator = self.make_user("group_operator")
        self.channel.with_user(operator).action_read_back()
        self.assertEqual(self.channel.read_back_requested_at, self.now())

    def test_nobody_writes_what_the_comparison_found(self):
        manager = self.channel.with_user(self.make_user("group_manager"))
        with self.assertRaises(AccessError):
            manager.read_back_requested_at = self.now()
        manager.drift_rule = "exception"
        self.assertEqual(self.channel.drift_rule, "exception")

    def test_connector_without_read_back_declines(self):
        counts, reading = self.counting_reads()
        with reading, self.with_capabilities(read_back=False):
            self.channel.invalidate_recordset()
            self.assertFalse(self.channel.has_read_back)
            with self.assertRaisesRegex(UserError, "no read-back"):
                self.channel.action_read_back()
            with self.assertRaisesRegex(UserError, "no read-back"):
                self.row.action_read_back()
            self.channel.read_back_hours = 1
            self.poll()
        self.assertEqual(counts, [])

    def test_paused_channel_is_not_compared(self):
        self.channel.action_pause()
        with self.assertRaisesRegex(UserError, "neither live nor in shadow"):
            self.channel.action_read_back()

    @mute_logger(PUBLISH_LOGGER)
    def test_failing_channel_is_left_alone(self):
        self.add_listings(3)
        self.alter(7)
        with self.with_capabilities(batch_size=2):
            # Orders, the first two rows, then the trouble.
            self.shop.transport.faults = [None, None, Fault.DOWN]
            self.compare()
            self.assertEqual(len(self.rows().filtered("observed_at")), 2)
            self.assertEqual(self.channel.failure_count, 1)
            pause = self.channel.next_attempt_at - self.now()
            self.assertEqual(pause // timedelta(seconds=1), 11)
            self.assertTrue(self.channel.read_back_requested_at)
            self.assertFalse(self.channel.read_back_ended_at)
            self.wait(seconds=10)
            calls = len(self.shop.transport.calls)
            self.run_poll()
            self.assertEqual(len(self.shop.transport.calls), calls)
            self.poll()
        self.assertEqual(len(self.rows().filtered("observed_at")), 4)
        self.assertEqual(self.channel.failure_count, 0)
        self.assertFalse(self.channel.read_back_requested_at)

    @mute_logger(PUBLISH_LOGGER)
    def test_after_failed_polling_nothing_is_read(self):
        counts, reading = self.counting_reads()
        self.shop.transport.faults = [Fault.BROKEN]
        with reading:
            self.compare()
        self.assertEqual((counts, self.channel.failure_count), ([], 1))

    def test_going_live_anew_forgets_what_was_shown(self):
        self.channel.drift_rule = "exception"
        self.alter(7)
        self.read_twice()
        self.channel.action_pause()
        self.channel.action_go_live()
        self.assertEqual((self.row.drift, self.row.drift_streak), (False, 0))
        self.assertFalse(self.row.observed_at)
        self.assertFalse(self.drift_exceptions())
