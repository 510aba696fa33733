"""What one unit of a kit takes from stock: recipe by recipe, as Odoo delivers it."""

from odoo.tests import tagged

from .common import HubCase

# Delivering so many, whatever is rounded for one kit needs no rounding.
MANY = 1200


class KitCase(HubCase):
    """Parts to make kits of, and the question what a kit is made of."""

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.dozen = cls.env.ref("uom.product_uom_dozen")
        cls.unit = cls.env.ref("uom.product_uom_unit")
        cls.gram = cls.env.ref("uom.product_uom_gram")
        cls.kilogram = cls.env.ref("uom.product_uom_kgm")
        cls.leg = cls.make_product("Leg")
        cls.top = cls.make_product("Top")
        cls.screw = cls.make_product("Screw")
        cls.kit = cls.make_product("Kit", "KIT")
        cls.kit_listing = cls.make_listing(cls.channel, cls.kit, "KIT")
        cls.inner = cls.make_product("Inner")
        cls.other_company = cls.env["res.company"].create({"name": "Other"})

    def rows(self, listings):
        return self.env["stock.channel.availability"]._kit_components(listings)

    def recipe(self, listing):
        """Return {component: quantity}; {None: 1} is a kit of nothing stored."""
        rows = self.rows(listing)
        self.assertEqual({row[0] for row in rows} - {listing.id}, set())
        recipe = {row[1]: round(float(row[2]), 6) for row in rows}
        self.assertEqual(len(recipe), len(rows), "a component stands there twice")
        return recipe

    def delivered(self, product):
        """Return {component: quantity} per unit that a large delivery takes."""
        out = self.warehouse.out_type_id
        picking = self.env["stock.picking"].create(
            {
                "picking_type_id": out.id,
                "location_id": self.stock.id,
                "location_dest_id": self.customers.id,
                "move_ids": [
                    (
                        0,
                        0,
                        {
                            "product_id": product.id,
                            "product_uom": product.uom_id.id,
                            "product_uom_qty": MANY,
                            "location_id": self.stock.id,
                            "location_dest_id": self.customers.id,
                        },
                    )
                ],
            }
        )
        picking.action_confirm()
        taken = {}
        for move in picking.move_ids.filtered("product_id.is_storable"):
            needed = taken.get(move.product_id.id, 0.0) + move.product_qty
            taken[move.product_id.id] = needed
        return {
            product_id: round(quantity / MANY, 6)
            for product_id, quantity in taken.items()
            if quantity
        }

    def assert_recipe(self, components, listing=None):
        """Check the recipe, and that Odoo's own delivery takes the very same.

        :param dict components: {product: quantity in its own unit}.
        """
        listing = listing or self.kit_listing
        expected = {
            product.id: round(quantity, 6) for product, quantity in components.items()
        }
        self.assertEqual(self.delivered(listing.product_id), expected, "Odoo")
        self.assertEqual(self.recipe(listing), expected)

    def assert_no_kit(self, listing=None):
        self.assertEqual(self.rows(listing or self.kit_listing), [])

    def assert_nothing_stored(self):
        rows = self.rows(self.kit_listing)
        self.assertEqual([row[:2] for row in rows], [(self.kit_listing.id, None)])

    def add_line(self, bom, product, quantity, **vals):
        return self.env["mrp.bom.line"].create(
            {
                "bom_id": bom.id,
                "product_id": product.id,
                "product_qty": quantity,
                **vals,
            }
        )


@tagged("post_install", "-at_install")
class TestKitChoice(KitCase):
    """Of several recipes the one Odoo itself would take."""

    def test_product_without_a_recipe_is_no_kit(self):
        self.assert_no_kit()

    def test_recipe_for_production_makes_no_kit(self):
        self.make_kit(self.kit, {self.leg: 4}, type="normal")
        self.assert_no_kit()

    def test_recipe_for_production_hides_no_kit(self):
        self.make_kit(self.kit, {self.leg: 4}, type="normal", sequence=1)
        self.make_kit(self.kit, {self.leg: 3}, sequence=2)
        self.assert_recipe({self.leg: 3})

    def test_service_is_no_kit(self):
        self.kit.write({"is_storable": False, "type": "service"})
        self.make_kit(self.kit, {self.leg: 4})
        self.assert_no_kit()

    def test_lowest_sequence_wins(self):
        self.make_kit(self.kit, {self.leg: 4}, sequence=2)
        self.make_kit(self.kit, {self.leg: 3}, sequence=1)
        self.assert_recipe({self.leg: 3})

    def test_oldest_wins_among_equals(self):
        self.make_kit(self.kit, {self.leg: 4}, sequence=1)
        self.make_kit(self.kit, {self.leg: 3}, sequence=1)
        self.assert_recipe({self.leg: 4})

    def test_archived_recipe_is_left_out(self):
        self.make_kit(self.kit, {self.leg: 4}, sequence=1).active = False
        self.assert_no_kit()
        self.make_kit(self.kit, {self.leg: 3}, sequence=2)
        self.assert_recipe({self.leg: 3})

    def test_recipe_of_the_variant_comes_before_that_of_all(self):
        self.make_kit(self.kit, {self.leg: 4}, sequence=1)
        self.make_kit(self.kit, {self.leg: 3}, sequence=1, product_id=self.kit.id)
        self.assert_recipe({self.leg: 3})

    def test_sequence_comes_before_the_variant(self):
        self.make_kit(self.kit, {self.leg: 4}, sequence=1)
        self.make_kit(self.kit, {self.leg: 3}, sequence=2, product_id=self.kit.id)
        self.assert_recipe({self.leg: 4})

    def test_recipe_of_another_company_is_left_out(self):
        self.make_kit(
            self.kit, {self.leg: 4}, sequence=1, company_id=self.other_company.id
        )
        self.assert_no_kit()
        self.make_kit(self.kit, {self.leg: 3}, sequence=2, company_id=False)
        self.assert_recipe({self.leg: 3})

    def test_own_company_and_no_company_go_by_sequence(self):
        self.make_kit(self.kit, {self.leg: 4}, sequence=2, company_id=self.company.id)
        self.make_kit(self.kit, {self.leg: 3}, sequence=1, company_id=False)
        self.assert_recipe({self.leg: 3})

    def test_nested_kit_goes_by_the_company_of_the_recipe_above(self):
        """Odoo looks for the inner recipe in the company of the outer one only."""
        self.make_kit(self.kit, {self.inner: 2}, company_id=self.company.id)
        self.make_kit(
            self.inner, {self.leg: 4}, sequence=1, company_id=self.other_company.id
        )
        self.make_kit(self.inner, {self.leg: 3}, sequence=2, company_id=self.company.id)
        self.assert_recipe({self.leg: 6})

    def test_below_a_recipe_of_no_company_the_own_one_counts_if_it_is_first(self):
        self.make_kit(self.kit, {self.inner: 2}, company_id=False)
        self.make_kit(self.inner, {self.leg: 4}, sequence=1, company_id=self.company.id)
        self.make_kit(
            self.inner, {self.leg: 3}, sequence=2, company_id=self.other_company.id
        )
        self.assert_recipe({self.leg: 8})

    def test_below_a_recipe_of_no_company_any_company_counts(self):
        """Odoo asks for no company there, and then refuses to deliver what it found."""
        self.make_kit(self.kit, {self.inner: 2}, company_id=False)
        self.make_kit(
            self.inner, {self.leg: 4}, sequence=1, company_id=self.other_company.id
        )
        self.make_kit(self.inner, {self.leg: 3}, sequence=2, company_id=self.company.id)
        self.assertEqual(self.recipe(self.kit_listing), {self.leg.id: 8})

    def test_operation_type_of_the_outer_recipe_chooses_the_inner_one(self):
        """With an operation type above, recipes of other types are passed over."""
        out, receipt = self.warehouse.out_type_id, self.warehouse.in_type_id
        self.make_kit(self.kit, {self.inner: 2}, picking_type_id=out.id)
        self.make_kit(self.inner, {self.leg: 4}, sequence=1, picking_type_id=receipt.id)
        self.make_kit(self.inner, {self.leg: 3}, sequence=2, picking_type_id=out.id)
        self.assert_recipe({self.leg: 6})

    def test_inner_recipe_of_another_operation_type_is_found_in_the_end(self):
        """The first round leaves the inner kit; its move is then exploded again."""
        out, receipt = self.warehouse.out_type_id, self.warehouse.in_type_id
        self.make_kit(self.kit, {self.inner: 2}, picking_type_id=out.id)
        self.make_kit(self.inner, {self.leg: 4}, picking_type_id=receipt.id)
        self.assert_recipe({self.leg: 8})

    def test_several_listings_are_answered_at_once(self):
        second = self.make_product("Second", "SECOND")
        listing = self.make_listing(self.channel, second, "SECOND")
        self.make_kit(self.kit, {self.leg: 4})
        self.make_kit(second, {self.leg: 3})
        rows = self.rows(self.kit_listing | listing | self.listing)
        self.assertEqual(
            {(row[0], row[1]): float(row[2]) for row in rows},
            {
                (self.kit_listing.id, self.leg.id): 4,
                (listing.id, self.leg.id): 3,
            },
        )


@tagged("post_install", "-at_install")
class TestKitQuantities(KitCase):
    """How much of each component, to the last digit."""

    def test_components_of_one_kit(self):
        self.make_kit(self.kit, {self.leg: 4, self.top: 1})
        self.assert_recipe({self.leg: 4, self.top: 1})

    def test_kits_nest_three_deep(self):
        deepest = self.make_product("Deepest")
        self.make_kit(deepest, {self.screw: 5})
        self.make_kit(self.inner, {deepest: 3, self.leg: 1})
        self.make_kit(self.kit, {self.inner: 2, self.top: 1})
        self.assert_recipe({self.screw: 30, self.leg: 2, self.top: 1})

    def test_component_of_kit_and_inner_kit_is_summed(self):
        self.make_kit(self.inner, {self.screw: 5})
        self.make_kit(self.kit, {self.inner: 2, self.screw: 1})
        self.assert_recipe({self.screw: 11})

    def test_product_made_by_production_is_a_component(self):
        self.make_kit(self.inner, {self.screw: 5}, type="normal")
        self.make_kit(self.kit, {self.inner: 2})
        self.assert_recipe({self.inner: 2})

    def test_recipe_for_twelve_units(self):
        self.make_kit(self.kit, {self.leg: 1, self.screw: 18}, product_qty=12)
        self.assert_recipe({self.leg: 1 / 12, self.screw: 1.5})

    def test_recipe_for_a_dozen(self):
        self.make_kit(self.kit, {self.leg: 6}, product_uom_id=self.dozen.id)
        self.assert_recipe({self.leg: 0.5})

    def test_product_kept_in_dozens_with_a_recipe_for_one(self):
        self.kit.uom_id = self.dozen
        self.make_kit(self.kit, {self.leg: 2}, product_uom_id=self.unit.id)
        self.assert_recipe({self.leg: 24})

    def test_line_in_dozens(self):
        bom = self.make_kit(self.kit, {self.leg: 2})
        bom.bom_line_ids.product_uom_id = self.dozen
        self.assert_recipe({self.leg: 24})

    def test_line_in_units_of_a_product_kept_in_dozens(self):
        eggs = self.make_product("Eggs", uom_id=self.dozen.id)
        bom = self.make_kit(self.kit, {eggs: 3})
        bom.bom_line_ids.product_uom_id = self.unit
        self.assert_recipe({eggs: 0.25})

    def test_line_in_grams_of_a_product_kept_in_kilograms(self):
        flour = self.make_product("Flour", uom_id=self.kilogram.id)
        bom = self.make_kit(self.kit, {flour: 7})
        bom.bom_line_ids.product_uom_id = self.gram
        self.assert_recipe({flour: 0.007})

    def test_line_in_kilograms_of_a_product_kept_in_grams(self):
        salt = self.make_product("Salt", uom_id=self.gram.id)
        bom = self.make_kit(self.kit, {salt: 0.25})
        bom.bom_line_ids.product_uom_id = self.kilogram
        self.assert_recipe({salt: 250})

    def test_thirds_are_not_rounded(self):
        self.make_kit(self.kit, {self.leg: 1, self.top: 2}, product_qty=3)
        self.assert_recipe({self.leg: 1 / 3, self.top: 2 / 3})

    def test_fractions_of_inner_kits_are_not_rounded_on_the_way(self):
        self.make_kit(self.inner, {self.screw: 1}, product_qty=12)
        self.make_kit(self.kit, {self.inner: 1}, product_qty=5)
        self.assert_recipe({self.screw: 1 / 60})

    def test_component_on_two_lines_is_summed(self):
        bom = self.make_kit(self.kit, {self.leg: 2})
        self.add_line(bom, self.leg, 3)
        self.assert_recipe({self.leg: 5})

    def test_fractions_on_two_lines_are_rounded_up_each(self):
        """For one kit Odoo takes a hundredth too much on either line."""
        bom = self.make_kit(self.kit, {self.leg: 1}, product_qty=3)
        self.add_line(bom, self.leg, 1)
        self.assertEqual(self.recipe(self.kit_listing), {self.leg.id: 0.68})

    def test_line_of_nothing_needs_nothing(self):
        self.make_kit(self.kit, {self.leg: 0, self.top: 1})
        self.assert_recipe({self.top: 1})

    def test_what_is_not_stored_needs_nothing(self):
        service = self.make_product("Help", type="service", is_storable=False)
        glue = self.make_product("Glue", is_storable=False)
        self.make_kit(self.kit, {service: 1, glue: 3, self.leg: 4})
        self.assert_recipe({self.leg: 4})

    def test_kit_of_nothing_stored_says_so(self):
        glue = self.make_product("Glue", is_storable=False)
        self.make_kit(self.kit, {glue: 3})
        self.assert_nothing_stored()

    def test_kit_of_a_line_of_nothing_says_so(self):
        self.make_kit(self.kit, {self.leg: 0})
        self.assert_nothing_stored()

    def test_recipe_without_lines_says_so(self):
        self.make_kit(self.kit, {})
        self.assert_nothing_stored()

    def test_archived_component_is_needed_all_the_same(self):
        self.make_kit(self.kit, {self.leg: 4, self.top: 1})
        self.top.active = False
        self.assert_recipe({self.leg: 4, self.top: 1})


@tagged("post_install", "-at_install")
class TestKitVariants(KitCase):
    """Lines that count for some variants only."""

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        colours = cls.make_attribute("Colour", "Red", "Blue", "Green")
        sizes = cls.make_attribute("Size", "Small", "Big")
        woods = cls.make_attribute("Wood", "Oak", "Ash", create_variant="no_variant")
        cls.template = cls.env["product.template"].create(
            {
                "name": "Cabinet",
                "type": "consu",
                "is_storable": True,
                "attribute_line_ids": [
                    (
                        0,
                        0,
                        {
                            "attribute_id": attribute.id,
                            "value_ids": [(6, 0, attribute.value_ids.ids)],
                        },
                    )
                    for attribute in (colours, sizes, woods)
                ],
            }
        )
        cls.values = {
            value.name: value
            for value in cls.template.attribute_line_ids.product_template_value_ids
        }
        cls.by_name = {
            " ".join(
                variant.product_template_attribute_value_ids.mapped("name")
            ): cls.make_listing(cls.channel, variant, f"V{variant.id}")
            for variant in cls.template.product_variant_ids
        }

    @classmethod
    def make_attribute(cls, name, *values, create_variant="always"):
        return cls.env["product.attribute"].create(
            {
                "name": name,
                "create_variant": create_variant,
                "value_ids": [(0, 0, {"name": value}) for value in values],
            }
        )

    def make_variant_kit(self, lines, product=None):
        """:param lines: (component, quantity, names of values) for each line."""
        bom = self.make_kit(product or self.template.product_variant_ids[0], {})
        for component, quantity, names in lines:
            values = [self.values[name].id for name in names]
            self.add_line(
                bom,
                component,
                quantity,
                bom_product_template_attribute_value_ids=[(6, 0, values)],
            )
        return bom

    def test_names(self):
        self.assertEqual(len(self.by_name), 6)

    def test_line_of_one_value(self):
        self.make_variant_kit([(self.leg, 4, []), (self.top, 1, ["Red"])])
        self.assert_recipe({self.leg: 4, self.top: 1}, self.by_name["Red Small"])
        self.assert_recipe({self.leg: 4}, self.by_name["Blue Small"])

    def test_several_values_of_one_attribute_mean_any_of_them(self):
        self.make_variant_kit([(self.leg, 4, []), (self.top, 1, ["Red", "Blue"])])
        for name in ("Red Big", "Blue Big"):
            self.assert_recipe({self.leg: 4, self.top: 1}, self.by_name[name])
        self.assert_recipe({self.leg: 4}, self.by_name["Green Big"])

    def test_values_of_two_attributes_mean_both_of_them(self):
        self.make_variant_kit([(self.leg, 4, []), (self.top, 1, ["Red", "Big"])])
        self.assert_recipe({self.leg: 4, self.top: 1}, self.by_name["Red Big"])
        for name in ("Red Small", "Blue Big"):
            self.assert_recipe({self.leg: 4}, self.by_name[name])

    def test_several_values_of_two_attributes(self):
        self.make_variant_kit(
            [(self.leg, 4, []), (self.top, 1, ["Red", "Blue", "Big"])]
        )
        for name in ("Red Big", "Blue Big"):
            self.assert_recipe({self.leg: 4, self.top: 1}, self.by_name[name])
        for name in ("Red Small", "Green Big"):
            self.assert_recipe({self.leg: 4}, self.by_name[name])

    def test_line_of_a_value_without_variants_is_left_out(self):
        """No order says which wood it is, so Odoo leaves such a line out."""
        self.make_variant_kit([(self.leg, 4, []), (self.top, 1, ["Oak"])])
        self.assert_recipe({self.leg: 4}, self.by_name["Red Small"])

    def test_value_with_and_value_without_variants(self):
        self.make_variant_kit([(self.leg, 4, []), (self.top, 1, ["Red", "Oak"])])
        for name in ("Red Small", "Blue Small"):
            self.assert_recipe({self.leg: 4}, self.by_name[name])

    def test_kit_whose_lines_are_all_for_others_has_nothing(self):
        self.make_variant_kit([(self.leg, 4, ["Red"])])
        listing = self.by_name["Blue Small"]
        self.assertEqual([row[:2] for row in self.rows(listing)], [(listing.id, None)])

    def test_recipe_of_one_variant_leaves_the_others_to_the_common_one(self):
        self.make_variant_kit([(self.leg, 4, [])])
        red = self.by_name["Red Small"].product_id
        self.make_kit(red, {self.leg: 7}, product_id=red.id)
        self.assert_recipe({self.leg: 7}, self.by_name["Red Small"])
        self.assert_recipe({self.leg: 4}, self.by_name["Blue Small"])

    def test_variant_of_an_inner_kit_counts_for_its_own_lines(self):
        self.make_variant_kit([(self.leg, 4, []), (self.top, 1, ["Red"])])
        red = self.by_name["Red Small"].product_id
        blue = self.by_name["Blue Small"].product_id
        self.make_kit(self.kit, {red: 1, blue: 2})
        self.assert_recipe({self.leg: 12, self.top: 1})

    def test_line_for_some_that_leads_to_an_inner_kit(self):
        self.make_kit(self.inner, {self.screw: 5})
        self.make_variant_kit([(self.leg, 4, []), (self.inner, 2, ["Big"])])
        self.assert_recipe({self.leg: 4, self.screw: 10}, self.by_name["Red Big"])
        self.assert_recipe({self.leg: 4}, self.by_name["Red Small"])
