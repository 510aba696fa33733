from decimal import Decimal

from odoo import fields, models

from ..connectors.plan import take_from
from .quantities import plain, to_decimal
from .stock_reservation import PLACES


class StockChannelOrderLineShippedElsewhere(models.Model):
    _inherit = "stock.channel.order.line"

    fulfilled_lots = fields.Json(
        readonly=True,
        help="Lots and serial numbers of what the channel says has left, in the "
        "selling unit.",
    )
    fulfilled_seen_qty = fields.Float(
        "Shipped When Last Asked",
        digits=0,
        readonly=True,
        help="What the channel said has left when last asked.",
    )

    def _left_before_qty(self):
        """Return what has left before the order was known here, and not from here.

        What the channel ships from a place it operates leaves stock that is counted
        here, unless it was ordered before the channel went live.
        """
        self.ensure_one()
        order = self.channel_order_id
        live_at = self.channel_id.live_at
        is_ours = live_at and order.placed_at and order.placed_at >= live_at
        place = self.assigned_location_id or self.channel_location_id
        if is_ours and place.is_operated_by_channel:
            return 0.0
        return self.fulfilled_qty

    def _shares_shipped_there(self):
        """Return what has newly left from places the channel operates.

        :return: part → quantity in the selling unit.
        """
        self.ensure_one()
        missing = to_decimal(self.fulfilled_qty - self._shipped_qty())
        assigned = self.assigned_location_id
        parts = (
            self._parts()
            .filtered(
                lambda part: (
                    part.channel_location_id.is_operated_by_channel
                    and part.state == "sale"
                )
            )
            .sorted(lambda part: part.channel_location_id != assigned)
        )
        by_id = {str(part.id): part for part in parts}
        taken = take_from(
            [
                (
                    part_id,
                    to_decimal(
                        self._part_coming_qty(part) - self._part_shipped_qty(part)
                    ),
                )
                for part_id, part in by_id.items()
                if part.move_ids
            ],
            missing,
        )
        return {by_id[part_id]: float(quantity) for part_id, quantity in taken.items()}

    def _add_needs(self, parts, needs):
        """Add which goods are to leave for what the channel shipped of this line.

        :param parts: part → quantity in the selling unit.
        :param needs: (part, product) → {lot or empty: quantity in its unit}.
        :raise NeedsPerson: when the lots told are unknown or do not add up.
        """
        for product_id, per_unit in self._components(1.0).items():
            product = self.env["product.product"].browse(product_id)
            if product.type != "consu":
                continue
            amounts = {
                part: self._component_need(part, product, per_unit, quantity)
                for part, quantity in parts.items()
            }
            lots = self._lots_to_take(product, per_unit, sum(amounts.values()))
            for part, amount in amounts.items():
                by_id = {str(lot.id): lot for lot in lots}
                taken = take_from(
                    [(str(lot.id), quantity) for lot, quantity in lots.items()], amount
                )
                need = needs.setdefault((part, product), {})
                for lot_id, quantity in taken.items():
                    lot = by_id[lot_id]
                    lots[lot] -= quantity
                    need[lot] = need.get(lot, Decimal(0)) + quantity

    def _component_need(self, part, product, per_unit, quantity):
        """Return how much of a component must leave for ``quantity`` more units."""
        gone = sum(
            move.product_uom._compute_quantity(
                move.quantity, product.uom_id, round=False
            )
            for move in part._moves_gone()
            if move.product_id == product
        )
        target = per_unit * (self._part_shipped_qty(part) + quantity)
        return max(to_decimal(target - gone), Decimal(0))

    def _lots_to_take(self, product, per_unit, amount):
        """Return the lots that make up what left of a product.

        :param amount: Decimal, in the product's own unit.
        :return: lot → Decimal; the empty lot for what is not tracked.
        :raise NeedsPerson: when the channel's lots are not exactly these goods.
        """
        no_lot = self.env["stock.lot"]
        if product.tracking == "none" or not amount:
            return {no_lot: amount}
        company = self.company_id
        found = {
            lot.name: lot
            for lot in no_lot.search(
                [
                    ("product_id", "=", product.id),
                    ("name", "in", list(self.fulfilled_lots or {})),
                    ("company_id", "in", (False, company.id)),
                ]
            )
        }
        lots = {
            found[name]: to_decimal(units * per_unit)
            for name, units in self._newly_told_lots().items()
            if name in found
        }
        if sum(lots.values()) != amount:
            raise self._lots_wrong(product, found)
        return lots

    def _newly_told_lots(self):
        """Return the channel's lots less those that have left already.

        :return: lot name → quantity in the selling unit.
        """
        gone = {}
        for move_line in self._sale_lines()._moves_gone().move_line_ids:
            per_unit = self._components(1.0).get(move_line.product_id.id)
            if move_line.lot_id and per_unit:
                name = move_line.lot_id.name
                units = move_line.quantity_product_uom / per_unit
                gone[name] = gone.get(name, 0.0) + units
        left = {
            name: float(to_decimal(quantity - gone.get(name, 0.0)))
            for name, quantity in (self.fulfilled_lots or {}).items()
        }
        return {name: quantity for name, quantity in left.items() if quantity > 0}

    def _lots_wrong(self, product, found):
        """Return what a person reads when the lots told do not fit."""
        told = self.fulfilled_lots or {}
        if not told:
            cause = self.env._(
                "The channel shipped %(sku)s of order %(order)s without saying which "
                "lot or serial number.",
                sku=self.sku,
                order=self.channel_order_id.name,
            )
        else:
            cause = self.env._(
                "The channel shipped %(sku)s of order %(order)s with lots or serial "
                "numbers that are unknown or do not add up to what left: %(lots)s.",
                sku=self.sku,
                order=self.channel_order_id.name,
                lots=", ".join(
                    f"{plain(quantity)} × {name}" for name, quantity in told.items()
                ),
            )
        unknown = [name for name in told if name not in found]
        return self.channel_order_id._cannot_follow(
            cause, field="lots", value=", ".join(unknown or told)
        )


class StockMoveShippedElsewhere(models.Model):
    _inherit = "stock.move"

    def _steps_before(self):
        """Return how many steps of its delivery come before this move."""
        return max((1 + move._steps_before() for move in self.move_orig_ids), default=0)

    def _offered_lots(self, wanted):
        """Return how much of each wanted lot this move can take from its source.

        Goods brought by an earlier step are those set aside for the move; what is
        taken from a shelf may be any that lies there, whoever has reserved it.

        :param wanted: lots, the empty one for goods that are not tracked.
        :return: lot → Decimal in the product's own unit.
        """
        self.ensure_one()
        product = self.product_id
        if not product.is_storable:
            return dict.fromkeys(wanted, to_decimal(self.product_qty))
        if self.move_orig_ids:
            self._action_assign()
            rows = [
                (line.lot_id, line.quantity_product_uom) for line in self.move_line_ids
            ]
        else:
            rows = [(quant.lot_id, quant.quantity) for quant in self._source_quants()]
        offered = {}
        for lot, quantity in rows:
            key = lot if product.tracking != "none" else lot.browse()
            offered[key] = offered.get(key, Decimal(0)) + to_decimal(quantity)
        return offered

    def _source_places(self):
        """Return the ids of the locations that were offered to the channel for this."""
        return self._within_channel_location().env.context.get(PLACES) or (
            self.location_id.ids
        )

    def _source_quants(self, lot=None):
        """Return what lies where this move takes from, and is the company's own.

        What is on sale comes first: the channel may have shipped what was not, but
        only when there is nothing else.
        """
        domain = [
            ("product_id", "=", self.product_id.id),
            ("location_id", "child_of", self._source_places()),
            ("owner_id", "=", False),
            ("quantity", ">", 0),
        ]
        if lot:
            domain.append(("lot_id", "=", lot.id))
        quants = self.env["stock.quant"].search(domain, order="in_date, id")
        return quants.sorted(
            lambda quant: (
                quant.location_id.effective_stock_condition != "sellable"
                or quant.lot_id.stock_condition not in (False, "sellable")
            )
        )

    def _reserve_exactly(self, lot, quantity):
        """Reserve this much of a lot, from what others have reserved if need be.

        The goods have left: whatever was to take them takes others.

        :param float quantity: in the product's own unit.
        :return: the moves that lost their reservation.
        """
        self.ensure_one()
        robbed = self.browse()
        if not self.product_id.is_storable:
            self.quantity = self.product_id.uom_id._compute_quantity(
                quantity, self.product_uom, round=False
            )
            return robbed
        missing = quantity - self._reserve_free(lot, quantity)
        for move in self._reserving_moves(lot):
            if self.product_id.uom_id.compare(missing, 0.0) <= 0:
                break
            move._do_unreserve()
            robbed |= move
            missing -= self._reserve_free(lot, missing)
        return robbed

    def _reserve_free(self, lot, quantity):
        """Reserve what is free; return how much it was, in the product's unit."""
        taken = 0.0
        for quant in self._source_quants(lot):
            free = min(quant.quantity - quant.reserved_quantity, quantity - taken)
            if self.product_id.uom_id.compare(free, 0.0) > 0:
                taken += self._update_reserved_quantity(
                    free,
                    quant.location_id,
                    lot_id=quant.lot_id,
                    package_id=quant.package_id,
                    strict=True,
                )
        return taken

    def _reserving_moves(self, lot):
        """Return other moves that have reserved this lot here, the newest first."""
        domain = [
            ("product_id", "=", self.product_id.id),
            ("location_id", "child_of", self._source_places()),
            ("move_id", "!=", self.id),
            ("state", "in", ("assigned", "partially_available")),
            ("quantity_product_uom", ">", 0),
            ("picked", "=", False),
        ]
        if lot:
            domain.append(("lot_id", "=", lot.id))
        lines = self.env["stock.move.line"].search(domain)
        return lines.move_id.sorted("id", reverse=True)
