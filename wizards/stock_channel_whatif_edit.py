"""One thing that would be changed, and the steps it comes to."""

from odoo import api, fields, models
from odoo.exceptions import UserError

from ..models.quantities import plain
from ..models.stock_channel_rule import KINDS
from ..models.stock_location import CONDITIONS

WHATS = [
    ("rule", "Set a Stock Rule"),
    ("no_rule", "End a Stock Rule"),
    ("product", "Sell Another Product"),
    ("unit", "Sell in Another Unit"),
    ("listing", "Archive or Restore Listings"),
    ("stock", "Feed from Other Stock Locations"),
    ("place", "Archive or Restore a Location"),
    ("condition", "Change a Stock Condition"),
    ("shelf_life", "Change the Minimum Shelf Life"),
]
# What each kind of edit cannot do without.
NEEDS = {
    "rule": ("channel_id", "rule_kind"),
    "no_rule": ("channel_id", "rule_kind"),
    "product": ("listing_ids", "product_id"),
    "unit": ("listing_ids", "uom_id"),
    "listing": ("listing_ids",),
    "stock": ("channel_location_id",),
    "place": ("channel_location_id",),
    "condition": ("location_id",),
    "shelf_life": ("channel_id",),
}
MOST_NAMES = 3


class StockChannelWhatifEdit(models.TransientModel):
    _name = "stock.channel.whatif.edit"
    _description = "What Would Be Changed"
    _order = "id"

    whatif_id = fields.Many2one(
        "stock.channel.whatif", required=True, ondelete="cascade", index=True
    )
    what = fields.Selection(WHATS, "Change", required=True, default="rule")
    channel_id = fields.Many2one("stock.channel")
    channel_location_id = fields.Many2one(
        "stock.channel.location",
        string="Location",
        domain="[('channel_id', '=', channel_id)]",
        context={"active_test": False},
        help="For a rule: where it holds. Left empty, at every location.",
    )
    listing_ids = fields.Many2many(
        "stock.channel.listing",
        string="Listings",
        domain="[('channel_id', '=', channel_id)]",
        context={"active_test": False},
        help="For a rule: what it holds for. Left empty, for everything the channel "
        "sells.",
    )
    rule_kind = fields.Selection(KINDS, "Rule", default="buffer")
    value = fields.Float("New Value", digits=0)
    expires_at = fields.Datetime(
        "Until",
        help="From then on the rule does not count. Left empty, it is for good.",
    )
    product_id = fields.Many2one("product.product", "New Product")
    uom_id = fields.Many2one("uom.uom", "New Selling Unit")
    location_ids = fields.Many2many(
        "stock.location",
        string="New Stock Locations",
        domain=[("usage", "in", ("internal", "view"))],
    )
    location_id = fields.Many2one("stock.location", "Stock Location")
    condition = fields.Selection(
        CONDITIONS,
        "New Condition",
        help="Left empty, that of the location around it applies.",
    )
    is_active = fields.Boolean("In Use", help="Switched off, it is archived.")
    scope = fields.Char("For", compute="_compute_texts")
    new_value = fields.Char("New", compute="_compute_texts")
    entered = fields.Char(compute="_compute_entered")

    @api.onchange("what", "channel_location_id")
    def _onchange_what(self):
        """Begin with what is there."""
        if self.what == "stock" and not self.location_ids:
            self.location_ids = self.channel_location_id.location_ids

    # --------------------------------------------------------------- in words

    @api.depends(lambda self: self._asked_fields())
    def _compute_entered(self):
        """Write down what was entered, to be compared."""
        for edit in self:
            edit.entered = "; ".join(
                ",".join(map(str, sorted(edit[name].ids)))
                if edit._fields[name].relational
                else str(edit[name])
                for name in self._asked_fields()
            )

    @api.model
    def _asked_fields(self):
        return (
            "what",
            "channel_id",
            "channel_location_id",
            "listing_ids",
            "rule_kind",
            "value",
            "expires_at",
            "product_id",
            "uom_id",
            "location_ids",
            "location_id",
            "condition",
            "is_active",
        )

    @api.depends(lambda self: self._asked_fields())
    @api.depends_context("lang")
    def _compute_texts(self):
        for edit in self:
            edit.scope = edit._scope_text()
            edit.new_value = edit._new_text()

    def _scope_text(self):
        if self.what == "condition":
            return self.location_id.display_name or ""
        parts = [self.channel_id.name]
        if self.what in ("rule", "no_rule", "stock", "place"):
            parts.append(self.channel_location_id.name)
        if self.what in ("rule", "no_rule", "product", "unit", "listing"):
            parts.append(self._names(self.listing_ids, "sku"))
        return ", ".join(filter(None, parts))

    def _names(self, records, name="display_name"):
        names = records[:MOST_NAMES].mapped(name)
        if len(records) > MOST_NAMES:
            names.append(self.env._("%s more", len(records) - MOST_NAMES))
        return ", ".join(names)

    def _new_text(self):
        kind = self._label("rule_kind")
        if self.what == "rule":
            return f"{kind} {plain(self.value)}"
        if self.what == "no_rule":
            return self.env._("No rule %s", kind)
        if self.what in ("listing", "place"):
            return self.env._("In use") if self.is_active else self.env._("Archived")
        return {
            "product": self.product_id.display_name,
            "unit": self.uom_id.name,
            "stock": self._names(self.location_ids) or self.env._("none"),
            "condition": self._label("condition") or self.env._("as around it"),
            "shelf_life": self.env._("%s days", plain(self.value)),
        }.get(self.what) or ""

    def _label(self, name):
        return dict(self._fields[name]._description_selection(self.env)).get(self[name])

    # ------------------------------------------------------------------- steps

    def _steps(self, next_id):
        """Return the steps of a change that this edit comes to.

        :param int next_id: negative id for the first new record, others go down.
        """
        self.ensure_one()
        self._check_entered()
        if self.what in ("rule", "no_rule"):
            return self._rule_steps(next_id)
        if self.what in ("product", "unit", "listing"):
            after = {
                "product": {"product_id": self.product_id.id},
                "unit": {"uom_id": self.uom_id.id},
                "listing": {"active": self.is_active},
            }[self.what]
            return [_step(listing, "write", after) for listing in self.listing_ids]
        record, after = {
            "stock": (
                self.channel_location_id,
                {"location_ids": sorted(self.location_ids.ids)},
            ),
            "place": (self.channel_location_id, {"active": self.is_active}),
            "condition": (self.location_id, {"stock_condition": self.condition}),
            "shelf_life": (self.channel_id, {"minimum_shelf_life": int(self.value)}),
        }[self.what]
        return [_step(record, "write", after)]

    def _check_entered(self):
        """Refuse what is not complete, and whatever this person may not read."""
        missing = [
            self._fields[name]._description_string(self.env)
            for name in NEEDS[self.what]
            if not self[name]
        ]
        if missing:
            raise UserError(
                self.env._(
                    "%(what)s: fill in %(missing)s.",
                    what=self._label("what"),
                    missing=", ".join(missing),
                )
            )
        for name in self._asked_fields():
            if self._fields[name].relational:
                self[name].check_access("read")

    def _rule_steps(self, next_id):
        """Change the rules that are there, and make those that are not."""
        listings = self.listing_ids.ids or [False]
        rules = self.env["stock.channel.rule"].search(
            [
                ("channel_id", "=", self.channel_id.id),
                ("kind", "=", self.rule_kind),
                ("channel_location_id", "=", self.channel_location_id.id),
                ("listing_id", "in", listings),
            ]
        )
        if self.what == "no_rule":
            if not rules:
                raise UserError(
                    self.env._(
                        "There is no rule %(kind)s for %(scope)s.",
                        kind=self._label("rule_kind"),
                        scope=self.scope,
                    )
                )
            return [_step(rule, "unlink", {}) for rule in rules]
        value = {
            "value": self.value,
            "expires_at": fields.Datetime.to_string(self.expires_at),
        }
        there = {rule.listing_id.id: rule for rule in rules}
        steps = []
        for listing_id in listings:
            if listing_id in there:
                steps.append(_step(there[listing_id], "write", value))
                continue
            after = {
                "channel_id": self.channel_id.id,
                "channel_location_id": self.channel_location_id.id,
                "listing_id": listing_id,
                "kind": self.rule_kind,
                **value,
            }
            steps.append(_step(rules, "create", after, next_id - len(steps)))
        return steps


def _step(record, op, after, record_id=None):
    return {
        "model": record._name,
        "id": record_id or record.id,
        "op": op,
        "after": after,
    }
