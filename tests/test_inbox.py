from unittest.mock import patch

from freezegun import freeze_time

from odoo.exceptions import AccessError, UserError
from odoo.tests import tagged
from odoo.tools import mute_logger

from odoo.addons.stock_channel_hub.connectors.errors import RetryLater
from odoo.addons.stock_channel_hub.connectors.rest import RestConnector
from odoo.addons.stock_channel_hub.models.stock_channel_order_price import (
    StockChannelOrderPrice,
)

from .common import HubCase

MESSAGE_LOGGER = "odoo.addons.stock_channel_hub.models.stock_channel_message"


@tagged("post_install", "-at_install")
class TestInbox(HubCase):
    """Stored once, worked once, and no message stops another."""

    def setUp(self):
        super().setUp()
        self.receive(self.product, 20)

    def messages(self):
        return self.env["stock.channel.message"].search(
            [("channel_id", "=", self.channel.id)], order="id"
        )

    def retry_now(self):
        self.messages().sudo().write({"next_attempt_at": False})

    def test_repeat_of_a_delivery_is_not_stored(self):
        data = self.order_data()
        with freeze_time("2026-11-23 12:00:00"):
            self.assertTrue(self.deliver("order.updated", data))
            self.assertFalse(self.deliver("order.updated", data))
        self.assertEqual(len(self.messages()), 1)
        self.assertFalse(self.open_exceptions())

    def test_two_channels_may_use_one_delivery_id(self):
        other = self.make_channel(name="Other")
        self.shops[other.id] = self.shop
        data = self.order_data()
        self.deliver("order.updated", data, key="same")
        self.assertTrue(self.deliver("order.updated", data, key="same", channel=other))

    def test_same_version_again_makes_no_second_order(self):
        self.order()
        self.deliver("order.updated", self.order_data(), key="another-delivery")
        self.run_inbox()
        self.assertEqual(self.messages().mapped("state"), ["done", "done"])
        sales = self.env["sale.order"].search(
            [("stock_channel_id", "=", self.channel.id)]
        )
        self.assertEqual(len(sales), 1)
        self.assertEqual(sales.order_line.product_uom_qty, 2)

    def test_older_version_changes_nothing(self):
        order = self.order(version=2, lines=[self.line_data("1", "DESK", 3)])
        self.order(version=1, lines=[self.line_data("1", "DESK", 9)])
        self.assertEqual((order.version, order.applied_version), (2, 2))
        self.assertEqual(order.line_ids.ordered_qty, 3)
        self.assertEqual(order.sale_order_id.order_line.product_uom_qty, 3)

    def test_versions_may_be_as_large_as_the_contract_says(self):
        """Counted in nanoseconds since 1970; a float rounds what is far smaller."""
        for number, version in (("US", 1_763_726_400_123_456), ("MAX", 2**63 - 2)):
            self.deliver("order.updated", self.order_data(number, version=version))
            self.run_inbox()
            order = self.find_order(number)
            self.assertEqual((order.version, order.state), (version, "applied"))
            lines = [self.line_data("1", "DESK", 1)]
            self.deliver(
                "order.updated",
                self.order_data(number, version=version + 1, lines=lines),
            )
            self.run_inbox()
            self.assertEqual(order.applied_version, version + 1)
            self.assertEqual(order.sale_order_id.order_line.product_uom_qty, 1)

    def test_cancel_before_create_is_a_tombstone(self):
        order = self.order(version=2, status="cancelled")
        self.assertEqual(order.state, "cancelled")
        self.assertFalse(order.sale_order_id)
        self.order(version=1)
        self.assertFalse(order.sale_order_id)
        self.assertEqual((order.state, order.applied_version), ("cancelled", 2))
        self.assertEqual(self.numbers()["wire"], 20)

    def test_body_that_makes_no_sense_waits_for_a_person(self):
        self.deliver("order.updated", {"id": "77", "lines": "many"})
        self.deliver("order.updated", self.order_data())
        self.run_inbox()
        bad, good = self.messages()
        self.assertEqual((bad.state, good.state), ("waiting", "done"))
        exception = self.open_exceptions()
        self.assertEqual(
            (exception.category, exception.waiting_message_ids), ("data", bad)
        )
        self.assertTrue(exception.field)

    # --------------------------------------------------------------- poison

    @mute_logger(MESSAGE_LOGGER)
    def test_poison_is_set_aside_after_three_tries(self):
        self.deliver("order.updated", self.order_data("666"))
        self.deliver("order.updated", self.order_data("1001"))
        original = StockChannelOrderPrice._prepare_sale_lines

        def explode(order, snapshot, parts, position):
            if snapshot.id == "666":
                raise ZeroDivisionError("boom")
            return original(order, snapshot, parts, position)

        with patch.object(StockChannelOrderPrice, "_prepare_sale_lines", explode):
            for _round in range(5):
                self.run_inbox()
                self.retry_now()
        poison, good = self.messages()
        self.assertEqual((poison.state, poison.attempts), ("failed", 3))
        self.assertEqual((good.state, good.attempts), ("done", 1))
        exception = self.open_exceptions()
        self.assertEqual(exception.category, "internal")
        self.assertEqual(exception.cause, "ZeroDivisionError: boom")
        exception.action_retry()
        self.run_inbox()
        self.assertEqual(poison.state, "done")
        self.assertEqual(exception.state, "resolved")

    def die(self, is_first_try):
        """Claim what is due and die over it; returns what was claimed."""
        with self.registry.cursor() as cr:
            messages = self.env["stock.channel.message"].with_env(
                self.env(cr=cr, su=True)
            )
            claimed = messages._in_transaction(
                lambda: messages._claim(is_first_try)
            ).ids
        self.env.invalidate_all()
        self.messages().sudo().lease_until = "2020-01-01"
        self.env.flush_all()
        return claimed

    @mute_logger(MESSAGE_LOGGER)
    def test_message_that_kills_its_worker_is_set_aside_alone(self):
        """The attempt is committed before the work, so it survives the death."""
        self.deliver("order.updated", self.order_data("666"))
        self.deliver("order.updated", self.order_data("1001"))
        poison, good = self.messages()
        self.assertEqual(self.die(is_first_try=True), [poison.id, good.id])
        self.assertEqual(self.die(is_first_try=True), [])
        for _death in range(2):
            self.assertEqual(self.die(is_first_try=False), poison.ids)
        self.assertEqual((poison.attempts, good.attempts), (3, 1))
        for _round in range(2):
            self.run_inbox()
        self.assertEqual((poison.state, good.state), ("failed", "done"))
        self.assertFalse(self.find_order("666"))
        self.assertEqual(self.open_exceptions().category, "internal")

    def test_leased_message_is_left_alone(self):
        self.deliver("order.updated", self.order_data())
        with self.registry.cursor() as cr:
            messages = self.env["stock.channel.message"].with_env(
                self.env(cr=cr, su=True)
            )
            messages._in_transaction(lambda: messages._claim(True))
        self.env.invalidate_all()
        self.run_inbox()
        self.assertEqual(self.messages().attempts, 1)
        self.assertFalse(self.find_order())

    @mute_logger(MESSAGE_LOGGER)
    def test_messages_of_one_order_keep_their_order(self):
        self.deliver("order.updated", self.order_data(version=1))
        self.deliver("order.updated", self.order_data(version=2, status="cancelled"))
        with self.registry.cursor() as cr:
            messages = self.env["stock.channel.message"].with_env(
                self.env(cr=cr, su=True)
            )
            claimed = messages._in_transaction(lambda: messages._claim(True)).ids
        self.env.invalidate_all()
        self.assertEqual(claimed, self.messages()[:1].ids)

    @mute_logger(MESSAGE_LOGGER)
    def test_trouble_at_the_channel_is_no_failed_try(self):
        self.deliver("order.updated", self.order_data())
        with patch.object(RestConnector, "parse", side_effect=RetryLater("later", 9)):
            for _round in range(6):
                self.run_inbox()
                self.retry_now()
        self.assertEqual(
            (self.messages().state, self.messages().attempts), ("pending", 0)
        )
        self.run_inbox()
        self.assertEqual(self.messages().state, "done")

    # -------------------------------------------------------------- polling

    def test_polling_finds_what_webhooks_lost(self):
        self.shop.books.orders["1001"] = self.order_data()
        self.run_poll()
        self.run_inbox()
        self.assertEqual(self.find_order().sale_order_id.state, "sale")
        self.assertEqual(self.messages().origin, "poll")
        self.run_poll()
        self.assertEqual(len(self.messages()), 1)
        self.assertTrue(self.channel.polled_at)

    def test_polled_and_delivered_order_is_one_order(self):
        self.order()
        self.shop.books.orders["1001"] = self.order_data()
        self.run_poll()
        self.run_inbox()
        self.assertEqual(
            self.env["sale.order"].search_count(
                [("stock_channel_id", "=", self.channel.id)]
            ),
            1,
        )

    # ---------------------------------------------------------------- people

    def test_messages_cannot_be_edited(self):
        self.deliver("order.updated", self.order_data())
        operator = self.make_user("group_operator")
        message = self.messages().with_user(operator)
        body = message.body
        with self.assertRaises(UserError):
            message.write({"raw": b"e30="})
        self.env.invalidate_all()
        self.assertEqual(message.body, body)

    def test_reader_cannot_retry(self):
        self.deliver("order.updated", {"id": "77", "lines": "many"})
        self.run_inbox()
        exception = self.open_exceptions().with_user(self.make_user("group_user"))
        with self.assertRaises(AccessError):
            exception.action_retry()
        self.assertEqual(self.messages().state, "waiting")

    @mute_logger("odoo.addons.stock_channel_hub.models.stock_channel_connection")
    @mute_logger("odoo.addons.stock_channel_hub.models.stock_channel_publish")
    def test_bug_in_polling_never_ends_the_job(self):
        polled_at = self.channel.polled_at
        with patch.object(RestConnector, "fetch_orders", side_effect=KeyError("x")):
            self.run_poll()
        self.assertEqual(self.channel.last_error, "KeyError in the connector")
        self.assertEqual(self.channel.polled_at, polled_at)
