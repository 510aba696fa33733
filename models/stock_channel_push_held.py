"""A mass change that is held: one push, its rows, and the proposal about them."""

import logging

from odoo import api, fields, models
from odoo.exceptions import AccessError, UserError
from odoo.tools import SQL

_logger = logging.getLogger(__name__)

TRANSITIONS = {
    "held": ("released", "dropped"),
    "dropped": ("held", "released"),
    "released": (),
}


class StockChannelPushHeld(models.Model):
    """What a held push does: it is released by approval, or its rows stay.

    Released, its rows are computed anew and told that number. Rejected, they keep
    what the channel shows until the cause is mended, or changed again. A row whose
    number is mended leaves by itself; with the last one the proposal is withdrawn.
    """

    _name = "stock.channel.push"
    _inherit = ["stock.channel.push", "stock.channel.approval.subject"]

    state = fields.Selection(
        selection_add=[
            ("held", "Held"),
            ("released", "Released"),
            ("dropped", "Not Published"),
        ],
        ondelete={"held": "cascade", "released": "cascade", "dropped": "cascade"},
    )
    held_at = fields.Datetime("Held Since", readonly=True)
    held_row_ids = fields.One2many(
        "stock.channel.publication", "held_push_id", "Held Numbers"
    )
    held_count = fields.Integer("Numbers Held", compute="_compute_held_count")
    title = fields.Char("What Would Happen", readonly=True)
    cause_text = fields.Text("Why", readonly=True)
    cause_user_ids = fields.Many2many(
        "res.users",
        "stock_channel_push_cause_user_rel",
        "push_id",
        "user_id",
        "Changed by",
        readonly=True,
        help="Saved something shortly before. May not release what they caused.",
    )
    on_sale_count = fields.Integer("Listings on Sale", readonly=True)
    zeroed_count = fields.Integer("Go to Zero", readonly=True)
    moved_count = fields.Integer("Move Far", readonly=True)
    changed_count = fields.Integer("Change", readonly=True)
    changed_units = fields.Float("Units Changed", digits=0, readonly=True)
    currency_id = fields.Many2one(related="company_id.currency_id")
    changed_value = fields.Monetary(
        "Value Changed", readonly=True, help="What comes and what goes, at sales price."
    )
    value_difference = fields.Monetary(readonly=True)
    approval_id = fields.Many2one(
        "stock.channel.approval", compute="_compute_approval_id", string="Proposal"
    )
    may_release = fields.Boolean(compute="_compute_approval_id")

    _held = models.Index("(channel_id, held_at) WHERE held_at IS NOT NULL")

    @api.depends("held_at", "title")
    def _compute_display_name(self):
        held = self.filtered("held_at")
        result = super(StockChannelPushHeld, self - held)._compute_display_name()
        for push in held:
            push.display_name = self.env._(
                "Held push %(id)s to %(channel)s",
                id=push.id,
                channel=push.channel_id.name,
            )
        return result

    @api.depends("held_row_ids")
    def _compute_held_count(self):
        counts = dict(
            self.env["stock.channel.publication"]._read_group(
                [("held_push_id", "in", self.ids)], ["held_push_id"], ["__count"]
            )
        )
        for push in self:
            push.held_count = counts.get(push, 0)

    @api.depends("state")
    @api.depends_context("uid")
    def _compute_approval_id(self):
        newest = {}
        for approval in self.env["stock.channel.approval"].search(
            [("subject_model", "=", self._name), ("subject_id", "in", self.ids)],
            order="id",
        ):
            newest[approval.subject_id] = approval
        for push in self:
            push.approval_id = newest.get(push.id, False)
            push.may_release = push.approval_id.may_decide

    # ----------------------------------------------------------------- state

    def _update_state(self, target, vals=None):
        """Move to ``target``; the one gate of a held push.

        :raise UserError: when it may not follow the present state.
        """
        self.ensure_one()
        if target not in TRANSITIONS.get(self.state, ()):
            _logger.info("push %s is %s, not %s", self.id, self.state, target)
            raise UserError(
                self.env._(
                    "%(push)s is %(state)s and can no longer be decided.",
                    push=self.display_name,
                    state=dict(self._fields["state"]._description_selection(self.env))[
                        self.state
                    ],
                )
            )
        self.write({**(vals or {}), "state": target})
        if target != "held":
            self.finished_at = self.env.cr.now()
            self.env["stock.channel.exception"]._resolve_fingerprint(
                self.channel_id, self._fingerprint()
            )

    def _fingerprint(self):
        self.ensure_one()
        return f"push:{self.id}"

    # ---------------------------------------------------------------- holding

    def _take_rows(self, candidate):
        """Hold the rows of a change: they want again what they wanted before it.

        Where stock moved in the same run, what went is taken off at once.

        :param SQL candidate: which ``row``s.
        """
        self.ensure_one()
        rows = self.env.execute_query(
            SQL(
                """
                UPDATE stock_channel_publication AS row
                   SET held_push_id = %(push)s,
                       held_qty = row.guard_qty,
                       held_units = row.guard_units
                 WHERE row.channel_id = %(channel)s
                   AND %(candidate)s
                RETURNING row.id, row.listing_id,
                          coalesce(row.guard_mixed, FALSE)
                """,
                push=self.id,
                channel=self.channel_id.id,
                candidate=candidate,
            )
        )
        publications = self.env["stock.channel.publication"]
        publications.invalidate_model()
        mixed = {listing_id for _id, listing_id, is_mixed in rows if is_mixed}
        if mixed:
            publications._lower_ceilings(mixed, SQL("row.guard_mixed"))
        self._restore_wanted([row[0] for row in rows])
        self.size += len(rows)

    def _restore_wanted(self, row_ids):
        """Let these rows want what they may show; clean where the channel shows it."""
        self.env.cr.execute(
            SQL(
                """
                UPDATE stock_channel_publication AS row
                   SET wanted_qty = held.wanted,
                       state = CASE
                           WHEN row.state IN ('sending', 'unknown') THEN row.state
                           WHEN row.sent_sequence = row.acknowledged_sequence
                                AND row.sent_qty = held.wanted
                                AND row.expected_qty = held.wanted
                                AND row.expected_at IS NOT NULL THEN 'clean'
                           ELSE 'pending' END
                  FROM (SELECT one.id,
                               CASE WHEN one.guard_to < one.guard_qty
                                    THEN one.held_qty
                                    ELSE least(one.held_qty, one.published) END
                               + one.wanted_qty - one.published AS wanted
                          FROM stock_channel_publication AS one
                         WHERE one.id = ANY(%s)) AS held
                 WHERE row.id = held.id
                """,
                row_ids,
            )
        )
        self.env["stock.channel.publication"].invalidate_model()

    def _propose_again(self):
        """Propose once more what was rejected, or withdrawn by mistake."""
        self.ensure_one()
        if not self.held_row_ids:
            return self.env["stock.channel.approval"]
        if self.state == "dropped":
            self._update_state("held", {"finished_at": False})
        return self._propose()

    # --------------------------------------------------------------- deciding

    def _check_approvable(self, approval_sudo):
        """Refuse whoever caused the change, whatever groups they are in.

        :raise AccessError: in words they can act on.
        """
        result = super()._check_approvable(approval_sudo)
        if self.env.user in self.sudo().cause_user_ids:
            raise AccessError(
                self.env._(
                    "You changed something shortly before %s was held; another "
                    "approver must release it.",
                    self.display_name,
                )
            )
        return result

    def _apply_approval(self, approval_sudo):
        """Let the held numbers be computed anew and told."""
        self.ensure_one()
        approval_sudo._check_approved(self)
        publications_sudo = self.env["stock.channel.publication"].sudo()
        rows_sudo = publications_sudo.search([("held_push_id", "=", self.id)])
        listings_sudo = rows_sudo.listing_id
        publications_sudo._lock_rows(rows_sudo.ids)
        publications_sudo._forget_hold(rows_sudo.ids)
        self._update_state("released")
        self.env["stock.channel"]._drop_earlier_maps()
        self.env["stock.channel.dirty"]._log_listings(listings_sudo, "release")
        self.env["stock.channel.audit"]._log(self, "released", approval=approval_sudo)

    def _drop(self):
        """Keep the rows as the channel has them; nothing is published.

        What is computed for them now is what was rejected: only another number is
        judged again.
        """
        self.ensure_one()
        self._update_state("dropped")
        self.env.cr.execute(
            SQL(
                """
                UPDATE stock_channel_publication
                   SET guard_at = NULL, guard_to = published
                 WHERE held_push_id = %s
                """,
                self.id,
            )
        )
        self.env["stock.channel.publication"].invalidate_model()

    def _end_if_empty(self):
        """Withdraw what is held no more: the cause was mended by itself."""
        for push in self:
            if push.state not in TRANSITIONS or self.env[
                "stock.channel.publication"
            ].search_count([("held_push_id", "=", push.id)], limit=1):
                continue
            approval_sudo = push.sudo().approval_id
            if push.state == "held":
                push._update_state("dropped")
            self.env["stock.channel"]._drop_earlier_maps()
            if approval_sudo.state == "proposed":
                approval_sudo._lock()
                approval_sudo._withdraw(
                    self.env._(
                        "The numbers are right again without it: what caused the "
                        "change was mended."
                    )
                )

    # ---------------------------------------------------------------- actions

    def action_release(self):
        """Approve the newest proposal about this push."""
        self.ensure_one()
        self.check_access("read")
        return self._open_proposal().action_approve()

    def action_keep(self):
        """Reject it: the channel keeps its numbers."""
        self.ensure_one()
        self.check_access("read")
        return self._open_proposal().action_reject()

    def _open_proposal(self):
        if self.approval_id.state != "proposed":
            raise UserError(
                self.env._("Nobody has to decide about %s any more.", self.display_name)
            )
        return self.approval_id

    def _form_action(self):
        view = self.env.ref("stock_channel_hub.stock_channel_push_view_form_held")
        return {
            "type": "ir.actions.act_window",
            "res_model": self._name,
            "res_id": self.id,
            "view_mode": "form",
            "views": [(view.id, "form")],
        }

    def action_open_held_rows(self):
        self.ensure_one()
        self.check_access("read")
        action = self.env["ir.actions.act_window"]._for_xml_id(
            "stock_channel_hub.stock_channel_held_row_action"
        )
        return {**action, "domain": [("held_push_id", "=", self.id)]}
