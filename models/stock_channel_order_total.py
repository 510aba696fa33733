from fractions import Fraction

from markupsafe import Markup

from odoo import api, fields, models
from odoo.exceptions import ValidationError
from odoo.fields import Command

from ..connectors.price import Price, Terms, round_to
from .quantities import plain, to_decimal


class StockChannelTotal(models.Model):
    """How exact the totals of a channel's orders must be."""

    _inherit = "stock.channel"

    rounding_tolerance = fields.Float(
        "Rounding Differences up to",
        digits=0,
        default=0.0,
        tracking=True,
        help="A sales order that differs by no more than this from what the channel's "
        "customer paid gets a line that makes up for it. In the channel's currency. "
        "With zero, every difference of a cent is an exception.",
    )
    rounding_product_id = fields.Many2one(
        "product.product",
        check_company=True,
        domain=[("type", "=", "service")],
        default=lambda self: self.env.ref(
            "stock_channel_hub.product_rounding", raise_if_not_found=False
        ),
        help="Rounding differences become lines of this product, without taxes.",
    )

    def write(self, vals):
        result = super().write(vals)
        if {"rounding_tolerance", "rounding_product_id"} & vals.keys():
            self._retry_totals()
        return result

    def _retry_totals(self):
        """Compare again where the totals differ: the rule has changed."""
        open_sudo = (
            self.env["stock.channel.exception"]
            .sudo()
            .search(
                [
                    ("channel_id", "in", self.ids),
                    ("field", "=", "total"),
                    ("state", "=", "open"),
                ]
            )
        )
        open_sudo.channel_order_id._retry_newest()

    @api.constrains("rounding_tolerance", "rounding_product_id")
    def _check_rounding(self):
        for channel in self:
            if channel.rounding_tolerance < 0:
                raise ValidationError(
                    self.env._("A rounding difference is zero or more.")
                )
            if channel.rounding_tolerance and not channel.rounding_product_id:
                raise ValidationError(
                    self.env._("Choose the product for rounding differences first.")
                )


class StockChannelExceptionDetails(models.Model):
    _inherit = "stock.channel.exception"

    details = fields.Html(readonly=True, help="What the cause is about, line by line.")


class StockChannelOrderTotal(models.Model):
    """The sale order's total is the channel's, or somebody is shown why not."""

    _inherit = "stock.channel.order"

    def _retry_newest(self):
        """Take the newest word about these orders again.

        Not that of a return, which may have come later.
        """
        for order in self:
            done = order.message_log_ids.filtered(lambda m: m.state == "done")
            newest = done.filtered(lambda m, order=order: m.id == order.read_message)
            (newest or done.sorted("id")[-1:])._retry()

    def _settle_rounding(self, snapshot):
        """Make up for what the two round differently, as far as the channel allows."""
        channel = self.channel_id
        order_sudo = self.sale_order_id.sudo()
        known_sudo = order_sudo.order_line.filtered("is_channel_rounding")
        if not channel.rounding_tolerance and not known_sudo:
            return
        currency = order_sudo.currency_id
        ours = order_sudo.amount_total - sum(known_sudo.mapped("price_total"))
        difference = currency.round(float(snapshot.total) - ours)
        is_small = (
            currency.compare_amounts(abs(difference), channel.rounding_tolerance) <= 0
        )
        if not is_small or self._holds_only_rest():
            difference = 0.0
        price = Price(unit_price=to_decimal(difference))
        if known_sudo:
            known_sudo._follow_channel_price(price)
        elif difference:
            order_sudo.order_line = [
                Command.create(
                    {
                        "product_id": channel.rounding_product_id.id,
                        "product_uom_qty": 1.0,
                        "tax_ids": [Command.clear()],
                        "is_channel_rounding": True,
                        **order_sudo.order_line._prepare_channel_price(price),
                    }
                )
            ]

    def _holds_only_rest(self):
        """Return whether the sale order has another total by nature.

        Part of it was shipped before it was here; or was cancelled here, and the
        channel's word does not say so yet.
        """
        return any(
            line.elsewhere_qty
            or line.uom_id.compare(line._cancelled_told_qty(), line.cancelled_qty) > 0
            for line in self.line_ids.filtered("uom_id")
        )

    def _check_total(self, snapshot):
        """Open an exception when the two sums differ by a cent.

        The goods are reserved all the same: the stock is true, only the price has
        to be settled before the invoice.
        """
        order_sudo = self.sale_order_id.sudo()
        currency = order_sudo.currency_id
        exceptions = self.env["stock.channel.exception"]
        fingerprint = f"order:{self.id}:total"
        is_same = order_sudo.state == "cancel" or not currency.compare_amounts(
            order_sudo.amount_total, float(snapshot.total)
        )
        if is_same:
            exceptions._resolve_fingerprint(self.channel_id, fingerprint)
            return
        exceptions._open(
            self.channel_id,
            category="data",
            fingerprint=fingerprint,
            title=self.env._("The total of %s differs from the channel's", self.name),
            next_step=self.env._(
                "Compare prices, taxes, discounts and shipping of the two before "
                "invoicing. The goods are reserved. Where it is but a cent of rounding, "
                "the channel's page Finance says up to what amount that is put on a "
                "line of its own."
            ),
            field="total",
            value=f"{snapshot.total:f}",
            channel_order_id=self.id,
            **self._prepare_difference(snapshot),
        )

    def _prepare_difference(self, snapshot):
        """Return both sums, in words and line by line."""
        order_sudo = self.sale_order_id.sudo()
        digits = order_sudo.currency_id.decimal_places
        ours = f"{order_sudo.amount_total:.{digits}f}"
        difference = order_sudo.amount_total - float(snapshot.total)
        return {
            "cause": self.env._(
                "The channel says %(theirs)s %(currency)s, %(sale)s says %(ours)s: "
                "%(difference)s. The table below shows the lines of both.",
                theirs=f"{snapshot.total:f}",
                ours=ours,
                difference=f"{difference:+.{digits}f}",
                sale=order_sudo.name,
                currency=snapshot.currency,
            ),
            "details": self._total_table(snapshot),
            "expected_value": ours,
        }

    # ------------------------------------------------------------------ table

    def _total_table(self, snapshot):
        """Return both orders line by line, for whoever has to find the difference."""
        order_sudo = self.sale_order_id.sudo()
        currency = order_sudo.currency_id
        rows = self._goods_rows(snapshot) + self._charge_rows(snapshot)
        known = self.line_ids._sale_lines() | order_sudo.order_line.filtered(
            "channel_charge_ref"
        )
        for line_sudo in order_sudo.order_line - known:
            if not line_sudo.display_type:
                rows.append((line_sudo.name, None, line_sudo._ours()))
        cells = Markup("").join(
            _table_row(name, theirs, ours, currency) for name, theirs, ours in rows
        )
        total = _table_row(
            self.env._("Total"),
            ("", "", "", "", Fraction(snapshot.total)),
            ("", "", "", "", order_sudo.amount_total),
            currency,
        )
        heads = [
            self.env._("Quantity"),
            self.env._("Price"),
            self.env._("Discount"),
            self.env._("Tax"),
            self.env._("Total"),
        ]
        return Markup(
            '<table class="table table-sm"><thead><tr><th></th><th></th>%s</tr></thead>'
            "<tbody>%s%s</tbody></table>"
        ) % (
            Markup("").join(
                Markup('<th class="text-end">%s</th>') % head for head in heads
            ),
            cells,
            total,
        )

    def _goods_rows(self, snapshot):
        """Return (name, the channel's cells, ours) for every line of goods."""
        by_id = {line.external_id: line for line in self.line_ids}
        rows = []
        for wire in snapshot.lines:
            line = by_id[wire.id]
            wanted = to_decimal(line._wanted_qty())
            terms = Terms(
                quantity=wire.quantity,
                unit_price=wire.unit_price,
                discount=wire.discount,
            )
            off = terms.amount(wanted) - Fraction(wire.unit_price) * Fraction(wanted)
            theirs = (
                plain(wanted),
                plain(wire.unit_price),
                plain(round(-off, 6)) if off else "",
                _percent(wire.tax_rate),
                _with_tax(terms.amount(wanted), wire.tax_rate, snapshot),
            )
            name = " ".join(filter(None, (wire.sku, wire.title)))
            rows.append((name, theirs, line._sale_lines()._ours()))
        return rows

    def _charge_rows(self, snapshot):
        order_sudo = self.sale_order_id.sudo()
        charges = {charge.id: charge for charge in snapshot.shipping}
        lines = {
            line.channel_charge_ref: line
            for line in order_sudo.order_line
            if line.channel_charge_ref
        }
        rows = []
        for charge_id in {**charges, **lines}:
            charge, line_sudo = charges.get(charge_id), lines.get(charge_id)
            theirs = charge and (
                "1",
                plain(charge.amount),
                "",
                _percent(charge.tax_rate),
                _with_tax(Fraction(charge.amount), charge.tax_rate, snapshot),
            )
            ours = line_sudo._ours() if line_sudo else None
            if ours or (charge and charge.amount):
                rows.append((charge.title if charge else line_sudo.name, theirs, ours))
        return rows


class SaleOrderLineTotal(models.Model):
    _inherit = "sale.order.line"

    is_channel_rounding = fields.Boolean(readonly=True, copy=False)

    def _ours(self):
        """Return quantity, price, discount, taxes and total of what is one line."""
        wanted = self.filtered("product_uom_qty")
        if not wanted:
            return None
        return (
            plain(sum(wanted.mapped("product_uom_qty"))),
            " / ".join(dict.fromkeys(plain(line.price_unit) for line in wanted)),
            " / ".join(
                dict.fromkeys(
                    f"{plain(line.discount)} %" for line in wanted if line.discount
                )
            ),
            ", ".join(wanted.tax_ids.mapped("name")),
            sum(wanted.mapped("price_total")),
        )


def _percent(rate):
    return "" if rate is None else f"{plain(rate)} %"


def _with_tax(amount, rate, snapshot):
    """Return what a line costs in the end, by the channel's word."""
    if rate and not snapshot.prices_include_tax:
        return amount * (1 + Fraction(rate) / 100)
    return amount


def _table_row(name, theirs, ours, currency):
    """Return the two rows of one line, marked where the totals differ."""
    step, digits = to_decimal(currency.rounding), currency.decimal_places
    texts = [
        (*cells[:4], f"{round_to(Fraction(cells[4]), step):.{digits}f}")
        if cells
        else ("–",) * 5
        for cells in (theirs, ours)
    ]
    style = "" if texts[0][4] == texts[1][4] else "table-warning"
    rows = Markup("")
    for label, text, title in (
        (_CHANNEL, texts[0], name),
        (_ODOO, texts[1], ""),
    ):
        rows += Markup('<tr class="%s"><td>%s</td><td>%s</td>%s</tr>') % (
            style,
            title,
            label,
            Markup("").join(
                Markup('<td class="text-end">%s</td>') % cell for cell in text
            ),
        )
    return rows


_CHANNEL, _ODOO = "Channel", "Odoo"
