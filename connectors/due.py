"""By when somebody is to have acted: so many hours of work from now. Pure.

Hours of work are those the clock on the wall shows; they are counted as they really
pass. A night shift in which the clocks go back lasts an hour longer, and whoever works
it has that hour too.
"""

from __future__ import annotations

from datetime import datetime, timedelta, tzinfo

from .promise import wall_moment
from .window import Hours, Span


def work_spans(hours: Hours, zone: tzinfo) -> list[Span]:
    """Return when somebody works, as aware moments that do not overlap, in order."""
    spans: list[Span] = []
    for wall_start, wall_end in sorted(hours.wall):
        start, end = wall_moment(wall_start, zone), wall_moment(wall_end, zone)
        if spans:
            start = max(start, spans[-1][1])
        for off_start, off_end in sorted(hours.off):
            if off_start < end and off_end > start:
                if off_start > start:
                    spans.append((start, off_start))
                start = max(start, off_end)
        if start < end:
            spans.append((start, end))
    return spans


def due(
    opened_at: datetime, hours_to_act: timedelta, *, zone: tzinfo, hours: Hours
) -> datetime | None:
    """Return the moment at which so much working time has passed.

    :param datetime opened_at: aware.
    :param timedelta hours_to_act: working time somebody has for it.
    :param Hours hours: known from ``opened_at`` on, as far as is looked.
    :return: an aware moment in the offset of ``opened_at``, never before it; None when
        nobody works for so long within these hours.
    """
    left = hours_to_act
    for start, end in work_spans(hours, zone):
        begin = max(start, opened_at)
        if begin >= end:
            continue
        if left <= end - begin:
            return (begin + left).astimezone(opened_at.tzinfo)
        left -= end - begin
    return None
