from unittest.mock import patch

import psycopg2

from odoo import SUPERUSER_ID, api, sql_db
from odoo.tests import tagged
from odoo.tests.common import BaseCase, get_db_name
from odoo.tools import mute_logger

from odoo.addons.sale.models.sale_order import SaleOrder
from odoo.addons.stock_channel_hub.models import (
    stock_channel_message_batch,
    stock_channel_message_claim,
    stock_channel_order_batch,
)
from odoo.addons.stock_channel_hub.models.locks import lock_stock, try_lock_stock
from odoo.addons.stock_channel_hub.models.stock_channel_message import (
    StockChannelMessage,
)
from odoo.addons.stock_channel_hub.models.stock_channel_message_claim import (
    StockChannelMessageClaim,
)
from odoo.addons.stock_channel_hub.models.stock_channel_mixin import StockChannelMixin
from odoo.addons.stock_channel_hub.models.stock_channel_order_price import (
    StockChannelOrderPrice,
)

from .batch_common import BATCH_LOGGER, BatchCase

MIXIN_LOGGER = "odoo.addons.stock_channel_hub.models.stock_channel_mixin"
MESSAGE_LOGGER = "odoo.addons.stock_channel_hub.models.stock_channel_message"


@tagged("post_install", "-at_install")
class TestOrderBatchFaults(BatchCase):
    """One bad order delays no other, and a lost race is no failure."""

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.lamp = cls.make_product("Lamp", "LAMP")
        cls.lamp_listing = cls.make_listing(cls.channel, cls.lamp, "LAMP")

    # ------------------------------------------------------------ the bad one

    def run_with_bad(self, **vals):
        """Work on five orders, the third of which is bad; returns that message."""
        confirmed = self.watch()
        self.deliver_orders(["1", "2"])
        self.deliver_orders(["bad"], **vals)
        self.deliver_orders(["4", "5"])
        self.run_inbox()
        messages = self.messages()
        good = messages - messages[2]
        self.assertEqual(good.mapped("state"), ["done"] * 4)
        self.assertEqual(good.mapped("attempts"), [1] * 4)
        self.assertEqual(confirmed, [4])
        self.assertEqual(self.sales().mapped("client_order_ref"), ["1", "2", "4", "5"])
        return messages[2]

    def test_unknown_item_waits_alone(self):
        bad = self.run_with_bad(lines=[self.line_data("1", "GHOST", 1)])
        self.assertEqual((bad.state, bad.attempts), ("waiting", 1))
        exception = self.open_exceptions()
        self.assertEqual(exception.category, "mapping")
        self.assertEqual(exception.waiting_message_ids, bad)

    def test_delivery_nobody_understands_leaves_the_others_together(self):
        """One of them in a claim, and each of the others was worked on by itself."""
        confirmed = self.watch()
        self.deliver("order.updated", {"id": "broken"})
        self.deliver_orders(["1", "2", "3"])
        with self.assertNoLogs(BATCH_LOGGER):
            self.run_inbox()
        self.assertEqual(confirmed, [3])
        self.assertEqual(
            self.messages().mapped("state"), ["waiting", "done", "done", "done"]
        )

    def test_news_of_a_known_order_leaves_the_new_ones_together(self):
        self.deliver_orders(["1"])
        self.run_inbox()
        confirmed = self.watch()
        self.deliver_orders(["1"], version=2)
        self.deliver_orders(["2", "3", "4"])
        with self.assertNoLogs(BATCH_LOGGER):
            self.run_inbox()
        self.assertEqual(confirmed, [3])
        self.assertEqual(set(self.messages().mapped("state")), {"done"})

    def test_missing_tax_waits_alone(self):
        bad = self.run_with_bad(
            lines=[self.line_data("1", "DESK", 1, tax_rate="13")],
            customer={"email": "taxed@example.com", "name": "Taxed"},
        )
        self.assertEqual((bad.state, bad.attempts), ("waiting", 1))
        self.assertEqual(self.open_exceptions().field, "tax_rate")
        self.assertFalse(
            self.env["res.partner"].search([("email", "=", "taxed@example.com")])
        )

    @mute_logger(MESSAGE_LOGGER)
    def test_bug_over_one_order_stops_it_alone(self):
        prepare = StockChannelOrderPrice._prepare_sale_lines

        def explode(order, snapshot, parts, position):
            if snapshot.id == "bad":
                raise ZeroDivisionError("boom")
            return prepare(order, snapshot, parts, position)

        with patch.object(StockChannelOrderPrice, "_prepare_sale_lines", explode):
            bad = self.run_with_bad()
        self.assertEqual((bad.state, bad.attempts), ("pending", 1))
        self.assertEqual(bad.note, "ZeroDivisionError: boom")

    @mute_logger(MESSAGE_LOGGER, BATCH_LOGGER)
    def test_batch_that_fails_is_worked_off_singly(self):
        confirm = SaleOrder.action_confirm
        confirmed = []

        def action_confirm(orders):
            confirmed.append(len(orders))
            if "2" in orders.mapped("client_order_ref"):
                raise ZeroDivisionError("boom")
            return confirm(orders)

        self.deliver_orders(["1", "2", "3"])
        with patch.object(SaleOrder, "action_confirm", action_confirm):
            self.run_inbox()
        self.assertEqual(confirmed, [3, 1, 1, 1])
        self.assertEqual(self.messages().mapped("state"), ["done", "pending", "done"])
        self.assertEqual(self.messages().mapped("attempts"), [1, 1, 1])
        self.assertEqual(self.sales().mapped("client_order_ref"), ["1", "3"])
        self.assertEqual(self.numbers()["in_flight"], 2)

    # --------------------------------------------------------------- trouble

    @mute_logger(MIXIN_LOGGER)
    def test_lost_race_starts_the_batch_over(self):
        confirm = SaleOrder.action_confirm
        confirmed = []

        def action_confirm(orders):
            confirmed.append(len(orders))
            if len(confirmed) == 1:
                raise psycopg2.errors.SerializationFailure("could not serialize")
            return confirm(orders)

        self.deliver_orders(["1", "2", "3"])
        with patch.object(SaleOrder, "action_confirm", action_confirm):
            self.run_inbox()
        self.assertEqual(confirmed, [3, 3])
        self.assertEqual(self.messages().mapped("state"), ["done"] * 3)
        self.assertEqual(len(self.sales()), 3)

    @mute_logger(MIXIN_LOGGER)
    def test_batch_that_loses_every_race_is_tried_later_whole(self):
        confirmed = []

        def action_confirm(orders):
            confirmed.append(len(orders))
            raise psycopg2.errors.SerializationFailure("could not serialize")

        self.deliver_orders(["1", "2", "3"])
        with patch.object(SaleOrder, "action_confirm", action_confirm):
            self.run_inbox()
        self.assertEqual(confirmed, [3] * 5)
        messages = self.messages()
        self.assertEqual(messages.mapped("state"), ["pending"] * 3)
        self.assertEqual(messages.mapped("attempts"), [0] * 3)
        self.assertTrue(all(messages.mapped("next_attempt_at")))
        self.assertFalse(self.sales())
        messages.sudo().next_attempt_at = False
        confirmed = self.watch()
        self.run_inbox()
        self.assertEqual(confirmed, [3])

    def test_after_a_crash_they_run_singly(self):
        self.deliver_orders(["1", "2"])
        with self.registry.cursor() as cr:
            messages = self.env["stock.channel.message"].with_env(
                self.env(cr=cr, su=True)
            )
            claimed = messages._in_transaction(lambda: messages._claim(True))
            self.assertEqual(len(claimed), 2)
        self.env.invalidate_all()
        self.messages().sudo().lease_until = "2020-01-01"
        confirmed = self.watch()
        self.run_inbox()
        self.assertEqual(confirmed, [1, 1])
        self.assertEqual(self.messages().mapped("attempts"), [2, 2])

    @mute_logger(BATCH_LOGGER)
    def test_what_another_worker_has_taken_is_left_to_it(self):
        """A batch took so long that the leases were over."""
        self.deliver_orders(["1", "2", "3"])
        processed = []
        original = StockChannelMessage._process

        def process(message):
            processed.append(message.channel_order_id.external_id)
            message.search([], order="id desc", limit=1).claims += 1
            return original(message)

        confirm = SaleOrder.action_confirm

        def action_confirm(orders):
            if len(orders) > 1:
                raise ZeroDivisionError("boom")
            return confirm(orders)

        with (
            patch.object(SaleOrder, "action_confirm", action_confirm),
            patch.object(StockChannelMessage, "_process", process),
            patch.object(StockChannelMessageClaim, "_count_due", lambda messages: 0),
        ):
            self.run_inbox()
        self.assertEqual(processed, ["1", "2"])
        self.assertEqual(self.messages().mapped("state"), ["done", "done", "pending"])

    def test_goods_somebody_is_reserving_are_waited_for(self):
        """Those whose goods are free go ahead."""
        self.receive(self.lamp, 5)
        self.deliver_orders(["1", "2"], lines=[self.line_data("1", "LAMP", 1)])
        self.deliver_orders(["3", "4"])
        waited = []
        busy = {(self.lamp.id, self.warehouse.id)}

        def try_lock(cr, pairs):
            return try_lock_stock(cr, pairs) - (set() if waited else busy)

        def lock(cr, pairs):
            waited.append(set(pairs))
            lock_stock(cr, pairs)

        confirmed = self.watch()
        with (
            patch.object(stock_channel_order_batch, "try_lock_stock", try_lock),
            patch.object(stock_channel_order_batch, "lock_stock", lock),
        ):
            self.run_inbox()
        self.assertEqual(waited, [busy])
        self.assertEqual(confirmed, [2, 2])
        self.assertEqual(self.sales().mapped("client_order_ref"), ["3", "4", "1", "2"])

    def test_batch_takes_no_more_locks_than_there_is_room_for(self):
        self.deliver_orders(["1", "2"])
        self.deliver_orders(["3"], lines=[self.line_data("1", "LAMP", 1)])
        confirmed = self.watch()
        with patch.object(stock_channel_order_batch, "MOST_LOCKS", 1):
            self.run_inbox()
        self.assertEqual(confirmed, [2, 1])

    # -------------------------------------------------------------- several

    def test_full_claim_calls_the_other_workers(self):
        woken = []
        second = self.env.ref("stock_channel_hub.ir_cron_inbox_2")
        first = self.env.ref("stock_channel_hub.ir_cron_inbox")
        self.assertEqual(self.channel._inbox_workers(), first | second)
        self.deliver_orders(["1", "2", "3"])

        def note(_model, crons):
            woken.extend(crons.ids)

        with (
            patch.object(stock_channel_message_claim, "CLAIM_SIZE", 2),
            patch.object(stock_channel_message_batch, "CLAIM_SIZE", 2),
            patch.object(StockChannelMixin, "_trigger_after_commit", note),
            self.registry.cursor() as cr,
        ):
            env = api.Environment(cr, SUPERUSER_ID, {"cron_id": first.id})
            claimed = env["stock.channel.message"]._claim(True)
            self.assertEqual(woken, [second.id])
            self.assertEqual(len(env["stock.channel.message"]._claim(True)), 1)
            self.assertEqual(woken, [second.id])
            self.assertEqual(len(claimed), 2)


@tagged("post_install", "-at_install")
class TestTryLock(BaseCase):
    """Two real connections: what is held is not waited for."""

    def test_only_what_is_free_is_taken(self):
        database = sql_db.db_connect(get_db_name())
        with database.cursor() as one, database.cursor() as other:
            lock_stock(one, [(1, 1), (2, 1)])
            self.assertEqual(
                try_lock_stock(other, [(1, 1), (2, 2), (3, 1)]), {(2, 2), (3, 1)}
            )
            one.rollback()
            self.assertEqual(try_lock_stock(other, [(1, 1)]), {(1, 1)})
