from odoo import fields, models


class StockChannelOrderOutdated(models.Model):
    _inherit = "stock.channel.order"

    read_message = fields.Integer(
        readonly=True,
        copy=False,
        help="The message that the newest snapshot came with.",
    )

    def _is_outdated(self, message, snapshot):
        """Return whether something newer was read already.

        Of two bodies with one version the later received counts, also when the
        earlier one is replayed.
        """
        self.ensure_one()
        return (snapshot.version, message.id) < (self.version, self.read_message)
