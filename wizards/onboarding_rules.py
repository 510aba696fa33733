from decimal import Decimal

from odoo import api, fields, models

from ..connectors import registry
from ..connectors.rules import apply_rules
from ..models.quantities import plain, to_decimal
from ..models.stock_channel_return import DISPOSITIONS

# What each rule is where there is none.
NEUTRAL = {"share": 100.0, "buffer": 0.0, "cap": 0.0, "horizon": 0.0}
# So many listings are looked at for an example.
EXAMPLES = 50
ORDER_RULES = (
    "import_from",
    "ship_from",
    "return_disposition",
    "quarantine_location_id",
)


class StockChannelOnboardingRules(models.TransientModel):
    """Plain questions about what is offered, with good answers and an example."""

    _inherit = "stock.channel.onboarding"

    share = fields.Float("Share to offer", default=100.0, digits=0)
    buffer = fields.Float("Keep back", default=0.0, digits=0)
    cap = fields.Float("Never show more than", default=0.0, digits=0)
    horizon = fields.Integer("Offer what comes within", default=0)
    example_name = fields.Char(readonly=True)
    example_sellable = fields.Float(readonly=True, digits=0)
    example_is_whole = fields.Boolean(readonly=True)
    example = fields.Char(compute="_compute_example")
    import_from = fields.Selection(
        lambda self: self._selection_of("import_from"), "Take orders over when"
    )
    ship_from = fields.Selection(
        lambda self: self._selection_of("ship_from"), "Ship them when"
    )
    when_short = fields.Selection(
        [
            ("accept", "Take it over and tell somebody"),
            ("refuse", "Cancel at the shop what is not there"),
        ],
        "An order for more than there is",
    )
    can_refuse = fields.Boolean(compute="_compute_can_refuse")
    return_disposition = fields.Selection(DISPOSITIONS, "Returned goods")
    quarantine_location_id = fields.Many2one(
        "stock.location",
        "Inspect them in",
        domain="[('usage', '=', 'internal'), ('company_id', '=', company_id)]",
        help="Nothing that lies here is sold.",
    )
    makes_quarantine = fields.Boolean(
        "Make a place for them",
        help="A location Returns to Inspect is made in the warehouse; nothing that lies "
        "there is sold.",
    )

    @api.model
    def _selection_of(self, name):
        return self.env["stock.channel"]._fields[name]._description_selection(self.env)

    @api.depends("connector")
    def _compute_can_refuse(self):
        for wizard in self:
            connector = registry.get(wizard.connector or "rest")
            wizard.can_refuse = connector.capabilities.can_cancel

    # --------------------------------------------------------------- example

    @api.depends("share", "buffer", "cap", "example_name", "example_sellable")
    def _compute_example(self):
        for wizard in self:
            wizard.example = wizard._example()

    def _example(self):
        """Say with one of the channel's own products what the answers do."""
        if not self.example_name:
            return self.env._(
                "No product with stock is mapped yet: with 38 sellable, %s are told.",
                plain(self._told(Decimal(38), True)),
            )
        sellable = to_decimal(self.example_sellable)
        return self.env._(
            "%(product)s: %(sellable)s sellable → %(told)s told",
            product=self.example_name,
            sellable=plain(sellable),
            told=plain(self._told(sellable, self.example_is_whole)),
        )

    def _told(self, sellable, is_whole):
        rules = {
            kind: to_decimal(value)
            for kind, value in self._answers().items()
            if value != NEUTRAL[kind] and kind != "horizon"
        }
        steps = apply_rules(sellable, rules, whole_units=is_whole, withdrawn=False)
        return steps[-1].quantity

    def _answers(self):
        return {kind: float(self[kind]) for kind in NEUTRAL}

    # ----------------------------------------------------------------- enter

    def _enter_rules(self):
        channel = self.channel_id
        rules = {rule.kind: rule.value for rule in channel._setup_rules()}
        vals = {kind: rules.get(kind, neutral) for kind, neutral in NEUTRAL.items()}
        vals.update({name: channel[name] for name in ("import_from", "ship_from")})
        vals["when_short"] = channel.when_short
        vals["return_disposition"] = channel.return_disposition
        place = channel.quarantine_location_id or self._likely_quarantine()
        vals["quarantine_location_id"] = place.id
        vals["makes_quarantine"] = not place and self._may_make_place()
        self.write({**vals, **self._example_vals()})

    def _example_vals(self):
        """Return the mapped product of which most is there, of the first ones."""
        listings = self.env["stock.channel.listing"].search(
            [("channel_id", "=", self.channel_id.id)], limit=EXAMPLES
        )
        numbers = self.env["stock.channel.availability"]._compute_numbers(listings)
        best = max(numbers, key=lambda row: row["sellable"] or 0, default=None)
        if not best or not best["sellable"] or best["sellable"] <= 0:
            return {"example_name": False, "example_sellable": 0.0}
        listing = listings.browse(best["listing_id"])
        return {
            "example_name": listing.sudo().product_id.display_name,
            "example_sellable": float(best["sellable"]),
            "example_is_whole": listing.is_whole_units,
        }

    def _likely_quarantine(self):
        """Return a place of the company from which nothing is sold, if there is one."""
        places = self.env["stock.location"].search(
            [("usage", "=", "internal"), ("company_id", "=", self.company_id.id)]
        )
        kept = places.filtered(
            lambda place: place.effective_stock_condition != "sellable"
        )
        return (
            kept.filtered(lambda p: p.stock_condition == "quarantine")[:1] or kept[:1]
        )

    def _may_make_place(self):
        return self.env["stock.location"].has_access("create")

    # ----------------------------------------------------------------- leave

    def _leave_rules(self):
        """Write what differs from what holds now; what is as it was, is not touched."""
        channel = self._channel()
        self._write_rules(channel)
        if self.return_disposition == "inspect" and not self.quarantine_location_id:
            if self.makes_quarantine:
                self.quarantine_location_id = self._make_quarantine(channel)
        names = (
            "import_from",
            "ship_from",
            "return_disposition",
            "quarantine_location_id",
        )
        if self.can_refuse:
            names += ("when_short",)
        vals = {name: self[name] for name in names if self[name] != channel[name]}
        if vals:
            channel.write(self._convert_to_write(vals))

    def _write_rules(self, channel):
        rules = channel._setup_rules().grouped("kind")
        for kind, value in self._answers().items():
            rule = rules.get(kind)
            now = rule.value if rule else NEUTRAL[kind]
            if value == now:
                continue
            if rule and value == NEUTRAL[kind]:
                rule.unlink()
            elif rule:
                rule.value = value
            else:
                self.env["stock.channel.rule"].create(
                    {"channel_id": channel.id, "kind": kind, "value": value}
                )

    def _make_quarantine(self, channel):
        """Make a place from which nothing is sold, in the warehouse that ships most."""
        warehouse = channel.location_ids._mapped().warehouse_id[:1]
        return self.env["stock.location"].create(
            {
                "name": self.env._("Returns to Inspect"),
                "location_id": warehouse.view_location_id.id,
                "company_id": self.company_id.id,
                "stock_condition": "quarantine",
            }
        )
