"""A channel whose catalogue a test writes down, page by page."""

from unittest.mock import patch

from odoo.addons.stock_channel_hub.connectors.data import ListingPage, RemoteListing
from odoo.addons.stock_channel_hub.connectors.rest import RestConnector

from .clock import ClockCase

PEN = "4006381333931"


class RemoteCase(ClockCase):
    """``self.catalogue`` is what the shop lists; each entry a ``RemoteListing``."""

    def setUp(self):
        super().setUp()
        self.remote = self.env["stock.channel.remote.listing"]
        self.fetches = self.env["stock.channel.fetch"]
        self.catalogue = []
        self.page_size = 100
        self.asked_from = []
        self.fails = []
        case = self

        def pages(_connector, position=""):
            case.asked_from.append(position)
            start = int(position or 0)
            while start < len(case.catalogue):
                if case.fails:
                    error = case.fails.pop(0)
                    if error:
                        raise error
                end = start + case.page_size
                page = tuple(case.catalogue[start:end])
                following = str(end) if end < len(case.catalogue) else ""
                yield ListingPage(listings=page, position=following)
                start = end

        patcher = patch.object(RestConnector, "listing_pages", pages)
        patcher.start()
        self.addCleanup(patcher.stop)
        self.manager = self.make_user("group_manager")
        self.operator = self.make_user("group_operator")
        self.approver = self.make_user("group_approver")

    def lists(self, sku, **vals):
        """Let the shop list one thing more."""
        vals = {"item_id": "", **vals}
        self.catalogue.append(RemoteListing(sku=sku, **vals))

    def fetch(self, user=None):
        """Press the button and let the background finish; the last reading."""
        self.channel.with_user(user or self.manager).action_fetch_listings()
        while self.fetches._running(self.channel):
            self.run_fetch()
        self.env.invalidate_all()
        return self.fetches.search([], limit=1)

    def run_fetch(self):
        self.run_job("stock.channel.fetch", "_cron_fetch")

    def row(self, sku=None, **equal):
        """Return the one row with this SKU."""
        wanted = {**({"sku": sku} if sku else {}), **equal}
        row = self.remote.search([(name, "=", value) for name, value in wanted.items()])
        self.assertEqual(len(row), 1, wanted)
        return row

    def told(self, row):
        """Return (state, product, how found, how sure) of a row."""
        return row.state, row.product_id, row.match_kind, row.confidence

    def listing_of(self, sku):
        return self.env["stock.channel.listing"].search(
            [("channel_id", "=", self.channel.id), ("sku", "=", sku)]
        )
