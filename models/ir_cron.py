import threading
import time
import weakref

from odoo import api, models

# A worker runs every job that is ready, one after the other, and all of them together
# may take no longer than one request: then Odoo restarts the server under everybody, or
# kills the worker. After so many seconds of one round no further job of ours begins.
ROUND_SECONDS = 30

_round = threading.local()


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
        if not cron.model_id.model.startswith("stock.channel"):
            return super()._process_job(cron_cr, job)
        # It is still ready; this wakes a worker for it as soon as the round is over.
        cron._trigger()
        return None
