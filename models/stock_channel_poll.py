import time
from datetime import UTC

from odoo import fields, models

from ..connectors.errors import ConnectorError
from . import kill_points

# A run stops after the page that it is reading then, and the next run goes on: a
# channel with thousands of changed orders keeps no worker from the other channels.
SLICE_SECONDS = 10


class StockChannelPoll(models.Model):
    """Polling: what webhooks lost is found by asking."""

    _inherit = "stock.channel"

    cursor_ids = fields.One2many(
        "stock.channel.cursor", "channel_id", "Polling Positions", readonly=True
    )
    polled_at = fields.Datetime(
        "Last Polled",
        readonly=True,
        copy=False,
        help="When the last complete round of polling started.",
    )
    poll_last_message = fields.Integer(
        readonly=True,
        copy=False,
        help="The newest message when the last complete round of polling ended. What "
        "has a lower id and is not worked off may still explain a difference.",
    )

    def _cron_poll(self):
        """Poll the channel's orders, then read back what it shows.

        In this order: a difference can be told from a sale only by whoever has
        heard of the sales before. In shadow only what it shows is read.
        """
        channel = self.sudo().exists()
        if not channel or not self._in_transaction(channel._is_due_to_read):
            return
        with channel._turn() as lent:
            if lent:
                lent._read_channel()

    def _read_channel(self):
        """Read what there is to read, orders first."""
        has_orders = self._capabilities().polling and self.state == "live"
        if has_orders and not self._poll():
            return
        self._read_back()

    def _poll(self):
        """Store everything that changed since the last round.

        :return: whether the round is complete.
        """
        deadline = time.monotonic() + SLICE_SECONDS
        with self._connected() as connector:
            for resource in connector.resources:
                if not self._poll_resource(connector, resource, deadline):
                    return False
            self._in_transaction(lambda: self._poll_done(connector.resources))
        return True

    def _poll_resource(self, connector, resource, deadline):
        """Store what changed of one kind, from where the last run ended.

        The run is over at the deadline, but not before it has come further: it
        would begin with the same page for ever.

        :return: whether the round of this kind is complete.
        """
        cursor = self._in_transaction(
            lambda: self.env["stock.channel.cursor"]._begin(self, resource)
        )
        begin = cursor.position
        try:
            with self._connector_at_work():
                for page in connector.poll(resource, as_aware(begin)):
                    if not self._in_transaction(
                        lambda page=page: self._store_page(cursor, page)
                    ):
                        return False
                    if cursor.position != begin and time.monotonic() >= deadline:
                        self._in_transaction(self._poll_goes_on)
                        return False
        except ConnectorError as error:
            failure = error
            self._in_transaction(lambda: self._channel_failed(failure))
            return False
        self._in_transaction(cursor._finish)
        return True

    def _store_page(self, cursor, page):
        """Store a page's orders, then move the cursor over them.

        :return: whether the channel is still to be asked.
        """
        messages = self.env["stock.channel.message"]
        for order in page.orders:
            messages._store_fetched(self, order, "poll")
        kill_points.reach("poll.stored")
        if page.high_water:
            cursor._advance(as_naive(page.high_water))
        return self._is_due_to_read()

    def _poll_goes_on(self):
        """Take up the rest at once, behind the other channels that are due."""
        self._channel_answered()
        self._wake_pollers()

    def _poll_done(self, resources):
        """Note a complete round: everything from before its start is stored.

        :param resources: what was read; the oldest start of them counts.
        """
        names = [resource.value for resource in resources]
        cursors = self.cursor_ids.filtered(lambda cursor: cursor.resource in names)
        self.polled_at = min(cursors.mapped("completed_at"))
        newest = self.env["stock.channel.message"].search([], limit=1, order="id desc")
        self.poll_last_message = newest.id
        self._channel_answered()
        self._wake_fenced()

    def _wake_fenced(self):
        """Wake the publishers of channels whose numbers waited for their orders."""
        for channel in self:
            if not channel.is_cut_over or self.env[
                "stock.channel.publication"
            ].search_count(
                [
                    ("channel_id", "=", channel.id),
                    ("state", "=", "pending"),
                    *([] if channel._is_fenced() else [("fence_at", "!=", False)]),
                ],
                limit=1,
            ):
                channel._wake_publishers()


def as_aware(moment):
    """Return Odoo's naive UTC as an aware datetime; falsy stays None."""
    return moment.replace(tzinfo=UTC) if moment else None


def as_naive(moment):
    """Return an aware datetime as Odoo stores it: naive UTC."""
    return moment.astimezone(UTC).replace(tzinfo=None)
