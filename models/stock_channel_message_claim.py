import logging

from odoo import api, fields, models
from odoo.tools import SQL

from .claims import CLAIMS, LostClaim

_logger = logging.getLogger(__name__)


class StockChannelMessageClaim(models.Model):
    """A message belongs to the worker that claimed it last, to no other.

    A lease that runs out says only that the worker is late. It may be frozen, or wait
    for a slow answer, and go on after another worker has taken the message. Its
    number of attempts would not tell: trouble at the channel takes attempts back. So
    each claim has a number that only grows, the records that a claim returns carry
    it, and each transaction that writes what came of them asks for it first.
    """

    _inherit = "stock.channel.message"

    worker_id = fields.Integer(
        readonly=True, help="The scheduled action that claimed it last."
    )

    @api.model
    def _take_back(self):
        """End the leases that an earlier run of this very job left behind.

        The scheduler runs a job once at a time, by a lock that ends with its worker's
        connection: while this run lasts, no earlier one does. Whatever that one held
        would lie for the length of a lease, and orders with it, each time a worker is
        killed. One that only lost its connection and goes on writes nothing: its
        claim is the older one as soon as the message is claimed again.
        """
        worker = self.env.context.get("cron_id")
        if not worker:
            return
        self.env.cr.execute(
            SQL(
                """
                UPDATE stock_channel_message
                   SET lease_until = NULL
                 WHERE state = 'pending'
                   AND lease_until >= now() AT TIME ZONE 'UTC'
                   AND worker_id = %s
                """,
                worker,
            )
        )
        if self.env.cr.rowcount:
            _logger.warning(
                "job %s died over %s messages, they are taken up again",
                worker,
                self.env.cr.rowcount,
            )
        self.invalidate_model(["lease_until"])

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
