from datetime import UTC, datetime, timedelta

from odoo.tests import tagged

from odoo.addons.stock_channel_hub.connectors.testing.fake_rest import FakeRest

from .clock import NOON
from .count_common import CountCase


@tagged("post_install", "-at_install")
class TestCount(CountCase):
    """A reported count proposes the difference, and approving adds just that."""

    # --------------------------------------------------------- what is proposed

    def test_difference_is_proposed_and_nothing_changes(self):
        approval = self.report()
        self.assertEqual(self.lines(approval), [("DESK", "", 8.0, 10.0, -2.0, -8.0)])
        self.assertEqual(
            (approval.state, approval.kind, approval.value), ("proposed", "count", -8.0)
        )
        self.assertEqual(approval.effect, "1 of 1 items differ")
        self.assertEqual(approval.count_line_ids.on_hand_now, 10)
        self.assertEqual(self.on_hand(), 10)
        self.assertFalse(self.open_exceptions())
        self.assertEqual(self.last_message().state, "done")

    def test_approved_difference_is_applied_and_published(self):
        approval = self.report()
        self.approve(approval)
        self.assertEqual(approval.state, "applied")
        self.assertEqual(self.on_hand(), 8)
        move = approval.count_id.move_ids
        self.assertEqual(
            (move.state, move.product_qty, move.is_inventory, move.reference),
            ("done", 2.0, True, "Count C1 of Test Shop"),
        )
        self.assertEqual(move.location_dest_usage, "inventory")
        self.run_all()
        self.assertEqual(self.shown(), 8)

    def test_found_goods_are_put_where_the_place_is(self):
        self.approve(self.report(lines={"DESK": 13}))
        self.assertEqual(self.on_hand(), 13)
        quant = self.env["stock.quant"].search(
            [("product_id", "=", self.product.id), ("location_id", "=", self.stock.id)]
        )
        self.assertEqual(sum(quant.mapped("quantity")), 13)

    def test_delivery_between_count_and_approval_is_not_undone(self):
        approval = self.report()
        self.pass_time(60)
        self.ship(3)
        self.pass_time(60)
        self.assertEqual(approval.count_line_ids.on_hand_now, 7)
        self.approve(approval)
        self.assertEqual(self.on_hand(), 5)

    def test_what_moved_after_the_count_was_on_hand_then(self):
        self.pass_time(60)
        self.ship(3)
        self.finish(self.make_move(self.product, 20, self.suppliers, self.stock))
        self.pass_time(60)
        approval = self.report(counted_at="2026-11-23T12:00:00Z")
        self.assertEqual(self.lines(approval), [("DESK", "", 8.0, 10.0, -2.0, -8.0)])
        self.assertEqual(approval.count_line_ids.on_hand_now, 27)
        self.approve(approval)
        self.assertEqual(self.on_hand(), 25)

    def test_what_moved_before_the_count_is_in_it(self):
        self.ship(3)
        self.pass_time(3600)
        approval = self.report(counted_at="2026-11-23T12:30:00Z")
        self.assertEqual(self.lines(approval), [("DESK", "", 8.0, 7.0, 1.0, 4.0)])

    def test_time_zone_of_the_count_is_read(self):
        """13:30 in Helsinki is before the delivery at noon UTC, 13:30 UTC is not."""
        self.ship(3)
        self.pass_time(7200)
        early = self.report(counted_at="2026-11-23T13:30:00+02:00")
        self.assertEqual(str(early.counted_at), "2026-11-23 11:30:00")
        self.assertEqual(early.count_line_ids.expected_qty, 10)
        late = self.report("C2", counted_at="2026-11-23T13:30:00Z")
        self.assertEqual(late.count_line_ids.expected_qty, 7)

    def test_moves_between_shelves_of_the_place_do_not_count(self):
        self.pass_time(60)
        self.finish(self.make_move(self.product, 4, self.stock, self.shelf))
        approval = self.report()
        self.assertEqual(approval.count_line_ids.expected_qty, 10)

    def test_count_that_agrees_proposes_nothing(self):
        self.assertFalse(self.report(lines={"DESK": 10}))
        self.assertEqual(self.last_message().note, "Count C1 agrees with the stock.")

    def test_largest_difference_in_value_comes_first(self):
        lamp = self.make_product("Lamp", standard_price=100.0)
        self.make_listing(self.channel, lamp, "LAMP")
        approval = self.report(lines={"DESK": 8, "LAMP": 1})
        self.assertEqual(
            self.lines(approval),
            [
                ("LAMP", "", 1.0, 0.0, 1.0, 100.0),
                ("DESK", "", 8.0, 10.0, -2.0, -8.0),
            ],
        )
        self.assertEqual(approval.value, 92.0)

    def test_open_deliveries_and_held_back_goods_are_shown_beside(self):
        damaged = self.env["stock.location"].create(
            {
                "name": "Damaged",
                "location_id": self.stock.id,
                "stock_condition": "damaged",
            }
        )
        self.receive(self.product, 5, damaged)
        owner = self.env["res.partner"].create({"name": "Somebody Else"})
        self.receive(self.product, 7, owner_id=owner)
        move = self.make_move(self.product, 2, self.stock, self.customers)
        move._action_assign()
        line = self.report().count_line_ids
        self.assertEqual((line.expected_qty, line.on_hand_now), (10, 10))
        self.assertEqual((line.open_qty, line.unavailable_qty), (2, 12))

    # ------------------------------------------------------------------ units

    def test_packs_are_converted_and_units_may_be_mixed(self):
        pack = self.env["uom.uom"].create(
            {
                "name": "Case of 5",
                "relative_factor": 5,
                "relative_uom_id": self.product.uom_id.id,
            }
        )
        self.listing.uom_id = pack
        approval = self.report(
            lines=[
                {"sku": "DESK", "quantity": "1"},
                {"sku": "DESK", "quantity": "3", "unit": self.product.uom_id.name},
            ]
        )
        self.assertEqual(self.lines(approval), [("DESK", "", 8.0, 10.0, -2.0, -8.0)])
        self.assertEqual(
            approval.count_line_ids.told,
            f"1 Case of 5 + 3 {self.product.uom_id.name}",
        )

    def test_two_listings_of_one_product_are_counted_together(self):
        self.make_listing(self.channel, self.product, "DESK-B")
        approval = self.report(lines={"DESK": 5, "DESK-B": 4})
        self.assertEqual(
            self.lines(approval), [("DESK, DESK-B", "", 9.0, 10.0, -1.0, -4.0)]
        )

    def test_item_that_cannot_be_applied_stops_no_other(self):
        lamp = self.make_product("Lamp")
        self.make_listing(self.channel, lamp, "LAMP")
        approval = self.report(
            lines=[
                {"sku": "LAMP", "quantity": "3", "unit": "kg"},
                {"sku": "DESK", "quantity": "8"},
            ]
        )
        self.assertEqual(self.issues(approval), [("LAMP", "unit")])
        self.assertEqual(approval.effect, "1 of 2 items differ, 1 cannot be applied")
        exception = self.open_exceptions()
        self.assertEqual((exception.category, exception.value), ("data", "LAMP"))
        self.assertEqual(
            exception.cause,
            "LAMP: It was counted in kg, which does not convert to the selling unit "
            "Units.",
        )
        self.approve(approval)
        self.assertEqual((self.on_hand(), self.on_hand(lamp)), (8, 0))

    def test_one_bad_line_of_a_product_holds_all_of_it(self):
        approval = self.report(
            lines=[
                {"sku": "DESK", "quantity": "8"},
                {"sku": "DESK", "quantity": "1", "unit": "kg"},
            ]
        )
        self.assertEqual(self.issues(approval), [("DESK", "unit")])
        self.assertEqual(approval.value, 0)

    def test_kit_is_refused_with_words(self):
        lamp = self.make_product("Lamp")
        self.make_listing(self.channel, lamp, "SET")
        self.make_kit(lamp, {self.product: 2})
        approval = self.report(lines={"SET": 3})
        self.assertEqual(self.issues(approval), [("SET", "kit")])
        self.assertEqual(
            approval.count_line_ids.issue_note,
            "A kit is not counted itself: count its parts.",
        )
        self.assertEqual(
            approval.left_out, "SET: A kit is not counted itself: count its parts."
        )

    def test_service_and_fraction_are_refused(self):
        fee = self.make_product("Fee", type="service", is_storable=False)
        self.make_listing(self.channel, fee, "FEE")
        approval = self.report(lines={"FEE": 1, "DESK": "1.0001"})
        self.assertEqual(
            sorted(self.issues(approval)),
            [("DESK", "precision"), ("FEE", "not_stored")],
        )

    def test_sku_of_several_items_is_refused(self):
        lamp = self.make_product("Lamp")
        self.listing.item_id = "1"
        self.make_listing(self.channel, lamp, "DESK", item_id="2")
        approval = self.report()
        self.assertEqual(
            self.issues(approval), [("DESK", "ambiguous"), ("DESK", "ambiguous")]
        )

    # ------------------------------------------------------------------- maps

    def test_unknown_sku_waits_for_its_map_and_heals(self):
        self.assertFalse(self.report(lines={"DESK": 8, "LAMP": 2}))
        exception = self.open_exceptions()
        self.assertEqual(
            (exception.category, exception.mapping_kind, exception.value),
            ("mapping", "item", "LAMP"),
        )
        self.pass_time(60)
        self.ship(3)
        lamp = self.make_product("Lamp")
        self.make_listing(self.channel, lamp, "LAMP")
        self.run_inbox()
        self.assertFalse(self.open_exceptions())
        self.assertEqual(
            sorted(line[:5] for line in self.lines(self.proposal())),
            [("DESK", "", 8.0, 10.0, -2.0), ("LAMP", "", 2.0, 0.0, 2.0)],
        )

    def test_unknown_place_waits_for_its_map_and_heals(self):
        self.assertFalse(self.report(location_id="shop"))
        exception = self.open_exceptions()
        self.assertEqual(
            (exception.mapping_kind, exception.value), ("location", "shop")
        )
        store = self.env["stock.warehouse"].create({"name": "Store", "code": "STOR"})
        self.make_place(self.channel, "shop", store.lot_stock_id)
        self.run_inbox()
        self.assertFalse(self.open_exceptions())
        self.assertEqual(self.proposal().count_line_ids.difference_qty, 8)

    def test_place_of_several_stock_locations_needs_a_person(self):
        other = self.env["stock.location"].create(
            {"name": "Annex", "location_id": self.warehouse.view_location_id.id}
        )
        self.place.location_ids |= other
        self.assertFalse(self.report())
        self.assertIn("several stock locations", self.open_exceptions().cause)
        self.place.location_ids -= other
        self.run_inbox()
        self.assertFalse(self.open_exceptions())
        self.assertEqual(self.proposal().count_line_ids.difference_qty, -2)

    def test_place_shared_with_another_channel_needs_a_person(self):
        other = self.make_channel(name="Other Shop")
        self.make_place(other, "there", self.shelf)
        self.assertFalse(self.report())
        self.assertIn("there (Other Shop)", self.open_exceptions().cause)

    # ------------------------------------------------------------------- times

    def test_count_from_the_future_needs_a_person(self):
        self.assertFalse(self.report(counted_at="2026-11-23T12:06:00Z"))
        exception = self.open_exceptions()
        self.assertEqual((exception.category, exception.field), ("data", "counted_at"))
        self.assertIn("in the future", exception.cause)

    def test_clock_that_runs_a_little_ahead_is_taken_as_now(self):
        approval = self.report(counted_at="2026-11-23T12:04:00Z")
        self.assertEqual(approval.counted_at, NOON)

    def test_count_older_than_a_month_needs_a_person(self):
        self.assertFalse(self.report(counted_at="2026-10-24T11:59:59Z"))
        self.assertIn("After 30 days", self.open_exceptions().cause)
        self.assertTrue(self.report("C2", counted_at="2026-10-24T12:00:00Z"))

    # ------------------------------------------------------------------ repeats

    def test_replay_is_a_no_op(self):
        approval = self.report()
        again = self.report(key="another delivery")
        self.assertEqual(again, approval)
        self.assertEqual(self.last_message().note, "Known already; nothing to do.")
        self.approve(approval)
        self.assertEqual(self.report(key="a third"), approval)
        self.assertEqual(self.on_hand(), 8)

    def test_same_id_with_other_content_is_an_exception(self):
        approval = self.report()
        self.report(lines={"DESK": 7}, key="another delivery")
        exception = self.open_exceptions()
        self.assertEqual((exception.category, exception.value), ("data", "C1"))
        self.assertEqual(self.proposal(), approval)
        self.assertEqual(self.lines(approval)[0][2], 8)

    def test_later_count_withdraws_the_older_one(self):
        first = self.report()
        second = self.report("C2", {"DESK": 9}, counted_at="2026-11-23T11:30:00Z")
        self.assertEqual((first.state, second.state), ("withdrawn", "proposed"))
        self.assertEqual(
            first.outcome, "Counted again in C2 at 2026-11-23 11:30:00 UTC."
        )
        self.approve(second)
        self.assertEqual(self.on_hand(), 9)

    def test_later_count_that_agrees_withdraws_the_older_one(self):
        first = self.report()
        self.assertFalse(
            self.report("C2", {"DESK": 10}, counted_at="2026-11-23T11:30:00Z")
        )
        self.assertEqual(first.state, "withdrawn")

    def test_count_of_other_goods_withdraws_nothing(self):
        lamp = self.make_product("Lamp")
        self.make_listing(self.channel, lamp, "LAMP")
        first = self.report()
        second = self.report("C2", {"LAMP": 2}, counted_at="2026-11-23T11:30:00Z")
        self.assertEqual((first.state, second.state), ("proposed", "proposed"))

    def test_what_was_not_counted_again_is_proposed_anew(self):
        lamp = self.make_product("Lamp")
        self.make_listing(self.channel, lamp, "LAMP")
        first = self.report(lines={"DESK": 8, "LAMP": 2})
        self.report("C2", {"DESK": 9}, counted_at="2026-11-23T11:30:00Z")
        self.assertEqual(first.state, "withdrawn")
        rest = self.proposal("C1")
        self.assertEqual(rest.state, "proposed")
        self.assertEqual(self.issues(rest), [("DESK", "counted_later")])
        self.assertFalse(self.open_exceptions())
        self.approve(rest)
        self.assertEqual((self.on_hand(), self.on_hand(lamp)), (10, 2))

    def test_older_count_that_comes_late_is_withdrawn_at_once(self):
        second = self.report("C2", {"DESK": 9}, counted_at="2026-11-23T11:30:00Z")
        first = self.report()
        self.assertEqual((first.state, second.state), ("withdrawn", "proposed"))
        self.assertEqual(
            first.outcome, "Everything was counted again later: Counted again in C2."
        )
        self.assertEqual(
            self.last_message().note, "Count C1 was overtaken by a later one."
        )

    def test_difference_found_twice_is_applied_once(self):
        """The second count was made before anybody agreed to the first."""
        first = self.report()
        self.pass_time(600)
        self.approve(first)
        self.pass_time(600)
        second = self.report("C2", counted_at="2026-11-23T12:05:00Z")
        self.assertFalse(second)
        self.assertEqual(self.on_hand(), 8)

    def test_count_older_than_an_applied_one_is_not_applied(self):
        self.approve(self.report("C2", counted_at="2026-11-23T11:30:00Z"))
        first = self.report()
        self.assertEqual(first.state, "withdrawn")
        self.assertEqual(self.on_hand(), 8)

    def test_second_company_has_stock_and_costs_of_its_own(self):
        company = self.env["res.company"].create({"name": "Second"})
        warehouse = self.env["stock.warehouse"].search(
            [("company_id", "=", company.id)], limit=1
        )
        channel = self.make_channel(name="Second Shop", company_id=company.id)
        self.make_place(channel, "main", warehouse.lot_stock_id)
        self.make_listing(channel, self.product, "DESK")
        self.product.with_company(company).standard_price = 7.0
        self.receive(self.product, 3, warehouse.lot_stock_id)
        self.shops[channel.id] = FakeRest(lambda: datetime.now(UTC))
        first = self.report()
        second = self.report("S1", {"DESK": 1}, channel=channel)
        self.assertEqual(self.lines(second), [("DESK", "", 1.0, 3.0, -2.0, -14.0)])
        approver = self.make_user(
            "group_approver",
            company_ids=[(6, 0, company.ids)],
            company_id=company.id,
        )
        mine = self.env["stock.channel.approval"].with_user(approver).search([])
        self.assertEqual(mine, second)
        self.approve(second, approver)
        move = second.count_id.move_ids
        self.assertEqual((move.company_id, move.product_qty), (company, 2))
        self.assertEqual((self.on_hand(), first.state), (10, "proposed"))
        self.assertEqual(first.count_line_ids.value, -8)
        self.assertEqual(
            self.product.with_context(location=warehouse.lot_stock_id.id).qty_available,
            1,
        )

    def test_same_second_belongs_to_the_time_before(self):
        self.ship(3)
        self.go_to(NOON + timedelta(hours=1))
        approval = self.report(counted_at="2026-11-23T12:00:00.900Z")
        self.assertEqual(approval.count_line_ids.expected_qty, 7)
