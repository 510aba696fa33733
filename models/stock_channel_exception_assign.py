from odoo import models
from odoo.exceptions import UserError


class StockChannelExceptionAssign(models.Model):
    """Who has an exception has its activity, and is told once of many."""

    _inherit = "stock.channel.exception"

    def write(self, vals):
        """Hand the activity over with the exception."""
        if "user_id" not in vals:
            return super().write(vals)
        moved = self.filtered(lambda e: e.user_id.id != vals["user_id"])
        result = super().write(vals)
        moved.sudo()._hand_over()
        return result

    def _hand_over(self):
        """Give what is open to its new owner; Odoo has told them of it already."""
        for exception in self.filtered(lambda e: e.state == "open"):
            exception.activity_unlink(["mail.mail_activity_data_todo"])
            owner = exception.user_id
            if owner and exception.with_user(owner).has_access("read"):
                exception.with_context(mail_activity_quick_update=True)._schedule()

    def action_assign_to_me(self):
        """Take these over."""
        self._assign(self.env.user)

    def action_assign(self):
        """Ask whom to give these to."""
        self.check_access("read")
        self._check_operator()
        return {
            "type": "ir.actions.act_window",
            "name": self.env._("Assign"),
            "res_model": "stock.channel.assign.wizard",
            "view_mode": "form",
            "target": "new",
            "context": {"default_exception_ids": self.ids},
        }

    def _assign(self, user):
        """Give these to somebody, who is written to once however many they are.

        :raise UserError: unless that person may work on all of them.
        """
        self.check_access("read")
        self._check_operator()
        for exception in self:
            mine = exception.with_user(user)
            may_work = user.has_group("stock_channel_hub.group_operator")
            if not may_work or not mine.has_access("read"):
                raise UserError(
                    self.env._(
                        "%(user)s may not work on exceptions of %(channel)s.",
                        user=user.name,
                        channel=exception.channel_id.name,
                    )
                )
        moved = self.filtered(lambda e: e.user_id != user)
        moved.with_context(mail_auto_subscribe_no_notify=True).write(
            {"user_id": user.id}
        )
        if moved and user != self.env.user:
            moved[:1].message_notify(
                partner_ids=user.partner_id.ids,
                subject=self.env._("%s exceptions were assigned to you", len(moved)),
                body=", ".join(moved[:20].mapped("title")),
            )
