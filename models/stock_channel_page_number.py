"""A number as the page of a product shows it: told when, in which state, held by what."""

from odoo import fields, models
from odoo.tools import SQL, format_datetime

PAGE_STATES = [
    ("draft", "Channel Not Live"),
    ("paused", "Paused"),
    ("shadow", "Only Compared"),
    ("refused", "Refused"),
    ("late", "Late"),
    ("under_way", "Under Way"),
    ("told", "Told"),
]
ON_THE_WAY = ("pending", "sending", "unknown")


def pause_text(part):
    """Return in a line who paused a channel, location or listing, and why.

    A pause has no end of its own: it lasts until somebody resumes.
    """
    env, since = part.env, part.paused_at
    what = {
        "stock.channel": env._("Channel"),
        "stock.channel.location": env._("Location"),
        "stock.channel.listing": env._("Listing"),
    }[part._name]
    user_sudo = part.paused_by_id.sudo()
    return env._(
        "%(what)s paused by %(who)s, %(since)s, until resumed: %(reason)s",
        what=what,
        who=user_sudo.name or env._("somebody"),
        since=since and format_datetime(env, since, dt_format="short") or "–",
        reason=part.pause_reason or env._("no reason given"),
    )


class StockChannelPageNumber(models.Model):
    _inherit = "stock.channel.publication"

    told_age = fields.Char(
        "Told",
        compute="_compute_page",
        help="How long ago the channel took the number it was told last.",
    )
    page_state = fields.Selection(
        PAGE_STATES,
        "Status",
        compute="_compute_page",
        help="Only compared: the channel is in shadow and is told nothing. Late: the "
        "channel should have taken it by now.",
    )
    page_hold = fields.Char(
        "Held by",
        compute="_compute_page",
        help="Who paused it and why, or until when higher numbers wait.",
    )

    def _compute_page(self):
        now = self.env.cr.now()
        channels = self.env["stock.channel"]
        late = self._late_among(now)
        for row in self:
            told_at = row.acknowledged_at
            row.told_age = told_at and self.env._(
                "%s ago", channels._age_text(told_at, now)
            )
            row.page_state = row._page_state(row.id in late)
            row.page_hold = row._page_hold(now)

    def _late_among(self, now):
        """Return the ids of those that are late, by the alarm's own question.

        One statement for each channel that is live, however many rows there are.
        """
        waiting = self.filtered(lambda row: row.state in ON_THE_WAY)
        late = set()
        for channel, rows in waiting.grouped("channel_id").items():
            if channel.state == "live":
                channel_sudo = channel.sudo()
                query = SQL(
                    "SELECT row.id %s AND row.id = ANY(%s)",
                    channel_sudo._late_query(now),
                    rows.ids,
                )
                late.update(row_id for (row_id,) in self.env.execute_query(query))
        return late

    def _page_state(self, is_late):
        if self.channel_id.state == "draft":
            return "draft"
        if self._paused_part():
            return "paused"
        if self.channel_id.state == "shadow":
            return "shadow"
        if self.state == "rejected":
            return "refused"
        if is_late:
            return "late"
        return "told" if self.state == "clean" else "under_way"

    def _paused_part(self):
        """Return what of the listing, its place and its channel is paused, or nothing.

        An archived listing is told zero, paused or not.
        """
        if not self.listing_id.active:
            return None
        if self.listing_id.is_paused:
            return self.listing_id
        if self.channel_location_id.is_paused:
            return self.channel_location_id
        return self.channel_id if self.channel_id.state == "paused" else None

    def _page_hold(self, now):
        part = self._paused_part()
        if part:
            return pause_text(part)
        frozen_until = self.channel_location_id.frozen_until
        if frozen_until and frozen_until > now:
            return self.env._(
                "Counting until %s: higher numbers wait",
                format_datetime(self.env, frozen_until, dt_format="short"),
            )
        return False

    def _is_of_interest(self):
        """Return those the channel is to show, or shows though it should not."""
        return self.filtered(
            lambda row: (
                (row.listing_id.active and row.channel_location_id.active)
                or row.state != "clean"
                or row.acknowledged_qty
            )
        )
