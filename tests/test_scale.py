"""What a change costs depends on the change, not on the catalogue (PROOF, R15)."""

import logging
from unittest.mock import patch

from odoo.tests import tagged

from odoo.addons.stock_channel_hub.models import stock_channel_publish

from .common import HubCase
from .statements import counted

_logger = logging.getLogger(__name__)

# Of a drain of up to 10 000 hints, however many numbers are behind them.
COMPUTE_LIMIT = 10
# Two batches of 500, each with its claim, its push and its results, and what there is
# around them; five thousand when each number was written by itself.
PUBLISH_LIMIT = 100


@tagged("post_install", "-at_install")
class TestScale(HubCase):
    """Few statements, however many rows; few rows, however large the catalogue."""

    def setUp(self):
        super().setUp()
        # What is counted is statements: a slow machine must not end a slice early.
        patcher = patch.object(stock_channel_publish, "SLICE_SECONDS", 3600)
        patcher.start()
        self.addCleanup(patcher.stop)

    def make_catalogue(self, count):
        """List so many products with ten pieces each, at the shop and here."""
        products = self.env["product.product"].create(
            [
                {"name": f"Item {number}", "type": "consu", "is_storable": True}
                for number in range(count)
            ]
        )
        skus = [f"I{product.id}" for product in products]
        self.env["stock.channel.listing"].create(
            [
                {"channel_id": self.channel.id, "product_id": product.id, "sku": sku}
                for product, sku in zip(products, skus, strict=True)
            ]
        )
        for sku in skus:
            self.add_shop_item(sku, "main")
        self.put(products, 10)
        return products

    def put(self, products, quantity):
        self.env["stock.quant"].create(
            [
                {
                    "product_id": product.id,
                    "location_id": self.stock.id,
                    "quantity": quantity,
                }
                for product in products
            ]
        )

    def statements(self, work):
        self.env.flush_all()
        self.env.cr.flush()
        self.env.invalidate_all()
        with counted() as texts:
            work()
        return texts

    def versions(self):
        """Return {row id: which version of it}, as the database tells them apart."""
        self.env.flush_all()
        self.env.cr.execute("SELECT id, ctid::text FROM stock_channel_publication")
        return dict(self.env.cr.fetchall())

    # ------------------------------------------------------------------ tests

    def test_one_changed_quant_recomputes_only_its_listings(self):
        products = self.make_catalogue(20)
        kit = self.make_product("Kit", "KIT")
        self.make_kit(kit, {products[0]: 1, products[1]: 1})
        kit_listing = self.make_listing(self.channel, kit, "KIT")
        self.add_shop_item("KIT", "main")
        self.run_all()
        rows = self.env["stock.channel.publication"].search([])
        self.assertEqual((len(rows), set(rows.mapped("state"))), (22, {"clean"}))
        before = self.versions()
        quant = self.env["stock.quant"].search([("product_id", "=", products[0].id)])
        quant.quantity = 9
        self.env.cr.flush()
        with counted() as texts:
            self.run_compute()
        self.assertEqual(
            sum("INSERT INTO stock_channel_publication" in text for text in texts), 1
        )
        after = self.versions()
        touched = rows.browse(
            row_id for row_id in before if before[row_id] != after[row_id]
        )
        concerned = rows.filtered(
            lambda row: row.product_id == products[0] or row.listing_id == kit_listing
        )
        self.assertEqual(touched, concerned)
        self.assertEqual(touched.mapped("wanted_qty"), [9, 9])

    def test_computing_costs_the_same_for_more(self):
        """Ten listings or three hundred: as many statements."""
        counts = {}
        for count in (10, 300):
            self.make_catalogue(count)
            dirty = self.env["stock.channel.dirty"]
            texts = self.statements(dirty._drain)
            self.assertEqual(dirty.search_count([]), 0)
            counts[count] = len(texts)
        self.assertEqual(counts[10], counts[300])
        self.assertLess(counts[300], 10)

    def test_sweeping_costs_the_same_for_more(self):
        counts = {}
        publications = self.env["stock.channel.publication"]
        for count in (10, 300):
            self.make_catalogue(count)
            texts = self.statements(
                lambda: self.assertTrue(publications._find_differences(self.channel))
            )
            counts[count] = len(texts)
        self.assertEqual(counts[10], counts[300])

    def test_publishing_costs_the_same_for_more(self):
        self.make_catalogue(1)
        self.run_all()
        counts = {}
        for count in (10, 300):
            self.make_catalogue(count)
            self.run_compute()
            counts[count] = len(self.statements(self.run_publish))
            states = self.env["stock.channel.publication"].search([]).mapped("state")
            self.assertEqual(set(states), {"clean"})
        self.assertEqual(counts[10], counts[300])

    def test_full_export(self):
        """A thousand numbers, computed and told: a few statements for each batch."""
        self.run_all()
        self.make_catalogue(1000)
        computed = self.statements(self.run_compute)
        before = len(self.shop.books.effects)
        published = self.statements(self.run_publish)
        rows = self.env["stock.channel.publication"].search([])
        self.assertEqual((len(rows), set(rows.mapped("state"))), (1001, {"clean"}))
        self.assertEqual(len(self.shop.books.effects) - before, 1000)
        _logger.info(
            "1000 numbers: %s statements to compute, %s to publish",
            len(computed),
            len(published),
        )
        self.assertLessEqual(len(computed), COMPUTE_LIMIT)
        self.assertLessEqual(len(published), PUBLISH_LIMIT)
