from odoo import api, fields, models
from odoo.fields import Command

from ..models.quantities import to_decimal


class StockChannelInspectWizard(models.TransientModel):
    """Asks how many of the returned goods are good and how many are not."""

    _name = "stock.channel.inspect.wizard"
    _description = "Inspect Returned Goods"

    return_line_id = fields.Many2one(
        "stock.channel.return.line", required=True, readonly=True, ondelete="cascade"
    )
    row_ids = fields.One2many(
        "stock.channel.inspect.wizard.row",
        "wizard_id",
        compute="_compute_row_ids",
        store=True,
        readonly=False,
        precompute=True,
    )

    @api.depends("return_line_id")
    def _compute_row_ids(self):
        for wizard in self:
            wizard.row_ids = [
                Command.clear(),
                *(
                    Command.create(
                        {
                            "product_id": product.id,
                            "lot_id": lot.id,
                            "location_id": location.id,
                            "waiting_qty": float(quantity),
                            "good_qty": float(quantity),
                        }
                    )
                    for (
                        product,
                        lot,
                        location,
                    ), quantity in wizard.return_line_id.sudo()._waiting().items()
                ),
            ]

    def action_done(self):
        """Put the good ones back on sale and scrap the bad ones; others stay."""
        self.ensure_one()
        self.env["stock.channel.exception"]._check_operator()
        good, bad = {}, {}
        for row_sudo in self.sudo().row_ids:
            key = (row_sudo.product_id, row_sudo.lot_id, row_sudo.location_id)
            good[key] = to_decimal(max(row_sudo.good_qty, 0.0))
            bad[key] = to_decimal(max(row_sudo.bad_qty, 0.0))
        self.return_line_id._finish_inspection(good=good, bad=bad)
        return {"type": "ir.actions.act_window_close"}


class StockChannelInspectWizardRow(models.TransientModel):
    _name = "stock.channel.inspect.wizard.row"
    _description = "Returned Goods to Inspect"

    wizard_id = fields.Many2one(
        "stock.channel.inspect.wizard", required=True, ondelete="cascade"
    )
    product_id = fields.Many2one("product.product", required=True)
    lot_id = fields.Many2one("stock.lot", "Lot/Serial Number")
    location_id = fields.Many2one("stock.location", "Lies in", required=True)
    uom_id = fields.Many2one(related="product_id.uom_id")
    waiting_qty = fields.Float("To Inspect", digits="Product Unit")
    good_qty = fields.Float("Good", digits="Product Unit")
    bad_qty = fields.Float("Scrap", digits="Product Unit")
