import logging

import psycopg2

from odoo import api, models
from odoo.http import request

from . import waking
from .locks import CONCURRENCY_ERRORS

_logger = logging.getLogger(__name__)

# Two workers may also insert one key at once; the second finds the first's row when
# it starts over.
RETRIED_ERRORS = (*CONCURRENCY_ERRORS, psycopg2.errors.UniqueViolation)
CONCURRENCY_TRIES = 5


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

        It must not make a user's transaction fail and needs a snapshot newer than
        ours, so it is done after the commit, on a cursor of its own: by the waker of
        a process that answers requests, else at once. Should the process die in
        between, the job's own interval finds the work.
        """
        if not crons:
            return
        data = self.env.cr.postcommit.data
        waiting = data.setdefault("stock_channel_hub.crons", set())
        if not waiting:
            dbname, registry = self.env.cr.dbname, self.env.registry

            def trigger():
                cron_ids = sorted(waiting)
                waiting.clear()
                if request:
                    waking.waker(dbname).ask(cron_ids)
                    return
                try:
                    waking.trigger_unless_waiting(registry, cron_ids)
                except Exception:
                    # What was committed is committed; nobody may be told it failed.
                    _logger.warning("jobs %s not woken", cron_ids, exc_info=True)

            self.env.cr.postcommit.add(trigger)
        waiting.update(crons.ids)
