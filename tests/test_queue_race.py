from concurrent.futures import ThreadPoolExecutor
from threading import Barrier
from unittest.mock import patch

from odoo.tests import tagged
from odoo.tools import mute_logger

from odoo.addons.stock_channel_hub.models.stock_channel_exception import (
    StockChannelException,
)

from .committed import CommittedCase

PATIENCE = 60


@tagged("post_install", "-at_install")
class TestQueueRace(CommittedCase):
    """One cause, two real connections: one record, and nobody's work is lost."""

    def open_one(self, env, channel_id):
        """Open it in a transaction that may start over, as every worker does."""
        channel = env["stock.channel"].browse(channel_id)

        def task():
            exception = env["stock.channel.exception"]._open(
                channel, category="data", fingerprint="race", title="Both found it"
            )
            # What else the transaction did is there afterwards, of both.
            channel.last_error = f"{channel.last_error or ''}x"
            return exception.id

        return env["stock.channel.mixin"]._in_transaction(task)

    def states(self, env):
        exceptions = env["stock.channel.exception"].search(
            [("fingerprint", "=", "race")]
        )
        return [
            (one.state, one.occurrences, len(one.activity_ids)) for one in exceptions
        ]

    def run_both(self):
        """Let both look before either writes; returns the ids they got."""
        both_looked = Barrier(2, timeout=PATIENCE)
        find = StockChannelException._find_known
        met = set()

        def meet(exceptions, fingerprint):
            found = find(exceptions, fingerprint)
            cr = exceptions.env.cr
            if id(cr) not in met:
                met.add(id(cr))
                both_looked.wait()
            return found

        with (
            patch.object(StockChannelException, "_find_known", meet),
            ThreadPoolExecutor(2) as pool,
        ):
            ids = list(
                pool.map(lambda row: self.work(self.open_one, row), self.channel_ids)
            )
        self.assertEqual(len(met), 2)
        return ids

    def errors(self, env):
        return env["stock.channel"].browse(self.channel_ids).mapped("last_error")

    @mute_logger("odoo.sql_db")
    def test_opened_by_both_at_once(self):
        first, second = self.run_both()
        self.assertEqual(first, second)
        self.assertEqual(self.work(self.states), [("open", 2, 1)])
        self.assertEqual(self.work(self.errors), ["x", "x"])

    @mute_logger("odoo.sql_db")
    def test_counted_by_both_at_once(self):
        self.work(self.open_one, self.channel_ids[0])
        self.run_both()
        self.assertEqual(self.work(self.states), [("open", 3, 1)])

    @mute_logger("odoo.sql_db")
    def test_opened_again_by_both_at_once(self):
        def close(env):
            env["stock.channel.exception"].browse(row_id)._update_state("resolved")

        row_id = self.work(self.open_one, self.channel_ids[0])
        self.work(close)
        self.run_both()
        self.assertEqual(self.work(self.states), [("open", 3, 1)])

    def test_a_lost_race_leaves_no_error_in_the_log(self):
        with self.assertNoLogs("odoo.sql_db", "ERROR"):
            self.run_both()
        self.assertEqual(self.work(self.states), [("open", 2, 1)])
