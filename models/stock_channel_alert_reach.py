"""Stands in until the channel's alerts say themselves whom they reach."""

from odoo import models


class StockChannelAlertReach(models.Model):
    _inherit = "stock.channel"

    def _alerts_reach_somebody(self):
        """Return whether somebody is told when this channel needs a person."""
        self.ensure_one()
        owner_sudo = self.sudo().exception_owner_id
        return bool(self._is_person(owner_sudo) and owner_sudo.email)
