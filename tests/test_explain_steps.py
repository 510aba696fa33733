import json

from freezegun import freeze_time

from odoo import Command
from odoo.exceptions import AccessError, UserError
from odoo.tests import tagged
from odoo.tools import html2plaintext

from .test_explain import ExplainCase

WITHHELD = "A record you may not open"


@tagged("post_install", "-at_install")
class TestExplainSteps(ExplainCase):
    """Rules, the form, what does not add up, and who is told what."""

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
