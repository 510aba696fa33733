"""Pages of sale orders and transfers: the channel's order, its promise and reports."""

from odoo import api, fields, models
from odoo.exceptions import UserError
from odoo.tools import format_datetime

READERS = "stock_channel_hub.group_user"
PROMISES = [
    ("late", "Late"),
    ("today", "Today"),
    ("ahead", "In Time"),
    ("kept", "Shipped"),
]
REPORTS = [
    ("refused", "Refused"),
    ("waiting", "Waiting"),
    ("told", "Told"),
]
REPORTED_AS = {
    "pending": "waiting",
    "sending": "waiting",
    "unknown": "waiting",
    "rejected": "refused",
    "done": "told",
}


class StockChannelOrderOnPage(models.AbstractModel):
    """What a page shows of the channel's order behind it.

    Nothing is stored; many records take as many statements as one.
    """

    _name = "stock.channel.order.page"
    _description = "Page of a Channel's Order"

    channel_order_ref = fields.Char(
        "Channel's Order",
        compute="_compute_channel_page",
        groups=READERS,
        help="What the order is called at the channel.",
    )
    has_channel_order_page = fields.Boolean(
        compute="_compute_channel_page", groups=READERS
    )
    channel_promise_state = fields.Selection(
        PROMISES,
        "Promise",
        compute="_compute_channel_page",
        groups=READERS,
        help="Whether it leaves by when the customer was promised.",
    )
    channel_report_state = fields.Selection(
        REPORTS,
        "Told the Channel",
        compute="_compute_channel_page",
        groups=READERS,
        help="Whether the channel knows what was shipped or cancelled here.",
    )
    channel_report_text = fields.Char(
        "About the Report", compute="_compute_channel_page", groups=READERS
    )
    channel_exception_count = fields.Integer(
        "Open Exceptions", compute="_compute_channel_page", groups=READERS
    )

    def _sale_order_ids(self):
        """Return {record id: id of its sale order}."""
        raise NotImplementedError

    def _page_reports(self, orders):
        """Return what the channel is told of this record.

        :param orders: the channel's orders behind it.
        """
        raise NotImplementedError

    def _page_promise(self):
        """Return (promised moment, whether it was shipped, whether it still can be)."""
        raise NotImplementedError

    def _channel_orders(self):
        """Return {record id: its orders at channels}, one statement for all."""
        sales = self._sale_order_ids()
        orders = self.env["stock.channel.order"].search(
            [("sale_order_id", "in", list(filter(None, sales.values())))]
        )
        by_sale = orders.grouped(lambda order: order.sale_order_id.id)
        return {
            record_id: by_sale.get(sale_id, orders.browse())
            for record_id, sale_id in sales.items()
        }

    def _compute_channel_page(self):
        by_record = self._channel_orders()
        every = self.env["stock.channel.order"].union(*by_record.values())
        counts = dict(
            self.env["stock.channel.exception"]._read_group(
                [("state", "=", "open"), ("channel_order_id", "in", every.ids)],
                ["channel_order_id"],
                ["__count"],
            )
        )
        for record in self:
            orders = by_record.get(record._origin.id, every.browse())
            order = orders[:1]
            reports = order and record._page_reports(orders)
            record.channel_order_ref = order.name
            record.has_channel_order_page = bool(order.external_url)
            record.channel_promise_state = bool(order) and record._promise_state()
            record.channel_exception_count = sum(counts.get(one, 0) for one in orders)
            state = self._report_state(reports) if reports else False
            record.channel_report_state = state
            record.channel_report_text = state and self._report_text(reports, state)

    def _promise_state(self):
        promised_at, is_shipped, is_open = self._page_promise()
        if not promised_at or not (is_shipped or is_open):
            return False
        if is_shipped:
            return "kept"
        now = self.env.cr.now()
        if promised_at < now:
            return "late"
        today, day = (
            fields.Datetime.context_timestamp(self, moment).date()
            for moment in (now, promised_at)
        )
        return "today" if today == day else "ahead"

    @api.model
    def _report_state(self, reports):
        """Return the state that needs most attention."""
        states = {REPORTED_AS.get(report.state) for report in reports}
        return next((state for state, _word in REPORTS if state in states), False)

    @api.model
    def _report_text(self, reports, state):
        mine = reports.filtered(lambda report: REPORTED_AS.get(report.state) == state)
        if state == "refused":
            return self.env._("The channel refused it: %s", mine[:1].last_error or "–")
        if state == "waiting":
            error = mine.filtered("last_error")[:1].last_error
            if error:
                return self.env._("It is tried again by itself: %s", error)
            return self.env._("It is told within minutes.")
        last = max(mine, key=lambda report: report.reported_at or report.shipped_at)
        if last.by_channel:
            return self.env._("The channel shipped it itself.")
        moment = last.reported_at or last.shipped_at
        return self.env._(
            "Told on %s.", format_datetime(self.env, moment, dt_format="short")
        )

    def _one_channel_order(self):
        self.check_access("read")
        self.ensure_one()
        order = self._channel_orders()[self.id][:1]
        if not order:
            raise UserError(self.env._("No order of a channel is behind this."))
        return order

    def action_open_at_channel(self):
        """Open the order in the channel's own pages, in a new tab."""
        order = self._one_channel_order()
        if not order.external_url:
            raise UserError(
                self.env._(
                    "Nobody has said where %s shows its orders. An administrator "
                    "enters it on the channel, under Page of an Order.",
                    order.channel_id.name,
                )
            )
        return {
            "type": "ir.actions.act_url",
            "url": order.external_url,
            "target": "new",
        }

    def action_open_channel_order(self):
        """Open the channel's order as the hub has it."""
        order = self._one_channel_order()
        return {
            "type": "ir.actions.act_window",
            "res_model": order._name,
            "res_id": order.id,
            "view_mode": "form",
        }

    def action_open_channel_exceptions(self):
        """Open what needs a person about this order."""
        order = self._one_channel_order()
        return {
            "type": "ir.actions.act_window",
            "name": self.env._("Open Exceptions"),
            "res_model": "stock.channel.exception",
            "view_mode": "list,form",
            "domain": [
                ("channel_order_id", "=", order.id),
                ("state", "=", "open"),
            ],
        }


class SaleOrderPage(models.Model):
    _name = "sale.order"
    _inherit = ["sale.order", "stock.channel.order.page"]

    channel_promised_at = fields.Datetime(
        "Promised to Ship",
        related="commitment_date",
        groups=READERS,
        help="By when it leaves, as the customer was promised.",
    )
    channel_return_ids = fields.Many2many(
        "stock.channel.return",
        compute="_compute_channel_return_ids",
        string="Channel Returns",
        groups=READERS,
    )

    def _sale_order_ids(self):
        return {order._origin.id: order._origin.id for order in self}

    def _page_reports(self, orders):
        return orders.fulfillment_ids

    def _page_promise(self):
        # What comes back later does not undo that it has left in time.
        leaving_sudo = self.sudo().picking_ids.filtered(
            lambda one: one.picking_type_code == "outgoing" and one.state != "cancel"
        )
        is_shipped = bool(leaving_sudo) and set(leaving_sudo.mapped("state")) == {
            "done"
        }
        return self.commitment_date, is_shipped, self.state == "sale"

    def _compute_channel_return_ids(self):
        by_record = self._channel_orders()
        nothing = self.env["stock.channel.return"]
        for order in self:
            orders = by_record.get(order._origin.id)
            order.channel_return_ids = orders.return_ids if orders else nothing


class StockPickingPage(models.Model):
    _name = "stock.picking"
    _inherit = ["stock.picking", "stock.channel.order.page"]

    stock_channel_id = fields.Many2one(
        related="sale_id.stock_channel_id", string="Channel", groups=READERS
    )
    channel_promised_at = fields.Datetime(
        "Promised to Ship",
        related="date_deadline",
        groups=READERS,
        help="By when it leaves, as the channel's customer was promised.",
    )
    channel_return_ids = fields.Many2many(
        "stock.channel.return",
        compute="_compute_channel_return_ids",
        string="Channel Returns",
        groups=READERS,
    )
    channel_return_line_ids = fields.Many2many(
        "stock.channel.return.line",
        compute="_compute_channel_return_ids",
        string="What Comes Back",
        groups=READERS,
    )

    def _sale_order_ids(self):
        # A warehouse user may see the transfer and not everybody's sale orders.
        return {
            picking_sudo.id: picking_sudo.sale_id.id
            for picking_sudo in self._origin.sudo()
        }

    def _page_reports(self, orders):
        return self.channel_fulfillment_ids

    def _page_promise(self):
        is_shipped = self.state == "done"
        is_leaving = self.picking_type_code in ("outgoing", "internal")
        is_open = is_leaving and self.state != "cancel"
        return self.date_deadline, is_shipped and is_leaving, is_open

    def _compute_channel_return_ids(self):
        returns = self.env["stock.channel.return"].search(
            [("picking_ids", "in", self.ids)]
        )
        for picking in self:
            mine = picking._origin
            found = returns.filtered(
                lambda one, mine=mine: mine and mine.id in one.sudo().picking_ids.ids
            )
            picking.channel_return_ids = found
            moved = picking.move_ids.sudo().channel_return_line_id
            picking.channel_return_line_ids = found.line_ids.filtered(
                lambda line, moved=moved: line in moved or not moved
            )
