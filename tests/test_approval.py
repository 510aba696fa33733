from odoo.exceptions import AccessError, UserError
from odoo.tests import new_test_user, tagged
from odoo.tools import mute_logger

from .count_common import CountCase

GROUPS = (
    "group_user",
    "group_operator",
    "group_manager",
    "group_approver",
    "group_admin",
)
STEPS = ("action_approve", "action_reject", "action_withdraw", "action_propose_again")
# Which steps each group may take with what the hub has proposed.
ALLOWED = {
    "group_user": (),
    "group_operator": (),
    "group_manager": ("action_withdraw", "action_propose_again"),
    "group_approver": ("action_approve", "action_reject"),
    "group_admin": ("action_withdraw", "action_propose_again"),
}
GATE_LOGGER = "odoo.addons.stock_channel_hub.models.stock_channel_approval"


@tagged("post_install", "-at_install")
class TestApproval(CountCase):
    """A second person decides; denied means that nothing changed."""

    def setUp(self):
        super().setUp()
        self.approval = self.report()

    def both(self, login="both"):
        """Make somebody who may propose and approve."""
        return new_test_user(
            self.env,
            login,
            groups="stock_channel_hub.group_manager,stock_channel_hub.group_approver",
        )

    def assert_untouched(self, approval=None):
        self.env.invalidate_all()
        approval = approval or self.approval
        self.assertEqual(approval.state, "proposed")
        self.assertFalse(approval.decided_by_id)
        self.assertFalse(approval.count_id.move_ids)
        self.assertEqual(self.on_hand(), 10)

    # ------------------------------------------------------------------- people

    def test_the_hub_proposes_and_the_owner_hears_of_it(self):
        self.assertEqual(self.approval.requested_by_id, self.env.ref("base.user_root"))
        self.assertEqual(self.approval.requested_at, self.env.cr.now())
        self.assertEqual(
            self.approval.activity_ids.user_id, self.channel.exception_owner_id
        )
        approver = self.make_user("group_approver")
        self.approve(self.approval, approver)
        self.assertEqual(self.approval.decided_by_id, approver)
        self.assertEqual(self.approval.decided_at, self.env.cr.now())
        self.assertFalse(self.approval.activity_ids)

    def test_steps_belong_to_groups(self):
        for group in GROUPS:
            user = self.make_user(group)
            for step in STEPS:
                if step in ALLOWED[group]:
                    continue
                with self.subTest(group=group, step=step):
                    with self.assertRaises(AccessError):
                        getattr(self.approval.with_user(user), step)()
                    self.assert_untouched()
                    self.assertEqual(self.proposal(), self.approval)

    def test_strangers_do_not_even_see_it(self):
        stranger = new_test_user(self.env, "stranger", groups="base.group_user")
        for step in STEPS:
            with self.subTest(step=step), self.assertRaises(AccessError):
                getattr(self.approval.with_user(stranger), step)()
        self.assert_untouched()

    def test_each_group_takes_the_steps_it_may(self):
        ends = {
            "action_approve": "applied",
            "action_reject": "rejected",
            "action_withdraw": "withdrawn",
            "action_propose_again": "withdrawn",
        }
        number = 0
        for group, steps in ALLOWED.items():
            for step in steps:
                with self.subTest(group=group, step=step):
                    number += 1
                    approval = self.report(f"G{number}", {"DESK": 30 + number})
                    getattr(approval.with_user(self.make_user(group)), step)()
                    self.assertEqual(approval.state, ends[step])

    def test_nobody_writes_makes_or_deletes_one(self):
        for group in GROUPS:
            user = self.make_user(group)
            user.group_ids += self.env.ref("stock.group_stock_manager")
            model = self.env["stock.channel.approval"].with_user(user)
            mine = self.approval.with_user(user)
            for attempt in (
                lambda mine=mine: mine.write({"state": "approved"}),
                lambda mine=mine: mine.write({"state": "applied"}),
                lambda mine=mine, user=user: mine.write({"requested_by_id": user.id}),
                lambda mine=mine: mine.write({"after": {"rows": {}}}),
                lambda mine=mine: mine.count_line_ids.write({"difference_qty": 50}),
                lambda mine=mine: mine.count_id.write({"wire": {}}),
                lambda mine=mine: mine.unlink(),
                lambda mine=mine: mine.copy({"state": "approved"}),
                lambda model=model: model.create(self.vals(state="approved")),
                lambda model=model: model.with_context(default_state="approved").create(
                    self.vals()
                ),
            ):
                with self.subTest(group=group), mute_logger("odoo.models"):
                    with self.assertRaises(AccessError):
                        attempt()
                    self.assert_untouched()
        self.assertEqual(self.env["stock.channel.approval"].search([]), self.approval)

    def test_an_import_brings_none(self):
        values = self.vals(state="approved")
        names = ["name", "kind", "subject_model", "subject_id", "state"]
        model = self.env["stock.channel.approval"]
        for group in GROUPS:
            with self.subTest(group=group):
                mine = model.with_user(self.make_user(group))
                try:
                    result = mine.load(names, [[str(values[name]) for name in names]])
                except AccessError:
                    result = {"ids": False}
                self.assertFalse(result["ids"])
                self.assertEqual(model.search([]), self.approval)
                self.assert_untouched()

    def vals(self, **vals):
        return {
            "name": "Mine",
            "kind": "count",
            "channel_id": self.channel.id,
            "subject_model": "stock.channel.count",
            "subject_id": self.approval.subject_id,
            "requested_by_id": self.env.ref("base.user_root").id,
            "requested_at": "2026-11-23 12:00:00",
            "before": self.approval.before,
            "after": self.approval.after,
            **vals,
        }

    def test_an_access_line_too_many_does_not_open_it(self):
        """Somebody gives operators all rights on the model; the model still refuses."""
        self.env["ir.model.access"].create(
            {
                "name": "too much",
                "model_id": self.env["ir.model"]._get("stock.channel.approval").id,
                "group_id": self.env.ref("stock_channel_hub.group_operator").id,
                "perm_read": True,
                "perm_write": True,
                "perm_create": True,
                "perm_unlink": True,
            }
        )
        user = self.make_user("group_manager")
        mine = self.approval.with_user(user)
        for attempt in (
            lambda: mine.write({"state": "approved"}),
            lambda: mine.unlink(),
            lambda: mine.create(self.vals(state="approved")),
        ):
            with self.assertRaises(AccessError):
                attempt()
            self.assert_untouched()

    # ------------------------------------------------------------- second person

    def test_who_proposed_may_not_decide(self):
        person, other = self.both(), self.both("other")
        self.approval.with_user(person).action_propose_again()
        again = self.proposal()
        self.assertEqual((again.requested_by_id, again.state), (person, "proposed"))
        for step in ("action_approve", "action_reject"):
            with self.subTest(step=step):
                with self.assertRaises(AccessError):
                    getattr(again.with_user(person), step)()
                with self.assertRaises(AccessError):
                    getattr(again.with_user(person).sudo(), step)()
                self.assert_untouched(again)
        self.approve(again, other)
        self.assertEqual((again.state, self.on_hand()), ("applied", 8))

    def test_a_context_brings_no_decision_along(self):
        person = self.both()
        self.approval.with_user(person).with_context(
            default_state="approved",
            default_requested_by_id=self.env.ref("base.user_root").id,
            default_decided_by_id=self.env.ref("base.user_admin").id,
        ).action_propose_again()
        again = self.proposal()
        self.assertEqual(again.requested_by_id, person)
        self.assert_untouched(again)

    def test_elevated_code_is_no_approver(self):
        manager = self.make_user("group_manager")
        with self.assertRaises(AccessError):
            self.approval.with_user(manager).sudo().action_approve()
        with self.assertRaises(AccessError):
            self.approval.action_approve()
        self.assert_untouched()

    def test_the_write_path_asks_for_the_decision(self):
        count = self.approval.count_id
        with self.assertRaises(AccessError):
            count._apply_approval(self.approval)
        self.approval.write({"state": "approved"})
        with self.assertRaises(AccessError):
            count._apply_approval(self.approval)
        self.approval.decided_by_id = self.approval.requested_by_id
        with self.assertRaises(AccessError):
            count._apply_approval(self.approval)
        # Decided by somebody else, and not for it.
        self.approval.decided_by_id = self.make_user("group_approver")
        for state in ("proposed", "rejected", "withdrawn"):
            self.approval.write({"state": state})
            with self.subTest(state=state), self.assertRaises(AccessError):
                count._apply_approval(self.approval)
        self.assertEqual(self.on_hand(), 10)
        self.assertFalse(count.move_ids)

    # ------------------------------------------------------------------- the gate

    @mute_logger(GATE_LOGGER)
    def test_what_is_decided_stays_decided(self):
        approver = self.make_user("group_approver")
        manager = self.make_user("group_manager")
        self.approval.with_user(approver).action_reject()
        for user, step in (
            (approver, "action_approve"),
            (approver, "action_reject"),
            (manager, "action_withdraw"),
        ):
            with self.subTest(step=step), self.assertRaises(UserError):
                getattr(self.approval.with_user(user), step)()
        self.assertEqual((self.approval.state, self.on_hand()), ("rejected", 10))

    @mute_logger(GATE_LOGGER)
    def test_approving_twice_applies_once(self):
        approver = self.make_user("group_approver")
        self.approve(self.approval, approver)
        with self.assertRaises(UserError):
            self.approve(self.approval, self.make_user("group_approver"))
        self.assertEqual(self.on_hand(), 8)
        self.assertEqual(len(self.approval.count_id.move_ids), 1)

    def test_only_the_newest_is_proposed_again(self):
        manager = self.make_user("group_manager")
        self.approval.with_user(manager).action_propose_again()
        with self.assertRaises(UserError):
            self.approval.with_user(manager).action_propose_again()
        self.assertFalse(self.approval.with_user(manager).may_propose_again)

    def test_nothing_to_apply_is_not_approved(self):
        self.make_listing(self.channel, self.make_product("Lamp"), "LAMP")
        approval = self.report("C2", [{"sku": "LAMP", "quantity": "1", "unit": "kg"}])
        with self.assertRaises(UserError):
            self.approve(approval)
        self.assertEqual(approval.state, "proposed")

    def test_buttons_are_for_those_who_may(self):
        expected = {
            "group_user": (False, False, False),
            "group_operator": (False, False, False),
            "group_manager": (False, True, True),
            "group_approver": (True, False, False),
            "group_admin": (False, True, True),
        }
        for group, may in expected.items():
            mine = self.approval.with_user(self.make_user(group))
            with self.subTest(group=group):
                self.assertEqual(
                    (mine.may_decide, mine.may_withdraw, mine.may_propose_again), may
                )

    def test_everybody_who_may_see_it_reads_its_lines(self):
        """Finance has no rights on lots, costs or stock."""
        views = self.env.ref("stock_channel_hub.stock_channel_approval_view_form")
        for group in GROUPS:
            user = self.make_user(group)
            with self.subTest(group=group):
                mine = self.approval.with_user(user)
                self.assertEqual(mine.count_line_ids.on_hand_now, 10)
                self.assertTrue(mine.get_view(views.id, "form")["arch"])
                self.assertEqual(
                    mine.web_read({"count_line_ids": {"fields": {"product_id": {}}}})[
                        0
                    ]["count_line_ids"][0]["product_id"],
                    self.product.id,
                )

    # ------------------------------------------------------------------ companies

    def test_another_company_neither_sees_nor_decides(self):
        company = self.env["res.company"].create({"name": "Second"})
        approver = self.make_user(
            "group_approver", company_ids=[(6, 0, company.ids)], company_id=company.id
        )
        mine = self.approval.with_user(approver)
        self.assertFalse(mine.search([]))
        for step in STEPS:
            with self.subTest(step=step), self.assertRaises(AccessError):
                getattr(mine, step)()
        self.assert_untouched()
