from odoo.tests import Form, tagged

from .test_rules import RuleCase


@tagged("post_install", "-at_install")
class TestHooks(RuleCase):
    """Everything else a number depends on is heard of as well."""

    # ------------------------------------------------------------------ lots

    def make_lot(self, product, **vals):
        lot = self.env["stock.lot"].create(
            {"name": f"LOT-{product.name}", "product_id": product.id, **vals}
        )
        self.receive(product, 5, lot_id=lot)
        self.forget()
        return lot

    def test_lot_condition_and_dates(self):
        milk = self.make_product("Milk", tracking="lot", use_expiration_date=True)
        lot = self.make_lot(milk)
        quant = self.env["stock.quant"].search([("lot_id", "=", lot.id)])
        for vals in (
            {"stock_condition": "quarantine"},
            {"stock_condition": False},
            {"removal_date": "2031-01-01 00:00:00"},
            {"expiration_date": "2032-01-01 00:00:00"},
        ):
            with self.subTest(vals=vals):
                self.forget()
                lot.write(vals)
                self.assert_products(milk, "condition")
        # Quants repeat the dates in columns of their own; they follow unnoticed.
        self.assertEqual(quant.expiration_date, lot.expiration_date)
        self.assertEqual(quant.removal_date, lot.removal_date)

    def test_other_fields_of_a_lot_change_no_number(self):
        milk = self.make_product("Milk", tracking="lot")
        lot = self.make_lot(milk)
        lot.write({"ref": "R", "note": "<p>Note</p>"})
        self.assertEqual(self.rows(), set())

    def test_lot_condition_is_on_the_form(self):
        milk = self.make_product("Milk", tracking="lot")
        lot = self.make_lot(milk)
        with Form(lot, "stock.view_production_lot_form") as form:
            form.stock_condition = "damaged"
        self.assertEqual(lot.stock_condition, "damaged")
        self.assert_products(milk, "condition")

    # -------------------------------------------------------- products, units

    def test_product_template(self):
        template = self.lamp.product_tmpl_id
        for vals in (
            {"use_expiration_date": True},
            {"is_storable": False},
            {"type": "service"},
            {"uom_id": self.env.ref("uom.product_uom_dozen").id},
            {"active": False},
            {"active": True},
        ):
            with self.subTest(vals=vals):
                self.forget()
                template.write(vals)
                self.assert_products(self.lamp, "rule")

    def test_archived_variants_of_a_template(self):
        size = self.env["product.attribute"].create(
            {"name": "Size", "value_ids": [(0, 0, {"name": n}) for n in "SL"]}
        )
        template = self.env["product.template"].create(
            {
                "name": "Shirt",
                "is_storable": True,
                "attribute_line_ids": [
                    (
                        0,
                        0,
                        {
                            "attribute_id": size.id,
                            "value_ids": [(6, 0, size.value_ids.ids)],
                        },
                    )
                ],
            }
        )
        small, large = template.product_variant_ids
        small.active = False
        self.forget()
        template.is_storable = False
        self.assert_products(small | large, "rule")
        self.forget()
        bom = self.make_kit(large, {self.lamp: 1})
        self.assert_products(small | large, "bom")
        self.forget()
        bom.bom_line_ids.bom_product_template_attribute_value_ids = (
            template.attribute_line_ids.product_template_value_ids[:1]
        )
        self.assert_products(small | large, "bom")

    def test_name_of_a_product_changes_no_number(self):
        self.lamp.product_tmpl_id.name = "Lantern"
        self.assertEqual(self.rows(), set())

    def test_units_concern_all_listings(self):
        dozen = self.env.ref("uom.product_uom_dozen")
        pack = self.env.ref("uom.product_uom_pack_6")
        everything = self.env["stock.channel.listing"].search([])
        self.assertIn(self.other_listing, everything)
        for vals in (
            {"relative_factor": 10},
            {"relative_uom_id": pack.id},
        ):
            with self.subTest(vals=vals):
                self.forget()
                dozen.write(vals)
                self.assert_listings(everything, "map")
        self.forget()
        dozen.name = "Ten"
        self.assertEqual(self.rows(), set())

    # ------------------------------------------------------------------ moves

    def assert_stock(self, *pairs):
        self.assertEqual(
            self.rows(), {(p.id, place.id, None, "stock") for p, place in pairs}
        )

    def test_receipt_is_logged_where_it_arrives(self):
        move = self.make_move(self.lamp, 3, self.suppliers, self.stock)
        self.assert_stock((self.lamp, self.stock))
        for vals in (
            {"date": "2031-01-01 00:00:00"},
            {"product_uom": self.env.ref("uom.product_uom_dozen").id},
            {"product_uom_qty": 4},
        ):
            with self.subTest(vals=vals):
                self.forget()
                move.write(vals)
                self.assert_stock((self.lamp, self.stock))
        self.forget()
        move.write({"location_final_id": self.shelf.id})
        self.assert_stock((self.lamp, self.shelf))

    def test_delivery_is_logged_where_it_leaves(self):
        self.make_move(self.lamp, 3, self.stock, self.customers)
        self.assert_stock((self.lamp, self.stock))

    def test_internal_move_is_logged_at_both_ends(self):
        self.make_move(self.lamp, 3, self.stock, self.shelf)
        self.assert_stock((self.lamp, self.stock), (self.lamp, self.shelf))

    def test_draft_move_is_not_logged(self):
        self.make_move(self.lamp, 3, self.stock, self.customers, confirm=False)
        self.assertEqual(self.rows(), set())

    def test_move_that_changes_its_product_concerns_both(self):
        move = self.make_move(self.lamp, 3, self.stock, self.customers)
        self.forget()
        move.product_id = self.product
        self.assert_stock((self.lamp, self.stock), (self.product, self.stock))

    # ---------------------------------------------------------------- recipes

    def test_recipe_archived_and_back(self):
        bom = self.make_kit(self.product, {self.lamp: 2})
        for is_active in (False, True):
            with self.subTest(is_active=is_active):
                self.forget()
                bom.active = is_active
                self.assert_products(self.product, "bom")

    def test_line_that_moves_concerns_both_recipes(self):
        kit = self.make_product("Kit")
        first = self.make_kit(self.product, {self.lamp: 2})
        second = self.make_kit(kit, {self.lamp: 1})
        self.forget()
        first.bom_line_ids.bom_id = second
        self.assert_products(self.product | kit, "bom")

    # -------------------------------------------------------------- locations

    def test_location_concerns_the_channels_fed_by_it_or_around_it(self):
        self.other_place.location_ids = self.make_warehouse().lot_stock_id
        mine = self.listing | self.lamp_listing
        for location in (self.shelf, self.stock, self.warehouse.view_location_id):
            with self.subTest(location=location.name):
                self.forget()
                location.stock_condition = "quality"
                self.assert_listings(mine, "condition")
        self.forget()
        self.other_place.location_ids.stock_condition = "damaged"
        self.assert_listings(self.other_listing, "condition")

    def make_warehouse(self):
        return self.env["stock.warehouse"].create({"name": "South", "code": "HUBS"})

    def test_location_that_moves_concerns_where_it_was_and_is(self):
        south = self.make_warehouse().lot_stock_id
        self.other_place.location_ids = south
        self.forget()
        self.shelf.location_id = south
        self.assert_listings(
            self.listing | self.lamp_listing | self.other_listing, "condition"
        )

    def test_location_that_feeds_nothing_concerns_nobody(self):
        south = self.make_warehouse().lot_stock_id
        self.other_place.active = False
        self.other_place.location_ids = south
        self.forget()
        south.stock_condition = "damaged"
        self.assertEqual(self.rows(), set())

    def test_no_channel_in_use_no_rows(self):
        self.channel.action_pause()
        self.channel.action_back_to_draft()
        self.forget()
        self.make_rule("buffer", 5)
        self.lamp.product_tmpl_id.is_storable = False
        self.env.ref("uom.product_uom_dozen").relative_factor = 10
        self.shelf.stock_condition = "damaged"
        self.assertEqual(self.rows(), set())
