"""How old numbers were when the channel took them.

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
from odoo.addons.stock_channel_hub.models.stock_channel_breaker import (
    StockChannelBreaker,
)
from odoo.addons.stock_channel_hub.models.stock_channel_freshness import (
    StockChannelFreshness,
)
from odoo.addons.stock_channel_hub.models.stock_channel_freshness_report import (
    plain_duration,
)

from .common import HubCase

START = (datetime.now(UTC) + timedelta(days=3)).replace(
    hour=10, minute=30, second=0, microsecond=0, tzinfo=None
)
HOUR = START.replace(minute=0)
MIXIN_LOGGER = "odoo.addons.stock_channel_hub.models.stock_channel_mixin"


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
        answered = StockChannelBreaker._channel_answered
        failures = [psycopg2.errors.SerializationFailure("another was first")]

        def lose_once(channel, **kwargs):
            answered(channel, **kwargs)
            if failures:
                raise failures.pop()

        self.receive(self.product, -4)
        with patch.object(StockChannelBreaker, "_channel_answered", lose_once):
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
