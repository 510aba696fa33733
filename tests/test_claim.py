from collections import defaultdict
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from threading import Barrier
from types import SimpleNamespace
from unittest.mock import patch

from odoo import SUPERUSER_ID, api, sql_db
from odoo.tests import tagged
from odoo.tests.common import BaseCase, get_db_name
from odoo.tools import mute_logger

from odoo.addons.stock_channel_hub.models import stock_channel_message_claim
from odoo.addons.stock_channel_hub.models.claims import LostClaim
from odoo.addons.stock_channel_hub.models.locks import CONCURRENCY_ERRORS
from odoo.addons.stock_channel_hub.models.stock_channel_message_claim import (
    LEASE_SECONDS,
)
from odoo.addons.stock_channel_hub.models.stock_channel_order import StockChannelOrder
from odoo.addons.stock_channel_hub.models.stock_channel_order_apply import (
    StockChannelOrderApply,
)

from .common import HubCase

MESSAGE_LOGGER = "odoo.addons.stock_channel_hub.models.stock_channel_message"
MIXIN_LOGGER = "odoo.addons.stock_channel_hub.models.stock_channel_mixin"
EACH_FOUR = {"order:0": 4, "order:1": 4, "order:2": 4}


class Killed(BaseException):
    """What a killed worker looks like: nothing catches it."""


@tagged("post_install", "-at_install")
class TestPoison(HubCase):
    def die(self):
        """Run the job until it dies; what it had committed stays.

        Odoo's ``assertRaises`` would roll that back.
        """
        with suppress(Killed):
            self.run_inbox()
            self.fail("nobody died")
        self.env.invalidate_all()

    def test_r5_poison_is_contained(self):
        """One message kills its worker; the others of the batch and behind it go on."""
        self.receive(self.product, 100)
        for number in range(12):
            self.deliver("order.updated", self.order_data(f"{number}"))
        self.deliver("order.updated", self.order_data("poison"))
        for number in range(12, 24):
            self.deliver("order.updated", self.order_data(f"{number}"))
        plan = StockChannelOrderApply._plan_snapshot
        deaths = []

        def kill(order, snapshot):
            if snapshot.id == "poison":
                deaths.append(order.id)
                raise Killed
            return plan(order, snapshot)

        with patch.object(StockChannelOrderApply, "_plan_snapshot", kill):
            for _death in range(3):
                self.die()
                self.env["stock.channel.message"].search(
                    [("lease_until", "!=", False)]
                ).sudo().lease_until = "2020-01-01"
            with mute_logger(MESSAGE_LOGGER):
                self.run_inbox()
        self.assertEqual(len(deaths), 3)
        messages = self.env["stock.channel.message"].search(
            [("channel_id", "=", self.channel.id)]
        )
        poison = messages.filtered(lambda m: m.order_key == "order:poison")
        self.assertEqual(poison.state, "failed")
        self.assertEqual(set((messages - poison).mapped("state")), {"done"})
        self.assertEqual(len(messages - poison), 24)
        self.assertEqual(self.open_exceptions().waiting_message_ids, poison)
        self.assertTrue(self.env.ref("stock_channel_hub.ir_cron_inbox").active)


@tagged("post_install", "-at_install")
class TestLateWorker(HubCase):
    """A worker that lost its lease changes nothing any more."""

    def setUp(self):
        super().setUp()
        self.receive(self.product, 20)
        self.deliver("order.updated", self.order_data())
        self.message = self.env["stock.channel.message"].search(
            [("channel_id", "=", self.channel.id)]
        )

    def claim(self, cr):
        messages = self.env["stock.channel.message"].with_env(self.env(cr=cr, su=True))
        claimed = messages._in_transaction(lambda: messages._claim(True))
        self.assertEqual(claimed.ids, self.message.ids)
        return claimed.with_company(self.company)

    def expire(self):
        self.env.invalidate_all()
        self.message.sudo().lease_until = "2020-01-01"
        self.env.flush_all()

    def assert_refused(self, late, outcome):
        """Odoo's ``assertRaises`` would undo what the other worker committed."""
        with suppress(LostClaim):
            late._in_transaction(outcome)
            self.fail("the late worker's outcome was written")

    def state(self):
        self.env.invalidate_all()
        message = self.message
        return message.state, message.claims, message.attempts, message.note

    def test_r6_frozen_before_the_work(self):
        with self.registry.cursor() as cr:
            late = self.claim(cr)
            self.expire()
            self.run_inbox()
            done = self.state()
            self.assertEqual(done[:3], ("done", 2, 2))
            with self.assertLogs(MESSAGE_LOGGER, "WARNING") as logs:
                late._process_safely()
        self.assertEqual(
            logs.records[0].getMessage(),
            f"message {self.message.id} was taken over by another worker",
        )
        self.assertEqual(self.state(), done)
        self.assertEqual(len(self.find_order().sale_order_id), 1)

    def frozen_after_read(self, read):
        """Return a reading after which another worker takes the message."""

        def freeze(order, message, snapshot):
            found = read(order, message, snapshot)
            order.env.cr.execute(
                "UPDATE stock_channel_message SET claims = claims + 1 WHERE id = %s",
                [message.id],
            )
            return found

        return freeze

    def test_r6_frozen_between_reading_and_applying(self):
        with (
            self.registry.cursor() as cr,
            patch.object(
                StockChannelOrder,
                "_read",
                self.frozen_after_read(StockChannelOrder._read),
            ),
            self.assertLogs(MESSAGE_LOGGER, "WARNING"),
        ):
            self.claim(cr)._process_safely()
        self.assertEqual(self.state(), ("pending", 2, 1, False))
        self.assertTrue(self.message.lease_until)
        order = self.find_order()
        self.assertEqual((order.state, order.applied_version), ("new", -1))
        self.assertFalse(order.sale_order_id)
        # The one who has it now brings it to its end, once.
        self.expire()
        self.run_inbox()
        self.assertEqual(self.state()[:3], ("done", 3, 2))
        self.assertEqual(order.sale_order_id.order_line.product_uom_qty, 2)

    def test_r6_every_outcome_of_a_late_worker_is_refused(self):
        with self.registry.cursor() as cr:
            late = self.claim(cr)
            self.expire()
            self.run_inbox()
            done = self.state()
            for outcome in (
                lambda: late._done("late"),
                lambda: late._record_failure("late"),
                lambda: late._set_aside("late"),
                lambda: late._retry_later(None),
            ):
                self.assert_refused(late, outcome)
        self.assertEqual(self.state(), done)
        self.assertFalse(self.open_exceptions())

    def test_attempts_taken_back_do_not_make_an_old_claim_valid(self):
        """Trouble at the channel is no failed try: the attempts count down again."""
        with self.registry.cursor() as cr:
            late = self.claim(cr)
            self.expire()
            self.message.sudo().attempts = 0
            self.env.flush_all()
            again = self.claim(cr)
            self.assertEqual(again.attempts, 1)
            self.assert_refused(late, lambda: late._done("late"))
            again._in_transaction(lambda: again._done("in time"))
        self.assertEqual(self.state(), ("done", 2, 1, "in time"))

    def test_older_message_waits_while_a_newer_one_is_worked_on(self):
        with self.registry.cursor() as cr:
            self.claim(cr)
        self.env.invalidate_all()
        newer = self.message
        self.deliver("order.updated", self.order_data(), key="older")
        older = self.env["stock.channel.message"].search(
            [("dedupe_key", "=", "id:older")]
        )
        # Stored later, and given the lower id by hand: what a replay amounts to.
        self.env.cr.execute(
            "UPDATE stock_channel_message SET id = -%s WHERE id = %s",
            [older.id, older.id],
        )
        messages = self.env["stock.channel.message"].sudo()
        self.assertEqual(messages._count_due(), 0)
        newer.sudo().lease_until = "2020-01-01"
        self.env.flush_all()
        self.assertEqual(messages._count_due(), 1)
        self.assertEqual(messages._claim(True).ids, [-older.id])


@tagged("post_install", "-at_install")
class TestTwoConnections(BaseCase):
    """Leases on real connections; what is stored is removed again."""

    def setUp(self):
        super().setUp()
        self.database = sql_db.db_connect(get_db_name())
        self.registry = SimpleNamespace(cursor=self.database.cursor)
        with self.database.cursor() as cr:
            cr.execute("SELECT coalesce(max(id), 0) FROM ir_cron_trigger")
            (self.last_trigger,) = cr.fetchone()
            env = api.Environment(cr, SUPERUSER_ID, {"tracking_disable": True})
            channel = env["stock.channel"].create(
                {"name": "Leased", "connector": "rest", "base_url": "https://a.example"}
            )
            self.channel_id = channel.id
            self.addCleanup(self.clean)
            self.assertTrue(self.store(cr))

    def store(self, cr, key="id:1", order_key="order:1"):
        """Store a delivery, not yet committed; returns whether it was new."""
        channel = self.worker(cr).env["stock.channel"].browse(self.channel_id)
        is_new = self.worker(cr)._store(
            channel,
            dedupe_key=key,
            topic="order.updated",
            order_key=order_key,
            raw=b"{}",
            origin="webhook",
        )
        cr.postcommit.clear()
        return is_new

    def count(self):
        with self.database.cursor() as cr:
            cr.execute(
                "SELECT count(*) FROM stock_channel_message WHERE channel_id = %s",
                [self.channel_id],
            )
            return cr.fetchone()[0]

    def clean(self):
        with self.database.cursor() as cr:
            env = api.Environment(cr, SUPERUSER_ID, {})
            env["stock.channel"].browse(self.channel_id).unlink()
            cr.execute("DELETE FROM ir_cron_trigger WHERE id > %s", [self.last_trigger])

    def worker(self, cr):
        return api.Environment(cr, SUPERUSER_ID, {})["stock.channel.message"]

    def take(self, cr, is_first_try=True):
        """Claim what is due of our channel, in a committed transaction."""
        messages = self.worker(cr)
        claimed = messages._in_transaction(lambda: messages._claim(is_first_try))
        return claimed.filtered(lambda m: m.channel_id.id == self.channel_id)

    def look(self):
        with self.database.cursor() as cr:
            cr.execute(
                "SELECT state, claims, attempts, note FROM stock_channel_message "
                "WHERE channel_id = %s",
                [self.channel_id],
            )
            return cr.fetchone()

    def let_expire(self, seconds=LEASE_SECONDS):
        """Move the lease back, by the database's clock."""
        with self.database.cursor() as cr:
            cr.execute(
                "UPDATE stock_channel_message SET lease_until = lease_until "
                "- %s * interval '1 second' WHERE channel_id = %s",
                [seconds, self.channel_id],
            )

    def test_r2_what_was_not_committed_was_not_acknowledged(self):
        """Odoo commits before it answers: killed before, the sender tries again."""
        with self.database.cursor() as cr:
            self.assertTrue(self.store(cr, "id:2"))
            self.assertEqual(self.count(), 1)
            cr.rollback()
        self.assertEqual(self.count(), 1)
        for is_new in (True, False):
            with self.database.cursor() as cr:
                self.assertEqual(self.store(cr, "id:2"), is_new)
            self.assertEqual(self.count(), 2)

    @mute_logger("odoo.sql_db")
    def test_r2_two_equal_deliveries_at_once_are_stored_once(self):
        """The second waits for the first, and then knows or tries again."""
        with self.database.cursor() as first, ThreadPoolExecutor(1) as pool:
            first.execute("SELECT 1")
            self.assertTrue(self.store(first, "id:2"))
            second = pool.submit(self.deliver_as_the_door_does)
            first.commit()
            self.assertEqual(second.result(), False)
        self.assertEqual(self.count(), 2)

    def deliver_as_the_door_does(self):
        """Store a delivery, again after a lost race, as Odoo runs requests again."""
        for _try in range(5):
            with self.database.cursor() as cr, suppress(*CONCURRENCY_ERRORS):
                return self.store(cr, "id:2")
        raise AssertionError("every try lost its race")

    def test_r6_lease_is_kept_then_retaken_once(self):
        with self.database.cursor() as first, self.database.cursor() as second:
            late = self.take(first)
            self.assertEqual(len(late), 1)
            for is_first_try in (True, False):
                self.assertFalse(self.take(second, is_first_try))
            self.let_expire(LEASE_SECONDS - 60)
            self.assertFalse(self.take(second, is_first_try=False))
            self.let_expire(60)
            taken = self.take(second, is_first_try=False)
            self.assertEqual(taken.ids, late.ids)
            self.assertFalse(self.take(first, is_first_try=False))
            taken._in_transaction(lambda: taken._done("by the second"))
            with self.assertRaises(LostClaim):
                late._in_transaction(lambda: late._done("by the late one"))
        self.assertEqual(self.look(), ("done", 2, 2, "by the second"))

    @mute_logger("odoo.sql_db", MIXIN_LOGGER)
    def test_r6_takeover_while_the_late_worker_writes(self):
        """Its snapshot is from before the takeover, so it must start over to see."""
        tries = []
        with self.database.cursor() as first, self.database.cursor() as second:
            late = self.take(first)

            def write():
                first.execute("SELECT 1")
                tries.append(1)
                if len(tries) == 1:
                    self.let_expire()
                    self.assertEqual(
                        self.take(second, is_first_try=False).ids, late.ids
                    )
                late._done("by the late one")

            with self.assertRaises(LostClaim):
                late._in_transaction(write)
        self.assertEqual(len(tries), 2)
        self.assertEqual(self.look(), ("pending", 2, 2, None))

    def test_r6_nobody_takes_over_in_the_middle_of_a_write(self):
        with self.database.cursor() as first, self.database.cursor() as second:
            mine = self.take(first)
            self.let_expire()
            mine._fresh_transaction()
            mine._keep_claim()
            self.assertFalse(self.take(second, is_first_try=False))
            mine._done("in time")
            mine.env.cr.flush()
            mine._fresh_transaction()
        self.assertEqual(self.look(), ("done", 1, 1, "in time"))

    @mute_logger("odoo.sql_db", MIXIN_LOGGER)
    def test_two_workers_never_hold_two_messages_of_one_order(self):
        """Both claim at the same moment, round after round, until all is done."""
        with self.database.cursor() as cr:
            for number in range(2, 13):
                self.store(cr, f"id:{number}", f"order:{number % 3}")
        start, worked = Barrier(2, timeout=60), defaultdict(list)

        def claim(cr):
            start.wait()
            return self.take(cr)

        with (
            patch.object(stock_channel_message_claim, "CLAIM_SIZE", 2),
            self.database.cursor() as first,
            self.database.cursor() as second,
            ThreadPoolExecutor(2) as pool,
        ):
            while taken := [
                message
                for messages in pool.map(claim, (first, second))
                for message in messages
            ]:
                keys = [message.order_key for message in taken]
                self.assertEqual(len(set(keys)), len(keys))
                for message in taken:
                    worked[message.order_key].append(message.id)
                    message._in_transaction(lambda message=message: message._done(""))
        self.assertEqual({key: len(ids) for key, ids in worked.items()}, EACH_FOUR)
        for ids in worked.values():
            self.assertEqual(ids, sorted(ids))

    def test_two_workers_at_once_share_nothing(self):
        with self.database.cursor() as first, self.database.cursor() as second:
            messages = self.worker(first)
            mine = messages._claim(True)
            self.assertEqual(len(mine), 1)
            self.assertFalse(self.take(second))
            first.rollback()
            self.assertEqual(len(self.take(second)), 1)
        self.assertEqual(self.look()[:3], ("pending", 1, 1))
