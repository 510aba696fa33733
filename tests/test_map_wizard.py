from base64 import b64decode, b64encode

from odoo.exceptions import AccessError, UserError
from odoo.tests import tagged

from odoo.addons.stock_channel_hub.connectors.map_file import read
from odoo.addons.stock_channel_hub.models.change_steps import MAX_STEPS
from odoo.addons.stock_channel_hub.wizards.map_lines import MapLines

from .remote_common import PEN, RemoteCase
from .statements import counted

HEADS = (
    "SKU,Item ID,Product Reference,Product Barcode,Product ID,Product Name,Unit,Title"
)


@tagged("post_install", "-at_install")
class TestMapWizard(RemoteCase):
    """A file does nothing until it is applied, and then what the preview said."""

    def wizard(self, user=None):
        return (
            self.env["stock.channel.map.wizard"]
            .with_user(user or self.operator)
            .create({"channel_id": self.channel.id})
        )

    def download(self, user=None):
        wizard = self.wizard(user)
        wizard.action_download()
        return b64decode(wizard.with_context(bin_size=False).export_file)

    def preview(self, *lines, user=None, heads=HEADS):
        text = "\n".join((heads, *lines))
        wizard = self.wizard(user)
        wizard.file = b64encode(text.encode())
        wizard.action_preview()
        return wizard

    def told(self, wizard):
        return [
            (line.number, line.kind, line.column, line.what) for line in wizard.line_ids
        ]

    def counts(self, wizard):
        return (
            wizard.new_count,
            wizard.change_count,
            wizard.wrong_count,
            wizard.same_count,
        )

    def maps(self):
        """Return all that a file could change."""
        self.env.flush_all()
        listings = self.env["stock.channel.listing"].with_context(active_test=False)
        return listings.search([], order="id")._watched_values()

    # ---------------------------------------------------------------- exporting

    def test_what_is_downloaded(self):
        self.product.barcode = PEN
        self.listing.write({"item_id": "7", "title": "=SUM(A1)"})
        archived = self.make_listing(self.channel, self.make_product("Old"), "OLD")
        archived.active = False
        self.assertEqual(
            self.download().decode("utf-8-sig"),
            f"{HEADS}\r\nDESK,7,DESK,{PEN},{self.product.id},Desk,Units,'=SUM(A1)\r\n",
        )

    def test_downloading_costs_the_same_for_more(self):
        counts = {}
        for count in (10, 300):
            for number in range(count):
                product = self.make_product(f"P{count}-{number}")
                self.make_listing(self.channel, product, f"S{count}-{number}")
            wizard = self.wizard()
            self.env.flush_all()
            self.env.invalidate_all()
            with counted() as texts:
                maps = list(wizard._maps())
            self.assertGreater(len(maps), count)
            counts[count] = len(texts)
        self.assertEqual(counts[10], counts[300])

    def test_what_is_downloaded_changes_nothing(self):
        """The round trip is a no-op, whatever the names are made of."""
        six = self.env.ref("uom.product_uom_pack_6")
        for number, sku in enumerate(
            ("=1+1", "'quoted", "a,b;c", 'say "x"', "line\nbreak", "Ä-ß", "@x", "-1")
        ):
            product = self.make_product(f"Odd {number}", sku if number % 2 else False)
            self.make_listing(
                self.channel,
                product,
                sku,
                item_id=f"I{number}" if number % 3 else False,
                title=f"+{sku}",
                uom_id=six.id if number == 2 else product.uom_id.id,
            )
        before = self.maps()
        wizard = self.wizard()
        wizard.file = b64encode(self.download())
        wizard.action_preview()
        self.assertEqual(self.told(wizard), [])
        self.assertEqual(self.counts(wizard), (0, 0, 0, 9))
        audited = self.env["stock.channel.audit"].search_count([])
        wizard.action_apply()
        self.assertEqual(self.maps(), before)
        self.assertEqual(self.env["stock.channel.audit"].search_count([]), audited)

    # ---------------------------------------------------------------- previewing

    def test_every_line_says_what_it_would_do(self):
        lamp = self.make_product("Lamp", "LAMP", barcode=PEN)
        for _twin in range(2):
            self.make_product("Twin", "TWIN")
        self.make_listing(self.channel, lamp, "OLD").active = False
        before = self.maps()
        wizard = self.preview(
            "DESK,,DESK",
            "L1,,LAMP,,,,,A lamp",
            "L2,9,,04006381333931",
            f"L2,9,,{PEN}",
            "L3,,,,999999999",
            f"L4,,WRONG,,{lamp.id}",
            "L5,,NONE",
            "L6,,TWIN",
            "L7",
            "L8,,LAMP,,,,Bushel",
            "L9,,LAMP,,,,kg",
            "OLD,,LAMP",
            "DESK,,LAMP",
            ",,LAMP",
        )
        self.assertEqual(
            self.told(wizard),
            [
                (3, "new", False, "A new map."),
                (4, "wrong", "Product Barcode", "No product has this barcode."),
                (5, "new", False, "A new map."),
                (6, "wrong", "Product ID", "There is no such product."),
                (
                    7,
                    "wrong",
                    "Product Reference",
                    "The product of this ID has the reference LAMP.",
                ),
                (8, "wrong", "Product Reference", "No product has this reference."),
                (
                    9,
                    "wrong",
                    "Product Reference",
                    "Several products have this reference; give the ID.",
                ),
                (10, "wrong", "Product Reference", "It says no product."),
                (
                    11,
                    "wrong",
                    "Unit",
                    "The product is kept in Units, and this unit does not convert to it.",
                ),
                (
                    12,
                    "wrong",
                    "Unit",
                    "The product is kept in Units, and this unit does not convert to it.",
                ),
                (
                    13,
                    "wrong",
                    "SKU",
                    "Its listing is archived. A manager takes it out of the archive.",
                ),
                (14, "wrong", "SKU", "Line 2 is about the same listing."),
                (15, "wrong", "SKU", "It is empty."),
            ],
        )
        self.assertEqual(self.counts(wizard), (2, 0, 11, 1))
        self.assertEqual(self.maps(), before)

    def test_changes_are_shown_before_and_after(self):
        self.make_product("Lamp", "LAMP")
        six = self.env.ref("uom.product_uom_pack_6")
        wizard = self.preview(f"DESK,,LAMP,,,,{six.name},New title")
        self.assertEqual(
            self.told(wizard),
            [
                (
                    2,
                    "change",
                    False,
                    f"product: [DESK] Desk → [LAMP] Lamp; unit: Units → {six.name}; "
                    "title: – → New title",
                )
            ],
        )

    def test_columns_that_are_left_out_stay(self):
        self.listing.title = "A desk"
        wizard = self.preview("DESK,DESK", heads="sku,product reference")
        self.assertEqual(self.counts(wizard), (0, 0, 0, 1))

    def test_skus_that_several_listings_have(self):
        self.listing.item_id = "1"
        self.make_listing(self.channel, self.product, "DESK", item_id="2")
        wizard = self.preview("DESK,,DESK", "DESK,2,DESK")
        self.assertEqual(
            self.told(wizard),
            [
                (
                    2,
                    "wrong",
                    "Item ID",
                    "Several listings have this SKU; give the Item ID.",
                )
            ],
        )
        self.assertEqual(wizard.same_count, 1)

    def test_files_that_cannot_be_read(self):
        wizard = self.wizard()
        with self.assertRaises(UserError):
            wizard.action_preview()
        wizard.file = b64encode(b"a,b\n1,2\n")
        with self.assertRaises(UserError) as caught:
            wizard.action_preview()
        self.assertIn("no heading SKU", caught.exception.args[0])

    def test_reading_costs_the_same_for_more(self):
        """Finding out what lines do; writing them down grows by Odoo's batches."""
        counts = {}
        for count in (10, 300):
            for number in range(count):
                self.make_product(f"P{count}-{number}", f"R{count}-{number}")
            lines = [f"S{count}-{n},,R{count}-{n}" for n in range(count)]
            parsed = list(read("\n".join((HEADS, *lines)).encode()))
            self.env.flush_all()
            self.env.invalidate_all()
            with counted() as texts:
                found = MapLines(self.env, self.channel).judge(parsed)
            self.assertEqual({row["kind"] for row in found}, {"new"})
            counts[count] = len(texts)
        self.assertEqual(counts[10], counts[300])

    # ------------------------------------------------------------------ applying

    def test_operator_maps_what_is_new_and_changes_nothing(self):
        lamp = self.make_product("Lamp", "LAMP")
        wizard = self.preview("NEW,,LAMP,,,,,A lamp", "DESK,,LAMP", "X,,NONE")
        self.assertEqual(self.counts(wizard), (1, 1, 1, 0))
        self.assertFalse(wizard.may_change)
        action = wizard.action_apply()
        listing = self.listing_of("NEW")
        self.assertEqual((listing.product_id, listing.title), (lamp, "A lamp"))
        self.assertEqual(self.listing.product_id, self.product)
        self.assertFalse(self.listing_of("X"))
        self.assertEqual(
            action["params"]["message"],
            "Mapped: 1. 1 lines would change maps; a manager of stock channels imports "
            "the file for that.",
        )
        audit = self.env["stock.channel.audit"].search(
            [("res_id", "=", listing.id), ("action", "=", "created")]
        )
        self.assertEqual(audit.user_id, self.operator)

    def test_new_maps_heal_what_waited(self):
        self.receive(self.make_product("Lamp", "LAMP"), 5)
        order = self.order(lines=[self.line_data("1", "NEW", 1)])
        self.preview("NEW,,LAMP").action_apply()
        self.run_inbox()
        self.assertEqual(order.state, "applied")

    def test_changes_of_a_live_map_become_a_proposal(self):
        lamp = self.make_product("Lamp", "LAMP")
        wizard = self.preview("NEW,,LAMP", "DESK,,LAMP", user=self.manager)
        action = wizard.action_apply()
        self.assertEqual(action["res_model"], "stock.channel.change")
        self.assertEqual(self.listing_of("NEW").product_id, lamp)
        self.assertEqual(self.listing.product_id, self.product)
        change = self.env["stock.channel.change"].browse(action["res_id"])
        (step,) = change.steps
        self.assertEqual(
            (step["id"], step["op"], step["after"]),
            (self.listing.id, "write", {"product_id": lamp.id}),
        )
        change.with_user(self.manager).action_propose()
        change.approval_id.with_user(self.approver).action_approve()
        self.env.invalidate_all()
        self.assertEqual(self.listing.product_id, lamp)

    def test_a_listing_beside_another_one_is_a_change(self):
        self.make_product("Lamp", "LAMP")
        wizard = self.preview("DESK,99,LAMP")
        self.assertEqual(
            self.told(wizard),
            [
                (
                    2,
                    "change",
                    False,
                    "A new map, beside another listing with this SKU.",
                )
            ],
        )
        wizard.action_apply()
        self.assertEqual(len(self.listing_of("DESK")), 1)

    def test_what_was_mapped_since_the_preview_is_left_to_a_manager(self):
        lamp = self.make_product("Lamp", "LAMP")
        wizard = self.preview("NEW,,LAMP")
        self.make_listing(self.channel, self.product, "NEW")
        action = wizard.action_apply()
        self.assertIn("Mapped: 0.", action["params"]["message"])
        self.assertNotEqual(self.listing_of("NEW").product_id, lamp)

    def test_a_proposal_that_nobody_would_read(self):
        wizard = self.preview("DESK,,DESK,,,,,Other", user=self.manager)
        self.env["stock.channel.map.wizard.line"].with_user(self.manager).create(
            [
                {"wizard_id": wizard.id, "kind": "change", "sku": str(number)}
                for number in range(MAX_STEPS)
            ]
        )
        with self.assertRaises(UserError) as caught:
            wizard.action_apply()
        self.assertIn("1000 changes", caught.exception.args[0])

    def test_who_may(self):
        for user in (self.approver, self.make_user("group_user")):
            with self.assertRaises(AccessError):
                self.wizard(user)
        other = self.env["res.company"].create({"name": "Other"})
        stranger = self.make_user(
            "group_admin", company_ids=[(6, 0, other.ids)], company_id=other.id
        )
        for step in ("action_download", "action_preview", "action_apply"):
            with self.subTest(step=step), self.assertRaises(AccessError):
                getattr(self.wizard(stranger), step)()

    def test_lines_do_not_reach_other_channels(self):
        """Whoever fills in a wizard over RPC names somebody else's listing."""
        elsewhere = self.make_channel(name="Elsewhere")
        theirs = self.make_listing(elsewhere, self.product, "THEIRS")
        wizard = self.preview("DESK,,DESK,,,,,Other", user=self.manager)
        wizard.line_ids.listing_id = theirs
        with self.assertRaises(UserError):
            wizard.action_apply()
        self.assertEqual(theirs.sku, "THEIRS")
