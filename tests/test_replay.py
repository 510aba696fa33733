import json
from unittest.mock import patch

from odoo.exceptions import AccessError, UserError
from odoo.tests import tagged

from odoo.addons.stock_channel_hub.models import stock_channel_replay
from odoo.addons.stock_channel_hub.models.stock_channel_message import (
    StockChannelMessage,
)
from odoo.addons.stock_channel_hub.models.stock_channel_message_claim import CLAIM_SIZE
from odoo.addons.stock_channel_hub.models.stock_channel_replay import SHARE

from .common import HubCase


@tagged("post_install", "-at_install")
class TestReplay(HubCase):
    """Work on messages once more: audited, in order, without a second effect."""

    def setUp(self):
        super().setUp()
        self.receive(self.product, 50)
        self.operator = self.make_user("group_operator")
        patcher = patch.object(stock_channel_replay, "SHARE", 10)
        patcher.start()
        self.addCleanup(patcher.stop)

    def messages(self, **equal):
        return self.env["stock.channel.message"].search(
            [
                ("channel_id", "=", self.channel.id),
                *[(name, "=", value) for name, value in equal.items()],
            ],
            order="id",
        )

    def replays(self):
        return self.env["stock.channel.replay"].search([], order="id")

    def replay(self, messages):
        """Replay as an operator; returns the record of it."""
        before = self.replays()
        messages.with_user(self.operator).action_replay()
        return self.replays() - before

    def make_done(self, count, order_key="order:{}"):
        """Store repeats of one order that are done already; returns them."""
        raw = json.dumps(
            {
                "type": "order.updated",
                "timestamp": "2026-11-20T10:00:00Z",
                "data": self.order_data(),
            }
        ).encode()
        messages = self.env["stock.channel.message"].sudo()
        for number in range(count):
            messages._store(
                self.channel,
                dedupe_key=f"done-{number}",
                topic="order.updated",
                order_key=order_key.format(number),
                raw=raw,
                origin="poll",
            )
        stored = self.messages(state="pending").sudo()
        for message in stored:
            message._done("Known already; nothing to do.")
        self.env.flush_all()
        return stored

    def effects(self):
        sales = self.env["sale.order"].search(
            [("stock_channel_id", "=", self.channel.id)]
        )
        return (
            sales.order_line.mapped("product_uom_qty"),
            sales.order_line.move_ids.mapped("product_uom_qty"),
        )

    # ---------------------------------------------------------------- effects

    def test_replay_of_an_applied_message_changes_nothing(self):
        order = self.order()
        message = self.messages()
        message.sudo().note = False
        before = self.effects()
        replay = self.replay(message)
        self.run_inbox()
        self.assertEqual(
            (message.state, message.note), ("done", "Known already; nothing to do.")
        )
        self.assertEqual(self.effects(), before)
        self.assertEqual(before, ([2], [2]))
        self.assertEqual((order.version, order.applied_version), (1, 1))
        self.assertEqual(replay.state, "done")

    def test_replay_of_an_older_version_never_wins(self):
        self.order(version=1)
        order = self.order(version=2, lines=[self.line_data("1", "DESK", 3)])
        first = self.messages()[0]
        self.replay(first)
        self.run_inbox()
        self.assertEqual(
            (first.state, first.note),
            ("done", "Older than what is known; nothing to do."),
        )
        self.assertEqual((order.version, order.applied_version), (2, 2))
        self.assertEqual(order.line_ids.ordered_qty, 3)
        self.assertEqual(self.effects(), ([3], [3]))

    def test_replay_of_the_earlier_of_two_equal_versions_never_wins(self):
        """The later received counts, however often the earlier one is replayed."""
        self.order()
        self.deliver(
            "order.updated",
            self.order_data(lines=[self.line_data("1", "DESK", 3)]),
            key="later",
        )
        self.run_inbox()
        first, later = self.messages()
        self.assertEqual((first.state, later.state), ("done", "done"))
        self.assertEqual(self.effects()[0], [3])
        self.replay(first)
        self.run_inbox()
        self.assertEqual(first.note, "Older than what is known; nothing to do.")
        self.assertEqual(self.find_order().line_ids.ordered_qty, 3)
        self.assertEqual(self.effects()[0], [3])
        self.replay(later)
        self.run_inbox()
        self.assertEqual(self.effects()[0], [3])

    def test_what_was_mended_meanwhile_is_applied(self):
        """The reason for replaying: the body was right, we were not."""
        with patch.object(StockChannelMessage, "_handle", lambda message, event: ""):
            self.deliver("order.updated", self.order_data())
            self.run_inbox()
        self.assertFalse(self.find_order())
        self.replay(self.messages())
        self.run_inbox()
        self.assertEqual(self.effects()[0], [2])

    def test_messages_of_one_order_are_replayed_in_their_order(self):
        for version in (1, 2, 3):
            self.order(version=version, lines=[self.line_data("1", "DESK", version)])
        self.deliver("order.updated", self.order_data(version=4))
        handle = StockChannelMessage._handle
        versions = []

        def note(message, event):
            versions.append(event.version)
            return handle(message, event)

        self.replay(self.messages(state="done").sorted("id", reverse=True))
        with patch.object(StockChannelMessage, "_handle", note):
            self.run_inbox()
        self.assertEqual(versions, [1, 2, 3, 4])
        self.assertEqual(set(self.messages().mapped("state")), {"done"})

    # --------------------------------------------------------------- progress

    def test_progress_is_visible_and_exact(self):
        messages = self.make_done(25)
        replay = self.replay(messages)

        def seen():
            self.env.flush_all()
            replay.invalidate_recordset()
            return replay.state, replay.total, replay.remaining, replay.progress

        self.assertEqual(seen(), ("running", 25, 25, 0))
        # Nothing happens in the request of the person who asked.
        self.assertEqual(set(messages.mapped("state")), {"done"})
        replays = self.env["stock.channel.replay"].sudo()
        self.assertEqual(replays._feed(), 10)
        self.assertEqual(len(self.messages(state="pending")), 10)
        self.assertEqual(seen(), ("running", 25, 25, 0))
        for message in self.messages(state="pending")[:5].sudo():
            message._done("")
        self.assertEqual(seen(), ("running", 25, 20, 20))
        self.run_inbox()
        self.assertEqual(seen(), ("done", 25, 0, 100))
        self.assertEqual((replay.done, replay.failed), (25, 0))
        self.assertTrue(replay.finished_at)

    def test_what_needs_a_person_is_counted_apart(self):
        messages = self.make_done(2)
        messages[0].sudo().raw = b"e30="
        replay = self.replay(messages)
        self.run_inbox()
        self.assertEqual(
            (replay.state, replay.done, replay.failed, replay.remaining),
            ("done", 1, 1, 0),
        )
        self.assertEqual(self.open_exceptions().waiting_message_ids, messages[0])

    def test_fresh_messages_do_not_wait_behind_a_replay(self):
        """However much is replayed, half of each batch is left to what comes in."""
        replay = self.replay(self.make_done(30))
        self.deliver("order.updated", self.order_data("fresh"))
        messages = self.env["stock.channel.message"]
        with self.registry.cursor() as cr:
            worker = messages.with_env(self.env(cr=cr, su=True))
            self.assertEqual(worker._work(is_first_try=True), 11)
        self.env.invalidate_all()
        self.assertEqual(self.find_order("fresh").state, "applied")
        self.assertEqual((replay.state, replay.remaining), ("running", 20))

    def test_stopped_replay_leaves_the_rest_alone(self):
        messages = self.make_done(15)
        replay = self.replay(messages)
        self.env["stock.channel.replay"].sudo()._feed()
        replay.with_user(self.operator).action_stop()
        self.run_inbox()
        self.assertEqual((replay.state, replay.done), ("stopped", 10))
        self.assertEqual(replay.remaining, 0)
        self.assertEqual(set(messages[10:].mapped("note")), {messages[14].note})
        replay.with_user(self.operator).action_stop()
        self.assertEqual(replay.state, "stopped")

    def test_ten_thousand_are_replayed_without_keeping_anybody_waiting(self):
        """As many statements as for one: nothing is done per message."""
        self.make_done(1)
        self.env.cr.execute(
            """
            INSERT INTO stock_channel_message
                   (channel_id, company_id, state, origin, topic, dedupe_key,
                    order_key, digest, raw, received_at, processed_at, attempts)
            SELECT channel_id, company_id, state, origin, topic,
                   'many-' || number, 'order:many-' || number, digest, raw,
                   received_at, processed_at, attempts
              FROM stock_channel_message, generate_series(1, 10000) AS number
             WHERE channel_id = %s
            """,
            [self.channel.id],
        )
        messages = self.env["stock.channel.message"].with_user(self.operator)
        domain = [("channel_id", "=", self.channel.id), ("state", "=", "done")]
        messages._replay_selection([("id", "=", self.messages()[0].id)])
        self.env.flush_all()
        before = self.env.cr.sql_log_count
        messages._replay_selection([("id", "=", self.messages()[1].id)])
        few = self.env.cr.sql_log_count - before
        before = self.env.cr.sql_log_count
        messages._replay_selection(domain)
        self.assertLessEqual(self.env.cr.sql_log_count - before, few)
        self.assertEqual(self.replays()[-1].total, 10001)
        self.assertEqual(self.replays()[-1].remaining, 10001)

    # ------------------------------------------------------------------ audit

    def test_s18_who_replayed_what_is_kept(self):
        messages = self.make_done(3)
        replay = self.replay(messages[:2])
        self.assertEqual(
            (replay.user_id, replay.company_id, replay.total, replay.selection),
            (self.operator, self.company, 2, "2 selected messages"),
        )
        self.assertEqual(replay.message_ids, messages[:2])
        self.assertEqual(messages[0].replay_ids, replay)
        self.assertFalse(messages[2].replay_ids)
        self.assertIn(self.operator.name, replay.display_name)
        for group in ("group_operator", "group_manager", "group_admin"):
            mine = replay.with_user(self.make_user(group))
            for operation in ("write", "create", "unlink"):
                self.assertFalse(mine.has_access(operation), (group, operation))

    def run_action(self, user, **context):
        action = self.env.ref("stock_channel_hub.stock_channel_message_action_replay")
        return (
            action.with_user(user)
            .with_context(active_model="stock.channel.message", **context)
            .run()
        )

    def test_everything_a_filter_finds_is_replayed_from_the_list(self):
        messages = self.make_done(4)
        messages[3].sudo().state = "waiting"
        self.env.flush_all()
        domain = [("channel_id", "=", self.channel.id), ("state", "=", "done")]
        # The list sends the ids of the page along, and the filter only when all
        # pages are selected.
        action = self.run_action(
            self.operator, active_ids=messages[:1].ids, active_domain=domain
        )
        self.assertEqual(action["res_model"], "stock.channel.replay")
        replay = self.replays()
        self.assertEqual(action["res_id"], replay.id)
        self.assertEqual(replay.message_ids, messages[:3])
        self.assertEqual(replay.selection, f"All messages of the filter {domain}")

    def test_selected_messages_are_replayed_from_the_list(self):
        messages = self.make_done(4)
        self.run_action(self.operator, active_ids=messages[1:3].ids)
        self.assertEqual(self.replays().message_ids, messages[1:3])

    # ----------------------------------------------------------------- rights

    def test_readers_replay_nothing(self):
        messages = self.make_done(2)
        for group in ("group_user", "group_approver"):
            user = self.make_user(group)
            mine = messages.with_user(user)
            for step in (
                mine.action_replay,
                lambda mine=mine: mine._replay_selection([]),
                lambda user=user: self.run_action(user, active_ids=messages.ids),
                mine.action_retry,
            ):
                with self.assertRaises(AccessError):
                    step()
        self.env.invalidate_all()
        self.assertFalse(self.replays())
        self.assertEqual(set(messages.mapped("state")), {"done"})

    def test_operator_of_another_company_replays_nothing_of_ours(self):
        messages = self.make_done(2)
        other = self.env["res.company"].create({"name": "Other Company"})
        stranger = self.make_user(
            "group_operator", company_ids=[(6, 0, other.ids)], company_id=other.id
        )
        with self.assertRaises(AccessError):
            messages.with_user(stranger).action_replay()
        with self.assertRaises(UserError):
            messages.with_user(stranger)._replay_selection([])
        self.env.invalidate_all()
        self.assertFalse(self.replays())

    def test_each_company_has_a_replay_of_its_own(self):
        ours = self.make_done(3)
        other = self.env["res.company"].create({"name": "Other Company"})
        ours[2].sudo().company_id = other
        self.env.flush_all()
        self.operator.company_ids |= other
        self.replay(ours.with_context(allowed_company_ids=(self.company | other).ids))
        found = {
            replay.company_id: replay.message_ids for replay in self.replays().sudo()
        }
        self.assertEqual(found, {self.company: ours[:2], other: ours[2]})

    def test_nothing_found_is_said(self):
        with self.assertRaises(UserError) as caught:
            self.env["stock.channel.message"].with_user(
                self.operator
            )._replay_selection([("id", "=", 0)])
        self.assertEqual(str(caught.exception), "There is no message to replay.")

    def test_retry_leaves_alone_what_is_done(self):
        messages = self.make_done(2)
        messages[0].sudo().state = "waiting"
        messages.with_user(self.operator).action_retry()
        self.assertEqual(messages.mapped("state"), ["pending", "done"])

    def test_retry_takes_no_message_from_its_worker(self):
        self.deliver("order.updated", self.order_data())
        message = self.messages().sudo()
        message.lease_until = "2099-01-01"
        message.with_user(self.operator).action_retry()
        self.assertEqual(str(message.lease_until), "2099-01-01 00:00:00")

    def test_s18_who_released_what_was_set_aside_is_audited(self):
        messages = self.make_done(3)
        messages[0].sudo().state = "failed"
        messages[1].sudo().state = "waiting"
        messages.with_user(self.operator).action_retry()
        rows = self.env["stock.channel.audit"].search([("action", "=", "retried")])
        self.assertEqual(
            [
                (row.user_id, row.res_model, row.res_id, row.before, row.after)
                for row in rows.sorted("res_id")
            ],
            [
                (
                    self.operator,
                    "stock.channel.message",
                    message.id,
                    {"state": state},
                    {"state": "pending"},
                )
                for message, state in zip(
                    messages[:2], ("failed", "waiting"), strict=True
                )
            ],
        )

    def test_half_of_each_batch_is_left_to_what_comes_in(self):
        share = CLAIM_SIZE // 2
        messages = self.make_done(share + 1)
        with patch.object(stock_channel_replay, "SHARE", SHARE):
            self.replay(messages)
            self.assertEqual(self.env["stock.channel.replay"].sudo()._feed(), share)
