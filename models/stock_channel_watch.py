import logging

from odoo import api, models

_logger = logging.getLogger(__name__)


class StockChannelWatch(models.Model):
    """What must be looked at every minute although nothing happened.

    Alarms are about what did *not* happen, so no hook can raise them.
    """

    _inherit = "stock.channel.dirty"

    @api.model
    def _watch_steps(self):
        """Return what to do each minute: callables, each one transaction's work."""
        return []

    @api.model
    def _cron_watch(self):
        """Take every step; run by its scheduled action.

        One step's trouble is not the others'.
        """
        for step in self._watch_steps():
            try:
                self._in_transaction(step)
            except Exception:  # the next minute tries again
                _logger.exception("%s failed", step.__name__)
