import logging
import time

import psycopg2

from odoo import api, models
from odoo.tools import SQL

_logger = logging.getLogger(__name__)

CONCURRENCY_ERRORS = (
    psycopg2.errors.SerializationFailure,
    psycopg2.errors.DeadlockDetected,
    psycopg2.errors.LockNotAvailable,
)
# Two workers may also insert one key at once; the second finds the first's row when
# it starts over.
RETRIED_ERRORS = (*CONCURRENCY_ERRORS, psycopg2.errors.UniqueViolation)
CONCURRENCY_TRIES = 5
# A trigger that waits for longer was written without waking anybody, or all are busy.
OVERDUE_SECONDS = 1.0
# When this process last told the workers of a database about one, by its own clock.
TOLD = {}


class StockChannelMixin(models.AbstractModel):
    """What every background worker of the hub needs: clean transactions."""

    _name = "stock.channel.mixin"
    _description = "Stock Channel Worker"

    @api.model
    def _fresh_transaction(self):
        """Commit what was done and start with a fresh picture of the database.

        Only background workers call this; never code that runs inside a user's
        request.
        """
        self.env.cr.commit()  # pylint: disable=invalid-commit
        self.env.invalidate_all()

    @api.model
    def _abandon_transaction(self):
        """Roll back what was begun and start with a fresh picture."""
        self.env.cr.rollback()
        self.env.invalidate_all()

    @api.model
    def _in_transaction(self, work):
        """Run ``work()`` in a transaction of its own and commit it.

        Two transactions that meet on one row are an everyday event under
        repeatable read; whoever loses starts over. Every other error rolls back
        and is the caller's.

        :param work: callable that only touches the database; it may run several
            times.
        :return: what ``work`` returned.
        """
        self._fresh_transaction()
        for attempt in range(1, CONCURRENCY_TRIES + 1):
            try:
                result = work()
                # With what runs before a commit, so that it is tried again too and
                # leaves nothing behind when it fails.
                self.env.cr.flush()
                self._fresh_transaction()
            except RETRIED_ERRORS as error:
                self._abandon_transaction()
                if attempt == CONCURRENCY_TRIES:
                    raise
                _logger.info(
                    "another transaction was first (%s), starting over (%s of %s)",
                    type(error).__name__,
                    attempt,
                    CONCURRENCY_TRIES,
                )
            except Exception:
                self._abandon_transaction()
                raise
            else:
                return result
        raise AssertionError("unreachable: the last try returns or raises")

    @api.model
    def _goes_on(self, done, remaining):
        """Report and commit progress of a scheduled action; tell whether to go on.

        A rest is never reported: Odoo starts a job over that has one, ten times and
        whatever the clock says, and the other jobs wait. It is woken again instead.

        :param int done: how much was worked on since the last report.
        :param remaining: how much is left; falsy for nothing.
        """
        seconds_left = self.env["ir.cron"]._commit_progress(done, remaining=0)
        if not done or not remaining:
            return False
        if seconds_left:
            return True
        cron = self.env["ir.cron"].browse(self.env.context["cron_id"])
        self._trigger_after_commit(cron)
        self._fresh_transaction()
        return False

    @api.model
    def _trigger_after_commit(self, crons):
        """Wake these scheduled actions once this transaction is committed.

        ``ir.cron._trigger`` writes a row and opens a connection each time, which
        would cut the webhook door to a third. So nothing is triggered while a
        trigger waits. A trigger that a running job is just consuming is locked by
        it, hence ``SKIP LOCKED``: it must not count as waiting, or what we just
        wrote would lie until the next interval. The check needs a snapshot newer
        than ours and must not make a user's transaction fail, so it runs on a
        cursor of its own, after the commit. Should the process die in between,
        the job's own interval finds the work.
        """
        if not crons:
            return
        data = self.env.cr.postcommit.data
        waiting = data.setdefault("stock_channel_hub.crons", set())
        if not waiting:
            registry = self.env.registry

            def trigger():
                cron_ids = sorted(waiting)
                waiting.clear()
                try:
                    trigger_unless_waiting(registry, cron_ids)
                except Exception:
                    # What was committed is committed; nobody may be told it failed.
                    _logger.warning("jobs %s not woken", cron_ids, exc_info=True)

            self.env.cr.postcommit.add(trigger)
        waiting.update(crons.ids)


def trigger_unless_waiting(registry, cron_ids):
    """Trigger those of the scheduled actions that nobody has triggered yet.

    A trigger that is due for a second and that nobody has taken was written without
    waking anybody, by Odoo's own rescheduling or for a moment that lay ahead: then
    the workers are woken for it. Or they are all at work, perhaps on this very job,
    and find it afterwards: so they are told once a second, and not by everybody who
    comes meanwhile, since telling them takes a connection of its own.
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
