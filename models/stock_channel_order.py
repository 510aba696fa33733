import logging

from odoo import api, fields, models
from odoo.tools import SQL

from . import kill_points
from .big_integer import BigInteger
from .locks import lock_stock
from .stock_channel_exception import NeedsPerson
from .stock_channel_poll import as_naive

_logger = logging.getLogger(__name__)

STATES = [
    ("new", "Received"),
    ("waiting", "Waits for a Person"),
    ("applied", "Applied"),
    ("cancelled", "Cancelled"),
]
TRANSITIONS = {
    "new": ("waiting", "applied", "cancelled"),
    "waiting": ("new", "applied", "cancelled"),
    "applied": ("new", "waiting", "cancelled"),
    "cancelled": ("new", "waiting", "applied"),
}


class StockChannelOrder(models.Model):
    """An order of a channel and how much of it the ERP has taken over.

    Between *read* and *apply* its demand is in flight: visible, subtracted from
    every number, and not yet a move. Without a sale order and cancelled it is a
    tombstone: the cancellation came first, and a creation that comes late must not
    bring the order to life.
    """

    _name = "stock.channel.order"
    _description = "Channel Order"
    _inherit = ["mail.thread", "stock.channel.mixin"]
    _order = "placed_at desc, id desc"
    _mail_post_access = "read"

    channel_id = fields.Many2one(
        "stock.channel", required=True, readonly=True, ondelete="restrict", index=True
    )
    company_id = fields.Many2one(related="channel_id.company_id", store=True)
    external_id = fields.Char("Channel's Order Id", required=True, readonly=True)
    name = fields.Char("Order", required=True, readonly=True)
    state = fields.Selection(STATES, required=True, readonly=True, default="new")
    sale_order_id = fields.Many2one(
        "sale.order", readonly=True, ondelete="set null", index="btree_not_null"
    )
    version = BigInteger(readonly=True, help="Newest version read.")
    applied_version = BigInteger(readonly=True, help="Newest version the ERP follows.")
    updated_at = fields.Datetime("Changed at Channel", readonly=True)
    placed_at = fields.Datetime("Ordered", readonly=True)
    is_cancelled = fields.Boolean("Cancelled at Channel", readonly=True)
    currency_id = fields.Many2one("res.currency", readonly=True)
    total = fields.Monetary("Channel's Total", readonly=True)
    shipping_address = fields.Json(
        readonly=True, help="The address the sale order was made with."
    )
    was_created = fields.Boolean(
        readonly=True, help="A sale order was made, whatever became of it."
    )
    payment_status = fields.Char(readonly=True)
    payment_reference = fields.Char(readonly=True)
    line_ids = fields.One2many("stock.channel.order.line", "channel_order_id")
    message_log_ids = fields.One2many("stock.channel.message", "channel_order_id")
    exception_ids = fields.One2many("stock.channel.exception", "channel_order_id")
    fulfillment_ids = fields.One2many("stock.channel.fulfillment", "channel_order_id")
    return_ids = fields.One2many("stock.channel.return", "channel_order_id")

    _unfinished = models.Index("(state) WHERE state IN ('new', 'waiting')")
    _channel_external_unique = models.UniqueIndex(
        "(channel_id, external_id)", "This order of the channel exists already."
    )

    @api.depends("name", "channel_id.name")
    def _compute_display_name(self):
        for order in self:
            order.display_name = f"{order.channel_id.name} {order.name}"

    def _update_state(self, target):
        """Move to ``target``; the gate of the order's state machine."""
        for order in self:
            if order.state == target:
                continue
            if target in TRANSITIONS[order.state]:
                order.state = target
            else:
                _logger.warning(
                    "order %s is %s and may not become %s",
                    order.id,
                    order.state,
                    target,
                )

    # ------------------------------------------------------------------ take

    @api.model
    def _take(self, message, snapshot):
        """Read a snapshot and apply it, in two transactions.

        :return: one line for the message about what was done.
        :raise NeedsPerson: when a person has to act before it can be applied.
        """
        order, pairs = self._in_transaction(lambda: self._read(message, snapshot))
        kill_points.reach("order.read")

        def apply():
            lock_stock(self.env.cr, pairs)
            message._keep_claim()
            if order._is_outdated(message, snapshot):
                return self.env._("Older than what is known; nothing to do.")
            note = order._apply(snapshot)
            kill_points.reach("order.applied")
            return note

        def wait():
            message._keep_claim()
            order._update_state("waiting")

        try:
            return self._in_transaction(apply)
        except NeedsPerson:
            self._in_transaction(wait)
            raise

    def _read(self, message, snapshot):
        """Write what the channel says; from here on the demand is in flight.

        :return: (order, pairs of product and warehouse to lock for applying it).
        """
        message._keep_claim()
        order = self._find_or_create(message.channel_id, [snapshot])
        message.channel_order_id = order
        if not order._is_outdated(message, snapshot):
            order._write_snapshot(snapshot)
            order.read_message = message.id
            order._place_in_flight()
        return order, order._stock_pairs()

    @api.model
    def _find_or_create(self, channel, snapshots):
        """Return the orders, made if need be; two workers never make two."""
        self.env.cr.execute(
            SQL(
                """
                INSERT INTO stock_channel_order
                       (channel_id, company_id, external_id, name, state, version,
                        applied_version, create_uid, write_uid, create_date,
                        write_date)
                SELECT %(channel)s, %(company)s, told.external_id, told.name, 'new',
                       -1, -1, %(user)s, %(user)s, now() AT TIME ZONE 'UTC',
                       now() AT TIME ZONE 'UTC'
                  FROM unnest(%(external)s::text[], %(name)s::text[])
                       AS told (external_id, name)
                ON CONFLICT (channel_id, external_id) DO NOTHING
                """,
                channel=channel.id,
                company=channel.company_id.id,
                external=[snapshot.id for snapshot in snapshots],
                name=[snapshot.name or snapshot.id for snapshot in snapshots],
                user=self.env.uid,
            )
        )
        return self.search(
            [
                ("channel_id", "=", channel.id),
                ("external_id", "in", [snapshot.id for snapshot in snapshots]),
            ]
        )

    def _prepare_snapshot(self, snapshot):
        """Return the values of the order's head as the channel tells them."""
        return {
            "name": snapshot.name or snapshot.id,
            "version": snapshot.version,
            "updated_at": as_naive(snapshot.updated_at),
            "placed_at": as_naive(snapshot.placed_at),
            "is_cancelled": snapshot.cancelled,
            "currency_id": self._find_currency(snapshot.currency).id,
            "total": float(snapshot.total),
            "payment_status": snapshot.payment_status or False,
            "payment_reference": snapshot.payment_reference or False,
        }

    def _find_currency(self, code):
        return (
            self.env["res.currency"]
            .with_context(active_test=False)
            .search([("name", "=", code)])
        )

    def _write_snapshot(self, snapshot):
        self.ensure_one()
        self.write(self._prepare_snapshot(snapshot))
        by_id = {line.external_id: line for line in self._active_lines()}
        for line in snapshot.lines:
            self.line_ids._write_line(self, by_id.pop(line.id, None), line, snapshot)
        for removed in by_id.values():
            removed._set_quantities(
                {"cancelled_qty": removed.ordered_qty}, as_naive(snapshot.updated_at)
            )

    # --------------------------------------------------------------- checks

    def _check_mapped(self, snapshot):
        """Refuse to apply an order with items or locations nobody mapped.

        :raise NeedsPerson: one exception per unknown id.
        """
        self._check_items_mapped()
        self._check_locations_mapped(snapshot)

    def _check_items_mapped(self):
        exceptions = self.env["stock.channel.exception"]
        unknown = {
            (line.item_id or line.sku): line
            for line in self.line_ids
            if not line.listing_id and not line.sale_line_id and line._wanted_qty() > 0
        }
        if unknown:
            raise NeedsPerson(
                category="mapping",
                title=self.env._("Unknown item"),
                cause=self.env._(
                    "Order %(order)s contains an item that no product here belongs "
                    "to. The order waits, whole, until the item is mapped.",
                    order=self.name,
                ),
                next_step=self.env._(
                    "Choose the product the channel means and press Map. Every order "
                    "that waits for it is processed by itself."
                ),
                needs=[
                    (
                        exceptions._mapping_fingerprint(
                            self.channel_id, "item", line.sku or line.item_id
                        ),
                        {
                            "title": self.env._(
                                "%s is not mapped to a product",
                                line.sku or line.item_id,
                            ),
                            "mapping_kind": "item",
                            "value": line.sku or line.item_id,
                            "item_id": line.item_id,
                        },
                    )
                    for line in unknown.values()
                ],
                channel_order_id=self.id,
            )

    def _check_locations_mapped(self, snapshot):
        exceptions = self.env["stock.channel.exception"]
        known = set(self.channel_id.location_ids._mapped().mapped("external_id"))
        to_take = {
            line.external_id
            for line in self.line_ids
            if not line.sale_line_id and line._wanted_qty() > 0
        }
        missing = {
            line.location_id
            for line in snapshot.lines
            if line.id in to_take and line.location_id and line.location_id not in known
        }
        if missing:
            raise NeedsPerson(
                category="mapping",
                title=self.env._("Unknown location"),
                cause=self.env._(
                    "Order %s is to be shipped from a channel location that no stock "
                    "location here belongs to.",
                    self.name,
                ),
                next_step=self.env._(
                    "Add the location to the channel's locations, then retry."
                ),
                needs=[
                    (
                        exceptions._mapping_fingerprint(
                            self.channel_id, "location", external_id
                        ),
                        {
                            "title": self.env._(
                                "Channel location %s is not mapped", external_id
                            ),
                            "mapping_kind": "location",
                            "value": external_id,
                        },
                    )
                    for external_id in sorted(missing)
                ],
                channel_order_id=self.id,
            )

    # --------------------------------------------------------------- actions

    def action_open_sale_order(self):
        self.ensure_one()
        return {
            "type": "ir.actions.act_window",
            "res_model": "sale.order",
            "res_id": self.sale_order_id.id,
            "view_mode": "form",
        }
