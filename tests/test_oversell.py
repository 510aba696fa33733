"""Two shops sell one last unit: found, counted once, and told why (PROOF, R10)."""

from datetime import timedelta
from unittest.mock import patch

from odoo.exceptions import AccessError
from odoo.tests import tagged
from odoo.tools import mute_logger

from odoo.addons.stock_channel_hub.models import stock_channel_oversell
from odoo.addons.stock_channel_hub.models.stock_channel_oversell import Timeline

from .clock import NOON
from .oversell_common import OversellCase
from .statements import counted


@tagged("post_install", "-at_install")
class TestOversell(OversellCase):
    noon = NOON

    def race(self):
        """Both shops show one desk; both sell it within three seconds."""
        self.receive(self.product, 1)
        self.settle()
        self.assertEqual((self.shown(), self.other_shown()), (1, 1))
        self.buy("A1")
        self.pass_time(2)
        self.buy("B1", channel=self.other)
        self.pass_time(3)

    def other_shown(self):
        return float(self.other_shop.books.shown("DESK", "main"))

    # ------------------------------------------------------------------ the race

    def test_two_shops_sell_the_last_unit(self):
        self.race()
        self.run_inbox()
        exception = self.oversold()
        order = self.env["stock.channel.order"].search([("external_id", "=", "B1")])
        self.assertRecordValues(
            exception,
            [
                {
                    "state": "open",
                    "channel_id": self.other.id,
                    "channel_order_id": order.id,
                    "shortage_product_id": self.product.id,
                    "shortage_location_id": self.stock.id,
                    "shortage_qty": 1.0,
                    "value": "1",
                    "oversell_cause": "late",
                    "occurrences": 1,
                    "shortage_ended_at": False,
                    "user_id": self.other.exception_owner_id.id,
                }
            ],
        )
        self.assertEqual(
            exception.title,
            "[DESK] Desk: 1 Units sold that are not in HUBN/Stock",
        )
        self.assertEqual(
            self.story(exception),
            [
                (0, "told", "first", 1.0),
                (0, "told", "other", 1.0),
                (60, "ordered", "first", 1.0),
                (60, "received", "first", 1.0),
                (62, "ordered", "other", 1.0),
                (62, "received", "other", 1.0),
                (65, "read", "first", 1.0),
                (65, "read", "other", 1.0),
                (65, "applied", "first", 1.0),
                (65, "applied", "other", 1.0),
                (65, "short", "", 1.0),
            ],
        )

    def test_it_stays_one_whoever_looks(self):
        self.race()
        self.run_inbox()
        exception = self.oversold()
        lines = len(exception.event_ids)
        for look in (self.run_compute, self.run_sweep, self.publish_all):
            self.pass_time(60)
            look()
            self.assertEqual(self.oversold(), exception)
        self.assertEqual((exception.occurrences, exception.state), (1, "open"))
        self.assertEqual(len(exception.event_ids), lines)

    def test_neither_shop_could_know(self):
        """The first order is heard of only after the second customer bought."""
        self.receive(self.product, 1)
        self.settle()
        placed_at = "2026-11-23T12:01:00Z"
        self.pass_time(4)
        self.buy("B1", channel=self.other)
        self.pass_time(6)
        self.buy("A1", placed_at=placed_at)
        self.run_inbox()
        exception = self.oversold()
        self.assertEqual(
            (exception.oversell_cause, exception.channel_id, exception.shortage_qty),
            ("in_flight", self.other, 1.0),
        )
        self.assertIn("before either sale could be known", exception.cause)
        self.assertIn("A1 was placed at the channel (DESK)", exception.cause)

    def test_the_cause_speaks_the_warehouses_time(self):
        self.other.timezone = "Asia/Tokyo"
        self.race()
        self.run_inbox()
        self.assertIn(
            "Last sale: B1 was placed at the channel (DESK) at 2026-11-23 21:01:02.",
            self.oversold().cause,
        )

    # ------------------------------------------------------------------- healing

    def test_goods_come(self):
        self.race()
        self.run_inbox()
        exception = self.oversold()
        self.pass_time(60)
        self.receive(self.product, 1)
        self.run_compute()
        self.assertEqual(
            (exception.state, exception.shortage_ended_at),
            ("resolved", NOON + timedelta(seconds=125)),
        )
        self.assertEqual(self.story(exception)[-1], (125, "short", "", 0.0))
        self.assertFalse(exception.activity_ids)

    def test_the_order_is_cancelled_at_once(self):
        """Before the numbers are computed: the ledger never saw the shortage."""
        self.race()
        self.run_inbox()
        self.buy(
            "B1",
            channel=self.other,
            version=2,
            status="cancelled",
            lines=[self.line_data("1", "DESK", 1, cancelled_quantity="1")],
        )
        self.run_inbox()
        self.assertEqual(self.oversold().state, "resolved")

    def test_the_sale_is_cancelled_here(self):
        self.race()
        self.run_inbox()
        self.sale_of("B1", self.other)._action_cancel()
        self.run_compute()
        self.assertEqual(self.oversold().state, "resolved")

    def test_the_next_shortage_is_another_exception(self):
        self.race()
        self.run_inbox()
        self.receive(self.product, 1)
        self.run_compute()
        self.pass_time(60)
        self.buy("A2")
        self.run_inbox()
        # It got what came for the order that waits; computing sees the sum.
        self.run_compute()
        first, second = self.oversold()
        self.assertEqual((first.state, second.state), ("resolved", "open"))
        self.assertEqual(second.channel_order_id.external_id, "A2")

    def test_it_grows_and_shrinks(self):
        self.race()
        self.run_inbox()
        self.pass_time(60)
        self.buy("A2", quantity=3)
        self.run_inbox()
        exception = self.oversold()
        self.assertEqual(
            (len(exception), exception.shortage_qty, exception.value), (1, 4.0, "4")
        )
        self.receive(self.product, 2)
        self.run_compute()
        self.assertEqual((exception.shortage_qty, exception.state), (2.0, "open"))
        self.assertEqual(
            [line[1:] for line in self.story(exception)[-3:]],
            [("short", "", 1.0), ("short", "", 4.0), ("short", "", 2.0)],
        )

    def test_who_ignores_it_is_asked_again_when_it_grows(self):
        self.race()
        self.run_inbox()
        exception = self.oversold()
        exception._ignore("Known and harmless.")
        self.run_compute()
        self.run_sweep()
        self.assertEqual((self.oversold(), exception.state), (exception, "ignored"))
        self.buy("A2")
        self.run_inbox()
        self.assertEqual((self.oversold(), exception.state), (exception, "open"))

    def test_what_is_ignored_ends_too(self):
        self.race()
        self.run_inbox()
        exception = self.oversold()
        exception._ignore("Known and harmless.")
        self.receive(self.product, 1)
        self.run_compute()
        self.assertTrue(exception.shortage_ended_at)
        self.assertEqual(exception.state, "ignored")
        self.buy("A2")
        self.run_inbox()
        self.run_compute()
        self.assertEqual(self.oversold()[-1].state, "open")
        self.assertEqual(len(self.oversold()), 2)

    # -------------------------------------------------------------- what is none

    def test_backorders_that_a_rule_allows(self):
        self.env["stock.channel.rule"].create(
            {"channel_id": self.channel.id, "kind": "backorder", "value": 2}
        )
        self.receive(self.product, 1)
        self.settle()
        self.assertEqual((self.shown(), self.other_shown()), (3, 1))
        self.buy("A1", quantity=3)
        self.run_inbox()
        self.run_compute()
        self.assertFalse(self.oversold())
        self.buy("A2")
        self.run_inbox()
        self.assertEqual(self.oversold().shortage_qty, 1.0)

    def test_one_shops_backorders_do_not_cover_the_others(self):
        self.env["stock.channel.rule"].create(
            {"channel_id": self.channel.id, "kind": "backorder", "value": 5}
        )
        self.receive(self.product, 1)
        self.settle()
        self.buy("A1", quantity=3)
        self.run_inbox()
        self.assertFalse(self.oversold())
        self.buy("B1", channel=self.other)
        self.run_inbox()
        self.assertEqual(self.oversold().shortage_qty, 1.0)

    def test_goods_that_a_rule_expects(self):
        self.env["stock.channel.rule"].create(
            {"channel_id": self.channel.id, "kind": "horizon", "value": 7}
        )
        self.make_move(self.product, 4, self.suppliers, self.stock)
        self.settle()
        self.assertEqual((self.shown(), self.other_shown()), (4, 0))
        self.buy("A1", quantity=4)
        self.run_inbox()
        self.run_compute()
        self.assertFalse(self.oversold())

    def test_a_salesmans_backorder_is_his_own_affair(self):
        self.receive(self.product, 1)
        self.settle()
        self.sell_here(10)
        self.run_compute()
        self.run_sweep()
        self.assertFalse(self.oversold())

    # ------------------------------------------------------------- found elsewhere

    def test_a_salesman_took_the_last_unit(self):
        self.receive(self.product, 1)
        self.settle()
        sale = self.sell_here()
        self.pass_time(30)
        self.buy("A1")
        self.run_inbox()
        exception = self.oversold()
        self.assertEqual(
            (exception.oversell_cause, exception.shortage_qty), ("late", 1)
        )
        self.assertIn("30 seconds after the goods were gone", exception.cause)
        self.assertIn(f"{sale.name} takes it without a channel", exception.cause)

    def test_one_unit_reserved_twice(self):
        """As Odoo itself does when two confirmations overlap; computing finds it."""
        self.receive(self.product, 1)
        self.settle()
        self.buy("A1")
        self.run_inbox()
        self.assertFalse(self.oversold())
        self.env["stock.quant"].create(
            {
                "product_id": self.product.id,
                "location_id": self.stock.id,
                "quantity": 0,
                "reserved_quantity": 1,
            }
        )
        self.run_compute()
        exception = self.oversold()
        self.assertEqual((exception.shortage_qty, exception.state), (1.0, "open"))

    def test_an_order_that_waits_for_a_person_is_short_too(self):
        """It is in flight: nothing is confirmed, and the goods are sold."""
        self.receive(self.product, 1)
        self.settle()
        self.buy(
            "A1",
            lines=[
                self.line_data("1", "DESK", 1),
                self.line_data("2", "UNKNOWN", 1),
            ],
        )
        self.pass_time()
        self.buy("B1", quantity=1, channel=self.other)
        self.run_inbox()
        self.run_compute()
        exception = self.oversold()
        self.assertEqual((exception.shortage_qty, exception.state), (1.0, "open"))

    # --------------------------------------------------------------- people, costs

    def test_readers_read_the_story_and_nobody_writes_it(self):
        self.race()
        self.run_inbox()
        exception = self.oversold()
        user = self.make_user("group_user")
        mine = exception.with_user(user)
        read = mine.web_read(
            {"event_ids": {"fields": {"at": {}, "text": {}, "kind": {}}}, "cause": {}}
        )
        self.assertEqual(len(read[0]["event_ids"]), 11)
        event = exception.event_ids.filtered(lambda one: one.kind == "ordered")[:1]
        self.assertEqual(
            event.with_user(user).action_open_document()["res_model"],
            "stock.channel.order",
        )
        for group in ("group_user", "group_operator", "group_admin"):
            theirs = event.with_user(self.make_user(group))
            with self.assertRaises(AccessError):
                theirs.write({"text": "nothing"})
            with self.assertRaises(AccessError):
                theirs.unlink()

    def test_looking_costs_one_statement_where_nothing_is_short(self):
        counts = {}
        self.run_compute()
        for count in (1, 2, 30):
            for number in range(count):
                product = self.make_product(f"Item {count} {number}")
                self.make_listing(self.channel, product, f"I{product.id}")
                self.receive(product, 3)
            self.env.flush_all()
            self.env.cr.flush()
            with counted() as texts:
                self.env["stock.channel.dirty"]._drain()
            counts[count] = len(texts)
            looks = [text for text in texts if "shortage_product_id" in text]
            self.assertEqual(len(looks), 1)
        self.assertEqual(counts[2], counts[30])

    def test_an_order_that_gets_its_goods_costs_one_statement(self):
        self.receive(self.product, 5)
        self.settle()
        self.buy("A1", quantity=2)
        with counted() as texts:
            self.run_inbox()
        looks = [text for text in texts if "shortage_product_id" in text]
        self.assertEqual(len(looks), 1)
        self.assertFalse([text for text in texts if "held_here" in text])

    # ------------------------------------------------------------------- trouble

    def test_trouble_in_the_recorder_does_not_keep_it_quiet(self):
        self.race()
        with (
            patch.object(Timeline, "lines", side_effect=ValueError("odd")),
            mute_logger("odoo.addons.stock_channel_hub.models.stock_channel_oversell"),
        ):
            self.run_inbox()
        exception = self.oversold()
        self.assertEqual(
            (exception.shortage_qty, exception.oversell_cause), (1.0, "undetermined")
        )
        self.assertEqual(exception.event_ids.mapped("kind"), ["short"])
        self.assertEqual(self.sale_of("B1", self.other).state, "sale")

    def test_what_one_run_leaves_the_sweep_tells(self):
        lamp = self.make_product("Lamp", "LAMP")
        self.make_listing(self.channel, lamp, "LAMP")
        self.add_shop_item("LAMP", "main")
        self.receive(self.product, 1)
        self.receive(lamp, 1)
        self.settle()
        self.buy(
            "A1", lines=[self.line_data("1", "DESK", 1), self.line_data("2", "LAMP", 1)]
        )
        self.run_inbox()
        self.receive(self.product, -1)
        self.receive(lamp, -1)
        with patch(f"{stock_channel_oversell.__name__}.CHECKED_AT_ONCE", 1):
            self.run_compute()
        self.assertEqual(len(self.oversold()), 1)
        self.run_sweep()
        self.assertEqual(
            self.oversold().mapped(lambda one: (one.shortage_qty, one.state)),
            [(1.0, "open"), (1.0, "open")],
        )

    def test_retry_looks_again(self):
        self.race()
        self.run_inbox()
        exception = self.oversold()
        self.receive(self.product, 1)
        exception.action_retry()
        self.assertEqual(exception.state, "resolved")

    def test_what_is_not_counted_is_never_missing(self):
        paper = self.make_product("Paper", "PAPER", is_storable=False)
        self.make_listing(self.channel, paper, "PAPER")
        self.add_shop_item("PAPER", "main")
        self.settle()
        self.buy(
            "A1",
            lines=[
                self.line_data("1", "PAPER", 1),
                self.line_data("2", "UNKNOWN", 1),
            ],
        )
        self.run_inbox()
        self.run_compute()
        self.run_sweep()
        self.assertFalse(self.oversold())
