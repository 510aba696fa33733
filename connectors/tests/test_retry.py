"""The retry schedule: the channel's word first, then bounded, jittered growth."""

import unittest

from hypothesis import given
from hypothesis import strategies as st

from ..retry import RetrySchedule

draws = st.floats(0, 1, exclude_max=True)
schedules = st.builds(
    RetrySchedule,
    base=st.floats(0.001, 100),
    cap=st.floats(0.001, 10_000),
    longest_hint=st.floats(1, 100_000),
)


class TestRetrySchedule(unittest.TestCase):
    @given(schedules, st.integers(0, 10_000), draws)
    def test_own_delay_is_within_its_limit(self, schedule, failures, draw):
        delay = schedule.delay(failures, draw=lambda: draw)
        self.assertTrue(0 <= delay <= schedule.limit(failures) <= schedule.cap)

    @given(schedules, st.integers(0, 10_000))
    def test_limit_doubles_up_to_the_cap(self, schedule, failures):
        here, following = schedule.limit(failures), schedule.limit(failures + 1)
        self.assertGreaterEqual(following, here)
        if 1 <= failures <= 60:
            self.assertEqual(min(schedule.cap, here * 2), following)

    @given(schedules, st.integers(0, 100), st.floats(0, 1e9), draws)
    def test_hint_is_kept_to_within_a_second(self, schedule, failures, hint, draw):
        delay = schedule.delay(failures, after=hint, draw=lambda: draw)
        asked = min(hint, schedule.longest_hint)
        self.assertTrue(asked <= delay <= asked + 0.5)

    def test_full_jitter_uses_the_whole_range(self):
        schedule = RetrySchedule(base=8, cap=100)
        self.assertEqual(0, schedule.delay(3, draw=lambda: 0.0))
        self.assertEqual(16, schedule.delay(3, draw=lambda: 0.5))
        self.assertEqual([8, 16, 32, 64, 100], [schedule.limit(n) for n in range(1, 6)])

    def test_hint_of_zero_is_a_hint(self):
        self.assertEqual(0.125, RetrySchedule().delay(9, after=0, draw=lambda: 0.25))
        self.assertEqual(0.125, RetrySchedule().delay(9, after=-5, draw=lambda: 0.25))

    def test_drawn_by_default(self):
        drawn = {RetrySchedule(base=1_000).delay(1) for _ in range(5)}
        self.assertEqual(5, len(drawn))

    def test_exhaustion(self):
        schedule = RetrySchedule(attempts=3)
        self.assertEqual(
            [False, False, True, True], [schedule.exhausted(n) for n in (1, 2, 3, 4)]
        )
