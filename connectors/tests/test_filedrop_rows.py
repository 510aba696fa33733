"""Rows become deliveries; a wrong one takes its order with it and nothing else."""

import json
import unittest
from datetime import UTC, datetime
from decimal import Decimal

from hypothesis import given
from hypothesis import strategies as st

from ..data import CancelNotice, CountSnapshot, OrderSnapshot, ReturnSnapshot
from ..errors import BadPayload
from ..file_table import Unreadable, read_csv, write_csv
from ..filedrop_body import read_body
from ..filedrop_columns import COLUMNS, Kind
from ..filedrop_rows import Content, RowReader, Source, wrong_deliveries
from ..filedrop_settings import read_settings
from ..testing.fake_filedrop import as_csv, order_row

AT = datetime(2026, 11, 21, 11, 5, tzinfo=UTC)
SOURCE = Source("orders-7.csv", AT)


def settings(**config):
    return read_settings({"base_url": "file:///srv/drop", **config})


def order_file(*changes: dict) -> str:
    """Return a file of orders, one row per dict of what differs."""
    rows = []
    for change in changes:
        base = order_row("1001", "1", "A-1", "3", "9.90", 1, AT)
        rows.append({**base, **change})
    header = tuple(dict.fromkeys(name for row in rows for name in row))
    return as_csv(header, [[row.get(name, "") for name in header] for row in rows])


def read(kind: Kind, text: str | bytes, source: Source = SOURCE, **config) -> Content:
    made = settings(**config)
    raw = text.encode() if isinstance(text, str) else text
    return RowReader(kind, made).read(read_csv(raw, made.layout), source)


def event(content: Content, index: int = 0):
    found = content.found[index]
    [one] = read_body(found.raw, found.topic)
    return one


def places(content: Content) -> list[tuple[int, str]]:
    return [(wrong.line, wrong.column) for wrong in content.wrong]


class TestOrders(unittest.TestCase):
    def test_rows_of_one_order_are_one_order(self):
        text = order_file(
            {"line_id": "a", "quantity": "3"},
            {"order_id": "1002", "line_id": "a"},
            {"line_id": "b", "quantity": "5", "sku": "B-2", "ship_name": ""},
        )
        content = read(Kind.ORDERS, text)
        self.assertEqual((), content.wrong)
        self.assertEqual(["1001", "1002"], [one.order_id for one in content.found])
        snapshot = event(content)
        self.assertIsInstance(snapshot, OrderSnapshot)
        self.assertEqual(["a", "b"], [line.id for line in snapshot.lines])
        self.assertEqual([3, 5], [line.quantity for line in snapshot.lines])
        self.assertEqual("Ada Example", snapshot.shipping_address.name)
        # 3 and 5 units at 9.90.
        self.assertEqual(Decimal("79.20"), snapshot.total)

    def test_leading_zeros_are_kept(self):
        content = read(Kind.ORDERS, order_file({"sku": "000123", "order_id": "0007"}))
        snapshot = event(content)
        self.assertEqual(("0007", "000123"), (snapshot.id, snapshot.lines[0].sku))

    def test_without_a_line_id_the_item_names_the_line(self):
        snapshot = event(read(Kind.ORDERS, order_file({"line_id": ""})))
        self.assertEqual("A-1", snapshot.lines[0].id)
        content = read(
            Kind.ORDERS, order_file({"line_id": ""}, {"line_id": "", "quantity": "1"})
        )
        self.assertEqual([(3, "line_id")], places(content))

    def test_versions(self):
        given_version = event(read(Kind.ORDERS, order_file({"version": "7"})))
        self.assertEqual(7, given_version.version)
        dated = event(
            read(
                Kind.ORDERS,
                order_file({"version": "", "updated_at": "2026-11-20T00:00:00Z"}),
            )
        )
        self.assertEqual(1_763_596_800_000 + 31_536_000_000, dated.version)
        neither = event(read(Kind.ORDERS, order_file({"version": ""})))
        self.assertEqual(int(AT.timestamp() * 1000), neither.version)
        self.assertEqual(AT, neither.updated_at)

    def test_the_same_content_is_the_same_delivery(self):
        text = order_file({"version": ""})
        later = Source("orders-8.csv", AT.replace(hour=20))
        [first], [again] = (
            read(Kind.ORDERS, text).found,
            read(Kind.ORDERS, text, later).found,
        )
        self.assertEqual(first.dedupe_key, again.dedupe_key)
        self.assertTrue(first.key_is_content)
        [other] = read(Kind.ORDERS, order_file({"quantity": "4"})).found
        self.assertNotEqual(first.dedupe_key, other.dedupe_key)

    def test_long_ids_do_not_make_contents_equal(self):
        keys = {
            read(Kind.ORDERS, order_file({"order_id": "9" * 255, "quantity": quantity}))
            .found[0]
            .dedupe_key
            for quantity in ("1", "2")
        }
        self.assertEqual(2, len(keys))
        self.assertTrue(all(len(key) < 200 for key in keys))

    def test_a_wrong_row_takes_its_order_and_no_other(self):
        text = order_file(
            {"order_id": "1000"},
            {"line_id": "a"},
            {"line_id": "b", "quantity": "1,234"},
            {"order_id": "1002"},
        )
        content = read(Kind.ORDERS, text)
        self.assertEqual(["1000", "1002"], [one.order_id for one in content.found])
        self.assertEqual([(4, "quantity")], places(content))
        self.assertEqual("1001", content.wrong[0].group)

    def test_each_fault_of_the_whole_order_is_placed(self):
        for change, column in (
            ({"ship_country": "Belgium"}, "ship_country"),
            ({"currency": "euro"}, "currency"),
            ({"status": "lost"}, "status"),
            ({"ship_city": ""}, "ship_city"),
            ({"placed_at": ""}, "placed_at"),
            ({"prices_include_tax": "no"}, "total"),
            ({"cancelled_quantity": "9"}, "cancelled_quantity"),
            ({"quantity": "-1"}, "quantity"),
            ({"tax_rate": "5000"}, "tax_rate"),
            ({"payment_status": "perhaps"}, "payment_status"),
            ({"shipping_amount": "1", "shipping_tax_rate": "-1"}, "shipping_tax_rate"),
            ({"customer_phone": "1" * 65}, "customer_phone"),
        ):
            with self.subTest(change):
                content = read(Kind.ORDERS, order_file(change))
                self.assertEqual([(2, column)], places(content))
                self.assertEqual((), content.found)

    def test_rows_that_contradict_each_other(self):
        text = order_file({"line_id": "a"}, {"line_id": "b", "ship_zip": "2000"})
        content = read(Kind.ORDERS, text)
        self.assertEqual([(3, "ship_zip")], places(content))
        self.assertEqual("differs from line 2", content.wrong[0].reason)

    def test_a_row_without_its_order_spoils_what_is_beside_it(self):
        text = order_file(
            {"order_id": "1000"},
            {"order_id": "1001"},
            {"order_id": ""},
            {"order_id": "1002"},
            {"order_id": "1003"},
        )
        content = read(Kind.ORDERS, text)
        self.assertEqual(["1000", "1003"], [one.order_id for one in content.found])
        self.assertEqual(
            [(3, "order_id"), (4, "order_id"), (5, "order_id")], places(content)
        )

    def test_rows_of_another_width(self):
        text = order_file({"order_id": "1000"}, {})
        lines = text.splitlines()
        for changed in (lines[2] + ",x", lines[2].rpartition(",")[0]):
            content = read(Kind.ORDERS, "\r\n".join([*lines[:2], changed]))
            self.assertEqual(["1000"], [one.order_id for one in content.found])
            self.assertEqual(3, content.wrong[0].line)
            self.assertIn("the header has 15", content.wrong[0].reason)

    def test_columns_are_called_as_the_partner_likes(self):
        text = order_file({}).replace("sku", "Artikel", 1).replace(",currency", "", 1)
        lines = [line.replace(",EUR", "") for line in text.splitlines()]
        content = read(
            Kind.ORDERS,
            "\n".join(lines),
            columns='orders.sku=ARTIKEL; currency="EUR"',
        )
        self.assertEqual((), content.wrong)
        self.assertEqual("EUR", event(content).currency)
        json_map = json.dumps({"orders": {"sku": "Artikel"}, "currency": '"EUR"'})
        again = read(Kind.ORDERS, "\n".join(lines), columns=json_map)
        self.assertEqual(content.found[0].raw, again.found[0].raw)

    def test_a_missing_or_double_column_spoils_the_file(self):
        text = order_file({})
        with self.assertRaisesRegex(Unreadable, "no column Artikel"):
            read(Kind.ORDERS, text, columns="sku=Artikel")
        with self.assertRaisesRegex(Unreadable, "sku is there twice"):
            read(Kind.ORDERS, text.replace("line_id", "SKU", 1))

    def test_wrong_rows_say_file_line_and_column(self):
        content = read(Kind.ORDERS, order_file({"quantity": "1,234"}))
        [told] = wrong_deliveries(SOURCE, content.wrong)
        with self.assertRaises(BadPayload) as caught:
            read_body(told.raw, told.topic)
        self.assertEqual("orders-7.csv:2:quantity", caught.exception.field)
        self.assertIn("orders-7.csv, line 2, column quantity", caught.exception.message)
        self.assertIn("1001 was not taken", caught.exception.message)
        self.assertEqual("1001", told.order_id)
        tomorrow = Source(SOURCE.name, AT.replace(day=22))
        [other] = wrong_deliveries(tomorrow, content.wrong)
        self.assertNotEqual(told.dedupe_key, other.dedupe_key)

    def test_very_many_wrong_rows_are_told_together(self):
        rows = [{"order_id": str(number), "sku": ""} for number in range(250)]
        content = read(Kind.ORDERS, order_file(*rows))
        self.assertEqual(250, len(content.wrong))
        told = wrong_deliveries(SOURCE, content.wrong)
        self.assertEqual(201, len(told))
        self.assertIn(b"and 49 rows after it", told[-1].raw)

    @given(
        st.lists(
            st.tuples(
                st.sampled_from(["1001", "1002", "", "=1"]),
                st.text(max_size=4),
                st.sampled_from(["1", "2.5", "1,5", "", "x"]),
            ),
            max_size=8,
        )
    )
    def test_an_order_is_whole_or_not_at_all(self, rows):
        changes = [
            {"order_id": order, "sku": sku, "quantity": quantity, "line_id": str(n)}
            for n, (order, sku, quantity) in enumerate(rows)
        ]
        if not changes:
            return
        text = order_file(*changes)
        try:
            content = read(Kind.ORDERS, text)
        except Unreadable:
            return
        wrong_groups = {wrong.group for wrong in content.wrong}
        for index, found in enumerate(content.found):
            self.assertNotIn(found.order_id, wrong_groups)
            lines = [row for row in rows if row[0] == found.order_id]
            self.assertEqual(len(lines), len(event(content, index).lines))
        told = len({one.order_id for one in content.found}) + len(content.wrong)
        self.assertGreaterEqual(told, 1)


class TestOthers(unittest.TestCase):
    def test_cancels(self):
        text = "order_id,line_id,cancelled_quantity,version\n1001,1,2,9\n1001,2,,\n"
        notice = event(read(Kind.CANCELS, text))
        self.assertIsInstance(notice, CancelNotice)
        self.assertEqual(("1001", 9), (notice.order_id, notice.version))
        told = [(line.id, line.quantity) for line in notice.lines]
        self.assertEqual([("1", Decimal(2)), ("2", None)], told)
        whole = event(read(Kind.CANCELS, "order_id\n1001\n"))
        self.assertEqual((), whole.lines)
        self.assertEqual(AT, whole.cancelled_at)

    def test_cancels_that_say_two_things(self):
        for rows, line in (("1001,,\n1001,1,1\n", 2), ("1001,,1\n", 2)):
            text = f"order_id,line_id,cancelled_quantity\n{rows}"
            self.assertEqual([(line, "line_id")], places(read(Kind.CANCELS, text)))
        text = "order_id,line_id\n1001,1\n1001,1\n"
        self.assertEqual([(2, "")], places(read(Kind.CANCELS, text)))

    def test_returns_with_lots(self):
        text = (
            "return_id,order_id,line_id,quantity,disposition,lot\n"
            "R1,1001,1,1,inspect,L1\nR1,1001,1,2,inspect,L2\nR1,1001,1,1,scrap,\n"
        )
        snapshot = event(read(Kind.RETURNS, text))
        self.assertIsInstance(snapshot, ReturnSnapshot)
        self.assertEqual([3, 1], [line.quantity for line in snapshot.lines])
        self.assertEqual(["L1", "L2"], [lot.name for lot in snapshot.lines[0].lots])
        twice = read(Kind.RETURNS, text + "R1,1001,1,1,scrap,\n")
        self.assertEqual([(5, "line_id")], places(twice))
        self.assertEqual("1001", read(Kind.RETURNS, text).found[0].order_id)

    def test_counts(self):
        text = (
            "counted_at,sku,quantity,lot\n2026-11-21 07:00,A,3,\n"
            "2026-11-21 07:00,B,1,L1\n2026-11-21 07:00,B,2,L2\n"
            "2026-11-21 08:00,A,4,\n"
        )
        content = read(Kind.COUNTS, text, location="shop")
        self.assertEqual(2, len(content.found))
        snapshot = event(content)
        self.assertIsInstance(snapshot, CountSnapshot)
        self.assertEqual("shop", snapshot.location_id)
        self.assertEqual([3, 3], [line.quantity for line in snapshot.lines])
        self.assertEqual("shop 2026-11-21T07:00:00Z", snapshot.id)


class TestEveryRow(unittest.TestCase):
    """No row is lost without a word."""

    @given(
        st.lists(
            st.tuples(
                st.sampled_from(["C1", "C2", ""]),
                st.sampled_from(["2026-11-21", "2026-11-22", "", "soon"]),
                st.sampled_from(["A", "B", ""]),
                st.sampled_from(["1", "2", "", "x"]),
            ),
            max_size=6,
        )
    )
    def test_every_row_is_taken_or_told(self, rows):
        text = as_csv(("count_id", "counted_at", "sku", "quantity"), rows)
        content = read(Kind.COUNTS, text)
        taken = sum(len(event(content, n).lines) for n in range(len(content.found)))
        lines = {wrong.line for wrong in content.wrong}
        groups = {wrong.group for wrong in content.wrong} - {""}
        self.assertLessEqual(taken, len(rows))
        for line, row in enumerate(rows, start=2):
            if not any(row):
                continue
            key = row[0] or f"main@{row[1]}T00:00:00Z"
            is_taken = any(
                found.dedupe_key.startswith(f"counts:{key}:") for found in content.found
            )
            is_told = line in lines or key in groups
            self.assertNotEqual(is_taken, is_told, (line, row))

    def test_a_count_without_a_date_is_told(self):
        content = read(Kind.COUNTS, "counted_at,sku,quantity\n,A,1\n")
        self.assertEqual([(2, "counted_at")], places(content))


class TestText(unittest.TestCase):
    """What stands in the file between the rows."""

    def test_line_ends_quotes_and_marks(self):
        plain = order_file({"note": 'a "word", and\nmore'})
        expected = read(Kind.ORDERS, plain).found
        self.assertEqual('a "word", and\nmore', event(read(Kind.ORDERS, plain)).note)
        for raw in (
            b"\xef\xbb\xbf" + plain.encode(),
            ("\r\n\r\n" + plain + "\r\n,,\r\n")
            .encode()
            .replace(b"\r\n,,\r\n", b"\r\n"),
        ):
            self.assertEqual(
                expected[0].dedupe_key, read(Kind.ORDERS, raw).found[0].dedupe_key
            )

    def test_lines_are_counted_as_an_editor_does(self):
        text = order_file({"note": "two\nlines"}, {"order_id": "1002", "quantity": "x"})
        self.assertEqual([(4, "quantity")], places(read(Kind.ORDERS, text)))

    def test_damaged_files_are_refused_whole(self):
        good = order_file({})
        for raw, word in (
            (b"", "empty"),
            (b"\r\n \r\n", "empty"),
            (good.encode().replace(b"Ada", b"\xe9da", 1), "Line 2 is not utf-8"),
            (good.encode() + b"\0\0\0", "NUL"),
            (good.encode() + b'"1,2', "quotes in line 3"),
            (b"PK\x03\x04...", "spreadsheet"),
            (good.encode("utf-16"), "NUL|utf-8"),
        ):
            with self.subTest(word), self.assertRaisesRegex(Unreadable, word):
                read(Kind.ORDERS, raw)

    def test_too_many_rows_are_refused(self):
        with self.assertRaisesRegex(Unreadable, "20000 rows"):
            read(Kind.CANCELS, "order_id\n" + "1\n" * 20_001)

    def test_windows_letters(self):
        raw = order_file({"ship_city": "Liège"}).encode("cp1252")
        content = read(Kind.ORDERS, raw, encoding="cp1252")
        self.assertEqual("Liège", event(content).shipping_address.city)

    @given(st.lists(st.lists(st.text(), min_size=2, max_size=2), max_size=4))
    def test_what_we_write_we_read(self, rows):
        """Formulas are made harmless, and are what they were when they come back."""
        made = settings()
        rows = [["x" + a.replace("\0", ""), b.replace("\0", "")] for a, b in rows]
        try:
            raw = write_csv(("one", "two"), rows, made.layout)
        except UnicodeEncodeError:
            return
        table = read_csv(raw, made.layout)
        self.assertEqual(rows, [list(row.cells) for row in table.rows])

    def test_cells_that_would_run_are_made_harmless(self):
        made = settings(separator="tab")
        texts = ["=1+1", "+1", "-1", "@x", "\tx", "\rx", "'=x", "plain", "x=1"]
        raw = write_csv(("a",), [[text] for text in texts], made.layout)
        table = read_csv(raw, made.layout)
        self.assertEqual(texts, [row.cells[0] for row in table.rows])
        self.assertEqual(7, raw.decode().count("'") - 1)
        self.assertEqual(
            b"a\r\n-1.5\r\n", write_csv(("a",), [[Decimal("-1.5")]], made.layout)
        )

    def test_every_kind_has_columns_of_its_own_names(self):
        for kind in Kind:
            names = [column.name for column in COLUMNS[kind]]
            self.assertEqual(len(set(names)), len(names))
