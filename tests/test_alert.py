"""Alerts reach somebody: whom, when and in which words."""

from datetime import timedelta

from odoo.exceptions import AccessError
from odoo.tests import tagged

from .alert_common import AlertCase
from .clock import NOON


@tagged("post_install", "-at_install")
class TestDigest(AlertCase):
    """New exceptions are mailed collected, not one mail each."""

    def test_first_exception_after_quiet_is_mailed_at_once(self):
        exception = self.open_exception()
        self.run_alert()
        alert = self.alerts()
        self.assertEqual((alert.kind, alert.state), ("new", "queued"))
        self.assertEqual(alert.email_to, "stock-alerts@example.com")
        self.assertEqual(alert.exception_ids, exception)
        self.assertEqual(alert.subject, "Test Shop: 1 new, 1 open")
        self.assertEqual(
            (alert.mail_id.state, alert.mail_id.auto_delete), ("outgoing", False)
        )
        self.assertEqual(alert.mail_id.email_to, alert.email_to)

    def test_later_ones_are_collected_until_the_interval_is_over(self):
        self.open_exception()
        self.run_alert()
        for minute in range(1, 15):
            self.pass_time(60)
            self.open_exception(f"later {minute}")
            self.run_alert()
        self.assertEqual(len(self.alerts()), 1)
        self.pass_time(60)
        self.run_alert()
        second = self.alerts()[1:]
        self.assertEqual(len(second.exception_ids), 14)
        self.assertEqual(second.subject, "Test Shop: 14 new, 15 open")
        self.pass_time(3600)
        self.run_alert()
        self.assertEqual(len(self.alerts()), 2)

    def test_thousand_equal_failures_are_one_record_one_activity_one_mail(self):
        for _time in range(1000):
            exception = self.open_exception()
        self.run_alert()
        self.pass_time(3600)
        self.open_exception()
        self.run_alert()
        self.assertEqual(len(self.open_exceptions()), 1)
        self.assertEqual(exception.occurrences, 1001)
        self.assertEqual(len(exception.activity_ids), 1)
        self.assertEqual(len(self.alerts()), 1)

    def test_owner_gets_an_activity_and_no_mail_for_each(self):
        before = self.env["mail.mail"].search_count([])
        notified = self.env["mail.notification"].search_count([])
        exceptions = self.open_exception("one") | self.open_exception("two")
        self.assertEqual(exceptions.activity_ids.user_id, self.owner)
        self.assertEqual(len(exceptions.activity_ids), 2)
        self.assertEqual(self.env["mail.mail"].search_count([]), before)
        self.assertEqual(self.env["mail.notification"].search_count([]), notified)

    def test_what_healed_before_the_mail_is_only_counted(self):
        kept = self.open_exception("kept")
        self.open_exception("healed")
        self.settle("healed")
        self.run_alert()
        alert = self.alerts()
        self.assertEqual(alert.exception_ids, kept)
        self.assertIn("healed by themselves", alert.body)
        self.assertNotIn("Trouble healed", alert.body)

    def test_nothing_is_mailed_when_all_healed(self):
        self.open_exception()
        self.settle()
        self.run_alert()
        self.assertFalse(self.alerts())
        self.assertFalse(self.open_exceptions())

    def test_what_opens_again_is_told_again(self):
        exception = self.open_exception()
        self.run_alert()
        self.settle()
        self.pass_time(3600)
        self.open_exception()
        self.run_alert()
        self.assertEqual(len(self.alerts()), 2)
        self.assertEqual(self.alerts()[1].exception_ids, exception)
        self.assertEqual(exception.opened_at, NOON + timedelta(hours=1))
        self.assertEqual(exception.first_seen_at, NOON)

    def test_mail_lists_by_category_and_value_with_links(self):
        small = self.open_exception("small", category="data")
        large = self.open_exception("large", category="data")
        mapping = self.open_exception("map", category="mapping")
        small.sudo().value_at_risk = 5
        large.sudo().value_at_risk = 900
        mapping.sudo().value_at_risk = 50
        self.env.flush_all()
        self.run_alert()
        body = str(self.alerts().body)
        found = [
            body.index(text)
            for text in ("Data", "Trouble large", "Trouble small", "Mapping", "map<")
        ]
        self.assertEqual(found, sorted(found))
        for exception in (small, large, mapping):
            self.assertIn(f"/odoo/stock-channel-exceptions/{exception.id}", body)
        self.assertIn("905.00", body)
        self.assertIn(f"/odoo/stock-channels/{self.channel.id}", body)

    def test_very_many_are_cut_and_counted(self):
        for number in range(45):
            self.open_exception(str(number))
        self.run_alert()
        alert = self.alerts()
        self.assertEqual(len(alert.exception_ids), 45)
        self.assertEqual(str(alert.body).count("/odoo/stock-channel-exceptions/"), 40)
        self.assertRegex(str(alert.body), r"And\s+5 more")

    def test_markup_in_a_title_is_inert(self):
        self.open_exception(title="<script>alert(1)</script>")
        self.run_alert()
        self.assertNotIn("<script>", str(self.alerts().body))
        self.assertIn("&lt;script&gt;", str(self.alerts().body))

    def test_several_addresses_in_their_languages(self):
        self.env["res.lang"]._activate_lang("fr_FR")
        self.env["res.partner"].create(
            {"name": "Fanny", "email": "Fanny@Example.com", "lang": "fr_FR"}
        )
        self.company.partner_id.lang = "en_US"
        self.channel.alert_email = (
            'fanny@example.com, "Team" <team@example.com>; team@example.com'
        )
        self.open_exception()
        self.run_alert()
        self.assertEqual(
            {(alert.email_to, alert.lang) for alert in self.alerts()},
            {("fanny@example.com", "fr_FR"), ("team@example.com", "en_US")},
        )

    def test_no_address_keeps_everything_for_later(self):
        self.channel.alert_email = False
        exception = self.open_exception()
        self.run_alert()
        self.assertFalse(self.alerts())
        self.channel.alert_email = "new@example.com"
        self.run_alert()
        self.assertEqual(self.alerts().exception_ids, exception)

    def test_copy_of_the_database_mails_nothing(self):
        self.open_exception()
        self.env["ir.config_parameter"].set_param("database.uuid", "a-copy")
        self.run_alert()
        self.assertFalse(self.alerts())

    def test_channels_are_collected_apart(self):
        other = self.make_channel(name="Other", alert_email="other@example.com")
        other._arm()
        self.open_exception()
        self.open_exception("other", channel=other)
        self.run_alert()
        found = self.env["stock.channel.alert"].search([]).grouped("channel_id")
        self.assertEqual(
            {channel: alert.email_to for channel, alert in found.items()},
            {self.channel: "stock-alerts@example.com", other: "other@example.com"},
        )

    def test_two_companies_show_their_own_currency(self):
        company = self.env["res.company"].create(
            {"name": "Swiss", "currency_id": self.env.ref("base.CHF").id}
        )
        other = self.make_channel(name="Swiss Shop", company_id=company.id)
        other._arm()
        for channel in (self.channel, other):
            exception = self.open_exception(channel.name, channel=channel)
            exception.sudo().value_at_risk = 12
        self.env.flush_all()
        self.run_alert()
        found = self.env["stock.channel.alert"].search([]).grouped("channel_id")
        self.assertIn("CHF", str(found[other].body))
        self.assertNotIn("CHF", str(found[self.channel].body))
        self.assertEqual(found[other].company_id, company)
        stranger = self.make_user("group_admin")
        with self.assertRaises(AccessError):
            found[other].with_user(stranger).read(["subject"])

    def test_wakes_its_job_once_per_quiet_time(self):
        woken = []
        channels = type(self.env["stock.channel"])
        self.patch(
            channels,
            "_trigger_after_commit",
            lambda _self, crons: woken.append(crons.mapped("cron_name")),
        )
        job = self.env["stock.channel"]._alert_cron().cron_name
        self.open_exception()
        self.assertEqual(woken.count([job]), 1)
        self.run_alert()
        woken.clear()
        self.open_exception("two")
        self.assertEqual(woken.count([job]), 0)

    def test_old_alerts_are_forgotten_with_their_mails(self):
        self.open_exception()
        self.run_alert()
        mail = self.alerts().mail_id
        self.go_to(NOON + timedelta(days=89))
        self.env["stock.channel.alert"]._gc_old()
        self.assertTrue(self.alerts())
        self.go_to(NOON + timedelta(days=91))
        self.env["stock.channel.alert"]._gc_old()
        self.assertFalse(self.alerts() or mail.exists())


@tagged("post_install", "-at_install")
class TestEscalation(AlertCase):
    """Overdue: the owner, then the escalation person, then the address; once each."""

    def setUp(self):
        super().setUp()
        self.boss = self.make_user("group_manager", email="boss@example.com")
        self.channel.alert_escalation_user_id = self.boss
        self.exception = self.open_exception()
        self.run_alert()
        self.set_due(self.exception, NOON + timedelta(hours=8))

    def overdue(self):
        return self.alerts(kind="overdue")

    def test_not_before_it_is_due(self):
        self.go_to(NOON + timedelta(hours=8, seconds=-1))
        self.run_alert()
        self.assertFalse(self.overdue())
        self.assertEqual(self.exception.escalation, "owner")

    def test_person_is_told_once(self):
        self.go_to(NOON + timedelta(hours=8))
        for _minute in range(30):
            self.run_alert()
            self.pass_time(60)
        alert = self.overdue()
        self.assertEqual(
            (alert.email_to, alert.subject),
            ("boss@example.com", "Test Shop: 1 overdue"),
        )
        self.assertEqual(self.exception.escalation, "escalation")
        theirs = self.exception.activity_ids.filtered(lambda a: a.user_id == self.boss)
        self.assertEqual(theirs.summary, "Overdue: Trouble one")

    def test_address_is_told_some_hours_later_and_then_nobody(self):
        self.go_to(NOON + timedelta(hours=8))
        self.run_alert()
        self.go_to(NOON + timedelta(hours=12, seconds=-1))
        self.run_alert()
        self.assertEqual(len(self.overdue()), 1)
        self.go_to(NOON + timedelta(hours=12))
        self.run_alert()
        self.assertEqual(self.overdue()[1].email_to, "stock-alerts@example.com")
        self.assertEqual(self.exception.escalation, "address")
        for day in range(1, 5):
            self.go_to(NOON + timedelta(days=day))
            self.run_alert()
        self.assertEqual(len(self.overdue()), 2)

    def test_owner_of_the_maps_is_the_default_person(self):
        self.channel.write(
            {"alert_escalation_user_id": False, "map_owner_id": self.boss.id}
        )
        self.go_to(NOON + timedelta(hours=8))
        self.run_alert()
        self.assertEqual(self.overdue().email_to, "boss@example.com")

    def test_without_a_person_the_address_is_next(self):
        for vals in (
            {"alert_escalation_user_id": False, "map_owner_id": False},
            {"alert_escalation_user_id": self.owner.id, "map_owner_id": False},
        ):
            with self.subTest(**vals):
                self.channel.write(vals)
                exception = self.open_exception(str(vals))
                self.pass_time(3600)
                self.set_due(exception, self.env.cr.now())
                self.run_alert()
                self.assertEqual(exception.escalation, "address")

    def test_archived_person_is_passed_over(self):
        self.boss.active = False
        self.channel.map_owner_id = False
        self.go_to(NOON + timedelta(hours=8))
        self.run_alert()
        self.assertEqual(self.overdue().email_to, "stock-alerts@example.com")

    def test_solved_in_time_is_not_escalated(self):
        self.settle()
        self.go_to(NOON + timedelta(days=2))
        self.run_alert()
        self.assertFalse(self.overdue())

    def test_opened_again_begins_with_the_owner(self):
        self.go_to(NOON + timedelta(hours=8))
        self.run_alert()
        self.settle()
        self.open_exception()
        self.assertEqual(
            (self.exception.escalation, self.exception.escalated_at), ("owner", False)
        )

    def test_many_overdue_are_one_mail(self):
        for number in range(5):
            exception = self.open_exception(str(number))
            self.set_due(exception, NOON + timedelta(hours=8))
        self.go_to(NOON + timedelta(hours=8))
        self.run_alert()
        self.assertEqual(len(self.overdue().exception_ids), 6)
