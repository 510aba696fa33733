from dataclasses import replace
from decimal import Decimal

from odoo import models

from ..connectors.data import CancelNotice, OrderSnapshot
from ..connectors.errors import BadPayload
from .quantities import to_decimal
from .stock_channel_exception import NeedsPerson

ZERO = Decimal(0)
HUNDRED = Decimal(100)


class StockChannelMessageNotice(models.Model):
    """Deliveries that say what is cancelled, and nothing of the rest of the order."""

    _inherit = "stock.channel.message"

    def _handle(self, event):
        if isinstance(event, CancelNotice):
            return self.env["stock.channel.order"]._take_notice(self, event)
        return super()._handle(event)


class StockChannelOrderNotice(models.Model):
    """A notice becomes a whole order again: the last one told, less what it cancels."""

    _inherit = "stock.channel.order"

    def _take_notice(self, message, notice):
        """Take what was told last about an order, with the cancellation in it.

        :return: one line for the message about what was done.
        :raise NeedsPerson: when the order, or what was told of it, is not here.
        """
        snapshot = self._in_transaction(lambda: self._with_notice(message, notice))
        return self._take(message, snapshot)

    def _with_notice(self, message, notice):
        order = self.search(
            [
                ("channel_id", "=", message.channel_id.id),
                ("external_id", "=", notice.order_id),
            ]
        )
        if not order:
            raise order._notice_need(
                notice,
                self.env._("The order it cancels has not come yet."),
                self.env._(
                    "Nothing needs to be done if the order comes later: the "
                    "cancellation is applied by itself then. Ignore it if the order "
                    "never comes."
                ),
            )
        said = order._last_word()
        if said is None:
            raise order._notice_need(
                notice,
                self.env._("What the channel said of the order is not kept any more."),
                self.env._("Cancel on the sales order by hand, then ignore this."),
            )
        return order._less(said, notice)

    def _last_word(self):
        """Return the newest snapshot among the deliveries of this order, if any."""
        messages = self.message_log_ids.sorted("id", reverse=True)
        with self.channel_id._connected() as connector:
            for message in messages:
                try:
                    events = connector.parse(message._raw_bytes(), message.topic or "")
                except BadPayload:
                    # Erased, or past the time that bodies are kept.
                    continue
                for event in events:
                    is_order = isinstance(event, OrderSnapshot)
                    if is_order and event.id == self.external_id:
                        return event
        return None

    def _less(self, said, notice):
        """Return a snapshot less what is cancelled by now; nothing comes back to life.

        A channel without versions gets the next one: the notice is news.
        """
        told = {line.id: line.quantity for line in notice.lines}
        known = {
            line.external_id: to_decimal(line.cancelled_qty) for line in self.line_ids
        }
        unknown = sorted(told.keys() - {line.id for line in said.lines})
        if unknown:
            raise self._notice_need(
                notice,
                self.env._("The order has no line %s.", ", ".join(unknown)),
                self.env._("Ask the channel's operator which line is meant."),
            )
        lines, total = [], said.total
        for line in said.lines:
            gone = told.get(line.id, ZERO) if line.id in told else ZERO
            gone = line.quantity if gone is None else gone
            most = line.quantity - line.fulfilled_quantity
            cancelled = min(
                max(line.cancelled_quantity, known.get(line.id, ZERO), gone), most
            )
            total -= _worth(
                line, cancelled - line.cancelled_quantity, said.prices_include_tax
            )
            lines.append(replace(line, cancelled_quantity=cancelled))
        version = int(self.version)
        return replace(
            said,
            version=max(version + 1, notice.version or 0),
            updated_at=max(said.updated_at, notice.cancelled_at),
            cancelled=said.cancelled or self.is_cancelled or not notice.lines,
            lines=tuple(lines),
            total=round(total, 2),
        )

    def _notice_need(self, notice, cause, next_step):
        return NeedsPerson(
            category="data",
            fingerprint=f"notice:{notice.order_id}",
            title=self.env._("Cancellation of order %s waits", notice.order_id),
            cause=cause,
            next_step=next_step,
            value=notice.order_id,
        )


def _worth(line, quantity, includes_tax):
    """Return what the customer pays less when so many of a line are cancelled."""
    if not quantity or not line.quantity:
        return ZERO
    price = line.unit_price - line.discount / line.quantity
    rate = ZERO if includes_tax else line.tax_rate or ZERO
    return quantity * price * (1 + rate / HUNDRED)
