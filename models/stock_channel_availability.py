from odoo import api, models
from odoo.tools import SQL

# More listings than this are computed in steps: one statement over many of them is
# misplanned (17 to 26 seconds instead of 1, measured at 100 000 products).
STEPS_FROM = 1000
PREFIX = "stock_channel_step_"
# What NULL means in these columns: the statement leaves out what is nothing.
NOTHING = {
    "on_hand": 0,
    "unavailable": 0,
    "reserved": 0,
    "owed": 0,
    "in_flight": 0,
    "incoming": 0,
    "own_open": 0,
    "rules": {},
}


class StockChannelAvailability(models.AbstractModel):
    """The one place that knows how a number comes about.

    One set-based query returns a row per listing and channel location with every
    part of the number. Quantities of the parts are in the unit of the product (of
    the limiting component, for a kit); ``sellable``, ``published``, ``own_open`` and
    ``wire`` are in the listing's selling unit.
    """

    _name = "stock.channel.availability"
    _description = "Stock Channel Availability"

    @api.model
    def _compute_numbers(self, listings=None, products=None):
        """Return the numbers of these listings and of what these products are in.

        :param listings: ``stock.channel.listing`` records.
        :param products: ``product.product`` records; the kits above them count.
            Neither of both means every listing there is.
        :return: list of dictionaries, by listing and channel location.
        """
        if listings is None and products is None:
            scope = SQL("SELECT id AS listing_id FROM stock_channel_listing")
            is_large = True
        else:
            ids = list(listings.ids) if listings else []
            ids += [
                row[0] for row in self._touched_by(products.ids if products else [])
            ]
            if not ids:
                return []
            scope, is_large = self._scope_of(ids), len(ids) > STEPS_FROM
        self.env.cr.execute(
            SQL(
                "SELECT * FROM (%s) AS number ORDER BY listing_id, channel_location_id",
                self._number_query(scope, is_large),
            )
        )
        return [
            {
                name: NOTHING.get(name) if value is None else value
                for name, value in row.items()
            }
            for row in self.env.cr.dictfetchall()
        ]

    @api.model
    def _scope_of(self, listing_ids):
        """Return the scope that is just these listings."""
        return SQL("SELECT unnest(%s::int[]) AS listing_id", list(listing_ids))

    @api.model
    def _touched_by(self, product_ids):
        """Return (listing id,) of every listing that depends on these products."""
        if not product_ids:
            return []
        changed = SQL(
            "SELECT unnest(%s::int[]) AS product_id, ''::text AS cause, "
            "NULL::timestamp AS changed_at",
            list(product_ids),
        )
        self.env.flush_all()
        self.env.cr.execute(
            SQL(
                """
                SELECT DISTINCT listing.id
                  FROM (%s) AS reached
                  JOIN stock_channel_listing AS listing
                    ON listing.product_id = reached.product_id
                """,
                self.env["stock.channel.kit"]._above_query(changed),
            )
        )
        return self.env.cr.fetchall()

    @api.model
    def _kit_components(self, listings):
        """Return what one product unit of these listings takes from stock.

        :return: list of (listing id, component product id, quantity in its own
            unit), of kits only. A kit with nothing to count has the component None.
        """
        if not listings:
            return []
        self.env.flush_all()
        sold = SQL(
            """
            SELECT listing.product_id, channel.company_id
              FROM stock_channel_listing AS listing
              JOIN stock_channel AS channel ON channel.id = listing.channel_id
             WHERE listing.id = ANY(%s)
            """,
            listings.ids,
        )
        self.env.cr.execute(
            SQL(
                """
                SELECT listing.id, component.component_id, component.quantity
                  FROM stock_channel_listing AS listing
                  JOIN stock_channel AS channel ON channel.id = listing.channel_id
                  JOIN (%s) AS component
                    ON component.product_id = listing.product_id
                   AND component.company_id = channel.company_id
                 WHERE listing.id = ANY(%s)
                 ORDER BY 1, 2
                """,
                self.env["stock.channel.kit"]._component_query(sold),
                listings.ids,
            )
        )
        return [(row[0], row[1], float(row[2])) for row in self.env.cr.fetchall()]

    # ------------------------------------------------------------- assembling

    @api.model
    def _number_query(self, scope, is_large=False):
        """Return the query of every number of some listings, with all its parts.

        :param SQL scope: query of (listing_id).
        :param bool is_large: compute in steps over temporary tables, which this
            creates now; the query returned reads them and is good until the end of
            the transaction, or the next call.
        """
        self.env.flush_all()
        steps = self._steps(scope, is_large and self._is_most_of_all(scope))
        if not is_large:
            return SQL(
                "WITH %s SELECT * FROM (%s) AS last",
                SQL(", ").join(
                    SQL("%s AS MATERIALIZED (%s)", SQL.identifier(name), query)
                    for name, query in steps
                ),
                self._final_query(),
            )
        self.env.cr.execute(SQL("SET LOCAL jit = off"))
        tables = []
        for name, query in steps:
            table = SQL.identifier(PREFIX + name)
            self.env.cr.execute(SQL("DROP TABLE IF EXISTS %s", table))
            # What comes before is visible under its plain name.
            self.env.cr.execute(
                SQL(
                    "CREATE TEMPORARY TABLE %s ON COMMIT DROP AS %s",
                    table,
                    self._named(tables, query),
                )
            )
            self.env.cr.execute(SQL("ANALYZE %s", table))
            tables.append(name)
        return self._named(tables, self._final_query())

    def _named(self, tables, query):
        """Let a query speak of temporary tables by the names of their steps."""
        if not tables:
            return query
        return SQL(
            "WITH %s SELECT * FROM (%s) AS last",
            SQL(", ").join(
                SQL(
                    "%s AS NOT MATERIALIZED (SELECT * FROM %s)",
                    SQL.identifier(name),
                    SQL.identifier(PREFIX + name),
                )
                for name in tables
            ),
            query,
        )

    def _is_most_of_all(self, scope):
        """Return whether these listings are so many that all stock is better read.

        Asking of each of a million quants whether it is needed takes as long as
        counting the few that are not.
        """
        self.env.cr.execute(
            SQL(
                """
                SELECT (SELECT count(*) FROM (%s) AS scope) * 2
                       > (SELECT reltuples FROM pg_class
                           WHERE oid = 'product_product'::regclass)
                """,
                scope,
            )
        )
        return self.env.cr.fetchone()[0]

    def _steps(self, scope, is_most_of_all):
        """Return (name, query) of each step, in the order they build on each other."""
        return [
            ("listing_rule", self._listing_rule_query(scope)),
            ("both_rule", self._both_rule_query(scope)),
            ("listing", self._listing_query(scope)),
            ("place", self._place_query()),
            ("root", self._root_query()),
            ("leaf", self._leaf_query()),
            ("component", self._component_query()),
            ("need", self._need_query()),
            ("needed_product", self._needed_product_query()),
            ("bad_lot", self._bad_lot_query()),
            ("held", self._held_query(is_most_of_all)),
            ("demand", self._demand_query()),
            ("claim", self._claim_query()),
            ("incoming", self._incoming_query()),
            ("own_open", self._own_open_query()),
        ]
