from odoo import models
from odoo.fields import Command

from ..connectors.facts import read_facts
from ..connectors.plan import Action
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
        plan, now = self._plan_snapshot(snapshot)
        is_known = is_repeat and plan.is_empty()
        if is_repeat and self._is_other_content(now, plan):
            self._tell_of_same_version(snapshot)
        note = {
            Action.NOTHING: self._apply_change,
            Action.TOMBSTONE: self._apply_tombstone,
            Action.CREATE: self._apply_create,
            Action.CHANGE: self._apply_change,
            Action.CANCEL: self._apply_cancel,
            Action.REOPEN: self._apply_reopen,
            Action.REFUSE: self._apply_refuse,
        }[plan.action](plan, snapshot)
        self._conclude(plan, now, snapshot)
        return self.env._("Known already; nothing to do.") if is_known else note

    def _plan_snapshot(self, snapshot):
        """Find out what is to be done, once all that stands in its way is.

        :return: (plan, facts of the snapshot).
        :raise NeedsPerson: when a person must act first.
        """
        self._check_mapped(snapshot)
        if not self.was_created:
            self._leave_out_shipped()
        is_followed = not any(self.line_ids.mapped("applied_qty"))
        self._refuse_short()
        now = read_facts(snapshot)
        plan = self._plan(now, is_followed)
        self._check_sale_order()
        return plan, now

    def _conclude(self, plan, now, snapshot):
        """Note that the ERP follows a snapshot, and what that leaves open."""
        self._settle(snapshot)
        self._mark_applied(plan, now)
        self.applied_version = snapshot.version
        self._update_state("cancelled" if snapshot.cancelled else "applied")
        self._check_after(snapshot)

    def _leave_out_shipped(self):
        """Leave out what had been shipped before the order was heard of here.

        The first round of polling reads a channel's whole history. What somebody
        else has shipped long ago is neither reserved nor shipped again.
        """
        for line in self.line_ids.filtered(lambda line: not line.applied_qty):
            shipped = min(line._left_before_qty(), line._wanted_qty())
            line.write(
                {
                    "elsewhere_qty": shipped,
                    "applied_qty": shipped,
                    "reported_qty": shipped,
                    "taken_qty": shipped,
                }
            )

    def _apply_tombstone(self, plan, snapshot):
        return self.env._("Cancelled before it was created here.")

    # ---------------------------------------------------------------- create

    def _apply_create(self, plan, snapshot):
        """Create, confirm and reserve the sale order, in one transaction."""
        order_sudo = self._new_sale_order().create(self._prepare_sale_order(snapshot))
        self._link_sale_order(order_sudo, snapshot)
        self._confirm()
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
        """Complete a new sale order that is confirmed.

        :return: one line about what was done.
        """
        order_sudo = self.sale_order_id.sudo()
        if snapshot.note:
            order_sudo.message_post(
                body=self.env._("The customer's note: %s", snapshot.note),
                subtype_xmlid="stock_channel_hub.mt_customer_word",
            )
        return self.env._("Created %s.", order_sudo.name)

    def _confirm(self):
        """Confirm the sale orders of these orders, all at once."""
        self.sale_order_id.sudo().action_confirm()
        for order in self:
            # Confirming stamps the present; finance wants the day of the purchase.
            order.sale_order_id.sudo().date_order = order.placed_at

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

    # ---------------------------------------------------------------- change

    def _apply_change(self, plan, snapshot):
        """Change what changed at the channel; of some of it a person has to decide.

        Of an order that is cancelled here only what the channel cancels too.
        """
        if not self.sale_order_id:
            return self.env._("No quantity changed.")
        by_id = {str(line.id): line for line in self.line_ids}
        for line_id, delta in plan.deltas.items():
            self._check_precision(by_id[line_id], abs(float(delta)))
        growing = self.line_ids.browse(
            [by_id[line_id].id for line_id, delta in plan.deltas.items() if delta > 0]
        )
        with self.sale_order_id.sudo()._unlocked_for_channel():
            for line_id, delta in plan.deltas.items():
                if delta < 0:
                    by_id[line_id]._remove_quantity(float(-delta))
            self._change_facts(plan, snapshot)
            for line, parts in self._source(growing).items():
                line._add_quantity(parts, self, snapshot)
        if not plan.deltas:
            return self.env._("No quantity changed.")
        return self.env._("Changed %s lines.", len(plan.deltas))

    def _is_gone_here(self):
        """Return whether there is no sale order that could follow a change."""
        order_sudo = self.sale_order_id.sudo()
        return not order_sudo or order_sudo.state == "cancel"

    def _apply_reopen(self, plan, snapshot):
        """Bring back the order that the channel had cancelled, with what it wants."""
        order_sudo = self.sale_order_id.sudo()
        growing = self.line_ids.filtered(lambda line: line._to_take_qty() > 0)
        with order_sudo._unlocked_for_channel():
            order_sudo.action_draft()
            for part_sudo in self.line_ids._sale_lines():
                part_sudo._set_channel_quantity(0.0)
            for line, parts in self._source(growing).items():
                line._add_quantity(parts, self, snapshot)
            self._change_facts(plan, snapshot)
            self._confirm()
        return self.env._("Opened %s again.", order_sudo.name)

    def _apply_refuse(self, plan, snapshot):
        order_sudo = self.sale_order_id.sudo()
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


class StockChannelOrderLineApply(models.Model):
    """More of a line."""

    _inherit = "stock.channel.order.line"

    def _to_take_qty(self):
        """Return how many the sale order takes over, in the selling unit."""
        self.ensure_one()
        return max(self._wanted_qty() - self.applied_qty, 0.0)

    def _add_quantity(self, parts, order, snapshot):
        """Order more from these places; exactly the difference is procured.

        :param parts: channel location → quantity in the selling unit.
        """
        self.ensure_one()
        wire = next(line for line in snapshot.lines if line.id == self.external_id)
        for place, quantity in parts.items():
            part_sudo = self._part_at(place)
            if part_sudo:
                part_sudo.with_context(channel_more=quantity)._set_channel_quantity(
                    part_sudo.product_uom_qty + quantity
                )
                continue
            part_sudo.create(
                {
                    **order._prepare_sale_line(wire, self, snapshot, place, quantity),
                    "order_id": order.sale_order_id.id,
                }
            )
        self._link_own_part()
