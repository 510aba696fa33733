"""The Medusa shop's parts that need no Medusa: lock file, subscriber, hand-made numbers."""

from __future__ import annotations

import json
import shutil
import subprocess
import unittest
from datetime import UTC, datetime

from connectors import signing
from connectors.data import FetchOrder
from connectors.medusa import MedusaConnector
from connectors.testing.fake_channel import FakeTransport, FixedClock
from tools.devenv import DevEnvError
from tools.e2e_shop.books import BIN, CABINET, LAMP, STOCK, Books
from tools.e2e_shop.run import check_log
from tools.medusa.install import SOURCE
from tools.npm_shop import CATALOGUE, LOCATIONS
from tools.npm_shop.install import INPUTS

from .door import delivered, nothing

SECRET = "whsec_" + "c2VjcmV0IG9mIHRoZSBtZWR1c2Egc3Vic2NyaWJlcg=="
SUBSCRIBER = SOURCE / "subscribers" / "stock_channel_hub.js"
RUN = """
const tell = require(process.argv[1]).default;
const container = { resolve: () => ({ warn: (text) => console.log(text) }) };
const event = { name: "order.placed", data: JSON.parse(process.argv[2]) };
tell({ event, container });
"""


class TestLockFile(unittest.TestCase):
    """What `npm ci` installs is fixed, and from wherever npm is told to fetch."""

    def test_every_package_is_pinned_and_names_no_host(self) -> None:
        """Hashes, and no download addresses."""
        lock = json.loads((SOURCE / "package-lock.json").read_text())
        packages = {name: row for name, row in lock["packages"].items() if name}
        self.assertGreater(len(packages), 500)
        self.assertEqual(
            [], [name for name, row in packages.items() if "resolved" in row]
        )
        bundled = ("link", "inBundle")
        self.assertEqual(
            [],
            [
                name
                for name, row in packages.items()
                if "integrity" not in row and not any(row.get(key) for key in bundled)
            ],
        )

    def test_lock_and_package_agree_on_medusa(self) -> None:
        """2.18.0 is the last release whose packages are all MIT."""
        package = json.loads((SOURCE / "package.json").read_text())
        lock = json.loads((SOURCE / "package-lock.json").read_text())
        self.assertEqual({"2.18.0"}, set(package["dependencies"].values()))
        self.assertEqual(package["dependencies"], lock["packages"][""]["dependencies"])

    def test_inputs_exist(self) -> None:
        """The installation depends on all of them."""
        self.assertEqual([], [name for name in INPUTS if not (SOURCE / name).is_file()])


class TestNumbersByHand(unittest.TestCase):
    """The stock is such that Medusa has no choice where to reserve."""

    def test_ten_products_at_two_locations(self) -> None:
        """Every number of the shop is in the table."""
        skus = {article.sku for article in CATALOGUE}
        self.assertEqual(10, len(skus))
        self.assertEqual({(s, p) for s in skus for p in LOCATIONS}, set(STOCK))

    def test_only_one_location_can_serve(self) -> None:
        """Medusa never splits a line over locations."""
        for sku, quantity, place in (
            (CABINET, 8, "East"),
            (BIN, 5, "West"),
            (LAMP, 3, "West"),
        ):
            able = [name for name in LOCATIONS if STOCK[sku, name] >= quantity]
            self.assertEqual([place], able)

    def test_books(self) -> None:
        """Sold goods stay in the stock until they leave."""
        books, key = Books(), (BIN, "West")
        books.sell("West", {BIN: 5})
        self.assertEqual("9 - 5 = 4", str(books.level(key)))
        books.ship("West", {BIN: 5})
        self.assertEqual("4 - 0 = 4", str(books.level(key)))
        self.assertEqual(9, STOCK[key])


class TestLog(unittest.TestCase):
    """An error in Odoo's log fails the run."""

    def test_error_is_refused(self) -> None:
        """With the line."""
        with self.assertRaises(DevEnvError) as caught:
            check_log("1 INFO x\n2026 7 ERROR db odoo.sql_db: boom\n")
        self.assertIn("boom", str(caught.exception))

    def test_collision_of_transactions_is_no_error(self) -> None:
        """PostgreSQL refused one of two, and Odoo began it anew."""
        check_log(
            "2026 7 ERROR db odoo.sql_db: bad query: UPDATE x\n"
            "ERROR: could not serialize access due to concurrent update\n"
        )


@unittest.skipUnless(shutil.which("node"), "no Node.js on this machine")
class TestSubscriber(unittest.TestCase):
    """The file a shop owner copies signs what the connector accepts."""

    def tell(self, url: str, data: dict[str, object]) -> str:
        """Let the subscriber tell one event; return what it logged."""
        return subprocess.run(
            ["node", "-e", RUN, str(SUBSCRIBER), json.dumps(data)],
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
        """Ids only, whatever else the event holds."""
        headers, body = delivered(
            lambda url: self.tell(url, {"id": "order_1", "email": "jane@example.com"})
        )
        signing.verify(body, headers, [SECRET], datetime.now(UTC))
        self.assertNotIn(b"jane", body)
        connector = MedusaConnector({}, FakeTransport(nothing), FixedClock())
        delivery = connector.describe(body, headers)
        self.assertEqual("order:order_1", delivery.order_key)
        self.assertEqual(
            [FetchOrder(order_id="order_1")], connector.parse(body, delivery.topic)
        )

    def test_hub_out_of_reach_is_one_warning(self) -> None:
        """The shop goes on; polling finds the order."""
        said = self.tell("http://127.0.0.1:9/", {"id": "order_1"})
        self.assertIn("order.placed not told", said)
