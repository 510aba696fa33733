from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from odoo.exceptions import AccessError, UserError
from odoo.tests import tagged

from odoo.addons.stock_channel_hub.connectors.guard import ceiling
from odoo.addons.stock_channel_hub.models.quantities import to_decimal

from .guard_common import GuardCase


class HeldCase(GuardCase):
    """Everything is held: somebody declared the only shelf damaged."""

    size = 12

    def setUp(self):
        super().setUp()
        self.damage()
        self.push = self.pushes()
        self.approval = self.push.approval_id

    def damage(self):
        self.shelf.stock_condition = "damaged"
        self.at_work()

    def release(self, user=None):
        self.approval.with_user(user or self.approver()).action_approve()
        self.at_work()

    def reject(self):
        self.approval.with_user(self.approver()).action_reject()

    def exceptions(self):
        return self.env["stock.channel.exception"].search(
            [("held_push_id", "!=", False)]
        )


@tagged("post_install", "-at_install")
class TestHeldPush(HeldCase):
    def test_proposal_says_what_would_happen(self):
        self.assertEqual(self.approval.kind, "push")
        self.assertEqual(self.approval.requested_by_id, self.env.ref("base.user_root"))
        for part in ("12 of 12 listings would go to zero", "120 units", "12 numbers"):
            self.assertIn(part, self.approval.effect)
        self.assertEqual(self.approval.value, -1200)
        self.assertEqual(self.channel.held_count, 12)
        self.assertEqual(self.channel.held_push_count, 1)

    def test_row_says_why_it_is_held(self):
        row = self.rows()[0]
        self.assertEqual((row.wanted_qty, row.computed_qty), (10, 0))
        self.assertEqual(row.state, "clean")
        self.assertIn("keeps 10 instead of 0", row.hold_text)
        held = row.explain()["ledger"]["held"]
        self.assertEqual((held["quantity"], held["computed"]), (10, 0))
        self.assertEqual(held["note"], row.hold_text)

    def test_held_row_is_not_late_and_agrees_with_the_channel(self):
        self.assertFalse(self.channel.oldest_waiting_at)
        self.run_job("stock.channel.dirty", "_cron_watch")
        self.assertFalse(
            self.open_exceptions().filtered(lambda e: e.category == "late")
        )
        self.channel.action_read_back()
        self.run_poll()
        self.assertEqual(set(self.rows().mapped("drift")), {False})

    def test_pull_interface_tells_what_may_be_shown(self):
        page = self.env["stock.channel.publication"]._pull_page(self.channel, 0)
        shown = {level["sku"]: level["quantity"] for level in page["levels"]}
        self.assertEqual(shown["ITEM-0"], "10")

    # --------------------------------------------------------------- release

    def test_release_publishes_recomputed_numbers(self):
        annex = self.env["stock.location"].create(
            {"name": "Annex", "location_id": self.stock.id}
        )
        self.receive(self.products[0], 4, annex)
        self.at_work()
        self.assertEqual(self.told()[:2], [10, 10])
        self.release()
        self.assertEqual(self.told()[:2], [4, 0])
        self.assertEqual(set(self.told()[2:]), {0})
        self.assertEqual(self.push.state, "released")
        self.assertEqual(self.approval.state, "applied")
        self.assertEqual(self.exceptions().mapped("state"), ["resolved"])
        self.assertFalse(self.rows().held_push_id)
        self.assertEqual(set(self.rows().mapped("cause")), {"release"})
        self.assertFalse(self.place.sudo().earlier_map)

    def test_release_is_audited(self):
        approver = self.approver()
        self.release(approver)
        audit = self.env["stock.channel.audit"].search(
            [("res_model", "=", "stock.channel.push")]
        )
        self.assertEqual(
            (audit.action, audit.user_id, audit.approval_id, audit.channel_id),
            ("released", approver, self.approval, self.channel),
        )

    def test_released_is_not_held_again(self):
        self.release()
        for _again in range(2):
            self.run_sweep()
            self.at_work()
        self.assertEqual(set(self.told()), {0})
        self.assertEqual(len(self.pushes()), 1)

    def test_release_is_fresh_from_the_release_on(self):
        self.release()
        log = self.rows()[0].log_ids[:1]
        self.assertEqual(log.quantity, 0)
        self.assertGreaterEqual(log.changed_at, self.approval.decided_at)

    def test_only_approvers_release(self):
        for group in ("group_user", "group_operator", "group_manager", "group_admin"):
            with self.subTest(group=group):
                user = self.make_user(group)
                with self.assertRaises(AccessError):
                    self.push.with_user(user).action_release()
                with self.assertRaises(AccessError):
                    self.push.with_user(user).action_keep()
                with self.assertRaises(AccessError):
                    self.push.with_user(user).write({"state": "released"})
                self.env.invalidate_all()
                self.assertEqual(self.push.state, "held")
                self.assertEqual(self.approval.state, "proposed")
        self.at_work()
        self.assertEqual(set(self.told()), {10})

    def test_approver_releases_on_the_push_itself(self):
        approver = self.approver()
        self.assertTrue(self.push.with_user(approver).may_release)
        self.push.with_user(approver).action_release()
        self.assertEqual(self.push.state, "released")
        with self.assertRaises(UserError):
            self.push.with_user(approver).action_release()

    def test_other_company_sees_and_releases_nothing(self):
        other = self.env["res.company"].create({"name": "Other Company"})
        foreign = self.approver(company_ids=[(6, 0, other.ids)], company_id=other.id)
        with self.assertRaises(AccessError):
            self.push.with_user(foreign).action_release()
        self.env.invalidate_all()
        self.assertEqual(self.push.state, "held")

    # ---------------------------------------------------------------- reject

    def test_rejected_rows_stay_and_raise_no_second_alarm(self):
        self.reject()
        for _again in range(2):
            self.at_work()
            self.run_sweep()
        self.assertEqual(set(self.told()), {10})
        self.assertEqual(self.push.state, "dropped")
        self.assertEqual(self.push.held_count, 12)
        self.assertEqual(self.exceptions().mapped("state"), ["resolved"])
        self.assertEqual(len(self.pushes()), 1)
        self.assertIn("was rejected", self.rows()[0].hold_text)

    def test_rejected_and_then_mended(self):
        self.reject()
        self.shelf.stock_condition = "sellable"
        self.receive(self.products[0], 3, self.shelf)
        self.at_work()
        self.assertFalse(self.rows().held_push_id)
        self.assertEqual(self.told()[:2], [13, 10])

    def test_rejected_and_changed_anew_is_judged_anew(self):
        self.reject()
        annex = self.env["stock.location"].create(
            {"name": "Annex", "location_id": self.warehouse.view_location_id.id}
        )
        for product in self.products:
            self.receive(product, 2, annex)
        self.place.location_ids = annex
        self.at_work()
        self.assertEqual(set(self.told()), {10})
        self.assertEqual(self.pushes().mapped("state"), ["dropped", "held"])
        self.assertEqual(self.pushes()[1].held_count, 12)
        self.assertEqual(self.pushes()[1].zeroed_count, 0)

    def test_rejected_and_a_few_changed_anew_go_out(self):
        self.reject()
        annex = self.env["stock.location"].create(
            {"name": "Annex", "location_id": self.stock.id}
        )
        self.receive(self.products[0], 2, annex)
        self.at_work()
        self.assertEqual(self.told()[0], 10)
        self.rule("buffer", 1, listing_id=self.listings[0].id)
        self.at_work()
        self.assertEqual(self.told()[:2], [1, 10])
        self.assertEqual(self.push.held_count, 11)

    def test_manager_proposes_a_rejected_push_again_and_may_not_release_it(self):
        self.reject()
        boss = self.make_user("group_manager")
        boss.group_ids += self.env.ref("stock_channel_hub.group_approver")
        action = self.approval.with_user(boss).action_propose_again()
        again = self.env["stock.channel.approval"].browse(action["res_id"])
        self.assertEqual((self.push.state, again.state), ("held", "proposed"))
        with self.assertRaises(AccessError):
            again.with_user(boss).action_approve()
        again.with_user(self.approver()).action_approve()
        self.at_work()
        self.assertEqual(set(self.told()), {0})

    # ---------------------------------------------------------- mended by itself

    def test_undone_by_hand_ends_by_itself(self):
        self.shelf.stock_condition = "sellable"
        self.at_work()
        self.assertFalse(self.rows().held_push_id)
        self.assertEqual(self.push.state, "dropped")
        self.assertEqual(self.approval.state, "withdrawn")
        self.assertIn("mended", self.approval.outcome)
        self.assertEqual(self.exceptions().mapped("state"), ["resolved"])
        self.assertFalse(self.place.sudo().earlier_map)
        self.assertEqual(set(self.told()), {10})

    def test_part_of_it_undone_leaves_the_rest_held(self):
        good = self.env["stock.location"].create(
            {
                "name": "Good",
                "location_id": self.shelf.id,
                "stock_condition": "sellable",
            }
        )
        self.finish(self.make_move(self.products[0], 10, self.shelf, good))
        self.at_work()
        self.assertEqual(self.push.held_count, 11)
        self.assertEqual(self.push.state, "held")
        self.assertEqual(set(self.told()), {10})

    def test_happens_again_after_it_was_undone(self):
        self.shelf.stock_condition = "sellable"
        self.at_work()
        self.damage()
        self.assertEqual(self.pushes().mapped("state"), ["dropped", "held"])
        self.assertEqual(set(self.told()), {10})

    # --------------------------------------------------------- who caused it

    def test_who_caused_it_may_not_release_it(self):
        self.shelf.stock_condition = "sellable"
        self.at_work()
        culprit = self.make_user("group_approver", name="Cara Culprit")
        culprit.group_ids += self.env.ref("stock.group_stock_manager")
        self.shelf.with_user(culprit).stock_condition = "damaged"
        self.at_work()
        push = self.pushes("held")
        self.assertEqual(push.cause_user_ids, culprit)
        self.assertIn("Cara Culprit saved", push.cause_text)
        self.assertFalse(push.with_user(culprit).may_release)
        with self.assertRaises(AccessError):
            push.with_user(culprit).action_release()
        self.env.invalidate_all()
        self.assertEqual(push.state, "held")
        push.with_user(self.approver()).action_release()
        self.assertEqual(push.state, "released")

    def test_who_is_in_the_audit_may_not_release_it(self):
        self.shelf.stock_condition = "sellable"
        self.at_work()
        culprit = self.approver()
        self.env["stock.channel.audit"].with_user(culprit)._log(
            self.channel, "removed", values={self.channel.id: ({"share": 100}, None)}
        )
        self.damage()
        self.assertIn(culprit, self.pushes("held").cause_user_ids)

    def test_who_only_agreed_to_the_change_may_release_it(self):
        self.shelf.stock_condition = "sellable"
        self.at_work()
        agreed = self.approver()
        asked = self.make_user("group_manager", name="Mona Manager")
        rule = {"channel_id": self.channel.id, "kind": "share", "value": 0.0}
        step = {"model": "stock.channel.rule", "id": -1, "op": "create", "after": rule}
        changes = self.env["stock.channel.change"].with_user(asked)
        action = changes.with_context(stock_channel_steps=[step])._open_entered()
        change = changes.browse(action["res_id"])
        change.action_propose()
        change.approval_id.with_user(agreed).action_approve()
        self.at_work()
        push = self.pushes("held")
        self.assertIn(asked, push.cause_user_ids)
        self.assertNotIn(agreed, push.cause_user_ids)


@tagged("post_install", "-at_install")
class TestHeldNumbers(HeldCase):
    """Stock and orders go on while a change is held: never more than there is."""

    def test_sale_elsewhere_lowers_a_held_number(self):
        self.sell(self.products[0], 3)
        self.at_work()
        self.assertEqual(self.told()[:2], [7, 10])
        self.assertEqual(self.push.held_count, 12)

    def test_promise_elsewhere_lowers_a_held_number(self):
        move = self.make_move(self.products[0], 4, self.stock, self.customers)
        self.at_work()
        self.assertEqual(self.told()[0], 6)
        move._action_cancel()
        self.at_work()
        self.assertEqual(self.told()[0], 10)

    def test_everything_sold_ends_the_hold_of_that_number(self):
        self.sell(self.products[0], 10)
        self.at_work()
        self.assertEqual(self.told()[:2], [0, 10])
        self.assertEqual(self.push.held_count, 11)

    def test_receipt_raises_nothing_while_it_is_held(self):
        self.receive(self.products[0], 50, self.shelf)
        self.at_work()
        self.assertEqual(self.told()[0], 10)
        self.release()
        self.assertEqual(self.told()[0], 0)

    def test_receipt_on_another_shelf_ends_the_hold_of_that_number(self):
        other = self.env["stock.location"].create(
            {"name": "Shelf B", "location_id": self.stock.id}
        )
        self.receive(self.products[0], 25, other)
        self.at_work()
        self.assertEqual(self.told()[:2], [25, 10])
        self.assertEqual(self.push.held_count, 11)

    def test_goods_moved_to_another_warehouse_lower_it(self):
        other = self.env["stock.warehouse"].create({"name": "South", "code": "SOU"})
        self.finish(self.make_move(self.products[0], 6, self.stock, other.lot_stock_id))
        self.at_work()
        self.assertEqual(self.told()[0], 4)

    def test_order_of_the_channel_itself_lowers_it_once(self):
        self.order(lines=[self.line_data("1", "ITEM-0", 2)])
        self.at_work()
        row = self.rows(self.listings[0])
        self.assertEqual(row.wanted_qty, 8)
        self.assertEqual(row.held_push_id, self.push)

    def test_sale_after_the_rejection_lowers_it_too(self):
        self.reject()
        self.sell(self.products[0], 3)
        self.at_work()
        self.assertEqual(self.told()[:2], [7, 10])

    def test_last_of_it_sold_out_ends_the_whole_hold(self):
        for product in self.products:
            self.receive(product, -10, self.shelf)
        self.at_work()
        self.assertEqual(set(self.told()), {0})
        self.assertEqual(self.push.state, "dropped")
        self.assertEqual(self.approval.state, "withdrawn")
        self.assertFalse(self.place.sudo().earlier_map)

    def test_sale_in_the_same_run_as_the_change(self):
        self.shelf.stock_condition = "sellable"
        self.at_work()
        self.sell(self.products[0], 3)
        self.shelf.stock_condition = "damaged"
        self.at_work()
        self.assertEqual(self.told()[:2], [7, 10])
        self.assertEqual(self.pushes("held").held_count, 12)

    def test_number_lowered_while_held_is_explained(self):
        self.sell(self.products[0], 3)
        self.at_work()
        log = self.rows(self.listings[0]).log_ids[:1]
        self.assertEqual(log.quantity, 7)
        notes = [one["note"] for one in log.explain()["differences"]]
        self.assertEqual(len(notes), 1)
        self.assertIn("A mass change was held", notes[0])


@tagged("post_install", "-at_install")
class TestHeldHistories(GuardCase):
    """Whatever stock does under a hold: never more than the shelf of before gives."""

    size = 12
    changes = {
        "damaged": lambda case: case.shelf.write({"stock_condition": "damaged"}),
        "unmapped": lambda case: case.place.write({"location_ids": [(5,)]}),
        "share": lambda case: case.rule("share", 0),
        "pack": lambda case: case.listings.write(
            {"uom_id": case.env.ref("uom.product_uom_pack_6").id}
        ),
        "archived": lambda case: case.products.write({"active": False}),
    }

    @settings(
        max_examples=12,
        deadline=None,
        derandomize=True,
        suppress_health_check=list(HealthCheck),
    )
    @given(
        st.sampled_from(sorted(changes)),
        st.lists(
            st.tuples(
                st.sampled_from(("sell", "receive", "away", "promise", "inside")),
                st.integers(1, 6),
            ),
            min_size=1,
            max_size=5,
        ),
    )
    def test_never_more_than_stock_gives_and_never_zero_for_nothing(
        self, change, history
    ):
        with self.env.cr.savepoint() as savepoint:
            self.run_history(change, history)
            savepoint.rollback()
        self.env.invalidate_all()

    def run_history(self, change, history):
        self.changes[change](self)
        self.run_compute()
        self.assertEqual(len(self.pushes("held")), 1)
        product, row = self.products[0], self.rows(self.listings[0])
        # What the number would be without the change, and what of it is counted.
        free = counted = lowest = 10
        for kind, quantity in history:
            delta = self.move(kind, product, quantity)
            free += 0 if kind == "inside" else delta
            counted += delta
            lowest = min(lowest, counted)
            self.run_compute()
            self.env.invalidate_all()
            if row.held_push_id:
                self.assertLessEqual(row.wanted_qty, max(free, 0))
                self.assertGreaterEqual(row.wanted_qty, max(lowest, 0))
                self.assert_as_told_aloud(row)

    def assert_as_told_aloud(self, row):
        """The statement comes to what ``connectors.guard.ceiling`` says."""
        self.assertEqual(
            to_decimal(row.held_qty),
            ceiling(
                to_decimal(row.guard_qty),
                units_then=to_decimal(row.guard_units),
                units_now=to_decimal(row.held_units),
                factor=to_decimal(row.guard_factor),
                whole_units=row.listing_id.is_whole_units,
            ),
        )

    def move(self, kind, product, quantity):
        """Let it happen; returns by how much the old number would change."""
        if kind == "receive":
            self.receive(product, quantity, self.shelf)
            return quantity
        if kind == "inside":
            bin_ = self.env["stock.location"].search(
                [("name", "=", "Other Bin")], limit=1
            ) or self.env["stock.location"].create(
                {"name": "Other Bin", "location_id": self.shelf.id}
            )
            self.receive(product, -quantity, self.shelf)
            self.receive(product, quantity, bin_)
            # A shelf that is new since the change counts for nothing.
            return -quantity
        if kind == "promise":
            self.make_move(product, quantity, self.stock, self.customers)
        elif kind == "sell":
            self.receive(product, -quantity, self.shelf)
        else:
            self.receive(product, -quantity, self.shelf)
            self.receive(product, quantity, self.warehouse.wh_input_stock_loc_id)
        return -quantity
