from datetime import UTC, timedelta

import pytz

from odoo import api, fields, models
from odoo.exceptions import ValidationError
from odoo.tools import SQL

from ..connectors.window import HORIZON, Hold, Hours, until_midnight
from .stock_channel_poll import as_aware, as_naive

# An ad-hoc count ends by itself after this long, whoever forgets about it.
COUNT_HOURS = 4
# Hours are read for longer than they are looked at: their ends are cut there.
MARGIN = timedelta(days=2)
MEMO = "stock_channel_hub.holds"
CALENDAR_HELP = " In the channel's time zone, whatever that of the calendar is."


def transaction_memo(cr, now):
    """Return what was found out about holds in this transaction, to be added to.

    Hundreds of numbers are claimed and acknowledged in one, and each asks.
    """
    kept_at, memo = cr.cache.get(MEMO, (None, {}))
    if kept_at != now:
        memo = {}
        cr.cache[MEMO] = (now, memo)
    return memo


class StockChannelWindow(models.Model):
    """Publish windows and count freezes: they hold rises, never falls."""

    _inherit = "stock.channel"

    publish_calendar_id = fields.Many2one(
        "resource.calendar",
        string="Publish Window",
        check_company=True,
        tracking=True,
        help="Higher numbers are published only within these hours, lower ones "
        "always. Time off closes the window; empty means always open." + CALENDAR_HELP,
    )
    freeze_calendar_id = fields.Many2one(
        "resource.calendar",
        string="Count Freeze",
        check_company=True,
        tracking=True,
        help="Higher numbers are held within these hours, when everything is "
        "counted. Time off lifts the freeze." + CALENDAR_HELP,
    )

    @api.constrains("publish_calendar_id", "freeze_calendar_id")
    def _check_calendars(self):
        for channel in self:
            calendars = channel.publish_calendar_id | channel.freeze_calendar_id
            calendars._check_has_hours()

    def write(self, vals):
        if not {"publish_calendar_id", "freeze_calendar_id", "timezone"} & vals.keys():
            return super().write(vals)
        held = self._held_places(self.env.cr.now())
        result = super().write(vals)
        held._note_opening()
        return result

    def _held_places(self, now):
        """Return the channel locations of these channels whose rises are held.

        :param datetime now: naive UTC.
        """
        # Asked several times in one transaction: what the ORM keeps of the places
        # costs nothing the second time, and is new once somebody writes to them.
        places_sudo = self.sudo().with_context(active_test=False).location_ids
        moment = as_aware(now)
        held_sudo = places_sudo.filtered(lambda place: place._hold(now).holds(moment))
        return held_sudo.with_env(self.env)

    def _rise_due_query(self):
        """A rise that was held is due from the moment it was let out."""
        due = super()._rise_due_query()
        now = self.env.cr.now()
        held = self._held_places(now)
        opened = {
            place.id: "infinity"
            if place in held
            else self._rises_open_since(place, now)
            for place in self.with_context(active_test=False).location_ids
        }
        opened = {place_id: moment for place_id, moment in opened.items() if moment}
        if not opened:
            return due
        return SQL(
            """
            greatest(%s, (SELECT opened.at
                            FROM unnest(%s::int[], %s::timestamp[])
                                 AS opened (place_id, at)
                           WHERE opened.place_id = row.channel_location_id))
            """,
            due,
            list(opened),
            list(opened.values()),
        )

    def _rises_open_since(self, place, now):
        """Return when rises of this place were last let out again, naive UTC.

        :return: None when nothing held them.
        """
        memo = transaction_memo(self.env.cr, now)
        key = ("open since", place.id)
        if key not in memo:
            found = place._hold(now).open_since(as_aware(now))
            moments = [found and as_naive(found), place.sudo().rises_opened_at]
            memo[key] = max(filter(None, moments), default=None)
        return memo[key]


class StockChannelLocationWindow(models.Model):
    _inherit = "stock.channel.location"

    freeze_calendar_id = fields.Many2one(
        "resource.calendar",
        string="Count Freeze",
        check_company=True,
        tracking=True,
        help="Higher numbers of this location are held within these hours, when it "
        "is counted. Time off lifts the freeze." + CALENDAR_HELP,
    )
    frozen_until = fields.Datetime(
        copy=False,
        tracking=True,
        help="The location is being counted: its higher numbers are held until then.",
    )
    rises_opened_at = fields.Datetime(
        readonly=True,
        copy=False,
        help="When somebody last ended a hold before its time.",
    )
    is_frozen = fields.Boolean(compute="_compute_is_frozen")

    @api.depends("frozen_until")
    def _compute_is_frozen(self):
        now = self.env.cr.now()
        for place in self:
            place.is_frozen = bool(place.frozen_until and place.frozen_until > now)

    @api.constrains("freeze_calendar_id")
    def _check_calendars(self):
        self.freeze_calendar_id._check_has_hours()

    def write(self, vals):
        if not {"freeze_calendar_id", "frozen_until"} & vals.keys():
            return super().write(vals)
        held = self.channel_id._held_places(self.env.cr.now()) & self
        result = super().write(vals)
        held._note_opening()
        return result

    def _note_opening(self):
        """Publish what was held in these places, where nothing holds it any more."""
        now = self.env.cr.now()
        self.env.cr.cache.pop(MEMO, None)
        opened = self - self.channel_id._held_places(now)
        if opened:
            opened.sudo().rises_opened_at = now
            opened.channel_id._wake_publishers()

    def _hold(self, now):
        """Return what holds the rises of this place, read around ``now``.

        :param datetime now: naive UTC.
        """
        self.ensure_one()
        place_sudo = self.sudo()
        channel_sudo = place_sudo.channel_id
        calendars = channel_sudo.freeze_calendar_id | place_sudo.freeze_calendar_id
        publish = channel_sudo.publish_calendar_id
        zone = pytz.timezone(channel_sudo.timezone)
        company = channel_sudo.company_id
        return Hold(
            zone=zone,
            publish=publish._hours(zone, company, now) if publish else None,
            freezes=tuple(
                calendar._hours(zone, company, now) for calendar in calendars
            ),
            frozen_until=as_aware(place_sudo.frozen_until) or None,
        )

    def _opens_at(self, now):
        """Return when rises of this place go out again, naive UTC, None for never."""
        opening = self._hold(now).opens_at(as_aware(now))
        return as_naive(opening) if opening else None

    def action_freeze_for_count(self):
        """Hold the higher numbers while somebody counts; it ends by itself."""
        self.check_access("read")
        self.env["stock.channel.exception"]._check_operator()
        self.sudo().frozen_until = fields.Datetime.now() + timedelta(hours=COUNT_HOURS)

    def action_end_freeze(self):
        """Let the numbers rise again: the count is done."""
        self.check_access("read")
        self.env["stock.channel.exception"]._check_operator()
        self.sudo().frozen_until = False


class ResourceCalendar(models.Model):
    _inherit = "resource.calendar"

    def _check_has_hours(self):
        """Refuse calendars that say how long somebody works but not when, or never.

        A window that never opens would hold every rise for good, and rightly so:
        nobody would be told.

        :raise ValidationError: in words the user can act on.
        """
        for calendar in self:
            if calendar.flexible_hours:
                raise ValidationError(
                    self.env._(
                        "%s has flexible hours, so nobody knows when it begins. Take a "
                        "calendar with fixed hours.",
                        calendar.name,
                    )
                )
            if not calendar.attendance_ids:
                raise ValidationError(
                    self.env._(
                        "%s has no hours. Add those within which it holds.",
                        calendar.name,
                    )
                )

    def _hours(self, zone, company, now):
        """Return the hours of this calendar around ``now``, by the clock in ``zone``.

        The attendances are laid out on days without a time zone: whether one holds
        is decided by the clock on the wall.

        :param company: whose general time off counts beside the calendar's own.
        :param datetime now: naive UTC.
        """
        self.ensure_one()
        memo = transaction_memo(self.env.cr, now)
        key = ("hours", self.id, str(zone), company.id)
        if key not in memo:
            memo[key] = self._read_hours(zone, company, now)
        return memo[key]

    def _read_hours(self, zone, company, now, reach=HORIZON + MARGIN):
        """Return the hours within ``reach`` of ``now``, see ``_hours``."""
        moment = as_aware(now)
        local = moment.astimezone(zone).replace(tzinfo=pytz.utc)
        attendances = self._attendance_intervals_batch(
            local - reach, local + reach, tz=pytz.utc
        )[False]
        leaves = self._leave_intervals_batch(
            moment - reach,
            moment + reach,
            domain=[
                ("time_type", "=", "leave"),
                "|",
                ("calendar_id", "=", self.id),
                ("company_id", "=", company.id),
            ],
            tz=pytz.utc,
        )[False]
        return Hours(
            tuple(
                (start.replace(tzinfo=None), until_midnight(end.replace(tzinfo=None)))
                for start, end, _attendance in attendances
            ),
            tuple(
                (start.astimezone(UTC), end.astimezone(UTC))
                for start, end, _leave in leaves
            ),
        )
