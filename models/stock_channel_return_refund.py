import logging
from decimal import Decimal

from odoo import api, fields, models
from odoo.exceptions import UserError
from odoo.fields import Command

from .locks import CONCURRENCY_ERRORS
from .quantities import to_decimal
from .stock_channel_message import describe_error
from .stock_channel_return import DISPOSITIONS

_logger = logging.getLogger(__name__)


class StockChannelReturnRules(models.Model):
    """What a channel's returns ask of the warehouse and of finance."""

    _inherit = "stock.channel"

    return_disposition = fields.Selection(
        DISPOSITIONS,
        string="Returned Goods",
        required=True,
        default="inspect",
        help="What becomes of returned goods when neither the channel's return nor an "
        "operator says otherwise.",
    )
    inspection_days = fields.Integer(
        "Days for Inspection",
        default=3,
        help="An inspection is overdue when goods have waited for longer than this.",
    )
    credit_note_rule = fields.Selection(
        [("none", "None"), ("draft", "Draft, for Finance to Post")],
        string="Credit Notes",
        required=True,
        default="none",
        help="Draft: when returned goods have come, a credit note over what was "
        "invoiced of them is prepared. It is never posted by itself.",
    )


class StockChannelReturnRefund(models.Model):
    """The money of a return: what the channel refunded, what finance credits."""

    _inherit = "stock.channel.return"

    credit_note_ids = fields.One2many(
        "account.move",
        "channel_return_id",
        string="Credit Notes",
        readonly=True,
        groups="account.group_account_invoice,account.group_account_readonly",
    )
    credit_note_amount = fields.Monetary(
        "Credit Notes Total",
        compute="_compute_credit_note_amount",
        compute_sudo=True,
        store=True,
        help="Drafts and posted ones, taxes included.",
    )
    refund_difference = fields.Monetary(
        "Refund without Credit Note",
        compute="_compute_refund_difference",
        store=True,
        help="What the channel refunded beyond the credit notes; below zero when the "
        "credit notes are larger.",
    )
    is_refunded = fields.Boolean(
        "Refunded",
        compute="_compute_is_refunded",
        compute_sudo=True,
        store=True,
        help="The channel refunded something, or a credit note is posted.",
    )

    @api.depends("credit_note_ids.amount_total", "credit_note_ids.state")
    def _compute_credit_note_amount(self):
        for channel_return in self:
            valid = channel_return.credit_note_ids.filtered(
                lambda note: note.state != "cancel"
            )
            channel_return.credit_note_amount = sum(valid.mapped("amount_total"))

    @api.depends("refund_amount", "credit_note_amount")
    def _compute_refund_difference(self):
        for channel_return in self:
            channel_return.refund_difference = (
                channel_return.refund_amount - channel_return.credit_note_amount
            )

    @api.depends("refund_amount", "credit_note_ids.state")
    def _compute_is_refunded(self):
        for channel_return in self:
            channel_return.is_refunded = channel_return.refund_amount > 0 or any(
                note.state == "posted" for note in channel_return.credit_note_ids
            )

    # ---------------------------------------------------------- credit notes

    def _draft_credit_note(self):
        """Prepare a credit note over what came back and was invoiced.

        Trouble in here keeps no goods out: the clerk who validates a transfer can
        do nothing about an account that is missing.
        """
        self.ensure_one()
        if self.channel_id.credit_note_rule != "draft":
            return
        exceptions = self.env["stock.channel.exception"]
        fingerprint = f"return:{self.id}:credit"
        try:
            with self.env.cr.savepoint():
                self._create_credit_note()
        except CONCURRENCY_ERRORS:
            raise
        except Exception as error:
            if not isinstance(error, UserError):
                _logger.exception("no credit note was drafted")
            exceptions._open(
                self.channel_id,
                category="data",
                fingerprint=fingerprint,
                return_id=self.id,
                title=self.env._(
                    "No credit note could be drafted for return %s", self.external_id
                ),
                cause=describe_error(error),
                next_step=self.env._(
                    "Correct what the cause names, then make the credit note from the "
                    "sales order."
                ),
                channel_order_id=self.channel_order_id.id,
            )
        else:
            exceptions._resolve_fingerprint(self.channel_id, fingerprint)
            self._check_refund()

    def _create_credit_note(self):
        """Make one draft over all lines that have something to credit."""
        sale_order_sudo = self.sale_order_id.sudo().with_company(self.company_id)
        lines = [
            Command.create(part._prepare_invoice_line(quantity=float(quantity)))
            for line in self.line_ids.sudo()
            for part, quantity in line._to_credit().items()
        ]
        if not lines:
            return
        invoice_sudo = self.line_ids._invoices()
        note_sudo = (
            self.env["account.move"]
            .sudo()
            .with_company(self.company_id)
            .create(
                {
                    **sale_order_sudo._prepare_invoice(),
                    "move_type": "out_refund",
                    "invoice_line_ids": lines,
                    "channel_return_id": self.id,
                    "reversed_entry_id": invoice_sudo.id
                    if len(invoice_sudo) == 1
                    else False,
                    "invoice_payment_term_id": False,
                    "ref": self.env._(
                        "Return %(name)s of %(order)s",
                        name=self.external_id,
                        order=self.channel_order_id.name,
                    ),
                }
            )
        )
        note_sudo.message_post(
            body=self.env._(
                "Drafted because the goods of return %s have come back. Finance posts "
                "it.",
                self.external_id,
            )
        )

    def _check_refund(self):
        """Tell a person when the channel's refund is not what the drafts credit."""
        currency = self.currency_id
        fingerprint = f"return:{self.id}:refund"
        exceptions = self.env["stock.channel.exception"]
        is_equal = not currency or currency.is_zero(self.refund_difference)
        if is_equal or not self.refund_amount or not self.credit_note_amount:
            exceptions._resolve_fingerprint(self.channel_id, fingerprint)
            return
        exceptions._open(
            self.channel_id,
            category="data",
            fingerprint=fingerprint,
            return_id=self.id,
            title=self.env._(
                "The refund of return %s is not what its credit notes say",
                self.external_id,
            ),
            cause=self.env._(
                "The channel refunded %(refund)s, the credit notes are over %(notes)s.",
                refund=f"{self.refund_amount:.2f} {currency.name}",
                notes=f"{self.credit_note_amount:.2f} {currency.name}",
            ),
            next_step=self.env._(
                "Compare both: the channel may have refunded shipping or kept a fee. "
                "Correct the draft before it is posted."
            ),
            field="refund_amount",
            value=f"{self.refund_amount:.2f}",
            expected_value=f"{self.credit_note_amount:.2f}",
            channel_order_id=self.channel_order_id.id,
        )


class StockChannelReturnLineRefund(models.Model):
    """One line in money, taxes included, in the company's currency."""

    _inherit = "stock.channel.return.line"

    company_currency_id = fields.Many2one(
        related="company_id.currency_id", string="Company Currency"
    )
    return_state = fields.Selection(
        related="channel_return_id.state", store=True, string="Return Status"
    )
    is_refunded = fields.Boolean(related="channel_return_id.is_refunded", store=True)
    refunded_at = fields.Datetime(related="channel_return_id.refunded_at", store=True)
    unit_value = fields.Monetary(
        "Price Paid",
        currency_field="company_currency_id",
        compute="_compute_unit_value",
        compute_sudo=True,
        store=True,
        help="What the customer paid for one, taxes included.",
    )
    not_restocked_qty = fields.Float(
        "Not Restocked",
        digits=0,
        compute="_compute_values",
        store=True,
        help="Announced, and neither back on sale nor scrapped.",
    )
    not_restocked_value = fields.Monetary(
        "Value not Restocked",
        currency_field="company_currency_id",
        compute="_compute_values",
        store=True,
    )
    restocked_value = fields.Monetary(
        "Value Restocked",
        currency_field="company_currency_id",
        compute="_compute_values",
        store=True,
    )
    waiting_value = fields.Monetary(
        "Value in Quarantine",
        currency_field="company_currency_id",
        compute="_compute_values",
        store=True,
    )
    scrapped_value = fields.Monetary(
        "Value Scrapped",
        currency_field="company_currency_id",
        compute="_compute_values",
        store=True,
    )
    age_days = fields.Integer(
        "Days",
        compute="_compute_age_days",
        help="Since it was refunded, or else came back, or else was announced.",
    )
    waiting_days = fields.Integer(
        "Days Waiting", compute="_compute_age_days", help="Since it came back."
    )

    @api.depends(
        "order_line_id.sale_line_id.price_reduce_taxinc",
        "order_line_id.sale_line_id.product_uom_id",
        "order_line_id.uom_id",
    )
    def _compute_unit_value(self):
        for line in self:
            part = line.order_line_id._parts()[:1]
            order = part.order_id
            price = part.price_reduce_taxinc
            if part and line.order_line_id.uom_id != part.product_uom_id:
                price = part.product_uom_id._compute_price(
                    price, line.order_line_id.uom_id
                )
            line.unit_value = (
                order.currency_id._convert(
                    price,
                    line.company_id.currency_id,
                    line.company_id,
                    order.date_order or fields.Date.context_today(line),
                )
                if order
                else 0.0
            )

    @api.depends(
        "quantity",
        "done_qty",
        "accepted_qty",
        "scrapped_qty",
        "waiting_qty",
        "unit_value",
        "return_state",
    )
    def _compute_values(self):
        for line in self:
            is_cancelled = line.return_state == "cancelled"
            expected = (
                line.done_qty if is_cancelled else max(line.quantity, line.done_qty)
            )
            line.not_restocked_qty = max(
                float(to_decimal(expected - line.accepted_qty - line.scrapped_qty)),
                0.0,
            )
            line.not_restocked_value = line.not_restocked_qty * line.unit_value
            line.restocked_value = line.accepted_qty * line.unit_value
            line.waiting_value = line.waiting_qty * line.unit_value
            line.scrapped_value = line.scrapped_qty * line.unit_value

    @api.depends("refunded_at", "received_at")
    def _compute_age_days(self):
        now = fields.Datetime.now()
        for line in self:
            since = line.refunded_at or line.received_at or line.create_date or now
            line.age_days = (now - since).days
            line.waiting_days = (now - (line.received_at or now)).days

    # ---------------------------------------------------------- credit notes

    def _to_credit(self):
        """Return what came back, was invoiced and is in no credit note.

        :return: dict of sale line → Decimal in its own unit.
        """
        self.ensure_one()
        order_line = self.order_line_id
        credit = {}
        for part in order_line._parts():
            came = self._came().filtered(
                lambda move, part=part: (
                    move.origin_returned_move_id.sale_line_id == part
                )
            )
            back = order_line.uom_id._compute_quantity(
                order_line._units_in(came), part.product_uom_id, round=False
            )
            noted = part.invoice_lines.filtered(
                lambda row: row.move_id.move_type == "out_refund"
            )
            own = noted.filtered(
                lambda row: (
                    row.move_id.channel_return_id == self.channel_return_id
                    and row.move_id.state != "cancel"
                )
            )
            drafts = noted.filtered(lambda row: row.move_id.state == "draft")
            open_qty = to_decimal(part.qty_invoiced_posted) - invoiced(drafts, part)
            quantity = min(to_decimal(back) - invoiced(own, part), open_qty)
            if quantity > Decimal(0):
                credit[part] = quantity
        return credit

    def _invoices(self):
        """Return the posted invoices of the goods of these lines, as superuser."""
        rows = self.order_line_id._sale_lines().invoice_lines
        return rows.move_id.filtered(
            lambda move: move.move_type == "out_invoice" and move.state == "posted"
        )


class AccountMove(models.Model):
    _inherit = "account.move"

    channel_return_id = fields.Many2one(
        "stock.channel.return",
        readonly=True,
        copy=False,
        index="btree_not_null",
        ondelete="set null",
        groups="stock_channel_hub.group_user",
    )


def invoiced(rows, part):
    """Return how many of a sale line these invoice lines are over, in its unit."""
    return to_decimal(
        sum(
            row.product_uom_id._compute_quantity(
                row.quantity, part.product_uom_id, round=False
            )
            for row in rows
        )
    )
