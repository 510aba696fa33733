from odoo import api, models
from odoo.tools import SQL

from .claims import CLAIMS, LostClaim


class StockChannelMessageClaim(models.Model):
    """A message belongs to the worker that claimed it last, to no other.

    A lease that runs out says only that the worker is late. It may be frozen, or wait
    for a slow answer, and go on after another worker has taken the message. Its
    number of attempts would not tell: trouble at the channel takes attempts back. So
    each claim has a number that only grows, the records that a claim returns carry
    it, and each transaction that writes what came of them asks for it first.
    """

    _inherit = "stock.channel.message"

    @api.model
    def _bind_claims(self, claims):
        """Return the claimed messages, oldest first, with their claims.

        :param dict claims: number of the claim by message id.
        """
        messages = self.with_context(**{CLAIMS: claims}).browse(sorted(claims))
        messages.invalidate_recordset()
        return messages

    def _keep_claim(self):
        """Lock these messages for the transaction, unless another worker has them.

        Messages that no worker claimed, such as those a person acts on, pass.

        :raise LostClaim: when one was claimed again since.
        """
        held = self.env.context.get(CLAIMS, {})
        ids = [message_id for message_id in self.ids if message_id in held]
        if not ids:
            return
        # A claim that was committed after our snapshot fails with a serialization
        # error here, and whoever starts over sees it.
        self.env.cr.execute(
            SQL(
                """
                SELECT id, claims
                  FROM stock_channel_message
                 WHERE id = ANY(%s)
                 ORDER BY id
                   FOR NO KEY UPDATE
                """,
                ids,
            )
        )
        claims = dict(self.env.cr.fetchall())
        lost = [row_id for row_id in ids if claims.get(row_id) != held[row_id]]
        if lost:
            raise LostClaim(f"messages {lost} were claimed again")
