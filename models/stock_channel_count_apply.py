from decimal import Decimal

from odoo import models
from odoo.exceptions import UserError

from .quantities import plain, to_decimal
from .stock_channel_approval_subject import ApprovalStale
from .stock_channel_count_reading import CountReading
from .stock_channel_exception import NeedsPerson


class StockChannelCountApply(models.Model):
    """Applying an approved count: the differences, never what was counted."""

    _inherit = "stock.channel.count"

    def _check_approvable(self, approval_sudo):
        """Refuse to approve a count of which nothing could be applied.

        :raise UserError: then; the proposal stays to be decided.
        """
        if not approval_sudo.after["rows"]:
            raise UserError(
                self.env._(
                    "Nothing of %s can be applied. Look at the reasons in its lines "
                    "and reject it, or have a manager propose it again once they are "
                    "mended.",
                    approval_sudo.name,
                )
            )

    def _apply_approval(self, approval_sudo):
        """Adjust the stock by the approved differences.

        Goods that moved between the count and now stay moved: they are in neither
        the difference nor what it is added to.

        :raise ApprovalStale: when the map, what was on hand then, or what is on hand
            now do not fit any more. Nothing is adjusted then.
        """
        self.ensure_one()
        approval_sudo._check_approved(self)
        try:
            reading = CountReading(self)
            rows = {row.key: row for row in reading.rows()}
        except NeedsPerson as need:
            raise ApprovalStale(f"{need.title}. {need.cause}") from need
        self._check_before(approval_sudo, reading, rows)
        values = []
        for key, delta in approval_sudo.after["rows"].items():
            values += self._prepare_moves(reading, rows[key], Decimal(delta))
        moves = self.env["stock.move"].create(values)
        moves.with_context(ignore_dest_packages=True)._action_done()
        self.move_ids |= moves
        moves._trigger_assign()

    def _check_before(self, approval_sudo, reading, rows):
        """Compare what the proposal stands on with what is true now.

        :raise ApprovalStale: at the first difference.
        """
        before = approval_sudo.before
        if before["location"] != reading.location.id:
            raise ApprovalStale(
                self.env._(
                    "%(place)s now means %(location)s, which is not what was proposed.",
                    place=self.channel_location_id.name,
                    location=reading.location.complete_name,
                )
            )
        for line in approval_sudo.count_line_ids.filtered(lambda line: not line.issue):
            key = f"{line.product_id.id}:{line.lot_id.id or 0}"
            row = rows.get(key)
            if row and not row.issue and row.facts() == before["rows"][key]:
                continue
            raise ApprovalStale(self._why_changed(line, row))

    def _why_changed(self, line, row):
        name = " ".join(filter(None, (line.sku, line.lot_name)))
        if row and row.issue:
            return f"{name}: {row.note}"
        if not row or to_decimal(line.counted_qty) != row.counted:
            return self.env._(
                "The map of %s, its unit or its lots were changed after the proposal.",
                name,
            )
        return self.env._(
            "%(name)s: %(then)s were on hand at the time of the count when it was "
            "proposed, and %(now)s by what is known now. Somebody dated a transfer "
            "back, or changed what may be sold.",
            name=name,
            then=plain(line.expected_qty),
            now=plain(row.expected),
        )

    # ------------------------------------------------------------ adjusting

    def _prepare_moves(self, reading, row, delta):
        """Return the values of the adjustments of one row.

        :param Decimal delta: in the product's own unit.
        :raise ApprovalStale: when less is there now than is to be taken away.
        """
        if delta > 0:
            return [self._prepare_found(reading, row, delta)]
        quants = reading.quants(row.product)
        if row.product.tracking != "none":
            quants = quants.filtered(lambda quant: quant.lot_id == row.lot)
        present = sum((to_decimal(quant.quantity) for quant in quants), Decimal(0))
        if present + delta < 0:
            raise ApprovalStale(
                self.env._(
                    "%(name)s: %(missing)s are to be taken away and only %(present)s "
                    "are on hand now. Have it counted again.",
                    name=" ".join(filter(None, (row.sku, row.lot.name))),
                    missing=plain(-delta),
                    present=plain(present),
                )
            )
        return [
            self._prepare_lost(quant, quantity)
            for quant, quantity in self._share(quants, -delta)
        ]

    def _share(self, quants, quantity):
        """Return (quant, quantity) pairs: what nobody has reserved comes first."""
        taken = {}
        for is_free_only in (True, False):
            for quant in quants:
                there = to_decimal(quant.quantity)
                if is_free_only:
                    there -= max(to_decimal(quant.reserved_quantity), Decimal(0))
                part = min(there - taken.get(quant, 0), quantity)
                if part > 0:
                    taken[quant] = taken.get(quant, Decimal(0)) + part
                    quantity -= part
        return list(taken.items())

    def _prepare_found(self, reading, row, quantity):
        quant = self.env["stock.quant"].new(
            {
                "product_id": row.product.id,
                "location_id": reading.location.id,
                "lot_id": row.lot.id,
            }
        )
        return self._prepare_move(
            quant, quantity, self._inventory_loss(row.product), reading.location
        )

    def _prepare_lost(self, quant, quantity):
        return self._prepare_move(
            quant,
            quantity,
            quant.location_id,
            self._inventory_loss(quant.product_id),
            package_id=quant.package_id,
        )

    def _inventory_loss(self, product):
        return product.with_company(self.company_id).property_stock_inventory

    def _prepare_move(self, quant, quantity, source, target, **packages):
        """Return the values Odoo's own inventory adjustment would have.

        Made here and not by setting the quant's counted quantity: somebody may be
        in the middle of a physical inventory, and would lose what they entered.
        """
        name = self.env._(
            "Count %(count)s of %(channel)s",
            count=self.external_id,
            channel=self.channel_id.name,
        )
        values = quant.with_context(inventory_name=name)._get_inventory_move_values(
            float(quantity), source, target, **packages
        )
        return {
            **values,
            "company_id": self.company_id.id,
            "origin": self.external_id,
        }
