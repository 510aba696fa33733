"""The audit as people read it, and the way back from each of its lines."""

from odoo import api, fields, models
from odoo.exceptions import AccessError

from .stock_channel_approval import MANAGER


class StockChannelAuditChange(models.Model):
    _inherit = "stock.channel.audit"

    what_kind = fields.Char("Kind", compute="_compute_what")
    summary = fields.Char("What Changed", compute="_compute_what")
    changes_html = fields.Html(
        "Before and After", compute="_compute_what", sanitize=False
    )
    may_undo = fields.Boolean(compute="_compute_may_undo")

    @api.depends("res_model", "before", "after")
    @api.depends_context("lang")
    def _compute_what(self):
        changes = self.env["stock.channel.change"]
        for row in self:
            model = self.env.get(row.res_model or "")
            rows = (
                changes._compared(model, row.before, row.after)
                if model is not None
                else []
            )
            row.what_kind = (
                changes._kind_word(model) if model is not None else row.res_model
            )
            row.summary = "; ".join(
                f"{label}: {old} → {new}" if old else f"{label}: {new}"
                for label, old, new in rows
            )
            row.changes_html = self.env["ir.qweb"]._render(
                "stock_channel_hub.change_rows", {"rows": rows}
            )

    @api.depends("res_model", "action")
    @api.depends_context("uid")
    def _compute_may_undo(self):
        is_manager = self.env.user.has_group(MANAGER)
        changes = self.env["stock.channel.change"]
        for row in self:
            row.may_undo = is_manager and changes._is_restorable(row)

    @api.depends("record_name", "action")
    def _compute_display_name(self):
        actions = dict(self._fields["action"]._description_selection(self.env))
        for row in self:
            name = row.record_name or row.res_model or ""
            row.display_name = f"{actions.get(row.action, '')}: {name}"

    def action_undo(self):
        """Open the undo of this line: what it would do, before anybody is asked."""
        self.ensure_one()
        self.check_access("read")
        if not self.env.user.has_group(MANAGER):
            raise AccessError(self.env._("Only managers propose changes."))
        return {
            "type": "ir.actions.act_window",
            "name": self.env._("Undo"),
            "res_model": "stock.channel.undo.wizard",
            "view_mode": "form",
            "target": "new",
            "context": {"default_audit_id": self.id},
        }
