import logging

from odoo import api, fields, models
from odoo.tools import SQL

from . import kill_points

_logger = logging.getLogger(__name__)

CAUSES = [
    ("stock", "Stock moved"),
    ("order", "Channel order"),
    ("map", "Map changed"),
    ("rule", "Rule changed"),
    ("condition", "Stock condition changed"),
    ("bom", "Kit changed"),
    ("date", "A date passed"),
    ("first", "First publication"),
    ("sweep", "Found by the sweep"),
    ("drift", "Differs at the channel"),
    ("release", "Held change released"),
]
PENDING = "stock_channel_hub.dirty"
# What happens by itself; everything else somebody changed.
HAPPENED = ("stock", "order", "date", "drift", "first", "sweep", "release")
# Rows claimed per transaction; bounds memory and the time until the first number.
DRAIN_SIZE = 10000
# Listings corrected per transaction, so that publishers are not held up for long.
SWEEP_SIZE = 5000


class StockChannelDirty(models.Model):
    """Append-only log of what may have changed a number, drained by exact ids.

    Rows are hints: one too many costs a computation, one missing is found by the
    sweep. A row is written in the transaction of the change itself and vanishes
    with it on rollback. Lower ids may commit after higher ones, so the drain
    deletes exactly the rows it has read, never "all up to the highest".
    """

    _name = "stock.channel.dirty"
    _description = "Stock Change to Publish"
    _inherit = ["stock.channel.mixin"]
    _log_access = False
    _order = "id"

    product_id = fields.Integer(readonly=True, help="Id only: no lock is taken.")
    location_id = fields.Integer(readonly=True)
    listing_id = fields.Integer(readonly=True)
    changed_at = fields.Datetime(readonly=True)
    cause = fields.Selection(CAUSES, required=True, readonly=True)

    # ------------------------------------------------------------- appending

    @api.model
    def _log(self, rows, cause):
        """Append (product id, location id, listing id) rows at the commit.

        Collected per transaction: a transfer of a hundred lines touches the same
        quants many times and writes each only once.
        """
        if not rows or not self.env["stock.channel"]._is_in_use():
            return
        pending = self._pending()
        for row in rows:
            pending.setdefault(row, cause)

    @api.model
    def _pending(self):
        """Return the rows to append at the commit: {row: cause}, to be added to.

        Hooks that run hundreds of times in a transfer add to it themselves, after
        they have asked whether any channel is in use.
        """
        precommit = self.env.cr.precommit
        pending = precommit.data.get(PENDING)
        if pending is None:
            pending = precommit.data[PENDING] = {}
            precommit.add(self._flush_log)
        return pending

    def _flush_log(self):
        pending = self.env.cr.precommit.data.pop(PENDING, None)
        if not pending:
            return
        self.env.cr.execute(
            SQL(
                """
                INSERT INTO stock_channel_dirty
                       (product_id, location_id, listing_id, cause, changed_at)
                SELECT product_id, location_id, listing_id, cause,
                       clock_timestamp() AT TIME ZONE 'UTC'
                  FROM unnest(%s::int[], %s::int[], %s::int[], %s::text[])
                       AS changed (product_id, location_id, listing_id, cause)
                """,
                [row[0] for row in pending],
                [row[1] for row in pending],
                [row[2] for row in pending],
                list(pending.values()),
            )
        )
        self._trigger_after_commit(self.env["stock.channel"]._compute_cron())

    @api.model
    def _log_stock(self, pairs, cause="stock"):
        """Append (product id, location id) pairs whose stock or demand changed."""
        self._log([(product, location, None) for product, location in pairs], cause)

    @api.model
    def _log_products(self, products, cause):
        self._log([(product_id, None, None) for product_id in products.ids], cause)

    @api.model
    def _log_listings(self, listings, cause):
        self._log([(None, None, listing_id) for listing_id in listings.ids], cause)

    @api.model
    def _log_locations(self, locations, cause):
        """Append every listing that is fed by these locations or one around them."""
        if not locations or not self.env["stock.channel"]._is_in_use():
            return
        locations.flush_model(["location_id"])
        self.env["stock.channel.location"].flush_model(["location_ids", "active"])
        self.env.cr.execute(
            SQL(
                """
                SELECT DISTINCT place.channel_id
                  FROM stock_location AS changed
                  JOIN stock_location AS root
                    ON changed.parent_path LIKE root.parent_path || '%%'
                    OR root.parent_path LIKE changed.parent_path || '%%'
                  JOIN stock_channel_location_stock_location_rel AS rel
                    ON rel.location_id = root.id
                  JOIN stock_channel_location AS place
                    ON place.id = rel.channel_location_id
                 WHERE changed.id = ANY(%s)
                   AND place.active
                """,
                locations.ids,
            )
        )
        channel_ids = [channel_id for (channel_id,) in self.env.cr.fetchall()]
        channels_sudo = self.env["stock.channel"].sudo().browse(channel_ids)
        self._log_listings(channels_sudo._all_listings(), cause)

    # -------------------------------------------------------------- draining

    @api.model
    def _cron_compute(self):
        """Turn logged changes into wanted numbers; run by its scheduled action."""
        size = DRAIN_SIZE
        while True:
            done, size = self._drain_at_most(size)
            remaining = self._in_transaction(lambda: self.search_count([], limit=1))
            if not self._goes_on(done, remaining):
                return

    def _drain_at_most(self, size):
        """Drain in a transaction of its own, which may have to start over.

        Publishers write the same numbers, batch by batch. Against many of them a
        long transaction loses each time, so it takes a tenth then.

        :return: (rows drained, size that got through).
        """
        tried = []

        def drain():
            tried.append(max(size // 10 ** len(tried), 1))
            return self._drain(tried[-1])

        return self._in_transaction(drain), tried[-1]

    def _drain(self, size=DRAIN_SIZE):
        """Compute the listings behind the oldest rows, then delete those rows.

        A lower id may be committed after a higher one, so exactly the rows that were
        read are deleted.

        :param int size: most rows to drain.
        :return: number of rows drained.
        """
        self.env.flush_all()
        self.env.cr.execute(
            SQL("SELECT id FROM stock_channel_dirty ORDER BY id LIMIT %s", size)
        )
        row_ids = [row_id for (row_id,) in self.env.cr.fetchall()]
        if not row_ids:
            return 0
        touched = self._touched_listings(row_ids)
        self.env["stock.channel.publication"]._refresh_listings(touched)
        is_recent = self._note_mixed(row_ids, touched)
        kill_points.reach("compute.written")
        self.env.cr.execute(
            SQL("DELETE FROM stock_channel_dirty WHERE id = ANY(%s)", row_ids)
        )
        self._judge_drained(touched, is_recent)
        return len(row_ids)

    def _touched_listings(self, row_ids):
        """Return the listings behind these rows, why, and since when.

        A kit is touched by its components, at any depth; archived listings count
        too: what a channel was told about them has to be taken back. Where several
        things happened to one listing, what people changed outranks what merely
        happened, so that nobody's mass change hides behind a delivery.

        :return: list of (listing id, cause, changed at), each listing once.
        """
        changed = SQL(
            """
            SELECT product_id, cause, min(changed_at) AS changed_at
              FROM stock_channel_dirty
             WHERE id = ANY(%s) AND product_id IS NOT NULL
             GROUP BY product_id, cause
            """,
            row_ids,
        )
        self.env.cr.execute(
            SQL(
                """
                SELECT DISTINCT ON (listing_id) listing_id, cause,
                       min(changed_at) OVER (PARTITION BY listing_id)
                  FROM (
                      SELECT listing.id AS listing_id, reached.cause,
                             reached.changed_at
                        FROM (%(reached)s) AS reached
                        JOIN stock_channel_listing AS listing
                          ON listing.product_id = reached.product_id
                       UNION ALL
                      SELECT listing.id, changed.cause, changed.changed_at
                        FROM stock_channel_dirty AS changed
                        JOIN stock_channel_listing AS listing
                          ON listing.id = changed.listing_id
                       WHERE changed.id = ANY(%(rows)s)
                  ) AS touched
                 ORDER BY listing_id, cause = ANY(%(happened)s), changed_at, cause
                """,
                reached=self.env["stock.channel.kit"]._above_query(changed),
                rows=row_ids,
                happened=list(HAPPENED),
            )
        )
        return self.env.cr.fetchall()

    @api.model
    def _cron_sweep(self):
        """Compute every number anew and count what the hooks had missed.

        Odoo merges quants and cleans up in raw SQL, lots expire by the clock, and
        other addons write where no hook listens: hooks make the numbers fast, the
        sweep makes them true.
        """
        try:
            # What the hooks did hear of is not counted as missed.
            self._in_transaction(self._drain)
        except Exception:  # the sweep is what finds the way round it
            self._abandon_transaction()
            _logger.exception("the logged changes could not be computed")
        for channel in (
            self.env["stock.channel"].sudo().search([("state", "!=", "draft")])
        ):
            try:
                found = self._sweep(channel)
            except Exception:  # one channel's trouble is not the others'
                self._abandon_transaction()
                _logger.exception("the sweep of channel %s failed", channel.id)
                continue
            if found:
                _logger.info(
                    "the sweep corrected %s numbers of channel %s", found, channel.id
                )

    def _sweep(self, channel):
        """Look at every number of one channel and correct those that are wrong.

        Looking writes nothing; what it finds is computed once more, in slices with a
        transaction each, so that publishers are not held up and a number that was
        merely on its way is not counted.

        :return: how many numbers were wrong.
        """
        publications = self.env["stock.channel.publication"]
        self._in_transaction(lambda: publications._remove_lost(channel))
        listing_ids = self._in_transaction(
            lambda: publications._find_differences(channel)
        )
        found = 0
        for start in range(0, len(listing_ids), SWEEP_SIZE):
            part = publications.listing_id.browse(
                listing_ids[start : start + SWEEP_SIZE]
            )
            found += self._in_transaction(
                lambda part=part: publications._refresh(
                    part, "sweep", self.env.cr.now()
                )
            )
        if found:
            self._in_transaction(self.env["stock.channel"]._judge_changes)
        self._in_transaction(
            lambda: channel.write(
                {"last_sweep_at": self.env.cr.now(), "last_sweep_found": found}
            )
        )
        return found
