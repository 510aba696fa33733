"""A customer asks to be forgotten: who is meant, and how far that has come."""

import logging

from odoo import api, fields, models
from odoo.tools import SQL
from odoo.tools.misc import format_datetime

from ..connectors import registry
from ..connectors.personal import mailboxes, values_at

_logger = logging.getLogger(__name__)

STATES = [
    ("running", "Running"),
    ("waiting", "Waits for Open Orders"),
    ("done", "Done"),
]
TRANSITIONS = {"running": ("waiting", "done"), "waiting": ("done",), "done": ()}
# Bodies looked through in one transaction.
SLICE = 500


class StockChannelErasureRequest(models.Model):
    """One customer's data, erased from what the hub keeps of a company's orders.

    What is finished is erased at once, in the background; an order that is still
    open is erased as soon as it is finished, since it could not be delivered
    otherwise. The record stays as proof that it was asked for and done. It tells
    nothing of the customer: whom to look for is forgotten with the search.
    """

    _name = "stock.channel.erasure.request"
    _description = "Erasure of a Customer's Data"
    _inherit = ["stock.channel.mixin"]
    _order = "id desc"
    _log_access = False

    company_id = fields.Many2one(
        "res.company", required=True, readonly=True, index=True
    )
    user_id = fields.Many2one(
        "res.users", "Asked by", required=True, readonly=True, ondelete="restrict"
    )
    started_at = fields.Datetime("Asked", required=True, readonly=True)
    finished_at = fields.Datetime("Finished", readonly=True)
    state = fields.Selection(STATES, required=True, readonly=True, default="running")
    wanted = fields.Json(
        groups=fields.NO_ACCESS,
        copy=False,
        help="Whom to look for in bodies; emptied when all were looked through.",
    )
    last_message = fields.Integer(
        readonly=True, help="The newest message whose content was looked through."
    )
    customer_count = fields.Integer(
        "Customer Links", readonly=True, help="Links to a contact that were removed."
    )
    order_ids = fields.One2many("stock.channel.order", "erasure_id")
    message_ids = fields.One2many("stock.channel.message", "erasure_id")
    order_count = fields.Integer("Orders", compute="_compute_progress")
    open_count = fields.Integer(
        "Still Open",
        compute="_compute_progress",
        help="Not shipped, returned, cancelled or decided in full yet. They are erased "
        "as soon as they are.",
    )
    erased_count = fields.Integer("Erased", compute="_compute_progress")
    progress = fields.Float(compute="_compute_progress")

    _unfinished = models.Index("(id) WHERE state <> 'done'")

    @api.depends("user_id", "started_at")
    def _compute_display_name(self):
        for request in self:
            request.display_name = self.env._(
                "Erasure asked by %(user)s, %(when)s",
                user=request.user_id.name,
                when=format_datetime(self.env, request.started_at),
            )

    @api.depends("state", "order_ids.person_erased_at")
    def _compute_progress(self):
        counts = {
            request: (total, erased)
            for request, total, erased in self.env["stock.channel.order"]
            .sudo()
            ._read_group(
                [("erasure_id", "in", self.ids)],
                ["erasure_id"],
                ["__count", "person_erased_at:count"],
            )
        }
        for request in self:
            total, erased = counts.get(request, (0, 0))
            request.order_count = total
            request.erased_count = erased
            request.open_count = total - erased
            is_over = request.state == "done"
            request.progress = 100 if is_over else 100 * erased / (total or 1)

    # --------------------------------------------------------------- starting

    @api.model
    def _start(self, company, orders, customers, wanted):
        """Begin to erase one customer's data.

        :param orders: channel orders known to be theirs.
        :param customers: their links to a contact; removed at once.
        :param dict wanted: ``emails``, and ``ids`` by channel id, to look for in bodies.
        :return: the request, with elevated rights.
        """
        request_sudo = self.sudo().create(
            {
                "company_id": company.id,
                "user_id": self.env.uid,
                "started_at": self.env.cr.now(),
                "wanted": wanted,
                "customer_count": len(customers),
            }
        )
        orders.sudo().filtered(lambda order: not order.erasure_id).write(
            {"erasure_id": request_sudo.id}
        )
        customers.sudo().unlink()
        self.env["stock.channel.audit"]._log(
            request_sudo,
            "created",
            values={request_sudo.id: (None, {"orders": len(orders)})},
        )
        self._trigger_after_commit(self._cron())
        return request_sudo

    @api.model
    def _cron(self):
        return self.env.ref("stock_channel_hub.ir_cron_erase").sudo()

    # ---------------------------------------------------------------- working

    @api.model
    def _cron_erase(self):
        """Erase what is due, a bounded batch at a time; run by its scheduled action."""
        while True:
            done = self._in_transaction(self._erase_some)
            if not self._goes_on(done, done):
                return

    def _erase_some(self):
        """Look through some bodies, or erase some orders, or close what is over.

        :return: how many were worked on; zero when nothing is left to do.
        """
        requests = self._lock_unfinished()
        for request in requests:
            if request.wanted:
                return request._search_bodies()
        orders = self.env["stock.channel.order"]._due_for_erasure()
        messages = self.env["stock.channel.message"]._due_for_erasure()
        orders._erase_person()
        messages._erase_bodies()
        if not orders and not messages:
            requests._conclude()
        return len(orders) + len(messages)

    @api.model
    def _lock_unfinished(self):
        self.env.cr.execute(
            SQL(
                """
                SELECT id
                  FROM stock_channel_erasure_request
                 WHERE state <> 'done'
                 ORDER BY id
                   FOR UPDATE SKIP LOCKED
                """
            )
        )
        requests = self.browse(row_id for (row_id,) in self.env.cr.fetchall())
        requests.invalidate_recordset()
        return requests

    def _search_bodies(self):
        """Look through the next bodies for the customer.

        No index could find them, and a mailbox may stand anywhere in a body. Those of
        an order mark the order, the others are marked themselves.

        :return: how many were looked through, at least one.
        """
        self.ensure_one()
        messages = self.env["stock.channel.message"].search(
            [
                ("company_id", "=", self.company_id.id),
                ("id", ">", self.last_message),
                ("erased_at", "=", False),
            ],
            order="id",
            limit=SLICE,
        )
        found = messages.filtered(self._is_about)
        found.filtered(lambda message: not message.erasure_id).erasure_id = self
        found.channel_order_id.filtered(lambda o: not o.erasure_id).erasure_id = self
        if messages:
            self.last_message = messages[-1].id
        if len(messages) < SLICE:
            self.wanted = False
        return len(messages) or 1

    def _is_about(self, message):
        """Return whether a body names the customer this request is about."""
        raw, channel = message._raw_bytes(), message.channel_id
        if not mailboxes(raw).isdisjoint(self.wanted["emails"]):
            return True
        ids = self.wanted["ids"].get(str(channel.id), ())
        paths = registry.get(channel.connector).customer_ids
        return bool(ids) and not values_at(raw, paths).isdisjoint(ids)

    def _conclude(self):
        """Close what nothing is left of; what open orders are left of waits for them."""
        for request in self:
            left = request.order_ids.filtered(lambda order: not order.person_erased_at)
            left_bodies = request.message_ids.filtered(lambda m: not m.erased_at)
            target = "waiting" if left or left_bodies else "done"
            if request.state != target:
                request._update_state(target)

    def _update_state(self, target):
        """Move to ``target``; the gate of the request's state machine."""
        self.ensure_one()
        if target not in TRANSITIONS[self.state]:
            _logger.warning(
                "erasure %s is %s and may not become %s", self.id, self.state, target
            )
            return
        self.state = target
        if target == "done":
            self.finished_at = self.env.cr.now()
            self.env["stock.channel.audit"].with_user(self.user_id)._log(
                self,
                "erased",
                values={self.id: (None, {"orders": self.erased_count})},
            )

    # ---------------------------------------------------------------- actions

    def action_open_orders(self):
        self.ensure_one()
        self.check_access("read")
        return {
            "type": "ir.actions.act_window",
            "name": self.env._("Orders"),
            "res_model": "stock.channel.order",
            "view_mode": "list,form",
            "domain": [("erasure_id", "=", self.id)],
        }
