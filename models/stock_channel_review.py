import logging

from odoo import api, fields, models
from odoo.exceptions import AccessError, UserError

_logger = logging.getLogger(__name__)

KINDS = [("daily", "Daily"), ("weekly", "Weekly"), ("monthly", "Monthly")]
STATES = [("open", "To Sign"), ("missed", "Missed"), ("signed", "Signed")]
TRANSITIONS = {"open": ("missed", "signed"), "missed": ("signed",), "signed": ()}
# Who puts a name under which review.
SIGNERS = {
    "daily": ("group_operator", "group_approver"),
    "weekly": ("group_manager", "group_approver"),
    "monthly": ("group_manager", "group_approver"),
}
# What people may write before they sign.
PEOPLES_FIELDS = {"note"}


class StockChannelReview(models.Model):
    """Proof that somebody looked: what the system found, and who signed it.

    Made by itself on the company's working days and filled by itself; nobody can
    make one, fill one or sign one for a day he did not look at. What is not signed
    in its time stays in the list as missed, and shows how late it was signed. After
    the signature nothing of it is ever changed.
    """

    _name = "stock.channel.review"
    _description = "Channel Review"
    _inherit = ["stock.channel.mixin"]
    _order = "day desc, kind, id desc"

    name = fields.Char("Review", compute="_compute_name")
    company_id = fields.Many2one(
        "res.company", required=True, readonly=True, ondelete="restrict", index=True
    )
    currency_id = fields.Many2one(related="company_id.currency_id")
    kind = fields.Selection(KINDS, required=True, readonly=True)
    state = fields.Selection(STATES, required=True, readonly=True, default="open")
    day = fields.Date(
        required=True, readonly=True, help="The working day on which it was made."
    )
    period_from = fields.Date("From", required=True, readonly=True)
    period_to = fields.Date("To", required=True, readonly=True)
    start_at = fields.Datetime(
        required=True, readonly=True, help="When the first day began, by local time."
    )
    end_at = fields.Datetime(required=True, readonly=True)
    due_at = fields.Datetime("Sign Before", required=True, readonly=True)
    filled_at = fields.Datetime("Findings From", readonly=True)
    finding_ids = fields.One2many(
        "stock.channel.review.finding", "review_id", string="Findings", readonly=True
    )
    match_ids = fields.One2many(
        "stock.channel.match", "review_id", string="Three-Way Matches", readonly=True
    )
    open_count = fields.Integer("To Look At", compute="_compute_open_count", store=True)
    note = fields.Text(
        help="What is done about the findings; asked for while any of them is open."
    )
    signed_by_id = fields.Many2one(
        "res.users", "Signed by", readonly=True, ondelete="restrict"
    )
    signed_at = fields.Datetime("Signed", readonly=True)
    days_late = fields.Integer(
        compute="_compute_days_late",
        help="From the moment it was due to its signature, or to now.",
    )
    may_sign = fields.Boolean(compute="_compute_may_sign")

    _one_per_day = models.UniqueIndex(
        "(company_id, kind, day)", "There is such a review of that day already."
    )
    _unsigned = models.Index("(due_at) WHERE state = 'open'")

    # -------------------------------------------------------------- computes

    @api.depends("kind", "period_from", "period_to")
    def _compute_name(self):
        labels = dict(self._fields["kind"]._description_selection(self.env))
        for review in self:
            first, last = review.period_from, review.period_to
            span = str(last) if first == last else f"{first} – {last}"
            review.name = f"{labels.get(review.kind, '')} {span}"

    @api.depends("name")
    def _compute_display_name(self):
        for review in self:
            review.display_name = review.name

    @api.depends("finding_ids.state")
    def _compute_open_count(self):
        for review in self:
            findings = review.finding_ids
            review.open_count = len(findings.filtered(lambda f: f.state == "open"))

    @api.depends("due_at", "signed_at")
    def _compute_days_late(self):
        now = self.env.cr.now()
        for review in self:
            late = (review.signed_at or now) - review.due_at
            is_late = late.total_seconds() > 0
            review.days_late = late.days + 1 if is_late else 0

    @api.depends("state", "kind")
    @api.depends_context("uid")
    def _compute_may_sign(self):
        for review in self:
            review.may_sign = review.state != "signed" and review._is_signer()

    def _is_signer(self):
        self.ensure_one()
        return any(
            self.env.user.has_group(f"stock_channel_hub.{group}")
            for group in SIGNERS[self.kind]
        )

    # ----------------------------------------------------------------- guard

    @api.model_create_multi
    def create(self, vals_list):
        self._check_is_hub()
        return super().create(vals_list)

    def write(self, vals):
        """Let signers note what they have to say; after that nobody writes.

        :raise UserError: once it is signed, whoever asks.
        """
        if any(review.state == "signed" for review in self):
            raise UserError(self.env._("A signed review is never changed."))
        if not self.env.su:
            if vals.keys() - PEOPLES_FIELDS:
                raise AccessError(
                    self.env._("Reviews are filled by the hub; only notes are yours.")
                )
            self._check_signer()
        return super().write(vals)

    @api.ondelete(at_uninstall=False)
    def _unlink_unless_signed(self):
        if any(review.state == "signed" for review in self):
            raise UserError(self.env._("A signed review is never removed."))

    def _check_is_hub(self):
        if not self.env.su:
            raise AccessError(self.env._("Reviews are made by the hub alone."))

    def _check_signer(self):
        for review in self:
            if not review._is_signer():
                raise AccessError(
                    self.env._(
                        "%s is signed by others: operators and approvers sign the "
                        "daily review, managers and approvers the others.",
                        review.name,
                    )
                )

    # ----------------------------------------------------------------- state

    def _update_state(self, target, vals=None):
        """Move to ``target``; the one gate of the review's state machine.

        :raise UserError: when it may not follow the present state.
        """
        for review in self:
            if target not in TRANSITIONS[review.state]:
                labels = dict(self._fields["state"]._description_selection(self.env))
                raise UserError(
                    self.env._(
                        "%(name)s is %(state)s already.",
                        name=review.name,
                        state=labels[review.state],
                    )
                )
        self.write({**(vals or {}), "state": target})

    def action_sign(self):
        """Put one's name under this review, as the person who runs this."""
        self.ensure_one()
        self.check_access("read")
        self._check_signer()
        review_sudo = self.sudo()
        review_sudo.lock_for_update(allow_referencing=True)
        if not review_sudo.filled_at:
            raise UserError(self.env._("Its findings are still being collected."))
        if any(match.state == "reading" for match in review_sudo.match_ids):
            raise UserError(
                self.env._(
                    "The three-way match is still being read. It is there in a few "
                    "minutes."
                )
            )
        if review_sudo.open_count and not (self.note or "").strip():
            raise UserError(
                self.env._(
                    "%s findings are open. Write in the note what is done about them, "
                    "then sign.",
                    review_sudo.open_count,
                )
            )
        before = review_sudo.state
        review_sudo._update_state(
            "signed",
            {"signed_by_id": self.env.uid, "signed_at": self.env.cr.now()},
        )
        self.env["stock.channel.audit"]._log(
            self,
            "signed",
            values={
                self.id: (
                    {"state": before},
                    {
                        "state": "signed",
                        "open_count": review_sudo.open_count,
                        "days_late": review_sudo.days_late,
                    },
                )
            },
            reason=self.note,
        )

    def action_refresh(self):
        """Look again: what was mended since is no finding any more."""
        self.ensure_one()
        self.check_access("read")
        self._check_signer()
        if self.state == "signed":
            raise UserError(self.env._("A signed review is never changed."))
        self.sudo()._fill()

    def action_open_matches(self):
        self.ensure_one()
        self.check_access("read")
        return {
            "name": self.env._("Three-Way Matches"),
            "type": "ir.actions.act_window",
            "res_model": "stock.channel.match",
            "view_mode": "list,form",
            "domain": [("review_id", "=", self.id)],
        }

    # --------------------------------------------------------------- filling

    def _channels(self):
        """Return the channels this review is about: those that do something."""
        return self.env["stock.channel"].search(
            [("company_id", "=", self.company_id.id), ("state", "!=", "draft")]
        )

    def _fill(self):
        """Collect the findings anew; comments stay with what they are about."""
        self.ensure_one()
        review = self.with_company(self.company_id)
        comments = {
            (finding.channel_id.id, finding.kind): finding.comment
            for finding in review.finding_ids
        }
        rows = []
        for channel in review._channels():
            found = getattr(review, f"_find_{review.kind}")(channel)
            rows += [{**row, "channel_id": channel.id} for row in found]
        review.finding_ids.unlink()
        self.env["stock.channel.review.finding"].create(
            [
                {
                    **row,
                    "review_id": review.id,
                    "sequence": number,
                    "comment": comments.get((row["channel_id"], row["kind"])),
                }
                for number, row in enumerate(rows)
            ]
        )
        review.filled_at = self.env.cr.now()

    @api.model
    def _cron_reviews(self):
        """Make what is due, mark what was missed; run by its scheduled action.

        A company's trouble is its own: the others get their reviews.
        """
        companies = self.env["stock.channel"].search([("state", "!=", "draft")])
        for company in companies.company_id:
            try:
                made = self._in_transaction(lambda company=company: self._make(company))
                for review in made:
                    self._in_transaction(lambda review=review: review._begin())
            except Exception:  # one company's trouble is not the others'
                _logger.exception("the reviews of company %s failed", company.id)
        self._in_transaction(self._begin_unfilled)
        self._in_transaction(self._mark_missed)

    def _begin(self):
        """Fill a new review, and have the channels read for it."""
        if self.kind == "daily":
            self.env["stock.channel.match"]._request(self._channels(), review=self)
        self._fill()

    @api.model
    def _begin_unfilled(self):
        """Take up what a crash left empty."""
        for review in self.search([("filled_at", "=", False)]):
            if review.kind == "daily" and not review.match_ids:
                review._begin()
            else:
                review._fill()

    @api.model
    def _mark_missed(self):
        """Show what nobody signed in its time; it can still be signed, late."""
        self.search(
            [("state", "=", "open"), ("due_at", "<=", self.env.cr.now())]
        )._update_state("missed")
