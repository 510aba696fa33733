from datetime import timedelta

from freezegun import freeze_time

from odoo import fields
from odoo.exceptions import AccessError, UserError
from odoo.tests import tagged

from .common import HubCase


class QueueCase(HubCase):
    """Exceptions of one channel, and who works on them."""

    def setUp(self):
        super().setUp()
        self.operator = self.make_user("group_operator", email="clerk@example.com")
        self.channel.exception_owner_id = self.operator
        self.run_compute()

    def fail(self, fingerprint="broken", channel=None, **vals):
        """Let something fail; as in production, with everything that is written."""
        exceptions = self.env(context={})["stock.channel.exception"]
        return exceptions._open(
            channel or self.channel,
            **{
                "category": "data",
                "fingerprint": fingerprint,
                "title": "It is broken",
                **vals,
            },
        )

    def mails(self, user=None):
        """Return how many mails somebody was sent."""
        self.env.flush_all()
        return self.env["mail.notification"].search_count(
            [
                ("res_partner_id", "=", (user or self.operator).partner_id.id),
                ("notification_type", "=", "email"),
            ]
        )

    def alerts(self):
        return self.env["stock.channel.alert"].search(
            [("channel_id", "=", self.channel.id)]
        )

    def audit(self, action):
        return self.env["stock.channel.audit"].search([("action", "=", action)])


@tagged("post_install", "-at_install")
class TestQueue(QueueCase):
    """One record per cause, and nobody is flooded."""

    def test_a_thousand_equal_failures_make_one_record_activity_and_mail(self):
        """The mail is the digest to the monitored address; the owner has a task."""
        before = self.env["mail.message"].search_count([])
        first = self.fail()
        messages = self.env["mail.message"].search_count([]) - before
        for _again in range(999):
            self.fail()
        self.assertEqual(self.open_exceptions(), first)
        self.assertEqual(first.occurrences, 1000)
        self.assertEqual(len(first.activity_ids), 1)
        self.assertEqual(first.activity_ids.user_id, self.operator)
        self.assertEqual(self.mails(), 0)
        self.assertEqual(
            self.env["mail.message"].search_count([]) - before,
            messages,
            "further failures write nothing to anybody",
        )
        for _round in range(3):
            self.run_job("stock.channel", "_cron_alert")
        self.assertEqual(len(self.alerts()), 1)
        self.assertFalse(first.event_ids)

    def test_a_cause_that_comes_and_goes_writes_one_line_an_hour(self):
        start = fields.Datetime.now()
        exception = self.fail()
        for minute in range(1, 51):
            with freeze_time(start + timedelta(minutes=minute)):
                exception._resolve_fingerprint(self.channel, "broken")
                self.fail()
        self.assertEqual(self.mails(), 0)
        self.assertEqual(len(exception.activity_ids), 1)
        self.assertEqual((exception.times_reopened, exception.occurrences), (50, 51))
        self.assertEqual(exception.event_ids.mapped("kind"), ["resolved"])

    def test_what_comes_back_is_the_same_record_with_its_history(self):
        start = fields.Datetime.now()
        exception = self.fail(value="1")
        with freeze_time(start + timedelta(days=1)):
            exception._resolve_fingerprint(self.channel, "broken")
            self.assertEqual(exception.state, "resolved")
            self.assertFalse(exception.activity_ids)
        with freeze_time(start + timedelta(days=2)):
            self.assertEqual(self.fail(value="2"), exception)
        self.assertEqual(
            (
                exception.state,
                exception.occurrences,
                exception.times_reopened,
                exception.value,
                exception.resolved_at,
            ),
            ("open", 2, 1, "2", False),
        )
        self.assertEqual(exception.event_ids.mapped("kind"), ["resolved", "open"])
        self.assertEqual(exception.first_seen_at, start)
        self.assertEqual(exception.opened_at, start + timedelta(days=2))

    def test_what_is_ignored_stays_so_while_nothing_is_new(self):
        start = fields.Datetime.now()
        exception = self.fail(category="refused", value="5")
        exception._ignore("We do not sell it there.")
        with freeze_time(start + timedelta(hours=23)):
            self.assertEqual(self.fail(category="refused", value="6"), exception)
        self.assertEqual((exception.state, exception.occurrences), ("ignored", 2))
        with freeze_time(start + timedelta(hours=24, seconds=1)):
            self.fail(category="refused", value="7")
        self.assertEqual(exception.state, "open")

    def test_what_is_ignored_comes_back_with_news(self):
        for name, vals in (
            ("another value", {"value": "4"}),
            ("another trouble", {"category": "stock"}),
        ):
            with self.subTest(name):
                exception = self.fail(name, value="3")
                exception._ignore("Known.")
                self.fail(name, value="3")
                self.assertEqual(exception.state, "ignored")
                self.assertEqual(self.fail(name, **{"value": "3", **vals}), exception)
                self.assertEqual(exception.state, "open")

    def test_an_order_that_waits_for_something_ignored_is_news(self):
        self.order("1", lines=[self.line_data("1", "NEW", 1)])
        exception = self.open_exceptions()
        exception._ignore("A test order.")
        self.order("2", lines=[self.line_data("1", "NEW", 1)])
        self.assertEqual(self.open_exceptions(), exception)
        self.assertEqual(exception.waiting_count, 2)

    def test_another_trouble_under_one_cause_has_its_own_time_and_step(self):
        exception = self.fail("channel", category="late")
        self.assertEqual(exception.step, "retry")
        self.fail("channel", category="authentication")
        self.assertEqual(
            (exception.category, exception.step), ("authentication", "authorise")
        )

    # ----------------------------------------------------------------- people

    def test_assigning_many_writes_once_and_moves_the_activities(self):
        exceptions = self.env["stock.channel.exception"]
        for number in range(20):
            exceptions |= self.fail(f"broken-{number}")
        other = self.make_user("group_operator", email="other@example.com")
        before = self.mails(other)
        mine = exceptions.with_user(self.operator).with_context(tracking_disable=False)
        mine._assign(other)
        self.assertEqual(exceptions.user_id, other)
        self.assertEqual(exceptions.activity_ids.user_id, other)
        self.assertEqual(len(exceptions.activity_ids), 20)
        self.assertEqual(self.mails(other) - before, 1)

    def test_assign_to_me(self):
        exception = self.fail()
        other = self.make_user("group_operator")
        exception.with_user(other).action_assign_to_me()
        self.assertEqual(
            (exception.user_id, exception.activity_ids.user_id), (other,) * 2
        )

    def test_nobody_is_given_what_they_may_not_work_on(self):
        exception = self.fail()
        company = self.env["res.company"].create({"name": "Elsewhere"})
        strangers = (
            self.make_user("group_user"),
            self.make_user(
                "group_operator",
                company_ids=[(6, 0, company.ids)],
                company_id=company.id,
            ),
        )
        for user in strangers:
            with self.assertRaises(UserError):
                exception.with_user(self.operator)._assign(user)
        with self.assertRaises(AccessError):
            exception.with_user(strangers[0]).action_assign_to_me()
        self.env.invalidate_all()
        self.assertEqual(exception.user_id, self.operator)

    def test_who_retries_and_reopens_is_on_record(self):
        exception = self.fail()
        mine = exception.with_user(self.operator)
        mine.action_retry()
        self.assertEqual(self.audit("retried").user_id, self.operator)
        exception._update_state("resolved")
        mine.action_reopen()
        self.assertEqual(exception.state, "open")
        self.assertEqual(self.audit("reopened").res_id, exception.id)

    def test_one_cause_is_not_opened_twice_by_hand(self):
        exception = self.fail()
        exception._update_state("resolved")
        twin = exception.copy({"fingerprint": "other", "state": "open"})
        twin.flush_recordset()
        self.env.cr.execute(
            "UPDATE stock_channel_exception SET fingerprint = 'broken' WHERE id = %s",
            [twin.id],
        )
        self.env.invalidate_all()
        with self.assertRaisesRegex(UserError, "open already"):
            exception.with_user(self.operator).action_reopen()
        self.assertEqual(exception.state, "resolved")

    # ------------------------------------------------------------------ steps

    def test_every_step_of_a_category_leads_somewhere(self):
        order = self.order()
        row = self.publication()
        approvals = self.env["stock.channel.approval"]
        self.assertFalse(approvals.search([]))
        for vals, step, opened in (
            ({"category": "mapping", "mapping_kind": "item"}, "map_item", None),
            (
                {"category": "mapping", "mapping_kind": "location", "value": "main"},
                "map_location",
                "stock.channel.location",
            ),
            ({"field": "tax_rate"}, "map_tax", "stock.channel"),
            ({"field": "charge"}, "map_charge", "stock.channel"),
            ({"field": "currency"}, "channel", "stock.channel"),
            (
                {"field": "quantity", "listing_id": self.listing.id},
                "fix_unit",
                "stock.channel.listing",
            ),
            ({"listing_id": self.listing.id}, "listing", "stock.channel.listing"),
            ({"channel_order_id": order.id}, "order", "stock.channel.order"),
            ({"category": "approval"}, "approval", "stock.channel.approval"),
            ({"category": "refused", "publication_id": row.id}, "retry", None),
            ({"category": "drift", "publication_id": row.id}, "retry", None),
            ({"category": "oversell", "channel_order_id": order.id}, "order", None),
            ({"category": "internal"}, "retry", None),
            ({"category": "rate_limit"}, "retry", None),
            ({"category": "late"}, "retry", None),
            ({"category": "stock"}, "retry", None),
            ({}, "ignore", "stock.channel.ignore.wizard"),
        ):
            with self.subTest(vals=vals):
                exception = self.fail(f"step-{step}-{vals}", **vals)
                self.assertEqual(exception.step, step)
                if opened:
                    action = exception.with_user(self.operator).action_step()
                    self.assertEqual(action["res_model"], opened)

    def test_only_administrators_are_asked_for_credentials(self):
        exception = self.fail(category="authentication")
        with self.assertRaisesRegex(UserError, "Ask one of them"):
            exception.with_user(self.operator).action_step()
        admin = self.make_user("group_admin")
        action = exception.with_user(admin).action_step()
        self.assertEqual(action["res_model"], "stock.channel.credential.wizard")

    def test_operator_is_told_who_maps_locations(self):
        exception = self.fail(
            category="mapping", mapping_kind="location", value="unheard-of"
        )
        self.channel.map_owner_id = self.make_user("group_manager", name="Mia Maps")
        with self.assertRaisesRegex(UserError, "Mia Maps"):
            exception.with_user(self.operator).action_step()
        action = exception.with_user(self.channel.map_owner_id).action_step()
        self.assertEqual(action["context"]["default_external_id"], "unheard-of")

    def test_form_says_when_it_is_tried_next(self):
        self.channel.next_attempt_at = "2026-12-01 10:00:00"
        exception = self.fail(f"channel:{self.channel.id}", category="late")
        self.assertEqual(
            (exception.next_try_at, exception.retry_note),
            (self.channel.next_attempt_at, "The channel is asked again by itself."),
        )
        waits = self.fail("map", category="mapping")
        self.assertEqual(
            (waits.next_try_at, waits.retry_note),
            (False, "Nothing is tried again before somebody has acted."),
        )
        self.assertEqual(
            self.fail("oversell", category="oversell").retry_note,
            "It closes by itself once it is over.",
        )
