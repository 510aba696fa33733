"""A local folder: nothing beside it is ever read or written (S17)."""

import json
import os
import tempfile
import unittest
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from unittest.mock import patch

from .. import local_files
from ..data import QuantityKey, QuantityUpdate
from ..errors import Misconfigured, RetryLater
from ..filedrop import FiledropConnector
from ..files import FileTransport
from ..local_files import MARKER
from ..testing.fake_channel import FixedClock
from ..testing.fake_filedrop import as_csv, order_row


class LocalCase(unittest.TestCase):
    """A root with an exchange folder, and a secret beside it."""

    def setUp(self) -> None:
        self.base = Path(self.enterContext(tempfile.TemporaryDirectory()))
        self.root = self.base / "exchange"
        (self.root / "in").mkdir(parents=True)
        (self.root / "out").mkdir()
        (self.root / MARKER).touch()
        self.secret = self.base / "secret.csv"
        self.secret.write_text("the secret")
        self.transport = FileTransport([f"file:{self.root}"])
        self.addCleanup(self.transport.close)

    def url(self, path: str, base: Path | None = None) -> str:
        return f"file://{base or self.root}/{path}"

    def call(self, method: str, path: str, body: bytes = b"", to: str = ""):
        headers = {"destination": self.url(to)} if to else {}
        return self.transport.request(
            method, self.url(path), headers=headers, body=body
        )

    def names(self, path: str) -> list[str]:
        return sorted(entry["name"] for entry in self.entries(path))

    def entries(self, path: str) -> list[dict]:
        return json.loads(self.call("LIST", path).body)["entries"]


class TestOperations(LocalCase):
    def test_written_listed_read_moved_deleted(self):
        self.assertEqual(201, self.call("PUT", "in/.a.part", b"1;2").status)
        self.assertEqual(201, self.call("MOVE", "in/.a.part", to="in/a.csv").status)
        [entry] = self.entries("in")
        self.assertEqual(
            ("a.csv", 3, "file"), (entry["name"], entry["size"], entry["kind"])
        )
        answer = self.call("GET", "in/a.csv")
        self.assertEqual((200, b"1;2"), (answer.status, answer.body))
        self.assertEqual(entry["modified"], answer.headers["x-modified"])
        self.assertEqual(200, self.call("DELETE", "in/a.csv").status)
        self.assertEqual([], self.names("in"))

    def test_nothing_is_replaced_by_a_move(self):
        self.call("PUT", "in/a", b"new")
        self.call("PUT", "out/a", b"old")
        self.assertEqual(409, self.call("MOVE", "in/a", to="out/a").status)
        self.assertEqual(b"old", (self.root / "out/a").read_bytes())
        self.assertEqual(b"new", (self.root / "in/a").read_bytes())

    def test_nothing_is_replaced_where_there_are_no_links(self):
        self.call("PUT", "in/a", b"new")
        self.call("PUT", "out/a", b"old")
        with patch.object(os, "link", side_effect=OSError(95, "no links")):
            self.assertEqual(409, self.call("MOVE", "in/a", to="out/a").status)
            self.assertEqual(201, self.call("MOVE", "in/a", to="out/b").status)
        self.assertEqual(b"old", (self.root / "out/a").read_bytes())
        self.assertEqual(b"new", (self.root / "out/b").read_bytes())

    def test_what_is_missing(self):
        self.assertEqual(404, self.call("GET", "in/a").status)
        self.assertEqual(404, self.call("LIST", "none").status)
        self.assertEqual(404, self.call("PUT", "none/a", b"").status)
        self.assertEqual(404, self.call("MOVE", "in/a", to="in/b").status)
        self.assertEqual(201, self.call("MKCOL", "none").status)
        self.assertEqual(409, self.call("MKCOL", "none").status)

    def test_a_full_disk_is_tried_again(self):
        with (
            patch.object(os, "fsync", side_effect=OSError(28, "full")),
            self.assertRaises(RetryLater),
        ):
            self.call("PUT", "in/a", b"1")

    def test_too_big_is_not_read(self):
        transport = FileTransport([f"file:{self.root}"], max_bytes=4)
        self.call("PUT", "in/a", b"12345")
        self.assertEqual(413, transport.request("GET", self.url("in/a")).status)

    def test_a_file_that_changes_is_told(self):
        self.call("PUT", "in/a", b"1")
        looks = iter([(1, 1), (2, 2)])
        with patch.object(local_files, "_look", side_effect=lambda found: next(looks)):
            self.assertEqual(425, self.call("GET", "in/a").status)

    def test_odd_names_go_through(self):
        names = ["ä.csv", "a\u0308.csv", "A.csv", "a.csv", "a b;c.csv", "%2e%2e", "-rf"]
        for name in names:
            (self.root / "in" / name).write_text(name)
        for entry in self.entries("in"):
            answer = self.call("GET", f"in/{entry['segment']}")
            self.assertEqual(entry["name"], answer.body.decode())
        self.assertEqual(sorted(names), self.names("in"))

    def test_a_name_that_is_no_text(self):
        with open(os.fsencode(self.root / "in") + b"/\xff.csv", "wb") as file:
            file.write(b"1")
        [entry] = self.entries("in")
        self.assertEqual(("\\xff.csv", "%FF.csv"), (entry["name"], entry["segment"]))
        self.assertEqual(b"1", self.call("GET", "in/%FF.csv").body)


class TestEscapes(LocalCase):
    """Whoever writes into the folder gets nothing else read or written."""

    def refused(self, method: str, url: str, **more) -> None:
        with self.assertRaises(Misconfigured) as caught:
            self.transport.request(method, url, **more)
        self.assertEqual("base_url", caught.exception.field)

    def test_ways_upwards_are_refused(self):
        for path in (
            "../secret.csv",
            "in/../../secret.csv",
            "in/%2e%2e/%2e%2e/secret.csv",
            "in/..%2f..%2fsecret.csv",
            "in/%2Fetc%2Fpasswd",
            "in/a%00.csv",
            "./secret.csv",
        ):
            with self.subTest(path):
                self.refused("GET", self.url(path))

    def test_other_roots_are_refused(self):
        for url in (
            f"file://{self.secret}",
            f"file://{self.base}",
            f"file://{self.root}-other/in",
            "file:///etc/passwd",
            "file:///",
        ):
            with self.subTest(url):
                self.refused("GET", url)
        self.assertEqual("the secret", self.secret.read_text())

    def test_other_forms_of_address_are_refused(self):
        for url in (
            f"file://localhost{self.root}/in",
            f"file://{self.root}/in?x",
            f"file://{self.root}/in#x",
            f"ftp://host{self.root}/in",
            f"http://host{self.root}/in",
            "sftp://host/in",
            "sftp://user:word@host/in",
            "sftp://user@host:x/in",
        ):
            with self.subTest(url):
                self.refused("LIST", url)

    def test_a_destination_outside_is_refused(self):
        self.call("PUT", "in/a", b"1")
        for target in (self.url("../a"), f"file://{self.base}/a", "sftp://u@h/a"):
            with self.subTest(target), self.assertRaises((Misconfigured, ValueError)):
                self.transport.request(
                    "MOVE", self.url("in/a"), headers={"destination": target}
                )
        self.assertEqual(["a"], self.names("in"))

    def test_a_folder_nobody_gave_free_is_refused(self):
        (self.root / MARKER).unlink()
        self.refused("LIST", self.url("in"))
        (self.root / MARKER).symlink_to(self.secret)
        self.refused("LIST", self.url("in"))
        (self.root / MARKER).unlink()
        (self.root / MARKER).mkdir()
        self.refused("LIST", self.url("in"))

    def test_links_are_not_followed(self):
        (self.root / "in/link.csv").symlink_to(self.secret)
        (self.root / "way").symlink_to(self.base)
        self.assertEqual(403, self.call("GET", "in/link.csv").status)
        self.assertEqual(403, self.call("GET", "way/secret.csv").status)
        self.assertEqual(403, self.call("LIST", "way").status)
        self.assertEqual(403, self.call("PUT", "way/new.csv", b"1").status)
        self.assertEqual(403, self.call("DELETE", "way/secret.csv").status)
        self.assertFalse((self.base / "new.csv").exists())
        self.assertEqual("the secret", self.secret.read_text())
        [entry] = self.entries("in")
        self.assertEqual("other", entry["kind"])

    def test_writing_over_a_link_replaces_the_link(self):
        (self.root / "out/.a.part").symlink_to(self.secret)
        self.assertEqual(201, self.call("PUT", "out/.a.part", b"mine").status)
        self.assertEqual("the secret", self.secret.read_text())
        self.assertFalse((self.root / "out/.a.part").is_symlink())

    def test_moving_a_link_moves_the_link(self):
        (self.root / "in/link.csv").symlink_to(self.secret)
        self.assertEqual(201, self.call("MOVE", "in/link.csv", to="out/x").status)
        self.assertTrue((self.root / "out/x").is_symlink())
        self.assertEqual("the secret", self.secret.read_text())

    def test_a_second_name_of_a_file_elsewhere_is_not_read(self):
        os.link(self.secret, self.root / "in/hard.csv")
        self.assertEqual(403, self.call("GET", "in/hard.csv").status)

    def test_pipes_do_not_hang(self):
        os.mkfifo(self.root / "in/pipe.csv")
        os.mkfifo(self.root / "out/.a.part")
        self.assertEqual(403, self.call("GET", "in/pipe.csv").status)
        self.assertEqual(201, self.call("PUT", "out/.a.part", b"1").status)
        self.assertEqual(b"1", (self.root / "out/.a.part").read_bytes())

    def test_a_file_swapped_for_a_link_while_we_look(self):
        (self.root / "in/a.csv").write_text("mine")
        real_open = os.open

        def swap(path, flags, *args, **kwargs):
            if path == b"a.csv" and (self.root / "in/a.csv").is_file():
                (self.root / "in/a.csv").unlink()
                (self.root / "in/a.csv").symlink_to(self.secret)
            return real_open(path, flags, *args, **kwargs)

        with patch.object(os, "open", side_effect=swap):
            self.assertEqual(403, self.call("GET", "in/a.csv").status)

    def test_nothing_is_allowed_by_itself(self):
        for allowed in (
            (),
            ("file:",),
            ("file:/",),
            ("file:relative",),
            ("file:/a/../b",),
        ):
            with self.subTest(allowed):
                transport = FileTransport(allowed)
                with self.assertRaises(Misconfigured):
                    transport.request("LIST", self.url("in"))


class TestRound(LocalCase):
    """A channel of files in a folder of this server, from end to end."""

    def setUp(self) -> None:
        super().setUp()
        (self.root / "reports").mkdir()
        self.clock = FixedClock()
        config = {"base_url": f"file://{self.root}"}
        self.connector = FiledropConnector(config, self.transport, self.clock)

    def put(self, name: str, text: str) -> None:
        """Let the partner put a file down, and forget about it for a minute."""
        path = self.root / "in" / name
        path.write_text(text)
        os.utime(path, (0, self.clock().timestamp()))
        self.clock.advance(60)

    def order(self) -> str:
        row = order_row("1001", "1", "A-1", "3", "9.90", 1, self.clock())
        return as_csv(tuple(row), [tuple(row.values())])

    def test_orders_in_and_numbers_out(self):
        self.put("orders-1.csv", self.order())
        self.assertTrue(self.connector.check().ok)
        [page] = self.connector.fetch_orders(None)
        self.assertEqual(["1001"], [found.order_id for found in page.orders])
        self.assertEqual([], os.listdir(self.root / "in"))
        self.assertEqual(
            ["20261121T120100Z-orders-1.csv"], os.listdir(self.root / "archive")
        )
        update = QuantityUpdate(
            key=QuantityKey(sku="A-1", item_id="", location_id="main"),
            quantity=Decimal(7),
            unit="Units",
            sequence=1,
        )
        for _ in range(2):
            self.connector.publish([update], "push-1")
        [name] = os.listdir(self.root / "out")
        self.assertTrue((self.root / "out" / name).read_text().endswith("7,Units,1\n"))

    def test_s17_twins_by_case_and_by_unicode_are_files_of_their_own(self):
        """Each is read once and kept once; none is taken for the other."""
        names = [
            "orders-e.csv",
            "Orders-E.csv",
            "orders-\u00e9.csv",
            "orders-e\u0301.csv",
        ]
        for number, name in enumerate(names):
            self.put(name, self.order().replace("1001", f"100{number}"))
        found = [
            one.order_id
            for page in self.connector.fetch_orders(None)
            for one in page.orders
        ]
        self.assertEqual(["1000", "1001", "1002", "1003"], sorted(found))
        self.assertEqual([], os.listdir(self.root / "in"))
        kept = sorted(name[17:] for name in os.listdir(self.root / "archive"))
        self.assertEqual(sorted(names), kept)
        again = [page.orders for page in self.connector.fetch_orders(None)]
        self.assertEqual([], [one for orders in again for one in orders])

    def test_traps_in_the_folder_are_told_and_taken_out_of_the_way(self):
        (self.root / "in/orders-1.csv").symlink_to(self.secret)
        os.mkfifo(self.root / "in/orders-2.csv")
        os.link(self.secret, self.root / "in/orders-3.csv")
        self.clock.moment = datetime.now(UTC) + timedelta(hours=1)
        told = []
        for page in self.connector.fetch_orders(None):
            for found in page.orders:
                self.assertNotIn(b"the secret", found.raw)
                told.append(found.topic)
        self.assertEqual(["file.row"] * 3, told)
        self.assertEqual([], os.listdir(self.root / "in"))
        self.assertEqual(3, len(os.listdir(self.root / "quarantine")))
        self.assertEqual("the secret", self.secret.read_text())

    def test_folders_that_are_links_are_refused(self):
        self.put("orders-1.csv", self.order())
        (self.root / "in").rename(self.base / "real")
        (self.root / "in").symlink_to(self.base / "real")
        with self.assertRaises(Misconfigured):
            list(self.connector.fetch_orders(None))
        self.assertFalse(self.connector.check().ok)
        self.assertEqual(["orders-1.csv"], os.listdir(self.base / "real"))
