from datetime import timedelta

from odoo import api, fields, models
from odoo.exceptions import ValidationError

# A hundred a second, and six thousand at once: no shop has so many orders, one whose
# webhook runs in circles has more.
DELIVERIES_A_MINUTE = 6000
KIND = "flood"
# The door tells of a flood every five minutes while it lasts, see ``Arrivals``.
OVER = timedelta(minutes=10)


class StockChannelArrival(models.Model):
    """How much a channel may deliver, and what a person is told when it is more."""

    _inherit = "stock.channel"

    delivery_limit = fields.Integer(
        "Deliveries a Minute",
        default=DELIVERIES_A_MINUTE,
        help="As many deliveries are taken within a minute, at once or spread. What comes "
        "beyond that is refused, with the time after which to send it again, and the "
        "owner of exceptions is told. Some shops send nothing again: set it far above "
        "what the busiest day brings. 0 is without limit.",
    )

    @api.constrains("delivery_limit")
    def _check_delivery_limit(self):
        for channel in self:
            if channel.delivery_limit < 0:
                raise ValidationError(
                    self.env._("The limit of deliveries is 0, for none, or more.")
                )

    def _note_flood(self):
        """Tell a person that the door refuses authentic deliveries of this channel."""
        self.ensure_one()
        self.env["stock.channel.exception"].sudo()._open(
            self,
            category="rate_limit",
            fingerprint=f"watch:{KIND}:{self.id}",
            title=self.env._("More deliveries come than the channel may send"),
            cause=self.env._(
                "More than %s deliveries came within a minute. What came beyond that was "
                "refused, and the channel was asked to send it again.",
                self.delivery_limit,
            ),
            next_step=self.env._(
                "Look at the channel why it sends so much. If that is right, set more "
                "deliveries a minute on the channel, under Technical. If an order is "
                "missing afterwards, have it sent or read again. This closes by itself "
                "when nothing is refused any more."
            ),
            field="delivery_limit",
            expected_value=self.env._("at most %s a minute", self.delivery_limit),
        )

    @api.model
    def _watch_flood(self):
        """Close what the door told of, once it tells no more of it."""
        still = self.env.cr.now() - OVER
        alarms_sudo = (
            self.env["stock.channel.exception"]
            .sudo()
            .search(
                [
                    ("is_alarm", "=", True),
                    ("state", "=", "open"),
                    ("fingerprint", "=like", f"watch:{KIND}:%"),
                    ("last_seen_at", "<=", still),
                ]
            )
        )
        for alarm in alarms_sudo:
            alarm._update_state("resolved", {"resolved_at": self.env.cr.now()})


class StockChannelWatchSteps(models.Model):
    _inherit = "stock.channel.dirty"

    @api.model
    def _watch_steps(self):
        return [*super()._watch_steps(), self.env["stock.channel"]._watch_flood]
