from itertools import permutations

from odoo.exceptions import AccessError, UserError
from odoo.tests import tagged

from .return_common import ReturnCase

ORDERS = list(permutations(("announced", "received", "goods")))


@tagged("post_install", "-at_install")
class TestReturnBlind(ReturnCase):
    """Goods that nobody announced are here, not on sale, and found later."""

    def test_goods_lie_in_quarantine_and_belong_to_nobody(self):
        receipt = self.blind(2, note="Return from Ada")
        self.assertEqual(receipt.state, "received")
        self.assertEqual(receipt.picking_id.state, "done")
        self.assertEqual(self.held(self.quarantine), 2)
        self.assertEqual(self.on_sale(), (7, 2))
        self.assertEqual(self.order_record.line_ids.returned_qty, 0)
        self.assertEqual(self.order_record.sale_order_id.order_line.qty_delivered, 3)
        exception = self.open_exceptions()
        self.assertEqual(exception.category, "stock")
        self.assertIn("Return from Ada", exception.cause)

    def test_the_channels_word_finds_them_and_makes_no_second_transfer(self):
        receipt = self.blind(2)
        transfers = self.env["stock.picking"].search_count([])
        returned = self.announce(2, line={"disposition": "inspect"})
        self.assertEqual(receipt.state, "matched")
        self.assertEqual(self.env["stock.picking"].search_count([]), transfers)
        move = receipt.picking_id.move_ids
        self.assertEqual(move.origin_returned_move_id, self.picking.move_ids)
        self.assertEqual(move.sale_line_id, self.order_record.line_ids.sale_line_id)
        self.assertTrue(move.to_refund)
        self.assertEqual(self.order_record.sale_order_id.order_line.qty_delivered, 1)
        self.assertEqual(
            (returned.state, returned.line_ids.state), ("done", "received")
        )
        self.assertEqual(self.order_record.line_ids.returned_qty, 2)
        self.assertEqual(self.on_sale(), (7, 2))
        self.assertFalse(self.open_exceptions())

    def test_another_quantity_or_product_is_not_guessed(self):
        lamp = self.make_product("Lamp", "LAMP")
        receipts = self.blind(1) | self.blind(2, product=lamp)
        returned = self.announce(2)
        self.assertEqual(receipts.mapped("state"), ["received", "received"])
        self.assertEqual(returned.state, "announced")
        self.assertEqual(self.open_transfers(returned).move_ids.product_uom_qty, 2)

    def test_two_that_fit_are_left_to_a_person(self):
        first, second = self.blind(1), self.blind(1)
        returned = self.announce(1)
        self.assertEqual((first.state, second.state), ("received", "received"))
        self.assertEqual(returned.state, "announced")
        self.match(second)
        self.assertEqual((first.state, second.state), ("received", "matched"))
        self.assertEqual(
            (returned.state, len(self.open_transfers(returned))), ("done", 0)
        )
        self.assertEqual(self.order_record.line_ids.returned_qty, 1)

    def test_two_returns_that_fit_are_left_to_a_person(self):
        first = self.announce(1)
        second = self.announce(1, "R2")
        receipt = self.blind(1)
        self.assertEqual(receipt.state, "received")
        self.match(receipt, self.order_record.line_ids)
        self.assertEqual((first.state, second.state), ("done", "announced"))
        self.assertEqual(self.open_transfers(second).move_ids.product_uom_qty, 1)

    def test_goods_for_an_open_transfer_replace_it(self):
        returned = self.announce(2, line={"disposition": "inspect"})
        planned = self.open_transfers(returned)
        receipt = self.blind(2)
        self.assertEqual(receipt.state, "matched")
        self.assertEqual(planned.state, "cancel")
        self.assertEqual((returned.state, returned.line_ids.done_qty), ("done", 2))
        self.assertEqual(self.held(self.quarantine), 2)

    def test_part_of_what_was_announced_leaves_the_rest_expected(self):
        returned = self.announce(3)
        receipt = self.blind(2)
        self.match(receipt, self.order_record.line_ids)
        self.assertEqual(returned.state, "announced")
        self.assertEqual(returned.line_ids.done_qty, 2)
        self.assertEqual(self.open_transfers(returned).move_ids.product_uom_qty, 1)
        self.carry_out(returned)
        self.assertEqual(
            (returned.state, returned.line_ids.state), ("done", "sellable")
        )
        self.assertEqual(self.on_sale(), (10, 0))

    def test_more_than_one_return_is_cut_into_what_each_said(self):
        receipt = self.blind(3)
        first = self.announce(2)
        self.assertEqual(receipt.state, "received")
        self.match(receipt, self.order_record.line_ids)
        self.assertEqual((first.state, first.line_ids.done_qty), ("done", 2))
        self.assertEqual(self.held(self.quarantine), 3)
        second = self.announce(1, "R2")
        self.assertEqual((second.state, second.line_ids.done_qty), ("done", 1))
        self.assertFalse(self.open_transfers(second))
        self.carry_out(first)
        self.carry_out(second)
        self.assertEqual(self.on_sale(), (10, 0))
        self.assertEqual(self.order_record.line_ids.returned_qty, 3)
        self.assertEqual(self.order_record.sale_order_id.order_line.qty_delivered, 0)

    def test_goods_of_two_parcels_hang_on_both(self):
        self.receive(self.product, 10)
        order = self.order("1002", lines=[self.line_data("1", "DESK", 3)])
        picking = order.sale_order_id.picking_ids
        picking.move_ids.write({"quantity": 1, "picked": True})
        picking.with_context(skip_backorder=True).button_validate()
        self.ship(order)
        delivered = order.line_ids._delivered_moves()
        self.assertEqual(sorted(delivered.mapped("quantity")), [1, 2])
        receipt = self.blind(3)
        self.match(receipt, order.line_ids)
        moves = receipt.picking_id.move_ids
        self.assertEqual(moves.origin_returned_move_id, delivered)
        self.assertEqual(sorted(moves.mapped("quantity")), [1, 2])
        self.assertEqual(self.held(self.quarantine), 3)
        self.assertEqual(order.sale_order_id.order_line.qty_delivered, 0)

    def test_return_made_by_hand_is_the_channels_return(self):
        """A clerk pressed Return on the delivery before the channel spoke."""
        wizard = self.env["stock.return.picking"].create(
            {"picking_id": self.picking.id}
        )
        wizard.product_return_moves.quantity = 2
        transfer = self.env["stock.picking"].browse(
            wizard.action_create_returns()["res_id"]
        )
        transfer.move_ids.picked = True
        transfer.button_validate()
        returned = self.announce(2)
        self.assertEqual(returned.picking_ids, transfer)
        self.assertEqual(
            (returned.state, returned.line_ids.state), ("done", "sellable")
        )
        self.assertEqual(self.order_record.line_ids.returned_qty, 2)
        self.assertEqual(self.on_sale(), (9, 0))

    # ---------------------------------------------------------- every order

    def play(self, order, disposition):
        """Let events come in an order; return what is there at the end."""
        version = 0
        returned = self.find_return()
        for event in order:
            if event == "goods" and not returned:
                self.blind(2)
            elif event == "goods":
                self.carry_out(returned)
            else:
                version += 1
                returned = self.announce(
                    2,
                    version=version,
                    status=event,
                    line={"disposition": disposition},
                )
        self.carry_out(returned)
        self.run_compute()
        line = returned.line_ids
        return {
            "on_sale": self.on_sale(),
            "quarantine": self.held(self.quarantine),
            "return": returned.state,
            "line": line.state,
            "quantities": (line.done_qty, line.accepted_qty, line.waiting_qty),
            "scrapped": line.scrapped_qty,
            "order": self.order_record.line_ids.returned_qty,
            "delivered": self.order_record.sale_order_id.order_line.qty_delivered,
            "open": len(self.open_transfers(returned)),
            "exceptions": len(self.open_exceptions()),
        }

    def check_every_order(self, disposition, expected):
        self.assertEqual(len(ORDERS), 6)
        for order in ORDERS:
            with self.subTest(order=order), self.env.cr.savepoint() as savepoint:
                self.assertEqual(self.play(order, disposition), expected)
                savepoint.rollback()
                self.env.invalidate_all()

    def test_restock_ends_equal_whatever_comes_first(self):
        self.check_every_order(
            "restock",
            {
                "on_sale": (9, 0),
                "quarantine": 0,
                "return": "done",
                "line": "sellable",
                "quantities": (2, 2, 0),
                "scrapped": 0,
                "order": 2,
                "delivered": 1,
                "open": 0,
                "exceptions": 0,
            },
        )

    def test_inspection_ends_equal_whatever_comes_first(self):
        self.check_every_order(
            "inspect",
            {
                "on_sale": (7, 2),
                "quarantine": 2,
                "return": "done",
                "line": "received",
                "quantities": (2, 0, 2),
                "scrapped": 0,
                "order": 2,
                "delivered": 1,
                "open": 0,
                "exceptions": 0,
            },
        )

    def test_scrap_ends_equal_whatever_comes_first(self):
        self.check_every_order(
            "scrap",
            {
                "on_sale": (7, 0),
                "quarantine": 0,
                "return": "done",
                "line": "scrapped",
                "quantities": (2, 0, 0),
                "scrapped": 2,
                "order": 2,
                "delivered": 1,
                "open": 0,
                "exceptions": 0,
            },
        )

    def play_parcels(self, order):
        """Let two parcels of one desk each come in between the channel's words."""
        version = 0
        for event in order:
            returned = self.find_return()
            if not event.startswith("parcel"):
                version += 1
                self.announce(2, version=version, status=event)
            elif not returned:
                self.blind(1)
            else:
                transfer = self.open_transfers(returned)
                transfer.move_ids.write({"quantity": 1, "picked": True})
                transfer.with_context(skip_backorder=True).button_validate()
        for receipt in self.env["stock.channel.blind.receipt"].search([]):
            if receipt.state == "received":
                self.match(receipt, self.order_record.line_ids)
        returned = self.find_return()
        self.carry_out(returned)
        line = returned.line_ids
        return (
            self.on_sale(),
            self.held(self.quarantine),
            (returned.state, line.state),
            (line.done_qty, line.accepted_qty, line.waiting_qty, line.missing_qty),
            self.order_record.line_ids.returned_qty,
            self.order_record.sale_order_id.order_line.qty_delivered,
            len(self.open_transfers(returned)),
            len(self.open_exceptions()),
        )

    def test_two_parcels_end_equal_whatever_comes_first(self):
        events = ("announced", "received", "parcel 1", "parcel 2")
        # The two parcels are alike: half of the orders are the others once more.
        orders = [
            order
            for order in permutations(events)
            if order.index("parcel 1") < order.index("parcel 2")
        ]
        self.assertEqual(len(orders), 12)
        for order in orders:
            with self.subTest(order=order), self.env.cr.savepoint() as savepoint:
                self.assertEqual(
                    self.play_parcels(order),
                    ((9, 0), 0, ("done", "sellable"), (2, 2, 0, 0), 2, 1, 0, 0),
                )
                savepoint.rollback()
                self.env.invalidate_all()

    # -------------------------------------------------------------- refusals

    def test_nothing_is_matched_to_what_did_not_leave(self):
        receipt = self.blind(4)
        before = self.picture()
        with self.assertRaises(UserError), self.env.cr.savepoint():
            self.match(receipt, self.order_record.line_ids)
        self.env.invalidate_all()
        self.assertEqual(self.picture(), before)
        self.assertFalse(receipt.picking_id.move_ids.origin_returned_move_id)

    def test_goods_on_sale_are_no_unannounced_return(self):
        before = self.picture()
        with self.assertRaises(UserError), self.env.cr.savepoint():
            self.blind(1, location_id=self.shelf.id)
        self.env.invalidate_all()
        self.assertEqual(self.picture(), before)

    def test_readers_receive_match_and_close_nothing(self):
        receipt = self.blind(1)
        reader = self.make_user("group_user")
        before = self.picture()
        with self.assertRaises(AccessError):
            self.env["stock.channel.receive.wizard"].with_user(reader).create({})
        with self.assertRaises(AccessError):
            self.env["stock.channel.match.wizard"].with_user(reader).create(
                {"receipt_id": receipt.id}
            )
        for action in ("action_close", "action_reopen"):
            with self.assertRaises(AccessError):
                getattr(receipt.with_user(reader), action)()
        for group in ("group_user", "group_operator", "group_admin"):
            mine = receipt.with_user(self.make_user(group))
            with self.assertRaises(AccessError):
                mine.write({"state": "matched"})
        self.env.invalidate_all()
        self.assertEqual(self.picture(), before)

    def test_operator_receives_and_closes(self):
        operator = self.operator()
        receipt = self.blind(1, user=operator)
        self.assertEqual(receipt.received_by_id, operator)
        receipt.with_user(operator).action_close()
        self.assertEqual(receipt.state, "closed")
        self.assertFalse(self.open_exceptions())
        receipt.with_user(operator).action_reopen()
        self.assertEqual(len(self.open_exceptions()), 1)

    def test_other_company_sees_no_receipt_and_is_matched_to_none(self):
        receipt = self.blind(1)
        other = self.env["res.company"].create({"name": "Other Company"})
        stranger = self.make_user(
            "group_operator",
            company_id=other.id,
            company_ids=[(6, 0, other.ids)],
        )
        found = self.env["stock.channel.blind.receipt"].with_user(stranger).search([])
        self.assertFalse(found)
        with self.assertRaises(AccessError):
            receipt.with_user(stranger).action_close()
        warehouse = self.env["stock.warehouse"].search(
            [("company_id", "=", other.id)], limit=1
        )
        theirs = self.env["stock.channel.blind.receipt"]._receive(
            location=self.make_quarantine(warehouse.lot_stock_id, company_id=other.id),
            product=self.product,
            quantity=1,
        )
        returned = self.announce(1)
        self.assertEqual(theirs.state, "received")
        self.assertEqual(theirs.company_id, other)
        self.assertEqual(receipt.state, "matched")
        self.assertEqual(returned.state, "done")

    # ----------------------------------------------------------------- codes

    def test_a_scanned_code_finds_product_or_serial(self):
        self.product.barcode = "4006381333931"
        wizard = self.env["stock.channel.receive.wizard"].create(
            {"barcode": "4006381333931"}
        )
        self.assertEqual(wizard.location_id, self.quarantine)
        wizard._onchange_barcode()
        self.assertEqual(wizard.product_id, self.product)
        chair = self.make_product("Chair", "CHAIR", tracking="serial")
        self.env["stock.lot"].create({"product_id": chair.id, "name": "SN-7"})
        wizard.barcode = "SN-7"
        wizard._onchange_barcode()
        self.assertEqual((wizard.product_id, wizard.lot_name), (chair, "SN-7"))
        wizard.barcode = "nothing"
        with self.assertRaises(UserError):
            wizard._onchange_barcode()
