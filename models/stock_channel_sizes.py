from odoo import fields, models
from odoo.tools import SQL


class StockChannelSizes(models.Model):
    """How much a channel holds, for the buttons of its page.

    Each is counted only where it is shown: the overview and the list of channels show
    few of them, and counting half a million numbers is felt.
    """

    _inherit = "stock.channel"

    listing_count = fields.Integer(compute="_compute_listing_count", compute_sudo=True)
    publication_count = fields.Integer(
        compute="_compute_publication_count", compute_sudo=True
    )
    order_count = fields.Integer(compute="_compute_order_count", compute_sudo=True)
    last_acknowledged_at = fields.Datetime(
        string="Last Acknowledged",
        compute="_compute_last_acknowledged_at",
        compute_sudo=True,
    )

    def _compute_listing_count(self):
        self._count_into("listing_count", "stock.channel.listing")

    def _compute_publication_count(self):
        self._count_into("publication_count", "stock.channel.publication")

    def _compute_order_count(self):
        self._count_into("order_count", "stock.channel.order")

    def _count_into(self, name, model):
        found = dict(
            self.env[model]._read_group(
                [("channel_id", "in", self.ids)], ["channel_id"], ["__count"]
            )
        )
        for channel in self:
            channel[name] = found.get(channel, 0)

    def _compute_last_acknowledged_at(self):
        """Ask for the newest acknowledgement of each channel alone.

        The index of the log ends with it, so that nothing else is read.
        """
        self.env["stock.channel.publication.log"].flush_model()
        rows = self.env.execute_query(
            SQL(
                """
                SELECT channel.id, newest.acknowledged_at
                  FROM unnest(%s::int[]) AS channel (id)
                 CROSS JOIN LATERAL (
                     SELECT acknowledged_at
                       FROM stock_channel_publication_log
                      WHERE channel_id = channel.id AND acknowledged_at IS NOT NULL
                      ORDER BY acknowledged_at DESC
                      LIMIT 1
                 ) AS newest
                """,
                self.ids,
            )
        )
        found = dict(rows)
        for channel in self:
            channel.last_acknowledged_at = found.get(channel.id, False)
