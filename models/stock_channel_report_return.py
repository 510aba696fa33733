from odoo import fields, models
from odoo.tools import SQL

from .stock_channel_return_line import DISPOSITIONS


class StockChannelReturnReport(models.Model):
    """Returned goods in units, money and days."""

    _name = "stock.channel.return.report"
    _description = "Return Analysis"
    _inherit = "stock.channel.report"
    _auto = False
    _order = "announced_at desc"
    _rec_name = "return_line_id"

    return_line_id = fields.Many2one("stock.channel.return.line", readonly=True)
    channel_return_id = fields.Many2one("stock.channel.return", readonly=True)
    channel_id = fields.Many2one("stock.channel", readonly=True)
    company_id = fields.Many2one("res.company", readonly=True)
    product_id = fields.Many2one("product.product", readonly=True)
    disposition = fields.Selection(DISPOSITIONS, "What to Do", readonly=True)
    announced_at = fields.Datetime("Announced", readonly=True)
    received_at = fields.Datetime("Came", readonly=True)
    refunded_at = fields.Datetime("Refunded", readonly=True)
    quantity = fields.Float("Units Announced", readonly=True)
    done_qty = fields.Float("Units Back", readonly=True)
    not_restocked_qty = fields.Float("Units Not Restocked", readonly=True)
    restocked_value = fields.Float("Value Restocked", readonly=True)
    not_restocked_value = fields.Float("Value Not Restocked", readonly=True)
    waiting_value = fields.Float("Value in Quarantine", readonly=True)
    scrapped_value = fields.Float("Value Scrapped", readonly=True)
    days_to_come = fields.Float(
        "Days Until It Came",
        aggregator="avg",
        readonly=True,
        help="From the announcement to the goods.",
    )
    days_to_refund = fields.Float(
        "Days Until Refunded",
        aggregator="avg",
        readonly=True,
        help="From the announcement to the refund.",
    )

    def _query(self):
        return SQL(
            """
            SELECT line.id, line.id AS return_line_id, line.channel_return_id,
                   line.channel_id, line.company_id, line.product_id,
                   line.disposition, line.create_date AS announced_at,
                   line.received_at, line.refunded_at,
                   line.quantity, line.done_qty, line.not_restocked_qty,
                   line.restocked_value::double precision AS restocked_value,
                   line.not_restocked_value::double precision
                       AS not_restocked_value,
                   line.waiting_value::double precision AS waiting_value,
                   line.scrapped_value::double precision AS scrapped_value,
                   extract(epoch FROM line.received_at - line.create_date)
                       / 86400 AS days_to_come,
                   extract(epoch FROM line.refunded_at - line.create_date)
                       / 86400 AS days_to_refund
              FROM stock_channel_return_line AS line
            """
        )
