from datetime import timedelta

from odoo import api, fields, models
from odoo.tools import SQL

# A rise behind a fence waits for the channel's orders, which are asked for once a
# minute: only what waits longer than this beyond the target is late.
FENCE_MINUTES = 5
# A new catalogue is filled by then.
FILLING = timedelta(hours=2)
# An alarm that stays is not told anew within this time.
QUIET = timedelta(hours=1)


class StockChannelLate(models.Model):
    """The alarm of the promise: no number older than the channel's target."""

    _inherit = "stock.channel"

    oldest_waiting_at = fields.Datetime(
        "Oldest Waiting",
        compute="_compute_oldest_waiting_at",
        compute_sudo=True,
        help="The oldest stock change the channel has still to acknowledge. Refused "
        "numbers and paused listings are left out.",
    )

    # ---------------------------------------------------------------- seeing

    def _due_query(self):
        """Return FROM and WHERE of the ``row``s the channel has to acknowledge.

        Refused ones have an exception of their own; what a person paused is not due.
        """
        return SQL(
            """
              FROM stock_channel_publication AS row
              JOIN stock_channel_listing AS listing ON listing.id = row.listing_id
              JOIN stock_channel_location AS place
                ON place.id = row.channel_location_id
             WHERE row.channel_id = %s
               AND row.state <> 'clean'
               AND row.state IN ('pending', 'sending', 'unknown')
               -- An archived listing is told zero, paused or not.
               AND NOT (listing.active AND coalesce(listing.is_paused, FALSE))
               AND row.changed_at IS NOT NULL
            """,
            self.id,
        )

    def _rise_due_query(self):
        """Return the SQL expression since when a rise, ``row``, could be told.

        Whoever holds rises back for another good reason extends this by the moment
        at which the reason ended, ``'infinity'`` while it lasts::

            SQL("greatest(%s, %s)", super()._rise_due_query(), opened_at)
        """
        return SQL(
            """
            row.changed_at + CASE WHEN row.fence_at IS NULL THEN interval '0'
                                  ELSE %s * interval '1 minute' END
            """,
            FENCE_MINUTES,
        )

    def _late_query(self, now):
        """Return FROM and WHERE of the rows that are late.

        Filling a new catalogue takes longer than the target, standing still does
        not: what was never acknowledged counts only while nothing at all is, or
        after so long that it cannot be the filling.
        """
        deadline = now - timedelta(minutes=self.freshness_target)
        return SQL(
            """
            %(due)s
               AND row.changed_at < %(deadline)s
               AND (row.acknowledged_at IS NOT NULL
                    OR row.changed_at < %(filled)s
                    OR NOT EXISTS (
                   SELECT 1
                     FROM stock_channel_publication_log AS log
                    WHERE log.channel_id = %(channel)s
                      AND log.acknowledged_at >= %(deadline)s))
               AND (coalesce(%(is_fall)s, FALSE) OR %(rise_due)s < %(deadline)s)
            """,
            due=self._due_query(),
            deadline=deadline,
            filled=deadline - FILLING,
            channel=self.id,
            is_fall=self._may_lower(),
            rise_due=self._rise_due_query(),
        )

    def _late_rows(self, now):
        """Return what is late: (how many, falls among them, oldest publication).

        Nearly always nothing is: then one look into an index is all it costs.
        """
        Publication = self.env["stock.channel.publication"]
        query = self._late_query(now)
        ((row_id,),) = self.env.execute_query(
            SQL(
                "SELECT (SELECT row.id %s ORDER BY row.changed_at, row.id LIMIT 1)",
                query,
            )
        )
        if not row_id:
            return 0, 0, Publication
        ((count, falls),) = self.env.execute_query(
            SQL(
                """
                SELECT count(*),
                       count(*) FILTER (WHERE row.wanted_qty < row.expected_qty)
                %s
                """,
                query,
            )
        )
        return count, falls, Publication.browse(row_id)

    @api.model
    def _oldest_uncomputed_at(self):
        """Return when the stock change was made that waits longest for its numbers.

        Ids are given out as changes are logged: the lowest is as good as the oldest
        and needs no search. None when nothing waits.
        """
        found = self.env.execute_query(
            SQL("SELECT changed_at FROM stock_channel_dirty ORDER BY id LIMIT 1")
        )
        return found[0][0] if found else None

    def _compute_oldest_waiting_at(self):
        for channel in self:
            oldest = self.env.execute_query(
                SQL(
                    "SELECT row.changed_at %s ORDER BY row.changed_at LIMIT 1",
                    channel._due_query(),
                )
            )
            is_told = channel.state == "live" and oldest
            channel.oldest_waiting_at = oldest[0][0] if is_told else False

    # --------------------------------------------------------------- telling

    @api.model
    def _watch_freshness(self):
        """Open, keep and close the alarms of all channels; once a minute.

        A channel that may not be spoken to (paused, shadow, a copy of the database)
        is told nothing and so is late with nothing.
        """
        now = self.env.cr.now()
        uncomputed_at = self._oldest_uncomputed_at()
        late = self.browse()
        for channel in self.sudo().search([("state", "=", "live")]):
            if channel._may_talk() and channel._check_late(now, uncomputed_at):
                late |= channel
        exceptions = self.env["stock.channel.exception"]
        for exception in exceptions.sudo().search(
            [("fingerprint", "=like", "late:%"), ("state", "=", "open")]
        ):
            if exception.channel_id not in late:
                exceptions._resolve_fingerprint(
                    exception.channel_id, exception.fingerprint
                )

    def _check_late(self, now, uncomputed_at):
        """Tell a person when this channel's numbers are older than its target.

        :param uncomputed_at: of the oldest change that no number was computed from,
            None when there is none.
        :return: whether they are.
        """
        self.ensure_one()
        if not self._is_before_target(uncomputed_at, now):
            uncomputed_at = None
        count, falls, oldest = self._late_rows(now)
        if not count and not uncomputed_at:
            return False
        if not self._is_late_told(now):
            self._open_late(now, count, falls, oldest, uncomputed_at)
        return True

    def _open_late(self, now, count, falls, oldest, uncomputed_at):
        """Say what is late, for how long, and what is in the way."""
        reasons = []
        moments = oldest.mapped("changed_at")
        if count:
            reasons.append(self._late_text(now, count, falls, oldest))
        if uncomputed_at:
            reasons.append(self._uncomputed_text(now, uncomputed_at))
            moments.append(uncomputed_at)
        reasons += self._in_the_way(now, oldest)
        self.env["stock.channel.exception"]._open(
            self,
            category="late",
            fingerprint=self._late_fingerprint(),
            title=self.env._(
                "Numbers are older than the target of %s minutes",
                self.freshness_target,
            ),
            cause="\n".join(reasons),
            next_step=self.env._(
                "Remove what is in the way. The hub goes on by itself and closes this "
                "as soon as nothing is late any more."
            ),
            value=self.env._("%s min", minutes_since(min(moments), now)),
            expected_value=self.env._("%s min", self.freshness_target),
            publication_id=oldest.id,
        )

    def _is_before_target(self, moment, now):
        return bool(moment) and moment < now - timedelta(minutes=self.freshness_target)

    def _late_fingerprint(self):
        return f"late:{self.id}"

    def _is_late_told(self, now):
        """Return whether a person was told, or waved it aside, a short while ago."""
        known_sudo = (
            self.env["stock.channel.exception"]
            .sudo()
            .search(
                [
                    ("fingerprint", "=", self._late_fingerprint()),
                    ("state", "!=", "resolved"),
                ]
            )
        )
        return any(
            told_at and told_at > now - QUIET
            for told_at in known_sudo.mapped("last_seen_at")
            + known_sudo.mapped("resolved_at")
        )

    # --------------------------------------------------------------- wording

    def _late_text(self, now, count, falls, oldest):
        return self.env._(
            "Not acknowledged in time: %(count)s, of them falls: %(falls)s. The oldest "
            "is %(sku)s at %(place)s, for %(minutes)s minutes.",
            count=count,
            falls=falls,
            sku=oldest.listing_id.sku,
            place=oldest.channel_location_id.name,
            minutes=minutes_since(oldest.changed_at, now),
        )

    def _uncomputed_text(self, now, uncomputed_at):
        ((count,),) = self.env.execute_query(
            SQL("SELECT count(*) FROM stock_channel_dirty")
        )
        return self.env._(
            "Stock changes no number was computed from yet: %(count)s, the oldest for "
            "%(minutes)s minutes.",
            count=count,
            minutes=minutes_since(uncomputed_at, now),
        )

    def _in_the_way(self, now, oldest):
        """Return, in sentences, what may keep this channel's numbers back.

        :param oldest: the publication that waits longest, maybe none.
        """
        self.ensure_one()
        reasons = [self._job_trouble(self._compute_cron(), now)]
        reasons.append(self._job_trouble(self.sudo().publish_cron_id, now))
        if self.last_error:
            reasons.append(self.env._("The channel said: %s", self.last_error))
        if self.next_attempt_at and self.next_attempt_at > now:
            reasons.append(
                self.env._(
                    "It is left alone until %s UTC.",
                    fields.Datetime.to_string(self.next_attempt_at),
                )
            )
        if not self.is_cut_over and self._capabilities().polling:
            reasons.append(
                self.env._("Its orders were not read since it was put live.")
            )
        reasons.append(self._row_trouble(oldest) if oldest else None)
        return [reason for reason in reasons if reason]

    def _row_trouble(self, row):
        """Return what keeps one number back, None when nothing is known."""
        if row.state == "unknown":
            if not self._capabilities().read_back:
                return self.env._(
                    "Nobody knows whether the oldest arrived; it is sent anew."
                )
            return self.env._(
                "Nobody knows whether the oldest arrived; it is read back first."
            )
        if row.state == "sending":
            return self.env._("The oldest was sent and no answer has come yet.")
        if row.fence_at and row.wanted_qty > row.expected_qty:
            return self.env._(
                "The oldest is a rise and waits until the channel's orders are read "
                "and worked off."
            )
        return None

    def _job_trouble(self, cron, now):
        """Return what is wrong with a scheduled action, None when nothing is."""
        if not cron or not cron.active:
            return self.env._(
                "A scheduled action is switched off: %s", cron.name or self.name
            )
        last = cron.lastcall or cron.create_date
        if not self._is_before_target(last, now):
            return None
        return self.env._(
            "The scheduled action %(job)s has not ended a run since %(last)s UTC.",
            job=cron.name,
            last=fields.Datetime.to_string(last),
        )


class StockChannelLateWatch(models.Model):
    _inherit = "stock.channel.dirty"

    @api.model
    def _watch_steps(self):
        return [*super()._watch_steps(), self.env["stock.channel"]._watch_freshness]


class StockChannelListingPause(models.Model):
    _inherit = "stock.channel.listing"

    def write(self, vals):
        """Count from the end of a pause: what a person held back was not late."""
        resumed = self.browse()
        if "is_paused" in vals and not vals["is_paused"]:
            resumed = self.filtered("is_paused")
        result = super().write(vals)
        resumed._due_from_now()
        return result

    def _due_from_now(self):
        waiting_sudo = (
            self.env["stock.channel.publication"]
            .sudo()
            .search([("listing_id", "in", self.ids), ("state", "!=", "clean")])
        )
        if waiting_sudo:
            waiting_sudo._lock_rows(waiting_sudo.ids).sudo().write(
                {"changed_at": self.env.cr.now()}
            )


def minutes_since(moment, now):
    """Return the whole minutes from one moment to another."""
    return int((now - moment).total_seconds() // 60)
