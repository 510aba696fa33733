import json

from odoo import fields, models

from ..connectors.data import Address
from ..connectors.facts import Field
from .stock_channel_order_check import address_values
from .stock_channel_order_plan import PRICE_FIELDS


class StockChannelOrderFacts(models.Model):
    """Carrying out what the channel changed beside the quantities."""

    _inherit = "stock.channel.order"

    def _change_facts(self, plan, snapshot):
        """Make the changes of a plan for which it is not too late.

        Prices and discounts follow once the quantities do (``_settle``).
        """
        lines = {line.external_id: line for line in self._active_lines()}
        charges = {}
        for change in plan.changes:
            field, ref = change.key
            if field in (Field.SHIPPING, Field.SHIPPING_TAX):
                charges.setdefault(ref, set()).add(field)
            elif field == Field.LOCATION:
                lines[ref]._move_to_assigned(self, snapshot)
            elif field == Field.TAX:
                lines[ref]._change_tax(change.after, snapshot)
            elif field not in PRICE_FIELDS:
                self._change_order_fact(field, snapshot)
        for ref, changed in charges.items():
            self._change_charge(ref, changed, snapshot)

    def _change_order_fact(self, field, snapshot):
        order_sudo = self.sale_order_id.sudo()
        if field == Field.REFERENCE:
            order_sudo.reference = snapshot.payment_reference
        elif field == Field.NOTE:
            order_sudo.message_post(
                body=self.env._("The customer's note is now: %s", snapshot.note),
                subtype_xmlid="stock_channel_hub.mt_customer_word",
            )
        elif field == Field.ADDRESS and snapshot.shipping_address:
            self._change_address(snapshot)

    def _change_address(self, snapshot):
        """Send what has not left to another address, unless a parcel is gone."""
        order_sudo = self.sale_order_id.sudo()
        if any(line._has_left() for line in self.line_ids):
            return
        contact = self._find_address(
            order_sudo.partner_id, snapshot.shipping_address, "delivery"
        )
        order_sudo.with_context(
            update_delivery_shipping_partner=True
        ).partner_shipping_id = contact
        open_moves = order_sudo.order_line.move_ids.filtered(
            lambda move: move.state not in ("done", "cancel")
        )
        open_moves.partner_id = contact
        self.shipping_address = address_values(snapshot)

    def _is_address(self, contact, text):
        """Return whether a contact has the address the channel told.

        :param str text: as ``facts.address_text`` wrote it.
        """
        address = Address(**json.loads(text))
        return (contact.name or "") == address.name and all(
            (contact[name].id if name.endswith("_id") else contact[name] or False)
            == (value or False)
            for name, value in self._address_vals(address).items()
        )

    def _change_charge(self, ref, changed, snapshot):
        """Bring one delivery charge to what the channel says of it.

        :param changed: which of its fields the channel has changed.
        """
        wire = next((charge for charge in snapshot.shipping if charge.id == ref), None)
        known_sudo = self._charges().filtered(
            lambda line: line.channel_charge_ref == ref
        )[:1]
        if known_sudo._is_invoiced():
            return
        if not wire or not wire.amount:
            known_sudo.write({"product_uom_qty": 0.0})
            return
        vals = self._prepare_charge(wire, snapshot, self._position())
        if known_sudo:
            names = ["tax_ids"] if Field.SHIPPING_TAX in changed else []
            if Field.SHIPPING in changed:
                names += ["product_uom_qty", "price_unit", "channel_price_unit"]
            known_sudo.write({name: vals[name] for name in names})
        else:
            self.env["sale.order.line"].sudo().create(
                {**vals, "order_id": self.sale_order_id.id}
            )


class StockChannelOrderLineFacts(models.Model):
    """Carrying out what the channel changed of one line beside its quantity."""

    _inherit = "stock.channel.order.line"

    is_replaced = fields.Boolean(
        readonly=True,
        help="The channel put another item into this line; that is a line of its own "
        "here.",
    )

    def _change_tax(self, rate, snapshot):
        parts_sudo = self._parts()
        if any(part._is_invoiced() for part in parts_sudo):
            return
        order = self.channel_order_id
        parts_sudo.tax_ids = order._tax_commands(
            rate, snapshot, self.product_id, order._position()
        )

    def _move_to_assigned(self, order, snapshot):
        """Take the line from where the channel says now, unless it is begun with.

        What somebody here has cancelled of its delivery stays cancelled.
        """
        place = self.assigned_location_id
        parts_sudo = self._parts()
        if place not in self.channel_id.location_ids._mapped():
            return
        if parts_sudo.move_ids._is_begun():
            return
        quantity = 0.0
        for part_sudo in parts_sudo:
            coming = self._part_coming_qty(part_sudo)
            if part_sudo.channel_location_id != place and coming:
                quantity += coming
                self._remove_from(part_sudo, part_sudo.product_uom_qty)
        self.channel_location_id = place
        if quantity:
            self._add_quantity({place: quantity}, order, snapshot)
        self.sale_line_id = self._part_at(place) or self.sale_line_id

    # ----------------------------------------------------------- substitution

    def _is_substituted(self, wire):
        """Return whether the channel put another item into this line.

        An item that was only given another SKU is the same one; and what has left
        cannot be another any more.
        """
        self.ensure_one()
        if not self.sale_line_id or not self._is_other_item(wire):
            return False
        return not self._has_left()

    def _is_other_item(self, wire):
        """Return whether the channel names an item that is not this line's."""
        if wire.item_id and self.item_id:
            is_other = wire.item_id != self.item_id
        else:
            is_other = wire.sku != self.sku
        if not is_other:
            return False
        listing = self.env["stock.channel.listing"]._find(
            self.channel_id, wire.sku, wire.item_id
        )
        return listing != self.listing_id

    def _replace(self, at):
        """Keep this line as one that is wanted no more; another has its place.

        :param datetime at: when the channel changed it, naive UTC.
        """
        self.ensure_one()
        self.is_replaced = True
        # Before the line that takes its place is inserted: they share an id.
        self.flush_recordset(["is_replaced"])
        self._set_quantities({"cancelled_qty": self.ordered_qty}, at)


class SaleOrderLineFacts(models.Model):
    _inherit = "sale.order.line"

    def _is_invoiced(self):
        """Return whether an invoice has these lines, draft or not."""
        return any(line.parent_state != "cancel" for line in self.sudo().invoice_lines)
