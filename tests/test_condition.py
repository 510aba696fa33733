from odoo.exceptions import RedirectWarning, UserError
from odoo.tests import new_test_user, tagged

from .change_common import ChangeCase


@tagged("post_install", "-at_install")
class TestCondition(ChangeCase):
    """Anybody of the warehouse takes goods off sale; to put them on takes two."""

    def setUp(self):
        super().setUp()
        self.keeper = new_test_user(
            self.env, "keeper", groups="stock.group_stock_manager"
        )
        self.boss = self.make_user("group_manager")
        self.boss.group_ids += self.env.ref("stock.group_stock_manager")
        self.bad = self.env["stock.location"].create(
            {
                "name": "Damaged",
                "location_id": self.stock.id,
                "stock_condition": "damaged",
            }
        )
        self.outside = self.env["stock.location"].create(
            {
                "name": "Outside",
                "location_id": self.warehouse.view_location_id.id,
                "usage": "internal",
            }
        )
        self.receive(self.product, 5, self.bad)
        self.run_all()
        self.env.flush_all()

    def test_taking_off_sale_is_done_at_once_and_written_down(self):
        self.shelf.with_user(self.keeper).stock_condition = "quarantine"
        row = self.audit(self.shelf)[-1]
        self.assertEqual((row.action, row.user_id), ("changed", self.keeper))
        self.assertEqual(row.before, {"stock_condition": False})
        self.assertEqual(row.after, {"stock_condition": "quarantine"})
        self.stock.with_user(self.keeper).stock_condition = "not_for_sale"
        self.run_all()
        self.assertEqual(self.shown(), 0)

    def test_another_condition_off_sale_is_nobodys_business(self):
        self.bad.with_user(self.keeper).stock_condition = "quality"
        self.assertEqual(self.bad.stock_condition, "quality")

    def test_putting_on_sale_is_refused_in_words(self):
        for vals in (
            {"stock_condition": "sellable"},
            {"stock_condition": False},
        ):
            with self.subTest(vals=vals):
                text = self.refused(
                    lambda vals=vals: self.bad.with_user(self.keeper).write(vals)
                )
                self.assertIn("Test Shop is live", text)
                self.assertIn("Damaged", text)

    def test_a_screen_offers_the_proposal_to_managers_of_channels_only(self):
        self.refused(lambda: self.save(self.bad, self.keeper, stock_condition=False))
        self.refused(
            lambda: self.save(self.bad, self.boss, stock_condition=False),
            RedirectWarning,
        )
        approval = self.propose(self.bad, self.boss, stock_condition="sellable")
        self.assertEqual(approval.channel_id, self.channel)
        self.assertEqual(approval.value, 50)
        self.approve(approval)
        self.assertEqual(self.bad.stock_condition, "sellable")
        self.run_all()
        self.assertEqual(self.shown(), 15)

    def test_by_its_parent_it_goes_on_sale_too(self):
        shelf = self.env["stock.location"].create(
            {"name": "In the cage", "location_id": self.bad.id}
        )
        self.refused(
            lambda: shelf.with_user(self.keeper).write({"location_id": self.stock.id})
        )
        self.stock.stock_condition = "quarantine"
        self.refused(
            lambda: self.stock.with_user(self.keeper).write({"stock_condition": False})
        )

    def test_moving_into_what_is_mapped_is_refused_and_out_of_it_is_not(self):
        self.refused(
            lambda: self.outside.with_user(self.keeper).write(
                {"location_id": self.stock.id}
            )
        )
        view = self.warehouse.view_location_id
        self.shelf.with_user(self.keeper).location_id = view
        self.assertEqual(self.shelf.location_id, view)
        self.assertEqual(
            self.audit(self.shelf)[-1].before, {"location_id": self.stock.id}
        )

    def test_a_move_between_two_places_of_a_channel_is_for_two(self):
        south = self.env["stock.warehouse"].create({"name": "South", "code": "HUBS"})
        self.make_place(self.channel, "south", south.lot_stock_id)
        self.refused(
            lambda: self.shelf.with_user(self.keeper).write(
                {"location_id": south.lot_stock_id.id}
            )
        )

    def test_usage_decides_as_well(self):
        self.shelf.usage = "view"
        self.refused(
            lambda: self.shelf.with_user(self.keeper).write({"usage": "internal"})
        )

    def test_what_feeds_nobody_is_not_watched(self):
        count = len(self.audit())
        self.outside.with_user(self.keeper).stock_condition = "damaged"
        self.outside.with_user(self.keeper).stock_condition = False
        self.assertEqual(len(self.audit()), count)

    def test_a_mapped_location_is_not_removed(self):
        spare = self.env["stock.location"].create(
            {"name": "Spare", "location_id": self.warehouse.view_location_id.id}
        )
        self.place.location_ids += spare
        self.refused(spare.with_user(self.keeper).unlink)
        self.place.location_ids -= spare
        spare.with_user(self.keeper).unlink()
        self.assertFalse(spare.exists())

    def test_in_draft_nobody_is_asked(self):
        self.channel.action_pause()
        self.channel.action_back_to_draft()
        self.bad.with_user(self.keeper).stock_condition = "sellable"
        self.assertEqual(self.bad.stock_condition, "sellable")
        self.assertEqual(self.audit(self.bad)[-1].user_id, self.keeper)

    def test_an_approver_decides_only_for_their_own_companies(self):
        """One shelf without a company feeds shops of two."""
        other = self.env["res.company"].create({"name": "Other"})
        shared = self.env["stock.location"].create(
            {
                "name": "Shared",
                "usage": "internal",
                "company_id": False,
                "stock_condition": "damaged",
            }
        )
        warehouse = self.env["stock.warehouse"].search(
            [("company_id", "=", other.id)], limit=1
        )
        abroad = self.make_channel(name="Abroad", company_id=other.id)
        self.make_place(abroad, "main", shared, warehouse_id=warehouse.id)
        self.make_listing(abroad, self.product, "DESK")
        self.place.location_ids += shared
        abroad.action_go_shadow()
        self.refused(
            lambda: self.propose(shared, self.boss, stock_condition=False),
            UserError,
        )
        self.boss.company_ids += other
        boss = self.boss.with_context(allowed_company_ids=(self.company | other).ids)
        shared = shared.with_context(allowed_company_ids=(self.company | other).ids)
        self.changes = self.changes.with_context(
            allowed_company_ids=(self.company | other).ids
        )
        approval = self.propose(shared, boss, stock_condition=False)
        self.refused(approval.with_user(self.approver).action_approve, UserError)
        self.approver.company_ids += other
        self.approve(approval)
        self.assertFalse(shared.stock_condition)
