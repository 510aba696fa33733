import logging

from odoo import api, fields, models
from odoo.tools import SQL

from .claims import CLAIMS, LostClaim

_logger = logging.getLogger(__name__)

CLAIM_SIZE = 50
LEASE_SECONDS = 300


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

    def _due(self):
        """Return the statement of what may be worked on: of each order the oldest only.

        Nor while another of the order is being worked on: an older one that is
        replayed becomes the oldest again.

        All that is to do is read once, whatever there is of each order. Looked up
        order by order, the dead versions of a row that a long transaction elsewhere
        keeps were read once for each: beside a hundred of them the claim took ten
        times as long.
        """
        return SQL(
            """
            SELECT message.place, message.id, message.attempts
              FROM (SELECT ctid AS place, id, attempts, next_attempt_at,
                           id = min(id) OVER of_order AS is_oldest,
                           max(lease_until) OVER of_order AS lease_until
                      FROM stock_channel_message
                     WHERE state = 'pending'
                    WINDOW of_order AS (PARTITION BY channel_id, order_key)
                   ) AS message
             WHERE message.is_oldest
               AND coalesce(message.next_attempt_at, '-infinity')
                   <= now() AT TIME ZONE 'UTC'
               AND coalesce(message.lease_until, '-infinity')
                   < now() AT TIME ZONE 'UTC'
            """
        )

    def _count_due(self):
        self.env.cr.execute(SQL("SELECT count(*) FROM (%s) AS due", self._due()))
        (count,) = self.env.cr.fetchone()
        return count

    def _claim(self, is_first_try):
        """Take the oldest due messages, counting the attempt.

        Of several messages of one order only the oldest is taken, and none while
        another of them is being worked on: one order is never touched twice at
        once, and its messages keep the order in which they came. Rows are found
        again by their place: what is due was read in this transaction, and a row
        that was moved since fails it.

        :return: messages that know which claim they were taken by.
        """
        self.env.cr.execute(
            SQL(
                """
                WITH taken AS (
                    SELECT message.ctid AS place
                      FROM (%(due)s) AS due
                      JOIN stock_channel_message AS message
                        ON message.ctid = due.place
                     WHERE (due.attempts = 0) = %(is_first_try)s
                     ORDER BY due.id
                     LIMIT %(limit)s
                       FOR UPDATE OF message SKIP LOCKED
                )
                UPDATE stock_channel_message AS message
                   SET attempts = attempts + 1,
                       claims = coalesce(claims, 0) + 1,
                       worker_id = %(worker)s,
                       lease_until = now() AT TIME ZONE 'UTC'
                           + %(lease)s * interval '1 second'
                  FROM taken
                 WHERE message.ctid = taken.place
                RETURNING message.id, message.claims
                """,
                due=self._due(),
                is_first_try=is_first_try,
                limit=CLAIM_SIZE if is_first_try else 1,
                worker=self.env.context.get("cron_id"),
                lease=LEASE_SECONDS,
            ),
            # Another worker was first, and this one starts over: no error of anybody's.
            log_exceptions=False,
        )
        return self.sudo()._bind_claims(dict(self.env.cr.fetchall()))

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
