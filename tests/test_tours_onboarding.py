from datetime import UTC, datetime
from decimal import Decimal
from unittest.mock import patch

from odoo.tests import HttpCase, new_test_user, tagged

from odoo.addons.stock_channel_hub.connectors.testing.fake_rest import (
    BASE_URL,
    SECRET,
    FakeRest,
)
from odoo.addons.stock_channel_hub.models.stock_channel_connection import (
    StockChannelConnection,
)


class OnboardingTourCase(HttpCase):
    """A database without a channel, and a shop that answers whoever asks."""

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.company = cls.env.company
        cls.company.email = "office@example.com"
        cls.warehouse = cls.env["stock.warehouse"].create(
            {"name": "Tour Depot", "code": "TDEP"}
        )
        product = cls.env["product.product"].create(
            {"name": "Tour Desk", "is_storable": True, "default_code": "T-DESK"}
        )
        cls.env["stock.quant"]._update_available_quantity(
            product, cls.warehouse.lot_stock_id, 38
        )
        cls.people = {
            group: new_test_user(
                cls.env,
                f"onboarding_{group}",
                email=f"{group}@example.com",
                groups=f"base.group_user,stock_channel_hub.group_{group}",
            )
            for group in ("admin", "manager")
        }

    def setUp(self):
        super().setUp()
        self.shop = FakeRest(lambda: datetime.now(UTC))
        self.shop.locations = {"d": "tour depot"}
        self.shop.add_item("T-DESK", "d", Decimal(0))
        self.shop.add_item("T-VASE", "d", Decimal(0))
        patcher = patch.object(
            StockChannelConnection, "_transport", lambda _channel: self.shop.transport
        )
        patcher.start()
        self.addCleanup(patcher.stop)

    def connected(self):
        """Return a channel that was left halfway, behind the connection."""
        wizard = (
            self.env["stock.channel.onboarding"]
            .with_user(self.people["admin"])
            .create({"connector": "rest", "name": "Tour Market"})
        )
        wizard.action_continue()
        self.env["stock.channel.secret"].create(
            {"channel_id": wizard.channel_id.id, "new_value": SECRET}
        )
        wizard.base_url = BASE_URL
        wizard.action_continue()
        self.assertEqual(wizard.step, "places")
        return wizard.channel_id

    def channel(self):
        self.env.invalidate_all()
        return self.env["stock.channel"].search([])


@tagged("post_install", "-at_install")
class TestOnboardingTour(OnboardingTourCase):
    def test_from_nothing_to_shadow(self):
        self.start_tour(
            "/odoo/stock-channels",
            "stock_channel_hub_onboarding",
            login="onboarding_admin",
        )
        channel = self.channel()
        self.assertEqual(
            (channel.name, channel.state, channel.base_url),
            ("Tour Market", "shadow", BASE_URL),
        )
        self.assertEqual(
            (channel.location_ids.location_ids, channel.listing_ids.sku),
            (self.warehouse.lot_stock_id, "T-DESK"),
        )
        self.assertEqual(
            (channel.rule_ids.kind, channel.rule_ids.value), ("buffer", 3.0)
        )
        self.assertEqual(channel.alert_email, "alerts@example.com")
        self.assertFalse(
            [call for call in self.shop.transport.calls if call.method != "GET"],
            "nothing is written to the shop",
        )


@tagged("post_install", "-at_install")
class TestOnboardingPhone(OnboardingTourCase):
    """A colleague finishes it, on a phone."""

    browser_size = "375x667"
    touch_enabled = True

    def test_a_colleague_goes_on_at_a_phone(self):
        channel = self.connected()
        self.start_tour(
            "/odoo/stock-channels",
            "stock_channel_hub_onboarding_resume",
            login="onboarding_manager",
        )
        self.env.invalidate_all()
        self.assertEqual(channel.state, "shadow")
        self.assertEqual(channel.alert_email, "office@example.com")
