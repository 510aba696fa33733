from odoo import api, fields, models
from odoo.exceptions import ValidationError
from odoo.tools import SQL

# The channel that tries longest sends a delivery again for three days. Its key must
# be known then, and a day longer: a repeat would be taken for something new.
LEAST_DAYS = 4
KEEP_DAYS = 90
BATCH = 2000


class StockChannelRetention(models.Model):
    _inherit = "stock.channel"

    keep_message_days = fields.Integer(
        "Keep Messages (days)",
        default=KEEP_DAYS,
        required=True,
        tracking=True,
        help="Messages that are done are deleted after so many days. Until then a "
        "repeat of them is recognised.",
    )
    keep_body_days = fields.Integer(
        "Keep Their Content (days)",
        default=KEEP_DAYS,
        required=True,
        tracking=True,
        help="The content of messages that are done, with its personal data, is "
        "erased after so many days. Then they can no longer be replayed.",
    )

    @api.constrains("keep_message_days", "keep_body_days")
    def _check_keep_days(self):
        for channel in self:
            if channel.keep_message_days < LEAST_DAYS:
                raise ValidationError(
                    self.env._(
                        "Messages are kept for at least %s days: until then channels "
                        "may send them again.",
                        LEAST_DAYS,
                    )
                )
            if not 1 <= channel.keep_body_days <= channel.keep_message_days:
                raise ValidationError(
                    self.env._(
                        "The content is kept for at least one day, and no longer than "
                        "the message itself."
                    )
                )


class StockChannelMessageRetention(models.Model):
    """Messages end: first their content, then the key that recognises repeats.

    Only what is done ends, and nothing that an open exception or a running replay
    still needs.
    """

    _inherit = "stock.channel.message"

    erased_at = fields.Datetime(
        "Content Erased",
        readonly=True,
        help="The content was kept for as long as the channel's settings say.",
    )

    _finished = models.Index("(channel_id, processed_at) WHERE state = 'done'")

    @api.autovacuum
    def _gc_messages(self):
        """Delete a batch of messages that were done long ago.

        :return: (deleted, whether there may be more).
        """
        self.env.cr.execute(
            SQL(
                """
                WITH ended AS MATERIALIZED (%s)
                DELETE FROM stock_channel_message AS message
                 USING ended
                 WHERE message.id = ended.id
                """,
                self._ended("keep_message_days", SQL("TRUE")),
            )
        )
        deleted = self.env.cr.rowcount
        self.invalidate_model()
        return deleted, int(deleted == BATCH)

    @api.autovacuum
    def _gc_bodies(self):
        """Erase a batch of contents; key and digest stay.

        :return: (erased, whether there may be more).
        """
        self.env.cr.execute(
            SQL(
                """
                WITH ended AS MATERIALIZED (%s)
                UPDATE stock_channel_message AS message
                   SET raw = NULL, erased_at = %s
                  FROM ended
                 WHERE message.id = ended.id
                """,
                self._ended("keep_body_days", SQL("message.erased_at IS NULL")),
                self.env.cr.now(),
            )
        )
        erased = self.env.cr.rowcount
        self.invalidate_model()
        return erased, int(erased == BATCH)

    def _ended(self, days, condition):
        """Return a select of messages that were done longer ago than ``days``.

        It is asked once for the whole statement: as a plain subquery PostgreSQL may ask
        it for every message, and the bound of a batch is none.

        Those of an order somebody has to decide about, or that waits for its payment,
        are kept: they are worked on once more then.

        :param str days: the channel's field that says so.
        """
        return SQL(
            """
            SELECT message.id
              FROM stock_channel AS channel
              JOIN stock_channel_message AS message
                ON message.channel_id = channel.id
               AND message.state = 'done'
               AND message.processed_at < %(now)s
                   - greatest(channel.%(days)s, %(least)s) * interval '1 day'
             WHERE %(condition)s
               AND NOT EXISTS (
                   SELECT 1
                     FROM stock_channel_exception_message_rel AS needed
                     JOIN stock_channel_exception AS exception
                       ON exception.id = needed.exception_id
                    WHERE needed.message_id = message.id
                      AND exception.state = 'open')
               AND NOT EXISTS (
                   SELECT 1
                     FROM stock_channel_replay_message_rel AS chosen
                     JOIN stock_channel_replay AS replay
                       ON replay.id = chosen.replay_id
                    WHERE chosen.message_id = message.id
                      AND replay.state = 'running')
               AND NOT EXISTS (
                   SELECT 1
                     FROM stock_channel_exception AS question
                    WHERE question.channel_order_id = message.channel_order_id
                      AND question.state = 'open')
               AND NOT EXISTS (
                   SELECT 1
                     FROM stock_channel_order AS unpaid
                    WHERE unpaid.id = message.channel_order_id
                      AND unpaid.waits_for_payment)
             LIMIT %(limit)s
               FOR UPDATE OF message SKIP LOCKED
            """,
            now=self.env.cr.now(),
            days=SQL.identifier(days),
            least=LEAST_DAYS if days == "keep_message_days" else 1,
            condition=condition,
            limit=BATCH,
        )
