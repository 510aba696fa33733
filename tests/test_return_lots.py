from odoo.exceptions import UserError
from odoo.tests import Form, tagged

from .return_common import ReturnCase


@tagged("post_install", "-at_install")
class TestReturnLots(ReturnCase):
    """Only the exact serial or lot that left with the order comes back."""

    def setUp(self):
        super().setUp()
        self.chair = self.make_product("Chair", "CHAIR", tracking="serial")
        self.make_listing(self.channel, self.chair, "CHAIR")
        self.lots = self.env["stock.lot"].create(
            [{"product_id": self.chair.id, "name": f"SN-{n}"} for n in (1, 2, 3)]
        )
        for lot in self.lots[:2]:
            self.receive(self.chair, 1, lot_id=lot)
        self.chairs = self.order("1002", lines=[self.line_data("1", "CHAIR", 2)])
        self.ship(self.chairs)
        self.receive(self.chair, 1, lot_id=self.lots[2])

    def tell_chair(self, quantity, names, **vals):
        lots = [{"name": name, "quantity": "1"} for name in names]
        line = {"disposition": "restock", "lots": lots}
        return self.announce(quantity, line=line, **{"order_id": "1002", **vals})

    def test_the_named_serial_is_asked_for(self):
        returned = self.tell_chair(1, ["SN-2"])
        move = self.open_transfers(returned).move_ids
        self.assertEqual(move.move_line_ids.lot_id, self.lots[1])
        self.carry_out(returned)
        self.assertEqual(self.held(self.stock, self.chair, self.lots[1]), 1)
        self.assertEqual(returned.line_ids.state, "sellable")

    def test_the_named_serials_stay_when_another_return_is_made(self):
        returned = self.tell_chair(1, ["SN-2"])
        other = self.announce(
            1,
            "R2",
            order_id="1002",
            line={
                "disposition": "restock",
                "lots": [{"name": "SN-1", "quantity": "1"}],
            },
        )
        for record, lot in ((returned, self.lots[1]), (other, self.lots[0])):
            transfer = self.open_transfers(record)
            self.assertEqual(transfer.state, "assigned")
            self.assertEqual(transfer.move_ids.move_line_ids.lot_id, lot)

    def test_a_serial_that_did_not_leave_moves_nothing(self):
        before = self.env["stock.picking"].search_count([])
        returned = self.tell_chair(1, ["SN-3"])
        self.assertFalse(returned)
        exception = self.open_exceptions()
        self.assertEqual((exception.field, exception.value), ("lots", "SN-3"))
        self.assertEqual(exception.expected_value, "SN-1, SN-2")
        self.assertEqual(self.env["stock.picking"].search_count([]), before)
        self.tell_chair(1, ["SN-1"], version=2)
        self.assertEqual(self.find_return().state, "announced")

    def test_nobody_guesses_which_serial_comes(self):
        returned = self.announce(1, order_id="1002", line={"disposition": "restock"})
        transfer = self.open_transfers(returned)
        self.assertFalse(transfer.move_ids.move_line_ids.lot_id)
        transfer.move_ids.picked = True
        with self.assertRaises(UserError), self.env.cr.savepoint():
            transfer.button_validate()
        transfer.move_ids.move_line_ids.lot_id = self.lots[0]
        transfer.button_validate()
        self.assertEqual(returned.state, "done")

    def test_a_wrong_serial_is_not_validated(self):
        returned = self.tell_chair(1, ["SN-2"])
        transfer = self.open_transfers(returned)
        stranger = self.env["stock.lot"].create(
            {"product_id": self.chair.id, "name": "SN-9"}
        )
        transfer.move_ids.move_line_ids.write({"lot_id": stranger.id, "picked": True})
        with self.assertRaises(UserError) as caught, self.env.cr.savepoint():
            transfer.button_validate()
        self.assertIn("Expected: SN-1, SN-2", str(caught.exception))
        self.env.invalidate_all()
        self.assertEqual(self.held(self.stock, self.chair, stranger), 0)
        self.assertEqual((returned.state, returned.line_ids.done_qty), ("announced", 0))

    def test_the_channel_at_its_own_place_must_say_which(self):
        self.place.is_operated_by_channel = True
        told = {"order_id": "1002", "status": "received", "location_id": "main"}
        returned = self.announce(1, line={"disposition": "restock"}, **told)
        self.assertFalse(returned)
        self.assertEqual(self.open_exceptions().field, "lots")
        self.assertEqual(self.held(self.stock, self.chair), 1)
        returned = self.tell_chair(1, ["SN-1"], version=2, **told)
        self.assertEqual(returned.state, "done")
        self.assertEqual(self.held(self.stock, self.chair, self.lots[0]), 1)

    def test_a_blind_serial_finds_the_order_it_left_with(self):
        receipt = self.blind(1, self.chair, self.lots[0])
        self.match(receipt)
        self.assertEqual(receipt.order_line_id, self.chairs.line_ids)
        self.assertEqual(receipt.state, "matched")

    def test_a_blind_serial_that_did_not_leave_waits(self):
        stranger = self.env["stock.lot"].create(
            {"product_id": self.chair.id, "name": "SN-9"}
        )
        receipt = self.blind(1, self.chair, stranger)
        returned = self.tell_chair(1, ["SN-1"])
        self.assertEqual((receipt.state, returned.state), ("received", "announced"))
        with self.assertRaises(UserError), self.env.cr.savepoint():
            self.match(receipt, self.chairs.line_ids)
        self.env.invalidate_all()
        self.assertEqual(receipt.state, "received")

    def test_a_serial_that_is_here_cannot_come(self):
        before = self.env["stock.picking"].search_count([])
        with self.assertRaises(UserError), self.env.cr.savepoint():
            self.blind(1, self.chair, self.lots[2])
        self.env.invalidate_all()
        self.assertEqual(self.env["stock.picking"].search_count([]), before)
        self.assertEqual(self.held(self.quarantine, self.chair), 0)

    def test_serials_are_inspected_one_by_one(self):
        returned = self.announce(
            2,
            order_id="1002",
            line={
                "disposition": "inspect",
                "lots": [
                    {"name": "SN-1", "quantity": "1"},
                    {"name": "SN-2", "quantity": "1"},
                ],
            },
        )
        self.carry_out(returned)
        line = returned.line_ids
        wizard = self.env["stock.channel.inspect.wizard"].create(
            {"return_line_id": line.id}
        )
        for row in wizard.row_ids:
            is_good = row.lot_id == self.lots[0]
            row.write({"good_qty": is_good, "bad_qty": not is_good})
        wizard.action_done()
        self.assertEqual((line.accepted_qty, line.scrapped_qty), (1, 1))
        self.assertEqual(self.held(self.stock, self.chair, self.lots[0]), 1)
        self.assertEqual(self.held(self.quarantine, self.chair), 0)
        self.assertEqual(self.held(self.stock, self.chair, self.lots[1]), 0)


@tagged("post_install", "-at_install")
class TestReturnShapes(ReturnCase):
    """Kits, packs and lines from several places come back as they left."""

    def kit_order(self):
        top, leg = self.make_product("Top", "TOP"), self.make_product("Leg", "LEG")
        kit = self.make_product("Table", "TABLE")
        self.make_kit(kit, {top: 1, leg: 4})
        self.make_listing(self.channel, kit, "TABLE")
        self.receive(top, 5)
        self.receive(leg, 20)
        order = self.order("1002", lines=[self.line_data("1", "TABLE", 2)])
        self.ship(order)
        return order, top, leg

    def test_a_whole_kit_comes_back_and_is_inspected(self):
        order, top, leg = self.kit_order()
        returned = self.announce(1, order_id="1002", line={"disposition": "inspect"})
        self.carry_out(returned)
        line = returned.line_ids
        self.assertEqual((line.done_qty, line.waiting_qty), (1, 1))
        self.assertEqual(self.held(self.quarantine, leg), 4)
        line.action_accept()
        self.assertEqual((line.state, line.accepted_qty), ("sellable", 1))
        self.assertEqual(
            (self.held(self.stock, top), self.held(self.stock, leg)), (4, 16)
        )
        self.assertEqual(order.sale_order_id.order_line.qty_delivered, 1)

    def test_a_kit_with_a_missing_component_is_none(self):
        order, top, leg = self.kit_order()
        returned = self.announce(1, order_id="1002", line={"disposition": "inspect"})
        transfer = self.open_transfers(returned)
        of_leg = transfer.move_ids.filtered(lambda move: move.product_id == leg)
        of_top = transfer.move_ids - of_leg
        of_top.picked = True
        of_leg.write({"quantity": 3, "picked": True})
        transfer.with_context(
            skip_backorder=True, picking_ids_not_to_backorder=transfer.ids
        ).button_validate()
        line = returned.line_ids
        self.assertEqual((line.done_qty, order.line_ids.returned_qty), (0, 0))
        self.assertEqual(line.state, "received")
        self.assertIn("TABLE 0 / 1", self.open_exceptions().cause)
        receipt = self.blind(1, leg)
        self.assertEqual(receipt.state, "matched")
        self.assertEqual((line.done_qty, order.line_ids.returned_qty), (1, 1))
        self.assertFalse(self.open_exceptions())

    def test_components_that_came_first_make_the_kit(self):
        order, top, leg = self.kit_order()
        tops, legs = self.blind(1, top), self.blind(4, leg)
        returned = self.announce(1, order_id="1002")
        self.assertEqual((tops.state, legs.state), ("matched", "matched"))
        self.assertEqual((returned.state, returned.line_ids.done_qty), ("done", 1))
        self.carry_out(returned)
        self.assertEqual(returned.line_ids.state, "sellable")
        self.assertEqual(
            (self.held(self.stock, top), self.held(self.stock, leg)), (4, 16)
        )
        self.assertEqual(order.sale_order_id.order_line.qty_delivered, 1)

    def test_one_component_that_came_first_leaves_the_others_expected(self):
        _order, top, leg = self.kit_order()
        self.blind(4, leg)
        returned = self.announce(1, order_id="1002")
        moves = self.open_transfers(returned).move_ids
        self.assertEqual((moves.product_id, moves.product_uom_qty), (top, 1))
        self.assertEqual(
            (returned.state, returned.line_ids.state), ("announced", "inspected")
        )
        self.carry_out(returned)
        self.assertEqual(
            (returned.state, returned.line_ids.state), ("done", "sellable")
        )

    def test_a_line_that_grows_later_ships_only_the_growth(self):
        """Odoo procures anew what came back; the channel asked for one more."""
        for line in ({"disposition": "restock"}, {"disposition": "scrap"}):
            with self.subTest(line), self.env.cr.savepoint() as savepoint:
                returned = self.announce(2, line=line)
                self.carry_out(returned)
                self.order(version=2, lines=[self.line_data("1", "DESK", 4)])
                moves = self.order_record.sale_order_id.order_line.move_ids
                waiting = moves.filtered(lambda m: m.state not in ("done", "cancel"))
                self.assertEqual(waiting.product_uom_qty, 1)
                savepoint.rollback()
                self.env.invalidate_all()

    def test_a_kit_line_that_grows_later_ships_only_the_growth(self):
        order, _top, leg = self.kit_order()
        returned = self.announce(1, order_id="1002")
        self.carry_out(returned)
        self.order("1002", version=2, lines=[self.line_data("1", "TABLE", 3)])
        waiting = order.sale_order_id.order_line.move_ids.filtered(
            lambda m: m.state not in ("done", "cancel") and m.product_id == leg
        )
        self.assertEqual(sum(waiting.mapped("product_uom_qty")), 4)

    def test_a_dozen_comes_back_in_pieces(self):
        dozen = self.env.ref("uom.product_uom_dozen")
        cup = self.make_product("Cup", "CUP")
        self.make_listing(self.channel, cup, "CUPS", uom_id=dozen.id)
        self.receive(cup, 36)
        order = self.order("1002", lines=[self.line_data("1", "CUPS", 2)])
        self.ship(order)
        returned = self.announce(1, order_id="1002", line={"disposition": "inspect"})
        self.assertEqual(
            sum(self.open_transfers(returned).move_ids.mapped("product_qty")), 12
        )
        self.carry_out(returned)
        line = returned.line_ids
        self.assertEqual((line.done_qty, line.waiting_qty), (1, 1))
        self.inspect_pieces(line, 7, 5)
        self.assertEqual((self.held(self.stock, cup), line.state), (12 + 7, "sellable"))
        self.assertEqual(
            (round(line.accepted_qty, 6), round(line.scrapped_qty, 6)),
            (0.583333, 0.416667),
        )

    def inspect_pieces(self, line, good, bad):
        wizard = self.env["stock.channel.inspect.wizard"].create(
            {"return_line_id": line.id}
        )
        self.assertEqual(wizard.row_ids.waiting_qty, good + bad)
        wizard.row_ids.write({"good_qty": good, "bad_qty": bad})
        wizard.action_done()

    def test_a_line_from_two_places_is_taken_back_to_both(self):
        south = self.env["stock.warehouse"].create({"name": "South", "code": "HUBS"})
        place = self.make_place(self.channel, "south", south.lot_stock_id, sequence=20)
        lamp = self.make_product("Lamp", "LAMP")
        self.make_listing(self.channel, lamp, "LAMP")
        self.receive(lamp, 2)
        self.receive(lamp, 3, south.lot_stock_id)
        order = self.order(
            "1002", lines=[self.line_data("1", "LAMP", 5, location_id="")]
        )
        self.ship(order)
        self.assertEqual(order.line_ids.taken_from_ids, self.place | place)
        receipt = self.blind(5, lamp)
        returned = self.announce(5, order_id="1002", line={"disposition": "inspect"})
        self.assertEqual(receipt.state, "matched")
        moves = receipt.picking_id.move_ids
        self.assertEqual(sorted(moves.mapped("quantity")), [2, 3])
        self.assertEqual(moves.sale_line_id, order.line_ids._sale_lines())
        self.assertEqual((returned.state, order.line_ids.returned_qty), ("done", 5))
        self.assertEqual(order.sale_order_id.order_line.mapped("qty_delivered"), [0, 0])

    def test_the_clerks_form_opens_with_what_waits(self):
        returned = self.announce(2, line={"disposition": "inspect"})
        self.carry_out(returned)
        form = Form(
            self.env["stock.channel.inspect.wizard"].with_context(
                default_return_line_id=returned.line_ids.id
            )
        )
        with form.row_ids.edit(0) as row:
            self.assertEqual(row.waiting_qty, 2)
            row.good_qty, row.bad_qty = 1, 1
        form.save().action_done()
        self.assertEqual(returned.line_ids.accepted_qty, 1)
