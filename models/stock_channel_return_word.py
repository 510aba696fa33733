from dataclasses import replace

from odoo import models
from odoo.fields import Command

from .quantities import to_decimal
from .stock_channel_poll import as_naive


class StockChannelReturnWord(models.Model):
    """Writing down what the channel says of a return."""

    _inherit = "stock.channel.return"

    def _write_lines(self, snapshot):
        """Bring the lines to what the channel says: one per order line and word.

        A line whose disposition the channel changes stays the same line, so that what
        came of it and what was decided for it stay with it.
        """
        moved_at = (
            as_naive(snapshot.updated_at) if snapshot.updated_at else self.env.cr.now()
        )
        restocked = self._restocked()
        pairs, left = self._pair_lines(snapshot)
        for order_line, line, wire in pairs:
            vals = self.line_ids._prepare_from_wire(self, line, wire)
            if line:
                line.write(vals)
            else:
                self.line_ids = [
                    Command.create({**vals, "order_line_id": order_line.id})
                ]
        named = self.env["stock.channel.order.line"].union(*(row[0] for row in pairs))
        for gone in left:
            # Where the order line stands under another word now, its goods do too.
            quantity = 0.0 if gone.order_line_id in named else gone.done_qty
            gone.write({"quantity": quantity, "restocked_qty": 0.0})
        self._tell_restocked(restocked, moved_at)

    def _pair_lines(self, snapshot):
        """Return which line each part of the word is about.

        :return: (order line, known line or none, wire line) each, and the lines that
            the channel does not speak of any more.
        :raise NeedsPerson: when it names what is not on the order.
        """
        order_lines = {
            line.external_id: line for line in self.channel_order_id._active_lines()
        }
        pairs = []
        left = self.line_ids
        wires = sum_equal_lines(snapshot.lines)
        for is_exact in (True, False):
            for wire in list(wires):
                order_line = order_lines.get(wire.order_line_id)
                if not order_line:
                    raise self._over_return(wire.order_line_id)
                known = left.filtered(
                    lambda line, wire=wire, order_line=order_line, exact=is_exact: (
                        line.order_line_id == order_line
                        and (not exact or line._said() == wire.disposition)
                    )
                )[:1]
                if known or not is_exact:
                    pairs.append((order_line, known, wire))
                    wires.remove(wire)
                    left -= known
        return pairs, left

    def _restocked(self):
        """Return what the channel put on its own number: order line → quantity."""
        restocked = {}
        for line in self.line_ids:
            known = restocked.get(line.order_line_id, 0.0)
            restocked[line.order_line_id] = known + line.restocked_qty
        return restocked

    def _tell_restocked(self, before, moved_at):
        """Expect the channel to show more by what it restocked since ``before``."""
        for order_line, quantity in self._restocked().items():
            delta = float(to_decimal(quantity - before.get(order_line, 0.0)))
            place = self.channel_location_id or order_line.assigned_location_id
            if delta and order_line.listing_id and place:
                self.env["stock.channel.publication"].sudo()._channel_moved(
                    order_line.listing_id, place, delta, moved_at
                )


def sum_equal_lines(lines):
    """Return wire lines with one per order line and disposition.

    A channel may name one line several times, once per lot or per parcel.
    """
    found = {}
    for line in lines:
        key = (line.order_line_id, line.disposition)
        known = found.get(key)
        found[key] = (
            replace(
                known,
                quantity=known.quantity + line.quantity,
                restocked=known.restocked + line.restocked,
                lots=(*known.lots, *line.lots),
            )
            if known
            else line
        )
    return list(found.values())
