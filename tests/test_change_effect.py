from odoo.exceptions import AccessError, UserError
from odoo.fields import Command
from odoo.tests import tagged

from odoo.addons.stock_channel_hub.models.stock_channel_change_run import (
    current_run,
    rolled_back,
)

from .change_common import ChangeCase


def write(record, **after):
    return {"model": record._name, "id": record.id, "op": "write", "after": after}


def rule_step(channel, **after):
    after = {"channel_id": channel.id, **after}
    return {"model": "stock.channel.rule", "id": -1, "op": "create", "after": after}


@tagged("post_install", "-at_install")
class TestChangeEffect(ChangeCase):
    """The dry run says what would happen, and nothing has happened."""

    def setUp(self):
        super().setUp()
        self.lamp = self.make_product("Lamp", "LAMP", list_price=3.0)
        self.second = self.make_listing(self.channel, self.lamp, "LAMP")
        self.add_shop_item("LAMP", "main")
        self.receive(self.lamp, 4)
        self.run_all()

    def effect(self, *steps, user=None):
        changes = self.changes.with_user(user or self.manager)
        return changes._effect(list(steps))

    # ------------------------------------------------------------------- numbers

    def test_a_buffer_takes_units_of_everything(self):
        effect = self.effect(rule_step(self.channel, kind="buffer", value=3.0))
        self.assertEqual(effect["listings"], 2)
        self.assertEqual(effect["reached"], 2)
        self.assertEqual((effect["up"], effect["down"]), (0, 6))
        self.assertEqual((effect["value_up"], effect["value_down"]), (0, 39))
        self.assertEqual(
            [
                (row["sku"], row["place"], row["before"], row["after"], row["value"])
                for row in effect["rows"]
            ],
            [("DESK", "main", 10, 7, -30), ("LAMP", "main", 4, 1, -9)],
        )

    def test_another_product_counts_both_ways(self):
        effect = self.effect(
            write(self.listing, product_id=self.lamp.id),
            write(self.second, product_id=self.product.id),
        )
        self.assertEqual((effect["up"], effect["down"]), (6, 6))
        # DESK falls from ten to four lamps at three, LAMP rises to ten desks at ten.
        self.assertEqual((effect["value_up"], effect["value_down"]), (60, 18))

    def test_what_changes_nothing_now_says_whom_it_reaches(self):
        effect = self.effect(rule_step(self.channel, kind="cap", value=500.0))
        self.assertEqual((effect["listings"], effect["reached"]), (0, 2))
        self.assertEqual(effect["rows"], [])

    def test_a_pack_is_worth_its_units_and_counts_as_one(self):
        dozen = self.env.ref("uom.product_uom_dozen")
        self.receive(self.product, 20)
        self.run_all()
        effect = self.effect(write(self.listing, uom_id=dozen.id))
        # Thirty desks become two dozens of 120 each.
        self.assertEqual(effect["down"], 28)
        self.assertEqual(effect["rows"][0]["value"], -28 * 120)
        prices = self.listing._unit_prices()
        self.assertEqual(prices[self.listing.id], 10)

    def test_values_are_those_of_the_money_at_risk(self):
        """One price in SQL for a hundred thousand, and one in Python for one."""
        colour = self.env["product.attribute"].create({"name": "Colour"})
        colours = self.env["product.attribute.value"].create(
            [
                {"name": name, "attribute_id": colour.id, "default_extra_price": extra}
                for name, extra in (("Red", 1.5), ("Blue", 0))
            ]
        )
        line = {"attribute_id": colour.id, "value_ids": [Command.set(colours.ids)]}
        template = self.env["product.template"].create(
            {
                "name": "Chair",
                "is_storable": True,
                "list_price": 7.0,
                "attribute_line_ids": [Command.create(line)],
            }
        )
        dozen = self.env.ref("uom.product_uom_dozen")
        listings = self.env["stock.channel.listing"]
        for product in template.product_variant_ids:
            self.receive(product, 36)
            for unit in (product.uom_id, dozen):
                listings |= self.make_listing(
                    self.channel,
                    product,
                    f"{product.id}-{unit.name}",
                    uom_id=unit.id,
                )
        self.run_all()
        effect = self.effect(rule_step(self.channel, kind="cap", value=1.0))
        values = {row["listing_id"]: row["value"] for row in effect["rows"]}
        wanted = {row.listing_id: row.wanted_qty for row in listings.publication_ids}
        prices = listings._unit_prices()
        self.assertEqual(len(listings), 4)
        for listing in listings:
            self.assertAlmostEqual(
                values[listing.id], (1 - wanted[listing]) * prices[listing.id], 2
            )

    def test_kits_move_with_the_map_of_their_components(self):
        kit = self.make_product("Set", "SET", list_price=25.0)
        self.make_kit(kit, {self.product: 2, self.lamp: 1})
        self.make_listing(self.channel, kit, "SET")
        self.run_all()
        effect = self.effect(
            write(self.place, location_ids=self.shelf.ids),
        )
        self.assertEqual(
            {row["sku"]: (row["before"], row["after"]) for row in effect["rows"]},
            {"SET": (4, 0), "DESK": (10, 0), "LAMP": (4, 0)},
        )

    def test_a_listing_that_goes_takes_its_number_along(self):
        third = self.make_listing(self.channel, self.lamp, "SPARE")
        self.run_compute()
        effect = self.effect(
            {"model": third._name, "id": third.id, "op": "unlink"},
            user=self.make_user("group_admin"),
        )
        self.assertEqual((effect["listings"], effect["down"]), (1, 4))
        self.assertEqual(effect["value_down"], 12)
        self.assertTrue(third.exists())

    def test_channels_in_draft_are_told_nothing_and_do_not_count(self):
        draft = self.make_channel(name="Draft")
        self.make_place(draft, "main", self.stock)
        self.make_listing(draft, self.product, "DESK")
        effect = self.effect(
            write(self.stock, stock_condition="damaged"), user=self.boss()
        )
        self.assertEqual(effect["listings"], 2)
        effect = self.effect(rule_step(draft, kind="buffer", value=1.0))
        # Nothing is kept of it; it is compared with what it would be told as it is.
        self.assertEqual((effect["listings"], effect["up"], effect["down"]), (1, 0, 1))

    def boss(self):
        user = self.make_user("group_manager")
        user.group_ids += self.env.ref("stock.group_stock_manager")
        return user

    def test_the_statements_do_not_grow_with_the_listings(self):
        step = rule_step(self.channel, kind="buffer", value=1.0)
        self.effect(step)

        def counted():
            self.env.flush_all()
            before = self.env.cr.sql_log_count
            self.effect(step)
            return self.env.cr.sql_log_count - before

        few = counted()
        self.make_many(120)
        self.run_compute()
        self.assertEqual(self.effect(step)["listings"], 2)
        self.assertLessEqual(counted(), few + 5)

    def make_many(self, count):
        products = self.env["product.product"].create(
            [{"name": f"M{n}", "is_storable": True} for n in range(count)]
        )
        self.env["stock.channel.listing"].create(
            [
                {
                    "channel_id": self.channel.id,
                    "product_id": product.id,
                    "sku": f"M{n}",
                }
                for n, product in enumerate(products)
            ]
        )

    # ---------------------------------------------------------------- no trace

    def test_it_leaves_no_trace(self):
        """Rows, queued jobs, mails, caches: as if nobody had asked."""
        self.env.cr.flush()
        self.assertTrue(self.env["stock.channel"]._is_in_use())
        books, waiting = self.books(), dict(self.env.cr.postcommit.data)
        hooks = len(self.env.cr.postcommit._funcs)
        invalidated = set(self.env.registry.cache_invalidated)
        steps = [
            rule_step(self.channel, kind="buffer", value=3.0),
            write(self.listing, sku="OTHER", product_id=self.lamp.id),
            write(self.place, external_id="elsewhere", location_ids=[]),
            write(self.channel, minimum_shelf_life=3, active=False),
        ]
        effect = self.effect(*steps, user=self.manager)
        self.assertEqual(effect["listings"], 2)
        self.assertEqual(self.books(), books)
        self.assertEqual(dict(self.env.cr.postcommit.data), waiting)
        self.assertEqual(len(self.env.cr.postcommit._funcs), hooks)
        self.assertEqual(set(self.env.registry.cache_invalidated), invalidated)
        self.assertTrue(self.env["stock.channel"]._is_in_use())
        self.assertIsNone(current_run(self.env.cr))
        self.assertEqual(self.listing.sku, "DESK")
        self.assertFalse(self.env.cr.precommit)

    def test_it_leaves_no_trace_when_it_fails_in_the_middle(self):
        books = self.books()
        with self.assertRaises(UserError):
            self.effect(
                rule_step(self.channel, kind="buffer", value=3.0),
                write(self.listing, uom_id=self.env.ref("uom.product_uom_kgm").id),
            )
        with self.assertRaises(UserError) as caught:
            self.effect(write(self.listing, sku="LAMP"))
        self.assertIn("does not fit", str(caught.exception))
        self.assertIsNone(current_run(self.env.cr))
        self.assertEqual(self.books(), books)

    def test_what_was_pending_before_is_still_done(self):
        """The rehearsal rolls back its own part and not the caller's."""
        done = []
        self.env.cr.postcommit.add(lambda: done.append("after"))
        self.listing.title = "Before"
        with rolled_back(self.env):
            self.listing.title = "Inside"
            self.env.cr.postcommit.add(lambda: done.append("inside"))
            self.env.flush_all()
        self.assertEqual(self.listing.title, "Before")
        self.env.cr.postcommit.run()
        self.assertEqual(done, ["after"])

    def test_the_effect_is_worked_out_anew_for_the_approver(self):
        approval = self.propose(
            self.channel, rule_ids=[Command.create({"kind": "cap", "value": 5})]
        )
        self.assertIn("5 units fewer", approval.effect)
        self.assertEqual(approval.value, -50)
        self.receive(self.product, 7)
        self.run_compute()
        approval.with_user(self.approver).action_refresh_effect()
        self.assertEqual(approval.value, -120)
        self.assertIn("12 units fewer", approval.effect)
        self.assertIn("17", approval.with_user(self.approver).change_effect_html)
        self.refused(
            lambda: approval.with_user(
                self.make_user("group_operator")
            ).action_refresh_effect(),
            AccessError,
        )

    def test_the_forms_open_for_who_decides_and_who_proposes(self):
        approval = self.propose(
            self.channel, rule_ids=[Command.create({"kind": "cap", "value": 5})]
        )
        for user in (self.manager, self.approver, self.make_user("group_user")):
            with self.subTest(user=user.name):
                html = approval.with_user(user).change_effect_html
                self.assertIn("DESK", html)
                self.assertIn("Cap (units)", approval.with_user(user).change_steps_html)

    # ------------------------------------------------------------ two currencies

    def test_each_company_counts_in_its_own_money(self):
        money = self.env["res.currency"].create(
            {
                "name": "XTS",
                "symbol": "X",
                "rounding": 0.01,
                "rate_ids": [
                    Command.create(
                        {
                            "name": "2026-01-01",
                            "company_rate": 4.0,
                            "company_id": False,
                        }
                    )
                ],
            }
        )
        other = self.env["res.company"].create(
            {"name": "Abroad", "currency_id": money.id}
        )
        warehouse = self.env["stock.warehouse"].search(
            [("company_id", "=", other.id)], limit=1
        )
        channel = self.make_channel(name="Abroad", company_id=other.id)
        self.make_place(channel, "main", warehouse.lot_stock_id)
        self.make_listing(channel, self.product, "DESK")
        self.receive(self.product, 6, warehouse.lot_stock_id)
        user = self.make_user(
            "group_manager", company_ids=[(6, 0, other.ids)], company_id=other.id
        )
        channel.action_go_shadow()
        self.run_compute()
        effect = self.effect(rule_step(channel, kind="buffer", value=1.0), user=user)
        self.assertEqual(effect["currency_id"], money.id)
        rate = self.env["res.currency"]._get_conversion_rate(
            self.company.currency_id, money, other, self.env.cr.now().date()
        )
        self.assertEqual(effect["value_down"], money.round(10 * rate))
        self.assertNotEqual(effect["value_down"], 10)
