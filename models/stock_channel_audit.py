from odoo import api, fields, models
from odoo.exceptions import AccessError

ACTIONS = [
    ("created", "Created"),
    ("changed", "Changed"),
    ("removed", "Removed"),
    ("state", "Status Changed"),
    ("paused", "Paused"),
    ("resumed", "Resumed"),
    ("credentials", "Credentials Set"),
    ("webhooks", "Webhooks Set Up"),
    ("taken_over", "Taken Over by This Database"),
    ("proposed", "Proposed"),
    ("approved", "Approved"),
    ("rejected", "Rejected"),
    ("withdrawn", "Withdrawn"),
    ("applied", "Applied"),
    ("released", "Released"),
    ("undone", "Undone"),
    ("retried", "Retried"),
    ("ignored", "Ignored"),
    ("reopened", "Reopened"),
    ("mapped", "Mapped"),
    ("replayed", "Replayed"),
    ("signed", "Signed"),
    ("erased", "Personal Data Erased"),
]


class StockChannelAudit(models.Model):
    """Who did what, when, with the values before and after; append-only.

    It is written in the transaction of what it tells of: neither exists without the
    other. Nobody changes or removes a row, the hub itself neither: a record that
    could be mended afterwards proves nothing. It never holds a secret's value, nor
    personal data (who an order was for), so nothing in it ever has to be erased.
    """

    _name = "stock.channel.audit"
    _description = "Channel Audit"
    _order = "id desc"

    channel_id = fields.Many2one(
        "stock.channel", readonly=True, ondelete="set null", index="btree_not_null"
    )
    company_id = fields.Many2one(
        "res.company", required=True, readonly=True, ondelete="restrict", index=True
    )
    happened_at = fields.Datetime("When", required=True, readonly=True)
    user_id = fields.Many2one(
        "res.users", "Who", required=True, readonly=True, ondelete="restrict"
    )
    action = fields.Selection(ACTIONS, required=True, readonly=True)
    res_model = fields.Char("Model", readonly=True)
    res_id = fields.Many2oneReference("Record", model_field="res_model", readonly=True)
    record_name = fields.Char("What", readonly=True)
    before = fields.Json(readonly=True, help="Field values before, by field name.")
    after = fields.Json(readonly=True, help="Field values after, by field name.")
    reason = fields.Char(readonly=True)
    approval_id = fields.Many2one(
        "stock.channel.approval",
        readonly=True,
        ondelete="restrict",
        index="btree_not_null",
        help="The proposal under which it was done.",
    )

    _by_record = models.Index("(res_model, res_id)")
    _by_moment = models.Index("(company_id, happened_at)")

    @api.model
    def _log(self, records, action, *, values=None, reason=False, approval=None):
        """Append one row per record, in the name of whoever runs this.

        :param records: of one model that has a ``company_id``; of the channel
            itself, or with a ``channel_id``, where it is about one.
        :param str action: one of ``ACTIONS``.
        :param values: {record id: (before, after)}, two dicts of field values as
            JSON knows them; None where there were none.
        :param approval: the proposal under which it happens.
        """
        records_sudo = records.sudo()
        now = self.env.cr.now()
        rows = []
        for record_sudo in records_sudo:
            before, after = (values or {}).get(record_sudo.id, (None, None))
            channel_sudo = record_sudo
            if record_sudo._name != "stock.channel":
                channel_sudo = (
                    record_sudo.channel_id if "channel_id" in record_sudo else None
                )
            company = record_sudo.company_id or self.env.company
            rows.append(
                {
                    "channel_id": channel_sudo.id if channel_sudo else False,
                    "company_id": company.id,
                    "happened_at": now,
                    "user_id": self.env.uid,
                    "action": action,
                    "res_model": record_sudo._name,
                    "res_id": record_sudo.id,
                    "record_name": record_sudo.display_name,
                    "before": before,
                    "after": after,
                    "reason": reason,
                    "approval_id": approval.id if approval else False,
                }
            )
        return self.sudo().create(rows)

    @api.model_create_multi
    def create(self, vals_list):
        if not self.env.su:
            raise AccessError(self.env._("The audit is written by the hub alone."))
        return super().create(vals_list)

    def write(self, vals):  # pylint: disable=method-required-super
        """Refuse, whoever asks: what was done was done."""
        raise AccessError(self.env._("The audit is never changed."))

    @api.ondelete(at_uninstall=False)
    def _unlink_never(self):
        raise AccessError(self.env._("Nothing is ever removed from the audit."))
