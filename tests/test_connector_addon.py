"""A connector of another addon: the authors' guide's own example, within Odoo."""

import importlib
import sys
import tempfile
import unittest
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path
from unittest.mock import patch

from odoo.tests import tagged
from odoo.tests.loader import get_module_test_cases
from odoo.tests.tag_selector import TagsSelector

import odoo.addons
from odoo.addons.stock_channel_hub.connectors import registry
from odoo.addons.stock_channel_hub.connectors.testing import guide

from .common import HubCase, now_text

ADDON = "odoo.addons.tiny_shop"


@tagged("post_install", "-at_install")
class TestConnectorAddon(HubCase):
    """The folder ``tiny_shop`` in another addons path, imported as Odoo does it."""

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        folder = tempfile.TemporaryDirectory()
        cls.addClassCleanup(folder.cleanup)
        guide.write(Path(folder.name))
        cls.startClassPatcher(patch.dict(registry._registered))
        paths = [*odoo.addons.__path__, folder.name]
        cls.startClassPatcher(patch.object(odoo.addons, "__path__", paths))
        cls.addClassCleanup(cls.forget)
        importlib.import_module(ADDON)
        cls.tests = importlib.import_module(f"{ADDON}.tests.test_conformance")
        cls.fake = importlib.import_module(f"{ADDON}.tests.fake_tiny_shop")
        cls.tiny = cls.make_channel(
            name="Tiny", connector="tiny_shop", base_url=cls.fake.ADDRESS
        )
        cls.tiny.sudo().credentials = {"token": cls.fake.TOKEN}

    @classmethod
    def forget(cls):
        """Forget the modules of the example."""
        for name in [name for name in sys.modules if name.startswith(ADDON)]:
            del sys.modules[name]
        vars(odoo.addons).pop("tiny_shop", None)

    def setUp(self):
        super().setUp()
        self.server = self.fake.FakeTinyShop(lambda: datetime.now(UTC))
        self.shops[self.tiny.id] = self.server

    def test_it_can_be_chosen(self):
        field = self.env["stock.channel"].fields_get(["connector"])["connector"]
        self.assertIn(("tiny_shop", "Tiny Shop"), field["selection"])

    def test_its_buttons_work(self):
        self.server.add_item("DESK", "main", Decimal(0))
        told = self.tiny.action_check_connection()["params"]
        self.assertEqual(
            (told["message"], told["type"]),
            ("Tiny Shop answers; items listed: 1.", "success"),
        )
        self.tiny.action_fetch_locations()
        self.tiny.action_fetch_listings()
        self.assertEqual(self.tiny.location_ids.mapped("external_id"), ["main"])
        self.assertEqual(self.tiny.listing_ids.product_id, self.product)

    def test_it_takes_part_in_everything(self):
        """Numbers go out, a polled order comes in, its shipment goes out."""
        self.server.add_item("DESK", "main", Decimal(0))
        self.make_place(self.tiny, "main", self.stock)
        self.make_listing(self.tiny, self.product, "DESK")
        self.receive(self.product, 10)
        self.go_live(self.tiny)
        self.run_compute()
        # A rise waits for a round of polling: the shop compares nothing.
        self.run_poll(self.tiny)
        self.run_publish(self.tiny)
        self.assertEqual(self.server.books.shown("DESK", "main"), 10)

        self.order_two_desks()
        self.run_poll(self.tiny)
        self.run_inbox()
        order = self.env["stock.channel.order"].search(
            [("channel_id", "=", self.tiny.id)]
        )
        self.assertEqual((order.external_id, order.state), ("1001", "applied"))
        self.assertEqual(order.sale_order_id.amount_total, 20)
        self.run_compute()
        self.run_publish(self.tiny)
        self.assertEqual(self.server.books.shown("DESK", "main"), 8)

        picking = order.sale_order_id.picking_ids
        picking.move_ids.quantity = 2
        picking.move_ids.picked = True
        picking.button_validate()
        self.run_publish(self.tiny)
        (parcel,) = self.server.books.shipments.values()
        self.assertEqual(parcel["lines"], {"1001-1": 2})

    def order_two_desks(self):
        """Sell two desks at the shop."""
        self.server.add_order("1001")
        line = {"id": "1001-1", "sku": "DESK", "quantity": 2, "price": "10.00"}
        self.server.books.orders["1001"].update(
            changed_at=now_text(),
            currency=self.company.currency_id.name,
            total="20.00",
            lines=[line],
        )
        self.server.books.sell("DESK", "main", Decimal(2))

    def test_odoo_runs_its_suite(self):
        """With the tests of the addon, as often as the guide says."""
        tests = list(get_module_test_cases(self.tests))
        self.assertTrue(all(map(TagsSelector("standard").check, tests)))
        self.assertTrue(all(map(TagsSelector("/tiny_shop").check, tests)))
        self.assertFalse(any(map(TagsSelector("/stock_channel_hub").check, tests)))
        result = unittest.TestResult()
        unittest.TestSuite(tests).run(result)
        self.assertEqual([], result.failures + result.errors)
        self.assertEqual(
            guide.promised_result(),
            f"Ran {result.testsRun} tests\n\nOK (skipped={len(result.skipped)})\n",
        )
