import json
from datetime import timedelta

from odoo import api, fields, models
from odoo.tools import SQL

from ..connectors.freshness import Histogram

DIRECTIONS = [("fall", "Falls"), ("rise", "Rises")]
KEPT_DAYS = 400
COLLECTED = "stock_channel_hub.freshness"


def hour_of(moment):
    """Return the start of the hour a moment lies in."""
    return moment.replace(minute=0, second=0, microsecond=0)


class StockChannelFreshness(models.Model):
    """How long one hour's acknowledgements took, falls and rises apart.

    A fall is a number below what the channel was expected to show when it took it,
    a rise one above, or the first the channel ever took. A number equal to the
    expected one (sent to make sure) is neither and is not counted: no customer saw
    anything else meanwhile. Rises include the time they were rightly held back.

    All times are seconds from the stock change to the acknowledgement.
    """

    _name = "stock.channel.freshness"
    _description = "Freshness of Numbers"
    _log_access = False
    _order = "hour desc, channel_id, direction"
    _rec_name = "hour"

    channel_id = fields.Many2one(
        "stock.channel", required=True, readonly=True, ondelete="cascade"
    )
    company_id = fields.Many2one("res.company", readonly=True, index=True)
    direction = fields.Selection(DIRECTIONS, required=True, readonly=True)
    hour = fields.Datetime(
        required=True, readonly=True, help="Start of the hour of acknowledgement, UTC."
    )
    count = fields.Integer("Acknowledgements", readonly=True)
    maximum = fields.Float("Longest (s)", digits=(16, 3), readonly=True)
    last = fields.Float("Last (s)", digits=(16, 3), readonly=True)
    last_at = fields.Datetime("Last Acknowledged", readonly=True)
    buckets = fields.Json(
        readonly=True, help="How many acknowledgements per span of seconds."
    )

    _channel_hour_unique = models.UniqueIndex(
        "(channel_id, direction, hour)", "An hour is counted once."
    )

    # ------------------------------------------------------------ collecting

    @api.model
    def _collect(self, row, update):
        """Count one acknowledgement, before the ledger takes it over.

        Collected per transaction and written before it commits: an answered batch
        is one statement, however many numbers it carried. A late answer to a number
        that was overtaken tells nothing new and is not counted.

        :param row: the publication, as it was before this acknowledgement.
        """
        if not row.changed_at or update.sequence <= row.acknowledged_sequence:
            return
        is_first = not (row.acknowledged_at or row.expected_at)
        change = float(update.quantity) - row.expected_qty
        if not change and not is_first:
            return
        now = self.env.cr.now()
        precommit = self.env.cr.precommit
        collected = precommit.data.setdefault(COLLECTED, {})
        if not collected:
            precommit.add(self._flush_collected)
        direction = "rise" if is_first or change > 0 else "fall"
        key = (row.channel_id.id, direction, hour_of(now))
        histogram, _last_at = collected.get(key) or (Histogram(), None)
        since = row._fresh_from(float(update.quantity), now)
        histogram.add(max((now - since).total_seconds(), 0.0))
        collected[key] = (histogram, now)

    def _flush_collected(self):
        """Add what was collected to its hours.

        Two transactions that add to one hour meet in a serialization error, and the
        later one starts over: no count is lost.
        """
        collected = self.env.cr.precommit.data.pop(COLLECTED, {})
        if not collected:
            return
        self.env.cr.execute(
            SQL(
                """
                SELECT channel_id, direction, hour, buckets, maximum, last
                  FROM stock_channel_freshness
                 WHERE (channel_id, direction, hour) IN %s
                """,
                tuple(collected),
            )
        )
        known = {row[:3]: Histogram.stored(*row[3:]) for row in self.env.cr.fetchall()}
        rows = []
        for key, (histogram, last_at) in sorted(collected.items()):
            total = known.get(key) or Histogram()
            total.merge(histogram)
            rows.append((*key, last_at, total))
        self._upsert(rows)

    def _upsert(self, rows):
        """Write (channel id, direction, hour, last at, histogram) rows."""
        self.env.cr.execute(
            SQL(
                """
                INSERT INTO stock_channel_freshness AS row
                       (channel_id, company_id, direction, hour, last_at,
                        count, maximum, last, buckets)
                SELECT total.channel_id, channel.company_id, total.direction,
                       total.hour, total.last_at,
                       total.count, total.maximum, total.last, total.buckets
                  FROM unnest(%s::int[], %s::text[], %s::timestamp[],
                              %s::timestamp[], %s::int[], %s::numeric[],
                              %s::numeric[], %s::jsonb[])
                       AS total (channel_id, direction, hour, last_at,
                                 count, maximum, last, buckets)
                  JOIN stock_channel AS channel ON channel.id = total.channel_id
                ON CONFLICT (channel_id, direction, hour) DO UPDATE
                   SET last_at = EXCLUDED.last_at,
                       count = EXCLUDED.count,
                       maximum = EXCLUDED.maximum,
                       last = EXCLUDED.last,
                       buckets = EXCLUDED.buckets
                """,
                [row[0] for row in rows],
                [row[1] for row in rows],
                [row[2] for row in rows],
                [row[3] for row in rows],
                [row[4].count for row in rows],
                [row[4].maximum for row in rows],
                [row[4].last for row in rows],
                [json.dumps(row[4].as_json()) for row in rows],
            ),
            log_exceptions=False,
        )
        self.invalidate_model()

    @api.autovacuum
    def _gc_old(self):
        """Forget hours that nobody compares with any more."""
        oldest = self.env.cr.now() - timedelta(days=KEPT_DAYS)
        self.env.cr.execute(
            SQL("DELETE FROM stock_channel_freshness WHERE hour < %s", oldest)
        )
        self.invalidate_model()

    # --------------------------------------------------------------- reading

    def _histogram(self):
        """Return all of these rows added up."""
        total = Histogram()
        for row in self.sorted("hour"):
            total.merge(Histogram.stored(row.buckets, row.maximum, row.last))
        return total
