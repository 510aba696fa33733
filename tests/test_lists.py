"""Lists that open fast and find what they say: order, filters, favourites."""

import json
from datetime import timedelta

from odoo.fields import Domain
from odoo.tests import tagged
from odoo.tools import SQL
from odoo.tools.safe_eval import safe_eval

from .common import HubCase
from .search_offers import ADDON, offers
from .statements import counted

ROLES = ("group_operator", "group_manager", "group_approver", "group_admin")
ALL_OF_A_CHANNEL = 'WHERE "stock_channel_publication"."channel_id" IN %s GROUP'


@tagged("post_install", "-at_install")
class TestLists(HubCase):
    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.domains = {
            (offer.model, offer.name.removeprefix("filter ")): list(offer.domain)
            for offer in offers(cls.env)
        }

    def setUp(self):
        super().setUp()
        self.run_compute()

    def found(self, model, name):
        return self.env[model].search(self.domains[model, name])

    # ---------------------------------------------------------------- speed

    def test_first_page_of_numbers_is_not_sorted(self):
        Publication = self.env["stock.channel.publication"].sudo()
        self.env.cr.execute(SQL("SET LOCAL enable_seqscan = off"))
        self.env.cr.execute(SQL("SET LOCAL enable_bitmapscan = off"))
        query = Publication._search([], limit=80, order=Publication._order)
        self.env.cr.execute(SQL("EXPLAIN %s", query.select()))
        plan = "\n".join(line for (line,) in self.env.cr.fetchall())
        self.assertIn("listing_location_unique", plan)
        self.assertNotIn("Sort", plan)

    def test_overview_counts_no_listings_and_no_numbers(self):
        action = self.env.ref("stock_channel_hub.stock_channel_action")
        arch = self.env["stock.channel"].get_views([(False, "kanban")])
        shown = [
            name
            for name in arch["models"]["stock.channel"]["fields"]
            if f'name="{name}"' in arch["views"]["kanban"]["arch"]
        ]
        self.assertEqual(action.view_mode.split(",")[0], "kanban")
        self.assertNotIn("publication_count", shown)
        self.env.invalidate_all()
        with counted() as statements:
            self.channel.web_read({name: {} for name in shown})
        whole = [
            text
            for text in statements
            if "COUNT(*)" in text and ALL_OF_A_CHANNEL in text
        ]
        self.assertEqual(whole, [])

    def test_sizes_and_last_acknowledgement_of_each_channel(self):
        self.make_listing(self.channel, self.product, "TABLE")
        other = self.make_channel(name="Quiet Shop")
        number = self.publication()
        moments = [self.env.cr.now() - timedelta(days=days) for days in (3, 1, 2)]
        for moment in moments:
            self.env["stock.channel.publication.log"].create(
                {
                    "publication_id": number.id,
                    "channel_id": self.channel.id,
                    "acknowledged_at": moment,
                }
            )
        self.env.invalidate_all()
        with counted() as statements:
            (self.channel | other).mapped("last_acknowledged_at")
        self.assertEqual(self.channel.last_acknowledged_at, moments[1])
        self.assertFalse(other.last_acknowledged_at)
        asked = [s for s in statements if "acknowledged_at" in s]
        self.assertEqual(len(asked), 1, asked)
        self.assertEqual(
            self.channel.listing_count,
            self.env["stock.channel.listing"].search_count(
                [("channel_id", "=", self.channel.id)]
            ),
        )
        self.assertEqual(other.publication_count, 0)

    def test_live_channel_does_not_walk_through_all_bills(self):
        self.channel.sudo().state = "live"
        with counted() as statements:
            state, fact = self.channel._readiness({"kits"})["kits"]
        self.assertEqual(state, "not_asked")
        self.assertIn("weekly review", fact)
        self.assertFalse([s for s in statements if "mrp_bom" in s])

    # --------------------------------------------------------------- searches

    def test_typed_number_and_return_find_only_those(self):
        """Without a name to search by Odoo finds everything, whatever is typed."""
        number = self.publication()
        self.assertEqual(
            self.env["stock.channel.publication"].search(
                [("display_name", "ilike", number.listing_id.sku[:3])]
            ),
            self.env["stock.channel.publication"].search(
                [("listing_id.sku", "ilike", number.listing_id.sku[:3])]
            ),
        )
        for model in ("stock.channel.publication", "stock.channel.return"):
            self.assertFalse(
                self.env[model].search([("display_name", "ilike", "no such")])
            )

    def test_sold_out_yet_shown(self):
        number = self.publication()
        model = "stock.channel.publication"
        number.sudo().write({"wanted_qty": 0, "observed_qty": 2})
        self.assertEqual(self.found(model, "sold_out_shown"), number)
        number.sudo().write({"wanted_qty": 1})
        self.assertFalse(self.found(model, "sold_out_shown"))
        number.sudo().write({"wanted_qty": 0, "observed_qty": 0})
        self.assertFalse(self.found(model, "sold_out_shown"))

    def test_orders_promised_and_late(self):
        order = self.order("1001")
        now = self.env.cr.now()
        order.promised_at = now - timedelta(hours=30)
        order.line_ids.own_open_qty = 1
        self.env.flush_all()
        model = "stock.channel.order"
        self.assertEqual(self.found(model, "late"), order)
        self.assertEqual(self.found(model, "to_ship"), order)
        self.assertFalse(self.found(model, "promised_today"))
        order.promised_at = now + timedelta(days=3)
        self.assertFalse(self.found(model, "late"))
        order.line_ids.own_open_qty = 0
        self.env.flush_all()
        self.assertFalse(self.found(model, "to_ship"))

    def test_listing_of_a_product_without_barcode(self):
        listing = self.make_listing(self.channel, self.product, "NO-CODE")
        self.product.barcode = False
        self.assertIn(listing, self.found("stock.channel.listing", "no_barcode"))
        self.product.barcode = "4006381333931"
        self.assertNotIn(listing, self.found("stock.channel.listing", "no_barcode"))

    # ------------------------------------------------------------- favourites

    def test_favourites_are_shared_and_work_for_every_role(self):
        data = self.env["ir.model.data"].search(
            [("model", "=", "ir.filters"), ("module", "=", ADDON)]
        )
        shipped = self.env["ir.filters"].browse(data.mapped("res_id"))
        self.assertEqual(len(shipped), 9)
        for role in ROLES:
            user = self.make_user(role)
            env = self.env(user=user)
            for favourite in shipped:
                told = favourite.sudo()
                model = env[told.model_id]
                with self.subTest(role=role, favourite=told.name):
                    names = {
                        found["id"]
                        for found in env["ir.filters"].get_filters(
                            told.model_id, told.action_id.id
                        )
                    }
                    self.assertIn(told.id, names)
                    domain = Domain(safe_eval(told.domain))
                    groups = safe_eval(told.context).get("group_by", [])
                    model.search(domain, order=",".join(json.loads(told.sort)) or None)
                    model.formatted_read_group(domain, groups, ["__count"])
