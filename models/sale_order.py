from contextlib import contextmanager

from odoo import api, fields, models


class SaleOrder(models.Model):
    _inherit = "sale.order"

    stock_channel_id = fields.Many2one(
        "stock.channel",
        string="Channel",
        readonly=True,
        copy=False,
        index="btree_not_null",
        ondelete="restrict",
    )
    channel_order_ids = fields.One2many(
        "stock.channel.order",
        "sale_order_id",
        string="Channel Orders",
        readonly=True,
        groups="stock_channel_hub.group_user",
    )

    def _action_cancel(self):
        """Let the channel hear of it, unless it has cancelled the order itself."""
        self.env["stock.channel.fulfillment"]._note_cancel(
            self.order_line, self.env._("The order was cancelled.")
        )
        return super()._action_cancel()

    @contextmanager
    def _unlocked_for_channel(self):
        """Open a locked order for a change that the channel has already made.

        A lock keeps people from changing a confirmed order; Odoo would also skip
        procurement for it without a word.
        """
        was_locked = self.filtered("locked")
        was_locked.locked = False
        yield
        was_locked.locked = True


class SaleOrderLine(models.Model):
    _inherit = "sale.order.line"

    channel_location_id = fields.Many2one(
        "stock.channel.location",
        readonly=True,
        copy=False,
        index="btree_not_null",
        ondelete="restrict",
        help="The channel location this line is taken from.",
    )
    channel_order_line_ref = fields.Char(
        string="Channel's Line Id", readonly=True, copy=False
    )
    channel_order_line_id = fields.Many2one(
        "stock.channel.order.line",
        string="Part of Channel Order Line",
        readonly=True,
        copy=False,
        index="btree_not_null",
        ondelete="set null",
        groups="stock_channel_hub.group_user",
        help="The channel's line this is, or is a part of.",
    )
    channel_order_line_ids = fields.One2many(
        "stock.channel.order.line",
        "sale_line_id",
        readonly=True,
        groups="stock_channel_hub.group_user",
    )

    def write(self, vals):
        if "product_uom_qty" in vals:
            self.env["stock.channel.fulfillment"]._note_cancel(
                self, self.env._("The quantity was lowered.")
            )
        return super().write(vals)

    @api.depends("channel_location_id.warehouse_id")
    def _compute_warehouse_id(self):
        """Let the channel's location choose the warehouse, per line."""
        result = super()._compute_warehouse_id()
        for line in self:
            warehouse = line.channel_location_id.sudo().warehouse_id
            if warehouse:
                line.warehouse_id = warehouse
        return result

    def _channel_lines(self):
        """Return the channel's lines that these are, or are parts of."""
        return self.channel_order_line_ids | self.channel_order_line_id

    def _moves_gone(self):
        """Return the moves that took goods of these lines to the customer.

        Not what went there a second time, after it had come back.
        """
        return self.move_ids.filtered(
            lambda move: (
                move.state == "done"
                and move.location_dest_id.usage == "customer"
                and not move.origin_returned_move_id
            )
        )

    def _is_short(self):
        """Return whether something of it waits for goods."""
        self.ensure_one()
        return any(
            move.state in ("confirmed", "partially_available") for move in self.move_ids
        )

    def _set_channel_quantity(self, quantity):
        """Change the quantity and keep the price, which is the channel's.

        Odoo computes price and discount anew from the price list otherwise.
        """
        self.ensure_one()
        self.write(
            {
                "product_uom_qty": quantity,
                "price_unit": self.price_unit,
                "discount": self.discount,
            }
        )

    def _channel_source_location(self, rule_source):
        """Return the mapped location to take from, where it is one and below.

        :param rule_source: the location the rule would take from.
        """
        mapped = self.channel_location_id.location_ids.filtered(
            lambda location: (
                location.usage == "internal"
                and location != rule_source
                and location.parent_path.startswith(rule_source.parent_path or "-")
            )
        )
        is_only = len(self.channel_location_id.location_ids) == 1
        return mapped if is_only else mapped.browse()
