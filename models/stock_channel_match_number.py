import gzip
import json
from base64 import b64encode
from io import BytesIO

from odoo import fields, models
from odoo.tools import SQL, split_every

# Differing numbers kept as lines, the most valuable first; the file has all of them.
MOST_LINES = 500
# Prices are looked up for so many listings at a time.
PRICED = 1000
FETCHED = 5000
NUMBERS = "stock_channel_match_numbers"
# What a row of the file holds, in this order.
COLUMNS = (
    "sku",
    "reference",
    "place",
    "unit",
    "erp_qty",
    "expected_qty",
    "live_qty",
    "observed_at",
    "kind",
    "difference",
    "value",
)


class StockChannelMatchNumber(models.Model):
    """Part one of a match: every number, three ways."""

    _inherit = "stock.channel.match"

    rows_file = fields.Binary(
        readonly=True,
        attachment=True,
        help="Every row as it was matched, for the export: JSON lines, compressed.",
    )

    def _match_everything(self):
        """Compare numbers and orders and keep what differs as lines.

        :return: the values of this match.
        """
        packed = BytesIO()
        with gzip.open(packed, "wt", compresslevel=5, encoding="utf-8") as file:
            vals = self._match_numbers(file)
            vals.update(self._match_orders(file))
        vals["rows_file"] = b64encode(packed.getvalue())
        return vals

    # ---------------------------------------------------------------- numbers

    def _match_numbers(self, file):
        """Compute every number of the channel, compare it and classify it.

        :param file: takes one line of JSON per number.
        """
        self._store_numbers()
        prices = self._prices()
        counts, value, kept = {}, 0.0, []
        self.env.cr.execute(
            SQL("SELECT * FROM %s ORDER BY sku, place", SQL.identifier(NUMBERS))
        )
        while rows := self.env.cr.fetchmany(FETCHED):
            for row in rows:
                number = self._read_number(row, prices)
                counts[number["kind"]] = counts.get(number["kind"], 0) + 1
                file.write(json.dumps([number[name] for name in COLUMNS]) + "\n")
                if number["kind"] != "equal":
                    value += number["value"]
                    kept.append(number)
            kept = most_valuable(kept)
        self._keep_numbers(kept)
        total = sum(counts.values())
        return {
            "number_count": total,
            "differing_count": total - counts.get("equal", 0),
            "difference_value": value,
            "counts": counts,
        }

    def _read_number(self, row, prices):
        """Return a row of the statement with its difference and what that is worth.

        Live compared with the ERP; where nothing was read, expected with the ERP.
        """
        (listing_id, place_id, sku, reference, place, unit, *rest) = row
        erp, expected, live, observed_at, kind = rest
        shown = live if live is not None else expected
        difference = float(shown - erp) if shown is not None else 0.0
        return {
            "listing_id": listing_id,
            "channel_location_id": place_id,
            "sku": sku,
            "reference": reference or "",
            "place": place,
            "unit": unit,
            "erp_qty": float(erp),
            "expected_qty": None if expected is None else float(expected),
            "live_qty": None if live is None else float(live),
            "observed_at": fields.Datetime.to_string(observed_at) or "",
            "kind": kind,
            "difference": difference,
            "value": abs(difference) * prices.get(listing_id, 0.0),
        }

    def _store_numbers(self):
        """Compute and classify into a temporary table, in one statement."""
        channel = self.channel_id
        scope = SQL(
            "SELECT id AS listing_id FROM stock_channel_listing WHERE channel_id = %s",
            channel.id,
        )
        query = self.env["stock.channel.availability"]._number_query(scope, True)
        table = SQL.identifier(NUMBERS)
        self.env.cr.execute(SQL("DROP TABLE IF EXISTS %s", table))
        self.env.cr.execute(
            SQL(
                "CREATE TEMPORARY TABLE %s ON COMMIT DROP AS %s",
                table,
                self._number_statement(query),
            )
        )

    def _number_statement(self, query):
        now = self.env.cr.now()
        return SQL(
            """
            WITH number AS NOT MATERIALIZED (%(query)s),
            compared AS (
                SELECT number.listing_id,
                       number.channel_location_id,
                       listing.sku,
                       product.default_code AS reference,
                       place.name AS place,
                       coalesce(unit.name ->> 'en_US', '') AS unit,
                       round(number.wire::numeric, 6) AS erp,
                       CASE WHEN row.expected_at IS NOT NULL
                           THEN round(row.expected_qty::numeric, 6) END AS expected,
                       CASE WHEN row.observed_at IS NOT NULL
                           THEN round(row.observed_qty::numeric, 6) END AS live,
                       row.observed_at,
                       row.state,
                       row.drift,
                       row.changed_at,
                       push.state AS push_state,
                       listing.active
                           AND (coalesce(listing.is_paused, FALSE)
                                OR place.active AND coalesce(place.is_paused, FALSE))
                           AS is_paused
                  FROM number
                  JOIN stock_channel_listing AS listing
                    ON listing.id = number.listing_id
                  JOIN product_product AS product ON product.id = listing.product_id
                  JOIN uom_uom AS unit ON unit.id = listing.uom_id
                  JOIN stock_channel_location AS place
                    ON place.id = number.channel_location_id
                  LEFT JOIN stock_channel_publication AS row
                    ON row.listing_id = number.listing_id
                   AND row.channel_location_id = number.channel_location_id
                  LEFT JOIN stock_channel_push AS push ON push.id = row.push_id
            )
            SELECT listing_id, channel_location_id, sku, reference, place, unit,
                   erp, expected, live, observed_at, %(kind)s AS kind
              FROM compared
            """,
            query=query,
            kind=self._kind_expression(now),
        )

    def _kind_expression(self, now):
        """Return the SQL of what a number is, the first that holds.

        A number that was told is compared with what it must show; what was read
        before it was told, or before the channel sold, is under way and no edit:
        those the read-back has marked.
        """
        channel = self.channel_id
        held_ids = channel._held_places(now).ids if channel.state == "live" else []
        return SQL(
            """
            CASE
                WHEN live = erp AND coalesce(expected, erp) = erp THEN 'equal'
                WHEN is_paused OR %(is_channel_paused)s THEN 'paused'
                WHEN state = 'rejected' OR drift = 'refused' THEN 'refused'
                WHEN push_state = 'held'
                     OR erp > expected AND channel_location_id = ANY(%(held)s)
                    THEN 'held'
                WHEN drift = 'late' OR %(is_live)s AND state <> 'clean'
                     AND changed_at < %(deadline)s THEN 'late'
                WHEN drift = 'edited' THEN 'edited'
                WHEN drift = 'unknown' THEN 'missing'
                WHEN drift = 'shadow' THEN 'shadow'
                WHEN live IS NULL THEN 'not_read'
                ELSE 'in_flight'
            END
            """,
            is_channel_paused=channel.state == "paused",
            is_live=channel.state == "live",
            held=held_ids,
            deadline=fields.Datetime.subtract(now, minutes=channel.freshness_target),
        )

    def _prices(self):
        """Return {listing id: price of a unit} of those that differ."""
        rows = self.env.execute_query(
            SQL(
                "SELECT DISTINCT listing_id FROM %s WHERE kind <> 'equal'",
                SQL.identifier(NUMBERS),
            )
        )
        prices = {}
        for chunk in split_every(PRICED, [listing_id for (listing_id,) in rows]):
            prices.update(
                self.env["stock.channel.listing"].browse(chunk)._unit_prices()
            )
            self.env.invalidate_all()
        return prices

    def _keep_numbers(self, numbers):
        names = (
            "listing_id",
            "channel_location_id",
            "sku",
            "erp_qty",
            "expected_qty",
            "live_qty",
            "kind",
            "difference",
            "value",
        )
        self.env["stock.channel.match.line"].create(
            [
                {
                    **{name: number[name] for name in names},
                    "is_expected_known": number["expected_qty"] is not None,
                    "is_live_known": number["live_qty"] is not None,
                    "observed_at": number["observed_at"] or False,
                    "match_id": self.id,
                    "part": "number",
                }
                for number in numbers
            ]
        )


def most_valuable(numbers):
    """Return those worth keeping as lines, the most valuable first."""
    ordered = sorted(
        numbers, key=lambda number: (-number["value"], -abs(number["difference"]))
    )
    return ordered[:MOST_LINES]
