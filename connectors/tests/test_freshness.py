"""The histogram of freshness: percentiles within 5 percent, sums that add up."""

import json
import math
import unittest

from hypothesis import given
from hypothesis import strategies as st

from ..freshness import (
    LAST_BUCKET,
    LONGEST,
    RELATIVE_ERROR,
    SHORTEST,
    Histogram,
    bucket_of,
    seconds_of,
)

within = st.floats(SHORTEST, LONGEST)
durations = st.floats(0, 10 * LONGEST)
percents = st.one_of(
    st.integers(1, 100), st.floats(0, 100, exclude_min=True, allow_subnormal=False)
)


def nearest_rank(values, percent):
    """Return the percentile of the plain list, by the textbook."""
    return sorted(values)[math.ceil(percent * len(values) / 100) - 1]


class TestBuckets(unittest.TestCase):
    def test_promised_error(self):
        self.assertLess(RELATIVE_ERROR, 0.05)
        self.assertEqual(LAST_BUCKET, 227)

    @given(within)
    def test_every_duration_is_told_within_the_error(self, seconds):
        told = seconds_of(bucket_of(seconds))
        self.assertLessEqual(abs(told - seconds), seconds * (RELATIVE_ERROR + 1e-9))

    @given(within, within)
    def test_longer_is_never_in_an_earlier_bucket(self, one, other):
        short, long = sorted((one, other))
        self.assertLessEqual(bucket_of(short), bucket_of(long))

    def test_ends_take_what_lies_outside(self):
        self.assertEqual(bucket_of(0), 0)
        self.assertEqual(bucket_of(SHORTEST), 0)
        self.assertEqual(bucket_of(LONGEST), LAST_BUCKET)
        self.assertEqual(bucket_of(100 * LONGEST), LAST_BUCKET)


class TestHistogram(unittest.TestCase):
    @given(st.lists(within, min_size=1), percents)
    def test_percentile_is_within_five_percent(self, values, percent):
        told = Histogram.of(values).percentile(percent)
        exact = nearest_rank(values, percent)
        self.assertLessEqual(abs(told - exact), exact * 0.05)

    @given(st.lists(durations, min_size=1))
    def test_count_longest_and_last_are_exact(self, values):
        histogram = Histogram.of(values)
        self.assertEqual(histogram.count, len(values))
        self.assertEqual(histogram.maximum, max(values))
        self.assertEqual(histogram.percentile(100), max(values))
        self.assertEqual(histogram.last, values[-1])

    @given(st.lists(durations, min_size=1), percents, percents)
    def test_percentiles_grow_and_end_with_the_longest(self, values, one, other):
        low, high = sorted((one, other))
        histogram = Histogram.of(values)
        self.assertLessEqual(histogram.percentile(low), histogram.percentile(high))
        self.assertLessEqual(histogram.percentile(high), histogram.maximum)

    @given(st.lists(durations), st.lists(durations))
    def test_merged_is_what_all_of_them_make(self, earlier, later):
        merged = Histogram.of(earlier)
        merged.merge(Histogram.of(later))
        self.assertEqual(merged, Histogram.of(earlier + later))

    @given(st.lists(durations))
    def test_order_makes_no_difference_but_to_the_last(self, values):
        self.assertEqual(
            Histogram.of(values).as_json(), Histogram.of(values[::-1]).as_json()
        )

    @given(st.lists(durations, min_size=1))
    def test_survives_json(self, values):
        histogram = Histogram.of(values)
        text = json.dumps(histogram.as_json())
        self.assertEqual(
            Histogram.stored(json.loads(text), histogram.maximum, histogram.last),
            histogram,
        )

    def test_empty_one_tells_nothing(self):
        empty = Histogram()
        self.assertEqual((empty.count, empty.maximum, empty.last), (0, 0.0, None))
        self.assertIsNone(empty.percentile(95))
        self.assertEqual(empty.as_json(), {})

    def test_hundred_seconds(self):
        histogram = Histogram.of(range(1, 101))
        self.assertAlmostEqual(histogram.percentile(50), 50, delta=2.5)
        self.assertAlmostEqual(histogram.percentile(95), 95, delta=4.75)
        self.assertEqual(histogram.percentile(100), 100)
        self.assertLessEqual(len(histogram.as_json()), 49)

    def test_what_is_no_duration_is_refused(self):
        for seconds in (-0.001, math.nan, math.inf):
            with self.subTest(seconds=seconds), self.assertRaises(ValueError):
                Histogram().add(seconds)

    def test_what_is_no_percent_is_refused(self):
        for percent in (0, -1, 100.1, math.nan):
            with self.subTest(percent=percent), self.assertRaises(ValueError):
                Histogram.of([1]).percentile(percent)
