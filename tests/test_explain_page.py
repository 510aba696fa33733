import json

from odoo import Command
from odoo.exceptions import AccessError, UserError
from odoo.tests import tagged

from odoo.addons.stock_channel_hub.models import stock_channel_explain_page

from .statements import counted
from .test_explain import ExplainCase

WITHHELD = "A record you may not open"


class ExplainPageCase(ExplainCase):
    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.screw = cls.make_product("Screw", "SCREW")
        cls.kit = cls.make_product("Desk Set", "SET")
        cls.make_kit(cls.kit, {cls.product: 1, cls.screw: 8})
        cls.kit_listing = cls.make_listing(cls.channel, cls.kit, "SET")

    def setUp(self):
        super().setUp()
        self.receive(self.product, 7)
        self.receive(self.screw, 20)
        self.reader = self.make_user("group_user")

    def refresh(self):
        self.env["stock.channel.publication"]._refresh(
            self.channel._all_listings(), "stock", self.env.cr.now()
        )
        self.env.invalidate_all()

    def page(self, record, user=None):
        self.refresh()
        return record.with_user(user or self.reader).explain_channels()

    def told(self, rows):
        return [(row["listing"], row["location"], row["wanted"]) for row in rows]


@tagged("post_install", "-at_install")
class TestExplainPage(ExplainPageCase):
    """Which numbers the screen lists, and where each button begins."""

    def test_component_lists_the_kits_it_holds_back(self):
        """It has no listing of its own; the desk does not hold the kit back."""
        page = self.page(self.screw)
        self.assertEqual(page["rows"], [])
        self.assertEqual(self.told(page["kits"]), [("SET", "main", 2.0)])
        self.assertEqual(page["kits"][0]["product"], "[SET] Desk Set")

    def test_row_has_what_was_wanted_taken_and_shown(self):
        self.run_all()
        page = self.page(self.product)
        (row,) = page["rows"]
        self.assertEqual(
            (
                row["listing"],
                row["channel"],
                row["location"],
                row["wanted"],
                row["acknowledged"],
                row["observed"],
                row["state"],
                row["state_name"],
                row["paused"],
                row["unit"],
            ),
            (
                "DESK",
                "Test Shop",
                "main",
                7.0,
                7.0,
                None,
                "clean",
                "Acknowledged",
                "",
                "Units",
            ),
        )
        self.assertEqual(page["kits"], [])
        json.dumps(page)

    def test_row_says_what_keeps_the_number(self):
        self.listing._pause("Counting")
        (row,) = self.page(self.product)["rows"]
        self.assertEqual(row["paused"], "Listing paused")
        self.assertEqual(
            self.row().explain()["words"]["next"],
            "Listing paused: the channel keeps the number it has.",
        )

    def test_template_and_order_list_the_products_of_their_rows(self):
        order = self.order()
        for record in (self.product.product_tmpl_id, order):
            page = self.page(record, self.env.user)
            self.assertEqual(
                [(row["listing"], row["product"]) for row in page["rows"]],
                [("DESK", "[DESK] Desk")],
            )

    def test_what_is_too_much_is_counted(self):
        second = self.make_channel(name="Second Shop")
        self.make_place(second, "main", self.stock)
        self.make_listing(second, self.product, "DESK")
        self.env["stock.channel.publication"]._refresh(
            second._all_listings(), "stock", self.env.cr.now()
        )
        self.patch(stock_channel_explain_page, "MOST_ROWS", 1)
        page = self.page(self.product)
        self.assertEqual((len(page["rows"]), page["more_rows"]), (1, 1))

    def test_more_numbers_take_no_more_statements(self):
        def statements():
            self.refresh()
            record = self.product.with_user(self.reader)
            record.read(["display_name"])  # what access and language cost at first
            record.explain_channels()
            self.env.invalidate_all()
            with counted() as texts:
                rows = record.explain_channels()["rows"]
            return len(rows), len(texts)

        first, one = statements()
        other = self.shelf.copy({"name": "Shelf B"})
        for number in range(5):
            shop = self.make_channel(name=f"Shop {number}")
            for place in ("north", "south"):
                shelf = self.shelf if place == "north" else other
                self.make_place(shop, place, shelf)
            self.make_listing(shop, self.product, "DESK")
            self.env["stock.channel.publication"]._refresh(
                shop._all_listings(), "stock", self.env.cr.now()
            )
        many, all_of_them = statements()
        self.assertEqual((first, many), (1, 11))
        self.assertEqual(one, all_of_them)

    # ----------------------------------------------------------------- buttons

    def test_buttons_begin_where_they_were_pressed(self):
        self.run_all()
        self.refresh()
        row = self.publication()
        log = row.log_ids[0]
        for record, source, active_id, number in (
            (self.listing, "listing", self.listing.id, row.id),
            (row, "listing", self.listing.id, row.id),
            (log, "listing", self.listing.id, row.id),
        ):
            with self.subTest(record=record):
                action = record.with_user(self.reader).action_explain()
                self.assertEqual(action["tag"], "stock_channel_explain")
                self.assertEqual(action["context"], {"active_id": active_id})
                self.assertEqual(action["params"]["source"], source)
                self.assertEqual(action["params"]["number"], number)
                self.assertEqual(
                    action["params"].get("log"), log.id if record == log else None
                )

    def test_products_begin_with_all_their_numbers(self):
        self.refresh()
        for record, source in (
            (self.product, "product"),
            (self.product.product_tmpl_id, "template"),
        ):
            action = record.with_user(self.reader).action_explain_channels()
            self.assertEqual(action["context"], {"active_id": record.id})
            self.assertEqual(action["params"], {"source": source})
        self.assertEqual(action["name"], "Explain [DESK] Desk")

    def test_exceptions_begin_with_the_number_they_are_about(self):
        self.refresh()
        row = self.publication()
        exceptions = self.env["stock.channel.exception"]
        for number, (name, record, source) in enumerate(
            (
                ("publication_id", row, "listing"),
                ("listing_id", self.listing, "listing"),
                ("shortage_product_id", self.product, "product"),
            )
        ):
            exception = exceptions._open(
                self.channel,
                category="data",
                fingerprint=f"explain:{number}",
                title="Explain",
            )
            self.assertFalse(exception.can_explain)
            with self.assertRaises(UserError):
                exception.action_explain()
            exception.sudo()[name] = record
            self.assertTrue(exception.can_explain)
            action = exception.with_user(self.reader).action_explain()
            self.assertEqual(action["params"]["source"], source)

    def test_messages_begin_with_what_was_ordered(self):
        order = self.order()
        self.refresh()
        message = order.message_log_ids[:1]
        operator = self.make_user("group_operator")
        action = message.with_user(operator).action_explain()
        self.assertEqual(
            (action["params"], action["context"]),
            ({"source": "order"}, {"active_id": order.id}),
        )
        message.sudo().channel_order_id = False
        with self.assertRaises(UserError):
            message.with_user(operator).action_explain()

    def test_where_there_is_no_number_it_says_what_to_do(self):
        other = self.make_product("Nowhere")
        for method in ("action_explain_channels", "explain_channels"):
            with self.assertRaises(UserError) as caught:
                getattr(other, method)()
            self.assertIn("Add it to a channel's listings", str(caught.exception))

    # ------------------------------------------------------------------ rights

    def test_another_company_is_told_nothing(self):
        self.refresh()
        other = self.env["res.company"].create({"name": "Other Company"})
        abroad = self.make_user(
            "group_admin", company_ids=[Command.set(other.ids)], company_id=other.id
        )
        with self.assertRaises(UserError):
            self.product.with_user(abroad).explain_channels()
        for record in (self.listing, self.publication()):
            with self.assertRaises(AccessError):
                record.with_user(abroad).action_explain()
        with self.assertRaises(AccessError):
            self.listing.with_user(abroad).explain_channels()
        with self.assertRaises(AccessError):
            self.publication().with_user(abroad).explain_past()

    def test_who_has_no_part_in_channels_is_told_nothing(self):
        self.refresh()
        stranger = self.env["res.users"].create(
            {
                "name": "Stranger",
                "login": "explain-stranger",
                "group_ids": [Command.set(self.env.ref("base.group_user").ids)],
            }
        )
        with self.assertRaises(AccessError):
            self.product.with_user(stranger).explain_channels()

    def test_orders_of_others_have_no_name_in_the_story(self):
        order = self.order()
        self.refresh()
        row = self.publication()
        told = json.dumps(row.with_user(self.reader).explain())
        self.assertNotIn(order.sale_order_id.name, told)
        self.assertIn(WITHHELD, told)


@tagged("post_install", "-at_install")
class TestExplainWords(ExplainPageCase):
    """The number in one sentence, what was told and shown, and the pages of it."""

    def words(self, listing=None):
        return self.explain(listing)["words"]

    def rule(self, kind, value):
        self.env["stock.channel.rule"].create(
            {"channel_id": self.channel.id, "kind": kind, "value": value}
        )

    def test_plain(self):
        self.assertEqual(self.words()["summary"], "The channel may sell 7: 7 sellable.")

    def test_rules(self):
        self.receive(self.product, 33)
        for kind, value in (("share", 90), ("buffer", 5.5), ("cap", 25)):
            self.rule(kind, value)
        self.assertEqual(
            self.words()["summary"],
            "The channel may sell 25: 40 sellable, of which its share is 90 % (36), "
            "less a buffer of 5.5, capped at 25.",
        )

    def test_rounded_and_below_the_minimum(self):
        self.rule("buffer", 2.5)
        self.rule("minimum", 5)
        self.assertEqual(
            self.words()["summary"],
            "The channel may sell 0: 7 sellable, less a buffer of 2.5, rounded down "
            "to whole units, shown as none, for it is below the minimum of 5.",
        )

    def test_more_sold_than_there_is(self):
        self.make_move(self.product, 9, self.stock, self.customers)
        self.assertEqual(
            self.words()["summary"],
            "The channel may sell 0: 2 more is sold than is there, and never below "
            "zero.",
        )

    def test_kit(self):
        self.assertEqual(
            self.words(self.kit_listing)["summary"],
            "The channel may sell 2: 2 kits can be put together, held back by "
            "[SCREW] Screw.",
        )

    def test_withdrawn(self):
        self.row()
        self.listing.active = False
        self.assertEqual(
            self.words()["summary"],
            "The channel may sell 0: the listing, its location or the product is "
            "archived.",
        )

    def test_physical(self):
        self.env.flush_all()
        self.env.cr.execute(
            "UPDATE stock_channel SET quantity_meaning = 'physical' WHERE id = %s",
            [self.channel.id],
        )
        self.env.invalidate_all()
        self.order()
        self.assertEqual(
            self.words()["summary"],
            "The channel should show 7 on the shelf: 5 sellable, plus 2 of its own "
            "open orders, which it takes off itself.",
        )

    def test_what_the_channel_took_and_what_goes_next(self):
        self.assertEqual(
            self.words()["told"], "The channel has taken no number of it yet."
        )
        self.run_all()
        words = self.words()
        self.assertRegex(words["told"], r"^The channel took 7 on .*, \d.* after the ch")
        self.assertEqual(words["next"], "")
        self.receive(self.product, 1)
        self.assertEqual(self.words()["next"], "8 goes out next.")

    def test_what_the_channel_showed(self):
        self.run_all()
        row = self.row()
        now = self.env.cr.now()
        self.assertEqual(
            self.words()["shown"], "What the channel shows has not been read back yet."
        )
        for shown, words in (
            (7, "as it should."),
            (9, "2 more than the 7 it should."),
            (6, "1 less than the 7 it should."),
        ):
            row.sudo().write({"observed_qty": shown, "observed_at": now})
            row.sudo().write({"expected_at": now})
            self.assertTrue(self.words()["shown"].endswith(words), shown)

    def test_past_numbers_come_in_pages(self):
        self.run_all()
        self.receive(self.product, 1)
        self.run_all()
        row = self.publication().with_user(self.reader)
        past = row.explain_past()
        self.assertEqual(
            [(one["previous"], one["quantity"]) for one in past["rows"]],
            [("7", "8"), ("0", "7")],
        )
        self.assertEqual(past["total"], 2)
        self.assertEqual(
            [one["id"] for one in row.explain_past(1)["rows"]],
            [past["rows"][1]["id"]],
        )
        words = row.log_ids[0].explain()["words"]
        self.assertEqual(words["summary"], "The channel was told 8: 8 sellable.")
        self.assertTrue(words["told"].endswith("before that it had 7."))

    def test_parts_nobody_kept_are_not_made_up(self):
        """A number that was overtaken on its way: its parts are not zero, but gone."""
        row = self.row()
        log = self.env["stock.channel.publication.log"].create(
            {
                "publication_id": row.id,
                "channel_id": row.channel_id.id,
                "quantity": 5.0,
                "acknowledged_at": self.env.cr.now(),
                "parts": False,
            }
        )
        found = log.explain()
        self.assertFalse(found["is_known"])
        self.assertEqual((found["steps"], found["since"]), ([], None))
        (difference,) = found["differences"]
        self.assertIn("was not kept", difference["note"])
        self.assertEqual(found["words"]["summary"], "")
