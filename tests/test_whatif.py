"""What if: exact numbers, whoever tries, and nothing is written."""

from odoo.exceptions import AccessError, UserError
from odoo.fields import Command
from odoo.tests import tagged

from .change_common import ChangeCase


@tagged("post_install", "-at_install")
class TestWhatif(ChangeCase):
    """Ten desks at ten each and four lamps at three each, at one live shop."""

    def setUp(self):
        super().setUp()
        self.lamp = self.make_product("Lamp", "LAMP", list_price=3.0)
        self.second = self.make_listing(self.channel, self.lamp, "LAMP")
        self.add_shop_item("LAMP", "main")
        self.receive(self.lamp, 4)
        self.run_all()
        self.reader = self.make_user("group_user")

    # -------------------------------------------------------------- helpers

    def edit(self, what="rule", **vals):
        if what != "condition":
            vals = {"channel_id": self.channel.id, **vals}
        return {"what": what, **vals}

    def buffer(self, value=3.0, **vals):
        return self.edit(rule_kind="buffer", value=value, **vals)

    def whatif(self, *edits, user=None, **vals):
        return (
            self.env["stock.channel.whatif"]
            .with_user(user or self.reader)
            .create({"edit_ids": [Command.create(edit) for edit in edits], **vals})
        )

    def tried(self, *edits, user=None, **vals):
        whatif = self.whatif(*edits, user=user, **vals)
        whatif.action_try()
        return whatif

    def lines(self, whatif):
        found = self.env["stock.channel.whatif.line"].search(
            [("whatif_id", "=", whatif.id)]
        )
        return [
            (
                line.listing_id.sku,
                line.channel_location_id.name,
                line.before_qty,
                line.after_qty,
                line.change_qty,
                line.value,
                line.limit,
            )
            for line in found
        ]

    def numbers_after(self, *edits):
        """Return {sku: (before, after)} of what would change."""
        return {line[0]: line[2:4] for line in self.lines(self.tried(*edits))}

    # -------------------------------------------------------------- numbers

    def test_a_buffer_takes_from_everything_most_value_first(self):
        whatif = self.tried(self.buffer())
        self.assertEqual(
            self.lines(whatif),
            [
                ("DESK", "main", 10, 7, -3, -30, "Buffer (units) 3"),
                ("LAMP", "main", 4, 1, -3, -9, "Buffer (units) 3"),
            ],
        )
        self.assertEqual(whatif.line_count, 2)
        self.assertEqual(whatif.effect["listings"], 2)
        self.assertEqual(whatif.effect["value_down"], 39)
        self.assertEqual(
            whatif.places,
            [
                {
                    "channel": "Test Shop",
                    "place": "main",
                    "listings": 2,
                    "up": 0,
                    "down": 6,
                    "value_up": 0,
                    "value_down": 39,
                }
            ],
        )
        self.assertIn("Test Shop", whatif.result_html)

    def test_every_kind_of_rule(self):
        expected = {
            "share": (50, {"DESK": (10, 5), "LAMP": (4, 2)}),
            "buffer": (1, {"DESK": (10, 9), "LAMP": (4, 3)}),
            "buffer_percent": (25, {"DESK": (10, 7), "LAMP": (4, 3)}),
            "backorder": (2, {"DESK": (10, 12), "LAMP": (4, 6)}),
            "cap": (6, {"DESK": (10, 6)}),
            "minimum": (5, {"LAMP": (4, 0)}),
        }
        for kind, (value, numbers) in expected.items():
            with self.subTest(kind=kind):
                edit = self.edit(rule_kind=kind, value=value)
                self.assertEqual(self.numbers_after(edit), numbers)

    def test_goods_to_come_by_a_horizon(self):
        self.make_move(self.product, 8, self.suppliers, self.stock)
        edit = self.edit(rule_kind="horizon", value=30)
        self.assertEqual(self.numbers_after(edit), {"DESK": (10, 18)})

    def test_several_edits_at_once(self):
        whatif = self.tried(
            self.edit(rule_kind="share", value=50),
            self.buffer(1, listing_ids=[Command.set(self.listing.ids)]),
        )
        self.assertEqual(
            {line[0]: line[2:4] for line in self.lines(whatif)},
            {"DESK": (10, 4), "LAMP": (4, 2)},
        )
        limits = {line[0]: line[6] for line in self.lines(whatif)}
        self.assertEqual(limits, {"DESK": "Buffer (units) 1", "LAMP": "Share (%) 50"})

    def test_a_rule_that_is_there_is_changed_and_ended(self):
        rule_sudo = self.env["stock.channel.rule"].sudo()
        rule = rule_sudo.create(
            {"channel_id": self.channel.id, "kind": "buffer", "value": 3}
        )
        self.run_all()
        self.assertEqual(
            self.numbers_after(self.buffer(1)), {"DESK": (7, 9), "LAMP": (1, 3)}
        )
        self.assertEqual(
            self.numbers_after(self.edit("no_rule", rule_kind="buffer")),
            {"DESK": (7, 10), "LAMP": (1, 4)},
        )
        self.assertEqual(rule.value, 3)
        with self.assertRaisesRegex(UserError, "no rule Cap"):
            self.tried(self.edit("no_rule", rule_kind="cap"))

    def test_maps(self):
        dozen = self.env.ref("uom.product_uom_dozen")
        self.receive(self.product, 20)
        self.run_all()
        desk = [Command.set(self.listing.ids)]
        self.assertEqual(
            self.numbers_after(
                self.edit("product", listing_ids=desk, product_id=self.lamp.id)
            ),
            {"DESK": (30, 4)},
        )
        whatif = self.tried(self.edit("unit", listing_ids=desk, uom_id=dozen.id))
        self.assertEqual(
            self.lines(whatif),
            [("DESK", "main", 30, 2, -28, -28 * 120, "What is there")],
        )
        self.assertEqual(
            self.numbers_after(self.edit("listing", listing_ids=desk)),
            {"DESK": (30, 0)},
        )
        place = {"channel_location_id": self.place.id}
        self.assertEqual(
            self.numbers_after(
                self.edit("stock", location_ids=[Command.set(self.shelf.ids)], **place)
            ),
            {"DESK": (30, 0), "LAMP": (4, 0)},
        )
        whatif = self.tried(self.edit("place", **place))
        self.assertEqual({line[6] for line in self.lines(whatif)}, {"Not offered here"})

    def test_kits_say_which_component_limits_them(self):
        kit = self.make_product("Set", "SET", list_price=25.0)
        self.make_kit(kit, {self.product: 2, self.lamp: 1})
        self.make_listing(self.channel, kit, "SET")
        self.add_shop_item("SET", "main")
        self.receive(self.product, 10, self.shelf)
        self.run_all()
        whatif = self.tried(
            self.edit("condition", location_id=self.shelf.id, condition="damaged")
        )
        # Twenty desks make four sets with four lamps; ten would make four, too.
        self.assertEqual([line[0] for line in self.lines(whatif)], ["DESK"])
        self.receive(self.lamp, 4)
        self.run_all()
        whatif = self.tried(
            self.edit("condition", location_id=self.shelf.id, condition="damaged")
        )
        self.assertEqual(
            self.lines(whatif),
            [
                ("DESK", "main", 20, 10, -10, -100, "What is there"),
                ("SET", "main", 8, 5, -3, -75, "Component [DESK] Desk"),
            ],
        )

    def test_two_channels_on_one_shelf_and_one_of_them_in_draft(self):
        other = self.make_channel(name="Second Shop")
        self.make_place(other, "main", self.stock)
        self.make_listing(other, self.product, "TABLE")
        whatif = self.tried(
            self.edit("condition", location_id=self.stock.id, condition="quality")
        )
        # Of a channel in draft nothing is kept; it is computed before and after.
        self.assertEqual(
            {(line[0], line[2], line[3]) for line in self.lines(whatif)},
            {("DESK", 10, 0), ("TABLE", 10, 0), ("LAMP", 4, 0)},
        )
        self.assertEqual(
            [(row["channel"], row["down"]) for row in whatif.places],
            [("Test Shop", 14), ("Second Shop", 10)],
        )
        other.action_go_shadow()
        self.run_compute()
        whatif = self.tried(self.buffer(4, channel_id=other.id))
        self.assertEqual(
            [line[:4] for line in self.lines(whatif)], [("TABLE", "main", 10, 6)]
        )
        self.assertEqual([row["channel"] for row in whatif.places], ["Second Shop"])

    def test_what_changes_nothing_now(self):
        whatif = self.tried(self.edit(rule_kind="cap", value=500))
        self.assertEqual((whatif.line_count, whatif.effect["reached"]), (0, 2))
        self.assertIn("could touch", whatif.result_html)
        with self.assertRaisesRegex(UserError, "it is so already"):
            self.tried(self.edit("shelf_life", value=0))
        with self.assertRaisesRegex(UserError, "Say first"):
            self.whatif().action_try()
        with self.assertRaisesRegex(UserError, "fill in New Product"):
            self.tried(
                self.edit("product", listing_ids=[Command.set(self.listing.ids)])
            )

    # ------------------------------------------------------------- nothing left

    def test_nothing_is_written_but_the_answer(self):
        whatif = self.whatif(
            self.buffer(),
            self.edit("shelf_life", value=9),
            self.edit("condition", location_id=self.shelf.id, condition="damaged"),
        )
        rows = self.env["stock.channel.publication"].search([])
        self.env.flush_all()
        before, told = self.books(), rows.read()
        whatif.action_try()
        self.env.flush_all()
        self.env.invalidate_all()
        self.assertEqual(self.books(), before)
        self.assertEqual(rows.read(), told)
        self.assertEqual(whatif.line_count, 2)
        self.env.cr.execute("SHOW lock_timeout")
        self.assertEqual(self.env.cr.fetchone()[0], "0")

    def test_trying_again_replaces_what_was_there(self):
        whatif = self.tried(self.buffer())
        self.assertFalse(whatif.is_outdated)
        whatif.edit_ids.value = 9.0
        self.assertTrue(whatif.is_outdated)
        whatif.action_try()
        self.assertFalse(whatif.is_outdated)
        self.assertEqual([line[3] for line in self.lines(whatif)], [1, 0])
        lines = self.env["stock.channel.whatif.line"]
        self.assertEqual(lines.search_count([]), 2)
        whatif.sudo().unlink()
        self.assertEqual(lines.search_count([]), 0)

    def test_the_list_opens_without_a_record_that_is_gone(self):
        third = self.make_listing(self.channel, self.lamp, "SPARE")
        self.run_compute()
        whatif = self.tried(self.buffer())
        self.assertEqual(whatif.line_count, 3)
        third.unlink()
        found = (
            self.env["stock.channel.whatif.line"]
            .with_user(self.reader)
            .web_search_read(
                [("whatif_id", "=", whatif.id)],
                {"listing_id": {"fields": {"display_name": {}}}, "limit": {}},
            )
        )
        self.assertEqual(found["length"], 2)

    # ------------------------------------------------------------------ rights

    def test_readers_and_operators_try_and_do_not_propose(self):
        for group in ("group_user", "group_operator"):
            with self.subTest(group=group):
                user = self.make_user(group)
                whatif = self.tried(self.buffer(), user=user)
                self.assertEqual(len(self.lines(whatif)), 2)
                self.assertIn("A manager", whatif.next_step)
                for step in (whatif.action_propose, whatif.action_save):
                    self.refused(step, AccessError)

    def test_what_one_tries_is_one_s_own(self):
        whatif = self.tried(self.buffer())
        theirs = whatif.with_user(self.manager)
        with self.assertRaises(AccessError):
            theirs.action_open_lines()
        lines = self.env["stock.channel.whatif.line"].with_user(self.manager)
        self.assertEqual(lines.search_count([]), 0)

    def test_two_companies(self):
        """What one may not see is neither tried nor shown."""
        other = self.env["res.company"].create({"name": "Abroad"})
        warehouse = self.env["stock.warehouse"].search(
            [("company_id", "=", other.id)], limit=1
        )
        channel = self.make_channel(name="Abroad", company_id=other.id)
        self.make_place(channel, "main", warehouse.lot_stock_id)
        self.make_listing(channel, self.product, "DESK")
        with self.assertRaises(AccessError):
            self.tried(self.buffer(channel_id=channel.id))
        with self.assertRaises(AccessError):
            self.tried(
                self.edit(
                    "condition",
                    location_id=warehouse.lot_stock_id.id,
                    condition="damaged",
                )
            )
        # A shelf of nobody that feeds both of them.
        shared = self.env["stock.location"].create(
            {"name": "Shared", "company_id": False, "usage": "internal"}
        )
        for place in (self.place, channel.location_ids):
            place.sudo().location_ids += shared
        edit = self.edit("condition", location_id=shared.id, condition="damaged")
        with self.assertRaisesRegex(AccessError, "may not see"):
            self.tried(edit)
        self.assertFalse(self.env["stock.channel.whatif.line"].search([]))
        both = self.make_user(
            "group_user", company_ids=[(6, 0, (other | self.company).ids)]
        )
        whatif = self.tried(edit, user=both)
        self.assertEqual(whatif.line_count, 0)

    # ------------------------------------------------------------- going on

    def test_the_proposal_is_what_was_shown(self):
        whatif = self.tried(
            self.buffer(), self.edit(rule_kind="cap", value=5), user=self.manager
        )
        self.assertTrue(whatif.is_guarded)
        self.assertFalse(whatif.may_save)
        self.assertIn("approver", whatif.next_step)
        whatif.reason = "Fewer complaints"
        action = whatif.action_propose()
        change = self.changes.browse(action["res_id"])
        shown = {key: value for key, value in whatif.effect.items() if key != "entered"}
        self.assertEqual(change.effect, shown)
        self.assertEqual(change.reason, "Fewer complaints")
        change.with_user(self.manager).action_propose()
        self.approve(change.approval_id)
        self.run_compute()
        rows = self.env["stock.channel.publication"].search(
            [("channel_id", "=", self.channel.id)]
        )
        self.assertEqual(
            {row.listing_id.sku: row.wanted_qty for row in rows},
            {line[0]: line[3] for line in self.lines(whatif)},
        )

    def test_only_what_was_tried_goes_on(self):
        whatif = self.tried(self.buffer(), user=self.manager)
        whatif.edit_ids.value = 4.0
        for step in (whatif.action_propose, whatif.action_save):
            self.assertIn("not what you tried", self.refused(step))

    def test_customers_channel_is_not_changed_by_saving(self):
        whatif = self.tried(self.buffer(), user=self.manager)
        self.assertIn("nothing was changed", self.refused(whatif.action_save))

    def test_saving_in_draft_and_when_small(self):
        draft = self.make_channel(name="Draft")
        self.make_place(draft, "main", self.stock)
        self.make_listing(draft, self.product, "TABLE")
        whatif = self.tried(self.buffer(2, channel_id=draft.id), user=self.manager)
        self.assertEqual(self.lines(whatif)[0][2:4], (10, 8))
        self.assertTrue(whatif.may_save)
        self.assertFalse(whatif.is_guarded)
        whatif.action_save()
        self.assertEqual(draft.rule_ids.mapped("value"), [2])
        self.channel.sudo().write(
            {"free_change_listings": 2, "free_change_value": 30.0}
        )
        self.env.flush_all()
        large = self.tried(self.buffer(), user=self.manager)
        self.assertFalse(large.may_save, "39 is more than 30")
        small = self.tried(self.buffer(2), user=self.manager)
        self.assertTrue(small.may_save and small.is_guarded)
        small.action_save()
        self.assertEqual(self.channel.rule_ids.mapped("value"), [2])

    def test_taking_goods_off_sale_needs_nobody(self):
        boss = self.make_user("group_manager")
        boss.group_ids += self.env.ref("stock.group_stock_manager")
        whatif = self.tried(
            self.edit("condition", location_id=self.stock.id, condition="damaged"),
            user=boss,
        )
        self.assertTrue(whatif.may_save)
        whatif.action_save()
        self.assertEqual(self.stock.stock_condition, "damaged")

    # ----------------------------------------------------------- from anywhere

    def test_opened_from_where_one_stands(self):
        rule = (
            self.env["stock.channel.rule"]
            .sudo()
            .create({"channel_id": self.channel.id, "kind": "cap", "value": 8})
        )
        for record in (self.channel, self.place, self.listing, rule):
            with self.subTest(model=record._name):
                action = record.with_user(self.reader).action_what_if()
                whatif = self.env["stock.channel.whatif"].browse(action["res_id"])
                self.assertEqual(whatif.channel_id, self.channel)
        self.assertEqual(whatif.edit_ids.new_value, "Cap (units) 8")

    def test_the_statements_do_not_grow_with_the_numbers(self):
        def counted():
            whatif = self.whatif(self.buffer())
            self.env.flush_all()
            self.env.invalidate_all()
            before = self.env.cr.sql_log_count
            whatif.action_try()
            return self.env.cr.sql_log_count - before

        few = counted()
        products = self.env["product.product"].create(
            [{"name": f"M{n}", "is_storable": True} for n in range(60)]
        )
        for product in products:
            self.receive(product, 5)
        self.env["stock.channel.listing"].create(
            [
                {"channel_id": self.channel.id, "product_id": p.id, "sku": p.name}
                for p in products
            ]
        )
        self.run_compute()
        self.assertLessEqual(counted(), few + 5)
