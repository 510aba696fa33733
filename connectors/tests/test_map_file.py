import csv
import io
import unittest

from hypothesis import given, settings
from hypothesis import strategies as st

from .. import map_file
from ..map_file import COLUMNS, Unreadable, bare, guarded, read, write

HEADS = "SKU,Item ID,Product Reference"
texts = st.text(
    st.characters(blacklist_categories=("Cs",), blacklist_characters="\0"), max_size=20
).map(lambda text: text.strip(" "))
maps = st.lists(
    st.fixed_dictionaries(
        {name: texts.filter(bool) if name == "sku" else texts for name in COLUMNS}
    ),
    max_size=5,
)


class TestMapFile(unittest.TestCase):
    def values(self, text: str, encoding: str = "utf-8") -> list[dict[str, str]]:
        return [dict(line.values) for line in read(text.encode(encoding))]

    def wrong(self, text: str) -> list[tuple[int, str, str]]:
        return [(line.number, line.column, line.reason) for line in read(text.encode())]

    def test_what_is_written(self) -> None:
        raw = write([{"sku": "A,1", "product_id": "7", "title": "=1+1"}])
        self.assertEqual(
            raw.decode("utf-8-sig"),
            "SKU,Item ID,Product Reference,Product Barcode,Product ID,Product Name,"
            'Unit,Title\r\n"A,1",,,,7,,,\'=1+1\r\n',
        )

    @settings(max_examples=25)
    @given(maps)
    def test_what_is_written_is_read(self, rows: list[dict[str, str]]) -> None:
        lines = list(read(write(rows)))
        self.assertEqual([dict(line.values) for line in lines], rows)
        self.assertEqual([line.number for line in lines], list(range(2, len(rows) + 2)))
        self.assertEqual({line.reason for line in lines} - {""}, set())

    def test_each_beginning_of_a_formula_is_guarded(self) -> None:
        for start in ("=", "+", "-", "@", "\t", "\r", "\n", "'"):
            with self.subTest(start):
                self.assertEqual(guarded(f"{start}1"), f"'{start}1")
                self.assertEqual(bare(f"'{start}1"), f"{start}1")

    @given(st.text(max_size=20))
    def test_no_cell_is_a_formula(self, text: str) -> None:
        self.assertFalse(guarded(text).startswith(("=", "+", "-", "@", "\t", "\r")))
        self.assertEqual(bare(guarded(text)), text)

    def test_a_guard_of_people_stays(self) -> None:
        self.assertEqual(bare("'t Hooft"), "'t Hooft")

    def test_as_spreadsheets_save_it(self) -> None:
        expected = [{"sku": "Ä-1", "item_id": "9", "product_reference": "DESK"}]
        for delimiter in ",;\t":
            text = f"{HEADS}\r\nÄ-1,9,DESK\r\n".replace(",", delimiter)
            for encoding in ("utf-8", "utf-8-sig", "utf-16", "cp1252"):
                with self.subTest(delimiter=delimiter, encoding=encoding):
                    self.assertEqual(self.values(text, encoding), expected)

    def test_headings_in_any_form_and_order(self) -> None:
        self.assertEqual(
            self.values("note;product_reference; sku \nx;DESK;A\n;;\n"),
            [{"product_reference": "DESK", "sku": "A"}],
        )

    def test_lines_that_are_wrong_say_where(self) -> None:
        self.assertEqual(
            self.wrong(f"{HEADS}\nA,1,D\n,2,D\n\nB,3,D,E\nC,{'x' * 2001},D\n"),
            [
                (2, "", ""),
                (3, "SKU", "It is empty."),
                (5, "", "There are more cells than headings."),
                (6, "Item ID", "It is longer than 2000 characters."),
            ],
        )

    def test_files_that_are_none(self) -> None:
        for raw, words in (
            (b"", "no heading SKU"),
            (b"a,b\n1,2\n", "no heading SKU"),
            (b"SKU,Unit\nA,1\n", "which product"),
            (b"SKU,sku,Product ID\n", "more than once"),
            (b'SKU,Product ID\n"A', "near line 2"),
            (b"PK\x03\x04\x00\x00", "no CSV file"),
            (b"\xff\xfe\x00", "letters"),
            (b"SKU,Product ID\n" + b"A,1\n" * 20_001, "20000 lines"),
            (b"x" * 10_000_001, "10 MB"),
        ):
            with self.subTest(words), self.assertRaises(Unreadable) as caught:
                list(read(raw))
            self.assertIn(words, caught.exception.message)

    @given(st.binary(max_size=200))
    def test_any_bytes_are_read_or_refused(self, raw: bytes) -> None:
        for start in (b"", b"SKU,Product ID\n"):
            try:
                lines = list(read(start + raw))
            except Unreadable:
                continue
            for line in lines:
                self.assertTrue(line.values.get("sku") or line.reason)

    def test_every_spreadsheet_reads_what_is_written(self) -> None:
        raw = write([{"sku": "A\n1", "title": '"quoted"; yes'}])
        rows = list(csv.DictReader(io.StringIO(raw.decode("utf-8-sig"), newline="")))
        self.assertEqual((rows[0]["SKU"], rows[0]["Title"]), ("A\n1", '"quoted"; yes'))
        self.assertEqual(map_file.MAX_LINES, 20_000)


if __name__ == "__main__":
    unittest.main()
