from odoo import api, fields, models
from odoo.tools import SQL

from .stock_channel_availability import STEPS_FROM
from .stock_channel_dirty import HAPPENED
from .stock_channel_publication import SEQUENCE

# The parts of a number, in the order in which they are read; all but the last few
# are columns of the ledger. See ``stock.channel.availability``.
PARTS = (
    "is_kit",
    "is_withdrawn",
    "limiting_product_id",
    "per_unit",
    "factor",
    "on_hand",
    "unavailable",
    "reserved",
    "owed",
    "in_flight",
    "incoming",
    "incoming_until",
    "sellable",
    "published",
    "own_open",
    "rules",
)
# Those that say whether anything changed: the others follow from them and from what
# is wanted.
COMPARED = tuple(
    name for name in PARTS if name not in ("is_kit", "sellable", "published")
)


class StockChannelPublicationWanted(models.Model):
    """What is wanted: numbers computed, compared with the ledger and stored there."""

    _inherit = "stock.channel.publication"

    is_kit = fields.Boolean("Kit", readonly=True)
    is_withdrawn = fields.Boolean(
        "Withdrawn", readonly=True, help="Archived, or not mapped any more: told zero."
    )
    # An id only: a ledger of half a million rows is written without asking for each
    # whether its product exists.
    limiting_product_id = fields.Integer(readonly=True)
    per_unit = fields.Float("Per Kit", digits=0, readonly=True)
    factor = fields.Float(
        "Selling Units per Unit", digits=0, readonly=True, aggregator=None
    )
    on_hand = fields.Float(digits=0, readonly=True)
    unavailable = fields.Float(digits=0, readonly=True)
    reserved = fields.Float(digits=0, readonly=True)
    owed = fields.Float(digits=0, readonly=True)
    in_flight = fields.Float(digits=0, readonly=True)
    incoming = fields.Float(digits=0, readonly=True)
    incoming_until = fields.Datetime(readonly=True)
    own_open = fields.Float(digits=0, readonly=True)
    sellable = fields.Float(digits=0, readonly=True)
    published = fields.Float(digits=0, readonly=True)
    rules = fields.Json(readonly=True, help="The rules in force, by kind.")
    parts = fields.Json(compute="_compute_parts")
    parts_html = fields.Html("How it came about", compute="_compute_parts_html")

    @api.depends(*PARTS, "wanted_qty")
    def _compute_parts(self):
        for row in self:
            parts = {name: row[name] for name in PARTS}
            parts["incoming_until"] = (
                row.incoming_until and row.incoming_until.isoformat() or None
            )
            parts["limiting_product_id"] = row.limiting_product_id or None
            parts["rules"] = row.rules or {}
            row.parts = {**parts, "wire": row.wanted_qty} if row.wanted_at else False

    @api.depends("parts", "wanted_qty")
    def _compute_parts_html(self):
        for publication in self:
            publication.parts_html = self.env["ir.qweb"]._render(
                "stock_channel_hub.publication_parts",
                {
                    "publication": publication,
                    "parts": publication.parts or {},
                    "limiting": self.env["product.product"].browse(
                        (publication.parts or {}).get("limiting_product_id")
                    ),
                },
            )

    # -------------------------------------------------------------- computing

    @api.model
    def _refresh(self, listings, cause, changed_at):
        """Compute these listings and store what is wanted where it changed.

        :param str cause: why the numbers may have changed, kept where they did.
        :param datetime changed_at: when, naive UTC.
        :return: how many numbers changed.
        """
        return self._refresh_listings(
            [(listing_id, cause, changed_at) for listing_id in listings.ids]
        )

    @api.model
    def _refresh_claimed(self, listings):
        """Compute listings that are about to be sent.

        What was logged and not computed yet is sent with it, so freshness counts
        from the moment in the log, not from now.
        """
        now = self.env.cr.now()
        self.env.cr.execute(
            SQL(
                """
                WITH claimed AS (
                    SELECT id, product_id
                      FROM stock_channel_listing
                     WHERE id = ANY(%(listings)s)
                ),
                -- Two joins: on either of two keys one would look at every pair.
                logged AS (
                    SELECT claimed.id, changed.cause, changed.changed_at
                      FROM claimed
                      JOIN stock_channel_dirty AS changed
                        ON changed.listing_id = claimed.id
                     UNION ALL
                    SELECT claimed.id, changed.cause, changed.changed_at
                      FROM claimed
                      JOIN stock_channel_dirty AS changed
                        ON changed.product_id = claimed.product_id
                )
                SELECT DISTINCT ON (claimed.id) claimed.id, logged.cause,
                       coalesce(min(logged.changed_at)
                                OVER (PARTITION BY claimed.id), %(now)s)
                  FROM claimed
                  LEFT JOIN logged ON logged.id = claimed.id
                 -- As when it is drained: what people changed comes first.
                 ORDER BY claimed.id, logged.cause = ANY(%(happened)s),
                          logged.changed_at, logged.cause
                """,
                now=now,
                listings=listings.ids,
                happened=list(HAPPENED),
            )
        )
        return self._refresh_listings(self.env.cr.fetchall())

    @api.model
    def _refresh_listings(self, changes):
        """Compute listings and store what is wanted where it changed.

        One statement: compute, compare, upsert. A row whose number returns to what
        the channel acknowledged last needs no push and becomes clean again.

        :param changes: list of (listing id, cause, changed at), each listing once;
            cause None leaves the cause of a change that was noticed before. Of
            several moments the oldest one not yet acknowledged is kept, since
            freshness counts from there.
        :return: how many numbers changed.
        """
        if not changes:
            return 0
        availability = self.env["stock.channel.availability"]
        listing_ids = [change[0] for change in changes]
        query = availability._number_query(
            availability._scope_of(listing_ids), len(changes) > STEPS_FROM
        )
        query = self._limited(query)
        # Losing a race to the publisher is an everyday event: the caller starts over.
        self.env.cr.execute(
            self._refresh_statement(query, changes), log_exceptions=False
        )
        found = self.env.cr.dictfetchall()
        self.invalidate_model()
        exceptions = self.env["stock.channel.exception"]
        for row in found:
            channel = self.env["stock.channel"].browse(row["channel_id"])
            exceptions._check_kits(channel, row["broken"] or [], row["mended"] or [])
        self._numbers_stored(
            listing_ids, [short for row in found for short in row["short"] or []]
        )
        changed = [row for row in found if row["changed"]]
        self.env["stock.channel"].browse(
            row["channel_id"] for row in changed
        )._wake_publishers()
        return sum(row["changed"] for row in changed)

    @api.model
    def _limited(self, query):
        """Return the query of numbers, with a lower ``wire`` where a hold limits it."""
        return query

    @api.model
    def _numbers_stored(self, listing_ids, short_ids):
        """Whatever else follows from new numbers, in the transaction that stores them.

        :param listing_ids: the listings that were computed.
        :param short_ids: those of which a number changed and more is promised than
            is there.
        """

    @api.model
    def _remove_lost(self, channel):
        """Remove the numbers of locations that were deleted while they were computed.

        No key in the database refuses them, see ``ImpliedMany2one``.
        """
        self.env.cr.execute(
            SQL(
                """
                DELETE FROM stock_channel_publication
                 WHERE channel_id = %s
                   AND channel_location_id NOT IN (
                       SELECT id FROM stock_channel_location)
                """,
                channel.id,
            )
        )
        self.invalidate_model()

    @api.model
    def _find_differences(self, channel):
        """Compute every number of a channel and compare it with the ledger.

        Locks and writes nothing, so nobody waits for it and it waits for nobody,
        however long it takes.

        :return: ids of the listings of which a number is not what it should be.
        """
        scope = SQL(
            "SELECT id AS listing_id FROM stock_channel_listing WHERE channel_id = %s",
            channel.id,
        )
        query = self.env["stock.channel.availability"]._number_query(scope, True)
        query = self._limited(query)
        self.env.cr.execute(
            SQL(
                "WITH number AS NOT MATERIALIZED (%s) SELECT DISTINCT listing_id "
                "FROM (%s) AS difference ORDER BY listing_id",
                query,
                self._difference_query(SQL("stock_channel_publication")),
            )
        )
        return [listing_id for (listing_id,) in self.env.cr.fetchall()]

    def _difference_query(self, ledger):
        """Return the query of the numbers that differ from the ledger.

        :param SQL ledger: the ledger, or those of its rows that can matter. A sweep
            reads all of it; whoever computes some listings names theirs, for
            PostgreSQL else sorts the whole ledger for every batch of the first one.
        """
        return SQL(
            """
            SELECT number.*,
                   old.id AS old_id,
                   old.wanted_qty AS old_wanted,
                   old.is_kit AND old.limiting_product_id IS NULL AS was_broken,
                   -- The channel itself moved away from a number that stays.
                   coalesce(old.state = 'clean' AND old.expected_qty <> number.wire,
                            FALSE) AS is_off
              FROM number
              LEFT JOIN %(ledger)s AS old
                     ON old.listing_id = number.listing_id
                    AND old.channel_location_id = number.channel_location_id
             WHERE old.id IS NULL
                OR (old.wanted_qty, old.product_id, %(old)s)
                   IS DISTINCT FROM (number.wire, number.listing_product_id, %(new)s)
                OR (old.state = 'clean' AND old.expected_qty <> number.wire)
            """,
            ledger=ledger,
            old=SQL(", ").join(SQL.identifier("old", name) for name in COMPARED),
            new=SQL(", ").join(SQL.identifier("number", name) for name in COMPARED),
        )

    def _refresh_statement(self, query, changes):
        return SQL(
            """
            WITH number AS NOT MATERIALIZED (%(query)s),
            change AS (
                SELECT listing_id, cause, changed_at
                  FROM unnest(%(listings)s::int[], %(causes)s::text[],
                              %(moments)s::timestamp[])
                       AS change (listing_id, cause, changed_at)
            ),
            ledger AS (
                SELECT row.*
                  FROM stock_channel_publication AS row
                  JOIN change USING (listing_id)
            ),
            difference AS MATERIALIZED (
                SELECT difference.*, change.cause, change.changed_at
                  FROM (%(difference)s) AS difference
                  JOIN change USING (listing_id)
            ),
            upsert AS (
                INSERT INTO stock_channel_publication AS row
                       (listing_id, channel_location_id, channel_id, company_id,
                        product_id, wanted_qty, wanted_at, wanted_sequence,
                        changed_at, cause, state, attempts, %(columns)s)
                SELECT listing_id, channel_location_id, channel_id, company_id,
                       listing_product_id, wire, %(now)s, nextval(%(sequence)s),
                       changed_at, cause, 'pending', 0, %(columns)s
                  FROM difference
                 -- In the order in which everybody locks these rows.
                 ORDER BY old_id, listing_id, channel_location_id
                ON CONFLICT (listing_id, channel_location_id) DO UPDATE
                   SET wanted_qty = EXCLUDED.wanted_qty,
                       wanted_at = EXCLUDED.wanted_at,
                       wanted_sequence = EXCLUDED.wanted_sequence,
                       product_id = EXCLUDED.product_id,
                       %(updates)s,
                       cause = CASE WHEN row.wanted_qty <> EXCLUDED.wanted_qty
                           THEN coalesce(EXCLUDED.cause, row.cause)
                           ELSE row.cause END,
                       changed_at = CASE
                           WHEN row.wanted_qty = EXCLUDED.wanted_qty
                                AND (row.state <> 'clean'
                                     OR row.expected_qty = EXCLUDED.wanted_qty)
                               THEN row.changed_at
                           WHEN row.state = 'clean' THEN EXCLUDED.changed_at
                           ELSE least(row.changed_at, EXCLUDED.changed_at) END,
                       state = CASE
                           WHEN row.state = 'clean'
                                AND row.expected_qty <> EXCLUDED.wanted_qty
                               THEN 'pending'
                           WHEN row.wanted_qty = EXCLUDED.wanted_qty THEN row.state
                           WHEN row.state IN ('sending', 'unknown') THEN row.state
                           WHEN row.sent_sequence = row.acknowledged_sequence
                                AND row.sent_qty = EXCLUDED.wanted_qty
                                AND row.expected_qty = EXCLUDED.wanted_qty
                                -- Not after it was forgotten.
                                AND row.expected_at IS NOT NULL
                               THEN 'clean'
                           ELSE 'pending' END
            )
            SELECT channel_id,
                   count(*) FILTER (
                       WHERE old_wanted IS DISTINCT FROM wire OR is_off) AS changed,
                   array_agg(DISTINCT listing_id) FILTER (
                       WHERE is_kit AND limiting_product_id IS NULL) AS broken,
                   array_agg(DISTINCT listing_id) FILTER (
                       WHERE was_broken AND limiting_product_id IS NOT NULL) AS mended,
                   array_agg(DISTINCT listing_id) FILTER (
                       WHERE coalesce(reserved, 0) + coalesce(owed, 0)
                             + coalesce(in_flight, 0)
                             > coalesce(on_hand, 0) + 1e-6) AS short
              FROM difference
             GROUP BY channel_id
            """,
            query=query,
            listings=[change[0] for change in changes],
            causes=[change[1] for change in changes],
            moments=[change[2] for change in changes],
            difference=self._difference_query(SQL("ledger")),
            columns=SQL(", ").join(SQL.identifier(name) for name in PARTS),
            updates=SQL(", ").join(
                [
                    SQL("%(name)s = EXCLUDED.%(name)s", name=SQL.identifier(name))
                    for name in PARTS
                ]
                + self._guard_updates(changes)
            ),
            now=self.env.cr.now(),
            sequence=SEQUENCE,
        )
