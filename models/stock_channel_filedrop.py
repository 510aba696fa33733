from odoo import api, fields, models

from ..connectors import registry
from ..connectors.data import QuantityUpdate
from ..connectors.errors import ConnectorError
from ..connectors.filedrop_body import CANCEL, ROW
from ..connectors.rest_payload import ORDER_UPDATED
from .message_text import storable
from .quantities import to_decimal

# Waiting deliveries that the order itself settles when it comes.
SETTLED_BY_ORDER = (CANCEL, ROW)


class StockChannelFiledrop(models.Model):
    """Channels that exchange files: the file with every number, and files by hand."""

    _inherit = "stock.channel"

    has_files = fields.Boolean(compute="_compute_has_files")

    @api.depends("connector")
    def _compute_has_files(self):
        for channel in self:
            channel.has_files = channel._capabilities().full_files

    def _connector_config(self):
        """Add the time zone, which dates without an offset are in."""
        return {**super()._connector_config(), "timezone": self.timezone or "UTC"}

    def action_open_files(self):
        """Upload a file by hand, or download the numbers."""
        self.ensure_one()
        self.check_access("read")
        return {
            "type": "ir.actions.act_window",
            "name": self.env._("Files"),
            "res_model": "stock.channel.file.wizard",
            "view_mode": "form",
            "target": "new",
            "context": {"default_channel_id": self.id},
        }

    # ------------------------------------------------------------ full files

    def _cron_full_files(self):
        """Leave each channel a file with every number; run by its scheduled action."""
        keys = [
            key
            for key, connector in registry.all_connectors().items()
            if connector.capabilities.full_files
        ]
        channels = self.sudo().search(
            [("state", "=", "live"), ("connector", "in", keys)]
        )
        for channel in channels:
            if self._in_transaction(channel._wants_full_file):
                channel._write_full_file()

    def _wants_full_file(self):
        wish = (self._connector_config().get("full_file") or "yes").strip().casefold()
        return wish != "no" and self._is_due() and self.is_cut_over

    def _write_full_file(self):
        """Write the file; trouble is the channel's, as with every other call."""
        updates = self._in_transaction(self._told_numbers)
        if not updates:
            return
        try:
            with self._connected() as connector, self._connector_at_work():
                connector.write_all(updates)
        except ConnectorError as error:
            failure = error
            self._in_transaction(lambda: self._channel_failed(failure))
        else:
            self._in_transaction(self._channel_answered)

    def _told_numbers(self):
        """Return every number the channel was told, with its sequence of then.

        Where another one is on its way the lower of the two: a fall is never taken
        back, and a rise that is held or waits is not let out by this door.

        :return: list of ``QuantityUpdate``, by SKU and location.
        """
        self.ensure_one()
        rows = self.env["stock.channel.publication"].search(
            [
                ("channel_id", "=", self.id),
                ("acknowledged_sequence", ">", 0),
                ("listing_id.active", "=", True),
            ]
        )
        updates = []
        for row in rows:
            quantity = row.acknowledged_qty
            if row.state != "clean":
                quantity = min(quantity, row.wanted_qty)
            updates.append(
                QuantityUpdate(
                    key=row._key(),
                    quantity=to_decimal(quantity),
                    unit=row.uom_id.name,
                    sequence=int(row.acknowledged_sequence),
                )
            )
        return sorted(updates, key=lambda one: (one.key.sku, one.key.location_id))


class StockChannelMessageFiledrop(models.Model):
    """Rows of files that nobody can use, and what becomes of them."""

    _inherit = "stock.channel.message"

    def _store_fetched(self, channel, fetched, origin):
        """Store what was read from the channel, unless it is there already.

        A key that is made of the content tells a repeat by itself: another body under
        it differs in where it stood, and in nothing it says.

        :param fetched: a ``FetchedOrder``.
        :return: whether it is new.
        """
        if fetched.key_is_content and self.search_count(
            [
                ("channel_id", "=", channel.id),
                ("dedupe_key", "=", storable(fetched.dedupe_key)),
            ],
            limit=1,
        ):
            return False
        return self._store(
            channel,
            dedupe_key=fetched.dedupe_key,
            topic=fetched.topic,
            order_key=f"order:{fetched.order_id}",
            raw=fetched.raw,
            origin=origin,
        )

    def _payload_need(self, error):
        """Say of a row what to do about a row."""
        need = super()._payload_need(error)
        if self.topic == ROW:
            need.title = self.env._("A row of a file cannot be used")
            need.next_step = self.env._(
                "Have the order sent again with this row mended: this is settled by "
                "itself then. Or ignore it."
            )
        return need

    def _done(self, note):
        """Settle what waited for an order of a file to come, or to come again."""
        result = super()._done(note)
        for message in self.filtered(lambda message: message.channel_id.has_files):
            if message.topic == ORDER_UPDATED:
                message._settle_waiting()
        return result

    def _settle_waiting(self):
        waiting = self.search(
            [
                ("channel_id", "=", self.channel_id.id),
                ("order_key", "=", self.order_key),
                ("topic", "in", SETTLED_BY_ORDER),
                ("state", "=", "waiting"),
                ("id", "<", self.id),
            ]
        )
        for message in waiting:
            message._update_state("pending", {"attempts": 0})
            if message.topic == ROW:
                message._done(self.env._("The order came again."))
        if waiting.filtered(lambda message: message.state == "pending"):
            self._trigger_after_commit(self.env["stock.channel"]._inbox_cron())
