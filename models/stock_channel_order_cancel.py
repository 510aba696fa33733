from odoo import models

from ..connectors.plan import take_from
from .quantities import plain, to_decimal
from .stock_channel_exception import NeedsPerson


class StockChannelOrderCancel(models.Model):
    """Orders and lines that the channel wants less of, or nothing."""

    _inherit = "stock.channel.order"

    def _apply_cancel(self, plan, snapshot):
        """Cancel whatever has not left yet; what has left is an expected return."""
        order_sudo = self.sale_order_id.sudo()
        if order_sudo.state == "cancel":
            return self.env._("Cancelled here already.")
        gone = self.line_ids.filtered(lambda line: line._has_left())
        with order_sudo._unlocked_for_channel():
            if not gone:
                # Odoo's own cancelling leaves at the output what was picked.
                self.line_ids._sale_lines().move_ids._cancel_begun()
                order_sudo._action_cancel()
                return self.env._("Cancelled %s.", order_sudo.name)
            for line in self.line_ids:
                line._cancel_rest()
        self._expect_return(gone)
        return self.env._("Cancelled what of %s had not left.", order_sudo.name)

    def _expect_return(self, lines):
        """Tell a person that a cancelled order has left, in part or whole."""
        self.env["stock.channel.exception"]._open(
            self.channel_id,
            category="stock",
            fingerprint=f"order:{self.id}:shipped",
            title=self.env._("%s was cancelled after it had left", self.name),
            cause=self.env._(
                "The channel cancelled the order, but goods had left already: %s.",
                ", ".join(line._left_text() for line in lines),
            ),
            next_step=self.env._(
                "Stop the parcel or expect the goods back. What had not left is "
                "cancelled and on sale again."
            ),
            channel_order_id=self.id,
        )


class StockChannelOrderLineCancel(models.Model):
    """Less of a line: what is not picked stays, what is picked is put back."""

    _inherit = "stock.channel.order.line"

    def _has_left(self):
        """Return whether anything of this line has left, be it half a kit."""
        self.ensure_one()
        return any(
            part._left_qty(product_id)
            for part in self._sale_lines()
            for product_id in self._component_ids()
        )

    def _left_text(self):
        """Return what has left, for a person: of a kit without lamp, the desks."""
        self.ensure_one()
        shipped = self._shipped_qty()
        text = f"{plain(shipped)} {self.uom_id.name} {self.sku}"
        loose = []
        for product_id, per_unit in self._components(1.0).items():
            product = self.env["product.product"].browse(product_id)
            left = sum(part._left_qty(product_id) for part in self._sale_lines())
            more = left - per_unit * (shipped - self.elsewhere_qty)
            if product.uom_id.compare(more, 0.0) > 0:
                loose.append(
                    f"{plain(more)} {product.uom_id.name} {product.display_name}"
                )
        return ", ".join([text, *loose] if shipped or not loose else loose)

    def _cancel_rest(self):
        """Take everything off this line that has not left."""
        self.ensure_one()
        for part_sudo in self._parts():
            for move in part_sudo.move_ids._ends_for_channel():
                move._reduce_demand(move.product_qty)
            left = min(self._part_shipped_qty(part_sudo), part_sudo.product_uom_qty)
            part_sudo.with_context(skip_procurement=True)._set_channel_quantity(left)

    def _remove_quantity(self, quantity):
        """Take ``quantity`` (selling unit) off what has not left yet."""
        self.ensure_one()
        if not self._sale_lines():
            return
        for part_sudo, taken in self._share_reduction(quantity).items():
            self._remove_from(part_sudo, taken)

    def _remove_from(self, part_sudo, quantity):
        """Take ``quantity`` (selling unit) off one sale line.

        Lowering the line alone would make Odoo procure a negative quantity, which
        can turn into a stray return; so the open moves are reduced first and the
        line is written without procurement.

        :raise NeedsPerson: when more has left than would be ordered.
        """
        after = self._components(part_sudo.product_uom_qty - quantity)
        for product_id, wanted in after.items():
            product = self.env["product.product"].browse(product_id)
            if product.uom_id.compare(part_sudo._left_qty(product_id), wanted) > 0:
                raise self._left_already()
        for product_id, amount in self._components(quantity).items():
            self._reduce_moves(
                part_sudo,
                product_id,
                amount - self._dropped_qty(part_sudo, product_id),
            )
        part_sudo.with_context(skip_procurement=True)._set_channel_quantity(
            part_sudo.product_uom_qty - quantity
        )

    def _left_already(self):
        return NeedsPerson(
            category="stock",
            fingerprint=f"line:{self.id}:shipped",
            title=self.env._("The channel cancelled goods that have left"),
            cause=self.env._(
                "Order %(order)s: more of %(sku)s was cancelled than is still here.",
                order=self.channel_order_id.name,
                sku=self.sku,
            ),
            next_step=self.env._(
                "Arrange the return with the customer; nothing was changed."
            ),
            channel_order_id=self.channel_order_id.id,
        )

    def _dropped_qty(self, part_sudo, product_id):
        """Return what somebody here has taken off the delivery alone.

        A parcel closed without a back order leaves the sale line as it was: what the
        channel cancels is then cancelled already.

        :return: in the product's own unit.
        """
        ordered = self._components(part_sudo.product_uom_qty)[product_id]
        known = part_sudo._open_qty(product_id) + part_sudo._left_qty(product_id)
        return max(ordered - known, 0.0)

    def _reduce_moves(self, part_sudo, product_id, amount):
        """Reduce the open moves of a product, those of least trouble first.

        :param float amount: in the product's own unit.
        """
        ends = part_sudo.move_ids._ends_for_channel().filtered(
            lambda move: move.product_id.id == product_id
        )
        by_id = {str(move.id): move for move in ends}
        taken = take_from(
            [
                (move_id, to_decimal(move.product_qty))
                for move_id, move in by_id.items()
            ],
            to_decimal(amount),
        )
        for move_id, quantity in taken.items():
            by_id[move_id]._reduce_demand(float(quantity))
