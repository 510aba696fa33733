from datetime import timedelta
from unittest.mock import patch

from freezegun import freeze_time

from odoo import fields
from odoo.tests import tagged
from odoo.tools import mute_logger

from odoo.addons.stock_channel_hub.models.stock_channel_clock import StockChannelClock

from .common import HubCase

NOON = fields.Datetime.to_datetime("2030-06-01 12:00:00")
MINUTE = timedelta(minutes=1)
HOUR = timedelta(hours=1)
DAY = timedelta(days=1)
CLOCK_LOGGER = "odoo.addons.stock_channel_hub.models.stock_channel_clock"


class ClockCase(HubCase):
    """Milk that expires, at a channel that was never looked at."""

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.milk = cls.make_expiring("Milk")
        cls.milk_listing = cls.make_listing(cls.channel, cls.milk, "MILK")

    def setUp(self):
        super().setUp()
        self.forget()

    @classmethod
    def make_expiring(cls, name):
        return cls.make_product(name, tracking="lot", use_expiration_date=True)

    def make_lot(self, product, removal, expiration=None, in_stock=True):
        lot = self.env["stock.lot"].create(
            {
                "name": f"LOT-{removal}",
                "product_id": product.id,
                "removal_date": removal,
                "expiration_date": expiration or removal,
            }
        )
        if in_stock:
            self.receive(product, 5, lot_id=lot)
        self.forget()
        return lot

    def make_rule(self, kind, value, **vals):
        rule = self.env["stock.channel.rule"].create(
            {"channel_id": self.channel.id, "kind": kind, "value": value, **vals}
        )
        self.forget()
        return rule

    def forget(self):
        self.env.cr.flush()
        self.env.cr.execute("DELETE FROM stock_channel_dirty")
        self.env.invalidate_all()

    def look(self, at):
        """Let the clock look at that moment.

        :return: {(product id, listing id): changed at} of what it appended.
        """
        self.env.cr.execute("DELETE FROM stock_channel_dirty")
        with freeze_time(at):
            self.run_job("stock.channel.dirty", "_cron_watch")
        self.env.cr.execute(
            "SELECT product_id, listing_id, cause, changed_at FROM stock_channel_dirty"
        )
        rows = self.env.cr.fetchall()
        self.assertEqual({cause for _p, _l, cause, _at in rows} - {"date"}, set())
        found = {(product, listing): moment for product, listing, _c, moment in rows}
        self.assertEqual(len(found), len(rows), "no row twice")
        return found


@tagged("post_install", "-at_install")
class TestPassedLots(ClockCase):
    """Lots whose removal date passes, or whose shelf life becomes too short."""

    def test_first_look_covers_a_day(self):
        juice = self.make_expiring("Juice")
        self.make_listing(self.channel, juice, "JUICE")
        self.make_lot(self.milk, NOON - 23 * HOUR)
        self.make_lot(juice, NOON - 25 * HOUR)
        self.assertEqual(self.look(NOON), {(self.milk.id, None): NOON})
        self.assertEqual(self.channel.dates_checked_at, NOON)

    def test_each_date_is_found_once_and_counts_from_itself(self):
        self.make_lot(self.milk, NOON + timedelta(seconds=30))
        self.assertEqual(self.look(NOON), {})
        passed = NOON + timedelta(seconds=30)
        self.assertEqual(self.look(NOON + MINUTE), {(self.milk.id, None): passed})
        self.assertEqual(self.look(NOON + 2 * MINUTE), {})

    def test_date_at_the_very_moment_is_found_once(self):
        self.make_lot(self.milk, NOON)
        self.assertEqual(self.look(NOON - MINUTE), {})
        self.assertEqual(self.look(NOON), {(self.milk.id, None): NOON})
        self.assertEqual(self.look(NOON + MINUTE), {})

    def test_look_after_a_standstill_covers_all_of_it(self):
        self.look(NOON)
        self.make_lot(self.milk, NOON + DAY)
        self.assertEqual(self.look(NOON + 30 * DAY), {(self.milk.id, None): NOON + DAY})

    def test_expiration_date_passes_after_the_removal_date(self):
        self.make_lot(self.milk, NOON + HOUR, NOON + 2 * HOUR)
        self.look(NOON)
        self.assertEqual(self.look(NOON + HOUR), {(self.milk.id, None): NOON + HOUR})
        self.assertEqual(
            self.look(NOON + 2 * HOUR), {(self.milk.id, None): NOON + 2 * HOUR}
        )

    def test_minimum_shelf_life_of_any_channel(self):
        self.make_channel(name="Choosy", minimum_shelf_life=3)
        self.make_lot(self.milk, NOON + 4 * DAY, NOON + 5 * DAY)
        self.look(NOON)
        self.assertEqual(self.look(NOON + 2 * DAY - MINUTE), {})
        self.assertEqual(
            self.look(NOON + 2 * DAY + MINUTE), {(self.milk.id, None): NOON + 2 * DAY}
        )

    def test_minimum_shelf_life_counts_to_the_removal_date_without_another(self):
        self.channel.minimum_shelf_life = 2
        lot = self.make_lot(self.milk, NOON + 3 * DAY)
        self.env.cr.execute(
            "UPDATE stock_lot SET expiration_date = NULL WHERE id = %s", [lot.id]
        )
        self.look(NOON)
        self.assertEqual(self.look(NOON + DAY), {(self.milk.id, None): NOON + DAY})

    def test_only_what_is_sold_and_in_stock(self):
        unsold = self.make_expiring("Butter")
        undated = self.make_product("Salt", tracking="lot", use_expiration_date=True)
        self.make_listing(self.channel, undated, "SALT")
        self.make_lot(unsold, NOON)
        self.make_lot(undated, NOON)
        self.make_lot(self.milk, NOON, in_stock=False)
        undated.use_expiration_date = False
        self.forget()
        self.assertEqual(self.look(NOON), {})

    def test_component_of_a_kit(self):
        butter = self.make_expiring("Butter")
        self.make_kit(self.make_product("Breakfast"), {butter: 1})
        self.make_lot(butter, NOON)
        self.assertEqual(self.look(NOON), {(butter.id, None): NOON})

    def test_component_of_what_is_made_is_none_of_a_kit(self):
        butter = self.make_expiring("Butter")
        self.make_kit(self.make_product("Cake"), {butter: 1}, type="normal")
        self.make_lot(butter, NOON)
        self.assertEqual(self.look(NOON), {})


@tagged("post_install", "-at_install")
class TestPassedRules(ClockCase):
    """Rules that end, and receipts that come within a horizon."""

    def test_rule_of_a_listing_ends(self):
        ends = NOON + timedelta(seconds=30)
        self.make_rule("cap", 3, listing_id=self.listing.id, expires_at=ends)
        self.assertEqual(self.look(NOON), {})
        self.assertEqual(self.look(NOON + MINUTE), {(None, self.listing.id): ends})
        self.assertEqual(self.look(NOON + 2 * MINUTE), {})

    def test_rule_of_a_channel_ends(self):
        other = self.make_channel(name="Other")
        self.make_listing(other, self.milk, "MILK-2")
        self.make_rule("cap", 3, expires_at=NOON + HOUR)
        self.make_rule("buffer", 3, expires_at=NOON + 2 * HOUR)
        self.look(NOON)
        self.assertEqual(
            self.look(NOON + 3 * HOUR),
            {
                (None, self.listing.id): NOON + HOUR,
                (None, self.milk_listing.id): NOON + HOUR,
            },
        )

    def test_rule_for_good_never_ends(self):
        self.make_rule("cap", 3)
        self.look(NOON)
        self.assertEqual(self.look(NOON + 1000 * DAY), {})

    def receipt(self, date, source=None, target=None, **vals):
        move = self.make_move(
            self.product,
            4,
            source or self.suppliers,
            target or self.stock,
            date=date,
            **vals,
        )
        self.forget()
        return move

    def arrivals(self):
        """Return what the clock finds as the receipts' date comes within 5 days."""
        self.look(NOON)
        return self.look(NOON + MINUTE)

    def test_receipt_comes_within_the_horizon(self):
        self.make_rule("horizon", 5)
        entered = NOON + timedelta(seconds=30)
        self.receipt(entered + 5 * DAY)
        self.assertEqual(self.arrivals(), {(self.product.id, None): entered})
        self.assertEqual(self.look(NOON + 2 * MINUTE), {})

    def test_receipt_to_a_shelf_by_way_of_input(self):
        self.make_rule("horizon", 5, channel_location_id=self.place.id)
        entered = NOON + timedelta(seconds=30)
        self.receipt(
            entered + 5 * DAY,
            target=self.warehouse.wh_input_stock_loc_id,
            location_final_id=self.shelf.id,
        )
        self.assertEqual(self.arrivals(), {(self.product.id, None): entered})

    def test_what_is_no_receipt_in_a_horizon_is_left_out(self):
        date = NOON + timedelta(seconds=30) + 5 * DAY
        south = self.env["stock.warehouse"].create({"name": "South", "code": "HUBS"})
        for name, rule, move in (
            ("no rule", None, {}),
            ("zero days", {"value": 0}, {}),
            ("another horizon", {"value": 6}, {}),
            ("ended", {"value": 5, "expires_at": NOON - 2 * DAY}, {}),
            ("draft", {"value": 5}, {"confirm": False}),
            (
                "delivery",
                {"value": 5},
                {"source": self.stock, "target": self.customers},
            ),
            ("not mapped", {"value": 5}, {"target": south.lot_stock_id}),
        ):
            with self.subTest(name), self.env.cr.savepoint() as savepoint:
                if rule:
                    self.make_rule("horizon", **rule)
                self.receipt(date, **move)
                self.assertEqual(self.arrivals(), {})
                savepoint.rollback()
                self.env.invalidate_all()

    def test_cancelled_receipt_does_not_come(self):
        self.make_rule("horizon", 5)
        move = self.receipt(NOON + timedelta(seconds=30) + 5 * DAY)
        move._action_cancel()
        self.forget()
        self.assertEqual(self.arrivals(), {})


@tagged("post_install", "-at_install")
class TestWatch(ClockCase):
    """The scheduled action that looks at the clock."""

    def test_job_looks_every_minute(self):
        cron = self.env.ref("stock_channel_hub.ir_cron_watch")
        self.assertEqual(
            (cron.active, cron.interval_number, cron.interval_type, cron.code),
            (True, 1, "minutes", "model._cron_watch()"),
        )

    def test_failing_step_is_logged_and_stops_no_other(self):
        self.make_lot(self.milk, NOON)

        def broken():
            self.env["stock.channel.dirty"]._log_products(self.product, "date")
            raise ZeroDivisionError

        steps = StockChannelClock._watch_steps

        with (
            patch.object(
                StockChannelClock,
                "_watch_steps",
                lambda dirty: [broken, *steps(dirty), broken],
            ),
            self.assertLogs(CLOCK_LOGGER, "ERROR") as logs,
        ):
            found = self.look(NOON)
        self.assertEqual(found, {(self.milk.id, None): NOON})
        self.assertEqual(
            [record.getMessage() for record in logs.records],
            ["the step broken of the clock failed"] * 2,
        )

    def test_failed_look_is_made_up_for(self):
        self.look(NOON)
        self.make_lot(self.milk, NOON + MINUTE)
        dirty = type(self.env["stock.channel.dirty"])
        with (
            patch.object(dirty, "_trigger_after_commit", side_effect=ValueError),
            mute_logger(CLOCK_LOGGER),
        ):
            self.assertEqual(self.look(NOON + 2 * MINUTE), {})
        self.assertEqual(self.channel.dates_checked_at, NOON)
        self.assertEqual(
            self.look(NOON + 3 * MINUTE), {(self.milk.id, None): NOON + MINUTE}
        )

    def test_found_dates_wake_the_computation(self):
        self.make_lot(self.milk, NOON)
        dirty = type(self.env["stock.channel.dirty"])
        with patch.object(dirty, "_trigger_after_commit") as trigger:
            self.look(NOON)
            trigger.assert_called_once_with(self.env["stock.channel"]._compute_cron())
            trigger.reset_mock()
            self.look(NOON + MINUTE)
            trigger.assert_not_called()

    def test_found_date_reaches_the_number(self):
        self.make_lot(self.milk, NOON)
        self.look(NOON)
        touched = self.env["stock.channel.availability"]._touched_by(
            self.env["stock.channel.dirty"].search([]).mapped("product_id")
        )
        self.assertEqual(touched, [(self.milk_listing.id,)])

    def test_without_a_channel_in_use_nobody_looks(self):
        self.channel.action_pause()
        self.channel.action_back_to_draft()
        self.make_lot(self.milk, NOON)
        self.assertEqual(self.look(NOON), {})
        self.assertFalse(self.channel.dates_checked_at)
