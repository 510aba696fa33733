"""MERGER: drop this file; the exception queue brings these fields with more to them."""

from odoo import fields, models


class StockChannelAlertDue(models.Model):
    _inherit = "stock.channel.exception"

    due_at = fields.Datetime("Due", readonly=True)
    company_currency_id = fields.Many2one(
        related="company_id.currency_id", string="Company Currency"
    )
    value_at_risk = fields.Monetary(
        currency_field="company_currency_id",
        readonly=True,
        help="What is at stake while this is open, in the company's currency.",
    )
