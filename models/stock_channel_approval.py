import logging

from odoo import api, fields, models
from odoo.exceptions import AccessError, UserError
from odoo.tools import SQL, clean_context

from .stock_channel_approval_subject import ApprovalStale

_logger = logging.getLogger(__name__)

# A kind belongs to one subject model (``stock.channel.approval.subject``).
KINDS = [
    ("count", "Reported Count"),
    ("change", "Change of Map or Rule"),
    ("undo", "Undo"),
    ("push", "Held Push"),
    ("ignore", "Ignored Exceptions"),
]
STATES = [
    ("proposed", "To Decide"),
    ("approved", "Approved"),
    ("applied", "Applied"),
    ("stale", "Outdated"),
    ("rejected", "Rejected"),
    ("withdrawn", "Withdrawn"),
]
TRANSITIONS = {
    "proposed": ("approved", "rejected", "withdrawn"),
    "approved": ("applied", "stale"),
    "applied": (),
    "stale": (),
    "rejected": (),
    "withdrawn": (),
}
APPROVER = "stock_channel_hub.group_approver"
MANAGER = "stock_channel_hub.group_manager"


class StockChannelApproval(models.Model):
    """A proposal that a second person decides.

    Nobody may create or write one, over RPC neither: it is made by what it is about
    and moves by its steps alone. Who proposed may not decide, whatever groups they
    are in; only approvers may. Approving carries the change out in the same
    transaction, after its before-values were compared with what is true by then. If
    they differ nothing is done and the proposal is outdated: what the approver
    agreed to is not what would happen.
    """

    _name = "stock.channel.approval"
    _description = "Channel Approval"
    _inherit = ["mail.thread", "mail.activity.mixin"]
    _order = "id desc"
    _mail_post_access = "read"

    name = fields.Char("Proposal", required=True, readonly=True)
    kind = fields.Selection(KINDS, required=True, readonly=True)
    channel_id = fields.Many2one(
        "stock.channel", required=True, readonly=True, ondelete="restrict", index=True
    )
    company_id = fields.Many2one(related="channel_id.company_id", store=True)
    currency_id = fields.Many2one(related="company_id.currency_id")
    subject_model = fields.Char(required=True, readonly=True)
    subject_id = fields.Many2oneReference(
        model_field="subject_model", required=True, readonly=True
    )
    before = fields.Json(
        readonly=True, help="What must still be true when it is applied."
    )
    after = fields.Json(readonly=True, help="What is done once it is approved.")
    effect = fields.Char(readonly=True, help="What would change, in one sentence.")
    value = fields.Monetary(
        "Change in Value",
        readonly=True,
        help="What the change adds to the value of the stock, at today's cost.",
    )
    state = fields.Selection(
        STATES, required=True, readonly=True, default="proposed", tracking=True
    )
    requested_by_id = fields.Many2one(
        "res.users",
        "Proposed by",
        required=True,
        readonly=True,
        ondelete="restrict",
        help="May not decide it. OdooBot, where a channel reported it.",
    )
    requested_at = fields.Datetime("Proposed", required=True, readonly=True)
    decided_by_id = fields.Many2one(
        "res.users", "Decided by", readonly=True, ondelete="restrict"
    )
    decided_at = fields.Datetime("Decided", readonly=True)
    outcome = fields.Text(
        readonly=True, help="Why it was withdrawn, or could not be applied."
    )
    may_decide = fields.Boolean(compute="_compute_may")
    may_withdraw = fields.Boolean(compute="_compute_may")
    may_propose_again = fields.Boolean(compute="_compute_may")

    _one_open = models.UniqueIndex(
        "(subject_model, subject_id) WHERE state IN ('proposed', 'approved')",
        "There is a proposal about this already.",
    )
    _by_subject = models.Index("(subject_model, subject_id)")

    @api.depends("state", "requested_by_id")
    @api.depends_context("uid")
    def _compute_may(self):
        is_approver = self.env.user.has_group(APPROVER)
        is_manager = self.env.user.has_group(MANAGER)
        for approval in self:
            is_open = approval.state == "proposed"
            is_own = approval.requested_by_id == self.env.user
            approval.may_decide = is_open and is_approver and not is_own
            approval.may_withdraw = is_open and (is_manager or is_own)
            approval.may_propose_again = is_manager and approval._is_newest()

    # ---------------------------------------------------------------- making

    @api.model
    def _propose(self, subject, vals):
        """Propose a change, in the name of whoever runs this.

        :param subject: the record that carries it out.
        :param vals: kind, name, channel, before, after, effect and value.
        """
        # Without the defaults of a caller's context: they could bring a decision.
        proposals_sudo = self.sudo().with_context(clean_context(self.env.context))
        approval_sudo = proposals_sudo.create(
            {
                **vals,
                "subject_model": subject._name,
                "subject_id": subject.id,
                "state": "proposed",
                "requested_by_id": self.env.user.id,
                "requested_at": self.env.cr.now(),
            }
        )
        self.env["stock.channel.exception"]._resolve_fingerprint(
            approval_sudo.channel_id, approval_sudo._fingerprint()
        )
        approval_sudo._notify_owner()
        return approval_sudo

    def _notify_owner(self):
        for approval in self:
            owner = approval.channel_id.exception_owner_id
            # Odoo refuses an activity for somebody who may not see the record.
            if owner and approval.with_user(owner).has_access("read"):
                approval.activity_schedule(
                    "mail.mail_activity_data_todo",
                    summary=approval.name,
                    user_id=owner.id,
                )

    def _subject(self):
        self.ensure_one()
        return self.env[self.subject_model].browse(self.subject_id)

    def _is_newest(self):
        """Return whether nothing was proposed about the same since."""
        self.ensure_one()
        return not self.sudo().search_count(
            [
                ("subject_model", "=", self.subject_model),
                ("subject_id", "=", self.subject_id),
                ("id", ">", self.id),
            ],
            limit=1,
        )

    def _fingerprint(self):
        self.ensure_one()
        return f"approval:{self.subject_model}:{self.subject_id}"

    # ----------------------------------------------------------------- state

    def _update_state(self, target, vals=None):
        """Move to ``target``; the one gate of the approval's state machine.

        :raise UserError: when it may not follow the present state.
        """
        self.ensure_one()
        if target not in TRANSITIONS[self.state]:
            _logger.info(
                "approval %s is %s and may not become %s", self.id, self.state, target
            )
            raise UserError(
                self.env._(
                    "%(name)s is %(state)s already.",
                    name=self.name,
                    state=dict(self._fields["state"]._description_selection(self.env))[
                        self.state
                    ],
                )
            )
        self.write({**(vals or {}), "state": target})
        if target != "approved":
            self.activity_unlink(["mail.mail_activity_data_todo"])

    def _lock(self):
        """Let nobody else decide, or withdraw, until this transaction ends."""
        self.ensure_one()
        self.env.execute_query(
            SQL(
                "SELECT id FROM stock_channel_approval WHERE id = %s FOR NO KEY UPDATE",
                self.id,
            )
        )
        self.invalidate_recordset(["state"])

    def _check_may_decide(self):
        """Refuse all but an approver who did not propose it.

        Asked of the person, not of the rights the code happens to run with.

        :raise AccessError: in words the person can act on.
        """
        self.ensure_one()
        self.check_access("read")
        if not self.env.user.has_group(APPROVER):
            raise AccessError(self.env._("Only approvers decide proposals."))
        if self.sudo().requested_by_id == self.env.user:
            raise AccessError(
                self.env._(
                    "You proposed %s yourself; another approver must decide it.",
                    self.name,
                )
            )

    def _check_approved(self, subject):
        """Refuse to carry out what nobody else has agreed to.

        :raise AccessError: unless this is an approved proposal about ``subject``,
            decided by somebody other than who proposed it.
        """
        self.ensure_one()
        self.invalidate_recordset(["state", "decided_by_id", "requested_by_id"])
        if (
            self._subject() != subject
            or self.state != "approved"
            or not self.decided_by_id
            or self.decided_by_id == self.requested_by_id
        ):
            raise AccessError(self.env._("%s was not approved.", self.name))

    # --------------------------------------------------------------- deciding

    def action_approve(self):
        """Agree and carry it out, unless it no longer holds."""
        self._check_may_decide()
        approval_sudo = self.sudo().with_company(self.company_id)
        approval_sudo._lock()
        approval_sudo._subject()._check_approvable(approval_sudo)
        approval_sudo._update_state("approved", self._decision())
        return approval_sudo._apply()

    def action_reject(self):
        """Disagree; nothing changes."""
        self._check_may_decide()
        approval_sudo = self.sudo()
        approval_sudo._lock()
        approval_sudo._update_state("rejected", self._decision())

    def action_withdraw(self):
        """Take a proposal back; by who made it, or a manager."""
        self.ensure_one()
        self.check_access("read")
        approval_sudo = self.sudo()
        is_own = approval_sudo.requested_by_id == self.env.user
        if not is_own and not self.env.user.has_group(MANAGER):
            raise AccessError(
                self.env._("Only who proposed it, or a manager, may withdraw it.")
            )
        approval_sudo._lock()
        approval_sudo._withdraw()

    def _withdraw(self, reason=False):
        """Take it back; nothing changes.

        :param str reason: what made it superfluous, where nobody withdrew it.
        """
        self._update_state("withdrawn", {**self._decision(), "outcome": reason})
        if reason:
            self.message_post(body=reason)

    def _decision(self):
        return {"decided_by_id": self.env.user.id, "decided_at": self.env.cr.now()}

    def action_propose_again(self):
        """Propose the same with fresh values; a manager's step.

        Who does so is the new proposal's requester and may not decide it.
        """
        self.ensure_one()
        self.check_access("read")
        if not self.env.user.has_group(MANAGER):
            raise AccessError(self.env._("Only managers propose changes."))
        approval_sudo = self.sudo().with_company(self.company_id)
        approval_sudo._lock()
        if not approval_sudo._is_newest():
            raise UserError(
                self.env._("%s was proposed again already; open that one.", self.name)
            )
        if approval_sudo.state == "proposed":
            approval_sudo._withdraw(self.env._("It was proposed again."))
        new_sudo = approval_sudo._subject()._propose_again()
        if not new_sudo:
            return self._notification(
                "success", self.env._("There is nothing left to decide.")
            )
        return {
            "type": "ir.actions.act_window",
            "res_model": self._name,
            "res_id": new_sudo.id,
            "view_mode": "form",
        }

    # --------------------------------------------------------------- applying

    def _apply(self):
        """Carry out what was approved, or say why it cannot be any more.

        In the transaction of the decision: nobody finds it approved and not done.
        What is done until something turns out not to hold is rolled back, the
        decision and the reason stay.
        """
        try:
            with self.env.cr.savepoint():
                self._subject()._apply_approval(self)
        except ApprovalStale as stale:
            return self._tell_stale(stale.reason)
        self._update_state("applied")
        return None

    def _tell_stale(self, reason):
        self._update_state("stale", {"outcome": reason})
        self.message_post(body=reason)
        self.env["stock.channel.exception"]._open(
            self.channel_id,
            category="approval",
            fingerprint=self._fingerprint(),
            title=self.env._("%s could not be applied", self.name),
            cause=reason,
            approval_id=self.id,
            next_step=self.env._(
                "Nothing was changed. A manager opens it under Approvals and presses "
                "Propose Again, which takes the values of that moment; or ignore this."
            ),
        )
        return self._notification(
            "warning", self.env._("Nothing was changed. %s", reason)
        )

    def _notification(self, kind, message):
        return {
            "type": "ir.actions.client",
            "tag": "display_notification",
            "params": {
                "type": kind,
                "message": message,
                "sticky": kind == "warning",
                "next": {"type": "ir.actions.client", "tag": "soft_reload"},
            },
        }

    # ---------------------------------------------------------------- guarding

    @api.model_create_multi
    def create(self, vals_list):
        self._check_hub()
        return super().create(vals_list)

    def write(self, vals):
        if any(not name.startswith(("activity_", "message_")) for name in vals):
            self._check_hub()
        return super().write(vals)

    def unlink(self):
        self._check_hub()
        return super().unlink()

    def _check_hub(self):
        """Refuse people, whatever access lines a database may add.

        :raise AccessError: unless the hub itself does it.
        """
        if not self.env.su:
            raise AccessError(
                self.env._("Proposals change by their own steps, not by hand.")
            )
