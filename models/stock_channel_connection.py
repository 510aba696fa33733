import logging
from contextlib import contextmanager
from datetime import UTC, datetime

from odoo import fields, models

from ..connectors import registry
from ..connectors.data import Health
from ..connectors.errors import ConnectorError, Misconfigured, RetryLater
from .limit_memories import LIMITS
from .settings_digest import connection_settings, settings_digest

_logger = logging.getLogger(__name__)


def utc_now():
    """Return the present moment, aware UTC; the clock of every connector."""
    return datetime.now(UTC)


class StockChannelConnection(models.Model):
    """Speaking to the channel: who may, with what, and what people ask of it."""

    _inherit = "stock.channel"

    # ---------------------------------------------------------- credentials

    def _keep_credentials(self, given):
        """Keep these where nobody can read them; the others stay as they are.

        The caller has asked who may.

        :param dict given: values by name of the connector's settings.
        """
        self.ensure_one()
        if not given:
            return
        channel_sudo = self.sudo()
        channel_sudo.write(
            {
                "credentials": {**(channel_sudo.credentials or {}), **given},
                "credentials_set_at": fields.Datetime.now(),
            }
        )
        self.env["stock.channel.exception"]._heal_access(channel_sudo)

    # ------------------------------------------------------------ connector

    def _transport(self):
        """Return the object that does every outgoing call of this channel."""
        self.ensure_one()
        hosts = self.sudo().allowed_hosts or ""
        return registry.get(self.connector).transport_class(
            allowed_hosts=[host.strip() for host in hosts.split(",") if host.strip()],
            limits=LIMITS.of((self.env.cr.dbname, self.id), self._settings_digest()),
        )

    def _settings_digest(self):
        return settings_digest(
            self._database_identity(),
            self.connector,
            self._connection_settings(),
        )

    def _connector_config(self):
        """Return all that a connector is built from."""
        return self._connection_settings()

    def _connection_settings(self):
        """Return address and credentials; tokens that were given hold for these."""
        channel_sudo = self.sudo()
        return connection_settings(channel_sudo.credentials, channel_sudo.base_url)

    def _connector(self, secrets=None):
        """Return a connector for this channel, built anew for each use.

        :param list secrets: that are active now, newest first; asked for unless given.
        """
        self.ensure_one()
        connector_class = registry.get(self.connector)
        return connector_class(
            self._connector_config(),
            self._transport(),
            utc_now,
            secrets=self._active_secrets() if secrets is None else secrets,
            tokens=self._token_store(self._settings_digest()),
        )

    def _active_secrets(self):
        """Return the signing secrets of now, newest first, in one question."""
        return (
            self.env["stock.channel.secret"]
            .sudo()
            .search_fetch(
                [("channel_id", "=", self.id)], ["value", "valid_from", "valid_to"]
            )
            ._active_values()
        )

    @contextmanager
    def _connected(self):
        """Lend a connector for one round of work; its connections end with it."""
        connector = self._connector()
        try:
            yield connector
        finally:
            connector.transport.close()

    @contextmanager
    def _connector_at_work(self):
        """Turn a connector's bug into trouble that is tried again.

        A job that raises is switched off by Odoo after a while; one connector's
        mistake must not end the work of a channel without a word.

        :raise RetryLater: for everything that is no connector error.
        """
        try:
            yield
        except ConnectorError:
            raise
        except Exception as error:
            _logger.exception("connector of channel %s failed", self.id)
            raise RetryLater(f"{type(error).__name__} in the connector") from error

    def _capabilities(self):
        self.ensure_one()
        return registry.get(self.connector).capabilities

    def _may_talk(self):
        """Return whether this database may speak for the channel."""
        return self.state == "live" and self._is_ours()

    def _may_read(self):
        """Return whether this database may ask the channel what it shows.

        In shadow it may: that is what the computed numbers are compared with.
        """
        return self.state in ("shadow", "live") and self._is_ours()

    def action_check_connection(self):
        """Test address and credentials; tells the user the result."""
        self.ensure_one()
        self.check_access("write")
        health = self._tested()
        return self._notify(health.message, "success" if health.ok else "danger")

    def _tested(self):
        """Test address and credentials; returns the ``Health``, which is noted."""
        try:
            with self._connected() as connector:
                health = connector.check()
        except Misconfigured as error:
            health = Health.failed(error)
        self._note_check(health)
        self._check_answered(health)
        return health

    def _check_answered(self, health):
        """Hook: a person has tested the connection, with this result."""

    def _notify(self, message, kind):
        return {
            "type": "ir.actions.client",
            "tag": "display_notification",
            "params": {"message": message, "type": kind, "sticky": kind == "danger"},
        }
