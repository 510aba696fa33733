from odoo.tests import tagged

from .common import HubCase, now_text


class ShippedThereCase(HubCase):
    """A channel that operates the place its orders are taken from."""

    def setUp(self):
        super().setUp()
        self.place.is_operated_by_channel = True
        self.channel.sudo().live_at = "2020-01-01"
        self.receive(self.product, 20)
        self.run_all()

    def told(self, version, fulfilled=None, quantity=5, sku="DESK", lots=(), **vals):
        """Let the shop tell its order of one line again."""
        line = self.line_data("1", sku, quantity)
        if fulfilled is not None:
            line["fulfilled_quantity"] = str(fulfilled)
        if lots:
            line["lots"] = [
                {"name": name, "quantity": str(amount)} for name, amount in lots
            ]
        return self.order(version=version, lines=[line], placed_at=now_text(), **vals)

    def ship(self, order, quantity):
        """Validate our own delivery for so many, keeping the rest open."""
        picking = order.sale_order_id.picking_ids.filtered(
            lambda picking: picking.state not in ("done", "cancel")
        )
        picking.move_ids.quantity = quantity
        picking.move_ids.picked = True
        picking.with_context(skip_backorder=True).button_validate()
        self.assertEqual(picking.state, "done")

    def transfers(self, order):
        """Return (state, quantity done or to do) of an order's transfers."""
        return [
            (
                picking.state,
                sum(
                    move.quantity if move.state == "done" else move.product_uom_qty
                    for move in picking.move_ids
                ),
            )
            for picking in order.sale_order_id.picking_ids.sorted("id")
        ]

    def quants(self, product=None, location=None):
        """Return what lies there: {lot name or False: (quantity, reserved)}."""
        found = {}
        for quant in self.env["stock.quant"].search(
            [
                ("product_id", "=", (product or self.product).id),
                ("location_id", "child_of", (location or self.stock).id),
            ]
        ):
            name = quant.lot_id.name
            quantity, reserved = found.get(name, (0, 0))
            found[name] = (
                quantity + quant.quantity,
                reserved + quant.reserved_quantity,
            )
        return {name: pair for name, pair in found.items() if any(pair)}

    def assert_asks(self, order, state="open"):
        exception = self.env["stock.channel.exception"].search(
            [("fingerprint", "=", f"order:{order.id}:elsewhere")]
        )
        self.assertEqual(exception.mapped("state"), [state])
        self.assertEqual(exception.category, "stock")
        return exception

    def assert_nothing_moved(self, order, product=None, on_hand=20):
        self.assertEqual(order.line_ids.reported_qty, 0)
        self.assertFalse(order.fulfillment_ids)
        self.assertFalse(
            order.sale_order_id.picking_ids.filtered(lambda p: p.state == "done")
        )
        self.assertEqual(
            sum(pair[0] for pair in self.quants(product).values()), on_hand
        )


@tagged("post_install", "-at_install")
class TestShippedThere(ShippedThereCase):
    """What the channel ships itself validates the delivery, exactly and once."""

    def test_whole_order(self):
        order = self.told(1)
        self.told(2, fulfilled=5)
        self.assertEqual(self.transfers(order), [("done", 5)])
        self.assertEqual(self.quants(), {False: (15, 0)})
        line = order.line_ids
        self.assertEqual(
            (line.reported_qty, line.taken_qty, line.acknowledged_qty), (5, 0, 5)
        )
        self.assertEqual((line.in_flight_qty, line.own_open_qty), (0, 0))
        self.assertEqual(order.sale_order_id.order_line.qty_delivered, 5)
        self.assertTrue(order.sale_order_id.picking_ids.date_done)
        self.assertFalse(self.open_exceptions())

    def test_it_is_not_reported_back(self):
        order = self.told(1)
        self.shop.books.orders["1001"] = self.order_data()
        self.told(2, fulfilled=5)
        self.run_all()
        self.assertEqual(self.shop.books.shipments, {})
        parcel = order.fulfillment_ids
        self.assertEqual(
            (parcel.state, parcel.by_channel, parcel.line_ids.quantity),
            ("done", True, 5),
        )
        self.assertEqual(parcel.picking_id, order.sale_order_id.picking_ids)
        self.assertEqual(parcel.channel_location_id, self.place)
        self.assertEqual(self.shown(), 15)

    def test_part_after_part(self):
        order = self.told(1)
        self.told(2, fulfilled=2)
        self.assertEqual(self.transfers(order), [("done", 2), ("assigned", 3)])
        self.assertEqual(self.quants(), {False: (18, 3)})
        self.assertEqual(order.line_ids.own_open_qty, 3)
        self.told(3, fulfilled=3)
        self.assertEqual(
            self.transfers(order), [("done", 2), ("done", 1), ("assigned", 2)]
        )
        self.told(4, fulfilled=5)
        self.assertEqual(self.transfers(order), [("done", 2), ("done", 1), ("done", 2)])
        self.assertEqual(self.quants(), {False: (15, 0)})
        self.assertEqual(
            order.fulfillment_ids.sorted("id").line_ids.mapped("quantity"), [2, 1, 2]
        )

    def test_the_rest_stays_open_where_nothing_is_backordered(self):
        """The operation type cancels what a clerk leaves; nobody has left it here."""
        self.warehouse.out_type_id.create_backorder = "never"
        order = self.told(1)
        self.told(2, fulfilled=2)
        self.assertEqual(self.transfers(order), [("done", 2), ("assigned", 3)])

    def test_same_word_twice(self):
        order = self.told(1)
        self.told(2, fulfilled=2)
        self.told(3, fulfilled=2)
        self.deliver(
            "order.updated",
            self.order_data(
                version=3,
                lines=[self.line_data("1", "DESK", 5, fulfilled_quantity="2")],
            ),
            key="again",
        )
        self.run_inbox()
        self.assertEqual(self.transfers(order), [("done", 2), ("assigned", 3)])

    def test_older_word_after_a_newer_one(self):
        order = self.told(1)
        self.told(4, fulfilled=4)
        self.told(3, fulfilled=2)
        self.assertEqual(self.transfers(order), [("done", 4), ("assigned", 1)])
        self.assertFalse(self.open_exceptions())

    def test_order_first_heard_of_when_it_had_left(self):
        """A marketplace tells of what it fulfils when it has left."""
        order = self.told(1, fulfilled=5)
        self.assertEqual(self.transfers(order), [("done", 5)])
        self.assertEqual(self.quants(), {False: (15, 0)})
        self.assertEqual(order.line_ids.elsewhere_qty, 0)
        self.assertFalse(self.open_exceptions())

    def test_order_from_before_the_channel_went_live_moves_nothing(self):
        order = self.order(
            placed_at="2019-01-01T10:00:00+00:00",
            lines=[self.line_data("1", "DESK", 5, fulfilled_quantity="5")],
        )
        self.assertFalse(order.sale_order_id)
        self.assertEqual(order.line_ids.elsewhere_qty, 5)
        self.assertEqual(self.quants(), {False: (20, 0)})

    def test_echo_of_our_own_parcel(self):
        order = self.told(1)
        self.shop.books.orders["1001"] = self.order_data()
        self.ship(order, 2)
        self.told(2, fulfilled=2)
        self.run_all()
        self.told(3, fulfilled=2)
        self.assertEqual(self.transfers(order), [("done", 2), ("assigned", 3)])
        self.assertEqual(len(self.shop.books.shipments), 1)
        self.told(4, fulfilled=4)
        self.assertEqual(
            self.transfers(order), [("done", 2), ("done", 2), ("assigned", 1)]
        )
        self.run_all()
        self.assertEqual(len(self.shop.books.shipments), 1)
        line = order.line_ids
        self.assertEqual(
            (line.reported_qty, line.taken_qty, line.own_open_qty), (4, 2, 1)
        )

    def test_several_lines_leave_in_one_parcel(self):
        lamp = self.make_product("Lamp", "LAMP")
        self.make_listing(self.channel, lamp, "LAMP")
        self.receive(lamp, 4)
        lines = [self.line_data("1", "DESK", 2), self.line_data("2", "LAMP", 3)]
        order = self.order(lines=lines, placed_at=now_text())
        lines[0]["fulfilled_quantity"] = "2"
        lines[1]["fulfilled_quantity"] = "1"
        self.order(version=2, lines=lines)
        self.assertEqual(self.transfers(order), [("done", 3), ("assigned", 2)])
        self.assertEqual(self.quants(lamp), {False: (3, 2)})
        self.assertEqual(
            order.fulfillment_ids.line_ids.mapped(
                lambda line: (line.sku, line.quantity)
            ),
            [("DESK", 2), ("LAMP", 1)],
        )

    def test_cancelled_after_part_of_it_left(self):
        order = self.told(1)
        self.told(2, fulfilled=2, status="cancelled")
        self.assertEqual(order.sale_order_id.order_line.product_uom_qty, 2)
        self.assertEqual(self.transfers(order), [("done", 2)])
        self.assertEqual(self.quants(), {False: (18, 0)})

    def test_payment_holds_nothing_that_has_left(self):
        self.channel.write({"import_from": "paid", "ship_from": "paid"})
        order = self.told(1, payment_status="unpaid")
        self.assertFalse(order.sale_order_id)
        self.told(2, fulfilled=5, payment_status="unpaid")
        self.assertEqual(self.transfers(order), [("done", 5)])

    def test_taken_from_another_order_that_had_reserved_it(self):
        """It has left: the order that had reserved it takes what is there."""
        first = self.told(1, quantity=15)
        second = self.order("1002", lines=[self.line_data("1", "DESK", 10)])
        self.assertEqual(self.quants(), {False: (20, 20)})
        self.order(
            "1002",
            version=2,
            lines=[self.line_data("1", "DESK", 10, fulfilled_quantity="10")],
            placed_at=now_text(),
        )
        self.assertEqual(self.transfers(second), [("done", 10)])
        self.assertEqual(self.quants(), {False: (10, 10)})
        self.assertEqual(
            first.sale_order_id.picking_ids.move_ids.mapped("quantity"), [10]
        )

    # --------------------------------------------------------------- trouble

    def test_more_than_lies_there_moves_nothing_and_asks(self):
        self.receive(self.product, -17)
        order = self.told(1)
        self.told(2, fulfilled=5)
        self.assert_nothing_moved(order, on_hand=3)
        exception = self.assert_asks(order)
        self.assertIn("2 Units", exception.cause)
        self.receive(self.product, 7)
        exception.action_retry()
        self.run_all()
        self.assertEqual(exception.state, "resolved")
        self.assertEqual(self.transfers(order), [("done", 5)])
        self.assertEqual(self.quants(), {False: (5, 0)})

    def test_place_of_ours_asks_as_before(self):
        self.place.is_operated_by_channel = False
        order = self.told(1)
        self.told(2, fulfilled=5)
        self.assert_nothing_moved(order)
        exception = self.assert_asks(order)
        self.ship(order, 5)
        self.assertEqual(exception.state, "resolved")

    def test_more_than_was_ordered_here_asks_for_the_rest(self):
        """Somebody lowered the order here, and the channel shipped all of it."""
        order = self.told(1)
        order.sale_order_id.order_line.product_uom_qty = 3
        self.told(2, fulfilled=5)
        self.assertEqual(self.transfers(order), [("done", 3)])
        self.assertIn("2 Units", self.assert_asks(order).cause)
        self.assertEqual(self.quants(), {False: (17, 0)})

    def test_shipment_taken_back_asks(self):
        order = self.told(1)
        self.told(2, fulfilled=5)
        self.told(3, fulfilled=3)
        exception = self.open_exceptions()
        self.assertEqual(
            (exception.fingerprint, exception.category),
            (f"order:{order.id}:unfulfilled", "stock"),
        )
        self.assertIn("2 Units DESK", exception.cause)
        self.assertEqual(self.transfers(order), [("done", 5)])
        self.told(4, fulfilled=3)
        self.assertEqual(exception.occurrences, 1)
        self.told(5, fulfilled=5)
        self.assertEqual(exception.state, "resolved")
        self.assertEqual(self.transfers(order), [("done", 5)])
        self.assertEqual(self.quants(), {False: (15, 0)})
