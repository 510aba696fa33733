from datetime import timedelta

from odoo import api, fields, models
from odoo.tools import SQL

from ..connectors.base import Resource

# Channels' clocks are coarse and run apart, and some date a change before they
# commit it: look again at what changed shortly before the last time. Repeats cost
# nothing, they are recognised in the inbox.
OVERLAP = timedelta(minutes=5)
RESOURCES = [
    (Resource.ORDERS.value, "Orders"),
    (Resource.PAYMENTS.value, "Payments"),
    (Resource.RETURNS.value, "Returns"),
    (Resource.COUNTS.value, "Stock Counts"),
]


class StockChannelCursor(models.Model):
    """How far polling has come with one kind of record of one channel.

    A round reads everything that changed since the last one, page by page, and may
    take several runs. Each page is stored in the transaction that moves the
    position, so whatever kills a run, the next one goes on behind the last page
    that is stored. Only a round that came to its end moves the point from which
    the following one starts.
    """

    _name = "stock.channel.cursor"
    _description = "Channel Polling Position"
    _order = "channel_id, resource"
    _rec_name = "resource"

    channel_id = fields.Many2one(
        "stock.channel", required=True, readonly=True, ondelete="cascade"
    )
    company_id = fields.Many2one(related="channel_id.company_id", store=True)
    resource = fields.Selection(RESOURCES, "Read", required=True, readonly=True)
    read_until = fields.Datetime(
        "Read Up To",
        readonly=True,
        help="Every change up to here is stored, by the channel's own dates.",
    )
    position = fields.Datetime(
        "Goes On At",
        readonly=True,
        help="Where the running round has come to, by the channel's own dates.",
    )
    started_at = fields.Datetime(
        "Round Started", readonly=True, help="Empty when no round is running."
    )
    completed_at = fields.Datetime(
        "Last Complete Round",
        readonly=True,
        help="When the last round that came to its end had started.",
    )

    _resource_unique = models.UniqueIndex(
        "(channel_id, resource)", "This channel reads that already."
    )

    def init(self):
        """Take over what databases from before kept on the channel itself."""
        self.env.cr.execute(
            SQL(
                """
                SELECT 1
                  FROM information_schema.columns
                 WHERE table_schema = current_schema
                   AND table_name = 'stock_channel'
                   AND column_name = 'order_cursor'
                """
            )
        )
        if not self.env.cr.rowcount:
            return
        self.env.cr.execute(
            SQL(
                """
                INSERT INTO stock_channel_cursor
                       (channel_id, company_id, resource, read_until, completed_at)
                SELECT channel.id, channel.company_id, resource.name,
                       channel.order_cursor, channel.polled_at
                  FROM stock_channel AS channel
                 CROSS JOIN unnest(ARRAY['orders', 'payments']) AS resource (name)
                 WHERE channel.order_cursor IS NOT NULL
                   AND (resource.name = 'orders' OR channel.connector = 'medusa')
                ON CONFLICT (channel_id, resource) DO NOTHING
                """
            )
        )

    @api.model
    def _begin(self, channel, resource):
        """Return the channel's cursor with a round begun, or one to be gone on with.

        A round that goes on needs no overlap: it had one when it began.
        """
        cursor = self.search(
            [("channel_id", "=", channel.id), ("resource", "=", resource.value)]
        ) or self.create({"channel_id": channel.id, "resource": resource.value})
        if not cursor.started_at:
            begin = cursor.read_until and cursor.read_until - OVERLAP
            cursor.write({"started_at": self.env.cr.now(), "position": begin})
        return cursor

    def _advance(self, moment):
        """Move the round over a page that is stored.

        Never past the present: a channel whose clock runs ahead would hide what it
        changes once its clock is right.

        :param moment: newest change in the page, naive UTC.
        """
        self.ensure_one()
        moment = min(moment, self.env.cr.now())
        if not self.position or moment > self.position:
            self.position = moment

    def _finish(self):
        """Note that the round came to its end."""
        self.ensure_one()
        known = [moment for moment in (self.read_until, self.position) if moment]
        self.write(
            {
                "read_until": max(known, default=False),
                "position": False,
                "completed_at": self.started_at,
                "started_at": False,
            }
        )
