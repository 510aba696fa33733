from datetime import timedelta
from decimal import Decimal
from unittest.mock import patch

from odoo.exceptions import UserError
from odoo.tests import tagged
from odoo.tools import mute_logger

from odoo.addons.stock_channel_hub.connectors.rest import RestConnector
from odoo.addons.stock_channel_hub.connectors.testing.fake_channel import Fault

from .common import HubCase

PUBLISH_LOGGER = "odoo.addons.stock_channel_hub.models.stock_channel_publish"
CONNECTION_LOGGER = "odoo.addons.stock_channel_hub.models.stock_channel_connection"


@tagged("post_install", "-at_install")
class TestPublish(HubCase):
    """From wanted to acknowledged, whatever happens on the way."""

    def setUp(self):
        super().setUp()
        self.receive(self.product, 10)
        self.run_all()
        self.row = self.publication()
        self.assertEqual(self.row.state, "clean")

    def change_stock(self, quantity):
        self.receive(self.product, quantity)
        self.run_compute()

    def pushes(self):
        return self.env["stock.channel.push"].search(
            [("channel_id", "=", self.channel.id)]
        )

    def retry_now(self):
        """Let the channel's pause and the row's lease be over."""
        self.channel.next_attempt_at = False

    # ---------------------------------------------------------------- quiet

    def test_nothing_changed_nothing_sent(self):
        calls = len(self.shop.transport.calls)
        self.run_all()
        self.assertEqual(len(self.shop.transport.calls), calls)

    def test_change_and_back_needs_no_push(self):
        calls = len(self.shop.transport.calls)
        self.change_stock(5)
        self.assertEqual(self.row.state, "pending")
        self.change_stock(-5)
        self.assertEqual(self.row.state, "clean")
        self.run_publish()
        self.assertEqual(len(self.shop.transport.calls), calls)

    def test_batch_that_became_clean_does_not_hold_the_next(self):
        lamp = self.make_product("Lamp", "LAMP")
        self.make_listing(self.channel, lamp, "LAMP")
        self.add_shop_item("LAMP", "main")
        self.receive(lamp, 50)
        self.change_stock(-4)
        self.env.cr.execute(
            "UPDATE stock_quant SET quantity = 10 WHERE product_id = %s",
            [self.product.id],
        )
        with patch.object(
            RestConnector, "capabilities", small_batches(RestConnector.capabilities)
        ):
            self.run_publish()
        self.assertEqual((self.shown(), self.shown("LAMP")), (10, 50))

    def test_only_the_newest_number_is_sent(self):
        self.change_stock(5)
        self.change_stock(2)
        self.run_publish()
        shown = [e for e in self.shop.books.effects if "show DESK" in e]
        self.assertEqual(shown[1:], ["show DESK@main=10", "show DESK@main=17"])

    def test_number_is_computed_again_when_it_is_sent(self):
        """What was logged is a hint; what is sent is true at the claim."""
        self.change_stock(5)
        self.env["stock.quant"].search(
            [("product_id", "=", self.product.id), ("quantity", ">", 0)]
        )
        self.env.cr.execute(
            "UPDATE stock_quant SET quantity = 4 WHERE product_id = %s",
            [self.product.id],
        )
        self.run_publish()
        self.assertEqual(self.shown(), 4)

    def test_sequences_grow_with_every_number(self):
        first = self.row.sent_sequence
        self.change_stock(1)
        self.run_publish()
        self.assertGreater(self.row.sent_sequence, first)
        self.assertEqual(
            self.shop.books.levels["DESK", "main"].sequence, self.row.sent_sequence
        )

    def test_expected_number_is_sent_along(self):
        self.change_stock(5)
        self.run_publish()
        call = self.shop.transport.calls[-1]
        self.assertIn(b'"previous":"10"', call.body.replace(b": ", b":"))

    def test_every_push_has_its_own_key(self):
        self.change_stock(5)
        self.run_publish()
        keys = self.pushes().mapped("idempotency_key")
        self.assertEqual(len(set(keys)), 2)

    def test_acknowledged_numbers_are_logged_with_their_parts(self):
        self.change_stock(5)
        self.run_publish()
        log = self.row.log_ids[:1]
        self.assertEqual((log.quantity, log.previous_qty), (15, 10))
        self.assertEqual(log.parts["on_hand"], 15)
        self.assertEqual(log.cause, "stock")
        self.assertEqual(log.push_id, self.pushes()[:1])
        self.assertGreaterEqual(log.freshness, 0)

    def test_the_log_is_history(self):
        with self.assertRaises(UserError):
            self.row.log_ids.write({"quantity": 1})
        with self.assertRaises(UserError):
            self.row.log_ids.unlink()
        self.assertEqual(self.row.log_ids[-1:].quantity, 10)

    def test_falls_go_first(self):
        other = self.make_product("Lamp", "LAMP")
        self.make_listing(self.channel, other, "LAMP")
        self.add_shop_item("LAMP", "main")
        self.receive(other, 1)
        self.change_stock(-4)
        with patch.object(
            RestConnector, "capabilities", small_batches(RestConnector.capabilities)
        ):
            self.run_publish()
        shown = [e for e in self.shop.books.effects if e.startswith("show")]
        self.assertEqual(shown[-2:], ["show DESK@main=6", "show LAMP@main=1"])

    # ---------------------------------------------------------------- states

    def test_paused_listing_keeps_its_number(self):
        self.listing.is_paused = True
        self.change_stock(5)
        self.run_publish()
        self.assertEqual(self.shown(), 10)
        self.listing.is_paused = False
        self.run_all()
        self.assertEqual(self.shown(), 15)

    def test_shadow_computes_and_never_writes(self):
        self.channel.action_pause()
        self.channel.action_back_to_draft()
        self.channel.action_go_shadow()
        calls = len(self.shop.transport.calls)
        self.change_stock(5)
        self.run_publish()
        self.assertEqual(self.row.wanted_qty, 15)
        self.assertEqual(len(self.shop.transport.calls), calls)

    def test_copy_of_the_database_stays_silent(self):
        self.env["ir.config_parameter"].set_param("database.uuid", "a-copy")
        calls = len(self.shop.transport.calls)
        self.change_stock(5)
        self.run_publish()
        self.assertEqual(len(self.shop.transport.calls), calls)
        self.assertEqual(self.row.state, "pending")

    # ----------------------------------------------------------------- stale

    def test_fall_after_a_difference_goes_out_at_once(self):
        self.shop.books.levels["DESK", "main"].quantity = Decimal(9)
        self.change_stock(-5)
        self.run_publish()
        self.assertEqual(self.shown(), 5)
        self.assertEqual(self.row.state, "clean")

    def test_rise_after_a_difference_waits_for_the_channels_orders(self):
        """The difference may be a sale we have not heard of yet.

        Publishing the rise at once would sell the same desk twice.
        """
        self.shop.books.sell("DESK", "main", Decimal(2))
        self.shop.books.orders["1001"] = self.order_data()
        self.change_stock(5)
        self.run_publish()
        self.assertEqual(self.shown(), 8)
        self.assertEqual((self.row.state, self.row.observed_qty), ("pending", 8))
        self.run_publish()
        self.assertEqual(self.shown(), 8)
        self.run_poll()
        self.run_publish()
        self.assertEqual(self.shown(), 8)
        self.run_all()
        self.assertEqual(self.find_order().sale_order_id.state, "sale")
        self.assertEqual(self.shown(), 13)
        self.assertEqual(self.row.state, "clean")

    def test_own_sales_are_expected_not_a_difference(self):
        self.shop.books.sell("DESK", "main", Decimal(2))
        self.order()
        self.assertEqual(self.row.expected_qty, 8)
        self.run_all()
        self.assertEqual(self.row.state, "clean")
        self.assertEqual(self.pushes()[0].stale_count, 0)

    # --------------------------------------------------------------- failing

    @mute_logger(PUBLISH_LOGGER)
    def test_lost_answer_is_read_back_before_anything_new(self):
        self.change_stock(5)
        self.shop.transport.faults = [Fault.LOST_ANSWER]
        self.run_publish()
        self.assertEqual(self.row.state, "unknown")
        self.assertEqual(self.pushes()[0].state, "unknown")
        self.retry_now()
        self.run_publish()
        self.assertEqual(self.row.state, "clean")
        self.assertEqual((self.row.acknowledged_qty, self.shown()), (15, 15))
        writes = [c for c in self.shop.transport.calls if c.method == "POST"]
        self.assertEqual(len(writes), 2)

    @mute_logger(PUBLISH_LOGGER)
    def test_after_a_lost_call_the_number_is_new(self):
        self.change_stock(-5)
        self.shop.transport.faults = [Fault.REFUSED]
        self.run_publish()
        self.change_stock(-1)
        self.retry_now()
        self.run_publish()
        self.assertEqual((self.shown(), self.row.state), (4, "clean"))
        self.assertNotIn("show DESK@main=5", self.shop.books.effects)

    @mute_logger(PUBLISH_LOGGER)
    def test_rate_limit_is_obeyed(self):
        self.change_stock(5)
        self.shop.transport.faults = [Fault.RATE_LIMIT]
        before = self.env.cr.now()
        self.run_publish()
        self.assertEqual(self.row.state, "pending")
        wait = (self.channel.next_attempt_at - before).total_seconds()
        self.assertGreaterEqual(wait, 7)
        calls = len(self.shop.transport.calls)
        self.run_publish()
        self.assertEqual(len(self.shop.transport.calls), calls)
        self.retry_now()
        self.run_publish()
        self.assertEqual(self.shown(), 15)

    @mute_logger(PUBLISH_LOGGER)
    def test_long_outage_opens_one_exception_and_closes_it(self):
        self.change_stock(5)
        for _failure in range(5):
            self.shop.transport.faults = [Fault.DOWN]
            self.run_publish()
            self.retry_now()
        exception = self.open_exceptions()
        self.assertEqual(len(exception), 1)
        self.assertEqual((exception.category, exception.occurrences), ("late", 3))
        self.run_publish()
        self.assertEqual(exception.state, "resolved")
        self.assertEqual(self.shown(), 15)
        self.assertEqual(
            (self.channel.failure_count, self.channel.last_error), (0, False)
        )

    @mute_logger(PUBLISH_LOGGER)
    def test_refused_credentials_are_a_persons_job_at_once(self):
        self.change_stock(5)
        self.shop.transport.faults = [Fault.UNAUTHORIZED]
        self.run_publish()
        exception = self.open_exceptions()
        self.assertEqual(exception.category, "authentication")
        self.assertEqual(exception.user_id, self.channel.exception_owner_id)
        self.assertEqual(self.row.state, "pending")

    @mute_logger(PUBLISH_LOGGER, CONNECTION_LOGGER)
    def test_bug_in_a_connector_loses_nothing(self):
        self.change_stock(5)
        with patch.object(RestConnector, "publish", side_effect=ZeroDivisionError):
            self.run_publish()
        self.assertEqual(self.row.state, "unknown")
        self.retry_now()
        self.run_all()
        self.run_poll()
        self.run_all()
        self.assertEqual(self.shown(), 15)

    def test_refused_item_opens_an_exception_until_it_is_taken(self):
        del self.shop.books.levels["DESK", "main"]
        self.change_stock(5)
        self.run_publish()
        exception = self.open_exceptions()
        self.assertEqual(self.row.state, "rejected")
        self.assertEqual(
            (exception.category, exception.cause), ("refused", "No such item.")
        )
        self.assertEqual(exception.publication_id, self.row)
        self.add_shop_item("DESK", "main", 10)
        exception.action_retry()
        self.run_publish()
        self.assertEqual(self.shown(), 15)
        self.assertEqual(exception.state, "resolved")

    def test_one_refused_item_does_not_hold_the_others(self):
        other = self.make_product("Lamp", "LAMP")
        self.make_listing(self.channel, other, "LAMP")
        self.receive(other, 3)
        self.change_stock(5)
        self.run_publish()
        self.assertEqual(self.shown(), 15)

    @mute_logger(PUBLISH_LOGGER)
    def test_dead_workers_rows_are_read_back_after_the_lease(self):
        self.change_stock(5)
        with self.registry.cursor() as cr:
            channel = self.channel.with_env(self.env(cr=cr))
            channel._in_transaction(channel._claim_batch)
        self.env.invalidate_all()
        self.assertEqual(self.row.state, "sending")
        self.run_publish()
        self.assertEqual((self.row.state, self.shown()), ("sending", 10))
        self.row.lease_until = self.env.cr.now() - timedelta(seconds=1)
        self.run_publish()
        self.run_poll()
        self.run_publish()
        self.assertEqual((self.row.state, self.shown()), ("clean", 15))

    def test_late_answer_never_overwrites_a_newer_number(self):
        self.change_stock(5)
        with self.registry.cursor() as cr:
            channel = self.channel.with_env(self.env(cr=cr))
            push, updates = channel._in_transaction(channel._claim_batch)
            push_id, key = push.id, push.idempotency_key
        self.env.invalidate_all()
        self.row.lease_until = self.env.cr.now() - timedelta(seconds=1)
        self.run_publish()
        self.run_poll()
        self.run_publish()
        sequence = self.row.acknowledged_sequence
        results = self.channel._connector().publish(
            [update for _id, update in updates], key
        )
        push = self.env["stock.channel.push"].browse(push_id)
        self.channel._batch_done(push, updates, results)
        self.assertEqual(self.row.acknowledged_sequence, sequence)
        self.assertEqual((self.row.state, self.shown()), ("clean", 15))

    def test_answer_for_a_former_id_is_not_taken_for_the_new_one(self):
        self.change_stock(5)
        with self.registry.cursor() as cr:
            channel = self.channel.with_env(self.env(cr=cr))
            push, updates = channel._in_transaction(channel._claim_batch)
            push_id, key = push.id, push.idempotency_key
        self.env.invalidate_all()
        results = self.channel._connector().publish([u for _id, u in updates], key)
        self.add_shop_item("DESK-2", "main")
        self.listing.sku = "DESK-2"
        self.run_all()
        acknowledged, count = self.row.acknowledged_sequence, len(self.row.log_ids)
        self.assertEqual(self.shown("DESK-2"), 15)
        push = self.env["stock.channel.push"].browse(push_id)
        self.channel._batch_done(push, updates, results)
        self.assertEqual(self.row.acknowledged_sequence, acknowledged)
        self.assertEqual((len(self.row.log_ids), self.row.state), (count, "clean"))


def small_batches(capabilities):
    """Return the capabilities with one update per call."""
    from dataclasses import replace

    return replace(capabilities, batch_size=1)


@tagged("post_install", "-at_install")
class TestDirty(HubCase):
    """The log of changes, and the sweep behind it."""

    def rows(self):
        self.env.cr.flush()
        return self.env["stock.channel.dirty"].search([])

    def setUp(self):
        super().setUp()
        self.run_compute()
        self.assertFalse(self.rows())

    def test_rolled_back_change_leaves_no_row(self):
        with self.assertRaises(ZeroDivisionError), self.env.cr.savepoint():
            self.receive(self.product, 5)
            raise ZeroDivisionError
        self.assertFalse(self.rows())

    def test_hundred_changes_of_one_product_are_one_row(self):
        for _time in range(100):
            self.receive(self.product, 1)
        self.assertEqual(len(self.rows()), 1)

    def test_row_that_appears_while_draining_is_not_lost(self):
        """R12: a lower id may be committed after a higher one was read."""
        self.receive(self.product, 1)
        (first,) = self.rows().ids
        self.env.cr.execute(
            "UPDATE stock_channel_dirty SET id = id + 1 WHERE id = %s", [first]
        )
        publications = type(self.env["stock.channel.publication"])
        refresh = publications._refresh_listings

        def commit_late(records, *args):
            records.env.cr.execute(
                "INSERT INTO stock_channel_dirty (id, product_id, cause, changed_at) "
                "VALUES (%s, %s, 'stock', now())",
                [first, self.product.id],
            )
            return refresh(records, *args)

        with self.registry.cursor() as cr:
            dirty = self.env["stock.channel.dirty"].with_env(self.env(cr=cr, su=True))
            with patch.object(publications, "_refresh_listings", commit_late):
                drained = dirty._in_transaction(dirty._drain)
        self.env.invalidate_all()
        self.assertEqual(drained, 1)
        self.assertEqual(self.rows().ids, [first])
        self.run_compute()
        self.assertFalse(self.rows())

    def test_sweep_finds_what_the_hooks_missed(self):
        self.receive(self.product, 5)
        self.run_compute()
        self.env.cr.execute(
            "UPDATE stock_quant SET quantity = 3 WHERE product_id = %s",
            [self.product.id],
        )
        self.env.invalidate_all()
        self.run_compute()
        self.assertEqual(self.publication().wanted_qty, 5)
        self.run_sweep()
        self.assertEqual(self.publication().wanted_qty, 3)
        self.assertEqual(self.publication().cause, "sweep")
        self.assertEqual(self.channel.last_sweep_found, 1)
        self.run_sweep()
        self.assertEqual(self.channel.last_sweep_found, 0)

    def test_condition_change_is_heard(self):
        self.receive(self.product, 5, self.shelf)
        self.run_compute()
        self.shelf.stock_condition = "quality"
        self.run_compute()
        self.assertEqual(self.publication().wanted_qty, 0)
        self.assertEqual(self.publication().cause, "condition")

    def test_kit_recipe_change_is_heard(self):
        kit = self.make_product("Desk Set", "SET")
        bom = self.make_kit(kit, {self.product: 2})
        listing = self.make_listing(self.channel, kit, "SET")
        self.receive(self.product, 12)
        self.run_compute()
        self.assertEqual(self.publication(listing).wanted_qty, 6)
        bom.bom_line_ids.product_qty = 3
        self.run_compute()
        self.assertEqual(self.publication(listing).wanted_qty, 4)

    def test_unused_hub_logs_nothing(self):
        self.channel.action_pause()
        self.channel.action_back_to_draft()
        self.run_compute()
        self.receive(self.product, 5)
        self.assertFalse(self.rows())


@tagged("post_install", "-at_install")
class TestFaults(HubCase):
    """Whatever happens to one call, the shop ends up with the right number."""

    def test_every_fault_converges(self):
        self.receive(self.product, 10)
        self.run_all()
        quantity = 10
        for fault in Fault:
            with self.subTest(fault=fault), mute_logger(PUBLISH_LOGGER):
                quantity += 1
                self.receive(self.product, 1)
                self.run_compute()
                self.shop.transport.faults = [fault]
                self.run_publish()
                self.channel.next_attempt_at = False
                self.run_publish()
                self.run_poll()
                self.run_publish()
                self.assertEqual(self.shown(), quantity)
                self.assertEqual(self.publication().state, "clean")
        self.assertFalse(self.open_exceptions())
        sequences = self.publication().log_ids.mapped("sequence")
        self.assertEqual(sequences, sorted(sequences, reverse=True))
