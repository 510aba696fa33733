import threading
import time
import weakref
from datetime import UTC, datetime

from odoo import api, fields, models

from . import waking

# A worker runs every job that is ready, one after the other, and all of them together
# may take no longer than one request: then Odoo restarts the server under everybody, or
# kills the worker. After so many seconds of one round no further job of ours begins.
ROUND_SECONDS = 30

_round = threading.local()


def utc_now():
    """Return the present moment, naive UTC, to the microsecond."""
    return datetime.now(UTC).replace(tzinfo=None)


def round_age(cron_cr):
    """Return the seconds since this worker's round of jobs began.

    :param cron_cr: the cursor that Odoo opens for one round.
    """
    known = getattr(_round, "cursor", None)
    if known is None or known() is not cron_cr:
        _round.cursor = weakref.ref(cron_cr)
        _round.began = time.monotonic()
    return time.monotonic() - _round.began


class IrCron(models.Model):
    """Leave the rest of a long round to the next one.

    Found on a wire that failed: every call took its time, a round of a dozen ready jobs
    came to two minutes, and Odoo restarted in the middle of an order.
    """

    _inherit = "ir.cron"

    @classmethod
    def _process_job(cls, cron_cr, job):
        if round_age(cron_cr) < ROUND_SECONDS:
            return super()._process_job(cron_cr, job)
        cron = api.Environment(cron_cr, job["user_id"], {})[cls._name].browse(job["id"])
        if not cron._is_of_hub():
            return super()._process_job(cron_cr, job)
        # It is still ready; this wakes a worker for it as soon as the round is over.
        cron._trigger()
        return None

    def _trigger_list(self, at_list):
        """See that our jobs run at the moment they are to run at.

        Odoo notes the moment and tells nobody when it comes: its workers find it when
        they look the next time, up to seventy seconds later.
        """
        triggers = super()._trigger_list(at_list)
        now = fields.Datetime.now()
        later = [at for at in at_list if at > now]
        if triggers and later and self._is_of_hub():
            dbname, cron_id = self.env.cr.dbname, self.id

            def remind():
                told = waking.waker(dbname)
                for at in later:
                    told.remind_in(cron_id, (at - utc_now()).total_seconds())

            self.env.cr.postcommit.add(remind)
        return triggers

    def _is_of_hub(self):
        return (self.sudo().model_id.model or "").startswith("stock.channel")

    def _callback(self, cron_name, server_action_id):
        """Do our jobs in the language of the company they work for.

        What they write is read by people later: causes and next steps in the queue,
        notes in a chatter, findings of a review. Odoo gives a job no language at all,
        and what a person reads would be English in every company. Mail is another
        matter: it is written in its reader's language.
        """
        job = self
        if self._is_of_hub():
            job = self.with_context(lang=self._language_of_work())
        return super(IrCron, job)._callback(cron_name, server_action_id)

    def _language_of_work(self):
        """Return the language of the job's company, English if it is not installed."""
        lang = self.env.company.partner_id.lang
        installed = {code for code, _name in self.env["res.lang"].get_installed()}
        return lang if lang in installed else "en_US"
