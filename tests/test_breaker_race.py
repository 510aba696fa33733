"""Several workers find out about one outage at once: one line, one turn, one record."""

import logging
from concurrent.futures import ThreadPoolExecutor
from threading import Barrier, get_ident
from unittest.mock import patch

from odoo.tests import tagged
from odoo.tools import mute_logger

from odoo.addons.stock_channel_hub.connectors.errors import Misconfigured, RetryLater
from odoo.addons.stock_channel_hub.models.stock_channel_breaker import (
    TURN,
    StockChannelBreaker,
)

from .committed import CommittedCase

# Odoo calls a level of its own INFO: the number is meant.
LOGGER = "odoo.addons.stock_channel_hub.models.stock_channel_breaker"
MIXIN_LOGGER = "odoo.addons.stock_channel_hub.models.stock_channel_mixin"
WORKERS = 3
PATIENCE = 60


@tagged("post_install", "-at_install")
class TestBreakerRace(CommittedCase):
    """Real connections; all of them have looked before one writes."""

    def setUp(self):
        super().setUp()
        self.channel_id = self.channel_ids[0]

    def channel(self, env):
        return env["stock.channel"].browse(self.channel_id)

    def together(self, task):
        """Run ``task(channel)`` in transactions that all begin before one is over.

        :return: what each of them gave.
        """
        all_looked = Barrier(WORKERS, timeout=PATIENCE)
        lock, met = StockChannelBreaker._lock_breaker, set()

        def meet(channel):
            if get_ident() not in met:
                met.add(get_ident())
                all_looked.wait()
            return lock(channel)

        def work(env):
            channel = self.channel(env)
            return channel._in_transaction(lambda: task(channel))

        with (
            patch.object(StockChannelBreaker, "_lock_breaker", meet),
            mute_logger("odoo.sql_db", MIXIN_LOGGER),
            ThreadPoolExecutor(WORKERS) as pool,
        ):
            results = list(pool.map(lambda _n: self.work(work), range(WORKERS)))
        self.assertEqual(len(met), WORKERS)
        return results

    def note_failure(self, env, error=None):
        channel = self.channel(env)
        channel._in_transaction(
            lambda: channel._channel_failed(error or RetryLater("down"))
        )

    def state(self, env):
        channel = self.channel(env)
        return channel.failure_count, bool(channel.down_at), channel.last_error

    def exceptions(self, env):
        return [
            (one.category, one.state)
            for one in env["stock.channel.exception"].search(
                [("fingerprint", "=", f"channel:{self.channel_id}")]
            )
        ]

    def wait_over(self, env):
        self.channel(env).next_attempt_at = env.cr.now()

    def test_one_line_when_it_goes_down(self):
        with self.assertLogs(LOGGER, logging.INFO) as logs:
            self.together(lambda channel: channel._channel_failed(RetryLater("down")))
        self.assertEqual(
            [record.getMessage() for record in logs.records],
            [f"channel {self.channel_id} fails: down"],
        )
        self.assertEqual(self.work(self.state), (1, True, "down"))

    def test_one_exception_where_a_person_is_told_at_once(self):
        with self.assertLogs(LOGGER, logging.INFO) as logs:
            self.together(lambda channel: channel._channel_failed(Misconfigured("key")))
        self.assertEqual(len(logs.records), 1)
        self.assertEqual(self.work(self.exceptions), [("authentication", "open")])

    def test_one_line_when_it_is_back(self):
        with self.assertLogs(LOGGER, logging.INFO):
            self.work(self.note_failure, Misconfigured("key"))
        with self.assertLogs(LOGGER, logging.INFO) as logs:
            self.together(lambda channel: channel._close_outage())
        self.assertEqual(
            [record.getMessage() for record in logs.records],
            [f"channel {self.channel_id} answers again"],
        )
        self.assertEqual(self.work(self.state), (0, False, False))
        self.assertEqual(self.work(self.exceptions), [("authentication", "resolved")])

    def test_one_gets_the_turn(self):
        with self.assertLogs(LOGGER, logging.INFO):
            self.work(self.note_failure)
        self.work(self.wait_over)
        turns = self.together(
            lambda channel: channel._take_turn().env.context.get(TURN)
        )
        self.assertEqual(len([turn for turn in turns if turn]), 1)

    def test_no_line_for_what_was_rolled_back(self):
        def fail(env):
            self.channel(env)._channel_failed(RetryLater("down"))
            env.cr.rollback()

        with self.assertNoLogs(LOGGER, logging.INFO):
            self.work(fail)
        self.assertEqual(self.work(self.state), (0, False, False))

    def test_one_line_each_over_a_whole_outage(self):
        """Failures, wrong credentials, a person who mends them: one outage."""

        def heal(env):
            env["stock.channel.exception"]._heal_access(self.channel(env))

        def answer(env):
            self.channel(env)._channel_answered()

        with self.assertLogs(LOGGER, logging.INFO) as logs:
            self.work(self.note_failure)
            self.work(self.wait_over)
            self.work(self.note_failure, Misconfigured("key"))
            self.work(heal)
            self.work(self.note_failure)
            self.work(heal)
            self.work(answer)
            self.work(answer)
        self.assertEqual(
            [record.levelno for record in logs.records],
            [logging.WARNING, logging.INFO],
        )
