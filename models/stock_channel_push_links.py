"""Where a held push shows: its proposal, its exception, its channel."""

from odoo import api, fields, models


class StockChannelApprovalPush(models.Model):
    _inherit = "stock.channel.approval"

    @api.depends("subject_model", "subject_id")
    def _compute_may(self):
        """Nor may whoever caused a held change decide it."""
        result = super()._compute_may()
        for approval in self.filtered(lambda one: one.kind == "push"):
            is_cause = self.env.user in approval.sudo()._subject().cause_user_ids
            approval.may_decide = approval.may_decide and not is_cause
        return result

    def _update_state(self, target, vals=None):
        result = super()._update_state(target, vals)
        if self.kind == "push" and target in ("rejected", "withdrawn"):
            push = self._subject()
            if push.state == "held":
                push._drop()
        return result

    def action_open_push(self):
        """Open the held push this proposal is about."""
        self.ensure_one()
        self.check_access("read")
        return self._subject()._form_action()


class StockChannelExceptionPush(models.Model):
    _inherit = "stock.channel.exception"

    held_push_id = fields.Many2one(
        "stock.channel.push", readonly=True, ondelete="set null", index="btree_not_null"
    )

    def action_open_held_push(self):
        """Open the held push this is about."""
        self.ensure_one()
        self.check_access("read")
        return self.held_push_id._form_action()


class StockChannelHeldCount(models.Model):
    _inherit = "stock.channel"

    held_count = fields.Integer(
        "Held Numbers", compute="_compute_held_count", compute_sudo=True
    )
    held_push_count = fields.Integer(
        "Held Pushes", compute="_compute_held_count", compute_sudo=True
    )

    def _compute_held_count(self):
        publications = self.env["stock.channel.publication"]
        counts = dict(
            publications._read_group(
                [("channel_id", "in", self.ids), ("held_push_id", "!=", False)],
                ["channel_id"],
                ["__count"],
            )
        )
        pushes = dict(
            self.env["stock.channel.push"]._read_group(
                [("channel_id", "in", self.ids), ("state", "=", "held")],
                ["channel_id"],
                ["__count"],
            )
        )
        for channel in self:
            channel.held_count = counts.get(channel, 0)
            channel.held_push_count = pushes.get(channel, 0)

    def action_open_held(self):
        self.ensure_one()
        self.check_access("read")
        action = self.env["ir.actions.act_window"]._for_xml_id(
            "stock_channel_hub.stock_channel_push_held_action"
        )
        return {
            **action,
            "domain": [("channel_id", "=", self.id), ("held_at", "!=", False)],
        }
