from odoo import fields, models
from odoo.exceptions import UserError

PAYMENT_STATES = [
    ("unpaid", "Placed"),
    ("authorized", "Authorized"),
    ("paid", "Paid"),
]
# Refunded money is not there any more.
RANKS = {"unpaid": 0, "refunded": 0, "authorized": 1, "paid": 2}


class StockChannelPayment(models.Model):
    """From which payment state on an order is taken over, and shipped."""

    _inherit = "stock.channel"

    import_from = fields.Selection(
        PAYMENT_STATES,
        string="Take Over From",
        required=True,
        default="unpaid",
        tracking=True,
        help="An order whose payment is not as far waits without a sale order; what it "
        "asks for is kept for it all the same.",
    )
    ship_from = fields.Selection(
        PAYMENT_STATES,
        required=True,
        default="unpaid",
        tracking=True,
        help="The deliveries of an order whose payment is not as far are reserved and "
        "picked, but cannot be sent.",
    )

    def write(self, vals):
        result = super().write(vals)
        if "import_from" in vals:
            self.env["stock.channel.order"].sudo().search(
                [("channel_id", "in", self.ids), ("waits_for_payment", "=", True)]
            )._retry_payment()
        return result


class StockChannelOrderPayment(models.Model):
    """An order that waits for its money.

    Two rules, as there are two dangers. An order that may never be paid is no sale
    order (``import_from``), yet its goods are in flight: the channel has sold them.
    One that is taken over but not paid (``ship_from``) is confirmed, since a quotation
    reserves nothing and another order would take the goods. Odoo has no hold for such
    deliveries, so the move itself refuses to leave: however it is validated, by form,
    batch or scanner.
    """

    _inherit = "stock.channel.order"

    waits_for_payment = fields.Boolean(
        readonly=True,
        help="It is taken over once its payment is as far as the channel asks.",
    )
    cleared_at = fields.Datetime(
        "Payment Cleared",
        readonly=True,
        help="Since when an order that waited for its payment may be worked on.",
    )

    def _is_paid_for(self, rule):
        """Tell whether the payment is as far as a rule asks.

        A channel that never speaks of payments is not asked for them.

        :param str rule: one of ``PAYMENT_STATES``.
        """
        self.ensure_one()
        status = self.payment_status
        return not status or RANKS.get(status, 0) >= RANKS[rule]

    def _in_at(self):
        return self.cleared_at or super()._in_at()

    def _apply(self, snapshot):
        is_newest = snapshot.version >= self.version
        if is_newest and self._must_wait_for_payment():
            return self._wait_for_payment(snapshot)
        if is_newest and self.waits_for_payment:
            self.waits_for_payment = False
            self.cleared_at = self.cleared_at or max(self.updated_at, self.placed_at)
        return super()._apply(snapshot)

    def _must_wait_for_payment(self):
        return (
            not self.was_created
            and not self.is_cancelled
            and any(line._wanted_qty() > 0 for line in self.line_ids)
            and not self._is_paid_for(self.channel_id.import_from)
        )

    def _wait_for_payment(self, snapshot):
        """Keep the order in flight until a later word of the channel.

        What must be mapped for it is told now: it could not be in flight otherwise.
        """
        self._check_mapped(snapshot)
        self._leave_out_shipped()
        self._update_state("new")
        self.waits_for_payment = True
        return self.env._("Waits for its payment.")

    def _retry_payment(self):
        """Take the newest word about these orders again: the rule has changed."""
        now = self.env.cr.now()
        for order in self:
            if order._must_wait_for_payment():
                continue
            order.cleared_at = now
            order._retry_newest()

    def _is_held_for_payment(self):
        """Tell whether nothing of the order may be sent yet."""
        self.ensure_one()
        return not self._is_paid_for(self.channel_id.ship_from)


class StockMovePayment(models.Model):
    _inherit = "stock.move"

    def _action_done(self, cancel_backorder=False):
        self._check_channel_payment()
        return super()._action_done(cancel_backorder=cancel_backorder)

    def _held_for_channel_payment(self):
        """Return the channel orders whose payment keeps these moves from leaving.

        What the channel says it has shipped has left, whatever was paid.
        """
        lines_sudo = (
            self.sudo()
            .filtered(
                lambda move: (
                    move.state not in ("done", "cancel")
                    and move.location_dest_id.usage == "customer"
                )
            )
            .sale_line_id._channel_lines()
        )
        return lines_sudo.filtered(
            lambda line: not line.fulfilled_qty
        ).channel_order_id.filtered(lambda order: order._is_held_for_payment())

    def _check_channel_payment(self):
        """Refuse to send what the channel's customer has not paid for.

        :raise UserError: naming the order and the rule.
        """
        leaving = self.filtered(lambda move: move.picked and move.quantity)
        for order_sudo in leaving._held_for_channel_payment():
            channel_sudo = order_sudo.channel_id
            rule = dict(
                channel_sudo._fields["ship_from"]._description_selection(self.env)
            )[channel_sudo.ship_from]
            raise UserError(
                self.env._(
                    "%(sale)s cannot be sent yet: its payment at %(channel)s is "
                    "%(status)s, and the channel's orders are sent from %(rule)s on. "
                    "It can be when the channel tells of the payment.",
                    sale=order_sudo.sale_order_id.name,
                    channel=channel_sudo.name,
                    status=order_sudo.payment_status,
                    rule=rule,
                )
            )


class StockPickingPayment(models.Model):
    _inherit = "stock.picking"

    is_held_for_payment = fields.Boolean(
        compute="_compute_is_held_for_payment",
        help="The payment of the channel's order is not as far as the channel asks.",
    )

    def _compute_is_held_for_payment(self):
        for picking in self:
            picking.is_held_for_payment = bool(
                picking.move_ids._held_for_channel_payment()
            )
