from datetime import timedelta

from lxml import etree

from odoo.exceptions import AccessError, RedirectWarning, UserError
from odoo.fields import Command
from odoo.tests import Form, tagged

from odoo.addons.stock_channel_hub.connectors.data import RemoteListing

from .change_common import ChangeCase
from .statements import counted


@tagged("post_install", "-at_install")
class TestProductPage(ChangeCase):
    """What the page of a product shows of its channels, and to whom."""

    def setUp(self):
        super().setUp()
        self.reader = self.make_user("group_user")
        self.env.invalidate_all()

    def page(self, user=None):
        return self.product.with_user(user or self.reader)

    def only_row(self, user=None):
        [row] = self.page(user).channel_publication_ids
        return row

    # --------------------------------------------------------------- numbers

    def test_row_says_what_was_told_and_how_long_ago(self):
        row = self.only_row()
        self.assertEqual(
            (row.wanted_qty, row.acknowledged_qty, row.page_state, row.page_hold),
            (10.0, 10.0, "told", False),
        )
        self.assertEqual(row.told_age, "under a minute ago")
        self.go_to(row.acknowledged_at + timedelta(minutes=7))
        self.env.invalidate_all()
        self.assertEqual(self.only_row().told_age, "7 min ago")

    def test_template_shows_what_its_variants_show(self):
        template = self.product.product_tmpl_id.with_user(self.reader)
        self.assertEqual(template.channel_publication_ids, self.only_row())
        self.assertEqual(template.channel_listing_ids, self.listing)
        self.assertEqual((template.channel_count, template.channel_trouble), (1, False))

    def test_variants_stand_together(self):
        size = self.env["product.attribute"].create(
            {
                "name": "Size",
                "value_ids": [Command.create({"name": name}) for name in ("S", "L")],
            }
        )
        template = self.env["product.template"].create(
            {
                "name": "Shirt",
                "is_storable": True,
                "attribute_line_ids": [
                    Command.create(
                        {
                            "attribute_id": size.id,
                            "value_ids": [Command.set(size.value_ids.ids)],
                        }
                    )
                ],
            }
        )
        small, large = template.product_variant_ids
        other = self.make_channel(name="Another Shop")
        for channel, product, sku in (
            (self.channel, large, "L-1"),
            (other, small, "S-2"),
            (self.channel, small, "S-1"),
        ):
            self.make_listing(channel, product, sku)
        template = template.with_user(self.reader)
        self.assertEqual(
            [(one.product_id, one.sku) for one in template.channel_listing_ids],
            [(small, "S-2"), (small, "S-1"), (large, "L-1")],
        )
        self.assertEqual(template.channel_count, 2)
        self.assertEqual(small.with_user(self.reader).channel_count, 2)
        self.assertEqual(large.with_user(self.reader).channel_count, 1)

    def test_pause_says_whose_and_why(self):
        self.go_to(self.env.cr.now())
        self.listing.with_user(self.owner)._pause("Wrong photo")
        self.env.invalidate_all()
        row = self.only_row()
        self.assertEqual(row.page_state, "paused")
        self.assertIn("Listing paused by Olga Owner", row.page_hold)
        self.assertTrue(row.page_hold.endswith("until resumed: Wrong photo"))
        self.assertEqual(self.page().channel_listing_ids.pause_text, row.page_hold)
        self.assertEqual(self.page().channel_trouble, "1 listing paused")

    def test_paused_location_and_channel_hold_the_number_too(self):
        self.place.with_user(self.owner)._pause("Leak")
        self.env.invalidate_all()
        self.assertIn("Location paused by Olga Owner", self.only_row().page_hold)
        self.assertEqual(self.page().channel_trouble, "1 listing paused")
        self.place.with_user(self.owner).action_resume()
        self.channel.with_user(self.manager)._pause("Sale")
        self.env.invalidate_all()
        self.assertIn("Channel paused by group_manager", self.only_row().page_hold)
        self.assertEqual(self.page().channel_trouble, "1 listing paused")

    def test_count_says_until_when_rises_wait(self):
        self.place.with_user(self.owner).action_freeze_for_count()
        self.env.invalidate_all()
        row = self.only_row()
        self.assertEqual(row.page_state, "told")
        self.assertIn("Counting until", row.page_hold)

    def test_shadow_and_draft_tell_nothing(self):
        for state, expected in (("shadow", "shadow"), ("draft", "draft")):
            self.channel.flush_recordset()
            self.env.cr.execute(
                "UPDATE stock_channel SET state = %s WHERE id = %s",
                [state, self.channel.id],
            )
            self.env.invalidate_all()
            self.assertEqual(self.only_row().page_state, expected)

    def test_refused_number_says_so(self):
        self.only_row().sudo().state = "rejected"
        self.env.invalidate_all()
        self.assertEqual(self.only_row().page_state, "refused")

    def test_late_is_what_the_alarm_calls_late(self):
        self.receive(self.product, 5)
        self.run_compute()
        row = self.only_row()
        row.sudo().changed_at = self.env.cr.now()
        self.env.flush_all()
        self.env.invalidate_all()
        self.assertEqual(self.only_row().page_state, "under_way")
        minutes = self.channel.freshness_target + 10
        self.go_to(row.changed_at + timedelta(minutes=minutes))
        self.env.invalidate_all()
        self.assertEqual(self.only_row().page_state, "late")
        self.assertEqual(self.page().channel_trouble, "1 number late")

    def test_open_exceptions_are_counted_and_opened(self):
        exceptions = self.env["stock.channel.exception"]
        for fingerprint, vals in (
            ("a", {"listing_id": self.listing.id}),
            ("b", {"publication_id": self.only_row().id}),
        ):
            exceptions |= exceptions._open(
                self.channel,
                category="drift",
                fingerprint=fingerprint,
                title="Something",
                **vals,
            )
        self.env.invalidate_all()
        self.assertEqual(self.page().channel_trouble, "2 open exceptions")
        action = self.page().action_open_channel_trouble()
        self.assertEqual(
            self.env[action["res_model"]].search(action["domain"]), exceptions.sorted()
        )
        exceptions._update_state("resolved")
        self.env.invalidate_all()
        self.assertFalse(self.page().channel_trouble)

    def test_archived_listing_stays_while_the_channel_shows_a_number(self):
        self.listing.sudo().active = False
        self.env.invalidate_all()
        self.assertFalse(self.page().channel_listing_ids)
        self.assertEqual(self.only_row().acknowledged_qty, 10)
        self.run_all()
        self.env.invalidate_all()
        self.assertFalse(self.page().channel_publication_ids)

    def test_numbers_are_opened_for_this_product_only(self):
        lamp = self.make_product("Lamp", "LAMP")
        self.make_listing(self.channel, lamp, "LAMP")
        self.run_compute()
        action = self.page().action_open_channel_numbers()
        found = self.env[action["res_model"]].search(action["domain"])
        self.assertEqual(found, self.only_row().sudo())

    # ---------------------------------------------------------------- rights

    def test_other_companies_do_not_see_it(self):
        company = self.env["res.company"].create({"name": "Elsewhere"})
        foreign = self.make_user(
            "group_user", company_id=company.id, company_ids=[(6, 0, company.ids)]
        )
        page = self.product.with_user(foreign)
        self.assertEqual((page.channel_count, page.channel_trouble), (0, False))
        self.assertFalse(page.channel_publication_ids)

    def test_who_reads_no_channels_sees_the_page_unchanged(self):
        clerk = self.env["res.users"].create(
            {
                "name": "Clerk",
                "login": "pages-clerk",
                "group_ids": [
                    Command.set(
                        [
                            self.env.ref("stock.group_stock_manager").id,
                            self.env.ref("product.group_product_manager").id,
                        ]
                    )
                ],
            }
        )
        for model, record in (
            ("product.template", self.product.product_tmpl_id),
            ("product.product", self.product),
        ):
            view = self.env[model].with_user(clerk).get_views([(False, "form")])
            arch = etree.fromstring(view["views"]["form"]["arch"])
            names = {node.get("name") for node in arch.iter()}
            self.assertFalse({n for n in names if n and "channel" in n})
            with Form(record.with_user(clerk)) as form:
                form.name = "Desk 2"
            with self.assertRaises(AccessError):
                record.with_user(clerk).read(["channel_count"])

    def test_reader_is_offered_no_change(self):
        view = self.product.with_user(self.reader).get_views([(False, "form")])
        arch = etree.fromstring(view["views"]["form"]["arch"])
        buttons = {node.get("name") for node in arch.iter("button")}
        self.assertIn("action_open_channel_numbers", buttons)
        self.assertNotIn("action_sell_on_channel", buttons)
        self.assertNotIn("action_change_on_page", buttons)
        with self.assertRaises(AccessError):
            self.page().action_sell_on_channel()

    def test_one_button_leads_to_the_numbers_and_each_row_explains_its_own(self):
        for record in (self.product, self.product.product_tmpl_id):
            page = record.with_user(self.reader)
            view = page.get_views([(False, "form")])["views"]["form"]
            arch = etree.fromstring(view["arch"])
            smart = [
                button.get("name")
                for button in arch.iterfind(".//button[@class='oe_stat_button']")
                if "channel" in (button.get("name") or "")
            ]
            self.assertEqual(smart, ["action_open_channel_numbers"])
            self.assertTrue(arch.findall(".//button[@name='action_explain_channels']"))
            [numbers] = arch.iterfind(".//field[@name='channel_publication_ids']")
            # A list in a list of fields comes as a view of its own or in place.
            text = etree.tostring(numbers, encoding="unicode")
            self.assertIn('name="action_explain"', text)
        action = self.only_row().with_user(self.reader).action_explain()
        self.assertEqual(action["params"]["number"], self.only_row().id)

    def test_trouble_without_an_exception_leads_to_the_numbers(self):
        self.listing.with_user(self.owner)._pause("The photo is wrong")
        self.env.invalidate_all()
        self.assertEqual(self.page().channel_trouble, "1 listing paused")
        action = self.page().action_open_channel_trouble()
        self.assertEqual(action["res_model"], "stock.channel.publication")

    # --------------------------------------------------------------- mapping

    def sell(self, user, **vals):
        action = self.product.with_user(user).action_sell_on_channel()
        wizards = self.env["stock.channel.sell.wizard"].with_user(user)
        return wizards.with_context(**action["context"]).create(
            {"channel_id": self.channel.id, **vals}
        )

    def found(self, sku):
        return self.env["stock.channel.listing"].search([("sku", "=", sku)])

    def test_operator_adds_a_first_map(self):
        wizard = self.sell(self.owner, sku="DESK-NEW", item_id="77")
        self.assertEqual(wizard.uom_id, self.product.uom_id)
        wizard.action_done()
        listing = self.found("DESK-NEW")
        self.assertEqual(
            (listing.product_id, listing.channel_id, listing.item_id),
            (self.product, self.channel, "77"),
        )

    def test_sku_comes_from_the_product_and_the_id_from_the_channel(self):
        self.env["stock.channel.remote.listing"]._store(
            self.channel, [RemoteListing(sku="DESK-9", item_id="9", title="A Desk")], 1
        )
        form = Form(self.sell(self.owner, sku="DESK"))
        form.sku = "DESK-9"
        self.assertEqual((form.item_id, form.title), ("9", "A Desk"))
        self.assertEqual(self.sell(self.owner).sku, "DESK")

    def test_operator_is_told_what_is_mapped_already(self):
        with self.assertRaisesRegex(UserError, "mapped on Test Shop already"):
            self.sell(self.owner, sku="DESK", item_id="X").action_done()

    def test_manager_is_offered_to_propose_what_is_no_first_map(self):
        wizard = self.sell(self.manager, sku="DESK", item_id="X")
        with self.assertRaises(RedirectWarning) as caught:
            wizard.action_done()
        [step] = caught.exception.args[3]["stock_channel_steps"]
        self.assertEqual((step["op"], step["after"]["item_id"]), ("create", "X"))
        self.assertFalse(self.found("DESK") - self.listing)

    def test_change_and_removal_are_proposed_from_the_page(self):
        action = self.listing.with_user(self.manager).action_change_on_page()
        self.assertEqual((action["res_id"], action["target"]), (self.listing.id, "new"))
        [step] = self.entered(lambda: self.save(self.listing, sku="DESK-2"))
        self.assertEqual(step["after"], {"sku": "DESK-2"})
        [step] = self.entered(self.listing.with_user(self.manager).action_archive)
        self.assertEqual(step["after"], {"active": False})

    def test_nobody_maps_into_a_company_that_is_not_theirs(self):
        company = self.env["res.company"].create({"name": "Elsewhere"})
        foreign = self.make_channel(name="Foreign", company_id=company.id)
        with self.assertRaises(AccessError):
            wizard = self.sell(self.owner, sku="X")
            self.owner.company_ids -= company
            self.env.invalidate_all()
            wizard.sudo().channel_id = foreign
            wizard.action_done()
        self.assertFalse(self.found("X"))

    # ----------------------------------------------------------------- speed

    def statements(self, products):
        self.env.flush_all()
        self.env.invalidate_all()
        with counted() as texts:
            products.with_user(self.reader).read(
                ["channel_count", "channel_trouble", "channel_publication_ids"]
            )
        return sorted(text[:300] for text in texts)

    def test_eighty_products_take_as_many_statements_as_two(self):
        products = self.env["product.product"].create(
            [{"name": f"P{n}", "is_storable": True} for n in range(80)]
        )
        self.env["stock.channel.listing"].create(
            [
                {"channel_id": self.channel.id, "product_id": one.id, "sku": one.name}
                for one in products
            ]
        )
        self.run_compute()
        self.statements(products[:1])  # reads rules and groups, once per process
        few = self.statements(products[:2])
        many = self.statements(products)
        self.assertEqual(many, few)
