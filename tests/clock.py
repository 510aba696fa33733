"""A clock that stands still: what tests of windows, fences and retries start from."""

from datetime import datetime, timedelta

from freezegun import freeze_time

from .common import HubCase

# A Monday at noon UTC, one o'clock in Brussels.
NOON = datetime(2026, 11, 23, 12)  # noqa: DTZ001 - naive UTC, as Odoo stores times


class ClockCase(HubCase):
    """Python, the jobs' cursors and the test's own one show the same time.

    PostgreSQL's clock goes on as ever: a test never compares with what it wrote.
    """

    def setUp(self):
        freezer = freeze_time(NOON)
        self.clock = freezer.start()
        self.addCleanup(freezer.stop)
        self.addCleanup(setattr, self.env.cr, "_now", None)
        self.env.cr._now = NOON
        super().setUp()

    def go_to(self, moment):
        """Move to a moment, naive UTC."""
        self.clock.move_to(moment)
        self.env.cr._now = datetime.now()  # noqa: DTZ005 - naive UTC

    def pass_time(self, seconds=1):
        self.clock.tick(timedelta(seconds=seconds))
        self.env.cr._now = datetime.now()  # noqa: DTZ005 - naive UTC
