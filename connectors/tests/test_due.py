"""By when somebody is to have acted."""

import unittest
from datetime import UTC, date, datetime, time, timedelta
from zoneinfo import ZoneInfo

from hypothesis import given
from hypothesis import strategies as st

from ..due import due, work_spans
from ..window import Hours

BRUSSELS = ZoneInfo("Europe/Brussels")
NEW_YORK = ZoneInfo("America/New_York")
HOUR = timedelta(hours=1)


def week_days(first, days, spans, weekdays=range(5)):
    """Return the wall hours of these days."""
    return tuple(
        (
            datetime.combine(day, time.min) + start * HOUR,
            datetime.combine(day, time.min) + end * HOUR,
        )
        for day in (first + timedelta(days=n) for n in range(days))
        if day.weekday() in weekdays
        for start, end in spans
    )


OFFICE = week_days(date(2026, 11, 16), 28, [(9, 12), (13, 17)])


def at(day, hour, zone=BRUSSELS, month=11):
    return datetime(2026, month, day, hour, tzinfo=zone)


def wall(day, start, end, month=11):
    """Return hours on the wall."""
    return tuple(
        at(day, hour, month=month).replace(tzinfo=None) for hour in (start, end)
    )


class TestDue(unittest.TestCase):
    def due(self, opened, to_act, zone=BRUSSELS, off=(), hours=OFFICE):
        return due(opened, to_act * HOUR, zone=zone, hours=Hours(hours, off))

    def test_within_a_morning(self):
        self.assertEqual(at(18, 11), self.due(at(18, 9), 2))

    def test_lunch_is_no_work(self):
        self.assertEqual(at(18, 14), self.due(at(18, 11), 2))

    def test_opened_on_friday_evening_is_due_on_monday(self):
        self.assertEqual(at(23, 11), self.due(at(20, 18), 2))

    def test_opened_at_night_counts_from_the_morning(self):
        self.assertEqual(at(18, 11), self.due(at(18, 3), 2))

    def test_ends_with_the_day_and_not_with_the_next_one(self):
        self.assertEqual(at(18, 17), self.due(at(18, 15), 2))

    def test_day_off_is_skipped(self):
        off = ((at(19, 0), at(20, 0)),)
        self.assertEqual(at(20, 10), self.due(at(18, 16), 2, off=off))

    def test_afternoon_off_is_skipped(self):
        off = ((at(18, 14), at(18, 16)),)
        self.assertEqual(at(18, 17), self.due(at(18, 13), 2, off=off))

    def test_zone_of_the_channel_counts(self):
        """Nine in the evening in Brussels is three in the afternoon in New York."""
        opened = at(18, 21)
        self.assertEqual(at(18, 17, zone=NEW_YORK), self.due(opened, 2, zone=NEW_YORK))
        self.assertEqual(at(19, 11), self.due(opened, 2))

    def test_hours_beyond_what_is_known(self):
        self.assertIsNone(self.due(at(18, 9), 1000))
        self.assertIsNone(self.due(at(18, 9), 1, hours=()))

    def test_nothing_to_wait_for_is_due_when_work_begins(self):
        self.assertEqual(at(18, 10), self.due(at(18, 10), 0))
        self.assertEqual(at(19, 9), self.due(at(18, 20), 0))

    def test_night_in_which_the_clocks_go_back_lasts_an_hour_longer(self):
        nights = (wall(25, 0, 6, month=10), wall(26, 0, 6, month=10))
        opened = at(25, 0, month=10)
        self.assertEqual(
            at(25, 6, month=10).astimezone(UTC), self.due(opened, 7, hours=nights)
        )

    def test_overlapping_attendances_count_once(self):
        twice = (wall(18, 9, 12),) * 2
        self.assertIsNone(self.due(at(18, 9), 4, hours=twice))
        self.assertEqual(at(18, 12), self.due(at(18, 9), 3, hours=twice))

    @given(
        st.datetimes(wall(16, 0, 0)[0], wall(20, 0, 0)[0]),
        st.integers(0, 60 * 40),
        st.sampled_from([UTC, BRUSSELS, NEW_YORK]),
    )
    def test_just_so_much_work_lies_before_it(self, opened, minutes, zone):
        opened = opened.replace(tzinfo=UTC)
        hours = Hours(OFFICE, ((at(19, 10), at(19, 15)),))
        found = due(opened, timedelta(minutes=minutes), zone=zone, hours=hours)
        worked = sum(
            (
                max(min(end, found) - max(start, opened), timedelta(0))
                for start, end in work_spans(hours, zone)
            ),
            timedelta(0),
        )
        self.assertEqual(timedelta(minutes=minutes), worked)
        self.assertGreaterEqual(found, opened)

    @given(st.integers(0, 1000), st.integers(0, 1000))
    def test_more_time_is_never_due_earlier(self, one, other):
        few, many = sorted((one, other))
        first, second = (
            due(at(17, 12), timedelta(minutes=m), zone=BRUSSELS, hours=Hours(OFFICE))
            for m in (few, many)
        )
        self.assertLessEqual(first, second)
