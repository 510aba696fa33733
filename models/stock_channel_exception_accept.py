from dataclasses import replace
from decimal import Decimal

from odoo import models
from odoo.exceptions import UserError

from ..connectors.data import CountLine, CountSnapshot
from .quantities import to_decimal
from .stock_channel_count import wire_values
from .stock_channel_count_reading import CountReading
from .stock_channel_exception import NeedsPerson
from .stock_channel_poll import as_aware


class StockChannelExceptionAccept(models.Model):
    """Where whoever holds the goods shows another number, they may be right."""

    _inherit = "stock.channel.exception"

    def action_accept_number(self):
        """Propose the channel's number as a count; a second person decides.

        Nothing changes before somebody has approved it: the ERP owns the numbers.
        """
        self.ensure_one()
        self.check_access("read")
        self._check_operator()
        row_sudo = self.sudo().publication_id
        if self.category != "drift" or self.state != "open" or not row_sudo.observed_at:
            raise UserError(
                self.env._("There is no number of the channel that could be accepted.")
            )
        try:
            approval_sudo = row_sudo._propose_shown()
        except NeedsPerson as need:
            raise UserError(need.as_text()) from need
        if not approval_sudo:
            raise UserError(self.env._("The stock here says the same already."))
        self.sudo().approval_id = approval_sudo
        return self._open_form(approval_sudo.with_env(self.env))


class StockChannelPublicationAccept(models.Model):
    _inherit = "stock.channel.publication"

    def _propose_shown(self):
        """Propose that the stock differs as the channel's number does.

        What the channel shows is no count of shelves: orders are off it already. So
        the difference is proposed, from what was on hand when it was read.

        :return: the ``stock.channel.approval``, empty when nothing differs.
        :raise NeedsPerson: where nobody could say where a difference lies.
        :raise UserError: where it has to be counted, such as by lot.
        """
        self.ensure_one()
        if self.product_id.tracking != "none":
            raise UserError(
                self.env._("Have it counted: the channel's number names no lots.")
            )
        count = self._count_of_shown()
        rows = CountReading(count).rows()
        if len(rows) != 1 or rows[0].issue:
            raise UserError("\n".join(row.note for row in rows))
        listing = self.listing_id
        here = listing.product_id.uom_id._compute_quantity(
            float(rows[0].expected), listing.uom_id, round=False
        )
        differs = to_decimal(self.observed_qty) - to_decimal(self.expected_qty)
        shown = max(to_decimal(here) + differs, Decimal(0))
        (line,) = count.wire["lines"]
        count.wire = {
            **count.wire,
            "lines": [{**line, "quantity": f"{shown:f}"}],
        }
        return count._propose()

    def _count_of_shown(self):
        counts = self.env["stock.channel.count"]
        place = self.channel_location_id
        counts._check_place(place)
        seen_at = self.observed_at.replace(microsecond=0)
        snapshot = CountSnapshot(
            id=f"shown-{self.id}-{int(as_aware(seen_at).timestamp())}",
            location_id=place.external_id,
            counted_at=as_aware(seen_at),
            lines=(CountLine(sku=self.listing_id.sku, quantity=Decimal(0)),),
        )
        tries = counts.search_count(
            [
                ("channel_id", "=", self.channel_id.id),
                ("external_id", "=like", f"{snapshot.id}%"),
            ]
        )
        snapshot = replace(snapshot, id=f"{snapshot.id}-{tries + 1}")
        return counts.create(
            {
                "channel_id": self.channel_id.id,
                "external_id": snapshot.id,
                "channel_location_id": place.id,
                "counted_at": seen_at,
                "wire": wire_values(snapshot),
            }
        )
