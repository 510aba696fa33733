import math

from odoo import api, fields, models
from odoo.exceptions import ValidationError

from .quantities import plain

KINDS = [
    ("horizon", "Incoming Within (days)"),
    ("share", "Share (%)"),
    ("buffer", "Buffer (units)"),
    ("buffer_percent", "Buffer (%)"),
    ("backorder", "Backorder (units)"),
    ("cap", "Cap (units)"),
    ("minimum", "Minimum (units)"),
]
PERCENT_KINDS = {"share", "buffer_percent"}
# Ten years; a date beyond what the database can hold would stop every computation.
MAX_DAYS = 3650
# More units than anybody has, and few enough to be told exactly: a number that no
# float can hold would stop the publishing of the whole channel.
MAX_UNITS = 10**9


class StockChannelRule(models.Model):
    """How one part of the published number departs from what is sellable.

    For each kind the most specific row wins: listing at a location, then listing,
    then location, then channel. A row whose moment has passed does not count.
    Quantities are in the listing's selling unit.
    """

    _name = "stock.channel.rule"
    _description = "Stock Rule"
    # By the ids: sorting by the names of tens of thousands of listings is felt.
    _order = "channel_id, kind, listing_id.id, channel_location_id.id, id"

    channel_id = fields.Many2one(
        "stock.channel",
        required=True,
        ondelete="cascade",
        compute="_compute_channel_id",
        store=True,
        precompute=True,
        readonly=False,
    )
    company_id = fields.Many2one(related="channel_id.company_id", store=True)
    channel_location_id = fields.Many2one(
        "stock.channel.location",
        string="Location",
        ondelete="cascade",
        index="btree_not_null",
        domain="[('channel_id', '=', channel_id)]",
        help="Where the rule holds. Left empty, at every location of the channel.",
    )
    listing_id = fields.Many2one(
        "stock.channel.listing",
        ondelete="cascade",
        index="btree_not_null",
        domain="[('channel_id', '=', channel_id)]",
        help="What the rule holds for. Left empty, for everything the channel sells.",
    )
    kind = fields.Selection(KINDS, string="Rule", required=True)
    value = fields.Float(
        digits=0,
        required=True,
        help="Units of the listing's selling unit, percent or days, as the rule says.",
    )
    expires_at = fields.Datetime(
        string="Until",
        help="From this moment on the rule does not count. Left empty, it holds for "
        "good.",
    )
    explanation = fields.Char(string="What It Does", compute="_compute_explanation")

    _one_per_kind = models.UniqueIndex(
        "(channel_id, coalesce(channel_location_id, 0), coalesce(listing_id, 0), kind)",
        "There is such a rule already for the same location and listing. Change that "
        "one.",
    )

    # -------------------------------------------------------------- computes

    @api.depends("listing_id", "channel_location_id")
    def _compute_channel_id(self):
        """Take the channel of the form the rule is added on; never move it later."""
        for rule in self:
            if not rule.channel_id:
                rule.channel_id = (
                    rule.listing_id.channel_id or rule.channel_location_id.channel_id
                )

    @api.depends("kind", "value")
    def _compute_display_name(self):
        kinds = dict(self._fields["kind"]._description_selection(self.env))
        for rule in self:
            kind = kinds.get(rule.kind, "")
            rule.display_name = f"{kind} {plain(rule.value)}".strip()

    @api.depends("kind")
    def _compute_explanation(self):
        explanations = {
            "horizon": self.env._(
                "Goods expected within so many days are offered as if they were here."
            ),
            "share": self.env._("Only this part of what is sellable is offered."),
            "buffer": self.env._("So many units are kept back and never offered."),
            "buffer_percent": self.env._(
                "This part of what is sellable is kept back and never offered."
            ),
            "backorder": self.env._(
                "So many units may be sold beyond what is there; they are offered on top."
            ),
            "cap": self.env._("Never more than so many units are shown."),
            "minimum": self.env._("Fewer units than this are shown as none."),
        }
        for rule in self:
            rule.explanation = explanations.get(rule.kind, False)

    # ----------------------------------------------------------- constraints

    @api.constrains("kind", "value")
    def _check_value(self):
        for rule in self:
            if not math.isfinite(rule.value) or not 0 <= rule.value <= MAX_UNITS:
                raise ValidationError(
                    self.env._(
                        "%(rule)s: the value is zero or more, at most %(most)s.",
                        rule=rule._label(),
                        most=MAX_UNITS,
                    )
                )
            if rule.kind in PERCENT_KINDS and rule.value > 100:
                raise ValidationError(
                    self.env._(
                        "%s: the value is a percentage from 0 to 100.", rule._label()
                    )
                )
            if rule.kind == "horizon" and (
                rule.value != int(rule.value) or rule.value > MAX_DAYS
            ):
                raise ValidationError(
                    self.env._(
                        "%(rule)s: the value is a number of whole days, at most "
                        "%(most)s.",
                        rule=rule._label(),
                        most=MAX_DAYS,
                    )
                )

    @api.constrains("channel_id", "channel_location_id", "listing_id")
    def _check_scope(self):
        for rule in self:
            for scope in (rule.channel_location_id, rule.listing_id):
                if scope and scope.channel_id != rule.channel_id:
                    raise ValidationError(
                        self.env._(
                            "%(scope)s does not belong to %(channel)s; a rule holds "
                            "within one channel.",
                            scope=scope.display_name,
                            channel=rule.channel_id.name,
                        )
                    )

    def _label(self):
        kinds = dict(self._fields["kind"]._description_selection(self.env))
        return kinds.get(self.kind, "")

    # ------------------------------------------------------------------ hooks

    @api.model_create_multi
    def create(self, vals_list):
        rules = super().create(vals_list)
        rules._log_dirty()
        return rules

    def write(self, vals):
        # What the rule held for before hears of it as well as what it holds for now.
        self._log_dirty()
        result = super().write(vals)
        self._log_dirty()
        return result

    def unlink(self):
        self._log_dirty()
        return super().unlink()

    def _log_dirty(self):
        """Log the listings whose number these rules may change, and no others."""
        general = self.filtered(lambda rule: not rule.listing_id)
        self.env["stock.channel.dirty"]._log_listings(
            self.listing_id | general.channel_id._all_listings(), "rule"
        )
