from contextlib import contextmanager
from unittest.mock import patch

from odoo.tests import tagged

from odoo.addons.stock_channel_hub.connectors.errors import RetryLater
from odoo.addons.stock_channel_hub.connectors.rest import RestConnector
from odoo.addons.stock_channel_hub.models.stock_channel_breaker import (
    StockChannelBreaker,
)

from .clock import ClockCase


def refuse(*_args, **_options):
    raise RetryLater("The channel is in trouble (503).")


@tagged("post_install", "-at_install")
class TestDeaf(ClockCase):
    """A channel that can be asked and takes no numbers is down all the same."""

    def setUp(self):
        super().setUp()
        self.receive(self.product, 10)
        self.run_all()
        self.assertEqual(self.shown("DESK"), 10)
        self.receive(self.product, -4)
        self.run_compute()

    def wait_and_work(self):
        """Let the channel's wait be over; first it is asked, then told."""
        self.go_to(max(self.channel.next_attempt_at or self.now(), self.now()))
        self.pass_time(1)
        self.run_poll()
        self.run_publish()

    @contextmanager
    def listening(self):
        """Note what is to be written to the log once it is committed."""
        said = []

        def say(_channel, _level, text, *_args):
            said.append(text)

        with patch.object(StockChannelBreaker, "_say_once", say):
            yield said

    def now(self):
        return self.env.cr.now()

    def told(self):
        return self.open_exceptions().filtered(
            lambda one: one.fingerprint == f"channel:{self.channel.id}"
        )

    def test_one_outage_however_often_it_is_asked(self):
        with patch.object(RestConnector, "publish", refuse), self.listening() as said:
            for _try in range(4):
                self.wait_and_work()
        self.assertEqual(said, ["channel %s fails: %s"])
        # Its waits grow with the failures, which are counted on.
        self.assertEqual(self.channel.failure_count, 4)
        self.assertTrue(self.channel.is_deaf)
        self.assertEqual(len(self.told()), 1)
        with self.listening() as said:
            self.wait_and_work()
        self.assertEqual(said, ["channel %s answers again"])
        self.assertEqual(self.shown("DESK"), 6)
        self.assertFalse(self.told())
        self.assertFalse(self.channel.failure_count or self.channel.is_deaf)

    def test_with_nothing_to_tell_asking_is_all_there_is(self):
        with patch.object(RestConnector, "publish", refuse):
            self.wait_and_work()
        self.receive(self.product, 4)
        self.run_compute()
        self.assertTrue(self.channel.is_deaf)
        self.wait_and_work()
        self.assertFalse(self.channel.failure_count or self.channel.is_deaf)
        self.assertEqual(self.shown("DESK"), 10)
