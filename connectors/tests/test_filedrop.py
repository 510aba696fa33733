"""What the filedrop connector writes, and what its settings mean."""

import unittest
from dataclasses import replace
from decimal import Decimal
from pathlib import Path

from ..base import Resource
from ..data import (
    Cancellation,
    LotQuantity,
    QuantityKey,
    QuantityUpdate,
    ReportedLine,
    ResultStatus,
    Shipment,
)
from ..errors import BadSignature, Misconfigured, Rejected, RetryLater
from ..file_sheet import read_sheet
from ..filedrop import FiledropConnector
from ..filedrop_columns import COLUMNS, Kind, table
from ..filedrop_settings import CONFIG_FIELDS, read_settings
from ..files import FileTransport
from ..testing.fake_channel import FixedClock
from ..testing.fake_filedrop import BASE_URL, PASSWORD, FakeFiledrop

GUIDE = Path(__file__).parents[2] / "docs" / "connectors" / "filedrop.md"


def update(sku: str, quantity: str, sequence: int = 1_000, place: str = "main"):
    return QuantityUpdate(
        key=QuantityKey(sku=sku, item_id="", location_id=place),
        quantity=Decimal(quantity),
        unit="Units",
        sequence=sequence,
    )


class WritingCase(unittest.TestCase):
    def setUp(self) -> None:
        self.clock = FixedClock()
        self.drop = FakeFiledrop(self.clock)
        self.connector = self.make()

    def make(self, **config: str) -> FiledropConnector:
        return FiledropConnector(
            {"base_url": BASE_URL, "password": PASSWORD, **config},
            self.drop.transport,
            self.clock,
        )


class TestNumbers(WritingCase):
    def test_each_push_is_a_file_that_sorts_behind_the_last(self):
        self.connector.publish([update("A-1", "7", 998), update("B-2", "0", 999)], "a")
        self.connector.publish([update("A-1", "6", 1_000)], "b")
        first, second = self.drop.taken
        self.assertEqual(
            ["0000000000000000999", "0000000000000001000"],
            [name.split("-")[1] for name in (first, second)],
        )
        self.assertLess(first, second)
        self.assertEqual(
            [
                {
                    "sku": "A-1",
                    "item_id": "",
                    "location_id": "main",
                    "quantity": "7",
                    "unit": "Units",
                    "sequence": "998",
                },
                {
                    "sku": "B-2",
                    "item_id": "",
                    "location_id": "main",
                    "quantity": "0",
                    "unit": "Units",
                    "sequence": "999",
                },
            ],
            self.drop.rows(f"out/{first}"),
        )

    def test_a_repeat_is_the_same_file(self):
        for _ in range(3):
            [result] = self.connector.publish([update("A-1", "7")], "push-1")
            self.assertEqual(
                (ResultStatus.APPLIED, Decimal(7), 1_000),
                (result.status, result.quantity, result.sequence),
            )
        self.assertEqual(1, len(self.drop.taken))
        self.assertEqual(self.drop.taken, self.drop.names("out"))

    def test_nobody_sees_half_a_file(self):
        """It appears under its name by one move, from a hidden one."""
        self.connector.publish([update("A-1", "7")], "push-1")
        put, move = self.drop.transport.calls
        self.assertEqual(("PUT", "MOVE"), (put.method, move.method))
        self.assertEqual(put.url, move.url)
        self.assertIn("/out/.availability-", put.url)

    def test_a_lost_answer_leaves_one_file(self):
        self.drop.transport.lose_writes = True
        with self.assertRaises(RetryLater):
            self.connector.publish([update("A-1", "7")], "push-1")
        self.drop.transport.lose_writes = False
        self.connector.publish([update("A-1", "7")], "push-1")
        self.assertEqual(self.drop.taken, self.drop.names("out"))

    def test_one_pool_has_no_column_for_it(self):
        self.make(location="shop").publish([update("A-1", "7")], "p")
        [name] = self.drop.names("out")
        header = self.drop.files[f"out/{name}"].content.splitlines()[0]
        self.assertEqual(b"sku,item_id,quantity,unit,sequence", header)

    def test_the_partners_words_and_marks(self):
        connector = self.make(
            columns="sku=Artikel; availability.quantity=Menge",
            separator="semicolon",
            decimal="comma",
            encoding="cp1252",
        )
        self.drop.is_away = True
        connector.publish([update("Ä-1", "1.5")], "p")
        [name] = self.drop.names("out")
        self.assertEqual(
            "Artikel;item_id;location_id;Menge;unit;sequence\r\n"
            "Ä-1;;main;1,5;Units;1000\r\n".encode("cp1252"),
            self.drop.files[f"out/{name}"].content,
        )

    def test_what_the_encoding_does_not_have_is_refused_alone(self):
        connector = self.make(encoding="cp1252")
        results = connector.publish([update("A→B", "1"), update("A-1", "2")], "p")
        self.assertEqual(
            [ResultStatus.REJECTED, ResultStatus.APPLIED],
            [result.status for result in results],
        )
        [name] = self.drop.names("out")
        self.assertEqual(["A-1"], [row["sku"] for row in self.drop.rows(f"out/{name}")])
        again = connector.publish([update("A→B", "1")], "q")
        self.assertEqual([ResultStatus.REJECTED], [result.status for result in again])
        self.assertEqual(1, len(self.drop.names("out")))

    def test_formulas_do_not_run_at_the_partner(self):
        self.connector.publish([update("=cmd|'/C calc'!A0", "1")], "p")
        [name] = self.drop.names("out")
        [row] = self.drop.rows(f"out/{name}")
        self.assertEqual("'=cmd|'/C calc'!A0", row["sku"])

    def test_spreadsheets(self):
        connector = self.make(format="xlsx")
        self.drop.is_away = True
        connector.publish([update("007", "1.5")], "p")
        [name] = self.drop.names("out")
        self.assertTrue(name.endswith(".xlsx"))
        rows = read_sheet(self.drop.files[f"out/{name}"].content).rows
        self.assertEqual(
            [("007", "", "main", Decimal("1.5"), "Units", Decimal(1000))],
            [row.cells for row in rows],
        )

    def test_the_full_file(self):
        told = [update("A-1", "7", 998), update("B-2", "3", 1_003)]
        name = self.connector.write_all(told)
        self.assertEqual("availability-0000000000000001003-full.csv", name)
        self.assertEqual(2, len(self.drop.rows(f"out/{name}")))
        self.assertEqual(name, self.connector.write_all(told))
        self.assertEqual([name], self.drop.taken)

    def test_the_file_to_download(self):
        name, raw = self.connector.availability_file([update("A-1", "7")], "csv")
        self.assertEqual("availability-0000000000000001000-full.csv", name)
        self.assertIn(b"A-1,,main,7,Units,1000", raw)
        name, raw = self.connector.availability_file([update("A-1", "7")], "xlsx")
        self.assertEqual(Decimal(7), read_sheet(raw).rows[0].cells[3])
        self.assertEqual([], self.drop.transport.calls)

    def test_a_missing_folder_is_told(self):
        self.drop.folders.discard("out")
        with self.assertRaises(Misconfigured) as caught:
            self.connector.publish([update("A-1", "7")], "p")
        self.assertIn("folder out", caught.exception.message)


class TestReports(WritingCase):
    def shipment(self) -> Shipment:
        lots = (
            LotQuantity(name="L1", quantity=Decimal(1)),
            LotQuantity(name="L2", quantity=Decimal(2)),
        )
        return Shipment(
            id="WH/OUT/00001",
            order_id="1001",
            location_id="main",
            shipped_at=self.clock(),
            lines=(
                ReportedLine(order_line_id="a", quantity=Decimal(3), lots=lots),
                ReportedLine(order_line_id="b", quantity=Decimal(1)),
            ),
            carrier="Post",
            tracking="T1",
        )

    def test_a_shipment_has_a_row_per_line_and_lot(self):
        self.connector.report_shipment(self.shipment())
        [name] = self.drop.names("reports")
        self.assertRegex(name, r"\Ashipment-1001-WH-OUT-00001-[0-9a-f]{12}\.csv\Z")
        rows = self.drop.rows(f"reports/{name}")
        self.assertEqual(
            [("a", "1", "L1"), ("a", "2", "L2"), ("b", "1", "")],
            [(row["line_id"], row["quantity"], row["lot"]) for row in rows],
        )
        self.assertEqual({"WH/OUT/00001"}, {row["shipment_id"] for row in rows})
        self.assertEqual({"2026-11-21T12:00:00Z"}, {row["shipped_at"] for row in rows})

    def test_a_correction_is_a_file_of_its_own(self):
        self.connector.report_shipment(self.shipment())
        changed = replace(self.shipment(), tracking="T2", revision=1, corrects=True)
        for _ in range(2):
            self.connector.report_shipment(changed)
        self.assertEqual(2, len(self.drop.names("reports")))
        self.assertEqual(1, len(self.drop.books.shipments))

    def test_a_cancellation(self):
        cancellation = Cancellation(
            id="C/1",
            order_id="1001",
            reason="-no stock",
            decided_at=self.clock(),
            lines=(ReportedLine(order_line_id="a", quantity=Decimal(3)),),
        )
        for _ in range(2):
            self.connector.report_cancel(cancellation)
        [name] = self.drop.names("reports")
        [row] = self.drop.rows(f"reports/{name}")
        self.assertEqual(("'-no stock", "3"), (row["reason"], row["quantity"]))

    def test_what_the_encoding_does_not_have(self):
        connector = self.make(encoding="cp1252")
        with self.assertRaises(Rejected):
            connector.report_shipment(replace(self.shipment(), carrier="→"))


class TestCatalogue(WritingCase):
    def test_without_files_there_is_one_location_and_nothing_listed(self):
        self.assertEqual([], list(self.connector.fetch_listings()))
        [place] = self.connector.fetch_locations()
        self.assertEqual("main", place.id)

    def test_the_newest_file_counts_and_stays(self):
        self.drop.put("in/listings-1.csv", "sku,title\nA,Old\n")
        self.clock.advance(60)
        self.drop.put("in/listings-2.csv", "sku,title,barcode\n007,New,123\n")
        [listing] = self.connector.fetch_listings()
        self.assertEqual(
            ("007", "New", "123"), (listing.sku, listing.title, listing.barcode)
        )
        self.assertEqual([], list(self.connector.fetch_orders(None)))
        self.assertEqual(2, len(self.drop.names("in")))

    def test_a_wrong_row_is_told(self):
        self.drop.put("in/listings.csv", "sku,title\nA,a\n,b\n")
        with self.assertRaisesRegex(RetryLater, "Line 3, column sku: it is empty"):
            list(self.connector.fetch_listings())

    def test_nothing_is_delivered(self):
        with self.assertRaises(BadSignature):
            self.connector.verify(b"", {}, ("whsec_x",), self.clock())
        self.assertEqual([], self.connector.fetch_quantities([update("A", "1").key]))
        self.assertIs(FileTransport, FiledropConnector.transport_class)
        self.assertEqual(3, len(FiledropConnector.resources))
        with self.assertRaises(NotImplementedError):
            list(self.connector.poll(Resource.PAYMENTS, None))


class TestSettings(unittest.TestCase):
    def test_each_wrong_setting_is_named(self):
        for name, value in (
            ("base_url", ""),
            ("base_url", "file:///a?b"),
            ("folders", "in=a; out=a"),
            ("folders", "inbox=a"),
            ("folders", "in=../a"),
            ("folders", "in"),
            ("names", "bills=x"),
            ("columns", "colour=x"),
            ("columns", "sku=a; sku=b"),
            ("columns", "{"),
            ("columns", '{"sku": 1}'),
            ("format", "pdf"),
            ("separator", "x"),
            ("encoding", "utf-16"),
            ("decimal", "dot"),
            ("dates", "ydm"),
            ("complete", "soon"),
            ("complete", "end"),
            ("complete", "age=1"),
            ("settle", "-1"),
            ("settle", "1e9"),
            ("after_reading", "delete"),
            ("timezone", "Mars/Olympus"),
        ):
            with self.subTest(name=name, value=value):
                with self.assertRaises(Misconfigured) as caught:
                    read_settings({"base_url": "file:///a", name: value})
                self.assertEqual(name, caught.exception.field)

    def test_a_comma_cannot_be_two_things(self):
        with self.assertRaises(Misconfigured) as caught:
            read_settings({"base_url": "file:///a", "decimal": "comma"})
        self.assertEqual("separator", caught.exception.field)

    def test_folders_may_lie_deeper(self):
        made = read_settings({"base_url": "file:///a/", "folders": "in=from us/new"})
        self.assertEqual("file:///a/from%20us/new", made.folder("in"))

    def test_names_do_not_care_for_case(self):
        made = read_settings({"base_url": "file:///a", "names": "orders=Best*.CSV"})
        self.assertIs(Kind.ORDERS, made.kind_of("BESTELLUNG-7.csv"))
        self.assertIs(Kind.CANCELS, made.kind_of("cancels.xlsx"))
        self.assertIsNone(made.kind_of("orders.csv"))
        self.assertIsNone(made.kind_of("bestellung.pdf"))

    def test_the_guide_has_every_column_and_setting(self):
        text = GUIDE.read_text("utf-8")
        for kind in Kind:
            self.assertIn(table(kind), text, f"print(table(Kind.{kind.name}))")
        for field in CONFIG_FIELDS:
            self.assertIn(f"**{field.label}**", text)
        self.assertEqual(set(Kind), set(COLUMNS))
