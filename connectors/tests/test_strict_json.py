"""Strict reading: each wrong value is refused with its path, nothing is coerced."""

import contextlib
import json
import re
import time
import tracemalloc
import unittest
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from enum import StrEnum
from unittest import mock

from hypothesis import given
from hypothesis import strategies as st

from .. import strict_json
from ..errors import BadPayload
from ..strict_json import (
    MAX_CONTAINERS,
    Node,
    format_time,
    load,
    parse_decimal,
    parse_time,
)


class Colour(StrEnum):
    """Two words to choose from."""

    RED = "red"
    BLUE = "blue"


class TestNode(unittest.TestCase):
    def refused(self, call, *args, **kwargs) -> BadPayload:
        """Return the refusal of a call."""
        with self.assertRaises(BadPayload) as caught:
            call(*args, **kwargs)
        return caught.exception

    def test_refusal_names_path_and_rule_but_not_the_value(self):
        node = Node({"lines": [{"quantity": "ada@example.com"}]}, "data")
        [line] = node.items("lines", 1)
        error = self.refused(line.amount, "quantity")
        self.assertEqual("data.lines.0.quantity", error.field)
        self.assertEqual(
            "data.lines.0.quantity: must be a string holding a decimal", str(error)
        )

    def test_root_refusal_has_no_path(self):
        error = self.refused(Node([], "").text, "type")
        self.assertEqual(("", "body: must be an object"), (error.field, str(error)))

    def test_missing_and_null_are_the_same(self):
        for value in ({}, {"key": None}):
            node = Node(value, "")
            self.assertEqual("", node.text("key"))
            self.assertEqual("", node.identifier("key", required=False))
            self.assertIsNone(node.optional_amount("key"))
            self.assertIsNone(node.optional_choice("key", Colour))
            self.assertIsNone(node.optional_child("key"))
            self.assertEqual([], node.items("key", 1, required=False))
            for needed in (
                node.child,
                node.integer,
                node.boolean,
                node.money,
                node.amount,
                node.time,
                node.identifier,
            ):
                self.assertEqual(
                    "key: is missing", str(self.refused(needed, "key")), needed
                )

    def test_wrong_types_are_refused(self):
        values = [True, False, 0, 1, 1.5, "", "text", [], ["a"], {}, {"a": 1}]
        right = {
            "text": [str],
            "integer": [int],
            "boolean": [bool],
            "child": [dict],
            "time": [],
            "money": [],
        }
        for method, kinds in right.items():
            for value in values:
                node = Node({"key": value}, "")
                call = getattr(node, method)
                with self.subTest(method=method, value=value):
                    if type(value) in kinds:
                        got = call("key")
                        self.assertEqual(
                            value, got.value if isinstance(got, Node) else got
                        )
                    else:
                        self.assertEqual("key", self.refused(call, "key").field)

    def test_items(self):
        node = Node({"a": [{}, {}], "b": [{}, 1], "c": {}}, "")
        self.assertEqual(["a.0", "a.1"], [item.path for item in node.items("a", 2)])
        self.assertEqual("a", self.refused(node.items, "a", 1).field)
        self.assertEqual("b.1", self.refused(node.items, "b", 9).field)
        self.assertEqual("c", self.refused(node.items, "c", 9).field)

    def test_integer_bounds(self):
        for value in (0, 2**63 - 1):
            self.assertEqual(value, Node({"key": value}, "").integer("key"))
        for value in (-1, 2**63):
            self.refused(Node({"key": value}, "").integer, "key")

    def test_text_bounds_and_characters(self):
        node = Node(
            {"long": "é" * 256, "nul": "a\x00", "half": "\ud800", "ok": "\n\t"}, ""
        )
        for key in ("long", "nul", "half"):
            self.assertEqual(key, self.refused(node.text, key).field)
        self.assertEqual("é" * 256, node.text("long", 256))
        self.assertEqual("\n\t", node.text("ok"))

    def test_identifiers_are_one_line_and_not_blank(self):
        for value in ("", " ", " a", "a ", "a\nb", "\x7f", "a\x1b[0m"):
            with self.subTest(value):
                self.refused(Node({"key": value}, "").identifier, "key")
        self.assertEqual("a b/ß", Node({"key": "a b/ß"}, "").identifier("key"))

    def test_amounts_are_not_negative(self):
        self.assertEqual(Decimal("-1.5"), Node({"key": "-1.5"}, "").money("key"))
        self.refused(Node({"key": "-1.5"}, "").amount, "key")
        self.assertEqual("0.00", str(Node({"key": "-0.00"}, "").amount("key")))

    def test_choices(self):
        node = Node({"a": "blue", "b": "green", "c": ["blue"], "d": 1}, "")
        self.assertIs(Colour.BLUE, node.choice("a", Colour))
        for key in "bcd":
            error = self.refused(node.choice, key, Colour)
            self.assertEqual(f"{key}: must be one of red, blue", str(error))

    def test_pattern_takes_the_whole_text(self):
        pattern = re.compile("[A-Z]{3}")
        self.assertEqual("EUR", Node({"key": "EUR"}, "").pattern("key", pattern, "x"))
        for value in ("EURO", "EUR\n", "eur"):
            self.refused(Node({"key": value}, "").pattern, "key", pattern, "x")


class TestDecimal(unittest.TestCase):
    @given(
        st.decimals(
            -(10**15) + 1, 10**15 - 1, allow_nan=False, allow_infinity=False, places=10
        )
    )
    def test_round_trip(self, value):
        self.assertEqual(value, parse_decimal(format(value, "f")))

    @given(st.text())
    def test_text_is_a_bounded_decimal_or_none(self, text):
        value = parse_decimal(text)
        if value is not None:
            self.assertTrue(value.is_finite())
            self.assertLess(abs(value), Decimal(10) ** 15)

    def test_forms(self):
        for text in (
            *("", ".5", "5.", "+5", "1e3", "1E+3", "NaN", "Infinity", "-", "0x1"),
            *(
                " 5",
                "5 ",
                "5\n",
                "1_0",
                "1,0",
                "٣",
                "1234567890123456",
                "0.12345678901",
            ),
        ):
            self.assertIsNone(parse_decimal(text), text)
        for text in ("0", "-0.5", "007", "123456789012345.1234567890"):
            self.assertEqual(Decimal(text), parse_decimal(text))
        for other in (5, 5.0, None, True, Decimal(5), b"5"):
            self.assertIsNone(parse_decimal(other), other)


class TestTime(unittest.TestCase):
    @given(st.integers(0, 7_258_118_400_000_000), st.timezones())
    def test_round_trip(self, microseconds, zone):
        aware = datetime(1970, 1, 1, tzinfo=UTC) + timedelta(microseconds=microseconds)
        self.assertEqual(aware, parse_time(format_time(aware)))
        local = aware.astimezone(zone)
        if local.utcoffset().total_seconds() % 60 == 0:
            self.assertEqual(aware, parse_time(local.isoformat()))

    def test_result_is_utc(self):
        moment = parse_time("2026-11-21T13:00:00.123456789+01:00")
        self.assertEqual(datetime(2026, 11, 21, 12, 0, 0, 123456, tzinfo=UTC), moment)
        self.assertIs(UTC, moment.tzinfo)
        self.assertEqual("2026-11-21T12:00:00.123456Z", format_time(moment))

    def test_forms(self):
        for text in (
            *("", "2026-11-21", "2026-11-21T12:00:00", "2026-11-21 12:00:00Z"),
            *("2026-11-21T12:00Z", "2026-11-21T24:01:00Z", "2026-13-01T00:00:00Z"),
            *(
                "2026-11-21T12:00:00+1:00",
                "2026-11-21T12:00:00+0100",
                "20261121T120000Z",
            ),
            *(
                "1969-12-31T23:59:59Z",
                "2201-01-01T00:00:00Z",
                "0001-01-01T00:00:00+14:00",
            ),
            *(
                "2026-11-21T12:00:00+99:00",
                "2026-11-21T12:00:00.Z",
                "2026-W47-6T12:00:00Z",
            ),
        ):
            self.assertIsNone(parse_time(text), text)
        for other in (1763719530, None, datetime.now(UTC)):
            self.assertIsNone(parse_time(other))
        for text in ("2026-11-21t12:00:00z", "2026-11-21T12:00:00-00:00"):
            self.assertEqual(datetime(2026, 11, 21, 12, tzinfo=UTC), parse_time(text))


MEGABYTE = 1024 * 1024


def hostile_megabytes() -> dict[str, bytes]:
    """Return bodies as large as the door lets in, made to cost as much as they can."""
    return {
        "brackets": b"[" * MEGABYTE,
        "objects": b'{"a":' * (MEGABYTE // 5),
        "lists": b"[" + b"[]," * (MEGABYTE // 3) + b"[]]",
        "empty objects": b"[" + b"{}," * (MEGABYTE // 3) + b"{}]",
        "values": b"[" + b"1," * (MEGABYTE // 2) + b"1]",
        "pairs": b"{" + b'"a":1,' * (MEGABYTE // 6) + b'"b":1}',
        "escaped quotes": b'"' + b'\\"' * (MEGABYTE // 2),
        "digits": b"9" * MEGABYTE,
        "decimals": b"0." + b"9" * MEGABYTE,
    }


def peak_of(raw: bytes) -> int:
    """Return the most bytes that were allocated at once while a body was parsed."""
    tracemalloc.start()
    try:
        with contextlib.suppress(BadPayload):
            load(raw)
        return tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()


class TestLoad(unittest.TestCase):
    @given(st.binary())
    def test_bytes_are_a_value_or_bad_payload(self, raw):
        try:
            node = load(raw)
        except BadPayload:
            return
        json.loads(raw)
        self.assertEqual("", node.path)

    def test_depth_limit_is_exact(self):
        value = load(b"[" * 64 + b"1" + b"]" * 64).value
        for _ in range(64):
            [value] = value
        self.assertEqual(1, value)
        with self.assertRaises(BadPayload):
            load(b"[" * 65 + b"1" + b"]" * 65)

    def test_hostile_sizes_cost_little(self):
        for name, raw in hostile_megabytes().items():
            with self.subTest(name):
                start = time.process_time()
                try:
                    load(raw)
                except BadPayload:
                    pass
                else:
                    self.assertEqual("decimals", name)
                # S16 allows 50 ms; the margin is for slow machines.
                self.assertLess(time.process_time() - start, 0.2)

    def test_hostile_sizes_take_little_memory(self):
        """S16 allows 50 MiB, whatever 1 MiB of body is made of; it is a tenth."""
        for name, raw in hostile_megabytes().items():
            with self.subTest(name):
                self.assertLess(peak_of(raw), 5 * MEGABYTE)

    def test_the_fullest_honest_body_takes_little_memory(self):
        """S16: as many values as are let in, all of them different."""
        pairs = ",".join(f'"{n}":{{"v":"{n}"}}' for n in range(MAX_CONTAINERS - 1))
        raw = f"{{{pairs}}}".encode()
        self.assertLess(len(raw), MEGABYTE)
        self.assertEqual(MAX_CONTAINERS - 1, len(load(raw).value))
        self.assertLess(peak_of(raw), 50 * MEGABYTE)

    def test_memory_is_measured(self):
        """Without the bounds before parsing it is thousands of times as much."""
        raw = hostile_megabytes()["empty objects"]
        with mock.patch.multiple(
            strict_json, MAX_CONTAINERS=10**9, MAX_SEPARATORS=10**9
        ):
            self.assertGreater(peak_of(raw), 20 * MEGABYTE)

    def test_fractions_stay_exact(self):
        self.assertEqual(Decimal("0.1"), load(b"0.1").value)

    def test_key_twice_is_refused(self):
        with self.assertRaises(BadPayload):
            load(b'{"a": {"b": 1, "b": 1}}')
