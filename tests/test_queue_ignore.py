from datetime import timedelta

from freezegun import freeze_time

from odoo import fields
from odoo.exceptions import AccessError, UserError
from odoo.tests import tagged

from .test_queue import QueueCase


@tagged("post_install", "-at_install")
class TestQueueIgnore(QueueCase):
    """A few may be waved aside with a reason, many or costly ones take two people."""

    def setUp(self):
        super().setUp()
        self.approver = self.make_user("group_approver")

    def many(self, count, name="many", **vals):
        exceptions = self.env["stock.channel.exception"]
        for number in range(count):
            exceptions |= self.fail(f"{name}-{number}", **vals)
        return exceptions

    def ignore(self, exceptions, reason="Test orders of the shop.", user=None):
        """Ignore by the wizard, as a person does; returns what was proposed."""
        before = self.env["stock.channel.approval"].search([])
        mine = exceptions.with_user(user or self.operator)
        action = mine.action_ignore()
        wizard = self.env[action["res_model"]].with_user(user or self.operator)
        wizard = wizard.with_context(**action["context"]).create({"reason": reason})
        self.assertEqual(wizard.count, len(exceptions))
        wizard.action_done()
        return self.env["stock.channel.approval"].search([]) - before

    def worth(self, value):
        """Let something fail with so much at risk."""
        row = self.publication().sudo()
        row.write({"wanted_qty": value / 10, "acknowledged_qty": 0})
        return self.fail(f"worth-{value}", category="refused", publication_id=row.id)

    def test_ten_are_ignored_with_a_reason_on_record(self):
        exceptions = self.many(10)
        self.assertFalse(self.ignore(exceptions))
        self.assertEqual(set(exceptions.mapped("state")), {"ignored"})
        self.assertEqual(
            set(exceptions.mapped("ignore_reason")), {"Test orders of the shop."}
        )
        self.assertEqual(exceptions.ignored_by_id, self.operator)
        self.assertFalse(exceptions.activity_ids)
        rows = self.audit("ignored")
        self.assertEqual(set(rows.mapped("res_id")), set(exceptions.ids))
        self.assertEqual(set(rows.mapped("reason")), {"Test orders of the shop."})
        self.assertEqual(rows.user_id, self.operator)

    def test_without_a_reason_nothing_happens(self):
        exception = self.fail()
        for reason in (False, "", "   "):
            with self.assertRaises(UserError):
                self.ignore(exception, reason=reason)
        self.assertEqual(exception.state, "open")

    def test_readers_ignore_nothing(self):
        exception = self.fail()
        reader = self.make_user("group_user")
        with self.assertRaises(AccessError):
            exception.with_user(reader)._ignore("I say so.")
        with self.assertRaises(AccessError):
            exception.with_user(self.operator).write({"state": "ignored"})
        self.env.invalidate_all()
        self.assertEqual(exception.state, "open")

    def test_eleven_take_a_second_person(self):
        exceptions = self.many(11)
        approval = self.ignore(exceptions)
        self.assertEqual(set(exceptions.mapped("state")), {"open"})
        self.assertEqual(
            (approval.kind, approval.state, approval.requested_by_id),
            ("ignore", "proposed", self.operator),
        )
        self.assertEqual(approval.ignored_exception_ids, exceptions)
        self.assertIn("11 exceptions", approval.effect)
        approval.with_user(self.approver).action_approve()
        self.assertEqual(approval.state, "applied")
        self.assertEqual(set(exceptions.mapped("state")), {"ignored"})
        self.assertEqual(exceptions.ignored_by_id, self.operator)
        self.assertEqual(exceptions.ignore_approval_id, approval)
        rows = self.audit("ignored")
        self.assertEqual((len(rows), rows.approval_id), (11, approval))
        self.assertEqual(rows.user_id, self.approver)

    def test_small_steps_within_the_hour_are_one_large_one(self):
        start = fields.Datetime.now()
        self.assertFalse(self.ignore(self.many(6, "first")))
        second = self.many(5, "second")
        with freeze_time(start + timedelta(minutes=59)):
            self.assertTrue(self.ignore(second))
        self.assertEqual(set(second.mapped("state")), {"open"})
        third = self.many(5, "third")
        with freeze_time(start + timedelta(minutes=61)):
            self.assertFalse(self.ignore(third))

    def test_another_person_has_ten_of_their_own(self):
        self.ignore(self.many(10, "first"))
        second = self.many(10, "second")
        self.assertFalse(self.ignore(second, user=self.make_user("group_operator")))

    def test_value_above_the_limit_takes_a_second_person(self):
        self.channel.ignore_value_limit = 100.0
        self.assertFalse(self.ignore(self.worth(100)))
        self.assertTrue(self.ignore(self.worth(10)), "what was ignored before counts")
        later = fields.Datetime.now() + timedelta(hours=2)
        with freeze_time(later):
            self.assertFalse(self.ignore(self.worth(20)))
        with freeze_time(later + timedelta(hours=2)):
            self.assertTrue(self.ignore(self.worth(110)))

    def test_each_channel_has_its_limit_and_its_approval(self):
        other = self.make_channel(name="Other")
        here, there = self.many(6, "here"), self.many(6, "there", channel=other)
        approvals = self.ignore(here | there)
        self.assertEqual(approvals.channel_id, self.channel | other)
        self.assertEqual(
            {one.channel_id: one.ignored_exception_ids for one in approvals},
            {self.channel: here, other: there},
        )

    def test_nobody_approves_their_own(self):
        self.operator.group_ids += self.env.ref("stock_channel_hub.group_approver")
        exceptions = self.many(11)
        approval = self.ignore(exceptions)
        with self.assertRaises(AccessError):
            approval.with_user(self.operator).action_approve()
        self.env.invalidate_all()
        self.assertEqual(approval.state, "proposed")
        self.assertEqual(set(exceptions.mapped("state")), {"open"})

    def test_rejected_ones_stay_open_and_can_be_asked_about_again(self):
        exceptions = self.many(11)
        approval = self.ignore(exceptions)
        with self.assertRaisesRegex(UserError, "proposed"):
            self.ignore(exceptions)
        approval.with_user(self.approver).action_reject()
        self.assertEqual(set(exceptions.mapped("state")), {"open"})
        self.assertTrue(self.ignore(exceptions))

    def test_what_was_solved_meanwhile_needs_no_ignoring(self):
        exceptions = self.many(11)
        approval = self.ignore(exceptions)
        exceptions[0]._update_state("resolved")
        approval.with_user(self.approver).action_approve()
        self.assertEqual(exceptions.mapped("state"), ["resolved", *["ignored"] * 10])

    def test_more_at_risk_than_the_approver_was_shown_is_outdated(self):
        self.channel.ignore_value_limit = 5.0
        exception = self.worth(50)
        approval = self.ignore(exception)
        exception.publication_id.sudo().wanted_qty = 6
        approval.with_user(self.approver).action_approve()
        self.assertEqual((approval.state, exception.state), ("stale", "open"))
        self.assertIn("60", approval.outcome)
        again = approval.with_user(
            self.make_user("group_manager")
        ).action_propose_again()
        fresh = self.env["stock.channel.approval"].browse(again["res_id"])
        fresh.with_user(self.approver).action_approve()
        self.assertEqual((fresh.state, exception.state), ("applied", "ignored"))

    def test_only_administrators_set_the_limit(self):
        for group in ("group_operator", "group_manager", "group_approver"):
            channel = self.channel.with_user(self.make_user(group))
            with self.assertRaises(AccessError):
                channel.ignore_value_limit = 1e9
        self.env.invalidate_all()
        self.assertEqual(self.channel.ignore_value_limit, 1000.0)
        self.channel.with_user(self.make_user("group_admin")).ignore_value_limit = 5.0
        self.assertEqual(self.channel.ignore_value_limit, 5.0)

    def test_another_companys_exceptions_cannot_be_ignored(self):
        exception = self.fail()
        company = self.env["res.company"].create({"name": "Elsewhere"})
        stranger = self.make_user(
            "group_operator", company_ids=[(6, 0, company.ids)], company_id=company.id
        )
        with self.assertRaises(AccessError):
            exception.with_user(stranger)._ignore("Not mine.")
        self.env.invalidate_all()
        self.assertEqual(exception.state, "open")
