from odoo import api, fields, models
from odoo.exceptions import AccessError, UserError
from odoo.fields import Command

from ..connectors.errors import ConnectorError
from ..connectors.matching import NAME_FLOOR, alike, words
from .stock_channel_approval import MANAGER


class StockChannelRemoteLocation(models.Model):
    """The channel's own word about its locations, and which warehouse each could be."""

    _inherit = "stock.channel.location"

    is_closed = fields.Boolean(
        "Closed at the Channel",
        readonly=True,
        copy=False,
        help="The channel neither sells nor ships from it, so it need not be mapped.",
    )
    proposed_warehouse_id = fields.Many2one(
        "stock.warehouse",
        compute="_compute_proposed",
        help="The warehouse whose name is most alike.",
    )
    proposal = fields.Char("Why This Warehouse", compute="_compute_proposed")

    @api.depends("name", "location_ids", "channel_id.company_id", "is_closed")
    def _compute_proposed(self):
        """Propose what is named alike and feeds no other location of the channel."""
        for place in self:
            warehouse, percent = place._best_warehouse()
            place.proposed_warehouse_id = warehouse
            place.proposal = (
                self.env._("name %s %% alike", percent) if warehouse else False
            )

    def _best_warehouse(self):
        """Return (warehouse, how alike in percent); none when two are equally so."""
        none = self.env["stock.warehouse"], 0
        if self.location_ids or self.is_closed or not self.channel_id:
            return none
        warehouses_sudo = (
            self.env["stock.warehouse"]
            .sudo()
            .search([("company_id", "=", self.channel_id.company_id.id)])
        )
        taken = self.channel_id.location_ids.location_ids.warehouse_id
        mine = words(self.name or "")
        found = sorted(
            (
                (alike(mine, words(warehouse.name)), warehouse.id)
                for warehouse in warehouses_sudo - taken
            ),
            reverse=True,
        )
        if not found or found[0][0] < NAME_FLOOR:
            return none
        if len(found) > 1 and found[1][0] == found[0][0]:
            return none
        percent, warehouse_id = found[0]
        return self.env["stock.warehouse"].browse(warehouse_id), percent

    def action_use_proposal(self):
        """Feed it from the stock of the warehouse proposed."""
        self.ensure_one()
        self.check_access("write")
        if not self.env.user.has_group(MANAGER):
            raise AccessError(self.env._("Only managers map locations."))
        warehouse = self.proposed_warehouse_id
        if not warehouse:
            raise UserError(self.env._("No warehouse is proposed; choose one."))
        self.write(
            {
                "location_ids": [Command.set(warehouse.lot_stock_id.ids)],
                "warehouse_id": warehouse.id,
            }
        )


class StockChannelRemoteLocationFetch(models.Model):
    _inherit = "stock.channel"

    def action_fetch_locations(self):
        """Add a channel location for each the channel has and we do not map yet.

        What it has closed is added as well, grey, so that nobody looks for it.
        """
        self.ensure_one()
        self.check_access("write")
        try:
            with self._connected() as connector:
                remote = {place.id: place for place in connector.fetch_locations()}
        except ConnectorError as error:
            raise UserError(error.message) from error
        places = self.with_context(active_test=False).location_ids
        known = places.grouped("external_id")
        created = self.env["stock.channel.location"].create(
            [
                {
                    "channel_id": self.id,
                    "external_id": place.id,
                    "name": place.name or place.id,
                }
                for place in remote.values()
                if place.id not in known
            ]
        )
        for place_sudo in (places | created).sudo():
            told = remote.get(place_sudo.external_id)
            if told and place_sudo.is_closed == told.active:
                place_sudo.is_closed = not told.active
        return self._tell_locations(created, remote)

    def _tell_locations(self, created, remote):
        message = self.env._(
            "%(new)s new of %(all)s locations. Map each to its stock locations.",
            new=len(created),
            all=len(remote),
        )
        alike_count = len(created.filtered("proposed_warehouse_id"))
        if alike_count:
            message += " " + self.env._(
                "A warehouse is proposed for %s of them.", alike_count
            )
        return self._notify(message, "success")
