import hashlib
import logging

from odoo import fields, models

from ..connectors.data import ResultStatus

_logger = logging.getLogger(__name__)

STATES = [
    ("sending", "Sending"),
    ("done", "Done"),
    ("partial", "Partly Refused"),
    ("unknown", "Outcome Unknown"),
    ("failed", "Not Taken"),
]


class StockChannelPush(models.Model):
    """One outgoing batch of numbers."""

    _name = "stock.channel.push"
    _description = "Push to a Channel"
    _order = "id desc"

    channel_id = fields.Many2one(
        "stock.channel", required=True, readonly=True, ondelete="cascade", index=True
    )
    company_id = fields.Many2one(related="channel_id.company_id", store=True)
    idempotency_key = fields.Char(
        "Repeat Key",
        readonly=True,
        help="The channel takes two calls with this key for one.",
    )
    size = fields.Integer(readonly=True, help="How many numbers it carried.")
    state = fields.Selection(STATES, required=True, readonly=True, default="sending")
    finished_at = fields.Datetime("Finished", readonly=True)
    applied_count = fields.Integer("Applied", readonly=True)
    stale_count = fields.Integer(
        "Overtaken",
        readonly=True,
        help="The channel knew a newer number already and left these out.",
    )
    rejected_count = fields.Integer("Refused", readonly=True)
    error = fields.Char(readonly=True)
    log_ids = fields.One2many("stock.channel.publication.log", "push_id")

    _unfinished = models.Index("(state) WHERE state <> 'done'")

    def _compute_display_name(self):
        for push in self:
            push.display_name = self.env._(
                "Push %(id)s to %(channel)s", id=push.id, channel=push.channel_id.name
            )

    def _set_key(self, updates):
        """Derive the key from database, push and body.

        The database's uuid is part of it, so that a restored copy can never replay
        a push of the original under the same key.
        """
        self.ensure_one()
        uuid = self.env["ir.config_parameter"].sudo().get_param("database.uuid")
        body = repr([(u.key, str(u.quantity), u.sequence) for u in updates])
        text = f"{uuid}:{self.id}:{body}"
        self.idempotency_key = hashlib.sha256(text.encode()).hexdigest()

    def _finish(self, state, error=False):
        self.write({"state": state, "finished_at": self.env.cr.now(), "error": error})

    def _record_results(self, updates, results):
        """Write the channel's answers into the ledger.

        The everyday ones all at once, the others row by row.

        :param updates: list of (publication id, ``QuantityUpdate``).
        :param results: one ``UpdateResult`` per update, in their order.
        """
        self.ensure_one()
        rows = self.env["stock.channel.publication"]._lock_rows(
            row_id for row_id, _update in updates
        )
        row_by_id = {row.id: row for row in rows}
        everyday, others = [], []
        for (row_id, update), result in zip(updates, results, strict=True):
            row = row_by_id.get(row_id)
            if not row:
                continue
            if row._is_everyday(self, update, result):
                everyday.append((row, update))
            else:
                others.append((row, update, result))
        rows._acknowledge_all(self, everyday)
        counts = {**dict.fromkeys(ResultStatus, 0), ResultStatus.APPLIED: len(everyday)}
        for row, update, result in others:
            counts[row._record_result(self, update, result)] += 1
        self.write(
            {
                "applied_count": counts[ResultStatus.APPLIED],
                "stale_count": counts[ResultStatus.STALE],
                "rejected_count": counts[ResultStatus.REJECTED],
            }
        )
        if counts[ResultStatus.UNKNOWN]:
            self._finish("unknown")
        elif counts[ResultStatus.REJECTED] or counts[ResultStatus.STALE]:
            self._finish("partial")
        else:
            self._finish("done")
