from datetime import datetime, time, timedelta

import pytz

from odoo import models

from .stock_channel_poll import as_aware, as_naive

# Days read around a moment beyond those asked for.
MARGIN = timedelta(days=2)
# Without a calendar that says when people work: Monday to Friday.
WORK_WEEK = range(5)


class ResCompany(models.Model):
    """The company's own days: its clock on the wall and when somebody works."""

    _inherit = "res.company"

    def _channel_zone(self):
        """Return the time zone of the company's working hours."""
        self.ensure_one()
        calendar = self.resource_calendar_id
        return pytz.timezone(calendar.tz or self.partner_id.tz or "UTC")

    def _channel_local(self, moment):
        """Return a moment, naive UTC, as this company's clocks show it."""
        return as_aware(moment).astimezone(self._channel_zone())

    def _channel_midnight(self, day):
        """Return when a day begins here, naive UTC.

        A day has 23 or 25 hours where the clocks are changed.
        """
        zone = self._channel_zone()
        start = zone.normalize(zone.localize(datetime.combine(day, time.min)))
        return as_naive(start)

    def _channel_working_days(self, first, last):
        """Return the days from ``first`` to ``last`` on which somebody works.

        A day off counts when it covers all hours of that day.
        """
        self.ensure_one()
        days = [first + timedelta(days=n) for n in range((last - first).days + 1)]
        calendar = self.resource_calendar_id
        if not calendar or calendar.flexible_hours or not calendar.attendance_ids:
            days = [day for day in days if day.weekday() in WORK_WEEK]
        if not calendar or not days:
            return days
        hours = self._channel_hours(first, last)
        if calendar.flexible_hours or not calendar.attendance_ids:
            return [day for day in days if not self._is_channel_day_off(day, hours)]
        return [day for day in days if self._has_channel_hours(day, hours)]

    def _channel_hours(self, first, last):
        middle = datetime.combine(first + (last - first) / 2, time(12))
        return self.resource_calendar_id._read_hours(
            self._channel_zone(), self, middle, reach=(last - first) / 2 + MARGIN
        )

    def _has_channel_hours(self, day, hours):
        """Return whether an hour of this day is worked and not off."""
        zone = self._channel_zone()
        for start, end in hours.wall:
            if start.date() != day:
                continue
            begins, ends = (zone.localize(wall) for wall in (start, end))
            if not self._is_covered(begins, ends, hours.off):
                return True
        return False

    def _is_channel_day_off(self, day, hours):
        begins = as_aware(self._channel_midnight(day))
        ends = as_aware(self._channel_midnight(day + timedelta(days=1)))
        return self._is_covered(begins, ends - timedelta(seconds=1), hours.off)

    def _is_covered(self, begins, ends, spans):
        """Return whether time off covers everything between two moments."""
        reached = begins
        for start, end in sorted(spans):
            if start <= reached < end:
                reached = end
        return reached >= ends
