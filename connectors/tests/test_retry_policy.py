"""What is tried again by itself, and what waits for a person."""

import unittest

from hypothesis import given
from hypothesis import strategies as st

from ..errors import (
    BadPayload,
    BadSignature,
    ConnectorError,
    KeptAsTold,
    Misconfigured,
    RateLimited,
    Rejected,
    RetryLater,
    Throttled,
)
from ..retry_policy import (
    BY_ITSELF,
    MESSAGE_TRIES,
    POLICIES,
    Trouble,
    Verdict,
    Work,
    decide,
    policy_of,
    trouble_of,
)

works = st.sampled_from(Work)
troubles = st.sampled_from(Trouble)
failures = st.integers(1, 10_000)
draws = st.floats(0, 1, exclude_max=True)
hints = st.none() | st.floats(0, 1e9)


class TestDecide(unittest.TestCase):
    @given(works, troubles, failures, hints, draws)
    def test_a_person_or_a_moment(self, work, trouble, count, after, draw):
        decision = decide(work, trouble, count, after=after, draw=lambda: draw)
        if decision.verdict is Verdict.PERSON:
            self.assertEqual((None, True), (decision.wait, decision.tell))
        else:
            self.assertGreaterEqual(decision.wait, 0)

    @given(works, troubles, failures, draws)
    def test_own_schedule_is_capped(self, work, trouble, count, draw):
        decision = decide(work, trouble, count, draw=lambda: draw)
        policy = policy_of(work, trouble)
        longest = policy.schedule.cap if policy.schedule else 0
        self.assertLessEqual(decision.wait or 0, longest)
        self.assertLessEqual(longest, 3600)

    @given(works, failures, st.floats(0, 86_400), draws)
    def test_the_channels_hint_is_obeyed(self, work, count, after, draw):
        decision = decide(
            work, Trouble.RATE_LIMITED, count, after=after, draw=lambda: draw
        )
        if work not in (Work.NUMBER, Work.BATCH):
            self.assertTrue(after <= decision.wait <= after + 0.5)

    @given(troubles, failures, hints)
    def test_a_number_is_never_resent(self, trouble, count, after):
        decision = decide(Work.NUMBER, trouble, count, after=after)
        self.assertIsNot(decision.verdict, Verdict.AGAIN)

    @given(st.sampled_from([Work.MESSAGE, Work.NUMBER, Work.REPORT]), failures)
    def test_unknown_outcome_is_looked_up_or_recognised(self, work, count):
        """What may have arrived is read first, or carries an id the channel knows."""
        verdict = decide(work, Trouble.UNREACHABLE, count).verdict
        expected = Verdict.READ_BACK if work is Work.NUMBER else Verdict.AGAIN
        self.assertEqual(expected, verdict)

    @given(works, failures)
    def test_what_needs_a_person_is_never_tried_meanwhile(self, work, count):
        self.assertEqual(
            Verdict.PERSON, decide(work, Trouble.INCOMPLETE, count).verdict
        )
        self.assertEqual(
            Verdict.PERSON, decide(Work.MESSAGE, Trouble.UNREADABLE, count).verdict
        )

    @given(st.sampled_from(sorted(set(Work) - {Work.BATCH})), failures, draws)
    def test_a_lost_race_is_taken_up_at_once_and_costs_nothing(self, work, count, draw):
        decision = decide(work, Trouble.RACE, count, draw=lambda: draw)
        self.assertEqual(
            (0, False, False), (decision.wait, decision.counts, decision.tell)
        )

    @given(works, troubles, st.integers(1, 100))
    def test_who_was_told_is_told_on(self, work, trouble, count):
        """Nothing falls silent by failing once more."""
        if decide(work, trouble, count).tell:
            self.assertTrue(decide(work, trouble, count + 1).tell)

    @given(works, troubles, failures)
    def test_trouble_at_the_channel_costs_a_message_no_try(self, work, trouble, count):
        if work is Work.MESSAGE and trouble is not Trouble.BUG:
            self.assertFalse(decide(work, trouble, count).counts)

    def test_poison_is_set_aside_after_its_tries(self):
        verdicts = [decide(Work.MESSAGE, Trouble.BUG, n).verdict for n in (1, 2, 3, 4)]
        self.assertEqual(3, MESSAGE_TRIES)
        self.assertEqual([Verdict.AGAIN] * 2 + [Verdict.PERSON] * 2, verdicts)

    def test_stale_number_has_two_tries_in_a_hurry(self):
        waits = [
            decide(Work.NUMBER, Trouble.STALE, n, draw=lambda: 0.5).wait
            for n in (1, 2, 3, 4, 9)
        ]
        self.assertEqual([0, 0, 10, 20, 30], waits)

    @given(works, failures, st.floats(0, 86_400), draws)
    def test_throttled_is_no_failure(self, work, count, after, draw):
        if work is Work.BATCH:
            return
        decision = decide(
            work, Trouble.THROTTLED, count, after=after, draw=lambda: draw
        )
        self.assertEqual((False, False), (decision.counts, decision.tell))
        if work is not Work.NUMBER:
            self.assertTrue(after <= decision.wait <= after + 0.5)

    def test_people_are_told_in_time(self):
        def told(work, trouble):
            return [decide(work, trouble, n).tell for n in (1, 2, 3, 4)]

        self.assertEqual(
            [False, False, True, True], told(Work.CHANNEL, Trouble.UNREACHABLE)
        )
        self.assertEqual([True] * 4, told(Work.CHANNEL, Trouble.MISCONFIGURED))
        self.assertEqual(
            [False, False, False, True], told(Work.REPORT, Trouble.UNREACHABLE)
        )
        self.assertEqual([True] * 4, told(Work.REPORT, Trouble.REJECTED))

    def test_wrong_credentials_are_hardly_tried(self):
        waits = [
            decide(Work.CHANNEL, Trouble.MISCONFIGURED, n, draw=lambda: 0.5).wait
            for n in (1, 2, 5, 9)
        ]
        self.assertEqual([150, 300, 1800, 1800], waits)

    def test_every_policy_is_about_something_that_happens(self):
        for work, trouble in POLICIES:
            self.assertIsInstance(work, Work)
            self.assertIsNot(Trouble.INCOMPLETE, trouble)
        self.assertNotIn((Work.MESSAGE, Trouble.UNREADABLE), POLICIES)

    def test_maps_and_refusals_wait_for_a_person(self):
        self.assertFalse({"mapping", "data", "refused", "approval"} & BY_ITSELF)


class TestTroubleOf(unittest.TestCase):
    def test_each_error_is_one_trouble(self):
        for error, trouble in (
            (RateLimited("slow"), Trouble.RATE_LIMITED),
            (Throttled("soon"), Trouble.THROTTLED),
            (RetryLater("down"), Trouble.UNREACHABLE),
            (Misconfigured("key"), Trouble.MISCONFIGURED),
            (Rejected("no"), Trouble.REJECTED),
            (KeptAsTold("no"), Trouble.REJECTED),
            (BadPayload("what"), Trouble.UNREADABLE),
            (BadSignature("who"), Trouble.UNREADABLE),
            (ConnectorError("other"), Trouble.UNREACHABLE),
            (ZeroDivisionError(), Trouble.BUG),
        ):
            with self.subTest(error=type(error).__name__):
                self.assertIs(trouble, trouble_of(error))
