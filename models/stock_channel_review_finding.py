from odoo import api, fields, models
from odoo.exceptions import AccessError, UserError

KINDS = [
    # Daily
    ("match", "Three-Way Match"),
    ("orders", "Orders Complete"),
    ("failures", "Failures"),
    ("mismatches", "Numbers that Differ"),
    ("sold_out", "Sold Out but Shown"),
    ("late", "Late Numbers"),
    ("held", "Held Pushes"),
    ("paused", "Paused too Long"),
    # Weekly
    ("new_items", "New Items"),
    ("bundles", "Changed Kits"),
    ("maps", "Changed Maps"),
    ("unmapped", "Not Mapped"),
    ("to_match", "Listings to Match"),
    ("not_listed", "New Products, Not Listed"),
    # Monthly
    ("credentials", "Credentials"),
    ("adjustments", "Counts Applied"),
    ("returns_open", "Returns Not Finished"),
    ("not_restocked", "Refunded, Not Restocked"),
    ("not_refunded", "Restocked, Not Refunded"),
    ("write_offs", "Written Off"),
    ("transfers", "Moved between Locations"),
    ("rules", "Changed Rules"),
]
STATES = [
    ("open", "To Look At"),
    ("noted", "To Know"),
    ("unknown", "Not Known Yet"),
    ("clear", "Nothing Found"),
]
# What happened, and is nothing to mend.
TO_KNOW = {
    "new_items",
    "not_listed",
    "bundles",
    "maps",
    "adjustments",
    "write_offs",
    "transfers",
    "rules",
}


class StockChannelReviewFinding(models.Model):
    """One thing the system looked at for a review, found or not.

    A line that says nothing was found is kept: it proves that it was looked at.
    """

    _name = "stock.channel.review.finding"
    _description = "Finding of a Review"
    _order = "review_id, sequence, id"
    _rec_name = "kind"

    review_id = fields.Many2one(
        "stock.channel.review",
        required=True,
        readonly=True,
        ondelete="restrict",
        index=True,
    )
    company_id = fields.Many2one(related="review_id.company_id", store=True)
    currency_id = fields.Many2one(related="company_id.currency_id")
    review_state = fields.Selection(related="review_id.state", string="Review Status")
    channel_id = fields.Many2one(
        "stock.channel", required=True, readonly=True, ondelete="restrict", index=True
    )
    sequence = fields.Integer(readonly=True)
    kind = fields.Selection(KINDS, "What", required=True, readonly=True)
    state = fields.Selection(STATES, "Status", required=True, readonly=True)
    fact = fields.Text("What Was Found", required=True, readonly=True)
    count = fields.Integer("How Many", readonly=True)
    value = fields.Monetary(
        readonly=True, help="In the company's currency; an order of magnitude."
    )
    target = fields.Json(readonly=True, help="Which records it is about.")
    comment = fields.Char(help="What is done about it.")

    @api.model
    def _prepare_unknown(self, kind, fact):
        """Return the values of one finding that nobody can tell yet, and why."""
        return {**self._prepare(kind, 0, fact), "state": "unknown"}

    @api.model
    def _prepare(self, kind, count, fact, *, value=0.0, model=None, domain=None):
        """Return the values of one finding.

        :param int count: how many records it is about; 0 says nothing was found.
        :param value: what they are worth, in the company's currency.
        :param model: of the records it leads to, with their ``domain``.
        """
        if not count:
            state = "clear"
        else:
            state = "noted" if kind in TO_KNOW else "open"
        return {
            "kind": kind,
            "state": state,
            "fact": fact,
            "count": count,
            "value": value,
            "target": {"model": model, "domain": domain} if count and model else False,
        }

    @api.model_create_multi
    def create(self, vals_list):
        self.env["stock.channel.review"]._check_is_hub()
        return super().create(vals_list)

    def write(self, vals):
        """Let signers comment; after the signature nobody writes."""
        if any(finding.review_id.state == "signed" for finding in self):
            raise UserError(self.env._("A signed review is never changed."))
        if not self.env.su:
            if vals.keys() - {"comment"}:
                raise AccessError(
                    self.env._("Findings are written by the hub; comment on them.")
                )
            self.review_id._check_signer()
        return super().write(vals)

    @api.ondelete(at_uninstall=False)
    def _unlink_unless_signed(self):
        if any(finding.review_id.state == "signed" for finding in self):
            raise UserError(self.env._("A signed review is never changed."))
        self.env["stock.channel.review"]._check_is_hub()

    def action_open(self):
        """Show the records this finding is about."""
        self.ensure_one()
        self.check_access("read")
        if not self.target:
            raise UserError(self.env._("There is nothing to show."))
        labels = dict(self._fields["kind"]._description_selection(self.env))
        return {
            "name": labels[self.kind],
            "type": "ir.actions.act_window",
            "res_model": self.target["model"],
            "view_mode": "list,form",
            "domain": self.target["domain"],
        }
