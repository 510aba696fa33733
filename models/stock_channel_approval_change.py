"""Approvals of changes: what the approver sees, who is told, what is written down."""

from odoo import api, fields, models
from odoo.exceptions import UserError

from .stock_channel_approval import APPROVER

AUDITED = {
    "approved": "approved",
    "rejected": "rejected",
    "withdrawn": "withdrawn",
    "applied": "applied",
}
DECIDE_ACTIVITY = "mail.mail_activity_data_todo"


class StockChannelApprovalChange(models.Model):
    _inherit = "stock.channel.approval"

    change_id = fields.Many2one(
        "stock.channel.change", compute="_compute_change", compute_sudo=True
    )
    change_reason = fields.Char("Why", compute="_compute_change", compute_sudo=True)
    change_steps_html = fields.Html(
        "What Changes", compute="_compute_change", compute_sudo=True, sanitize=False
    )
    change_effect_html = fields.Html(
        "What It Does", compute="_compute_change", compute_sudo=True, sanitize=False
    )

    value = fields.Monetary(
        help="What it adds to the stock at today's cost (a count), or to what is on "
        "offer at sales prices (a change)."
    )
    has_no_approver = fields.Boolean(
        compute="_compute_has_no_approver",
        compute_sudo=True,
        help="Nobody but who proposed it may approve for this company.",
    )

    _to_decide = models.Index("(company_id, id) WHERE state = 'proposed'")

    @api.depends("subject_model", "subject_id")
    @api.depends_context("lang")
    def _compute_change(self):
        changes = self.env["stock.channel.change"]
        for approval in self:
            is_change = approval.subject_model == changes._name
            change = changes.browse(approval.subject_id if is_change else [])
            approval.change_id = change
            approval.change_reason = change.reason
            approval.change_steps_html = change.steps_html
            approval.change_effect_html = change.effect_html

    @api.depends("state", "company_id", "requested_by_id")
    def _compute_has_no_approver(self):
        for approval in self:
            approval.has_no_approver = (
                approval.state == "proposed"
                and not approval._approvers() - approval.requested_by_id
            )

    def action_refresh_effect(self):
        """Work the effect out anew, with the stock of this moment."""
        self.ensure_one()
        self.check_access("read")
        if not self.change_id:
            raise UserError(
                self.env._("%s is no change of maps or rules.", self.display_name)
            )
        self.change_id.with_env(self.env).action_refresh_effect()

    # --------------------------------------------------------------- writing down

    @api.model
    def _propose(self, subject, vals):
        approval_sudo = super()._propose(subject, vals)
        self.env["stock.channel.audit"]._log(
            approval_sudo, "proposed", approval=approval_sudo
        )
        approval_sudo._tell_approvers()
        return approval_sudo

    def _update_state(self, target, vals=None):
        result = super()._update_state(target, vals)
        action = AUDITED.get(target)
        if action:
            if action == "applied" and self.kind == "undo":
                action = "undone"
            self.env["stock.channel.audit"]._log(
                self, action, reason=self.outcome, approval=self
            )
        if target != "approved":
            self._tell_approvers()
        return result

    # -------------------------------------------------------------------- telling

    def _notify_owner(self):
        """Leave a change to those who decide it: its proposer knows of it."""
        others = self.filtered(lambda approval: approval.kind not in ("change", "undo"))
        return super(StockChannelApprovalChange, others)._notify_owner()

    def _approvers(self):
        """Return who decides for the company of this proposal, with elevated rights."""
        self.ensure_one()
        return (
            self.env["res.users"]
            .sudo()
            .search(
                [
                    ("all_group_ids", "in", self.env.ref(APPROVER).id),
                    ("company_ids", "in", self.company_id.id),
                    ("share", "=", False),
                ]
            )
        )

    def _tell_approvers(self):
        """Give each approver one activity, on the oldest proposal they may decide.

        One at a time and not one for each: when it is decided, by whomever, the next
        one gets it. A morning with fifty proposals is one line in everybody's list.
        """
        self.ensure_one()
        approvals_sudo = self.sudo()
        for user in self._approvers():
            waiting = approvals_sudo.search(
                [
                    ("state", "=", "proposed"),
                    ("company_id", "=", self.company_id.id),
                    ("requested_by_id", "!=", user.id),
                ],
                order="id",
            )
            if not waiting or waiting.activity_ids.filtered(
                lambda activity, user=user: activity.user_id == user
            ):
                continue
            oldest = waiting[0]
            # In their company, whichever those are that the proposer has open.
            theirs = oldest.with_user(user).with_context(
                allowed_company_ids=self.company_id.ids
            )
            if theirs.has_access("read"):
                oldest.activity_schedule(
                    DECIDE_ACTIVITY,
                    summary=self.env._("Decide: %s", oldest.name),
                    user_id=user.id,
                )
