from odoo.exceptions import UserError
from odoo.tests import tagged

from .count_common import CountCase


@tagged("post_install", "-at_install")
class TestCountApply(CountCase):
    """Between proposal and approval things change: nothing wrong is ever applied."""

    def refused(self, approval):
        """Approve what no longer holds; returns the reason."""
        self.approve(approval)
        self.assertEqual(approval.state, "stale")
        self.assertFalse(approval.count_id.move_ids)
        return approval.outcome

    # ------------------------------------------------------------------- stale

    def test_more_is_missing_than_is_there_now(self):
        approval = self.report(lines={"DESK": 2})
        self.pass_time(60)
        self.ship(5)
        self.assertEqual(
            self.refused(approval),
            "DESK: 8 are to be taken away and only 5 are on hand now. Have it counted "
            "again.",
        )
        self.assertEqual(self.on_hand(), 5)
        exception = self.open_exceptions()
        self.assertEqual(
            (exception.category, exception.cause), ("approval", approval.outcome)
        )

    def test_one_row_that_does_not_hold_stops_all_of_them(self):
        lamp = self.make_product("Lamp")
        self.make_listing(self.channel, lamp, "LAMP")
        approval = self.report(lines={"DESK": 2, "LAMP": 4})
        self.pass_time(60)
        self.ship(5)
        self.refused(approval)
        self.assertEqual((self.on_hand(), self.on_hand(lamp)), (5, 0))

    def test_correction_by_hand_since_is_not_done_twice(self):
        approval = self.report()
        self.pass_time(60)
        quant = self.env["stock.quant"].search(
            [("product_id", "=", self.product.id), ("location_id", "=", self.stock.id)]
        )
        quant.inventory_quantity = 8
        quant.action_apply_inventory()
        self.assertIn("was corrected in Odoo", self.refused(approval))
        self.assertEqual(self.on_hand(), 8)
        again = self.report("C2", {"DESK": 7})
        self.assertEqual(self.issues(again), [("DESK", "adjusted")])

    def test_transfer_dated_back_changes_what_was_there_then(self):
        approval = self.report()
        self.pass_time(60)
        move = self.ship(3)
        move.move_line_ids.date = move.date = "2026-11-23 10:00:00"
        self.assertIn("and 7 by what is known now", self.refused(approval))
        self.assertEqual(self.on_hand(), 7)

    def test_place_that_means_another_location(self):
        approval = self.report()
        store = self.env["stock.warehouse"].create({"name": "Store", "code": "STOR"})
        self.place.location_ids = store.lot_stock_id
        self.assertIn("not what was proposed", self.refused(approval))
        self.assertEqual(self.on_hand(), 10)

    def test_place_that_is_shared_by_now(self):
        approval = self.report()
        other = self.make_channel(name="Other Shop")
        self.make_place(other, "there", self.shelf)
        self.assertIn("feeds other channel locations too", self.refused(approval))
        self.assertEqual(self.on_hand(), 10)

    def test_sku_that_means_another_product(self):
        approval = self.report()
        lamp = self.make_product("Lamp")
        self.receive(lamp, 10)
        self.listing.product_id = lamp
        self.assertIn("The map of DESK", self.refused(approval))
        self.assertEqual((self.on_hand(), self.on_hand(lamp)), (10, 10))

    def test_sku_that_is_counted_in_another_unit(self):
        approval = self.report()
        self.listing.uom_id = self.env.ref("uom.product_uom_dozen")
        self.assertIn("The map of DESK", self.refused(approval))
        self.assertEqual(self.on_hand(), 10)

    def test_archived_listing(self):
        approval = self.report()
        self.listing.active = False
        self.assertIn("Unknown item", self.refused(approval))
        self.assertEqual(self.on_hand(), 10)

    def test_outdated_proposal_is_proposed_again_with_fresh_values(self):
        approval = self.report(lines={"DESK": 2})
        self.pass_time(60)
        self.ship(5)
        self.refused(approval)
        self.finish(self.make_move(self.product, 20, self.suppliers, self.stock))
        manager = self.make_user("group_manager")
        approval.with_user(manager).action_propose_again()
        again = self.proposal()
        self.assertEqual((again.state, again.requested_by_id), ("proposed", manager))
        self.assertFalse(self.open_exceptions())
        self.approve(again)
        self.assertEqual(self.on_hand(), 17)
        self.assertEqual(approval.state, "stale")

    # ------------------------------------------------------------ what is taken

    def test_goods_nobody_has_reserved_are_taken_first(self):
        self.receive(self.product, 4, self.shelf)
        move = self.make_move(self.product, 9, self.stock, self.customers)
        move._action_assign()
        self.approve(self.report(lines={"DESK": 9}))
        self.assertEqual(
            (self.on_hand(), move.quantity, move.state), (9, 9, "assigned")
        )
        self.assertEqual(move.move_line_ids.location_id, self.stock)

    def test_more_missing_than_is_free_takes_the_reservation(self):
        move = self.make_move(self.product, 9, self.stock, self.customers)
        move._action_assign()
        self.approve(self.report(lines={"DESK": 4}))
        self.assertEqual(
            (self.on_hand(), move.quantity, move.state), (4, 4, "partially_available")
        )

    def test_found_goods_are_reserved_for_who_waits(self):
        move = self.make_move(
            self.product,
            12,
            self.stock,
            self.customers,
            picking_type_id=self.warehouse.out_type_id.id,
        )
        self.approve(self.report(lines={"DESK": 13}))
        self.assertEqual((self.on_hand(), move.quantity), (13, 12))

    def test_goods_of_others_and_damaged_ones_stay(self):
        owner = self.env["res.partner"].create({"name": "Somebody Else"})
        self.receive(self.product, 7, owner_id=owner)
        self.approve(self.report(lines={"DESK": 0}))
        quants = self.env["stock.quant"].search(
            [("product_id", "=", self.product.id), ("location_id", "=", self.stock.id)]
        )
        self.assertEqual(sum(quants.filtered("owner_id").mapped("quantity")), 7)
        self.assertEqual(sum(quants.mapped("quantity")), 7)

    def test_packed_goods_are_taken_out_of_their_package(self):
        package = self.env["stock.package"].create({"name": "PACK-1"})
        lamp = self.make_product("Lamp")
        self.make_listing(self.channel, lamp, "LAMP")
        self.receive(lamp, 6, package_id=package)
        self.approve(self.report(lines={"LAMP": 5}))
        self.assertEqual(sum(package.quant_ids.mapped("quantity")), 5)

    def test_physical_inventory_in_progress_is_left_alone(self):
        quant = self.env["stock.quant"].search(
            [("product_id", "=", self.product.id), ("location_id", "=", self.stock.id)]
        )
        quant.inventory_quantity = 6
        self.approve(self.report())
        self.assertEqual(
            (quant.quantity, quant.inventory_quantity, quant.inventory_quantity_set),
            (8, 6, True),
        )

    # -------------------------------------------------------------------- lots

    def make_tracked(self, tracking="lot"):
        lamp = self.make_product("Lamp", tracking=tracking, standard_price=2.0)
        self.make_listing(self.channel, lamp, "LAMP")
        return lamp

    def make_lot(self, product, name, quantity=0, **vals):
        lot = self.env["stock.lot"].create(
            {"product_id": product.id, "name": name, **vals}
        )
        if quantity:
            self.receive(product, quantity, lot_id=lot)
        return lot

    def lamps(self, quantity, **lots):
        return [
            {
                "sku": "LAMP",
                "quantity": str(quantity),
                "lots": [
                    {"name": name, "quantity": str(part)} for name, part in lots.items()
                ],
            }
        ]

    def test_tracked_goods_are_compared_lot_by_lot(self):
        lamp = self.make_tracked()
        one, two = self.make_lot(lamp, "L1", 5), self.make_lot(lamp, "L2", 5)
        three = self.make_lot(lamp, "L3", 1)
        approval = self.report(lines=self.lamps(10, L1=7, L2=3))
        self.assertEqual(
            sorted(line[1:] for line in self.lines(approval)),
            [
                ("L1", 7.0, 5.0, 2.0, 4.0),
                ("L2", 3.0, 5.0, -2.0, -4.0),
                ("L3", 0.0, 1.0, -1.0, -2.0),
            ],
        )
        self.assertEqual(approval.value, -2)
        self.approve(approval)
        here = (one | two | three).mapped(
            lambda lot: sum(
                lot.quant_ids.filtered(
                    lambda quant: quant.location_id == self.stock
                ).mapped("quantity")
            )
        )
        self.assertEqual(here, [7, 3, 0])

    def test_blocked_lot_counts_only_where_it_was_counted(self):
        lamp = self.make_tracked()
        self.make_lot(lamp, "L1", 5)
        self.make_lot(lamp, "L2", 5, stock_condition="quarantine")
        self.assertFalse(self.report(lines=self.lamps(5, L1=5)))
        approval = self.report("C2", self.lamps(9, L1=5, L2=4))
        self.assertEqual(
            [line[1:5] for line in self.lines(approval)],
            [("L2", 4.0, 5.0, -1.0), ("L1", 5.0, 5.0, 0.0)],
        )

    def test_tracked_goods_without_lots_are_refused(self):
        lamp = self.make_tracked()
        self.make_lot(lamp, "L1", 5)
        for count_id, lines in (
            ("C1", self.lamps(4)),
            ("C2", self.lamps(4, L1=3)),
        ):
            with self.subTest(count=count_id):
                approval = self.report(count_id, lines)
                self.assertEqual(self.issues(approval), [("LAMP", "lots")])
        self.assertEqual(len(self.open_exceptions()), 2)

    def test_none_of_a_tracked_product_needs_no_lot(self):
        lamp = self.make_tracked()
        self.make_lot(lamp, "L1", 5)
        approval = self.report(lines=self.lamps(0))
        self.assertEqual(
            [line[1:5] for line in self.lines(approval)], [("L1", 0, 5, -5)]
        )

    def test_unknown_lot_is_refused_until_somebody_makes_it(self):
        lamp = self.make_tracked()
        approval = self.report(lines=self.lamps(2, NEW=2))
        self.assertEqual(self.issues(approval), [("LAMP", "lot_unknown")])
        self.make_lot(lamp, "NEW")
        manager = self.make_user("group_manager")
        approval.with_user(manager).action_propose_again()
        self.assertEqual(approval.state, "withdrawn")
        self.assertFalse(self.open_exceptions())
        self.approve(self.proposal())
        self.assertEqual(self.on_hand(lamp), 2)

    def test_serial_number_is_in_one_place_only(self):
        lamp = self.make_tracked("serial")
        serial = self.make_lot(lamp, "S1")
        store = self.env["stock.warehouse"].create({"name": "Store", "code": "STOR"})
        self.receive(lamp, 1, store.lot_stock_id, lot_id=serial)
        self.make_lot(lamp, "S2", 1)
        approval = self.report(lines=self.lamps(2, S1=1, S2=1))
        self.assertEqual(self.issues(approval), [("LAMP", "serial")])
        self.assertEqual(
            approval.count_line_ids[0].issue_note,
            f"Serial number S1 is in {store.lot_stock_id.complete_name}.",
        )
        twice = self.report("C2", self.lamps(2, S2=2))
        self.assertEqual(self.issues(twice), [("LAMP", "serial")])

    def test_nothing_to_propose_again_while_the_place_is_shared(self):
        approval = self.report()
        other = self.make_channel(name="Other Shop")
        self.make_place(other, "there", self.shelf)
        manager = self.make_user("group_manager")
        with self.assertRaises(UserError) as caught:
            approval.with_user(manager).action_propose_again()
        self.assertIn("feeds other channel locations too", str(caught.exception))
        self.env.invalidate_all()
        self.assertEqual((approval.state, self.proposal()), ("proposed", approval))
