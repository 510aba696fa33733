from contextlib import suppress
from datetime import datetime, timedelta
from unittest.mock import patch

from odoo.tests import tagged
from odoo.tools import SQL, mute_logger

from odoo.addons.stock_channel_hub.connectors.rest import RestConnector
from odoo.addons.stock_channel_hub.connectors.strict_json import format_time
from odoo.addons.stock_channel_hub.connectors.testing.fake_channel import Fault
from odoo.addons.stock_channel_hub.models import stock_channel_poll
from odoo.addons.stock_channel_hub.models.stock_channel_message import (
    StockChannelMessage,
)
from odoo.addons.stock_channel_hub.models.stock_channel_poll import as_aware

from .clock import NOON, ClockCase

PUBLISH_LOGGER = "odoo.addons.stock_channel_hub.models.stock_channel_publish"


class Killed(BaseException):
    """What a killed worker looks like: nothing catches it."""


@tagged("post_install", "-at_install")
class TestCursor(ClockCase):
    """Polling loses nothing, whatever ends a round, and holds up nobody else.

    The shop answers two orders a page.
    """

    def setUp(self):
        super().setUp()
        self.receive(self.product, 1000)
        # The round of going live found no order at all.
        self.pass_time(3600)

    def sell(self, order_id, minute=0, **vals):
        """Let the shop have an order, changed so many minutes after noon."""
        date = NOON + timedelta(minutes=minute)
        self.shop.books.orders[order_id] = self.order_data(
            order_id, **{"updated_at": format_time(as_aware(date)), **vals}
        )

    def sell_many(self, count, first=1, minutes=True):
        for number in range(first, first + count):
            self.sell(f"{number}", number if minutes else 30)

    @property
    def cursor(self):
        return self.env["stock.channel.cursor"].search(
            [("channel_id", "=", self.channel.id), ("resource", "=", "orders")]
        )

    def stored(self, channel=None):
        messages = self.env["stock.channel.message"].search(
            [("channel_id", "=", (channel or self.channel).id)], order="id"
        )
        return [message.order_key.removeprefix("order:") for message in messages]

    def asked(self):
        """Return from which moment each page of orders was asked for."""
        return [
            (call.params.get("updated_since"), call.params.get("cursor"))
            for call in self.shop.transport.calls
            if call.url.endswith("/orders")
        ]

    def minute(self, number):
        return NOON + timedelta(minutes=number)

    # -------------------------------------------------------------- R13

    def test_r13_lost_webhooks_are_found_by_one_round(self):
        """One in twenty is dropped for good; the second round changes nothing."""
        self.shop.page_size = 7
        for number in range(1, 41):
            data = self.order_data(f"{number}", updated_at=format_time(as_aware(NOON)))
            self.shop.books.orders[f"{number}"] = data
            if number % 20:
                self.deliver("order.updated", data)
        self.run_inbox()
        orders = self.env["stock.channel.order"]
        domain = [("channel_id", "=", self.channel.id)]
        self.assertEqual(orders.search_count(domain), 38)
        self.run_poll()
        self.run_inbox()
        found = orders.search(domain)
        self.assertEqual(
            sorted(found.mapped("external_id"), key=int),
            [f"{number}" for number in range(1, 41)],
        )
        self.assertEqual(set(found.mapped("state")), {"applied"})
        self.assertEqual(len(found.sale_order_id), 40)
        self.assertEqual(
            sum(found.sale_order_id.order_line.mapped("qty_to_deliver")), 80
        )
        counts = self.counts()
        self.assertEqual(counts["stock.channel.message"], 78)
        self.pass_time(60)
        self.run_poll()
        self.run_inbox()
        self.assertEqual(self.counts(), counts)
        self.assertFalse(self.open_exceptions())

    def counts(self):
        models = (
            "stock.channel.message",
            "stock.channel.order",
            "sale.order.line",
            "stock.move",
        )
        return {model: self.env[model].search_count([]) for model in models}

    def test_same_version_by_webhook_and_polling_has_one_effect(self):
        self.sell("1", 1)
        self.deliver("order.updated", self.shop.books.orders["1"])
        self.run_poll()
        self.run_inbox()
        self.assertEqual(self.stored(), ["1", "1"])
        self.assertEqual(
            self.find_order("1").sale_order_id.order_line.product_uom_qty, 2
        )
        moves = self.env["stock.move"].search([("product_id", "=", self.product.id)])
        self.assertEqual(moves.mapped("product_uom_qty"), [2])

    def test_same_version_with_another_content_counts_as_polled(self):
        self.sell("1", 1)
        self.run_poll()
        self.run_inbox()
        self.sell("1", 2, lines=[self.line_data("1", "DESK", 5)])
        for _round in range(2):
            self.pass_time(60)
            self.run_poll()
            self.run_inbox()
        self.assertEqual(self.stored(), ["1", "1"])
        self.assertEqual(
            self.find_order("1").sale_order_id.order_line.product_uom_qty, 5
        )

    # ------------------------------------------------------------- crashes

    def die(self):
        """Run the job until it dies; what it had committed stays.

        Odoo's ``assertRaises`` would roll that back.
        """
        with suppress(Killed):
            self.run_poll()
            self.fail("nobody died")
        self.env.invalidate_all()

    def killed_after(self, pages):
        """Patch the connector to die after so many pages."""
        fetch_orders = RestConnector.fetch_orders

        def fetch(connector, since):
            for number, page in enumerate(fetch_orders(connector, since), start=1):
                yield page
                if number == pages:
                    raise Killed

        return patch.object(RestConnector, "fetch_orders", fetch)

    def test_round_killed_between_pages_goes_on_behind_the_last_one(self):
        self.sell_many(9)
        polled_at = self.channel.polled_at
        began_at = self.env.cr.now()
        with self.killed_after(2):
            self.die()
        # The pages overlap by the order at their seam.
        self.assertEqual(self.stored(), ["1", "2", "3"])
        self.assertEqual(
            (self.cursor.position, self.cursor.read_until, self.cursor.started_at),
            (self.minute(3), False, began_at),
        )
        self.assertEqual(self.channel.polled_at, polled_at)
        self.pass_time(600)
        self.shop.transport.calls.clear()
        self.run_poll()
        self.assertEqual(self.asked()[0], ("2026-11-23T12:03:00Z", None))
        self.assertEqual(self.stored(), [f"{number}" for number in range(1, 10)])
        self.assertEqual(
            (self.cursor.position, self.cursor.read_until, self.cursor.started_at),
            (False, self.minute(9), False),
        )
        # Counted from when the round began, not from when it was taken up again.
        self.assertEqual(self.channel.polled_at, began_at)
        self.assertEqual(self.cursor.completed_at, began_at)

    def test_page_that_cannot_be_stored_is_read_again(self):
        """Cursor and page are one transaction: neither comes without the other."""
        self.sell_many(5)
        store = StockChannelMessage._store

        def broken(messages, channel, **vals):
            if vals["order_key"] == "order:3":
                raise Killed
            return store(messages, channel, **vals)

        with patch.object(StockChannelMessage, "_store", broken):
            self.die()
        self.assertEqual(self.stored(), ["1", "2"])
        self.assertEqual(self.cursor.position, self.minute(2))
        self.run_poll()
        self.assertEqual(self.stored(), ["1", "2", "3", "4", "5"])

    @mute_logger(PUBLISH_LOGGER)
    def test_round_that_fails_on_a_page_goes_on_there(self):
        self.sell_many(6)
        self.shop.transport.faults += [None, None, Fault.BROKEN]
        self.run_poll()
        self.assertEqual(self.stored(), ["1", "2", "3"])
        self.assertEqual(self.channel.failure_count, 1)
        self.pass_time(3600)
        self.run_poll()
        self.assertEqual(self.stored(), ["1", "2", "3", "4", "5", "6"])
        self.assertEqual(self.channel.failure_count, 0)

    def test_next_round_looks_five_minutes_back(self):
        self.sell_many(9)
        self.run_poll()
        self.shop.transport.calls.clear()
        self.pass_time(60)
        self.run_poll()
        self.assertEqual(self.asked()[0], ("2026-11-23T12:04:00Z", None))
        self.assertEqual(len(self.stored()), 9)
        self.assertEqual(self.cursor.read_until, self.minute(9))

    # --------------------------------------------------------------- clocks

    def test_equal_dates_at_the_seam_of_pages_lose_nothing(self):
        self.sell_many(2)
        self.sell_many(5, first=3, minutes=False)
        self.run_poll()
        self.assertEqual(self.stored(), [f"{number}" for number in range(1, 8)])

    def test_order_that_moves_to_the_end_hides_no_other(self):
        """The shop counts its pages: what changes makes all behind it move up."""
        self.sell_many(6)
        fetch_orders = RestConnector.fetch_orders

        def fetch(connector, since):
            pages = fetch_orders(connector, since)
            yield next(pages)
            self.sell("1", 50, version=2)
            yield from pages

        with patch.object(RestConnector, "fetch_orders", fetch):
            self.run_poll()
        self.assertEqual(self.stored(), ["1", "2", "3", "4", "5", "6", "1"])

    def test_channel_whose_clock_runs_ahead_hides_nothing(self):
        """Dated tomorrow by mistake; what is dated rightly afterwards is found."""
        self.sell("1", 24 * 60)
        now = self.env.cr.now()
        self.run_poll()
        self.assertEqual(self.cursor.read_until, now)
        self.pass_time(60)
        self.sell("2", 60)
        self.run_poll()
        self.assertEqual(self.stored(), ["1", "2"])

    def test_position_never_passes_the_present(self):
        cursor = self.cursor
        now = self.env.cr.now()
        for moment, expected in (
            (now - timedelta(minutes=1), now - timedelta(minutes=1)),
            (now + timedelta(days=1), now),
            (now - timedelta(minutes=9), now),
        ):
            cursor.sudo()._advance(moment)
            self.assertEqual(cursor.position, expected)

    # ------------------------------------------------------------- fairness

    def other_channel(self):
        """Return a second live channel in front of the same shop's orders."""
        other = self.make_channel(name="Other")
        self.make_place(other, "main", self.shelf)
        self.make_listing(other, self.make_product("Lamp"), "LAMP")
        self.shops[other.id] = type(self.shop)(lambda: as_aware(datetime.now()))  # noqa: DTZ005
        self.go_live(other)
        return other

    def test_large_backlog_yields_after_its_slice_and_goes_on(self):
        self.sell_many(6)
        other = self.other_channel()
        self.shops[other.id].books.orders["B"] = self.order_data("B")
        polled_at = self.channel.polled_at
        steps = []
        with patch.object(stock_channel_poll, "SLICE_SECONDS", 0):
            for _run in range(3):
                self.run_poll()
                steps.append(len(self.stored()))
            self.assertEqual(self.channel.polled_at, polled_at)
        # Each run begins with the order that the last one ended with.
        self.assertEqual(steps, [2, 3, 4])
        self.run_poll(other)
        self.assertEqual(self.stored(other), ["B"])
        self.run_poll()
        self.assertEqual(self.stored(), ["1", "2", "3", "4", "5", "6"])
        self.assertGreater(self.channel.polled_at, polled_at)

    def test_backlog_wakes_its_own_job_and_no_other(self):
        self.sell_many(6)
        other = self.other_channel()
        self.assertNotEqual(self.channel.poll_cron_id, other.poll_cron_id)
        with (
            patch.object(stock_channel_poll, "SLICE_SECONDS", 0),
            patch.object(type(self.channel), "_trigger_after_commit") as trigger,
        ):
            self.run_poll()
        woken = [call.args[0] for call in trigger.call_args_list]
        self.assertIn(self.channel.poll_cron_id.id, [cron.id for cron in woken])
        self.assertNotIn(other.poll_cron_id.id, [cron.id for cron in woken])

    def test_slice_is_not_over_before_it_came_further(self):
        """Otherwise orders of one date, more than a slice reads, would be for ever."""
        self.sell_many(9, minutes=False)
        with patch.object(stock_channel_poll, "SLICE_SECONDS", 0):
            for _run in range(2):
                self.run_poll()
        self.assertEqual(len(self.stored()), 9)
        self.assertEqual(self.cursor.read_until, self.minute(30))

    @mute_logger(PUBLISH_LOGGER)
    def test_failing_channel_delays_no_other(self):
        other = self.other_channel()
        self.sell("1", 1)
        self.shops[other.id].books.orders["B"] = self.order_data("B")
        self.shop.transport.faults.append(Fault.BROKEN)
        self.run_poll()
        self.run_poll(other)
        self.assertEqual((self.stored(), self.stored(other)), ([], ["B"]))
        self.assertEqual((self.channel.failure_count, other.failure_count), (1, 0))

    def test_paused_channel_is_not_asked_for_the_next_page(self):
        self.sell_many(6)
        store = StockChannelMessage._store

        def pausing(messages, channel, **vals):
            channel.state = "paused"
            return store(messages, channel, **vals)

        with patch.object(StockChannelMessage, "_store", pausing):
            self.run_poll()
        self.assertEqual(self.stored(), ["1", "2"])

    # ------------------------------------------------------------- migration

    def test_position_of_an_older_database_is_taken_over(self):
        self.cursor.sudo().unlink()
        self.env.cr.execute(
            "ALTER TABLE stock_channel ADD COLUMN IF NOT EXISTS order_cursor timestamp"
        )
        self.env.cr.execute(
            SQL(
                "UPDATE stock_channel SET order_cursor = %s WHERE id = %s",
                self.minute(7),
                self.channel.id,
            )
        )
        self.env["stock.channel.cursor"].init()
        self.env.invalidate_all()
        self.assertEqual(self.channel.cursor_ids.mapped("resource"), ["orders"])
        self.assertEqual(
            (self.cursor.read_until, self.cursor.company_id),
            (self.minute(7), self.company),
        )
        self.env["stock.channel.cursor"].init()
        self.assertEqual(len(self.channel.cursor_ids), 1)
