"""Cells are read strictly: nothing guessed, nothing rounded, nothing lost."""

import unittest
from datetime import datetime
from decimal import Decimal
from zoneinfo import ZoneInfo

from hypothesis import given
from hypothesis import strategies as st

from ..file_table import Broken
from ..filedrop_cells import WrongCell, read_cell
from ..filedrop_columns import Form
from ..filedrop_settings import Layout
from ..strict_json import parse_decimal

POINT = Layout(zone=ZoneInfo("Europe/Brussels"))
COMMA = Layout(zone=ZoneInfo("Europe/Brussels"), has_comma=True, separator=";")
DAY = datetime.fromisoformat("2026-11-21T11:04:00")
DMY = Layout(zone=ZoneInfo("Europe/Brussels"), dates="dmy")
MDY = Layout(zone=ZoneInfo("America/New_York"), dates="mdy")


class TestCells(unittest.TestCase):
    def refuse(self, cell, form: Form, layout: Layout = POINT) -> str:
        with self.assertRaises(WrongCell) as caught:
            read_cell(cell, form, layout)
        return str(caught.exception)

    def test_empty_is_nothing(self):
        for form in Form:
            for cell in ("", " ", "\u00a0"):
                self.assertIsNone(read_cell(cell, form, POINT))

    def test_numbers(self):
        for cell, layout, value in (
            ("12", POINT, "12"),
            (" 12.50 ", POINT, "12.50"),
            ("-3", POINT, "-3"),
            ("12,50", COMMA, "12.50"),
            ("0,125", COMMA, "0.125"),
            (Decimal("1.5"), COMMA, "1.5"),
            ("000", POINT, "000"),
        ):
            with self.subTest(cell):
                self.assertEqual(value, read_cell(cell, Form.NUMBER, layout))

    def test_numbers_that_can_be_read_in_two_ways_are_refused(self):
        for cell, layout in (
            ("1,234", POINT),
            ("1.234,50", POINT),
            ("1,234.50", POINT),
            ("1.234", COMMA),
            ("1.234,50", COMMA),
            ("1 234", POINT),
            ("1'234", POINT),
            ("1_000", POINT),
            ("1e3", POINT),
            ("1E+03", POINT),
            ("+5", POINT),
            ("5-", POINT),
            (".5", POINT),
            ("5.", POINT),
            ("٣", POINT),
            ("NaN", POINT),
            ("0x10", POINT),
            ("=1+1", POINT),
            ("5 pcs", POINT),
        ):
            with self.subTest(cell):
                self.assertIn("two ways", self.refuse(cell, Form.NUMBER, layout))

    def test_long_numbers_of_spreadsheets_are_refused(self):
        self.assertIn("digits", self.refuse(Decimal("1E+20"), Form.NUMBER))
        self.assertIn("date", self.refuse(DAY, Form.NUMBER))

    @given(st.decimals("-99999", "99999", places=3))
    def test_every_plain_number_is_read_as_it_is(self, number):
        text = format(number, "f")
        read = read_cell(text.replace(".", ","), Form.NUMBER, COMMA)
        self.assertEqual(number, parse_decimal(read))

    @given(st.text(max_size=8), st.sampled_from(list(Form)), st.booleans())
    def test_no_text_breaks_a_cell(self, text, form, has_comma):
        layout = COMMA if has_comma else POINT
        try:
            value = read_cell(text, form, layout)
        except WrongCell as error:
            self.assertTrue(str(error))
        else:
            if form is Form.NUMBER and value is not None:
                self.assertIsNotNone(parse_decimal(value))

    def test_ids_stay_as_they_are(self):
        for cell, value in (
            ("000123", "000123"),
            ("-5X", "-5X"),
            ("1E5", "1E5"),
            ("A-1", "A-1"),
            (Decimal(1001), "1001"),
        ):
            self.assertEqual(value, read_cell(cell, Form.ID, POINT))

    def test_ids_that_a_spreadsheet_has_spoilt_are_refused(self):
        for cell, word in (
            ("1.23457E+12", "shortened"),
            ("1,23457E+12", "shortened"),
            ("4E+05", "shortened"),
            ('="00123"', "formula"),
            (Decimal("1.5"), "decimals"),
            (DAY, "date"),
            ("a\nb", "one line"),
            ("x" * 256, "one line"),
            ("\ud800", "stored"),
            (Broken("holds a formula"), "formula"),
        ):
            with self.subTest(word):
                self.assertIn(word, self.refuse(cell, Form.ID))

    def test_times(self):
        for cell, layout, value in (
            ("2026-11-21T11:04:00Z", POINT, "2026-11-21T11:04:00Z"),
            ("2026-11-21T11:04:00+02:00", POINT, "2026-11-21T09:04:00Z"),
            ("2026-11-21 11:04:05", POINT, "2026-11-21T10:04:05Z"),
            ("2026-07-21 11:04", POINT, "2026-07-21T09:04:00Z"),
            ("2026-11-21", POINT, "2026-11-20T23:00:00Z"),
            ("21.11.2026 11:04", DMY, "2026-11-21T10:04:00Z"),
            ("5/6/2026", DMY, "2026-06-04T22:00:00Z"),
            ("5/6/2026", MDY, "2026-05-06T04:00:00Z"),
            (DAY, POINT, "2026-11-21T10:04:00Z"),
            # Shown twice in autumn: the first one is meant.
            ("2026-10-25 02:30", POINT, "2026-10-25T00:30:00Z"),
        ):
            with self.subTest(cell):
                self.assertEqual(value, read_cell(cell, Form.TIME, layout))

    def test_times_that_are_none_are_refused(self):
        for cell, layout, word in (
            ("2026-03-29 02:30", POINT, "leaves out"),
            ("2026-02-30", POINT, "calendar"),
            ("21.11.2026", POINT, "2026-11-30"),
            ("2026-11-21", DMY, "30.11.2026"),
            ("21.11.26", DMY, "30.11.2026"),
            ("46000", POINT, "2026-11-30"),
            (Decimal(46000), POINT, "number"),
            ("1026-11-21", POINT, "2026-11-30"),
            ("2026-11-21 25:00", POINT, "calendar"),
            ("yesterday", POINT, "2026-11-30"),
        ):
            with self.subTest(cell):
                self.assertIn(word, self.refuse(cell, Form.TIME, layout))

    def test_yes_and_no(self):
        for cell, value in (("yes", True), ("TRUE", True), ("0", False)):
            self.assertIs(value, read_cell(cell, Form.YES_NO, POINT))
        self.assertIs(True, read_cell(Decimal(1), Form.YES_NO, POINT))
        self.assertIn("yes or no", self.refuse("ja", Form.YES_NO))

    def test_whole_numbers(self):
        self.assertEqual(7, read_cell("7", Form.WHOLE, POINT))
        for cell in ("7.5", "-1", "99999999999999999999"):
            self.refuse(cell, Form.WHOLE)
