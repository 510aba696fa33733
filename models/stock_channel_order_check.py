from dataclasses import asdict

from odoo import models
from odoo.tools import float_compare

from .quantities import plain
from .stock_channel_exception import NeedsPerson


def address_values(snapshot):
    """Return the shipping address of a snapshot as it is stored."""
    address = snapshot.shipping_address
    return asdict(address) if address else False


class StockChannelOrderCheck(models.Model):
    """What a person must look at before or after a snapshot is applied."""

    _inherit = "stock.channel.order"

    def _check_after(self, snapshot):
        """Tell a person of what an applied snapshot leaves open."""
        self._check_shipped_elsewhere()
        if self.sale_order_id and not self._holds_only_rest():
            self._check_total(snapshot)

    def _check_sale_order(self):
        """Refuse to make a second sale order where somebody deleted the first.

        :raise NeedsPerson: then.
        """
        is_wanted = any(line._wanted_qty() > 0 for line in self.line_ids)
        if not self.was_created or self.sale_order_id or not is_wanted:
            return
        raise NeedsPerson(
            category="data",
            fingerprint=f"order:{self.id}:deleted",
            title=self.env._("The sale order of %s was deleted", self.name),
            cause=self.env._(
                "The channel changed order %s, whose sale order was deleted in Odoo.",
                self.name,
            ),
            next_step=self.env._(
                "Cancel the order at the channel, or make a sale order by hand."
            ),
            channel_order_id=self.id,
        )

    def _check_precision(self, line, quantity):
        """Refuse a quantity that a sale order would round.

        :param float quantity: in the selling unit.
        :raise NeedsPerson: then.
        """
        digits = self.env["decimal.precision"].precision_get("Product Unit")
        if not float_compare(quantity, round(quantity, digits), precision_digits=6):
            return
        raise NeedsPerson(
            category="data",
            fingerprint=f"order:{self.id}:precision",
            title=self.env._("The quantity of %s is finer than Odoo counts", line.sku),
            cause=self.env._(
                "Order %(order)s is for %(quantity)s %(unit)s; quantities here have "
                "%(digits)s decimals.",
                order=self.name,
                quantity=plain(quantity),
                unit=line.uom_id.name,
                digits=digits,
            ),
            next_step=self.env._(
                "Raise the decimal accuracy of Product Unit in the settings, then "
                "retry."
            ),
            field="quantity",
            value=plain(quantity),
            channel_order_id=self.id,
            listing_id=line.listing_id.id,
        )

    def _tell_of_same_version(self, snapshot):
        """Tell that one version came with two contents; the later one counts."""
        self.env["stock.channel.exception"]._open(
            self.channel_id,
            category="data",
            fingerprint=f"order:{self.id}:version",
            title=self.env._("%s came with two contents", self.name),
            cause=self.env._(
                "The channel told version %s of the order twice, with different "
                "quantities. The later one was applied.",
                snapshot.version,
            ),
            next_step=self.env._(
                "Compare the order at the channel with the sale order, then ignore "
                "this. The channel should count its versions up."
            ),
            field="version",
            value=str(snapshot.version),
            channel_order_id=self.id,
        )

    def _check_shipped_elsewhere(self):
        """Tell a person that the channel ships what has not left from here.

        Not for orders from before the channel went live: those were somebody
        else's to ship.
        """
        exceptions = self.env["stock.channel.exception"]
        fingerprint = f"order:{self.id}:elsewhere"
        live_at = self.channel_id.live_at
        is_ours = live_at and self.placed_at and self.placed_at >= live_at
        ahead = self.line_ids.filtered(
            lambda line: (
                line.fulfilled_qty > line._left_from_here_qty()
                and (is_ours or line.fulfilled_qty > line.reported_qty)
            )
        )
        if not ahead:
            exceptions._resolve_fingerprint(self.channel_id, fingerprint)
            return
        exceptions._open(
            self.channel_id,
            category="stock",
            fingerprint=fingerprint,
            title=self.env._("The channel says it shipped %s", self.name),
            cause=self.env._(
                "The channel reports as shipped what has not left from here: %s.",
                ", ".join(
                    f"{plain(line.fulfilled_qty - line._left_from_here_qty())} "
                    f"{line.uom_id.name or ''} {line.sku}"
                    for line in ahead
                ),
            ),
            next_step=self.env._(
                "If it was shipped from stock that is counted here, validate its "
                "delivery, or correct the stock where it has none. If nobody shipped "
                "it, ask the channel's operator."
            ),
            channel_order_id=self.id,
        )


class StockChannelOrderLineCheck(models.Model):
    _inherit = "stock.channel.order.line"

    def _left_from_here_qty(self):
        """Return how many have left with a delivery of ours."""
        self.ensure_one()
        return self._shipped_qty() - self.elsewhere_qty if self.sale_line_id else 0.0
