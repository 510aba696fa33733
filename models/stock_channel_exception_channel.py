from odoo import api, models

from ..connectors.errors import Misconfigured, RateLimited
from .quantities import plain


class StockChannelException(models.Model):
    """What a channel that does not answer, or refuses a number, says to a person."""

    _inherit = "stock.channel.exception"

    @api.model
    def _open_for_channel(self, channel, error, failures):
        """Tell a person that a channel cannot be spoken to."""
        if isinstance(error, Misconfigured):
            category, next_step = (
                "authentication",
                self.env._(
                    "Open the channel, correct its address or credentials and test the "
                    "connection. Publishing goes on by itself."
                ),
            )
        elif isinstance(error, RateLimited):
            category, next_step = (
                "rate_limit",
                self.env._(
                    "Nothing, if it passes by itself. Otherwise ask the channel for a "
                    "higher limit."
                ),
            )
        else:
            category, next_step = (
                "late",
                self.env._(
                    "Look whether the channel is up. The hub keeps trying and publishes "
                    "fresh numbers as soon as it answers."
                ),
            )
        self._open(
            channel,
            category=category,
            fingerprint=f"channel:{channel.id}",
            title=self.env._("The channel cannot be reached"),
            cause=self.env._(
                "%(error)s (%(failures)s failed calls in a row)",
                error=error.message,
                failures=failures,
            ),
            next_step=next_step,
        )

    @api.model
    def _open_for_publication(self, publication, result):
        """Tell a person that the channel refuses a number."""
        self._open(
            publication.channel_id,
            category="refused",
            fingerprint=f"publication:{publication.id}",
            title=self.env._(
                "The channel refuses the number of %s",
                publication.listing_id.sku,
            ),
            cause=result.message or result.code or self.env._("No reason given."),
            next_step=self.env._(
                "Look up the item at the channel: does it exist, is it stocked at "
                "this location? Correct the map or the item, then publish again."
            ),
            field=result.field,
            value=plain(publication.sent_qty),
            publication_id=publication.id,
        )
