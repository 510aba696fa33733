from datetime import timedelta
from unittest.mock import patch

from odoo import fields
from odoo.tests import tagged
from odoo.tests.common import BaseCase
from odoo.tools import mute_logger

from odoo.addons.base.models.ir_cron import IrCron
from odoo.addons.stock_channel_hub.models import waking
from odoo.addons.stock_channel_hub.models.waking import Waker, remind

from .common import HubCase, WakingCase

LOGGER = "odoo.addons.stock_channel_hub.models.waking"


@tagged("post_install", "-at_install")
class TestWaker(BaseCase):
    """What a waker does in each of its rounds, by a clock of its own."""

    def setUp(self):
        super().setUp()
        self.now = 1000.0
        self.done = []
        self.waker = Waker(
            lambda ids: self.done.append(("trigger", ids)),
            lambda ids, seconds: self.done.append(("remind", ids, seconds)),
            clock=lambda: self.now,
        )

    def round_after(self, seconds):
        """Let time pass; returns what was done, and when there is something again."""
        self.now += seconds
        self.done.clear()
        self.waker.round()
        return self.done[:], self.waker.pause()

    def test_nobody_asks(self):
        self.assertEqual(self.round_after(1), ([], None))

    def test_whoever_asks_first_does_not_wait(self):
        """Each delivery was worked on a tenth of a second later than it could be."""
        self.waker.ask([5])
        with (
            patch.object(waking.time, "sleep", side_effect=InterruptedError) as sleep,
            self.assertRaises(InterruptedError),
        ):
            self.waker.run()
        self.assertEqual(self.done, [("trigger", [5])])
        sleep.assert_called_once_with(waking.PAUSE_SECONDS)

    def test_moment_that_passes_in_the_pause_is_next(self):
        self.waker.remind_in(5, 0.01)
        self.now += 1
        self.assertEqual(self.waker.pause(), 0.0)

    def test_many_who_ask_are_one_question(self):
        for cron_id in (7, 5, 7, 7):
            self.waker.ask([cron_id])
        self.assertEqual(
            self.round_after(0), ([("trigger", [5, 7])], waking.LOOK_SECONDS)
        )

    def test_workers_are_looked_after_until_all_have_looked(self):
        self.waker.ask([5])
        self.round_after(0)
        self.assertEqual(self.round_after(3), ([("remind", [5], 1.0)], 3.0))
        self.assertEqual(self.round_after(86), ([("remind", [5], 1.0)], 3.0))
        self.assertEqual(self.round_after(1), ([], None))

    def test_whoever_asks_again_begins_the_watch_anew(self):
        self.waker.ask([5, 7])
        self.round_after(0)
        self.waker.ask([5])
        self.assertEqual(self.round_after(60), ([("trigger", [5])], 3.0))
        self.assertEqual(self.round_after(29), ([("remind", [5, 7], 1.0)], 3.0))
        self.assertEqual(self.round_after(1), ([("remind", [5], 1.0)], 3.0))

    def test_what_fails_is_tried_again(self):
        """The database was away for a moment, and nobody was woken."""
        self.waker.ask([5])
        with (
            patch.object(self.waker, "_trigger", side_effect=ConnectionError),
            mute_logger(LOGGER),
        ):
            self.assertEqual(self.round_after(0), ([], 3.0))
        self.assertEqual(self.round_after(3), ([("trigger", [5])], 3.0))

    def test_database_that_stays_away_is_left_to_odoo(self):
        """Nobody fills the log about a database that was dropped."""
        self.waker.ask([5])
        with (
            patch.object(
                self.waker, "_trigger", side_effect=ConnectionError
            ) as trigger,
            self.assertLogs(LOGGER, "WARNING") as logs,
        ):
            for _round in range(40):
                self.round_after(3)
        self.assertEqual(trigger.call_count, 30)
        self.assertEqual(len(logs.records), 1)
        self.assertEqual(self.round_after(200), ([], None))

    def test_process_that_ends_triggers_what_was_asked_for(self):
        self.waker.ask([5])
        self.waker.finish()
        self.assertEqual(self.done, [("trigger", [5])])
        self.done.clear()
        self.waker.finish()
        self.assertEqual(self.done, [])

    def test_reminder_that_fails_is_tried_again(self):
        self.waker.ask([5])
        self.round_after(0)
        with (
            patch.object(self.waker, "_remind", side_effect=ConnectionError),
            mute_logger(LOGGER),
        ):
            self.assertEqual(self.round_after(3), ([], 3.0))
        self.assertEqual(self.round_after(3), ([("remind", [5], 1.0)], 3.0))

    def test_moment_that_comes(self):
        """Odoo tells nobody: a channel's pause of three seconds lasted seventy."""
        self.waker.remind_in(5, 10.0)
        self.waker.remind_in(7, 20.0)
        done, pause = self.round_after(0)
        self.assertEqual((done, round(pause, 2)), ([], 10.02))
        self.assertEqual(self.round_after(10.02)[0], [("remind", [5], 0.0)])
        # Somebody must have heard.
        self.assertEqual(self.round_after(3), ([("remind", [5], 1.0)], 3.0))
        self.assertEqual(self.round_after(7)[0], [("remind", [7], 0.0)])

    def test_moment_that_comes_while_others_ask(self):
        self.waker.remind_in(5, 10.0)
        self.now += 11
        self.waker.ask([7])
        self.assertEqual(
            self.round_after(0), ([("trigger", [7]), ("remind", [5], 0.0)], 3.0)
        )

    def test_moment_that_passed_without_a_database_is_looked_after(self):
        self.waker.remind_in(5, 10.0)
        with (
            patch.object(self.waker, "_remind", side_effect=ConnectionError),
            mute_logger(LOGGER),
        ):
            self.assertEqual(self.round_after(11), ([], 3.0))
        self.assertEqual(self.round_after(3), ([("remind", [5], 1.0)], 3.0))


@tagged("post_install", "-at_install")
class TestRemind(WakingCase):
    """Who is told, seen from real connections; what is inserted is removed."""

    def remind(self, seconds=1.0):
        """Return what was found, how many were told, how many triggers there are."""
        with patch.object(IrCron, "_notifydb", autospec=True) as notify:
            found = remind(self.registry, [self.cron_id], seconds)
        with self.database.cursor() as cr:
            cr.execute(
                "SELECT count(*) FROM ir_cron_trigger WHERE cron_id = %s",
                [self.cron_id],
            )
            return found, notify.call_count, cr.fetchone()[0]

    def add_trigger(self, seconds):
        with self.database.cursor() as cr:
            cr.execute(
                "INSERT INTO ir_cron_trigger (cron_id, call_at) VALUES (%s, "
                "clock_timestamp() AT TIME ZONE 'UTC' - %s * interval '1 second')",
                [self.cron_id, seconds],
            )

    def test_without_a_trigger_nobody_is_told(self):
        self.assertEqual(self.remind(), (False, 0, 0))

    def test_fresh_trigger_is_left_alone(self):
        self.add_trigger(0)
        self.assertEqual(self.remind(), (False, 0, 1))

    def test_fresh_trigger_whose_moment_has_come(self):
        self.add_trigger(0)
        self.assertEqual(self.remind(seconds=0.0), (True, 1, 1))

    def test_trigger_for_later_is_left_alone(self):
        self.add_trigger(-60)
        self.assertEqual(self.remind(seconds=0.0), (False, 0, 1))

    def test_workers_are_told_of_one_that_nobody_took(self):
        self.add_trigger(5)
        self.assertEqual(self.remind(), (True, 1, 1))

    def test_one_that_a_job_is_taking_is_left_alone(self):
        self.add_trigger(5)
        with self.database.cursor() as job:
            job.execute(
                "DELETE FROM ir_cron_trigger WHERE cron_id = %s", [self.cron_id]
            )
            self.assertEqual(self.remind(), (False, 0, 1))


@tagged("post_install", "-at_install")
class TestWhoWakes(HubCase):
    def setUp(self):
        super().setUp()
        postcommit = self.env.cr.postcommit
        postcommit.clear()
        self.addCleanup(postcommit.clear)

    def test_request_leaves_it_to_the_waker(self):
        """The answer of a delivery does not wait for it."""
        mixin = "odoo.addons.stock_channel_hub.models.stock_channel_mixin"
        with (
            patch(f"{mixin}.request", object()),
            patch.object(waking, "waker") as waker,
            patch.object(waking, "trigger_unless_waiting") as trigger,
        ):
            self.channel._wake_publishers()
            self.env.cr.postcommit.run()
        waker.assert_called_once_with(self.env.cr.dbname)
        waker.return_value.ask.assert_called_once_with(
            [self.channel.publish_cron_id.id]
        )
        trigger.assert_not_called()

    def test_job_does_it_at_once(self):
        with (
            patch.object(waking, "waker") as waker,
            patch.object(waking, "trigger_unless_waiting") as trigger,
        ):
            self.channel._wake_publishers()
            self.env.cr.postcommit.run()
        waker.assert_not_called()
        trigger.assert_called_once_with(
            self.env.registry, [self.channel.publish_cron_id.id]
        )

    def test_later_moment_is_left_to_the_waker(self):
        at = fields.Datetime.now() + timedelta(seconds=60)
        with patch.object(waking, "waker") as waker:
            self.channel.publish_cron_id._trigger(at=at)
            waker.assert_not_called()
            self.env.cr.postcommit.run()
        waker.assert_called_once_with(self.env.cr.dbname)
        ((cron_id, seconds), _options) = waker.return_value.remind_in.call_args
        self.assertEqual(cron_id, self.channel.publish_cron_id.id)
        self.assertTrue(58 < seconds <= 60, seconds)

    def test_other_jobs_are_left_to_odoo(self):
        cron = self.env.ref("mail.ir_cron_mail_scheduler_action")
        with patch.object(waking, "waker") as waker:
            cron._trigger(at=fields.Datetime.now() + timedelta(seconds=60))
            self.env.cr.postcommit.run()
        waker.assert_not_called()
