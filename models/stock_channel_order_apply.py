from decimal import Decimal

from odoo import models
from odoo.fields import Command

from ..connectors.plan import Action, LineState, plan_order, take_from
from .quantities import plain, to_decimal
from .stock_channel_exception import NeedsPerson
from .stock_channel_order_check import address_values


class StockChannelOrderApply(models.Model):
    """Bringing the ERP to what the channel's order says."""

    _inherit = "stock.channel.order"

    def _apply(self, snapshot):
        """Apply what changed at the channel; what the warehouse changed stays.

        :return: one line about what was done.
        :raise NeedsPerson: before anything is changed, when a person must act.
        """
        self.ensure_one()
        if snapshot.version < self.version:
            return self.env._("Older than what is known; nothing to do.")
        is_repeat = snapshot.version == self.applied_version and self.state != "waiting"
        self._check_mapped(snapshot)
        if not self.was_created:
            self._leave_out_shipped()
        plan = plan_order(
            [
                LineState(
                    id=line.external_id,
                    wanted=to_decimal(line._wanted_qty()),
                    applied=to_decimal(line.applied_qty),
                )
                for line in self.line_ids
            ],
            exists=self.was_created,
        )
        is_known = plan.action in (Action.NOTHING, Action.TOMBSTONE)
        if is_repeat and is_known:
            self._check_after(snapshot)
            return self.env._("Known already; nothing to do.")
        if is_repeat:
            self._tell_of_same_version(snapshot)
        self._check_sale_order()
        note = {
            Action.NOTHING: self._apply_nothing,
            Action.TOMBSTONE: self._apply_tombstone,
            Action.CREATE: self._apply_create,
            Action.CHANGE: self._apply_change,
            Action.CANCEL: self._apply_cancel,
        }[plan.action](plan, snapshot)
        self.applied_version = snapshot.version
        self._update_state("cancelled" if snapshot.cancelled else "applied")
        self._check_after(snapshot)
        return note

    def _leave_out_shipped(self):
        """Leave out what had been shipped before the order was heard of here.

        The first round of polling reads a channel's whole history. What somebody
        else has shipped long ago is neither reserved nor shipped again.
        """
        for line in self.line_ids.filtered(lambda line: not line.applied_qty):
            shipped = min(line.fulfilled_qty, line._wanted_qty())
            line.write(
                {
                    "elsewhere_qty": shipped,
                    "applied_qty": shipped,
                    "reported_qty": shipped,
                    "taken_qty": shipped,
                }
            )

    def _apply_nothing(self, plan, snapshot):
        return self.env._("No quantity changed.")

    def _apply_tombstone(self, plan, snapshot):
        return self.env._("Cancelled before it was created here.")

    # ---------------------------------------------------------------- create

    def _apply_create(self, plan, snapshot):
        """Create, confirm and reserve the sale order, in one transaction."""
        company = self.channel_id.company_id
        orders_sudo = self.env["sale.order"].sudo().with_company(company)
        order_sudo = orders_sudo.create(self._prepare_sale_order(snapshot))
        self.sale_order_id = order_sudo
        self.was_created = True
        self.shipping_address = address_values(snapshot)
        self.line_ids.filtered(lambda line: line._to_take_qty() > 0)._link_own_part()
        order_sudo.action_confirm()
        # Confirming stamps the present; finance wants the day of the purchase.
        order_sudo.date_order = self.placed_at
        if snapshot.note:
            order_sudo.message_post(
                body=self.env._("The customer's note: %s", snapshot.note)
            )
        self._mark_applied()
        return self.env._("Created %s.", order_sudo.name)

    def _mark_applied(self):
        for line in self.line_ids:
            line.applied_qty = line._wanted_qty()
        self.line_ids._freeze()
        self.line_ids._log_dirty()

    def _prepare_sale_order(self, snapshot):
        channel = self.channel_id
        self._check_currency(snapshot)
        partner = self._find_partner(snapshot)
        addresses = self._find_addresses(partner, snapshot)
        wanted = self.line_ids.filtered(lambda line: line._to_take_qty() > 0)
        parts = self._source(wanted)
        position = self._fiscal_position(partner, addresses)
        vals = {
            "partner_id": partner.id,
            "company_id": channel.company_id.id,
            "warehouse_id": wanted[:1].channel_location_id.warehouse_id.id,
            "client_order_ref": self.name,
            "origin": f"{channel.name} {self.name}",
            "stock_channel_id": channel.id,
            "date_order": self.placed_at,
            "reference": self.payment_reference,
            "fiscal_position_id": position.id,
            "order_line": [
                Command.create(line_vals)
                for line_vals in self._prepare_sale_lines(snapshot, parts, position)
            ],
            **{name: address.id for name, address in addresses.items()},
        }
        # Named even when there is none: Odoo would take the customer's own list, in
        # whatever currency that is, and its discounts.
        vals["pricelist_id"] = channel.pricelist_id.id
        if channel.team_id:
            vals["team_id"] = channel.team_id.id
        return vals

    # ------------------------------------------------------- change and cancel

    def _apply_change(self, plan, snapshot):
        order_sudo = self.sale_order_id.sudo()
        if order_sudo.state == "cancel":
            raise NeedsPerson(
                category="data",
                fingerprint=f"order:{self.id}:reopened",
                title=self.env._("The channel changed an order that is cancelled here"),
                cause=self.env._(
                    "%(sale)s was cancelled in Odoo; the channel now changed order "
                    "%(order)s.",
                    sale=order_sudo.name,
                    order=self.name,
                ),
                next_step=self.env._(
                    "Set the sale order back to quotation and confirm it, or cancel "
                    "the order at the channel."
                ),
                channel_order_id=self.id,
            )
        by_id = {line.external_id: line for line in self.line_ids}
        growing = self.line_ids.filtered(lambda line: line._to_take_qty() > 0)
        parts = self._source(growing)
        with order_sudo._unlocked_for_channel():
            for line_id, delta in plan.deltas.items():
                line = by_id[line_id]
                self._check_precision(line, abs(float(delta)))
                if delta > 0:
                    line._add_quantity(parts[line], self, snapshot)
                else:
                    line._remove_quantity(float(-delta))
        self._mark_applied()
        return self.env._("Changed %s lines.", len(plan.deltas))

    def _apply_cancel(self, plan, snapshot):
        """Cancel whatever has not left yet; what has left is an expected return."""
        order_sudo = self.sale_order_id.sudo()
        has_left = any(move.state == "done" for move in order_sudo.order_line.move_ids)
        if order_sudo.state == "cancel":
            note = self.env._("Cancelled here already.")
        elif not has_left:
            order_sudo._action_cancel()
            note = self.env._("Cancelled %s.", order_sudo.name)
        else:
            gone = self.line_ids.filtered(lambda line: line._cancel_rest())
            if gone:
                self._expect_return(gone)
            note = self.env._("Cancelled what of %s had not left.", order_sudo.name)
        self._mark_applied()
        return note

    def _expect_return(self, lines):
        """Tell a person that a cancelled order has left, in part or whole."""
        self.env["stock.channel.exception"]._open(
            self.channel_id,
            category="stock",
            fingerprint=f"order:{self.id}:shipped",
            title=self.env._("%s was cancelled after it had left", self.name),
            cause=self.env._(
                "The channel cancelled the order, but goods had left already: %s.",
                ", ".join(
                    f"{plain(line._shipped_qty())} {line.uom_id.name} {line.sku}"
                    for line in lines
                ),
            ),
            next_step=self.env._(
                "Stop the parcel or expect the goods back. What had not left is "
                "cancelled and on sale again."
            ),
            channel_order_id=self.id,
        )


class StockChannelOrderLineApply(models.Model):
    """Quantities of one line up and down."""

    _inherit = "stock.channel.order.line"

    def _to_take_qty(self):
        """Return how many the sale order takes over, in the selling unit."""
        self.ensure_one()
        return max(self._wanted_qty() - self.applied_qty, 0.0)

    def _add_quantity(self, parts, order, snapshot):
        """Order more from these places; Odoo procures the difference.

        :param parts: channel location → quantity in the selling unit.
        """
        self.ensure_one()
        wire = next(line for line in snapshot.lines if line.id == self.external_id)
        for place, quantity in parts.items():
            part_sudo = self._part_at(place)
            if part_sudo:
                part_sudo._set_channel_quantity(part_sudo.product_uom_qty + quantity)
                continue
            part_sudo.create(
                {
                    **order._prepare_sale_line(wire, self, snapshot, place, quantity),
                    "order_id": order.sale_order_id.id,
                }
            )
        self._link_own_part()

    def _cancel_rest(self):
        """Take everything off this line that has not left.

        :return: whether something had left.
        """
        self.ensure_one()
        shipped = self._shipped_qty()
        rest = self.applied_qty - shipped
        if self.uom_id.compare(rest, 0.0) > 0:
            with self.sale_line_id.order_id.sudo()._unlocked_for_channel():
                self._remove_quantity(rest)
        return self.uom_id.compare(shipped, 0.0) > 0

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
        """
        components = self._components(quantity)
        short = []
        for product_id, amount in components.items():
            left = self._reduce_moves(part_sudo, product_id, amount)
            product = self.env["product.product"].browse(product_id)
            if product.uom_id.compare(left, 0.0) > 0:
                short.append(product)
        if short:
            raise NeedsPerson(
                category="stock",
                fingerprint=f"line:{self.id}:shipped",
                title=self.env._("The channel cancelled goods that have left"),
                cause=self.env._(
                    "Order %(order)s: more of %(sku)s was cancelled than is still "
                    "here.",
                    order=self.channel_order_id.name,
                    sku=self.sku,
                ),
                next_step=self.env._(
                    "Arrange the return with the customer; nothing was changed."
                ),
                channel_order_id=self.channel_order_id.id,
            )
        part_sudo.with_context(skip_procurement=True)._set_channel_quantity(
            part_sudo.product_uom_qty - quantity
        )

    def _reduce_moves(self, part_sudo, product_id, amount):
        """Reduce the open outgoing moves of a product, the newest first.

        :param float amount: in the product's own unit.
        :return: how much of it could not be reduced.
        """
        moves = part_sudo.move_ids.filtered(
            lambda move: (
                move.product_id.id == product_id
                and move.state not in ("done", "cancel")
                and (move.location_final_id or move.location_dest_id).usage
                == "customer"
            )
        )
        by_id = {str(move.id): move for move in moves}
        taken = take_from(
            [
                (str(move.id), to_decimal(move.product_qty))
                for move in moves.sorted("id", reverse=True)
            ],
            to_decimal(amount),
        )
        for move_id, quantity in taken.items():
            by_id[move_id]._reduce_demand(float(quantity))
        return float(to_decimal(amount) - sum(taken.values(), Decimal(0)))
