from unittest.mock import patch

import psycopg2

from odoo.tests import tagged

from odoo.addons.stock_channel_hub.models.waking import trigger_unless_waiting

from .common import HubCase, WakingCase

COUNT = "SELECT count(*) FROM ir_cron_trigger WHERE cron_id = %s"


@tagged("post_install", "-at_install")
class TestWaking(WakingCase):
    """Waking a job, seen from several real connections.

    Nothing here runs in a test transaction: what is inserted is removed again.
    """

    def count(self):
        with self.database.cursor() as cr:
            cr.execute(COUNT, [self.cron_id])
            return cr.fetchone()[0]

    def test_waiting_trigger_is_enough(self):
        for _time in range(3):
            trigger_unless_waiting(self.registry, [self.cron_id])
        self.assertEqual(self.count(), 1)

    def test_trigger_a_running_job_has_taken_does_not_count(self):
        """The job deletes its trigger, uncommitted until it ends.

        Counting on that trigger would leave work lying that came while the job was
        looking for the last time.
        """
        trigger_unless_waiting(self.registry, [self.cron_id])
        with self.database.cursor() as job:
            job.execute(
                "DELETE FROM ir_cron_trigger WHERE cron_id = %s", [self.cron_id]
            )
            trigger_unless_waiting(self.registry, [self.cron_id])
            job.commit()
        self.assertEqual(self.count(), 1)

    def test_trigger_for_later_does_not_count(self):
        with self.database.cursor() as cr:
            cr.execute(
                "INSERT INTO ir_cron_trigger (cron_id, call_at) "
                "VALUES (%s, now() AT TIME ZONE 'UTC' + interval '1 hour')",
                [self.cron_id],
            )
        trigger_unless_waiting(self.registry, [self.cron_id])
        self.assertEqual(self.count(), 2)

    def test_job_that_is_gone_is_nobodys_trouble(self):
        trigger_unless_waiting(self.registry, [self.cron_id, 2**31 - 1])
        self.assertEqual(self.count(), 1)


@tagged("post_install", "-at_install")
class TestTransactions(HubCase):
    """Short transactions that start over when they lose a race."""

    def worker(self, cr):
        return self.env["stock.channel.message"].with_env(self.env(cr=cr, su=True))

    def test_lost_race_starts_over(self):
        tries = []

        def work():
            tries.append(1)
            if len(tries) < 3:
                raise psycopg2.errors.SerializationFailure("the other one was first")
            return "done"

        with self.registry.cursor() as cr:
            self.assertEqual(self.worker(cr)._in_transaction(work), "done")
        self.assertEqual(len(tries), 3)

    def test_race_lost_for_ever_is_raised(self):
        tries = []

        def work():
            tries.append(1)
            raise psycopg2.errors.DeadlockDetected("again")

        with self.registry.cursor() as cr:
            worker = self.worker(cr)
            with self.assertRaises(psycopg2.errors.DeadlockDetected):
                worker._in_transaction(work)
        self.assertEqual(len(tries), 5)

    def test_failed_work_leaves_nothing(self):
        def work(worker):
            worker.env["stock.channel"].browse(self.channel.id).name = "Half done"
            worker.env.flush_all()
            raise ZeroDivisionError

        with self.registry.cursor() as cr:
            worker = self.worker(cr)
            with self.assertRaises(ZeroDivisionError):
                worker._in_transaction(lambda: work(worker))
        self.env.invalidate_all()
        self.assertEqual(self.channel.name, "Test Shop")

    def test_jobs_are_registered_once_per_transaction(self):
        postcommit = self.env.cr.postcommit
        postcommit.clear()
        for _time in range(3):
            self.channel._wake_workers()
        self.assertEqual(len(postcommit._funcs), 1)
        waiting = postcommit.data["stock_channel_hub.crons"]
        self.assertEqual(
            waiting,
            {
                self.env.ref("stock_channel_hub.ir_cron_compute").id,
                self.channel.publish_cron_id.id,
            },
        )
        postcommit.clear()

    def test_pausing_works_while_the_job_runs(self):
        """Odoo refuses to change a job that is running."""
        crons = type(self.channel.publish_cron_id)
        with patch.object(crons, "try_lock_for_update", lambda cron, **kw: cron[:0]):
            self.channel.action_pause()
        self.assertEqual(self.channel.state, "paused")
        self.assertTrue(self.channel.publish_cron_id.active)
        calls = len(self.shop.transport.calls)
        self.receive(self.product, 3)
        self.run_compute()
        self.run_publish()
        self.assertEqual(len(self.shop.transport.calls), calls)
