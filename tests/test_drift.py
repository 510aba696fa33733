from decimal import Decimal

from odoo.exceptions import AccessError
from odoo.tests import tagged

from .drift_common import DriftCase


@tagged("post_install", "-at_install")
class TestDrift(DriftCase):
    """What a difference is, and what becomes of it."""

    # --------------------------------------------------------------- agreeing

    def test_agreeing_number_is_observed_and_nothing_else(self):
        calls = len(self.shop.books.effects)
        self.compare()
        self.assertEqual(
            (self.row.observed_qty, self.row.observed_at), (10, self.now())
        )
        self.assertEqual((self.row.drift, self.row.state), (False, "clean"))
        self.assertEqual(self.channel.read_back_result, {"compared": 1})
        self.assertEqual(self.channel.read_back_summary, "1 compared: all agree")
        self.assertEqual(self.channel.read_back_ended_at, self.now())
        self.assertEqual(len(self.shop.books.effects), calls)

    def test_own_sales_do_not_differ(self):
        self.wait(minutes=1)
        self.shop.books.sell("DESK", "main", Decimal(2))
        self.order()
        self.compare()
        self.assertEqual((self.row.observed_qty, self.row.drift), (8, False))

    # ------------------------------------------------------------------ doubt

    def test_first_difference_is_a_doubt(self):
        self.alter(7)
        self.compare()
        self.assertEqual(
            (self.row.drift, self.row.drift_qty, self.row.drift_at),
            ("in_flight", 7, self.now()),
        )
        self.assertEqual((self.row.state, self.row.expected_qty), ("clean", 10))
        self.assertFalse(self.drift_exceptions())
        self.assertFalse(self.channel.read_back_ended_at)
        self.assertEqual(self.channel.drift_count, 1)

    def test_doubt_is_read_again_in_the_next_run(self):
        skus = self.add_listings(2)
        self.alter(7, skus[0])
        self.compare()
        counts, reading = self.counting_reads()
        with reading:
            self.poll()
        self.assertEqual(counts, [1])

    def test_number_that_was_on_its_way_is_read_again_when_it_rests(self):
        """It came to rest without being sent, and nobody looked at it for a day."""
        self.alter(17)
        self.receive(self.product, -2)
        self.run_compute()
        self.assertEqual(self.row.state, "pending")
        self.compare()
        self.assertEqual(self.row.drift, "in_flight")
        counts, reading = self.counting_reads()
        with reading:
            self.poll()
        self.assertEqual(counts, [], "a number on its way is left alone")
        self.receive(self.product, 2)
        self.run_compute()
        self.assertEqual((self.row.state, self.row.expected_qty), ("clean", 10))
        self.poll()
        self.assertEqual((self.row.drift, self.row.state), ("edited", "pending"))
        self.run_publish()
        self.assertEqual((self.shown(), self.row.state), (10, "clean"))

    def test_sale_we_had_not_heard_of_is_no_drift(self):
        self.shop.books.sell("DESK", "main", Decimal(2))
        self.compare()
        self.assertEqual(self.row.drift, "in_flight")
        self.shop.books.orders["1001"] = self.order_data()
        self.poll()
        # The order is stored but not worked off: it may explain the difference.
        self.assertEqual((self.row.drift, self.row.drift_at), ("in_flight", self.now()))
        self.run_inbox()
        self.poll()
        self.assertEqual((self.row.expected_qty, self.row.observed_qty), (8, 8))
        self.assertEqual((self.row.drift, self.row.drift_streak), (False, 0))
        self.assertNotIn("drift", self.row.log_ids.mapped("cause"))
        self.assertEqual(self.channel.read_back_result, {"compared": 1})

    def test_doubt_starts_over_while_the_number_moves(self):
        self.alter(7)
        self.compare()
        self.alter(6)
        self.poll()
        self.assertEqual(
            (self.row.drift, self.row.drift_qty, self.row.drift_at),
            ("in_flight", 6, self.now()),
        )
        self.poll()
        self.assertEqual((self.row.drift, self.row.expected_qty), ("edited", 6))

    def test_second_reading_without_polling_in_between_decides_nothing(self):
        self.alter(7)
        self.compare()
        doubted_at = self.row.drift_at
        self.wait(minutes=30)
        self.run_job("stock.channel", "_read_back", self.channel.id)
        self.assertEqual(self.row.observed_at, self.now())
        self.assertEqual((self.row.drift, self.row.drift_at), ("in_flight", doubted_at))

    def test_without_polling_the_second_reading_is_a_minute_later(self):
        with self.with_capabilities(polling=False):
            self.alter(7)
            self.compare()
            self.wait(seconds=59)
            self.run_poll()
            self.assertEqual(self.row.drift, "in_flight")
            self.wait(seconds=1)
            self.run_poll()
            self.assertEqual(self.row.drift, "edited")

    def test_number_that_changes_while_it_is_read_stays_in_doubt(self):
        self.alter(8)
        self.compare()

        def sell_two(row):
            row._channel_moved(row.listing_id, row.channel_location_id, -1, self.now())

        with self.during_fetch(sell_two):
            self.poll()
        self.assertEqual((self.row.expected_qty, self.row.state), (9, "clean"))
        self.assertEqual((self.row.drift, self.row.drift_at), ("in_flight", self.now()))
        self.assertEqual(self.row.observed_qty, 8)
        self.poll()
        self.assertEqual((self.row.drift, self.row.expected_qty), ("edited", 8))

    def test_number_under_way_is_observed_only(self):
        self.receive(self.product, 5)
        self.run_compute()
        self.alter(7)
        self.compare()
        self.assertEqual((self.row.observed_qty, self.row.observed_at), (7, self.now()))
        self.assertEqual((self.row.state, self.row.drift), ("pending", "in_flight"))
        self.assertFalse(self.row.read_next)
        self.assertEqual(self.row.expected_qty, 10)
        counts, reading = self.counting_reads()
        with reading:
            self.poll()
        self.assertEqual(counts, [])
        self.compare()
        self.assertEqual((self.row.drift, self.row.expected_qty), ("in_flight", 10))

    def test_reading_under_a_former_id_says_nothing(self):
        def rename(row):
            row.listing_id.sku = "DESK-2"

        self.alter(7)
        with self.during_fetch(rename):
            self.compare()
        self.assertFalse(self.row.observed_at)
        self.assertEqual((self.row.drift, self.row.state), (False, "pending"))

    # ------------------------------------------------------------------ kinds

    def test_edited_rise_is_published_behind_the_fence(self):
        self.alter(7)
        self.read_twice()
        self.assertEqual(
            (self.row.drift, self.row.state, self.row.cause),
            ("edited", "pending", "drift"),
        )
        self.assertEqual((self.row.expected_qty, self.row.fence_at), (7, self.now()))
        self.assertEqual(self.row.changed_at, self.now())
        self.run_publish()
        self.assertEqual(self.shown(), 7)
        self.poll()
        self.run_publish()
        self.assertEqual((self.shown(), self.row.state), (10, "clean"))
        self.assertEqual((self.row.drift, self.row.drift_streak), (False, 1))
        self.assertEqual(self.row.log_ids[:1].cause, "drift")
        self.assertEqual(self.row.log_ids[:1].previous_qty, 7)
        self.assertEqual(self.channel.read_back_result, {"compared": 1, "edited": 1})
        self.assertEqual(
            self.channel.read_back_summary, "1 compared: Edited at the Channel 1"
        )
        self.assertFalse(self.drift_exceptions())

    def test_edited_fall_is_published_at_once(self):
        self.alter(15)
        self.read_twice()
        self.run_publish()
        self.assertEqual((self.shown(), self.row.state), (10, "clean"))

    def test_edited_to_what_is_wanted_is_accepted(self):
        self.env.cr.execute(
            "UPDATE stock_channel_publication SET expected_qty = 12 WHERE id = %s",
            [self.row.id],
        )
        self.row.invalidate_recordset()
        self.read_twice()
        self.assertEqual((self.row.expected_qty, self.row.drift), (10, False))
        self.assertEqual(self.row.state, "clean")

    def test_late_channel_is_left_alone_until_it_is_too_late(self):
        self.receive(self.product, 5)
        self.run_all()
        self.assertEqual((self.shown(), self.row.state), (15, "clean"))
        self.alter(10)
        self.read_twice()
        self.assertEqual((self.row.drift, self.row.state), ("late", "clean"))
        self.assertEqual(self.row.expected_qty, 15)
        self.wait(minutes=6, seconds=59)
        self.run_poll()
        self.assertEqual(self.row.drift, "late")
        self.wait(seconds=61)
        self.run_poll()
        self.assertEqual((self.row.drift, self.row.state), ("edited", "pending"))
        self.poll()
        self.run_publish()
        self.assertEqual((self.shown(), self.row.state), (15, "clean"))

    def test_late_channel_that_comes_round_is_forgiven(self):
        self.receive(self.product, 5)
        self.run_all()
        self.alter(10)
        self.read_twice()
        self.assertEqual(self.row.drift, "late")
        self.alter(15)
        self.poll()
        self.assertEqual((self.row.drift, self.row.drift_streak), (False, 0))

    def test_refused_number_is_no_second_task(self):
        self.row.write({"state": "rejected"})
        self.alter(7)
        self.read_twice()
        self.assertEqual((self.row.drift, self.row.state), ("refused", "rejected"))
        self.assertEqual((self.row.expected_qty, self.row.drift_streak), (10, 0))
        self.assertFalse(self.drift_exceptions())

    def test_item_the_channel_lacks_is_a_persons(self):
        del self.shop.books.levels["DESK", "main"]
        self.compare()
        self.assertEqual((self.row.drift, self.row.drift_qty), ("in_flight", 0))
        self.poll()
        self.assertEqual((self.row.drift, self.row.state), ("unknown", "clean"))
        exception = self.drift_exceptions()
        self.assertEqual(
            (exception.value, exception.expected_value, exception.publication_id),
            (False, "10", self.row),
        )
        self.add_shop_item("DESK", "main", 3)
        self.row.action_publish_again()
        self.assertEqual(exception.state, "resolved")
        self.poll()
        self.run_publish()
        self.assertEqual((self.shown(), self.row.state), (10, "clean"))
        self.assertFalse(self.row.drift)

    # ------------------------------------------------------------------ rules

    def test_ask_a_person(self):
        self.channel.drift_rule = "exception"
        self.alter(7)
        self.read_twice()
        self.assertEqual((self.row.drift, self.row.state), ("edited", "clean"))
        self.assertEqual(self.row.expected_qty, 10)
        exception = self.drift_exceptions()
        self.assertEqual(exception.fingerprint, f"drift:{self.row.id}")
        self.assertEqual((exception.value, exception.expected_value), ("7", "10"))
        self.assertIn("no order explains it", exception.cause)
        self.assertIn("Publish the number again", exception.next_step)
        self.compare()
        self.assertEqual(exception.occurrences, 1)
        self.assertEqual(self.channel.read_back_result, {"compared": 1, "edited": 1})

    def test_person_publishes_again(self):
        self.channel.drift_rule = "exception"
        self.alter(7)
        self.read_twice()
        exception = self.drift_exceptions()
        with self.assertRaises(AccessError):
            self.row.with_user(self.make_user("group_user")).action_publish_again()
        self.row.with_user(self.make_user("group_operator")).action_publish_again()
        self.assertEqual((self.row.state, self.row.expected_qty), ("pending", 7))
        self.assertEqual(exception.state, "resolved")
        self.poll()
        self.run_publish()
        self.assertEqual((self.shown(), self.row.drift), (10, False))

    def test_retry_on_the_exception_publishes_again(self):
        self.channel.drift_rule = "exception"
        self.alter(12)
        self.read_twice()
        operator = self.make_user("group_operator")
        self.drift_exceptions().with_user(operator).action_retry()
        self.run_publish()
        self.assertEqual((self.shown(), self.row.state), (10, "clean"))

    def test_exception_heals_when_the_channel_agrees_again(self):
        self.channel.drift_rule = "exception"
        self.alter(7)
        self.read_twice()
        self.alter(10)
        self.compare()
        self.assertFalse(self.drift_exceptions())
        self.assertEqual(len(self.drift_exceptions("resolved")), 1)
        self.assertEqual((self.row.drift, self.row.drift_streak), (False, 0))

    def test_exception_heals_after_stock_put_it_right(self):
        self.channel.drift_rule = "exception"
        del self.shop.books.levels["DESK", "main"]
        self.read_twice()
        self.add_shop_item("DESK", "main", 10)
        self.receive(self.product, 1)
        self.run_all()
        self.assertEqual((self.shown(), self.row.drift), (11, False))
        self.assertEqual(len(self.drift_exceptions()), 1)
        # Somebody waits for it: it is read in the next run, on demand or not.
        self.poll()
        self.assertFalse(self.drift_exceptions())

    def test_third_edit_in_a_row_is_a_persons_too(self):
        for edit in (1, 2, 3):
            self.alter(20 + edit)
            self.read_twice()
            self.run_publish()
            self.assertEqual((self.shown(), self.row.drift_streak), (10, edit))
            self.assertEqual(len(self.drift_exceptions()), edit == 3)
        self.assertIn("3 times in a row", self.drift_exceptions().cause)
        self.compare()
        self.assertFalse(self.drift_exceptions())
        self.assertEqual(self.row.drift_streak, 0)

    def test_agreeing_in_between_ends_the_streak(self):
        for _edit in range(3):
            self.alter(20)
            self.read_twice()
            self.run_publish()
            self.compare()
            self.assertEqual((self.shown(), self.row.drift_streak), (10, 0))
        self.assertFalse(self.drift_exceptions("resolved"))

    def test_flood_is_one_exception(self):
        self.channel.drift_rule = "exception"
        skus = self.add_listings(30)
        for sku in skus[:21]:
            self.alter(3, sku)
        self.read_twice()
        exception = self.drift_exceptions()
        self.assertEqual(exception.fingerprint, f"drift:channel:{self.channel.id}")
        self.assertEqual((exception.value, exception.occurrences), ("21", 1))
        self.assertEqual(self.rows().filtered("drift").mapped("drift_qty"), [3.0] * 21)
        self.assertEqual(set(self.rows().mapped("state")), {"clean"})
        self.compare()
        self.assertEqual((exception.state, exception.occurrences), ("open", 1))
        exception.action_retry()
        self.poll()
        self.run_publish()
        self.assertEqual({self.shown(sku) for sku in skus}, {10.0})
        self.assertEqual(exception.state, "open")
        self.compare()
        self.assertEqual(exception.state, "resolved")

    def test_twenty_differences_are_twenty_tasks(self):
        self.channel.drift_rule = "exception"
        for sku in self.add_listings(25)[:20]:
            self.alter(3, sku)
        self.read_twice()
        self.assertEqual(len(self.drift_exceptions()), 20)
        self.assertEqual(len(self.drift_exceptions().publication_id), 20)

    # --------------------------------------------------------------------- R13

    def test_r13_altered_numbers_are_repaired_in_one_cycle(self):
        """R13, second half: 1 % of the channel's numbers altered by hand."""
        skus = self.add_listings(299)
        altered = dict(zip(skus[50::100], (0, 4, 25), strict=True))
        for sku, quantity in altered.items():
            self.alter(quantity, sku)
        self.read_twice()
        self.poll()
        self.run_publish()
        self.assertEqual({self.shown(sku) for sku in [*skus, "DESK"]}, {10.0})
        self.assertEqual(self.channel.read_back_result, {"compared": 300, "edited": 3})
        self.assertEqual(self.channel.drift_count, 0)
        effects = list(self.shop.books.effects)
        pushes = self.env["stock.channel.push"].search_count([])
        self.read_twice()
        self.run_publish()
        self.assertEqual(self.shop.books.effects, effects)
        self.assertEqual(self.env["stock.channel.push"].search_count([]), pushes)
        self.assertEqual(self.channel.read_back_result, {"compared": 300})
        self.assertFalse(self.open_exceptions())

    def test_r13_what_cannot_be_repaired_is_flagged(self):
        skus = self.add_listings(99)
        del self.shop.books.levels[skus[7], "main"]
        self.read_twice()
        flagged = self.drift_exceptions()
        self.assertEqual(flagged.publication_id.listing_id.sku, skus[7])
        self.read_twice()
        self.assertEqual((flagged.state, flagged.occurrences), ("open", 1))
