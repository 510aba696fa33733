import json
from datetime import UTC, timedelta

import pytz

from odoo import fields, models
from odoo.tools.misc import format_datetime

from .stock_channel_freshness import hour_of

EXPIRIES = [("fine", "Fine"), ("soon", "Ends Soon"), ("over", "Ended")]


class StockChannelOverview(models.Model):
    """The cards of the overview: each number leads to the list behind it."""

    _inherit = "stock.channel"

    kanban_dashboard_graph = fields.Text(compute="_compute_overview")
    due_count = fields.Integer(
        "Numbers Waiting",
        compute="_compute_overview",
        help="Numbers the channel has still to acknowledge. Refused ones and paused "
        "listings are left out.",
    )
    due_age = fields.Char("Oldest Number Waits", compute="_compute_overview")
    is_due_late = fields.Boolean(compute="_compute_overview")
    inbox_count = fields.Integer("Messages Waiting", compute="_compute_overview")
    inbox_age = fields.Char("Oldest Message Waits", compute="_compute_overview")
    differing_count = fields.Integer(
        "Differ at the Channel",
        compute="_compute_overview",
        help="Numbers the channel shows otherwise than it was told, for certain.",
    )
    failed_push_count = fields.Integer(
        "Failed Pushes", compute="_compute_overview", help="Within the last hour."
    )
    exception_categories = fields.Text(
        compute="_compute_overview", help="Open exceptions by category, as JSON."
    )
    risk_text = fields.Char("Value at Risk", compute="_compute_overview")
    alarm_text = fields.Char("Alarms", compute="_compute_overview")
    alarm_count = fields.Integer(compute="_compute_overview")
    scheduler_text = fields.Char("Scheduler", compute="_compute_overview")
    expiry_state = fields.Selection(EXPIRIES, compute="_compute_overview")
    expiry_text = fields.Char("Credentials End", compute="_compute_overview")

    def _compute_overview(self):
        """Fill all cards at once; what it costs does not grow with the channels."""
        now = self.env.cr.now()
        health = self._health(now)
        silent = self._scheduler_trouble(now)
        for channel in self:
            facts = health[channel.id]
            channel._show_queues(facts, now)
            channel._show_exceptions(facts)
            channel._show_expiry(facts, now)
            is_working = channel.state in ("live", "shadow")
            channel.scheduler_text = silent if is_working else False
            channel.kanban_dashboard_graph = channel._freshness_graph(facts, now)

    def _show_queues(self, facts, now):
        count, oldest = facts["due"]
        self.due_count = count
        self.due_age = oldest and self._age_text(oldest, now)
        self.is_due_late = self._is_before_target(oldest, now)
        self.inbox_count, oldest = facts["messages"]
        self.inbox_age = oldest and self._age_text(oldest, now)
        self.differing_count = facts["drift"]
        self.failed_push_count = facts["pushes"][0]

    def _show_exceptions(self, facts):
        found = facts["exceptions"]
        self.exception_categories = json.dumps(
            {category: count for category, (count, _value) in found.items()}
        )
        self.risk_text = self._alert_amount(sum(v for _count, v in found.values()))
        titles = [title for title, _category in facts["alarms"]]
        self.alarm_count = len(titles)
        self.alarm_text = "; ".join(titles)

    def _show_expiry(self, facts, now):
        end = facts["ends"]
        if not end:
            self.expiry_state = "fine"
            self.expiry_text = False
            return
        self.expiry_state = self._expiry_state(end[0], now)
        if self.expiry_state == "over" and self.state == "draft":
            # Nothing has ended where nothing was ever entered: the readiness page
            # says what a draft lacks.
            self.expiry_state, self.expiry_text = "fine", False
        elif self.expiry_state == "over":
            self.expiry_text = self.env._("Credentials have ended")
        elif self.expiry_state == "soon":
            self.expiry_text = self.env._(
                "Credentials end %s",
                format_datetime(self.env, end[0], tz=self.timezone, dt_format="short"),
            )
        else:
            self.expiry_text = False

    def _freshness_graph(self, facts, now):
        """Return the last 25 hours as the graph of the card wants them.

        Per hour, in the channel's time zone, the seconds that 95 of 100 falls, and of
        100 rises, were acknowledged within; none where nothing was.
        """
        hours = facts["hours"]
        if not hours:
            return False
        present = hour_of(now)
        zone = pytz.timezone(self.timezone or "UTC")
        values = []
        for ago in range(24, -1, -1):
            hour = present - timedelta(hours=ago)
            local = hour.replace(tzinfo=UTC).astimezone(zone)
            values.append(
                {
                    "label": local.strftime("%H:%M"),
                    **{
                        direction: told(hours.get((direction, hour)))
                        for direction in ("fall", "rise")
                    },
                }
            )
        return json.dumps(
            [
                {
                    "key": self.env._("Freshness"),
                    "fall_label": self.env._("Falls, p95"),
                    "rise_label": self.env._("Rises, p95"),
                    "target_label": self.env._("Target"),
                    "target": self.freshness_target * 60,
                    "values": values,
                }
            ]
        )


def told(histogram):
    """Return the 95th percentile in seconds for a graph, None for nothing."""
    seconds = histogram.percentile(95) if histogram else None
    return None if seconds is None else round(seconds, 3)
