from datetime import timedelta
from unittest.mock import patch

from odoo.tests import tagged
from odoo.tools import mute_logger

from odoo.addons.stock_channel_hub.connectors.errors import RateLimited, RetryLater
from odoo.addons.stock_channel_hub.connectors.rest import RestConnector
from odoo.addons.stock_channel_hub.connectors.testing.fake_channel import Fault

from .common import HubCase

PUBLISH_LOGGER = "odoo.addons.stock_channel_hub.models.stock_channel_publish"


@tagged("post_install", "-at_install")
class TestRegressParcels(HubCase):
    """Parcels and numbers go to the channel without waiting for each other."""

    def setUp(self):
        super().setUp()
        self.receive(self.product, 20)
        self.lamp = self.make_product("Lamp", "LAMP")
        self.make_listing(self.channel, self.lamp, "LAMP")
        self.add_shop_item("LAMP", "main")
        self.receive(self.lamp, 5)
        self.run_all()
        self.run_poll()
        self.run_all()
        self.assertEqual((self.shown(), self.shown("LAMP")), (20, 5))

    def take_order(self, order_id="1001", quantity=2):
        """Let the shop sell some desks, and the hub hear of it."""
        lines = [self.line_data("1", "DESK", quantity)]
        self.shop.books.orders[order_id] = self.order_data(order_id, lines=lines)
        return self.order(order_id, lines=lines)

    def ship(self, order, quantity=None):
        """Validate the open delivery of an order, whole or in part."""
        picking = order.sale_order_id.picking_ids.filtered(
            lambda picking: picking.state not in ("done", "cancel")
        )
        if quantity:
            picking.move_ids.quantity = quantity
        picking.move_ids.picked = True
        picking.with_context(skip_backorder=True).button_validate()
        self.assertEqual(picking.state, "done")
        return picking.channel_fulfillment_ids

    def lamp_row(self):
        return self.publication(self.lamp.channel_listing_ids)

    def fail_reports(self, error):
        return patch.object(RestConnector, "report_shipment", side_effect=error)

    # ----------------------------------------------------------- finding 13

    @mute_logger(PUBLISH_LOGGER)
    def test_parcel_the_channel_cannot_take_holds_no_number(self):
        """The shop sold lamps that were gone while one parcel was tried again."""
        parcel = self.ship(self.take_order())
        self.receive(self.lamp, -2)
        with self.fail_reports(RetryLater("later", after=60)) as report:
            self.run_all()
        self.assertEqual(report.call_count, 1)
        self.assertEqual(self.shown("LAMP"), 3)
        self.assertEqual(
            (self.channel.failure_count, self.channel.next_attempt_at), (0, False)
        )
        self.assertEqual((parcel.state, parcel.attempts), ("unknown", 1))
        self.assertGreater(parcel.next_attempt_at, self.env.cr.now())
        self.assertEqual(self.shop.books.shipments, {})

    @mute_logger(PUBLISH_LOGGER)
    def test_parcel_that_failed_is_tried_again_at_its_own_time(self):
        parcel = self.ship(self.take_order())
        with self.fail_reports(RetryLater("later", after=60)):
            self.run_all()
        self.run_publish()
        self.assertEqual(self.shop.books.shipments, {})
        parcel.next_attempt_at = self.env.cr.now() - timedelta(seconds=1)
        self.run_publish()
        self.assertEqual(parcel.state, "done")
        self.assertEqual(list(self.shop.books.shipments), [parcel.external_id])
        self.run_all()
        self.assertEqual(self.shown(), 18)

    @mute_logger(PUBLISH_LOGGER)
    def test_parcel_that_fails_does_not_hold_the_next_parcel(self):
        first = self.ship(self.take_order("1001"))
        second = self.ship(self.take_order("1002"))
        report = RestConnector.report_shipment

        def fail_first(connector, shipment):
            if shipment.id == first.external_id:
                raise RetryLater("later", after=60)
            return report(connector, shipment)

        with patch.object(RestConnector, "report_shipment", fail_first):
            self.run_all()
        self.assertEqual((first.state, second.state), ("unknown", "done"))
        self.assertEqual(list(self.shop.books.shipments), [second.external_id])

    # ----------------------------------------------------------- finding 14

    @mute_logger(PUBLISH_LOGGER)
    def test_rate_limit_of_a_parcel_stops_the_whole_run(self):
        """Reading back what was unknown wiped out the channel's own wish to wait."""
        self.receive(self.lamp, -2)
        self.run_compute()
        self.shop.transport.faults = [Fault.LOST_ANSWER]
        self.run_publish()
        self.assertEqual(self.lamp_row().state, "unknown")
        # It answers again: of one that does not, numbers are tried first.
        self.channel.sudo()._close_outage()
        first = self.ship(self.take_order("1001"))
        second = self.ship(self.take_order("1002"))
        self.run_compute()
        calls = len(self.shop.transport.calls)
        before = self.env.cr.now()
        with self.fail_reports(RateLimited("slow down", after=600)) as report:
            self.run_publish()
            self.run_publish()
        self.assertEqual(report.call_count, 1)
        self.assertEqual(len(self.shop.transport.calls), calls)
        wait = (self.channel.next_attempt_at - before).total_seconds()
        self.assertGreaterEqual(wait, 600)
        self.assertEqual((first.state, second.state), ("pending", "pending"))
        self.assertEqual(self.lamp_row().state, "unknown")

    # ----------------------------------------------------------- finding 17

    def test_two_parcels_of_one_order_have_different_ids(self):
        order = self.take_order(quantity=3)
        first = self.ship(order, 2)
        second = self.ship(order)
        self.assertNotEqual(first.external_id, second.external_id)
        self.run_all()
        self.assertEqual(
            {
                shipment["id"]: shipment["lines"][0]["quantity"]
                for shipment in self.shop.books.shipments.values()
            },
            {first.external_id: "2", second.external_id: "1"},
        )

    def test_parcel_never_takes_the_id_of_one_that_is_gone(self):
        """Ids were counted: two workers at once, or a deleted row, gave one twice."""
        order = self.take_order(quantity=3)
        first = self.ship(order, 1)
        second = self.ship(order, 1)
        told = {first.external_id, second.external_id}
        first.unlink()
        third = self.ship(order)
        self.assertEqual(len(told | {third.external_id}), 3)
        self.run_all()
        self.assertEqual((second.state, third.state), ("done", "done"))


@tagged("post_install", "-at_install")
class TestRegressReturns(HubCase):
    """The return transfer follows what the channel says, up and down."""

    def setUp(self):
        super().setUp()
        self.receive(self.product, 10)
        order = self.order(lines=[self.line_data("1", "DESK", 3)])
        picking = order.sale_order_id.picking_ids
        picking.move_ids.picked = True
        picking.button_validate()

    def announce(self, quantity, version, status="announced"):
        self.deliver(
            "return.updated",
            {
                "id": "R1",
                "order_id": "1001",
                "version": version,
                "status": status,
                "lines": [
                    {
                        "order_line_id": "1",
                        "quantity": str(quantity),
                        "disposition": "restock",
                    }
                ],
            },
            key=f"return-{version}",
        )
        self.run_inbox()
        return self.env["stock.channel.return"].search(
            [("channel_id", "=", self.channel.id)]
        )

    def newest_message(self):
        return self.env["stock.channel.message"].search(
            [("channel_id", "=", self.channel.id)], limit=1
        )

    def open_transfers(self, returned):
        return returned.picking_ids.filtered(
            lambda picking: picking.state not in ("done", "cancel")
        )

    def open_demand(self, returned):
        moves = self.open_transfers(returned).move_ids.filtered(
            lambda move: move.state not in ("done", "cancel")
        )
        return sum(moves.mapped("product_uom_qty"))

    def receive_goods(self, returned):
        transfer = self.open_transfers(returned)
        transfer.move_ids.picked = True
        transfer.button_validate()
        self.assertEqual(transfer.state, "done")

    # ----------------------------------------------------------- finding 18

    def test_received_after_the_warehouse_was_first_changes_nothing(self):
        """There was no open transfer left, and Odoo refuses to check none."""
        returned = self.announce(2, 1)
        self.receive_goods(returned)
        self.announce(2, 2, status="received")
        self.assertEqual(self.newest_message().state, "done")
        self.assertEqual((returned.state, returned.version), ("done", 2))
        self.assertEqual(self.numbers()["on_hand"], 9)
        self.assertFalse(self.open_exceptions())

    # ----------------------------------------------------------- finding 19

    def test_lowered_return_lowers_its_transfer(self):
        returned = self.announce(3, 1)
        self.assertEqual(self.open_demand(returned), 3)
        self.announce(1, 2)
        self.assertEqual(self.open_demand(returned), 1)
        self.assertEqual(returned.state, "announced")
        self.receive_goods(returned)
        self.assertEqual((returned.state, self.numbers()["on_hand"]), ("done", 8))
        self.assertEqual(returned.line_ids.order_line_id.returned_qty, 1)

    def test_return_announced_again_after_its_cancellation_has_a_transfer(self):
        returned = self.announce(2, 1)
        first = returned.picking_ids
        self.announce(2, 2, status="cancelled")
        self.assertEqual((returned.state, first.state), ("cancelled", "cancel"))
        self.announce(2, 3)
        self.assertEqual(returned.state, "announced")
        self.assertEqual(len(self.open_transfers(returned)), 1)
        self.assertNotEqual(self.open_transfers(returned), first)
        self.assertEqual(self.open_demand(returned), 2)
        self.receive_goods(returned)
        self.assertEqual((returned.state, self.numbers()["on_hand"]), ("done", 9))

    def test_part_that_came_later_is_waited_for(self):
        """The backorder of a return belonged to nobody, and the return was done."""
        returned = self.announce(3, 1)
        transfer = self.open_transfers(returned)
        transfer.move_ids.quantity = 2
        transfer.move_ids.picked = True
        transfer.with_context(skip_backorder=True).button_validate()
        self.assertEqual(returned.state, "announced")
        self.assertEqual(returned.line_ids.done_qty, 2)
        self.assertEqual(self.open_demand(returned), 1)
        self.announce(2, 2)
        self.assertEqual((self.open_demand(returned), returned.state), (0, "done"))
        self.assertEqual(returned.line_ids.order_line_id.returned_qty, 2)

    def test_return_lowered_below_what_came_asks(self):
        returned = self.announce(3, 1)
        self.receive_goods(returned)
        self.announce(1, 2)
        exception = self.open_exceptions()
        self.assertEqual((exception.category, returned.state), ("stock", "done"))
        self.assertIn("DESK 3 / 1", exception.cause)
        self.assertEqual(returned.line_ids.order_line_id.returned_qty, 3)
        self.announce(3, 3)
        self.assertEqual(exception.state, "resolved")
