from odoo import api, fields, models
from odoo.exceptions import UserError

from ..connectors import registry


class StockChannelSecretWizard(models.TransientModel):
    """Makes a signing secret and shows it once, or takes the one the channel gave."""

    _name = "stock.channel.secret.wizard"
    _description = "New Signing Secret"

    channel_id = fields.Many2one("stock.channel", required=True)
    overlap_hours = fields.Integer(
        default=24,
        required=True,
        help="The secrets used so far stay valid for this long, so that the channel "
        "can change over without losing a delivery.",
    )

    makes_secret = fields.Boolean(compute="_compute_signing")
    signing_help = fields.Char(compute="_compute_signing")
    given = fields.Char(groups=fields.NO_ACCESS)
    secret = fields.Char(
        string="Secret from the Channel",
        compute="_compute_secret",
        inverse="_inverse_secret",
        help="Write-only: it is stored where nobody can read it.",
    )

    @api.depends("channel_id")
    def _compute_signing(self):
        for wizard in self:
            connector_class = registry.get(wizard.channel_id.connector or "rest")
            wizard.makes_secret = bool(connector_class.make_secret())
            wizard.signing_help = connector_class.signing_help

    def _compute_secret(self):
        self.secret = False

    def _inverse_secret(self):
        """Keep it where nobody reads it, until it is saved or swept away."""
        for wizard in self.filtered("secret"):
            wizard.sudo().given = wizard.secret
        # Otherwise the answer to this very call would hold it.
        self.invalidate_recordset(["secret"], flush=False)

    def action_save(self):
        """Add the secret that the channel gave; the older ones end by and by."""
        self.ensure_one()
        self.channel_id.check_access("write")
        given = self.sudo().given
        if not given:
            raise UserError(self.env._("Enter the secret that the channel shows."))
        secrets = self.env["stock.channel.secret"]
        secrets._end_others(self.channel_id, max(self.overlap_hours, 0))
        secrets.create({"channel_id": self.channel_id.id, "new_value": given})
        # The value must not linger in the wizard's own table.
        self.sudo().unlink()
        return {"type": "ir.actions.act_window_close"}

    def action_generate(self):
        self.ensure_one()
        self.channel_id.check_access("write")
        value = self.env["stock.channel.secret"]._generate(
            self.channel_id, max(self.overlap_hours, 0)
        )
        # Handed to the dialog in the action's context: it is written nowhere but in
        # the secret's own unreadable field.
        return {
            "type": "ir.actions.act_window",
            "name": self.env._("Copy this secret now"),
            "res_model": "stock.channel.secret.reveal",
            "view_mode": "form",
            "target": "new",
            "context": {
                "default_value": value,
                "default_channel_id": self.channel_id.id,
            },
        }


class StockChannelSecretReveal(models.TransientModel):
    """The dialog that shows a new secret; never saved."""

    _name = "stock.channel.secret.reveal"
    _description = "New Signing Secret to Copy"

    channel_id = fields.Many2one("stock.channel", readonly=True, store=False)
    value = fields.Char("Secret", readonly=True, store=False)
