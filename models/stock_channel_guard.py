"""The guard on mass changes: counts what maps, rules and the like did to numbers."""

from datetime import timedelta

from odoo import SUPERUSER_ID, api, fields, models
from odoo.exceptions import AccessError, ValidationError
from odoo.tools import SQL

from ..connectors.guard import Tally, Thresholds, decide
from .quantities import to_decimal
from .stock_channel_dirty import HAPPENED
from .stock_channel_hold import GUARDED, WINDOW_MINUTES

GUARD_FIELDS = (
    "guard_zero_share",
    "guard_move_share",
    "guard_move_percent",
    "guard_value_share",
    "guard_floor",
)
PERCENT_FIELDS = ("guard_zero_share", "guard_move_share", "guard_value_share")
# What one selling unit sells for, by the products and units below: an order of
# magnitude, as ``listing._unit_prices()``, without what variants cost extra.
PRICE = SQL("template.list_price * listing_uom.factor / product_uom.factor")
PRICED = SQL(
    """
    JOIN stock_channel_listing AS listing ON listing.id = row.listing_id
    JOIN product_product AS product ON product.id = listing.product_id
    JOIN product_template AS template ON template.id = product.product_tmpl_id
    JOIN uom_uom AS product_uom ON product_uom.id = template.uom_id
    JOIN uom_uom AS listing_uom ON listing_uom.id = listing.uom_id
    """
)


class StockChannelGuard(models.Model):
    """Thresholds of one channel, and the judgement of what has just changed.

    What a guarded cause changed goes out only once it was judged. It is judged when
    the last of it is computed: a change of a hundred thousand listings is drained in
    ten transactions, and none of them may pass for a small one.
    """

    _inherit = "stock.channel"

    guard_zero_share = fields.Float(
        "Listings to Zero (%)",
        default=20,
        digits=(5, 1),
        help="A change of maps, rules, conditions or kits that takes more than this "
        "share of the listings on sale to zero is held until somebody approves it.",
    )
    guard_move_share = fields.Float(
        "Listings Moved Far (%)",
        default=30,
        digits=(5, 1),
        help="The same for listings whose number moves far, up or down.",
    )
    guard_move_percent = fields.Float(
        "Far Is More Than (%)",
        default=50,
        digits=(6, 1),
        help="A number moves far when it changes by more than this part of itself.",
    )
    guard_value_share = fields.Float(
        "Value Changed (%)",
        default=30,
        digits=(5, 1),
        help="The same for the value on sale that comes or goes.",
    )
    guard_floor = fields.Integer(
        "Never Below (listings)",
        default=10,
        help="Changes of fewer listings are never held, whatever share they are. Only "
        "a catalogue of three or more of which nothing would be left on sale is.",
    )
    guard_judged_at = fields.Datetime(
        readonly=True, copy=False, help="What changed until then was judged."
    )

    @api.constrains(*GUARD_FIELDS)
    def _check_guard(self):
        for channel in self:
            shares = [channel[name] for name in PERCENT_FIELDS]
            if any(not 1 <= share <= 100 for share in shares):
                raise ValidationError(
                    self.env._("Each share of the guard is between 1 and 100 percent.")
                )
            if not 1 <= channel.guard_move_percent <= 1000:
                raise ValidationError(
                    self.env._("A number moves far by 1 to 1000 percent of itself.")
                )
            if channel.guard_floor < 1:
                raise ValidationError(
                    self.env._("The guard begins at one listing or more.")
                )

    @api.model_create_multi
    def create(self, vals_list):
        for vals in vals_list:
            self._check_guard_admin(vals)
        return super().create(vals_list)

    def write(self, vals):
        named = [name for name in GUARD_FIELDS if name in vals]
        if not named:
            return super().write(vals)
        self._check_guard_admin(vals)
        before = {channel.id: channel.read(named)[0] for channel in self}
        result = super().write(vals)
        values = {
            channel.id: tuple(
                {name: found[name] for name in named}
                for found in (before[channel.id], channel.read(named)[0])
            )
            for channel in self
        }
        changed = self.filtered(lambda one: values[one.id][0] != values[one.id][1])
        self.env["stock.channel.audit"]._log(changed, "changed", values=values)
        return result

    def _check_guard_admin(self, vals):
        """Refuse people who could switch off what they are to be stopped by.

        :raise AccessError: for anybody but administrators of stock channels.
        """
        if set(GUARD_FIELDS) & vals.keys() and not (
            self.env.su or self.env.user.has_group("stock_channel_hub.group_admin")
        ):
            raise AccessError(
                self.env._("Only administrators of stock channels set the guard.")
            )

    def _thresholds(self):
        self.ensure_one()
        return Thresholds(
            zero_share=to_decimal(self.guard_zero_share),
            move_share=to_decimal(self.guard_move_share),
            value_share=to_decimal(self.guard_value_share),
            floor=self.guard_floor,
        )

    def _may_go(self):
        """Nor does a row go that a guarded cause changed and nobody has judged."""
        return SQL(
            "%s AND (row.guard_at IS NULL OR row.guard_at <= %s)",
            super()._may_go(),
            self._judged_at(),
        )

    def _judged_at(self):
        """Return the exact moment; a field of a record has no microseconds."""
        return SQL("(SELECT guard_judged_at FROM stock_channel WHERE id = %s)", self.id)

    # ---------------------------------------------------------------- judging

    @api.model
    def _judge_changes(self):
        """Hold what maps, rules and the like have just changed, where it is too much.

        One statement counts, for the channels concerned only. Runs in the transaction
        that computed the last of the numbers, so no publisher has seen them go.
        """
        now = self.env.cr.now()
        since = now - timedelta(minutes=WINDOW_MINUTES)
        self.env.flush_all()
        for found in self._tallies(since):
            channel = self.browse(found["channel_id"])
            candidates = found["candidates"] if channel._is_guarded() else 0
            tally = self._tally(found)
            reasons = decide(tally, channel._thresholds()) if candidates else ()
            if reasons:
                channel._hold_changes(since, tally, reasons, found)
        self._note_judged(since)
        self._drop_earlier_maps()

    def _is_guarded(self):
        """Return whether this channel shows numbers that a change could spoil."""
        return self.state in ("live", "paused") and self.active

    def _tally(self, found):
        return Tally(
            on_sale=found["on_sale"],
            zeroed=found["zeroed"],
            moved=found["moved"],
            changed=found["changed"],
            value=to_decimal(found["value"] or 0.0),
            value_changed=to_decimal(found["value_changed"] or 0.0),
        )

    @api.model
    def _tallies(self, since):
        """Return what was changed since, per channel of which anything was.

        A row that stock raised in the same run is not counted: a receipt that is
        computed together with a small rule is no mass change. It is held with the
        others if there is one. Rows held within the window count on, those held or
        rejected before it stand as they are.
        """
        self.env.cr.execute(
            SQL(
                """
                WITH concerned AS (
                    SELECT DISTINCT row.channel_id
                      FROM stock_channel_publication AS row
                     WHERE row.guard_at >= %(since)s
                ),
                change AS (
                    SELECT row.channel_id, row.listing_id, %(price)s AS price,
                           row.guard_at >= %(since)s
                               AND row.guard_qty <> row.guard_to AS is_changed,
                           %(candidate)s AS is_candidate,
                           coalesce(row.guard_mixed, FALSE)
                               AND row.guard_to > row.guard_qty AS is_raised,
                           CASE WHEN row.guard_at >= %(since)s THEN row.guard_qty
                                ELSE coalesce(row.held_qty, row.published) END
                               AS before,
                           CASE WHEN row.guard_at >= %(since)s THEN row.guard_to
                                ELSE coalesce(row.held_qty, row.published) END
                               AS after,
                           channel.guard_move_percent AS far
                      FROM stock_channel_publication AS row
                      JOIN stock_channel AS channel ON channel.id = row.channel_id
                      %(priced)s
                     WHERE row.channel_id IN (SELECT channel_id FROM concerned)
                       AND row.sent_at IS NOT NULL
                ),
                counted AS (
                    SELECT *, is_changed AND NOT is_raised AS is_counted FROM change
                )
                SELECT channel_id,
                       count(DISTINCT listing_id) FILTER (
                           WHERE before > 0 OR after > 0) AS on_sale,
                       count(DISTINCT listing_id) FILTER (
                           WHERE is_counted AND before > 0 AND after <= 0) AS zeroed,
                       count(DISTINCT listing_id) FILTER (
                           WHERE is_counted
                             AND abs(after - before) * 100 > abs(before) * far)
                           AS moved,
                       count(DISTINCT listing_id) FILTER (WHERE is_counted)
                           AS changed,
                       sum(price * before) AS value,
                       sum(price * abs(after - before)) FILTER (WHERE is_counted)
                           AS value_changed,
                       sum(price * (after - before)) FILTER (WHERE is_counted)
                           AS value_difference,
                       sum(abs(after - before)) FILTER (WHERE is_counted) AS units,
                       count(*) FILTER (WHERE is_candidate) AS candidates
                  FROM counted
                 GROUP BY channel_id
                 ORDER BY channel_id
                """,
                since=since,
                price=PRICE,
                priced=PRICED,
                candidate=self._candidate(since),
            )
        )
        return self.env.cr.dictfetchall()

    @api.model
    def _candidate(self, since):
        """Return when ``row`` can still be held: changed, and not told since.

        A row that was computed again since then, without stock or orders having been
        told as the reason, is let go: nobody knows what it may show.
        """
        return SQL(
            """
            (row.guard_at >= %s AND row.guard_qty <> row.guard_to
             AND row.held_push_id IS NULL
             AND (row.wanted_at = row.guard_at OR row.guard_mixed)
             AND row.state <> 'clean'
             AND NOT (row.state IN ('sending', 'unknown')
                      AND row.sent_qty = row.wanted_qty))
            """,
            since,
        )

    def _hold_changes(self, since, tally, reasons, found):
        """Hold what can still be held of a mass change, under one push.

        What belongs to a change that is held already joins it.
        """
        self.ensure_one()
        Push = self.env["stock.channel.push"].with_user(SUPERUSER_ID)
        push = Push.search(
            [
                ("channel_id", "=", self.id),
                ("state", "=", "held"),
                ("held_at", ">=", since),
            ],
            limit=1,
        )
        is_new = not push
        if is_new:
            push = Push.create(
                {
                    "channel_id": self.id,
                    "state": "held",
                    "held_at": self.env.cr.now(),
                }
            )
        push._take_rows(self._candidate(since))
        push._describe(tally, reasons, found)
        if is_new:
            push._propose()
        else:
            push._update_proposal()

    @api.model
    def _note_judged(self, since):
        judged = self.env.execute_query(
            SQL(
                """
                UPDATE stock_channel
                   SET guard_judged_at = %s
                 WHERE id IN (SELECT channel_id
                                FROM stock_channel_publication
                               WHERE guard_at >= %s)
                RETURNING id
                """,
                self.env.cr.now(),
                since,
            )
        )
        self.invalidate_model(["guard_judged_at"])
        self.browse(one for (one,) in judged)._wake_publishers()

    @api.model
    def _drop_earlier_maps(self):
        """Forget the maps of before where nothing needs them any more.

        What is held does, and what was changed and is not computed yet.
        """
        self.env.cr.execute(
            SQL(
                """
                UPDATE stock_channel_location AS place
                   SET earlier_map = NULL
                 WHERE place.earlier_map IS NOT NULL
                   AND NOT EXISTS (
                       SELECT 1
                         FROM stock_channel_publication AS row
                        WHERE row.channel_location_id = place.id
                          AND row.held_push_id IS NOT NULL)
                   AND NOT EXISTS (
                       SELECT 1
                         FROM stock_channel_dirty AS changed
                        WHERE changed.cause = ANY(%s))
                """,
                list(GUARDED),
            )
        )
        self.env["stock.channel.location"].invalidate_model(["earlier_map"])


class StockChannelDirtyGuard(models.Model):
    _inherit = "stock.channel.dirty"

    def _note_mixed(self, row_ids, touched):
        """Mark the numbers that stock or orders moved since a guarded cause did.

        Goods that left a shelf nobody counts any more change no number; held later,
        the one from before the change would be too high. Lately changed rows are few,
        and mostly none: then this is one look into an index.

        :return: whether a guarded cause moved a number lately.
        """
        since = self.env.cr.now() - timedelta(minutes=WINDOW_MINUTES)
        is_recent = bool(
            self.env.execute_query(
                SQL(
                    "SELECT 1 FROM stock_channel_publication WHERE guard_at >= %s "
                    "LIMIT 1",
                    since,
                )
            )
        )
        happened = is_recent and self.env.execute_query(
            SQL(
                "SELECT id FROM stock_channel_dirty WHERE id = ANY(%s) "
                "AND cause = ANY(%s)",
                row_ids,
                list(HAPPENED),
            )
        )
        if not happened:
            return is_recent
        moved = touched
        if any(cause in GUARDED for _id, cause, _at in touched):
            moved = self._touched_listings([row_id for (row_id,) in happened])
        self.env.cr.execute(
            SQL(
                """
                UPDATE stock_channel_publication
                   SET guard_mixed = TRUE
                 WHERE guard_at >= %s
                   AND guard_mixed IS NOT TRUE
                   AND listing_id = ANY(%s)
                """,
                since,
                [listing_id for listing_id, _cause, _at in moved],
            ),
            log_exceptions=False,
        )
        return is_recent

    def _judge_drained(self, touched, is_recent):
        """Judge what was changed, once the last of it is computed.

        :param bool is_recent: whether it moved any number that was told before.
        """
        if not any(cause in GUARDED for _id, cause, _at in touched):
            return
        if not is_recent:
            self.env["stock.channel"]._drop_earlier_maps()
            return
        is_more = self.env.execute_query(
            SQL(
                "SELECT 1 FROM stock_channel_dirty WHERE cause = ANY(%s) LIMIT 1",
                list(GUARDED),
            )
        )
        if not is_more:
            self.env["stock.channel"]._judge_changes()
