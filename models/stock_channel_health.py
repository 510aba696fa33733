from collections import defaultdict
from datetime import timedelta

from odoo import api, models
from odoo.tools import SQL

from ..connectors.freshness import Histogram
from .stock_channel_freshness import hour_of
from .stock_channel_late import minutes_since


class StockChannelHealth(models.Model):
    """How channels are, as numbers: one set of queries for however many they are.

    Whoever shows or watches them (the overview, a monitoring system) asks here.
    """

    _inherit = "stock.channel"

    def get_health(self):
        """Return how these channels are, for a monitoring system to ask.

        Called without ids it answers for every channel the caller may see; read
        through Odoo's own API with an API key, such as
        ``POST /json/2/stock.channel/get_health``. Ages are seconds. It also tells
        when the scheduler was alive last, which no alarm from inside can.

        :return: list of dicts, one per channel.
        """
        channels = self or self.search([])
        channels.check_access("read")
        now = self.env.cr.now()
        health = channels._health(now)
        scheduler_sudo = channels._watch_job()
        seen_at = scheduler_sudo.lastcall
        silent = (now - seen_at).total_seconds() if seen_at else None
        return [
            {
                "id": channel.id,
                "name": channel.name,
                "state": channel.state,
                "target_seconds": channel.freshness_target * 60,
                **channel._as_monitored(health[channel.id], now),
                "alerts_reach_somebody": channel._alerts_reach_somebody()[0],
                "scheduler_silent_seconds": silent,
            }
            for channel in channels
        ]

    def _as_monitored(self, health, now):
        """Return one channel's health as plain JSON values."""

        def age(moment):
            return max((now - moment).total_seconds(), 0.0) if moment else None

        failed, pushes = health["pushes"]
        return {
            "numbers_waiting": health["due"][0],
            "numbers_oldest_seconds": age(health["due"][1]),
            "messages_waiting": health["messages"][0],
            "messages_oldest_seconds": age(health["messages"][1]),
            "pushes_last_hour": pushes,
            "pushes_failed_last_hour": failed,
            "failure_rate": round(failed / pushes, 4) if pushes else 0.0,
            "drift": health["drift"],
            "pushes_held": health["held"],
            "fall_p95_day_seconds": health["day"]["fall"].percentile(95),
            "rise_p95_day_seconds": health["day"]["rise"].percentile(95),
            "exceptions_open": {
                category: count
                for category, (count, _value) in health["exceptions"].items()
            },
            "value_at_risk": sum(v for _count, v in health["exceptions"].values()),
            "alarms": [title for title, _category in health["alarms"]],
            "credentials_end": health["ends"] and health["ends"][0].isoformat(),
        }

    def _health(self, now):
        """Return {channel id: aggregates}, each by one query for all channels.

        Read with elevated rights once the caller may see the channels: how many
        there are of something is no secret then, what they are is.
        """
        channels_sudo = self.sudo()
        due = channels_sudo._due_numbers()
        messages = channels_sudo._waiting_messages()
        pushes = channels_sudo._push_results(now)
        drift = channels_sudo._drift_counts()
        held = channels_sudo._held_pushes()
        exceptions = channels_sudo._open_by_category()
        alarms = channels_sudo._open_alarms()
        ends = channels_sudo._credential_ends()
        hours = channels_sudo._freshness_hours(now)
        return {
            channel.id: {
                "due": due.get(channel.id, (0, None)),
                "messages": messages.get(channel.id, (0, None)),
                "pushes": pushes.get(channel.id, (0, 0)),
                "drift": drift.get(channel.id, 0),
                "held": held.get(channel.id, 0),
                "exceptions": exceptions.get(channel.id, {}),
                "alarms": alarms.get(channel.id, []),
                "ends": ends.get(channel),
                "hours": hours.get(channel.id, {}),
                "day": day_of(hours.get(channel.id, {})),
            }
            for channel in channels_sudo
        }

    # --------------------------------------------------------------- queries

    def _due_numbers(self):
        """Return {channel id: (numbers to acknowledge, oldest change)}, live ones'.

        Refused ones have an exception; what a person paused is not due.
        """
        rows = self.env.execute_query(
            SQL(
                """
                SELECT row.channel_id, count(*), min(row.changed_at)
                  FROM stock_channel_publication AS row
                  JOIN stock_channel AS channel ON channel.id = row.channel_id
                 WHERE row.channel_id = ANY(%s)
                   AND channel.state = 'live'
                   AND row.state <> 'clean'
                   AND row.state IN ('pending', 'sending', 'unknown')
                   AND row.changed_at IS NOT NULL
                   -- Few are paused; asking each of many rows for its listing would
                   -- take seconds while a catalogue is filled.
                   AND row.listing_id NOT IN (
                       SELECT id
                         FROM stock_channel_listing
                        WHERE is_paused AND active)
                 GROUP BY row.channel_id
                """,
                self.ids,
            )
        )
        return {channel_id: (count, oldest) for channel_id, count, oldest in rows}

    def _held_pushes(self):
        return dict(
            self.env.execute_query(
                SQL(
                    """
                    SELECT channel_id, count(*)
                      FROM stock_channel_push
                     WHERE state <> 'done' AND state = 'held'
                       AND channel_id = ANY(%s)
                     GROUP BY channel_id
                    """,
                    self.ids,
                )
            )
        )

    def _open_by_category(self):
        """Return {channel id: {category: (open exceptions, value at risk)}}."""
        found = defaultdict(dict)
        for channel, category, count, value in self.env[
            "stock.channel.exception"
        ]._read_group(
            [("channel_id", "in", self.ids), ("state", "=", "open")],
            ["channel_id", "category"],
            ["__count", "value_at_risk:sum"],
        ):
            found[channel.id][category] = (count, value or 0.0)
        return found

    def _open_alarms(self):
        """Return {channel id: [(title, category)]}, the oldest first."""
        found = defaultdict(list)
        for alarm in self.env["stock.channel.exception"].search_fetch(
            [
                ("channel_id", "in", self.ids),
                ("state", "=", "open"),
                ("is_alarm", "=", True),
            ],
            ["channel_id", "title", "category"],
            order="opened_at, id",
        ):
            found[alarm.channel_id.id].append((alarm.title, alarm.category))
        return found

    def _freshness_hours(self, now):
        """Return {channel id: {(direction, hour): histogram}} of a day."""
        present = hour_of(now)
        found = defaultdict(dict)
        for row in self.env["stock.channel.freshness"].search_fetch(
            [
                ("channel_id", "in", self.ids),
                ("hour", "<=", present),
                ("hour", ">=", present - timedelta(hours=24)),
            ],
            ["channel_id", "direction", "hour", "buckets", "maximum", "last"],
            order="hour",
        ):
            found[row.channel_id.id][row.direction, row.hour] = Histogram.stored(
                row.buckets, row.maximum, row.last
            )
        return found

    @api.model
    def _age_text(self, moment, now):
        """Return how long ago a moment was, as people say it."""
        minutes = minutes_since(moment, now)
        if minutes < 1:
            return self.env._("under a minute")
        if minutes < 120:
            return self.env._("%s min", minutes)
        if minutes < 48 * 60:
            return self.env._("%s h", minutes // 60)
        return self.env._("%s days", minutes // (24 * 60))


class StockChannelListingPaused(models.Model):
    _inherit = "stock.channel.listing"

    _paused = models.Index("(id) WHERE is_paused")


def day_of(hours):
    """Return one histogram per direction over all hours."""
    day = {"fall": Histogram(), "rise": Histogram()}
    for (direction, _hour), histogram in sorted(hours.items()):
        day[direction].merge(histogram)
    return day
