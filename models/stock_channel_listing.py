from odoo import api, fields, models
from odoo.exceptions import UserError, ValidationError


class StockChannelListing(models.Model):
    """One product variant as one channel sells it."""

    _name = "stock.channel.listing"
    _description = "Stock Channel Listing"
    _inherit = ["mail.thread"]
    _order = "channel_id, sku, id"
    _rec_name = "sku"
    _check_company_auto = True

    channel_id = fields.Many2one(
        "stock.channel", required=True, ondelete="cascade", index=True
    )
    company_id = fields.Many2one(related="channel_id.company_id", store=True)
    active = fields.Boolean(default=True)
    is_paused = fields.Boolean(
        string="Paused",
        tracking=True,
        help="The channel keeps the number it has; nothing new is sent.",
    )
    product_id = fields.Many2one(
        "product.product",
        required=True,
        ondelete="restrict",
        index=True,
        check_company=True,
        tracking=True,
    )
    sku = fields.Char(
        string="SKU",
        index="trigram",
        required=True,
        tracking=True,
        help="What the channel calls this item.",
    )
    item_id = fields.Char(
        string="Channel's Item Id",
        help="The channel's own id of the item, where it has one besides the SKU.",
    )
    external_id = fields.Char(compute="_compute_external_id", store=True)
    title = fields.Char(help="The name under which the channel sells it.")
    uom_id = fields.Many2one(
        "uom.uom",
        string="Selling Unit",
        required=True,
        compute="_compute_uom_id",
        store=True,
        precompute=True,
        readonly=False,
        tracking=True,
        help="The unit the channel counts in: a pack of six is one there and six here.",
    )
    is_whole_units = fields.Boolean(
        string="Whole Units Only",
        compute="_compute_is_whole_units",
        store=True,
        readonly=False,
        help="Fractions of the selling unit are rounded down.",
    )
    publication_ids = fields.One2many("stock.channel.publication", "listing_id")

    _channel_external_unique = models.UniqueIndex(
        "(channel_id, external_id)",
        "This item of the channel is mapped already.",
    )

    _by_sku = models.Index("(channel_id, sku)")
    _by_item = models.Index("(channel_id, item_id) WHERE item_id IS NOT NULL")

    @api.depends("item_id", "sku")
    def _compute_external_id(self):
        for listing in self:
            listing.external_id = listing.item_id or listing.sku

    @api.depends("product_id")
    def _compute_uom_id(self):
        for listing in self:
            if not listing.uom_id or not listing.uom_id._has_common_reference(
                listing.product_id.uom_id
            ):
                listing.uom_id = listing.product_id.uom_id

    @api.depends("uom_id", "channel_id.connector")
    def _compute_is_whole_units(self):
        unit = self.env.ref("uom.product_uom_unit")
        for listing in self:
            has_fractions = (
                listing.channel_id and listing.channel_id._capabilities().fractions
            )
            listing.is_whole_units = not (
                has_fractions
                and listing.uom_id
                and not listing.uom_id._has_common_reference(unit)
            )

    @api.depends("sku", "channel_id.name")
    @api.depends_context("show_channel")
    def _compute_display_name(self):
        """Add the channel where listings of several channels stand together."""
        for listing in self:
            name = listing.sku
            if self.env.context.get("show_channel"):
                name = f"{name} ({listing.channel_id.name})"
            listing.display_name = name

    @api.constrains("uom_id", "product_id")
    def _check_uom(self):
        for listing in self:
            product_uom = listing.product_id.uom_id
            if not listing.uom_id._has_common_reference(product_uom):
                raise ValidationError(
                    self.env._(
                        "%(sku)s is sold in %(unit)s, but %(product)s is kept in "
                        "%(product_unit)s, and the two do not convert. Choose a "
                        "selling unit that does.",
                        sku=listing.sku,
                        unit=listing.uom_id.name,
                        product=listing.product_id.display_name,
                        product_unit=product_uom.name,
                    )
                )

    @api.model_create_multi
    def create(self, vals_list):
        listings = super().create(vals_list)
        self.env["stock.channel.dirty"]._log_listings(listings, "map")
        listings._retry_waiting()
        return listings

    def write(self, vals):
        if "channel_id" in vals:
            moved = self.filtered(lambda row: row.channel_id.id != vals["channel_id"])
            moved._leave_channel()
        told = [
            (listing.publication_ids.sudo(), listing.sku, listing.external_id)
            for listing in self
            if {"sku", "item_id", "channel_id"} & vals.keys()
        ]
        result = super().write(vals)
        self._renamed(told)
        watched = {
            "product_id",
            "sku",
            "item_id",
            "uom_id",
            "is_whole_units",
            "is_paused",
            "active",
        }
        if watched & vals.keys():
            self.env["stock.channel.dirty"]._log_listings(self, "map")
        if {"sku", "item_id", "active"} & vals.keys():
            self._retry_waiting()
        return result

    def _leave_channel(self):
        """Drop the numbers of a channel that was told none yet.

        :raise UserError: where it was; nobody would keep them up any more.
        """
        self._unlink_unless_told()
        self.publication_ids.sudo().unlink()

    def _renamed(self, told):
        """Publish under the new id what was published under another one.

        :param told: per listing (its rows, SKU and external id before the write).
        """
        for listing, (rows, sku, external_id) in zip(self, told, strict=False):
            if listing.external_id == external_id or not rows:
                continue
            for row in rows:
                row._left_behind(sku, row.channel_location_id.external_id)
                row._kept_up_again()
            rows._forget()

    @api.ondelete(at_uninstall=False)
    def _unlink_unless_told(self):
        """Refuse to forget a number that a channel shows."""
        if self.publication_ids.sudo().log_ids:
            raise UserError(
                self.env._(
                    "The channel was told numbers of this listing. Archive it: the "
                    "channel is told zero, and its history stays."
                )
            )

    def _retry_waiting(self):
        """Fix once, heal all: whatever waited for these items runs again."""
        self.env["stock.channel.exception"]._retry_mapping(self)

    @api.model
    def _find(self, channel, sku, item_id=""):
        """Return the listing a channel means, by item id first, then by SKU.

        A SKU is no key at every channel; one that fits several listings finds
        none.
        """
        listings = self.search([("channel_id", "=", channel.id), ("sku", "=", sku)])
        if item_id:
            by_item = self.search(
                [("channel_id", "=", channel.id), ("item_id", "=", item_id)]
            )
            return by_item or listings.filtered(lambda listing: not listing.item_id)
        return listings if len(listings) == 1 else self.browse()
