from odoo import models

from .quantities import to_decimal


class StockChannelReturnMatch(models.Model):
    """Finding goods that were here before the channel spoke of them."""

    _inherit = "stock.channel.return"

    def _find_goods(self):
        """Count goods that are here already, so that nobody waits for them twice.

        They came by a blind receipt, or with a return that somebody made from the
        delivery in Odoo.
        """
        self.ensure_one()
        for line in self.line_ids:
            line._claim_from_siblings()
            line._claim_returned()
            line._match_receipts()


class StockChannelReturnLineMatch(models.Model):
    _inherit = "stock.channel.return.line"

    def _claim_returned(self):
        """Take over returns of these deliveries that belong to no channel return."""
        self.ensure_one()
        unclaimed = self.order_line_id._delivered_moves().returned_move_ids.filtered(
            lambda move: move.state != "cancel" and not move.channel_return_line_id
        )
        for move in unclaimed.sorted("id"):
            needed = self._not_in_moves().get(move.product_id.id, 0.0)
            if needed <= 0:
                continue
            if move.state == "done" and move._counted_qty() > needed:
                move._split_done(needed)
            self._claim(move)

    def _claim_from_siblings(self):
        """Take over goods of the same order line that another word stood for.

        The goods came for what was announced; then the channel said how many of them
        are good and how many are not. What was inspected here stays as it is.
        """
        self.ensure_one()
        siblings = self.channel_return_id.line_ids.filtered(
            lambda line: line != self and line.order_line_id == self.order_line_id
        )
        for sibling in siblings.filtered(lambda line: not line.inspected_at):
            sibling._cancel_put_away()
            for move in sibling._came():
                product_id = move.product_id.id
                excess = -sibling._not_in_moves().get(product_id, 0.0)
                most = min(excess, self._not_in_moves().get(product_id, 0.0))
                if most <= 0:
                    continue
                if move._counted_qty() > most:
                    move._split_done(most)
                self._claim(move)

    def _not_in_moves(self):
        """Return what is expected and in no move: product id → its own unit."""
        self.ensure_one()
        in_moves = self._moves_in()._counted_by_product()
        return {
            product_id: float(to_decimal(wanted - in_moves.get(product_id, 0.0)))
            for product_id, wanted in self.order_line_id._components(
                self.quantity
            ).items()
        }

    def _claim(self, moves):
        """Let these moves be moves of this return."""
        moves.channel_return_line_id = self
        self.channel_return_id.picking_ids |= moves.picking_id

    def _match_receipts(self):
        """Match blind receipts that fit this line and nothing else."""
        self.ensure_one()
        receipts_sudo = self.env["stock.channel.blind.receipt"].sudo()
        for product_id, missing in self._not_in_moves().items():
            if missing <= 0:
                continue
            fitting = receipts_sudo.search(
                [
                    ("state", "=", "received"),
                    ("company_id", "=", self.company_id.id),
                    ("channel_id", "in", [False, self.channel_id.id]),
                    ("product_id", "=", product_id),
                    ("quantity", "=", missing),
                ]
            ).filtered(lambda receipt: self._fits(receipt) and receipt._left_with(self))
            if len(fitting) == 1 and not fitting._fitting_lines() - self:
                fitting._hang_on(self.order_line_id)
                self._claim_returned()

    def _fits(self, receipt):
        """Return whether these goods may be what this line waits for.

        :param receipt: a blind receipt; its product, quantity and lot must fit.
        """
        self.ensure_one()
        missing = self._missing().get(receipt.product_id.id, 0.0)
        if to_decimal(missing) != to_decimal(receipt.quantity):
            return False
        lot = receipt.lot_id
        if lot and self.lots and lot.name not in self.lots:
            return False
        delivered = self.order_line_id._delivered_moves().filtered(
            lambda move: move.product_id == receipt.product_id
        )
        if lot:
            return any(lot in move._channel_lots_left() for move in delivered)
        return bool(delivered)
