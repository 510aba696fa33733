from odoo import fields, models, tools
from odoo.tools import SQL

from ..connectors.freshness import GROWTH, SHORTEST
from .stock_channel_exception import CATEGORIES, STATES
from .stock_channel_freshness import DIRECTIONS

EVENTS = [("opened", "Opened"), ("closed", "Closed")]


class StockChannelReportMixin(models.AbstractModel):
    """A view in the database: it can be read and grouped, and nothing else."""

    _name = "stock.channel.report"
    _description = "Channel Report"
    _auto = False
    _log_access = False

    def _query(self):
        """Return the SELECT behind the report."""
        raise NotImplementedError

    def init(self):
        if self._abstract:
            return
        tools.drop_view_if_exists(self.env.cr, self._table)
        self.env.cr.execute(
            SQL("CREATE VIEW %s AS (%s)", SQL.identifier(self._table), self._query())
        )


class StockChannelFreshnessPivot(models.Model):
    """Acknowledgements by hour: how many, how many in time, how long.

    Counts add up over days and channels, percentiles do not: of several hours the
    worst p95 is shown.
    """

    _name = "stock.channel.freshness.report"
    _description = "Freshness Analysis"
    _inherit = "stock.channel.report"
    _auto = False
    _order = "hour desc"
    _rec_name = "hour"

    channel_id = fields.Many2one("stock.channel", readonly=True)
    company_id = fields.Many2one("res.company", readonly=True)
    direction = fields.Selection(DIRECTIONS, readonly=True)
    hour = fields.Datetime("Acknowledged", readonly=True)
    count = fields.Integer("Acknowledgements", readonly=True)
    late_count = fields.Integer(
        "Later Than Target",
        readonly=True,
        help="Against the target that the channel has today.",
    )
    maximum = fields.Float("Longest (s)", aggregator="max", readonly=True)
    p95 = fields.Float(
        "Worst p95 of an Hour (s)",
        aggregator="max",
        readonly=True,
        help="95 of 100 were acknowledged within, in the worst hour; right to 5 "
        "percent.",
    )

    def _query(self):
        return SQL(
            """
            SELECT hour.id, hour.channel_id, hour.company_id, hour.direction,
                   hour.hour, hour.count, hour.maximum,
                   spread.late_count,
                   CASE WHEN spread.p95 IS NULL THEN hour.maximum
                        ELSE least(spread.p95, hour.maximum) END AS p95
              FROM stock_channel_freshness AS hour
              JOIN stock_channel AS channel ON channel.id = hour.channel_id
              CROSS JOIN LATERAL (
                  SELECT coalesce(sum(bucket.count) FILTER (
                             WHERE bucket.seconds > channel.freshness_target * 60
                         ), 0)::int AS late_count,
                         -- The last bucket is told by the longest, which is exact.
                         min(bucket.seconds) FILTER (
                             WHERE bucket.rank >= ceil(0.95 * hour.count)
                               AND ceil(0.95 * hour.count) < hour.count
                         ) AS p95
                    FROM (
                        SELECT value::int AS count,
                               %(shortest)s * power(%(growth)s, key::int)
                                   * 2 * %(growth)s / (1 + %(growth)s) AS seconds,
                               sum(value::int) OVER (ORDER BY key::int) AS rank
                          FROM jsonb_each_text(hour.buckets)
                    ) AS bucket
              ) AS spread
            """,
            shortest=SHORTEST,
            growth=GROWTH,
        )


class StockChannelExceptionReport(models.Model):
    """Exceptions by what happened to them: one row when opened, one when closed."""

    _name = "stock.channel.exception.report"
    _description = "Exception Analysis"
    _inherit = "stock.channel.report"
    _auto = False
    _order = "moment desc"
    _rec_name = "exception_id"

    exception_id = fields.Many2one("stock.channel.exception", readonly=True)
    channel_id = fields.Many2one("stock.channel", readonly=True)
    company_id = fields.Many2one("res.company", readonly=True)
    user_id = fields.Many2one("res.users", "Owner", readonly=True)
    category = fields.Selection(CATEGORIES, readonly=True)
    state = fields.Selection(STATES, "Status Now", readonly=True)
    event = fields.Selection(EVENTS, "What", readonly=True)
    moment = fields.Datetime("When", readonly=True)
    is_alarm = fields.Boolean("Alarm", readonly=True)
    count = fields.Integer("Exceptions", readonly=True)
    occurrences = fields.Integer("Times Seen", readonly=True)
    hours = fields.Float(
        "Hours to Close",
        aggregator="avg",
        readonly=True,
        help="From opening to closing; of closed ones only.",
    )
    value_at_risk = fields.Float(
        "Value at Risk", readonly=True, help="In the currency of the company."
    )

    def _query(self):
        same = SQL(
            """
            exception.id AS exception_id, exception.channel_id, exception.company_id,
            exception.user_id, exception.category, exception.state,
            coalesce(exception.is_alarm, FALSE) AS is_alarm, 1 AS count
            """
        )
        return SQL(
            """
            SELECT exception.id * 2::bigint AS id, %(same)s, 'opened' AS event,
                   coalesce(exception.opened_at, exception.first_seen_at) AS moment,
                   NULL::double precision AS hours,
                   exception.occurrences,
                   coalesce(exception.value_at_risk, 0)::double precision
                       AS value_at_risk
              FROM stock_channel_exception AS exception
             UNION ALL
            SELECT exception.id * 2::bigint + 1, %(same)s, 'closed',
                   exception.resolved_at,
                   extract(epoch FROM exception.resolved_at
                       - coalesce(exception.opened_at, exception.first_seen_at))
                       / 3600,
                   -- Counted when it was opened.
                   0, 0
              FROM stock_channel_exception AS exception
             WHERE exception.state <> 'open' AND exception.resolved_at IS NOT NULL
            """,
            same=same,
        )
