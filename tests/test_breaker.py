"""Who calls a channel that does not answer, who waits, and who is told."""

from collections import Counter
from contextlib import ExitStack
from datetime import timedelta
from unittest.mock import patch

from odoo import api
from odoo.tests import tagged
from odoo.tools import mute_logger

from odoo.addons.stock_channel_hub.connectors.data import FetchOrder, Health
from odoo.addons.stock_channel_hub.connectors.errors import (
    Misconfigured,
    RateLimited,
    Rejected,
    RetryLater,
    Throttled,
)
from odoo.addons.stock_channel_hub.connectors.rest import RestConnector
from odoo.addons.stock_channel_hub.connectors.testing.fake_channel import Fault
from odoo.addons.stock_channel_hub.models.stock_channel_breaker import TURN_SECONDS
from odoo.addons.stock_channel_hub.models.stock_channel_message import MESSAGE_TRIES

from .clock import ClockCase

# What the hub asks a channel for, by the method of the connector.
KINDS = {
    "publish": "publish",
    "poll": "fetch_orders",
    "read_back": "fetch_quantities",
    "report": "report_shipment",
    "fetch": "fetch_order",
}
CALLS = tuple(KINDS.values())


class BreakerCase(ClockCase):
    """One of everything is due: a number, a parcel, a named order, a reading."""

    def setUp(self):
        super().setUp()
        self.receive(self.product, 20)
        self.run_all()
        self.shop.books.orders["1"] = self.order_data("1")
        self.order("1")
        self.run_all()
        self.channel.sudo().read_back_hours = 24
        self.make_work()

    def make_work(self):
        picking = self.find_order("1").sale_order_id.picking_ids
        picking.move_ids.picked = True
        picking.button_validate()
        self.parcel = picking.channel_fulfillment_ids
        self.receive(self.product, 3)
        self.run_compute()
        self.name_order("77")
        # Old enough for another reading to be owed.
        self.pass_time(3600)
        self.env.flush_all()

    def name_order(self, order_id):
        """Deliver what only names an order; how is the connector's own affair."""
        self.deliver("order.named", {"id": order_id})

    def messages(self):
        return self.env["stock.channel.message"].search(
            [("channel_id", "=", self.channel.id), ("state", "=", "pending")]
        )

    def counted(self, error=None):
        """Count every kind of call; let all of them fail where an error is given."""
        counts, stack = Counter(), ExitStack()
        real = {name: getattr(RestConnector, name) for name in CALLS}

        def spy(name):
            def call(connector, *args):
                counts[name] += 1
                if error:
                    raise error
                return real[name](connector, *args)

            return call

        parse = RestConnector.parse

        def named(connector, raw, topic):
            if topic == "order.named":
                return [FetchOrder(order_id="77")]
            return parse(connector, raw, topic)

        for name in CALLS:
            stack.enter_context(patch.object(RestConnector, name, spy(name)))
        stack.enter_context(patch.object(RestConnector, "parse", named))
        return counts, stack

    def run_everything(self):
        for job in (self.run_inbox, self.run_publish, self.run_poll):
            job()

    def breaker(self):
        channel = self.channel
        return channel.failure_count, channel.next_attempt_at, channel.down_at

    def in_worker(self, task):
        """Run ``task(channel)`` on a cursor of its own, as a job does."""
        self.env.flush_all()
        with self.registry.cursor() as cr:
            result = task(self.channel.with_env(api.Environment(cr, self.uid, {})))
        self.env.invalidate_all()
        return result

    def work_by(self, kind):
        """Let one kind of call come about, and no other."""
        if kind == "fetch":
            self.run_inbox()
        elif kind in ("poll", "read_back"):
            polled = patch.object(type(self.channel), "_poll", lambda channel: True)
            stack = polled if kind == "read_back" else ExitStack()
            with stack:
                self.run_poll()
        elif kind == "report":
            self.run_publish()
        else:
            quiet = patch.object(
                type(self.channel), "_report_fulfillments", lambda *args: None
            )
            with quiet:
                self.run_publish()


@tagged("post_install", "-at_install")
class TestLeftAlone(BreakerCase):
    def test_every_kind_of_call_is_due_and_made(self):
        """Or the tests below could not fail."""
        counts, calls = self.counted()
        with calls:
            self.run_everything()
        self.assertEqual(
            {name: bool(counts[name]) for name in CALLS}, dict.fromkeys(CALLS, True)
        )

    def test_nobody_calls_before_the_next_attempt(self):
        for kind in KINDS:
            with self.subTest(kind=kind):
                self.channel.sudo().write(
                    {
                        "failure_count": 2,
                        "down_at": self.env.cr.now(),
                        "next_attempt_at": self.env.cr.now() + timedelta(seconds=30),
                    }
                )
                counts, calls = self.counted()
                with calls:
                    self.work_by(kind)
                self.assertEqual(counts, {})

    def test_what_was_found_out_by_one_kind_holds_for_all(self):
        for kind, name in KINDS.items():
            with self.subTest(kind=kind):
                self.in_worker(lambda channel: channel._close_outage())
                self.messages().sudo().write({"next_attempt_at": False})
                self.parcel.sudo().next_attempt_at = False
                counts, calls = self.counted(RateLimited("slow down", after=60))
                with calls:
                    self.work_by(kind)
                    self.assertEqual(counts, {name: 1})
                    self.assertEqual(self.channel.failure_count, 1)
                    self.run_everything()
                self.assertEqual(counts, {name: 1})
                self.pass_time(3600)

    def test_one_tries_when_the_wait_is_over(self):
        """While the first one is on the phone, nobody else calls."""
        self.channel.sudo().write(
            {"failure_count": 1, "next_attempt_at": self.env.cr.now()}
        )
        first = self.in_worker(lambda channel: channel._take_turn().env.context)
        counts, calls = self.counted()
        with calls:
            self.run_everything()
        self.assertEqual(counts, {})
        self.assertEqual(
            self.channel.next_attempt_at,
            self.env.cr.now() + timedelta(seconds=TURN_SECONDS),
        )
        self.assertEqual(first["stock_channel_turn"], self.channel.next_attempt_at)

    def test_a_worker_that_died_on_the_phone_is_not_waited_for_longer(self):
        self.channel.sudo().write(
            {"failure_count": 1, "next_attempt_at": self.env.cr.now()}
        )
        self.in_worker(lambda channel: channel._take_turn() and None)
        self.pass_time(TURN_SECONDS)
        self.run_publish()
        self.assertEqual(self.channel.failure_count, 0)

    def test_a_turn_without_a_call_is_given_back(self):
        self.run_everything()
        self.run_publish()
        self.channel.sudo().write(
            {"failure_count": 1, "next_attempt_at": self.env.cr.now()}
        )
        counts, calls = self.counted()
        with calls:
            self.run_publish()
        self.assertEqual(counts, {})
        self.assertEqual(self.channel.next_attempt_at, self.env.cr.now())
        self.run_poll()
        self.assertEqual(self.channel.failure_count, 0)

    @mute_logger("odoo.addons.stock_channel_hub.models.stock_channel_message")
    def test_a_turn_that_ends_in_a_bug_is_given_back(self):
        self.channel.sudo().write(
            {"failure_count": 1, "next_attempt_at": self.env.cr.now()}
        )
        _counts, calls = self.counted()
        with calls, patch.object(RestConnector, "fetch_order", side_effect=KeyError):
            self.run_inbox()
        self.assertEqual(self.channel.next_attempt_at, self.env.cr.now())
        self.assertEqual(self.messages().note, "KeyError")

    def test_numbers_are_tried_before_parcels_when_it_failed(self):
        """A parcel nobody can take would fail every try."""
        self.channel.sudo().write(
            {"failure_count": 1, "next_attempt_at": self.env.cr.now()}
        )
        with patch.object(
            RestConnector, "report_shipment", side_effect=RetryLater("broken")
        ):
            self.run_publish()
        self.assertEqual((self.shown(), self.channel.failure_count), (21, 0))
        self.assertEqual(self.parcel.state, "unknown")

    def test_one_order_that_cannot_be_read_holds_up_nothing(self):
        counts, calls = self.counted()
        with (
            calls,
            patch.object(
                RestConnector, "fetch_order", side_effect=RetryLater("broken")
            ),
        ):
            self.run_inbox()
            self.assertEqual(self.breaker()[0], 0)
            self.run_publish()
        self.assertEqual(counts["publish"], 1)

    def test_the_same_failure_while_it_is_down_lasts_it_longer(self):
        self.channel.sudo().write(
            {"failure_count": 1, "next_attempt_at": self.env.cr.now()}
        )
        _counts, calls = self.counted(RetryLater("down"))
        with calls:
            self.run_inbox()
        self.assertEqual(self.channel.failure_count, 2)
        self.assertGreaterEqual(self.channel.next_attempt_at, self.env.cr.now())

    def test_a_late_answer_from_before_ends_no_outage(self):
        """It was on its way when the channel went down."""
        self.in_worker(lambda channel: channel._channel_failed(RetryLater("down")))
        failed = self.breaker()
        self.in_worker(lambda channel: channel._channel_answered())
        self.assertEqual(self.breaker(), failed)

    def test_failures_of_calls_that_ran_at_once_are_one(self):
        """Three workers on the phone: no reason to tell anybody yet."""
        for _worker in range(4):
            self.in_worker(lambda channel: channel._channel_failed(RetryLater("down")))
        self.assertEqual(self.channel.failure_count, 1)
        self.assertFalse(self.open_exceptions())

    def test_a_longer_wish_of_one_of_them_is_obeyed(self):
        self.in_worker(lambda channel: channel._channel_failed(RetryLater("down")))
        self.in_worker(
            lambda channel: channel._channel_failed(RateLimited("slow", after=600))
        )
        wait = self.channel.next_attempt_at - self.env.cr.now()
        self.assertEqual(wait // timedelta(seconds=1), 600)
        self.in_worker(lambda channel: channel._channel_failed(RetryLater("down")))
        self.assertGreaterEqual(
            self.channel.next_attempt_at - self.env.cr.now(), timedelta(seconds=600)
        )

    def test_what_refuses_us_is_told_even_then(self):
        self.in_worker(lambda channel: channel._channel_failed(RetryLater("down")))
        self.in_worker(lambda channel: channel._channel_failed(Misconfigured("key")))
        self.assertEqual(self.open_exceptions().category, "authentication")

    def test_a_persons_test_of_the_connection_ends_it(self):
        self.in_worker(lambda channel: channel._channel_failed(RetryLater("down")))
        with patch.object(
            RestConnector, "check", return_value=Health(ok=True, message="yes")
        ):
            self.channel.action_check_connection()
        self.assertEqual(self.breaker(), (0, False, False))

    def test_new_credentials_are_tried_but_do_not_end_it(self):
        """Only an answer does; until then it is the same outage."""
        self.in_worker(lambda channel: channel._channel_failed(Misconfigured("key")))
        since = self.channel.down_at
        self.env["stock.channel.exception"]._heal_access(self.channel)
        self.assertEqual(self.breaker(), (0, False, since))
        self.run_publish()
        self.assertEqual(self.breaker(), (0, False, False))

    def test_an_order_that_is_refused_is_an_answer(self):
        self.channel.sudo().write(
            {"failure_count": 1, "next_attempt_at": self.env.cr.now()}
        )
        _counts, calls = self.counted()
        with (
            calls,
            patch.object(
                RestConnector, "fetch_order", side_effect=Rejected("not yours")
            ),
        ):
            self.run_inbox()
        self.assertEqual(self.channel.failure_count, 0)


@tagged("post_install", "-at_install")
class TestThrottled(BreakerCase):
    """The hub's own patience: nothing failed, nobody is told, all come back in time."""

    after = 40

    def throttle(self, kind):
        counts, calls = self.counted(Throttled("used up", after=self.after))
        with calls:
            self.work_by(kind)
            self.assertEqual(counts, {KINDS[kind]: 1})

    def assert_no_failure(self):
        self.assertEqual(
            (self.channel.failure_count, self.channel.down_at, self.channel.last_error),
            (0, False, False),
        )
        self.assertFalse(self.open_exceptions())
        wait = (self.channel.next_attempt_at - self.env.cr.now()).total_seconds()
        self.assertTrue(self.after <= wait <= self.after + 1, wait)

    def waiting_triggers(self, cron):
        triggers = self.env["ir.cron.trigger"].search([("cron_id", "=", cron.id)])
        return triggers.mapped("call_at")

    def test_no_kind_of_call_fails(self):
        for kind in KINDS:
            with (
                self.subTest(kind=kind),
                self.assertNoLogs("odoo.addons.stock_channel_hub", "WARNING"),
            ):
                self.throttle(kind)
                self.assert_no_failure()
                self.pass_time(3600)
                self.messages().sudo().write({"next_attempt_at": False})

    def test_both_jobs_come_back_at_the_told_moment(self):
        self.throttle("publish")
        for cron in (self.channel.publish_cron_id, self.channel.poll_cron_id):
            self.assertIn(self.channel.next_attempt_at, self.waiting_triggers(cron))

    def test_nobody_calls_meanwhile_and_everybody_afterwards(self):
        self.throttle("publish")
        counts, calls = self.counted()
        with calls:
            self.run_everything()
            self.assertEqual(counts, {})
            self.go_to(self.channel.next_attempt_at)
            self.messages().sudo().write({"next_attempt_at": False})
            self.run_everything()
        self.assertEqual(set(counts), set(CALLS))

    def test_numbers_wait_as_if_they_had_never_been_sent(self):
        row = self.publication()
        before = (row.attempts, row.acknowledged_qty)
        pushes = self.env["stock.channel.push"].search_count([])
        self.throttle("publish")
        self.assertEqual((row.attempts, row.acknowledged_qty), before)
        self.assertEqual(
            (row.state, row.lease_until, row.push_id.id), ("pending", False, False)
        )
        self.assertEqual(self.env["stock.channel.push"].search_count([]), pushes)
        self.go_to(self.channel.next_attempt_at)
        self.run_publish()
        self.assertEqual((self.shown(), row.state), (21, "clean"))

    def test_a_report_keeps_its_tries_and_its_doubt(self):
        self.throttle("report")
        self.assertEqual(
            (self.parcel.state, self.parcel.attempts, self.parcel.last_error),
            ("pending", 0, False),
        )
        self.go_to(self.channel.next_attempt_at + timedelta(seconds=2))
        with patch.object(
            RestConnector, "report_shipment", side_effect=RetryLater("lost")
        ):
            self.run_publish()
        self.assertEqual((self.parcel.state, self.parcel.attempts), ("unknown", 1))
        self.pass_time(3600)
        self.throttle("report")
        self.assertEqual((self.parcel.state, self.parcel.attempts), ("unknown", 1))

    def test_a_report_that_may_be_there_stays_in_doubt_when_turned_away(self):
        """It was taken for untold, and its units were sold a second time."""
        with patch.object(
            RestConnector, "report_shipment", side_effect=RetryLater("lost")
        ):
            self.run_publish()
        self.pass_time(3600)
        with patch.object(
            RestConnector, "report_shipment", side_effect=RateLimited("slow")
        ):
            self.run_publish()
        self.assertEqual((self.parcel.state, self.parcel.attempts), ("unknown", 2))
        self.pass_time(3600)
        self.run_publish()
        self.assertEqual((self.parcel.state, self.parcel.is_uncertain), ("done", False))

    def test_a_message_loses_no_try_however_often(self):
        [message] = self.messages()
        for _time in range(MESSAGE_TRIES + 2):
            self.throttle("fetch")
            self.assertEqual((message.state, message.attempts), ("pending", 0))
            wait = (message.next_attempt_at - self.env.cr.now()).total_seconds()
            self.assertTrue(self.after <= wait <= self.after + 1, wait)
            self.pass_time(3600)
            message.sudo().next_attempt_at = False

    def test_a_message_comes_back_with_the_channel(self):
        self.in_worker(
            lambda channel: channel._channel_failed(RateLimited("slow", after=600))
        )
        _counts, calls = self.counted()
        with calls:
            self.run_inbox()
        [message] = self.messages()
        wait = (message.next_attempt_at - self.env.cr.now()).total_seconds()
        self.assertTrue(600 <= wait <= 602, wait)

    def test_a_round_of_polling_goes_on_where_it_was(self):
        self.throttle("poll")
        cursor = self.channel.cursor_ids.filtered(lambda one: one.resource == "orders")
        self.assertTrue(cursor.started_at)
        self.go_to(self.channel.next_attempt_at)
        self.run_poll()
        self.assertFalse(cursor.started_at)

    def test_other_answers_do_not_end_the_wait(self):
        self.throttle("publish")
        until = self.channel.next_attempt_at
        self.in_worker(lambda channel: channel._channel_answered())
        self.assertEqual(self.channel.next_attempt_at, until)

    def test_it_ends_no_outage_and_lengthens_none(self):
        self.in_worker(lambda channel: channel._channel_failed(RetryLater("down")))
        since = self.channel.down_at
        self.go_to(self.channel.next_attempt_at)
        self.throttle("poll")
        self.assertEqual((self.channel.failure_count, self.channel.down_at), (1, since))


@tagged("post_install", "-at_install")
class TestOneOutage(BreakerCase):
    def test_a_long_one_makes_one_exception(self):
        _counts, calls = self.counted(RetryLater("down"))
        with calls:
            for _round in range(6):
                self.run_everything()
                self.go_to(
                    max(self.channel.next_attempt_at, self.env.cr.now())
                    + timedelta(seconds=1)
                )
                self.messages().sudo().write({"next_attempt_at": False})
        [exception] = self.open_exceptions().filtered(
            lambda one: one.fingerprint == f"channel:{self.channel.id}"
        )
        self.assertEqual(exception.category, "late")
        self.run_publish()
        self.run_poll()
        self.assertEqual(exception.state, "resolved")
        self.assertEqual(self.breaker()[0], 0)
        self.assertFalse(self.channel.down_at)

    def test_fault_of_the_transport_is_one_too(self):
        self.shop.transport.always = Fault.REFUSED
        self.run_publish()
        since = self.channel.down_at
        self.assertTrue(since)
        self.pass_time(3600)
        self.run_poll()
        self.assertEqual((self.channel.failure_count, self.channel.down_at), (2, since))
