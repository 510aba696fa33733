"""The Vendure shop's parts that need no Vendure: lock file, plugin, hand-made numbers."""

from __future__ import annotations

import json
import shutil
import subprocess
import unittest
from datetime import UTC, datetime

from connectors import signing
from connectors.data import FetchOrder
from connectors.testing.fake_channel import FakeTransport, FixedClock
from connectors.vendure import VendureConnector
from tools.e2e_shop.books import CHAIR, DOORS, STOCK
from tools.npm_shop.install import INPUTS
from tools.vendure.install import SOURCE, VENDURE

from .door import delivered, nothing

SECRET = "whsec_" + "c2VjcmV0IG9mIHRoZSB2ZW5kdXJlIHBsdWdpbiE="
PLUGIN = SOURCE / "stock_channel_hub_plugin.js"
RUN = """
const Module = require("node:module");
const load = Module._load;
const known = { Logger: { warn: (text) => console.log(text) } };
known.VendurePlugin = () => () => undefined;
Reflect.defineMetadata = () => undefined;
Module._load = (name, ...rest) => name === "@vendure/core" ? known : load(name, ...rest);
require(process.argv[1]).tell("order.changed", JSON.parse(process.argv[2]));
"""


class TestLockFile(unittest.TestCase):
    """What `npm ci` installs is fixed, and from wherever npm is told to fetch."""

    def test_every_package_is_pinned_and_names_no_host(self) -> None:
        """Hashes, and no download addresses."""
        lock = json.loads((SOURCE / "package-lock.json").read_text())
        packages = {name: row for name, row in lock["packages"].items() if name}
        self.assertGreater(len(packages), 300)
        for name, row in packages.items():
            with self.subTest(name):
                self.assertNotIn("resolved", row)
                self.assertIn("integrity", row)

    def test_lock_and_package_agree(self) -> None:
        """The release that the connector was measured against."""
        package = json.loads((SOURCE / "package.json").read_text())
        lock = json.loads((SOURCE / "package-lock.json").read_text())
        self.assertEqual("3.7.3", package["dependencies"]["@vendure/core"])
        self.assertEqual(package["dependencies"], lock["packages"][""]["dependencies"])

    def test_what_is_copied_exists(self) -> None:
        """The installation depends on all of it."""
        names = [*INPUTS, *(name for name, _target in VENDURE.files)]
        self.assertEqual([], [n for n in names if not (SOURCE / n).is_file()])


class TestNumbersByHand(unittest.TestCase):
    """The stock is such that Vendure and Odoo choose the same location."""

    def test_one_location_serves_each_line(self) -> None:
        """Vendure asks the first location first, Odoo whoever has all of it."""
        self.assertEqual((14, 0), (STOCK[DOORS, "East"], STOCK[DOORS, "West"]))
        self.assertEqual((0, 11), (STOCK[CHAIR, "East"], STOCK[CHAIR, "West"]))


@unittest.skipUnless(shutil.which("node"), "no Node.js on this machine")
class TestPlugin(unittest.TestCase):
    """The file a shop owner copies signs what the connector accepts."""

    def tell(self, url: str, order_id: object) -> str:
        """Let the plugin tell of one order; return what it logged."""
        return subprocess.run(
            ["node", "-e", RUN, str(PLUGIN), json.dumps(order_id)],
            env={
                "PATH": "/usr/local/bin:/usr/bin:/bin",
                "STOCK_CHANNEL_HUB_URL": url,
                "STOCK_CHANNEL_HUB_SECRET": SECRET,
            },
            executable=shutil.which("node"),
            capture_output=True,
            text=True,
            check=True,
            timeout=30,
        ).stdout

    def test_signed_event_is_accepted(self) -> None:
        """Vendure's ids are numbers inside; they are told as texts."""
        headers, body = delivered(lambda url: self.tell(url, 7))
        signing.verify(body, headers, [SECRET], datetime.now(UTC))
        connector = VendureConnector({}, FakeTransport(nothing), FixedClock())
        delivery = connector.describe(body, headers)
        self.assertEqual("order:7", delivery.order_key)
        self.assertEqual(
            [FetchOrder(order_id="7")], connector.parse(body, delivery.topic)
        )

    def test_hub_out_of_reach_is_one_warning(self) -> None:
        """The shop goes on; polling finds the order."""
        self.assertIn("order.changed not told", self.tell("http://127.0.0.1:9/", 7))
