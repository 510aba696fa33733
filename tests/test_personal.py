"""Whose order it was ends after a while; the order does not."""

from contextlib import suppress
from unittest.mock import patch

from odoo.exceptions import UserError, ValidationError
from odoo.tests import tagged
from odoo.tools import mute_logger

from odoo.addons.stock_channel_hub.models import stock_channel_personal

from .personal_common import CANARIES, PersonalCase


@tagged("post_install", "-at_install")
class TestPersonal(PersonalCase):
    """What is erased, when, and that everything goes on without it."""

    # ------------------------------------------------------------------- when

    def test_canaries_are_there_before(self):
        """Otherwise all the tests below would prove nothing."""
        order = self.finished()
        self.assertEqual(order.state, "applied")
        traced = {word for _place, word in self.traces()}
        self.assertEqual(traced, set(CANARIES))

    def test_kept_for_as_long_as_the_channel_says_and_not_a_second_longer(self):
        order = self.finished()
        self.assertEqual(self.channel.keep_personal_days, 90)
        self.pass_days(90)
        self.run_erase()
        self.assertFalse(order.person_erased_at)
        self.pass_time(1)
        self.run_erase()
        self.assertEqual(order.person_erased_at, self.env.cr.now())
        self.assertEqual(self.traces(), {("stock_channel_customer", "cust-canary")})

    def test_days_are_counted_from_the_last_that_happened(self):
        order = self.finished()
        self.pass_days(60)
        self.ada(version=2, payment_reference="late")
        self.pass_days(60)
        self.run_erase()
        self.assertFalse(order.person_erased_at)
        self.pass_days(31)
        self.run_erase()
        self.assertTrue(order.person_erased_at)

    def test_each_channel_has_days_of_its_own(self):
        order = self.finished()
        self.channel.keep_personal_days = 5
        self.pass_days(6)
        self.run_erase()
        self.assertTrue(order.person_erased_at)

    def test_less_than_a_day_is_refused(self):
        with self.assertRaises(ValidationError):
            self.channel.keep_personal_days = 0

    def test_open_orders_keep_their_customer(self):
        """Not shipped, not told of, coming back, undecided: each still needs them."""
        not_shipped = self.ada("A1")
        half = self.ada("A2")
        move = half.sale_order_id.picking_ids.move_ids
        move.write({"quantity": 1, "picked": True})
        move.picking_id.with_context(skip_backorder=True).button_validate()
        self.run_publish()
        coming_back = self.finished("A3")
        self.announce("A3")
        undecided = self.finished("A4")
        question = self.env["stock.channel.exception"]._open(
            self.channel,
            category="data",
            fingerprint="question",
            title="?",
            channel_order_id=undecided.id,
        )
        self.pass_days(1000)
        self.run_erase()
        for order in (not_shipped, half, coming_back, undecided):
            self.assertFalse(order.person_erased_at, order.name)
            self.assertTrue(order.shipping_address)
        question._update_state("ignored")
        self.pass_days(91)
        self.run_erase()
        self.assertTrue(undecided.person_erased_at)

    def announce(self, order_id, quantity=1, version=1):
        self.deliver(
            "return.updated",
            {
                "id": f"R-{order_id}",
                "order_id": order_id,
                "version": version,
                "status": "announced",
                "lines": [
                    {
                        "order_line_id": "1",
                        "quantity": str(quantity),
                        "disposition": "restock",
                    }
                ],
            },
            key=f"R-{order_id}-{version}",
        )
        self.run_inbox()
        return self.env["stock.channel.return"].search(
            [("external_id", "=", f"R-{order_id}")]
        )

    def test_what_somebody_chose_to_ignore_does_not_stay_for_ever(self):
        """A body nobody can read waits; ignored, it would lie there for good."""
        data = self.ada_data("A1") | {"lines": [{"id": "1", "sku": "DESK"}]}
        self.deliver("order.updated", data, key="broken")
        self.run_inbox()
        message = self.env["stock.channel.message"].search(
            [("dedupe_key", "=", "id:broken")]
        )
        self.assertEqual(message.state, "waiting")
        self.pass_days(91)
        self.run_erase()
        self.assertFalse(message.erased_at)
        message.exception_ids._ignore("they will not be shipped")
        self.run_erase()
        self.assertEqual(message.erased_at, self.env.cr.now())
        self.assertFalse({place for place in self.traces() if place[0] == "body"})

    # ------------------------------------------------------------------- what

    def test_quantities_money_versions_and_keys_stay(self):
        order = self.finished()
        [message] = self.messages(order)
        kept = (order.version, order.total, order.payment_status, order.external_id)
        line = order.line_ids
        quantities = (line.ordered_qty, line.applied_qty, line.taken_qty, line.sku)
        key = (message.dedupe_key, message.digest, message.state)
        self.erase(order)
        self.assertEqual(
            (order.version, order.total, order.payment_status, order.external_id), kept
        )
        self.assertEqual(
            (line.ordered_qty, line.applied_qty, line.taken_qty, line.sku), quantities
        )
        self.assertEqual((message.dedupe_key, message.digest, message.state), key)
        [body] = self.bodies(order)
        self.assertEqual(
            body["data"]["lines"],
            [
                {
                    "id": "1",
                    "sku": "DESK",
                    "quantity": "2",
                    "unit_price": "10.00",
                    "location_id": "main",
                }
            ],
        )
        self.assertEqual(body["data"]["total"], "20.00")
        self.assertNotIn("customer", body["data"])

    def erase(self, order):
        self.pass_days(91)
        self.run_erase()
        self.assertEqual(order.person_erased_at, self.env.cr.now())

    def test_texts_of_questions_go_and_those_made_of_numbers_stay(self):
        order = self.finished()
        exceptions = self.env["stock.channel.exception"]
        told = {}
        for category in ("data", "refused", "internal", "mapping", "stock", "oversell"):
            told[category] = exceptions._open(
                self.channel,
                category=category,
                fingerprint=category,
                title=f"A title of {order.name}",
                cause="Ada Canary lives in Canary Street",
                value="ADA-1815",
                expected_value="CanaryVille",
                channel_order_id=order.id,
            )
            told[category]._update_state("resolved")
        told["data"].message_post(body="Ada Canary called", message_type="comment")
        order.message_post(body="her: +32 470 42 42 42", message_type="comment")
        self.erase(order)
        for category in ("data", "refused", "internal"):
            gone = told[category]
            self.assertEqual(gone.title, "A title of A1")
            self.assertEqual(gone.cause, "Erased with the customer of the order.")
            self.assertEqual((gone.value, gone.expected_value), (False, False))
        for category in ("mapping", "stock", "oversell"):
            self.assertEqual(told[category].value, "ADA-1815")
        self.assertFalse({place for place in self.traces() if place[0] == "chatter"})

    def test_the_erp_s_own_documents_are_not_touched(self):
        order = self.finished()
        partner = order.sale_order_id.partner_id
        talk = order.sale_order_id.message_post(body="They called about Canary Street")
        self.erase(order)
        self.assertEqual(
            (partner.name, partner.email, partner.street),
            ("Ada Canary", "Ada.Canary@Example.com", "1 Canary Street"),
        )
        self.assertIn("Canary Street", talk.body)
        self.assertEqual(order.sale_order_id.partner_id, partner)

    def test_others_keep_their_data(self):
        bob = self.order("B1")
        self.erase(self.finished())
        self.assertEqual(bob.shipping_address["name"], "Ada Example")
        self.assertEqual(self.bodies(bob)[0]["data"]["customer"]["name"], "Ada Example")

    # ------------------------------------------------------------- afterwards

    def test_replay_says_it_was_erased(self):
        order = self.finished()
        self.erase(order)
        with self.assertRaisesRegex(UserError, "no longer kept"):
            self.messages(order).action_replay()

    def test_a_repeat_brings_nothing_back(self):
        order = self.finished()
        [message] = self.messages(order)
        raw, key = message._raw_bytes(), message.dedupe_key
        self.erase(order)
        repeat = {"topic": "order.updated", "order_key": "order:A1", "raw": raw}
        messages = self.env["stock.channel.message"]
        for origin in ("webhook", "poll"):
            self.assertFalse(
                messages._store(self.channel, dedupe_key=key, origin=origin, **repeat)
            )
        self.assertFalse({place for place in self.traces() if place[0] == "body"})
        self.ada_again(order, key="under another key")
        self.assertEqual(len(self.messages(order)), 2)

    def test_one_key_with_another_content_waits_and_is_erased_when_decided(self):
        """It was stored since we answered so; nobody can tell what it is about."""
        order = self.finished()
        self.erase(order)
        self.deliver("order.updated", self.ada_data())
        other = self.env["stock.channel.message"].search([("state", "=", "waiting")])
        self.open_exceptions().action_retry()
        self.run_inbox()
        self.assertEqual((other.state, other.channel_order_id), ("done", order))
        self.assertTrue(other.erased_at)
        self.assertFalse({place for place in self.traces() if place[0] == "body"})

    def ada_again(self, order, version=1, key=None, **vals):
        """Let the channel tell of the order once more; nothing may come back."""
        before, traces = self.picture(order), self.traces()
        self.assertFalse({place for place in traces if place[0] == "body"})
        self.deliver("order.updated", self.ada_data(version=version, **vals), key=key)
        self.run_inbox()
        self.assertTrue(all(message.erased_at for message in self.messages(order)))
        self.assertEqual(self.messages(order)[-1].state, "done")
        self.assertTrue(order.person_erased_at)
        self.assertEqual(self.traces(), traces)
        self.assertFalse(self.open_exceptions())
        self.assertEqual(self.picture(order), before)

    def picture(self, order):
        self.env.invalidate_all()
        sale = order.sale_order_id
        return (
            sale.state,
            sale.partner_id,
            sale.partner_shipping_id,
            sale.amount_total,
            sale.picking_ids.mapped("state"),
            sale.order_line.mapped("product_uom_qty"),
            len(sale.message_ids),
        )

    def test_a_later_version_brings_nothing_back(self):
        """Neither the same address, nor another one, nor a new note."""
        order = self.finished()
        self.erase(order)
        self.ada_again(order, version=2)
        self.ada_again(order, version=3, note="leave it with the canary, now")
        address = {**self.ada_data()["shipping_address"], "street": "2 Canary Street"}
        self.ada_again(order, version=4, shipping_address=address)
        self.assertEqual(order.version, 4)

    def test_an_older_version_brings_nothing_back(self):
        order = self.finished(version=5)
        self.erase(order)
        self.ada_again(order, version=3)
        self.assertEqual(order.version, 5)

    def test_a_cancellation_that_was_never_an_order_stays_without_customer(self):
        self.ada(status="cancelled")
        order = self.find_order("A1")
        self.assertFalse(order.sale_order_id)
        self.erase(order)
        self.ada_again(order, version=2, status="cancelled")

    def test_several_at_once_bring_nothing_back(self):
        """New orders are worked on together; one that was erased is none of them."""
        self.ada(status="cancelled")
        order = self.find_order("A1")
        self.erase(order)
        for number in range(3):
            self.deliver("order.updated", self.order_data(f"B{number}"))
        self.ada_again(order, version=2, status="cancelled")
        self.assertEqual(self.find_order("B2").state, "applied")

    def test_the_channel_wants_more_and_then_needs_the_customer_again(self):
        order = self.finished()
        self.erase(order)
        lines = [
            self.line_data("1", "DESK", 2),
            self.line_data("2", "DESK", 1),
        ]
        self.ada(version=2, lines=lines)
        self.assertFalse(order.person_erased_at)
        self.assertEqual(
            sum(order.sale_order_id.order_line.mapped("product_uom_qty")), 3
        )
        self.assertFalse(self.open_exceptions())
        self.ship(order)
        self.erase(order)
        self.assertEqual(self.traces(), {("stock_channel_customer", "cust-canary")})

    def test_goods_come_back_to_an_erased_order(self):
        order = self.finished()
        self.erase(order)
        returned = self.announce("A1")
        self.assertEqual(returned.state, "announced")
        for picking in returned.picking_ids:
            picking.move_ids.picked = True
            picking.button_validate()
        returned.invalidate_recordset()
        self.assertEqual(returned.line_ids.done_qty, 1)
        self.assertTrue(order.person_erased_at)
        self.assertTrue(self.messages(order)[-1].erased_at)

    def test_price_changes_are_followed_on_an_erased_order(self):
        """What is planned from the last snapshot goes on: money is no person."""
        order = self.finished()
        self.erase(order)
        line = self.line_data("1", "DESK", 2, unit_price="9.00")
        self.deliver("order.updated", self.ada_data(version=2, lines=[line]))
        self.run_inbox()
        self.assertEqual(order.sale_order_id.order_line.price_unit, 9)
        self.assertEqual(self.traces(), {("stock_channel_customer", "cust-canary")})

    # ---------------------------------------------------------------- batches

    def test_batches_are_bounded_and_taken_up_again(self):
        orders = [self.finished(f"A{number}") for number in range(5)]
        self.pass_days(91)
        sizes = []
        erase = stock_channel_personal.StockChannelOrderPersonal._erase_person

        def counted(records):
            sizes.append(len(records))
            if len(sizes) == 2:
                raise ZeroDivisionError
            return erase(records)

        with (
            patch.object(stock_channel_personal, "BATCH", 2),
            patch.object(
                stock_channel_personal.StockChannelOrderPersonal,
                "_erase_person",
                counted,
            ),
            mute_logger("odoo.sql_db"),
        ):
            # Not assertRaises: it would roll back what was committed as well.
            with suppress(ZeroDivisionError):
                self.run_erase()
            self.env.invalidate_all()
            done = [order for order in orders if order.person_erased_at]
            self.assertEqual(done, orders[:2])
            self.run_erase()
        self.assertEqual(sizes, [2, 2, 2, 1, 0])
        self.env.invalidate_all()
        self.assertTrue(all(order.person_erased_at for order in orders))
