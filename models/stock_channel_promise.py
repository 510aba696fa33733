from datetime import timedelta

import pytz

from odoo import api, fields, models
from odoo.exceptions import ValidationError

from ..connectors.promise import promise
from .stock_channel_poll import as_aware, as_naive
from .stock_channel_window import CALENDAR_HELP

# How many days ahead are looked at: nearly always the next week decides, a closed
# season needs more. Who does not work within the second promises nothing.
NEAR_DAYS, FAR_DAYS = 14, 200
# Hours are read for longer than they are looked at: their ends are cut there.
MARGIN_DAYS = 3


class StockChannelPromise(models.Model):
    """By when the warehouse ships what a channel sold."""

    _inherit = "stock.channel"

    cutoff_time = fields.Float(
        "Cut-Off Time",
        default=12.0,
        tracking=True,
        help="What is ordered before this time of a working day is promised to ship on "
        "that day, what comes later on the next working day. In the channel's time "
        "zone; 24:00 means that the day of the order always counts.",
    )
    shipping_calendar_id = fields.Many2one(
        "resource.calendar",
        string="Shipping Hours",
        check_company=True,
        tracking=True,
        help="When the warehouse ships; an order is promised for the end of a day's "
        "hours. Empty means the company's working hours." + CALENDAR_HELP,
    )

    @api.constrains("cutoff_time")
    def _check_cutoff_time(self):
        for channel in self:
            if not 0.0 <= channel.cutoff_time <= 24.0:
                raise ValidationError(
                    self.env._("The cut-off is a time of day, from 0:00 to 24:00.")
                )

    @api.constrains("shipping_calendar_id")
    def _check_shipping_calendar(self):
        self.shipping_calendar_id._check_has_hours()

    def _promise(self, moment):
        """Return by when an order that is in at ``moment`` ships.

        :param datetime moment: naive UTC.
        :return: naive UTC, False when nobody can tell: the company's own hours may
            say how long people work, but not when.
        """
        self.ensure_one()
        channel_sudo = self.sudo()
        company = channel_sudo.company_id
        calendar = channel_sudo.shipping_calendar_id or company.resource_calendar_id
        if not calendar or calendar.flexible_hours:
            return False
        zone = pytz.timezone(channel_sudo.timezone)
        for days in (NEAR_DAYS, FAR_DAYS):
            found = promise(
                as_aware(moment),
                zone=zone,
                cutoff=timedelta(minutes=round(channel_sudo.cutoff_time * 60)),
                hours=calendar._read_hours(
                    zone, company, moment, reach=timedelta(days=days + MARGIN_DAYS)
                ),
                days=days,
            )
            if found:
                return as_naive(found)
        return False


class StockChannelOrderPromise(models.Model):
    _inherit = "stock.channel.order"

    promised_at = fields.Datetime(
        "Promised to Ship",
        readonly=True,
        help="By when it was promised to leave when the order came, whatever was "
        "changed since.",
    )

    def _in_at(self):
        """Return from when on the order could be worked on, naive UTC."""
        self.ensure_one()
        return self.placed_at

    def _prepare_sale_order(self, snapshot):
        """Promise a day to the customer, once.

        Odoo makes it the deadline of the deliveries. It is asked for only when the
        sale order is made: nothing that comes later moves it, and what somebody here
        agreed upon with the customer stays.
        """
        vals = super()._prepare_sale_order(snapshot)
        if not self.promised_at:
            self.promised_at = self.channel_id._promise(self._in_at())
        vals["commitment_date"] = self.promised_at
        return vals
