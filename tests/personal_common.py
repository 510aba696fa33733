"""What the tests of erasing start from: an order that tells who it is for."""

import base64
import json
from datetime import timedelta

from odoo.tools import SQL

from .clock import ClockCase

# Each of them stands in the order of ``ada`` and nowhere else.
CANARIES = (
    "Ada.Canary@",
    "Ada Canary",
    "Canary Street",
    "CanaryVille",
    "ADA-1815",
    "+32 470 42 42 42",
    "leave it with the canary",
    "engraved with canary",
    "cust-canary",
)
# Every table the hub keeps what it was told in.
TABLES = (
    "stock_channel_message",
    "stock_channel_order",
    "stock_channel_order_line",
    "stock_channel_customer",
    "stock_channel_exception",
    "stock_channel_exception_event",
    "stock_channel_return",
    "stock_channel_return_line",
    "stock_channel_fulfillment",
    "stock_channel_fulfillment_line",
    "stock_channel_replay",
    "stock_channel_approval",
    "stock_channel_audit",
    "stock_channel_erasure_request",
)


class PersonalCase(ClockCase):
    """One live channel, a hundred desks, and orders of two customers."""

    def setUp(self):
        super().setUp()
        self.receive(self.product, 100)

    # ----------------------------------------------------------------- making

    def ada_data(self, order_id="A1", version=1, **vals):
        """Return an order of Ada's as the channel tells it."""
        address = {
            "name": "Ada Canary",
            "street": "1 Canary Street",
            "city": "CanaryVille",
            "zip": "ADA-1815",
            "country": "BE",
        }
        lines = vals.pop("lines", None) or [
            self.line_data("1", "DESK", 2, title="Desk, engraved with canary")
        ]
        data = {
            "customer": {
                "id": "cust-canary",
                "email": "Ada.Canary@Example.com",
                "name": "Ada Canary",
                "phone": "+32 470 42 42 42",
            },
            "shipping_address": address,
            "billing_address": address,
            "note": "leave it with the canary",
            **vals,
        }
        return self.order_data(order_id, version, lines=lines, **data)

    def ada(self, order_id="A1", version=1, **vals):
        """Deliver it and let the hub work; returns the channel order."""
        data = self.ada_data(order_id, version, **vals)
        self.shop.books.orders[order_id] = data
        self.deliver("order.updated", data)
        self.run_inbox()
        return self.find_order(order_id)

    def ship(self, order):
        for picking in order.sale_order_id.picking_ids:
            if picking.state not in ("done", "cancel"):
                picking.move_ids.picked = True
                picking.button_validate()
        self.run_publish()
        order.invalidate_recordset()
        return order

    def finished(self, order_id="A1", **vals):
        """Return an order of Ada's that was shipped, and the channel told of it."""
        return self.ship(self.ada(order_id, **vals))

    def pass_days(self, days):
        self.pass_time(timedelta(days=days).total_seconds())

    def run_erase(self):
        self.run_job("stock.channel.erasure.request", "_cron_erase")

    # ---------------------------------------------------------------- reading

    def messages(self, order):
        return self.env["stock.channel.message"].search(
            [("channel_order_id", "=", order.id)], order="id"
        )

    def bodies(self, order):
        """Return the bodies that are left of an order's messages."""
        return [
            json.loads(message._raw_bytes())
            for message in self.messages(order)
            if message.raw
        ]

    def traces(self, canaries=CANARIES):
        """Return where in the hub's own tables something of Ada's stands.

        Chatter and activities of the hub's records included, bodies decoded.
        """
        self.env.flush_all()
        found = set()
        for table in TABLES:
            self.env.cr.execute(SQL("SELECT t FROM %s AS t", SQL.identifier(table)))
            rows = [str(row) for row in self.env.cr.fetchall()]
            found |= {(table, word) for word in canaries for row in rows if word in row}
        self.env.cr.execute(
            "SELECT raw FROM stock_channel_message WHERE raw IS NOT NULL"
        )
        for (raw,) in self.env.cr.fetchall():
            body = base64.b64decode(bytes(raw)).decode()
            found |= {("body", word) for word in canaries if word in body}
        self.env.cr.execute(
            "SELECT body FROM mail_message WHERE body IS NOT NULL"
            " AND (model LIKE 'stock.channel%' OR model = 'sale.order')"
        )
        for (body,) in self.env.cr.fetchall():
            found |= {("chatter", word) for word in canaries if word in body}
        return found
