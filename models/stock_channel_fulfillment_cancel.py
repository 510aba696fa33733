import logging

from odoo import api, fields, models
from odoo.fields import Command

from .locks import CONCURRENCY_ERRORS
from .quantities import to_decimal
from .stock_channel_message import describe_error

_logger = logging.getLogger(__name__)

NOTED = "stock_channel_hub.cancels"


class StockChannelFulfillmentCancel(models.Model):
    """Cancellations and shortages decided in Odoo.

    Nobody tells the hub what a change of a transfer or a sale order is meant to be.
    So it counts: what the channel wants and was taken over, less what has left and
    what is still to leave, will never leave. What the channel itself cancelled is
    wanted no more and never comes out of this sum; what it was told already is taken
    off. Counted once per transaction, at its end, since transfers are split and
    merged on the way.
    """

    _inherit = "stock.channel.fulfillment"

    @api.model
    def _note_cancel(self, sale_lines, reason):
        """Count at the commit what of these lines' orders will never leave.

        :param str reason: why, for the channel; the first one noted counts.
        """
        # A clerk need not see the sale; what he cancels is told all the same.
        sales_sudo = sale_lines.sudo().order_id.filtered("stock_channel_id")
        orders_sudo = sales_sudo.channel_order_ids
        if not orders_sudo:
            return
        precommit = self.env.cr.precommit
        noted = precommit.data.get(NOTED)
        if noted is None:
            noted = precommit.data[NOTED] = {}
            precommit.add(self.sudo()._record_cancelled)
        for order in orders_sudo:
            noted.setdefault(order.id, reason)

    @api.model
    def _record_cancelled(self):
        """Record what will never leave; trouble in here keeps nobody from working."""
        noted = self.env.cr.precommit.data.pop(NOTED, None) or {}
        for order_id, reason in noted.items():
            order = self.env["stock.channel.order"].browse(order_id).exists()
            try:
                with self.env.cr.savepoint():
                    order._settle_cancelled(reason)
            except CONCURRENCY_ERRORS:
                raise
            except Exception as error:
                _logger.exception("a cancellation was not recorded")
                order._open_cancel_unrecorded(error)
        self.env.flush_all()

    def _is_untold(self):
        """Return whether the channel cannot have taken this cancellation."""
        self.ensure_one()
        return self.state == "rejected" or (
            self.state == "pending" and not self.attempts
        )

    @api.model
    def _create_cancellation(self, order, quantities, reason):
        """Record what the channel must be told.

        :param quantities: order line → quantity in the selling unit.
        """
        report = self.create(
            {
                "kind": "cancellation",
                "channel_id": order.channel_id.id,
                "channel_order_id": order.id,
                "shipped_at": fields.Datetime.now(),
                "reason": reason,
                "line_ids": [
                    Command.create(
                        {
                            "order_line_id": line.id,
                            "quantity": float(to_decimal(quantity)),
                            "cancelled_to_qty": float(
                                to_decimal(line._cancelled_told_qty() + quantity)
                            ),
                        }
                    )
                    for line, quantity in quantities.items()
                ],
            }
        )
        if order.channel_id._capabilities().can_cancel:
            order.channel_id._wake_publishers()
            return report
        cause = self._no_cancels_text()
        report._update_state("rejected", {"last_error": cause})
        report._open_exception(**report._prepare_refusal(cause))
        return report


class StockChannelOrderCancelledHere(models.Model):
    _inherit = "stock.channel.order"

    def _check_after(self, snapshot):
        """Forget what the channel has cancelled itself meanwhile."""
        result = super()._check_after(snapshot)
        if any(self.line_ids.mapped("released_qty")) or self._cancellations():
            self._settle_cancelled(self.env._("Not available."))
        return result

    def _cancellations(self):
        """Return the cancellations the channel has not taken yet."""
        return self.fulfillment_ids.filtered(
            lambda report: (
                report.kind == "cancellation"
                and report.state not in ("done", "dropped")
            )
        )

    def _settle_cancelled(self, reason):
        """Bring what the channel is told to what will never leave.

        What no call has carried yet is replaced, so that an order confirmed again
        before the channel heard of it is not cancelled, and what was refused is told
        again together with the rest.
        """
        self.ensure_one()
        lines = self.line_ids.filtered("uom_id")
        for line in lines:
            line._release()
        needs = {line: line._never_leaving_qty() for line in lines}
        if any(
            line.uom_id.compare(need, line._untaken_cancel_qty())
            for line, need in needs.items()
        ) or self._cancellations().filtered(lambda report: report._is_overtaken()):
            self._cancellations().filtered(lambda r: r._is_untold())._drop()
        quantities = {
            line: need - line._untaken_cancel_qty() for line, need in needs.items()
        }
        quantities = {
            line: quantity
            for line, quantity in quantities.items()
            if line.uom_id.compare(quantity, 0.0) > 0
        }
        if quantities:
            self.env["stock.channel.fulfillment"]._create_cancellation(
                self, quantities, reason
            )

    def _open_cancel_unrecorded(self, error):
        self.env["stock.channel.exception"]._open(
            self.channel_id,
            category="internal",
            fingerprint=f"order:{self.id}:cancel",
            title=self.env._("A cancellation of %s was not recorded", self.name),
            cause=describe_error(error),
            next_step=self.env._(
                "Tell the channel by hand what of the order will not come, and the "
                "administrator what is written here."
            ),
            channel_order_id=self.id,
        )


class StockChannelFulfillmentEcho(models.Model):
    _inherit = "stock.channel.fulfillment"

    def _is_overtaken(self):
        """Return whether the channel tells by itself of some that is to be told.

        Told all the same, it would cancel that part once more.
        """
        self.ensure_one()
        return any(
            line.order_line_id.uom_id.compare(
                line.order_line_id.cancelled_qty, line.cancelled_to_qty - line.quantity
            )
            > 0
            for line in self.line_ids
        )


class StockChannelOrderLineCancelledHere(models.Model):
    _inherit = "stock.channel.order.line"

    def _record_cancel(self, quantity, reason):
        """Refuse part of what is in flight, and let the channel hear of it.

        It counts as taken over and cancelled here: the sale order is made for the
        rest, and the channel's own cancellation of it changes nothing more.

        :param float quantity: in the selling unit, at most what is in flight.
        :param str reason: why, for the channel.
        """
        self.ensure_one()
        refused = min(quantity, max(self._wanted_qty() - self.applied_qty, 0.0))
        self.applied_qty = float(to_decimal(self.applied_qty + refused))
        self._log_dirty()
        self.channel_order_id._settle_cancelled(reason)

    # -------------------------------------------------------------- counting

    def _coming_qty(self):
        """Return what of this line has left or is still to leave, in the selling unit."""
        self.ensure_one()
        return self.elsewhere_qty + sum(
            self._part_coming_qty(part) for part in self._sale_lines()
        )

    def _part_coming_qty(self, part):
        """Return what of one part has left or is still to leave.

        Of a delivery in several steps only the last that is known counts. A part
        without transfers, such as a service or what a vendor sends, is still to come
        while its order is confirmed.
        """
        if not part.move_ids:
            return part.product_uom_qty if part.state == "sale" else 0.0
        to_leave = part.move_ids.filtered(
            lambda move: (
                move.state not in ("done", "cancel")
                and (move.location_final_id or move.location_dest_id).usage
                == "customer"
                and not move.origin_returned_move_id
                and not move.move_dest_ids.filtered(
                    lambda after: after.state not in ("done", "cancel")
                )
            )
        )
        return self._units_in(part._moves_gone() | to_leave)

    def _gone_here_qty(self):
        """Return what was taken over and will never leave, in the selling unit."""
        return max(float(to_decimal(self.applied_qty - self._coming_qty())), 0.0)

    def _release(self):
        """Keep what is cancelled here out of what is open here."""
        released = self._gone_here_qty()
        if self.uom_id.compare(released, self.released_qty):
            self.released_qty = released
            self._log_dirty()

    def _never_leaving_qty(self):
        """Return what the channel still wants and will never get from here.

        What it says has left is not cancelled, whoever sent it.
        """
        wanted = min(self.applied_qty, self._wanted_qty())
        coming = max(self._coming_qty(), self.acknowledged_qty)
        return max(float(to_decimal(wanted - coming)), 0.0)

    def _cancelled_told_qty(self):
        """Return what the channel has cancelled once it took all it is being told."""
        reports = self.channel_order_id._cancellations().line_ids
        told = reports.filtered(lambda line: line.order_line_id == self)
        return max(
            self.cancelled_qty,
            self.cancel_taken_qty,
            *told.mapped("cancelled_to_qty"),
            0.0,
        )

    def _untaken_cancel_qty(self):
        """Return what the channel is being told and has not taken yet."""
        known = max(self.cancelled_qty, self.cancel_taken_qty)
        return float(to_decimal(self._cancelled_told_qty() - known))

    # ------------------------------------------------------------- the echo

    def _remove_quantity(self, quantity):
        """Take off only what was not cancelled here before the channel said so.

        What the sale order was lowered by is left out of the plan already; what only
        its transfers know of is not.
        """
        known = min(self._dropped_units(), quantity)
        if self.uom_id.compare(known, 0.0) > 0:
            self._lower_sale_lines(known)
        rest = float(to_decimal(quantity - known))
        if self.uom_id.compare(rest, 0.0) <= 0:
            return None
        return super()._remove_quantity(rest)

    def _dropped_units(self):
        """Return what the sale order still has and its transfers do not."""
        return sum(
            max(part._channel_unit_qty() - self._part_coming_qty(part), 0.0)
            for part in self._parts()
        )

    def _lower_sale_lines(self, quantity):
        """Let the sale order say what is to come; its transfers say so already."""
        for part_sudo in self._parts()[::-1]:
            extra = part_sudo.product_uom_qty - self._part_coming_qty(part_sudo)
            lowered = min(extra, quantity)
            if self.uom_id.compare(lowered, 0.0) > 0:
                part_sudo.with_context(skip_procurement=True)._set_channel_quantity(
                    part_sudo.product_uom_qty - lowered
                )
                quantity -= lowered
