from datetime import timedelta

from odoo import fields
from odoo.tests import tagged

from .common import HubCase


@tagged("post_install", "-at_install")
class TestAvailability(HubCase):
    """Each part of the number, and what it must not contain."""

    def assert_numbers(self, listing=None, place=None, **expected):
        numbers = self.numbers(listing, place)
        self.assertEqual({name: numbers[name] for name in expected}, expected)

    # ------------------------------------------------------------- on hand

    def test_stock_below_the_mapped_location_counts(self):
        self.receive(self.product, 3)
        self.receive(self.product, 4, self.shelf)
        self.assert_numbers(on_hand=7, wire=7)

    def test_overlapping_mapped_locations_count_once(self):
        self.place.location_ids = self.stock | self.shelf
        self.receive(self.product, 4, self.shelf)
        self.assert_numbers(on_hand=4)

    def test_stock_elsewhere_in_the_warehouse_does_not_count(self):
        self.receive(self.product, 4, self.warehouse.wh_input_stock_loc_id)
        self.assert_numbers(on_hand=0, wire=0)

    def test_several_quants_of_one_shelf_are_summed(self):
        for quantity in (3, 4, -1):
            self.env["stock.quant"].sudo().create(
                {
                    "product_id": self.product.id,
                    "location_id": self.shelf.id,
                    "quantity": quantity,
                }
            )
        self.assert_numbers(on_hand=6)

    def test_negative_stock_is_never_published(self):
        self.receive(self.product, -2)
        self.assert_numbers(on_hand=-2, sellable=-2, published=0, wire=0)

    # --------------------------------------------------------- unavailable

    def test_condition_of_a_location_is_inherited_and_overridden(self):
        bin_in_shelf = self.env["stock.location"].create(
            {"name": "Bin", "location_id": self.shelf.id}
        )
        self.receive(self.product, 5, bin_in_shelf)
        self.shelf.stock_condition = "damaged"
        self.assert_numbers(on_hand=0, unavailable=5)
        bin_in_shelf.stock_condition = "sellable"
        self.assert_numbers(on_hand=5, unavailable=0)

    def test_what_is_reserved_on_a_damaged_shelf_is_not_subtracted(self):
        self.receive(self.product, 5, self.shelf)
        move = self.make_move(self.product, 2, self.shelf, self.customers)
        move._action_assign()
        self.receive(self.product, 3)
        self.shelf.stock_condition = "damaged"
        self.assert_numbers(on_hand=3, unavailable=5, reserved=0, wire=3)

    def test_goods_of_a_third_party_are_not_offered(self):
        owner = self.env["res.partner"].create({"name": "Somebody Else"})
        self.receive(self.product, 5, owner_id=owner)
        self.receive(self.product, 2, owner_id=self.company.partner_id)
        self.assert_numbers(on_hand=2, unavailable=5)

    def test_expired_lots_are_not_offered(self):
        product = self.make_product("Yoghurt", "YOG", tracking="lot")
        product.use_expiration_date = True
        listing = self.make_listing(self.channel, product, "YOG")
        now = fields.Datetime.now()
        for name, days, quantity in (("old", -1, 5), ("new", 30, 3)):
            lot = self.env["stock.lot"].create(
                {
                    "name": name,
                    "product_id": product.id,
                    "expiration_date": now + timedelta(days=days + 5),
                    "removal_date": now + timedelta(days=days),
                }
            )
            self.receive(product, quantity, lot_id=lot)
        self.assert_numbers(listing, on_hand=3, unavailable=5, wire=3)

    # ------------------------------------------------------ reserved, owed

    def test_reserved_is_subtracted_once(self):
        self.receive(self.product, 10)
        move = self.make_move(self.product, 4, self.stock, self.customers)
        move._action_assign()
        self.assert_numbers(reserved=4, owed=0, wire=6)

    def test_confirmed_but_unreserved_demand_is_owed(self):
        self.receive(self.product, 10)
        self.make_move(self.product, 4, self.stock, self.customers)
        self.assert_numbers(on_hand=10, reserved=0, owed=4, wire=6)

    def test_partly_reserved_demand_is_owed_for_the_rest(self):
        self.receive(self.product, 3)
        move = self.make_move(self.product, 5, self.stock, self.customers)
        move._action_assign()
        self.assertEqual(move.state, "partially_available")
        self.assert_numbers(on_hand=3, reserved=3, owed=2, sellable=-2, wire=0)

    def test_demand_at_the_parent_counts_in_full_at_every_shelf_below(self):
        other = self.env["stock.location"].create(
            {"name": "Shelf B", "location_id": self.stock.id}
        )
        self.place.location_ids = self.shelf
        second = self.make_place(self.channel, "second", other)
        self.receive(self.product, 10, self.shelf)
        self.receive(self.product, 10, other)
        self.make_move(self.product, 4, self.stock, self.customers)
        self.assert_numbers(owed=4, wire=6)
        self.assert_numbers(place=second, owed=4, wire=6)

    def test_demand_at_the_parent_of_two_mapped_shelves_counts_once(self):
        other = self.env["stock.location"].create(
            {"name": "Shelf B", "location_id": self.stock.id}
        )
        self.place.location_ids = self.shelf | other
        self.receive(self.product, 10, self.shelf)
        self.make_move(self.product, 4, self.stock, self.customers)
        self.assert_numbers(owed=4, wire=6)

    def test_moves_within_the_mapped_locations_owe_nothing(self):
        self.receive(self.product, 10)
        self.make_move(self.product, 4, self.stock, self.shelf)
        self.assert_numbers(owed=0, wire=10)

    def test_moves_to_another_place_are_owed(self):
        self.receive(self.product, 10)
        self.make_move(self.product, 4, self.stock, self.warehouse.wh_qc_stock_loc_id)
        self.assert_numbers(owed=4, wire=6)

    def test_the_final_destination_counts_not_the_next_step(self):
        """A pick to Output stays in the warehouse and is for a customer all the same."""
        self.warehouse.delivery_steps = "pick_ship"
        self.place.location_ids = self.warehouse.view_location_id
        self.receive(self.product, 10)
        order = self.order()
        pick = order.sale_order_id.picking_ids
        self.assertEqual(
            pick.move_ids.location_dest_id, self.warehouse.wh_output_stock_loc_id
        )
        pick.do_unreserve()
        self.assert_numbers(reserved=0, owed=2, wire=8)

    def test_goods_in_transit_below_a_mapped_location_count_nowhere(self):
        truck = self.env["stock.location"].create(
            {"name": "Truck", "usage": "transit", "location_id": self.stock.id}
        )
        self.receive(self.product, 3)
        self.receive(self.product, 4, truck)
        self.assert_numbers(on_hand=3, unavailable=0, wire=3)

    def test_two_step_delivery_counts_once(self):
        self.warehouse.delivery_steps = "pick_ship"
        self.receive(self.product, 10)
        order = self.order()
        pick = order.sale_order_id.picking_ids
        pick.move_ids.picked = True
        pick.button_validate()
        self.assert_numbers(on_hand=8, reserved=0, owed=0, wire=8)

    def test_make_to_order_moves_owe_nothing(self):
        self.receive(self.product, 10)
        receipt = self.make_move(self.product, 4, self.suppliers, self.stock)
        self.make_move(
            self.product,
            4,
            self.stock,
            self.customers,
            procure_method="make_to_order",
            move_orig_ids=[(4, receipt.id)],
        )
        self.assert_numbers(owed=0, wire=10)

    def test_goods_that_came_for_an_order_are_owed_to_it(self):
        """Made to order, arrived, and somebody took the reservation off."""
        receipt = self.make_move(self.product, 4, self.suppliers, self.stock)
        delivery = self.make_move(
            self.product,
            4,
            self.stock,
            self.customers,
            procure_method="make_to_order",
            move_orig_ids=[(4, receipt.id)],
        )
        self.finish(receipt)
        self.assertEqual(delivery.state, "assigned")
        delivery._do_unreserve()
        self.assert_numbers(on_hand=4, reserved=0, owed=4, wire=0)

    def test_production_components_are_owed(self):
        finished = self.make_product("Cabinet")
        self.make_kit(finished, {self.product: 2}, type="normal")
        self.receive(self.product, 10)
        production = self.env["mrp.production"].create(
            {
                "product_id": finished.id,
                "product_qty": 3,
                "picking_type_id": self.warehouse.manu_type_id.id,
            }
        )
        production.action_confirm()
        numbers = self.numbers()
        self.assertEqual(numbers["reserved"] + numbers["owed"], 6)
        self.assertEqual(numbers["wire"], 4)

    def test_expected_receipts_are_not_offered(self):
        self.make_move(self.product, 4, self.suppliers, self.stock)
        self.assert_numbers(on_hand=0, owed=0, wire=0)

    # ------------------------------------------------------------ in flight

    def test_order_waiting_for_a_person_stays_in_flight(self):
        self.receive(self.product, 10)
        self.order(
            lines=[
                self.line_data("1", "DESK", 2),
                self.line_data("2", "UNKNOWN", 1),
            ]
        )
        self.assert_numbers(reserved=0, in_flight=2, wire=8)

    def test_in_flight_counts_at_every_channel_that_offers_the_shelf(self):
        self.receive(self.product, 10, self.shelf)
        other = self.make_channel(name="Other")
        self.shops[other.id] = self.shop
        place = self.make_place(other, "main", self.shelf)
        listing = self.make_listing(other, self.product, "DESK")
        other.action_go_shadow()
        self.order(
            lines=[
                self.line_data("1", "DESK", 2),
                self.line_data("2", "UNKNOWN", 1),
            ]
        )
        self.assert_numbers(listing, place, in_flight=2, wire=8)

    def test_in_flight_kit_counts_its_components(self):
        kit = self.make_product("Desk Set", "SET")
        self.make_kit(kit, {self.product: 2})
        self.make_listing(self.channel, kit, "SET")
        self.receive(self.product, 10)
        self.order(
            lines=[self.line_data("1", "SET", 3), self.line_data("2", "UNKNOWN", 1)]
        )
        self.assert_numbers(in_flight=6, wire=4)

    def test_order_without_a_location_is_taken_from_the_first(self):
        south = self.env["stock.warehouse"].create({"name": "South", "code": "HUBS"})
        second = self.make_place(self.channel, "south", south.lot_stock_id, sequence=20)
        self.receive(self.product, 10)
        self.receive(self.product, 10, south.lot_stock_id)
        self.order(
            lines=[
                self.line_data("1", "DESK", 2, location_id=""),
                self.line_data("2", "UNKNOWN", 1),
            ]
        )
        self.assert_numbers(in_flight=2)
        self.assert_numbers(place=second, in_flight=0)

    # ----------------------------------------------------------------- kits

    def test_kit_is_limited_by_its_scarcest_component(self):
        screw = self.make_product("Screw")
        kit = self.make_product("Desk Set", "SET")
        self.make_kit(kit, {self.product: 2, screw: 8})
        listing = self.make_listing(self.channel, kit, "SET")
        self.receive(self.product, 7)
        self.receive(screw, 20)
        (row,) = self.env["stock.channel.availability"]._compute_numbers(listing)
        self.assertEqual(row["wire"], 2)
        self.assertEqual(row["limiting_product_id"], screw.id)

    def test_kits_nest(self):
        inner = self.make_product("Inner Kit")
        outer = self.make_product("Outer Kit", "OUTER")
        self.make_kit(inner, {self.product: 2})
        self.make_kit(outer, {inner: 3})
        listing = self.make_listing(self.channel, outer, "OUTER")
        self.receive(self.product, 13)
        self.assert_numbers(listing, wire=2)

    def test_kit_components_are_counted_in_their_own_unit(self):
        kit = self.make_product("Dozen of Desks", "TWELVE")
        bom = self.make_kit(kit, {self.product: 1})
        bom.bom_line_ids.product_uom_id = self.env.ref("uom.product_uom_dozen")
        listing = self.make_listing(self.channel, kit, "TWELVE")
        self.receive(self.product, 25)
        self.assert_numbers(listing, wire=2)

    def test_services_in_a_kit_limit_nothing(self):
        service = self.make_product("Assembly", type="service", is_storable=False)
        kit = self.make_product("Desk Set", "SET")
        self.make_kit(kit, {self.product: 1, service: 1})
        listing = self.make_listing(self.channel, kit, "SET")
        self.receive(self.product, 3)
        self.assert_numbers(listing, wire=3)

    def test_component_change_touches_its_kits_only(self):
        kit = self.make_product("Desk Set", "SET")
        self.make_kit(kit, {self.product: 2})
        listing = self.make_listing(self.channel, kit, "SET")
        other = self.make_listing(self.channel, self.make_product("Lamp"), "LAMP")
        touched = self.env["stock.channel.availability"]._touched_by([self.product.id])
        self.assertEqual(set(touched), {(self.listing.id,), (listing.id,)})
        self.assertNotIn((other.id,), touched)

    # ---------------------------------------------------------------- units

    def test_case_packs_are_whole(self):
        dozen = self.env.ref("uom.product_uom_dozen")
        listing = self.make_listing(
            self.channel, self.product, "DESK-12", uom_id=dozen.id
        )
        self.receive(self.product, 35)
        self.assert_numbers(listing, on_hand=35, published=2, wire=2)

    def test_single_units_of_a_product_kept_in_dozens(self):
        dozen = self.env.ref("uom.product_uom_dozen")
        unit = self.env.ref("uom.product_uom_unit")
        product = self.make_product("Eggs", uom_id=dozen.id)
        listing = self.make_listing(self.channel, product, "EGG", uom_id=unit.id)
        self.receive(product, 3)
        self.assert_numbers(listing, on_hand=3, wire=36)

    def test_weights_keep_their_decimals_rounded_down(self):
        product = self.make_product(
            "Flour", uom_id=self.env.ref("uom.product_uom_kgm").id
        )
        self.env["decimal.precision"].search([("name", "=", "Product Unit")]).digits = 4
        listing = self.make_listing(self.channel, product, "FLOUR")
        self.assertFalse(listing.is_whole_units)
        self.receive(product, 2.7509)
        self.assert_numbers(listing, wire=2.75)

    # ------------------------------------------------------------- physical

    def make_physical(self):
        """Let the test's channel count the way Medusa does.

        Only the meaning of its numbers: it keeps talking to the fake shop.
        """
        self.env.flush_all()
        self.env.cr.execute(
            "UPDATE stock_channel SET quantity_meaning = 'physical' WHERE id = %s",
            [self.channel.id],
        )
        self.env.invalidate_all()

    def test_meaning_follows_the_connector(self):
        self.assertEqual(self.channel.quantity_meaning, "sellable")
        self.channel.connector = "medusa"
        self.assertEqual(self.channel.quantity_meaning, "physical")

    def test_physical_channel_gets_its_own_open_orders_back(self):
        self.make_physical()
        self.receive(self.product, 10)
        order = self.order()
        self.assert_numbers(published=8, own_open=2, wire=10)
        order.line_ids.taken_qty = 2
        order.line_ids.reported_qty = 2
        self.assert_numbers(published=8, own_open=0, wire=8)

    def test_channel_that_names_no_location_subtracts_all_the_same(self):
        """Or what it sold would be taken off twice until it is shipped."""
        self.make_physical()
        self.receive(self.product, 10)
        order = self.order(lines=[self.line_data("1", "DESK", 2, location_id="")])
        self.assertFalse(order.line_ids.assigned_location_id)
        self.assertEqual(order.line_ids.channel_location_id, self.place)
        self.assert_numbers(published=8, own_open=2, wire=10)
        order.line_ids.taken_qty = 2
        order.line_ids.reported_qty = 2
        self.assert_numbers(published=8, own_open=0, wire=8)

    def test_other_orders_are_not_the_channels_own(self):
        self.make_physical()
        self.receive(self.product, 10)
        self.make_move(self.product, 4, self.stock, self.customers)
        self.assert_numbers(owed=4, own_open=0, wire=6)

    def test_in_flight_order_of_a_physical_channel_changes_no_number(self):
        self.make_physical()
        self.receive(self.product, 10)
        self.order(
            lines=[self.line_data("1", "DESK", 2), self.line_data("2", "UNKNOWN", 1)]
        )
        self.assert_numbers(in_flight=2, own_open=2, published=8, wire=10)

    def test_cancelled_order_stays_open_until_its_goods_are_released(self):
        """Between hearing of a cancellation and applying it the number would dip."""
        self.make_physical()
        self.receive(self.product, 10)
        order = self.order(lines=[self.line_data("1", "DESK", 8)])
        order.line_ids.cancelled_qty = 8
        self.assert_numbers(reserved=8, published=2, own_open=8, wire=10)
        self.order(
            version=2, status="cancelled", lines=[self.line_data("1", "DESK", 8)]
        )
        self.assert_numbers(reserved=0, published=10, own_open=0, wire=10)

    def test_shipped_goods_of_a_cancelled_order_are_not_given_back(self):
        self.make_physical()
        self.receive(self.product, 10)
        order = self.order(lines=[self.line_data("1", "DESK", 8)])
        picking = order.sale_order_id.picking_ids
        picking.move_ids.picked = True
        picking.button_validate()
        self.assert_numbers(on_hand=2, own_open=8, wire=10)
        self.order(
            version=2, status="cancelled", lines=[self.line_data("1", "DESK", 8)]
        )
        self.assert_numbers(on_hand=2, own_open=0, wire=2)

    def test_what_the_channel_says_has_left_is_no_more_its_own_open(self):
        """It takes off three; with five given back it showed two that are sold."""
        self.make_physical()
        self.receive(self.product, 10)
        self.order(lines=[self.line_data("1", "DESK", 5)])
        line = self.line_data("1", "DESK", 5, fulfilled_quantity="2")
        order = self.order(version=2, lines=[line])
        self.assertEqual(order.line_ids.reported_qty, 0)
        self.assert_numbers(reserved=5, published=5, own_open=3, wire=8)
        # The rest is cancelled, and not released here yet.
        order.line_ids.cancelled_qty = 3
        self.assert_numbers(reserved=5, published=5, own_open=3, wire=8)

    def test_location_the_channel_stops_naming_still_holds(self):
        self.make_physical()
        self.receive(self.product, 10)
        order = self.order()
        self.order(version=2, lines=[self.line_data("1", "DESK", 2, location_id="")])
        self.assertEqual(order.line_ids.assigned_location_id, self.place)
        self.assert_numbers(own_open=2, wire=10)
