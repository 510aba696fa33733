from contextlib import suppress
from datetime import timedelta
from unittest.mock import patch

import psycopg2
from psycopg2.pool import PoolError

from odoo.exceptions import AccessError, UserError
from odoo.tests import tagged
from odoo.tools import mute_logger

from odoo.addons.base.models.ir_cron import IrCron
from odoo.addons.stock_channel_hub.models import waking

from .common import HubCase, WakingCase

MIXIN_LOGGER = "odoo.addons.stock_channel_hub.models.stock_channel_mixin"


@tagged("post_install", "-at_install")
class TestRegressWaking(WakingCase):
    """A trigger nobody took, seen from real connections; what is inserted is removed.

    Odoo's notification is lost when no worker listens at that moment.
    """

    def setUp(self):
        super().setUp()
        waking.TOLD.clear()

    def add_trigger(self, seconds):
        """Insert a trigger that has been due for so many seconds."""
        with self.database.cursor() as cr:
            cr.execute(
                "INSERT INTO ir_cron_trigger (cron_id, call_at, create_date) "
                "SELECT %s, moment, moment FROM (SELECT clock_timestamp() "
                "AT TIME ZONE 'UTC' - %s * interval '1 second' AS moment) AS due",
                [self.cron_id, seconds],
            )

    def wake(self):
        """Trigger the job once more; returns how often workers were notified."""
        with patch.object(IrCron, "_notifydb", autospec=True) as notify:
            waking.trigger_unless_waiting(self.registry, [self.cron_id])
        return notify.call_count

    def count(self):
        with self.database.cursor() as cr:
            cr.execute(
                "SELECT count(*) FROM ir_cron_trigger WHERE cron_id = %s",
                [self.cron_id],
            )
            return cr.fetchone()[0]

    # ----------------------------------------------------------- finding 32

    def test_workers_are_told_again_of_a_trigger_nobody_took(self):
        self.add_trigger(5)
        self.assertEqual(self.wake(), 1)
        self.assertGreaterEqual(self.count(), 1)

    def test_workers_are_told_once_however_many_come(self):
        """Beside a job that runs for long, each delivery opened a connection."""
        self.add_trigger(5)
        self.assertEqual([self.wake() for _delivery in range(3)], [1, 0, 0])

    def test_workers_are_told_again_a_second_later(self):
        self.add_trigger(5)
        with patch.object(waking.time, "monotonic") as clock:
            told = []
            for moment in (100.0, 100.9, 101.1):
                clock.return_value = moment
                told.append(self.wake())
        self.assertEqual(told, [1, 0, 1])

    def test_workers_are_not_told_again_of_a_fresh_trigger(self):
        self.add_trigger(0)
        self.assertEqual((self.wake(), self.count()), (0, 1))


@tagged("post_install", "-at_install")
class TestRegressWork(HubCase):
    """Transactions, wake-ups and the inbox under trouble."""

    def worker(self, cr):
        return self.env["stock.channel.message"].with_env(self.env(cr=cr, su=True))

    # ----------------------------------------------------------- finding 20

    def test_full_connection_pool_fails_nobodys_commit(self):
        """The goods were booked and the user saw an error all the same."""
        postcommit = self.env.cr.postcommit
        postcommit.clear()
        self.addCleanup(postcommit.clear)
        error = PoolError("The Connection Pool Is Full")
        with patch.object(
            waking, "trigger_unless_waiting", side_effect=error
        ) as trigger:
            self.channel._wake_publishers()
            with self.assertLogs(MIXIN_LOGGER) as logs:
                postcommit.run()
        self.assertEqual(trigger.call_count, 1)
        self.assertEqual(len(logs.records), 1)
        self.assertNotIn("stock_channel_hub.crons", postcommit.data)

    def test_wake_up_works_again_after_a_full_connection_pool(self):
        postcommit = self.env.cr.postcommit
        postcommit.clear()
        self.addCleanup(postcommit.clear)
        with patch.object(
            waking,
            "trigger_unless_waiting",
            side_effect=[PoolError("full"), None],
        ) as trigger:
            with mute_logger(MIXIN_LOGGER):
                self.channel._wake_publishers()
                postcommit.run()
            self.channel._wake_publishers()
            postcommit.run()
        self.assertEqual(trigger.call_count, 2)

    # ----------------------------------------------------------- finding 30

    def test_race_lost_while_committing_starts_over(self):
        """The log of changes is written in a hook of the commit itself."""
        tries = []

        def hook():
            tries.append(1)
            if len(tries) == 1:
                raise psycopg2.errors.SerializationFailure("the other one was first")

        with self.registry.cursor() as cr:
            worker = self.worker(cr)

            def work():
                worker.env["stock.channel"].browse(self.channel.id).name = "Renamed"
                worker.env.cr.precommit.add(hook)
                return "done"

            self.assertEqual(worker._in_transaction(work), "done")
        self.env.invalidate_all()
        self.assertEqual(len(tries), 2)
        self.assertEqual(self.channel.name, "Renamed")

    def test_error_while_committing_leaves_nothing(self):
        def hook():
            raise ZeroDivisionError

        with self.registry.cursor() as cr:
            worker = self.worker(cr)
            channel = worker.env["stock.channel"].browse(self.channel.id)

            def work():
                channel.name = "Half done"
                worker.env.cr.precommit.add(hook)

            with self.assertRaises(ZeroDivisionError):
                worker._in_transaction(work)
            self.assertEqual(channel.name, "Test Shop")
        self.env.invalidate_all()
        self.assertEqual(self.channel.name, "Test Shop")

    # ----------------------------------------------------------- finding 32

    def test_message_behind_one_that_backs_off_is_not_due(self):
        """The job ran in circles, counting work that it was not allowed to take."""
        self.deliver("order.updated", self.order_data(version=1))
        self.deliver("order.updated", self.order_data(version=2))
        messages = self.env["stock.channel.message"].sudo()
        first = messages.search([("channel_id", "=", self.channel.id)], order="id")[0]
        first.next_attempt_at = self.env.cr.now() + timedelta(hours=1)
        self.env.flush_all()
        self.assertEqual(messages._count_due(), 0)
        self.deliver("order.updated", self.order_data("1002"))
        self.assertEqual(messages._count_due(), 1)


@tagged("post_install", "-at_install")
class TestRegressRights(HubCase):
    """Denied means that nothing changed."""

    # ----------------------------------------------------------- finding 22

    def test_warehouse_manager_does_not_change_the_map_from_a_location(self):
        """The map was the other side of a relation anybody could write."""
        user = self.make_user("group_user")
        user.group_ids += self.env.ref("stock.group_stock_manager")
        for location, commands in (
            (self.stock, [(5, 0, 0)]),
            (self.stock, [(3, self.place.id)]),
            (self.warehouse.wh_input_stock_loc_id, [(4, self.place.id)]),
        ):
            with self.subTest(location=location.name, commands=commands):
                mine = location.with_user(user)
                # Refused or without effect: both leave the map alone.
                with suppress(AccessError, UserError), self.env.cr.savepoint():
                    mine.write({"channel_location_ids": commands})
                self.env.flush_all()
                self.env.invalidate_all()
                self.assertEqual(self.place.location_ids, self.stock)
                self.assertEqual(self.stock.channel_location_ids, self.place)
        self.assertEqual(
            self.stock.with_user(user).channel_location_ids.ids, self.place.ids
        )

    # ----------------------------------------------------------- finding 23

    def test_what_was_told_cannot_be_deleted(self):
        """The log of what the channel was told went with it, by cascade."""
        self.receive(self.product, 5)
        self.run_all()
        log = self.publication().log_ids
        self.assertEqual((len(log), log.quantity), (1, 5))
        self.channel.action_pause()
        self.channel.action_back_to_draft()
        for record in (self.listing, self.place, self.channel):
            with self.subTest(model=record._name):
                with self.assertRaises(UserError):
                    record.unlink()
                self.env.invalidate_all()
                self.assertTrue(record.exists())
                self.assertEqual(log.exists().quantity, 5)

    def test_archiving_does_not_make_it_deletable(self):
        self.receive(self.product, 5)
        self.run_all()
        log = self.publication().log_ids
        for record in (self.listing, self.place):
            with self.subTest(model=record._name):
                record.active = False
                with self.assertRaises(UserError):
                    record.unlink()
                self.env.invalidate_all()
                self.assertEqual(log.exists().quantity, 5)

    def test_what_was_told_before_a_fresh_start_cannot_be_deleted(self):
        """Going live again and renaming forget what is expected, not what was told."""
        self.receive(self.product, 5)
        self.run_all()
        log = self.publication().log_ids
        self.channel.action_pause()
        self.channel.action_go_live()
        self.channel.action_pause()
        for record in (self.listing, self.place, self.channel):
            with self.subTest(model=record._name):
                with self.assertRaises(UserError):
                    record.unlink()
                self.env.invalidate_all()
                self.assertTrue(record.exists())
                self.assertEqual(log.exists().quantity, 5)

    def test_what_nobody_was_told_can_be_deleted(self):
        channel = self.make_channel(name="Never Live")
        place = self.make_place(channel, "main", self.stock)
        listing = self.make_listing(channel, self.product, "DESK")
        self.run_compute()
        for record in (listing, place, channel):
            record.unlink()
            self.assertFalse(record.exists())

    # ----------------------------------------------------------- finding 24

    def test_nobody_writes_what_the_hub_keeps_for_itself(self):
        """A state written past its gate, or a cursor set into the future."""
        values = {
            "state": "draft",
            "polled_at": "2099-01-01 00:00:00",
            "poll_last_message": 2**31 - 1,
            "next_attempt_at": "2099-01-01 00:00:00",
            "failure_count": 99,
            "quantity_meaning": "physical",
            "database_identity": "another-database",
        }
        self.env.flush_all()
        kept = self.channel.sudo().read(list(values))
        for group in ("group_manager", "group_admin"):
            channel = self.channel.with_user(self.make_user(group))
            for name, value in values.items():
                with self.subTest(group=group, field=name):
                    with self.assertRaises(AccessError):
                        channel.write({name: value})
                    self.env.invalidate_all()
                    self.assertEqual(self.channel.sudo().read(list(values)), kept)

    def test_nobody_creates_a_channel_that_is_live_already(self):
        for group in ("group_manager", "group_admin"):
            with self.subTest(group=group):
                channels = self.env["stock.channel"].with_user(self.make_user(group))
                before = channels.search_count([])
                with self.assertRaises(AccessError):
                    channels.create(
                        {"name": "Live", "connector": "rest", "state": "live"}
                    )
                self.assertEqual(channels.search_count([]), before)

    def test_nobody_creates_a_live_channel_by_a_default(self):
        """Over RPC the context is the caller's, and its defaults are values too."""
        channels = (
            self.env["stock.channel"]
            .with_user(self.make_user("group_admin"))
            .with_context(default_state="live", default_failure_count=7)
        )
        try:
            with self.env.cr.savepoint():
                channel = channels.create({"name": "Live", "connector": "rest"})
        except AccessError:
            return
        self.assertEqual((channel.state, channel.failure_count), ("draft", 0))

    def test_managers_still_use_the_steps_of_the_channel(self):
        channel = self.channel.with_user(self.make_user("group_manager"))
        channel.action_pause()
        self.assertEqual(self.channel.state, "paused")
        channel.action_go_live()
        self.assertEqual(self.channel.state, "live")
        channel.freshness_target = 9
        self.assertEqual(self.channel.freshness_target, 9)
