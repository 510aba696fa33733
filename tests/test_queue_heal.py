import json
from unittest.mock import patch

from odoo.tests import tagged
from odoo.tools import SQL, mute_logger

from odoo.addons.stock_channel_hub.connectors.data import Health
from odoo.addons.stock_channel_hub.connectors.rest import RestConnector
from odoo.addons.stock_channel_hub.connectors.testing.fake_channel import Fault
from odoo.addons.stock_channel_hub.models import stock_channel_exception_heal

from .common import now_text
from .statements import counted
from .test_queue import QueueCase

PUBLISH_LOGGER = "odoo.addons.stock_channel_hub.models.stock_channel_publish"


@tagged("post_install", "-at_install")
class TestQueueHeal(QueueCase):
    """Fix once, heal all: in the background, with nothing left behind."""

    def setUp(self):
        super().setUp()
        self.receive(self.product, 500)

    def wait_for(self, count, sku="NEW", first=1):
        """Let so many orders wait for one unknown SKU; returns its exception."""
        for number in range(first, first + count):
            self.deliver(
                "order.updated",
                self.order_data(str(number), lines=[self.line_data("1", sku, 1)]),
            )
        self.run_inbox()
        return self.open_exceptions().filtered(lambda e: e.value == sku)

    def pile_up(self, exception, count):
        """Let so many further messages wait, without working on each first."""
        raw = json.dumps(
            {"type": "order.updated", "timestamp": now_text(), "data": {}}
        ).encode()
        messages = self.env["stock.channel.message"].sudo()
        for number in range(count):
            messages._store(
                self.channel,
                dedupe_key=f"pile-{number}",
                topic="order.updated",
                order_key=f"pile:{number}",
                raw=raw,
                origin="webhook",
            )
        self.env.cr.execute(
            SQL(
                """
                WITH piled AS (
                    UPDATE stock_channel_message SET state = 'waiting'
                     WHERE dedupe_key LIKE 'pile-%%' RETURNING id)
                INSERT INTO stock_channel_exception_message_rel
                       (exception_id, message_id)
                SELECT %s, id FROM piled
                """,
                exception.id,
            )
        )
        self.env.invalidate_all()

    def map(self, exception):
        mine = exception.with_user(self.operator)
        mine.product_id = self.product
        return mine.action_map()

    def test_mapping_once_heals_fifty_orders(self):
        exception = self.wait_for(50)
        self.assertEqual(exception.waiting_count, 50)
        self.map(exception)
        self.assertEqual(
            (exception.heal_total, exception.heal_done, exception.heal_remaining),
            (50, 0, 50),
        )
        self.run_inbox()
        sales = self.env["sale.order"].search(
            [("stock_channel_id", "=", self.channel.id)]
        )
        self.assertEqual((len(sales), set(sales.mapped("state"))), (50, {"sale"}))
        self.assertEqual(exception.state, "resolved")
        self.assertEqual(
            (exception.heal_total, exception.heal_done, exception.heal_failed),
            (50, 50, 0),
        )
        self.assertEqual(self.numbers()["reserved"], 50)
        self.assertEqual(self.audit("mapped").user_id, self.operator)

    def test_click_does_not_wait_for_what_it_heals(self):
        """Five thousand messages: as many statements as for fifty."""

        def click(sku, count):
            exception = self.wait_for(2, sku=sku, first=10_000 + count)
            self.pile_up(exception, count)
            self.env.flush_all()
            with counted() as texts:
                self.map(exception)
                self.env.flush_all()
            replay = exception.replay_ids
            self.env.cr.execute("DELETE FROM stock_channel_message")
            self.env.invalidate_all()
            return len(texts), replay.total

        click("WARM", 50)
        few, fifty = click("FEW", 60)
        many, all_of_them = click("MANY", 5000)
        self.assertEqual((fifty, all_of_them), (62, 5002))
        self.assertLessEqual(many, few)

    def test_what_still_fails_is_shown(self):
        exception = self.wait_for(3)
        for number in (11, 12):
            self.deliver(
                "order.updated",
                self.order_data(
                    str(number),
                    lines=[
                        self.line_data("1", "NEW", 1),
                        self.line_data("2", "OTHER", 1),
                    ],
                ),
            )
        self.run_inbox()
        self.map(exception)
        self.run_inbox()
        self.assertEqual(exception.state, "resolved")
        self.assertEqual(
            (
                exception.heal_total,
                exception.heal_done,
                exception.heal_failed,
                exception.heal_remaining,
            ),
            (5, 3, 2, 0),
        )
        action = exception.with_user(self.operator).action_open_healing()
        replay = self.env["stock.channel.replay"].browse(action["res_id"])
        self.assertEqual((replay.state, replay.progress), ("done", 100.0))
        failing = self.env["stock.channel.exception"].search(
            replay.action_open_failing()["domain"]
        )
        self.assertEqual(failing.value, "OTHER")

    def test_two_clicks_heal_once(self):
        with patch.object(stock_channel_exception_heal, "SHARE", 2):
            exception = self.wait_for(6)
            mine = exception.with_user(self.operator)
            mine.action_retry()
            mine.action_retry()
            totals = exception.replay_ids.sorted("id").mapped("total")
        self.assertEqual(totals, [6])

    def test_what_was_solved_goes_before_what_is_replayed(self):
        old = self.wait_for(2, sku="OLD")
        exception = self.wait_for(4, first=10)
        replayed = old.waiting_message_ids.action_replay()
        self.map(exception)
        running = self.env["stock.channel.replay"]._lock_running()
        self.assertEqual(running.ids, [*exception.replay_ids.ids, replayed["res_id"]])

    def test_location_mapped_heals(self):
        lines = [self.line_data("1", "DESK", 1, location_id="elsewhere")]
        for number in (1, 2):
            self.order(str(number), lines=lines)
        exception = self.open_exceptions()
        self.assertEqual(exception.step, "map_location")
        south = self.env["stock.location"].create(
            {"name": "Annex", "location_id": self.warehouse.view_location_id.id}
        )
        self.make_place(self.channel, "elsewhere", south)
        self.run_inbox()
        self.assertEqual((exception.state, exception.heal_done), ("resolved", 2))

    def test_listing_out_of_the_archive_heals(self):
        self.listing.active = False
        exception = self.wait_for(2, sku="DESK")
        self.listing.active = True
        self.run_inbox()
        self.assertEqual((exception.state, exception.heal_done), ("resolved", 2))

    def test_tax_mapped_heals(self):
        for number in (1, 2):
            self.order(
                str(number),
                lines=[self.line_data("1", "DESK", 1, tax_rate="0.213")],
                total="12.13",
            )
        exception = self.open_exceptions().filtered(lambda e: e.field == "tax_rate")
        self.assertEqual((exception.waiting_count, exception.step), (2, "map_tax"))
        self.env["account.tax"].create(
            {
                "name": "Odd",
                "amount": 21.3,
                "type_tax_use": "sale",
                "price_include_override": "tax_excluded",
                "country_id": self.company.account_fiscal_country_id.id,
            }
        )
        self.run_inbox()
        self.assertEqual(exception.state, "resolved")

    def test_unit_corrected_heals(self):
        """A quantity finer than Odoo counts waits until it counts finer."""
        kilo = self.env.ref("uom.product_uom_kgm")
        rope = self.make_product("Rope", "ROPE", uom_id=kilo.id)
        self.make_listing(self.channel, rope, "ROPE", uom_id=kilo.id)
        digits = self.env.ref("uom.decimal_product_uom")
        digits.digits = 2
        for number in (1, 2):
            self.order(str(number), lines=[self.line_data("1", "ROPE", "0.125")])
        waiting = self.open_exceptions().filtered(lambda e: e.field == "quantity")
        self.assertEqual(set(waiting.mapped("step")), {"fix_unit"})
        self.assertEqual(len(waiting), 2)
        digits.digits = 3
        self.run_inbox()
        self.assertEqual(set(waiting.mapped("state")), {"resolved"})

    # ------------------------------------------------------------ credentials

    @mute_logger(PUBLISH_LOGGER)
    def refuse_credentials(self):
        self.shop.transport.faults = [Fault.UNAUTHORIZED]
        self.run_compute()
        self.run_publish()
        exception = self.open_exceptions()
        self.assertEqual(
            (exception.category, exception.step), ("authentication", "authorise")
        )
        wait = (self.channel.next_attempt_at - self.env.cr.now()).total_seconds()
        self.assertLessEqual(wait, 300)
        return exception

    def test_connection_that_tests_well_closes_it_and_goes_on(self):
        exception = self.refuse_credentials()
        with patch.object(
            RestConnector, "check", return_value=Health(ok=False, message="no")
        ):
            self.channel.action_check_connection()
        self.assertEqual(exception.state, "open")
        with patch.object(
            RestConnector, "check", return_value=Health(ok=True, message="yes")
        ):
            self.channel.action_check_connection()
        self.assertEqual(exception.state, "resolved")
        self.assertFalse(self.channel.next_attempt_at)
        self.run_publish()
        self.assertEqual(self.shown(), 500)

    def test_new_credentials_close_it_until_they_are_refused_too(self):
        exception = self.refuse_credentials()
        self.channel.sudo().connector = "medusa"
        wizard = self.env["stock.channel.credential.wizard"].create(
            {"channel_id": self.channel.id}
        )
        wizard.line_ids.filtered(lambda line: line.name == "api_key").value = "sk_new"
        wizard.action_save()
        self.assertEqual(exception.state, "resolved")
        self.channel.sudo().connector = "rest"
        with mute_logger(PUBLISH_LOGGER):
            self.channel.sudo().next_attempt_at = False
            self.shop.transport.faults = [Fault.UNAUTHORIZED]
            self.receive(self.product, 1)
            self.run_compute()
            self.run_publish()
        self.assertEqual((exception.state, exception.times_reopened), ("open", 1))

    @mute_logger(PUBLISH_LOGGER)
    def test_messages_do_not_sit_out_a_wait_once_the_channel_answers(self):
        self.run_compute()
        self.deliver("order.updated", self.order_data())
        message = self.env["stock.channel.message"].search([]).sudo()
        message.next_attempt_at = "2100-01-01"
        self.shop.transport.faults = [Fault.DOWN]
        self.run_publish()
        self.assertEqual(self.channel.failure_count, 1)
        self.channel.sudo().next_attempt_at = False
        self.run_publish()
        self.assertEqual(self.channel.failure_count, 0)
        self.assertFalse(message.next_attempt_at)
