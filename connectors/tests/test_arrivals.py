"""S16: how many calls a sender may make at the door."""

import math
import unittest
from datetime import UTC, datetime, timedelta

from hypothesis import given
from hypothesis import strategies as st

from ..arrivals import NEWS_EVERY, Arrivals, Turn

NOW = datetime(2026, 11, 22, 12, tzinfo=UTC)

gaps = st.lists(st.integers(0, 5_000), max_size=200)


def milliseconds(count: int) -> timedelta:
    return timedelta(milliseconds=count)


class TestArrivals(unittest.TestCase):
    """S16: a limit per channel that no honest sender meets."""

    def setUp(self) -> None:
        self.arrivals = Arrivals()

    def take(self, per_minute: int = 60, seconds: float = 0, sender: str = "a") -> Turn:
        moment = NOW + timedelta(seconds=seconds)
        return self.arrivals.take(sender, per_minute, moment)

    def test_a_minutes_calls_come_at_once(self):
        self.assertEqual([Turn()] * 60, [self.take() for _call in range(60)])
        self.assertEqual(Turn(wait=1, is_news=True), self.take())

    def test_calls_come_back_one_by_one(self):
        for _call in range(60):
            self.take()
        self.assertEqual(1, self.take(seconds=0.999).wait)
        self.assertEqual(0, self.take(seconds=1).wait)
        self.assertEqual(1, self.take(seconds=1).wait)
        self.assertEqual([0, 0, 1], [self.take(seconds=3).wait for _call in range(3)])

    def test_what_is_refused_costs_nothing(self):
        """Who keeps knocking is let in as early as who waits."""
        for _call in range(60):
            self.take()
        for _call in range(1_000):
            self.assertEqual(1, self.take().wait)
        self.assertEqual(0, self.take(seconds=1).wait)

    def test_wait_is_told_in_whole_seconds_and_suffices(self):
        self.assertEqual(Turn(), self.take(per_minute=1))
        self.assertEqual(60, self.take(per_minute=1).wait)
        self.assertEqual(13, self.take(per_minute=1, seconds=47.5).wait)
        self.assertEqual(0, self.take(per_minute=1, seconds=47.5 + 13).wait)

    def test_zero_is_no_limit(self):
        for _call in range(10_000):
            self.assertEqual(Turn(), self.take(per_minute=0))
        self.assertEqual(0, len(self.arrivals))

    def test_senders_do_not_share(self):
        self.take(per_minute=1)
        self.assertEqual(60, self.take(per_minute=1).wait)
        self.assertEqual(0, self.take(per_minute=1, sender="b").wait)

    def test_changed_limit_holds_at_once(self):
        self.take(per_minute=1)
        self.assertEqual(60, self.take(per_minute=1).wait)
        self.assertEqual([0, 0], [self.take(per_minute=2).wait for _call in range(2)])
        self.assertEqual(30, self.take(per_minute=2).wait)

    def test_a_flood_is_news_once_in_a_while(self):
        self.take(per_minute=1)
        every = NEWS_EVERY.total_seconds()
        told = []
        # Refused each second; once a minute one is let in.
        for second in range(1, int(2 * every) + 30):
            told += [second] if self.take(per_minute=1, seconds=second).is_news else []
        self.assertEqual([1, 1 + every, 1 + 2 * every], told)

    def test_what_could_not_be_told_is_told_next_time(self):
        self.take(per_minute=1)
        self.assertTrue(self.take(per_minute=1).is_news)
        self.assertFalse(self.take(per_minute=1).is_news)
        self.arrivals.untold("a")
        self.arrivals.untold("nobody")
        self.assertTrue(self.take(per_minute=1).is_news)

    def test_a_clock_set_back_locks_nobody_out(self):
        for _call in range(60):
            self.take(seconds=86_400)
        self.assertEqual(Turn(wait=1, is_news=True), self.take(seconds=86_400))
        self.assertEqual(Turn(wait=1, is_news=True), self.take())
        self.assertEqual(0, self.take(seconds=1).wait)

    def test_only_so_many_senders_are_remembered(self):
        arrivals = Arrivals(most=2)
        for sender in ("a", "b", "a", "c"):
            arrivals.take(sender, 1, NOW)
        self.assertEqual(2, len(arrivals))
        waits = [arrivals.take(sender, 1, NOW).wait for sender in ("a", "c")]
        self.assertEqual([60, 60], waits)
        self.assertEqual(0, arrivals.take("b", 1, NOW).wait)

    @given(st.integers(1, 600), gaps)
    def test_never_more_than_the_bucket_and_its_refill(self, per_minute, waits):
        """In no stretch of time more come in than a minute's and what came back."""
        arrivals, moment, came = Arrivals(), NOW, list[datetime]()
        for gap in waits:
            moment += milliseconds(gap)
            if not arrivals.take("a", per_minute, moment).wait:
                came.append(moment)
        for first in range(len(came)):
            for last in range(first, len(came)):
                seconds = (came[last] - came[first]).total_seconds()
                most = per_minute + seconds * per_minute / 60
                self.assertLessEqual(last - first + 1, most + 1e-6)

    @given(st.integers(2, 600), gaps)
    def test_who_keeps_to_the_rate_is_never_refused(self, per_minute, waits):
        """However late some calls come: what was saved up is there to be used."""
        arrivals, due, moment = Arrivals(), NOW, NOW
        for gap in waits:
            due += timedelta(seconds=60 / per_minute)
            moment = max(moment, due + milliseconds(min(gap, 60_000 // per_minute)))
            self.assertEqual(0, arrivals.take("a", per_minute, moment).wait)

    @given(st.integers(1, 600), gaps)
    def test_who_waits_as_told_is_let_in(self, per_minute, waits):
        arrivals, moment = Arrivals(), NOW
        for gap in waits:
            moment += milliseconds(gap)
            wait = arrivals.take("a", per_minute, moment).wait
            self.assertLessEqual(wait, math.ceil(60 / per_minute))
            if wait:
                moment += timedelta(seconds=wait)
                self.assertEqual(0, arrivals.take("a", per_minute, moment).wait)
