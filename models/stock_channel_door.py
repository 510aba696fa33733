"""What the door asks of a channel with each delivery, kept in the memory of a process.

Two questions to the database are half of what a delivery costs. What they answer changes
when somebody edits the channel or its secrets, so each process keeps it until then. Odoo
tells the others of such a change at the end of a request or a job, and each request looks
first whether there was one; a script that commits by itself tells nobody, and a secret it
had ended would have gone on opening the door. So the commit itself tells them.
"""

import logging

from odoo import api, fields, models
from odoo.tools import ormcache

from .stock_channel_secret import is_valid_at

_logger = logging.getLogger(__name__)

# What is asked of a channel at its door; the other fields of one are many.
ASKED = (
    "connector",
    "company_id",
    "base_url",
    "credentials",
    "allowed_hosts",
    "timezone",
    "database_identity",
    "delivery_limit",
)
OPENING = {*ASKED, "webhook_token", "state", "active"}


class UnknownAddress(LookupError):
    """No channel has its door there. Raised, so that what strangers try is not kept."""


class StockChannel(models.Model):
    _inherit = "stock.channel"

    @api.model
    def _at_door(self, token):
        """Return the channel behind the token, empty for none; drafts have no door yet.

        It has the fields of ``ASKED`` without a question. For elevated use only.
        """
        try:
            channel_id, values = self._door(token)
        except UnknownAddress:
            return self.browse()
        channel = self.browse(channel_id)
        channel._update_cache(dict(values), validate=False)
        return channel

    @api.model
    @ormcache("token")
    def _door(self, token):
        """Return (id, values of ``ASKED``) of the channel behind the token.

        :raise UnknownAddress: where there is none.
        """
        channel = self.search_fetch(
            [("webhook_token", "=", token), ("state", "!=", "draft")], ASKED
        )
        if not channel:
            raise UnknownAddress
        return channel.id, tuple(
            (name, channel._fields[name].convert_to_write(channel[name], channel))
            for name in ASKED
        )

    def _door_secrets(self):
        """Return the secrets that open the door now, newest first."""
        now = fields.Datetime.now()
        return [
            value
            for begin, end, value in self._kept_secrets(self.id)
            if is_valid_at(begin, end, now)
        ]

    @api.model
    @ormcache("channel_id")
    def _kept_secrets(self, channel_id):
        """Return (begin, end, value) of a channel's secrets, newest first.

        All of them, ended ones too: which of them are active changes with the clock.
        """
        secrets = self.env["stock.channel.secret"].search_fetch(
            [("channel_id", "=", channel_id)], ["value", "valid_from", "valid_to"]
        )
        return tuple(
            (secret.valid_from, secret.valid_to, secret.value)
            for secret in secrets
            if secret.value
        )

    @api.model_create_multi
    def create(self, vals_list):
        channels = super().create(vals_list)
        self._forget_doors()
        return channels

    def write(self, vals):
        result = super().write(vals)
        if OPENING & vals.keys():
            self._forget_doors()
        return result

    def unlink(self):
        result = super().unlink()
        self._forget_doors()
        return result

    @api.model
    def _forget_doors(self):
        """Let every process ask anew: now, and again once this is committed.

        In between, another thread of this process may have kept what was so before.
        """
        postcommit, registry = self.env.cr.postcommit, self.env.registry
        registry.clear_cache()
        if postcommit.data.setdefault("stock_channel_hub.doors", False):
            return
        postcommit.data["stock_channel_hub.doors"] = True

        def tell():
            postcommit.data.pop("stock_channel_hub.doors", None)
            registry.clear_cache()
            try:
                if registry.ready:
                    registry.signal_changes()
            except Exception:
                # What was committed is committed; Odoo tells it at the request's end.
                _logger.warning("a changed door was not told", exc_info=True)

        postcommit.add(tell)


class StockChannelSecret(models.Model):
    _inherit = "stock.channel.secret"

    @api.model_create_multi
    def create(self, vals_list):
        secrets = super().create(vals_list)
        self.env["stock.channel"]._forget_doors()
        return secrets

    def write(self, vals):
        result = super().write(vals)
        self.env["stock.channel"]._forget_doors()
        return result

    def unlink(self):
        result = super().unlink()
        self.env["stock.channel"]._forget_doors()
        return result
