from odoo import models

from ..connectors.errors import ConnectorError, Rejected, RetryLater


class StockChannelMessageFetch(models.Model):
    """Orders that a delivery only names are read from the channel first."""

    _inherit = "stock.channel.message"

    def _fetch(self, connector, order_id):
        """Return the events of an order that a delivery only named.

        A connector's bug is the delivery's own trouble: it may be this order alone.

        :raise RetryLater: for every trouble, since the delivery itself is fine.
        """
        with self.channel_id._turn() as channel:
            if not channel:
                raise self.channel_id._left_alone_error()
            try:
                fetched = connector.fetch_order(order_id)
            except Rejected as error:
                # An answer all the same.
                channel._in_transaction(channel._channel_answered)
                raise RetryLater(error.message) from error
            except ConnectorError as error:
                failure = error
                channel._in_transaction(lambda: channel._single_failed(failure))
                if isinstance(failure, RetryLater):
                    raise
                raise RetryLater(failure.message) from failure
            if channel.failure_count or channel.down_at:
                channel._in_transaction(channel._channel_answered)
        return connector.parse(fetched.raw, fetched.topic) if fetched else []
