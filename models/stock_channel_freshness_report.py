from datetime import timedelta

from odoo import fields, models

from .stock_channel_freshness import DIRECTIONS, hour_of

# A duration is told in the largest two of these, by seconds.
LONG_UNITS = [("d", 86_400), ("h", 3600), ("min", 60), ("s", 1)]


def plain_duration(seconds):
    """Return seconds as people say them: 850 ms, 2.3 s, 4 min 10 s, 3 h 5 min."""
    if seconds < 0.9995:
        return f"{seconds * 1000:.0f} ms"
    if seconds < 59.95:
        return f"{seconds:.1f} s"
    rest = round(seconds)
    for (unit, size), (minor, minor_size) in zip(
        LONG_UNITS, LONG_UNITS[1:], strict=False
    ):
        if rest >= size:
            small = rest % size // minor_size
            return f"{rest // size} {unit}" + (f" {small} {minor}" if small else "")
    return f"{rest} s"


class StockChannelFreshnessReport(models.Model):
    """What a channel's freshness is, for people to see."""

    _inherit = "stock.channel"

    freshness_html = fields.Html(
        "Freshness",
        compute="_compute_freshness_html",
        compute_sudo=True,
        help="Seconds from the stock change to the channel's acknowledgement. The hour "
        "is the present hour and the one before it, the day is the present hour and "
        "the 24 before it. p50 and p95 are off by less than 5 percent, the longest "
        "is exact. Rises include first numbers and the time rises were held back.",
    )
    fall_p95_day = fields.Char(
        "Falls p95",
        compute="_compute_fall_p95_day",
        compute_sudo=True,
        help="95 of 100 falls were acknowledged within this time after the stock "
        "change, in the present hour and the 24 before it.",
    )

    def _freshness(self, now):
        """Return how long this channel's acknowledgements took.

        Whole hours are counted: "hour" is the present hour and the one before it,
        "day" the present hour and the 24 before it.

        :param datetime now: naive UTC.
        :return: {"fall" / "rise": {"last": seconds or None, "last_at": datetime or
            None, "hour" / "day": {"count", "p50", "p95", "max"}}}; p50 to max are
            seconds, None when there was nothing to count.
        """
        self.ensure_one()
        present = hour_of(now)
        rows = self.env["stock.channel.freshness"].search(
            [
                ("channel_id", "=", self.id),
                ("hour", "<=", present),
                ("hour", ">=", present - timedelta(hours=24)),
            ]
        )
        report = {}
        for direction, _label in DIRECTIONS:
            day = rows.filtered(lambda row, kind=direction: row.direction == kind)
            hour = day.filtered(lambda row: row.hour >= present - timedelta(hours=1))
            last = day[:1] or self._last_freshness(direction, present)
            report[direction] = {
                "last": last.last if last else None,
                "last_at": last.last_at if last else None,
                "hour": span(hour._histogram()),
                "day": span(day._histogram()),
            }
        return report

    def _last_freshness(self, direction, present):
        return self.env["stock.channel.freshness"].search(
            [
                ("channel_id", "=", self.id),
                ("direction", "=", direction),
                ("hour", "<=", present),
            ],
            order="hour desc",
            limit=1,
        )

    def _compute_freshness_html(self):
        now = self.env.cr.now()
        for channel in self:
            report = channel._freshness(now)
            channel.freshness_html = self.env["ir.qweb"]._render(
                "stock_channel_hub.channel_freshness",
                {
                    "lines": [
                        {"direction": direction, **report[direction]}
                        for direction, _label in DIRECTIONS
                        if report[direction]["last_at"]
                    ],
                    "told": plain_duration,
                },
            )

    def _compute_fall_p95_day(self):
        present = hour_of(self.env.cr.now())
        by_channel = dict(
            self.env["stock.channel.freshness"]._read_group(
                [
                    ("channel_id", "in", self.ids),
                    ("direction", "=", "fall"),
                    ("hour", "<=", present),
                    ("hour", ">=", present - timedelta(hours=24)),
                ],
                ["channel_id"],
                ["id:recordset"],
            )
        )
        for channel in self:
            rows = by_channel.get(channel)
            p95 = rows._histogram().percentile(95) if rows else None
            channel.fall_p95_day = False if p95 is None else plain_duration(p95)


def span(histogram):
    """Return what is told of one span of time."""
    return {
        "count": histogram.count,
        "p50": histogram.percentile(50),
        "p95": histogram.percentile(95),
        "max": histogram.maximum if histogram.count else None,
    }
