from odoo import fields, models

from ..connectors.oversell import Cause
from .quantities import plain


class StockChannelOversellText(models.Model):
    """What is said of a shortage, in words a clerk understands."""

    _inherit = "stock.channel.exception"

    def _oversell_words(self, finding, lines):
        """Return title, cause and next step of a shortage, before it is stored.

        :param finding: ``Finding``; what tells of it is in ``lines``.
        """
        return {
            "title": self._oversell_title(self.shortage_qty),
            "cause": self._oversell_text(finding, lines),
            "next_step": self._oversell_next_step(finding.cause),
        }

    def _oversell_title(self, quantity):
        return self.env._(
            "%(product)s: %(quantity)s %(unit)s sold that are not in %(location)s",
            product=self.shortage_product_id.display_name,
            quantity=plain(quantity),
            unit=self.shortage_product_id.uom_id.name,
            location=self.shortage_location_id.complete_name,
        )

    def _local(self, moment):
        """Return a moment as the clock at the channel's warehouse showed it."""
        here = self.with_context(tz=self.channel_id.timezone)
        local = fields.Datetime.context_timestamp(here, moment)
        return local.strftime("%Y-%m-%d %H:%M:%S")

    def _oversell_text(self, finding, lines):
        """Say in whole sentences what was found, with the times of the channel."""
        texts = {}
        for line in lines:
            texts.setdefault(line.event, line.text)
        sale, told, event = finding.sale, finding.told, finding.event
        happened = event and self.env._(
            "%(text)s at %(time)s.", text=texts[event], time=self._local(event.at)
        )
        sentences = [self._cause_text(finding), happened]
        if sale and sale != event:
            sentences.append(
                self.env._(
                    "Last sale: %(text)s at %(time)s.",
                    text=texts[sale],
                    time=self._local(sale.at),
                )
            )
        if told and told != event:
            sentences.append(
                self.env._(
                    "By then: %(text)s at %(time)s.",
                    text=texts[told].rstrip("."),
                    time=self._local(told.at),
                )
            )
        sentences.append(self.env._("Times are those of %s.", self.channel_id.timezone))
        return " ".join(filter(None, sentences))

    def _cause_text(self, finding):
        """Return the story of a cause in one sentence a clerk understands."""
        if finding.cause == Cause.LATE:
            return self._late_text(finding)
        return {
            Cause.IN_FLIGHT: self.env._(
                "Two customers bought the same goods before either sale could be known "
                "here."
            ),
            Cause.EDITED: self.env._(
                "The channel offered more than it was told: somebody changed the number "
                "there, or it sells below zero."
            ),
            Cause.MAPPING: self.env._(
                "What the item or location means was changed while it was on sale."
            ),
            Cause.KIT: self.env._(
                "The channel sold the same goods under two of its items, or what the set "
                "is made of was changed."
            ),
            Cause.BUFFER: self.env._(
                "Nothing was kept back: goods the channel had sold were promised again, "
                "or a rule offered more than there was."
            ),
            Cause.COUNT: self.env._(
                "The goods were there when they were sold and were taken away or counted "
                "off afterwards."
            ),
            Cause.REFUSED: self.env._(
                "The channel refused the lower number and went on selling."
            ),
            Cause.UNDETERMINED: self.env._(
                "Nothing recorded here explains it: it is older than a week, or the stock "
                "was changed past Odoo."
            ),
        }[finding.cause]

    def _late_text(self, finding):
        if finding.delay is None:
            return self.env._(
                "The channel sold before it had taken any number from here."
            )
        seconds = int(finding.delay.total_seconds())
        given = {
            "seconds": seconds,
            "target": self.channel_id.freshness_target,
        }
        if seconds > self.channel_id.freshness_target * 60:
            return self.env._(
                "The channel was told too late: %(seconds)s seconds after the goods were "
                "gone it still sold; %(target)s minutes are the target.",
                **given,
            )
        return self.env._(
            "The channel sold %(seconds)s seconds after the goods were gone, before it "
            "was told; that is within the target of %(target)s minutes.",
            **given,
        )

    def _oversell_next_step(self, cause):
        first = self.env._(
            "Get more goods, or choose whose order is cancelled and cancel it at its "
            "channel. This closes by itself as soon as nothing is missing."
        )
        then = {
            Cause.LATE: self.env._(
                "If it happens again, look at Freshness, or keep a buffer back."
            ),
            Cause.IN_FLIGHT: self.env._(
                "If it happens often with this item, keep a buffer back."
            ),
            Cause.EDITED: self.env._(
                "Find out who changes stock at the channel, and switch selling below "
                "zero off there."
            ),
            Cause.MAPPING: self.env._("Check the map of this item and location."),
            Cause.KIT: self.env._(
                "Keep a buffer back for items that share goods; check the kit."
            ),
            Cause.BUFFER: self.env._("Keep a buffer back, or check the rules."),
            Cause.COUNT: self.env._(
                "Look who took the goods, and whether they can be brought back."
            ),
            Cause.REFUSED: self.env._("Solve why the channel refuses this number."),
        }.get(cause)
        return " ".join(filter(None, [first, then]))
