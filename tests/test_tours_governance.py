import io
from base64 import b64decode
from datetime import timedelta

import openpyxl

from odoo import SUPERUSER_ID, api, fields
from odoo.exceptions import AccessError
from odoo.fields import Command
from odoo.tests import HttpCase, new_test_user, tagged

from .test_tours import ScreensCommon

CATALOGUE = 12


@tagged("post_install", "-at_install")
class TestGovernanceTours(ScreensCommon, HttpCase):
    """As each group, in a real browser: what one may and another may not."""

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls._set_up_channel()
        cls.people = {
            group: new_test_user(
                cls.env,
                f"channel_{group}",
                email=f"{group}@example.com",
                groups=f"base.group_user,stock_channel_hub.group_{group}",
            )
            for group in ("manager", "approver", "admin")
        }
        # Who caused the change is in the right group too, and may not decide it.
        cls.people["manager"].group_ids += cls.env.ref(
            "stock_channel_hub.group_approver"
        )

    def run_job(self, model, method):
        self.env.flush_all()
        self.env.cr.flush()
        with self.registry.cursor() as cr:
            getattr(api.Environment(cr, SUPERUSER_ID, {})[model], method)()
        self.env.invalidate_all()

    # ------------------------------------------------------------- held push

    def hold(self):
        """Let the manager take the whole catalogue off sale by a slip of the hand."""
        products = self.env["product.product"].create(
            [
                {"name": f"Tour Item {number}", "is_storable": True, "list_price": 10}
                for number in range(CATALOGUE)
            ]
        )
        for product in products:
            self.env["stock.quant"]._update_available_quantity(
                product, self.warehouse.lot_stock_id, 10
            )
        self.env["stock.channel.listing"].create(
            [
                {
                    "channel_id": self.channel.id,
                    "product_id": product.id,
                    "sku": product.name,
                }
                for product in products
            ]
        )
        self.run_job("stock.channel.dirty", "_cron_compute")
        rows = self.env["stock.channel.publication"].search(
            [("channel_id", "=", self.channel.id)]
        )
        now = fields.Datetime.now()
        for row in rows:
            row.write({"sent_at": now, "sent_qty": row.wanted_qty, "state": "clean"})
        manager = self.people["manager"]
        self.env["stock.channel.rule"].with_user(manager).sudo().create(
            {"channel_id": self.channel.id, "kind": "share", "value": 0}
        )
        self.run_job("stock.channel.dirty", "_cron_compute")
        push = self.env["stock.channel.push"].search(
            [("channel_id", "=", self.channel.id), ("state", "=", "held")]
        )
        self.assertEqual(len(push), 1)
        return push

    def test_approver_releases_what_its_cause_cannot(self):
        push = self.hold()
        approval = push.approval_id
        path = f"/odoo/stock-channel-approvals/{approval.id}"
        self.start_tour(path, "stock_channel_hub_release_own", login="channel_manager")
        with self.assertRaises(AccessError):
            approval.with_user(self.people["manager"]).action_approve()
        self.env.invalidate_all()
        self.assertEqual((approval.state, push.state), ("proposed", "held"))
        self.start_tour(path, "stock_channel_hub_release", login="channel_approver")
        self.env.invalidate_all()
        self.assertEqual((approval.state, push.state), ("applied", "released"))
        self.assertEqual(approval.decided_by_id, self.people["approver"])
        self.run_job("stock.channel.dirty", "_cron_compute")
        rows = self.env["stock.channel.publication"].search(
            [("channel_id", "=", self.channel.id)]
        )
        self.assertEqual(set(rows.mapped("wanted_qty")), {0})

    # --------------------------------------------------------------- proposal

    def test_manager_proposes_what_saving_refuses(self):
        listing = self.channel.listing_ids
        self.start_tour(
            f"/odoo/stock-channel-listings/{listing.id}",
            "stock_channel_hub_propose",
            login="channel_manager",
        )
        self.env.invalidate_all()
        approval = self.env["stock.channel.approval"].search([("kind", "=", "change")])
        self.assertEqual(
            (approval.state, approval.requested_by_id, listing.sku),
            ("proposed", self.people["manager"], "TOUR-1"),
        )

    # ----------------------------------------------------------------- match

    def test_auditor_exports_the_daily_match(self):
        review = self.env["stock.channel.review"].search(
            [("kind", "=", "daily")], order="id desc", limit=1
        )
        match = review.match_ids.filtered(lambda m: m.channel_id == self.channel)
        # Nobody reads this shop: the match is made without, after its patience.
        match.requested_at -= timedelta(hours=3)
        self.run_job("stock.channel.match", "_cron_match")
        self.assertEqual(match.state, "done")
        self.start_tour(
            f"/odoo/stock-channel-reviews/{review.id}",
            "stock_channel_hub_export",
            login="channel_approver",
        )
        self.env.invalidate_all()
        sheets = openpyxl.load_workbook(
            io.BytesIO(b64decode(match.sudo().export_file)), read_only=True
        )
        self.assertEqual(sheets.sheetnames, ["Summary", "Numbers", "Orders"])
        numbers = list(sheets["Numbers"].iter_rows(values_only=True))
        self.assertIn("TOUR-1", [cell for row in numbers for cell in row])

    # ------------------------------------------------------------- readiness

    def make_draft(self):
        """Make a channel that lacks only what the tour enters: whom alerts reach."""
        admin = self.people["admin"]
        shelf = self.env["stock.location"].create(
            {"name": "Tour Shelf", "location_id": self.warehouse.lot_stock_id.id}
        )
        draft = self.env["stock.channel"].create(
            {
                "name": "Gate Shop",
                "connector": "rest",
                "base_url": "https://gate.example.com",
                "exception_owner_id": self.people["manager"].id,
                "map_owner_id": admin.id,
                "shadow_hours": 0,
                "location_ids": [
                    Command.create(
                        {
                            "name": "Gate Warehouse",
                            "external_id": "gate",
                            "location_ids": [Command.set(shelf.ids)],
                        }
                    )
                ],
                "listing_ids": [
                    Command.create({"product_id": self.lamp.id, "sku": "GATE-1"})
                ],
            }
        )
        self.env["stock.channel.secret"]._generate(draft)
        now = fields.Datetime.now()
        draft.sudo().write(
            {"checked_at": now - timedelta(minutes=1), "check_is_ok": True}
        )
        return draft

    def test_administrator_is_stopped_by_the_gate_and_passes_it(self):
        draft = self.make_draft()
        self.start_tour(
            f"/odoo/stock-channels/{draft.id}",
            "stock_channel_hub_gate",
            login="channel_admin",
        )
        self.env.invalidate_all()
        self.assertEqual(draft.state, "live")
        self.assertEqual(draft.alert_email, "alerts@example.com")
