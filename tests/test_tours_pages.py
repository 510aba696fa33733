import json
from datetime import timedelta

from odoo import SUPERUSER_ID, api, fields
from odoo.tests import HttpCase, new_test_user, tagged

from .test_tours import ScreensCommon

OPERATORS = (
    "base.group_user,stock_channel_hub.group_operator,stock.group_stock_user,"
    "sales_team.group_sale_salesman_all_leads"
)


@tagged("post_install", "-at_install")
class TestPagesTours(ScreensCommon, HttpCase):
    """Odoo's own pages of products, places, orders and transfers, in a browser."""

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls._set_up_channel()
        new_test_user(cls.env, "pages_operator", groups=OPERATORS)
        new_test_user(
            cls.env,
            "pages_manager",
            groups=f"{OPERATORS},stock_channel_hub.group_manager,"
            "stock.group_stock_manager,product.group_product_manager",
        )
        cls.listing = cls.channel.listing_ids

    def run_job(self, model, method):
        self.env.flush_all()
        self.env.cr.flush()
        with self.registry.cursor() as cr:
            getattr(api.Environment(cr, SUPERUSER_ID, {})[model], method)()
        self.env.invalidate_all()

    def found(self, sku):
        return self.env["stock.channel.listing"].search(
            [("channel_id", "=", self.channel.id), ("sku", "=", sku)]
        )

    # --------------------------------------------------------------- product

    def product_page(self):
        template = self.chair.product_tmpl_id
        return f"/odoo/action-stock.product_template_action_product/{template.id}"

    def test_product(self):
        """An operator adds a channel and pauses one, without leaving the product."""
        self.start_tour(
            self.product_page(),
            "stock_channel_hub_product_page",
            login="pages_operator",
        )
        self.assertEqual(self.found("TOUR-SECOND").product_id, self.chair)
        self.assertEqual(self.listing.pause_reason, "Wrong photo")

    def test_product_propose(self):
        """A manager proposes from there what a live map becomes."""
        self.start_tour(
            self.product_page(),
            "stock_channel_hub_product_page_propose",
            login="pages_manager",
        )
        self.assertEqual(self.listing.sku, "TOUR-1")
        change = self.env["stock.channel.change"].search([], limit=1)
        self.assertEqual(change.steps[0]["after"], {"sku": "TOUR-RENAMED"})

    # -------------------------------------------------------------- location

    def test_location(self):
        """What a condition would do is seen before it is saved, and nothing is."""
        stock = self.warehouse.lot_stock_id
        self.start_tour(
            f"/odoo/action-stock.action_location_form/{stock.id}",
            "stock_channel_hub_location_page",
            login="pages_manager",
        )
        self.assertFalse(stock.stock_condition)

    # ----------------------------------------------------------------- order

    def deliver(self, topic, data):
        self.env["stock.channel.message"]._store(
            self.channel,
            dedupe_key=f"{topic}-{data['id']}",
            topic=topic,
            order_key=data.get("order_id", data["id"]),
            raw=json.dumps(
                {
                    "type": topic,
                    "timestamp": f"{fields.Datetime.now().isoformat()}Z",
                    "data": data,
                }
            ).encode(),
            origin="webhook",
        )
        self.run_job("stock.channel.message", "_cron_inbox")

    def make_order(self):
        """Ship an order of two chairs and let the channel announce one of them back."""
        self.channel.order_page = "https://shop.example.com/admin/orders/{id}"
        self.channel.quarantine_location_id = self.env["stock.location"].create(
            {
                "name": "Tour Quarantine",
                "location_id": self.warehouse.lot_stock_id.id,
                "stock_condition": "quarantine",
            }
        )
        now = fields.Datetime.now()
        self.deliver(
            "order.updated",
            {
                "id": "9001",
                "version": 1,
                "updated_at": f"{now.isoformat()}Z",
                "placed_at": f"{now.isoformat()}Z",
                "status": "open",
                "currency": self.env.company.currency_id.name,
                "prices_include_tax": False,
                "customer": {"email": "ada@example.com", "name": "Ada Example"},
                "shipping_address": {
                    "name": "Ada Example",
                    "street": "1 Main Street",
                    "city": "Brussels",
                    "zip": "1000",
                    "country": "BE",
                },
                "lines": [
                    {
                        "id": "1",
                        "sku": "TOUR-1",
                        "quantity": "2",
                        "unit_price": "10.00",
                        "location_id": "main",
                    }
                ],
                "shipping": [],
                "total": "20.00",
            },
        )
        order = self.env["stock.channel.order"].search([("external_id", "=", "9001")])
        sale = order.sale_order_id
        sale.commitment_date = now + timedelta(days=1)
        sale.picking_ids.move_ids.picked = True
        sale.picking_ids.button_validate()
        self.deliver(
            "return.updated",
            {
                "id": "R-77",
                "order_id": "9001",
                "version": 1,
                "status": "announced",
                "lines": [
                    {"order_line_id": "1", "quantity": "1", "disposition": "inspect"}
                ],
            },
        )
        return sale

    def test_order(self):
        """From the sale order to what left and to what comes back."""
        self.chair.taxes_id = False
        sale = self.make_order()
        self.assertEqual(len(sale.channel_return_ids), 1)
        self.start_tour(
            f"/odoo/action-sale.action_orders/{sale.id}",
            "stock_channel_hub_order_page",
            login="pages_manager",
        )
