import logging

from odoo import api, fields, models
from odoo.tools import SQL

_logger = logging.getLogger(__name__)

# How far the first look of a channel goes back; the sweep has seen what is older.
FIRST_LOOK = "1 day"


class StockChannel(models.Model):
    _inherit = "stock.channel"

    dates_checked_at = fields.Datetime(
        "Dates Checked",
        readonly=True,
        copy=False,
        help="Up to this moment the hub has looked for dates that passed: lots to be "
        "removed, rules that ended, receipts that came within the horizon.",
    )


class StockChannelClock(models.Model):
    """What changes numbers without anybody changing anything: the clock.

    No hook hears of a lot that expires. Each look takes what has passed since the
    last one and appends it to the log; a date that is written later, even one in the
    past, is heard of by the hook of whoever writes it. A look that fails is repeated
    a minute later over the whole time since the last good one, so nothing is skipped.
    """

    _inherit = "stock.channel.dirty"

    @api.model
    def _cron_watch(self):
        """Do what is due by the clock; run by its scheduled action every minute."""
        for step in self._watch_steps():
            try:
                self._in_transaction(step)
            except Exception:  # one step's trouble is not the others'
                _logger.exception("the step %s of the clock failed", step.__name__)

    @api.model
    def _watch_steps(self):
        """Return what is done each minute: callables, each in its own transaction."""
        return [self._log_passed_dates]

    @api.model
    def _log_passed_dates(self):
        """Append what the clock alone has changed since the last look.

        :return: number of rows appended.
        """
        if not self.env["stock.channel"]._is_in_use():
            return 0
        self.env.flush_all()
        # Whole seconds, as the moment is stored: no date falls between two looks.
        now = self.env.cr.now().replace(microsecond=0)
        self.env.cr.execute(self._passed_query(now))
        logged = self.env.cr.rowcount
        channels_sudo = self.env["stock.channel"].sudo()
        channels_sudo.with_context(active_test=False).search([]).write(
            {"dates_checked_at": now}
        )
        if logged:
            self._trigger_after_commit(self.env["stock.channel"]._compute_cron())
        return logged

    def _passed_query(self, now):
        """Return the statement that appends a row per product and listing concerned.

        The change dates from the moment that passed, so that a late look shows as
        a late number; what a first look finds counts from now.

        Whether something is sold or in stock is looked up one by one, in scalar
        subqueries: few have passed, but the planner expects many and would read all
        quants and the whole catalogue every minute.
        """
        return SQL(
            """
            WITH look AS (
                SELECT id AS channel_id,
                       coalesce(dates_checked_at,
                                %(now)s::timestamp - %(first_look)s::interval)
                           AS since,
                       coalesce(dates_checked_at, %(now)s::timestamp) AS known_from,
                       make_interval(days => coalesce(minimum_shelf_life, 0))
                           AS shelf_life
                  FROM stock_channel
            ),
            passed AS (
                SELECT product_id, min(greatest(passed_at, known_from)) AS changed_at
                  FROM (%(lots)s UNION ALL %(moves)s) AS every
                 GROUP BY product_id
            ),
            ended AS (
                SELECT rule.channel_id, rule.listing_id,
                       min(greatest(rule.expires_at, look.known_from)) AS changed_at
                  FROM look
                  JOIN stock_channel_rule AS rule
                    ON rule.channel_id = look.channel_id
                   AND rule.expires_at > look.since
                   AND rule.expires_at <= %(now)s
                 GROUP BY rule.channel_id, rule.listing_id
            )
            INSERT INTO stock_channel_dirty
                   (product_id, listing_id, cause, changed_at)
            SELECT product_id, NULL, 'date', changed_at
              FROM passed
             WHERE (SELECT TRUE
                      FROM stock_channel_listing AS listing
                     WHERE listing.product_id = passed.product_id
                     LIMIT 1)
                OR (SELECT TRUE
                      FROM mrp_bom_line AS line
                      JOIN mrp_bom AS bom ON bom.id = line.bom_id
                     WHERE line.product_id = passed.product_id
                       AND bom.type = 'phantom'
                     LIMIT 1)
             UNION ALL
            SELECT NULL, listing_id, 'date', min(changed_at)
              FROM (
                  SELECT listing_id, changed_at
                    FROM ended
                   WHERE listing_id IS NOT NULL
                   UNION ALL
                  SELECT listing.id, ended.changed_at
                    FROM ended
                    JOIN stock_channel_listing AS listing
                      ON listing.channel_id = ended.channel_id
                   WHERE ended.listing_id IS NULL
              ) AS every
             GROUP BY listing_id
            """,
            now=now,
            first_look=FIRST_LOOK,
            lots=self._passed_lots_query(now),
            moves=self._arriving_moves_query(now),
        )

    def _passed_lots_query(self, now):
        """Lots in stock whose removal date passed, or whose last days have begun."""
        return SQL(
            """
            SELECT product_id, passed_at, known_from
              FROM (
                  SELECT lot.id, lot.product_id, lot.removal_date AS passed_at,
                         look.known_from
                    FROM look
                    JOIN stock_lot AS lot
                      ON lot.removal_date > look.since
                     AND lot.removal_date <= %(now)s
                   UNION ALL
                  SELECT lot.id, lot.product_id,
                         coalesce(lot.expiration_date, lot.removal_date)
                             - look.shelf_life,
                         look.known_from
                    FROM look
                    JOIN stock_lot AS lot
                      ON coalesce(lot.expiration_date, lot.removal_date)
                             > look.since + look.shelf_life
                     AND coalesce(lot.expiration_date, lot.removal_date)
                             <= %(now)s + look.shelf_life
              ) AS due
             WHERE (SELECT template.use_expiration_date
                      FROM product_product AS product
                      JOIN product_template AS template
                        ON template.id = product.product_tmpl_id
                     WHERE product.id = due.product_id)
               AND (SELECT TRUE
                      FROM stock_quant AS quant
                     WHERE quant.lot_id = due.id
                     LIMIT 1)
            """,
            now=now,
        )

    def _arriving_moves_query(self, now):
        """Open moves to mapped places whose date came within a horizon in use."""
        return SQL(
            """
            SELECT move.product_id,
                   move.date - horizon.length AS passed_at,
                   horizon.known_from
              FROM (
                  SELECT DISTINCT look.channel_id, look.since, look.known_from,
                         rule.channel_location_id,
                         make_interval(days => rule.value::int) AS length
                    FROM look
                    JOIN stock_channel_rule AS rule
                      ON rule.channel_id = look.channel_id
                   WHERE rule.kind = 'horizon'
                     AND rule.value > 0
                     AND (rule.expires_at IS NULL OR rule.expires_at > %(now)s)
              ) AS horizon
              JOIN stock_move AS move
                ON move.date > horizon.since + horizon.length
               AND move.date <= %(now)s + horizon.length
              JOIN stock_location AS source ON source.id = move.location_id
              JOIN stock_location AS target
                ON target.id = coalesce(move.location_final_id,
                                        move.location_dest_id)
             WHERE move.state IN ('waiting', 'confirmed', 'partially_available',
                                  'assigned')
               AND source.usage IN ('supplier', 'transit', 'production', 'internal',
                                    'view')
               AND EXISTS (
                   SELECT 1
                     FROM stock_channel_location AS place
                     JOIN stock_channel_location_stock_location_rel AS rel
                       ON rel.channel_location_id = place.id
                     JOIN stock_location AS root ON root.id = rel.location_id
                    WHERE place.channel_id = horizon.channel_id
                      AND place.id = coalesce(horizon.channel_location_id, place.id)
                      AND target.parent_path LIKE root.parent_path || '%%')
            """,
            now=now,
        )
