"""One transaction in which background workers may commit as they always do."""

from contextlib import contextmanager
from datetime import UTC, datetime, timedelta

from odoo import SUPERUSER_ID, api
from odoo.sql_db import BaseCursor, Savepoint

QUIET = {
    "tracking_disable": True,
    "no_reset_password": True,
    "mail_notrack": True,
    "mail_activity_quick_update": True,
}


class DemoCursor(BaseCursor):
    """Makes savepoints of the commits of whatever runs on it.

    Demo data are loaded inside Odoo's own transaction of an installation, which is kept
    or thrown away as a whole. The hub's workers commit each step, and what fails rolls
    back to the step before. Nothing that waits for a commit runs: no job is woken, no
    mail is sent. What moves a channel's calls to a shop in memory is on this cursor, so
    no request, whatever its context, can have them moved.

    :param cursor: the cursor of the installation.
    """

    def __init__(self, cursor):
        super().__init__()
        self._cursor = cursor
        self._step = None
        self.readonly = False
        self.shops = {}
        self._ago = timedelta()
        cursor.flush()

    def __getattr__(self, name):
        return getattr(self._cursor, name)

    def execute(self, query, params=None, log_exceptions=True):
        if self._step is None:
            self._step = Savepoint(self._cursor)
        return self._cursor.execute(query, params, log_exceptions=log_exceptions)

    def dictfetchone(self):
        return self._cursor.dictfetchone()

    def dictfetchmany(self, size):
        return self._cursor.dictfetchmany(size)

    def dictfetchall(self):
        return self._cursor.dictfetchall()

    def commit(self):
        self.flush()
        self._end_step(rollback=False)
        self._forget()

    def keep(self):
        """End a step of the story, as whoever did it at work would have committed."""
        self.commit()

    def rollback(self):
        self.clear()
        self.postcommit.clear()
        self.prerollback.run()
        self._end_step(rollback=True)
        self.postrollback.run()
        self._now = None

    def close(self):
        """Leave what was committed; what was not is gone."""
        self.rollback()

    def now(self):
        """Return the moment this step began, naive UTC; each step has its own."""
        if self._now is None:
            self._now = datetime.now(UTC).replace(tzinfo=None) - self._ago
        return self._now

    @contextmanager
    def ago(self, **duration):
        """Let what is done inside have been done so long ago."""
        self.commit()
        self._ago = timedelta(**duration)
        try:
            yield
            self.commit()
        finally:
            self._ago = timedelta()
            self._now = None

    def environment(self):
        """Return an environment on this cursor, with the rights of the hub itself."""
        return api.Environment(self, SUPERUSER_ID, QUIET)

    def _end_step(self, *, rollback):
        if self._step is not None:
            self._step.close(rollback=rollback)
            self._step = None

    def _forget(self):
        self.clear()
        self.prerollback.clear()
        self.postrollback.clear()
        self.postcommit.clear()
        self._now = None
