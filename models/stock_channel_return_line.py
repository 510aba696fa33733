from decimal import Decimal

from odoo import api, fields, models

from ..connectors.data import Disposition
from ..connectors.plan import take_from
from .quantities import plain, to_decimal
from .stock_channel_exception import NeedsPerson
from .stock_channel_return import DISPOSITIONS


class StockChannelReturnLine(models.Model):
    """How many of one order line come back, and what becomes of them.

    All quantities in the selling unit. Every stock move that belongs to the line
    names it: the ones that bring goods from the customer, and the ones that take
    them out of quarantine later.
    """

    _name = "stock.channel.return.line"
    _description = "Channel Return Line"

    channel_return_id = fields.Many2one(
        "stock.channel.return",
        required=True,
        readonly=True,
        ondelete="cascade",
        index=True,
    )
    channel_id = fields.Many2one(related="channel_return_id.channel_id", store=True)
    company_id = fields.Many2one(related="channel_return_id.company_id", store=True)
    channel_order_id = fields.Many2one(
        related="channel_return_id.channel_order_id", store=True
    )
    order_line_id = fields.Many2one(
        "stock.channel.order.line",
        required=True,
        readonly=True,
        ondelete="cascade",
        index=True,
    )
    sku = fields.Char(related="order_line_id.sku")
    product_id = fields.Many2one(related="order_line_id.product_id", store=True)
    uom_id = fields.Many2one(related="order_line_id.uom_id")
    quantity = fields.Float("Announced", digits=0, readonly=True)
    planned_qty = fields.Float("In Transfers", digits=0, readonly=True)
    done_qty = fields.Float("Came Back", digits=0, readonly=True)
    disposition = fields.Selection(
        DISPOSITIONS,
        string="What to Do",
        required=True,
        readonly=True,
        help="Decided by the operator, else by the channel's return, else by the "
        "channel's setting.",
    )
    decided_disposition = fields.Selection(
        DISPOSITIONS,
        string="Operator's Decision",
        readonly=True,
        help="Stands, whatever the channel says later.",
    )
    said_disposition = fields.Selection(
        DISPOSITIONS, string="Channel's Word", readonly=True
    )
    restocked_qty = fields.Float(
        "Restocked by Channel",
        digits=0,
        readonly=True,
        help="How many of it the channel has put on the number it shows, by itself.",
    )
    planned_disposition = fields.Selection(DISPOSITIONS, readonly=True)
    lots = fields.Json(
        readonly=True, help="Lots and serials the channel names: name and quantity."
    )
    move_ids = fields.One2many(
        "stock.move", "channel_return_line_id", string="Stock Moves", readonly=True
    )

    @api.depends("sku", "channel_return_id.external_id")
    def _compute_display_name(self):
        for line in self:
            line.display_name = f"{line.channel_return_id.external_id} {line.sku}"

    @api.model
    def _prepare_from_wire(self, channel_return, line, wire):
        """Return the values of a line as the channel tells it.

        :param line: the line known so far, or None.
        """
        decided = line and line.decided_disposition
        said = wire.disposition and wire.disposition.value
        lots = {}
        for lot in wire.lots:
            lots[lot.name] = lots.get(lot.name, 0.0) + float(lot.quantity)
        return {
            "quantity": float(wire.quantity),
            "disposition": decided
            or said
            or channel_return.channel_id.return_disposition,
            "said_disposition": said,
            "restocked_qty": float(wire.restocked),
            "lots": lots or False,
        }

    def _said(self):
        """Return the channel's word as connectors say it; None left it to us."""
        self.ensure_one()
        return Disposition(self.said_disposition) if self.said_disposition else None

    def _has_sibling(self):
        """Return whether the return has another line of the same order line."""
        self.ensure_one()
        same = self.channel_return_id.line_ids.filtered(
            lambda line: line.order_line_id == self.order_line_id
        )
        return len(same) > 1

    def _compare(self, quantity):
        """Return -1, 0 or 1 as a quantity in the selling unit is to zero."""
        self.ensure_one()
        return self.order_line_id.uom_id.compare(quantity, 0.0)

    # -------------------------------------------------------------- planning

    def _is_planned_otherwise(self):
        """Return whether the open transfers do not fit what is expected now."""
        self.ensure_one()
        return self._compare(self.planned_qty - self.quantity) > 0 or (
            self._compare(self.planned_qty - self.done_qty) > 0
            and self.planned_disposition != self.disposition
        )

    def _moves_in(self):
        """Return the moves that bring goods of this line from the customer."""
        return self.sudo().move_ids.filtered(
            lambda move: move.state != "cancel" and move.location_id.usage == "customer"
        )

    def _came(self):
        """Return the moves that have brought goods of this line."""
        return self._moves_in().filtered(lambda move: move.state == "done")

    def _came_back_qty(self):
        """Return how many have come back with this return, in the selling unit."""
        self.ensure_one()
        return self.order_line_id._units_in(self._came())

    def _needs(self):
        """Return what has to be planned still: product id → its own unit.

        Parts of a kit may be here without the rest, and more may be in a transfer
        than whole units were planned: only what is in none is needed.
        """
        self.ensure_one()
        order_line = self.order_line_id
        planned = order_line._components(self.planned_qty)
        in_moves = self._moves_in()._counted_by_product()
        needs = {}
        for product_id, missing in order_line._components(
            self.quantity - self.planned_qty
        ).items():
            surplus = in_moves.get(product_id, 0.0) - planned.get(product_id, 0.0)
            needs[product_id] = max(missing - max(surplus, 0.0), 0.0)
        return needs

    def _missing(self):
        """Return what is expected and has not come: product id → its own unit."""
        self.ensure_one()
        if self.channel_return_id.state == "cancelled":
            return {}
        came = self._came()._counted_by_product()
        missing = {
            product_id: to_decimal(wanted - came.get(product_id, 0.0))
            for product_id, wanted in self.order_line_id._components(
                self.quantity
            ).items()
        }
        return {
            product_id: float(quantity)
            for product_id, quantity in missing.items()
            if quantity > 0
        }

    def _destination(self, move):
        """Return the stock location these goods come back to.

        :param move: the delivery they left with: a line in several parts comes back
            where each part left, unless the channel names the place.
        :raise NeedsPerson: when nobody said where goods to be inspected go.
        """
        self.ensure_one()
        if self.disposition == Disposition.INSPECT:
            return self._quarantine_location()
        if self.disposition == Disposition.SCRAP:
            return self._scrap_location()
        return self._shelf(move)

    def _shelf(self, move):
        """Return the location that goods of this delivery are sold from again."""
        self.ensure_one()
        place = (
            self.channel_return_id.channel_location_id._mapped()
            or move.sale_line_id.channel_location_id
            or self.order_line_id.channel_location_id
        )
        warehouse_stock = place.warehouse_id.lot_stock_id
        return warehouse_stock & place.location_ids or place.location_ids[:1]

    def _scrap_location(self):
        return self.env["stock.location"].search(
            [
                ("usage", "=", "inventory"),
                ("company_id", "in", [False, self.company_id.id]),
            ],
            limit=1,
        )

    def _quarantine_location(self):
        """Return where goods to be inspected go, which must not be on sale.

        :raise NeedsPerson: when there is none, or when it would be sold from.
        """
        channel_return = self.channel_return_id
        channel = channel_return.channel_id
        location = channel.quarantine_location_id
        if location and location.effective_stock_condition != "sellable":
            return location
        if location:
            cause = self.env._(
                "Return %(name)s must be inspected first, and what lies in "
                "%(location)s would be on sale at once.",
                name=channel_return.external_id,
                location=location.complete_name,
            )
            next_step = self.env._(
                "Give the location the stock condition Quarantine, then retry."
            )
        else:
            cause = self.env._(
                "Return %s must be inspected first and the channel has no "
                "quarantine location.",
                channel_return.external_id,
            )
            next_step = self.env._(
                "Choose a quarantine location on the channel, then retry."
            )
        raise NeedsPerson(
            category="data",
            fingerprint=f"return:{channel.id}:quarantine",
            title=self.env._("Nobody said where returns are inspected"),
            cause=cause,
            next_step=next_step,
            channel_order_id=channel_return.channel_order_id.id,
        )

    # -------------------------------------------------- the original delivery

    def _moves_to_return(self, needs):
        """Return (delivered move, quantity in its unit) pairs to hang it on.

        :param needs: product id → quantity in the product's own unit.
        :raise NeedsPerson: when less than that has left and is not back yet, or a
            lot was not shipped on this order.
        """
        self.ensure_one()
        delivered = self.order_line_id._delivered_moves()
        lots = self._lots_expected()
        pairs = []
        for product_id, amount in needs.items():
            moves = delivered.filtered(lambda m, p=product_id: m.product_id.id == p)
            wanted = to_decimal(amount)
            taken = self._take_lots(moves, wanted, lots) if lots else {}
            left = {
                str(move.id): to_decimal(move._channel_returnable_qty())
                - taken.get(str(move.id), Decimal(0))
                for move in moves.sorted("id")
            }
            rest = wanted - sum(taken.values(), Decimal(0))
            for move_id, part in take_from(left.items(), rest).items():
                taken[move_id] = taken.get(move_id, Decimal(0)) + part
            if sum(taken.values(), Decimal(0)) < wanted:
                raise self.channel_return_id._over_return(self.sku)
            by_id = {str(move.id): move for move in moves}
            pairs += [
                (
                    by_id[move_id],
                    by_id[move_id].product_id.uom_id._compute_quantity(
                        float(part), by_id[move_id].product_uom, round=False
                    ),
                )
                for move_id, part in taken.items()
            ]
        if any(lots.values()):
            raise self._wrong_lot(", ".join(sorted(filter(lots.get, lots))))
        return pairs

    def _lots_expected(self):
        """Return the lots the channel names that have not come: name → quantity.

        In the product's own unit, for lines of one product; components of kits are
        counted one by one, as the channel can only name them so.
        """
        self.ensure_one()
        components = self.order_line_id._components(1.0)
        factor = next(iter(components.values())) if len(components) == 1 else 1.0
        expected = {
            name: to_decimal(quantity * factor)
            for name, quantity in (self.lots or {}).items()
        }
        for move_line in self._came().move_line_ids:
            name = move_line.lot_id.name
            if name in expected:
                came = to_decimal(move_line.quantity_product_uom)
                expected[name] = max(expected[name] - came, Decimal(0))
        return expected

    def _take_lots(self, moves, wanted, lots):
        """Take the named lots from the deliveries that shipped them.

        :param wanted: at most so many of the product.
        :param lots: name → quantity; what is found is taken off it.
        :return: move id → quantity taken.
        """
        taken = {}
        for name, quantity in lots.items():
            most = min(quantity, wanted - sum(taken.values(), Decimal(0)))
            left = [
                (str(move.id), min(of_lot, to_decimal(move._channel_returnable_qty())))
                for move in moves.sorted("id")
                for lot, of_lot in move._channel_lots_left().items()
                if lot.name == name
            ]
            for move_id, part in take_from(left, most).items():
                taken[move_id] = taken.get(move_id, Decimal(0)) + part
                lots[name] -= part
        return taken

    def _wrong_lot(self, names):
        channel_return = self.channel_return_id
        shipped = self.order_line_id._delivered_moves().move_line_ids.lot_id
        return NeedsPerson(
            category="data",
            fingerprint=f"return:{channel_return.channel_id.id}:"
            f"{channel_return.external_id}:quantity",
            title=self.env._("A return names a lot or serial that was not shipped"),
            cause=self.env._(
                "Return %(name)s of order %(order)s: %(lots)s of %(sku)s has not left "
                "with this order, or is back already. Nothing was moved.",
                name=channel_return.external_id,
                order=channel_return.channel_order_id.name,
                lots=names,
                sku=self.sku,
            ),
            next_step=self.env._(
                "Read the number on the goods. When the channel has corrected the "
                "return, retry."
            ),
            field="lots",
            value=names,
            expected_value=", ".join(sorted(shipped.mapped("name"))),
            channel_order_id=channel_return.channel_order_id.id,
        )

    # ------------------------------------------------------------------ lots

    def _pin_lots(self):
        """Let open transfers ask for the lots the channel names, and guess none.

        Odoo fills in some lot that left. Where several did and the channel names
        none, whoever has the goods in hand must say which it is.
        """
        for line in self:
            expected = line._lots_expected()
            open_moves = line._moves_in().filtered(
                lambda move: move.state != "done" and move.has_tracking != "none"
            )
            for move in open_moves.filtered(lambda move: not move.picked):
                move._pin_channel_lots(expected)

    def _check_lots_known(self, transfers):
        """Refuse to believe a channel that does not say which of several lots came.

        :raise NeedsPerson: naming the lots that were shipped.
        """
        for line in self:
            unnamed = transfers.move_ids.filtered(
                lambda move, line=line: (
                    move.channel_return_line_id == line
                    and move.state not in ("done", "cancel")
                    and move.has_tracking != "none"
                    and move.move_line_ids.filtered(lambda row: not row.lot_id)
                )
            )
            if unnamed:
                raise line._wrong_lot(
                    self.env._("%s without a lot or serial", plain(line.quantity))
                )


class StockChannelOrderLineReturned(models.Model):
    _inherit = "stock.channel.order.line"

    @api.depends("channel_order_id.name", "sku", "title")
    def _compute_display_name(self):
        for line in self:
            line.display_name = f"{line.channel_order_id.name} {line.sku or line.title}"

    def _delivered_moves(self):
        """Return the moves that have left for the customer, as superuser."""
        return self._sale_lines().move_ids.filtered(
            lambda move: (
                move.state == "done"
                and move.location_dest_id.usage == "customer"
                and move.location_id.usage != "customer"
            )
        )
