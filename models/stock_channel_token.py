import json

import psycopg2

from odoo import api, fields, models
from odoo.tools import SQL

from ..connectors.errors import Misconfigured, RetryLater
from ..connectors.tokens import TokenStore
from .database_identity import database_identity, database_place
from .locks import CONCURRENCY_ERRORS
from .settings_digest import connection_settings, settings_digest

# So often another worker may have been first; each time it has kept something newer.
TRIES = 5


class StockChannelToken(models.Model):
    """The access tokens a channel gave us: one row per channel, for nobody to read.

    Written by ``OdooTokens`` alone, past the ORM: no cache, no tracking and no log
    ever holds a token.
    """

    _name = "stock.channel.token"
    _description = "Channel Access Token"
    _log_access = False
    _rec_name = "channel_id"

    channel_id = fields.Many2one(
        "stock.channel", required=True, readonly=True, ondelete="cascade"
    )
    company_id = fields.Many2one("res.company", readonly=True, index=True)
    kept = fields.Json(groups=fields.NO_ACCESS, readonly=True, copy=False)
    settings_digest = fields.Char(
        groups=fields.NO_ACCESS,
        readonly=True,
        copy=False,
        help="Database, address and credentials it was given for.",
    )
    renewed_at = fields.Datetime(readonly=True)

    _channel_unique = models.UniqueIndex(
        "(channel_id)", "The access of this channel is kept already."
    )

    @api.model
    def _forget(self, channels):
        """Drop what was given for settings that are no more.

        Waits for a worker that is just being given another; then the caller fails to
        serialize and starts over.
        """
        self.sudo().search([("channel_id", "in", channels.ids)]).unlink()


class StockChannelTokenOwner(models.Model):
    _inherit = "stock.channel"

    def write(self, vals):
        """Forget the access that was given for other settings, in one transaction."""
        result = super().write(vals)
        if {"connector", "base_url", "credentials"} & vals.keys():
            self.env["stock.channel.token"]._forget(self)
        return result

    def _token_store(self, digest):
        """Return where a connector of this channel keeps its tokens."""
        return OdooTokens(self.env.registry, self.id, digest)


class OdooTokens(TokenStore):
    """The tokens of one channel, the same for every worker of this database.

    Each step is a transaction on a connection of its own: what the channel gave in
    exchange for an old token is committed before anybody reads it, whatever becomes
    of the work it was needed for. It holds no record and no environment, since it
    outlives the transaction in which it was made.

    :param str digest: of the settings the connector was built from. What was given
        for others, or in another database, is not ours.
    """

    def __init__(self, registry, channel_id, digest):
        self._registry = registry
        self._channel_id = channel_id
        self._digest = digest

    def read(self):  # pylint: disable=method-required-super
        with self._registry.cursor() as cr:
            if not self._is_current(cr):
                return {}
            cr.execute(
                SQL(
                    """
                    SELECT kept
                      FROM stock_channel_token
                     WHERE channel_id = %s AND settings_digest = %s
                    """,
                    self._channel_id,
                    self._digest,
                ),
                log_exceptions=False,
            )
            row = cr.fetchone()
        return dict(row[0] or {}) if row else {}

    def exchange(self, renew):
        """Renew under a lock on the channel's row.

        :raise RetryLater: when others keep being first, or the settings this
            connector was built from have changed; nothing was renewed.
        :raise Misconfigured: in a copy of the database, which would lock the original
            out of the channel.
        """
        for _try in range(TRIES):
            with self._registry.cursor() as cr:
                try:
                    kept = self._lock(cr)
                except CONCURRENCY_ERRORS:
                    cr.rollback()
                    continue
                renewed = renew(dict(kept))
                if renewed is None:
                    return kept
                self._keep(cr, renewed)
                return dict(renewed)
        raise RetryLater("Other workers are renewing the access to the channel.")

    def _lock(self, cr):
        """Lock the row, made where there is none; return what is kept in it."""
        if not self._is_current(cr):
            raise RetryLater("The settings of the channel were changed meanwhile.")
        kept = self._select_locked(cr)
        if kept is None:
            cr.execute(
                SQL(
                    """
                    INSERT INTO stock_channel_token (channel_id, company_id)
                    SELECT id, company_id FROM stock_channel WHERE id = %s
                        ON CONFLICT (channel_id) DO NOTHING
                    """,
                    self._channel_id,
                ),
                log_exceptions=False,
            )
            kept = self._select_locked(cr)
        if kept is None:
            raise RetryLater("The channel is no more.")
        return kept

    def _select_locked(self, cr):
        cr.execute(
            SQL(
                """
                SELECT CASE WHEN settings_digest = %s THEN kept END
                  FROM stock_channel_token
                 WHERE channel_id = %s
                   FOR UPDATE
                """,
                self._digest,
                self._channel_id,
            ),
            log_exceptions=False,
        )
        row = cr.fetchone()
        return dict(row[0] or {}) if row else None

    def _keep(self, cr, values):
        """Store what was given.

        :raise RetryLater: when it is no text; the database's own words would show it.
        """
        try:
            cr.execute(
                SQL(
                    """
                    UPDATE stock_channel_token
                       SET kept = %s::jsonb,
                           settings_digest = %s,
                           renewed_at = clock_timestamp() AT TIME ZONE 'UTC'
                     WHERE channel_id = %s
                    """,
                    json.dumps(dict(values)),
                    self._digest,
                    self._channel_id,
                ),
                log_exceptions=False,
            )
        except psycopg2.DataError:
            raise RetryLater("The channel gave an access that is no text.") from None

    def _is_current(self, cr):
        """Return whether the connector was built from what is set now.

        :raise Misconfigured: in a copy of the database the channel was started in.
        """
        cr.execute(
            SQL(
                """
                SELECT channel.connector, channel.base_url, channel.credentials,
                       channel.database_identity, uuid.value, neutralized.value
                  FROM stock_channel AS channel
                  LEFT JOIN ir_config_parameter AS uuid
                    ON uuid.key = 'database.uuid'
                  LEFT JOIN ir_config_parameter AS neutralized
                    ON neutralized.key = 'database.is_neutralized'
                 WHERE channel.id = %s
                """,
                self._channel_id,
            ),
            log_exceptions=False,
        )
        row = cr.fetchone()
        if not row:
            return False
        connector, base_url, credentials, armed_in, uuid, neutralized = row
        here = database_identity(uuid, database_place(cr))
        if (armed_in and armed_in != here) or neutralized:
            raise Misconfigured("A copy of the database keeps no access to a channel.")
        settings = connection_settings(credentials, base_url)
        return settings_digest(here, connector, settings) == self._digest
