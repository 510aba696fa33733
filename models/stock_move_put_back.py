from odoo import api, fields, models

from ..connectors.plan import take_from
from .quantities import to_decimal

CLOSED = ("done", "cancel")


class StockMovePutBack(models.Model):
    """Taking goods off the way to a customer, wherever on it they are.

    A delivery in two or three steps has goods lying between the steps. What is not
    picked yet simply stays where it is. What lies at the output already is nobody's
    once its delivery is cancelled: no later step asks for it, and no number shows it.
    So a transfer back to its shelf is made as a task.
    """

    _inherit = "stock.move"

    channel_put_back_line_id = fields.Many2one(
        "sale.order.line",
        string="Put Back from",
        readonly=True,
        index="btree_not_null",
        ondelete="set null",
        help="The order line these goods were picked for, before the channel "
        "cancelled it.",
    )

    def _ends_for_channel(self):
        """Return the open moves to a customer that no other open one waits behind.

        The least trouble comes first: what is not picked, then what somebody is
        picking at this moment, then what lies nearest to the stock.
        """
        to_customer = self.filtered(
            lambda move: (
                move.state not in CLOSED
                and (move.location_final_id or move.location_dest_id).usage
                == "customer"
            )
        )
        ends = to_customer.filtered(lambda move: not move.move_dest_ids & to_customer)
        return ends.sorted(
            lambda move: (move._steps_behind(), bool(move.picked), -move.id)
        )

    def _is_begun(self):
        """Return whether somebody has these goods in hand, or had."""
        return any(
            move.state == "done"
            or (move.state != "cancel" and (move.picked or move._steps_behind()))
            for move in self
        )

    def _origins_in(self, is_open):
        """Return the moves before this one that are open, or that are done."""
        return self.move_orig_ids.filtered(
            lambda move: (
                move.product_id == self.product_id
                and (move.state not in CLOSED if is_open else move.state == "done")
            )
        )

    def _steps_behind(self):
        """Return how many steps the goods of this move have behind them."""
        self.ensure_one()
        done = self._origins_in(is_open=False)
        return 1 + max(move._steps_behind() for move in done) if done else 0

    def _first_location(self):
        """Return the stock location the goods of this move were picked from."""
        move = self
        while origin := move._origins_in(is_open=False)[:1]:
            move = origin
        return move.location_id

    # ------------------------------------------------------------- reducing

    def _reduce_demand(self, quantity):
        """Lower the demand of an open move, and of the open ones it waits for.

        What of it lies on the way already is put back.

        :param float quantity: in the product's own unit, at most the demand.
        """
        self.ensure_one()
        origins = self._origins_in(is_open=True).sorted("id", reverse=True)
        by_id = {str(move.id): move for move in origins}
        coming = take_from(
            [
                (move_id, to_decimal(move.product_qty))
                for move_id, move in by_id.items()
            ],
            to_decimal(quantity),
        )
        on_the_way = float(to_decimal(quantity) - sum(coming.values()))
        shelf = self._first_location() if self._steps_behind() else None
        released = self._lower(quantity)
        for move_id, amount in coming.items():
            by_id[move_id]._reduce_demand(float(amount))
        if shelf and self.product_id.uom_id.compare(on_the_way, 0.0) > 0:
            self._put_back(on_the_way, shelf, released)

    def _lower(self, quantity):
        """Lower the demand of this move alone.

        :return: what it had reserved of that, as values of move lines.
        """
        reduced = self.product_id.uom_id._compute_quantity(
            quantity, self.product_uom, rounding_method="HALF-UP"
        )
        left = self.product_uom.round(self.product_uom_qty - reduced)
        if self.product_uom.compare(left, 0.0) <= 0:
            released = self._release(self.quantity)
            self._action_cancel()
            return released
        released = self._release(self.quantity - left)
        self.product_uom_qty = left
        return released

    def _release(self, quantity):
        """Give back exactly so much of what is reserved, and no other lot or package.

        What is not picked goes first, then what was reserved last.

        :param float quantity: in the move's unit; nothing when it is not above zero.
        """
        left = self.product_uom._compute_quantity(
            quantity, self.product_id.uom_id, rounding_method="HALF-UP"
        )
        unit = self.product_id.uom_id
        released = []
        for line in self.move_line_ids.sorted(lambda line: (line.picked, -line.id)):
            taken = min(line.quantity_product_uom, left)
            if unit.compare(taken, 0.0) <= 0:
                continue
            left -= taken
            released.append(
                {
                    "location_id": line.location_id.id,
                    "lot_id": line.lot_id.id,
                    "package_id": line.package_id.id,
                    "owner_id": line.owner_id.id,
                    "quantity": taken,
                }
            )
            kept = line.quantity_product_uom - taken
            if unit.compare(kept, 0.0) <= 0:
                line.unlink()
            else:
                line.quantity = unit._compute_quantity(
                    kept, line.product_uom_id, rounding_method="HALF-UP"
                )
        return released

    def _cancel_begun(self):
        """Cancel what of these is on its way, and have it put back."""
        for move in self._ends_for_channel():
            if move._steps_behind():
                move._reduce_demand(move.product_qty)

    # ---------------------------------------------------------- putting back

    def _put_back(self, quantity, shelf, released):
        """Make it somebody's task to bring goods back that nobody gets any more.

        :param float quantity: in the product's own unit.
        :param shelf: the location they were picked from.
        :param released: the very goods, as ``_release`` returned them; where it is
            less than ``quantity``, whatever of the product lies there.
        """
        transfer = self._put_back_transfer(shelf)
        move = self.create(
            {
                "picking_id": transfer.id,
                "product_id": self.product_id.id,
                "product_uom": self.product_id.uom_id.id,
                "product_uom_qty": quantity,
                "location_id": self.location_id.id,
                "location_dest_id": shelf.id,
                "company_id": self.company_id.id,
                "origin": transfer.origin,
                "channel_put_back_line_id": self.sale_line_id.id,
            }
        )
        self._reserve_for(move, quantity, released)
        move._action_confirm(merge=False)
        move._action_assign()

    def _reserve_for(self, move, quantity, released):
        for vals in released:
            taken = min(vals["quantity"], quantity)
            quantity -= taken
            if self.product_id.uom_id.compare(taken, 0.0) > 0:
                self.env["stock.move.line"].create(
                    {
                        **vals,
                        "quantity": taken,
                        "move_id": move.id,
                        "picking_id": move.picking_id.id,
                        "product_id": move.product_id.id,
                        "product_uom_id": move.product_uom.id,
                        "location_dest_id": move.location_dest_id.id,
                    }
                )

    def _put_back_transfer(self, shelf):
        """Return the transfer back to a shelf: an order has one from each place."""
        sale_order = self.sale_line_id.order_id
        known = self.search(
            [
                ("channel_put_back_line_id.order_id", "=", sale_order.id),
                ("location_id", "=", self.location_id.id),
                ("location_dest_id", "=", shelf.id),
                ("state", "not in", CLOSED),
            ],
            limit=1,
        ).picking_id
        if known:
            return known
        warehouse = self.location_id.warehouse_id or shelf.warehouse_id
        orders = self.sale_line_id._channel_lines().channel_order_id
        transfer = self.env["stock.picking"].create(
            {
                "picking_type_id": warehouse.int_type_id.id,
                "location_id": self.location_id.id,
                "location_dest_id": shelf.id,
                "company_id": self.company_id.id,
                "partner_id": False,
                "origin": self.env._("Put back: %s", sale_order.name),
                "note": self.env._(
                    "Picked for %s, and cancelled by the channel since.",
                    sale_order.name,
                ),
            }
        )
        orders._tell_of_put_back(transfer)
        return transfer

    def _action_done(self, cancel_backorder=False):
        done = super()._action_done(cancel_backorder=cancel_backorder)
        put_back = done.filtered("channel_put_back_line_id")
        if put_back:
            lines_sudo = put_back.sudo().channel_put_back_line_id._channel_lines()
            lines_sudo.channel_order_id._check_put_back()
        return done


class SaleOrderLinePutBack(models.Model):
    _inherit = "sale.order.line"

    channel_put_back_ids = fields.One2many(
        "stock.move", "channel_put_back_line_id", readonly=True
    )

    def _get_qty_procurement(self, previous_product_uom_qty=False):
        """Say what is on its way or gone, for Odoo to procure what is missing.

        Of what the channel ordered more, exactly that is missing, whatever the
        warehouse has changed in between. And Odoo counts what was once picked: where
        it was put back, the next one more would become a return.
        """
        more = self.env.context.get("channel_more")
        if more is not None:
            return self.product_uom_qty - more
        line_sudo = self.sudo()
        if (
            line_sudo.order_id.stock_channel_id
            and line_sudo.move_ids
            and line_sudo.channel_put_back_ids
        ):
            return line_sudo._on_its_way_qty()
        return super()._get_qty_procurement(
            previous_product_uom_qty=previous_product_uom_qty
        )

    def _on_its_way_qty(self):
        """Return how much of this line is on the way to the customer, or there."""
        line = self._channel_lines()[:1]
        per_unit = line._components(1.0)
        return min(
            (
                (self._open_qty(product_id) + self._left_qty(product_id)) / quantity
                for product_id, quantity in per_unit.items()
            ),
            default=0.0,
        )

    def _open_qty(self, product_id):
        """Return how much of a product is still to leave, in the product's own unit."""
        ends = self.move_ids._ends_for_channel()
        return sum(
            move.product_qty for move in ends if move.product_id.id == product_id
        )

    def _left_qty(self, product_id):
        """Return how much of a product has left, in the product's own unit."""
        gone = self.move_ids.filtered(
            lambda move: (
                move.state == "done"
                and move.product_id.id == product_id
                and move.location_dest_id.usage == "customer"
            )
        )
        return sum(
            move.product_uom._compute_quantity(
                move.quantity, move.product_id.uom_id, round=False
            )
            for move in gone
        )


class StockChannelOrderPutBack(models.Model):
    _inherit = "stock.channel.order"

    @api.model
    def _put_back_fingerprint(self, order):
        return f"order:{order.id}:putback"

    def _tell_of_put_back(self, transfer):
        """Tell a person of goods that lie at the output and go nowhere."""
        for order in self:
            self.env["stock.channel.exception"]._open(
                order.channel_id,
                category="stock",
                fingerprint=self._put_back_fingerprint(order),
                title=self.env._("What was picked for %s goes back", order.name),
                cause=self.env._(
                    "The channel cancelled goods that were picked and had not been "
                    "shipped. They lie at %s.",
                    transfer.location_id.display_name,
                ),
                next_step=self.env._(
                    "Bring them back to %(shelf)s and validate transfer %(transfer)s. "
                    "They are on sale again from then on.",
                    shelf=transfer.location_dest_id.display_name,
                    transfer=transfer.name,
                ),
                channel_order_id=order.id,
            )

    def _check_put_back(self):
        """Close the exception of orders of which nothing is left to put back."""
        for order in self.sudo():
            moves = order.line_ids._sale_lines().channel_put_back_ids
            if all(move.state in CLOSED for move in moves):
                self.env["stock.channel.exception"]._resolve_fingerprint(
                    order.channel_id, self._put_back_fingerprint(order)
                )
