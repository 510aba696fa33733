from datetime import timedelta

from odoo import api, fields, models
from odoo.exceptions import AccessError, UserError, ValidationError
from odoo.fields import Command

from .stock_channel_approval_subject import ApprovalStale

# So many may be ignored on one's own; more take a second person.
ALONE = 10
# What somebody has ignored within this counts along: many small steps are a large one.
WITHIN = timedelta(hours=1)


class StockChannelIgnoreLimit(models.Model):
    _inherit = "stock.channel"

    ignore_value_limit = fields.Float(
        "Ignore up to",
        default=1000.0,
        tracking=True,
        help="Whoever ignores exceptions with more value at risk than this, in the "
        "company's currency, or more than 10 within an hour, needs an approval.",
    )

    def _check_ignore_limit(self, vals):
        if "ignore_value_limit" not in vals:
            return
        if not self.env.su and not self.env.user.has_group(
            "stock_channel_hub.group_admin"
        ):
            raise AccessError(
                self.env._(
                    "Only administrators of stock channels say how much may be "
                    "ignored without an approval."
                )
            )
        if vals["ignore_value_limit"] < 0:
            raise ValidationError(self.env._("The limit is zero or more."))

    @api.model_create_multi
    def create(self, vals_list):
        for vals in vals_list:
            self._check_ignore_limit(vals)
        return super().create(vals_list)

    def write(self, vals):
        self._check_ignore_limit(vals)
        return super().write(vals)


class StockChannelIgnore(models.Model):
    """Many exceptions, or costly ones, that somebody wants to close unsolved."""

    _name = "stock.channel.ignore"
    _description = "Exceptions to Ignore"
    _inherit = ["stock.channel.approval.subject"]
    _order = "id desc"
    _rec_name = "reason"

    channel_id = fields.Many2one(
        "stock.channel", required=True, readonly=True, ondelete="restrict", index=True
    )
    company_id = fields.Many2one(related="channel_id.company_id", store=True)
    reason = fields.Char(required=True, readonly=True)
    exception_ids = fields.Many2many(
        "stock.channel.exception", string="Exceptions", readonly=True
    )

    def _propose(self):
        """Propose it, in the name of whoever runs this."""
        self.ensure_one()
        still_open = self.exception_ids.filtered(lambda e: e.state == "open")
        still_open._refresh_values()
        value = sum(still_open.mapped("value_at_risk"))
        currency = self.company_id.currency_id
        return self.env["stock.channel.approval"]._propose(
            self,
            {
                "kind": "ignore",
                "name": self.env._(
                    "Ignore %(count)s exceptions of %(channel)s",
                    count=len(still_open),
                    channel=self.channel_id.name,
                ),
                "channel_id": self.channel_id.id,
                "before": {"exceptions": still_open.ids, "value": value},
                "after": {"state": "ignored", "reason": self.reason},
                "effect": self.env._(
                    "%(count)s exceptions would be closed unsolved, with %(value)s at "
                    "risk. The reason given: %(reason)s",
                    count=len(still_open),
                    value=currency.format(value),
                    reason=self.reason,
                ),
            },
        )

    def _apply_approval(self, approval_sudo):
        """Close them, in the name of who asked and of who approved.

        What was solved meanwhile needs no ignoring. What is worth more by now than
        the approver was shown is not what they agreed to.
        """
        self.ensure_one()
        approval_sudo._check_approved(self)
        chosen = approval_sudo.before["exceptions"]
        still_open = self.exception_ids.filtered(
            lambda e: e.state == "open" and e.id in chosen
        )
        still_open._refresh_values()
        value = sum(still_open.mapped("value_at_risk"))
        currency = self.company_id.currency_id
        if currency.compare_amounts(value, approval_sudo.before["value"]) > 0:
            raise ApprovalStale(
                self.env._(
                    "%(now)s are at risk by now, and %(then)s were when it was "
                    "proposed.",
                    now=currency.format(value),
                    then=currency.format(approval_sudo.before["value"]),
                )
            )
        still_open._close_ignored(
            self.reason, approval_sudo.requested_by_id, approval=approval_sudo
        )

    def _propose_again(self):
        if self.exception_ids.filtered(lambda e: e.state == "open"):
            return self._propose()
        return self.env["stock.channel.approval"]


class StockChannelExceptionIgnore(models.Model):
    _inherit = "stock.channel.exception"

    ignored_by_id = fields.Many2one(
        "res.users", "Ignored by", readonly=True, ondelete="restrict"
    )
    ignored_value = fields.Monetary(
        "Value When Ignored",
        readonly=True,
        help="What was at risk when it was ignored.",
    )
    ignore_approval_id = fields.Many2one(
        "stock.channel.approval",
        "Ignored under",
        readonly=True,
        ondelete="set null",
        index="btree_not_null",
    )

    _ignored_lately = models.Index(
        "(ignored_by_id, resolved_at) WHERE state = 'ignored'"
    )

    def action_ignore(self):
        """Ask why these need no work; what waits for them stays where it is."""
        self.check_access("read")
        self._check_operator()
        return {
            "type": "ir.actions.act_window",
            "name": self.env._("Ignore with Reason"),
            "res_model": "stock.channel.ignore.wizard",
            "view_mode": "form",
            "target": "new",
            "context": {"default_exception_ids": self.ids},
        }

    def _ignore(self, reason):
        """Close without solving, or propose it where that is much.

        :return: the approvals that were proposed; empty when all are closed.
        :raise UserError: without a reason, or when there is nothing to ignore.
        """
        self.check_access("read")
        self._check_operator()
        if not (reason or "").strip():
            raise UserError(self.env._("Say why this needs no work."))
        open_sudo = self.sudo().filtered(lambda e: e.state == "open")
        open_sudo -= open_sudo._proposed_to_ignore()
        if not open_sudo:
            raise UserError(
                self.env._("These are closed, or proposed to be ignored, already.")
            )
        open_sudo._refresh_values()
        approvals = self.env["stock.channel.approval"]
        # How many at once counts over all channels.
        is_many = len(open_sudo) + len(open_sudo._ignored_lately()) > ALONE
        for channel, exceptions_sudo in open_sudo.grouped("channel_id").items():
            if is_many or exceptions_sudo._is_costly(channel):
                approvals |= exceptions_sudo._propose_to_ignore(channel, reason)
            else:
                exceptions_sudo._close_ignored(reason, self.env.user)
        return approvals

    def _ignored_lately(self):
        """Return what this person has ignored on their own within the hour."""
        return self.search(
            [
                ("ignored_by_id", "=", self.env.uid),
                ("state", "=", "ignored"),
                ("resolved_at", ">", fields.Datetime.now() - WITHIN),
                ("ignore_approval_id", "=", False),
            ]
        )

    def _is_costly(self, channel):
        before = self._ignored_lately().filtered(lambda e: e.channel_id == channel)
        value = sum(self.mapped("value_at_risk")) + sum(before.mapped("ignored_value"))
        currency = channel.company_id.currency_id
        return currency.compare_amounts(value, channel.ignore_value_limit) > 0

    def _proposed_to_ignore(self):
        """Return those somebody is asked about already."""
        proposed = self.env["stock.channel.approval"].search(
            [
                ("subject_model", "=", "stock.channel.ignore"),
                ("state", "=", "proposed"),
                ("channel_id", "in", self.channel_id.ids),
            ]
        )
        asked = self.env["stock.channel.ignore"].browse(proposed.mapped("subject_id"))
        return self & asked.exception_ids

    def _propose_to_ignore(self, channel, reason):
        subject = self.env["stock.channel.ignore"].create(
            {
                "channel_id": channel.id,
                "reason": reason.strip(),
                "exception_ids": [Command.set(self.ids)],
            }
        )
        return subject._propose()

    def _close_ignored(self, reason, user, approval=None):
        """Close these as ignored; there is no other way to that state for people."""
        for exception in self:
            value = exception.value_at_risk
            exception._update_state(
                "ignored",
                {
                    "ignore_reason": reason.strip(),
                    "ignored_by_id": user.id,
                    "ignored_value": value,
                    "ignore_approval_id": approval.id if approval else False,
                },
            )
        self._note_ignored()
        self.env["stock.channel.audit"]._log(
            self, "ignored", reason=reason.strip(), approval=approval
        )


class StockChannelApprovalIgnore(models.Model):
    _inherit = "stock.channel.approval"

    ignored_exception_ids = fields.Many2many(
        "stock.channel.exception",
        string="Exceptions to Ignore",
        compute="_compute_ignored_exception_ids",
        compute_sudo=True,
    )

    def _compute_ignored_exception_ids(self):
        ignores = self.env["stock.channel.ignore"]
        for approval in self:
            is_ours = approval.subject_model == ignores._name
            subject = ignores.browse(approval.subject_id if is_ours else ())
            approval.ignored_exception_ids = subject.exists().exception_ids
