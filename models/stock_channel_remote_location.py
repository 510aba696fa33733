from odoo import api, fields, models
from odoo.exceptions import AccessError, UserError
from odoo.fields import Command

from ..connectors.errors import ConnectorError
from ..connectors.pairing import House, PairReason, Place, pair
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

    @api.depends("name", "external_id", "location_ids", "channel_id", "is_closed")
    def _compute_proposed(self):
        """Propose what is named alike and feeds no other location of the channel."""
        self.proposed_warehouse_id = self.proposal = False
        for channel, places in self.grouped("channel_id").items():
            proposed = channel._propose_warehouses()
            for place in places:
                found = proposed.get(place.id)
                if found:
                    place.proposed_warehouse_id = found.house
                    place.proposal = place._proposal_text(found)

    def _proposal_text(self, found):
        texts = {
            PairReason.CODE: self.env._("same code"),
            PairReason.NAME: self.env._("name %s %% alike", found.percent),
            PairReason.ONLY: self.env._("the only warehouse"),
        }
        return texts[found.reason]

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

    def _propose_warehouses(self):
        """Return {id of a location that is not mapped: the ``Pair`` proposed for it}."""
        if not self:
            return {}
        open_places = self.location_ids.filtered(
            lambda place: not (place.location_ids or place.is_closed)
        )
        warehouses_sudo = (
            self.env["stock.warehouse"]
            .sudo()
            .search([("company_id", "=", self.company_id.id)])
        )
        return pair(
            [
                Place(key=place.id, id=place.external_id or "", name=place.name or "")
                for place in open_places
            ],
            [
                House(key=house.id, code=house.code or "", name=house.name or "")
                for house in warehouses_sudo
            ],
            self.location_ids.location_ids.warehouse_id.ids,
        )

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
