"""Holds by the clock on the wall, in the nights in which it is changed too."""

import unittest
from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

from ..window import Hold, Hours, until_midnight

BERLIN = ZoneInfo("Europe/Berlin")


def utc(text: str) -> datetime:
    """Return an aware UTC moment."""
    return datetime.fromisoformat(text).replace(tzinfo=UTC)


def daily(day: str, *hours: tuple[str, str]) -> Hours:
    """Return hours that repeat every day of the four weeks around ``day``."""
    middle = datetime.fromisoformat(day)
    spans = []
    for offset in range(-14, 15):
        date = (middle + timedelta(days=offset)).date()
        for start, end in hours:
            spans.append(
                (
                    datetime.fromisoformat(f"{date}T{start}"),
                    until_midnight(datetime.fromisoformat(f"{date}T{end}")),
                )
            )
    return Hours(tuple(spans))


class TestHold(unittest.TestCase):
    """What is held when, and when it is let out."""

    def test_nothing_set_holds_nothing(self) -> None:
        hold = Hold(zone=BERLIN)
        now = utc("2026-11-21T12:00")
        self.assertFalse(hold.holds(now))
        self.assertEqual(hold.opens_at(now), now)
        self.assertIsNone(hold.open_since(now))

    def test_window_is_half_open(self) -> None:
        hold = Hold(zone=BERLIN, publish=daily("2026-11-21", ("08:00", "18:00")))
        self.assertTrue(hold.holds(utc("2026-11-21T06:59:59.999999")))
        self.assertFalse(hold.holds(utc("2026-11-21T07:00")))
        self.assertFalse(hold.holds(utc("2026-11-21T16:59:59")))
        self.assertTrue(hold.holds(utc("2026-11-21T17:00")))
        self.assertEqual(
            hold.opens_at(utc("2026-11-21T17:00")), utc("2026-11-22T07:00")
        )
        self.assertEqual(
            hold.open_since(utc("2026-11-21T12:00")), utc("2026-11-21T07:00")
        )
        self.assertEqual(
            hold.open_since(utc("2026-11-21T23:00")), utc("2026-11-21T07:00")
        )

    def test_freeze_over_midnight_is_one(self) -> None:
        freeze = daily("2026-11-21", ("22:00", "23:59:59.999999"), ("00:00", "02:00"))
        hold = Hold(zone=BERLIN, freezes=(freeze,))
        self.assertFalse(hold.holds(utc("2026-11-21T20:59")))
        for moment in ("T21:00", "T22:59:59.999999", "T23:00"):
            self.assertTrue(hold.holds(utc(f"2026-11-21{moment}")))
        self.assertEqual(
            hold.opens_at(utc("2026-11-21T21:00")), utc("2026-11-22T01:00")
        )
        self.assertEqual(
            hold.open_since(utc("2026-11-22T05:00")), utc("2026-11-22T01:00")
        )

    def test_time_off_lifts_a_freeze_and_closes_a_window(self) -> None:
        hours = daily("2026-11-21", ("08:00", "18:00"))
        off = Hours(hours.wall, ((utc("2026-11-21T09:00"), utc("2026-11-21T10:00")),))
        now = utc("2026-11-21T09:30")
        self.assertFalse(Hold(zone=BERLIN, freezes=(off,)).holds(now))
        window = Hold(zone=BERLIN, publish=off)
        self.assertTrue(window.holds(now))
        self.assertEqual(window.opens_at(now), utc("2026-11-21T10:00"))
        self.assertEqual(
            window.open_since(utc("2026-11-21T11:00")), utc("2026-11-21T10:00")
        )

    def test_count_ends_by_itself(self) -> None:
        hold = Hold(zone=BERLIN, frozen_until=utc("2026-11-21T12:00"))
        self.assertTrue(hold.holds(utc("2026-11-21T11:59:59")))
        self.assertFalse(hold.holds(utc("2026-11-21T12:00")))
        self.assertEqual(
            hold.opens_at(utc("2026-11-21T11:00")), utc("2026-11-21T12:00")
        )
        self.assertEqual(
            hold.open_since(utc("2026-11-21T13:00")), utc("2026-11-21T12:00")
        )

    def test_spring_skips_the_hour(self) -> None:
        """On 2026-03-29 the clock goes from 02:00 to 03:00, at 01:00 UTC."""
        freeze = Hold(zone=BERLIN, freezes=(daily("2026-03-29", ("02:00", "03:00")),))
        self.assertFalse(freeze.holds(utc("2026-03-29T00:59:59")))
        self.assertFalse(freeze.holds(utc("2026-03-29T01:00")))
        window = Hold(zone=BERLIN, publish=daily("2026-03-29", ("02:30", "05:00")))
        now = utc("2026-03-29T00:30")
        self.assertTrue(window.holds(now))
        self.assertEqual(window.opens_at(now), utc("2026-03-29T01:00"))
        self.assertEqual(
            window.open_since(utc("2026-03-29T02:00")), utc("2026-03-29T01:00")
        )
        self.assertEqual(
            window.opens_at(utc("2026-03-29T03:00")), utc("2026-03-30T00:30")
        )

    def test_autumn_repeats_the_hour(self) -> None:
        """On 2026-10-25 02:00 to 03:00 comes twice, the clock goes back at 01:00 UTC."""
        hold = Hold(zone=BERLIN, freezes=(daily("2026-10-25", ("02:15", "02:45")),))
        held = [
            hold.holds(utc(f"2026-10-25T{text}"))
            for text in ("00:14", "00:15", "00:45", "01:00", "01:15", "01:44", "01:45")
        ]
        self.assertEqual(held, [False, True, False, False, True, True, False])
        self.assertEqual(
            hold.opens_at(utc("2026-10-25T00:20")), utc("2026-10-25T00:45")
        )
        self.assertEqual(
            hold.open_since(utc("2026-10-25T01:05")), utc("2026-10-25T00:45")
        )
        self.assertEqual(
            hold.open_since(utc("2026-10-25T03:00")), utc("2026-10-25T01:45")
        )
        whole = Hold(zone=BERLIN, freezes=(daily("2026-10-25", ("01:00", "04:00")),))
        self.assertEqual(
            whole.opens_at(utc("2026-10-24T23:00")), utc("2026-10-25T03:00")
        )

    def test_never_within_the_horizon(self) -> None:
        hold = Hold(zone=BERLIN, publish=Hours(()))
        self.assertIsNone(hold.opens_at(utc("2026-11-21T12:00")))
        self.assertIsNone(hold.open_since(utc("2026-11-21T12:00")))


class TestUntilMidnight(unittest.TestCase):
    """Calendars write midnight as the last moment of the day."""

    def test_last_moment_becomes_midnight(self) -> None:
        self.assertEqual(
            until_midnight(datetime(2026, 11, 21, 23, 59, 59, 999999)),  # noqa: DTZ001
            datetime(2026, 11, 22),  # noqa: DTZ001
        )

    def test_anything_else_stays(self) -> None:
        for text in ("2026-11-21T23:59:59", "2026-11-21T00:00", "2026-11-21T12:30"):
            moment = datetime.fromisoformat(text)
            self.assertEqual(until_midnight(moment), moment)
