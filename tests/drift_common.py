"""A shop whose numbers are altered behind the hub's back, and a clock."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from unittest.mock import patch

import freezegun

from odoo.sql_db import Cursor

from odoo.addons.stock_channel_hub.connectors.rest import RestConnector

from .common import HubCase

PUBLISH_LOGGER = "odoo.addons.stock_channel_hub.models.stock_channel_publish"
START = datetime(2027, 3, 1, 8, 0, 0)  # noqa: DTZ001 - naive UTC, as Odoo stores times


class DriftCase(HubCase):
    """A shop that shows ten desks, a clock that moves when told, on demand only."""

    def setUp(self):
        freezer = freezegun.freeze_time(START)
        self.clock = freezer.start()
        self.addCleanup(freezer.stop)
        patcher = patch.object(
            Cursor, "now", lambda cr: datetime.now(UTC).replace(tzinfo=None)
        )
        patcher.start()
        self.addCleanup(patcher.stop)
        super().setUp()
        self.shop.page_size = 1000
        self.channel.read_back_hours = 0
        self.receive(self.product, 10)
        self.run_all()
        self.row = self.publication()
        self.assertEqual((self.row.state, self.shown()), ("clean", 10))

    def now(self):
        return self.env.cr.now()

    def wait(self, **duration):
        self.clock.tick(timedelta(**duration))

    def poll(self):
        """Let a minute pass and the poll job run."""
        self.wait(minutes=1)
        self.run_poll()

    def compare(self):
        """Compare the whole catalogue."""
        self.wait(seconds=1)
        self.channel.action_read_back()
        self.poll()

    def read_twice(self):
        """Compare the whole catalogue, and once more what differs."""
        self.compare()
        self.poll()

    def alter(self, quantity, sku="DESK"):
        """Change what the shop shows, as a person there would."""
        self.shop.books.levels[sku, "main"].quantity = Decimal(quantity)

    def drift_exceptions(self, state="open"):
        return self.env["stock.channel.exception"].search(
            [("category", "=", "drift"), ("state", "=", state)]
        )

    def add_listings(self, count):
        """List more items of the same desk and publish them; returns the SKUs."""
        skus = [f"DESK-{number:03}" for number in range(count)]
        for sku in skus:
            self.add_shop_item(sku, "main")
        self.env["stock.channel.listing"].create(
            [
                {
                    "channel_id": self.channel.id,
                    "product_id": self.product.id,
                    "sku": sku,
                }
                for sku in skus
            ]
        )
        self.run_all()
        self.assertEqual(set(self.rows().mapped("state")), {"clean"})
        return skus

    def rows(self):
        return self.env["stock.channel.publication"].search(
            [("channel_id", "=", self.channel.id)]
        )

    def with_capabilities(self, **changes):
        return patch.object(
            RestConnector,
            "capabilities",
            replace(RestConnector.capabilities, **changes),
        )

    def during_fetch(self, happening):
        """Let something happen while the channel is being read.

        :param happening: called with the ledger's row after the channel answered.
        """
        original = RestConnector.fetch_quantities

        def fetch(connector, keys):
            found = original(connector, keys)
            with self.registry.cursor() as cr:
                happening(self.row.with_env(self.env(cr=cr)))
            return found

        return patch.object(RestConnector, "fetch_quantities", fetch)

    def counting_reads(self):
        """Return a list that gets the number of keys of each reading, and a patch."""
        counts = []
        original = RestConnector.fetch_quantities

        def fetch(connector, keys):
            counts.append(len(keys))
            return original(connector, keys)

        return counts, patch.object(RestConnector, "fetch_quantities", fetch)
