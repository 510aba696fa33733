"""By when an order ships, in the nights in which the clocks are changed too."""

import unittest
from datetime import UTC, datetime, timedelta, timezone
from typing import Any
from zoneinfo import ZoneInfo

from hypothesis import given
from hypothesis import strategies as st

from ..promise import promise, wall_moment
from ..window import Hours

BERLIN = ZoneInfo("Europe/Berlin")
ZONES = [
    BERLIN,
    ZoneInfo("America/New_York"),
    # Half an hour of summer time, and a change at midnight.
    ZoneInfo("Australia/Lord_Howe"),
    ZoneInfo("America/Santiago"),
    ZoneInfo("Asia/Kathmandu"),
    UTC,
]
# A year with four weeks on either side: all its clock changes.
YEAR = datetime(2026, 1, 1, tzinfo=UTC)
MOMENTS = st.integers(0, 365 * 24 * 60).map(lambda m: YEAR + timedelta(minutes=m))
CUTOFFS = st.integers(0, 24 * 60).map(lambda minutes: timedelta(minutes=minutes))


def utc(text: str) -> datetime:
    """Return an aware UTC moment."""
    return datetime.fromisoformat(text).replace(tzinfo=UTC)


def week(
    around: datetime,
    start: str = "08:00",
    end: str = "17:00",
    days: tuple[int, ...] = (0, 1, 2, 3, 4),
    off: tuple[tuple[datetime, datetime], ...] = (),
) -> Hours:
    """Return the same hours on some days of the week, over eight weeks."""
    spans = []
    for offset in range(-28, 29):
        day = (around + timedelta(days=offset)).date()
        if day.weekday() in days:
            spans.append(
                (
                    datetime.fromisoformat(f"{day}T{start}"),
                    datetime.fromisoformat(f"{day}T{end}"),
                )
            )
    return Hours(tuple(spans), off)


class TestPromise(unittest.TestCase):
    """The first day of work on which an order is in before the cut-off."""

    def check(
        self, placed: str, expected: str | None, cutoff: float = 12, **vals: Any
    ) -> None:
        at = utc(placed)
        found = promise(
            at,
            zone=BERLIN,
            cutoff=timedelta(hours=cutoff),
            hours=week(at, **vals),
            days=14,
        )
        self.assertEqual(found, expected and utc(expected))

    def test_before_the_cutoff_ships_the_same_day(self) -> None:
        self.check("2026-11-23T10:59:59.999999", "2026-11-23T16:00")

    def test_at_the_cutoff_ships_the_next_day(self) -> None:
        self.check("2026-11-23T11:00", "2026-11-24T16:00")

    def test_before_anybody_works_ships_the_same_day(self) -> None:
        self.check("2026-11-22T23:00", "2026-11-23T16:00")

    def test_day_is_that_of_the_zone(self) -> None:
        """Half past eleven at night in UTC is Monday in Berlin."""
        self.check("2026-11-22T23:30", "2026-11-23T16:00")
        self.check("2026-11-20T11:00", "2026-11-23T16:00")

    def test_weekend_is_passed_over(self) -> None:
        self.check("2026-11-21T08:00", "2026-11-23T16:00")

    def test_day_off_is_passed_over(self) -> None:
        off = ((utc("2026-11-22T23:00"), utc("2026-11-23T23:00")),)
        self.check("2026-11-21T08:00", "2026-11-24T16:00", off=off)

    def test_half_day_off_ends_the_day_earlier(self) -> None:
        off = ((utc("2026-11-23T12:00"), utc("2026-11-23T23:00")),)
        self.check("2026-11-23T08:00", "2026-11-23T12:00", off=off)

    def test_pause_does_not_end_the_day(self) -> None:
        off = (
            (utc("2026-11-23T11:00"), utc("2026-11-23T12:00")),
            (utc("2026-11-23T13:00"), utc("2026-11-23T14:00")),
        )
        self.check("2026-11-23T08:00", "2026-11-23T16:00", off=off)

    def test_cutoff_after_work_promises_nothing_past(self) -> None:
        self.check("2026-11-23T15:59", "2026-11-23T16:00", cutoff=20)
        self.check("2026-11-23T16:00", "2026-11-24T16:00", cutoff=20)

    def test_cutoff_at_midnight_ships_the_next_day(self) -> None:
        self.check("2026-11-22T23:00", "2026-11-24T16:00", cutoff=0)

    def test_cutoff_at_the_end_of_the_day_ships_the_same_day(self) -> None:
        night = {"start": "22:00", "end": "23:00"}
        self.check("2026-11-23T21:59", "2026-11-23T22:00", cutoff=24, **night)

    def test_nobody_works(self) -> None:
        self.check("2026-11-23T08:00", None, days=())

    def test_days_beyond_those_looked_at_do_not_count(self) -> None:
        at = utc("2026-11-21T08:00")
        found = [
            promise(
                at,
                zone=BERLIN,
                cutoff=timedelta(hours=12),
                hours=week(at),
                days=days,
            )
            for days in (1, 2)
        ]
        self.assertEqual(found, [None, utc("2026-11-23T16:00")])

    def test_answer_is_in_the_offset_of_the_question(self) -> None:
        zone = timezone(timedelta(hours=-5))
        at = utc("2026-11-23T08:00")
        found = promise(
            at.astimezone(zone),
            zone=BERLIN,
            cutoff=timedelta(hours=12),
            hours=week(at),
            days=14,
        )
        assert found is not None
        self.assertEqual(found.isoformat(), "2026-11-23T11:00:00-05:00")

    # ----------------------------------------------------------- clock changes

    def test_hours_follow_the_wall_into_summer(self) -> None:
        """The last Friday of winter ends at 16:00 UTC, the first Monday at 15:00."""
        self.check("2026-03-27T10:30", "2026-03-27T16:00")
        self.check("2026-03-27T11:30", "2026-03-30T15:00")
        self.check("2026-03-30T09:59", "2026-03-30T15:00")
        self.check("2026-03-30T10:00", "2026-03-31T15:00")

    def test_hours_follow_the_wall_into_winter(self) -> None:
        self.check("2026-10-23T10:00", "2026-10-26T16:00")
        self.check("2026-10-26T10:59", "2026-10-26T16:00")
        self.check("2026-10-26T11:00", "2026-10-27T16:00")

    def test_cutoff_in_the_hour_that_never_comes(self) -> None:
        """At two the clock shows three: from then on it is after half past two."""
        days: dict[str, Any] = {"days": tuple(range(7)), "cutoff": 2.5}
        self.check("2026-03-29T00:59:59", "2026-03-29T15:00", **days)
        self.check("2026-03-29T01:00", "2026-03-30T15:00", **days)

    def test_cutoff_in_the_hour_that_comes_twice(self) -> None:
        """It is the second half past two that counts, at 01:30 UTC."""
        days: dict[str, Any] = {"days": tuple(range(7)), "cutoff": 2.5}
        self.check("2026-10-25T00:45", "2026-10-25T16:00", **days)
        self.check("2026-10-25T01:29:59", "2026-10-25T16:00", **days)
        self.check("2026-10-25T01:30", "2026-10-26T16:00", **days)

    def test_work_that_ends_in_a_changed_hour(self) -> None:
        night: dict[str, Any] = {
            "days": tuple(range(7)),
            "start": "00:00",
            "end": "02:30",
            "cutoff": 1,
        }
        self.check("2026-10-24T22:30", "2026-10-25T01:30", **night)
        self.check("2026-03-28T23:30", "2026-03-29T01:00", **night)


class TestWallMoment(unittest.TestCase):
    """One moment for each time on the wall."""

    def test_moments(self) -> None:
        for text, expected in {
            "2026-11-23T12:00": "2026-11-23T11:00",
            "2026-07-01T12:00": "2026-07-01T10:00",
            "2026-10-25T01:59": "2026-10-24T23:59",
            "2026-10-25T02:00": "2026-10-25T01:00",
            "2026-10-25T03:00": "2026-10-25T02:00",
            "2026-03-29T01:59": "2026-03-29T00:59",
            "2026-03-29T02:00": "2026-03-29T01:00",
            "2026-03-29T02:59": "2026-03-29T01:00",
            "2026-03-29T03:00": "2026-03-29T01:00",
        }.items():
            with self.subTest(wall=text):
                found = wall_moment(datetime.fromisoformat(text), BERLIN)
                self.assertEqual(found, utc(expected))

    def test_a_day_that_never_was(self) -> None:
        """Samoa went from the 29th to the 31st of December 2011."""
        found = wall_moment(
            datetime.fromisoformat("2011-12-30T12:00"), ZoneInfo("Pacific/Apia")
        )
        self.assertEqual(found, utc("2011-12-30T10:00"))

    @given(MOMENTS, st.sampled_from(ZONES))
    def test_clock_shows_it_then_and_never_later(
        self, moment: datetime, zone: ZoneInfo
    ) -> None:
        wall = moment.astimezone(zone).replace(tzinfo=None)
        found = wall_moment(wall, zone)
        self.assertEqual(found.astimezone(zone).replace(tzinfo=None), wall)
        self.assertIn(
            found - moment,
            (timedelta(0), timedelta(minutes=30), timedelta(hours=1)),
        )

    @given(MOMENTS, st.integers(1, 600), st.sampled_from(ZONES))
    def test_later_on_the_wall_is_never_earlier(
        self, moment: datetime, minutes: int, zone: ZoneInfo
    ) -> None:
        wall = moment.replace(tzinfo=None)
        later = wall_moment(wall + timedelta(minutes=minutes), zone)
        self.assertLessEqual(wall_moment(wall, zone), later)


class TestPromiseProperties(unittest.TestCase):
    """What holds for every order, cut-off and zone."""

    @given(MOMENTS, CUTOFFS, st.sampled_from(ZONES))
    def test_promise_is_an_end_of_work_to_come(
        self, at: datetime, cutoff: timedelta, zone: ZoneInfo
    ) -> None:
        found = promise(at, zone=zone, cutoff=cutoff, hours=week(at), days=14)
        assert found is not None
        self.assertGreater(found, at)
        local = found.astimezone(zone)
        self.assertLess(local.weekday(), 5)
        self.assertEqual((local.hour, local.minute), (17, 0))

    @given(MOMENTS, st.integers(0, 10_000), CUTOFFS, st.sampled_from(ZONES))
    def test_who_orders_later_is_never_promised_earlier(
        self, at: datetime, minutes: int, cutoff: timedelta, zone: ZoneInfo
    ) -> None:
        hours = week(at)
        later = at + timedelta(minutes=minutes)
        first, second = (
            promise(moment, zone=zone, cutoff=cutoff, hours=hours, days=14)
            for moment in (at, later)
        )
        assert first is not None
        assert second is not None
        self.assertLessEqual(first, second)

    @given(MOMENTS, CUTOFFS, CUTOFFS, st.sampled_from(ZONES))
    def test_later_cutoff_never_promises_later(
        self, at: datetime, one: timedelta, other: timedelta, zone: ZoneInfo
    ) -> None:
        early, late = (
            promise(at, zone=zone, cutoff=cutoff, hours=week(at), days=14)
            for cutoff in sorted((one, other))
        )
        assert early is not None
        assert late is not None
        self.assertGreaterEqual(early, late)

    @given(MOMENTS, CUTOFFS, st.integers(1, 5_000), st.integers(1, 5_000))
    def test_time_off_never_promises_earlier_days(
        self, at: datetime, cutoff: timedelta, wait: int, length: int
    ) -> None:
        start = at + timedelta(minutes=wait)
        off = ((start, start + timedelta(minutes=length)),)
        free = promise(at, zone=BERLIN, cutoff=cutoff, hours=week(at), days=14)
        less = promise(at, zone=BERLIN, cutoff=cutoff, hours=week(at, off=off), days=14)
        assert free is not None
        assert less is not None
        self.assertLessEqual(
            free.astimezone(BERLIN).date(), less.astimezone(BERLIN).date()
        )
        self.assertFalse(start < less < start + timedelta(minutes=length))
