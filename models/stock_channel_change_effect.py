"""What a change does to the numbers: counted in one scope, in units and money."""

from odoo import api, fields, models
from odoo.tools import SQL

from .stock_channel_availability import STEPS_FROM

SHOWN_ROWS = 20
TABLE = SQL.identifier("stock_channel_change_delta")


class StockChannelChangeEffect(models.Model):
    """The dry run: numbers as they would be, against those that are wanted now."""

    _inherit = "stock.channel.change"

    steps_html = fields.Html(
        "What Changes", compute="_compute_html", sanitize=False, compute_sudo=True
    )
    effect_html = fields.Html(
        "What It Does", compute="_compute_html", sanitize=False, compute_sudo=True
    )

    @api.depends("steps", "effect")
    @api.depends_context("lang")
    def _compute_html(self):
        qweb = self.env["ir.qweb"]
        for change in self:
            change.steps_html = qweb._render(
                "stock_channel_hub.change_steps",
                {
                    "steps": [
                        {
                            "op": step["op"],
                            "name": change._step_name(step),
                            "rows": change._compared(
                                self.env[step["model"]], step["before"], step["after"]
                            ),
                        }
                        for step in (change.steps or [])[:SHOWN_ROWS]
                    ],
                    "more": max(0, len(change.steps or []) - SHOWN_ROWS),
                },
            )
            change.effect_html = qweb._render(
                "stock_channel_hub.change_effect",
                {
                    "change": change,
                    "effect": change.effect or {},
                    "currency": change.currency_id,
                },
            )

    @api.model
    def _mark(self):
        """Return the point from which ``_touched_since`` looks."""
        self.env.cr.flush()
        self.env.cr.execute(SQL("SELECT coalesce(max(id), 0) FROM stock_channel_dirty"))
        return self.env.cr.fetchone()[0]

    @api.model
    def _touched_since(self, mark):
        """Return the ids of the listings whose number may have changed since.

        From the very log that the numbers are computed from: what is missing here
        would be missing there.
        """
        self.env.cr.flush()
        self.env.cr.execute(
            SQL("SELECT id FROM stock_channel_dirty WHERE id > %s", mark)
        )
        row_ids = [row_id for (row_id,) in self.env.cr.fetchall()]
        if not row_ids:
            return []
        dirty = self.env["stock.channel.dirty"]
        return [listing_id for listing_id, *_rest in dirty._touched_listings(row_ids)]

    @api.model
    def _numbers_lost(self, steps):
        """Return the ids of the numbers that vanish with what these steps remove.

        :return: list of (listing id, channel location id, channel id, product id,
            number).
        """
        gone = {"stock.channel.listing": [], "stock.channel.location": []}
        for step in steps:
            is_gone = step["op"] == "unlink" or "channel_id" in step["after"]
            if step["model"] in gone and is_gone and step["op"] != "create":
                gone[step["model"]].append(step["id"])
        if not any(gone.values()):
            return []
        self.env.flush_all()
        self.env.cr.execute(
            SQL(
                """
                SELECT listing_id, channel_location_id, channel_id, product_id,
                       wanted_qty
                  FROM stock_channel_publication
                 WHERE listing_id = ANY(%s)
                    OR channel_location_id = ANY(%s)
                """,
                *gone.values(),
            )
        )
        return self.env.cr.fetchall()

    @api.model
    def _measure(self, listing_ids, channels, lost=()):
        """Compute these listings and compare with what is wanted in the ledger.

        One scope, whatever its size; called where the change has happened, within
        the transaction.

        :param channels: those the change is about; numbers of others count where
            they are computed at all, not in draft.
        :param lost: see ``_numbers_lost``.
        :return: see ``_effect``.
        """
        company = self._main_channel(channels).company_id or self.env.company
        self._fill_deltas(listing_ids, channels, lost)
        totals = self._totals(company)
        return {
            **totals,
            "reached": len(listing_ids),
            "currency_id": company.currency_id.id,
            "rows": self._top_rows(company),
        }

    def _fill_deltas(self, listing_ids, channels, lost):
        """Put every number that differs into a table of this transaction."""
        self.env.cr.execute(SQL("DROP TABLE IF EXISTS %s", TABLE))
        availability = self.env["stock.channel.availability"]
        query = availability._number_query(
            availability._scope_of(listing_ids), len(listing_ids) > STEPS_FROM
        )
        self.env.cr.execute(
            SQL(
                """
                CREATE TEMPORARY TABLE %(table)s ON COMMIT DROP AS
                WITH number AS NOT MATERIALIZED (%(query)s)
                SELECT number.listing_id,
                       number.channel_location_id,
                       number.channel_id,
                       number.listing_product_id AS product_id,
                       coalesce(old.wanted_qty, 0)::numeric AS was,
                       number.wire::numeric AS becomes
                  FROM number
                  JOIN stock_channel AS channel ON channel.id = number.channel_id
                  LEFT JOIN stock_channel_publication AS old
                         ON old.listing_id = number.listing_id
                        AND old.channel_location_id = number.channel_location_id
                 WHERE coalesce(old.wanted_qty, 0) <> number.wire
                   AND (channel.state <> 'draft' OR channel.id = ANY(%(channels)s))
                 UNION ALL
                SELECT listing_id, channel_location_id, channel_id, product_id,
                       was, 0
                  FROM unnest(%(listings)s::int[], %(places)s::int[],
                              %(lost_channels)s::int[], %(products)s::int[],
                              %(numbers)s::numeric[])
                       AS lost (listing_id, channel_location_id, channel_id,
                                product_id, was)
                 WHERE was <> 0
                """,
                table=TABLE,
                query=query,
                channels=channels.ids,
                listings=[row[0] for row in lost],
                places=[row[1] for row in lost],
                lost_channels=[row[2] for row in lost],
                products=[row[3] for row in lost],
                numbers=[row[4] for row in lost],
            )
        )

    def _priced_query(self):
        """Each number that differs, with the price of one; see ``_unit_prices``.

        A listing that is removed is priced by the unit of its product.
        """
        return SQL(
            """
            SELECT delta.*,
                   delta.becomes - delta.was AS moved,
                   template.company_id AS priced_in,
                   (template.list_price + coalesce(extra.amount, 0))
                       * coalesce(listing_uom.factor, product_uom.factor)
                       / product_uom.factor AS price
              FROM %s AS delta
              JOIN product_product AS product ON product.id = delta.product_id
              JOIN product_template AS template ON template.id = product.product_tmpl_id
              JOIN uom_uom AS product_uom ON product_uom.id = template.uom_id
              LEFT JOIN stock_channel_listing AS listing ON listing.id = delta.listing_id
              LEFT JOIN uom_uom AS listing_uom ON listing_uom.id = listing.uom_id
              LEFT JOIN (
                  SELECT combination.product_product_id AS product_id,
                         sum(value.price_extra) AS amount
                    FROM product_variant_combination AS combination
                    JOIN product_template_attribute_value AS value
                      ON value.id
                         = combination.product_template_attribute_value_id
                   WHERE combination.product_product_id
                         IN (SELECT product_id FROM %s)
                   GROUP BY combination.product_product_id
              ) AS extra ON extra.product_id = product.id
            """,
            TABLE,
            TABLE,
        )

    def _totals(self, company):
        """Return how many listings change, and by how much, all in one currency."""
        self.env.cr.execute(
            SQL(
                """
                SELECT priced_in,
                       sum(greatest(moved, 0)),
                       sum(greatest(-moved, 0)),
                       sum(greatest(moved, 0) * price),
                       sum(greatest(-moved, 0) * price)
                  FROM (%s) AS priced
                 GROUP BY priced_in
                """,
                self._priced_query(),
            )
        )
        totals = {"up": 0.0, "down": 0.0, "value_up": 0.0, "value_down": 0.0}
        for priced_in, *amounts in self.env.cr.fetchall():
            up, down, value_up, value_down = (float(amount) for amount in amounts)
            totals["up"] += up
            totals["down"] += down
            totals["value_up"] += self._in_currency(value_up, priced_in, company)
            totals["value_down"] += self._in_currency(value_down, priced_in, company)
        self.env.cr.execute(SQL("SELECT count(DISTINCT listing_id) FROM %s", TABLE))
        totals["listings"] = self.env.cr.fetchone()[0]
        for name in ("value_up", "value_down"):
            totals[name] = company.currency_id.round(totals[name])
        return totals

    def _in_currency(self, amount, priced_in, company):
        """Convert what is priced in a product's currency.

        :param priced_in: id of the product's company, None for everybody's.
        """
        companies_sudo = self.env["res.company"].sudo()
        owner = companies_sudo.browse(priced_in) if priced_in else None
        currency = (owner or companies_sudo._get_main_company()).currency_id
        return currency._convert(
            amount, company.currency_id, company, self.env.cr.now().date(), round=False
        )

    def _top_rows(self, company):
        """Return the numbers that move most value, in words."""
        self.env.cr.execute(
            SQL(
                """
                SELECT priced.listing_id, listing.sku, place.name, priced.product_id,
                       channel.name, priced.was, priced.becomes,
                       priced.moved * priced.price, priced.priced_in
                  FROM (%s) AS priced
                  LEFT JOIN stock_channel_listing AS listing
                         ON listing.id = priced.listing_id
                  LEFT JOIN stock_channel_location AS place
                         ON place.id = priced.channel_location_id
                  JOIN stock_channel AS channel ON channel.id = priced.channel_id
                 ORDER BY abs(priced.moved * priced.price) DESC,
                          abs(priced.moved) DESC, priced.listing_id,
                          priced.channel_location_id
                 LIMIT %s
                """,
                self._priced_query(),
                SHOWN_ROWS,
            )
        )
        found = self.env.cr.fetchall()
        products_sudo = self.env["product.product"].sudo()
        return [
            {
                "listing_id": listing_id,
                "sku": sku or "",
                "place": place or "",
                "product": products_sudo.browse(product_id).display_name,
                "channel": channel,
                "before": float(was),
                "after": float(becomes),
                "value": company.currency_id.round(
                    self._in_currency(float(value), priced_in, company)
                ),
            }
            for (
                listing_id,
                sku,
                place,
                product_id,
                channel,
                was,
                becomes,
                value,
                priced_in,
            ) in found
        ]
