from unittest.mock import patch

from odoo.exceptions import AccessError, ValidationError
from odoo.tests import tagged

from odoo.addons.stock_channel_hub.models import stock_channel_dirty

from .guard_common import GuardCase
from .statements import counted


@tagged("post_install", "-at_install")
class TestGuardDisasters(GuardCase):
    """Each slip of the hand that would spoil a shop is held, once."""

    def assert_kept(self, disaster, count=None):
        """Let ``disaster`` happen; the shop shows what it showed, however long."""
        before = self.told()
        disaster()
        for _again in range(2):
            self.at_work()
            self.run_sweep()
        self.assertEqual(self.told(), before)
        return self.assert_held_once(self.size if count is None else count)

    def test_shelf_declared_damaged(self):
        push = self.assert_kept(
            lambda: self.shelf.write({"stock_condition": "damaged"})
        )
        self.assertEqual(push.title, "30 of 30 listings would go to zero")
        self.assertIn("Stock condition changed: 30 numbers", push.cause_text)
        self.assertEqual(push.changed_units, 300)
        self.assertEqual(push.changed_value, 3000)
        self.assertEqual(push.value_difference, -3000)

    def test_warehouse_unmapped(self):
        self.assert_kept(lambda: self.place.write({"location_ids": [(5,)]}))

    def test_channel_location_archived(self):
        self.assert_kept(lambda: self.place.write({"active": False}))

    def test_stock_location_archived(self):
        annex = self.env["stock.location"].create({"name": "Annex"})
        self.assert_kept(lambda: self.shelf.write({"location_id": annex.id}))

    def test_share_set_to_zero(self):
        self.assert_kept(lambda: self.rule("share", 0))

    def test_cap_set_to_zero_for_each_listing_by_an_import(self):
        self.assert_kept(
            lambda: [self.rule("cap", 0, listing_id=one.id) for one in self.listings]
        )

    def test_pack_set_to_six_by_mistake_sells_a_sixth(self):
        pack = self.env.ref("uom.product_uom_pack_6")
        self.assert_kept(lambda: self.listings.write({"uom_id": pack.id}))

    def test_pack_of_six_set_to_one_sells_six_times_as_much(self):
        unit = self.env.ref("uom.product_uom_unit")
        pack = self.env.ref("uom.product_uom_pack_6")
        self.channel.guard_floor = 1000
        self.listings.write({"uom_id": pack.id})
        self.at_work()
        self.assertEqual(set(self.told()), {1})
        self.channel.guard_floor = 10
        push = self.assert_kept(lambda: self.listings.write({"uom_id": unit.id}))
        self.assertEqual(push.title, "30 of 30 listings would change a lot")
        self.assertEqual(push.zeroed_count, 0)

    def test_products_archived_by_an_import(self):
        self.assert_kept(lambda: self.products.write({"active": False}))

    def test_listings_archived(self):
        self.assert_kept(lambda: self.listings.write({"active": False}))

    def test_shelf_life_of_three_hundred_days_instead_of_thirty(self):
        self.products.product_tmpl_id.write(
            {"tracking": "lot", "use_expiration_date": True}
        )
        self.env["stock.quant"].search(
            [("product_id", "in", self.products.ids)]
        ).sudo().unlink()
        for product in self.products:
            lot = self.env["stock.lot"].create(
                {
                    "name": "L1",
                    "product_id": product.id,
                    "expiration_date": "2030-01-01",
                    "removal_date": "2030-01-01",
                }
            )
            self.receive(product, 10, self.shelf, lot_id=lot)
        self.at_work()
        self.assertEqual(set(self.told()), {10})
        self.assert_kept(lambda: self.channel.write({"minimum_shelf_life": 3000}))

    def test_stock_zeroed_past_odoo_is_found_by_the_sweep(self):
        def import_zeros():
            self.env.cr.execute(
                "UPDATE stock_quant SET quantity = 0 WHERE product_id = ANY(%s)",
                [self.products.ids],
            )
            self.env.invalidate_all()
            self.run_sweep()

        push = self.assert_kept(import_zeros)
        self.assertIn("Found by the sweep: 30 numbers", push.cause_text)

    def test_part_of_the_catalogue_beyond_the_share(self):
        part = self.listings[:10]
        self.assert_kept(lambda: part.write({"active": False}), count=10)

    def test_value_alone_is_enough(self):
        dear = self.products[:10]
        dear.list_price = 100
        caps = [
            (0, 0, {"channel_id": self.channel.id, "kind": "cap", "value": 5})
            for _one in dear
        ]
        push = self.assert_kept(
            lambda: [
                listing.write({"rule_ids": [cap]})
                for listing, cap in zip(self.listings, caps, strict=False)
            ],
            count=10,
        )
        self.assertEqual(push.moved_count, 0)
        self.assertEqual(push.changed_value, 5000)

    def test_drained_in_many_transactions_it_is_still_one_change(self):
        with self.at_once(4):
            push = self.assert_kept(lambda: self.rule("share", 0))
        self.assertEqual(push.zeroed_count, 30)
        self.assertEqual(push.size, 30)

    def test_swept_in_many_transactions_it_is_still_one_change(self):
        self.env.cr.execute(
            "UPDATE stock_quant SET quantity = 0 WHERE product_id = ANY(%s)",
            [self.products.ids],
        )
        self.env.invalidate_all()
        with patch.object(stock_channel_dirty, "SWEEP_SIZE", 4):
            self.assert_kept(self.run_sweep)

    def test_several_small_changes_within_minutes_are_one(self):
        for start in range(0, 18, 6):
            self.listings[start : start + 6].write({"active": False})
            self.run_compute()
        self.assert_held_once(18)
        self.at_work()
        self.assertEqual(set(self.told()), {10})

    def test_what_follows_within_minutes_joins_it(self):
        self.listings[:20].write({"active": False})
        self.run_compute()
        push = self.assert_held_once(20)
        self.listings[20:22].write({"active": False})
        self.run_compute()
        self.assertEqual(self.assert_held_once(22), push)
        self.assertIn("22 of 30", push.approval_id.effect)

    def test_publisher_that_is_first_lets_nothing_out(self):
        self.rule("cap", 9, listing_id=self.listings[0].id)
        self.run_compute()
        self.receive(self.products[1], 5, self.shelf)
        self.run_compute()
        self.shelf.stock_condition = "damaged"
        self.env.flush_all()
        self.env.cr.flush()
        self.run_publish()
        self.assertEqual(set(self.told()), {10})
        self.run_compute()
        self.assert_held_once()
        self.at_work()
        self.assertNotIn(0, self.told())

    def test_sale_between_two_small_changes_that_are_one_comes_off(self):
        """The channel is down, so nothing of the first change was told yet."""
        self.channel.next_attempt_at = "2100-01-01"
        self.listings[:6].write({"active": False})
        self.run_compute()
        self.assert_nothing_held()
        self.receive(self.products[0], -3, self.shelf)
        self.run_compute()
        self.listings[6:12].write({"active": False})
        self.run_compute()
        self.assert_held_once(12)
        wanted = [row.wanted_qty for row in self.rows(self.listings[:12])]
        self.assertEqual(wanted, [7] + [10] * 11)

    def test_other_channels_are_judged_by_themselves(self):
        other = self.make_channel(name="Other Shop")
        self.shops[other.id] = self.shop
        self.make_place(other, "main", self.stock)
        for product in self.products[:4]:
            self.make_listing(other, product, product.default_code)
        self.go_live(other)
        self.run_compute()
        self.run_publish(other)
        self.rule("share", 0)
        self.run_compute()
        self.assertEqual(self.pushes().channel_id, self.channel)

    def test_kit_whose_recipe_is_replaced(self):
        kits = self.env["product.product"]
        for number in range(10):
            kit = self.make_product(f"Set {number}", f"SET-{number}")
            self.make_kit(kit, {self.products[number]: 1})
            self.make_listing(self.channel, kit, f"SET-{number}")
            self.add_shop_item(f"SET-{number}", "main")
            kits |= kit
        self.at_work()
        empty = self.make_product("Nothing There")
        for bom in kits.bom_ids:
            bom.bom_line_ids.product_id = empty
        self.channel.guard_zero_share = 15
        self.at_work()
        self.assertEqual(self.shown("SET-0"), 10)
        self.assert_held_once(10)

    def test_computing_without_such_a_cause_costs_no_statement(self):
        self.receive(self.products[0], 5, self.shelf)
        self.env.flush_all()
        self.env.cr.flush()
        with counted() as texts:
            self.run_compute()
        self.assertFalse([text for text in texts if "guard_qty" in text])
        self.assertFalse([text for text in texts if text.startswith("WITH concerned")])


@tagged("post_install", "-at_install")
class TestGuardNotHeld(GuardCase):
    def test_stock_that_goes_is_told_however_much_it_is(self):
        for product in self.products:
            self.receive(product, -10, self.shelf)
        self.at_work()
        self.assertEqual(set(self.told()), {0})
        self.assert_nothing_held()

    def test_first_publication_is_no_change(self):
        self.assert_nothing_held()
        self.assertEqual(set(self.told()), {10})

    def test_resuming_a_channel_is_no_change(self):
        self.channel.action_pause()
        for product in self.products:
            self.receive(product, -9, self.shelf)
        self.run_compute()
        self.go_live(self.channel)
        self.at_work()
        self.assertEqual(set(self.told()), {1})
        self.assert_nothing_held()

    def test_in_shadow_nothing_is_held(self):
        self.channel.action_pause()
        self.channel.action_back_to_draft()
        self.channel.action_go_shadow()
        self.rule("share", 0)
        self.run_compute()
        self.assert_nothing_held()

    def test_change_during_a_pause_is_held_all_the_same(self):
        self.channel.action_pause()
        self.rule("share", 0)
        self.run_compute()
        self.assert_held_once(30)
        self.go_live(self.channel)
        self.at_work()
        self.assertEqual(set(self.told()), {10})

    def test_small_rule_together_with_a_large_receipt(self):
        for product in self.products:
            self.receive(product, 50, self.shelf)
        self.rule("buffer", 1)
        self.at_work()
        self.assertEqual(set(self.told()), {59})
        self.assert_nothing_held()

    def test_undone_before_it_is_computed(self):
        self.shelf.stock_condition = "damaged"
        self.shelf.stock_condition = "sellable"
        self.at_work()
        self.assert_nothing_held()
        self.assertFalse(self.place.sudo().earlier_map)

    def test_kept_map_is_dropped_when_the_change_passes(self):
        bin_ = self.env["stock.location"].create(
            {"name": "Bin", "location_id": self.shelf.id}
        )
        bin_.stock_condition = "damaged"
        self.assertTrue(self.place.sudo().earlier_map)
        self.at_work()
        self.assertFalse(self.place.sudo().earlier_map)

    # ------------------------------------------------------------ thresholds

    def test_only_administrators_set_the_guard_and_it_is_audited(self):
        manager = self.channel.with_user(self.make_user("group_manager"))
        with self.assertRaises(AccessError):
            manager.guard_floor = 1000
        self.env.invalidate_all()
        self.assertEqual(self.channel.guard_floor, 10)
        admin = self.make_user("group_admin")
        self.channel.with_user(admin).guard_floor = 20
        audit = self.env["stock.channel.audit"].search(
            [("res_model", "=", "stock.channel"), ("action", "=", "changed")], limit=1
        )
        self.assertEqual(audit.user_id, admin)
        self.assertEqual(audit.before, {"guard_floor": 10})
        self.assertEqual(audit.after, {"guard_floor": 20})

    def test_thresholds_have_bounds(self):
        for vals in (
            {"guard_zero_share": 0},
            {"guard_move_share": 101},
            {"guard_value_share": -1},
            {"guard_floor": 0},
            {"guard_move_percent": 0},
        ):
            with self.subTest(vals=vals), self.assertRaises(ValidationError):
                self.channel.write(vals)

    def test_nobody_writes_what_the_guard_remembers(self):
        admin = self.channel.with_user(self.make_user("group_admin"))
        with self.assertRaises(AccessError):
            admin.guard_judged_at = self.now()
        with self.assertRaises(AccessError):
            self.place.with_user(admin.env.user).earlier_map = {}
