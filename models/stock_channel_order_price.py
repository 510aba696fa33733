from odoo import fields, models
from odoo.tools import float_compare

from ..connectors.facts import Field, discount_percent
from ..connectors.price import Terms, price_parts
from .quantities import to_decimal
from .stock_channel_exception import NeedsPerson

# Prices are compared finer than any currency's coins are.
PRICE_DIGITS = 8


class StockChannelPrice(models.Model):
    _inherit = "stock.channel"

    def write(self, vals):
        result = super().write(vals)
        if "pricelist_id" in vals:
            self._retry_field("currency")
        return result


class StockChannelOrderPrice(models.Model):
    """What the channel charged, as lines of the sale order, to the cent.

    Prices are the channel's; no price list here changes them. When the channel changes
    them later they follow, as long as nobody has changed them here and nothing of the
    line is invoiced; otherwise somebody is told (``stock_channel_order_conflict``).
    """

    _inherit = "stock.channel.order"

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
                    "Give the channel a price list in %s. Orders that wait for it are "
                    "processed by themselves then.",
                    snapshot.currency,
                ),
                field="currency",
                value=snapshot.currency,
                expected_value=currency.name,
                channel_order_id=self.id,
            )

    # ------------------------------------------------------------------ lines

    def _prepare_sale_lines(self, snapshot, parts, position):
        """Return the values of all lines of a new sale order.

        :param parts: line → {channel location: quantity in the selling unit}.
        :param position: the sale order's fiscal position.
        """
        by_id = {line.id: line for line in snapshot.lines}
        lines = []
        for line, taken in parts.items():
            wire = by_id[line.external_id]
            prices = line._price_parts(wire, taken)
            lines += [
                self._prepare_sale_line(
                    wire, line, snapshot, place, quantity, prices[place], position
                )
                for place, quantity in taken.items()
            ]
        return lines + [
            self._prepare_charge(charge, snapshot, position)
            for charge in snapshot.shipping
            if charge.amount
        ]

    def _prepare_sale_line(
        self, wire, line, snapshot, place, quantity, price=None, position=None
    ):
        """Return the values of one part of a line.

        :param place: the channel location it is taken from.
        :param float quantity: how many from there, in the selling unit.
        :param price: ``Price`` of this part, where several share the line's cents.
        :param position: the fiscal position, where there is no sale order yet.
        """
        self._check_precision(line, quantity)
        price = price or line._price_parts(wire, {place: quantity})[place]
        vals = {
            "product_id": line.product_id.id,
            "product_uom_id": line.uom_id.id,
            "product_uom_qty": quantity,
            "channel_location_id": place.id,
            "channel_order_line_id": line.id,
            "channel_order_line_ref": line.external_id,
            "tax_ids": self._tax_commands(
                wire.tax_rate,
                snapshot,
                line.product_id,
                self._position() if position is None else position,
            ),
            **self.env["sale.order.line"]._prepare_channel_price(price),
        }
        if wire.title:
            vals["name"] = wire.title
        return vals

    def _position(self):
        return self.sale_order_id.sudo().fiscal_position_id

    def _prepare_charge(self, charge, snapshot, position):
        product = self._charge_product(charge)
        return {
            "product_id": product.id,
            "name": charge.title or product.display_name,
            "product_uom_qty": 1.0,
            "price_unit": float(charge.amount),
            "channel_price_unit": float(charge.amount),
            "discount": 0.0,
            "channel_charge_ref": charge.id,
            "tax_ids": self._tax_commands(charge.tax_rate, snapshot, product, position),
        }

    # ----------------------------------------------------------------- settle

    def _settle(self, snapshot):
        """Let the prices follow what was just applied, to the cent."""
        order_sudo = self.sale_order_id.sudo()
        if order_sudo and order_sudo.state != "cancel":
            with order_sudo._unlocked_for_channel():
                self._settle_prices(snapshot)
                self._settle_rounding(snapshot)

    def _settle_prices(self, snapshot):
        """Price every part by the newest word, and share the cents out anew."""
        by_id = {line.external_id: line for line in self._active_lines()}
        for wire in snapshot.lines:
            line = by_id[wire.id]
            parts_sudo = line._parts().filtered("product_uom_qty")
            prices = line._price_parts(
                wire, {part: part.product_uom_qty for part in parts_sudo}
            )
            for part_sudo, price in prices.items():
                part_sudo._follow_channel_price(price)
            if all(part._has_price(price) for part, price in prices.items()):
                line._keep_priced_as(wire)


class StockChannelOrderLinePrice(models.Model):
    _inherit = "stock.channel.order.line"

    unit_price = fields.Float(
        digits=0, readonly=True, help="Per selling unit, as the channel says."
    )
    discount = fields.Float(
        digits=0, readonly=True, help="Amount off the whole line, as the channel says."
    )
    tax_rate = fields.Float("Tax (%)", digits=0, readonly=True)
    priced_as = fields.Json(
        readonly=True,
        help="The price and the discount, in percent, that its sale lines stand for.",
    )

    def _keep_priced_as(self, wire):
        """Remember what the prices of the sale lines were made of."""
        priced_as = {
            Field.PRICE.value: str(wire.unit_price),
            Field.DISCOUNT.value: str(discount_percent(wire)),
        }
        if self.priced_as != priced_as:
            self.priced_as = priced_as

    def _prepare_identity(self, channel, line, wire, assigned):
        return {
            **super()._prepare_identity(channel, line, wire, assigned),
            "unit_price": float(wire.unit_price),
            "discount": float(wire.discount),
            "tax_rate": float(wire.tax_rate or 0),
        }

    def _price_parts(self, wire, parts):
        """Return how each part of this line is priced, so that no cent is lost.

        :param wire: the line as the channel has it.
        :param parts: anything → quantity in the selling unit.
        :return: the same keys → ``Price``.
        """
        self.ensure_one()
        order = self.channel_order_id
        keys = {str(number): key for number, key in enumerate(parts)}
        prices = price_parts(
            Terms(
                quantity=wire.quantity,
                unit_price=wire.unit_price,
                discount=wire.discount,
            ),
            {number: to_decimal(parts[key]) for number, key in keys.items()},
            step=to_decimal(order.currency_id.rounding),
            discount_digits=self.env["decimal.precision"].precision_get("Discount"),
            rounds_lines=order.company_id.tax_calculation_rounding_method
            == "round_per_line",
        )
        return {key: prices[number] for number, key in keys.items()}


class SaleOrderPrice(models.Model):
    _inherit = "sale.order"

    # The one is the channel's number of the order, the other its payment's: both are
    # what a customer on the phone has.
    client_order_ref = fields.Char(index="trigram")
    reference = fields.Char(index="trigram")

    @property
    def _rec_names_search(self):
        return [*super()._rec_names_search, "client_order_ref", "reference"]


class SaleOrderLinePrice(models.Model):
    _inherit = "sale.order.line"

    channel_price_unit = fields.Float(
        digits=0,
        readonly=True,
        copy=False,
        help="The price the hub wrote; where the unit price is another one, somebody "
        "here has changed it.",
    )
    channel_discount = fields.Float(digits=0, readonly=True, copy=False)
    channel_charge_ref = fields.Char(
        string="Channel's Charge Id", readonly=True, copy=False
    )

    def _prepare_channel_price(self, price):
        """Return the values of a price, and what tells later that it is the hub's."""
        unit_price, discount = float(price.unit_price), float(price.discount)
        return {
            "price_unit": unit_price,
            "discount": discount,
            "channel_price_unit": unit_price,
            "channel_discount": discount,
        }

    def _is_channels_price(self):
        """Tell whether nobody here has changed the price the hub wrote."""
        self.ensure_one()
        return not (
            float_compare(
                self.price_unit, self.channel_price_unit, precision_digits=PRICE_DIGITS
            )
            or float_compare(
                self.discount, self.channel_discount, precision_digits=PRICE_DIGITS
            )
        )

    def _follow_channel_price(self, price):
        """Write a price of the channel unless somebody here has had a hand in it."""
        for line in self:
            is_ours = line._is_invoiced() or not line._is_channels_price()
            if not is_ours and not line._has_price(price):
                line.write(self._prepare_channel_price(price))

    def _has_price(self, price):
        """Tell whether this line has the price, whoever wrote it."""
        self.ensure_one()
        vals = self._prepare_channel_price(price)
        return not any(
            float_compare(self[name], vals[name], precision_digits=PRICE_DIGITS)
            for name in ("price_unit", "discount")
        )

    def _has_channel_price(self):
        return self.filtered(
            lambda line: line.channel_order_line_ref or line.channel_charge_ref
        )

    def _compute_price_unit(self):
        """Keep what the channel charged whatever quantity somebody writes here."""
        kept = self.browse()
        if not self.env.context.get("force_price_recomputation"):
            kept = self._has_channel_price()
        return super(SaleOrderLinePrice, self - kept)._compute_price_unit()

    def _compute_discount(self):
        kept = self.browse()
        if not self.env.context.get("force_price_recomputation"):
            kept = self._has_channel_price()
        return super(SaleOrderLinePrice, self - kept)._compute_discount()
