from odoo import api, fields, models
from odoo.exceptions import UserError


class StockChannelSellWizard(models.TransientModel):
    """Asks on which channel a product is sold, and what it is called there.

    The first map of an item is an operator's own decision. What takes orders away from
    another listing of a live channel is a change: a manager proposes it from here, an
    operator is told so.
    """

    _name = "stock.channel.sell.wizard"
    _description = "Sell on a Channel"

    product_tmpl_id = fields.Many2one("product.template", readonly=True)
    product_id = fields.Many2one("product.product", "Variant", required=True)
    channel_id = fields.Many2one("stock.channel", required=True)
    sku = fields.Char(
        "SKU",
        compute="_compute_sku",
        store=True,
        precompute=True,
        readonly=False,
        required=True,
        help="What the channel calls this item. Orders are matched by it.",
    )
    item_id = fields.Char(
        "Channel's Item Id",
        compute="_compute_item",
        store=True,
        readonly=False,
        help="Where the channel has an id of the item besides the SKU.",
    )
    title = fields.Char(
        compute="_compute_item",
        store=True,
        readonly=False,
        help="The name under which the channel sells it.",
    )
    uom_id = fields.Many2one(
        "uom.uom",
        "Selling Unit",
        compute="_compute_uom_id",
        store=True,
        readonly=False,
        help="The unit the channel counts in: a pack of six is one there and six here.",
    )
    product_uom_id = fields.Many2one(related="product_id.uom_id")

    @api.depends("product_id")
    def _compute_sku(self):
        for wizard in self:
            wizard.sku = wizard.sku or wizard.product_id.default_code

    @api.depends("channel_id", "sku")
    def _compute_item(self):
        """Take over what the channel was found to call it, where it was read."""
        for wizard in self:
            rows = self.env["stock.channel.remote.listing"]
            if wizard.channel_id and wizard.sku:
                rows = rows.search(
                    [
                        ("channel_id", "=", wizard.channel_id.id),
                        ("sku", "=", wizard.sku),
                    ],
                    limit=2,
                )
            if len(rows) == 1:
                wizard.item_id = rows.item_id
                wizard.title = rows.title

    @api.depends("product_id")
    def _compute_uom_id(self):
        for wizard in self:
            wizard.uom_id = wizard.product_id.uom_id

    def action_done(self):
        """Make the listing, or offer to propose it.

        :raise RedirectWarning: where a manager has to propose it.
        """
        self.ensure_one()
        self.env["stock.channel.exception"]._check_operator()
        # Whoever fills this in over RPC may name what they must not see.
        self.channel_id.check_access("read")
        self.product_id.check_access("read")
        listings, vals = self.env["stock.channel.listing"], self._prepare_listing()
        if listings.has_access("create"):
            listings._save_or_propose(
                lambda: listings.create(vals), lambda records: records.create(vals)
            )
        else:
            self._map_first(vals)
        return {"type": "ir.actions.act_window_close"}

    def _prepare_listing(self):
        return {
            "channel_id": self.channel_id.id,
            "product_id": self.product_id.id,
            "sku": self.sku.strip(),
            "item_id": (self.item_id or "").strip() or False,
            "title": self.title,
            "uom_id": (self.uom_id or self.product_id.uom_id).id,
        }

    def _map_first(self, vals):
        """Make a map nobody had before, in the name of an operator.

        :raise UserError: where the channel's item is mapped already.
        """
        listings_sudo = self.env["stock.channel.listing"].sudo()
        key = (vals["sku"], vals["item_id"])
        [is_first] = listings_sudo._are_first(self.channel_id, [key])
        if not is_first:
            raise UserError(
                self.env._(
                    "%(sku)s is mapped on %(channel)s already, perhaps in the archive. "
                    "A manager of stock channels proposes to change that.",
                    sku=vals["sku"],
                    channel=self.channel_id.name,
                )
            )
        listings_sudo.create(vals)
