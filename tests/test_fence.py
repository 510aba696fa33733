from dataclasses import replace
from datetime import timedelta
from decimal import Decimal
from unittest.mock import patch

from odoo.tests import tagged
from odoo.tools import mute_logger

from odoo.addons.stock_channel_hub.connectors.base import QuantityMeaning
from odoo.addons.stock_channel_hub.connectors.errors import RetryLater
from odoo.addons.stock_channel_hub.connectors.rest import RestConnector
from odoo.addons.stock_channel_hub.connectors.testing.fake_channel import Fault
from odoo.addons.stock_channel_hub.models.stock_channel_publish import (
    StockChannelPublish,
)

from .clock import ClockCase

PUBLISH_LOGGER = "odoo.addons.stock_channel_hub.models.stock_channel_publish"


class FenceCase(ClockCase):
    """A shop that sells down from its number and cannot compare before it sets."""

    stock_quantity = 1

    def setUp(self):
        self.set_capabilities(compare_and_set=False)
        super().setUp()
        self.receive(self.product, self.stock_quantity)
        self.run_compute()
        self.poll()
        self.run_all()
        self.row = self.publication()
        self.assertEqual((self.row.state, self.shown()), ("clean", self.stock_quantity))
        self.pass_time(60)

    def set_capabilities(self, **changes):
        patcher = patch.object(
            RestConnector,
            "capabilities",
            replace(RestConnector.capabilities, **changes),
        )
        patcher.start()
        self.addCleanup(patcher.stop)

    def poll(self):
        """Read the channel's orders by a round that starts a second from now."""
        self.pass_time()
        self.run_poll()
        self.pass_time()

    def change_stock(self, quantity):
        self.receive(self.product, quantity)
        self.run_compute()

    def sell(self, quantity=1, order_id="1001", sku="DESK"):
        """Let the shop sell and tell nobody yet."""
        self.shop.books.sell(sku, "main", Decimal(quantity))
        lines = [self.line_data("1", sku, quantity)]
        self.shop.books.orders[order_id] = self.order_data(order_id, lines=lines)

    def shows(self, sku="DESK"):
        """Return every number the shop was ever told for an item."""
        prefix = f"show {sku}@main="
        return [
            float(effect.removeprefix(prefix))
            for effect in self.shop.books.effects
            if effect.startswith(prefix)
        ][1:]


@tagged("post_install", "-at_install")
class TestFence(FenceCase):
    """PROOF section 3: a number must not put sold units back on sale."""

    def test_receipt_after_an_unheard_sale_does_not_sell_it_twice(self):
        self.sell()
        self.change_stock(1)
        self.run_publish()
        self.assertEqual((self.shown(), self.row.wanted_qty), (0, 2))
        self.poll()
        self.run_publish()
        self.assertEqual(self.shown(), 0)
        self.run_inbox()
        self.run_compute()
        self.run_publish()
        self.poll()
        self.run_publish()
        self.assertEqual((self.shown(), self.row.state), (1, "clean"))
        self.assertEqual(self.shows(), [1, 1])

    def test_rise_without_a_sale_goes_after_one_round(self):
        self.change_stock(4)
        self.run_publish()
        self.assertEqual(self.shown(), 1)
        self.poll()
        self.run_publish()
        self.assertEqual((self.shown(), self.row.state), (5, "clean"))

    def test_round_from_before_an_outage_does_not_cover_a_rise(self):
        """It was read in time, but the number could not go out for an hour."""
        self.change_stock(4)
        self.poll()
        self.pass_time(3600)
        self.run_publish()
        self.assertEqual(self.shown(), 1)
        self.poll()
        self.run_publish()
        self.assertEqual(self.shown(), 5)

    def test_fall_waits_for_nothing(self):
        self.change_stock(-1)
        self.run_publish()
        self.assertEqual((self.shown(), self.row.state), (0, "clean"))

    def test_round_that_began_before_the_rise_does_not_count(self):
        """It may have passed the order's page before the order came."""
        fetch_orders = RestConnector.fetch_orders

        def meanwhile(connector, since):
            pages = list(fetch_orders(connector, since))
            self.pass_time()
            self.sell()
            self.change_stock(1)
            self.pass_time()
            return iter(pages)

        with patch.object(RestConnector, "fetch_orders", meanwhile):
            self.run_poll()
        self.run_publish()
        self.assertEqual(self.shown(), 0)
        self.poll()
        self.run_all()
        self.poll()
        self.run_all()
        self.assertEqual(self.shows(), [1, 1])

    def test_older_round_does_not_cover_a_newer_receipt(self):
        """Between the two changes the shop sold; ``changed_at`` is the first one."""
        self.change_stock(1)
        self.poll()
        self.sell()
        self.change_stock(1)
        self.run_publish()
        self.assertEqual((self.row.wanted_qty, self.shown()), (3, 0))
        self.poll()
        self.run_all()
        self.poll()
        self.run_all()
        self.assertEqual(self.shows(), [1, 2])

    def test_number_that_rises_at_the_claim_waits_for_the_next_round(self):
        self.change_stock(1)
        self.poll()
        self.sell()
        self.receive(self.product, 5)
        self.run_publish()
        self.assertEqual((self.row.wanted_qty, self.shown()), (7, 0))
        self.poll()
        self.run_all()
        self.poll()
        self.run_all()
        self.assertEqual(self.shows(), [1, 6])

    def test_unread_message_holds_everything(self):
        self.change_stock(1)
        self.sell()
        self.poll()
        with patch.object(RestConnector, "parse", side_effect=RetryLater("later", 9)):
            self.run_inbox()
        self.run_publish()
        self.assertEqual(self.shown(), 0)

    def test_failed_round_does_not_count(self):
        self.change_stock(1)
        self.pass_time()
        self.shop.transport.faults = [Fault.BROKEN]
        with mute_logger(PUBLISH_LOGGER):
            self.run_poll()
        self.channel.next_attempt_at = False
        self.pass_time()
        self.run_publish()
        self.assertEqual(self.shown(), 1)

    @mute_logger(PUBLISH_LOGGER)
    def test_lost_rise_is_not_sent_again_over_what_was_sold_since(self):
        """It got through, nobody knows, and the shop sold from it."""
        self.set_capabilities(compare_and_set=False, read_back=False)
        self.change_stock(1)
        self.poll()
        self.shop.transport.faults = [Fault.LOST_ANSWER]
        self.run_publish()
        self.assertEqual((self.shown(), self.row.state), (2, "unknown"))
        self.sell()
        self.channel.next_attempt_at = False
        self.pass_time()
        self.run_publish()
        self.assertEqual((self.row.state, self.shown()), ("pending", 1))
        self.poll()
        self.run_all()
        self.poll()
        self.run_all()
        self.assertEqual((self.shown(), self.row.state), (1, "clean"))
        self.assertEqual(self.shows(), [1, 2, 1])

    @mute_logger(PUBLISH_LOGGER)
    def test_what_may_be_a_fall_after_a_lost_answer_goes_at_once(self):
        """The shop shows 1 or 9; it must not sell 9 while there are 5."""
        self.set_capabilities(compare_and_set=False, read_back=False)
        self.change_stock(8)
        self.poll()
        self.shop.transport.faults = [Fault.LOST_ANSWER]
        self.run_publish()
        self.assertEqual((self.shown(), self.row.state), (9, "unknown"))
        self.change_stock(-4)
        self.channel.next_attempt_at = False
        self.run_publish()
        self.assertEqual((self.shown(), self.row.state), (5, "clean"))


@tagged("post_install", "-at_install")
class TestTouchedByMessage(FenceCase):
    """A message that was read holds back the products of its order only."""

    stock_quantity = 10

    def setUp(self):
        super().setUp()
        self.lamp = self.make_product("Lamp", "LAMP")
        self.receive(self.lamp, 10)
        self.lamps = self.make_listing(self.channel, self.lamp, "LAMP")
        self.add_shop_item("LAMP", "main")
        self.set = self.make_product("Set", "SET")
        self.make_kit(self.set, {self.lamp: 2})
        self.sets = self.make_listing(self.channel, self.set, "SET")
        self.add_shop_item("SET", "main")
        self.run_compute()
        self.poll()
        self.run_publish()
        self.assertEqual((self.shown("LAMP"), self.shown("SET")), (10, 5))

    def read_only(self, sku):
        """Read an order and let applying it fail for now."""
        self.sell(1, sku=sku)
        self.poll()
        orders = type(self.env["stock.channel.order"])
        error = RetryLater("later", 900)
        with patch.object(orders, "_apply", side_effect=error):
            self.run_inbox()
        message = self.env["stock.channel.message"].search(
            [("channel_id", "=", self.channel.id)], limit=1
        )
        self.assertEqual(message.state, "pending")
        self.assertTrue(message.channel_order_id.line_ids)

    def rise(self):
        self.receive(self.lamp, 10)
        self.change_stock(5)
        self.poll()
        self.run_publish()

    def test_other_products_rise(self):
        self.read_only("DESK")
        self.rise()
        self.assertEqual((self.shown(), self.shown("LAMP")), (9, 20))

    def test_kits_wait(self):
        self.read_only("DESK")
        self.rise()
        self.assertEqual(self.shown("SET"), 5)

    def test_sold_kit_holds_its_components(self):
        self.read_only("SET")
        self.rise()
        self.assertEqual((self.shown("LAMP"), self.shown()), (10, 15))

    def test_difference_waits_for_its_product_only(self):
        """With compare-and-set, after an unexplained difference."""
        self.read_only("DESK")
        self.set_capabilities(compare_and_set=True)
        for row in self.publication(self.lamps) | self.row:
            row.fence_at = self.env.cr.now()
        self.rise()
        self.assertEqual((self.shown(), self.shown("LAMP")), (9, 20))


@tagged("post_install", "-at_install")
class TestFenceless(FenceCase):
    """Whose rises do not wait."""

    def test_compare_and_set_needs_no_fence(self):
        self.set_capabilities(compare_and_set=True)
        self.change_stock(4)
        self.run_publish()
        self.assertEqual(self.shown(), 5)

    def test_physical_channel_needs_no_fence(self):
        self.set_capabilities(
            compare_and_set=False, quantity_meaning=QuantityMeaning.PHYSICAL
        )
        self.channel._compute_quantity_meaning()
        self.change_stock(4)
        self.run_publish()
        self.assertEqual(self.shown(), 5)

    def test_channel_that_cannot_be_polled_is_told_at_once(self):
        self.set_capabilities(compare_and_set=False, polling=False)
        self.change_stock(4)
        self.run_publish()
        self.assertEqual(self.shown(), 5)

    def test_difference_of_a_channel_that_is_not_polled_waits_a_minute(self):
        """Its number would otherwise never rise again: no round ever comes."""
        self.set_capabilities(compare_and_set=False, polling=False)
        self.row.fence_at = self.env.cr.now()
        self.change_stock(4)
        self.run_publish()
        self.assertEqual(self.shown(), 1)
        self.pass_time(61)
        self.run_publish()
        self.assertEqual(self.shown(), 5)


@tagged("post_install", "-at_install")
class TestWaking(FenceCase):
    """What waits is taken up in seconds, and nothing runs in circles."""

    def woken(self, method, run):
        """Return how often ``run`` woke jobs by ``method``."""
        woken = []
        models = type(self.env["stock.channel"])
        original = getattr(models, method)

        def spy(channels):
            if channels:
                woken.append(channels)
            return original(channels)

        with patch.object(models, method, spy):
            run()
        return len(woken)

    def test_fenced_rise_wakes_the_poller(self):
        self.change_stock(4)
        self.assertEqual(self.woken("_wake_pollers", self.run_publish), 1)
        self.pass_time()
        self.assertEqual(self.woken("_wake_publishers", self.run_poll), 1)

    def test_poller_is_not_woken_twice_within_ten_seconds(self):
        self.run_poll()
        polled_at = self.channel.polled_at
        self.pass_time(4)
        self.change_stock(4)
        for _run in range(3):
            self.assertEqual(self.woken("_wake_pollers", self.run_publish), 0)
        triggers = self.env["ir.cron.trigger"].search(
            [("cron_id", "=", self.channel.poll_cron_id.id)]
        )
        later = triggers.filtered(lambda trigger: trigger.call_at > polled_at)
        self.assertEqual(later.mapped("call_at"), [polled_at + timedelta(seconds=10)])
        self.pass_time(6)
        self.assertEqual(self.woken("_wake_pollers", self.run_publish), 1)

    def test_falls_and_quiet_wake_no_poller(self):
        self.change_stock(-1)
        self.assertEqual(self.woken("_wake_pollers", self.run_publish), 0)
        self.assertEqual(self.woken("_wake_pollers", self.run_publish), 0)

    def test_rise_that_waits_for_an_opening_wakes_no_poller(self):
        self.place.frozen_until = self.env.cr.now() + timedelta(hours=1)
        self.change_stock(4)
        self.assertEqual(self.woken("_wake_pollers", self.run_publish), 0)

    def test_slice_that_ends_before_fenced_rows_does_not_run_in_circles(self):
        """Whatever was pending woke the job again, though none of it might go."""
        self.change_stock(4)
        with patch(f"{StockChannelPublish.__module__}.SLICE_SECONDS", 0):
            self.assertEqual(self.woken("_wake_publishers", self.run_publish), 0)

    def test_slice_that_ends_before_held_rows_does_not_run_in_circles(self):
        self.set_capabilities(compare_and_set=True)
        self.place.frozen_until = self.env.cr.now() + timedelta(hours=1)
        self.change_stock(4)
        with patch(f"{StockChannelPublish.__module__}.SLICE_SECONDS", 0):
            self.assertEqual(self.woken("_wake_publishers", self.run_publish), 0)

    def test_slice_that_ends_before_rows_that_may_go_wakes_the_next(self):
        self.change_stock(-1)
        with patch(f"{StockChannelPublish.__module__}.SLICE_SECONDS", 0):
            self.assertEqual(self.woken("_wake_publishers", self.run_publish), 1)

    @mute_logger(PUBLISH_LOGGER)
    def test_failed_channel_is_not_woken_before_its_time(self):
        self.change_stock(-1)
        self.shop.transport.faults = [Fault.RATE_LIMIT]
        self.assertEqual(self.woken("_wake_publishers", self.run_publish), 0)
