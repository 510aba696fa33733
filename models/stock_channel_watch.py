from datetime import timedelta

from odoo import api, models
from odoo.tools import SQL

from .stock_channel_exception import IGNORED_FOR
from .stock_channel_late import QUIET, minutes_since

# Of the last hour's pushes; fewer are no rate.
FEWEST_FAILED = 5
# Mail that was handed to Odoo's queue has left it by then.
MAIL_MINUTES = 10
CERTAIN_DRIFTS = ("late", "edited", "refused", "unknown")


class StockChannelWatch(models.Model):
    """The watchdog: each trouble is one exception that opens and closes by itself.

    It looks once a minute. What a person waved aside is quiet for an hour; what stays
    is told anew once an hour. A channel that this database may not speak for (a
    draft, a copy) is never in trouble.
    """

    _inherit = "stock.channel"

    @api.model
    def _watched(self, *states):
        """Return the channels of this database in one of these states."""
        channels_sudo = self.sudo().search([("state", "in", states)])
        return channels_sudo.filtered(lambda channel: channel._is_ours())

    @api.model
    def _settle_alarms(self, kind, faults):
        """Open the alarms of one kind for the channels at fault, close the others.

        :param str kind: says what is watched; one alarm per kind and channel.
        :param dict faults: {channel: title, cause, next step and more for ``_open``}.
        """
        now = self.env.cr.now()
        exceptions_sudo = self.env["stock.channel.exception"].sudo()
        prefix = f"watch:{kind}:"
        open_sudo = exceptions_sudo.search(
            [("is_alarm", "=", True), ("state", "=", "open")]
        ).filtered(lambda alarm: alarm.fingerprint.startswith(prefix))
        known = {alarm.channel_id: alarm for alarm in open_sudo}
        for channel, vals in faults.items():
            fingerprint = f"{prefix}{channel.id}"
            alarm = known.pop(channel, None)
            if alarm and alarm.title == vals["title"]:
                is_told = alarm.last_seen_at > now - QUIET
            elif alarm:
                # The trouble became another one: that is news.
                alarm.is_alert_due = True
                is_told = False
            else:
                is_told = self._is_waved_aside(fingerprint, now)
            if not is_told:
                alarm = exceptions_sudo._open(
                    channel, **{"category": "internal", **vals}, fingerprint=fingerprint
                )
                if kind == "mail":
                    # No mail can tell that mail does not arrive.
                    alarm.is_alert_due = False
        for alarm in known.values():
            alarm._update_state("resolved", {"resolved_at": now})

    @api.model
    def _is_waved_aside(self, fingerprint, now):
        return bool(
            self.env["stock.channel.exception"]
            .sudo()
            .search_count(
                [
                    ("fingerprint", "=", fingerprint),
                    ("state", "=", "ignored"),
                    ("resolved_at", ">", now - IGNORED_FOR),
                ],
                limit=1,
            )
        )

    # ----------------------------------------------------------------- queue

    @api.model
    def _waiting_messages(self):
        """Return {channel id: (messages to work on, oldest that nobody took up)}.

        What was taken up once and is tried again counts as one to work on, not as
        standing still; nor does an old delivery that is replayed.
        """
        rows = self.env.execute_query(
            SQL(
                """
                SELECT channel_id, count(*),
                       min(received_at) FILTER (WHERE coalesce(claims, 0) = 0)
                  FROM stock_channel_message
                 WHERE state <> 'done' AND state = 'pending'
                 GROUP BY channel_id
                """
            )
        )
        return {channel_id: (count, oldest) for channel_id, count, oldest in rows}

    @api.model
    def _watch_queue(self):
        """Messages nobody works on, or more than are worked off."""
        now = self.env.cr.now()
        waiting = self._waiting_messages()
        faults = {}
        for channel in self._watched("shadow", "live", "paused"):
            depth, oldest = waiting.get(channel.id, (0, None))
            age = minutes_since(oldest, now) if oldest else 0
            limit = timedelta(minutes=channel.alert_queue_minutes)
            is_old = bool(oldest) and now - oldest > limit
            if not is_old and depth <= channel.alert_queue_depth:
                continue
            faults[channel] = {
                "title": self.env._("Messages of the channel are not worked off"),
                "cause": self.env._(
                    "%(count)s wait, the oldest that nobody has begun for %(minutes)s "
                    "minutes.",
                    count=depth,
                    minutes=age,
                ),
                "next_step": self.env._(
                    "Look whether the scheduled actions run, then open the messages to "
                    "do. This closes by itself when they are worked off."
                ),
                "category": "late",
                "value": self.env._("%(count)s, %(age)s min", count=depth, age=age),
                "expected_value": self.env._(
                    "at most %(count)s, %(age)s min",
                    count=channel.alert_queue_depth,
                    age=channel.alert_queue_minutes,
                ),
            }
        self._settle_alarms("queue", faults)

    # -------------------------------------------------------------- failures

    @api.model
    def _push_results(self, now):
        """Return {channel id: (failed pushes, all pushes)} of the last hour."""
        rows = self.env.execute_query(
            SQL(
                """
                SELECT channel_id,
                       count(*) FILTER (WHERE state IN ('failed', 'unknown')),
                       count(*)
                  FROM stock_channel_push
                 WHERE create_date > %s
                   AND state IN ('done', 'partial', 'unknown', 'failed')
                 GROUP BY channel_id
                """,
                now - timedelta(hours=1),
            )
        )
        return {channel_id: (failed, count) for channel_id, failed, count in rows}

    @api.model
    def _watch_failures(self):
        """Pushes that the channel does not take, too many of an hour's."""
        results = self._push_results(self.env.cr.now())
        faults = {}
        for channel in self._watched("live"):
            failed, count = results.get(channel.id, (0, 0))
            is_rare = failed * 100 <= count * channel.alert_failure_rate
            if failed < FEWEST_FAILED or is_rare:
                continue
            faults[channel] = {
                "title": self.env._("Too many pushes to the channel fail"),
                "cause": self.env._(
                    "Of %(count)s pushes within the last hour %(failed)s failed. %(why)s",
                    count=count,
                    failed=failed,
                    why=channel.last_error or "",
                ).strip(),
                "next_step": self.env._(
                    "Open the pushes that were not taken and read why. Test the "
                    "connection on the channel. The hub tries again by itself."
                ),
                "category": "late",
                "value": f"{round(100 * failed / count)} %",
                "expected_value": self.env._(
                    "at most %s %%", channel.alert_failure_rate
                ),
            }
        self._settle_alarms("failures", faults)

    # ----------------------------------------------------------------- drift

    @api.model
    def _drift_counts(self):
        """Return {channel id: numbers that the channel certainly shows otherwise}."""
        return dict(
            self.env.execute_query(
                SQL(
                    """
                    SELECT channel_id, count(*)
                      FROM stock_channel_publication
                     WHERE drift IS NOT NULL AND drift IN %s
                     GROUP BY channel_id
                    """,
                    CERTAIN_DRIFTS,
                )
            )
        )

    @api.model
    def _watch_drift(self):
        """Many numbers that the channel shows otherwise, whatever is done about it."""
        counts = self._drift_counts()
        faults = {}
        for channel in self._watched("live"):
            count = counts.get(channel.id, 0)
            if count <= channel.alert_drift_limit:
                continue
            faults[channel] = {
                "title": self.env._("Many numbers differ at the channel"),
                "cause": self.env._(
                    "The channel shows %s numbers otherwise than it was told.", count
                ),
                "next_step": self.env._(
                    "Open the numbers that differ and look what they have in common: a "
                    "location, an import, another program that sets them."
                ),
                "category": "drift",
                "value": str(count),
                "expected_value": self.env._("at most %s", channel.alert_drift_limit),
            }
        self._settle_alarms("drift", faults)

    # ------------------------------------------------------------------ mail

    @api.model
    def _watch_mail(self):
        """Alerts that do not go out: the alarm about the alarms."""
        alerts_sudo = self.env["stock.channel.alert"].sudo()
        alerts_sudo._settle_queued()
        stuck_at = self.env.cr.now() - timedelta(minutes=MAIL_MINUTES)
        stuck = alerts_sudo.search(
            [("state", "=", "queued"), ("create_date", "<", stuck_at)]
        ).channel_id
        faults = {}
        for channel in self._watched("shadow", "live", "paused"):
            trouble = channel._undelivered(stuck)
            if not trouble:
                continue
            faults[channel] = {
                "title": self.env._("Alerts of the channel are not delivered"),
                "cause": trouble,
                "next_step": self.env._(
                    "Look at the outgoing mail server and at the monitored address of "
                    "the channel, then send a test alert. This closes by itself as "
                    "soon as a mail goes out."
                ),
            }
        self._settle_alarms("mail", faults)

    def _undelivered(self, stuck):
        """Return why this channel's mails do not arrive, None when they do.

        :param stuck: channels whose mail lies in Odoo's queue for too long.
        """
        last_sudo = self._last_alert()
        if last_sudo.state == "failed":
            return self.env._(
                "The mail to %(address)s was not delivered: %(reason)s",
                address=last_sudo.email_to,
                reason=last_sudo.failure,
            )
        if self in stuck:
            return self.env._(
                "A mail has been in Odoo's mail queue for more than %s minutes.",
                MAIL_MINUTES,
            )
        return None

    # ----------------------------------------------------------------- a day

    @api.model
    def _worst_days(self):
        """Return {channel id: most exceptions that are open of one day}.

        A day is one of the channel's time zone. What is still open of an earlier day
        counts for that day: midnight alone mends nothing. Alarms do not count.
        """
        rows = self.env.execute_query(
            SQL(
                """
                SELECT channel_id, max(count)
                  FROM (
                      SELECT exception.channel_id, count(*) AS count
                        FROM stock_channel_exception AS exception
                        JOIN stock_channel AS channel
                          ON channel.id = exception.channel_id
                       WHERE exception.state = 'open'
                         AND exception.is_alarm IS NOT TRUE
                       GROUP BY exception.channel_id,
                             date_trunc('day',
                                 coalesce(exception.opened_at,
                                          exception.first_seen_at)
                                 AT TIME ZONE 'UTC' AT TIME ZONE channel.timezone)
                  ) AS a_day
                 GROUP BY channel_id
                """
            )
        )
        return dict(rows)

    @api.model
    def _watch_day(self):
        """More unresolved exceptions of one day than people can keep up with."""
        counts = self._worst_days()
        faults = {}
        for channel in self._watched("shadow", "live", "paused"):
            count = counts.get(channel.id, 0)
            if count <= channel.alert_daily_limit:
                continue
            faults[channel] = {
                "title": self.env._(
                    "More than %s unresolved exceptions of one day",
                    channel.alert_daily_limit,
                ),
                "cause": self.env._(
                    "%s exceptions of one day are still open: they come faster than "
                    "they are worked off.",
                    count,
                ),
                "next_step": self.env._(
                    "Group the open exceptions by category: one cause is often behind "
                    "many. Give some to a colleague. This closes by itself."
                ),
                "value": str(count),
                "expected_value": self.env._("at most %s", channel.alert_daily_limit),
            }
        self._settle_alarms("day", faults)


class StockChannelPushHour(models.Model):
    _inherit = "stock.channel.push"

    _by_creation = models.Index("(create_date)")


class StockChannelWatchSteps(models.Model):
    _inherit = "stock.channel.dirty"

    @api.model
    def _watch_steps(self):
        channels = self.env["stock.channel"]
        return [
            *super()._watch_steps(),
            channels._watch_copies,
            channels._watch_queue,
            channels._watch_failures,
            channels._watch_drift,
            channels._watch_credentials,
            channels._watch_jobs,
            channels._watch_day,
            channels._watch_mail,
        ]
