from decimal import Decimal

from odoo import api, fields, models

from ..connectors.plan import take_from
from ..connectors.sourcing import LineNeed, Place, choose_places
from .quantities import to_decimal


class StockChannelOrderSource(models.Model):
    """Where an order is taken from, when the channel has not said so."""

    _inherit = "stock.channel.order"

    def _stock_pairs(self):
        """Return the (product id, warehouse id) that applying this may reserve.

        Every warehouse that could be chosen is locked: whoever is served first must
        not be served twice.
        """
        self.ensure_one()
        pairs = set()
        for line in self.line_ids:
            warehouses = line._candidate_places().warehouse_id
            for product_id in line._component_ids():
                pairs.update((product_id, warehouse.id) for warehouse in warehouses)
        return pairs

    def _place_in_flight(self):
        """Count new lines without a location where they would be taken from.

        Until they are applied they lower the number there; where they are taken from is
        chosen once more then, behind the locks.
        """
        lines = self._lines_to_place()
        if lines:
            self._source(lines)

    def _lines_to_place(self):
        """Return the lines in flight whose place the channel leaves to us."""
        return self.line_ids.filtered(
            lambda line: (
                line.in_flight_qty > 0
                and not line.sale_line_id
                and not line.assigned_location_id
            )
        )

    def _source(self, lines):
        """Choose where what the sale order does not have yet is taken from.

        Called inside the transaction that reserves, after the locks: what is free is
        what nobody else can be taking at this moment. Before, when the order is read,
        it is a forecast.

        :return: dict of line → {channel location: quantity in the selling unit}, by
            priority. The first is the own place of a line that is new, from now on.
        """
        places = self.channel_id.location_ids._mapped()
        is_open = any(not line.assigned_location_id for line in lines)
        if not is_open or len(places) < 2:
            return {
                line: {line.channel_location_id: line._to_take_qty()} for line in lines
            }
        chosen = choose_places(
            [line._prepare_need() for line in lines],
            self._prepare_places(places),
            used={str(place.id) for place in self._places_still_shipping()},
        )
        by_id = {str(place.id): place for place in places}
        parts = {
            line: {
                by_id[place_id]: float(quantity)
                for place_id, quantity in chosen.parts[str(line.id)].items()
            }
            for line in lines
        }
        for line, taken in parts.items():
            place = next(iter(taken))
            if not line.sale_line_id and line.channel_location_id != place:
                line.channel_location_id = place
        return parts

    def _free_for_placing(self):
        """Return what is free for these orders, see ``_free_by_place``.

        What of them is in flight is subtracted already, at the place each line was
        given when it was read: it is added again, for it is what is being placed.
        """
        free = self.env["stock.channel.availability"]._free_by_place(
            self.line_ids.listing_id
        )
        for line in self.line_ids:
            for product_id, quantity in line._components(line.in_flight_qty).items():
                key = (line.channel_location_id.id, product_id)
                if key in free:
                    free[key] += quantity
        return free

    def _prepare_places(self, places):
        """Return these places and what they have for this order."""
        free = self._free_for_placing()
        return [
            Place(
                id=str(place.id),
                priority=place.sequence,
                free={
                    str(product_id): to_decimal(quantity)
                    for (place_id, product_id), quantity in free.items()
                    if place_id == place.id
                },
            )
            for place in places
        ]

    def _places_still_shipping(self):
        """Return the places that have a parcel of this order to send already."""
        open_lines = self.line_ids._sale_lines().filtered(
            lambda sale_line: any(
                move.state not in ("done", "cancel") for move in sale_line.move_ids
            )
        )
        return open_lines.channel_location_id


class StockChannelOrderLineSource(models.Model):
    """One line of the channel, taken from one place or from several.

    Each part is a sale order line of its own, so that its moves start in their own
    warehouse. ``sale_line_id`` is the part at ``channel_location_id``.
    """

    _inherit = "stock.channel.order.line"

    sale_line_ids = fields.One2many(
        "sale.order.line",
        "channel_order_line_id",
        string="Parts",
        readonly=True,
    )
    taken_from_ids = fields.Many2many(
        "stock.channel.location",
        string="Places Taken from",
        compute="_compute_taken_from_ids",
        compute_sudo=True,
        help="Where the line is taken from; several, when no place had all of it.",
    )

    @api.depends(
        "channel_location_id",
        "sale_line_id",
        "sale_line_ids.channel_location_id",
        "sale_line_ids.product_uom_qty",
    )
    def _compute_taken_from_ids(self):
        for line in self:
            line.taken_from_ids = line._taken_from()

    def _sale_lines(self):
        """Return the parts of these lines in the sale order, as superuser."""
        lines_sudo = self.sudo()
        return lines_sudo.sale_line_id | lines_sudo.sale_line_ids

    def _parts(self):
        """Return the parts of this line: first its own place's, then by priority."""
        self.ensure_one()
        own_sudo = self.sudo().sale_line_id
        return own_sudo | (self._sale_lines() - own_sudo).sorted(
            lambda part: (part.channel_location_id.sequence, part.id)
        )

    def _taken_from(self):
        """Return the places this line is taken from, its own first."""
        self.ensure_one()
        wanted = self._parts().filtered("product_uom_qty")
        return wanted.channel_location_id or self.channel_location_id

    def _candidate_places(self):
        """Return the places that applying this line may take from."""
        self.ensure_one()
        places = (
            self.channel_location_id
            | self.assigned_location_id
            | self._sale_lines().channel_location_id
        )
        if not self.assigned_location_id and self._to_take_qty() > 0:
            places |= self.channel_id.location_ids._mapped()
        return places

    def _prepare_need(self):
        """Return what this line needs; what is not kept in stock needs nothing."""
        self.ensure_one()
        needs = self._components(1.0)
        products = self.env["product.product"].browse(needs)
        counted = set(products.filtered("is_storable").ids)
        digits = self.env["decimal.precision"].precision_get("Product Unit")
        is_whole = self.listing_id.is_whole_units
        return LineNeed(
            id=str(self.id),
            quantity=to_decimal(self._to_take_qty()),
            needs={
                str(product_id): Decimal(repr(per_unit))
                for product_id, per_unit in needs.items()
                if product_id in counted
            },
            step=Decimal(1) if is_whole else Decimal(1).scaleb(-digits),
            place=str(self.channel_location_id.id) if self.assigned_location_id else "",
        )

    def _part_at(self, place):
        """Return the part taken from a place, if there is one."""
        return self._parts().filtered(lambda part: part.channel_location_id == place)[
            :1
        ]

    def _link_own_part(self):
        """Let each new line's own sale line be the part at its own place."""
        for line in self.filtered(lambda line: not line.sale_line_id):
            line.sale_line_id = line._part_at(line.channel_location_id)

    # --------------------------------------------------------- part by part

    def _part_shipped_qty(self, part):
        """Return how many selling units have left with one part."""
        return self._units_in(part._moves_gone())

    def _share_reduction(self, quantity):
        """Return how much to take off each part for ``quantity`` in all.

        What is picked already goes last. Of the rest what is short goes first, then
        what was split off last: fewer parcels are left.
        What exceeds all that has not left stays with the line's own part, where it is
        refused.

        :return: dict of part → quantity in the selling unit.
        """
        parts = self._parts()
        if len(parts) == 1:
            return {parts: quantity}
        by_id = {str(part.id): part for part in parts}
        reduced = take_from(
            [
                (
                    str(part.id),
                    to_decimal(part.product_uom_qty - self._part_shipped_qty(part)),
                )
                for part in parts[::-1].sorted(
                    lambda part: (part.move_ids._is_begun(), not part._is_short())
                )
            ],
            to_decimal(quantity),
        )
        own_id = str(parts[:1].id)
        excess = to_decimal(quantity) - sum(reduced.values(), Decimal(0))
        if excess:
            reduced[own_id] = reduced.get(own_id, Decimal(0)) + excess
        return {by_id[part_id]: float(taken) for part_id, taken in reduced.items()}

    def _unreported_at(self, place):
        """Return what has left from one place and was not reported yet.

        A line in several parts leaves in several parcels, maybe in one moment: each is
        reported from where it left.

        :return: in the selling unit.
        """
        parts = self._parts()
        if len(parts) <= 1:
            return self._shipped_qty() - self.reported_qty
        gone = sum(
            self._part_shipped_qty(part)
            for part in parts
            if part.channel_location_id == place
        )
        return gone - sum(self._reports_at(place).mapped("quantity"))
