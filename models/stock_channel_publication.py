import logging
from datetime import timedelta

from odoo import api, fields, models
from odoo.tools import SQL

from .quantities import plain, to_decimal
from .stock_channel_dirty import CAUSES

_logger = logging.getLogger(__name__)

STATES = [
    ("pending", "To Publish"),
    ("sending", "Sending"),
    ("unknown", "Outcome Unknown"),
    ("rejected", "Refused"),
    ("clean", "Acknowledged"),
]
# Which state may follow which. ``_refresh_listings`` moves between pending, rejected
# and clean inside its statement; everything else goes through ``_update_state``. What
# is clean becomes pending there when the channel was found to show something else.
TRANSITIONS = {
    "pending": ("sending",),
    "sending": ("clean", "pending", "rejected", "unknown"),
    "unknown": ("clean", "pending"),
    "rejected": ("pending",),
    "clean": ("pending",),
}
PULL_SIZE = 500
PULL_PARTS = (
    "on_hand",
    "unavailable",
    "reserved",
    "owed",
    "in_flight",
    "incoming",
    "sellable",
    "published",
    "own_open",
)
SEQUENCE = "stock_channel_publication_sequence"


class ImpliedMany2one(fields.Many2one):
    """A link that needs no key of its own in the database.

    The listing has a foreign key, and it keeps its channel, company and product in
    existence; a channel location takes its numbers with it. Checking the four again
    for each of half a million numbers took longer than writing them.
    """

    def update_db_foreign_key(self, model, column):
        """Leave the check to the listing's own keys."""


class StockChannelPublication(models.Model):
    """The ledger: what one listing shows at one channel location, and why.

    Wanted is what the hub computes, sent what left, acknowledged what the channel
    took, expected what the channel must show now (acknowledged, moved by what the
    channel itself did since), observed what it showed when it was last read.
    All quantities are in the listing's selling unit.
    """

    _name = "stock.channel.publication"
    _description = "Published Number"
    _inherit = ["stock.channel.mixin"]
    # By the ids, which one index is sorted by: with the names of listing and location
    # half a million rows were sorted to show the first eighty.
    _order = "listing_id.id, channel_location_id.id"
    _log_access = False

    listing_id = fields.Many2one(
        "stock.channel.listing", required=True, readonly=True, ondelete="cascade"
    )
    channel_location_id = ImpliedMany2one(
        "stock.channel.location", required=True, readonly=True, index=True
    )
    channel_id = ImpliedMany2one("stock.channel", required=True, readonly=True)
    company_id = ImpliedMany2one("res.company", readonly=True)
    product_id = ImpliedMany2one("product.product", readonly=True)
    uom_id = fields.Many2one(related="listing_id.uom_id")
    state = fields.Selection(STATES, required=True, readonly=True, default="pending")

    wanted_qty = fields.Float("Wanted", digits=0, readonly=True)
    wanted_at = fields.Datetime("Computed", readonly=True)
    wanted_sequence = fields.Float(
        digits=(20, 0), readonly=True, help="Cursor of the pull interface."
    )
    sent_qty = fields.Float("Sent", digits=0, readonly=True)
    sent_sequence = fields.Float(
        digits=(20, 0),
        readonly=True,
        help="Numbers every sending: what is sent with a higher one is newer.",
    )
    sent_at = fields.Datetime("Sent On", readonly=True)
    sent_parts = fields.Json(readonly=True, help="What the number sent was made of.")
    acknowledged_qty = fields.Float("Acknowledged", digits=0, readonly=True)
    acknowledged_sequence = fields.Float(
        digits=(20, 0),
        readonly=True,
        help="Numbers every sending: what is acknowledged with a lower one is older.",
    )
    acknowledged_at = fields.Datetime("Acknowledged On", readonly=True)
    expected_qty = fields.Float("Expected", digits=0, readonly=True)
    expected_at = fields.Datetime(
        "Expected Since",
        readonly=True,
        help="When the hub last knew what the channel shows.",
    )
    moved_qty = fields.Float(
        "Moved by the Channel",
        digits=0,
        readonly=True,
        help="What the channel did itself since the number under way was sent.",
    )
    observed_qty = fields.Float("Observed", digits=0, readonly=True)
    observed_at = fields.Datetime("Observed On", readonly=True)
    fence_at = fields.Datetime(
        "Rises Wait Since",
        readonly=True,
        help="The channel showed something else than expected then. The number may "
        "fall at once, but rises only after the channel's orders were read again.",
    )

    changed_at = fields.Datetime(
        "Changed",
        readonly=True,
        help="The oldest stock change the channel has not acknowledged.",
    )
    cause = fields.Selection(CAUSES, readonly=True)
    push_id = fields.Many2one(
        "stock.channel.push", readonly=True, ondelete="set null", index="btree_not_null"
    )
    lease_until = fields.Datetime(
        "Being Sent Until",
        readonly=True,
        help="An answer that has not come by then is given up: the channel is asked what "
        "it shows.",
    )
    attempts = fields.Integer(readonly=True)
    last_error = fields.Char(readonly=True)
    log_ids = fields.One2many("stock.channel.publication.log", "publication_id")

    _listing_location_unique = models.UniqueIndex(
        "(listing_id, channel_location_id)",
        "A listing has one number per channel location.",
    )
    _to_do = models.Index("(channel_id, state) WHERE state <> 'clean'")
    _pull = models.Index("(channel_id, wanted_sequence)")

    def init(self):
        """Make the one sequence behind every number, starting above the clock.

        Seeded above the epoch in milliseconds it never restarts, whatever is
        uninstalled, restored or created anew: a channel that remembers an old
        sequence keeps accepting new numbers.
        """
        self.env.cr.execute(
            SQL("SELECT 1 FROM pg_class WHERE relkind = 'S' AND relname = %s", SEQUENCE)
        )
        if not self.env.cr.rowcount:
            self.env.cr.execute(
                SQL("SELECT (extract(epoch FROM clock_timestamp()) * 1000)::bigint")
            )
            (start,) = self.env.cr.fetchone()
            self.env.cr.execute(
                SQL(
                    "CREATE SEQUENCE %s AS bigint START WITH %s",
                    SQL.identifier(SEQUENCE),
                    SQL(str(int(start))),
                )
            )

    @api.depends("listing_id.sku", "channel_location_id.name")
    def _compute_display_name(self):
        for publication in self:
            publication.display_name = (
                f"{publication.listing_id.sku} @ {publication.channel_location_id.name}"
            )

    # ---------------------------------------------------------------- state

    @api.model
    def _lock_rows(self, row_ids):
        """Lock these rows as the first statement of a transaction.

        Whoever loses a race for them starts over here, at once and in silence,
        instead of in the middle of its work.

        :return: the rows that still exist.
        """
        self.env.cr.execute(
            SQL(
                """
                SELECT id
                  FROM stock_channel_publication
                 WHERE id = ANY(%s)
                 ORDER BY id
                   FOR NO KEY UPDATE
                """,
                list(row_ids),
            ),
            log_exceptions=False,
        )
        return self.browse(row_id for (row_id,) in self.env.cr.fetchall())

    def _update_state(self, target, vals=None):
        """Move these rows to ``target`` and write ``vals`` with it.

        The gate of the ledger's state machine: rows that may not move there are
        logged and left alone.

        :return: the rows that moved.
        """
        allowed = self.filtered(lambda row: target in TRANSITIONS[row.state])
        refused = self - allowed
        if refused:
            _logger.warning("publications %s may not become %s", refused.ids, target)
        allowed.write({**(vals or {}), "state": target})
        return allowed

    def _update_state_at_once(self, target, assignments, given):
        """Move these rows to ``target`` in one statement, each with its own values.

        The same gate as ``_update_state``, for batches of them.

        :param dict assignments: column → ``SQL`` of its value, which may speak of
            ``row`` as it was and of ``given``.
        :param SQL given: query of (id, …), one row for each of these rows.
        :return: the rows that moved.
        """
        if not self:
            return self
        self.flush_model()
        self.env.cr.execute(
            SQL(
                """
                UPDATE stock_channel_publication AS row
                   SET state = %(target)s, %(assignments)s
                  FROM (%(given)s) AS given
                 WHERE row.id = given.id
                   AND row.id = ANY(%(ids)s)
                   AND row.state = ANY(%(sources)s)
                RETURNING row.id
                """,
                target=target,
                assignments=SQL(", ").join(
                    SQL("%s = %s", SQL.identifier(name), value)
                    for name, value in assignments.items()
                ),
                given=given,
                ids=self.ids,
                sources=[
                    source
                    for source, targets in TRANSITIONS.items()
                    if target in targets
                ],
            )
        )
        moved = self & self.browse(row_id for (row_id,) in self.env.cr.fetchall())
        self.invalidate_model()
        refused = self - moved
        if refused:
            _logger.warning("publications %s may not become %s", refused.ids, target)
        return moved

    # ------------------------------------------------------------ forgetting

    def _forget(self, is_same=False):
        """Publish these rows anew: what was told before was told to something else.

        Their item or location has another id at the channel now, or the channel is
        another one. Answers that still come for the old one are ignored: they belong
        to no sequence these rows know of.

        :param bool is_same: nothing has another id, the channel was only silent for
            a while. It may still show the old numbers: what is lower is a fall.
        """
        if not self:
            return
        shown = {} if is_same else {"expected_qty": 0, "sent_qty": 0}
        self._lock_rows(self.ids).sudo().write(
            {
                **shown,
                "state": "pending",
                "push_id": False,
                "lease_until": False,
                "attempts": 0,
                "last_error": False,
                "sent_sequence": 0,
                "acknowledged_sequence": 0,
                "acknowledged_at": False,
                "expected_at": False,
                "fence_at": False,
                "changed_at": self.env.cr.now(),
            }
        )
        self.channel_id._wake_publishers()

    def _left_fingerprint(self, name, place):
        return f"left:{self.channel_id.id}:{name}:{place}"

    def _kept_up_again(self):
        """Close what was said of the id that this row has now."""
        for row in self:
            self.env["stock.channel.exception"]._resolve_fingerprint(
                row.channel_id,
                row._left_fingerprint(
                    row.listing_id.sku, row.channel_location_id.external_id
                ),
            )

    def _left_behind(self, name, place):
        """Tell a person that the channel still shows a number nobody keeps up.

        :param str name: the SKU under which the channel was told.
        :param str place: the channel's own id of the location.
        """
        for row in self.filtered(lambda row: row.acknowledged_qty > 0):
            self.env["stock.channel.exception"]._open(
                row.channel_id,
                category="drift",
                fingerprint=row._left_fingerprint(name, place),
                title=self.env._("The channel still shows %s", name),
                cause=self.env._(
                    "The map was changed. The channel was last told %(quantity)s of "
                    "%(sku)s at its location %(place)s, and nobody keeps that number "
                    "up any more.",
                    quantity=plain(row.acknowledged_qty),
                    sku=name,
                    place=place,
                ),
                next_step=self.env._(
                    "Set it to zero at the channel, or take the item off sale there."
                ),
                value=name,
                publication_id=row.id,
            )

    # ------------------------------------------------------------- expecting

    @api.model
    def _channel_moved(self, listing, channel_location, delta, at):
        """Note that the channel itself changed what it shows by ``delta``.

        :param float delta: in the selling unit, negative when it sold.
        :param datetime at: naive UTC. What happened before the channel's number
            was last set or read is in that number already.
        """
        self.env.cr.execute(
            SQL(
                """
                UPDATE stock_channel_publication
                   SET expected_qty = expected_qty
                           + CASE WHEN expected_at < %(at)s THEN %(delta)s ELSE 0 END,
                       moved_qty = coalesce(moved_qty, 0)
                           + CASE WHEN sent_at < %(at)s THEN %(delta)s ELSE 0 END
                 WHERE listing_id = %(listing)s
                   AND channel_location_id = %(place)s
                   AND (expected_at < %(at)s
                        OR (state = 'sending' AND sent_at < %(at)s))
                """,
                delta=to_decimal(delta),
                listing=listing.id,
                place=channel_location.id,
                at=at,
            ),
            log_exceptions=False,
        )
        self.invalidate_model(["expected_qty", "moved_qty"])

    # --------------------------------------------------------------- pulling

    @api.model
    def _pull_page(self, channel, since):
        """Return the numbers of a channel that changed after a cursor.

        A lower sequence may be committed after a higher one, so the cursor stays a
        minute behind: what changed just now is told twice rather than never.

        :param int since: cursor of an earlier page, 0 for everything.
        :return: dict of ``levels`` and ``next`` (None when nothing was left).
        """
        rows = self.search(
            [("channel_id", "=", channel.id), ("wanted_sequence", ">", since)],
            order="wanted_sequence",
            limit=PULL_SIZE,
        )
        settled = rows.filtered(
            lambda row: row.wanted_at < self.env.cr.now() - timedelta(minutes=1)
        )
        is_full = len(rows) == PULL_SIZE
        upto = rows[-1:] if is_full else settled[-1:]
        following = str(int(upto.wanted_sequence)) if upto else (str(since) or None)
        return {
            "levels": [row._pull_level() for row in rows],
            "next": following if rows else None,
        }

    def _pull_level(self):
        self.ensure_one()
        parts = {
            name: plain(value)
            for name, value in (self.parts or {}).items()
            if name in PULL_PARTS
        }
        return {
            "sku": self.listing_id.sku,
            "item_id": self.listing_id.item_id or None,
            "location_id": self.channel_location_id.external_id,
            "quantity": plain(self.wanted_qty),
            "unit": self.uom_id.name,
            "sequence": int(self.wanted_sequence),
            "state": "acknowledged" if self.state == "clean" else "wanted",
            "parts": parts,
            "updated_at": f"{self.wanted_at.isoformat()}Z",
        }

    # -------------------------------------------------------------- actions

    def action_publish_again(self):
        """Try refused rows once more; the number is computed anew."""
        self.check_access("read")
        self.env["stock.channel.exception"]._check_operator()
        rows_sudo = self.sudo().filtered(lambda row: row.state == "rejected")
        rows_sudo._update_state("pending", {"attempts": 0, "last_error": False})
        rows_sudo.channel_id._wake_publishers()

    def action_open_product(self):
        self.ensure_one()
        return {
            "type": "ir.actions.act_window",
            "res_model": "product.product",
            "res_id": self.product_id.id,
            "view_mode": "form",
        }
