from odoo.exceptions import AccessError
from odoo.tests import tagged
from odoo.tools import mute_logger

from .common import HubCase


@tagged("post_install", "-at_install")
class TestAudit(HubCase):
    """What was done stays written, whoever would like it otherwise."""

    def log(self, **vals):
        return self.env["stock.channel.audit"]._log(
            self.listing,
            "changed",
            values={self.listing.id: ({"sku": "OLD"}, {"sku": "DESK"})},
            **vals,
        )

    def test_a_row_says_who_what_when_before_and_after(self):
        manager = self.make_user("group_manager")
        row = (
            self.env["stock.channel.audit"]
            .with_user(manager)
            ._log(
                self.listing.with_user(manager),
                "changed",
                values={self.listing.id: ({"sku": "OLD"}, {"sku": "DESK"})},
                reason="renamed at the shop",
            )
        )
        self.assertEqual(row.user_id, manager)
        self.assertEqual(row.channel_id, self.channel)
        self.assertEqual(row.company_id, self.company)
        self.assertEqual(
            (row.res_model, row.res_id), (self.listing._name, self.listing.id)
        )
        self.assertEqual(row.record_name, "DESK")
        self.assertEqual((row.before, row.after), ({"sku": "OLD"}, {"sku": "DESK"}))
        self.assertEqual(row.reason, "renamed at the shop")
        self.assertEqual(row.happened_at, self.env.cr.now())

    def test_several_records_make_a_row_each(self):
        other = self.make_listing(self.channel, self.make_product("Lamp"), "LAMP")
        rows = self.env["stock.channel.audit"]._log(self.listing | other, "mapped")
        self.assertEqual(rows.mapped("record_name"), ["DESK", "LAMP"])
        self.assertEqual(rows.mapped("before"), [False, False])

    def test_a_channel_is_its_own_channel(self):
        row = self.env["stock.channel.audit"]._log(self.channel, "state")
        self.assertEqual(row.channel_id, self.channel)

    def test_the_hub_itself_neither_changes_nor_removes_a_row(self):
        row = self.log()
        with self.assertRaises(AccessError):
            row.sudo().write({"reason": "never happened"})
        with self.assertRaises(AccessError):
            row.sudo().unlink()
        self.env.invalidate_all()
        self.assertEqual((row.reason, row.after), (False, {"sku": "DESK"}))

    @mute_logger("odoo.addons.base.models.ir_model")
    def test_no_group_writes_one(self):
        row = self.log()
        for group in (
            "group_user",
            "group_operator",
            "group_manager",
            "group_approver",
            "group_admin",
        ):
            user = self.make_user(group)
            with self.subTest(group=group):
                audit = self.env["stock.channel.audit"].with_user(user)
                with self.assertRaises(AccessError):
                    audit.create(
                        {
                            "company_id": self.company.id,
                            "happened_at": "2026-01-01",
                            "user_id": user.id,
                            "action": "approved",
                        }
                    )
                with self.assertRaises(AccessError):
                    row.with_user(user).write({"reason": "x"})
                with self.assertRaises(AccessError):
                    row.with_user(user).unlink()
        self.env.invalidate_all()
        self.assertEqual(row.reason, False)
        self.assertEqual(
            self.env["stock.channel.audit"].search_count([("action", "=", "approved")]),
            0,
        )

    def test_an_other_company_does_not_see_it(self):
        row = self.log()
        company = self.env["res.company"].create({"name": "Elsewhere"})
        stranger = self.make_user(
            "group_admin", company_id=company.id, company_ids=[(6, 0, company.ids)]
        )
        self.assertFalse(
            self.env["stock.channel.audit"]
            .with_user(stranger)
            .search([("id", "=", row.id)])
        )


@tagged("post_install", "-at_install")
class TestUnitPrices(HubCase):
    """What one unit of a listing is worth, in the company's currency."""

    def test_price_of_a_pack_in_the_companys_currency(self):
        pack = self.make_listing(
            self.channel,
            self.product,
            "DESK-6",
            uom_id=self.env.ref("uom.product_uom_pack_6").id,
        )
        prices = (self.listing | pack)._unit_prices()
        self.assertEqual(prices, {self.listing.id: 10.0, pack.id: 60.0})
