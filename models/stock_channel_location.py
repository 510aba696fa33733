from odoo import api, fields, models
from odoo.exceptions import UserError, ValidationError


class StockChannelLocation(models.Model):
    """One location id of the channel, fed by Odoo stock locations and all below."""

    _name = "stock.channel.location"
    _description = "Stock Channel Location"
    _inherit = ["mail.thread"]
    _order = "channel_id, sequence, id"
    _check_company_auto = True

    name = fields.Char(required=True)
    sequence = fields.Integer(
        string="Priority",
        default=10,
        help="Orders without a location of their own are taken from the lowest "
        "number first.",
    )
    active = fields.Boolean(default=True)
    channel_id = fields.Many2one(
        "stock.channel", required=True, ondelete="cascade", index=True
    )
    company_id = fields.Many2one(related="channel_id.company_id", store=True)
    external_id = fields.Char(
        string="Channel's Location Id",
        required=True,
        tracking=True,
        help="The id this location has at the channel.",
    )
    location_ids = fields.Many2many(
        "stock.location",
        "stock_channel_location_stock_location_rel",
        "channel_location_id",
        "location_id",
        string="Stock Locations",
        check_company=True,
        domain=[("usage", "in", ("internal", "view"))],
        help="What lies here, and in every location below, may be sold at this "
        "channel location.",
    )
    warehouse_id = fields.Many2one(
        "stock.warehouse",
        compute="_compute_warehouse_id",
        store=True,
        readonly=False,
        check_company=True,
        index=True,
        help="Ships the orders of this channel location.",
    )
    is_operated_by_channel = fields.Boolean(
        string="Operated by the Channel",
        help="A 3PL or a shop of its own: what it reports as shipped, and returns it "
        "reports as received, are believed without anybody validating them here.",
    )

    _channel_external_unique = models.UniqueIndex(
        "(channel_id, external_id)",
        "This channel already has a location with that id.",
    )

    @api.depends("name", "channel_id.name")
    @api.depends_context("show_channel")
    def _compute_display_name(self):
        """Add the channel where locations of several channels stand together."""
        for location in self:
            name = location.name
            if self.env.context.get("show_channel"):
                name = f"{name} ({location.channel_id.name})"
            location.display_name = name

    @api.depends("location_ids")
    def _compute_warehouse_id(self):
        for location in self:
            if not location.warehouse_id:
                location.warehouse_id = location.location_ids.warehouse_id[:1]

    @api.constrains("location_ids", "channel_id", "active")
    def _check_overlap(self):
        """Refuse stock that two locations of one channel would both offer."""
        for location in self:
            siblings = location.channel_id.location_ids - location
            for mine in location.location_ids:
                for other in siblings:
                    for theirs in other.location_ids:
                        if is_overlap(mine, theirs):
                            raise ValidationError(
                                self._overlap_text(
                                    mine, theirs, location.name, other.name
                                )
                            )

    @api.model
    def _overlap_text(self, mine, theirs, here, there):
        return self.env._(
            "%(mine)s and %(theirs)s overlap: the same stock would be offered at "
            "%(here)s and at %(there)s. Map each stock location once per channel.",
            mine=mine.complete_name,
            theirs=theirs.complete_name,
            here=here,
            there=there,
        )

    @api.model_create_multi
    def create(self, vals_list):
        locations = super().create(vals_list)
        locations._log_dirty()
        self.env["stock.channel.exception"]._retry_location_mapping(locations)
        return locations

    def write(self, vals):
        if "channel_id" in vals:
            moved = self.filtered(lambda row: row.channel_id.id != vals["channel_id"])
            # Nobody would keep up there what the channel was told.
            moved._unlink_unless_told()
            moved._told_rows().unlink()
        told = [
            (place._told_rows(), place.external_id)
            for place in self
            if "external_id" in vals
        ]
        result = super().write(vals)
        for place, (rows, external_id) in zip(self, told, strict=False):
            if place.external_id != external_id and rows:
                for row in rows:
                    row._left_behind(row.listing_id.sku, external_id)
                    row._kept_up_again()
                rows._forget()
        if {"location_ids", "active", "external_id"} & vals.keys():
            self._log_dirty()
            self.env["stock.channel.exception"]._retry_location_mapping(self)
        return result

    def _told_rows(self):
        return (
            self.env["stock.channel.publication"]
            .sudo()
            .search([("channel_location_id", "in", self.ids)])
        )

    @api.ondelete(at_uninstall=False)
    def _unlink_unless_told(self):
        """Refuse to forget numbers that a channel shows."""
        if self._told_rows().log_ids:
            raise UserError(
                self.env._(
                    "The channel was told numbers of this location. Archive it: the "
                    "channel is told zero, and its history stays."
                )
            )

    def unlink(self):
        # Afterwards: first it is asked whether anything was told.
        rows = self._told_rows()
        result = super().unlink()
        rows.unlink()
        return result

    def _mapped(self):
        """Return those that have stock behind them and a warehouse that ships it."""
        return self.filtered(lambda place: place.location_ids and place.warehouse_id)

    def _log_dirty(self):
        self.env["stock.channel.dirty"]._log_listings(
            self.channel_id._all_listings(), "map"
        )


def is_overlap(mine, theirs):
    """Return whether two stock locations have any place in common."""
    return mine.parent_path.startswith(
        theirs.parent_path
    ) or theirs.parent_path.startswith(mine.parent_path)
