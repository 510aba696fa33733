from decimal import Decimal

from odoo.tests import tagged

from .clock import ClockCase


@tagged("post_install", "-at_install")
class TestShadow(ClockCase):
    """Shadow computes, compares and reports; the channel hears nothing."""

    def setUp(self):
        super().setUp()
        self.shadow = self.make_channel(name="Shadow Shop")
        self.shops[self.shadow.id] = self.shop
        self.shadow_place = self.make_place(self.shadow, "main", self.stock)
        self.lamp = self.make_product("Lamp", "LAMP")
        self.desks = self.make_listing(self.shadow, self.product, "DESK")
        self.lamps = self.make_listing(self.shadow, self.lamp, "LAMP")
        self.gone = self.make_listing(self.shadow, self.lamp, "GONE")
        self.receive(self.product, 5)
        self.receive(self.lamp, 4)
        self.run_compute()
        self.run_publish()
        self.add_shop_item("LAMP", "main", 7)
        self.shadow.action_go_shadow()
        self.run_compute()

    def kinds(self):
        rows = self.shadow._numbers()
        return {row.listing_id.sku: (row.drift, row.observed_qty) for row in rows}

    def effects(self):
        return list(self.shop.books.effects)

    def test_numbers_are_compared_with_what_would_be_told(self):
        before = self.effects()
        self.shadow.action_read_back()
        self.run_poll(self.shadow)
        self.assertEqual(
            self.kinds(),
            {"DESK": (False, 5.0), "LAMP": ("shadow", 7.0), "GONE": ("unknown", 0.0)},
        )
        self.assertEqual(
            self.shadow.read_back_result, {"compared": 3, "shadow": 1, "unknown": 1}
        )
        self.assertEqual(self.effects(), before)
        self.assertFalse(self.open_exceptions())

    def test_agreement_clears_the_difference(self):
        self.shadow.action_read_back()
        self.run_poll(self.shadow)
        self.shop.books.levels[("LAMP", "main")].quantity = Decimal(4)
        self.pass_time(60)
        self.shadow.action_read_back()
        self.run_poll(self.shadow)
        self.assertEqual(self.kinds()["LAMP"], (False, 4.0))

    def test_nothing_is_published_and_no_order_is_read(self):
        before = self.effects()
        self.shop.books.orders["7"] = self.order_data("7")
        self.run_publish(self.shadow)
        self.run_poll(self.shadow)
        self.assertEqual(self.effects(), before)
        self.assertFalse(self.shadow.polled_at)
        self.assertFalse(
            self.env["stock.channel.message"].search(
                [("channel_id", "=", self.shadow.id)]
            )
        )

    def test_jobs_follow_the_state(self):
        self.assertEqual(
            (self.shadow.publish_cron_id.active, self.shadow.poll_cron_id.active),
            (False, True),
        )

    def test_copy_of_the_database_reads_nothing(self):
        self.env["ir.config_parameter"].set_param("database.uuid", "a-copy")
        self.shadow.action_read_back()
        calls = len(self.shop.transport.calls)
        self.run_poll(self.shadow)
        self.assertEqual(len(self.shop.transport.calls), calls)

    def test_going_live_starts_afresh(self):
        self.shadow.action_read_back()
        self.run_poll(self.shadow)
        self.shadow.action_go_live()
        self.assertEqual(
            set(self.kinds().values()), {(False, 0.0)}, "what shadow saw is history"
        )
