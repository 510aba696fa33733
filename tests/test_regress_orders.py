from odoo.exceptions import UserError
from odoo.tests import tagged

from .common import HubCase, now_text

OTHER_ADDRESS = {
    "name": "Ada Example",
    "street": "9 Side Street",
    "city": "Ghent",
    "zip": "9000",
    "country": "BE",
}


class RegressOrdersCase(HubCase):
    """Twenty desks in stock."""

    def setUp(self):
        super().setUp()
        self.receive(self.product, 20)
        self.run_all()

    def sales(self):
        return self.env["sale.order"].search(
            [("stock_channel_id", "=", self.channel.id)]
        )

    def open_in(self, category):
        return self.open_exceptions().filtered(lambda e: e.category == category)

    def open_demand(self, order):
        moves = order.sale_order_id.order_line.move_ids.filtered(
            lambda move: move.state not in ("done", "cancel")
        )
        return sum(moves.mapped("product_qty"))

    def repeat(self, key, version=1, **vals):
        """Deliver order 1001 again under another delivery id."""
        self.deliver("order.updated", self.order_data("1001", version, **vals), key=key)
        self.run_inbox()

    def message_states(self):
        messages = self.env["stock.channel.message"].search(
            [("channel_id", "=", self.channel.id)], order="id"
        )
        return messages.mapped("state")

    def make_clerk(self):
        return self.env["res.users"].create(
            {
                "name": "Clerk",
                "login": "clerk-without-hub",
                "group_ids": [(6, 0, self.env.ref("stock.group_stock_user").ids)],
            }
        )

    def ship(self, order, user=None):
        picking = order.sale_order_id.picking_ids.with_user(user or self.env.user)
        picking.move_ids.picked = True
        picking.button_validate()
        self.assertEqual(picking.state, "done")
        self.env.invalidate_all()

    def make_set(self, quantity=2):
        """A kit of so many desks, listed; returns its bill of materials."""
        kit = self.make_product("Desk Set", "SET")
        bom = self.make_kit(kit, {self.product: quantity})
        self.make_listing(self.channel, kit, "SET")
        return bom


@tagged("post_install", "-at_install")
class TestRegressShippedThere(RegressOrdersCase):
    """What the channel says has left, and what has left from here."""

    # ------------------------------------------------------------ finding 5

    def take_fulfilled(self, placed_at, quantity=2, fulfilled=2):
        line = self.line_data("1", "DESK", quantity, fulfilled_quantity=str(fulfilled))
        return self.order(placed_at=placed_at, lines=[line])

    def assert_holds_nothing(self, order):
        self.assertFalse(order.sale_order_id)
        self.assertFalse(self.sales())
        self.assertEqual(order.state, "applied")
        line = order.line_ids
        self.assertEqual((line.in_flight_qty, line.own_open_qty), (0, 0))
        numbers = self.numbers()
        self.assertEqual(
            (numbers["reserved"], numbers["in_flight"], numbers["wire"]), (0, 0, 20)
        )
        self.assertEqual(self.message_states(), ["done"])

    def test_order_that_had_left_before_the_cut_over_holds_nothing(self):
        """Every old order polled at the start reserved its goods a second time."""
        order = self.take_fulfilled("2020-01-01T10:00:00+00:00")
        self.assert_holds_nothing(order)
        self.assertFalse(self.open_exceptions())

    def test_order_that_left_without_us_holds_nothing_and_asks(self):
        self.channel.sudo().live_at = "2020-01-01"
        order = self.take_fulfilled(now_text())
        self.assert_holds_nothing(order)
        exception = self.open_exceptions()
        self.assertEqual(len(exception), 1)
        self.assertEqual(
            (exception.category, exception.channel_order_id), ("stock", order)
        )

    def test_order_that_had_partly_left_is_taken_over_for_the_rest(self):
        order = self.take_fulfilled("2020-01-01T10:00:00+00:00", 5, 2)
        self.assertEqual(order.sale_order_id.order_line.product_uom_qty, 3)
        self.assertEqual(self.open_demand(order), 3)
        line = order.line_ids
        self.assertEqual((line.in_flight_qty, line.own_open_qty), (0, 3))
        self.assertEqual(self.numbers()["wire"], 17)
        self.assertFalse(self.open_in("stock"))

    def test_rest_of_an_order_that_had_partly_left_is_reported_and_closed(self):
        """Two that left before us and three from here make five, not three."""
        order = self.take_fulfilled("2020-01-01T10:00:00+00:00", 5, 2)
        self.shop.books.orders["1001"] = self.order_data()
        self.ship(order)
        self.run_all()
        parcel = order.fulfillment_ids
        self.assertEqual((parcel.state, parcel.line_ids.quantity), ("done", 3))
        self.assertEqual(self.numbers()["wire"], 17)
        line = order.line_ids
        self.assertEqual((line.acknowledged_qty, line.own_open_qty), (5, 0))

    # ------------------------------------------------------------ finding 6

    def test_shipment_the_channel_knows_and_we_do_not_asks(self):
        """Somebody packed it by hand: the goods stayed reserved for ever."""
        order = self.order()
        self.order(
            version=2, lines=[self.line_data("1", "DESK", 2, fulfilled_quantity="2")]
        )
        exception = self.open_exceptions()
        self.assertEqual(len(exception), 1)
        self.assertEqual(
            (exception.category, exception.channel_order_id), ("stock", order)
        )
        self.assertEqual(order.sale_order_id.picking_ids.state, "assigned")
        self.assertEqual(self.numbers()["on_hand"], 20)
        self.shop.books.orders["1001"] = self.order_data()
        self.ship(order)
        self.run_all()
        self.assertEqual(exception.state, "resolved")

    def test_shipment_that_left_from_here_asks_nobody(self):
        order = self.order()
        self.ship(order)
        self.order(
            version=2, lines=[self.line_data("1", "DESK", 2, fulfilled_quantity="2")]
        )
        self.assertFalse(self.open_exceptions())
        self.assertEqual(order.line_ids.own_open_qty, 0)


@tagged("post_install", "-at_install")
class TestRegressVersions(RegressOrdersCase):
    """What the channel tells again, with or without another version."""

    # ------------------------------------------------------------ finding 7

    def test_cancellation_under_a_known_version_is_applied(self):
        """The channel had not counted up, and the cancellation was lost."""
        order = self.order()
        self.repeat("again", status="cancelled")
        self.assertEqual(
            (order.sale_order_id.state, order.state), ("cancel", "cancelled")
        )
        self.assertEqual(self.numbers()["wire"], 20)
        self.assertEqual(self.open_exceptions().category, "data")
        self.assertEqual(len(self.open_exceptions()), 1)

    def test_quantity_under_a_known_version_is_applied(self):
        order = self.order()
        self.repeat("again", lines=[self.line_data("1", "DESK", 5)])
        self.assertEqual(order.sale_order_id.order_line.product_uom_qty, 5)
        self.assertEqual(self.open_demand(order), 5)
        self.assertEqual(self.open_exceptions().category, "data")
        self.assertEqual(len(self.open_exceptions()), 1)

    def test_address_under_a_known_version_is_not_lost(self):
        order = self.order()
        self.repeat("again", shipping_address=OTHER_ADDRESS)
        self.assertEqual(self.open_in("data").field, "version")
        self.assertEqual(
            order.sale_order_id.partner_shipping_id.city, OTHER_ADDRESS["city"]
        )
        self.assertEqual(self.open_demand(order), 2)

    def test_same_content_under_a_known_version_asks_nobody(self):
        data = self.order_data()
        self.deliver("order.updated", data, key="first")
        self.run_inbox()
        self.deliver("order.updated", data, key="second")
        self.run_inbox()
        self.assertEqual(self.message_states(), ["done", "done"])
        self.assertEqual(self.open_demand(self.find_order()), 2)
        self.assertFalse(self.open_exceptions())

    # ----------------------------------------------------------- finding 25

    def test_address_changed_after_a_parcel_left_asks(self):
        """The parcel would have gone to the old address."""
        order = self.order()
        self.ship(order)
        self.order(version=2, shipping_address=OTHER_ADDRESS)
        exception = self.open_exceptions()
        self.assertEqual(len(exception), 1)
        self.assertEqual(
            (exception.category, exception.field, exception.channel_order_id),
            ("data", "shipping_address", order),
        )
        self.assertEqual(order.sale_order_id.partner_shipping_id.city, "Brussels")
        self.assertEqual(order.state, "applied")

    def test_picked_line_given_to_another_location_asks(self):
        south = self.env["stock.warehouse"].create({"name": "South", "code": "HUBS"})
        self.make_place(self.channel, "south", south.lot_stock_id)
        self.receive(self.product, 5, south.lot_stock_id)
        order = self.order()
        order.sale_order_id.picking_ids.move_ids.picked = True
        self.order(
            version=2, lines=[self.line_data("1", "DESK", 2, location_id="south")]
        )
        exception = self.open_exceptions()
        self.assertEqual(len(exception), 1)
        self.assertEqual(
            (exception.category, exception.field, exception.channel_order_id),
            ("data", "location_id", order),
        )
        self.assertEqual(order.sale_order_id.picking_ids.location_id, self.stock)
        self.assertEqual(self.open_demand(order), 2)

    # ----------------------------------------------------------- finding 26

    def make_south_order(self):
        south = self.env["stock.warehouse"].create({"name": "South", "code": "HUBS"})
        place = self.make_place(self.channel, "south", south.lot_stock_id)
        self.receive(self.product, 5, south.lot_stock_id)
        lines = [self.line_data("1", "DESK", 2, location_id="south")]
        order = self.order(lines=lines)
        self.assertEqual(order.sale_order_id.picking_ids.state, "assigned")
        return place, order, lines

    def assert_cancelled(self, order):
        self.assertEqual(
            (order.sale_order_id.state, order.state), ("cancel", "cancelled")
        )
        self.assertEqual(order.sale_order_id.picking_ids.state, "cancel")
        self.assertEqual(self.message_states(), ["done", "done"])
        self.assertFalse(self.open_in("mapping"))

    def test_order_of_an_archived_location_can_be_cancelled(self):
        """The cancellation waited for a map while the goods stayed reserved."""
        place, order, lines = self.make_south_order()
        place.active = False
        self.order(version=2, status="cancelled", lines=lines)
        self.assert_cancelled(order)

    def test_order_of_an_unmapped_location_can_be_cancelled(self):
        place, order, lines = self.make_south_order()
        place.location_ids = False
        self.order(version=2, status="cancelled", lines=lines)
        self.assert_cancelled(order)

    # ----------------------------------------------------------- finding 29

    def test_deleted_sale_order_is_not_made_again(self):
        """Somebody deleted it on purpose; the next word of the channel revived it."""
        order = self.order()
        order.sale_order_id._action_cancel()
        order.sale_order_id.unlink()
        self.order(version=2, lines=[self.line_data("1", "DESK", 3)])
        self.assertFalse(self.sales())
        self.assertFalse(order.sale_order_id)
        exception = self.open_exceptions()
        self.assertEqual(len(exception), 1)
        self.assertEqual(
            (exception.category, exception.channel_order_id), ("data", order)
        )
        self.assertEqual(self.numbers()["reserved"], 0)

    def test_deleted_sale_order_is_missed_whatever_the_channel_changed(self):
        order = self.order()
        order.sale_order_id._action_cancel()
        order.sale_order_id.unlink()
        self.order(version=2, note="Please hurry")
        self.assertFalse(self.sales())
        exception = self.open_exceptions()
        self.assertEqual(exception.mapped("category"), ["data"])
        self.assertEqual(exception.channel_order_id, order)


@tagged("post_install", "-at_install")
class TestRegressMapMeanwhile(RegressOrdersCase):
    """The map and the recipes may change while an order is on its way."""

    # ----------------------------------------------------------- finding 15

    def test_order_of_a_renamed_listing_can_be_shipped(self):
        """The line lost its listing, and validating its delivery failed."""
        order = self.order()
        self.listing.sku = "TABLE"
        self.order(version=2, note="hurry")
        self.ship(order, self.make_clerk())
        self.assertEqual(order.fulfillment_ids.line_ids.quantity, 2)
        self.assertEqual(order.line_ids.listing_id, self.listing)
        self.assertEqual(self.message_states(), ["done", "done"])
        self.assertFalse(self.open_in("mapping"))

    # ----------------------------------------------------------- finding 16

    def test_kit_is_reported_by_the_recipe_it_was_sold_with(self):
        bom = self.make_set()
        order = self.order(lines=[self.line_data("1", "SET", 3)])
        bom.bom_line_ids.product_qty = 3
        self.ship(order)
        self.assertEqual(self.numbers()["on_hand"], 14)
        self.assertEqual(order.fulfillment_ids.line_ids.quantity, 3)

    def test_kit_is_cancelled_by_the_recipe_it_was_sold_with(self):
        bom = self.make_set()
        order = self.order(lines=[self.line_data("1", "SET", 3)])
        bom.bom_line_ids.product_qty = 3
        self.order(
            version=2, lines=[self.line_data("1", "SET", 3, cancelled_quantity="1")]
        )
        self.assertEqual(order.sale_order_id.order_line.product_uom_qty, 2)
        self.assertEqual(self.open_demand(order), 4)
        self.ship(order)
        self.assertEqual(order.fulfillment_ids.line_ids.quantity, 2)

    def test_order_is_reported_as_the_product_it_was_sold_as(self):
        order = self.order(lines=[self.line_data("1", "DESK", 5)])
        self.listing.product_id = self.make_product("Lamp", "LAMP")
        self.order(
            version=2, lines=[self.line_data("1", "DESK", 5, cancelled_quantity="2")]
        )
        self.assertEqual(order.sale_order_id.order_line.product_uom_qty, 3)
        self.assertEqual(self.open_demand(order), 3)
        self.ship(order)
        self.assertEqual(order.fulfillment_ids.line_ids.quantity, 3)

    # ----------------------------------------------------------- finding 21

    def make_customer(self, **vals):
        """A customer of the same address whose own price list is ``vals``."""
        everybody = self.env.ref("base.group_user")
        everybody.implied_ids += self.env.ref("product.group_product_pricelist")
        everybody.implied_ids += self.env.ref("sale.group_discount_per_so_line")
        pricelist = self.env["product.pricelist"].create({"name": "Theirs", **vals})
        partner = self.env["res.partner"].create(
            {
                "name": "Ada Example",
                "email": "ada@example.com",
                "property_product_pricelist": pricelist.id,
            }
        )
        self.assertEqual(partner.property_product_pricelist, pricelist)
        return partner, pricelist

    def test_order_is_in_the_channels_currency_not_in_the_customers(self):
        other = self.env.ref("base.JPY")
        other.active = True
        partner, _pricelist = self.make_customer(currency_id=other.id)
        order = self.order()
        self.assertEqual(order.sale_order_id.partner_id, partner)
        self.assertEqual(order.sale_order_id.currency_id, self.company.currency_id)
        self.assertEqual(order.sale_order_id.amount_total, 20)
        self.assertFalse(self.open_exceptions())

    def ten_percent(self):
        return (
            0,
            0,
            {
                "applied_on": "3_global",
                "compute_price": "percentage",
                "percent_price": 10,
            },
        )

    def test_discount_of_the_customers_price_list_changes_no_price(self):
        partner, _pricelist = self.make_customer(item_ids=[self.ten_percent()])
        order = self.order()
        self.assertEqual(order.sale_order_id.partner_id, partner)
        self.assertEqual(order.sale_order_id.amount_total, 20)
        self.assertFalse(self.open_exceptions())

    def test_discount_of_the_channels_price_list_changes_no_price(self):
        """The price list is there for its currency; prices come from the channel."""
        _partner, pricelist = self.make_customer(item_ids=[self.ten_percent()])
        self.channel.pricelist_id = pricelist
        order = self.order()
        self.assertEqual(order.sale_order_id.amount_total, 20)
        self.order(version=2, lines=[self.line_data("1", "DESK", 3)])
        self.assertEqual(order.sale_order_id.amount_total, 30)
        self.assertFalse(self.open_exceptions())

    # ------------------------------------------------------- findings 27, 28

    def test_order_waiting_for_an_ignored_exception_runs_when_mapped(self):
        order = self.order(lines=[self.line_data("1", "UNKNOWN", 1)])
        exception = self.open_exceptions()
        exception._ignore("Known and harmless.")
        self.assertEqual(exception.state, "ignored")
        self.make_listing(self.channel, self.product, "UNKNOWN")
        self.run_inbox()
        self.assertEqual(order.sale_order_id.state, "sale")
        self.assertEqual(order.sale_order_id.order_line.product_uom_qty, 1)
        self.assertEqual(self.message_states(), ["done"])

    def test_mapping_what_an_archived_listing_holds_says_so(self):
        """It ended in a traceback about a unique index."""
        self.listing.active = False
        order = self.order()
        exception = self.open_exceptions()
        self.assertEqual(exception.value, "DESK")
        exception.product_id = self.product
        with self.assertRaisesRegex(UserError, "archived"):
            exception.action_map()
        self.env.invalidate_all()
        self.assertEqual((exception.state, exception.waiting_count), ("open", 1))
        listings = self.channel.with_context(active_test=False).listing_ids
        self.assertEqual((listings, listings.active), (self.listing, False))
        self.assertFalse(order.sale_order_id)
