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
        self._conclude(snapshot)
        return note

    def _conclude(self, snapshot):
        """Note that the ERP follows a snapshot, and what that leaves open."""
        self.applied_version = snapshot.version
        self._update_state("cancelled" if snapshot.cancelled else "applied")
        self._check_after(snapshot)

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
        order_sudo = self._new_sale_order().create(self._prepare_sale_order(snapshot))
        self._link_sale_order(order_sudo, snapshot)
        order_sudo.action_confirm()
        return self._finish_create(snapshot)

    def _new_sale_order(self):
        company = self.channel_id.company_id
        return self.env["sale.order"].sudo().with_company(company)

    def _link_sale_order(self, order_sudo, snapshot):
        self.sale_order_id = order_sudo
        self.was_created = True
        self.shipping_address = address_values(snapshot)
        self.line_ids.filtered(lambda line: line._to_take_qty() > 0)._link_own_part()

    def _finish_create(self, snapshot):
        """Complete a sale order that is confirmed.

        :return: one line about what was done.
        """
        order_sudo = self.sale_order_id.sudo()
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
        partner = self._find_partner(snapshot)
        wanted = self.line_ids.filtered(lambda line: line._to_take_qty() > 0)
        parts = self._source(wanted)
        vals = {
            "partner_id": partner.id,
            "company_id": channel.company_id.id,
            "warehouse_id": wanted[:1].channel_location_id.warehouse_id.id,
            "client_order_ref": self.name,
            "origin": f"{channel.name} {self.name}",
            "stock_channel_id": channel.id,
            "date_order": self.placed_at,
            "reference": self.payment_reference,
            "order_line": [
                Command.create(line_vals)
                for line_vals in self._prepare_sale_lines(snapshot, parts)
            ],
        }
        # Named even when there is none: Odoo would take the customer's own list, in
        # whatever currency that is, and its discounts.
        vals["pricelist_id"] = channel.pricelist_id.id
        if channel.team_id:
            vals["team_id"] = channel.team_id.id
        if snapshot.shipping_address:
            vals["partner_shipping_id"] = self._find_address(
                partner, snapshot.shipping_address, "delivery"
            ).id
        if snapshot.billing_address:
            vals["partner_invoice_id"] = self._find_address(
                partner, snapshot.billing_address, "invoice"
            ).id
        self._check_currency(snapshot)
        return vals

    def _check_currency(self, snapshot):
        channel = self.channel_id
        currency = channel.pricelist_id.currency_id or channel.company_id.currency_id
        if currency.name != snapshot.currency:
            raise NeedsPerson(
                category="data",
                fingerprint=f"currency:{channel.id}:{snapshot.currency}",
                title=self.env._("The channel sells in another currency"),
                cause=self.env._(
                    "Order %(order)s is in %(currency)s, the channel's price list is "
                    "in %(expected)s.",
                    order=self.name,
                    currency=snapshot.currency,
                    expected=currency.name,
                ),
                next_step=self.env._(
                    "Give the channel a price list in %s, then retry.",
                    snapshot.currency,
                ),
                field="currency",
                value=snapshot.currency,
                expected_value=currency.name,
                channel_order_id=self.id,
            )

    def _prepare_sale_lines(self, snapshot, parts):
        by_id = {line.id: line for line in snapshot.lines}
        return [
            self._prepare_sale_line(
                by_id[line.external_id], line, snapshot, place, quantity
            )
            for line, taken in parts.items()
            for place, quantity in taken.items()
        ] + [
            {
                "product_id": self.channel_id.shipping_product_id.id,
                "name": charge.title,
                "product_uom_qty": 1.0,
                "price_unit": float(charge.amount),
                "discount": 0.0,
                "tax_ids": self._tax_commands(charge.tax_rate, snapshot),
            }
            for charge in snapshot.shipping
            if charge.amount
        ]

    def _prepare_sale_line(self, wire, line, snapshot, place, quantity):
        """Return the values of one part of a line.

        :param place: the channel location it is taken from.
        :param float quantity: how many from there, in the selling unit.
        """
        vals = {
            "product_id": line.product_id.id,
            "product_uom_id": line.uom_id.id,
            "product_uom_qty": quantity,
            "price_unit": float(wire.unit_price),
            "channel_location_id": place.id,
            "channel_order_line_id": line.id,
            "channel_order_line_ref": line.external_id,
            "discount": 0.0,
            "tax_ids": self._tax_commands(wire.tax_rate, snapshot),
        }
        self._check_precision(line, quantity)
        gross = wire.quantity * wire.unit_price
        if wire.discount and gross:
            vals["discount"] = float(100 * wire.discount / gross)
        if wire.title:
            vals["name"] = wire.title
        return vals

    def _tax_commands(self, rate, snapshot):
        """Return the company's sales tax of this rate.

        :param Decimal | None rate: percent. A channel that names no rate charged no
            tax that we know of; if it did, the totals differ and somebody is told.
        :raise NeedsPerson: when there is no such tax.
        """
        if not rate:
            return [Command.clear()]
        company = self.channel_id.company_id
        fitting = self._find_tax(rate, snapshot.prices_include_tax)
        if not fitting:
            kind = (
                self.env._("included in the price")
                if snapshot.prices_include_tax
                else self.env._("on top of the price")
            )
            raise NeedsPerson(
                category="data",
                fingerprint=f"tax:{self.channel_id.id}:{rate}:{snapshot.prices_include_tax}",
                title=self.env._("No sales tax of %s %% fits", f"{rate:f}"),
                cause=self.env._(
                    "Order %(order)s is taxed with %(rate)s %%, %(kind)s, and "
                    "%(company)s has no such sales tax.",
                    order=self.name,
                    rate=f"{rate:f}",
                    kind=kind,
                    company=company.name,
                ),
                next_step=self.env._("Add the tax in Accounting, then retry."),
                field="tax_rate",
                value=f"{rate:f}",
                channel_order_id=self.id,
            )
        return [Command.set(fitting.ids)]

    def _find_tax(self, rate, is_included):
        """Return the company's first sales tax of this rate, in or on the price."""
        taxes_sudo = self.env["account.tax"].sudo()
        found = taxes_sudo.search(
            [
                *taxes_sudo._check_company_domain(self.channel_id.company_id),
                ("type_tax_use", "=", "sale"),
                ("amount_type", "=", "percent"),
                ("amount", "=", float(rate)),
            ]
        )
        return found.filtered(lambda tax: tax.price_include == is_included)[:1]

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
