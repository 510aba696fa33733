from odoo import fields, models
from odoo.exceptions import UserError

from .stock_channel_exception import QUIET

KINDS = [
    ("stock", "Stock Moved"),
    ("count", "Stock Corrected"),
    ("sale", "Promised Here"),
    ("ordered", "Customer Ordered"),
    ("received", "Order Received"),
    ("read", "Order Read"),
    ("applied", "Order Taken Over"),
    ("wanted", "Number Computed"),
    ("sent", "Number Sent"),
    ("told", "Number Taken by Channel"),
    ("refused", "Number Refused"),
    ("drift", "Channel Showed Another"),
    ("map", "Map Changed"),
    ("kit", "Kit Changed"),
    ("rule", "Rule Changed"),
    ("condition", "Stock Condition Changed"),
    ("short", "Shortage"),
    ("resolved", "Closed"),
    ("ignored", "Ignored"),
    ("open", "Opened Again"),
]


class StockChannelExceptionEvent(models.Model):
    """One line of the timeline of an exception, as it was recorded; nobody edits it."""

    _name = "stock.channel.exception.event"
    _description = "What Led to an Exception"
    _order = "at, sequence, id"
    _log_access = False
    _rec_name = "text"

    exception_id = fields.Many2one(
        "stock.channel.exception",
        required=True,
        readonly=True,
        ondelete="cascade",
        index=True,
    )
    company_id = fields.Many2one(related="exception_id.company_id", store=True)
    at = fields.Datetime("When", required=True, readonly=True)
    sequence = fields.Integer(readonly=True)
    kind = fields.Selection(KINDS, "What", required=True, readonly=True)
    channel_id = fields.Many2one(
        "stock.channel", readonly=True, ondelete="cascade", index="btree_not_null"
    )
    quantity = fields.Float(
        digits=0,
        readonly=True,
        help="In the product's own unit: what was moved, sold, told or missing.",
    )
    text = fields.Char("Details", readonly=True)
    # Not a reference field: its name would be read with the reader's own rights, and a
    # clerk who may not open a delivery could not open the exception.
    res_model = fields.Char(readonly=True)
    res_id = fields.Integer(readonly=True)

    def action_open_document(self):
        """Open what stands behind this line, with the rights of whoever asks."""
        self.ensure_one()
        self.check_access("read")
        if self.res_model not in self.env:
            raise UserError(self.env._("There is no document behind this line."))
        document = self.env[self.res_model].browse(self.res_id).exists()
        if not document:
            raise UserError(self.env._("The document was deleted meanwhile."))
        return {
            "type": "ir.actions.act_window",
            "res_model": document._name,
            "res_id": document.id,
            "view_mode": "form",
        }


class StockChannelExceptionHistory(models.Model):
    _inherit = "stock.channel.exception"

    def _note_history(self, target):
        """Keep when it was closed and opened again; a shortage tells its own story.

        What comes and goes within the hour is counted and leaves no line each time.
        """
        self.ensure_one()
        now = fields.Datetime.now()
        last = self.event_ids.sorted("id")[-1:]
        is_flapping = target != "ignored" and last and last.at > now - QUIET
        if self.shortage_product_id or is_flapping:
            return
        self.env["stock.channel.exception.event"].sudo().create(
            {
                "exception_id": self.id,
                "at": now,
                "sequence": last.sequence + 1,
                "kind": target,
                "channel_id": self.channel_id.id,
                "text": self.ignore_reason if target == "ignored" else self.title,
            }
        )
