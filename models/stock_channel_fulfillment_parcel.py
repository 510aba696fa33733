import logging

from odoo import api, fields, models

from ..connectors.plan import take_from
from .locks import CONCURRENCY_ERRORS
from .quantities import to_decimal
from .stock_channel_message import describe_error

_logger = logging.getLogger(__name__)


class StockChannelFulfillmentParcel(models.Model):
    """One report per parcel: per transfer, channel order and channel location."""

    _inherit = "stock.channel.fulfillment"

    @api.model
    def _record_shipped(self, moves):
        """Record what left; trouble in here never keeps a parcel from leaving.

        The clerk who validates a transfer can do nothing about a channel's record.
        """
        try:
            with self.env.cr.savepoint():
                self._create_from_moves(moves)
        except CONCURRENCY_ERRORS:
            raise
        except Exception as error:
            _logger.exception("a shipment was not recorded")
            order = moves.sale_line_id._channel_lines().channel_order_id[:1]
            self.env["stock.channel.exception"]._open(
                order.channel_id,
                category="internal",
                fingerprint=f"order:{order.id}:shipment",
                title=self.env._("The shipment of %s was not recorded", order.name),
                cause=describe_error(error),
                next_step=self.env._(
                    "Tell the channel by hand that the order was shipped, and the "
                    "administrator what is written here."
                ),
                channel_order_id=order.id,
            )

    @api.model
    def _create_from_moves(self, moves):
        """Record what left, per channel order, transfer and channel location.

        Written in the transaction that validates the transfer: either the goods
        have left and the channel will be told, or neither.
        """
        for picking, in_picking in moves.grouped("picking_id").items():
            groups = {}
            for sale_line in in_picking.sale_line_id:
                for line in sale_line._channel_lines():
                    place = sale_line.channel_location_id or line.channel_location_id
                    lines = groups.setdefault((line.channel_order_id, place), set())
                    lines.add(line)
            for (order, location), lines in groups.items():
                values = [
                    vals
                    for vals in (
                        line._prepare_fulfillment_line(location)
                        for line in sorted(lines, key=lambda line: line.id)
                    )
                    if vals
                ]
                if values:
                    self._create_one(order, location, picking, values)
                order._left_from_here()

    def _create_one(self, order, location, picking, line_values):
        self.create(
            {
                "channel_id": order.channel_id.id,
                "channel_order_id": order.id,
                "channel_location_id": location.id,
                "picking_id": picking.id,
                "shipped_at": picking.date_done or fields.Datetime.now(),
                **self._prepare_way(picking),
                "line_ids": [fields.Command.create(vals) for vals in line_values],
            }
        )
        order.channel_id._wake_publishers()

    @api.model
    def _prepare_way(self, picking):
        """Return how a parcel travels; of several labels the first one's page."""
        labels = picking.get_multiple_carrier_tracking() if picking else False
        url = labels[0][1] if labels else picking.carrier_tracking_url
        return {
            "carrier": picking.carrier_id.name,
            "tracking": picking.carrier_tracking_ref,
            "tracking_url": url,
        }

    @api.model
    def _tracking_changed(self, pickings):
        """Carry a tracking number that came late or was corrected to the channel.

        What the channel may have with other words is told anew under the same id.
        """
        for parcel in self.search([("picking_id", "in", pickings.ids)]):
            way = self._prepare_way(parcel.picking_id)
            if all((parcel[name] or "") == (way[name] or "") for name in way):
                continue
            parcel.write(way)
            if not parcel.by_channel:
                parcel._tell_anew()

    def _tell_anew(self):
        """Let the channel hear of another carrier or tracking."""
        self.ensure_one()
        if self.attempts or self.is_taken or self.state == "rejected":
            self.revision += 1
            self.is_correction = (
                self.is_correction or self.is_taken or self.state != "rejected"
            )
        if self.state in ("done", "rejected"):
            self._update_state("pending", {"attempts": 0, "next_attempt_at": False})
        self.channel_id._wake_publishers()


class StockChannelOrderLineShipped(models.Model):
    _inherit = "stock.channel.order.line"

    def _prepare_fulfillment_line(self, place):
        """Return what of this line has left from a place and was not reported yet.

        Whole kits only: a kit counts when all its components have left, whichever
        parcel the last one was in.

        :param place: the channel location they left from.
        """
        self.ensure_one()
        quantity = self._unreported_at(place)
        if self.uom_id.compare(quantity, 0.0) <= 0:
            return None
        self.reported_qty = float(to_decimal(self.reported_qty + quantity))
        return {
            "order_line_id": self.id,
            "quantity": quantity,
            "lots": self._lots_leaving(place, quantity) or False,
        }

    def _lots_leaving(self, place, quantity):
        """Return which lots make up what is reported of this line now.

        All that left so far, less what was reported: the first components of a kit
        may have left in an earlier parcel. A kit of several tracked components has no
        lots of its own, since they would be more than the kits.

        :param float quantity: in the selling unit.
        :return: dict of lot name → quantity in the selling unit.
        """
        per_unit = self._components(1.0)
        products = self.env["product.product"].browse(per_unit)
        tracked = products.filtered(lambda product: product.tracking != "none")
        if len(tracked) != 1:
            return {}
        left = {}
        for move in self._gone_moves(place):
            if move.product_id != tracked:
                continue
            for move_line in move.move_line_ids.filtered("lot_id").sorted("id"):
                units = to_decimal(
                    move_line.quantity_product_uom / per_unit[tracked.id]
                )
                name = move_line.lot_id.name
                left[name] = left.get(name, 0) + units
        for earlier in self._reports_at(place):
            for name, told in (earlier.lots or {}).items():
                left[name] = left.get(name, 0) - to_decimal(told)
        taken = take_from(left.items(), to_decimal(quantity))
        return {name: float(units) for name, units in taken.items()}

    def _gone_moves(self, place):
        """Return the moves of this line that have left from a place, oldest first."""
        parts = self._sale_lines().filtered(
            lambda part: part.channel_location_id in (place, place.browse())
        )
        return parts._moves_gone().sorted("id")

    def _reports_at(self, place):
        """Return what the channel was told, or told, of parcels from a place."""
        return self.env["stock.channel.fulfillment.line"].search(
            [
                ("order_line_id", "=", self.id),
                ("fulfillment_id.kind", "=", "shipment"),
                ("fulfillment_id.channel_location_id", "=", place.id),
            ]
        )

    def _shipped_qty(self):
        """Return how many of this line have left for the customer so far."""
        return self.elsewhere_qty + sum(
            self._part_shipped_qty(part) for part in self._sale_lines()
        )
