from odoo import api, fields, models
from odoo.exceptions import UserError

PEOPLE = (
    "exception_owner_id",
    "map_owner_id",
    "alert_email",
    "freshness_target",
    "timezone",
    "cutoff_time",
    "shipping_calendar_id",
)


class StockChannelOnboardingPeople(models.TransientModel):
    """Who hears of trouble and by when things are done; then what is left to do."""

    _inherit = "stock.channel.onboarding"

    exception_owner_id = fields.Many2one(
        "res.users", "Who works failures", domain=[("share", "=", False)]
    )
    map_owner_id = fields.Many2one(
        "res.users", "Who knows which product is which", domain=[("share", "=", False)]
    )
    alert_email = fields.Char("Mailbox somebody reads")
    freshness_target = fields.Integer("A change is told within")
    timezone = fields.Selection(
        lambda self: self.env["stock.channel"]._timezones(), "Time zone"
    )
    cutoff_time = fields.Float("Ordered before")
    shipping_calendar_id = fields.Many2one(
        "resource.calendar",
        "Days the warehouse ships",
        domain="[('company_id', 'in', (company_id, False))]",
    )
    missing = fields.Json(compute="_compute_start")
    readiness_line_ids = fields.Many2many(
        "stock.channel.readiness.line", compute="_compute_start"
    )

    def _enter_alerts(self):
        channel = self.channel_id
        vals = channel._convert_to_write({name: channel[name] for name in PEOPLE})
        if not vals["alert_email"]:
            vals["alert_email"] = self.company_id.sudo().email
        self.write(vals)

    def _leave_alerts(self):
        """Write who hears of trouble.

        :raise UserError: while nobody would.
        """
        channel = self._channel()
        if not self.exception_owner_id:
            raise UserError(self.env._("Name somebody who works what fails."))
        if not (self.alert_email or "").strip():
            raise UserError(
                self.env._(
                    "Enter a mailbox that somebody reads; alarms are sent there."
                )
            )
        vals = {name: self[name] for name in PEOPLE if self[name] != channel[name]}
        if vals:
            channel.write(self._convert_to_write(vals))

    def action_test_alert(self):
        """Keep what was entered, and send a test to the mailbox."""
        self._leave_alerts()
        return self._channel().action_send_test_alert()

    # ----------------------------------------------------------------- start

    @api.depends("channel_id", "step")
    def _compute_start(self):
        """Work the list out only where it is looked at."""
        lines = self.env["stock.channel.readiness.line"]
        for wizard in self:
            channel = wizard.channel_id
            if wizard.step != "start" or not channel:
                wizard.missing, wizard.readiness_line_ids = [], lines
                continue
            wizard.missing = channel._missing_to_start()
            wizard.readiness_line_ids = lines.search([("channel_id", "=", channel.id)])
