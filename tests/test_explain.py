import json
from datetime import timedelta
from decimal import Decimal

from odoo import fields
from odoo.tests import tagged

from odoo.addons.stock_channel_hub.models import stock_channel_explain

from .common import HubCase

PARTS = (
    "on_hand",
    "unavailable",
    "reserved",
    "owed",
    "in_flight",
    "incoming",
    "own_open",
)


def exact(quantity):
    return Decimal(repr(quantity))


class ExplainCase(HubCase):
    def row(self, listing=None, place=None):
        """Return the publication, computed now."""
        listing = listing or self.listing
        rows = self.env["stock.channel.publication"]
        rows._refresh(listing, "stock", self.env.cr.now())
        return self.publication(listing, place)

    def explain(self, listing=None, place=None, user=None):
        row = self.row(listing, place)
        return (row.with_user(user) if user else row).explain()

    def assert_adds_up(self, found):
        """Each part is the sum of its lines, each step the one before changed."""
        for part in PARTS:
            total = sum((exact(line["quantity"]) for line in found["lines"][part]), 0)
            self.assertEqual(total, exact(found["parts"][part]), part)
        self.assert_steps(found)
        self.assertEqual(found["differences"], [])
        json.dumps(found)

    def assert_steps(self, found):
        quantity = Decimal(0)
        for step in found["steps"]:
            if step["change"] is not None:
                quantity += exact(step["change"])
                self.assertEqual(quantity, exact(step["quantity"]), step["kind"])
            quantity = exact(step["quantity"])
        self.assertEqual(quantity, exact(found["parts"]["wire"]))

    def lines(self, found, part):
        return [(line["name"], line["quantity"]) for line in found["lines"][part]]

    def steps(self, found):
        return [(step["kind"], step["quantity"]) for step in found["steps"]]

    def written(self):
        """Return how many rows of each table this transaction wrote so far."""
        self.env.cr.execute(
            """
            SELECT relname, n_tup_ins + n_tup_upd + n_tup_del
              FROM pg_stat_xact_user_tables
             WHERE n_tup_ins + n_tup_upd + n_tup_del > 0
             ORDER BY relname
            """
        )
        return self.env.cr.fetchall()

    def make_lot(self, product, name, **vals):
        return self.env["stock.lot"].create(
            {"name": name, "product_id": product.id, **vals}
        )


@tagged("post_install", "-at_install")
class TestExplain(ExplainCase):
    """Every part of a number with the records behind it, adding up exactly."""

    # -------------------------------------------------------------- on hand

    def test_plain_number(self):
        self.receive(self.product, 7)
        found = self.explain()
        quant = self.env["stock.quant"].search([("product_id", "=", self.product.id)])
        self.assertEqual(
            found["lines"]["on_hand"],
            [
                {
                    "model": "stock.quant",
                    "id": quant.id,
                    "name": self.stock.complete_name,
                    "quantity": 7.0,
                    "unit": "Units",
                    "note": "",
                    "document": None,
                }
            ],
        )
        self.assertEqual(
            self.steps(found),
            [
                ("on_hand", 7.0),
                ("reserved", 7.0),
                ("owed", 7.0),
                ("in_flight", 7.0),
                ("free", 7.0),
                ("sellable", 7.0),
                ("whole", 7.0),
                ("positive", 7.0),
                ("published", 7.0),
                ("wire", 7.0),
            ],
        )
        self.assertEqual(found["listing"]["name"], "DESK")
        self.assertEqual(found["location"]["id"], self.place.id)
        self.assertEqual(found["product"]["id"], self.product.id)
        self.assertEqual(found["ledger"]["wanted"]["quantity"], 7.0)
        self.assertEqual(found["ledger"]["state"], "pending")
        self.assertIsNone(found["ledger"]["sent"]["quantity"])
        self.assert_adds_up(found)

    def test_several_shelves_packages_and_a_shortage(self):
        package = self.env["stock.package"].create({"name": "PACK-1"})
        self.receive(self.product, 3)
        self.receive(self.product, 4, self.shelf)
        self.receive(self.product, 5, self.shelf, package_id=package)
        self.receive(self.product, -2, self.warehouse.wh_qc_stock_loc_id)
        self.place.location_ids |= self.warehouse.wh_qc_stock_loc_id
        found = self.explain()
        self.assertEqual(
            self.lines(found, "on_hand"),
            [
                (f"{self.shelf.complete_name} · PACK-1", 5.0),
                (self.shelf.complete_name, 4.0),
                (self.stock.complete_name, 3.0),
                (self.warehouse.wh_qc_stock_loc_id.complete_name, -2.0),
            ],
        )
        self.assertEqual(found["parts"]["wire"], 10.0)
        self.assert_adds_up(found)

    def test_many_records_are_grouped(self):
        self.patch(stock_channel_explain, "MOST_LINES", 2)
        for number in range(4):
            place = self.env["stock.location"].create(
                {"name": f"Bin {number}", "location_id": self.stock.id}
            )
            self.receive(self.product, number + 1, place)
        found = self.explain()
        self.assertEqual(
            self.lines(found, "on_hand"),
            [
                (f"{self.stock.complete_name}/Bin 3", 4.0),
                (f"{self.stock.complete_name}/Bin 2", 3.0),
                ("and 2 more", 3.0),
            ],
        )
        self.assert_adds_up(found)

    # ---------------------------------------------------------- unavailable

    def test_unavailable_says_why(self):
        product = self.make_product("Yoghurt", "YOG", tracking="lot")
        product.use_expiration_date = True
        listing = self.make_listing(self.channel, product, "YOG")
        now = fields.Datetime.now()
        old = self.make_lot(
            product,
            "OLD",
            expiration_date=now + timedelta(days=3),
            removal_date=now - timedelta(days=1),
        )
        good = self.make_lot(
            product,
            "GOOD",
            expiration_date=now + timedelta(days=60),
            removal_date=now + timedelta(days=50),
        )
        owner = self.env["res.partner"].create({"name": "Somebody Else"})
        bin_in_shelf = self.env["stock.location"].create(
            {"name": "Bin", "location_id": self.shelf.id}
        )
        self.shelf.stock_condition = "damaged"
        self.receive(product, 2, lot_id=good)
        self.receive(product, 5, lot_id=old)
        self.receive(product, 4, lot_id=good, owner_id=owner)
        self.receive(product, 3, bin_in_shelf, lot_id=good)
        found = self.explain(listing)
        day = fields.Date.to_string(now - timedelta(days=1))
        self.assertEqual(
            [
                (line["quantity"], line["note"])
                for line in found["lines"]["unavailable"]
            ],
            [
                (5.0, f"Lot OLD was to be removed on {day}"),
                (4.0, "Belongs to Somebody Else"),
                (3.0, f"Damaged: condition of {self.shelf.complete_name}"),
            ],
        )
        self.assertEqual(found["parts"]["wire"], 2.0)
        self.assert_adds_up(found)

    def test_blocked_lot_says_so(self):
        if "stock_condition" not in self.env["stock.lot"]._fields:
            self.skipTest("lots have no condition yet")
        product = self.make_product("Cheese", "CHEESE", tracking="lot")
        listing = self.make_listing(self.channel, product, "CHEESE")
        lot = self.make_lot(product, "L1", stock_condition="quarantine")
        self.receive(product, 5, lot_id=lot)
        found = self.explain(listing)
        (line,) = found["lines"]["unavailable"]
        self.assertEqual(line["note"], "Quarantine: lot L1")
        self.assert_adds_up(found)

    # ------------------------------------------------------ reserved, owed

    def test_reserved_is_split_by_document(self):
        self.receive(self.product, 10)
        self.shelf.stock_condition = "damaged"
        self.receive(self.product, 2, self.shelf)
        order = self.order()
        picking = order.sale_order_id.picking_ids
        self.assertEqual(picking.state, "assigned")
        loose = self.make_move(self.product, 3, self.stock, self.customers)
        loose._action_assign()
        damaged = self.make_move(self.product, 1, self.shelf, self.customers)
        damaged._action_assign()
        found = self.explain()
        first, second = found["lines"]["reserved"]
        self.assertEqual((first["quantity"], first["document"]), (3.0, None))
        self.assertEqual(first["id"], loose.move_line_ids.id)
        self.assertEqual(second["quantity"], 2.0)
        self.assertEqual(second["name"], picking.name)
        self.assertIn(order.sale_order_id.name, second["note"])
        self.assertEqual(
            second["document"],
            {"model": "stock.picking", "id": picking.id, "name": picking.name},
        )
        self.assertEqual(found["parts"]["wire"], 5.0)
        self.assert_adds_up(found)

    def test_reserved_without_a_document_is_a_line_of_its_own(self):
        self.receive(self.product, 10)
        move = self.make_move(self.product, 4, self.stock, self.customers)
        move._action_assign()
        quant = self.env["stock.quant"].search([("product_id", "=", self.product.id)])
        for reserved, left in ((7, 3.0), (3, -1.0)):
            quant.sudo().reserved_quantity = reserved
            found = self.explain()
            names = dict(self.lines(found, "reserved"))
            self.assertEqual(names["Reserved without a document"], left)
            self.assertEqual(len(names), 2)
            self.assert_adds_up(found)

    def test_owed_is_split_by_move(self):
        self.receive(self.product, 3)
        part = self.make_move(
            self.product, 5, self.stock, self.customers, origin="Fair"
        )
        part._action_assign()
        self.make_move(self.product, 1, self.stock, self.shelf)
        whole = self.make_move(
            self.product,
            4,
            self.warehouse.view_location_id,
            self.customers,
            origin="Gift",
        )
        found = self.explain()
        self.assertEqual(
            [
                (line["id"], line["quantity"], line["note"])
                for line in found["lines"]["owed"]
            ],
            [(whole.id, 4.0, "Gift"), (part.id, 2.0, "Fair")],
        )
        self.assertEqual(found["parts"]["sellable"], -6.0)
        self.assert_adds_up(found)

    # -------------------------------------------------------- channel orders

    def test_in_flight_says_what_it_waits_for(self):
        self.receive(self.product, 10)
        order = self.order(
            lines=[
                self.line_data("1", "DESK", 2),
                self.line_data("2", "UNKNOWN", 1),
            ]
        )
        exception = self.open_exceptions()
        found = self.explain()
        (line,) = found["lines"]["in_flight"]
        self.assertEqual(line["model"], "stock.channel.order.line")
        self.assertEqual(line["quantity"], 2.0)
        self.assertEqual(line["document"]["id"], order.id)
        self.assertTrue(line["note"].startswith(exception.title))
        self.assertEqual(found["parts"]["wire"], 8.0)
        self.assert_adds_up(found)

    def test_receipt_for_a_view_is_not_expected_here(self):
        """Goods do not lie in a view; the statement and explain must agree."""
        self.env["stock.channel.rule"].create(
            {"channel_id": self.channel.id, "kind": "horizon", "value": 5}
        )
        self.place.location_ids = self.warehouse.view_location_id
        self.make_move(self.product, 4, self.suppliers, self.warehouse.view_location_id)
        self.make_move(self.product, 3, self.suppliers, self.stock)
        self.run_compute()
        found = self.publication().explain()
        self.assertEqual(found["parts"]["incoming"], 3)
        self.assertEqual([one["quantity"] for one in found["lines"]["incoming"]], [3])
        self.assertEqual(found["differences"], [])

    def test_physical_channel_gets_its_own_open_orders_back(self):
        self.env.flush_all()
        self.env.cr.execute(
            "UPDATE stock_channel SET quantity_meaning = 'physical' WHERE id = %s",
            [self.channel.id],
        )
        self.env.invalidate_all()
        self.receive(self.product, 10)
        order = self.order()
        found = self.explain()
        (line,) = found["lines"]["own_open"]
        self.assertEqual((line["id"], line["quantity"]), (order.line_ids.id, 2.0))
        self.assertEqual(
            self.steps(found)[-3:],
            [("published", 8.0), ("own_open", 10.0), ("wire", 10.0)],
        )
        self.assert_adds_up(found)

    # ----------------------------------------------------------- kits, units

    def test_kit_expands_its_limiting_component(self):
        screw = self.make_product("Screw")
        kit = self.make_product("Desk Set", "SET")
        self.make_kit(kit, {self.product: 2, screw: 8})
        listing = self.make_listing(self.channel, kit, "SET")
        self.receive(self.product, 7)
        self.receive(screw, 20)
        self.make_move(screw, 3, self.stock, self.customers)
        found = self.explain(listing)
        self.assertEqual(
            [
                (c["product"]["id"], c["free"], c["per_unit"], c["kits"])
                for c in found["components"]
            ],
            [(self.product.id, 7.0, 2.0, 3), (screw.id, 17.0, 8.0, 2)],
        )
        self.assertEqual([c["is_limiting"] for c in found["components"]], [False, True])
        self.assertEqual(
            self.lines(found, "on_hand"), [(self.stock.complete_name, 20.0)]
        )
        self.assertEqual(found["parts"]["owed"], 3.0)
        self.assertIn(("kits", 2.0), self.steps(found))
        self.assert_adds_up(found)

    def test_case_packs_are_converted_in_a_step(self):
        dozen = self.env.ref("uom.product_uom_dozen")
        listing = self.make_listing(
            self.channel, self.product, "DESK-12", uom_id=dozen.id
        )
        self.receive(self.product, 42)
        found = self.explain(listing)
        self.assertEqual(
            [step for step in self.steps(found) if step[0] in ("sellable", "whole")],
            [("sellable", 3.5), ("whole", 3.0)],
        )
        self.assertEqual(found["unit"], dozen.name)
        self.assert_adds_up(found)

    def test_two_of_a_dozen_add_up_all_the_same(self):
        """Two of a dozen, in flight, are 0.166667 of it: twelve times that is 2.000004,
        and the page said that the number did not follow from its parts."""
        eggs = self.make_product("Eggs", "EGGS")
        eggs.uom_id = self.env.ref("uom.product_uom_dozen")
        listing = self.make_listing(
            self.channel, eggs, "EGG", uom_id=self.env.ref("uom.product_uom_unit").id
        )
        self.receive(eggs, 3)
        self.order(
            lines=[
                self.line_data("1", "EGG", 2),
                self.line_data("2", "UNKNOWN", 1),
            ]
        )
        found = self.explain(listing)
        self.assertEqual(found["parts"]["in_flight"], 0.166667)
        self.assertIn(("sellable", 34.0), self.steps(found))
        self.assertEqual(found["differences"], [])
        self.assert_adds_up(found)

    def test_kit_without_a_component_to_count(self):
        kit = self.make_product("Desk Set", "SET")
        self.make_kit(kit, {self.make_product("Help", is_storable=False): 1})
        listing = self.make_listing(self.channel, kit, "SET")
        found = self.explain(listing)
        self.assertEqual(found["parts"]["wire"], 0.0)
        self.assertEqual(found["components"], [])
        (step,) = [step for step in found["steps"] if step["kind"] == "withdrawn"]
        self.assertEqual(step["name"], "Kit without a component to count")
        self.assert_adds_up(found)

    def test_withdrawn_is_the_last_step(self):
        self.receive(self.product, 5)
        self.row()
        self.listing.active = False
        found = self.explain()
        self.assertEqual(
            self.steps(found)[-3:],
            [("withdrawn", 0.0), ("published", 0.0), ("wire", 0.0)],
        )
        self.assert_adds_up(found)
