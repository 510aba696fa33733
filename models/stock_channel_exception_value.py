from datetime import timedelta

from odoo import api, fields, models
from odoo.tools import SQL

# So many exceptions are valued in one transaction.
BATCH_SIZE = 500
# Of a channel that stands still so many numbers are looked at, the largest first: what
# is found is what is at risk at least.
ROWS_OF_A_CHANNEL = 1000
# What was valued within this is not valued again.
FRESH = timedelta(minutes=10)


class StockChannelExceptionValue(models.Model):
    """What is at stake while nobody acts, in the company's currency.

    The units that are shown wrongly at their sales price, and what is still open of
    the orders that wait behind it. It is an order of magnitude to sort the queue by.
    """

    _inherit = "stock.channel.exception"

    currency_id = fields.Many2one(related="company_id.currency_id")
    value_at_risk = fields.Monetary(
        readonly=True,
        default=0.0,
        help="Units that are shown wrongly, at their sales price, and what is still "
        "open of the orders that wait behind this. The queue is sorted by it.",
    )
    units_at_risk = fields.Float(
        "Units Exposed",
        digits=0,
        readonly=True,
        help="In the selling unit: what the channel shows too much or too little.",
    )
    orders_behind = fields.Integer(
        readonly=True, help="Orders that wait until this is solved."
    )
    valued_at = fields.Datetime(readonly=True)

    _to_value = models.Index("(valued_at) WHERE state = 'open'")

    # ------------------------------------------------------------------ pass

    @api.model
    def _queue_cron(self):
        return self.env.ref("stock_channel_hub.ir_cron_queue").sudo()

    @api.model
    def _wake_queue(self):
        """Have what was opened or changed valued after the commit."""
        mixin = self.env["stock.channel.mixin"]
        mixin._trigger_after_commit(self._queue_cron())

    @api.model
    def _cron_queue(self):
        """Value what is open and close what nothing waits for, each once a run."""
        mixin = self.env["stock.channel.mixin"]
        before = fields.Datetime.now() - FRESH
        while True:
            done = mixin._in_transaction(lambda: self._value_next(before))
            remaining = mixin._in_transaction(lambda: self._count_to_value(before))
            if not mixin._goes_on(done, remaining):
                return

    def _to_value_condition(self, before):
        return SQL(
            """
            state = 'open' AND (valued_at IS NULL OR valued_at < %s)
            """,
            before,
        )

    def _count_to_value(self, before):
        ((count,),) = self.env.execute_query(
            SQL(
                "SELECT count(*) FROM stock_channel_exception WHERE %s",
                self._to_value_condition(before),
            )
        )
        return count

    def _value_next(self, before):
        """Value the next batch, those never valued first; returns how many."""
        self.env.cr.execute(
            SQL(
                """
                SELECT id
                  FROM stock_channel_exception
                 WHERE %s
                 ORDER BY valued_at NULLS FIRST, id
                 LIMIT %s
                   FOR NO KEY UPDATE SKIP LOCKED
                """,
                self._to_value_condition(before),
                BATCH_SIZE,
            )
        )
        batch_sudo = self.sudo().browse(row_id for (row_id,) in self.env.cr.fetchall())
        batch_sudo.invalidate_recordset()
        batch_sudo._refresh_values()
        # Opened before there was a time to act.
        batch_sudo.filtered(lambda exception: not exception.opened_at)._note_open()
        # Two workers that are done with the last two messages at once each see the
        # other's waiting still.
        batch_sudo.filtered("is_waited_for")._resolve_if_idle()
        return len(batch_sudo)

    # ---------------------------------------------------------------- values

    def _refresh_values(self):
        """Store what is at risk of these now, in a few statements for all."""
        self.env.flush_all()
        exceptions_sudo = self.sudo()
        units, worth = exceptions_sudo._exposed()
        orders, open_worth = exceptions_sudo._behind()
        rows = [
            (
                exception.id,
                exception.currency_id.round(
                    worth.get(exception.id, 0.0) + open_worth.get(exception.id, 0.0)
                ),
                units.get(exception.id, 0.0),
                orders.get(exception.id, 0),
            )
            for exception in exceptions_sudo
        ]
        if not rows:
            return
        ids, values, exposed, behind = zip(*rows, strict=True)
        self.env.cr.execute(
            SQL(
                """
                UPDATE stock_channel_exception AS exception
                   SET value_at_risk = found.value,
                       units_at_risk = found.units,
                       orders_behind = found.orders,
                       valued_at = %s
                  FROM unnest(%s::int[], %s::numeric[], %s::float8[], %s::int[])
                       AS found (id, value, units, orders)
                 WHERE exception.id = found.id
                """,
                fields.Datetime.now(),
                list(ids),
                list(values),
                list(exposed),
                list(behind),
            ),
            log_exceptions=False,
        )
        self.invalidate_model(
            ["value_at_risk", "units_at_risk", "orders_behind", "valued_at"]
        )

    def _exposed(self):
        """Return ({id: units}, {id: what they are worth}), by today's sales price."""
        rows = self.env.execute_query(self._exposed_query())
        listings = self.env["stock.channel.listing"].browse(
            {listing_id for _row_id, listing_id, _units in rows}
        )
        prices = listings._unit_prices()
        units, worth = {}, {}
        for row_id, listing_id, quantity in rows:
            units[row_id] = units.get(row_id, 0.0) + quantity
            worth[row_id] = worth.get(row_id, 0.0) + quantity * prices[listing_id]
        for exception in self.filtered("shortage_product_id"):
            product = exception.shortage_product_id.with_company(exception.company_id)
            price = product.currency_id._convert(
                product.lst_price,
                exception.currency_id,
                exception.company_id,
                self.env.cr.now().date(),
                round=False,
            )
            units[exception.id] = exception.shortage_qty
            worth[exception.id] = exception.shortage_qty * price
        return units, worth

    def _exposed_query(self):
        """Return the query of (exception, listing, units in its selling unit).

        A number is exposed by as much as the channel shows too much or too little,
        and whole where that is nothing and the item is not there at all. Trouble of
        a whole channel exposes every number it has to be told.
        """
        units = SQL(
            """
            CASE WHEN row.drift = 'unknown' THEN row.wanted_qty
                 WHEN row.drift IS NOT NULL
                 THEN abs(coalesce(row.observed_qty, 0) - coalesce(row.expected_qty, 0))
                 ELSE coalesce(
                     nullif(abs(row.wanted_qty - coalesce(row.acknowledged_qty, 0)), 0),
                     row.wanted_qty)
             END
            """
        )
        return SQL(
            """
            SELECT exception.id, row.listing_id, (%(units)s)::float8
              FROM stock_channel_exception AS exception
              JOIN stock_channel_publication AS row
                ON row.id = exception.publication_id
             WHERE exception.id = ANY(%(ids)s)
               AND NOT %(is_wide)s
             UNION ALL
            SELECT exception.id, row.listing_id, row.wanted_qty::float8
              FROM stock_channel_exception AS exception
              JOIN stock_channel_publication AS row
                ON row.listing_id = exception.listing_id
             WHERE exception.id = ANY(%(ids)s)
               AND exception.publication_id IS NULL
             UNION ALL
            SELECT exception.id, far.listing_id, far.units::float8
              FROM stock_channel_exception AS exception
             CROSS JOIN LATERAL (
                 SELECT row.listing_id,
                        abs(row.wanted_qty - coalesce(row.acknowledged_qty, 0)) AS units
                   FROM stock_channel_publication AS row
                  WHERE row.channel_id = exception.channel_id
                    AND row.state <> 'clean'
                  ORDER BY units DESC
                  LIMIT %(limit)s
             ) AS far
             WHERE exception.id = ANY(%(ids)s)
               AND %(is_wide)s
            """,
            units=units,
            ids=self.ids,
            is_wide=self._is_wide_query(),
            limit=ROWS_OF_A_CHANNEL,
        )

    def _is_wide_query(self):
        """Return the condition that an ``exception`` is about its whole channel."""
        return SQL(
            """
            (exception.category IN ('authentication', 'rate_limit', 'late')
             AND exception.fulfillment_id IS NULL)
            """
        )

    def _behind(self):
        """Return ({id: orders}, {id: what is open of them}) that wait behind these."""
        rows = self.env.execute_query(self._behind_query())
        currencies = self.env["res.currency"]
        today = self.env.cr.now().date()
        orders, worth = {}, {}
        for row_id, currency_id, count, amount in rows:
            exception = self.browse(row_id)
            currency = currencies.browse(currency_id) or exception.currency_id
            orders[row_id] = orders.get(row_id, 0) + count
            worth[row_id] = worth.get(row_id, 0.0) + currency._convert(
                amount,
                exception.currency_id,
                exception.company_id,
                today,
                round=False,
            )
        return orders, worth

    def _behind_query(self):
        """Return the query of (exception, currency, orders, amount still open).

        An order that was not taken over yet is open by what the channel has not
        cancelled or shipped of it; one that was, by what has not left, at the prices
        of its sales order. Of a shortage the missing units count, not the order in
        which it was noticed.
        """
        return SQL(
            """
            WITH behind AS (
                SELECT rel.exception_id, message.channel_order_id AS order_id
                  FROM stock_channel_exception_message_rel AS rel
                  JOIN stock_channel_message AS message ON message.id = rel.message_id
                 WHERE rel.exception_id = ANY(%(ids)s)
                   AND message.channel_order_id IS NOT NULL
                 UNION
                SELECT exception.id, exception.channel_order_id
                  FROM stock_channel_exception AS exception
                 WHERE exception.id = ANY(%(ids)s)
                   AND exception.channel_order_id IS NOT NULL
                   AND exception.shortage_product_id IS NULL
                 UNION
                SELECT exception.id, message.channel_order_id
                  FROM stock_channel_exception AS exception
                  JOIN stock_channel_message AS message
                    ON message.channel_id = exception.channel_id
                   AND message.state = 'pending'
                   AND message.next_attempt_at IS NOT NULL
                 WHERE exception.id = ANY(%(ids)s)
                   AND message.channel_order_id IS NOT NULL
                   AND %(is_wide)s
            )
            SELECT behind.exception_id, coalesce(orders.currency_id, 0), count(*),
                   sum(CASE WHEN orders.state IN ('new', 'waiting')
                                 AND orders.sale_order_id IS NULL
                            THEN coalesce(orders.total, 0) * coalesce(open.share, 1)
                            ELSE coalesce(open.amount, 0) END)::float8
              FROM behind
              JOIN stock_channel_order AS orders ON orders.id = behind.order_id
              LEFT JOIN LATERAL (
                  SELECT sum(line.open) / nullif(sum(line.kept), 0) AS share,
                         sum(line.open * sale.price_total
                             / nullif(sale.product_uom_qty, 0)) AS amount
                    FROM (SELECT sale_line_id,
                                 greatest(coalesce(ordered_qty, 0)
                                          - coalesce(cancelled_qty, 0), 0) AS kept,
                                 greatest(coalesce(ordered_qty, 0)
                                          - coalesce(cancelled_qty, 0)
                                          - coalesce(acknowledged_qty, 0), 0) AS open
                            FROM stock_channel_order_line
                           WHERE channel_order_id = orders.id) AS line
                    LEFT JOIN sale_order_line AS sale ON sale.id = line.sale_line_id
              ) AS open ON TRUE
             WHERE orders.is_cancelled IS NOT TRUE
             GROUP BY behind.exception_id, coalesce(orders.currency_id, 0)
            """,
            ids=self.ids,
            is_wide=self._is_wide_query(),
        )
