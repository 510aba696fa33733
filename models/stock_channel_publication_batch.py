import json

from odoo import api, models
from odoo.tools import SQL

from ..connectors.data import ResultStatus


class StockChannelPublicationBatch(models.Model):
    """The everyday answer, for as many rows as a batch has, in a few statements.

    Everyday is: sent by this push, not sent again since, taken by the channel, and
    nothing heard from it meanwhile.
    What each row becomes is what ``_acknowledge`` makes of it; whatever else may
    happen to a row goes through ``_record_result``, one by one.
    """

    _inherit = "stock.channel.publication"

    def _is_everyday(self, push, update, result):
        """Return whether this row can be acknowledged along with many others."""
        self.ensure_one()
        return (
            result.status == ResultStatus.APPLIED
            and self.state == "sending"
            and self.push_id == push
            and not self.moved_qty
            and self.acknowledged_sequence < update.sequence == self.sent_sequence
            and update.key == self._key()
        )

    @api.model
    def _acknowledge_all(self, push, answers):
        """Note that the channel took these numbers, and log them with their parts.

        :param answers: list of (row, ``QuantityUpdate``), every one of them everyday.
        """
        if not answers:
            return
        self.env["stock.channel.publication.log"]._append_all(push, answers)
        now = self.env.cr.now()
        taken = {
            "acknowledged_qty": SQL("given.quantity"),
            "acknowledged_sequence": SQL("given.sequence"),
            "acknowledged_at": SQL("%s", now),
            "expected_qty": SQL("given.quantity"),
            "expected_at": SQL("%s", now),
            "fence_at": SQL("NULL"),
            "attempts": SQL("0"),
            "last_error": SQL("NULL"),
            "lease_until": SQL("NULL"),
        }
        given = SQL(
            "SELECT * FROM unnest(%s::int[], %s::numeric[], %s::numeric[])"
            " AS answer (id, quantity, sequence)",
            [row.id for row, _update in answers],
            [update.quantity for _row, update in answers],
            [update.sequence for _row, update in answers],
        )
        rows = self.browse(row.id for row, _update in answers)
        # Wanted is compared before anything is written.
        settled = self.browse(
            row.id
            for row, update in answers
            if row.wanted_qty == float(update.quantity)
        )
        settled._update_state_at_once("clean", taken, given)
        (rows - settled)._update_state_at_once(
            "pending", {**taken, "changed_at": SQL("row.wanted_at")}, given
        )
        self.env["stock.channel.exception"]._resolve_fingerprints(
            push.channel_id, [f"publication:{row_id}" for row_id in rows.ids]
        )


class StockChannelPublicationLogBatch(models.Model):
    _inherit = "stock.channel.publication.log"

    @api.model
    def _append_all(self, push, answers):
        """Log many acknowledged numbers in one statement.

        :param answers: list of (row, ``QuantityUpdate``), as in ``_append``.
        """
        entries = [self._entry(row, push, update) for row, update in answers]
        for entry in entries:
            for name, value in entry.items():
                if self._fields[name].type == "datetime" and value:
                    entry[name] = value.isoformat()
                elif value is False:
                    entry[name] = None
        self.env.cr.execute(
            SQL(
                """
                INSERT INTO stock_channel_publication_log
                       (publication_id, channel_id, company_id, push_id, quantity,
                        previous_qty, sequence, changed_at, acknowledged_at,
                        freshness, cause, parts)
                SELECT entry.publication_id, entry.channel_id, channel.company_id,
                       entry.push_id, entry.quantity, entry.previous_qty,
                       entry.sequence, entry.changed_at, entry.acknowledged_at,
                       round(entry.freshness, 3), entry.cause, entry.parts
                  FROM jsonb_to_recordset(%s::jsonb) AS entry (
                       publication_id int, channel_id int, push_id int,
                       quantity numeric, previous_qty numeric, sequence numeric,
                       changed_at timestamp, acknowledged_at timestamp,
                       freshness numeric, cause varchar, parts jsonb)
                  JOIN stock_channel AS channel ON channel.id = entry.channel_id
                """,
                json.dumps(entries),
            )
        )
        self.env["stock.channel.publication"].invalidate_model(["log_ids"])
        self.env["stock.channel.push"].invalidate_model(["log_ids"])
