import json
from datetime import timedelta

from odoo import fields, models
from odoo.tools import SQL

# The file tells of orders read within this time, and of every one to look at.
TOLD_DAYS = timedelta(days=31)
# An order that came just now is being worked on.
AT_WORK = timedelta(hours=1)
MOST_LINES = 500
FETCHED = 5000
ORDERS = "stock_channel_match_orders"
ORDER_COLUMNS = (
    "external_id",
    "name",
    "kind",
    "sale_name",
    "total",
    "sale_total",
    "currency",
    "placed_at",
)
# Kinds of orders in which nothing is to be looked at.
FINE = {"once", "tombstone", "unpaid", "at_work", "nothing_to_do"}
# Numbers are counted one by one where at most one in so many is left out.
SPARSE = 10
NAMED_GAPS = 20


class StockChannelMatchOrder(models.Model):
    """Part two of a match: every order number of the channel, exactly once."""

    _inherit = "stock.channel.match"

    def _match_orders(self, file):
        """Find every order number known and what became of it.

        :param file: takes one line of JSON per order told.
        """
        self._store_orders()
        table = SQL.identifier(ORDERS)
        counts = dict(
            self.env.execute_query(
                SQL("SELECT kind, count(*) FROM %s GROUP BY kind", table)
            )
        )
        problems = self.env.execute_query_dict(
            SQL(
                """
                SELECT * FROM %s
                 WHERE kind <> ALL(%s)
                 ORDER BY placed_at DESC NULLS FIRST, external_id
                 LIMIT %s
                """,
                table,
                list(FINE),
                MOST_LINES,
            )
        )
        self._write_orders(file, table)
        self._keep_orders(problems)
        return {
            "order_count": sum(counts.values()),
            "order_problem_count": sum(
                count for kind, count in counts.items() if kind not in FINE
            ),
            "order_counts": counts,
            "gaps": self._find_gaps(),
        }

    def _write_orders(self, file, table):
        self.env.cr.execute(
            SQL(
                """
                SELECT external_id, name, kind, sale_name, total, sale_total,
                       currency, placed_at
                  FROM %s
                 WHERE kind <> ALL(%s) OR read_at >= %s
                 ORDER BY placed_at, external_id
                """,
                table,
                list(FINE),
                self.env.cr.now() - TOLD_DAYS,
            )
        )
        while rows := self.env.cr.fetchmany(FETCHED):
            for *row, placed_at in rows:
                told = [
                    float(value) if name in ("total", "sale_total") and value else value
                    for name, value in zip(ORDER_COLUMNS, row, strict=False)
                ]
                moment = fields.Datetime.to_string(placed_at) or ""
                file.write(json.dumps({"order": [*told, moment]}) + "\n")

    def _store_orders(self):
        """Classify every order into a temporary table, in one statement."""
        self.env.flush_all()
        table = SQL.identifier(ORDERS)
        self.env.cr.execute(SQL("DROP TABLE IF EXISTS %s", table))
        self.env.cr.execute(
            SQL(
                "CREATE TEMPORARY TABLE %s ON COMMIT DROP AS (%s UNION ALL %s "
                "UNION ALL %s)",
                table,
                self._known_orders_query(),
                self._lost_orders_query(),
                self._stray_sales_query(),
            )
        )

    def _known_orders_query(self):
        """Orders read, and whether one sale order stands for each."""
        return SQL(
            """
            SELECT channel_order.id AS channel_order_id,
                   channel_order.external_id::text,
                   channel_order.name::text,
                   sale.id AS sale_order_id,
                   sale.name::text AS sale_name,
                   channel_order.total,
                   sale.amount_total AS sale_total,
                   currency.name::text AS currency,
                   channel_order.placed_at,
                   channel_order.create_date AS read_at,
                   CASE
                       WHEN sale.id IS NOT NULL AND shared.orders > 1 THEN 'twice'
                       WHEN sale.id IS NOT NULL AND sale.state <> 'cancel'
                            AND NOT channel_order.is_cancelled
                            AND abs(sale.amount_total - channel_order.total)
                                >= currency.rounding / 2
                            AND NOT EXISTS (
                                SELECT 1
                                  FROM stock_channel_order_line AS line
                                 WHERE line.channel_order_id = channel_order.id
                                   AND (coalesce(line.elsewhere_qty, 0) > 0
                                        OR coalesce(line.released_qty, 0)
                                           > coalesce(line.cancelled_qty, 0)))
                           THEN 'total'
                       WHEN sale.id IS NOT NULL THEN 'once'
                       WHEN channel_order.was_created THEN 'lost'
                       WHEN channel_order.is_cancelled THEN 'tombstone'
                       WHEN channel_order.waits_for_payment THEN 'unpaid'
                       WHEN channel_order.state IN ('applied', 'cancelled')
                           THEN 'nothing_to_do'
                       WHEN channel_order.state = 'new'
                            AND channel_order.write_date >= %(at_work)s THEN 'at_work'
                       ELSE 'waits'
                   END AS kind
              FROM stock_channel_order AS channel_order
              LEFT JOIN res_currency AS currency
                     ON currency.id = channel_order.currency_id
              LEFT JOIN sale_order AS sale ON sale.id = channel_order.sale_order_id
              LEFT JOIN (
                  SELECT sale_order_id, count(*) AS orders
                    FROM stock_channel_order
                   WHERE sale_order_id IS NOT NULL AND channel_id = %(channel)s
                   GROUP BY sale_order_id
              ) AS shared ON shared.sale_order_id = sale.id
             WHERE channel_order.channel_id = %(channel)s
            """,
            channel=self.channel_id.id,
            at_work=self.env.cr.now() - AT_WORK,
        )

    def _lost_orders_query(self):
        """Orders the channel spoke of that were never read."""
        return SQL(
            """
            SELECT NULL::int AS channel_order_id,
                   told.external_id,
                   told.external_id AS name,
                   NULL::int AS sale_order_id,
                   NULL::text AS sale_name,
                   NULL::numeric AS total,
                   NULL::numeric AS sale_total,
                   NULL::text AS currency,
                   NULL::timestamp AS placed_at,
                   told.read_at,
                   CASE WHEN told.is_at_work THEN 'at_work' ELSE 'not_read' END
              FROM (
                  SELECT substr(message.order_key, 7) AS external_id,
                         min(message.received_at) AS read_at,
                         bool_or(message.state = 'pending'
                                 AND message.received_at >= %(at_work)s) AS is_at_work
                    FROM stock_channel_message AS message
                   WHERE message.channel_id = %(channel)s
                     AND message.order_key LIKE 'order:_%%'
                   GROUP BY substr(message.order_key, 7)
              ) AS told
             WHERE NOT EXISTS (
                 SELECT 1
                   FROM stock_channel_order AS known
                  WHERE known.channel_id = %(channel)s
                    AND known.external_id = told.external_id)
            """,
            channel=self.channel_id.id,
            at_work=self.env.cr.now() - AT_WORK,
        )

    def _stray_sales_query(self):
        """Sale orders of the channel that belong to none of its orders."""
        return SQL(
            """
            SELECT NULL::int AS channel_order_id,
                   coalesce(sale.client_order_ref, sale.name)::text AS external_id,
                   sale.client_order_ref::text AS name,
                   sale.id AS sale_order_id,
                   sale.name::text AS sale_name,
                   NULL::numeric AS total,
                   sale.amount_total AS sale_total,
                   currency.name::text AS currency,
                   sale.date_order AS placed_at,
                   sale.create_date AS read_at,
                   'stray'
              FROM sale_order AS sale
              LEFT JOIN res_currency AS currency ON currency.id = sale.currency_id
             WHERE sale.stock_channel_id = %(channel)s
               AND sale.state <> 'cancel'
               AND NOT EXISTS (
                   SELECT 1
                     FROM stock_channel_order AS known
                    WHERE known.sale_order_id = sale.id)
            """,
            channel=self.channel_id.id,
        )

    def _find_gaps(self):
        """Return numbers left out between those known, False when there are none.

        A hint: only where the names end in numbers that run on nearly one by one.
        """
        rows = self.env.execute_query(
            SQL(
                """
                WITH counted AS (
                    SELECT part[1] AS prefix, part[2]::bigint AS number
                      FROM (
                          SELECT DISTINCT
                                 regexp_match(name, '^(.*?)([0-9]{1,15})$') AS part
                            FROM %s
                           WHERE read_at >= %s AND kind <> 'stray'
                      ) AS named
                     WHERE part IS NOT NULL
                ),
                stepped AS (
                    SELECT prefix, number,
                           lead(number) OVER (
                               PARTITION BY prefix ORDER BY number) AS following,
                           count(*) OVER (PARTITION BY prefix) AS known,
                           max(number) OVER (PARTITION BY prefix)
                               - min(number) OVER (PARTITION BY prefix) + 1 AS span
                      FROM counted
                )
                SELECT prefix, number + 1, following - 1
                  FROM stepped
                 WHERE following > number + 1
                   AND (span - known) * %s <= span
                 ORDER BY prefix, number
                 LIMIT %s
                """,
                SQL.identifier(ORDERS),
                self.env.cr.now() - TOLD_DAYS,
                SPARSE,
                NAMED_GAPS,
            )
        )
        return ", ".join(
            f"{prefix}{first}" + (f"–{last}" if last > first else "")
            for prefix, first, last in rows
        )

    def _keep_orders(self, problems):
        self.env["stock.channel.match.line"].create(
            [
                {
                    "match_id": self.id,
                    "part": "order",
                    "kind": row["kind"],
                    "sku": row["name"] or row["external_id"],
                    "channel_order_id": row["channel_order_id"],
                    "sale_order_id": row["sale_order_id"],
                    "order_total": row["total"] or 0.0,
                    "sale_total": row["sale_total"] or 0.0,
                    "currency_name": row["currency"],
                }
                for row in problems
            ]
        )
