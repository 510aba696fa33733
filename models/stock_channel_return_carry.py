from odoo import fields, models
from odoo.exceptions import UserError
from odoo.fields import Command

from ..connectors.data import Disposition
from .quantities import to_decimal


class StockChannelReturnLineCarry(models.Model):
    """Taking goods out of quarantine: by a transfer that waits, or at once."""

    _inherit = "stock.channel.return.line"

    def _move_on(self):
        """Ask the warehouse to carry on what lies in quarantine and need not.

        Goods that came before the channel's word lie there; when the word is
        restock or scrap, a transfer waits for whoever carries them.
        """
        for line in self:
            waiting = line._waiting()
            is_inspected = line.disposition == Disposition.INSPECT or line.is_kept
            if not waiting or is_inspected:
                line._cancel_put_away()
                continue
            target = (
                line._scrap_location()
                if line.disposition == Disposition.SCRAP
                else line._shelf_of_came()
            )
            on_way = line._put_away_moves()
            asked = on_way._counted_by_product()
            if on_way.location_dest_id == target and all(
                to_decimal(asked.get(product_id, 0.0)) == quantity
                for product_id, quantity in line._waiting_by_product().items()
            ):
                continue
            line._cancel_put_away()
            line._carry(waiting, target)

    def _cancel_put_away(self):
        moves = self._put_away_moves()
        if moves:
            moves._action_cancel()

    def _shelf_of_came(self):
        self.ensure_one()
        return self._shelf(self._came()[:1].origin_returned_move_id)

    def _carry(self, quantities, target):
        """Make a transfer out of quarantine, reserved and not validated yet.

        :param quantities: (product, lot, location) → Decimal in the product's unit.
        :return: the transfer.
        """
        self.ensure_one()
        wanted = {key: some for key, some in quantities.items() if some > 0}
        source = next(iter(wanted))[2]
        warehouse = target.warehouse_id or source.warehouse_id
        if not warehouse:
            warehouse = self.order_line_id.channel_location_id.warehouse_id
        picking = self.env["stock.picking"].create(
            {
                "picking_type_id": warehouse.int_type_id.id,
                "location_id": source.id,
                "location_dest_id": target.id,
                "origin": self.env._(
                    "Return %(name)s of %(order)s",
                    name=self.channel_return_id.external_id,
                    order=self.channel_order_id.name,
                ),
                "move_ids": [
                    Command.create(
                        self._prepare_carry(product, lot, place, some, target)
                    )
                    for (product, lot, place), some in wanted.items()
                ],
            }
        )
        picking.move_ids._action_confirm(merge=False)
        # Confirming may reserve, and then some lot from somewhere.
        picking.move_ids._do_unreserve()
        for move, (_product, lot, place) in zip(picking.move_ids, wanted, strict=True):
            move._update_reserved_quantity(
                move.product_uom_qty, place, lot_id=lot or None, strict=bool(lot)
            )
            move._recompute_state()
        return picking

    def _prepare_carry(self, product, lot, location, quantity, target):
        return {
            "product_id": product.id,
            "product_uom": product.uom_id.id,
            "product_uom_qty": float(quantity),
            "location_id": location.id,
            "location_dest_id": target.id,
            "channel_return_line_id": self.id,
        }

    def _scrap_waiting(self, product, lot, location, quantity):
        """Scrap goods that wait for inspection.

        :raise UserError: when they are not there any more.
        """
        scrap = self.env["stock.scrap"].create(
            {
                "company_id": self.company_id.id,
                "product_id": product.id,
                "product_uom_id": product.uom_id.id,
                "scrap_qty": float(quantity),
                "lot_id": lot.id,
                "location_id": location.id,
                "origin": self.channel_return_id.external_id,
                "channel_return_line_id": self.id,
            }
        )
        if not scrap.check_available_qty():
            raise UserError(not_there(self.env, product))
        scrap.do_scrap()


class StockPickingReturn(models.Model):
    _inherit = "stock.picking"

    def _validate_at_once(self):
        """Carry out a transfer whole.

        :raise UserError: when something of it is not there.
        """
        self.ensure_one()
        for move in self.move_ids:
            if move.product_uom.compare(move.quantity, move.product_uom_qty) < 0:
                raise UserError(not_there(self.env, move.product_id))
        self.move_ids.picked = True
        self.with_context(skip_backorder=True, skip_sms=True).button_validate()


class StockScrapReturn(models.Model):
    _inherit = "stock.scrap"

    channel_return_line_id = fields.Many2one(
        "stock.channel.return.line",
        string="Channel Return",
        readonly=True,
        index="btree_not_null",
        ondelete="set null",
    )

    def _prepare_move_values(self):
        return {
            **super()._prepare_move_values(),
            "channel_return_line_id": self.channel_return_line_id.id,
        }


def not_there(env, product):
    """Return the words for goods that are not where they were received."""
    return env._(
        "%s is not in the quarantine location any more, or is reserved there. Look "
        "where it was moved to.",
        product.display_name,
    )
