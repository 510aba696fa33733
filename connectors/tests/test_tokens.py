"""Tokens that end: when they are renewed, and what a store promises."""

import math
import unittest
from datetime import UTC, datetime, timedelta

from hypothesis import given
from hypothesis import strategies as st

from ..errors import RetryLater
from ..strict_json import format_time, parse_time
from ..tokens import EARLY, EXPIRES_AT, MemoryTokens, expires_at, is_fresh

NOW = datetime(2026, 11, 21, 12, tzinfo=UTC)


def kept(moment):
    return {"access_token": "a", EXPIRES_AT: format_time(moment)}


class TestFreshness(unittest.TestCase):
    def test_renewed_before_it_ends(self):
        self.assertTrue(is_fresh(kept(NOW + EARLY + timedelta(seconds=1)), NOW))
        self.assertFalse(is_fresh(kept(NOW + EARLY), NOW))
        self.assertFalse(is_fresh(kept(NOW - timedelta(days=1)), NOW))

    def test_one_without_an_end_never_is_renewed(self):
        self.assertTrue(is_fresh({"access_token": "a"}, NOW))

    def test_nothing_kept_is_not_fresh(self):
        self.assertFalse(is_fresh({}, NOW))

    def test_an_end_that_nobody_can_read_has_come(self):
        for text in ("", "soon", "2026-11-21", "2026-11-21T14:00:00", "9" * 40):
            with self.subTest(text=text):
                self.assertFalse(is_fresh({"access_token": "a", EXPIRES_AT: text}, NOW))

    def test_first_and_last_moments_there_are(self):
        self.assertFalse(is_fresh(kept(datetime(1, 1, 1, tzinfo=UTC)), NOW))
        self.assertFalse(is_fresh(kept(datetime(1971, 1, 1, tzinfo=UTC)), NOW))

    @given(st.floats(0, 1e9))
    def test_end_is_kept_to_the_second(self, seconds):
        ends = parse_time(expires_at(NOW, seconds))
        known = min(seconds, 10 * 366 * 86_400)
        self.assertAlmostEqual(known, (ends - NOW).total_seconds(), places=5)

    def test_rubbish_ends_at_once_or_in_years(self):
        for seconds in (-1, math.nan, -math.inf):
            with self.subTest(seconds=seconds):
                self.assertEqual(format_time(NOW), expires_at(NOW, seconds))
        for seconds in (math.inf, 1e300):
            with self.subTest(seconds=seconds):
                self.assertTrue(is_fresh({EXPIRES_AT: expires_at(NOW, seconds)}, NOW))


class TestMemoryTokens(unittest.TestCase):
    def setUp(self):
        self.store = MemoryTokens({"refresh_token": "r1"})

    def test_renewal_is_given_what_is_kept_and_replaces_all_of_it(self):
        def renew(values):
            self.assertEqual({"refresh_token": "r1"}, dict(values))
            return {"access_token": "a2"}

        self.assertEqual({"access_token": "a2"}, self.store.exchange(renew))
        self.assertEqual({"access_token": "a2"}, self.store.read())

    def test_none_leaves_it(self):
        self.assertEqual(
            {"refresh_token": "r1"}, self.store.exchange(lambda values: None)
        )

    def test_failure_leaves_it(self):
        def renew(values):
            raise RetryLater("down")

        with self.assertRaises(RetryLater):
            self.store.exchange(renew)
        self.assertEqual({"refresh_token": "r1"}, self.store.read())

    def test_nobody_changes_it_from_outside(self):
        self.store.read()["refresh_token"] = "stolen"
        self.store.exchange(lambda values: values.clear())
        self.assertEqual({"refresh_token": "r1"}, self.store.read())
