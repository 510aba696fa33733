from odoo import api, fields, models
from odoo.exceptions import ValidationError

from ..connectors.sourcing import Place, servable
from .quantities import plain, to_decimal


class StockChannelRefuse(models.Model):
    """What becomes of an order that asks for more than there is."""

    _inherit = "stock.channel"

    when_short = fields.Selection(
        [
            ("accept", "Take Over and Tell Somebody"),
            ("refuse", "Cancel at the Channel What Is Not There"),
        ],
        string="When Sold Out",
        required=True,
        default="accept",
        tracking=True,
        help="What becomes of an order for more than is there and the Backorder rule "
        "allows. Either it is taken over and an exception says what is missing; or what "
        "is not there is cancelled at the channel, and the rest is taken over.",
    )

    @api.constrains("when_short", "connector")
    def _check_when_short(self):
        for channel in self:
            if channel.when_short == "refuse" and not channel._can_refuse():
                raise ValidationError(
                    self.env._(
                        "%s cannot be told of cancellations; its orders are taken over "
                        "as they come.",
                        channel.name,
                    )
                )

    def _can_refuse(self):
        self.ensure_one()
        return self._capabilities().can_cancel


class StockChannelOrderRefuse(models.Model):
    """Refusing what is not there, before anything of it is promised here."""

    _inherit = "stock.channel.order"

    is_refused = fields.Boolean(
        "Refused",
        readonly=True,
        help="Nothing of it was there when it came, so all of it was cancelled at the "
        "channel and no sale order was made.",
    )

    def _refuse_short(self):
        """Cancel at the channel what of this order cannot be served.

        Called inside the transaction that reserves, after the locks. The cancellation
        is recorded in it too: either the order is taken over without that part and the
        channel will be told, or neither.
        """
        self.ensure_one()
        channel = self.channel_id
        if channel.when_short != "refuse" or not channel._can_refuse():
            return
        lines = self.line_ids.filtered(
            lambda line: line.listing_id and line._to_take_qty() > 0
        )
        refused = {
            line: quantity
            for line, quantity in self._unservable(lines).items()
            if line.uom_id.compare(quantity, 0.0) > 0
        }
        for line, quantity in refused.items():
            line._record_cancel(quantity, self.env._("Sold out."))
        if not refused:
            return
        self.is_refused = not self.was_created and not any(
            line._to_take_qty() > 0 for line in self.line_ids
        )
        self.message_post(
            body=self.env._(
                "Not there, and cancelled at the channel: %s.",
                ", ".join(
                    f"{plain(quantity)} {line.uom_id.name} {line.sku}"
                    for line, quantity in refused.items()
                ),
            )
        )

    def _unservable(self, lines):
        """Return what of these lines neither is there nor may be owed.

        :return: dict of line → quantity in the selling unit.
        """
        places = lines.channel_location_id | self.channel_id.location_ids._mapped()
        if not lines or not places:
            return {}
        served = servable(
            [line._prepare_need() for line in lines], self._allowed_places(places)
        )
        return {
            line: line._to_take_qty() - float(served[str(line.id)]) for line in lines
        }

    def _allowed_places(self, places):
        """Return these places with what they have, and what rules let them owe."""
        products = {
            product_id for line in self.line_ids for product_id in line._component_ids()
        }
        held = self.env["stock.channel.availability"]._held_by_product(products)
        allowance = {
            (one.place, str(product_id)): one.allowance
            for product_id, ones in held.items()
            for one in ones
        }
        zero = to_decimal(0.0)
        return [
            Place(
                id=place.id,
                priority=place.priority,
                free={
                    product: quantity + allowance.get((place.id, product), zero)
                    for product, quantity in place.free.items()
                },
            )
            for place in self._prepare_places(places)
        ]

    def _apply_tombstone(self, plan, snapshot):
        return self._refused_note() or super()._apply_tombstone(plan, snapshot)

    def _apply_change(self, plan, snapshot):
        return self._refused_note() or super()._apply_change(plan, snapshot)

    def _refused_note(self):
        if self.is_refused and not self.was_created:
            return self.env._("Nothing of it is there: cancelled at the channel.")
        return ""

    def _check_after(self, snapshot):
        """Leave an order of which nothing was taken over cancelled."""
        result = super()._check_after(snapshot)
        if self.is_refused and not self.was_created:
            self._update_state("cancelled")
        return result
