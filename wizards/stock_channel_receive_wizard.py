from odoo import api, fields, models
from odoo.exceptions import UserError
from odoo.fields import Domain


class StockChannelReceiveWizard(models.TransientModel):
    """Takes in goods that came back without anybody having announced them."""

    _name = "stock.channel.receive.wizard"
    _description = "Receive Unannounced Return"
    _check_company_auto = True

    company_id = fields.Many2one(
        "res.company", required=True, default=lambda self: self.env.company
    )
    channel_id = fields.Many2one(
        "stock.channel",
        compute="_compute_channel_id",
        store=True,
        readonly=False,
        precompute=True,
        check_company=True,
        help="Leave it empty when the parcel does not tell.",
    )
    location_id = fields.Many2one(
        "stock.location",
        "Put into",
        compute="_compute_location_id",
        store=True,
        readonly=False,
        precompute=True,
        check_company=True,
        domain=[
            ("usage", "=", "internal"),
            ("effective_stock_condition", "!=", "sellable"),
        ],
        help="Where the goods lie until it is known whose they are. They are not on "
        "sale there.",
    )
    barcode = fields.Char(help="Scan the product, or its serial number.")
    product_id = fields.Many2one(
        "product.product",
        check_company=True,
        domain=[("is_storable", "=", True)],
    )
    tracking = fields.Selection(related="product_id.tracking")
    uom_id = fields.Many2one(related="product_id.uom_id")
    lot_name = fields.Char("Lot/Serial Number")
    quantity = fields.Float(digits="Product Unit", default=1.0, required=True)
    note = fields.Char(
        "What Is on the Parcel",
        help="Sender, order or return number, as it is written.",
    )

    @api.depends("company_id")
    def _compute_channel_id(self):
        for wizard in self:
            channels = self.env["stock.channel"].search(
                [("company_id", "=", wizard.company_id.id)], limit=2
            )
            wizard.channel_id = channels if len(channels) == 1 else False

    @api.depends("channel_id", "company_id")
    def _compute_location_id(self):
        for wizard in self:
            location = wizard.channel_id.quarantine_location_id
            if not location and not wizard.location_id:
                location = (
                    self.env["stock.channel"]
                    .search([("company_id", "=", wizard.company_id.id)])
                    .quarantine_location_id[:1]
                )
            wizard.location_id = location or wizard.location_id

    @api.onchange("barcode")
    def _onchange_barcode(self):
        if self.barcode:
            self._read_barcode()

    def _read_barcode(self):
        """Find what a scanned code means: a product, its packaging or a serial."""
        code = self.barcode.strip()
        company = Domain("company_id", "in", [False, self.company_id.id])
        products = self.env["product.product"]
        product = products.search(company & Domain("barcode", "=", code), limit=1)
        product = product or products.search(
            company & Domain("default_code", "=", code), limit=1
        )
        if not product:
            lots = self.env["stock.lot"].search(
                company & Domain("name", "=", code), limit=2
            )
            if len(lots) == 1:
                self.lot_name = lots.name
                product = lots.product_id
        if not product:
            raise UserError(self.env._("Nothing here has the code %s.", code))
        self.product_id = product

    def action_receive(self):
        """Take the goods in and show the record of it."""
        self.ensure_one()
        self.env["stock.channel.exception"]._check_operator()
        if self.barcode and not self.product_id:
            self._read_barcode()
        if not self.product_id:
            raise UserError(self.env._("Say which product has come."))
        if not self.location_id:
            raise UserError(self.env._("Say where you put the goods."))
        receipt = self.env["stock.channel.blind.receipt"]._receive(
            location=self.location_id,
            product=self.product_id,
            quantity=self.quantity,
            lot=self._find_lot(),
            channel=self.channel_id,
            note=self.note or "",
        )
        return {
            "type": "ir.actions.act_window",
            "res_model": "stock.channel.blind.receipt",
            "res_id": receipt.id,
            "view_mode": "form",
        }

    def _find_lot(self):
        """Return the lot of that name; one that was never seen is made.

        The goods are here, whatever their number says: nobody can match them with a
        lot that never left, and a person finds out.
        """
        name = (self.lot_name or "").strip()
        if self.product_id.tracking == "none" or not name:
            return None
        lots_sudo = self.env["stock.lot"].sudo()
        found = lots_sudo.search(
            [
                ("product_id", "=", self.product_id.id),
                ("name", "=", name),
                ("company_id", "in", [False, self.company_id.id]),
            ],
            limit=1,
        )
        return found or lots_sudo.create(
            {
                "product_id": self.product_id.id,
                "name": name,
                "company_id": self.company_id.id,
            }
        )
