from odoo import api, fields, models
from odoo.exceptions import ValidationError
from odoo.fields import Command
from odoo.tools import float_compare

from .stock_channel_exception import NeedsPerson

# As many as account.tax has.
RATE_DIGITS = 4


class StockChannelTax(models.Model):
    """Which taxes a rate of the channel means, where the rate alone does not say.

    Only what is charged is told on the wire, in percent. Two taxes of one rate, such as
    goods at home and distance sales abroad, look the same from there.
    """

    _name = "stock.channel.tax"
    _description = "Channel Tax"
    _order = "channel_id, rate, country_id, id"
    _check_company_auto = True

    channel_id = fields.Many2one(
        "stock.channel", required=True, ondelete="cascade", index=True
    )
    company_id = fields.Many2one(related="channel_id.company_id", store=True)
    rate = fields.Float(
        "Rate (%)",
        digits=(16, RATE_DIGITS),
        required=True,
        help="As the channel says it. Zero is for what it sells untaxed.",
    )
    country_id = fields.Many2one(
        "res.country",
        string="Delivered To",
        ondelete="cascade",
        help="Left empty, it holds for every country that has no row of its own.",
    )
    tax_ids = fields.Many2many(
        "account.tax",
        string="Taxes",
        check_company=True,
        context={"active_test": False},
        domain=[("type_tax_use", "=", "sale")],
        help="Several when they make up the rate together. None only for a rate of "
        "zero: then there is no tax on the line.",
    )

    tax_names = fields.Char(
        "Chosen Taxes",
        compute="_compute_tax_names",
        compute_sudo=True,
        help="For those who may not see taxes themselves.",
    )

    @api.depends("tax_ids.name")
    def _compute_tax_names(self):
        for row in self:
            row.tax_names = ", ".join(row.tax_ids.mapped("name"))

    @api.constrains("rate", "tax_ids")
    def _check_rate(self):
        """Refuse what could never give the channel's total."""
        # Whoever manages channels need not see taxes.
        for row in self.sudo():
            amount = row.tax_ids._percent()
            is_same = amount is not None and not float_compare(
                amount, row.rate, precision_digits=RATE_DIGITS
            )
            if not is_same:
                raise ValidationError(
                    self.env._(
                        "The taxes for %(rate)s %% must be percentages that add up to "
                        "just that: %(taxes)s.",
                        rate=f"{row.rate:g}",
                        taxes=", ".join(row.tax_ids.mapped("name"))
                        or self.env._("none was chosen"),
                    )
                )
            if len(set(row.tax_ids._priced().mapped("price_include"))) > 1:
                raise ValidationError(
                    self.env._(
                        "Taxes in the price and taxes on top of it do not go together."
                    )
                )

    @api.model_create_multi
    def create(self, vals_list):
        rows = super().create(vals_list)
        rows.channel_id._retry_field("tax_rate")
        return rows

    def write(self, vals):
        result = super().write(vals)
        self.channel_id._retry_field("tax_rate")
        return result

    def _is_included(self):
        return self.tax_ids._priced()[:1].price_include


class StockChannelTaxes(models.Model):
    _inherit = "stock.channel"

    tax_map_ids = fields.One2many("stock.channel.tax", "channel_id", string="Taxes")

    def _retry_field(self, field):
        """Run again what waits for a person because of this field of an order."""
        waiting_sudo = (
            self.env["stock.channel.exception"]
            .sudo()
            .search(
                [
                    ("channel_id", "in", self.ids),
                    ("field", "=", field),
                    ("state", "!=", "resolved"),
                    ("waiting_message_ids", "!=", False),
                ]
            )
        )
        waiting_sudo._retry()

    def _mapped_taxes(self, rate, country, included):
        """Return the row that says what a rate means, the country's own first."""
        self.ensure_one()
        fitting = self.tax_map_ids.filtered(
            lambda row: (
                not float_compare(row.rate, float(rate), precision_digits=RATE_DIGITS)
                and row.country_id in (country, row.country_id.browse())
                and (not rate or row._is_included() == included)
            )
        )
        return fitting.sorted(lambda row: not row.country_id)[:1]


class AccountTax(models.Model):
    _inherit = "account.tax"

    @api.model_create_multi
    def create(self, vals_list):
        """Run again the orders that waited for a tax of their rate."""
        taxes = super().create(vals_list)
        channels_sudo = self.env["stock.channel"].sudo()
        channels_sudo.search(
            [("company_id", "child_of", taxes.company_id.ids)]
        )._retry_field("tax_rate")
        return taxes

    def _priced(self):
        """Return the taxes that are computed: the members of groups, not the groups."""
        return self.flatten_taxes_hierarchy()

    def _percent(self):
        """Return what these taxes add up to, None where that is no plain percentage."""
        priced = self._priced()
        if any(
            tax.amount_type != "percent" or tax.include_base_amount for tax in priced
        ):
            return None
        return sum(priced.mapped("amount"))


class StockChannelOrderTax(models.Model):
    """Which taxes are on a line: by rate, exactly one answer or a person is asked."""

    _inherit = "stock.channel.order"

    def _fiscal_position(self, partner, addresses):
        """Return what Odoo makes of where it goes and to whom."""
        company = self.channel_id.company_id
        positions_sudo = self.env["account.fiscal.position"].sudo()
        return positions_sudo.with_company(company)._get_fiscal_position(
            partner, addresses.get("partner_shipping_id", partner)
        )

    def _tax_commands(self, rate, snapshot, product, position):
        """Return the company's sales taxes of this rate.

        :param Decimal | None rate: percent. A channel that names no rate charged no
            tax that we know of; if it did, the totals differ and somebody is told.
        :param position: the fiscal position of the sale order.
        :raise NeedsPerson: when there is no such tax, or more than one and nobody said
            which.
        """
        if rate is None:
            return [Command.clear()]
        address = snapshot.shipping_address or snapshot.billing_address
        country = self.env["res.country"].search(
            [("code", "=", address.country.upper() if address else False)], limit=1
        )
        row = self.channel_id.sudo()._mapped_taxes(
            rate, country, snapshot.prices_include_tax
        )
        if row:
            found = row.tax_ids
            if not all(found.mapped("active")):
                raise self._tax_exception(rate, snapshot, country, found)
            return [Command.set(found.ids)]
        found = self._taxes_of_rate(rate, snapshot, product)
        chosen = self._choose_tax(found, product, position, is_zero=not rate)
        if len(chosen) != 1 and rate:
            raise self._tax_exception(rate, snapshot, country, chosen)
        return [Command.set(chosen.ids)] if len(chosen) == 1 else [Command.clear()]

    def _taxes_of_rate(self, rate, snapshot, product):
        """Return the active sales taxes of this rate that fit the product."""
        taxes_sudo = self.env["account.tax"].sudo()
        scope = "service" if product.type == "service" else "consu"
        domain = [
            *taxes_sudo._check_company_domain(self.channel_id.company_id),
            ("type_tax_use", "=", "sale"),
            ("tax_scope", "in", [False, scope]),
        ]

        def is_in_price(tax):
            return {part.price_include for part in tax._priced()} == {
                snapshot.prices_include_tax
            }

        found = taxes_sudo.search(
            [*domain, ("amount_type", "=", "percent"), ("amount", "=", float(rate))]
        )
        # Of nothing it is all the same.
        found = found.filtered(is_in_price) if rate else found
        if found or not rate:
            return found
        groups = taxes_sudo.search([*domain, ("amount_type", "=", "group")])
        return groups.filtered(
            lambda tax: (
                is_in_price(tax)
                and tax._percent() is not None
                and not float_compare(
                    tax._percent(), float(rate), precision_digits=RATE_DIGITS
                )
            )
        )

    def _choose_tax(self, taxes, product, position, is_zero):
        """Narrow taxes of one rate down: by fiscal position, product and company.

        What the channel charged is a fact, so a domestic rate counts abroad too. But of
        nothing, only where Odoo's own position for the sale names a tax for that (an
        export, a business of the Union): at home a line without tax has none.
        """
        company = self.channel_id.company_id
        found = taxes.filtered(
            lambda tax: position and position in tax.fiscal_position_ids
        )
        if is_zero:
            return found
        found = found or taxes.filtered("is_domestic") or taxes
        for preferred in (product.sudo().taxes_id, company.sudo().account_sale_tax_id):
            mapped = position.map_tax(preferred) & found
            if len(found) > 1 and mapped:
                found = mapped
        return found

    def _tax_exception(self, rate, snapshot, country, candidates):
        """Return what to tell when no tax fits, or more than one does."""
        percent = f"{rate:f}"
        title, reason = self._tax_trouble(percent, candidates)
        if snapshot.prices_include_tax:
            kind = self.env._("included in the price")
        else:
            kind = self.env._("on top of the price")
        return NeedsPerson(
            category="data",
            fingerprint=f"tax:{self.channel_id.id}:{rate.normalize():f}:"
            f"{snapshot.prices_include_tax}:{country.code or ''}",
            title=title,
            cause=self.env._(
                "Order %(order)s is taxed with %(rate)s %%, %(kind)s. %(reason)s",
                order=self.name,
                rate=percent,
                kind=kind,
                reason=reason,
            ),
            next_step=self.env._(
                "Choose the tax on the channel, page Finance, or add it in Accounting. "
                "Orders that wait for it are processed by themselves then."
            ),
            field="tax_rate",
            value=percent,
            channel_order_id=self.id,
        )

    def _tax_trouble(self, percent, candidates):
        """Return in a few words, and in a sentence, why no tax could be chosen."""
        company = self.channel_id.company_id.name
        names = ", ".join(candidates.mapped("name"))
        if not candidates:
            return (
                self.env._("No sales tax of %s %% fits", percent),
                self.env._("%s has no such sales tax.", company),
            )
        if not all(candidates.mapped("active")):
            return (
                self.env._("The tax chosen for %s %% is archived", percent),
                self.env._("The channel's taxes say %s, which is archived.", names),
            )
        return (
            self.env._("Several sales taxes of %s %% fit", percent),
            self.env._(
                "%(company)s has more than one such sales tax: %(taxes)s.",
                company=company,
                taxes=names,
            ),
        )
