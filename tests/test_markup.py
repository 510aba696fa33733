"""S21 and S13: what comes from outside is text, on every screen and in every query."""

import io
from types import SimpleNamespace
from unittest.mock import patch

from lxml import etree, html
from openpyxl import load_workbook

from odoo.tests import tagged

from odoo.addons.web.controllers import export
from odoo.addons.web.controllers.export import ExcelExport

from .common import HubCase

SCRIPT = "<script>alert('m4rkup')</script><img src=x onerror=alert(1)>"
HOSTILE_SKUS = (
    "'; DROP TABLE stock_channel; --",
    '"quoted" \\ back',
    "100%s %(name)s %",
    "\u202egnp.ksed\u202c",
    "עברית-1",
    "_%like%_",
    "a" * 255,
    "=1+1|'cmd'!A1",
    "<b>bold</b>",
    "{{ 7*7 }} ${7*7}",
)
REFUSED_SKUS = ("nul\0byte", "x" * 10_000, "")


@tagged("post_install", "-at_install")
class TestMarkup(HubCase):
    def setUp(self):
        super().setUp()
        self.receive(self.product, 100)

    def assert_inert(self, markup):
        """No script, no handler: what looks like one is text."""
        tree = html.fromstring(f"<div>{markup}</div>")
        self.assertFalse(tree.xpath("//script | //img"))
        self.assertFalse(tree.xpath("//@*[starts-with(name(), 'on')]"))

    def test_a_note_is_text_in_the_chatter(self):
        order = self.order(note=SCRIPT)
        bodies = order.sale_order_id.message_ids.mapped("body")
        [body] = [body for body in bodies if "m4rkup" in body]
        self.assertIn("&lt;script&gt;", body)
        for body in bodies:
            if body:
                self.assert_inert(body)

    def test_titles_skus_and_causes_are_text(self):
        """Char and Text fields are escaped by every view; HTML ones would not be."""
        line = self.line_data("1", SCRIPT[:200], 1, title=SCRIPT)
        order = self.order(lines=[line], customer={"name": SCRIPT, "email": "a@b.com"})
        exception = self.open_exceptions()
        self.assertIn("m4rkup", exception.title)
        for message in exception.message_ids | order.message_ids:
            if message.body:
                self.assert_inert(message.body)
        for activity in exception.activity_ids:
            self.assert_inert(activity.note or "x")

    def test_html_fields_of_the_hub_are_ours_alone(self):
        """Each is rendered from a template that escapes; a new one says so here."""
        found = {
            (name, field.name)
            for name, model in self.env.items()
            if name.startswith("stock.channel") and not model._abstract
            for field in model._fields.values()
            if field.type == "html" and not field.related
        }
        self.assertEqual(
            found,
            {
                ("stock.channel", "freshness_html"),
                ("stock.channel.alert", "body"),
                ("stock.channel.approval", "change_effect_html"),
                ("stock.channel.approval", "change_steps_html"),
                ("stock.channel.audit", "changes_html"),
                ("stock.channel.change", "effect_html"),
                ("stock.channel.change", "steps_html"),
                ("stock.channel.exception", "details"),
                ("stock.channel.file.wizard", "preview"),
                ("stock.channel.publication", "parts_html"),
                ("stock.channel.whatif", "result_html"),
            },
        )

    def test_how_a_number_came_about_is_text(self):
        self.shelf.name = SCRIPT
        self.place.name = SCRIPT
        self.product.name = SCRIPT
        self.receive(self.product, 1, self.shelf)
        self.run_compute()
        self.assert_inert(self.publication().parts_html)

    def test_what_a_change_does_is_text(self):
        self.channel.name = SCRIPT
        self.place.name = SCRIPT
        self.product.name = SCRIPT
        self.run_compute()
        cap = {"channel_id": self.channel.id, "kind": "cap", "value": 4.0}
        change = self.env["stock.channel.change"]._draw_up(
            [
                {"model": "stock.channel.rule", "id": -1, "op": "create", "after": cap},
                {
                    "model": "stock.channel.listing",
                    "id": self.listing.id,
                    "op": "write",
                    "before": {"sku": self.listing.sku},
                    "after": {"sku": SCRIPT},
                },
            ],
            reason=SCRIPT,
        )
        self.assertIn("m4rkup", change.steps_html)
        self.assert_inert(change.steps_html)
        self.assertIn("m4rkup", change.effect_html)
        self.assert_inert(change.effect_html)
        change.action_propose()
        self.assert_inert(change.approval_id.change_steps_html)
        self.assert_inert(change.approval_id.change_effect_html)

    def test_what_the_audit_tells_is_text(self):
        self.env["stock.channel.audit"]._log(
            self.listing,
            "changed",
            values={self.listing.id: ({"sku": "DESK"}, {"sku": SCRIPT})},
        )
        row = self.env["stock.channel.audit"].search([], limit=1)
        self.assertIn("m4rkup", row.changes_html)
        self.assert_inert(row.changes_html)

    def test_an_alert_is_text(self):
        self.channel.alert_email = "alerts@example.com"
        self.channel.name = SCRIPT
        line = self.line_data("1", SCRIPT[:200], 1, title=SCRIPT)
        self.order(lines=[line])
        alert = self.env["stock.channel.alert"]._mail(
            self.channel,
            "new",
            ["alerts@example.com"],
            self.open_exceptions(),
            "stock_channel_hub.alert_new",
            open_count=1,
            healed_count=0,
        )
        self.assertIn("m4rkup", alert.body)
        self.assert_inert(alert.body)
        self.assert_inert(alert.mail_id.body_html)

    def test_views_print_nothing_unescaped(self):
        """No ``t-raw``, and no HTML widget on a field that is no HTML."""
        views = self.env["ir.ui.view"].search(
            [("model", "like", "stock.channel%"), ("type", "!=", "search")]
        )
        for view in views:
            tree = etree.fromstring(view.arch_db.encode())
            with self.subTest(view=view.name):
                self.assertFalse(tree.xpath("//*[@t-raw]"))
                for node in tree.xpath("//field[@widget='html']"):
                    field = self.env[view.model]._fields[node.get("name")]
                    self.assertEqual(field.type, "html")

    # --------------------------------------------------------------- formulas

    def test_s21_no_exported_cell_is_a_formula(self):
        """Odoo's own export of lists, through the address its screens call."""
        for start in ("=", "+", "-", "@", "\t", "\r", "\n", "'="):
            text = f"{start}1+1|cmd"
            with self.subTest(start=start):
                self.listing.title = text
                [[cell, number]] = self.listing.export_data(["title", "id"])["datas"]
                self.assertEqual(cell, f"'{text}")
        self.listing.title = "A desk, 2 = 1 pair"
        [row] = self.listing.export_data(["title", "channel_id/sequence"])["datas"]
        self.assertEqual(row[0], "A desk, 2 = 1 pair")

    def test_s21_a_workbook_holds_texts_only(self):
        sku = "=HYPERLINK(1)"
        product = self.make_product("Hostile")
        listing = self.make_listing(self.channel, product, sku)
        rows = listing.export_data(["sku", "product_id/display_name"])["datas"]
        with patch.object(export, "request", SimpleNamespace(env=self.env)):
            content = ExcelExport().from_data(
                [{"name": "sku", "type": "char"}, {"name": "x", "type": "char"}],
                ["SKU", "Product"],
                rows,
            )
        [cell] = load_workbook(io.BytesIO(content)).active["A2:A2"][0]
        self.assertEqual((cell.data_type, cell.value), ("s", f"'{sku}"))

    def test_s21_other_records_are_exported_as_ever(self):
        self.product.name = "=1+1"
        self.assertEqual(self.product.export_data(["name"])["datas"], [["=1+1"]])

    # -------------------------------------------------------------- payload

    def test_s14_a_payload_sets_nothing_it_is_not_asked_for(self):
        """Keys that look like fields of ours are dropped, wherever they stand."""
        other = self.env["res.company"].create({"name": "Other Company"})
        pricelist = self.env["product.pricelist"].create({"name": "Planted"})
        planted = {
            "company_id": other.id,
            "pricelist_id": pricelist.id,
            "user_id": 1,
            "state": "cancel",
            "partner_id": 1,
            "channel_id": 0,
            "locked": True,
            "erasure_id": 1,
            "sale_order_id": 1,
        }
        data = self.order_data(lines=[self.line_data("1", "DESK", 2, **planted)])
        data["customer"] |= planted
        data["shipping_address"] |= planted
        self.deliver("order.updated", data | planted)
        self.run_inbox()
        order = self.find_order()
        sale = order.sale_order_id
        self.assertEqual(
            (order.state, order.company_id, sale.company_id, sale.state),
            ("applied", self.company, self.company, "sale"),
        )
        self.assertNotEqual(sale.pricelist_id, pricelist)
        self.assertFalse(sale.locked or order.erasure_id)
        self.assertEqual(sale.partner_id.name, "Ada Example")
        self.assertEqual(sale.partner_id.company_id, self.company)
        self.assertEqual(sale.order_line.product_uom_qty, 2)

    # -------------------------------------------------------------------- SQL

    def test_hostile_skus_come_back_as_they_were(self):
        for number, sku in enumerate(HOSTILE_SKUS):
            with self.subTest(sku=sku[:30]):
                product = self.make_product(f"Hostile {number}")
                listing = self.make_listing(self.channel, product, sku)
                self.receive(product, 5)
                self.add_shop_item(sku, "main")
                order = self.order(f"H{number}", lines=[self.line_data("1", sku, 2)])
                self.assertEqual(order.line_ids.sku, sku)
                self.assertEqual(order.line_ids.listing_id, listing)
                self.assertEqual(order.state, "applied")
                self.assertEqual(
                    self.env["stock.channel.listing"].search([("sku", "=", sku)]),
                    listing,
                )
        self.run_all()
        for sku in HOSTILE_SKUS:
            self.assertEqual(self.shown(sku), 3)

    def test_skus_that_are_none_are_refused_in_words(self):
        for number, sku in enumerate(REFUSED_SKUS):
            with self.subTest(sku=sku[:20]):
                data = self.order_data(
                    f"R{number}", lines=[self.line_data("1", sku, 1)]
                )
                self.deliver("order.updated", data)
                self.run_inbox()
                self.assertFalse(self.find_order(f"R{number}"))
                message = self.env["stock.channel.message"].search([], limit=1)
                self.assertEqual(message.state, "waiting")
                self.assertEqual(message.exception_ids.field, "data.lines.0.sku")

    def test_keys_from_outside_are_kept_whatever_they_are(self):
        for order_id in ("'; --", "100%", "\u202e1001", "a" * 255):
            with self.subTest(order_id=order_id[:20]):
                order = self.order(order_id)
                self.assertEqual(order.external_id, order_id)
                self.assertEqual(order.sale_order_id.client_order_ref, order_id)
