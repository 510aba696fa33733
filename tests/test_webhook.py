"""Webhooks that the hub registers itself: looked after, written down, no obstacle."""

from dataclasses import replace
from datetime import timedelta
from unittest.mock import patch

from odoo.exceptions import AccessError, UserError
from odoo.tests import tagged

from odoo.addons.stock_channel_hub.connectors.data import WebhookFinding, WebhookState
from odoo.addons.stock_channel_hub.connectors.errors import (
    Misconfigured,
    RateLimited,
    RetryLater,
    Throttled,
)
from odoo.addons.stock_channel_hub.connectors.rest import RestConnector

from .clock import ClockCase

PUBLIC = "https://erp.example.com"


def finding(topic, state=WebhookState.MADE, message=""):
    return WebhookFinding(topic=topic, state=state, message=message)


@tagged("post_install", "-at_install")
class TestWebhooks(ClockCase):
    def setUp(self):
        super().setUp()
        self.set_capabilities(registers_webhooks=True)
        self.env["ir.config_parameter"].set_param("web.base.url", PUBLIC)
        self.asked = []
        self.answer = []
        patcher = patch.object(
            RestConnector, "watch_webhooks", lambda _rest, address: self.watch(address)
        )
        patcher.start()
        self.addCleanup(patcher.stop)
        self.pass_time(60)

    def set_capabilities(self, **changes):
        patcher = patch.object(
            RestConnector,
            "capabilities",
            replace(RestConnector.capabilities, **changes),
        )
        patcher.start()
        self.addCleanup(patcher.stop)
        self.channel.invalidate_recordset(["registers_webhooks"])

    def watch(self, address):
        self.asked.append(address)
        if isinstance(self.answer, Exception):
            raise self.answer
        return list(self.answer)

    def polls(self):
        """Return how many rounds of polling came to their end."""
        self.run_poll()
        return self.channel.polled_at == self.env.cr.now()

    def exception(self):
        return self.env["stock.channel.exception"].search(
            [("fingerprint", "=", f"webhooks:{self.channel.id}")]
        )

    def audit(self):
        return self.env["stock.channel.audit"].search(
            [("res_id", "=", self.channel.id), ("action", "=", "webhooks")]
        )

    # --------------------------------------------------------------- when

    def test_they_are_checked_at_the_start_of_a_round_once_an_hour(self):
        self.assertTrue(self.polls())
        self.assertEqual(self.asked, [self.channel.webhook_url])
        self.pass_time(3599)
        self.assertTrue(self.polls())
        self.assertEqual(len(self.asked), 1)
        self.pass_time(1)
        self.run_poll()
        self.assertEqual(len(self.asked), 2)
        self.assertEqual(self.channel.webhooks_checked_at, self.env.cr.now())

    def test_they_are_checked_when_it_goes_live_and_in_shadow(self):
        self.run_poll()
        self.channel.action_pause()
        self.run_poll()
        self.channel.action_go_live()
        self.run_poll()
        self.assertEqual(len(self.asked), 2)
        self.channel.action_pause()
        self.channel.action_back_to_draft()
        self.channel.action_go_shadow()
        self.run_poll()
        self.assertEqual(len(self.asked), 3)

    def test_nothing_is_registered_before_the_door_is_open(self):
        """The channel tries the address at once, and a draft has none."""
        self.channel.action_pause()
        self.channel.action_back_to_draft()
        self.channel.action_go_shadow()
        self.assertEqual(self.asked, [])

    def test_a_connector_that_registers_none_is_not_asked(self):
        self.set_capabilities(registers_webhooks=False)
        self.assertTrue(self.polls())
        self.assertEqual(self.asked, [])
        with self.assertRaisesRegex(UserError, "by hand"):
            self.channel.action_check_webhooks()

    def test_a_copy_registers_nothing(self):
        """Every order would be delivered to a database nobody works in."""
        self.env["ir.config_parameter"].set_param("database.uuid", "copy")
        self.run_poll()
        with self.assertRaises(UserError):
            self.channel.action_check_webhooks()
        self.assertEqual(self.asked, [])

    def test_a_channel_that_failed_is_tried_by_what_it_is_for(self):
        self.channel.sudo().write(
            {"failure_count": 1, "next_attempt_at": self.env.cr.now()}
        )
        self.assertTrue(self.polls())
        self.assertEqual((self.asked, self.channel.failure_count), ([], 0))
        self.run_poll()
        self.assertEqual(len(self.asked), 1)

    # --------------------------------------------------------------- what

    def test_all_in_place_leaves_no_line(self):
        self.run_poll()
        self.assertEqual(self.channel.webhooks_result, "All webhooks are in place.")
        self.assertFalse(self.audit())
        self.assertFalse(self.exception())

    def test_what_had_to_be_done_is_written_down(self):
        self.answer = [
            finding("orders/create"),
            finding("refunds/create", WebhookState.MENDED, "was switched off"),
        ]
        self.assertTrue(self.polls())
        text = (
            "Webhooks set up: orders/create. "
            "Webhooks put right: refunds/create (was switched off)."
        )
        self.assertEqual(self.audit().reason, text)
        self.assertEqual(self.channel.webhooks_result, text)
        self.assertIn(text, self.channel.message_ids[:1].body)
        self.assertFalse(self.exception())

    def test_what_is_refused_is_one_exception_until_it_is_not(self):
        refused = finding("orders/create", WebhookState.REFUSED, "No such right.")
        self.answer = [refused, finding("app/uninstalled")]
        self.assertTrue(self.polls())
        exception = self.exception()
        self.assertEqual(
            (exception.state, exception.category, exception.value),
            ("open", "authentication", "orders/create"),
        )
        self.assertIn("orders/create (No such right.)", exception.cause)
        self.assertEqual(self.audit().reason, "Webhooks set up: app/uninstalled.")
        self.pass_time(3600)
        self.run_poll()
        self.assertEqual((self.exception(), exception.occurrences), (exception, 2))
        self.answer = []
        self.pass_time(3600)
        self.run_poll()
        self.assertEqual(exception.state, "resolved")

    def test_retrying_the_exception_checks_anew(self):
        self.answer = [finding("orders/create", WebhookState.REFUSED)]
        self.run_poll()
        self.answer = []
        self.exception().action_retry()
        self.run_poll()
        self.assertEqual(self.exception().state, "resolved")

    # ------------------------------------------------------------- trouble

    def test_trouble_with_them_keeps_no_channel_from_being_polled(self):
        for error, seconds in (
            (RetryLater("broken"), 300),
            (Misconfigured("no right"), 3600),
            (KeyError("bug"), 300),
        ):
            with self.subTest(error=error):
                self.answer = error
                self.channel.sudo().webhooks_due_at = False
                self.assertTrue(self.polls())
                self.assertEqual(self.channel.failure_count, 0)
                self.assertEqual(
                    self.channel.webhooks_due_at,
                    self.env.cr.now() + timedelta(seconds=seconds),
                )
                self.pass_time(60)
        self.assertEqual(self.exception().cause, "no right")

    def test_a_full_limit_is_waited_for_by_everybody(self):
        for error, failures in (
            (Throttled("used up", 90), 0),
            (RateLimited("slow"), 1),
        ):
            with self.subTest(error=error):
                self.answer = error
                self.channel.sudo().webhooks_due_at = False
                calls = len(self.shop.transport.calls)
                self.assertFalse(self.polls())
                self.assertEqual(len(self.shop.transport.calls), calls)
                self.assertEqual(self.channel.failure_count, failures)
                self.pass_time(600)

    # ------------------------------------------------------------- address

    def test_an_address_nobody_can_reach_is_not_registered(self):
        for base in (
            "http://erp.example.com",
            "http://localhost:8069",
            "https://localhost",
            "https://erp",
            "https://erp.local",
            "https://10.0.0.5",
            "https://127.0.0.1:8069",
            "https://[::1]",
            "https://10.0.0.5:port",
            "",
        ):
            with self.subTest(base=base):
                self.env["ir.config_parameter"].set_param("web.base.url", base)
                self.channel.invalidate_recordset(["webhook_url"])
                self.channel.sudo().webhooks_due_at = False
                with self.assertRaisesRegex(UserError, "own address"):
                    self.channel.action_check_webhooks()
                self.assertTrue(self.polls())
                self.assertEqual((self.asked, self.exception().state), ([], "open"))
                self.pass_time(60)
        self.assertEqual(self.exception().category, "late")
        self.env["ir.config_parameter"].set_param("web.base.url", PUBLIC)
        self.channel.sudo().webhooks_due_at = False
        self.run_poll()
        self.assertEqual(self.exception().state, "resolved")

    def test_a_shop_beside_us_may_deliver_to_a_private_address(self):
        self.env["ir.config_parameter"].set_param("web.base.url", "http://odoo:8069")
        self.channel.allowed_hosts = "shop:80, odoo:8069"
        self.run_poll()
        self.assertEqual(len(self.asked), 1)

    def test_an_allowed_host_that_is_none_stops_no_job(self):
        self.channel.allowed_hosts = "shop:port"
        self.run_poll()
        self.assertEqual(len(self.asked), 1)

    # ------------------------------------------------------------- by hand

    def test_button_tells_what_was_found(self):
        self.answer = [finding("orders/create")]
        manager = self.channel.with_user(self.make_user("group_manager"))
        action = manager.action_check_webhooks()
        self.assertEqual(
            (action["params"]["message"], action["params"]["type"]),
            ("Webhooks set up: orders/create.", "success"),
        )
        self.assertEqual(self.audit().user_id, manager.env.user)
        self.answer = [finding("orders/create", WebhookState.REFUSED)]
        self.assertEqual(manager.action_check_webhooks()["params"]["type"], "danger")
        self.answer = RetryLater("It is down.")
        with self.assertRaisesRegex(UserError, "It is down."):
            manager.action_check_webhooks()

    def test_operators_do_not_press_it(self):
        with self.assertRaises(AccessError):
            self.channel.with_user(
                self.make_user("group_operator")
            ).action_check_webhooks()
