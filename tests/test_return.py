from odoo.tests import tagged

from .common import HubCase


@tagged("post_install", "-at_install")
class TestReturn(HubCase):
    """Goods come back on the delivery they left with, and only as many as left."""

    def setUp(self):
        super().setUp()
        self.receive(self.product, 10)
        self.order_record = self.order(lines=[self.line_data("1", "DESK", 3)])
        self.picking = self.order_record.sale_order_id.picking_ids
        self.picking.move_ids.picked = True
        self.picking.button_validate()

    def announce(self, quantity=1, version=1, disposition="restock", **vals):
        line = {"order_line_id": "1", "quantity": str(quantity)}
        if disposition:
            line["disposition"] = disposition
        self.deliver(
            "return.updated",
            {
                "id": "R1",
                "order_id": "1001",
                "version": version,
                "status": "announced",
                "lines": [line],
                **vals,
            },
            key=f"return-{version}",
        )
        self.run_inbox()
        return self.env["stock.channel.return"].search(
            [("channel_id", "=", self.channel.id)]
        )

    def receive_goods(self, channel_return):
        transfer = channel_return.picking_ids.filtered(
            lambda picking: picking.state not in ("done", "cancel")
        )
        transfer.move_ids.picked = True
        transfer.button_validate()

    def test_the_channels_word_alone_moves_no_stock(self):
        returned = self.announce()
        self.assertEqual(returned.state, "announced")
        self.assertEqual(returned.picking_ids.state, "assigned")
        self.assertEqual(
            returned.picking_ids.move_ids.origin_returned_move_id,
            self.picking.move_ids,
        )
        self.assertEqual(self.numbers()["on_hand"], 7)

    def test_restock_goes_back_to_the_mapped_location(self):
        returned = self.announce(2)
        self.receive_goods(returned)
        self.assertEqual(returned.state, "done")
        self.assertEqual(self.numbers()["wire"], 9)
        self.assertEqual(self.order_record.line_ids.returned_qty, 2)

    def test_inspection_goes_to_quarantine_and_is_not_sellable(self):
        quarantine = self.env["stock.location"].create(
            {
                "name": "Quarantine",
                "location_id": self.stock.id,
                "stock_condition": "quarantine",
            }
        )
        self.channel.quarantine_location_id = quarantine
        returned = self.announce(disposition=None)
        self.assertEqual(returned.picking_ids.move_ids.location_dest_id, quarantine)
        self.receive_goods(returned)
        numbers = self.numbers()
        self.assertEqual((numbers["on_hand"], numbers["unavailable"]), (7, 1))

    def test_inspection_without_a_place_for_it_asks(self):
        returned = self.announce(disposition="inspect")
        self.assertFalse(returned)
        self.assertEqual(self.open_exceptions().category, "data")

    def test_scrap_never_reaches_the_shelf(self):
        returned = self.announce(disposition="scrap")
        self.assertEqual(returned.picking_ids.move_ids.location_dest_usage, "inventory")
        self.receive_goods(returned)
        self.assertEqual(self.numbers()["on_hand"], 7)

    def test_over_return_moves_nothing(self):
        returned = self.announce(4)
        self.assertFalse(returned)
        self.assertEqual(len(self.order_record.sale_order_id.picking_ids), 1)
        self.assertEqual(self.open_exceptions().category, "data")

    def test_second_return_counts_the_first(self):
        self.announce(2)
        self.deliver(
            "return.updated",
            {
                "id": "R2",
                "order_id": "1001",
                "version": 1,
                "status": "announced",
                "lines": [
                    {"order_line_id": "1", "quantity": "2", "disposition": "restock"}
                ],
            },
        )
        self.run_inbox()
        self.assertEqual(self.open_exceptions().title[:8], "A return")

    def test_repeat_makes_no_second_transfer(self):
        returned = self.announce(1)
        self.announce(1, version=2)
        self.assertEqual(len(returned.picking_ids), 1)
        self.announce(2, version=3)
        self.assertEqual(sum(returned.picking_ids.move_ids.mapped("product_qty")), 2)

    def test_received_by_the_channel_is_believed_only_where_it_operates(self):
        returned = self.announce(1, status="received", location_id="main")
        self.assertEqual(returned.state, "received")
        self.assertEqual(self.numbers()["on_hand"], 7)
        self.place.is_operated_by_channel = True
        returned = self.announce(2, version=2, status="received", location_id="main")
        self.assertEqual(returned.state, "done")
        self.assertEqual(self.numbers()["on_hand"], 9)

    def test_cancelled_return_cancels_its_transfer(self):
        returned = self.announce(1)
        self.announce(1, version=2, status="cancelled")
        self.assertEqual(returned.state, "cancelled")
        self.assertEqual(returned.picking_ids.state, "cancel")

    def test_return_of_an_unknown_order_waits_for_it(self):
        self.deliver(
            "return.updated",
            {
                "id": "R9",
                "order_id": "nobody",
                "version": 1,
                "status": "announced",
                "lines": [{"order_line_id": "1", "quantity": "1"}],
            },
        )
        self.run_inbox()
        self.assertEqual(self.open_exceptions().field, "order_id")

    def test_ordering_more_after_a_return_sends_only_that(self):
        """Odoo once sent the returned desk a second time."""
        self.receive_goods(self.announce(1))
        self.order(version=2, lines=[self.line_data("1", "DESK", 4)])
        moves = self.order_record.sale_order_id.order_line.move_ids
        open_moves = moves.filtered(lambda move: move.state != "done")
        self.assertEqual(open_moves.mapped("product_uom_qty"), [1])
