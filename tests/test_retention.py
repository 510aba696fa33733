from datetime import timedelta
from unittest.mock import patch

from odoo.exceptions import UserError, ValidationError
from odoo.tests import tagged
from odoo.tools import SQL

from odoo.addons.stock_channel_hub.models import stock_channel_message_retention

from .clock import ClockCase


@tagged("post_install", "-at_install")
class TestRetention(ClockCase):
    """What is done ends after its time; what anybody still needs does not."""

    def setUp(self):
        super().setUp()
        self.receive(self.product, 100)

    def finished(self, key, days, **vals):
        """Store a message as if it was done so many days ago; returns it."""
        self.deliver("order.updated", self.order_data(key), key=key)
        message = self.env["stock.channel.message"].search(
            [("dedupe_key", "=", f"id:{key}")]
        )
        moment = self.env.cr.now() - timedelta(days=days)
        message.sudo().write({"state": "done", "processed_at": moment, **vals})
        self.env.flush_all()
        return message

    def collect(self, method="_gc_messages"):
        found = getattr(self.env["stock.channel.message"].sudo(), method)()
        self.env.invalidate_all()
        return found

    def test_r16_messages_end_after_ninety_days(self):
        second = 1 / 86400
        old = self.finished("old", 90 + second)
        young = self.finished("young", 90 - second)
        self.assertEqual(self.collect(), (1, 0))
        self.assertEqual((old.exists(), young.exists()), (old[:0], young))

    def test_unfinished_messages_never_end(self):
        messages = self.env["stock.channel.message"]
        for state in ("pending", "waiting", "failed"):
            messages |= self.finished(state, 1000, state=state)
        self.assertEqual(self.collect(), (0, 0))
        self.assertEqual(self.collect("_gc_bodies"), (0, 0))
        self.assertEqual(len(messages.exists()), 3)
        self.assertTrue(all(message.raw for message in messages))

    def test_what_an_open_exception_needs_does_not_end(self):
        message = self.finished("needed", 1000)
        exception = self.env["stock.channel.exception"]._open(
            self.channel, category="data", fingerprint="needed", title="Look at it"
        )
        exception.sudo().waiting_message_ids = message
        self.env.flush_all()
        self.assertEqual(self.collect(), (0, 0))
        self.assertEqual(self.collect("_gc_bodies"), (0, 0))
        exception._update_state("ignored")
        self.env.flush_all()
        self.assertEqual(self.collect("_gc_bodies"), (1, 0))
        self.assertEqual(self.collect(), (1, 0))

    def test_what_is_being_replayed_does_not_end(self):
        message = self.finished("replayed", 1000)
        message.action_replay()
        self.env.flush_all()
        self.assertEqual(self.collect(), (0, 0))
        message.replay_ids.sudo()._update_state("stopped")
        self.env.flush_all()
        self.assertEqual(self.collect(), (1, 0))

    def test_batches_are_bounded(self):
        for number in range(5):
            self.finished(f"{number}", 1000)
        with patch.object(stock_channel_message_retention, "BATCH", 2):
            for method in ("_gc_bodies", "_gc_messages"):
                rounds = [self.collect(method) for _round in range(3)]
                self.assertEqual(rounds, [(2, 1), (2, 1), (1, 0)])

    def test_days_are_each_channels_own(self):
        other = self.make_channel(name="Other", keep_message_days=10, keep_body_days=5)
        message = self.finished("mine", 20)
        theirs = self.finished("theirs", 20, channel_id=other.id)
        self.assertEqual(self.collect(), (1, 0))
        self.assertEqual((message.exists(), theirs.exists()), (message, theirs[:0]))

    # -------------------------------------------------------- content and key

    def test_content_ends_before_the_key(self):
        self.channel.keep_body_days = 10
        message = self.finished("1001", 11)
        digest = message.digest
        self.assertEqual(self.collect("_gc_bodies"), (1, 0))
        self.assertEqual(self.collect("_gc_bodies"), (0, 0))
        self.assertEqual(self.collect(), (0, 0))
        self.assertEqual((message.raw, message.digest), (False, digest))
        self.assertEqual(message.erased_at, self.env.cr.now())

    def test_r16_repeat_is_recognised_without_its_content(self):
        """Also by a sender that tries for three days, whatever the content's time."""
        self.channel.write({"keep_message_days": 4, "keep_body_days": 1})
        vals = {
            "dedupe_key": "id:1001",
            "topic": "order.updated",
            "order_key": "order:1001",
            "raw": b'{"type": "order.updated", "data": {}}',
            "origin": "webhook",
        }
        messages = self.env["stock.channel.message"].sudo()
        self.assertTrue(messages._store(self.channel, **vals))
        message = messages.search([("dedupe_key", "=", "id:1001")])
        message._done("")
        self.env.flush_all()
        self.pass_time(3 * 86400 + 3600)
        self.assertEqual(self.collect("_gc_bodies"), (1, 0))
        self.assertEqual(self.collect(), (0, 0))
        self.assertFalse(messages._store(self.channel, **vals))
        self.assertEqual(
            messages.search([("channel_id", "=", self.channel.id)]), message
        )
        self.assertFalse(self.open_exceptions())

    def test_replay_of_erased_content_says_so(self):
        erased = self.finished("erased", 91)
        kept = self.finished("kept", 1)
        self.channel.keep_message_days = 365
        self.assertEqual(self.collect("_gc_bodies"), (1, 0))
        with self.assertRaises(UserError) as caught:
            erased.action_replay()
        self.assertIn("no longer kept", str(caught.exception))
        self.assertFalse(self.env["stock.channel.replay"].search([]))
        (erased | kept).action_replay()
        replay = self.env["stock.channel.replay"].search([])
        self.assertEqual((replay.total, replay.erased), (1, 1))
        self.assertEqual(replay.message_ids, kept)

    def test_s4_repeat_after_the_key_has_ended_changes_nothing(self):
        """A signature without a time is good for ever; the order's version is not."""
        self.order(version=2, lines=[self.line_data("1", "DESK", 3)])
        self.pass_time(365 * 86400)
        self.assertEqual(self.collect(), (1, 0))
        self.assertTrue(
            self.deliver(
                "order.updated",
                self.order_data(version=2, lines=[self.line_data("1", "DESK", 3)]),
            )
        )
        self.run_inbox()
        self.deliver("order.updated", self.order_data(version=1))
        self.run_inbox()
        order = self.find_order()
        self.assertEqual((order.version, order.applied_version), (2, 2))
        sales = self.env["sale.order"].search(
            [("stock_channel_id", "=", self.channel.id)]
        )
        self.assertEqual(sales.order_line.mapped("product_uom_qty"), [3])

    # --------------------------------------------------------------- settings

    def test_days_that_would_forget_too_early_are_refused(self):
        self.assertEqual(
            (self.channel.keep_message_days, self.channel.keep_body_days), (90, 90)
        )
        for vals in (
            {"keep_message_days": 3, "keep_body_days": 3},
            {"keep_body_days": 0},
            {"keep_body_days": 91},
        ):
            with self.subTest(vals=vals), self.assertRaises(ValidationError):
                self.channel.write(vals)
        self.channel.write({"keep_message_days": 4, "keep_body_days": 1})

    def test_days_written_past_the_form_are_at_least_four(self):
        self.env.cr.execute(
            SQL(
                "UPDATE stock_channel SET keep_message_days = 0 WHERE id = %s",
                self.channel.id,
            )
        )
        old, young = self.finished("old", 4.1), self.finished("young", 3.9)
        self.assertEqual(self.collect(), (1, 0))
        self.assertEqual((old.exists(), young.exists()), (old[:0], young))
