from odoo import api, fields, models
from odoo.exceptions import UserError

from ..connectors import registry


class StockChannelCredentialWizard(models.TransientModel):
    """Asks for the credentials a connector needs; they go in and never come out."""

    _name = "stock.channel.credential.wizard"
    _description = "Channel Credentials"

    channel_id = fields.Many2one("stock.channel", required=True)
    line_ids = fields.One2many(
        "stock.channel.credential.wizard.line",
        "wizard_id",
        compute="_compute_line_ids",
        store=True,
        readonly=False,
        precompute=True,
    )

    @api.depends("channel_id")
    def _compute_line_ids(self):
        for wizard in self:
            settings = (
                registry.get(wizard.channel_id.connector).config_fields
                if wizard.channel_id
                else ()
            )
            wizard.line_ids = [fields.Command.clear()] + [
                fields.Command.create(
                    {
                        "name": setting.name,
                        "label": setting.label,
                        "help_text": setting.help,
                        "is_secret": setting.secret,
                    }
                )
                for setting in settings
                if setting.name != "base_url"
            ]

    def action_save(self):
        """Store what was filled in; what was left empty stays as it is."""
        self.ensure_one()
        self.channel_id.check_access("write")
        if not self.env.user.has_group("stock_channel_hub.group_admin"):
            raise UserError(
                self.env._("Only administrators of stock channels set credentials.")
            )
        allowed = {
            setting.name
            for setting in registry.get(self.channel_id.connector).config_fields
        }
        given = {
            line_sudo.name: line_sudo.given.strip()
            for line_sudo in self.sudo().line_ids
            if line_sudo.given and line_sudo.name in allowed
        }
        self.channel_id._keep_credentials(given)
        # The values must not linger in the wizard's own table.
        self.sudo().unlink()
        return {"type": "ir.actions.act_window_close"}


class StockChannelCredentialEntry(models.AbstractModel):
    """One credential that a form asks for: written, never read."""

    _name = "stock.channel.credential.entry"
    _description = "Credential to Enter"

    name = fields.Char(readonly=True)
    label = fields.Char(readonly=True)
    help_text = fields.Char(readonly=True)
    is_secret = fields.Boolean(readonly=True)
    given = fields.Char(groups=fields.NO_ACCESS)
    value = fields.Char(
        compute="_compute_value",
        inverse="_inverse_value",
        help="Write-only: left empty, the present one stays.",
    )

    def _compute_value(self):
        self.value = False

    def _inverse_value(self):
        """Keep it where nobody reads it, until the wizard is saved or swept away."""
        for line in self.filtered("value"):
            line.sudo().given = line.value
        # Otherwise the answer to this very call would hold it.
        self.invalidate_recordset(["value"], flush=False)


class StockChannelCredentialWizardLine(models.TransientModel):
    _name = "stock.channel.credential.wizard.line"
    _description = "Channel Credential"
    _inherit = ["stock.channel.credential.entry"]

    wizard_id = fields.Many2one(
        "stock.channel.credential.wizard", required=True, ondelete="cascade"
    )
