"""The clock of a return: announced, received, inspected; by when, how long still."""

from datetime import timedelta

from odoo import fields, models

CLOCKS = [
    ("announced", "Announced"),
    ("inspect", "To Inspect"),
    ("overdue", "Overdue"),
    ("done", "Inspected"),
    ("cancelled", "Cancelled"),
]


class StockChannelReturnClock(models.Model):
    _inherit = "stock.channel.return"

    clock_state = fields.Selection(
        CLOCKS,
        "Where It Stands",
        compute="_compute_clock",
        help="How far the goods are.",
    )
    clock_text = fields.Char("Clock", compute="_compute_clock")
    received_at = fields.Datetime(
        "Came", compute="_compute_clock", help="When the first of it came back."
    )
    inspect_due_on = fields.Date(
        "Inspect by",
        compute="_compute_clock",
        help="By when what waits in quarantine is to be inspected, by the channel's "
        "days for inspection.",
    )
    days_left = fields.Integer(
        compute="_compute_clock", help="Below zero when it is overdue."
    )

    def _compute_clock(self):
        now = self.env.cr.now()
        for one in self:
            lines = one.line_ids
            waiting = lines.filtered(lambda line: line.waiting_qty and not line.is_kept)
            came = [line.received_at for line in lines if line.received_at]
            due = [line.inspect_due_on for line in waiting if line.inspect_due_on]
            today = one.company_id.sudo()._channel_local(now).date()
            one.received_at = min(came) if came else False
            one.inspect_due_on = min(due) if due else False
            one.days_left = (min(due) - today).days if due else 0
            one.clock_state = one._clock_state()
            one.clock_text = one._clock_text(now)

    def _clock_state(self):
        if self.state == "cancelled":
            return "cancelled"
        if self.inspect_due_on:
            return "overdue" if self.days_left < 0 else "inspect"
        return "done" if self.received_at else "announced"

    def _clock_text(self, now):
        if self.clock_state == "cancelled":
            return self.env._("The channel cancelled it.")
        if self.clock_state == "overdue":
            return self.env._("Inspection overdue by %s days", -self.days_left)
        if self.clock_state == "inspect":
            if not self.days_left:
                return self.env._("Inspect today")
            return self.env._("Inspect within %s days", self.days_left)
        if self.clock_state == "done":
            return self.env._("All of it inspected")
        since = now - (self.create_date or now)
        if since < timedelta(days=1):
            return self.env._("Announced today, not here yet")
        return self.env._("Announced %s days ago, not here yet", since.days)
