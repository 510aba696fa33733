from itertools import combinations

from odoo import api, fields, models
from odoo.exceptions import UserError
from odoo.fields import Command

from ..connectors import registry
from ..models.stock_channel_fetch import RUNNING
from ..models.stock_channel_location import is_overlap


class StockChannelOnboardingPlaces(models.TransientModel):
    """Which stock feeds each location of the channel, and what it lists is what."""

    _inherit = "stock.channel.onboarding"

    place_ids = fields.One2many("stock.channel.onboarding.place", "wizard_id")
    has_places = fields.Boolean(compute="_compute_has_places")
    places_trouble = fields.Char(
        readonly=True, help="Why the channel's locations could not be read."
    )
    places_warning = fields.Char(compute="_compute_places_warning")
    mapped_count = fields.Integer("Offered", compute="_compute_listings")
    proposed_count = fields.Integer("To Confirm", compute="_compute_listings")
    unmatched_count = fields.Integer("To Choose", compute="_compute_listings")
    remote_count = fields.Integer("Listed there", compute="_compute_listings")
    is_fetching = fields.Boolean(compute="_compute_listings")
    fetch_progress = fields.Float(compute="_compute_listings")
    fetch_trouble = fields.Char(compute="_compute_listings")

    # ---------------------------------------------------------------- places

    @api.depends("connector")
    def _compute_has_places(self):
        for wizard in self:
            connector = registry.get(wizard.connector or "rest")
            wizard.has_places = connector.capabilities.locations

    @api.depends("place_ids.is_used", "place_ids.location_ids")
    def _compute_places_warning(self):
        for wizard in self:
            wizard.places_warning = wizard._overlap_found()

    def _overlap_found(self):
        """Return in words what two locations would both offer, False when nothing."""
        used = self.place_ids.filtered("is_used")
        for line, other in combinations(used, 2):
            for mine in line.location_ids:
                for theirs in other.location_ids:
                    if is_overlap(mine, theirs):
                        return line.place_id._overlap_text(
                            mine, theirs, line.name, other.name
                        )
        return False

    def _fetch_places(self):
        """Read the channel's locations; trouble with them stands on the page."""
        channel = self._channel()
        self.places_trouble = False
        try:
            with self.env.cr.savepoint():
                channel.action_fetch_locations()
        except UserError as error:
            self.places_trouble = str(error)

    def action_fetch_places(self):
        """Read the channel's locations once more."""
        self.ensure_one()
        self._fetch_places()
        self._enter_places()

    def _enter_places(self):
        """List the locations, each with the stock it is fed from or probably is."""
        channel = self.channel_id
        places = channel.with_context(active_test=False).location_ids
        self.place_ids = [Command.clear()] + [
            Command.create(self._place_vals(place)) for place in places
        ]

    def _place_vals(self, place):
        proposed = place.proposed_warehouse_id
        stock = place.location_ids or proposed.lot_stock_id
        if place.is_closed:
            why = self.env._("closed at the channel")
        elif place.location_ids:
            why = self.env._("as it is")
        else:
            why = place.proposal or self.env._("choose, or take it out")
        return {
            "place_id": place.id,
            "name": place.name,
            "is_used": place.active and not place.is_closed,
            "location_ids": [Command.set(stock.ids)],
            "warehouse_id": (place.warehouse_id or proposed).id,
            "is_operated_by_channel": place.is_operated_by_channel,
            "why": why,
        }

    def _leave_places(self):
        """Map what is used, archive what is not.

        :raise UserError: when nothing would be offered, or the same stock twice.
        """
        channel = self._channel()
        used = self.place_ids.filtered("is_used")
        if not used:
            raise UserError(
                self.env._(
                    "Use at least one location, or there is no stock to tell %s of.",
                    channel.name,
                )
            )
        empty = used.filtered(lambda line: not line.location_ids)
        if empty:
            raise UserError(
                self.env._(
                    "Choose the stock behind %s, or take it out.",
                    ", ".join(empty.mapped("name")),
                )
            )
        if self.places_warning:
            raise UserError(self.places_warning)
        self.place_ids._write_places()
        without = used.place_id.filtered(lambda place: not place.warehouse_id)
        if without:
            raise UserError(
                self.env._(
                    "Choose the warehouse that ships for %s.",
                    ", ".join(without.mapped("name")),
                )
            )
        if not channel._setup_count("remote.listing") and not channel._is_read():
            self._fetch_listings()

    # -------------------------------------------------------------- listings

    @api.depends("channel_id", "step")
    def _compute_listings(self):
        todo = ("is_open", "=", True)
        for wizard in self:
            channel = wizard.channel_id
            wizard.mapped_count = channel._setup_count("listing")
            wizard.proposed_count = channel._setup_count(
                # What is mapped is counted above, also where it wants a look.
                "remote.listing",
                [todo, ("listing_id", "=", False), ("product_id", "!=", False)],
            )
            wizard.unmatched_count = channel._setup_count(
                "remote.listing", [todo, ("product_id", "=", False)]
            )
            wizard.remote_count = channel._setup_count(
                "remote.listing", [("gone_at", "=", False)]
            )
            last = self.env["stock.channel.fetch"].search(
                [("channel_id", "=", channel.id)], limit=1
            )
            wizard.is_fetching = last.state in RUNNING
            wizard.fetch_progress = last.progress
            wizard.fetch_trouble = last.error

    def _fetch_listings(self):
        """Read what the channel lists; what takes long goes on in the background."""
        channel = self._channel()
        self.places_trouble = False
        try:
            with self.env.cr.savepoint():
                channel.action_fetch_listings()
        except UserError as error:
            self.places_trouble = str(error)
        self.invalidate_recordset()

    def action_fetch_listings(self):
        """Read once more what the channel lists."""
        self.ensure_one()
        self._fetch_listings()

    def action_match(self):
        """Show what somebody should look at; the way back is above."""
        return self._channel()._action_open_remote()

    def action_add_listing(self):
        """Map by hand what the channel does not tell."""
        channel = self._channel()
        action = self.env["ir.actions.act_window"]._for_xml_id(
            "stock_channel_hub.stock_channel_listing_action"
        )
        return {
            **action,
            "context": {
                "search_default_channel_id": channel.id,
                "default_channel_id": channel.id,
            },
        }

    def _leave_listings(self):
        """Go on; what is open may be matched at any time."""
        self._channel()


class StockChannelOnboardingPlace(models.TransientModel):
    _name = "stock.channel.onboarding.place"
    _description = "Location of a Channel to Connect"

    wizard_id = fields.Many2one(
        "stock.channel.onboarding", required=True, ondelete="cascade"
    )
    company_id = fields.Many2one(related="wizard_id.company_id")
    place_id = fields.Many2one("stock.channel.location", readonly=True)
    name = fields.Char("Location of the Channel", readonly=True)
    is_used = fields.Boolean(
        "Used", help="Off: nothing is offered there, and nothing is told."
    )
    location_ids = fields.Many2many(
        "stock.location",
        "stock_channel_onboarding_place_location_rel",
        string="Stock Behind It",
        domain="[('usage', 'in', ('internal', 'view')),"
        " ('company_id', 'in', (company_id, False))]",
        help="What lies here, and in every place below, may be sold there.",
    )
    warehouse_id = fields.Many2one(
        "stock.warehouse",
        "Ships From",
        compute="_compute_warehouse_id",
        store=True,
        readonly=False,
        domain="[('company_id', '=', company_id)]",
    )
    is_operated_by_channel = fields.Boolean(
        "Ships by Itself",
        help="A 3PL or a shop of its own: what it reports as shipped is believed, and "
        "nobody validates it here.",
    )
    why = fields.Char("Proposed Because", readonly=True)

    @api.depends("location_ids")
    def _compute_warehouse_id(self):
        """Follow the stock, where somebody chooses another one."""
        for line in self:
            houses = line.location_ids.warehouse_id
            if line.warehouse_id not in houses:
                line.warehouse_id = houses[:1]

    def _write_places(self):
        """Write into the channel what was chosen, and no more than that.

        What changes is emptied first: two locations may change places.
        """
        changed = self.filtered(lambda line: line._vals() != line._vals_now())
        changed.place_id.filtered("location_ids").location_ids = False
        for line in changed:
            line.place_id.write(
                {
                    **line._vals(),
                    "location_ids": [Command.set(line._vals()["location_ids"])],
                }
            )

    def _vals(self):
        """Return what the location is to be; one that is not used keeps no stock."""
        stock = self.location_ids if self.is_used else self.location_ids.browse()
        return {
            "active": self.is_used or self.place_id.is_closed,
            "location_ids": sorted(stock.ids),
            "warehouse_id": self.warehouse_id.id if self.is_used else False,
            "is_operated_by_channel": self.is_operated_by_channel,
        }

    def _vals_now(self):
        place = self.place_id
        return {
            "active": place.active,
            "location_ids": sorted(place.location_ids.ids),
            "warehouse_id": place.warehouse_id.id,
            "is_operated_by_channel": place.is_operated_by_channel,
        }
