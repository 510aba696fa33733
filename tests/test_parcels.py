from datetime import timedelta
from unittest.mock import patch

from odoo.tests import tagged

from odoo.addons.stock_channel_hub.connectors.errors import RateLimited, RetryLater
from odoo.addons.stock_channel_hub.connectors.rest import RestConnector

from .common import HubCase


class ParcelCase(HubCase):
    """Orders of one line that leave from here."""

    def setUp(self):
        super().setUp()
        self.receive(self.product, 20)
        self.run_all()

    def take(self, quantity=5, sku="DESK", order_id="1001"):
        lines = [self.line_data("1", sku, quantity)]
        self.shop.books.orders[order_id] = self.order_data(order_id, lines=lines)
        return self.order(order_id, lines=lines)

    def open_picking(self, order):
        return order.sale_order_id.picking_ids.filtered(
            lambda picking: picking.state not in ("done", "cancel")
        )

    def ship(self, order, quantity=None):
        """Validate the open delivery, whole or in part; returns the transfer."""
        picking = self.open_picking(order)
        if quantity:
            picking.move_ids.quantity = quantity
        picking.move_ids.picked = True
        picking.with_context(skip_backorder=True).button_validate()
        self.assertEqual(picking.state, "done")
        return picking

    def listed(self, name, sku=None, **vals):
        product = self.make_product(name.title(), name, **vals)
        self.make_listing(self.channel, product, sku or name)
        return product

    def lot(self, product, name, quantity):
        lot = self.env["stock.lot"].create({"name": name, "product_id": product.id})
        self.receive(product, quantity, lot_id=lot)
        return lot

    def told(self):
        """Return the lines of each parcel the shop was told, oldest first."""
        return [told["lines"] for told in self.shop.books.shipments.values()]

    def shipment_calls(self):
        """Return (idempotency key, tracking) of every call about a parcel."""
        return [
            (call.headers["idempotency-key"], self.tracking_of(call))
            for call in self.shop.transport.calls
            if call.url.endswith("/shipments")
        ]

    def tracking_of(self, call):
        return call.body.decode().partition('"tracking":"')[2].partition('"')[0]


@tagged("post_install", "-at_install")
class TestParcels(ParcelCase):
    """Every parcel once, in the listing's unit, with what is in it."""

    def test_parcel_and_its_backorder(self):
        order = self.take()
        self.ship(order, 2)
        self.ship(order, 3)
        self.run_all()
        self.run_all()
        self.assertEqual(
            self.told(),
            [
                [{"order_line_id": "1", "quantity": "2"}],
                [{"order_line_id": "1", "quantity": "3"}],
            ],
        )
        self.assertEqual(order.line_ids.taken_qty, 5)

    def test_dozens_and_their_lots(self):
        egg = self.make_product("Egg", "EGG", tracking="lot")
        dozen = self.env.ref("uom.product_uom_dozen")
        self.make_listing(self.channel, egg, "EGG", uom_id=dozen.id)
        self.lot(egg, "E1", 12)
        self.lot(egg, "E2", 48)
        order = self.take(3, "EGG")
        self.ship(order, 24)
        self.ship(order)
        self.run_all()
        self.assertEqual(
            self.told(),
            [
                [
                    {
                        "order_line_id": "1",
                        "quantity": "2",
                        "lots": [
                            {"name": "E1", "quantity": "1"},
                            {"name": "E2", "quantity": "1"},
                        ],
                    }
                ],
                [
                    {
                        "order_line_id": "1",
                        "quantity": "1",
                        "lots": [{"name": "E2", "quantity": "1"}],
                    }
                ],
            ],
        )

    def test_serial_numbers(self):
        phone = self.listed("PHONE", tracking="serial")
        for name in ("S1", "S2", "S3"):
            self.lot(phone, name, 1)
        order = self.take(3, "PHONE")
        picking = self.open_picking(order)
        picking.move_ids.move_line_ids.filtered(
            lambda line: line.lot_id.name in ("S1", "S3")
        ).picked = True
        picking.with_context(skip_backorder=True).button_validate()
        self.ship(order)
        self.run_all()
        self.assertEqual(
            [
                [(lot["name"], lot["quantity"]) for lot in lines[0]["lots"]]
                for lines in self.told()
            ],
            [[("S1", "1"), ("S3", "1")], [("S2", "1")]],
        )

    def test_pack_of_two_tells_its_lots_in_packs(self):
        milk = self.make_product("Milk", "MILK", tracking="lot")
        pack = self.make_product("Pack", "PACK")
        self.make_kit(pack, {milk: 2})
        self.make_listing(self.channel, pack, "PACK")
        self.lot(milk, "L1", 3)
        self.lot(milk, "L2", 3)
        order = self.take(3, "PACK")
        self.ship(order, 3)
        self.ship(order)
        self.run_all()
        self.assertEqual(
            self.told(),
            [
                [
                    {
                        "order_line_id": "1",
                        "quantity": "1",
                        "lots": [{"name": "L1", "quantity": "1"}],
                    }
                ],
                [
                    {
                        "order_line_id": "1",
                        "quantity": "2",
                        "lots": [
                            {"name": "L1", "quantity": "0.5"},
                            {"name": "L2", "quantity": "1.5"},
                        ],
                    }
                ],
            ],
        )

    def test_kit_is_reported_when_its_last_component_left(self):
        kit = self.make_product("Set", "SET")
        lamp = self.make_product("Lamp", "LAMP")
        self.make_kit(kit, {self.product: 2, lamp: 1})
        self.make_listing(self.channel, kit, "SET")
        self.receive(lamp, 10)
        order = self.take(2, "SET")
        picking = self.open_picking(order)
        picking.move_ids.filtered(lambda m: m.product_id == lamp).picked = True
        picking.with_context(skip_backorder=True).button_validate()
        self.run_all()
        self.assertEqual(self.told(), [])
        self.ship(order, 3)
        self.ship(order)
        self.run_all()
        self.assertEqual([lines[0]["quantity"] for lines in self.told()], ["1", "1"])

    def test_deliveries_of_a_batch(self):
        """Validated together, each is a parcel of its own."""
        pickings = self.open_picking(self.take(2, order_id="1001"))
        pickings |= self.open_picking(self.take(3, order_id="1002"))
        pickings.move_ids.picked = True
        pickings.with_context(skip_backorder=True).button_validate()
        self.run_all()
        self.assertEqual(
            sorted(
                (told["order_id"], told["lines"][0]["quantity"])
                for told in self.shop.books.shipments.values()
            ),
            [("1001", "2"), ("1002", "3")],
        )

    def test_steps_before_the_last_tell_nothing(self):
        self.warehouse.delivery_steps = "pick_ship"
        order = self.take()
        pick = self.ship(order)
        self.run_all()
        self.assertEqual(self.told(), [])
        self.assertFalse(pick.channel_fulfillment_ids)
        self.ship(order)
        self.run_all()
        self.assertEqual([lines[0]["quantity"] for lines in self.told()], ["5"])

    def test_goods_sent_a_second_time_are_not_told_again(self):
        """What came back undeliverable and left again was told as another parcel."""
        order = self.take()
        back = self.return_of(self.ship(order))
        self.return_of(back)
        self.run_all()
        self.assertEqual([lines[0]["quantity"] for lines in self.told()], ["5"])
        self.assertEqual(order.line_ids.reported_qty, 5)

    def return_of(self, picking):
        wizard = self.env["stock.return.picking"].create({"picking_id": picking.id})
        wizard.product_return_moves.quantity = 5
        back = self.env["stock.picking"].browse(
            wizard.action_create_returns()["res_id"]
        )
        back.action_assign()
        back.move_ids.picked = True
        back.button_validate()
        self.assertEqual(back.state, "done")
        return back


@tagged("post_install", "-at_install")
class TestTracking(ParcelCase):
    """Carrier and tracking follow until the channel has the right ones."""

    def carrier(self, name):
        return self.env["delivery.carrier"].create(
            {
                "name": name,
                "product_id": self.make_product("Delivery", type="service").id,
                "tracking_url": "https://track.example/<shipmenttrackingnumber>",
            }
        )

    def setUp(self):
        super().setUp()
        self.order_taken = self.take()

    def shipped(self):
        picking = self.ship(self.order_taken)
        return picking, picking.channel_fulfillment_ids

    def the_shipment(self):
        (told,) = self.shop.books.shipments.values()
        return told

    def test_carrier_tracking_and_page(self):
        picking = self.open_picking(self.order_taken)
        picking.write(
            {"carrier_id": self.carrier("Post").id, "carrier_tracking_ref": "T-1"}
        )
        self.ship(self.order_taken)
        self.run_all()
        told = self.the_shipment()
        self.assertEqual(
            (told["carrier"], told["tracking"], told["tracking_url"]),
            ("Post", "T-1", "https://track.example/T-1"),
        )

    def test_tracking_that_comes_before_the_report_is_told_with_it(self):
        picking, parcel = self.shipped()
        picking.carrier_tracking_ref = "T-1"
        self.assertEqual((parcel.tracking, parcel.revision), ("T-1", 0))
        self.run_all()
        self.assertEqual(self.the_shipment()["tracking"], "T-1")
        self.assertEqual(len(self.shipment_calls()), 1)

    def test_tracking_that_comes_after_the_report_follows(self):
        picking, parcel = self.shipped()
        self.run_all()
        self.assertNotIn("tracking", self.the_shipment())
        picking.carrier_tracking_ref = "T-1"
        self.assertEqual(parcel.state, "pending")
        self.run_all()
        self.assertEqual(parcel.state, "done")
        told = self.the_shipment()
        self.assertEqual(
            (told["id"], told["tracking"], told["lines"][0]["quantity"]),
            (parcel.external_id, "T-1", "5"),
        )
        self.assertEqual(self.order_taken.line_ids.taken_qty, 5)

    def test_corrections_follow_one_after_another(self):
        picking, parcel = self.shipped()
        self.run_all()
        for number, carrier in (("T-1", "Post"), ("T-2", "Parcels")):
            picking.write(
                {
                    "carrier_tracking_ref": number,
                    "carrier_id": self.carrier(carrier).id,
                }
            )
            self.run_all()
            told = self.the_shipment()
            self.assertEqual((told["tracking"], told["carrier"]), (number, carrier))
        keys = [key for key, _tracking in self.shipment_calls()]
        self.assertEqual(len(set(keys)), 3)
        self.assertEqual((parcel.revision, parcel.is_correction), (2, False))

    def test_same_number_again_tells_nothing(self):
        picking, parcel = self.shipped()
        picking.carrier_tracking_ref = "T-1"
        self.run_all()
        picking.carrier_tracking_ref = "T-1"
        self.run_all()
        self.assertEqual((parcel.state, parcel.revision), ("done", 0))
        self.assertEqual(len(self.shipment_calls()), 1)

    def test_corrected_while_nobody_knew_whether_it_was_taken(self):
        picking, parcel = self.shipped()
        picking.carrier_tracking_ref = "T-1"
        report = RestConnector.report_shipment

        def lose(connector, shipment):
            report(connector, shipment)
            raise RetryLater("lost", after=1)

        with patch.object(RestConnector, "report_shipment", lose):
            self.run_publish()
        self.assertEqual(parcel.state, "unknown")
        picking.carrier_tracking_ref = "T-2"
        parcel.next_attempt_at = self.env.cr.now() - timedelta(seconds=1)
        self.run_all()
        self.assertEqual((parcel.state, parcel.revision), ("done", 1))
        self.assertEqual(self.the_shipment()["tracking"], "T-2")
        self.assertEqual(self.order_taken.line_ids.taken_qty, 5)

    def test_corrected_while_the_channel_is_being_told(self):
        picking, parcel = self.shipped()
        picking.carrier_tracking_ref = "T-1"
        report = RestConnector.report_shipment
        numbers = ["T-2"]

        def change_meanwhile(connector, shipment):
            report(connector, shipment)
            if numbers:
                self.env.invalidate_all()
                picking.carrier_tracking_ref = numbers.pop()
                self.env.flush_all()

        with patch.object(RestConnector, "report_shipment", change_meanwhile):
            self.run_publish()
        self.run_all()
        self.assertEqual(parcel.state, "done")
        self.assertEqual(self.the_shipment()["tracking"], "T-2")
        self.assertEqual(self.order_taken.line_ids.taken_qty, 5)

    def test_correction_the_channel_does_not_take_asks(self):
        picking, parcel = self.shipped()
        picking.carrier_tracking_ref = "T-1"
        self.run_all()
        self.shop.takes_corrections = False
        picking.carrier_tracking_ref = "T-2"
        self.run_all()
        self.assertEqual(parcel.state, "rejected")
        self.assertEqual(self.the_shipment()["tracking"], "T-1")
        exception = self.open_exceptions()
        self.assertEqual(
            (exception.category, exception.value, exception.field),
            ("refused", "T-2", "tracking"),
        )
        self.assertEqual(self.order_taken.line_ids.taken_qty, 5)
        self.shop.takes_corrections = True
        exception.action_retry()
        self.run_all()
        self.assertEqual((parcel.state, exception.state), ("done", "resolved"))
        self.assertEqual(self.the_shipment()["tracking"], "T-2")
        self.assertEqual(self.order_taken.line_ids.taken_qty, 5)

    def test_channel_that_had_it_counts_it_and_asks_for_the_number(self):
        """Taken, answer lost, corrected: the channel has the goods, not the number."""
        picking, parcel = self.shipped()
        self.shop.takes_corrections = False
        report = RestConnector.report_shipment

        def lose(connector, shipment):
            report(connector, shipment)
            raise RetryLater("lost", after=1)

        with patch.object(RestConnector, "report_shipment", lose):
            self.run_publish()
        picking.carrier_tracking_ref = "T-2"
        parcel.next_attempt_at = self.env.cr.now() - timedelta(seconds=1)
        self.run_all()
        line = self.order_taken.line_ids
        self.assertEqual((parcel.state, parcel.is_taken), ("rejected", True))
        self.assertEqual((line.taken_qty, line.own_open_qty), (5, 0))
        self.assertEqual(self.open_exceptions().value, "T-2")

    def test_correction_waits_like_everything_when_the_channel_is_slow(self):
        picking, parcel = self.shipped()
        self.run_all()
        picking.carrier_tracking_ref = "T-1"
        with patch.object(
            RestConnector, "report_shipment", side_effect=RateLimited("slow", after=60)
        ):
            self.run_publish()
        self.assertEqual((parcel.state, parcel.revision), ("pending", 1))
        self.assertTrue(parcel.is_correction)
        self.channel.sudo().next_attempt_at = False
        parcel.next_attempt_at = False
        self.run_all()
        self.assertEqual(self.the_shipment()["tracking"], "T-1")

    def test_refused_parcel_is_told_anew_and_not_answered_from_memory(self):
        del self.shop.books.orders["1001"]
        _picking, parcel = self.shipped()
        self.run_all()
        self.assertEqual(parcel.state, "rejected")
        exception = self.open_exceptions()
        self.assertEqual(exception.fulfillment_id, parcel)
        self.shop.books.orders["1001"] = self.order_data(
            lines=[self.line_data("1", "DESK", 5)]
        )
        exception.action_retry()
        self.run_all()
        self.assertEqual((parcel.state, exception.state), ("done", "resolved"))
        self.assertEqual([lines[0]["quantity"] for lines in self.told()], ["5"])
