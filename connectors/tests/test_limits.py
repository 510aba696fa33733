"""Limits are kept by arithmetic: never more than allowed, never a wait for ever."""

import math
import threading
import unittest
from dataclasses import replace
from datetime import UTC, datetime, timedelta

from hypothesis import given
from hypothesis import strategies as st

from ..errors import Throttled
from ..limits import Bucket, LimitMemory, Window
from ..testing.fake_channel import FakeTransport, FixedClock
from ..transport import Response

START = datetime(2026, 11, 21, 12, tzinfo=UTC)
NAME = "points"
PATIENCE = 50

sizes = st.integers(1, 2000)
rates = st.floats(0.01, 500)
costs = st.integers(0, 2500)
# Moments of one worker's threads: they come in any order within some seconds.
gaps = st.floats(-5, 40)
calls = st.lists(st.tuples(costs, gaps), min_size=1, max_size=12)


def bucket(maximum=100.0, available=None, rate=2.0, heard_at=START):
    left = maximum if available is None else available
    return Bucket(maximum=maximum, available=left, rate=rate, heard_at=heard_at)


def window(size=10.0, remaining=None, seconds=60.0):
    return Window(
        size=size,
        remaining=size if remaining is None else remaining,
        resets_at=START + timedelta(seconds=seconds),
        seconds=seconds,
    )


def play(limit, drawn, biggest):
    """Make calls as a worker would; return [(moment made, cost)], earliest first."""
    memory = LimitMemory()
    memory.note(NAME, limit)
    now, made = START, []
    for cost, gap in drawn:
        cost = min(cost, biggest)
        now = max(START, now + timedelta(seconds=gap))
        seconds = memory.take(NAME, cost, now, PATIENCE)
        if seconds <= PATIENCE:
            made.append((now + timedelta(seconds=seconds), cost))
    return sorted(made)


class TestBucket(unittest.TestCase):
    @given(sizes, rates, st.floats(0, 1), calls)
    def test_never_more_than_the_maximum_and_what_refilled(
        self, size, rate, full, drawn
    ):
        made = play(bucket(size, size * full, rate), drawn, size)
        for first, (begin, _cost) in enumerate(made):
            total = 0.0
            for end, cost in made[first:]:
                total += cost
                passed = (end - begin).total_seconds()
                self.assertLessEqual(total, (size + rate * passed) * (1 + 1e-9) + 1e-6)

    @given(sizes, rates, st.floats(0, 1), calls)
    def test_nor_more_than_was_left_at_first(self, size, rate, full, drawn):
        left = size * full
        total = 0.0
        for moment, cost in play(bucket(size, left, rate), drawn, size):
            total += cost
            passed = (moment - START).total_seconds()
            self.assertLessEqual(total, (left + rate * passed) * (1 + 1e-9) + 1e-6)

    @given(sizes, rates, st.floats(0, 1), costs, st.floats(0, 1000))
    def test_after_the_wait_there_is_room_and_before_it_there_is_none(
        self, size, rate, full, cost, later
    ):
        limit = bucket(size, size * full, rate)
        now = START + timedelta(seconds=later)
        seconds = limit.wait(cost, now)
        turn = now + timedelta(seconds=seconds)
        self.assertEqual(0.0, limit.wait(cost, turn))
        if seconds > 1e-3:
            early = turn - timedelta(seconds=1e-3)
            self.assertGreater(limit.wait(cost, early), 0)

    @given(sizes, rates, costs)
    def test_nobody_waits_longer_than_it_takes_to_fill(self, size, rate, cost):
        seconds = bucket(size, 0, rate).wait(cost, START)
        self.assertLessEqual(seconds, size / rate + 1e-6)

    def test_what_costs_more_than_fits_goes_when_it_is_full(self):
        limit = bucket(maximum=100, available=40, rate=2)
        self.assertEqual(30.0, limit.wait(500, START))
        turn = START + timedelta(seconds=30)
        self.assertEqual(0.0, limit.spend(500, turn).left(turn))

    def test_wait_after_spending(self):
        spent = bucket(maximum=100, rate=2).spend(90, START)
        self.assertEqual(10.0, spent.left(START))
        self.assertEqual(5.0, spent.wait(20, START))
        self.assertEqual(0.0, spent.wait(20, START + timedelta(seconds=5)))

    def test_who_comes_while_another_waits_stands_behind_it(self):
        """The first one's turn is 5 s ahead; the second looked at an empty bucket
        and waited as long, and both called at once."""
        waiting = bucket(maximum=10, available=0, rate=2)
        waiting = waiting.spend(10, START + timedelta(seconds=5))
        self.assertEqual(10.0, waiting.wait(10, START))

    def test_small_call_slips_through_while_a_big_one_waits(self):
        """It may: the big one finds what it was promised all the same."""
        waiting = bucket(maximum=100, available=100, rate=1)
        waiting = waiting.spend(50, START + timedelta(seconds=5))
        self.assertEqual(0.0, waiting.wait(10, START))
        self.assertEqual(
            40.0, waiting.spend(10, START).left(START + timedelta(seconds=5))
        )

    def test_clock_set_back_silences_nobody(self):
        limit = bucket(available=30, heard_at=START + timedelta(hours=3))
        self.assertEqual(30.0, limit.left(START))
        spent = limit.spend(20, START)
        self.assertEqual((10.0, START), (spent.available, spent.heard_at))

    def test_what_cannot_be_obeyed_is_no_limit(self):
        good = bucket()
        self.assertTrue(good.is_usable())
        for field in ("maximum", "rate"):
            for value in (0.0, -1.0, math.nan, math.inf):
                with self.subTest(field=field, value=value):
                    self.assertFalse(replace(good, **{field: value}).is_usable())
        self.assertFalse(replace(good, available=math.nan).is_usable())

    def test_hardly_any_rate_is_a_long_wait_and_no_crash(self):
        self.assertEqual(1e9, bucket(1e300, 0, 1e-300).wait(1e300, START))


class TestWindow(unittest.TestCase):
    @given(st.integers(1, 50), st.floats(1, 600), st.floats(0, 1), calls)
    def test_never_more_than_fit_in_each_window(self, size, seconds, left, drawn):
        """A window begins with the first call after the last one."""
        remaining = math.floor(size * left)
        now, limit = START, window(size, remaining, seconds)
        spent = {limit.resets_at: float(size - remaining)}
        for cost, gap in drawn:
            cost = min(cost, size)
            now += timedelta(seconds=abs(gap))
            now += timedelta(seconds=limit.wait(cost, now))
            limit = limit.spend(cost, now)
            spent[limit.resets_at] = spent.get(limit.resets_at, 0.0) + cost
        self.assertLessEqual(max(spent.values()), size)
        ends = sorted(spent)
        for one, following in zip(ends, ends[1:], strict=False):
            passed = (following - one).total_seconds()
            self.assertGreaterEqual(passed, seconds - 1e-6)

    def test_waits_for_the_next_one_and_not_longer(self):
        limit = window(size=10, remaining=1)
        self.assertEqual(0.0, limit.wait(1, START))
        empty = limit.spend(1, START)
        self.assertEqual(60.0, empty.wait(1, START))
        later = START + timedelta(seconds=60)
        self.assertEqual(0.0, empty.wait(1, later))
        fresh = empty.spend(3, later)
        self.assertEqual(7.0, fresh.remaining)
        self.assertEqual(later + timedelta(seconds=60), fresh.resets_at)

    def test_more_than_a_window_holds_goes_when_one_begins(self):
        limit = window(size=10, remaining=0)
        later = START + timedelta(seconds=60)
        self.assertEqual(0.0, limit.wait(11, later))
        self.assertEqual(0.0, limit.spend(11, later).remaining)

    def test_moment_far_ahead_was_misread(self):
        """A date in milliseconds silenced a channel for fifty thousand years."""
        limit = replace(window(remaining=0), resets_at=START + timedelta(days=400))
        self.assertEqual(0.0, limit.wait(1, START))
        self.assertEqual(START + timedelta(seconds=60), limit.spend(1, START).resets_at)

    def test_server_clock_somewhat_ahead_is_believed(self):
        limit = replace(window(remaining=0), resets_at=START + timedelta(seconds=75))
        self.assertEqual(75.0, limit.wait(1, START))

    def test_what_cannot_be_obeyed_is_no_limit(self):
        self.assertTrue(window().is_usable())
        for changes in ({"size": 0.0}, {"seconds": 0.0}, {"remaining": math.nan}):
            with self.subTest(changes=changes):
                self.assertFalse(replace(window(), **changes).is_usable())


class TestLimitMemory(unittest.TestCase):
    def setUp(self):
        self.memory = LimitMemory()

    def test_nothing_heard_is_no_limit(self):
        self.assertEqual(0.0, self.memory.take(NAME, 1000, START, 0))
        self.assertIsNone(self.memory.get(NAME))

    def test_published_rate_is_made_once(self):
        limit = self.memory.get(NAME, bucket)
        self.memory.note(NAME, bucket(available=3))
        self.assertEqual(bucket(), limit)
        self.assertEqual(3, self.memory.get(NAME, bucket).available)

    def test_what_would_take_too_long_is_not_spent(self):
        self.memory.note(NAME, bucket(available=0))
        self.assertEqual(10.0, self.memory.take(NAME, 20, START, 9.9))
        self.assertEqual(bucket(available=0), self.memory.get(NAME))

    def test_rubbish_ends_a_limit(self):
        self.memory.note(NAME, bucket(available=0))
        self.memory.note(NAME, bucket(rate=0.0))
        self.assertEqual(0.0, self.memory.take(NAME, 20, START, 0))

    def test_limits_know_nothing_of_each_other(self):
        self.memory.note("orders", bucket(available=0))
        self.assertEqual(0.0, self.memory.take("stock", 1, START, 0))

    def test_threads_of_a_worker_spend_no_point_twice(self):
        self.memory.note(NAME, bucket(maximum=1000, rate=1e-6))
        together = threading.Barrier(4)
        got = []

        def spend():
            together.wait()
            got.extend(self.memory.take(NAME, 1, START, 0) == 0 for _n in range(500))

        threads = [threading.Thread(target=spend) for _n in range(4)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        self.assertEqual((1000, 2000), (sum(got), len(got)))


class TestTransportWaits(unittest.TestCase):
    def setUp(self):
        self.clock = FixedClock(START)
        self.transport = FakeTransport(lambda call: Response(200), self.clock)

    def wait(self, cost):
        self.transport.wait_for(NAME, cost, self.clock())

    def test_waits_as_long_as_it_takes_and_spends(self):
        self.transport.heard(NAME, bucket(available=10))
        self.wait(10)
        self.wait(6)
        self.assertEqual([3.0], self.transport.pauses)
        self.assertEqual(0.0, self.transport.limits.get(NAME).left(self.clock()))

    def test_patience_is_for_all_calls_together(self):
        """Ten seconds: what comes after that is for others to wait for."""
        self.transport.heard(NAME, bucket(available=0))
        self.wait(8)
        self.wait(12)
        with self.assertRaises(Throttled) as caught:
            self.wait(2)
        self.assertEqual(1.0, caught.exception.after)
        self.assertEqual([4.0, 6.0], self.transport.pauses)

    def test_a_refused_call_costs_nothing(self):
        self.transport.heard(NAME, bucket(available=0))
        with self.assertRaises(Throttled) as caught:
            self.wait(50)
        self.assertEqual(25.0, caught.exception.after)
        self.assertEqual(bucket(available=0), self.transport.limits.get(NAME))
        self.assertEqual([], self.transport.pauses)
