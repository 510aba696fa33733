from odoo.exceptions import AccessError, RedirectWarning, UserError
from odoo.fields import Command
from odoo.tests import Form, tagged
from odoo.tools import mute_logger

from .change_common import ChangeCase


@tagged("post_install", "-at_install")
class TestChangeBypass(ChangeCase):
    """Every other way in leads to the same question; denied changes nothing."""

    def setUp(self):
        super().setUp()
        self.lamp = self.make_product("Lamp", "LAMP")
        self.rule = self.env["stock.channel.rule"].create(
            {"channel_id": self.channel.id, "kind": "buffer", "value": 2}
        )
        self.env.flush_all()
        self.mine = self.listing.with_user(self.manager)

    def test_no_context_opens_the_way(self):
        for key in (
            "approved",
            "bypass",
            "force",
            "install_mode",
            "stock_channel_steps",
            "import_file",
            "no_approval",
            "tracking_disable",
            "default_approval_id",
            "module",
        ):
            with self.subTest(key=key):
                mine = self.mine.with_context(**{key: True})
                self.refused(lambda mine=mine: mine.write({"product_id": self.lamp.id}))

    def test_import_is_refused_in_words(self):
        self.listing.env["ir.model.data"].create(
            {
                "module": "__test__",
                "name": "desk",
                "model": "stock.channel.listing",
                "res_id": self.listing.id,
            }
        )
        before = self.books()
        listings = self.env["stock.channel.listing"].with_user(self.manager)
        result = listings.load(
            ["id", "product_id/.id"], [["__test__.desk", str(self.lamp.id)]]
        )
        self.assertFalse(result["ids"])
        self.assertIn("is live", result["messages"][0]["message"])
        rules = self.env["stock.channel.rule"].with_user(self.manager)
        result = rules.load(
            ["channel_id/.id", "kind", "value"],
            [[str(self.channel.id), "cap", "1"]],
        )
        self.assertFalse(result["ids"])
        self.assertIn("is live", result["messages"][0]["message"])
        self.env.invalidate_all()
        after = self.books()
        self.assertEqual(after, before)

    def test_lines_of_the_channel_are_no_way_round(self):
        channel = self.channel.with_user(self.manager)
        for vals in (
            {"listing_ids": [Command.update(self.listing.id, {"sku": "X"})]},
            {"listing_ids": [Command.delete(self.listing.id)]},
            {"listing_ids": [Command.clear()]},
            {"listing_ids": [Command.set([])]},
            {"location_ids": [Command.update(self.place.id, {"active": False})]},
            {"location_ids": [Command.unlink(self.place.id)]},
            {"rule_ids": [Command.create({"kind": "cap", "value": 1})]},
            {"rule_ids": [Command.update(self.rule.id, {"value": 0})]},
            {"rule_ids": [Command.clear()]},
        ):
            with self.subTest(vals=vals):
                self.refused(lambda vals=vals: channel.write(vals))

    def test_lines_of_the_other_forms_neither(self):
        self.manager.group_ids += self.env.ref("stock.group_stock_manager")
        for record, vals in (
            (self.place, {"rule_ids": [Command.create({"kind": "cap", "value": 1})]}),
            (self.listing, {"rule_ids": [Command.create({"kind": "cap", "value": 1})]}),
            (self.place, {"rule_ids": [Command.link(self.rule.id)]}),
            (
                self.warehouse,
                {
                    "channel_location_ids": [
                        Command.update(self.place.id, {"external_id": "x"})
                    ]
                },
            ),
            (self.warehouse, {"channel_location_ids": [Command.clear()]}),
        ):
            with self.subTest(model=record._name, vals=vals):
                mine = record.with_user(self.manager)
                self.refused(lambda mine=mine, vals=vals: mine.write(vals))

    def test_a_first_map_brings_no_rule_along(self):
        listings = self.env["stock.channel.listing"].with_user(self.manager)
        self.refused(
            lambda: listings.create(
                {
                    "channel_id": self.channel.id,
                    "product_id": self.lamp.id,
                    "sku": "LAMP",
                    "rule_ids": [Command.create({"kind": "backorder", "value": 99})],
                }
            )
        )

    def test_screens_that_look_change_nothing(self):
        before = self.books()
        self.mine.onchange(
            {"product_id": self.lamp.id}, ["product_id"], {"product_id": {}, "sku": {}}
        )
        form = Form(self.mine)
        form.sku = "OTHER"
        self.env.flush_all()
        self.assertEqual(self.books(), before)

    def test_moving_into_or_out_of_a_live_channel_is_refused(self):
        draft = self.make_channel(name="Draft")
        other = self.make_listing(draft, self.lamp, "LAMP")
        self.refused(lambda: self.mine.write({"channel_id": draft.id}))
        self.refused(
            lambda: other.with_user(self.manager).write({"channel_id": self.channel.id})
        )

    def test_a_live_channel_is_not_removed_nor_archived_alone(self):
        admin = self.channel.with_user(self.make_user("group_admin"))
        self.refused(admin.unlink)
        self.refused(admin.action_archive, RedirectWarning)
        self.refused(lambda: admin.write({"active": False}))

    def test_caught_refusals_leave_nothing_behind(self):
        """Whoever swallows the error has no half of the change."""
        before = self.books()
        try:
            self.mine.write({"product_id": self.lamp.id, "title": "Half"})
        except UserError:
            self.env.flush_all()
        self.env.invalidate_all()
        self.assertEqual(self.books(), before)
        self.assertFalse(self.listing.title)

    def test_nobody_of_any_group_writes_alone(self):
        for group in (
            "group_user",
            "group_operator",
            "group_manager",
            "group_approver",
            "group_admin",
        ):
            user = self.make_user(group)
            with self.subTest(group=group):
                self.refused(
                    lambda user=user: self.listing.with_user(user).write({"sku": "X"})
                )
                self.refused(
                    lambda user=user: self.rule.with_user(user).write({"value": 1})
                )
                self.refused(lambda user=user: self.rule.with_user(user).unlink())

    # ------------------------------------------------- what comes from the screen

    def steps(self, **step):
        return [
            {
                "model": "stock.channel.listing",
                "id": self.listing.id,
                "op": "write",
                "before": {},
                "after": {"product_id": self.lamp.id},
                **step,
            }
        ]

    def test_hostile_steps_are_not_read(self):
        for steps in (
            None,
            "x",
            [],
            {},
            [1],
            [[]],
            self.steps(model="res.users", id=2, after={"login": "x"}),
            self.steps(model="stock.channel.secret"),
            self.steps(model=["stock.channel"]),
            self.steps(op="call"),
            self.steps(op=None),
            self.steps(id="1"),
            self.steps(id=True),
            self.steps(id=0),
            self.steps(id=10**9),
            self.steps(after={}),
            self.steps(after=[]),
            self.steps(after={"company_id": 1}),
            self.steps(after={"external_id": "x"}),
            self.steps(after={"publication_ids": []}),
            self.steps(after={"product_id": {"id": 1}}),
            self.steps(after={"product_id": True}),
            self.steps(after={"product_id": 10**9}),
            self.steps(after={"sku": 5}),
            self.steps(after={"sku": ["x"]}),
            self.steps(after={"sku": False}),
            self.steps(after={"active": "yes"}),
            self.steps(model="stock.channel", id=self.channel.id, op="unlink"),
            self.steps(
                model="stock.channel", id=self.channel.id, after={"state": "draft"}
            ),
            self.steps(
                model="stock.channel",
                id=self.channel.id,
                after={"free_change_listings": 99},
            ),
            self.steps(
                model="stock.channel.rule",
                id=self.rule.id,
                after={"expires_at": "tomorrow"},
            ),
            self.steps(
                model="stock.channel.rule", id=self.rule.id, after={"kind": "drop"}
            ),
            self.steps(
                model="stock.channel.location",
                id=self.place.id,
                after={"location_ids": [[6, 0, [1]]]},
            ),
            self.steps() * 1001,
        ):
            with self.subTest(steps=str(steps)[:100]), mute_logger("odoo.sql_db"):
                self.refused(lambda steps=steps: self.draw_up(steps), Exception)

    def test_what_was_before_is_never_believed(self):
        change = self.draw_up(
            self.steps(before={"product_id": self.lamp.id, "sku": "anything"})
        )
        (step,) = change.steps
        self.assertEqual(step["before"], {"product_id": self.product.id})

    def test_a_proposal_asks_for_the_rights_of_who_proposes(self):
        location = self.shelf
        self.refused(
            lambda: self.draw_up(
                self.steps(
                    model="stock.location",
                    id=location.id,
                    after={"stock_condition": "damaged"},
                )
            ),
            AccessError,
        )
        self.assertFalse(location.stock_condition)

    def test_another_company_is_out_of_reach(self):
        other = self.env["res.company"].create({"name": "Other"})
        stranger = self.make_user(
            "group_manager", company_ids=[(6, 0, other.ids)], company_id=other.id
        )
        self.refused(lambda: self.draw_up(self.steps(), stranger), AccessError)
        approval = self.propose_steps(self.steps())
        abroad = self.make_user(
            "group_approver", company_ids=[(6, 0, other.ids)], company_id=other.id
        )
        self.refused(approval.with_user(abroad).action_approve, AccessError)
        self.assertFalse(self.changes.with_user(stranger).search([]))
        self.assertFalse(
            self.env["mail.activity"].search([("user_id", "=", abroad.id)])
        )

    def test_products_of_another_company_are_not_mapped_by_proposal(self):
        other = self.env["res.company"].create({"name": "Other"})
        theirs = self.make_product("Theirs", "THEIRS", company_id=other.id)
        self.refused(lambda: self.draw_up(self.steps(after={"product_id": theirs.id})))

    def test_fetching_listings_goes_on_where_one_is_known_by_its_sku(self):
        """The button maps what is new and leaves a live map alone."""
        self.add_shop_item("LAMP", "main")
        self.channel.with_user(self.manager).action_fetch_listings()
        self.assertEqual(
            sorted(self.channel.listing_ids.mapped("sku")), ["DESK", "LAMP"]
        )
