"""The queue and the inspection of returns with a phone in the hand, 400 pixels wide."""

from odoo.tests import HttpCase, tagged

from .return_common import ReturnCase
from .test_tours import ScreensCommon


class Phone(HttpCase):
    browser_size = "400x800"
    touch_enabled = True


@tagged("post_install", "-at_install")
class TestPhoneQueue(ScreensCommon, Phone):
    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls._set_up_channel()

    def test_operator_reads_maps_and_ignores(self):
        # Favourites come first: a phone shows a few products at a time.
        self.lamp.is_favorite = True
        ignored = self.env["stock.channel.exception"]._open(
            self.channel,
            category="data",
            fingerprint="phone",
            title="Test order 77 cannot be taken over",
            cause="It names no customer.",
            next_step="Ask the shop for the order's customer and press Retry.",
        )
        self.start_tour(
            "/odoo/stock-channel-exceptions",
            "stock_channel_hub_phone_queue",
            login="channel_operator",
        )
        listing = self.env["stock.channel.listing"].search(
            [("channel_id", "=", self.channel.id), ("sku", "=", "TOUR-UNKNOWN")]
        )
        self.assertEqual(listing.product_id, self.lamp)
        self.assertEqual(
            (ignored.state, ignored.ignore_reason, ignored.ignored_by_id),
            ("ignored", "The shop's own test order", self.owner),
        )


@tagged("post_install", "-at_install")
class TestPhoneInspect(ReturnCase, Phone):
    # ReturnCase does it before each test.
    registry_test_mode = False

    def test_operator_accepts_and_scraps(self):
        line = {"disposition": "inspect"}
        first = self.announce(2, line=line)
        self.carry_out(first)
        second = self.announce(1, "R2", line=line)
        self.carry_out(second)
        login = "phone_operator"
        self.make_user("group_operator", login=login, password=login)
        self.start_tour(
            "/odoo/stock-channel-inspect",
            "stock_channel_hub_phone_inspect",
            login=login,
        )
        rows = [
            (line.accepted_qty, line.scrapped_qty, line.waiting_qty)
            for line in (first.line_ids, second.line_ids)
        ]
        self.assertEqual(rows, [(1, 1, 0), (1, 0, 0)])
