from unittest.mock import patch

from odoo.exceptions import AccessError, UserError
from odoo.tests import tagged

from odoo.addons.stock_channel_hub.models import stock_channel_remote_map

from .remote_common import PEN, RemoteCase


@tagged("post_install", "-at_install")
class TestRemote(RemoteCase):
    """Each finding, by one listing that has it."""

    # --------------------------------------------------------------- proposals

    def test_proposals_by_every_reason(self):
        lamp = self.make_product("Steel Lamp", "LAMP-1")
        pen = self.make_product("Pen", "P", barcode=PEN)
        chair = self.make_product("White Garden Chair", "GC")
        self.channel.sku_prefixes = "SHOP-, EU-"
        for sku, vals, expected in (
            ("lamp - 1", {}, ("proposed", lamp, "sku_alike", 95, "SKU alike: LAMP-1")),
            ("EU-LAMP-1", {}, ("proposed", lamp, "sku_alike", 95, "SKU alike: LAMP-1")),
            (
                "x1",
                {"barcode": f"0{PEN}"},
                ("proposed", pen, "barcode", 98, f"same barcode 0{PEN}"),
            ),
            (
                "x2",
                {"title": "Garden chair, white XL"},
                ("proposed", chair, "name", 94, "name 94 % alike"),
            ),
            (
                "x3",
                {"title": "Vase"},
                ("unmatched", self.product.browse(), False, 0, ""),
            ),
        ):
            self.lists(sku, **vals)
            with self.subTest(sku=sku):
                self.fetch()
                row = self.row(sku)
                self.assertEqual((*self.told(row), row.reason), expected)
                self.assertTrue(row.is_open)
        self.assertEqual(
            self.row("x3").todo,
            "Pick the product, then accept. Or ignore it with a reason.",
        )

    def test_several_that_fit(self):
        for name in ("One", "Other"):
            self.make_product(name, "TWIN")
        self.lists("TWIN")
        self.fetch()
        row = self.row("TWIN")
        self.assertEqual(
            (*self.told(row), row.reason),
            (
                "unmatched",
                self.product.browse(),
                "several",
                0,
                "several products fit; pick one",
            ),
        )

    def test_variants_are_told_apart_by_their_values(self):
        attribute = self.env["product.attribute"].create(
            {
                "name": "Colour",
                "value_ids": [(0, 0, {"name": name}) for name in ("Red", "Blue")],
            }
        )
        template = self.env["product.template"].create(
            {
                "name": "Rocking Horse",
                "type": "consu",
                "attribute_line_ids": [
                    (
                        0,
                        0,
                        {
                            "attribute_id": attribute.id,
                            "value_ids": [(6, 0, attribute.value_ids.ids)],
                        },
                    )
                ],
            }
        )
        self.lists("?", title="Rocking horse blue")
        self.fetch()
        blue = template.product_variant_ids[1]
        self.assertEqual(self.told(self.row("?")), ("proposed", blue, "name", 100))

    def test_products_of_other_companies_and_services_are_none(self):
        other = self.env["res.company"].create({"name": "Other"})
        self.make_product("Theirs", "THEIRS", company_id=other.id)
        self.make_product("Old", "OLD").active = False
        self.env["product.product"].create(
            {"name": "Work", "default_code": "WORK", "type": "service"}
        )
        for sku in ("THEIRS", "OLD", "WORK"):
            self.lists(sku)
        self.assertEqual(self.fetch().mapped_count, 0)
        self.assertEqual(set(self.remote.search([]).mapped("state")), {"unmatched"})

    # ---------------------------------------------------------------- findings

    def test_what_is_mapped_and_fine_is_nothing_to_do(self):
        self.lists("DESK", title="Desk")
        self.fetch()
        row = self.row("DESK")
        self.assertEqual((row.state, row.listing_id), ("mapped", self.listing))
        self.assertEqual((row.product_id, row.is_open), (self.product, False))
        self.assertFalse(row.todo)

    def test_duplicate_skus_are_not_mapped_by_themselves(self):
        self.make_product("Lamp", "LAMP")
        self.lists("LAMP", item_id="1")
        self.lists("LAMP", item_id="2")
        self.assertEqual(self.fetch().mapped_count, 0)
        rows = self.remote.search([("sku", "=", "LAMP")])
        self.assertEqual(rows.mapped("is_duplicate_sku"), [True, True])
        self.assertEqual(rows.mapped("is_shared"), [True, True])
        self.assertIn("more than once", rows[0].todo)
        self.catalogue.pop()
        self.assertEqual(self.fetch().mapped_count, 1)
        self.assertFalse(rows[0].is_duplicate_sku or rows[0].is_shared)

    def test_a_sku_named_twice_where_it_is_the_key(self):
        self.lists("DESK")
        self.lists("DESK")
        self.fetch()
        self.assertTrue(self.row("DESK").is_duplicate_sku)

    def test_two_listings_of_one_product(self):
        self.lists("DESK")
        self.lists("desk ")
        self.fetch()
        self.assertEqual(self.row("DESK").is_shared, True)
        self.assertIn("the same product", self.row("DESK").todo)
        other = self.row("desk ").with_user(self.operator)
        other._ignore("A second listing of it, for resellers.")
        self.assertFalse(self.row("DESK").is_shared)
        self.assertFalse(self.row("DESK").is_open)

    def test_pack_sizes_that_differ(self):
        six = self.env.ref("uom.product_uom_pack_6")
        self.make_product("Cola", "COLA")
        self.make_product("Beer", "BEER", uom_ids=[(6, 0, six.ids)])
        self.make_product("Water 6-pack", "WATER")
        for sku in ("COLA", "BEER", "WATER"):
            self.lists(sku, title=f"{sku} 6-pack")
        self.assertEqual(self.fetch().mapped_count, 2)
        cola = self.row("COLA")
        self.assertEqual((cola.state, cola.is_unit_mismatch), ("proposed", True))
        self.assertIn("6 pieces in one, here it is sold in Units", cola.todo)
        # A packaging of the product is that pack; and a pack here is a pack there.
        self.assertEqual(self.listing_of("BEER").uom_id, six)
        self.assertEqual(self.row("BEER").is_open, False)
        self.assertEqual(self.row("WATER").is_unit_mismatch, False)
        cola.with_user(self.operator).write({"uom_id": six.id})
        self.assertEqual((cola.is_unit_mismatch, cola.match_kind), (False, "picked"))
        cola.with_user(self.operator).action_accept()
        self.assertEqual(self.listing_of("COLA").uom_id, six)

    def test_units_of_another_kind(self):
        self.lists("DESK", unit="kg")
        self.fetch()
        row = self.row("DESK")
        self.assertTrue(row.is_unit_mismatch)
        self.assertIn("the channel says kg, here it is sold in Units", row.todo)
        self.catalogue.clear()
        self.lists("DESK", unit="pcs")
        self.fetch()
        self.assertFalse(row.is_unit_mismatch)

    def test_a_barcode_on_a_packaging_says_the_unit(self):
        six = self.env.ref("uom.product_uom_pack_6")
        cola = self.make_product("Cola", "COLA")
        self.env["product.uom"].create(
            {"product_id": cola.id, "uom_id": six.id, "barcode": PEN}
        )
        self.lists("X", barcode=PEN, title="Cola 6-pack")
        self.fetch()
        row = self.row("X")
        self.assertEqual((row.product_id, row.uom_id), (cola, six))
        self.assertFalse(row.is_unit_mismatch)

    def test_what_the_channel_does_not_count(self):
        self.lists("DESK", tracked=False)
        self.fetch()
        self.assertTrue(self.row("DESK").is_open)
        self.assertIn("does not count it", self.row("DESK").todo)

    def test_sku_and_barcode_of_two_products(self):
        lamp = self.make_product("Lamp", "LAMP")
        pen = self.make_product("Pen", "PEN", barcode=PEN)
        self.lists("LAMP", barcode=PEN)
        self.assertEqual(self.fetch().mapped_count, 0)
        row = self.row("LAMP")
        self.assertEqual(self.told(row), ("proposed", lamp, "sku", 50))
        self.assertEqual((row.conflict, row.rival_id), ("clash", pen))
        self.assertEqual(row.reason, "same SKU, but its barcode is that of [PEN] Pen")

    def test_mapped_to_another_product(self):
        lamp = self.make_product("Lamp", "LAMP")
        self.make_listing(self.channel, self.product, "LAMP")
        self.lists("LAMP")
        self.fetch()
        row = self.row("LAMP")
        self.assertEqual((row.state, row.conflict), ("mapped", "product"))
        self.assertEqual((row.product_id, row.mapped_product_id), (lamp, self.product))
        self.assertIn(
            "It is mapped to [DESK] Desk, but [LAMP] Lamp fits (same SKU).", row.todo
        )

    def test_a_name_is_no_reason_against_a_map(self):
        self.make_product("Steel Lamp", "SL")
        self.make_listing(self.channel, self.product, "X")
        self.lists("X", title="Steel Lamp")
        self.fetch()
        self.assertEqual(self.told(self.row("X"))[:2], ("mapped", self.product))
        self.assertFalse(self.row("X").is_open)

    def test_a_sku_changed_at_the_channel(self):
        self.listing.item_id = "77"
        self.lists("DESK-NEW", item_id="77")
        self.fetch()
        row = self.row("DESK-NEW")
        self.assertEqual((row.state, row.conflict), ("mapped", "sku_there"))
        self.assertIn("calls it DESK-NEW now, the map says DESK", row.todo)

    def test_a_reference_changed_in_odoo(self):
        self.lists("DESK")
        self.fetch()
        self.product.default_code = "TABLE"
        self.fetch()
        row = self.row("DESK")
        self.assertEqual((row.state, row.conflict), ("mapped", "sku_here"))
        self.assertIn("was DESK and is TABLE now", row.todo)
        self.product.default_code = "DESK"
        self.fetch()
        self.assertFalse(row.conflict or row.is_open)

    def test_a_reference_that_always_differed_is_nothing(self):
        self.make_listing(self.channel, self.product, "SOMETHING")
        self.lists("SOMETHING")
        self.fetch()
        self.assertFalse(self.row("SOMETHING").is_open)

    def test_mapped_and_vanished(self):
        self.lists("DESK")
        self.lists("VASE")
        self.lists("A")
        self.fetch()
        del self.catalogue[:2]
        self.fetch()
        self.assertTrue(self.row("DESK").is_open)
        self.assertIn("does not list it any more", self.row("DESK").todo)
        self.assertFalse(self.row("VASE").is_open, "nobody ever mapped it")

    # --------------------------------------------------------------- decisions

    def test_operator_accepts_and_waiting_orders_go_on(self):
        """Fix once, heal all."""
        self.receive(self.product, 10)
        lamp = self.make_product("Steel Lamp", "SL")
        self.receive(lamp, 5)
        order = self.order(lines=[self.line_data("1", "L-1", 2)])
        self.assertFalse(order.sale_order_id)
        self.lists("L-1", title="Lamp of steel", item_id="")
        self.fetch()
        row = self.row("L-1")
        self.assertEqual(row.product_id, lamp)
        row.with_user(self.operator).action_accept()
        self.assertEqual((row.state, row.is_open), ("mapped", False))
        self.assertEqual(row.listing_id.product_id, lamp)
        self.run_inbox()
        self.assertEqual(order.sale_order_id.order_line.product_id, lamp)
        self.assertFalse(self.open_exceptions())
        audit = self.env["stock.channel.audit"].search(
            [("res_id", "=", row.listing_id.id), ("action", "=", "created")]
        )
        self.assertEqual(audit.user_id, self.operator)

    def test_picking_another_product_stays(self):
        lamp = self.make_product("Steel Lamp", "SL")
        vase = self.make_product("Vase", "V")
        self.lists("X", title="Steel lamp")
        self.fetch()
        row = self.row("X")
        self.assertEqual(row.product_id, lamp)
        row.with_user(self.operator).product_id = vase
        self.assertEqual(self.told(row), ("proposed", vase, "picked", 100))
        self.assertEqual(row.reason, f"picked by {self.operator.name}")
        self.fetch()
        self.assertEqual(row.product_id, vase)
        row.with_user(self.operator).action_accept()
        self.assertEqual(self.listing_of("X").product_id, vase)
        self.fetch()
        self.assertFalse(row.is_open)

    def test_people_write_nothing_else(self):
        self.lists("X")
        self.fetch()
        row = self.row("X").with_user(self.operator)
        for vals in ({"sku": "Y"}, {"state": "mapped"}, {"listing_id": 1}):
            with self.assertRaises(AccessError):
                row.write(vals)
        with self.assertRaises(AccessError):
            row.with_user(self.approver).product_id = self.product
        kilo = self.env.ref("uom.product_uom_kgm")
        with self.assertRaises(UserError), self.cr.savepoint():
            row.write({"product_id": self.product.id, "uom_id": kilo.id})

    def test_ignored_until_it_is_something_else(self):
        self.lists("GIFT")
        self.fetch()
        row = self.row("GIFT").with_user(self.operator)
        with self.assertRaises(UserError):
            row._ignore(" ")
        row._ignore("A gift card.")
        self.assertEqual((row.state, row.is_open), ("ignored", False))
        self.assertEqual(row.todo, "Ignored: A gift card.")
        self.fetch()
        self.assertEqual(row.state, "ignored")
        audit = self.env["stock.channel.audit"].search([("action", "=", "ignored")])
        self.assertEqual((audit.reason, audit.user_id), ("A gift card.", self.operator))
        self.catalogue.clear()
        self.lists("GIFT", barcode=PEN)
        self.fetch()
        self.assertEqual((row.state, row.is_open), ("unmatched", True))

    def test_reopened(self):
        self.lists("GIFT")
        self.fetch()
        row = self.row("GIFT").with_user(self.operator)
        row._ignore("A gift card.")
        row.action_reopen()
        self.assertEqual((row.state, row.is_open), ("unmatched", True))

    def test_a_map_made_elsewhere_is_seen_at_once(self):
        self.lists("VASE")
        self.fetch()
        row = self.row("VASE")
        listing = self.make_listing(self.channel, self.make_product("Vase"), "VASE")
        self.assertEqual((row.state, row.listing_id), ("mapped", listing))
        self.assertFalse(row.is_open)
        listing.unlink()
        self.assertEqual((row.state, row.is_open), ("unmatched", True))

    def test_accept_is_for_first_maps_only(self):
        """A listing beside another one of the SKU would take its orders away."""
        lamp = self.make_product("Steel Lamp", "SL")
        self.lists("DESK", item_id="9", title="Steel Lamp")
        self.fetch()
        row = self.row("DESK")
        self.assertEqual((row.state, row.listing_id), ("mapped", self.listing))
        self.listing.item_id = "8"
        self.env.flush_all()
        self.assertEqual(row.state, "proposed")
        row.with_user(self.operator).product_id = lamp
        row.with_user(self.operator).action_accept()
        self.assertEqual(row.listing_id.product_id, lamp, "each has an id of its own")

    def test_many_are_mapped_in_the_background(self):
        self.startPatcher(self.small("AT_ONCE", 2))
        products = [self.make_product(f"Unique{n} Thing") for n in range(5)]
        for number, product in enumerate(products):
            self.lists(f"T{number}", title=product.name)
        self.fetch()
        rows = self.remote.search([("state", "=", "proposed")])
        self.assertEqual(len(rows), 5)
        action = rows.with_user(self.operator).action_accept()
        self.assertIn("5 listings are being mapped", action["params"]["message"])
        self.assertEqual(set(rows.mapped("state")), {"accepted"})
        with self.assertRaises(UserError):
            rows[0].with_user(self.operator).product_id = self.product
        self.run_fetch()
        self.assertEqual(set(rows.mapped("state")), {"mapped"})
        self.assertEqual(
            rows.listing_id.mapped("product_id.id"),
            [product.id for product in products],
        )
        audit = self.env["stock.channel.audit"].search(
            [("res_id", "in", rows.listing_id.ids), ("action", "=", "created")]
        )
        self.assertEqual((len(audit), audit.user_id), (5, self.operator))

    def small(self, name, value):
        return patch.object(stock_channel_remote_map, name, value)

    def test_one_that_cannot_be_mapped_stops_no_other(self):
        self.startPatcher(self.small("AT_ONCE", 1))
        self.make_product("Unique1 Thing", "A-1")
        self.make_product("Unique2 Thing", "A-2")
        self.lists("T1", title="Unique1 Thing")
        self.lists("T2", title="Unique2 Thing")
        self.fetch()
        rows = self.remote.search([("state", "=", "proposed")])
        rows.with_user(self.operator).action_accept()
        other = self.env["res.company"].create({"name": "Other"})
        self.env.flush_all()
        self.env.cr.execute(
            "UPDATE product_template SET company_id = %s WHERE id = %s",
            [other.id, rows[0].product_id.product_tmpl_id.id],
        )
        self.env.invalidate_all()
        self.run_fetch()
        self.assertEqual(rows.mapped("state"), ["proposed", "mapped"])

    # ----------------------------------------------------------------- changes

    def test_a_change_of_a_live_map_is_proposed_and_decided(self):
        lamp = self.make_product("Lamp", "LAMP")
        listing = self.make_listing(self.channel, self.product, "LAMP")
        self.lists("LAMP")
        self.fetch()
        row = self.row("LAMP")
        with self.assertRaises(UserError):
            row.with_user(self.operator).action_accept()
        with self.assertRaises(AccessError):
            row.with_user(self.operator).action_propose()
        action = row.with_user(self.manager).action_propose()
        self.assertEqual(action["res_model"], "stock.channel.change")
        self.assertEqual(listing.product_id, self.product)
        change = self.env["stock.channel.change"].browse(action["res_id"])
        change.with_user(self.manager).action_propose()
        self.assertEqual(listing.product_id, self.product)
        change.approval_id.with_user(self.approver).action_approve()
        self.env.invalidate_all()
        self.assertEqual(change.approval_id.state, "applied")
        self.assertEqual(listing.product_id, lamp)
        self.assertEqual((row.conflict, row.is_open), (False, False))

    def test_renamed_and_vanished_ones_in_one_proposal(self):
        self.listing.item_id = "77"
        self.make_listing(self.channel, self.make_product("Vase"), "VASE")
        self.lists("DESK", item_id="77")
        self.lists("VASE")
        self.fetch()
        self.catalogue.clear()
        self.lists("DESK-2", item_id="77")
        self.fetch()
        rows = self.remote.search([("is_open", "=", True)])
        self.assertEqual(set(rows.mapped("sku")), {"DESK-2", "VASE"})
        action = rows.with_user(self.manager).action_propose()
        change = self.env["stock.channel.change"].browse(action["res_id"])
        self.assertEqual(
            sorted(str(step["after"]) for step in change.steps),
            ["{'active': False}", "{'sku': 'DESK-2'}"],
        )

    def test_before_it_is_live_changes_are_made_at_once(self):
        self.channel.action_pause()
        self.channel.action_back_to_draft()
        lamp = self.make_product("Lamp", "LAMP")
        listing = self.make_listing(self.channel, self.product, "LAMP")
        self.lists("LAMP")
        self.fetch()
        self.row("LAMP").with_user(self.manager).action_propose()
        self.assertEqual(listing.product_id, lamp)
        self.assertFalse(self.row("LAMP").is_open)

    # ------------------------------------------------------------------- other

    def test_products_that_are_not_listed(self):
        lamp = self.make_product("Lamp", "LAMP")
        action = self.channel.with_user(self.operator).action_open_unlisted()
        found = self.env["product.product"].search(action["domain"])
        self.assertIn(lamp, found)
        self.assertNotIn(self.product, found)
        self.assertNotIn(self.channel.shipping_product_id, found)

    def test_other_companies_see_none_of_it(self):
        self.lists("VASE")
        self.fetch()
        other = self.env["res.company"].create({"name": "Other"})
        stranger = self.make_user(
            "group_admin", company_ids=[(6, 0, other.ids)], company_id=other.id
        )
        self.assertFalse(self.remote.with_user(stranger).search([]))
        self.assertFalse(self.fetches.with_user(stranger).search([]))
        with self.assertRaises(AccessError):
            self.row("VASE").with_user(stranger).action_accept()
