from odoo import api, fields, models
from odoo.exceptions import UserError

from .stock_channel_dirty import CAUSES


class StockChannelPublicationLog(models.Model):
    """Every number a channel acknowledged, with its parts; nobody changes it."""

    _name = "stock.channel.publication.log"
    _description = "Acknowledged Number"
    _order = "acknowledged_at desc, id desc"
    _log_access = False
    _rec_name = "publication_id"

    publication_id = fields.Many2one(
        "stock.channel.publication",
        required=True,
        readonly=True,
        ondelete="cascade",
        index=True,
    )
    channel_id = fields.Many2one(
        "stock.channel", required=True, readonly=True, ondelete="cascade"
    )
    company_id = fields.Many2one(related="channel_id.company_id", store=True)
    push_id = fields.Many2one(
        "stock.channel.push", readonly=True, ondelete="set null", index="btree_not_null"
    )
    quantity = fields.Float(digits=0, readonly=True)
    previous_qty = fields.Float("Before", digits=0, readonly=True)
    sequence = fields.Float(
        digits=(20, 0),
        readonly=True,
        help="Numbers every sending: what was acknowledged with a lower one is older.",
    )
    changed_at = fields.Datetime("Stock Changed", readonly=True)
    acknowledged_at = fields.Datetime("Acknowledged", readonly=True, index=True)
    freshness = fields.Float(
        "Freshness (s)",
        digits=(16, 3),
        readonly=True,
        help="Seconds from the stock change to the channel's acknowledgement.",
    )
    cause = fields.Selection(CAUSES, readonly=True)
    parts = fields.Json(readonly=True)

    _by_channel = models.Index("(channel_id, acknowledged_at)")

    def write(self, vals):  # pylint: disable=method-required-super
        """Refuse, whoever asks: a past number must stay explainable."""
        raise UserError(
            self.env._("Acknowledged numbers are history and cannot be changed.")
        )

    @api.ondelete(at_uninstall=False)
    def _unlink_never(self):
        raise UserError(
            self.env._("Acknowledged numbers are history and cannot be deleted.")
        )
