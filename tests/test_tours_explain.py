from datetime import timedelta

from odoo import fields
from odoo.tests import HttpCase, new_test_user, tagged

from .test_tours import ScreensCommon


class ExplainScreens(ScreensCommon):
    """A chair with stock, orders, rules and a past; a kit; a shortage."""

    @classmethod
    def _set_up_explained(cls):
        cls._set_up_channel()
        cls.clerk = new_test_user(
            cls.env,
            "explain_clerk",
            groups="base.group_user,stock.group_stock_user,"
            "stock_channel_hub.group_operator",
        )
        cls.screw = cls.env["product.product"].create(
            {"name": "Tour Screw", "is_storable": True, "default_code": "T-SCREW"}
        )
        cls.table = cls.env["product.product"].create(
            {"name": "Tour Table Set", "is_storable": True, "default_code": "T-SET"}
        )
        cls.env["mrp.bom"].create(
            {
                "product_tmpl_id": cls.table.product_tmpl_id.id,
                "type": "phantom",
                "bom_line_ids": [
                    (0, 0, {"product_id": cls.chair.id, "product_qty": 1}),
                    (0, 0, {"product_id": cls.screw.id, "product_qty": 8}),
                ],
            }
        )
        shelf = cls.warehouse.lot_stock_id
        cls.env["stock.quant"]._update_available_quantity(cls.screw, shelf, 20)
        cls.env["stock.quant"]._update_available_quantity(cls.chair, shelf, 40)
        cls.kit_listing = cls.env["stock.channel.listing"].create(
            {
                "channel_id": cls.channel.id,
                "product_id": cls.table.id,
                "sku": "TOUR-SET",
            }
        )
        rules = cls.env["stock.channel.rule"]
        for kind, value in (("buffer", 5), ("cap", 30), ("horizon", 14)):
            rules.create({"channel_id": cls.channel.id, "kind": kind, "value": value})
        cls._expect_goods()
        cls.numbers = cls.env["stock.channel.publication"]
        cls.numbers._refresh(
            cls.channel._all_listings(), "stock", fields.Datetime.now()
        )
        cls.number = cls._number(cls.chair)
        cls._acknowledge()
        cls._sell_and_break()
        cls.exception = cls.env["stock.channel.exception"]._open(
            cls.channel,
            category="drift",
            fingerprint="tour-explain",
            title="TOUR-1 shows another number",
            cause="Somebody edited it at the channel.",
        )
        cls.exception.sudo().publication_id = cls.number

    @classmethod
    def _expect_goods(cls):
        """Two receipts, on different days."""
        for days in (2, 9):
            move = cls.env["stock.move"].create(
                {
                    "product_id": cls.chair.id,
                    "product_uom_qty": days,
                    "location_id": cls.env.ref("stock.stock_location_suppliers").id,
                    "location_dest_id": cls.warehouse.lot_stock_id.id,
                    "date": fields.Datetime.now() + timedelta(days=days),
                }
            )
            move._action_confirm()

    @classmethod
    def _number(cls, product):
        return cls.numbers.search(
            [("product_id", "=", product.id), ("channel_id", "=", cls.channel.id)]
        )

    @classmethod
    def _acknowledge(cls):
        """Let the channel take what is wanted, some hours ago."""
        rows = cls._number(cls.chair) | cls._number(cls.table)
        push = cls.env["stock.channel.push"].create(
            {"channel_id": cls.channel.id, "size": len(rows)}
        )
        answers = [(cls.numbers.browse(i), update) for i, update in rows._lease(push)]
        cls.numbers._acknowledge_all(push, answers)
        cls.env.flush_all()
        cls.env.cr.execute(
            """
            UPDATE stock_channel_publication_log
               SET acknowledged_at = acknowledged_at - interval '3 hours'
             WHERE channel_id = %s
            """,
            [cls.channel.id],
        )
        cls.env.invalidate_all()

    @classmethod
    def _sell_and_break(cls):
        """Goods left since, and the channel shows one chair too few."""
        move = cls.env["stock.move"].create(
            {
                "product_id": cls.chair.id,
                "product_uom_qty": 6,
                "location_id": cls.warehouse.lot_stock_id.id,
                "location_dest_id": cls.env.ref("stock.stock_location_customers").id,
            }
        )
        move._action_confirm()
        move._action_assign()
        move.picked = True
        move._action_done()
        cls.numbers._refresh(cls.channel._all_listings(), "stock", move.date)
        cls.number.sudo().write(
            {
                "observed_qty": cls.number.expected_qty - 1,
                "observed_at": cls.env.cr.now(),
            }
        )


@tagged("post_install", "-at_install")
class TestExplainTours(ExplainScreens, HttpCase):
    """From wherever a number is met to why it is what it is."""

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls._set_up_explained()

    def play(self, url, tour):
        self.start_tour(url, f"stock_channel_hub_explain_{tour}", login="explain_clerk")

    def test_product(self):
        """Each channel's number, the steps of one, the records behind a step."""
        self.play(
            f"/odoo/stock-channel-explain?source=product&active_id={self.chair.id}",
            "product",
        )

    def test_exception(self):
        """From the exception to the number, and back by the breadcrumb."""
        self.play(
            f"/odoo/stock.channel.exception/{self.exception.id}",
            "exception",
        )

    def test_past(self):
        """What was taken some hours ago, what moved since, and that a reload stays."""
        self.play(f"/odoo/stock.channel.publication/{self.number.id}", "past")

    def test_kit(self):
        """From the component to the kit that it holds back."""
        self.play(
            f"/odoo/stock-channel-explain?source=product&active_id={self.screw.id}",
            "kit",
        )

    def test_keyboard(self):
        """Chosen, unfolded and folded without a pointer."""
        self.play(
            f"/odoo/stock-channel-explain?source=product&active_id={self.chair.id}",
            "keyboard",
        )


@tagged("post_install", "-at_install")
class TestExplainTourOnPhone(ExplainScreens, HttpCase):
    browser_size = "400x800"
    touch_enabled = True

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls._set_up_explained()

    def test_phone(self):
        """Nothing is cut off sideways at the width of a phone."""
        self.start_tour(
            f"/odoo/stock-channel-explain?source=product&active_id={self.chair.id}",
            "stock_channel_hub_explain_phone",
            login="explain_clerk",
        )
