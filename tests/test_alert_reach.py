"""A channel whose alerts reach nobody is not live."""

from odoo.exceptions import AccessError, UserError, ValidationError
from odoo.tests import tagged
from odoo.tools import mute_logger

from .alert_common import AlertCase


@tagged("post_install", "-at_install")
class TestReach(AlertCase):
    """A channel whose alerts reach nobody does not go live."""

    def reach(self):
        return self.channel._alerts_reach_somebody()

    def assert_unreached(self, words):
        is_reaching, reason = self.reach()
        self.assertFalse(is_reaching)
        self.assertIn(words, reason)
        self.assertEqual(
            (self.channel.is_alert_reaching, self.channel.alert_reach), (False, reason)
        )
        self.channel.action_pause()
        with self.assertRaises(UserError) as caught:
            self.channel.action_go_live()
        self.assertIn(words, str(caught.exception))
        self.assertEqual(self.channel.state, "paused")

    def test_reached(self):
        self.assertEqual(
            self.reach(),
            (True, "Exceptions go to Olga Owner and to stock-alerts@example.com."),
        )

    def test_owner_is_missing(self):
        self.channel.exception_owner_id = False
        self.assertEqual(
            self.reach(), (False, "Nobody is named as owner of exceptions.")
        )

    def test_owner_left(self):
        self.owner.active = False
        self.assert_unreached("Olga Owner is archived")

    def test_owner_may_not_see_it(self):
        self.owner.group_ids = self.env.ref("base.group_user")
        self.assert_unreached("Olga Owner may not see this channel")

    def test_owner_of_another_company(self):
        company = self.env["res.company"].create({"name": "Elsewhere"})
        self.owner.write(
            {"company_ids": [(6, 0, company.ids)], "company_id": company.id}
        )
        self.assert_unreached("may not see this channel")

    def test_owner_without_an_address(self):
        self.owner.email = False
        self.assert_unreached("Olga Owner has no e-mail address")

    def test_no_monitored_address(self):
        self.channel.alert_email = " , "
        self.assert_unreached("No monitored address")

    def test_no_mail_server(self):
        self.env["ir.mail_server"].search([]).active = False
        self.assert_unreached("No outgoing mail server")

    def test_local_server_is_proved_by_a_mail_that_went_out(self):
        self.env["ir.mail_server"].search([]).active = False
        with self.mock_mail_gateway():
            action = self.channel.action_send_test_alert()
        self.assertEqual(action["params"]["type"], "success")
        self.assertTrue(self.reach()[0])

    def test_mail_queue_switched_off(self):
        self.channel._mail_queue_cron().active = False
        self.assert_unreached("sends mail is switched off")

    def test_last_mail_failed(self):
        self.open_exception()
        self.run_alert()
        self.deliver_mail(error="no route to host")
        self.run_watch()
        self.assert_unreached("no route to host")

    def test_reached_channel_goes_live(self):
        self.channel.action_pause()
        self.channel.action_go_live()
        self.assertEqual(self.channel.state, "live")

    def test_shadow_needs_no_alerts(self):
        self.channel.alert_email = False
        self.channel.action_pause()
        self.channel.action_back_to_draft()
        self.channel.action_go_shadow()
        self.assertEqual(self.channel.state, "shadow")

    def test_gate_stands_for_managers_too(self):
        self.channel.alert_email = False
        self.channel.action_pause()
        mine = self.channel.with_user(self.make_user("group_manager"))
        with self.assertRaises(UserError):
            mine.action_go_live()
        with self.assertRaises(AccessError):
            mine.write({"state": "live"})
        self.assertEqual(self.channel.state, "paused")

    # ------------------------------------------------------------------ test

    def test_test_alert_says_that_it_went_out(self):
        with self.mock_mail_gateway():
            action = self.channel.action_send_test_alert()
        self.assertEqual(action["params"]["type"], "success")
        self.assertIn("stock-alerts@example.com", action["params"]["message"])
        self.assertEqual(self.alerts().mapped("state"), ["sent"])
        self.assertEqual(len(self._mails), 1)
        self.assertEqual(self._mails[0]["email_to"], ["stock-alerts@example.com"])

    def test_test_alert_says_why_it_did_not(self):
        with (
            self.mock_mail_gateway(),
            self.refuse("no route to host"),
            mute_logger("odoo.addons.mail.models.mail_mail"),
        ):
            action = self.channel.action_send_test_alert()
        self.assertEqual(action["params"]["type"], "danger")
        self.assertIn("no route to host", action["params"]["message"])
        self.assertEqual(self.alerts().state, "failed")

    def test_test_alert_needs_an_address_and_a_manager(self):
        operator = self.channel.with_user(self.make_user("group_operator"))
        with self.assertRaises(AccessError):
            operator.action_send_test_alert()
        self.channel.alert_email = False
        with self.assertRaises(UserError):
            self.channel.action_send_test_alert()
        self.assertFalse(self.alerts())

    # -------------------------------------------------------------- settings

    def test_addresses_are_checked(self):
        for wrong in ("nobody", "a@b@c", "ok@example.com, nope", "a@example.com b@x"):
            with self.subTest(wrong=wrong), self.assertRaises(ValidationError):
                self.channel.alert_email = wrong
        self.channel.alert_email = "A@Example.com;\n b@example.com, a@example.com"
        self.assertEqual(
            self.channel._alert_addresses(), ["a@example.com", "b@example.com"]
        )

    def test_no_alarm_is_switched_off_by_a_zero(self):
        for name in (
            "alert_interval",
            "alert_escalation_hours",
            "alert_daily_limit",
            "alert_queue_minutes",
            "alert_queue_depth",
            "alert_failure_rate",
            "alert_drift_limit",
            "alert_expiry_days",
        ):
            for value in (0, -1):
                with (
                    self.subTest(name=name, value=value),
                    self.assertRaises(ValidationError),
                ):
                    self.channel[name] = value

    def test_operators_change_no_setting(self):
        operator = self.channel.with_user(self.make_user("group_operator"))
        with self.assertRaises(AccessError):
            operator.alert_email = "mine@example.com"
        self.env.invalidate_all()
        self.assertEqual(self.channel.alert_email, "stock-alerts@example.com")

    def test_nobody_writes_an_alert(self):
        for group in ("group_user", "group_operator", "group_manager", "group_admin"):
            alerts = self.env["stock.channel.alert"].with_user(self.make_user(group))
            # Mail bodies name exceptions in full; readers see those on their screen.
            self.assertEqual(alerts.has_access("read"), group != "group_user")
            for operation in ("write", "create", "unlink"):
                self.assertFalse(alerts.has_access(operation), (group, operation))
