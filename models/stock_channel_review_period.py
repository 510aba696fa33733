from datetime import timedelta

from odoo import api, models

# Local hour from which on a day's reviews are made.
REVIEW_HOUR = 5
# Days that are made up for after the server stood still.
CATCH_UP = timedelta(days=31)
DAY = timedelta(days=1)


class StockChannelReviewPeriod(models.Model):
    """Which reviews are due, by the company's clock and calendar.

    The daily one is made on each working day and covers the days since the last
    one, so Monday's covers the weekend. The weekly and the monthly one are made on
    the first working day of a week or month and cover the one before.
    """

    _inherit = "stock.channel.review"

    @api.model
    def _make(self, company):
        """Make the reviews of a company that are due and not there.

        :return: those made.
        """
        local = company._channel_local(self.env.cr.now())
        today = local.date() if local.hour >= REVIEW_HOUR else local.date() - DAY
        made = self.browse()
        for kind in ("daily", "weekly", "monthly"):
            for day in self._due_days(company, kind, today):
                made |= self.create(self._prepare(company, kind, day))
        return made

    def _last(self, company, kind):
        return self.search(
            [("company_id", "=", company.id), ("kind", "=", kind)],
            order="day desc",
            limit=1,
        )

    def _due_days(self, company, kind, today):
        """Return the days up to today for which a review of this kind is missing.

        What the server slept through is made up for, and is missed at once: that
        nobody looked is to be seen.
        """
        last = self._last(company, kind)
        first = max(last.day + DAY, today - CATCH_UP) if last else today
        if first > today:
            return []
        # From the start of the month on: which day is the first of it?
        start = min(first.replace(day=1), first - timedelta(days=first.weekday()))
        days = company._channel_working_days(start, today)
        if kind != "daily":
            days = self._first_of_each(kind, days)
        return [day for day in days if day >= first]

    def _first_of_each(self, kind, days):
        """Return the first working day of each week or month."""
        first = {}
        for day in days:
            first.setdefault(self._begin_of(kind, day), day)
        return list(first.values())

    def _begin_of(self, kind, day):
        """Return the first day of the week or month that a day is in."""
        if kind == "weekly":
            return day - timedelta(days=day.weekday())
        return day.replace(day=1)

    def _end_of(self, kind, day):
        """Return the day after the period in which it is to be signed."""
        if kind == "daily":
            return day + DAY
        if kind == "weekly":
            return self._begin_of(kind, day) + timedelta(days=7)
        return (day.replace(day=1) + timedelta(days=32)).replace(day=1)

    def _prepare(self, company, kind, day):
        """Return the values of the review that is made on ``day``."""
        last = self._last(company, kind)
        if kind == "daily":
            until, begin = day - DAY, day - DAY
        else:
            until = self._begin_of(kind, day) - DAY
            begin = self._begin_of(kind, until)
        if last and last.period_to < until:
            begin = last.period_to + DAY
        return {
            "company_id": company.id,
            "kind": kind,
            "day": day,
            "period_from": begin,
            "period_to": until,
            "start_at": company._channel_midnight(begin),
            "end_at": company._channel_midnight(until + DAY),
            "due_at": company._channel_midnight(self._end_of(kind, day)),
        }
