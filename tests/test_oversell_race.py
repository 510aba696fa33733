"""The last unit, sold twice on two real connections at once (PROOF, R10)."""

import json
import logging
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from threading import Barrier, Event
from unittest.mock import patch

from odoo.tests import tagged
from odoo.tools import mute_logger

from odoo.addons.stock_channel_hub.models.stock_channel_mixin import StockChannelMixin

from .committed import CommittedCase

_logger = logging.getLogger(__name__)
# Seconds until a thread that waits for the other one gives up.
PATIENCE = 60


@tagged("post_install", "-at_install")
class TestOversellRace(CommittedCase):
    """Whatever the interleaving: one unit, two customers, one exception."""

    def setUp(self):
        super().setUp()
        for channel_id in self.channel_ids:
            self.job("stock.channel", "_cron_poll", channel_id)
        self.job("stock.channel.dirty", "_cron_compute")
        for channel_id in self.channel_ids:
            self.job("stock.channel", "_cron_publish", channel_id)
        shown = [shop.books.shown("RACE", "main") for shop in self.shops.values()]
        self.assertEqual(shown, [1, 1])

    def job(self, model, method, record_id=None):
        def run(env):
            records = env[model].browse(record_id) if record_id else env[model]
            getattr(records, method)()

        self.work(run)

    # ------------------------------------------------------------------ orders

    def store_order(self, env, channel_id):
        """A customer of this shop buys the desk; returns the message's id."""
        channel = env["stock.channel"].browse(channel_id)
        now = datetime.now(UTC).isoformat()
        order_id = f"R{channel_id}"
        data = {
            "id": order_id,
            "version": 1,
            "updated_at": now,
            "placed_at": now,
            "status": "open",
            "currency": channel.company_id.currency_id.name,
            "prices_include_tax": False,
            "customer": {"email": f"{order_id}@example.com", "name": order_id},
            "shipping_address": {
                "name": order_id,
                "street": "1 Main Street",
                "city": "Brussels",
                "zip": "1000",
                "country": "BE",
            },
            "lines": [
                {
                    "id": "1",
                    "sku": "RACE",
                    "quantity": "1",
                    "unit_price": "10.00",
                    "location_id": "main",
                }
            ],
            "shipping": [],
            "total": "10.00",
        }
        raw = json.dumps(
            {"type": "order.updated", "timestamp": now, "data": data}
        ).encode()
        messages = env["stock.channel.message"]
        self.assertTrue(
            messages._store(
                channel,
                dedupe_key=order_id,
                topic="order.updated",
                order_key=f"order:{order_id}",
                raw=raw,
                origin="webhook",
            )
        )
        return messages.search([("dedupe_key", "=", order_id)]).id

    def process(self, env, message_id):
        """Read and apply one message, as an inbox worker does."""
        message = env["stock.channel.message"].browse(message_id)
        message.with_company(message.company_id)._process()
        message.invalidate_recordset()
        return message.state, message.note

    def outcome(self, env):
        """Return the exceptions, what is reserved, and the states of the moves."""
        exceptions = env["stock.channel.exception"].search(
            [("channel_id", "in", self.channel_ids)]
        )
        quants = env["stock.quant"].search([("product_id", "=", self.product_id)])
        here = quants.filtered(lambda quant: quant.location_id.id == self.shelf_id)
        moves = env["stock.move"].search(
            [
                ("product_id", "=", self.product_id),
                ("location_dest_id.usage", "=", "customer"),
            ]
        )
        return {
            "exceptions": [
                (
                    one.category,
                    one.state,
                    one.shortage_qty,
                    one.occurrences,
                )
                for one in exceptions
            ],
            "causes": exceptions.mapped("oversell_cause"),
            "kinds": sorted(exceptions.event_ids.mapped("kind")),
            "reserved": sum(here.mapped("reserved_quantity")),
            "on_hand": sum(here.mapped("quantity")),
            "moves": sorted(moves.mapped("state")),
        }

    # ------------------------------------------------------------------- tests

    @mute_logger("odoo.sql_db")
    def test_two_channels_apply_at_once(self):
        """Both have read before either applies; the locks let one after the other."""
        messages = [
            self.work(self.store_order, channel_id) for channel_id in self.channel_ids
        ]
        both_read = Barrier(2, timeout=PATIENCE)
        read = StockChannelMixin._in_transaction
        met = set()

        def meet(orders, task):
            result = read(orders, task)
            # The first transaction of an order is the one that reads it.
            cr = orders.env.cr
            if orders._name == "stock.channel.order" and id(cr) not in met:
                met.add(id(cr))
                both_read.wait()
            return result

        with (
            patch.object(StockChannelMixin, "_in_transaction", meet),
            ThreadPoolExecutor(2) as pool,
        ):
            results = list(pool.map(lambda m: self.work(self.process, m), messages))
        self.assertEqual([state for state, _note in results], ["done"] * 2, results)
        self.assertEqual(len(met), 2)
        outcome = self.work(self.outcome)
        self.assertEqual(outcome["moves"], ["assigned", "confirmed"])
        self.assertEqual((outcome["on_hand"], outcome["reserved"]), (1.0, 1.0))
        self.assertEqual(outcome["exceptions"], [("oversell", "open", 1.0, 1)])
        self.job("stock.channel.dirty", "_cron_compute")
        after = self.work(self.outcome)
        self.assertEqual(after, outcome)
        self.assertEqual(
            outcome["kinds"],
            sorted(
                ["told", "told", "short"]
                + ["ordered", "received", "read", "applied"] * 2
            ),
        )
        self.assertEqual(outcome["causes"], ["late"])

    @mute_logger("odoo.sql_db")
    def test_odoos_own_confirmation_knows_no_lock(self):
        """Both get the one desk reserved; the sum tells, once it is computed."""
        message_id = self.work(self.store_order, self.channel_ids[0])
        sale_id = self.work(self.quote)
        confirmed, applied = Event(), Event()

        def confirm(env):
            env["sale.order"].browse(sale_id).action_confirm()
            env.flush_all()
            confirmed.set()
            self.assertTrue(applied.wait(PATIENCE))

        def apply(env):
            self.assertTrue(confirmed.wait(PATIENCE))
            try:
                return self.process(env, message_id)
            finally:
                applied.set()

        with ThreadPoolExecutor(2) as pool:
            confirming = pool.submit(self.work, confirm)
            applying = pool.submit(self.work, apply)
            confirming.result(), applying.result()
        state, note = applying.result()
        self.assertEqual(state, "done", note)
        outcome = self.work(self.outcome)
        self.assertEqual(outcome["moves"], ["assigned", "assigned"])
        self.assertEqual((outcome["on_hand"], outcome["reserved"]), (1.0, 2.0))
        self.assertEqual(outcome["exceptions"], [])
        self.job("stock.channel.dirty", "_cron_compute")
        self.job("stock.channel.dirty", "_cron_compute")
        outcome = self.work(self.outcome)
        self.assertEqual(outcome["exceptions"], [("oversell", "open", 1.0, 1)])
        self.assertEqual(outcome["kinds"].count("sale"), 1)
        self.assertEqual(outcome["kinds"].count("ordered"), 1)
        self.assertEqual(outcome["causes"], ["in_flight"])

    def quote(self, env):
        order = env["sale.order"].create(
            {
                "partner_id": env["res.partner"].create({"name": "Walk In"}).id,
                "warehouse_id": self.warehouse_id,
                "order_line": [
                    (0, 0, {"product_id": self.product_id, "product_uom_qty": 1})
                ],
            }
        )
        return order.id
