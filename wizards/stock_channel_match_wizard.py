from odoo import api, fields, models
from odoo.exceptions import UserError

from ..models.stock_channel_exception import NeedsPerson


class StockChannelMatchWizard(models.TransientModel):
    """Asks which order goods that came unannounced had left with."""

    _name = "stock.channel.match.wizard"
    _description = "Match Unannounced Return"

    receipt_id = fields.Many2one(
        "stock.channel.blind.receipt", required=True, readonly=True, ondelete="cascade"
    )
    company_id = fields.Many2one(related="receipt_id.company_id")
    product_id = fields.Many2one(related="receipt_id.product_id")
    note = fields.Char(related="receipt_id.note")
    channel_order_id = fields.Many2one(
        "stock.channel.order",
        "Order",
        domain="[('company_id', '=', company_id), ('sale_order_id', '!=', False)]",
        compute="_compute_channel_order_id",
        store=True,
        readonly=False,
        precompute=True,
        help="The only order that shipped this lot or serial, or that a return is "
        "announced for, is proposed.",
    )
    order_line_id = fields.Many2one(
        "stock.channel.order.line",
        "Line",
        domain="[('channel_order_id', '=', channel_order_id)]",
        compute="_compute_order_line_id",
        store=True,
        readonly=False,
        precompute=True,
    )

    @api.depends("receipt_id")
    def _compute_channel_order_id(self):
        for wizard in self:
            receipt_sudo = wizard.receipt_id.sudo()
            orders = receipt_sudo._orders_of_lot()
            orders = orders or receipt_sudo._fitting_lines().channel_order_id
            wizard.channel_order_id = orders if len(orders) == 1 else False

    @api.depends("channel_order_id", "receipt_id")
    def _compute_order_line_id(self):
        for wizard in self:
            product_id = wizard.product_id.id
            lines = wizard.channel_order_id.sudo().line_ids.filtered(
                lambda line, product_id=product_id: product_id in line._component_ids()
            )
            wizard.order_line_id = lines[:1]

    def action_match(self):
        """Make the goods a return of the chosen line."""
        self.ensure_one()
        self.env["stock.channel.exception"]._check_operator()
        self.receipt_id.check_access("read")
        self.order_line_id.check_access("read")
        if not self.order_line_id:
            raise UserError(self.env._("Choose the order line the goods left with."))
        receipt_sudo = self.receipt_id.sudo()
        if receipt_sudo.state != "received":
            raise UserError(self.env._("These goods are matched or closed already."))
        if self.order_line_id.company_id != receipt_sudo.company_id:
            raise UserError(self.env._("The order belongs to another company."))
        try:
            receipt_sudo._match(self.order_line_id.sudo())
        except NeedsPerson as need:
            raise UserError(need.as_text()) from need
        return {"type": "ir.actions.act_window_close"}
