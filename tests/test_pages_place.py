from lxml import etree, html

from odoo.exceptions import AccessError
from odoo.tests import Form, tagged

from .change_common import ChangeCase


@tagged("post_install", "-at_install")
class TestPlacePage(ChangeCase):
    """What stock locations and warehouses feed, and what a change would do."""

    def setUp(self):
        super().setUp()
        self.keeper = self.make_user(
            "group_user",
            group_ids=[
                (
                    6,
                    0,
                    [
                        self.env.ref("stock_channel_hub.group_user").id,
                        self.env.ref("stock.group_stock_manager").id,
                    ],
                )
            ],
        )
        self.manager.group_ids |= self.env.ref("stock.group_stock_manager")
        self.env.invalidate_all()

    def preview(self, location, user=None, **vals):
        """Return what the dialog says, and assert that nothing was changed by it."""
        before = self.books(), self.dirty_rows(), location.read()
        text = location.with_user(user or self.keeper).preview_channel_change(vals)
        self.env.flush_all()
        self.env.invalidate_all()
        self.assertEqual((self.books(), self.dirty_rows(), location.read()), before)
        return html.fromstring(f"<div>{text}</div>")

    def dirty_rows(self):
        self.env.cr.execute("SELECT count(*), max(id) FROM stock_channel_dirty")
        return self.env.cr.fetchone()

    def said(self, *args, **vals):
        return " ".join(self.preview(*args, **vals).text_content().split())

    def tables(self, page):
        """Return the cells of every table of a dialog, row by row."""
        return [
            [
                [" ".join(cell.text_content().split()) for cell in row.iter("th", "td")]
                for row in table.find("tbody").iter("tr")
            ]
            for table in page.iter("table")
        ]

    # ----------------------------------------------------------------- feeds

    def test_shelf_feeds_what_its_parent_is_mapped_to(self):
        shelf = self.shelf.with_user(self.keeper)
        self.assertEqual(shelf.channel_location_ids, self.place)
        self.assertFalse(shelf.channel_location_below_ids)
        above = self.warehouse.view_location_id.with_user(self.keeper)
        self.assertFalse(above.channel_location_ids)
        self.assertEqual(above.channel_location_below_ids, self.place)
        self.assertFalse(self.suppliers.with_user(self.keeper).channel_location_ids)

    def test_warehouse_shows_what_it_feeds_and_what_it_ships(self):
        other = self.env["stock.warehouse"].create({"name": "South", "code": "SOUTH"})
        channel = self.make_channel(name="Second")
        ships = self.make_place(channel, "south", self.stock, warehouse_id=other.id)
        here = self.warehouse.with_user(self.keeper)
        self.assertEqual(here.channel_place_ids, self.place | ships)
        self.assertEqual(here.channel_place_count, 2)
        self.assertEqual(other.with_user(self.keeper).channel_place_ids, ships)

    # --------------------------------------------------------------- preview

    def test_taking_off_sale_is_previewed_to_the_unit_and_takes_effect_at_once(self):
        page = self.preview(self.stock, stock_condition="quarantine")
        channels, rows = self.tables(page)
        symbol = self.company.currency_id.symbol
        [row] = channels
        self.assertEqual(row[:3], ["Test Shop", "Live", "1"])
        self.assertIn("− 10 ", row[4])
        self.assertIn("100.00", row[4])
        self.assertIn(symbol, row[4])
        [row] = rows
        self.assertIn("Desk", row[0])
        self.assertEqual(row[1:4], ["Test Shop, main", "10", "0"])
        self.assertIn("takes effect at once", page.text_content())

    def test_what_is_previewed_is_what_comes(self):
        self.receive(self.product, 4, self.shelf)
        self.run_all()
        page = self.preview(self.shelf, stock_condition="damaged")
        [row] = self.tables(page)[1]
        self.assertEqual(row[2:4], ["14", "10"])
        self.shelf.with_user(self.keeper).stock_condition = "damaged"
        self.run_all()
        self.assertEqual(self.numbers()["published"], 10)

    def test_parent_passes_its_condition_on(self):
        self.receive(self.product, 4, self.shelf)
        self.run_all()
        view = self.warehouse.view_location_id
        page = self.preview(view, stock_condition="quality")
        [row] = self.tables(page)[1]
        self.assertEqual(row[2:4], ["14", "0"])
        self.shelf.stock_condition = "sellable"
        self.run_all()
        page = self.preview(view, stock_condition="quality")
        [row] = self.tables(page)[1]
        self.assertEqual(row[2:4], ["14", "4"])

    def test_putting_on_sale_is_a_managers_proposal(self):
        self.receive(self.product, 4, self.shelf)
        self.shelf.stock_condition = "damaged"
        self.run_all()
        vals = {"stock_condition": False}
        self.assertIn("has to propose it", self.said(self.shelf, **vals))
        self.assertIn(
            "whether to propose it", self.said(self.shelf, self.manager, **vals)
        )
        page = self.preview(self.shelf, **vals)
        [row] = self.tables(page)[1]
        self.assertEqual(row[2:4], ["10", "14"])
        [row] = self.tables(page)[0]
        self.assertIn("+ 4 ", row[3])

    def test_below_the_administrators_threshold_it_takes_effect_at_once(self):
        self.receive(self.product, 4, self.shelf)
        self.shelf.stock_condition = "damaged"
        self.run_all()
        self.channel.sudo().write({"free_change_listings": 5, "free_change_value": 50})
        said = self.said(self.shelf, stock_condition=False)
        self.assertIn("takes effect at once", said)
        self.assertFalse(self.env["stock.channel.change"].search([]))

    def test_moving_a_shelf_out_is_previewed(self):
        self.receive(self.product, 4, self.shelf)
        self.run_all()
        page = self.preview(self.shelf, location_id=self.warehouse.view_location_id.id)
        [row] = self.tables(page)[1]
        self.assertEqual(row[2:4], ["14", "10"])

    def test_what_odoo_refuses_is_said_in_its_words(self):
        self.receive(self.product, 4, self.shelf)
        self.run_all()
        self.assertIn(
            "This cannot be saved: Internal locations having stock",
            self.said(self.shelf, usage="transit"),
        )

    def test_nothing_entered_says_what_to_do(self):
        self.assertIn("Nothing is changed yet", self.said(self.stock))
        self.assertIn(
            "Nothing is changed yet",
            self.said(self.stock, name="Other", stock_condition=False),
        )

    def test_place_that_feeds_nothing_says_so(self):
        lonely = self.env["stock.location"].create({"name": "Lonely"})
        said = self.said(lonely, stock_condition="damaged")
        self.assertIn("No channel is fed from Lonely", said)

    def in_state(self, state):
        self.env.cr.execute(
            "UPDATE stock_channel SET state = %s WHERE id = %s",
            [state, self.channel.id],
        )
        self.env.invalidate_all()
        self.registry.clear_cache()

    def test_shadow_is_previewed_and_needs_nobody(self):
        self.in_state("shadow")
        page = self.preview(self.stock, stock_condition="quarantine")
        [row] = self.tables(page)[0]
        self.assertEqual(row[1:3], ["Shadow", "1"])
        self.in_state("live")
        self.stock.sudo().stock_condition = "quarantine"
        self.run_all()
        self.in_state("shadow")
        self.assertIn(
            "takes effect at once", self.said(self.stock, stock_condition=False)
        )

    def test_draft_is_told_nothing_yet(self):
        self.in_state("draft")
        page = self.preview(self.stock, stock_condition="quarantine")
        self.assertEqual(
            self.tables(page)[0], [["Test Shop", "Draft", "Not told anything yet"]]
        )
        self.assertIn("takes effect at once", page.text_content())

    def test_what_cannot_be_saved_says_why(self):
        said = self.said(self.stock, location_id=self.shelf.id)
        self.assertIn("This cannot be saved", said)

    def test_who_may_not_write_locations_learns_it(self):
        reader = self.make_user("group_user")
        reader.group_ids |= self.env.ref("stock.group_stock_user")
        said = self.said(self.stock, reader, stock_condition="damaged")
        self.assertIn("This cannot be saved", said)

    def test_names_of_other_companies_stay_theirs(self):
        company = self.env["res.company"].create({"name": "Elsewhere"})
        foreign = self.make_user(
            "group_user", company_id=company.id, company_ids=[(6, 0, company.ids)]
        )
        foreign.group_ids |= self.env.ref("stock.group_stock_manager")
        shared = self.env["stock.location"].create(
            {"name": "Shared", "company_id": False}
        )
        self.make_place(self.channel, "shared", shared)
        self.receive(self.product, 3, shared)
        self.run_all()
        with self.assertRaises(AccessError):
            self.shelf.with_user(foreign).preview_channel_change({"usage": "view"})
        said = self.said(shared, foreign, stock_condition="damaged")
        self.assertIn("Channels of other companies are fed from here, too: 1", said)
        self.assertNotIn("Test Shop", said)
        self.assertNotIn("Desk", said)

    def test_strangers_and_crooked_values_are_refused(self):
        clerk = self.clerk()
        with self.assertRaises(AccessError):
            self.stock.with_user(clerk).preview_channel_change({"usage": "view"})
        for vals in ({"usage": 5}, {"location_id": "1"}, {"stock_condition": ["x"]}):
            with self.subTest(**vals):
                self.assertIn("This cannot be saved", self.said(self.stock, **vals))

    # ---------------------------------------------------------------- others

    def clerk(self):
        return self.env["res.users"].create(
            {
                "name": "Clerk",
                "login": "pages-keeper",
                "group_ids": [(6, 0, self.env.ref("stock.group_stock_manager").ids)],
            }
        )

    def test_who_reads_no_channels_sees_the_pages_unchanged(self):
        clerk = self.clerk()
        for record in (self.stock, self.warehouse):
            view = record.with_user(clerk).get_views([(False, "form")])
            arch = etree.fromstring(view["views"]["form"]["arch"])
            names = {node.get("name") or "" for node in arch.iter()}
            self.assertFalse({name for name in names if "channel" in name})
            with Form(record.with_user(clerk)) as form:
                form.name = "Renamed"
