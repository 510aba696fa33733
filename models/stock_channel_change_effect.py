"""What a change does to the numbers: counted in one scope, in units and money."""

from odoo import api, fields, models
from odoo.tools import SQL

from .stock_channel_availability import STEPS_FROM

SHOWN_ROWS = 20
TABLE = SQL.identifier("stock_channel_change_delta")
VALUES = SQL.identifier("stock_channel_change_value")
MOST_VALUE_FIRST = SQL(
    "abs(value) DESC, abs(becomes - was) DESC, listing_id, channel_location_id"
)


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
    def _measure(self, listing_ids, channels, lost=(), drafts=()):
        """Compute these listings and compare with what is wanted in the ledger.

        One scope, whatever its size; called where the change has happened, within
        the transaction.

        :param channels: those the change is about; the first one's company says in
            which currency values are.
        :param lost: see ``_numbers_lost``.
        :param drafts: channels in draft that count all the same, see
            ``_fill_before``.
        :return: see ``_effect``.
        """
        company = self._main_channel(channels).company_id or self.env.company
        self._fill_deltas(listing_ids, drafts, lost)
        self._fill_values(company)
        totals = self._totals(company)
        return {
            **totals,
            "reached": len(listing_ids),
            "currency_id": company.currency_id.id,
            "rows": self._top_rows(company),
        }

    def _fill_deltas(self, listing_ids, drafts, lost):
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
                SELECT *
                  FROM (SELECT number.listing_id,
                               number.channel_location_id,
                               number.channel_id,
                               number.listing_product_id AS product_id,
                               coalesce(before.wire, old.wanted_qty, 0)::numeric AS was,
                               number.wire::numeric AS becomes,
                               number.sellable,
                               number.rules,
                               number.limiting_product_id,
                               number.is_kit,
                               number.is_withdrawn
                          FROM number
                          JOIN stock_channel AS channel
                            ON channel.id = number.channel_id
                          LEFT JOIN stock_channel_publication AS old
                                 ON old.listing_id = number.listing_id
                                AND old.channel_location_id
                                    = number.channel_location_id
                          LEFT JOIN %(before)s AS before
                                 ON before.listing_id = number.listing_id
                                AND before.channel_location_id
                                    = number.channel_location_id
                         WHERE channel.state <> 'draft'
                            OR channel.id = ANY(%(drafts)s)) AS compared
                 WHERE was <> becomes
                 UNION ALL
                SELECT listing_id, channel_location_id, channel_id, product_id,
                       was, 0, NULL, NULL, NULL, FALSE, TRUE
                  FROM unnest(%(listings)s::int[], %(places)s::int[],
                              %(lost_channels)s::int[], %(products)s::int[],
                              %(numbers)s::numeric[])
                       AS lost (listing_id, channel_location_id, channel_id,
                                product_id, was)
                 WHERE was <> 0
                """,
                table=TABLE,
                query=query,
                before=self._before_table(drafts),
                drafts=[channel.id for channel in drafts],
                listings=[row[0] for row in lost],
                places=[row[1] for row in lost],
                lost_channels=[row[2] for row in lost],
                products=[row[3] for row in lost],
                numbers=[row[4] for row in lost],
            )
        )

    def _fill_values(self, company):
        """Say of each number that differs by how much, and what that is worth.

        At the price of one, see ``_unit_prices``; a listing that is removed is priced
        by the unit of its product. Once for all that is then asked: of half a million
        numbers the prices take longer to find than to add up.

        :param company: in whose currency values are.
        """
        self.env.cr.execute(SQL("ANALYZE %s", TABLE))
        self.env.cr.execute(SQL("DROP TABLE IF EXISTS %s", VALUES))
        rates = self._rates(company)
        self.env.cr.execute(
            SQL(
                """
                CREATE TEMPORARY TABLE %(values)s ON COMMIT DROP AS
                SELECT delta.*,
                       delta.becomes - delta.was AS moved,
                       (delta.becomes - delta.was)
                           * (template.list_price + coalesce(extra.amount, 0))
                           * coalesce(listing_uom.factor, product_uom.factor)
                           / product_uom.factor * rate.factor AS value
                  FROM %(table)s AS delta
                  JOIN product_product AS product ON product.id = delta.product_id
                  JOIN product_template AS template
                    ON template.id = product.product_tmpl_id
                  JOIN unnest(%(companies)s::int[], %(rates)s::numeric[])
                       AS rate (company_id, factor)
                    ON rate.company_id = coalesce(template.company_id, 0)
                  JOIN uom_uom AS product_uom ON product_uom.id = template.uom_id
                  LEFT JOIN stock_channel_listing AS listing
                         ON listing.id = delta.listing_id
                  LEFT JOIN uom_uom AS listing_uom ON listing_uom.id = listing.uom_id
                  LEFT JOIN (
                      SELECT combination.product_product_id AS product_id,
                             sum(value.price_extra) AS amount
                        FROM product_variant_combination AS combination
                        JOIN product_template_attribute_value AS value
                          ON value.id
                             = combination.product_template_attribute_value_id
                       WHERE combination.product_product_id
                             IN (SELECT product_id FROM %(table)s)
                       GROUP BY combination.product_product_id
                  ) AS extra ON extra.product_id = product.id
                """,
                values=VALUES,
                table=TABLE,
                companies=list(rates),
                rates=list(rates.values()),
            )
        )
        self.env.cr.execute(SQL("ANALYZE %s", VALUES))

    def _rates(self, company):
        """Return {company id a product is priced in, 0 for everybody's: factor}."""
        self.env.cr.execute(
            SQL(
                """
                SELECT id FROM res_company
                 WHERE EXISTS (SELECT 1 FROM product_template
                                WHERE product_template.company_id = res_company.id)
                """
            )
        )
        owners = [None, *(row[0] for row in self.env.cr.fetchall())]
        return {owner or 0: self._in_currency(1.0, owner, company) for owner in owners}

    def _totals(self, company):
        """Return how many listings change, and by how much, all in one currency."""
        self.env.cr.execute(
            SQL(
                """
                SELECT count(DISTINCT listing_id),
                       coalesce(sum(greatest(moved, 0)), 0),
                       coalesce(sum(greatest(-moved, 0)), 0),
                       coalesce(sum(greatest(value, 0)), 0),
                       coalesce(sum(greatest(-value, 0)), 0)
                  FROM %s
                """,
                VALUES,
            )
        )
        listings, up, down, value_up, value_down = self.env.cr.fetchone()
        return {
            "listings": listings,
            "up": float(up),
            "down": float(down),
            "value_up": company.currency_id.round(float(value_up)),
            "value_down": company.currency_id.round(float(value_down)),
        }

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
                SELECT top.listing_id, listing.sku, place.name, top.product_id,
                       channel.name, top.was, top.becomes, top.value
                  FROM (SELECT *
                          FROM %(values)s
                         ORDER BY %(order)s
                         LIMIT %(limit)s) AS top
                  LEFT JOIN stock_channel_listing AS listing
                         ON listing.id = top.listing_id
                  LEFT JOIN stock_channel_location AS place
                         ON place.id = top.channel_location_id
                  JOIN stock_channel AS channel ON channel.id = top.channel_id
                 ORDER BY %(order)s
                """,
                values=VALUES,
                order=MOST_VALUE_FIRST,
                limit=SHOWN_ROWS,
            )
        )
        found = self.env.cr.fetchall()
        # One by one, each would be a statement of its own.
        products_sudo = (
            self.env["product.product"].sudo().browse(row[3] for row in found)
        )
        names = {product.id: product.display_name for product in products_sudo}
        return [
            {
                "listing_id": listing_id,
                "sku": sku or "",
                "place": place or "",
                "product": names[product_id],
                "channel": channel,
                "before": float(was),
                "after": float(becomes),
                "value": company.currency_id.round(float(value)),
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
            ) in found
        ]
