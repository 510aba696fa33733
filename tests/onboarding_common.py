"""A shop that is not connected yet, and the wizard that connects it."""

from datetime import UTC, datetime
from decimal import Decimal
from unittest.mock import patch

from odoo.addons.stock_channel_hub.connectors.testing.fake_rest import (
    BASE_URL,
    SECRET,
    FakeRest,
)
from odoo.addons.stock_channel_hub.models.stock_channel_connection import (
    StockChannelConnection,
)

from .common import HubCase


class OnboardingCase(HubCase):
    """``self.new_shop`` answers whatever channel is connected in a test."""

    def setUp(self):
        super().setUp()
        self.new_shop = FakeRest(lambda: datetime.now(UTC))
        self.new_shop.locations = {"n": "hub north", "s": "Hub South"}
        self.south = self.env["stock.warehouse"].create(
            {"name": "Hub South", "code": "HUBS"}
        )
        for sku, place in (("DESK", "n"), ("VASE", "n"), ("MUG", "s")):
            self.new_shop.add_item(sku, place, Decimal(0))
        known = {**self.shops}
        patcher = patch.object(
            StockChannelConnection,
            "_transport",
            lambda channel: known.get(channel.id, self.new_shop).transport,
        )
        patcher.start()
        self.addCleanup(patcher.stop)
        self.admin = self.make_user("group_admin", email="admin@example.com")
        self.admin.group_ids += self.env.ref("stock.group_stock_manager")
        self.manager = self.make_user("group_manager", email="manager@example.com")
        self.wizards = self.env["stock.channel.onboarding"]

    def begin(self, user=None, **vals):
        """Press Connect a Channel and choose the kind."""
        return self.wizards.with_user(user or self.admin).create(
            {"connector": "rest", "name": "New Shop", **vals}
        )

    def connect(self, secret=SECRET, base_url=BASE_URL):
        """Come to the step of locations; the wizard there."""
        wizard = self.begin()
        wizard.action_continue()
        self.env["stock.channel.secret"].create(
            {"channel_id": wizard.channel_id.id, "new_value": secret}
        )
        wizard.base_url = base_url
        wizard.action_continue()
        return wizard

    def go_on(self, wizard, step):
        """Take every step as it is proposed until ``step`` is shown."""
        while wizard.step != step:
            before = wizard.step
            wizard.action_continue()
            self.assertNotEqual(wizard.step, before)
        return wizard

    def line_of(self, wizard, name):
        return wizard.place_ids.filtered(lambda line: line.name == name)
