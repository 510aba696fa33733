from decimal import Decimal

from odoo import api, fields, models
from odoo.exceptions import UserError
from odoo.fields import Command

from .quantities import plain, to_decimal


class StockMoveReturn(models.Model):
    """Moves that bring goods of a channel's order back, and what they may bring."""

    _inherit = "stock.move"

    channel_return_line_id = fields.Many2one(
        "stock.channel.return.line",
        string="Channel Return",
        readonly=True,
        index="btree_not_null",
        ondelete="set null",
    )

    @api.model
    def _prepare_merge_moves_distinct_fields(self):
        return [
            *super()._prepare_merge_moves_distinct_fields(),
            "channel_return_line_id",
        ]

    def _action_done(self, cancel_backorder=False):
        """Refuse what was never shipped; follow goods that leave quarantine."""
        self.sudo()._check_channel_return()
        done = super()._action_done(cancel_backorder=cancel_backorder)
        done_sudo = done.sudo().filtered(lambda move: move.state == "done")
        leaving = done_sudo.filtered(
            lambda move: (
                move.channel_return_line_id and move.location_id.usage != "customer"
            )
        )
        leaving.channel_return_line_id._settle()
        done_sudo._retry_channel_returns()
        return done

    def _retry_channel_returns(self):
        """Try returns again that waited for these deliveries."""
        shipped = self.filtered(lambda move: move.location_dest_id.usage == "customer")
        orders = shipped.sale_line_id._channel_lines().channel_order_id
        if orders:
            waiting = self.env["stock.channel.exception"].search(
                [
                    ("channel_order_id", "in", orders.ids),
                    ("fingerprint", "=like", "return:%:quantity"),
                    ("state", "!=", "resolved"),
                ]
            )
            waiting._retry()

    # ---------------------------------------------------------------- guards

    def _check_channel_return(self):
        """Refuse to take back more than left, or a lot that did not leave.

        :raise UserError: to whoever validates the transfer; nothing is moved.
        """
        returns = self.filtered(
            lambda move: (
                move.channel_return_line_id
                and move.origin_returned_move_id
                and move.location_id.usage == "customer"
                and move.state not in ("done", "cancel")
            )
        )
        for origin, moves in returns.grouped("origin_returned_move_id").items():
            came = sum(
                move.product_uom._compute_quantity(
                    move._get_picked_quantity(), move.product_id.uom_id, round=False
                )
                for move in moves
            )
            back = origin.returned_move_ids.filtered(lambda move: move.state == "done")
            left = to_decimal(
                origin._counted_qty() - sum(move._counted_qty() for move in back)
            )
            if to_decimal(came) > left:
                raise UserError(
                    self.env._(
                        "Of %(product)s only %(left)s left with %(order)s and are not "
                        "back. Enter at most that many here, and the others under "
                        "Stock Channels > Orders > Receive Unannounced Return.",
                        product=origin.product_id.display_name,
                        left=plain(max(left, Decimal(0))),
                        order=origin.sale_line_id.order_id.name,
                    )
                )
            moves._check_channel_lots(origin)

    def _check_channel_lots(self, origin):
        left = origin._channel_lots_left()
        if origin.has_tracking == "none":
            return
        for move_line in self.move_line_ids:
            lot = move_line.lot_id
            name = lot.name or move_line.lot_name
            is_left_out = any(self.move_line_ids.mapped("picked")) and (
                not move_line.picked
            )
            if not name or is_left_out:
                continue
            quantity = to_decimal(move_line.quantity_product_uom)
            if lot not in left or quantity > left[lot]:
                raise UserError(
                    self.env._(
                        "%(lot)s of %(product)s did not leave with %(order)s, or is "
                        "back already. Expected: %(expected)s. Receive what you have "
                        "in hand under Stock Channels > Orders > Receive Unannounced "
                        "Return.",
                        lot=name,
                        product=origin.product_id.display_name,
                        order=origin.sale_line_id.order_id.name,
                        expected=", ".join(
                            sorted(lot.name for lot, some in left.items() if some > 0)
                        ),
                    )
                )
            left[lot] -= quantity

    def _counted_qty(self):
        """Return what has moved, or will, in the product's own unit."""
        self.ensure_one()
        return self.product_uom._compute_quantity(
            self.quantity if self.state == "done" else self.product_uom_qty,
            self.product_id.uom_id,
            round=False,
        )

    def _counted_by_product(self):
        """Return what these move, or will: product id → in its own unit."""
        totals = {}
        for move in self:
            product_id = move.product_id.id
            totals[product_id] = totals.get(product_id, 0.0) + move._counted_qty()
        return totals

    def _channel_returnable_qty(self):
        """Return what has left with this move and is in no return yet.

        :return: in the product's own unit.
        """
        self.ensure_one()
        back = self.returned_move_ids.filtered(lambda move: move.state != "cancel")
        return self._counted_qty() - sum(move._counted_qty() for move in back)

    def _channel_lots_left(self):
        """Return what of each lot has left with this move and is not back.

        :return: dict of lot → Decimal in the product's own unit; empty where the
            product has no lots.
        """
        self.ensure_one()
        left = {}
        for move_line in self.move_line_ids.filtered("lot_id"):
            quantity = to_decimal(move_line.quantity_product_uom)
            left[move_line.lot_id] = left.get(move_line.lot_id, Decimal(0)) + quantity
        back = self.returned_move_ids.filtered(lambda move: move.state == "done")
        for move_line in back.move_line_ids.filtered("lot_id"):
            if move_line.lot_id in left:
                left[move_line.lot_id] -= to_decimal(move_line.quantity_product_uom)
        return {lot: quantity for lot, quantity in left.items() if quantity > 0}

    # ------------------------------------------------------------------ lots

    def _pin_channel_lots(self, expected):
        """Fill in the lots that are expected, and leave open what nobody knows.

        :param expected: lot name → quantity; what is placed is taken off it.
        """
        self.ensure_one()
        left = self.origin_returned_move_id._channel_lots_left()
        todo = to_decimal(self._counted_qty())
        rows = []
        for lot, of_lot in left.items():
            part = min(of_lot, expected.get(lot.name, Decimal(0)), todo)
            if part > 0:
                rows.append((lot, part))
                expected[lot.name] -= part
                todo -= part
        if not rows and sum(left.values(), Decimal(0)) <= todo:
            return
        if todo > 0:
            size = Decimal(1) if self.has_tracking == "serial" else todo
            while todo > 0:
                rows.append((self.env["stock.lot"], min(size, todo)))
                todo -= size
        self.move_line_ids.unlink()
        self.move_line_ids = [
            Command.create(
                {
                    **self._prepare_move_line_vals(),
                    "lot_id": lot.id,
                    "quantity": float(quantity),
                    "product_uom_id": self.product_id.uom_id.id,
                }
            )
            for lot, quantity in rows
        ]

    # ------------------------------------------- hanging goods on a delivery

    def _hang_on(self, order_line):
        """Make goods that came unannounced a return of the deliveries of a line.

        The goods do not move: their move learns where they had come from. It is cut
        where it holds more than one delivery sent.

        :return: the moves that hang on a delivery now.
        :raise UserError: when so many did not leave, or the lot did not.
        """
        self.ensure_one()
        hung = self.browse()
        rest = self
        for origin in order_line._delivered_moves().sorted("id"):
            if not rest or origin.product_id != self.product_id:
                continue
            part = min(to_decimal(rest._counted_qty()), rest._hangs_on_qty(origin))
            if part <= 0:
                continue
            following = rest.browse()
            if part < to_decimal(rest._counted_qty()):
                following = rest._split_done(float(part))
            rest._link_to_delivery(origin)
            hung |= rest
            rest = following
        if rest:
            names = [
                self.product_id.display_name,
                *rest.move_line_ids.lot_id.mapped("name"),
            ]
            raise UserError(
                self.env._(
                    "%(quantity)s %(product)s did not leave with order %(order)s, or "
                    "are back already.",
                    quantity=plain(rest._counted_qty()),
                    product=" ".join(names),
                    order=order_line.channel_order_id.name,
                )
            )
        return hung

    def _hangs_on_qty(self, origin):
        """Return how many of these goods may have left with a delivery."""
        self.ensure_one()
        most = to_decimal(origin._channel_returnable_qty())
        lots = self.move_line_ids.lot_id
        if lots:
            left = origin._channel_lots_left()
            most = min(
                most, sum((left.get(lot, Decimal(0)) for lot in lots), Decimal(0))
            )
        return max(most, Decimal(0))

    def _link_to_delivery(self, origin):
        self.ensure_one()
        self.write(
            {
                "origin_returned_move_id": origin.id,
                "sale_line_id": origin.sale_line_id.id,
                "bom_line_id": origin.bom_line_id.id,
                "to_refund": True,
                "partner_id": origin.partner_id.id,
            }
        )
        # What the goods are worth is what they had left with.
        self._set_value()

    def _split_done(self, quantity):
        """Cut a move that is done in two; no goods move.

        :param float quantity: how many stay in this one, in the product's own unit.
        :return: the move with the rest.
        """
        self.ensure_one()
        uom = self.product_id.uom_id
        rest = to_decimal(self._counted_qty()) - to_decimal(quantity)
        other = self.copy(self._prepare_split_done(float(rest)))
        for move_line in self.move_line_ids.sorted("id", reverse=True):
            has = to_decimal(move_line.quantity_product_uom)
            if rest <= 0:
                break
            if has <= rest:
                move_line.move_id = other
                rest -= has
                continue
            in_own_unit = [
                uom._compute_quantity(
                    float(part), move_line.product_uom_id, round=False
                )
                for part in (has - rest, rest)
            ]
            move_line.quantity = in_own_unit[0]
            move_line.copy({"move_id": other.id, "quantity": in_own_unit[1]})
            rest = Decimal(0)
        self.product_uom_qty = uom._compute_quantity(
            quantity, self.product_uom, round=False
        )
        return other

    def _prepare_split_done(self, quantity):
        """Return the values of the part cut off; Odoo does not copy all of them."""
        return {
            "product_uom": self.product_id.uom_id.id,
            "product_uom_qty": quantity,
            "state": "done",
            "picked": True,
            "date": self.date,
            "origin_returned_move_id": self.origin_returned_move_id.id,
            "sale_line_id": self.sale_line_id.id,
            "bom_line_id": self.bom_line_id.id,
            "to_refund": self.to_refund,
        }
