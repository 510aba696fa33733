from odoo.tests import HttpCase, new_test_user, tagged

from .test_tours import ScreensCommon


@tagged("post_install", "-at_install")
class TestWhatifTour(ScreensCommon, HttpCase):
    """A buffer is tried on a live channel, looked at, and proposed."""

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls._set_up_channel()
        cls.manager = new_test_user(
            cls.env,
            "channel_manager",
            email="manager@example.com",
            groups="base.group_user,stock_channel_hub.group_manager",
        )

    def test_manager_tries_a_buffer_and_proposes_it(self):
        self.start_tour(
            f"/odoo/stock-channels/{self.channel.id}",
            "stock_channel_hub_whatif",
            login="channel_manager",
        )
        self.env.invalidate_all()
        change = self.env["stock.channel.change"].search([], order="id desc", limit=1)
        # Ten chairs less three reserved: four instead of seven.
        self.assertEqual(
            [(row["before"], row["after"]) for row in change.effect["rows"]], [(7, 4)]
        )
        self.assertEqual(change.requested_by_id, self.manager)
        self.assertEqual(change.state, "draft")
        self.assertFalse(self.channel.rule_ids)

    def test_reader_tries_and_is_told_who_proposes(self):
        new_test_user(
            self.env,
            "channel_user",
            groups="base.group_user,stock_channel_hub.group_user",
        )
        self.start_tour(
            f"/odoo/stock-channels/{self.channel.id}",
            "stock_channel_hub_whatif_reader",
            login="channel_user",
        )
