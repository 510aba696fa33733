"""What a process keeps of a door in its memory, and that it never outlives a change."""

from unittest.mock import patch

from odoo.tests import tagged

from odoo.addons.stock_channel_hub.connectors.testing.fake_rest import SECRET
from odoo.addons.stock_channel_hub.models.stock_channel_door import ASKED

from .door_common import OTHER_SECRET, DoorCase


@tagged("post_install", "-at_install")
class TestDoorMemory(DoorCase):
    """Each delivery is judged by what is so now, though nothing is asked for it."""

    def setUp(self):
        super().setUp()
        self.channels = self.env["stock.channel"].sudo()
        self.assert_answer(self.post(key="msg_0"), 200, "accepted")

    def assert_shut(self, response):
        """Expect a refusal; what was delivered before is all there is."""
        self.assert_answer(response, 401, "not authentic")
        self.assertNotIn(
            response.request.headers["webhook-id"],
            [key.removeprefix("id:") for key in self.stored().mapped("dedupe_key")],
        )

    def assert_nothing_asked(self, work):
        """Expect that this is answered from memory; returns what it returns."""
        before = self.env.cr.sql_log_count
        found = work()
        self.assertEqual(self.env.cr.sql_log_count, before)
        return found

    def test_known_door_is_no_question(self):
        token = self.channel.webhook_token
        channel = self.assert_nothing_asked(lambda: self.channels._at_door(token))
        self.assertEqual(channel, self.channel)
        self.env.invalidate_all()
        channel = self.channels._at_door(token)
        known = self.assert_nothing_asked(lambda: [channel[name] for name in ASKED])
        self.env.invalidate_all()
        self.assertEqual(known, [self.channel.sudo()[name] for name in ASKED])
        self.assertEqual(self.assert_nothing_asked(channel._door_secrets), [SECRET])

    def test_what_strangers_try_is_not_kept(self):
        """A million addresses that lead nowhere would push out what is useful."""
        for number in range(3):
            self.assertFalse(self.channels._at_door(f"nobody-{number}"))
        found = self.registry._Registry__caches["default"]
        self.assertFalse([key for key in found if "nobody-0" in key])
        self.assertTrue([key for key in found if self.channel.webhook_token in key])

    def test_ended_secret_opens_no_longer(self):
        self.channel.secret_ids.action_end()
        self.assert_shut(self.post(key="msg_1"))
        self.assertEqual(len(self.stored()), 1)

    def test_secret_that_begins_and_ends_needs_no_change(self):
        """The memory holds when each is valid, not which of them are."""
        other = self.make_secret(OTHER_SECRET, valid_from="2020-02-01")
        for kept, opens in (
            (("2099-01-01", False), False),
            (("2020-02-01", "2020-03-01"), False),
            (("2020-02-01", "2099-01-01"), True),
        ):
            other.write(dict(zip(("valid_from", "valid_to"), kept, strict=True)))
            self.assertEqual(OTHER_SECRET in self.channel._door_secrets(), opens)

    def test_secret_that_is_removed_or_replaced(self):
        secret = self.channel.secret_ids
        secret.new_value = OTHER_SECRET
        self.assert_shut(self.post(key="msg_1"))
        self.assert_answer(self.post(key="msg_2", secret=OTHER_SECRET), 200, "accepted")
        secret.unlink()
        self.assert_shut(self.post(key="msg_3", secret=OTHER_SECRET))

    def test_secret_that_is_added(self):
        self.make_secret(OTHER_SECRET)
        self.assert_answer(self.post(key="msg_1", secret=OTHER_SECRET), 200, "accepted")

    def test_new_address(self):
        self.channel.sudo().webhook_token = "another-address"
        self.assert_answer(self.post(key="msg_1"), 404, "unknown address")
        path = "/stock_channel/another-address"
        self.assert_answer(self.post(key="msg_2", path=path), 200, "accepted")

    def test_draft_and_removed_channels_have_no_door(self):
        self.channel.sudo().state = "draft"
        self.assert_answer(self.post(key="msg_1"), 404, "unknown address")
        self.channel.sudo().state = "shadow"
        self.assert_answer(self.post(key="msg_2"), 200, "accepted")
        self.channel.sudo().active = False
        self.assert_answer(self.post(key="msg_3"), 404, "unknown address")

    def test_limit_and_connector_hold_at_once(self):
        self.channel.sudo().connector = "woocommerce"
        self.assert_shut(self.post(key="msg_1"))
        self.channel.sudo().write({"connector": "rest", "delivery_limit": 1})
        channel = self.channels._at_door(self.channel.webhook_token)
        self.assertEqual(channel.delivery_limit, 1)

    def test_commit_tells_every_process(self):
        """A script that commits by itself told nobody, and the old secret opened."""
        postcommit = self.env.cr.postcommit
        postcommit.clear()
        self.addCleanup(postcommit.clear)
        with (
            patch.object(self.registry, "clear_cache") as clear,
            patch.object(self.registry, "signal_changes") as signal,
        ):
            self.channel.secret_ids.action_end()
            self.channel.sudo().delivery_limit = 7
            # What was so is forgotten before anybody goes on in this transaction.
            self.assertEqual((clear.call_count, signal.call_count), (2, 0))
            postcommit.run()
            # And again, for who read what was so before it was committed.
            self.assertEqual((clear.call_count, signal.call_count), (3, 1))

    def test_what_does_not_matter_at_the_door_forgets_nothing(self):
        """Jobs write to channels all the time."""
        with patch.object(self.registry, "clear_cache") as clear:
            self.channel.sudo().write(
                {"polled_at": self.env.cr.now(), "failure_count": 3}
            )
        clear.assert_not_called()
