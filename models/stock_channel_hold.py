"""What of the ledger is held back, and how low a held number has to go."""

from odoo import api, fields, models
from odoo.tools import SQL

from .quantities import plain
from .stock_channel_publication import SEQUENCE
from .stock_channel_publication_wanted import PARTS

# Causes that somebody or nobody can answer for; what stock and orders do is not
# among them.
GUARDED = ("map", "rule", "condition", "bom", "sweep")
# Several small changes within this time are one.
WINDOW_MINUTES = 10
# Marks a cursor while it is known that no row is held.
NOTHING_HELD = "stock_channel_hub.nothing_held"


class StockChannelPublicationHold(models.Model):
    """Held numbers: the ledger wants what the channel may show, not what is computed.

    ``wanted_qty`` of a held row is the number from before the change that is held,
    less what was sold or moved away since (``connectors.guard.ceiling``). So it needs
    no special case where numbers are sent, pulled, compared or found late: a held row
    that the channel shows as it should is clean. What was computed under the changed
    inputs stays readable in ``published`` and the parts.

    A row remembers its last guarded change: when, from which number to which, and how
    many units of the product were sellable before.
    """

    _inherit = "stock.channel.publication"

    guard_at = fields.Datetime(
        readonly=True, help="When a map, rule, condition or kit last changed it."
    )
    guard_qty = fields.Float(
        "Before the Change",
        digits=0,
        readonly=True,
        help="The published number before that change.",
    )
    guard_to = fields.Float(
        digits=0, readonly=True, help="The published number after that change."
    )
    guard_units = fields.Float(
        digits=0,
        readonly=True,
        help="What was sellable before, in the product's own unit.",
    )
    guard_factor = fields.Float(digits=0, readonly=True, aggregator=None)
    guard_mixed = fields.Boolean(
        readonly=True, help="Stock or orders changed it in the same run."
    )
    held_push_id = fields.Many2one(
        "stock.channel.push",
        "Held By",
        readonly=True,
        ondelete="set null",
        index="btree_not_null",
    )
    held_qty = fields.Float(
        "May Show",
        digits=0,
        readonly=True,
        help="The most that may be published while it is held.",
    )
    held_units = fields.Float(digits=0, readonly=True)
    computed_qty = fields.Float(
        "Would Show",
        compute="_compute_computed_qty",
        digits=0,
        help="The number computed now; a held row is not told it.",
    )
    hold_text = fields.Char("Why Held", compute="_compute_hold_text")

    _guard = models.Index("(guard_at) WHERE guard_at IS NOT NULL")

    @api.depends("published", "own_open", "channel_id.quantity_meaning")
    def _compute_computed_qty(self):
        for row in self:
            is_physical = row.channel_id.quantity_meaning == "physical"
            row.computed_qty = row.published + (row.own_open if is_physical else 0.0)

    @api.depends("held_push_id.state", "published")
    def _compute_hold_text(self):
        for row in self:
            push_sudo = row.sudo().held_push_id
            if not push_sudo:
                row.hold_text = False
                continue
            values = {
                "push": push_sudo.display_name,
                "shown": plain(row.wanted_qty),
                "computed": plain(row.computed_qty),
            }
            row.hold_text = (
                self.env._(
                    "Held by %(push)s, which waits for approval: the channel keeps "
                    "%(shown)s instead of %(computed)s. Sales still lower it.",
                    **values,
                )
                if push_sudo.state == "held"
                else self.env._(
                    "The change held by %(push)s was rejected: the channel keeps "
                    "%(shown)s instead of %(computed)s until its cause is mended. "
                    "Sales still lower it.",
                    **values,
                )
            )

    @api.depends("computed_qty", "held_push_id")
    def _compute_parts(self):
        """The parts are those of the computed number, which a held row is not told."""
        result = super()._compute_parts()
        for row in self:
            if row.held_push_id and row.parts:
                row.parts = {**row.parts, "wire": row.computed_qty, "held": True}
        return result

    def _explain_ledger(self):
        ledger = super()._explain_ledger()
        row_sudo = self.sudo()
        if row_sudo.held_push_id:
            ledger["held"] = {
                "quantity": row_sudo.held_qty,
                "computed": row_sudo.computed_qty,
                "push": self._reference(row_sudo.held_push_id),
                "note": row_sudo.hold_text,
            }
        return ledger

    # ------------------------------------------------------------- computing

    @api.model
    def _guard_updates(self, changes):
        """Return what else is written where a guarded change moves a number.

        Of two such changes before anything was sent the first one's number counts.
        """
        if not any(cause in GUARDED for _id, cause, _at in changes):
            return []
        is_guarded = SQL(
            """
            EXCLUDED.cause = ANY(%s) AND row.wanted_qty <> EXCLUDED.wanted_qty
            AND row.sent_at IS NOT NULL AND row.held_push_id IS NULL
            """,
            list(GUARDED),
        )
        return [
            SQL(
                "%s = CASE WHEN %s THEN %s ELSE %s END",
                SQL.identifier(name),
                is_guarded,
                value,
                SQL.identifier("row", name),
            )
            for name, value in self._guard_values().items()
        ]

    @api.model
    def _guard_values(self):
        """Return what a guarded change leaves at a ``row``, by column."""
        now = self.env.cr.now()
        is_second = SQL(
            "row.state = 'pending' AND row.guard_at = row.wanted_at "
            "AND row.guard_at >= %s - %s * interval '1 minute'",
            now,
            WINDOW_MINUTES,
        )
        before = {
            "guard_qty": SQL("row.published"),
            "guard_units": SQL("coalesce(row.sellable, 0) / row.factor"),
            "guard_factor": SQL("row.factor"),
        }
        return {
            "guard_at": SQL("%s", now),
            "guard_to": SQL("EXCLUDED.published"),
            "guard_mixed": SQL("FALSE"),
            **{
                name: SQL(
                    "CASE WHEN %s THEN %s ELSE %s END",
                    is_second,
                    SQL.identifier("row", name),
                    value,
                )
                for name, value in before.items()
            },
        }

    @api.model
    def _is_any_held(self):
        return bool(
            self.env.execute_query(
                SQL(
                    "SELECT 1 FROM stock_channel_publication "
                    "WHERE held_push_id IS NOT NULL LIMIT 1"
                )
            )
        )

    @api.model
    def _limited(self, query):
        """Return the query of numbers with what held rows may show as their wire."""
        query = super()._limited(query)
        if NOTHING_HELD in self.env.cr.cache or not self._is_any_held():
            return query
        names = (
            "listing_id",
            "channel_location_id",
            "channel_id",
            "company_id",
            "listing_product_id",
            *PARTS,
        )
        return SQL(
            """
            SELECT %s,
                   CASE WHEN hold.id IS NULL THEN number.wire
                        WHEN hold.guard_to < hold.guard_qty
                            THEN hold.held_qty + number.wire - number.published
                        ELSE least(hold.held_qty, number.published)
                             + number.wire - number.published END AS wire
              FROM (%s) AS number
              LEFT JOIN stock_channel_publication AS hold
                     ON hold.listing_id = number.listing_id
                    AND hold.channel_location_id = number.channel_location_id
                    AND hold.held_push_id IS NOT NULL
            """,
            SQL(", ").join(SQL.identifier("number", name) for name in names),
            query,
        )

    @api.model
    def _refresh_listings(self, changes):
        """Lower what held rows may show, and let go what is no change any more."""
        if not changes:
            return super()._refresh_listings(changes)
        if not self._is_any_held():
            # Not asked again for the statement that follows.
            self.env.cr.cache[NOTHING_HELD] = True
            try:
                return super()._refresh_listings(changes)
            finally:
                self.env.cr.cache.pop(NOTHING_HELD, None)
        held_ids = self._held_listings([change[0] for change in changes])
        if not held_ids:
            return super()._refresh_listings(changes)
        self._lower_ceilings(held_ids)
        count = super()._refresh_listings(changes)
        changed_anew = [
            listing_id
            for listing_id, cause, _at in changes
            if cause in GUARDED and listing_id in held_ids
        ]
        return count + self._let_go(held_ids, changed_anew)

    @api.model
    def _held_listings(self, listing_ids):
        """Return which of these listings have a held row."""
        rows = self.env.execute_query(
            SQL(
                """
                SELECT DISTINCT listing_id
                  FROM stock_channel_publication
                 WHERE held_push_id IS NOT NULL
                   AND listing_id = ANY(%s)
                """,
                listing_ids,
            )
        )
        return {listing_id for (listing_id,) in rows}

    @api.model
    def _lower_ceilings(self, listing_ids, condition=None):
        """Take what was sold or moved away since off what these rows may show.

        Counted where goods were counted before the change that is held. The statement
        says the same as ``connectors.guard.ceiling``.

        :param SQL condition: which of their held rows, ``row``; all when None.
        """
        earlier = self.env["stock.channel.availability.earlier"]
        query = earlier._number_query(earlier._scope_of(sorted(listing_ids)))
        self.env.cr.execute(
            SQL(
                """
                UPDATE stock_channel_publication AS row
                   SET held_units = now.units,
                       held_qty = least(row.guard_qty, CASE
                           WHEN listing.is_whole_units
                               THEN floor(now.remainder + 1e-9)
                           ELSE floor(now.remainder * 1000 + 1e-6) / 1000 END)
                  FROM (SELECT held.id,
                               earlier.units,
                               greatest(0, held.guard_qty - held.guard_factor
                                   * greatest(0, held.guard_units - earlier.units))
                                   AS remainder
                          FROM stock_channel_publication AS held
                          JOIN (SELECT listing_id, channel_location_id,
                                       coalesce(sellable, 0) / factor AS units
                                  FROM (%(earlier)s) AS number) AS earlier
                            ON earlier.listing_id = held.listing_id
                           AND earlier.channel_location_id
                               = held.channel_location_id
                         WHERE held.held_push_id IS NOT NULL
                       ) AS now,
                       stock_channel_listing AS listing
                 WHERE row.id = now.id
                   AND listing.id = row.listing_id
                   AND %(condition)s
                """,
                earlier=query,
                condition=condition or SQL("TRUE"),
            ),
            log_exceptions=False,
        )
        self.invalidate_model(["held_qty", "held_units"])

    # -------------------------------------------------------------- letting go

    @api.model
    def _let_go(self, listing_ids, changed_anew):
        """End the hold of rows whose number is no longer off because of the change.

        A held fall is over when the computed number is not lower than what may be
        shown; a held rise when it is not higher than stock alone would make it. A
        change that was rejected and is followed by another one is judged anew.

        :param changed_anew: listings that a guarded cause has just touched.
        :return: how many numbers changed by that.
        """
        rows = self._held_now(listing_ids)
        anew = set(changed_anew)
        mended = {row[0]: row for row in rows if row[4]}
        other = {
            row[0]: row
            for row in rows
            if row[5] and not row[4] and row[3] == "dropped" and row[1] in anew
        }
        self._forget_hold(list(mended))
        self._judge_anew(list(other))
        gone = {**mended, **other}
        pushes_sudo = (
            self.env["stock.channel.push"]
            .sudo()
            .browse({row[2] for row in gone.values()})
        )
        pushes_sudo._end_if_empty()
        now = self.env.cr.now()
        listing_ids = sorted({row[1] for row in mended.values()})
        return self._refresh_listings([(one, None, now) for one in listing_ids])

    @api.model
    def _held_now(self, listing_ids):
        """Lock the held rows of these listings.

        :return: list of (id, listing id, push id, its state, whether it is mended,
            whether another number is computed than was rejected).
        """
        return self.env.execute_query(
            SQL(
                """
                SELECT row.id, row.listing_id, row.held_push_id, push.state,
                       CASE WHEN row.guard_to < row.guard_qty
                            THEN row.published >= row.held_qty
                            ELSE row.published <= row.guard_qty
                                + row.guard_factor * greatest(
                                    0, row.held_units - row.guard_units)
                       END AS is_mended,
                       row.published <> row.guard_to AS is_other
                  FROM stock_channel_publication AS row
                  JOIN stock_channel_push AS push ON push.id = row.held_push_id
                 WHERE row.listing_id = ANY(%s)
                 ORDER BY row.id
                   FOR NO KEY UPDATE OF row
                """,
                list(listing_ids),
            )
        )

    @api.model
    def _forget_hold(self, row_ids):
        """Let these rows be told what is computed, from the next computation on."""
        if not row_ids:
            return
        self.env.cr.execute(
            SQL(
                """
                UPDATE stock_channel_publication
                   SET held_push_id = NULL, held_qty = NULL, held_units = NULL,
                       guard_at = NULL, guard_qty = NULL, guard_to = NULL,
                       guard_units = NULL, guard_factor = NULL, guard_mixed = NULL
                 WHERE id = ANY(%s)
                """,
                row_ids,
            )
        )
        self.invalidate_model()

    @api.model
    def _judge_anew(self, row_ids):
        """Take rejected rows for rows that were just changed from what they may show."""
        if not row_ids:
            return
        self.env.cr.execute(
            SQL(
                """
                UPDATE stock_channel_publication AS row
                   SET guard_at = %(now)s, guard_qty = row.held_qty,
                       guard_units = coalesce(row.held_units, row.guard_units),
                       guard_to = row.published, guard_mixed = FALSE,
                       held_push_id = NULL, held_qty = NULL, held_units = NULL,
                       wanted_qty = row.published + row.wanted_qty - row.held_qty,
                       wanted_at = %(now)s, wanted_sequence = nextval(%(sequence)s),
                       state = CASE WHEN row.state IN ('sending', 'unknown')
                                    THEN row.state ELSE 'pending' END
                 WHERE id = ANY(%(ids)s)
                """,
                now=self.env.cr.now(),
                sequence=SEQUENCE,
                ids=row_ids,
            )
        )
        self.invalidate_model()


class StockChannelPublicationLogHold(models.Model):
    _inherit = "stock.channel.publication.log"

    def _check_logged(self, log_sudo, parts, differences):
        """A held number is not what its parts come to, and that is no mistake."""
        if not (log_sudo.parts or {}).get("held"):
            return super()._check_logged(log_sudo, parts, differences)
        differences.append(
            {
                "part": "acknowledged",
                "quantity": log_sudo.quantity,
                "found": parts["wire"],
                "note": self.env._(
                    "A mass change was held: the number was lowered by what was sold "
                    "since, the parts are those of the number that was held back."
                ),
            }
        )
        return None
