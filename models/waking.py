"""Waking scheduled actions for what was just written, and seeing that somebody woke up.

A process that answers requests leaves it to a thread of its own, its *waker*. Asked in
each request, PostgreSQL would be asked as often as there are deliveries, over a second
connection, before the answer goes out.

The waker also stays awake. Odoo tells its workers once, by a notification that is lost
when nobody listens: all of them had died with the database, or were just starting, and
a worker that starts sleeps for a minute or more before it looks for the first time. What
had been delivered waited for 75 seconds. And of a job that is to run at a later moment
Odoo tells nobody when that moment has come: a channel that asked for a pause of three
seconds was called again up to seventy later, where nothing else happened meanwhile.
"""

import atexit
import heapq
import logging
import threading
import time

from odoo import api, sql_db
from odoo.tools import SQL

from .locks import CONCURRENCY_ERRORS

_logger = logging.getLogger(__name__)

# A trigger that waits for longer was written without waking anybody, or all are busy.
OVERDUE_SECONDS = 1.0
# When this process last told the workers of a database about one, by its own clock.
TOLD = {}
# Seconds between two rounds of a waker at least: what comes meanwhile is one question.
PAUSE_SECONDS = 0.1
# Seconds between two looks at whether somebody woke up.
LOOK_SECONDS = 3.0
# For so long after a job was to run: longer than the longest sleep of Odoo's workers.
WATCH_SECONDS = 90.0
# The database's clock may be a little behind the one that the waker sleeps by.
LATE_SECONDS = 0.02

_WAKERS = {}
_WAKERS_LOCK = threading.Lock()


def waker(dbname):
    """Return this process's waker for a database."""
    with _WAKERS_LOCK:
        if dbname not in _WAKERS:
            database = sql_db.db_connect(dbname)
            found = _WAKERS[dbname] = Waker(
                lambda ids: trigger_unless_waiting(database, ids),
                lambda ids, seconds: remind(database, ids, seconds),
            )
            threading.Thread(
                target=found.run, name=f"stock_channel_hub.waker.{dbname}", daemon=True
            ).start()
            # What was asked for in the last moments of a process that ends in order.
            atexit.register(found.finish)
        return _WAKERS[dbname]


class Waker:
    """Triggers the jobs it is asked for, and reminds the workers for a while.

    :param trigger: callable that takes ids of jobs and may raise anything.
    :param remind: the same, for jobs that have triggers; and for how many seconds one
        has to have waited.
    :param clock: callable that returns seconds.
    """

    def __init__(self, trigger, remind, clock=time.monotonic):
        self._trigger = trigger
        self._remind = remind
        self._clock = clock
        self._lock = threading.Lock()
        self._is_asked = threading.Event()
        # Since when, by id of the job.
        self._asked = {}
        self._later = []
        self._watched = {}
        self._is_failing = False

    def ask(self, cron_ids):
        """Let these jobs be triggered soon; returns at once."""
        now = self._clock()
        with self._lock:
            for cron_id in cron_ids:
                self._asked.setdefault(cron_id, now)
        self._is_asked.set()

    def remind_in(self, cron_id, seconds):
        """Let the workers be told of a job that is to run after so many seconds."""
        moment = self._clock() + seconds + LATE_SECONDS
        with self._lock:
            heapq.heappush(self._later, (moment, cron_id))
        self._is_asked.set()

    def run(self):
        """Do one round after the other, for as long as the process lives.

        Whoever asks first is served at once; the pause comes after.
        """
        while True:
            self.round()
            time.sleep(PAUSE_SECONDS)
            self._is_asked.wait(self.pause())

    def round(self):
        """Do what is to do now."""
        self._is_asked.clear()
        now = self._clock()
        asked, due = self._take(now)
        known = {cron_id for cron_id, until in self._watched.items() if until > now}
        try:
            if asked:
                self._trigger(sorted(asked))
            if due:
                self._remind(sorted(due), 0.0)
            elif known and not asked:
                self._remind(sorted(known), OVERDUE_SECONDS)
        except Exception:
            self._failed(asked, now)
        else:
            self._is_failing = False
        self._watched = {cron_id: self._watched[cron_id] for cron_id in known}
        self._watched.update(dict.fromkeys({*asked, *due}, now + WATCH_SECONDS))

    def pause(self):
        """Return the seconds until there is something to do, None while nobody asks."""
        now = self._clock()
        with self._lock:
            pauses = [max(0.0, moment - now) for moment, _cron_id in self._later[:1]]
        if self._watched:
            pauses.append(LOOK_SECONDS)
        return min(pauses, default=None)

    def finish(self):
        """Trigger what was asked for in the last moments of the process."""
        asked, _due = self._take(self._clock())
        if asked:
            try:
                self._trigger(sorted(asked))
            except Exception:
                _logger.warning("jobs %s not woken", sorted(asked), exc_info=True)

    def _failed(self, asked, now):
        """Try it again, for as long as Odoo's own look could not have come instead.

        What was committed is committed, and nobody's work fails. One line for each time
        that the database is away: whoever reads the log knows it already.
        """
        level = logging.DEBUG if self._is_failing else logging.WARNING
        _logger.log(level, "jobs %s not woken yet", sorted(asked), exc_info=True)
        self._is_failing = True
        with self._lock:
            for cron_id, since in asked.items():
                if now - since < WATCH_SECONDS:
                    self._asked.setdefault(cron_id, since)

    def _take(self, now):
        """Return what is to be triggered, and whose moment has come."""
        with self._lock:
            asked, self._asked = self._asked, {}
            due = set()
            while self._later and self._later[0][0] <= now:
                due.add(heapq.heappop(self._later)[1])
            return asked, due


def trigger_unless_waiting(registry, cron_ids):
    """Trigger those of the scheduled actions that nobody has triggered yet.

    ``ir.cron._trigger`` writes a row and opens a connection each time, which would cut
    the webhook door to a third. So nothing is triggered while a trigger waits. One that
    a running job is just consuming is locked by it, hence ``SKIP LOCKED``: it must not
    count as waiting, or what was just written would lie until the next interval.

    A trigger that is due for a second and that nobody has taken was written without
    waking anybody, by Odoo's own rescheduling or for a moment that lay ahead: then
    the workers are woken for it. Or they are all at work, perhaps on this very job,
    and find it afterwards: so they are told once a second, and not by everybody who
    comes meanwhile, since telling them takes a connection of its own.

    :param registry: what has cursors of the database: Odoo's registry, or its pool.
    """
    with registry.cursor() as cr:
        ages = {cron_id: waiting_seconds(cr, cron_id) for cron_id in cron_ids}
        asleep = [cron_id for cron_id, age in ages.items() if age is None]
        overdue = [age for age in ages.values() if age and age > OVERDUE_SECONDS]
        if asleep:
            env = api.Environment(cr, api.SUPERUSER_ID, {})
            for cron in env["ir.cron"].browse(asleep).exists():
                cron._trigger()
        if overdue and is_time_to_tell(cr.dbname):
            notify(cr)


def remind(registry, cron_ids, seconds):
    """Tell the workers of triggers that wait though they are due; write none.

    :param registry: what has cursors of the database: Odoo's registry, or its pool.
    :param float seconds: for which one has been waiting at least.
    :return: whether there was one.
    """
    with registry.cursor() as cr:
        ages = [waiting_seconds(cr, cron_id) for cron_id in cron_ids]
        is_due = any(age is not None and age >= seconds for age in ages)
        if is_due:
            notify(cr)
        return is_due


def notify(cr):
    """Tell every worker of the database's scheduler to look, once this is committed."""
    env = api.Environment(cr, api.SUPERUSER_ID, {})
    cr.postcommit.add(env["ir.cron"]._notifydb)


def is_time_to_tell(database):
    """Tell whether this process last told the workers some time ago; notes the time."""
    now = time.monotonic()
    if now - TOLD.get(database, -OVERDUE_SECONDS) < OVERDUE_SECONDS:
        return False
    TOLD[database] = now
    return True


def waiting_seconds(cr, cron_id):
    """Return for how long a trigger of this job has been waiting, None for none.

    Asked first in its transaction, which is over when another one was first.
    """
    try:
        cr.execute(
            SQL(
                """
                SELECT extract(epoch FROM now() AT TIME ZONE 'UTC' - call_at)
                  FROM ir_cron_trigger
                 WHERE cron_id = %s
                   AND call_at <= now() AT TIME ZONE 'UTC'
                 ORDER BY call_at
                 LIMIT 1
                   FOR KEY SHARE SKIP LOCKED
                """,
                cron_id,
            ),
            log_exceptions=False,
        )
        row = cr.fetchone()
    except CONCURRENCY_ERRORS:
        cr.rollback()
        return None
    return float(row[0]) if row else None
