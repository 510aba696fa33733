from odoo import fields, models


class StockChannelSecretWizard(models.TransientModel):
    """Makes a signing secret and shows it the only time it is ever shown."""

    _name = "stock.channel.secret.wizard"
    _description = "New Signing Secret"

    channel_id = fields.Many2one("stock.channel", required=True)
    overlap_hours = fields.Integer(
        default=24,
        required=True,
        help="The secrets used so far stay valid for this long, so that the channel "
        "can change over without losing a delivery.",
    )

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
