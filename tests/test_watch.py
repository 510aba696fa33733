"""PROOF R18: each fault raises its alarm within two looks, and clears it."""

from datetime import date, timedelta

from odoo.tests import tagged
from odoo.tools import SQL

from .alert_common import AlertCase
from .clock import NOON


@tagged("post_install", "-at_install")
class TestWatch(AlertCase):
    """The watchdog opens and closes alarms by itself."""

    def sql(self, query, *params):
        self.env.flush_all()
        self.env.cr.execute(SQL(query, *params))
        self.env.invalidate_all()

    def look(self, times=1):
        """Let the watchdog look, a minute apart, as its scheduled action does."""
        for _time in range(times):
            self.pass_time(60)
            job = self.env.ref("stock_channel_hub.ir_cron_watch")
            self.run_watch()
            self.sql(
                "UPDATE ir_cron SET lastcall = %s, nextcall = %s WHERE id = %s",
                self.env.cr.now(),
                self.env.cr.now() + timedelta(minutes=1),
                job.id,
            )

    def assert_alarm(self, kind):
        """Two looks suffice to raise it, once."""
        self.look(2)
        alarm = self.alarm(kind)
        self.assertEqual((len(alarm), alarm.occurrences), (1, 1))
        self.assertTrue(alarm.is_alarm)
        self.assertEqual(alarm.user_id, self.owner)
        self.assertTrue(alarm.cause and alarm.next_step)
        return alarm

    def assert_cleared(self, kind, alarm):
        self.look(2)
        self.assertFalse(self.alarm(kind))
        self.assertEqual(alarm.state, "resolved")
        self.assertFalse(alarm.activity_ids)

    def store(self, count=1, **vals):
        """Put deliveries into the inbox that nobody works on."""
        for number in range(count):
            self.deliver("order.updated", self.order_data(f"w{number}"))
        vals = {"received_at": self.env.cr.now(), **vals}
        for name, value in vals.items():
            self.sql(
                "UPDATE stock_channel_message SET %s = %s WHERE state = 'pending'",
                SQL.identifier(name),
                value,
            )

    # ----------------------------------------------------------------- queue

    def test_no_fault_no_alarm(self):
        self.run_all()
        self.come_round()
        self.look(3)
        self.assertFalse(self.open_exceptions())

    def test_message_nobody_takes_up(self):
        self.store(received_at=NOON - timedelta(minutes=9))
        self.look()
        self.assertFalse(self.alarm("queue"))
        alarm = self.assert_alarm("queue")
        self.assertIn("1 wait", alarm.cause)
        self.run_inbox()
        self.assert_cleared("queue", alarm)

    def test_more_messages_than_are_worked_off(self):
        self.channel.alert_queue_depth = 3
        self.store(3)
        self.look(2)
        self.assertFalse(self.alarm("queue"))
        self.deliver("order.updated", self.order_data("w9"))
        self.sql("UPDATE stock_channel_message SET received_at = %s", NOON)
        alarm = self.assert_alarm("queue")
        self.assertEqual(alarm.value, "4, 3 min")
        self.sql("UPDATE stock_channel_message SET state = 'done'")
        self.assert_cleared("queue", alarm)

    def test_message_tried_again_or_replayed_does_not_stand_still(self):
        self.store(received_at=NOON - timedelta(days=30), claims=1)
        self.look(2)
        self.assertFalse(self.alarm("queue"))

    def test_queue_is_watched_while_paused_but_not_in_a_draft(self):
        self.store(received_at=NOON - timedelta(days=1))
        self.channel.action_pause()
        alarm = self.assert_alarm("queue")
        self.channel.action_back_to_draft()
        self.assert_cleared("queue", alarm)

    def test_copy_of_the_database_raises_no_alarm(self):
        self.store(received_at=NOON - timedelta(days=1))
        self.env["ir.config_parameter"].set_param("database.uuid", "a-copy")
        self.look(2)
        self.assertFalse(self.open_exceptions())

    # -------------------------------------------------------------- failures

    def make_pushes(self, **states):
        pushes = self.env["stock.channel.push"].sudo()
        for state, count in states.items():
            for _number in range(count):
                pushes |= pushes.create({"channel_id": self.channel.id, "state": state})
        self.env.flush_all()
        return pushes

    def test_many_failed_pushes(self):
        self.make_pushes(done=15, failed=3, unknown=2)
        alarm = self.assert_alarm("failures")
        self.assertEqual((alarm.value, alarm.expected_value), ("25 %", "at most 20 %"))
        self.pass_time(3600)
        self.assert_cleared("failures", alarm)

    def test_few_failed_pushes_are_no_rate(self):
        self.make_pushes(failed=4)
        self.look(2)
        self.assertFalse(self.alarm("failures"))

    def test_share_decides_not_the_number(self):
        self.make_pushes(done=80, failed=20)
        self.look(2)
        self.assertFalse(self.alarm("failures"))
        self.make_pushes(failed=1)
        self.assert_alarm("failures")

    # ----------------------------------------------------------------- drift

    def test_many_numbers_differ(self):
        self.channel.alert_drift_limit = 1
        lamp = self.make_product("Lamp", "LAMP")
        self.make_listing(self.channel, lamp, "LAMP")
        self.add_shop_item("LAMP", "main")
        self.run_all()
        self.sql("UPDATE stock_channel_publication SET drift = 'in_flight'")
        self.look(2)
        self.assertFalse(self.alarm("drift"))
        self.sql("UPDATE stock_channel_publication SET drift = 'edited'")
        alarm = self.assert_alarm("drift")
        self.assertEqual((alarm.value, alarm.category), ("2", "drift"))
        self.sql("UPDATE stock_channel_publication SET drift = NULL")
        self.assert_cleared("drift", alarm)

    # ------------------------------------------------------------------ jobs

    def come_round(self, but=()):
        """Let all jobs have run a moment ago, but those."""
        self.sql(
            "UPDATE ir_cron SET nextcall = %s, lastcall = %s WHERE NOT id = ANY(%s)",
            self.env.cr.now() + timedelta(days=1),
            self.env.cr.now(),
            [job.id for job in but],
        )

    def test_job_that_does_not_come_round(self):
        job = self.env["stock.channel"]._compute_cron()
        self.come_round(but=job)
        self.sql(
            "UPDATE ir_cron SET nextcall = %s WHERE id = %s",
            NOON + timedelta(seconds=30),
            job.id,
        )
        alarm = self.assert_alarm("jobs")
        self.assertIn(job.name, alarm.cause)
        self.come_round()
        self.assert_cleared("jobs", alarm)

    def test_job_that_is_at_work_is_not_stalled(self):
        job = self.env["stock.channel"]._compute_cron()
        self.come_round(but=job)
        self.sql(
            "UPDATE ir_cron SET nextcall = %s WHERE id = %s",
            NOON - timedelta(minutes=10),
            job.id,
        )
        channels = type(self.env["stock.channel"])
        self.patch(channels, "_jobs_at_work", lambda _self, ids: set(ids))
        self.look(2)
        self.assertFalse(self.alarm("jobs"))
        self.go_to(NOON + timedelta(minutes=21))
        self.come_round(but=job)
        self.look()
        self.assertIn(job.name, self.alarm("jobs").cause)

    def test_job_switched_off(self):
        self.come_round()
        self.channel.sudo().publish_cron_id.active = False
        alarm = self.assert_alarm("jobs")
        self.assertIn("is switched off", alarm.cause)
        self.channel.sudo().publish_cron_id.active = True
        self.assert_cleared("jobs", alarm)

    def test_job_that_keeps_failing(self):
        self.come_round()
        job = self.env["stock.channel"]._inbox_cron()
        self.sql("UPDATE ir_cron SET failure_count = 3 WHERE id = %s", job.id)
        alarm = self.assert_alarm("jobs")
        self.assertIn("failed 3 times in a row", alarm.cause)
        self.sql("UPDATE ir_cron SET failure_count = 0 WHERE id = %s", job.id)
        self.assert_cleared("jobs", alarm)

    def test_spare_worker_may_be_off(self):
        self.come_round()
        self.env.ref("stock_channel_hub.ir_cron_inbox_2").active = False
        self.look(2)
        self.assertFalse(self.alarm("jobs"))

    def test_shared_job_is_told_once_per_company(self):
        company = self.env["res.company"].create({"name": "Elsewhere"})
        second = self.make_channel(name="Second", sequence=99)
        foreign = self.make_channel(name="Foreign", company_id=company.id)
        for channel in (second, foreign):
            channel.sudo().state = "shadow"
            channel._arm()
        self.come_round()
        self.env["stock.channel"]._compute_cron().active = False
        self.look(2)
        self.assertEqual(len(self.alarm("jobs")), 1)
        self.assertFalse(self.alarm("jobs", second))
        self.assertEqual(len(self.alarm("jobs", foreign)), 1)

    def test_scheduler_that_comes_back_blames_no_job(self):
        """After a stand-still all jobs are overdue for a moment."""
        self.come_round()
        self.pass_time(3600)
        self.sql("UPDATE ir_cron SET nextcall = %s", NOON)
        self.run_watch()
        self.assertFalse(self.alarm("jobs"))

    def test_dead_scheduler_is_told_by_whoever_reads(self):
        self.come_round()
        self.pass_time(300)
        self.assertFalse(self.channel.scheduler_text)
        self.pass_time(60)
        self.env.invalidate_all()
        self.assertIn("have not run for 6 minutes", self.channel.scheduler_text)
        self.assertEqual(self.channel.get_health()[0]["scheduler_silent_seconds"], 360)
        self.channel.action_pause()
        self.env.invalidate_all()
        self.assertFalse(self.channel.scheduler_text)

    def test_watchdog_switched_off_is_told_by_whoever_reads(self):
        self.env.ref("stock_channel_hub.ir_cron_watch").active = False
        self.env.invalidate_all()
        self.assertIn("watchdog is switched off", self.channel.scheduler_text)

    # ----------------------------------------------------------- credentials

    def test_secret_that_ends_soon_and_has_ended(self):
        secret = self.channel.secret_ids
        secret.valid_to = NOON + timedelta(days=15)
        self.look()
        self.assertFalse(self.alarm("credentials"))
        self.go_to(NOON + timedelta(days=1))
        alarm = self.assert_alarm("credentials")
        self.assertEqual(alarm.title, "The last signing secret ends soon")
        self.run_alert()
        self.go_to(NOON + timedelta(days=15))
        self.look()
        self.assertEqual(
            (alarm.title, alarm.occurrences, alarm.state),
            ("The channel has no valid signing secret", 2, "open"),
        )
        # That it became worse is news.
        self.run_alert()
        self.assertEqual(self.alerts()[-1].exception_ids & alarm, alarm)
        self.env["stock.channel.secret"]._generate(self.channel)
        self.assert_cleared("credentials", alarm)

    def test_second_secret_without_an_end_is_enough(self):
        self.channel.secret_ids.valid_to = NOON + timedelta(days=1)
        self.env["stock.channel.secret"]._generate(self.channel)
        self.look(2)
        self.assertFalse(self.alarm("credentials"))

    def test_credentials_end_with_their_day_at_the_channel(self):
        """In Auckland the last day ends eleven hours (UTC) after noon in London."""
        self.channel.write(
            {
                "timezone": "Pacific/Auckland",
                "alert_expiry_days": 1,
                "credentials_expire_on": date(2026, 11, 25),
            }
        )
        self.assertEqual(
            self.channel._end_of_credentials(), NOON + timedelta(days=1, hours=23)
        )
        self.look()
        self.assertFalse(self.alarm("credentials"))
        self.go_to(NOON + timedelta(hours=23))
        self.assertEqual(
            self.assert_alarm("credentials").title,
            "The channel's credentials end soon",
        )
        self.go_to(NOON + timedelta(days=1, hours=23, minutes=-1))
        self.look()
        alarm = self.alarm("credentials")
        self.assertEqual(alarm.title, "The channel's credentials have ended")
        self.channel.credentials_expire_on = date(2027, 11, 25)
        self.assert_cleared("credentials", alarm)

    # ------------------------------------------------------------------ mail

    def test_mail_that_no_server_takes(self):
        self.open_exception()
        self.run_alert()
        self.deliver_mail(error="no route to host")
        alarm = self.assert_alarm("mail")
        self.assertIn("no route to host", alarm.cause)
        self.assertEqual(self.alerts()[0].state, "failed")
        # Once a mail goes out again, it tells what the lost one told.
        self.pass_time(900)
        self.run_alert()
        self.assertIn("Trouble one", self.alerts()[-1].exception_ids.mapped("title"))
        self.deliver_mail()
        self.assert_cleared("mail", alarm)

    def test_mail_that_stays_in_the_queue(self):
        self.open_exception()
        self.run_alert()
        self.pass_time(600)
        alarm = self.assert_alarm("mail")
        self.assertIn("mail queue", alarm.cause)
        self.deliver_mail()
        self.assert_cleared("mail", alarm)

    def test_mail_that_comes_back(self):
        exception = self.open_exception()
        self.run_alert()
        self.deliver_mail()
        self.look()
        self.assertEqual(self.alerts().state, "sent")
        self.alerts()._message_receive_bounce(
            "stock-alerts@example.com", self.env["res.partner"]
        )
        alarm = self.assert_alarm("mail")
        self.assertIn("It came back: stock-alerts@example.com", alarm.cause)
        # It is not mailed to the address that sends everything back.
        self.pass_time(3600)
        self.run_alert()
        again = self.alerts()[1:].exception_ids
        self.assertFalse(again & (exception | alarm))

    def test_mail_somebody_deleted_or_cancelled(self):
        for name in ("cancel", "unlink"):
            with self.subTest(name=name):
                self.pass_time(3600)
                self.open_exception(name)
                self.run_alert()
                getattr(self.alerts()[-1].mail_id, name)()
                self.look()
                self.assertEqual(self.alerts()[-1].state, "failed")
                self.assertEqual(len(self.alarm("mail")), 1)

    def test_exceptions_from_before_alerts_count_as_told(self):
        exception = self.open_exception()
        self.env.flush_all()
        exception._init_column("is_alert_due")
        self.env.invalidate_all()
        self.assertFalse(exception.is_alert_due)

    # ----------------------------------------------------------------- a day

    def test_more_than_ten_unresolved_of_one_day(self):
        for number in range(10):
            self.open_exception(str(number))
        self.look(2)
        self.assertFalse(self.alarm("day"))
        self.open_exception("10")
        alarm = self.assert_alarm("day")
        self.assertEqual((alarm.value, alarm.expected_value), ("11", "at most 10"))
        # Midnight mends nothing.
        self.go_to(NOON + timedelta(days=1))
        self.look()
        self.assertEqual(self.alarm("day"), alarm)
        self.settle("10")
        self.assert_cleared("day", alarm)

    def test_days_are_those_of_the_channel(self):
        """Noon and 23:30 UTC are one day in London and two in Brussels."""
        self.channel.timezone = "Europe/Brussels"
        for number in range(6):
            self.open_exception(f"noon {number}")
        self.go_to(NOON + timedelta(hours=11, minutes=30))
        for number in range(6):
            self.open_exception(f"night {number}")
        self.look()
        self.assertFalse(self.alarm("day"))
        self.channel.timezone = "Europe/London"
        self.look()
        self.assertEqual(self.alarm("day").value, "12")

    def test_own_limit_counts_and_alarms_do_not(self):
        self.channel.alert_daily_limit = 1
        self.run_all()
        self.come_round()
        self.open_exception()
        self.channel.secret_ids.valid_to = NOON + timedelta(days=1)
        self.look(3)
        self.assertEqual(len(self.open_exceptions()), 2)
        self.assertFalse(self.alarm("day"))

    # --------------------------------------------------------------- keeping

    def test_alarm_that_stays_is_told_anew_once_an_hour(self):
        self.channel.secret_ids.valid_to = NOON + timedelta(days=1)
        alarm = self.assert_alarm("credentials")
        self.look(58)
        self.assertEqual(alarm.occurrences, 1)
        self.look(3)
        self.assertEqual(alarm.occurrences, 2)
        self.assertEqual(len(alarm.activity_ids), 1)

    def test_alarm_waved_aside_is_quiet_for_a_day(self):
        self.channel.secret_ids.valid_to = NOON + timedelta(days=1)
        first = self.assert_alarm("credentials")
        first._update_state("ignored", {"resolved_at": self.env.cr.now()})
        self.pass_time(23 * 3600)
        self.look(2)
        self.assertFalse(self.alarm("credentials"))
        self.pass_time(3600)
        self.look(2)
        self.assertTrue(self.alarm("credentials"))

    def test_alarm_ends_with_the_channel(self):
        self.channel.secret_ids.valid_to = NOON + timedelta(days=1)
        alarm = self.assert_alarm("credentials")
        self.channel.active = False
        self.assert_cleared("credentials", alarm)
