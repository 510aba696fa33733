import json
from datetime import UTC, datetime

from odoo import SUPERUSER_ID, api
from odoo.tests import HttpCase, tagged

from .test_tours import ScreensCommon


@tagged("post_install", "-at_install")
class TestQueueTour(ScreensCommon, HttpCase):
    """A clerk without help: map once, fifty orders heal; many are not waved aside."""

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls._set_up_channel()
        cls.exception._update_state("resolved")

    def run_job(self, model, method):
        self.env.flush_all()
        with self.registry.cursor() as cr:
            getattr(api.Environment(cr, SUPERUSER_ID, {})[model], method)()
        self.env.invalidate_all()

    def deliver(self, number):
        """Store an order of ten euros for an item nobody knows."""
        now = datetime.now(UTC).isoformat()
        data = {
            "id": f"T{number}",
            "version": 1,
            "updated_at": now,
            "placed_at": now,
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
                    "sku": "TOUR-NEW",
                    "quantity": "1",
                    "unit_price": "10.00",
                    "location_id": "main",
                }
            ],
            "shipping": [],
            "total": "10.00",
        }
        body = {"type": "order.updated", "timestamp": now, "data": data}
        self.env["stock.channel.message"]._store(
            self.channel,
            dedupe_key=f"tour-{number}",
            topic="order.updated",
            order_key=f"order:T{number}",
            raw=json.dumps(body).encode(),
            origin="webhook",
        )

    def test_clerk_maps_once_and_fifty_orders_heal(self):
        self.lamp.taxes_id = False
        for number in range(50):
            self.deliver(number)
        self.run_job("stock.channel.message", "_cron_inbox")
        self.run_job("stock.channel.exception", "_cron_queue")
        exception = self.env["stock.channel.exception"].search(
            [("channel_id", "=", self.channel.id), ("state", "=", "open")]
        )
        self.assertEqual((exception.value, exception.waiting_count), ("TOUR-NEW", 50))
        self.assertEqual((exception.value_at_risk, exception.orders_behind), (500, 50))
        self.start_tour(
            "/odoo/stock-channel-exceptions",
            "stock_channel_hub_heal",
            login="channel_operator",
        )
        self.run_job("stock.channel.message", "_cron_inbox")
        self.assertEqual((exception.state, exception.heal_done), ("resolved", 50))
        sales = self.env["sale.order"].search(
            [("stock_channel_id", "=", self.channel.id)]
        )
        self.assertEqual((len(sales), set(sales.mapped("state"))), (50, {"sale"}))
        self.start_tour(
            f"/odoo/stock-channel-exceptions/{exception.id}",
            "stock_channel_hub_healed",
            login="channel_operator",
        )

    def test_clerk_cannot_wave_many_aside_alone(self):
        exceptions = self.env["stock.channel.exception"]
        for number in range(11):
            exceptions |= exceptions._open(
                self.channel,
                category="data",
                fingerprint=f"tour-{number}",
                title=f"Order {number} makes no sense",
            )
        self.start_tour(
            "/odoo/stock-channel-exceptions",
            "stock_channel_hub_ignore",
            login="channel_operator",
        )
        self.assertEqual(set(exceptions.mapped("state")), {"open"})
        approval = self.env["stock.channel.approval"].search([("kind", "=", "ignore")])
        self.assertEqual(
            (approval.state, approval.requested_by_id), ("proposed", self.owner)
        )
        self.assertEqual(approval.ignored_exception_ids, exceptions)
