from dataclasses import replace
from decimal import Decimal

from odoo import fields, models

from ..connectors.facts import (
    Field,
    Key,
    address_text,
    facts_from_json,
    facts_to_json,
)
from ..connectors.plan import (
    Action,
    Conflict,
    LineState,
    next_base,
    plan_facts,
    plan_order,
)
from .quantities import to_decimal

# What a sale line is given by the channel, and what Odoo calls it.
PRICE_FIELDS = {Field.PRICE: "price_unit", Field.DISCOUNT: "discount"}
# Those whose facts can be planned: the order is here and follows the channel.
FOLLOWING = (Action.NOTHING, Action.CHANGE, Action.REOPEN)


class StockChannelOrderPlan(models.Model):
    """What the channel says, what was applied of it, and what the ERP has."""

    _inherit = "stock.channel.order"

    applied_snapshot = fields.Json(
        readonly=True,
        help="What the channel said when its order was last applied: what of it the "
        "ERP follows, and what it said in full.",
    )

    # -------------------------------------------------------------- planning

    def _plan(self, now, is_followed):
        """Return the plan that brings the sale order to what the channel says now.

        :param now: facts of the snapshot, from ``facts.read_facts``.
        :param is_followed: whether nothing of it was applied before this snapshot.
        """
        order_sudo = self.sale_order_id.sudo()
        plan = plan_order(
            [line._plan_state() for line in self.line_ids],
            exists=self.was_created,
            is_cancelled=order_sudo.state == "cancel",
            is_followed=is_followed,
        )
        is_open = order_sudo and order_sudo.state != "cancel"
        if plan.action not in FOLLOWING or not (is_open or plan.action == "reopen"):
            return plan
        base = self._applied_facts(now)
        changes, conflicts = plan_facts(
            base, now, self._facts_here(base, now), self._fact_digits()
        )
        return replace(plan, changes=changes, conflicts=plan.conflicts + conflicts)

    def _applied_facts(self, now):
        """Return the facts last applied.

        Orders from before they were kept are taken to follow what is said now, but
        for the address, which was kept always, and quantities, which lines keep.
        """
        if self.applied_snapshot:
            return facts_from_json(self.applied_snapshot["applied"])
        stored = self.shipping_address
        return {**now, Key(Field.ADDRESS): address_text(stored)} if stored else now

    def _fact_digits(self):
        digits = self.env["decimal.precision"].precision_get
        return {
            Field.PRICE: digits("Product Price"),
            Field.DISCOUNT: digits("Discount"),
            Field.SHIPPING: digits("Product Price"),
        }

    def _facts_here(self, base, now):
        """Return the facts as the sale order has them.

        :param base: the facts last applied. What a sale order does not keep, such as
            the customer's note, nobody can have changed.
        """
        order_sudo = self.sale_order_id.sudo()
        here = {
            Key(Field.NOTE): base.get(Key(Field.NOTE)),
            Key(Field.REFERENCE): order_sudo.reference or "",
            Key(Field.ADDRESS): self._address_here(base, now),
        }
        for line in self._active_lines():
            here |= line._facts_here(base, now)
        for charge_sudo in self._charges():
            ref = charge_sudo.channel_charge_ref
            amount = charge_sudo.price_unit * charge_sudo.product_uom_qty
            here[Key(Field.SHIPPING, ref)] = to_decimal(amount)
            here[Key(Field.SHIPPING_TAX, ref)] = tax_rate(charge_sudo)
        return here

    def _address_here(self, base, now):
        """Return the delivery address as the channel would write it, where it could."""
        contact_sudo = self.sale_order_id.sudo().partner_shipping_id
        key = Key(Field.ADDRESS)
        for said in (now.get(key), base.get(key)):
            if said and self._is_address(contact_sudo, said):
                return said
        return contact_sudo._display_address(without_company=True)

    def _charges(self):
        """Return the sale lines that are delivery charges of the channel."""
        return self.sale_order_id.sudo().order_line.filtered("channel_charge_ref")

    def _active_lines(self):
        """Return the lines the channel has; not those it put another item in for."""
        return self.line_ids.filtered(lambda line: not line.is_replaced)

    # ------------------------------------------------------------ remembering

    def _is_other_content(self, now, plan):
        """Return whether a version that was applied came again with other content."""
        if not self.applied_snapshot:
            return not plan.is_empty()
        return is_other_word(facts_from_json(self.applied_snapshot["seen"]), now)

    def _mark_applied(self, plan, now):
        """Keep what the ERP follows from now on; conflicts stay as they were."""
        held_lines = plan.held_lines()
        for line in self.line_ids:
            wanted = line._wanted_qty()
            if line.applied_qty != wanted and str(line.id) not in held_lines:
                line.applied_qty = wanted
                line._log_dirty()
        self.line_ids._freeze()
        refused = self._refused_changes(plan, now) + self._refused_items(now)
        conflicts = [*plan.conflicts, *refused]
        self._remember(plan, now, {conflict.key for conflict in conflicts})
        if plan.action != Action.CREATE:
            self._tell_of_conflicts(conflicts, refused)

    def _remember(self, plan, now, held):
        base = self._applied_facts(now)
        if plan.action == Action.CREATE:
            base = now
        elif plan.action in FOLLOWING and not self._is_gone_here():
            base = next_base(base, now, held)
        self._keep_facts(base, now)

    def _keep_facts(self, applied, seen):
        self.applied_snapshot = {
            "applied": facts_to_json(applied),
            "seen": facts_to_json(seen),
        }

    def _refused_changes(self, plan, now):
        """Return the changes that were not made, since it was too late for them."""
        if not plan.changes or self._is_gone_here():
            return []
        here = self._facts_here(self._applied_facts(now), now)
        left, _conflicts = plan_facts(
            {change.key: change.before for change in plan.changes},
            {change.key: change.after for change in plan.changes},
            {change.key: here.get(change.key) for change in plan.changes},
            self._fact_digits(),
        )
        return [
            Conflict(
                key=change.key,
                before=change.before,
                after=change.after,
                here=here.get(change.key),
            )
            for change in left
            if change.key.field != Field.NOTE
        ]

    def _refused_items(self, now):
        """Return the items the channel changed after theirs had left."""
        if self._is_gone_here():
            return []
        base = self._applied_facts(now)
        return [
            Conflict(key=key, before=base[key], after=now[key], here=line.sku)
            for line in self._active_lines()
            for key in [Key(Field.ITEM, line.external_id)]
            if key in base
            and key in now
            and base[key] != now[key]
            and now[key] not in (line.item_id, line.sku)
        ]


class StockChannelOrderLinePlan(models.Model):
    _inherit = "stock.channel.order.line"

    def _plan_state(self):
        """Return what is wanted, applied and here of this line, for the plan."""
        self.ensure_one()
        parts_sudo = self._sale_lines()
        here = None
        if parts_sudo:
            here = to_decimal(
                self.elsewhere_qty
                + sum(part._channel_unit_qty() for part in parts_sudo)
            )
        applied, wanted = self.applied_qty, self._wanted_qty()
        if here is not None:
            # What was cancelled here and the channel was told of, or is being told, is
            # no change of its own when the channel says so too.
            shown = min(self.released_qty, max(applied - float(here), 0.0))
            applied -= shown
            wanted -= min(self._untaken_cancel_qty(), shown)
        return LineState(
            id=str(self.id),
            wanted=to_decimal(wanted),
            applied=to_decimal(applied),
            here=here,
        )

    def _facts_here(self, base, now):
        """Return the facts of this line as its sale lines have them."""
        parts_sudo = self._parts()
        if not parts_sudo:
            return {}
        ref = self.external_id
        facts = {
            Key(field, ref): self._price_here(field, parts_sudo, base)
            for field in PRICE_FIELDS
        }
        facts[Key(Field.TAX, ref)] = odd_one(
            [tax_rate(part) for part in parts_sudo], base.get(Key(Field.TAX, ref))
        )
        key = Key(Field.LOCATION, ref)
        taken_from = self._taken_from().mapped("external_id")
        # Nobody here can have changed it: it is as the channel, or sourcing, left it.
        facts[key] = now.get(key) if taken_from == [now.get(key)] else base.get(key)
        return facts

    def _price_here(self, field, parts_sudo, base):
        """Return a price as the channel would say it, or as somebody here wrote it.

        The hub may write another unit price than the channel names, so that no cent of
        a discount is lost: what that stands for was kept.
        """
        theirs = base.get(Key(field, self.external_id))
        if all(part._is_channels_price() for part in parts_sudo):
            kept = (self.priced_as or {}).get(field.value)
            return theirs if kept is None else Decimal(kept)
        name = PRICE_FIELDS[field]
        return odd_one([to_decimal(part[name]) for part in parts_sudo], theirs)


class SaleOrderLinePlan(models.Model):
    _inherit = "sale.order.line"

    def _channel_unit_qty(self):
        """Return the ordered quantity in the channel's unit, whatever it is here."""
        self.ensure_one()
        unit = self._channel_lines()[:1].uom_id or self.product_uom_id
        return self.product_uom_id._compute_quantity(
            self.product_uom_qty, unit, round=False
        )


def is_other_word(before, now):
    """Return whether two words of a channel differ.

    One that names no location for a moment, such as after a cancellation, says nothing
    else by that.
    """
    return any(
        before.get(key) != now.get(key)
        for key in before.keys() | now.keys()
        if key.field != Field.LOCATION or (before.get(key) and now.get(key))
    )


def odd_one(values, base):
    """Return the one value of all parts, or one that somebody has changed."""
    changed = [value for value in values if value != (base or 0)]
    return (changed or values)[0]


def tax_rate(sale_line):
    """Return the taxes of a sale line in percent; what is no percentage is negative."""
    percent = sale_line.tax_ids._percent()
    return Decimal(-1) if percent is None else to_decimal(percent)
