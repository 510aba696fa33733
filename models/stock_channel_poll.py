import logging
from datetime import UTC, timedelta

from odoo import fields, models

from ..connectors.errors import ConnectorError

_logger = logging.getLogger(__name__)

# Channels' clocks are coarse and run apart, and rows move between pages while we
# read: look again at what changed shortly before the last time. Repeats cost
# nothing, they are recognised in the inbox.
OVERLAP = timedelta(minutes=5)


class StockChannelPoll(models.Model):
    """Polling: what webhooks lost is found by asking."""

    _inherit = "stock.channel"

    order_cursor = fields.Datetime(
        readonly=True,
        copy=False,
        help="The newest change of an order that polling has stored.",
    )
    polled_at = fields.Datetime(
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
        has_orders = channel._capabilities().polling and channel.state == "live"
        if has_orders and not channel._poll_orders():
            return
        channel._read_back()

    def _poll_orders(self):
        """Store every order that changed since the last round.

        :return: whether the round is complete.
        """
        started_at = self._in_transaction(self.env.cr.now)
        since = self.order_cursor and self.order_cursor - OVERLAP
        try:
            with self._connected() as connector, self._connector_at_work():
                for page in connector.fetch_orders(as_aware(since)):
                    self._in_transaction(lambda page=page: self._store_page(page))
        except ConnectorError as error:
            failure = error
            self._in_transaction(lambda: self._channel_failed(failure))
            return False
        self._in_transaction(lambda: self._poll_done(started_at))
        return True

    def _store_page(self, page):
        """Store a page's orders, then move the cursor over them."""
        messages = self.env["stock.channel.message"]
        for order in page.orders:
            messages._store(
                self,
                dedupe_key=order.dedupe_key,
                topic=order.topic,
                order_key=f"order:{order.order_id}",
                raw=order.raw,
                origin="poll",
            )
        if page.high_water:
            newest = as_naive(page.high_water)
            if not self.order_cursor or newest > self.order_cursor:
                self.order_cursor = newest

    def _poll_done(self, started_at):
        self.polled_at = started_at
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
