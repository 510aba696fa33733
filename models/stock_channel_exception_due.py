from datetime import timedelta

import pytz

from odoo import api, fields, models
from odoo.exceptions import ValidationError

from ..connectors.due import due
from .stock_channel_exception import CATEGORIES
from .stock_channel_poll import as_aware, as_naive
from .stock_channel_window import CALENDAR_HELP

# Working hours somebody has for it, unless the channel says otherwise: what loses sales
# by the minute first, what an order waits for within half a day, the rest within one.
HOURS_TO_ACT = {
    "authentication": 1.0,
    "late": 1.0,
    "oversell": 2.0,
    "mapping": 4.0,
    "internal": 4.0,
    "rate_limit": 8.0,
    "data": 8.0,
    "stock": 8.0,
    "refused": 8.0,
    "drift": 8.0,
    "approval": 8.0,
}
# A company that is closed for longer works again within this many days.
FAR = timedelta(days=120)
# What was opened within this lies in the hours read around now.
RECENT = timedelta(days=1)


class StockChannelExceptionTerm(models.Model):
    """How many working hours somebody has for one kind of exception of a channel."""

    _name = "stock.channel.exception.term"
    _description = "Time to Act on Exceptions"
    _order = "channel_id, hours, category"

    channel_id = fields.Many2one(
        "stock.channel", required=True, ondelete="cascade", index=True
    )
    company_id = fields.Many2one(related="channel_id.company_id", store=True)
    category = fields.Selection(CATEGORIES, required=True)
    hours = fields.Float(
        "Working Hours",
        required=True,
        default=8.0,
        help="Within so many working hours somebody must have acted.",
    )

    _once = models.UniqueIndex(
        "(channel_id, category)", "This category has a time to act already."
    )

    @api.constrains("hours")
    def _check_hours(self):
        for term in self:
            if not 0 < term.hours <= 1000:
                raise ValidationError(
                    self.env._("The time to act is more than zero hours, at most 1000.")
                )

    @api.depends("category", "hours")
    def _compute_display_name(self):
        names = dict(self._fields["category"]._description_selection(self.env))
        for term in self:
            term.display_name = self.env._(
                "%(category)s: %(hours)g hours",
                category=names.get(term.category, ""),
                hours=term.hours,
            )

    @api.model_create_multi
    def create(self, vals_list):
        terms = super().create(vals_list)
        terms.channel_id._set_due_again()
        return terms

    def write(self, vals):
        channels = self.channel_id
        result = super().write(vals)
        (channels | self.channel_id)._set_due_again()
        return result

    def unlink(self):
        channels = self.channel_id
        result = super().unlink()
        channels._set_due_again()
        return result


class StockChannelDue(models.Model):
    _inherit = "stock.channel"

    exception_calendar_id = fields.Many2one(
        "resource.calendar",
        string="Hours for Exceptions",
        check_company=True,
        tracking=True,
        help="When somebody works on exceptions. Empty means the company's working "
        "hours; without those every hour counts." + CALENDAR_HELP,
    )
    exception_term_ids = fields.One2many(
        "stock.channel.exception.term", "channel_id", string="Time to Act"
    )

    @api.constrains("exception_calendar_id")
    def _check_exception_calendar(self):
        self.exception_calendar_id._check_has_hours()

    def write(self, vals):
        result = super().write(vals)
        if {"exception_calendar_id", "timezone"} & vals.keys():
            self._set_due_again()
        return result

    def _set_due_again(self):
        """Count the time anew for what is open, from when it was opened."""
        open_sudo = (
            self.env["stock.channel.exception"]
            .sudo()
            .search([("channel_id", "in", self.ids), ("state", "=", "open")])
        )
        for exception in open_sudo.filtered("opened_at"):
            exception.due_at = exception.channel_id._act_by(
                exception.category, exception.opened_at
            )

    def _hours_to_act(self, category):
        """Return how long somebody has for such an exception, in working hours."""
        terms = self.sudo().exception_term_ids
        own = terms.filtered(lambda term: term.category == category)
        return own.hours if own else HOURS_TO_ACT[category]

    def _act_by(self, category, opened_at):
        """Return by when somebody is to have acted.

        :param datetime opened_at: naive UTC.
        :return: naive UTC; plain hours where no calendar says when anybody works.
        """
        self.ensure_one()
        channel_sudo = self.sudo()
        hours = timedelta(hours=self._hours_to_act(category))
        company = channel_sudo.company_id
        calendar = channel_sudo.exception_calendar_id or company.resource_calendar_id
        if calendar and not calendar.flexible_hours and calendar.attendance_ids:
            zone = pytz.timezone(channel_sudo.timezone)
            now = self.env.cr.now()
            found = None
            if abs(now - opened_at) < RECENT:
                # Kept for the whole transaction: failures come in crowds.
                known = calendar._hours(zone, company, now)
                found = due(as_aware(opened_at), hours, zone=zone, hours=known)
            if not found:
                known = calendar._read_hours(zone, company, opened_at, reach=FAR)
                found = due(as_aware(opened_at), hours, zone=zone, hours=known)
            if found:
                return as_naive(found).replace(microsecond=0)
        return opened_at + hours


class StockChannelExceptionDue(models.Model):
    _inherit = "stock.channel.exception"

    due_at = fields.Datetime(
        "Due",
        readonly=True,
        help="By then somebody is to have acted, by the channel's working hours.",
    )
    is_overdue = fields.Boolean(compute="_compute_is_overdue")

    @api.depends("due_at", "state")
    def _compute_is_overdue(self):
        now = fields.Datetime.now()
        for exception in self:
            exception.is_overdue = bool(
                exception.state == "open"
                and exception.due_at
                and exception.due_at < now
            )

    def _deadline(self):
        """Return the day it is due, by the channel's calendar."""
        self.ensure_one()
        due_at = self.due_at or fields.Datetime.now()
        zone = pytz.timezone(self.sudo().channel_id.timezone)
        return as_aware(due_at).astimezone(zone).date()
