from decimal import Decimal
from unittest.mock import patch

from odoo.exceptions import ValidationError
from odoo.tests import tagged
from odoo.tools import mute_logger

from odoo.addons.stock_channel_hub.models.stock_channel_publication_wanted import (
    StockChannelPublicationWanted,
)

from .common import HubCase

DIRTY_LOGGER = "odoo.addons.stock_channel_hub.models.stock_channel_dirty"
PUBLISH_LOGGER = "odoo.addons.stock_channel_hub.models.stock_channel_publish"


class RegressNumbersCase(HubCase):
    """Ten desks on the shelf and in the shop."""

    def setUp(self):
        super().setUp()
        self.receive(self.product, 10)
        self.settle()
        self.row = self.publication()
        self.assertEqual((self.shown(), self.row.state), (10, "clean"))

    def settle(self):
        """Let everything happen that happens by itself, the sweep excepted."""
        self.run_all()
        self.run_poll()
        self.run_all()

    def writes(self):
        return [call for call in self.shop.transport.calls if call.method == "POST"]

    def set_quants(self, product, quantity):
        """Change stock where no hook listens."""
        self.env.flush_all()
        self.env.cr.execute(
            "UPDATE stock_quant SET quantity = %s WHERE product_id = %s",
            [quantity, product.id],
        )
        self.env.invalidate_all()

    def add_listing(self, name, sku, **vals):
        """List a new product at shop and hub; returns product and listing."""
        product = self.make_product(name, **vals)
        self.add_shop_item(sku, "main")
        return product, self.make_listing(self.channel, product, sku)


@tagged("post_install", "-at_install")
class TestRegressMap(RegressNumbersCase):
    """What the channel was told follows the map, whichever way it changes."""

    def drift(self):
        return self.open_exceptions().filtered(lambda e: e.category == "drift")

    def assert_left_behind(self, name, quantity):
        exception = self.drift()
        self.assertEqual(len(exception), 1)
        text = f"{exception.title} {exception.cause} {exception.value}"
        self.assertIn(name, text)
        self.assertIn(str(quantity), text)

    # ------------------------------------------------------------ finding 1

    def test_renamed_listing_is_shown_under_its_new_sku(self):
        """The new id was never told, the old one went on selling ten desks."""
        self.add_shop_item("TABLE-2", "main")
        self.listing.sku = "TABLE-2"
        self.settle()
        self.assertEqual(self.shown("TABLE-2"), 10)
        self.assertEqual((self.row.state, self.row.acknowledged_qty), ("clean", 10))
        self.assert_left_behind("DESK", 10)

    def test_renamed_place_is_shown_under_its_new_id(self):
        self.add_shop_item("DESK", "north")
        self.place.external_id = "north"
        self.settle()
        self.assertEqual(self.shown(location_id="north"), 10)
        self.assert_left_behind("main", 10)

    def test_listing_with_another_item_id_is_told_again(self):
        self.shop.books.levels["DESK", "main"].quantity = Decimal(4)
        writes = len(self.writes())
        self.listing.item_id = "item-9"
        self.settle()
        self.assertEqual(len(self.writes()), writes + 1)
        self.assertEqual((self.shown(), self.row.state), (10, "clean"))

    def test_renamed_listing_whose_old_id_showed_nothing_asks_nobody(self):
        _lamp, listing = self.add_listing("Lamp", "LAMP")
        self.settle()
        self.add_shop_item("LAMP-2", "main", 7)
        listing.sku = "LAMP-2"
        self.settle()
        self.assertEqual(self.shown("LAMP-2"), 0)
        self.assertFalse(self.drift())

    # ------------------------------------------------------------ finding 8

    def test_archived_listing_is_told_zero_and_comes_back(self):
        self.listing.active = False
        self.settle()
        self.assertEqual(self.shown(), 0)
        self.receive(self.product, 3)
        self.settle()
        self.assertEqual(self.shown(), 0)
        self.listing.active = True
        self.settle()
        self.assertEqual(self.shown(), 13)

    def test_archived_place_is_told_zero_and_comes_back(self):
        self.place.active = False
        self.settle()
        self.assertEqual(self.shown(), 0)
        self.place.active = True
        self.settle()
        self.assertEqual(self.shown(), 10)

    # ------------------------------------------------------- findings 9, 10

    def test_move_that_makes_places_overlap_is_refused(self):
        """The same shelf would have been offered twice by one channel."""
        top = self.warehouse.view_location_id
        annex = self.env["stock.location"].create(
            {"name": "Annex", "location_id": top.id}
        )
        second = self.make_place(self.channel, "second", annex)
        with self.assertRaises(ValidationError):
            annex.location_id = self.shelf
        self.env.invalidate_all()
        self.assertEqual((annex.location_id, second.location_ids), (top, annex))
        self.assertFalse(annex.parent_path.startswith(self.stock.parent_path))

    def test_shelf_moved_out_of_the_map_lowers_the_number(self):
        self.receive(self.product, 4, self.shelf)
        self.settle()
        self.assertEqual(self.shown(), 14)
        self.shelf.location_id = self.warehouse.view_location_id
        self.run_all()
        self.assertEqual(self.shown(), 10)

    def test_shelf_moved_into_the_map_raises_the_number(self):
        annex = self.env["stock.location"].create(
            {"name": "Annex", "location_id": self.warehouse.view_location_id.id}
        )
        self.receive(self.product, 4, annex)
        annex.location_id = self.stock
        self.run_all()
        self.assertEqual(self.shown(), 14)

    def test_archived_listing_is_told_zero_even_when_paused(self):
        self.listing.is_paused = True
        self.listing.active = False
        self.run_all()
        self.assertEqual(self.shown(), 0)

    def test_archived_product_is_told_zero(self):
        self.product.active = False
        self.run_all()
        self.assertEqual(self.shown(), 0)
        self.product.active = True
        self.run_all()
        self.assertEqual(self.shown(), 10)


@tagged("post_install", "-at_install")
class TestRegressPublishing(RegressNumbersCase):
    """The shop ends up with the right number, whatever happened before."""

    # ------------------------------------------------------------ finding 2

    def go_live_later(self):
        """Put a paused channel live; its last round of polling is long ago."""
        self.channel.sudo().polled_at = "2020-01-01"
        self.channel.action_go_live()

    def test_live_again_corrects_what_changed_at_the_channel(self):
        """Nothing had changed here, so nothing was sent: the shop sold on."""
        self.channel.action_pause()
        self.shop.books.levels["DESK", "main"].quantity = Decimal(3)
        self.go_live_later()
        self.run_poll()
        self.run_all()
        self.assertEqual((self.shown(), self.row.state), (10, "clean"))

    def test_nothing_is_published_before_the_channels_orders_were_read(self):
        self.channel.action_pause()
        self.receive(self.product, 5)
        self.go_live_later()
        writes = len(self.writes())
        self.run_compute()
        self.run_publish()
        self.assertEqual((len(self.writes()), self.shown()), (writes, 10))
        self.run_poll()
        self.run_inbox()
        self.run_publish()
        self.assertEqual((len(self.writes()), self.shown()), (writes + 1, 15))

    def test_nothing_is_published_before_what_polling_found_is_applied(self):
        """The order was sold before the cut-over; its desks are not there twice."""
        self.channel.action_pause()
        self.shop.books.sell("DESK", "main", Decimal(2))
        self.shop.books.orders["1001"] = self.order_data()
        self.receive(self.product, 5)
        self.go_live_later()
        writes = len(self.writes())
        self.run_compute()
        self.run_poll()
        self.run_publish()
        self.assertEqual((len(self.writes()), self.shown()), (writes, 8))
        self.run_all()
        self.assertEqual(self.find_order().sale_order_id.state, "sale")
        self.assertEqual((self.shown(), self.row.state), (13, "clean"))

    # ------------------------------------------------------------ finding 3

    def test_cancellation_that_meets_a_fall_is_corrected(self):
        """Wanted stayed eight, so nobody saw that the shop had gone back to ten."""
        self.shop.books.sell("DESK", "main", Decimal(2))
        self.order()
        self.settle()
        self.assertEqual((self.shown(), self.row.wanted_qty), (8, 8))
        self.shop.books.restock("DESK", "main", Decimal(2))
        self.order(version=2, status="cancelled")
        self.receive(self.product, -2)
        self.run_compute()
        self.assertEqual(
            (self.row.state, self.row.wanted_qty, self.row.expected_qty),
            ("pending", 8, 10),
        )
        self.run_all()
        self.assertEqual((self.shown(), self.row.state), (8, "clean"))

    # ------------------------------------------------------------ finding 4

    def make_flour(self):
        """A product kept in grams and sold in kilograms."""
        flour = self.make_product(
            "Flour", uom_id=self.env.ref("uom.product_uom_gram").id
        )
        self.add_shop_item("FLOUR", "main")
        kilogram = self.env.ref("uom.product_uom_kgm")
        listing = self.make_listing(self.channel, flour, "FLOUR", uom_id=kilogram.id)
        return flour, listing

    def test_grams_reach_a_channel_that_sells_kilograms(self):
        flour, listing = self.make_flour()
        self.receive(flour, 1125)
        self.run_all()
        self.assertEqual(self.shown("FLOUR"), 1.125)
        self.receive(flour, -1000)
        self.run_all()
        self.run_poll()
        self.run_all()
        self.assertEqual(self.shown("FLOUR"), 0.125)
        row = self.publication(listing)
        self.assertEqual((row.state, row.acknowledged_qty), ("clean", 0.125))

    def test_order_finer_than_the_units_here_asks(self):
        """Odoo would have rounded it to 0.12 and left four grams in flight."""
        self.env["decimal.precision"].search([("name", "=", "Product Unit")]).digits = 2
        flour, _listing = self.make_flour()
        self.receive(flour, 1125)
        order = self.order(lines=[self.line_data("1", "FLOUR", "0.124")])
        exception = self.open_exceptions()
        self.assertEqual((exception.category, exception.field), ("data", "quantity"))
        self.assertEqual((order.state, order.sale_order_id.id), ("waiting", False))
        self.assertEqual(order.message_log_ids.state, "waiting")

    def test_order_as_fine_as_the_units_here_is_applied(self):
        flour, listing = self.make_flour()
        self.receive(flour, 1125)
        order = self.order(lines=[self.line_data("1", "FLOUR", "0.12")])
        self.assertEqual(order.sale_order_id.order_line.product_uom_qty, 0.12)
        self.assertFalse(self.open_exceptions())
        self.assertEqual(self.numbers(listing)["wire"], 1.005)

    def test_order_changed_to_finer_than_the_units_here_asks(self):
        """The sale order rounded it and the hub believed it had it all."""
        self.env["decimal.precision"].search([("name", "=", "Product Unit")]).digits = 2
        flour, _listing = self.make_flour()
        self.receive(flour, 1125)
        order = self.order(lines=[self.line_data("1", "FLOUR", "0.12")])
        self.order(version=2, lines=[self.line_data("1", "FLOUR", "0.124")])
        exception = self.open_exceptions()
        self.assertEqual(exception.mapped("field"), ["quantity"])
        self.assertEqual((exception.category, order.state), ("data", "waiting"))
        self.assertEqual(order.sale_order_id.order_line.product_uom_qty, 0.12)
        self.assertEqual(order.line_ids.applied_qty, 0.12)

    # ----------------------------------------------------------- finding 12

    @mute_logger(PUBLISH_LOGGER)
    def test_fall_that_has_become_a_rise_waits_behind_the_fence(self):
        """The difference may be a sale we have not heard of yet."""
        self.shop.books.sell("DESK", "main", Decimal(2))
        self.receive(self.product, 5)
        self.run_compute()
        self.run_publish()
        self.assertEqual((self.shown(), self.row.expected_qty), (8, 8))
        self.assertTrue(self.row.fence_at)
        self.receive(self.product, -12)
        self.run_compute()
        self.assertEqual(self.row.wanted_qty, 3)
        self.set_quants(self.product, 20)
        writes = len(self.writes())
        self.run_publish()
        self.assertEqual((len(self.writes()), self.shown()), (writes, 8))
        self.settle()
        self.assertEqual((self.shown(), self.row.state), (20, "clean"))


@tagged("post_install", "-at_install")
class TestRegressComputing(RegressNumbersCase):
    """Kits and the sweep: one that cannot be computed stops no other."""

    # ----------------------------------------------------------- finding 11

    def test_outer_kit_follows_the_recipe_of_the_inner_one(self):
        inner = self.make_product("Inner Kit")
        inner_bom = self.make_kit(inner, {self.product: 2})
        outer, listing = self.add_listing("Outer Kit", "OUTER")
        self.make_kit(outer, {inner: 1})
        self.settle()
        self.assertEqual(self.shown("OUTER"), 5)
        inner_bom.bom_line_ids.product_qty = 5
        self.run_all()
        self.assertEqual(self.shown("OUTER"), 2)
        self.assertEqual(self.publication(listing).cause, "bom")

    def test_outer_kit_follows_a_component_added_to_the_inner_one(self):
        screw = self.make_product("Screw")
        self.receive(screw, 3)
        inner = self.make_product("Inner Kit")
        inner_bom = self.make_kit(inner, {self.product: 2})
        outer, _listing = self.add_listing("Outer Kit", "OUTER")
        self.make_kit(outer, {inner: 1})
        self.settle()
        self.env["mrp.bom.line"].create(
            {"bom_id": inner_bom.id, "product_id": screw.id, "product_qty": 1}
        )
        self.run_all()
        self.assertEqual(self.shown("OUTER"), 3)

    # ----------------------------------------------------------- finding 31

    @mute_logger(DIRTY_LOGGER)
    def test_channel_that_cannot_be_swept_does_not_stop_the_next(self):
        other = self.make_channel(name="Unlucky", sequence=1)
        self.shops[other.id] = self.shop
        self.make_place(other, "main", self.stock)
        unlucky = self.make_listing(other, self.product, "DESK")
        other.action_go_shadow()
        self.run_compute()
        self.set_quants(self.product, 6)
        refresh = StockChannelPublicationWanted._refresh

        def explode(publications, listings, cause, changed_at):
            if cause == "sweep" and unlucky in listings:
                raise ZeroDivisionError("boom")
            return refresh(publications, listings, cause, changed_at)

        with patch.object(StockChannelPublicationWanted, "_refresh", explode):
            self.run_sweep()
        self.assertEqual(self.row.wanted_qty, 6)
        self.assertEqual(self.channel.last_sweep_found, 1)
        self.assertEqual(other.last_sweep_found, 0)

    def test_kit_that_cannot_be_worked_out_is_told_zero_and_asks(self):
        """One broken recipe stopped the numbers of every listing."""
        screw = self.make_product("Screw")
        self.receive(screw, 4)
        kit, listing = self.add_listing("Desk Set", "SET")
        self.make_kit(kit, {screw: 1})
        self.settle()
        self.assertEqual(self.shown("SET"), 4)
        line = kit.bom_ids.bom_line_ids
        self.replace_component(line, kit)
        self.receive(self.product, 1)
        self.run_all()
        self.assertEqual((self.shown("SET"), self.shown()), (0, 11))
        exception = self.open_exceptions()
        self.assertEqual(len(exception), 1)
        self.assertEqual(exception.category, "data")
        self.assertIn("contains the kit itself", exception.cause)
        self.replace_component(line, screw)
        self.settle()
        self.assertEqual(self.shown("SET"), 4)
        self.assertEqual(exception.state, "resolved")

    def test_kit_within_itself_is_told_zero_whatever_is_allowed(self):
        """Another component in deficit hid it, and a backorder rule offered it."""
        screw = self.make_product("Screw")
        kit, listing = self.add_listing("Desk Set", "SET")
        self.make_kit(kit, {self.product: 1, screw: 1})
        self.receive(screw, -5)
        self.env["stock.channel.rule"].create(
            {"channel_id": self.channel.id, "kind": "backorder", "value": 50}
        )
        self.replace_component(kit.bom_ids.bom_line_ids[0], kit)
        self.assertEqual(self.numbers(listing)["wire"], 0)

    def replace_component(self, line, product):
        """Change a recipe past Odoo's own check, the way an import does."""
        self.env.flush_all()
        self.env.cr.execute(
            "UPDATE mrp_bom_line SET product_id = %s WHERE id = %s",
            [product.id, line.id],
        )
        self.env.invalidate_all()
        self.env["stock.channel.dirty"]._log_products(
            line.bom_id.product_tmpl_id.product_variant_ids, "bom"
        )

    # ----------------------------------------------------------- finding 33

    def drain_cost(self):
        """Return how many statements it takes to drain one changed quant."""
        self.run_compute()
        self.receive(self.product, 1)
        self.env.flush_all()
        self.env.cr.flush()
        self.env.invalidate_all()
        before = self.env.cr.sql_log_count
        self.assertEqual(self.env["stock.channel.dirty"]._drain(), 1)
        return self.env.cr.sql_log_count - before

    def add_kits(self, numbers, component):
        for number in numbers:
            kit = self.make_product(f"Kit {number}")
            self.make_kit(kit, {component: 1})
            self.make_listing(self.channel, kit, f"KIT-{number}")

    def test_quant_costs_the_same_however_many_kits_there_are(self):
        screw = self.make_product("Screw")
        self.add_kits(range(5), screw)
        self.drain_cost()
        few = self.drain_cost()
        self.add_kits(range(5, 50), screw)
        self.assertEqual(self.drain_cost(), few)
