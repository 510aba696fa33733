from odoo.tests import tagged

from .common import HubCase


@tagged("post_install", "-at_install")
class TestLoop(HubCase):
    """The smallest whole loop: stock out, orders in, failures in the queue."""

    def test_first_publication_shows_the_stock(self):
        self.receive(self.product, 10)
        self.run_all()
        self.assertEqual(self.shown(), 10)
        row = self.publication()
        self.assertEqual(row.state, "clean")
        self.assertEqual(
            (row.wanted_qty, row.sent_qty, row.acknowledged_qty, row.expected_qty),
            (10, 10, 10, 10),
        )

    def test_stock_change_reaches_the_shop(self):
        self.receive(self.product, 10)
        self.run_all()
        self.receive(self.product, 5, self.shelf)
        self.run_all()
        self.assertEqual(self.shown(), 15)

    def test_order_is_reserved_and_the_number_falls(self):
        self.receive(self.product, 10)
        self.run_all()
        order = self.order()
        sale = order.sale_order_id
        self.assertEqual(sale.state, "sale")
        self.assertEqual(sale.order_line.product_uom_qty, 2)
        self.assertEqual(sale.order_line.warehouse_id, self.warehouse)
        self.assertEqual(sale.amount_total, 20)
        self.assertEqual(sale.client_order_ref, "1001")
        self.assertEqual(sale.picking_ids.state, "assigned")
        self.assertEqual(order.state, "applied")
        numbers = self.numbers()
        self.assertEqual(
            (numbers["on_hand"], numbers["reserved"], numbers["wire"]), (10, 2, 8)
        )
        self.run_all()
        self.assertEqual(self.shown(), 8)

    def test_cancelled_order_is_released(self):
        self.receive(self.product, 10)
        self.run_all()
        order = self.order()
        self.order(version=2, status="cancelled")
        self.assertEqual(order.sale_order_id.state, "cancel")
        self.assertEqual(order.sale_order_id.picking_ids.state, "cancel")
        self.assertEqual(order.state, "cancelled")
        self.assertEqual(self.numbers()["reserved"], 0)
        self.run_all()
        self.assertEqual(self.shown(), 10)

    def test_unknown_sku_opens_one_exception(self):
        for number in (1, 2):
            self.order(f"200{number}", lines=[self.line_data("1", "NOBODY-KNOWS", 1)])
        exception = self.open_exceptions()
        self.assertEqual(len(exception), 1)
        self.assertEqual(exception.category, "mapping")
        self.assertEqual(exception.value, "NOBODY-KNOWS")
        self.assertEqual(exception.occurrences, 2)
        self.assertEqual(exception.waiting_count, 2)
        self.assertEqual(exception.user_id, self.channel.exception_owner_id)
        self.assertFalse(self.find_order("2001").sale_order_id)

    def test_mapping_the_sku_heals_every_order(self):
        self.receive(self.product, 10)
        for number in (1, 2):
            self.order(f"200{number}", lines=[self.line_data("1", "NOBODY-KNOWS", 1)])
        exception = self.open_exceptions()
        exception.product_id = self.product
        exception.action_map()
        self.assertEqual(exception.state, "open")
        self.run_all()
        self.assertEqual(exception.state, "resolved")
        self.assertEqual(self.find_order("2001").sale_order_id.state, "sale")
        self.assertEqual(self.find_order("2002").sale_order_id.state, "sale")
        self.assertEqual(self.numbers()["reserved"], 2)

    def test_mapping_what_nothing_waits_for_closes_it(self):
        exceptions = self.env["stock.channel.exception"]
        exception = exceptions._open(
            self.channel,
            category="mapping",
            mapping_kind="item",
            fingerprint=exceptions._mapping_fingerprint(self.channel, "item", "NEW"),
            title="NEW is not mapped to a product",
            value="NEW",
        )
        exception.product_id = self.make_product("New")
        exception.action_map()
        self.assertEqual(exception.state, "resolved")

    def test_partial_shipment_is_reported_once(self):
        self.receive(self.product, 10)
        self.run_all()
        order = self.order(lines=[self.line_data("1", "DESK", 3)])
        self.shop.books.orders["1001"] = self.order_data(
            lines=[self.line_data("1", "DESK", 3)]
        )
        picking = order.sale_order_id.picking_ids
        picking.carrier_tracking_ref = "TRACK-1"
        picking.move_ids.quantity = 2
        picking.move_ids.picked = True
        picking.with_context(skip_backorder=True).button_validate()
        self.run_all()
        self.run_all()
        name = order.fulfillment_ids.external_id
        self.assertEqual(list(self.shop.books.shipments), [name])
        shipment = self.shop.books.shipments[name]
        self.assertEqual(
            shipment["lines"],
            [{"order_line_id": "1", "quantity": "2"}],
        )
        self.assertEqual(shipment["tracking"], "TRACK-1")
        numbers = self.numbers()
        self.assertEqual((numbers["on_hand"], numbers["reserved"]), (8, 1))
        self.assertEqual(self.shown(), 7)

    def test_announced_return_restocks_when_the_warehouse_receives_it(self):
        self.receive(self.product, 10)
        order = self.order()
        picking = order.sale_order_id.picking_ids
        picking.move_ids.picked = True
        picking.button_validate()
        self.deliver(
            "return.updated",
            {
                "id": "R1",
                "order_id": "1001",
                "version": 1,
                "status": "announced",
                "lines": [
                    {"order_line_id": "1", "quantity": "1", "disposition": "restock"}
                ],
            },
        )
        self.run_all()
        returned = self.env["stock.channel.return"].search([])
        self.assertEqual(returned.state, "announced")
        self.assertEqual(self.numbers()["on_hand"], 8)
        returned.picking_ids.move_ids.picked = True
        returned.picking_ids.button_validate()
        self.assertEqual(returned.state, "done")
        self.run_all()
        self.assertEqual(self.shown(), 9)

    def test_transfer_between_warehouses_counts_nowhere_on_its_way(self):
        self.receive(self.product, 10)
        south = self.env["stock.warehouse"].create({"name": "South", "code": "HUBS"})
        place = self.make_place(self.channel, "south", south.lot_stock_id)
        self.add_shop_item("DESK", "south")
        transit = self.company.internal_transit_location_id
        out = self.make_move(self.product, 4, self.stock, transit)
        into = self.make_move(
            self.product,
            4,
            transit,
            south.lot_stock_id,
            procure_method="make_to_order",
            move_orig_ids=[(4, out.id)],
        )
        self.finish(out)
        self.run_all()
        self.assertEqual((self.shown(), self.shown(location_id="south")), (6, 0))
        self.finish(into)
        self.run_all()
        self.assertEqual((self.shown(), self.shown(location_id="south")), (6, 4))
        self.assertEqual(self.numbers(place=place)["on_hand"], 4)
