import json
from datetime import timedelta
from decimal import Decimal

from freezegun import freeze_time

from odoo import Command, fields
from odoo.exceptions import AccessError, UserError
from odoo.tests import tagged
from odoo.tools import html2plaintext

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
WITHHELD = "A record you may not open"


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

    # ----------------------------------------------------------------- rules

    def test_rules_are_named(self):
        if "stock.channel.rule" not in self.env:
            self.skipTest("there are no rules yet")
        rules = self.env["stock.channel.rule"]
        for kind, value in (("buffer", 2), ("cap", 6), ("horizon", 5)):
            rules.create({"channel_id": self.channel.id, "kind": kind, "value": value})
        own = rules.create(
            {
                "channel_id": self.channel.id,
                "listing_id": self.listing.id,
                "kind": "buffer",
                "value": 3,
            }
        )
        self.receive(self.product, 4)
        receipt = self.make_move(self.product, 4, self.suppliers, self.stock)
        found = self.explain()
        self.assertEqual(
            [(line["id"], line["quantity"]) for line in found["lines"]["incoming"]],
            [(receipt.id, 4.0)],
        )
        steps = {step["kind"]: step for step in found["steps"]}
        self.assertEqual(steps["buffer"]["rule"]["id"], own.id)
        self.assertEqual(steps["buffer"]["change"], -3.0)
        self.assertEqual(steps["cap"]["quantity"], 5.0)
        self.assertEqual(found["parts"]["wire"], 5.0)
        self.assert_adds_up(found)

    def rendered(self, parts):
        """Return what the form says of these parts."""
        html = self.env["ir.qweb"]._render(
            "stock_channel_hub.publication_parts",
            {
                "publication": self.row(),
                "parts": parts,
                "limiting": self.env["product.product"],
            },
        )
        return " ".join(html2plaintext(html).replace("*", "").split())

    def test_form_shows_incoming_and_rules(self):
        text = self.rendered(
            {
                "on_hand": 20,
                "incoming": 4,
                "sellable": 24,
                "published": 9,
                "wire": 9,
                "rules": {"horizon": 7, "share": 50, "buffer": 2.5},
            }
        )
        for words in (
            "+ Incoming 4 Units Receipts expected within 7 days",
            "− Share 12 Units Rule: 50",
            "− Buffer 2.500 Units Rule: 2.5",
            "→ Published 9 Units",
        ):
            self.assertIn(words, text)

    def test_form_shows_a_withdrawn_number_and_an_old_one(self):
        for parts, words in (
            ({"on_hand": 3, "sellable": 3, "is_withdrawn": True}, "Withdrawn: the"),
            ({"on_hand": 3, "sellable": 3, "published": 3}, "Whole units only"),
        ):
            text = self.rendered(parts)
            self.assertIn(words, text)
            self.assertNotIn("Incoming", text)
            self.assertNotIn("Rule:", text)

    # ------------------------------------------------------------ differences

    def test_what_no_record_explains_is_said(self):
        self.receive(self.product, 7)
        row = self.row()
        parts = row.sudo()._explain_parts(row.sudo()._computed_parts())
        differences = []
        lines = row._part_lines(
            "on_hand", [], parts["on_hand"], self.product.uom_id, differences
        )
        self.assertEqual(lines, [])
        (difference,) = differences
        self.assertEqual(
            (difference["part"], difference["quantity"], difference["found"]),
            ("on_hand", 7.0, 0.0),
        )

    def test_logged_rules_are_steps_whatever_the_rules_are_now(self):
        row = self.row()
        parts = row._explain_parts(
            {
                "on_hand": 20,
                "incoming": 4,
                "sellable": 24,
                "published": 9,
                "wire": 9,
                "rules": {"horizon": 7, "share": 50, "buffer": 2.5, "cap": 30},
            }
        )
        differences = []
        steps = row._explain_steps(parts, self.product, {}, differences)
        self.assertEqual(
            [(step["kind"], step["value"], step["change"]) for step in steps[4:10]],
            [
                ("incoming", 7.0, 4.0),
                ("free", None, 0.0),
                ("sellable", None, 0.0),
                ("share", 50.0, -12.0),
                ("buffer", 2.5, -2.5),
                ("cap", 30.0, 0.0),
            ],
        )
        self.assertEqual(differences, [])

    # ----------------------------------------------------------------- rights

    def test_only_who_may_read_the_number_is_told(self):
        row = self.row()
        stranger = self.env["res.users"].create(
            {
                "name": "Stranger",
                "login": "explain-stranger",
                "group_ids": [Command.set(self.env.ref("base.group_user").ids)],
            }
        )
        with self.assertRaises(AccessError):
            row.with_user(stranger).explain()
        other = self.env["res.company"].create({"name": "Other Company"})
        abroad = self.make_user(
            "group_admin", company_ids=[Command.set(other.ids)], company_id=other.id
        )
        with self.assertRaises(AccessError):
            row.with_user(abroad).explain()

    def test_sums_are_whole_and_names_withheld_from_who_may_not_see(self):
        self.receive(self.product, 10)
        order = self.order()
        reader = self.make_user("group_user")
        found = self.explain(user=reader)
        (line,) = found["lines"]["reserved"]
        self.assertEqual(
            (line["id"], line["name"], line["quantity"], line["document"]),
            (None, WITHHELD, 2.0, None),
        )
        self.assertNotIn(order.sale_order_id.name, json.dumps(found))
        self.assertNotIn(order.sale_order_id.picking_ids.name, json.dumps(found))
        self.assert_adds_up(found)
        reader.group_ids |= self.env.ref("stock.group_stock_user")
        found = self.explain(user=reader)
        self.assertEqual(
            self.lines(found, "reserved"),
            [(order.sale_order_id.picking_ids.name, 2.0)],
        )
        self.assert_adds_up(found)

    def test_names_of_other_companies_are_withheld(self):
        other = self.env["res.company"].create({"name": "Other Company"})
        move = self.make_move(
            self.product, 3, self.stock, self.customers, origin="Secret of theirs"
        )
        # As another addon may have written it: Odoo itself keeps companies apart.
        self.env.flush_all()
        self.env.cr.execute(
            "UPDATE stock_move SET company_id = %s WHERE id = %s", [other.id, move.id]
        )
        self.env.invalidate_all()
        self.receive(self.product, 10)
        reader = self.make_user("group_user")
        reader.group_ids |= self.env.ref("stock.group_stock_user")
        found = self.explain(user=reader)
        self.assertEqual(self.lines(found, "owed"), [(WITHHELD, 3.0)])
        self.assertNotIn("Secret of theirs", json.dumps(found))
        self.assertEqual(found["lines"]["on_hand"][0]["quantity"], 10.0)
        self.assert_adds_up(found)

    def test_what_the_computing_notes_is_taken_back(self):
        self.receive(self.product, 10)
        self.order()
        row = self.row()
        self.env.flush_all()
        availability = type(self.env["stock.channel.availability"])
        compute = availability._compute_numbers

        def compute_and_note(model, *args):
            model.env["stock.channel.exception"]._open(
                self.channel, category="data", fingerprint="noted", title="Noted"
            )
            return compute(model, *args)

        self.patch(availability, "_compute_numbers", compute_and_note)

        row.explain()
        self.env.flush_all()
        self.assertFalse(
            self.env["stock.channel.exception"].search([("fingerprint", "=", "noted")])
        )

    def test_explaining_alone_touches_no_table(self):
        self.receive(self.product, 10)
        self.order()
        row = self.row()
        self.env.flush_all()
        before = self.written()
        self.assertIn("stock_channel_publication", dict(before))
        row.explain()
        self.env.flush_all()
        self.assertEqual(self.written(), before)


@tagged("post_install", "-at_install")
class TestExplainPast(ExplainCase):
    """A past number: what was logged, and the moves that lead to now."""

    def acknowledge(self, at):
        """Let the channel have taken the wanted number at that moment."""
        row = self.row()
        return self.env["stock.channel.publication.log"].create(
            {
                "publication_id": row.id,
                "channel_id": row.channel_id.id,
                "quantity": row.wanted_qty,
                "acknowledged_at": at,
                "parts": row.parts,
            }
        )

    def move_at(self, at, quantity, source, target, **vals):
        with freeze_time(at):
            move = self.make_move(self.product, quantity, source, target, **vals)
            self.finish(move)
        return move

    def test_number_of_the_past_with_the_moves_since(self):
        self.receive(self.product, 10)
        log = self.acknowledge("2030-01-01 10:00:00")
        out = self.move_at("2030-01-02 10:00:00", 3, self.stock, self.customers)
        came = self.move_at("2030-01-03 10:00:00", 5, self.suppliers, self.shelf)
        self.move_at("2030-01-04 10:00:00", 2, self.shelf, self.stock)
        self.receive(self.product, -1)
        found = log.explain()
        self.assertEqual(found["acknowledged"]["quantity"], 10.0)
        self.assertEqual(found["parts"]["on_hand"], 10.0)
        self.assert_steps(found)
        self.assertEqual(found["differences"], [])
        since = found["since"]
        self.assertEqual(
            [(line["id"], line["quantity"]) for line in since["lines"]],
            [(out.id, -3.0), (came.id, 5.0)],
        )
        self.assertEqual(
            (
                since["on_hand_then"],
                since["moved"],
                since["remainder"]["quantity"],
                since["on_hand_now"],
            ),
            (10.0, 2.0, -1.0, 11.0),
        )
        self.assertTrue(since["remainder"]["note"])
        json.dumps(found)

    def test_moves_explain_everything_when_nothing_else_happened(self):
        self.receive(self.product, 10)
        log = self.acknowledge("2030-01-01 10:00:00")
        self.shelf.stock_condition = "damaged"
        broken = self.move_at("2030-01-02 10:00:00", 4, self.stock, self.shelf)
        since = log.explain()["since"]
        self.assertEqual(
            [(line["id"], line["quantity"]) for line in since["lines"]],
            [(broken.id, -4.0)],
        )
        self.assertEqual(since["on_hand_now"], 6.0)
        self.assertEqual(since["remainder"], {"quantity": 0.0, "note": ""})

    def test_number_in_force_at_a_moment(self):
        self.receive(self.product, 10)
        self.acknowledge("2030-01-01 10:00:00")
        self.receive(self.product, 2)
        self.acknowledge("2030-01-02 10:00:00")
        row = self.row()
        self.assertEqual(
            row.explain("2030-01-01 12:00:00")["acknowledged"]["quantity"], 10.0
        )
        self.assertEqual(
            row.explain("2030-01-02 10:00:00")["acknowledged"]["quantity"], 12.0
        )
        none = row.explain("2029-12-31 10:00:00")
        self.assertFalse(none["is_found"])
        self.assertIn("acknowledged no number", none["message"])
        with self.assertRaises(UserError):
            row.explain("yesterday")

    def test_old_logs_lack_parts(self):
        self.receive(self.product, 10)
        row = self.row()
        log = self.env["stock.channel.publication.log"].create(
            {
                "publication_id": row.id,
                "channel_id": self.channel.id,
                "quantity": 8,
                "acknowledged_at": "2030-01-01 10:00:00",
                "parts": {
                    "on_hand": 10,
                    "reserved": 2,
                    "sellable": 8,
                    "published": 8,
                    "wire": 8,
                },
            }
        )
        found = log.explain()
        self.assertEqual(found["differences"], [])
        self.assert_steps(found)
        bare = self.env["stock.channel.publication.log"].create(
            {
                "publication_id": row.id,
                "channel_id": self.channel.id,
                "quantity": 8,
                "acknowledged_at": "2030-01-02 10:00:00",
            }
        )
        (difference,) = bare.explain()["differences"]
        self.assertEqual(
            (difference["part"], difference["quantity"], difference["found"]),
            ("acknowledged", 8.0, 0.0),
        )

    def test_log_is_closed_to_strangers(self):
        log = self.acknowledge("2030-01-01 10:00:00")
        other = self.env["res.company"].create({"name": "Other Company"})
        abroad = self.make_user(
            "group_admin", company_ids=[Command.set(other.ids)], company_id=other.id
        )
        with self.assertRaises(AccessError):
            log.with_user(abroad).explain()


@tagged("post_install", "-at_install")
class TestReservations(HubCase):
    """Goods that are reserved and nobody can say for what."""

    def setUp(self):
        super().setUp()
        self.receive(self.product, 10)
        self.move = self.make_move(self.product, 4, self.stock, self.customers)
        self.move._action_assign()
        self.quant = (
            self.env["stock.quant"]
            .sudo()
            .search([("product_id", "=", self.product.id)])
        )

    def found(self):
        return self.env["stock.channel.availability"]._reserved_without_document(
            self.channel
        )

    def test_documented_reservations_are_silent(self):
        self.move.picked = True
        self.assertEqual(self.found(), [])
        self.assertEqual(self.env["stock.channel"]._check_reservations(), 0)
        self.assertFalse(self.open_exceptions())

    def test_both_directions_are_found(self):
        for reserved, left in ((7, 3.0), (1, -3.0)):
            self.quant.reserved_quantity = reserved
            self.assertEqual(self.found(), [(self.product.id, self.stock.id, left)])

    def test_other_goods_and_places_are_not_ours(self):
        self.quant.reserved_quantity = 7
        self.stock.stock_condition = "damaged"
        self.assertEqual(self.found(), [])
        self.stock.stock_condition = False
        owner = self.env["res.partner"].create({"name": "Somebody Else"})
        self.quant.reserved_quantity = 4
        self.receive(self.product, 5, owner_id=owner)
        theirs = self.quant.search([("owner_id", "=", owner.id)])
        theirs.reserved_quantity = 2
        self.assertEqual(self.found(), [])

    def test_lots_are_told_apart(self):
        product = self.make_product("Wine", "WINE", tracking="lot")
        lots = self.env["stock.lot"].create(
            [{"name": name, "product_id": product.id} for name in ("A", "B")]
        )
        for lot in lots:
            self.receive(product, 5, lot_id=lot)
        quants = self.quant.search([("product_id", "=", product.id)])
        self.make_move(product, 4, self.stock, self.customers)._action_assign()
        right = quants.filtered("reserved_quantity")
        right.reserved_quantity = 0
        (quants - right).reserved_quantity = 4
        self.assertEqual(self.found(), [(product.id, self.stock.id, 4.0)])

    def test_drafts_may_reserve_or_not(self):
        draft = self.make_move(
            self.product, 2, self.stock, self.customers, confirm=False
        )
        self.env["stock.move.line"].create(
            {
                "move_id": draft.id,
                "product_id": self.product.id,
                "location_id": self.stock.id,
                "location_dest_id": self.customers.id,
                "quantity": 2,
            }
        )
        for reserved in (4, 6):
            self.quant.reserved_quantity = reserved
            draft.state = "draft"
            self.assertEqual(self.found(), [])

    def test_one_exception_that_heals(self):
        other = self.make_channel(name="Other")
        self.make_place(other, "main", self.stock)
        self.make_listing(other, self.product, "DESK")
        other.action_go_shadow()
        self.quant.reserved_quantity = 7
        for _again in range(2):
            self.run_sweep()
        exception = self.open_exceptions()
        self.assertEqual(
            exception.fingerprint, f"reserved:{self.product.id}:{self.stock.id}"
        )
        self.assertEqual(exception.category, "stock")
        self.assertEqual(exception.value, "3")
        self.assertEqual(exception.occurrences, 2)
        self.env["stock.quant"].sudo()._clean_reservations()
        self.run_sweep()
        self.assertFalse(self.open_exceptions())
        self.assertEqual(exception.state, "resolved")

    def test_ignored_stays_ignored_until_it_changes(self):
        channels = self.env["stock.channel"]
        self.quant.reserved_quantity = 7
        channels._check_reservations()
        self.open_exceptions().action_ignore()
        channels._check_reservations()
        self.assertFalse(self.open_exceptions())
        self.quant.reserved_quantity = 8
        channels._check_reservations()
        self.assertEqual(self.open_exceptions().value, "4")

    def test_products_no_channel_sells_are_left_alone(self):
        lamp = self.make_product("Lamp")
        self.receive(lamp, 5)
        self.quant.search([("product_id", "=", lamp.id)]).reserved_quantity = 2
        self.assertEqual(self.found(), [(lamp.id, self.stock.id, 2.0)])
        self.assertEqual(self.env["stock.channel"]._check_reservations(), 0)
        self.assertFalse(self.open_exceptions())
