"""Spreadsheets: nothing that unpacks to too much, runs, or has lost its digits."""

import contextlib
import io
import random
import sys
import unittest
import zipfile
from datetime import date, datetime
from decimal import Decimal
from unittest.mock import patch

import openpyxl
from hypothesis import given, settings
from hypothesis import strategies as st

from .. import file_sheet, file_table
from ..errors import Misconfigured
from ..file_sheet import read_sheet, write_sheet
from ..file_table import Broken, Unreadable, read_csv
from ..filedrop_settings import Layout

DAY = datetime.fromisoformat("2026-11-21T11:04:00")


def sheet(*rows, formats=None) -> bytes:
    """Return a spreadsheet as somebody saved it."""
    book = openpyxl.Workbook()
    page = book.active
    for row in rows:
        page.append(row)
    for place, shown_as in (formats or {}).items():
        page[place].number_format = shown_as
    file = io.BytesIO()
    book.save(file)
    return file.getvalue()


def repacked(raw: bytes, **parts: bytes) -> bytes:
    """Return a spreadsheet with parts put in; ``__`` stands for a slash."""
    file = io.BytesIO()
    named = {name.replace("__", "/"): part for name, part in parts.items()}
    with (
        zipfile.ZipFile(io.BytesIO(raw)) as old,
        zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED) as new,
    ):
        for name in old.namelist():
            if name not in named:
                new.writestr(name, old.read(name))
        for name, part in named.items():
            new.writestr(name, part)
    return file.getvalue()


class TestRead(unittest.TestCase):
    def test_values_are_what_was_typed(self):
        table = read_sheet(
            sheet(
                ["sku", "quantity", "at", "paid", "price"],
                ["000123", 3, DAY, True, 0.1 + 0.2],
                [None, None, None],
                [1001, -2.5, date(2026, 11, 21), False, "9,90"],
            )
        )
        self.assertEqual(("sku", "quantity", "at", "paid", "price"), table.header)
        self.assertEqual([2, 4], [row.line for row in table.rows])
        self.assertEqual(
            ("000123", Decimal(3), DAY, "yes", Decimal("0.3")), table.rows[0].cells
        )
        midnight = datetime.fromisoformat("2026-11-21T00:00:00")
        self.assertEqual(
            (Decimal(1001), Decimal("-2.5"), midnight, "no", "9,90"),
            table.rows[1].cells,
        )

    def test_empty_cells_at_the_end_are_no_missing_ones(self):
        table = read_sheet(sheet(["a", "b", "c"], ["1"], ["1", "2", "3", "4"]))
        self.assertEqual([3, 4], [len(row.cells) for row in table.rows])

    def test_what_cannot_be_trusted_is_broken(self):
        raw = sheet(
            ["a", "b", "c", "d"],
            ["=1+1", 12345678901234567, 123, "#REF!"],
            formats={"C2": "000000"},
        )
        reasons = [
            cell.reason if isinstance(cell, Broken) else cell
            for cell in read_sheet(raw).rows[0].cells
        ]
        self.assertEqual(
            [
                "holds a formula, or nothing that can be read",
                "holds a number whose last digits are lost; make it text",
                "shows leading zeros that are not stored; make it text",
                "holds an error of the spreadsheet",
            ],
            reasons,
        )

    def refuse(self, raw: bytes, word: str) -> None:
        with self.assertRaisesRegex(Unreadable, word):
            read_sheet(raw)

    def test_what_is_no_spreadsheet(self):
        self.refuse(b"", "no spreadsheet")
        self.refuse(b"a,b\r\n", "no spreadsheet")
        self.refuse(sheet(["a"])[:-40], "no spreadsheet")
        self.refuse(sheet([]), "empty")
        nothing = io.BytesIO()
        with zipfile.ZipFile(nothing, "w") as archive:
            archive.writestr("a.txt", "x")
        self.refuse(nothing.getvalue(), "damaged")

    def test_bombs_are_not_unpacked(self):
        good = sheet(["a"], ["1"])
        noise, zeros = random.Random(7).randbytes(2**16), b"\0" * 2**22
        with patch.object(openpyxl, "load_workbook", side_effect=AssertionError):
            with patch.object(file_sheet, "_MOST_BYTES", 2**16):
                self.refuse(repacked(good, xl__media__a=noise), "far too much")
            self.refuse(repacked(good, xl__media__a=zeros), "far too much")
            many = {f"xl__media__{number}": b"" for number in range(201)}
            self.refuse(repacked(good, **many), "far too much")

    def test_programs_and_other_files_are_refused(self):
        good = sheet(["a"], ["1"])
        for name in ("xl__vbaProject_bin", "xl__externalLinks__l", "xl__embeddings__o"):
            self.refuse(repacked(good, **{name: b"x"}), "programs")

    def test_entities_are_refused(self):
        evil = (
            b'<?xml version="1.0"?><!DOCTYPE x [<!ENTITY a "b">]>'
            b"<worksheet>&a;</worksheet>"
        )
        raw = sheet(["a"], ["1"])
        with zipfile.ZipFile(io.BytesIO(raw)) as archive:
            [page] = [n for n in archive.namelist() if n.endswith("sheet1.xml")]
        far = evil.replace(b"<!DOC", b"<!--" + b" " * 1_048_565 + b"--><!DOC", 1)
        wide = evil.decode().encode("utf-16")
        for part in (evil, far, wide):
            self.refuse(repacked(raw, **{page: part}), "not written by a spreadsheet")

    def test_what_a_sheet_says_of_its_size_is_not_believed(self):
        raw = sheet(["a"], ["1"])
        page = "xl/worksheets/sheet1.xml"
        with zipfile.ZipFile(io.BytesIO(raw)) as archive:
            text = archive.read(page).decode()
        self.assertIn('ref="A1:A2"', text)
        huge = text.replace('ref="A1:A2"', 'ref="A1:XFD1048576"')
        table = read_sheet(repacked(raw, **{page: huge.encode()}))
        self.assertEqual([("1",)], [row.cells for row in table.rows])
        far = text.replace('r="2"', 'r="1048576"').replace('"A2"', '"A1048576"')
        with (
            patch.object(file_sheet, "MOST_ROWS", 50),
            patch.object(file_table, "MOST_ROWS", 50),
        ):
            self.refuse(repacked(raw, **{page: far.encode()}), "50 rows")


class TestDamaged(unittest.TestCase):
    """Whatever a file holds, it is read or refused, and nothing else happens."""

    good = sheet(["sku", "quantity"], ["A", 1], ["B", 2.5])

    @settings(max_examples=20)
    @given(st.binary(max_size=60))
    def test_any_bytes(self, raw):
        for read in (read_sheet, lambda raw: read_csv(raw, Layout())):
            with contextlib.suppress(Unreadable):
                read(raw)

    @settings(max_examples=20)
    @given(st.data())
    def test_any_damage(self, data):
        raw = bytearray(self.good)
        for _ in range(3):
            place = data.draw(st.integers(0, len(raw) - 1))
            raw[place] = data.draw(st.integers(0, 255))
        with contextlib.suppress(Unreadable):
            read_sheet(bytes(raw))


class TestWrite(unittest.TestCase):
    def test_texts_stay_texts_and_numbers_numbers(self):
        rows = [
            ["=1+1", Decimal("12.5"), "000123"],
            ["@x", Decimal("12345678901234567890"), "http://x.example"],
        ]
        raw = write_sheet(["+a", "b", "c"], rows)
        page = openpyxl.load_workbook(io.BytesIO(raw)).active
        cells = [[cell.value for cell in row] for row in page.iter_rows()]
        self.assertEqual(
            [
                ["'+a", "b", "c"],
                ["'=1+1", 12.5, "000123"],
                ["'@x", "12345678901234567890", "http://x.example"],
            ],
            cells,
        )
        self.assertEqual({"s", "n"}, {c.data_type for r in page.iter_rows() for c in r})
        self.assertEqual(
            ("=1+1", Decimal("12.5"), "000123"), read_sheet(raw).rows[0].cells
        )

    def test_the_same_content_gives_the_same_bytes(self):
        self.assertEqual(write_sheet(["a"], [["b"]]), write_sheet(["a"], [["b"]]))

    def test_without_the_library_a_sentence_says_so(self):
        with (
            patch.dict(sys.modules, {"xlsxwriter": None}),
            self.assertRaisesRegex(Misconfigured, "library xlsxwriter"),
        ):
            write_sheet(["a"], [])
