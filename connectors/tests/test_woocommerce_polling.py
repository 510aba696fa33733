"""Polling WooCommerce: nothing is passed over, whatever changes while we read."""

import random
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from unittest.mock import patch

from .. import woocommerce
from ..data import FetchOrder, PaymentStatus
from ..errors import Misconfigured, Rejected
from ..testing.fake_channel import Fault
from ..transport import Request, Response
from ..woocommerce_client import changed_since
from .woocommerce_case import WooCase


class TestPolling(WooCase):
    """Oldest change first, page by page."""

    def setUp(self) -> None:
        """Make pages of two orders."""
        super().setUp()
        self.small_pages()

    def during(self, call_number: int, action: Callable[[], object]) -> None:
        """Let something happen before the answer to one of the list's pages."""
        handle = self.shop.transport._handler
        count = 0

        def answer(call: Request) -> Response:
            nonlocal count
            if "orderby" in call.url and "status=any" in call.url:
                count += 1
                if count == call_number:
                    action()
            return handle(call)

        self.shop.transport._handler = answer

    def test_order_that_changes_meanwhile_hides_no_other(self) -> None:
        """It moves to the end, and the others stand where we do not look by number."""
        self.place("1001", "1002", "1003", "1004", "1005")
        self.during(2, lambda: self.place("1001"))
        found = self.ids(self.poll())
        self.assertEqual(["1001", "1002", "1003", "1004", "1005", "1001"], found)

    def test_order_put_into_the_bin_meanwhile_hides_no_other(self) -> None:
        """All behind it move up."""
        self.shop.sorts = False
        for sorts in (True, False):
            with self.subTest(sorts=sorts):
                self.shop.books.orders.clear()
                self.shop.sorts = sorts
                self.place("1001", "1002", "1003", "1004", "1005")
                self.during(3 if sorts else 4, self._bin_two)
                found = self.ids(self.poll())
                self.assertLessEqual({"1003", "1004", "1005"}, set(found))

    def _bin_two(self) -> None:
        self.shop.bin("1001")
        self.shop.bin("1002")

    def test_more_changes_within_a_second_than_fit_a_page(self) -> None:
        """Whole seconds are all there is."""
        ids = [f"{number}" for number in range(2001, 2010)]
        for order_id in ids:
            self.shop.add_order(order_id)
        self.assertEqual(ids, self.ids(self.poll()))
        self.assertEqual(ids, self.ids(self.poll(self.clock())))

    def test_moment_itself_is_included(self) -> None:
        """WooCommerce leaves it out; and takes a zone for a reason to shift it."""
        self.place("1001", "1002", "1003")
        since = self.clock() + timedelta(seconds=60)
        self.assertEqual(["1003"], self.ids(self.poll(since)))
        [call] = [call for call in self.calls if "status=any" in call.url]
        query = self.query(call)
        self.assertEqual("2026-11-21T12:02:59", query["modified_after"])
        self.assertEqual("true", query["dates_are_gmt"])
        zoned = datetime(2026, 11, 21, 14, 3, 7, 500, tzinfo=UTC)
        self.assertEqual(
            ("modified_after", "2026-11-21T14:03:06"), changed_since(zoned)[0]
        )

    def test_amounts_are_asked_for_in_full(self) -> None:
        """Two digits lose cents of net prices."""
        self.place("1001")
        self.poll()
        self.connector.fetch_order("1001")
        orders = [c for c in self.calls if "/orders" in c.url]
        self.assertEqual({"6"}, {self.query(call)["dp"] for call in orders})

    def test_carts_are_no_orders(self) -> None:
        """The checkout lists them as if they were."""
        self.place("1001", "1002")
        self.shop.touch("1001", status="checkout-draft")
        self.assertEqual(["1002"], self.ids(self.poll()))
        self.assertIsNone(self.connector.fetch_order("1001"))

    def test_imported_order_without_a_date_of_change(self) -> None:
        """It stands before all others, stops nobody, and was made some time."""
        self.place("1001", "1002", "1003", "1004")
        for order_id in ("1001", "1002", "1003"):
            self.shop.books.orders[order_id]["date_modified_gmt"] = ""
        self.assertEqual(["1001", "1002", "1003", "1004"], self.ids(self.poll()))
        marks = [page.high_water for page in self.connector.fetch_orders(None)]
        self.assertEqual({None, self.clock()}, set(marks))
        snapshot, _ = self.read("1001")
        self.assertEqual(snapshot.placed_at, snapshot.updated_at)

    def test_order_deleted_while_its_refunds_are_read(self) -> None:
        """The others come all the same."""
        self.place("1001", "1002")
        self.shop.refund("1001", "9.90", restock=False, l10011=1)
        handle = self.shop.transport._handler

        def answer(call: Request) -> Response:
            if "/refunds" in call.url:
                del self.shop.books.orders["1001"]
            return handle(call)

        self.shop.transport._handler = answer
        self.assertEqual(["1002"], self.ids(self.poll()))

    def test_date_of_the_future_does_not_carry_the_cursor_away(self) -> None:
        """An import plugin may write any date."""
        self.place("1001")
        self.shop.books.orders["1001"]["date_modified_gmt"] = "2031-01-01T00:00:00"
        marks = [page.high_water for page in self.connector.fetch_orders(None)]
        self.assertEqual([self.clock()], marks)

    def test_shop_that_does_not_sort_by_date(self) -> None:
        """Read by id; the cursor moves when all is read, to before what changed."""
        self.shop.sorts = False
        self.place("1001", "1002", "1003", "1004", "1005")
        began = self.clock()
        self.during(3, lambda: self.place("1001"))
        pages = list(self.connector.fetch_orders(None))
        self.assertEqual(
            ["1001", "1002", "1003", "1004", "1005"],
            self.ids([order for page in pages for order in page.orders]),
        )
        marks = [page.high_water for page in pages]
        self.assertEqual([None] * (len(pages) - 1), marks[:-1])
        self.assertEqual(began, marks[-1])
        self.assertIn("1001", self.ids(self.poll(marks[-1])))

    def test_shop_that_ignores_the_order_asked_for(self) -> None:
        """It is noticed."""
        self.place("1001", "1002", "1003")
        self.shop.touch("1001")
        self.clock.advance(60)
        handle = self.shop.transport._handler
        self.shop.transport._handler = lambda call: handle(
            Request(
                method=call.method,
                url=call.url.replace("orderby=modified", "orderby=id"),
                headers=call.headers,
            )
        )
        found = self.ids(self.poll())
        self.assertEqual(["1001", "1002", "1003"], sorted(set(found)))

    def test_nothing_is_lost_whatever_happens(self) -> None:
        """Changes, bins and new orders between any two calls, and stops at any page.

        Without the overlap, which would hide what goes wrong.
        """
        none = patch.object(woocommerce, "OVERLAP", timedelta(0))
        none.start()
        self.addCleanup(none.stop)
        for seed in range(50):
            with self.subTest(seed=seed):
                self._read_while_things_happen(random.Random(seed))

    def _read_while_things_happen(self, chance: random.Random) -> None:
        self.setUp()
        self.shop.sorts = chance.random() < 0.6
        since = self.clock()
        for number in range(chance.randint(5, 12)):
            self.clock.advance(chance.randint(0, 1))
            self.shop.add_order(f"{3001 + number}")
        handle = self.shop.transport._handler
        left = 8

        def answer(call: Request) -> Response:
            nonlocal left
            if left and "/orders?" in call.url:
                left -= 1
                for _ in range(chance.randint(0, 3)):
                    self._let_something_happen(chance)
            return handle(call)

        self.shop.transport._handler = answer
        seen, cursor = set(), since
        for stop in (chance.randint(1, 4), chance.randint(1, 6), 10_000):
            if stop == 10_000:
                left = 0
            for number, page in enumerate(self.connector.fetch_orders(cursor)):
                seen |= {(order.order_id, order.dedupe_key) for order in page.orders}
                cursor = max(cursor, page.high_water or cursor)
                if number + 1 == stop:
                    break
        for order_id, order in self.shop.books.orders.items():
            if order["date_modified_gmt"] < since.replace(tzinfo=None).isoformat():
                continue
            fetched = self.connector.fetch_order(order_id)
            assert fetched is not None
            self.assertIn((order_id, fetched.dedupe_key), seen)

    def _let_something_happen(self, chance: random.Random) -> None:
        self.clock.advance(chance.choice((0, 0, 1, 30)))
        ids = list(self.shop.books.orders)
        order_id = chance.choice(ids)
        what = chance.random()
        if what < 0.4:
            self.shop.touch(order_id, transaction_id=str(chance.random()))
        elif what < 0.6:
            self.shop.bin(order_id)
        elif what < 0.8:
            self.shop.add_order(f"{3001 + len(ids)}")


class TestBin(WooCase):
    """Orders in the bin are in no other list."""

    def test_order_in_the_bin_is_cancelled(self) -> None:
        """It is found by a list of its own."""
        self.place("1001", "1002")
        since = self.clock()
        self.clock.advance(600)
        self.shop.bin("1001")
        found = self.poll(since)
        self.assertEqual(["1001", "1002"], self.ids(found))
        self.assertTrue(self.parsed(found[0].raw, found[0].topic)[0].cancelled)

    def test_bin_is_not_searched_the_first_time(self) -> None:
        """What lies there was never known here."""
        self.place("1001", "1002")
        self.shop.bin("1001")
        self.assertEqual(["1002"], self.ids(self.poll()))

    def test_bin_moves_no_cursor(self) -> None:
        """What else has changed is older, and still to come."""
        self.place("1001", "1002")
        since = self.clock()
        self.clock.advance(600)
        self.shop.bin("1001")
        first, *rest = self.connector.fetch_orders(since)
        self.assertIsNone(first.high_water)
        self.assertEqual([since], [page.high_water for page in rest])

    def test_order_taken_out_of_the_bin_lives_again(self) -> None:
        """With its new date."""
        self.place("1001")
        self.shop.bin("1001")
        self.assertTrue(self.read("1001")[0].cancelled)
        self.clock.advance(60)
        self.shop.touch("1001", status="processing")
        self.assertFalse(self.read("1001")[0].cancelled)

    def test_completed_order_in_the_bin_was_tidied_away(self) -> None:
        """It has left long ago: no cancellation."""
        snapshot, _returns = self.sample("order_bin_completed")
        self.assertFalse(snapshot.cancelled)
        self.assertEqual([3, 2], [line.fulfilled_quantity for line in snapshot.lines])


class TestFetching(WooCase):
    """One order, as polling would bring it."""

    def test_same_as_polled(self) -> None:
        """With the same key."""
        self.place("1001")
        self.shop.refund("1001", "9.90", restock=True, l10011=1)
        [polled] = self.poll()
        self.assertEqual(polled, self.connector.fetch_order("1001"))

    def test_refunds_are_asked_for_where_there_are_some(self) -> None:
        """One more call for such an order only."""
        self.place("1001", "1002")
        self.shop.refund("1001", "9.90", restock=False, l10011=1)
        self.poll()
        self.assertEqual(
            ["/orders", "/orders/1001/refunds"],
            [path for path in self.paths("GET") if path != "/webhooks"],
        )

    def test_order_deleted_for_good(self) -> None:
        """The shop does not have it any more."""
        self.assertIsNone(self.connector.fetch_order("404"))

    def test_no_shop_is_not_no_order(self) -> None:
        """A page, or no such route: the address is wrong, the order is not gone."""
        page = Response(404, {"content-type": "text/html"}, b"<html>No</html>")
        route = Response(404, {}, b'{"code":"rest_no_route","message":"No route"}')
        for answer in (page, route):
            self.shop.transport._handler = lambda call, answer=answer: answer
            self.assertRaises(Misconfigured, self.connector.fetch_order, "1001")

    def test_other_refusals_are_told(self) -> None:
        """With the shop's own words, without markup."""
        said = b'{"code":"woo_no","message":"No &amp; never"}'
        self.shop.transport._handler = lambda call: Response(400, {}, said)
        with self.assertRaises(Rejected) as caught:
            self.connector.fetch_order("1001")
        self.assertEqual("WooCommerce refuses: No & never", caught.exception.message)
        self.assertEqual("woo_no", caught.exception.code)

    def test_id_that_is_none(self) -> None:
        """It would change the path of the call."""
        for order_id in ("", "..", "1001/notes", "1001?x=1", "१"):
            self.assertRaises(Rejected, self.connector.fetch_order, order_id)
        self.assertEqual([], self.calls)

    def test_webhook_names_the_order_to_fetch(self) -> None:
        """Its body may be old and has no refunds."""
        self.assertEqual(
            [FetchOrder(order_id="4711")],
            self.connector.parse(b'{"id":4711,"status":"processing"}', "order.updated"),
        )
        self.assertEqual([], self.connector.parse(b'{"id":12}', "product.updated"))

    def test_status_of_payment(self) -> None:
        """By the date of payment, else by the status."""
        for name, expected in {
            "order_processing": PaymentStatus.PAID,
            "order_pending": PaymentStatus.UNPAID,
            "order_cash_on_delivery": PaymentStatus.AUTHORIZED,
            "order_fully_refunded": PaymentStatus.REFUNDED,
        }.items():
            with self.subTest(name):
                self.assertEqual(expected, self.sample(name)[0].payment_status)


class TestPlainHttp(WooCase):
    """Without TLS every call is signed."""

    config = {**WooCase.config, "base_url": "http://woo.example/"}

    def setUp(self) -> None:
        """Allow the host, as an administrator would."""
        super().setUp()
        self.shop.transport._allowed_hosts = ("woo.example",)

    def test_everything_works_by_oauth(self) -> None:
        """No password travels, and every nonce is new."""
        self.place("1001", "1002")
        self.assertEqual(["1001", "1002"], self.ids(self.poll()))
        [result] = self.push((self.simple, "3"))
        self.assertEqual("applied", result.status)
        self.assertTrue(self.connector.check().ok)
        self.assertEqual(len(self.calls), len(self.shop.nonces))
        for call in self.calls:
            self.assertNotIn("authorization", call.headers)
            self.assertNotIn(self.config["consumer_secret"], call.url)

    def test_wrong_secret_is_refused(self) -> None:
        """As with TLS."""
        self.connector.config = {**self.config, "consumer_secret": "cs_wrong"}
        health = self.connector.check()
        self.assertFalse(health.ok)
        self.assertIn("refuses the key (401)", health.message)


class TestCheck(WooCase):
    """The button that tests the connection."""

    def test_right_to_write_is_tried(self) -> None:
        """By a batch of nothing."""
        self.assertTrue(self.connector.check().ok)
        self.assertEqual([{"update": []}], self.bodies())
        self.shop.transport.faults = [None, None, Fault.UNAUTHORIZED]
        self.assertFalse(self.connector.check().ok)

    def test_address_with_the_path_of_the_api(self) -> None:
        """People paste it."""
        self.connector.config = {
            **self.config,
            "base_url": "https://woo.example/wp-json/",
        }
        self.assertTrue(self.connector.check().ok)
